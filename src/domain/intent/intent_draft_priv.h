/* SPDX-License-Identifier: Apache-2.0 */
/* A learned model on its way into a file. */
#ifndef KEFU_INTENT_DRAFT_PRIV_H
#define KEFU_INTENT_DRAFT_PRIV_H

#include "buf.h"
#include "examples.h"
#include "intent_model_priv.h"

struct intent_draft {
    const struct example_set *set;
    const struct intent_lexicon *lexicon;
    uint32_t classes, lanes;
    uint32_t features, dense_first; /* those from dense_first on are kept in any case */
    /* Per feature. */
    const uint64_t *hashes;
    const float *weights;
    const uint8_t *groups;
    const float *worth; /* how much it moves the scores of the examples */
    const float *group_weights;
    bool large; /* best quality: more features */
    /* As in the file, for all features. */
    const int8_t *rows;
    const float *scales;
    const float *bias;
    const struct intent_net *nets;
    unsigned net_count;
    const struct intent_calibration *calibration;
};

/* As many features as a file of a few megabytes holds, those that move scores most: ascending
 * numbers, which the caller frees. Of the draft, only what features are is read. */
uint32_t *intent_draft_keep(const struct intent_draft *draft, uint32_t *count);
/* Writes the features that are kept, and all else. */
MUST_USE enum err_code intent_draft_write(const struct intent_draft *draft,
                                          struct intent_reader *reader, struct buf *out,
                                          struct err *err);

#endif
