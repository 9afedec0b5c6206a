/* SPDX-License-Identifier: Apache-2.0 */
/* One-use tickets of 30 s that carry a browser's log-in over to its WebSocket. Each shard has a
 * table of its own; the ticket's text begins with the shard's number, so whoever gets the hello
 * knows whom to ask. Bounded: the oldest ticket makes room. One thread: the owning shard's. */
#ifndef KEFU_AUTH_TICKET_H
#define KEFU_AUTH_TICKET_H

#include "auth_principal.h"
#include "auth_secret.h"

enum {
    AUTH_TICKET_MS = 30 * 1000,
    AUTH_TICKETS_MAX = 1024, /* log-ins of half a minute on one shard */
};

struct auth_ticket {
    uint8_t hash[AUTH_HASH_BYTES];
    int64_t expires_us; /* 0: free */
    struct auth_principal principal;
};

struct auth_ticket_table {
    unsigned shard;
    unsigned next;
    struct auth_ticket *items; /* made with the first ticket */
};

void auth_ticket_table_init(struct auth_ticket_table *table, unsigned shard);
void auth_ticket_table_fini(struct auth_ticket_table *table);
void auth_ticket_issue(struct auth_ticket_table *table, const struct auth_principal *principal,
                       int64_t now_us, char out[AUTH_SECRET_TEXT_MAX]);
/* The shard that issued it; false when the text is no ticket. */
bool auth_ticket_shard(struct slice ticket, unsigned *shard);
/* False: unknown, used or too old. */
bool auth_ticket_redeem(struct auth_ticket_table *table, struct slice ticket, int64_t now_us,
                        struct auth_principal *out);

#endif
