/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the normal form is valid UTF-8 in bounds, grams point into it. */
#include <stdint.h>

#include "check.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
