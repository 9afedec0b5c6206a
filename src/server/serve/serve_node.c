/* SPDX-License-Identifier: Apache-2.0 */
/* One shard's life. init makes what needs no other shard; `begin` comes by message once all are
 * there: directory, start-up reports to the desks, listener. stop refuses what is new, waits until
 * the store has confirmed what is in flight, and ends. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "serve_metric.h"

/* ---- certificates ---------------------------------------------------------------------------- */

struct tls_msg {
    struct shard_msg head;
    struct serve_tls *tls;
};

static void tls_release_run(struct shard_msg *head, struct shard *shard)
{
    struct tls_msg *msg = CONTAINER_OF(head, struct tls_msg, head);

    (void)shard;
    if (--msg->tls->holders == 0) {
        net_tls_context_destroy(&msg->tls->context);
        free(msg->tls);
    }
    free(msg);
}

static void tls_take(struct node *node, struct serve_tls *tls)
{
    struct tls_msg *msg = mem_zalloc(sizeof(*msg));
    struct shard_msg *head = &msg->head;

    msg->head.run = tls_release_run;
    msg->tls = node->tls;
    node->tls = tls;
    http_server_tls_set(node->http, tls->context);
    if (msg->tls != NULL)
        shard_post_reserved(node_shard(node, 0), &head);
    else
        free(msg);
}

static void tls_run(struct shard_msg *head, struct shard *shard)
{
    struct tls_msg *msg = CONTAINER_OF(head, struct tls_msg, head);

    tls_take(node_of(shard), msg->tls);
    free(msg);
}

void node_tls_replace(struct server *server, struct serve_tls *tls)
{
    tls->holders = server->shards;
    for (uint32_t i = 0; i < server->shards; i++) {
        struct tls_msg *msg = mem_zalloc(sizeof(*msg));
        struct shard_msg *head = &msg->head;

        msg->head.run = tls_run;
        msg->tls = tls;
        shard_post_reserved(shard_group_at(server->group, i), &head);
    }
}

/* ---- replies --------------------------------------------------------------------------------- */

void node_answer(struct node *node, uint64_t session, const Kefu__V1__ServerFrame *frame)
{
    if ((session & EXCHANGE_BIT) != 0)
        exchange_answer(node, session, frame);
    else
        gateway_answer(node->gateway, session, frame);
}

/* ---- the id mark ----------------------------------------------------------------------------- */

struct mark_job {
    struct worker_job job;
    struct store *store;
    int64_t mark_ms;
};

static void mark_run(struct worker_job *job)
{
    struct mark_job *self = CONTAINER_OF(job, struct mark_job, job);
    struct err err = { 0 };

    if (serve_mark_store(self->store, self->mark_ms, &err) != ERR_OK)
        LOG_ERROR("id_mark_not_stored", KV_ERR(&err));
}

static void mark_done(struct worker_job *job, struct shard *shard)
{
    (void)shard;
    free(CONTAINER_OF(job, struct mark_job, job));
}

static void mark_tick(struct node *node)
{
    struct mark_job *self;
    struct worker_job *job;

    if (node->index != 0 || loop_now_ms(node->loop) < node->mark_at)
        return;
    node->mark_at = loop_now_ms(node->loop) + SERVE_MARK_EVERY_MS;
    self = mem_zalloc(sizeof(*self));
    job = &self->job;
    self->job.run = mark_run;
    self->job.done = mark_done;
    self->store = node->server->store;
    self->mark_ms = clock_wall_ms(&clock_system) + ID_MARK_AHEAD_MS;
    if (!worker_submit(node->server->workers, &job))
        free(self);
}

/* ---- tick ------------------------------------------------------------------------------------ */

static void flush_run(struct loop_node *flush)
{
    chat_flush(CONTAINER_OF(flush, struct node, flush)->chat);
}

static void rows_run(struct loop_timer *timer)
{
    chat_rows(CONTAINER_OF(timer, struct node, rows)->chat);
}

static void started_run(struct shard_msg *head, struct shard *shard)
{
    struct node *node = node_of(shard);

    free(head);
    if (++node->nodes_started == node->server->shards)
        serve_ready(node->server);
}

/* This shard's waiting and assigned conversations are known to the desks. */
static void started_check(struct node *node)
{
    struct shard_msg *msg;

    if (node->started || node->directory == NULL || !chat_started(node->chat))
        return;
    node->started = true;
    node_desk_started(node);
    msg = mem_zalloc(sizeof(*msg));
    msg->run = started_run;
    shard_post_reserved(node_shard(node, 0), &msg);
}

/* After a crowd has gone and its conversations are let go: what they needed is free, and the end of
 * this thread's heap is this thread's to give back. */
static void rest_tick(struct node *node, const struct chat_stats *before)
{
    uint64_t now = loop_now_ms(node->loop);

    if (node->last.turns != before->turns || node->last.live != before->live ||
        node->last.in_flight > 0) {
        node->rest_at = now + SERVE_REST_MS;
    } else if (node->rest_at != 0 && now >= node->rest_at) {
        node->rest_at = 0;
        mem_heap_rest(NULL, NULL);
    }
}

static void drain_check(struct node *node)
{
    struct chat_stats stats;

    chat_stats_get(node->chat, &stats);
    if (stats.in_flight > 0 && loop_now_ms(node->loop) < node->drain_until)
        return;
    if (stats.in_flight > 0) {
        /* The disk does not answer. Nothing of these turns was acknowledged; to wait longer would
         * only make the operator kill us. */
        LOG_ERROR("stopped_with_turns_in_flight", KV_U64("turns", stats.in_flight));
        _exit(1);
    }
    loop_timer_stop(node->loop, &node->tick);
    shard_stopped(node->shard);
}

static void tick_run(struct loop_timer *timer)
{
    struct node *node = CONTAINER_OF(timer, struct node, tick);
    bool draining = node->drain_until != 0;
    bool eager = draining || !node->started; /* somebody waits for the next step */
    struct chat_stats before = node->last;

    loop_timer_start(node->loop, &node->tick, eager ? SERVE_TICK_EAGER_MS : SERVE_TICK_MS);
    loop_activity_note(node->loop, "tick");
    chat_tick(node->chat);
    started_check(node);
    node_desk_tick(node);
    node_trace_tick(node);
    serve_metric_tick(node);
    rest_tick(node, &before);
    if (draining) {
        drain_check(node);
        return;
    }
    mark_tick(node);
    node_unclear_tick(node);
    node_expire_tick(node);
    node_reload_tick(node);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Under overload nearly every turn is slow; the log says it once in a while, with their number. */
static void slow_turn(void *ctx, uint64_t us, const char *activity)
{
    struct node *node = ctx;
    int64_t now = clock_mono_us(&clock_system);

    node->slow_turns++;
    node->slow_unsaid++;
    if (node->slow_said_us != 0 && now - node->slow_said_us < SERVE_SLOW_LOG_MS * 1000)
        return;
    LOG_WARN("loop_slow", KV_U64("shard", node->index), KV_U64("us", us),
             KV_TEXT("last", activity != NULL ? activity : "?"),
             KV_U64("turns", node->slow_unsaid));
    node->slow_said_us = now;
    node->slow_unsaid = 0;
}

static void chat_make(struct node *node)
{
    const struct config *config = node->server->config;
    struct chat_options options = {
        .shard = node->index,
        .shards = node->server->shards,
        .id_mark_ms = node->server->id_mark_ms,
        .clock = &clock_system,
        .ops = node_chat_ops,
        .store = node_store_ops,
        .limits = { .visitor_rate = (uint32_t)config_number(config, CONFIG_LIMIT_VISITOR_RATE),
                    .visitor_burst = LIMIT_VISITOR_BURST,
                    .new_convs_per_hour =
                        (uint32_t)config_number(config, CONFIG_LIMIT_NEW_CONVERSATIONS) },
    };

    options.ops.ctx = node;
    options.store.ctx = node;
    node->chat = chat_create(&options);
}

static void gateway_make(struct node *node)
{
    struct gateway_options options = {
        .shard = (uint16_t)node->index,
        .loop = node->loop,
        .clock = &clock_system,
        .master = &node->server->master,
        .ops = node_gateway_ops,
    };

    options.ops.ctx = node;
    node->gateway = gateway_create(&options);
}

static void http_make(struct node *node)
{
    struct http_server_options options = {
        .on_request = node_http_request,
        .on_gone = node_http_gone,
        .ctx = node,
        .clock = &clock_system,
        .trust = &node->server->trust,
    };

    node->http = http_server_create(node->loop, &options);
}

static enum err_code node_init(struct shard *shard, void *ctx, struct err *err)
{
    struct node *node = mem_zalloc(sizeof(*node));

    (void)err;
    node->server = ctx;
    node->shard = shard;
    node->loop = shard_loop(shard);
    node->index = shard_index(shard);
    node->flush.run = flush_run;
    node->scratch = bot_scratch_create();
    node->unclear = mem_zalloc(SERVE_UNCLEAR_MAX * sizeof(*node->unclear));
    buf_init(&node->buf, API_REPLY_MAX);
    auth_ticket_table_init(&node->tickets, node->index);
    node_limit_init(node);
    node_sockets_init(node);
    node_acts_init(node);
    chat_make(node);
    gateway_make(node);
    http_make(node);
    loop_slow_set(node->loop, slow_turn, node);
    loop_timer_init(&node->tick, tick_run);
    loop_timer_init(&node->rows, rows_run);
    shard_user_set(shard, node);
    return ERR_OK;
}

static void node_stop(struct shard *shard, void *ctx)
{
    struct node *node = node_of(shard);

    (void)ctx;
    net_listener_close(&node->listener);
    node_control_close(node);
    gateway_drain(node->gateway, SERVE_RECONNECT_MS);
    http_server_drain(node->http);
    chat_flush(node->chat);
    chat_stop(node->chat);
    node->drain_until = loop_now_ms(node->loop) + SERVE_DRAIN_MS_MAX;
    loop_timer_start(node->loop, &node->tick, SERVE_TICK_EAGER_MS);
}

static void node_fini(struct shard *shard, void *ctx)
{
    struct node *node = node_of(shard);

    (void)ctx;
    loop_timer_stop(node->loop, &node->tick);
    loop_timer_stop(node->loop, &node->rows);
    loop_defer_cancel(&node->flush);
    node_sockets_fini(node);
    node_visitors_fini(node);
    node_control_fini(node);
    http_server_destroy(&node->http);
    gateway_destroy(&node->gateway);
    node_acts_fini(node);
    node_reload_fini(node);
    chat_destroy(&node->chat);
    node_desk_fini(node);
    exchange_fini(node);
    auth_ticket_table_fini(&node->tickets);
    bot_scratch_destroy(&node->scratch);
    free(node->unclear);
    node_limit_fini(node);
    buf_fini(&node->buf);
    node->server->left[node->index] = node->directory;
    node->server->tls_left[node->index] = node->tls;
    free(node);
}

const struct shard_ops node_shard_ops = { .init = node_init, .stop = node_stop, .fini = node_fini };

/* ---- begin ----------------------------------------------------------------------------------- */

static enum err_code node_listen(struct node *node, struct err *err)
{
    const struct config *config = node->server->config;
    struct net_listen_options options = {
        .address = config_text(config, CONFIG_LISTEN),
        .port = node->server->port,
        .reuse_port = true,
    };

    return http_server_listen(node->http, &options, &node->listener, err);
}

struct begin_msg {
    struct shard_msg head;
    struct directory *directory;
};

static void begin_run(struct shard_msg *head, struct shard *shard)
{
    struct begin_msg *msg = CONTAINER_OF(head, struct begin_msg, head);
    struct node *node = node_of(shard);
    struct err err = { 0 };

    node_directory_take(node, msg->directory);
    free(msg);
    chat_start(node->chat);
    started_check(node);
    if (node_listen(node, &err) != ERR_OK ||
        (node->index == 0 && node_control_open(node, &err) != ERR_OK)) {
        LOG_ERROR("listen_failed", KV_ERR(&err));
        _exit(1); /* the port was free a moment ago: nobody has been served yet */
    }
    if (node->index == 0)
        node_train_waiting(node);
    loop_timer_start(node->loop, &node->tick, SERVE_TICK_EAGER_MS);
}

void node_begin(struct server *server)
{
    directory_hold(server->directory, server->shards);
    for (uint32_t i = 0; i < server->shards; i++) {
        struct begin_msg *msg = mem_zalloc(sizeof(*msg));
        struct shard_msg *head = &msg->head;

        msg->head.run = begin_run;
        msg->directory = server->directory;
        shard_post_reserved(shard_group_at(server->group, i), &head);
    }
    server->directory = NULL;
}
