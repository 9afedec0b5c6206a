/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a block before anything in it is believed, and the small questions to an index. */
#include "search_priv.h"

#include <stdlib.h>

#include "check.h"
#include "crc32c.h"
#include "mem.h"

static enum err_code damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "index: %s", what);
}

static const size_t item_bytes[SEARCH_SECTIONS] = {
    [SEARCH_TERMS] = sizeof(struct search_term),       [SEARCH_POSTINGS] = sizeof(search_posting),
    [SEARCH_DOCS] = sizeof(struct search_doc),         [SEARCH_COMMON] = sizeof(uint64_t),
    [SEARCH_PAYLOADS] = sizeof(struct search_payload), [SEARCH_STRINGS] = 1,
};

static enum err_code header_check(struct slice bytes, struct err *err)
{
    const struct search_header *h = (const void *)bytes.ptr;

    ENSURE((uintptr_t)bytes.ptr % 8 == 0);
    if (bytes.len < sizeof(h->magic) || h->magic != SEARCH_BLOB_MAGIC)
        return err_set(err, ERR_INVALID, "not an index of FAQ entries");
    if (bytes.len < sizeof(*h))
        return damaged(err, "file is cut short");
    if (h->version != SEARCH_BLOB_VERSION || h->form != TEXT_FORM_VERSION)
        return err_set(err, ERR_UNSUPPORTED,
                       "index made by another version (%u.%u, this is %d.%d): make it again",
                       h->version, h->form, SEARCH_BLOB_VERSION, TEXT_FORM_VERSION);
    if (h->bytes != bytes.len)
        return damaged(err, "file has not the length it was written with");
    if (h->crc != crc32c(0, bytes.ptr + sizeof(*h), bytes.len - sizeof(*h)))
        return damaged(err, "checksum does not match");
    for (size_t i = 0; i < SEARCH_SECTIONS; i++) {
        size_t at = 8 * (size_t)h->sections[i].at;

        if (at > bytes.len || h->sections[i].count > (bytes.len - at) / item_bytes[i])
            return damaged(err, "a section is out of bounds");
    }
    return ERR_OK;
}

static const void *section(const struct search_header *h, enum search_section which)
{
    return (const char *)h + 8 * (size_t)h->sections[which].at;
}

/* A document that was touched has a score above 0: the query counts on it. */
static const float impact_least = 1e-6f;

static bool is_weight(float value)
{
    return value >= 0.0f && value < 1e6f; /* not a NaN either */
}

static bool terms_valid(const struct search_index *index)
{
    const struct search_header *h = index->header;
    uint32_t slots = h->sections[SEARCH_TERMS].count;
    uint32_t postings = h->sections[SEARCH_POSTINGS].count;
    bool free_one = false;

    if (slots == 0 || (slots & (slots - 1)) != 0)
        return false;
    for (uint32_t i = 0; i < slots; i++) {
        const struct search_term *term = &index->slots[i];

        free_one = free_one || term->hash == 0;
        if (term->start > postings || term->count > postings - term->start ||
            !is_weight(term->weight) || !is_weight(term->most) ||
            (term->count > 0 && term->most < impact_least))
            return false;
    }
    return free_one; /* or a search would not end */
}

static bool docs_valid(const struct search_index *index)
{
    const struct search_header *h = index->header;
    uint32_t postings = h->sections[SEARCH_POSTINGS].count;

    if (index->doc_count > SEARCH_DOCS_MAX || h->entry_count > SEARCH_ENTRIES_MAX ||
        h->sections[SEARCH_COMMON].count != SEARCH_COMMON_SLOTS || !is_weight(h->mean_len) ||
        h->mean_len == 0.0f || !is_weight(h->idf_unseen) || h->idf_unseen == 0.0f)
        return false;
    for (uint32_t i = 0; i < postings; i++) {
        if (index->postings[i] >> SEARCH_IMPACT_BITS >= index->doc_count ||
            (index->postings[i] & SEARCH_IMPACT_MAX) == 0)
            return false;
    }
    for (uint32_t i = 0; i < index->doc_count; i++) {
        if (index->docs[i].entry >= h->entry_count ||
            index->docs[i].phrasing >= SEARCH_PHRASINGS_MAX)
            return false;
    }
    return true;
}

static bool rest_valid(const struct search_index *index)
{
    const struct search_header *h = index->header;
    uint32_t strings = h->sections[SEARCH_STRINGS].count;
    uint32_t payloads = h->sections[SEARCH_PAYLOADS].count;
    bool free_one = false;

    for (uint32_t i = 0; i < SEARCH_COMMON_SLOTS; i++)
        free_one = free_one || index->common[i] == 0;
    if (!free_one || (payloads != 0 && payloads != h->entry_count))
        return false;
    for (uint32_t i = 0; i < payloads; i++) {
        if (index->payloads[i].at > strings ||
            index->payloads[i].len > strings - index->payloads[i].at)
            return false;
    }
    return true;
}

enum err_code search_index_open(struct slice bytes, struct search_index **out, struct err *err)
{
    const struct search_header *h = (const void *)bytes.ptr;
    struct search_index index;
    enum err_code rc = header_check(bytes, err);

    if (rc != ERR_OK)
        return rc;
    index = (struct search_index){
        .header = h,
        .slots = section(h, SEARCH_TERMS),
        .slot_mask = (uint64_t)h->sections[SEARCH_TERMS].count - 1,
        .postings = section(h, SEARCH_POSTINGS),
        .docs = section(h, SEARCH_DOCS),
        .doc_count = h->sections[SEARCH_DOCS].count,
        .common = section(h, SEARCH_COMMON),
        .payloads = h->sections[SEARCH_PAYLOADS].count > 0 ? section(h, SEARCH_PAYLOADS) : NULL,
        .strings = section(h, SEARCH_STRINGS),
    };
    if (!terms_valid(&index))
        return damaged(err, "the table of terms is wrong");
    if (!docs_valid(&index) || !rest_valid(&index))
        return damaged(err, "an entry points out of bounds");
    *out = mem_alloc(sizeof(**out));
    **out = index;
    return ERR_OK;
}

struct slice search_index_blob(const struct search_index *index)
{
    ENSURE(index->base == NULL);
    return slice_make(index->header, index->header->bytes);
}

void search_index_destroy(struct search_index **index)
{
    if (*index == NULL)
        return;
    free((*index)->owned);
    free((*index)->gone);
    free(*index);
    *index = NULL;
}

size_t search_index_bytes(const struct search_index *index)
{
    return sizeof(*index) + index->header->bytes + index->gone_count / 8;
}

uint32_t search_index_docs(const struct search_index *index)
{
    return index->doc_count + (index->base != NULL ? index->base->doc_count : 0);
}

static bool is_gone(const struct search_index *index, uint32_t entry)
{
    return entry < index->gone_count && (index->gone[entry / 64] >> (entry % 64) & 1) != 0;
}

struct slice search_index_payload(const struct search_index *index, uint32_t entry)
{
    if (index->base != NULL && entry < index->gone_count && !is_gone(index, entry))
        index = index->base;
    if (index->payloads == NULL || entry >= index->header->entry_count)
        return SLICE_EMPTY;
    return slice_make(index->strings + index->payloads[entry].at, index->payloads[entry].len);
}
