/* SPDX-License-Identifier: Apache-2.0 */
/* How good a model is, and why it is wrong where it is: answers of one model (or of the models of
 * a k-fold split) to labelled texts, counted every way that helps to repair the examples. Pure; one
 * owner. Give it answers, then ask for the figures or the report. */
#ifndef KEFU_INTENT_EVAL_H
#define KEFU_INTENT_EVAL_H

#include "buf.h"
#include "examples.h"
#include "intent.h"

enum {
    INTENT_EVAL_BINS = 10,
    INTENT_EVAL_STEPS = 20,        /* of the threshold curve */
    INTENT_EVAL_THIN = 10,         /* intents with fewer examples are named */
    INTENT_EVAL_LISTED_MAX = 200,  /* confusions, near duplicates, changes: nobody reads more */
    INTENT_EVAL_SENTENCES_MAX = 5, /* of one confusion */
};

struct intent_eval;

/* The set is borrowed until destroy. */
struct intent_eval *intent_eval_create(const struct example_set *set);
void intent_eval_destroy(struct intent_eval **eval);

/* Answers of a model to the set's examples; with folds, only to those of that fold. */
void intent_eval_answer(struct intent_eval *eval, const struct intent_model *model,
                        struct intent_scratch *scratch, const uint8_t *folds, int fold);
/* Answers to texts that belong to no intent. */
void intent_eval_answer_outside(struct intent_eval *eval, const struct intent_model *model,
                                struct intent_scratch *scratch, const struct slice *texts,
                                size_t count);
/* Another model's answers to the set's examples, to show what changes. */
void intent_eval_answer_before(struct intent_eval *eval, const struct intent_model *model,
                               struct intent_scratch *scratch);

/* Appends the answers as bytes, 16 for each, so that a later evaluation can show what changed: the
 * answers of k-fold models cannot be had again. */
void intent_eval_keep(const struct intent_eval *eval, struct buf *out);
/* Takes kept answers as those of before, for examples that have the same text and intent. Faults:
 * ERR_INVALID, ERR_UNSUPPORTED, ERR_CORRUPT; nothing is compared then. */
MUST_USE enum err_code intent_eval_compare(struct intent_eval *eval, struct slice kept,
                                           struct err *err);

struct intent_eval_change {
    size_t compared; /* examples that both have answered */
    size_t right, right_before;
    size_t fixed, broken; /* right now and wrong before; wrong now and right before */
};
/* All zero: nothing was compared. */
struct intent_eval_change intent_eval_change(const struct intent_eval *eval);

/* In-scope accuracy (rejected is wrong) when the threshold rejects that share of the outside
 * texts. */
struct intent_eval_scope {
    size_t count;        /* of outside texts */
    double auroc;        /* chance that an inside text scores above an outside one */
    double at_recall[4]; /* of 50, 70, 80, 90 % */
};

struct intent_eval_figures {
    size_t count, right;
    double accuracy;
    double macro_f1;          /* over intents that have examples in the set */
    double calibration_error; /* mean distance between score and share of right answers */
    struct intent_eval_scope scope;
};
struct intent_eval_figures intent_eval_figures(const struct intent_eval *eval);

/* One JSON object; one self-contained HTML page with plots. Neither ends with a line break. */
void intent_eval_json(const struct intent_eval *eval, struct buf *out);
void intent_eval_html(const struct intent_eval *eval, struct buf *out);

#endif
