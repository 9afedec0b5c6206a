/* SPDX-License-Identifier: Apache-2.0 */
/* The questions that a person should look at: those the model is unsure of, the ones asked most
 * first, near duplicates together. Pure. */
#ifndef KEFU_INTENT_INBOX_H
#define KEFU_INTENT_INBOX_H

#include "intent.h"

struct intent_question {
    uint32_t text;  /* index of one of its texts: the first of the most common ones */
    uint32_t count; /* how often it was asked, in all its forms */
    uint32_t forms; /* different texts */
    float doubt;    /* 1 - the margin between the two best scores */
    float worth;    /* doubt * count: the order of the list */
    struct intent_result guess;
};

/* counts[i] says how often texts[i] was asked (NULL: once each). Texts that are examples or that
 * the model is sure of are left out. Gives how many questions out holds, at most max. */
size_t intent_inbox(const struct intent_model *model, struct intent_scratch *scratch,
                    const struct slice *texts, const uint32_t *counts, size_t count,
                    struct intent_question *out, size_t max);

#endif
