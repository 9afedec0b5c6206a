/* SPDX-License-Identifier: Apache-2.0 */
/* A real `kefu serve` as a child, with the demo workspace, rate limits off (and printed so), and
 * what a load client needs of its JSON frames. */
#ifndef KEFU_BENCH_SERVER_H
#define KEFU_BENCH_SERVER_H

#include "bench.h"

struct bench_server {
    struct bench_process process;
    char dir[128];
    char site_key[64];
    char store[16]; /* sqlite or memory */
    int shards;     /* 0: the server's default */
};

/* Starts on a free port with a new temporary folder (or the one in dir) and waits for /readyz. */
void bench_server_start(struct bench_server *server);
/* The same without waiting. */
void bench_server_launch(struct bench_server *server);
void bench_server_stop(struct bench_server *server, bool keep_data);
/* One HTTP request; gives the status, copies the body (cut to size). */
int bench_http_get(uint16_t port, const char *path, char *body, size_t body_size);
/* Value of a metric line in /metrics, or 0. */
double bench_metric(uint16_t port, const char *name);

/* Frames, read by key: the encoder writes `{"id":N,"ack":{…}}` in schema order. */
enum bench_frame {
    FRAME_OTHER,
    FRAME_WELCOME,
    FRAME_ACK,
    FRAME_ERROR,
    FRAME_EVENT,
    FRAME_HISTORY,
    FRAME_ROW, /* of the inbox */
};
enum bench_frame bench_frame_kind(struct slice frame, uint32_t *id);
/* The digits after `"key":` or `"key":"`; 0 when missing. */
uint64_t bench_frame_u64(struct slice frame, const char *key);
/* The text after `"key":"` up to the next quote, copied. */
bool bench_frame_text(struct slice frame, const char *key, char *out, size_t out_size);
bool bench_frame_has(struct slice frame, const char *needle);

/* A time-ordered 128-bit client id as 32 hex digits (UUIDv7 layout). */
void bench_client_id(char out[33]);

#endif
