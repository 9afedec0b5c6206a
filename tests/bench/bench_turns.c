/* SPDX-License-Identifier: Apache-2.0 */
/* turns: durable turns over WebSocket against the real server. A turn is a visitor's question and
 * the bot's FAQ answer, both committed and synced before the acknowledgement that ends it here.
 *
 * Without a rate the loop is closed: each connection asks again when it has its answer. With --rate
 * (or --load, a share of the capacity measured first) it is open: questions have intended send
 * times that do not wait for answers, and latency counts from those. The capacity is what can be
 * sustained: turns of the closed loop per second until all of them are in the tables. The server's
 * CPU is that of its whole process until everything is settled. With --data the folder is used as
 * it is and kept. With --port it is the load of another measurement, on a server that is there
 * already. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_server.h"
#include "bench_ws.h"
#include "mem.h"

enum {
    TURNS_IN_FLIGHT_MAX = 64, /* of one connection, in the open loop */
    TURNS_WARM_SECONDS = 1,
    TURNS_SETTLE_SECONDS = 120,
    TURNS_PROBE_SECONDS = 4,
    TURNS_ECHO_SECONDS = 4,
    TURNS_DRAIN_MS = 300, /* what is in flight comes back */
};

/* Of the FAQ: a question that begins a flow would end at a person, and the bot be silent. */
static const char *const questions[] = {
    "满多少包邮？",
    "多久能发货",
    "怎么查物流",
    "退货要自己出运费吗？",
    "How long does delivery take?",
    "Can I return an opened item?",
    "满多少包邮",
    "Do you offer free shipping",
    "会员积分怎么用？",
    "What is the warranty on the tent?",
};

struct asker {
    struct bench_ws *ws;
    char conv[24];
    uint32_t next_id;
    int64_t sent_us[TURNS_IN_FLIGHT_MAX]; /* by frame id: the intended time */
};

static struct {
    struct bench_ws_pool *pool;
    struct asker *askers;
    const char *site_key;
    unsigned connections;
    unsigned ready;
    bool closed_loop;
    bool counting;
    uint64_t done;
    uint64_t errors;
    uint64_t refused;
    struct bench_hist hist;
} run;

static void ask(struct asker *asker, int64_t intended_us)
{
    const char *text = questions[asker->next_id % (sizeof(questions) / sizeof(questions[0]))];
    char client_id[33];
    char frame[512];
    uint32_t id = asker->next_id++;
    int n;

    bench_client_id(client_id);
    asker->sent_us[id % TURNS_IN_FLIGHT_MAX] = intended_us;
    if (asker->conv[0] == '\0')
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"start\":{\"clientId\":\"%s\",\"text\":\"%s\"}}", id, client_id,
                     text);
    else
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\","
                     "\"text\":\"%s\"}}",
                     id, asker->conv, client_id, text);
    bench_ws_send(asker->ws, slice_make(frame, (size_t)n));
}

static void on_open(struct bench_ws *ws)
{
    char frame[256];
    int n =
        snprintf(frame, sizeof(frame), "{\"id\":1,\"hello\":{\"siteKey\":\"%s\"}}", run.site_key);

    bench_ws_send(ws, slice_make(frame, (size_t)n));
}

static void on_ack(struct asker *asker, uint32_t id, struct slice message)
{
    int64_t now = bench_now_us();

    if (asker->conv[0] == '\0') {
        bench_frame_text(message, "conversationId", asker->conv, sizeof(asker->conv));
        run.ready++;
    }
    if (run.counting) {
        run.done++;
        bench_hist_add(&run.hist, now - asker->sent_us[id % TURNS_IN_FLIGHT_MAX]);
    }
    if (run.closed_loop)
        ask(asker, now);
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    struct asker *asker = ws->user;
    uint32_t id;

    switch (bench_frame_kind(message, &id)) {
    case FRAME_WELCOME:
        asker->next_id = 2;
        ask(asker, bench_now_us());
        break;
    case FRAME_ACK:
        on_ack(asker, id, message);
        break;
    case FRAME_ERROR:
        if (!bench_frame_has(message, "\"busy\""))
            bench_fail("%.*s", SLICE_ARGS(message));
        run.refused++;
        if (run.closed_loop || asker->conv[0] == '\0')
            ask(asker, bench_now_us());
        break;
    default:
        break;
    }
}

static void on_closed(struct bench_ws *ws, int code)
{
    bench_fail("connection %u closed with %d", ws->index, code);
}

static const struct bench_ws_ops turns_ops = { on_open, on_message, on_closed };

static void connect_all(uint16_t port)
{
    int64_t end = bench_now_us() + 60 * 1000000LL;

    for (unsigned i = 0; i < run.connections; i++) {
        struct asker *asker = &run.askers[i];

        asker->ws = bench_ws_connect(run.pool, port, "/ws", "kefu.v1.json", NULL);
        asker->ws->user = asker;
        if (i % 64 == 63)
            bench_ws_poll(run.pool, 1000);
    }
    while (run.ready < run.connections) {
        bench_ws_poll(run.pool, 1000);
        if (bench_now_us() > end)
            bench_fail("only %u of %u connections are talking", run.ready, run.connections);
    }
}

static void poll_until(int64_t end_us)
{
    while (bench_now_us() < end_us)
        bench_ws_poll(run.pool, 1000);
}

static void count_begin(void)
{
    run.done = run.refused = 0;
    memset(&run.hist, 0, sizeof(run.hist));
    run.counting = true;
}

/* Questions at their intended times, spread over the connections; how many were due. */
static uint64_t paced(double rate, int64_t from_us, int64_t end_us, uint64_t first)
{
    uint64_t n = first;

    for (;;) {
        int64_t now = bench_now_us();
        int64_t due;

        if (now >= end_us)
            return n - first;
        while ((due = from_us + (int64_t)((double)(n - first) * 1e6 / rate)) <= now) {
            ask(&run.askers[n % run.connections], due);
            n++;
        }
        bench_ws_poll(run.pool, due - now < 1000 ? due - now : 1000);
    }
}

static void settle_wait(uint16_t port)
{
    int64_t end = bench_now_us() + TURNS_SETTLE_SECONDS * 1000000LL;
    struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };

    while (bench_metric(port, "store_settle_backlog") > 0) {
        if (bench_now_us() > end)
            bench_fail("not settled after %d s", TURNS_SETTLE_SECONDS);
        nanosleep(&pause, NULL);
    }
}

/* Turns per second, the time to settle them included. */
static double capacity_probe(uint16_t port)
{
    int64_t from;

    run.closed_loop = true;
    for (unsigned i = 0; i < run.connections; i++)
        ask(&run.askers[i], bench_now_us());
    poll_until(bench_now_us() + TURNS_WARM_SECONDS * 1000000LL);
    run.closed_loop = false;
    poll_until(bench_now_us() + TURNS_DRAIN_MS * 1000);
    settle_wait(port);
    count_begin();
    run.closed_loop = true;
    from = bench_now_us();
    for (unsigned i = 0; i < run.connections; i++)
        ask(&run.askers[i], from);
    poll_until(from + TURNS_PROBE_SECONDS * 1000000LL);
    run.closed_loop = false;
    poll_until(bench_now_us() + TURNS_DRAIN_MS * 1000);
    run.counting = false;
    settle_wait(port);
    return (double)run.done * 1e6 / (double)(bench_now_us() - from);
}

struct result {
    double seconds;
    double offered;
    double cpu_us;
    double settle_backlog;
    double search_backlog;
    double batches;
    double turns;
};

static void measure(struct bench_server *server, double rate, double seconds, struct result *out)
{
    uint16_t port = server->process.port;
    double batches = bench_metric(port, "store_batches_total");
    double turns = bench_metric(port, "store_turns_committed_total");
    double cpu = server->process.pid > 0 ? bench_process_cpu_us(server->process.pid) : 0;
    int64_t from = bench_now_us();
    int64_t end = from + (int64_t)(seconds * 1e6);

    count_begin();
    if (rate > 0) {
        out->offered = (double)paced(rate, from, end, 0) / seconds;
    } else {
        run.closed_loop = true;
        for (unsigned i = 0; i < run.connections; i++)
            ask(&run.askers[i], bench_now_us());
        poll_until(end);
    }
    run.counting = run.closed_loop = false;
    out->seconds = (double)(bench_now_us() - from) / 1e6;
    out->settle_backlog = bench_metric(port, "store_settle_backlog");
    out->search_backlog = bench_metric(port, "store_search_backlog");
    poll_until(bench_now_us() + TURNS_DRAIN_MS * 1000);
    settle_wait(port);
    out->cpu_us = server->process.pid > 0 ? bench_process_cpu_us(server->process.pid) - cpu : 0;
    out->batches = bench_metric(port, "store_batches_total") - batches;
    out->turns = bench_metric(port, "store_turns_committed_total") - turns;
    if (rate <= 0)
        out->offered = (double)run.done / out->seconds;
}

static void report(const struct bench_args *args, const struct result *result, double echo_us)
{
    struct bench_report out;
    double per_turn = result->turns > 0 ? result->cpu_us / result->turns : 0;

    bench_report_begin(&out, args, "durable turns over WebSocket (question and FAQ answer)");
    bench_report_number(&out, "connections", run.connections);
    bench_report_number(&out, "turnsPerSecond", (double)run.done / result->seconds);
    bench_report_number(&out, "offeredPerSecond", result->offered);
    bench_report_number(&out, "refused", (double)run.refused);
    bench_report_number(&out, "p50Ms", bench_hist_quantile_us(&run.hist, 0.5) / 1000);
    bench_report_number(&out, "p99Ms", bench_hist_quantile_us(&run.hist, 0.99) / 1000);
    bench_report_number(&out, "serverCpuUsPerTurn", per_turn);
    bench_report_number(&out, "turnsPerCpuSecond", per_turn > 0 ? 1e6 / per_turn : 0);
    bench_report_number(&out, "meanBatch",
                        result->batches > 0 ? result->turns / result->batches : 0);
    bench_report_number(&out, "settleBacklog", result->settle_backlog);
    bench_report_number(&out, "searchBacklog", result->search_backlog);
    bench_report_number(&out, "echoCpuUsPerMessage", echo_us);
    bench_report_number(&out, "ratioToEcho", echo_us > 0 ? per_turn / echo_us : 0);
    bench_report_end(&out);
}

int bench_turns_main(const struct bench_args *args)
{
    struct bench_server server = { 0 };
    struct result result = { 0 };
    double seconds = bench_arg_double(args, "seconds", 10);
    double rate = bench_arg_double(args, "rate", 0);
    double load = bench_arg_double(args, "load", 0);
    struct bench_echo echo = { 0 };
    bool keep;
    bool attached;

    if (seconds < 1 || seconds > BENCH_SECONDS_MAX)
        bench_fail("--seconds: 1 to %d", BENCH_SECONDS_MAX);
    run.connections = (unsigned)bench_arg_long(args, "connections", 64, 1, BENCH_FILES_PER_PROCESS);
    run.askers = mem_zalloc(run.connections * sizeof(*run.askers));
    snprintf(server.store, sizeof(server.store), "%s", bench_arg_text(args, "store", "sqlite"));
    server.shards = (int)bench_arg_long(args, "shards", 0, 0, 64);
    snprintf(server.dir, sizeof(server.dir), "%s", bench_arg_text(args, "data", ""));
    keep = server.dir[0] != '\0';
    server.process.out_fd = -1;
    server.process.port = (uint16_t)bench_arg_long(args, "port", 0, 0, UINT16_MAX);
    attached = server.process.port != 0;
    if (attached)
        snprintf(server.site_key, sizeof(server.site_key), "demo");
    else
        bench_server_start(&server);
    run.site_key = server.site_key;
    run.pool = bench_ws_pool_create(&turns_ops, run.connections);
    connect_all(server.process.port);
    if (load > 0)
        rate = load * capacity_probe(server.process.port);
    measure(&server, rate, seconds, &result);
    if (!attached)
        bench_echo_measure(run.connections, TURNS_ECHO_SECONDS, 100, 0, &echo);
    report(args, &result, echo.cpu_us_per_message);
    bench_ws_pool_destroy(&run.pool);
    if (!attached)
        bench_server_stop(&server, keep);
    free(run.askers);
    return 0;
}
