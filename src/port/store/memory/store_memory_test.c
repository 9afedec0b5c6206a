/* SPDX-License-Identifier: Apache-2.0 */
/* The shared suite on the memory adapter. */
#include "test.h"

#include "store_memory.h"
#include "store_suite.h"

static void run_suite_test(void **state)
{
    const struct store_suite_test *test = *state;

    test->run(&(struct store_suite){ .backend = &store_memory_backend });
}

int main(void)
{
    struct CMUnitTest tests[64];

    ENSURE(store_suite_tests_n <= LENGTH_OF(tests));
    for (size_t i = 0; i < store_suite_tests_n; i++)
        tests[i] = (struct CMUnitTest){ store_suite_tests[i].name, run_suite_test, NULL, NULL,
                                        (void *)(uintptr_t)&store_suite_tests[i] };
    return _cmocka_run_group_tests("memory", tests, store_suite_tests_n, NULL, NULL);
}
