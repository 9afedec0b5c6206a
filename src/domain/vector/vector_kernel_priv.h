/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels on floats, once for all instruction sets: the file that includes this one defines
 * VECTOR_BYTES, its register width, and is compiled with its own flags; the compiler's vector types
 * do the rest. What has no good form in them (bytes, bit counts, compaction) each file writes with
 * intrinsics. */
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
typedef float quad_f32 __attribute__((vector_size(16)));
typedef int8_t bytes_i8 __attribute__((vector_size(VECTOR_BYTES / 4), aligned(1), may_alias));

enum {
    LANES = VECTOR_BYTES / 4,
    TILE_REGISTERS = VECTOR_BYTES == 64 ? 16 : 8, /* accumulators that leave room for operands */
    TILE = TILE_REGISTERS * LANES,
    AHEAD = 6, /* rows to fetch early: a row of a large table takes about that long to come */
    LINE_FLOATS = 16,
};

static inline lanes_f32 lanes_load(const float *at)
{
    return *(const lanes_f32 *)at;
}

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

static inline void fetch_f32(const float *row, size_t lanes, int write)
{
    for (size_t i = 0; i < lanes; i += LINE_FLOATS) {
        if (write)
            __builtin_prefetch(row + i, 1);
        else
            __builtin_prefetch(row + i, 0);
    }
}

/* A full tile of lanes stays in registers over all rows. */
static inline void gather_tile(const float *table, size_t stride, struct vector_sparse at,
                               float *out)
{
    lanes_f32 sum[TILE_REGISTERS] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const float *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count)
            fetch_f32(table + (size_t)at.ids[i + AHEAD] * stride, TILE, 0);
        for (unsigned t = 0; t < TILE_REGISTERS; t++)
            sum[t] += lanes_load(row + t * LANES) * at.values[i];
    }
    for (unsigned t = 0; t < TILE_REGISTERS; t++)
        lanes_store(out + t * LANES, sum[t]);
}

/* What does not fill a tile: 16 lanes at a time. */
static inline void gather_step(const float *table, size_t stride, struct vector_sparse at,
                               float *out)
{
    lanes_f32 sum[VECTOR_F32_STEP / LANES] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const float *row = table + (size_t)at.ids[i] * stride;

        for (unsigned t = 0; t < VECTOR_F32_STEP / LANES; t++)
            sum[t] += lanes_load(row + t * LANES) * at.values[i];
    }
    for (unsigned t = 0; t < VECTOR_F32_STEP / LANES; t++)
        lanes_store(out + t * LANES, sum[t]);
}

static void body_gather(const float *table, size_t stride, struct vector_sparse at, size_t lanes,
                        float *out)
{
    size_t lane = 0;

    for (; lane + TILE <= lanes; lane += TILE)
        gather_tile(table + lane, stride, at, out + lane);
    for (; lane < lanes; lane += VECTOR_F32_STEP)
        gather_step(table + lane, stride, at, out + lane);
}

static void body_scatter(float *table, size_t stride, struct vector_sparse at, size_t lanes,
                         const float *delta)
{
    for (size_t i = 0; i < at.count; i++) {
        float *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count)
            fetch_f32(table + (size_t)at.ids[i + AHEAD] * stride, lanes, 1);
        for (size_t lane = 0; lane < lanes; lane += LANES)
            lanes_store(row + lane,
                        lanes_load(row + lane) + lanes_load(delta + lane) * at.values[i]);
    }
}

static inline void gather_step_i8(const int8_t *table, size_t stride, struct vector_sparse at,
                                  float *out)
{
    lanes_f32 sum[VECTOR_F32_STEP / LANES] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const int8_t *row = table + (size_t)at.ids[i] * stride;

        for (unsigned t = 0; t < VECTOR_F32_STEP / LANES; t++)
            sum[t] += __builtin_convertvector(*(const bytes_i8 *)(row + t * LANES), lanes_f32) *
                      at.values[i];
    }
    for (unsigned t = 0; t < VECTOR_F32_STEP / LANES; t++)
        lanes_store(out + t * LANES, sum[t]);
}

static inline void gather_tile_i8(const int8_t *table, size_t stride, struct vector_sparse at,
                                  float *out)
{
    lanes_f32 sum[TILE_REGISTERS] = { { 0 } };

    for (size_t i = 0; i < at.count; i++) {
        const int8_t *row = table + (size_t)at.ids[i] * stride;

        if (i + AHEAD < at.count) {
            const int8_t *next = table + (size_t)at.ids[i + AHEAD] * stride;

            for (unsigned b = 0; b < TILE; b += VECTOR_ALIGN)
                __builtin_prefetch(next + b);
        }
        for (unsigned t = 0; t < TILE_REGISTERS; t++)
            sum[t] += __builtin_convertvector(*(const bytes_i8 *)(row + t * LANES), lanes_f32) *
                      at.values[i];
    }
    for (unsigned t = 0; t < TILE_REGISTERS; t++)
        lanes_store(out + t * LANES, sum[t]);
}

static void body_gather_i8(const int8_t *table, size_t stride, struct vector_sparse at,
                           size_t lanes, float *out)
{
    size_t lane = 0;

    for (; lane + TILE <= lanes; lane += TILE)
        gather_tile_i8(table + lane, stride, at, out + lane);
    for (; lane < lanes; lane += VECTOR_F32_STEP)
        gather_step_i8(table + lane, stride, at, out + lane);
}

#endif
#endif
