/* SPDX-License-Identifier: Apache-2.0 */
/* NATS core and Redis streams, spoken directly: both protocols are lines of text, and a client
 * library would only add cost to the side that is not ours.
 * NATS: https://docs.nats.io/reference/reference-protocols/nats-protocol
 * RESP: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#include "bench_queue_peers.h"

#include "bench.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEER_BUF = 1 << 18, PEER_START_SECONDS = 4 };

int bench_peer_connect(uint16_t port, int seconds)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < seconds * 100; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
            return fd;
        close(fd);
        poll(NULL, 0, 10);
    }
    bench_fail("port %u does not answer", port);
}

void bench_peer_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            bench_fail("peer: errno %d", errno);
        bytes += n;
        len -= (size_t)n;
    }
}

/* Counts how often a three-byte mark passes by, across reads. */
static uint64_t peer_count(int fd, const char mark[3], unsigned *matched)
{
    static char bytes[PEER_BUF];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    uint64_t count = 0;

    if (n <= 0)
        bench_fail("peer closed: errno %d", errno);
    for (ssize_t i = 0; i < n; i++) {
        *matched = bytes[i] == mark[*matched] ? *matched + 1 : bytes[i] == mark[0];
        if (*matched == 3) {
            count++;
            *matched = 0;
        }
    }
    return count;
}

double bench_peer_run(int out_fd, int in_fd, const char *batch, size_t batch_len,
                      const char mark[3], double seconds)
{
    int64_t from = bench_now_us();
    int64_t end = from + (int64_t)(seconds * 1e6);
    uint64_t sent = 0;
    uint64_t received = 0;
    unsigned matched = 0;

    while (bench_now_us() < end || received < sent) {
        if (bench_now_us() < end && sent - received < 16 * PEER_BATCH) {
            bench_peer_write(out_fd, batch, batch_len);
            sent += PEER_BATCH;
            continue;
        }
        received += peer_count(in_fd, mark, &matched);
    }
    return (double)received * 1e6 / (double)(bench_now_us() - from);
}

double bench_nats_rate(double seconds)
{
    struct bench_process nats = { .out_fd = -1, .port = bench_free_port() };
    char port[16];
    char *argv[] = { "nats-server", "-a", "127.0.0.1", "-p", port, "-l", "/dev/null", NULL };
    static char batch[PEER_BATCH * (PEER_BODY + 32)];
    char path[512];
    size_t len = 0;
    unsigned matched = 0;
    double rate;
    int pub, sub;

    if (!bench_program_found("nats-server", path, sizeof(path)))
        return 0;
    snprintf(port, sizeof(port), "%u", nats.port);
    bench_process_start(&nats, argv);
    pub = bench_peer_connect(nats.port, PEER_START_SECONDS);
    sub = bench_peer_connect(nats.port, PEER_START_SECONDS);
    bench_peer_write(pub, "CONNECT {\"verbose\":false}\r\n", 27);
    bench_peer_write(sub, "CONNECT {\"verbose\":false}\r\nSUB k 1\r\nPING\r\n", 42);
    while (peer_count(sub, "PON", &matched) == 0)
        ;
    for (int i = 0; i < PEER_BATCH; i++) {
        len += (size_t)snprintf(batch + len, sizeof(batch) - len, "PUB k %d\r\n", PEER_BODY);
        memset(batch + len, 'x', PEER_BODY);
        memcpy(batch + len + PEER_BODY, "\r\n", 2);
        len += PEER_BODY + 2;
    }
    rate = bench_peer_run(pub, sub, batch, len, "MSG", seconds);
    close(pub);
    close(sub);
    bench_process_stop(&nats);
    return rate;
}

/* XADD in batches, XREAD by the same process: written, stored in memory, read back. */
double bench_redis_rate(double seconds)
{
    struct bench_process redis = { .out_fd = -1, .port = bench_free_port() };
    char port[16];
    char *argv[] = { "redis-server", "--port", port,         "--save",  "",
                     "--appendonly", "no",     "--loglevel", "warning", NULL };
    static const char read_batch[] =
        "*6\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$3\r\n256\r\n$7\r\nSTREAMS\r\n"
        "$1\r\nk\r\n$1\r\n0\r\n";
    static const char trim[] = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
    static char batch[PEER_BATCH * (PEER_BODY + 64)];
    char path[512];
    size_t len = 0;
    unsigned matched = 0;
    uint64_t messages = 0;
    int64_t from;
    double rate;
    int fd;

    if (!bench_program_found("redis-server", path, sizeof(path)))
        return 0;
    snprintf(port, sizeof(port), "%u", redis.port);
    bench_process_start(&redis, argv);
    fd = bench_peer_connect(redis.port, PEER_START_SECONDS);
    for (int i = 0; i < PEER_BATCH; i++) {
        len += (size_t)snprintf(batch + len, sizeof(batch) - len,
                                "*5\r\n$4\r\nXADD\r\n$1\r\nk\r\n$1\r\n*\r\n$1\r\nm\r\n$%d\r\n",
                                PEER_BODY);
        memset(batch + len, 'x', PEER_BODY);
        memcpy(batch + len + PEER_BODY, "\r\n", 2);
        len += PEER_BODY + 2;
    }
    from = bench_now_us();
    while (bench_now_us() - from < (int64_t)(seconds * 1e6)) {
        uint64_t got = 0;

        bench_peer_write(fd, batch, len);
        bench_peer_write(fd, read_batch, sizeof(read_batch) - 1);
        bench_peer_write(fd, trim, sizeof(trim) - 1);
        matched = 0;
        while (got < PEER_BATCH) /* each entry read back holds its body once */
            got += peer_count(fd, "m\r\n", &matched);
        messages += got;
    }
    rate = (double)messages * 1e6 / (double)(bench_now_us() - from);
    close(fd);
    bench_process_stop(&redis);
    return rate;
}
