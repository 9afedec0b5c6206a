/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "intent_net_priv.h"
#include "intent_rows_priv.h"

enum { ROWS = 400, PER_ROW = 2, FEATURES = 4, COLUMNS = 2, LANES = VECTOR_F32_STEP, OTHER = 1 };

/* Two questions of two answers each; a row is of intent 1 if the answers differ. No line divides
 * these. */
struct fixture {
    size_t starts[ROWS + 1];
    uint32_t ids[ROWS * PER_ROW];
    float values[ROWS * PER_ROW];
    uint32_t labels[ROWS];
    uint8_t folds[ROWS];
    struct intent_rows rows;
    struct intent_svm svm;
    struct intent_net net;
};

static struct fixture fixture;

static int rows_make(void **state)
{
    struct fixture *f = &fixture;

    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t a = row & 1;
        uint32_t b = row >> 1 & 1;

        f->starts[row] = (size_t)row * PER_ROW;
        f->ids[row * PER_ROW] = a;
        f->ids[row * PER_ROW + 1] = 2 + b;
        f->values[row * PER_ROW] = f->values[row * PER_ROW + 1] = sqrtf(0.5f);
        f->labels[row] = a ^ b;
        f->folds[row] = row < 4 ? OTHER : 0;
    }
    f->starts[ROWS] = (size_t)ROWS * PER_ROW;
    f->rows = (struct intent_rows){ ROWS, f->starts, f->ids, f->values };
    f->svm = (struct intent_svm){
        .rows = &f->rows, .labels = f->labels, .folds = f->folds, .features = FEATURES, .seed = 1
    };
    assert_true(intent_net_init(&f->net, FEATURES, COLUMNS, LANES));
    return 0;
}

static int rows_drop(void **state)
{
    (void)state;
    intent_net_fini(&fixture.net);
    return 0;
}

/* The logarithms of the probabilities of one of the four kinds of rows. */
static void scores_of(uint32_t row, float *scores)
{
    const struct fixture *f = &fixture;
    struct vector_sparse at = { f->ids + f->starts[row], f->values + f->starts[row], PER_ROW };

    intent_net_scores(&f->net, at, scores);
}

static void a_net_learns_what_no_line_divides(void **state)
{
    float scores[LANES] __attribute__((aligned(VECTOR_ALIGN)));

    (void)state;
    assert_true(intent_net_train(&fixture.net, &fixture.svm, INTENT_SVM_NO_FOLD));
    for (uint32_t row = 0; row < 4; row++) {
        uint32_t label = fixture.labels[row];

        scores_of(row, scores);
        assert_true(scores[label] > scores[1 - label]);
        assert_float_equal(expf(scores[0]) + expf(scores[1]), 1, 1e-5f);
    }
}

static void rows_held_out_teach_nothing(void **state)
{
    float before[4][LANES] __attribute__((aligned(VECTOR_ALIGN)));
    float after[LANES] __attribute__((aligned(VECTOR_ALIGN)));

    (void)state;
    assert_true(intent_net_train(&fixture.net, &fixture.svm, OTHER));
    for (uint32_t row = 0; row < 4; row++)
        scores_of(row, before[row]);
    for (uint32_t row = 0; row < 4; row++)
        fixture.labels[row] ^= 1;
    assert_true(intent_net_train(&fixture.net, &fixture.svm, OTHER));
    for (uint32_t row = 0; row < 4; row++) {
        scores_of(row, after);
        assert_memory_equal(before[row], after, sizeof(after));
        fixture.labels[row] ^= 1;
    }
}

static bool stop_at_three(void *ctx)
{
    unsigned *steps = ctx;

    return ++*steps < 3;
}

static void training_stops_when_told(void **state)
{
    struct intent_svm svm = fixture.svm;
    unsigned steps = 0;

    (void)state;
    svm.progress = stop_at_three;
    svm.ctx = &steps;
    assert_false(intent_net_train(&fixture.net, &svm, INTENT_SVM_NO_FOLD));
    assert_int_equal(steps, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_net_learns_what_no_line_divides),
        cmocka_unit_test(rows_held_out_teach_nothing),
        cmocka_unit_test(training_stops_when_told),
    };

    return cmocka_run_group_tests(tests, rows_make, rows_drop);
}
