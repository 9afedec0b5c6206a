/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 server on one loop. A request is handed over whole (its body too); the answer may
 * come at once or later by the exchange's reference, which is checked, so an answer to a client who
 * has left goes nowhere. Requests of one connection are answered one after the other, in order.
 * All calls on the loop's thread; a reply from another shard travels as a message first. */
#ifndef KEFU_HTTP_SERVER_H
#define KEFU_HTTP_SERVER_H

#include "clock.h"
#include "err.h"
#include "http.h"
#include "http_trust.h"
#include "net.h"
#include "net_tls.h"

struct http_server;

enum {
    HTTP_CONNECTIONS_MAX = 10000,        /* of one shard; more are told 503 */
    HTTP_HEAD_MS_MAX = 30000,            /* from the first byte, or from connecting, to the head */
    HTTP_IDLE_MS_MAX = 75000,            /* between requests */
    HTTP_BODY_GRACE_MS = 10000,          /* then a body must have come at HTTP_BODY_RATE_MIN */
    HTTP_BODY_RATE_MIN = 1024,           /* bytes per second */
    HTTP_REPLY_MS_MAX = 60000,           /* a handler that has not answered by then: 504 */
    HTTP_STALL_MS_MAX = 30000,           /* a reader who takes nothing for so long is cut off */
    HTTP_PIPELINE_BYTES_MAX = 64 * 1024, /* read ahead while an answer is pending */
};

/* Names one exchange (request and answer). All zero names none. */
struct http_ref {
    uint32_t slot;
    uint32_t generation;
};

struct http_server_options {
    /* request: borrowed until return. Answer with http_reply, http_stream_begin or http_upgrade,
     * now or (but for upgrade) later. */
    void (*on_request)(void *ctx, const struct http_request *request, struct http_ref ref);
    /* The client of an unanswered or streaming exchange has left; ref is void. May be NULL. */
    void (*on_gone)(void *ctx, struct http_ref ref);
    void *ctx;
    const struct clock *clock;      /* for Date; NULL: the system's */
    const struct http_trust *trust; /* whose X-Forwarded-* count; NULL: nobody's */
    uint32_t connections_max;       /* 0: HTTP_CONNECTIONS_MAX */
    uint32_t head_ms_max;           /* 0: HTTP_HEAD_MS_MAX; tests set these */
    uint32_t idle_ms_max;
    uint32_t body_grace_ms;
    uint32_t sweep_ms; /* how often deadlines are looked at; 0: 1000 */
};

struct http_server *http_server_create(struct loop *loop,
                                       const struct http_server_options *options);
MUST_USE enum err_code http_server_listen(struct http_server *server,
                                          const struct net_listen_options *options,
                                          struct net_listener **out, struct err *err);
/* TLS for connections that are accepted from now on, unix sockets excepted; NULL: plain. The server
 * does not own it. */
void http_server_tls_set(struct http_server *server, const struct net_tls_context *tls);
/* Serves a connected descriptor, which is taken in any case. */
void http_server_adopt(struct http_server *server, int fd);
/* Closes idle connections now and the others after their answer. Listeners are the caller's. */
void http_server_drain(struct http_server *server);
uint32_t http_server_connections(const struct http_server *server);
void http_server_destroy(struct http_server **server); /* cuts off what is left */

struct http_reply {
    int status;
    struct slice type; /* Content-Type; empty: none */
    struct slice body;
    const struct http_field *fields; /* more fields; never framing ones, never CR or LF */
    size_t field_count;
    bool close; /* close the connection after this answer */
};
/* False: the client has left (or the exchange is already answered). */
bool http_reply(struct http_server *server, struct http_ref ref, const struct http_reply *reply);

/* A streaming answer (server-sent events): begin, any number of writes, end. reply->body is sent
 * first. write is false when the client has left or more than bytes_max would be queued for it. */
bool http_stream_begin(struct http_server *server, struct http_ref ref,
                       const struct http_reply *reply);
bool http_stream_write(struct http_server *server, struct http_ref ref, struct slice bytes,
                       size_t bytes_max);
size_t http_stream_pending(struct http_server *server, struct http_ref ref);
bool http_stream_end(struct http_server *server, struct http_ref ref);

/* Within on_request only: takes the stream out of the server, for another protocol. The caller
 * writes the 101 and sets the stream's owner before it returns. */
struct http_taken {
    struct net_stream *stream;
    char *rest; /* bytes that came behind the request; gone when on_request returns */
    size_t rest_len;
};
bool http_upgrade(struct http_server *server, struct http_ref ref, struct http_taken *out);

#endif
