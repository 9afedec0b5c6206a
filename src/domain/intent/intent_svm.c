/* SPDX-License-Identifier: Apache-2.0 */
/* All columns advance together. An example's features are the same for every intent, so one pass
 * reads its rows of weights for all columns, one step computes all changes of its dual variables,
 * one pass writes them back: memory is read in whole rows instead of one number here and there. */
#include "intent_svm_priv.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "mem.h"
#include "vector_kernel.h"

/* Below this sum of squared changes an example has nothing to say in this epoch. */
static const float CHANGE_MIN = 1e-10f;

struct intent_svm_run {
    const struct intent_svm *svm;
    const struct vector_kernels *kernels;
    uint32_t first;
    size_t lanes;
    float *weights;
    float *alpha;  /* rows x lanes: the dual variables */
    float *square; /* of each row's length, and 1 for the bias */
    uint32_t *order;
    uint8_t *rest; /* 1: the row is settled and sits the next epoch out */
    uint64_t epoch;
    float diagonal; /* 1 / (2 cost): what squared hinge loss adds */
};

static void squares_make(struct intent_svm_run *run)
{
    const struct intent_rows *rows = run->svm->rows;

    for (size_t i = 0; i < rows->count; i++) {
        float square = 1;

        for (size_t k = rows->starts[i]; k < rows->starts[i + 1]; k++)
            square += rows->values[k] * rows->values[k];
        run->square[i] = square;
    }
}

struct intent_svm_run *intent_svm_begin(const struct intent_svm *svm, uint32_t first, size_t lanes)
{
    const struct intent_rows *rows = svm->rows;
    struct intent_svm_run *run = mem_zalloc(sizeof(*run));

    ENSURE(lanes <= INTENT_SVM_LANES_MAX && lanes % VECTOR_F32_STEP == 0);
    run->svm = svm;
    run->kernels = vector_kernels_best();
    run->first = first;
    run->lanes = lanes;
    run->diagonal = .5f / svm->cost;
    run->weights = vector_table_alloc(((size_t)svm->features + 1) * lanes * sizeof(float));
    run->alpha = vector_table_alloc(rows->count * lanes * sizeof(float));
    run->square = mem_alloc((rows->count + 1) * sizeof(float));
    run->order = mem_alloc((rows->count + 1) * sizeof(uint32_t));
    run->rest = mem_zalloc(rows->count + 1);
    if (run->weights == NULL || run->alpha == NULL) {
        intent_svm_end(&run);
        return NULL;
    }
    for (size_t i = 0; i < rows->count; i++)
        run->order[i] = (uint32_t)i;
    squares_make(run);
    return run;
}

void intent_svm_end(struct intent_svm_run **run)
{
    if (*run == NULL)
        return;
    vector_table_free((*run)->weights);
    vector_table_free((*run)->alpha);
    free((*run)->square);
    free((*run)->order);
    free((*run)->rest);
    free(*run);
    *run = NULL;
}

static void shuffle(uint32_t *order, size_t count, uint64_t seed)
{
    for (size_t i = count; i-- > 1;) {
        size_t j = (size_t)(hash_u64(seed, i) % (i + 1));
        uint32_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}

/* One Newton step per column. scores comes in as w.x and goes out as the change of y alpha; `own`
 * is the column where the example is positive (any other value: none). Gives the sum of squared
 * changes. */
static float step(float *scores, float *alpha, size_t lanes, size_t own, float diagonal,
                  float inverse)
{
    float change = 0;

    if (own < lanes)
        scores[own] = -scores[own];
    for (size_t c = 0; c < lanes; c++) {
        float gradient = diagonal * alpha[c] - scores[c] - 1;
        float next = alpha[c] - gradient * inverse;
        float delta;

        next = next > 0 ? next : 0;
        delta = next - alpha[c];
        alpha[c] = next;
        scores[c] = -delta;
        change += delta * delta;
    }
    if (own < lanes)
        scores[own] = -scores[own];
    return change;
}

static struct vector_sparse row_at(const struct intent_svm_run *run, size_t row)
{
    const struct intent_rows *rows = run->svm->rows;
    size_t start = rows->starts[row];

    return (struct vector_sparse){ rows->ids + start, rows->values + start,
                                   rows->starts[row + 1] - start };
}

void intent_svm_scores(const struct intent_svm_run *run, size_t row, float *scores)
{
    const float *bias = run->weights + (size_t)run->svm->features * run->lanes;

    run->kernels->gather(run->weights, run->lanes, row_at(run, row), run->lanes, scores);
    for (size_t c = 0; c < run->lanes; c++)
        scores[c] += bias[c];
}

/* The column where the row is positive; lanes: none of these. */
static size_t own_column(const struct intent_svm_run *run, size_t row)
{
    uint32_t label = run->svm->labels[row];

    return label >= run->first && label - run->first < run->lanes ? label - run->first : run->lanes;
}

static void weights_add(struct intent_svm_run *run, size_t row, const float *delta)
{
    float *bias = run->weights + (size_t)run->svm->features * run->lanes;

    run->kernels->scatter(run->weights, run->lanes, row_at(run, row), run->lanes, delta);
    for (size_t c = 0; c < run->lanes; c++)
        bias[c] += delta[c];
}

static void visit(struct intent_svm_run *run, size_t row)
{
    float scores[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));
    float change;

    intent_svm_scores(run, row, scores);
    change = step(scores, run->alpha + row * run->lanes, run->lanes, own_column(run, row),
                  run->diagonal, 1 / (run->square[row] + run->diagonal));
    if (change >= CHANGE_MIN)
        weights_add(run, row, scores);
    run->rest[row] = change < run->svm->settled;
}

bool intent_svm_epochs(struct intent_svm_run *run, unsigned epochs, int skip)
{
    const struct intent_svm *svm = run->svm;
    size_t rows = svm->rows->count;

    for (unsigned epoch = 0; epoch < epochs; epoch++) {
        shuffle(run->order, rows, svm->seed + run->epoch++);
        for (size_t i = 0; i < rows; i++) {
            int fold = svm->folds[run->order[i]];

            if (fold == INTENT_SVM_OUT || fold == skip)
                continue;
            if (run->rest[run->order[i]] != 0 && epoch + 1 < epochs)
                run->rest[run->order[i]] = 0;
            else
                visit(run, run->order[i]);
        }
        if (svm->progress != NULL && !svm->progress(svm->ctx))
            return false;
    }
    return true;
}

void intent_svm_refit(struct intent_svm_run *run)
{
    float delta[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));

    squares_make(run);
    memset(run->weights, 0, ((size_t)run->svm->features + 1) * run->lanes * sizeof(float));
    for (size_t row = 0; row < run->svm->rows->count; row++) {
        const float *alpha = run->alpha + row * run->lanes;
        size_t own = own_column(run, row);

        for (size_t c = 0; c < run->lanes; c++)
            delta[c] = c == own ? alpha[c] : -alpha[c];
        weights_add(run, row, delta);
    }
}

void intent_svm_remove(struct intent_svm_run *run, int fold)
{
    for (size_t row = 0; row < run->svm->rows->count; row++) {
        float delta[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));
        float *alpha = run->alpha + row * run->lanes;
        size_t own = own_column(run, row);

        if (run->svm->folds[row] != fold)
            continue;
        for (size_t c = 0; c < run->lanes; c++) {
            delta[c] = c == own ? -alpha[c] : alpha[c];
            alpha[c] = 0;
        }
        weights_add(run, row, delta);
    }
}

const float *intent_svm_weights(const struct intent_svm_run *run)
{
    return run->weights;
}
