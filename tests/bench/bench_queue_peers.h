/* SPDX-License-Identifier: Apache-2.0 */
/* The message brokers that queue stands beside: messages/s, or 0 when not installed. */
#ifndef KEFU_BENCH_QUEUE_PEERS_H
#define KEFU_BENCH_QUEUE_PEERS_H

double bench_nats_rate(double seconds);
double bench_redis_rate(double seconds);

#endif
