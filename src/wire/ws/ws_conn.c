/* SPDX-License-Identifier: Apache-2.0 */
/* Connections. A callback may close, abort or detach its own connection, so while bytes are worked
 * the memory stays (`work` is set) and the loop over them looks at the state after each piece. */
#include "ws_priv.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "loop.h"
#include "mem.h"
#include "net.h"
#include "pool.h"

enum {
    PART_CAP_MIN = 256,
    CONTROL_FRAME_MAX = WS_HEAD_MAX + WS_CONTROL_MAX,
    /* Above the owner's bound, so that a full queue still takes a pong and a close frame, and
     * what TLS adds to a queue that it has begun to seal. */
    CONTROL_ROOM = 2 * CONTROL_FRAME_MAX + 1024,
};

enum conn_state { CONN_OPEN, CONN_CLOSING, CONN_GONE };

/* What has come of a message, and behind it of a control frame between two of its fragments. */
struct ws_part {
    uint64_t due_ms; /* of the whole */
    uint32_t cap;
    uint32_t message_len;
    uint32_t control_len;
    char bytes[];
};

/* Bytes that were read but not yet looked at. */
struct ws_rest {
    struct loop_node node;
    struct ws_conn *conn;
    size_t len;
    char bytes[];
};

struct ws_span {
    char *bytes;
    size_t len;
};

struct ws_conn {
    struct net_stream *stream;
    struct ws_loop *loop; /* whose pool it lies in */
    union {
        struct { /* OPEN */
            const struct ws_ops *ops;
            void *owner;
        };
        struct { /* CLOSING */
            struct ws_conn *next;
            struct ws_conn *prev;
        };
    };
    struct ws_part *part; /* only while something is unfinished */
    struct ws_rest *rest; /* only until the turn ends */
    struct ws_span *work; /* what is left of the bytes being worked; NULL: none are */
    struct ws_reader reader;
    union {
        uint32_t pending_max;  /* OPEN */
        uint32_t close_due_ms; /* CLOSING: low bits of the loop's clock */
    };
    uint8_t state; /* enum conn_state */
    uint8_t pings;
};

/* 50,000 idle visitors have one each (DESIGN section 4: 750 bytes for everything). */
_Static_assert(sizeof(struct ws_conn) <= 112, "an idle connection costs more than its share");

struct ws_moving {
    struct net_moving net;
    struct ws_part *part;
    struct ws_rest *rest;
    struct ws_reader reader;
    uint32_t pending_max;
    uint8_t pings;
};

/* Of one loop: its connections, which would pin the pages of the heap between what turns need, and
 * those that wait for the peer's close frame, the longest waiting first. */
struct ws_loop {
    struct loop_part part;
    struct loop *loop;
    struct pool conns;
    struct loop_timer timer;
    struct ws_conn *first;
    struct ws_conn *last;
    uint32_t close_ms; /* the same for all: the list stays in order */
    uint32_t message_ms;
};

static const struct net_ops conn_net_ops;
static struct ws_loop *ws_loop_of(struct loop *loop);

/* ---- memory ---- */

static void rest_drop(struct ws_rest **rest)
{
    if (*rest == NULL)
        return;
    loop_defer_cancel(&(*rest)->node);
    free(*rest);
    *rest = NULL;
}

/* The stream has been given away. */
static void conn_release(struct ws_conn *conn)
{
    ENSURE(conn->stream == NULL);
    conn->state = CONN_GONE;
    rest_drop(&conn->rest);
    free(conn->part);
    conn->part = NULL;
    if (conn->work == NULL)
        pool_give(&conn->loop->conns, conn);
}

static void part_add(struct ws_conn *conn, struct slice bytes, bool control)
{
    struct loop *loop = net_stream_loop(conn->stream);
    struct ws_part *part = conn->part;
    uint32_t used = part != NULL ? part->message_len + part->control_len : 0;
    uint32_t need = used + (uint32_t)bytes.len;

    if (part == NULL || need > part->cap) {
        uint32_t cap = need < PART_CAP_MIN / 2 ? PART_CAP_MIN : need * 2;

        part = mem_realloc(part, sizeof(*part) + cap);
        if (conn->part == NULL)
            *part = (struct ws_part){ .due_ms = loop_now_ms(loop) + ws_loop_of(loop)->message_ms };
        part->cap = cap;
        conn->part = part;
    }
    if (bytes.len > 0)
        memcpy(part->bytes + used, bytes.ptr, bytes.len);
    if (control)
        part->control_len += (uint32_t)bytes.len;
    else
        part->message_len += (uint32_t)bytes.len;
}

/* ---- writing ---- */

static bool frame_write(struct ws_conn *conn, enum ws_opcode opcode, struct slice payload)
{
    bool masked = conn->reader.client;
    size_t head = ws_head_size(payload.len, masked);
    char *room = net_write_reserve(conn->stream, head + payload.len);
    unsigned char mask[WS_MASK_BYTES];
    char bytes[WS_HEAD_MAX];

    if (room == NULL)
        return false;
    if (masked)
        ENSURE(RAND_bytes(mask, sizeof(mask)) == 1);
    ENSURE(ws_head_write(bytes, opcode, true, payload.len, masked ? mask : NULL) == head);
    memcpy(room, bytes, head);
    if (payload.len > 0)
        memcpy(room + head, payload.ptr, payload.len);
    if (masked)
        ws_mask(room + head, payload.len, mask);
    return true;
}

/* False: the owner's bound would be passed. */
static bool frame_send(struct ws_conn *conn, enum ws_opcode opcode, struct slice payload)
{
    size_t pending = net_pending(conn->stream);

    ENSURE(conn->state == CONN_OPEN);
    if (pending > conn->pending_max ||
        payload.len + ws_head_size(payload.len, conn->reader.client) > conn->pending_max - pending)
        return false;
    return frame_write(conn, opcode, payload);
}

bool ws_conn_send(struct ws_conn *conn, struct slice message, bool binary)
{
    return frame_send(conn, binary ? WS_BINARY : WS_TEXT, message);
}

bool ws_conn_ping(struct ws_conn *conn, struct slice payload)
{
    ENSURE(payload.len <= WS_CONTROL_MAX);
    if (!frame_send(conn, WS_PING, payload))
        return false;
    if (conn->pings < WS_PINGS_MAX)
        conn->pings++;
    return true;
}

/* A peer that pings without reading gets no more pongs than its queue holds. */
static void pong_write(struct ws_conn *conn, struct slice payload)
{
    if (net_pending(conn->stream) <= conn->pending_max)
        (void)frame_write(conn, WS_PONG, payload);
}

/* False: there is no room even for that. */
static bool close_write(struct ws_conn *conn, unsigned code, struct slice reason)
{
    char payload[WS_CONTROL_MAX];

    reason = utf8_cut(reason, WS_REASON_MAX);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (reason.len > 0)
        memcpy(payload + 2, reason.ptr, reason.len);
    return frame_write(conn, WS_CLOSE,
                       slice_make(payload, code != WS_CODE_NONE ? 2 + reason.len : 0));
}

/* ---- ends ---- */

static void conn_closed(struct ws_conn *conn, unsigned code, struct slice reason)
{
    const struct ws_ops *ops = conn->ops;
    void *owner = conn->owner;

    conn_release(conn);
    ops->on_closed(owner, code, reason);
}

/* Answers a close frame, or a fault of the peer: our last word. */
static void conn_finish(struct ws_conn *conn, unsigned code, struct slice reason, bool reason_sent)
{
    if (close_write(conn, code, reason_sent ? reason : SLICE_EMPTY))
        net_close(&conn->stream);
    else
        net_abort(&conn->stream);
    conn_closed(conn, code, reason);
}

static void closing_unlink(struct ws_loop *ws_loop, struct ws_conn *conn)
{
    *(conn->prev != NULL ? &conn->prev->next : &ws_loop->first) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &ws_loop->last) = conn->prev;
}

static void closing_end(struct ws_conn *conn, bool abort)
{
    closing_unlink(ws_loop_of(net_stream_loop(conn->stream)), conn);
    if (abort)
        net_abort(&conn->stream);
    else
        net_close(&conn->stream);
    conn_release(conn);
}

static void closing_timer(struct loop_timer *timer)
{
    struct ws_loop *ws_loop = CONTAINER_OF(timer, struct ws_loop, timer);
    uint32_t now = (uint32_t)loop_now_ms(ws_loop->loop);

    while (ws_loop->first != NULL) {
        int32_t left = (int32_t)(ws_loop->first->close_due_ms - now);

        if (left > 0) {
            loop_timer_start(ws_loop->loop, timer, (uint64_t)left);
            return;
        }
        closing_end(ws_loop->first, true);
    }
}

static void ws_loop_fini(struct loop_part *part)
{
    struct ws_loop *ws_loop = CONTAINER_OF(part, struct ws_loop, part);

    while (ws_loop->first != NULL) {
        struct ws_conn *conn = ws_loop->first;

        closing_unlink(ws_loop, conn);
        net_abort(&conn->stream);
        conn_release(conn);
    }
    loop_timer_stop(ws_loop->loop, &ws_loop->timer);
    pool_fini(&ws_loop->conns);
    free(ws_loop);
}

static struct ws_loop *ws_loop_of(struct loop *loop)
{
    static const char key;
    struct loop_part *part = loop_part_find(loop, &key);
    struct ws_loop *ws_loop;

    if (part != NULL)
        return CONTAINER_OF(part, struct ws_loop, part);
    ws_loop = mem_zalloc(sizeof(*ws_loop));
    ws_loop->loop = loop;
    ws_loop->close_ms = WS_CLOSE_MS_MAX;
    ws_loop->message_ms = WS_MESSAGE_MS_MAX;
    pool_init(&ws_loop->conns, sizeof(struct ws_conn));
    ws_loop->part.key = &key;
    ws_loop->part.fini = ws_loop_fini;
    loop_timer_init(&ws_loop->timer, closing_timer);
    loop_part_add(loop, &ws_loop->part);
    return ws_loop;
}

void ws_times_set(struct loop *loop, uint32_t close_ms, uint32_t message_ms)
{
    ws_loop_of(loop)->close_ms = close_ms;
    ws_loop_of(loop)->message_ms = message_ms;
}

static void closing_begin(struct ws_conn *conn)
{
    struct loop *loop = net_stream_loop(conn->stream);
    struct ws_loop *ws_loop = ws_loop_of(loop);

    conn->state = CONN_CLOSING;
    conn->close_due_ms = (uint32_t)(loop_now_ms(loop) + ws_loop->close_ms);
    conn->next = NULL;
    conn->prev = ws_loop->last;
    *(conn->prev != NULL ? &conn->prev->next : &ws_loop->first) = conn;
    ws_loop->last = conn;
    if (!loop_timer_running(&ws_loop->timer))
        loop_timer_start(loop, &ws_loop->timer, ws_loop->close_ms);
}

void ws_conn_close(struct ws_conn **conn_ptr, unsigned code, const char *reason)
{
    struct ws_conn *conn = *conn_ptr;

    if (conn == NULL)
        return;
    ENSURE(conn->state == CONN_OPEN);
    ENSURE(ws_code_valid(code) || code == WS_CODE_NONE);
    if (!close_write(conn, code, slice_of(reason))) {
        ws_conn_abort(conn_ptr);
        return;
    }
    *conn_ptr = NULL;
    free(conn->part);
    conn->part = NULL;
    closing_begin(conn);
}

void ws_conn_abort(struct ws_conn **conn_ptr)
{
    struct ws_conn *conn = *conn_ptr;

    if (conn == NULL)
        return;
    ENSURE(conn->state == CONN_OPEN);
    *conn_ptr = NULL;
    net_abort(&conn->stream);
    conn_release(conn);
}

/* ---- reading ---- */

static void message_take(struct ws_conn *conn, const struct ws_piece *piece)
{
    struct slice message = piece->bytes;
    struct ws_part *part = NULL;

    if (!piece->first || !piece->last)
        part_add(conn, piece->bytes, false);
    if (!piece->last)
        return;
    if (!piece->first) {
        part = conn->part; /* the callback may end the connection, so the message leaves it first */
        conn->part = NULL;
        message = slice_make(part->bytes, part->message_len);
    }
    conn->ops->on_message(conn->owner, message, piece->opcode == WS_BINARY);
    free(part);
}

static void close_take(struct ws_conn *conn, struct slice payload)
{
    struct slice reason;
    uint16_t code;
    bool valid = ws_close_parse(payload, &code, &reason);

    conn_finish(conn, code, reason, !valid);
}

static void control_whole(struct ws_conn *conn, enum ws_opcode opcode, struct slice payload)
{
    if (opcode == WS_PING) {
        pong_write(conn, payload);
    } else if (opcode == WS_CLOSE) {
        close_take(conn, payload);
    } else {
        conn->pings = 0;
        if (conn->ops->on_pong != NULL)
            conn->ops->on_pong(conn->owner, payload);
    }
}

static void control_take(struct ws_conn *conn, const struct ws_piece *piece)
{
    char payload[WS_CONTROL_MAX];
    struct ws_part *part;
    size_t len;

    if (piece->first && piece->last) {
        control_whole(conn, piece->opcode, piece->bytes);
        return;
    }
    part_add(conn, piece->bytes, true);
    if (!piece->last)
        return;
    part = conn->part;
    len = part->control_len;
    memcpy(payload, part->bytes + part->message_len, len);
    part->control_len = 0;
    if (part->message_len == 0) { /* a message of which only empty fragments have come needs none */
        free(part);
        conn->part = NULL;
    }
    control_whole(conn, piece->opcode, slice_make(payload, len));
}

static void piece_take(struct ws_conn *conn, const struct ws_piece *piece)
{
    bool control = piece->opcode >= WS_CLOSE;

    if (conn->state == CONN_CLOSING) {
        if (piece->opcode == WS_CLOSE && piece->last)
            closing_end(conn, false);
    } else if (control) {
        control_take(conn, piece);
    } else {
        message_take(conn, piece);
    }
}

static void fault_take(struct ws_conn *conn)
{
    if (conn->state == CONN_CLOSING)
        closing_end(conn, false);
    else
        conn_finish(conn, conn->reader.code, slice_of(conn->reader.reason), true);
}

/* A peer that never ends its messages would make us keep them. */
static void part_check(struct ws_conn *conn)
{
    uint64_t now = loop_now_ms(net_stream_loop(conn->stream));

    if (conn->part != NULL && now > conn->part->due_ms)
        conn_finish(conn, WS_CODE_POLICY, SLICE_LITERAL("a message took too long"), true);
}

static void conn_work(struct ws_conn *conn, char *bytes, size_t len)
{
    struct ws_span span = { bytes, len };

    ENSURE(conn->work == NULL);
    conn->work = &span;
    while (span.len > 0 && conn->state != CONN_GONE) {
        struct ws_piece piece;
        size_t used;
        enum ws_verdict verdict = ws_read(&conn->reader, span.bytes, span.len, &used, &piece);

        span.bytes += used;
        span.len -= used;
        if (verdict == WS_PIECE)
            piece_take(conn, &piece);
        else if (verdict == WS_BAD)
            fault_take(conn);
    }
    if (conn->state == CONN_OPEN)
        part_check(conn);
    conn->work = NULL;
    if (conn->state == CONN_GONE)
        pool_give(&conn->loop->conns, conn);
}

static void on_bytes(void *owner, char *bytes, size_t len)
{
    conn_work(owner, bytes, len);
}

static void on_end(void *owner, enum net_end end)
{
    struct ws_conn *conn = owner;

    if (conn->state == CONN_CLOSING) {
        closing_end(conn, end == NET_END_ERROR);
        return;
    }
    if (end == NET_END_ERROR)
        net_abort(&conn->stream);
    else
        net_close(&conn->stream);
    conn_closed(conn, WS_CODE_ABNORMAL, SLICE_EMPTY);
}

static void on_drained(void *owner)
{
    struct ws_conn *conn = owner;

    if (conn->state == CONN_OPEN && conn->ops->on_drained != NULL)
        conn->ops->on_drained(conn->owner);
}

static const struct net_ops conn_net_ops = { on_bytes, on_end, on_drained };

/* ---- bytes that were read by somebody else ---- */

static void rest_run(struct loop_node *node)
{
    struct ws_rest *rest = CONTAINER_OF(node, struct ws_rest, node);
    struct ws_conn *conn = rest->conn;

    conn->rest = NULL;
    net_resume(conn->stream);
    conn_work(conn, rest->bytes, rest->len);
    free(rest);
}

static struct ws_rest *rest_create(struct slice bytes)
{
    struct ws_rest *rest;

    if (bytes.len == 0)
        return NULL;
    rest = mem_alloc(sizeof(*rest) + bytes.len);
    *rest = (struct ws_rest){ .node.run = rest_run, .len = bytes.len };
    memcpy(rest->bytes, bytes.ptr, bytes.len);
    return rest;
}

static void rest_arm(struct ws_conn *conn)
{
    if (conn->rest == NULL)
        return;
    conn->rest->conn = conn;
    net_pause(conn->stream);
    loop_defer(net_stream_loop(conn->stream), &conn->rest->node);
}

/* ---- life ---- */

struct ws_conn *ws_conn_create(struct net_stream **stream, enum ws_role role,
                               const struct ws_options *options, struct slice rest,
                               const struct ws_ops *ops, void *owner)
{
    struct ws_loop *loop = ws_loop_of(net_stream_loop(*stream));
    struct ws_conn *conn = pool_take(&loop->conns);

    ENSURE(ops->on_message != NULL && ops->on_closed != NULL);
    conn->loop = loop;
    conn->stream = *stream;
    *stream = NULL;
    conn->ops = ops;
    conn->owner = owner;
    conn->pending_max = options->pending_max != 0 ? options->pending_max : WS_PENDING_MAX;
    ws_reader_init(&conn->reader, role,
                   options->message_max != 0 ? options->message_max : WS_MESSAGE_MAX);
    net_owner_set(conn->stream, &conn_net_ops, conn);
    net_pending_max_set(conn->stream, conn->pending_max + CONTROL_ROOM);
    conn->rest = rest_create(rest);
    rest_arm(conn);
    return conn;
}

bool ws_conn_detach(struct ws_conn **conn_ptr, struct ws_moving **out)
{
    struct ws_conn *conn = *conn_ptr;
    struct ws_moving *moving;
    struct net_moving net;

    ENSURE(conn->state == CONN_OPEN);
    if (!net_detach(&conn->stream, &net))
        return false;
    moving = mem_alloc(sizeof(*moving));
    *moving = (struct ws_moving){ .net = net,
                                  .part = conn->part,
                                  .rest = conn->rest,
                                  .reader = conn->reader,
                                  .pending_max = conn->pending_max,
                                  .pings = conn->pings };
    conn->part = NULL;
    conn->rest = NULL;
    if (moving->rest != NULL) {
        loop_defer_cancel(&moving->rest->node);
    } else if (conn->work != NULL) {
        moving->rest = rest_create(slice_make(conn->work->bytes, conn->work->len));
        conn->work->len = 0;
    }
    *conn_ptr = NULL;
    conn_release(conn);
    *out = moving;
    return true;
}

enum err_code ws_conn_attach(struct loop *loop, struct ws_moving **moving_ptr,
                             const struct ws_ops *ops, void *owner, struct ws_conn **out,
                             struct err *err)
{
    struct ws_moving *moving = *moving_ptr;
    struct ws_options options = { .pending_max = moving->pending_max };
    struct net_stream *stream = NULL;
    enum err_code rc = net_attach(loop, &moving->net, &conn_net_ops, NULL, &stream, err);

    if (rc == ERR_OK) {
        struct ws_conn *conn =
            ws_conn_create(&stream, WS_SERVER, &options, SLICE_EMPTY, ops, owner);

        conn->reader = moving->reader;
        conn->pings = moving->pings;
        conn->part = moving->part;
        conn->rest = moving->rest;
        moving->part = NULL;
        moving->rest = NULL;
        rest_arm(conn);
        *out = conn;
    }
    ws_moving_drop(moving_ptr);
    return rc;
}

void ws_moving_drop(struct ws_moving **moving_ptr)
{
    struct ws_moving *moving = *moving_ptr;

    if (moving == NULL)
        return;
    *moving_ptr = NULL;
    net_moving_drop(&moving->net);
    free(moving->part);
    free(moving->rest);
    free(moving);
}

unsigned ws_conn_pings(const struct ws_conn *conn)
{
    return conn->pings;
}

size_t ws_conn_pending(const struct ws_conn *conn)
{
    return net_pending(conn->stream);
}

const struct net_stream *ws_conn_stream(const struct ws_conn *conn)
{
    return conn->stream;
}

void ws_conn_owner_set(struct ws_conn *conn, const struct ws_ops *ops, void *owner)
{
    ENSURE(conn->state == CONN_OPEN && ops->on_message != NULL && ops->on_closed != NULL);
    conn->ops = ops;
    conn->owner = owner;
}
