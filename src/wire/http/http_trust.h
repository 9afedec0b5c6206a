/* SPDX-License-Identifier: Apache-2.0 */
/* Whose X-Forwarded-For and X-Forwarded-Proto count: a list of networks, and nobody else's. */
#ifndef KEFU_HTTP_TRUST_H
#define KEFU_HTTP_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    HTTP_TRUST_MAX = 64, /* networks; a list that needs more wants a wider prefix */
    HTTP_ADDRESS_TEXT_MAX = 64,
};

struct http_trust {
    uint32_t count;
    bool unix_peers; /* the list names "unix": whoever may open our socket file */
    struct {
        uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t bits;
    } networks[HTTP_TRUST_MAX];
};

/* "127.0.0.1, 10.0.0.0/8, fd00::/8, unix"; an empty list trusts nobody. */
MUST_USE enum err_code http_trust_parse(struct slice list, struct http_trust *out, struct err *err);
bool http_trust_has(const struct http_trust *trust, struct slice address);

/* The client behind peer: while the speaker is trusted, the rightmost address it names goes. The
 * result lies in forwarded_for or is peer itself. An entry that is no address ends the walk. */
struct slice http_trust_client(const struct http_trust *trust, struct slice peer,
                               struct slice forwarded_for);

#endif
