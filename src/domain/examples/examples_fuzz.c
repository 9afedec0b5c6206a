/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes in any format (chosen by the first byte): refused, or read; and what was read survives
 * being written and read again, in as many examples. */
#include <stdint.h>

#include "check.h"
#include "examples_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const struct example_set *set, enum examples_format format)
{
    struct example_set again;
    struct buf out;

    buf_init(&out, 1 << 22);
    example_set_init(&again);
    examples_write(set, format, &out);
    ENSURE(buf_ok(&out));
    if (set->count > 0) {
        ENSURE(examples_read_as(buf_slice(&out), format, &again, NULL) == ERR_OK);
        ENSURE(again.count <= set->count);
    }
    example_set_fini(&again);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct example_set set;
    struct err err = { 0 };
    enum err_code rc;

    if (size < 1 || size > 1 << 16)
        return 0;
    example_set_init(&set);
    if (data[0] % (EXAMPLES_FORMATS + 1) == EXAMPLES_FORMATS)
        rc = examples_read(slice_make(data + 1, size - 1), &set, &err);
    else
        rc = examples_read_as(slice_make(data + 1, size - 1), data[0] % EXAMPLES_FORMATS, &set,
                              &err);
    ENSURE(rc == ERR_OK || err.text[0] != '\0');
    if (rc == ERR_OK && set.count < 200)
        write_and_read(&set, data[0] % EXAMPLES_FORMATS);
    example_set_fini(&set);
    return 0;
}
