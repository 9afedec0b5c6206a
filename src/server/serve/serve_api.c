/* SPDX-License-Identifier: Apache-2.0 */
/* A REST request's way: copied here, handled on a worker, its effects carried out here again. What
 * asks a conversation becomes an exchange: a chat action whose reply is turned into the body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "schema.h"
#include "serve_priv.h"

struct api_job {
    struct worker_job job;
    struct api *api;
    struct http_ref ref;
    struct arena arena;
    struct api_request request;
    struct api_reply reply;
    char address[NET_PEER_TEXT_BYTES];
};

/* ---- answers --------------------------------------------------------------------------------- */

enum { REPLY_FIELDS_MAX = 8 };

static void reply_send(struct node *node, struct http_ref ref, const struct api_reply *reply)
{
    struct http_field fields[REPLY_FIELDS_MAX] = {
        { SLICE_LITERAL("Cache-Control"), slice_of(reply->cache_control) },
        { SLICE_LITERAL("Content-Security-Policy"), SLICE_LITERAL(NODE_CSP_NOTHING) },
    };
    struct http_reply out = { .status = reply->status,
                              .type = slice_of(reply->content_type),
                              .body = buf_slice(&reply->body),
                              .fields = fields,
                              .field_count = 2 };
    char seconds[16];

    if (reply->etag[0] != '\0')
        fields[out.field_count++] =
            (struct http_field){ SLICE_LITERAL("ETag"), slice_of(reply->etag) };
    if (reply->set_cookie[0] != '\0')
        fields[out.field_count++] =
            (struct http_field){ SLICE_LITERAL("Set-Cookie"), slice_of(reply->set_cookie) };
    if (reply->disposition[0] != '\0')
        fields[out.field_count++] = (struct http_field){ SLICE_LITERAL("Content-Disposition"),
                                                         slice_of(reply->disposition) };
    if (reply->retry_after_s > 0) {
        snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
        fields[out.field_count++] =
            (struct http_field){ SLICE_LITERAL("Retry-After"), slice_of(seconds) };
    }
    http_reply(node->http, ref, &out);
}

void node_api_body(struct node *node, struct http_ref ref, struct slice json)
{
    struct api_reply reply;

    api_reply_init(&reply);
    reply.status = 200;
    buf_add(&reply.body, json.ptr, json.len);
    reply_send(node, ref, &reply);
    api_reply_fini(&reply);
}

/* ---- exchanges ------------------------------------------------------------------------------- */

enum { NO_EXCHANGE = UINT32_MAX, EXCHANGE_GENERATION_MAX = INT32_MAX };

static struct exchange *exchange_take(struct node *node, uint64_t *handle)
{
    uint32_t index = node->exchange_free;
    struct exchange *exchange;

    if (node->exchanges == NULL) {
        node->exchanges = mem_zalloc(SERVE_EXCHANGES_MAX * sizeof(*node->exchanges));
        node->exchange_free = index = NO_EXCHANGE;
    }
    if (index != NO_EXCHANGE)
        node->exchange_free = node->exchanges[index].next_free;
    else if (node->exchange_count < SERVE_EXCHANGES_MAX)
        index = node->exchange_count++;
    else
        return NULL;
    exchange = &node->exchanges[index];
    exchange->generation = exchange->generation % EXCHANGE_GENERATION_MAX + 1;
    exchange->used = true;
    *handle = EXCHANGE_BIT | (uint64_t)exchange->generation << 32 | index;
    return exchange;
}

void exchange_fini(struct node *node)
{
    free(node->exchanges);
    node->exchanges = NULL;
}

static int status_of(const char *code)
{
    for (int i = 0; i < ERR_CODE_COUNT; i++) {
        if (strcmp(err_code_name((enum err_code) - i), code) == 0)
            return err_http_status((enum err_code) - i);
    }
    return 500;
}

static void history_encode(const struct exchange *exchange, const Kefu__V1__History *history,
                           struct buf *out)
{
    Kefu__V1__EventList list = KEFU__V1__EVENT_LIST__INIT;
    char next[16];

    list.n_items = history->n_events;
    list.items = history->events;
    list.head_seq = history->head_seq;
    if (history->more && history->n_events > 0) {
        size_t at = exchange->after ? history->n_events - 1 : 0;

        snprintf(next, sizeof(next), "%u", history->events[at]->seq);
        list.next = next;
    }
    schema_json_encode(&list.base, out);
}

static void frame_encode(const struct exchange *exchange, const Kefu__V1__ServerFrame *frame,
                         struct api_reply *reply)
{
    Kefu__V1__ErrorReply error = KEFU__V1__ERROR_REPLY__INIT;

    reply->status = exchange->status;
    switch (frame->body_case) {
    case KEFU__V1__SERVER_FRAME__BODY_ACK:
        schema_json_encode(&frame->ack->base, &reply->body);
        break;
    case KEFU__V1__SERVER_FRAME__BODY_HISTORY:
        history_encode(exchange, frame->history, &reply->body);
        break;
    case KEFU__V1__SERVER_FRAME__BODY_CONVERSATION:
        schema_json_encode(&frame->conversation->conversation->base, &reply->body);
        break;
    case KEFU__V1__SERVER_FRAME__BODY_FLOW:
        schema_json_encode(&frame->flow->base, &reply->body);
        break;
    case KEFU__V1__SERVER_FRAME__BODY_ERROR:
        reply->status = status_of(frame->error->code);
        reply->retry_after_s = (frame->error->retry_after_ms + 999) / 1000;
        error.error = frame->error;
        schema_json_encode(&error.base, &reply->body);
        break;
    default:
        ENSURE(false);
    }
}

void exchange_answer(struct node *node, uint64_t handle, const Kefu__V1__ServerFrame *frame)
{
    uint32_t index = (uint32_t)handle;
    uint32_t generation = (uint32_t)(handle >> 32 & INT32_MAX);
    struct exchange *exchange;
    struct api_reply reply;
    struct err err = { 0 };

    if (index >= node->exchange_count)
        return;
    exchange = &node->exchanges[index];
    if (!exchange->used || exchange->generation != generation)
        return;
    api_reply_init(&reply);
    frame_encode(exchange, frame, &reply);
    if (!buf_ok(&reply.body)) {
        err_set(&err, ERR_TOO_BIG, "reply too large; ask for fewer items");
        api_reply_error(&reply, &err);
    }
    reply_send(node, exchange->ref, &reply);
    api_reply_fini(&reply);
    exchange->used = false;
    exchange->next_free = node->exchange_free;
    node->exchange_free = index;
}

static const enum chat_action_kind chat_kinds[] = {
    [API_CHAT_GET] = CHAT_GET,
    [API_CHAT_FETCH] = CHAT_FETCH,
    [API_CHAT_SEND] = CHAT_SEND,
    [API_CHAT_NOTE] = CHAT_NOTE,
    [API_CHAT_FLOW_VIEW] = CHAT_FLOW_VIEW,
    [API_CHAT_FLOW_TELL] = CHAT_FLOW_TELL,
};

static void chat_effect(struct node *node, struct api_job *self)
{
    const struct api_chat *chat = &self->reply.chat;
    const struct auth_principal *who = &self->reply.who;
    uint64_t handle = 0;
    struct exchange *exchange = exchange_take(node, &handle);
    struct err err = { 0 };
    struct chat_action action = {
        .kind = chat_kinds[chat->kind],
        .workspace = { who->workspace_id },
        .conv = { chat->conv },
        .actor = { .kind = who->token_id != 0 ? ACTOR_API : ACTOR_AGENT,
                   .id = who->agent_id,
                   .name = slice_of(who->name),
                   .permissions = { who->permissions } },
        .from = { .session = handle, .shard = (uint16_t)node->index, .format = CHAT_FORMAT_PROTO },
        .cookie = 1,
        .text = chat->text,
        .reason = chat->event,
        .locale = chat->name,
        .from_seq = chat->from_seq,
        .before_seq = chat->before_seq,
        .limit = chat->limit,
        .has_client_id = chat->kind == API_CHAT_SEND || chat->kind == API_CHAT_NOTE ||
                         chat->kind == API_CHAT_FLOW_TELL,
    };

    if (exchange != NULL) {
        exchange->ref = self->ref;
        exchange->status = self->reply.status;
        exchange->after = chat->from_seq != 0;
        memcpy(action.client_id, chat->client_id, sizeof(action.client_id));
        if (node_submit(node, &action))
            return;
        exchange->used = false;
        exchange->next_free = node->exchange_free;
        node->exchange_free = (uint32_t)handle;
    }
    err_set(&err, ERR_BUSY, "too much to do; try again");
    err.retry_after_ms = 1000;
    node_http_error(node, self->ref, &err);
}

/* ---- after the worker ------------------------------------------------------------------------ */

static void ticket_effect(struct node *node, struct api_reply *reply)
{
    Kefu__V1__WsTicket body = KEFU__V1__WS_TICKET__INIT;
    char ticket[AUTH_SECRET_TEXT_MAX];

    auth_ticket_issue(&node->tickets, &reply->who, clock_mono_us(&clock_system), ticket);
    body.ticket = ticket;
    body.expires_in_ms = AUTH_TICKET_MS;
    buf_clear(&reply->body);
    schema_json_encode(&body.base, &reply->body);
}

static void job_free(struct api_job *self)
{
    api_reply_fini(&self->reply);
    arena_fini(&self->arena);
    free(self);
}

static void api_run(struct worker_job *job)
{
    struct api_job *self = CONTAINER_OF(job, struct api_job, job);

    api_handle(self->api, &self->request, &self->arena, &self->reply);
}

/* Stored it is, whatever comes; that is said too. */
static void in_force(struct node *node, void *ctx, bool taken)
{
    struct api_job *self = ctx;
    struct err err = { 0 };

    if (node != NULL && !taken) {
        err_set(&err, ERR_UNAVAILABLE, "stored, but it could not be put in force; see the log");
        api_reply_error(&self->reply, &err);
    }
    if (node != NULL)
        reply_send(node, self->ref, &self->reply);
    job_free(self);
}

static void api_done(struct worker_job *job, struct shard *shard)
{
    struct api_job *self = CONTAINER_OF(job, struct api_job, job);
    struct node *node = node_of(shard);
    struct api_reply *reply = &self->reply;

    if ((reply->effects & (API_EFFECT_DIRECTORY | API_EFFECT_BOT)) != 0)
        node_reload(node);
    if ((reply->effects & API_EFFECT_REVOKE) != 0)
        node_revoke(node, &(struct gateway_revocation){ .login_session = reply->revoke_session,
                                                        .token = reply->revoke_token,
                                                        .agent = reply->revoke_agent });
    if ((reply->effects & API_EFFECT_TICKET) != 0)
        ticket_effect(node, reply);
    if ((reply->effects & API_EFFECT_TRAIN) != 0)
        node_train(node, &(struct learn_job){ reply->who.workspace_id, reply->train });
    if ((reply->effects & API_EFFECT_TRY) != 0)
        node_try(node, &self->arena, reply);
    if ((reply->effects & API_EFFECT_IN_FORCE) != 0) {
        node_reload_wait(node, in_force, self);
        return;
    }
    if ((reply->effects & API_EFFECT_CHAT) != 0)
        chat_effect(node, self);
    else if ((reply->effects & API_EFFECT_EXPLAIN) != 0)
        node_desk_explain(node, self->ref, (struct workspace_id){ reply->who.workspace_id },
                          (struct conv_id){ reply->explain.conv },
                          (struct agent_id){ reply->explain.agent });
    else
        reply_send(node, self->ref, reply);
    job_free(self);
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool text_copy(struct arena *arena, struct slice in, struct slice *out)
{
    char *copy;

    if (in.ptr == NULL) {
        *out = SLICE_EMPTY;
        return true;
    }
    copy = arena_strdup(arena, in);
    *out = slice_make(copy, copy != NULL ? in.len : 0);
    return copy != NULL;
}

static bool request_copy(struct api_job *self, const struct http_request *request)
{
    struct api_request *out = &self->request;
    const struct {
        struct slice in;
        struct slice *out;
    } all[] = {
        { request->method_text, &out->method },
        { request->path, &out->path },
        { request->query, &out->query },
        { request->body, &out->body },
        { request->host, &out->host },
        { http_field_get(request, "content-type"), &out->content_type },
        { http_field_get(request, "cookie"), &out->cookie },
        { http_field_get(request, "authorization"), &out->authorization },
        { http_field_get(request, "x-csrf-token"), &out->csrf },
        { http_field_get(request, "origin"), &out->origin },
        { http_field_get(request, "idempotency-key"), &out->idempotency_key },
        { http_field_get(request, "if-match"), &out->if_match },
        { http_field_get(request, "if-none-match"), &out->if_none_match },
    };

    for (size_t i = 0; i < LENGTH_OF(all); i++) {
        if (!text_copy(&self->arena, all[i].in, all[i].out))
            return false;
    }
    snprintf(self->address, sizeof(self->address), "%.*s", SLICE_ARGS(request->peer));
    out->address = self->address;
    out->tls = request->tls;
    return true;
}

static void busy(struct node *node, struct http_ref ref)
{
    struct err err = { 0 };

    err_set(&err, ERR_BUSY, "too much to do; try again");
    err.retry_after_ms = 1000;
    node_http_error(node, ref, &err);
}

void node_api(struct node *node, const struct http_request *request, struct http_ref ref)
{
    struct api_job *self = mem_zalloc(sizeof(*self));
    struct worker_job *job = &self->job;
    bool hashes = api_hashes_password(request->method_text, request->path);

    self->job.run = api_run;
    self->job.done = api_done;
    self->api = node->server->api;
    self->ref = ref;
    arena_init(&self->arena, API_ARENA_MAX);
    api_reply_init(&self->reply);
    if (!request_copy(self, request) ||
        !worker_submit(hashes ? node->server->logins : node->server->workers, &job)) {
        busy(node, ref);
        job_free(self);
    }
}

/* ---- API tokens of a hello ------------------------------------------------------------------- */

struct token_job {
    struct worker_job job;
    struct api *api;
    uint64_t session;
    bool proved;
    struct auth_principal who;
    char token[AUTH_SECRET_TEXT_MAX];
};

static void token_run(struct worker_job *job)
{
    struct token_job *self = CONTAINER_OF(job, struct token_job, job);
    struct arena arena;
    struct err err = { 0 };

    arena_init(&arena, API_ARENA_MAX);
    self->proved = api_authenticate_token(self->api, slice_of(self->token), &arena, &self->who,
                                          &err) == ERR_OK;
    arena_fini(&arena);
}

static void token_done(struct worker_job *job, struct shard *shard)
{
    struct token_job *self = CONTAINER_OF(job, struct token_job, job);

    gateway_agent_proved(node_of(shard)->gateway, self->session, self->proved ? &self->who : NULL);
    free(self);
}

void node_api_token_check(struct node *node, uint64_t session, struct slice token)
{
    struct token_job *self = mem_zalloc(sizeof(*self));
    struct worker_job *job = &self->job;

    self->job.run = token_run;
    self->job.done = token_done;
    self->api = node->server->api;
    self->session = session;
    if (token.len < sizeof(self->token))
        memcpy(self->token, token.ptr, token.len);
    if (!worker_submit(node->server->workers, &job)) {
        gateway_agent_proved(node->gateway, session, NULL);
        free(self);
    }
}
