/* SPDX-License-Identifier: Apache-2.0 */
/* A pull reader instead of a tree: a chat message is read straight into its struct, and a hostile
 * document costs no memory. What may come next is one small number; which of the open levels are
 * objects is one bit each, so there is no recursion and no stack. Strings are scanned eight bytes
 * at a time and checked (escapes, surrogates, UTF-8) before they are handed out. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_priv.h"
#include "utf8.h"

enum json_expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_ARRAY_END,
    EXPECT_KEY,
    EXPECT_KEY_OR_OBJECT_END,
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING,
    EXPECT_FAILED,
};

void json_reader_init(struct json_reader *reader, struct slice text)
{
    *reader = (struct json_reader){
        .begin = text.ptr,
        .at = text.ptr,
        .end = text.len > 0 ? text.ptr + text.len : text.ptr,
        .expect = EXPECT_VALUE,
    };
}

static enum json_token fail(struct json_reader *reader, const char *problem)
{
    if (reader->expect != EXPECT_FAILED)
        reader->problem = problem;
    reader->expect = EXPECT_FAILED;
    return JSON_ERROR;
}

static void skip_blanks(struct json_reader *reader)
{
    const char *at = reader->at;

    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

static bool in_object(const struct json_reader *reader)
{
    return (reader->objects >> (reader->depth - 1) & 1) != 0;
}

static void value_done(struct json_reader *reader)
{
    reader->expect = reader->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static enum json_token open_level(struct json_reader *reader, bool object)
{
    if (reader->depth == JSON_DEPTH_MAX)
        return fail(reader, "nested too deeply");
    reader->at++;
    reader->objects &= ~(UINT32_C(1) << reader->depth);
    reader->objects |= (uint32_t)object << reader->depth;
    reader->depth++;
    reader->expect = object ? EXPECT_KEY_OR_OBJECT_END : EXPECT_VALUE_OR_ARRAY_END;
    return object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
}

static enum json_token close_level(struct json_reader *reader)
{
    bool object = in_object(reader);

    if (*reader->at != (object ? '}' : ']'))
        return fail(reader, "expected a comma or the end");
    reader->at++;
    reader->depth--;
    value_done(reader);
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

/* Four hex digits at ptr, or -1. */
static int32_t hex4(const char *ptr, const char *end)
{
    int32_t code = 0;

    if (end - ptr < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* Length of the escape at ptr (a backslash), or 0 when there is no such escape. */
static size_t escape_len(const char *ptr, const char *end)
{
    int32_t code;

    if (end - ptr < 2)
        return 0;
    if (ptr[1] != 'u')
        return ptr[1] != '\0' && strchr("\"\\/bfnrt", ptr[1]) != NULL ? 2 : 0;
    code = hex4(ptr + 2, end);
    if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF))
        return 0;
    if (code < 0xD800 || code > 0xDFFF)
        return 6;
    if (end - ptr < 12 || ptr[6] != '\\' || ptr[7] != 'u')
        return 0;
    code = hex4(ptr + 8, end);
    return code >= 0xDC00 && code <= 0xDFFF ? 12 : 0;
}

/* From behind the opening quote to behind the closing one; fills raw. */
static bool read_string(struct json_reader *reader)
{
    const char *begin = ++reader->at;
    const char *at = begin;
    bool ascii = true;

    reader->escaped = false;
    for (;;) {
        size_t len;

        at = json_plain_run(at, reader->end, &ascii);
        if (at == reader->end)
            return fail(reader, "text without an end"), false;
        if (*at == '"')
            break;
        reader->at = at;
        if (*at != '\\')
            return fail(reader, "control character in a text"), false;
        len = escape_len(at, reader->end);
        if (len == 0)
            return fail(reader, "wrong escape in a text"), false;
        reader->escaped = true;
        at += len;
    }
    reader->raw = slice_make(begin, (size_t)(at - begin));
    if (!ascii && !utf8_valid(reader->raw))
        return fail(reader, "not UTF-8"), false;
    reader->at = at + 1;
    return true;
}

static enum json_token read_key(struct json_reader *reader)
{
    if (*reader->at != '"')
        return fail(reader, "expected a field name");
    if (!read_string(reader))
        return JSON_ERROR;
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return fail(reader, "expected a colon");
    reader->at++;
    reader->expect = EXPECT_VALUE;
    return JSON_KEY;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static enum json_token read_number(struct json_reader *reader)
{
    const char *end = reader->end;
    const char *at = reader->at + (*reader->at == '-');
    const char *digits = at;

    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return fail(reader, "not a number");
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return fail(reader, "not a number");
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return fail(reader, "not a number");
    }
    reader->raw = slice_make(reader->at, (size_t)(at - reader->at));
    reader->at = at;
    value_done(reader);
    return JSON_NUMBER;
}

static enum json_token read_word(struct json_reader *reader, struct slice word,
                                 enum json_token token)
{
    struct slice rest = slice_make(reader->at, (size_t)(reader->end - reader->at));

    if (!slice_starts_with(rest, word))
        return fail(reader, "expected a value");
    reader->at += word.len;
    value_done(reader);
    return token;
}

static enum json_token read_value(struct json_reader *reader)
{
    switch (*reader->at) {
    case '{':
        return open_level(reader, true);
    case '[':
        return open_level(reader, false);
    case '"':
        if (!read_string(reader))
            return JSON_ERROR;
        value_done(reader);
        return JSON_TEXT;
    case 't':
        return read_word(reader, SLICE_LITERAL("true"), JSON_TRUE);
    case 'f':
        return read_word(reader, SLICE_LITERAL("false"), JSON_FALSE);
    case 'n':
        return read_word(reader, SLICE_LITERAL("null"), JSON_NULL);
    case '-':
    case '0' ... '9':
        return read_number(reader);
    default:
        return fail(reader, "expected a value");
    }
}

enum json_token json_next(struct json_reader *reader)
{
    skip_blanks(reader);
    if (reader->at == reader->end) {
        if (reader->expect == EXPECT_NOTHING)
            return JSON_END;
        return fail(reader, "ends too early");
    }
    switch ((enum json_expect)reader->expect) {
    case EXPECT_VALUE_OR_ARRAY_END:
        if (*reader->at == ']')
            return close_level(reader);
        return read_value(reader);
    case EXPECT_VALUE:
        return read_value(reader);
    case EXPECT_KEY_OR_OBJECT_END:
        if (*reader->at == '}')
            return close_level(reader);
        return read_key(reader);
    case EXPECT_KEY:
        return read_key(reader);
    case EXPECT_COMMA_OR_END:
        if (*reader->at != ',')
            return close_level(reader);
        reader->at++;
        reader->expect = in_object(reader) ? EXPECT_KEY : EXPECT_VALUE;
        return json_next(reader); /* at most once: the new state is another one */
    case EXPECT_NOTHING:
        return fail(reader, "something after the end");
    case EXPECT_FAILED:
        break;
    }
    return JSON_ERROR;
}

bool json_skip_value(struct json_reader *reader)
{
    unsigned depth = reader->depth;

    do {
        if (json_next(reader) == JSON_ERROR)
            return false;
    } while (reader->depth > depth);
    return true;
}

static size_t unescape_one(const char **at, char *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *ptr = *at;
    uint32_t code;

    if (ptr[1] != 'u') {
        *at += 2;
        *out = to[strchr(from, ptr[1]) - from];
        return 1;
    }
    code = (uint32_t)hex4(ptr + 2, ptr + 6);
    *at += 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        uint32_t low = (uint32_t)hex4(ptr + 8, ptr + 12);

        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *at += 6;
    }
    return utf8_encode(code, out);
}

size_t json_unescape(struct slice raw, char *out)
{
    const char *at = raw.ptr;
    const char *end = at + raw.len;
    size_t len = 0;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape != NULL ? escape : end) - at);

        memcpy(out + len, at, run);
        len += run;
        at += run;
        if (escape != NULL)
            len += unescape_one(&at, out + len);
    }
    return len;
}

bool json_number_u64(struct slice raw, uint64_t *out)
{
    unsigned long long value;

    if (!slice_to_u64(raw, &value))
        return false;
    *out = value;
    return true;
}

bool json_number_i64(struct slice raw, int64_t *out)
{
    bool negative = raw.len > 0 && raw.ptr[0] == '-';
    uint64_t value;

    if (negative)
        raw = slice_make(raw.ptr + 1, raw.len - 1);
    if (!json_number_u64(raw, &value) || value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)-value : (int64_t)value;
    return true;
}

bool json_number_double(struct slice raw, double *out)
{
    char text[JSON_NUMBER_MAX + 1];
    double value;

    if (raw.len == 0 || raw.len > JSON_NUMBER_MAX)
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    value = strtod(text, NULL); /* the process stays in the C locale */
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}
