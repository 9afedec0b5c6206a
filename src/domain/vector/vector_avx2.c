/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels with AVX2 and FMA: every x86-64 server since about 2015. */
#if defined(__x86_64__)

#include <immintrin.h>

#define VECTOR_BYTES 32
#include "vector_kernel_priv.h"

static inline lanes_f32 lanes_from_bytes(const int8_t *at)
{
    return (lanes_f32)_mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)at)));
}

static inline __m256i load(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

/* Products of 32 values 0..15 with 32 signed bytes, summed in fours. In pairs they stay below
 * 2 * 15 * 127, so nothing saturates. */
static inline __m256i products(__m256i nibbles, const int8_t *query)
{
    __m256i pairs = _mm256_maddubs_epi16(nibbles, load(query));

    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline int32_t sum_i32(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(1, 0, 3, 2)));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(s);
}

static void dots_nibble(const uint8_t *rows, size_t row_count, size_t dim, const int8_t *query,
                        int32_t *out)
{
    const __m256i mask = _mm256_set1_epi8(15);

    for (size_t r = 0; r < row_count; r++) {
        const uint8_t *row = rows + r * dim / 2;
        __m256i a = _mm256_setzero_si256();
        __m256i b = a;

        for (size_t i = 0; i < dim; i += VECTOR_NIBBLE_STEP, row += VECTOR_NIBBLE_STEP / 2) {
            for (unsigned half = 0; half < 64; half += 32) {
                __m256i x = load(row + half);
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), mask);

                a = _mm256_add_epi32(a, products(_mm256_and_si256(x, mask), query + i + half));
                b = _mm256_add_epi32(b, products(high, query + i + 64 + half));
            }
        }
        out[r] = sum_i32(_mm256_add_epi32(a, b));
    }
}

static void distances(const uint64_t *rows, size_t row_count, size_t words, const uint64_t *query,
                      uint16_t *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const uint64_t *row = rows + r * words;
        uint64_t sum = 0;

        for (size_t w = 0; w < words; w += VECTOR_BIT_STEP) {
            for (unsigned i = 0; i < VECTOR_BIT_STEP; i++)
                sum += (uint64_t)_mm_popcnt_u64(row[w + i] ^ query[w + i]);
        }
        out[r] = (uint16_t)sum;
    }
}

/* low <= v <= high, unsigned: v - low wraps, so one comparison with high - low does both. */
static size_t select_between(const uint16_t *values, size_t count, uint16_t low, uint16_t high,
                             uint32_t *out)
{
    __m256i base = _mm256_set1_epi16((short)low);
    __m256i span = _mm256_set1_epi16((short)(high - low));
    size_t n = 0;
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m256i v = _mm256_sub_epi16(load(values + i), base);
        __m256i in = _mm256_cmpeq_epi16(_mm256_min_epu16(v, span), v);
        unsigned mask = (unsigned)_mm256_movemask_epi8(in) & 0x55555555u;

        for (; mask != 0; mask &= mask - 1)
            out[n++] = (uint32_t)i + (unsigned)__builtin_ctz(mask) / 2;
    }
    for (; i < count; i++) {
        if (values[i] >= low && values[i] <= high)
            out[n++] = (uint32_t)i;
    }
    return n;
}

const struct vector_kernels vector_avx2 = {
    .name = "avx2",
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
typedef int vector_avx2_is_not_built;
#endif
