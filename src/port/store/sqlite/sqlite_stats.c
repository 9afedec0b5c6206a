/* SPDX-License-Identifier: Apache-2.0 */
/* What the store tells of itself. Each counter has one writing thread. */
#include "sqlite_priv.h"

#include "mem.h"

/* Sixteen buckets for each power of two of microseconds: a bucket is at most 1/16 wide. */
enum { LATENCY_SUB = 16, LATENCY_BUCKETS = 32 * LATENCY_SUB };

atomic_uint_fast64_t *latency_create(void)
{
    return mem_zalloc(LATENCY_BUCKETS * sizeof(atomic_uint_fast64_t));
}

static unsigned latency_bucket(uint64_t us)
{
    unsigned power;

    if (us < LATENCY_SUB)
        return (unsigned)us;
    power = 63 - (unsigned)__builtin_clzll(us); /* 4 or more */
    if (power - 3 >= LATENCY_BUCKETS / LATENCY_SUB)
        return LATENCY_BUCKETS - 1;
    return (power - 3) * LATENCY_SUB + (unsigned)(us >> (power - 4) & (LATENCY_SUB - 1));
}

/* The middle of a bucket. */
static double latency_us(unsigned bucket)
{
    unsigned power = bucket / LATENCY_SUB + 3;

    if (bucket < LATENCY_SUB)
        return bucket;
    return (double)((uint64_t)(LATENCY_SUB + bucket % LATENCY_SUB) << (power - 4)) +
           (double)((uint64_t)1 << (power - 4)) / 2;
}

void latency_add(atomic_uint_fast64_t *buckets, int64_t us)
{
    atomic_uint_fast64_t *bucket = &buckets[latency_bucket(us > 0 ? (uint64_t)us : 0)];

    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

double latency_quantile_ms(const atomic_uint_fast64_t *buckets, double q)
{
    uint64_t total = 0;
    uint64_t below = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        total += atomic_load_explicit(&buckets[i], memory_order_relaxed);
    for (unsigned i = 0; i < LATENCY_BUCKETS && total > 0; i++) {
        below += atomic_load_explicit(&buckets[i], memory_order_relaxed);
        if ((double)below >= q * (double)total)
            return latency_us(i) / 1000;
    }
    return 0;
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void sqlite_stats(struct store *base, struct store_stats *out)
{
    struct sqlite_store *store = sqlite_store(base);
    struct commit *commit = &store->commit;
    struct writer *writer = &store->writer;

    *out = (struct store_stats){
        .turns_committed = get(&commit->turns) - commit->turns_left_over,
        .events_committed = get(&commit->events),
        .batches = get(&commit->batches),
        .bytes_committed = get(&commit->bytes),
        .turns_settled = get(&writer->settled_turns),
        .events_settled = get(&writer->settled_events),
        .settle_backlog = settle_backlog(store),
        .search_backlog = get(&writer->event_last) - get(&writer->search_upto),
        .quarantined = get(&writer->quarantined),
        .torn_bytes = store->torn_bytes,
        .corrupt = get(&writer->corrupt),
        .commit_p50_ms = latency_quantile_ms(commit->latency, 0.50),
        .commit_p99_ms = latency_quantile_ms(commit->latency, 0.99),
        .writable = store_writable(base),
    };
    if (out->batches != 0)
        out->mean_batch = (double)out->turns_committed / (double)out->batches;
}
