/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the memory adapter: one array by id per kind. A transaction works on copies of the
 * arrays it touches and swaps them in at the end, so that a refused change leaves no trace. */
#include "memory_priv.h"

#include "mem.h"

#include <stdlib.h>

static size_t record_at(const struct memory_records *records, uint64_t id)
{
    size_t low = 0;
    size_t high = records->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (records->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct store_record *record_find(const struct memory_records *records, uint64_t id)
{
    size_t at = record_at(records, id);

    return at < records->n && records->items[at].id == id ? &records->items[at] : NULL;
}

static struct slice slice_own(struct slice bytes)
{
    return slice_make(mem_strndup(bytes.len != 0 ? bytes.ptr : "", bytes.len), bytes.len);
}

static void record_free(struct store_record *record)
{
    free((char *)(uintptr_t)record->lookup.ptr);
    free((char *)(uintptr_t)record->body.ptr);
}

static struct store_record record_own(const struct store_record *from)
{
    struct store_record record = *from;

    record.lookup = slice_own(from->lookup);
    record.body = slice_own(from->body);
    return record;
}

static void records_free(struct memory_records *records)
{
    for (size_t i = 0; i < records->n; i++)
        record_free(&records->items[i]);
    free(records->items);
    *records = (struct memory_records){ 0 };
}

static struct memory_records records_copy(const struct memory_records *from)
{
    struct memory_records copy = { .n = from->n, .cap = from->n };

    copy.items = mem_alloc((from->n + 1) * sizeof(*copy.items));
    for (size_t i = 0; i < from->n; i++)
        copy.items[i] = record_own(&from->items[i]);
    return copy;
}

static bool lookup_taken(const struct memory_records *records, const struct store_record *record)
{
    for (size_t i = 0; i < records->n; i++) {
        const struct store_record *other = &records->items[i];

        if (record->lookup.len != 0 && other->id != record->id &&
            other->workspace == record->workspace && slice_equal(other->lookup, record->lookup))
            return true;
    }
    return false;
}

static void record_insert(struct memory_records *records, const struct store_record *record)
{
    size_t at = record_at(records, record->id);
    struct store_record copy = record_own(record);

    copy.version = 1;
    memory_grow(&records->items, &records->cap, records->n, sizeof(*records->items));
    memmove(&records->items[at + 1], &records->items[at],
            (records->n - at) * sizeof(*records->items));
    records->items[at] = copy;
    records->n++;
}

static void record_replace(struct store_record *old, const struct store_record *record)
{
    struct store_record copy = record_own(record);

    copy.version = old->version + 1;
    copy.created_at = old->created_at;
    record_free(old);
    *old = copy;
}

static void record_delete(struct memory_records *records, struct store_record *record)
{
    size_t at = (size_t)(record - records->items);

    record_free(record);
    records->n--;
    memmove(record, record + 1, (records->n - at) * sizeof(*record));
}

static enum err_code change_apply(struct memory_records *records, const struct store_change *change,
                                  struct err *err)
{
    const struct store_record *record = &change->record;
    struct store_record *old = record_find(records, record->id);
    const char *kind = store_kind_name(change->kind);
    bool checked = change->op == STORE_UPDATE || (change->op == STORE_DELETE && record->version);

    if (change->op == STORE_INSERT && old != NULL)
        return err_set(err, ERR_CONFLICT, "this %s exists already", kind);
    if ((change->op == STORE_UPDATE || change->op == STORE_DELETE) && old == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such %s", kind);
    if (checked && old->version != record->version)
        return err_set(err, ERR_CONFLICT, "this %s was changed by someone else", kind);
    if (change->op == STORE_DELETE) {
        record_delete(records, old);
        return ERR_OK;
    }
    if (lookup_taken(records, record))
        return err_set(err, ERR_CONFLICT, "another %s has this name", kind);
    if (old != NULL)
        record_replace(old, record);
    else
        record_insert(records, record);
    return ERR_OK;
}

enum err_code memory_admin_run(struct store *base, const struct store_change *changes, size_t n,
                               size_t *failed, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_records work[STORE_KIND_COUNT];
    bool touched[STORE_KIND_COUNT] = { false };
    enum err_code rc = ERR_OK;

    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        enum store_kind kind = changes[i].kind;

        if (!touched[kind]) {
            touched[kind] = true;
            work[kind] = records_copy(&store->records[kind]);
        }
        *failed = i;
        rc = change_apply(&work[kind], &changes[i], err);
    }
    for (size_t kind = 0; kind < STORE_KIND_COUNT; kind++) {
        if (!touched[kind])
            continue;
        records_free(rc == ERR_OK ? &store->records[kind] : &work[kind]);
        if (rc == ERR_OK)
            store->records[kind] = work[kind];
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static enum err_code record_give(const struct store_record *from, struct arena *arena,
                                 struct store_record *out, struct err *err)
{
    *out = *from;
    out->lookup = arena_slice(arena, from->lookup);
    out->body = arena_slice(arena, from->body);
    if (out->lookup.ptr == NULL || out->body.ptr == NULL)
        return err_set(err, ERR_TOO_BIG, "the answer does not fit the arena");
    return ERR_OK;
}

enum err_code memory_record_get(struct store *base, enum store_kind kind, uint64_t id,
                                struct arena *arena, struct store_record *out, bool *found,
                                struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    enum err_code rc = ERR_OK;
    struct store_record *record;

    pthread_mutex_lock(&store->lock);
    record = record_find(&store->records[kind], id);
    *found = record != NULL;
    if (record != NULL)
        rc = record_give(record, arena, out, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

enum err_code memory_record_by_lookup(struct store *base, enum store_kind kind, uint64_t workspace,
                                      struct slice lookup, struct arena *arena,
                                      struct store_record *out, bool *found, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_records *records = &store->records[kind];
    enum err_code rc = ERR_OK;

    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < records->n && !*found; i++) {
        struct store_record *record = &records->items[i];

        if ((workspace != 0 && record->workspace != workspace) ||
            !slice_equal(record->lookup, lookup))
            continue;
        *found = true;
        rc = record_give(record, arena, out, err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static bool record_wanted(const struct store_record *record, const struct store_record_query *query)
{
    if ((query->workspace != 0 && record->workspace != query->workspace) ||
        (query->parent != 0 && record->parent != query->parent))
        return false;
    if (query->after == 0)
        return true;
    return query->descending ? record->id < query->after : record->id > query->after;
}

enum err_code memory_record_list(struct store *base, const struct store_record_query *query,
                                 struct arena *arena, struct store_records *out, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_records *records = &store->records[query->kind];
    enum err_code rc = ERR_OK;

    out->items = arena_alloc(arena, query->limit * sizeof(*out->items));
    if (out->items == NULL)
        return err_set(err, ERR_TOO_BIG, "the answer does not fit the arena");
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < records->n && rc == ERR_OK; i++) {
        size_t at = query->descending ? records->n - 1 - i : i;

        if (!record_wanted(&records->items[at], query))
            continue;
        if (out->n == query->limit) {
            out->more = true;
            break;
        }
        rc = record_give(&records->items[at], arena, &out->items[out->n++], err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

enum err_code memory_record_expire(struct store *base, enum store_kind kind, int64_t before,
                                   size_t *deleted, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_records *records = &store->records[kind];

    (void)err;
    pthread_mutex_lock(&store->lock);
    for (size_t i = records->n; i-- > 0 && *deleted < 1000;) {
        if (records->items[i].created_at < before) {
            record_delete(records, &records->items[i]);
            ++*deleted;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

/* Records are kept by id. */
enum err_code memory_record_trim(struct store *base, enum store_kind kind, uint64_t keep,
                                 size_t *deleted, struct err *err)
{
    struct memory_store *store = (struct memory_store *)base;
    struct memory_records *records = &store->records[kind];

    (void)err;
    pthread_mutex_lock(&store->lock);
    while (records->n > keep && *deleted < 1000) {
        record_delete(records, &records->items[0]);
        ++*deleted;
    }
    pthread_mutex_unlock(&store->lock);
    return ERR_OK;
}

static void children_delete(struct memory_records *records, uint64_t parent)
{
    for (size_t i = records->n; i-- > 0;) {
        if (records->items[i].parent == parent)
            record_delete(records, &records->items[i]);
    }
}

void memory_attachments_erase(struct memory_store *store, uint64_t visitor)
{
    struct memory_records *attachments = &store->records[STORE_ATTACHMENT];

    for (size_t i = 0; i < attachments->n; i++) {
        if (attachments->items[i].parent == visitor)
            children_delete(&store->records[STORE_ATTACHMENT_PART], attachments->items[i].id);
    }
    children_delete(attachments, visitor);
}

void memory_records_free(struct memory_store *store)
{
    for (size_t kind = 0; kind < STORE_KIND_COUNT; kind++)
        records_free(&store->records[kind]);
}
