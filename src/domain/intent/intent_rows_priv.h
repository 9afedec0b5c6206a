/* SPDX-License-Identifier: Apache-2.0 */
/* From texts to sparse rows: a dictionary gives each feature a number and a weight, and a row holds
 * the numbers and values of one text, scaled to length 1. */
#ifndef KEFU_INTENT_ROWS_PRIV_H
#define KEFU_INTENT_ROWS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intent_feature_priv.h"

/* Open addressing, at most half full. A slot keeps the upper half of the hash: two features of one
 * text that share it and the slot are one in 10^9. As it lies in the model file. */
struct intent_slot {
    uint32_t tag;
    uint32_t id; /* + 1; 0: free */
};

/* What prediction needs of the dictionary; all memory belongs to somebody else. */
struct intent_dictionary {
    const struct intent_slot *slots;
    uint32_t mask;
    const float *weights;  /* inverse document frequency, already to its power */
    const uint8_t *groups; /* enum intent_group */
    float group_weights[INTENT_GROUPS];
};

enum {
    INTENT_SEEN_SLOTS = 16384, /* at least twice INTENT_FEATURES_MAX */
};

/* One row being made; reset by intent_row_make. */
struct intent_row {
    size_t count;
    uint32_t ids[INTENT_FEATURES_MAX];
    float values[INTENT_FEATURES_MAX];
    uint16_t at[INTENT_FEATURES_MAX]; /* row entry of each feature of the reader, or UINT16_MAX */
    uint16_t seen[INTENT_SEEN_SLOTS]; /* id -> entry + 1; zero between calls */
};

void intent_row_init(struct intent_row *row);
void intent_row_make(const struct intent_dictionary *dictionary, const struct intent_reader *reader,
                     struct intent_row *row);
/* -1: not in the dictionary. */
static inline int64_t intent_dictionary_find(const struct intent_dictionary *dictionary,
                                             uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash & dictionary->mask;; at = (at + 1) & dictionary->mask) {
        struct intent_slot slot = dictionary->slots[at];

        if (slot.id == 0)
            return -1;
        if (slot.tag == (uint32_t)(hash >> 32))
            return (int64_t)slot.id - 1;
    }
}

#endif
