/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 client on one loop, for what leaves the house: actions of flows, webhooks, model
 * endpoints, the cluster's registry.
 *
 * Every call is bounded in time (absolute deadlines from its start) and in bytes, and passes the
 * guard: the name is resolved once, every one of its addresses must be allowed, and the connection
 * goes to exactly these. Redirects are not followed: the answer is given as it is. Each call has a
 * connection of its own. TLS verifies the host.
 *
 * All calls on the loop's thread; other threads send a message first. Strings and slices are
 * borrowed until return; a call is named by a reference that is checked, so a cancelled one or an
 * old one is nobody's. No callback comes within http_client_start or http_client_cancel. */
#ifndef KEFU_HTTP_CLIENT_H
#define KEFU_HTTP_CLIENT_H

#include "err.h"
#include "http.h"
#include "http_client_guard.h"
#include "net_tls.h"

struct loop;
struct http_client;

enum {
    HTTP_CALLS_MAX = 256,            /* of one client; more are refused with ERR_BUSY */
    HTTP_CALL_CONNECT_MS = 3000,     /* name, connection, TLS, request sent */
    HTTP_CALL_HEAD_MS = 5000,        /* from the start to the answer's head */
    HTTP_CALL_TOTAL_MS = 5000,       /* from the start to the answer's end */
    HTTP_CALL_MS_NEVER = 0x7FFFFFFF, /* as a total: for streams that last (25 days) */
    HTTP_CALL_ATTEMPT_MS = 250,      /* an address gets at least this long before the next one */
    HTTP_CALL_FIELDS_MAX = 32,
};

struct http_client_options {
    const struct http_guard *guard;    /* kept: must outlive the client */
    const struct net_tls_context *tls; /* of net_tls_client_create; kept. NULL: no https */
    const char *dns_servers;           /* NULL: the system's */
    uint32_t calls_max;                /* 0: HTTP_CALLS_MAX */
};

MUST_USE enum err_code http_client_create(struct loop *loop,
                                          const struct http_client_options *options,
                                          struct http_client **out, struct err *err);
void http_client_destroy(struct http_client **client); /* calls that run end without a callback */
uint32_t http_client_calls(const struct http_client *client);

/* Names one call. All zero names none. */
struct http_call {
    uint32_t slot;
    uint32_t generation;
};

struct http_call_options {
    enum http_method method;
    struct slice url;
    /* More fields. Host, Content-Length, User-Agent and Connection are ours; a field that is not
     * valid, or of framing, is refused. */
    const struct http_field *fields;
    size_t field_count;
    struct slice body;
    uint32_t connect_ms_max; /* 0: the defaults above */
    uint32_t head_ms_max;
    uint32_t total_ms_max;
    uint32_t body_max; /* 0: HTTP_BODY_MAX; with on_body the sum of all pieces */
    /* Optional: pieces of the body as they come; done's response then has the last piece or none.
     */
    void (*on_body)(void *ctx, int status, struct slice piece);
    /* The end, called once: response is borrowed until return, or NULL with err:
     * ERR_FORBIDDEN the guard, ERR_NOT_FOUND no such name, ERR_TIMEOUT a deadline (err->text says
     * which), ERR_TOO_BIG the answer, ERR_IO everything else. */
    void (*done)(void *ctx, const struct http_response *response, const struct err *err);
    void *ctx;
};

/* ERR_INVALID or ERR_FORBIDDEN: the URL or a field; ERR_BUSY: too many calls. */
MUST_USE enum err_code http_client_start(struct http_client *client,
                                         const struct http_call_options *options,
                                         struct http_call *out, struct err *err);
/* done will not be called. Nothing happens when the call is over. */
void http_client_cancel(struct http_client *client, struct http_call call);

#endif
