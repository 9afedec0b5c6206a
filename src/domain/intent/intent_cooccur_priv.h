/* SPDX-License-Identifier: Apache-2.0 */
/* How often words stand near one another. */
#ifndef KEFU_INTENT_COOCCUR_PRIV_H
#define KEFU_INTENT_COOCCUR_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* A square sparse matrix by rows. */
struct intent_sparse {
    uint32_t size;
    size_t *starts; /* size + 1 */
    uint32_t *ids;
    float *values;
};
void intent_sparse_fini(struct intent_sparse *sparse);

struct intent_cooccur;
struct intent_cooccur *intent_cooccur_create(uint32_t words);
void intent_cooccur_destroy(struct intent_cooccur **cooccur);
/* One text; ids below `words`, anything else is an unknown word that keeps its place. */
void intent_cooccur_add(struct intent_cooccur *cooccur, const uint32_t *ids, size_t count);
/* The positive pointwise mutual information of words (rows) and contexts (columns), and the same
 * matrix by columns. */
void intent_cooccur_ppmi(const struct intent_cooccur *cooccur, struct intent_sparse *by_rows,
                         struct intent_sparse *by_columns);

#endif
