/* SPDX-License-Identifier: Apache-2.0 */
/* The door of the pipeline: who may come in, and what waits for the store.
 *
 *   submit --> admitted --> has its conversation? --> run (chat_action.c)
 *                 |               | no, or the client id must be looked up
 *                 v               v
 *               refused         waits in order, behind one query, and is run again
 *
 * An action that waits is copied once; what a query found out for it is kept beside the copy, so a
 * second run goes past the same question. Actions of one conversation never overtake each other. */
#include "chat_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"

enum {
    TOPICS_MAX = 256 * 1024, /* conversations watched by agents: 200 by each of 1,000 and more */
    INBOXES_MAX = 64 * 1024, /* workspaces */
    BATCH_BYTES_MAX = 8 * 1024 * 1024, /* decided in one loop turn; two batches of the store */
    SCRATCH_BYTES_MAX = 64 * 1024,     /* a row of the inbox or a draft, with their texts */
    HOUR_MS = 3600 * 1000,
};

/* ---- life ------------------------------------------------------------------------------------ */

struct chat *chat_create(const struct chat_options *options)
{
    struct chat *chat = mem_zalloc(sizeof(*chat));
    uint32_t live_max = options->limits.live_max;

    ENSURE(options->shards > 0 && options->shard < options->shards && options->clock != NULL);
    chat->options = *options;
    chat_clock(chat);
    id_gen_init(&chat->ids, options->id_mark_ms);
    pool_init(&chat->conv_pool, sizeof(struct conv));
    pool_init(&chat->visitor_pool, sizeof(struct visitor));
    map_u64_init(&chat->convs, live_max > 0 ? live_max : LIMIT_LIVE_CONV_MAX, 1);
    map_u64_init(&chat->visitors, VISITORS_MAX, 2);
    map_u64_init(&chat->topics, TOPICS_MAX, 3);
    map_u64_init(&chat->inboxes, INBOXES_MAX, 4);
    map_u64_init(&chat->asks, LIMIT_SHARD_WAITING_MAX, 5);
    buf_init(&chat->batch, BATCH_BYTES_MAX);
    buf_init(&chat->push_json, PUSH_BYTES_MAX);
    buf_init(&chat->push_proto, PUSH_BYTES_MAX);
    arena_init(&chat->scratch, SCRATCH_BYTES_MAX);
    return chat;
}

static void waitlist_free(struct waitlist *list)
{
    while (list->head != NULL) {
        struct pending *next = list->head->next;

        free(list->head);
        list->head = next;
    }
    list->count = 0;
}

static void topics_free(struct map_u64 *map)
{
    struct topic *topic;
    size_t cursor = 0;

    while ((topic = map_u64_next(map, &cursor, NULL)) != NULL) {
        topic_fini(topic);
        free(topic);
    }
    map_u64_fini(map);
}

static void live_free(struct chat *chat)
{
    struct visitor *visitor;
    struct ask *ask;
    size_t cursor = 0;

    while (chat->oldest != NULL) {
        waitlist_free(&chat->oldest->wait);
        chat->oldest->in_flight = 0;
        conv_drop(chat, chat->oldest);
    }
    /* What is left has sessions, or waits. */
    while ((visitor = map_u64_next(&chat->visitors, &cursor, NULL)) != NULL) {
        waitlist_free(&visitor->wait);
        topic_fini(&visitor->subs);
        free(visitor->profile);
        free(visitor->facts);
    }
    cursor = 0;
    while ((ask = map_u64_next(&chat->asks, &cursor, NULL)) != NULL)
        free(ask);
}

void chat_destroy(struct chat **chat_ptr)
{
    struct chat *chat = *chat_ptr;

    if (chat == NULL)
        return;
    turns_free(chat);
    live_free(chat);
    topics_free(&chat->topics);
    inboxes_free(chat);
    map_u64_fini(&chat->convs);
    map_u64_fini(&chat->visitors);
    map_u64_fini(&chat->asks);
    pool_fini(&chat->conv_pool);
    pool_fini(&chat->visitor_pool);
    chat_query_destroy(&chat->open);
    flow_work_free(chat);
    buf_fini(&chat->batch);
    buf_fini(&chat->push_json);
    buf_fini(&chat->push_proto);
    arena_fini(&chat->scratch);
    free(chat->dues);
    free(chat->receivers);
    free(chat);
    *chat_ptr = NULL;
}

struct id_gen *chat_id_gen(struct chat *chat)
{
    return &chat->ids;
}

struct visitor_id chat_visitor_new(struct chat *chat, struct workspace_id workspace)
{
    uint32_t shards = chat->options.shards;
    uint64_t seed = ((uint64_t)chat->options.shard << 48) + ++chat->visitor_seed;
    uint32_t slot = slot_of(workspace, seed);

    chat_clock(chat);
    /* The next slot that is ours: slot % shards is the shard. */
    slot = slot - slot % shards + chat->options.shard;
    if (slot >= ID_SLOT_COUNT)
        slot -= shards;
    return (struct visitor_id){ id_gen_next(&chat->ids, chat_now(chat), slot) };
}

void chat_stats_get(const struct chat *chat, struct chat_stats *out)
{
    *out = chat->stats;
    out->live = (uint32_t)chat->convs.count;
    out->in_flight = chat->batch_count + chat->flight_count;
    out->waiting = chat->waiting;
    out->subscribers = chat->subscribers;
}

/* ---- replies --------------------------------------------------------------------------------- */

void chat_reply_ack(struct chat *chat, struct chat_session to, uint64_t cookie, struct conv_id conv,
                    uint32_t seq, int64_t created_at)
{
    struct chat_reply reply = {
        .kind = CHAT_REPLY_ACK,
        .to = to,
        .cookie = cookie,
        .conv = conv,
        .seq = seq,
        .created_at = created_at,
    };

    if (cookie != 0)
        chat->options.ops.reply(chat->options.ops.ctx, &reply);
}

void chat_reply_error(struct chat *chat, struct chat_session to, uint64_t cookie,
                      struct conv_id conv, const struct err *err)
{
    struct err hinted = *err;
    struct chat_reply reply = {
        .kind = CHAT_REPLY_ERROR,
        .to = to,
        .cookie = cookie,
        .conv = conv,
        .err = &hinted,
    };

    if (err->code == ERR_BUSY && err->retry_after_ms == 0)
        hinted.retry_after_ms = RETRY_MS; /* whoever is sent away is told when to come back */
    if (cookie != 0)
        chat->options.ops.reply(chat->options.ops.ctx, &reply);
}

void chat_refuse(struct chat *chat, const struct chat_action *action, const struct err *err)
{
    switch (err->code) {
    case ERR_BUSY:
        chat->stats.shed++;
        break;
    case ERR_RATE_LIMITED:
        chat->stats.rate_limited++;
        break;
    default:
        break;
    }
    if (action->kind == CHAT_DESK_ASSIGN)
        desk_refuse(chat, action, err);
    chat_reply_error(chat, action->from, action->cookie, action->conv, err);
}

void chat_refuse_busy(struct chat *chat, const struct chat_action *action, const char *what)
{
    struct err err = { 0 };

    err_set(&err, ERR_BUSY, "%s", what);
    err.retry_after_ms = RETRY_MS;
    chat_refuse(chat, action, &err);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static struct pending *pending_make(const struct run *run)
{
    struct pending *pending = mem_alloc(sizeof(*pending) + chat_action_room(run->action));

    *pending = (struct pending){ .action = *run->action, .lookup = *run->lookup };
    chat_action_copy(&pending->action, pending + 1);
    return pending;
}

bool chat_wait(struct chat *chat, struct waitlist *list, struct run *run)
{
    struct pending *pending = run->pending;

    if (pending == NULL) {
        if (list->count >= LIMIT_CONV_WAITING_MAX || chat->waiting >= LIMIT_SHARD_WAITING_MAX) {
            chat_refuse_busy(chat, run->action, "too much waits already");
            return false;
        }
        pending = pending_make(run);
        chat->waiting++;
    }
    run->pending = NULL;
    list->count++;
    if (list == run->from) {
        pending->next = list->head;
        list->head = pending;
        if (list->tail == NULL)
            list->tail = pending;
        return true;
    }
    pending->next = NULL;
    *(list->tail != NULL ? &list->tail->next : &list->head) = pending;
    list->tail = pending;
    return true;
}

static struct pending *wait_pop(struct waitlist *list)
{
    struct pending *pending = list->head;

    list->head = pending->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->count--;
    return pending;
}

void chat_drain(struct chat *chat, struct waitlist *list)
{
    list->pins++;
    while (list->head != NULL && !list->blocked) {
        struct pending *pending = wait_pop(list);
        struct run run = { &pending->action, &pending->lookup, pending, list };

        chat_run(chat, &run);
        if (run.pending == NULL)
            continue; /* waits again */
        chat->waiting--;
        free(pending);
    }
    list->pins--;
}

void chat_wait_fail(struct chat *chat, struct waitlist *list, const struct err *err)
{
    while (list->head != NULL) {
        struct pending *pending = wait_pop(list);

        chat->waiting--;
        chat_refuse(chat, &pending->action, err);
        free(pending);
    }
}

bool chat_ask(struct chat *chat, struct chat_query **query, struct waitlist *list)
{
    if (!chat->options.store.query(chat->options.store.ctx, query)) {
        chat_query_destroy(query);
        return false;
    }
    if (list != NULL)
        list->blocked = true;
    return true;
}

void chat_ask_for(struct chat *chat, struct chat_query **query, struct waitlist *list,
                  struct run *run)
{
    if (!chat_ask(chat, query, list)) {
        chat_refuse_busy(chat, run->action, "too many reads");
        return;
    }
    (void)chat_wait(chat, list, run); /* refused: the answer finds nobody, which is fine */
}

/* ---- admission ------------------------------------------------------------------------------- */

static int64_t mono_ms(const struct chat *chat)
{
    return clock_mono_us(chat->options.clock) / 1000;
}

/* A bucket per visitor: `rate` messages a second, `burst` at once. */
static enum err_code rate_take(struct chat *chat, struct visitor *visitor, int32_t cost,
                               struct err *err)
{
    const struct chat_limits *limits = &chat->options.limits;
    uint32_t now = (uint32_t)mono_ms(chat);
    uint32_t since = now - visitor->tokens_at;
    int64_t full = (int64_t)(limits->visitor_burst > 0 ? limits->visitor_burst : 1) * 1000;
    int64_t tokens = full;

    if (limits->visitor_rate == 0)
        return ERR_OK;
    if (visitor->tokens_known && since < full)
        tokens = visitor->tokens + (int64_t)since * limits->visitor_rate;
    visitor->tokens_known = true;
    visitor->tokens_at = now;
    visitor->tokens = (int32_t)(tokens < full ? tokens : full);
    if (visitor->tokens < cost) {
        err_set(err, ERR_RATE_LIMITED, "more than %u messages a second", limits->visitor_rate);
        err->retry_after_ms =
            (unsigned)(cost - visitor->tokens + (int32_t)limits->visitor_rate - 1) /
            limits->visitor_rate;
        return ERR_RATE_LIMITED;
    }
    visitor->tokens -= cost;
    return ERR_OK;
}

enum err_code chat_new_conv_take(struct chat *chat, struct visitor *visitor, struct err *err)
{
    uint32_t most = chat->options.limits.new_convs_per_hour;
    uint32_t now = (uint32_t)mono_ms(chat);

    if (most == 0)
        return ERR_OK;
    if (visitor->begun == 0 || now - visitor->begun_since >= HOUR_MS) {
        visitor->begun = 0;
        visitor->begun_since = now;
    }
    if (visitor->begun >= most) {
        err_set(err, ERR_RATE_LIMITED, "more than %u new conversations an hour", most);
        err->retry_after_ms = HOUR_MS - (now - visitor->begun_since);
        return ERR_RATE_LIMITED;
    }
    visitor->begun++;
    return ERR_OK;
}

static enum err_code admit(struct chat *chat, const struct chat_action *action, struct err *err)
{
    uint64_t owner = action->conv.v != 0 ? action->conv.v : action->visitor.v;
    int32_t cost = action_cost(action);
    struct visitor *visitor;
    enum err_code rc = chat_action_check(action, err);

    if (rc != ERR_OK)
        return rc;
    if (owner != 0 && id_shard(owner, chat->options.shards) != chat->options.shard)
        return err_set(err, ERR_NOT_FOUND, "not here");
    if (cost == 0)
        return ERR_OK;
    visitor = visitor_find(chat, action->visitor);
    return visitor != NULL ? rate_take(chat, visitor, cost, err) : ERR_OK;
}

void chat_submit(struct chat *chat, const struct chat_action *action)
{
    struct lookup lookup = { 0 };
    struct run run = { action, &lookup, NULL, NULL };
    struct err err = { 0 };

    chat_clock(chat);
    if (admit(chat, action, &err) != ERR_OK) {
        chat_refuse(chat, action, &err);
        return;
    }
    chat_run(chat, &run);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Must this run queue up behind others? The one that was taken from the list's head must not. */
static bool must_wait(const struct waitlist *list, const struct run *run)
{
    return list->blocked || (list->head != NULL && run->from != list);
}

void chat_run_conv(struct chat *chat, struct run *run)
{
    struct conv *conv = conv_obtain(chat, run->action->conv);

    if (conv != NULL && conv->stale)
        conv = conv_renew(chat, conv);
    if (conv == NULL) {
        chat_refuse_busy(chat, run->action, "no room for the conversation now");
        return;
    }
    if (must_wait(&conv->wait, run)) {
        (void)chat_wait(chat, &conv->wait, run);
        return;
    }
    if (conv->loaded) {
        chat_action_run(chat, conv, run);
        return;
    }
    if (conv_load(chat, conv)) {
        (void)chat_wait(chat, &conv->wait, run);
        return;
    }
    conv_unload(chat, conv);
    chat_refuse_busy(chat, run->action, "too many reads");
}

static void run_visitor(struct chat *chat, struct run *run)
{
    const struct chat_action *action = run->action;
    struct visitor *visitor = visitor_obtain(chat, action->visitor);

    if (visitor == NULL) {
        chat_refuse_busy(chat, action, "too many visitors");
        return;
    }
    if (visitor->site.v == 0) {
        visitor->workspace = action->workspace;
        visitor->site = action->site;
    }
    visitor->wait.pins++;
    if (must_wait(&visitor->wait, run))
        (void)chat_wait(chat, &visitor->wait, run);
    else if (action->kind == CHAT_START)
        start_run(chat, visitor, run);
    else
        identify_run(chat, visitor, run);
    visitor->wait.pins--;
    visitor_release(chat, visitor);
}

void chat_run(struct chat *chat, struct run *run)
{
    switch (run->action->kind) {
    case CHAT_HELLO:
        read_heads(chat, run->action);
        return;
    case CHAT_START:
    case CHAT_REMEMBER:
    case CHAT_IDENTIFY: /* until their conversation is known */
        if (run->action->conv.v == 0)
            run_visitor(chat, run);
        else
            chat_run_conv(chat, run);
        return;
    case CHAT_PAGE:
        page_run(chat, run->action);
        return;
    case CHAT_SUBSCRIBE:
        if (run->action->inbox)
            subscribe_inbox(chat, run->action);
        else
            chat_run_conv(chat, run);
        return;
    default:
        chat_run_conv(chat, run);
    }
}

/* ---- answers of the store -------------------------------------------------------------------- */

static void client_id_known(struct chat *chat, struct chat_query *query)
{
    struct conv *conv = conv_find(chat, query->conv);
    struct lookup *lookup;
    struct err err = { 0 };

    ENSURE(conv != NULL); /* blocked: not evicted */
    conv->wait.blocked = false;
    if (query->rc != ERR_OK) {
        err_set(&err, ERR_UNAVAILABLE, "cannot be read now");
        err.retry_after_ms = RETRY_MS;
        chat_wait_fail(chat, &conv->wait, &err);
        return;
    }
    lookup = conv->wait.head != NULL ? &conv->wait.head->lookup : NULL;
    if (lookup != NULL && query->kind == CHAT_QUERY_CLIENT_ID) {
        lookup->client_done = true;
        lookup->client_found = query->found;
        lookup->client_seq = query->seq;
        lookup->client_created_at = query->created_at;
        lookup->client_hash = query->client_hash;
    } else if (lookup != NULL) {
        target_known(lookup, query);
    }
    chat_drain(chat, &conv->wait);
}

static void ask_done(struct chat *chat, struct chat_query *query)
{
    struct ask *ask = map_u64_take(&chat->asks, query->token);

    ENSURE(ask != NULL);
    if (query->kind == CHAT_QUERY_THREAD)
        read_history_done(chat, ask, query);
    else
        read_heads_done(chat, ask, query);
    free(ask);
}

void chat_query_done(struct chat *chat, struct chat_query **query_ptr)
{
    struct chat_query *query = *query_ptr;
    struct conv *conv;

    chat_clock(chat);
    switch (query->kind) {
    case CHAT_QUERY_CONV:
        conv = conv_find(chat, query->conv);
        ENSURE(conv != NULL);
        conv->wait.blocked = false;
        conv_loaded(chat, conv, query);
        break;
    case CHAT_QUERY_CLIENT_ID:
        client_id_known(chat, query);
        break;
    case CHAT_QUERY_START:
        start_known(chat, query);
        break;
    case CHAT_QUERY_THREAD:
        if (query->token == 0)
            client_id_known(chat, query);
        else
            ask_done(chat, query);
        break;
    case CHAT_QUERY_VISITOR:
        ask_done(chat, query);
        break;
    case CHAT_QUERY_DUE:
        due_loaded(chat, query);
        break;
    case CHAT_QUERY_OPEN:
        desk_open_done(chat, query_ptr);
        break;
    }
    chat_query_destroy(query_ptr);
}

/* ---- sessions and time ----------------------------------------------------------------------- */

void chat_session_gone(struct chat *chat, struct chat_session session, struct visitor_id id)
{
    struct visitor *visitor = id.v != 0 ? visitor_find(chat, id) : NULL;

    if (visitor == NULL)
        return;
    sub_remove(chat, &visitor->subs, session);
    visitor_release(chat, visitor);
}

/* A subscribe that waits for its conversation would make a session listen that has gone. */
static void subscribe_cancel(struct chat *chat, struct chat_session session, struct conv_id id)
{
    struct conv *conv = conv_find(chat, id);
    struct pending *pending = conv != NULL ? conv->wait.head : NULL;

    for (; pending != NULL; pending = pending->next) {
        struct chat_action *action = &pending->action;

        if (action->kind == CHAT_SUBSCRIBE && action->from.session == session.session &&
            action->from.shard == session.shard)
            action->off = true;
    }
}

void chat_unsubscribe(struct chat *chat, struct chat_session session, struct conv_id conv)
{
    struct topic *topic = map_u64_get(&chat->topics, conv.v);

    subscribe_cancel(chat, session, conv);

    sub_remove(chat, topic, session);
    topic_release(&chat->topics, conv.v, topic);
}

void chat_conv_quarantine(struct chat *chat, struct conv_id id)
{
    struct conv *conv = conv_find(chat, id);

    LOG_ERROR("chat_conv_quarantined", KV_ID("conv", id.v));
    if (conv != NULL)
        conv->quarantined = true;
}

void chat_stop(struct chat *chat)
{
    chat->stopping = true;
}

void chat_tick(struct chat *chat)
{
    chat_clock(chat);
    due_run(chat);
    push_owed(chat);
    chat_rows(chat);
    desk_tell_owed(chat);
    desk_open_tell(chat);
    conv_sweep_stale(chat);
    conv_evict_idle(chat);
}
