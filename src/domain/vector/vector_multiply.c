/* SPDX-License-Identifier: Apache-2.0 */
/* Products of plain matrices, with the kernels that the index has. */
#include <string.h>

#include "vector.h"
#include "vector_kernel.h"

enum { MULTIPLY_COLUMNS = 64 }; /* rows of the other matrix that stay in the first cache level */

void vector_multiply(const float *matrix, size_t rows, size_t dim, const float *vector, float *out)
{
    vector_multiply_rows(matrix, rows, vector, 1, dim, out);
}

static float dot_any(const struct vector_kernels *kernels, const float *a, const float *b,
                     size_t dim)
{
    size_t whole = dim / VECTOR_F32_STEP * VECTOR_F32_STEP;
    float sum;

    kernels->dots(a, 1, whole, b, &sum);
    for (size_t i = whole; i < dim; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Dimensions without padding go row by row; padded ones VECTOR_MULTI columns at a time. */
void vector_multiply_rows(const float *a, size_t a_rows, const float *b, size_t b_rows, size_t dim,
                          float *out)
{
    const struct vector_kernels *kernels = vector_kernels_best();
    float part[MULTIPLY_COLUMNS * VECTOR_MULTI];
    size_t column = 0;

    for (; dim % VECTOR_F32_STEP == 0 && column + VECTOR_MULTI <= b_rows; column += VECTOR_MULTI) {
        for (size_t row = 0; row < a_rows; row += MULTIPLY_COLUMNS) {
            size_t rows = a_rows - row < MULTIPLY_COLUMNS ? a_rows - row : MULTIPLY_COLUMNS;

            kernels->dots_multi(a + row * dim, rows, dim, b + column * dim, part);
            for (size_t r = 0; r < rows; r++)
                memcpy(out + (row + r) * b_rows + column, part + r * VECTOR_MULTI,
                       VECTOR_MULTI * sizeof(float));
        }
    }
    for (; column < b_rows; column++) {
        for (size_t row = 0; row < a_rows; row++)
            out[row * b_rows + column] = dot_any(kernels, a + row * dim, b + column * dim, dim);
    }
}
