/* SPDX-License-Identifier: Apache-2.0 */
/* What the built-in lists (share/nlu/words-*.txt) say of a word: in which classes of similar words
 * it stands, and in which coarse topics those are. Pure; one table serves the process. */
#ifndef KEFU_INTENT_SENSE_PRIV_H
#define KEFU_INTENT_SENSE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum {
    INTENT_SENSES_MAX = 2, /* of a word; more are rarer than the errors they would make */
    /* What the lists are read as, and so what can be found. */
    INTENT_SENSE_KINDS = TEXT_GRAM_STEM | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2 | TEXT_GRAM_CJK3,
};

struct intent_sense {
    uint16_t class, topic;
};

struct intent_senses {
    bool function; /* a word that says little: share/nlu/function-words-*.txt */
    uint8_t count; /* of senses, the most frequent one first */
    struct intent_sense of[INTENT_SENSES_MAX];
};

struct intent_sense_table;

/* The table; read from the lists when first asked for, then the same for all threads. Never freed.
 */
const struct intent_sense_table *intent_sense_table_get(void);
/* Of the gram with this hash; NULL: in no list. */
const struct intent_senses *intent_senses_find(const struct intent_sense_table *table,
                                               uint64_t hash);

#endif
