/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels with NEON, which every 64-bit ARM processor has. */
#if defined(__aarch64__)

#include <arm_neon.h>

#define VECTOR_BYTES 16
#include "vector_kernel_priv.h"

static inline lanes_f32 lanes_from_bytes(const int8_t *at)
{
    int32_t four;
    int16x8_t wide;

    memcpy(&four, at, sizeof(four));
    wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return (lanes_f32)vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

static inline int32x4_t products(int32x4_t sum, uint8x16_t nibbles, const int8_t *query)
{
    int8x16_t x = vreinterpretq_s8_u8(nibbles);
    int8x16_t y = vld1q_s8(query);
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));

    return vpadalq_s16(sum, vmlal_high_s8(low, x, y)); /* two products stay below 2^15 */
}

static void dots_nibble(const uint8_t *rows, size_t row_count, size_t dim, const int8_t *query,
                        int32_t *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const uint8_t *row = rows + r * dim / 2;
        int32x4_t a = vdupq_n_s32(0);
        int32x4_t b = a;

        for (size_t i = 0; i < dim; i += VECTOR_NIBBLE_STEP, row += VECTOR_NIBBLE_STEP / 2) {
            for (unsigned j = 0; j < 64; j += 16) {
                uint8x16_t x = vld1q_u8(row + j);

                a = products(a, vandq_u8(x, vdupq_n_u8(15)), query + i + j);
                b = products(b, vshrq_n_u8(x, 4), query + i + 64 + j);
            }
        }
        out[r] = vaddvq_s32(vaddq_s32(a, b));
    }
}

static void distances(const uint64_t *rows, size_t row_count, size_t words, const uint64_t *query,
                      uint16_t *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const uint64_t *row = rows + r * words;
        uint16x8_t sum = vdupq_n_u16(0);

        for (size_t w = 0; w < words; w += 2) {
            uint8x16_t x =
                vreinterpretq_u8_u64(veorq_u64(vld1q_u64(row + w), vld1q_u64(query + w)));

            sum = vpadalq_u8(sum, vcntq_u8(x));
        }
        out[r] = vaddvq_u16(sum);
    }
}

static size_t select_between(const uint16_t *values, size_t count, uint16_t low, uint16_t high,
                             uint32_t *out)
{
    uint16x8_t from = vdupq_n_u16(low);
    uint16x8_t to = vdupq_n_u16(high);
    size_t n = 0;
    size_t i = 0;

    for (; i + 8 <= count; i += 8) {
        uint16x8_t v = vld1q_u16(values + i);
        uint16x8_t in = vandq_u16(vcgeq_u16(v, from), vcleq_u16(v, to));
        uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(in)), 0);

        mask &= UINT64_C(0x0101010101010101); /* one bit per lane */
        for (; mask != 0; mask &= mask - 1)
            out[n++] = (uint32_t)i + (unsigned)__builtin_ctzll(mask) / 8;
    }
    for (; i < count; i++) {
        if (values[i] >= low && values[i] <= high)
            out[n++] = (uint32_t)i;
    }
    return n;
}

const struct vector_kernels vector_neon = {
    .name = "neon",
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

#else
typedef int vector_neon_is_not_built;
#endif
