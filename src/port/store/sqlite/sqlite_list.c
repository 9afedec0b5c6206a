/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and single rows that lag by the settling: pages by keyset, never by offset. */
#include "sqlite_priv.h"

#include "mem.h"

/* Steps over the rows of `body, crc, ...`, limit + 1 at most, and copies the first limit. */
static enum err_code page_read(struct sqlite_store *store, struct db *db, sqlite3_stmt *stmt,
                               unsigned limit, struct arena *arena, struct store_page *out,
                               struct err *err)
{
    enum err_code rc;
    bool row;

    out->items = arena_alloc(arena, limit * sizeof(*out->items));
    if (out->items == NULL)
        return db_arena_full(err);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        if (out->n == limit) {
            out->more = true;
            break;
        }
        rc = body_column(store, stmt, 0, arena, &out->items[out->n++], err);
        if (rc != ERR_OK)
            break;
    }
    return rc;
}

/* Which of the conversation indexes answers best: the most selective filter first. */
static enum sql conv_list_sql(const struct store_conv_filter *filter)
{
    const uint32_t closed = 1U << CONV_STATE_CLOSED;

    if (filter->visitor != 0 && filter->agent == 0)
        return SQL_CONVS_VISITOR;
    if (filter->agent != 0)
        return SQL_CONVS_AGENT;
    if (filter->states == closed)
        return SQL_CONVS_CLOSED;
    if (filter->states != 0 && (filter->states & closed) == 0)
        return SQL_CONVS_OPEN;
    return SQL_CONVS_ALL;
}

static void conv_list_bind(sqlite3_stmt *stmt, enum sql which,
                           const struct store_conv_filter *filter)
{
    bool first = filter->before_updated == 0 && filter->before_conv == 0;

    bind_u64(stmt, 1, filter->workspace);
    bind_u64(stmt, 2, filter->site);
    bind_u64(stmt, 3, filter->states);
    bind_i64(stmt, 4, first ? INT64_MAX : filter->before_updated);
    bind_i64(stmt, 5, first ? INT64_MAX : (int64_t)filter->before_conv);
    bind_u64(stmt, 6, filter->limit + 1);
    if (which == SQL_CONVS_AGENT)
        bind_u64(stmt, 7, filter->agent);
    if (which == SQL_CONVS_AGENT || which == SQL_CONVS_VISITOR)
        bind_u64(stmt, 8, filter->visitor);
}

enum err_code sqlite_conv_list(struct store *base, const struct store_conv_filter *filter,
                               struct arena *arena, struct store_page *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    enum sql which = conv_list_sql(filter);
    sqlite3_stmt *stmt;
    struct db *db;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, which, &stmt, err);
    if (rc == ERR_OK) {
        conv_list_bind(stmt, which, filter);
        rc = page_read(store, db, stmt, filter->limit, arena, out, err);
    }
    reader_release(store, &db);
    return rc;
}

/* A list whose arguments are numbers, the limit last. */
static enum err_code list_read(struct sqlite_store *store, enum sql which, const uint64_t *args,
                               int n, unsigned limit, struct arena *arena, struct store_page *out,
                               struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, which, &stmt, err);
    if (rc == ERR_OK) {
        for (int i = 0; i < n; i++)
            bind_u64(stmt, i + 1, args[i]);
        bind_u64(stmt, n + 1, limit + 1);
        rc = page_read(store, db, stmt, limit, arena, out, err);
    }
    reader_release(store, &db);
    return rc;
}

enum err_code sqlite_conv_open_list(struct store *base, uint64_t after, unsigned limit,
                                    struct arena *arena, struct store_page *out, struct err *err)
{
    return list_read(sqlite_store(base), SQL_CONVS_LIVE, &after, 1, limit, arena, out, err);
}

enum err_code sqlite_conv_due_list(struct store *base, int64_t due, int64_t after_due,
                                   uint64_t after, unsigned limit, struct arena *arena,
                                   struct store_page *out, struct err *err)
{
    uint64_t args[] = { (uint64_t)due, (uint64_t)after_due, after };

    return list_read(sqlite_store(base), SQL_CONVS_DUE, args, 3, limit, arena, out, err);
}

enum err_code sqlite_visitor_list(struct store *base, uint64_t workspace, uint64_t before,
                                  unsigned limit, struct arena *arena, struct store_page *out,
                                  struct err *err)
{
    uint64_t args[] = { workspace, before != 0 ? before : INT64_MAX };

    return list_read(sqlite_store(base), SQL_VISITORS, args, 2, limit, arena, out, err);
}

enum err_code sqlite_visitor_load(struct store *base, uint64_t visitor, struct arena *arena,
                                  struct slice *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    bool row;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_VISITOR_LOAD, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, visitor);
        rc = db_next(db, stmt, &row, err);
        if (rc == ERR_OK && row)
            rc = body_column(store, stmt, 0, arena, out, err);
    }
    reader_release(store, &db);
    return rc;
}

enum err_code sqlite_trace_load(struct store *base, uint64_t conv, uint32_t seq,
                                struct arena *arena, struct slice *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    bool row;
    enum err_code rc = leftovers_settle(store, conv, err);

    if (rc == ERR_OK)
        rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_TRACE_LOAD, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, conv);
        bind_u64(stmt, 2, seq);
        rc = db_next(db, stmt, &row, err);
        if (rc == ERR_OK && row) {
            *out = db_slice_copy(arena, column_slice(stmt, 0));
            rc = out->ptr != NULL ? ERR_OK : db_arena_full(err);
        }
    }
    reader_release(store, &db);
    return rc;
}

/* ---- outbox ---- */

/* The event table is the outbox: ids grow in the order of settling, so a consumer is a mark in it,
 * and an event that nobody subscribed to costs nothing. */
static enum err_code consumer_run(struct sqlite_store *store, enum sql which, const char *name,
                                  uint64_t id, bool *changed, struct err *err)
{
    struct db *db = writer_acquire(store);
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, which, &stmt, err);

    if (rc == ERR_OK) {
        bind_text(stmt, 1, slice_of(name));
        if (which == SQL_CONSUMER_ADVANCE)
            bind_u64(stmt, 2, id);
        rc = db_run(db, stmt, err);
    }
    *changed = rc == ERR_OK && sqlite3_changes(db->handle) != 0;
    if (rc != ERR_OK)
        rc = writer_undo(store, rc, err);
    writer_release(store);
    return rc;
}

enum err_code sqlite_outbox_subscribe(struct store *base, const char *name, struct err *err)
{
    bool added;

    return consumer_run(sqlite_store(base), SQL_CONSUMER_ADD, name, 0, &added, err);
}

static enum err_code consumer_missing(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no such outbox consumer");
}

enum err_code sqlite_outbox_advance(struct store *base, const char *name, uint64_t id,
                                    struct err *err)
{
    bool found;
    enum err_code rc =
        consumer_run(sqlite_store(base), SQL_CONSUMER_ADVANCE, name, id, &found, err);

    return rc == ERR_OK && !found ? consumer_missing(err) : rc;
}

static enum err_code outbox_rows(struct sqlite_store *store, struct db *db, uint64_t upto,
                                 unsigned limit, struct arena *arena, struct store_outbox_row *rows,
                                 size_t *n, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_OUTBOX_READ, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, upto);
    bind_u64(stmt, 2, limit);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        struct store_event event;

        rc = event_column(store, stmt, 4, column_u32(stmt, 3), arena, &event, err);
        if (rc != ERR_OK)
            break;
        rows[(*n)++] = (struct store_outbox_row){ column_u64(stmt, 0), column_u64(stmt, 1),
                                                  column_u64(stmt, 2), event.seq,
                                                  event.erased ? SLICE_EMPTY : event.event };
    }
    return rc;
}

enum err_code sqlite_outbox_read(struct store *base, const char *name, unsigned limit,
                                 struct arena *arena, struct store_outbox_row **rows, size_t *n,
                                 struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    bool row = false;
    enum err_code rc;

    *rows = arena_alloc(arena, limit * sizeof(**rows));
    if (*rows == NULL)
        return db_arena_full(err);
    rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_CONSUMER_FIND, &stmt, err);
    if (rc == ERR_OK) {
        bind_text(stmt, 1, slice_of(name));
        rc = db_next(db, stmt, &row, err);
    }
    if (rc == ERR_OK && !row)
        rc = consumer_missing(err);
    if (rc == ERR_OK)
        rc = outbox_rows(store, db, column_u64(stmt, 0), limit, arena, *rows, n, err);
    reader_release(store, &db);
    return rc;
}
