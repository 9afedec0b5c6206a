/* SPDX-License-Identifier: Apache-2.0 */
/* Small allocations: never NULL, the process aborts instead (C allocators on Linux overcommit; a
 * failed 100-byte malloc has no useful answer). Sizes that a client chooses go through
 * mem_try_alloc, which can fail. Free with free(). Any thread. */
#ifndef KEFU_MEM_H
#define KEFU_MEM_H

#include <stddef.h>

void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t bytes) __attribute__((returns_nonnull));
char *mem_strndup(const char *ptr, size_t len) __attribute__((malloc, returns_nonnull));
/* NULL when bytes > bytes_max or memory is out. */
void *mem_try_alloc(size_t bytes, size_t bytes_max) __attribute__((malloc));

/* How the heaps of this process keep what is freed: above every buffer of a turn and of settling,
 * since giving memory back and faulting it in again stops a shard for milliseconds while people
 * talk. At the start, before other threads. */
enum {
    MEM_HEAP_MAP_BYTES = 32 * 1024 * 1024,
    MEM_HEAP_TRIM_BYTES = 64 * 1024 * 1024,
};
void mem_heap_tune(void);
/* Gives back the free end of the calling thread's heap, after a job that needed much more than it
 * leaves; and with `release` (NULL: none) the ends of those heaps that what it frees lies in.
 * Nobody else can do that; what is free in between, malloc_trim gives back. */
void mem_heap_rest(void (*release)(void *ctx), void *ctx);

#endif
