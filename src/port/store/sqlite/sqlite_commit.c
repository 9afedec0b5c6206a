/* SPDX-License-Identifier: Apache-2.0 */
/* Appending and the commit thread. A shard makes its turns into journal records itself, checksum
 * included, and hands the commit thread a pointer; so a commit is one gathering write and one
 * fdatasync, whatever the number of turns, and the thread that every turn waits for does next to
 * nothing per turn. Chunks of the shards are taken round-robin. */
#include "sqlite_priv.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    BUSY_RETRY_MS = 100,
    BACKLOG_RETRY_MS = 500,
    /* A commit costs the processor about 60 us whatever is in it, so where turns come in numbers
     * commits begin GATHER_US apart, unless enough is there before. It adds half of that to a
     * turn's wait and is in force only while commits of late held GATHER_MEAN turns: whoever talks
     * alone does not wait. */
    GATHER_US = 500,
    GATHER_TURNS = 64,
    GATHER_MEAN = 4,
};

/* ---- appending: on the shard's thread ---- */

static size_t record_bytes(const struct store_turn *turn)
{
    return journal_round(sizeof(struct journal_record_head) + turn->bytes.len, JOURNAL_ALIGN);
}

/* How many of the turns go into one chunk, and their bytes. */
static size_t chunk_measure(const struct store_turn *turns, size_t n, size_t *bytes)
{
    size_t taken = 0;

    *bytes = 0;
    while (taken < n && taken < CHUNK_TURNS_MAX) {
        size_t more = record_bytes(&turns[taken]);

        if (taken > 0 && *bytes + more > CHUNK_BYTES_MAX)
            break;
        *bytes += more;
        taken++;
    }
    return taken;
}

static void record_write(char *at, unsigned shard, const struct store_turn *turn)
{
    struct journal_record_head *record = (void *)at;
    size_t padding = record_bytes(turn) - sizeof(*record) - turn->bytes.len;

    *record = (struct journal_record_head){
        .length = (uint32_t)(sizeof(*record) + turn->bytes.len),
        .format = JOURNAL_FORMAT,
        .shard = (uint16_t)shard,
        .n_events = turn->n_events,
        .flags = turn->flags,
        .first_seq = turn->first_seq,
        .workspace = turn->workspace,
        .conv = turn->conv,
        .visitor = turn->visitor,
    };
    if (turn->bytes.len != 0)
        memcpy(record + 1, turn->bytes.ptr, turn->bytes.len);
    memset((char *)(record + 1) + turn->bytes.len, 0, padding);
    journal_record_seal(record);
}

static struct chunk *chunk_make(unsigned shard, const struct store_turn *turns, size_t n,
                                size_t bytes)
{
    size_t head = journal_round(sizeof(struct chunk) + n * sizeof(struct chunk_turn), 16);
    struct chunk *chunk = mem_alloc(head + bytes);
    size_t offset = 0;

    chunk->shard = shard;
    chunk->turns = (uint32_t)n;
    chunk->events = 0;
    chunk->bytes = bytes;
    chunk->records = (char *)chunk + head;
    chunk->next = NULL;
    for (size_t i = 0; i < n; i++) {
        record_write(chunk->records + offset, shard, &turns[i]);
        chunk->turn[i] = (struct chunk_turn){ turns[i].ticket, offset };
        chunk->events += turns[i].n_events;
        offset += record_bytes(&turns[i]);
    }
    return chunk;
}

static uint64_t in_flight(struct commit_shard *shard)
{
    return shard->appended - atomic_load_explicit(&shard->completed, memory_order_acquire);
}

static enum err_code busy(struct err *err, unsigned retry_ms, const char *what)
{
    enum err_code rc = err_set(err, ERR_BUSY, "%s", what);

    if (err != NULL)
        err->retry_after_ms = retry_ms;
    return rc;
}

static enum err_code append_check(struct sqlite_store *store, struct commit_shard *shard,
                                  const struct store_turn *turns, size_t n, struct err *err)
{
    struct commit *commit = &store->commit;

    if (atomic_load_explicit(&shard->failed, memory_order_acquire))
        return err_set(err, ERR_UNAVAILABLE, "a turn of this shard failed before");
    if (!store_writable(&store->base))
        return err_set(err, ERR_NO_SPACE, "the disk is full");
    if (settle_backlog(store) + n > STORE_BACKLOG_MAX)
        return busy(err, BACKLOG_RETRY_MS, "too many turns wait for the tables");
    if (in_flight(shard) + n > atomic_load_explicit(&commit->bound, memory_order_relaxed))
        return busy(err, BUSY_RETRY_MS, "too many turns wait for the disk");
    for (size_t i = 0; i < n; i++) {
        if (record_bytes(&turns[i]) > commit->batch_bytes_max)
            return err_set(err, ERR_TOO_BIG, "turn of %zu bytes, limit of a batch is %zu",
                           turns[i].bytes.len, commit->batch_bytes_max);
    }
    return ERR_OK;
}

static void commit_wake(struct commit *commit)
{
    uint64_t one = 1;

    if (!atomic_load(&commit->asleep) || !atomic_exchange(&commit->asleep, false))
        return;
    if (write(commit->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        journal_die("waking the commit thread", errno);
}

enum err_code sqlite_append(struct store *base, unsigned number, const struct store_turn *turns,
                            size_t n, struct err *err)
{
    struct sqlite_store *store = sqlite_store(base);
    struct commit_shard *shard = &store->commit.shards[number];
    enum err_code rc = append_check(store, shard, turns, n, err);
    size_t chunks = 0;
    size_t bytes;

    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < n; chunks++)
        i += chunk_measure(turns + i, n - i, &bytes);
    if (shard_ring_room(&shard->ring) < chunks)
        return busy(err, BUSY_RETRY_MS, "too many turns wait for the disk");
    for (size_t i = 0; i < n;) {
        size_t taken = chunk_measure(turns + i, n - i, &bytes);
        struct chunk **slot = shard_ring_fill(&shard->ring);

        *slot = chunk_make(number, turns + i, taken, bytes);
        i += taken;
    }
    shard->appended += n;
    shard_ring_publish(&shard->ring);
    commit_wake(&store->commit);
    return ERR_OK;
}

size_t sqlite_append_room(struct store *base, unsigned number)
{
    struct sqlite_store *store = sqlite_store(base);
    struct commit_shard *shard = &store->commit.shards[number];
    uint64_t bound = atomic_load_explicit(&store->commit.bound, memory_order_relaxed);
    uint64_t used = in_flight(shard);
    uint64_t backlog = settle_backlog(store);

    if (atomic_load_explicit(&shard->failed, memory_order_acquire) || !store_writable(base) ||
        backlog >= STORE_BACKLOG_MAX || used >= bound)
        return 0;
    if (bound - used > STORE_BACKLOG_MAX - backlog)
        return STORE_BACKLOG_MAX - backlog;
    return bound - used;
}

void sqlite_shard_resume(struct store *base, unsigned number)
{
    struct commit_shard *shard = &sqlite_store(base)->commit.shards[number];

    ENSURE(in_flight(shard) == 0);
    atomic_store_explicit(&shard->failed, false, memory_order_release);
}

/* ---- the commit thread: gathering ---- */

struct batch {
    struct chunk *chunks[STORE_BATCH_TURNS_MAX]; /* in the order of writing */
    size_t n;
    size_t turns;
    size_t events;
    size_t bytes;
    struct chunk *first[STORE_SHARDS_MAX]; /* the same chunks by shard */
    struct chunk **last[STORE_SHARDS_MAX];
};

static struct chunk *chunk_next(struct commit *commit, unsigned number)
{
    struct shard_ring *ring = &commit->shards[number].ring;

    if (shard_ring_ready(ring) == 0)
        return NULL;
    return *(struct chunk **)shard_ring_slot(ring, 0);
}

/* One chunk of a shard, if there is one and it fits. */
static bool batch_take_from(struct commit *commit, struct batch *batch, unsigned number)
{
    struct chunk *chunk = chunk_next(commit, number);

    if (chunk == NULL || batch->n == STORE_BATCH_TURNS_MAX ||
        (batch->n > 0 && (batch->turns + chunk->turns > STORE_BATCH_TURNS_MAX ||
                          batch->bytes + chunk->bytes > commit->batch_bytes_max)))
        return false;
    shard_ring_release(&commit->shards[number].ring, 1);
    batch->chunks[batch->n++] = chunk;
    batch->turns += chunk->turns;
    batch->events += chunk->events;
    batch->bytes += chunk->bytes;
    if (batch->first[number] == NULL)
        batch->last[number] = &batch->first[number];
    *batch->last[number] = chunk;
    batch->last[number] = &chunk->next;
    return true;
}

static void batch_begin(struct sqlite_store *store, struct batch *batch)
{
    batch->n = batch->turns = batch->events = batch->bytes = 0;
    memset(batch->first, 0, store->base.shards * sizeof(batch->first[0]));
}

static void batch_take(struct sqlite_store *store, struct batch *batch)
{
    struct commit *commit = &store->commit;
    unsigned shards = store->base.shards;
    bool more = true;

    while (more) {
        more = false;
        for (unsigned i = 0; i < shards; i++)
            more |= batch_take_from(commit, batch, (commit->first_shard + i) % shards);
    }
    commit->first_shard = (commit->first_shard + 1) % shards;
}

/* Waits for more where that is worth it. */
static void batch_gather(struct sqlite_store *store, struct batch *batch)
{
    struct commit *commit = &store->commit;
    int64_t wait = commit->began_us + GATHER_US - clock_mono_us(&clock_system);
    struct timespec pause = { .tv_nsec = wait * 1000 };

    if (batch->turns >= GATHER_TURNS || commit->mean_turns < GATHER_MEAN || wait <= 0)
        return;
    nanosleep(&pause, NULL); /* cut short by nothing: the thread has no signals */
    batch_take(store, batch);
}

/* ---- the commit thread: writing ---- */

/* Makes the next segment the current one. ERR_NO_SPACE: there is none and cannot be. */
static enum err_code segment_advance(struct commit *commit)
{
    enum err_code rc = ERR_OK;

    pthread_mutex_lock(&commit->lock);
    while (commit->next.fd < 0 && !commit->next_failed)
        pthread_cond_wait(&commit->changed, &commit->lock);
    if (commit->next.fd < 0) {
        atomic_store(&commit->no_room, true);
        rc = ERR_NO_SPACE;
    } else {
        journal_segment_close(&commit->segment);
        commit->segment = commit->next;
        commit->offset = JOURNAL_BLOCK;
        commit->next.fd = -1;
        pthread_cond_broadcast(&commit->changed);
    }
    pthread_mutex_unlock(&commit->lock);
    return rc;
}

static void write_all(int fd, struct iovec *iov, size_t n, size_t offset)
{
    while (n > 0) {
        ssize_t written = pwritev(fd, iov, n < IOV_MAX ? (int)n : IOV_MAX, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            journal_die("writing the journal", written < 0 ? errno : EIO);
        offset += (size_t)written;
        for (; n > 0 && (size_t)written >= iov->iov_len; iov++, n--)
            written -= (ssize_t)iov->iov_len;
        if (n > 0) {
            iov->iov_base = (char *)iov->iov_base + written;
            iov->iov_len -= (size_t)written;
        }
    }
}

static void batch_write(struct commit *commit, struct batch *batch)
{
    struct iovec iov[STORE_BATCH_TURNS_MAX + 1];
    struct journal_batch_head head = { .magic = JOURNAL_BATCH_MAGIC,
                                       .length = (uint32_t)batch->bytes,
                                       .salt = commit->segment.salt,
                                       .number = commit->next_batch,
                                       .turns = (uint32_t)batch->turns };
    size_t at = commit->offset + sizeof(head);

    journal_batch_head_seal(&head);
    iov[0] = (struct iovec){ &head, sizeof(head) };
    for (size_t i = 0; i < batch->n; i++) {
        iov[i + 1] = (struct iovec){ batch->chunks[i]->records, batch->chunks[i]->bytes };
        batch->chunks[i]->position = journal_position(commit->segment.number, at);
        at += batch->chunks[i]->bytes;
    }
    write_all(commit->segment.fd, iov, batch->n + 1, commit->offset);
    if (fdatasync(commit->segment.fd) != 0)
        journal_die("syncing the journal", errno);
    commit->next_batch++;
    commit->offset = journal_round(at, JOURNAL_BLOCK);
}

/* ---- the commit thread: telling ---- */

static void count(atomic_uint_fast64_t *counter, uint64_t more)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, before + more, memory_order_relaxed); /* one thread writes */
}

/* What a shard may have in flight is a quarter of a second's work at the rate of late. */
static void rate_update(struct sqlite_store *store, const struct batch *batch, int64_t us)
{
    struct commit *commit = &store->commit;
    double bound;

    commit->rate_turns = commit->rate_turns * 0.98 + (double)batch->turns;
    commit->rate_us = commit->rate_us * 0.98 + (double)(us > 0 ? us : 1);
    bound = commit->rate_turns / commit->rate_us * 1000 * IN_FLIGHT_MS / store->base.shards;
    if (bound < IN_FLIGHT_MIN)
        bound = IN_FLIGHT_MIN;
    if (bound > IN_FLIGHT_MAX)
        bound = IN_FLIGHT_MAX;
    atomic_store_explicit(&commit->bound, (uint64_t)bound, memory_order_relaxed);
}

static void batch_count(struct sqlite_store *store, const struct batch *batch, int64_t us)
{
    struct commit *commit = &store->commit;

    count(&commit->batches, 1);
    count(&commit->events, batch->events);
    count(&commit->bytes, batch->bytes);
    latency_add(commit->latency, us);
    rate_update(store, batch, us);
    pthread_mutex_lock(&commit->lock);
    commit->mark.position = journal_position(commit->segment.number, commit->offset);
    commit->mark.turns += batch->turns;
    pthread_mutex_unlock(&commit->lock);
    atomic_store_explicit(&commit->turns, commit->mark.turns, memory_order_release);
}

struct journal_mark commit_mark(struct sqlite_store *store)
{
    struct journal_mark mark;

    pthread_mutex_lock(&store->commit.lock);
    mark = store->commit.mark;
    pthread_mutex_unlock(&store->commit.lock);
    return mark;
}

/* Gives a list of one shard's chunks back as completions, and frees it. */
static void shard_complete(struct sqlite_store *store, unsigned number, struct chunk *chunk,
                           enum err_code rc)
{
    struct store_completion completions[STORE_BATCH_TURNS_MAX];
    struct commit_shard *shard = &store->commit.shards[number];
    size_t n = 0;

    if (rc != ERR_OK)
        atomic_store_explicit(&shard->failed, true, memory_order_release);
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        for (size_t i = 0; i < chunk->turns; i++) {
            uint64_t position = rc == ERR_OK ? chunk->position + chunk->turn[i].offset : 0;

            completions[n++] = (struct store_completion){ chunk->turn[i].ticket, position, rc };
        }
        free(chunk);
        chunk = next;
    }
    /* Before the shard hears of it: it may call store_shard_resume at once. */
    atomic_fetch_add_explicit(&shard->completed, n, memory_order_release);
    store->options.on_complete(store->options.ctx, number, completions, n);
}

/* What a failed shard had appended before it could know fails too. */
static void failed_refuse(struct sqlite_store *store)
{
    for (unsigned i = 0; i < store->base.shards; i++) {
        struct chunk *chunk;

        while (atomic_load_explicit(&store->commit.shards[i].failed, memory_order_acquire) &&
               (chunk = chunk_next(&store->commit, i)) != NULL) {
            shard_ring_release(&store->commit.shards[i].ring, 1);
            shard_complete(store, i, chunk, ERR_UNAVAILABLE);
        }
    }
}

static void batch_commit(struct sqlite_store *store, struct batch *batch)
{
    struct commit *commit = &store->commit;
    size_t bytes = journal_round(sizeof(struct journal_batch_head) + batch->bytes, JOURNAL_BLOCK);
    int64_t start = clock_mono_us(&store->clock);
    uint64_t backlog = settle_backlog(store);
    enum err_code rc = ERR_OK;

    commit->began_us = clock_mono_us(&clock_system);
    commit->mean_turns += ((double)batch->turns - commit->mean_turns) / 16;
    if (commit->segment.fd < 0 || commit->offset + bytes > commit->segment.bytes)
        rc = segment_advance(commit);
    if (rc == ERR_OK) {
        batch_write(commit, batch);
        batch_count(store, batch, clock_mono_us(&store->clock) - start);
    }
    for (unsigned i = 0; i < store->base.shards; i++) {
        if (batch->first[i] != NULL)
            shard_complete(store, i, batch->first[i], rc);
    }
    if (rc == ERR_OK)
        writer_notice(store, backlog, settle_backlog(store));
}

static bool anything_waits(struct sqlite_store *store)
{
    for (unsigned i = 0; i < store->base.shards; i++) {
        if (chunk_next(&store->commit, i) != NULL)
            return true;
    }
    return false;
}

static void commit_sleep(struct sqlite_store *store)
{
    struct commit *commit = &store->commit;
    uint64_t unused;

    atomic_store(&commit->asleep, true);
    if (anything_waits(store) || atomic_load(&commit->stopping))
        return; /* a wake-up that is still under way ends the next sleep early, no more */
    while (read(commit->wake_fd, &unused, sizeof(unused)) < 0) {
        if (errno != EINTR)
            journal_die("waiting for turns", errno);
    }
}

void *commit_run(void *arg)
{
    struct sqlite_store *store = arg;
    struct batch *batch = mem_zalloc(sizeof(*batch));

    for (;;) {
        bool stopping = atomic_load(&store->commit.stopping);

        failed_refuse(store);
        batch_begin(store, batch);
        batch_take(store, batch);
        if (batch->n > 0) {
            batch_gather(store, batch);
            batch_commit(store, batch);
        } else if (stopping) {
            break;
        } else {
            commit_sleep(store);
        }
        atomic_store_explicit(&store->commit.asleep, false, memory_order_relaxed);
    }
    free(batch);
    return NULL;
}
