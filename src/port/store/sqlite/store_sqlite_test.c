/* SPDX-License-Identifier: Apache-2.0 */
/* The shared suite on the default adapter, and what only it promises: surviving. */
#include "test.h"

#include "store_sqlite.h"

#include "mem.h"
#include "store_suite.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- folders ---- */

static int entry_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void folder_make(char path[64])
{
    snprintf(path, 64, "/tmp/kefu-store-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static void folder_remove(const char *path)
{
    nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_suite_test(void **state)
{
    const struct store_suite_test *test = *state;
    char path[64];

    folder_make(path);
    test->run(&(struct store_suite){ .backend = &store_sqlite_backend, .path = path });
    folder_remove(path);
}

int main(void)
{
    struct CMUnitTest tests[64];

    ENSURE(store_suite_tests_n <= LENGTH_OF(tests));
    for (size_t i = 0; i < store_suite_tests_n; i++)
        tests[i] = (struct CMUnitTest){ store_suite_tests[i].name, run_suite_test, NULL, NULL,
                                        (void *)(uintptr_t)&store_suite_tests[i] };
    return _cmocka_run_group_tests("sqlite", tests, store_suite_tests_n, NULL, NULL);
}
