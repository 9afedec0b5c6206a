/* SPDX-License-Identifier: Apache-2.0 */
/* The promises, checked: nobody waits while somebody able has room; what agents carry adds up;
 * every conversation is in exactly one place. The first is cheap enough for every event, the
 * counting is done for every event in small routers and for some of them in large ones. */
#include "route_priv.h"

enum {
    COUNT_EVERY = 64,       /* events, in large routers */
    COUNT_SMALL_MAX = 4096, /* slots and agents together */
};

/* Waiting conversations of one level that an agent with room could take. */
static uint32_t missed_in(const struct route_router *router, uint32_t at)
{
    const struct route_level *level = &router->levels[at];
    const uint64_t *able = &router->level_agents[(size_t)at * router->words];
    uint32_t missed = 0;

    for (uint32_t i = 0; i < router->words; i++) {
        for (uint64_t bits = able[i] & router->room[i]; bits != 0; bits &= bits - 1) {
            uint32_t agent = i * 64 + (uint32_t)__builtin_ctzll(bits);

            for (uint32_t conv = level->first; conv != ROUTE_NONE;
                 conv = route_tree_next(router, conv))
                missed += route_conv_allows(&router->convs[conv], agent);
        }
    }
    return missed;
}

uint32_t route_idle_while_waiting(const struct route_router *router)
{
    uint32_t missed = 0;

    for (uint32_t i = 0; i < router->active_count; i++)
        missed += missed_in(router, router->active[i]);
    return missed;
}

static void check_agent(const struct route_router *router, uint32_t agent)
{
    const struct route_agent *a = &router->agents[agent];
    uint32_t load = 0;
    uint32_t full = 0;
    uint32_t convs = 0;

    for (uint32_t conv = a->first; conv != ROUTE_NONE; conv = router->convs[conv].next) {
        const struct route_conv *c = &router->convs[conv];

        ENSURE(c->agent == agent);
        ENSURE(c->state == ROUTE_CONV_ASSIGNED || c->state == ROUTE_CONV_OFFERED);
        load += c->load;
        full += c->request.weight;
        convs++;
    }
    ENSURE(load == a->load && full == a->full && convs == a->convs);
    ENSURE(route_has(router->online, agent) == (a->presence == ROUTE_ONLINE));
    ENSURE(route_has(router->room, agent) == (a->bucket < ROUTE_BUCKETS));
    if (a->bucket < ROUTE_BUCKETS) {
        ENSURE(a->presence == ROUTE_ONLINE);
        ENSURE(a->load + ROUTE_UNIT <= route_agent_capacity(router, agent));
    }
}

static void check_agents(const struct route_router *router)
{
    uint64_t used = 0;
    uint64_t capacity = 0;
    uint32_t convs = 0;

    for (uint32_t i = 0; i < router->config->names[ROUTE_KIND_AGENT].count; i++) {
        check_agent(router, i);
        convs += router->agents[i].convs;
        if (router->agents[i].presence != ROUTE_ONLINE)
            continue;
        used += router->agents[i].load;
        capacity += route_agent_capacity(router, i);
    }
    ENSURE(convs == router->stats.assigned + router->stats.offered);
    ENSURE(used == router->stats.used && capacity == router->stats.capacity);
}

static void check_convs(const struct route_router *router)
{
    uint32_t states[ROUTE_CONV_ASSIGNED + 1] = { 0 };
    uint32_t waiting = 0;
    uint32_t refs = 0;

    for (uint32_t i = 0; i < router->options.conversations_max; i++) {
        const struct route_conv *c = &router->convs[i];

        if (c->state == ROUTE_CONV_FREE)
            continue;
        states[c->state]++;
        ENSURE((c->agent == ROUTE_NONE) == (c->state == ROUTE_CONV_WAITING));
        ENSURE(route_conv_find(router, c->id) == i);
        ENSURE(c->request.arrived_ms - c->key <= ROUTE_BONUS_MS_MAX ||
               c->state != ROUTE_CONV_WAITING);
    }
    for (uint32_t i = 0; i < router->config->names[ROUTE_KIND_QUEUE].count; i++)
        waiting += router->queues[i].waiting;
    for (uint32_t i = 0; i < router->class_count; i++)
        refs += router->classes[i].refs;
    ENSURE(states[ROUTE_CONV_WAITING] == router->stats.waiting && waiting == router->stats.waiting);
    ENSURE(states[ROUTE_CONV_OFFERED] == router->stats.offered);
    ENSURE(states[ROUTE_CONV_ASSIGNED] == router->stats.assigned);
    ENSURE(router->stats.waiting + router->stats.offered + router->stats.assigned ==
           router->stats.convs);
    ENSURE(refs == router->stats.convs);
}

void route_check(const struct route_router *router)
{
    uint32_t size =
        router->options.conversations_max + router->config->names[ROUTE_KIND_AGENT].count;

    ENSURE(route_idle_while_waiting(router) == 0);
    if (size > COUNT_SMALL_MAX && router->stats.events % COUNT_EVERY != 0)
        return;
    check_agents(router);
    check_convs(router);
}
