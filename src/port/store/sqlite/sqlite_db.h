/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to main.db and its statements. Every SQL text of the adapter is a literal in
 * sqlite_sql.c; a statement is prepared when it is first used and kept. A connection belongs to one
 * thread at a time. Private to this folder. */
#ifndef KEFU_SQLITE_DB_H
#define KEFU_SQLITE_DB_H

#include <sqlite3.h>

#include "arena.h"
#include "check.h"
#include "sqlite_sql.h"
#include "store.h"

/* Larger than SQLite's default: settling touches many pages of a few rows each, and every dirty
 * page costs two writes whatever its size. */
enum { DB_PAGE_BYTES = 8192 };

enum db_role {
    DB_WRITER,     /* the one connection that changes anything */
    DB_READER,     /* one of the pool */
    DB_CHECKPOINT, /* only moves pages from the WAL to the file */
    DB_INSPECTOR,  /* reads a folder that nobody has open, and leaves no trace */
};

struct db {
    sqlite3 *handle;
    sqlite3_stmt *stmts[SQL_COUNT];
    sqlite3_stmt *records[STORE_KIND_COUNT][RECORD_SQL_COUNT];
};

/* The file system layer of the connections that write (sqlite_vfs.c). */
extern const char db_paced_vfs[];
void db_paced_register(void); /* once, before the first connection */

/* ERR_NOT_FOUND when a DB_INSPECTOR meets no file; a DB_WRITER makes one. */
MUST_USE enum err_code db_open(struct db *db, const char *path, enum db_role role, struct err *err);
void db_close(struct db *db);
/* The error of the last call, as a fault. Writers end the process on an I/O error. */
enum err_code db_fault(struct db *db, struct err *err);
bool db_constraint(struct db *db); /* the last call broke a unique index */
MUST_USE enum err_code db_exec(struct db *db, const char *sql, struct err *err);

MUST_USE enum err_code db_stmt(struct db *db, enum sql which, sqlite3_stmt **out, struct err *err);
MUST_USE enum err_code db_record_stmt(struct db *db, enum store_kind kind, enum record_sql which,
                                      sqlite3_stmt **out, struct err *err);
/* Runs a statement without rows to its end, and resets it. */
MUST_USE enum err_code db_run(struct db *db, sqlite3_stmt *stmt, struct err *err);
/* One that needs no arguments. */
MUST_USE enum err_code db_do(struct db *db, enum sql which, struct err *err);
/* The next row; at the end *row is false and the statement is reset. */
MUST_USE enum err_code db_next(struct db *db, sqlite3_stmt *stmt, bool *row, struct err *err);

/* Resets what was left in the middle, so that the connection keeps no snapshot. */
void db_rest(struct db *db);

/* Bound bytes are borrowed until the statement is reset. */
void bind_i64(sqlite3_stmt *stmt, int at, int64_t value);
void bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
void bind_blob(sqlite3_stmt *stmt, int at, struct slice value);
void bind_text(sqlite3_stmt *stmt, int at, struct slice value); /* NULL when empty */
void bind_null(sqlite3_stmt *stmt, int at);

static inline uint64_t column_u64(sqlite3_stmt *stmt, int at)
{
    return (uint64_t)sqlite3_column_int64(stmt, at);
}
static inline uint32_t column_u32(sqlite3_stmt *stmt, int at)
{
    return (uint32_t)sqlite3_column_int64(stmt, at);
}
/* Bytes of a blob or text; valid until the next step. */
struct slice column_slice(sqlite3_stmt *stmt, int at);
/* A copy in the arena, terminated; a NULL ptr means that the arena is full. */
struct slice db_slice_copy(struct arena *arena, struct slice bytes);
enum err_code db_arena_full(struct err *err);

/* sqlite_words.c: makes the tokenizer `kefu` known to this connection. */
MUST_USE enum err_code words_register(sqlite3 *handle, struct err *err);

#endif
