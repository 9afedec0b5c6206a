/* SPDX-License-Identifier: Apache-2.0 */
/* RabbitMQ, spoken directly like the other brokers: AMQP 0-9-1, transient messages through one
 * queue without confirms, pushed to a consumer that does not acknowledge.
 * https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, section 4.2 for the frames. */
#include "bench_queue_peers.h"

#include "bench.h"
#include "mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FRAME_METHOD = 1,
    FRAME_HEADER = 2,
    FRAME_BODY = 3,
    FRAME_END = 0xCE,
    FRAME_HEAD_BYTES = 7,
    MESSAGE_BYTES_MAX = 64 + PEER_BODY, /* of method, header and body frame, without the body */
    FRAME_MAX = 131072,
    START_SECONDS = 30, /* Erlang takes five or so */
};

/* Classes and methods of the specification. */
enum method {
    CONNECTION_START = 10 << 16 | 10,
    CONNECTION_START_OK = 10 << 16 | 11,
    CONNECTION_TUNE = 10 << 16 | 30,
    CONNECTION_TUNE_OK = 10 << 16 | 31,
    CONNECTION_OPEN = 10 << 16 | 40,
    CONNECTION_OPEN_OK = 10 << 16 | 41,
    CHANNEL_OPEN = 20 << 16 | 10,
    CHANNEL_OPEN_OK = 20 << 16 | 11,
    QUEUE_DECLARE = 50 << 16 | 10,
    QUEUE_DECLARE_OK = 50 << 16 | 11,
    BASIC_CONSUME = 60 << 16 | 20,
    BASIC_CONSUME_OK = 60 << 16 | 21,
    BASIC_PUBLISH = 60 << 16 | 40,
    BASIC_CLASS = 60,
};

struct wire {
    unsigned char bytes[PEER_BATCH * MESSAGE_BYTES_MAX];
    size_t len;
};

static void put(struct wire *wire, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        wire->bytes[wire->len++] = (unsigned char)(value >> (8 * i));
}

static void put_short(struct wire *wire, const char *text)
{
    put(wire, strlen(text), 1);
    memcpy(wire->bytes + wire->len, text, strlen(text));
    wire->len += strlen(text);
}

/* Gives where its length belongs. */
static size_t frame_begin(struct wire *wire, int type, unsigned channel)
{
    put(wire, (uint64_t)type, 1);
    put(wire, channel, 2);
    put(wire, 0, 4);
    return wire->len;
}

static void frame_end(struct wire *wire, size_t from)
{
    size_t end = wire->len;

    wire->len = from - 4;
    put(wire, end - from, 4);
    wire->len = end;
    put(wire, FRAME_END, 1);
}

static void send_all(int fd, struct wire *wire)
{
    bench_peer_write(fd, (const char *)wire->bytes, wire->len);
    wire->len = 0;
}

static void read_all(int fd, unsigned char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t got = recv(fd, bytes, n, 0);

        if (got <= 0)
            bench_fail("RabbitMQ closed the connection");
        bytes += got;
        n -= (size_t)got;
    }
}

static void expect(int fd, enum method method)
{
    static unsigned char payload[FRAME_MAX];
    unsigned char head[FRAME_HEAD_BYTES];
    size_t len;

    read_all(fd, head, sizeof(head));
    len = (size_t)head[3] << 24 | (size_t)head[4] << 16 | (size_t)head[5] << 8 | head[6];
    if (len < 4 || len + 1 > sizeof(payload))
        bench_fail("RabbitMQ: a frame of %zu bytes", len);
    read_all(fd, payload, len + 1);
    if (head[0] != FRAME_METHOD || payload[0] != 0 || payload[1] != method >> 16 ||
        payload[2] != 0 || payload[3] != (method & 0xFFFF))
        bench_fail("RabbitMQ: method %u.%u", payload[1], payload[3]);
}

static void connect_open(int fd, struct wire *wire)
{
    size_t at;

    bench_peer_write(fd, "AMQP\0\0\11\1", 8);
    expect(fd, CONNECTION_START);
    at = frame_begin(wire, FRAME_METHOD, 0);
    put(wire, CONNECTION_START_OK, 4);
    put(wire, 0, 4); /* no properties */
    put_short(wire, "PLAIN");
    put(wire, 12, 4);
    memcpy(wire->bytes + wire->len, "\0guest\0guest", 12);
    wire->len += 12;
    put_short(wire, "en_US");
    frame_end(wire, at);
    send_all(fd, wire);
    expect(fd, CONNECTION_TUNE);
    at = frame_begin(wire, FRAME_METHOD, 0);
    put(wire, CONNECTION_TUNE_OK, 4);
    put(wire, 1, 2);
    put(wire, FRAME_MAX, 4);
    put(wire, 0, 2); /* no heartbeat */
    frame_end(wire, at);
    at = frame_begin(wire, FRAME_METHOD, 0);
    put(wire, CONNECTION_OPEN, 4);
    put_short(wire, "/");
    put(wire, 0, 2);
    frame_end(wire, at);
    send_all(fd, wire);
    expect(fd, CONNECTION_OPEN_OK);
    at = frame_begin(wire, FRAME_METHOD, 1);
    put(wire, CHANNEL_OPEN, 4);
    put_short(wire, "");
    frame_end(wire, at);
    send_all(fd, wire);
    expect(fd, CHANNEL_OPEN_OK);
}

static void queue_consume(int fd, struct wire *wire)
{
    size_t at = frame_begin(wire, FRAME_METHOD, 1);

    put(wire, QUEUE_DECLARE, 4);
    put(wire, 0, 2);
    put_short(wire, "k");
    put(wire, 0, 1); /* transient */
    put(wire, 0, 4);
    frame_end(wire, at);
    send_all(fd, wire);
    expect(fd, QUEUE_DECLARE_OK);
    at = frame_begin(wire, FRAME_METHOD, 1);
    put(wire, BASIC_CONSUME, 4);
    put(wire, 0, 2);
    put_short(wire, "k");
    put_short(wire, "");
    put(wire, 2, 1); /* no acknowledgements */
    put(wire, 0, 4);
    frame_end(wire, at);
    send_all(fd, wire);
    expect(fd, BASIC_CONSUME_OK);
}

static void message_put(struct wire *wire)
{
    size_t at = frame_begin(wire, FRAME_METHOD, 1);

    put(wire, BASIC_PUBLISH, 4);
    put(wire, 0, 2);
    put_short(wire, "");
    put_short(wire, "k");
    put(wire, 0, 1);
    frame_end(wire, at);
    at = frame_begin(wire, FRAME_HEADER, 1);
    put(wire, BASIC_CLASS, 2);
    put(wire, 0, 2);
    put(wire, PEER_BODY, 8);
    put(wire, 0, 2); /* no properties */
    frame_end(wire, at);
    at = frame_begin(wire, FRAME_BODY, 1);
    memset(wire->bytes + wire->len, 'x', PEER_BODY);
    memcpy(wire->bytes + wire->len, "MSG", 3);
    wire->len += PEER_BODY;
    frame_end(wire, at);
}

struct rabbit {
    struct bench_process process;
    char epmd[2][64]; /* the port mapper's environment */
};

/* A node of its own, with its own port mapper, which outlives it unless it is told to end. */
static bool rabbit_start(struct rabbit *rabbit)
{
    static char program[] = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    struct bench_process *process = &rabbit->process;
    char env[8][PATH_MAX + 64];
    char *argv[] = { "env",  rabbit->epmd[0], rabbit->epmd[1], env[0], env[1],  env[2], env[3],
                     env[4], env[5],          env[6],          env[7], program, NULL };

    if (access(program, X_OK) != 0)
        return false;
    process->port = bench_free_port();
    bench_temp_dir(process->dir, sizeof(process->dir));
    snprintf(rabbit->epmd[0], sizeof(rabbit->epmd[0]), "ERL_EPMD_PORT=%u", bench_free_port());
    snprintf(rabbit->epmd[1], sizeof(rabbit->epmd[1]), "ERL_EPMD_ADDRESS=127.0.0.1");
    snprintf(env[0], sizeof(env[0]), "HOME=%s", process->dir);
    snprintf(env[1], sizeof(env[1]), "RABBITMQ_NODENAME=kefu-bench@localhost");
    snprintf(env[2], sizeof(env[2]), "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1");
    snprintf(env[3], sizeof(env[3]), "RABBITMQ_NODE_PORT=%u", process->port);
    snprintf(env[4], sizeof(env[4]), "RABBITMQ_DIST_PORT=%u", bench_free_port());
    snprintf(env[5], sizeof(env[5]), "RABBITMQ_MNESIA_BASE=%s", process->dir);
    snprintf(env[6], sizeof(env[6]), "RABBITMQ_LOGS=%s/log", process->dir);
    snprintf(env[7], sizeof(env[7]), "RABBITMQ_ENABLED_PLUGINS_FILE=%s/plugins", process->dir);
    bench_process_start(process, argv);
    return true;
}

static void rabbit_stop(struct rabbit *rabbit)
{
    struct bench_process mapper = { .out_fd = -1 };
    char *argv[] = { "env", rabbit->epmd[0], rabbit->epmd[1], "epmd", "-kill", NULL };

    bench_process_stop(&rabbit->process);
    bench_process_start(&mapper, argv);
    waitpid(mapper.pid, NULL, 0);
    mapper.pid = 0;
    bench_process_stop(&mapper);
}

double bench_rabbit_rate(double seconds)
{
    struct rabbit rabbit = { .process = { .out_fd = -1 } };
    uint16_t port;
    struct wire *wire;
    double rate;
    int pub, sub;

    if (!rabbit_start(&rabbit))
        return 0;
    port = rabbit.process.port;
    wire = mem_zalloc(sizeof(*wire));
    sub = bench_peer_connect(port, START_SECONDS);
    connect_open(sub, wire);
    queue_consume(sub, wire);
    pub = bench_peer_connect(port, START_SECONDS);
    connect_open(pub, wire);
    for (int i = 0; i < PEER_BATCH; i++)
        message_put(wire);
    rate = bench_peer_run(pub, sub, (const char *)wire->bytes, wire->len, "MSG", seconds);
    close(pub);
    close(sub);
    rabbit_stop(&rabbit);
    free(wire);
    return rate;
}
