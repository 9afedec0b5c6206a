/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels with AVX-512, VNNI (products of bytes) and VPOPCNTDQ (counting bits). */
#if defined(__x86_64__)

#include <immintrin.h>

#define VECTOR_BYTES 64
#include "vector_kernel_priv.h"

static inline lanes_f32 lanes_from_bytes(const int8_t *at)
{
    return (lanes_f32)_mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)at)));
}

enum { GROUP = 4 }; /* rows whose sums are folded together: one fold costs as much as one row */

/* Four registers of partial sums to their four totals. */
static inline __m128i fold4(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));

    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static inline __m512i add_nibbles(__m512i sum, const uint8_t *row, const int8_t *query)
{
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i x = _mm512_loadu_si512(row);
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(x, 4), mask);

    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(x, mask), _mm512_loadu_si512(query));
    return _mm512_dpbusd_epi32(sum, high, _mm512_loadu_si512(query + 64));
}

static void dots_nibble(const uint8_t *rows, size_t row_count, size_t dim, const int8_t *query,
                        int32_t *out)
{
    size_t row_bytes = dim / 2;
    size_t r = 0;

    for (; r + GROUP <= row_count; r += GROUP) {
        const uint8_t *row = rows + r * row_bytes;
        __m512i s[GROUP] = { { 0 } };

        for (size_t i = 0; i < row_bytes; i += 64) {
            for (unsigned g = 0; g < GROUP; g++)
                s[g] = add_nibbles(s[g], row + g * row_bytes + i, query + 2 * i);
        }
        _mm_storeu_si128((__m128i *)(out + r), fold4(s[0], s[1], s[2], s[3]));
    }
    for (; r < row_count; r++) {
        __m512i s = _mm512_setzero_si512();

        for (size_t i = 0; i < row_bytes; i += 64)
            s = add_nibbles(s, rows + r * row_bytes + i, query + 2 * i);
        out[r] = _mm512_reduce_add_epi32(s);
    }
}

/* Rows of 256 bits, the common case: two to a register, eight to a fold. */
static size_t distances_256(const uint64_t *rows, size_t row_count, const uint64_t *query,
                            uint16_t *out)
{
    const __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)query));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t r = 0;

    for (; r + 8 <= row_count; r += 8) {
        __m512i p[4];
        __m512i ab;
        __m512i cd;
        __m512i sum;
        __m256i low;
        __m256i high;

        for (unsigned g = 0; g < 4; g++)
            p[g] = _mm512_popcnt_epi64(
                _mm512_xor_si512(_mm512_loadu_si512(rows + (r + 2 * g) * 4), q));
        /* Counts are below 2^16, so two 64-bit counts fit side by side in one. */
        ab = _mm512_or_si512(p[0], _mm512_slli_epi64(p[1], 32));
        cd = _mm512_or_si512(p[2], _mm512_slli_epi64(p[3], 32));
        sum = _mm512_add_epi64(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        low = _mm512_castsi512_si256(sum);        /* even rows: two halves of a, c */
        high = _mm512_extracti64x4_epi64(sum, 1); /* odd rows */
        low = _mm256_castsi128_si256(
            _mm_add_epi64(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
        low = _mm256_inserti128_si256(
            low, _mm_add_epi64(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)), 1);
        low = _mm256_permutevar8x32_epi32(low, order); /* 0,2,4,6 | 1,3,5,7 to 0..7 */
        _mm_storeu_si128((__m128i *)(out + r), _mm256_cvtepi32_epi16(low));
    }
    return r;
}

static void distances(const uint64_t *rows, size_t row_count, size_t words, const uint64_t *query,
                      uint16_t *out)
{
    size_t r = words == VECTOR_BIT_STEP ? distances_256(rows, row_count, query, out) : 0;

    for (; r < row_count; r++) {
        const uint64_t *row = rows + r * words;
        __m512i sum = _mm512_setzero_si512();
        size_t w = 0;

        for (; w + 8 <= words; w += 8)
            sum = _mm512_add_epi64(
                sum, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(row + w),
                                                          _mm512_loadu_si512(query + w))));
        if (w < words) {
            __m512i x = _mm512_maskz_loadu_epi64(0x0F, row + w);
            __m512i y = _mm512_maskz_loadu_epi64(0x0F, query + w);

            sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
        }
        out[r] = (uint16_t)_mm512_reduce_add_epi64(sum);
    }
}

static size_t select_between(const uint16_t *values, size_t count, uint16_t low, uint16_t high,
                             uint32_t *out)
{
    const __m512i from = _mm512_set1_epi16((short)low);
    const __m512i to = _mm512_set1_epi16((short)high);
    size_t n = 0;

    for (size_t i = 0; i < count; i += 32) {
        __mmask32 valid =
            count - i >= 32 ? 0xFFFFFFFFu : (__mmask32)((UINT64_C(1) << (count - i)) - 1);
        __m512i v = _mm512_maskz_loadu_epi16(valid, values + i);
        __mmask32 in = _mm512_mask_cmpge_epu16_mask(valid, v, from);

        in = _mm512_mask_cmple_epu16_mask(in, v, to);
        for (; in != 0; in &= in - 1)
            out[n++] = (uint32_t)i + (unsigned)__builtin_ctz(in);
    }
    return n;
}

const struct vector_kernels vector_avx512 = {
    .name = "avx512",
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
typedef int vector_avx512_is_not_built;
#endif
