/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the commit thread, and its segments. They are made ahead by a thread of
 * their own, because allocating and syncing one takes far longer than a commit may. It is also
 * where a full disk shows itself, and where it is noticed that there is room again. */
#include "sqlite_priv.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The first is small, because people wait for it. A segment is at most a sixteenth of what is free,
 * so that a small disk is not filled by making room. */
static size_t segment_size(struct sqlite_store *store, bool first)
{
    struct statvfs fs;
    size_t bytes = first ? SEGMENT_BYTES_MIN : SEGMENT_BYTES;

    if (store->options.segment_bytes != 0)
        return journal_round(store->options.segment_bytes, JOURNAL_BLOCK);
    if (fstatvfs(store->journal, &fs) == 0 && fs.f_bavail * fs.f_frsize / 16 < bytes)
        bytes = (size_t)(fs.f_bavail * fs.f_frsize / 16);
    if (bytes < SEGMENT_BYTES_MIN)
        bytes = SEGMENT_BYTES_MIN;
    return bytes / JOURNAL_BLOCK * JOURNAL_BLOCK;
}

/* The lock is held; it is let go while the segment is made. */
static void segment_make(struct sqlite_store *store)
{
    struct commit *commit = &store->commit;
    struct journal_segment segment = { .fd = -1 };
    struct err err = { 0 };
    bool first = commit->segment.fd < 0;
    enum err_code rc;

    pthread_mutex_unlock(&commit->lock);
    rc = journal_segment_make(store->journal, commit->next_number, segment_size(store, first),
                              &segment, &err);
    if (rc != ERR_OK && rc != ERR_NO_SPACE)
        journal_die(err.text, errno);
    pthread_mutex_lock(&commit->lock);
    if (commit->next_failed != (rc != ERR_OK))
        LOG_WARN(rc == ERR_OK ? "journal_has_room" : "journal_no_space");
    commit->next_failed = rc != ERR_OK;
    if (rc == ERR_OK) {
        commit->next = segment;
        commit->next_number++;
        atomic_store(&commit->no_room, false);
    }
    pthread_cond_broadcast(&commit->changed);
}

static void *maker_run(void *arg)
{
    struct sqlite_store *store = arg;
    struct commit *commit = &store->commit;

    pthread_mutex_lock(&commit->lock);
    while (!commit->maker_stop) {
        if (commit->next.fd >= 0)
            pthread_cond_wait(&commit->changed, &commit->lock);
        else if (commit->next_failed)
            thread_wait(&commit->changed, &commit->lock, RETRY_MS);
        if (!commit->maker_stop && commit->next.fd < 0)
            segment_make(store);
    }
    pthread_mutex_unlock(&commit->lock);
    return NULL;
}

/* ---- starting and stopping both threads ---- */

static void shards_init(struct sqlite_store *store)
{
    struct commit *commit = &store->commit;

    commit->shards = mem_zalloc(store->base.shards * sizeof(*commit->shards));
    for (unsigned i = 0; i < store->base.shards; i++) {
        shard_ring_init(&commit->shards[i].ring, SHARD_CHUNKS_MAX, sizeof(struct chunk *));
        atomic_init(&commit->shards[i].completed, 0);
        atomic_init(&commit->shards[i].failed, false);
    }
}

void commit_init(struct sqlite_store *store, const struct journal_recovery *recovery)
{
    struct commit *commit = &store->commit;
    size_t longest =
        store->options.segment_bytes != 0 ? store->options.segment_bytes : SEGMENT_BYTES_MIN;

    if (longest > STORE_BATCH_BYTES_MAX)
        longest = STORE_BATCH_BYTES_MAX;
    commit->batch_bytes_max = longest - 2 * JOURNAL_BLOCK; /* both heads */
    commit->segment.fd = commit->next.fd = commit->wake_fd = -1;
    commit->next_batch = recovery->next_batch;
    commit->next_number = recovery->next_segment;
    commit->mark.position = recovery->end;
    atomic_init(&commit->bound, IN_FLIGHT_MIN);
    commit->latency = latency_create();
    pthread_mutex_init(&commit->lock, NULL);
    thread_cond_init(&commit->changed);
    shards_init(store);
}

void commit_left_over(struct sqlite_store *store, uint64_t turns)
{
    store->commit.turns_left_over = store->commit.mark.turns = turns;
    atomic_store(&store->commit.turns, turns);
}

void commit_fini(struct sqlite_store *store)
{
    struct commit *commit = &store->commit;

    for (unsigned i = 0; i < store->base.shards; i++)
        shard_ring_fini(&commit->shards[i].ring);
    free(commit->shards);
    free(commit->latency);
    journal_segment_close(&commit->segment);
    journal_segment_close(&commit->next);
    if (commit->wake_fd >= 0)
        close(commit->wake_fd);
    pthread_mutex_destroy(&commit->lock);
    pthread_cond_destroy(&commit->changed);
}

enum err_code commit_start(struct sqlite_store *store, struct err *err)
{
    struct commit *commit = &store->commit;

    commit->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (commit->wake_fd < 0)
        return err_set(err, ERR_IO, "eventfd: %s", strerror(errno));
    commit->makes = thread_start(&commit->maker, maker_run, store, "kefu-segment");
    if (commit->makes)
        commit->commits = thread_start(&commit->thread, commit_run, store, "kefu-commit");
    if (commit->makes && commit->commits)
        return ERR_OK;
    commit_stop(store);
    return err_set(err, ERR_IO, "cannot start the commit thread");
}

void commit_stop(struct sqlite_store *store)
{
    struct commit *commit = &store->commit;
    uint64_t one = 1;

    atomic_store(&commit->stopping, true);
    if (commit->commits) {
        if (write(commit->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
            journal_die("waking the commit thread", errno);
        pthread_join(commit->thread, NULL);
    }
    pthread_mutex_lock(&commit->lock);
    commit->maker_stop = true;
    pthread_cond_broadcast(&commit->changed);
    pthread_mutex_unlock(&commit->lock);
    if (commit->makes)
        pthread_join(commit->maker, NULL);
    commit->commits = commit->makes = false;
}
