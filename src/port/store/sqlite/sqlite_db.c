/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_db.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One connection is one thread's at a time, so SQLite's own mutexes are left out. */
enum {
    OPEN_FLAGS = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
    BUSY_MS = 5000, /* only somebody's shell on the file can hold it that long */
};

/* synchronous=FULL syncs the WAL at each commit. Checkpoints are run by hand. Deleted bytes are
 * overwritten only where a person's words are deleted (see DB_SECURE_DELETE in sqlite_sql.c). */
static const char writer_pragmas[] = "PRAGMA page_size=8192;"
                                     "PRAGMA journal_mode=WAL;"
                                     "PRAGMA synchronous=FULL;"
                                     "PRAGMA wal_autocheckpoint=0;"
                                     "PRAGMA cache_size=-65536;"
                                     "PRAGMA temp_store=MEMORY;"
                                     "PRAGMA secure_delete=OFF;";
_Static_assert(DB_PAGE_BYTES == 8192, "as in writer_pragmas");
static const char reader_pragmas[] = "PRAGMA query_only=ON;"
                                     "PRAGMA cache_size=-2048;"
                                     "PRAGMA temp_store=MEMORY;";
static const char checkpoint_pragmas[] = "PRAGMA synchronous=FULL;"
                                         "PRAGMA cache_size=-64;";

static const struct {
    int flags;
    const char *pragmas;
    const char *vfs; /* NULL: SQLite's own */
} roles[] = {
    [DB_WRITER] = { SQLITE_OPEN_READWRITE, writer_pragmas, db_paced_vfs },
    [DB_READER] = { SQLITE_OPEN_READWRITE, reader_pragmas, NULL },
    [DB_CHECKPOINT] = { SQLITE_OPEN_READWRITE, checkpoint_pragmas, db_paced_vfs },
    [DB_INSPECTOR] = { SQLITE_OPEN_READONLY, reader_pragmas, NULL },
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* Statistics would take a global mutex at every allocation. Pages are allocated one by one: twenty
 * at once would cost every reader 160 kB, of which most use three. Before anything else of SQLite.
 */
static void library_init(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    db_paced_register();
}

/* SQLite would give the file the umask's permissions. */
static enum err_code file_make(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "main.db: %s",
                       strerror(errno));
    close(fd);
    return ERR_OK;
}

/* Without a WAL nobody has the file open and nothing has to be recovered: SQLite is told so, or it
 * would make a WAL and its index only to read. */
static int inspector_open(struct db *db, const char *path)
{
    size_t len = 3 * strlen(path) + sizeof("file:?immutable=1-wal");
    char *uri = mem_alloc(len);
    size_t at = (size_t)snprintf(uri, len, "%s-wal", path);
    bool wal = access(uri, F_OK) == 0;
    int rc;

    at = (size_t)snprintf(uri, len, "file:");
    for (; *path != '\0'; path++) /* what means something in a URI */
        at += (size_t)snprintf(uri + at, len - at, strchr("%?#", *path) ? "%%%02x" : "%c", *path);
    snprintf(uri + at, len - at, wal ? "" : "?immutable=1");
    rc = sqlite3_open_v2(uri, &db->handle, roles[DB_INSPECTOR].flags | OPEN_FLAGS | SQLITE_OPEN_URI,
                         NULL);
    free(uri);
    return rc;
}

static int handle_open(struct db *db, const char *path, enum db_role role)
{
    if (role == DB_INSPECTOR)
        return inspector_open(db, path);
    return sqlite3_open_v2(path, &db->handle, roles[role].flags | OPEN_FLAGS, roles[role].vfs);
}

enum err_code db_open(struct db *db, const char *path, enum db_role role, struct err *err)
{
    enum err_code rc = ERR_OK;

    *db = (struct db){ 0 };
    pthread_once(&library_once, library_init);
    if (role == DB_WRITER)
        rc = file_make(path, err);
    else if (role == DB_INSPECTOR && access(path, F_OK) != 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no main.db in this folder");
    if (rc != ERR_OK)
        return rc;
    if (handle_open(db, path, role) != SQLITE_OK) {
        rc = db_fault(db, err);
        db_close(db);
        return rc;
    }
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    if (role == DB_INSPECTOR || role == DB_READER || role == DB_CHECKPOINT)
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    rc = db_exec(db, roles[role].pragmas, err);
    if (rc == ERR_OK)
        rc = words_register(db->handle, err);
    if (rc != ERR_OK)
        db_close(db);
    return rc;
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->stmts[i]);
    for (size_t kind = 0; kind < STORE_KIND_COUNT; kind++) {
        for (size_t i = 0; i < RECORD_SQL_COUNT; i++)
            sqlite3_finalize(db->records[kind][i]);
    }
    sqlite3_close(db->handle);
    *db = (struct db){ 0 };
}

enum err_code db_fault(struct db *db, struct err *err)
{
    int code = db->handle != NULL ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;
    const char *text = db->handle != NULL ? sqlite3_errmsg(db->handle) : "out of memory";

    if (code == SQLITE_IOERR_SHMSIZE)
        return err_set(err, ERR_NO_SPACE, "no space for main.db");
    switch (code & 0xFF) {
    case SQLITE_FULL:
        return err_set(err, ERR_NO_SPACE, "no space for main.db");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT, "main.db: %s", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "main.db: %s", text);
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_CONFLICT, "main.db: %s", text);
    default:
        return err_set(err, ERR_IO, "main.db: %s", text);
    }
}

bool db_constraint(struct db *db)
{
    return (sqlite3_errcode(db->handle) & 0xFF) == SQLITE_CONSTRAINT;
}

enum err_code db_exec(struct db *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK
                                                                        : db_fault(db, err);
}

static enum err_code stmt_get(struct db *db, const char *sql, sqlite3_stmt **slot,
                              sqlite3_stmt **out, struct err *err)
{
    if (*slot == NULL &&
        sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK)
        return db_fault(db, err);
    *out = *slot;
    return ERR_OK;
}

enum err_code db_stmt(struct db *db, enum sql which, sqlite3_stmt **out, struct err *err)
{
    return stmt_get(db, sql_text(which), &db->stmts[which], out, err);
}

enum err_code db_record_stmt(struct db *db, enum store_kind kind, enum record_sql which,
                             sqlite3_stmt **out, struct err *err)
{
    return stmt_get(db, record_sql_text(kind, which), &db->records[kind][which], out, err);
}

enum err_code db_run(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
    int rc = sqlite3_step(stmt);
    enum err_code code = rc == SQLITE_DONE ? ERR_OK : db_fault(db, err);

    ENSURE(rc != SQLITE_ROW);
    sqlite3_reset(stmt);
    return code;
}

enum err_code db_do(struct db *db, enum sql which, struct err *err)
{
    sqlite3_stmt *stmt;
    enum err_code rc = db_stmt(db, which, &stmt, err);

    return rc == ERR_OK ? db_run(db, stmt, err) : rc;
}

enum err_code db_next(struct db *db, sqlite3_stmt *stmt, bool *row, struct err *err)
{
    int rc = sqlite3_step(stmt);
    enum err_code code = ERR_OK;

    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return ERR_OK;
    if (rc != SQLITE_DONE)
        code = db_fault(db, err);
    sqlite3_reset(stmt);
    return code;
}

void db_rest(struct db *db)
{
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(db->handle, stmt)) != NULL;) {
        if (sqlite3_stmt_busy(stmt))
            sqlite3_reset(stmt);
    }
    if (sqlite3_get_autocommit(db->handle) == 0)
        (void)sqlite3_exec(db->handle, "rollback", NULL, NULL, NULL);
}

/* A bind fails only for a wrong index or a size beyond SQLite's limit, which ours are far below. */
void bind_i64(sqlite3_stmt *stmt, int at, int64_t value)
{
    ENSURE(sqlite3_bind_int64(stmt, at, value) == SQLITE_OK);
}

void bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
    ENSURE(sqlite3_bind_int64(stmt, at, (int64_t)value) == SQLITE_OK);
}

void bind_blob(sqlite3_stmt *stmt, int at, struct slice value)
{
    ENSURE(sqlite3_bind_blob64(stmt, at, value.ptr != NULL ? value.ptr : "", value.len,
                               SQLITE_STATIC) == SQLITE_OK);
}

void bind_text(sqlite3_stmt *stmt, int at, struct slice value)
{
    if (value.len == 0)
        bind_null(stmt, at);
    else
        ENSURE(sqlite3_bind_text64(stmt, at, value.ptr, value.len, SQLITE_STATIC, SQLITE_UTF8) ==
               SQLITE_OK);
}

void bind_null(sqlite3_stmt *stmt, int at)
{
    ENSURE(sqlite3_bind_null(stmt, at) == SQLITE_OK);
}

struct slice column_slice(sqlite3_stmt *stmt, int at)
{
    const void *ptr = sqlite3_column_blob(stmt, at);

    return slice_make(ptr, (size_t)sqlite3_column_bytes(stmt, at));
}

struct slice db_slice_copy(struct arena *arena, struct slice bytes)
{
    char *copy = arena_alloc(arena, bytes.len + 1);

    if (copy == NULL)
        return SLICE_EMPTY;
    if (bytes.len != 0)
        memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = '\0';
    return slice_make(copy, bytes.len);
}

enum err_code db_arena_full(struct err *err)
{
    return err_set(err, ERR_TOO_BIG, "the answer does not fit the arena");
}
