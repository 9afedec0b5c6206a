/* SPDX-License-Identifier: Apache-2.0 */
/* What the suites of vectors share: numbers drawn from a fixed stream, and comparing them. */
#ifndef KEFU_VECTOR_DRAW_TEST_PRIV_H
#define KEFU_VECTOR_DRAW_TEST_PRIV_H

#include "test.h"

#include <math.h>

#include "hash.h"
#include "vector_kernel.h"

static uint64_t drawn;

/* A fixed stream of numbers between -1 and 1. */
static inline float draw(void)
{
    return (float)((double)(hash_u64(7, ++drawn) >> 11) / (double)(UINT64_C(1) << 52) - 1);
}

static inline float *draw_table(size_t count)
{
    float *table = vector_table_alloc(count * sizeof(*table));

    for (size_t i = 0; i < count; i++)
        table[i] = draw();
    return table;
}

static inline void assert_near(float a, float b, float tolerance)
{
    if (!(fabsf(a - b) <= tolerance))
        fail_msg("%.9g is not %.9g", (double)a, (double)b);
}

#endif
