/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace's desk lives on one shard; chats and consoles of all shards talk to it by message,
 * also those of its own shard: a desk that answered inside a chat's call would call back into it.
 * Absolute reports may be lost to a full mailbox (their sender repeats them), the rest is lossy by
 * contract or reserved. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

enum desk_msg_kind {
    DESK_REPORT,
    DESK_SESSION,
    DESK_STATUS,
    DESK_STARTED,
    DESK_EXPLAIN,
    CHAT_ASSIGN_MSG,
    CHAT_REQUEUE_MSG,
    CHAT_OFFER_MSG,
    CHAT_PLACE_MSG,
};

struct desk_msg {
    struct shard_msg head;
    enum desk_msg_kind kind;
    struct workspace_id workspace;
    struct chat_desk_report report;
    struct agent_id agent;
    struct conv_id conv;
    uint64_t reservation;
    uint64_t session;
    uint32_t from;
    uint32_t status;
    struct http_ref ref;
    int64_t until_ms;
    struct chat_place place;
    bool open;
    uint32_t text_len; /* an encoded routing, or a reason */
    char text[];
};

/* ---- desks of this shard --------------------------------------------------------------------- */

static bool desk_assign_out(void *ctx, struct conv_id conv, struct agent_id agent,
                            uint64_t reservation);
static bool desk_requeue_out(void *ctx, struct conv_id conv, struct agent_id agent);
static bool desk_offer_out(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms);
static void desk_place_out(void *ctx, struct conv_id conv, const struct desk_place_view *place);
static void desk_wall_out(void *ctx, struct workspace_id workspace,
                          const struct desk_queue_view *queues, unsigned count);
static void desk_presence_out(void *ctx, struct workspace_id workspace,
                              const struct desk_agent_view *agents, unsigned count);

static void agents_sync(struct node *node, struct node_desk *desk)
{
    for (size_t i = 0; i < node->directory->agent_count; i++) {
        const struct directory_agent *row = &node->directory->agents[i];
        struct agent_id id = { row->agent->id };
        struct err err = { 0 };

        if (row->workspace.v != desk->workspace.v)
            continue;
        if (row->agent->disabled)
            desk_agent_remove(desk->desk, id);
        else if (desk_agent_set(desk->desk, id, slice_of(row->agent->name), row->agent->capacity,
                                &err) != ERR_OK)
            LOG_ERROR("desk_agent_refused", KV_ID("agent", id.v), KV_ERR(&err));
    }
}

/* The published configuration, if it is another one than before. */
static void routing_sync(struct node *node, struct node_desk *desk)
{
    struct routing *routing = directory_routing(node->directory, desk->workspace);
    struct route_config *config;

    if (routing == NULL || routing_hash(routing) == desk->routing_hash)
        return;
    config = routing_config_take(routing);
    ENSURE(config != NULL);
    desk->routing_hash = routing_hash(routing);
    desk_config_set(desk->desk, &config);
}

static struct node_desk *desk_obtain(struct node *node, struct workspace_id workspace)
{
    struct desk_options options = {
        .workspace = workspace,
        .clock = &clock_system,
        .ops = { .assign = desk_assign_out,
                 .requeue = desk_requeue_out,
                 .offer = desk_offer_out,
                 .place = desk_place_out,
                 .presence = desk_presence_out,
                 .wall = desk_wall_out,
                 .decided = node_trace_decided },
    };
    struct node_desk *desk;

    for (uint32_t i = 0; i < node->desk_count; i++) {
        if (node->desks[i]->workspace.v == workspace.v)
            return node->desks[i];
    }
    node->desks = mem_realloc(node->desks, (node->desk_count + 1) * sizeof(*node->desks));
    desk = mem_zalloc(sizeof(*desk));
    node->desks[node->desk_count++] = desk;
    desk->node = node;
    desk->workspace = workspace;
    options.ops.ctx = desk;
    desk->desk = desk_create(&options);
    agents_sync(node, desk);
    routing_sync(node, desk);
    return desk;
}

void node_desk_fini(struct node *node)
{
    node_trace_fini(node);
    for (uint32_t i = 0; i < node->desk_count; i++) {
        desk_destroy(&node->desks[i]->desk);
        free(node->desks[i]);
    }
    free(node->desks);
    node->desks = NULL;
    node->desk_count = 0;
}

void node_desk_tick(struct node *node)
{
    for (uint32_t i = 0; i < node->desk_count; i++)
        desk_tick(node->desks[i]->desk);
}

/* Agents that a directory no longer has are gone for good. */
static void gone_remove(struct node *node, struct node_desk *desk)
{
    unsigned count = desk_agents(desk->desk, NULL, 0);
    struct desk_agent_view *views = mem_zalloc((count + 1) * sizeof(*views));

    desk_agents(desk->desk, views, count);
    for (unsigned i = 0; i < count; i++) {
        if (directory_agent_by_id(node->directory, views[i].id.v) == NULL)
            desk_agent_remove(desk->desk, views[i].id);
    }
    free(views);
}

void node_desk_sync(struct node *node)
{
    const struct directory *directory = node->directory;

    for (size_t i = 0; i < directory->workspace_count; i++) {
        struct workspace_id workspace = directory->workspaces[i].id;

        if (workspace_shard(workspace, node->server->shards) == node->index)
            (void)desk_obtain(node, workspace);
    }
    for (uint32_t i = 0; i < node->desk_count; i++) {
        gone_remove(node, node->desks[i]);
        agents_sync(node, node->desks[i]);
        routing_sync(node, node->desks[i]);
    }
}

/* ---- presence -------------------------------------------------------------------------------- */

struct presence_msg {
    struct shard_msg head;
    struct workspace_id workspace;
    uint64_t session; /* 0: every console of the workspace */
    unsigned count;
    Kefu__V1__Presence items[];
};

static void presence_run(struct shard_msg *head, struct shard *shard)
{
    struct presence_msg *msg = CONTAINER_OF(head, struct presence_msg, head);
    struct gateway *gateway = node_of(shard)->gateway;
    Kefu__V1__PresencePush push = KEFU__V1__PRESENCE_PUSH__INIT;
    Kefu__V1__Presence **items = mem_alloc((msg->count + 1) * sizeof(*items));

    for (unsigned i = 0; i < msg->count; i++)
        items[i] = &msg->items[i];
    push.n_agents = msg->count;
    push.agents = items;
    if (msg->session != 0)
        gateway_presence_to(gateway, msg->session, &push);
    else
        gateway_presence(gateway, msg->workspace, &push);
    free(items);
    free(msg);
}

static void presence_post(struct node *node, uint32_t shard, struct workspace_id workspace,
                          uint64_t session, const struct desk_agent_view *agents, unsigned count)
{
    size_t names = 0;
    struct presence_msg *msg;
    struct shard_msg *head;
    char *at;

    for (unsigned i = 0; i < count; i++)
        names += agents[i].name.len + agents[i].reason.len + 2;
    msg = mem_zalloc(sizeof(*msg) + count * sizeof(msg->items[0]) + names);
    *msg = (struct presence_msg){ { .run = presence_run }, workspace, session, count };
    at = (char *)&msg->items[count];
    for (unsigned i = 0; i < count; i++) {
        Kefu__V1__Presence *item = &msg->items[i];

        kefu__v1__presence__init(item);
        item->agent_id = agents[i].id.v;
        item->status = (Kefu__V1__Presence__Status)agents[i].status;
        item->load = agents[i].load;
        item->capacity = agents[i].capacity;
        item->name = at;
        if (agents[i].name.len > 0)
            memcpy(at, agents[i].name.ptr, agents[i].name.len);
        at += agents[i].name.len + 1;
        item->places = agents[i].places;
        item->reason = at;
        if (agents[i].reason.len > 0)
            memcpy(at, agents[i].reason.ptr, agents[i].reason.len);
        at += agents[i].reason.len + 1;
    }
    head = &msg->head;
    if (!shard_post(node_shard(node, shard), &head))
        free(msg); /* lossy: the next change tells again */
}

static void desk_presence_out(void *ctx, struct workspace_id workspace,
                              const struct desk_agent_view *agents, unsigned count)
{
    struct node *node = ((struct node_desk *)ctx)->node;

    for (uint32_t i = 0; i < node->server->shards; i++)
        presence_post(node, i, workspace, 0, agents, count);
}

/* ---- the queues ------------------------------------------------------------------------------ */

struct wall_msg {
    struct shard_msg head;
    struct workspace_id workspace;
    unsigned count;
    Kefu__V1__QueueLoad items[];
};

static void wall_run(struct shard_msg *head, struct shard *shard)
{
    struct wall_msg *msg = CONTAINER_OF(head, struct wall_msg, head);
    Kefu__V1__DeskPush push = KEFU__V1__DESK_PUSH__INIT;
    Kefu__V1__QueueLoad **items = mem_alloc((msg->count + 1) * sizeof(*items));

    for (unsigned i = 0; i < msg->count; i++)
        items[i] = &msg->items[i];
    push.n_queues = msg->count;
    push.queues = items;
    gateway_desk(node_of(shard)->gateway, msg->workspace, &push);
    free(items);
    free(msg);
}

static void wall_post(struct node *node, uint32_t shard, struct workspace_id workspace,
                      const struct desk_queue_view *queues, unsigned count)
{
    struct wall_msg *msg;
    struct shard_msg *head;
    size_t names = 0;
    char *at;

    for (unsigned i = 0; i < count; i++)
        names += strlen(queues[i].name) + 1;
    msg = mem_zalloc(sizeof(*msg) + count * sizeof(msg->items[0]) + names);
    *msg = (struct wall_msg){ { .run = wall_run }, workspace, count };
    at = (char *)&msg->items[count];
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(queues[i].name) + 1;
        Kefu__V1__QueueLoad *item = &msg->items[i];

        kefu__v1__queue_load__init(item);
        item->queue = at;
        memcpy(at, queues[i].name, len);
        at += len;
        item->waiting = queues[i].waiting;
        item->longest_wait_ms = queues[i].longest_ms;
        item->at_risk = queues[i].at_risk;
        item->overdue = queues[i].overdue;
        item->sla_first_ms = queues[i].sla_first_ms;
        item->able = queues[i].able;
        item->closed = queues[i].closed;
    }
    head = &msg->head;
    if (!shard_post(node_shard(node, shard), &head))
        free(msg); /* lossy: the next view tells again */
}

static void desk_wall_out(void *ctx, struct workspace_id workspace,
                          const struct desk_queue_view *queues, unsigned count)
{
    struct node *node = ((struct node_desk *)ctx)->node;

    for (uint32_t i = 0; i < node->server->shards; i++)
        wall_post(node, i, workspace, queues, count);
}

/* A console that has just opened is shown everybody. */
static void presence_all(struct node *node, struct node_desk *desk, uint32_t shard,
                         uint64_t session)
{
    unsigned count = desk_agents(desk->desk, NULL, 0);
    struct desk_agent_view *views = mem_zalloc((count + 1) * sizeof(*views));

    desk_agents(desk->desk, views, count);
    presence_post(node, shard, desk->workspace, session, views, count);
    free(views);
}

/* ---- messages to a desk ---------------------------------------------------------------------- */

static void desk_started(struct node *node, struct node_desk *desk)
{
    desk->shards_started++;
    if (desk->shards_started == node->server->shards)
        desk_ready(desk->desk);
}

static void desk_report_in(struct node_desk *desk, const struct desk_msg *msg)
{
    const struct chat_desk_report *in = &msg->report;
    struct desk_report report = {
        .conv = in->conv,
        .site = in->site,
        .head_seq = in->head_seq,
        .state = in->state,
        .agent = in->agent,
        .queued_at = in->queued_at,
        .reservation = in->reservation,
        .refused = in->refused,
        .answered = in->answered,
        .wrote_visitor = in->wrote_visitor,
        .wrote_agent = in->wrote_agent,
        .declined = in->declined,
        .routing = slice_make(msg->text, msg->text_len),
    };

    desk_report(desk->desk, &report);
}

/* ---- how it would be decided now ------------------------------------------------------------- */

enum { EXPLAIN_ARENA_MAX = 256 * 1024 };

struct explain_msg {
    struct shard_msg head;
    struct http_ref ref;
    enum route_answer answer;
    uint32_t len;
    char body[]; /* JSON */
};

/* Back on the shard of the request. */
static void explain_run(struct shard_msg *head, struct shard *shard)
{
    struct explain_msg *msg = CONTAINER_OF(head, struct explain_msg, head);
    struct err err = { 0 };

    if (msg->answer == ROUTE_OK && msg->len > 0) {
        node_api_body(node_of(shard), msg->ref, slice_make(msg->body, msg->len));
    } else {
        err_set(&err, ERR_NOT_FOUND, "the conversation is at no desk");
        node_http_error(node_of(shard), msg->ref, &err);
    }
    free(msg);
}

static void desk_explain_in(struct node *node, struct node_desk *desk, const struct desk_msg *in)
{
    const struct route_config *config = NULL;
    struct route_trace trace;
    enum route_answer answer = desk_explain(desk->desk, in->conv, in->agent, &trace, &config);
    Kefu__V1__RoutingTrace *out = NULL;
    struct explain_msg *msg;
    struct shard_msg *head;
    struct arena arena;
    struct buf buf;

    arena_init(&arena, EXPLAIN_ARENA_MAX);
    buf_init(&buf, EXPLAIN_ARENA_MAX);
    if (answer == ROUTE_OK)
        out = node_trace_make(node, config, &trace, &arena);
    if (out != NULL) {
        static char now[] = "now";

        out->conversation_id = in->conv.v;
        out->agent_id = in->agent.v;
        out->decision = now;
        schema_json_encode(&out->base, &buf);
    }
    msg = mem_zalloc(sizeof(*msg) + buf.len);
    *msg = (struct explain_msg){ { .run = explain_run }, in->ref, answer, (uint32_t)buf.len };
    if (buf.len > 0)
        memcpy(msg->body, buf.ptr, buf.len);
    head = &msg->head;
    shard_post_reserved(node_shard(node, in->from), &head);
    buf_fini(&buf);
    arena_fini(&arena);
}

static void desk_run(struct shard_msg *head, struct shard *shard)
{
    struct desk_msg *msg = CONTAINER_OF(head, struct desk_msg, head);
    struct node *node = node_of(shard);
    struct node_desk *desk = desk_obtain(node, msg->workspace);
    struct err err = { 0 };

    switch (msg->kind) {
    case DESK_REPORT:
        desk_report_in(desk, msg);
        break;
    case DESK_SESSION:
        desk_agent_session(desk->desk, msg->agent, msg->open);
        if (msg->open) {
            presence_all(node, desk, msg->from, msg->session);
            desk_wall(desk->desk);
        }
        break;
    case DESK_STATUS:
        if (desk_agent_status(desk->desk, msg->agent, (enum desk_status)msg->status,
                              slice_make(msg->text, msg->text_len), &err) != ERR_OK)
            LOG_WARN("desk_status_refused", KV_ID("agent", msg->agent.v), KV_ERR(&err));
        break;
    case DESK_STARTED:
        desk_started(node, desk);
        break;
    case DESK_EXPLAIN:
        desk_explain_in(node, desk, msg);
        break;
    default:
        ENSURE(false);
    }
    free(msg);
}

static bool desk_post(struct node *node, const struct desk_msg *what, struct slice text,
                      bool reserved)
{
    struct shard *to = node_shard(node, workspace_shard(what->workspace, node->server->shards));
    struct desk_msg *msg = mem_alloc(sizeof(*msg) + text.len);
    struct shard_msg *head = &msg->head;

    *msg = *what;
    msg->text_len = (uint32_t)text.len;
    if (text.len > 0)
        memcpy(msg->text, text.ptr, text.len);
    msg->head = (struct shard_msg){ .run = desk_run };
    if (reserved) {
        shard_post_reserved(to, &head);
        return true;
    }
    if (shard_post(to, &head))
        return true;
    free(msg);
    return false;
}

bool node_desk_report(void *ctx, const struct chat_desk_report *report)
{
    return desk_post(ctx,
                     &(struct desk_msg){
                         .kind = DESK_REPORT, .workspace = report->workspace, .report = *report },
                     report->routing, false);
}

/* Never refused: an agent whose leaving got lost would be given conversations for ever. */
bool node_desk_session(void *ctx, const struct auth_principal *who, uint64_t session, bool open)
{
    struct node *node = ctx;

    return desk_post(node,
                     &(struct desk_msg){ .kind = DESK_SESSION,
                                         .workspace = { who->workspace_id },
                                         .agent = { who->agent_id },
                                         .session = session,
                                         .from = node->index,
                                         .open = open },
                     SLICE_EMPTY, true);
}

bool node_desk_status(void *ctx, const struct auth_principal *who, uint32_t status,
                      struct slice reason)
{
    return desk_post(ctx,
                     &(struct desk_msg){ .kind = DESK_STATUS,
                                         .workspace = { who->workspace_id },
                                         .agent = { who->agent_id },
                                         .status = status },
                     reason, false);
}

void node_desk_explain(struct node *node, struct http_ref ref, struct workspace_id workspace,
                       struct conv_id conv, struct agent_id agent)
{
    struct err err = { 0 };

    if (desk_post(node,
                  &(struct desk_msg){ .kind = DESK_EXPLAIN,
                                      .workspace = workspace,
                                      .conv = conv,
                                      .agent = agent,
                                      .from = node->index,
                                      .ref = ref },
                  SLICE_EMPTY, false))
        return;
    err_set(&err, ERR_BUSY, "too much to do; try again");
    err.retry_after_ms = 1000;
    node_http_error(node, ref, &err);
}

void node_desk_started_one(struct node *node, struct workspace_id workspace)
{
    desk_post(node, &(struct desk_msg){ .kind = DESK_STARTED, .workspace = workspace }, SLICE_EMPTY,
              true);
}

void node_desk_started(struct node *node)
{
    for (size_t i = 0; i < node->directory->workspace_count; i++)
        node_desk_started_one(node, node->directory->workspaces[i].id);
}

/* ---- messages from a desk to chats ----------------------------------------------------------- */

static void chat_run_msg(struct shard_msg *head, struct shard *shard)
{
    struct desk_msg *msg = CONTAINER_OF(head, struct desk_msg, head);
    struct chat *chat = node_of(shard)->chat;

    if (msg->kind == CHAT_ASSIGN_MSG)
        chat_desk_assign(chat, msg->workspace, msg->conv, msg->agent, msg->reservation);
    else if (msg->kind == CHAT_REQUEUE_MSG)
        chat_desk_requeue(chat, msg->workspace, msg->conv, msg->agent);
    else if (msg->kind == CHAT_OFFER_MSG)
        chat_desk_offer(chat, msg->workspace, msg->conv, msg->agent, msg->until_ms);
    else
        chat_desk_place(chat, msg->conv, &msg->place);
    free(msg);
}

static bool chat_post(const struct node_desk *desk, const struct desk_msg *what)
{
    struct node *node = desk->node;
    struct desk_msg *msg = mem_alloc(sizeof(*msg));
    struct shard_msg *head = &msg->head;

    *msg = *what;
    msg->workspace = desk->workspace;
    msg->head = (struct shard_msg){ .run = chat_run_msg };
    if (shard_post(node_shard(node, conv_shard(node, what->conv)), &head))
        return true;
    free(msg);
    return false;
}

static bool desk_assign_out(void *ctx, struct conv_id conv, struct agent_id agent,
                            uint64_t reservation)
{
    return chat_post(ctx, &(struct desk_msg){ .kind = CHAT_ASSIGN_MSG,
                                              .conv = conv,
                                              .agent = agent,
                                              .reservation = reservation });
}

static bool desk_requeue_out(void *ctx, struct conv_id conv, struct agent_id agent)
{
    return chat_post(ctx,
                     &(struct desk_msg){ .kind = CHAT_REQUEUE_MSG, .conv = conv, .agent = agent });
}

static bool desk_offer_out(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms)
{
    return chat_post(
        ctx, &(struct desk_msg){
                 .kind = CHAT_OFFER_MSG, .conv = conv, .agent = agent, .until_ms = until_ms });
}

static void desk_place_out(void *ctx, struct conv_id conv, const struct desk_place_view *place)
{
    (void)chat_post(ctx,
                    &(struct desk_msg){ .kind = CHAT_PLACE_MSG,
                                        .conv = conv,
                                        .place = { .position = place->position,
                                                   .estimated_wait_ms = place->estimated_wait_ms,
                                                   .alternatives = place->alternatives,
                                                   .opens_at = place->opens_at,
                                                   .closed = place->closed,
                                                   .agents_online = place->agents_online } });
}
