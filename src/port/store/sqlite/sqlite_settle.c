/* SPDX-License-Identifier: Apache-2.0 */
/* Settling: a slice of committed turns, sorted by conversation, in one transaction. Sorting is what
 * makes it cheap: a conversation's row is read and written once however many turns it has in the
 * slice, and its index entries lie on the same few pages. settled_upto is written in the same
 * transaction, so a turn is settled exactly once; the check of origin_crc is for journals that
 * come back from elsewhere (a restored backup, a file system that lost the newer main.db).
 *
 * Unique indexes are trusted to refuse what must not be: the rare slice in which one does is undone
 * and done again turn by turn. */
#include "sqlite_settle_priv.h"

#include "crc32c.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>

enum {
    SCRATCH_BYTES_MAX = 2 * STORE_TURN_BYTES_MAX,
    PREFETCH_ITEMS = 3,
    PREFETCH_BYTES = 512, /* most of a turn */
};

static int item_compare(const void *left, const void *right)
{
    const struct settle_item *a = left;
    const struct settle_item *b = right;

    if (a->conv != b->conv)
        return a->conv < b->conv ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

static int profile_compare(const void *left, const void *right)
{
    const struct settle_profile *a = left;
    const struct settle_profile *b = right;

    if (a->visitor != b->visitor)
        return a->visitor < b->visitor ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

static enum err_code profile_put(struct settle *settle, const struct settle_profile *profile,
                                 struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_VISITOR_PUT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, profile->visitor);
    bind_u64(stmt, 2, profile->workspace);
    bind_u64(stmt, 3, profile->site);
    bind_blob(stmt, 4, profile->bytes);
    bind_u64(stmt, 5, crc32c(0, profile->bytes.ptr, profile->bytes.len));
    return db_run(settle->db, stmt, err);
}

/* A visitor's conversations may stand apart in the sorted slice: the newest profile wins. */
static enum err_code profiles_put(struct settle *settle, struct err *err)
{
    enum err_code rc = ERR_OK;

    if (settle->profiles_n != 0)
        qsort(settle->profiles, settle->profiles_n, sizeof(*settle->profiles), profile_compare);
    for (size_t i = 0; i < settle->profiles_n && rc == ERR_OK; i++) {
        if (i + 1 == settle->profiles_n ||
            settle->profiles[i + 1].visitor != settle->profiles[i].visitor)
            rc = profile_put(settle, &settle->profiles[i], err);
    }
    return rc;
}

/* Sorted by conversation, records are all over the journal: their bytes are asked for ahead. */
static void items_prefetch(const struct settle *settle, size_t at)
{
    const char *record;

    if (at >= settle->items_n)
        return;
    record = (const char *)settle->items[at].record;
    for (size_t i = 0; i < PREFETCH_BYTES; i += 64)
        __builtin_prefetch(record + i);
}

static enum err_code groups_write(struct settle *settle, struct err *err)
{
    struct group group;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < settle->items_n && rc == ERR_OK;) {
        uint64_t conv = settle->items[i].conv;

        rc = group_begin(settle, &group, conv, err);
        for (; rc == ERR_OK && i < settle->items_n && settle->items[i].conv == conv; i++) {
            items_prefetch(settle, i + PREFETCH_ITEMS);
            rc = settle_turn(settle, &group, &settle->items[i], err);
        }
        if (rc == ERR_OK)
            rc = group_flush(settle, &group, err);
    }
    return rc;
}

static enum err_code damages_write(struct settle *settle, struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < settle->damages_n && rc == ERR_OK; i++) {
        char reason[80];

        snprintf(reason, sizeof(reason), "%zu bytes of the journal do not read",
                 settle->damages[i].bytes);
        rc = quarantine_add(settle, 0, 0, settle->damages[i].position, reason, SLICE_EMPTY, err);
    }
    return rc;
}

static enum err_code progress_write(struct settle *settle, struct err *err)
{
    uint64_t quarantined = atomic_load(&settle->store->writer.quarantined);
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(settle->db, SQL_PROGRESS_SETTLED, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, settle->next.position);
    bind_u64(stmt, 2, settle->next.batch);
    bind_u64(stmt, 3, quarantined + settle->bad_convs_n);
    return db_run(settle->db, stmt, err);
}

static enum err_code slice_write(struct settle *settle, struct err *err)
{
    enum err_code rc = db_do(settle->db, SQL_BEGIN, err);

    settle->profiles_n = settle->bad_convs_n = settle->events = 0;
    if (rc == ERR_OK)
        rc = groups_write(settle, err);
    if (rc == ERR_OK)
        rc = profiles_put(settle, err);
    if (rc == ERR_OK)
        rc = damages_write(settle, err);
    if (rc == ERR_OK)
        rc = progress_write(settle, err);
    if (rc == ERR_OK)
        rc = db_do(settle->db, SQL_COMMIT, err);
    return rc == ERR_OK ? rc : writer_undo(settle->store, rc, err);
}

/* What others may see once the transaction is durable. */
static void slice_publish(struct settle *settle)
{
    struct sqlite_store *store = settle->store;
    struct writer *writer = &store->writer;

    settle->point = settle->next;
    atomic_fetch_add(&writer->event_last, settle->events);
    atomic_fetch_add(&writer->settled_events, settle->events);
    atomic_fetch_add(&writer->quarantined, settle->bad_convs_n);
    atomic_fetch_add(&writer->corrupt, settle->damages_n);
    atomic_store(&writer->settled_upto, settle->point.position);
    for (size_t i = 0; i < settle->bad_convs_n; i++) {
        if (store->options.on_quarantine != NULL && store->commit.commits)
            store->options.on_quarantine(store->options.ctx, settle->bad_convs[i]);
    }
    while (settle->first_segment < journal_position_segment(settle->point.position))
        journal_segment_unlink(store->journal, settle->first_segment++);
}

static void items_sort(struct settle *settle)
{
    if (settle->items_n != 0)
        qsort(settle->items, settle->items_n, sizeof(*settle->items), item_compare);
}

/* Writes the sorted items that are there; `next` says what is settled afterwards. */
static enum err_code items_settle(struct settle *settle, struct err *err)
{
    enum err_code rc;

    settle->careful = false;
    rc = slice_write(settle, err);
    if (rc == ERR_CONFLICT) {
        settle->careful = true;
        rc = slice_write(settle, err);
    }
    if (rc == ERR_OK)
        slice_publish(settle);
    return rc;
}

enum err_code settle_slice(struct settle *settle, uint64_t upto, size_t turns, size_t *settled,
                           struct err *err)
{
    enum err_code rc = settle_collect(settle, upto, turns, err);

    *settled = settle->items_n;
    if (rc == ERR_OK && settle->next.position != settle->point.position) {
        items_sort(settle);
        rc = items_settle(settle, err);
    }
    settle_views_close(settle);
    return rc;
}

/* Out of turn: `next` is where settling stands already, so only the tables move. */
enum err_code settle_items(struct settle *settle, struct settle_item *items, size_t n,
                           struct err *err)
{
    struct settle_item *own = settle->items;
    enum err_code rc;

    settle->items = items;
    settle->items_n = n;
    settle->damages_n = 0;
    settle->next = settle->point;
    rc = items_settle(settle, err);
    settle->items = own;
    settle->items_n = 0;
    return rc;
}

/* ---- headers ahead of their events ---- */

static enum err_code group_headers(struct settle *settle, size_t from, size_t to, struct err *err)
{
    struct turn_header header;
    bool found = false;

    for (size_t i = from; i < to; i++) {
        const struct settle_item *item = &settle->items[i];

        items_prefetch(settle, i + PREFETCH_ITEMS);
        if (turn_view_parse(journal_record_turn(item->record), &settle->view, NULL) != ERR_OK)
            continue; /* it goes to quarantine when it is settled */
        settle_profile_keep(settle, item);
        if (settle->view.has_header) {
            header = settle->view.header;
            found = true;
        }
    }
    return found ? group_header_write(settle, settle->items[from].conv, &header, err) : ERR_OK;
}

enum err_code settle_headers(struct settle *settle, struct err *err)
{
    enum err_code rc = db_do(settle->db, SQL_BEGIN, err);

    settle->profiles_n = 0;
    items_sort(settle);
    for (size_t i = 0; i < settle->items_n && rc == ERR_OK;) {
        size_t to = i + 1;

        while (to < settle->items_n && settle->items[to].conv == settle->items[i].conv)
            to++;
        rc = group_headers(settle, i, to, err);
        i = to;
    }
    if (rc == ERR_OK)
        rc = profiles_put(settle, err);
    if (rc == ERR_OK)
        rc = db_do(settle->db, SQL_COMMIT, err);
    return rc == ERR_OK ? rc : writer_undo(settle->store, rc, err);
}

uint64_t settle_position(const struct settle *settle)
{
    return settle->point.position;
}

uint64_t settle_batch(const struct settle *settle)
{
    return settle->point.batch;
}

static enum err_code progress_read(struct settle *settle, struct err *err)
{
    struct writer *writer = &settle->store->writer;
    sqlite3_stmt *stmt;
    bool row = false;
    enum err_code rc = db_stmt(settle->db, SQL_PROGRESS, &stmt, err);

    if (rc == ERR_OK)
        rc = db_next(settle->db, stmt, &row, err);
    if (rc != ERR_OK || !row)
        return rc != ERR_OK ? rc : err_set(err, ERR_CORRUPT, "main.db: progress is missing");
    settle->point = (struct settle_point){ column_u64(stmt, 0), column_u64(stmt, 1) };
    atomic_store(&writer->search_upto, column_u64(stmt, 2));
    atomic_store(&writer->quarantined, column_u64(stmt, 3));
    atomic_store(&writer->settled_upto, settle->point.position);
    sqlite3_reset(stmt);
    rc = db_stmt(settle->db, SQL_EVENT_LAST, &stmt, err);
    if (rc == ERR_OK)
        rc = db_next(settle->db, stmt, &row, err);
    if (rc == ERR_OK) {
        atomic_store(&writer->event_last, column_u64(stmt, 0));
        sqlite3_reset(stmt);
    }
    return rc;
}

enum err_code settle_create(struct sqlite_store *store, struct settle **out, struct err *err)
{
    struct settle *settle = mem_zalloc(sizeof(*settle));
    enum err_code rc;
    uint32_t *segments;
    size_t n;

    settle->store = store;
    settle->db = &store->writer.db;
    buf_init(&settle->scratch, SCRATCH_BYTES_MAX);
    segments = journal_segment_list(store->journal, &n);
    settle->first_segment = n != 0 ? segments[0] : UINT32_MAX;
    free(segments);
    rc = progress_read(settle, err);
    if (settle->first_segment == UINT32_MAX)
        settle->first_segment = journal_position_segment(settle->point.position);
    if (rc != ERR_OK) {
        settle_destroy(&settle);
        return rc;
    }
    *out = settle;
    return ERR_OK;
}

void settle_rest(struct settle *settle)
{
    free(settle->items);
    free(settle->profiles);
    settle->items = NULL;
    settle->profiles = NULL;
    settle->items_n = settle->items_cap = settle->profiles_n = settle->profiles_cap = 0;
}

void settle_destroy(struct settle **settle)
{
    if (*settle == NULL)
        return;
    settle_views_close(*settle);
    settle_rest(*settle);
    free((*settle)->views);
    free((*settle)->damages);
    free((*settle)->bad_convs);
    buf_fini(&(*settle)->scratch);
    free(*settle);
    *settle = NULL;
}
