/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of everything: 64 bits, of which 41 are milliseconds since 2025-01-01 UTC, 10 a slot or the
 * giving thread, and 12 a counter. A conversation's and a visitor's id carry their slot, so the
 * owning shard follows from the id alone; other ids carry the number of the thread that gave them.
 * An id is a name, never a permission. Pure; one generator per thread, time comes as an argument.
 */
#ifndef KEFU_ID_H
#define KEFU_ID_H

#include <stdbool.h>
#include <stdint.h>

struct workspace_id {
    uint64_t v;
};
struct site_id {
    uint64_t v;
};
struct visitor_id {
    uint64_t v;
};
struct conv_id {
    uint64_t v;
};
struct agent_id {
    uint64_t v;
};

enum {
    ID_COUNTER_BITS = 12,
    ID_SLOT_BITS = 10,
    ID_SLOT_COUNT = 1 << ID_SLOT_BITS, /* slots of a cluster, and threads that give ids */
    ID_COUNTER_MAX = (1 << ID_COUNTER_BITS) - 1,
    ID_MARK_AHEAD_MS = 60 * 1000, /* how far the stored mark runs ahead: one write a minute */
};
#define ID_EPOCH_MS INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */
#define ID_MS_MAX   ((INT64_C(1) << 41) - 1)

/* What a thread gives ids from. One generator gives conversations, visitors and the rest of its
 * thread, so (ms, counter) is unique in it whatever the slot. */
struct id_gen {
    int64_t ms;       /* last value used, since ID_EPOCH_MS; never goes back */
    uint32_t counter; /* next one in this ms */
};

/* mark_ms: the stored mark (since 1970), 0 for a fresh store; ids start above it. */
void id_gen_init(struct id_gen *gen, int64_t mark_ms);
/* Larger than every id of this slot that the generator gave before. A full counter borrows from
 * the next ms, a clock that went back changes nothing. */
uint64_t id_gen_next(struct id_gen *gen, int64_t now_ms, uint32_t slot);
/* Since 1970: store a mark of at least this before using more ids when it passes the stored one. */
int64_t id_gen_used_ms(const struct id_gen *gen);

uint32_t id_slot(uint64_t id);
int64_t id_ms(uint64_t id); /* since 1970 */
/* Which of `shards` threads owns the id's slot. */
uint32_t id_shard(uint64_t id, uint32_t shards);

/* The slot for a new visitor that has this seed (any well-spread number). */
uint32_t slot_of(struct workspace_id workspace, uint64_t seed);
/* The shard that owns the workspace's desk. */
uint32_t workspace_shard(struct workspace_id workspace, uint32_t shards);

/* 32 hex digits, dashes allowed anywhere; false on anything else. */
bool client_id_parse(const char *text, uint64_t len, uint8_t out[16]);
void client_id_format(const uint8_t id[16], char out[33]);

#endif
