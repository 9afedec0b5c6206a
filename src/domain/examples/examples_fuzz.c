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

static void count_fault(void *ctx, const struct err *fault)
{
    ENSURE(fault->code != ERR_OK && fault->text[0] != '\0');
    ++*(size_t *)ctx;
}

/* Going on behind bad lines finds what reading to the first one does, and more; and there are bad
 * lines only where that one stopped. */
static void read_most(struct slice file, const enum examples_format *format,
                      const struct example_set *set, enum err_code rc)
{
    struct example_set most;
    size_t faults = 0;
    enum err_code most_rc;

    example_set_init(&most);
    most_rc = examples_read_most(file, format, &most, count_fault, &faults, NULL);
    ENSURE(most.count >= set->count);
    ENSURE(rc == ERR_OK ? most_rc == ERR_OK && faults == 0 && most.count == set->count
                        : most_rc != ERR_OK || faults > 0);
    example_set_fini(&most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file;
    enum examples_format format;
    bool sniffed;
    struct example_set set;
    struct err err = { 0 };
    enum err_code rc;

    if (size < 1 || size > 1 << 16)
        return 0;
    file = slice_make((const char *)data + 1, size - 1);
    sniffed = data[0] % (EXAMPLES_FORMATS + 1) == EXAMPLES_FORMATS;
    format = data[0] % EXAMPLES_FORMATS;
    example_set_init(&set);
    if (sniffed)
        rc = examples_read(file, &set, &err);
    else
        rc = examples_read_as(file, format, &set, &err);
    ENSURE(rc == ERR_OK || err.text[0] != '\0');
    read_most(file, sniffed ? NULL : &format, &set, rc);
    if (rc == ERR_OK && set.count < 200)
        write_and_read(&set, format);
    example_set_fini(&set);
    return 0;
}
