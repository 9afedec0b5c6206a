/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sessions, and the bytes in and out. A handle is index and generation, so an answer
 * to a session that has gone finds nothing instead of somebody else. */
#include "gateway_priv.h"

#include <stdlib.h>

#include "limit.h"
#include "log.h"
#include "mem.h"
#include "schema.h"

enum {
    FRAME_ARENA_MAX = 1024 * 1024, /* 64 KiB of JSON become less than that */
    NO_SLOT = UINT32_MAX,
};

/* ---- table ---- */

struct gateway *gateway_create(const struct gateway_options *options)
{
    struct gateway *gateway = mem_zalloc(sizeof(*gateway));

    gateway->options = *options;
    gateway->free = NO_SLOT;
    pool_init(&gateway->sessions, sizeof(struct gateway_session));
    arena_init(&gateway->arena, FRAME_ARENA_MAX);
    buf_init(&gateway->out, LIMIT_SESSION_QUEUE_BYTES_MAX * 4);
    return gateway;
}

static uint64_t handle_of(const struct gateway_session *session)
{
    return (uint64_t)session->generation << 32 | session->index;
}

struct chat_session gateway_session_ref(const struct gateway_session *session)
{
    return (struct chat_session){ .session = handle_of(session),
                                  .shard = session->gateway->options.shard,
                                  .format = session->proto ? CHAT_FORMAT_PROTO : CHAT_FORMAT_JSON };
}

struct gateway_session *gateway_session_find(struct gateway *gateway, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    uint32_t generation = (uint32_t)(handle >> 32);

    if (index >= gateway->slot_count || gateway->slots[index].generation != generation)
        return NULL;
    return gateway->slots[index].session;
}

static uint32_t slot_take(struct gateway *gateway)
{
    uint32_t index = gateway->free;

    if (index != NO_SLOT) {
        gateway->free = gateway->slots[index].next_free;
        return index;
    }
    if (gateway->slot_count == GATEWAY_SESSIONS_MAX)
        return NO_SLOT;
    if (gateway->slot_count == gateway->slot_cap) {
        gateway->slot_cap = gateway->slot_cap == 0 ? 64 : gateway->slot_cap * 2;
        gateway->slots = mem_realloc(gateway->slots, gateway->slot_cap * sizeof(*gateway->slots));
    }
    gateway->slots[gateway->slot_count] = (struct gateway_slot){ .generation = 1 };
    return gateway->slot_count++;
}

uint32_t gateway_session_count(const struct gateway *gateway)
{
    return gateway->session_count;
}

static void agent_free(struct gateway_agent *agent)
{
    if (agent == NULL)
        return;
    *agent->place = agent->next;
    if (agent->next != NULL)
        agent->next->place = agent->place;
    free(agent);
}

struct gateway_agent *gateway_agent_make(struct gateway_session *session)
{
    struct gateway *gateway = session->gateway;
    struct gateway_agent *agent = mem_zalloc(sizeof(*agent));

    agent->session = session;
    agent->next = gateway->agents;
    agent->place = &gateway->agents;
    if (agent->next != NULL)
        agent->next->place = &agent->next;
    gateway->agents = agent;
    session->agent = agent;
    return agent;
}

static void session_free(struct gateway_session *session)
{
    struct gateway *gateway = session->gateway;
    struct gateway_slot *slot = &gateway->slots[session->index];

    loop_timer_stop(gateway->options.loop, &session->timer);
    slot->session = NULL;
    /* A generation of 2^31 would look like a handle of another kind to the server. */
    slot->generation = slot->generation == INT32_MAX ? 1 : slot->generation + 1;
    slot->next_free = gateway->free;
    gateway->free = session->index;
    gateway->session_count--;
    agent_free(session->agent);
    free(session->told); /* or the heads behind the first one */
    pool_give(&gateway->sessions, session);
}

void gateway_destroy(struct gateway **gateway)
{
    if (*gateway == NULL)
        return;
    for (uint32_t i = 0; i < (*gateway)->slot_count; i++)
        if ((*gateway)->slots[i].session != NULL)
            session_free((*gateway)->slots[i].session);
    free((*gateway)->slots);
    pool_fini(&(*gateway)->sessions);
    arena_fini(&(*gateway)->arena);
    buf_fini(&(*gateway)->out);
    free(*gateway);
    *gateway = NULL;
}

/* ---- time ---- */

static bool owed_send(struct gateway_session *session);

static void ping_frame_send(struct gateway_session *session)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Ping ping = KEFU__V1__PING__INIT;
    Kefu__V1__HeadSeq *items[GATEWAY_HEADS_MAX];
    Kefu__V1__HeadSeq heads[GATEWAY_HEADS_MAX];

    for (uint16_t i = 0; i < session->head_count; i++) {
        struct gateway_head *head = gateway_head_at(session, i);
        if (head->told)
            continue;
        kefu__v1__head_seq__init(&heads[ping.n_heads]);
        heads[ping.n_heads].conversation_id = head->conv;
        heads[ping.n_heads].head_seq = head->head;
        items[ping.n_heads] = &heads[ping.n_heads];
        ping.n_heads++;
        head->told = true;
    }
    ping.heads = items;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_PING;
    frame.ping = &ping;
    gateway_session_send(session, &frame);
}

static void silence_run(struct loop_timer *timer)
{
    struct gateway_session *session = CONTAINER_OF(timer, struct gateway_session, timer);

    if (session->state != GATEWAY_OPEN) {
        gateway_session_close(session, GATEWAY_CLOSE_POLICY, "no hello in time");
        return;
    }
    if (session->ops->ping != NULL && !session->ops->ping(session->link)) {
        gateway_session_close(session, GATEWAY_CLOSE_GOING, "no answer to pings");
        return;
    }
    if (!session->owed || owed_send(session))
        ping_frame_send(session);
    gateway_session_alive(session);
}

void gateway_session_alive(struct gateway_session *session)
{
    /* +-20 %, from the handle and not from chance: the same for every ping of a session. */
    uint32_t spread = GATEWAY_PING_MS * 2 / 5;
    uint32_t delay = GATEWAY_PING_MS - spread / 2 + (session->index * 2654435761u >> 8) % spread;

    loop_timer_start(session->gateway->options.loop, &session->timer, delay);
}

/* ---- life ---- */

uint64_t gateway_session_open(struct gateway *gateway, const struct gateway_link *ops, void *link,
                              enum chat_format format, const struct gateway_peer *peer)
{
    uint32_t index = slot_take(gateway);
    size_t room = peer->address.len + peer->user_agent.len + 2;
    struct gateway_session *session;

    if (index == NO_SLOT)
        return 0;
    session = pool_take(&gateway->sessions);
    session->gateway = gateway;
    session->ops = ops;
    session->link = link;
    session->index = index;
    session->generation = gateway->slots[index].generation;
    session->state = GATEWAY_HELLO;
    session->proto = format == CHAT_FORMAT_PROTO;
    session->told = mem_zalloc(room);
    if (peer->address.len > 0)
        memcpy(session->told, peer->address.ptr, peer->address.len);
    if (peer->user_agent.len > 0)
        memcpy(session->told + peer->address.len + 1, peer->user_agent.ptr, peer->user_agent.len);
    gateway->slots[index].session = session;
    gateway->session_count++;
    loop_timer_init(&session->timer, silence_run);
    loop_timer_start(gateway->options.loop, &session->timer, GATEWAY_HELLO_MS);
    return handle_of(session);
}

void gateway_session_peer(struct gateway *gateway, uint64_t handle, struct gateway_peer *out)
{
    const struct gateway_session *session = gateway_session_find(gateway, handle);

    *out = (struct gateway_peer){ 0 };
    if (session == NULL || session->state == GATEWAY_OPEN || session->told == NULL)
        return;
    out->address = slice_of(session->told);
    out->user_agent = slice_of(session->told + out->address.len + 1);
}

void gateway_session_close(struct gateway_session *session, unsigned code, const char *reason)
{
    session->ops->close(session->link, code, reason);
}

static void agent_leave(struct gateway_session *session)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    struct gateway_agent *agent = session->agent;
    struct chat_session ref = gateway_session_ref(session);

    for (uint32_t i = 0; i < agent->conv_count; i++)
        ops->unsubscribe(ops->ctx, ref, (struct conv_id){ agent->convs[i] });
    if (agent->inbox)
        ops->unsubscribe_inbox(ops->ctx, ref, (struct workspace_id){ agent->who.workspace_id });
    if (agent->who.token_id == 0 && !ops->agent_session(ops->ctx, &agent->who, ref.session, false))
        LOG_WARN("gateway_desk_busy", KV_ID("agent", agent->who.agent_id));
}

void gateway_session_gone(struct gateway *gateway, uint64_t handle)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);
    const struct gateway_ops *ops = &gateway->options.ops;

    if (session == NULL)
        return;
    if (session->agent != NULL)
        agent_leave(session);
    else if (session->visitor != 0)
        ops->visitor_gone(ops->ctx, gateway_session_ref(session),
                          (struct visitor_id){ session->visitor });
    session_free(session);
}

void gateway_session_pong(struct gateway *gateway, uint64_t handle)
{
    (void)gateway_session_find(gateway, handle);
}

/* ---- in ---- */

/* So that even a frame that can't be read is answered with its id, when it begins with one. */
static uint32_t frame_id_guess(const struct gateway_session *session, struct slice frame)
{
    static const char begin[] = "{\"id\":";
    unsigned long long id = 0;
    size_t known = 0;
    size_t at = 0;
    size_t end;

    while (at < frame.len &&
           (frame.ptr[at] == ' ' || (known < sizeof(begin) - 1 && frame.ptr[at] == begin[known])))
        known += frame.ptr[at++] != ' ';
    if (session->proto || known < sizeof(begin) - 1)
        return 0;
    end = at;
    while (end < frame.len && frame.ptr[end] >= '0' && frame.ptr[end] <= '9')
        end++;
    if (!slice_to_u64(slice_make(frame.ptr + at, end - at), &id) || id > UINT32_MAX)
        return 0;
    return (uint32_t)id;
}

static enum err_code frame_decode(struct gateway_session *session, struct slice bytes,
                                  ProtobufCMessage **out, struct err *err)
{
    struct arena *arena = &session->gateway->arena;
    const ProtobufCMessageDescriptor *desc = &kefu__v1__client_frame__descriptor;

    if (bytes.len > LIMIT_FRAME_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "frame over %d bytes", LIMIT_FRAME_BYTES_MAX);
    arena_reset(arena);
    return session->proto ? schema_proto_decode(desc, bytes, arena, out, err)
                          : schema_json_decode(desc, bytes, arena, out, err);
}

void gateway_session_frame(struct gateway *gateway, uint64_t handle, struct slice bytes)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);
    ProtobufCMessage *msg = NULL;
    struct err err = { 0 };

    if (session == NULL)
        return;
    if (frame_decode(session, bytes, &msg, &err) != ERR_OK) {
        gateway_session_error(session, frame_id_guess(session, bytes), &err);
        if (session->state != GATEWAY_OPEN)
            gateway_session_close(session, GATEWAY_CLOSE_POLICY, "hello not readable");
        return;
    }
    if (session->state == GATEWAY_HELLO) {
        gateway_hello(session, (Kefu__V1__ClientFrame *)msg);
        return;
    }
    if (session->state == GATEWAY_PROVING ||
        ((Kefu__V1__ClientFrame *)msg)->action_case == KEFU__V1__CLIENT_FRAME__ACTION_HELLO) {
        err_set(&err, ERR_CONFLICT, "one hello, and nothing before its welcome");
        gateway_session_error(session, ((Kefu__V1__ClientFrame *)msg)->id, &err);
        return;
    }
    gateway_session_alive(session);
    gateway_action(session, (Kefu__V1__ClientFrame *)msg);
}

/* ---- out ---- */

bool gateway_session_send(struct gateway_session *session, const Kefu__V1__ServerFrame *frame)
{
    struct buf *out = &session->gateway->out;
    bool binary = session->proto;

    buf_clear(out);
    if (binary)
        schema_proto_encode(&frame->base, out);
    else
        schema_json_encode(&frame->base, out);
    if (!buf_ok(out)) {
        out->full = false;
        LOG_WARN("gateway_frame_too_big", KV_U64("body", frame->body_case));
        return false;
    }
    return session->ops->send(session->link, buf_slice(out), binary);
}

void gateway_session_error(struct gateway_session *session, uint32_t id, const struct err *err)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Error error = KEFU__V1__ERROR__INIT;

    error.code = (char *)err_code_name(err->code);
    error.message = (char *)err->text;
    error.field = (char *)err->field;
    error.retry_after_ms = err->retry_after_ms;
    frame.id = id;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_ERROR;
    frame.error = &error;
    gateway_session_send(session, &frame);
}

void gateway_frame_build(const struct chat_reply *reply, struct gateway_frame *room)
{
    Kefu__V1__ServerFrame *frame = &room->frame;

    kefu__v1__server_frame__init(frame);
    frame->id = (uint32_t)reply->cookie; /* gateway_cookie */
    switch (reply->kind) {
    case CHAT_REPLY_ACK:
        kefu__v1__ack__init(&room->ack);
        room->ack.conversation_id = reply->conv.v;
        room->ack.seq = reply->seq;
        schema_timestamp_set(&room->created_at, reply->created_at);
        room->ack.created_at = reply->created_at != 0 ? &room->created_at : NULL;
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_ACK;
        frame->ack = &room->ack;
        break;
    case CHAT_REPLY_ERROR:
        kefu__v1__error__init(&room->error);
        room->error.code = (char *)err_code_name(reply->err->code);
        room->error.message = (char *)reply->err->text;
        room->error.field = (char *)reply->err->field;
        room->error.retry_after_ms = reply->err->retry_after_ms;
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_ERROR;
        frame->error = &room->error;
        break;
    case CHAT_REPLY_HISTORY:
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_HISTORY;
        frame->history = (Kefu__V1__History *)reply->history;
        break;
    case CHAT_REPLY_HEADS:
        kefu__v1__welcome__init(&room->welcome);
        room->welcome.n_conversations = reply->head_count;
        room->welcome.conversations = (Kefu__V1__ConversationHead **)reply->heads;
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_WELCOME;
        frame->welcome = &room->welcome;
        break;
    case CHAT_REPLY_CONVERSATION:
        kefu__v1__conversation_push__init(&room->conversation);
        room->conversation.conversation = (Kefu__V1__Conversation *)reply->conversation;
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_CONVERSATION;
        frame->conversation = &room->conversation;
        break;
    case CHAT_REPLY_FLOW:
        frame->body_case = KEFU__V1__SERVER_FRAME__BODY_FLOW;
        frame->flow = (Kefu__V1__FlowView *)reply->flow;
        break;
    }
}

void gateway_answer(struct gateway *gateway, uint64_t handle, const Kefu__V1__ServerFrame *frame)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);

    if (session == NULL)
        return;
    if (session->state == GATEWAY_PROVING) {
        if (frame->body_case == KEFU__V1__SERVER_FRAME__BODY_WELCOME) {
            gateway_hello_heads(session, frame->welcome);
            return;
        }
        gateway_session_send(session, frame);
        gateway_session_close(session, GATEWAY_CLOSE_BUSY, "try again");
        return;
    }
    if (frame->body_case == KEFU__V1__SERVER_FRAME__BODY_HISTORY)
        gateway_session_head(session, frame->history->conversation_id, frame->history->head_seq);
    if (frame->id == 0 && frame->body_case != KEFU__V1__SERVER_FRAME__BODY_ERROR)
        return; /* to a frame without an id: nobody waits for it */
    /* An answer that doesn't fit: the client asks again after it reconnects. */
    if (!gateway_session_send(session, frame))
        gateway_session_close(session, GATEWAY_CLOSE_BUSY, "reader too slow");
}

void gateway_session_head(struct gateway_session *session, uint64_t conv, uint32_t head)
{
    for (uint16_t i = 0; i < session->head_count; i++) {
        struct gateway_head *known = gateway_head_at(session, i);

        if (known->conv != conv)
            continue;
        if (head > known->head) {
            known->head = head;
            known->told = false;
        }
        return;
    }
    if (session->head_count == GATEWAY_HEADS_MAX)
        return; /* a lost last event of a conversation beyond that shows at the next one */
    if (session->head_count > 0)
        session->more_heads =
            mem_realloc(session->more_heads, session->head_count * sizeof(*session->more_heads));
    *gateway_head_at(session, session->head_count++) =
        (struct gateway_head){ conv, head, true, false };
}

/* ---- what is owed ---- */

static bool resync_send(struct gateway_session *session, struct gateway_head *head)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Resync resync = KEFU__V1__RESYNC__INIT;

    resync.conversation_id = head->conv;
    resync.head_seq = head->head;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_RESYNC;
    frame.resync = &resync;
    head->owed = !gateway_session_send(session, &frame);
    return !head->owed;
}

static bool list_send(struct gateway_session *session)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Resync resync = KEFU__V1__RESYNC__INIT;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_RESYNC;
    frame.resync = &resync;
    session->list_owed = !gateway_session_send(session, &frame);
    return !session->list_owed;
}

/* False: something is still owed. */
static bool owed_send(struct gateway_session *session)
{
    session->owed = session->list_owed && !list_send(session);
    for (uint16_t i = 0; i < session->head_count; i++) {
        struct gateway_head *head = gateway_head_at(session, i);

        if (head->owed && !resync_send(session, head))
            session->owed = true;
    }
    return !session->owed;
}

void gateway_owe(struct gateway *gateway, uint64_t handle, struct conv_id conv)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);

    if (session == NULL || session->state != GATEWAY_OPEN)
        return;
    for (uint16_t i = 0; i < session->head_count; i++) {
        struct gateway_head *head = gateway_head_at(session, i);

        if (head->conv == conv.v) {
            head->owed = true;
            session->owed = true;
            return;
        }
    }
    /* Beyond the heads that a session keeps there is no place to remember it. */
    gateway_session_close(session, GATEWAY_CLOSE_BUSY, "reader too slow");
}

void gateway_session_drained(struct gateway *gateway, uint64_t handle)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);

    if (session != NULL && session->owed)
        (void)owed_send(session);
}

static bool rows_fit(const struct gateway_session *session, struct slice frame)
{
    return session->ops->pending == NULL ||
           session->ops->pending(session->link) + frame.len <= GATEWAY_ROWS_BYTES_MAX;
}

/* Who is to list again is told so first, and not while its queue is full of rows: it would list
 * and have the same gap. */
static void row_send(struct gateway_session *session, enum chat_push_kind kind, struct slice frame)
{
    bool told;

    if (kind == CHAT_PUSH_RELIST)
        session->list_owed = session->owed = true;
    told = rows_fit(session, frame) && (!session->list_owed || list_send(session));
    if (told && kind == CHAT_PUSH_RELIST)
        return;
    if (told && frame.len > 0 && session->ops->send(session->link, frame, session->proto))
        return;
    session->list_owed = session->owed = true;
}

bool gateway_push(struct gateway *gateway, uint64_t handle, enum chat_push_kind kind,
                  struct conv_id conv, uint32_t head_seq, struct slice frame)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);

    if (session == NULL || session->state != GATEWAY_OPEN)
        return true; /* gone, and its chat will hear of that */
    if (kind == CHAT_PUSH_CONVERSATION || kind == CHAT_PUSH_RELIST) {
        row_send(session, kind, frame);
        return true;
    }
    if (kind == CHAT_PUSH_EVENT || kind == CHAT_PUSH_RESYNC)
        gateway_session_head(session, conv.v, head_seq);
    if (session->owed && (kind == CHAT_PUSH_EVENT || kind == CHAT_PUSH_RESYNC) &&
        !owed_send(session))
        return false;
    return frame.len > 0 && session->ops->send(session->link, frame, session->proto);
}

void gateway_presence_to(struct gateway *gateway, uint64_t handle,
                         const Kefu__V1__PresencePush *push)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_PRESENCE;
    frame.presence = (Kefu__V1__PresencePush *)push;
    if (session != NULL && session->agent != NULL)
        gateway_session_send(session, &frame);
}

static void inboxes_send(struct gateway *gateway, struct workspace_id workspace,
                         const Kefu__V1__ServerFrame *frame)
{
    struct gateway_agent *next;

    for (struct gateway_agent *agent = gateway->agents; agent != NULL; agent = next) {
        next = agent->next; /* sending may end this one */
        if (agent->inbox && agent->who.workspace_id == workspace.v)
            gateway_session_send(agent->session, frame);
    }
}

void gateway_presence(struct gateway *gateway, struct workspace_id workspace,
                      const Kefu__V1__PresencePush *push)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_PRESENCE;
    frame.presence = (Kefu__V1__PresencePush *)push;
    inboxes_send(gateway, workspace, &frame);
}

void gateway_desk(struct gateway *gateway, struct workspace_id workspace,
                  const Kefu__V1__DeskPush *push)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;

    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_DESK;
    frame.desk = (Kefu__V1__DeskPush *)push;
    inboxes_send(gateway, workspace, &frame);
}

static bool revokes(const struct gateway_revocation *what, const struct auth_principal *who)
{
    return (what->login_session != 0 && who->session_id == what->login_session) ||
           (what->token != 0 && who->token_id == what->token) ||
           (what->agent != 0 && who->agent_id == what->agent);
}

bool gateway_principal_revoked(const struct gateway *gateway, const struct auth_principal *who)
{
    for (unsigned i = 0; i < GATEWAY_REVOKED_MAX; i++) {
        if (who->proved_us <= gateway->revoked[i].at_us && revokes(&gateway->revoked[i].what, who))
            return true;
    }
    return false;
}

void gateway_revoke(struct gateway *gateway, const struct gateway_revocation *what)
{
    struct gateway_agent *next;

    gateway->revoked[gateway->revoked_next] =
        (struct gateway_revoked){ *what, clock_mono_us(gateway->options.clock) };
    gateway->revoked_next = (gateway->revoked_next + 1) % GATEWAY_REVOKED_MAX;
    for (struct gateway_agent *agent = gateway->agents; agent != NULL; agent = next) {
        next = agent->next;
        if (revokes(what, &agent->who))
            gateway_session_close(agent->session, GATEWAY_CLOSE_LOGGED_OUT, "logged out");
    }
}

void gateway_drain(struct gateway *gateway, uint32_t after_ms)
{
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Reconnect reconnect = KEFU__V1__RECONNECT__INIT;

    reconnect.after_ms = after_ms;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_RECONNECT;
    frame.reconnect = &reconnect;
    for (uint32_t i = 0; i < gateway->slot_count; i++) {
        struct gateway_session *session = gateway->slots[i].session;
        if (session == NULL)
            continue;
        if (session->state == GATEWAY_OPEN)
            gateway_session_send(session, &frame);
        session = gateway->slots[i].session; /* sending may have ended it */
        if (session != NULL)
            gateway_session_close(session, GATEWAY_CLOSE_GOING, "server stops");
    }
}
