/* SPDX-License-Identifier: Apache-2.0 */
/* Which intent a text has, learned from the customer's own examples. A model is one run of bytes,
 * as intent_train makes them and as they lie in a file: checked once by intent_model_open, then
 * never written, so any number of threads may predict from one model at once, each with a scratch
 * of its own. Prediction allocates nothing and takes microseconds. Pure.
 *
 * Texts that are an example (or nearly: other case, width, spacing, word order, polite words) get
 * that example's intent with score 1 before the classifier is asked. Other scores are calibrated:
 * of answers with score 0.8, about 80 % are right, on texts like the examples. */
#ifndef KEFU_INTENT_H
#define KEFU_INTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    INTENT_TOP_MAX = 10,
    INTENT_MODEL_VERSION = 3,
    /* 150 intents take 4 MB; 10,000 intents of few examples each stay below this. */
    INTENT_MODEL_BYTES_MAX = 512 * 1024 * 1024,
    INTENT_CAUSES_MAX = 64,
};

struct intent_model;
struct intent_scratch;

/* Checks every byte that prediction trusts. `bytes` (8-aligned) are borrowed: they must stay as
 * they are until intent_model_close. Faults: ERR_INVALID not a model, ERR_UNSUPPORTED other
 * version, ERR_CORRUPT checksum or structure. */
MUST_USE enum err_code intent_model_open(struct slice bytes, struct intent_model **out,
                                         struct err *err);
void intent_model_close(struct intent_model **model);
uint32_t intent_model_count(const struct intent_model *model);
struct slice intent_model_name(const struct intent_model *model, uint32_t intent);
/* -1: the model has no intent of this name. */
int intent_model_find(const struct intent_model *model, struct slice name);
/* Scores below it are out of scope unless the caller has a threshold of its own. */
float intent_model_threshold(const struct intent_model *model);

/* About 400 KiB, for models of up to EXAMPLES_INTENTS_MAX intents. */
struct intent_scratch *intent_scratch_create(void);
void intent_scratch_destroy(struct intent_scratch **scratch);

struct intent_hit {
    uint32_t intent;
    float score; /* 0..1 */
};

struct intent_result {
    unsigned count;
    bool in_scope;                          /* the first hit reaches the model's threshold */
    bool exact;                             /* the first hit is an example */
    struct intent_hit hits[INTENT_TOP_MAX]; /* best first */
};

/* top is 1..INTENT_TOP_MAX; fewer hits when the model has fewer intents, none for a text in which
 * nothing is known. */
void intent_predict(const struct intent_model *model, struct intent_scratch *scratch,
                    struct slice text, unsigned top, struct intent_result *out);

/* How much each word of the text that was predicted last with this scratch spoke for an intent
 * (negative: against). Words are parts of the normalised text, in text order. */
struct intent_cause {
    struct slice word; /* lives in the scratch */
    float weight;
};
size_t intent_explain(const struct intent_model *model, struct intent_scratch *scratch,
                      uint32_t intent, struct intent_cause *out, size_t max);

#endif
