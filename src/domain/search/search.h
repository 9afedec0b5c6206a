/* SPDX-License-Identifier: Apache-2.0 */
/* FAQ retrieval: which entry asks what the visitor asks. BM25 (k1 1.2, b 0.6) over characters and
 * bigrams for CJK, stems and character 4-grams for Latin. An entry has several phrasings (its
 * question and variants, and its answer if wanted); each is a document of its own and the entry
 * scores as its best one.
 *
 * The score of a hit is BM25(query, phrasing) / BM25(query, query): the part of the query, by
 * weight, that the phrasing covers. 1 = the phrasing holds all that the query says, 0 = nothing.
 * Words that the index has never seen count in the denominator with the highest weight, so
 * questions about other things score low. A query that says less than one rare word (one common
 * character, "and you?") is scaled down by what it says. For one query the order is BM25's.
 *
 * An index is one relocatable block of bytes, to be written to a file and mapped again. It is
 * immutable and may be read by many threads; a builder and a scratch have one owner. Entries come
 * and go in an index laid over another one, with the statistics of both. A query allocates nothing
 * once its scratch has met an index of that size. */
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
    SEARCH_ANSWER,  /* too weak to answer by itself, enough to be offered */
    SEARCH_FIELDS,
};

enum {
    SEARCH_DOCS_MAX = 2 * 1000 * 1000,       /* phrasings; a float each in every scratch */
    SEARCH_ENTRIES_MAX = 1000 * 1000,        /* numbers of entries are below it */
    SEARCH_PHRASINGS_MAX = 128,              /* of one entry */
    SEARCH_DOC_BYTES_MAX = 1024,             /* of a phrasing; longer ones are cut */
    SEARCH_POSTINGS_MAX = 200 * 1000 * 1000, /* 4.8 GB while building: past it something is wrong */
    SEARCH_PAYLOAD_BYTES_MAX = 512 * 1024 * 1024,
    SEARCH_TOP_MAX = 32,
    SEARCH_TERMS_MAX = TEXT_GRAMS_PER_MESSAGE,
};

struct search_builder *search_builder_create(void);
void search_builder_destroy(struct search_builder **builder);
/* Adds a phrasing (normalised text) of an entry; entries are the caller's numbers from 0 and may
 * come in any order. */
MUST_USE enum err_code search_builder_add(struct search_builder *builder,
                                          struct text_stemmer *stemmer, uint32_t entry,
                                          enum search_field field, struct slice normalised,
                                          struct err *err);
/* Bytes of the caller's that the index carries for an entry (its texts, when the index is a file
 * of its own). The last ones given count. */
MUST_USE enum err_code search_builder_payload(struct search_builder *builder, uint32_t entry,
                                              struct slice payload, struct err *err);
/* The builder stays usable: add more, make the next index. */
struct search_index *search_builder_make(struct search_builder *builder);
/* The index of `base` with the builder's entries added, or replacing those of the same number, and
 * without the removed ones: its cost is that of the builder's entries. base is borrowed as long as
 * the new index lives, and must not be such an index itself. */
struct search_index *search_builder_overlay(struct search_builder *builder,
                                            const struct search_index *base,
                                            const uint32_t *removed, size_t removed_count);

/* bytes: aligned to 8, borrowed as long as the index lives. Fault: not an index, damaged, of
 * another version (ERR_UNSUPPORTED). */
MUST_USE enum err_code search_index_open(struct slice bytes, struct search_index **out,
                                         struct err *err);
struct slice search_index_blob(const struct search_index *index); /* not of one over another */
void search_index_destroy(struct search_index **index);
size_t search_index_bytes(const struct search_index *index);  /* without its base */
uint32_t search_index_docs(const struct search_index *index); /* replaced ones included */
struct slice search_index_payload(const struct search_index *index, uint32_t entry);

struct search_scratch *search_scratch_create(void);
void search_scratch_destroy(struct search_scratch **scratch);

struct search_hit {
    uint32_t entry;
    uint32_t doc;      /* the phrasing, in the order added */
    uint32_t phrasing; /* the same within its entry */
    float score;       /* 0..1, see above */
};

/* The best k entries, best first, equal scores by entry number; returns how many. */
size_t search_query(const struct search_index *index, struct search_scratch *scratch,
                    struct text_stemmer *stemmer, struct slice normalised, struct search_hit *hits,
                    size_t k);

/* Why a hit of the last query has its score: the query's terms, largest part first. */
struct search_term_part {
    struct slice text; /* in the query, its first occurrence */
    uint16_t kind;     /* enum text_gram_kind */
    uint16_t count;    /* in the query */
    float weight;      /* idf times the weight of its kind */
    float share;       /* of the score; all shares sum to it, to rounding. 0: not in the phrasing */
};
size_t search_explain(const struct search_index *index, struct search_scratch *scratch,
                      struct slice normalised, const struct search_hit *hit,
                      struct search_term_part *parts, size_t max);

/* Where a text has what the last query asked for: spans in the text as it was written, in order and
 * joined. Words that every question is made of are not marked. */
struct search_span {
    uint32_t start, len;
};
size_t search_highlight(const struct search_index *index, struct search_scratch *scratch,
                        struct text_stemmer *stemmer, struct slice text, struct search_span *spans,
                        size_t max);

/* ---- with other signals ---- */
enum search_signal_kind {
    SEARCH_BY_WORDS,      /* the score above */
    SEARCH_BY_VECTORS,    /* cosine of query and entry, below 0 counts as 0 */
    SEARCH_BY_CLASSIFIER, /* calibrated probability of the entry's class */
    SEARCH_SIGNALS,
};
struct search_signal {
    uint32_t entry;
    float value; /* 0..1 */
};
struct search_blend_hit {
    uint32_t entry;
    float score;                 /* 0..1: the weighted mean of the signals that were given */
    float parts[SEARCH_SIGNALS]; /* what each added to it */
};
/* Blends up to SEARCH_TOP_MAX hits with lists of other signals (each at most SEARCH_TOP_MAX; NULL:
 * that signal was not there, and does not count against anybody). Best first, at most k. */
size_t search_blend(const struct search_hit *hits, size_t hit_count,
                    const struct search_signal *vectors, size_t vector_count,
                    const struct search_signal *classes, size_t class_count,
                    struct search_blend_hit *out, size_t k);

#endif
