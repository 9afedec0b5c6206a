/* SPDX-License-Identifier: Apache-2.0 */
/* From scores of texts that the learner has not seen to probabilities: evidence is added up, and a
 * logistic line says which sum means what share of right answers. */
#ifndef KEFU_INTENT_CALIBRATE_PRIV_H
#define KEFU_INTENT_CALIBRATE_PRIV_H

#include "intent_model_priv.h"

/* One held-out text: what prediction would see, and whether its answer would be right. */
struct intent_trial {
    float first, second; /* the two best columns; -INFINITY before any */
    float scope;
    float unknown; /* words */
    uint32_t best; /* the column of `first` */
    uint32_t label;
};

void intent_trial_init(struct intent_trial *trial, uint32_t label, float unknown);
/* Columns [from, from + count) of a text; the out-of-scope column is `classes`. */
void intent_trial_add(struct intent_trial *trial, const float *scores, uint32_t from, size_t count,
                      uint32_t classes);
/* Fits to the trials; texts of no intent (label == classes) count as a fifth of the
 * others, as in a customer's chat. */
struct intent_calibration intent_calibration_fit(const struct intent_trial *trials, size_t count,
                                                 uint32_t classes);

#endif
