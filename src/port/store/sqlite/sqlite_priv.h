/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter's parts and how they share the store. Private to this folder.
 *
 *   shards ──rings──▶ commit thread ──journal──▶ writer thread ──▶ main.db ◀── readers
 *                        ▲ segments                 ▲ WAL pages
 *                     maker thread              checkpoint thread
 *
 * Positions flow one way: committed (written by the commit thread), settled (by the writer). */
#ifndef KEFU_SQLITE_PRIV_H
#define KEFU_SQLITE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "journal.h"
#include "shard_ring.h"
#include "sqlite_db.h"
#include "store_backend.h"
#include "store_turn.h"

enum {
    SEGMENT_BYTES = 64 * 1024 * 1024,
    SEGMENT_BYTES_MIN = 4 * 1024 * 1024, /* on a small disk; holds three of the longest turns */
    SHARD_CHUNKS_MAX = 8192, /* store_append calls of one shard in flight: a quarter second of
                                single turns at 30,000/s */
    CHUNK_TURNS_MAX = 128,   /* what one shard gets of a batch before the others' turn */
    CHUNK_BYTES_MAX = 256 * 1024,
    IN_FLIGHT_MS = 100,   /* of the measured commit rate, over all shards */
    IN_FLIGHT_MIN = 1024, /* turns; the rate says little while batches are small */
    IN_FLIGHT_MAX = 64 * 1024,
    RETRY_MS = 1000, /* how often a full disk is tried again */
    CLOSE_SETTLE_MS = 10000,
    READERS_DEFAULT = 4,
};

/* ---- threads (sqlite_thread.c) ---- */

/* Blocks all signals in the new thread, so that they reach the threads that expect them. */
MUST_USE bool thread_start(pthread_t *out, void *(*run)(void *), void *arg, const char *name);
/* The calling thread yields the processor to those that answer people. */
void thread_background(void);
void thread_cond_init(pthread_cond_t *cond); /* on the clock that never jumps */
void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms); /* at most ms */

/* ---- commit thread ---- */

/* What one store_append call took (or a part of it): records ready to be written. */
struct chunk {
    unsigned shard;
    uint32_t turns;
    uint32_t events;
    size_t bytes; /* of the records, a multiple of JOURNAL_ALIGN */
    char *records;
    uint64_t position; /* of the first one, once written */
    struct chunk *next;
    struct chunk_turn {
        uint64_t ticket;
        size_t offset; /* of its record */
    } turn[];
};

struct commit_shard {
    struct shard_ring ring; /* of struct chunk * */
    uint64_t appended;      /* turns; the shard's own */
    atomic_uint_fast64_t completed;
    atomic_bool failed; /* see store_shard_resume */
};

/* Where the journal ends, as far as it is durable. */
struct journal_mark {
    uint64_t position; /* behind the last batch */
    uint64_t turns;    /* since open, and those that were left over then */
};

struct commit {
    struct commit_shard *shards;
    pthread_t thread;
    pthread_t maker;
    bool commits, makes; /* which of the two threads run */
    int wake_fd;         /* eventfd */
    atomic_bool asleep;
    atomic_bool stopping;
    atomic_bool no_room;        /* the journal cannot grow */
    atomic_uint_fast64_t bound; /* turns that one shard may have in flight */
    atomic_uint_fast64_t turns; /* mark.turns without the lock */
    uint64_t turns_left_over;   /* of them */
    size_t batch_bytes_max;
    /* owned by the commit thread */
    struct journal_segment segment;
    size_t offset;
    uint64_t next_batch;
    unsigned first_shard;
    double rate_turns, rate_us; /* decayed sums: what commits took */
    double mean_turns;          /* decayed: of a commit */
    int64_t began_us;           /* the last commit */
    /* between commit thread, maker and writer */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct journal_mark mark;
    struct journal_segment next; /* fd < 0: not made yet */
    uint32_t next_number;
    bool next_failed; /* no space for it; tried again every RETRY_MS */
    bool maker_stop;
    /* counters; written by the commit thread */
    atomic_uint_fast64_t batches, batch_turns, events, bytes;
    atomic_uint_fast64_t *latency; /* buckets, see sqlite_stats.c */
};

struct sqlite_store;

MUST_USE enum err_code commit_start(struct sqlite_store *store, struct err *err);
/* Completes what was appended, then ends both threads. */
void commit_stop(struct sqlite_store *store);
void commit_init(struct sqlite_store *store, const struct journal_recovery *recovery);
void commit_fini(struct sqlite_store *store);
/* Before commit_start: so many turns of the journal are still to be settled. */
void commit_left_over(struct sqlite_store *store, uint64_t turns);
void *commit_run(void *store);
enum err_code sqlite_append(struct store *, unsigned, const struct store_turn *, size_t,
                            struct err *);
size_t sqlite_append_room(struct store *, unsigned);
void sqlite_shard_resume(struct store *, unsigned);

/* Latency histogram: log-linear, within 7 %. Any thread reads. */
atomic_uint_fast64_t *latency_create(void);
void latency_add(atomic_uint_fast64_t *buckets, int64_t us);
double latency_quantile_ms(const atomic_uint_fast64_t *buckets, double q);

/* ---- writer thread ---- */

struct settle; /* sqlite_settle.c */

/* Settling and administration take turns on the writer connection: who holds `busy` owns db. */
struct writer {
    struct db db;
    struct db checkpoint_db; /* the checkpoint thread's */
    struct settle *settle;
    pthread_t thread;
    pthread_t checkpointer;
    bool started, checkpoints; /* which threads run */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy;
    bool last_was_admin;
    bool settler_waits;
    unsigned admins_wait;
    bool stopping;
    bool checkpoint_wanted;
    unsigned hurry;           /* callers that wait for settling: no delay */
    int64_t waiting_since_us; /* when a backlog was first seen after the last slice; 0: none */
    int64_t idle_since_us;    /* 0: not idle, or its memory is given back already */
    bool retry;               /* the last slice found no space */
    double us_per_turn;       /* of settling, decayed */
    bool loaded;              /* turns come so fast that the search stage holds back */
    uint64_t sample_turns;
    int64_t sample_us, searched_us;
    atomic_uint_fast64_t settled_turns; /* comparable with commit.turns */
    atomic_uint_fast64_t settled_upto;
    atomic_uint_fast64_t settled_events; /* since open */
    atomic_uint_fast64_t quarantined, corrupt;
    atomic_uint_fast64_t event_last; /* largest event.id */
    atomic_uint_fast64_t search_upto;
    atomic_bool full; /* main.db cannot grow */
    atomic_int wal_pages, checkpointed_pages;
};

void writer_init(struct sqlite_store *store);
void writer_fini(struct sqlite_store *store);
/* The writer and the checkpoint thread. */
MUST_USE enum err_code writer_start(struct sqlite_store *store, struct err *err);
void writer_stop(struct sqlite_store *store);
/* For administration, on any thread that may block. */
struct db *writer_acquire(struct sqlite_store *store);
void writer_release(struct sqlite_store *store);
/* The commit thread committed: wakes the writer when the backlog has passed a mark it acts on. */
void writer_notice(struct sqlite_store *store, uint64_t backlog_before, uint64_t backlog);
struct journal_mark commit_mark(struct sqlite_store *store); /* any thread */
/* After a failed statement of a change: rolls back; ends the process on an I/O error. */
enum err_code writer_undo(struct sqlite_store *store, enum err_code rc, const struct err *err);
/* With the writer held: settles up to a mark, or until the monotonic time. */
MUST_USE enum err_code writer_settle_upto(struct sqlite_store *store,
                                          const struct journal_mark *mark, int64_t until_us,
                                          struct err *err);
/* With the writer held: settles all that is committed now. */
MUST_USE enum err_code writer_settle_all(struct sqlite_store *store, struct err *err);
enum err_code sqlite_settle_wait(struct store *, int, bool, struct err *);
enum err_code sqlite_settle_run(struct store *, struct err *);

/* ---- settling (the caller holds the writer) ---- */

/* Stands where main.db says that settling stood. */
MUST_USE enum err_code settle_create(struct sqlite_store *store, struct settle **out,
                                     struct err *err);
void settle_destroy(struct settle **settle);
void settle_rest(struct settle *settle); /* gives back the room of its last slices */
/* Settles whole batches up to a position, at least one batch and until `turns` are reached, in one
 * transaction; then unlinks the segments that nobody needs. *settled: how many turns. */
MUST_USE enum err_code settle_slice(struct settle *settle, uint64_t upto, size_t turns,
                                    size_t *settled, struct err *err);
uint64_t settle_position(const struct settle *settle);
uint64_t settle_batch(const struct settle *settle); /* number of the batch expected there */
/* Blanks one event as a recall (names stay) or an erasing does, and takes it out of the search
 * index. */
enum blank { BLANK_RECALLED = 1, BLANK_ERASED = 2 };
MUST_USE enum err_code event_blank(struct sqlite_store *store, struct db *db, uint64_t conv,
                                   uint32_t seq, enum blank how, struct err *err);
/* A recall takes back the message and whatever edits of it said. */
MUST_USE enum err_code event_recall(struct sqlite_store *store, struct db *db, uint64_t conv,
                                    uint32_t seq, struct err *err);
uint32_t event_crc(const uint8_t *client_id, uint64_t client_hash, struct slice body,
                   struct slice text);

/* ---- what a crash left unsettled, when it is much (sqlite_leftover.c) ---- */

struct settle_item;

struct leftovers {
    pthread_mutex_t lock;
    atomic_bool active;
    uint64_t end;              /* position behind the last of them */
    struct settle_item *items; /* by conversation; of one that is settled the first is NULL */
    size_t n;
    struct journal_view *views; /* items point into them */
    size_t views_n;
};

void leftovers_init(struct sqlite_store *store);
void leftovers_fini(struct sqlite_store *store);
/* Start-up: headers and profiles go into the tables, events are remembered by position. */
MUST_USE enum err_code leftovers_take(struct sqlite_store *store, uint64_t upto, struct err *err);
/* [worker] Before a conversation's events are read: settles them if they are left over. */
MUST_USE enum err_code leftovers_settle(struct sqlite_store *store, uint64_t conv, struct err *err);
void leftovers_drop(struct sqlite_store *store); /* with the writer held: when settling is past */

/* ---- search stage ---- */

MUST_USE enum err_code search_slice(struct sqlite_store *store, struct err *err);
enum err_code sqlite_search(struct store *, const struct store_search_query *, struct arena *,
                            struct store_hits *, struct err *);

/* ---- readers ---- */

struct readers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct db *free[64];
    unsigned free_n;
    unsigned open_n;
    unsigned max;
};

void readers_init(struct readers *readers, unsigned max);
void readers_fini(struct readers *readers);
void readers_rest(struct readers *readers); /* those that nobody uses give back their pages */
/* A connection of the pool, opened when there is none free and room for one. */
MUST_USE enum err_code reader_acquire(struct sqlite_store *store, struct db **out, struct err *err);
void reader_release(struct sqlite_store *store, struct db **db);
void event_give(const struct turn_event *event, struct store_event *out);
/* A stored event out of columns body, text, crc, client_id, client_hash, erased from `at` on, with
 * its checksum verified. */
MUST_USE enum err_code event_column(struct sqlite_store *store, sqlite3_stmt *stmt, int at,
                                    uint32_t seq, struct arena *arena, struct store_event *out,
                                    struct err *err);

/* A copy of column `at`, which column at + 1 is the checksum of. */
MUST_USE enum err_code body_column(struct sqlite_store *store, sqlite3_stmt *stmt, int at,
                                   struct arena *arena, struct slice *out, struct err *err);

/* Where settling stands: start and start_batch of a scan. */
MUST_USE enum err_code progress_peek(struct db *db, struct journal_recovery *recovery,
                                     struct err *err);
MUST_USE enum err_code folder_lock(const char *folder, int *fd, struct err *err);

struct sqlite_store {
    struct store base;
    struct store_options options;
    struct clock clock;
    int lock_fd;
    int journal; /* folder */
    char *folder;
    char *db_path;
    uint64_t torn_bytes;
    bool commit_ready; /* commit_init was called */
    struct commit commit;
    struct writer writer;
    struct readers readers;
    struct leftovers leftovers;
};

static inline struct sqlite_store *sqlite_store(struct store *base)
{
    return (struct sqlite_store *)base;
}
static inline uint64_t settle_backlog(struct sqlite_store *store)
{
    uint64_t settled = atomic_load_explicit(&store->writer.settled_turns, memory_order_relaxed);
    uint64_t committed = atomic_load_explicit(&store->commit.turns, memory_order_relaxed);

    return committed > settled ? committed - settled : 0;
}

/* ---- the backend's functions in the other files ---- */

enum err_code sqlite_thread_read(struct store *, const struct store_thread_query *, struct arena *,
                                 struct store_thread *, enum store_read *, struct err *);
enum err_code sqlite_conv_load(struct store *, uint64_t, struct arena *, struct store_conv *,
                               struct err *);
enum err_code sqlite_client_id_find(struct store *, uint64_t, const uint8_t *,
                                    const struct store_overlay *, size_t, bool *,
                                    struct store_client_id *, struct err *);
enum err_code sqlite_conv_by_start(struct store *, uint64_t, const uint8_t *, uint64_t *,
                                   struct err *);
enum err_code sqlite_visitor_open_conv(struct store *, uint64_t, uint64_t, uint64_t *,
                                       struct err *);
enum err_code sqlite_visitor_load(struct store *, uint64_t, struct arena *, struct slice *,
                                  struct err *);
enum err_code sqlite_conv_list(struct store *, const struct store_conv_filter *, struct arena *,
                               struct store_page *, struct err *);
enum err_code sqlite_conv_open_list(struct store *, uint64_t, unsigned, struct arena *,
                                    struct store_page *, struct err *);
enum err_code sqlite_conv_due_list(struct store *, int64_t, int64_t, uint64_t, unsigned,
                                   struct arena *, struct store_page *, struct err *);
enum err_code sqlite_visitor_list(struct store *, uint64_t, uint64_t, unsigned, struct arena *,
                                  struct store_page *, struct err *);
enum err_code sqlite_trace_load(struct store *, uint64_t, uint32_t, struct arena *, struct slice *,
                                struct err *);
enum err_code sqlite_admin_run(struct store *, const struct store_change *, size_t, size_t *,
                               struct err *);
enum err_code sqlite_record_get(struct store *, enum store_kind, uint64_t, struct arena *,
                                struct store_record *, bool *, struct err *);
enum err_code sqlite_record_by_lookup(struct store *, enum store_kind, uint64_t, struct slice,
                                      struct arena *, struct store_record *, bool *, struct err *);
enum err_code sqlite_record_list(struct store *, const struct store_record_query *, struct arena *,
                                 struct store_records *, struct err *);
enum err_code sqlite_record_expire(struct store *, enum store_kind, int64_t, size_t *,
                                   struct err *);
enum err_code sqlite_record_trim(struct store *, enum store_kind, uint64_t, size_t *, struct err *);
enum err_code sqlite_visitor_erase(struct store *, uint64_t, struct err *);
enum err_code sqlite_outbox_subscribe(struct store *, const char *, struct err *);
enum err_code sqlite_outbox_read(struct store *, const char *, unsigned, struct arena *,
                                 struct store_outbox_row **, size_t *, struct err *);
enum err_code sqlite_outbox_advance(struct store *, const char *, uint64_t, struct err *);
void sqlite_stats(struct store *, struct store_stats *);
enum err_code sqlite_backup(struct store *, const char *, bool, struct err *);

#endif
