/* SPDX-License-Identifier: Apache-2.0 */
/* Taking words back: a recalled message, an erased person. Rows stay, with their seq; what they
 * said goes, out of the row, the search index and, by overwriting, the file. */
#include "sqlite_priv.h"

#include "crc32c.h"
#include "mem.h"

enum {
    ERASE_EVENTS_MAX = 500, /* of one transaction: settling waits no longer than that */
    EDITS_MAX = 64,         /* of one message, looked at at a time */
    BLANK_BYTES_MAX = 2 * STORE_TURN_BYTES_MAX,
    MERGE_PAGES = 64, /* of the search index, in one step */
    MERGE_STEPS_MAX = 100000,
};

struct blank_row {
    uint64_t id;
    uint64_t client_hash;
    bool found;
    bool has_client_id;
    uint8_t client_id[STORE_CLIENT_ID_BYTES];
    int erased;
    struct buf body; /* blanked */
    struct buf text; /* as it was */
};

static enum err_code row_read(struct db *db, uint64_t conv, uint32_t seq, enum blank how,
                              struct blank_row *row, struct err *err)
{
    sqlite3_stmt *stmt;
    struct slice id;
    enum err_code rc = db_stmt(db, SQL_EVENT_TARGET, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    bind_u64(stmt, 2, seq);
    rc = db_next(db, stmt, &row->found, err);
    if (rc != ERR_OK || !row->found)
        return rc;
    row->id = column_u64(stmt, 0);
    turn_event_blank(&row->body, column_slice(stmt, 1), how == BLANK_ERASED);
    buf_add_slice(&row->text, column_slice(stmt, 2));
    id = column_slice(stmt, 3);
    row->has_client_id = id.len == STORE_CLIENT_ID_BYTES;
    if (row->has_client_id)
        memcpy(row->client_id, id.ptr, STORE_CLIENT_ID_BYTES);
    row->client_hash = column_u64(stmt, 4);
    row->erased = sqlite3_column_int(stmt, 5);
    sqlite3_reset(stmt);
    return ERR_OK;
}

static enum err_code search_remove(struct db *db, const struct blank_row *row, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_SEARCH_REMOVE, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, row->id);
    bind_text(stmt, 2, buf_slice(&row->text));
    return db_run(db, stmt, err);
}

static enum err_code row_write(struct db *db, const struct blank_row *row, enum blank how,
                               struct err *err)
{
    struct slice body = buf_slice(&row->body);
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, SQL_EVENT_BLANK, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, row->id);
    bind_blob(stmt, 2, body);
    bind_u64(
        stmt, 3,
        event_crc(row->has_client_id ? row->client_id : NULL, row->client_hash, body, SLICE_EMPTY));
    bind_u64(stmt, 4, how);
    return db_run(db, stmt, err);
}

enum err_code event_blank(struct sqlite_store *store, struct db *db, uint64_t conv, uint32_t seq,
                          enum blank how, struct err *err)
{
    struct blank_row row = { 0 };
    enum err_code rc;

    buf_init(&row.body, BLANK_BYTES_MAX);
    buf_init(&row.text, BLANK_BYTES_MAX);
    rc = row_read(db, conv, seq, how, &row, err);
    if (rc != ERR_OK || !row.found || row.erased >= (int)how)
        goto out;
    rc = db_exec(db, "pragma secure_delete = on", err);
    if (rc == ERR_OK && row.text.len != 0 && row.id <= atomic_load(&store->writer.search_upto))
        rc = search_remove(db, &row, err);
    if (rc == ERR_OK)
        rc = row_write(db, &row, how, err);
    if (rc == ERR_OK)
        rc = db_exec(db, "pragma secure_delete = off", err);
out:
    buf_fini(&row.body);
    buf_fini(&row.text);
    return rc;
}

/* The seqs of events that edit a message, up to 64 of them; *n is how many. */
static enum err_code edits_find(struct db *db, uint64_t conv, uint32_t target, uint32_t after,
                                uint32_t seqs[EDITS_MAX], size_t *n, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_EVENT_EDITS, &stmt, err);

    *n = 0;
    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    bind_u64(stmt, 2, after);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        struct turn_event event;

        if (turn_event_parse(column_slice(stmt, 1), &event, NULL) != ERR_OK ||
            event.target_seq != target)
            continue;
        seqs[(*n)++] = column_u32(stmt, 0);
        if (*n == EDITS_MAX) {
            sqlite3_reset(stmt);
            break;
        }
    }
    return rc;
}

enum err_code event_recall(struct sqlite_store *store, struct db *db, uint64_t conv, uint32_t seq,
                           struct err *err)
{
    uint32_t seqs[EDITS_MAX];
    uint32_t after = seq;
    size_t n;
    enum err_code rc = event_blank(store, db, conv, seq, BLANK_RECALLED, err);

    do {
        if (rc == ERR_OK)
            rc = edits_find(db, conv, seq, after, seqs, &n, err);
        for (size_t i = 0; rc == ERR_OK && i < n; i++)
            rc = event_blank(store, db, conv, after = seqs[i], BLANK_RECALLED, err);
    } while (rc == ERR_OK && n == EDITS_MAX);
    return rc;
}

/* ---- erasing a person: the caller holds the writer ---- */

static enum err_code seqs_next(struct db *db, uint64_t conv, uint32_t after, uint32_t *seqs,
                               size_t *n, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row = true;
    enum err_code rc = db_stmt(db, SQL_ERASE_EVENTS, &stmt, err);

    *n = 0;
    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, conv);
    bind_u64(stmt, 2, after);
    bind_u64(stmt, 3, ERASE_EVENTS_MAX);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row)
        seqs[(*n)++] = column_u32(stmt, 0);
    return rc;
}

/* The next events of a conversation that still hold words; *after is 0 when there are none. */
static enum err_code events_erase(struct sqlite_store *store, uint64_t conv, uint32_t *after,
                                  struct err *err)
{
    struct db *db = &store->writer.db;
    uint32_t seqs[ERASE_EVENTS_MAX];
    size_t n;
    enum err_code rc = seqs_next(db, conv, *after, seqs, &n, err);

    if (rc != ERR_OK)
        return rc;
    *after = n != 0 ? seqs[n - 1] : 0;
    rc = db_do(db, SQL_BEGIN, err);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = event_blank(store, db, conv, seqs[i], BLANK_ERASED, err);
    if (rc == ERR_OK)
        rc = db_do(db, SQL_COMMIT, err);
    return rc == ERR_OK ? rc : writer_undo(store, rc, err);
}

static enum err_code body_put(struct db *db, enum sql which, uint64_t id, struct slice body,
                              struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, which, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, id);
    bind_blob(stmt, 2, body);
    bind_u64(stmt, 3, crc32c(0, body.ptr, body.len));
    return db_run(db, stmt, err);
}

static enum err_code by_id(struct db *db, enum sql which, uint64_t id, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, which, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, id);
    return db_run(db, stmt, err);
}

/* The header, the traces and what is quarantined of one conversation. */
static enum err_code conv_erase(struct sqlite_store *store, uint64_t conv, struct slice header,
                                struct err *err)
{
    struct db *db = &store->writer.db;
    struct buf blank;
    enum err_code rc = db_exec(db, "pragma secure_delete = on", err);

    buf_init(&blank, BLANK_BYTES_MAX);
    turn_header_blank(&blank, header);
    if (rc == ERR_OK)
        rc = db_do(db, SQL_BEGIN, err);
    if (rc == ERR_OK && header.len != 0)
        rc = body_put(db, SQL_CONV_BODY, conv, buf_slice(&blank), err);
    if (rc == ERR_OK)
        rc = by_id(db, SQL_ERASE_TRACES, conv, err);
    if (rc == ERR_OK)
        rc = by_id(db, SQL_ERASE_QUARANTINE, conv, err);
    if (rc == ERR_OK)
        rc = db_do(db, SQL_COMMIT, err);
    buf_fini(&blank);
    if (rc != ERR_OK)
        return writer_undo(store, rc, err);
    return db_exec(db, "pragma secure_delete = off", err);
}

/* The visitor's next conversation after *conv: 0 when there is none. */
static enum err_code conv_next(struct db *db, uint64_t visitor, uint64_t *conv, struct buf *header,
                               struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_ERASE_CONVS, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    buf_clear(header);
    bind_u64(stmt, 1, visitor);
    bind_u64(stmt, 2, *conv);
    rc = db_next(db, stmt, &row, err);
    *conv = 0;
    if (rc == ERR_OK && row) {
        *conv = column_u64(stmt, 0);
        buf_add_slice(header, column_slice(stmt, 1));
        sqlite3_reset(stmt);
    }
    return rc;
}

static enum err_code convs_erase(struct sqlite_store *store, uint64_t visitor, struct err *err)
{
    struct buf header;
    uint64_t conv = 0;
    enum err_code rc;

    buf_init(&header, BLANK_BYTES_MAX);
    while ((rc = conv_next(&store->writer.db, visitor, &conv, &header, err)) == ERR_OK &&
           conv != 0) {
        uint32_t after = 0;

        do {
            rc = events_erase(store, conv, &after, err);
        } while (rc == ERR_OK && after != 0);
        if (rc == ERR_OK)
            rc = conv_erase(store, conv, buf_slice(&header), err);
        if (rc != ERR_OK)
            break;
    }
    buf_fini(&header);
    return rc;
}

static enum err_code profile_erase(struct db *db, uint64_t visitor, struct err *err)
{
    struct buf blank;
    sqlite3_stmt *stmt;
    bool row = false;
    enum err_code rc = db_stmt(db, SQL_VISITOR_LOAD, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    buf_init(&blank, BLANK_BYTES_MAX);
    bind_u64(stmt, 1, visitor);
    rc = db_next(db, stmt, &row, err);
    if (rc == ERR_OK && row) {
        turn_visitor_blank(&blank, column_slice(stmt, 0));
        sqlite3_reset(stmt);
        rc = db_exec(db, "pragma secure_delete = on", err);
        if (rc == ERR_OK)
            rc = body_put(db, SQL_VISITOR_BODY, visitor, buf_slice(&blank), err);
        if (rc == ERR_OK)
            rc = db_exec(db, "pragma secure_delete = off", err);
    }
    buf_fini(&blank);
    return rc;
}

/* Deleted words stay in old parts of the search index until these are merged. A negative number
 * starts a merge of everything into one, positive ones go on with it; settling comes in between. */
static enum err_code search_optimize(struct sqlite_store *store, struct err *err)
{
    enum err_code rc = ERR_OK;
    bool more = true;

    for (int step = 0; step < MERGE_STEPS_MAX && more && rc == ERR_OK; step++) {
        struct db *db = writer_acquire(store);
        int before = sqlite3_total_changes(db->handle);
        sqlite3_stmt *stmt;

        rc = db_exec(db, "pragma secure_delete = on", err);
        if (rc == ERR_OK)
            rc = db_stmt(db, SQL_SEARCH_MERGE, &stmt, err);
        if (rc == ERR_OK) {
            bind_i64(stmt, 1, step == 0 ? -MERGE_PAGES : MERGE_PAGES);
            rc = db_run(db, stmt, err);
        }
        more = sqlite3_total_changes(db->handle) - before >= 2; /* FTS5: less is no work left */
        if (rc == ERR_OK)
            rc = db_exec(db, "pragma secure_delete = off", err);
        else
            rc = writer_undo(store, rc, err);
        writer_release(store);
    }
    return rc;
}

/* Old pages are still in the WAL; with a reader on it they go at the next restart of it. */
static void wal_empty(struct sqlite_store *store)
{
    struct db *db = writer_acquire(store);

    (void)sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    writer_release(store);
}

static enum err_code attachments_erase(struct sqlite_store *store, uint64_t visitor,
                                       struct err *err)
{
    struct db *db = &store->writer.db;
    enum err_code rc = db_exec(db, "pragma secure_delete = on", err);

    if (rc == ERR_OK)
        rc = db_do(db, SQL_BEGIN, err);
    if (rc == ERR_OK)
        rc = by_id(db, SQL_ERASE_PARTS, visitor, err);
    if (rc == ERR_OK)
        rc = by_id(db, SQL_ERASE_ATTACHMENTS, visitor, err);
    if (rc == ERR_OK)
        rc = db_do(db, SQL_COMMIT, err);
    if (rc != ERR_OK)
        return writer_undo(store, rc, err);
    return db_exec(db, "pragma secure_delete = off", err);
}

enum err_code sqlite_visitor_erase(struct store *base, uint64_t visitor, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct db *db = writer_acquire(store);
    enum err_code rc = writer_settle_all(store, err);

    if (rc == ERR_OK)
        rc = profile_erase(db, visitor, err);
    if (rc == ERR_OK)
        rc = convs_erase(store, visitor, err);
    if (rc == ERR_OK)
        rc = attachments_erase(store, visitor, err);
    writer_release(store);
    if (rc == ERR_OK)
        rc = search_optimize(store, err);
    if (rc == ERR_OK)
        wal_empty(store);
    return rc;
}
