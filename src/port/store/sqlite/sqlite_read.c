/* SPDX-License-Identifier: Apache-2.0 */
/* Exact reads. The tables hold a conversation up to some seq, the journal what follows; the overlay
 * that the caller brought says where in the journal. The tables are looked at after the overlay
 * was taken, so between them nothing can be missing: what the overlay calls unsettled and the
 * journal no longer has is in the tables by now. */
#include "sqlite_priv.h"

#include "crc32c.h"
#include "log.h"
#include "mem.h"

enum { MARKS_MAX = 1000 }; /* of one conversation: an agent each */

/* ---- threads ---- */

struct thread {
    struct sqlite_store *store;
    const struct store_thread_query *query;
    struct arena *arena;
    struct store_event *events; /* room for limit + 1 */
    size_t n;
    uint32_t head_seq; /* the tables hold everything up to it */
    bool quarantined;  /* some of it is known to be missing */
};

static uint32_t thread_to(const struct store_thread_query *query)
{
    return query->to_seq != 0 ? query->to_seq : UINT32_MAX;
}

static enum err_code head_read(struct thread *thread, struct db *db, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_CONV_HEAD_SEQ, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, thread->query->conv);
    rc = db_next(db, stmt, &row, err);
    if (rc == ERR_OK && row) {
        thread->head_seq = column_u32(stmt, 0);
        thread->quarantined = sqlite3_column_int(stmt, 1) != 0;
        sqlite3_reset(stmt);
    }
    return rc;
}

/* Events of the tables, in the direction of reading, until limit + 1 are there. */
static enum err_code tables_read(struct thread *thread, struct db *db, struct err *err)
{
    const struct store_thread_query *query = thread->query;
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, query->newest ? SQL_THREAD_LAST : SQL_THREAD_FIRST, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, query->conv);
    bind_u64(stmt, 2, query->from_seq);
    bind_u64(stmt, 3, thread_to(query));
    bind_u64(stmt, 4, query->public_only ? 0 : 1);
    bind_u64(stmt, 5, query->limit + 1 - thread->n);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        rc = event_column(thread->store, stmt, 1, column_u32(stmt, 0), thread->arena,
                          &thread->events[thread->n++], err);
        if (rc != ERR_OK)
            break;
    }
    return rc;
}

static bool event_wanted(const struct store_thread_query *query, const struct turn_event *event)
{
    return event->seq >= query->from_seq && event->seq <= thread_to(query) &&
           !(query->public_only && event->internal);
}

/* The events of one unsettled turn, in the direction of reading. The record is copied into the
 * arena, and the events point into it. */
static enum err_code overlay_turn_read(struct thread *thread, const struct store_overlay *overlay,
                                       struct turn_view *view, struct err *err)
{
    const struct store_thread_query *query = thread->query;
    const struct journal_record_head *record;
    enum err_code rc =
        journal_record_read(thread->store->journal, overlay->position, thread->arena, &record, err);

    if (rc == ERR_OK)
        rc = turn_view_parse(journal_record_turn(record), view, err);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < view->events_n && thread->n <= query->limit; i++) {
        const struct turn_event *event = &view->events[query->newest ? view->events_n - 1 - i : i];

        if (event_wanted(query, event))
            event_give(event, &thread->events[thread->n++]);
    }
    return ERR_OK;
}

static enum err_code overlay_read(struct thread *thread, struct err *err)
{
    const struct store_thread_query *query = thread->query;
    struct turn_view *view = mem_alloc(sizeof(*view));
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < query->overlay_n && thread->n <= query->limit && rc == ERR_OK; i++) {
        const struct store_overlay *turn =
            &query->overlay[query->newest ? query->overlay_n - 1 - i : i];

        if (turn->first_seq <= thread->head_seq || turn->first_seq > thread_to(query) ||
            turn->first_seq + turn->n_events <= query->from_seq)
            continue;
        rc = overlay_turn_read(thread, turn, view, err);
    }
    free(view);
    return rc;
}

/* Both parts from one snapshot; the order of reading them is the order of the events wanted. */
static enum err_code thread_fill(struct thread *thread, struct db *db, struct err *err)
{
    bool newest = thread->query->newest;
    enum err_code rc = db_exec(db, "begin", err);

    if (rc == ERR_OK)
        rc = head_read(thread, db, err);
    if (rc == ERR_OK && newest)
        rc = overlay_read(thread, err);
    if (rc == ERR_OK && thread->n <= thread->query->limit)
        rc = tables_read(thread, db, err);
    if (rc == ERR_OK && !newest)
        rc = overlay_read(thread, err);
    return rc; /* the snapshot ends when the connection is given back */
}

static void thread_finish(struct thread *thread, struct store_thread *out)
{
    size_t limit = thread->query->limit;

    out->more = thread->n > limit;
    out->n = out->more ? limit : thread->n;
    out->events = thread->events;
    for (size_t i = 0; thread->query->newest && i < out->n / 2; i++) {
        struct store_event swap = out->events[i];

        out->events[i] = out->events[out->n - 1 - i];
        out->events[out->n - 1 - i] = swap;
    }
}

/* The last seq that there is, in the tables or behind them. */
static uint32_t thread_head(const struct thread *thread)
{
    const struct store_thread_query *query = thread->query;
    const struct store_overlay *last =
        query->overlay_n > 0 ? &query->overlay[query->overlay_n - 1] : NULL;
    uint32_t behind = last != NULL ? last->first_seq + last->n_events - 1 : 0;

    return behind > thread->head_seq ? behind : thread->head_seq;
}

/* Rows carry checksums, the index that finds them does not: an entry that a bad disk changed hides
 * its row. Seqs are dense, and of public events each names the one before it, so that is seen. */
static bool thread_whole(const struct thread *thread, const struct store_thread *out)
{
    const struct store_thread_query *query = thread->query;
    uint32_t from = query->from_seq > 0 ? query->from_seq : 1;
    uint32_t head = thread_head(thread);
    uint32_t to = thread_to(query) < head ? thread_to(query) : head;
    bool from_start = !query->newest || !out->more;
    bool to_end = query->newest || !out->more;
    const struct store_event *first = out->events;

    if (out->n == 0)
        return query->public_only || from > to;
    for (size_t i = 1; i < out->n; i++) {
        if (query->public_only ? out->events[i].prev_public_seq != out->events[i - 1].seq
                               : out->events[i].seq != out->events[i - 1].seq + 1)
            return false;
    }
    if (query->public_only)
        return !from_start || first->prev_public_seq < from;
    return (!from_start || first->seq == from) && (!to_end || out->events[out->n - 1].seq == to);
}

static enum err_code thread_hole(struct sqlite_store *store, uint64_t conv, struct err *err)
{
    atomic_fetch_add(&store->writer.corrupt, 1);
    LOG_ERROR("events_missing", KV_ID("conv", conv));
    return err_set(err, ERR_CORRUPT, "stored events are missing");
}

enum err_code sqlite_thread_read(struct store *base, const struct store_thread_query *query,
                                 struct arena *arena, struct store_thread *out,
                                 enum store_read *state, struct err *err)
{
    struct thread thread = { .store = sqlite_store(base), .query = query, .arena = arena };
    struct db *db;
    enum err_code rc;

    thread.events = arena_alloc(arena, (query->limit + 1) * sizeof(*thread.events));
    if (thread.events == NULL)
        return db_arena_full(err);
    rc = leftovers_settle(thread.store, query->conv, err);
    if (rc == ERR_OK)
        rc = reader_acquire(thread.store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = thread_fill(&thread, db, err);
    reader_release(thread.store, &db);
    if (rc == ERR_NOT_FOUND) {
        *state = STORE_READ_AGAIN;
        return ERR_OK;
    }
    if (rc != ERR_OK)
        return rc;
    thread_finish(&thread, out);
    return thread.quarantined || thread_whole(&thread, out)
               ? ERR_OK
               : thread_hole(thread.store, query->conv, err);
}

/* ---- live state ---- */

static void client_id_read(sqlite3_stmt *stmt, struct store_client_id *out)
{
    struct slice id = column_slice(stmt, 0);

    *out = (struct store_client_id){ .seq = column_u32(stmt, 1),
                                     .created_at = sqlite3_column_int64(stmt, 2),
                                     .client_hash = column_u64(stmt, 3) };
    if (id.len == STORE_CLIENT_ID_BYTES)
        memcpy(out->id, id.ptr, STORE_CLIENT_ID_BYTES);
}

static enum err_code client_ids_read(struct db *db, uint64_t conv, struct store_conv *out,
                                     struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_CLIENT_IDS, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    out->client_ids_all = true;
    bind_u64(stmt, 1, conv);
    bind_u64(stmt, 2, STORE_CLIENT_IDS + 1);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        if (out->client_ids_n < STORE_CLIENT_IDS)
            client_id_read(stmt, &out->client_ids[out->client_ids_n++]);
        else
            out->client_ids_all = false;
    }
    return rc;
}

static enum err_code marks_read(struct db *db, uint64_t conv, struct arena *arena,
                                struct store_conv *out, struct err *err)
{
    struct store_mark marks[MARKS_MAX];
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_MARKS, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    bind_u64(stmt, 2, MARKS_MAX);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row)
        marks[out->marks_n++] = (struct store_mark){ column_u64(stmt, 0), column_u32(stmt, 1) };
    out->marks = arena_alloc(arena, (out->marks_n + 1) * sizeof(*marks));
    if (rc == ERR_OK && out->marks == NULL)
        rc = db_arena_full(err);
    if (rc == ERR_OK)
        memcpy(out->marks, marks, out->marks_n * sizeof(*marks));
    return rc;
}

enum err_code body_column(struct sqlite_store *store, sqlite3_stmt *stmt, int at,
                          struct arena *arena, struct slice *out, struct err *err)
{
    struct slice body = column_slice(stmt, at);

    if (body.ptr != NULL && crc32c(0, body.ptr, body.len) != column_u32(stmt, at + 1)) {
        atomic_fetch_add(&store->writer.corrupt, 1);
        LOG_ERROR("row_corrupt", KV_TEXT("sql", sqlite3_sql(stmt)));
        return err_set(err, ERR_CORRUPT, "a stored row has a bad checksum");
    }
    *out = db_slice_copy(arena, body);
    return out->ptr != NULL ? ERR_OK : db_arena_full(err);
}

static enum err_code conv_read(struct sqlite_store *store, struct db *db, uint64_t conv,
                               struct arena *arena, struct store_conv *out, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_CONV_LOAD, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    rc = db_next(db, stmt, &out->found, err);
    if (rc != ERR_OK || !out->found)
        return rc;
    rc = body_column(store, stmt, 0, arena, &out->header, err);
    out->quarantined = sqlite3_column_int(stmt, 2) != 0;
    if (rc == ERR_OK)
        rc = client_ids_read(db, conv, out, err);
    if (rc == ERR_OK)
        rc = marks_read(db, conv, arena, out, err);
    return rc;
}

enum err_code sqlite_conv_load(struct store *base, uint64_t conv, struct arena *arena,
                               struct store_conv *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct db *db;
    enum err_code rc = leftovers_settle(store, conv, err);

    if (rc == ERR_OK)
        rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = db_exec(db, "begin", err);
    if (rc == ERR_OK)
        rc = conv_read(store, db, conv, arena, out, err);
    reader_release(store, &db);
    return rc;
}

static enum err_code client_id_in_tables(struct db *db, uint64_t conv, const uint8_t *client_id,
                                         bool *found, struct store_client_id *out, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_CLIENT_ID, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    bind_blob(stmt, 2, slice_make(client_id, STORE_CLIENT_ID_BYTES));
    rc = db_next(db, stmt, found, err);
    if (rc == ERR_OK && *found) {
        client_id_read(stmt, out);
        sqlite3_reset(stmt);
    }
    return rc;
}

static void client_id_in_turn(const struct turn_view *view, const uint8_t *client_id, bool *found,
                              struct store_client_id *out)
{
    for (size_t i = 0; i < view->events_n && !*found; i++) {
        const struct turn_event *event = &view->events[i];

        *found = event->client_id != NULL &&
                 memcmp(event->client_id, client_id, STORE_CLIENT_ID_BYTES) == 0;
        if (!*found)
            continue;
        *out = (struct store_client_id){ .seq = event->seq,
                                         .created_at = event->created_at,
                                         .client_hash = event->client_hash };
        memcpy(out->id, client_id, STORE_CLIENT_ID_BYTES);
    }
}

/* ERR_NOT_FOUND: a turn has been settled meanwhile, and its segment is gone. */
static enum err_code client_id_in_overlay(struct sqlite_store *store, const uint8_t *client_id,
                                          const struct store_overlay *overlay, size_t n,
                                          bool *found, struct store_client_id *out, struct err *err)
{
    struct turn_view *view = mem_alloc(sizeof(*view));
    struct arena arena;
    enum err_code rc = ERR_OK;

    arena_init(&arena, 2 * STORE_TURN_BYTES_MAX);
    for (size_t i = 0; i < n && rc == ERR_OK && !*found; i++) {
        const struct journal_record_head *record;

        rc = journal_record_read(store->journal, overlay[i].position, &arena, &record, err);
        if (rc == ERR_OK)
            rc = turn_view_parse(journal_record_turn(record), view, err);
        if (rc == ERR_OK)
            client_id_in_turn(view, client_id, found, out);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    free(view);
    return rc;
}

enum err_code sqlite_client_id_find(struct store *base, uint64_t conv, const uint8_t *client_id,
                                    const struct store_overlay *overlay, size_t overlay_n,
                                    bool *found, struct store_client_id *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    enum err_code read =
        client_id_in_overlay(store, client_id, overlay, overlay_n, found, out, err);
    enum err_code rc;
    struct db *db;

    if (*found || (read != ERR_OK && read != ERR_NOT_FOUND))
        return read;
    /* After the overlay: what has left the journal meanwhile is in the tables. */
    rc = leftovers_settle(store, conv, err);
    if (rc == ERR_OK)
        rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = client_id_in_tables(db, conv, client_id, found, out, err);
    reader_release(store, &db);
    return rc;
}

static enum err_code id_find(struct sqlite_store *store, enum sql which, uint64_t visitor,
                             uint64_t site, const uint8_t *client_id, uint64_t *out,
                             struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    bool row;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, which, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, visitor);
        if (client_id != NULL)
            bind_blob(stmt, 2, slice_make(client_id, STORE_CLIENT_ID_BYTES));
        else
            bind_u64(stmt, 2, site);
        rc = db_next(db, stmt, &row, err);
        if (rc == ERR_OK && row)
            *out = column_u64(stmt, 0);
    }
    reader_release(store, &db);
    return rc;
}

enum err_code sqlite_conv_by_start(struct store *base, uint64_t visitor, const uint8_t *client_id,
                                   uint64_t *conv, struct err *err)
{
    return id_find(sqlite_store(base), SQL_CONV_BY_START, visitor, 0, client_id, conv, err);
}

enum err_code sqlite_visitor_open_conv(struct store *base, uint64_t visitor, uint64_t site,
                                       uint64_t *conv, struct err *err)
{
    return id_find(sqlite_store(base), SQL_CONV_OPEN, visitor, site, NULL, conv, err);
}
