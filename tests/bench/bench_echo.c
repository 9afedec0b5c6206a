/* SPDX-License-Identifier: Apache-2.0 */
/* echo: what one WebSocket message costs on this machine with our loop, streams and frames and
 * nothing above them, beside the least that any server could do: a bare epoll loop that checks
 * nothing. Without --rate every connection has one message in flight, so a wake-up brings a batch;
 * with --rate messages come alone, evenly spaced. Slices of both servers alternate. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "bench_ws.h"
#include "loop.h"
#include "mem.h"
#include "ws.h"

enum {
    ECHO_BYTES_MAX = 32 * 1024,
    ECHO_SLICES = 4, /* of each server */
    ECHO_OPEN_MS_MAX = 20000,
    BARE_EVENTS = 512,
    BARE_READ = 65536,
};

/* ---- our server ---- */

struct echo_conn {
    struct ws_conn *conn;
};

struct echo_server {
    int listen_fd;
    struct http_server *http;
};

static void echo_message(void *owner, struct slice message, bool binary)
{
    struct echo_conn *echo = owner;

    if (!ws_conn_send(echo->conn, message, binary))
        ws_conn_close(&echo->conn, WS_CODE_TRY_LATER, "queue full");
}

static void echo_closed(void *owner, unsigned code, struct slice reason)
{
    (void)code;
    (void)reason;
    free(owner);
}

static const struct ws_ops echo_ops = { .on_message = echo_message, .on_closed = echo_closed };

static void echo_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    static const char *const subprotocols[] = { NULL };
    static const struct ws_options options = { 0 };
    struct echo_server *server = ctx;
    struct ws_handshake handshake;
    struct echo_conn *echo;

    ws_handshake_check(request, subprotocols, &handshake);
    if (handshake.status != 0) {
        ws_refuse(server->http, ref, &handshake);
        return;
    }
    echo = mem_zalloc(sizeof(*echo));
    echo->conn = ws_accept(server->http, ref, &handshake, &options, &echo_ops, echo);
    if (echo->conn == NULL)
        free(echo);
}

static void echo_accept(void *ctx, int fd)
{
    http_server_adopt(ctx, fd);
}

static void echo_serve(void *ctx)
{
    struct echo_server server = { 0 };
    struct http_server_options options = { .on_request = echo_request,
                                           .ctx = &server,
                                           .connections_max = BENCH_CONNECTIONS_MAX };
    struct net_listen_options listen_options = { .address = "127.0.0.1", .port = *(uint16_t *)ctx };
    struct net_listener *listener;
    struct loop *loop = loop_create();
    struct err err;

    server.http = http_server_create(loop, &options);
    if (net_listen(loop, &listen_options, echo_accept, server.http, &listener, &err) != ERR_OK)
        bench_fail("listen: %s", err.text);
    loop_run(loop);
}

/* ---- the least: it trusts its client in everything ---- */

static void bare_handshake(int fd, const char *bytes, size_t len)
{
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    if (len < 4 || memcmp(bytes + len - 4, "\r\n\r\n", 4) != 0 ||
        send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(answer) - 1)
        bench_fail("bare echo: a handshake in pieces");
}

/* Echoes the masked frame at bytes, in place; its length. Frames come whole: they are small and
 * each connection has few in flight. */
static size_t bare_frame(int fd, char *bytes, size_t len)
{
    size_t body = (unsigned char)bytes[1] & 0x7F;
    size_t head = 2;
    char *payload;

    if (body == 126) {
        body = (size_t)(unsigned char)bytes[2] << 8 | (unsigned char)bytes[3];
        head = 4;
    }
    if (len < head + WS_MASK_BYTES + body)
        bench_fail("bare echo: a frame in pieces");
    payload = bytes + head + WS_MASK_BYTES;
    ws_mask(payload, body, (unsigned char *)payload - WS_MASK_BYTES);
    memmove(bytes + WS_MASK_BYTES, bytes, head);
    bytes[WS_MASK_BYTES + 1] &= 0x7F;
    if (send(fd, bytes + WS_MASK_BYTES, head + body, MSG_NOSIGNAL) != (ssize_t)(head + body))
        bench_fail("bare echo: send: errno %d", errno);
    return head + WS_MASK_BYTES + body;
}

static void bare_echo(int fd, char *bytes, size_t len)
{
    for (size_t at = 0; at < len;)
        at += bare_frame(fd, bytes + at, len - at);
}

static void bare_accept(int epoll_fd, int listen_fd)
{
    int one = 1;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        bench_fail("bare echo: accept: errno %d", errno);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void bare_read(int fd)
{
    static char bytes[BARE_READ];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0)
        close(fd);
    else if (bytes[0] == 'G')
        bare_handshake(fd, bytes, (size_t)n);
    else
        bare_echo(fd, bytes, (size_t)n);
}

static void bare_serve(void *ctx)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(*(uint16_t *)ctx) };
    int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listen_fd };

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listen_fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listen_fd, NET_BACKLOG) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0)
        bench_fail("bare echo: listen: errno %d", errno);
    for (;;) {
        struct epoll_event events[BARE_EVENTS];
        int n = epoll_wait(epoll_fd, events, BARE_EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listen_fd)
                bare_accept(epoll_fd, listen_fd);
            else
                bare_read(events[i].data.fd);
        }
    }
}

/* ---- load ---- */

struct echo_load {
    uint16_t port;
    pid_t pid;
    struct bench_ws_pool *pool;
    unsigned connections;
    struct slice message;
    bool again; /* saturated: an echo is answered by the next message */
    unsigned in_flight;
    uint64_t messages;
    double cpu_us;
    int64_t elapsed_us;
};

static struct echo_load *load_now; /* whose slice it is; the client has no other context */

static void load_message(struct bench_ws *ws, struct slice message)
{
    if (message.len != load_now->message.len)
        bench_fail("echo: %zu bytes came back for %zu", message.len, load_now->message.len);
    load_now->messages++;
    if (load_now->again)
        bench_ws_send(ws, load_now->message);
    else
        load_now->in_flight--;
}

static void load_closed(struct bench_ws *ws, int code)
{
    bench_fail("echo: connection %u closed with %d", ws->index, code);
}

static const struct bench_ws_ops load_ops = { .on_message = load_message,
                                              .on_closed = load_closed };

static void load_open(struct echo_load *load, void (*serve)(void *ctx))
{
    int64_t give_up = bench_now_us() + (int64_t)ECHO_OPEN_MS_MAX * 1000;
    int probe;

    load->port = bench_free_port();
    load->pid = bench_fork(serve, &load->port);
    do { /* until it listens */
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(load->port) };

        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(probe, (struct sockaddr *)&to, sizeof(to)) == 0)
            break;
        close(probe);
        usleep(1000);
    } while (bench_now_us() < give_up);
    close(probe);
    load->pool = bench_ws_pool_create(&load_ops, load->connections);
    for (unsigned i = 0; i < load->connections; i++) {
        bench_ws_connect(load->pool, load->port, "/ws", NULL, NULL);
        if (i % 64 == 63)
            bench_ws_poll(load->pool, 0);
    }
    while (bench_ws_open_count(load->pool) < load->connections) {
        if (bench_now_us() > give_up)
            bench_fail("echo: %u of %u connections opened", bench_ws_open_count(load->pool),
                       load->connections);
        bench_ws_poll(load->pool, 10000);
    }
}

static void load_close(struct echo_load *load)
{
    bench_ws_pool_destroy(&load->pool);
    kill(load->pid, SIGKILL);
    waitpid(load->pid, NULL, 0);
}

static void run_saturated(struct echo_load *load, int64_t until_us)
{
    load->again = true;
    for (unsigned i = 0; i < load->connections; i++)
        bench_ws_send(bench_ws_at(load->pool, i), load->message);
    while (bench_now_us() < until_us)
        bench_ws_poll(load->pool, 1000);
}

/* The client spins, so that a message leaves when it is due and never with another one. */
static void run_paced(struct echo_load *load, int64_t until_us, double rate)
{
    int64_t start = bench_now_us();
    uint64_t sent = 0;

    load->again = false;
    while (bench_now_us() < until_us) {
        if ((double)(bench_now_us() - start) * rate / 1e6 >= (double)sent) {
            bench_ws_send(bench_ws_at(load->pool, (unsigned)(sent % load->connections)),
                          load->message);
            load->in_flight++;
            sent++;
        }
        bench_ws_poll(load->pool, 0);
    }
}

static void load_drain(struct echo_load *load)
{
    int64_t give_up = bench_now_us() + (int64_t)ECHO_OPEN_MS_MAX * 1000;

    if (load->again) {
        load->again = false;
        load->in_flight = load->connections;
    }
    while (load->in_flight > 0 && bench_now_us() < give_up)
        bench_ws_poll(load->pool, 1000);
    if (load->in_flight > 0)
        bench_fail("echo: %u messages were not answered", load->in_flight);
}

static void load_slice(struct echo_load *load, double seconds, double rate)
{
    double cpu = bench_process_cpu_us(load->pid);
    int64_t start = bench_now_us();
    int64_t until = start + (int64_t)(seconds * 1e6);

    load_now = load;
    if (rate > 0)
        run_paced(load, until, rate);
    else
        run_saturated(load, until);
    load_drain(load);
    load->elapsed_us += bench_now_us() - start;
    load->cpu_us += bench_process_cpu_us(load->pid) - cpu;
}

void bench_echo_measure(unsigned connections, double seconds, size_t bytes, double rate,
                        struct bench_echo *out)
{
    static char text[ECHO_BYTES_MAX];
    struct echo_load own = { .connections = connections, .message = slice_make(text, bytes) };
    struct echo_load bare = own;

    memset(text, 'x', bytes);
    load_open(&own, echo_serve);
    load_open(&bare, bare_serve);
    for (int i = 0; i < ECHO_SLICES; i++) {
        load_slice(&own, seconds / (2 * ECHO_SLICES), rate);
        load_slice(&bare, seconds / (2 * ECHO_SLICES), rate);
    }
    load_close(&own);
    load_close(&bare);
    *out = (struct bench_echo){
        .messages_per_second = (double)own.messages * 1e6 / (double)own.elapsed_us,
        .cpu_us_per_message = own.cpu_us / (double)own.messages,
        .bare_cpu_us_per_message = bare.cpu_us / (double)bare.messages,
    };
}

int bench_echo_main(const struct bench_args *args)
{
    unsigned connections =
        (unsigned)bench_arg_long(args, "connections", 100, 1, BENCH_FILES_PER_PROCESS / 2 - 100);
    double seconds = (double)bench_arg_long(args, "seconds", 8, 1, BENCH_SECONDS_MAX);
    size_t bytes = (size_t)bench_arg_long(args, "bytes", 100, 0, ECHO_BYTES_MAX);
    double rate = bench_arg_double(args, "rate", 0);
    struct bench_report report;
    struct bench_echo echo;

    bench_echo_measure(connections, seconds, bytes, rate, &echo);
    bench_report_begin(&report, args, "WebSocket echo: our loop, streams and frames");
    bench_report_number(&report, "connections", connections);
    bench_report_number(&report, "bytes", (double)bytes);
    bench_report_number(&report, "ratePerSecond", rate);
    bench_report_number(&report, "messagesPerSecond", echo.messages_per_second);
    bench_report_number(&report, "cpuUsPerMessage", echo.cpu_us_per_message);
    bench_report_number(&report, "bareCpuUsPerMessage", echo.bare_cpu_us_per_message);
    bench_report_number(&report, "ratioToBare",
                        echo.bare_cpu_us_per_message > 0
                            ? echo.cpu_us_per_message / echo.bare_cpu_us_per_message
                            : 0); /* so few messages that the kernel counted no time */
    bench_report_end(&report);
    return 0;
}
