/* SPDX-License-Identifier: Apache-2.0 */
/* The table is sorted, every entry is found by its path, and what is not there is not found. */
#include "test.h"

#include "assets.h"

static void test_every_file_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < asset_table_len; i++) {
        const struct asset *asset = &asset_table[i];

        assert_ptr_equal(asset_find(slice_of(asset->path)), asset);
        assert_true(asset->identity.len > 0);
        assert_true(asset->br.len < asset->identity.len);
        assert_true(asset->gz.len < asset->identity.len);
        assert_int_equal(asset->path[0], '/');
        assert_int_equal(asset->etag[0], '"');
        if (i > 0)
            assert_true(strcmp(asset_table[i - 1].path, asset->path) < 0);
    }
}

static void test_pages_have_no_suffix(void **state)
{
    (void)state;
    if (asset_table_len == 0)
        return; /* built with KEFU_WEB=OFF */
    assert_non_null(asset_find(SLICE_LITERAL("/w.js")));
    assert_non_null(asset_find(SLICE_LITERAL("/panel")));
    assert_ptr_equal(asset_find(SLICE_LITERAL("/demo/")), asset_find(SLICE_LITERAL("/demo")));
}

static void test_unknown_paths_are_not_found(void **state)
{
    (void)state;
    assert_null(asset_find(SLICE_EMPTY));
    assert_null(asset_find(SLICE_LITERAL("/")));
    assert_null(asset_find(SLICE_LITERAL("/w.j")));
    assert_null(asset_find(SLICE_LITERAL("/w.jss")));
    assert_null(asset_find(SLICE_LITERAL("/../w.js")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_found),
        cmocka_unit_test(test_pages_have_no_suffix),
        cmocka_unit_test(test_unknown_paths_are_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
