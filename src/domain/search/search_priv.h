/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder writes and the query reads. */
#ifndef KEFU_SEARCH_PRIV_H
#define KEFU_SEARCH_PRIV_H

#include "search.h"

enum {
    SEARCH_GRAM_KINDS = TEXT_GRAM_STEM | TEXT_GRAM_CHAR4 | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2,
};

struct search_term {
    uint64_t hash;  /* 0: free slot */
    uint32_t start; /* in postings */
    uint32_t count;
    float weight; /* idf times the weight of its kind */
};

struct search_posting {
    uint32_t doc;
    float impact; /* the term's whole contribution to the score of doc */
};

struct search_doc {
    uint32_t entry;
};

/* Grams that every question is made of. */
enum {
    SEARCH_COMMON_SLOTS = 2048,
};
struct search_common {
    uint64_t slots[SEARCH_COMMON_SLOTS]; /* hashes, 0: free */
    unsigned count;
};

struct search_index {
    struct search_common common;
    struct search_term *slots;
    uint64_t slot_mask;
    struct search_posting *postings;
    size_t posting_count;
    struct search_doc *docs;
    uint32_t doc_count;
    uint32_t entry_count; /* the highest entry number + 1 */
    float mean_len;       /* in grams */
    float idf_unseen;
};

void search_common_init(struct search_common *common, struct text_stemmer *stemmer);
/* How much a gram counts by its kind; common ones count little. */
float search_gram_weight(const struct search_common *common, const struct text_gram *gram);
/* BM25's saturation of a term frequency in a text of that many grams. */
float search_saturation(float tf, float len, float mean_len);

#endif
