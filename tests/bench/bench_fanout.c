/* SPDX-License-Identifier: Apache-2.0 */
/* fanout: one conversation watched by N sessions of its visitor (tabs); each message and each
 * answer goes to every one of them. */
#include "bench_server.h"
#include "bench_ws.h"

#include <string.h>

struct fanout_load {
    struct bench_ws_pool *pool;
    const char *site_key;
    char token[512];
    char conv[24];
    unsigned sessions, ready;
    uint32_t frame_id;
    uint64_t deliveries;
    bool measuring;
    int64_t sent_queue[1 << 16];
    uint32_t sent_count, acked_count;
    struct bench_hist latency;
};

static struct fanout_load *load_of;

static void fanout_send(struct bench_ws *ws)
{
    char client_id[33];
    char frame[512];
    int n;

    bench_client_id(client_id);
    load_of->frame_id++;
    load_of->sent_queue[load_of->sent_count++ & 0xffff] = bench_now_us();
    if (load_of->conv[0] == '\0')
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"start\":{\"clientId\":\"%s\",\"text\":\"退货要几天?\"}}",
                     load_of->frame_id, client_id);
    else
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\","
                     "\"text\":\"退货要几天?\"}}",
                     load_of->frame_id, load_of->conv, client_id);
    bench_ws_send(ws, slice_make(frame, (size_t)n));
}

static void on_open(struct bench_ws *ws)
{
    char frame[1024];
    int n = snprintf(frame, sizeof(frame),
                     load_of->token[0] != '\0'
                         ? "{\"id\":1,\"hello\":{\"siteKey\":\"%s\",\"visitorToken\":\"%s\"}}"
                         : "{\"id\":1,\"hello\":{\"siteKey\":\"%s\"}}",
                     load_of->site_key, load_of->token);

    bench_ws_send(ws, slice_make(frame, (size_t)n));
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    uint32_t id;
    int64_t now = bench_now_us();

    switch (bench_frame_kind(message, &id)) {
    case FRAME_WELCOME:
        if (load_of->token[0] == '\0')
            bench_frame_text(message, "visitorToken", load_of->token, sizeof(load_of->token));
        load_of->ready++;
        break;
    case FRAME_ACK:
        bench_frame_text(message, "conversationId", load_of->conv, sizeof(load_of->conv));
        load_of->acked_count++;
        if (load_of->measuring)
            fanout_send(ws);
        break;
    case FRAME_EVENT:
        if (load_of->measuring) {
            load_of->deliveries++;
            if (load_of->acked_count < load_of->sent_count)
                bench_hist_add(&load_of->latency,
                               now - load_of->sent_queue[load_of->acked_count & 0xffff]);
        }
        break;
    case FRAME_ERROR:
        bench_fail("%.*s", SLICE_ARGS(message));
    default:
        break;
    }
}

static void on_closed(struct bench_ws *ws, int code)
{
    bench_fail("session %u closed with %d", ws->index, code);
}

static const struct bench_ws_ops fanout_ops = { on_open, on_message, on_closed };

static void wait_for(const uint32_t *value, uint32_t wanted)
{
    int64_t end = bench_now_us() + 30 * 1000000LL;

    while (*value < wanted) {
        bench_ws_poll(load_of->pool, 1000);
        if (bench_now_us() > end)
            bench_fail("waited 30 s for %u, have %u", wanted, *value);
    }
}

int bench_fanout_main(const struct bench_args *args)
{
    static struct fanout_load load;
    struct bench_server server = { 0 };
    struct bench_report report;
    double seconds = (double)bench_arg_long(args, "seconds", 5, 1, BENCH_SECONDS_MAX);
    double cpu_us;
    int64_t from;
    double elapsed_us;

    load.sessions = (unsigned)bench_arg_long(args, "sessions", 1000, 1, 15000);
    bench_server_start(&server);
    load_of = &load;
    load.site_key = server.site_key;
    load.pool = bench_ws_pool_create(&fanout_ops, load.sessions);
    bench_ws_connect(load.pool, server.process.port, "/ws", "kefu.v1.json", NULL);
    wait_for(&load.ready, 1);
    fanout_send(bench_ws_at(load.pool, 0));
    wait_for(&load.acked_count, 1);
    for (unsigned i = 1; i < load.sessions; i++) {
        bench_ws_connect(load.pool, server.process.port, "/ws", "kefu.v1.json", NULL);
        if (i % 64 == 0)
            wait_for(&load.ready, i - 32);
    }
    wait_for(&load.ready, load.sessions);
    cpu_us = bench_process_cpu_us(server.process.pid);
    from = bench_now_us();
    load.measuring = true;
    fanout_send(bench_ws_at(load.pool, 0));
    while (bench_now_us() - from < (int64_t)(seconds * 1e6))
        bench_ws_poll(load.pool, 1000);
    load.measuring = false;
    elapsed_us = (double)(bench_now_us() - from);
    cpu_us = bench_process_cpu_us(server.process.pid) - cpu_us;
    bench_report_begin(&report, args, "fanout: one conversation, many watching sessions");
    bench_report_number(&report, "sessions", load.sessions);
    bench_report_number(&report, "cpuUsPerDelivery", cpu_us / (double)load.deliveries);
    bench_report_number(&report, "deliveriesPerSecond", (double)load.deliveries * 1e6 / elapsed_us);
    bench_report_number(&report, "p99Ms", bench_hist_quantile_us(&load.latency, .99) / 1000);
    bench_report_end(&report);
    bench_ws_pool_destroy(&load.pool);
    bench_server_stop(&server, false);
    return load.deliveries > 0 ? 0 : 1;
}
