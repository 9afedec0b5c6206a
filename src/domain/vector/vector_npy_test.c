/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "vector.h"
#include "vector_npy.h"

static struct slice file_with(struct buf *buf, const char *header, const void *values, size_t len)
{
    buf_clear(buf);
    buf_add(buf, "\x93NUMPY\x01\x00", 8);
    buf_add_char(buf, (char)(strlen(header) & 0xFF));
    buf_add_char(buf, (char)(strlen(header) >> 8));
    buf_add_text(buf, header);
    buf_add(buf, values, len);
    return buf_slice(buf);
}

static void what_is_written_reads_back(void **state)
{
    const float values[6] = { 1, 2, 3, 4, 5, -6.5f };
    struct vector_npy npy;
    struct buf buf;
    float row[3];

    (void)state;
    buf_init(&buf, 1 << 20);
    vector_npy_write_header(&buf, "<f4", 2, 3);
    assert_int_equal(buf.len % 64, 0);
    buf_add(&buf, values, sizeof(values));
    assert_int_equal(vector_npy_read(buf_slice(&buf), &npy, NULL), ERR_OK);
    assert_int_equal(npy.rows, 2);
    assert_int_equal(npy.dim, 3);
    vector_npy_row(&npy, 1, row);
    assert_memory_equal(row, values + 3, sizeof(row));
    buf_fini(&buf);
}

static void doubles_one_dimension_and_other_key_orders_are_read(void **state)
{
    const double values[2] = { 0.5, -2 };
    struct vector_npy npy;
    struct buf buf;
    float row[2];

    (void)state;
    buf_init(&buf, 1 << 20);
    assert_int_equal(
        vector_npy_read(file_with(&buf,
                                  "{\"shape\":(2,),\"descr\":\"<f8\",\"fortran_order\":False}",
                                  values, sizeof(values)),
                        &npy, NULL),
        ERR_OK);
    assert_int_equal(npy.rows, 1);
    vector_npy_row(&npy, 0, row);
    assert_true(row[0] == 0.5f && row[1] == -2);
    buf_fini(&buf);
}

static void wrong_files_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *header;
        enum err_code code;
        const char *reason;
    } cases[] = {
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", ERR_UNSUPPORTED,
          "Fortran" },
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (1, 1), }", ERR_UNSUPPORTED, ">f4" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1), }", ERR_INVALID, "dims" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", ERR_INVALID, "needs 8" },
        { "{'descr': '<f4', 'fortran_order': False}", ERR_INVALID, "header" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", ERR_INVALID,
          "header" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)} x", ERR_INVALID, "header" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4000001, 1)}", ERR_TOO_BIG,
          "4000000" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4097)}", ERR_TOO_BIG, "4096" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 1)}",
          ERR_INVALID, "header" },
    };
    const float one = 1;
    struct vector_npy npy;
    struct buf buf;

    (void)state;
    buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct err err = { 0 };

        assert_int_equal(
            vector_npy_read(file_with(&buf, cases[i].header, &one, sizeof(one)), &npy, &err),
            cases[i].code);
        assert_non_null(strstr(err.text, cases[i].reason));
    }
    assert_int_equal(vector_npy_read(SLICE_LITERAL("PK\3\4"), &npy, NULL), ERR_INVALID);
    assert_int_equal(vector_npy_read(SLICE_LITERAL("\x93NUMPY\x04\x00  "), &npy, NULL),
                     ERR_UNSUPPORTED);
    buf_fini(&buf);
}

static void a_header_at_the_limit_is_read_and_one_beyond_is_not(void **state)
{
    static const char text[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)}";
    char header[VECTOR_NPY_HEADER_MAX + 2];
    const float one = 1;
    struct vector_npy npy;
    struct buf buf;

    (void)state;
    buf_init(&buf, 1 << 20);
    memset(header, ' ', sizeof(header));
    memcpy(header, text, sizeof(text) - 1);
    header[VECTOR_NPY_HEADER_MAX] = '\0';
    assert_int_equal(vector_npy_read(file_with(&buf, header, &one, sizeof(one)), &npy, NULL),
                     ERR_OK);
    header[VECTOR_NPY_HEADER_MAX] = ' ';
    header[VECTOR_NPY_HEADER_MAX + 1] = '\0';
    assert_int_equal(vector_npy_read(file_with(&buf, header, &one, sizeof(one)), &npy, NULL),
                     ERR_TOO_BIG);
    buf_fini(&buf);
}

static void every_prefix_of_a_file_is_refused(void **state)
{
    const float values[2] = { 1, 2 };
    struct vector_npy npy;
    struct buf buf;

    (void)state;
    buf_init(&buf, 1 << 20);
    vector_npy_write_header(&buf, "<f4", 1, 2);
    buf_add(&buf, values, sizeof(values));
    for (size_t len = 0; len < buf.len; len++)
        assert_int_not_equal(vector_npy_read(slice_make(buf.ptr, len), &npy, NULL), ERR_OK);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(doubles_one_dimension_and_other_key_orders_are_read),
        cmocka_unit_test(wrong_files_are_refused_with_a_reason),
        cmocka_unit_test(a_header_at_the_limit_is_read_and_one_beyond_is_not),
        cmocka_unit_test(every_prefix_of_a_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
