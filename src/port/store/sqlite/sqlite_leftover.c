/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash left unsettled, when it is so much that settling it would keep people waiting: up to
 * a million turns, five seconds. Then at start only the newest header of each conversation and the
 * newest profile of each visitor go into the tables, ahead of their events; so look-ups by visitor,
 * lists and deadlines are exact. The events stay in the journal and are settled behind, in order;
 * but a conversation that somebody asks for is settled first, with its neighbours. Settling meets
 * those turns again later and knows them as any replay: same seq, same first checksum. */
#include "sqlite_settle_priv.h"

#include "log.h"
#include "mem.h"

enum { LEFTOVER_RUN = 4096 }; /* turns settled with the conversation that was asked for: 20 ms */

void leftovers_init(struct sqlite_store *store)
{
    pthread_mutex_init(&store->leftovers.lock, NULL);
}

static void items_free(struct leftovers *left)
{
    for (size_t i = 0; i < left->views_n; i++)
        journal_view_close(&left->views[i]);
    free(left->views);
    free(left->items);
    left->views = NULL;
    left->items = NULL;
    left->views_n = left->n = 0;
}

void leftovers_fini(struct sqlite_store *store)
{
    items_free(&store->leftovers);
    pthread_mutex_destroy(&store->leftovers.lock);
}

enum err_code leftovers_take(struct sqlite_store *store, uint64_t upto, struct err *err)
{
    struct leftovers *left = &store->leftovers;
    struct settle *settle = store->writer.settle;
    enum err_code rc = settle_collect(settle, upto, SIZE_MAX, err);

    if (rc == ERR_OK)
        rc = settle_headers(settle, err);
    if (rc != ERR_OK) {
        settle_views_close(settle);
        return rc;
    }
    *left = (struct leftovers){ .lock = left->lock,
                                .end = upto,
                                .items = settle->items,
                                .n = settle->items_n,
                                .views = settle->views,
                                .views_n = settle->views_n };
    settle->items = NULL;
    settle->views = NULL;
    settle->items_n = settle->items_cap = settle->views_n = settle->views_cap = 0;
    atomic_store(&left->active, true);
    LOG_INFO("journal_settles_behind", KV_U64("turns", left->n));
    return ERR_OK;
}

/* The conversation's items that nobody has settled yet; NULL: none. The lock is held. */
static struct settle_item *items_find(struct leftovers *left, uint64_t conv, size_t *n)
{
    size_t low = 0;
    size_t high = left->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (left->items[middle].conv < conv)
            low = middle + 1;
        else
            high = middle;
    }
    *n = 0;
    while (low + *n < left->n && left->items[low + *n].conv == conv)
        ++*n;
    return *n != 0 && left->items[low].record != NULL ? &left->items[low] : NULL;
}

static bool has_items(struct leftovers *left, uint64_t conv)
{
    size_t n;
    bool found;

    pthread_mutex_lock(&left->lock);
    found = items_find(left, conv, &n) != NULL;
    pthread_mutex_unlock(&left->lock);
    return found;
}

/* A run of conversations from this one on, up to LEFTOVER_RUN turns and up to one that is settled:
 * who asks for many asks in order, and a transaction costs a sync. */
static size_t run_length(const struct leftovers *left, const struct settle_item *first)
{
    size_t from = (size_t)(first - left->items);
    size_t to = from;

    while (to < left->n && left->items[to].record != NULL && to - from < LEFTOVER_RUN) {
        uint64_t conv = left->items[to].conv;

        while (to < left->n && left->items[to].conv == conv)
            to++;
    }
    return to - from;
}

/* The lock is held. */
static void run_mark(struct settle_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || items[i].conv != items[i - 1].conv)
            items[i].record = NULL;
    }
}

enum err_code leftovers_settle(struct sqlite_store *store, uint64_t conv, struct err *err)
{
    struct leftovers *left = &store->leftovers;
    struct settle_item *items;
    enum err_code rc = ERR_OK;
    size_t n;

    if (!atomic_load_explicit(&left->active, memory_order_acquire) || !has_items(left, conv))
        return ERR_OK;
    writer_acquire(store);
    pthread_mutex_lock(&left->lock);
    items = items_find(left, conv, &n); /* another may have been faster */
    pthread_mutex_unlock(&left->lock);
    if (items != NULL && items[n - 1].position >= settle_position(store->writer.settle)) {
        n = run_length(left, items);
        rc = settle_items(store->writer.settle, items, n, err);
    }
    if (items != NULL && rc == ERR_OK) {
        pthread_mutex_lock(&left->lock);
        run_mark(items, n);
        pthread_mutex_unlock(&left->lock);
    }
    writer_release(store);
    return rc;
}

void leftovers_drop(struct sqlite_store *store)
{
    struct leftovers *left = &store->leftovers;

    if (!atomic_load_explicit(&left->active, memory_order_relaxed) ||
        settle_position(store->writer.settle) < left->end)
        return;
    pthread_mutex_lock(&left->lock);
    atomic_store_explicit(&left->active, false, memory_order_release);
    items_free(left);
    pthread_mutex_unlock(&left->lock);
}
