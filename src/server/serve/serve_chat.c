/* SPDX-License-Identifier: Apache-2.0 */
/* Chat and gateway know no other shards; here an action, a reply or a push finds the one that it is
 * for. What stays on its shard is a plain call; what leaves is copied into a message, and a full
 * mailbox is answered `busy` or owed as a resync, as DESIGN section 4 has it. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

enum { REMOTE_FRAME_MAX = 8 * 1024 * 1024 }; /* a page of history: 200 events of 16 KiB and more */

/* ---- an action for another shard ------------------------------------------------------------- */

struct action_msg {
    struct shard_msg head;
    struct chat_action action; /* what it points to lies behind */
};

static void action_run(struct shard_msg *head, struct shard *shard)
{
    struct action_msg *msg = CONTAINER_OF(head, struct action_msg, head);

    chat_submit(node_of(shard)->chat, &msg->action);
    free(msg);
}

static bool action_post(struct node *node, uint32_t shard, const struct chat_action *action)
{
    struct action_msg *msg = mem_alloc(sizeof(*msg) + chat_action_room(action));
    struct shard_msg *head = &msg->head;

    *msg = (struct action_msg){ .head = { .run = action_run }, .action = *action };
    chat_action_copy(&msg->action, msg + 1);
    if (shard_post(node_shard(node, shard), &head))
        return true;
    free(msg);
    return false;
}

/* An inbox is every shard's; this one answers. */
static bool inbox_submit(struct node *node, const struct chat_action *action)
{
    struct chat_action silent = *action;
    bool all = true;

    silent.cookie = 0;
    for (uint32_t i = 0; i < node->server->shards; i++) {
        if (i != node->index)
            all = action_post(node, i, &silent) && all;
    }
    if (!all)
        return false;
    chat_submit(node->chat, action);
    return true;
}

bool node_submit(struct node *node, const struct chat_action *action)
{
    uint32_t shard;

    if (action->inbox && action->kind == CHAT_SUBSCRIBE)
        return inbox_submit(node, action);
    shard =
        id_shard(action->conv.v != 0 ? action->conv.v : action->visitor.v, node->server->shards);
    if (shard != node->index)
        return action_post(node, shard, action);
    chat_submit(node->chat, action);
    return true;
}

/* ---- replies --------------------------------------------------------------------------------- */

struct frame_msg {
    struct shard_msg head;
    uint64_t session;
    size_t len;
    uint8_t bytes[]; /* a ServerFrame in protobuf */
};

static void frame_run(struct shard_msg *head, struct shard *shard)
{
    struct frame_msg *msg = CONTAINER_OF(head, struct frame_msg, head);
    ProtobufCMessage *frame = NULL;
    struct arena arena;

    arena_init(&arena, REMOTE_FRAME_MAX * 4);
    if (schema_proto_decode(&kefu__v1__server_frame__descriptor, slice_make(msg->bytes, msg->len),
                            &arena, &frame, NULL) == ERR_OK)
        node_answer(node_of(shard), msg->session, (const Kefu__V1__ServerFrame *)frame);
    arena_fini(&arena);
    free(msg);
}

/* Room for replies is reserved with the action: there is at most one each. */
static void reply_post(struct node *node, const struct chat_session *to,
                       const Kefu__V1__ServerFrame *frame)
{
    struct frame_msg *msg;
    struct shard_msg *head;
    struct buf buf;

    buf_init(&buf, REMOTE_FRAME_MAX);
    schema_proto_encode(&frame->base, &buf);
    if (!buf_ok(&buf)) {
        LOG_WARN("reply_too_big", KV_U64("body", frame->body_case));
        buf_fini(&buf);
        return;
    }
    msg = mem_alloc(sizeof(*msg) + buf.len);
    msg->head = (struct shard_msg){ .run = frame_run };
    msg->session = to->session;
    msg->len = buf.len;
    memcpy(msg->bytes, buf.ptr, buf.len);
    buf_fini(&buf);
    head = &msg->head;
    shard_post_reserved(node_shard(node, to->shard), &head);
}

static void chat_reply_out(void *ctx, const struct chat_reply *reply)
{
    struct node *node = ctx;
    struct gateway_frame room;

    gateway_frame_build(reply, &room);
    if (reply->to.shard == node->index)
        node_answer(node, reply->to.session, &room.frame);
    else
        reply_post(node, &reply->to, &room.frame);
}

/* ---- pushes ---------------------------------------------------------------------------------- */

struct push_msg {
    struct shard_msg head;
    enum chat_push_kind kind;
    struct conv_id conv;
    uint32_t head_seq;
    unsigned count;
    struct slice encoded[CHAT_FORMAT_COUNT];
    struct chat_session sessions[];
};

static void push_run(struct shard_msg *head, struct shard *shard)
{
    struct push_msg *msg = CONTAINER_OF(head, struct push_msg, head);
    struct gateway *gateway = node_of(shard)->gateway;

    for (unsigned i = 0; i < msg->count; i++) {
        const struct chat_session *to = &msg->sessions[i];

        if (!gateway_push(gateway, to->session, msg->kind, msg->conv, msg->head_seq,
                          msg->encoded[to->format]) &&
            (msg->kind == CHAT_PUSH_EVENT || msg->kind == CHAT_PUSH_RESYNC))
            gateway_owe(gateway, to->session, msg->conv);
    }
    free(msg);
}

static void slice_move(struct slice *slice, char **at)
{
    if (slice->len > 0)
        memcpy(*at, slice->ptr, slice->len);
    slice->ptr = *at;
    *at += slice->len;
}

static struct push_msg *push_copy(const struct chat_receiver *receivers, unsigned count,
                                  struct chat_push *push)
{
    bool wanted[CHAT_FORMAT_COUNT] = { false };
    size_t bytes = count * sizeof(struct chat_session);
    struct push_msg *msg;
    char *at;

    for (unsigned i = 0; i < count; i++)
        wanted[receivers[i].session.format] = true;
    for (unsigned f = 0; f < CHAT_FORMAT_COUNT; f++)
        bytes += wanted[f] ? chat_push_bytes(push, (enum chat_format)f).len : 0;
    msg = mem_zalloc(sizeof(*msg) + bytes);
    msg->kind = push->kind;
    msg->conv = push->conv;
    msg->head_seq = push->head_seq;
    msg->count = count;
    for (unsigned i = 0; i < count; i++)
        msg->sessions[i] = receivers[i].session;
    at = (char *)&msg->sessions[count];
    for (unsigned f = 0; f < CHAT_FORMAT_COUNT; f++) {
        if (!wanted[f])
            continue;
        msg->encoded[f] = chat_push_bytes(push, (enum chat_format)f);
        slice_move(&msg->encoded[f], &at);
    }
    return msg;
}

static void deliver_remote(struct node *node, uint16_t shard, struct chat_receiver *receivers,
                           unsigned count, struct chat_push *push)
{
    struct push_msg *msg = push_copy(receivers, count, push);
    struct shard_msg *head = &msg->head;

    *head = (struct shard_msg){ .run = push_run };
    if (shard_post(node_shard(node, shard), &head))
        return;
    free(msg);
    for (unsigned i = 0; i < count; i++)
        receivers[i].refused = true;
}

static void chat_deliver(void *ctx, uint16_t shard, struct chat_receiver *receivers, unsigned count,
                         struct chat_push *push)
{
    struct node *node = ctx;

    if (shard != node->index) {
        deliver_remote(node, shard, receivers, count, push);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct chat_session *to = &receivers[i].session;

        receivers[i].refused =
            !gateway_push(node->gateway, to->session, push->kind, push->conv, push->head_seq,
                          chat_push_bytes(push, (enum chat_format)to->format));
    }
}

/* ---- what chat asks -------------------------------------------------------------------------- */

static bool chat_site_get(void *ctx, struct workspace_id workspace, struct site_id id,
                          struct chat_site *out)
{
    struct node *node = ctx;
    const struct directory_site *site = directory_site_by_id(node->directory, id.v);

    if (site == NULL || site->workspace.v != workspace.v)
        return false;
    out->workspace = site->workspace;
    out->draft_preview = site->site->draft_preview;
    out->bot_enabled = site->site->bot_enabled;
    out->utc_offset_minutes = node->server->utc_offset_minutes;
    out->idle_close_ms = (int64_t)site->site->idle_close_minutes * 60 * 1000;
    return true;
}

static bool chat_agent_name(void *ctx, struct workspace_id workspace, struct agent_id id,
                            struct slice *name)
{
    struct node *node = ctx;
    const struct directory_agent *agent = directory_agent_by_id(node->directory, id.v);

    if (agent == NULL || agent->workspace.v != workspace.v || agent->agent->disabled)
        return false;
    *name = slice_of(agent->agent->name);
    return true;
}

static bool chat_answer(void *ctx, struct workspace_id workspace,
                        const struct bot_question *question, struct arena *arena,
                        struct bot_reply *out)
{
    struct node *node = ctx;
    const struct bot *bot = directory_bot(node->directory, workspace);
    struct err err = { 0 };

    if (bot == NULL)
        return false;
    if (bot_answer(bot, node->scratch, question, &clock_system, arena, out, &err) == ERR_OK) {
        if (out->unclear)
            node_unclear(node, workspace, question->text, out);
        return true;
    }
    LOG_WARN("bot_failed", KV_ERR(&err));
    return false;
}

static bool chat_guard_text(void *ctx, struct workspace_id workspace,
                            const struct bot_question *question, struct arena *arena,
                            struct bot_guard *out)
{
    struct node *node = ctx;
    const struct bot *bot = directory_bot(node->directory, workspace);
    struct err err = { 0 };

    if (bot == NULL)
        return false;
    if (bot_guard(bot, node->scratch, question, &clock_system, arena, out, &err) == ERR_OK)
        return true;
    LOG_WARN("guard_failed", KV_ERR(&err));
    out->block = true; /* what could not be looked at does not pass */
    return true;
}

static enum err_code chat_route(void *ctx, struct workspace_id workspace,
                                const struct chat_route_ask *ask, struct arena *arena,
                                Kefu__V1__Routing *out, struct chat_route *route, struct err *err)
{
    struct node *node = ctx;
    const struct routing *routing = directory_routing(node->directory, workspace);
    const struct directory_site *site = directory_site_by_id(node->directory, ask->site.v);
    const struct routing_ask question = {
        .queue = ask->queue,
        .language = ask->language,
        .channel = SLICE_LITERAL("web"),
        .site = site != NULL ? slice_of(site->site->key) : SLICE_EMPTY,
        .intent = ask->intent,
        .flow = ask->flow,
        .facts = ask->facts,
        .fact_count = ask->fact_count,
    };
    struct routing_place place = { 0 };
    enum err_code rc;

    if (routing == NULL)
        return ERR_OK;
    rc =
        routing_classify(routing, &question, clock_wall_ms(&clock_system), arena, out, &place, err);
    *route = (struct chat_route){ place.closed, place.bot, place.opens_at };
    return rc;
}

static bool chat_read_text(void *ctx, struct workspace_id workspace,
                           const struct bot_question *question, struct arena *arena,
                           struct bot_reading *out)
{
    struct node *node = ctx;
    const struct bot *bot = directory_bot(node->directory, workspace);
    struct err err = { 0 };

    if (bot == NULL)
        return false;
    if (bot_read(bot, node->scratch, question, &clock_system, arena, out, &err) == ERR_OK)
        return true;
    LOG_WARN("bot_failed", KV_ERR(&err));
    return false;
}

static const struct flow_set *chat_flows(void *ctx, struct workspace_id workspace)
{
    struct node *node = ctx;
    const struct directory_workspace *found = directory_workspace_by_id(node->directory, workspace);

    return found != NULL ? found->mind->flows : NULL;
}

static bool chat_flow_value(void *ctx, struct workspace_id workspace, struct slice name,
                            struct slice *out)
{
    struct node *node = ctx;
    const struct directory_workspace *found = directory_workspace_by_id(node->directory, workspace);
    const Kefu__V1__FlowValue *value = found != NULL ? directory_value(found, name) : NULL;

    if (value == NULL)
        return false;
    *out = slice_of(value->value);
    return true;
}

static void chat_want_flush(void *ctx)
{
    struct node *node = ctx;

    loop_defer(node->loop, &node->flush);
}

/* What this turn still has to read lies in the sockets meanwhile, and behind it what has come
 * since: a turn of that length means that more is asked than can be answered. */
static bool chat_late(void *ctx)
{
    const struct node *node = ctx;

    return loop_turn_us(node->loop) > SERVE_LATE_MS * 1000;
}

static void chat_want_rows(void *ctx)
{
    struct node *node = ctx;

    if (!loop_timer_running(&node->rows))
        loop_timer_start(node->loop, &node->rows, CHAT_ROWS_MS);
}

const struct chat_ops node_chat_ops = {
    .reply = chat_reply_out,
    .deliver = chat_deliver,
    .desk_report = node_desk_report,
    .site = chat_site_get,
    .agent_name = chat_agent_name,
    .answer = chat_answer,
    .guard = chat_guard_text,
    .route = chat_route,
    .read = chat_read_text,
    .flows = chat_flows,
    .flow_value = chat_flow_value,
    .act = node_act,
    .late = chat_late,
    .want_flush = chat_want_flush,
    .want_rows = chat_want_rows,
};

/* ---- what the gateway asks ------------------------------------------------------------------- */

static bool gateway_submit(void *ctx, const struct chat_action *action)
{
    return node_submit(ctx, action);
}

static bool site_fill(const struct directory_site *site, struct gateway_site *out)
{
    if (site == NULL)
        return false;
    out->id = (struct site_id){ site->site->id };
    out->workspace = site->workspace;
    out->site = site->site;
    return true;
}

static bool gateway_site_by_key(void *ctx, struct slice key, struct gateway_site *out)
{
    struct node *node = ctx;

    return site_fill(directory_site_by_key(node->directory, key), out);
}

static bool gateway_site_by_id(void *ctx, struct site_id id, struct gateway_site *out)
{
    struct node *node = ctx;

    return site_fill(directory_site_by_id(node->directory, id.v), out);
}

static struct visitor_id gateway_visitor_new(void *ctx, struct workspace_id workspace)
{
    struct node *node = ctx;

    return chat_visitor_new(node->chat, workspace);
}

static struct slice gateway_greeting(void *ctx, struct site_id id, struct slice locale)
{
    struct node *node = ctx;
    const struct directory_site *site = directory_site_by_id(node->directory, id.v);
    const struct bot *bot = site != NULL ? directory_bot(node->directory, site->workspace) : NULL;

    return bot != NULL ? bot_greeting(bot, id.v, locale) : SLICE_EMPTY;
}

/* A ticket asks the shard that issued it, and its answer comes back. */
struct ticket_msg {
    struct shard_msg head;
    uint64_t session;
    uint32_t from;
    bool proved;
    struct auth_principal who;
    char ticket[AUTH_SECRET_TEXT_MAX];
};

static void ticket_answer_run(struct shard_msg *head, struct shard *shard)
{
    struct ticket_msg *msg = CONTAINER_OF(head, struct ticket_msg, head);

    gateway_agent_proved(node_of(shard)->gateway, msg->session, msg->proved ? &msg->who : NULL);
    free(msg);
}

static void ticket_ask_run(struct shard_msg *head, struct shard *shard)
{
    struct ticket_msg *msg = CONTAINER_OF(head, struct ticket_msg, head);
    struct node *node = node_of(shard);

    msg->proved = auth_ticket_redeem(&node->tickets, slice_of(msg->ticket),
                                     clock_mono_us(&clock_system), &msg->who);
    head->run = ticket_answer_run;
    shard_post_reserved(node_shard(node, msg->from), &head);
}

static void gateway_ticket_redeem(void *ctx, uint64_t session, struct slice ticket)
{
    struct node *node = ctx;
    struct auth_principal who;
    struct ticket_msg *msg;
    struct shard_msg *head;
    unsigned shard;

    if (!auth_ticket_shard(ticket, &shard) || shard >= node->server->shards ||
        ticket.len >= AUTH_SECRET_TEXT_MAX) {
        gateway_agent_proved(node->gateway, session, NULL);
        return;
    }
    if (shard == node->index) {
        bool proved =
            auth_ticket_redeem(&node->tickets, ticket, clock_mono_us(&clock_system), &who);
        gateway_agent_proved(node->gateway, session, proved ? &who : NULL);
        return;
    }
    msg = mem_zalloc(sizeof(*msg));
    msg->head.run = ticket_ask_run;
    msg->session = session;
    msg->from = node->index;
    memcpy(msg->ticket, ticket.ptr, ticket.len);
    head = &msg->head;
    if (!shard_post(node_shard(node, shard), &head)) {
        free(msg);
        gateway_agent_proved(node->gateway, session, NULL);
    }
}

static void gateway_token_check(void *ctx, uint64_t session, struct slice token)
{
    node_api_token_check(ctx, session, token);
}

/* ---- nobody listens any more ----------------------------------------------------------------- */

struct leave_msg {
    struct shard_msg head;
    struct chat_session session;
    struct visitor_id visitor;
    struct conv_id conv;
    struct workspace_id inbox; /* one of the three is set */
};

static void leave(struct node *node, const struct leave_msg *msg)
{
    if (msg->visitor.v != 0)
        chat_session_gone(node->chat, msg->session, msg->visitor);
    else if (msg->conv.v != 0)
        chat_unsubscribe(node->chat, msg->session, msg->conv);
    else
        chat_unsubscribe_inbox(node->chat, msg->session, msg->inbox);
}

static void leave_run(struct shard_msg *head, struct shard *shard)
{
    struct leave_msg *msg = CONTAINER_OF(head, struct leave_msg, head);

    leave(node_of(shard), msg);
    free(msg);
}

/* Bounded by the sessions that there are, so it may not be refused: a listener that stays behind
 * would be pushed to for ever. */
static void leave_post(struct node *node, uint32_t shard, const struct leave_msg *what)
{
    struct leave_msg *msg;
    struct shard_msg *head;

    if (shard == node->index) {
        leave(node, what);
        return;
    }
    msg = mem_alloc(sizeof(*msg));
    *msg = *what;
    msg->head = (struct shard_msg){ .run = leave_run };
    head = &msg->head;
    shard_post_reserved(node_shard(node, shard), &head);
}

static void gateway_visitor_gone(void *ctx, struct chat_session session, struct visitor_id visitor)
{
    struct node *node = ctx;

    leave_post(node, id_shard(visitor.v, node->server->shards),
               &(struct leave_msg){ .session = session, .visitor = visitor });
}

static void gateway_unsubscribe(void *ctx, struct chat_session session, struct conv_id conv)
{
    struct node *node = ctx;

    leave_post(node, conv_shard(node, conv),
               &(struct leave_msg){ .session = session, .conv = conv });
}

static void gateway_unsubscribe_inbox(void *ctx, struct chat_session session,
                                      struct workspace_id workspace)
{
    struct node *node = ctx;

    for (uint32_t i = 0; i < node->server->shards; i++)
        leave_post(node, i, &(struct leave_msg){ .session = session, .inbox = workspace });
}

const struct gateway_ops node_gateway_ops = {
    .submit = gateway_submit,
    .site_by_key = gateway_site_by_key,
    .site_by_id = gateway_site_by_id,
    .visitor_new = gateway_visitor_new,
    .greeting = gateway_greeting,
    .ticket_redeem = gateway_ticket_redeem,
    .token_check = gateway_token_check,
    .agent_session = node_desk_session,
    .agent_status = node_desk_status,
    .visitor_gone = gateway_visitor_gone,
    .unsubscribe = gateway_unsubscribe,
    .unsubscribe_inbox = gateway_unsubscribe_inbox,
};

/* ---- log-ins that end ------------------------------------------------------------------------ */

struct revoke_msg {
    struct shard_msg head;
    struct gateway_revocation what;
};

static void revoke_run(struct shard_msg *head, struct shard *shard)
{
    struct revoke_msg *msg = CONTAINER_OF(head, struct revoke_msg, head);

    gateway_revoke(node_of(shard)->gateway, &msg->what);
    free(msg);
}

void node_revoke(struct node *node, const struct gateway_revocation *what)
{
    for (uint32_t i = 0; i < node->server->shards; i++) {
        struct revoke_msg *msg = mem_alloc(sizeof(*msg));
        struct shard_msg *head = &msg->head;

        *msg = (struct revoke_msg){ { .run = revoke_run }, *what };
        shard_post_reserved(node_shard(node, i), &head);
    }
}
