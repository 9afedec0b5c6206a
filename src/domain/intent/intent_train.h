/* SPDX-License-Identifier: Apache-2.0 */
/* Learning a model. Runs in one thread, for a fraction of a second to some seconds; the same
 * examples, options and seed give the same bytes on the same kind of processor. Pure. */
#ifndef KEFU_INTENT_TRAIN_H
#define KEFU_INTENT_TRAIN_H

#include "buf.h"
#include "examples.h"
#include "intent.h"

enum {
    /* More of them drown the few that lie near the examples: measured, 14,000 are worse. */
    INTENT_NEGATIVES_MAX = 2000,
};

enum intent_quality {
    INTENT_FAST,
    INTENT_BEST, /* two learners instead of one (of up to 255 intents) and twice as many features:
                    some times slower to train, twice as large, a quarter point better */
};

struct intent_options {
    enum intent_quality quality;
    uint64_t seed;
    /* Texts that belong to no intent, beside those that are built in; borrowed. Of more than
     * INTENT_NEGATIVES_MAX an even sample is taken. */
    const struct slice *negatives;
    size_t negative_count;
    bool bare; /* without the built-in negatives */
    /* What people wrote, without labels: word vectors are learned from it and from the examples.
     * None: no vectors; those of the examples alone gain nothing. */
    const struct slice *unlabelled;
    size_t unlabelled_count;
    /* Called now and then with a share from 0 to 1; false cancels. May be NULL. */
    bool (*progress)(void *ctx, double share);
    void *ctx;
};

/* Appends the model's bytes to `out`, which must be empty and of INTENT_MODEL_BYTES_MAX. Faults:
 * ERR_INVALID fewer than two intents (named with its line), ERR_TOO_BIG, ERR_TIMEOUT cancelled. */
MUST_USE enum err_code intent_train(const struct example_set *set,
                                    const struct intent_options *options, struct buf *out,
                                    struct err *err);

#endif
