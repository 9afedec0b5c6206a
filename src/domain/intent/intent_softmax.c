/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_softmax_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "intent_rows_priv.h"
#include "mem.h"
#include "vector_kernel.h"

static const float RATE = 1.5f;
static const float KEEP = 0.5f;
static const float SMOOTHING = 0.1f; /* of the target: that share is spread over all columns */

struct run {
    const struct intent_svm *svm;
    const struct vector_kernels *kernels;
    uint32_t columns;
    size_t lanes;
    float *weights;
    float *squares; /* per feature: the sum of squared gradients (AdaGrad) */
    uint64_t drawn;
    uint32_t ids[INTENT_ROW_MAX];
    float values[INTENT_ROW_MAX];
};

static uint64_t draw(struct run *run)
{
    return hash_u64(run->svm->seed, ++run->drawn);
}

/* Some features of the row, scaled to length 1. */
static size_t row_thin(struct run *run, size_t row)
{
    const struct intent_rows *rows = run->svm->rows;
    uint32_t keep = (uint32_t)(KEEP * 65536);
    uint64_t bits = 0;
    float square = 0;
    size_t count = 0;

    for (size_t k = rows->starts[row]; k < rows->starts[row + 1]; k++) {
        if ((k - rows->starts[row]) % 4 == 0)
            bits = draw(run);
        if ((bits & 0xFFFF) < keep) {
            run->ids[count] = rows->ids[k];
            run->values[count++] = rows->values[k];
            square += rows->values[k] * rows->values[k];
        }
        bits >>= 16;
    }
    for (size_t i = 0; i < count; i++)
        run->values[i] /= sqrtf(square);
    return count;
}

/* scores to the gradient of the loss; gives its square. */
static float gradient(const struct run *run, float *scores, uint32_t label)
{
    float most = -INFINITY;
    float sum = 0;
    float square = 0;

    for (uint32_t c = 0; c < run->columns; c++)
        most = fmaxf(most, scores[c]);
    for (uint32_t c = 0; c < run->columns; c++) {
        scores[c] = expf(scores[c] - most);
        sum += scores[c];
    }
    for (uint32_t c = 0; c < run->columns; c++) {
        scores[c] =
            scores[c] / sum - SMOOTHING / (float)run->columns - (c == label ? 1 - SMOOTHING : 0);
        square += scores[c] * scores[c];
    }
    for (size_t c = run->columns; c < run->lanes; c++)
        scores[c] = 0;
    return square;
}

static void visit(struct run *run, size_t row, float rate)
{
    float *bias = run->weights + (size_t)run->svm->features * run->lanes;
    float *bias_square = run->squares + run->svm->features;
    float scores[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));
    size_t count = row_thin(run, row);
    struct vector_sparse at = { run->ids, run->values, count };
    float square;

    run->kernels->gather(run->weights, run->lanes, at, run->lanes, scores);
    for (size_t c = 0; c < run->lanes; c++)
        scores[c] += bias[c];
    square = gradient(run, scores, run->svm->labels[row]);
    for (size_t i = 0; i < count; i++) {
        float *sum = &run->squares[run->ids[i]];

        *sum += square * run->values[i] * run->values[i];
        run->values[i] *= -rate / sqrtf(*sum + 1e-8f);
    }
    run->kernels->scatter(run->weights, run->lanes, at, run->lanes, scores);
    *bias_square += square;
    for (size_t c = 0; c < run->lanes; c++)
        bias[c] -= rate / sqrtf(*bias_square + 1e-8f) * scores[c];
}

void intent_softmax_scores(const struct intent_svm *svm, size_t lanes, const float *weights,
                           size_t row, float *scores)
{
    const float *bias = weights + (size_t)svm->features * lanes;
    size_t start = svm->rows->starts[row];
    struct vector_sparse at = { svm->rows->ids + start, svm->rows->values + start,
                                svm->rows->starts[row + 1] - start };

    vector_kernels_best()->gather(weights, lanes, at, lanes, scores);
    for (size_t c = 0; c < lanes; c++)
        scores[c] += bias[c];
}

static void shuffle(uint32_t *order, size_t count, struct run *run)
{
    for (size_t i = count; i-- > 1;) {
        size_t j = (size_t)(draw(run) % (i + 1));
        uint32_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}

bool intent_softmax_train(const struct intent_svm *svm, uint32_t columns, size_t lanes,
                          unsigned epochs, int skip, float *weights)
{
    struct run *run = mem_zalloc(sizeof(*run));
    uint32_t *order = mem_alloc((svm->rows->count + 1) * sizeof(*order));
    bool going = true;

    ENSURE(lanes <= INTENT_SVM_LANES_MAX && columns <= lanes);
    *run = (struct run){ .svm = svm, .columns = columns, .lanes = lanes, .weights = weights };
    run->kernels = vector_kernels_best();
    run->squares = mem_zalloc((svm->features + (size_t)1) * sizeof(float));
    for (size_t i = 0; i < svm->rows->count; i++)
        order[i] = (uint32_t)i;
    for (unsigned epoch = 0; epoch < epochs && going; epoch++) {
        float rate = RATE * (1 - (float)epoch / (float)epochs);

        shuffle(order, svm->rows->count, run);
        for (size_t i = 0; i < svm->rows->count; i++) {
            int fold = svm->folds[order[i]];

            if (fold != INTENT_SVM_OUT && fold != skip)
                visit(run, order[i], rate);
        }
        going = svm->progress == NULL || svm->progress(svm->ctx);
    }
    free(run->squares);
    free(run);
    free(order);
    return going;
}
