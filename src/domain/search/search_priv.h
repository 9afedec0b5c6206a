/* SPDX-License-Identifier: Apache-2.0 */
/* The block of bytes that an index is, and what its makers and readers share. */
#ifndef KEFU_SEARCH_PRIV_H
#define KEFU_SEARCH_PRIV_H

#include "search.h"

enum {
    SEARCH_GRAM_KINDS = TEXT_GRAM_STEM | TEXT_GRAM_CHAR4 | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2,
    SEARCH_BLOB_MAGIC = 0x4153464B, /* "KFSA" */
    SEARCH_BLOB_VERSION = 1,
    SEARCH_IMPACT_BITS = 11,
    SEARCH_IMPACT_MAX = (1 << SEARCH_IMPACT_BITS) - 1,
    SEARCH_COMMON_SLOTS = 2048,
    SEARCH_TEXT_BYTES_MAX = 16 * 1024, /* of a text to highlight: an answer */
};
_Static_assert(SEARCH_DOCS_MAX <= 1u << (32 - SEARCH_IMPACT_BITS), "a posting is one word");

struct search_term {
    uint64_t hash;  /* 0: free slot */
    uint32_t start; /* in postings */
    uint32_t count;
    float weight; /* idf times the weight of its kind */
    float most;   /* the largest impact of its postings */
};

/* What a term adds to the score of a document, in steps of `most` / SEARCH_IMPACT_MAX:
 * doc << SEARCH_IMPACT_BITS | steps. Sorted by document. */
typedef uint32_t search_posting;

struct search_doc {
    uint32_t entry;
    uint32_t phrasing;
};

struct search_payload {
    uint32_t at;
    uint32_t len;
};

/* Grams that every question is made of. */
struct search_common {
    uint64_t slots[SEARCH_COMMON_SLOTS]; /* hashes, 0: free */
    unsigned count;
};

enum search_section {
    SEARCH_TERMS,    /* struct search_term, a power of two */
    SEARCH_POSTINGS, /* search_posting */
    SEARCH_DOCS,     /* struct search_doc */
    SEARCH_COMMON,   /* uint64_t, SEARCH_COMMON_SLOTS of them */
    SEARCH_PAYLOADS, /* struct search_payload, one an entry number, or none at all */
    SEARCH_STRINGS,  /* bytes */
    SEARCH_SECTIONS,
};

struct search_header {
    uint32_t magic;
    uint16_t version;
    uint16_t form; /* TEXT_FORM_VERSION */
    uint64_t bytes;
    uint32_t crc;         /* CRC-32C of everything behind the header */
    uint32_t entry_count; /* the highest entry number + 1 */
    uint64_t grams_total;
    float mean_len; /* in grams */
    float idf_unseen;
    uint32_t doc_count; /* that the statistics are of: base included */
    uint32_t pad;
    struct {
        uint32_t at; /* in units of 8 bytes */
        uint32_t count;
    } sections[SEARCH_SECTIONS];
};

struct search_index {
    const struct search_header *header;
    const struct search_term *slots;
    uint64_t slot_mask;
    const search_posting *postings;
    const struct search_doc *docs;
    uint32_t doc_count;
    const uint64_t *common;
    const struct search_payload *payloads;
    const char *strings;
    void *owned;                     /* the block, when the index made it */
    const struct search_index *base; /* laid over this one */
    uint64_t *gone;                  /* bits over base's entries: replaced or removed */
    uint32_t gone_count;             /* bits */
};

static inline const struct search_term *search_term_find(const struct search_index *index,
                                                         uint64_t hash)
{
    for (uint64_t at = hash & index->slot_mask;; at = (at + 1) & index->slot_mask) {
        if (index->slots[at].hash == hash)
            return &index->slots[at];
        if (index->slots[at].hash == 0)
            return NULL;
    }
}

/* 0 is a free slot's. */
static inline uint64_t search_term_hash(const struct text_gram *gram)
{
    return gram->hash != 0 ? gram->hash : 1;
}

struct search_query_term {
    const struct search_term *parts[2]; /* in base (or the only index), in the one over it */
    uint64_t hash;
    float weight;
    uint32_t tf;
    uint16_t gram; /* its first one */
};

struct search_scratch {
    struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    size_t gram_count;
    struct search_query_term terms[TEXT_GRAMS_PER_MESSAGE];
    size_t term_count;
    uint64_t slot_hash[TEXT_GRAMS_PER_MESSAGE * 2]; /* of the terms, 0: free; cleared after use */
    uint16_t slot_term[TEXT_GRAMS_PER_MESSAGE * 2];
    uint16_t used_slots[TEXT_GRAMS_PER_MESSAGE];
    float scale;      /* from sums of impacts to scores, of the last query */
    float *doc_score; /* all 0 between queries */
    uint32_t *touched;
    uint32_t doc_cap;
    char norm[SEARCH_TEXT_BYTES_MAX];
    uint32_t from[SEARCH_TEXT_BYTES_MAX];
    struct text_gram marks[TEXT_GRAMS_PER_MESSAGE];
};

void search_common_init(struct search_common *common, struct text_stemmer *stemmer);
bool search_is_common(const uint64_t *slots, uint64_t hash);
/* How much a gram counts by its kind in an index of that many documents; common ones count less,
 * the less the index has counted itself. */
float search_gram_weight(unsigned kind, bool common, uint32_t docs);
/* BM25's saturation of a term frequency in a text of that many grams. */
float search_saturation(float tf, float len, float mean_len);
float search_idf(uint32_t docs, uint32_t with_term);
/* What a term adds to a document of part 0 or 1; 0: it is not in it. */
float search_impact(const struct search_index *part, const struct search_term *term, uint32_t doc);

#endif
