/* SPDX-License-Identifier: Apache-2.0 */
/* Live conversations and visitors. A conversation comes to life as a stub on first touch, is
 * filled in from the store, and may leave again when it has been silent, has nothing in flight and
 * everything of it is settled. A visitor lives while a session listens or a conversation of it is
 * live. */
#include "chat_priv.h"

#include <stdlib.h>

#include "mem.h"
#include "schema.h"
#include "utf8.h"

enum { OVERLAY_KEPT_MAX = 16 }; /* entries of an empty overlay that are not worth freeing */

static void list_remove(struct chat *chat, struct conv *conv)
{
    *(conv->older != NULL ? &conv->older->newer : &chat->oldest) = conv->newer;
    *(conv->newer != NULL ? &conv->newer->older : &chat->newest) = conv->older;
    conv->older = conv->newer = NULL;
}

static void list_append(struct chat *chat, struct conv *conv)
{
    conv->older = chat->newest;
    conv->newer = NULL;
    *(chat->newest != NULL ? &chat->newest->newer : &chat->oldest) = conv;
    chat->newest = conv;
}

void conv_touch(struct chat *chat, struct conv *conv)
{
    conv->touched_ms = chat_now(chat);
    if (conv->newer == NULL)
        return;
    list_remove(chat, conv);
    list_append(chat, conv);
}

static bool conv_evictable_but_owed(struct chat *chat, const struct conv *conv)
{
    return !conv_owes(chat, conv) && conv->in_flight == 0 && conv->overlay_count == 0 &&
           conv->wait.count == 0 && !conv->wait.blocked && conv->wait.pins == 0 &&
           /* A start that looks for it in the store must find it there or here. */
           (conv->visitor == NULL || !conv->visitor->wait.blocked) &&
           (conv->loaded || !conv->resync) &&
           (conv->stale || (!conv->marks_dirty &&
                            /* told its place in the queue all the time */
                            conv->head.life.state != CONV_QUEUED));
}

static bool conv_evictable(struct chat *chat, const struct conv *conv)
{
    return conv_evictable_but_owed(chat, conv) && !conv->desk_owed;
}

/* What may not leave goes to the end of the list, so that it is not met again and again. */
static bool evict_one(struct chat *chat)
{
    for (unsigned tries = EVICT_TRIES; chat->oldest != NULL && tries > 0; tries--) {
        struct conv *conv = chat->oldest;

        conv_settle(chat, conv);
        if (conv_evictable(chat, conv)) {
            conv_drop(chat, conv);
            return true;
        }
        conv_touch(chat, conv);
    }
    return false;
}

/* Read marks that no turn has taken along are stored before their conversation leaves. */
static void marks_store(struct chat *chat, struct conv *conv)
{
    struct turn *turn;
    struct err err;

    if (!conv->marks_dirty || conv->stale || chat->failed || conv->in_flight > 0)
        return;
    turn = turn_begin(chat, conv, NULL);
    if (turn_commit(chat, &turn, &err) != ERR_OK)
        turn_abort(chat, &turn); /* at the next tick */
}

void conv_evict_idle(struct chat *chat)
{
    int64_t idle = chat->options.limits.live_idle_ms;
    int64_t before = chat_now(chat) - (idle > 0 ? idle : LIVE_IDLE_MS);
    unsigned budget = EVICT_PER_TICK;
    struct conv *conv = chat->oldest;

    while (conv != NULL && budget-- > 0 && conv->touched_ms <= before) {
        struct conv *next = conv->newer;

        conv_settle(chat, conv);
        if (conv_evictable(chat, conv)) {
            conv_drop(chat, conv);
        } else {
            marks_store(chat, conv);
            conv_touch(chat, conv);
        }
        conv = next;
    }
}

void conv_unload(struct chat *chat, struct conv *conv)
{
    if (conv->resync || conv->desk_owed)
        chat->stale = true;
    else
        conv_drop(chat, conv);
}

/* Loaded at once when somebody has to be told: the desk, or who listens. */
static void conv_reload(struct chat *chat, struct conv *conv)
{
    bool owed = conv->desk_owed;
    bool heard = conv_heard(chat, conv);

    conv->desk_owed = false;
    conv = conv_renew(chat, conv);
    if (conv == NULL)
        return;
    conv->desk_owed = owed;
    conv->resync = heard;
    chat->desk_owed = chat->desk_owed || owed;
    if ((!owed && !heard) || !conv_load(chat, conv))
        conv_unload(chat, conv);
}

static void sweep_one(struct chat *chat, struct conv *conv)
{
    if (conv->stale) {
        conv_settle(chat, conv);
        if (conv_evictable_but_owed(chat, conv))
            conv_reload(chat, conv);
        else
            chat->stale = true;
    } else if (!conv->loaded && !conv->wait.blocked && !conv_load(chat, conv)) {
        conv_unload(chat, conv);
    }
}

void conv_sweep_stale(struct chat *chat)
{
    struct conv *conv = chat->oldest;

    if (!chat->stale)
        return;
    chat->stale = false;
    while (conv != NULL) {
        struct conv *next = conv->newer;

        sweep_one(chat, conv);
        conv = next;
    }
}

struct conv *conv_find(struct chat *chat, struct conv_id id)
{
    return map_u64_get(&chat->convs, id.v);
}

struct conv *conv_obtain(struct chat *chat, struct conv_id id)
{
    struct conv *conv = conv_find(chat, id);

    if (conv != NULL)
        return conv;
    if (chat->convs.count >= chat->convs.count_max && !evict_one(chat))
        return NULL;
    conv = pool_take(&chat->conv_pool);
    conv->id = id;
    conv->head.life = conv_life_new();
    conv->touched_ms = chat_now(chat);
    if (!map_u64_put(&chat->convs, id.v, conv)) {
        pool_give(&chat->conv_pool, conv);
        return NULL;
    }
    list_append(chat, conv);
    return conv;
}

void conv_attach(struct chat *chat, struct conv *conv, struct visitor *visitor)
{
    (void)chat;
    ENSURE(conv->visitor == NULL);
    conv->visitor = visitor;
    conv->visitor_next = visitor->convs;
    visitor->convs = conv;
}

void conv_drop(struct chat *chat, struct conv *conv)
{
    struct visitor *visitor = conv->visitor;

    ENSURE(conv->in_flight == 0 && conv->wait.count == 0 && conv->wait.pins == 0);
    if (visitor != NULL) {
        struct conv **link = &visitor->convs;

        while (*link != conv)
            link = &(*link)->visitor_next;
        *link = conv->visitor_next;
        visitor_release(chat, visitor);
    }
    list_remove(chat, conv);
    ENSURE(map_u64_take(&chat->convs, conv->id.v) == conv);
    free(conv->agent_name);
    free(conv->visitor_name);
    free(conv->page_url);
    free(conv->page_title);
    free(conv->page_referrer);
    free(conv->routing);
    free(conv->overlay);
    free(conv->head.flow);
    pool_give(&chat->conv_pool, conv);
}

bool conv_load(struct chat *chat, struct conv *conv)
{
    struct chat_query *query = chat_query_make(CHAT_QUERY_CONV);

    query->conv = conv->id;
    chat->stats.loads++;
    return chat_ask(chat, &query, &conv->wait);
}

/* Whoever listens learns where the conversation stands after all. */
struct conv *conv_renew(struct chat *chat, struct conv *conv)
{
    struct conv_id id = conv->id;

    conv_settle(chat, conv);
    if (!conv_evictable(chat, conv))
        return NULL;
    conv_drop(chat, conv);
    conv = conv_obtain(chat, id);
    if (conv != NULL)
        conv->resync = true;
    return conv;
}

void conv_string(char **field, struct slice value, size_t len_max)
{
    if (value.len > len_max)
        value.len = len_max;
    while (value.len > 0 && !utf8_valid(value))
        value.len--; /* cut in a character; input was valid, so at most three steps */
    if (*field != NULL && slice_equal(slice_of(*field), value))
        return;
    free(*field);
    *field = value.len > 0 ? mem_strndup(value.ptr, value.len) : NULL;
}

static void fixed_string(char *field, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len >= size)
        len = size - 1;
    while (len > 0 && !utf8_valid(slice_make(text, len)))
        len--;
    memcpy(field, text, len);
    field[len] = '\0';
}

void conv_last_text(struct conv_head *head, struct slice text, uint32_t author)
{
    size_t len = text.len < LIMIT_LAST_TEXT_BYTES_MAX ? text.len : LIMIT_LAST_TEXT_BYTES_MAX;

    while (len > 0 && !utf8_valid(slice_make(text.ptr, len)))
        len--;
    if (len > 0)
        memcpy(head->last_text, text.ptr, len);
    head->last_text[len] = '\0';
    head->last_author = author;
}

static void take_header(struct conv *conv, const Kefu__V1__Header *header)
{
    struct conv_head *head = &conv->head;

    conv->workspace.v = header->workspace_id;
    conv->site.v = header->site_id;
    conv->visitor_id.v = header->visitor_id;
    conv->created_at = header->created_at;
    head->life.state = (enum conv_state)header->state;
    head->life.agent.v = head->life.state == CONV_AGENT ? header->agent_id : 0;
    head->life.queued_at = head->life.state == CONV_QUEUED ? header->queued_at : 0;
    head->life.closed_at = head->life.state == CONV_CLOSED ? header->closed_at : 0;
    head->head_seq = conv->seen_seq = header->head_seq;
    head->head_public_seq = conv->seen_public_seq = header->head_public_seq;
    head->updated_at = header->updated_at;
    head->queued_since = header->queued_at;
    head->due_at = header->due_at;
    head->rating = header->rating;
    head->clarify_rounds = header->clarify_rounds;
    head->unanswered = header->unanswered;
    head->answered = header->answered;
    routing_load(conv, header->routing);
    head->last_author = header->last_author;
    flow_record_load(conv, header);
    fixed_string(head->last_text, sizeof(head->last_text), header->last_text);
    fixed_string(conv->locale, sizeof(conv->locale), header->locale);
    if (header->start_client_id.len == sizeof(conv->start_client_id))
        memcpy(conv->start_client_id, header->start_client_id.data, sizeof(conv->start_client_id));
    conv_string(&conv->agent_name, slice_of(header->agent_name), LIMIT_NAME_BYTES_MAX);
    conv_string(&conv->visitor_name, slice_of(header->visitor_name), LIMIT_NAME_BYTES_MAX);
    if (header->page != NULL) {
        conv_string(&conv->page_url, slice_of(header->page->url), LIMIT_URL_BYTES_MAX);
        conv_string(&conv->page_title, slice_of(header->page->title), LIMIT_TITLE_BYTES_MAX);
        conv_string(&conv->page_referrer, slice_of(header->page->referrer), LIMIT_URL_BYTES_MAX);
    }
}

void conv_loaded(struct chat *chat, struct conv *conv, struct chat_query *query)
{
    struct visitor *visitor;
    struct err err;

    if (query->rc != ERR_OK || !query->found) {
        err_set(&err, query->rc != ERR_OK ? ERR_UNAVAILABLE : ERR_NOT_FOUND,
                "no such conversation");
        err.retry_after_ms = query->rc != ERR_OK ? RETRY_MS : 0;
        chat_wait_fail(chat, &conv->wait, &err);
        if (query->rc == ERR_OK)
            conv_drop(chat, conv);
        else
            conv_unload(chat, conv);
        return;
    }
    visitor = visitor_obtain(chat, (struct visitor_id){ query->header->visitor_id });
    if (visitor == NULL) {
        err_set(&err, ERR_BUSY, "too many visitors");
        err.retry_after_ms = RETRY_MS;
        chat_wait_fail(chat, &conv->wait, &err);
        conv_unload(chat, conv);
        return;
    }
    take_header(conv, query->header);
    if (!conv_life_valid(&conv->head.life)) {
        /* Written by something else than conv_move: readable, but nothing more is built on it. */
        conv->head.life = (struct conv_life){ .state = CONV_CLOSED, .closed_at = 1 };
        query->quarantined = true;
    }
    conv->quarantined = query->quarantined;
    conv->window_count = (uint8_t)query->window_count;
    conv->window_all = query->window_all;
    memcpy(conv->window, query->window, sizeof(conv->window));
    conv->visitor_read = query->visitor_read_seq;
    conv->agent_read = query->agent_read_seq;
    conv->loaded = true;
    visitor->workspace = conv->workspace;
    visitor->site = conv->site;
    visitor->stored = true;
    visitor->fresh = false;
    if (query->visitor_msg != NULL && visitor->profile == NULL)
        visitor_facts_set(visitor, query->visitor_msg);
    conv_attach(chat, conv, visitor);
    due_note(chat, conv);
    if (flow_to_remember(conv).len > 0)
        act_remember(chat, conv); /* a crash came before that turn */
    if (conv->desk_owed || conv->head.life.state == CONV_QUEUED)
        desk_tell(chat, conv); /* the desk tells it its place in turn */
    if (conv->resync)
        push_resync(chat, conv);
    chat_drain(chat, &conv->wait);
}

void conv_settle(struct chat *chat, struct conv *conv)
{
    uint64_t upto;
    uint32_t keep = 0;

    if (conv->overlay_count == 0)
        return;
    upto = chat->options.store.settled_upto(chat->options.store.ctx);
    while (keep < conv->overlay_count && conv->overlay[keep].position < upto)
        keep++;
    if (keep == 0)
        return;
    conv->overlay_count -= keep;
    memmove(conv->overlay, conv->overlay + keep, conv->overlay_count * sizeof(conv->overlay[0]));
    if (conv->overlay_count == 0 && conv->overlay_cap > OVERLAY_KEPT_MAX) {
        free(conv->overlay);
        conv->overlay = NULL;
        conv->overlay_cap = 0;
    }
}

void conv_overlay_add(struct chat *chat, struct conv *conv, const struct turn *turn,
                      uint64_t position)
{
    if (turn->msg.n_events == 0)
        return;
    if (conv->overlay_count == conv->overlay_cap)
        conv_settle(chat, conv);
    if (conv->overlay_count == conv->overlay_cap) {
        conv->overlay_cap = conv->overlay_cap > 0 ? conv->overlay_cap * 2 : 2;
        conv->overlay = mem_realloc(conv->overlay, conv->overlay_cap * sizeof(conv->overlay[0]));
    }
    conv->overlay[conv->overlay_count++] = (struct store_overlay){
        .position = position,
        .first_seq = turn->first_seq,
        .n_events = (uint32_t)turn->msg.n_events,
    };
}

struct store_overlay *conv_overlay_copy(const struct conv *conv)
{
    size_t bytes = conv->overlay_count * sizeof(conv->overlay[0]);
    struct store_overlay *copy;

    if (bytes == 0)
        return NULL;
    copy = mem_alloc(bytes);
    memcpy(copy, conv->overlay, bytes);
    return copy;
}

static char *text_or_empty(const char *text)
{
    /* protobuf-c wants char *, and writes to none of them when it packs. */
    union {
        const char *in;
        char *out;
    } u = { .in = text != NULL ? text : "" };

    return u.out;
}

static bool conv_page(const struct conv *conv, Kefu__V1__PageView *page)
{
    if (conv->page_url == NULL && conv->page_title == NULL && conv->page_referrer == NULL)
        return false;
    kefu__v1__page_view__init(page);
    page->url = text_or_empty(conv->page_url);
    page->title = text_or_empty(conv->page_title);
    page->referrer = text_or_empty(conv->page_referrer);
    return true;
}

void conv_header(const struct conv *conv, Kefu__V1__Header *out, Kefu__V1__PageView *page)
{
    const struct conv_head *head = &conv->head;

    kefu__v1__header__init(out);
    out->id = conv->id.v;
    out->workspace_id = conv->workspace.v;
    out->site_id = conv->site.v;
    out->visitor_id = conv->visitor_id.v;
    out->state = (Kefu__V1__ConversationState)head->life.state;
    out->agent_id = head->life.agent.v;
    out->agent_name = text_or_empty(head->life.agent.v != 0 ? conv->agent_name : NULL);
    out->head_seq = head->head_seq;
    out->head_public_seq = head->head_public_seq;
    out->created_at = conv->created_at;
    out->updated_at = head->updated_at;
    out->queued_at = head->queued_since;
    out->closed_at = head->life.closed_at;
    out->due_at = head->due_at;
    out->start_client_id.data = (uint8_t *)(uintptr_t)conv->start_client_id;
    out->start_client_id.len = sizeof(conv->start_client_id);
    out->locale = text_or_empty(conv->locale);
    out->visitor_name = text_or_empty(conv->visitor_name);
    out->last_text = text_or_empty(head->last_text);
    out->last_author = (Kefu__V1__Author__Kind)head->last_author;
    out->rating = head->rating;
    out->clarify_rounds = head->clarify_rounds;
    out->unanswered = head->unanswered;
    out->answered = head->answered;
    if (head->flow != NULL) {
        out->flow.data = (uint8_t *)head->flow->bytes;
        out->flow.len = head->flow->len;
        out->remember.data = (uint8_t *)head->flow->bytes + head->flow->len;
        out->remember.len = head->flow->remember_len;
    }
    if (conv_page(conv, page))
        out->page = page;
}

static Google__Protobuf__Timestamp *timestamp(struct arena *arena, int64_t ms)
{
    Google__Protobuf__Timestamp *out = ms > 0 ? arena_alloc(arena, sizeof(*out)) : NULL;

    if (out != NULL)
        schema_timestamp_set(out, ms);
    return out;
}

void conv_row(const struct conv *conv, struct arena *arena, Kefu__V1__Conversation *out)
{
    const struct conv_head *head = &conv->head;
    Kefu__V1__PageView *page = arena_alloc(arena, sizeof(*page));

    kefu__v1__conversation__init(out);
    out->id = conv->id.v;
    out->site_id = conv->site.v;
    out->visitor_id = conv->visitor_id.v;
    out->visitor_name = text_or_empty(conv->visitor_name);
    out->state = (Kefu__V1__ConversationState)head->life.state;
    out->agent_id = head->life.agent.v;
    out->agent_name = text_or_empty(head->life.agent.v != 0 ? conv->agent_name : NULL);
    out->head_seq = conv->seen_seq;
    out->read_seq = conv->agent_read;
    out->visitor_read_seq = conv->visitor_read;
    out->created_at = timestamp(arena, conv->created_at);
    out->updated_at = timestamp(arena, head->updated_at);
    out->queued_at = timestamp(arena, head->life.queued_at);
    out->last_text = text_or_empty(head->last_text);
    out->last_author = (Kefu__V1__Author__Kind)head->last_author;
    out->rating = head->rating;
    out->locale = text_or_empty(conv->locale);
    if (page != NULL && conv_page(conv, page))
        out->page = page;
    routing_row(conv, arena, out);
}

/* ---- client ids ------------------------------------------------------------------------------ */

void conv_window_add(struct conv *conv, const uint8_t id[16], uint32_t seq, int64_t created_at,
                     uint64_t hash)
{
    unsigned at = 0;

    while (at < conv->window_count && memcmp(conv->window[at].id, id, 16) > 0)
        at++;
    if (at == STORE_CLIENT_IDS) {
        conv->window_all = false;
        return;
    }
    if (conv->window_count == STORE_CLIENT_IDS)
        conv->window_all = false; /* the smallest falls out */
    else
        conv->window_count++;
    memmove(&conv->window[at + 1], &conv->window[at],
            (conv->window_count - at - 1U) * sizeof(conv->window[0]));
    conv->window[at] = (struct store_client_id){
        .seq = seq,
        .created_at = created_at,
        .client_hash = hash,
    };
    memcpy(conv->window[at].id, id, 16);
}

/* What was taken back was never stored. An id that it pushed out stays out: the others are still
 * the largest, and window_all says already that there are more. */
void conv_window_cut(struct conv *conv, uint32_t above_seq)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < conv->window_count; i++) {
        if (conv->window[i].seq <= above_seq)
            conv->window[kept++] = conv->window[i];
    }
    conv->window_count = (uint8_t)kept;
}

/* ---- visitors -------------------------------------------------------------------------------- */

struct visitor *visitor_find(struct chat *chat, struct visitor_id id)
{
    return map_u64_get(&chat->visitors, id.v);
}

struct visitor *visitor_obtain(struct chat *chat, struct visitor_id id)
{
    struct visitor *visitor = visitor_find(chat, id);

    if (visitor != NULL)
        return visitor;
    visitor = pool_take(&chat->visitor_pool);
    visitor->id = id;
    if (!map_u64_put(&chat->visitors, id.v, visitor)) {
        pool_give(&chat->visitor_pool, visitor);
        return NULL;
    }
    return visitor;
}

void visitor_release(struct chat *chat, struct visitor *visitor)
{
    if (visitor->subs.count > 0 || visitor->convs != NULL || visitor->wait.count > 0 ||
        visitor->wait.blocked || visitor->wait.pins > 0)
        return;
    ENSURE(map_u64_take(&chat->visitors, visitor->id.v) == visitor);
    topic_fini(&visitor->subs);
    free(visitor->profile);
    free(visitor->facts);
    pool_give(&chat->visitor_pool, visitor);
}

void visitor_profile_set(struct visitor *visitor, const Kefu__V1__Visitor *msg)
{
    struct buf buf;

    visitor_facts_set(visitor, msg);
    buf_init(&buf, 64 * 1024);
    schema_proto_encode(&msg->base, &buf);
    free(visitor->profile);
    visitor->profile = NULL;
    visitor->profile_len = 0;
    if (buf_ok(&buf)) {
        visitor->profile = mem_strndup(buf.ptr, buf.len);
        visitor->profile_len = (uint32_t)buf.len;
    }
    buf_fini(&buf);
}
