/* SPDX-License-Identifier: Apache-2.0 */
/* What streams and listeners of one loop share. */
#ifndef KEFU_NET_PRIV_H
#define KEFU_NET_PRIV_H

#include "loop.h"
#include "net.h"

struct net_out;

enum { NET_OUT_SPARE_MAX = 128 }; /* 128 KiB per shard: one burst's worth of write buffers */

struct net_loop {
    struct loop_part part;
    struct loop *loop;
    struct loop_node flush;
    struct net_stream *dirty; /* have bytes or a close to bring out this turn */
    struct net_stream *lingering;
    struct loop_timer linger_timer;
    struct net_out *spare_out;
    uint32_t spare_out_count;
    uint32_t lingering_count;
    int spare_fd; /* given up for a moment to refuse a connection when descriptors run out */
};

struct net_loop *net_loop_of(struct loop *loop);

#endif
