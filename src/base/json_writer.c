/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_priv.h"

void json_writer_init(struct json_writer *writer, struct buf *out)
{
    *writer = (struct json_writer){ .out = out };
}

static struct buf *begin_value(struct json_writer *writer)
{
    if (writer->comma)
        buf_add_char(writer->out, ',');
    writer->comma = true;
    return writer->out;
}

static void open_with(struct json_writer *writer, char c)
{
    buf_add_char(begin_value(writer), c);
    writer->comma = false;
}

static void close_with(struct json_writer *writer, char c)
{
    buf_add_char(writer->out, c);
    writer->comma = true;
}

void json_object_begin(struct json_writer *writer)
{
    open_with(writer, '{');
}

void json_object_end(struct json_writer *writer)
{
    close_with(writer, '}');
}

void json_array_begin(struct json_writer *writer)
{
    open_with(writer, '[');
}

void json_array_end(struct json_writer *writer)
{
    close_with(writer, ']');
}

void json_key(struct json_writer *writer, const char *key)
{
    json_add_text(begin_value(writer), slice_of(key));
    buf_add_char(writer->out, ':');
    writer->comma = false;
}

void json_text(struct json_writer *writer, struct slice text)
{
    json_add_text(begin_value(writer), text);
}

void json_u64(struct json_writer *writer, uint64_t value)
{
    buf_add_u64(begin_value(writer), value);
}

void json_id(struct json_writer *writer, uint64_t value)
{
    struct buf *out = begin_value(writer);

    buf_add_char(out, '"');
    buf_add_u64(out, value);
    buf_add_char(out, '"');
}

void json_i64(struct json_writer *writer, int64_t value)
{
    struct buf *out = begin_value(writer);

    if (value < 0)
        buf_add_char(out, '-');
    buf_add_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_double(struct json_writer *writer, double value)
{
    if (isfinite(value))
        json_add_double(begin_value(writer), value);
    else
        json_null(writer);
}

void json_bool(struct json_writer *writer, bool value)
{
    buf_add_text(begin_value(writer), value ? "true" : "false");
}

void json_null(struct json_writer *writer)
{
    buf_add_text(begin_value(writer), "null");
}

void json_raw(struct json_writer *writer, struct slice json)
{
    buf_add_slice(begin_value(writer), json);
}

static void add_escape(struct buf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = { '\\', c, '0', '0', hex[(unsigned char)c >> 4], hex[c & 15] };
    size_t len = 2;

    switch (c) {
    case '"':
    case '\\':
        break;
    case '\b':
        escape[1] = 'b';
        break;
    case '\f':
        escape[1] = 'f';
        break;
    case '\n':
        escape[1] = 'n';
        break;
    case '\r':
        escape[1] = 'r';
        break;
    case '\t':
        escape[1] = 't';
        break;
    default:
        escape[1] = 'u';
        len = sizeof(escape);
        break;
    }
    buf_add(out, escape, len);
}

void json_add_text(struct buf *out, struct slice text)
{
    const char *at = text.ptr;
    const char *end = text.len > 0 ? at + text.len : at;
    bool ascii = true;

    buf_add_char(out, '"');
    while (at < end) {
        const char *stop = json_plain_run(at, end, &ascii);

        buf_add(out, at, (size_t)(stop - at));
        if (stop < end)
            add_escape(out, *stop++);
        at = stop;
    }
    buf_add_char(out, '"');
}

void json_add_double(struct buf *out, double value)
{
    enum { DIGITS_SHORT = 15, DIGITS_EXACT = 17, DOUBLE_TEXT_MAX = 32 };
    char text[DOUBLE_TEXT_MAX];

    ENSURE(isfinite(value));
    for (int digits = DIGITS_SHORT; digits <= DIGITS_EXACT; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_text(out, text);
}
