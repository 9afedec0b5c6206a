/* SPDX-License-Identifier: Apache-2.0 */
/* Routing decisions: librouting beside a plain scan over all agents, on the same stream of arrivals
 * and closings at the same occupancy. A decision is a conversation given to an agent, whether an
 * arrival found the agent or a freed agent found the conversation; the time counted is that of all
 * events, closings included, on this thread's CPU. Latencies are of single events that decided. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kefu/routing.h"

#include "buf.h"
#include "check.h"
#include "mem.h"

enum {
    SKILLS = 24,
    LEVELS = 2, /* asked for: 2 and 5 */
    LANGUAGES = 2,
    NS_BUCKETS = 200000, /* of 10 ns: up to 2 ms */
    NS_PER_BUCKET = 10,
    CONFIG_BYTES_MAX = 8 << 20,
};

struct wish {
    uint8_t queue, level, language;
};

struct world {
    unsigned agents, queues;
    bool trace;
    unsigned in_flight_max;
    uint64_t random;
    /* what a scan reads, one array each */
    uint8_t (*levels)[SKILLS];
    uint8_t *languages;
    uint32_t *capacity;
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15); /* SplitMix64 */

    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)(next_random(state) % n);
}

static unsigned skill_of(unsigned queue)
{
    return queue % SKILLS;
}

/* 60 % know one skill, the others up to five; half speak both languages; 3 to 5 places. */
static void make_agents(struct world *w)
{
    w->levels = mem_zalloc(w->agents * sizeof(*w->levels));
    w->languages = mem_zalloc(w->agents);
    w->capacity = mem_zalloc(w->agents * sizeof(*w->capacity));
    for (unsigned i = 0; i < w->agents; i++) {
        unsigned count = below(&w->random, 10) < 6 ? 1 : 2 + below(&w->random, 4);

        for (unsigned k = 0; k < count; k++) {
            unsigned skill =
                k == 0 ? skill_of(i % w->queues) : skill_of(below(&w->random, w->queues));

            w->levels[i][skill] = (uint8_t)(2 + below(&w->random, 9));
        }
        w->languages[i] = (uint8_t)(below(&w->random, 2) == 0 ? 3 : 1 + i / w->queues % 2);
        w->capacity[i] = 3 + below(&w->random, 3);
        w->in_flight_max += w->capacity[i];
    }
    w->in_flight_max = w->in_flight_max * 85 / 100;
}

static void write_agents(const struct world *w, struct buf *out)
{
    static const char *const languages[] = { "", "[\"zh\"]", "[\"en\"]", "[\"zh\",\"en\"]" };

    for (unsigned i = 0; i < w->agents; i++) {
        const char *comma = "";

        buf_printf(out, "%s{\"id\":\"%u\",\"capacity\":%u,\"languages\":%s,\"skills\":{",
                   i > 0 ? "," : "", i, w->capacity[i], languages[w->languages[i]]);
        for (unsigned k = 0; k < SKILLS; k++) {
            if (w->levels[i][k] == 0)
                continue;
            buf_printf(out, "%s\"s%u\":%u", comma, k, w->levels[i][k]);
            comma = ",";
        }
        buf_add_text(out, "}}");
    }
}

static struct route_config *make_config(const struct world *w, const char *preset)
{
    struct route_config *config;
    struct route_report report;
    struct buf json;

    buf_init(&json, CONFIG_BYTES_MAX);
    buf_add_text(&json,
                 "{\"settings\":{\"slow_start\":\"0s\",\"quiet\":{\"after\":\"0s\"}},\"skills\":[");
    for (unsigned k = 0; k < SKILLS; k++)
        buf_printf(&json, "%s\"s%u\"", k > 0 ? "," : "", k);
    buf_add_text(&json, "],\"agents\":[");
    write_agents(w, &json);
    buf_add_text(&json, "],\"queues\":{");
    for (unsigned i = 0; i < w->queues; i++)
        buf_printf(&json, "%s\"q%u\":{\"pick\":\"%s\"}", i > 0 ? "," : "", i, preset);
    buf_add_text(&json, "}}");
    if (!route_config_load(json.ptr, json.len, NULL, &config, &report))
        bench_fail("%s: %s", report.items[0].path, report.items[0].text);
    buf_fini(&json);
    return config;
}

static struct wish random_wish(struct world *w)
{
    return (struct wish){ (uint8_t)below(&w->random, w->queues),
                          (uint8_t)(below(&w->random, LEVELS) == 0 ? 2 : 5),
                          (uint8_t)below(&w->random, LANGUAGES) };
}

/* ---- librouting ---- */

struct routed {
    struct route_router *router;
    struct route_request request;
    uint64_t *convs; /* in the router, in no order */
    unsigned count;
    uint64_t next_id;
    int64_t now_ms;
};

static void ignore(void *ctx, const struct route_action *action)
{
    (void)ctx;
    (void)action;
}

static void tell(struct routed *r, struct route_event event)
{
    event.now_ms = r->now_ms;
    if (route_event(r->router, &event) != ROUTE_OK)
        bench_fail("an event was refused");
}

static void set_wish(struct routed *r, struct wish wish)
{
    r->request.queue = wish.queue;
    r->request.arrived_ms = r->now_ms;
    r->request.language = wish.language;
    r->request.require[0] = (struct route_need){ (uint16_t)skill_of(wish.queue), wish.level };
}

static void arrive(struct routed *r)
{
    tell(r, (struct route_event){
                .type = ROUTE_EVENT_ARRIVE, .conv = r->next_id, .request = &r->request });
    r->convs[r->count++] = r->next_id++;
}

static void close_one(struct routed *r, unsigned at)
{
    uint64_t conv = r->convs[at];

    r->convs[at] = r->convs[--r->count];
    tell(r, (struct route_event){ .type = ROUTE_EVENT_CLOSE, .conv = conv });
}

static void routed_begin(struct routed *r, struct world *w, const struct route_config *config)
{
    struct route_options options = { .config = config,
                                     .conversations_max = w->in_flight_max + 1,
                                     .act = ignore,
                                     .trace = w->trace };

    *r = (struct routed){ .next_id = 1 };
    r->convs = mem_alloc((w->in_flight_max + 1) * sizeof(*r->convs));
    route_request_init(&r->request);
    r->request.require_count = 1;
    if (!route_router_create(&options, &r->router))
        bench_fail("no router");
    for (unsigned i = 0; i < w->agents; i++)
        tell(r, (struct route_event){
                    .type = ROUTE_EVENT_PRESENCE, .agent = i, .presence = ROUTE_ONLINE });
    while (r->count < w->in_flight_max) {
        set_wish(r, random_wish(w));
        arrive(r);
    }
}

static void routed_end(struct routed *r)
{
    route_router_destroy(&r->router);
    free(r->convs);
}

static uint64_t decisions_of(const struct routed *r)
{
    struct route_stats stats;

    route_stats(r->router, &stats);
    return stats.decisions;
}

/* Half a second of warm-up is in the first tenth. */
static double routed_rate(struct routed *r, struct world *w, unsigned pairs)
{
    uint64_t before;
    double begin;

    for (unsigned i = 0; i < pairs / 10; i++) {
        close_one(r, below(&w->random, r->count));
        set_wish(r, random_wish(w));
        arrive(r);
    }
    before = decisions_of(r);
    begin = bench_thread_cpu_us();
    for (unsigned i = 0; i < pairs; i++) {
        r->now_ms += i % 8 == 0;
        close_one(r, below(&w->random, r->count));
        set_wish(r, random_wish(w));
        arrive(r);
    }
    return (double)(decisions_of(r) - before) * 1e6 / (bench_thread_cpu_us() - begin);
}

static int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static double quantile_us(const uint32_t *buckets, uint64_t count, double q)
{
    uint64_t left = (uint64_t)((double)count * q);

    for (unsigned i = 0; i < NS_BUCKETS; i++) {
        if (buckets[i] > left)
            return (double)(i * NS_PER_BUCKET + NS_PER_BUCKET / 2) / 1000;
        left -= buckets[i];
    }
    return (double)NS_BUCKETS * NS_PER_BUCKET / 1000;
}

/* The clock's own 20 to 30 ns are in it. */
static void routed_latency(struct routed *r, struct world *w, unsigned pairs, double *p50,
                           double *p99)
{
    uint32_t *buckets = mem_zalloc(NS_BUCKETS * sizeof(*buckets));
    uint64_t count = 0;

    for (unsigned i = 0; i < 2 * pairs; i++) {
        unsigned at = below(&w->random, r->count);
        uint64_t before = decisions_of(r);
        int64_t begin;
        int64_t took;

        r->now_ms += i % 16 == 0;
        set_wish(r, random_wish(w));
        begin = now_ns();
        if (i % 2 == 0)
            close_one(r, at);
        else
            arrive(r);
        took = (now_ns() - begin) / NS_PER_BUCKET;
        if (decisions_of(r) == before)
            continue;
        buckets[took < NS_BUCKETS ? took : NS_BUCKETS - 1]++;
        count++;
    }
    *p50 = quantile_us(buckets, count, 0.5);
    *p99 = quantile_us(buckets, count, 0.99);
    free(buckets);
}

/* ---- the plain scan ---- */

struct scanned {
    uint32_t *load;
    int64_t *idle_since;
    uint32_t *spread; /* skills of each agent */
    int *agent_of;    /* of each conversation in flight; -1: waits */
    struct wish *wishes;
    unsigned count;
    int64_t now_ms;
    uint64_t decisions;
};

static int scan(const struct world *w, const struct scanned *s, struct wish wish)
{
    unsigned skill = skill_of(wish.queue);
    int best = -1;
    uint32_t best_tenth = 0;
    int64_t best_score = 0;

    for (unsigned i = 0; i < w->agents; i++) {
        uint32_t tenth;
        int64_t score;

        if (s->load[i] >= w->capacity[i] || w->levels[i][skill] < wish.level ||
            (w->languages[i] >> wish.language & 1) == 0)
            continue;
        tenth = s->load[i] * 10 / w->capacity[i];
        score = 20 * (s->now_ms - s->idle_since[i]) - 1000 * (int64_t)s->spread[i];
        if (best >= 0 && (tenth > best_tenth || (tenth == best_tenth && score <= best_score)))
            continue;
        best = (int)i;
        best_tenth = tenth;
        best_score = score;
    }
    return best;
}

static void scan_place(struct scanned *s, unsigned conv, int agent)
{
    s->agent_of[conv] = agent;
    if (agent < 0)
        return;
    s->load[agent]++;
    s->idle_since[agent] = s->now_ms;
    s->decisions++;
}

static void scan_close(const struct world *w, struct scanned *s, unsigned at)
{
    int agent = s->agent_of[at];

    s->agent_of[at] = s->agent_of[--s->count];
    s->wishes[at] = s->wishes[s->count];
    if (agent < 0)
        return;
    s->load[agent]--;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->agent_of[i] >= 0 ||
            w->levels[agent][skill_of(s->wishes[i].queue)] < s->wishes[i].level ||
            (w->languages[agent] >> s->wishes[i].language & 1) == 0)
            continue;
        scan_place(s, i, agent);
        return;
    }
}

static double scanned_rate(struct world *w, unsigned pairs)
{
    struct scanned s = { 0 };
    double begin;

    s.load = mem_zalloc(w->agents * sizeof(*s.load));
    s.idle_since = mem_zalloc(w->agents * sizeof(*s.idle_since));
    s.spread = mem_zalloc(w->agents * sizeof(*s.spread));
    s.agent_of = mem_zalloc((w->in_flight_max + 1) * sizeof(*s.agent_of));
    s.wishes = mem_zalloc((w->in_flight_max + 1) * sizeof(*s.wishes));
    for (unsigned i = 0; i < w->agents; i++) {
        for (unsigned k = 0; k < SKILLS; k++)
            s.spread[i] += w->levels[i][k] > 0;
    }
    while (s.count < w->in_flight_max) {
        s.wishes[s.count] = random_wish(w);
        scan_place(&s, s.count, scan(w, &s, s.wishes[s.count]));
        s.count++;
    }
    s.decisions = 0;
    begin = bench_thread_cpu_us();
    for (unsigned i = 0; i < pairs; i++) {
        s.now_ms += i % 8 == 0;
        scan_close(w, &s, below(&w->random, s.count));
        s.wishes[s.count] = random_wish(w);
        scan_place(&s, s.count, scan(w, &s, s.wishes[s.count]));
        s.count++;
    }
    begin = (double)s.decisions * 1e6 / (bench_thread_cpu_us() - begin);
    free(s.load);
    free(s.idle_since);
    free(s.spread);
    free(s.agent_of);
    free(s.wishes);
    return begin;
}

int bench_route_main(const struct bench_args *args)
{
    struct world w = { .random = 1 };
    const char *preset = bench_arg_text(args, "preset", "efficient");
    unsigned pairs = (unsigned)bench_arg_long(args, "decisions", 1000000, 1000, 100000000);
    struct bench_report report;
    struct route_config *config;
    struct routed r;
    double p50;
    double p99;
    double rate;

    w.agents = (unsigned)bench_arg_long(args, "agents", 1000, 1, ROUTE_AGENTS_MAX);
    w.queues = (unsigned)bench_arg_long(args, "queues", 20, 1, 200);
    w.trace = bench_arg_flag(args, "trace");
    make_agents(&w);
    config = make_config(&w, preset);
    routed_begin(&r, &w, config);
    rate = routed_rate(&r, &w, pairs);
    routed_latency(&r, &w, pairs / 2, &p50, &p99);
    bench_report_begin(&report, args, "routing decisions on one core");
    bench_report_number(&report, "agents", w.agents);
    bench_report_number(&report, "queues", w.queues);
    bench_report_text(&report, "preset", preset);
    bench_report_number(&report, "traced", w.trace);
    bench_report_number(&report, "inFlight", w.in_flight_max);
    bench_report_number(&report, "decisionsPerSecond", rate);
    bench_report_number(&report, "p50Us", p50);
    bench_report_number(&report, "p99Us", p99);
    bench_report_number(&report, "bytes",
                        (double)(route_config_bytes(config) + route_router_bytes(r.router)));
    bench_report_number(&report, "linearScanDecisionsPerSecond",
                        scanned_rate(&w, pairs * 1000 / (w.agents + 4000)));
    bench_report_end(&report);
    routed_end(&r);
    route_config_destroy(&config);
    free(w.levels);
    free(w.languages);
    free(w.capacity);
    return 0;
}
