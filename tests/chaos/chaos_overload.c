/* SPDX-License-Identifier: Apache-2.0 */
/* Twice as much as the server can do. The load is open: messages have their times, whatever became
 * of those before; latency counts from the moment a message was given to its socket. The server has
 * one core and the load another, so that neither slows the other.
 *
 * The capacity is what can be sustained: turns per second until all of them are in the tables. For
 * some time the journal takes several times that, so a short run at twice the capacity may see no
 * refusal. Therefore a flood follows, as much as the load can send.
 *
 * What is demanded: at twice the capacity admitted messages are acknowledged, and others refused,
 * within LATENCY_P99_MS; every refusal, in the flood too, has a code and a time to come back, over
 * WebSocket and over HTTP alike; nothing acknowledged is lost; under 0.7 of the capacity all is
 * normal again within NORMAL_SECONDS. */
#include "chaos_overload.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_server.h"
#include "bench_ws.h"
#include "chaos_http.h"
#include "chaos_ledger.h"
#include "mem.h"

enum {
    OVERLOAD_CONNECTIONS = 500,
    OVERLOAD_SECONDS = 10,
    CAPACITY_SECONDS = 5,
    SETTLE_SECONDS_MAX = 120,
    FLOOD_SECONDS_MAX = 3,
    FLOOD_REFUSALS = 2000,  /* enough of them to look at */
    FLOOD_IN_FLIGHT = 64,   /* of one connection */
    NORMAL_FOR_SECONDS = 2, /* before it counts */
    LATENCY_P99_MS = 500,
    NORMAL_SECONDS = 10,
    NORMAL_SECONDS_ANYWHERE = 60, /* where times are only told */
    NORMAL_P99_MS = 50,           /* of a second at 0.7 of the capacity */
    IN_FLIGHT_MAX = 4096,         /* of one connection; a power of two */
    HTTP_CALLS_MAX = 4096,
    HTTP_PAUSE_US = 20000,
};

struct sender {
    struct bench_ws *ws;
    char conv[24];
    char token[512];
    uint32_t next_id;
    uint32_t counter;
    size_t message[IN_FLIGHT_MAX]; /* index in the ledger + 1, by frame id */
    int64_t sent_us[IN_FLIGHT_MAX];
};

/* What happened in one stretch of time. */
struct phase {
    uint64_t sent, acked, refused;
    struct bench_hist admitted, refusals;
};

/* The calls over HTTP are made by a child, which shares this with us. */
struct http_calls {
    uint32_t made;
    struct {
        int status;
        bool retry_after;
        uint32_t seq;
        int64_t us;
    } calls[HTTP_CALLS_MAX];
};

static struct {
    struct bench_ws_pool *pool;
    struct sender *senders;
    unsigned connections;
    unsigned ready;
    bool closed_loop;
    struct ledger ledger;
    struct phase phase;
    uint64_t impolite; /* refusals without a code for it or a time to come back */
    uint64_t cut;      /* connections */
} run;

/* ---- senders ---- */

static void message_send(struct sender *sender)
{
    uint32_t id = sender->next_id++;
    unsigned slot = id % IN_FLIGHT_MAX;
    size_t index = ledger_sent(&run.ledger, (uint32_t)(sender - run.senders), ++sender->counter,
                               strtoull(sender->conv, NULL, 10));
    const struct ledger_message *message = &run.ledger.messages[index];
    char text[128];
    char frame[512];
    int n;

    ledger_text(message->sender, message->counter, text, sizeof(text));
    if (sender->conv[0] == '\0')
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"start\":{\"clientId\":\"%s\",\"text\":\"%s\"}}", id,
                     message->client_id, text);
    else
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\","
                     "\"text\":\"%s\"}}",
                     id, sender->conv, message->client_id, text);
    sender->message[slot] = index + 1;
    sender->sent_us[slot] = bench_now_us();
    run.phase.sent++;
    bench_ws_send(sender->ws, slice_make(frame, (size_t)n));
}

static void on_open(struct bench_ws *ws)
{
    struct slice hello = SLICE_LITERAL("{\"id\":1,\"hello\":{\"siteKey\":\"demo\"}}");

    bench_ws_send(ws, hello);
}

static void on_ack(struct sender *sender, unsigned slot, struct slice message)
{
    if (sender->conv[0] == '\0') {
        bench_frame_text(message, "conversationId", sender->conv, sizeof(sender->conv));
        run.ready++;
    }
    ledger_acked(&run.ledger, sender->message[slot] - 1, strtoull(sender->conv, NULL, 10),
                 (uint32_t)bench_frame_u64(message, "seq"));
    run.phase.acked++;
    bench_hist_add(&run.phase.admitted, bench_now_us() - sender->sent_us[slot]);
}

static void on_refused(const struct sender *sender, unsigned slot, struct slice message)
{
    run.phase.refused++;
    bench_hist_add(&run.phase.refusals, bench_now_us() - sender->sent_us[slot]);
    if ((!bench_frame_has(message, "\"busy\"") && !bench_frame_has(message, "\"rate_limited\"") &&
         !bench_frame_has(message, "\"unavailable\"")) ||
        bench_frame_u64(message, "retryAfterMs") == 0) {
        if (run.impolite++ == 0)
            printf("impolite: %.*s\n", SLICE_ARGS(message));
    }
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    struct sender *sender = ws->user;
    uint32_t id;
    enum bench_frame kind = bench_frame_kind(message, &id);
    unsigned slot = id % IN_FLIGHT_MAX;

    if (kind == FRAME_WELCOME) {
        bench_frame_text(message, "visitorToken", sender->token, sizeof(sender->token));
        sender->next_id = 2;
        message_send(sender);
        return;
    }
    if ((kind != FRAME_ACK && kind != FRAME_ERROR) || sender->message[slot] == 0)
        return;
    if (kind == FRAME_ACK)
        on_ack(sender, slot, message);
    else
        on_refused(sender, slot, message);
    sender->message[slot] = 0;
    if (run.closed_loop || sender->conv[0] == '\0')
        message_send(sender);
}

static void on_closed(struct bench_ws *ws, int code)
{
    struct sender *sender = ws->user;

    if (run.cut++ == 0)
        printf("a connection was closed with %d\n", code);
    sender->ws = NULL;
}

static const struct bench_ws_ops sender_ops = { on_open, on_message, on_closed };

/* ---- HTTP ---- */

static void http_call_once(uint16_t port, const struct sender *sender, size_t index,
                           struct http_calls *shared)
{
    const struct ledger_message *message = &run.ledger.messages[index];
    uint32_t n = shared->made;
    struct http_reply reply;
    char fields[640];
    char body[512];
    char text[128];
    int64_t from = bench_now_us();

    ledger_text(message->sender, message->counter, text, sizeof(text));
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", sender->token);
    snprintf(body, sizeof(body),
             "{\"id\":1,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\",\"text\":\"%s\"}}",
             sender->conv, message->client_id, text);
    chaos_http_call(port, "POST", "/api/v1/visitor/frames", fields, body, &reply);
    shared->calls[n].us = bench_now_us() - from;
    shared->calls[n].status = reply.status;
    shared->calls[n].seq = (uint32_t)bench_frame_u64(reply.body, "seq");
    shared->calls[n].retry_after = bench_frame_has(reply.head, "\r\nRetry-After: ");
    shared->made = n + 1;
    chaos_http_free(&reply);
}

/* Its messages are entered into the ledger first: the child's copy of it then knows their ids. */
static pid_t http_begin(uint16_t port, struct http_calls *shared, size_t *first)
{
    const struct sender *sender = &run.senders[0];
    pid_t pid;

    for (uint32_t i = 0; i < HTTP_CALLS_MAX; i++) {
        size_t index = ledger_sent(&run.ledger, run.connections, i + 1, 0);

        *first = i == 0 ? index : *first;
    }
    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid;
    while (shared->made < HTTP_CALLS_MAX) {
        http_call_once(port, sender, *first + shared->made, shared);
        usleep(HTTP_PAUSE_US);
    }
    _exit(0);
}

static void http_end(pid_t pid, const struct http_calls *shared, size_t first)
{
    struct bench_hist hist = { 0 };
    unsigned refused = 0;
    unsigned wrong = 0;
    int status;

    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    for (uint32_t i = 0; i < shared->made; i++) {
        if (shared->calls[i].status == 200)
            ledger_acked(&run.ledger, first + i, strtoull(run.senders[0].conv, NULL, 10),
                         shared->calls[i].seq);
        else if ((shared->calls[i].status == 503 || shared->calls[i].status == 429) &&
                 shared->calls[i].retry_after)
            refused++;
        else if (wrong++ == 0)
            printf("HTTP call %u: status %d\n", i, shared->calls[i].status);
        bench_hist_add(&hist, shared->calls[i].us);
    }
    printf("  over HTTP: %u calls, %u refused with 503 or 429 and Retry-After, p99 %.0f ms\n",
           shared->made, refused, bench_hist_quantile_us(&hist, 0.99) / 1000);
    if (wrong > 0)
        ledger_violation(&run.ledger, "%u HTTP calls were neither taken nor refused politely",
                         wrong);
}

/* ---- phases ---- */

static void poll_for(int64_t us)
{
    int64_t end = bench_now_us() + us;

    while (bench_now_us() < end)
        bench_ws_poll(run.pool, 1000);
}

/* Messages evenly spaced over time and connections. */
static void pace(double rate, int64_t us)
{
    static uint64_t turn;
    int64_t from = bench_now_us();
    uint64_t n = 0;

    for (int64_t now = from; now < from + us; now = bench_now_us()) {
        for (; from + (int64_t)((double)n * 1e6 / rate) <= now; n++) {
            struct sender *sender = &run.senders[turn++ % run.connections];

            if (sender->ws != NULL && sender->message[sender->next_id % IN_FLIGHT_MAX] == 0)
                message_send(sender);
        }
        bench_ws_poll(run.pool, 500);
    }
}

static void phase_begin(void)
{
    memset(&run.phase, 0, sizeof(run.phase));
}

static double ms(const struct bench_hist *hist, double q)
{
    return bench_hist_quantile_us(hist, q) / 1000;
}

static void settle_wait(uint16_t port)
{
    int64_t end = bench_now_us() + SETTLE_SECONDS_MAX * 1000000LL;

    while (bench_metric(port, "store_settle_backlog") > 0) {
        if (bench_now_us() > end)
            bench_fail("not settled after %d s", SETTLE_SECONDS_MAX);
        poll_for(50000);
    }
}

static double capacity_measure(uint16_t port)
{
    int64_t from;

    settle_wait(port);
    from = bench_now_us();
    phase_begin();
    run.closed_loop = true;
    for (unsigned i = 0; i < run.connections; i++)
        message_send(&run.senders[i]);
    poll_for(CAPACITY_SECONDS * 1000000LL);
    run.closed_loop = false;
    settle_wait(port);
    return (double)run.phase.acked * 1e6 / (double)(bench_now_us() - from);
}

static void phase_print(const char *what, double seconds, double capacity)
{
    const struct phase *phase = &run.phase;

    printf("  %s for %.1f s: %.2fx sent, %.2fx acknowledged, p50 %.0f p99 %.0f ms; "
           "%llu refused, p99 %.0f ms\n",
           what, seconds, (double)phase->sent / seconds / capacity,
           (double)phase->acked / seconds / capacity, ms(&phase->admitted, 0.5),
           ms(&phase->admitted, 0.99), (unsigned long long)phase->refused,
           ms(&phase->refusals, 0.99));
}

/* True: in time. */
static bool twice_once(double capacity, double seconds)
{
    phase_begin();
    pace(2 * capacity, (int64_t)(seconds * 1e6));
    phase_print("2.0x", seconds, capacity);
    return ms(&run.phase.admitted, 0.99) <= LATENCY_P99_MS &&
           ms(&run.phase.refusals, 0.99) <= LATENCY_P99_MS;
}

/* Where neighbours share the machine one may take the core just now: what counts is the best of the
 * attempts, and with none of them times are only told. */
static void twice(uint16_t port, double capacity, double seconds, unsigned attempts)
{
    if (attempts == 0) {
        (void)twice_once(capacity, seconds);
        return;
    }
    for (unsigned i = 0; i < attempts; i++) {
        if (i > 0)
            settle_wait(port);
        if (twice_once(capacity, seconds))
            return;
    }
    ledger_violation(&run.ledger, "admitted or refused: p99 over %d ms, %u of %u times",
                     LATENCY_P99_MS, attempts, attempts);
}

static void flood(double capacity)
{
    int64_t from = bench_now_us();
    double seconds;

    phase_begin();
    run.closed_loop = true;
    for (unsigned i = 0; i < run.connections * FLOOD_IN_FLIGHT; i++)
        message_send(&run.senders[i % run.connections]);
    while (run.phase.refused < FLOOD_REFUSALS &&
           bench_now_us() - from < FLOOD_SECONDS_MAX * 1000000LL)
        poll_for(10000);
    seconds = (double)(bench_now_us() - from) / 1e6;
    run.closed_loop = false;
    phase_print("flood", seconds, capacity);
    poll_for(2000000);
}

static void overload(double capacity, double seconds, unsigned attempts,
                     const struct bench_server *server)
{
    struct http_calls *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t first = 0;
    pid_t pid;

    if (shared == MAP_FAILED)
        bench_fail("no memory to share");
    pid = http_begin(server->process.port, shared, &first);
    twice(server->process.port, capacity, seconds, attempts);
    flood(capacity);
    http_end(pid, shared, first);
    munmap(shared, sizeof(*shared));
    if (run.impolite > 0)
        ledger_violation(&run.ledger, "%llu refusals without code or retryAfterMs",
                         (unsigned long long)run.impolite);
}

static void recovery(double capacity)
{
    int normal = 0;
    int second = 0;

    for (; second < NORMAL_SECONDS + NORMAL_FOR_SECONDS && normal < NORMAL_FOR_SECONDS; second++) {
        phase_begin();
        pace(0.7 * capacity, 1000000);
        normal =
            run.phase.refused > 0 || ms(&run.phase.admitted, 0.99) > NORMAL_P99_MS ? 0 : normal + 1;
    }
    printf("  0.7x: normal after %d s, p99 of the last second %.1f ms\n", second - normal,
           ms(&run.phase.admitted, 0.99));
    if (normal < NORMAL_FOR_SECONDS)
        ledger_violation(&run.ledger, "not normal %d s after the overload", NORMAL_SECONDS);
}

/* ---- the command ---- */

static void on_core(unsigned core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        printf("  cores cannot be chosen here\n");
}

static void connect_all(uint16_t port)
{
    int64_t end = bench_now_us() + 60 * 1000000LL;

    for (unsigned i = 0; i < run.connections; i++) {
        run.senders[i].ws = bench_ws_connect(run.pool, port, "/ws", "kefu.v1.json", NULL);
        run.senders[i].ws->user = &run.senders[i];
        if (i % 64 == 63)
            bench_ws_poll(run.pool, 1000);
    }
    while (run.ready < run.connections) {
        bench_ws_poll(run.pool, 1000);
        if (bench_now_us() > end)
            bench_fail("only %u of %u connections are talking", run.ready, run.connections);
    }
}

int chaos_overload(const struct bench_args *args)
{
    struct bench_server server = { 0 };
    double seconds = (double)bench_arg_long(args, "seconds", OVERLOAD_SECONDS, 1, 600);
    unsigned attempts = (unsigned)bench_arg_long(args, "attempts", 1, 0, 10);
    double capacity;
    uint64_t violations;

    run.connections = (unsigned)bench_arg_long(args, "connections", OVERLOAD_CONNECTIONS, 1, 15000);
    run.senders = mem_zalloc(sizeof(*run.senders) * run.connections);
    ledger_open(&run.ledger, "/dev/null");
    on_core(0);
    bench_server_start(&server);
    on_core(1);
    run.pool = bench_ws_pool_create(&sender_ops, run.connections);
    connect_all(server.process.port);
    capacity = capacity_measure(server.process.port);
    printf("overload: %u connections, one core sustains %.0f turns/s\n", run.connections, capacity);
    overload(capacity, seconds, attempts, &server);
    recovery(capacity);
    poll_for(1000000);
    settle_wait(server.process.port); /* more than SIGTERM has time for */
    bench_ws_pool_destroy(&run.pool);
    bench_server_stop(&server, true);
    ledger_check_sql(&run.ledger, server.dir);
    violations = run.ledger.violations;
    printf("  %zu sent, %llu acknowledged, %llu connections cut, %llu violations\n",
           run.ledger.count, (unsigned long long)run.ledger.acked, (unsigned long long)run.cut,
           (unsigned long long)violations);
    ledger_close(&run.ledger);
    free(run.senders);
    bench_remove_tree(server.dir);
    return violations == 0 ? 0 : 1;
}
