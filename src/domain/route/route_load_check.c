/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a configuration though each of its values is right: queues that nobody can
 * serve, overflow in a circle. */
#include "route_load_priv.h"

#include <string.h>

bool route_agent_could(const struct route_config *config, uint32_t agent, uint32_t queue,
                       const struct route_need *require, uint32_t count)
{
    const struct route_agent_def *def = &config->agents[agent];
    const struct route_queue *q = &config->queues[queue];
    const struct route_ring *last = &q->rings[q->ring_count - 1];

    if (last->teams != 0 && (def->teams & last->teams) == 0)
        return false;
    for (uint32_t i = 0; i < q->require_count + count; i++) {
        const struct route_need *need =
            i < q->require_count ? &q->require[i] : &require[i - q->require_count];
        uint32_t level = need->level > last->lower ? need->level - last->lower : 1;

        if (def->levels[need->skill] < level)
            return false;
    }
    return true;
}

/* Pairs of calendars are few, agents many: each pair is computed once. */
struct common {
    uint8_t known[ROUTE_CALENDARS_MAX + 1][ROUTE_CALENDARS_MAX + 1]; /* 1: never, 2: some time */
};

static bool meet(const struct route_config *config, struct common *common, uint32_t a, uint32_t b)
{
    uint32_t i = a == ROUTE_NONE ? ROUTE_CALENDARS_MAX : a;
    uint32_t j = b == ROUTE_NONE ? ROUTE_CALENDARS_MAX : b;

    if (common->known[i][j] == 0) {
        uint32_t minutes = route_calendar_common(a == ROUTE_NONE ? NULL : &config->calendars[a],
                                                 b == ROUTE_NONE ? NULL : &config->calendars[b]);

        common->known[i][j] = minutes > 0 ? 2 : 1;
    }
    return common->known[i][j] == 2;
}

/* A queue that never opens takes no conversation, so nobody need serve it. */
static bool ever_open(const struct route_config *config, struct common *common, uint32_t queue)
{
    const struct route_queue *q = &config->queues[queue];
    const struct route_calendar *calendar;

    if (q->calendar == ROUTE_NONE || meet(config, common, q->calendar, ROUTE_NONE))
        return true;
    calendar = &config->calendars[q->calendar];
    for (uint32_t i = 0; i < calendar->day_count; i++) {
        if (calendar->days[i].count > 0)
            return true;
    }
    return false;
}

static void check_served(struct route_load *load, struct common *common, uint32_t queue)
{
    const struct route_config *config = load->config;
    uint32_t calendar = config->queues[queue].calendar;
    uint32_t able = 0;
    bool met = false;

    if (!ever_open(config, common, queue))
        return;
    for (uint32_t i = 0; i < config->names[ROUTE_KIND_AGENT].count && !met; i++) {
        if (!route_agent_could(config, i, queue, NULL, 0))
            continue;
        able++;
        met = meet(config, common, calendar, config->agents[i].calendar);
    }
    if (able == 0)
        load_error(load, "no agent has the team and the skills to serve this queue");
    else if (!met)
        load_error(load, "no agent who could serve this queue works while it is open");
}

/* ---- circles ---- */

enum { UNSEEN, OPEN, DONE };

struct edges {
    uint32_t count;
    uint32_t to[ROUTE_RINGS_MAX + ROUTE_OVERFLOW_MAX + 1];
};

static void edges_of(const struct route_queue *queue, struct edges *edges)
{
    edges->count = 0;
    for (uint32_t i = 0; i < queue->ring_count; i++) {
        if (queue->rings[i].overflow != ROUTE_NONE)
            edges->to[edges->count++] = queue->rings[i].overflow;
    }
    for (uint32_t i = 0; i < queue->overflow_count; i++)
        edges->to[edges->count++] = queue->overflow[i];
    if (queue->closed == ROUTE_CLOSED_QUEUE)
        edges->to[edges->count++] = queue->closed_queue;
}

/* Depth first with a stack of its own: a chain may be as long as there are queues. */
static void check_circle(struct route_load *load, uint32_t start, uint8_t *state)
{
    const struct route_queue *queues = load->config->queues;
    uint32_t stack[ROUTE_QUEUES_MAX];
    uint32_t next[ROUTE_QUEUES_MAX] = { 0 };
    struct edges edges;
    uint32_t depth = 0;

    stack[depth++] = start;
    state[start] = OPEN;
    while (depth > 0) {
        uint32_t at = stack[depth - 1];
        uint32_t to;

        edges_of(&queues[at], &edges);
        if (next[depth - 1] == edges.count) {
            state[at] = DONE;
            depth--;
            continue;
        }
        to = edges.to[next[depth - 1]++];
        if (state[to] == OPEN) {
            load_error(load, "overflow goes in a circle: '%s' leads back to '%s'", queues[at].name,
                       queues[to].name);
            return;
        }
        if (state[to] == DONE)
            continue;
        state[to] = OPEN;
        next[depth] = 0;
        stack[depth++] = to;
    }
}

static void check_circles(struct route_load *load)
{
    uint8_t state[ROUTE_QUEUES_MAX] = { 0 };
    uint32_t count = load->config->names[ROUTE_KIND_QUEUE].count;
    unsigned errors = load->report->errors;

    for (uint32_t i = 0; i < count && load->report->errors == errors; i++) {
        size_t path = load_push(load, "queues.%s", load->config->queues[i].name);

        if (state[i] == UNSEEN)
            check_circle(load, i, state);
        load_pop(load, path);
    }
}

static void check_preferred(struct route_load *load, const struct route_queue *queue)
{
    if (queue->ring_count > 1 || queue->overflow_count > 0 || queue->waiting_max != UINT32_MAX)
        return;
    if (queue->preset != ROUTE_MANUAL && queue->rings[0].teams != 0 &&
        queue->calendar == ROUTE_NONE)
        load_warning(load, "has one ring only: who waits here is never offered to others");
}

void load_check(struct route_load *load)
{
    struct common common;
    uint32_t count = load->config->names[ROUTE_KIND_QUEUE].count;

    if (count == 0)
        load_error(load, "a configuration needs queues");
    check_circles(load);
    memset(&common, 0, sizeof(common));
    for (uint32_t i = 0; i < count; i++) {
        size_t path = load_push(load, "queues.%s", load->config->queues[i].name);

        check_served(load, &common, i);
        check_preferred(load, &load->config->queues[i]);
        load_pop(load, path);
    }
}
