/* SPDX-License-Identifier: Apache-2.0 */
/* What the classifier sees of a text: hashes of words, neighbours and character n-grams, each in a
 * group. Training and prediction read texts with this one function, so they cannot drift apart. */
#ifndef KEFU_INTENT_FEATURE_PRIV_H
#define KEFU_INTENT_FEATURE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "intent_sense_priv.h"
#include "intent_words_priv.h"
#include "slice.h"
#include "text.h"

/* Groups are scaled apart, so that the many character grams do not drown the few words. */
enum intent_group {
    INTENT_GROUP_WORD,    /* words, stems, pairs, first and last, masks; CJK characters and pairs */
    INTENT_GROUP_CHAR,    /* grams of 2 to 5 characters inside words, 1 to 3 CJK characters */
    INTENT_GROUP_CLASS,   /* which senses the words have, and topics; pairs of senses */
    INTENT_GROUP_CLUSTER, /* which clusters of the log's words stand there, and pairs */
    INTENT_GROUP_DENSE,   /* the mean of the words' vectors */
    INTENT_GROUPS,
};

enum {
    INTENT_GROUP_MASK = 0x7F,  /* a feature's group has one bit more: */
    INTENT_GROUP_TOKEN = 0x80, /* it is a word or CJK character by itself. In a dictionary: and it
                                  stands in an example, not only in negatives. How many words of a
                                  text do not says whether the text is of the examples' kind */
    /* CJK characters count in two groups, words make three features beside their grams, and two for
     * each clustering; beyond it features are dropped. */
    INTENT_FEATURES_MAX = 6 * TEXT_GRAMS_PER_MESSAGE,
};

struct intent_feature {
    uint64_t hash;
    uint32_t start; /* bytes in the normalised text */
    uint16_t len;
    uint16_t group;
};

struct intent_cjk_word {
    uint32_t start;
    uint32_t len;
    const struct intent_senses *senses;
};

struct intent_reader {
    struct text_stemmer *stemmer;
    const struct intent_sense_table *senses;
    struct slice normalised;
    size_t count;
    struct intent_feature features[INTENT_FEATURES_MAX];
    size_t token_count;
    struct text_gram tokens[TEXT_GRAMS_PER_MESSAGE]; /* words and CJK characters, in order */
    struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    size_t cjk_count;
    struct intent_cjk_word cjk[TEXT_GRAMS_PER_MESSAGE]; /* words of the lists, in order */
    char bytes[TEXT_NORM_BYTES_MAX];
    bool has_vector;
    float vector[INTENT_WORDS_STRIDE]; /* of length 1 */
    size_t word_count;
    uint32_t word_ids[TEXT_GRAMS_PER_MESSAGE];
    float word_scales[TEXT_GRAMS_PER_MESSAGE];
};

struct intent_reader *intent_reader_create(void);
/* Of the built-in classes of words: a model made with others would read texts in another way. */
uint32_t intent_lists_crc(void);
void intent_reader_destroy(struct intent_reader **reader);
/* Fills the reader; no allocation. words may be NULL. */
void intent_read(struct intent_reader *reader, const struct intent_words *words, struct slice text);

/* The feature of a word or CJK character by itself, from its gram's hash. */
uint64_t intent_token_feature(uint64_t hash);

/* One 64-bit value from two; order matters. */
static inline uint64_t intent_mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ 0x9E3779B97F4A7C15u) * 0xFF51AFD7ED558CCDu ^ b;

    x = (x ^ x >> 32) * 0xC4CEB9FE1A85EC53u;
    return x ^ x >> 29;
}

#endif
