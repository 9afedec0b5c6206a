/* SPDX-License-Identifier: Apache-2.0 */
/* Reads everything that is stored and counts what is wrong. Pages by key, so that no snapshot is
 * kept long on a running store. */
#include "store_sqlite.h"

#include "crc32c.h"
#include "sqlite_priv.h"
#include "sqlite_schema.h"

#include "mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_PAGE = 10000 }; /* rows of one snapshot */

struct check {
    struct sqlite_store *store; /* NULL: nobody runs, and db is the inspector's */
    struct db *inspector;
    struct store_check_report *out;
};

static enum err_code check_acquire(struct check *check, struct db **db, struct err *err)
{
    *db = check->inspector;
    return check->store != NULL ? reader_acquire(check->store, db, err) : ERR_OK;
}

static void check_release(struct check *check, struct db **db)
{
    if (check->store != NULL)
        reader_release(check->store, db);
    else
        db_rest(*db);
}

/* ---- events: checksums, by row ---- */

static bool event_sound(sqlite3_stmt *stmt)
{
    struct slice id = column_slice(stmt, 3);
    const uint8_t *client_id = id.len == STORE_CLIENT_ID_BYTES ? (const uint8_t *)id.ptr : NULL;

    return event_crc(client_id, column_u64(stmt, 4), column_slice(stmt, 1),
                     column_slice(stmt, 2)) == column_u32(stmt, 5);
}

/* *after is 0 at the end. */
static enum err_code events_page(struct check *check, uint64_t *after, struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    size_t n = 0;
    bool row;
    enum err_code rc = check_acquire(check, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_CHECK_EVENTS, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, *after);
        bind_u64(stmt, 2, CHECK_PAGE);
        while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
            check->out->events++;
            check->out->bad_checksums += !event_sound(stmt);
            *after = column_u64(stmt, 0);
            n++;
        }
    }
    check_release(check, &db);
    if (n == 0)
        *after = 0;
    return rc;
}

/* ---- seq: dense from 1, along the index ---- */

struct place {
    uint64_t conv;
    uint32_t seq;
};

static enum err_code seqs_page(struct check *check, struct place *at, bool *more, struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    bool row;
    enum err_code rc = check_acquire(check, &db, err);

    *more = false;
    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_CHECK_SEQS, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, at->conv);
        bind_u64(stmt, 2, at->seq);
        bind_u64(stmt, 3, CHECK_PAGE);
        while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
            struct place next = { column_u64(stmt, 0), column_u32(stmt, 1) };

            check->out->seq_gaps += next.seq != (next.conv == at->conv ? at->seq + 1 : 1);
            *at = next;
            *more = true;
        }
    }
    check_release(check, &db);
    return rc;
}

/* ---- conversations: header checksums, and the head that the rows must reach ---- */

static enum err_code convs_page(struct check *check, uint64_t *after, struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    size_t n = 0;
    bool row;
    enum err_code rc = check_acquire(check, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, SQL_CHECK_CONVS, &stmt, err);
    if (rc == ERR_OK) {
        bind_u64(stmt, 1, *after);
        bind_u64(stmt, 2, CHECK_PAGE);
        while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row) {
            struct slice header = column_slice(stmt, 1);

            check->out->conversations++;
            check->out->bad_checksums +=
                header.ptr != NULL && crc32c(0, header.ptr, header.len) != column_u32(stmt, 2);
            check->out->seq_gaps += column_u64(stmt, 3) != column_u64(stmt, 4);
            *after = column_u64(stmt, 0);
            n++;
        }
    }
    check_release(check, &db);
    if (n == 0)
        *after = 0;
    return rc;
}

/* ---- the rest ---- */

static enum err_code number_read(struct check *check, enum sql which, uint64_t *out,
                                 struct err *err)
{
    sqlite3_stmt *stmt;
    struct db *db;
    bool row;
    enum err_code rc = check_acquire(check, &db, err);

    if (rc != ERR_OK)
        return rc;
    rc = db_stmt(db, which, &stmt, err);
    if (rc == ERR_OK)
        rc = db_next(db, stmt, &row, err);
    if (rc == ERR_OK && row)
        *out = column_u64(stmt, 0);
    check_release(check, &db);
    return rc;
}

static enum err_code tables_check(struct check *check, struct err *err)
{
    struct place at = { 0 };
    uint64_t after = 0;
    bool more = true;
    enum err_code rc;

    do {
        rc = events_page(check, &after, err);
    } while (rc == ERR_OK && after != 0);
    while (rc == ERR_OK && more)
        rc = seqs_page(check, &at, &more, err);
    do {
        rc = rc == ERR_OK ? convs_page(check, &after, err) : rc;
    } while (rc == ERR_OK && after != 0);
    if (rc == ERR_OK)
        rc = number_read(check, SQL_CHECK_CLIENT_IDS, &check->out->client_id_repeats, err);
    if (rc == ERR_OK)
        rc = number_read(check, SQL_CHECK_QUARANTINED, &check->out->quarantined, err);
    return rc;
}

static enum err_code pages_check(struct db *db, struct store_check_report *out, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_CHECK_PAGES, &stmt, err);

    if (rc != ERR_OK)
        return rc;
    while ((rc = db_next(db, stmt, &row, err)) == ERR_OK && row)
        out->sqlite_problems += !slice_equal_text(column_slice(stmt, 0), "ok");
    return rc;
}

static enum err_code journal_check(const char *path, struct db *db, struct store_check_report *out,
                                   struct err *err)
{
    struct journal_recovery recovery = { .start_batch = 1 };
    size_t len = strlen(path) + sizeof("/journal");
    char *journal = mem_alloc(len);
    enum err_code rc = progress_peek(db, &recovery, err);
    int folder;

    snprintf(journal, len, "%s/journal", path);
    folder = open(journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(journal);
    if (rc == ERR_OK && folder >= 0)
        rc = journal_scan(folder, &recovery, err);
    if (folder >= 0)
        close(folder);
    out->journal_turns = recovery.turns;
    out->torn_bytes = recovery.torn_bytes;
    out->bad_checksums += recovery.damaged;
    return rc;
}

static enum err_code folder_check(const char *path, struct db *db, struct store_check_report *out,
                                  struct err *err)
{
    struct check check = { .inspector = db, .out = out };
    unsigned version;
    enum err_code rc = schema_check(db, &version, err);

    if (rc == ERR_OK && version == 0)
        rc = err_set(err, ERR_CORRUPT, "main.db holds no tables of this program");
    if (rc == ERR_OK)
        rc = pages_check(db, out, err);
    /* A file that SQLite itself calls broken is not walked row by row. */
    if (rc == ERR_OK && out->sqlite_problems == 0)
        rc = tables_check(&check, err);
    if (rc == ERR_OK)
        rc = journal_check(path, db, out, err);
    return rc;
}

enum err_code store_sqlite_check(const char *path, struct store_check_report *out, struct err *err)
{
    size_t len = strlen(path) + sizeof("/main.db");
    char *db_path = mem_alloc(len);
    struct db db;
    int lock = -1;
    enum err_code rc = ERR_OK;

    *out = (struct store_check_report){ 0 };
    snprintf(db_path, len, "%s/main.db", path);
    if (access(db_path, F_OK) != 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no main.db in this folder");
    if (rc == ERR_OK)
        rc = folder_lock(path, &lock, err);
    if (rc == ERR_OK)
        rc = db_open(&db, db_path, DB_INSPECTOR, err);
    if (rc == ERR_OK) {
        rc = folder_check(path, &db, out, err);
        db_close(&db);
    }
    if (lock >= 0)
        close(lock);
    free(db_path);
    return rc;
}

enum err_code store_sqlite_check_running(struct store *base, struct store_check_report *out,
                                         struct err *err)
{
    struct check check = { .store = sqlite_store(base), .out = out };

    *out = (struct store_check_report){ 0 };
    ENSURE(base->backend == &store_sqlite_backend);
    return tables_check(&check, err);
}
