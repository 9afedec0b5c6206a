/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: decides when to settle, how much, and when to index. The connection is used in
 * turns by it and by administration (writer_acquire).
 *
 * Settling waits on purpose. A slice costs per conversation and page what it costs per turn, so the
 * same turns in one slice of a second cost half of what they cost in four. A backlog is therefore
 * left alone for SETTLE_DELAY_MS, and for SETTLE_LONG_MS or SETTLE_BACKLOG_READY turns when it
 * grows so fast that the machine is busy; readers lose nothing, they read the overlay. */
#include "sqlite_priv.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <malloc.h>

enum {
    SETTLE_DELAY_MS = 250,            /* lists lag at most half a second while the load is light */
    SETTLE_LIGHT_TURNS = 2000,        /* in one SETTLE_DELAY_MS: a fifth of what a machine can do */
    SETTLE_LONG_MS = 1500,            /* and under heavy load */
    SETTLE_BACKLOG_READY = 40 * 1000, /* enough for a slice that pays */
    SLICE_SHORT_MS = 50, /* while the backlog is below SETTLE_BACKLOG_LONG, or others wait */
    SLICE_LONG_MS = 1000,
    SETTLE_BACKLOG_LONG = 10 * 1000,
    SLICE_TURNS_MIN = 256,
    SLICE_TURNS_MAX = 100 * 1000,
    SLICE_TURNS_FIRST_US = 30, /* a careful guess of what a turn takes, before any was measured */
    CHECKPOINT_PAGES = 4096,   /* 32 MiB of WAL; hot pages are in it many times */
    WAL_PAGES_MAX = 256 * 1024 * 1024 / DB_PAGE_BYTES,
    IDLE_MS = 1000,       /* then the page cache is given back */
    BUSY_TURNS_MS = 6,    /* turns per ms above which the search stage holds back */
    BUSY_SAMPLE_MS = 200, /* over which they are counted */
    BUSY_SEARCH_MS = 500, /* and then it gets one slice in this time */
};

/* ---- taking turns ---- */

struct db *writer_acquire(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;

    pthread_mutex_lock(&writer->lock);
    writer->admins_wait++;
    while (writer->busy || (writer->last_was_admin && writer->settler_waits))
        pthread_cond_wait(&writer->changed, &writer->lock);
    writer->admins_wait--;
    writer->busy = true;
    writer->last_was_admin = true;
    pthread_mutex_unlock(&writer->lock);
    return &writer->db;
}

void writer_release(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;

    pthread_mutex_lock(&writer->lock);
    writer->busy = false;
    writer->idle_since_us = clock_mono_us(&store->clock); /* what caused it used memory too */
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

/* The writer thread's side; the lock is held before and after. */
static void settler_acquire(struct writer *writer)
{
    writer->settler_waits = true;
    while (writer->busy || (!writer->last_was_admin && writer->admins_wait > 0))
        pthread_cond_wait(&writer->changed, &writer->lock);
    writer->settler_waits = false;
    writer->busy = true;
    writer->last_was_admin = false;
    pthread_mutex_unlock(&writer->lock);
}

static void settler_release(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->busy = false;
    pthread_cond_broadcast(&writer->changed);
}

enum err_code writer_undo(struct sqlite_store *store, enum err_code rc, const struct err *err)
{
    struct db *db = &store->writer.db;

    if (rc == ERR_IO)
        journal_die(err != NULL ? err->text : "writing main.db", errno);
    db_rest(db);
    ENSURE(sqlite3_get_autocommit(db->handle) != 0);
    (void)sqlite3_exec(db->handle, "pragma secure_delete = off", NULL, NULL, NULL);
    return rc;
}

/* ---- one slice of settling ---- */

static size_t slice_turns(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;
    bool small = settle_backlog(store) < SETTLE_BACKLOG_LONG || writer->admins_wait > 0;
    double turns = (small ? SLICE_SHORT_MS : SLICE_LONG_MS) * 1000 / writer->us_per_turn;

    if (turns < SLICE_TURNS_MIN)
        return SLICE_TURNS_MIN;
    return turns > SLICE_TURNS_MAX ? SLICE_TURNS_MAX : (size_t)turns;
}

static void slice_measure(struct writer *writer, size_t turns, int64_t us)
{
    if (turns >= SLICE_TURNS_MIN)
        writer->us_per_turn = writer->us_per_turn * 0.7 + (double)us / (double)turns * 0.3;
}

/* The caller holds the writer. *done: nothing is left up to the mark. */
static enum err_code slice_run(struct sqlite_store *store, const struct journal_mark *mark,
                               size_t turns, bool *done, struct err *err)
{
    struct writer *writer = &store->writer;
    int64_t start = clock_mono_us(&store->clock);
    size_t settled = 0;
    enum err_code rc = settle_slice(writer->settle, mark->position, turns, &settled, err);

    *done = false;
    if (rc != ERR_OK)
        return rc;
    slice_measure(writer, settled, clock_mono_us(&store->clock) - start);
    *done = settle_position(writer->settle) >= mark->position;
    /* A damaged stretch makes both counts differ; they meet again where everything is settled. */
    if (*done)
        atomic_store(&writer->settled_turns, mark->turns);
    else
        atomic_fetch_add(&writer->settled_turns, settled);
    leftovers_drop(store);
    return ERR_OK;
}

enum err_code writer_settle_upto(struct sqlite_store *store, const struct journal_mark *mark,
                                 int64_t until_us, struct err *err)
{
    bool done = settle_position(store->writer.settle) >= mark->position;
    enum err_code rc = ERR_OK;

    while (rc == ERR_OK && !done && clock_mono_us(&store->clock) < until_us)
        rc = slice_run(store, mark, SLICE_TURNS_MAX, &done, err);
    return rc;
}

enum err_code writer_settle_all(struct sqlite_store *store, struct err *err)
{
    struct journal_mark mark = commit_mark(store);

    return writer_settle_upto(store, &mark, INT64_MAX, err);
}

/* ---- what to do next ---- */

enum work { WORK_WAIT, WORK_SETTLE, WORK_SEARCH, WORK_RELAX };

static void load_sample(struct sqlite_store *store, int64_t now)
{
    struct writer *writer = &store->writer;
    uint64_t turns = atomic_load(&store->commit.turns);
    int64_t us = now - writer->sample_us;

    if (us < BUSY_SAMPLE_MS * INT64_C(1000))
        return;
    writer->loaded = (int64_t)(turns - writer->sample_turns) * 1000 > us * BUSY_TURNS_MS;
    writer->sample_turns = turns;
    writer->sample_us = now;
}

/* Indexing costs more than all the rest of a turn: under load it must not take the processor from
 * those who answer. */
static bool search_due(struct sqlite_store *store, int64_t now, int64_t *wait_ms)
{
    struct writer *writer = &store->writer;
    int64_t due = writer->searched_us + BUSY_SEARCH_MS * INT64_C(1000);

    if (atomic_load(&writer->search_upto) >= atomic_load(&writer->event_last))
        return false;
    if (!writer->loaded || writer->hurry > 0 || now >= due)
        return true;
    if (*wait_ms > (due - now) / 1000 + 1)
        *wait_ms = (due - now) / 1000 + 1;
    return false;
}

/* The lock is held. *wait_ms: how long to sleep at most when there is nothing to do. */
static enum work work_next(struct sqlite_store *store, int64_t *wait_ms)
{
    struct writer *writer = &store->writer;
    uint64_t backlog = settle_backlog(store);
    int64_t now = clock_mono_us(&store->clock);
    int64_t due;

    *wait_ms = INT32_MAX;
    load_sample(store, now);
    if (backlog == 0) {
        writer->waiting_since_us = 0;
    } else if (!store->options.settle_paused) {
        if (writer->waiting_since_us == 0)
            writer->waiting_since_us = now;
        due = writer->waiting_since_us +
              (backlog < SETTLE_LIGHT_TURNS ? SETTLE_DELAY_MS : SETTLE_LONG_MS) * INT64_C(1000);
        if (writer->hurry > 0 || backlog >= SETTLE_BACKLOG_READY || now >= due)
            return WORK_SETTLE;
        /* At the end of the short delay it is decided whether to wait on. */
        if (now < writer->waiting_since_us + SETTLE_DELAY_MS * INT64_C(1000))
            due = writer->waiting_since_us + SETTLE_DELAY_MS * INT64_C(1000);
        *wait_ms = (due - now) / 1000 + 1;
    }
    if (search_due(store, now, wait_ms))
        return WORK_SEARCH;
    if (writer->idle_since_us != 0 && backlog == 0) {
        if (now >= writer->idle_since_us + IDLE_MS * INT64_C(1000))
            return WORK_RELAX;
        if (*wait_ms > IDLE_MS)
            *wait_ms = IDLE_MS;
    }
    return WORK_WAIT;
}

/* A full disk is tried again; what else may go wrong here has ended the process already. */
static void slice_end(struct sqlite_store *store, enum err_code rc, const struct err *err)
{
    struct writer *writer = &store->writer;

    if (rc == ERR_CORRUPT)
        journal_die(err->text, EIO);
    writer->retry = rc != ERR_OK;
    if (rc == ERR_OK && atomic_exchange(&writer->full, false))
        LOG_WARN("main_db_has_room");
    if (rc == ERR_NO_SPACE && !atomic_exchange(&writer->full, true))
        LOG_WARN("main_db_no_space");
}

static void work_settle(struct sqlite_store *store, size_t turns)
{
    struct journal_mark mark = commit_mark(store);
    struct err err = { 0 };
    bool done;

    slice_end(store, slice_run(store, &mark, turns, &done, &err), &err);
}

static void work_search(struct sqlite_store *store)
{
    struct err err = { 0 };

    store->writer.searched_us = clock_mono_us(&store->clock);
    slice_end(store, search_slice(store, &err), &err);
}

static void checkpoint_ask(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;

    pthread_mutex_lock(&writer->lock);
    writer->checkpoint_wanted = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

static void caches_release(void *ctx)
{
    struct sqlite_store *store = ctx;

    sqlite3_db_release_memory(store->writer.db.handle);
    settle_rest(store->writer.settle);
    readers_rest(&store->readers);
}

/* Nothing happened for a while: the pages that connections keep are cheap to read again, and an
 * idle server should be small. */
static void work_relax(struct sqlite_store *store)
{
    mem_heap_rest(caches_release, store);
    malloc_trim(0);
    checkpoint_ask(store);
}

/* A WAL that never found a moment without readers behind it is restarted by force, if possible. */
static void wal_restart(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;

    if (atomic_load(&writer->wal_pages) < WAL_PAGES_MAX)
        return;
    sqlite3_busy_timeout(writer->db.handle, 0);
    (void)sqlite3_wal_checkpoint_v2(writer->db.handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_busy_timeout(writer->db.handle, 5000);
}

static void work_run(struct sqlite_store *store, enum work work, size_t turns)
{
    if (work == WORK_SETTLE)
        work_settle(store, turns);
    else if (work == WORK_SEARCH)
        work_search(store);
    else
        work_relax(store);
    if (work != WORK_RELAX)
        wal_restart(store);
}

static void *writer_run(void *arg)
{
    struct sqlite_store *store = arg;
    struct writer *writer = &store->writer;

    thread_background();
    pthread_mutex_lock(&writer->lock);
    while (!writer->stopping) {
        int64_t wait_ms;
        enum work work = work_next(store, &wait_ms);
        size_t turns = slice_turns(store);

        if (writer->retry || work == WORK_WAIT) {
            thread_wait(&writer->changed, &writer->lock,
                        writer->retry && wait_ms > RETRY_MS ? RETRY_MS : wait_ms);
            writer->retry = false;
            continue;
        }
        settler_acquire(writer);
        work_run(store, work, turns);
        settler_release(writer);
        writer->waiting_since_us = 0;
        writer->idle_since_us = work == WORK_RELAX ? 0 : clock_mono_us(&store->clock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

void writer_notice(struct sqlite_store *store, uint64_t before, uint64_t after)
{
    struct writer *writer = &store->writer;

    if (before != 0 && (before >= SETTLE_BACKLOG_READY || after < SETTLE_BACKLOG_READY))
        return;
    pthread_mutex_lock(&writer->lock);
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
}

/* ---- waiting for it ---- */

static bool settled_to(struct sqlite_store *store, uint64_t position, uint64_t event)
{
    return atomic_load(&store->writer.settled_upto) >= position &&
           atomic_load(&store->writer.search_upto) >= event;
}

/* The lock is held. false: not in time. */
static bool wait_until(struct sqlite_store *store, uint64_t position, uint64_t event,
                       int64_t until_us)
{
    struct writer *writer = &store->writer;

    while (!settled_to(store, position, event)) {
        int64_t left = until_us - clock_mono_us(&clock_system);

        if (left <= 0)
            return false;
        thread_wait(&writer->changed, &writer->lock, left / 1000 + 1);
    }
    return true;
}

enum err_code sqlite_settle_wait(struct store *base, int timeout_ms, bool search, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct writer *writer = &store->writer;
    int64_t until = clock_mono_us(&clock_system) + timeout_ms * INT64_C(1000);
    struct journal_mark mark = commit_mark(store);
    bool ok;

    pthread_mutex_lock(&writer->lock);
    writer->hurry++;
    pthread_cond_broadcast(&writer->changed);
    ok = wait_until(store, mark.position, 0, until);
    if (ok && search)
        ok = wait_until(store, mark.position, atomic_load(&writer->event_last), until);
    writer->hurry--;
    pthread_mutex_unlock(&writer->lock);
    return ok ? ERR_OK : err_set(err, ERR_TIMEOUT, "not settled within %d ms", timeout_ms);
}

enum err_code sqlite_settle_run(struct store *base, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    enum err_code rc;

    writer_acquire(store);
    rc = writer_settle_all(store, err);
    writer_release(store);
    return rc;
}

/* ---- checkpoints ---- */

/* SQLite calls this after each commit of the writer, with the pages in the WAL. */
static int wal_grew(void *arg, sqlite3 *handle, const char *name, int pages)
{
    struct sqlite_store *store = arg;
    int before = atomic_exchange(&store->writer.wal_pages, pages);

    (void)handle, (void)name;
    if (pages < before) /* the WAL began anew */
        atomic_store(&store->writer.checkpointed_pages, 0);
    if (pages - atomic_load(&store->writer.checkpointed_pages) >= CHECKPOINT_PAGES)
        checkpoint_ask(store);
    return SQLITE_OK;
}

static void checkpoint_run(struct sqlite_store *store, struct db *db)
{
    int pages = 0;
    int done = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

    if ((rc & 0xFF) == SQLITE_IOERR)
        journal_die("checkpointing main.db", errno);
    if (rc == SQLITE_OK && done > 0)
        atomic_store(&store->writer.checkpointed_pages, done);
}

static void *checkpoint_thread_run(void *arg)
{
    struct sqlite_store *store = arg;
    struct writer *writer = &store->writer;

    thread_background();
    pthread_mutex_lock(&writer->lock);
    while (!writer->stopping) {
        if (!writer->checkpoint_wanted) {
            pthread_cond_wait(&writer->changed, &writer->lock);
            continue;
        }
        writer->checkpoint_wanted = false;
        pthread_mutex_unlock(&writer->lock);
        checkpoint_run(store, &writer->checkpoint_db);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- starting and stopping ---- */

void writer_init(struct sqlite_store *store)
{
    pthread_mutex_init(&store->writer.lock, NULL);
    thread_cond_init(&store->writer.changed);
    store->writer.us_per_turn = SLICE_TURNS_FIRST_US;
}

enum err_code writer_start(struct sqlite_store *store, struct err *err)
{
    struct writer *writer = &store->writer;
    enum err_code rc = db_open(&writer->checkpoint_db, store->db_path, DB_CHECKPOINT, err);

    if (rc != ERR_OK)
        return rc;
    sqlite3_wal_hook(writer->db.handle, wal_grew, store);
    if (!thread_start(&writer->thread, writer_run, store, "kefu-settle"))
        return err_set(err, ERR_IO, "cannot start the writer thread");
    writer->started = true;
    pthread_mutex_lock(&writer->lock);
    writer->idle_since_us = clock_mono_us(&store->clock); /* whoever starts has read a lot */
    pthread_mutex_unlock(&writer->lock);
    if (!thread_start(&writer->checkpointer, checkpoint_thread_run, store, "kefu-checkpoint")) {
        writer_stop(store);
        return err_set(err, ERR_IO, "cannot start the checkpoint thread");
    }
    writer->checkpoints = true;
    return ERR_OK;
}

void writer_stop(struct sqlite_store *store)
{
    struct writer *writer = &store->writer;

    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    if (writer->started)
        pthread_join(writer->thread, NULL);
    if (writer->checkpoints)
        pthread_join(writer->checkpointer, NULL);
    writer->started = writer->checkpoints = false;
    db_close(&writer->checkpoint_db);
}

void writer_fini(struct sqlite_store *store)
{
    settle_destroy(&store->writer.settle);
    db_close(&store->writer.db);
    pthread_mutex_destroy(&store->writer.lock);
    pthread_cond_destroy(&store->writer.changed);
}
