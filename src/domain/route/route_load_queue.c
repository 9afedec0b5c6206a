/* SPDX-License-Identifier: Apache-2.0 */
/* queues: {after_sales: {sla: {first: 30s, target: 90%}, rings: [{after: 0s}, {after: 20s, drop:
 * prefer, level: -1}, {after: 60s, add_team: general}, {after: 120s, offer: [callback, ticket]}],
 * pick: efficient}}
 * A queue is served by the team of its own name, where there is one, else by everybody. */
#include "route_load_priv.h"

#include <string.h>

static const int64_t HOUR_MS = 3600000;

enum {
    RISK_PERCENT = 70, /* of the promised time; then the boost is due */
    BOOST_DEFAULT_MS = 30000,
    OFFER_MS_MIN = 1000,
    WAITING_MAX = ROUTE_CONVERSATIONS_MAX,
};

/* ---- rings ---- */

struct ring_in {
    struct route_ring *ring;
    struct route_queue *queue;
    bool after;
};

static void read_after(struct route_load *load, void *out)
{
    struct ring_in *in = out;

    in->after = load_duration(load, 24 * HOUR_MS, &in->ring->after_ms);
}

static void read_drop(struct route_load *load, void *out)
{
    struct ring_in *in = out;
    const char *text;

    if (!load_text(load, &text))
        return;
    if (strcmp(text, "prefer") != 0)
        load_error(load, "must be prefer");
    in->ring->drop_prefer = true;
}

static void read_lower(struct route_load *load, void *out)
{
    struct ring_in *in = out;
    int64_t level;

    if (load_integer(load, -ROUTE_LEVEL_MAX, -1, &level))
        in->ring->lower += (uint32_t)-level;
}

static void add_team(struct route_load *load, unsigned at, void *out)
{
    uint64_t *teams = out;
    uint32_t team = 0;

    (void)at;
    if (load_reference(load, ROUTE_KIND_TEAM, &team))
        *teams |= UINT64_C(1) << team;
}

/* One team or a list of them. */
static void load_teams(struct route_load *load, uint64_t *teams)
{
    if (load_peek(load) == JSON_ARRAY_BEGIN)
        load_list(load, add_team, teams);
    else
        add_team(load, 0, teams);
}

static void read_add_team(struct route_load *load, void *out)
{
    struct ring_in *in = out;

    if (in->ring->teams == 0)
        load_warning(load, "adds a team to a queue that everybody serves");
    load_teams(load, &in->ring->teams);
}

static void read_ring_offer(struct route_load *load, void *out)
{
    struct ring_in *in = out;

    load_alternatives(load, &in->ring->alternatives);
}

static void read_ring_overflow(struct route_load *load, void *out)
{
    struct ring_in *in = out;

    load_reference(load, ROUTE_KIND_QUEUE, &in->ring->overflow);
}

static void read_ring(struct route_load *load, unsigned at, void *out)
{
    static const struct load_field fields[] = {
        { "after", read_after },      { "drop", read_drop },
        { "level", read_lower },      { "add_team", read_add_team },
        { "offer", read_ring_offer }, { "overflow", read_ring_overflow },
    };
    struct route_queue *queue = out;
    struct route_ring ring = queue->rings[at > 0 && at <= ROUTE_RINGS_MAX ? at - 1 : 0];
    struct ring_in in = { &ring, queue, false };

    ring.alternatives = 0;
    ring.overflow = ROUTE_NONE;
    load_fields(load, fields, LENGTH_OF(fields), &in);
    if (load->broken)
        return;
    if (at >= ROUTE_RINGS_MAX) {
        load_error(load, "more than %d rings", ROUTE_RINGS_MAX);
        return;
    }
    if (!in.after)
        load_error(load, "a ring needs after: a duration");
    else if (at == 0 && ring.after_ms != 0)
        load_error(load, "the first ring begins after 0s");
    else if (at > 0 && ring.after_ms <= queue->rings[at - 1].after_ms)
        load_error(load, "rings stand in the order of their times");
    if (at == 0 && ring.overflow != ROUTE_NONE)
        load_error(load, "the first ring cannot overflow at once");
    queue->rings[at] = ring;
    queue->ring_count = at + 1;
}

static void read_rings(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_list(load, read_ring, queue);
    if (queue->ring_count == 0) {
        if (!load->broken)
            load_error(load, "a queue has at least one ring");
        queue->ring_count = 1;
    }
}

/* ---- the rest of a queue ---- */

static void read_sla_first(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_duration(load, 24 * HOUR_MS, &queue->sla_first_ms);
}

static void read_sla_target(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_percent(load, &queue->sla_target_percent);
}

static void read_sla_boost(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_duration(load, ROUTE_BONUS_MS_MAX, &queue->sla_boost_ms);
}

static void read_sla(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "first", read_sla_first },
        { "target", read_sla_target },
        { "boost", read_sla_boost },
    };
    struct route_queue *queue = out;

    load_fields(load, fields, LENGTH_OF(fields), queue);
    queue->sla_risk_ms = queue->sla_first_ms * RISK_PERCENT / 100;
}

static void read_queue_calendar(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_reference(load, ROUTE_KIND_CALENDAR, &queue->calendar);
}

static void read_closed_queue(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    if (load_reference(load, ROUTE_KIND_QUEUE, &queue->closed_queue))
        queue->closed = ROUTE_CLOSED_QUEUE;
}

/* wait, an alternative or a list of them, or {queue: night}. */
static void read_closed(struct route_load *load, void *out)
{
    static const struct load_field fields[] = { { "queue", read_closed_queue } };
    struct route_queue *queue = out;
    struct json_reader ahead = load->reader;

    if (load_peek(load) == JSON_OBJECT_BEGIN) {
        load_fields(load, fields, LENGTH_OF(fields), queue);
        return;
    }
    if (json_next(&ahead) == JSON_TEXT && slice_equal_text(ahead.raw, "wait")) {
        queue->closed = ROUTE_CLOSED_WAIT;
        load_skip(load);
        return;
    }
    queue->closed_alternatives = 0;
    load_alternatives(load, &queue->closed_alternatives);
}

static void read_overflow_queue(struct route_load *load, unsigned at, void *out)
{
    struct route_queue *queue = out;
    uint32_t target;

    (void)at;
    if (!load_reference(load, ROUTE_KIND_QUEUE, &target))
        return;
    if (queue->overflow_count == ROUTE_OVERFLOW_MAX) {
        load_error(load, "more than %d queues", ROUTE_OVERFLOW_MAX);
        return;
    }
    queue->overflow[queue->overflow_count++] = target;
}

static void read_overflow(struct route_load *load, void *out)
{
    load_list(load, read_overflow_queue, out);
}

static void read_waiting_max(struct route_load *load, void *out)
{
    struct route_queue *queue = out;
    int64_t max;

    if (load_integer(load, 0, WAITING_MAX, &max))
        queue->waiting_max = (uint32_t)max;
}

static void read_preset(struct route_load *load, void *out)
{
    struct route_queue *queue = out;
    const char *text;

    if (!load_text(load, &text))
        return;
    for (unsigned i = 0; i < ROUTE_PRESET_COUNT; i++) {
        if (strcmp(text, route_preset_name((enum route_preset)i)) == 0) {
            queue->preset = (enum route_preset)i;
            return;
        }
    }
    load_error(load, "must be fair, balanced, efficient, round_robin, longest_idle or manual");
}

static void read_weight(struct route_load *load, uint32_t *out)
{
    int64_t weight;

    if (load_integer(load, 0, ROUTE_WEIGHT_MAX, &weight))
        *out = (uint32_t)weight;
}

static void read_weight_idle(struct route_load *load, void *out)
{
    read_weight(load, &((struct route_queue *)out)->weights.idle);
}

static void read_weight_specialist(struct route_load *load, void *out)
{
    read_weight(load, &((struct route_queue *)out)->weights.specialist);
}

static void read_weight_speed(struct route_load *load, void *out)
{
    read_weight(load, &((struct route_queue *)out)->weights.speed);
}

static void read_weight_csat(struct route_load *load, void *out)
{
    read_weight(load, &((struct route_queue *)out)->weights.csat);
}

static void read_weight_sticky(struct route_load *load, void *out)
{
    read_weight(load, &((struct route_queue *)out)->weights.sticky);
}

static void read_weights(struct route_load *load, void *out)
{
    static const struct load_field fields[] = {
        { "idle", read_weight_idle },     { "specialist", read_weight_specialist },
        { "speed", read_weight_speed },   { "csat", read_weight_csat },
        { "sticky", read_weight_sticky },
    };

    load_fields(load, fields, LENGTH_OF(fields), out);
}

static void read_pick(struct route_load *load, void *out)
{
    static const struct load_field fields[] = { { "preset", read_preset },
                                                { "weights", read_weights } };

    if (load_peek(load) == JSON_OBJECT_BEGIN)
        load_fields(load, fields, LENGTH_OF(fields), out);
    else
        read_preset(load, out);
}

static void read_offer(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    if (load_duration(load, HOUR_MS, &queue->offer_ms) && queue->offer_ms < OFFER_MS_MIN)
        load_error(load, "an offer stands for at least 1s");
}

static void read_require(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    load_needs(load, queue->require, &queue->require_count);
}

static void read_team(struct route_load *load, void *out)
{
    struct route_queue *queue = out;

    queue->rings[0].teams = 0;
    load_teams(load, &queue->rings[0].teams);
}

/* Rings build on the team, in whatever order the two are written: read in two passes. */
static void skip_field(struct route_load *load, void *out)
{
    (void)out;
    load_skip(load);
}

static struct route_queue queue_initial(const struct route_config *config, uint32_t at)
{
    struct route_queue queue = {
        .name = config->names[ROUTE_KIND_QUEUE].items[at],
        .calendar = ROUTE_NONE,
        .closed_alternatives = ROUTE_ALTERNATIVE_TICKET,
        .closed_queue = ROUTE_NONE,
        .sla_target_percent = 90,
        .sla_boost_ms = BOOST_DEFAULT_MS,
        .ring_count = 1,
        .waiting_max = UINT32_MAX,
        .preset = ROUTE_EFFICIENT,
        .weights = { .idle = 20, .specialist = 40, .speed = 5, .csat = 5, .sticky = 30 },
    };
    uint32_t team = route_find(config, ROUTE_KIND_TEAM, queue.name, strlen(queue.name));

    queue.rings[0].overflow = ROUTE_NONE;
    if (team != ROUTE_NONE)
        queue.rings[0].teams = UINT64_C(1) << team;
    return queue;
}

static void read_queue(struct route_load *load, struct slice key, void *out)
{
    static const struct load_field first[] = {
        { "calendar", read_queue_calendar },
        { "closed", read_closed },
        { "sla", read_sla },
        { "overflow", read_overflow },
        { "max_waiting", read_waiting_max },
        { "pick", read_pick },
        { "offer", read_offer },
        { "skills", read_require },
        { "team", read_team },
        { "rings", skip_field },
    };
    static const struct load_field second[] = {
        { "calendar", skip_field }, { "closed", skip_field },      { "sla", skip_field },
        { "overflow", skip_field }, { "max_waiting", skip_field }, { "pick", skip_field },
        { "offer", skip_field },    { "skills", skip_field },      { "team", skip_field },
        { "rings", read_rings },
    };
    struct json_reader begin = load->reader;
    uint32_t *at = out;
    struct route_queue *queue;
    unsigned errors = load->report->errors;

    (void)key;
    if (*at == load->config->names[ROUTE_KIND_QUEUE].count) {
        load_skip(load); /* beyond the limit: reported with the names */
        return;
    }
    queue = &load->config->queues[*at];
    *queue = queue_initial(load->config, (*at)++);
    load_fields(load, first, LENGTH_OF(first), queue);
    if (load->broken || load->report->errors != errors)
        return;
    load->reader = begin;
    load_fields(load, second, LENGTH_OF(second), queue);
}

static void read_queue_name(struct route_load *load, struct slice key, void *out)
{
    (void)out;
    load_name(load, ROUTE_KIND_QUEUE, key);
    load_skip(load);
}

/* Queues name one another: all names first. */
void load_queue_names(struct route_load *load, void *out)
{
    load_map(load, read_queue_name, out);
}

void load_queues(struct route_load *load, void *out)
{
    uint32_t at = 0;

    (void)out;
    load_map(load, read_queue, &at);
}
