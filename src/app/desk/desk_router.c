/* SPDX-License-Identifier: Apache-2.0 */
/* The router of librouting. It is made when the desk is ready, and made anew when the
 * configuration changes, when an agent is new to it, or when it is too small: everything that it
 * must know is here (cases and agents), so a new one is simply told it. */
#include "desk_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "schema.h"

#include "kefu/v1/routing.pb-c.h"

enum {
    CONVS_FIRST = 256,                 /* of the first router; doubled when full */
    CLASSES_MAX = 1024,                /* kinds of conversation; each has its sets of agents */
    CONFIG_JSON_MAX = 4 * 1024 * 1024, /* 10,000 agents with id and capacity */
};

/* ---- without a configuration ----------------------------------------------------------------- */

static void default_json(const struct desk *desk, struct buf *out)
{
    int64_t grace = desk->options.grace_ms / 1000;
    struct json_writer writer;
    char number[24];

    buf_printf(out,
               "{\"queues\":{\"general\":{\"pick\":\"fair\"}},\"settings\":{\"slow_start\":\"0s\","
               "\"quiet\":{\"weight\":\"100%%\",\"over\":0},\"offline_grace\":\"%llds\"},"
               "\"agents\":",
               (long long)grace);
    json_writer_init(&writer, out);
    json_array_begin(&writer);
    json_object_begin(&writer); /* nobody, who could: a queue without agents is no configuration */
    json_key(&writer, "id");
    json_text(&writer, SLICE_LITERAL("0"));
    json_object_end(&writer);
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        snprintf(number, sizeof(number), "%llu", (unsigned long long)desk->agent_list[i]->id.v);
        json_object_begin(&writer);
        json_key(&writer, "id");
        json_text(&writer, slice_of(number));
        json_key(&writer, "capacity");
        json_u64(&writer, desk->agent_list[i]->capacity);
        json_object_end(&writer);
    }
    json_array_end(&writer);
    buf_add_text(out, "}");
}

static struct route_config *default_config(const struct desk *desk)
{
    struct route_config *config = NULL;
    struct route_report report;
    struct buf json;

    buf_init(&json, CONFIG_JSON_MAX);
    default_json(desk, &json);
    ENSURE(buf_ok(&json));
    ENSURE(route_config_load(json.ptr, json.len, NULL, &config, &report));
    buf_fini(&json);
    return config;
}

/* ---- requests -------------------------------------------------------------------------------- */

static const Kefu__V1__Routing *routing_decode(struct desk *desk, const struct desk_case *c)
{
    static const Kefu__V1__Routing none = KEFU__V1__ROUTING__INIT;
    ProtobufCMessage *msg = NULL;
    const void *out;

    arena_reset(&desk->arena);
    if (c->routing == NULL ||
        schema_proto_decode(&kefu__v1__routing__descriptor, slice_make(c->routing, c->routing_len),
                            &desk->arena, &msg, NULL) != ERR_OK)
        return &none;
    out = msg;
    return out;
}

static uint32_t find_text(const struct desk *desk, enum route_kind kind, const char *name)
{
    return name[0] == '\0' ? ROUTE_NONE : route_find(desk->config, kind, name, strlen(name));
}

/* Skills that the configuration no longer has ask for nothing. */
static uint32_t needs_fill(const struct desk *desk, Kefu__V1__RoutingNeed *const *items, size_t n,
                           struct route_need *out)
{
    uint32_t count = 0;

    for (size_t i = 0; i < n && count < ROUTE_REQUEST_SKILLS_MAX; i++) {
        uint32_t skill = find_text(desk, ROUTE_KIND_SKILL, items[i]->skill);

        if (skill == ROUTE_NONE || items[i]->level < 1 || items[i]->level > ROUTE_LEVEL_MAX)
            continue;
        out[count++] = (struct route_need){ (uint16_t)skill, (uint16_t)items[i]->level };
    }
    return count;
}

static int64_t clamp_time(const struct desk *desk, int64_t ms)
{
    return ms < 0 ? 0 : ms > desk->now_ms ? desk->now_ms : ms;
}

static uint32_t queue_of(const struct desk *desk, const Kefu__V1__Routing *routing)
{
    uint32_t queue = find_text(desk, ROUTE_KIND_QUEUE, routing->queue);

    return queue != ROUTE_NONE ? queue : 0;
}

uint32_t router_queue_of(struct desk *desk, const struct desk_case *c)
{
    return queue_of(desk, routing_decode(desk, c));
}

/* An offer that still ran when the router was made anew is kept for that agent. */
static void request_stick(const struct desk *desk, const struct desk_case *c,
                          const Kefu__V1__Routing *routing, struct route_request *out)
{
    bool offered = c->offered_to.v != 0 && c->offered_until > desk->now_ms;
    struct agent_id last = offered ? c->offered_to : (struct agent_id){ routing->last_agent_id };
    const struct desk_agent *agent = last.v != 0 ? agent_find(desk, last) : NULL;

    if (agent == NULL || agent->index == ROUTE_NONE)
        return;
    out->last_agent = agent->index;
    out->last_ms = offered ? desk->now_ms : clamp_time(desk, routing->last_at);
    if (offered && c->offered_until - desk->now_ms < ROUTE_BONUS_MS_MAX)
        out->sticky_wait_ms = c->offered_until - desk->now_ms;
}

static void request_fill(struct desk *desk, struct desk_case *c, struct route_request *out)
{
    const Kefu__V1__Routing *routing = routing_decode(desk, c);

    route_request_init(out);
    out->arrived_ms = clamp_time(desk, c->queued_at);
    out->queue = c->asked_queue = queue_of(desk, routing);
    out->rule = find_text(desk, ROUTE_KIND_RULE, routing->rule);
    out->language = find_text(desk, ROUTE_KIND_LANGUAGE, routing->language);
    out->channel = find_text(desk, ROUTE_KIND_CHANNEL, routing->channel);
    out->require_count = needs_fill(desk, routing->require, routing->n_require, out->require);
    out->prefer_count = needs_fill(desk, routing->prefer, routing->n_prefer, out->prefer);
    out->priority =
        routing->priority <= ROUTE_PRIORITY_MAX ? routing->priority : ROUTE_PRIORITY_MAX;
    out->vip = routing->vip;
    out->alternatives = routing->alternatives;
    if (c->routing != NULL && routing->sticky_wait_ms >= 0 &&
        routing->sticky_wait_ms <= ROUTE_BONUS_MS_MAX)
        out->sticky_wait_ms = routing->sticky_wait_ms > 0 ? routing->sticky_wait_ms : -1;
    request_stick(desk, c, routing, out);
    c->queue = out->queue;
}

/* ---- actions --------------------------------------------------------------------------------- */

struct desk_agent *router_agent(const struct desk *desk, uint32_t index)
{
    return index < desk->by_index_count ? desk->by_index[index] : NULL;
}

static void decided(struct desk *desk, const struct desk_case *c, const struct desk_agent *agent,
                    const struct route_action *action)
{
    struct desk_decision decision = {
        .conv = c->conv, .agent = agent->id, .config = desk->config, .action = action
    };

    desk->stats.decisions++;
    desk->stats.offers += action->type == ROUTE_ACTION_OFFER;
    if (desk->options.ops.decided == NULL || action->trace == NULL)
        return;
    decision.micros = (uint32_t)(clock_mono_us(desk->options.clock) - desk->event_us);
    for (uint32_t i = 0; i < action->trace->top_count; i++) {
        const struct desk_agent *top = router_agent(desk, action->trace->top[i].agent);

        decision.top[decision.top_count++] = top != NULL ? top->id : (struct agent_id){ 0 };
    }
    desk->options.ops.decided(desk->options.ops.ctx, &decision);
}

static void act_assign(struct desk *desk, struct desk_case *c, const struct route_action *action)
{
    struct desk_agent *agent = router_agent(desk, action->agent);

    ENSURE(agent != NULL);
    c->queue = action->queue;
    c->offered_to.v = 0;
    if (desk->told == c)
        return; /* it is so already: the caller moves the case */
    decided(desk, c, agent, action);
    case_put(desk, c, DESK_RESERVED);
    c->given = agent->id;
    c->reservation = ++desk->reservation;
    if (!c->returning) /* else as soon as it is back */
        case_ask(desk, c);
}

static void act_offer(struct desk *desk, struct desk_case *c, const struct route_action *action)
{
    struct desk_agent *agent = router_agent(desk, action->agent);

    ENSURE(agent != NULL);
    c->queue = action->queue;
    decided(desk, c, agent, action);
    case_put(desk, c, DESK_WAITING);
    c->offered_to = agent->id;
    c->offered_until = action->due_ms;
    case_offer(desk, c);
}

/* It waits, but its shard thinks that it is still somebody's. */
static void case_return(struct desk *desk, struct desk_case *c)
{
    if (c->holder.v != 0 && !c->returning && desk->told != c)
        case_ask(desk, c);
}

/* Not kept by the router: the case waits outside until there is a reason to try again. */
static void act_park(struct desk *desk, struct desk_case *c, const struct route_action *action)
{
    case_put(desk, c, DESK_PARKED);
    c->offered_to.v = 0;
    c->closed = action->type == ROUTE_ACTION_CLOSED;
    c->alternatives = action->alternatives;
    c->retry_ms = c->closed && action->due_ms != ROUTE_NEVER ? action->due_ms
                                                             : desk->now_ms + DESK_FULL_RETRY_MS;
    c->closed_told = false;
    case_return(desk, c);
}

static void act_wait(struct desk *desk, struct desk_case *c, const struct route_action *action)
{
    case_put(desk, c, DESK_WAITING);
    c->queue = action->queue;
    c->offered_to.v = 0;
    c->alternatives |= action->alternatives;
    case_return(desk, c);
}

static void act_away(struct desk *desk, struct desk_agent *agent)
{
    ENSURE(agent != NULL);
    agent->status = DESK_AWAY;
    snprintf(agent->reason, sizeof(agent->reason), "missed");
    desk->stats.missed++;
    agent_tell(desk, agent);
}

static void on_action(void *ctx, const struct route_action *action)
{
    struct desk *desk = ctx;
    struct desk_case *c = map_u64_get(&desk->cases, action->conv);

    if (action->type == ROUTE_ACTION_AWAY) {
        act_away(desk, router_agent(desk, action->agent));
        return;
    }
    ENSURE(c != NULL);
    switch (action->type) {
    case ROUTE_ACTION_ASSIGN:
        act_assign(desk, c, action);
        break;
    case ROUTE_ACTION_OFFER:
        act_offer(desk, c, action);
        break;
    case ROUTE_ACTION_WAIT:
        act_wait(desk, c, action);
        break;
    case ROUTE_ACTION_WITHDRAW:
        c->offered_to.v = 0;
        break;
    case ROUTE_ACTION_WIDEN:
        c->alternatives |= action->alternatives;
        c->position_told = action->alternatives != 0 ? 0 : c->position_told;
        break;
    case ROUTE_ACTION_OVERFLOW:
        c->queue = action->queue;
        break;
    case ROUTE_ACTION_FLAG:
        c->flagged_ms = desk->now_ms;
        break;
    default:
        act_park(desk, c, action);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

enum route_answer router_tell(struct desk *desk, struct route_event event)
{
    ENSURE(desk->router != NULL);
    event.now_ms = desk_now(desk);
    desk->event_us = clock_mono_us(desk->options.clock);
    return route_event(desk->router, &event);
}

enum route_answer router_tell_case(struct desk *desk, struct desk_case *c,
                                   enum route_event_type type, struct desk_agent *agent)
{
    return router_tell(desk, (struct route_event){
                                 .type = type,
                                 .conv = c->conv.v,
                                 .agent = agent != NULL ? agent->index : ROUTE_NONE,
                                 .queue = c->asked_queue,
                             });
}

static enum route_answer tell_request(struct desk *desk, struct desk_case *c,
                                      struct desk_agent *agent)
{
    struct route_request request;

    (void)desk_now(desk);
    request_fill(desk, c, &request);
    return router_tell(desk, (struct route_event){
                                 .type = agent != NULL ? ROUTE_EVENT_RESTORE : ROUTE_EVENT_ARRIVE,
                                 .conv = c->conv.v,
                                 .agent = agent != NULL ? agent->index : ROUTE_NONE,
                                 .answered = c->answered,
                                 .request = &request,
                             });
}

/* Twice as large, with everything told anew; the case comes in by that. */
static enum route_answer grow(struct desk *desk)
{
    struct route_stats stats;

    route_stats(desk->router, &stats);
    if (desk->convs_max >= DESK_CONVS_MAX || stats.convs < desk->convs_max)
        return ROUTE_FULL; /* of kinds, maybe: a larger one would not help */
    desk->convs_max *= 2;
    desk->convs_max = desk->convs_max < DESK_CONVS_MAX ? desk->convs_max : DESK_CONVS_MAX;
    desk->stale = true;
    router_fresh(desk);
    return ROUTE_OK;
}

enum route_answer router_arrive(struct desk *desk, struct desk_case *c)
{
    enum route_answer answer;

    case_put(desk, c, DESK_WAITING);
    answer = tell_request(desk, c, NULL);
    return answer == ROUTE_FULL ? grow(desk) : answer;
}

enum route_answer router_restore(struct desk *desk, struct desk_case *c, struct desk_agent *agent)
{
    enum route_answer answer = tell_request(desk, c, agent);

    if (answer != ROUTE_FULL)
        return answer;
    case_put(desk, c, DESK_HELD);
    return grow(desk);
}

/* ---- made anew ------------------------------------------------------------------------------- */

static void index_agents(struct desk *desk)
{
    uint32_t count = route_count(desk->config, ROUTE_KIND_AGENT);

    for (uint32_t i = 0; i < desk->agent_count; i++)
        desk->agent_list[i]->index = ROUTE_NONE;
    free(desk->by_index);
    desk->by_index = mem_zalloc((count + 1) * sizeof(struct desk_agent *));
    desk->by_index_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = route_name(desk->config, ROUTE_KIND_AGENT, i);
        struct desk_agent *agent;
        unsigned long long id;

        if (!slice_to_u64(slice_of(name), &id))
            continue;
        agent = agent_find(desk, (struct agent_id){ id });
        if (agent == NULL)
            continue;
        agent->index = i;
        desk->by_index[i] = agent;
    }
}

static void tell_agents(struct desk *desk)
{
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        const struct desk_agent *agent = desk->agent_list[i];

        if (agent->index == ROUTE_NONE)
            continue;
        (void)router_tell(desk, (struct route_event){ .type = ROUTE_EVENT_CAPACITY,
                                                      .agent = agent->index,
                                                      .capacity = agent->capacity });
        if (agent_status(agent) != DESK_OFFLINE)
            (void)router_tell(
                desk, (struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                            .agent = agent->index,
                                            .presence = (enum route_presence)agent_status(agent) });
    }
}

static int by_queued_at(const void *a, const void *b)
{
    const struct desk_case *const *left = a;
    const struct desk_case *const *right = b;

    if ((*left)->queued_at != (*right)->queued_at)
        return (*left)->queued_at < (*right)->queued_at ? -1 : 1;
    return (*left)->conv.v < (*right)->conv.v ? -1 : (*left)->conv.v > (*right)->conv.v;
}

/* Their agents may be known by now. */
static void adopt_orphans(struct desk *desk)
{
    struct desk_case *next;

    for (struct desk_case *c = desk->lists[DESK_ORPHAN].first; c != NULL; c = next) {
        const struct desk_agent *agent = agent_find(desk, c->holder);

        next = c->next;
        if (agent != NULL && agent->index != ROUTE_NONE)
            case_put(desk, c, DESK_HELD);
    }
}

/* Those that are somebody's first, so that nobody gets more than there is room for. */
static void tell_held(struct desk *desk, enum desk_place place)
{
    struct desk_case *next;

    for (struct desk_case *c = desk->lists[place].first; c != NULL; c = next) {
        struct desk_agent *agent = agent_find(desk, place == DESK_RESERVED ? c->given : c->holder);

        next = c->next;
        if (agent != NULL && agent->index != ROUTE_NONE && tell_request(desk, c, agent) == ROUTE_OK)
            continue;
        if (c->holder.v == 0) {
            case_put(desk, c, DESK_WAITING);
            continue;
        }
        case_put(desk, c, DESK_ORPHAN);
        case_ask(desk, c);
    }
}

static void tell_waiting(struct desk *desk)
{
    uint32_t count = desk->lists[DESK_WAITING].count;
    struct desk_case **all = mem_alloc((count + 1) * sizeof(struct desk_case *));
    uint32_t at = 0;

    for (struct desk_case *c = desk->lists[DESK_WAITING].first; c != NULL; c = c->next)
        all[at++] = c;
    qsort(all, count, sizeof(struct desk_case *), by_queued_at);
    for (uint32_t i = 0; i < count; i++) {
        if (tell_request(desk, all[i], NULL) == ROUTE_OK)
            continue;
        LOG_ERROR("desk_router_full", KV_ID("workspace", desk->options.workspace.v));
        case_put(desk, all[i], DESK_PARKED);
        all[i]->retry_ms = desk->now_ms + DESK_FULL_RETRY_MS;
    }
    free(all);
}

static void router_make(struct desk *desk)
{
    struct route_options options = {
        .conversations_max = desk->convs_max,
        .classes_max = desk->convs_max < CLASSES_MAX ? desk->convs_max : CLASSES_MAX,
        .now_ms = desk_now(desk),
        .trace = desk->options.ops.decided != NULL,
        .act = on_action,
        .ctx = desk,
    };

    route_router_destroy(&desk->router);
    if (desk->config != desk->given)
        route_config_destroy(&desk->config);
    desk->config = desk->given != NULL ? desk->given : default_config(desk);
    options.config = desk->config;
    index_agents(desk);
    ENSURE(route_router_create(&options, &desk->router));
    adopt_orphans(desk);
    tell_held(desk, DESK_HELD);
    tell_held(desk, DESK_RESERVED);
    tell_agents(desk);
    tell_waiting(desk);
}

void router_fresh(struct desk *desk)
{
    uint32_t needed = desk->lists[DESK_HELD].count + desk->lists[DESK_RESERVED].count +
                      desk->lists[DESK_WAITING].count;

    if (!desk->ready || (desk->router != NULL && !desk->stale))
        return;
    if (desk->convs_max == 0)
        desk->convs_max = CONVS_FIRST;
    while (desk->convs_max <= needed && desk->convs_max < DESK_CONVS_MAX)
        desk->convs_max =
            desk->convs_max < DESK_CONVS_MAX / 2 ? desk->convs_max * 2 : (uint32_t)DESK_CONVS_MAX;
    desk->stale = false;
    router_make(desk);
}

void router_fini(struct desk *desk)
{
    route_router_destroy(&desk->router);
    if (desk->config != desk->given)
        route_config_destroy(&desk->config);
    route_config_destroy(&desk->given);
    free(desk->by_index);
}

void desk_config_set(struct desk *desk, struct route_config **config)
{
    struct route_config *old = desk->given;

    desk->given = *config;
    *config = NULL;
    desk->stale = true;
    if (desk->router != NULL && desk->config == old) {
        /* The router reads it until it is made anew. */
        route_router_destroy(&desk->router);
        desk->config = NULL;
    }
    route_config_destroy(&old);
    router_fresh(desk);
}

enum route_answer desk_explain(struct desk *desk, struct conv_id conv, struct agent_id agent,
                               struct route_trace *out, const struct route_config **config)
{
    struct desk_case *c = map_u64_get(&desk->cases, conv.v);
    const struct desk_agent *who = agent.v != 0 ? agent_find(desk, agent) : NULL;
    uint32_t index = who != NULL ? who->index : ROUTE_NONE;
    struct route_request request;

    if (c == NULL || desk->router == NULL)
        return ROUTE_UNKNOWN_CONV;
    *config = desk->config;
    if (c->place == DESK_WAITING && c->offered_to.v == 0)
        return route_explain(desk->router, conv.v, index, out);
    request_fill(desk, c, &request);
    return route_explain_request(desk->router, &request, index, out);
}
