/* SPDX-License-Identifier: Apache-2.0 */
/* One deadline per agent and per conversation, in a binary heap. A wheel would be a little faster;
 * the heap has an order of its own for what is due at the same time, and the decisions must not
 * depend on anything else. */
#include "route_priv.h"

static bool before(const struct route_timer *a, const struct route_timer *b)
{
    return a->due != b->due ? a->due < b->due : a->tie < b->tie;
}

static void put(struct route_router *router, uint32_t at, struct route_timer timer)
{
    router->timers[at] = timer;
    router->timer_at[timer.node] = at;
}

static void sift_up(struct route_router *router, uint32_t at, struct route_timer timer)
{
    while (at > 0 && before(&timer, &router->timers[(at - 1) / 2])) {
        put(router, at, router->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(router, at, timer);
}

static void sift_down(struct route_router *router, uint32_t at, struct route_timer timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= router->timer_count)
            break;
        if (child + 1 < router->timer_count &&
            before(&router->timers[child + 1], &router->timers[child]))
            child++;
        if (!before(&router->timers[child], &timer))
            break;
        put(router, at, router->timers[child]);
        at = child;
    }
    put(router, at, timer);
}

static void sift(struct route_router *router, uint32_t at, struct route_timer timer)
{
    if (at > 0 && before(&timer, &router->timers[(at - 1) / 2]))
        sift_up(router, at, timer);
    else
        sift_down(router, at, timer);
}

static void take_out(struct route_router *router, uint32_t node)
{
    uint32_t at = router->timer_at[node];
    struct route_timer last = router->timers[--router->timer_count];

    router->timer_at[node] = ROUTE_NONE;
    if (last.node != node)
        sift(router, at, last);
}

void route_timer_set(struct route_router *router, uint32_t node, uint64_t tie, int64_t due)
{
    uint32_t at = router->timer_at[node];
    struct route_timer timer = { .due = due, .tie = tie, .node = node };

    if (due == ROUTE_NEVER) {
        if (at != ROUTE_NONE)
            take_out(router, node);
        return;
    }
    if (at == ROUTE_NONE)
        sift_up(router, router->timer_count++, timer);
    else if (router->timers[at].due != due || router->timers[at].tie != tie)
        sift(router, at, timer);
}

int64_t route_due_ms(const struct route_router *router)
{
    return router->timer_count > 0 ? router->timers[0].due : ROUTE_NEVER;
}
