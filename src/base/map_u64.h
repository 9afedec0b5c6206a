/* SPDX-License-Identifier: Apache-2.0 */
/* A table from 64-bit ids to pointers: open addressing, linear probing, no tombstones. Bounded:
 * past count_max a put is refused. It grows by doubling; map_u64_reserve does that ahead of time,
 * and a large table goes with its last entry. Values are borrowed and never NULL. One owner, any
 * thread. */
#ifndef KEFU_MAP_U64_H
#define KEFU_MAP_U64_H

#include "check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_u64_cell;

struct map_u64 {
    struct map_u64_cell *cells; /* NULL until the first put */
    size_t cap;                 /* a power of two, or 0 */
    size_t count;
    size_t count_max;
    uint64_t seed;
};

void map_u64_init(struct map_u64 *map, size_t count_max, uint64_t seed);
void map_u64_fini(struct map_u64 *map); /* the values are the owner's */
void map_u64_reserve(struct map_u64 *map, size_t count);

void *map_u64_get(const struct map_u64 *map, uint64_t key); /* NULL: not there */
/* Adds or replaces; false: count_max reached, nothing changed. */
MUST_USE bool map_u64_put(struct map_u64 *map, uint64_t key, void *value);
void *map_u64_take(struct map_u64 *map, uint64_t key); /* removes; NULL: not there */

/* Each entry once, in no order: start with *cursor = 0; NULL at the end. The map must not change
 * in between (key may be NULL). */
void *map_u64_next(const struct map_u64 *map, size_t *cursor, uint64_t *key);

#endif
