/* SPDX-License-Identifier: Apache-2.0 */
/* Why this agent, why not that one: the same filters as the decision, one after another, with the
 * number left after each. */
#include "route_priv.h"

#include <string.h>

struct explaining {
    const struct route_router *router;
    const struct route_class_key *key;
    const struct route_ring *ring;
    const struct route_conv *conv;
    uint32_t asked; /* agent, or ROUTE_NONE */
    uint64_t set[(ROUTE_AGENTS_MAX + 63) / 64];
    struct route_trace *out;
};

static void step(struct explaining *e, enum route_trace_kind kind, uint32_t label, uint32_t level)
{
    struct route_trace_step *s = &e->out->steps[e->out->step_count++];
    uint32_t left = 0;

    ENSURE(e->out->step_count <= ROUTE_TRACE_STEPS_MAX);
    for (uint32_t i = 0; i < e->router->words; i++)
        left += (uint32_t)__builtin_popcountll(e->set[i]);
    *s = (struct route_trace_step){
        .kind = kind,
        .label = label,
        .level = level,
        .left = left,
        .passed = e->asked != ROUTE_NONE && route_has(e->set, e->asked),
    };
}

static void narrow(struct explaining *e, const uint64_t *with)
{
    for (uint32_t i = 0; i < e->router->words; i++)
        e->set[i] &= with[i];
}

static void narrow_team(struct explaining *e)
{
    uint32_t words = e->router->words;

    for (uint32_t i = 0; i < words; i++) {
        uint64_t any = 0;

        for (uint64_t teams = e->ring->teams; teams != 0; teams &= teams - 1)
            any |= e->router->team_sets[(uint32_t)__builtin_ctzll(teams) * words + i];
        e->set[i] &= any;
    }
}

static void narrow_skill(struct explaining *e, struct route_need need, enum route_trace_kind kind)
{
    uint32_t level = need.level > e->ring->lower ? need.level - e->ring->lower : 1;

    narrow(e,
           &e->router->skill_sets[(need.skill * ROUTE_LEVEL_MAX + level - 1) * e->router->words]);
    step(e, kind, need.skill, level);
}

static void set_all(struct explaining *e)
{
    uint32_t count = e->router->config->names[ROUTE_KIND_AGENT].count;

    memset(e->set, 0xFF, count / 64 * sizeof(*e->set));
    if (count % 64 != 0)
        e->set[count / 64] = (UINT64_C(1) << count % 64) - 1;
}

static void explain_ability(struct explaining *e)
{
    const struct route_router *router = e->router;
    const struct route_class_key *key = e->key;

    set_all(e);
    step(e, ROUTE_STEP_ALL, 0, 0);
    if (e->ring->teams != 0) {
        narrow_team(e);
        step(e, ROUTE_STEP_TEAM, 0, 0);
    }
    if (key->language != ROUTE_NONE) {
        narrow(e, &router->language_sets[key->language * router->words]);
        step(e, ROUTE_STEP_LANGUAGE, key->language, 0);
    }
    if (key->channel != ROUTE_NONE) {
        narrow(e, &router->channel_sets[key->channel * router->words]);
        step(e, ROUTE_STEP_CHANNEL, key->channel, 0);
    }
    for (uint8_t i = 0; i < key->require_count; i++)
        narrow_skill(e, key->require[i], ROUTE_STEP_SKILL);
    for (uint8_t i = 0; i < key->prefer_count && !e->ring->drop_prefer; i++)
        narrow_skill(e, key->prefer[i], ROUTE_STEP_PREFER);
}

static void explain_availability(struct explaining *e)
{
    narrow(e, e->router->online);
    step(e, ROUTE_STEP_ONLINE, 0, 0);
    narrow(e, e->router->room);
    step(e, ROUTE_STEP_ROOM, 0, 0);
    if (e->conv->excluded_count > 0) {
        for (uint8_t i = 0; i < e->conv->excluded_count; i++)
            route_put(e->set, e->conv->excluded[i], false);
        step(e, ROUTE_STEP_NOT_EXCLUDED, 0, 0);
    }
    if (e->conv->hold_until != ROUTE_NEVER) {
        bool left = route_has(e->set, e->conv->request.last_agent);

        memset(e->set, 0, sizeof(e->set));
        route_put(e->set, e->conv->request.last_agent, left);
        step(e, ROUTE_STEP_HELD, e->conv->request.last_agent, 0);
    }
}

static bool meets(const struct explaining *e, const uint64_t *set)
{
    for (uint32_t i = 0; i < e->router->words; i++) {
        if ((e->set[i] & set[i]) != 0)
            return true;
    }
    return false;
}

static void explain_bucket(struct explaining *e)
{
    for (uint32_t b = 0; b < ROUTE_BUCKETS; b++) {
        const uint64_t *bucket = &e->router->buckets[b * e->router->words];

        if (!meets(e, bucket))
            continue;
        narrow(e, bucket);
        break;
    }
    step(e, ROUTE_STEP_BUCKET, 0, 0);
}

static void add_score(struct route_trace *out, uint32_t agent, int64_t score)
{
    uint32_t at = out->top_count;

    while (at > 0 && out->top[at - 1].score < score)
        at--;
    if (at == ROUTE_TRACE_TOP_MAX)
        return;
    if (out->top_count < ROUTE_TRACE_TOP_MAX)
        out->top_count++;
    memmove(&out->top[at + 1], &out->top[at], (out->top_count - 1 - at) * sizeof(*out->top));
    out->top[at] = (struct route_trace_score){ agent, score };
}

/* From the rotating start on, so that the first of equals is the one that is chosen. */
static void explain_scores(struct explaining *e)
{
    uint32_t start = e->router->queues[e->key->queue].next_agent;
    uint32_t fade = route_fade(e->router);
    uint32_t word = start / 64;
    uint64_t mask = UINT64_MAX << (start % 64);

    for (uint32_t i = 0; i <= e->router->words; i++) {
        uint64_t bits = e->set[word] & mask;

        for (; bits != 0; bits &= bits - 1) {
            uint32_t agent = word * 64 + (uint32_t)__builtin_ctzll(bits);

            add_score(e->out, agent, route_score(e->router, e->conv, agent, fade));
        }
        word = word + 1 < e->router->words ? word + 1 : 0;
        /* The word of the start comes twice: first from the start on, at last up to it. */
        mask = i + 1 < e->router->words ? UINT64_MAX : ~(UINT64_MAX << (start % 64));
    }
}

void route_trace_fill(const struct route_router *router, const struct route_conv *conv,
                      const struct route_class_key *key, uint32_t agent, struct route_trace *out)
{
    const struct route_queue *q = &router->config->queues[key->queue];
    struct explaining e = {
        .router = router,
        .key = key,
        .ring = &q->rings[conv->ring],
        .conv = conv,
        .asked = agent,
        .out = out,
    };

    memset(out, 0, sizeof(*out));
    out->rule = conv->request.rule;
    out->queue = key->queue;
    out->ring = conv->ring;
    out->preset = router->queues[key->queue].preset;
    if (router->stats.capacity > 0)
        out->occupancy_permille =
            (uint32_t)((uint64_t)router->stats.used * 1000 / router->stats.capacity);
    explain_ability(&e);
    explain_availability(&e);
    if (out->preset == ROUTE_EFFICIENT || out->preset == ROUTE_BALANCED)
        explain_bucket(&e);
    explain_scores(&e);
}

enum route_answer route_explain(const struct route_router *router, uint64_t conv, uint32_t agent,
                                struct route_trace *out)
{
    uint32_t slot = route_conv_find(router, conv);
    const struct route_conv *c;

    if (slot == ROUTE_NONE)
        return ROUTE_UNKNOWN_CONV;
    if (agent != ROUTE_NONE && agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return ROUTE_UNKNOWN_AGENT;
    c = &router->convs[slot];
    if (c->state != ROUTE_CONV_WAITING)
        return ROUTE_WRONG_STATE;
    route_trace_fill(router, c, &router->classes[c->klass].key, agent, out);
    return ROUTE_OK;
}

enum route_answer route_explain_request(const struct route_router *router,
                                        const struct route_request *request, uint32_t agent,
                                        struct route_trace *out)
{
    enum route_answer answer = route_request_check(router, request);
    struct route_conv conv = { .hold_until = ROUTE_NEVER };
    struct route_class_key key;

    if (answer != ROUTE_OK)
        return answer;
    if (agent != ROUTE_NONE && agent >= router->config->names[ROUTE_KIND_AGENT].count)
        return ROUTE_UNKNOWN_AGENT;
    conv.request = *request;
    if (!route_class_key_of(router->config, request, request->queue, &key))
        return ROUTE_BAD_EVENT;
    route_trace_fill(router, &conv, &key, agent, out);
    return ROUTE_OK;
}
