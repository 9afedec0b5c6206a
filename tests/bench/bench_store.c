/* SPDX-License-Identifier: Apache-2.0 */
/* store: durable events through the store's own interface, two a turn. Burst: as fast as turns are
 * taken, until the bound of the backlog or the end of the time, settling running beside it. Drain:
 * settling alone. Sustained: both, the backlog held where it is. Beside it rows into a plain SQLite
 * table with both unique indexes. Latency is that of the commits of burst and sustained. */
#include "bench_store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "kefu/v1/store.pb-c.h"
#include "mem.h"
#include "store_sqlite.h"

enum {
    BATCH_MAX = 1024,
    SHARDS = 2,
    SUSTAINED_BACKLOG = 200 * 1000, /* turns: two of the settler's longest slices */
    SUSTAINED_WARM_MS = 3000,
};

struct store_bench {
    struct store *store;
    struct store_options options;
    struct store_load loads[SHARDS]; /* a conversation belongs to one shard */
    struct store_turn *turns;
    unsigned batch, shard;
    double rate; /* of the sustained part, turns per second; 0: as much as is settled */
    uint64_t appended;
    atomic_uint_fast64_t completed;
    char folder[64];
};

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    struct store_bench *bench = ctx;

    (void)shard;
    for (size_t i = 0; i < n; i++) {
        if (completions[i].rc != ERR_OK)
            bench_fail("store: %s", err_code_name(completions[i].rc));
    }
    atomic_fetch_add(&bench->completed, n);
}

static void pause_us(long us)
{
    struct timespec pause = { .tv_nsec = us * 1000 };

    nanosleep(&pause, NULL);
}

/* Hands one batch in; false: the settle backlog is full. Waits while only the disk is behind. */
static bool batch_append(struct store_bench *bench)
{
    struct err err = { 0 };
    enum err_code rc;
    struct store_stats stats;

    bench->shard = (bench->shard + 1) % SHARDS;
    store_load_turns(&bench->loads[bench->shard], bench->turns, bench->batch);
    while ((rc = store_append(bench->store, bench->shard, bench->turns, bench->batch, &err)) !=
           ERR_OK) {
        if (rc != ERR_BUSY)
            bench_fail("store: %s", err.text);
        pause_us(100);
    }
    bench->appended += bench->batch;
    if (bench->appended % (64 * bench->batch) != 0)
        return true;
    store_stats(bench->store, &stats);
    return stats.settle_backlog + 128 * bench->batch < STORE_BACKLOG_MAX;
}

static void completed_wait(struct store_bench *bench)
{
    while (atomic_load(&bench->completed) < bench->appended)
        pause_us(100);
}

static void settled_wait(struct store_bench *bench)
{
    struct err err = { 0 };

    completed_wait(bench);
    if (store_settle_wait(bench->store, 600000, false, &err) != ERR_OK)
        bench_fail("store: %s", err.text);
}

static double bench_open(struct store_bench *bench)
{
    int64_t start = bench_now_us();
    struct err err = { 0 };

    bench->options = (struct store_options){ .backend = &store_sqlite_backend,
                                             .path = bench->folder,
                                             .shards = SHARDS,
                                             .on_complete = on_complete,
                                             .ctx = bench };
    if (store_open(&bench->options, &bench->store, &err) != ERR_OK)
        bench_fail("store: %s", err.text);
    return (double)(bench_now_us() - start) / 1e6;
}

/* The hand-made bytes must be what the schema's own decoder reads. */
static void load_check(struct store_bench *bench)
{
    Kefu__V1__Turn *turn;
    struct store_load load;

    store_load_init(&load, 4, 0);
    store_load_turns(&load, bench->turns, 1);
    turn = kefu__v1__turn__unpack(NULL, bench->turns->bytes.len,
                                  (const uint8_t *)bench->turns->bytes.ptr);
    if (turn == NULL || turn->n_events != STORE_LOAD_EVENTS || turn->n_traces != 1 ||
        turn->header == NULL || turn->header->head_seq != 2 || turn->events[1]->event->seq != 2)
        bench_fail("store: the load does not decode");
    kefu__v1__turn__free_unpacked(turn, NULL);
    store_load_fini(&load);
}

static void prefill(struct store_bench *bench, long events)
{
    while ((long)(bench->appended * STORE_LOAD_EVENTS) < events) {
        if (!batch_append(bench))
            settled_wait(bench);
    }
    settled_wait(bench);
}

struct figures {
    double appends, settled, sustained, cpu_us_per_turn, backlog_change;
};

static void burst(struct store_bench *bench, double seconds, struct figures *figures)
{
    uint64_t first = bench->appended;
    int64_t start = bench_now_us();
    struct store_stats stats;

    while (bench_now_us() < start + (int64_t)(seconds * 1e6) && batch_append(bench))
        continue;
    completed_wait(bench);
    figures->appends = (double)(bench->appended - first) * STORE_LOAD_EVENTS * 1e6 /
                       (double)(bench_now_us() - start);
    store_stats(bench->store, &stats);
    start = bench_now_us();
    settled_wait(bench);
    figures->settled =
        (double)stats.settle_backlog * STORE_LOAD_EVENTS * 1e6 / (double)(bench_now_us() - start);
}

/* --rate: turns handed in on time, one batch at a time, whatever the backlog. */
static void rate_hold(struct store_bench *bench, int64_t until)
{
    double due = (double)bench_now_us();

    while (bench_now_us() < until) {
        if (due <= (double)bench_now_us()) {
            batch_append(bench);
            due += (double)bench->batch * 1e6 / bench->rate;
        } else {
            pause_us(50);
        }
    }
}

static void backlog_hold(struct store_bench *bench, int64_t until)
{
    if (bench->rate > 0)
        rate_hold(bench, until);
    while (bench_now_us() < until) {
        struct store_stats stats;

        store_stats(bench->store, &stats);
        if (stats.settle_backlog + bench->appended - atomic_load(&bench->completed) <
            SUSTAINED_BACKLOG)
            batch_append(bench);
        else
            pause_us(200);
    }
}

static double process_cpu_us(void)
{
    struct timespec at;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

/* Counted is the slower of both sides. */
static void sustained(struct store_bench *bench, double seconds, struct figures *figures)
{
    int64_t start = bench_now_us() + SUSTAINED_WARM_MS * INT64_C(1000);
    struct store_stats before;
    struct store_stats after;
    double cpu;
    double events;
    double turns;

    backlog_hold(bench, start);
    store_stats(bench->store, &before);
    cpu = process_cpu_us() - bench_thread_cpu_us();
    start = bench_now_us();
    backlog_hold(bench, start + (int64_t)(seconds * 1e6));
    cpu = process_cpu_us() - bench_thread_cpu_us() - cpu;
    store_stats(bench->store, &after);
    turns = (double)(after.turns_committed - before.turns_committed);
    events = (double)(after.events_settled - before.events_settled);
    if (events > turns * STORE_LOAD_EVENTS)
        events = turns * STORE_LOAD_EVENTS;
    figures->sustained = events * 1e6 / (double)(bench_now_us() - start);
    figures->cpu_us_per_turn = cpu / turns;
    figures->backlog_change = (double)after.settle_backlog - (double)before.settle_backlog;
}

static void report(const struct bench_args *args, const struct figures *f,
                   const struct store_stats *stats, double sqlite, double open_seconds)
{
    struct bench_report out;

    bench_report_begin(&out, args, "store: durable events, two a turn");
    bench_report_number(&out, "appendsPerSecond", f->appends);
    bench_report_number(&out, "settledPerSecond", f->settled);
    bench_report_number(&out, "sustainedPerSecond", f->sustained);
    bench_report_number(&out, "commitP50Ms", stats->commit_p50_ms);
    bench_report_number(&out, "commitP99Ms", stats->commit_p99_ms);
    bench_report_number(&out, "meanBatch", stats->mean_batch);
    bench_report_number(&out, "storeCpuUsPerTurn", f->cpu_us_per_turn);
    bench_report_number(&out, "backlogChange", f->backlog_change);
    bench_report_number(&out, "openSeconds", open_seconds);
    bench_report_number(&out, "sqliteRowsPerSecond", sqlite);
    bench_report_number(&out, "ratioToSqlite", f->sustained / sqlite);
    bench_report_end(&out);
}

int bench_store_main(const struct bench_args *args)
{
    struct store_bench *bench = mem_zalloc(sizeof(*bench));
    double seconds = (double)bench_arg_long(args, "seconds", 10, 1, BENCH_SECONDS_MAX);
    long rows = bench_arg_long(args, "prefill", 0, 0, 1000000000);
    unsigned convs = (unsigned)bench_arg_long(args, "conversations", 5000, 1, 10000000);
    struct figures figures = { 0 };
    struct store_stats stats;
    double open_seconds;
    double sqlite;

    bench->batch = (unsigned)bench_arg_long(args, "batch", 256, 1, BATCH_MAX);
    bench->rate = bench_arg_double(args, "rate", 0);
    bench->turns = mem_alloc(BATCH_MAX * sizeof(*bench->turns));
    bench_temp_dir(bench->folder, sizeof(bench->folder));
    load_check(bench);
    for (unsigned i = 0; i < SHARDS; i++)
        store_load_init(&bench->loads[i], (convs + SHARDS - 1) / SHARDS, i);
    sqlite = store_baseline(bench->folder, (long)bench->batch, seconds / 2, rows, convs);
    bench_open(bench);
    prefill(bench, rows);
    store_close(&bench->store);
    open_seconds = bench_open(bench);
    if (bench->rate <= 0)
        burst(bench, seconds, &figures);
    sustained(bench, seconds, &figures);
    store_stats(bench->store, &stats);
    settled_wait(bench);
    store_close(&bench->store);
    sqlite =
        (sqlite + store_baseline(bench->folder, (long)bench->batch, seconds / 2, rows, convs)) / 2;
    report(args, &figures, &stats, sqlite, open_seconds);
    bench_remove_tree(bench->folder);
    for (unsigned i = 0; i < SHARDS; i++)
        store_load_fini(&bench->loads[i]);
    free(bench->turns);
    free(bench);
    return 0;
}
