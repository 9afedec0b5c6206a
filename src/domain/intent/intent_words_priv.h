/* SPDX-License-Identifier: Apache-2.0 */
/* Word vectors as a model holds them: what the classifier knows of words beside their spelling. A
 * text gets the weighted mean of its words' vectors, and features that name the clusters of its
 * words, so that "cash" can stand in for "money". */
#ifndef KEFU_INTENT_WORDS_PRIV_H
#define KEFU_INTENT_WORDS_PRIV_H

#include <stdint.h>

#include "intent_vectors.h"

enum {
    INTENT_WORDS_DIM = INTENT_VECTORS_DIM,
    INTENT_WORDS_STRIDE = 112, /* padded for the kernels */
    INTENT_WORDS_LEVELS = 3,   /* clusterings, from coarse to fine */
};

/* Open addressing, at most three quarters full. A slot keeps the upper half of the hash: two
 * features of one text that share it and the slot are one in 10^9. As it lies in the model file. */
struct intent_slot {
    uint32_t tag;
    uint32_t id; /* + 1; 0: free */
};

/* -1: not there. */
static inline int64_t intent_slots_find(const struct intent_slot *slots, uint32_t mask,
                                        uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        struct intent_slot slot = slots[at];

        if (slot.id == 0)
            return -1;
        if (slot.tag == (uint32_t)(hash >> 32))
            return (int64_t)slot.id - 1;
    }
}

/* count 0: none. All memory is somebody else's. */
struct intent_words {
    uint32_t count;
    uint32_t mask;
    const struct intent_slot *slots;
    const int8_t *rows;       /* count x INTENT_WORDS_STRIDE */
    const float *scales;      /* per word: of its row, times its weight in a mean */
    const uint16_t *clusters; /* count x INTENT_WORDS_LEVELS */
};

/* The same with memory of its own. */
struct intent_lexicon {
    struct intent_words words;
    uint32_t slot_count;
    struct intent_slot *slots;
    int8_t *rows;
    float *scales;
    uint16_t *clusters;
};

void intent_lexicon_init(struct intent_lexicon *lexicon); /* no words */
void intent_lexicon_fini(struct intent_lexicon *lexicon);
void intent_lexicon_make(struct intent_lexicon *lexicon, const struct intent_vectors *vectors,
                         uint64_t seed);

/* A power of two of which `count` slots fill at most three quarters. */
uint32_t intent_slots_for(uint32_t count);
void intent_slots_put(struct intent_slot *slots, uint32_t mask, uint64_t hash, uint32_t id);

#endif
