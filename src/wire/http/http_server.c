/* SPDX-License-Identifier: Apache-2.0 */
/* A connection is in one of four states:
 *
 *   IDLE ──bytes──▶ READING ──request whole──▶ BUSY ──http_reply──▶ IDLE (or closed)
 *                                               └──http_stream_begin──▶ STREAMING ──end──▶ IDLE
 *
 * While it reads, what has come of the request waits in `in`; a request that arrives in one piece
 * is worked in the loop's read buffer and never copied. While BUSY or STREAMING, what comes is
 * pipelined: it waits in `in`, up to a bound, after which reading pauses.
 *
 * A connection may end inside any call out to the handler, so during conn_work it is kept (state
 * GONE) and freed on the way out. */
#include "http_server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "mem.h"

enum {
    HTTP_SLOTS_MIN = 16,
    HTTP_SWEEP_MS = 1000,
    HTTP_DATE_BYTES = 64,
    HTTP_OUT_HEAD_MAX = 64 * 1024,
    /* A whole request, and what one read may bring behind it or behind a full pipeline. */
    HTTP_IN_MAX = HTTP_HEAD_MAX + HTTP_BODY_MAX + HTTP_TRAILERS_MAX + 2 * HTTP_PIPELINE_BYTES_MAX +
                  2 * LOOP_READ_BYTES,
};

enum conn_state { CONN_IDLE, CONN_READING, CONN_BUSY, CONN_STREAMING, CONN_GONE };

struct http_conn {
    struct http_server *server;
    struct net_stream *stream;
    struct buf in;
    char *rest; /* while a request is dispatched: the bytes behind it */
    size_t rest_len;
    struct loop_node resume; /* pipelined requests wait for the end of the turn */
    struct http_reader reader;
    uint64_t since_ms; /* the state's beginning */
    uint64_t moved_ms; /* last time that queued bytes went out */
    size_t pending_seen;
    uint32_t slot;
    uint8_t state; /* enum conn_state */
    bool served;   /* has had an answer: idle time, not head time */
    bool working;  /* inside conn_work: do not free */
    bool peer_ended;
    bool keep_alive; /* of the request being answered */
    bool head_only;  /* it was a HEAD */
    bool chunked_out;
    bool minor_zero;
    bool continue_sent;
    bool paused;
    char peer[NET_PEER_TEXT_BYTES];
};

struct conn_slot {
    struct http_conn *conn;
    uint32_t generation;
    uint32_t free_next; /* index + 1 */
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    struct conn_slot *slots;
    uint32_t slot_count;
    uint32_t free_first; /* index + 1 */
    uint32_t conn_count;
    bool draining;
    const struct net_tls_context *tls; /* NULL: plain */
    struct loop_timer sweep;
    struct http_request request; /* 3 kB: one for all, used within conn_work */
    struct buf out;
    uint64_t date_due_ms;
    char date[HTTP_DATE_BYTES];
};

static void slot_free(struct http_server *server, uint32_t slot)
{
    server->slots[slot].conn = NULL;
    server->slots[slot].generation++;
    server->slots[slot].free_next = server->free_first;
    server->free_first = slot + 1;
    server->conn_count--;
}

static uint32_t slot_take(struct http_server *server, struct http_conn *conn)
{
    uint32_t slot;

    if (server->free_first == 0) {
        uint32_t count = server->slot_count > 0 ? server->slot_count * 2 : HTTP_SLOTS_MIN;
        uint32_t i;

        server->slots = mem_realloc(server->slots, count * sizeof(struct conn_slot));
        for (i = count; i > server->slot_count; i--) {
            server->slots[i - 1] =
                (struct conn_slot){ .generation = 1, .free_next = server->free_first };
            server->free_first = i;
        }
        server->slot_count = count;
    }
    slot = server->free_first - 1;
    server->free_first = server->slots[slot].free_next;
    server->slots[slot].conn = conn;
    server->conn_count++;
    return slot;
}

static struct http_ref conn_ref(const struct http_conn *conn)
{
    return (struct http_ref){ conn->slot, conn->server->slots[conn->slot].generation };
}

/* The connection whose exchange ref names, or NULL. */
static struct http_conn *conn_of(struct http_server *server, struct http_ref ref)
{
    struct http_conn *conn;

    if (ref.slot >= server->slot_count || server->slots[ref.slot].generation != ref.generation)
        return NULL;
    conn = server->slots[ref.slot].conn;
    if (conn == NULL || (conn->state != CONN_BUSY && conn->state != CONN_STREAMING))
        return NULL;
    return conn;
}

static void conn_free_memory(struct http_conn *conn)
{
    buf_fini(&conn->in);
    free(conn);
}

/* graceful: what is queued still goes out. */
static void conn_end(struct http_conn *conn, bool graceful)
{
    if (conn->state == CONN_GONE)
        return;
    if (graceful)
        net_close(&conn->stream);
    else
        net_abort(&conn->stream);
    conn->state = CONN_GONE;
    loop_defer_cancel(&conn->resume);
    slot_free(conn->server, conn->slot);
    if (!conn->working)
        conn_free_memory(conn);
}

static void conn_lost(struct http_conn *conn, bool graceful)
{
    struct http_server *server = conn->server;
    struct http_ref ref = conn_ref(conn);
    bool owed = conn->state == CONN_BUSY || conn->state == CONN_STREAMING;

    conn_end(conn, graceful);
    if (owed && server->options.on_gone != NULL)
        server->options.on_gone(server->options.ctx, ref);
}

static void conn_state_set(struct http_conn *conn, enum conn_state state)
{
    conn->state = (uint8_t)state;
    conn->since_ms = loop_now_ms(conn->server->loop);
}

static struct slice date_line(struct http_server *server)
{
    uint64_t now = loop_now_ms(server->loop);
    struct tm tm;
    time_t seconds;
    int64_t wall_ms;

    if (now >= server->date_due_ms) {
        wall_ms = clock_wall_ms(server->options.clock);
        seconds = (time_t)(wall_ms / 1000);
        gmtime_r(&seconds, &tm);
        strftime(server->date, sizeof(server->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        server->date_due_ms = now + 1000 - (uint64_t)(wall_ms % 1000);
    }
    return slice_of(server->date);
}

static bool slice_has(struct slice s, char c)
{
    return s.len > 0 && memchr(s.ptr, c, s.len) != NULL;
}

static void head_write(struct buf *out, const struct http_reply *reply, struct slice date)
{
    size_t i;

    buf_add_slice(out, SLICE_LITERAL("HTTP/1.1 "));
    buf_add_u64(out, (uint64_t)reply->status);
    buf_add_char(out, ' ');
    buf_add_text(out, http_status_text(reply->status));
    buf_add_slice(out, SLICE_LITERAL("\r\n"));
    buf_add_slice(out, date);
    if (reply->type.len > 0) {
        buf_add_slice(out, SLICE_LITERAL("Content-Type: "));
        buf_add_slice(out, reply->type);
        /* What we call text is text, whatever it looks like. */
        buf_add_slice(out, SLICE_LITERAL("\r\nX-Content-Type-Options: nosniff\r\n"));
    }
    for (i = 0; i < reply->field_count; i++) {
        const struct http_field *field = &reply->fields[i];

        /* A field with a line end would split the answer in two: our bug, not the client's. */
        ENSURE(!slice_has(field->value, '\n') && !slice_has(field->value, '\r'));
        buf_add_slice(out, field->name);
        buf_add_slice(out, SLICE_LITERAL(": "));
        buf_add_slice(out, field->value);
        buf_add_slice(out, SLICE_LITERAL("\r\n"));
    }
}

static void connection_line(struct http_conn *conn, struct buf *out)
{
    if (!conn->keep_alive)
        buf_add_slice(out, SLICE_LITERAL("Connection: close\r\n"));
    else if (conn->minor_zero)
        buf_add_slice(out, SLICE_LITERAL("Connection: keep-alive\r\n"));
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* False: more than the stream may queue; the connection is then of no use. */
static bool reply_write(struct http_conn *conn, const struct http_reply *reply)
{
    struct buf *out = &conn->server->out;
    bool body = status_has_body(reply->status);

    if (reply->close || conn->server->draining)
        conn->keep_alive = false;
    buf_clear(out);
    head_write(out, reply, date_line(conn->server));
    connection_line(conn, out);
    if (body) {
        buf_add_slice(out, SLICE_LITERAL("Content-Length: "));
        buf_add_u64(out, reply->body.len);
        buf_add_slice(out, SLICE_LITERAL("\r\n"));
    }
    buf_add_slice(out, SLICE_LITERAL("\r\n"));
    ENSURE(buf_ok(out));
    return net_write(conn->stream, buf_slice(out)) &&
           (!body || conn->head_only || net_write(conn->stream, reply->body));
}

/* The exchange is over: the next request may begin. */
static void exchange_end(struct http_conn *conn)
{
    conn->server->slots[conn->slot].generation++;
    conn->served = true;
    conn_state_set(conn, CONN_IDLE);
    if (!conn->keep_alive) {
        conn_end(conn, true);
        return;
    }
    if (conn->paused) {
        conn->paused = false;
        net_resume(conn->stream);
    }
    if (conn->working)
        return; /* requests_work goes on by itself */
    if (conn->in.len > 0)
        loop_defer(conn->server->loop, &conn->resume);
    else if (conn->peer_ended)
        conn_end(conn, true);
}

bool http_reply(struct http_server *server, struct http_ref ref, const struct http_reply *reply)
{
    struct http_conn *conn = conn_of(server, ref);

    if (conn == NULL || conn->state != CONN_BUSY)
        return false;
    if (!reply_write(conn, reply)) {
        conn_end(conn, false);
        return false;
    }
    exchange_end(conn);
    return true;
}

static bool chunk_write(struct http_conn *conn, struct slice bytes)
{
    struct buf *out = &conn->server->out;

    if (bytes.len == 0)
        return true;
    if (!conn->chunked_out)
        return net_write(conn->stream, bytes);
    buf_clear(out);
    buf_printf(out, "%zx\r\n", bytes.len);
    if (bytes.len + out->len + 2 > NET_PENDING_MAX - net_pending(conn->stream))
        return false;
    return net_write(conn->stream, buf_slice(out)) && net_write(conn->stream, bytes) &&
           net_write(conn->stream, SLICE_LITERAL("\r\n"));
}

bool http_stream_begin(struct http_server *server, struct http_ref ref,
                       const struct http_reply *reply)
{
    struct http_conn *conn = conn_of(server, ref);
    struct buf *out = &server->out;

    if (conn == NULL || conn->state != CONN_BUSY || conn->peer_ended)
        return false;
    ENSURE(status_has_body(reply->status));
    conn->chunked_out = !conn->minor_zero;
    if (reply->close || server->draining || conn->minor_zero)
        conn->keep_alive = false;
    buf_clear(out);
    head_write(out, reply, date_line(server));
    connection_line(conn, out);
    if (conn->chunked_out)
        buf_add_slice(out, SLICE_LITERAL("Transfer-Encoding: chunked\r\n"));
    buf_add_slice(out, SLICE_LITERAL("\r\n"));
    ENSURE(buf_ok(out));
    conn_state_set(conn, CONN_STREAMING);
    if (!net_write(conn->stream, buf_slice(out)) ||
        (!conn->head_only && !chunk_write(conn, reply->body))) {
        conn_end(conn, false);
        return false;
    }
    if (conn->head_only) {
        exchange_end(conn);
        return false; /* nothing may follow the head of a HEAD */
    }
    return true;
}

bool http_stream_write(struct http_server *server, struct http_ref ref, struct slice bytes,
                       size_t bytes_max)
{
    struct http_conn *conn = conn_of(server, ref);

    if (conn == NULL || conn->state != CONN_STREAMING)
        return false;
    if (net_pending(conn->stream) + bytes.len > bytes_max)
        return false;
    return chunk_write(conn, bytes);
}

size_t http_stream_pending(struct http_server *server, struct http_ref ref)
{
    struct http_conn *conn = conn_of(server, ref);

    return conn != NULL ? net_pending(conn->stream) : 0;
}

bool http_stream_end(struct http_server *server, struct http_ref ref)
{
    struct http_conn *conn = conn_of(server, ref);

    if (conn == NULL || conn->state != CONN_STREAMING)
        return false;
    if (conn->chunked_out && !net_write(conn->stream, SLICE_LITERAL("0\r\n\r\n"))) {
        conn_end(conn, false);
        return false;
    }
    exchange_end(conn);
    return true;
}

bool http_upgrade(struct http_server *server, struct http_ref ref, struct http_taken *out)
{
    struct http_conn *conn = conn_of(server, ref);

    if (conn == NULL || conn->state != CONN_BUSY || !conn->working || conn->peer_ended)
        return false;
    *out = (struct http_taken){ conn->stream, conn->rest, conn->rest_len };
    conn->stream = NULL;
    conn->state = CONN_GONE;
    slot_free(server, conn->slot);
    return true;
}

static void request_refuse(struct http_conn *conn, int status, const char *reason)
{
    struct http_reply reply = { .status = status,
                                .type = SLICE_LITERAL("text/plain"),
                                .body = slice_of(reason),
                                .close = true };

    conn->head_only = false;
    conn->keep_alive = false;
    reply_write(conn, &reply);
    conn_end(conn, true);
}

static void client_find(struct http_conn *conn, struct http_request *request)
{
    const struct http_trust *trust = conn->server->options.trust;

    request->peer = slice_of(conn->peer);
    request->tls = net_is_tls(conn->stream);
    if (trust == NULL || !http_trust_has(trust, request->peer))
        return;
    request->tls |= slice_equal_ignore_case(http_field_get(request, "X-Forwarded-Proto"),
                                            SLICE_LITERAL("https"));
    request->peer =
        http_trust_client(trust, request->peer, http_field_get(request, "X-Forwarded-For"));
}

static void request_dispatch(struct http_conn *conn, struct http_request *request)
{
    struct http_server *server = conn->server;

    client_find(conn, request);
    conn->keep_alive = request->keep_alive;
    conn->head_only = request->method == HTTP_HEAD;
    conn->minor_zero = request->minor == 0;
    conn->continue_sent = false;
    conn->reader = (struct http_reader){ 0 };
    conn_state_set(conn, CONN_BUSY);
    server->options.on_request(server->options.ctx, request, conn_ref(conn));
}

/* A part of a request is here; the rest is to come. */
static void request_more(struct http_conn *conn)
{
    if (conn->state == CONN_IDLE)
        conn_state_set(conn, CONN_READING);
    if (conn->reader.expect_continue && !conn->continue_sent) {
        conn->continue_sent = true;
        if (!net_write(conn->stream, SLICE_LITERAL("HTTP/1.1 100 Continue\r\n\r\n")))
            conn_end(conn, false);
    }
}

/* Works the requests in bytes; how many bytes are done with. *len shrinks when a chunked body is
 * decoded. Stops at an unfinished request and at one that is not answered at once. */
static size_t requests_work(struct http_conn *conn, char *bytes, size_t *len)
{
    struct http_request *request = &conn->server->request;
    size_t at = 0;

    while (at < *len && (conn->state == CONN_IDLE || conn->state == CONN_READING)) {
        size_t n = *len - at;
        enum http_verdict verdict = http_request_read(&conn->reader, bytes + at, &n, request);

        *len = at + n;
        if (verdict == HTTP_BAD) {
            request_refuse(conn, conn->reader.status, conn->reader.reason);
            break;
        }
        if (verdict == HTTP_MORE) {
            request_more(conn);
            break;
        }
        at += conn->reader.used;
        conn->rest = bytes + at;
        conn->rest_len = *len - at;
        request_dispatch(conn, request);
    }
    return at;
}

/* bytes: new ones, or none when `in` holds pipelined requests. */
static void conn_work(struct http_conn *conn, char *bytes, size_t len)
{
    struct buf kept = conn->in;
    size_t done;

    ENSURE(!conn->working);
    buf_init(&conn->in, HTTP_IN_MAX);
    if (kept.len > 0) {
        buf_add(&kept, bytes, len);
        ENSURE(buf_ok(&kept));
        bytes = kept.ptr;
        len = kept.len;
    }
    conn->working = true;
    done = requests_work(conn, bytes, &len);
    conn->working = false;
    if (conn->state == CONN_GONE) {
        conn_free_memory(conn);
    } else if (done < len && kept.ptr != NULL) {
        kept.len = len;
        buf_consume(&kept, done);
        conn->in = kept;
        buf_init(&kept, 0);
    } else if (done < len) {
        buf_add(&conn->in, bytes + done, len - done);
    }
    buf_fini(&kept);
}

static void conn_resume(struct loop_node *node)
{
    struct http_conn *conn = CONTAINER_OF(node, struct http_conn, resume);
    struct http_server *server = conn->server;
    uint32_t slot = conn->slot;

    conn_work(conn, NULL, 0);
    /* The work may have ended the connection; a new one cannot have come to its slot meanwhile. */
    if (server->slots[slot].conn == conn && conn->peer_ended && conn->state < CONN_BUSY)
        conn_end(conn, true);
}

static void on_bytes(void *owner, char *bytes, size_t len)
{
    struct http_conn *conn = owner;

    if (conn->state == CONN_IDLE && loop_node_armed(&conn->resume)) {
        buf_add(&conn->in, bytes, len); /* behind what waits to be worked */
        return;
    }
    if (conn->state == CONN_IDLE || conn->state == CONN_READING) {
        conn_work(conn, bytes, len);
        return;
    }
    buf_add(&conn->in, bytes, len);
    if (conn->in.len >= HTTP_PIPELINE_BYTES_MAX) {
        conn->paused = true;
        net_pause(conn->stream);
    }
}

static void on_end(void *owner, enum net_end end)
{
    struct http_conn *conn = owner;

    if (end == NET_END_ERROR || conn->state == CONN_STREAMING)
        conn_lost(conn, false);
    else if (conn->state == CONN_BUSY || loop_node_armed(&conn->resume))
        conn->peer_ended = true; /* it may still read the answers */
    else
        conn_end(conn, true);
}

static const struct net_ops conn_ops = { .on_bytes = on_bytes, .on_end = on_end };

static void conn_refuse(struct http_server *server, int fd)
{
    static const struct net_ops no_ops;
    struct net_stream *stream;
    struct err err;

    if (server->tls != NULL) { /* a handshake costs more than the answer is worth */
        close(fd);
        return;
    }
    if (net_adopt(server->loop, fd, &no_ops, NULL, &stream, &err) != ERR_OK)
        return;
    if (net_write(stream, SLICE_LITERAL("HTTP/1.1 503 Service Unavailable\r\n"
                                        "Connection: close\r\n"
                                        "Content-Length: 0\r\n"
                                        "Retry-After: 5\r\n\r\n")))
        net_close(&stream);
    else
        net_abort(&stream);
}

void http_server_adopt(struct http_server *server, int fd)
{
    struct http_conn *conn;
    struct err err;

    if (server->draining || server->conn_count >= server->options.connections_max) {
        conn_refuse(server, fd);
        return;
    }
    conn = mem_zalloc(sizeof(*conn));
    conn->server = server;
    conn->resume.run = conn_resume;
    buf_init(&conn->in, HTTP_IN_MAX);
    if (net_adopt(server->loop, fd, &conn_ops, conn, &conn->stream, &err) != ERR_OK) {
        free(conn);
        return;
    }
    conn->slot = slot_take(server, conn);
    conn_state_set(conn, CONN_IDLE);
    conn->moved_ms = conn->since_ms;
    net_peer_text(conn->stream, conn->peer);
    if (server->tls != NULL && strcmp(conn->peer, "unix") != 0)
        net_tls_accept(conn->stream, server->tls);
}

void http_server_tls_set(struct http_server *server, const struct net_tls_context *tls)
{
    server->tls = tls;
}

static void on_accept(void *ctx, int fd)
{
    http_server_adopt(ctx, fd);
}

enum err_code http_server_listen(struct http_server *server,
                                 const struct net_listen_options *options,
                                 struct net_listener **out, struct err *err)
{
    return net_listen(server->loop, options, on_accept, server, out, err);
}

static bool conn_stalled(struct http_conn *conn, uint64_t now)
{
    size_t pending = net_pending(conn->stream);

    if (pending == 0 || pending < conn->pending_seen)
        conn->moved_ms = now;
    conn->pending_seen = pending;
    return now - conn->moved_ms > HTTP_STALL_MS_MAX;
}

static bool body_too_slow(const struct http_conn *conn, uint64_t elapsed)
{
    uint64_t grace = conn->server->options.body_grace_ms;

    return elapsed > grace && conn->in.len < (elapsed - grace) * HTTP_BODY_RATE_MIN / 1000;
}

static void conn_sweep(struct http_conn *conn, uint64_t now)
{
    const struct http_server_options *options = &conn->server->options;
    uint64_t elapsed = now - conn->since_ms;

    if (conn_stalled(conn, now)) {
        conn_lost(conn, false);
        return;
    }
    switch ((enum conn_state)conn->state) {
    case CONN_IDLE:
        if (elapsed > (conn->served ? options->idle_ms_max : options->head_ms_max))
            conn_end(conn, true);
        break;
    case CONN_READING:
        if (conn->reader.head_len == 0 ? elapsed > options->head_ms_max
                                       : body_too_slow(conn, elapsed))
            request_refuse(conn, 408, "the request came too slowly");
        break;
    case CONN_BUSY:
        if (elapsed > HTTP_REPLY_MS_MAX) {
            struct http_reply late = { .status = 504, .close = true };

            reply_write(conn, &late);
            conn_lost(conn, true);
        }
        break;
    case CONN_STREAMING:
    case CONN_GONE:
        break;
    }
}

static void on_sweep(struct loop_timer *timer)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, sweep);
    uint64_t now = loop_now_ms(server->loop);
    uint32_t i;

    for (i = 0; i < server->slot_count; i++) {
        if (server->slots[i].conn != NULL)
            conn_sweep(server->slots[i].conn, now);
    }
    loop_timer_start(server->loop, timer, server->options.sweep_ms);
}

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value != 0 ? value : usual;
}

struct http_server *http_server_create(struct loop *loop, const struct http_server_options *options)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    struct http_server_options *o = &server->options;

    ENSURE(options->on_request != NULL);
    server->loop = loop;
    *o = *options;
    o->clock = options->clock != NULL ? options->clock : &clock_system;
    o->connections_max = or_default(options->connections_max, HTTP_CONNECTIONS_MAX);
    o->head_ms_max = or_default(options->head_ms_max, HTTP_HEAD_MS_MAX);
    o->idle_ms_max = or_default(options->idle_ms_max, HTTP_IDLE_MS_MAX);
    o->body_grace_ms = or_default(options->body_grace_ms, HTTP_BODY_GRACE_MS);
    o->sweep_ms = or_default(options->sweep_ms, HTTP_SWEEP_MS);
    buf_init(&server->out, HTTP_OUT_HEAD_MAX);
    loop_timer_init(&server->sweep, on_sweep);
    loop_timer_start(loop, &server->sweep, o->sweep_ms);
    return server;
}

void http_server_drain(struct http_server *server)
{
    uint32_t i;

    server->draining = true;
    for (i = 0; i < server->slot_count; i++) {
        struct http_conn *conn = server->slots[i].conn;

        if (conn != NULL && conn->state == CONN_IDLE && !loop_node_armed(&conn->resume))
            conn_end(conn, true);
    }
}

uint32_t http_server_connections(const struct http_server *server)
{
    return server->conn_count;
}

void http_server_destroy(struct http_server **server_ptr)
{
    struct http_server *server = *server_ptr;
    uint32_t i;

    if (server == NULL)
        return;
    *server_ptr = NULL;
    for (i = 0; i < server->slot_count; i++) {
        if (server->slots[i].conn != NULL)
            conn_end(server->slots[i].conn, false);
    }
    loop_timer_stop(server->loop, &server->sweep);
    buf_fini(&server->out);
    free(server->slots);
    free(server);
}
