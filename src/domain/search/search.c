/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: add up the stored impacts of the query's terms per phrasing, keep the best phrasing of
 * each entry, pick the top k. Term at a time with a dense accumulator: at the size of a customer's
 * FAQ it fits the cache, and there is no early exit that a hostile query could defeat. The work is
 * bounded by (distinct grams of a message) x (phrasings). */
#include "search_priv.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

struct query_term {
    const struct search_term *term; /* NULL: not in the index */
    float weight;
    uint32_t tf;
};

enum {
    QUERY_SLOTS = TEXT_GRAMS_PER_MESSAGE * 2, /* half full at worst */
};

struct search_scratch {
    struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    struct query_term terms[TEXT_GRAMS_PER_MESSAGE];
    uint64_t slot_hash[QUERY_SLOTS]; /* of the terms of this query, 0: free; cleared after use */
    uint16_t slot_term[QUERY_SLOTS];
    uint16_t used_slots[TEXT_GRAMS_PER_MESSAGE];
    float *doc_score; /* all 0 between queries */
    uint32_t *touched;
    uint32_t doc_cap;
    float *entry_score; /* all 0 between queries */
    uint32_t *entry_doc;
    uint32_t *entries;
    uint32_t entry_cap;
};

struct search_scratch *search_scratch_create(void)
{
    return mem_zalloc(sizeof(struct search_scratch));
}

static void scratch_release(struct search_scratch *scratch)
{
    free(scratch->doc_score);
    free(scratch->touched);
    free(scratch->entry_score);
    free(scratch->entry_doc);
    free(scratch->entries);
}

void search_scratch_destroy(struct search_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    scratch_release(*scratch);
    free(*scratch);
    *scratch = NULL;
}

static void scratch_fit(struct search_scratch *scratch, const struct search_index *index)
{
    if (scratch->doc_cap >= index->doc_count && scratch->entry_cap >= index->entry_count)
        return;
    scratch_release(scratch);
    scratch->doc_cap = index->doc_count;
    scratch->entry_cap = index->entry_count;
    scratch->doc_score = mem_zalloc(scratch->doc_cap * sizeof(float));
    scratch->touched = mem_alloc(scratch->doc_cap * sizeof(uint32_t));
    scratch->entry_score = mem_zalloc(scratch->entry_cap * sizeof(float));
    scratch->entry_doc = mem_alloc(scratch->entry_cap * sizeof(uint32_t));
    scratch->entries = mem_alloc(scratch->entry_cap * sizeof(uint32_t));
}

static const struct search_term *term_find(const struct search_index *index, uint64_t hash)
{
    uint64_t at = hash & index->slot_mask;

    while (index->slots[at].hash != 0) {
        if (index->slots[at].hash == hash)
            return &index->slots[at];
        at = (at + 1) & index->slot_mask;
    }
    return NULL;
}

/* The distinct terms of the query; returns how many. */
static size_t query_terms(const struct search_index *index, struct search_scratch *scratch,
                          size_t gram_count)
{
    size_t count = 0;

    for (size_t i = 0; i < gram_count; i++) {
        uint64_t hash = scratch->grams[i].hash != 0 ? scratch->grams[i].hash : 1;
        size_t at = hash % QUERY_SLOTS;
        struct query_term *term;

        while (scratch->slot_hash[at] != 0 && scratch->slot_hash[at] != hash)
            at = (at + 1) % QUERY_SLOTS;
        if (scratch->slot_hash[at] == hash) {
            scratch->terms[scratch->slot_term[at]].tf++;
            continue;
        }
        scratch->slot_hash[at] = hash;
        scratch->slot_term[at] = (uint16_t)count;
        scratch->used_slots[count] = (uint16_t)at;
        term = &scratch->terms[count++];
        term->term = term_find(index, hash);
        term->weight = term->term != NULL ? term->term->weight
                                          : search_gram_weight(&index->common, &scratch->grams[i]) *
                                                index->idf_unseen;
        term->tf = 1;
    }
    for (size_t i = 0; i < count; i++)
        scratch->slot_hash[scratch->used_slots[i]] = 0;
    return count;
}

static uint32_t score_docs(const struct search_index *index, struct search_scratch *scratch,
                           size_t term_count)
{
    uint32_t touched = 0;

    for (size_t i = 0; i < term_count; i++) {
        const struct query_term *term = &scratch->terms[i];
        const struct search_posting *posting;

        if (term->term == NULL)
            continue;
        posting = index->postings + term->term->start;
        for (uint32_t n = term->term->count; n > 0; n--, posting++) {
            float *score = &scratch->doc_score[posting->doc];

            if (*score == 0.0f)
                scratch->touched[touched++] = posting->doc;
            *score += posting->impact * (float)term->tf;
        }
    }
    return touched;
}

static uint32_t best_docs(const struct search_index *index, struct search_scratch *scratch,
                          uint32_t touched)
{
    uint32_t entries = 0;

    for (uint32_t i = 0; i < touched; i++) {
        uint32_t doc = scratch->touched[i];
        uint32_t entry = index->docs[doc].entry;
        float score = scratch->doc_score[doc];

        scratch->doc_score[doc] = 0.0f;
        if (scratch->entry_score[entry] == 0.0f)
            scratch->entries[entries++] = entry;
        else if (scratch->entry_score[entry] > score ||
                 (scratch->entry_score[entry] == score && scratch->entry_doc[entry] < doc))
            continue;
        scratch->entry_score[entry] = score;
        scratch->entry_doc[entry] = doc;
    }
    return entries;
}

static bool is_better(struct search_hit a, struct search_hit b)
{
    return a.score > b.score || (a.score == b.score && a.entry < b.entry);
}

static size_t hit_insert(struct search_hit *hits, size_t count, size_t k, struct search_hit hit)
{
    size_t at = count < k ? count : k - 1;

    if (count == k && !is_better(hit, hits[k - 1]))
        return count;
    for (; at > 0 && is_better(hit, hits[at - 1]); at--)
        hits[at] = hits[at - 1];
    hits[at] = hit;
    return count < k ? count + 1 : k;
}

size_t search_query(const struct search_index *index, struct search_scratch *scratch,
                    struct text_stemmer *stemmer, struct slice normalised, struct search_hit *hits,
                    size_t k)
{
    size_t grams;
    size_t terms;
    uint32_t entries;
    size_t count = 0;
    float best = 0.0f;
    float said = 0.0f;
    float trust;

    ENSURE(k > 0 && k <= SEARCH_TOP_MAX);
    if (index->doc_count == 0)
        return 0;
    scratch_fit(scratch, index);
    grams =
        text_grams(stemmer, normalised, SEARCH_GRAM_KINDS, scratch->grams, TEXT_GRAMS_PER_MESSAGE);
    terms = query_terms(index, scratch, grams);
    for (size_t i = 0; i < terms; i++) {
        float tf = (float)scratch->terms[i].tf;

        best +=
            scratch->terms[i].weight * tf * search_saturation(tf, (float)grams, index->mean_len);
        said += scratch->terms[i].weight * tf;
    }
    trust = said < index->idf_unseen ? said / index->idf_unseen : 1.0f;
    entries = best_docs(index, scratch, score_docs(index, scratch, terms));
    for (uint32_t i = 0; i < entries; i++) {
        uint32_t entry = scratch->entries[i];
        float score = scratch->entry_score[entry] / best;

        score = (score < 1.0f ? score : 1.0f) * trust;
        scratch->entry_score[entry] = 0.0f;
        count = hit_insert(hits, count, k,
                           (struct search_hit){
                               .entry = entry, .doc = scratch->entry_doc[entry], .score = score });
    }
    return count;
}
