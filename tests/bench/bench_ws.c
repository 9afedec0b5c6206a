/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "mem.h"

enum ws_state { WS_CONNECTING = 1, WS_HANDSHAKE, WS_OPEN, WS_CLOSED };

enum { EVENTS_MAX = 512, READ_BYTES = 65536, SOURCES = 8 };

struct bench_ws_pool {
    const struct bench_ws_ops *ops;
    int epoll_fd;
    unsigned count, count_max, open;
    struct bench_ws **all;
    struct bench_ws **dirty; /* have output to flush */
    unsigned dirty_count;
    char read_buf[READ_BYTES];
};

struct bench_ws_pool *bench_ws_pool_create(const struct bench_ws_ops *ops, unsigned connections_max)
{
    struct bench_ws_pool *pool = mem_zalloc(sizeof(*pool));

    pool->ops = ops;
    pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (pool->epoll_fd < 0)
        bench_fail("epoll_create1: errno %d", errno);
    pool->count_max = connections_max;
    pool->all = mem_zalloc(sizeof(struct bench_ws *) * connections_max);
    pool->dirty = mem_zalloc(sizeof(struct bench_ws *) * connections_max);
    return pool;
}

static void ws_drop(struct bench_ws *ws)
{
    if (ws->state == WS_CLOSED)
        return;
    if (ws->state == WS_OPEN)
        ws->pool->open--;
    ws->state = WS_CLOSED;
    close(ws->fd);
    ws->fd = -1;
    if (ws->pool->ops->on_closed != NULL)
        ws->pool->ops->on_closed(ws, ws->close_code);
}

void bench_ws_pool_destroy(struct bench_ws_pool **slot)
{
    struct bench_ws_pool *pool = *slot;

    if (pool == NULL)
        return;
    for (unsigned i = 0; i < pool->count; i++) {
        if (pool->all[i]->fd >= 0)
            close(pool->all[i]->fd);
        free(pool->all[i]->in);
        free(pool->all[i]->out);
        free(pool->all[i]);
    }
    close(pool->epoll_fd);
    free(pool->all);
    free(pool->dirty);
    free(pool);
    *slot = NULL;
}

static void ws_arm(struct bench_ws *ws)
{
    struct epoll_event event = { .data.ptr = ws };

    event.events = (ws->reading ? (uint32_t)EPOLLIN : 0u) | (ws->armed ? (uint32_t)EPOLLOUT : 0u);
    epoll_ctl(ws->pool->epoll_fd, EPOLL_CTL_MOD, ws->fd, &event);
}

static void out_add(struct bench_ws *ws, const void *ptr, size_t len)
{
    if (ws->out_len + len > ws->out_cap) {
        size_t cap = ws->out_cap > 0 ? ws->out_cap : 512;

        while (cap < ws->out_len + len)
            cap *= 2;
        ws->out = mem_realloc(ws->out, cap);
        ws->out_cap = cap;
    }
    if (ws->out_len == 0)
        ws->pool->dirty[ws->pool->dirty_count++] = ws;
    memcpy(ws->out + ws->out_len, ptr, len);
    ws->out_len += len;
}

struct bench_ws *bench_ws_connect(struct bench_ws_pool *pool, uint16_t port, const char *path,
                                  const char *subprotocol, const char *origin)
{
    struct bench_ws *ws = mem_zalloc(sizeof(*ws));
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = ws };
    int one = 1;
    char head[512];

    if (pool->count == pool->count_max)
        bench_fail("more than %u connections", pool->count_max);
    ws->pool = pool;
    ws->index = pool->count;
    ws->reading = true;
    ws->state = WS_CONNECTING;
    pool->all[pool->count++] = ws;
    ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (ws->fd < 0)
        bench_fail("socket %u: errno %d", ws->index, errno);
    setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(ws->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + ws->index % SOURCES);
    if (bind(ws->fd, (struct sockaddr *)&from, sizeof(from)) != 0)
        bench_fail("bind: errno %d", errno);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(ws->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        bench_fail("connect %u: errno %d", ws->index, errno);
    ws->armed = true;
    if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, ws->fd, &event) != 0)
        bench_fail("epoll_ctl: errno %d", errno);
    snprintf(
        head, sizeof(head),
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s%s%s%s"
        "\r\n",
        path, port, subprotocol != NULL ? "Sec-WebSocket-Protocol: " : "",
        subprotocol != NULL ? subprotocol : "", subprotocol != NULL ? "\r\n" : "",
        origin != NULL ? "Origin: " : "", origin != NULL ? origin : "",
        origin != NULL ? "\r\n" : "");
    out_add(ws, head, strlen(head));
    return ws;
}

static void ws_flush(struct bench_ws *ws)
{
    ssize_t n;

    if (ws->state == WS_CONNECTING || ws->state == WS_CLOSED || ws->out_len == 0)
        return;
    n = send(ws->fd, ws->out, ws->out_len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        ws_drop(ws);
        return;
    }
    if (n > 0) {
        memmove(ws->out, ws->out + n, ws->out_len - (size_t)n);
        ws->out_len -= (size_t)n;
    }
    if ((ws->out_len > 0) != ws->armed) {
        ws->armed = ws->out_len > 0;
        ws_arm(ws);
    }
}

static void pool_flush(struct bench_ws_pool *pool)
{
    unsigned count = pool->dirty_count;
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        struct bench_ws *ws = pool->dirty[i];

        ws_flush(ws);
        if (ws->state == WS_CLOSED)
            ws->out_len = 0;
        if (ws->out_len > 0)
            pool->dirty[kept++] = ws;
    }
    pool->dirty_count = kept;
}

void bench_ws_send(struct bench_ws *ws, struct slice message)
{
    /* RFC 6455 5.3: a client masks; the key need not be secret here. */
    static const unsigned char key[4] = { 0x37, 0xfa, 0x21, 0x3d };
    unsigned char head[14] = { 0x81 };
    size_t head_len;
    size_t at;

    if (ws->state != WS_OPEN)
        return;
    if (message.len < 126) {
        head[1] = (unsigned char)(0x80 | message.len);
        head_len = 2;
    } else if (message.len < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(message.len >> 8);
        head[3] = (unsigned char)message.len;
        head_len = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)message.len >> (56 - 8 * i));
        head_len = 10;
    }
    memcpy(head + head_len, key, 4);
    out_add(ws, head, head_len + 4);
    at = ws->out_len;
    out_add(ws, message.ptr, message.len);
    for (size_t i = 0; i < message.len; i++)
        ws->out[at + i] = (char)(ws->out[at + i] ^ key[i & 3]);
}

void bench_ws_pause(struct bench_ws *ws)
{
    if (ws == NULL || ws->state == WS_CLOSED)
        return;
    ws->reading = false;
    ws_arm(ws);
}

void bench_ws_resume(struct bench_ws *ws)
{
    if (ws == NULL || ws->state == WS_CLOSED)
        return;
    ws->reading = true;
    ws_arm(ws);
}

void bench_ws_close(struct bench_ws *ws)
{
    ws_drop(ws);
}

static size_t handshake_take(struct bench_ws *ws, const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    if (len < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
        ws_drop(ws);
        return len;
    }
    ws->state = WS_OPEN;
    ws->pool->open++;
    if (ws->pool->ops->on_open != NULL)
        ws->pool->ops->on_open(ws);
    return (size_t)(end + 4 - bytes);
}

/* One frame off the front; 0: not whole yet. Servers neither mask nor, here, fragment. */
static size_t frame_take(struct bench_ws *ws, const unsigned char *b, size_t len)
{
    size_t head = 2;
    uint64_t body;

    if (len < 2)
        return 0;
    body = b[1] & 0x7f;
    if (body == 126) {
        if (len < 4)
            return 0;
        body = (uint64_t)b[2] << 8 | b[3];
        head = 4;
    } else if (body == 127) {
        if (len < 10)
            return 0;
        body = 0;
        for (int i = 0; i < 8; i++)
            body = body << 8 | b[2 + i];
        head = 10;
    }
    if (len - head < body)
        return 0;
    switch (b[0] & 0x0f) {
    case 1:
    case 2:
        ws->pool->ops->on_message(ws, slice_make(b + head, (size_t)body));
        break;
    case 8:
        ws->close_code = body >= 2 ? b[head] << 8 | b[head + 1] : 1005;
        ws_drop(ws);
        break;
    case 9: {
        const unsigned char pong[6] = { 0x8a, 0x80 };
        out_add(ws, pong, sizeof(pong));
        break;
    }
    default:
        break;
    }
    return head + (size_t)body;
}

static size_t bytes_take(struct bench_ws *ws, const char *bytes, size_t len)
{
    size_t used = 0;

    while (used < len && ws->state != WS_CLOSED) {
        size_t n = ws->state == WS_OPEN
                       ? frame_take(ws, (const unsigned char *)bytes + used, len - used)
                       : handshake_take(ws, bytes + used, len - used);

        if (n == 0)
            break;
        used += n;
    }
    return used;
}

static void ws_keep(struct bench_ws *ws, const char *bytes, size_t len)
{
    if (ws->in_len + len > ws->in_cap) {
        ws->in_cap = ws->in_len + len + 1024;
        ws->in = mem_realloc(ws->in, ws->in_cap);
    }
    memcpy(ws->in + ws->in_len, bytes, len);
    ws->in_len += len;
}

static void ws_read(struct bench_ws *ws)
{
    char *bytes = ws->pool->read_buf;
    ssize_t n = recv(ws->fd, bytes, READ_BYTES, 0);
    size_t used;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        ws_drop(ws);
        return;
    }
    if (n < 0)
        return;
    if (ws->in_len > 0) {
        ws_keep(ws, bytes, (size_t)n);
        used = bytes_take(ws, ws->in, ws->in_len);
        memmove(ws->in, ws->in + used, ws->in_len - used);
        ws->in_len -= used;
    } else {
        used = bytes_take(ws, bytes, (size_t)n);
        if (used < (size_t)n && ws->state != WS_CLOSED)
            ws_keep(ws, bytes + used, (size_t)n - used);
    }
}

void bench_ws_poll(struct bench_ws_pool *pool, int64_t timeout_us)
{
    struct epoll_event events[EVENTS_MAX];
    int timeout_ms = timeout_us <= 0 ? 0 : (int)((timeout_us + 999) / 1000);
    int n;

    pool_flush(pool);
    n = epoll_wait(pool->epoll_fd, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct bench_ws *ws = events[i].data.ptr;

        if (ws->state == WS_CLOSED)
            continue;
        if (ws->state == WS_CONNECTING) {
            int error = 0;
            socklen_t size = sizeof(error);

            getsockopt(ws->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error != 0) {
                ws_drop(ws);
                continue;
            }
            ws->state = WS_HANDSHAKE;
        }
        if (events[i].events & (EPOLLOUT))
            ws_flush(ws);
        if (ws->state != WS_CLOSED && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            ws_read(ws);
    }
    pool_flush(pool);
}

bool bench_ws_is_open(const struct bench_ws *ws)
{
    return ws->state == WS_OPEN;
}

unsigned bench_ws_open_count(const struct bench_ws_pool *pool)
{
    return pool->open;
}

struct bench_ws *bench_ws_at(struct bench_ws_pool *pool, unsigned index)
{
    return index < pool->count ? pool->all[index] : NULL;
}
