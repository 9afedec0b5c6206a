/* SPDX-License-Identifier: Apache-2.0 */
/* Responses. Stricter than RFC 9112 where leniency could make two readers see two messages: what it
 * lets a client repair (a length given twice, folded fields, both kinds of framing) is refused. */
#include <string.h>

#include "check.h"
#include "http_priv.h"

struct slice http_response_field(const struct http_response *response, const char *name)
{
    return http_fields_get(response->fields, response->field_count, name);
}

/* "HTTP/1.1 200 OK". The blank behind the code is often left out with the reason; nothing can hide
 * there. */
static enum http_verdict status_line_parse(struct http_reader *r, struct slice line,
                                           struct http_response *out)
{
    enum { VERSION_LEN = 8, STATUS_LEN = 3, LINE_MIN = VERSION_LEN + 1 + STATUS_LEN };
    const char *digits = line.ptr + VERSION_LEN + 1;
    enum http_verdict verdict;
    int i;

    if (line.len < LINE_MIN || line.ptr[VERSION_LEN] != ' ' ||
        (line.len > LINE_MIN && line.ptr[LINE_MIN] != ' '))
        return http_bad(r, 502, "the status line has not three parts");
    verdict = http_version_parse(r, slice_make(line.ptr, VERSION_LEN), &out->minor);
    if (verdict != HTTP_DONE)
        return verdict;
    for (i = 0; i < STATUS_LEN; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return http_bad(r, 502, "the status is not a number");
        out->status = out->status * 10 + (digits[i] - '0');
    }
    if (out->status < 100 || out->status > 599)
        return http_bad(r, 502, "the status is not one of HTTP's");
    if (!http_all_of(slice_make(line.ptr + LINE_MIN, line.len - LINE_MIN), HTTP_CHAR_VALUE))
        return http_bad(r, 502, "the reason has a control character");
    return HTTP_DONE;
}

/* RFC 9112 section 6.3, in its order. */
static enum http_verdict framing_check(struct http_reader *r, const struct http_framing *framing,
                                       struct http_response *out)
{
    bool bodyless = r->head_asked || out->status == 204 || out->status == 304;

    if (framing->has_encoding && out->minor == 0)
        return http_bad(r, 502, "HTTP/1.0 has no Transfer-Encoding");
    if (out->status == 204 && (framing->has_encoding || framing->length > 0))
        return http_bad(r, 502, "204 with a body");
    r->chunked = framing->has_encoding && !bodyless;
    r->until_close = !framing->has_encoding && !framing->has_length && !bodyless;
    if (!bodyless && framing->length > http_body_room(r))
        return http_bad(r, 413, "the body is too long");
    r->body_len = bodyless ? 0 : (uint32_t)framing->length;
    out->keep_alive =
        !framing->close && !r->until_close && (out->minor == 1 || framing->keep_alive_asked);
    return HTTP_DONE;
}

/* head: up to and with the empty line. */
static enum http_verdict head_parse(struct http_reader *r, struct slice head,
                                    struct http_response *out)
{
    struct http_framing framing = { .response = true };
    enum http_verdict verdict;

    memset(out, 0, offsetof(struct http_response, fields));
    verdict = status_line_parse(r, http_line_take(&head), out);
    if (verdict == HTTP_DONE)
        verdict = http_fields_parse(r, head, out->fields, &out->field_count, &framing);
    if (verdict != HTTP_DONE || out->status < 200)
        return verdict;
    r->body_len = 0;
    return framing_check(r, &framing, out);
}

static enum http_verdict interim_drop(struct http_reader *r, char *bytes, size_t *len, int status)
{
    if (status == 101)
        return http_bad(r, 502, "another protocol, which nobody asked for");
    if (r->interim == HTTP_INTERIM_MAX)
        return http_bad(r, 502, "too many interim responses");
    r->interim++;
    *len -= r->head_len;
    memmove(bytes, bytes + r->head_len, *len);
    r->scanned = 0;
    r->head_len = 0;
    return HTTP_MORE;
}

/* HTTP_DONE: the head of the real response is whole. */
static enum http_verdict head_read(struct http_reader *r, char *bytes, size_t *len,
                                   struct http_response *out)
{
    enum http_verdict verdict;

    do {
        verdict = http_head_find(r, bytes, *len);
        if (verdict == HTTP_DONE)
            verdict = head_parse(r, slice_make(bytes, r->head_len), out);
        if (verdict != HTTP_DONE)
            return verdict;
        if (out->status >= 200)
            break;
        verdict = interim_drop(r, bytes, len, out->status);
    } while (verdict == HTTP_MORE && *len > 0);
    if (verdict != HTTP_DONE)
        return verdict;
    r->phase = r->chunked ? PHASE_CHUNK_SIZE : PHASE_BODY;
    r->raw_at = r->head_len;
    return HTTP_DONE;
}

/* The head is parsed again: its slices may point to a buffer that has moved since. */
static enum http_verdict body_done(struct http_reader *r, char *bytes, struct http_response *out)
{
    uint32_t body_len = r->body_len;
    uint32_t body_taken = r->body_taken;
    bool chunked = r->chunked;

    r->body_taken = 0;
    ENSURE(head_parse(r, slice_make(bytes, r->head_len), out) == HTTP_DONE);
    r->body_len = body_len;
    r->body_taken = body_taken;
    r->used = chunked ? r->raw_at : r->head_len + body_len;
    out->body = slice_make(bytes + r->head_len, body_len);
    return HTTP_DONE;
}

static enum http_verdict until_close_read(struct http_reader *r, size_t len)
{
    size_t body_len = len - r->head_len;

    r->body_len = 0;
    if (body_len > http_body_room(r))
        return http_bad(r, 413, "the body is too long");
    r->body_len = (uint32_t)body_len;
    return HTTP_MORE;
}

enum http_verdict http_response_read(struct http_reader *r, char *bytes, size_t *len,
                                     struct http_response *out)
{
    enum http_verdict verdict = HTTP_DONE;

    if (r->head_len == 0)
        verdict = head_read(r, bytes, len, out);
    if (verdict != HTTP_DONE)
        return verdict;
    if (r->chunked)
        verdict = http_chunked_read(r, bytes, len);
    else if (r->until_close)
        verdict = until_close_read(r, *len);
    else
        verdict = *len - r->head_len >= r->body_len ? HTTP_DONE : HTTP_MORE;
    return verdict == HTTP_DONE ? body_done(r, bytes, out) : verdict;
}

enum http_verdict http_response_end(struct http_reader *r, char *bytes, size_t len,
                                    struct http_response *out)
{
    if (r->head_len == 0 || !r->until_close)
        return http_bad(r, 502, "the connection ended within the response");
    ENSURE(r->body_len == len - r->head_len);
    return body_done(r, bytes, out);
}

struct slice http_body_so_far(const struct http_reader *r, const char *bytes, size_t len)
{
    size_t there = len - r->head_len;

    ENSURE(r->head_len > 0);
    if (r->chunked || there > r->body_len)
        there = r->body_len;
    return slice_make(bytes + r->head_len, there);
}

void http_body_drop(struct http_reader *r, char *bytes, size_t *len)
{
    uint32_t n = (uint32_t)http_body_so_far(r, bytes, *len).len;

    memmove(bytes + r->head_len, bytes + r->head_len + n, *len - r->head_len - n);
    *len -= n;
    r->body_len -= n;
    r->body_taken += n;
    if (r->chunked)
        r->raw_at -= n;
}
