/* SPDX-License-Identifier: Apache-2.0 */
/* Which encoding and which format a file has, and who reads it. */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "examples_priv.h"
#include "mem.h"
#include "text.h"
#include "utf8.h"

enum {
    SNIFF_BYTES = 4096, /* what a file looks like shows in its first page */
    UTF8_GROWTH = 2,    /* GB18030 and UTF-16 need at most 1.5 times as many bytes in UTF-8 */
};

static const char *const format_names[EXAMPLES_FORMATS] = {
    [EXAMPLES_TSV] = "tsv",
    [EXAMPLES_CSV] = "csv",
    [EXAMPLES_JSONL] = "jsonl",
    [EXAMPLES_RASA_YAML] = "rasa-yaml",
    [EXAMPLES_RASA_JSON] = "rasa-json",
    [EXAMPLES_TILEDESK] = "tiledesk",
};

const char *examples_format_name(enum examples_format format)
{
    return format_names[format];
}

bool examples_format_parse(const char *name, enum examples_format *out)
{
    for (unsigned i = 0; i < EXAMPLES_FORMATS; i++) {
        if (strcmp(name, format_names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool examples_line(struct slice *rest, struct slice *line)
{
    const char *end;

    if (rest->len == 0)
        return false;
    end = memchr(rest->ptr, '\n', rest->len);
    line->ptr = rest->ptr;
    line->len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    rest->ptr += line->len + (end != NULL ? 1 : 0);
    rest->len -= line->len + (end != NULL ? 1 : 0);
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

uint32_t examples_line_of(struct slice file, size_t offset)
{
    uint32_t line = 1;

    for (size_t i = 0; i < offset && i < file.len; i++)
        line += file.ptr[i] == '\n';
    return line;
}

static struct slice first_line(struct slice file)
{
    struct slice line = SLICE_EMPTY;

    while (examples_line(&file, &line)) {
        line = slice_trim(line);
        if (line.len > 0 && line.ptr[0] != '#')
            return line;
    }
    return SLICE_EMPTY;
}

static bool holds(struct slice text, const char *word)
{
    return text.len > 0 && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

enum examples_format examples_sniff(struct slice file)
{
    struct slice page = slice_make(file.ptr, file.len < SNIFF_BYTES ? file.len : SNIFF_BYTES);
    struct slice line = first_line(page);

    if (holds(page, "rasa_nlu_data"))
        return EXAMPLES_RASA_JSON;
    if (line.len > 0 && line.ptr[0] == '{')
        return EXAMPLES_JSONL;
    if (slice_starts_with(line, SLICE_LITERAL("version:")) ||
        slice_starts_with(line, SLICE_LITERAL("nlu:")))
        return EXAMPLES_RASA_YAML;
    if (holds(line, "\t"))
        return EXAMPLES_TSV;
    if (holds(line, "question") && holds(line, "answer"))
        return EXAMPLES_TILEDESK;
    return holds(line, ",") || holds(line, ";") ? EXAMPLES_CSV : EXAMPLES_TSV;
}

static enum err_code convert(struct slice file, const char *charset, struct buf *out,
                             struct err *err)
{
    iconv_t conversion = iconv_open("UTF-8", charset);
    size_t room = file.len * UTF8_GROWTH + UTF8_BYTES_MAX;
    size_t left = file.len;
    char *from = (char *)(uintptr_t)file.ptr; /* iconv does not write there */
    char *start;
    char *to;
    size_t rc;

    if (conversion == (iconv_t)-1)
        return err_set(err, ERR_UNSUPPORTED, "this system cannot read %s: save it as UTF-8",
                       charset);
    start = to = buf_reserve(out, room);
    rc = to != NULL ? iconv(conversion, &from, &left, &to, &room) : (size_t)-1;
    iconv_close(conversion);
    if (rc == (size_t)-1)
        return err_set(err, ERR_INVALID, "line %u: neither UTF-8 nor %s",
                       examples_line_of(file, file.len - left), charset);
    buf_commit(out, (size_t)(to - start));
    return ERR_OK;
}

/* *file to UTF-8 without mark, through `converted` if need be. Zero bytes mean a binary file. */
static enum err_code decode(struct slice *file, struct buf *converted, struct err *err)
{
    const char *charset = NULL;
    const char *zero;
    enum err_code rc;

    if (file->len > EXAMPLES_FILE_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "file of %zu bytes, limit %d", file->len,
                       EXAMPLES_FILE_BYTES_MAX);
    if (slice_starts_with(*file, SLICE_LITERAL("\xEF\xBB\xBF")))
        *file = slice_make(file->ptr + 3, file->len - 3);
    else if (slice_starts_with(*file, SLICE_LITERAL("\xFF\xFE")) ||
             slice_starts_with(*file, SLICE_LITERAL("\xFE\xFF")))
        charset = "UTF-16";
    zero = file->len > 0 ? memchr(file->ptr, '\0', file->len) : NULL;
    if (charset == NULL && zero != NULL)
        return err_set(err, ERR_INVALID, "line %u: zero byte: a binary file?",
                       examples_line_of(*file, (size_t)(zero - file->ptr)));
    if (charset == NULL && !utf8_valid(*file))
        charset = "GB18030";
    if (charset == NULL)
        return ERR_OK;
    rc = convert(*file, charset, converted, err);
    if (rc == ERR_OK)
        *file = buf_slice(converted);
    return rc;
}

enum err_code examples_fault(const struct examples_sink *sink, enum err_code rc, struct err *err)
{
    if (rc == ERR_OK || sink->each == NULL)
        return rc;
    sink->each(sink->ctx, err);
    *err = (struct err){ 0 };
    return ERR_OK;
}

enum err_code examples_put(const struct examples_sink *sink, struct slice intent, struct slice text,
                           uint32_t line, struct err *err)
{
    return examples_fault(sink, example_set_add(sink->set, intent, text, line, err), err);
}

static enum err_code read_utf8(struct slice file, enum examples_format format,
                               const struct examples_sink *sink, struct err *err)
{
    switch (format) {
    case EXAMPLES_JSONL:
        return examples_read_jsonl(file, sink, err);
    case EXAMPLES_RASA_JSON:
        return examples_read_rasa_json(file, sink, err);
    case EXAMPLES_RASA_YAML:
        return examples_read_rasa_yaml(file, sink, err);
    default:
        return examples_read_table(file, format == EXAMPLES_TSV, sink, err);
    }
}

static enum err_code read_any(struct slice file, const enum examples_format *format,
                              const struct examples_sink *sink, struct err *err)
{
    struct buf converted;
    struct err found = { 0 };
    enum err_code rc;

    buf_init(&converted, (size_t)EXAMPLES_FILE_BYTES_MAX * UTF8_GROWTH + UTF8_BYTES_MAX);
    rc = decode(&file, &converted, &found);
    if (rc == ERR_OK)
        rc = read_utf8(file, format != NULL ? *format : examples_sniff(file), sink, &found);
    buf_fini(&converted);
    if (rc != ERR_OK && err != NULL)
        *err = found;
    return rc;
}

enum err_code examples_read(struct slice file, struct example_set *set, struct err *err)
{
    return read_any(file, NULL, &(struct examples_sink){ .set = set }, err);
}

enum err_code examples_read_as(struct slice file, enum examples_format format,
                               struct example_set *set, struct err *err)
{
    return read_any(file, &format, &(struct examples_sink){ .set = set }, err);
}

enum err_code examples_read_most(struct slice file, const enum examples_format *format,
                                 struct example_set *set,
                                 void (*each)(void *ctx, const struct err *fault), void *ctx,
                                 struct err *err)
{
    return read_any(file, format, &(struct examples_sink){ set, each, ctx }, err);
}

static enum err_code lines_each(struct slice file, void (*each)(void *ctx, struct slice text),
                                void *ctx, struct err *err)
{
    struct slice line;

    for (uint32_t number = 1; examples_line(&file, &line); number++) {
        const char *tab = line.len > 0 ? memchr(line.ptr, '\t', line.len) : NULL;
        struct slice text = line;

        if (tab != NULL)
            text = slice_make(tab + 1, line.len - (size_t)(tab + 1 - line.ptr));
        text = slice_trim(text);
        if (text.len > EXAMPLES_TEXT_BYTES_MAX)
            return err_set(err, ERR_TOO_BIG, "line %u: text of %zu bytes, limit %d", number,
                           text.len, EXAMPLES_TEXT_BYTES_MAX);
        if (text.len > 0)
            each(ctx, text);
    }
    return ERR_OK;
}

enum err_code examples_read_lines(struct slice file, void (*each)(void *ctx, struct slice text),
                                  void *ctx, struct err *err)
{
    struct buf converted;
    enum err_code rc;

    buf_init(&converted, (size_t)EXAMPLES_FILE_BYTES_MAX * UTF8_GROWTH + UTF8_BYTES_MAX);
    rc = decode(&file, &converted, err);
    if (rc == ERR_OK)
        rc = lines_each(file, each, ctx, err);
    buf_fini(&converted);
    return rc;
}
