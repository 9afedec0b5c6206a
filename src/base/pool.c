/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk is aligned to its size, so an object knows its chunk by its address. The last empty chunk
 * is kept: a pool that is used one object at a time must not ask the system each time. */
#include "pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, bytes)     ((void)(ptr), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, bytes)   ((void)(ptr), (void)(bytes))
/* What objects point to is not lost. */
#define __lsan_register_root_region(ptr, bytes)   ((void)(ptr), (void)(bytes))
#define __lsan_unregister_root_region(ptr, bytes) ((void)(ptr), (void)(bytes))
#endif

struct pool_free {
    struct pool_free *next;
};

struct pool_chunk {
    struct pool_chunk *prev, *next;
    struct pool_free *free; /* given back */
    uint32_t used;
    uint32_t carved; /* bytes handed out at least once; pages behind it are untouched */
};

enum { POOL_HEADER_BYTES = (sizeof(struct pool_chunk) + 15) / 16 * 16 };

void pool_init(struct pool *pool, size_t object_bytes)
{
    ENSURE(object_bytes > 0 && object_bytes <= POOL_OBJECT_BYTES_MAX);
    *pool = (struct pool){ .object_bytes = (object_bytes + 15) / 16 * 16 };
}

static void list_add(struct pool_chunk **list, struct pool_chunk *chunk)
{
    chunk->prev = NULL;
    chunk->next = *list;
    if (*list != NULL)
        (*list)->prev = chunk;
    *list = chunk;
}

static void list_remove(struct pool_chunk **list, struct pool_chunk *chunk)
{
    *(chunk->prev != NULL ? &chunk->prev->next : list) = chunk->next;
    if (chunk->next != NULL)
        chunk->next->prev = chunk->prev;
}

static void unmap(void *ptr, size_t bytes)
{
    if (bytes > 0)
        ENSURE(munmap(ptr, bytes) == 0);
}

/* The system aligns to pages only: twice as much, and the ends back. */
static struct pool_chunk *chunk_make(struct pool *pool)
{
    char *area = mmap(NULL, 2 * (size_t)POOL_CHUNK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pool_chunk *chunk;
    size_t before;

    ENSURE(area != MAP_FAILED);
    before = (size_t)(-(uintptr_t)area & (POOL_CHUNK_BYTES - 1));
    unmap(area, before);
    unmap(area + before + POOL_CHUNK_BYTES, POOL_CHUNK_BYTES - before);
    chunk = (struct pool_chunk *)(void *)(area + before);
    chunk->carved = POOL_HEADER_BYTES;
    pool->chunks++;
    __lsan_register_root_region(chunk, POOL_CHUNK_BYTES);
    list_add(&pool->open, chunk);
    return chunk;
}

static void chunk_drop(struct pool *pool, struct pool_chunk **list, struct pool_chunk *chunk)
{
    list_remove(list, chunk);
    pool->chunks--;
    ASAN_UNPOISON_MEMORY_REGION(chunk, POOL_CHUNK_BYTES);
    __lsan_unregister_root_region(chunk, POOL_CHUNK_BYTES);
    unmap(chunk, POOL_CHUNK_BYTES);
}

void pool_fini(struct pool *pool)
{
    while (pool->open != NULL)
        chunk_drop(pool, &pool->open, pool->open);
    while (pool->full != NULL)
        chunk_drop(pool, &pool->full, pool->full);
    pool->count = 0;
}

static bool chunk_full(const struct pool *pool, const struct pool_chunk *chunk)
{
    return chunk->free == NULL && chunk->carved + pool->object_bytes > POOL_CHUNK_BYTES;
}

void *pool_take(struct pool *pool)
{
    struct pool_chunk *chunk = pool->open != NULL ? pool->open : chunk_make(pool);
    void *object = chunk->free;

    if (object != NULL) {
        ASAN_UNPOISON_MEMORY_REGION(object, pool->object_bytes);
        chunk->free = chunk->free->next;
        memset(object, 0, pool->object_bytes);
    } else {
        object = (char *)chunk + chunk->carved; /* from the system: zeroed */
        chunk->carved += (uint32_t)pool->object_bytes;
    }
    chunk->used++;
    pool->count++;
    if (chunk_full(pool, chunk)) {
        list_remove(&pool->open, chunk);
        list_add(&pool->full, chunk);
    }
    return object;
}

void pool_give(struct pool *pool, void *object)
{
    struct pool_chunk *chunk;
    struct pool_free *free_object = object;

    if (object == NULL)
        return;
    chunk = (struct pool_chunk *)((uintptr_t)object & ~(uintptr_t)(POOL_CHUNK_BYTES - 1));
    if (chunk_full(pool, chunk)) {
        list_remove(&pool->full, chunk);
        list_add(&pool->open, chunk);
    }
    free_object->next = chunk->free;
    chunk->free = free_object;
    ASAN_POISON_MEMORY_REGION(object, pool->object_bytes);
    ENSURE(chunk->used > 0 && pool->count > 0);
    chunk->used--;
    pool->count--;
    if (chunk->used == 0 && (pool->open != chunk || chunk->next != NULL))
        chunk_drop(pool, &pool->open, chunk);
}
