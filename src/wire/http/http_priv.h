/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of requests and responses share (http_message.c). */
#ifndef KEFU_HTTP_PRIV_H
#define KEFU_HTTP_PRIV_H

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

/* What the fields say about framing, collected while they are read. */
struct http_framing {
    bool response; /* Host and Expect mean nothing there */
    bool has_length;
    bool has_encoding;
    bool has_host;
    bool has_expect;
    bool close;
    bool keep_alive_asked;
    bool upgrade;
    uint64_t length;
    struct slice host;
};

enum http_verdict http_bad(struct http_reader *r, int status, const char *reason);
bool http_all_of(struct slice s, int class);
bool http_host_valid(struct slice host);
struct slice http_fields_get(const struct http_field *fields, uint32_t count, const char *name);
/* "HTTP/1.1" or "HTTP/1.0" */
enum http_verdict http_version_parse(struct http_reader *r, struct slice version, uint8_t *minor);

/* Looks at what is new of a head. HTTP_DONE: r->head_len is its length, the empty line included;
 * every LF in it follows a CR and every CR is followed by an LF. */
enum http_verdict http_head_find(struct http_reader *r, const char *bytes, size_t len);
/* Takes a line without its CRLF off a head that http_head_find has seen. */
struct slice http_line_take(struct slice *rest);
/* lines: the head behind its first line. */
enum http_verdict http_fields_parse(struct http_reader *r, struct slice lines,
                                    struct http_field fields[HTTP_FIELDS_MAX], uint32_t *count,
                                    struct http_framing *framing);

/* How many more bytes the body may have, beside those decoded so far. */
static inline uint32_t http_body_room(const struct http_reader *r)
{
    uint32_t max = r->body_max != 0 ? r->body_max : HTTP_BODY_MAX;

    return max - r->body_len - r->body_taken;
}
/* From r->phase PHASE_CHUNK_SIZE on; decodes in place, *len shrinks. HTTP_DONE: all of it. */
enum http_verdict http_chunked_read(struct http_reader *r, char *bytes, size_t *len);

#endif
