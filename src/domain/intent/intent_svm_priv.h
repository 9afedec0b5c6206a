/* SPDX-License-Identifier: Apache-2.0 */
/* The learner: one linear support vector machine per intent against all others, with squared hinge
 * loss, by coordinate descent in the dual (Hsieh et al., "A dual coordinate descent method for
 * large-scale linear SVM", 2008). */
#ifndef KEFU_INTENT_SVM_PRIV_H
#define KEFU_INTENT_SVM_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of all examples, one after another. */
struct intent_rows {
    size_t count;
    size_t *starts; /* count + 1 */
    uint32_t *ids;
    float *values;
};

enum {
    INTENT_SVM_LANES_MAX = 256, /* columns that are learned together; more need not fit a cache */
    INTENT_SVM_NO_FOLD = -1,
    INTENT_SVM_OUT = 255, /* rows of this fold are never visited */
};

struct intent_svm {
    const struct intent_rows *rows;
    const uint32_t *labels; /* of the rows */
    const uint8_t *folds;   /* of the rows; for holding some out */
    uint32_t features;      /* ids are below */
    float cost;
    float settled; /* a row whose variables change less (sum of squares) sits the next epoch out */
    uint64_t seed;
    /* After each epoch; false: stop. May be NULL. */
    bool (*progress)(void *ctx);
    void *ctx;
};

struct intent_svm_run;

/* For columns [first, first + lanes), lanes a multiple of VECTOR_F32_STEP. NULL: no memory. */
struct intent_svm_run *intent_svm_begin(const struct intent_svm *svm, uint32_t first, size_t lanes);
void intent_svm_end(struct intent_svm_run **run);
/* Visits all rows but those of fold `skip`, `epochs` times. Goes on from where it is, so a few
 * epochs are enough after a small change; the last of them visits settled rows, too. false: stopped
 * by progress. */
bool intent_svm_epochs(struct intent_svm_run *run, unsigned epochs, int skip);
/* Takes out what the rows of a fold have taught. */
void intent_svm_remove(struct intent_svm_run *run, int fold);
/* After fewer features were left of the same rows (svm->features says how many): what has been
 * learned of each row stays, the weights are summed up anew. */
void intent_svm_refit(struct intent_svm_run *run);
/* `features` rows of `lanes` floats; row `features` is the bias. Valid until the next call. */
const float *intent_svm_weights(const struct intent_svm_run *run);
/* The scores of one row: `lanes` floats. */
void intent_svm_scores(const struct intent_svm_run *run, size_t row, float *scores);

#endif
