/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation for one message: allocate freely, reset once. Bounded: past bytes_max it gives
 * NULL (a fault with a polite reply, never an abort). One owner, any thread. */
#ifndef KEFU_ARENA_H
#define KEFU_ARENA_H

#include <stddef.h>

#include "slice.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first; the oldest is kept over a reset */
    size_t used;               /* in the newest block */
    size_t total;              /* bytes of all blocks */
    size_t bytes_max;
};

void arena_init(struct arena *arena, size_t bytes_max); /* allocates nothing yet */
void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);
/* Aligned to 16, not zeroed; NULL past bytes_max. */
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_zalloc(struct arena *arena, size_t bytes);
/* A NUL-terminated copy; NULL past bytes_max. */
char *arena_strdup(struct arena *arena, struct slice s);

#endif
