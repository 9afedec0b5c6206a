/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: their first line, what their framing may be, and the parts of a target. */
#include <string.h>

#include "check.h"
#include "http_priv.h"

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};

struct slice http_field_get(const struct http_request *request, const char *name)
{
    return http_fields_get(request->fields, request->field_count, name);
}

static enum http_verdict method_parse(struct http_reader *r, struct http_request *out)
{
    int i;

    if (out->method_text.len == 0 || !http_all_of(out->method_text, HTTP_CHAR_TOKEN))
        return http_bad(r, 400, "the method is not a token");
    for (i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (slice_equal_text(out->method_text, method_names[i])) {
            out->method = (enum http_method)i;
            return HTTP_DONE;
        }
    }
    return http_bad(r, 501, "the method is not known");
}

/* origin-form, absolute-form, or * for OPTIONS. */
static enum http_verdict target_parse(struct http_reader *r, struct http_request *out)
{
    struct slice rest = out->target;
    const char *mark;

    if (rest.len > HTTP_TARGET_MAX)
        return http_bad(r, 414, "the target is too long");
    if (rest.len == 0 || !http_all_of(rest, HTTP_CHAR_TARGET))
        return http_bad(r, 400, "the target has a forbidden character");
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
            return http_bad(r, 400, "the target is neither a path nor an http URL");
        rest.ptr += scheme;
        rest.len -= scheme;
        while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
            len++;
        out->host = slice_make(rest.ptr, len);
        if (!http_host_valid(out->host))
            return http_bad(r, 400, "the target's host is not valid");
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

static enum http_verdict request_line_parse(struct http_reader *r, struct slice line,
                                            struct http_request *out)
{
    const char *first = memchr(line.ptr, ' ', line.len);
    const char *last = memrchr(line.ptr, ' ', line.len);
    const char *end = line.ptr + line.len;
    enum http_verdict verdict;

    if (first == NULL || first == last)
        return http_bad(r, 400, "the request line has not three parts");
    out->method_text = slice_make(line.ptr, (size_t)(first - line.ptr));
    out->target = slice_make(first + 1, (size_t)(last - first - 1));
    verdict = http_version_parse(r, slice_make(last + 1, (size_t)(end - last - 1)), &out->minor);
    if (verdict == HTTP_DONE)
        verdict = method_parse(r, out);
    if (verdict == HTTP_DONE)
        verdict = target_parse(r, out);
    return verdict;
}

static enum http_verdict framing_check(struct http_reader *r, const struct http_framing *framing,
                                       struct http_request *out)
{
    if (framing->has_encoding && out->minor == 0)
        return http_bad(r, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (!framing->has_host && out->minor == 1)
        return http_bad(r, 400, "Host is missing");
    if (framing->length > HTTP_BODY_MAX)
        return http_bad(r, 413, "the body is too long");
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
    struct http_framing framing = { 0 };
    enum http_verdict verdict;

    memset(out, 0, offsetof(struct http_request, fields));
    if (head.ptr[0] == '\r') /* one empty line may come before (RFC 9112 section 2.2) */
        http_line_take(&head);
    verdict = request_line_parse(r, http_line_take(&head), out);
    if (verdict == HTTP_DONE)
        verdict = http_fields_parse(r, head, out->fields, &out->field_count, &framing);
    if (verdict != HTTP_DONE)
        return verdict;
    if (out->host.len == 0) /* the host of an absolute target goes before */
        out->host = framing.host;
    out->upgrade = framing.upgrade;
    return framing_check(r, &framing, out);
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
        verdict = http_head_find(r, bytes, *len);
        if (verdict == HTTP_DONE)
            verdict = head_parse(r, slice_make(bytes, r->head_len), out);
        if (verdict == HTTP_DONE)
            verdict = body_begin(r, out);
        if (verdict != HTTP_DONE)
            return verdict;
    }
    if (r->chunked)
        verdict = http_chunked_read(r, bytes, len);
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
            int high = i + 2 < s.len ? http_hex_value(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? http_hex_value(s.ptr[i + 2]) : -1;

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
