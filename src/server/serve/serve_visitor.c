/* SPDX-License-Identifier: Apache-2.0 */
/* Visitors where WebSocket is blocked: one frame by POST, its answer in the reply; everything else
 * by an event stream. Both are sessions of the gateway like any other, with another link:
 *
 *   frames:  session ──hello by the token──▶ welcome ──the frame──▶ answer with its id ──▶ gone
 *   stream:  session ──hello by the token──▶ welcome and every push as an event ──▶ client leaves
 *
 * They stay on the shard that accepted the connection; the visitor's shard is reached by message.
 * An event's id is the stream's cursor, "conversation:seq" of every conversation seen so far; a
 * stream that begins with one as Last-Event-ID first brings what came after it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_visitor.h"
#include "mem.h"
#include "schema.h"
#include "serve_priv.h"

enum {
    HELLO_ID = UINT32_MAX, /* of frames that we send in the visitor's name */
    FETCH_ID = UINT32_MAX - 1,
    CURSOR_BYTES_MAX = 1024, /* LIMIT_HELLO_CONVS_MAX times two numbers */
};

struct cursor {
    uint64_t conv;
    uint32_t seq;
};

/* A POSTed frame or a stream. Found by the slot of its connection, of which it is the newest. */
struct stream {
    struct node *node;
    struct stream *next, **place;
    struct loop_node work;
    struct http_ref ref;
    uint64_t session;
    uint32_t frame_id; /* of the POSTed frame */
    bool posted;       /* a frame, not a stream */
    bool lossy;        /* a frame that gets no answer when all is well */
    bool open;         /* the client is there and has not had its answer */
    bool ended;        /* to be freed at the end of the turn */
    struct buf frame;  /* POSTed, until the welcome */
    struct cursor cursors[LIMIT_HELLO_CONVS_MAX];
    unsigned cursor_count;
    unsigned replay; /* the next cursor to bring up to date */
};

/* ---- life ------------------------------------------------------------------------------------ */

static void stream_free(struct stream *stream)
{
    loop_defer_cancel(&stream->work);
    *stream->place = stream->next;
    if (stream->next != NULL)
        stream->next->place = stream->place;
    if (stream->node->stream_slots[stream->ref.slot] == stream)
        stream->node->stream_slots[stream->ref.slot] = NULL;
    buf_fini(&stream->frame);
    free(stream);
}

static void replay_next(struct stream *stream);
static void posted_run(struct stream *stream);

/* At the end of the turn, when no call of the gateway is under way in this session. */
static void work_run(struct loop_node *work)
{
    struct stream *stream = CONTAINER_OF(work, struct stream, work);

    if (!stream->ended) {
        if (stream->posted)
            posted_run(stream);
        else
            replay_next(stream);
        return;
    }
    if (stream->open && !stream->posted)
        http_stream_end(stream->node->http, stream->ref);
    if (stream->session != 0)
        gateway_session_gone(stream->node->gateway, stream->session);
    stream_free(stream);
}

static void stream_done(struct stream *stream)
{
    stream->ended = true;
    loop_defer(stream->node->loop, &stream->work);
}

static void slot_set(struct node *node, uint32_t slot, struct stream *stream)
{
    uint32_t count = node->stream_slot_count;

    if (slot >= count) {
        count = (slot + 1) * 2;
        node->stream_slots = mem_realloc(node->stream_slots, count * sizeof(struct stream *));
        memset(node->stream_slots + node->stream_slot_count, 0,
               (count - node->stream_slot_count) * sizeof(struct stream *));
        node->stream_slot_count = count;
    }
    node->stream_slots[slot] = stream;
}

static struct stream *stream_create(struct node *node, struct http_ref ref)
{
    struct stream *stream = mem_zalloc(sizeof(*stream));

    stream->node = node;
    stream->ref = ref;
    stream->open = true;
    stream->work.run = work_run;
    buf_init(&stream->frame, LIMIT_FRAME_BYTES_MAX);
    stream->next = node->streams;
    stream->place = &node->streams;
    if (stream->next != NULL)
        stream->next->place = &stream->next;
    node->streams = stream;
    slot_set(node, ref.slot, stream);
    return stream;
}

void node_visitor_gone(struct node *node, struct http_ref ref)
{
    struct stream *stream =
        ref.slot < node->stream_slot_count ? node->stream_slots[ref.slot] : NULL;

    if (stream == NULL || stream->ref.generation != ref.generation)
        return; /* of another kind of request */
    stream->open = false;
    stream_done(stream);
}

void node_visitors_fini(struct node *node)
{
    while (node->streams != NULL) {
        if (node->streams->session != 0)
            gateway_session_gone(node->gateway, node->streams->session);
        stream_free(node->streams);
    }
    free(node->stream_slots);
    node->stream_slots = NULL;
    node->stream_slot_count = 0; /* connections that end later find none */
}

/* ---- frames as we write them ----------------------------------------------------------------- */

/* The number behind a key of a frame that our own encoder wrote (schema order, no blanks), quoted
 * or not; 0: not there. */
static uint64_t number_after(struct slice frame, const char *key)
{
    const char *at = memmem(frame.ptr, frame.len, key, strlen(key));
    const char *end = frame.ptr + frame.len;
    uint64_t value = 0;

    if (at == NULL)
        return 0;
    at += strlen(key);
    at += at < end && *at == '"';
    for (; at < end && isdigit((unsigned char)*at); at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

static uint32_t frame_id(struct slice frame)
{
    struct slice begin = SLICE_LITERAL("{\"id\":");

    return slice_starts_with(frame, begin) ? (uint32_t)number_after(frame, "{\"id\":") : 0;
}

static void cursor_set(struct stream *stream, uint64_t conv, uint32_t seq)
{
    unsigned i = 0;

    while (i < stream->cursor_count && stream->cursors[i].conv != conv)
        i++;
    if (i == LIMIT_HELLO_CONVS_MAX || conv == 0)
        return;
    if (i == stream->cursor_count)
        stream->cursors[stream->cursor_count++] = (struct cursor){ conv, 0 };
    if (seq > stream->cursors[i].seq)
        stream->cursors[i].seq = seq;
}

static void cursor_write(const struct stream *stream, char out[CURSOR_BYTES_MAX])
{
    int at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < stream->cursor_count && at < CURSOR_BYTES_MAX; i++)
        at += snprintf(out + at, (size_t)(CURSOR_BYTES_MAX - at), "%s%llu:%u", i > 0 ? "," : "",
                       (unsigned long long)stream->cursors[i].conv, stream->cursors[i].seq);
}

/* A cursor that is none of ours brings nothing up to date, and the welcome still tells the heads.
 */
static void cursor_read(struct stream *stream, struct slice text)
{
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        const char *colon = memchr(text.ptr, ':', len);
        unsigned long long conv;
        unsigned long long seq;

        if (colon == NULL ||
            !slice_to_u64(slice_make(text.ptr, (size_t)(colon - text.ptr)), &conv) ||
            !slice_to_u64(slice_make(colon + 1, len - (size_t)(colon - text.ptr) - 1), &seq) ||
            seq > UINT32_MAX)
            return;
        cursor_set(stream, conv, (uint32_t)seq);
        text = comma != NULL ? slice_make(comma + 1, text.len - len - 1) : SLICE_EMPTY;
    }
}

/* ---- a posted frame's link ------------------------------------------------------------------- */

static void posted_answer(struct stream *stream, int status, struct slice frame)
{
    const struct http_field fields[] = {
        { SLICE_LITERAL("Cache-Control"), SLICE_LITERAL("no-store") },
    };
    struct http_reply reply = { .status = status,
                                .type = SLICE_LITERAL("application/json"),
                                .body = frame,
                                .fields = fields,
                                .field_count = 1 };

    http_reply(stream->node->http, stream->ref, &reply);
    stream->open = false;
    stream_done(stream);
}

/* The session is open: now the frame. What is lossy is not answered when all is well, so that is
 * said here: whoever sent it waits for some reply. */
static void posted_run(struct stream *stream)
{
    char taken[32];

    gateway_session_frame(stream->node->gateway, stream->session, buf_slice(&stream->frame));
    if (!stream->lossy || !stream->open)
        return;
    snprintf(taken, sizeof(taken), "{\"id\":%u}", stream->frame_id);
    posted_answer(stream, 202, slice_of(taken));
}

static bool posted_send(void *ctx, struct slice frame, bool binary)
{
    struct stream *stream = ctx;
    uint32_t id = frame_id(frame);

    (void)binary;
    if (!stream->open || id == 0)
        return true; /* pushes belong to the stream */
    if (id == stream->frame_id ||
        (id == HELLO_ID && memmem(frame.ptr, frame.len, "\"error\":", 8) != NULL))
        posted_answer(stream, 200, frame);
    else if (id == HELLO_ID)
        loop_defer(stream->node->loop, &stream->work); /* welcome: now the frame */
    return true;
}

static void link_close(void *ctx, unsigned code, const char *reason)
{
    struct stream *stream = ctx;
    struct err err = { 0 };

    if (stream->open && stream->posted) {
        err_set(&err, code == GATEWAY_CLOSE_BUSY ? ERR_BUSY : ERR_UNAVAILABLE, "%s", reason);
        err.retry_after_ms = 1000;
        node_http_error(stream->node, stream->ref, &err);
        stream->open = false;
    }
    stream_done(stream);
}

static bool no_ping(void *ctx)
{
    (void)ctx;
    return true; /* the ping message itself is what keeps the connection alive */
}

static const struct gateway_link posted_ops = { .send = posted_send,
                                                .ping = no_ping,
                                                .close = link_close };

/* ---- a stream's link ------------------------------------------------------------------------- */

static void replay_next(struct stream *stream)
{
    char frame[160];

    if (stream->replay >= stream->cursor_count)
        return;
    snprintf(frame, sizeof(frame),
             "{\"id\":%u,\"fetch\":{\"conversationId\":\"%llu\",\"fromSeq\":%u}}", FETCH_ID,
             (unsigned long long)stream->cursors[stream->replay].conv,
             stream->cursors[stream->replay].seq + 1);
    stream->replay++;
    gateway_session_frame(stream->node->gateway, stream->session, slice_of(frame));
}

static bool stream_write(struct stream *stream, struct slice frame)
{
    char cursor[CURSOR_BYTES_MAX];
    struct buf *out = &stream->node->buf;

    cursor_write(stream, cursor);
    buf_clear(out);
    buf_printf(out, "id: %s\ndata: ", cursor);
    buf_add_slice(out, frame); /* JSON of ours has no line ends */
    buf_add_text(out, "\n\n");
    return buf_ok(out) && http_stream_write(stream->node->http, stream->ref, buf_slice(out),
                                            LIMIT_SESSION_QUEUE_BYTES_MAX);
}

static bool stream_send(void *ctx, struct slice frame, bool binary)
{
    struct stream *stream = ctx;
    struct cursor before[LIMIT_HELLO_CONVS_MAX];
    unsigned count = stream->cursor_count;
    uint32_t id = frame_id(frame);

    (void)binary;
    if (!stream->open)
        return true;
    memcpy(before, stream->cursors, sizeof(before));
    if (slice_starts_with(frame, SLICE_LITERAL("{\"event\":")))
        cursor_set(stream, number_after(frame, "\"conversationId\":"),
                   (uint32_t)number_after(frame, "\"seq\":"));
    if (!stream_write(stream, frame)) {
        /* What was not sent must not be in the cursor of what is sent later. */
        memcpy(stream->cursors, before, sizeof(before));
        stream->cursor_count = count;
        return false;
    }
    if (id == HELLO_ID || id == FETCH_ID)
        loop_defer(stream->node->loop, &stream->work);
    return true;
}

static const struct gateway_link stream_ops = { .send = stream_send,
                                                .ping = no_ping,
                                                .close = link_close };

/* ---- beginning ------------------------------------------------------------------------------- */

static bool bearer(const struct http_request *request, struct slice *token)
{
    struct slice value = http_field_get(request, "authorization");
    struct slice scheme = SLICE_LITERAL("Bearer ");

    if (value.len <= scheme.len ||
        !slice_equal_ignore_case(slice_make(value.ptr, scheme.len), scheme))
        return false;
    *token = slice_trim(slice_make(value.ptr + scheme.len, value.len - scheme.len));
    return true;
}

/* The hello that the visitor's token stands for. */
static enum err_code hello_make(struct node *node, const struct http_request *request,
                                struct buf *out, struct err *err)
{
    const struct directory_site *site;
    struct auth_visitor visitor;
    struct slice token;

    if (!bearer(request, &token))
        return err_set(err, ERR_UNAUTHENTICATED, "Authorization: Bearer <visitor token> is needed");
    if (auth_visitor_verify(&node->server->master, token, &visitor, NULL) != ERR_OK)
        return err_set(err, ERR_UNAUTHENTICATED, "the visitor token is not valid");
    site = directory_site_by_id(node->directory, visitor.site_id);
    if (site == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "the visitor token's site is gone");
    /* Key and token are of base64url's alphabet: nothing to escape. */
    buf_printf(out, "{\"id\":%u,\"hello\":{\"siteKey\":\"%s\",\"visitorToken\":\"%.*s\"}}",
               HELLO_ID, site->site->key, SLICE_ARGS(token));
    return ERR_OK;
}

static enum err_code session_open(struct stream *stream, const struct http_request *request,
                                  const struct gateway_link *ops, struct err *err)
{
    struct gateway_peer peer = { .address = request->peer };

    stream->session =
        gateway_session_open(stream->node->gateway, ops, stream, CHAT_FORMAT_JSON, &peer);
    if (stream->session != 0)
        return ERR_OK;
    err_set(err, ERR_BUSY, "too many sessions; try again");
    err->retry_after_ms = 1000;
    return ERR_BUSY;
}

static void begin_fault(struct stream *stream, const struct err *err)
{
    node_http_error(stream->node, stream->ref, err);
    stream->open = false;
    stream_done(stream);
}

/* The frame's id, checked as a frame, so that what is wrong with it has a path. */
static enum err_code frame_check(struct stream *stream, struct slice body, bool *hello,
                                 struct err *err)
{
    const Kefu__V1__ClientFrame *frame;
    ProtobufCMessage *msg = NULL;
    struct arena arena;
    enum err_code rc;

    if (body.len > LIMIT_FRAME_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "frame over %d bytes", LIMIT_FRAME_BYTES_MAX);
    arena_init(&arena, API_ARENA_MAX);
    rc = schema_json_decode(&kefu__v1__client_frame__descriptor, body, &arena, &msg, err);
    frame = (const Kefu__V1__ClientFrame *)msg;
    if (rc == ERR_OK && (frame->id == 0 || frame->id >= FETCH_ID))
        rc = err_set_field(err, ERR_INVALID, "id", "1 to %u", FETCH_ID - 1);
    if (rc == ERR_OK) {
        stream->frame_id = frame->id;
        stream->lossy = frame->action_case == KEFU__V1__CLIENT_FRAME__ACTION_TYPING ||
                        frame->action_case == KEFU__V1__CLIENT_FRAME__ACTION_READ ||
                        frame->action_case == KEFU__V1__CLIENT_FRAME__ACTION_PAGE;
        *hello = frame->action_case == KEFU__V1__CLIENT_FRAME__ACTION_HELLO;
    }
    arena_fini(&arena);
    return rc;
}

void node_visitor_frame(struct node *node, const struct http_request *request, struct http_ref ref)
{
    struct stream *stream = stream_create(node, ref);
    struct err err = { 0 };
    struct buf hello;
    bool is_hello = false;
    enum err_code rc;

    stream->posted = true;
    buf_init(&hello, LIMIT_FRAME_BYTES_MAX);
    if (node->drain_until != 0)
        rc = err_set(&err, ERR_UNAVAILABLE, "the server stops");
    else if (request->method != HTTP_POST)
        rc = err_set(&err, ERR_METHOD, "POST a frame");
    else if (!node_origin_ok(node, request))
        rc = err_set(&err, ERR_FORBIDDEN, "another site's page must not call this");
    else
        rc = frame_check(stream, request->body, &is_hello, &err);
    if (rc == ERR_OK && !is_hello)
        rc = hello_make(node, request, &hello, &err);
    if (rc == ERR_OK)
        rc = session_open(stream, request, &posted_ops, &err);
    if (rc != ERR_OK) {
        begin_fault(stream, &err);
    } else if (is_hello) {
        gateway_session_frame(node->gateway, stream->session, request->body);
    } else {
        buf_add_slice(&stream->frame, request->body);
        gateway_session_frame(node->gateway, stream->session, buf_slice(&hello));
    }
    buf_fini(&hello);
}

void node_visitor_stream(struct node *node, const struct http_request *request, struct http_ref ref)
{
    const struct http_field fields[] = {
        { SLICE_LITERAL("Cache-Control"), SLICE_LITERAL("no-store") },
        { SLICE_LITERAL("X-Accel-Buffering"), SLICE_LITERAL("no") },
    };
    struct http_reply reply = { .status = 200,
                                .type = SLICE_LITERAL("text/event-stream"),
                                .body = SLICE_LITERAL("retry: 2000\n\n"),
                                .fields = fields,
                                .field_count = LENGTH_OF(fields) };
    struct stream *stream = stream_create(node, ref);
    struct err err = { 0 };
    struct buf hello;
    enum err_code rc;

    buf_init(&hello, LIMIT_FRAME_BYTES_MAX);
    if (node->drain_until != 0)
        rc = err_set(&err, ERR_UNAVAILABLE, "the server stops");
    else if (request->method != HTTP_GET)
        rc = err_set(&err, ERR_METHOD, "GET the stream");
    else
        rc = hello_make(node, request, &hello, &err);
    if (rc == ERR_OK)
        rc = session_open(stream, request, &stream_ops, &err);
    if (rc != ERR_OK) {
        begin_fault(stream, &err);
    } else if (!http_stream_begin(node->http, ref, &reply)) {
        stream->open = false;
        stream_done(stream);
    } else {
        cursor_read(stream, http_field_get(request, "last-event-id"));
        gateway_session_frame(node->gateway, stream->session, buf_slice(&hello));
    }
    buf_fini(&hello);
}
