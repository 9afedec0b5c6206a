/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels on floats, once for all instruction sets: the file that includes this one defines
 * VECTOR_BYTES, its register width, and is compiled with its own flags; the compiler's vector types
 * do the rest. What has no good form in them (bytes, bit counts, compaction) each file writes with
 * intrinsics: before the tables, lanes_from_bytes. */
#ifndef KEFU_VECTOR_KERNEL_PRIV_H
#define KEFU_VECTOR_KERNEL_PRIV_H

#include <string.h>

#include "vector_kernel.h"

extern const struct vector_kernels vector_portable;
extern const struct vector_kernels vector_avx2;
extern const struct vector_kernels vector_avx512;
extern const struct vector_kernels vector_neon;

#ifdef VECTOR_BYTES

typedef float lanes_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef uint32_t lanes_u32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef float quad_f32 __attribute__((vector_size(16)));

enum {
    LANES = VECTOR_BYTES / 4,
    TILE_REGISTERS = 12, /* accumulators; of 16 registers that leaves some for operands */
    TILE = TILE_REGISTERS * LANES,
    TOP_AHEAD = 8192, /* bytes to fetch early in a scan: more than the processor does by itself */
    AHEAD = 6, /* rows to fetch early: a row of a large table takes about that long to come */
};

static inline lanes_f32 lanes_load(const float *at)
{
    return *(const lanes_f32 *)at;
}

/* Bytes to floats: each file its own, because the compiler converts a vector one by one. */
static inline lanes_f32 lanes_from_bytes(const int8_t *at);

static inline void lanes_store(float *at, lanes_f32 v)
{
    *(lanes_f32 *)at = v;
}

/* Folds halves until four are left, so that the order of the sum does not depend on the caller. */
static inline float lanes_sum(lanes_f32 v)
{
    quad_f32 parts[VECTOR_BYTES / 16];
    quad_f32 sum;

    memcpy(parts, &v, sizeof(parts));
    for (unsigned n = VECTOR_BYTES / 16 / 2; n >= 1; n /= 2) {
        for (unsigned i = 0; i < n; i++)
            parts[i] += parts[i + n];
    }
    sum = parts[0];
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Two sums per row: one alone waits for its own latency. */
static inline float dot_one(const float *row, const float *query, size_t dim)
{
    lanes_f32 a = { 0 };
    lanes_f32 b = { 0 };
    size_t i = 0;

    for (; i + 2 * LANES <= dim; i += 2 * (size_t)LANES) {
        a += lanes_load(row + i) * lanes_load(query + i);
        b += lanes_load(row + i + LANES) * lanes_load(query + i + LANES);
    }
    for (; i < dim; i += LANES)
        a += lanes_load(row + i) * lanes_load(query + i);
    return lanes_sum(a + b);
}

static void body_dots(const float *rows, size_t row_count, size_t dim, const float *query,
                      float *out)
{
    for (size_t r = 0; r < row_count; r++)
        out[r] = dot_one(rows + r * dim, query, dim);
}

/* A number cut to 16 bits is a float once zeros stand below it: the lower half of each word moves
 * up, the upper half is there already. */
static inline float dot_top(const uint32_t *row, const float *query, size_t dim)
{
    lanes_f32 a = { 0 };
    lanes_f32 b = { 0 };

    for (size_t i = 0; i < dim; i += VECTOR_TOP_STEP, row += VECTOR_TOP_STEP / 2) {
        __builtin_prefetch((const char *)row + TOP_AHEAD);
        for (size_t j = 0; j < VECTOR_TOP_STEP / 2; j += LANES) {
            lanes_u32 words = *(const lanes_u32 *)(row + j);

            a += (lanes_f32)(words << 16) * lanes_load(query + i + j);
            b += (lanes_f32)(words & 0xFFFF0000u) * lanes_load(query + i + VECTOR_TOP_STEP / 2 + j);
        }
    }
    return lanes_sum(a + b);
}

static void body_dots_top(const uint32_t *rows, size_t row_count, size_t dim, const float *query,
                          float *out)
{
    for (size_t r = 0; r < row_count; r++)
        out[r] = dot_top(rows + r * dim / 2, query, dim);
}

static void body_join(const uint32_t *top, const uint32_t *rest, size_t dim, float *out)
{
    for (size_t i = 0; i < dim; i += VECTOR_TOP_STEP, out += VECTOR_TOP_STEP) {
        for (size_t j = 0; j < VECTOR_TOP_STEP / 2; j += LANES) {
            lanes_u32 t = *(const lanes_u32 *)(top + i / 2 + j);
            lanes_u32 r = *(const lanes_u32 *)(rest + i / 2 + j);

            lanes_store(out + j, (lanes_f32)((t << 16 | (r & 0xFFFFu)) - VECTOR_TOP_HALF));
            lanes_store(out + VECTOR_TOP_STEP / 2 + j,
                        (lanes_f32)(((t & 0xFFFF0000u) | r >> 16) - VECTOR_TOP_HALF));
        }
    }
}

static void body_dots_multi(const float *rows, size_t row_count, size_t dim, const float *queries,
                            float *out)
{
    for (size_t r = 0; r < row_count; r++) {
        const float *row = rows + r * dim;
        lanes_f32 sums[VECTOR_MULTI] = { { 0 } };

        for (size_t i = 0; i < dim; i += LANES) {
            lanes_f32 x = lanes_load(row + i);

            for (unsigned q = 0; q < VECTOR_MULTI; q++)
                sums[q] += x * lanes_load(queries + q * dim + i);
        }
        for (unsigned q = 0; q < VECTOR_MULTI; q++)
            out[r * VECTOR_MULTI + q] = lanes_sum(sums[q]);
    }
}

static inline void fetch(const void *row, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += VECTOR_ALIGN)
        __builtin_prefetch((const char *)row + i);
}

/* Sums of up to TILE lanes stay in registers over all rows. `registers` is a constant in each of
 * the calls below, so the loops over it disappear. */
static inline __attribute__((always_inline)) void gather_tile(const float *table, size_t stride,
                                                              struct vector_sparse at, float *out,
                                                              const unsigned registers)
{
    lanes_f32 sum[TILE_REGISTERS] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const float *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count)
            fetch(table + (size_t)at.ids[i + AHEAD] * stride, registers * VECTOR_BYTES);
        for (unsigned t = 0; t < registers; t++)
            sum[t] += lanes_load(row + t * LANES) * at.values[i];
    }
    for (unsigned t = 0; t < registers; t++)
        lanes_store(out + t * LANES, sum[t]);
}

static inline __attribute__((always_inline)) void gather_tile_i8(const int8_t *table, size_t stride,
                                                                 struct vector_sparse at,
                                                                 float *out,
                                                                 const unsigned registers)
{
    lanes_f32 sum[TILE_REGISTERS] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const int8_t *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count)
            fetch(table + (size_t)at.ids[i + AHEAD] * stride, registers * LANES);
        for (unsigned t = 0; t < registers; t++)
            sum[t] += lanes_from_bytes(row + t * LANES) * at.values[i];
    }
    for (unsigned t = 0; t < registers; t++)
        lanes_store(out + t * LANES, sum[t]);
}

#define GATHER_CASE(tile, n)             \
    case n:                              \
        tile(table, stride, at, out, n); \
        break
#define GATHER_CASES(tile)     \
    switch (registers) {       \
        GATHER_CASE(tile, 1);  \
        GATHER_CASE(tile, 2);  \
        GATHER_CASE(tile, 3);  \
        GATHER_CASE(tile, 4);  \
        GATHER_CASE(tile, 5);  \
        GATHER_CASE(tile, 6);  \
        GATHER_CASE(tile, 7);  \
        GATHER_CASE(tile, 8);  \
        GATHER_CASE(tile, 9);  \
        GATHER_CASE(tile, 10); \
        GATHER_CASE(tile, 11); \
        GATHER_CASE(tile, 12); \
    }

static void body_gather(const float *table, size_t stride, struct vector_sparse at, size_t lanes,
                        float *out)
{
    for (size_t lane = 0; lane < lanes; lane += TILE, table += TILE, out += TILE) {
        size_t registers = (lanes - lane < TILE ? lanes - lane : TILE) / LANES;

        GATHER_CASES(gather_tile)
    }
}

static void body_gather_i8(const int8_t *table, size_t stride, struct vector_sparse at,
                           size_t lanes, float *out)
{
    for (size_t lane = 0; lane < lanes; lane += TILE, table += TILE, out += TILE) {
        size_t registers = (lanes - lane < TILE ? lanes - lane : TILE) / LANES;

        GATHER_CASES(gather_tile_i8)
    }
}

static void body_scatter(float *table, size_t stride, struct vector_sparse at, size_t lanes,
                         const float *delta)
{
    for (size_t i = 0; i < at.count; i++) {
        float *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count)
            fetch(table + (size_t)at.ids[i + AHEAD] * stride, lanes * sizeof(float));
        for (size_t lane = 0; lane < lanes; lane += LANES)
            lanes_store(row + lane,
                        lanes_load(row + lane) + lanes_load(delta + lane) * at.values[i]);
    }
}

#endif
#endif
