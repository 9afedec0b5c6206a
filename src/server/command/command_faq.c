/* SPDX-License-Identifier: Apache-2.0 */
/* kefu faq index: entries from CSV (faq_csv.h) to an index that carries their texts. kefu faq
 * query: questions on standard input, one a line, and the entries that ask the same. */
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "buf.h"
#include "check.h"
#include "command.h"
#include "command_file.h"
#include "faq_csv.h"
#include "json.h"
#include "mem.h"
#include "search.h"
#include "text.h"

enum {
    TEXT_BYTES_MAX = 16 * 1024, /* a message */
    INDEX_BYTES_MAX = 1 << 30,
    ROW_BYTES_MAX = 1 << 20, /* one entry with all its texts, and as JSON */
    OUT_BYTES_MAX = 8 << 20,
    TOP_DEFAULT = 3,
    SPANS_MAX = 32,
    TERMS_SHOWN = 12,
};

/* ---- index ---- */
struct indexer {
    const char *path;
    struct search_builder *builder;
    struct text_stemmer *stemmer;
    bool answers;
    uint32_t entries;
    unsigned faults;
    struct buf json;
    char norm[SEARCH_DOC_BYTES_MAX * 4];
    enum err_code rc;
    struct err err;
};

static void key_text(struct json_writer *w, const char *key, struct slice text)
{
    json_key(w, key);
    json_text(w, text);
}

static void payload_write(struct buf *out, const struct faq_csv_row *row)
{
    struct json_writer w;

    buf_clear(out);
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_key(&w, "line");
    json_u64(&w, row->line);
    key_text(&w, "locale", row->locale);
    key_text(&w, "category", row->category);
    key_text(&w, "question", row->question);
    json_key(&w, "variants");
    json_array_begin(&w);
    for (size_t i = 0; i < row->variant_count; i++)
        json_text(&w, row->variants[i]);
    json_array_end(&w);
    key_text(&w, "answer", row->answer);
    json_object_end(&w);
}

static void phrasing_add(struct indexer *x, enum search_field field, struct slice text)
{
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, x->norm, NULL, sizeof(x->norm));

    if (x->rc == ERR_OK)
        x->rc = search_builder_add(x->builder, x->stemmer, x->entries, field, norm, &x->err);
}

static void on_row(void *ctx, const struct faq_csv_row *row)
{
    struct indexer *x = ctx;

    phrasing_add(x, SEARCH_QUESTION, row->question);
    for (size_t i = 0; i < row->variant_count; i++)
        phrasing_add(x, SEARCH_VARIANT, row->variants[i]);
    if (x->answers)
        phrasing_add(x, SEARCH_ANSWER, row->answer);
    payload_write(&x->json, row);
    if (x->rc == ERR_OK)
        x->rc = search_builder_payload(x->builder, x->entries, buf_slice(&x->json), &x->err);
    x->entries++;
}

static void on_error(void *ctx, unsigned line, const char *text)
{
    struct indexer *x = ctx;

    fprintf(stderr, "kefu: %s:%u: %s\n", x->path, line, text);
    x->faults++;
}

static int entries_read(struct indexer *x)
{
    static const struct faq_csv_ops ops = { on_row, on_error };
    struct slice file = SLICE_EMPTY;
    struct arena arena;
    enum err_code rc = command_file_open(x->path, FAQ_CSV_BYTES_MAX, &file, &x->err);

    if (rc != ERR_OK)
        return command_fault(&x->err);
    arena_init(&arena, ROW_BYTES_MAX);
    rc = faq_csv_read(file, &arena, &ops, x, &x->err);
    arena_fini(&arena);
    command_file_close(&file);
    if (rc != ERR_OK || x->rc != ERR_OK) {
        fprintf(stderr, "kefu: %s: %s\n", x->path, x->err.text);
        return COMMAND_FAULT;
    }
    return x->faults > 0 ? COMMAND_FAULT
                         : 0; /* an index without some entries is not what was asked */
}

static int index_write(struct indexer *x, const char *out, bool json)
{
    struct search_index *index = search_builder_make(x->builder);
    struct slice blob = search_index_blob(index);
    int status = 0;

    if (command_file_write(out, blob, &x->err) != ERR_OK)
        status = command_fault(&x->err);
    else
        printf(json ? "{\"entries\":%u,\"phrasings\":%u,\"bytes\":%zu}\n"
                    : "%u entries, %u phrasings, %zu bytes\n",
               x->entries, search_index_docs(index), blob.len);
    search_index_destroy(&index);
    return status;
}

static int make_index(struct command_args *args)
{
    struct indexer *x = mem_zalloc(sizeof(*x));
    const char *out = command_option(args, "out");
    bool json = command_flag(args, "json");
    int status = COMMAND_USAGE;

    x->path = command_option(args, "entries");
    x->answers = command_flag(args, "answers");
    if (!command_complete(args, command_find("faq"), 0, 0) || x->path == NULL || out == NULL) {
        fputs("usage: kefu faq index --entries FILE.csv --out FILE [--answers] [--json]\n", stderr);
        goto out;
    }
    x->builder = search_builder_create();
    x->stemmer = text_stemmer_create();
    buf_init(&x->json, ROW_BYTES_MAX);
    status = entries_read(x);
    if (status == 0)
        status = index_write(x, out, json);
    search_builder_destroy(&x->builder);
    text_stemmer_destroy(&x->stemmer);
    buf_fini(&x->json);
out:
    free(x);
    return status;
}

/* ---- query ---- */
struct asker {
    struct slice file;
    struct search_index *index;
    struct search_scratch *scratch;
    struct text_stemmer *stemmer;
    struct command_lines lines;
    struct arena arena; /* the texts of one hit */
    size_t top;
    bool json;
    bool explain;
    struct buf out;
    char norm[TEXT_BYTES_MAX * 3];
};

struct entry {
    uint64_t line;
    struct slice locale;
    struct slice category;
    struct slice question;
    struct slice answer;
    struct slice phrasing; /* the one that was found */
};

static struct slice unescaped(struct asker *a, struct slice raw)
{
    char *text = arena_alloc(&a->arena, raw.len + 1);

    if (text == NULL)
        return SLICE_EMPTY;
    return slice_make(text, json_unescape(raw, text));
}

static void entry_field(struct asker *a, struct json_reader *r, struct slice key,
                        struct entry *entry, uint32_t phrasing)
{
    const struct {
        const char *key;
        struct slice *target;
    } texts[] = { { "locale", &entry->locale },
                  { "category", &entry->category },
                  { "question", &entry->question },
                  { "answer", &entry->answer } };
    enum json_token token = json_next(r);

    if (token == JSON_NUMBER)
        (void)json_number_u64(r->raw, &entry->line);
    for (size_t i = 0; token == JSON_TEXT && i < LENGTH_OF(texts); i++) {
        if (slice_equal_text(key, texts[i].key))
            *texts[i].target = unescaped(a, r->raw);
    }
    if (token != JSON_ARRAY_BEGIN)
        return;
    for (uint32_t i = 1; json_next(r) == JSON_TEXT; i++) {
        if (i == phrasing)
            entry->phrasing = unescaped(a, r->raw);
    }
}

/* What payload_write wrote; a payload of another origin gives empty texts. */
static struct entry entry_read(struct asker *a, const struct search_hit *hit)
{
    struct entry entry = { 0 };
    struct json_reader r;

    arena_reset(&a->arena);
    json_reader_init(&r, search_index_payload(a->index, hit->entry));
    if (json_next(&r) != JSON_OBJECT_BEGIN)
        return entry;
    while (json_next(&r) == JSON_KEY)
        entry_field(a, &r, r.raw, &entry, hit->phrasing);
    if (hit->phrasing == 0)
        entry.phrasing = entry.question;
    else if (entry.phrasing.len == 0)
        entry.phrasing = entry.answer;
    return entry;
}

static void explain_json(struct asker *a, struct json_writer *w, struct slice norm,
                         const struct search_hit *hit)
{
    struct search_term_part parts[SEARCH_TERMS_MAX];
    size_t count = search_explain(a->index, a->scratch, norm, hit, parts, LENGTH_OF(parts));

    json_key(w, "explain");
    json_array_begin(w);
    for (size_t i = 0; i < count && i < TERMS_SHOWN; i++) {
        json_object_begin(w);
        key_text(w, "term", parts[i].text);
        json_key(w, "weight");
        json_double(w, (double)parts[i].weight);
        json_key(w, "share");
        json_double(w, (double)parts[i].share);
        json_object_end(w);
    }
    json_array_end(w);
}

static void highlights_json(struct asker *a, struct json_writer *w, struct slice text)
{
    struct search_span spans[SPANS_MAX];
    size_t count =
        search_highlight(a->index, a->scratch, a->stemmer, text, spans, LENGTH_OF(spans));

    json_key(w, "highlights");
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(w);
        json_key(w, "start");
        json_u64(w, spans[i].start);
        json_key(w, "end");
        json_u64(w, spans[i].start + spans[i].len);
        json_object_end(w);
    }
    json_array_end(w);
}

static void hit_json(struct asker *a, struct json_writer *w, struct slice norm,
                     const struct search_hit *hit)
{
    struct entry entry = entry_read(a, hit);

    json_object_begin(w);
    json_key(w, "entry");
    json_u64(w, hit->entry);
    json_key(w, "line");
    json_u64(w, entry.line);
    json_key(w, "score");
    json_double(w, (double)hit->score);
    key_text(w, "question", entry.question);
    key_text(w, "answer", entry.answer);
    key_text(w, "category", entry.category);
    key_text(w, "phrasing", entry.phrasing);
    highlights_json(a, w, entry.phrasing);
    if (a->explain)
        explain_json(a, w, norm, hit);
    json_object_end(w);
}

static void answer_json(struct asker *a, struct slice text, struct slice norm,
                        const struct search_hit *hits, size_t count)
{
    struct json_writer w;

    json_writer_init(&w, &a->out);
    json_object_begin(&w);
    key_text(&w, "text", text);
    json_key(&w, "hits");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        hit_json(a, &w, norm, &hits[i]);
    json_array_end(&w);
    json_object_end(&w);
    buf_add_char(&a->out, '\n');
}

static void answer_plain(struct asker *a, struct slice text, const struct search_hit *hits,
                         size_t count)
{
    buf_printf(&a->out, "%.*s\n", SLICE_ARGS(text));
    for (size_t i = 0; i < count; i++) {
        struct entry entry = entry_read(a, &hits[i]);

        buf_printf(&a->out, "  %.3f  %.*s\n", (double)hits[i].score, SLICE_ARGS(entry.question));
    }
}

static int ask_lines(struct asker *a)
{
    struct search_hit hits[SEARCH_TOP_MAX];
    struct slice text;

    for (unsigned number = 1; command_line_next(&a->lines, TEXT_BYTES_MAX, &text); number++) {
        size_t broken;
        struct slice norm;
        size_t count;

        if (text_fault_find(text, &broken) != TEXT_FAULT_NONE && !a->lines.cut) {
            fprintf(stderr, "kefu: line %u: not UTF-8 at byte %zu\n", number, broken);
            return COMMAND_FAULT;
        }
        text.len = broken; /* of a line that was cut: before the character that was cut through */
        norm = text_normalise_with(text, TEXT_SIMPLIFY, a->norm, NULL, sizeof(a->norm));
        count = search_query(a->index, a->scratch, a->stemmer, norm, hits, a->top);
        buf_clear(&a->out);
        if (a->json)
            answer_json(a, text, norm, hits, count);
        else
            answer_plain(a, text, hits, count);
        fwrite(a->out.ptr, 1, a->out.len, stdout);
    }
    return 0;
}

static int asker_run(struct asker *a, const char *path)
{
    struct err err = { 0 };
    int status = 0;

    a->scratch = search_scratch_create();
    a->stemmer = text_stemmer_create();
    buf_init(&a->out, OUT_BYTES_MAX);
    arena_init(&a->arena, ROW_BYTES_MAX);
    if (command_file_open(path, INDEX_BYTES_MAX, &a->file, &err) != ERR_OK) {
        status = command_fault(&err);
    } else if (search_index_open(a->file, &a->index, &err) != ERR_OK) {
        fprintf(stderr, "kefu: %s: %s\n", path, err.text);
        status = COMMAND_FAULT;
    }
    if (status == 0)
        status = ask_lines(a);
    search_index_destroy(&a->index);
    search_scratch_destroy(&a->scratch);
    text_stemmer_destroy(&a->stemmer);
    buf_fini(&a->out);
    arena_fini(&a->arena);
    command_lines_close(&a->lines);
    command_file_close(&a->file);
    return status;
}

static int query(struct command_args *args)
{
    struct asker *a = mem_zalloc(sizeof(*a));
    const char *path = command_option(args, "index");
    const char *top = command_option(args, "top");
    unsigned long long count = TOP_DEFAULT;
    int status = COMMAND_USAGE;

    a->json = command_flag(args, "json");
    a->explain = command_flag(args, "explain");
    if (!command_complete(args, command_find("faq"), 0, 0) || path == NULL ||
        (top != NULL && !slice_to_u64(slice_of(top), &count)) || count == 0 ||
        count > SEARCH_TOP_MAX) {
        fprintf(stderr, "usage: kefu faq query --index FILE [--top 1..%d] [--explain] [--json]\n",
                SEARCH_TOP_MAX);
    } else {
        a->top = (size_t)count;
        status = asker_run(a, path);
    }
    free(a);
    return status;
}

int command_faq(struct command_args *args)
{
    const char *verb = args->count > 0 ? args->items[0] : "";

    if (args->count > 0) {
        args->items++;
        args->count--;
    }
    if (slice_equal_text(slice_of(verb), "index"))
        return make_index(args);
    if (slice_equal_text(slice_of(verb), "query"))
        return query(args);
    fprintf(stderr, "usage: kefu faq %s\n", command_find("faq")->help);
    return COMMAND_USAGE;
}
