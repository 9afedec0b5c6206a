/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_INTENT_EVAL_PRIV_H
#define KEFU_INTENT_EVAL_PRIV_H

#include "intent_eval.h"
#include "intent_near.h"

enum { EVAL_WORDS = 3, EVAL_NOTHING = -1, EVAL_UNASKED = -2 };

struct eval_answer {
    int32_t got;    /* into names; EVAL_NOTHING */
    int32_t before; /* the other model's; EVAL_NOTHING, EVAL_UNASKED */
    float score;
    bool given;
    struct slice words[EVAL_WORDS]; /* that spoke for a wrong answer, strongest first */
};

struct intent_eval {
    const struct example_set *set;
    struct slice *names; /* of the set, then those that only models have */
    size_t name_count;
    struct eval_answer *answers; /* per example */
    bool compared;
    float *outside; /* scores */
    size_t outside_count;
    float threshold; /* of the last model */
    struct arena arena;
};

struct eval_intent {
    size_t support, right, got;
    double precision, recall, f1;
};
/* For each name; the caller frees it. */
struct eval_intent *eval_intents(const struct intent_eval *eval);

struct eval_confusion {
    uint32_t expected, got;
    uint32_t count;
    uint32_t first; /* of its examples in the list below */
};
/* The most common first. *wrong lists the examples answered wrongly, by confusion. The caller frees
 * both. */
struct eval_confusion *eval_confusions(const struct intent_eval *eval, size_t *count,
                                       uint32_t **wrong);

struct eval_bin {
    size_t count, right;
    double score; /* sum */
};
void eval_bins(const struct intent_eval *eval, struct eval_bin bins[INTENT_EVAL_BINS]);

/* What a threshold lets through. */
struct eval_step {
    double threshold;
    double right, wrong, rejected; /* shares of the inside texts */
    double outside_rejected;
};
struct eval_step eval_step_at(const struct intent_eval *eval, double threshold);

/* For each intent of the model its place among the names; the caller frees it. */
int32_t *eval_names_map(struct intent_eval *eval, const struct intent_model *model);

enum eval_change {
    EVAL_UNCOMPARED,
    EVAL_UNCHANGED,
    EVAL_FIXED,
    EVAL_BROKEN,
};
enum eval_change eval_change_of(const struct intent_eval *eval, size_t at);
/* For each name; the caller frees it. */
struct intent_eval_change *eval_changes(const struct intent_eval *eval);

/* Pairs with different intents. The caller frees it. */
struct intent_pair *eval_contradictions(const struct intent_eval *eval, size_t *count);

#endif
