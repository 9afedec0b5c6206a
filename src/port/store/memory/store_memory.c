/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing and the commit thread of the memory adapter. Completions come from a thread of
 * their own, in batches and in order per shard, exactly as with a disk. */
#include "store_memory.h"

#include "memory_priv.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

_Static_assert((int)MEMORY_CHUNK_TURNS <= (int)STORE_BATCH_TURNS_MAX, "a batch holds a chunk");

struct batch {
    struct memory_chunk *first;
    size_t turns;
};

/* The queue's lock is held. */
static struct batch batch_take(struct memory_queue *queue)
{
    struct batch batch = { .first = queue->first };
    struct memory_chunk *at = queue->first;
    struct memory_chunk *end = NULL;

    for (; at != NULL && batch.turns + at->n <= STORE_BATCH_TURNS_MAX; at = at->next) {
        batch.turns += at->n;
        queue->pending[at->shard] -= at->n;
        end = at;
    }
    if (end != NULL)
        end->next = NULL;
    queue->first = at;
    if (at == NULL)
        queue->last = &queue->first;
    queue->busy = batch.turns;
    return batch;
}

static void turn_apply(struct memory_store *store, const struct store_turn *turn)
{
    store->position++;
    store->stats.turns_committed++;
    store->stats.events_committed += turn->n_events;
    store->stats.bytes_committed += turn->bytes.len;
    if (!memory_turn_apply(store, turn) && store->options.on_quarantine != NULL)
        store->options.on_quarantine(store->options.ctx, turn->conv);
}

static void batch_apply(struct memory_store *store, const struct batch *batch)
{
    pthread_mutex_lock(&store->lock);
    for (const struct memory_chunk *at = batch->first; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->n; i++)
            turn_apply(store, &at->turns[i]);
    }
    store->stats.batches++;
    pthread_mutex_unlock(&store->lock);
}

static void batch_complete(struct memory_store *store, struct batch *batch, uint64_t position)
{
    struct store_completion completions[STORE_BATCH_TURNS_MAX];
    struct memory_chunk *at = batch->first;

    while (at != NULL) {
        unsigned shard = at->shard;
        size_t n = 0;

        while (at != NULL && at->shard == shard) {
            struct memory_chunk *next = at->next;

            for (size_t i = 0; i < at->n; i++)
                completions[n++] =
                    (struct store_completion){ at->turns[i].ticket, ++position, ERR_OK };
            free(at);
            at = next;
        }
        store->options.on_complete(store->options.ctx, shard, completions, n);
    }
}

/* False: there is nothing and will be nothing. */
static bool batch_wait(struct memory_queue *queue, struct batch *batch)
{
    pthread_mutex_lock(&queue->lock);
    queue->busy = 0;
    if (queue->waiters > 0)
        pthread_cond_broadcast(&queue->settled);
    queue->asleep = true;
    while (queue->first == NULL && !queue->stopping)
        pthread_cond_wait(&queue->filled, &queue->lock);
    queue->asleep = false;
    *batch = batch_take(queue);
    pthread_mutex_unlock(&queue->lock);
    return batch->turns > 0;
}

static void *commit_run(void *arg)
{
    struct memory_store *store = arg;
    struct batch batch;

    while (batch_wait(&store->queue, &batch)) {
        uint64_t position = store->position; /* which nobody else changes */

        batch_apply(store, &batch);
        batch_complete(store, &batch, position);
    }
    return NULL;
}

static void queue_init(struct memory_queue *queue)
{
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->filled, NULL);
    pthread_cond_init(&queue->settled, NULL);
}

static void queue_fini(struct memory_queue *queue)
{
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->filled);
    pthread_cond_destroy(&queue->settled);
}

static enum err_code memory_open(const struct store_options *options, struct store **out,
                                 struct err *err)
{
    struct memory_store *store = mem_zalloc(sizeof(*store));

    store->base = (struct store){ options->backend, options->shards };
    store->options = *options;
    queue_init(&store->queue);
    map_u64_init(&store->convs, MEMORY_CONVS_MAX, 1);
    map_u64_init(&store->visitors, MEMORY_CONVS_MAX, 2);
    pthread_mutex_init(&store->lock, NULL);
    if (pthread_create(&store->thread, NULL, commit_run, store) != 0) {
        free(store);
        return err_set(err, ERR_IO, "cannot start the commit thread");
    }
    *out = &store->base;
    return ERR_OK;
}

static void memory_close(struct store **base)
{
    struct memory_store *store = (struct memory_store *)*base;

    pthread_mutex_lock(&store->queue.lock);
    store->queue.stopping = true;
    pthread_cond_signal(&store->queue.filled);
    pthread_mutex_unlock(&store->queue.lock);
    pthread_join(store->thread, NULL);
    memory_turns_free(store);
    memory_records_free(store);
    for (size_t i = 0; i < store->consumers_n; i++)
        free(store->consumers[i].name);
    free(store->consumers);
    pthread_mutex_destroy(&store->lock);
    queue_fini(&store->queue);
    free(store);
    *base = NULL;
}

/* One block for many turns: an allocation each would cost more than all the rest. */
static struct memory_chunk *chunk_make(unsigned shard, const struct store_turn *turns, size_t n)
{
    struct memory_chunk *chunk;
    size_t bytes = 0;
    char *at;

    for (size_t i = 0; i < n; i++)
        bytes += turns[i].bytes.len;
    chunk = mem_alloc(sizeof(*chunk) + n * sizeof(*turns) + bytes);
    chunk->next = NULL;
    chunk->shard = shard;
    chunk->n = n;
    at = (char *)(chunk->turns + n);
    for (size_t i = 0; i < n; i++) {
        chunk->turns[i] = turns[i];
        chunk->turns[i].bytes.ptr = at;
        if (turns[i].bytes.len != 0)
            memcpy(at, turns[i].bytes.ptr, turns[i].bytes.len);
        at += turns[i].bytes.len;
    }
    return chunk;
}

static void chunks_free(struct memory_chunk *chunk)
{
    while (chunk != NULL) {
        struct memory_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

static bool queue_add(struct memory_queue *queue, unsigned shard, struct memory_chunk *first,
                      struct memory_chunk **last, size_t n)
{
    bool ok;

    pthread_mutex_lock(&queue->lock);
    ok = queue->pending[shard] + n <= MEMORY_PENDING_MAX;
    if (ok && first != NULL) {
        queue->pending[shard] += n;
        *queue->last = first;
        queue->last = last;
        if (queue->asleep)
            pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return ok;
}

static enum err_code memory_append(struct store *base, unsigned shard,
                                   const struct store_turn *turns, size_t n, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_chunk *first = NULL;
    struct memory_chunk **last = &first;

    for (size_t i = 0; i < n; i += MEMORY_CHUNK_TURNS) {
        *last =
            chunk_make(shard, turns + i, n - i < MEMORY_CHUNK_TURNS ? n - i : MEMORY_CHUNK_TURNS);
        last = &(*last)->next;
    }
    if (queue_add(&store->queue, shard, first, last, n))
        return ERR_OK;
    chunks_free(first);
    err_set(err, ERR_BUSY, "the store's queue is full");
    if (err != NULL)
        err->retry_after_ms = 100;
    return ERR_BUSY;
}

static size_t memory_append_room(struct store *base, unsigned shard)
{
    struct memory_queue *queue = &((struct memory_store *)base)->queue;
    size_t room;

    pthread_mutex_lock(&queue->lock);
    room = MEMORY_PENDING_MAX - queue->pending[shard];
    pthread_mutex_unlock(&queue->lock);
    return room;
}

static void memory_shard_resume(struct store *base, unsigned shard)
{
    (void)base, (void)shard; /* nothing fails here */
}

static uint64_t memory_settled_upto(struct store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    uint64_t position;

    pthread_mutex_lock(&store->lock);
    position = store->position + 1;
    pthread_mutex_unlock(&store->lock);
    return position;
}

static bool memory_writable(struct store *base)
{
    (void)base;
    return true;
}

static enum err_code memory_visitor_erase(struct store *base, uint64_t visitor, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;

    (void)err;
    pthread_mutex_lock(&store->lock);
    memory_visitor_blank(store, visitor);
    memory_attachments_erase(store, visitor);
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

static void memory_stats(struct store *base, struct store_stats *out)
{
    struct memory_store *store = (struct memory_store *)base;

    pthread_mutex_lock(&store->lock);
    *out = store->stats;
    pthread_mutex_unlock(&store->lock);
    if (out->batches != 0)
        out->mean_batch = (double)out->turns_committed / (double)out->batches;
    out->writable = true;
}

static enum err_code memory_settle_wait(struct store *base, int timeout_ms, bool search,
                                        struct err *err)
{
    struct memory_queue *queue = &((struct memory_store *)base)->queue;
    struct timespec until;
    int rc = 0;

    (void)search;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000 + 1;
    pthread_mutex_lock(&queue->lock);
    queue->waiters++;
    while ((queue->first != NULL || queue->busy != 0) && rc == 0)
        rc = pthread_cond_timedwait(&queue->settled, &queue->lock, &until);
    queue->waiters--;
    pthread_mutex_unlock(&queue->lock);
    return rc == 0 ? ERR_OK : err_set(err, ERR_TIMEOUT, "not settled within %d ms", timeout_ms);
}

static enum err_code memory_settle_run(struct store *base, struct err *err)
{
    return memory_settle_wait(base, 10000, false, err);
}

static enum err_code memory_backup(struct store *base, const char *file, bool with_key,
                                   struct err *err)
{
    (void)base, (void)file, (void)with_key;
    return err_set(err, ERR_UNSUPPORTED, "the memory store cannot be backed up");
}

const struct store_backend store_memory_backend = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .append = memory_append,
    .append_room = memory_append_room,
    .shard_resume = memory_shard_resume,
    .settled_upto = memory_settled_upto,
    .writable = memory_writable,
    .thread_read = memory_thread_read,
    .conv_load = memory_conv_load,
    .client_id_find = memory_client_id_find,
    .conv_by_start = memory_conv_by_start,
    .visitor_open_conv = memory_visitor_open_conv,
    .visitor_load = memory_visitor_load,
    .conv_list = memory_conv_list,
    .conv_open_list = memory_conv_open_list,
    .conv_due_list = memory_conv_due_list,
    .visitor_list = memory_visitor_list,
    .trace_load = memory_trace_load,
    .search = memory_search,
    .admin_run = memory_admin_run,
    .record_get = memory_record_get,
    .record_by_lookup = memory_record_by_lookup,
    .record_list = memory_record_list,
    .record_expire = memory_record_expire,
    .record_trim = memory_record_trim,
    .visitor_erase = memory_visitor_erase,
    .outbox_subscribe = memory_outbox_subscribe,
    .outbox_read = memory_outbox_read,
    .outbox_advance = memory_outbox_advance,
    .stats = memory_stats,
    .settle_wait = memory_settle_wait,
    .settle_run = memory_settle_run,
    .backup = memory_backup,
};
