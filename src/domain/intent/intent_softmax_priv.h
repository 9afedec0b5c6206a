/* SPDX-License-Identifier: Apache-2.0 */
/* A second learner over the same rows: multinomial logistic regression by stochastic gradient
 * descent, each visit with half of the features left out. It errs elsewhere than the support
 * vector machine, and being linear too, the two add up to one model that costs nothing more. */
#ifndef KEFU_INTENT_SOFTMAX_PRIV_H
#define KEFU_INTENT_SOFTMAX_PRIV_H

#include "intent_svm_priv.h"

/* Learns all columns (lanes, of which `columns` are used) of svm's rows but those of fold `skip`
 * into weights: (features + 1) rows of lanes floats, the last being the bias; zero at the call.
 * false: stopped by svm->progress, which is called after each epoch. */
bool intent_softmax_train(const struct intent_svm *svm, uint32_t columns, size_t lanes,
                          unsigned epochs, int skip, float *weights);

/* The scores of one row. */
void intent_softmax_scores(const struct intent_svm *svm, size_t lanes, const float *weights,
                           size_t row, float *scores);

#endif
