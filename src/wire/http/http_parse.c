/* SPDX-License-Identifier: Apache-2.0 */
/* The head is looked for with memchr as it arrives (so that a client who sends single bytes costs
 * linear work) and parsed once when it is whole. Bare CR, bare LF and NUL are refused while
 * looking, so a wrong line ending is an answer and not a time-out. */
#include <string.h>

#include "check.h"
#include "http.h"
#include "http_chars.h"

enum http_phase {
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_CHUNK_SIZE,
    PHASE_CHUNK_DATA,
    PHASE_CHUNK_END,
    PHASE_TRAILERS,
};

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};

/* What the fields say about framing, collected while they are read. */
struct framing {
    bool has_length;
    bool has_encoding;
    bool has_host;
    bool has_expect;
    bool close;
    bool keep_alive_asked;
    uint64_t length;
};

static enum http_verdict bad(struct http_reader *r, int status, const char *reason)
{
    r->status = status;
    r->reason = reason;
    return HTTP_BAD;
}

static bool all_of(struct slice s, int class)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (!http_char_is(s.ptr[i], class))
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

struct slice http_field_get(const struct http_request *request, const char *name)
{
    struct slice wanted = slice_of(name);
    uint32_t i;

    for (i = 0; i < request->field_count; i++) {
        if (slice_equal_ignore_case(request->fields[i].name, wanted))
            return request->fields[i].value;
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

static enum http_verdict method_parse(struct http_reader *r, struct http_request *out)
{
    int i;

    if (out->method_text.len == 0 || !all_of(out->method_text, HTTP_CHAR_TOKEN))
        return bad(r, 400, "the method is not a token");
    for (i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (slice_equal_text(out->method_text, method_names[i])) {
            out->method = (enum http_method)i;
            return HTTP_DONE;
        }
    }
    return bad(r, 501, "the method is not known");
}

static bool host_valid(struct slice host)
{
    return host.len > 0 && all_of(host, HTTP_CHAR_HOST);
}

/* origin-form, absolute-form, or * for OPTIONS. */
static enum http_verdict target_parse(struct http_reader *r, struct http_request *out)
{
    struct slice rest = out->target;
    const char *mark;

    if (rest.len > HTTP_TARGET_MAX)
        return bad(r, 414, "the target is too long");
    if (rest.len == 0 || !all_of(rest, HTTP_CHAR_TARGET))
        return bad(r, 400, "the target has a forbidden character");
    if (slice_equal_text(rest, "*") && out->method == HTTP_OPTIONS) {
        out->path = rest;
        return HTTP_DONE;
    }
    if (rest.ptr[0] != '/') {
        size_t scheme = rest.len > 8 && strncasecmp(rest.ptr, "https://", 8) == 0  ? 8
                        : rest.len > 7 && strncasecmp(rest.ptr, "http://", 7) == 0 ? 7
                                                                                   : 0;
        size_t len = 0;

        if (scheme == 0)
            return bad(r, 400, "the target is neither a path nor an http URL");
        rest.ptr += scheme;
        rest.len -= scheme;
        while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
            len++;
        out->host = slice_make(rest.ptr, len);
        if (!host_valid(out->host))
            return bad(r, 400, "the target's host is not valid");
        rest.ptr += len;
        rest.len -= len;
    }
    mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
    if (mark != NULL) {
        out->query = slice_make(mark + 1, rest.len - (size_t)(mark + 1 - rest.ptr));
        rest.len = (size_t)(mark - rest.ptr);
    }
    out->path = rest.len > 0 ? rest : SLICE_LITERAL("/");
    return HTTP_DONE;
}

static enum http_verdict version_parse(struct http_reader *r, struct slice version,
                                       struct http_request *out)
{
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || version.ptr[6] != '.' ||
        version.ptr[5] < '0' || version.ptr[5] > '9' || version.ptr[7] < '0' ||
        version.ptr[7] > '9')
        return bad(r, 400, "the version is not valid");
    if (version.ptr[5] != '1')
        return bad(r, 505, "only HTTP/1.1 and 1.0 are spoken here");
    out->minor = version.ptr[7] == '0' ? 0 : 1;
    return HTTP_DONE;
}

static enum http_verdict request_line_parse(struct http_reader *r, struct slice line,
                                            struct http_request *out)
{
    const char *first = memchr(line.ptr, ' ', line.len);
    const char *last = memrchr(line.ptr, ' ', line.len);
    const char *end = line.ptr + line.len;
    enum http_verdict verdict;

    if (first == NULL || first == last)
        return bad(r, 400, "the request line has not three parts");
    out->method_text = slice_make(line.ptr, (size_t)(first - line.ptr));
    out->target = slice_make(first + 1, (size_t)(last - first - 1));
    verdict = version_parse(r, slice_make(last + 1, (size_t)(end - last - 1)), out);
    if (verdict == HTTP_DONE)
        verdict = method_parse(r, out);
    if (verdict == HTTP_DONE)
        verdict = target_parse(r, out);
    return verdict;
}

static enum http_verdict length_field(struct http_reader *r, struct slice value,
                                      struct framing *framing)
{
    unsigned long long length;

    if (framing->has_length)
        return bad(r, 400, "Content-Length is given twice");
    if (!slice_to_u64(value, &length))
        return bad(r, 400, "Content-Length is not a number");
    framing->has_length = true;
    framing->length = length;
    return HTTP_DONE;
}

static enum http_verdict encoding_field(struct http_reader *r, struct slice value,
                                        struct framing *framing)
{
    if (framing->has_encoding)
        return bad(r, 400, "Transfer-Encoding is given twice");
    framing->has_encoding = true;
    if (!slice_equal_ignore_case(value, SLICE_LITERAL("chunked")))
        return bad(r, 501, "the only transfer encoding here is chunked");
    return HTTP_DONE;
}

static enum http_verdict host_field(struct http_reader *r, struct slice value,
                                    struct framing *framing, struct http_request *out)
{
    if (framing->has_host)
        return bad(r, 400, "Host is given twice");
    framing->has_host = true;
    if (!host_valid(value))
        return bad(r, 400, "Host is not valid");
    if (out->host.len == 0) /* the host of an absolute target goes before */
        out->host = value;
    return HTTP_DONE;
}

static void connection_field(struct slice value, struct framing *framing, struct http_request *out)
{
    framing->close |= http_list_has(value, SLICE_LITERAL("close"));
    framing->keep_alive_asked |= http_list_has(value, SLICE_LITERAL("keep-alive"));
    out->upgrade |= http_list_has(value, SLICE_LITERAL("upgrade"));
}

/* Fields that decide about framing and the connection; the length tells most others apart. */
static enum http_verdict field_meaning(struct http_reader *r, const struct http_field *field,
                                       struct framing *framing, struct http_request *out)
{
    struct slice name = field->name;

    switch (name.len) {
    case 4:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Host")))
            return host_field(r, field->value, framing, out);
        break;
    case 6:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Expect"))) {
            if (!slice_equal_ignore_case(field->value, SLICE_LITERAL("100-continue")))
                return bad(r, 417, "the only expectation here is 100-continue");
            framing->has_expect = true;
        }
        break;
    case 10:
        if (slice_equal_ignore_case(name, SLICE_LITERAL("Connection")))
            connection_field(field->value, framing, out);
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
    if (!all_of(out->value, HTTP_CHAR_VALUE))
        return "a field value has a control character";
    return NULL;
}

/* Takes a line without its CRLF. The caller knows that every LF follows a CR. */
static struct slice line_take(struct slice *rest)
{
    const char *lf = memchr(rest->ptr, '\n', rest->len);
    struct slice line;

    ENSURE(lf != NULL && lf > rest->ptr);
    line = slice_make(rest->ptr, (size_t)(lf - rest->ptr) - 1);
    rest->len -= (size_t)(lf + 1 - rest->ptr);
    rest->ptr = lf + 1;
    return line;
}

static enum http_verdict framing_check(struct http_reader *r, const struct framing *framing,
                                       struct http_request *out)
{
    if (framing->has_encoding && framing->has_length)
        return bad(r, 400, "both Content-Length and Transfer-Encoding are given");
    if (framing->has_encoding && out->minor == 0)
        return bad(r, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (!framing->has_host && out->minor == 1)
        return bad(r, 400, "Host is missing");
    if (framing->length > HTTP_BODY_MAX)
        return bad(r, 413, "the body is too long");
    out->keep_alive = !framing->close && (out->minor == 1 || framing->keep_alive_asked);
    out->expect_continue = framing->has_expect && out->minor == 1;
    r->chunked = framing->has_encoding;
    r->body_len = (uint32_t)framing->length;
    return HTTP_DONE;
}

/* head: up to and with the empty line. */
static enum http_verdict head_parse(struct http_reader *r, struct slice head,
                                    struct http_request *out)
{
    struct framing framing = { 0 };
    enum http_verdict verdict;
    struct slice line;

    memset(out, 0, offsetof(struct http_request, fields));
    if (head.ptr[0] == '\r') /* one empty line may come before (RFC 9112 section 2.2) */
        line_take(&head);
    verdict = request_line_parse(r, line_take(&head), out);
    if (verdict != HTTP_DONE)
        return verdict;
    for (line = line_take(&head); line.len > 0; line = line_take(&head)) {
        struct http_field *field = &out->fields[out->field_count];
        const char *reason;

        if (out->field_count == HTTP_FIELDS_MAX)
            return bad(r, 431, "too many fields");
        reason = field_parse(line, field);
        if (reason != NULL)
            return bad(r, 400, reason);
        out->field_count++;
        verdict = field_meaning(r, field, &framing, out);
        if (verdict != HTTP_DONE)
            return verdict;
    }
    return framing_check(r, &framing, out);
}

/* Looks at what is new. Every LF must follow a CR and every CR be followed by an LF. */
static enum http_verdict head_find(struct http_reader *r, const char *bytes, size_t len)
{
    size_t limit = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
    size_t from = r->scanned;

    /* One CR may be the last byte so far; it is looked at again with its successor. */
    while (from < limit) {
        const char *cr = memchr(bytes + from, '\r', limit - from);
        size_t at = cr != NULL ? (size_t)(cr - bytes) : limit;

        if (memchr(bytes + from, '\0', at - from) != NULL)
            return bad(r, 400, "the head has a zero byte");
        if (memchr(bytes + from, '\n', at - from) != NULL)
            return bad(r, 400, "a line ends without a carriage return");
        if (cr == NULL || at + 1 == limit) {
            from = at;
            break;
        }
        if (bytes[at + 1] != '\n')
            return bad(r, 400, "a carriage return stands alone");
        from = at + 2;
        if (at > 2 && bytes[at - 1] == '\n') {
            r->head_len = (uint32_t)from;
            return HTTP_DONE;
        }
        if (at == 2 && bytes[0] == '\r')
            return bad(r, 400, "two empty lines before the request");
    }
    r->scanned = (uint32_t)from;
    if (len >= HTTP_HEAD_MAX)
        return bad(r, 431, "the head is too long");
    return HTTP_MORE;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
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
        return bad(r, 400, "a line of a chunked body is too long");
    if (lf == NULL)
        return HTTP_MORE;
    if (line_len == 0 || from[line_len - 1] != '\r')
        return bad(r, 400, "a line of a chunked body ends without a carriage return");
    *line = slice_make(from, line_len - 1);
    if (!all_of(*line, HTTP_CHAR_VALUE))
        return bad(r, 400, "a line of a chunked body has a control character");
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
    for (i = 0; i < line.len && hex_value(line.ptr[i]) >= 0; i++) {
        if (size >> 24 != 0)
            return bad(r, 413, "a chunk is too long");
        size = size << 4 | (uint32_t)hex_value(line.ptr[i]);
    }
    if (i == 0 || (i < line.len && line.ptr[i] != ';'))
        return bad(r, 400, "a chunk size is not a hexadecimal number");
    if (line.len - i > (size_t)(HTTP_CHUNK_EXTENSIONS_MAX - r->extensions))
        return bad(r, 400, "chunk extensions are too long");
    r->extensions = (uint16_t)(r->extensions + (line.len - i));
    if (size > HTTP_BODY_MAX - r->body_len)
        return bad(r, 413, "the body is too long");
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
        return bad(r, 400, "a chunk does not end where it should");
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
        return bad(r, 400, reason);
    r->trailers = (uint16_t)(r->trailers + line.len);
    return HTTP_DONE;
}

static enum http_verdict chunked_read(struct http_reader *r, char *bytes, size_t *len)
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

static enum http_verdict body_begin(struct http_reader *r, const struct http_request *out)
{
    r->phase = r->chunked ? PHASE_CHUNK_SIZE : PHASE_BODY;
    r->raw_at = r->head_len;
    r->expect_continue = out->expect_continue && (r->chunked || r->body_len > 0);
    return HTTP_DONE;
}

/* The head's slices may point to a buffer that has moved since, and a request is 3 kB that nobody
 * wants to keep while its body arrives: so the head is parsed again when the body is whole. */
static enum http_verdict body_done(struct http_reader *r, const char *bytes,
                                   struct http_request *out, bool head_is_fresh)
{
    uint32_t body_len = r->body_len;

    if (!head_is_fresh)
        ENSURE(head_parse(r, slice_make(bytes, r->head_len), out) == HTTP_DONE);
    r->body_len = body_len;
    r->used = r->chunked ? r->raw_at : r->head_len + body_len;
    out->body = slice_make(bytes + r->head_len, body_len);
    return HTTP_DONE;
}

enum http_verdict http_request_read(struct http_reader *r, char *bytes, size_t *len,
                                    struct http_request *out)
{
    bool head_is_fresh = r->head_len == 0;
    enum http_verdict verdict;

    if (head_is_fresh) {
        verdict = head_find(r, bytes, *len);
        if (verdict == HTTP_DONE)
            verdict = head_parse(r, slice_make(bytes, r->head_len), out);
        if (verdict == HTTP_DONE)
            verdict = body_begin(r, out);
        if (verdict != HTTP_DONE)
            return verdict;
    }
    if (r->chunked)
        verdict = chunked_read(r, bytes, len);
    else
        verdict = *len - r->head_len >= r->body_len ? HTTP_DONE : HTTP_MORE;
    if (verdict != HTTP_DONE)
        return verdict;
    return body_done(r, bytes, out, head_is_fresh);
}

bool http_percent_decode(struct slice s, bool plus_is_space, char *out, size_t *out_len)
{
    size_t len = 0;
    size_t i;

    for (i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '%') {
            int high = i + 2 < s.len ? hex_value(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;

            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[len++] = c;
    }
    *out_len = len;
    return true;
}

bool http_query_get(struct slice query, const char *name, struct slice *out)
{
    size_t name_len = strlen(name);

    while (query.len > 0) {
        const char *amp = memchr(query.ptr, '&', query.len);
        size_t len = amp != NULL ? (size_t)(amp - query.ptr) : query.len;

        if (len >= name_len && memcmp(query.ptr, name, name_len) == 0 &&
            (len == name_len || query.ptr[name_len] == '=')) {
            size_t skip = len == name_len ? len : name_len + 1;

            *out = slice_make(query.ptr + skip, len - skip);
            return true;
        }
        len += amp != NULL;
        query.ptr += len;
        query.len -= len;
    }
    return false;
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    size_t i;

    for (i = 0; i < LENGTH_OF(table); i++) {
        if (table[i].status == status)
            return table[i].text;
    }
    return "Unknown";
}
