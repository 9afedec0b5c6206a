/* SPDX-License-Identifier: Apache-2.0 */
/* The second learner of best quality: a network with one hidden layer of rectified units over the
 * same rows, trained on cross entropy by stochastic gradient descent, with features and units left
 * out at random (Srivastava et al., "Dropout", 2014). It errs elsewhere than the linear machine,
 * and the sum of both is better than either. It is small, since the sum hardly gains from more
 * units. */
#ifndef KEFU_INTENT_NET_PRIV_H
#define KEFU_INTENT_NET_PRIV_H

#include "err.h"
#include "intent_svm_priv.h"
#include "vector_kernel.h"

enum {
    INTENT_NET_UNITS = 64,
    INTENT_NETS = 2, /* that differ in what chance they had; a third adds hardly anything */
    INTENT_NET_STEPS = 25,
};
/* The mean of the nets' scores counts this much beside the linear machine's. */
static const float INTENT_NET_SHARE = 0.25f;

struct intent_net {
    uint32_t features, columns;
    size_t lanes;    /* columns, padded */
    float *in;       /* features x INTENT_NET_UNITS */
    float *in_bias;  /* INTENT_NET_UNITS */
    float *out;      /* INTENT_NET_UNITS x lanes */
    float *out_bias; /* lanes */
};

/* false: no memory; then, too, intent_net_fini is fine. */
MUST_USE bool intent_net_init(struct intent_net *net, uint32_t features, uint32_t columns,
                              size_t lanes);
void intent_net_fini(struct intent_net *net);

/* Learns svm's rows but those of fold `skip` from scratch. false: stopped by svm->progress, which
 * is called INTENT_NET_STEPS times. */
bool intent_net_train(struct intent_net *net, const struct intent_svm *svm, int skip);

/* The layers behind `in`, which a model file keeps in its own way. */
struct intent_net_end {
    uint32_t columns;
    size_t lanes;
    const float *in_bias, *out, *out_bias;
};
/* From the units' sums (which become activations) to the logarithms of the columns' probabilities;
 * all on VECTOR_ALIGN boundaries. */
void intent_net_finish(const struct intent_net_end *end, float *units, float *scores);

/* The logarithms of the columns' probabilities for one row. */
void intent_net_scores(const struct intent_net *net, struct vector_sparse row, float *scores);

#endif
