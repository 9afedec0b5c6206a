/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations, their events and traces, visitors, search. Lists come from the store's tables and
 * lag a little; one conversation and its events are asked of the shard that owns it, which knows
 * what isn't settled yet. */
#include "api_priv.h"

#include <sodium.h>
#include <stdio.h>

#include "id.h"
#include "limit.h"
#include "schema.h"

#include "kefu/v1/store.pb-c.h"

static Kefu__V1__Conversation *conversation_of(struct api_call *call,
                                               const Kefu__V1__Header *header, struct err *err)
{
    Kefu__V1__Conversation *conv = api_message_new(call, &kefu__v1__conversation__descriptor, err);

    if (conv == NULL)
        return NULL;
    conv->id = header->id;
    conv->site_id = header->site_id;
    conv->visitor_id = header->visitor_id;
    conv->visitor_name = header->visitor_name;
    conv->state = header->state;
    conv->agent_id = header->agent_id;
    conv->agent_name = header->agent_name;
    conv->head_seq = header->head_seq;
    conv->created_at = api_timestamp(call, header->created_at);
    conv->updated_at = api_timestamp(call, header->updated_at);
    if (header->queued_at != 0)
        conv->queued_at = api_timestamp(call, header->queued_at);
    conv->last_text = header->last_text;
    conv->last_author = header->last_author;
    conv->rating = header->rating;
    conv->locale = header->locale;
    conv->page = header->page;
    if (header->routing == NULL)
        return conv;
    conv->queue = header->routing->queue;
    conv->priority = header->routing->priority;
    conv->offered_to = header->routing->offered_to;
    if (header->routing->offered_to != 0)
        conv->offered_until = api_timestamp(call, header->routing->offered_until);
    return conv;
}

/* A bit per state of the list; none: any. */
static enum err_code states_parse(struct slice text, uint32_t *out, struct err *err)
{
    const ProtobufCEnumDescriptor *states = &kefu__v1__conversation_state__descriptor;

    *out = 0;
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        unsigned i = 0;
        while (i < states->n_values &&
               !slice_equal_text(slice_make(text.ptr, len), states->values[i].name))
            i++;
        if (i == states->n_values)
            return err_set_field(err, ERR_INVALID, "state", "no such state");
        *out |= 1u << states->values[i].value;
        text = comma != NULL ? slice_make(comma + 1, text.len - len - 1) : SLICE_EMPTY;
    }
    return ERR_OK;
}

/* The cursor is "updated_at.id" of the last item. */
static void cursor_parse(struct slice text, struct store_conv_filter *filter)
{
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    unsigned long long at = 0;
    unsigned long long id = 0;

    if (dot == NULL)
        return;
    size_t len = (size_t)(dot - text.ptr);
    if (slice_to_u64(slice_make(text.ptr, len), &at) &&
        slice_to_u64(slice_make(dot + 1, text.len - len - 1), &id)) {
        filter->before_updated = (int64_t)at;
        filter->before_conv = id;
    }
}

static enum err_code conversation_list(struct api_call *call, struct err *err)
{
    struct store_conv_filter filter = { .workspace = call->who.workspace_id,
                                        .site = api_query_u64(call, "siteId"),
                                        .agent = api_query_u64(call, "agentId"),
                                        .visitor = api_query_u64(call, "visitorId"),
                                        .limit = api_query_limit(call) };
    Kefu__V1__ConversationList *list = api_message_new(call, call->route->reply, err);
    struct store_page page;
    Kefu__V1__Header *header = NULL;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    cursor_parse(api_query(call, "after"), &filter);
    rc = states_parse(api_query(call, "state"), &filter.states, err);
    if (rc == ERR_OK)
        rc = store_conv_list(call->api->store, &filter, call->arena, &page, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (page.n + 1) * sizeof(*list->items));
    for (size_t i = 0; i < page.n; i++) {
        rc = api_decode(&kefu__v1__header__descriptor, page.items[i], call->arena, &header, err);
        if (rc != ERR_OK)
            return rc;
        list->items[i] = conversation_of(call, header, err);
        if (list->items[i] == NULL)
            return err->code;
    }
    list->n_items = page.n;
    if (page.more && header != NULL) {
        char next[48];
        snprintf(next, sizeof(next), "%lld.%llu", (long long)header->updated_at,
                 (unsigned long long)header->id);
        list->next = arena_strdup(call->arena, slice_of(next));
    }
    call->answer = &list->base;
    return ERR_OK;
}

static enum err_code conversation_get(struct api_call *call, struct err *err)
{
    (void)err;
    call->reply->effects |= API_EFFECT_CHAT;
    call->reply->chat = (struct api_chat){ .kind = API_CHAT_GET, .conv = call->id };
    return ERR_OK;
}

/* ?after=SEQ for the events behind it, else ?before=SEQ or the newest. */
static enum err_code event_list(struct api_call *call, struct err *err)
{
    uint64_t after = api_query_u64(call, "after");
    uint64_t before = api_query_u64(call, "before");

    if (after >= UINT32_MAX || before > UINT32_MAX)
        return err_set_field(err, ERR_INVALID, "after", "not a seq");
    call->reply->effects |= API_EFFECT_CHAT;
    call->reply->chat = (struct api_chat){
        .kind = API_CHAT_FETCH,
        .conv = call->id,
        .from_seq = api_query(call, "after").len > 0 ? (uint32_t)after + 1 : 0,
        .before_seq = (uint32_t)before,
        .limit = api_query_limit(call),
    };
    return ERR_OK;
}

/* The client id of a POST without one follows from token and key, so a repeat is recognised by the
 * conversation itself and needs no row of its own. */
enum err_code api_client_id(struct api_call *call, const char *given, uint8_t out[16],
                            struct err *err)
{
    uint64_t owner[3] = { call->who.agent_id, call->who.token_id, call->id };
    struct slice key = call->request->idempotency_key;
    crypto_hash_sha256_state state;
    uint8_t hash[AUTH_HASH_BYTES];

    if (given[0] != '\0') {
        if (!client_id_parse(given, strlen(given), out))
            return err_set_field(err, ERR_INVALID, "clientId", "not 32 hex digits");
        return ERR_OK;
    }
    if (key.len == 0) {
        randombytes_buf(out, 16);
        return ERR_OK;
    }
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)owner, sizeof(owner));
    crypto_hash_sha256_update(&state, (const unsigned char *)key.ptr, key.len);
    crypto_hash_sha256_final(&state, hash);
    memcpy(out, hash, 16);
    return ERR_OK;
}

static enum err_code event_create(struct api_call *call, struct err *err)
{
    const Kefu__V1__EventCreate *body = (const Kefu__V1__EventCreate *)call->body;
    struct api_chat *chat = &call->reply->chat;
    enum err_code rc = api_text_check("text", body->text, 1, LIMIT_TEXT_BYTES_MAX, err);

    if (rc != ERR_OK)
        return rc;
    if (body->kind != KEFU__V1__EVENT__KIND__unspecified &&
        body->kind != KEFU__V1__EVENT__KIND__message && body->kind != KEFU__V1__EVENT__KIND__note)
        return err_set_field(err, ERR_INVALID, "kind", "message or note");
    chat->kind = body->kind == KEFU__V1__EVENT__KIND__note ? API_CHAT_NOTE : API_CHAT_SEND;
    chat->conv = call->id;
    chat->text = slice_of(body->text);
    call->reply->effects |= API_EFFECT_CHAT;
    call->reply->status = 201;
    return api_client_id(call, body->client_id, chat->client_id, err);
}

/* Whether the conversation is in the caller's workspace: same answer as for one that isn't. */
static enum err_code conversation_check(struct api_call *call, struct err *err)
{
    struct store_conv conv;
    Kefu__V1__Header *header = NULL;
    enum err_code rc = store_conv_load(call->api->store, call->id, call->arena, &conv, err);

    if (rc == ERR_OK && conv.found)
        rc = api_decode(&kefu__v1__header__descriptor, conv.header, call->arena, &header, err);
    if (rc == ERR_OK && (header == NULL || header->workspace_id != call->who.workspace_id))
        rc = err_set(err, ERR_NOT_FOUND, "no such conversation");
    return rc;
}

/* ?seq=N: of one answer; else the newest ones of the conversation. */
static enum err_code trace_list(struct api_call *call, struct err *err)
{
    Kefu__V1__TraceList *list = api_message_new(call, call->route->reply, err);
    uint64_t seq = api_query_u64(call, "seq");
    struct store_thread_query query = { .conv = call->id, .newest = true, .limit = 200 };
    struct store_thread thread = { 0 };
    enum store_read state;
    enum err_code rc = list != NULL ? conversation_check(call, err) : err->code;

    if (rc != ERR_OK)
        return rc;
    query.from_seq = query.to_seq = (uint32_t)seq;
    rc = store_thread_read(call->api->store, &query, call->arena, &thread, &state, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (thread.n + 1) * sizeof(*list->items));
    for (size_t i = 0; i < thread.n; i++) {
        struct slice bytes;
        rc = store_trace_load(call->api->store, call->id, thread.events[i].seq, call->arena, &bytes,
                              err);
        if (rc == ERR_OK && bytes.len > 0)
            rc = api_decode(&kefu__v1__trace__descriptor, bytes, call->arena,
                            &list->items[list->n_items++], err);
        if (rc != ERR_OK)
            return rc;
    }
    call->answer = &list->base;
    return ERR_OK;
}

/* ---- visitors ---- */

static enum err_code visitor_list(struct api_call *call, struct err *err)
{
    Kefu__V1__VisitorList *list = api_message_new(call, call->route->reply, err);
    struct store_page page;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    rc = store_visitor_list(call->api->store, call->who.workspace_id, api_query_u64(call, "after"),
                            api_query_limit(call), call->arena, &page, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (page.n + 1) * sizeof(*list->items));
    for (size_t i = 0; i < page.n; i++) {
        rc = api_decode(&kefu__v1__visitor__descriptor, page.items[i], call->arena, &list->items[i],
                        err);
        if (rc != ERR_OK)
            return rc;
    }
    list->n_items = page.n;
    if (page.more && page.n > 0) {
        char next[24];
        snprintf(next, sizeof(next), "%llu", (unsigned long long)list->items[page.n - 1]->id);
        list->next = arena_strdup(call->arena, slice_of(next));
    }
    call->answer = &list->base;
    return ERR_OK;
}

/* The message does not say whose it is, the list of the caller's workspace does. */
static enum err_code visitor_get(struct api_call *call, struct err *err)
{
    Kefu__V1__Visitor *visitor = NULL;
    struct store_page page;
    enum err_code rc = store_visitor_list(call->api->store, call->who.workspace_id, call->id + 1, 1,
                                          call->arena, &page, err);

    if (rc == ERR_OK && page.n > 0)
        rc = api_decode(&kefu__v1__visitor__descriptor, page.items[0], call->arena, &visitor, err);
    if (rc != ERR_OK)
        return rc;
    if (visitor == NULL || visitor->id != call->id)
        return err_set(err, ERR_NOT_FOUND, "no such visitor");
    call->answer = &visitor->base;
    return ERR_OK;
}

/* ---- search ---- */

static enum err_code search(struct api_call *call, struct err *err)
{
    struct store_search_query query = { .workspace = call->who.workspace_id,
                                        .text = api_query(call, "q"),
                                        .before_row = api_query_u64(call, "after"),
                                        .limit = api_query_limit(call) };
    Kefu__V1__SearchReply *reply = api_message_new(call, call->route->reply, err);
    struct store_hits hits;
    enum err_code rc;

    if (reply == NULL)
        return err->code;
    if (query.text.len == 0 || query.text.len > STORE_QUERY_MAX)
        return err_set_field(err, ERR_INVALID, "q", "1 to %d bytes", STORE_QUERY_MAX);
    rc = store_search(call->api->store, &query, call->arena, &hits, err);
    if (rc != ERR_OK)
        return rc;
    reply->items = arena_alloc(call->arena, (hits.n + 1) * sizeof(*reply->items));
    for (size_t i = 0; i < hits.n; i++) {
        Kefu__V1__Event *event = api_message_new(call, &kefu__v1__event__descriptor, err);
        if (event == NULL)
            return err->code;
        event->conversation_id = hits.items[i].conv;
        event->seq = hits.items[i].seq;
        event->kind = KEFU__V1__EVENT__KIND__message;
        event->visibility = hits.items[i].internal ? KEFU__V1__EVENT__VISIBILITY__internal
                                                   : KEFU__V1__EVENT__VISIBILITY__public;
        event->created_at = api_timestamp(call, hits.items[i].created_at);
        event->text = arena_strdup(call->arena, hits.items[i].text);
        reply->items[i] = event;
    }
    reply->n_items = hits.n;
    if (hits.more && hits.n > 0) {
        char next[24];
        snprintf(next, sizeof(next), "%llu", (unsigned long long)hits.items[hits.n - 1].row);
        reply->next = arena_strdup(call->arena, slice_of(next));
    }
    call->answer = &reply->base;
    return ERR_OK;
}

static const struct api_route routes[] = {
    { "GET", "/conversations", NULL, &kefu__v1__conversation_list__descriptor, PERM_CONV_READ,
      conversation_list, 0, NULL, "List conversations, newest change first" },
    { "GET", "/conversations/{id}", NULL, &kefu__v1__conversation__descriptor, PERM_CONV_READ,
      conversation_get, 0, NULL, "Read a conversation" },
    { "GET", "/conversations/{id}/events", NULL, &kefu__v1__event_list__descriptor, PERM_CONV_READ,
      event_list, 0, NULL, "Read events by seq" },
    { "POST", "/conversations/{id}/events", &kefu__v1__event_create__descriptor,
      &kefu__v1__ack__descriptor, PERM_CONV_REPLY, event_create, API_NO_REPEAT, NULL,
      "Send a message or a note" },
    { "GET", "/conversations/{id}/traces", NULL, &kefu__v1__trace_list__descriptor, PERM_CONV_READ,
      trace_list, 0, NULL, "Why the bot answered what it did" },
    { "GET", "/visitors", NULL, &kefu__v1__visitor_list__descriptor, PERM_VISITOR_READ,
      visitor_list, 0, NULL, "List visitors, newest first" },
    { "GET", "/visitors/{id}", NULL, &kefu__v1__visitor__descriptor, PERM_VISITOR_READ, visitor_get,
      0, NULL, "Read a visitor" },
    { "GET", "/search", NULL, &kefu__v1__search_reply__descriptor, PERM_SEARCH, search, 0, NULL,
      "Full-text search over messages" },
};

const struct api_routes api_routes_conversation = { routes, LENGTH_OF(routes) };
