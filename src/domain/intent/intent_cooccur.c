/* SPDX-License-Identifier: Apache-2.0 */
/* Words are numbered from the most common, so most pairs fall among the first few: these are
 * counted in a square table, the others in a hash table. */
#include "intent_cooccur_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"

enum {
    SQUARE = 2048, /* 16 MB: the last cache level */
    WINDOW = 4,    /* neighbours on each side, each counting 1 / distance */
    PAIRS_FIRST = 1 << 16,
    PAIRS_MAX = 1 << 24, /* new pairs beyond it are not counted: 400 MB would be too much */
};

static const float CONTEXT_POWER = 0.75f; /* makes rare contexts less surprising */

struct pair {
    uint32_t a, b; /* a < b, or a == b; b + 1, so that 0 is free */
    float weight;
};

struct intent_cooccur {
    uint32_t words;
    uint32_t square;
    float *table; /* square x square; both triangles add up to a count */
    struct pair *pairs;
    uint32_t mask;
    uint32_t pair_count;
};

struct intent_cooccur *intent_cooccur_create(uint32_t words)
{
    struct intent_cooccur *cooccur = mem_zalloc(sizeof(*cooccur));

    cooccur->words = words;
    cooccur->square = words < SQUARE ? words : SQUARE;
    cooccur->table =
        mem_zalloc((size_t)cooccur->square * cooccur->square * sizeof(*cooccur->table));
    cooccur->mask = PAIRS_FIRST - 1;
    cooccur->pairs = mem_zalloc(PAIRS_FIRST * sizeof(*cooccur->pairs));
    return cooccur;
}

void intent_cooccur_destroy(struct intent_cooccur **cooccur)
{
    if (*cooccur == NULL)
        return;
    free((*cooccur)->table);
    free((*cooccur)->pairs);
    free(*cooccur);
    *cooccur = NULL;
}

static uint32_t pair_slot(const struct pair *pairs, uint32_t mask, uint32_t a, uint32_t b)
{
    uint32_t at = (uint32_t)hash_u64(a, b) & mask;

    while (pairs[at].b != 0 && (pairs[at].a != a || pairs[at].b != b + 1))
        at = (at + 1) & mask;
    return at;
}

static void pairs_grow(struct intent_cooccur *cooccur)
{
    uint32_t mask = cooccur->mask * 2 + 1;
    struct pair *pairs = mem_zalloc(((size_t)mask + 1) * sizeof(*pairs));

    for (uint32_t i = 0; i <= cooccur->mask; i++) {
        struct pair pair = cooccur->pairs[i];

        if (pair.b != 0)
            pairs[pair_slot(pairs, mask, pair.a, pair.b - 1)] = pair;
    }
    free(cooccur->pairs);
    cooccur->pairs = pairs;
    cooccur->mask = mask;
}

static void count_pair(struct intent_cooccur *cooccur, uint32_t a, uint32_t b, float weight)
{
    uint32_t at;

    if (a < cooccur->square && b < cooccur->square) {
        cooccur->table[(size_t)a * cooccur->square + b] += weight;
        return;
    }
    if (a > b) {
        uint32_t kept = a;

        a = b;
        b = kept;
    }
    at = pair_slot(cooccur->pairs, cooccur->mask, a, b);
    if (cooccur->pairs[at].b == 0) {
        if (cooccur->pair_count == PAIRS_MAX)
            return;
        cooccur->pairs[at] = (struct pair){ a, b + 1, 0 };
        cooccur->pair_count++;
    }
    cooccur->pairs[at].weight += weight;
    if (cooccur->pair_count > cooccur->mask / 2)
        pairs_grow(cooccur);
}

void intent_cooccur_add(struct intent_cooccur *cooccur, const uint32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= cooccur->words)
            continue;
        for (size_t d = 1; d <= WINDOW && i + d < count; d++) {
            if (ids[i + d] < cooccur->words)
                count_pair(cooccur, ids[i], ids[i + d], 1 / (float)d);
        }
    }
}

/* Calls `each` for every pair in both directions. */
static void pairs_each(const struct intent_cooccur *cooccur,
                       void (*each)(void *ctx, uint32_t a, uint32_t b, float weight), void *ctx)
{
    for (uint32_t a = 0; a < cooccur->square; a++) {
        for (uint32_t b = a; b < cooccur->square; b++) {
            float weight = cooccur->table[(size_t)a * cooccur->square + b];

            if (a != b)
                weight += cooccur->table[(size_t)b * cooccur->square + a];
            if (weight == 0)
                continue;
            each(ctx, a, b, weight);
            if (a != b)
                each(ctx, b, a, weight);
        }
    }
    for (uint32_t i = 0; i <= cooccur->mask; i++) {
        struct pair pair = cooccur->pairs[i];

        if (pair.b == 0)
            continue;
        each(ctx, pair.a, pair.b - 1, pair.weight);
        if (pair.a != pair.b - 1)
            each(ctx, pair.b - 1, pair.a, pair.weight);
    }
}

struct ppmi {
    double *sums;          /* of each word's row */
    double *context_share; /* of each word as a context, smoothed */
    struct intent_sparse *by_rows, *by_columns;
    size_t *row_at, *column_at; /* where the next entry goes */
};

static void sum_row(void *ctx, uint32_t a, uint32_t b, float weight)
{
    struct ppmi *ppmi = ctx;

    (void)b;
    ppmi->sums[a] += (double)weight;
}

static float information(const struct ppmi *ppmi, uint32_t a, uint32_t b, float weight)
{
    return logf((float)((double)weight / (ppmi->sums[a] * ppmi->context_share[b])));
}

static void count_entry(void *ctx, uint32_t a, uint32_t b, float weight)
{
    struct ppmi *ppmi = ctx;

    if (information(ppmi, a, b, weight) > 0) {
        ppmi->by_rows->starts[a + 1]++;
        ppmi->by_columns->starts[b + 1]++;
    }
}

static void put_entry(void *ctx, uint32_t a, uint32_t b, float weight)
{
    struct ppmi *ppmi = ctx;
    float value = information(ppmi, a, b, weight);

    if (value <= 0)
        return;
    ppmi->by_rows->ids[ppmi->row_at[a]] = b;
    ppmi->by_rows->values[ppmi->row_at[a]++] = value;
    ppmi->by_columns->ids[ppmi->column_at[b]] = a;
    ppmi->by_columns->values[ppmi->column_at[b]++] = value;
}

static void sparse_init(struct intent_sparse *sparse, uint32_t size)
{
    *sparse = (struct intent_sparse){ .size = size };
    sparse->starts = mem_zalloc((size + (size_t)1) * sizeof(*sparse->starts));
}

/* From counts to places; gives a copy of these to be moved on. */
static size_t *sparse_place(struct intent_sparse *sparse)
{
    size_t bytes = (sparse->size + (size_t)1) * sizeof(*sparse->starts);
    size_t *at = mem_alloc(bytes);

    for (uint32_t i = 0; i < sparse->size; i++)
        sparse->starts[i + 1] += sparse->starts[i];
    sparse->ids = mem_alloc((sparse->starts[sparse->size] + 1) * sizeof(*sparse->ids));
    sparse->values = mem_alloc((sparse->starts[sparse->size] + 1) * sizeof(*sparse->values));
    memcpy(at, sparse->starts, bytes);
    return at;
}

void intent_sparse_fini(struct intent_sparse *sparse)
{
    free(sparse->starts);
    free(sparse->ids);
    free(sparse->values);
    *sparse = (struct intent_sparse){ 0 };
}

void intent_cooccur_ppmi(const struct intent_cooccur *cooccur, struct intent_sparse *by_rows,
                         struct intent_sparse *by_columns)
{
    struct ppmi ppmi = { .by_rows = by_rows, .by_columns = by_columns };
    double total = 0;

    ppmi.sums = mem_zalloc((cooccur->words + 1) * sizeof(double));
    ppmi.context_share = mem_zalloc((cooccur->words + 1) * sizeof(double));
    sparse_init(by_rows, cooccur->words);
    sparse_init(by_columns, cooccur->words);
    pairs_each(cooccur, sum_row, &ppmi);
    for (uint32_t i = 0; i < cooccur->words; i++) {
        ppmi.context_share[i] = pow(ppmi.sums[i], (double)CONTEXT_POWER);
        total += ppmi.context_share[i];
    }
    for (uint32_t i = 0; i < cooccur->words; i++)
        ppmi.context_share[i] /= total;
    pairs_each(cooccur, count_entry, &ppmi);
    ppmi.row_at = sparse_place(by_rows);
    ppmi.column_at = sparse_place(by_columns);
    pairs_each(cooccur, put_entry, &ppmi);
    free(ppmi.row_at);
    free(ppmi.column_at);
    free(ppmi.sums);
    free(ppmi.context_share);
}
