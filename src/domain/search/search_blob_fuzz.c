/* SPDX-License-Identifier: Apache-2.0 */
/* A good index, damaged by a list of (place, value) changes, with its checksum put right: refused,
 * or safe to ask. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "crc32c.h"
#include "search_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text_stemmer *stemmer;

static struct search_index *good_index(void)
{
    static const char *const questions[] = { "怎么申请退货", "退款多久到账",
                                             "how do i return an item", "is the tent waterproof" };
    struct search_builder *builder = search_builder_create();
    struct search_index *index;

    for (uint32_t i = 0; i < LENGTH_OF(questions); i++) {
        ENSURE(search_builder_add(builder, stemmer, i / 2, SEARCH_QUESTION, slice_of(questions[i]),
                                  NULL) == ERR_OK);
        ENSURE(search_builder_payload(builder, i / 2, slice_of(questions[i]), NULL) == ERR_OK);
    }
    index = search_builder_make(builder);
    search_builder_destroy(&builder);
    return index;
}

static void ask(struct slice blob)
{
    static const struct slice query = SLICE_LITERAL("退货 return the tent 到账");
    static struct search_scratch *scratch;
    struct search_index *index = NULL;
    struct search_hit hits[4];
    struct search_term_part parts[32];
    struct search_span spans[8];
    size_t count;

    if (scratch == NULL)
        scratch = search_scratch_create();
    if (search_index_open(blob, &index, NULL) != ERR_OK)
        return;
    count = search_query(index, scratch, stemmer, query, hits, LENGTH_OF(hits));
    for (size_t i = 0; i < count; i++) {
        (void)search_explain(index, scratch, query, &hits[i], parts, LENGTH_OF(parts));
        (void)search_index_payload(index, hits[i].entry);
    }
    (void)search_highlight(index, scratch, stemmer, query, spans, LENGTH_OF(spans));
    search_index_destroy(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct search_index *index;
    struct slice good;
    struct search_header *header;
    char *copy;

    if (index == NULL) {
        stemmer = text_stemmer_create();
        index = good_index();
    }
    good = search_index_blob(index);
    copy = malloc(good.len);
    header = (void *)copy;
    memcpy(copy, good.ptr, good.len);
    for (size_t at = 0; at + 6 <= size; at += 6) {
        uint16_t word;

        memcpy(&word, data + at, 2);
        memcpy(copy + (size_t)word * 4 % (good.len - 3), data + at + 2, 4);
    }
    header->magic = SEARCH_BLOB_MAGIC;
    header->version = SEARCH_BLOB_VERSION;
    header->form = TEXT_FORM_VERSION;
    header->bytes = good.len;
    header->crc = crc32c(0, copy + sizeof(*header), good.len - sizeof(*header));
    ask(slice_make(copy, good.len));
    free(copy);
    return 0;
}
