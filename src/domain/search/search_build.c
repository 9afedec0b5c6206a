/* SPDX-License-Identifier: Apache-2.0 */
/* Building: collect (gram, document) pairs, sort them by gram, and store with each pair what it
 * adds to a score, so that a query only adds up floats. Document frequencies change with every
 * entry, so an index is made anew from the builder's pairs: 10 ms per thousand entries, off the
 * hot path. */
#include "search_priv.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

struct pair {
    uint64_t hash;
    uint32_t doc;
    float weight; /* by kind */
    uint32_t tf;
};

struct build_doc {
    uint32_t entry;
    uint32_t len; /* in grams */
    enum search_field field;
};

struct search_builder {
    struct search_common common;
    bool common_ready;
    struct pair *pairs;
    size_t pair_count;
    size_t pair_cap;
    struct build_doc *docs;
    size_t doc_count;
    size_t doc_cap;
    uint64_t grams_total;
    uint32_t entry_count;
};

static const float field_weights[] = { [SEARCH_QUESTION] = 1.0f, [SEARCH_VARIANT] = 0.99f };

struct search_builder *search_builder_create(void)
{
    return mem_zalloc(sizeof(struct search_builder));
}

void search_builder_destroy(struct search_builder **builder)
{
    if (*builder == NULL)
        return;
    free((*builder)->pairs);
    free((*builder)->docs);
    free(*builder);
    *builder = NULL;
}

static size_t grown(size_t cap)
{
    return cap == 0 ? 256 : cap * 2;
}

static int pair_compare(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->doc < b->doc ? -1 : a->doc > b->doc;
}

/* Sorts the pairs of one document and joins equal ones; returns how many are left. */
static size_t pairs_join(struct pair *pairs, size_t count)
{
    size_t out = 0;

    qsort(pairs, count, sizeof(*pairs), pair_compare);
    for (size_t i = 0; i < count; i++) {
        if (out > 0 && pairs[out - 1].hash == pairs[i].hash)
            pairs[out - 1].tf++;
        else
            pairs[out++] = pairs[i];
    }
    return out;
}

enum err_code search_builder_add(struct search_builder *builder, struct text_stemmer *stemmer,
                                 uint32_t entry, enum search_field field, struct slice normalised,
                                 struct err *err)
{
    struct text_gram grams[SEARCH_DOC_BYTES_MAX * 2];
    struct pair *pairs;
    size_t count;

    if (builder->doc_count >= SEARCH_DOCS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d phrasings", SEARCH_DOCS_MAX);
    if (!builder->common_ready) {
        search_common_init(&builder->common, stemmer);
        builder->common_ready = true;
    }
    if (normalised.len > SEARCH_DOC_BYTES_MAX)
        normalised.len = SEARCH_DOC_BYTES_MAX;
    count = text_grams(stemmer, normalised, SEARCH_GRAM_KINDS, grams, LENGTH_OF(grams));
    if (builder->pair_count + count > SEARCH_POSTINGS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d postings", SEARCH_POSTINGS_MAX);
    while (builder->pair_count + count > builder->pair_cap) {
        builder->pair_cap = grown(builder->pair_cap);
        builder->pairs = mem_realloc(builder->pairs, builder->pair_cap * sizeof(*builder->pairs));
    }
    if (builder->doc_count == builder->doc_cap) {
        builder->doc_cap = grown(builder->doc_cap);
        builder->docs = mem_realloc(builder->docs, builder->doc_cap * sizeof(*builder->docs));
    }
    pairs = builder->pairs + builder->pair_count;
    for (size_t i = 0; i < count; i++)
        pairs[i] = (struct pair){ .hash = grams[i].hash != 0 ? grams[i].hash : 1,
                                  .doc = (uint32_t)builder->doc_count,
                                  .weight = search_gram_weight(&builder->common, &grams[i]),
                                  .tf = 1 };
    builder->pair_count += pairs_join(pairs, count);
    builder->docs[builder->doc_count++] =
        (struct build_doc){ .entry = entry, .len = (uint32_t)count, .field = field };
    builder->grams_total += count;
    if (entry >= builder->entry_count)
        builder->entry_count = entry + 1;
    return ERR_OK;
}

static float idf(size_t docs, size_t with_term)
{
    return logf(1.0f + ((float)(docs - with_term) + 0.5f) / ((float)with_term + 0.5f));
}

static struct search_term *slot_for(struct search_index *index, uint64_t hash)
{
    uint64_t at = hash & index->slot_mask;

    while (index->slots[at].hash != 0)
        at = (at + 1) & index->slot_mask;
    return &index->slots[at];
}

/* One term: pairs[0..count) all have its hash. */
static void term_add(struct search_index *index, const struct search_builder *builder,
                     const struct pair *pairs, size_t count)
{
    struct search_term *term = slot_for(index, pairs[0].hash);

    *term = (struct search_term){ .hash = pairs[0].hash,
                                  .start = (uint32_t)index->posting_count,
                                  .count = (uint32_t)count,
                                  .weight = pairs[0].weight * idf(builder->doc_count, count) };
    for (size_t i = 0; i < count; i++) {
        const struct build_doc *doc = &builder->docs[pairs[i].doc];
        float saturation = search_saturation((float)pairs[i].tf, (float)doc->len, index->mean_len);

        index->postings[index->posting_count++] = (struct search_posting){
            .doc = pairs[i].doc,
            .impact = term->weight * saturation * field_weights[doc->field],
        };
    }
}

struct search_index *search_builder_make(struct search_builder *builder)
{
    struct search_index *index = mem_zalloc(sizeof(*index));
    size_t terms = 0;
    size_t end;

    if (builder->pair_count > 0)
        qsort(builder->pairs, builder->pair_count, sizeof(*builder->pairs), pair_compare);
    for (size_t i = 0; i < builder->pair_count; i++)
        terms += i == 0 || builder->pairs[i].hash != builder->pairs[i - 1].hash;
    index->slot_mask = 15;
    while (index->slot_mask + 1 < terms * 2)
        index->slot_mask = index->slot_mask * 2 + 1;
    index->slots = mem_zalloc((index->slot_mask + 1) * sizeof(*index->slots));
    index->postings = mem_alloc((builder->pair_count + 1) * sizeof(*index->postings));
    index->docs = mem_alloc((builder->doc_count + 1) * sizeof(*index->docs));
    index->doc_count = (uint32_t)builder->doc_count;
    index->entry_count = builder->entry_count;
    index->common = builder->common;
    index->mean_len =
        builder->grams_total > 0 ? (float)builder->grams_total / (float)builder->doc_count : 1.0f;
    index->idf_unseen = idf(builder->doc_count, 0);
    for (size_t i = 0; i < builder->doc_count; i++)
        index->docs[i].entry = builder->docs[i].entry;
    for (size_t start = 0; start < builder->pair_count; start = end) {
        end = start + 1;
        while (end < builder->pair_count && builder->pairs[end].hash == builder->pairs[start].hash)
            end++;
        term_add(index, builder, builder->pairs + start, end - start);
    }
    ENSURE(index->posting_count == builder->pair_count);
    return index;
}

void search_index_destroy(struct search_index **index)
{
    if (*index == NULL)
        return;
    free((*index)->slots);
    free((*index)->postings);
    free((*index)->docs);
    free(*index);
    *index = NULL;
}

size_t search_index_bytes(const struct search_index *index)
{
    return sizeof(*index) + (index->slot_mask + 1) * sizeof(*index->slots) +
           index->posting_count * sizeof(*index->postings) +
           index->doc_count * sizeof(*index->docs);
}

uint32_t search_index_docs(const struct search_index *index)
{
    return index->doc_count;
}
