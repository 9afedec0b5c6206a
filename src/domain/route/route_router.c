/* SPDX-License-Identifier: Apache-2.0 */
/* Making a router: every table at its full size, from the caller's memory, once. */
#include "route_priv.h"

#include <string.h>

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t power = 2;

    while (power < at_least)
        power *= 2;
    return power;
}

static uint32_t *none_table(struct route_pool *pool, uint32_t count)
{
    uint32_t *table = route_pool_alloc(pool, count, sizeof(*table));

    if (table != NULL)
        memset(table, 0xFF, count * sizeof(*table)); /* ROUTE_NONE */
    return table;
}

static bool make_convs(struct route_router *router)
{
    uint32_t count = router->options.conversations_max;
    uint32_t index = power_of_two(2 * count);

    router->convs = route_pool_alloc(&router->pool, count, sizeof(*router->convs));
    router->conv_index = none_table(&router->pool, index);
    router->conv_index_mask = index - 1;
    if (router->convs == NULL || router->conv_index == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        router->convs[i].state = ROUTE_CONV_FREE;
        router->convs[i].next = i + 1 < count ? i + 1 : ROUTE_NONE;
    }
    return true;
}

static bool make_classes(struct route_router *router)
{
    struct route_pool *pool = &router->pool;
    uint32_t count = router->options.classes_max;
    size_t levels = (size_t)count * router->rings;
    uint32_t index = power_of_two(2 * count);

    router->classes = route_pool_alloc(pool, count, sizeof(*router->classes));
    router->levels = route_pool_alloc(pool, levels, sizeof(*router->levels));
    router->level_agents = route_pool_alloc(pool, levels * router->words, sizeof(uint64_t));
    router->active = route_pool_alloc(pool, levels, sizeof(*router->active));
    router->class_index = none_table(pool, index);
    router->class_index_mask = index - 1;
    return router->classes != NULL && router->levels != NULL && router->level_agents != NULL &&
           router->active != NULL && router->class_index != NULL;
}

static bool make_timers(struct route_router *router)
{
    uint32_t count =
        router->options.conversations_max + router->config->names[ROUTE_KIND_AGENT].count;

    router->timers = route_pool_alloc(&router->pool, count, sizeof(*router->timers));
    router->timer_at = none_table(&router->pool, count);
    return router->timers != NULL && router->timer_at != NULL;
}

static bool make_sets(struct route_router *router)
{
    const struct route_names *names = router->config->names;
    struct {
        uint64_t **set;
        uint32_t count;
    } rows[] = {
        { &router->online, 1 },
        { &router->room, 1 },
        { &router->buckets, ROUTE_BUCKETS },
        { &router->skill_sets, names[ROUTE_KIND_SKILL].count * ROUTE_LEVEL_MAX },
        { &router->team_sets, names[ROUTE_KIND_TEAM].count },
        { &router->language_sets, names[ROUTE_KIND_LANGUAGE].count },
        { &router->channel_sets, names[ROUTE_KIND_CHANNEL].count },
    };

    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        *rows[i].set = route_pool_alloc(&router->pool, (size_t)rows[i].count * router->words,
                                        sizeof(uint64_t));
        if (*rows[i].set == NULL)
            return false;
    }
    return true;
}

static void fill_agent(struct route_router *router, uint32_t agent)
{
    const struct route_agent_def *def = &router->config->agents[agent];
    const struct route_names *names = router->config->names;
    uint32_t words = router->words;

    router->agents[agent] = (struct route_agent){
        .capacity = def->capacity,
        .first = ROUTE_NONE,
        .last = ROUTE_NONE,
        .presence = ROUTE_OFFLINE,
        .bucket = ROUTE_BUCKETS,
        .gone = true, /* was never there: no grace */
    };
    memcpy(router->skills[agent], def->levels, sizeof(def->levels));
    for (unsigned i = 0; i < 3; i++)
        router->fixed[agent][i] = (uint16_t)def->fixed[i];
    for (uint32_t i = 0; i < names[ROUTE_KIND_SKILL].count; i++) {
        for (uint32_t level = 0; level < def->levels[i]; level++)
            route_put(&router->skill_sets[(i * ROUTE_LEVEL_MAX + level) * words], agent, true);
    }
    for (uint32_t i = 0; i < names[ROUTE_KIND_TEAM].count; i++)
        route_put(&router->team_sets[i * words], agent, (def->teams >> i & 1) != 0);
    for (uint32_t i = 0; i < names[ROUTE_KIND_LANGUAGE].count; i++)
        route_put(&router->language_sets[i * words], agent,
                  def->languages == 0 || (def->languages >> i & 1) != 0);
    for (uint32_t i = 0; i < names[ROUTE_KIND_CHANNEL].count; i++)
        route_put(&router->channel_sets[i * words], agent,
                  def->channels == 0 || (def->channels >> i & 1) != 0);
}

static bool make_agents(struct route_router *router)
{
    struct route_pool *pool = &router->pool;
    uint32_t count = router->config->names[ROUTE_KIND_AGENT].count;

    router->agents = route_pool_alloc(pool, count, sizeof(*router->agents));
    router->idle_since = route_pool_alloc(pool, count, sizeof(*router->idle_since));
    router->fixed = route_pool_alloc(pool, count, sizeof(*router->fixed));
    router->skills = route_pool_alloc(pool, count, sizeof(*router->skills));
    if (router->agents == NULL || router->idle_since == NULL || router->fixed == NULL ||
        router->skills == NULL || !make_sets(router))
        return false;
    for (uint32_t i = 0; i < count; i++)
        fill_agent(router, i);
    return true;
}

static bool make_queues(struct route_router *router)
{
    uint32_t count = router->config->names[ROUTE_KIND_QUEUE].count;

    router->queues = route_pool_alloc(&router->pool, count, sizeof(*router->queues));
    for (uint32_t i = 0; i < count && router->queues != NULL; i++) {
        enum route_preset preset = router->config->queues[i].preset;
        const enum route_preset *all = router->options.preset;

        router->queues[i].first = router->queues[i].last = ROUTE_NONE;
        router->queues[i].preset = all != NULL && preset != ROUTE_MANUAL ? *all : preset;
    }
    return router->queues != NULL;
}

bool route_router_create(const struct route_options *options, struct route_router **out)
{
    struct route_pool pool;
    struct route_router *router;

    *out = NULL;
    if (options->config == NULL || options->act == NULL || options->conversations_max == 0 ||
        options->conversations_max > ROUTE_CONVERSATIONS_MAX ||
        options->classes_max > ROUTE_CLASSES_MAX || options->now_ms < 0 ||
        (options->preset != NULL && (unsigned)*options->preset >= ROUTE_MANUAL))
        return false;
    route_pool_init(&pool, options->memory);
    router = route_pool_alloc(&pool, 1, sizeof(*router));
    if (router == NULL)
        return false;
    router->pool = pool;
    router->config = options->config;
    router->options = *options;
    if (options->classes_max == 0)
        router->options.classes_max = ROUTE_CLASSES_DEFAULT;
    router->now = options->now_ms;
    router->words = route_words(options->config);
    router->rings = options->config->ring_count_max;
    if (!make_convs(router) || !make_timers(router) || !make_agents(router) ||
        !make_queues(router) || !make_classes(router)) {
        route_router_destroy(&router);
        return false;
    }
    router->options.preset = NULL; /* the caller's, until here */
    *out = router;
    return true;
}

void route_router_destroy(struct route_router **router)
{
    struct route_pool pool;

    if (*router == NULL)
        return;
    pool = (*router)->pool; /* the router lies in its own pool */
    *router = NULL;
    route_pool_fini(&pool);
}

size_t route_router_bytes(const struct route_router *router)
{
    return router->pool.bytes;
}
