/* SPDX-License-Identifier: Apache-2.0 */
/* Word vectors from unlabelled texts: which words stand near which others (positive pointwise
 * mutual information), pressed into a hundred numbers a word by a randomised singular value
 * decomposition (Levy and Goldberg, "Neural word embedding as implicit matrix factorization", 2014;
 * Halko, Martinsson and Tropp, "Finding structure with randomness", 2011). Words of letters are
 * words; CJK characters and pairs of them are. Pure. */
#ifndef KEFU_INTENT_VECTORS_H
#define KEFU_INTENT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    INTENT_VECTORS_DIM = 100,
    INTENT_VECTORS_WORDS_MAX = 20000, /* rarer words have too few neighbours to tell anything */
    INTENT_VECTORS_TOKENS_MAX = 32 * 1024 * 1024, /* later ones are not looked at */
};

struct intent_vectors {
    uint32_t count;
    uint64_t *hashes;    /* of the words; the most common first */
    struct slice *words; /* a form in which it stood; into one block of text */
    char *text;
    float *rows; /* count x INTENT_VECTORS_DIM, of length 1 */
};

/* Faults: ERR_INVALID fewer than two words stand twice, ERR_TIMEOUT cancelled. */
MUST_USE enum err_code intent_vectors_learn(const struct slice *texts, size_t count, uint64_t seed,
                                            bool (*progress)(void *ctx, double share), void *ctx,
                                            struct intent_vectors **out, struct err *err);
void intent_vectors_destroy(struct intent_vectors **vectors);

#endif
