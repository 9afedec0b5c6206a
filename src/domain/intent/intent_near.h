/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of texts that say nearly the same in nearly the same words, among many texts without
 * comparing all pairs: MinHash with banding (Broder, "On the resemblance and containment of
 * documents", 1997). Pure. */
#ifndef KEFU_INTENT_NEAR_H
#define KEFU_INTENT_NEAR_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct intent_pair {
    uint32_t a, b;    /* indices, a < b */
    float similarity; /* shared features / all features of both */
};

/* All pairs (with a few per cent missed) that are at least that similar; at most max, which is
 * where the search stops. */
size_t intent_near_pairs(const struct slice *texts, size_t count, float similarity_min,
                         struct intent_pair *out, size_t max);

#endif
