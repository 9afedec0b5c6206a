/* SPDX-License-Identifier: Apache-2.0 */
/* The search stage and the queries on it. The index follows the event table by id. */
#include "sqlite_priv.h"

#include "store_words.h"

enum {
    SLICE_US = 20 * 1000,  /* then settling and administration get their turn */
    SLICE_ROWS_MAX = 4096, /* ... and the index's memory is bounded */
    QUERY_BYTES_MAX = 64 * 1024,
};

static enum err_code row_index(struct db *db, uint64_t id, struct slice text, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_SEARCH_ADD, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, id);
    bind_text(stmt, 2, text);
    return db_run(db, stmt, err);
}

static enum err_code rows_index(struct sqlite_store *store, uint64_t *upto, struct err *err)
{
    struct db *db = &store->writer.db;
    int64_t until = clock_mono_us(&store->clock) + SLICE_US;
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_SEARCH_NEXT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, *upto);
    bind_u64(stmt, 2, SLICE_ROWS_MAX);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        struct slice text = column_slice(stmt, 1);

        *upto = column_u64(stmt, 0);
        if (text.len != 0)
            rc = row_index(db, *upto, text, err);
        if (rc != ERR_OK || clock_mono_us(&store->clock) >= until)
            break;
    }
    sqlite3_reset(stmt);
    return rc;
}

static enum err_code mark_write(struct db *db, uint64_t upto, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_PROGRESS_SEARCH, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, upto);
    return db_run(db, stmt, err);
}

enum err_code search_slice(struct sqlite_store *store, struct err *err)
{
    struct db *db = &store->writer.db;
    uint64_t upto = atomic_load(&store->writer.search_upto);
    enum err_code rc = db_do(db, SQL_BEGIN, err);

    if (rc == ERR_OK)
        rc = rows_index(store, &upto, err);
    if (rc == ERR_OK)
        rc = mark_write(db, upto, err);
    if (rc == ERR_OK)
        rc = db_do(db, SQL_COMMIT, err);
    if (rc != ERR_OK)
        return writer_undo(store, rc, err);
    atomic_store(&store->writer.search_upto, upto);
    return ERR_OK;
}

/* ---- queries ---- */

static enum err_code hit_read(struct sqlite_store *store, sqlite3_stmt *stmt, struct arena *arena,
                              struct store_hit *out, struct err *err)
{
    struct store_event event;
    struct turn_event view;
    enum err_code rc = event_column(store, stmt, 3, column_u32(stmt, 2), arena, &event, err);

    if (rc == ERR_OK)
        rc = turn_event_parse(event.event, &view, err);
    if (rc != ERR_OK)
        return rc;
    *out = (struct store_hit){
        .row = column_u64(stmt, 0),
        .conv = column_u64(stmt, 1),
        .seq = view.kind == EVENT_KIND_EDIT ? view.target_seq : view.seq,
        .internal = view.internal,
        .created_at = view.created_at,
        .text = view.text,
    };
    return ERR_OK;
}

static enum err_code hits_read(struct sqlite_store *store, struct db *db,
                               const struct store_search_query *query, struct slice match,
                               struct arena *arena, struct store_hits *out, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_SEARCH, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_text(stmt, 1, match);
    bind_u64(stmt, 2, query->before_row != 0 ? query->before_row : INT64_MAX);
    bind_u64(stmt, 3, query->workspace);
    bind_u64(stmt, 4, query->public_only ? 0 : 1);
    bind_u64(stmt, 5, query->limit + 1);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        if (out->n == query->limit) {
            out->more = true;
            break;
        }
        rc = hit_read(store, stmt, arena, &out->items[out->n++], err);
        if (rc != ERR_OK)
            break;
    }
    sqlite3_reset(stmt); /* before the match text goes */
    return rc;
}

enum err_code sqlite_search(struct store *base, const struct store_search_query *query,
                            struct arena *arena, struct store_hits *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct buf match;
    struct db *db;
    enum err_code rc = ERR_OK;

    out->items = arena_alloc(arena, query->limit * sizeof(*out->items));
    if (out->items == NULL)
        return db_arena_full(err);
    buf_init(&match, QUERY_BYTES_MAX);
    words_query(query->text, &match);
    if (match.len == 0)
        goto out;
    rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        goto out;
    rc = hits_read(store, db, query, buf_slice(&match), arena, out, err);
    reader_release(store, &db);
out:
    buf_fini(&match);
    return rc;
}
