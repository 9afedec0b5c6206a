/* SPDX-License-Identifier: Apache-2.0 */
/* Why this agent, why not that one, for a state of the desk that is written down: the state is
 * played into a router, the conversation arrives last, and its trace is what the router itself
 * decided by.
 *
 * snapshot: {now: "2026-03-02T10:00:00+08:00", agents: {lin: {presence: online, convs: 2, idle:
 * 40s}}, waiting: [{queue: general, waited: 12s}]} conversation: {facts: {intent: order.return,
 * lang: zh}, waited: 25s, last_agent: lin} */
#include "route_sim_scenario_priv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    CONV_ASKED = 1,      /* its id in the router; others follow */
    WAITING_MAX = 10000, /* of a snapshot */
    IDLE_MS_MAX = 86400000,
    PLAY_MS = 90000000, /* the play begins 25 hours before, so that no slow start is left */
};

struct seat {
    bool listed;
    enum route_presence presence;
    uint32_t convs;
    int64_t idle_ms;
    uint32_t agent;
};

struct visitor {
    struct sim_row row;
    int64_t waited_ms;
};

struct play {
    const struct route_config *config;
    struct seat *seats; /* of each agent */
    struct visitor *waiting;
    uint32_t waiting_count;
    int64_t now_ms;
    uint32_t asked; /* agent, or ROUTE_NONE */
    /* what comes out */
    struct route_router *router;
    struct route_action decision; /* the last of the conversation that says something */
    struct route_trace trace;
    bool traced, asked_traced;
    struct route_trace asked_trace;
};

/* ---- reading ---- */

static void seat_entry(struct sim_load *load, struct slice key, void *out)
{
    static const char *const names[] = { "offline", "online", "busy", "away" };
    struct seat *seat = out;

    if (slice_equal_text(key, "convs")) {
        seat->convs = (uint32_t)sim_read_number(load, 0, ROUTE_CAPACITY_MAX);
    } else if (slice_equal_text(key, "idle")) {
        double ms = sim_read_duration(load);

        if (ms > IDLE_MS_MAX)
            sim_fail(load, "is longer than a day");
        seat->idle_ms = (int64_t)ms;
    } else if (slice_equal_text(key, "presence")) {
        struct slice text = sim_read_text(load);

        for (unsigned i = 0; i < LENGTH_OF(names); i++) {
            if (slice_equal_text(text, names[i])) {
                seat->presence = (enum route_presence)i;
                return;
            }
        }
        sim_fail(load, "must be online, busy, away or offline");
    } else {
        sim_fail(load, "is not a known setting");
    }
}

static void agent_entry(struct sim_load *load, struct slice key, void *out)
{
    struct play *play = out;
    uint32_t agent = route_find(load->config, ROUTE_KIND_AGENT, key.ptr, key.len);

    if (agent == ROUTE_NONE) {
        sim_fail(load, "unknown agent");
        return;
    }
    play->seats[agent].listed = true;
    play->seats[agent].presence = ROUTE_ONLINE;
    sim_read_map(load, seat_entry, &play->seats[agent]);
}

static void visitor_entry(struct sim_load *load, struct slice key, void *out)
{
    struct visitor *visitor = out;

    if (slice_equal_text(key, "waited")) {
        double ms = sim_read_duration(load);

        if (ms > IDLE_MS_MAX)
            sim_fail(load, "is longer than a day");
        visitor->waited_ms = (int64_t)ms;
    } else if (slice_equal_text(key, "last_agent")) {
        visitor->row.request.last_agent = sim_read_label(load, ROUTE_KIND_AGENT);
    } else {
        sim_row_entry(load, key, &visitor->row);
    }
}

static void read_visitor(struct sim_load *load, struct visitor *visitor)
{
    visitor->waited_ms = 0;
    sim_row_init(&visitor->row);
    sim_read_map(load, visitor_entry, visitor);
    visitor->row.by_rules = visitor->row.request.queue == ROUTE_NONE;
    if (visitor->row.by_rules && route_count(load->config, ROUTE_KIND_RULE) == 0)
        sim_fail(load, "needs a queue: the configuration has no rules");
}

static void snapshot_entry(struct sim_load *load, struct slice key, void *out)
{
    struct play *play = out;

    if (slice_equal_text(key, "now")) {
        struct slice text = sim_read_text(load);

        if (!load->failed && (!sim_time_parse(text, &play->now_ms) || play->now_ms < PLAY_MS))
            sim_fail(load, "must be a time such as 2026-03-02T10:00:00+08:00");
    } else if (slice_equal_text(key, "agents")) {
        sim_read_map(load, agent_entry, play);
    } else if (!slice_equal_text(key, "waiting")) {
        sim_fail(load, "is not a known setting");
    } else if (sim_expect(load, JSON_ARRAY_BEGIN, "a list")) {
        while (sim_more_items(load)) {
            if (play->waiting_count == WAITING_MAX) {
                sim_fail(load, "more than %d conversations", WAITING_MAX);
                return;
            }
            play->waiting =
                mem_realloc(play->waiting, (play->waiting_count + 1) * sizeof(*play->waiting));
            read_visitor(load, &play->waiting[play->waiting_count++]);
        }
    }
}

static void end_of_text(struct sim_load *load)
{
    if (!load->failed && json_next(&load->reader) != JSON_END)
        sim_fail(load, "not JSON: something after the end");
}

/* ---- playing ---- */

static void on_action(void *ctx, const struct route_action *action)
{
    struct play *play = ctx;

    if (action->conv != CONV_ASKED)
        return;
    /* In the next ring, and nobody is chosen yet: the moment to ask about an agent. */
    if (action->type == ROUTE_ACTION_WIDEN || action->type == ROUTE_ACTION_WAIT)
        play->asked_traced =
            route_explain(play->router, CONV_ASKED, play->asked, &play->asked_trace) == ROUTE_OK;
    if (action->trace != NULL) {
        play->trace = *action->trace;
        play->traced = true;
    }
    play->decision = *action;
    play->decision.trace = NULL;
}

static void tell(struct play *play, struct route_event event)
{
    /* What a snapshot cannot be (more conversations than fit) shows in the outcome. */
    (void)route_event(play->router, &event);
}

static int compare_seats(const void *a, const void *b)
{
    const struct seat *x = a;
    const struct seat *y = b;

    if (x->idle_ms != y->idle_ms)
        return x->idle_ms > y->idle_ms ? -1 : 1;
    return x->agent < y->agent ? -1 : x->agent > y->agent;
}

/* Their conversations came when their idling began; without any, one came and went. */
static void seat_agents(struct play *play, uint32_t count, uint64_t *next_id)
{
    struct route_request request;

    route_request_init(&request);
    request.queue = 0;
    for (uint32_t i = 0; i < count; i++)
        tell(play, (struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                         .now_ms = play->now_ms - PLAY_MS,
                                         .agent = play->seats[i].agent,
                                         .presence = play->seats[i].presence });
    qsort(play->seats, count, sizeof(*play->seats), compare_seats);
    for (uint32_t i = 0; i < count; i++) {
        const struct seat *seat = &play->seats[i];
        struct route_event event = { .type = ROUTE_EVENT_RESTORE,
                                     .now_ms = play->now_ms - seat->idle_ms,
                                     .agent = seat->agent,
                                     .answered = true,
                                     .request = &request };

        if (!seat->listed)
            continue;
        for (uint32_t k = 0; k < seat->convs || k == 0; k++) {
            event.conv = (*next_id)++;
            tell(play, event);
        }
        if (seat->convs == 0) {
            event.type = ROUTE_EVENT_CLOSE;
            tell(play, event);
        }
    }
}

static void arrive(struct play *play, struct visitor *visitor, uint64_t conv)
{
    struct route_request *request = &visitor->row.request;

    if (visitor->row.by_rules &&
        route_classify(play->config, visitor->row.facts, visitor->row.fact_count, play->now_ms,
                       request) != ROUTE_OK)
        return;
    request->arrived_ms = play->now_ms - visitor->waited_ms;
    request->last_ms = request->last_agent != ROUTE_NONE ? request->arrived_ms : 0;
    if (conv == CONV_ASKED)
        play->asked_traced = route_explain_request(play->router, request, play->asked,
                                                   &play->asked_trace) == ROUTE_OK;
    tell(play, (struct route_event){ .type = ROUTE_EVENT_ARRIVE,
                                     .now_ms = play->now_ms,
                                     .conv = conv,
                                     .request = request });
}

static int compare_visitors(const void *a, const void *b)
{
    int64_t x = ((const struct visitor *)a)->waited_ms;
    int64_t y = ((const struct visitor *)b)->waited_ms;

    return x > y ? -1 : x < y;
}

static void act_out(struct play *play, struct visitor *asked)
{
    uint32_t agents = route_count(play->config, ROUTE_KIND_AGENT);
    uint64_t next_id = CONV_ASKED + 1;

    seat_agents(play, agents, &next_id);
    if (play->waiting_count > 0)
        qsort(play->waiting, play->waiting_count, sizeof(*play->waiting), compare_visitors);
    for (uint32_t i = 0; i < play->waiting_count; i++)
        arrive(play, &play->waiting[i], next_id++);
    tell(play, (struct route_event){ .type = ROUTE_EVENT_TICK, .now_ms = play->now_ms });
    arrive(play, asked, CONV_ASKED);
    tell(play, (struct route_event){ .type = ROUTE_EVENT_TICK, .now_ms = play->now_ms });
}

/* ---- writing ---- */

static const char *step_label(const struct route_config *config, const struct route_trace_step *s)
{
    switch (s->kind) {
    case ROUTE_STEP_SKILL:
    case ROUTE_STEP_PREFER:
        return route_name(config, ROUTE_KIND_SKILL, s->label);
    case ROUTE_STEP_LANGUAGE:
        return route_name(config, ROUTE_KIND_LANGUAGE, s->label);
    case ROUTE_STEP_CHANNEL:
        return route_name(config, ROUTE_KIND_CHANNEL, s->label);
    case ROUTE_STEP_HELD:
        return route_name(config, ROUTE_KIND_AGENT, s->label);
    default:
        return NULL;
    }
}

static void write_name(struct json_writer *json, const char *key, const char *name)
{
    if (name == NULL)
        return;
    json_key(json, key);
    json_text(json, slice_of(name));
}

static void write_steps(struct json_writer *json, const struct route_config *config,
                        const struct route_trace *trace, bool passed)
{
    json_key(json, "steps");
    json_array_begin(json);
    for (uint32_t i = 0; i < trace->step_count; i++) {
        const struct route_trace_step *s = &trace->steps[i];

        json_object_begin(json);
        write_name(json, "step", route_step_name(s->kind));
        write_name(json, "label", step_label(config, s));
        if (s->level > 0) {
            json_key(json, "level");
            json_u64(json, s->level);
        }
        json_key(json, "left");
        json_u64(json, s->left);
        if (passed) {
            json_key(json, "passed");
            json_bool(json, s->passed);
        }
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_top(struct json_writer *json, const struct route_config *config,
                      const struct route_trace *trace)
{
    json_key(json, "top");
    json_array_begin(json);
    for (uint32_t i = 0; i < trace->top_count; i++) {
        json_object_begin(json);
        write_name(json, "agent", route_name(config, ROUTE_KIND_AGENT, trace->top[i].agent));
        json_key(json, "score");
        json_i64(json, trace->top[i].score);
        json_object_end(json);
    }
    json_array_end(json);
}

/* The first step that the agent does not pass; NULL: passes all. */
static const char *first_failed(const struct route_trace *trace)
{
    for (uint32_t i = 0; i < trace->step_count; i++) {
        if (!trace->steps[i].passed)
            return route_step_name(trace->steps[i].kind);
    }
    return NULL;
}

static void write_asked(struct json_writer *json, const struct play *play)
{
    json_key(json, "asked");
    json_object_begin(json);
    write_name(json, "agent", route_name(play->config, ROUTE_KIND_AGENT, play->asked));
    json_key(json, "able");
    json_bool(json, first_failed(&play->asked_trace) == NULL);
    write_name(json, "fails", first_failed(&play->asked_trace));
    write_steps(json, play->config, &play->asked_trace, true);
    json_object_end(json);
}

static void write_play(const struct play *play, const struct visitor *asked, struct buf *out)
{
    const struct route_trace *trace = play->traced ? &play->trace : &play->asked_trace;
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    write_name(&json, "rule", route_name(play->config, ROUTE_KIND_RULE, asked->row.request.rule));
    write_name(&json, "queue", route_name(play->config, ROUTE_KIND_QUEUE, play->decision.queue));
    json_key(&json, "ring");
    json_u64(&json, play->decision.ring);
    write_name(&json, "decision", route_action_name(play->decision.type));
    write_name(&json, "agent", route_name(play->config, ROUTE_KIND_AGENT, play->decision.agent));
    write_name(&json, "preset", route_preset_name((enum route_preset)trace->preset));
    json_key(&json, "occupancyPercent");
    json_double(&json, trace->occupancy_permille / 10.0);
    write_steps(&json, play->config, trace, false);
    write_top(&json, play->config, trace);
    if (play->asked != ROUTE_NONE && play->asked_traced)
        write_asked(&json, play);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

/* ---- the whole ---- */

static bool load_all(struct sim_load *load, struct play *play, struct slice snapshot,
                     struct slice conversation, struct visitor *asked)
{
    json_reader_init(&load->reader, snapshot);
    sim_read_map(load, snapshot_entry, play);
    end_of_text(load);
    if (load->failed)
        return false;
    json_reader_init(&load->reader, conversation);
    read_visitor(load, asked);
    end_of_text(load);
    return !load->failed;
}

/* Everybody who waits or is served, one for each agent who is not, and the one asked about. */
static uint32_t play_size(const struct play *play)
{
    uint32_t size = play->waiting_count + 1;

    for (uint32_t i = 0; i < route_count(play->config, ROUTE_KIND_AGENT); i++)
        size += play->seats[i].convs + 1;
    return size < ROUTE_CONVERSATIONS_MAX ? size : ROUTE_CONVERSATIONS_MAX;
}

static enum err_code run_play(struct play *play, struct visitor *asked, struct buf *out,
                              struct err *err)
{
    struct route_options options = {
        .config = play->config,
        .conversations_max = play_size(play),
        .now_ms = play->now_ms - PLAY_MS,
        .trace = true,
        .never_quiet = true,
        .act = on_action,
        .ctx = play,
    };

    if (!route_router_create(&options, &play->router))
        return err_set(err, ERR_TOO_BIG, "no memory for a router");
    act_out(play, asked);
    route_router_destroy(&play->router);
    write_play(play, asked, out);
    return ERR_OK;
}

enum err_code route_sim_explain(const struct route_config *config, struct slice snapshot,
                                struct slice conversation, uint32_t asked, struct buf *out,
                                struct err *err)
{
    struct err unused;
    struct sim_load load = { .config = config, .err = err != NULL ? err : &unused };
    struct play play = { .config = config, .asked = asked };
    uint32_t agents = route_count(config, ROUTE_KIND_AGENT);
    struct visitor visitor;
    enum err_code rc = ERR_INVALID;

    load.scenario = sim_scenario_create();
    play.now_ms = load.scenario->start_ms;
    play.seats = mem_zalloc((agents + 1) * sizeof(*play.seats));
    for (uint32_t i = 0; i < agents; i++)
        play.seats[i] = (struct seat){ .agent = i, .idle_ms = IDLE_MS_MAX / 24 };
    play.decision.agent = play.decision.queue = ROUTE_NONE;
    if (load_all(&load, &play, snapshot, conversation, &visitor))
        rc = run_play(&play, &visitor, out, err);
    free(play.seats);
    free(play.waiting);
    route_sim_scenario_destroy(&load.scenario);
    return rc;
}
