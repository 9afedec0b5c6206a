/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests and responses as RFC 9112 has them, read strictly: whatever two readers could
 * frame in two ways is refused, so nothing can be smuggled past a proxy. Pure functions over bytes,
 * any thread. The server on top is http_server.h, the client src/wire/http_client. */
#ifndef KEFU_HTTP_H
#define KEFU_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
    HTTP_HEAD_MAX = 16 * 1024,        /* room for a session cookie and a proxy's additions */
    HTTP_TARGET_MAX = 8 * 1024,       /* RFC 9112 section 3 asks for 8000 */
    HTTP_FIELDS_MAX = 100,            /* browsers behind proxies send about 30 */
    HTTP_BODY_MAX = 1024 * 1024,      /* JSON bodies and CSV imports; uploads stream elsewhere */
    HTTP_CHUNK_LINE_MAX = 256,        /* size and extension, which nobody uses */
    HTTP_CHUNK_EXTENSIONS_MAX = 1024, /* of all chunks of a body together */
    HTTP_TRAILERS_MAX = 4096,         /* checked and dropped */
    HTTP_INTERIM_MAX = 8,             /* 1xx responses before the real one; one is usual */
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT,
};

struct http_field {
    struct slice name;  /* as sent: compare with slice_equal_ignore_case */
    struct slice value; /* without surrounding blanks */
};

/* All slices point into the bytes that were read. */
struct http_request {
    enum http_method method;
    struct slice method_text;
    struct slice target; /* as sent */
    struct slice path;   /* starts with / ("*" for OPTIONS *); still percent-encoded */
    struct slice query;  /* without the question mark */
    struct slice host;   /* of an absolute target, else of the Host field */
    struct slice body;
    struct slice peer; /* the client's address; a trusted proxy's word is followed (http_trust.h) */
    bool tls;          /* the client speaks TLS, to us or to a trusted proxy */
    bool keep_alive;
    bool expect_continue;
    bool upgrade;  /* Connection: upgrade */
    uint8_t minor; /* HTTP/1.minor: 0 or 1 */
    uint32_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* The first field of that name, or an empty slice with a NULL pointer. name: any case. */
struct slice http_field_get(const struct http_request *request, const char *name);
/* Whether the comma-separated list holds the token, in any case. */
bool http_list_has(struct slice list, struct slice token);

enum http_verdict {
    HTTP_DONE, /* a whole request */
    HTTP_MORE, /* so far so good */
    HTTP_BAD,  /* status and reason say why; the connection has to be closed */
};

/* Progress over one request or response. Zero it before each one. */
struct http_reader {
    /* set by the caller */
    uint32_t body_max; /* 0: HTTP_BODY_MAX */
    bool head_asked;   /* responses: the request was a HEAD, so there is no body */
    /* progress */
    uint32_t scanned;  /* bytes of the head looked at */
    uint32_t head_len; /* 0: not complete yet */
    uint32_t body_len; /* of Content-Length, or decoded so far when chunked */
    uint32_t raw_at;   /* chunked: next byte to decode */
    uint32_t chunk_left;
    uint32_t body_taken; /* by http_body_take */
    uint16_t extensions; /* bytes of chunk extensions */
    uint16_t trailers;   /* bytes of trailer fields */
    uint8_t phase;
    bool chunked;
    bool until_close;     /* responses: the end of the connection ends the body */
    uint8_t interim;      /* 1xx responses that came before */
    bool expect_continue; /* the head is there and the client waits for 100 */
    /* results */
    int status;         /* HTTP_BAD of a request: 400, 413, 414, 417, 431, 501 or 505 */
    const char *reason; /* HTTP_BAD: a constant text */
    uint32_t used;      /* HTTP_DONE: bytes of this request; the rest is the next one's */
};

/* bytes: everything of this request that has arrived, always from its first byte, at least one. A
 * chunked body is decoded in place, which makes *len smaller. out is filled on HTTP_DONE only. */
enum http_verdict http_request_read(struct http_reader *reader, char *bytes, size_t *len,
                                    struct http_request *out);

/* All slices point into the bytes that were read. */
struct http_response {
    int status; /* 200 to 599 */
    struct slice body;
    bool keep_alive; /* another request may follow */
    uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
    uint32_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};
/* The first field of that name, or an empty slice with a NULL pointer. name: any case. */
struct slice http_response_field(const struct http_response *response, const char *name);

/* bytes as for requests. 1xx responses are dropped from them, which makes *len smaller too. out is
 * filled when the head is read (reader->head_len > 0), but for its body, and again on HTTP_DONE.
 * 101 is refused: nobody here asks for it. */
enum http_verdict http_response_read(struct http_reader *reader, char *bytes, size_t *len,
                                     struct http_response *out);
/* The connection has ended, after a HTTP_MORE. HTTP_DONE: that was the end of the body. */
enum http_verdict http_response_end(struct http_reader *reader, char *bytes, size_t len,
                                    struct http_response *out);
/* For bodies that are worked as they come: after a HTTP_MORE with a whole head, what has come of
 * the body since the last take. Once it is worked, http_body_drop takes it out of the bytes. */
struct slice http_body_so_far(const struct http_reader *reader, const char *bytes, size_t len);
void http_body_drop(struct http_reader *reader, char *bytes, size_t *len);

/* Percent-decodes into out, which has room for s.len bytes; false: a broken or zero escape.
 * plus_is_space for query strings. */
bool http_percent_decode(struct slice s, bool plus_is_space, char *out, size_t *out_len);
/* The raw value of a query parameter; false: not there. */
bool http_query_get(struct slice query, const char *name, struct slice *out);

const char *http_status_text(int status);

#endif
