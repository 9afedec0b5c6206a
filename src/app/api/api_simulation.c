/* SPDX-License-Identifier: Apache-2.0 */
/* "What if two more agents at 14:00": the simulator on the workspace's own past. The conversations
 * of the last days that asked for a person become a log of arrivals, which is played twice with the
 * same visitors: as the workspace is staffed, and with more agents at those hours. It runs on the
 * worker that handles the request, and is bounded by what it may read and play. */
#include "api_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "route_sim.h"
#include "routing.h"
#include "schema.h"

enum {
    DAYS_DEFAULT = 7,
    DAYS_MAX = 31,
    SEEDS_DEFAULT = 20,
    SEEDS_MAX = 100,
    EXTRA_MAX = 50,
    HISTORY_MAX = 5000,           /* conversations read: a second or two */
    HISTORY_MIN = 10,             /* fewer say nothing */
    PLAYED_MAX = 2 * 1000 * 1000, /* in both studies together: some seconds of one worker */
    CSV_BYTES_MAX = 4 * 1024 * 1024,
    CONV_ARENA_MAX = 8 * 1024 * 1024, /* 200 events of one conversation, and its page */
    QUARTER_MS = 15 * 60 * 1000,
    EXTRA_ID = 1, /* ids of agents begin far above */
};

static const char shift_name[] = "what-if";

/* ---- the past -------------------------------------------------------------------------------- */

struct past {
    struct buf csv;
    struct arena arena; /* of one page or conversation */
    uint32_t count, read;
    int64_t since_ms, first_ms;
};

/* Moments of one conversation; 0: it did not come to that. */
struct moments {
    int64_t asked, given, ended;
};

static enum err_code moments_read(struct api_call *call, struct past *past, uint64_t conv,
                                  struct moments *out, struct err *err)
{
    struct store_thread_query query = {
        .conv = conv, .from_seq = 1, .to_seq = UINT32_MAX, .limit = STORE_THREAD_MAX
    };
    enum store_read state = STORE_READ_DONE;
    struct store_thread thread;
    enum err_code rc =
        store_thread_read(call->api->store, &query, &past->arena, &thread, &state, err);

    *out = (struct moments){ 0 };
    for (size_t i = 0; rc == ERR_OK && state == STORE_READ_DONE && i < thread.n; i++) {
        const struct store_event *event = &thread.events[i];

        if (event->kind == KEFU__V1__EVENT__KIND__handoff && out->asked == 0)
            out->asked = event->created_at;
        else if (event->kind == KEFU__V1__EVENT__KIND__assigned && out->given == 0)
            out->given = event->created_at;
        else if (event->kind == KEFU__V1__EVENT__KIND__closed)
            out->ended = event->created_at;
    }
    return rc;
}

static void time_add(struct buf *out, int64_t ms)
{
    Google__Protobuf__Timestamp at;
    Kefu__V1__RoutingSlot holder = KEFU__V1__ROUTING_SLOT__INIT;
    struct buf json;
    const char *from;

    /* As the schema writes times: {"at":"2026-03-02T09:00:07.000Z"} */
    schema_timestamp_set(&at, ms);
    holder.at = &at;
    buf_init(&json, 256);
    schema_json_encode(&holder.base, &json);
    from = memchr(json.ptr, 'T', json.len);
    if (from != NULL)
        buf_printf(out, "%.19s+00:00", from - 10);
    buf_fini(&json);
}

static void line_add(struct past *past, const Kefu__V1__Header *header,
                     const struct moments *moments, const struct route_config *config)
{
    const char *name = header->routing != NULL ? header->routing->queue : "";
    uint32_t queue = route_find(config, ROUTE_KIND_QUEUE, name, strlen(name));
    int64_t until = moments->given != 0 ? moments->given : moments->ended;
    bool abandoned = moments->given == 0;

    if (moments->asked == 0 || until < moments->asked || moments->asked < past->since_ms)
        return; /* never asked for a person, or still waits */
    time_add(&past->csv, moments->asked);
    buf_printf(&past->csv, ",%s,%u,",
               route_name(config, ROUTE_KIND_QUEUE, queue != ROUTE_NONE ? queue : 0),
               header->routing != NULL ? header->routing->priority : 0);
    if (!abandoned && moments->ended > moments->given)
        buf_printf(&past->csv, "%lld", (long long)((moments->ended - moments->given) / 1000));
    buf_printf(&past->csv, ",%lld,%d\n", (long long)((until - moments->asked) / 1000), abandoned);
    past->first_ms =
        past->count == 0 || moments->asked < past->first_ms ? moments->asked : past->first_ms;
    past->count++;
}

/* Newest change first, so that a bound cuts off the oldest. */
static enum err_code past_read(struct api_call *call, struct past *past,
                               const struct route_config *config, struct err *err)
{
    struct store_conv_filter filter = { .workspace = call->who.workspace_id,
                                        .states = 1U << KEFU__V1__CONVERSATION_STATE__closed,
                                        .limit = STORE_PAGE_MAX };
    struct arena pages;
    struct store_page page = { .more = true };
    enum err_code rc = ERR_OK;

    arena_init(&pages, API_ARENA_MAX);
    buf_add_text(&past->csv, "arrived_at,queue,priority,handle_seconds,wait_seconds,abandoned\n");
    while (rc == ERR_OK && page.more && past->read < HISTORY_MAX) {
        arena_reset(&pages);
        rc = store_conv_list(call->api->store, &filter, &pages, &page, err);
        for (size_t i = 0; rc == ERR_OK && i < page.n && past->read < HISTORY_MAX; i++) {
            Kefu__V1__Header *header = NULL;
            struct moments moments;

            arena_reset(&past->arena);
            rc = api_decode(&kefu__v1__header__descriptor, page.items[i], &past->arena, &header,
                            err);
            if (rc != ERR_OK)
                break;
            filter.before_updated = header->updated_at;
            filter.before_conv = header->id;
            page.more = page.more && header->updated_at >= past->since_ms;
            past->read++;
            rc = moments_read(call, past, header->id, &moments, err);
            if (rc == ERR_OK)
                line_add(past, header, &moments, config);
        }
    }
    arena_fini(&pages);
    if (rc == ERR_OK && !buf_ok(&past->csv))
        rc = err_set(err, ERR_TOO_BIG, "too much history; ask for fewer days");
    return rc;
}

/* ---- more agents ----------------------------------------------------------------------------- */

/* The configuration with a calendar for the extra shift: put in front of the others. */
static char *config_with_shift(struct api_call *call, const char *config,
                               const Kefu__V1__RoutingSimulationRequest *request)
{
    static const char key[] = "\"calendars\"";
    char shift[256];
    const char *at = strstr(config, key);
    const char *brace = strchr(config, '{');
    struct buf out;
    char *copy = NULL;

    snprintf(shift, sizeof(shift),
             "\"%s\":{\"offset\":\"%.10s\",\"week\":{\"mon-sun\":[\"%.5s-%.5s\"]}}", shift_name,
             request->offset[0] != '\0' ? request->offset : "+00:00", request->from,
             request->until);
    buf_init(&out, ROUTING_CONFIG_BYTES_MAX + sizeof(shift) + sizeof(key));
    if (at != NULL) {
        const char *inside = strchr(at, '{');
        const char *next = inside != NULL ? inside + 1 + strspn(inside + 1, " \t\r\n") : NULL;

        if (inside != NULL) {
            buf_add(&out, config, (size_t)(inside + 1 - config));
            buf_add_text(&out, shift);
            buf_add_text(&out, *next == '}' ? "" : ",");
            buf_add_text(&out, inside + 1);
        }
    } else if (brace != NULL) {
        buf_printf(&out, "{%s:{%s},", key, shift);
        buf_add_text(&out, brace + 1);
    }
    if (buf_ok(&out) && out.len > 0)
        copy = arena_strdup(call->arena, buf_slice(&out));
    buf_fini(&out);
    return copy;
}

/* Agents of the same abilities, there in that shift only. */
static enum err_code agents_extend(struct api_call *call,
                                   const Kefu__V1__RoutingSimulationRequest *request,
                                   const Kefu__V1__Agent ***agents, size_t *count, struct err *err)
{
    const Kefu__V1__Agent **list =
        arena_alloc(call->arena, (*count + EXTRA_MAX) * sizeof(const Kefu__V1__Agent *));
    const Kefu__V1__Agent *like = NULL;

    if (list == NULL)
        return err_set(err, ERR_TOO_BIG, "too many agents");
    for (size_t i = 0; i < *count; i++) {
        list[i] = (*agents)[i];
        if (list[i]->id == request->like_agent_id)
            like = list[i];
    }
    if (request->like_agent_id != 0 && like == NULL)
        return err_set_field(err, ERR_NOT_FOUND, "likeAgentId", "no such agent");
    for (uint32_t i = 0; i < request->extra_agents; i++) {
        Kefu__V1__Agent *extra = api_message_new(call, &kefu__v1__agent__descriptor, err);

        if (extra == NULL)
            return err->code;
        if (like != NULL)
            *extra = *like;
        extra->id = EXTRA_ID + i;
        extra->disabled = false;
        extra->calendar = arena_strdup(call->arena, slice_of(shift_name));
        list[(*count)++] = extra;
    }
    *agents = list;
    return ERR_OK;
}

/* ---- playing --------------------------------------------------------------------------------- */

static Kefu__V1__RoutingFigure *figure_of(struct api_call *call,
                                          const struct route_sim_study *study,
                                          enum route_sim_measure measure, struct err *err)
{
    Kefu__V1__RoutingFigure *out =
        api_message_new(call, &kefu__v1__routing_figure__descriptor, err);
    struct route_sim_interval interval = route_sim_measure(study, 0, measure);

    if (out != NULL) {
        out->mean = interval.mean;
        out->low = interval.low;
        out->high = interval.high;
    }
    return out;
}

static enum err_code slots_fill(struct api_call *call, const struct route_sim_study *study,
                                int64_t start_ms, Kefu__V1__RoutingOutcome *out, struct err *err)
{
    out->slots =
        arena_alloc(call->arena, (study->slot_count + 1) * sizeof(Kefu__V1__RoutingSlot *));
    if (out->slots == NULL)
        return err_set(err, ERR_TOO_BIG, "reply too large");
    for (uint32_t i = 0; i < study->slot_count; i++) {
        const struct route_sim_slot *slot = &study->results[0].slots[i];
        Kefu__V1__RoutingSlot *item =
            api_message_new(call, &kefu__v1__routing_slot__descriptor, err);

        if (item == NULL)
            return err->code;
        item->at = api_timestamp(call, start_ms + (int64_t)i * study->slot_ms);
        item->arrived = (double)slot->arrived / study->seed_count;
        item->wait_s = slot->answered > 0 ? slot->wait_s / (double)slot->answered : 0;
        out->slots[out->n_slots++] = item;
    }
    return ERR_OK;
}

static enum err_code outcome_fill(struct api_call *call, const struct route_sim_study *study,
                                  int64_t start_ms, Kefu__V1__RoutingOutcome **out, struct err *err)
{
    Kefu__V1__RoutingOutcome *outcome =
        api_message_new(call, &kefu__v1__routing_outcome__descriptor, err);

    if (outcome == NULL)
        return err->code;
    outcome->abandoned = figure_of(call, study, ROUTE_SIM_ABANDONED, err);
    outcome->in_time = figure_of(call, study, ROUTE_SIM_IN_TIME, err);
    outcome->wait_p50 = figure_of(call, study, ROUTE_SIM_WAIT_P50, err);
    outcome->wait_p90 = figure_of(call, study, ROUTE_SIM_WAIT_P90, err);
    outcome->wait_p99 = figure_of(call, study, ROUTE_SIM_WAIT_P99, err);
    outcome->occupancy = figure_of(call, study, ROUTE_SIM_OCCUPANCY, err);
    outcome->fairness = figure_of(call, study, ROUTE_SIM_FAIRNESS, err);
    if (outcome->fairness == NULL)
        return err_set(err, ERR_TOO_BIG, "reply too large");
    *out = outcome;
    return slots_fill(call, study, start_ms, outcome, err);
}

struct play {
    const Kefu__V1__Agent **agents;
    size_t agent_count;
    const char *config;
    struct slice csv;
    int64_t start_ms;
    uint32_t seeds;
    uint64_t played;
};

static enum err_code play_run(struct api_call *call, struct play *play,
                              Kefu__V1__RoutingOutcome **out, struct err *err)
{
    const struct routing_source source = { .config = slice_of(play->config),
                                           .agents = play->agents,
                                           .agent_count = play->agent_count };
    struct routing *routing = NULL;
    struct route_report report;
    struct route_sim_scenario *scenario = NULL;
    struct route_sim_study *study = NULL;
    struct route_sim_strategy strategy;
    struct route_sim_options options = {
        .strategies = &strategy, .strategy_count = 1, .seed_count = play->seeds, .seed = 1
    };
    enum err_code rc = ERR_OK;

    ENSURE(route_sim_strategy_find(SLICE_LITERAL("configured"), &strategy));
    if (!routing_create(&source, &routing, &report))
        return err_set_field(err, ERR_INVALID, report.items[0].path, "%s", report.items[0].text);
    options.config = routing_config(routing);
    rc = route_sim_log_load(options.config, play->csv, &scenario, err);
    options.scenario = scenario;
    if (rc == ERR_OK)
        rc = route_sim_study(&options, &study, err);
    if (rc == ERR_OK) {
        play->played += study->conversations;
        rc = outcome_fill(call, study, play->start_ms, out, err);
    }
    route_sim_study_destroy(&study);
    route_sim_scenario_destroy(&scenario);
    routing_destroy(&routing);
    return rc;
}

/* ---- the request ----------------------------------------------------------------------------- */

static enum err_code request_check(const Kefu__V1__RoutingSimulationRequest *request,
                                   struct err *err)
{
    if (request->days > DAYS_MAX)
        return err_set_field(err, ERR_INVALID, "days", "at most %d", DAYS_MAX);
    if (request->seeds > SEEDS_MAX)
        return err_set_field(err, ERR_INVALID, "seeds", "at most %d", SEEDS_MAX);
    if (request->extra_agents > EXTRA_MAX)
        return err_set_field(err, ERR_INVALID, "extraAgents", "at most %d", EXTRA_MAX);
    if (strchr(request->from, '"') != NULL || strchr(request->until, '"') != NULL ||
        strchr(request->offset, '"') != NULL)
        return err_set_field(err, ERR_INVALID, "from", "such as 14:00");
    if (strlen(request->config) > ROUTING_CONFIG_BYTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "config", "at most %d bytes",
                             ROUTING_CONFIG_BYTES_MAX);
    return ERR_OK;
}

static enum err_code config_text(struct api_call *call, const char *given, const char **out,
                                 struct err *err)
{
    Kefu__V1__RoutingConfig *config = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc = ERR_OK;

    *out = given;
    if (given[0] != '\0')
        return ERR_OK;
    rc = store_record_by_lookup(call->api->store, STORE_ROUTING_CONFIG, call->who.workspace_id,
                                SLICE_LITERAL("published"), call->arena, &record, &found, err);
    if (rc == ERR_OK && found)
        rc = api_decode(&kefu__v1__routing_config__descriptor, record.body, call->arena, &config,
                        err);
    *out = config != NULL ? config->config : routing_default;
    return rc;
}

static enum err_code past_of(struct api_call *call, const struct play *play, struct past *past,
                             struct err *err)
{
    const struct routing_source source = { .config = slice_of(play->config),
                                           .agents = play->agents,
                                           .agent_count = play->agent_count };
    struct routing *routing = NULL;
    struct route_report report;
    enum err_code rc;

    if (!routing_create(&source, &routing, &report))
        return err_set_field(err, ERR_INVALID, report.items[0].path, "%s", report.items[0].text);
    rc = past_read(call, past, routing_config(routing), err);
    routing_destroy(&routing);
    if (rc == ERR_OK && past->count < HISTORY_MIN)
        rc = err_set(err, ERR_PRECONDITION,
                     "only %u conversations with a person in these days; it takes %d", past->count,
                     HISTORY_MIN);
    return rc;
}

/* Both studies, on the same past. */
static enum err_code play_both(struct api_call *call, struct play *play, const struct past *past,
                               Kefu__V1__RoutingSimulation *reply, struct err *err)
{
    const Kefu__V1__RoutingSimulationRequest *request =
        (const Kefu__V1__RoutingSimulationRequest *)call->body;
    uint32_t affordable = PLAYED_MAX / 2 / past->count;
    enum err_code rc;

    play->csv = buf_slice(&past->csv);
    play->start_ms = past->first_ms / QUARTER_MS * QUARTER_MS; /* where its slots begin */
    play->seeds = request->seeds > 0 ? request->seeds : SEEDS_DEFAULT;
    play->seeds = play->seeds < affordable ? play->seeds : affordable;
    rc = play_run(call, play, &reply->before, err);
    if (rc != ERR_OK || request->extra_agents == 0)
        return rc;
    play->config = config_with_shift(call, play->config, request);
    if (play->config == NULL)
        return err_set_field(err, ERR_INVALID, "config", "no object");
    rc = agents_extend(call, request, &play->agents, &play->agent_count, err);
    return rc == ERR_OK ? play_run(call, play, &reply->after, err) : rc;
}

static enum err_code simulate(struct api_call *call, struct err *err)
{
    const Kefu__V1__RoutingSimulationRequest *request =
        (const Kefu__V1__RoutingSimulationRequest *)call->body;
    Kefu__V1__RoutingSimulation *reply = api_message_new(call, call->route->reply, err);
    int64_t began_us = clock_mono_us(call->api->clock);
    int64_t days = request->days > 0 ? request->days : DAYS_DEFAULT;
    struct past past = { .since_ms = call->now_ms - days * 24 * 3600 * 1000 };
    struct play play = { 0 };
    enum err_code rc = reply != NULL ? request_check(request, err) : err->code;

    buf_init(&past.csv, CSV_BYTES_MAX);
    arena_init(&past.arena, CONV_ARENA_MAX);
    if (rc == ERR_OK)
        rc = config_text(call, request->config, &play.config, err);
    if (rc == ERR_OK)
        rc = api_routing_agents(call, &play.agents, &play.agent_count, err);
    if (rc == ERR_OK)
        rc = past_of(call, &play, &past, err);
    if (rc == ERR_OK)
        rc = play_both(call, &play, &past, reply, err);
    if (rc == ERR_OK) {
        reply->history = past.count;
        reply->played = play.played;
        reply->took_ms = (uint32_t)((clock_mono_us(call->api->clock) - began_us) / 1000);
        call->answer = &reply->base;
    }
    arena_fini(&past.arena);
    buf_fini(&past.csv);
    return rc;
}

static const struct api_route routes[] = {
    { "POST", "/routing-simulations", &kefu__v1__routing_simulation_request__descriptor,
      &kefu__v1__routing_simulation__descriptor, PERM_ROUTING_READ, simulate, API_NO_REPEAT, NULL,
      "Play the workspace's own past, as it is staffed and with more agents" },
};

const struct api_routes api_routes_simulation = { routes, LENGTH_OF(routes) };
