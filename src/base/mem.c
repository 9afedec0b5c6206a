/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum {
    REST_KEEP_BYTES = 128 * 1024,
    REST_BLOCK_BYTES = 96 * 1024, /* glibc looks at a heap's end when a block over 64 kB is freed */
};

void *mem_alloc(size_t bytes)
{
    void *ptr = malloc(bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

void *mem_zalloc(size_t bytes)
{
    void *ptr = calloc(1, bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

void *mem_realloc(void *old, size_t bytes)
{
    void *ptr = realloc(old, bytes > 0 ? bytes : 1);

    ENSURE(ptr != NULL);
    return ptr;
}

char *mem_strndup(const char *ptr, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len > 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void *mem_try_alloc(size_t bytes, size_t bytes_max)
{
    return bytes <= bytes_max ? malloc(bytes > 0 ? bytes : 1) : NULL;
}

void mem_heap_tune(void)
{
    /* glibc would raise its thresholds by itself, with the blocks that are freed; set, they stay.
     */
    mallopt(M_MMAP_THRESHOLD, MEM_HEAP_MAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MEM_HEAP_TRIM_BYTES);
}

void mem_heap_rest(void (*release)(void *ctx), void *ctx)
{
    void *volatile block;

    mallopt(M_TRIM_THRESHOLD, REST_KEEP_BYTES);
    if (release != NULL)
        release(ctx);
    block = mem_alloc(REST_BLOCK_BYTES);
    free(block);
    mallopt(M_TRIM_THRESHOLD, MEM_HEAP_TRIM_BYTES);
}
