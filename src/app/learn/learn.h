/* SPDX-License-Identifier: Apache-2.0 */
/* From what people teach to what the bot understands: examples out of the store, models into files,
 * which of them is live, and the questions that were not understood.
 *
 * A training's state is its record in the store and nothing else: the trainer writes progress
 * there, who wants to cancel it says so there, and what a crash left behind is seen there at the
 * next start. So no memory is shared between the trainer and those who watch it.
 *
 * All functions block; each says who calls it: [worker], [trainer] (the pool of one thread that
 * only trains), [any] (pure). */
#ifndef KEFU_LEARN_H
#define KEFU_LEARN_H

#include "arena.h"
#include "bot.h"
#include "clock.h"
#include "examples.h"
#include "intent.h"
#include "model_file.h"
#include "store.h"

#include "kefu/v1/api.pb-c.h"

enum {
    LEARN_FOLDS = 5,
    LEARN_FOLDED_MAX = 20000,      /* with more examples, one held-out fifth says enough */
    LEARN_MODELS_MAX = 20,         /* kept of a workspace: the live one and the way back */
    LEARN_UNCLEAR_MAX = 2000,      /* kept of a workspace: nobody works through more */
    LEARN_UNCLEAR_BYTES_MAX = 300, /* longer ones are letters, not questions */
    LEARN_UNCLEAR_LISTED_MAX = 100,
    LEARN_PROGRESS_MS = 300, /* between two notes of progress: each is a commit */
    LEARN_JOBS_MAX = 256,    /* waiting for the trainer at start-up */
};

struct learn_options {
    struct store *store;
    const char *folder; /* of the model files */
    const struct clock *clock;
};

/* [worker] Every record of a kind, by id; workspace 0: of all. The arena is reset between pages. */
typedef enum err_code learn_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                  struct err *err);
MUST_USE enum err_code learn_walk(struct store *store, enum store_kind kind, uint64_t workspace,
                                  learn_visit *visit, void *ctx, struct err *err);

/* [worker] Every example, labelled with its intent's name; `enabled`: without those of intents that
 * are switched off. */
MUST_USE enum err_code learn_examples(struct store *store, uint64_t workspace, bool enabled,
                                      struct example_set *out, struct err *err);

/* ---- training -------------------------------------------------------------------------------- */

struct learn_job {
    uint64_t workspace;
    uint64_t model; /* its record, queued */
};

/* [trainer] Everything that happens, faults too, is written to the model's record. */
void learn_train(const struct learn_options *options, const struct learn_job *job);
/* [worker] Start-up: what was being trained when the server ended has failed; what was queued is
 * given back, at most LEARN_JOBS_MAX, and with it a live model whose file is gone (backups hold
 * none) or is of another program version, to be made again. */
MUST_USE enum err_code learn_recover(const struct learn_options *options,
                                     struct learn_job jobs[LEARN_JOBS_MAX], size_t *count,
                                     struct err *err);
/* [worker] Asks everything that trains or waits to stop; used when the server stops. */
void learn_cancel_all(const struct learn_options *options);

/* ---- models ---------------------------------------------------------------------------------- */

struct learn_models {
    Kefu__V1__Model **items; /* newest first, with id and version */
    size_t n;
};
/* [worker] Of one workspace, in the arena. */
MUST_USE enum err_code learn_models(struct store *store, uint64_t workspace, struct arena *arena,
                                    struct learn_models *out, struct err *err);
/* [any] Writes the changes that make `id` the live one; gives how many. The array has room for
 * LEARN_MODELS_MAX * 2. */
MUST_USE enum err_code learn_publish_changes(const struct learn_models *models, uint64_t workspace,
                                             uint64_t id, struct arena *arena,
                                             struct store_change *changes, size_t *count,
                                             struct err *err);

struct learn_model {
    struct model_map map;
    struct intent_model *model; /* NULL: none */
    uint64_t id;
};
/* [worker] Fault: not there, damaged, of another version. */
MUST_USE enum err_code learn_model_open(const char *folder, uint64_t id, struct learn_model *out,
                                        struct err *err);
void learn_model_close(struct learn_model *model);
/* [worker] The record of the live model; 0: none is live. */
MUST_USE enum err_code learn_live_id(struct store *store, uint64_t workspace, uint64_t *id,
                                     struct err *err);
/* [worker] The live model; when its file is damaged that is logged with its reason and the newest
 * other one that can be opened stands in. No model at all is out->model == NULL. */
MUST_USE enum err_code learn_live_open(struct store *store, const char *folder, uint64_t workspace,
                                       struct learn_model *out, struct err *err);

/* ---- questions that were not understood ------------------------------------------------------ */

struct learn_question {
    uint64_t workspace;
    uint32_t count;
    char locale[8];
    char text[LEARN_UNCLEAR_BYTES_MAX + 1];
};
/* [any] The text as it may be kept: numbers and addresses of people are replaced by their kind.
 * false: nothing worth keeping. */
bool learn_question_make(struct slice text, const struct bot_reply *reply,
                         struct learn_question *out);
/* [worker] Adds up with what is there; the rarest make room for new ones. */
MUST_USE enum err_code learn_unclear_merge(struct store *store,
                                           const struct learn_question *questions, size_t count,
                                           int64_t now_ms, struct err *err);
/* [worker] What deserves a look, most first: doubt times frequency, near duplicates together. What
 * the live model is sure of by now is left out. */
MUST_USE enum err_code learn_unclear_list(struct store *store, const char *folder,
                                          uint64_t workspace, struct arena *arena,
                                          Kefu__V1__UnclearList *out, struct err *err);

#endif
