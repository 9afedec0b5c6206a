/* SPDX-License-Identifier: Apache-2.0 */
/* The directory (sites, agents, bots, routing, flows) is immutable. A change of the store makes
 * shard 0 load another one on a worker and hand it to every shard; each takes it within a message,
 * and its desks with it.
 *
 *   changed ──▶ shard 0: load (one at a time) ──▶ every shard takes it ──▶ shard 0: all have it
 *
 * A load that failed is tried again later, since the change behind it would be lost otherwise.
 * Who must not answer before that (a published routing configuration) waits for it here: for the
 * first load that began after its change was stored. */
#include "serve_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"

/* ---- the old one ----------------------------------------------------------------------------- */

struct directory_msg {
    struct shard_msg head;
    struct directory *directory;
};

static void directory_release_run(struct shard_msg *head, struct shard *shard)
{
    struct directory_msg *msg = CONTAINER_OF(head, struct directory_msg, head);

    (void)shard;
    directory_release(&msg->directory);
    free(msg);
}

/* Holders are counted on shard 0: no two threads touch the number. */
static void directory_give(struct node *node, struct directory *directory)
{
    struct directory_msg *msg = mem_zalloc(sizeof(*msg));
    struct shard_msg *head = &msg->head;

    msg->head.run = directory_release_run;
    msg->directory = directory;
    shard_post_reserved(node_shard(node, 0), &head);
}

/* ---- who waits ------------------------------------------------------------------------------- */

/* On its way to shard 0, in the list there, on its way back. Each is an open HTTP request. */
struct reload_wait {
    struct shard_msg head;
    struct reload_wait *next;
    uint32_t from;
    uint64_t load; /* which load has what it waits for */
    bool taken;
    void (*done)(struct node *node, void *ctx, bool taken);
    void *ctx;
};

static void wait_done_run(struct shard_msg *head, struct shard *shard)
{
    struct reload_wait *wait = CONTAINER_OF(head, struct reload_wait, head);

    wait->done(node_of(shard), wait->ctx, wait->taken);
    free(wait);
}

/* On shard 0: load number so is with all shards, or could not be made. */
static void waits_end(struct node *node, uint64_t load, bool taken)
{
    struct reload_wait **at = &node->reload_waits;

    while (*at != NULL) {
        struct reload_wait *wait = *at;
        struct shard_msg *head = &wait->head;

        if (wait->load > load) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        wait->taken = taken;
        head->run = wait_done_run;
        shard_post_reserved(node_shard(node, wait->from), &head);
    }
}

void node_reload_fini(struct node *node)
{
    while (node->reload_waits != NULL) {
        struct reload_wait *wait = node->reload_waits;

        node->reload_waits = wait->next;
        wait->done(NULL, wait->ctx, false);
        free(wait);
    }
}

/* ---- a new one ------------------------------------------------------------------------------- */

static bool workspace_known(const struct directory *directory, struct workspace_id workspace)
{
    for (size_t i = 0; directory != NULL && i < directory->workspace_count; i++) {
        if (directory->workspaces[i].id.v == workspace.v)
            return true;
    }
    return false;
}

void node_directory_take(struct node *node, struct directory *directory)
{
    struct directory *old = node->directory;

    node->directory = directory;
    node_desk_sync(node);
    for (size_t i = 0; node->started && i < directory->workspace_count; i++) {
        if (!workspace_known(old, directory->workspaces[i].id))
            node_desk_started_one(node, directory->workspaces[i].id);
    }
    if (old != NULL)
        directory_give(node, old);
}

/* On shard 0: the load is over, one way or the other. */
static void load_end(struct node *node, bool taken)
{
    reload_end(&node->reload, taken, loop_now_ms(node->loop));
    waits_end(node, node->load_number, taken);
    node_reload_tick(node);
}

static void taken_run(struct shard_msg *head, struct shard *shard)
{
    struct node *node = node_of(shard);

    free(CONTAINER_OF(head, struct directory_msg, head));
    if (++node->reload_takers < node->server->shards)
        return;
    node->reload_takers = 0;
    load_end(node, true);
}

static void hand_run(struct shard_msg *head, struct shard *shard)
{
    struct directory_msg *msg = CONTAINER_OF(head, struct directory_msg, head);
    struct node *node = node_of(shard);

    node_directory_take(node, msg->directory);
    head->run = taken_run;
    shard_post_reserved(node_shard(node, 0), &head);
}

static void directory_hand(struct node *node, struct directory *directory)
{
    directory_hold(directory, node->server->shards);
    for (uint32_t i = 0; i < node->server->shards; i++) {
        struct directory_msg *msg = mem_zalloc(sizeof(*msg));
        struct shard_msg *head = &msg->head;

        msg->head.run = hand_run;
        msg->directory = directory;
        shard_post_reserved(node_shard(node, i), &head);
    }
}

struct load_job {
    struct worker_job job;
    struct directory_source source;
    struct directory *before; /* this load holds it */
    struct directory *directory;
};

static void load_run(struct worker_job *job)
{
    struct load_job *self = CONTAINER_OF(job, struct load_job, job);
    struct err err = { 0 };

    if (directory_load(&self->source, &self->directory, &err) != ERR_OK)
        LOG_ERROR("directory_not_loaded", KV_ERR(&err), KV_TEXT("field", err.field));
    mem_heap_rest(NULL, NULL);
}

static void load_done(struct worker_job *job, struct shard *shard)
{
    struct load_job *self = CONTAINER_OF(job, struct load_job, job);
    struct node *node = node_of(shard);

    if (self->directory != NULL)
        directory_hand(node, self->directory);
    else
        load_end(node, false);
    directory_release(&self->before);
    free(self);
}

/* On shard 0: one load at a time, until all have it, and one more for what changed meanwhile. */
static void load_start(struct node *node)
{
    struct load_job *self = mem_zalloc(sizeof(*self));
    struct worker_job *job = &self->job;

    self->job.run = load_run;
    self->job.done = load_done;
    self->before = node->directory;
    self->before->holders++;
    self->source = (struct directory_source){ .store = node->server->store,
                                              .models = node->server->models,
                                              .now_ms = clock_wall_ms(&clock_system),
                                              .before = self->before };
    reload_begin(&node->reload);
    if (worker_submit(node->server->workers, &job)) {
        node->load_number++;
        return;
    }
    directory_release(&self->before);
    free(self);
    reload_undo(&node->reload); /* the tick tries again */
}

void node_reload_tick(struct node *node)
{
    if (reload_due(&node->reload, loop_now_ms(node->loop)))
        load_start(node);
}

static void reload_run(struct shard_msg *head, struct shard *shard)
{
    struct node *node = node_of(shard);
    struct reload_wait *wait = CONTAINER_OF(head, struct reload_wait, head);

    if (wait->done != NULL) {
        wait->load = node->load_number + 1; /* one that runs already may have read before */
        wait->next = node->reload_waits;
        node->reload_waits = wait;
    } else {
        free(wait);
    }
    reload_want(&node->reload);
    node_reload_tick(node);
}

void node_reload_wait(struct node *node, void (*done)(struct node *node, void *ctx, bool taken),
                      void *ctx)
{
    struct reload_wait *wait = mem_zalloc(sizeof(*wait));
    struct shard_msg *head = &wait->head;

    wait->head.run = reload_run;
    wait->from = node->index;
    wait->done = done;
    wait->ctx = ctx;
    shard_post_reserved(node_shard(node, 0), &head);
}

void node_reload(struct node *node)
{
    node_reload_wait(node, NULL, NULL);
}
