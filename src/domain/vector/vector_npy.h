/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's array files (.npy, format versions 1 to 3): a matrix of floats read from bytes in memory,
 * and headers for writing one. Pure, any thread.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef KEFU_VECTOR_NPY_H
#define KEFU_VECTOR_NPY_H

#include "buf.h"
#include "err.h"
#include "slice.h"

enum {
    VECTOR_NPY_HEADER_MAX = 4096, /* numpy writes 118 bytes for a matrix */
    VECTOR_NPY_DIMS_MAX = 2,
};

struct vector_npy {
    size_t rows, dim;   /* one dimension alone: one row */
    unsigned item;      /* bytes of a value: 4 or 8 */
    struct slice bytes; /* rows * dim values, little endian, row after row; inside the file */
};

/* Takes little-endian float32 and float64 in C order. Faults name what is wrong: not an .npy file,
 * another type or order, a size that does not match, dimensions past the limits. */
MUST_USE enum err_code vector_npy_read(struct slice file, struct vector_npy *out, struct err *err);
/* One row as floats; float64 is rounded. */
void vector_npy_row(const struct vector_npy *npy, size_t row, float *out);

/* A header for rows x dim values of type "<f4" or "<i8"; the values follow it. */
void vector_npy_write_header(struct buf *out, const char *type, size_t rows, size_t dim);

#endif
