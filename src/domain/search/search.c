/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: add up the stored impacts of the query's terms per phrasing, keep the best phrasing of
 * each of the best k entries. Term at a time with a dense accumulator: at the size of a customer's
 * FAQ it fits the cache. Leaving out what cannot win any more (MaxScore) was tried and took twice
 * as long: questions of one shop are too much alike for it. The work is bounded by (distinct grams
 * of a message) x (phrasings), with no early exit that a hostile query could defeat. */
#include "search_priv.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum { QUERY_SLOTS = TEXT_GRAMS_PER_MESSAGE * 2 }; /* half full at worst */

struct search_scratch *search_scratch_create(void)
{
    return mem_zalloc(sizeof(struct search_scratch));
}

void search_scratch_destroy(struct search_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    free((*scratch)->doc_score);
    free((*scratch)->touched);
    free(*scratch);
    *scratch = NULL;
}

static void scratch_fit(struct search_scratch *scratch, uint32_t docs)
{
    if (scratch->doc_cap >= docs)
        return;
    free(scratch->doc_score);
    free(scratch->touched);
    scratch->doc_cap = docs;
    scratch->doc_score = mem_zalloc(docs * sizeof(float));
    scratch->touched = mem_alloc((docs + 1) * sizeof(uint32_t)); /* one is written ahead */
}

/* ---- the query's terms ---- */
static void term_init(const struct search_index *index, struct search_query_term *term,
                      const struct text_gram *gram, uint64_t hash)
{
    uint32_t docs = index->header->doc_count;
    bool common = search_is_common(index->common, hash);

    *term = (struct search_query_term){ .hash = hash, .tf = 1 };
    if (index->base != NULL)
        term->parts[0] = search_term_find(index->base, hash);
    term->parts[index->base != NULL ? 1 : 0] = search_term_find(index, hash);
    term->weight = search_gram_weight(gram->kind, common, docs) * index->header->idf_unseen;
    for (int part = 0; part < 2; part++) {
        if (term->parts[part] != NULL)
            term->weight = term->parts[part]->weight;
    }
}

/* The distinct terms of the grams. */
static void query_terms(const struct search_index *index, struct search_scratch *scratch)
{
    size_t count = 0;

    for (size_t i = 0; i < scratch->gram_count; i++) {
        uint64_t hash = search_term_hash(&scratch->grams[i]);
        size_t at = hash % QUERY_SLOTS;

        while (scratch->slot_hash[at] != 0 && scratch->slot_hash[at] != hash)
            at = (at + 1) % QUERY_SLOTS;
        if (scratch->slot_hash[at] == hash) {
            scratch->terms[scratch->slot_term[at]].tf++;
            continue;
        }
        scratch->slot_hash[at] = hash;
        scratch->slot_term[at] = (uint16_t)count;
        scratch->used_slots[count] = (uint16_t)at;
        term_init(index, &scratch->terms[count], &scratch->grams[i], hash);
        scratch->terms[count++].gram = (uint16_t)i;
    }
    for (size_t i = 0; i < count; i++)
        scratch->slot_hash[scratch->used_slots[i]] = 0;
    scratch->term_count = count;
}

/* ---- one run ---- */
struct run {
    const struct search_index *index;
    const struct search_index *parts[2];
    uint32_t first_doc[2]; /* of each part, in the numbers of the accumulator */
    struct search_scratch *scratch;
    uint32_t touched;
};

static void run_init(struct run *run, const struct search_index *index,
                     struct search_scratch *scratch)
{
    *run = (struct run){ .index = index, .scratch = scratch };
    run->parts[0] = index->base != NULL ? index->base : index;
    if (index->base != NULL) {
        run->parts[1] = index;
        run->first_doc[1] = index->base->doc_count;
    }
}

static const struct search_doc *doc_of(const struct run *run, uint32_t doc)
{
    if (run->parts[1] != NULL && doc >= run->first_doc[1])
        return &run->parts[1]->docs[doc - run->first_doc[1]];
    return &run->parts[0]->docs[doc];
}

static bool is_gone(const struct run *run, uint32_t doc)
{
    const struct search_index *index = run->index;
    uint32_t entry;

    if (run->parts[1] == NULL || doc >= run->first_doc[1])
        return false;
    entry = run->parts[0]->docs[doc].entry;
    return (index->gone[entry / 64] >> (entry % 64) & 1) != 0;
}

static void term_score(struct run *run, const struct search_query_term *term, int part)
{
    struct search_scratch *scratch = run->scratch;
    const struct search_term *t = term->parts[part];
    const search_posting *posting;
    float step;

    if (t == NULL)
        return;
    posting = run->parts[part]->postings + t->start;
    step = t->most * (float)term->tf / SEARCH_IMPACT_MAX;
    for (uint32_t n = t->count; n > 0; n--, posting++) {
        uint32_t doc = (*posting >> SEARCH_IMPACT_BITS) + run->first_doc[part];
        float *score = &scratch->doc_score[doc];

        /* Written anyway, counted when new: a branch here is a coin toss. */
        scratch->touched[run->touched] = doc;
        run->touched += *score == 0.0f ? 1 : 0;
        *score += step * (float)(*posting & SEARCH_IMPACT_MAX);
    }
}

float search_impact(const struct search_index *part, const struct search_term *term, uint32_t doc)
{
    const search_posting *postings = part->postings + term->start;
    uint32_t low = 0;
    uint32_t high = term->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (postings[middle] >> SEARCH_IMPACT_BITS < doc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == term->count || postings[low] >> SEARCH_IMPACT_BITS != doc)
        return 0.0f;
    return term->most * (float)(postings[low] & SEARCH_IMPACT_MAX) / SEARCH_IMPACT_MAX;
}

static bool is_better(struct search_hit a, struct search_hit b)
{
    return a.score > b.score || (a.score == b.score && a.entry < b.entry);
}

/* Puts a phrasing among the best k entries; each entry is there once, with its best phrasing. */
static size_t hit_insert(struct search_hit *hits, size_t count, size_t k, struct search_hit hit)
{
    size_t at = 0;

    while (at < count && hits[at].entry != hit.entry)
        at++;
    if (at == count) {
        if (count == k && !is_better(hit, hits[k - 1]))
            return count;
        at = count < k ? count++ : k - 1;
    } else if (hits[at].score > hit.score ||
               (hits[at].score == hit.score && hits[at].doc < hit.doc)) {
        return count;
    }
    for (; at > 0 && is_better(hit, hits[at - 1]); at--)
        hits[at] = hits[at - 1];
    hits[at] = hit;
    return count;
}

/* The best k entries of what was touched; leaves the accumulator as it was. */
static size_t best_hits(struct run *run, struct search_hit *hits, size_t k)
{
    struct search_scratch *scratch = run->scratch;
    float least = 0.0f; /* what a phrasing needs to be among them */
    size_t count = 0;

    for (uint32_t i = 0; i < run->touched; i++) {
        uint32_t doc = scratch->touched[i];
        float score = scratch->doc_score[doc];
        const struct search_doc *d;

        scratch->doc_score[doc] = 0.0f;
        if (score < least || is_gone(run, doc))
            continue;
        d = doc_of(run, doc);
        count = hit_insert(
            hits, count, k,
            (struct search_hit){
                .entry = d->entry, .doc = doc, .phrasing = d->phrasing, .score = score });
        least = count == k ? hits[k - 1].score : 0.0f;
    }
    return count;
}

/* What the query's own text would score, and how much it says: from sums of impacts to scores. */
static float scale_of(const struct run *run)
{
    const struct search_scratch *scratch = run->scratch;
    const struct search_header *h = run->index->header;
    float grams = (float)scratch->gram_count;
    float best = 0.0f;
    float said = 0.0f;

    for (size_t i = 0; i < scratch->term_count; i++) {
        const struct search_query_term *term = &scratch->terms[i];
        float tf = (float)term->tf;

        best += term->weight * tf * search_saturation(tf, grams, h->mean_len);
        said += term->weight * tf;
    }
    if (best <= 0.0f)
        return 0.0f;
    return (said < h->idf_unseen ? said / h->idf_unseen : 1.0f) / best;
}

size_t search_query(const struct search_index *index, struct search_scratch *scratch,
                    struct text_stemmer *stemmer, struct slice normalised, struct search_hit *hits,
                    size_t k)
{
    struct run run;
    size_t count;

    ENSURE(k > 0 && k <= SEARCH_TOP_MAX);
    scratch->term_count = 0;
    if (search_index_docs(index) == 0)
        return 0;
    run_init(&run, index, scratch);
    scratch_fit(scratch, search_index_docs(index));
    scratch->gram_count =
        text_grams(stemmer, normalised, SEARCH_GRAM_KINDS, scratch->grams, TEXT_GRAMS_PER_MESSAGE);
    query_terms(index, scratch);
    scratch->scale = scale_of(&run);
    for (size_t i = 0; i < scratch->term_count; i++) {
        term_score(&run, &scratch->terms[i], 0);
        term_score(&run, &scratch->terms[i], 1);
    }
    count = best_hits(&run, hits, k);
    for (size_t i = 0; i < count; i++) {
        float score = hits[i].score * scratch->scale;

        hits[i].score = score < 1.0f ? score : 1.0f;
    }
    return count;
}
