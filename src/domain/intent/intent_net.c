/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_net_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "intent_rows_priv.h"
#include "mem.h"

enum { UNITS = INTENT_NET_UNITS };

static const float RATE_IN = 0.08f;
static const float RATE_OUT = 0.8f;
static const float KEEP_FEATURES = 0.5f;
static const float KEEP_UNITS = 0.65f;
static const float SMOOTHING = 0.1f; /* of the target: that share is spread over all columns */
static const float START_IN = 0.25f; /* the spread of the first weights */
static const float START_OUT = 0.1f;
static const float SQUARES_MIN = 1e-8f;

/* Weights move by the sums of squared gradients so far (Duchi et al., "Adaptive subgradient
 * methods", 2011), one sum per row of a table instead of one per number: rows are moved whole. */
struct squares {
    float *in; /* per feature */
    float in_bias;
    float out[UNITS];
    float out_bias;
};

struct run {
    struct intent_net *net;
    const struct intent_svm *svm;
    const struct vector_kernels *kernels;
    struct squares squares;
    uint64_t drawn;
    float units[UNITS] __attribute__((aligned(VECTOR_ALIGN)));
    float scores[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));
    /* The features of the row that are left in, and the units. */
    size_t feature_count;
    uint32_t features[INTENT_ROW_MAX];
    float values[INTENT_ROW_MAX];
    size_t unit_count;
    uint32_t unit_ids[UNITS];
    float unit_values[UNITS];
};

bool intent_net_init(struct intent_net *net, uint32_t features, uint32_t columns, size_t lanes)
{
    ENSURE(lanes <= INTENT_SVM_LANES_MAX && columns <= lanes);
    *net = (struct intent_net){ .features = features, .columns = columns, .lanes = lanes };
    net->in = vector_table_alloc((size_t)features * UNITS * sizeof(float));
    net->in_bias = vector_table_alloc(UNITS * sizeof(float));
    net->out = vector_table_alloc(UNITS * lanes * sizeof(float));
    net->out_bias = vector_table_alloc(lanes * sizeof(float));
    return net->in != NULL && net->in_bias != NULL && net->out != NULL && net->out_bias != NULL;
}

void intent_net_fini(struct intent_net *net)
{
    vector_table_free(net->in);
    vector_table_free(net->in_bias);
    vector_table_free(net->out);
    vector_table_free(net->out_bias);
    *net = (struct intent_net){ 0 };
}

static uint64_t draw(struct run *run)
{
    return hash_u64(run->svm->seed, ++run->drawn);
}

/* Nearly normal, of variance 1: the sum of four even ones. */
static float draw_normal(struct run *run)
{
    uint64_t bits = draw(run);
    float sum = 0;

    for (unsigned i = 0; i < 4; i++, bits >>= 16)
        sum += (float)(bits & 0xFFFF) / 65536 - 0.5f;
    return sum * 1.7320508f;
}

static void start(struct run *run)
{
    struct intent_net *net = run->net;

    for (size_t i = 0; i < (size_t)net->features * UNITS; i++)
        net->in[i] = START_IN * draw_normal(run);
    for (size_t i = 0; i < UNITS * net->lanes; i++)
        net->out[i] = i % net->lanes < net->columns ? START_OUT * draw_normal(run) : 0;
    memset(net->in_bias, 0, UNITS * sizeof(float));
    memset(net->out_bias, 0, net->lanes * sizeof(float));
}

/* Some features of the row, scaled to length 1. */
static void features_choose(struct run *run, size_t row)
{
    const struct intent_rows *rows = run->svm->rows;
    uint32_t keep = (uint32_t)(KEEP_FEATURES * 65536);
    uint64_t bits = 0;
    float square = 0;
    size_t count = 0;

    for (size_t k = rows->starts[row]; k < rows->starts[row + 1]; k++) {
        if ((k - rows->starts[row]) % 4 == 0)
            bits = draw(run);
        if ((bits & 0xFFFF) < keep) {
            run->features[count] = rows->ids[k];
            run->values[count++] = rows->values[k];
            square += rows->values[k] * rows->values[k];
        }
        bits >>= 16;
    }
    for (size_t i = 0; i < count; i++)
        run->values[i] /= sqrtf(square);
    run->feature_count = count;
}

/* Active units that are left in; these count for the others, too. */
static void units_choose(struct run *run)
{
    uint32_t keep = (uint32_t)(KEEP_UNITS * 65536);
    uint64_t bits = 0;

    run->unit_count = 0;
    for (uint32_t u = 0; u < UNITS; u++) {
        float sum = run->units[u] + run->net->in_bias[u];

        if (u % 4 == 0)
            bits = draw(run);
        if (sum > 0 && (bits & 0xFFFF) < keep) {
            run->unit_ids[run->unit_count] = u;
            run->unit_values[run->unit_count++] = sum / KEEP_UNITS;
        }
        bits >>= 16;
    }
}

/* Probabilities from sums, in place. */
static void to_probabilities(float *scores, uint32_t columns)
{
    float most = -INFINITY;
    float sum = 0;

    for (uint32_t c = 0; c < columns; c++)
        most = scores[c] > most ? scores[c] : most;
    for (uint32_t c = 0; c < columns; c++) {
        scores[c] = expf(scores[c] - most);
        sum += scores[c];
    }
    for (uint32_t c = 0; c < columns; c++)
        scores[c] /= sum;
}

/* The scores to the gradient of the loss; gives its square. */
static float gradient(struct run *run, uint32_t label)
{
    uint32_t columns = run->net->columns;
    float square = 0;

    to_probabilities(run->scores, columns);
    for (uint32_t c = 0; c < columns; c++) {
        run->scores[c] -= SMOOTHING / (float)columns + (c == label ? 1 - SMOOTHING : 0);
        square += run->scores[c] * run->scores[c];
    }
    memset(run->scores + columns, 0, (run->net->lanes - columns) * sizeof(float));
    return square;
}

static float step_of(float *squares, float square, float rate)
{
    *squares += square;
    return -rate / sqrtf(*squares + SQUARES_MIN);
}

/* run->units: the gradient at the units' sums, zero where a unit is left out; gives its square. */
static float units_back(struct run *run)
{
    float at_units[UNITS];
    float square = 0;

    run->kernels->dots(run->net->out, UNITS, run->net->lanes, run->scores, at_units);
    memset(run->units, 0, sizeof(run->units));
    for (size_t i = 0; i < run->unit_count; i++) {
        float value = at_units[run->unit_ids[i]] / KEEP_UNITS;

        run->units[run->unit_ids[i]] = value;
        square += value * value;
    }
    return square;
}

static void out_move(struct run *run, float square, float rate)
{
    struct intent_net *net = run->net;
    struct vector_sparse units = { run->unit_ids, run->unit_values, run->unit_count };
    float step = step_of(&run->squares.out_bias, square, rate);

    for (size_t i = 0; i < run->unit_count; i++) {
        float value = run->unit_values[i];

        run->unit_values[i] =
            value * step_of(&run->squares.out[run->unit_ids[i]], square * value * value, rate);
    }
    run->kernels->scatter(net->out, net->lanes, units, net->lanes, run->scores);
    for (size_t c = 0; c < net->lanes; c++)
        net->out_bias[c] += step * run->scores[c];
}

static void in_move(struct run *run, float square, float rate)
{
    struct intent_net *net = run->net;
    struct vector_sparse features = { run->features, run->values, run->feature_count };
    float step = step_of(&run->squares.in_bias, square / UNITS, rate);

    for (size_t i = 0; i < run->feature_count; i++) {
        float value = run->values[i];

        run->values[i] = value * step_of(&run->squares.in[run->features[i]],
                                         square / UNITS * value * value, rate);
    }
    run->kernels->scatter(net->in, UNITS, features, UNITS, run->units);
    for (unsigned u = 0; u < UNITS; u++)
        net->in_bias[u] += step * run->units[u];
}

static void visit(struct run *run, size_t row, float share)
{
    struct intent_net *net = run->net;
    float square;
    float square_units;

    features_choose(run, row);
    run->kernels->gather(net->in, UNITS,
                         (struct vector_sparse){ run->features, run->values, run->feature_count },
                         UNITS, run->units);
    units_choose(run);
    run->kernels->gather(net->out, net->lanes,
                         (struct vector_sparse){ run->unit_ids, run->unit_values, run->unit_count },
                         net->lanes, run->scores);
    for (size_t c = 0; c < net->lanes; c++)
        run->scores[c] += net->out_bias[c];
    square = gradient(run, run->svm->labels[row]);
    square_units = units_back(run);
    out_move(run, square, share * RATE_OUT);
    in_move(run, square_units, share * RATE_IN);
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

bool intent_net_train(struct intent_net *net, const struct intent_svm *svm, int skip)
{
    size_t rows = svm->rows->count;
    struct run *run;
    uint32_t *order = mem_alloc((rows + 1) * sizeof(*order));
    bool going = true;

    ENSURE(posix_memalign((void **)&run, VECTOR_ALIGN, sizeof(*run)) == 0);
    memset(run, 0, sizeof(*run));
    run->net = net;
    run->svm = svm;
    run->kernels = vector_kernels_best();
    run->squares.in = mem_zalloc((net->features + (size_t)1) * sizeof(float));
    start(run);
    for (size_t i = 0; i < rows; i++)
        order[i] = (uint32_t)i;
    for (unsigned step = 0; step < INTENT_NET_STEPS && going; step++) {
        float share = 1 - (float)step / INTENT_NET_STEPS;

        shuffle(order, rows, run);
        for (size_t i = 0; i < rows; i++) {
            int fold = svm->folds[order[i]];

            if (fold != INTENT_SVM_OUT && fold != skip)
                visit(run, order[i], share);
        }
        going = svm->progress == NULL || svm->progress(svm->ctx);
    }
    free(run->squares.in);
    free(run);
    free(order);
    return going;
}

void intent_net_finish(const struct intent_net_end *end, float *units, float *scores)
{
    uint32_t ids[UNITS];
    float values[UNITS];
    float most = -INFINITY;
    float sum = 0;
    size_t count = 0;

    for (uint32_t u = 0; u < UNITS; u++) {
        units[u] = fmaxf(0, units[u] + end->in_bias[u]);
        ids[count] = u;
        values[count] = units[u];
        count += units[u] > 0;
    }
    vector_kernels_best()->gather(end->out, end->lanes,
                                  (struct vector_sparse){ ids, values, count }, end->lanes, scores);
    for (size_t c = 0; c < end->lanes; c++)
        scores[c] += end->out_bias[c];
    for (uint32_t c = 0; c < end->columns; c++)
        most = fmaxf(most, scores[c]);
    for (uint32_t c = 0; c < end->columns; c++)
        sum += expf(scores[c] - most);
    most += logf(sum);
    for (size_t c = 0; c < end->lanes; c++)
        scores[c] -= most;
}

void intent_net_scores(const struct intent_net *net, struct vector_sparse row, float *scores)
{
    const struct intent_net_end end = { net->columns, net->lanes, net->in_bias, net->out,
                                        net->out_bias };
    float units[UNITS] __attribute__((aligned(VECTOR_ALIGN)));

    vector_kernels_best()->gather(net->in, UNITS, row, UNITS, units);
    intent_net_finish(&end, units, scores);
}
