/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "hash.h"
#include "map_u64.h"

enum { KEYS = 64, STEPS = 20000 };

static void map_behaves_like_an_array_under_random_changes(void **state)
{
    struct map_u64 map;
    int value[KEYS];
    void *model[KEYS] = { 0 };
    size_t count = 0;

    (void)state;
    map_u64_init(&map, KEYS, 42);
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t key = hash_u64(1, step) % KEYS;
        bool put = hash_u64(2, step) % 2 == 0;

        if (put) {
            count += model[key] == NULL;
            model[key] = &value[hash_u64(3, step) % KEYS];
            assert_true(map_u64_put(&map, key, model[key]));
        } else {
            count -= model[key] != NULL;
            assert_ptr_equal(map_u64_take(&map, key), model[key]);
            model[key] = NULL;
        }
        assert_int_equal(map.count, count);
        for (uint64_t i = 0; i < KEYS; i += 7)
            assert_ptr_equal(map_u64_get(&map, (key + i) % KEYS), model[(key + i) % KEYS]);
    }
    map_u64_fini(&map);
}

static void full_map_refuses_new_keys_and_still_replaces(void **state)
{
    struct map_u64 map;
    int a;
    int b;

    (void)state;
    map_u64_init(&map, 2, 0);
    assert_null(map_u64_get(&map, 1));
    assert_null(map_u64_take(&map, 1));
    assert_true(map_u64_put(&map, 0, &a));
    assert_true(map_u64_put(&map, UINT64_MAX, &a));
    assert_false(map_u64_put(&map, 1, &a));
    assert_true(map_u64_put(&map, 0, &b));
    assert_ptr_equal(map_u64_get(&map, 0), &b);
    map_u64_fini(&map);
}

static void a_large_table_goes_with_its_last_entry_and_comes_back(void **state)
{
    struct map_u64 map;
    int value;

    (void)state;
    map_u64_init(&map, 10 * 1000, 9);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 1; i <= 5000; i++)
            assert_true(map_u64_put(&map, i, &value));
        for (uint64_t i = 1; i <= 5000; i++) {
            assert_true(map.cap > 5000);
            assert_ptr_equal(map_u64_take(&map, i), &value);
        }
        assert_int_equal(map.cap, 0);
        assert_null(map_u64_get(&map, 1));
        assert_null(map_u64_take(&map, 1));
    }
    map_u64_fini(&map);
}

static void walk_meets_each_entry_once(void **state)
{
    struct map_u64 map;
    int value;
    uint64_t sum = 0;
    uint64_t key = 0;
    size_t cursor = 0;

    (void)state;
    map_u64_init(&map, 1000, 9);
    map_u64_reserve(&map, 1000);
    for (uint64_t i = 1; i <= 1000; i++)
        assert_true(map_u64_put(&map, i << 22, &value));
    while (map_u64_next(&map, &cursor, &key) != NULL)
        sum += key >> 22;
    assert_int_equal(sum, 500500);
    map_u64_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_behaves_like_an_array_under_random_changes),
        cmocka_unit_test(full_map_refuses_new_keys_and_still_replaces),
        cmocka_unit_test(a_large_table_goes_with_its_last_entry_and_comes_back),
        cmocka_unit_test(walk_meets_each_entry_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
