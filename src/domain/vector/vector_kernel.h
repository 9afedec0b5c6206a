/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops over vectors: dot products of many rows at once, Hamming distances, and sums of
 * scattered rows (what a linear model over sparse features reads and writes). One table of
 * functions per instruction set; all of them give the results of the portable one, integers
 * exactly, floats up to the order of their sums. Pure, any thread.
 *
 * Padding: f32 rows are `dim` floats, a multiple of VECTOR_F32_STEP; top rows `dim` / 2 words,
 * `dim` a multiple of VECTOR_TOP_STEP; nibble rows `dim` / 2 bytes, `dim` a multiple of
 * VECTOR_NIBBLE_STEP; bit rows `words` words, a multiple of VECTOR_BIT_STEP. Owners pad with zeros
 * and begin each row table on a VECTOR_ALIGN boundary. */
#ifndef KEFU_VECTOR_KERNEL_H
#define KEFU_VECTOR_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    VECTOR_ALIGN = 64, /* a cache line, and the widest register */
    VECTOR_F32_STEP = 16,
    VECTOR_TOP_STEP = 32,
    VECTOR_TOP_HALF = 0x8000, /* of the last bit that a top has */
    VECTOR_NIBBLE_STEP = 128,
    VECTOR_BIT_STEP = 4,
    VECTOR_MULTI = 4, /* queries that dots_multi takes in one pass over the rows */
};

/* Rows of a table that belong to the set features of one example: row ids[i] counts values[i]
 * times. `stride` is in elements. */
struct vector_sparse {
    const uint32_t *ids;
    const float *values;
    size_t count;
};

struct vector_kernels {
    const char *name;
    /* out[r] = row r . query */
    void (*dots)(const float *rows, size_t row_count, size_t dim, const float *query, float *out);
    /* out[r * VECTOR_MULTI + q] = row r . query q; the queries are rows of their own */
    void (*dots_multi)(const float *rows, size_t row_count, size_t dim, const float *queries,
                       float *out);
    /* As dots, with rows of numbers rounded to their upper 16 bits. Of each 32 values, word i has
     * the value i in its lower half and the value 16 + i in its upper half. */
    void (*dots_top)(const uint32_t *rows, size_t row_count, size_t dim, const float *query,
                     float *out);
    /* One row from its upper and lower 16 bits: (top << 16 | rest) - VECTOR_TOP_HALF, as bits. */
    void (*join)(const uint32_t *top, const uint32_t *rest, size_t dim, float *out);
    /* Sums of products of row values 0..15 with query values -127..127. Of each 64 bytes of a row,
     * the low halves are the first 64 values and the high halves the next 64. */
    void (*dots_nibble)(const uint8_t *rows, size_t row_count, size_t dim, const int8_t *query,
                        int32_t *out);
    /* out[r] = number of bits in which row r and the query differ; words <= 1023 */
    void (*distances)(const uint64_t *rows, size_t row_count, size_t words, const uint64_t *query,
                      uint16_t *out);
    /* The indices i with low <= values[i] <= high, ascending; out has room for count + 32. */
    size_t (*select)(const uint16_t *values, size_t count, uint16_t low, uint16_t high,
                     uint32_t *out);
    /* out[0..lanes) = sum of the rows; lanes is a multiple of VECTOR_F32_STEP */
    void (*gather)(const float *table, size_t stride, struct vector_sparse at, size_t lanes,
                   float *out);
    void (*gather_i8)(const int8_t *table, size_t stride, struct vector_sparse at, size_t lanes,
                      float *out);
    /* each row += values[i] * delta; no id may stand twice */
    void (*scatter)(float *table, size_t stride, struct vector_sparse at, size_t lanes,
                    const float *delta);
};

/* Those that this processor runs, from the portable to the fastest; NULL past the end. */
const struct vector_kernels *vector_kernels_at(unsigned at);
const struct vector_kernels *vector_kernels_best(void);

static inline size_t vector_pad(size_t count, size_t step)
{
    return (count + step - 1) / step * step;
}

/* Zeroed, on a VECTOR_ALIGN boundary; large ones ask for large pages. NULL when memory is out.
 */
void *vector_table_alloc(size_t bytes) __attribute__((malloc));
void vector_table_free(void *table); /* NULL is fine */

#endif
