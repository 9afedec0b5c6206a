/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses by c-ares on a loop. All calls on the loop's thread. */
#ifndef KEFU_HTTP_CLIENT_RESOLVE_H
#define KEFU_HTTP_CLIENT_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct loop;
struct http_resolver;
struct http_query;

enum {
    HTTP_ADDRESSES_MAX = 16,  /* of one name; more are not looked at, and so never connected to */
    HTTP_QUERY_TRY_MS = 1500, /* one question to one server */
    HTTP_QUERY_TRIES = 3,
};

struct http_addresses {
    uint32_t count;
    uint8_t address[HTTP_ADDRESSES_MAX][16]; /* IPv4 as ::ffff:a.b.c.d; in the order to try */
};

/* servers: "192.0.2.1:53, …"; NULL: the system's. */
MUST_USE enum err_code http_resolver_create(struct loop *loop, const char *servers,
                                            struct http_resolver **out, struct err *err);
void http_resolver_destroy(struct http_resolver **resolver); /* no query is answered any more */

/* done is called once, never within this call; reason: a constant text when there are none. */
struct http_query *http_resolve(struct http_resolver *resolver, const char *host,
                                void (*done)(void *ctx, const struct http_addresses *addresses,
                                             const char *reason),
                                void *ctx);
/* done will not be called. Takes the pointer away. */
void http_query_cancel(struct http_query **query);

#endif
