/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "check.h"
#include "intent_svm_priv.h"
#include "vector_kernel.h"

enum { ROWS = 60, PER_ROW = 2, FEATURES = 6, LANES = VECTOR_F32_STEP, OTHER = 1 };

/* Feature `label` says which of three intents a row is of, features 3..5 say nothing. */
static size_t starts[ROWS + 1];
static uint32_t ids[ROWS * PER_ROW];
static float values[ROWS * PER_ROW];
static uint32_t labels[ROWS];
static uint8_t folds[ROWS];
static struct intent_rows rows = { ROWS, starts, ids, values };
static struct intent_svm svm;

static int rows_make(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        starts[row] = (size_t)row * PER_ROW;
        labels[row] = row % 3;
        ids[row * PER_ROW] = labels[row];
        ids[row * PER_ROW + 1] = 3 + row / 3 % 3;
        values[row * PER_ROW] = 0.8f;
        values[row * PER_ROW + 1] = 0.6f;
        folds[row] = row % 5 == 0 ? OTHER : 0;
    }
    starts[ROWS] = (size_t)ROWS * PER_ROW;
    svm = (struct intent_svm){
        .rows = &rows, .labels = labels, .folds = folds, .features = FEATURES, .cost = 3, .seed = 1
    };
    return 0;
}

static struct intent_svm_run *learned(void)
{
    struct intent_svm_run *run = intent_svm_begin(&svm, 0, LANES);

    assert_non_null(run);
    assert_true(intent_svm_epochs(run, 10, INTENT_SVM_NO_FOLD));
    return run;
}

static void assert_all_right(const struct intent_svm_run *run)
{
    float scores[LANES] __attribute__((aligned(VECTOR_ALIGN)));

    for (uint32_t row = 0; row < ROWS; row++) {
        intent_svm_scores(run, row, scores);
        for (uint32_t c = 0; c < 3; c++)
            assert_true(c == labels[row] ? scores[c] > 0 : scores[c] < 0);
    }
}

static void rows_are_told_apart(void **state)
{
    struct intent_svm_run *run = learned();

    (void)state;
    assert_all_right(run);
    intent_svm_end(&run);
}

static void refitting_the_same_rows_changes_nothing(void **state)
{
    struct intent_svm_run *run = learned();
    float before[(FEATURES + 1) * LANES];

    (void)state;
    memcpy(before, intent_svm_weights(run), sizeof(before));
    intent_svm_refit(run);
    for (size_t i = 0; i < LENGTH_OF(before); i++)
        assert_float_equal(intent_svm_weights(run)[i], before[i], 1e-4f);
    intent_svm_end(&run);
}

static void learning_goes_on_with_fewer_features(void **state)
{
    struct intent_svm_run *run = learned();

    (void)state;
    for (uint32_t row = 0; row <= ROWS; row++) {
        starts[row] = row;
        if (row == ROWS)
            break;
        ids[row] = labels[row];
        values[row] = 1;
    }
    svm.features = 3;
    intent_svm_refit(run);
    assert_true(intent_svm_epochs(run, 2, INTENT_SVM_NO_FOLD));
    assert_all_right(run);
    intent_svm_end(&run);
}

static void what_a_fold_taught_can_be_taken_out(void **state)
{
    struct intent_svm_run *run = learned();
    float before[(FEATURES + 1) * LANES];

    (void)state;
    intent_svm_remove(run, OTHER);
    memcpy(before, intent_svm_weights(run), sizeof(before));
    intent_svm_remove(run, OTHER); /* nothing is left of it */
    assert_memory_equal(before, intent_svm_weights(run), sizeof(before));
    assert_all_right(run);
    intent_svm_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_are_told_apart, rows_make),
        cmocka_unit_test_setup(refitting_the_same_rows_changes_nothing, rows_make),
        cmocka_unit_test_setup(learning_goes_on_with_fewer_features, rows_make),
        cmocka_unit_test_setup(what_a_fold_taught_can_be_taken_out, rows_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
