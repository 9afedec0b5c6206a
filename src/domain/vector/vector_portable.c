/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in plain C: the reference for all others, and what unknown processors run. */
#define VECTOR_BYTES 16
#include "vector_kernel_priv.h"

static inline lanes_f32 lanes_from_bytes(const int8_t *at)
{
    return (lanes_f32){ at[0], at[1], at[2], at[3] };
}

static void dots_nibble(const uint8_t *rows, size_t row_count, size_t dim, const int8_t *query,
                        int32_t *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const uint8_t *row = rows + r * dim / 2;
        int32_t sum = 0;

        for (size_t i = 0; i < dim; i += VECTOR_NIBBLE_STEP, row += VECTOR_NIBBLE_STEP / 2) {
            for (size_t j = 0; j < VECTOR_NIBBLE_STEP / 2; j++)
                sum += (row[j] & 15) * query[i + j] +
                       (row[j] >> 4) * query[i + VECTOR_NIBBLE_STEP / 2 + j];
        }
        out[r] = sum;
    }
}

static void distances(const uint64_t *rows, size_t row_count, size_t words, const uint64_t *query,
                      uint16_t *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const uint64_t *row = rows + r * words;
        unsigned sum = 0;

        for (size_t w = 0; w < words; w++)
            sum += (unsigned)__builtin_popcountll(row[w] ^ query[w]);
        out[r] = (uint16_t)sum;
    }
}

/* Writes each index and steps on only when it counts: no branch to mispredict. */
static size_t select_between(const uint16_t *values, size_t count, uint16_t low, uint16_t high,
                             uint32_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        out[n] = (uint32_t)i;
        n += values[i] >= low && values[i] <= high;
    }
    return n;
}

const struct vector_kernels vector_portable = {
    .name = "portable",
    .dots = body_dots,
    .dots_top = body_dots_top,
    .join = body_join,
    .dots_multi = body_dots_multi,
    .dots_nibble = dots_nibble,
    .distances = distances,
    .select = select_between,
    .gather = body_gather,
    .gather_i8 = body_gather_i8,
    .scatter = body_scatter,
};
