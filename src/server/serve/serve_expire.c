/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for a while only is deleted every hour, by shard 0 on a worker: why conversations
 * went to whom, replies kept for repeated requests, log-ins that have ended. Each call of the store
 * is one small transaction, so nobody waits for it long. */
#include "serve_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"

enum {
    EXPIRE_EVERY_MS = 3600 * 1000,
    TRACES_KEPT_DAYS = 30,
    TRACES_KEPT_MAX = 1000 * 1000, /* of all workspaces: a gigabyte; then the oldest go before */
    TRACE_CALLS_MAX = 4000,        /* of 1,000 rows each: a desk makes no more in an hour */
};

struct expire_job {
    struct worker_job job;
    struct server *server;
};

static enum err_code traces_expire(struct store *store, struct err *err)
{
    int64_t before = clock_wall_ms(&clock_system) - (int64_t)TRACES_KEPT_DAYS * 24 * 3600 * 1000;
    size_t deleted = 1;
    enum err_code rc = ERR_OK;

    for (unsigned i = 0; rc == ERR_OK && i < TRACE_CALLS_MAX && deleted > 0; i++)
        rc = store_record_expire(store, STORE_ROUTING_TRACE, before, &deleted, err);
    deleted = 1;
    for (unsigned i = 0; rc == ERR_OK && i < TRACE_CALLS_MAX && deleted > 0; i++)
        rc = store_record_trim(store, STORE_ROUTING_TRACE, TRACES_KEPT_MAX, &deleted, err);
    return rc;
}

static void expire_run(struct worker_job *job)
{
    struct server *server = CONTAINER_OF(job, struct expire_job, job)->server;
    struct err err = { 0 };
    enum err_code rc = traces_expire(server->store, &err);

    if (rc == ERR_OK)
        rc = api_expire(server->api, &err);
    if (rc != ERR_OK)
        LOG_WARN("not_expired", KV_ERR(&err));
}

static void expire_done(struct worker_job *job, struct shard *shard)
{
    (void)shard;
    free(CONTAINER_OF(job, struct expire_job, job));
}

void node_expire_tick(struct node *node)
{
    struct expire_job *self;
    struct worker_job *job;

    if (node->index != 0 || loop_now_ms(node->loop) < node->expire_at)
        return;
    self = mem_zalloc(sizeof(*self));
    job = &self->job;
    self->job.run = expire_run;
    self->job.done = expire_done;
    self->server = node->server;
    if (worker_submit(node->server->workers, &job))
        node->expire_at = loop_now_ms(node->loop) + EXPIRE_EVERY_MS;
    else
        free(self); /* the next tick tries again */
}
