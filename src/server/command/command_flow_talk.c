/* SPDX-License-Identifier: Apache-2.0 */
/* kefu flow run: a conversation with a flow in the terminal. Lines are messages; lines that begin
 * with / are what else can happen. And the way to Graphviz. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "command_flow.h"
#include "mem.h"
#include "story_mock.h"
#include "story_session.h"

static const char help[] =
    "/pick A [B…]  choose a button or items     /upload FILE…   send files\n"
    "/wait 24h     let time pass                /agent closed   an agent closes, returns\n"
    "/human        ask for a person             /slots          what the flow knows\n"
    "/state        where it is                  /quit           leave\n";

static void print_slots(const struct story_session *session)
{
    struct buf out;

    buf_init(&out, 64 * 1024);
    flow_state_slots(&session->state, session->set, session->utc_offset_minutes, &out);
    printf("%.*s\n", (int)out.len, out.ptr);
    buf_fini(&out);
}

static void print_step(const struct story_session *session)
{
    if (session->words[0] != '\0')
        fputs(session->words, stdout);
    for (size_t i = 0; i < session->out.effect_count; i++) {
        const struct flow_effect *effect = &session->out.effects[i];

        for (unsigned k = 0; effect->kind == FLOW_ASK && k < effect->option_count; k++) {
            const struct flow_option *option = &session->out.options[effect->option_first + k];
            printf("  %u. %.*s (%.*s)\n", k + 1, (int)option->label.len, option->label.ptr,
                   (int)option->value.len, option->value.ptr);
        }
    }
    if (session->rung[0] != '\0')
        printf("[ladder: %s]\n", session->rung);
    if (session->called[0] != '\0')
        printf("[called %s]\n", session->called);
    if (session->handed_off)
        printf("[to a person: %s %s]\n", session->queue, session->handoff_json);
    if (session->end[0] != '\0')
        printf("[end: %s%s]\n", session->end, session->csat ? ", rating" : "");
    if (session->note != NULL)
        printf("[note: %s]\n", session->note);
    printf("[%.*s]\n", (int)flow_state_at(&session->state, session->set).len,
           flow_state_at(&session->state, session->set).ptr);
}

enum { WORDS_MAX = 24 };

static size_t split(char *line, struct slice *words)
{
    size_t count = 0;
    char *rest = line;
    char *word;

    while (count < WORDS_MAX && (word = strsep(&rest, " ")) != NULL) {
        if (*word != '\0')
            words[count++] = slice_of(word);
    }
    return count;
}

static void send_items(struct story_session *session, enum flow_event_kind kind,
                       const struct slice *items, size_t count)
{
    const struct flow_event event = { .kind = kind,
                                      .items = items,
                                      .item_count = count,
                                      .name = count > 0 ? items[0] : slice_of("") };

    story_session_event(session, &event);
}

/* false: leave. */
static bool command_line(struct story_session *session, char *line)
{
    struct slice words[WORDS_MAX];
    size_t count = split(line, words);
    struct flow_node duration = { .kind = FLOW_NODE_SCALAR };
    int64_t ms;

    if (slice_equal_text(words[0], "/quit"))
        return false;
    if (slice_equal_text(words[0], "/pick") && count > 1) {
        send_items(session, FLOW_EVENT_PICK, words + 1, count - 1);
    } else if (slice_equal_text(words[0], "/upload") && count > 1) {
        send_items(session, FLOW_EVENT_FILES, words + 1, count - 1);
    } else if (slice_equal_text(words[0], "/agent") && count > 1) {
        send_items(session, FLOW_EVENT_AGENT, words + 1, 1);
    } else if (slice_equal_text(words[0], "/human")) {
        send_items(session, FLOW_EVENT_HUMAN, words + 1, 0);
    } else if (slice_equal_text(words[0], "/wait") && count > 1) {
        duration.text = words[1];
        if (!flow_node_duration(&duration, &ms)) {
            puts("a duration such as 30m or 24h");
            return true;
        }
        story_session_wait(session, ms);
    } else if (slice_equal_text(words[0], "/slots")) {
        print_slots(session);
        return true;
    } else if (slice_equal_text(words[0], "/state")) {
        printf("%.*s\n", (int)flow_state_at(&session->state, session->set).len,
               flow_state_at(&session->state, session->set).ptr);
        return true;
    } else {
        fputs(help, stdout);
        return true;
    }
    print_step(session);
    return true;
}

/* Without a mock an action asks the one at the keyboard. */
static void ask_for_answer(void *ctx, const struct flow_effect *effect, struct story_answer *out)
{
    char line[sizeof(out->json)];
    char *space;

    (void)ctx;
    printf("[call %.*s %.*s]\n  answer (ok JSON | failed | an error): ", (int)effect->name.len,
           effect->name.ptr, (int)effect->json.len, effect->json.ptr);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return;
    line[strcspn(line, "\r\n")] = '\0';
    space = strchr(line, ' ');
    if (space != NULL)
        *space++ = '\0';
    snprintf(out->outcome, sizeof(out->outcome), "%.120s", line[0] != 0 ? line : "failed");
    snprintf(out->json, sizeof(out->json), "%s", space != NULL ? space : "");
}

static struct flow_doc *given_read(const char *path)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct flow_doc *doc = NULL;
    char *bytes = mem_alloc(FLOW_SOURCE_BYTES_MAX);
    FILE *in = fopen(path, "rb");
    size_t len = in != NULL ? fread(bytes, 1, FLOW_SOURCE_BYTES_MAX, in) : 0;

    if (in != NULL)
        fclose(in);
    if (in == NULL)
        fprintf(stderr, "kefu: %s: %s\n", path, strerror(errno));
    else if (!flow_doc_read(slice_make(bytes, len), 1, &doc, report))
        fprintf(stderr, "%s:%u:%u: %s\n", path, report->findings[0].line,
                report->findings[0].column, report->findings[0].text);
    free(bytes);
    free(report);
    return doc;
}

static void talk(struct story_session *session)
{
    char line[4096];

    while (printf("> "), fflush(stdout), fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '/') {
            if (!command_line(session, line))
                return;
        } else if (line[0] != '\0') {
            story_session_message(session, slice_of(line));
            print_step(session);
        }
    }
}

int command_flow_talk(const struct flow_set *set, const struct flow *flow, const char *given)
{
    struct story_session *session = mem_zalloc(sizeof(*session));
    struct story_mock mock = { .utc_offset_minutes = 480 };
    struct story_host host = story_mock_host(&mock);
    struct flow_doc *doc = given != NULL ? given_read(given) : NULL;

    if (given != NULL && doc == NULL) {
        free(session);
        return 1;
    }
    if (doc != NULL) {
        mock.given = flow_node_get(doc->roots[0], "given") != NULL
                         ? flow_node_get(doc->roots[0], "given")
                         : doc->roots[0];
        mock.actions = flow_node_get(doc->roots[0], "mock");
    }
    if (mock.actions == NULL)
        host.act = ask_for_answer;
    story_session_init(session, set, &host);
    fputs(help, stdout);
    story_session_start(session, flow_name(flow), slice_of(""), slice_of(""));
    print_step(session);
    talk(session);
    flow_doc_destroy(&doc);
    free(session);
    return 0;
}

int command_flow_svg(struct slice dot, struct err *err)
{
    char path[] = "/tmp/kefu-flow-XXXXXX";
    char *argv[] = { "dot", "-Tsvg", path, NULL };
    int fd = mkstemp(path);
    int status = 1;
    pid_t pid;

    if (fd < 0 || write(fd, dot.ptr, dot.len) != (ssize_t)dot.len) {
        fprintf(stderr, "kefu: %s: %s\n", path, strerror(errno));
        return 1;
    }
    close(fd);
    fflush(stdout);
    if (posix_spawnp(&pid, "dot", NULL, NULL, argv, environ) != 0) {
        (void)err_set(err, ERR_UNSUPPORTED, "Graphviz's dot is not installed");
        fprintf(stderr, "kefu: %s: the text form is there without it (--format dot)\n", err->text);
    } else if (waitpid(pid, &status, 0) == pid) {
        status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    unlink(path);
    return status == 0 ? 0 : 1;
}
