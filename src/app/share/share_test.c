/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "share.h"

static void embedded_files_are_the_files_of_the_folder(void **state)
{
    (void)state;
    assert_true(share_table_len > 0);
    for (size_t i = 0; i < share_table_len; i++) {
        char path[256];
        char *bytes = malloc(share_table[i].bytes.len + 1);
        FILE *file;

        snprintf(path, sizeof(path), "share/%s", share_table[i].name);
        file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(bytes, 1, share_table[i].bytes.len + 1, file),
                         share_table[i].bytes.len);
        assert_memory_equal(bytes, share_table[i].bytes.ptr, share_table[i].bytes.len);
        fclose(file);
        free(bytes);
    }
}

static void an_unknown_name_is_not_found(void **state)
{
    struct slice bytes;

    (void)state;
    assert_true(share_find("demo/faq.csv", &bytes));
    assert_false(share_find("demo/nothing", &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embedded_files_are_the_files_of_the_folder),
        cmocka_unit_test(an_unknown_name_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
