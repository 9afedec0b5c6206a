/* SPDX-License-Identifier: Apache-2.0 */
/* Why a conversation went to this agent: each decision of the desk becomes a record, kept for
 * a month, up to a number (serve_expire.c). It is no part of the turn: a decision without its trace
 * is still right, so traces are stored once a second, and dropped (counted) when there are too
 * many. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "schema.h"

enum {
    TRACES_PER_TICK = 1000,      /* far above what a hundred agents can take in a second */
    TRACE_ARENA_MAX = 64 * 1024, /* one message with its names */
    TRACE_BYTES_MAX = 16 * 1024,
};

/* ---- as a message ---------------------------------------------------------------------------- */

static char *name_of(const struct route_config *config, enum route_kind kind, uint32_t index,
                     struct arena *arena)
{
    const char *name = route_name(config, kind, index);

    return arena_strdup(arena, slice_of(name != NULL ? name : ""));
}

static char *label_of(const struct route_config *config, const struct route_trace_step *step,
                      struct arena *arena)
{
    switch (step->kind) {
    case ROUTE_STEP_SKILL:
    case ROUTE_STEP_PREFER:
        return name_of(config, ROUTE_KIND_SKILL, step->label, arena);
    case ROUTE_STEP_LANGUAGE:
        return name_of(config, ROUTE_KIND_LANGUAGE, step->label, arena);
    case ROUTE_STEP_CHANNEL:
        return name_of(config, ROUTE_KIND_CHANNEL, step->label, arena);
    default:
        return arena_strdup(arena, SLICE_EMPTY);
    }
}

/* app/routing adds an agent who could do everything and is never there; people count without. */
static bool counts_nobody(enum route_trace_kind kind)
{
    return kind == ROUTE_STEP_ALL || kind == ROUTE_STEP_TEAM || kind == ROUTE_STEP_SKILL ||
           kind == ROUTE_STEP_PREFER;
}

static bool steps_fill(const struct route_config *config, const struct route_trace *trace,
                       struct arena *arena, Kefu__V1__RoutingTrace *out)
{
    bool nobody = route_find(config, ROUTE_KIND_AGENT, "0", 1) != ROUTE_NONE;
    Kefu__V1__RoutingStep *items = arena_alloc(arena, (trace->step_count + 1) * sizeof(*items));

    out->steps = arena_alloc(arena, (trace->step_count + 1) * sizeof(Kefu__V1__RoutingStep *));
    if (items == NULL || out->steps == NULL)
        return false;
    for (uint32_t i = 0; i < trace->step_count; i++) {
        const struct route_trace_step *step = &trace->steps[i];

        kefu__v1__routing_step__init(&items[i]);
        items[i].kind = arena_strdup(arena, slice_of(route_step_name(step->kind)));
        items[i].label = label_of(config, step, arena);
        items[i].level = step->level;
        nobody = nobody && counts_nobody(step->kind);
        items[i].left = step->left - (nobody && step->left > 0);
        items[i].passed = step->passed;
        if (items[i].kind == NULL || items[i].label == NULL)
            return false;
        out->steps[out->n_steps++] = &items[i];
    }
    return true;
}

static bool top_fill(const struct node *node, const struct route_config *config,
                     const struct route_trace *trace, struct arena *arena,
                     Kefu__V1__RoutingTrace *out)
{
    Kefu__V1__RoutingScore *items = arena_alloc(arena, (trace->top_count + 1) * sizeof(*items));

    out->top = arena_alloc(arena, (trace->top_count + 1) * sizeof(Kefu__V1__RoutingScore *));
    if (items == NULL || out->top == NULL)
        return false;
    for (uint32_t i = 0; i < trace->top_count; i++) {
        const char *name = route_name(config, ROUTE_KIND_AGENT, trace->top[i].agent);
        const struct directory_agent *agent;
        unsigned long long id = 0;

        if (name == NULL || !slice_to_u64(slice_of(name), &id))
            continue;
        agent = directory_agent_by_id(node->directory, id);
        kefu__v1__routing_score__init(&items[i]);
        items[i].agent_id = id;
        items[i].agent_name =
            arena_strdup(arena, slice_of(agent != NULL ? agent->agent->name : ""));
        items[i].score = trace->top[i].score;
        if (items[i].agent_name == NULL)
            return false;
        out->top[out->n_top++] = &items[i];
    }
    return true;
}

Kefu__V1__RoutingTrace *node_trace_make(const struct node *node, const struct route_config *config,
                                        const struct route_trace *trace, struct arena *arena)
{
    Kefu__V1__RoutingTrace *out = arena_alloc(arena, sizeof(*out));

    if (out == NULL)
        return NULL;
    kefu__v1__routing_trace__init(out);
    out->queue = name_of(config, ROUTE_KIND_QUEUE, trace->queue, arena);
    out->rule = name_of(config, ROUTE_KIND_RULE, trace->rule, arena);
    out->preset =
        arena_strdup(arena, slice_of(route_preset_name((enum route_preset)trace->preset)));
    out->ring = trace->ring;
    out->occupancy_permille = trace->occupancy_permille;
    if (out->queue == NULL || out->rule == NULL || out->preset == NULL ||
        !steps_fill(config, trace, arena, out) || !top_fill(node, config, trace, arena, out))
        return NULL;
    return out;
}

/* ---- kept until the tick --------------------------------------------------------------------- */

static void row_add(struct trace_list *list, uint64_t workspace, uint64_t conv,
                    const struct buf *body)
{
    if (list->count == TRACES_PER_TICK) {
        list->dropped++;
        return;
    }
    if (list->count == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : 16;
        list->items = mem_realloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] =
        (struct trace_row){ workspace, conv, mem_strndup(body->ptr, body->len),
                            (uint32_t)body->len };
}

void node_trace_decided(void *ctx, const struct desk_decision *decision)
{
    static char assigned[] = "assigned";
    static char offered[] = "offered";
    const struct node_desk *desk = ctx;
    struct node *node = desk->node;
    const struct route_action *action = decision->action;
    const struct directory_agent *agent = directory_agent_by_id(node->directory, decision->agent.v);
    Google__Protobuf__Timestamp at;
    Kefu__V1__RoutingTrace *out;
    struct arena arena;
    struct buf buf;

    arena_init(&arena, TRACE_ARENA_MAX);
    buf_init(&buf, TRACE_BYTES_MAX);
    out = node_trace_make(node, decision->config, action->trace, &arena);
    if (out != NULL) {
        schema_timestamp_set(&at, clock_wall_ms(&clock_system));
        out->at = &at;
        out->conversation_id = decision->conv.v;
        out->decision = action->type == ROUTE_ACTION_OFFER ? offered : assigned;
        out->agent_id = decision->agent.v;
        out->agent_name = arena_strdup(&arena, slice_of(agent != NULL ? agent->agent->name : ""));
        out->sticky = action->sticky;
        out->waited_ms = action->waited_ms < UINT32_MAX ? (uint32_t)action->waited_ms : UINT32_MAX;
        out->micros = decision->micros;
        schema_proto_encode(&out->base, &buf);
    }
    if (out != NULL && buf_ok(&buf))
        row_add(&node->traces, desk->workspace.v, decision->conv.v, &buf);
    else
        node->traces.dropped++;
    buf_fini(&buf);
    arena_fini(&arena);
}

/* ---- stored ---------------------------------------------------------------------------------- */

struct trace_job {
    struct worker_job job;
    struct store *store;
    struct trace_list list;
    uint64_t *ids;
    int64_t now_ms;
};

static void list_free(struct trace_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i].body);
    free(list->items);
    *list = (struct trace_list){ 0 };
}

static void trace_run(struct worker_job *job)
{
    struct trace_job *self = CONTAINER_OF(job, struct trace_job, job);
    struct store_change *changes = mem_zalloc((self->list.count + 1) * sizeof(*changes));
    struct err err = { 0 };

    for (uint32_t i = 0; i < self->list.count; i++) {
        const struct trace_row *row = &self->list.items[i];

        changes[i].op = STORE_PUT;
        changes[i].kind = STORE_ROUTING_TRACE;
        changes[i].record = (struct store_record){
            .id = self->ids[i],
            .workspace = row->workspace,
            .parent = row->conv,
            .created_at = self->now_ms,
            .body = slice_make(row->body, row->len),
        };
    }
    if (self->list.count > 0 &&
        store_admin_run(self->store, changes, self->list.count, NULL, &err) != ERR_OK)
        LOG_WARN("routing_traces_not_stored", KV_ERR(&err), KV_U64("count", self->list.count));
    free(changes);
}

static void trace_job_free(struct trace_job *self)
{
    list_free(&self->list);
    free(self->ids);
    free(self);
}

static void trace_done(struct worker_job *job, struct shard *shard)
{
    node_of(shard)->traces_busy = false;
    trace_job_free(CONTAINER_OF(job, struct trace_job, job));
}

void node_trace_tick(struct node *node)
{
    struct trace_job *self;
    struct worker_job *job;

    if (node->traces_busy || node->traces.count == 0)
        return;
    if (node->traces.dropped > 0)
        LOG_WARN("routing_traces_dropped", KV_U64("count", node->traces.dropped));
    self = mem_zalloc(sizeof(*self));
    job = &self->job;
    self->job.run = trace_run;
    self->job.done = trace_done;
    self->store = node->server->store;
    self->now_ms = clock_wall_ms(&clock_system);
    self->list = node->traces;
    node->traces = (struct trace_list){ 0 };
    self->ids = mem_alloc((self->list.count + 1) * sizeof(*self->ids));
    for (uint32_t i = 0; i < self->list.count; i++)
        self->ids[i] = id_gen_next(chat_id_gen(node->chat), self->now_ms, node->index);
    if (!worker_submit(node->server->workers, &job)) {
        trace_job_free(self);
        return;
    }
    node->traces_busy = true;
}

void node_trace_fini(struct node *node)
{
    list_free(&node->traces);
}
