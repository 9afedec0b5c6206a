/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model_file.h"

struct fixture {
    char folder[64];
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    snprintf(f->folder, sizeof(f->folder), "/tmp/model_file_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    model_file_remove(f->folder, 7);
    assert_int_equal(rmdir(f->folder), 0); /* nothing is left beside the files */
    test_free(f);
    return 0;
}

static void what_is_written_is_read_and_mapped(void **state)
{
    struct fixture *f = *state;
    struct model_map map;
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(model_file_write(f->folder, 7, MODEL_FILE_MODEL, SLICE_LITERAL("model"), NULL),
                     ERR_OK);
    assert_int_equal(model_file_write(f->folder, 7, MODEL_FILE_REPORT, SLICE_LITERAL("{}"), NULL),
                     ERR_OK);
    assert_int_equal(model_file_read(f->folder, 7, MODEL_FILE_REPORT, &out, NULL), ERR_OK);
    assert_true(slice_equal_text(buf_slice(&out), "{}"));
    assert_int_equal(model_file_map(f->folder, 7, 5, &map, NULL), ERR_OK);
    assert_memory_equal(map.bytes, "model", 5);
    model_file_rest(&map);
    assert_memory_equal(map.bytes, "model", 5); /* and comes back */
    assert_int_equal(model_file_write(f->folder, 7, MODEL_FILE_MODEL, SLICE_LITERAL("other"), NULL),
                     ERR_OK);
    assert_memory_equal(map.bytes, "model", 5); /* a mapped one stays what it was */
    model_file_unmap(&map);
    assert_null(map.bytes);
    buf_fini(&out);
}

static void what_is_not_there_or_too_big_is_said(void **state)
{
    struct fixture *f = *state;
    struct model_map map;
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(model_file_map(f->folder, 7, 100, &map, NULL), ERR_NOT_FOUND);
    assert_int_equal(model_file_read(f->folder, 7, MODEL_FILE_REPORT, &out, NULL), ERR_NOT_FOUND);
    assert_int_equal(model_file_write(f->folder, 7, MODEL_FILE_MODEL, SLICE_EMPTY, NULL), ERR_OK);
    assert_int_equal(model_file_map(f->folder, 7, 100, &map, NULL), ERR_CORRUPT);
    assert_int_equal(model_file_write(f->folder, 7, MODEL_FILE_MODEL, SLICE_LITERAL("model"), NULL),
                     ERR_OK);
    assert_int_equal(model_file_map(f->folder, 7, 4, &map, NULL), ERR_TOO_BIG);
    assert_int_equal(model_file_write("/nowhere/at/all", 7, MODEL_FILE_MODEL, SLICE_EMPTY, NULL),
                     ERR_IO);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_and_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_or_too_big_is_said, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
