/* SPDX-License-Identifier: Apache-2.0 */
/* FAQ retrieval: which entry asks what the visitor asks. BM25 (k1 1.2, b 0.6) over characters and
 * bigrams for CJK, stems and character 4-grams for Latin. An entry has several phrasings (its
 * question and variants); each is a document of its own and the entry scores as its best one.
 *
 * The score of a hit is BM25(query, phrasing) / BM25(query, query): the part of the query, by
 * weight, that the phrasing covers. 1 = the phrasing holds all that the query says, 0 = nothing.
 * Words that the index has never seen count in the denominator with the highest weight, so
 * questions about other things score low. A query that says less than one rare word (one common
 * character, "and you?") is scaled down by what it says. For one query the order is BM25's.
 *
 * An index is immutable and may be read by many threads; a builder and a scratch have one owner.
 * A query allocates nothing once its scratch has met an index of that size. */
#ifndef KEFU_SEARCH_H
#define KEFU_SEARCH_H

#include <stdint.h>

#include "err.h"
#include "slice.h"
#include "text.h"

struct search_builder;
struct search_index;
struct search_scratch;

enum search_field {
    SEARCH_QUESTION,
    SEARCH_VARIANT, /* counts a little less, so that ties go to the question */
};

enum {
    SEARCH_DOCS_MAX = 2 * 1000 * 1000, /* phrasings; a float each in every scratch */
    SEARCH_DOC_BYTES_MAX = 1024,       /* of a phrasing; longer ones are cut */
    SEARCH_POSTINGS_MAX =
        200 * 1000 * 1000, /* 2.4 GB while building: past that something is wrong */
    SEARCH_TOP_MAX = 32,
};

struct search_builder *search_builder_create(void);
void search_builder_destroy(struct search_builder **builder);
/* Adds a phrasing (normalised text) of an entry; entries are the caller's numbers from 0 and may
 * come in any order. */
MUST_USE enum err_code search_builder_add(struct search_builder *builder,
                                          struct text_stemmer *stemmer, uint32_t entry,
                                          enum search_field field, struct slice normalised,
                                          struct err *err);
/* The builder stays usable: add more, make the next index. */
struct search_index *search_builder_make(struct search_builder *builder);

void search_index_destroy(struct search_index **index);
size_t search_index_bytes(const struct search_index *index);
uint32_t search_index_docs(const struct search_index *index);

struct search_scratch *search_scratch_create(void);
void search_scratch_destroy(struct search_scratch **scratch);

struct search_hit {
    uint32_t entry;
    uint32_t doc; /* the phrasing, in the order added */
    float score;  /* 0..1, see above */
};

/* The best k entries, best first, equal scores by entry number; returns how many. */
size_t search_query(const struct search_index *index, struct search_scratch *scratch,
                    struct text_stemmer *stemmer, struct slice normalised, struct search_hit *hits,
                    size_t k);

#endif
