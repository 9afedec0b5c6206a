/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_load.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { CHAOS_RETRY_US = 100000, CHAOS_CONNECTS_MAX = 200000 };

static struct chaos_load *load_of;

static void visitor_transmit(struct chaos_visitor *visitor)
{
    const struct ledger_message *message = &load_of->ledger->messages[visitor->in_flight - 1];
    char text[128];
    char frame[512];
    int n;

    ledger_text(message->sender, message->counter, text, sizeof(text));
    visitor->frame_id++;
    if (visitor->conv[0] == '\0')
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"start\":{\"clientId\":\"%s\",\"text\":\"%s\"}}",
                     visitor->frame_id, message->client_id, text);
    else
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"send\":{\"conversationId\":\"%s\",\"clientId\":\"%s\","
                     "\"text\":\"%s\"}}",
                     visitor->frame_id, visitor->conv, message->client_id, text);
    bench_ws_send(visitor->ws, slice_make(frame, (size_t)n));
}

static void visitor_next(struct chaos_visitor *visitor)
{
    unsigned index = (unsigned)(visitor - load_of->visitors);

    if (visitor->in_flight == 0) {
        if (!load_of->sending)
            return;
        visitor->counter++;
        visitor->in_flight = 1 + ledger_sent(load_of->ledger, index, visitor->counter,
                                             strtoull(visitor->conv, NULL, 10));
    }
    visitor_transmit(visitor);
}

static void on_open(struct bench_ws *ws)
{
    struct chaos_visitor *visitor = ws->user;
    char frame[1024];
    int n;

    visitor->frame_id = 1;
    if (visitor->token[0] != '\0')
        n = snprintf(frame, sizeof(frame),
                     "{\"id\":1,\"hello\":{\"siteKey\":\"%s\",\"visitorToken\":\"%s\"}}",
                     load_of->site_key, visitor->token);
    else
        n = snprintf(frame, sizeof(frame), "{\"id\":1,\"hello\":{\"siteKey\":\"%s\"}}",
                     load_of->site_key);
    bench_ws_send(ws, slice_make(frame, (size_t)n));
}

static void on_message(struct bench_ws *ws, struct slice message)
{
    struct chaos_visitor *visitor = ws->user;
    uint32_t id;

    switch (bench_frame_kind(message, &id)) {
    case FRAME_WELCOME:
        bench_frame_text(message, "visitorToken", visitor->token, sizeof(visitor->token));
        visitor_next(visitor);
        break;
    case FRAME_ACK:
        if (visitor->in_flight == 0 || id != visitor->frame_id)
            break;
        bench_frame_text(message, "conversationId", visitor->conv, sizeof(visitor->conv));
        ledger_acked(load_of->ledger, visitor->in_flight - 1, strtoull(visitor->conv, NULL, 10),
                     (uint32_t)bench_frame_u64(message, "seq"));
        visitor->in_flight = 0;
        visitor_next(visitor);
        break;
    case FRAME_ERROR:
        if (bench_frame_has(message, "\"busy\"") || bench_frame_has(message, "\"unavailable\"") ||
            bench_frame_has(message, "\"no_space\"") ||
            bench_frame_has(message, "\"rate_limited\"")) {
            load_of->busy++;
            visitor->retry_us = bench_now_us() + CHAOS_RETRY_US;
            break;
        }
        ledger_violation(load_of->ledger, "unexpected error frame: %.*s", SLICE_ARGS(message));
        visitor->in_flight = 0;
        break;
    default:
        break;
    }
}

static void on_closed(struct bench_ws *ws, int code)
{
    struct chaos_visitor *visitor = ws->user;

    (void)code;
    visitor->ws = NULL;
    visitor->retry_us = bench_now_us() + CHAOS_RETRY_US;
}

static const struct bench_ws_ops chaos_ops = { on_open, on_message, on_closed };

void chaos_load_init(struct chaos_load *load, unsigned connections, struct ledger *ledger,
                     uint16_t port, const char *site_key)
{
    *load = (struct chaos_load){ .connections = connections,
                                 .ledger = ledger,
                                 .port = port,
                                 .site_key = site_key,
                                 .sending = true };
    load->visitors = mem_zalloc(sizeof(*load->visitors) * connections);
    load->pool = bench_ws_pool_create(&chaos_ops, CHAOS_CONNECTS_MAX);
    load_of = load;
}

void chaos_load_fini(struct chaos_load *load)
{
    bench_ws_pool_destroy(&load->pool);
    free(load->visitors);
    load_of = NULL;
}

static void load_reconnect(struct chaos_load *load, int64_t now)
{
    for (unsigned i = 0; i < load->connections; i++) {
        struct chaos_visitor *visitor = &load->visitors[i];

        if (visitor->retry_us > now)
            continue;
        if (visitor->ws == NULL) {
            visitor->ws = bench_ws_connect(load->pool, load->port, "/ws", "kefu.v1.json", NULL);
            visitor->ws->user = visitor;
            visitor->retry_us = INT64_MAX;
        } else if (visitor->retry_us != 0 && visitor->retry_us != INT64_MAX) {
            visitor->retry_us = INT64_MAX;
            visitor_next(visitor);
        }
    }
}

void chaos_load_run(struct chaos_load *load, int64_t us)
{
    int64_t end = bench_now_us() + us;
    int64_t now;

    while ((now = bench_now_us()) < end) {
        load_reconnect(load, now);
        bench_ws_poll(load->pool, 2000);
    }
}

bool chaos_load_finish(struct chaos_load *load, int seconds_max)
{
    int64_t end = bench_now_us() + seconds_max * 1000000LL;
    bool waiting = true;

    load->sending = false;
    while (waiting && bench_now_us() < end) {
        chaos_load_run(load, 20000);
        waiting = false;
        for (unsigned i = 0; i < load->connections; i++)
            waiting |= load->visitors[i].in_flight != 0;
    }
    load->sending = true;
    return !waiting;
}
