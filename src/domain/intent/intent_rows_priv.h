/* SPDX-License-Identifier: Apache-2.0 */
/* From texts to sparse rows: a dictionary gives each feature a number and a weight, and a row holds
 * the numbers and values of one text, scaled to length 1. */
#ifndef KEFU_INTENT_ROWS_PRIV_H
#define KEFU_INTENT_ROWS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intent_feature_priv.h"

/* What prediction needs of the dictionary; all memory belongs to somebody else. */
struct intent_dictionary {
    const struct intent_slot *slots;
    uint32_t mask;
    const float *weights;  /* inverse document frequency, already to its power */
    const uint8_t *groups; /* enum intent_group and INTENT_GROUP_TOKEN */
    float group_weights[INTENT_GROUPS];
    uint32_t dense_first; /* the features of the mean vector, INTENT_WORDS_DIM in a row */
};

enum {
    INTENT_ROW_MAX = INTENT_FEATURES_MAX + INTENT_WORDS_DIM,
    INTENT_SEEN_SLOTS = 32768, /* at least twice INTENT_FEATURES_MAX */
};

/* One row being made; begins zeroed, reset by intent_row_make. */
struct intent_row {
    size_t count;
    float unknown; /* words of the text that stand in no example */
    uint32_t ids[INTENT_ROW_MAX];
    float values[INTENT_ROW_MAX];
    uint16_t at[INTENT_FEATURES_MAX]; /* row entry of each feature of the reader, or UINT16_MAX */
    uint16_t seen[INTENT_SEEN_SLOTS]; /* id -> entry + 1; zero between calls */
};

void intent_row_make(const struct intent_dictionary *dictionary, const struct intent_reader *reader,
                     struct intent_row *row);
#endif
