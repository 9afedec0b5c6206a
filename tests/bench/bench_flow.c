/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: transitions a second and what one step costs, sessions open at once on many versions, the
 * equality of a replay, and 10,000 flows in memory.
 *
 * The baseline of the transitions is the same dialogue written as a C switch, with the same state
 * copied and nothing checked: what a table-driven engine with typed answers costs beside it. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "flow.h"
#include "story.h"

enum {
    VERSIONS = 200, /* live at once */
    TEXT_MAX = 8192,
};

/* Five asks, guards, a digression's row, a say: no action. %u: the version. */
static const char source[] =
    "flow: survey%u\nversion: %u\nlocales: [en]\nlimits: {turns: 900, visits: 90, idle: 24h}\n"
    "slots:\n"
    "  a: {type: enum, values: [yes, no, maybe]}\n"
    "  b: {type: enum, values: [red, green, blue]}\n"
    "  c: {type: number, min: 0, max: 100}\n"
    "  d: {type: enum, values: [again, stop]}\n"
    "global: [{event: question, do: kb.answer, to: .same}]\n"
    "states:\n"
    "  q1: {ask: a, when: {filled: c1, exhausted: out, timeout: out}}\n"
    "  c1: {choose: [{if: \"a == 'yes'\", to: q2}, {if: \"a == 'no' && known(b)\", to: q3}, {else: "
    "q2}]}\n"
    "  q2: {ask: b, when: {filled: c2, exhausted: out, timeout: out}}\n"
    "  c2: {choose: [{if: \"b in ['red', 'blue']\", to: q3}, {else: s1}]}\n"
    "  s1: {say: green, to: q3}\n"
    "  q3: {ask: c, when: {filled: c3, exhausted: out, timeout: out}}\n"
    "  c3: {choose: [{if: \"c > 50 || c < 10\", to: q4}, {else: q4}]}\n"
    "  q4: {ask: d, when: {filled: c4, exhausted: out, timeout: out}}\n"
    "  c4: {choose: [{if: \"d == 'again'\", to: q1}, {else: out}]}\n"
    "  out: {end: done, csat: true}\n"
    "texts:\n"
    "  ask.a: {en: First?}\n  ask.b: {en: Second?}\n  ask.c: {en: Third?}\n  ask.d: {en: Again?}\n"
    "  green: {en: Green it is}\n"
    "  a.yes: {en: Sure}\n  a.no: {en: Nope}\n  a.maybe: {en: Perhaps}\n"
    "  b.red: {en: Red}\n  b.green: {en: Green}\n  b.blue: {en: Blue}\n"
    "  d.again: {en: Once more}\n  d.stop: {en: Enough}\n";

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t seed = 88172645463325252U;

static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

static void no_value(void *ctx, struct slice name, struct expr_value *out)
{
    (void)ctx;
    (void)name;
    (void)out;
}

static void add(struct flow_set *set, unsigned name, unsigned version)
{
    static struct flow_report report;
    char text[TEXT_MAX];
    struct flow *flow = NULL;
    struct err err;

    snprintf(text, sizeof(text), source, name, version);
    flow_report_init(&report);
    flow_compile(slice_of(text), NULL, NULL, &flow, NULL, &report);
    if (flow == NULL || flow_set_add(set, &flow, &err) != ERR_OK)
        bench_fail("flow: %s", report.findings[0].text);
}

static struct flow_set *make_set(void)
{
    struct flow_set *set = flow_set_create();

    for (unsigned i = 0; i < VERSIONS; i++)
        add(set, i / 4, i % 4 + 1); /* 50 flows, four versions of each */
    return set;
}

/* One of the answers that fit where the session is; now and then a wrong one, a text, a question.
 */
static void make_event(const struct flow_state *state, struct flow_event *event, struct slice *item,
                       char *name)
{
    static const char *const values[] = { "yes",  "no", "maybe", "red",   "green",
                                          "blue", "42", "5",     "again", "stop" };
    unsigned roll = dice(16);

    memset(event, 0, sizeof(*event));
    event->ladder = FLOW_LADDER_SILENT;
    if (state->depth == 0) {
        snprintf(name, 32, "survey%u", dice(VERSIONS / 4));
        event->kind = FLOW_EVENT_START;
        event->name = slice_of(name);
        event->run = seed;
        return;
    }
    *item = slice_of(values[dice(LENGTH_OF(values))]);
    event->kind = roll == 0 || roll == 1 ? FLOW_EVENT_MESSAGE : FLOW_EVENT_PICK;
    event->text = *item;
    event->items = item;
    event->item_count = 1;
    if (roll == 0)
        event->ladder = FLOW_LADDER_ANSWERS;
}

/* ---- speed ---- */
struct speed {
    double transitions, steps, baseline, p50, p99;
};

/* Right answers only, round and round: rows passed, not random numbers, are measured. */
static double run_steps(struct flow_set *set, long steps, struct bench_hist *hist, double *rows)
{
    static struct flow_out out;
    static const char *const answers[] = { "yes", "red", "60", "again" };
    const struct flow_env env = { .set = set, .get = no_value, .locale = SLICE_LITERAL("en") };
    struct flow_event event = { .kind = FLOW_EVENT_START, .name = SLICE_LITERAL("survey7") };
    struct flow_state state;
    struct slice item;
    struct err err;
    double begin = bench_thread_cpu_us();

    flow_state_init(&state);
    *rows = 0;
    for (long i = 0; i < steps; i++) {
        int64_t from = 0;

        if (hist != NULL)
            from = now_ns();
        if (state.depth == 0)
            event =
                (struct flow_event){ .kind = FLOW_EVENT_START, .name = SLICE_LITERAL("survey7") };
        if (flow_step(&state, &event, 1000 + i, &env, &out, &err) != ERR_OK)
            bench_fail("flow: %s", err.text);
        if (hist != NULL)
            bench_hist_add(hist, now_ns() - from);
        *rows += out.rows;
        item = slice_of(
            answers[state.depth > 0 ? (size_t)(out.effects[out.effect_count - 1].slot.ptr[0] - 'a')
                                    : 0]);
        event = (struct flow_event){ .kind = FLOW_EVENT_PICK, .items = &item, .item_count = 1 };
    }
    return bench_thread_cpu_us() - begin;
}

/* The same dialogue as a switch. */
struct plain {
    int at, a, b, c, d;
    char area[192]; /* about what a session's state holds */
};

static int plain_step(struct plain *p, const char *answer)
{
    switch (p->at) {
    case 0:
        p->a = answer[0];
        p->at = p->a == 'y' || p->b == 0 ? 1 : 2;
        return 2;
    case 1:
        p->b = answer[0];
        p->at = 2;
        return 2;
    case 2:
        p->c = (int)strtol(answer, NULL, 10);
        p->at = 3;
        return 2;
    default:
        p->d = answer[0];
        p->at = p->d == 'a' ? 0 : 4;
        return 2;
    }
}

static double run_plain(long steps)
{
    static const char *const answers[] = { "yes", "red", "60", "again" };
    struct plain live = { 0 };
    struct plain kept;
    double begin = bench_thread_cpu_us();
    double rows = 0;

    for (long i = 0; i < steps; i++) {
        rows += plain_step(&live, answers[live.at & 3]);
        memcpy(&kept, &live, sizeof(kept));
        __asm__ volatile("" : : "r"(&kept) : "memory");
    }
    return rows / (bench_thread_cpu_us() - begin) * 1e6;
}

static struct speed measure_speed(struct flow_set *set, long steps)
{
    static struct bench_hist hist;
    struct speed speed;
    double rows;
    double us;

    (void)run_steps(set, steps / 10, NULL, &rows); /* warm */
    us = run_steps(set, steps, NULL, &rows);
    speed.transitions = rows / us * 1e6;
    speed.steps = (double)steps / us * 1e6;
    (void)run_steps(set, steps / 4, &hist, &rows);
    speed.p50 = bench_hist_quantile_us(&hist, 0.5) / 1000;
    speed.p99 = bench_hist_quantile_us(&hist, 0.99) / 1000;
    speed.baseline = run_plain(steps);
    return speed;
}

/* ---- many sessions ---- */
struct load {
    double sessions, events, bytes, stuck, versions, p99;
};

/* Sessions are kept encoded, as the store keeps them: every event decodes, steps, encodes and is
 * appended to a log in memory. */
static struct load measure_load(struct flow_set *set, long sessions, long events)
{
    static struct flow_out out;
    static struct bench_hist hist;
    const struct flow_env env = { .set = set, .get = no_value, .locale = SLICE_LITERAL("en") };
    uint8_t(*kept)[FLOW_STATE_BYTES_MAX / 4] = calloc((size_t)sessions, sizeof(*kept));
    uint16_t *lengths = calloc((size_t)sessions, sizeof(*lengths));
    char *log = malloc(64 * 1024 * 1024);
    size_t log_used = 0;
    struct load load = { .sessions = (double)sessions,
                         .events = (double)events,
                         .versions = (double)flow_set_count(set) };

    if (kept == NULL || lengths == NULL || log == NULL)
        bench_fail("flow: out of memory");
    for (long i = 0; i < events; i++) {
        size_t who = i < sessions ? (size_t)i : (size_t)dice((unsigned)sessions);
        uint8_t bytes[FLOW_STATE_BYTES_MAX];
        struct flow_state state;
        struct flow_event event;
        struct slice item;
        char name[32];
        struct err err;
        int64_t from = now_ns();
        size_t len;

        if (flow_state_decode(slice_make(kept[who], lengths[who]), &state, &err) != ERR_OK)
            bench_fail("flow: %s", err.text);
        make_event(&state, &event, &item, name);
        if (flow_step(&state, &event, 1000 + i, &env, &out, &err) != ERR_OK)
            bench_fail("flow: %s", err.text);
        len = flow_state_encode(&state, bytes);
        if (len > sizeof(kept[0]))
            bench_fail("flow: state of %zu bytes", len);
        memcpy(kept[who], bytes, len);
        lengths[who] = (uint16_t)len;
        if (log_used + len + 16 > 64 * 1024 * 1024)
            log_used = 0;
        memcpy(log + log_used, bytes, len);
        log_used += len + 16;
        bench_hist_add(&hist, now_ns() - from);
        /* Running, and nothing can ever move it. */
        load.stuck += state.depth > 0 && state.wait == FLOW_WAIT_NOTHING;
        load.stuck += state.depth > 0 && state.wait == FLOW_WAIT_ASK && flow_state_due(&state) == 0;
    }
    for (long i = 0; i < sessions; i++)
        load.bytes += lengths[i];
    load.bytes /= (double)sessions;
    load.p99 = bench_hist_quantile_us(&hist, 0.99) / 1000;
    free(kept);
    free(lengths);
    free(log);
    return load;
}

/* ---- replay ---- */
/* The same log twice, the second time through a restart at a random place. */
static double measure_replays(struct flow_set *set, long rounds)
{
    static struct flow_out out;
    const struct flow_env env = { .set = set, .get = no_value, .locale = SLICE_LITERAL("en") };
    long equal = 0;

    for (long round = 0; round < rounds; round++) {
        uint64_t begin = seed;
        unsigned cut = dice(30);
        uint8_t ends[2][FLOW_STATE_BYTES_MAX];
        size_t lengths[2];

        for (int pass = 0; pass < 2; pass++) {
            struct flow_state state;
            struct err err;

            seed = begin;
            (void)dice(30);
            flow_state_init(&state);
            for (unsigned i = 0; i < 30; i++) {
                struct flow_event event;
                struct slice item;
                char name[32];

                make_event(&state, &event, &item, name);
                if (flow_step(&state, &event, 1000 + i, &env, &out, &err) != ERR_OK)
                    bench_fail("flow: %s", err.text);
                if (pass == 1 && i == cut) {
                    uint8_t bytes[FLOW_STATE_BYTES_MAX];
                    size_t len = flow_state_encode(&state, bytes);

                    memset(&state, 0x5A, sizeof(state));
                    if (flow_state_decode(slice_make(bytes, len), &state, &err) != ERR_OK)
                        bench_fail("flow: %s", err.text);
                }
            }
            lengths[pass] = flow_state_encode(&state, ends[pass]);
        }
        equal += lengths[0] == lengths[1] && memcmp(ends[0], ends[1], lengths[0]) == 0;
    }
    return (double)equal / (double)rounds;
}

/* ---- memory ---- */
/* The survey is a flow of ordinary size, with texts; random ones have none. */
static double measure_memory(long flows)
{
    struct flow_set *set = flow_set_create();
    double before = bench_process_private_bytes(getpid());
    double bytes;

    for (long i = 0; i < flows; i++)
        add(set, (unsigned)i, 1);
    bytes = bench_process_private_bytes(getpid()) - before;
    flow_set_destroy(&set);
    return bytes;
}

int bench_flow_main(const struct bench_args *args)
{
    bool full = bench_arg_flag(args, "long");
    long sessions = bench_arg_long(args, "sessions", full ? 100000 : 5000, 1, 1000000);
    long events = bench_arg_long(args, "events", full ? 10000000 : 300000, 1, 1000000000);
    long random = full ? 10000 : 1000;
    struct flow_set *set = make_set();
    struct story_random made;
    struct bench_report report;
    double memory = measure_memory(10000);
    struct speed speed = measure_speed(set, full ? 4000000 : 1000000);
    struct load load = measure_load(set, sessions, events);
    double equal = measure_replays(set, full ? 10000 : 1000);

    story_random_check((unsigned)random, 1, &made);
    bench_report_begin(&report, args, "flows");
    bench_report_number(&report, "transitionsPerSecond", speed.transitions);
    bench_report_number(&report, "stepsPerSecond", speed.steps);
    bench_report_number(&report, "switchTransitionsPerSecond", speed.baseline);
    bench_report_number(&report, "p50Us", speed.p50);
    bench_report_number(&report, "p99Us", speed.p99);
    bench_report_number(&report, "sessions", load.sessions);
    bench_report_number(&report, "versions", load.versions);
    bench_report_number(&report, "events", load.events);
    bench_report_number(&report, "eventP99Us", load.p99);
    bench_report_number(&report, "stuck", load.stuck);
    bench_report_number(&report, "replayEqual", equal);
    bench_report_number(&report, "bytesPerSession", load.bytes);
    bench_report_number(&report, "flows10000Bytes", memory);
    bench_report_number(&report, "randomFlows", (double)random);
    bench_report_number(&report, "randomAccepted", made.accepted);
    bench_report_number(&report, "randomDeadEnds", made.dead_ends);
    bench_report_number(&report, "randomEndless", made.endless);
    bench_report_end(&report);
    flow_set_destroy(&set);
    return load.stuck > 0 || equal < 1 || made.dead_ends + made.endless + made.without_reason > 0;
}
