/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the router as it is, with time as the next thing that happens: an arrival, an end of a
 * conversation, lost patience, a shift, or a timer of the router. Each agent has a clock of work
 * that runs slower the more conversations it has; a conversation ends when that clock reaches its
 * mark, so a change of their number changes one rate, not all ends. */
#include "route_sim_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    PROMISE_CHECK_EVERY = 64,    /* events between looks at the promise that nobody waits in vain */
    WAITING_MIN = 4096,          /* beside twice the places: patience leaves fewer standing */
    DRAIN_MS = 24 * 3600 * 1000, /* after the end, for those who wait and those who talk */
};

struct sim_agent {
    double clock, rate; /* ms of work done on each conversation; per ms */
    int64_t clock_at;
    int64_t due; /* of the first end; ROUTE_NEVER: has none */
    uint32_t heap_at;
    uint32_t count;
    uint32_t convs[ROUTE_CAPACITY_MAX + 1];
    double ends[ROUTE_CAPACITY_MAX + 1]; /* on the clock */
    bool on_shift;
    int64_t change_ms; /* of the shift */
    double capacity, speed;
    double busy_ms, open_ms, work_ms; /* measured: places taken, places there, work given */
    int64_t measured_at;
};

struct patience {
    int64_t due;
    uint32_t conv;
};

struct sim_conv_state {
    uint32_t agent; /* ROUTE_NONE: nobody's */
    bool waiting, queued, done;
};

struct sim_workspace {
    const struct route_config *config;
    uint32_t agent_count;
    struct sim_agent *agents;
    uint32_t *heap; /* agents by due */
    uint32_t heap_count;
    uint32_t group_count, *group_first, *group_next; /* lists of equals */
    struct sim_conv_state *convs;
    uint32_t conv_cap;
    struct patience *patience; /* a heap by due */
    uint32_t patience_count, patience_cap;
    uint32_t *offers; /* to be accepted after the event */
    uint32_t offer_count, offer_cap;
    struct route_request *requests; /* of each row */
    int64_t *classified_at;         /* minute in which the row's request was made by the rules */
    uint32_t row_cap;
    /* of this run */
    const struct route_sim_scenario *scenario;
    const struct sim_traffic *traffic;
    struct route_router *router;
    struct route_sim_result *result;
    struct route_sim_run *run;
    int64_t now, begin, end, slot_ms;
    int64_t shift_due;
    uint32_t sla_ms_of_queue[ROUTE_QUEUES_MAX];
    uint64_t wait_counts[ROUTE_SIM_WAIT_BUCKETS + 1];
    double wait_sum_ms;
    uint64_t events;
    bool failed;
};

/* ---- the heap of agents, and that of patience ---- */

static bool agent_before(const struct sim_workspace *w, uint32_t a, uint32_t b)
{
    return w->agents[a].due < w->agents[b].due || (w->agents[a].due == w->agents[b].due && a < b);
}

static void heap_put(struct sim_workspace *w, uint32_t at, uint32_t agent)
{
    w->heap[at] = agent;
    w->agents[agent].heap_at = at;
}

/* All agents are always in it; those without an end are due never. */
static void heap_fix(struct sim_workspace *w, uint32_t agent)
{
    uint32_t at = w->agents[agent].heap_at;

    while (at > 0 && agent_before(w, agent, w->heap[(at - 1) / 2])) {
        heap_put(w, at, w->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= w->heap_count)
            break;
        if (child + 1 < w->heap_count && agent_before(w, w->heap[child + 1], w->heap[child]))
            child++;
        if (!agent_before(w, w->heap[child], agent))
            break;
        heap_put(w, at, w->heap[child]);
        at = child;
    }
    heap_put(w, at, agent);
}

static void patience_push(struct sim_workspace *w, struct patience entry)
{
    uint32_t at;

    if (w->patience_count == w->patience_cap) {
        w->patience_cap = w->patience_cap > 0 ? 2 * w->patience_cap : 1024;
        w->patience = mem_realloc(w->patience, w->patience_cap * sizeof(*w->patience));
    }
    for (at = w->patience_count++; at > 0 && entry.due < w->patience[(at - 1) / 2].due;
         at = (at - 1) / 2)
        w->patience[at] = w->patience[(at - 1) / 2];
    w->patience[at] = entry;
}

static struct patience patience_pop(struct sim_workspace *w)
{
    struct patience first = w->patience[0];
    struct patience last = w->patience[--w->patience_count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= w->patience_count)
            break;
        if (child + 1 < w->patience_count && w->patience[child + 1].due < w->patience[child].due)
            child++;
        if (w->patience[child].due >= last.due)
            break;
        w->patience[at] = w->patience[child];
        at = child;
    }
    w->patience[at] = last;
    return first;
}

/* ---- agents at work ---- */

static void measure(struct sim_workspace *w, struct sim_agent *a)
{
    int64_t from = a->measured_at > w->begin ? a->measured_at : w->begin;
    int64_t to = w->now < w->end ? w->now : w->end;

    if (to > from) {
        double ms = (double)(to - from);

        a->busy_ms += ms * a->count;
        /* Who still talks after the shift has just those places. */
        a->open_ms += ms * (a->on_shift ? a->capacity : a->count);
    }
    a->measured_at = w->now;
}

static void wind(struct sim_workspace *w, struct sim_agent *a)
{
    a->clock += a->rate * (double)(w->now - a->clock_at);
    a->clock_at = w->now;
}

static void set_due(struct sim_workspace *w, uint32_t agent)
{
    struct sim_agent *a = &w->agents[agent];
    double first = INFINITY;

    a->rate = a->count > 0 ? 1 / (1 + w->scenario->inflation * (a->count - 1)) : 0;
    for (uint32_t i = 0; i < a->count; i++)
        first = a->ends[i] < first ? a->ends[i] : first;
    a->due = ROUTE_NEVER;
    if (a->count > 0) {
        double ms = ceil((first - a->clock) / a->rate);

        a->due = w->now + (ms > 0 ? (int64_t)ms : 0);
    }
    heap_fix(w, agent);
}

static void begin_work(struct sim_workspace *w, uint32_t conv, uint32_t agent)
{
    struct sim_agent *a = &w->agents[agent];
    double work = (double)w->traffic->convs[conv].handle_ms;

    measure(w, a);
    wind(w, a);
    ENSURE(a->count <= ROUTE_CAPACITY_MAX);
    a->convs[a->count] = conv;
    a->ends[a->count++] = a->clock + work / a->speed;
    if (w->now >= w->begin && w->now < w->end)
        a->work_ms += work;
    w->convs[conv].agent = agent;
    set_due(w, agent);
}

static void end_work(struct sim_workspace *w, uint32_t agent, uint32_t place)
{
    struct sim_agent *a = &w->agents[agent];

    measure(w, a);
    wind(w, a);
    w->convs[a->convs[place]].agent = ROUTE_NONE;
    a->convs[place] = a->convs[--a->count];
    a->ends[place] = a->ends[a->count];
    set_due(w, agent);
}

/* ---- what the router says ---- */

static bool counts(const struct sim_workspace *w, uint32_t conv)
{
    return w->traffic->convs[conv].at_ms >= w->begin;
}

static struct route_sim_slot *slot_of(struct sim_workspace *w, uint32_t conv)
{
    int64_t slot = (w->traffic->convs[conv].at_ms - w->scenario->start_ms) / w->slot_ms;

    return &w->result->slots[slot < ROUTE_SIM_SLOTS_MAX ? slot : ROUTE_SIM_SLOTS_MAX - 1];
}

static void note_answered(struct sim_workspace *w, uint32_t conv, const struct route_action *action)
{
    int64_t wait = w->now - w->traffic->convs[conv].at_ms;
    int64_t bucket = wait / 100;
    uint32_t last = w->traffic->convs[conv].last_agent;
    struct route_sim_slot *slot = slot_of(w, conv);

    w->run->answered++;
    w->run->in_time += wait <= w->sla_ms_of_queue[action->queue];
    w->run->rings[action->ring]++;
    w->run->sticky_wished += last != ROUTE_NONE;
    w->run->sticky_kept += last != ROUTE_NONE && last == action->agent;
    w->wait_sum_ms += (double)wait;
    w->wait_counts[bucket < ROUTE_SIM_WAIT_BUCKETS ? bucket : ROUTE_SIM_WAIT_BUCKETS]++;
    slot->answered++;
    slot->wait_s += (double)wait / 1000;
}

static void offer_push(struct sim_workspace *w, uint32_t conv)
{
    if (w->offer_count == w->offer_cap) {
        w->offer_cap = w->offer_cap > 0 ? 2 * w->offer_cap : 64;
        w->offers = mem_realloc(w->offers, w->offer_cap * sizeof(*w->offers));
    }
    w->offers[w->offer_count++] = conv;
}

static void on_wait(struct sim_workspace *w, uint32_t conv)
{
    const struct sim_conv *c = &w->traffic->convs[conv];

    w->convs[conv].waiting = true;
    if (w->convs[conv].queued || c->patience_ms < 0)
        return;
    w->convs[conv].queued = true;
    patience_push(w, (struct patience){ c->at_ms + (int64_t)c->patience_ms, conv });
}

static void on_action(void *ctx, const struct route_action *action)
{
    struct sim_workspace *w = ctx;
    uint32_t conv = (uint32_t)action->conv;

    switch (action->type) {
    case ROUTE_ACTION_ASSIGN:
        w->convs[conv].waiting = false;
        begin_work(w, conv, action->agent);
        if (counts(w, conv))
            note_answered(w, conv, action);
        break;
    case ROUTE_ACTION_OFFER:
        w->convs[conv].waiting = false;
        w->convs[conv].agent = action->agent;
        offer_push(w, conv);
        break;
    case ROUTE_ACTION_WAIT:
        on_wait(w, conv);
        break;
    case ROUTE_ACTION_REFUSED:
    case ROUTE_ACTION_CLOSED:
        w->convs[conv].done = true;
        if (counts(w, conv) && action->type == ROUTE_ACTION_CLOSED)
            w->run->closed++;
        else if (counts(w, conv))
            w->run->refused++;
        break;
    case ROUTE_ACTION_OVERFLOW:
        w->run->overflowed += counts(w, conv);
        break;
    default:
        break;
    }
}

/* ---- what the world does ---- */

static void tell(struct sim_workspace *w, struct route_event event)
{
    event.now_ms = w->now;
    if (route_event(w->router, &event) != ROUTE_OK)
        w->failed = true;
    /* Agents take what they are offered at once; that may bring further offers. */
    while (w->offer_count > 0) {
        uint32_t conv = w->offers[--w->offer_count];

        event = (struct route_event){ .type = ROUTE_EVENT_ACCEPT,
                                      .now_ms = w->now,
                                      .conv = conv,
                                      .agent = w->convs[conv].agent };
        if (route_event(w->router, &event) != ROUTE_OK)
            w->failed = true;
    }
    if (++w->events % PROMISE_CHECK_EVERY == 0) {
        struct route_stats stats;

        route_stats(w->router, &stats);
        w->run->idle_while_waiting += stats.idle_while_waiting;
    }
}

/* Rules may ask for opening hours, which change by the minute at most. */
static const struct route_request *request_of(struct sim_workspace *w, uint32_t row)
{
    const struct sim_row *r = &w->scenario->rows[row];
    int64_t minute = w->now / 60000;

    if (r->by_rules && w->classified_at[row] != minute) {
        w->requests[row] = r->request;
        if (route_classify(w->config, r->facts, r->fact_count, w->now, &w->requests[row]) !=
            ROUTE_OK)
            w->failed = true;
        w->classified_at[row] = minute;
    }
    return &w->requests[row];
}

static void arrive(struct sim_workspace *w, uint32_t conv)
{
    const struct sim_conv *c = &w->traffic->convs[conv];
    struct route_request request = *request_of(w, c->row);

    request.arrived_ms = w->now;
    request.last_agent = c->last_agent;
    request.last_ms = c->last_agent != ROUTE_NONE ? w->now : 0;
    w->convs[conv] = (struct sim_conv_state){ .agent = ROUTE_NONE };
    if (counts(w, conv)) {
        w->run->arrived++;
        slot_of(w, conv)->arrived++;
    }
    tell(w, (struct route_event){ .type = ROUTE_EVENT_ARRIVE, .conv = conv, .request = &request });
}

static void finish(struct sim_workspace *w, uint32_t agent)
{
    struct sim_agent *a = &w->agents[agent];
    uint32_t place = 0;
    uint32_t conv;

    for (uint32_t i = 1; i < a->count; i++)
        place = a->ends[i] < a->ends[place] ? i : place;
    conv = a->convs[place];
    end_work(w, agent, place);
    w->convs[conv].done = true;
    tell(w, (struct route_event){ .type = ROUTE_EVENT_CLOSE, .conv = conv });
}

static void lose_patience(struct sim_workspace *w, uint32_t conv)
{
    if (!w->convs[conv].waiting || w->convs[conv].done)
        return;
    w->convs[conv].done = true;
    w->convs[conv].waiting = false;
    if (counts(w, conv)) {
        w->run->abandoned++;
        slot_of(w, conv)->abandoned++;
    }
    tell(w, (struct route_event){ .type = ROUTE_EVENT_CLOSE, .conv = conv });
}

/* Who goes off shift takes no more and finishes what it has. */
static void shifts(struct sim_workspace *w)
{
    w->shift_due = ROUTE_NEVER;
    for (uint32_t i = 0; i < w->agent_count; i++) {
        struct sim_agent *a = &w->agents[i];
        struct route_agent_info info;
        bool on;

        if (a->change_ms > w->now) {
            w->shift_due = a->change_ms < w->shift_due ? a->change_ms : w->shift_due;
            continue;
        }
        if (!route_agent_info(w->config, i, &info))
            continue;
        on = route_calendar_open(w->config, info.calendar, w->now, &a->change_ms);
        w->shift_due = a->change_ms < w->shift_due ? a->change_ms : w->shift_due;
        if (on == a->on_shift)
            continue;
        measure(w, a);
        a->on_shift = on;
        tell(w, (struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                      .agent = i,
                                      .presence = on ? ROUTE_ONLINE : ROUTE_BUSY });
    }
}

/* The next thing that happens; the earlier of two kinds at the same time is named first here. */
static bool step(struct sim_workspace *w, uint32_t *arrived)
{
    const struct sim_traffic *traffic = w->traffic;
    int64_t arrival = *arrived < traffic->count ? traffic->convs[*arrived].at_ms : ROUTE_NEVER;
    int64_t done = w->heap_count > 0 ? w->agents[w->heap[0]].due : ROUTE_NEVER;
    int64_t left = w->patience_count > 0 ? w->patience[0].due : ROUTE_NEVER;
    int64_t timer = route_due_ms(w->router);
    int64_t next = arrival < done ? arrival : done;

    next = left < next ? left : next;
    next = w->shift_due < next ? w->shift_due : next;
    next = timer < next ? timer : next;
    if (next > w->end + DRAIN_MS)
        return false;
    w->now = next > w->now ? next : w->now;
    if (next == w->shift_due)
        shifts(w);
    else if (next == done)
        finish(w, w->heap[0]);
    else if (next == left)
        lose_patience(w, patience_pop(w).conv);
    else if (next == arrival)
        arrive(w, (*arrived)++);
    else
        tell(w, (struct route_event){ .type = ROUTE_EVENT_TICK });
    return true;
}

/* ---- the figures of a run ---- */

static double wait_quantile_s(const struct sim_workspace *w, double q)
{
    uint64_t left = (uint64_t)((double)w->run->answered * q);

    for (uint32_t i = 0; i <= ROUTE_SIM_WAIT_BUCKETS; i++) {
        if (w->wait_counts[i] > left)
            return i / 10.0;
        left -= w->wait_counts[i];
    }
    return 0;
}

/* Jain's index (sum x)^2 / (n sum x^2) of work per place and time, in the worst group of equals. */
static double fairness(const struct sim_workspace *w)
{
    double worst = 1;

    for (uint32_t group = 0; group < w->group_count; group++) {
        double sum = 0;
        double squares = 0;
        unsigned n = 0;

        for (uint32_t i = w->group_first[group]; i != ROUTE_NONE; i = w->group_next[i]) {
            const struct sim_agent *a = &w->agents[i];
            double x = a->open_ms > 0 ? a->work_ms / a->open_ms : 0;

            sum += x;
            squares += x * x;
            n += a->open_ms > 0;
        }
        if (n > 1 && squares > 0 && sum * sum / (n * squares) < worst)
            worst = sum * sum / (n * squares);
    }
    return worst;
}

static void sum_up(struct sim_workspace *w, uint32_t seed_count)
{
    struct route_stats stats;
    double busy = 0;
    double open = 0;

    route_stats(w->router, &stats);
    w->run->decisions = stats.decisions;
    for (uint32_t i = 0; i < w->agent_count; i++) {
        struct sim_agent *a = &w->agents[i];

        measure(w, a);
        busy += a->busy_ms;
        open += a->open_ms;
        if (a->open_ms > 0)
            w->result->agent_occupancy[i] += a->busy_ms / a->open_ms / seed_count;
    }
    w->run->occupancy = open > 0 ? busy / open : 0;
    w->run->fairness = fairness(w);
    w->run->wait_p50_s = wait_quantile_s(w, 0.5);
    w->run->wait_p90_s = wait_quantile_s(w, 0.9);
    w->run->wait_p99_s = wait_quantile_s(w, 0.99);
    w->run->wait_mean_s =
        w->run->answered > 0 ? w->wait_sum_ms / 1000 / (double)w->run->answered : 0;
    for (uint32_t i = 0; i <= ROUTE_SIM_WAIT_BUCKETS; i++)
        w->result->waits[i] += w->wait_counts[i];
}

/* ---- life ---- */

static bool equals(const struct route_agent_info *x, const struct route_agent_info *y)
{
    return x->languages == y->languages && x->channels == y->channels && x->teams == y->teams &&
           x->calendar == y->calendar && memcmp(x->levels, y->levels, sizeof(x->levels)) == 0;
}

/* Agents who can do the same at the same hours: among them work should be even. */
static void find_groups(struct sim_workspace *w)
{
    struct route_agent_info *heads = mem_zalloc((w->agent_count + 1) * sizeof(*heads));

    w->group_first = mem_zalloc((w->agent_count + 1) * sizeof(*w->group_first));
    w->group_next = mem_zalloc((w->agent_count + 1) * sizeof(*w->group_next));
    for (uint32_t i = 0; i < w->agent_count; i++) {
        struct route_agent_info info = { 0 };
        uint32_t group = 0;

        if (!route_agent_info(w->config, i, &info))
            continue;
        while (group < w->group_count && !equals(&heads[group], &info))
            group++;
        if (group == w->group_count) {
            heads[w->group_count] = info;
            w->group_first[w->group_count++] = ROUTE_NONE;
        }
        w->group_next[i] = w->group_first[group];
        w->group_first[group] = i;
    }
    free(heads);
}

struct sim_workspace *sim_workspace_create(const struct route_config *config)
{
    struct sim_workspace *w = mem_zalloc(sizeof(*w));

    w->config = config;
    w->agent_count = route_count(config, ROUTE_KIND_AGENT);
    w->agents = mem_zalloc((w->agent_count + 1) * sizeof(*w->agents));
    w->heap = mem_zalloc((w->agent_count + 1) * sizeof(*w->heap));
    find_groups(w);
    return w;
}

void sim_workspace_destroy(struct sim_workspace **workspace)
{
    struct sim_workspace *w = *workspace;

    if (w == NULL)
        return;
    free(w->agents);
    free(w->heap);
    free(w->group_first);
    free(w->group_next);
    free(w->convs);
    free(w->patience);
    free(w->offers);
    free(w->requests);
    free(w->classified_at);
    free(w);
    *workspace = NULL;
}

static void prepare_tables(struct sim_workspace *w)
{
    uint32_t rows = w->scenario->row_count;

    if (w->conv_cap < w->traffic->count) {
        w->conv_cap = w->traffic->count;
        w->convs = mem_realloc(w->convs, w->conv_cap * sizeof(*w->convs));
    }
    if (w->row_cap < rows) {
        w->row_cap = rows;
        w->requests = mem_realloc(w->requests, rows * sizeof(*w->requests));
        w->classified_at = mem_realloc(w->classified_at, rows * sizeof(*w->classified_at));
    }
    for (uint32_t i = 0; i < rows; i++) {
        w->requests[i] = w->scenario->rows[i].request;
        w->classified_at[i] = -1;
    }
    w->patience_count = w->offer_count = 0;
    memset(w->wait_counts, 0, sizeof(w->wait_counts));
    w->wait_sum_ms = 0;
    w->events = 0;
}

static void prepare_agents(struct sim_workspace *w)
{
    w->heap_count = w->agent_count;
    for (uint32_t i = 0; i < w->agent_count; i++) {
        struct route_agent_info info;
        bool known = route_agent_info(w->config, i, &info);

        w->agents[i] = (struct sim_agent){
            .due = ROUTE_NEVER,
            .heap_at = i,
            .clock_at = w->now,
            .measured_at = w->now,
            .capacity = known ? info.capacity : 0,
            .speed = known ? info.speed_percent / 100.0 : 1,
            .change_ms = w->now,
        };
        w->heap[i] = i;
    }
}

static void prepare_queues(struct sim_workspace *w)
{
    static const uint32_t SLA_DEFAULT_MS = 30000;

    for (uint32_t i = 0; i < route_count(w->config, ROUTE_KIND_QUEUE); i++) {
        struct route_queue_info info;

        w->sla_ms_of_queue[i] = SLA_DEFAULT_MS;
        if (route_queue_info(w->config, i, &info) && info.sla_first_ms > 0)
            w->sla_ms_of_queue[i] = (uint32_t)info.sla_first_ms;
    }
}

static uint32_t places_of(const struct route_config *config)
{
    struct route_agent_info info;
    uint32_t places = 0;

    for (uint32_t i = 0; route_agent_info(config, i, &info); i++)
        places += info.capacity;
    return places;
}

/* false: the router was too small, or had too many kinds of conversation. */
static bool run_once(struct sim_workspace *w, const struct route_options *options)
{
    uint32_t arrived = 0;

    *w->run = (struct route_sim_run){ 0 };
    w->now = w->scenario->start_ms;
    w->failed = false;
    prepare_tables(w);
    prepare_agents(w);
    if (!route_router_create(options, &w->router))
        return false;
    w->shift_due = w->now;
    while (step(w, &arrived) && !w->failed)
        ;
    return !w->failed;
}

enum err_code sim_run(struct sim_workspace *w, const struct route_sim_scenario *scenario,
                      const struct sim_traffic *traffic, struct route_sim_study *study,
                      uint32_t strategy, uint32_t seed, struct err *err)
{
    struct route_sim_result *result = &study->results[strategy];
    struct route_options options = {
        .config = w->config,
        .conversations_max = 2 * places_of(w->config) + WAITING_MIN,
        .now_ms = scenario->start_ms,
        .never_quiet = true,
        .preset = result->strategy.configured ? NULL : &result->strategy.preset,
        .act = on_action,
        .ctx = w,
    };
    bool ok;

    w->scenario = scenario;
    w->traffic = traffic;
    w->result = result;
    w->run = &result->runs[seed];
    w->begin = scenario->start_ms + scenario->warm_up_ms;
    w->end = scenario->start_ms + scenario->length_ms;
    w->slot_ms = study->slot_ms;
    prepare_queues(w);
    ok = run_once(w, &options);
    if (ok)
        sum_up(w, study->seed_count);
    route_router_destroy(&w->router);
    if (!ok)
        return err_set(err, ERR_TOO_BIG,
                       "the router refused an event: more than %u conversations at a time, or they "
                       "are of too many kinds",
                       options.conversations_max);
    return ERR_OK;
}
