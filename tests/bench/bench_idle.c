/* SPDX-License-Identifier: Apache-2.0 */
/* idle: visitor sessions that opened a conversation and fell silent. Bytes per session are the
 * slope between two counts, so that what the process costs at all does not blur it. */
#include "bench_server.h"
#include "bench_ws.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { IDLE_SERVERS_MAX = 4, IDLE_RAMP = 256, IDLE_WATCH_SECONDS = 5 };

struct idle_load {
    struct bench_ws_pool *pool;
    const char *site_key;
    unsigned opened; /* have their conversation */
    unsigned wanted;
};

static struct idle_load *load_of;

static void on_open(struct bench_ws *ws)
{
    char frame[256];
    int n = snprintf(frame, sizeof(frame), "{\"id\":1,\"hello\":{\"siteKey\":\"%s\"}}",
                     load_of->site_key);

    bench_ws_send(ws, slice_make(frame, (size_t)n));
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    uint32_t id;
    char client_id[33];
    char frame[256];
    int n;

    switch (bench_frame_kind(message, &id)) {
    case FRAME_WELCOME:
        bench_client_id(client_id);
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":2,\"start\":{\"clientId\":\"%s\",\"text\":\"退货要几天?\"}}",
                     client_id);
        bench_ws_send(ws, slice_make(frame, (size_t)n));
        break;
    case FRAME_ACK:
        load_of->opened++;
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

static const struct bench_ws_ops idle_ops = { on_open, on_message, on_closed };

static void open_until(struct idle_load *load, unsigned count, uint16_t port, unsigned *made)
{
    int64_t end = bench_now_us() + 120 * 1000000LL;

    while (load->opened < count) {
        while (*made < count && *made < load->opened + IDLE_RAMP) {
            bench_ws_connect(load->pool, port, "/ws", "kefu.v1.json", NULL);
            (*made)++;
        }
        bench_ws_poll(load->pool, 10000);
        if (bench_now_us() > end)
            bench_fail("only %u of %u sessions opened", load->opened, count);
    }
    for (int64_t quiet = bench_now_us() + 2000000; bench_now_us() < quiet;)
        bench_ws_poll(load->pool, 10000); /* the last settling and its memory are done after this */
}

struct idle_result {
    double user_bytes, kernel_bytes, base_bytes, cpu_percent, total_bytes;
};

static void idle_one(unsigned sessions, struct idle_result *out)
{
    struct bench_server server = { 0 };
    struct idle_load load = { .wanted = sessions };
    unsigned made = 0;
    unsigned first = sessions / 4 > 0 ? sessions / 4 : 1;
    double user[2];
    double kernel[2];
    double cpu;
    int64_t from;

    bench_server_start(&server);
    load_of = &load;
    load.site_key = server.site_key;
    load.pool = bench_ws_pool_create(&idle_ops, sessions);
    out->base_bytes = bench_process_private_bytes(server.process.pid);
    open_until(&load, first, server.process.port, &made);
    user[0] = bench_process_private_bytes(server.process.pid);
    kernel[0] = bench_kernel_socket_bytes();
    open_until(&load, sessions, server.process.port, &made);
    user[1] = bench_process_private_bytes(server.process.pid);
    kernel[1] = bench_kernel_socket_bytes();
    out->user_bytes = (user[1] - user[0]) / (sessions - first > 0 ? sessions - first : 1);
    out->kernel_bytes = (kernel[1] - kernel[0]) / 2 / (sessions - first > 0 ? sessions - first : 1);
    out->total_bytes = user[1];
    cpu = bench_process_cpu_us(server.process.pid);
    from = bench_now_us();
    while (bench_now_us() - from < IDLE_WATCH_SECONDS * 1000000LL)
        bench_ws_poll(load.pool, 10000);
    out->cpu_percent =
        (bench_process_cpu_us(server.process.pid) - cpu) * 100 / (double)(bench_now_us() - from);
    bench_ws_pool_destroy(&load.pool);
    bench_server_stop(&server, false);
    load_of = NULL;
}

int bench_idle_main(const struct bench_args *args)
{
    unsigned sessions =
        (unsigned)bench_arg_long(args, "sessions", 18000, 8, BENCH_FILES_PER_PROCESS - 500);
    struct idle_result result;
    struct bench_report report;

    idle_one(sessions, &result);
    bench_report_begin(&report, args, "idle: sessions with an open conversation, then silence");
    bench_report_number(&report, "sessions", sessions);
    bench_report_number(&report, "userBytesPerSession", result.user_bytes);
    bench_report_number(&report, "kernelBytesPerSession", result.kernel_bytes);
    bench_report_number(&report, "baseBytes", result.base_bytes);
    bench_report_number(&report, "privateBytes", result.total_bytes);
    bench_report_number(&report, "cpuPercentIdle", result.cpu_percent);
    bench_report_end(&report);
    return 0;
}
