/* SPDX-License-Identifier: Apache-2.0 */
/* The k nearest of many vectors by cosine, by reading all of them: no index to build, so inserting
 * and deleting cost one row. Four ways to read, from exact and slow to fast:
 *
 * - VECTOR_F32: every row by the upper 16 bits of its numbers; then in full each row that these
 *   cannot rule out. The answer of reading every row in full, always: how far the upper bits can be
 *   off is known.
 * - VECTOR_CERTIFIED: every row by the upper halves of its bytes; then by whole bytes, then in
 *   full, each row that the step before cannot rule out. The same answer, always, because what
 *   rounding lost is known for every row.
 * - VECTOR_INT8: the same, ruling rows out by the error to expect instead of the largest one.
 * - VECTOR_BIT: every row by its signs; then as many as the k-th score so far asks for, by bytes,
 *   and of these in full those that can still be among the k.
 *
 * Pure. One thread changes an index; while nobody does, any number may query it, each with a
 * scratch of its own. Memory: about 5.3 bytes per dimension and row. */
#ifndef KEFU_VECTOR_H
#define KEFU_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
    VECTOR_DIM_MAX = 4096,     /* the largest embeddings on offer have 3,072 */
    VECTOR_ROWS_MAX = 4000000, /* reading more on every query is no longer a good design */
    VECTOR_K_MAX = 1000,
};

enum vector_mode { VECTOR_F32, VECTOR_CERTIFIED, VECTOR_INT8, VECTOR_BIT };

struct vector_hit {
    uint64_t id;
    float score; /* cosine, in full precision in every mode */
};

struct vector_index;

struct vector_index *vector_index_create(unsigned dim); /* 1..VECTOR_DIM_MAX */
void vector_index_destroy(struct vector_index **index);
size_t vector_index_count(const struct vector_index *index);
unsigned vector_index_dim(const struct vector_index *index);
/* Adds the row, or replaces the one of this id. It is scaled to length 1; a row of zeros is near
 * to nothing (cosine 0). Faults: a value that is not finite, too many rows, no memory. */
MUST_USE enum err_code vector_index_put(struct vector_index *index, uint64_t id, const float *row,
                                        struct err *err);
bool vector_index_remove(struct vector_index *index, uint64_t id); /* false: not there */

/* What a query needs beside the index. It grows to the largest index asked, then stays: from then
 * on a query allocates nothing. Owned by one thread. */
struct vector_scratch {
    size_t rows; /* capacity */
    float *scores;
    uint16_t *distances;
    uint32_t *picked;
    unsigned picked_last; /* rows the last query read in full, for reports */
};
void vector_scratch_init(struct vector_scratch *scratch);
void vector_scratch_fini(struct vector_scratch *scratch);

/* The k nearest to the query, best first, ties by smaller id; gives how many (fewer than k: the
 * index has no more; 0 for a query of zeros or one that is not finite). k is 1..VECTOR_K_MAX. */
size_t vector_index_query(const struct vector_index *index, struct vector_scratch *scratch,
                          enum vector_mode mode, const float *query, unsigned k,
                          struct vector_hit *out);

/* Plain products of dense matrices, row-major without padding: out = matrix x vector, and
 * out[i * b_rows + j] = row i of a . row j of b. */
void vector_multiply(const float *matrix, size_t rows, size_t dim, const float *vector, float *out);
void vector_multiply_rows(const float *a, size_t a_rows, const float *b, size_t b_rows, size_t dim,
                          float *out);

#endif
