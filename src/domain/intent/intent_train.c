/* SPDX-License-Identifier: Apache-2.0 */
/* The training run: read all texts, learn block by block of columns, round each block to bytes,
 * hold a part out to calibrate, keep the features that matter, write the file. */
#include "intent_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "intent_builder_priv.h"
#include "intent_calibrate_priv.h"
#include "intent_draft_priv.h"
#include "mem.h"

enum {
    FOLDS = 5,
    SMALL_ROWS = 3000, /* below this all folds are held out in turn: it takes no time */
    EPOCHS = 6,        /* 10 change nothing that a test set could show */
    EPOCHS_SMALL = 10,
    EPOCHS_HELD = 2,  /* after taking a fold out */
    RARE_ROWS = 5000, /* above this, features of a single example are dropped */
    ROWS_BYTES_MAX = 256 * 1024 * 1024,
    BYTE_MAX = 127,
};

static const float COST = 3;
static const float IDF_POWER = 0.5f;
static const float group_weights[INTENT_GROUPS] = { 1, 1, 0.7f };

struct trainer {
    const struct example_set *set;
    const struct intent_options *options;
    struct intent_builder builder;
    struct intent_svm svm;
    uint32_t *labels;
    uint8_t *folds;
    struct intent_trial *trials;
    size_t trial_count;
    uint32_t classes;
    uint32_t lanes;
    int8_t *rows;  /* as in the model file */
    float *scales; /* as in the model file */
    float *bias;
    float *worth; /* per feature: the sum of squared weights */
    unsigned steps, steps_done;
    bool cancelled;
};

static bool on_progress(void *ctx)
{
    struct trainer *trainer = ctx;
    const struct intent_options *options = trainer->options;

    trainer->steps_done++;
    if (options->progress != NULL &&
        !options->progress(options->ctx, (double)trainer->steps_done / trainer->steps))
        trainer->cancelled = true;
    return !trainer->cancelled;
}

static enum err_code set_check(const struct example_set *set, struct err *err)
{
    if (set->name_count >= 2)
        return ERR_OK;
    if (set->name_count == 0)
        return err_set(err, ERR_INVALID, "no examples");
    return err_set(err, ERR_INVALID, "line %u: '%.*s' is the only intent, two are needed",
                   set->lines[0],
                   SLICE_ARGS(slice_make(set->names[0].ptr, set->names[0].len % ERR_FIELD_MAX)));
}

static enum err_code texts_read(struct trainer *trainer, struct err *err)
{
    const struct intent_options *options = trainer->options;
    size_t examples = trainer->set->count;
    size_t count = examples + options->negative_count;

    trainer->labels = mem_alloc(count * sizeof(*trainer->labels));
    trainer->folds = mem_alloc(count);
    for (size_t i = 0; i < count; i++) {
        struct slice text =
            i < examples ? trainer->set->items[i].text : options->negatives[i - examples];
        enum err_code rc = intent_builder_add(&trainer->builder, text, err);

        if (rc != ERR_OK)
            return rc;
        trainer->labels[i] = i < examples ? trainer->set->items[i].intent : trainer->classes;
        trainer->folds[i] = (uint8_t)(hash_u64(options->seed, i) % FOLDS);
    }
    return ERR_OK;
}

static void features_choose(struct trainer *trainer)
{
    size_t rows = trainer->builder.rows.count;
    size_t features_max = ROWS_BYTES_MAX / trainer->lanes;

    intent_builder_finish(&trainer->builder, rows > RARE_ROWS ? 2 : 1, (uint32_t)features_max,
                          IDF_POWER, group_weights);
}

/* Rounds a block's weights to bytes, each row to a scale of its own. */
static void block_round(struct trainer *trainer, const float *weights, uint32_t first, size_t lanes)
{
    size_t features = trainer->builder.feature_count;
    int8_t *rows = trainer->rows + features * first;
    float *scales = trainer->scales + features * (first / INTENT_BLOCK_LANES);

    for (size_t f = 0; f < features; f++) {
        const float *row = weights + f * lanes;
        float largest = 0;
        float square = 0;

        for (size_t c = 0; c < lanes; c++) {
            largest = fmaxf(largest, fabsf(row[c]));
            square += row[c] * row[c];
        }
        trainer->worth[f] += square;
        scales[f] = largest / BYTE_MAX;
        for (size_t c = 0; c < lanes; c++)
            rows[f * lanes + c] = (int8_t)(largest > 0 ? lrintf(row[c] / scales[f]) : 0);
    }
    memcpy(trainer->bias + first, weights + features * lanes, lanes * sizeof(float));
}

/* What the rows of a fold score when the others alone have been learned. */
static void block_try(struct trainer *trainer, struct intent_svm_run *run, int fold, uint32_t first,
                      size_t lanes, struct intent_trial *trials)
{
    float scores[INTENT_SVM_LANES_MAX];

    for (size_t row = 0; row < trainer->builder.rows.count; row++) {
        if (trainer->folds[row] != fold)
            continue;
        if (first == 0)
            intent_trial_init(trials, trainer->labels[row]);
        intent_svm_scores(run, row, scores);
        intent_trial_add(trials++, scores, first, lanes, trainer->classes);
    }
}

static size_t fold_rows(const struct trainer *trainer, int fold)
{
    size_t count = 0;

    for (size_t row = 0; row < trainer->builder.rows.count; row++)
        count += trainer->folds[row] == fold;
    return count;
}

static enum err_code block_learn(struct trainer *trainer, uint32_t first, size_t lanes,
                                 struct err *err)
{
    struct intent_svm_run *run = intent_svm_begin(&trainer->svm, first, lanes);
    bool small = trainer->builder.rows.count < SMALL_ROWS;
    int folds = small ? FOLDS : 1;

    if (run == NULL)
        return err_set(err, ERR_TOO_BIG, "no memory for %u features and %zu examples",
                       trainer->builder.feature_count, trainer->builder.rows.count);
    trainer->trial_count = 0;
    if (!intent_svm_epochs(run, small ? EPOCHS_SMALL : EPOCHS, INTENT_SVM_NO_FOLD))
        goto out;
    block_round(trainer, intent_svm_weights(run), first, lanes);
    for (int fold = 0; fold < folds; fold++) {
        intent_svm_remove(run, fold);
        if (!intent_svm_epochs(run, EPOCHS_HELD, fold))
            goto out;
        block_try(trainer, run, fold, first, lanes, trainer->trials + trainer->trial_count);
        trainer->trial_count += fold_rows(trainer, fold);
        if (fold + 1 < folds && !intent_svm_epochs(run, EPOCHS_HELD, INTENT_SVM_NO_FOLD))
            goto out;
    }
out:
    intent_svm_end(&run);
    return trainer->cancelled ? err_set(err, ERR_TIMEOUT, "training was cancelled") : ERR_OK;
}

static enum err_code columns_learn(struct trainer *trainer, struct err *err)
{
    size_t features = trainer->builder.feature_count;
    size_t blocks = (trainer->lanes + INTENT_BLOCK_LANES - 1) / INTENT_BLOCK_LANES;
    bool small = trainer->builder.rows.count < SMALL_ROWS;

    trainer->rows = mem_try_alloc(features * trainer->lanes, ROWS_BYTES_MAX);
    if (trainer->rows == NULL)
        return err_set(err, ERR_TOO_BIG, "no memory for %zu features", features);
    trainer->scales = mem_alloc(features * blocks * sizeof(float));
    trainer->bias = mem_alloc(trainer->lanes * sizeof(float));
    trainer->worth = mem_zalloc(features * sizeof(float));
    trainer->trials = mem_alloc(trainer->builder.rows.count * sizeof(*trainer->trials));
    trainer->svm = (struct intent_svm){
        .rows = &trainer->builder.rows,
        .labels = trainer->labels,
        .folds = trainer->folds,
        .features = trainer->builder.feature_count,
        .cost = COST,
        .seed = trainer->options->seed,
        .progress = on_progress,
        .ctx = trainer,
    };
    trainer->steps = (unsigned)blocks *
                     (small ? EPOCHS_SMALL + (2 * FOLDS - 1) * EPOCHS_HELD : EPOCHS + EPOCHS_HELD);
    for (uint32_t first = 0; first < trainer->lanes; first += INTENT_BLOCK_LANES) {
        size_t rest = trainer->lanes - first;
        enum err_code rc =
            block_learn(trainer, first, rest < INTENT_BLOCK_LANES ? rest : INTENT_BLOCK_LANES, err);

        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static void trainer_fini(struct trainer *trainer)
{
    intent_builder_fini(&trainer->builder);
    free(trainer->labels);
    free(trainer->folds);
    free(trainer->trials);
    free(trainer->rows);
    free(trainer->scales);
    free(trainer->bias);
    free(trainer->worth);
}

static enum err_code model_write(struct trainer *trainer, struct buf *out, struct err *err)
{
    struct intent_calibration calibration =
        intent_calibration_fit(trainer->trials, trainer->trial_count, trainer->classes);
    struct intent_draft draft = {
        .set = trainer->set,
        .classes = trainer->classes,
        .lanes = trainer->lanes,
        .features = trainer->builder.feature_count,
        .hashes = trainer->builder.hashes,
        .weights = trainer->builder.weights,
        .groups = trainer->builder.groups,
        .group_weights = group_weights,
        .rows = trainer->rows,
        .scales = trainer->scales,
        .bias = trainer->bias,
        .worth = trainer->worth,
        .seen_in = trainer->builder.seen_in,
        .calibration = &calibration,
    };

    return intent_draft_write(&draft, trainer->builder.reader, out, err);
}

enum err_code intent_train(const struct example_set *set, const struct intent_options *options,
                           struct buf *out, struct err *err)
{
    struct trainer trainer = {
        .set = set,
        .options = options,
        .classes = (uint32_t)set->name_count,
        .lanes = (uint32_t)vector_pad(set->name_count + 1, VECTOR_F32_STEP),
    };
    enum err_code rc = set_check(set, err);

    if (rc != ERR_OK)
        return rc;
    intent_builder_init(&trainer.builder);
    rc = texts_read(&trainer, err);
    if (rc != ERR_OK)
        goto out;
    features_choose(&trainer);
    if (trainer.builder.feature_count == 0) {
        rc = err_set(err, ERR_INVALID, "the examples have no words");
        goto out;
    }
    rc = columns_learn(&trainer, err);
    if (rc != ERR_OK)
        goto out;
    rc = model_write(&trainer, out, err);
out:
    trainer_fini(&trainer);
    return rc;
}
