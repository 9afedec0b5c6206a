/* SPDX-License-Identifier: Apache-2.0 */
/* Why a hit is one, where it shows, and how it is weighed against other signals. All of it reads
 * what the last query left in its scratch: there is no second way to compute a score. */
#include "search_priv.h"

#include <stdlib.h>

#include "check.h"

/* Words over vectors over nothing: cosines of short texts are noisy, so they only move what the
 * words have found; a calibrated class counts as much as the words (docs/decisions/0009). */
static const float signal_weights[SEARCH_SIGNALS] = {
    [SEARCH_BY_WORDS] = 1.0f,
    [SEARCH_BY_VECTORS] = 0.2f,
    [SEARCH_BY_CLASSIFIER] = 1.0f,
};

static int part_compare(const void *left, const void *right)
{
    const struct search_term_part *a = left;
    const struct search_term_part *b = right;

    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->text.ptr < b->text.ptr ? -1 : a->text.ptr > b->text.ptr;
}

size_t search_explain(const struct search_index *index, struct search_scratch *scratch,
                      struct slice normalised, const struct search_hit *hit,
                      struct search_term_part *parts, size_t max)
{
    uint32_t first = index->base != NULL ? index->base->doc_count : 0;
    int which = index->base != NULL && hit->doc >= first ? 1 : 0;
    const struct search_index *part = index->base != NULL && which == 0 ? index->base : index;
    uint32_t doc = which == 1 ? hit->doc - first : hit->doc;
    size_t count = 0;

    ENSURE(doc < part->doc_count);
    for (size_t i = 0; i < scratch->term_count && count < max; i++) {
        const struct search_query_term *term = &scratch->terms[i];
        const struct text_gram *gram = &scratch->grams[term->gram];
        const struct search_term *t = term->parts[which];

        ENSURE((size_t)gram->start + gram->len <= normalised.len);
        parts[count++] = (struct search_term_part){
            .text = slice_make(normalised.ptr + gram->start, gram->len),
            .kind = gram->kind,
            .count = (uint16_t)term->tf,
            .weight = term->weight,
            .share =
                t == NULL ? 0.0f : search_impact(part, t, doc) * (float)term->tf * scratch->scale,
        };
    }
    qsort(parts, count, sizeof(*parts), part_compare);
    return count;
}

/* ---- highlights ---- */
static bool was_asked(const struct search_index *index, const struct search_scratch *scratch,
                      const struct text_gram *gram)
{
    uint64_t hash = search_term_hash(gram);

    if (search_is_common(index->common, hash))
        return false;
    for (size_t i = 0; i < scratch->term_count; i++) {
        if (scratch->terms[i].hash == hash)
            return true;
    }
    return false;
}

static size_t span_join(struct search_span *spans, size_t count, struct search_span span)
{
    struct search_span *last = count > 0 ? &spans[count - 1] : NULL;

    if (last == NULL || span.start > last->start + last->len) {
        spans[count] = span;
        return count + 1;
    }
    if (span.start + span.len > last->start + last->len)
        last->len = span.start + span.len - last->start;
    return count;
}

static int gram_compare(const void *left, const void *right)
{
    const struct text_gram *a = left;
    const struct text_gram *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->len < b->len ? -1 : a->len > b->len;
}

size_t search_highlight(const struct search_index *index, struct search_scratch *scratch,
                        struct text_stemmer *stemmer, struct slice text, struct search_span *spans,
                        size_t max)
{
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, scratch->norm, scratch->from,
                                            sizeof(scratch->norm));
    size_t grams = text_grams(stemmer, norm, TEXT_GRAM_STEM | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2,
                              scratch->marks, TEXT_GRAMS_PER_MESSAGE);
    size_t count = 0;

    qsort(scratch->marks, grams, sizeof(*scratch->marks), gram_compare);
    for (size_t i = 0; i < grams && count < max; i++) {
        const struct text_gram *gram = &scratch->marks[i];
        struct slice part;

        if (gram->len == 0 || !was_asked(index, scratch, gram))
            continue;
        part = text_original(text, norm, scratch->from, gram->start, gram->len);
        count =
            span_join(spans, count,
                      (struct search_span){ (uint32_t)(part.ptr - text.ptr), (uint32_t)part.len });
    }
    return count;
}

/* ---- blending ---- */
struct blend {
    struct search_blend_hit items[SEARCH_TOP_MAX * SEARCH_SIGNALS];
    size_t count;
};

static void blend_add(struct blend *blend, uint32_t entry, enum search_signal_kind kind,
                      float value)
{
    size_t at = 0;

    value = value > 0.0f ? value : 0.0f; /* a NaN too */
    value = value < 1.0f ? value : 1.0f;
    while (at < blend->count && blend->items[at].entry != entry)
        at++;
    if (at == blend->count)
        blend->items[blend->count++] = (struct search_blend_hit){ .entry = entry };
    if (value > blend->items[at].parts[kind])
        blend->items[at].parts[kind] = value;
}

static int blend_compare(const void *left, const void *right)
{
    const struct search_blend_hit *a = left;
    const struct search_blend_hit *b = right;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

size_t search_blend(const struct search_hit *hits, size_t hit_count,
                    const struct search_signal *vectors, size_t vector_count,
                    const struct search_signal *classes, size_t class_count,
                    struct search_blend_hit *out, size_t k)
{
    struct blend blend = { .count = 0 };
    float sum = signal_weights[SEARCH_BY_WORDS];

    ENSURE(hit_count <= SEARCH_TOP_MAX && vector_count <= SEARCH_TOP_MAX &&
           class_count <= SEARCH_TOP_MAX);
    for (size_t i = 0; i < hit_count; i++)
        blend_add(&blend, hits[i].entry, SEARCH_BY_WORDS, hits[i].score);
    for (size_t i = 0; vectors != NULL && i < vector_count; i++)
        blend_add(&blend, vectors[i].entry, SEARCH_BY_VECTORS, vectors[i].value);
    for (size_t i = 0; classes != NULL && i < class_count; i++)
        blend_add(&blend, classes[i].entry, SEARCH_BY_CLASSIFIER, classes[i].value);
    sum += vectors != NULL ? signal_weights[SEARCH_BY_VECTORS] : 0.0f;
    sum += classes != NULL ? signal_weights[SEARCH_BY_CLASSIFIER] : 0.0f;
    for (size_t i = 0; i < blend.count; i++) {
        for (int kind = 0; kind < SEARCH_SIGNALS; kind++) {
            blend.items[i].parts[kind] *= signal_weights[kind] / sum;
            blend.items[i].score += blend.items[i].parts[kind];
        }
    }
    qsort(blend.items, blend.count, sizeof(blend.items[0]), blend_compare);
    k = blend.count < k ? blend.count : k;
    memcpy(out, blend.items, k * sizeof(*out));
    return k;
}
