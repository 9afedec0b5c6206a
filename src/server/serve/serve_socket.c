/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket links of sessions. A visitor who comes back is proved by the token in its first frame,
 * before a session of it exists here: the link then moves, with that frame, to the shard that owns
 * the visitor, and from there on crosses no thread.
 *
 *   open here ──first frame──▶ stays: the frame goes to the gateway
 *                         └──▶ moves: detached, posted, attached, opened there, frame to the
 * gateway
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "serve_priv.h"
#include "ws.h"

enum { LINK_PINGS_MAX = 2 };

struct link {
    struct ws_conn *conn; /* NULL: gone */
    union {
        struct node *node;
        struct link *next; /* gone, and waiting for the end of the turn */
    };
    uint64_t session; /* 0: none */
    uint8_t format;
    bool greeted; /* the first frame has come */
};
/* 50,000 idle visitors have one each (DESIGN section 4: 750 bytes for everything). */
_Static_assert(sizeof(struct link) <= 32, "an idle link costs more than its share");

static const char *const subprotocols[] = { "kefu.v1.json", "kefu.v1.proto", NULL };

/* ---- life ------------------------------------------------------------------------------------ */

static void gone_run(struct loop_node *gone)
{
    struct node *node = CONTAINER_OF(gone, struct node, links_gone);

    while (node->link_gone != NULL) {
        struct link *link = node->link_gone;

        node->link_gone = link->next;
        if (link->session != 0)
            gateway_session_gone(node->gateway, link->session);
        pool_give(&node->links, link);
    }
}

/* The gateway may be in the middle of the session: it hears of the end at the end of the turn. */
static void link_gone(struct link *link)
{
    struct node *node = link->node;

    ENSURE(link->conn == NULL);
    link->next = node->link_gone;
    node->link_gone = link;
    loop_defer(node->loop, &node->links_gone);
}

static struct link *link_create(struct node *node, enum chat_format format)
{
    struct link *link = pool_take(&node->links);

    link->node = node;
    link->format = (uint8_t)format;
    return link;
}

void node_sockets_init(struct node *node)
{
    pool_init(&node->links, sizeof(struct link));
    node->links_gone.run = gone_run;
}

/* The drain has closed every session, and so every link. */
void node_sockets_fini(struct node *node)
{
    loop_defer_cancel(&node->links_gone);
    gone_run(&node->links_gone);
    ENSURE(node->links.count == 0);
    pool_fini(&node->links);
}

/* ---- what the gateway does with a link ------------------------------------------------------- */

static bool link_send(void *ctx, struct slice frame, bool binary)
{
    struct link *link = ctx;

    return link->conn == NULL || ws_conn_send(link->conn, frame, binary);
}

static size_t link_pending(void *ctx)
{
    struct link *link = ctx;

    return link->conn != NULL ? ws_conn_pending(link->conn) : 0;
}

static bool link_ping(void *ctx)
{
    struct link *link = ctx;

    if (link->conn == NULL)
        return true;
    if (ws_conn_pings(link->conn) >= LINK_PINGS_MAX)
        return false;
    (void)ws_conn_ping(link->conn, SLICE_EMPTY);
    return true;
}

static void link_close(void *ctx, unsigned code, const char *reason)
{
    struct link *link = ctx;

    if (link->conn == NULL)
        return;
    ws_conn_close(&link->conn, code, reason);
    link->conn = NULL;
    link_gone(link);
}

static const struct gateway_link link_ops = {
    .send = link_send,
    .pending = link_pending,
    .ping = link_ping,
    .close = link_close,
};

/* ---- moving ---------------------------------------------------------------------------------- */

struct move_msg {
    struct shard_msg head;
    struct ws_moving *moving;
    enum chat_format format;
    char *address;
    char *user_agent;
    size_t len;
    char frame[];
};

static const struct ws_ops conn_ops;

static bool session_open(struct link *link, struct slice address, struct slice user_agent)
{
    struct gateway_peer peer = { address, user_agent };

    link->session = gateway_session_open(link->node->gateway, &link_ops, link,
                                         (enum chat_format)link->format, &peer);
    if (link->session != 0)
        return true;
    link_close(link, GATEWAY_CLOSE_BUSY, "too many sessions; try again");
    return false;
}

static void move_free(struct move_msg *msg)
{
    free(msg->address);
    free(msg->user_agent);
    free(msg);
}

static void move_run(struct shard_msg *head, struct shard *shard)
{
    struct move_msg *msg = CONTAINER_OF(head, struct move_msg, head);
    struct node *node = node_of(shard);
    struct link *link = link_create(node, msg->format);
    struct err err = { 0 };

    link->greeted = true;
    if (node->drain_until != 0 ||
        ws_conn_attach(node->loop, &msg->moving, &conn_ops, link, &link->conn, &err) != ERR_OK) {
        ws_moving_drop(&msg->moving);
        pool_give(&node->links, link);
    } else if (session_open(link, slice_of(msg->address), slice_of(msg->user_agent))) {
        gateway_session_frame(node->gateway, link->session, slice_make(msg->frame, msg->len));
    }
    move_free(msg);
}

/* True: the link has left for another shard (or was lost on the way, and the client comes again).
 */
static bool link_move(struct link *link, struct slice frame)
{
    struct node *node = link->node;
    struct visitor_id visitor;
    struct gateway_peer peer;
    struct move_msg *msg;
    struct shard_msg *head;
    uint32_t shard;

    if (node->server->shards == 1)
        return false;
    visitor = gateway_hello_visitor(node->gateway, frame, (enum chat_format)link->format);
    shard = id_shard(visitor.v, node->server->shards);
    if (visitor.v == 0 || shard == node->index)
        return false;
    gateway_session_peer(node->gateway, link->session, &peer);
    msg = mem_zalloc(sizeof(*msg) + frame.len);
    *msg = (struct move_msg){ .head = { .run = move_run },
                              .format = (enum chat_format)link->format,
                              .address = mem_strndup(peer.address.ptr, peer.address.len),
                              .user_agent = mem_strndup(peer.user_agent.ptr, peer.user_agent.len),
                              .len = frame.len };
    memcpy(msg->frame, frame.ptr, frame.len);
    if (!ws_conn_detach(&link->conn, &msg->moving)) {
        move_free(msg); /* nothing has been sent yet, so this is a socket that has died */
        link_close(link, GATEWAY_CLOSE_BUSY, "try again");
        return true;
    }
    link_gone(link);
    head = &msg->head;
    if (!shard_post(node_shard(node, shard), &head)) {
        ws_moving_drop(&msg->moving);
        move_free(msg);
    }
    return true;
}

/* ---- what the connection says ---------------------------------------------------------------- */

static void on_message(void *owner, struct slice message, bool binary)
{
    struct link *link = owner;

    if (binary != (link->format == CHAT_FORMAT_PROTO)) {
        link_close(link, 1003, binary ? "text frames here" : "binary frames here");
        return;
    }
    if (!link->greeted) {
        link->greeted = true;
        if (link_move(link, message))
            return;
    }
    gateway_session_frame(link->node->gateway, link->session, message);
}

static void on_pong(void *owner, struct slice payload)
{
    struct link *link = owner;

    (void)payload;
    gateway_session_pong(link->node->gateway, link->session);
}

static void on_drained(void *owner)
{
    struct link *link = owner;

    gateway_session_drained(link->node->gateway, link->session);
}

static void on_closed(void *owner, unsigned code, struct slice reason)
{
    struct link *link = owner;

    (void)code;
    (void)reason;
    link->conn = NULL;
    link_gone(link);
}

static const struct ws_ops conn_ops = {
    .on_message = on_message,
    .on_pong = on_pong,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* A header's bytes may be of any coding; what is kept of one must be text. */
static struct slice ascii_copy(struct slice in, char *out, size_t room)
{
    size_t len = in.len < room ? in.len : room;

    for (size_t i = 0; i < len; i++)
        out[i] = in.ptr[i] >= 0x20 && in.ptr[i] < 0x7f ? in.ptr[i] : '?';
    return slice_make(out, len);
}

void node_socket(struct node *node, const struct http_request *request, struct http_ref ref)
{
    const struct ws_options options = { .message_max = LIMIT_FRAME_BYTES_MAX,
                                        .pending_max = LIMIT_SESSION_QUEUE_BYTES_MAX };
    struct slice user_agent;
    char told[LIMIT_TITLE_BYTES_MAX];
    struct ws_handshake handshake;
    enum chat_format format;
    struct err err = { 0 };
    struct link *link;

    if (node->drain_until != 0) {
        err_set(&err, ERR_UNAVAILABLE, "the server stops");
        node_http_error(node, ref, &err);
        return;
    }
    if (!node_origin_ok(node, request)) {
        err_set(&err, ERR_FORBIDDEN, "another site's page must not connect here");
        node_http_error(node, ref, &err);
        return;
    }
    ws_handshake_check(request, subprotocols, &handshake);
    if (handshake.status != 0) {
        ws_refuse(node->http, ref, &handshake);
        return;
    }
    format = handshake.subprotocol == subprotocols[1] ? CHAT_FORMAT_PROTO : CHAT_FORMAT_JSON;
    link = link_create(node, format);
    user_agent = ascii_copy(http_field_get(request, "user-agent"), told, sizeof(told));
    link->conn = ws_accept(node->http, ref, &handshake, &options, &conn_ops, link);
    if (link->conn == NULL)
        pool_give(&node->links, link);
    else
        (void)session_open(link, request->peer, user_agent);
}
