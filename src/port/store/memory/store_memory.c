/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing and the commit thread of the memory adapter. Completions come from a thread of
 * their own, in batches and in order per shard, exactly as with a disk. */
#include "store_memory.h"

#include "memory_priv.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct batch {
    struct memory_pending *first;
    size_t n;
};

/* The lock is held. */
static struct batch batch_take(struct memory_store *store)
{
    struct batch batch = { .first = store->first };
    struct memory_pending *at = store->first;
    struct memory_pending *end = NULL;

    for (; at != NULL && batch.n < STORE_BATCH_TURNS_MAX; at = at->next) {
        batch.n++;
        store->pending[at->shard]--;
        end = at;
    }
    if (end != NULL)
        end->next = NULL;
    store->first = at;
    if (at == NULL)
        store->last = &store->first;
    store->busy = batch.n;
    return batch;
}

static void batch_apply(struct memory_store *store, const struct batch *batch)
{
    for (const struct memory_pending *at = batch->first; at != NULL; at = at->next) {
        store->position++;
        store->stats.turns_committed++;
        store->stats.events_committed += at->turn.n_events;
        store->stats.bytes_committed += at->turn.bytes.len;
        if (!memory_turn_apply(store, &at->turn) && store->options.on_quarantine != NULL)
            store->options.on_quarantine(store->options.ctx, at->turn.conv);
    }
    store->stats.batches++;
}

static void batch_complete(struct memory_store *store, struct batch *batch, uint64_t position)
{
    struct store_completion completions[STORE_BATCH_TURNS_MAX];
    struct memory_pending *at = batch->first;

    while (at != NULL) {
        unsigned shard = at->shard;
        size_t n = 0;

        while (at != NULL && at->shard == shard) {
            struct memory_pending *next = at->next;

            completions[n++] = (struct store_completion){ at->turn.ticket, ++position, ERR_OK };
            free(at);
            at = next;
        }
        store->options.on_complete(store->options.ctx, shard, completions, n);
    }
}

static void *commit_run(void *arg)
{
    struct memory_store *store = arg;

    pthread_mutex_lock(&store->lock);
    for (;;) {
        struct batch batch;
        uint64_t position = store->position;

        while (store->first == NULL && !store->stopping)
            pthread_cond_wait(&store->changed, &store->lock);
        if (store->first == NULL)
            break;
        batch = batch_take(store);
        batch_apply(store, &batch);
        pthread_mutex_unlock(&store->lock);
        batch_complete(store, &batch, position);
        pthread_mutex_lock(&store->lock);
        store->busy = 0;
        pthread_cond_broadcast(&store->changed);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

static enum err_code memory_open(const struct store_options *options, struct store **out,
                                 struct err *err)
{
    struct memory_store *store = mem_zalloc(sizeof(*store));

    store->base = (struct store){ options->backend, options->shards };
    store->options = *options;
    store->last = &store->first;
    map_u64_init(&store->convs, MEMORY_CONVS_MAX, 1);
    map_u64_init(&store->visitors, MEMORY_CONVS_MAX, 2);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->changed, NULL);
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

    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    memory_turns_free(store);
    memory_records_free(store);
    for (size_t i = 0; i < store->consumers_n; i++)
        free(store->consumers[i].name);
    free(store->consumers);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->changed);
    free(store);
    *base = NULL;
}

static struct memory_pending *pending_make(unsigned shard, const struct store_turn *turn)
{
    struct memory_pending *pending = mem_alloc(sizeof(*pending) + turn->bytes.len);

    *pending = (struct memory_pending){ .shard = shard, .turn = *turn };
    if (turn->bytes.len != 0)
        memcpy(pending + 1, turn->bytes.ptr, turn->bytes.len);
    pending->turn.bytes.ptr = (const char *)(pending + 1);
    return pending;
}

static enum err_code memory_append(struct store *base, unsigned shard,
                                   const struct store_turn *turns, size_t n, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_pending *first = NULL;
    struct memory_pending **last = &first;

    for (size_t i = 0; i < n; i++) {
        *last = pending_make(shard, &turns[i]);
        last = &(*last)->next;
    }
    pthread_mutex_lock(&store->lock);
    if (store->pending[shard] + n > MEMORY_PENDING_MAX) {
        pthread_mutex_unlock(&store->lock);
        while (first != NULL) {
            struct memory_pending *next = first->next;

            free(first);
            first = next;
        }
        err_set(err, ERR_BUSY, "the store's queue is full");
        if (err != NULL)
            err->retry_after_ms = 100;
        return ERR_BUSY;
    }
    store->pending[shard] += n;
    if (first != NULL) {
        *store->last = first;
        store->last = last;
    }
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

static size_t memory_append_room(struct store *base, unsigned shard)
{
    struct memory_store *store = (struct memory_store *)base;
    size_t room;

    pthread_mutex_lock(&store->lock);
    room = MEMORY_PENDING_MAX - store->pending[shard];
    pthread_mutex_unlock(&store->lock);
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
    struct memory_store *store = (struct memory_store *)base;
    struct timespec until;
    int rc = 0;

    (void)search;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000 + 1;
    pthread_mutex_lock(&store->lock);
    while ((store->first != NULL || store->busy != 0) && rc == 0)
        rc = pthread_cond_timedwait(&store->changed, &store->lock, &until);
    pthread_mutex_unlock(&store->lock);
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
    .visitor_erase = memory_visitor_erase,
    .outbox_subscribe = memory_outbox_subscribe,
    .outbox_read = memory_outbox_read,
    .outbox_advance = memory_outbox_advance,
    .stats = memory_stats,
    .settle_wait = memory_settle_wait,
    .settle_run = memory_settle_run,
    .backup = memory_backup,
};
