/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the normal form is valid UTF-8 in bounds, grams and masks point into it, and every
 * part of it leads back into the original. */
#include <stdint.h>

#include "check.h"
#include "text.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_way_back(struct slice in)
{
    static char out[TEXT_NORM_BYTES_MAX];
    static uint32_t from[TEXT_NORM_BYTES_MAX];
    static struct text_mask masks[64];
    struct slice norm = text_normalise_with(in, TEXT_SIMPLIFY, out, from, sizeof(out));
    size_t count = text_masks(norm, masks, LENGTH_OF(masks));

    for (size_t i = 0; i < norm.len; i++) {
        struct slice part = text_original(in, norm, from, i, 1);

        ENSURE(part.len > 0 && part.ptr >= in.ptr && part.ptr + part.len <= in.ptr + in.len);
        ENSURE(i == 0 || from[i] >= from[i - 1]);
    }
    for (size_t i = 0; i < count; i++) {
        ENSURE(masks[i].len > 0 && (size_t)masks[i].start + masks[i].len <= norm.len);
        ENSURE(i == 0 || masks[i].start >= masks[i - 1].start + masks[i - 1].len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t fault_at;

    static char out[TEXT_NORM_BYTES_MAX];
    static char key[TEXT_NORM_BYTES_MAX];
    static struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    static struct text_stemmer *stemmer;
    struct slice norm = text_normalise(slice_make(data, size), out, sizeof(out));
    struct slice rest = norm;
    size_t n;

    if (stemmer == NULL)
        stemmer = text_stemmer_create();
    ENSURE(norm.len <= sizeof(out));
    ENSURE((text_fault_find(slice_make(data, size), &fault_at) == TEXT_FAULT_NONE) ==
           utf8_valid(slice_make(data, size)));
    check_way_back(slice_make(data, size));
    while (rest.len > 0) {
        char bytes[4];
        const char *at = rest.ptr;
        uint32_t cp = text_next(&rest);
        size_t len = text_encode(cp, bytes);

        ENSURE((size_t)(rest.ptr - at) == len && memcmp(at, bytes, len) == 0);
    }
    ENSURE(text_key(norm, key, sizeof(key)).len <= norm.len);
    (void)text_script_count(norm);
    n = text_grams(stemmer, norm, ~0u, grams, TEXT_GRAMS_PER_MESSAGE);
    for (size_t i = 0; i < n; i++)
        ENSURE((size_t)grams[i].start + grams[i].len <= norm.len);
    return 0;
}
