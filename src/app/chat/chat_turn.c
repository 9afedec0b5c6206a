/* SPDX-License-Identifier: Apache-2.0 */
/* A turn, from its first event to its acknowledgement.
 *
 *   begun --> in the batch --> in flight --> done: acknowledged, delivered, told to the desk
 *     |            |               |
 *     +- abort     +- taken back   +- failed: refused, the conversation goes stale
 *
 * Until the store has taken a batch its turns can be taken back exactly, newest first, because
 * each remembers what the conversation was before. Once taken, a failure leaves unknown what is
 * stored, so the live state is not used again: it is dropped as soon as nothing of it is in flight
 * and loaded anew on the next touch. Completions come in the order of appending, so the turns in
 * flight are a plain list. */
#include "chat_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

static struct turn *turn_take_free(struct chat *chat)
{
    struct turn *turn = chat->free_turns;

    if (turn != NULL) {
        struct arena arena = turn->arena;

        chat->free_turns = turn->next;
        chat->free_turn_count--;
        memset(turn, 0, offsetof(struct turn, events));
        turn->arena = arena;
        turn->waiters = NULL;
        turn->reservation = 0;
        turn->declined.v = 0;
        turn->routing = SLICE_EMPTY;
        turn->wrote_visitor = turn->wrote_agent = false;
        turn->created = turn->desk = turn->full = false;
        turn->own = (struct waiter){ 0 };
        return turn;
    }
    turn = mem_zalloc(sizeof(*turn));
    arena_init(&turn->arena, TURN_ARENA_BYTES_MAX);
    return turn;
}

/* The flow as it was before is needed no more. */
static void flow_before_free(struct turn *turn)
{
    if (turn->flow_changed)
        free(turn->before.flow);
    turn->flow_changed = false;
}

static void turn_release(struct chat *chat, struct turn *turn)
{
    routing_release(turn);
    flow_before_free(turn);
    if (chat->free_turn_count < TURNS_KEPT_MAX) {
        arena_reset(&turn->arena);
        turn->next = chat->free_turns;
        chat->free_turns = turn;
        chat->free_turn_count++;
        return;
    }
    arena_fini(&turn->arena);
    free(turn);
}

static void list_free(struct turn *turn)
{
    while (turn != NULL) {
        struct turn *next = turn->next;

        routing_release(turn);
        flow_before_free(turn);
        arena_fini(&turn->arena);
        free(turn);
        turn = next;
    }
}

void turns_free(struct chat *chat)
{
    list_free(chat->free_turns);
    list_free(chat->batch_head);
    list_free(chat->flight_head);
}

struct turn *turn_begin(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    struct turn *turn = turn_take_free(chat);

    turn->conv = conv;
    turn->before = conv->head;
    turn->first_seq = conv->head.head_seq + 1;
    kefu__v1__turn__init(&turn->msg);
    turn->msg.format = 1;
    turn->msg.workspace_id = conv->workspace.v;
    turn->msg.conversation_id = conv->id.v;
    turn->msg.events = turn->events;
    turn->own.created_at = chat_now(chat);
    if (action != NULL) {
        turn->own.to = action->from;
        turn->own.cookie = action->cookie;
    }
    return turn;
}

char *turn_text(struct turn *turn, struct slice text)
{
    char *copy = arena_strdup(&turn->arena, text);

    if (copy == NULL) {
        turn->full = true;
        return turn->spare.text;
    }
    return copy;
}

static Kefu__V1__StoredEvent *stored_event(struct turn *turn)
{
    struct {
        Kefu__V1__StoredEvent stored;
        Kefu__V1__Event event;
        Kefu__V1__Author author;
        Google__Protobuf__Timestamp at;
    } *made = NULL;

    if (turn->msg.n_events < LIMIT_TURN_EVENTS_MAX)
        made = arena_alloc(&turn->arena, sizeof(*made));
    if (made == NULL)
        return NULL;
    kefu__v1__stored_event__init(&made->stored);
    kefu__v1__event__init(&made->event);
    kefu__v1__author__init(&made->author);
    made->stored.event = &made->event;
    made->event.author = &made->author;
    made->event.created_at = &made->at;
    return &made->stored;
}

Kefu__V1__Event *turn_event(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                            bool internal, enum actor_kind author, uint64_t author_id,
                            struct slice author_name)
{
    struct conv_head *head = &turn->conv->head;
    Kefu__V1__StoredEvent *stored = stored_event(turn);
    Kefu__V1__Event *event;

    (void)chat;
    if (stored == NULL) {
        kefu__v1__event__init(&turn->spare);
        turn->full = true;
        return &turn->spare;
    }
    event = stored->event;
    event->conversation_id = turn->conv->id.v;
    event->seq = ++head->head_seq;
    event->prev_seq = head->head_public_seq;
    event->kind = kind;
    event->visibility =
        internal ? KEFU__V1__EVENT__VISIBILITY__internal : KEFU__V1__EVENT__VISIBILITY__public;
    event->author->kind = (Kefu__V1__Author__Kind)author;
    event->author->id = author_id;
    if (author_name.len > 0)
        event->author->name = turn_text(turn, author_name);
    schema_timestamp_set(event->created_at, turn->own.created_at);
    if (!internal)
        head->head_public_seq = event->seq;
    turn->msg.events[turn->msg.n_events++] = stored;
    return event;
}

Kefu__V1__Event *turn_by(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                         bool internal, const struct chat_action *action)
{
    struct slice name = action->actor.name;

    if (action_from_visitor(action))
        name = slice_of(turn->conv->visitor_name);
    return turn_event(chat, turn, kind, internal, action->actor.kind, action->actor.id, name);
}

enum err_code turn_move(struct chat *chat, struct turn *turn, enum conv_state to,
                        struct agent_id agent, int64_t queued_at, struct err *err)
{
    struct conv_head *head = &turn->conv->head;
    enum err_code rc = conv_move(&head->life, to, agent, queued_at, chat_now(chat), err);

    if (rc != ERR_OK)
        return rc;
    head->answered = false;
    if (to == CONV_QUEUED)
        head->queued_since = head->life.queued_at;
    else if (to != CONV_AGENT)
        head->queued_since = 0; /* the next wait is another one */
    return ERR_OK;
}

void turn_stimulus(struct turn *turn, const struct chat_action *action, uint64_t hash)
{
    Kefu__V1__StoredEvent *stored;

    if (turn->msg.n_events == 0)
        return; /* full: the commit says so */
    stored = turn->msg.events[turn->msg.n_events - 1];
    turn->own.seq = stored->event->seq;
    if (!action->has_client_id)
        return;
    stored->client_id.data = arena_alloc(&turn->arena, sizeof(action->client_id));
    if (stored->client_id.data == NULL) {
        turn->full = true;
        return;
    }
    memcpy(stored->client_id.data, action->client_id, sizeof(action->client_id));
    stored->client_id.len = sizeof(action->client_id);
    stored->client_hash = hash;
}

/* The conversation as it was before. */
static void turn_undo(struct chat *chat, struct turn *turn)
{
    struct conv *conv = turn->conv;
    bool agent_changed = conv->head.life.agent.v != turn->before.life.agent.v;
    struct slice name;

    routing_undo(turn);
    if (turn->flow_changed)
        free(conv->head.flow);
    turn->flow_changed = false;
    conv->head = turn->before;
    if (agent_changed && conv->head.life.agent.v != 0 &&
        chat->options.ops.agent_name(chat->options.ops.ctx, conv->workspace, conv->head.life.agent,
                                     &name))
        conv_string(&conv->agent_name, name, LIMIT_NAME_BYTES_MAX);
}

void turn_abort(struct chat *chat, struct turn **turn)
{
    if (*turn == NULL)
        return;
    turn_undo(chat, *turn);
    turn_release(chat, *turn);
    *turn = NULL;
}

static void turn_add_marks(struct turn *turn)
{
    struct conv *conv = turn->conv;
    const uint32_t seqs[2] = { conv->visitor_read, conv->agent_read };

    if (!conv->marks_dirty)
        return;
    turn->msg.read_marks = turn->marks;
    for (unsigned i = 0; i < 2; i++) {
        Kefu__V1__ReadMark *mark;

        if (seqs[i] == 0 || (i == 1 && conv->agent_reader == 0))
            continue;
        mark = arena_alloc(&turn->arena, sizeof(*mark));
        if (mark == NULL) {
            turn->full = true;
            return;
        }
        kefu__v1__read_mark__init(mark);
        mark->conversation_id = conv->id.v;
        mark->agent_id = i == 0 ? 0 : conv->agent_reader;
        mark->seq = seqs[i];
        turn->marks[turn->msg.n_read_marks++] = mark;
    }
}

/* The visitor's record goes with the first turn, and whenever it changed. */
static void turn_add_visitor(struct chat *chat, struct turn *turn)
{
    struct visitor *visitor = turn->conv->visitor;
    ProtobufCMessage *msg = NULL;

    if (visitor->stored && !visitor->profile_dirty)
        return;
    if (visitor->profile != NULL &&
        schema_proto_decode(&kefu__v1__visitor__descriptor,
                            slice_make(visitor->profile, visitor->profile_len), &turn->arena, &msg,
                            NULL) == ERR_OK) {
        turn->msg.visitor = (Kefu__V1__Visitor *)(void *)msg;
    } else {
        turn->msg.visitor = arena_alloc(&turn->arena, sizeof(*turn->msg.visitor));
        if (turn->msg.visitor == NULL) {
            turn->full = true;
            return;
        }
        kefu__v1__visitor__init(turn->msg.visitor);
    }
    turn->msg.visitor->id = visitor->id.v;
    turn->msg.visitor->site_id = turn->conv->site.v;
    if (turn->msg.visitor->created_at == NULL) {
        turn->msg.visitor->created_at =
            arena_alloc(&turn->arena, sizeof(*turn->msg.visitor->created_at));
        if (turn->msg.visitor->created_at != NULL)
            schema_timestamp_set(turn->msg.visitor->created_at, chat_now(chat));
    }
}

static void list_push(struct turn **head, struct turn **tail, struct turn *turn)
{
    turn->next = NULL;
    *(*tail != NULL ? &(*tail)->next : head) = turn;
    *tail = turn;
}

static void turn_taken(struct chat *chat, struct turn *turn)
{
    struct conv *conv = turn->conv;

    for (size_t i = 0; i < turn->msg.n_events; i++) {
        const Kefu__V1__StoredEvent *stored = turn->msg.events[i];

        if (stored->client_id.len == 16)
            conv_window_add(conv, stored->client_id.data, stored->event->seq, turn->own.created_at,
                            stored->client_hash);
    }
    conv->in_flight++;
    conv->marks_dirty = false;
    if (turn->msg.visitor != NULL) {
        conv->visitor->stored = true;
        conv->visitor->profile_dirty = false;
    }
    conv_touch(chat, conv);
    turn->ticket = chat->ticket++;
    list_push(&chat->batch_head, &chat->batch_tail, turn);
    if (chat->batch_count++ == 0)
        chat->options.ops.want_flush(chat->options.ops.ctx);
}

enum err_code turn_commit(struct chat *chat, struct turn **turn_ptr, struct err *err)
{
    struct turn *turn = *turn_ptr;
    struct conv *conv = turn->conv;
    size_t offset = chat->batch.len;

    if (chat->stopping) {
        turn_abort(chat, turn_ptr);
        return err_set(err, ERR_UNAVAILABLE, "the server stops");
    }
    turn_add_marks(turn);
    turn_add_visitor(chat, turn);
    if (turn->msg.n_events > 0)
        conv->head.updated_at = turn->own.created_at;
    turn->desk = turn->desk || conv->head.life.state != turn->before.life.state ||
                 conv->head.life.agent.v != turn->before.life.agent.v;
    conv_header(conv, &turn->header, &turn->page);
    routing_committed(turn);
    turn->msg.header = &turn->header;
    turn->msg.conversation_created = turn->created;
    if (!turn->full)
        schema_proto_encode(&turn->msg.base, &chat->batch);
    if (turn->full || !buf_ok(&chat->batch)) {
        bool busy = !turn->full;

        chat->batch.len = offset;
        chat->batch.full = false;
        turn_abort(chat, turn_ptr);
        return busy ? err_set(err, ERR_BUSY, "too much at once")
                    : err_set(err, ERR_TOO_BIG, "more than one turn can hold");
    }
    turn->offset = offset;
    turn->len = chat->batch.len - offset;
    turn_taken(chat, turn);
    *turn_ptr = NULL;
    return ERR_OK;
}

struct turn *turn_next_of(struct chat *chat, const struct conv *conv, struct turn *after)
{
    struct turn *turn = after != NULL ? after->next : chat->flight_head;
    bool batch = after != NULL && after->ticket >= chat->batch_ticket;

    for (;;) {
        for (; turn != NULL; turn = turn->next) {
            if (turn->conv == conv)
                return turn;
        }
        if (batch)
            return NULL;
        batch = true;
        turn = chat->batch_head;
    }
}

struct turn *turn_holding(struct chat *chat, const struct conv *conv, uint32_t seq)
{
    struct turn *turn = NULL;

    while ((turn = turn_next_of(chat, conv, turn)) != NULL) {
        if (seq >= turn->first_seq && seq < turn->first_seq + turn->msg.n_events)
            return turn;
    }
    return NULL;
}

bool turn_client_id(struct chat *chat, const struct conv *conv, const uint8_t id[16],
                    struct store_client_id *out)
{
    struct turn *turn = NULL;

    while ((turn = turn_next_of(chat, conv, turn)) != NULL) {
        for (size_t i = 0; i < turn->msg.n_events; i++) {
            const Kefu__V1__StoredEvent *stored = turn->msg.events[i];

            if (stored->client_id.len != 16 || memcmp(stored->client_id.data, id, 16) != 0)
                continue;
            *out = (struct store_client_id){ .seq = stored->event->seq,
                                             .created_at = turn->own.created_at,
                                             .client_hash = stored->client_hash };
            return true;
        }
    }
    return false;
}

bool turn_wait(struct turn *turn, const struct chat_action *action,
               const struct store_client_id *first)
{
    struct waiter *waiter = arena_alloc(&turn->arena, sizeof(*waiter));

    if (waiter == NULL)
        return false;
    *waiter = (struct waiter){ turn->waiters, action->from, action->cookie, first->seq,
                               first->created_at };
    turn->waiters = waiter;
    return true;
}

/* ---- failure --------------------------------------------------------------------------------- */

static void turn_refuse(struct chat *chat, struct turn *turn, const struct err *err)
{
    chat_reply_error(chat, turn->own.to, turn->own.cookie, turn->conv->id, err);
    for (struct waiter *waiter = turn->waiters; waiter != NULL; waiter = waiter->next)
        chat_reply_error(chat, waiter->to, waiter->cookie, turn->conv->id, err);
    if (turn->reservation != 0)
        desk_refuse(chat,
                    &(struct chat_action){ .workspace = turn->conv->workspace,
                                           .conv = turn->conv->id,
                                           .reservation = turn->reservation },
                    err);
    if (turn->msg.visitor != NULL)
        turn->conv->visitor->profile_dirty = true;
    chat->stats.turns_failed++;
}

static void turn_take_back(struct chat *chat, struct turn *turn, const struct err *err)
{
    struct conv *conv = turn->conv;

    turn_refuse(chat, turn, err);
    turn_undo(chat, turn);
    conv->in_flight--;
    conv->marks_dirty = conv->marks_dirty || turn->msg.n_read_marks > 0;
    conv_window_cut(conv, conv->head.head_seq);
    turn_release(chat, turn);
    /* Began with this turn: it never was. Nobody but starts can wait for it, and they do that at
     * their visitor. */
    if (conv->head.head_seq == 0 && conv->in_flight == 0) {
        ENSURE(conv->wait.count == 0 && !conv->wait.blocked);
        conv_drop(chat, conv);
    }
}

/* Newest first, so that each restores what the one before it had made. */
static void turns_take_back(struct chat *chat, struct turn *list, const struct err *err)
{
    struct turn *reversed = NULL;

    while (list != NULL) {
        struct turn *next = list->next;

        list->next = reversed;
        reversed = list;
        list = next;
    }
    while (reversed != NULL) {
        struct turn *next = reversed->next;

        turn_take_back(chat, reversed, err);
        reversed = next;
    }
}

static void batch_take_back(struct chat *chat, const struct err *err)
{
    struct turn *list = chat->batch_head;

    chat->batch_head = chat->batch_tail = NULL;
    chat->batch_count = 0;
    buf_clear(&chat->batch);
    chat->batch.full = false;
    /* Tickets are dense over what the store was given. */
    chat->ticket = chat->batch_ticket;
    turns_take_back(chat, list, err);
}

/* ---- to the store and back ------------------------------------------------------------------- */

static unsigned fill_chunk(struct chat *chat)
{
    unsigned count = 0;

    for (struct turn *turn = chat->batch_head; turn != NULL && count < APPEND_CHUNK;
         turn = turn->next) {
        chat->chunk[count++] = (struct store_turn){
            .ticket = turn->ticket,
            .workspace = turn->conv->workspace.v,
            .conv = turn->conv->id.v,
            .visitor = turn->conv->visitor_id.v,
            .first_seq = turn->first_seq,
            .n_events = (uint16_t)turn->msg.n_events,
            .flags = turn->msg.n_events == 0 ? STORE_TURN_MARKS_ONLY : 0,
            .bytes = slice_make(chat->batch.ptr + turn->offset, turn->len),
        };
    }
    return count;
}

void chat_flush(struct chat *chat)
{
    struct err err = { 0 };

    while (chat->batch_head != NULL && !chat->failed) {
        unsigned count = fill_chunk(chat);

        if (chat->options.store.append(chat->options.store.ctx, chat->chunk, count, &err) !=
            ERR_OK) {
            chat->stats.shed += chat->batch_count;
            if (err.retry_after_ms == 0)
                err.retry_after_ms = RETRY_MS;
            batch_take_back(chat, &err);
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            struct turn *turn = chat->batch_head;

            chat->batch_head = turn->next;
            if (chat->batch_head == NULL)
                chat->batch_tail = NULL;
            list_push(&chat->flight_head, &chat->flight_tail, turn);
        }
        chat->batch_count -= count;
        chat->flight_count += count;
        chat->batch_ticket += count;
    }
    if (chat->batch_head == NULL)
        buf_clear(&chat->batch);
}

static bool waits_for_person(const struct conv_head *head)
{
    return head->life.state == CONV_QUEUED || head->life.state == CONV_AGENT;
}

static void turn_deliver(struct chat *chat, struct turn *turn)
{
    struct conv *conv = turn->conv;

    for (size_t i = 0; i < turn->msg.n_events; i++) {
        const Kefu__V1__Event *event = turn->msg.events[i]->event;

        conv->seen_seq = event->seq;
        if (event->visibility == KEFU__V1__EVENT__VISIBILITY__public)
            conv->seen_public_seq = event->seq;
    }
    for (size_t i = 0; i < turn->msg.n_events; i++)
        push_event(chat, conv, turn->msg.events[i]);
    if (turn->msg.n_events > 0)
        push_row(chat, conv, waits_for_person(&turn->before) || waits_for_person(&conv->head));
}

/* The profile is kept only while it has to be written, unless it changed again meanwhile. */
static void visitor_stored(struct visitor *visitor)
{
    if (visitor->profile_dirty)
        return;
    free(visitor->profile);
    visitor->profile = NULL;
    visitor->profile_len = 0;
}

static void turn_done(struct chat *chat, struct turn *turn, uint64_t position)
{
    struct conv *conv = turn->conv;

    conv->in_flight--;
    chat->position = position;
    conv_overlay_add(chat, conv, turn, position);
    chat->stats.turns++;
    if (turn->msg.visitor != NULL)
        visitor_stored(conv->visitor);
    conv->visitor->fresh = false;
    chat_reply_ack(chat, turn->own.to, turn->own.cookie, conv->id, turn->own.seq,
                   turn->own.created_at);
    for (struct waiter *waiter = turn->waiters; waiter != NULL; waiter = waiter->next)
        chat_reply_ack(chat, waiter->to, waiter->cookie, conv->id, waiter->seq, waiter->created_at);
    turn_deliver(chat, turn);
    if (turn->desk || turn->reservation != 0)
        desk_tell_turn(chat, turn);
    act_turn_done(chat, turn);
    turn_release(chat, turn);
}

static void turn_failed(struct chat *chat, struct turn *turn, enum err_code rc)
{
    struct err err;

    err_set(&err, rc == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_UNAVAILABLE, "not stored");
    err.retry_after_ms = RETRY_MS;
    turn_refuse(chat, turn, &err);
    turn->conv->in_flight--;
    turn->conv->stale = true;
    turn->conv->visitor->fresh = false; /* it may be stored all the same */
    turn_release(chat, turn);
    if (!chat->failed) {
        LOG_WARN("chat_turn_failed", KV_TEXT("error", err_code_name(rc)));
        chat->failed = true;
        batch_take_back(chat, &err);
    }
}

void chat_completed(struct chat *chat, const struct store_completion *completions, size_t count)
{
    chat_clock(chat);
    for (size_t i = 0; i < count; i++) {
        struct turn *turn = chat->flight_head;

        ENSURE(turn != NULL && turn->ticket == completions[i].ticket);
        chat->flight_head = turn->next;
        if (chat->flight_head == NULL)
            chat->flight_tail = NULL;
        chat->flight_count--;
        if (completions[i].rc == ERR_OK)
            turn_done(chat, turn, completions[i].position);
        else
            turn_failed(chat, turn, completions[i].rc);
    }
    if (chat->failed && chat->flight_head == NULL) {
        chat->failed = false;
        chat->stale = true;
        chat->options.store.resume(chat->options.store.ctx);
        conv_sweep_stale(chat);
    }
}
