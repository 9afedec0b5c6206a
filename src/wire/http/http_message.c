/* SPDX-License-Identifier: Apache-2.0 */
/* What requests and responses have in common: how a head is found, its fields, what they say about
 * framing, and the chunked body.
 *
 * The head is looked for with memchr as it arrives (so that a peer who sends single bytes costs
 * linear work) and parsed once when it is whole. Bare CR, bare LF and NUL are refused while
 * looking, so a wrong line ending is an answer and not a time-out. */
#include <string.h>

#include "check.h"
#include "http_priv.h"

enum http_verdict http_bad(struct http_reader *r, int status, const char *reason)
{
    r->status = status;
    r->reason = reason;
    return HTTP_BAD;
}

bool http_all_of(struct slice s, int class)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (!http_char_is(s.ptr[i], class))
            return false;
    }
    return true;
}

/* RFC 9112, 3.2: a name, an address, or one in brackets; behind a colon a port. */
bool http_host_valid(struct slice host)
{
    const char *bracket =
        host.len > 0 && host.ptr[0] == '[' ? memchr(host.ptr, ']', host.len) : NULL;
    size_t name = bracket != NULL ? (size_t)(bracket + 1 - host.ptr) : 0;

    if (host.len == 0 || !http_all_of(host, HTTP_CHAR_HOST) || (host.ptr[0] == '[' && name == 0))
        return false;
    while (bracket == NULL && name < host.len && host.ptr[name] != ':')
        name++;
    if (name < host.len && host.ptr[name] != ':')
        return false;
    for (size_t i = name + 1; i < host.len; i++) {
        if (host.ptr[i] < '0' || host.ptr[i] > '9')
            return false;
    }
    return true;
}

static struct slice blanks_trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

struct slice http_fields_get(const struct http_field *fields, uint32_t count, const char *name)
{
    struct slice wanted = slice_of(name);
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (slice_equal_ignore_case(fields[i].name, wanted))
            return fields[i].value;
    }
    return SLICE_EMPTY;
}

/* Takes the next element of a comma-separated list; false at its end. */
static bool list_next(struct slice *list, struct slice *element)
{
    const char *comma;
    size_t len;

    if (list->len == 0)
        return false;
    comma = memchr(list->ptr, ',', list->len);
    len = comma != NULL ? (size_t)(comma - list->ptr) : list->len;
    *element = blanks_trim(slice_make(list->ptr, len));
    len += comma != NULL;
    list->ptr += len;
    list->len -= len;
    return true;
}

bool http_list_has(struct slice list, struct slice token)
{
    struct slice element;

    while (list_next(&list, &element)) {
        if (slice_equal_ignore_case(element, token))
            return true;
    }
    return false;
}

enum http_verdict http_version_parse(struct http_reader *r, struct slice version, uint8_t *minor)
{
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || version.ptr[6] != '.' ||
        version.ptr[5] < '0' || version.ptr[5] > '9' || version.ptr[7] < '0' ||
        version.ptr[7] > '9')
        return http_bad(r, 400, "the version is not valid");
    if (version.ptr[5] != '1')
        return http_bad(r, 505, "only HTTP/1.1 and 1.0 are spoken here");
    *minor = version.ptr[7] == '0' ? 0 : 1;
    return HTTP_DONE;
}

static enum http_verdict length_field(struct http_reader *r, struct slice value,
                                      struct http_framing *framing)
{
    unsigned long long length;

    if (framing->has_length)
        return http_bad(r, 400, "Content-Length is given twice");
    if (!slice_to_u64(value, &length))
        return http_bad(r, 400, "Content-Length is not a number");
    framing->has_length = true;
    framing->length = length;
    return HTTP_DONE;
}

static enum http_verdict encoding_field(struct http_reader *r, struct slice value,
                                        struct http_framing *framing)
{
    if (framing->has_encoding)
        return http_bad(r, 400, "Transfer-Encoding is given twice");
    framing->has_encoding = true;
    if (!slice_equal_ignore_case(value, SLICE_LITERAL("chunked")))
        return http_bad(r, 501, "the only transfer encoding here is chunked");
    return HTTP_DONE;
}

static enum http_verdict host_field(struct http_reader *r, struct slice value,
                                    struct http_framing *framing)
{
    if (framing->has_host)
        return http_bad(r, 400, "Host is given twice");
    framing->has_host = true;
    if (!http_host_valid(value))
        return http_bad(r, 400, "Host is not valid");
    framing->host = value;
    return HTTP_DONE;
}

static void connection_field(struct slice value, struct http_framing *framing)
{
    framing->close |= http_list_has(value, SLICE_LITERAL("close"));
    framing->keep_alive_asked |= http_list_has(value, SLICE_LITERAL("keep-alive"));
    framing->upgrade |= http_list_has(value, SLICE_LITERAL("upgrade"));
}

static enum http_verdict expect_field(struct http_reader *r, struct slice value,
                                      struct http_framing *framing)
{
    if (!slice_equal_ignore_case(value, SLICE_LITERAL("100-continue")))
        return http_bad(r, 417, "the only expectation here is 100-continue");
    framing->has_expect = true;
    return HTTP_DONE;
}

/* Fields that decide about framing and the connection; the length tells most others apart. */
static enum http_verdict field_meaning(struct http_reader *r, const struct http_field *field,
                                       struct http_framing *framing)
{
    struct slice name = field->name;

    switch (name.len) {
    case 4:
        if (!framing->response && slice_equal_ignore_case(name, SLICE_LITERAL("Host")))
            return host_field(r, field->value, framing);
        break;
    case 6:
        if (!framing->response && slice_equal_ignore_case(name, SLICE_LITERAL("Expect")))
            return expect_field(r, field->value, framing);
        break;
    case 10:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Connection")))
            connection_field(field->value, framing);
        break;
    case 14:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Content-Length")))
            return length_field(r, field->value, framing);
        break;
    case 17:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Transfer-Encoding")))
            return encoding_field(r, field->value, framing);
        break;
    default:
        break;
    }
    return HTTP_DONE;
}

static const char *field_parse(struct slice line, struct http_field *out)
{
    size_t i = 0;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return "a field is folded over two lines";
    while (i < line.len && http_char_is(line.ptr[i], HTTP_CHAR_TOKEN))
        i++;
    if (i == 0 || i == line.len || line.ptr[i] != ':')
        return "a field name is not a token followed by a colon";
    out->name = slice_make(line.ptr, i);
    out->value = blanks_trim(slice_make(line.ptr + i + 1, line.len - i - 1));
    if (!http_all_of(out->value, HTTP_CHAR_VALUE))
        return "a field value has a control character";
    return NULL;
}

/* Takes a line without its CRLF. The caller knows that every LF follows a CR. */
struct slice http_line_take(struct slice *rest)
{
    const char *lf = memchr(rest->ptr, '\n', rest->len);
    struct slice line;

    ENSURE(lf != NULL && lf > rest->ptr);
    line = slice_make(rest->ptr, (size_t)(lf - rest->ptr) - 1);
    rest->len -= (size_t)(lf + 1 - rest->ptr);
    rest->ptr = lf + 1;
    return line;
}

enum http_verdict http_fields_parse(struct http_reader *r, struct slice lines,
                                    struct http_field fields[HTTP_FIELDS_MAX], uint32_t *count,
                                    struct http_framing *framing)
{
    struct slice line;

    for (line = http_line_take(&lines); line.len > 0; line = http_line_take(&lines)) {
        struct http_field *field = &fields[*count];
        enum http_verdict verdict;
        const char *reason;

        if (*count == HTTP_FIELDS_MAX)
            return http_bad(r, 431, "too many fields");
        reason = field_parse(line, field);
        if (reason != NULL)
            return http_bad(r, 400, reason);
        (*count)++;
        verdict = field_meaning(r, field, framing);
        if (verdict != HTTP_DONE)
            return verdict;
    }
    if (framing->has_encoding && framing->has_length)
        return http_bad(r, 400, "both Content-Length and Transfer-Encoding are given");
    return HTTP_DONE;
}

/* Looks at what is new. Every LF must follow a CR and every CR be followed by an LF. */
enum http_verdict http_head_find(struct http_reader *r, const char *bytes, size_t len)
{
    size_t limit = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
    size_t from = r->scanned;

    /* One CR may be the last byte so far; it is looked at again with its successor. */
    while (from < limit) {
        const char *cr = memchr(bytes + from, '\r', limit - from);
        size_t at = cr != NULL ? (size_t)(cr - bytes) : limit;

        if (memchr(bytes + from, '\0', at - from) != NULL)
            return http_bad(r, 400, "the head has a zero byte");
        if (memchr(bytes + from, '\n', at - from) != NULL)
            return http_bad(r, 400, "a line ends without a carriage return");
        if (cr == NULL || at + 1 == limit) {
            from = at;
            break;
        }
        if (bytes[at + 1] != '\n')
            return http_bad(r, 400, "a carriage return stands alone");
        from = at + 2;
        if (at > 2 && bytes[at - 1] == '\n') {
            r->head_len = (uint32_t)from;
            return HTTP_DONE;
        }
        if (at == 2 && bytes[0] == '\r')
            return http_bad(r, 400, "two empty lines before the message");
    }
    r->scanned = (uint32_t)from;
    if (len >= HTTP_HEAD_MAX)
        return http_bad(r, 431, "the head is too long");
    return HTTP_MORE;
}

/* A line of the chunk syntax at raw_at, without its CRLF. */
static enum http_verdict chunk_line(struct http_reader *r, const char *bytes, size_t len,
                                    size_t line_max, struct slice *line)
{
    const char *from = bytes + r->raw_at;
    size_t room = len - r->raw_at;
    const char *lf = room > 0 ? memchr(from, '\n', room) : NULL;
    size_t line_len = lf != NULL ? (size_t)(lf - from) : room;

    if (line_len > line_max + 1)
        return http_bad(r, 400, "a line of a chunked body is too long");
    if (lf == NULL)
        return HTTP_MORE;
    if (line_len == 0 || from[line_len - 1] != '\r')
        return http_bad(r, 400, "a line of a chunked body ends without a carriage return");
    *line = slice_make(from, line_len - 1);
    if (!http_all_of(*line, HTTP_CHAR_VALUE))
        return http_bad(r, 400, "a line of a chunked body has a control character");
    r->raw_at += (uint32_t)(line_len + 1);
    return HTTP_DONE;
}

static enum http_verdict chunk_size(struct http_reader *r, const char *bytes, size_t len)
{
    struct slice line;
    enum http_verdict verdict = chunk_line(r, bytes, len, HTTP_CHUNK_LINE_MAX, &line);
    uint32_t size = 0;
    size_t i;

    if (verdict != HTTP_DONE)
        return verdict;
    for (i = 0; i < line.len && http_hex_value(line.ptr[i]) >= 0; i++) {
        if (size >> 24 != 0)
            return http_bad(r, 413, "a chunk is too long");
        size = size << 4 | (uint32_t)http_hex_value(line.ptr[i]);
    }
    if (i == 0 || (i < line.len && line.ptr[i] != ';'))
        return http_bad(r, 400, "a chunk size is not a hexadecimal number");
    if (line.len - i > (size_t)(HTTP_CHUNK_EXTENSIONS_MAX - r->extensions))
        return http_bad(r, 400, "chunk extensions are too long");
    r->extensions = (uint16_t)(r->extensions + (line.len - i));
    if (size > http_body_room(r))
        return http_bad(r, 413, "the body is too long");
    r->chunk_left = size;
    r->phase = size > 0 ? PHASE_CHUNK_DATA : PHASE_TRAILERS;
    return HTTP_DONE;
}

static enum http_verdict chunk_data(struct http_reader *r, char *bytes, size_t len)
{
    size_t n = len - r->raw_at < r->chunk_left ? len - r->raw_at : r->chunk_left;

    memmove(bytes + r->head_len + r->body_len, bytes + r->raw_at, n);
    r->body_len += (uint32_t)n;
    r->raw_at += (uint32_t)n;
    r->chunk_left -= (uint32_t)n;
    if (r->chunk_left > 0)
        return HTTP_MORE;
    r->phase = PHASE_CHUNK_END;
    return HTTP_DONE;
}

static enum http_verdict chunk_end(struct http_reader *r, const char *bytes, size_t len)
{
    const char *at = bytes + r->raw_at;
    size_t room = len - r->raw_at;

    if ((room >= 1 && at[0] != '\r') || (room >= 2 && at[1] != '\n'))
        return http_bad(r, 400, "a chunk does not end where it should");
    if (room < 2)
        return HTTP_MORE;
    r->raw_at += 2;
    r->phase = PHASE_CHUNK_SIZE;
    return HTTP_DONE;
}

/* HTTP_DONE with phase HEAD: the body is complete. */
static enum http_verdict trailer_line(struct http_reader *r, const char *bytes, size_t len)
{
    struct http_field field;
    struct slice line;
    enum http_verdict verdict =
        chunk_line(r, bytes, len, (size_t)(HTTP_TRAILERS_MAX - r->trailers), &line);
    const char *reason;

    if (verdict != HTTP_DONE)
        return verdict;
    if (line.len == 0) {
        r->phase = PHASE_HEAD;
        return HTTP_DONE;
    }
    reason = field_parse(line, &field);
    if (reason != NULL)
        return http_bad(r, 400, reason);
    r->trailers = (uint16_t)(r->trailers + line.len);
    return HTTP_DONE;
}

enum http_verdict http_chunked_read(struct http_reader *r, char *bytes, size_t *len)
{
    enum http_verdict verdict = HTTP_DONE;
    size_t gap;

    while (verdict == HTTP_DONE && r->phase != PHASE_HEAD) {
        if (r->phase == PHASE_CHUNK_SIZE)
            verdict = chunk_size(r, bytes, *len);
        else if (r->phase == PHASE_CHUNK_DATA)
            verdict = chunk_data(r, bytes, *len);
        else if (r->phase == PHASE_CHUNK_END)
            verdict = chunk_end(r, bytes, *len);
        else
            verdict = trailer_line(r, bytes, *len);
    }
    if (verdict != HTTP_MORE)
        return verdict;
    /* Close the gap that the framing left, so that what is kept is bounded by the body's bound. */
    gap = r->raw_at - (r->head_len + r->body_len);
    memmove(bytes + r->raw_at - gap, bytes + r->raw_at, *len - r->raw_at);
    *len -= gap;
    r->raw_at -= (uint32_t)gap;
    return HTTP_MORE;
}
