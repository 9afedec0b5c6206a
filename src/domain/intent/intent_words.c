/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_words_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "mem.h"
#include "vector_kernel.h"

enum {
    CLUSTER_ROUNDS = 5,
    BYTE_MAX = 127,
    PART = 64, /* centres whose products stay in the first cache level */
};

static const uint32_t cluster_counts[INTENT_WORDS_LEVELS] = { 100, 300, 1000 };
/* The most common words say little: word r of the list by frequency weighs 1 - exp(-r / 60). */
static const float COMMON_WORDS = 60;

uint32_t intent_slots_for(uint32_t count)
{
    uint32_t slots = 2;

    while (slots < count + count / 3 + 1)
        slots *= 2;
    return slots;
}

void intent_slots_put(struct intent_slot *slots, uint32_t mask, uint64_t hash, uint32_t id)
{
    uint32_t at = (uint32_t)hash & mask;

    while (slots[at].id != 0)
        at = (at + 1) & mask;
    slots[at] = (struct intent_slot){ (uint32_t)(hash >> 32), id + 1 };
}

void intent_lexicon_init(struct intent_lexicon *lexicon)
{
    *lexicon = (struct intent_lexicon){ 0 };
}

void intent_lexicon_fini(struct intent_lexicon *lexicon)
{
    free(lexicon->slots);
    free(lexicon->rows);
    free(lexicon->scales);
    free(lexicon->clusters);
    intent_lexicon_init(lexicon);
}

struct clustering {
    const float *rows; /* count x INTENT_WORDS_STRIDE, of length 1 */
    uint32_t count;
    uint32_t k;
    float *centres; /* k, padded to VECTOR_MULTI, x INTENT_WORDS_STRIDE */
    uint16_t *nearest;
};

/* The centre with the largest product, for VECTOR_MULTI words in one pass over the centres. */
static void assign(struct clustering *c)
{
    const struct vector_kernels *kernels = vector_kernels_best();
    float products[PART * VECTOR_MULTI];

    for (uint32_t word = 0; word < c->count; word += VECTOR_MULTI) {
        float most[VECTOR_MULTI] = { -2, -2, -2, -2 };

        for (uint32_t from = 0; from < c->k; from += PART) {
            uint32_t n = c->k - from < PART ? c->k - from : PART;

            kernels->dots_multi(c->centres + (size_t)from * INTENT_WORDS_STRIDE, n,
                                INTENT_WORDS_STRIDE, c->rows + (size_t)word * INTENT_WORDS_STRIDE,
                                products);
            for (uint32_t i = 0; i < n * VECTOR_MULTI; i++) {
                uint32_t q = i % VECTOR_MULTI;

                if (products[i] > most[q] && word + q < c->count) {
                    most[q] = products[i];
                    c->nearest[word + q] = (uint16_t)(from + i / VECTOR_MULTI);
                }
            }
        }
    }
}

/* Each centre to the direction of its words' sum; one without words stays. */
static void recentre(struct clustering *c)
{
    float *sums = mem_zalloc((size_t)c->k * INTENT_WORDS_STRIDE * sizeof(float));

    for (uint32_t word = 0; word < c->count; word++) {
        float *sum = sums + (size_t)c->nearest[word] * INTENT_WORDS_STRIDE;

        for (unsigned d = 0; d < INTENT_WORDS_DIM; d++)
            sum[d] += c->rows[(size_t)word * INTENT_WORDS_STRIDE + d];
    }
    for (uint32_t k = 0; k < c->k; k++) {
        float *sum = sums + (size_t)k * INTENT_WORDS_STRIDE;
        float square = 0;

        for (unsigned d = 0; d < INTENT_WORDS_DIM; d++)
            square += sum[d] * sum[d];
        for (unsigned d = 0; d < INTENT_WORDS_DIM && square > 0; d++)
            c->centres[(size_t)k * INTENT_WORDS_STRIDE + d] = sum[d] / sqrtf(square);
    }
    free(sums);
}

/* Spherical k-means; the first centres are words drawn at random. rows has VECTOR_MULTI - 1 more
 * rows of zeros behind the last. */
static void cluster(const float *rows, uint32_t count, uint32_t k, uint64_t seed, uint16_t *nearest)
{
    struct clustering c = { .rows = rows, .count = count, .k = k, .nearest = nearest };

    if (c.k > count)
        c.k = count;
    c.centres = vector_table_alloc((size_t)c.k * INTENT_WORDS_STRIDE * sizeof(float));
    ENSURE(c.centres != NULL);
    for (uint32_t i = 0; i < c.k; i++) {
        uint32_t from = (uint32_t)(((uint64_t)i * count + hash_u64(seed, i) % count) / c.k) % count;

        memcpy(c.centres + (size_t)i * INTENT_WORDS_STRIDE,
               rows + (size_t)from * INTENT_WORDS_STRIDE, INTENT_WORDS_STRIDE * sizeof(float));
    }
    for (unsigned round = 0; round < CLUSTER_ROUNDS; round++) {
        if (round > 0)
            recentre(&c);
        assign(&c);
    }
    vector_table_free(c.centres);
}

static void row_round(const float *row, uint32_t rank, int8_t *bytes, float *scale)
{
    float largest = 0;

    for (unsigned d = 0; d < INTENT_WORDS_DIM; d++)
        largest = fmaxf(largest, fabsf(row[d]));
    *scale = largest / BYTE_MAX;
    for (unsigned d = 0; d < INTENT_WORDS_DIM; d++)
        bytes[d] = (int8_t)(largest > 0 ? lrintf(row[d] / *scale) : 0);
    *scale *= 1 - expf(-(float)(rank + 1) / COMMON_WORDS);
}

void intent_lexicon_make(struct intent_lexicon *lexicon, const struct intent_vectors *vectors,
                         uint64_t seed)
{
    uint32_t count = vectors->count;
    float *rows =
        vector_table_alloc(((size_t)count + VECTOR_MULTI) * INTENT_WORDS_STRIDE * sizeof(float));
    uint16_t *nearest = mem_alloc((count + (size_t)1) * sizeof(*nearest));

    ENSURE(rows != NULL);
    lexicon->slot_count = intent_slots_for(count);
    lexicon->slots = mem_zalloc(lexicon->slot_count * sizeof(*lexicon->slots));
    lexicon->rows = mem_zalloc((size_t)count * INTENT_WORDS_STRIDE);
    lexicon->scales = mem_alloc(count * sizeof(*lexicon->scales));
    lexicon->clusters = mem_alloc((size_t)count * INTENT_WORDS_LEVELS * sizeof(uint16_t));
    for (uint32_t i = 0; i < count; i++) {
        const float *row = vectors->rows + (size_t)i * INTENT_VECTORS_DIM;

        memcpy(rows + (size_t)i * INTENT_WORDS_STRIDE, row, INTENT_WORDS_DIM * sizeof(float));
        row_round(row, i, lexicon->rows + (size_t)i * INTENT_WORDS_STRIDE, &lexicon->scales[i]);
        intent_slots_put(lexicon->slots, lexicon->slot_count - 1, vectors->hashes[i], i);
    }
    for (unsigned level = 0; level < INTENT_WORDS_LEVELS; level++) {
        cluster(rows, count, cluster_counts[level], seed + level, nearest);
        for (uint32_t i = 0; i < count; i++)
            lexicon->clusters[(size_t)i * INTENT_WORDS_LEVELS + level] = nearest[i];
    }
    lexicon->words =
        (struct intent_words){ count,         lexicon->slot_count - 1, lexicon->slots,
                               lexicon->rows, lexicon->scales,         lexicon->clusters };
    vector_table_free(rows);
    free(nearest);
}
