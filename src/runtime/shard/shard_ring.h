/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of fixed-size slots between exactly one writing and one reading thread, without
 * locks: the writer fills slots and publishes them in batches, the reader works runs of slots in
 * place and gives them back in batches. Waking the other side is the caller's business. */
#ifndef KEFU_SHARD_RING_H
#define KEFU_SHARD_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum { SHARD_CACHE_LINE = 64 };

struct shard_ring {
    char *slots;
    uint32_t slot_bytes;
    uint32_t mask;
    /* writer's line */
    _Alignas(SHARD_CACHE_LINE) atomic_uint_fast64_t tail; /* slots published */
    uint64_t tail_next;                                   /* filled, not yet published */
    uint64_t head_seen;
    /* reader's line */
    _Alignas(SHARD_CACHE_LINE) atomic_uint_fast64_t head; /* slots given back */
    uint64_t tail_seen;
};

/* slots: a power of two. */
static inline void shard_ring_init(struct shard_ring *ring, uint32_t slots, uint32_t slot_bytes)
{
    ENSURE(slots > 0 && (slots & (slots - 1)) == 0 && slot_bytes > 0);
    ring->slots = (char *)mem_zalloc((size_t)slots * slot_bytes);
    ring->slot_bytes = slot_bytes;
    ring->mask = slots - 1;
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    ring->tail_next = 0;
    ring->head_seen = 0;
    ring->tail_seen = 0;
}

static inline void shard_ring_fini(struct shard_ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}

/* Writer: room left, counting slots that were filled and not yet published as used. */
static inline uint32_t shard_ring_room(struct shard_ring *ring)
{
    ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    return ring->mask + 1 - (uint32_t)(ring->tail_next - ring->head_seen);
}

/* Writer: the next slot to fill, or NULL when full. The reader sees it after publish. */
static inline void *shard_ring_fill(struct shard_ring *ring)
{
    if (ring->tail_next - ring->head_seen > ring->mask && shard_ring_room(ring) == 0)
        return NULL;
    return ring->slots + (size_t)(ring->tail_next++ & ring->mask) * ring->slot_bytes;
}

/* Writer: true when the ring was empty in the reader's eyes, so the reader may be asleep. */
static inline bool shard_ring_publish(struct shard_ring *ring)
{
    uint64_t before = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (before == ring->tail_next)
        return false;
    atomic_store_explicit(&ring->tail, ring->tail_next, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* against the reader's check before it sleeps */
    return atomic_load_explicit(&ring->head, memory_order_acquire) == before;
}

/* Reader: slots that can be worked now. */
static inline uint32_t shard_ring_ready(struct shard_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return (uint32_t)(ring->tail_seen - head);
}

/* Reader: the i-th slot of those that are ready. */
static inline void *shard_ring_slot(struct shard_ring *ring, uint32_t i)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    return ring->slots + (size_t)((head + i) & ring->mask) * ring->slot_bytes;
}

/* Reader: gives the first n slots back. A reader that means to sleep asks shard_ring_ready again
 * after this. */
static inline void shard_ring_release(struct shard_ring *ring, uint32_t n)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    atomic_store_explicit(&ring->head, head + n, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
