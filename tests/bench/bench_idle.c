/* SPDX-License-Identifier: Apache-2.0 */
/* idle: visitor sessions that opened a conversation and fell silent, until the server keeps nothing
 * of their conversations in memory. Bytes per session are the slope between two counts, so that
 * what the process costs at all does not blur it. One process may open 20,000 files on the smaller
 * machines, so more sessions need more servers, each with a client process of its own.
 *
 * Memory is anonymous memory, the least of 24 s: a server gives back what work left behind a second
 * after a change in the store, and there is one every 20 s at least. baseBytes is
 * of a first start, which fills the demo and trains a model; baseAfterRestartBytes of the next
 * start on the same data, with all these conversations. The ...FileBytes are private pages of files
 * beside it (program, libraries, model): the system takes them back when it likes, and they stop
 * counting when another process has them open. */
#include "bench_server.h"
#include "bench_ws.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    IDLE_SERVERS_MAX = 4,
    IDLE_RAMP = 256,
    IDLE_WATCH_SECONDS = 5,
    IDLE_QUIET_SECONDS_MAX = 120, /* the server lets go of silent conversations after 30 s */
    IDLE_REST_SAMPLES = 12,       /* over longer than the 20 s below */
    IDLE_REST_SAMPLE_MS = 2000,
};

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
}

static void listen_for(struct idle_load *load, int64_t us)
{
    for (int64_t end = bench_now_us() + us; bench_now_us() < end;)
        bench_ws_poll(load->pool, 10000);
}

/* The least of a while: what moves is on its way back. */
static double rest_bytes(struct idle_load *load, pid_t pid)
{
    double least = bench_process_anonymous_bytes(pid);

    for (int i = 0; i < IDLE_REST_SAMPLES; i++) {
        double now;

        listen_for(load, IDLE_REST_SAMPLE_MS * 1000LL);
        now = bench_process_anonymous_bytes(pid);
        least = now < least ? now : least;
    }
    return least;
}

/* Until nothing of a conversation is in memory and everything is settled and indexed. */
static void silence_wait(struct idle_load *load, uint16_t port)
{
    int64_t end = bench_now_us() + IDLE_QUIET_SECONDS_MAX * 1000000LL;

    while (bench_metric(port, "chat_live_conversations") > 0 ||
           bench_metric(port, "store_settle_backlog") > 0 ||
           bench_metric(port, "store_search_backlog") > 0) {
        listen_for(load, 500 * 1000);
        if (bench_now_us() > end)
            bench_fail("%.0f conversations are still in memory after %d s",
                       bench_metric(port, "chat_live_conversations"), IDLE_QUIET_SECONDS_MAX);
    }
}

struct idle_result {
    double user_bytes, kernel_bytes, cpu_percent, total_bytes;
    double base_bytes, base_file_bytes, restart_bytes, restart_file_bytes;
};

static void base_measure(struct idle_load *load, pid_t pid, double *own, double *files)
{
    *own = rest_bytes(load, pid);
    *files = bench_process_private_bytes(pid) - *own;
}

/* Ends the server, starts it again on its data, and ends it. */
static void restart_measure(struct bench_server *server, struct idle_result *out)
{
    struct idle_load load = { .pool = bench_ws_pool_create(&idle_ops, 1) };

    bench_server_stop(server, true);
    bench_server_start(server);
    base_measure(&load, server->process.pid, &out->restart_bytes, &out->restart_file_bytes);
    bench_ws_pool_destroy(&load.pool);
    bench_server_stop(server, false);
}

static void idle_one(unsigned sessions, struct idle_result *out,
                     void (*held)(const struct idle_result *result, void *ctx), void *held_ctx)
{
    struct bench_server server = { 0 };
    struct idle_load load = { .wanted = sessions };
    unsigned made = 0;
    unsigned first = sessions / 4 > 0 ? sessions / 4 : 1;
    double user[2];
    double kernel[2];
    double cpu;
    int64_t from;
    pid_t pid;

    bench_server_start(&server);
    load_of = &load;
    load.site_key = server.site_key;
    load.pool = bench_ws_pool_create(&idle_ops, sessions);
    pid = server.process.pid;
    base_measure(&load, pid, &out->base_bytes, &out->base_file_bytes);
    open_until(&load, first, server.process.port, &made);
    silence_wait(&load, server.process.port);
    user[0] = rest_bytes(&load, pid);
    kernel[0] = bench_kernel_socket_bytes();
    open_until(&load, sessions, server.process.port, &made);
    silence_wait(&load, server.process.port);
    user[1] = rest_bytes(&load, pid);
    kernel[1] = bench_kernel_socket_bytes();
    out->user_bytes = (user[1] - user[0]) / (sessions - first > 0 ? sessions - first : 1);
    out->kernel_bytes = (kernel[1] - kernel[0]) / 2 / (sessions - first > 0 ? sessions - first : 1);
    out->total_bytes = user[1];
    cpu = bench_process_cpu_us(pid);
    from = bench_now_us();
    listen_for(&load, IDLE_WATCH_SECONDS * 1000000LL);
    out->cpu_percent = (bench_process_cpu_us(pid) - cpu) * 100 / (double)(bench_now_us() - from);
    if (held != NULL)
        held(out, held_ctx);
    bench_ws_pool_destroy(&load.pool);
    restart_measure(&server, out);
    load_of = NULL;
}

/* ---- several servers ------------------------------------------------------------------------- */

struct idle_child {
    pid_t pid;
    int result_fd; /* from it: what it measured, while it holds its sessions and at its end */
    int go_fd;     /* to it: closed when it may let go */
};

static void child_tell(const struct idle_child *child, const struct idle_result *result)
{
    if (write(child->result_fd, result, sizeof(*result)) != (ssize_t)sizeof(*result))
        bench_fail("pipe: %s", strerror(errno));
}

static void child_ask(const struct idle_child *child, struct idle_result *out)
{
    if (read(child->result_fd, out, sizeof(*out)) != (ssize_t)sizeof(*out))
        bench_fail("a server did not hold its sessions");
}

static void child_held(const struct idle_result *result, void *ctx)
{
    const struct idle_child *child = ctx;
    char byte;

    child_tell(child, result);
    while (read(child->go_fd, &byte, 1) > 0)
        continue;
}

static void child_start(struct idle_child *child, unsigned sessions)
{
    struct idle_result result = { 0 };
    int results[2];
    int go[2];

    if (pipe(results) != 0 || pipe(go) != 0)
        bench_fail("pipe: %s", strerror(errno));
    child->pid = fork();
    if (child->pid == 0) {
        *child = (struct idle_child){ .result_fd = results[1], .go_fd = go[0] };
        close(results[0]);
        close(go[1]);
        idle_one(sessions, &result, child_held, child);
        child_tell(child, &result);
        exit(0);
    }
    close(results[1]);
    close(go[0]);
    child->result_fd = results[0];
    child->go_fd = go[1];
}

static void idle_many(unsigned servers, unsigned sessions, struct idle_result *sum)
{
    struct idle_child children[IDLE_SERVERS_MAX];

    /* One after the other: each start is quick, and a child must not inherit a later one's pipes.
     */
    for (unsigned i = 0; i < servers; i++)
        child_start(&children[i], sessions);
    for (unsigned i = 0; i < servers; i++) {
        struct idle_result one;

        child_ask(&children[i], &one);
        sum->user_bytes += one.user_bytes / servers;
        sum->kernel_bytes += one.kernel_bytes / servers;
        sum->base_bytes += one.base_bytes / servers;
        sum->base_file_bytes += one.base_file_bytes / servers;
        sum->cpu_percent += one.cpu_percent;
        sum->total_bytes += one.total_bytes;
    }
    /* A later child has inherited the earlier ones' pipes: the last one is let go first. */
    for (unsigned i = servers; i-- > 0;) {
        struct idle_result one;

        close(children[i].go_fd);
        child_ask(&children[i], &one);
        sum->restart_bytes += one.restart_bytes / servers;
        sum->restart_file_bytes += one.restart_file_bytes / servers;
        waitpid(children[i].pid, NULL, 0);
    }
}

int bench_idle_main(const struct bench_args *args)
{
    unsigned servers = (unsigned)bench_arg_long(args, "servers", 1, 1, IDLE_SERVERS_MAX);
    unsigned sessions = (unsigned)bench_arg_long(args, "sessions", servers == 1 ? 18000 : 17000, 8,
                                                 BENCH_FILES_PER_PROCESS - 500);
    struct idle_result result = { 0 };
    struct bench_report report;

    if (servers == 1)
        idle_one(sessions, &result, NULL, NULL);
    else
        idle_many(servers, sessions, &result);
    bench_report_begin(&report, args, "idle: sessions with an open conversation, then silence");
    bench_report_number(&report, "servers", servers);
    bench_report_number(&report, "sessions", sessions * servers);
    bench_report_number(&report, "userBytesPerSession", result.user_bytes);
    bench_report_number(&report, "kernelBytesPerSession", result.kernel_bytes);
    bench_report_number(&report, "baseBytes", result.base_bytes);
    bench_report_number(&report, "baseFileBytes", result.base_file_bytes);
    bench_report_number(&report, "baseAfterRestartBytes", result.restart_bytes);
    bench_report_number(&report, "baseAfterRestartFileBytes", result.restart_file_bytes);
    bench_report_number(&report, "privateBytes", result.total_bytes);
    bench_report_number(&report, "cpuPercentIdle", result.cpu_percent);
    bench_report_end(&report);
    return 0;
}
