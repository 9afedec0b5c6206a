/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_ticket.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

void auth_ticket_table_init(struct auth_ticket_table *table, unsigned shard)
{
    *table = (struct auth_ticket_table){ .shard = shard };
}

void auth_ticket_table_fini(struct auth_ticket_table *table)
{
    free(table->items);
    table->items = NULL;
}

void auth_ticket_issue(struct auth_ticket_table *table, const struct auth_principal *principal,
                       int64_t now_us, char out[AUTH_SECRET_TEXT_MAX])
{
    struct auth_ticket *item;
    char prefix[16];

    if (table->items == NULL)
        table->items = mem_zalloc(AUTH_TICKETS_MAX * sizeof(*table->items));
    item = &table->items[table->next];
    table->next = (table->next + 1) % AUTH_TICKETS_MAX;
    snprintf(prefix, sizeof(prefix), "t%u.", table->shard);
    auth_secret_make(prefix, out);
    auth_secret_hash(slice_of(out), item->hash);
    item->expires_us = now_us + (int64_t)AUTH_TICKET_MS * 1000;
    item->principal = *principal;
}

bool auth_ticket_shard(struct slice ticket, unsigned *shard)
{
    const char *dot = ticket.len > 0 ? memchr(ticket.ptr, '.', ticket.len) : NULL;
    unsigned long long number;

    if (dot == NULL || ticket.ptr[0] != 't' ||
        !slice_to_u64(slice_make(ticket.ptr + 1, (size_t)(dot - ticket.ptr) - 1), &number) ||
        number > 1024)
        return false;
    *shard = (unsigned)number;
    return true;
}

bool auth_ticket_redeem(struct auth_ticket_table *table, struct slice ticket, int64_t now_us,
                        struct auth_principal *out)
{
    uint8_t hash[AUTH_HASH_BYTES];

    auth_secret_hash(ticket, hash);
    for (unsigned i = 0; table->items != NULL && i < AUTH_TICKETS_MAX; i++) {
        struct auth_ticket *item = &table->items[i];
        if (item->expires_us == 0 ||
            !auth_equal(slice_make(item->hash, sizeof(hash)), slice_make(hash, sizeof(hash))))
            continue;
        if (now_us >= item->expires_us) {
            item->expires_us = 0;
            return false;
        }
        *out = item->principal;
        item->expires_us = 0;
        return true;
    }
    return false;
}
