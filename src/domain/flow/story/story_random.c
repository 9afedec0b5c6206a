/* SPDX-License-Identifier: Apache-2.0 */
/* Random flows: most of them whole, some with what people get wrong (a target that is not there, an
 * outcome forgotten, a loop, a read before a write). What the compiler takes is walked: it may not
 * come to a stop where nothing more can happen, and may not go on for ever. */
#include "story_walk.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    STATES_MAX = 18,
    SLOTS_MAX = 6,
    MISTAKE_ODDS = 150, /* one line in so many */
    EVENTS_MAX = 3000,  /* far beyond what turns and visits allow */
};

struct maker {
    uint64_t seed;
    unsigned states, slots;
    bool fresh; /* the state has no target yet: its first one is the next state */
    struct buf *out;
};

static unsigned dice(struct maker *m, unsigned sides)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (unsigned)(m->seed >> 22) % sides;
}

static bool mistake(struct maker *m)
{
    return dice(m, MISTAKE_ODDS) == 0;
}

/* Later states mostly, so that most flows come to their end; now and then back. */
static void add_target(struct maker *m, unsigned from)
{
    unsigned to = from + 1 + dice(m, 3);

    if (m->fresh)
        to = from + 1; /* so that every state is reached */
    else if (dice(m, 7) == 0)
        to = dice(m, m->states);
    m->fresh = false;
    if (to >= m->states)
        to = m->states - 1 - dice(m, 2);
    if (mistake(m))
        to = m->states + 3;
    buf_printf(m->out, "s%u", to);
}

static void add_row(struct maker *m, unsigned from, const char *event, bool *first)
{
    if (mistake(m))
        return;
    buf_printf(m->out, "%s%s: ", *first ? "" : ", ", event);
    *first = false;
    add_target(m, from);
}

static void add_rows(struct maker *m, unsigned from, const char *const *events, unsigned count)
{
    bool first = true;

    buf_add_text(m->out, ", when: {");
    for (unsigned i = 0; i < count; i++)
        add_row(m, from, events[i], &first);
    buf_add_text(m->out, "}}\n");
}

static void add_guard(struct maker *m)
{
    unsigned slot = dice(m, m->slots);

    switch (dice(m, 4)) {
    case 0:
        buf_printf(m->out, "known(v%u) && v%u == 'a'", slot, slot);
        break;
    case 1:
        buf_printf(m->out, "user.level > %u", dice(m, 5));
        break;
    case 2:
        buf_printf(m->out, "known(v%u) && v%u in ['b', 'c']", slot, slot);
        break;
    default:
        buf_printf(m->out, mistake(m) ? "v%u > 3" : "!known(v%u) || user.vip", slot);
        break;
    }
}

static void add_choose(struct maker *m, unsigned at)
{
    buf_add_text(m->out, "choose: [");
    for (unsigned i = 1 + dice(m, 2); i > 0; i--) {
        buf_add_text(m->out, "{if: \"");
        add_guard(m);
        buf_add_text(m->out, "\", to: ");
        add_target(m, at);
        buf_add_text(m->out, "}, ");
    }
    buf_add_text(m->out, "{else: ");
    add_target(m, at);
    buf_add_text(m->out, "}]}\n");
}

static void add_state(struct maker *m, unsigned at)
{
    static const char *const ask[] = { "filled", "exhausted", "timeout" };
    static const char *const wait[] = { "message", "timeout" };
    static const char *const act[] = { "ok", "failed", "wrong" };

    m->fresh = true;
    buf_printf(m->out, "  s%u: {", at);
    if (at + 2 >= m->states) {
        buf_add_text(m->out, at + 1 == m->states ? "end: done}\n" : "handoff: desk}\n");
        return;
    }
    switch (dice(m, 6)) {
    case 0:
        buf_add_text(m->out, "say: hello, to: ");
        add_target(m, at);
        buf_add_text(m->out, "}\n");
        break;
    case 1:
        add_choose(m, at);
        break;
    case 2:
        buf_add_text(m->out, "wait: 1h");
        add_rows(m, at, wait, LENGTH_OF(wait));
        break;
    case 3:
        buf_add_text(m->out, "do: thing");
        add_rows(m, at, act, LENGTH_OF(act));
        break;
    default:
        buf_printf(m->out, "ask: v%u", dice(m, m->slots));
        add_rows(m, at, ask, LENGTH_OF(ask));
        break;
    }
}

void story_random_flow(uint64_t seed, struct buf *out)
{
    struct maker m = { .seed = seed * 0x9E3779B97F4A7C15U | 1, .out = out };

    m.states = 4 + dice(&m, STATES_MAX - 3);
    m.slots = 1 + dice(&m, SLOTS_MAX);
    buf_printf(out,
               "flow: r%llu\nversion: 1\nlocales: [en]\nlimits: {turns: 20, visits: 3}\nslots:\n",
               (unsigned long long)seed);
    for (unsigned i = 0; i < m.slots; i++)
        buf_printf(out, "  v%u: {type: enum, values: [a, b, c], fill: [nlu, user]}\n", i);
    buf_add_text(out, "actions: {thing: {errors: [wrong]}}\nstates:\n");
    for (unsigned i = 0; i < m.states; i++)
        add_state(&m, i);
}

static void walk_random(const struct flow_set *set, const struct flow *flow, uint64_t seed,
                        struct story_random *result)
{
    struct walk *walk = walk_create(set, flow, seed);
    unsigned events = 0;

    walk_start(walk);
    while (walk->session.state.depth > 0 && events < EVENTS_MAX && walk_step(walk))
        events++;
    if (walk->session.state.depth > 0 && events < EVENTS_MAX)
        result->dead_ends++;
    else if (walk->session.state.depth > 0)
        result->endless++;
    result->refused_steps += walk->failed;
    walk_destroy(&walk);
}

void story_random_check(unsigned count, uint64_t seed, struct story_random *result)
{
    struct flow_report *report = mem_alloc(sizeof(*report));
    struct buf source;

    memset(result, 0, sizeof(*result));
    buf_init(&source, 64 * 1024);
    for (unsigned i = 0; i < count; i++) {
        struct flow_set *set = flow_set_create();
        struct flow *flow = NULL;
        struct err err;

        buf_clear(&source);
        story_random_flow(seed + i, &source);
        flow_report_init(report);
        flow_compile(buf_slice(&source), NULL, NULL, &flow, NULL, report);
        if (flow == NULL) {
            result->refused++;
            result->without_reason += report->errors == 0 || report->findings[0].text[0] == '\0';
        } else {
            result->accepted++;
            result->bytes += flow_bytes(flow);
            if (flow_set_add(set, &flow, &err) == ERR_OK) {
                for (uint64_t w = 0; w < 3; w++)
                    walk_random(set, flow_set_at(set, 0), seed + i * 3 + w, result);
            }
        }
        flow_set_destroy(&set);
    }
    buf_fini(&source);
    free(report);
}
