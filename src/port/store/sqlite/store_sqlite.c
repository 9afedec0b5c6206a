/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a data folder. The order of opening matters: nothing is changed before it is
 * known that this program may read everything in it; then the schema is brought up to date, a torn
 * tail is zeroed, and what the journal still holds is settled or taken in to be settled behind. */
#include "store_sqlite.h"

#include "sqlite_priv.h"
#include "sqlite_schema.h"
#include "sqlite_wal.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Turns: settled in well under a second. */
enum { LEFTOVERS_AT_ONCE = 50 * 1000 };

static char *path_join(const char *folder, const char *name)
{
    size_t len = strlen(folder) + strlen(name) + 2;
    char *path = mem_alloc(len);

    snprintf(path, len, "%s/%s", folder, name);
    return path;
}

static enum err_code io_fault(struct err *err, const char *what)
{
    return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", what, strerror(errno));
}

/* ---- the folder ---- */

enum err_code folder_lock(const char *folder, int *fd, struct err *err)
{
    char *path = path_join(folder, "lock");
    enum err_code rc = ERR_OK;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        rc = io_fault(err, "the data folder's lock");
    else if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK
                 ? err_set(err, ERR_CONFLICT, "another process has this data folder open")
                 : io_fault(err, "the data folder's lock");
    if (rc != ERR_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    free(path);
    return rc;
}

static enum err_code folder_open(struct sqlite_store *store, struct err *err)
{
    char *journal = path_join(store->folder, "journal");
    enum err_code rc = ERR_OK;

    if ((mkdir(store->folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(journal, 0700) != 0 && errno != EEXIST))
        rc = io_fault(err, "the data folder");
    if (rc == ERR_OK)
        rc = folder_lock(store->folder, &store->lock_fd, err);
    if (rc == ERR_OK) {
        store->journal = open(journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->journal < 0)
            rc = io_fault(err, "the journal folder");
    }
    free(journal);
    return rc;
}

/* ---- opening ---- */

enum err_code progress_peek(struct db *db, struct journal_recovery *recovery, struct err *err)
{
    sqlite3_stmt *stmt;
    bool row;
    enum err_code rc = db_stmt(db, SQL_PROGRESS, &stmt, err);

    if (rc == ERR_OK)
        rc = db_next(db, stmt, &row, err);
    if (rc != ERR_OK || !row)
        return rc;
    recovery->start = column_u64(stmt, 0);
    recovery->start_batch = column_u64(stmt, 1);
    sqlite3_reset(stmt);
    return ERR_OK;
}

/* By a read-only connection: what is there, and whether this program may read it. */
static enum err_code state_read(struct sqlite_store *store, struct journal_recovery *recovery,
                                unsigned *version, struct err *err)
{
    struct db db;
    enum err_code rc = wal_check(store->db_path, err);

    if (rc == ERR_OK)
        rc = db_open(&db, store->db_path, DB_INSPECTOR, err);
    *version = 0;
    recovery->start_batch = 1;
    if (rc == ERR_OK) {
        rc = schema_check(&db, version, err);
        if (rc == ERR_OK && *version > 0)
            rc = progress_peek(&db, recovery, err);
        db_close(&db);
    } else if (rc == ERR_NOT_FOUND) {
        rc = ERR_OK;
    }
    return rc == ERR_OK ? journal_scan(store->journal, recovery, err) : rc;
}

/* The log begins anew before anything is written to it, so that no torn end of an earlier crash
 * stands behind what follows and looks like damage to wal_check. On a full disk it goes on as it
 * is: that takes two power cuts in a row to mislead. */
static enum err_code log_begin(struct sqlite_store *store, struct err *err)
{
    enum err_code rc;

    if (sqlite3_wal_checkpoint_v2(store->writer.db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                  NULL) == SQLITE_OK)
        return ERR_OK;
    rc = db_fault(&store->writer.db, err);
    return rc == ERR_NO_SPACE ? ERR_OK : rc;
}

/* Few are settled at once, then there is nothing to remember. Many would keep people waiting. */
static enum err_code journal_take(struct sqlite_store *store,
                                  const struct journal_recovery *recovery, struct err *err)
{
    bool many = recovery->turns > LEFTOVERS_AT_ONCE || store->options.settle_paused;
    struct journal_mark mark = { recovery->end, 0 };
    enum err_code rc = settle_create(store, &store->writer.settle, err);

    if (recovery->turns != 0 || recovery->torn_bytes != 0 || recovery->damaged != 0)
        LOG_INFO("journal_recovered", KV_U64("turns", recovery->turns),
                 KV_U64("torn_bytes", recovery->torn_bytes), KV_U64("damaged", recovery->damaged));
    if (rc == ERR_OK && recovery->turns != 0 && many) {
        rc = leftovers_take(store, recovery->end, err);
        if (rc == ERR_OK) {
            commit_left_over(store, recovery->turns);
            return ERR_OK;
        }
        if (rc == ERR_CONFLICT) /* some turn does not fit: settling finds out which */
            rc = ERR_OK;
    }
    if (rc == ERR_OK)
        rc = writer_settle_upto(store, &mark, INT64_MAX, err);
    return rc;
}

static enum err_code store_prepare(struct sqlite_store *store, struct err *err)
{
    struct journal_recovery recovery = { 0 };
    unsigned version;
    enum err_code rc = folder_open(store, err);

    if (rc == ERR_OK)
        rc = state_read(store, &recovery, &version, err);
    if (rc == ERR_OK)
        rc = db_open(&store->writer.db, store->db_path, DB_WRITER, err);
    if (rc == ERR_OK)
        rc = log_begin(store, err);
    if (rc != ERR_OK)
        return rc;
    rc = schema_migrate(&store->writer.db, version, clock_wall_ms(&store->clock), err);
    if (rc == ERR_OK)
        rc = journal_repair(store->journal, &recovery, err);
    store->torn_bytes = recovery.torn_bytes;
    commit_init(store, &recovery);
    store->commit_ready = true;
    if (rc == ERR_OK)
        rc = journal_take(store, &recovery, err);
    return rc;
}

static void store_release(struct sqlite_store *store)
{
    leftovers_fini(store);
    readers_fini(&store->readers);
    writer_fini(store);
    if (store->commit_ready)
        commit_fini(store);
    if (store->journal >= 0)
        close(store->journal);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store->folder);
    free(store->db_path);
    free(store);
}

static enum err_code sqlite_open(const struct store_options *options, struct store **out,
                                 struct err *err)
{
    struct sqlite_store *store = mem_zalloc(sizeof(*store));
    enum err_code rc;

    store->base = (struct store){ options->backend, options->shards };
    store->options = *options;
    store->clock = options->clock != NULL ? *options->clock : clock_system;
    store->journal = store->lock_fd = -1;
    store->folder = mem_strndup(options->path, strlen(options->path));
    store->db_path = path_join(options->path, "main.db");
    writer_init(store);
    leftovers_init(store);
    readers_init(&store->readers, options->readers != 0 ? options->readers : READERS_DEFAULT);
    rc = store_prepare(store, err);
    if (rc == ERR_OK)
        rc = commit_start(store, err);
    if (rc == ERR_OK) {
        rc = writer_start(store, err);
        if (rc != ERR_OK)
            commit_stop(store);
    }
    if (rc != ERR_OK) {
        store_release(store);
        return rc;
    }
    *out = &store->base;
    return ERR_OK;
}

/* ---- closing ---- */

/* With everything settled the journal is empty, and the folder small. */
static void segments_drop(struct sqlite_store *store)
{
    size_t n;
    uint32_t *numbers = journal_segment_list(store->journal, &n);

    for (size_t i = 0; i < n; i++)
        journal_segment_unlink(store->journal, numbers[i]);
    free(numbers);
}

static void sqlite_close(struct store **base)
{
    struct sqlite_store *store = sqlite_store(*base);
    int64_t until = clock_mono_us(&store->clock) + CLOSE_SETTLE_MS * INT64_C(1000);
    struct journal_mark mark;
    struct err err = { 0 };

    commit_stop(store);
    writer_stop(store);
    mark = commit_mark(store);
    if (writer_settle_upto(store, &mark, until, &err) != ERR_OK)
        LOG_WARN("settle_at_close", KV_ERR(&err));
    if (settle_position(store->writer.settle) >= mark.position)
        segments_drop(store);
    store_release(store);
    *base = NULL;
}

static uint64_t sqlite_settled_upto(struct store *base)
{
    return atomic_load_explicit(&sqlite_store(base)->writer.settled_upto, memory_order_acquire);
}

static bool sqlite_writable(struct store *base)
{
    struct sqlite_store *store = sqlite_store(base);

    return !atomic_load_explicit(&store->commit.no_room, memory_order_relaxed) &&
           !atomic_load_explicit(&store->writer.full, memory_order_relaxed) &&
           !atomic_load_explicit(&store->commit.stopping, memory_order_relaxed);
}

const struct store_backend store_sqlite_backend = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .append = sqlite_append,
    .append_room = sqlite_append_room,
    .shard_resume = sqlite_shard_resume,
    .settled_upto = sqlite_settled_upto,
    .writable = sqlite_writable,
    .thread_read = sqlite_thread_read,
    .conv_load = sqlite_conv_load,
    .client_id_find = sqlite_client_id_find,
    .conv_by_start = sqlite_conv_by_start,
    .visitor_open_conv = sqlite_visitor_open_conv,
    .visitor_load = sqlite_visitor_load,
    .conv_list = sqlite_conv_list,
    .conv_open_list = sqlite_conv_open_list,
    .conv_due_list = sqlite_conv_due_list,
    .visitor_list = sqlite_visitor_list,
    .trace_load = sqlite_trace_load,
    .search = sqlite_search,
    .admin_run = sqlite_admin_run,
    .record_get = sqlite_record_get,
    .record_by_lookup = sqlite_record_by_lookup,
    .record_list = sqlite_record_list,
    .record_expire = sqlite_record_expire,
    .record_trim = sqlite_record_trim,
    .visitor_erase = sqlite_visitor_erase,
    .outbox_subscribe = sqlite_outbox_subscribe,
    .outbox_read = sqlite_outbox_read,
    .outbox_advance = sqlite_outbox_advance,
    .stats = sqlite_stats,
    .settle_wait = sqlite_settle_wait,
    .settle_run = sqlite_settle_run,
    .backup = sqlite_backup,
};
