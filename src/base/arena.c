/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum { ARENA_BLOCK_BYTES = 4096, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t cap;
    _Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *arena, size_t bytes_max)
{
    *arena = (struct arena){ .bytes_max = bytes_max };
}

void arena_fini(struct arena *arena)
{
    while (arena->block != NULL) {
        struct arena_block *next = arena->block->next;

        free(arena->block);
        arena->block = next;
    }
    arena->used = 0;
    arena->total = 0;
}

void arena_reset(struct arena *arena)
{
    while (arena->block != NULL && arena->block->next != NULL) {
        struct arena_block *next = arena->block->next;

        arena->total -= arena->block->cap;
        free(arena->block);
        arena->block = next;
    }
    arena->used = 0;
}

static bool arena_grow(struct arena *arena, size_t bytes)
{
    size_t cap = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
    struct arena_block *block;

    if (cap > arena->bytes_max - arena->total)
        cap = bytes;
    if (cap > arena->bytes_max - arena->total)
        return false;
    block = mem_alloc(sizeof(*block) + cap);
    block->next = arena->block;
    block->cap = cap;
    arena->block = block;
    arena->used = 0;
    arena->total += cap;
    return true;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    void *ptr;

    if (bytes > arena->bytes_max)
        return NULL;
    bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (arena->block == NULL || bytes > arena->block->cap - arena->used) {
        if (!arena_grow(arena, bytes))
            return NULL;
    }
    ptr = arena->block->bytes + arena->used;
    arena->used += bytes;
    return ptr;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    void *ptr = arena_alloc(arena, bytes);

    if (ptr != NULL)
        memset(ptr, 0, bytes);
    return ptr;
}

char *arena_strdup(struct arena *arena, struct slice s)
{
    char *copy = arena_alloc(arena, s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
