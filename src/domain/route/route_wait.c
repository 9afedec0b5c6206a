/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a conversation, and the moves between them:
 *
 *      enter ──▶ WAITING ──▶ OFFERED ──▶ ASSIGNED ──▶ (closed)
 *        └──────────┴─────────┴─ ▲ └── back ─┘ │
 *                                └─────────────┘
 *
 * After every move whoever could profit is asked: a conversation that may newly be taken looks for
 * an agent, an agent with new room looks for a conversation. Nobody else can have become a match,
 * so this is all that the promise "nobody waits while somebody able is free" needs. */
#include "route_priv.h"

#include <string.h>

void route_act(struct route_router *router, const struct route_action *action)
{
    struct route_action copy = *action;

    copy.now_ms = router->now;
    router->acting = true;
    router->options.act(router->options.ctx, &copy);
    router->acting = false;
}

static struct route_action action_of(const struct route_conv *c, enum route_action_type type)
{
    return (struct route_action){
        .type = type,
        .conv = c->id,
        .agent = ROUTE_NONE,
        .queue = c->request.queue,
        .rule = c->request.rule,
        .ring = c->ring,
        .due_ms = ROUTE_NEVER,
    };
}

void route_conv_act(struct route_router *router, uint32_t conv, enum route_action_type type,
                    uint32_t agent)
{
    struct route_action action = action_of(&router->convs[conv], type);

    action.agent = agent;
    route_act(router, &action);
}

/* ---- waits of the past, for the estimate ---- */

static const uint32_t position_ends[ROUTE_WAIT_POSITIONS] = { 1, 2, 3, 5, 8, 13, 21, UINT32_MAX };

uint32_t route_position_class(uint32_t position)
{
    uint32_t at = 0;

    while (position > position_ends[at])
        at++;
    return at;
}

static void remember_wait(struct route_router *router, const struct route_conv *c)
{
    struct route_waits *waits = &router->queues[c->request.queue].waits[c->wait_position];

    waits->ms[waits->at] = router->now - c->wait_from_ms;
    waits->at = (waits->at + 1) % ROUTE_WAIT_SAMPLES;
    if (waits->count < ROUTE_WAIT_SAMPLES)
        waits->count++;
}

/* ---- waiting ---- */

static uint32_t level_at(const struct route_router *router, const struct route_conv *c)
{
    return c->klass * router->rings + c->ring;
}

static void level_join(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    uint32_t at = level_at(router, c);
    struct route_level *level = &router->levels[at];

    route_tree_insert(router, level, conv);
    if (level->waiting == 1 && router->queues[c->request.queue].preset != ROUTE_MANUAL) {
        route_level_agents(router, c->klass, c->ring);
        level->active_at = router->active_count;
        router->active[router->active_count++] = at;
    }
}

static void level_leave(struct route_router *router, uint32_t conv)
{
    struct route_level *level = &router->levels[level_at(router, &router->convs[conv])];

    route_tree_remove(router, level, conv);
    if (level->waiting == 0 && level->active_at != ROUTE_NONE) {
        uint32_t last = router->active[--router->active_count];

        router->active[level->active_at] = last;
        router->levels[last].active_at = level->active_at;
        level->active_at = ROUTE_NONE;
    }
}

/* The earliest of what may happen to a conversation by itself. */
static int64_t next_due(const struct route_router *router, const struct route_conv *c)
{
    const struct route_queue *q = &router->config->queues[c->request.queue];
    int64_t due = ROUTE_NEVER;

    if (c->state == ROUTE_CONV_OFFERED)
        return c->offer_until;
    if (c->state == ROUTE_CONV_ASSIGNED) {
        bool counts =
            router->config->settings.quiet_ms > 0 && !c->quiet && !router->options.never_quiet;

        return counts ? c->message_ms + router->config->settings.quiet_ms : ROUTE_NEVER;
    }
    if (c->ring + 1 < q->ring_count)
        due = c->ring_from_ms + q->rings[c->ring + 1].after_ms;
    if (c->hold_until < due)
        due = c->hold_until;
    if (c->excluded_count > 0 && c->excluded_until < due)
        due = c->excluded_until;
    if (q->sla_risk_ms > 0 && !c->boosted && c->request.arrived_ms + q->sla_risk_ms < due)
        due = c->request.arrived_ms + q->sla_risk_ms;
    return due;
}

void route_conv_arm(struct route_router *router, uint32_t conv)
{
    const struct route_conv *c = &router->convs[conv];

    route_timer_set(router, conv, (UINT64_C(1) << 32) + c->number, next_due(router, c));
}

/* Constant seconds on the arrival time: who waits longer stays ahead by the same amount, so nothing
 * must be sorted again as time goes by, and nobody is overtaken by who came more than
 * ROUTE_BONUS_MS_MAX later. */
static int64_t key_of(const struct route_router *router, const struct route_conv *c)
{
    const struct route_settings *settings = &router->config->settings;
    int64_t bonus = settings->priority_step_ms * c->request.priority;

    bonus += c->request.vip ? settings->vip_ms : 0;
    bonus += c->boosted ? router->config->queues[c->request.queue].sla_boost_ms : 0;
    return c->request.arrived_ms - (bonus < ROUTE_BONUS_MS_MAX ? bonus : ROUTE_BONUS_MS_MAX);
}

void route_conv_wait(struct route_router *router, uint32_t conv, uint32_t former)
{
    struct route_conv *c = &router->convs[conv];
    struct route_queue_state *queue = &router->queues[c->request.queue];
    struct route_action action;

    c->state = ROUTE_CONV_WAITING;
    c->key = key_of(router, c);
    c->wait_from_ms = router->now;
    level_join(router, conv);
    c->queue_prev = queue->last;
    c->queue_next = ROUTE_NONE;
    if (queue->last != ROUTE_NONE)
        router->convs[queue->last].queue_next = conv;
    else
        queue->first = conv;
    queue->last = conv;
    queue->waiting++;
    router->stats.waiting++;
    c->wait_position = (uint8_t)route_position_class(queue->waiting);
    route_conv_arm(router, conv);
    action = action_of(c, ROUTE_ACTION_WAIT);
    action.agent = former;
    action.alternatives = c->request.alternatives;
    route_act(router, &action);
}

void route_conv_unwait(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    struct route_queue_state *queue = &router->queues[c->request.queue];

    level_leave(router, conv);
    if (c->queue_prev != ROUTE_NONE)
        router->convs[c->queue_prev].queue_next = c->queue_next;
    else
        queue->first = c->queue_next;
    if (c->queue_next != ROUTE_NONE)
        router->convs[c->queue_next].queue_prev = c->queue_prev;
    else
        queue->last = c->queue_prev;
    queue->waiting--;
    router->stats.waiting--;
}

/* ---- finding each other ---- */

static void report_placed(struct route_router *router, uint32_t conv, bool forced,
                          const struct route_trace *trace)
{
    const struct route_conv *c = &router->convs[conv];
    bool offer = c->state == ROUTE_CONV_OFFERED;
    struct route_action action = action_of(c, offer ? ROUTE_ACTION_OFFER : ROUTE_ACTION_ASSIGN);

    action.agent = c->agent;
    action.sticky = c->agent == c->request.last_agent;
    action.forced = forced;
    action.waited_ms = router->now - c->request.arrived_ms;
    action.due_ms = offer ? c->offer_until : ROUTE_NEVER;
    action.trace = trace;
    route_act(router, &action);
}

void route_conv_assigned(struct route_router *router, uint32_t conv)
{
    report_placed(router, conv, false, NULL);
}

void route_conv_place(struct route_router *router, uint32_t conv, uint32_t agent, bool direct,
                      bool forced)
{
    struct route_conv *c = &router->convs[conv];
    const struct route_queue *q = &router->config->queues[c->request.queue];
    bool offer = q->offer_ms > 0 && !direct;
    struct route_trace trace;
    bool traced = router->options.trace && !direct;

    if (traced)
        route_trace_fill(router, c, &router->classes[c->klass].key, agent, &trace);
    c->state = offer ? ROUTE_CONV_OFFERED : ROUTE_CONV_ASSIGNED;
    c->offer_until = router->now + q->offer_ms;
    c->message_ms = router->now;
    c->hold_until = ROUTE_NEVER;
    router->stats.offered += offer;
    router->stats.assigned += !offer;
    router->stats.decisions++;
    router->queues[c->request.queue].next_agent =
        agent + 1 < router->config->names[ROUTE_KIND_AGENT].count ? agent + 1 : 0;
    route_agent_add(router, agent, conv);
    route_conv_arm(router, conv);
    report_placed(router, conv, forced, traced ? &trace : NULL);
}

void route_conv_enter(struct route_router *router, uint32_t conv, uint32_t former)
{
    uint32_t agent;

    if (router->convs[conv].excluded_until <= router->now)
        router->convs[conv].excluded_count = 0;
    agent = route_pick(router, conv);
    if (agent != ROUTE_NONE)
        route_conv_place(router, conv, agent, false, false);
    else
        route_conv_wait(router, conv, former);
}

void route_conv_seek(struct route_router *router, uint32_t conv)
{
    uint32_t agent = route_pick(router, conv);

    if (agent == ROUTE_NONE)
        return;
    remember_wait(router, &router->convs[conv]);
    route_conv_unwait(router, conv);
    route_conv_place(router, conv, agent, false, false);
}

void route_agent_seek(struct route_router *router, uint32_t agent)
{
    while (route_has(router->room, agent)) {
        uint32_t conv = route_pick_conv(router, agent);

        if (conv == ROUTE_NONE)
            return;
        remember_wait(router, &router->convs[conv]);
        route_conv_unwait(router, conv);
        route_conv_place(router, conv, agent, false, false);
    }
}

/* The oldest is forgotten when a fifth comes: a conversation that four have declined is better
 * asked about again than left alone. */
void route_conv_exclude(struct route_router *router, uint32_t conv, uint32_t agent)
{
    struct route_conv *c = &router->convs[conv];

    if (c->excluded_count == ROUTE_EXCLUDED_MAX) {
        memmove(&c->excluded[0], &c->excluded[1],
                (ROUTE_EXCLUDED_MAX - 1) * sizeof(c->excluded[0]));
        c->excluded_count--;
    }
    c->excluded[c->excluded_count++] = agent;
    c->excluded_until = router->now + router->config->settings.exclude_ms;
}

bool route_queue_takes(const struct route_router *router, uint32_t queue)
{
    const struct route_queue *q = &router->config->queues[queue];

    return q->closed == ROUTE_CLOSED_WAIT || q->calendar == ROUTE_NONE ||
           route_calendar_open_of(&router->config->calendars[q->calendar], router->now);
}

uint32_t route_conv_class_in(struct route_router *router, uint32_t conv, uint32_t queue)
{
    struct route_class_key key;

    if (!route_class_key_of(router->config, &router->convs[conv].request, queue, &key))
        return ROUTE_NONE;
    return route_class_take(router, &key);
}

void route_conv_move(struct route_router *router, uint32_t conv, uint32_t queue, uint32_t klass)
{
    struct route_conv *c = &router->convs[conv];

    route_class_release(router, c->klass);
    c->klass = klass;
    c->ring = 0;
    c->ring_from_ms = router->now;
    c->request.queue = queue;
    c->boosted = false;
    c->hold_until = ROUTE_NEVER;
}

/* ---- what happens by itself ---- */

static void offer_missed(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    uint32_t agent = c->agent;

    route_conv_act(router, conv, ROUTE_ACTION_WITHDRAW, agent);
    router->stats.offered--;
    route_conv_exclude(router, conv, agent);
    route_agent_drop(router, conv);
    if (++router->agents[agent].misses >= router->config->settings.misses_max) {
        router->agents[agent].misses = 0;
        route_agent_set_away(router, agent);
    }
    route_conv_enter(router, conv, agent);
    route_agent_seek(router, agent);
}

static void fall_quiet(struct route_router *router, uint32_t conv)
{
    const struct route_settings *settings = &router->config->settings;
    struct route_conv *c = &router->convs[conv];
    uint32_t agent = c->agent;
    uint32_t load = c->request.weight * settings->quiet_percent / 100;

    if (c->message_ms + settings->quiet_ms > router->now) {
        route_conv_arm(router, conv); /* somebody wrote since the timer was set */
        return;
    }
    c->quiet = true;
    router->agents[agent].load -= c->load - load;
    c->load = load;
    route_conv_arm(router, conv);
    route_agent_refresh(router, agent);
    route_agent_seek(router, agent);
}

/* To the ring's overflow queue, if that takes it; gives whether it went. */
static bool overflow(struct route_router *router, uint32_t conv, uint32_t queue)
{
    uint32_t klass;

    if (!route_queue_takes(router, queue))
        return false;
    klass = route_conv_class_in(router, conv, queue);
    if (klass == ROUTE_NONE)
        return false;
    route_conv_unwait(router, conv);
    route_conv_move(router, conv, queue, klass);
    route_conv_act(router, conv, ROUTE_ACTION_OVERFLOW, ROUTE_NONE);
    route_conv_enter(router, conv, ROUTE_NONE);
    return true;
}

static void widen(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    const struct route_ring *ring = &router->config->queues[c->request.queue].rings[c->ring + 1];
    struct route_action action;

    level_leave(router, conv);
    c->ring++;
    level_join(router, conv);
    action = action_of(c, ROUTE_ACTION_WIDEN);
    action.alternatives = ring->alternatives;
    route_act(router, &action);
    if (ring->overflow != ROUTE_NONE && overflow(router, conv, ring->overflow))
        return;
    route_conv_arm(router, conv);
    route_conv_seek(router, conv);
}

static void boost(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];

    ENSURE(!c->boosted);
    level_leave(router, conv);
    c->boosted = true;
    c->key = key_of(router, c);
    level_join(router, conv);
    route_conv_arm(router, conv);
}

/* One thing at a time, in a fixed order: what else is due leaves the timer where it is. */
static void waiting_due(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    const struct route_queue *q = &router->config->queues[c->request.queue];

    if (c->excluded_count > 0 && c->excluded_until <= router->now) {
        c->excluded_count = 0;
        route_conv_arm(router, conv);
        route_conv_seek(router, conv);
    } else if (c->hold_until <= router->now) {
        c->hold_until = ROUTE_NEVER;
        route_conv_arm(router, conv);
        route_conv_seek(router, conv);
    } else if (c->ring + 1 < q->ring_count &&
               c->ring_from_ms + q->rings[c->ring + 1].after_ms <= router->now) {
        widen(router, conv);
    } else {
        boost(router, conv);
    }
}

void route_conv_due(struct route_router *router, uint32_t conv)
{
    switch (router->convs[conv].state) {
    case ROUTE_CONV_OFFERED:
        offer_missed(router, conv);
        break;
    case ROUTE_CONV_ASSIGNED:
        fall_quiet(router, conv);
        break;
    default:
        waiting_due(router, conv);
        break;
    }
}
