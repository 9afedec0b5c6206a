/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one size that come and go by the hundred thousand: conversations, visitors. They lie
 * in chunks of their own, so that a chunk whose objects are all gone goes back to the system, which
 * malloc cannot do with a heap where long-lived neighbours lie in between. An object costs its size
 * rounded up to 16. One owner, any thread. */
#ifndef KEFU_POOL_H
#define KEFU_POOL_H

#include <stddef.h>

enum {
    POOL_CHUNK_BYTES = 64 * 1024, /* 16 pages: few enough to empty, many enough to be rare */
    POOL_OBJECT_BYTES_MAX = 4096,
};

struct pool_chunk;

struct pool {
    struct pool_chunk *open; /* with room; the one to take from first */
    struct pool_chunk *full;
    size_t object_bytes;
    size_t count;  /* objects */
    size_t chunks; /* of POOL_CHUNK_BYTES each */
};

void pool_init(struct pool *pool, size_t object_bytes); /* allocates nothing yet */
void pool_fini(struct pool *pool);                      /* all objects are gone with it */
/* Zeroed. Like mem_zalloc it gives no NULL: the process ends when the system has no memory. */
void *pool_take(struct pool *pool) __attribute__((malloc, returns_nonnull));
void pool_give(struct pool *pool, void *object); /* NULL is fine */

#endif
