/* SPDX-License-Identifier: Apache-2.0 */
/* Reading goes field by field over the file: an unquoted or quoted field is unescaped into the
 * row's arena copy, a row ends at a line end outside quotes. A broken row is skipped to its line
 * end, so one stray quote costs at most the rows up to the next quote. */
#include "faq_csv.h"

#include <stdio.h>

#include "check.h"
#include "utf8.h"

enum column {
    COLUMN_LOCALE,
    COLUMN_QUESTION,
    COLUMN_VARIANTS,
    COLUMN_ANSWER,
    COLUMN_CATEGORY,
    COLUMN_COUNT,
};

static const char *const column_names[COLUMN_COUNT] = { "locale", "question", "variants", "answer",
                                                        "category" };

enum {
    FIELDS_MAX = COLUMN_COUNT, /* more are counted, not kept */
};

struct reader {
    struct slice rest;
    unsigned line;
    struct arena *arena;
    const struct faq_csv_ops *ops;
    void *ctx;
    unsigned errors;
    struct slice fields[FIELDS_MAX];
    size_t field_count;
    enum column order[FIELDS_MAX];
    size_t columns;
};

static void row_error(struct reader *r, unsigned line, const char *text)
{
    r->errors++;
    r->ops->error(r->ctx, line, text);
}

static char peek(const struct reader *r)
{
    return r->rest.len > 0 ? *r->rest.ptr : '\0';
}

static char take(struct reader *r)
{
    char c = *r->rest.ptr;

    r->rest.ptr++;
    r->rest.len--;
    if (c == '\n')
        r->line++;
    return c;
}

static bool at_line_end(const struct reader *r)
{
    return r->rest.len == 0 || peek(r) == '\n' ||
           (peek(r) == '\r' && (r->rest.len == 1 || r->rest.ptr[1] == '\n'));
}

static void skip_line_end(struct reader *r)
{
    if (peek(r) == '\r')
        (void)take(r);
    if (peek(r) == '\n')
        (void)take(r);
}

/* NULL, or what is wrong. */
static const char *quoted_field(struct reader *r, struct slice *out)
{
    const char *start;
    char *text;
    size_t len = 0;

    (void)take(r);
    start = r->rest.ptr;
    for (;;) {
        if (r->rest.len == 0)
            return "quote is not closed";
        if (take(r) != '"') {
            len++;
            continue;
        }
        if (peek(r) != '"')
            break;
        (void)take(r);
        len++;
    }
    if (!at_line_end(r) && peek(r) != ',')
        return "text after a closing quote";
    text = arena_alloc(r->arena, len + 1);
    if (text == NULL)
        return "row is too long";
    for (size_t i = 0; i < len; i++) {
        text[i] = *start;
        start += *start == '"' ? 2 : 1;
    }
    *out = slice_make(text, len);
    return NULL;
}

static const char *plain_field(struct reader *r, struct slice *out)
{
    const char *start = r->rest.ptr;

    while (!at_line_end(r) && peek(r) != ',') {
        if (take(r) == '"')
            return "quote inside a field that does not begin with one";
    }
    *out = slice_make(start, (size_t)(r->rest.ptr - start));
    return NULL;
}

/* One row into fields; false at the end of the file. *problem is NULL or what is wrong. */
static bool row_read(struct reader *r, const char **problem)
{
    *problem = NULL;
    r->field_count = 0;
    if (r->rest.len == 0)
        return false;
    for (;;) {
        struct slice field = SLICE_EMPTY;

        *problem = peek(r) == '"' ? quoted_field(r, &field) : plain_field(r, &field);
        if (*problem != NULL)
            break;
        if (r->field_count < FIELDS_MAX)
            r->fields[r->field_count] = field;
        r->field_count++;
        if (at_line_end(r))
            break;
        (void)take(r);
    }
    while (!at_line_end(r))
        (void)take(r);
    skip_line_end(r);
    return true;
}

static int column_by_name(struct slice name)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (slice_equal_ignore_case(slice_trim(name), slice_of(column_names[i])))
            return i;
    }
    return -1;
}

static enum err_code header_read(struct reader *r, struct err *err)
{
    const char *problem;
    unsigned seen = 0;

    if (!row_read(r, &problem))
        return err_set(err, ERR_INVALID, "file is empty");
    if (problem != NULL)
        return err_set(err, ERR_INVALID, "line 1: %s", problem);
    if (r->field_count > FIELDS_MAX)
        return err_set(err, ERR_INVALID, "line 1: more than %d columns", FIELDS_MAX);
    for (size_t i = 0; i < r->field_count; i++) {
        int column = column_by_name(r->fields[i]);
        int shown = r->fields[i].len < 40 ? (int)r->fields[i].len : 40;

        if (column < 0)
            return err_set(err, ERR_INVALID, "line 1: unknown column '%.*s'", shown,
                           r->fields[i].len > 0 ? r->fields[i].ptr : "");
        if ((seen >> column & 1) != 0)
            return err_set(err, ERR_INVALID, "line 1: column '%s' twice", column_names[column]);
        seen |= 1u << column;
        r->order[i] = (enum column)column;
    }
    r->columns = r->field_count;
    if ((seen >> COLUMN_QUESTION & 1) == 0 || (seen >> COLUMN_ANSWER & 1) == 0)
        return err_set(err, ERR_INVALID, "line 1: columns question and answer are needed");
    return ERR_OK;
}

static bool is_formula_start(char c)
{
    return c == '=' || c == '+' || c == '-' || c == '@' || c == '\t' || c == '\r';
}

static struct slice unguard(struct slice s)
{
    if (s.len > 1 && s.ptr[0] == '\'' && is_formula_start(s.ptr[1]))
        return slice_make(s.ptr + 1, s.len - 1);
    return s;
}

static const char *variants_split(struct slice list, struct faq_csv_row *row)
{
    while (list.len > 0) {
        const char *bar = memchr(list.ptr, '|', list.len);
        size_t len = bar != NULL ? (size_t)(bar - list.ptr) : list.len;
        struct slice variant = slice_trim(slice_make(list.ptr, len));

        if (variant.len > FAQ_CSV_QUESTION_BYTES_MAX)
            return "a variant is longer than 1024 bytes";
        if (variant.len > 0 && row->variant_count == FAQ_CSV_VARIANTS_MAX)
            return "more than 64 variants";
        if (variant.len > 0)
            row->variants[row->variant_count++] = variant;
        len += bar != NULL ? 1 : 0;
        list.ptr += len;
        list.len -= len;
    }
    return NULL;
}

static const char *locale_check(struct slice *locale)
{
    struct slice primary = slice_make(locale->ptr, locale->len < 2 ? locale->len : 2);
    bool tagged =
        locale->len == 2 || (locale->len > 2 && (locale->ptr[2] == '-' || locale->ptr[2] == '_'));

    if (locale->len == 0)
        return NULL;
    if (tagged && slice_equal_ignore_case(primary, SLICE_LITERAL("zh")))
        *locale = SLICE_LITERAL("zh");
    else if (tagged && slice_equal_ignore_case(primary, SLICE_LITERAL("en")))
        *locale = SLICE_LITERAL("en");
    else
        return "locale must be zh, en or empty";
    return NULL;
}

static const char *row_check(struct faq_csv_row *row, struct slice variants)
{
    const char *problem = locale_check(&row->locale);

    if (problem != NULL)
        return problem;
    if (row->question.len == 0)
        return "question is empty";
    if (row->answer.len == 0)
        return "answer is empty";
    if (row->question.len > FAQ_CSV_QUESTION_BYTES_MAX)
        return "question is longer than 1024 bytes";
    if (row->answer.len > FAQ_CSV_ANSWER_BYTES_MAX)
        return "answer is longer than 16384 bytes";
    if (row->category.len > FAQ_CSV_CATEGORY_BYTES_MAX)
        return "category is longer than 200 bytes";
    return variants_split(variants, row);
}

static void row_give(struct reader *r, unsigned line)
{
    struct faq_csv_row row = { .line = line };
    struct slice variants = SLICE_EMPTY;
    struct slice *const targets[COLUMN_COUNT] = {
        [COLUMN_LOCALE] = &row.locale,     [COLUMN_QUESTION] = &row.question,
        [COLUMN_VARIANTS] = &variants,     [COLUMN_ANSWER] = &row.answer,
        [COLUMN_CATEGORY] = &row.category,
    };
    const char *problem;

    if (r->field_count != r->columns) {
        row_error(r, line, "row has not as many fields as the header");
        return;
    }
    for (size_t i = 0; i < r->columns; i++)
        *targets[r->order[i]] = slice_trim(unguard(slice_trim(r->fields[i])));
    problem = row_check(&row, variants);
    if (problem != NULL)
        row_error(r, line, problem);
    else
        r->ops->row(r->ctx, &row);
}

enum err_code faq_csv_read(struct slice file, struct arena *arena, const struct faq_csv_ops *ops,
                           void *ctx, struct err *err)
{
    struct reader r = { .rest = file, .line = 1, .arena = arena, .ops = ops, .ctx = ctx };
    enum err_code rc;

    if (file.len > FAQ_CSV_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "file is larger than %d bytes", FAQ_CSV_BYTES_MAX);
    if (!utf8_valid(file))
        return err_set(err, ERR_INVALID, "file is not UTF-8");
    if (slice_starts_with(r.rest, SLICE_LITERAL("\xEF\xBB\xBF"))) {
        r.rest.ptr += 3;
        r.rest.len -= 3;
    }
    rc = header_read(&r, err);
    if (rc != ERR_OK)
        return rc;
    for (;;) {
        unsigned line = r.line;
        const char *problem;

        arena_reset(arena);
        if (r.errors >= FAQ_CSV_ERRORS_MAX)
            return err_set(err, ERR_INVALID, "line %u: more than %d errors", line,
                           FAQ_CSV_ERRORS_MAX);
        if (!row_read(&r, &problem))
            return ERR_OK;
        if (problem != NULL)
            row_error(&r, line, problem);
        else if (r.field_count > 1 || slice_trim(r.fields[0]).len > 0)
            row_give(&r, line); /* blank lines are no rows */
    }
}

static void field_write(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    if (text.len > 0 && is_formula_start(text.ptr[0]))
        buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.ptr[i]);
    }
    buf_add_char(out, '"');
}

static void variants_write(struct buf *out, const struct faq_csv_row *row)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < row->variant_count; i++) {
        struct slice text = row->variants[i];

        if (i > 0)
            buf_add_char(out, '|');
        else if (text.len > 0 && is_formula_start(text.ptr[0]))
            buf_add_char(out, '\'');
        for (size_t at = 0; at < text.len; at++) {
            if (text.ptr[at] == '|')
                buf_add_text(out, "\xEF\xBD\x9C");
            else if (text.ptr[at] == '"')
                buf_add_text(out, "\"\"");
            else
                buf_add_char(out, text.ptr[at]);
        }
    }
    buf_add_char(out, '"');
}

void faq_csv_write_header(struct buf *out)
{
    buf_add_text(out, "\xEF\xBB\xBFlocale,question,variants,answer,category\r\n");
}

void faq_csv_write_row(struct buf *out, const struct faq_csv_row *row)
{
    field_write(out, row->locale);
    buf_add_char(out, ',');
    field_write(out, row->question);
    buf_add_char(out, ',');
    variants_write(out, row);
    buf_add_char(out, ',');
    field_write(out, row->answer);
    buf_add_char(out, ',');
    field_write(out, row->category);
    buf_add_text(out, "\r\n");
}
