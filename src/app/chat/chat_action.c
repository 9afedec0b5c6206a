/* SPDX-License-Identifier: Apache-2.0 */
/* From an action on a loaded conversation to a turn: the table of actions, what is checked of each,
 * and the repeats. What a turn then contains is decided in chat_say.c (messages and the bot),
 * chat_care.c (whose the conversation is, and its end) and below (the small ones). */
#include "chat_priv.h"

#include "hash.h"
#include "schema.h"
#include "utf8.h"

enum action_flag {
    ACTION_TEXT = 1,   /* cannot be without text */
    ACTION_RATED = 2,  /* counts against the visitor's rate */
    ACTION_TARGET = 4, /* names an earlier event */
    ACTION_SMALL = 8,  /* counts a tenth of a message against the visitor's rate */
};

typedef void action_now(struct chat *chat, struct conv *conv, const struct chat_action *action);

struct action_row {
    uint8_t visitor, agent; /* enum permission; PERM_NONE: never */
    uint8_t flags;
    action_decide *decide; /* makes a turn, or ... */
    action_now *now;       /* ... is done at once */
};

static action_decide decide_rate, decide_form, decide_identify, decide_recall, decide_edit;
static action_now now_typing, now_read, now_subscribe;

static const struct action_row rows[CHAT_ACTION_COUNT] = {
    [CHAT_HELLO] = { PERM_VISIT, PERM_NONE, 0, NULL, NULL },
    [CHAT_START] = { PERM_VISIT, PERM_NONE, ACTION_TEXT | ACTION_RATED, decide_say, NULL },
    [CHAT_SEND] = { PERM_VISIT, PERM_CONV_REPLY, ACTION_TEXT | ACTION_RATED, decide_say, NULL },
    [CHAT_TYPING] = { PERM_VISIT, PERM_CONV_REPLY, ACTION_SMALL, NULL, now_typing },
    [CHAT_READ] = { PERM_VISIT, PERM_CONV_READ, ACTION_SMALL, NULL, now_read },
    [CHAT_FETCH] = { PERM_VISIT, PERM_CONV_READ, ACTION_SMALL, NULL, read_history },
    [CHAT_RATE] = { PERM_VISIT, PERM_NONE, ACTION_RATED, decide_rate, NULL },
    [CHAT_FORM] = { PERM_VISIT, PERM_NONE, ACTION_RATED, decide_form, NULL },
    [CHAT_END] = { PERM_VISIT, PERM_NONE, ACTION_RATED, decide_close, NULL },
    [CHAT_IDENTIFY] = { PERM_VISIT, PERM_NONE, ACTION_RATED, decide_identify, NULL },
    [CHAT_PAGE] = { PERM_VISIT, PERM_NONE, ACTION_SMALL, NULL, NULL },
    [CHAT_ACCEPT] = { PERM_NONE, PERM_CONV_TAKE, 0, decide_assign, NULL },
    [CHAT_DECLINE] = { PERM_NONE, PERM_CONV_TRANSFER, 0, decide_decline, NULL },
    [CHAT_ASSIGN] = { PERM_NONE, PERM_CONV_TAKE, 0, decide_assign, NULL },
    [CHAT_TRANSFER] = { PERM_NONE, PERM_CONV_TRANSFER, 0, decide_transfer, NULL },
    [CHAT_CLOSE] = { PERM_NONE, PERM_CONV_CLOSE, 0, decide_close, NULL },
    [CHAT_REOPEN] = { PERM_NONE, PERM_CONV_CLOSE, 0, decide_reopen, NULL },
    [CHAT_TO_BOT] = { PERM_NONE, PERM_CONV_TRANSFER, 0, decide_to_bot, NULL },
    [CHAT_NOTE] = { PERM_NONE, PERM_CONV_REPLY, ACTION_TEXT, decide_say, NULL },
    [CHAT_RECALL] = { PERM_NONE, PERM_CONV_REPLY, ACTION_TARGET, decide_recall, NULL },
    [CHAT_EDIT] = { PERM_NONE, PERM_CONV_REPLY, ACTION_TEXT | ACTION_TARGET, decide_edit, NULL },
    [CHAT_SUBSCRIBE] = { PERM_NONE, PERM_CONV_READ, 0, NULL, now_subscribe },
    [CHAT_GET] = { PERM_NONE, PERM_CONV_READ, 0, NULL, read_row },
    [CHAT_FLOW_VIEW] = { PERM_NONE, PERM_CONV_READ, 0, NULL, flow_view },
    [CHAT_FLOW_TELL] = { PERM_NONE, PERM_CONV_TRANSFER, 0, decide_flow_tell, NULL },
    [CHAT_FLOW_RESULT] = { PERM_NONE, PERM_NONE, 0, decide_flow_result, NULL },
    [CHAT_FLOW_RESUME] = { PERM_NONE, PERM_NONE, 0, NULL, flow_resume },
    [CHAT_REMEMBER] = { PERM_NONE, PERM_NONE, 0, decide_identify, NULL },
    [CHAT_DESK_ASSIGN] = { PERM_NONE, PERM_NONE, 0, decide_desk_assign, NULL },
    [CHAT_DESK_REQUEUE] = { PERM_NONE, PERM_NONE, 0, decide_desk_requeue, NULL },
    [CHAT_DESK_OFFER] = { PERM_NONE, PERM_NONE, 0, decide_desk_offer, NULL },
    [CHAT_IDLE] = { PERM_NONE, PERM_NONE, 0, decide_idle, NULL },
};

enum permission chat_action_permission(enum chat_action_kind kind, enum actor_kind actor)
{
    if (kind <= CHAT_ACTION_NONE || kind >= CHAT_ACTION_COUNT)
        return PERM_NONE;
    if (actor == ACTOR_VISITOR)
        return (enum permission)rows[kind].visitor;
    if (actor == ACTOR_AGENT || actor == ACTOR_API)
        return (enum permission)rows[kind].agent;
    return PERM_NONE;
}

bool action_from_visitor(const struct chat_action *action)
{
    return action->actor.kind == ACTOR_VISITOR;
}

int32_t action_cost(const struct chat_action *action)
{
    unsigned flags = rows[action->kind].flags;

    if (!action_from_visitor(action))
        return 0;
    return (flags & ACTION_RATED) != 0 ? 1000 : (flags & ACTION_SMALL) != 0 ? 100 : 0;
}

/* ---- what is checked of every action --------------------------------------------------------- */

static enum err_code check_len(const char *field, struct slice value, size_t len_max,
                               struct err *err)
{
    if (value.len > len_max)
        return err_set_field(err, ERR_TOO_BIG, field, "%zu bytes, limit %zu", value.len, len_max);
    if (!utf8_valid(value) || (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL))
        return err_set_field(err, ERR_INVALID, field, "not UTF-8 text");
    return ERR_OK;
}

static enum err_code check_attributes(const struct chat_action *action, struct err *err)
{
    enum err_code rc = ERR_OK;

    if (action->attribute_count > LIMIT_ATTRIBUTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "attributes", "%u, limit %d",
                             action->attribute_count, LIMIT_ATTRIBUTES_MAX);
    for (unsigned i = 0; i < action->attribute_count && rc == ERR_OK; i++) {
        const struct chat_attribute *attribute = &action->attributes[i];

        if (attribute->key.len == 0)
            return err_set_field(err, ERR_INVALID, "attributes", "empty key");
        rc = check_len("attributes", attribute->key, LIMIT_ATTRIBUTE_KEY_BYTES_MAX, err);
        if (rc == ERR_OK)
            rc = check_len("attributes", attribute->value, LIMIT_ATTRIBUTE_VALUE_BYTES_MAX, err);
    }
    return rc;
}

static enum err_code check_items(const struct chat_action *action, struct err *err)
{
    const char *field = action->items_are_files ? "files" : "pick";
    enum err_code rc = ERR_OK;

    if (action->item_count > FLOW_ITEMS_MAX)
        return err_set_field(err, ERR_TOO_BIG, field, "%u, limit %d", action->item_count,
                             FLOW_ITEMS_MAX);
    for (unsigned i = 0; i < action->item_count && rc == ERR_OK; i++)
        rc = check_len(field, action->items[i], FLOW_VALUE_BYTES_MAX, err);
    return rc;
}

static enum err_code check_info(const struct chat_visitor_info *info, struct err *err)
{
    const struct {
        const char *field;
        struct slice value;
    } fields[] = {
        { "name", info->name },
        { "email", info->email },
        { "phone", info->phone },
        { "userId", info->user_id },
    };
    enum err_code rc = ERR_OK;

    for (unsigned i = 0; i < LENGTH_OF(fields) && rc == ERR_OK; i++)
        rc = check_len(fields[i].field, fields[i].value, LIMIT_NAME_BYTES_MAX * 2, err);
    return rc;
}

static enum err_code check_permission(const struct chat_action *action, struct err *err)
{
    enum permission needed = chat_action_permission(action->kind, action->actor.kind);

    if (action->kind >= CHAT_DESK_ASSIGN && action->actor.kind == ACTOR_SYSTEM)
        return ERR_OK;
    if (!permission_has(action->actor.permissions, needed))
        return err_set(err, ERR_FORBIDDEN, "not allowed");
    return ERR_OK;
}

enum err_code chat_action_check(const struct chat_action *action, struct err *err)
{
    const struct action_row *row = &rows[action->kind];
    enum err_code rc;

    ENSURE(action->kind > CHAT_ACTION_NONE && action->kind < CHAT_ACTION_COUNT);
    rc = check_permission(action, err);
    if (rc == ERR_OK)
        rc = check_len("text", action->text, LIMIT_TEXT_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = check_len("reason", action->reason, LIMIT_REASON_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = check_len("queue", action->queue, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = check_len("flow", action->flow, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = check_attributes(action, err);
    if (rc == ERR_OK)
        rc = check_items(action, err);
    if (rc == ERR_OK && action->kind == CHAT_IDENTIFY)
        rc = check_info(&action->visitor_info, err);
    if (rc != ERR_OK)
        return rc;
    if ((row->flags & ACTION_TEXT) != 0 && slice_trim(action->text).len == 0)
        return err_set_field(err, ERR_INVALID, "text", "empty");
    if ((row->flags & ACTION_TARGET) != 0 && action->seq == 0)
        return err_set_field(err, ERR_INVALID, "seq", "missing");
    if (action->kind == CHAT_RATE && (action->rating < 1 || action->rating > LIMIT_RATING_MAX))
        return err_set_field(err, ERR_INVALID, "rating", "1 to %d", LIMIT_RATING_MAX);
    if (action->kind == CHAT_FETCH && action->limit > LIMIT_FETCH_EVENTS_MAX)
        return err_set_field(err, ERR_INVALID, "limit", "at most %d", LIMIT_FETCH_EVENTS_MAX);
    if (action->kind == CHAT_START && !action->has_client_id)
        return err_set_field(err, ERR_INVALID, "clientId", "missing");
    return ERR_OK;
}

/* An object that the actor may not see does not exist for it. */
static enum err_code check_object(const struct conv *conv, const struct chat_action *action,
                                  struct err *err)
{
    bool seen = action->actor.kind == ACTOR_SYSTEM || conv->workspace.v == action->workspace.v;

    if (action_from_visitor(action))
        seen = seen && conv->visitor_id.v == action->visitor.v && action->visitor.v != 0;
    return seen ? ERR_OK : err_set(err, ERR_NOT_FOUND, "no such conversation");
}

/* ---- repeats --------------------------------------------------------------------------------- */

/* Of the content, kept with the event for ever: never change it. A start and a send with the same
 * words are the same message. */
uint64_t action_hash(const struct chat_action *action)
{
    enum chat_action_kind kind = action->kind == CHAT_START ? CHAT_SEND : action->kind;
    const uint64_t numbers[4] = { kind, action->seq, action->agent.v, action->rating };
    struct hash_key key = { 0x6b656675, 1 };

    key.k1 = hash_bytes(key, numbers, sizeof(numbers));
    if (action->queue.len > 0)
        key.k1 = hash_bytes(key, action->queue.ptr, action->queue.len) + 3;
    if (action->text.len > 0)
        key.k1 = hash_bytes(key, action->text.ptr, action->text.len);
    if (action->reason.len > 0)
        key.k1 = hash_bytes(key, action->reason.ptr, action->reason.len) + 1;
    if (action->flow.len > 0)
        key.k1 = hash_bytes(key, action->flow.ptr, action->flow.len) + 4;
    for (unsigned i = 0; i < action->attribute_count; i++) {
        const struct chat_attribute *attribute = &action->attributes[i];

        key.k1 = hash_bytes(key, attribute->key.ptr, attribute->key.len);
        if (attribute->value.len > 0)
            key.k1 = hash_bytes(key, attribute->value.ptr, attribute->value.len) + 2;
    }
    for (unsigned i = 0; i < action->item_count; i++) {
        if (action->items[i].len > 0)
            key.k1 = hash_bytes(key, action->items[i].ptr, action->items[i].len) + 3;
    }
    return key.k1;
}

static void repeat_answer(struct chat *chat, struct conv *conv, const struct chat_action *action,
                          const struct store_client_id *first)
{
    struct turn *turn = conv->in_flight > 0 ? turn_holding(chat, conv, first->seq) : NULL;
    struct err err = { 0 };

    if (first->client_hash != action_hash(action)) {
        chat->stats.conflicts++;
        err_set_field(&err, ERR_CONFLICT, "clientId", "used before, with other content");
        chat_refuse(chat, action, &err);
        return;
    }
    chat->stats.repeats++;
    if (turn == NULL)
        chat_reply_ack(chat, action->from, action->cookie, conv->id, first->seq, first->created_at);
    else if (!turn_wait(turn, action, first))
        chat_refuse_busy(chat, action, "too many repeats");
}

static const struct store_client_id *window_find(const struct conv *conv, const uint8_t id[16])
{
    for (unsigned i = 0; i < conv->window_count; i++) {
        int order = memcmp(conv->window[i].id, id, 16);

        if (order == 0)
            return &conv->window[i];
        if (order < 0)
            break; /* they go down */
    }
    return NULL;
}

bool action_known(struct chat *chat, const struct conv *conv, const uint8_t client_id[16])
{
    struct store_client_id in_flight;

    return window_find(conv, client_id) != NULL ||
           (conv->in_flight > 0 && turn_client_id(chat, conv, client_id, &in_flight));
}

/* The window holds the largest ids of the conversation, or all of them. */
bool action_excluded(const struct conv *conv, const uint8_t id[16])
{
    return conv->window_all ||
           (conv->window_count > 0 && memcmp(conv->window[conv->window_count - 1].id, id, 16) < 0);
}

static void client_id_ask(struct chat *chat, struct conv *conv, struct run *run)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_CLIENT_ID);

    conv_settle(chat, conv);
    query->conv = conv->id;
    memcpy(query->client_id, run->action->client_id, sizeof(query->client_id));
    query->overlay = conv_overlay_copy(conv);
    query->overlay_count = conv->overlay_count;
    chat_ask_for(chat, &query, &conv->wait, run);
}

/* False: it was answered, or waits. */
static bool action_new(struct chat *chat, struct conv *conv, struct run *run)
{
    const struct chat_action *action = run->action;
    const struct lookup *lookup = run->lookup;
    struct store_client_id looked_up = { .seq = lookup->client_seq,
                                         .created_at = lookup->client_created_at,
                                         .client_hash = lookup->client_hash };
    const struct store_client_id *first = NULL;
    struct store_client_id in_flight;

    if (!action->has_client_id)
        return true;
    first = window_find(conv, action->client_id);
    if (first == NULL && action_excluded(conv, action->client_id))
        return true;
    if (first == NULL && conv->in_flight > 0 &&
        turn_client_id(chat, conv, action->client_id, &in_flight))
        first = &in_flight;
    if (first == NULL && !lookup->client_done) {
        client_id_ask(chat, conv, run);
        return false;
    }
    if (first == NULL && lookup->client_found)
        first = &looked_up;
    if (first == NULL)
        return true;
    repeat_answer(chat, conv, action, first);
    return false;
}

/* ---- the event that an action names ---------------------------------------------------------- */

static void target_take(struct lookup *lookup, uint32_t seq, const Kefu__V1__StoredEvent *stored)
{
    const Kefu__V1__Event *event = stored->event;

    if (event->kind == KEFU__V1__EVENT__KIND__recall && event->target_seq == seq)
        lookup->target_recalled = true;
    if (event->seq != seq)
        return;
    lookup->target_found = true;
    lookup->target_kind = event->kind;
    lookup->target_author_kind = event->author != NULL ? event->author->kind : 0;
    lookup->target_author = event->author != NULL ? event->author->id : 0;
    lookup->target_created_at = schema_timestamp_ms(event->created_at);
    lookup->target_internal = event->visibility == KEFU__V1__EVENT__VISIBILITY__internal;
}

void target_known(struct lookup *lookup, const struct chat_query *query)
{
    lookup->target_done = true;
    for (unsigned i = 0; i < query->event_count; i++)
        target_take(lookup, query->from_seq, query->events[i]);
}

/* What the store cannot show yet. */
static void target_in_flight(struct chat *chat, const struct conv *conv, struct run *run)
{
    struct turn *turn = NULL;

    while ((turn = turn_next_of(chat, conv, turn)) != NULL) {
        for (size_t i = 0; i < turn->msg.n_events; i++)
            target_take(run->lookup, run->action->seq, turn->msg.events[i]);
    }
}

/* The target and what came after it: a recall may be among that. False: it waits. */
static bool target_ready(struct chat *chat, struct conv *conv, struct run *run)
{
    struct chat_query *query;

    if (!run->lookup->target_done && run->action->seq <= conv->seen_seq) {
        conv_settle(chat, conv);
        query = chat_query_make(CHAT_QUERY_THREAD);
        query->workspace = conv->workspace;
        query->conv = conv->id;
        query->from_seq = run->action->seq;
        query->to_seq = conv->seen_seq;
        query->limit = LIMIT_FETCH_EVENTS_MAX;
        query->overlay = conv_overlay_copy(conv);
        query->overlay_count = conv->overlay_count;
        chat_ask_for(chat, &query, &conv->wait, run);
        return false;
    }
    target_in_flight(chat, conv, run);
    return true;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Agents and the desk keep a quarter of the store's room, and are answered late rather than not: a
 * person's answer is worth more than one more question when there is not enough for both. */
static bool store_full(struct chat *chat, const struct chat_action *action)
{
    const struct chat_ops *ops = &chat->options.ops;
    unsigned room = chat->room;

    if (action_from_visitor(action) && chat->batch_count >= LATE_TURNS_MIN && ops->late != NULL &&
        ops->late(ops->ctx))
        return true;
    if (chat->batch_count == 0)
        room = chat->room = chat->options.store.room(chat->options.store.ctx);
    return chat->batch_count >= (action_from_visitor(action) ? room - room / 4 : room);
}

static enum err_code writable(struct chat *chat, const struct conv *conv,
                              const struct chat_action *action, struct err *err)
{
    if (conv->quarantined)
        return err_set(err, ERR_CONFLICT, "this conversation takes nothing more");
    if (!chat->failed && !store_full(chat, action))
        return ERR_OK;
    err_set(err, chat->failed ? ERR_UNAVAILABLE : ERR_BUSY,
            chat->failed ? "the store does not take anything now" : "too much at once");
    err->retry_after_ms = RETRY_MS;
    return err->code;
}

static void turn_run(struct chat *chat, struct conv *conv, struct run *run)
{
    const struct chat_action *action = run->action;
    const struct action_row *row = &rows[action->kind];
    struct turn *turn;
    struct err err = { 0 };
    enum err_code rc;

    if (!action_new(chat, conv, run) || start_probed(chat, run) || start_instead(chat, conv, run))
        return;
    rc = writable(chat, conv, action, &err);
    if (rc == ERR_OK && (row->flags & ACTION_TARGET) != 0 && !target_ready(chat, conv, run))
        return;
    if (rc != ERR_OK) {
        chat_refuse(chat, action, &err);
        return;
    }
    turn = turn_begin(chat, conv, action);
    turn->reservation = action->reservation;
    rc = row->decide(chat, turn, run, &err);
    if (rc == ERR_OK && turn->msg.n_events == 0) {
        /* Nothing to change: as if it had been so already. */
        turn_abort(chat, &turn);
        desk_answer(chat, conv, action);
        chat_reply_ack(chat, action->from, action->cookie, conv->id, conv->seen_seq,
                       chat_now(chat));
        return;
    }
    if (rc == ERR_OK) {
        action_due(chat, conv);
        rc = turn_commit(chat, &turn, &err);
    }
    if (rc != ERR_OK) {
        turn_abort(chat, &turn);
        chat_refuse(chat, action, &err);
    }
}

void chat_action_run(struct chat *chat, struct conv *conv, struct run *run)
{
    const struct chat_action *action = run->action;
    const struct action_row *row = &rows[action->kind];
    struct err err = { 0 };

    if (check_object(conv, action, &err) != ERR_OK) {
        chat_refuse(chat, action, &err);
        return;
    }
    if (row->now != NULL) {
        conv_touch(chat, conv);
        row->now(chat, conv, action);
        return;
    }
    turn_run(chat, conv, run);
}

void action_due(struct chat *chat, struct conv *conv)
{
    struct conv_head *head = &conv->head;
    struct chat_site site = { 0 };
    bool idles =
        head->life.state == CONV_BOT || (head->life.state == CONV_AGENT && head->unanswered == 0);

    head->due_at = 0;
    /* While a flow runs its own deadlines count: a nudge after a day must find it open. */
    if (head->life.state == CONV_BOT && flow_due(conv) != 0) {
        head->due_at = flow_due(conv);
        due_note(chat, conv);
        return;
    }
    if (!idles ||
        !chat->options.ops.site(chat->options.ops.ctx, conv->workspace, conv->site, &site) ||
        site.idle_close_ms <= 0)
        return;
    head->due_at = chat_now(chat) + site.idle_close_ms;
    due_note(chat, conv);
}

/* ---- without a turn -------------------------------------------------------------------------- */

static void now_typing(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    struct chat_site site = { 0 };
    bool draft =
        !action_from_visitor(action) ||
        (chat->options.ops.site(chat->options.ops.ctx, conv->workspace, conv->site, &site) &&
         site.draft_preview);

    if (conv->head.life.state != CONV_CLOSED)
        push_typing(chat, conv, action, draft && action_from_visitor(action));
}

static void now_read(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    bool visitor = action_from_visitor(action);
    uint32_t *mark = visitor ? &conv->visitor_read : &conv->agent_read;
    uint32_t head = visitor ? conv->seen_public_seq : conv->seen_seq;
    uint32_t seq = action->seq < head ? action->seq : head;

    if (seq <= *mark)
        return; /* they only grow */
    *mark = seq;
    if (!visitor)
        conv->agent_reader = action->actor.id;
    conv->marks_dirty = true;
    push_read(chat, conv, visitor ? ACTOR_VISITOR : ACTOR_AGENT, seq);
}

static void now_subscribe(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    struct topic *topic;
    struct err err = { 0 };

    if (action->off) {
        /* Not chat_unsubscribe: a subscribe that waits behind this one still counts. */
        topic = map_u64_get(&chat->topics, conv->id.v);
        sub_remove(chat, topic, action->from);
        topic_release(&chat->topics, conv->id.v, topic);
    } else {
        topic = topic_obtain(&chat->topics, conv->id.v);
        if (topic == NULL) {
            chat_refuse_busy(chat, action, "too many conversations are watched");
            return;
        }
        if (sub_add(chat, topic, action->from, &err) != ERR_OK) {
            chat_refuse(chat, action, &err);
            return;
        }
    }
    chat_reply_ack(chat, action->from, action->cookie, conv->id, conv->seen_seq, chat_now(chat));
}

/* ---- small turns ----------------------------------------------------------------------------- */

static void turn_attributes(struct turn *turn, Kefu__V1__Event *event,
                            const struct chat_action *action)
{
    typedef Kefu__V1__Event__AttributesEntry entry;
    entry *entries = arena_alloc(&turn->arena, (action->attribute_count + 1) * sizeof(entry));
    entry **list = arena_alloc(&turn->arena, (action->attribute_count + 1) * sizeof(entry *));

    if (entries == NULL || list == NULL) {
        turn->full = true;
        return;
    }
    for (unsigned i = 0; i < action->attribute_count; i++) {
        kefu__v1__event__attributes_entry__init(&entries[i]);
        entries[i].key = turn_text(turn, action->attributes[i].key);
        entries[i].value = turn_text(turn, action->attributes[i].value);
        list[i] = &entries[i];
    }
    event->attributes = list;
    event->n_attributes = action->attribute_count;
}

static enum err_code decide_rate(struct chat *chat, struct turn *turn, struct run *run,
                                 struct err *err)
{
    const struct chat_action *action = run->action;
    Kefu__V1__Event *event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__rated, false, action);

    (void)err;
    event->rating = action->rating;
    event->text = turn_text(turn, action->text);
    turn->conv->head.rating = action->rating;
    turn_stimulus(turn, action, action_hash(action));
    return ERR_OK;
}

static enum err_code decide_form(struct chat *chat, struct turn *turn, struct run *run,
                                 struct err *err)
{
    const struct chat_action *action = run->action;

    if (turn->conv->head.life.state == CONV_CLOSED)
        return err_set(err, ERR_CONFLICT, "the conversation is closed");
    turn_attributes(turn, turn_by(chat, turn, KEFU__V1__EVENT__KIND__form, false, action), action);
    routing_note_facts(turn, "form.", action->attributes, action->attribute_count);
    turn_stimulus(turn, action, action_hash(action));
    return ERR_OK;
}

static enum err_code decide_identify(struct chat *chat, struct turn *turn, struct run *run,
                                     struct err *err)
{
    const struct chat_action *action = run->action;

    (void)err;
    if (action->visitor_info.name.len > 0)
        conv_string(&turn->conv->visitor_name, action->visitor_info.name, LIMIT_NAME_BYTES_MAX);
    turn_attributes(turn, turn_by(chat, turn, KEFU__V1__EVENT__KIND__identified, true, action),
                    action);
    routing_note_facts(turn, "contact.", action->attributes, action->attribute_count);
    flow_remembered(turn, action);
    turn_stimulus(turn, action, action_hash(action));
    return ERR_OK;
}

static enum err_code target_check(struct chat *chat, const struct run *run, int64_t minutes,
                                  struct err *err)
{
    const struct lookup *target = run->lookup;
    const struct chat_actor *actor = &run->action->actor;
    bool message = target->target_kind == KEFU__V1__EVENT__KIND__message ||
                   target->target_kind == KEFU__V1__EVENT__KIND__note;

    if (!target->target_found || !message)
        return err_set_field(err, ERR_NOT_FOUND, "seq", "no such message");
    if (target->target_author_kind != (uint32_t)actor->kind || target->target_author != actor->id)
        return err_set_field(err, ERR_FORBIDDEN, "seq", "not your message");
    if (target->target_recalled)
        return err_set_field(err, ERR_CONFLICT, "seq", "recalled already");
    if (chat_now(chat) - target->target_created_at > minutes * 60 * 1000)
        return err_set_field(err, ERR_CONFLICT, "seq", "older than %d minutes", (int)minutes);
    return ERR_OK;
}

static enum err_code decide_recall(struct chat *chat, struct turn *turn, struct run *run,
                                   struct err *err)
{
    const struct chat_action *action = run->action;
    enum err_code rc = target_check(chat, run, LIMIT_RECALL_WINDOW_MINUTES, err);

    if (rc != ERR_OK)
        return rc;
    turn_by(chat, turn, KEFU__V1__EVENT__KIND__recall, run->lookup->target_internal, action)
        ->target_seq = action->seq;
    turn_stimulus(turn, action, action_hash(action));
    return ERR_OK;
}

static enum err_code decide_edit(struct chat *chat, struct turn *turn, struct run *run,
                                 struct err *err)
{
    const struct chat_action *action = run->action;
    enum err_code rc = target_check(chat, run, LIMIT_EDIT_WINDOW_MINUTES, err);
    bool internal = run->lookup->target_internal;
    struct bot_guard guard = { .text = action->text };
    Kefu__V1__Event *event;

    if (rc == ERR_OK && !internal)
        rc = chat_guard(chat, turn, action, &guard, err);
    if (rc != ERR_OK)
        return rc;
    event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__edit, internal, action);
    event->target_seq = action->seq;
    event->text = turn_text(turn, guard.text);
    turn_stimulus(turn, action, action_hash(action));
    chat_guard_note(chat, turn, &guard);
    return ERR_OK;
}
