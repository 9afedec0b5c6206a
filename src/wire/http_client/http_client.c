/* SPDX-License-Identifier: Apache-2.0 */
/* The calls.
 *
 *   RESOLVING ──addresses pass──▶ CONNECTING ──request sent──▶ WAITING ──head──▶ READING ──▶ over
 *                                  │     ▲
 *                                  └─────┘ refused: the next address
 *
 * A deadline, a fault and http_client_cancel lead from everywhere to over. A server may answer
 * before it has read the whole request, so bytes are taken in CONNECTING too. While bytes are
 * worked the memory of a call stays, since its callbacks may cancel it. */
#include "http_client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "http_chars.h"
#include "http_client_request.h"
#include "http_client_resolve.h"
#include "loop.h"
#include "mem.h"
#include "net.h"

enum call_state { CALL_RESOLVING, CALL_CONNECTING, CALL_WAITING, CALL_READING, CALL_OVER };

struct call {
    struct http_client *client;
    uint32_t slot;
    uint8_t state; /* enum call_state */
    bool working;
    uint16_t status; /* once READING */
    struct http_url url;
    struct buf request;
    struct http_call_options options; /* without what is borrowed */
    uint64_t start_ms;
    struct loop_timer timer; /* the state's deadline, or the attempt's */
    struct http_query *query;
    struct http_addresses addresses;
    uint32_t address_next;
    struct net_stream *stream;
    struct http_reader reader;
    struct buf in;
};

struct call_slot {
    struct call *call; /* NULL: free */
    uint32_t generation;
};

struct http_client {
    struct loop *loop;
    struct http_client_options options;
    struct http_resolver *resolver;
    struct call_slot *slots; /* calls_max of them */
    uint32_t call_count;
    struct http_response response; /* 3 kB: one for all, used within one callback */
};

/* ---- ends ---- */

static void call_free(struct call *call)
{
    buf_fini(&call->request);
    buf_fini(&call->in);
    free(call);
}

/* Takes the call out of the table; what is named by its reference is over. */
static void call_leave(struct call *call, bool polite)
{
    struct http_client *client = call->client;
    struct call_slot *slot = &client->slots[call->slot];

    ENSURE(call->state != CALL_OVER && slot->call == call);
    call->state = CALL_OVER;
    slot->call = NULL;
    client->call_count--;
    loop_timer_stop(client->loop, &call->timer);
    http_query_cancel(&call->query);
    if (polite)
        net_close(&call->stream);
    else
        net_abort(&call->stream);
}

static void call_fail(struct call *call, enum err_code code, const char *reason)
{
    struct err err;

    call_leave(call, false);
    err_set(&err, code, "%s", reason);
    call->options.done(call->options.ctx, NULL, &err);
    if (!call->working)
        call_free(call);
}

static void call_done(struct call *call, const struct http_response *response)
{
    call_leave(call, true);
    call->options.done(call->options.ctx, response, NULL);
    if (!call->working)
        call_free(call);
}

/* ---- deadlines ---- */

static uint32_t call_limit(const struct call *call)
{
    switch (call->state) {
    case CALL_RESOLVING:
    case CALL_CONNECTING:
        return call->options.connect_ms_max;
    case CALL_WAITING:
        return call->options.head_ms_max;
    default:
        return call->options.total_ms_max;
    }
}

static uint64_t call_left(const struct call *call)
{
    uint64_t due = call->start_ms + call_limit(call);
    uint64_t now = loop_now_ms(call->client->loop);

    return due > now ? due - now : 0;
}

static void call_state_set(struct call *call, enum call_state state)
{
    call->state = (uint8_t)state;
    loop_timer_start(call->client->loop, &call->timer, call_left(call));
}

/* ---- the answer ---- */

/* What has come of the body. The owner may cancel the call. */
static void body_hand_on(struct call *call)
{
    struct slice piece = http_body_so_far(&call->reader, call->in.ptr, call->in.len);

    if (call->options.on_body == NULL || piece.len == 0)
        return;
    call->options.on_body(call->options.ctx, call->status, piece);
    if (call->state != CALL_OVER)
        http_body_drop(&call->reader, call->in.ptr, &call->in.len);
}

static void answer_bad(struct call *call)
{
    int status = call->reader.status;
    bool too_big = status == 413 || status == 431;

    call_fail(call, too_big ? ERR_TOO_BIG : ERR_IO, call->reader.reason);
}

static void answer_work(struct call *call)
{
    struct http_response *response = &call->client->response;
    enum http_verdict verdict =
        http_response_read(&call->reader, call->in.ptr, &call->in.len, response);

    if (verdict == HTTP_BAD) {
        answer_bad(call);
    } else if (verdict == HTTP_DONE) {
        call_done(call, response);
    } else if (call->reader.head_len > 0) {
        if (call->state != CALL_READING) {
            call->status = (uint16_t)response->status;
            call_state_set(call, CALL_READING);
        }
        body_hand_on(call);
    }
}

static void on_bytes(void *owner, char *bytes, size_t len)
{
    struct call *call = owner;

    buf_add(&call->in, bytes, len);
    ENSURE(buf_ok(&call->in)); /* the reader refuses long before */
    call->working = true;
    answer_work(call);
    call->working = false;
    if (call->state == CALL_OVER)
        call_free(call);
}

static void answer_end(struct call *call)
{
    struct http_response *response = &call->client->response;

    if (http_response_end(&call->reader, call->in.ptr, call->in.len, response) == HTTP_DONE)
        call_done(call, response);
    else
        call_fail(call, ERR_IO, call->reader.reason);
}

/* ---- connecting ---- */

static void connect_next(struct call *call, const char *reason);

static void on_end(void *owner, enum net_end end)
{
    struct call *call = owner;
    const char *fault = net_tls_fault(call->stream);

    if (end == NET_END_PEER) {
        answer_end(call);
    } else if (fault != NULL) {
        call_fail(call, ERR_IO, fault);
    } else if (call->state == CALL_CONNECTING && call->in.len == 0) {
        net_abort(&call->stream);
        connect_next(call, "the host refuses the connection");
    } else {
        call_fail(call, ERR_IO, "the connection broke");
    }
}

static void on_drained(void *owner)
{
    struct call *call = owner;

    if (call->state == CALL_CONNECTING)
        call_state_set(call, CALL_WAITING);
}

static const struct net_ops call_ops = { on_bytes, on_end, on_drained };

static void address_text(const uint8_t address[static 16], char out[static INET6_ADDRSTRLEN])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool v4 = memcmp(address, mapped, sizeof(mapped)) == 0;

    ENSURE(inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, out, INET6_ADDRSTRLEN) !=
           NULL);
}

/* False: on to the next address. */
static bool connect_to(struct call *call, const uint8_t address[static 16])
{
    struct http_client *client = call->client;
    char text[INET6_ADDRSTRLEN];
    struct err err;

    address_text(address, text);
    if (net_connect(client->loop, text, call->url.port, &call_ops, call, &call->stream, &err) !=
        ERR_OK)
        return false;
    if ((!call->url.tls ||
         net_tls_connect(call->stream, client->options.tls, call->url.host, &err) == ERR_OK) &&
        net_write(call->stream, buf_slice(&call->request)))
        return true;
    net_abort(&call->stream);
    return false;
}

/* The time that is left is shared by the addresses that are left. */
static void attempt_time(struct call *call)
{
    uint32_t addresses = call->addresses.count - call->address_next + 1;
    uint64_t share = call_left(call) / addresses;

    if (share < HTTP_CALL_ATTEMPT_MS)
        share = HTTP_CALL_ATTEMPT_MS < call_left(call) ? HTTP_CALL_ATTEMPT_MS : call_left(call);
    loop_timer_start(call->client->loop, &call->timer, share);
}

/* reason: why the last one failed. */
static void connect_next(struct call *call, const char *reason)
{
    while (call->address_next < call->addresses.count) {
        if (connect_to(call, call->addresses.address[call->address_next++])) {
            attempt_time(call);
            return;
        }
    }
    call_fail(call, ERR_IO, reason);
}

/* Every address is checked before any is used: a name with one public and one private address would
 * otherwise be a way in on the second try. */
static void on_resolved(void *ctx, const struct http_addresses *addresses, const char *reason)
{
    struct call *call = ctx;

    call->query = NULL;
    if (reason != NULL) {
        call_fail(call, ERR_NOT_FOUND, reason);
        return;
    }
    for (uint32_t i = 0; i < addresses->count; i++) {
        const char *refused =
            http_guard_address(call->client->options.guard, addresses->address[i]);
        char text[ERR_TEXT_MAX];

        if (refused == NULL)
            continue;
        snprintf(text, sizeof(text), "the host has an address that is not allowed: %s", refused);
        call_fail(call, ERR_FORBIDDEN, text);
        return;
    }
    call->addresses = *addresses;
    call_state_set(call, CALL_CONNECTING);
    connect_next(call, "the host cannot be reached");
}

static void on_timer(struct loop_timer *timer)
{
    struct call *call = CONTAINER_OF(timer, struct call, timer);

    switch (call->state) {
    case CALL_RESOLVING:
        call_fail(call, ERR_TIMEOUT, "the host's name was not resolved in time");
        break;
    case CALL_CONNECTING:
        if (call_left(call) > 0 && call->in.len == 0) {
            net_abort(&call->stream);
            connect_next(call, "the host does not answer");
        } else {
            call_fail(call, ERR_TIMEOUT, "no connection in time");
        }
        break;
    case CALL_WAITING:
        call_fail(call, ERR_TIMEOUT, "no answer in time");
        break;
    default:
        call_fail(call, ERR_TIMEOUT, "the answer did not end in time");
        break;
    }
}

/* ---- starting ---- */

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value != 0 ? value : usual;
}

static struct call *call_create(struct http_client *client, const struct http_call_options *options,
                                const struct http_url *url, struct buf *request)
{
    struct call *call = mem_zalloc(sizeof(*call));
    struct http_call_options *o = &call->options;

    call->client = client;
    call->url = *url;
    call->request = *request;
    *o = *options;
    o->url = SLICE_EMPTY;
    o->body = SLICE_EMPTY;
    o->fields = NULL;
    o->total_ms_max = or_default(o->total_ms_max, HTTP_CALL_TOTAL_MS);
    o->head_ms_max = or_default(o->head_ms_max, HTTP_CALL_HEAD_MS);
    o->connect_ms_max = or_default(o->connect_ms_max, HTTP_CALL_CONNECT_MS);
    /* The total holds for every state. */
    o->head_ms_max = o->head_ms_max < o->total_ms_max ? o->head_ms_max : o->total_ms_max;
    o->connect_ms_max = o->connect_ms_max < o->head_ms_max ? o->connect_ms_max : o->head_ms_max;
    o->body_max = or_default(o->body_max, HTTP_BODY_MAX);
    call->start_ms = loop_now_ms(client->loop);
    call->reader =
        (struct http_reader){ .body_max = o->body_max, .head_asked = o->method == HTTP_HEAD };
    buf_init(&call->in, (size_t)HTTP_HEAD_MAX + o->body_max + HTTP_TRAILERS_MAX +
                            HTTP_CHUNK_LINE_MAX + 2 * (size_t)LOOP_READ_BYTES);
    loop_timer_init(&call->timer, on_timer);
    return call;
}

static struct http_call call_enter(struct http_client *client, struct call *call)
{
    uint32_t slot = 0;

    while (client->slots[slot].call != NULL)
        slot++;
    ENSURE(slot < client->options.calls_max);
    client->slots[slot].call = call;
    client->slots[slot].generation++;
    if (client->slots[slot].generation == 0)
        client->slots[slot].generation = 1;
    client->call_count++;
    call->slot = slot;
    return (struct http_call){ slot, client->slots[slot].generation };
}

/* A numeric host takes the same way as a resolved one, from the timer, so that no callback comes
 * within the start. */
static void on_numeric(struct loop_timer *timer)
{
    struct call *call = CONTAINER_OF(timer, struct call, timer);

    loop_timer_init(timer, on_timer);
    call_state_set(call, CALL_CONNECTING);
    connect_next(call, "the host cannot be reached");
}

static void call_begin(struct call *call)
{
    struct http_client *client = call->client;

    if (call->url.numeric) {
        call->addresses.count = 1;
        memcpy(call->addresses.address[0], call->url.address, sizeof(call->url.address));
        loop_timer_init(&call->timer, on_numeric);
        loop_timer_start(client->loop, &call->timer, 0);
        return;
    }
    call_state_set(call, CALL_RESOLVING);
    call->query = http_resolve(client->resolver, call->url.host, on_resolved, call);
}

enum err_code http_client_start(struct http_client *client, const struct http_call_options *options,
                                struct http_call *out, struct err *err)
{
    struct http_url url;
    struct buf request;
    const char *refused;
    struct call *call;
    enum err_code rc = http_url_parse(options->url, &url, err);

    if (rc != ERR_OK)
        return rc;
    refused = http_guard_url(client->options.guard, &url);
    if (refused != NULL)
        return err_set_field(err, ERR_FORBIDDEN, "url", "not allowed: %s", refused);
    if (url.tls && client->options.tls == NULL)
        return err_set_field(err, ERR_UNSUPPORTED, "url", "https is not set up");
    if (client->call_count == client->options.calls_max)
        return err_set(err, ERR_BUSY, "%u calls are running", client->call_count);
    rc = http_client_request_write(options, &url, &request, err);
    if (rc != ERR_OK)
        return rc;
    call = call_create(client, options, &url, &request);
    *out = call_enter(client, call);
    call_begin(call);
    return ERR_OK;
}

void http_client_cancel(struct http_client *client, struct http_call ref)
{
    struct call *call;

    if (ref.generation == 0 || ref.slot >= client->options.calls_max ||
        client->slots[ref.slot].generation != ref.generation)
        return;
    call = client->slots[ref.slot].call;
    if (call == NULL)
        return;
    call_leave(call, false);
    if (!call->working)
        call_free(call);
}

/* ---- life ---- */

enum err_code http_client_create(struct loop *loop, const struct http_client_options *options,
                                 struct http_client **out, struct err *err)
{
    struct http_client *client = mem_zalloc(sizeof(*client));
    enum err_code rc = http_resolver_create(loop, options->dns_servers, &client->resolver, err);

    if (rc != ERR_OK) {
        free(client);
        return rc;
    }
    client->loop = loop;
    client->options = *options;
    client->options.calls_max = or_default(options->calls_max, HTTP_CALLS_MAX);
    client->slots = mem_zalloc(client->options.calls_max * sizeof(*client->slots));
    *out = client;
    return ERR_OK;
}

void http_client_destroy(struct http_client **slot)
{
    struct http_client *client = *slot;

    if (client == NULL)
        return;
    *slot = NULL;
    for (uint32_t i = 0; i < client->options.calls_max; i++)
        http_client_cancel(client, (struct http_call){ i, client->slots[i].generation });
    http_resolver_destroy(&client->resolver);
    free(client->slots);
    free(client);
}

uint32_t http_client_calls(const struct http_client *client)
{
    return client->call_count;
}
