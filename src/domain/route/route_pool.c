/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation from the caller's memory: everything of a configuration or a router is given
 * back at once, so a load that fails half-way has nothing to undo. */
#include "route_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    POOL_ALIGN = 16,
    POOL_BLOCK_BYTES = 32 << 10, /* small texts share one; what is larger gets its own */
};

struct route_pool_block {
    struct route_pool_block *next;
    size_t size; /* of the bytes behind this head */
};

static void *heap_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return malloc(bytes);
}

static void heap_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

void route_pool_init(struct route_pool *pool, const struct route_memory *memory)
{
    *pool = (struct route_pool){ .memory = { heap_alloc, heap_free, NULL } };
    if (memory != NULL)
        pool->memory = *memory;
}

void route_pool_fini(struct route_pool *pool)
{
    struct route_pool_block *block = pool->blocks;

    while (block != NULL) {
        struct route_pool_block *next = block->next;

        pool->memory.free(pool->memory.ctx, block);
        block = next;
    }
    pool->blocks = NULL;
}

static bool pool_grow(struct route_pool *pool, size_t bytes)
{
    size_t size = bytes > POOL_BLOCK_BYTES ? bytes : POOL_BLOCK_BYTES;
    struct route_pool_block *block = pool->memory.alloc(pool->memory.ctx, sizeof(*block) + size);

    if (block == NULL)
        return false;
    memset(block, 0, sizeof(*block) + size);
    block->next = pool->blocks;
    block->size = size;
    pool->blocks = block;
    pool->used = 0;
    pool->bytes += sizeof(*block) + size;
    return true;
}

void *route_pool_alloc(struct route_pool *pool, size_t count, size_t bytes)
{
    char *ptr;

    if (bytes != 0 && count > (SIZE_MAX / 2 - POOL_BLOCK_BYTES) / bytes)
        return NULL;
    bytes = (count * bytes + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    if (pool->blocks == NULL || pool->blocks->size - pool->used < bytes) {
        if (!pool_grow(pool, bytes))
            return NULL;
    }
    ptr = (char *)(pool->blocks + 1) + pool->used;
    pool->used += bytes;
    return ptr;
}

char *route_pool_text(struct route_pool *pool, const char *text, size_t len)
{
    char *copy = route_pool_alloc(pool, len + 1, 1);

    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}
