/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a router: for walls, positions and promises of waiting time. */
#include "route_priv.h"

#include <stdlib.h>
#include <string.h>

bool route_conv_view(const struct route_router *router, uint64_t conv, struct route_conv_view *out)
{
    uint32_t slot = route_conv_find(router, conv);
    const struct route_conv *c;

    if (slot == ROUTE_NONE)
        return false;
    c = &router->convs[slot];
    *out = (struct route_conv_view){
        .state = (enum route_conv_state)c->state,
        .agent = c->agent,
        .queue = c->request.queue,
        .ring = c->ring,
        .rule = c->request.rule,
        .arrived_ms = c->request.arrived_ms,
        .answered = c->answered,
        .quiet = c->quiet,
        .flagged = c->flagged,
    };
    return true;
}

bool route_agent_view(const struct route_router *router, uint32_t agent,
                      struct route_agent_view *out)
{
    const struct route_agent *a;

    if (agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return false;
    a = &router->agents[agent];
    *out = (struct route_agent_view){
        .presence = (enum route_presence)a->presence,
        .convs = a->convs,
        .load = a->load,
        .capacity = route_agent_capacity(router, agent),
        .room = route_has(router->room, agent),
        .idle_since_ms = router->idle_since[agent],
    };
    return true;
}

static uint32_t count_able(const struct route_router *router, uint32_t queue)
{
    const struct route_queue *q = &router->config->queues[queue];
    struct route_request request;
    struct route_class_key key;
    uint32_t able = 0;

    route_request_init(&request);
    if (!route_class_key_of(router->config, &request, queue, &key))
        return 0;
    for (uint32_t i = 0; i < router->config->names[ROUTE_KIND_AGENT].count; i++)
        able +=
            route_has(router->online, i) && route_class_admits(router, &key, q->ring_count - 1, i);
    return able;
}

bool route_queue_view(const struct route_router *router, uint32_t queue,
                      struct route_queue_view *out)
{
    const struct route_queue_state *q;

    if (queue >= router->config->names[ROUTE_KIND_QUEUE].count)
        return false;
    q = &router->queues[queue];
    *out = (struct route_queue_view){ .waiting = q->waiting, .oldest_ms = ROUTE_NEVER };
    for (uint32_t conv = q->first; conv != ROUTE_NONE; conv = router->convs[conv].queue_next) {
        if (router->convs[conv].request.arrived_ms < out->oldest_ms)
            out->oldest_ms = router->convs[conv].request.arrived_ms;
    }
    out->able = count_able(router, queue);
    return true;
}

uint32_t route_position(const struct route_router *router, uint64_t conv)
{
    uint32_t slot = route_conv_find(router, conv);
    const struct route_conv *c;
    uint32_t position = 1;

    if (slot == ROUTE_NONE || router->convs[slot].state != ROUTE_CONV_WAITING)
        return 0;
    c = &router->convs[slot];
    for (uint32_t at = router->queues[c->request.queue].first; at != ROUTE_NONE;
         at = router->convs[at].queue_next)
        position += route_conv_before(&router->convs[at], c);
    return position;
}

/* The next of the queue after `last`, by turn; a selection over the levels of the queue. */
static uint32_t next_in_turn(const struct route_router *router, uint32_t queue,
                             const struct route_conv *last)
{
    uint32_t best = ROUTE_NONE;

    for (uint32_t at = router->queues[queue].first; at != ROUTE_NONE;
         at = router->convs[at].queue_next) {
        const struct route_conv *c = &router->convs[at];

        if (last != NULL && !route_conv_before(last, c))
            continue;
        if (best == ROUTE_NONE || route_conv_before(c, &router->convs[best]))
            best = at;
    }
    return best;
}

uint32_t route_waiting(const struct route_router *router, uint32_t queue, uint64_t *out,
                       uint32_t max)
{
    const struct route_conv *last = NULL;

    if (queue >= router->config->names[ROUTE_KIND_QUEUE].count)
        return 0;
    for (uint32_t i = 0; i < max; i++) {
        uint32_t conv = next_in_turn(router, queue, last);

        if (conv == ROUTE_NONE)
            break;
        last = &router->convs[conv];
        out[i] = last->id;
    }
    return router->queues[queue].waiting;
}

static int compare_ms(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Said only when it means something: at least five waits, the middle half of them no wider than the
 * median itself (and half a minute). */
bool route_wait_estimate(const struct route_router *router, uint32_t queue, uint32_t position,
                         int64_t *wait_ms)
{
    static const int64_t SPREAD_FREE_MS = 30000;
    int64_t sorted[ROUTE_WAIT_SAMPLES];
    const struct route_waits *waits;
    int64_t spread;

    if (queue >= router->config->names[ROUTE_KIND_QUEUE].count || position == 0)
        return false;
    waits = &router->queues[queue].waits[route_position_class(position)];
    if (waits->count < ROUTE_WAIT_SAMPLES_MIN)
        return false;
    memcpy(sorted, waits->ms, waits->count * sizeof(*sorted));
    qsort(sorted, waits->count, sizeof(*sorted), compare_ms);
    *wait_ms = sorted[waits->count / 2];
    spread = sorted[waits->count * 3 / 4] - sorted[waits->count / 4];
    return spread <= (*wait_ms > SPREAD_FREE_MS ? *wait_ms : SPREAD_FREE_MS);
}

void route_stats(const struct route_router *router, struct route_stats *out)
{
    *out = router->stats;
    out->idle_while_waiting = route_idle_while_waiting(router);
}
