/* SPDX-License-Identifier: Apache-2.0 */
/* Reads: history (exact, from the store with the unsettled turns' positions), the heads that a
 * welcome lists, and a row of the inbox. A session listens before the read starts, so an event
 * that is committed meanwhile comes as a push, and the client merges by seq. */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"
#include "schema.h"
#include "utf8.h"

enum {
    USER_AGENT_BYTES_MAX = 300, /* browser and system are said well before that */
    ADDRESS_BYTES_MAX = 64,     /* an IPv6 address in text, with room */
};

static void reply_history(struct chat *chat, const struct ask *ask, struct chat_query *query)
{
    struct conv *conv = conv_find(chat, ask->conv);
    Kefu__V1__History history = KEFU__V1__HISTORY__INIT;
    struct chat_reply reply = {
        .kind = CHAT_REPLY_HISTORY,
        .to = ask->to,
        .cookie = ask->cookie,
        .conv = ask->conv,
        .history = &history,
    };
    unsigned count = query != NULL ? query->event_count : 0;
    Kefu__V1__Event **events = mem_alloc((count + 1) * sizeof(Kefu__V1__Event *));

    for (unsigned i = 0; i < count; i++) {
        events[i] = query->events[i]->event;
        if (ask->internal)
            events[i]->prev_seq = events[i]->seq - 1;
    }
    history.conversation_id = ask->conv.v;
    history.events = events;
    history.n_events = count;
    history.more = query != NULL && query->more;
    if (conv != NULL && conv->loaded)
        history.head_seq = ask->internal ? conv->seen_seq : conv->seen_public_seq;
    else if (count > 0)
        history.head_seq = events[count - 1]->seq;
    chat->options.ops.reply(chat->options.ops.ctx, &reply);
    free(events);
}

/* Sends a query that belongs to no waitlist. False: no room, the caller refuses. */
static bool ask_store(struct chat *chat, struct chat_query **query, const struct ask *ask)
{
    struct ask *kept = mem_alloc(sizeof(*kept));

    *kept = *ask;
    (*query)->token = ++chat->token;
    if (map_u64_put(&chat->asks, chat->token, kept)) {
        if (chat_ask(chat, query, NULL))
            return true;
        map_u64_take(&chat->asks, chat->token);
    }
    chat_query_destroy(query);
    free(kept);
    return false;
}

void read_history(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    struct ask ask = {
        .to = action->from,
        .cookie = action->cookie,
        .conv = conv->id,
        .internal = action->actor.kind != ACTOR_VISITOR,
    };
    uint32_t head = ask.internal ? conv->seen_seq : conv->seen_public_seq;
    bool range = action->from_seq > 0 || action->to_seq > 0;
    uint32_t to = range ? action->to_seq : action->before_seq - (action->before_seq > 0);
    struct chat_query *query;

    if (to == 0 || to > head)
        to = head;
    if (to == 0 || (range && action->from_seq > to) || (!range && action->before_seq == 1)) {
        reply_history(chat, &ask, NULL);
        return;
    }
    conv_settle(chat, conv);
    query = chat_query_make(CHAT_QUERY_THREAD);
    query->workspace = conv->workspace;
    query->conv = conv->id;
    query->from_seq = range ? action->from_seq : 1;
    query->to_seq = to;
    query->limit = action->limit > 0 ? action->limit : LIMIT_FETCH_EVENTS_DEFAULT;
    query->newest_first = !range;
    query->public_only = !ask.internal;
    query->overlay = conv_overlay_copy(conv);
    query->overlay_count = conv->overlay_count;
    if (!ask_store(chat, &query, &ask)) {
        chat_refuse_busy(chat, action, "too many reads");
    }
}

void read_history_done(struct chat *chat, struct ask *ask, struct chat_query *query)
{
    struct err err;

    if (query->rc == ERR_OK) {
        reply_history(chat, ask, query);
        return;
    }
    err_set(&err, query->rc == ERR_BUSY || query->rc == ERR_TOO_BIG ? query->rc : ERR_UNAVAILABLE,
            "history cannot be read now");
    err.retry_after_ms = RETRY_MS;
    chat_reply_error(chat, ask->to, ask->cookie, ask->conv, &err);
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void head_of(const struct conv *conv, Kefu__V1__ConversationHead *out)
{
    kefu__v1__conversation_head__init(out);
    out->id = conv->id.v;
    out->head_seq = conv->seen_public_seq;
    out->state = (Kefu__V1__ConversationState)conv->head.life.state;
    out->read_seq = conv->visitor_read;
    out->peer_read_seq = conv->agent_read;
    if (conv->head.life.agent.v != 0 && conv->agent_name != NULL)
        out->agent_name = conv->agent_name;
}

static void head_of_stored(const Kefu__V1__Header *header, Kefu__V1__ConversationHead *out)
{
    kefu__v1__conversation_head__init(out);
    out->id = header->id;
    out->head_seq = header->head_public_seq;
    out->state = header->state;
    out->agent_name = header->agent_name;
}

static void reply_heads(struct chat *chat, const struct ask *ask, struct chat_query *query)
{
    Kefu__V1__ConversationHead heads[LIMIT_HELLO_CONVS_MAX];
    Kefu__V1__ConversationHead *list[LIMIT_HELLO_CONVS_MAX];
    struct visitor *visitor = visitor_find(chat, ask->visitor);
    unsigned count = 0;
    struct chat_reply reply = {
        .kind = CHAT_REPLY_HEADS,
        .to = ask->to,
        .cookie = ask->cookie,
        .heads = list,
    };
    const struct conv *conv = visitor != NULL ? visitor->convs : NULL;

    for (; conv != NULL && count < LIMIT_HELLO_CONVS_MAX; conv = conv->visitor_next) {
        if (conv->seen_seq > 0)
            head_of(conv, &heads[count++]);
    }
    for (unsigned i = 0; query != NULL && i < query->header_count; i++) {
        bool live = false;

        for (unsigned k = 0; k < count; k++)
            live = live || heads[k].id == query->headers[i]->id;
        if (!live && count < LIMIT_HELLO_CONVS_MAX)
            head_of_stored(query->headers[i], &heads[count++]);
    }
    for (unsigned i = 0; i < count; i++)
        list[i] = &heads[i];
    reply.head_count = count;
    chat->options.ops.reply(chat->options.ops.ctx, &reply);
}

/* Heads of a request are bytes; what is no text is not kept. */
static char *text_kept(struct arena *arena, struct slice text, size_t len_max)
{
    return arena_strdup(arena, utf8_valid(text) ? utf8_cut(text, len_max) : SLICE_EMPTY);
}

static void keep_profile(struct visitor *visitor, const struct chat_action *action)
{
    Kefu__V1__Visitor msg = KEFU__V1__VISITOR__INIT;
    Kefu__V1__PageView page = KEFU__V1__PAGE_VIEW__INIT;
    struct arena arena;

    if (visitor->stored || visitor->profile != NULL)
        return;
    arena_init(&arena, 64 * 1024); /* all together stay below 10 kB */
    msg.id = visitor->id.v;
    msg.site_id = action->site.v;
    msg.locale = text_kept(&arena, action->locale, LIMIT_LOCALE_BYTES_MAX);
    msg.user_agent = text_kept(&arena, action->visitor_info.user_agent, USER_AGENT_BYTES_MAX);
    msg.address = text_kept(&arena, action->visitor_info.address, ADDRESS_BYTES_MAX);
    page.url = text_kept(&arena, action->page.url, LIMIT_URL_BYTES_MAX);
    page.title = text_kept(&arena, action->page.title, LIMIT_TITLE_BYTES_MAX);
    page.referrer = text_kept(&arena, action->page.referrer, LIMIT_URL_BYTES_MAX);
    if (action->page.url.len > 0)
        msg.page = &page;
    visitor_profile_set(visitor, &msg);
    arena_fini(&arena);
}

void read_heads(struct chat *chat, const struct chat_action *action)
{
    struct visitor *visitor = visitor_obtain(chat, action->visitor);
    struct ask ask = {
        .to = action->from,
        .cookie = action->cookie,
        .visitor = action->visitor,
    };
    struct err err = { 0 };
    struct chat_query *query;

    if (visitor == NULL) {
        chat_refuse_busy(chat, action, "too many visitors");
        return;
    }
    visitor->workspace = action->workspace;
    visitor->site = action->site;
    visitor->fresh = visitor->fresh || action->visitor_new;
    if (sub_add(chat, &visitor->subs, action->from, &err) != ERR_OK) {
        chat_refuse(chat, action, &err);
        visitor_release(chat, visitor);
        return;
    }
    keep_profile(visitor, action);
    if (visitor->fresh) {
        reply_heads(chat, &ask, NULL);
        return;
    }
    query = chat_query_make(CHAT_QUERY_VISITOR);
    query->workspace = action->workspace;
    query->visitor = action->visitor;
    query->limit = LIMIT_HELLO_CONVS_MAX;
    if (!ask_store(chat, &query, &ask)) {
        chat_refuse_busy(chat, action, "too many reads");
    }
}

void read_heads_done(struct chat *chat, struct ask *ask, struct chat_query *query)
{
    struct visitor *visitor = visitor_find(chat, ask->visitor);
    struct err err;

    if (query->rc != ERR_OK) {
        err_set(&err, ERR_UNAVAILABLE, "conversations cannot be read now");
        err.retry_after_ms = RETRY_MS;
        chat_reply_error(chat, ask->to, ask->cookie, (struct conv_id){ 0 }, &err);
        return;
    }
    if (visitor != NULL && query->visitor_msg != NULL && !visitor->profile_dirty) {
        visitor->stored = true;
        free(visitor->profile);
        visitor->profile = NULL;
        visitor->profile_len = 0;
    }
    reply_heads(chat, ask, query);
}

void read_row(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    Kefu__V1__Conversation row;
    struct chat_reply reply = {
        .kind = CHAT_REPLY_CONVERSATION,
        .to = action->from,
        .cookie = action->cookie,
        .conv = conv->id,
        .conversation = &row,
    };

    arena_reset(&chat->scratch);
    conv_row(conv, &chat->scratch, &row);
    chat->options.ops.reply(chat->options.ops.ctx, &reply);
}
