/* SPDX-License-Identifier: Apache-2.0 */
/* The proof of "200+ combinations": every flow on every channel and in every language to each of
 * its outcomes, with a question and a correction put in at the asks on the way, each written as a
 * story and told again from its text; and every flow interrupted by every other one. */
#include "story_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_area.h"
#include "mem.h"

enum {
    OUTCOMES_MAX = 32,
    TRIES_MAX = 400, /* walks to find all outcomes of one flow on one channel */
    COVER_TRIES_MAX = 6,
    PAIR_FRUITLESS_MAX = 600,
    PAIR_TRIES_MAX = 60, /* walks to find one where the interrupting flow comes to an end */
};

static const char *const channels[] = { "web", "wechat", "email" };

struct combiner {
    const struct flow_set *set;
    struct story_combinations *result;
    struct story_coverage *coverage;
    uint64_t seed;
};

static void failed(struct combiner *c, const struct flow *flow, const char *what,
                   const char *detail)
{
    if (c->result->first_failure[0] == '\0')
        snprintf(c->result->first_failure, sizeof(c->result->first_failure), "%s: %s %s",
                 flow_str(flow, flow->name), what, detail);
}

/* Told again from its text, as any story is. */
static bool replay(struct combiner *c, const struct walk *walk)
{
    struct story_tally *tally = mem_zalloc(sizeof(*tally));
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct buf source;
    bool passed;

    buf_init(&source, 4 * 1024 * 1024);
    walk_write(walk, "scenario", &source);
    story_run(c->set, buf_slice(&source), "generated", c->coverage, tally, report);
    passed = tally->stories == 1 && tally->passed == 1 && report->errors == 0;
    if (!passed)
        failed(c, walk->flow,
               report->count > 0          ? report->findings[0].text
               : tally->failure_count > 0 ? tally->failures[0].expected
                                          : "no story",
               tally->failure_count > 0 ? tally->failures[0].actual : "");
    buf_fini(&source);
    free(tally);
    free(report);
    return passed;
}

/* ---- pairs of values ---- */
/* Which value of an enum is filled in the flow's own frame; FLOW_NO: none. */
static unsigned value_filled(const struct walk *walk, unsigned slot)
{
    const struct flow_slot_def *def = flow_slot_def(walk->flow, slot);
    const struct flow_value_def *values = FLOW_TABLE(walk->flow, values, struct flow_value_def);
    struct flow_record record;
    const uint8_t *bytes;

    if (def->type != FLOW_SLOT_ENUM || walk->session.state.depth == 0 ||
        walk->session.state.frames[0].flow != walk->flow->hash ||
        !flow_area_get(&walk->session.state, def->keep >= FLOW_KEEP_SESSION ? 0 : 1, def->hash,
                       &record, &bytes))
        return FLOW_NO;
    for (unsigned v = 0; v < def->value_count; v++) {
        if (slice_equal_text(slice_make(bytes, record.len),
                             flow_str(walk->flow, values[def->value0 + v].name)))
            return def->value0 + v;
    }
    return FLOW_NO;
}

/* pairs: one byte for each two values of the flow. True: one was new. */
static bool pairs_note(const struct walk *walk, uint8_t *pairs)
{
    unsigned values = walk->flow->values.count;
    bool fresh = false;

    for (unsigned i = 0; i < walk->flow->slots.count; i++) {
        unsigned a = value_filled(walk, i);

        for (unsigned k = i + 1; a != FLOW_NO && k < walk->flow->slots.count; k++) {
            unsigned b = value_filled(walk, k);

            if (b == FLOW_NO || pairs[a * values + b] != 0)
                continue;
            pairs[a * values + b] = 1;
            fresh = true;
        }
    }
    return fresh;
}

/* Of two slots that were ever filled together: how many of their pairs of values were. */
static void pairs_count(const struct flow *flow, const uint8_t *pairs, unsigned i, unsigned k,
                        struct story_combinations *out)
{
    const struct flow_slot_def *a = flow_slot_def(flow, i);
    const struct flow_slot_def *b = flow_slot_def(flow, k);
    unsigned seen = 0;

    for (unsigned v = 0; v < a->value_count; v++) {
        for (unsigned w = 0; w < b->value_count; w++)
            seen += pairs[(a->value0 + v) * flow->values.count + b->value0 + w];
    }
    if (seen > 0) {
        out->value_pairs += seen;
        out->value_pairs_total += (unsigned)a->value_count * b->value_count;
    }
}

/* Calm walks until no new pair was seen for a while; each with a new one is a scenario. */
static void pairs_of(struct combiner *c, const struct flow *flow)
{
    uint8_t *pairs = mem_zalloc((size_t)flow->values.count * flow->values.count + 1);
    unsigned fruitless = 0;

    while (flow->values.count > 0 && fruitless < PAIR_FRUITLESS_MAX) {
        struct walk *walk = walk_create(c->set, flow, ++c->seed);
        bool fresh = false;

        walk->tame = true;
        walk_start(walk);
        do {
            fresh |= pairs_note(walk, pairs);
        } while (walk->step_count < WALK_STEPS_MAX && walk_step(walk));
        if (fresh) {
            c->result->scenarios++;
            c->result->passed += !walk->failed && replay(c, walk);
        }
        fruitless = fresh ? 0 : fruitless + 1;
        walk_destroy(&walk);
    }
    for (unsigned i = 0; i < flow->slots.count; i++) {
        for (unsigned k = i + 1; k < flow->slots.count; k++)
            pairs_count(flow, pairs, i, k, c->result);
    }
    free(pairs);
}

/* One walk of the flow; at asks, a question and a correction first. */
static struct walk *scenario_walk(struct combiner *c, const struct flow *flow, const char *channel,
                                  const char *locale, unsigned try, const uint8_t *seen)
{
    struct walk *walk = walk_create(c->set, flow, ++c->seed);
    bool asides = try % 2 == 1;

    walk->seen = seen;
    walk->tame = try % 4 == 1;
    snprintf(walk->session.channel, sizeof(walk->session.channel), "%s", channel);
    snprintf(walk->session.locale, sizeof(walk->session.locale), "%s", locale);
    walk_start(walk);
    for (unsigned i = 0; i < WALK_STEPS_MAX && walk->session.state.depth > 0 && !walk->failed;
         i++) {
        struct slice before = flow_state_at(&walk->session.state, c->set);

        if (asides && walk->session.state.wait == FLOW_WAIT_ASK && walk_move(walk, WALK_QUESTION) &&
            walk->session.state.depth > 0 &&
            !slice_equal(before, flow_state_at(&walk->session.state, c->set)))
            walk->failed = true; /* a question must lead back to the same ask */
        if (asides && walk->session.state.depth > 0 && walk->session.state.wait == FLOW_WAIT_ASK &&
            walk_dice(walk, 3) == 0)
            (void)walk_move(walk, WALK_CORRECT);
        if (!walk_step(walk))
            break;
    }
    return walk;
}

static void scenarios_of(struct combiner *c, const struct flow *flow, const char *channel,
                         const char *locale)
{
    char outcomes[OUTCOMES_MAX][EXPR_NAME_BYTES_MAX + 16];
    uint8_t *seen = mem_zalloc(flow->rows.count + 1);
    unsigned count = 0;

    for (unsigned try = 0; try < TRIES_MAX && count < OUTCOMES_MAX; try++) {
        struct walk *walk = scenario_walk(c, flow, channel, locale, try, seen);
        bool fresh = walk->session.state.depth == 0 && walk->outcome[0] != '\0';
        bool new_rows = false;

        for (unsigned i = 0; i < flow->rows.count; i++)
            new_rows |= walk->rows[i] != 0 && seen[i] == 0;
        for (unsigned i = 0; i < count && fresh; i++)
            fresh = strcmp(outcomes[i], walk->outcome) != 0;
        if (walk->failed)
            failed(c, flow, "refused", walk->outcome);
        if (fresh || walk->failed) {
            c->result->scenarios++;
            c->result->passed += !walk->failed && replay(c, walk);
            c->result->digressions += walk->moves[WALK_QUESTION] > 0;
            c->result->corrections += walk->moves[WALK_CORRECT] > 0;
            if (fresh)
                memcpy(outcomes[count++], walk->outcome, sizeof(outcomes[0]));
        } else if (new_rows && walk->session.state.depth == 0) {
            (void)replay(c, walk); /* for the coverage of rows */
        }
        for (unsigned i = 0; i < flow->rows.count; i++)
            seen[i] |= walk->rows[i];
        walk_destroy(&walk);
    }
    free(seen);
}

/* What no scenario passed on the way: stories made for it; once more when a row stayed away. */
static void cover_the_rest(struct combiner *c, const struct flow *flow)
{
    struct story_tally *tally = mem_zalloc(sizeof(*tally));
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct story_paths paths = { .covered = 0, .total = 1 };
    struct buf source;

    buf_init(&source, 64 * 1024 * 1024);
    for (unsigned try = 0; try < COVER_TRIES_MAX && paths.covered < paths.total; try++) {
        buf_clear(&source);
        story_paths_generate(c->set, flow, NULL, NULL, ++c->seed, &source, &paths);
        if (source.len > 0)
            story_run(c->set, buf_slice(&source), "generated", c->coverage, tally, report);
    }
    c->result->scenarios += (unsigned)tally->stories;
    c->result->passed += (unsigned)tally->passed;
    if (tally->failed > 0)
        failed(c, flow, tally->failures[0].expected, tally->failures[0].actual);
    buf_fini(&source);
    free(tally);
    free(report);
}

/* ---- interruptions ---- */
/* Everything that the frames up to depth know. */
static void snapshot(const struct walk *walk, unsigned depth, struct buf *out)
{
    const struct flow_state *state = &walk->session.state;
    size_t at = 0;

    for (unsigned i = 0; i < depth; i++)
        buf_add(out, &state->frames[i], sizeof(state->frames[i]));
    while (at < state->area_used) {
        struct flow_record record;
        size_t size;

        memcpy(&record, state->area + at, sizeof(record));
        size = sizeof(record) + (record.type == FLOW_AREA_VISITS ? 0 : record.len);
        if (record.frame > 0)
            buf_add(out, state->area + at, size);
        at += size;
    }
}

static bool to_first_ask(struct walk *walk)
{
    walk_start(walk);
    for (unsigned i = 0; i < WALK_STEPS_MAX; i++) {
        if (walk->failed || walk->session.state.depth == 0)
            return false;
        if (walk->session.state.wait == FLOW_WAIT_ASK)
            return true; /* its own, or one of a flow that it calls */
        if (!walk_step(walk))
            return false;
    }
    return false;
}

enum pair { PAIR_GOOD, PAIR_BAD, PAIR_AGAIN };

/* a at an ask, b from its start to its end: a must stand as before, and come to its own end. */
static enum pair interrupt_once(struct combiner *c, const struct flow *a, const struct flow *b)
{
    struct walk *walk = walk_create(c->set, a, ++c->seed);
    enum pair verdict = PAIR_AGAIN;
    unsigned depth;
    struct buf before;
    struct buf after;

    buf_init(&before, 64 * 1024);
    buf_init(&after, 64 * 1024);
    walk->tame = true;
    if (!to_first_ask(walk))
        goto out;
    depth = walk->session.state.depth;
    snapshot(walk, depth, &before);
    story_session_start(&walk->session, flow_name(b), slice_of(""), slice_of(""));
    if (walk->session.state.depth == depth && walk->session.end[0] == '\0')
        goto out; /* it ended at once, or could not begin */
    walk->session.end[0] = '\0';
    if (walk->session.state.depth > depth && !walk_until(walk, depth)) {
        verdict = walk->failed ? PAIR_BAD : PAIR_AGAIN;
        goto out;
    }
    if (walk->session.state.depth == 0)
        goto out; /* b handed the visitor over: that ends a too */
    snapshot(walk, depth, &after);
    verdict = slice_equal(buf_slice(&before), buf_slice(&after)) &&
                      walk->session.state.wait == FLOW_WAIT_ASK
                  ? PAIR_GOOD
                  : PAIR_BAD;
    if (verdict == PAIR_GOOD && !walk_until(walk, 0))
        verdict = walk->failed ? PAIR_BAD : PAIR_AGAIN;
out:
    buf_fini(&before);
    buf_fini(&after);
    walk_destroy(&walk);
    return verdict;
}

static void interrupt_pair(struct combiner *c, const struct flow *a, const struct flow *b)
{
    enum pair verdict = PAIR_AGAIN;

    for (unsigned try = 0; try < PAIR_TRIES_MAX && verdict == PAIR_AGAIN; try++)
        verdict = interrupt_once(c, a, b);
    c->result->interrupt_pairs++;
    c->result->pairs_passed += verdict == PAIR_GOOD;
    if (verdict != PAIR_GOOD)
        failed(c, a, verdict == PAIR_BAD ? "is changed by" : "never comes back from",
               flow_str(b, b->name));
}

static bool can_start(const struct flow *flow)
{
    return flow->intents.count + flow->phrases.count > 0;
}

void story_combine(const struct flow_set *set, uint64_t seed, struct story_combinations *out)
{
    struct combiner c = { .set = set, .result = out, .seed = seed * 7919 };
    size_t count = flow_set_count(set);

    memset(out, 0, sizeof(*out));
    c.coverage = story_coverage_create(set);
    for (size_t i = 0; i < count; i++) {
        const struct flow *flow = flow_set_at(set, i);

        out->flows += can_start(flow);
        out->composing += can_start(flow) && flow->calls.count > 0;
        for (size_t k = 0; k < LENGTH_OF(channels); k++) {
            for (unsigned l = 0; l < flow->locale_count; l++)
                scenarios_of(&c, flow, channels[k], flow_str(flow, flow->locales[l]));
        }
        cover_the_rest(&c, flow);
        pairs_of(&c, flow);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (i != k && can_start(flow_set_at(set, i)) && can_start(flow_set_at(set, k)))
                interrupt_pair(&c, flow_set_at(set, i), flow_set_at(set, k));
        }
    }
    story_coverage_count(c.coverage, &out->rows_covered, &out->rows_total);
    story_coverage_destroy(&c.coverage);
}
