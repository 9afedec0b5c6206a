/* SPDX-License-Identifier: Apache-2.0 */
/* Visitors that never give up: each sends, keeps what is not acknowledged, reconnects and sends it
 * again with the same client id. */
#ifndef KEFU_CHAOS_LOAD_H
#define KEFU_CHAOS_LOAD_H

#include "bench_server.h"
#include "bench_ws.h"
#include "chaos_ledger.h"

struct chaos_visitor {
    struct bench_ws *ws; /* NULL: not connected */
    char token[512];
    char conv[24];
    size_t in_flight; /* index in the ledger + 1, 0: nothing */
    uint32_t counter;
    uint32_t frame_id;
    int64_t retry_us;
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
/* Works for at most us microseconds. */
void chaos_load_run(struct chaos_load *load, int64_t us);
/* Until nothing is in flight; false after seconds_max. */
bool chaos_load_finish(struct chaos_load *load, int seconds_max);

#endif
