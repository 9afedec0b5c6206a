/* SPDX-License-Identifier: Apache-2.0 */
/* queue: shard -> store -> shard without sockets or disk: a shard hands turns of 100 bytes to the
 * memory store and gets each completion back in its mailbox. Beside it 100-byte messages through
 * NATS core, Redis streams and RabbitMQ over loopback (publisher and subscriber in this process,
 * batched as their protocols allow), where those servers are installed. */
#include "bench_queue_peers.h"
#include "bench_server.h"
#include "kefu/v1/store.pb-c.h"
#include "mem.h"
#include "schema.h"
#include "shard.h"
#include "store.h"
#include "store_memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUEUE_BATCH = 256, QUEUE_BODY = 100, QUEUE_IN_FLIGHT = 16384, QUEUE_RATE = 180000 };

struct queue_done {
    struct shard_msg head;
    struct queue_load *load;
    size_t n;
    int64_t sent_us[]; /* tickets: when each was handed in */
};

struct queue_load {
    struct store *store;
    struct shard *shard;
    struct shard_msg step;
    double rate; /* 0: as fast as possible */
    int64_t from_us, end_us;
    double due_us;
    uint64_t appended, completed;
    uint32_t seq;
    struct slice bytes; /* one encoded turn of about QUEUE_BODY bytes */
    struct bench_hist latency;
    atomic_bool finished;
};

static void queue_step(struct queue_load *load);

static void done_run(struct shard_msg *msg, struct shard *shard)
{
    struct queue_done *done = CONTAINER_OF(msg, struct queue_done, head);
    struct queue_load *load = done->load;
    int64_t now = bench_now_us();

    (void)shard;
    for (size_t i = 0; i < done->n; i++)
        bench_hist_add(&load->latency, now - done->sent_us[i]);
    load->completed += done->n;
    free(done);
}

static void on_complete(void *ctx, unsigned shard, const struct store_completion *completions,
                        size_t n)
{
    struct queue_load *load = ctx;
    struct queue_done *done = mem_alloc(sizeof(*done) + n * sizeof(int64_t));
    struct shard_msg *msg = &done->head;

    (void)shard;
    done->head.run = done_run;
    done->load = load;
    done->n = n;
    for (size_t i = 0; i < n; i++) {
        if (completions[i].rc != ERR_OK)
            bench_fail("queue: %s", err_code_name(completions[i].rc));
        done->sent_us[i] = (int64_t)completions[i].ticket;
    }
    shard_post_reserved(load->shard, &msg);
}

/* A read mark and a visitor's profile: a turn that may be repeated for ever. */
static struct slice queue_turn(struct buf *buf)
{
    static char page[] = "https://shop.example/products/tents/two-person-trekking-tent?c=42";
    Kefu__V1__Turn turn = KEFU__V1__TURN__INIT;
    Kefu__V1__Visitor visitor = KEFU__V1__VISITOR__INIT;
    Kefu__V1__PageView view = KEFU__V1__PAGE_VIEW__INIT;

    view.url = page;
    visitor.id = 1;
    visitor.site_id = 1;
    visitor.page = &view;
    turn.format = 1;
    turn.workspace_id = 1;
    turn.conversation_id = 1;
    turn.visitor = &visitor;
    schema_proto_encode(&turn.base, buf);
    return buf_slice(buf);
}

static bool queue_append(struct queue_load *load, unsigned n, int64_t ticket_us, double step_us)
{
    struct store_turn turns[QUEUE_BATCH];
    struct err err;

    for (unsigned i = 0; i < n; i++) {
        turns[i] = (struct store_turn){ .ticket = (uint64_t)(ticket_us + (int64_t)(i * step_us)),
                                        .workspace = 1,
                                        .conv = 1,
                                        .visitor = 1,
                                        .first_seq = 1,
                                        .n_events = 0,
                                        .flags = STORE_TURN_MARKS_ONLY,
                                        .bytes = load->bytes };
    }
    if (store_append(load->store, 0, turns, n, &err) != ERR_OK)
        return false;
    load->appended += n;
    return true;
}

static void queue_step(struct queue_load *load)
{
    int64_t now = bench_now_us();

    if (now >= load->end_us) {
        if (load->completed == load->appended)
            atomic_store(&load->finished, true);
        return;
    }
    if (load->rate <= 0) {
        while (load->appended - load->completed + QUEUE_BATCH <= QUEUE_IN_FLIGHT &&
               queue_append(load, QUEUE_BATCH, now, 0))
            ;
        return;
    }
    while (load->due_us <= (double)now) {
        double behind = ((double)now - load->due_us) * load->rate / 1e6;
        unsigned n = behind >= QUEUE_BATCH - 1 ? QUEUE_BATCH : (unsigned)behind + 1;

        if (!queue_append(load, n, (int64_t)load->due_us, 1e6 / load->rate))
            break;
        load->due_us += n * 1e6 / load->rate;
    }
}

/* The load's own heartbeat is a message to itself: a turn of the loop between two steps, and no
 * timer's millisecond. */
static void step_run(struct shard_msg *msg, struct shard *shard)
{
    struct queue_load *load = CONTAINER_OF(msg, struct queue_load, step);

    queue_step(load);
    if (!atomic_load(&load->finished) && !shard_post(shard, &msg))
        bench_fail("queue: mailbox");
}

static enum err_code shard_init(struct shard *shard, void *ctx, struct err *err)
{
    (void)shard;
    (void)ctx;
    (void)err;
    return ERR_OK;
}

static double queue_run(double seconds, double rate, double *p99_us)
{
    struct queue_load *load = mem_zalloc(sizeof(*load));
    struct store_options options = {
        .backend = &store_memory_backend, .shards = 1, .on_complete = on_complete, .ctx = load
    };
    struct shard_ops ops = { .init = shard_init };
    struct shard_group *group = NULL;
    struct shard_msg *msg = &load->step;
    struct timespec pause = { .tv_nsec = 1000000 };
    struct buf buf;
    struct err err;
    double result;

    if (store_open(&options, &load->store, &err) != ERR_OK ||
        shard_group_start(1, &ops, &group, &err) != ERR_OK)
        bench_fail("queue: %s", err.text);
    load->shard = shard_group_at(group, 0);
    buf_init(&buf, 4096);
    load->bytes = queue_turn(&buf);
    load->rate = rate;
    load->from_us = bench_now_us();
    load->due_us = (double)load->from_us;
    load->end_us = load->from_us + (int64_t)(seconds * 1e6);
    load->step.run = step_run;
    if (!shard_post(load->shard, &msg))
        bench_fail("queue: mailbox");
    while (!atomic_load(&load->finished))
        nanosleep(&pause, NULL);
    result = (double)load->completed * 1e6 / (double)(bench_now_us() - load->from_us);
    *p99_us = bench_hist_quantile_us(&load->latency, .99);
    store_close(&load->store);
    shard_group_stop(&group);
    buf_fini(&buf);
    free(load);
    return result;
}

/* natsPerSecond and ratioToNats, and so on. */
static void peer_report(struct bench_report *report, const char *name, double ours, double theirs)
{
    char key[64];

    if (theirs <= 0) {
        bench_report_text(report, name, "not installed");
        return;
    }
    snprintf(key, sizeof(key), "%sPerSecond", name);
    bench_report_number(report, key, theirs);
    snprintf(key, sizeof(key), "ratioTo%c%s", name[0] - 'a' + 'A', name + 1);
    bench_report_number(report, key, ours / theirs);
}

int bench_queue_main(const struct bench_args *args)
{
    double seconds = (double)bench_arg_long(args, "seconds", 5, 1, BENCH_SECONDS_MAX);
    struct bench_report report;
    double p99_us;
    double ignored;
    double rate = queue_run(seconds, 0, &ignored);
    double nats = bench_nats_rate(seconds);
    double redis = bench_redis_rate(seconds);
    double rabbit = bench_rabbit_rate(seconds);

    queue_run(seconds, QUEUE_RATE, &p99_us);
    bench_report_begin(&report, args, "queue: shard -> store -> shard, no sockets, no disk");
    bench_report_number(&report, "messagesPerSecond", rate);
    bench_report_number(&report, "p99UsAt180k", p99_us);
    peer_report(&report, "nats", rate, nats);
    peer_report(&report, "redisStreams", rate, redis);
    peer_report(&report, "rabbitmq", rate, rabbit);
    bench_report_end(&report);
    return 0;
}
