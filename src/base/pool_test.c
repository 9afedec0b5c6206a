/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "check.h"
#include "hash.h"
#include "pool.h"

enum { OBJECT = 100, MANY = 5000 };

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    static unsigned char *objects[MANY];
    struct pool pool;

    (void)state;
    pool_init(&pool, OBJECT);
    assert_int_equal(pool.chunks, 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            objects[i] = pool_take(&pool);
            assert_int_equal((uintptr_t)objects[i] % 16, 0);
            for (unsigned k = 0; k < OBJECT; k++)
                assert_int_equal(objects[i][k], 0);
            memset(objects[i], (int)(i % 255) + 1, OBJECT);
        }
        assert_int_equal(pool.count, MANY);
        for (unsigned i = 0; i < MANY; i++) {
            assert_int_equal(objects[i][0], i % 255 + 1);
            assert_int_equal(objects[i][OBJECT - 1], i % 255 + 1);
            pool_give(&pool, objects[i]);
        }
        assert_int_equal(pool.count, 0);
        assert_int_equal(pool.chunks, 1); /* the rest is the system's again */
    }
    pool_fini(&pool);
    assert_int_equal(pool.chunks, 0);
}

static void the_largest_object_fits(void **state)
{
    struct pool pool;
    char *objects[40];

    (void)state;
    pool_init(&pool, POOL_OBJECT_BYTES_MAX);
    for (unsigned i = 0; i < LENGTH_OF(objects); i++) {
        objects[i] = pool_take(&pool);
        memset(objects[i], 1, POOL_OBJECT_BYTES_MAX);
    }
    assert_int_equal(pool.chunks, 3); /* 15 in one, beside its header */
    pool_fini(&pool);
}

static void random_use_keeps_what_is_taken(void **state)
{
    static uint64_t *objects[MANY];
    struct pool pool;
    unsigned count = 0;

    (void)state;
    pool_init(&pool, sizeof(uint64_t) * 4);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned at = (unsigned)(hash_u64(1, step) % MANY);

        if (objects[at] == NULL) {
            objects[at] = pool_take(&pool);
            assert_int_equal(objects[at][3], 0);
            objects[at][0] = objects[at][3] = at;
            count++;
        } else {
            assert_int_equal(objects[at][0], at);
            assert_int_equal(objects[at][3], at);
            pool_give(&pool, objects[at]);
            objects[at] = NULL;
            count--;
        }
        assert_int_equal(pool.count, count);
    }
    pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(the_largest_object_fits),
        cmocka_unit_test(random_use_keeps_what_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
