/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos_load.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    CHAOS_RETRY_US = 100000,
    CHAOS_CONNECTS_MAX = 200000,
    CHAOS_READ_SECONDS = 10,
    CHAOS_READ_EVENTS = 200, /* of a page */
};

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

static void visitor_read(struct chaos_visitor *visitor)
{
    const struct thread *thread = visitor->reading;
    char frame[256];
    int n = snprintf(frame, sizeof(frame),
                     "{\"id\":%u,\"fetch\":{\"conversationId\":\"%s\",\"fromSeq\":%u,"
                     "\"limit\":%d}}",
                     ++visitor->frame_id, visitor->conv,
                     thread->count > 0 ? thread->events[thread->count - 1].seq + 1 : 1,
                     CHAOS_READ_EVENTS);

    bench_ws_send(visitor->ws, slice_make(frame, (size_t)n));
}

static void visitor_page(struct chaos_visitor *visitor, struct slice message)
{
    size_t before = visitor->reading->count;

    visitor->read_failed = !thread_add_page(visitor->reading, message);
    if (!visitor->read_failed && visitor->reading->more && visitor->reading->count > before)
        visitor_read(visitor);
    else
        visitor->reading = NULL;
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
        if (visitor->reading != NULL)
            visitor_read(visitor);
        else
            visitor_next(visitor);
        break;
    case FRAME_HISTORY:
        if (visitor->reading != NULL && id == visitor->frame_id)
            visitor_page(visitor, message);
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

void chaos_load_turn(struct chaos_load *load)
{
    load_reconnect(load, bench_now_us());
    bench_ws_poll(load->pool, 2000);
}

void chaos_load_run(struct chaos_load *load, int64_t us)
{
    int64_t end = bench_now_us() + us;

    while (bench_now_us() < end)
        chaos_load_turn(load);
}

unsigned chaos_load_in_flight(const struct chaos_load *load)
{
    unsigned count = 0;

    for (unsigned i = 0; i < load->connections; i++)
        count += load->visitors[i].in_flight != 0;
    return count;
}

bool chaos_load_read(struct chaos_load *load, unsigned index, struct thread *out)
{
    struct chaos_visitor *visitor = &load->visitors[index];
    int64_t end = bench_now_us() + CHAOS_READ_SECONDS * 1000000LL;

    visitor->reading = out;
    visitor->read_failed = false;
    if (visitor->ws != NULL && bench_ws_is_open(visitor->ws) && visitor->frame_id > 0)
        visitor_read(visitor);
    while (visitor->reading != NULL && bench_now_us() < end)
        chaos_load_turn(load);
    visitor->read_failed |= visitor->reading != NULL;
    visitor->reading = NULL;
    return !visitor->read_failed;
}
