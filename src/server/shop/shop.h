/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's shop: the system that the library of flows calls, small and with a memory. Orders come
 * from a seed; what is created (returns, invoices, claims, bookings, …) is kept and listed, so that
 * a return in the demo really is one. A repeat of a request (same Idempotency-Key) gets the first
 * answer and creates nothing.
 *
 *   GET  /orders/ID          an order
 *   GET  /records[?kind=K]   what was created
 *   POST /do/ACTION          any other action of the library, by its name
 *   POST /faults             {"action","mode"}: fail (500), hold (no answer), none; for tests
 *
 * Pure: a request in, an answer out. Errors are {"error":{"code"}} with a status from 400. */
#ifndef KEFU_SHOP_H
#define KEFU_SHOP_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"

enum {
    SHOP_RECORDS_MAX = 1000, /* then the oldest is forgotten: a demo, not an archive */
    SHOP_FAULTS_MAX = 16,
    SHOP_PORT = 8091, /* where share/demo/actions.jsonl looks for it */
};

struct shop;
struct shop *shop_create(int64_t now_ms); /* orders are dated from now */
void shop_destroy(struct shop **shop);

struct shop_request {
    bool post;
    struct slice path, query, body;
    struct slice key; /* Idempotency-Key; may be empty */
};
/* Gives the status and writes the body; 0: this one gets no answer. */
int shop_handle(struct shop *shop, const struct shop_request *request, struct buf *out);

#endif
