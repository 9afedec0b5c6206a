/* SPDX-License-Identifier: Apache-2.0 */
/* The load of `store`: conversations that live a while and end, encoded as the server encodes. */
#ifndef KEFU_BENCH_STORE_H
#define KEFU_BENCH_STORE_H

#include <stdint.h>

#include "buf.h"
#include "store.h"

enum {
    STORE_LOAD_EVENTS = 2,     /* a visitor's message and the bot's answer */
    STORE_LOAD_TURNS_MIN = 10, /* of a conversation, before another takes its place */
    STORE_LOAD_TURNS_MAX = 30,
};

struct store_load_conv {
    uint64_t id;
    uint32_t seq;
    uint32_t turns_left;
};

/* Picks conversations at random and makes their turns. */
struct store_load {
    struct store_load_conv *convs;
    unsigned convs_n;
    uint64_t next_id;
    uint64_t random;
    uint64_t client; /* client ids grow, as UUIDv7 does */
    int64_t now_ms;
    struct buf bytes;
};

/* Loads with different numbers (below 1,000) never share a conversation. */
void store_load_init(struct store_load *load, unsigned convs, unsigned number);
void store_load_fini(struct store_load *load);
/* The next n turns; their bytes are valid until the next call. */
void store_load_turns(struct store_load *load, struct store_turn *out, unsigned n);

/* Rows per second of one plain table with both unique indexes, `batch` rows a transaction, over
 * `rows` that are there already. */
double store_baseline(const char *folder, long batch, double seconds, long rows, unsigned convs);

#endif
