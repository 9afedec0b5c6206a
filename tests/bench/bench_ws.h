/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket client for load: many connections, one thread, one epoll. It shares no code with the
 * server, so that a mistake in one does not hide in the other. */
#ifndef KEFU_BENCH_WS_H
#define KEFU_BENCH_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct bench_ws;
struct bench_ws_pool;

struct bench_ws_ops {
    void (*on_open)(struct bench_ws *ws);
    void (*on_message)(struct bench_ws *ws, struct slice message);
    void (*on_closed)(struct bench_ws *ws, int close_code); /* 0: no close frame */
};

struct bench_ws {
    struct bench_ws_pool *pool;
    int fd;
    int state;
    unsigned index;
    bool reading; /* false: never reads (slow consumer) */
    int close_code;
    char *in;
    size_t in_len, in_cap;
    char *out;
    size_t out_len, out_cap;
    bool armed; /* EPOLLOUT */
    void *user;
};

struct bench_ws_pool *bench_ws_pool_create(const struct bench_ws_ops *ops,
                                           unsigned connections_max);
void bench_ws_pool_destroy(struct bench_ws_pool **pool);
/* Connects to 127.0.0.1:port from 127.0.0.(2 + index % 8), one source per 20,000 ports. */
struct bench_ws *bench_ws_connect(struct bench_ws_pool *pool, uint16_t port, const char *path,
                                  const char *subprotocol, const char *origin);
void bench_ws_send(struct bench_ws *ws, struct slice message);
void bench_ws_pause(struct bench_ws *ws); /* stops reading */
void bench_ws_resume(struct bench_ws *ws);
void bench_ws_close(struct bench_ws *ws); /* drops the connection at once */
/* Works what is ready, waits at most timeout_us for something. */
void bench_ws_poll(struct bench_ws_pool *pool, int64_t timeout_us);
bool bench_ws_is_open(const struct bench_ws *ws);
unsigned bench_ws_open_count(const struct bench_ws_pool *pool);
struct bench_ws *bench_ws_at(struct bench_ws_pool *pool, unsigned index);

#endif
