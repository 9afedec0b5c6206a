/* SPDX-License-Identifier: Apache-2.0 */
/* Whom our client may be sent to. Without it, whoever can choose a URL (a webhook, a flow's action)
 * could reach the machine itself, its neighbours and the cloud's metadata service through us. Only
 * public unicast addresses pass, and what the operator lists. Pure, any thread. */
#ifndef KEFU_HTTP_CLIENT_GUARD_H
#define KEFU_HTTP_CLIENT_GUARD_H

#include "http_client_url.h"
#include "http_trust.h"

enum { HTTP_GUARD_PORTS_MAX = 16 };

struct http_guard {
    struct http_trust networks;           /* pass although they are not public */
    struct slice hosts;                   /* comma-separated; empty: every host. Borrowed */
    uint16_t ports[HTTP_GUARD_PORTS_MAX]; /* beside 80 and 443 */
    uint32_t port_count;
};

/* networks: "127.0.0.1, 10.0.0.0/8, fd00::/8". hosts: "api.example.com, *.example.org" (the star
 * stands for one or more labels). ports: "8080, 8443". Empty lists: the strictest networks and
 * ports, but every host. */
MUST_USE enum err_code http_guard_parse(struct slice networks, struct slice hosts,
                                        struct slice ports, struct http_guard *out,
                                        struct err *err);

/* NULL: may pass; else why not, a constant text. A numeric host's address is looked at as well;
 * that of a name is for http_guard_address, once it is known. */
const char *http_guard_url(const struct http_guard *guard, const struct http_url *url);
/* IPv4 as ::ffff:a.b.c.d */
const char *http_guard_address(const struct http_guard *guard, const uint8_t address[static 16]);

#endif
