/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and the outbox of the memory adapter. Lists scan and sort: fine for tests. */
#include "memory_priv.h"

#include "mem.h"
#include "store_words.h"

#include <stdlib.h>

#define FULL(err) err_set((err), ERR_TOO_BIG, "the answer does not fit the arena")

struct slice arena_slice(struct arena *arena, struct slice bytes)
{
    char *copy = arena_alloc(arena, bytes.len + 1);

    if (copy == NULL)
        return SLICE_EMPTY;
    if (bytes.len != 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    return slice_make(copy, bytes.len);
}

static struct slice blob_slice(struct blob blob)
{
    return slice_make(blob.ptr, blob.len);
}

static struct memory_store *lock(struct store *base)
{
    struct memory_store *store = (struct memory_store *)base;

    pthread_mutex_lock(&store->lock);
    return store;
}

static enum err_code unlock(struct memory_store *store, enum err_code rc)
{
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static bool event_copy(const struct memory_event *event, struct arena *arena,
                       struct store_event *out)
{
    *out = (struct store_event){
        .seq = event->seq,
        .prev_public_seq = event->prev_seq,
        .kind = event->kind,
        .internal = event->internal,
        .erased = event->erased,
        .has_client_id = event->has_client_id,
        .client_hash = event->client_hash,
        .created_at = event->created_at,
        .event = arena_slice(arena, blob_slice(event->bytes)),
    };
    memcpy(out->client_id, event->client_id, STORE_CLIENT_ID_BYTES);
    return out->event.ptr != NULL;
}

static bool event_wanted(const struct memory_event *event, const struct store_thread_query *query)
{
    return event->seq >= query->from_seq && (query->to_seq == 0 || event->seq <= query->to_seq) &&
           !(query->public_only && event->internal);
}

static enum err_code thread_collect(const struct memory_conv *conv,
                                    const struct store_thread_query *query, struct arena *arena,
                                    struct store_thread *out, struct err *err)
{
    const struct memory_event *events[STORE_THREAD_MAX];

    for (size_t i = 0; i < conv->events_n; i++) {
        size_t at = query->newest ? conv->events_n - 1 - i : i;

        if (!event_wanted(&conv->events[at], query))
            continue;
        if (out->n == query->limit) {
            out->more = true;
            break;
        }
        events[out->n++] = &conv->events[at];
    }
    out->events = arena_alloc(arena, (out->n + 1) * sizeof(*out->events));
    if (out->events == NULL)
        return FULL(err);
    for (size_t i = 0; i < out->n; i++) {
        if (!event_copy(events[query->newest ? out->n - 1 - i : i], arena, &out->events[i]))
            return FULL(err);
    }
    return ERR_OK;
}

enum err_code memory_thread_read(struct store *base, const struct store_thread_query *query,
                                 struct arena *arena, struct store_thread *out,
                                 enum store_read *state, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_conv *conv = map_u64_get(&store->convs, query->conv);

    *state = STORE_READ_DONE;
    if (conv == NULL)
        return unlock(store, ERR_OK);
    return unlock(store, thread_collect(conv, query, arena, out, err));
}

static struct store_client_id client_id_of(const struct memory_event *event)
{
    struct store_client_id out = { .seq = event->seq,
                                   .created_at = event->created_at,
                                   .client_hash = event->client_hash };

    memcpy(out.id, event->client_id, STORE_CLIENT_ID_BYTES);
    return out;
}

/* Keeps the largest ids, descending. */
static void client_id_keep(struct store_conv *out, const struct memory_event *event)
{
    size_t at = 0;

    while (at < out->client_ids_n &&
           memcmp(out->client_ids[at].id, event->client_id, STORE_CLIENT_ID_BYTES) > 0)
        at++;
    if (out->client_ids_n == STORE_CLIENT_IDS)
        out->client_ids_all = false;
    if (at == STORE_CLIENT_IDS)
        return;
    if (out->client_ids_n < STORE_CLIENT_IDS)
        out->client_ids_n++;
    memmove(&out->client_ids[at + 1], &out->client_ids[at],
            (out->client_ids_n - 1 - at) * sizeof(out->client_ids[0]));
    out->client_ids[at] = client_id_of(event);
}

enum err_code memory_conv_load(struct store *base, uint64_t id, struct arena *arena,
                               struct store_conv *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_conv *conv = map_u64_get(&store->convs, id);

    if (conv == NULL)
        return unlock(store, ERR_OK);
    out->found = true;
    out->quarantined = conv->quarantined;
    out->client_ids_all = true;
    for (size_t i = 0; i < conv->events_n; i++) {
        if (conv->events[i].has_client_id)
            client_id_keep(out, &conv->events[i]);
    }
    out->header = arena_slice(arena, blob_slice(conv->header));
    out->marks_n = conv->marks_n;
    out->marks = arena_alloc(arena, (conv->marks_n + 1) * sizeof(*out->marks));
    if (out->header.ptr == NULL || out->marks == NULL)
        return unlock(store, FULL(err));
    if (conv->marks_n != 0)
        memcpy(out->marks, conv->marks, conv->marks_n * sizeof(*out->marks));
    return unlock(store, ERR_OK);
}

enum err_code memory_client_id_find(struct store *base, uint64_t id, const uint8_t *client_id,
                                    const struct store_overlay *overlay, size_t overlay_n,
                                    bool *found, struct store_client_id *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_conv *conv = map_u64_get(&store->convs, id);

    (void)overlay, (void)overlay_n, (void)err; /* a committed turn is in the tables at once */
    for (size_t i = 0; conv != NULL && i < conv->events_n; i++) {
        const struct memory_event *event = &conv->events[i];

        if (event->has_client_id &&
            memcmp(event->client_id, client_id, STORE_CLIENT_ID_BYTES) == 0) {
            *found = true;
            *out = client_id_of(event);
        }
    }
    return unlock(store, ERR_OK);
}

enum err_code memory_conv_by_start(struct store *base, uint64_t visitor_id,
                                   const uint8_t *client_id, uint64_t *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_visitor *visitor = map_u64_get(&store->visitors, visitor_id);

    (void)err;
    for (size_t i = 0; visitor != NULL && i < visitor->convs_n; i++) {
        struct memory_conv *conv = map_u64_get(&store->convs, visitor->convs[i]);

        if (conv->has_start && memcmp(conv->start_client_id, client_id, STORE_CLIENT_ID_BYTES) == 0)
            *out = conv->id;
    }
    return unlock(store, ERR_OK);
}

enum err_code memory_visitor_open_conv(struct store *base, uint64_t visitor_id, uint64_t site,
                                       uint64_t *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_visitor *visitor = map_u64_get(&store->visitors, visitor_id);

    (void)err;
    for (size_t i = 0; visitor != NULL && i < visitor->convs_n; i++) {
        struct memory_conv *conv = map_u64_get(&store->convs, visitor->convs[i]);

        if (conv->site == site && conv->state != CONV_STATE_CLOSED && conv->id > *out)
            *out = conv->id;
    }
    return unlock(store, ERR_OK);
}

enum err_code memory_visitor_load(struct store *base, uint64_t id, struct arena *arena,
                                  struct slice *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_visitor *visitor = map_u64_get(&store->visitors, id);

    if (visitor == NULL || visitor->bytes.ptr == NULL)
        return unlock(store, ERR_OK);
    *out = arena_slice(arena, blob_slice(visitor->bytes));
    return unlock(store, out->ptr != NULL ? ERR_OK : FULL(err));
}

/* ---- lists: collect, sort by (key, id), cut ---- */

struct item {
    int64_t key;
    uint64_t id;
    struct blob bytes;
};
struct items {
    struct item *items;
    size_t n;
    size_t cap;
};

static void items_add(struct items *items, int64_t key, uint64_t id, struct blob bytes)
{
    memory_grow(&items->items, &items->cap, items->n, sizeof(*items->items));
    items->items[items->n++] = (struct item){ key, id, bytes };
}

static int item_compare(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static enum err_code items_page(struct items *items, bool descending, unsigned limit,
                                struct arena *arena, struct store_page *out, struct err *err)
{
    enum err_code rc = ERR_OK;

    if (items->n != 0)
        qsort(items->items, items->n, sizeof(*items->items), item_compare);
    out->n = items->n < limit ? items->n : limit;
    out->more = items->n > limit;
    out->items = arena_alloc(arena, (out->n + 1) * sizeof(*out->items));
    if (out->items == NULL)
        rc = FULL(err);
    for (size_t i = 0; rc == ERR_OK && i < out->n; i++) {
        const struct item *item = &items->items[descending ? items->n - 1 - i : i];

        out->items[i] = arena_slice(arena, blob_slice(item->bytes));
        if (out->items[i].ptr == NULL)
            rc = FULL(err);
    }
    free(items->items);
    return rc;
}

static bool conv_wanted(const struct memory_conv *conv, const struct store_conv_filter *filter)
{
    if (conv->header.ptr == NULL || conv->workspace != filter->workspace)
        return false;
    if ((filter->site != 0 && conv->site != filter->site) ||
        (filter->agent != 0 && conv->agent != filter->agent) ||
        (filter->visitor != 0 && conv->visitor != filter->visitor) ||
        (filter->states != 0 && (filter->states >> conv->state & 1) == 0))
        return false;
    if (filter->before_updated == 0 && filter->before_conv == 0)
        return true;
    return conv->updated_at < filter->before_updated ||
           (conv->updated_at == filter->before_updated && conv->id < filter->before_conv);
}

enum err_code memory_conv_list(struct store *base, const struct store_conv_filter *filter,
                               struct arena *arena, struct store_page *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct items items = { 0 };
    struct memory_conv *conv;
    size_t cursor = 0;

    while ((conv = map_u64_next(&store->convs, &cursor, NULL)) != NULL) {
        if (conv_wanted(conv, filter))
            items_add(&items, conv->updated_at, conv->id, conv->header);
    }
    return unlock(store, items_page(&items, true, filter->limit, arena, out, err));
}

enum err_code memory_conv_open_list(struct store *base, uint64_t after, unsigned limit,
                                    struct arena *arena, struct store_page *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct items items = { 0 };
    struct memory_conv *conv;
    size_t cursor = 0;

    while ((conv = map_u64_next(&store->convs, &cursor, NULL)) != NULL) {
        if (conv->header.ptr != NULL && conv->state != CONV_STATE_CLOSED && conv->id > after)
            items_add(&items, 0, conv->id, conv->header);
    }
    return unlock(store, items_page(&items, false, limit, arena, out, err));
}

enum err_code memory_conv_due_list(struct store *base, int64_t due, int64_t after_due,
                                   uint64_t after, unsigned limit, struct arena *arena,
                                   struct store_page *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct items items = { 0 };
    struct memory_conv *conv;
    size_t cursor = 0;

    while ((conv = map_u64_next(&store->convs, &cursor, NULL)) != NULL) {
        bool later = conv->due_at > after_due || (conv->due_at == after_due && conv->id > after);

        if (conv->due_at > 0 && conv->due_at <= due && later)
            items_add(&items, conv->due_at, conv->id, conv->header);
    }
    return unlock(store, items_page(&items, false, limit, arena, out, err));
}

enum err_code memory_visitor_list(struct store *base, uint64_t workspace, uint64_t before,
                                  unsigned limit, struct arena *arena, struct store_page *out,
                                  struct err *err)
{
    struct memory_store *store = lock(base);
    struct items items = { 0 };
    struct memory_visitor *visitor;
    size_t cursor = 0;

    while ((visitor = map_u64_next(&store->visitors, &cursor, NULL)) != NULL) {
        if (visitor->bytes.ptr != NULL && visitor->workspace == workspace &&
            (before == 0 || visitor->id < before))
            items_add(&items, 0, visitor->id, visitor->bytes);
    }
    return unlock(store, items_page(&items, true, limit, arena, out, err));
}

enum err_code memory_trace_load(struct store *base, uint64_t id, uint32_t seq, struct arena *arena,
                                struct slice *out, struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_conv *conv = map_u64_get(&store->convs, id);

    for (size_t i = 0; conv != NULL && i < conv->traces_n; i++) {
        if (conv->traces[i].seq != seq)
            continue;
        *out = arena_slice(arena, blob_slice(conv->traces[i].bytes));
        return unlock(store, out->ptr != NULL ? ERR_OK : FULL(err));
    }
    return unlock(store, ERR_OK);
}

/* ---- search and outbox ---- */

static bool hit_make(const struct memory_row *row, size_t number,
                     const struct store_search_query *query, struct store_hit *out)
{
    const struct memory_event *event = &row->conv->events[row->seq - 1];
    struct turn_event view;

    if (row->conv->workspace != query->workspace || (query->public_only && event->internal) ||
        turn_event_parse(blob_slice(event->bytes), &view, NULL) != ERR_OK || view.text.len == 0 ||
        !words_match(view.text, query->text))
        return false;
    *out = (struct store_hit){
        .row = number + 1,
        .conv = row->conv->id,
        .seq = event->kind == EVENT_KIND_EDIT ? event->target_seq : event->seq,
        .internal = event->internal,
        .created_at = event->created_at,
        .text = view.text,
    };
    return true;
}

enum err_code memory_search(struct store *base, const struct store_search_query *query,
                            struct arena *arena, struct store_hits *out, struct err *err)
{
    struct memory_store *store = lock(base);
    size_t below = store->rows_n;

    out->items = arena_alloc(arena, query->limit * sizeof(*out->items));
    if (out->items == NULL)
        return unlock(store, FULL(err));
    if (query->before_row != 0 && query->before_row - 1 < below)
        below = (size_t)query->before_row - 1;
    for (size_t i = below; i-- > 0;) {
        struct store_hit hit;

        if (!hit_make(&store->rows[i], i, query, &hit))
            continue;
        if (out->n == query->limit) {
            out->more = true;
            break;
        }
        hit.text = arena_slice(arena, hit.text);
        if (hit.text.ptr == NULL)
            return unlock(store, FULL(err));
        out->items[out->n++] = hit;
    }
    return unlock(store, ERR_OK);
}

static struct memory_consumer *consumer_find(struct memory_store *store, const char *name)
{
    for (size_t i = 0; i < store->consumers_n; i++) {
        if (strcmp(store->consumers[i].name, name) == 0)
            return &store->consumers[i];
    }
    return NULL;
}

enum err_code memory_outbox_subscribe(struct store *base, const char *name, struct err *err)
{
    struct memory_store *store = lock(base);

    (void)err;
    if (consumer_find(store, name) != NULL)
        return unlock(store, ERR_OK);
    memory_grow(&store->consumers, &store->consumers_cap, store->consumers_n,
                sizeof(*store->consumers));
    store->consumers[store->consumers_n++] =
        (struct memory_consumer){ mem_strndup(name, strlen(name)), store->rows_n };
    return unlock(store, ERR_OK);
}

enum err_code memory_outbox_read(struct store *base, const char *name, unsigned limit,
                                 struct arena *arena, struct store_outbox_row **rows, size_t *n,
                                 struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_consumer *consumer = consumer_find(store, name);

    if (consumer == NULL)
        return unlock(store, err_set(err, ERR_NOT_FOUND, "no such outbox consumer"));
    *rows = arena_alloc(arena, limit * sizeof(**rows));
    if (*rows == NULL)
        return unlock(store, FULL(err));
    for (size_t i = consumer->upto; i < store->rows_n && *n < limit; i++) {
        const struct memory_row *row = &store->rows[i];
        const struct memory_event *event = &row->conv->events[row->seq - 1];
        struct store_outbox_row *out = &(*rows)[(*n)++];

        *out = (struct store_outbox_row){ i + 1, row->conv->workspace, row->conv->id, row->seq,
                                          SLICE_EMPTY };
        if (event->erased)
            continue;
        out->event = arena_slice(arena, blob_slice(event->bytes));
        if (out->event.ptr == NULL)
            return unlock(store, FULL(err));
    }
    return unlock(store, ERR_OK);
}

enum err_code memory_outbox_advance(struct store *base, const char *name, uint64_t id,
                                    struct err *err)
{
    struct memory_store *store = lock(base);
    struct memory_consumer *consumer = consumer_find(store, name);

    if (consumer == NULL)
        return unlock(store, err_set(err, ERR_NOT_FOUND, "no such outbox consumer"));
    if (id > consumer->upto && id <= store->rows_n)
        consumer->upto = id;
    return unlock(store, ERR_OK);
}
