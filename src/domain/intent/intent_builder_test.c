/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>

#include "intent_builder_priv.h"

static const char *const texts[] = { "where is my order", "cancel my order please", "我要退货",
                                     "is the shop open on sunday" };
static const float even[INTENT_GROUPS] = { 1, 1, 1, 1, 1 };
static const struct intent_words no_words;
static struct intent_builder builder;

static int rows_build(void **state)
{
    (void)state;
    intent_builder_init(&builder, &no_words);
    for (size_t i = 0; i < LENGTH_OF(texts); i++)
        assert_int_equal(intent_builder_add(&builder, slice_of(texts[i]), NULL), ERR_OK);
    intent_builder_examples_end(&builder);
    intent_builder_finish(&builder, 1, UINT32_MAX, 1, even);
    return 0;
}

static int rows_drop(void **state)
{
    (void)state;
    intent_builder_fini(&builder);
    return 0;
}

static float row_square(size_t row)
{
    const struct intent_rows *rows = &builder.rows;
    float square = 0;

    for (size_t k = rows->starts[row]; k < rows->starts[row + 1]; k++) {
        assert_in_range(rows->ids[k], 0, builder.feature_count - 1);
        square += rows->values[k] * rows->values[k];
    }
    return square;
}

static void rows_have_length_one_before_and_after_pruning(void **state)
{
    uint32_t kept[4096];
    uint32_t count = 0;
    uint64_t third;

    (void)state;
    for (size_t row = 0; row < LENGTH_OF(texts); row++)
        assert_float_equal(row_square(row), 1, 1e-5f);
    for (uint32_t f = 0; f < builder.feature_count; f += 2)
        kept[count++] = f;
    third = builder.hashes[kept[2]];
    intent_builder_prune(&builder, kept, count, even);
    assert_int_equal(builder.feature_count, count);
    assert_int_equal(builder.dense_first, count);
    assert_int_equal(builder.hashes[2], third);
    for (size_t row = 0; row < LENGTH_OF(texts); row++)
        assert_float_equal(row_square(row), 1, 1e-5f);
}

static void a_row_of_which_nothing_is_kept_is_empty(void **state)
{
    uint32_t kept = builder.rows.ids[builder.rows.starts[0]];

    (void)state;
    intent_builder_prune(&builder, &kept, 1, even);
    assert_float_equal(row_square(0), 1, 1e-5f);
    assert_float_equal(row_square(2), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_have_length_one_before_and_after_pruning, rows_build,
                                        rows_drop),
        cmocka_unit_test_setup_teardown(a_row_of_which_nothing_is_kept_is_empty, rows_build,
                                        rows_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
