/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing keeps one cache line per look-up in the common case; removal shifts the run back
 * (Knuth, volume 3, algorithm 6.4R) so that no tombstones slow a long-lived table down. */
#include "map_u64.h"

#include <stdlib.h>

#include "hash.h"
#include "mem.h"

enum {
    MAP_CAP_MIN = 16,
    MAP_CAP_KEEP =
        1024, /* with its last entry a larger table is given back: growing again is rare */
};

struct map_u64_cell {
    uint64_t key;
    void *value; /* NULL: free */
};

void map_u64_init(struct map_u64 *map, size_t count_max, uint64_t seed)
{
    ENSURE(count_max > 0 && count_max < SIZE_MAX / 4);
    *map = (struct map_u64){ .count_max = count_max, .seed = seed };
}

void map_u64_fini(struct map_u64 *map)
{
    free(map->cells);
    *map = (struct map_u64){ .count_max = map->count_max, .seed = map->seed };
}

static size_t map_home(const struct map_u64 *map, uint64_t key)
{
    return (size_t)hash_u64(map->seed, key) & (map->cap - 1);
}

/* The cell of the key, or the free one where it would go. */
static struct map_u64_cell *map_find(const struct map_u64 *map, uint64_t key)
{
    size_t at = map_home(map, key);

    while (map->cells[at].value != NULL && map->cells[at].key != key)
        at = (at + 1) & (map->cap - 1);
    return &map->cells[at];
}

static void map_resize(struct map_u64 *map, size_t cap)
{
    struct map_u64_cell *old = map->cells;
    size_t old_cap = map->cap;

    map->cells = mem_zalloc(cap * sizeof(*map->cells));
    map->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].value != NULL)
            *map_find(map, old[i].key) = old[i];
    }
    free(old);
}

/* At most three cells of four are taken. */
void map_u64_reserve(struct map_u64 *map, size_t count)
{
    size_t cap = map->cap > 0 ? map->cap : MAP_CAP_MIN;

    if (count > map->count_max)
        count = map->count_max;
    while (count > cap / 4 * 3)
        cap *= 2;
    if (cap > map->cap)
        map_resize(map, cap);
}

void *map_u64_get(const struct map_u64 *map, uint64_t key)
{
    return map->cap > 0 ? map_find(map, key)->value : NULL;
}

bool map_u64_put(struct map_u64 *map, uint64_t key, void *value)
{
    struct map_u64_cell *cell;

    ENSURE(value != NULL);
    map_u64_reserve(map, map->count + 1);
    cell = map_find(map, key);
    if (cell->value == NULL) {
        if (map->count == map->count_max)
            return false;
        map->count++;
    }
    *cell = (struct map_u64_cell){ key, value };
    return true;
}

static void map_close_gap(struct map_u64 *map, size_t gap)
{
    size_t mask = map->cap - 1;

    for (size_t at = (gap + 1) & mask; map->cells[at].value != NULL; at = (at + 1) & mask) {
        size_t home = map_home(map, map->cells[at].key);

        /* An entry may move back to the gap unless its home lies after it. */
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->cells[gap] = map->cells[at];
            gap = at;
        }
    }
    map->cells[gap].value = NULL;
}

void *map_u64_take(struct map_u64 *map, uint64_t key)
{
    struct map_u64_cell *cell;
    void *value;

    if (map->cap == 0)
        return NULL;
    cell = map_find(map, key);
    value = cell->value;
    if (value == NULL)
        return NULL;
    map_close_gap(map, (size_t)(cell - map->cells));
    map->count--;
    if (map->count == 0 && map->cap > MAP_CAP_KEEP) {
        free(map->cells);
        map->cells = NULL;
        map->cap = 0;
    }
    return value;
}

void *map_u64_next(const struct map_u64 *map, size_t *cursor, uint64_t *key)
{
    while (*cursor < map->cap) {
        const struct map_u64_cell *cell = &map->cells[(*cursor)++];

        if (cell->value == NULL)
            continue;
        if (key != NULL)
            *key = cell->key;
        return cell->value;
    }
    return NULL;
}
