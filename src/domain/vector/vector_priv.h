/* SPDX-License-Identifier: Apache-2.0 */
/* How an index lies in memory: rows in blocks, each block a table per precision. Rows have no gaps:
 * a deleted row is overwritten by the last one. */
#ifndef KEFU_VECTOR_PRIV_H
#define KEFU_VECTOR_PRIV_H

#include "map_u64.h"
#include "vector.h"
#include "vector_kernel.h"

/* What rounding a row to bytes, or to the upper halves of these bytes, lost: full = scale * bytes
 * but for a vector of length `byte`; with each lower half read as 8, but for one of `high`. */
struct vector_loss {
    float scale;
    float high;
    float byte;
};

struct vector_block {
    uint32_t count, cap;
    uint64_t *ids;
    uint32_t *top;  /* length 1, padded to dim_f32: the upper 16 bits of each number, rounded */
    uint32_t *rest; /* and the lower 16 bits */
    uint8_t *high;  /* full / scale, rounded to a byte, + 128: the upper halves of these bytes */
    uint8_t *low;   /* and the lower halves */
    struct vector_loss *losses;
    uint64_t *signs; /* of the rotated row */
};

struct vector_index {
    const struct vector_kernels *kernels;
    unsigned dim;
    unsigned dim_f32, dim_nibble; /* padded */
    unsigned bits;                /* a power of two, of the rotated space */
    unsigned words;               /* bits / 64 */
    uint32_t block_rows;          /* of a full block */
    size_t count;
    size_t block_count, block_cap;
    struct vector_block *blocks; /* all but the last are full */
    struct map_u64 slots;        /* id -> slot + 1 as a pointer */
    float *row;                  /* the row being put, dim_f32 floats */
    float *rotated;              /* and after its rotation, `bits` floats */
};

/* in: dim floats. out: length 1, zeros up to the padding; false: zero or not finite. */
bool vector_unit(const struct vector_index *index, const float *in, float *out);
/* The bytes (-127..127, zeros up to the padding) and losses of one unit row. */
void vector_to_bytes(const struct vector_index *index, const float *unit, int8_t *bytes,
                     struct vector_loss *loss);
/* A full row to its two planes, from which the kernels' join gives it back bit for bit. dim is a
 * multiple of VECTOR_TOP_STEP. */
void vector_top_split(const float *full, size_t dim, uint32_t *top, uint32_t *rest);
/* How far the computed product of two unit vectors of dim numbers can be from the exact one, and
 * how far the one that dots_top computes from the one that dots computes. */
float vector_sum_error(size_t dim);
float vector_top_error(size_t dim);
/* Signs after a rotation that is the same for all rows; work has index->bits floats. */
void vector_to_signs(const struct vector_index *index, const float *unit, float *work,
                     uint64_t *signs);

#endif
