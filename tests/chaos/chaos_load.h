/* SPDX-License-Identifier: Apache-2.0 */
/* Visitors that never give up: each sends, keeps what is not acknowledged, reconnects and sends it
 * again with the same client id. */
#ifndef KEFU_CHAOS_LOAD_H
#define KEFU_CHAOS_LOAD_H

#include "bench_server.h"
#include "bench_ws.h"
#include "chaos_ledger.h"
#include "chaos_thread.h"

struct chaos_visitor {
    struct bench_ws *ws; /* NULL: not connected */
    char token[512];
    char conv[24];
    size_t in_flight; /* index in the ledger + 1, 0: nothing */
    uint32_t counter;
    uint32_t frame_id;
    int64_t retry_us;
    struct thread *reading; /* NULL: nobody reads its history */
    bool read_failed;
};

struct chaos_load {
    struct bench_ws_pool *pool;
    struct chaos_visitor *visitors;
    unsigned connections;
    struct ledger *ledger;
    uint16_t port;
    const char *site_key;
    bool sending; /* false: only what is in flight is finished */
    uint64_t busy;
};

void chaos_load_init(struct chaos_load *load, unsigned connections, struct ledger *ledger,
                     uint16_t port, const char *site_key);
void chaos_load_fini(struct chaos_load *load);
/* Connects and resends what is due, works what came; waits at most 2 ms for something. */
void chaos_load_turn(struct chaos_load *load);
void chaos_load_run(struct chaos_load *load, int64_t us);
/* Visitors whose message is not acknowledged. */
unsigned chaos_load_in_flight(const struct chaos_load *load);
/* The whole conversation as the visitor reads it over its socket. False: not within 10 s. */
bool chaos_load_read(struct chaos_load *load, unsigned visitor, struct thread *out);

#endif
