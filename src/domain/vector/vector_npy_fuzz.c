/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused, or a matrix whose every row can be read. */
#include <stdint.h>
#include <stdlib.h>

#include "mem.h"
#include "vector_npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vector_npy npy;
    float *row;

    if (size > 1 << 16 || vector_npy_read(slice_make(data, size), &npy, NULL) != ERR_OK)
        return 0;
    row = mem_alloc(npy.dim * sizeof(float) + 1);
    for (size_t i = 0; i < npy.rows && npy.dim > 0; i++)
        vector_npy_row(&npy, i, row);
    free(row);
    return 0;
}
