/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused or read, and what was read survives export and import. */
#include <stdint.h>

#include "check.h"
#include "faq_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
    struct buf out;
    unsigned rows;
    unsigned errors;
};

static void on_row(void *ctx, const struct faq_csv_row *row)
{
    struct copy *copy = ctx;

    copy->rows++;
    faq_csv_write_row(&copy->out, row);
}

static void on_error(void *ctx, unsigned line, const char *text)
{
    struct copy *copy = ctx;

    (void)line;
    (void)text;
    copy->errors++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct faq_csv_ops ops = { on_row, on_error };
    struct copy first = { 0 };
    struct copy second = { 0 };
    struct arena arena;

    if (size > 1 << 16)
        return 0;
    arena_init(&arena, 1 << 18);
    buf_init(&first.out, 1 << 20);
    buf_init(&second.out, 1 << 20);
    faq_csv_write_header(&first.out);
    if (faq_csv_read(slice_make(data, size), &arena, &ops, &first, NULL) == ERR_OK) {
        ENSURE(buf_ok(&first.out));
        ENSURE(faq_csv_read(buf_slice(&first.out), &arena, &ops, &second, NULL) == ERR_OK);
        ENSURE(second.rows + second.errors == first.rows);
    }
    buf_fini(&first.out);
    buf_fini(&second.out);
    arena_fini(&arena);
    return 0;
}
