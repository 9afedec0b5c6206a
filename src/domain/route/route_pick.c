/* SPDX-License-Identifier: Apache-2.0 */
/* The choice itself. Candidates are the agents of the class AND those with room; the presets differ
 * in how they rank them. Equal scores go to the first agent after the last one chosen in the queue,
 * round and round, so that ties spread and yet the same events give the same choices. */
#include "route_priv.h"

bool route_conv_allows(const struct route_conv *conv, uint32_t agent)
{
    if (conv->hold_until != ROUTE_NEVER && conv->request.last_agent != agent)
        return false;
    for (uint8_t i = 0; i < conv->excluded_count; i++) {
        if (conv->excluded[i] == agent)
            return false;
    }
    return true;
}

/* Below fade_from everybody has time: be fair. From fade_to on, keep those with many skills free
 * for what only they can do. Between the two the specialists' share grows. */
uint32_t route_fade(const struct route_router *router)
{
    const struct route_settings *settings = &router->config->settings;
    uint64_t occupancy = router->stats.capacity > 0
                             ? (uint64_t)router->stats.used * 1000 / router->stats.capacity
                             : 0;

    if (occupancy >= settings->fade_to)
        return 1000;
    if (occupancy <= settings->fade_from)
        return 0;
    return (uint32_t)((occupancy - settings->fade_from) * 1000 /
                      (settings->fade_to - settings->fade_from));
}

static int64_t idle_ms(const struct route_router *router, uint32_t agent)
{
    return router->now - router->idle_since[agent];
}

/* w1 * idle + fade * (w2 * specialist + w3 * speed + w4 * satisfaction) + w5 * sticky, each part
 * from 0 to 1,000, the sum in thousandths. Whole numbers: a float may differ between machines. */
static inline int64_t composite(const struct route_router *router, const struct route_conv *conv,
                                uint32_t agent, uint32_t fade)
{
    const struct route_weights *w = &router->config->queues[conv->request.queue].weights;
    const uint16_t *fixed = router->fixed[agent];
    int64_t idle = idle_ms(router, agent);
    int64_t sum = fixed[0] * w->specialist + fixed[1] * w->speed + fixed[2] * w->csat;

    idle = (idle < ROUTE_IDLE_FULL_MS ? idle : ROUTE_IDLE_FULL_MS) * 1000 / ROUTE_IDLE_FULL_MS;
    return idle * w->idle * 1000 + sum * fade +
           (agent == conv->request.last_agent ? (int64_t)w->sticky * 1000000 : 0);
}

/* How far after the rotating start; 0 is nearest. */
static inline uint32_t distance(const struct route_router *router, uint32_t start, uint32_t agent)
{
    return agent >= start ? agent - start
                          : agent + router->config->names[ROUTE_KIND_AGENT].count - start;
}

int64_t route_score(const struct route_router *router, const struct route_conv *conv,
                    uint32_t agent, uint32_t fade)
{
    const struct route_queue_state *q = &router->queues[conv->request.queue];

    if (q->preset == ROUTE_EFFICIENT)
        return composite(router, conv, agent, fade);
    if (q->preset == ROUTE_ROUND_ROBIN)
        return -(int64_t)distance(router, q->next_agent, agent);
    /* Who has more places is to be asked as much more often. */
    if (q->preset == ROUTE_FAIR)
        return idle_ms(router, agent) * (router->agents[agent].capacity / ROUTE_UNIT);
    return idle_ms(router, agent);
}

struct choice {
    uint32_t agent;
    int64_t score;
};

static void consider(const struct route_router *router, const struct route_conv *conv,
                     uint32_t agent, uint32_t fade, struct choice *best)
{
    uint32_t start = router->queues[conv->request.queue].next_agent;
    int64_t score;

    if (conv->excluded_count > 0 && !route_conv_allows(conv, agent))
        return;
    score = route_score(router, conv, agent, fade);
    if (best->agent != ROUTE_NONE &&
        (score < best->score || (score == best->score && distance(router, start, agent) >
                                                             distance(router, start, best->agent))))
        return;
    *best = (struct choice){ agent, score };
}

static uint32_t best_of(const struct route_router *router, const struct route_conv *conv,
                        const uint64_t *able, const uint64_t *free, uint32_t fade)
{
    struct choice best = { .agent = ROUTE_NONE };

    for (uint32_t i = 0; i < router->words; i++) {
        for (uint64_t bits = able[i] & free[i]; bits != 0; bits &= bits - 1)
            consider(router, conv, i * 64 + (uint32_t)__builtin_ctzll(bits), fade, &best);
    }
    return best.agent;
}

/* The first candidate from the rotating start on. */
static uint32_t next_of(const struct route_router *router, const struct route_conv *conv,
                        const uint64_t *able)
{
    uint32_t start = router->queues[conv->request.queue].next_agent;
    uint32_t word = start / 64;
    uint64_t mask = UINT64_MAX << (start % 64);

    for (uint32_t i = 0; i <= router->words; i++) {
        uint64_t bits = able[word] & router->room[word] & mask;

        for (; bits != 0; bits &= bits - 1) {
            uint32_t agent = word * 64 + (uint32_t)__builtin_ctzll(bits);

            if (route_conv_allows(conv, agent))
                return agent;
        }
        word = word + 1 < router->words ? word + 1 : 0;
        mask = UINT64_MAX;
    }
    return ROUTE_NONE;
}

/* Those with the lowest load first; the rest only if those cannot. */
static uint32_t lowest_load_of(const struct route_router *router, const struct route_conv *conv,
                               const uint64_t *able)
{
    uint32_t fade = route_fade(router);
    uint32_t agent = ROUTE_NONE;

    for (uint32_t b = 0; b < ROUTE_BUCKETS && agent == ROUTE_NONE; b++) {
        if (router->bucket_count[b] > 0)
            agent = best_of(router, conv, able, &router->buckets[b * router->words], fade);
    }
    return agent;
}

uint32_t route_pick(struct route_router *router, uint32_t conv)
{
    const struct route_conv *c = &router->convs[conv];
    enum route_preset preset = router->queues[c->request.queue].preset;
    const uint64_t *able;

    if (preset == ROUTE_MANUAL)
        return ROUTE_NONE;
    able = route_level_agents(router, c->klass, c->ring);
    if (c->hold_until != ROUTE_NEVER) {
        uint32_t agent = c->request.last_agent;
        bool can =
            route_has(able, agent) && route_has(router->room, agent) && route_conv_allows(c, agent);

        return can ? agent : ROUTE_NONE;
    }
    if (preset == ROUTE_ROUND_ROBIN)
        return next_of(router, c, able);
    if (preset == ROUTE_FAIR || preset == ROUTE_LONGEST_IDLE)
        return best_of(router, c, able, router->room, 0);
    return lowest_load_of(router, c, able);
}

uint32_t route_pick_conv(const struct route_router *router, uint32_t agent)
{
    uint32_t best = ROUTE_NONE;

    for (uint32_t i = 0; i < router->active_count; i++) {
        uint32_t at = router->active[i];
        const struct route_level *level = &router->levels[at];

        if (!route_has(&router->level_agents[(size_t)at * router->words], agent))
            continue;
        for (uint32_t conv = level->first; conv != ROUTE_NONE;
             conv = route_tree_next(router, conv)) {
            const struct route_conv *c = &router->convs[conv];

            if (best != ROUTE_NONE && !route_conv_before(c, &router->convs[best]))
                break;
            if (route_conv_allows(c, agent)) {
                best = conv;
                break;
            }
        }
    }
    return best;
}
