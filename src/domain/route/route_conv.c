/* SPDX-License-Identifier: Apache-2.0 */
/* Slots for conversations, and an index from ids to slots: linear probing, at most half full,
 * without tombstones. */
#include "route_priv.h"

static uint32_t home_of(const struct route_router *router, uint64_t id)
{
    id ^= id >> 33; /* the finaliser of MurmurHash3 (Appleby) */
    id *= UINT64_C(0xFF51AFD7ED558CCD);
    id ^= id >> 33;
    return (uint32_t)id & router->conv_index_mask;
}

/* The place of the id, or the empty place where it belongs. */
static uint32_t place_of(const struct route_router *router, uint64_t id)
{
    uint32_t at = home_of(router, id);

    while (router->conv_index[at] != ROUTE_NONE && router->convs[router->conv_index[at]].id != id)
        at = (at + 1) & router->conv_index_mask;
    return at;
}

uint32_t route_conv_find(const struct route_router *router, uint64_t id)
{
    return router->conv_index[place_of(router, id)];
}

uint32_t route_conv_add(struct route_router *router, uint64_t id)
{
    uint32_t conv = router->conv_free;

    if (conv == ROUTE_NONE)
        return ROUTE_NONE;
    router->conv_free = router->convs[conv].next;
    router->convs[conv] = (struct route_conv){ .id = id, .number = router->conv_number++ };
    router->conv_index[place_of(router, id)] = conv;
    router->stats.convs++;
    return conv;
}

/* Moves up what would no longer be found across the gap. */
static void close_gap(struct route_router *router, uint32_t gap)
{
    uint32_t mask = router->conv_index_mask;

    for (uint32_t at = (gap + 1) & mask; router->conv_index[at] != ROUTE_NONE;
         at = (at + 1) & mask) {
        uint32_t home = home_of(router, router->convs[router->conv_index[at]].id);

        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        router->conv_index[gap] = router->conv_index[at];
        gap = at;
    }
    router->conv_index[gap] = ROUTE_NONE;
}

void route_conv_remove(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];

    route_class_release(router, c->klass);
    route_timer_set(router, conv, 0, ROUTE_NEVER);
    close_gap(router, place_of(router, c->id));
    c->state = ROUTE_CONV_FREE;
    c->next = router->conv_free;
    router->conv_free = conv;
    router->stats.convs--;
}
