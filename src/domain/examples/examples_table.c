/* SPDX-License-Identifier: Apache-2.0 */
/* TSV and CSV. Columns come from a header where there is one. Without one, of two columns the
 * intent is the one with fewer different values: examples share intents, rarely texts. */
#include <stdlib.h>

#include "examples_priv.h"
#include "hash.h"
#include "mem.h"

enum {
    FIELDS_MAX = 64,
    SNIFF_ROWS = 1000,
};

enum column {
    COLUMN_TEXT,
    COLUMN_INTENT,
    COLUMN_NAME, /* a readable name of the intent, preferred to an id */
    COLUMN_ID,
    COLUMN_ANSWER, /* not read: it tells a list of questions */
    COLUMNS,
};

static const struct {
    const char *name;
    enum column column;
} known[] = {
    { "text", COLUMN_TEXT },     { "utterance", COLUMN_TEXT },
    { "example", COLUMN_TEXT },  { "sentence", COLUMN_TEXT },
    { "query", COLUMN_TEXT },    { "question", COLUMN_TEXT },
    { "文本", COLUMN_TEXT },     { "语料", COLUMN_TEXT },
    { "例句", COLUMN_TEXT },     { "问题", COLUMN_TEXT },
    { "intent", COLUMN_INTENT }, { "label", COLUMN_INTENT },
    { "class", COLUMN_INTENT },  { "category", COLUMN_INTENT },
    { "意图", COLUMN_INTENT },   { "标签", COLUMN_INTENT },
    { "类别", COLUMN_INTENT },   { "intent_display_name", COLUMN_NAME },
    { "intent_id", COLUMN_ID },  { "id", COLUMN_ID },
    { "answer", COLUMN_ANSWER },
};

struct table {
    struct slice rest;
    uint32_t line;
    char separator;
    bool quoting;
    bool unclosed;  /* a quote that begins here swallows the rest of the file */
    char *unquoted; /* room for all quoted fields of one row */
    size_t unquoted_len;
    struct slice fields[FIELDS_MAX];
    size_t field_count;
    int at[COLUMNS]; /* field of each column, or -1 */
};

static enum err_code quoted_read(struct table *table, struct slice *out, struct err *err)
{
    uint32_t first = table->line;
    char *start = table->unquoted + table->unquoted_len;
    char *to = start;
    const char *at = table->rest.ptr + 1;
    const char *end = table->rest.ptr + table->rest.len;

    for (;; at++) {
        if (at == end) {
            table->unclosed = true;
            return err_set(err, ERR_INVALID, "line %u: quote is not closed", first);
        }
        if (*at == '"') {
            at++;
            if (at == end || *at != '"')
                break;
        }
        table->line += *at == '\n';
        *to++ = *at;
    }
    table->unquoted_len += (size_t)(to - start);
    table->rest = slice_make(at, (size_t)(end - at));
    *out = slice_make(start, (size_t)(to - start));
    return ERR_OK;
}

static bool at_row_end(const struct table *table)
{
    return table->rest.len == 0 || table->rest.ptr[0] == '\n' ||
           (table->rest.ptr[0] == '\r' && (table->rest.len == 1 || table->rest.ptr[1] == '\n'));
}

static void plain_read(struct table *table, struct slice *out)
{
    const char *start = table->rest.ptr;

    while (!at_row_end(table) && table->rest.ptr[0] != table->separator) {
        table->rest.ptr++;
        table->rest.len--;
    }
    *out = slice_make(start, (size_t)(table->rest.ptr - start));
}

/* To the beginning of the next row. */
static void row_skip(struct table *table)
{
    while (table->rest.len > 0 && table->rest.ptr[0] != '\n') {
        table->rest.ptr++;
        table->rest.len--;
    }
    if (table->rest.len > 0) {
        table->rest.ptr++;
        table->rest.len--;
        table->line++;
    }
}

static enum err_code fields_read(struct table *table, struct err *err)
{
    table->field_count = 0;
    table->unquoted_len = 0;
    for (;;) {
        struct slice field = SLICE_EMPTY;

        if (table->quoting && table->rest.len > 0 && table->rest.ptr[0] == '"') {
            enum err_code rc = quoted_read(table, &field, err);

            if (rc != ERR_OK)
                return rc;
            if (!at_row_end(table) && table->rest.ptr[0] != table->separator)
                return err_set(err, ERR_INVALID, "line %u: text after a closing quote",
                               table->line);
        } else {
            plain_read(table, &field);
        }
        if (table->field_count == FIELDS_MAX)
            return err_set(err, ERR_INVALID, "line %u: more than %d columns", table->line,
                           FIELDS_MAX);
        table->fields[table->field_count++] = field;
        if (at_row_end(table))
            return ERR_OK;
        table->rest.ptr++;
        table->rest.len--;
    }
}

/* One row into fields; on a fault too the next one comes next. The caller has made sure that
 * something is left. */
static enum err_code row_read(struct table *table, struct err *err)
{
    enum err_code rc = fields_read(table, err);

    if (!table->unclosed)
        row_skip(table);
    return rc;
}

static bool row_blank(const struct table *table)
{
    return table->field_count == 1 && slice_trim(table->fields[0]).len == 0;
}

static char separator_find(struct slice file, bool tsv)
{
    struct slice line = SLICE_EMPTY;
    size_t commas = 0;
    size_t semicolons = 0;

    if (tsv)
        return '\t';
    (void)examples_line(&file, &line);
    for (size_t i = 0; i < line.len; i++) {
        commas += line.ptr[i] == ',';
        semicolons += line.ptr[i] == ';';
    }
    return semicolons > commas ? ';' : ',';
}

/* Whether the row read last is a header; fills `at` if so. One known word is not enough: `text` is
 * also what an intent may be called. */
static bool header_take(struct table *table)
{
    for (unsigned c = 0; c < COLUMNS; c++)
        table->at[c] = -1;
    for (size_t i = 0; i < table->field_count; i++) {
        for (size_t k = 0; k < LENGTH_OF(known); k++) {
            if (table->at[known[k].column] < 0 &&
                slice_equal_ignore_case(slice_trim(table->fields[i]), slice_of(known[k].name)))
                table->at[known[k].column] = (int)i;
        }
    }
    return table->at[COLUMN_TEXT] >= 0 &&
           (table->at[COLUMN_INTENT] >= 0 || table->at[COLUMN_NAME] >= 0 ||
            table->at[COLUMN_ID] >= 0 || table->at[COLUMN_ANSWER] >= 0);
}

static int u64_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static size_t distinct(uint64_t *hashes, size_t count)
{
    size_t n = 0;

    qsort(hashes, count, sizeof(*hashes), u64_order);
    for (size_t i = 0; i < count; i++)
        n += i == 0 || hashes[i] != hashes[i - 1];
    return n;
}

/* Looks ahead; the table is a copy. */
static void columns_guess(struct table table, int at[COLUMNS])
{
    uint64_t *hashes = mem_alloc(2 * SNIFF_ROWS * sizeof(*hashes));
    static const struct hash_key key = { 1, 2 };
    size_t count = 0;

    while (table.rest.len > 0 && count < SNIFF_ROWS && !table.unclosed) {
        if (row_read(&table, NULL) != ERR_OK || table.field_count < 2)
            continue;
        for (size_t i = 0; i < 2; i++)
            hashes[i * SNIFF_ROWS + count] =
                hash_bytes(key, table.fields[i].ptr, table.fields[i].len);
        count++;
    }
    at[COLUMN_INTENT] = distinct(hashes, count) <= distinct(hashes + SNIFF_ROWS, count) ? 0 : 1;
    at[COLUMN_TEXT] = 1 - at[COLUMN_INTENT];
    at[COLUMN_NAME] = at[COLUMN_ID] = at[COLUMN_ANSWER] = -1;
    free(hashes);
}

static struct slice field_at(const struct table *table, enum column column)
{
    int at = table->at[column];

    return at >= 0 && (size_t)at < table->field_count ? slice_trim(table->fields[at]) : SLICE_EMPTY;
}

/* The intent of a row: its name, its label, its id, or else (a question with answer) its text. */
static struct slice row_intent(const struct table *table, struct slice text)
{
    static const enum column order[] = { COLUMN_NAME, COLUMN_INTENT, COLUMN_ID };
    struct slice first;

    for (size_t i = 0; i < LENGTH_OF(order); i++) {
        struct slice intent = field_at(table, order[i]);

        if (intent.len > 0)
            return intent;
    }
    if (table->at[COLUMN_INTENT] >= 0 || !examples_line(&text, &first))
        return SLICE_EMPTY;
    return slice_make(first.ptr,
                      first.len < EXAMPLES_NAME_BYTES_MAX ? first.len : EXAMPLES_NAME_BYTES_MAX);
}

/* A cell of several lines holds several examples. */
static enum err_code row_add(const struct table *table, uint32_t line,
                             const struct examples_sink *sink, struct err *err)
{
    struct slice text = field_at(table, COLUMN_TEXT);
    struct slice intent = row_intent(table, text);
    struct slice variant;

    if (table->field_count < 2)
        return examples_fault(
            sink, err_set(err, ERR_INVALID, "line %u: one column, two are needed", line), err);
    if (text.len == 0 || memchr(text.ptr, '\n', text.len) == NULL)
        return examples_put(sink, intent, text, line, err);
    while (examples_line(&text, &variant)) {
        enum err_code rc = ERR_OK;

        if (slice_trim(variant).len > 0)
            rc = examples_put(sink, intent, variant, line, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code rows_read(struct table *table, const struct examples_sink *sink,
                               struct err *err)
{
    struct table start = *table;
    enum err_code rc = row_read(table, err);

    if (rc != ERR_OK || !header_take(table)) {
        *table = start;
        columns_guess(start, table->at);
    }
    rc = ERR_OK;
    while (table->rest.len > 0 && rc == ERR_OK) {
        uint32_t line = table->line;

        rc = row_read(table, err);
        if (rc != ERR_OK && !table->unclosed)
            rc = examples_fault(sink, rc, err);
        else if (rc == ERR_OK && !row_blank(table))
            rc = row_add(table, line, sink, err);
    }
    return rc;
}

enum err_code examples_read_table(struct slice file, bool tsv, const struct examples_sink *sink,
                                  struct err *err)
{
    struct table table = {
        .rest = file,
        .line = 1,
        .separator = separator_find(file, tsv),
        .quoting = !tsv,
    };
    enum err_code rc;

    if (slice_trim(file).len == 0)
        return err_set(err, ERR_INVALID, "file is empty");
    table.unquoted = mem_alloc(file.len + 1);
    rc = rows_read(&table, sink, err);
    free(table.unquoted);
    return rc;
}
