/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent can take now, and its events. The sets of room and load are brought in line by one
 * function after any change, so that no path can forget one of them. */
#include "route_priv.h"

/* After coming online the places open one by one, so that the first to log in is not flooded. */
static int64_t slow_start_end(const struct route_router *router, const struct route_agent *a)
{
    int64_t step = router->config->settings.slow_start_ms;

    return step == 0 ? 0 : a->online_since + step * (a->capacity / ROUTE_UNIT - 1);
}

uint32_t route_agent_capacity(const struct route_router *router, uint32_t agent)
{
    const struct route_agent *a = &router->agents[agent];
    int64_t step = router->config->settings.slow_start_ms;

    if (a->seen_ms >= slow_start_end(router, a))
        return a->capacity;
    return ROUTE_UNIT * (uint32_t)(1 + (a->seen_ms - a->online_since) / step);
}

static bool has_room(const struct route_router *router, const struct route_agent *a,
                     uint32_t capacity)
{
    return a->presence == ROUTE_ONLINE && a->seen_ms >= a->wrap_until &&
           a->load + ROUTE_UNIT <= capacity &&
           a->full + ROUTE_UNIT <= capacity + router->config->settings.over;
}

static void set_bucket(struct route_router *router, uint32_t agent, uint32_t bucket)
{
    struct route_agent *a = &router->agents[agent];

    if (a->bucket == bucket)
        return;
    if (a->bucket < ROUTE_BUCKETS) {
        route_put(&router->buckets[a->bucket * router->words], agent, false);
        router->bucket_count[a->bucket]--;
    }
    a->bucket = (uint8_t)bucket;
    if (bucket < ROUTE_BUCKETS) {
        route_put(&router->buckets[bucket * router->words], agent, true);
        router->bucket_count[bucket]++;
    }
    route_put(router->room, agent, bucket < ROUTE_BUCKETS);
}

static int64_t next_due(const struct route_router *router, const struct route_agent *a)
{
    const struct route_settings *settings = &router->config->settings;
    int64_t due = ROUTE_NEVER;

    if (a->presence == ROUTE_OFFLINE)
        return a->gone ? ROUTE_NEVER : a->offline_since + settings->grace_ms;
    if (a->presence == ROUTE_REMOVED)
        return ROUTE_NEVER;
    if (a->seen_ms < slow_start_end(router, a)) {
        int64_t steps = (a->seen_ms - a->online_since) / settings->slow_start_ms + 1;

        due = a->online_since + steps * settings->slow_start_ms;
    }
    if (a->wrap_until > a->seen_ms && a->wrap_until < due)
        due = a->wrap_until;
    return due;
}

void route_agent_refresh(struct route_router *router, uint32_t agent)
{
    struct route_agent *a = &router->agents[agent];
    uint32_t capacity = route_agent_capacity(router, agent);
    bool online = a->presence == ROUTE_ONLINE;
    uint32_t tenth = a->load * ROUTE_BUCKETS / capacity;

    set_bucket(router, agent, has_room(router, a, capacity) ? tenth : ROUTE_BUCKETS);
    router->stats.used += (online ? a->load : 0) - a->counted_load;
    router->stats.capacity += (online ? capacity : 0) - a->counted_capacity;
    a->counted_load = online ? a->load : 0;
    a->counted_capacity = online ? capacity : 0;
    route_timer_set(router, router->options.conversations_max + agent, agent, next_due(router, a));
}

void route_agent_add(struct route_router *router, uint32_t agent, uint32_t conv)
{
    struct route_agent *a = &router->agents[agent];
    struct route_conv *c = &router->convs[conv];

    c->agent = agent;
    c->load = c->request.weight;
    c->next = ROUTE_NONE;
    c->prev = a->last;
    if (a->last != ROUTE_NONE)
        router->convs[a->last].next = conv;
    else
        a->first = conv;
    a->last = conv;
    a->convs++;
    a->load += c->load;
    a->full += c->request.weight;
    router->idle_since[agent] = router->now;
    route_agent_refresh(router, agent);
}

void route_agent_drop(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    struct route_agent *a = &router->agents[c->agent];

    if (c->prev != ROUTE_NONE)
        router->convs[c->prev].next = c->next;
    else
        a->first = c->next;
    if (c->next != ROUTE_NONE)
        router->convs[c->next].prev = c->prev;
    else
        a->last = c->prev;
    ENSURE(a->convs > 0 && a->load >= c->load && a->full >= c->request.weight);
    a->convs--;
    a->load -= c->load;
    a->full -= c->request.weight;
    route_agent_refresh(router, c->agent);
    c->agent = ROUTE_NONE;
    c->load = 0;
    c->quiet = c->flagged = c->answered = false;
}

void route_agent_begin_grace(struct route_router *router, uint32_t agent)
{
    struct route_agent *a = &router->agents[agent];

    if (a->presence != ROUTE_OFFLINE || a->convs > 1)
        return;
    a->offline_since = router->now;
    a->gone = false;
    route_agent_refresh(router, agent);
}

/* ---- losing conversations ---- */

static void give_back(struct route_router *router, uint32_t conv, uint32_t agent)
{
    if (router->convs[conv].state == ROUTE_CONV_OFFERED) {
        router->stats.offered--;
        route_conv_act(router, conv, ROUTE_ACTION_WITHDRAW, agent);
    } else {
        router->stats.assigned--;
    }
    route_agent_drop(router, conv);
    route_conv_enter(router, conv, agent);
}

/* What the agent has goes back, in the order in which it came; only_offers: the rest stays. */
static void give_back_all(struct route_router *router, uint32_t agent, bool only_offers)
{
    uint32_t conv = router->agents[agent].first;

    while (conv != ROUTE_NONE) {
        uint32_t next = router->convs[conv].next;

        if (!only_offers || router->convs[conv].state == ROUTE_CONV_OFFERED)
            give_back(router, conv, agent);
        conv = next;
    }
}

/* The grace is over: who got no answer yet goes back; the others a supervisor sees first, since a
 * new agent would have to ask everything again. */
static void grace_over(struct route_router *router, uint32_t agent)
{
    uint32_t conv = router->agents[agent].first;

    router->agents[agent].gone = true;
    route_agent_refresh(router, agent);
    while (conv != ROUTE_NONE) {
        struct route_conv *c = &router->convs[conv];
        uint32_t next = c->next;

        if (c->answered && !c->flagged) {
            c->flagged = true;
            route_conv_act(router, conv, ROUTE_ACTION_FLAG, agent);
        } else if (!c->answered) {
            give_back(router, conv, agent);
        }
        conv = next;
    }
}

void route_agent_due(struct route_router *router, uint32_t agent)
{
    struct route_agent *a = &router->agents[agent];

    if (a->presence == ROUTE_OFFLINE) {
        grace_over(router, agent);
        return;
    }
    a->seen_ms = router->now;
    route_agent_refresh(router, agent);
    route_agent_seek(router, agent);
}

/* ---- events ---- */

static void set_presence(struct route_router *router, uint32_t agent, enum route_presence presence)
{
    struct route_agent *a = &router->agents[agent];
    bool was_away = a->presence == ROUTE_OFFLINE || a->presence == ROUTE_REMOVED;
    bool now_away = presence == ROUTE_OFFLINE || presence == ROUTE_REMOVED;

    router->stats.online += presence == ROUTE_ONLINE;
    router->stats.online -= a->presence == ROUTE_ONLINE;
    route_put(router->online, agent, presence == ROUTE_ONLINE);
    a->presence = (uint8_t)presence;
    if (was_away && !now_away) {
        a->online_since = router->now;
        a->gone = false;
        for (uint32_t conv = a->first; conv != ROUTE_NONE; conv = router->convs[conv].next)
            router->convs[conv].flagged = false;
    }
    if (presence == ROUTE_ONLINE) {
        a->misses = 0;
        router->idle_since[agent] = router->now;
    }
    if (presence == ROUTE_OFFLINE) {
        a->offline_since = router->now;
        a->gone = false;
    }
    route_agent_refresh(router, agent);
}

void route_agent_set_away(struct route_router *router, uint32_t agent)
{
    set_presence(router, agent, ROUTE_AWAY);
    route_act(router, &(struct route_action){ .type = ROUTE_ACTION_AWAY,
                                              .agent = agent,
                                              .queue = ROUTE_NONE,
                                              .rule = ROUTE_NONE,
                                              .due_ms = ROUTE_NEVER });
}

static enum route_answer presence_event(struct route_router *router,
                                        const struct route_event *event)
{
    if ((unsigned)event->presence > ROUTE_REMOVED)
        return ROUTE_BAD_EVENT;
    if (router->agents[event->agent].presence == event->presence)
        return ROUTE_OK;
    set_presence(router, event->agent, event->presence);
    if (event->presence == ROUTE_OFFLINE || event->presence == ROUTE_REMOVED)
        give_back_all(router, event->agent, event->presence == ROUTE_OFFLINE);
    route_agent_seek(router, event->agent);
    return ROUTE_OK;
}

static enum route_answer skill_event(struct route_router *router, const struct route_event *event)
{
    uint8_t *level;

    if (event->skill >= router->config->names[ROUTE_KIND_SKILL].count)
        return ROUTE_UNKNOWN_SKILL;
    if (event->level > ROUTE_LEVEL_MAX)
        return ROUTE_BAD_EVENT;
    level = &router->skills[event->agent][event->skill];
    *level = (uint8_t)event->level;
    for (uint32_t i = 1; i <= ROUTE_LEVEL_MAX; i++)
        route_put(&router->skill_sets[(event->skill * ROUTE_LEVEL_MAX + i - 1) * router->words],
                  event->agent, i <= event->level);
    router->fixed[event->agent][0] =
        (uint16_t)route_specialist_score(router->config, router->skills[event->agent]);
    route_class_update(router, event->agent);
    route_agent_seek(router, event->agent);
    return ROUTE_OK;
}

static enum route_answer capacity_event(struct route_router *router,
                                        const struct route_event *event)
{
    if (event->capacity < 1 || event->capacity > ROUTE_CAPACITY_MAX)
        return ROUTE_BAD_EVENT;
    router->agents[event->agent].capacity = event->capacity * ROUTE_UNIT;
    route_agent_refresh(router, event->agent);
    route_agent_seek(router, event->agent);
    return ROUTE_OK;
}

enum route_answer route_agent_event(struct route_router *router, const struct route_event *event)
{
    if (event->agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return ROUTE_UNKNOWN_AGENT;
    router->agents[event->agent].seen_ms = router->now;
    if (event->type == ROUTE_EVENT_PRESENCE)
        return presence_event(router, event);
    if (event->type == ROUTE_EVENT_SKILL)
        return skill_event(router, event);
    return capacity_event(router, event);
}
