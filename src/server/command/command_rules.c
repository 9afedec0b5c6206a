/* SPDX-License-Identifier: Apache-2.0 */
/* kefu rules compile: a file of rules (rules_file.h) to a block. kefu rules scan: texts on standard
 * input, one a line, and which rules hold for each; the rules as a file or as a block. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "buf.h"
#include "command.h"
#include "command_file.h"
#include "json.h"
#include "mem.h"
#include "rules_file.h"
#include "text.h"

enum {
    TEXT_BYTES_MAX = 16 * 1024, /* a message */
    TOP_DEFAULT = 10,
    OUT_BYTES_MAX = 1 << 20, /* of one line of output */
    DAY_SECONDS = 24 * 60 * 60,
};

struct scanner {
    struct slice file;
    struct rules_set *set;
    struct rules_scratch *scratch;
    struct rules_context context;
    size_t top;
    bool json;
    struct command_lines lines;
    struct buf out;
    char norm[RULES_TEXT_BYTES_MAX];
    uint32_t from[RULES_TEXT_BYTES_MAX];
    struct rules_span spans[RULES_SPANS_MAX];
};

/* "kefu: FILE:LINE:COLUMN: text", as editors understand it. */
static int file_fault(const char *path, struct rules_where where, const struct err *err)
{
    if (where.line == 0)
        fprintf(stderr, "kefu: %s: %s\n", path, err->text);
    else
        fprintf(stderr, "kefu: %s:%u:%u: %s\n", path, where.line, where.column, err->text);
    return COMMAND_FAULT;
}

/* A block is told by its first bytes; everything else is a file of rules. */
static int rules_load(const char *path, struct slice *file, struct rules_set **set)
{
    struct rules_where where = { 0, 0 };
    struct err err = { 0 };
    enum err_code rc = command_file_open(path, RULES_FILE_BYTES_MAX * 16ull, file, &err);

    if (rc != ERR_OK)
        return command_fault(&err);
    if (slice_starts_with(*file, SLICE_LITERAL("KRUL")))
        rc = rules_set_open(*file, set, &err);
    else
        rc = rules_file_compile(*file, set, &where, &err);
    return rc == ERR_OK ? 0 : file_fault(path, where, &err);
}

static int compile(struct command_args *args)
{
    const char *rules = command_option(args, "rules");
    const char *out = command_option(args, "out");
    bool json = command_flag(args, "json");
    struct slice file = SLICE_EMPTY;
    struct rules_set *set = NULL;
    struct err err = { 0 };
    int status;

    if (!command_complete(args, command_find("rules"), 0, 0) || rules == NULL || out == NULL) {
        fputs("usage: kefu rules compile --rules FILE --out FILE [--json]\n", stderr);
        return COMMAND_USAGE;
    }
    status = rules_load(rules, &file, &set);
    if (status == 0 && command_file_write(out, rules_set_blob(set), &err) != ERR_OK)
        status = command_fault(&err);
    if (status == 0)
        printf(json ? "{\"rules\":%zu,\"bytes\":%zu}\n" : "%zu rules, %zu bytes\n",
               rules_set_count(set), rules_set_blob(set).len);
    rules_set_destroy(&set);
    command_file_close(&file);
    return status;
}

static void json_number(struct json_writer *w, const char *key, size_t value)
{
    json_key(w, key);
    json_u64(w, value);
}

static void hit_json(struct json_writer *w, const struct scanner *s, const struct rules_hit *hit,
                     struct slice text, struct slice part)
{
    json_object_begin(w);
    json_key(w, "rule");
    json_text(w, rules_set_name(s->set, hit->rule));
    json_key(w, "id");
    json_id(w, hit->id);
    json_key(w, "action");
    json_text(w, slice_of(rules_action_name(hit->action)));
    json_number(w, "start", (size_t)(part.ptr - text.ptr));
    json_number(w, "end", (size_t)(part.ptr - text.ptr) + part.len);
    json_key(w, "text");
    json_text(w, part);
    json_object_end(w);
}

/* The text with every masked place as one * a character. */
static void masked_json(struct json_writer *w, struct scanner *s, struct slice text,
                        struct slice norm)
{
    size_t count = rules_spans(s->scratch, s->spans);
    bool whole = count > RULES_SPANS_MAX;
    struct buf masked;
    size_t at = 0;

    if (count == 0)
        return;
    buf_init(&masked, OUT_BYTES_MAX);
    for (size_t i = 0; i < (whole ? 1 : count); i++) {
        struct slice part =
            whole ? text : text_original(text, norm, s->from, s->spans[i].start, s->spans[i].len);
        size_t start = (size_t)(part.ptr - text.ptr);

        buf_add(&masked, text.ptr + at, start - at);
        at = start + part.len;
        while (part.len > 0) {
            (void)text_next(&part);
            buf_add_char(&masked, '*');
        }
    }
    buf_add(&masked, text.ptr + at, text.len - at);
    json_key(w, "masked");
    json_text(w, buf_slice(&masked));
    buf_fini(&masked);
}

static void line_json(struct scanner *s, struct slice text, struct slice norm,
                      const struct rules_hit *hits, size_t count)
{
    struct json_writer w;

    json_writer_init(&w, &s->out);
    json_object_begin(&w);
    json_key(&w, "text");
    json_text(&w, text);
    json_key(&w, "hits");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        hit_json(&w, s, &hits[i], text,
                 text_original(text, norm, s->from, hits[i].start, hits[i].len));
    json_array_end(&w);
    masked_json(&w, s, text, norm);
    json_object_end(&w);
}

static void line_plain(struct scanner *s, struct slice text, struct slice norm,
                       const struct rules_hit *hits, size_t count, unsigned number)
{
    for (size_t i = 0; i < count; i++) {
        struct slice part = text_original(text, norm, s->from, hits[i].start, hits[i].len);
        struct slice name = rules_set_name(s->set, hits[i].rule);
        size_t start = (size_t)(part.ptr - text.ptr);

        buf_printf(&s->out, "%s%u\t%.*s\t%s\t%zu-%zu\t%.*s", i > 0 ? "\n" : "", number,
                   SLICE_ARGS(name), rules_action_name(hits[i].action), start, start + part.len,
                   SLICE_ARGS(part));
    }
}

static int scan_lines(struct scanner *s)
{
    struct rules_hit hits[RULES_HITS_MAX];
    struct slice text;

    for (unsigned number = 1; command_line_next(&s->lines, TEXT_BYTES_MAX, &text); number++) {
        size_t broken;
        struct slice norm;
        size_t count;

        if (text_fault_find(text, &broken) != TEXT_FAULT_NONE) {
            if (!s->lines.cut || broken + 4 < text.len) {
                fprintf(stderr, "kefu: line %u: not UTF-8 at byte %zu\n", number, broken);
                return COMMAND_FAULT;
            }
            text.len = broken; /* the cut went through a character */
        }
        norm = text_normalise_with(text, TEXT_SIMPLIFY, s->norm, s->from, sizeof(s->norm));
        count = rules_scan(s->set, s->scratch, norm, &s->context, hits, s->top);
        buf_clear(&s->out);
        if (s->json)
            line_json(s, text, norm, hits, count);
        else
            line_plain(s, text, norm, hits, count, number);
        if (s->out.len > 0)
            printf("%.*s\n", SLICE_ARGS(buf_slice(&s->out)));
    }
    return 0;
}

/* Times of rules are local: those of the machine that runs the command. */
static void context_now(struct rules_context *context)
{
    time_t now = time(NULL);
    struct tm tm;
    int64_t local;

    context->timed = localtime_r(&now, &tm) != NULL;
    local = (int64_t)now + (context->timed ? tm.tm_gmtoff : 0);
    context->day = (int32_t)(local / DAY_SECONDS);
    context->minute = (uint16_t)(local % DAY_SECONDS / 60);
}

static int scan(struct command_args *args)
{
    struct scanner *s = mem_zalloc(sizeof(*s));
    const char *rules = command_option(args, "rules");
    const char *locale = command_option(args, "locale");
    const char *scope = command_option(args, "scope");
    const char *top = command_option(args, "top");
    unsigned long long count = TOP_DEFAULT;
    int status = COMMAND_USAGE;

    s->json = command_flag(args, "json");
    if (!command_complete(args, command_find("rules"), 0, 0) || rules == NULL ||
        (top != NULL && !slice_to_u64(slice_of(top), &count)) || count == 0 ||
        count > RULES_HITS_MAX) {
        fprintf(stderr,
                "usage: kefu rules scan --rules FILE [--locale zh|en] [--scope S] [--top 1..%d] "
                "[--json]\n",
                RULES_HITS_MAX);
        goto out;
    }
    s->top = (size_t)count;
    s->context.scope = slice_of(scope);
    if (locale != NULL)
        s->context.locale = slice_equal_text(slice_of(locale), "zh") ? RULES_ZH : RULES_EN;
    context_now(&s->context);
    buf_init(&s->out, OUT_BYTES_MAX);
    s->scratch = rules_scratch_create();
    status = rules_load(rules, &s->file, &s->set);
    if (status == 0)
        status = scan_lines(s);
    rules_set_destroy(&s->set);
    rules_scratch_destroy(&s->scratch);
    buf_fini(&s->out);
    command_lines_close(&s->lines);
    command_file_close(&s->file);
out:
    free(s);
    return status;
}

int command_rules(struct command_args *args)
{
    const char *verb = args->count > 0 ? args->items[0] : "";

    if (args->count > 0) {
        args->items++;
        args->count--;
    }
    if (slice_equal_text(slice_of(verb), "compile"))
        return compile(args);
    if (slice_equal_text(slice_of(verb), "scan"))
        return scan(args);
    fprintf(stderr, "usage: kefu rules %s\n", command_find("rules")->help);
    return COMMAND_USAGE;
}
