/* SPDX-License-Identifier: Apache-2.0 */
/* One file, to be read from top to bottom: what is, the choice, the moves, the timers, the events.
 * Nothing is remembered that can be counted. */
#include "route_model.h"

#include <stdlib.h>

#include "mem.h"
#include "route_priv.h"

enum model_state { FREE, WAITING, OFFERED, ASSIGNED };

struct model_conv {
    enum model_state state;
    uint64_t id, number, joined; /* joined: order within the agent's conversations */
    struct route_request request;
    uint32_t agent, ring;
    int64_t ring_from, hold_until, offer_until, message, excluded_until;
    uint32_t excluded[ROUTE_EXCLUDED_MAX];
    uint32_t excluded_count;
    bool answered, quiet, flagged, boosted;
};

struct model_agent {
    enum route_presence presence;
    uint8_t levels[ROUTE_SKILLS_MAX];
    uint32_t places, misses;
    int64_t online_since, offline_since, idle_since, wrap_until, seen;
    bool gone;
};

struct route_model {
    struct route_options options;
    const struct route_config *config;
    int64_t now;
    uint64_t numbers, joins;
    uint32_t agent_count;
    struct model_agent *agents;
    struct model_conv *convs;
    uint32_t *next_agent; /* of each queue */
};

/* ---- what is ---- */

static const struct route_queue *queue_of(const struct route_model *m, const struct model_conv *c)
{
    return &m->config->queues[c->request.queue];
}

static bool has_skills(const struct model_agent *a, const struct route_need *needs, uint32_t count,
                       uint32_t lower)
{
    for (uint32_t i = 0; i < count; i++) {
        int level = (int)needs[i].level - (int)lower;

        if (a->levels[needs[i].skill] < (level > 1 ? level : 1))
            return false;
    }
    return true;
}

static bool speaks(uint64_t labels, uint32_t label)
{
    return label == ROUTE_NONE || labels == 0 || (labels >> label & 1) != 0;
}

static bool able(const struct route_model *m, const struct model_conv *c, uint32_t agent)
{
    const struct route_queue *q = queue_of(m, c);
    const struct route_ring *ring = &q->rings[c->ring];
    const struct route_agent_def *def = &m->config->agents[agent];
    const struct model_agent *a = &m->agents[agent];

    return (ring->teams == 0 || (def->teams & ring->teams) != 0) &&
           speaks(def->languages, c->request.language) &&
           speaks(def->channels, c->request.channel) &&
           has_skills(a, q->require, q->require_count, ring->lower) &&
           has_skills(a, c->request.require, c->request.require_count, ring->lower) &&
           (ring->drop_prefer ||
            has_skills(a, c->request.prefer, c->request.prefer_count, ring->lower));
}

static uint32_t weight_now(const struct route_model *m, const struct model_conv *c)
{
    return c->quiet ? c->request.weight * m->config->settings.quiet_percent / 100
                    : c->request.weight;
}

static uint32_t load_of(const struct route_model *m, uint32_t agent, bool awake)
{
    uint32_t load = 0;

    for (uint32_t i = 0; i < m->options.conversations_max; i++) {
        const struct model_conv *c = &m->convs[i];

        if (c->state >= OFFERED && c->agent == agent)
            load += awake ? c->request.weight : weight_now(m, c);
    }
    return load;
}

static uint32_t capacity_of(const struct route_model *m, uint32_t agent)
{
    const struct model_agent *a = &m->agents[agent];
    int64_t step = m->config->settings.slow_start_ms;
    int64_t opened = step == 0 ? a->places : 1 + (a->seen - a->online_since) / step;

    return ROUTE_UNIT * (uint32_t)(opened < a->places ? opened : a->places);
}

static bool has_room(const struct route_model *m, uint32_t agent)
{
    const struct model_agent *a = &m->agents[agent];
    uint32_t capacity = capacity_of(m, agent);

    return a->presence == ROUTE_ONLINE && a->seen >= a->wrap_until &&
           load_of(m, agent, false) + ROUTE_UNIT <= capacity &&
           load_of(m, agent, true) + ROUTE_UNIT <= capacity + m->config->settings.over;
}

static bool allows(const struct model_conv *c, uint32_t agent)
{
    if (c->hold_until != ROUTE_NEVER && agent != c->request.last_agent)
        return false;
    for (uint32_t i = 0; i < c->excluded_count; i++) {
        if (c->excluded[i] == agent)
            return false;
    }
    return true;
}

static bool can_go(const struct route_model *m, const struct model_conv *c, uint32_t agent)
{
    return able(m, c, agent) && allows(c, agent) && has_room(m, agent) &&
           queue_of(m, c)->preset != ROUTE_MANUAL;
}

static int64_t key_of(const struct route_model *m, const struct model_conv *c)
{
    int64_t bonus = m->config->settings.priority_step_ms * c->request.priority;

    if (c->request.vip)
        bonus += m->config->settings.vip_ms;
    if (c->boosted)
        bonus += queue_of(m, c)->sla_boost_ms;
    return c->request.arrived_ms - (bonus > ROUTE_BONUS_MS_MAX ? ROUTE_BONUS_MS_MAX : bonus);
}

static bool before(const struct route_model *m, const struct model_conv *a,
                   const struct model_conv *b)
{
    int64_t ka = key_of(m, a);
    int64_t kb = key_of(m, b);

    return ka != kb ? ka < kb : a->number < b->number;
}

static uint32_t waiting_in(const struct route_model *m, uint32_t queue)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->options.conversations_max; i++)
        count += m->convs[i].state == WAITING && m->convs[i].request.queue == queue;
    return count;
}

/* ---- the choice ---- */

static int64_t fade_of(const struct route_model *m)
{
    const struct route_settings *s = &m->config->settings;
    int64_t used = 0;
    int64_t capacity = 0;
    int64_t occupancy;

    for (uint32_t i = 0; i < m->agent_count; i++) {
        if (m->agents[i].presence != ROUTE_ONLINE)
            continue;
        used += load_of(m, i, false);
        capacity += capacity_of(m, i);
    }
    occupancy = capacity > 0 ? used * 1000 / capacity : 0;
    if (occupancy >= s->fade_to)
        return 1000;
    if (occupancy <= s->fade_from)
        return 0;
    return (occupancy - s->fade_from) * 1000 / (s->fade_to - s->fade_from);
}

static uint32_t distance(const struct route_model *m, const struct model_conv *c, uint32_t agent)
{
    return (agent + m->agent_count - m->next_agent[c->request.queue]) % m->agent_count;
}

static int64_t score_of(const struct route_model *m, const struct model_conv *c, uint32_t agent)
{
    const struct route_queue *q = queue_of(m, c);
    const struct route_agent_def *def = &m->config->agents[agent];
    int64_t idle = m->now - m->agents[agent].idle_since;
    int64_t fixed =
        (int64_t)q->weights.speed * def->fixed[1] + (int64_t)q->weights.csat * def->fixed[2] +
        (int64_t)q->weights.specialist * route_specialist_score(m->config, m->agents[agent].levels);

    if (q->preset == ROUTE_ROUND_ROBIN)
        return -(int64_t)distance(m, c, agent);
    if (q->preset == ROUTE_FAIR)
        return idle * m->agents[agent].places;
    if (q->preset != ROUTE_EFFICIENT)
        return idle;
    idle = (idle > ROUTE_IDLE_FULL_MS ? ROUTE_IDLE_FULL_MS : idle) * 1000 / ROUTE_IDLE_FULL_MS;
    return 1000 * idle * q->weights.idle + fade_of(m) * fixed +
           (agent == c->request.last_agent ? INT64_C(1000000) * q->weights.sticky : 0);
}

static bool better(const struct route_model *m, const struct model_conv *c, uint32_t a, uint32_t b)
{
    enum route_preset preset = queue_of(m, c)->preset;

    if (preset == ROUTE_BALANCED || preset == ROUTE_EFFICIENT) {
        uint32_t ta = load_of(m, a, false) * ROUTE_BUCKETS / capacity_of(m, a);
        uint32_t tb = load_of(m, b, false) * ROUTE_BUCKETS / capacity_of(m, b);

        if (ta != tb)
            return ta < tb;
    }
    if (score_of(m, c, a) != score_of(m, c, b))
        return score_of(m, c, a) > score_of(m, c, b);
    return distance(m, c, a) < distance(m, c, b);
}

static uint32_t pick(const struct route_model *m, const struct model_conv *c)
{
    uint32_t best = ROUTE_NONE;

    for (uint32_t i = 0; i < m->agent_count; i++) {
        if (can_go(m, c, i) && (best == ROUTE_NONE || better(m, c, i, best)))
            best = i;
    }
    return best;
}

/* ---- moves ---- */

static void act(struct route_model *m, enum route_action_type type, const struct model_conv *c,
                uint32_t agent)
{
    struct route_action action = { .type = type, .now_ms = m->now, .agent = agent };

    if (c != NULL) {
        action.conv = c->id;
        action.queue = c->request.queue;
        action.ring = c->ring;
    }
    m->options.act(m->options.ctx, &action);
}

static void place(struct route_model *m, struct model_conv *c, uint32_t agent, bool direct)
{
    int64_t offer = direct ? 0 : queue_of(m, c)->offer_ms;

    c->state = offer > 0 ? OFFERED : ASSIGNED;
    c->agent = agent;
    c->joined = m->joins++;
    c->offer_until = m->now + offer;
    c->message = m->now;
    c->hold_until = ROUTE_NEVER;
    c->answered = c->quiet = c->flagged = false;
    m->agents[agent].idle_since = m->now;
    m->next_agent[c->request.queue] = (agent + 1) % m->agent_count;
    act(m, offer > 0 ? ROUTE_ACTION_OFFER : ROUTE_ACTION_ASSIGN, c, agent);
}

static void enter(struct route_model *m, struct model_conv *c, uint32_t former)
{
    uint32_t agent;

    c->agent = ROUTE_NONE;
    c->quiet = c->answered = c->flagged = false;
    if (c->excluded_until <= m->now)
        c->excluded_count = 0;
    c->state = WAITING;
    agent = pick(m, c);
    if (agent != ROUTE_NONE)
        place(m, c, agent, false);
    else
        act(m, ROUTE_ACTION_WAIT, c, former);
}

static void conv_seek(struct route_model *m, struct model_conv *c)
{
    uint32_t agent = pick(m, c);

    if (agent != ROUTE_NONE)
        place(m, c, agent, false);
}

static void agent_seek(struct route_model *m, uint32_t agent)
{
    for (;;) {
        struct model_conv *best = NULL;

        for (uint32_t i = 0; i < m->options.conversations_max; i++) {
            struct model_conv *c = &m->convs[i];

            if (c->state == WAITING && can_go(m, c, agent) && (best == NULL || before(m, c, best)))
                best = c;
        }
        if (best == NULL)
            return;
        place(m, best, agent, false);
    }
}

/* Takes it from its agent, if it has one. */
static uint32_t detach(struct route_model *m, struct model_conv *c)
{
    uint32_t agent = c->state == WAITING ? ROUTE_NONE : c->agent;

    if (c->state == OFFERED)
        act(m, ROUTE_ACTION_WITHDRAW, c, agent);
    c->agent = ROUTE_NONE;
    c->state = WAITING;
    return agent;
}

static void exclude(struct route_model *m, struct model_conv *c, uint32_t agent)
{
    if (c->excluded_count == ROUTE_EXCLUDED_MAX) {
        for (uint32_t i = 1; i < ROUTE_EXCLUDED_MAX; i++)
            c->excluded[i - 1] = c->excluded[i];
        c->excluded_count--;
    }
    c->excluded[c->excluded_count++] = agent;
    c->excluded_until = m->now + m->config->settings.exclude_ms;
}

static bool takes(const struct route_model *m, uint32_t queue)
{
    const struct route_queue *q = &m->config->queues[queue];

    return q->closed == ROUTE_CLOSED_WAIT ||
           route_calendar_open(m->config, q->calendar, m->now, NULL);
}

static void move(struct route_model *m, struct model_conv *c, uint32_t queue)
{
    c->request.queue = queue;
    c->ring = 0;
    c->ring_from = m->now;
    c->boosted = false;
    c->hold_until = ROUTE_NEVER;
}

/* The agent's conversations, earliest first. */
static struct model_conv *first_of(const struct route_model *m, uint32_t agent, uint64_t from)
{
    struct model_conv *first = NULL;

    for (uint32_t i = 0; i < m->options.conversations_max; i++) {
        struct model_conv *c = &m->convs[i];

        if (c->state >= OFFERED && c->agent == agent && c->joined >= from &&
            (first == NULL || c->joined < first->joined))
            first = c;
    }
    return first;
}

/* ---- timers ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t conv_due(const struct route_model *m, const struct model_conv *c)
{
    const struct route_queue *q = queue_of(m, c);
    int64_t due = ROUTE_NEVER;

    if (c->state == OFFERED)
        return c->offer_until;
    if (c->state == ASSIGNED)
        return m->config->settings.quiet_ms > 0 && !c->quiet
                   ? c->message + m->config->settings.quiet_ms
                   : ROUTE_NEVER;
    if (c->ring + 1 < q->ring_count)
        due = c->ring_from + q->rings[c->ring + 1].after_ms;
    due = earlier(due, c->hold_until);
    if (c->excluded_count > 0)
        due = earlier(due, c->excluded_until);
    if (q->sla_risk_ms > 0 && !c->boosted)
        due = earlier(due, c->request.arrived_ms + q->sla_risk_ms);
    return due;
}

static int64_t agent_due(const struct route_model *m, uint32_t agent)
{
    const struct model_agent *a = &m->agents[agent];
    int64_t step = m->config->settings.slow_start_ms;
    int64_t due = ROUTE_NEVER;

    if (a->presence == ROUTE_REMOVED || (a->presence == ROUTE_OFFLINE && a->gone))
        return ROUTE_NEVER;
    if (a->presence == ROUTE_OFFLINE)
        return a->offline_since + m->config->settings.grace_ms;
    for (uint32_t k = 1; step > 0 && k < a->places; k++) {
        if (a->online_since + step * k > a->seen)
            due = earlier(due, a->online_since + step * k);
    }
    return a->wrap_until > a->seen ? earlier(due, a->wrap_until) : due;
}

static void grace_over(struct route_model *m, uint32_t agent)
{
    struct model_conv *c;
    uint64_t from = 0;

    m->agents[agent].gone = true;
    while ((c = first_of(m, agent, from)) != NULL) {
        from = c->joined + 1;
        if (!c->answered) {
            detach(m, c);
            enter(m, c, agent);
        } else if (!c->flagged) {
            c->flagged = true;
            act(m, ROUTE_ACTION_FLAG, c, agent);
        }
    }
}

static void agent_timer(struct route_model *m, uint32_t agent)
{
    if (m->agents[agent].presence == ROUTE_OFFLINE) {
        grace_over(m, agent);
        return;
    }
    m->agents[agent].seen = m->now;
    agent_seek(m, agent);
}

static void offer_timer(struct route_model *m, struct model_conv *c)
{
    uint32_t agent = detach(m, c);

    exclude(m, c, agent);
    if (++m->agents[agent].misses >= m->config->settings.misses_max) {
        m->agents[agent].misses = 0;
        m->agents[agent].presence = ROUTE_AWAY;
        act(m, ROUTE_ACTION_AWAY, NULL, agent);
    }
    enter(m, c, agent);
    agent_seek(m, agent);
}

static void widen(struct route_model *m, struct model_conv *c)
{
    uint32_t overflow;

    c->ring++;
    act(m, ROUTE_ACTION_WIDEN, c, ROUTE_NONE);
    overflow = queue_of(m, c)->rings[c->ring].overflow;
    if (overflow != ROUTE_NONE && takes(m, overflow)) {
        move(m, c, overflow);
        act(m, ROUTE_ACTION_OVERFLOW, c, ROUTE_NONE);
        enter(m, c, ROUTE_NONE);
        return;
    }
    conv_seek(m, c);
}

static void waiting_timer(struct route_model *m, struct model_conv *c)
{
    const struct route_queue *q = queue_of(m, c);

    if (c->excluded_count > 0 && c->excluded_until <= m->now) {
        c->excluded_count = 0;
        conv_seek(m, c);
    } else if (c->hold_until <= m->now) {
        c->hold_until = ROUTE_NEVER;
        conv_seek(m, c);
    } else if (c->ring + 1 < q->ring_count &&
               c->ring_from + q->rings[c->ring + 1].after_ms <= m->now) {
        widen(m, c);
    } else {
        c->boosted = true;
    }
}

static void conv_timer(struct route_model *m, struct model_conv *c)
{
    if (c->state == OFFERED) {
        offer_timer(m, c);
    } else if (c->state == ASSIGNED) {
        c->quiet = true;
        agent_seek(m, c->agent);
    } else {
        waiting_timer(m, c);
    }
}

/* Agents before conversations, those in the order of their arrival. */
static void run_timers(struct route_model *m, int64_t now)
{
    for (;;) {
        int64_t due = ROUTE_NEVER;
        uint32_t agent = ROUTE_NONE;
        struct model_conv *conv = NULL;

        for (uint32_t i = 0; i < m->agent_count; i++) {
            if (agent_due(m, i) < due) {
                due = agent_due(m, i);
                agent = i;
            }
        }
        for (uint32_t i = 0; i < m->options.conversations_max; i++) {
            struct model_conv *c = &m->convs[i];

            if (c->state == FREE || conv_due(m, c) > due ||
                (conv_due(m, c) == due && (conv == NULL || c->number > conv->number)))
                continue;
            due = conv_due(m, c);
            conv = c;
        }
        if (due > now)
            return;
        m->now = due > m->now ? due : m->now;
        if (conv != NULL)
            conv_timer(m, conv);
        else
            agent_timer(m, agent);
    }
}

/* ---- events ---- */

static struct model_conv *find(const struct route_model *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->options.conversations_max; i++) {
        if (m->convs[i].state != FREE && m->convs[i].id == id)
            return &m->convs[i];
    }
    return NULL;
}

static struct model_conv *add(struct route_model *m, const struct route_event *event)
{
    for (uint32_t i = 0; i < m->options.conversations_max; i++) {
        struct model_conv *c = &m->convs[i];

        if (c->state != FREE)
            continue;
        *c = (struct model_conv){
            .state = WAITING,
            .id = event->conv,
            .number = m->numbers++,
            .request = *event->request,
            .agent = ROUTE_NONE,
            .ring_from = event->request->arrived_ms,
            .hold_until = ROUTE_NEVER,
        };
        return c;
    }
    return NULL;
}

static int64_t hold_of(const struct route_model *m, const struct model_conv *c)
{
    const struct route_settings *s = &m->config->settings;
    const struct route_request *r = &c->request;
    int64_t wait = r->sticky_wait_ms < 0 ? s->reopen_wait_ms : r->sticky_wait_ms;

    if (r->last_agent == ROUTE_NONE || wait == 0 || m->now - r->last_ms > s->reopen_within_ms ||
        queue_of(m, c)->preset == ROUTE_MANUAL ||
        m->agents[r->last_agent].presence != ROUTE_ONLINE || !able(m, c, r->last_agent))
        return ROUTE_NEVER;
    return m->now + wait;
}

static uint32_t overflow_of(const struct route_model *m, const struct route_queue *q)
{
    for (uint32_t i = 0; i < q->overflow_count; i++) {
        if (takes(m, q->overflow[i]) &&
            waiting_in(m, q->overflow[i]) < m->config->queues[q->overflow[i]].waiting_max)
            return q->overflow[i];
    }
    return ROUTE_NONE;
}

static void arrive(struct route_model *m, struct model_conv *c)
{
    for (;;) {
        const struct route_queue *q = queue_of(m, c);
        bool open = takes(m, c->request.queue);
        uint32_t target = q->closed_queue;

        if (open) {
            uint32_t waiting = waiting_in(m, c->request.queue) - 1; /* without this one */

            c->hold_until = hold_of(m, c);
            if (pick(m, c) != ROUTE_NONE || waiting < q->waiting_max) {
                enter(m, c, ROUTE_NONE);
                return;
            }
            target = overflow_of(m, q);
        }
        if (target == ROUTE_NONE) {
            act(m, open ? ROUTE_ACTION_REFUSED : ROUTE_ACTION_CLOSED, c, ROUTE_NONE);
            c->state = FREE;
            return;
        }
        move(m, c, target);
        act(m, ROUTE_ACTION_OVERFLOW, c, ROUTE_NONE);
    }
}

static enum route_answer arrival(struct route_model *m, const struct route_event *event)
{
    struct model_conv *c;

    if (event->type == ROUTE_EVENT_RESTORE && event->agent >= m->agent_count)
        return ROUTE_UNKNOWN_AGENT;
    if (event->request->queue >= m->config->names[ROUTE_KIND_QUEUE].count)
        return ROUTE_UNKNOWN_QUEUE;
    if (find(m, event->conv) != NULL)
        return ROUTE_DUPLICATE_CONV;
    c = add(m, event);
    if (c == NULL)
        return ROUTE_FULL;
    if (event->type == ROUTE_EVENT_ARRIVE) {
        arrive(m, c);
        return ROUTE_OK;
    }
    c->state = ASSIGNED;
    c->agent = event->agent;
    c->answered = event->answered;
    c->message = m->now;
    c->joined = m->joins++;
    m->agents[event->agent].idle_since = m->now;
    if (m->agents[event->agent].presence == ROUTE_OFFLINE && first_of(m, event->agent, 0) == c) {
        m->agents[event->agent].offline_since = m->now;
        m->agents[event->agent].gone = false;
    }
    return ROUTE_OK;
}

static enum route_answer presence(struct route_model *m, uint32_t agent, enum route_presence to)
{
    struct model_agent *a = &m->agents[agent];
    bool was_there = a->presence != ROUTE_OFFLINE && a->presence != ROUTE_REMOVED;
    bool is_there = to != ROUTE_OFFLINE && to != ROUTE_REMOVED;
    struct model_conv *c;
    uint64_t from = 0;

    if ((unsigned)to > ROUTE_REMOVED)
        return ROUTE_BAD_EVENT;
    if (to == a->presence)
        return ROUTE_OK;
    a->presence = to;
    if (!was_there && is_there) {
        a->online_since = m->now;
        for (from = 0; (c = first_of(m, agent, from)) != NULL; from = c->joined + 1)
            c->flagged = false;
    }
    if (to == ROUTE_ONLINE) {
        a->misses = 0;
        a->idle_since = m->now;
    }
    if (to == ROUTE_OFFLINE) {
        a->offline_since = m->now;
        a->gone = false;
    }
    for (from = 0; !is_there && (c = first_of(m, agent, from)) != NULL;) {
        from = c->joined + 1;
        if (to == ROUTE_OFFLINE && c->state != OFFERED)
            continue;
        detach(m, c);
        enter(m, c, agent);
    }
    agent_seek(m, agent);
    return ROUTE_OK;
}

static enum route_answer agent_event(struct route_model *m, const struct route_event *event)
{
    struct model_agent *a;

    if (event->agent >= m->agent_count)
        return ROUTE_UNKNOWN_AGENT;
    a = &m->agents[event->agent];
    a->seen = m->now;
    if (event->type == ROUTE_EVENT_PRESENCE)
        return presence(m, event->agent, event->presence);
    if (event->type == ROUTE_EVENT_SKILL) {
        if (event->skill >= m->config->names[ROUTE_KIND_SKILL].count)
            return ROUTE_UNKNOWN_SKILL;
        if (event->level > ROUTE_LEVEL_MAX)
            return ROUTE_BAD_EVENT;
        a->levels[event->skill] = (uint8_t)event->level;
    } else {
        if (event->capacity < 1 || event->capacity > ROUTE_CAPACITY_MAX)
            return ROUTE_BAD_EVENT;
        a->places = event->capacity;
    }
    agent_seek(m, event->agent);
    return ROUTE_OK;
}

static enum route_answer closing(struct route_model *m, struct model_conv *c)
{
    bool served = c->state == ASSIGNED;
    uint32_t agent = detach(m, c);

    c->state = FREE;
    if (agent == ROUTE_NONE)
        return ROUTE_OK;
    if (served && m->config->settings.wrap_up_ms > 0)
        m->agents[agent].wrap_until = m->now + m->config->settings.wrap_up_ms;
    agent_seek(m, agent);
    return ROUTE_OK;
}

static enum route_answer answer_offer(struct route_model *m, struct model_conv *c,
                                      const struct route_event *event)
{
    if (c->state != OFFERED || c->agent != event->agent)
        return ROUTE_WRONG_STATE;
    if (event->type == ROUTE_EVENT_ACCEPT) {
        c->state = ASSIGNED;
        c->message = m->now;
        m->agents[event->agent].misses = 0;
        act(m, ROUTE_ACTION_ASSIGN, c, event->agent);
        return ROUTE_OK;
    }
    detach(m, c);
    exclude(m, c, event->agent);
    enter(m, c, event->agent);
    agent_seek(m, event->agent);
    return ROUTE_OK;
}

static enum route_answer claim(struct route_model *m, struct model_conv *c, uint32_t agent)
{
    if (c->state != WAITING)
        return ROUTE_WRONG_STATE;
    if (!able(m, c, agent))
        return ROUTE_NOT_ELIGIBLE;
    if (!has_room(m, agent))
        return ROUTE_NO_ROOM;
    place(m, c, agent, true);
    return ROUTE_OK;
}

static enum route_answer to_queue(struct route_model *m, struct model_conv *c, uint32_t queue)
{
    uint32_t agent;

    if (queue >= m->config->names[ROUTE_KIND_QUEUE].count)
        return ROUTE_UNKNOWN_QUEUE;
    if (!takes(m, queue))
        return ROUTE_QUEUE_CLOSED;
    agent = detach(m, c);
    move(m, c, queue);
    if (agent != ROUTE_NONE)
        exclude(m, c, agent);
    enter(m, c, agent);
    if (agent != ROUTE_NONE)
        agent_seek(m, agent);
    return ROUTE_OK;
}

static enum route_answer hand_over(struct route_model *m, struct model_conv *c, uint32_t to,
                                   bool forced)
{
    enum route_presence there = m->agents[to].presence;
    uint32_t from;

    if (c->state != WAITING && c->agent == to)
        return ROUTE_WRONG_STATE;
    if (forced ? there == ROUTE_OFFLINE || there == ROUTE_REMOVED : !has_room(m, to))
        return ROUTE_NO_ROOM;
    from = detach(m, c);
    place(m, c, to, true);
    if (from != ROUTE_NONE)
        agent_seek(m, from);
    return ROUTE_OK;
}

static enum route_answer conv_event(struct route_model *m, const struct route_event *event)
{
    struct model_conv *c = find(m, event->conv);
    bool plain = event->type == ROUTE_EVENT_CLOSE || event->type == ROUTE_EVENT_MESSAGE ||
                 event->type == ROUTE_EVENT_REPLY ||
                 (event->type == ROUTE_EVENT_TRANSFER && event->agent == ROUTE_NONE);

    if (c == NULL)
        return ROUTE_UNKNOWN_CONV;
    if (!plain && event->agent >= m->agent_count)
        return ROUTE_UNKNOWN_AGENT;
    if (event->type == ROUTE_EVENT_CLOSE)
        return closing(m, c);
    if (event->type == ROUTE_EVENT_ACCEPT || event->type == ROUTE_EVENT_DECLINE)
        return answer_offer(m, c, event);
    if (event->type == ROUTE_EVENT_CLAIM)
        return claim(m, c, event->agent);
    if (event->type == ROUTE_EVENT_TRANSFER && event->agent == ROUTE_NONE)
        return to_queue(m, c, event->queue);
    if (event->type == ROUTE_EVENT_TRANSFER || event->type == ROUTE_EVENT_TAKE)
        return hand_over(m, c, event->agent, event->type == ROUTE_EVENT_TAKE);
    if (c->state != ASSIGNED)
        return event->type == ROUTE_EVENT_REPLY ? ROUTE_WRONG_STATE : ROUTE_OK;
    c->message = m->now;
    c->quiet = false;
    c->answered = c->answered || event->type == ROUTE_EVENT_REPLY;
    return ROUTE_OK;
}

enum route_answer route_model_event(struct route_model *m, const struct route_event *event)
{
    if (event->now_ms < m->now)
        return ROUTE_TIME_BACKWARDS;
    run_timers(m, event->now_ms);
    m->now = event->now_ms;
    switch (event->type) {
    case ROUTE_EVENT_TICK:
        return ROUTE_OK;
    case ROUTE_EVENT_ARRIVE:
    case ROUTE_EVENT_RESTORE:
        return arrival(m, event);
    case ROUTE_EVENT_PRESENCE:
    case ROUTE_EVENT_SKILL:
    case ROUTE_EVENT_CAPACITY:
        return agent_event(m, event);
    default:
        return conv_event(m, event);
    }
}

/* ---- life ---- */

struct route_model *route_model_create(const struct route_options *options)
{
    struct route_model *m = mem_zalloc(sizeof(*m));

    m->options = *options;
    m->config = options->config;
    m->now = options->now_ms;
    m->agent_count = m->config->names[ROUTE_KIND_AGENT].count;
    m->agents = mem_zalloc(m->agent_count * sizeof(*m->agents));
    m->convs = mem_zalloc(options->conversations_max * sizeof(*m->convs));
    m->next_agent = mem_zalloc(m->config->names[ROUTE_KIND_QUEUE].count * sizeof(*m->next_agent));
    for (uint32_t i = 0; i < m->agent_count; i++) {
        const struct route_agent_def *def = &m->config->agents[i];

        m->agents[i] = (struct model_agent){ .places = def->capacity / ROUTE_UNIT, .gone = true };
        for (uint32_t k = 0; k < ROUTE_SKILLS_MAX; k++)
            m->agents[i].levels[k] = def->levels[k];
    }
    return m;
}

void route_model_destroy(struct route_model **model)
{
    if (*model == NULL)
        return;
    free((*model)->agents);
    free((*model)->convs);
    free((*model)->next_agent);
    free(*model);
    *model = NULL;
}

uint32_t route_model_position(const struct route_model *m, uint64_t conv)
{
    const struct model_conv *c = find(m, conv);
    uint32_t position = 1;

    if (c == NULL || c->state != WAITING)
        return 0;
    for (uint32_t i = 0; i < m->options.conversations_max; i++)
        position += m->convs[i].state == WAITING && m->convs[i].request.queue == c->request.queue &&
                    before(m, &m->convs[i], c);
    return position;
}

uint32_t route_model_load(const struct route_model *m, uint32_t agent)
{
    return load_of(m, agent, false);
}
