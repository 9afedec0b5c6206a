/* SPDX-License-Identifier: Apache-2.0 */
/* Events: checked here, so that all behind may rely on what it is given. */
#include "route_priv.h"

/* Beyond any clock; sums with durations stay far from the ends of 64 bits. */
static const int64_t NOW_MS_MAX = INT64_C(1) << 52;

void route_request_init(struct route_request *request)
{
    *request = (struct route_request){
        .rule = ROUTE_NONE,
        .language = ROUTE_NONE,
        .channel = ROUTE_NONE,
        .weight = ROUTE_UNIT,
        .last_agent = ROUTE_NONE,
        .sticky_wait_ms = -1,
    };
}

/* ---- requests ---- */

static enum route_answer check_needs(const struct route_config *config,
                                     const struct route_need *needs, uint32_t count)
{
    if (count > ROUTE_REQUEST_SKILLS_MAX)
        return ROUTE_BAD_EVENT;
    for (uint32_t i = 0; i < count; i++) {
        if (needs[i].skill >= config->names[ROUTE_KIND_SKILL].count)
            return ROUTE_UNKNOWN_SKILL;
        if (needs[i].level < 1 || needs[i].level > ROUTE_LEVEL_MAX)
            return ROUTE_BAD_EVENT;
    }
    return ROUTE_OK;
}

static bool label_known(const struct route_config *config, enum route_kind kind, uint32_t label)
{
    return label == ROUTE_NONE || label < config->names[kind].count;
}

enum route_answer route_request_check(const struct route_router *router,
                                      const struct route_request *request)
{
    const struct route_config *config = router->config;
    enum route_answer answer;

    if (request == NULL)
        return ROUTE_BAD_EVENT;
    if (request->queue >= config->names[ROUTE_KIND_QUEUE].count)
        return ROUTE_UNKNOWN_QUEUE;
    if (!label_known(config, ROUTE_KIND_AGENT, request->last_agent))
        return ROUTE_UNKNOWN_AGENT;
    if (!label_known(config, ROUTE_KIND_LANGUAGE, request->language) ||
        !label_known(config, ROUTE_KIND_CHANNEL, request->channel) ||
        request->priority > ROUTE_PRIORITY_MAX || request->weight < 1 ||
        request->weight > ROUTE_UNIT || request->arrived_ms < 0 ||
        request->arrived_ms > router->now || request->last_ms < 0 ||
        request->last_ms > router->now || request->sticky_wait_ms > ROUTE_BONUS_MS_MAX)
        return ROUTE_BAD_EVENT;
    answer = check_needs(config, request->require, request->require_count);
    if (answer != ROUTE_OK)
        return answer;
    return check_needs(config, request->prefer, request->prefer_count);
}

/* ---- arrivals ---- */

/* Until when the conversation is kept for its last agent: only if that one is online and could
 * serve it, and not in queues where agents claim. */
static int64_t hold_of(struct route_router *router, const struct route_conv *c)
{
    const struct route_settings *settings = &router->config->settings;
    const struct route_request *request = &c->request;
    int64_t wait = request->sticky_wait_ms < 0 ? settings->reopen_wait_ms : request->sticky_wait_ms;

    if (request->last_agent == ROUTE_NONE || wait == 0 ||
        router->now - request->last_ms > settings->reopen_within_ms ||
        router->queues[request->queue].preset == ROUTE_MANUAL ||
        router->agents[request->last_agent].presence != ROUTE_ONLINE ||
        !route_has(route_level_agents(router, c->klass, 0), request->last_agent))
        return ROUTE_NEVER;
    return router->now + wait;
}

/* The first of the queue's overflow that takes more; ROUTE_NONE: none does. */
static uint32_t overflow_of(const struct route_router *router, const struct route_queue *q)
{
    for (uint32_t i = 0; i < q->overflow_count; i++) {
        uint32_t target = q->overflow[i];

        if (route_queue_takes(router, target) &&
            router->queues[target].waiting < router->config->queues[target].waiting_max)
            return target;
    }
    return ROUTE_NONE;
}

static void turn_away(struct route_router *router, uint32_t conv, enum route_action_type type)
{
    const struct route_conv *c = &router->convs[conv];
    const struct route_queue *q = &router->config->queues[c->request.queue];
    struct route_action action = {
        .type = type,
        .conv = c->id,
        .agent = ROUTE_NONE,
        .queue = c->request.queue,
        .rule = c->request.rule,
        .alternatives = q->closed_alternatives | c->request.alternatives,
        .due_ms = ROUTE_NEVER,
    };

    if (type == ROUTE_ACTION_CLOSED)
        route_calendar_open(router->config, q->calendar, router->now, &action.due_ms);
    route_act(router, &action);
    route_conv_remove(router, conv);
}

/* The queue that the arrival ends up in: past closed and full ones. Circles were refused when the
 * configuration was loaded. */
static void arrive(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];

    for (;;) {
        uint32_t queue = c->request.queue;
        const struct route_queue *q = &router->config->queues[queue];
        uint32_t target = ROUTE_NONE;
        uint32_t klass;
        uint32_t agent;

        if (!route_queue_takes(router, queue)) {
            target = q->closed_queue;
        } else {
            c->hold_until = hold_of(router, c);
            agent = route_pick(router, conv);
            if (agent != ROUTE_NONE) {
                route_conv_place(router, conv, agent, false, false);
                return;
            }
            if (router->queues[queue].waiting < q->waiting_max) {
                route_conv_wait(router, conv, ROUTE_NONE);
                return;
            }
            target = overflow_of(router, q);
        }
        klass = target != ROUTE_NONE ? route_conv_class_in(router, conv, target) : ROUTE_NONE;
        if (klass == ROUTE_NONE) {
            turn_away(router, conv,
                      route_queue_takes(router, queue) ? ROUTE_ACTION_REFUSED
                                                       : ROUTE_ACTION_CLOSED);
            return;
        }
        route_conv_move(router, conv, target, klass);
        route_conv_act(router, conv, ROUTE_ACTION_OVERFLOW, ROUTE_NONE);
    }
}

/* A slot with the request and its class. */
static enum route_answer add_conv(struct route_router *router, const struct route_event *event,
                                  uint32_t *out)
{
    enum route_answer answer = route_request_check(router, event->request);
    struct route_class_key key;
    struct route_conv *c;
    uint32_t klass;

    if (answer != ROUTE_OK)
        return answer;
    if (route_conv_find(router, event->conv) != ROUTE_NONE)
        return ROUTE_DUPLICATE_CONV;
    if (!route_class_key_of(router->config, event->request, event->request->queue, &key))
        return ROUTE_BAD_EVENT;
    if (router->conv_free == ROUTE_NONE)
        return ROUTE_FULL;
    klass = route_class_take(router, &key);
    if (klass == ROUTE_NONE)
        return ROUTE_FULL;
    *out = route_conv_add(router, event->conv);
    c = &router->convs[*out];
    c->request = *event->request;
    c->klass = klass;
    c->agent = ROUTE_NONE;
    c->ring_from_ms = c->request.arrived_ms;
    c->hold_until = ROUTE_NEVER;
    return ROUTE_OK;
}

static enum route_answer arrive_event(struct route_router *router, const struct route_event *event)
{
    uint32_t conv;
    enum route_answer answer = add_conv(router, event, &conv);

    if (answer == ROUTE_OK)
        arrive(router, conv);
    return answer;
}

static enum route_answer restore_event(struct route_router *router, const struct route_event *event)
{
    enum route_answer answer;
    struct route_conv *c;
    uint32_t conv;

    if (event->agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return ROUTE_UNKNOWN_AGENT;
    answer = add_conv(router, event, &conv);
    if (answer != ROUTE_OK)
        return answer;
    c = &router->convs[conv];
    c->state = ROUTE_CONV_ASSIGNED;
    c->message_ms = router->now;
    c->answered = event->answered;
    router->stats.assigned++;
    route_agent_add(router, event->agent, conv);
    route_agent_begin_grace(router, event->agent);
    route_conv_arm(router, conv);
    return ROUTE_OK;
}

/* ---- events of a conversation ---- */

/* Takes it from wherever it is; gives the agent who had it, or ROUTE_NONE. */
static uint32_t detach(struct route_router *router, uint32_t conv)
{
    struct route_conv *c = &router->convs[conv];
    uint32_t agent = c->agent;

    if (c->state == ROUTE_CONV_WAITING) {
        route_conv_unwait(router, conv);
        return ROUTE_NONE;
    }
    if (c->state == ROUTE_CONV_OFFERED) {
        router->stats.offered--;
        route_conv_act(router, conv, ROUTE_ACTION_WITHDRAW, agent);
    } else {
        router->stats.assigned--;
    }
    route_agent_drop(router, conv);
    return agent;
}

static enum route_answer close_event(struct route_router *router, uint32_t conv)
{
    bool served = router->convs[conv].state == ROUTE_CONV_ASSIGNED;
    uint32_t agent = detach(router, conv);

    route_conv_remove(router, conv);
    if (agent == ROUTE_NONE)
        return ROUTE_OK;
    if (served && router->config->settings.wrap_up_ms > 0) {
        router->agents[agent].wrap_until = router->now + router->config->settings.wrap_up_ms;
        route_agent_refresh(router, agent);
    }
    route_agent_seek(router, agent);
    return ROUTE_OK;
}

static enum route_answer accept_event(struct route_router *router, uint32_t conv, uint32_t agent)
{
    struct route_conv *c = &router->convs[conv];

    if (c->state != ROUTE_CONV_OFFERED || c->agent != agent)
        return ROUTE_WRONG_STATE;
    c->state = ROUTE_CONV_ASSIGNED;
    c->message_ms = router->now;
    router->agents[agent].misses = 0;
    router->stats.offered--;
    router->stats.assigned++;
    route_conv_arm(router, conv);
    route_conv_assigned(router, conv);
    return ROUTE_OK;
}

static enum route_answer decline_event(struct route_router *router, uint32_t conv, uint32_t agent)
{
    struct route_conv *c = &router->convs[conv];

    if (c->state != ROUTE_CONV_OFFERED || c->agent != agent)
        return ROUTE_WRONG_STATE;
    detach(router, conv);
    route_conv_exclude(router, conv, agent);
    route_conv_enter(router, conv, agent);
    route_agent_seek(router, agent);
    return ROUTE_OK;
}

static enum route_answer claim_event(struct route_router *router, uint32_t conv, uint32_t agent)
{
    const struct route_conv *c = &router->convs[conv];

    if (c->state != ROUTE_CONV_WAITING)
        return ROUTE_WRONG_STATE;
    if (!route_has(route_level_agents(router, c->klass, c->ring), agent))
        return ROUTE_NOT_ELIGIBLE;
    if (!route_has(router->room, agent))
        return ROUTE_NO_ROOM;
    route_conv_unwait(router, conv);
    route_conv_place(router, conv, agent, true, false);
    return ROUTE_OK;
}

static enum route_answer message_event(struct route_router *router, uint32_t conv, bool reply)
{
    struct route_conv *c = &router->convs[conv];

    if (c->state != ROUTE_CONV_ASSIGNED)
        return reply ? ROUTE_WRONG_STATE : ROUTE_OK;
    c->message_ms = router->now;
    c->answered = c->answered || reply;
    if (!c->quiet)
        return ROUTE_OK;
    c->quiet = false;
    router->agents[c->agent].load += c->request.weight - c->load;
    c->load = c->request.weight;
    route_conv_arm(router, conv);
    route_agent_refresh(router, c->agent);
    return ROUTE_OK;
}

static enum route_answer transfer_to_queue(struct route_router *router, uint32_t conv,
                                           uint32_t queue)
{
    uint32_t klass;
    uint32_t agent;

    if (queue >= router->config->names[ROUTE_KIND_QUEUE].count)
        return ROUTE_UNKNOWN_QUEUE;
    if (!route_queue_takes(router, queue))
        return ROUTE_QUEUE_CLOSED;
    klass = route_conv_class_in(router, conv, queue);
    if (klass == ROUTE_NONE)
        return ROUTE_FULL;
    agent = detach(router, conv);
    route_conv_move(router, conv, queue, klass);
    if (agent != ROUTE_NONE)
        route_conv_exclude(router, conv, agent);
    route_conv_enter(router, conv, agent);
    if (agent != ROUTE_NONE)
        route_agent_seek(router, agent);
    return ROUTE_OK;
}

/* To one agent, by a decision made elsewhere. */
static enum route_answer hand_over(struct route_router *router, uint32_t conv, uint32_t to,
                                   bool forced)
{
    const struct route_conv *c = &router->convs[conv];
    const struct route_agent *target = &router->agents[to];
    bool present = target->presence != ROUTE_OFFLINE && target->presence != ROUTE_REMOVED;
    uint32_t from;

    if (c->agent == to && c->state != ROUTE_CONV_WAITING)
        return ROUTE_WRONG_STATE;
    if (forced ? !present : !route_has(router->room, to))
        return ROUTE_NO_ROOM;
    from = detach(router, conv);
    route_conv_place(router, conv, to, true, forced);
    if (from != ROUTE_NONE)
        route_agent_seek(router, from);
    return ROUTE_OK;
}

static enum route_answer conv_event(struct route_router *router, const struct route_event *event)
{
    uint32_t conv = route_conv_find(router, event->conv);
    bool needs_agent = event->type == ROUTE_EVENT_ACCEPT || event->type == ROUTE_EVENT_DECLINE ||
                       event->type == ROUTE_EVENT_CLAIM || event->type == ROUTE_EVENT_TAKE ||
                       (event->type == ROUTE_EVENT_TRANSFER && event->agent != ROUTE_NONE);

    if (conv == ROUTE_NONE)
        return ROUTE_UNKNOWN_CONV;
    if (needs_agent && event->agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return ROUTE_UNKNOWN_AGENT;
    switch (event->type) {
    case ROUTE_EVENT_CLOSE:
        return close_event(router, conv);
    case ROUTE_EVENT_ACCEPT:
        return accept_event(router, conv, event->agent);
    case ROUTE_EVENT_DECLINE:
        return decline_event(router, conv, event->agent);
    case ROUTE_EVENT_CLAIM:
        return claim_event(router, conv, event->agent);
    case ROUTE_EVENT_MESSAGE:
    case ROUTE_EVENT_REPLY:
        return message_event(router, conv, event->type == ROUTE_EVENT_REPLY);
    case ROUTE_EVENT_TRANSFER:
        if (event->agent == ROUTE_NONE)
            return transfer_to_queue(router, conv, event->queue);
        return hand_over(router, conv, event->agent, false);
    default:
        return hand_over(router, conv, event->agent, true);
    }
}

/* ---- the entrance ---- */

static enum route_answer dispatch(struct route_router *router, const struct route_event *event)
{
    switch (event->type) {
    case ROUTE_EVENT_TICK:
        return ROUTE_OK;
    case ROUTE_EVENT_ARRIVE:
        return arrive_event(router, event);
    case ROUTE_EVENT_RESTORE:
        return restore_event(router, event);
    case ROUTE_EVENT_PRESENCE:
    case ROUTE_EVENT_SKILL:
    case ROUTE_EVENT_CAPACITY:
        return route_agent_event(router, event);
    default:
        return conv_event(router, event);
    }
}

/* Each at its own time: what a timer does is the same whether the caller asked at once or late. */
static void run_timers(struct route_router *router, int64_t now)
{
    while (router->timer_count > 0 && router->timers[0].due <= now) {
        uint32_t node = router->timers[0].node;
        int64_t due = router->timers[0].due;

        router->now = due > router->now ? due : router->now;
        if (node < router->options.conversations_max)
            route_conv_due(router, node);
        else
            route_agent_due(router, node - router->options.conversations_max);
    }
}

enum route_answer route_event(struct route_router *router, const struct route_event *event)
{
    enum route_answer answer;

    if (router->acting)
        return ROUTE_BUSY_ACTING;
    if ((unsigned)event->type >= ROUTE_EVENT_TYPE_COUNT || event->now_ms > NOW_MS_MAX)
        return ROUTE_BAD_EVENT;
    if (event->now_ms < router->now)
        return ROUTE_TIME_BACKWARDS;
    run_timers(router, event->now_ms);
    router->now = event->now_ms;
    answer = dispatch(router, event);
    router->stats.events++;
#ifdef ROUTE_CHECKED
    route_check(router);
#endif
    return answer;
}
