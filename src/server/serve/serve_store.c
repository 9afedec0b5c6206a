/* SPDX-License-Identifier: Apache-2.0 */
/* Between chat and the store: completions come back from the commit thread in one message a batch,
 * reads run on workers. */
#include "serve_priv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* ---- completions ----------------------------------------------------------------------------- */

struct completed_msg {
    struct shard_msg head;
    size_t count;
    struct store_completion items[];
};

static void completed_run(struct shard_msg *head, struct shard *shard)
{
    struct completed_msg *msg = CONTAINER_OF(head, struct completed_msg, head);

    chat_completed(node_of(shard)->chat, msg->items, msg->count);
    free(msg);
}

void serve_completed(void *ctx, unsigned shard, const struct store_completion *completions,
                     size_t n)
{
    struct server *server = ctx;
    struct completed_msg *msg = mem_alloc(sizeof(*msg) + n * sizeof(msg->items[0]));
    struct shard_msg *head = &msg->head;

    *head = (struct shard_msg){ .run = completed_run };
    msg->count = n;
    memcpy(msg->items, completions, n * sizeof(msg->items[0]));
    shard_post_reserved(shard_group_at(server->group, shard), &head);
}

/* ---- queries --------------------------------------------------------------------------------- */

struct query_job {
    struct worker_job job;
    struct chat_query *query;
    struct store *store;
};

static void query_run(struct worker_job *job)
{
    struct query_job *self = CONTAINER_OF(job, struct query_job, job);

    chat_query_run(self->query, self->store);
}

static void query_done(struct worker_job *job, struct shard *shard)
{
    struct query_job *self = CONTAINER_OF(job, struct query_job, job);

    chat_query_done(node_of(shard)->chat, &self->query);
    chat_query_destroy(&self->query);
    free(self);
}

static bool store_query(void *ctx, struct chat_query **query)
{
    struct node *node = ctx;
    struct query_job *self = mem_zalloc(sizeof(*self));
    struct worker_job *job = &self->job;

    job->run = query_run;
    job->done = query_done;
    self->store = node->server->store;
    self->query = *query;
    if (!worker_submit(node->server->workers, &job)) {
        free(self);
        return false;
    }
    *query = NULL;
    return true;
}

/* ---- appending ------------------------------------------------------------------------------- */

static unsigned store_room(void *ctx)
{
    struct node *node = ctx;

    return (unsigned)store_append_room(node->server->store, node->index);
}

static enum err_code store_turns(void *ctx, const struct store_turn *turns, size_t count,
                                 struct err *err)
{
    struct node *node = ctx;

    return store_append(node->server->store, node->index, turns, count, err);
}

static uint64_t store_settled(void *ctx)
{
    struct node *node = ctx;

    return store_settled_upto(node->server->store);
}

static void store_resume(void *ctx)
{
    struct node *node = ctx;

    store_shard_resume(node->server->store, node->index);
}

const struct chat_store_ops node_store_ops = {
    .room = store_room,
    .append = store_turns,
    .query = store_query,
    .settled_upto = store_settled,
    .resume = store_resume,
};
