/* SPDX-License-Identifier: Apache-2.0 */
/* Building: collect (gram, document) pairs, sort them by gram, and store with each pair what it
 * adds to a score, so that a query only adds up. Document frequencies change with every entry, so a
 * whole index is made anew from the builder's pairs: 6 ms per thousand entries, off the hot path.
 * An index over another one has few pairs; its weights count the documents of both. */
#include "search_priv.h"

#include <math.h>
#include <stdlib.h>

#include "buf.h"
#include "check.h"
#include "crc32c.h"
#include "mem.h"

struct pair {
    uint64_t hash;
    uint32_t doc;
    uint16_t tf;
    uint16_t kind; /* enum text_gram_kind, and whether common in the high bit */
};
enum { COMMON_BIT = 0x8000 };

struct build_doc {
    uint32_t entry;
    uint32_t phrasing;
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
    uint32_t *phrasings; /* of each entry so far */
    struct search_payload *payloads;
    size_t entry_cap; /* of phrasings and payloads */
    bool has_payloads;
    struct buf strings;
};

static const float field_weights[SEARCH_FIELDS] = {
    [SEARCH_QUESTION] = 1.0f, [SEARCH_VARIANT] = 0.99f, [SEARCH_ANSWER] = 0.4f
};

struct search_builder *search_builder_create(void)
{
    struct search_builder *builder = mem_zalloc(sizeof(*builder));

    buf_init(&builder->strings, SEARCH_PAYLOAD_BYTES_MAX);
    return builder;
}

void search_builder_destroy(struct search_builder **builder)
{
    if (*builder == NULL)
        return;
    free((*builder)->pairs);
    free((*builder)->docs);
    free((*builder)->phrasings);
    free((*builder)->payloads);
    buf_fini(&(*builder)->strings);
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

static enum err_code entry_room(struct search_builder *builder, uint32_t entry, struct err *err)
{
    size_t cap = builder->entry_cap;

    if (entry >= SEARCH_ENTRIES_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d entries", SEARCH_ENTRIES_MAX);
    while (cap <= entry)
        cap = grown(cap);
    if (cap > builder->entry_cap) {
        size_t more = cap - builder->entry_cap;

        builder->phrasings = mem_realloc(builder->phrasings, cap * sizeof(*builder->phrasings));
        builder->payloads = mem_realloc(builder->payloads, cap * sizeof(*builder->payloads));
        memset(builder->phrasings + builder->entry_cap, 0, more * sizeof(*builder->phrasings));
        memset(builder->payloads + builder->entry_cap, 0, more * sizeof(*builder->payloads));
        builder->entry_cap = cap;
    }
    if (entry >= builder->entry_count)
        builder->entry_count = entry + 1;
    return ERR_OK;
}

static enum err_code room(struct search_builder *builder, uint32_t entry, size_t pairs,
                          struct err *err)
{
    enum err_code rc = entry_room(builder, entry, err);

    if (rc != ERR_OK)
        return rc;
    if (builder->doc_count >= SEARCH_DOCS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d phrasings", SEARCH_DOCS_MAX);
    if (builder->phrasings[entry] >= SEARCH_PHRASINGS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d phrasings of one entry",
                       SEARCH_PHRASINGS_MAX);
    if (builder->pair_count + pairs > SEARCH_POSTINGS_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d postings", SEARCH_POSTINGS_MAX);
    while (builder->pair_count + pairs > builder->pair_cap) {
        builder->pair_cap = grown(builder->pair_cap);
        builder->pairs = mem_realloc(builder->pairs, builder->pair_cap * sizeof(*builder->pairs));
    }
    if (builder->doc_count == builder->doc_cap) {
        builder->doc_cap = grown(builder->doc_cap);
        builder->docs = mem_realloc(builder->docs, builder->doc_cap * sizeof(*builder->docs));
    }
    return ERR_OK;
}

enum err_code search_builder_add(struct search_builder *builder, struct text_stemmer *stemmer,
                                 uint32_t entry, enum search_field field, struct slice normalised,
                                 struct err *err)
{
    struct text_gram grams[SEARCH_DOC_BYTES_MAX * 2];
    struct pair *pairs;
    size_t count;
    enum err_code rc;

    if (!builder->common_ready) {
        search_common_init(&builder->common, stemmer);
        builder->common_ready = true;
    }
    if (normalised.len > SEARCH_DOC_BYTES_MAX)
        normalised.len = SEARCH_DOC_BYTES_MAX;
    count = text_grams(stemmer, normalised, SEARCH_GRAM_KINDS, grams, LENGTH_OF(grams));
    rc = room(builder, entry, count, err);
    if (rc != ERR_OK)
        return rc;
    pairs = builder->pairs + builder->pair_count;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = search_term_hash(&grams[i]);
        bool common = search_is_common(builder->common.slots, hash);

        pairs[i] = (struct pair){ .hash = hash,
                                  .doc = (uint32_t)builder->doc_count,
                                  .tf = 1,
                                  .kind = (uint16_t)(grams[i].kind | (common ? COMMON_BIT : 0)) };
    }
    builder->pair_count += pairs_join(pairs, count);
    builder->docs[builder->doc_count++] = (struct build_doc){
        .entry = entry,
        .phrasing = builder->phrasings[entry]++,
        .len = (uint32_t)count,
        .field = field,
    };
    builder->grams_total += count;
    return ERR_OK;
}

enum err_code search_builder_payload(struct search_builder *builder, uint32_t entry,
                                     struct slice payload, struct err *err)
{
    enum err_code rc = entry_room(builder, entry, err);

    if (rc != ERR_OK)
        return rc;
    builder->payloads[entry] =
        (struct search_payload){ (uint32_t)builder->strings.len, (uint32_t)payload.len };
    builder->has_payloads = true;
    buf_add_slice(&builder->strings, payload);
    if (!buf_ok(&builder->strings))
        return err_set(err, ERR_TOO_BIG, "the texts of all entries pass %d bytes",
                       SEARCH_PAYLOAD_BYTES_MAX);
    return ERR_OK;
}

/* ---- the block ---- */
static const size_t item_bytes[SEARCH_SECTIONS] = {
    [SEARCH_TERMS] = sizeof(struct search_term),       [SEARCH_POSTINGS] = sizeof(search_posting),
    [SEARCH_DOCS] = sizeof(struct search_doc),         [SEARCH_COMMON] = sizeof(uint64_t),
    [SEARCH_PAYLOADS] = sizeof(struct search_payload), [SEARCH_STRINGS] = 1,
};

struct make {
    struct search_builder *builder;
    const struct search_index *base;
    struct search_header *header;
    struct search_term *slots;
    uint64_t slot_mask;
    search_posting *postings;
    size_t posting_count;
    float *impacts; /* of the postings of the term at hand */
};

static void *section(const struct make *m, enum search_section which)
{
    return (char *)m->header + 8 * (size_t)m->header->sections[which].at;
}

static struct search_term *slot_for(const struct make *m, uint64_t hash)
{
    uint64_t at = hash & m->slot_mask;

    while (m->slots[at].hash != 0)
        at = (at + 1) & m->slot_mask;
    return &m->slots[at];
}

/* In how many documents a term is, those of the base included. */
static uint32_t term_docs(const struct make *m, uint64_t hash, size_t count)
{
    const struct search_term *term = m->base != NULL ? search_term_find(m->base, hash) : NULL;

    return (uint32_t)count + (term != NULL ? term->count : 0);
}

/* One term: pairs[0..count) all have its hash. */
static void term_add(struct make *m, const struct pair *pairs, size_t count)
{
    uint32_t docs = m->header->doc_count;
    float weight = search_gram_weight(pairs[0].kind & ~(unsigned)COMMON_BIT,
                                      (pairs[0].kind & COMMON_BIT) != 0, docs) *
                   search_idf(docs, term_docs(m, pairs[0].hash, count));
    struct search_term *term = slot_for(m, pairs[0].hash);
    float most = 0.0f;

    for (size_t i = 0; i < count; i++) {
        const struct build_doc *doc = &m->builder->docs[pairs[i].doc];

        m->impacts[i] =
            weight * search_saturation((float)pairs[i].tf, (float)doc->len, m->header->mean_len) *
            field_weights[doc->field];
        most = m->impacts[i] > most ? m->impacts[i] : most;
    }
    *term = (struct search_term){ .hash = pairs[0].hash,
                                  .start = (uint32_t)m->posting_count,
                                  .count = (uint32_t)count,
                                  .weight = weight,
                                  .most = most };
    for (size_t i = 0; i < count; i++) {
        uint32_t steps = (uint32_t)lroundf(m->impacts[i] / most * SEARCH_IMPACT_MAX);

        m->postings[m->posting_count++] =
            pairs[i].doc << SEARCH_IMPACT_BITS | (steps > 0 ? steps : 1);
    }
}

static size_t terms_count(const struct search_builder *builder)
{
    size_t terms = 0;

    for (size_t i = 0; i < builder->pair_count; i++)
        terms += i == 0 || builder->pairs[i].hash != builder->pairs[i - 1].hash;
    return terms;
}

static struct search_header *block_make(const struct search_builder *builder, size_t slots)
{
    const size_t counts[SEARCH_SECTIONS] = {
        [SEARCH_TERMS] = slots,
        [SEARCH_POSTINGS] = builder->pair_count,
        [SEARCH_DOCS] = builder->doc_count,
        [SEARCH_COMMON] = SEARCH_COMMON_SLOTS,
        [SEARCH_PAYLOADS] = builder->has_payloads ? builder->entry_count : 0,
        [SEARCH_STRINGS] = builder->strings.len,
    };
    uint32_t at[SEARCH_SECTIONS];
    size_t total = (sizeof(struct search_header) + 7) / 8;
    struct search_header *header;

    for (size_t i = 0; i < SEARCH_SECTIONS; i++) {
        at[i] = (uint32_t)total;
        total += (counts[i] * item_bytes[i] + 7) / 8;
    }
    header = mem_zalloc(total * 8);
    *header = (struct search_header){ .magic = SEARCH_BLOB_MAGIC,
                                      .version = SEARCH_BLOB_VERSION,
                                      .form = TEXT_FORM_VERSION,
                                      .bytes = total * 8,
                                      .entry_count = builder->entry_count };
    for (size_t i = 0; i < SEARCH_SECTIONS; i++) {
        header->sections[i].at = at[i];
        header->sections[i].count = (uint32_t)counts[i];
    }
    return header;
}

static void statistics(struct make *m)
{
    uint64_t docs = m->builder->doc_count;
    uint64_t grams = m->builder->grams_total;

    if (m->base != NULL) {
        docs += m->base->header->doc_count;
        grams += m->base->header->grams_total;
    }
    m->header->doc_count = (uint32_t)docs;
    m->header->grams_total = grams;
    m->header->mean_len = grams > 0 ? (float)grams / (float)docs : 1.0f;
    m->header->idf_unseen = search_idf((uint32_t)docs, 0);
}

static void block_fill(struct make *m)
{
    struct search_builder *builder = m->builder;
    struct search_doc *docs = section(m, SEARCH_DOCS);
    size_t end;

    for (size_t i = 0; i < builder->doc_count; i++)
        docs[i] = (struct search_doc){ builder->docs[i].entry, builder->docs[i].phrasing };
    for (size_t start = 0; start < builder->pair_count; start = end) {
        end = start + 1;
        while (end < builder->pair_count && builder->pairs[end].hash == builder->pairs[start].hash)
            end++;
        term_add(m, builder->pairs + start, end - start);
    }
    ENSURE(m->posting_count == builder->pair_count);
    memcpy(section(m, SEARCH_COMMON), builder->common.slots, sizeof(builder->common.slots));
    if (builder->has_payloads)
        memcpy(section(m, SEARCH_PAYLOADS), builder->payloads,
               builder->entry_count * sizeof(*builder->payloads));
    if (builder->strings.len > 0)
        memcpy(section(m, SEARCH_STRINGS), builder->strings.ptr, builder->strings.len);
}

static struct search_index *index_make(struct search_builder *builder,
                                       const struct search_index *base)
{
    struct make m = { .builder = builder, .base = base };
    struct search_index *index = NULL;
    size_t slots = 16;

    if (builder->pair_count > 0)
        qsort(builder->pairs, builder->pair_count, sizeof(*builder->pairs), pair_compare);
    while (slots < terms_count(builder) * 2)
        slots *= 2;
    m.header = block_make(builder, slots);
    m.slots = section(&m, SEARCH_TERMS);
    m.slot_mask = slots - 1;
    m.postings = section(&m, SEARCH_POSTINGS);
    m.impacts = mem_alloc((builder->doc_count + 1) * sizeof(*m.impacts));
    statistics(&m);
    block_fill(&m);
    free(m.impacts);
    m.header->crc = crc32c(0, m.header + 1, m.header->bytes - sizeof(*m.header));
    ENSURE(search_index_open(slice_make(m.header, m.header->bytes), &index, NULL) == ERR_OK);
    index->owned = m.header;
    return index;
}

struct search_index *search_builder_make(struct search_builder *builder)
{
    return index_make(builder, NULL);
}

struct search_index *search_builder_overlay(struct search_builder *builder,
                                            const struct search_index *base,
                                            const uint32_t *removed, size_t removed_count)
{
    struct search_index *index;

    ENSURE(base->base == NULL);
    index = index_make(builder, base);
    index->base = base;
    index->gone_count = base->header->entry_count;
    index->gone = mem_zalloc((index->gone_count / 64 + 1) * sizeof(*index->gone));
    for (size_t i = 0; i < builder->doc_count + removed_count; i++) {
        uint32_t entry =
            i < builder->doc_count ? builder->docs[i].entry : removed[i - builder->doc_count];

        if (entry < index->gone_count)
            index->gone[entry / 64] |= 1ull << (entry % 64);
    }
    return index;
}
