/* SPDX-License-Identifier: Apache-2.0 */
/* Records: administration's small tables. A change returns after its transaction is synced. */
#include "sqlite_priv.h"

#include "crc32c.h"
#include "log.h"

enum { EXPIRE_MAX = 1000 };

/* ---- changing ---- */

static uint32_t record_crc(const struct store_record *record)
{
    return crc32c(0, record->body.ptr, record->body.len);
}

static void lookup_bind(sqlite3_stmt *stmt, int at, struct slice lookup)
{
    if (lookup.len != 0)
        bind_blob(stmt, at, lookup);
    else
        bind_null(stmt, at);
}

/* The version of what is stored, 0 when there is nothing. */
static enum err_code version_read(struct db *db, enum store_kind kind, uint64_t id,
                                  uint64_t *version, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_record_stmt(db, kind, RECORD_GET, &stmt, err);

    *version = 0;
    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, id);
    rc = db_next(db, stmt, &row, err);
    if (rc == ERR_OK && row) {
        *version = column_u64(stmt, 4);
        sqlite3_reset(stmt);
    }
    return rc;
}

static enum err_code record_delete(struct db *db, enum store_kind kind, uint64_t id,
                                   struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_record_stmt(db, kind, RECORD_DELETE, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, id);
    return db_run(db, stmt, err);
}

/* Inserting has created_at as ?5, body ?6 and crc ?7; updating keeps created_at. */
static enum err_code record_write(struct db *db, enum store_kind kind, bool exists,
                                  const struct store_record *record, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_record_stmt(db, kind, exists ? RECORD_UPDATE : RECORD_INSERT, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, record->id);
    bind_u64(stmt, 2, record->workspace);
    bind_u64(stmt, 3, record->parent);
    lookup_bind(stmt, 4, record->lookup);
    if (!exists)
        bind_i64(stmt, 5, record->created_at);
    bind_blob(stmt, 6, record->body);
    bind_u64(stmt, 7, record_crc(record));
    rc = db_run(db, stmt, err);
    if (rc == ERR_CONFLICT)
        rc = err_set(err, ERR_CONFLICT, "another %s has this name", store_kind_name(kind));
    return rc;
}

static enum err_code change_apply(struct db *db, const struct store_change *change, struct err *err)
{
    const struct store_record *record = &change->record;
    const char *kind = store_kind_name(change->kind);
    bool checked = change->op == STORE_UPDATE || (change->op == STORE_DELETE && record->version);
    uint64_t version;
    enum err_code rc = version_read(db, change->kind, record->id, &version, err);

    if (rc != ERR_OK)
        return rc;
    if (change->op == STORE_INSERT && version != 0)
        return err_set(err, ERR_CONFLICT, "this %s exists already", kind);
    if ((change->op == STORE_UPDATE || change->op == STORE_DELETE) && version == 0)
        return err_set(err, ERR_NOT_FOUND, "no such %s", kind);
    if (checked && version != record->version)
        return err_set(err, ERR_CONFLICT, "this %s was changed by someone else", kind);
    if (change->op == STORE_DELETE)
        return record_delete(db, change->kind, record->id, err);
    return record_write(db, change->kind, version != 0, record, err);
}

enum err_code sqlite_admin_run(struct store *base, const struct store_change *changes, size_t n,
                               size_t *failed, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct db *db = writer_acquire(store);
    enum err_code rc = db_do(db, SQL_BEGIN, err);

    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        *failed = i;
        rc = change_apply(db, &changes[i], err);
    }
    if (rc == ERR_OK)
        rc = db_do(db, SQL_COMMIT, err);
    if (rc != ERR_OK)
        rc = writer_undo(store, rc, err);
    writer_release(store);
    return rc;
}

enum err_code sqlite_record_expire(struct store *base, enum store_kind kind, int64_t before,
                                   size_t *deleted, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct db *db = writer_acquire(store);
    sqlite3_stmt *stmt;
    enum err_code rc = db_record_stmt(db, kind, RECORD_EXPIRE, &stmt, err);

    if (rc == ERR_OK) {
        bind_i64(stmt, 1, before);
        bind_u64(stmt, 2, EXPIRE_MAX);
        rc = db_run(db, stmt, err);
    }
    if (rc == ERR_OK)
        *deleted = (size_t)sqlite3_changes(db->handle);
    else
        rc = writer_undo(store, rc, err);
    writer_release(store);
    return rc;
}

/* Counted by a reader, which nobody waits for; the smallest index is enough for that. */
static enum err_code record_count(struct sqlite_store *store, enum store_kind kind, uint64_t *out,
                                  struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    bool row = false;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_record_stmt(db, kind, RECORD_COUNT, &stmt, err);
    if (rc == ERR_OK)
        rc = db_next(db, stmt, &row, err);
    *out = rc == ERR_OK && row ? column_u64(stmt, 0) : 0;
    reader_release(store, &db);
    return rc;
}

enum err_code sqlite_record_trim(struct store *base, enum store_kind kind, uint64_t keep,
                                 size_t *deleted, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    uint64_t count;
    enum err_code rc = record_count(store, kind, &count, err);

    if (rc != ERR_OK || count <= keep)
        return rc;
    db = writer_acquire(store);
    rc = db_record_stmt(db, kind, RECORD_TRIM, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, count - keep < EXPIRE_MAX ? count - keep : EXPIRE_MAX);
        rc = db_run(db, stmt, err);
    }
    if (rc == ERR_OK)
        *deleted = (size_t)sqlite3_changes(db->handle);
    else
        rc = writer_undo(store, rc, err);
    writer_release(store);
    return rc;
}

/* ---- reading ---- */

static enum err_code record_read(struct sqlite_store *store, sqlite3_stmt *stmt,
                                 struct arena *arena, struct store_record *out, struct err *err)
{
    *out = (struct store_record){
        .id = column_u64(stmt, 0),
        .workspace = column_u64(stmt, 1),
        .parent = column_u64(stmt, 2),
        .lookup = db_slice_copy(arena, column_slice(stmt, 3)),
        .version = column_u64(stmt, 4),
        .created_at = sqlite3_column_int64(stmt, 5),
    };
    if (out->lookup.ptr == NULL)
        return db_arena_full(err);
    return body_column(store, stmt, 6, arena, &out->body, err);
}

enum err_code sqlite_record_get(struct store *base, enum store_kind kind, uint64_t id,
                                struct arena *arena, struct store_record *out, bool *found,
                                struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_record_stmt(db, kind, RECORD_GET, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, id);
        rc = db_next(db, stmt, found, err);
        if (rc == ERR_OK && *found)
            rc = record_read(store, stmt, arena, out, err);
    }
    reader_release(store, &db);
    return rc;
}

enum err_code sqlite_record_by_lookup(struct store *base, enum store_kind kind, uint64_t workspace,
                                      struct slice lookup, struct arena *arena,
                                      struct store_record *out, bool *found, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *stmt;
    struct db *db;
    enum err_code rc = reader_acquire(store, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_record_stmt(db, kind, RECORD_BY_LOOKUP, &stmt, err);
    if (rc == ERR_OK) {
        bind_blob(stmt, 1, lookup);
        bind_u64(stmt, 2, workspace);
        rc = db_next(db, stmt, found, err);
        if (rc == ERR_OK && *found)
            rc = record_read(store, stmt, arena, out, err);
    }
    reader_release(store, &db);
    return rc;
}

static enum err_code records_read(struct sqlite_store *store, struct db *db,
                                  const struct store_record_query *query, struct arena *arena,
                                  struct store_records *out, struct err *err)
{
    bool down = query->descending;
    uint64_t after = down && query->after == 0 ? INT64_MAX : query->after;
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc =
        db_record_stmt(db, query->kind, down ? RECORD_LIST_DOWN : RECORD_LIST, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    bind_u64(stmt, 1, after);
    bind_u64(stmt, 2, query->workspace);
    bind_u64(stmt, 3, query->parent);
    bind_u64(stmt, 4, query->limit + 1);
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
        if (out->n == query->limit) {
            out->more = true;
            break;
        }
        rc = record_read(store, stmt, arena, &out->items[out->n++], err);
        if (rc != ERR_OK)
            break;
    }
    return rc;
}

enum err_code sqlite_record_list(struct store *base, const struct store_record_query *query,
                                 struct arena *arena, struct store_records *out, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct db *db;
    enum err_code rc;

    out->items = arena_alloc(arena, query->limit * sizeof(*out->items));
    if (out->items == NULL)
        return db_arena_full(err);
    rc = reader_acquire(store, &db, err);
    if (rc != ERR_OK)
        return rc;
    rc = records_read(store, db, query, arena, out, err);
    reader_release(store, &db);
    return rc;
}
