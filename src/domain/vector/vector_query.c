/* SPDX-License-Identifier: Apache-2.0 */
/* The four ways to find the k nearest rows. All end with exact scores of a few rows; they differ in
 * how they find those few. Reading 100,000 rows of 256 floats takes as long as memory needs for
 * 102 MB; the tops of the floats are 51 MB, the upper halves of their bytes 13 MB, their signs
 * 3 MB, which caches hold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "vector.h"
#include "vector_kernel.h"
#include "vector_priv.h"

enum {
    SAMPLE = 16, /* the distance to begin with comes from every 16th row */
    BIT_FIRST = 4,
    PART = 512, /* rows whose sums stay in the first cache level */
    GROUP = 32, /* rows that are ruled out together */
    AHEAD = 4,  /* rows to fetch early: one comes from memory slower than it is scored */
};

/* Rounding errors of single values are independent, so the error of a sum is about the largest
 * possible one / sqrt(dim); beyond this many deviations lies one row in 100,000. */
static const float LOSS_DEVIATIONS = 4.5f;
/* How many deviations a distance may lie above its expectation: 0.3 % of neighbours are missed. */
static const float BIT_DEVIATIONS = 2.75f;

void vector_scratch_init(struct vector_scratch *scratch)
{
    *scratch = (struct vector_scratch){ 0 };
}

void vector_scratch_fini(struct vector_scratch *scratch)
{
    free(scratch->scores);
    free(scratch->distances);
    free(scratch->picked);
    vector_scratch_init(scratch);
}

static void scratch_reserve(struct vector_scratch *scratch, const struct vector_index *index)
{
    size_t rows = index->count + index->block_rows + 32; /* kernels may write beyond the last */

    if (rows < index->bits)
        rows = index->bits; /* the rotated query is put here */
    if (rows <= scratch->rows)
        return;
    free(scratch->scores);
    free(scratch->distances);
    free(scratch->picked);
    scratch->scores = mem_alloc(rows * sizeof(*scratch->scores));
    scratch->distances = mem_alloc(rows * sizeof(*scratch->distances));
    scratch->picked = mem_alloc(rows * sizeof(*scratch->picked));
    scratch->rows = rows;
}

/* The best so far, as a heap whose root is the worst of them. */
struct best {
    struct vector_hit *hits;
    unsigned k, count;
    float floor; /* a score must be above it, or equal with a smaller id, to enter a full heap */
};

static bool hit_worse(struct vector_hit a, struct vector_hit b)
{
    return a.score < b.score || (a.score == b.score && a.id > b.id);
}

static void best_sift(struct best *best, unsigned at)
{
    for (;;) {
        unsigned child = 2 * at + 1;
        struct vector_hit moved = best->hits[at];

        if (child >= best->count)
            return;
        if (child + 1 < best->count && hit_worse(best->hits[child + 1], best->hits[child]))
            child++;
        if (!hit_worse(best->hits[child], moved))
            return;
        best->hits[at] = best->hits[child];
        best->hits[child] = moved;
        at = child;
    }
}

static void best_add(struct best *best, float score, uint64_t id)
{
    struct vector_hit hit = { id, score };

    if (best->count == best->k) {
        if (!hit_worse(best->hits[0], hit))
            return;
        best->hits[0] = hit;
        best_sift(best, 0);
    } else {
        best->hits[best->count++] = hit;
        if (best->count == best->k) {
            for (unsigned at = best->k / 2; at-- > 0;)
                best_sift(best, at);
        }
    }
    if (best->count == best->k)
        best->floor = best->hits[0].score;
}

static int hit_order(const void *a, const void *b)
{
    const struct vector_hit *x = a;
    const struct vector_hit *y = b;

    return hit_worse(*x, *y) ? 1 : hit_worse(*y, *x) ? -1 : 0;
}

/* Everything about the query in the precisions that a mode needs. */
struct probe {
    const struct vector_index *index;
    struct vector_scratch *scratch;
    enum vector_mode mode;
    float full[VECTOR_DIM_MAX] __attribute__((aligned(VECTOR_ALIGN)));
    float joined[VECTOR_DIM_MAX] __attribute__((aligned(VECTOR_ALIGN))); /* a row in full */
    int8_t bytes[VECTOR_DIM_MAX] __attribute__((aligned(VECTOR_ALIGN)));
    struct vector_loss loss;
    int32_t sum;     /* of the bytes */
    float certainty; /* how much of the largest possible error is allowed for: 1 is all */
    float sum_error; /* of a score in full */
    float top_error; /* of a score by tops */
    struct best best;
};

static void probe_init(struct probe *probe)
{
    float dim = (float)probe->index->dim;

    vector_to_bytes(probe->index, probe->full, probe->bytes, &probe->loss);
    probe->sum = 0;
    for (unsigned i = 0; i < probe->index->dim; i++)
        probe->sum += probe->bytes[i];
    probe->certainty = probe->mode == VECTOR_CERTIFIED ? 1 : fminf(1, LOSS_DEVIATIONS / sqrtf(dim));
    probe->sum_error = 2 * vector_sum_error(probe->index->dim_f32); /* once is room */
    probe->top_error = vector_top_error(probe->index->dim_f32);
}

static const struct vector_block *probe_row(const struct probe *probe, size_t slot, uint32_t *row)
{
    *row = (uint32_t)(slot % probe->index->block_rows);
    return &probe->index->blocks[slot / probe->index->block_rows];
}

static void rank_exact(struct probe *probe, size_t slot)
{
    const struct vector_index *index = probe->index;
    uint32_t row;
    const struct vector_block *block = probe_row(probe, slot, &row);
    size_t at = (size_t)row * index->dim_f32 / 2;
    float score;

    index->kernels->join(block->top + at, block->rest + at, index->dim_f32, probe->joined);
    index->kernels->dots(probe->joined, 1, index->dim_f32, probe->full, &score);
    probe->scratch->picked_last++;
    best_add(&probe->best, score, block->ids[row]);
}

/* How far a score from rounded vectors can be off. With x = x' + dx and q = q' + dq, x and q of
 * length 1: |x.q - x'.q'| = |dx.q + x'.dq| <= |dx| + (1 + |dx|) |dq|. */
static inline float score_error(const struct probe *probe, float row_loss)
{
    return probe->certainty * (row_loss + (1 + row_loss) * probe->loss.byte) + probe->sum_error;
}

/* dot is the sum of products with the upper halves h; the byte is near 16 h + 8 - 128. */
static inline float score_high(const struct probe *probe, int32_t dot, struct vector_loss loss)
{
    return (float)(16 * dot - 120 * probe->sum) * (loss.scale * probe->loss.scale);
}

/* Asks for what rank_by_bytes reads of a row before it is that row's turn. */
static void row_fetch(const struct probe *probe, size_t slot)
{
    const struct vector_index *index = probe->index;
    size_t row_bytes = index->dim_nibble / 2;
    uint32_t row;
    const struct vector_block *block = probe_row(probe, slot, &row);

    for (size_t i = 0; i < row_bytes; i += VECTOR_ALIGN) {
        __builtin_prefetch(block->high + row * row_bytes + i);
        __builtin_prefetch(block->low + row * row_bytes + i);
    }
    __builtin_prefetch(block->losses + row);
}

/* Both halves; the full row only if it can still enter. */
static void rank_by_bytes(struct probe *probe, size_t slot)
{
    const struct vector_index *index = probe->index;
    size_t row_bytes = index->dim_nibble / 2;
    uint32_t row;
    const struct vector_block *block = probe_row(probe, slot, &row);
    struct vector_loss loss = block->losses[row];
    int32_t high;
    int32_t low;
    float score;

    index->kernels->dots_nibble(block->high + row * row_bytes, 1, index->dim_nibble, probe->bytes,
                                &high);
    index->kernels->dots_nibble(block->low + row * row_bytes, 1, index->dim_nibble, probe->bytes,
                                &low);
    score = (float)(16 * high + low - 128 * probe->sum) * (loss.scale * probe->loss.scale);
    if (score + score_error(probe, loss.byte) >= probe->best.floor)
        rank_exact(probe, slot);
}

/* The largest score that each row of a block can have, judged by the tops of its numbers. */
static void upper_by_tops(struct probe *probe, const struct vector_block *block, float *upper)
{
    const struct vector_index *index = probe->index;

    index->kernels->dots_top(block->top, block->count, index->dim_f32, probe->full, upper);
    for (uint32_t row = 0; row < block->count; row++)
        upper[row] += probe->top_error;
}

/* The same, judged by the upper halves of its bytes. */
static void upper_by_bytes(struct probe *probe, const struct vector_block *block, float *upper)
{
    const struct vector_index *index = probe->index;
    int32_t dots[PART];

    for (uint32_t from = 0; from < block->count; from += PART) {
        uint32_t count = block->count - from < PART ? block->count - from : PART;

        index->kernels->dots_nibble(block->high + (size_t)from * index->dim_nibble / 2, count,
                                    index->dim_nibble, probe->bytes, dots);
        for (uint32_t i = 0; i < count; i++) {
            struct vector_loss loss = block->losses[from + i];

            upper[from + i] = score_high(probe, dots[i], loss) + score_error(probe, loss.high);
        }
    }
}

static bool any_reaches(const float *upper, float floor)
{
    int reaches = 0;

    for (unsigned i = 0; i < GROUP; i++)
        reaches |= upper[i] >= floor;
    return reaches != 0;
}

/* How far the score of a row lies below its largest one at most. */
static float upper_span(const struct probe *probe, struct vector_loss loss)
{
    return 2 * (probe->mode == VECTOR_F32 ? probe->top_error : score_error(probe, loss.high));
}

/* Picks the rows that can be among the k, judged by what is read of all rows. `least` holds the k
 * best of what rows have at least: a row that cannot reach the worst of them is out. Its floor
 * rises on the way, so rows picked early are looked at once more by the caller. */
static size_t pick_candidates(struct probe *probe, struct best *least)
{
    const struct vector_index *index = probe->index;
    uint32_t *picked = probe->scratch->picked;
    float *upper = probe->scratch->scores;
    size_t count = 0;
    size_t first = 0;

    for (size_t b = 0; b < index->block_count; b++) {
        const struct vector_block *block = &index->blocks[b];

        if (probe->mode == VECTOR_F32)
            upper_by_tops(probe, block, upper);
        else
            upper_by_bytes(probe, block, upper);
        for (uint32_t row = 0; row < block->count; row++) {
            if (row % GROUP == 0 && row + GROUP <= block->count &&
                !any_reaches(upper + row, least->floor)) {
                row += GROUP - 1;
                continue;
            }
            if (upper[row] < least->floor)
                continue;
            picked[count++] = (uint32_t)(first + row);
            best_add(least, upper[row] - upper_span(probe, block->losses[row]), first + row);
        }
        first += block->count;
        upper += block->count;
    }
    return count;
}

static void query_bounds(struct probe *probe)
{
    const float *upper = probe->scratch->scores;
    const uint32_t *picked = probe->scratch->picked;
    struct vector_hit hits[VECTOR_K_MAX];
    struct best least = { .hits = hits, .k = probe->best.k, .floor = -INFINITY };
    size_t count = pick_candidates(probe, &least);

    /* The likely ones first: then the floor is high when the others come. */
    for (unsigned i = 0; i < least.count; i++) {
        rank_exact(probe, least.hits[i].id);
        probe->scratch->scores[least.hits[i].id] = -INFINITY;
    }
    for (size_t i = 0; i < count; i++) {
        if (upper[picked[i]] < probe->best.floor)
            continue;
        if (probe->mode == VECTOR_F32)
            rank_exact(probe, picked[i]);
        else
            rank_by_bytes(probe, picked[i]);
    }
}

static void distances_all(struct probe *probe)
{
    const struct vector_index *index = probe->index;
    uint16_t *distances = probe->scratch->distances;
    uint64_t signs[VECTOR_DIM_MAX / 64];

    vector_to_signs(index, probe->full, probe->scratch->scores, signs);
    for (size_t b = 0; b < index->block_count; b++) {
        const struct vector_block *block = &index->blocks[b];

        index->kernels->distances(block->signs, block->count, index->words, signs, distances);
        distances += block->count;
    }
}

/* A distance that about `wanted` rows do not pass, from a sample of rows. */
static uint16_t distance_sampled(const struct probe *probe, size_t wanted)
{
    const uint16_t *distances = probe->scratch->distances;
    uint32_t histogram[VECTOR_DIM_MAX + 1];
    size_t seen = 0;
    unsigned distance = 0;

    memset(histogram, 0, (probe->index->bits + 1) * sizeof(histogram[0]));
    for (size_t slot = 0; slot < probe->index->count; slot += SAMPLE)
        histogram[distances[slot]]++;
    for (; distance < probe->index->bits; distance++) {
        seen += histogram[distance];
        if (seen * SAMPLE >= wanted)
            break;
    }
    return (uint16_t)distance;
}

/* Signs of two vectors at an angle differ in angle / pi of the bits, give or take the deviation of
 * a coin thrown that often. So the k-th score so far says up to which distance a row can hide. */
static uint16_t distance_for(const struct probe *probe, float score)
{
    float bits = (float)probe->index->bits;
    float share = acosf(fmaxf(-1, fminf(1, score))) / (float)M_PI;
    float reach = bits * share + BIT_DEVIATIONS * sqrtf(bits * share * (1 - share)) + 1;

    return (uint16_t)fminf(reach, bits);
}

/* Rows with low <= distance <= high; each batch can lift the floor, so the rest is skipped sooner.
 */
static void rank_between(struct probe *probe, uint16_t low, uint16_t high)
{
    uint32_t *picked = probe->scratch->picked;
    size_t count = probe->index->kernels->select(probe->scratch->distances, probe->index->count,
                                                 low, high, picked);

    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            row_fetch(probe, picked[i + AHEAD]);
        rank_by_bytes(probe, picked[i]);
    }
}

static void query_bit(struct probe *probe)
{
    uint16_t reached;
    uint16_t reach;

    distances_all(probe);
    reached = distance_sampled(probe, (size_t)probe->best.k * BIT_FIRST);
    rank_between(probe, 0, reached);
    /* Until k are found every row counts; then up to where the k-th score says. */
    reach = probe->best.count < probe->best.k ? (uint16_t)probe->index->bits
                                              : distance_for(probe, probe->best.floor);
    if (reach > reached)
        rank_between(probe, (uint16_t)(reached + 1), reach);
}

size_t vector_index_query(const struct vector_index *index, struct vector_scratch *scratch,
                          enum vector_mode mode, const float *query, unsigned k,
                          struct vector_hit *out)
{
    struct probe probe;

    ENSURE(k >= 1 && k <= VECTOR_K_MAX);
    probe.index = index;
    probe.scratch = scratch;
    probe.mode = mode;
    probe.best = (struct best){ .hits = out, .k = k, .floor = -INFINITY };
    if (index->count < k)
        probe.best.k = (unsigned)index->count;
    scratch_reserve(scratch, index);
    scratch->picked_last = 0;
    if (index->count == 0 || !vector_unit(index, query, probe.full))
        return 0;
    probe_init(&probe);
    if (mode == VECTOR_BIT)
        query_bit(&probe);
    else
        query_bounds(&probe);
    qsort(out, probe.best.count, sizeof(*out), hit_order);
    return probe.best.count;
}
