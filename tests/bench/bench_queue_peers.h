/* SPDX-License-Identifier: Apache-2.0 */
/* The message brokers that queue stands beside: messages/s, or 0 when not installed. */
#ifndef KEFU_BENCH_QUEUE_PEERS_H
#define KEFU_BENCH_QUEUE_PEERS_H

#include <stddef.h>
#include <stdint.h>

enum { PEER_BODY = 100, PEER_BATCH = 256 };

double bench_nats_rate(double seconds);
double bench_redis_rate(double seconds);
double bench_rabbit_rate(double seconds);

/* To a broker that was just started. */
int bench_peer_connect(uint16_t port, int seconds);
void bench_peer_write(int fd, const char *bytes, size_t len);
/* Sends batches of PEER_BATCH messages, few of them under way, and counts what comes back by a mark
 * that is in each message once; messages/s received. */
double bench_peer_run(int out_fd, int in_fd, const char *batch, size_t batch_len,
                      const char mark[3], double seconds);

#endif
