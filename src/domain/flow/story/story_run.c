/* SPDX-License-Identifier: Apache-2.0 */
/* Runs stories: steps one after another, what each expects, and once more for every fault. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_priv.h"
#include "json.h"
#include "mem.h"
#include "story_mock.h"

/* ---- coverage ---- */
struct story_coverage {
    const struct flow_set *set;
    size_t count;   /* flows of the set when the coverage began: stand-ins come later */
    uint8_t **rows; /* one byte a row, of each flow in the set's order */
};

struct story_coverage *story_coverage_create(const struct flow_set *set)
{
    struct story_coverage *coverage = mem_zalloc(sizeof(*coverage));
    size_t count = flow_set_count(set);

    coverage->set = set;
    coverage->count = count;
    coverage->rows = mem_zalloc((count + 1) * sizeof(*coverage->rows));
    for (size_t i = 0; i < count; i++)
        coverage->rows[i] = mem_zalloc(flow_set_at(set, i)->rows.count + 1);
    return coverage;
}

void story_coverage_destroy(struct story_coverage **coverage)
{
    if (*coverage == NULL)
        return;
    for (size_t i = 0; i < (*coverage)->count; i++)
        free((*coverage)->rows[i]);
    free((*coverage)->rows);
    free(*coverage);
    *coverage = NULL;
}

static uint8_t *coverage_rows(const struct story_coverage *coverage, const struct flow *flow)
{
    for (size_t i = 0; i < coverage->count; i++) {
        if (flow_set_at(coverage->set, i) == flow)
            return coverage->rows[i];
    }
    return NULL;
}

void story_coverage_on_row(void *ctx, const struct flow *flow, unsigned row)
{
    uint8_t *rows = coverage_rows(ctx, flow);

    if (rows != NULL)
        rows[row] = 1;
}

void story_coverage_count(const struct story_coverage *coverage, size_t *covered, size_t *total)
{
    *covered = *total = 0;
    for (size_t i = 0; i < coverage->count; i++) {
        unsigned count = flow_set_at(coverage->set, i)->rows.count;

        *total += count;
        for (unsigned r = 0; r < count; r++)
            *covered += coverage->rows[i][r];
    }
}

bool story_coverage_row(const struct story_coverage *coverage, const struct flow *flow,
                        unsigned index, uint32_t *line, bool *covered, char *text, size_t size)
{
    const struct flow_row *row = &flow_rows(flow)[index];
    struct slice event;

    if (index >= flow->rows.count)
        return false;
    event = flow_event_name(flow, row->event);
    *line = row->line;
    *covered = coverage_rows(coverage, flow)[index] != 0;
    snprintf(text, size, "%s: %.*s -> %s",
             row->state == FLOW_GLOBAL ? "global"
                                       : flow_str(flow, flow_state_def(flow, row->state)->name),
             (int)event.len, event.ptr,
             row->target < flow->states.count
                 ? flow_str(flow, flow_state_def(flow, row->target)->name)
                 : "here"); /* .same and .refill */
    return true;
}

/* ---- one story ---- */
struct teller {
    const struct flow_set *set;
    const char *file;
    struct story_coverage *coverage;
    struct story_tally *tally;
    struct flow_report *report;
    const struct flow_node *root;
    struct story_session *session;
    struct story_mock mock;
    char name[160];
    unsigned step;
    bool failed;
};

static void fail(struct teller *t, const struct flow_node *node, struct slice expected_key,
                 struct slice expected, struct slice actual)
{
    struct story_failure *failure;

    if (t->failed)
        return; /* the first difference says most */
    t->failed = true;
    if (t->tally->failure_count == STORY_FAILURES_MAX)
        return;
    failure = &t->tally->failures[t->tally->failure_count++];
    snprintf(failure->file, sizeof(failure->file), "%s", t->file);
    snprintf(failure->story, sizeof(failure->story), "%s", t->name);
    failure->line = node != NULL ? node->line : 1;
    failure->step = t->step;
    snprintf(failure->expected, sizeof(failure->expected), "%.*s: %.*s", (int)expected_key.len,
             expected_key.ptr, (int)expected.len, expected.ptr);
    snprintf(failure->actual, sizeof(failure->actual), "%.*s%s%s", (int)actual.len, actual.ptr,
             t->session->note != NULL ? "  # note: " : "",
             t->session->note != NULL ? t->session->note : "");
}

static void node_text(const struct flow_node *node, char *out, size_t size)
{
    struct buf buf;

    buf_init(&buf, size - 1);
    if (node->kind == FLOW_NODE_SCALAR)
        buf_add_slice(&buf, node->text);
    for (const struct flow_node *n = node->first; n != NULL; n = n->next) {
        if (n != node->first)
            buf_add_char(&buf, ',');
        buf_add_slice(&buf, n->text);
    }
    memcpy(out, buf.ptr != NULL ? buf.ptr : "", buf.len);
    out[buf.len] = '\0';
    buf_fini(&buf);
}

static void expect_equal(struct teller *t, const struct flow_node *node, struct slice actual)
{
    char expected[512];

    node_text(node, expected, sizeof(expected));
    if (!slice_equal_text(actual, expected))
        fail(t, node, node->key, slice_of(expected),
             actual.len > 0 ? actual : slice_of("(nothing)"));
}

static void expect_slot(struct teller *t, const struct flow_node *node, struct slice name)
{
    struct buf value;

    buf_init(&value, 1024);
    (void)flow_state_slot(&t->session->state, name, t->session->utc_offset_minutes, &value);
    expect_equal(t, node, buf_slice(&value));
    buf_fini(&value);
}

/* A value in the hand-off's JSON. */
static void expect_carry(struct teller *t, const struct flow_node *node, struct slice name)
{
    struct json_reader reader;
    bool inside = false;

    json_reader_init(&reader, slice_of(t->session->handoff_json));
    for (;;) {
        enum json_token token = json_next(&reader);

        if (token == JSON_END || token == JSON_ERROR)
            break;
        if (token == JSON_KEY && slice_equal_text(reader.raw, "carry"))
            inside = true;
        if (token != JSON_KEY || !inside || !slice_equal(reader.raw, name))
            continue;
        token = json_next(&reader);
        if (token == JSON_TEXT || token == JSON_NUMBER)
            expect_equal(t, node, reader.raw);
        return;
    }
    fail(t, node, node->key, node->text, slice_of("(not carried)"));
}

static void expect_said(struct teller *t, const struct flow_node *node)
{
    if (memmem(t->session->words, strlen(t->session->words), node->text.ptr, node->text.len) ==
        NULL)
        fail(t, node, node->key, node->text, slice_of(t->session->words));
}

static void expect_in(struct teller *t, const struct flow_node *node, bool found, const char *log)
{
    if (!found)
        fail(t, node, node->key, node->text, slice_of(log[0] != '\0' ? log : "(nothing)"));
}

static void expect_one(struct teller *t, const struct flow_node *node)
{
    struct story_session *s = t->session;
    struct slice key = node->key;

    if (slice_starts_with(key, slice_of("slot.")))
        expect_slot(t, node, slice_make(key.ptr + 5, key.len - 5));
    else if (slice_starts_with(key, slice_of("carry.")))
        expect_carry(t, node, slice_make(key.ptr + 6, key.len - 6));
    else if (slice_equal_text(key, "state"))
        expect_equal(t, node, flow_state_at(&s->state, s->set));
    else if (slice_equal_text(key, "flow"))
        expect_equal(t, node, flow_state_flow(&s->state, s->set));
    else if (slice_equal_text(key, "end"))
        expect_equal(t, node, slice_of(s->end));
    else if (slice_equal_text(key, "rung"))
        expect_equal(t, node, slice_of(s->rung));
    else if (slice_equal_text(key, "handoff"))
        expect_equal(t, node,
                     slice_of(s->handed_off ? s->queue[0] != '\0' ? s->queue : "any" : ""));
    else if (slice_equal_text(key, "text"))
        expect_in(t, node, story_session_said(s, node->text), s->said);
    else if (slice_equal_text(key, "called"))
        expect_in(t, node, story_session_called(s, node->text), s->called);
    else if (slice_equal_text(key, "said"))
        expect_said(t, node);
    else if (slice_equal_text(key, "asked"))
        expect_in(t, node, story_session_asked(s, node->text), "not asked");
    else if (slice_equal_text(key, "not_asked"))
        expect_in(t, node, !story_session_asked(s, node->text), "it was asked");
    else if (slice_equal_text(key, "csat"))
        expect_equal(t, node, slice_of(s->csat ? "true" : "false"));
    else if (slice_equal_text(key, "note"))
        expect_equal(t, node, slice_of(s->note != NULL ? s->note : ""));
    else
        flow_report_add(t->report, "E0", node->key_line, node->key_column, "expect has no key %.*s",
                        (int)key.len, key.ptr);
}

static void expect_all(struct teller *t, const struct flow_node *expect)
{
    for (const struct flow_node *n = expect != NULL ? expect->first : NULL; n != NULL; n = n->next)
        expect_one(t, n);
    if (t->session->fault)
        fail(t, expect, slice_of("step"), slice_of("done"), slice_of("the engine refused it"));
    if (t->mock.missing != NULL) {
        fail(t, expect, slice_of("mock"), slice_of(t->mock.missing), slice_of("(no mock)"));
        t->mock.missing = NULL;
    }
}

/* ---- steps ---- */
enum { ITEMS_MAX = 32, STEP_TIMES_MAX = 1000 };

static size_t items_of(const struct flow_node *node, struct slice *items)
{
    size_t count = 0;

    if (node->kind == FLOW_NODE_SCALAR)
        items[count++] = node->text;
    for (const struct flow_node *n = node->first; n != NULL && count < ITEMS_MAX; n = n->next)
        items[count++] = n->text;
    return count;
}

static void event_of(struct teller *t, enum flow_event_kind kind, const struct flow_node *node)
{
    struct slice items[ITEMS_MAX];
    struct flow_event event = { .kind = kind, .name = node->text };

    event.items = items;
    event.item_count = items_of(node, items);
    story_session_event(t->session, &event);
}

static void say(struct teller *t, const struct flow_node *step, struct slice text)
{
    const struct flow_node *intent = flow_node_get(step, "intent");
    const struct flow_node *entities = flow_node_get(step, "entities");
    struct flow_entity list[ITEMS_MAX];
    struct flow_event event = { .kind = FLOW_EVENT_MESSAGE, .text = text, .entities = list };

    if (intent == NULL && entities == NULL) {
        story_session_message(t->session, text);
        return;
    }
    if (intent != NULL) {
        event.intent = intent->text;
        event.score = EXPR_ONE;
    }
    for (const struct flow_node *n = entities != NULL ? entities->first : NULL;
         n != NULL && event.entity_count < ITEMS_MAX; n = n->next)
        list[event.entity_count++] = (struct flow_entity){ n->key, n->text };
    story_session_event(t->session, &event);
}

static void webhook(struct teller *t, const struct flow_node *step, const struct flow_node *name)
{
    const struct flow_node *data = flow_node_get(step, "data");
    struct flow_event event = { .kind = FLOW_EVENT_WEBHOOK, .name = name->text };
    struct buf json;

    buf_init(&json, STORY_ANSWER_MAX);
    if (data != NULL)
        story_node_json(data, &json);
    event.json = buf_slice(&json);
    story_session_event(t->session, &event);
    buf_fini(&json);
}

/* The one key of a step that says what happens. */
static void step_do(struct teller *t, const struct flow_node *step)
{
    const struct flow_node *node;
    int64_t ms;

    if ((node = flow_node_get(step, "user")) != NULL) {
        say(t, step, node->text);
    } else if ((node = flow_node_get(step, "pick")) != NULL) {
        event_of(t, FLOW_EVENT_PICK, node);
    } else if ((node = flow_node_get(step, "upload")) != NULL) {
        event_of(t, FLOW_EVENT_FILES, node);
    } else if ((node = flow_node_get(step, "start")) != NULL) {
        story_session_start(t->session, node->text, slice_of(""), slice_of(""));
    } else if ((node = flow_node_get(step, "webhook")) != NULL) {
        webhook(t, step, node);
    } else if ((node = flow_node_get(step, "agent")) != NULL) {
        event_of(t, FLOW_EVENT_AGENT, node);
    } else if ((node = flow_node_get(step, "human")) != NULL) {
        event_of(t, FLOW_EVENT_HUMAN, node);
    } else if ((node = flow_node_get(step, "cancel")) != NULL) {
        event_of(t, FLOW_EVENT_CANCEL, node);
    } else if (flow_node_duration(node = flow_node_get(step, "wait"), &ms)) {
        story_session_wait(t->session, ms);
    } else {
        flow_report_add(t->report, "E0", step->line, step->column,
                        "a step is one of user, pick, upload, wait, start, webhook, agent, human, "
                        "cancel");
    }
}

static struct slice flow_of(const struct flow_node *root)
{
    struct slice name = flow_node_get(root, "flow")->text;
    const char *at = memchr(name.ptr, '@', name.len);

    return at != NULL ? slice_make(name.ptr, (size_t)(at - name.ptr)) : name;
}

/* The first message of a visitor is what the flow begins with. */
static void first_step(struct teller *t, const struct flow_node *step)
{
    const struct flow_node *user = flow_node_get(step, "user");
    const struct flow_node *slots = flow_node_get(t->root, "in");
    struct buf json;

    if (flow_node_get(step, "start") != NULL) {
        step_do(t, step);
        return;
    }
    buf_init(&json, STORY_ANSWER_MAX);
    if (slots != NULL)
        story_node_json(slots, &json);
    story_session_start(t->session, flow_of(t->root), user != NULL ? user->text : slice_of(""),
                        buf_slice(&json));
    buf_fini(&json);
    if (user == NULL)
        step_do(t, step);
}

static void session_begin(struct teller *t)
{
    const struct flow_node *now = story_node_path(flow_node_get(t->root, "given"), slice_of("now"));
    const struct flow_node *locale = flow_node_get(t->root, "locale");
    const struct flow_node *channel = flow_node_get(t->root, "channel");
    struct story_host host = story_mock_host(&t->mock);

    memset(&t->mock, 0, sizeof(t->mock));
    t->mock.given = flow_node_get(t->root, "given");
    t->mock.actions = flow_node_get(t->root, "mock");
    story_session_init(t->session, t->set, &host);
    t->mock.utc_offset_minutes = t->session->utc_offset_minutes;
    if (now != NULL &&
        !expr_time_parse(now->text, t->session->utc_offset_minutes, &t->session->now_ms))
        flow_report_add(t->report, "E0", now->line, now->column, "now: a time as RFC 3339 has it");
    if (locale != NULL)
        snprintf(t->session->locale, sizeof(t->session->locale), "%.*s", (int)locale->text.len,
                 locale->text.ptr);
    if (channel != NULL)
        snprintf(t->session->channel, sizeof(t->session->channel), "%.*s", (int)channel->text.len,
                 channel->text.ptr);
    if (t->coverage != NULL) {
        t->session->out.on_row = story_coverage_on_row;
        t->session->out.on_row_ctx = t->coverage;
    }
    t->step = 0;
    t->failed = false;
}

static void count_story(struct teller *t)
{
    t->tally->stories++;
    t->tally->passed += !t->failed;
    t->tally->failed += t->failed;
    if (t->session->state_bytes_max > t->tally->state_bytes_max)
        t->tally->state_bytes_max = t->session->state_bytes_max;
}

/* until a fault has happened, or all of it. */
static void steps_run(struct teller *t, bool expecting)
{
    const struct flow_node *steps = flow_node_get(t->root, "steps");
    int64_t times;

    for (const struct flow_node *step = steps->first;
         step != NULL && !t->failed && !t->mock.fault_done; step = step->next) {
        t->step++;
        t->mock.rung = flow_node_get(step, "rung");
        times = 1;
        (void)flow_node_int(flow_node_get(step, "times"), &times);
        if (t->step == 1)
            first_step(t, step);
        for (int64_t i = t->step == 1; i < times && i < STEP_TIMES_MAX; i++)
            step_do(t, step);
        if (expecting)
            expect_all(t, flow_node_get(step, "expect"));
    }
}

static void fault_run(struct teller *t, const struct flow_node *fault)
{
    const struct flow_node *at = flow_node_get(fault, "at");
    const struct flow_node *inject = flow_node_get(fault, "inject");
    char action[EXPR_NAME_BYTES_MAX + 1];
    char outcome[EXPR_NAME_BYTES_MAX + 1];
    size_t len = strlen(t->name);

    if (at == NULL || inject == NULL) {
        flow_report_add(t->report, "E0", fault->line, fault->column,
                        "a fault is {at: action, inject: outcome, expect: {…}}");
        return;
    }
    session_begin(t);
    snprintf(action, sizeof(action), "%.*s", (int)at->text.len, at->text.ptr);
    snprintf(outcome, sizeof(outcome), "%.*s", (int)inject->text.len, inject->text.ptr);
    snprintf(t->name + len, sizeof(t->name) - len, " / %s %s", action, outcome);
    t->mock.fault_at = action;
    t->mock.fault_outcome = outcome;
    steps_run(t, false);
    if (!t->mock.fault_done)
        fail(t, fault, slice_of("called"), at->text, slice_of("(never called)"));
    expect_all(t, flow_node_get(fault, "expect"));
    count_story(t);
    t->name[len] = '\0';
}

static bool story_valid(struct teller *t)
{
    static const char *const keys[] = { "story", "flow",   "given",   "mock", "steps",
                                        "fault", "locale", "channel", "in" };
    const struct flow_node *steps = flow_node_get(t->root, "steps");

    for (const struct flow_node *n = t->root->first; n != NULL; n = n->next) {
        bool known = false;

        for (size_t i = 0; i < LENGTH_OF(keys); i++)
            known |= slice_equal_text(n->key, keys[i]);
        if (!known)
            flow_report_add(t->report, "E0", n->key_line, n->key_column, "a story has no key %.*s",
                            (int)n->key.len, n->key.ptr);
    }
    if (flow_node_get(t->root, "story") == NULL || flow_node_get(t->root, "flow") == NULL ||
        steps == NULL || steps->kind != FLOW_NODE_LIST) {
        flow_report_add(t->report, "E0", t->root->line, t->root->column,
                        "a story needs story, flow and a list of steps");
        return false;
    }
    if (flow_set_find(t->set, flow_of(t->root), 0) == NULL) {
        flow_report_add(t->report, "E1", flow_node_get(t->root, "flow")->line,
                        flow_node_get(t->root, "flow")->column, "no flow %.*s",
                        (int)flow_of(t->root).len, flow_of(t->root).ptr);
        return false;
    }
    return true;
}

static void one_story(struct teller *t)
{
    const struct flow_node *faults = flow_node_get(t->root, "fault");
    struct slice name;

    if (!story_valid(t))
        return;
    name = flow_node_get(t->root, "story")->text;
    snprintf(t->name, sizeof(t->name), "%.*s", (int)name.len, name.ptr);
    session_begin(t);
    steps_run(t, true);
    count_story(t);
    for (const struct flow_node *n = faults != NULL ? faults->first : NULL; n != NULL; n = n->next)
        fault_run(t, n);
}

void story_run(const struct flow_set *set, struct slice source, const char *file,
               struct story_coverage *coverage, struct story_tally *tally,
               struct flow_report *report)
{
    struct teller *t = mem_zalloc(sizeof(*t));
    struct flow_doc *doc;

    if (flow_doc_read(source, STORY_DOCS_MAX, &doc, report)) {
        t->set = set;
        t->file = file;
        t->coverage = coverage;
        t->tally = tally;
        t->report = report;
        t->session = mem_zalloc(sizeof(*t->session));
        for (size_t i = 0; i < doc->root_count; i++) {
            t->root = doc->roots[i];
            one_story(t);
        }
        free(t->session);
        flow_doc_destroy(&doc);
    }
    free(t);
}

enum story_file_kind story_file_kind(struct slice source)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    enum story_file_kind kind = STORY_FILE_OTHER;
    struct flow_doc *doc;

    if (flow_doc_read(source, STORY_DOCS_MAX, &doc, report)) {
        if (flow_node_get(doc->roots[0], "story") != NULL)
            kind = STORY_FILE_STORY;
        else if (flow_node_get(doc->roots[0], "flow") != NULL)
            kind = STORY_FILE_FLOW;
        flow_doc_destroy(&doc);
    } else {
        /* Whatever is wrong with it, the reader of flows or stories says where. */
        kind = slice_starts_with(slice_trim(source), slice_of("story")) ? STORY_FILE_STORY
                                                                        : STORY_FILE_FLOW;
    }
    free(report);
    return kind;
}
