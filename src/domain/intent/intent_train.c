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
#include "intent_lists.h"
#include "intent_net_priv.h"
#include "mem.h"

enum {
    FOLDS = 5,
    SMALL_ROWS = 3000, /* below this all folds are held out in turn: it takes no time */
    /* Enough visits for the scores to settle: small sets need more epochs than large ones. */
    VISITS = 100000,
    EPOCHS_MIN = 6,
    EPOCHS_MAX = 12,
    EPOCHS_WARM = 2,
    EPOCHS_PRUNED = 2, /* the last ones, of the features that are kept */
    EPOCHS_HELD = 2,   /* after taking a fold out */
    RARE_ROWS = 5000,  /* above this, features of a single example are dropped */
    ROWS_BYTES_MAX = 256 * 1024 * 1024,
    BYTE_MAX = 127,
};

static const float COST = 3;
static const float SETTLED = 0.01f; /* faster by a sixth and no worse */
static const float IDF_POWER = 0.5f;
static const float LOOKS_LIKE = 0; /* the score of an intent that a negative must not reach */
static const float group_weights[INTENT_GROUPS] = { 1, 1, 1, 0.7f, 0.7f };

struct trainer {
    const struct example_set *set;
    const struct intent_options *options;
    struct intent_lexicon lexicon;
    struct intent_builder builder;
    struct intent_svm svm;
    uint32_t *labels;
    uint8_t *folds;
    size_t built_in_first, built_in_end; /* rows of built-in negatives */
    struct intent_trial *trials;
    size_t trial_count;
    uint32_t classes;
    uint32_t lanes;
    int8_t *rows;  /* as in the model file */
    float *scales; /* as in the model file */
    float *bias;
    struct intent_net nets[INTENT_NETS]; /* best quality: a second learner */
    unsigned net_count;
    float *mass;  /* per feature: the sum of its squared values in all rows */
    float *worth; /* per feature: mass times the sum of squared weights */
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

static enum err_code row_add(struct trainer *trainer, struct slice text, uint32_t label,
                             uint8_t fold, struct err *err)
{
    size_t row = trainer->builder.rows.count;
    enum err_code rc = intent_builder_add(&trainer->builder, text, err);

    if (rc == ERR_OK) {
        trainer->labels[row] = label;
        trainer->folds[row] = fold;
    }
    return rc;
}

/* Of the row that comes next. */
static uint8_t fold_of(const struct trainer *trainer)
{
    return (uint8_t)(hash_u64(trainer->options->seed, trainer->builder.rows.count) % FOLDS);
}

/* "order_status" says what the intent is about: one more example, which never is held out. Names
 * that say nothing ("intent 17") do no harm. */
static enum err_code name_add(struct trainer *trainer, uint32_t intent, struct err *err)
{
    char text[EXAMPLES_NAME_BYTES_MAX];
    struct slice name = trainer->set->names[intent];

    for (size_t i = 0; i < name.len; i++)
        text[i] = strchr("_-./:", name.ptr[i]) != NULL ? ' ' : name.ptr[i];
    return row_add(trainer, slice_make(text, name.len), intent, FOLDS, err);
}

/* Given negatives, evenly sampled, then the built-in ones; gives the first fault. */
static enum err_code negatives_read(struct trainer *trainer, struct err *err)
{
    const struct intent_options *options = trainer->options;
    size_t given = options->negative_count < INTENT_NEGATIVES_MAX ? options->negative_count
                                                                  : INTENT_NEGATIVES_MAX;
    size_t built_in = options->bare ? 0 : intent_negatives_count;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < given && rc == ERR_OK; i++)
        rc = row_add(trainer, options->negatives[i * options->negative_count / given],
                     trainer->classes, fold_of(trainer), err);
    trainer->built_in_first = trainer->builder.rows.count;
    for (size_t i = 0; i < built_in && rc == ERR_OK; i++)
        rc = row_add(trainer, slice_of(intent_negatives[i]), trainer->classes, fold_of(trainer),
                     err);
    trainer->built_in_end = trainer->builder.rows.count;
    return rc;
}

static enum err_code texts_read(struct trainer *trainer, struct err *err)
{
    const struct example_set *set = trainer->set;
    size_t count = set->count + INTENT_NEGATIVES_MAX + intent_negatives_count + trainer->classes;
    enum err_code rc = ERR_OK;

    trainer->labels = mem_alloc(count * sizeof(*trainer->labels));
    trainer->folds = mem_alloc(count);
    for (size_t i = 0; i < set->count && rc == ERR_OK; i++)
        rc = row_add(trainer, set->items[i].text, set->items[i].intent, fold_of(trainer), err);
    intent_builder_examples_end(&trainer->builder);
    if (rc == ERR_OK)
        rc = negatives_read(trainer, err);
    for (uint32_t i = 0; i < trainer->classes && rc == ERR_OK; i++)
        rc = name_add(trainer, i, err);
    return rc;
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

        for (size_t c = 0; c < lanes; c++)
            largest = largest > fabsf(row[c]) ? largest : fabsf(row[c]);
        scales[f] = largest / BYTE_MAX;
        for (size_t c = 0; c < lanes; c++) {
            float value = largest > 0 ? row[c] / largest * BYTE_MAX : 0;

            rows[f * lanes + c] = (int8_t)(value + (value < 0 ? -.5f : .5f));
        }
    }
    memcpy(trainer->bias + first, weights + features * lanes, lanes * sizeof(float));
}

/* Adds what the second learner says of a row. */
static void nets_add(const struct trainer *trainer, size_t row, size_t lanes, float *scores)
{
    const struct intent_rows *rows = &trainer->builder.rows;
    size_t start = rows->starts[row];
    struct vector_sparse at = { rows->ids + start, rows->values + start,
                                rows->starts[row + 1] - start };
    float more[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));

    for (unsigned n = 0; n < trainer->net_count; n++) {
        intent_net_scores(&trainer->nets[n], at, more);
        for (size_t c = 0; c < lanes; c++)
            scores[c] += INTENT_NET_SHARE / (float)trainer->net_count * more[c];
    }
}

/* What the rows of a fold score when the others alone have been learned. */
static void block_try(struct trainer *trainer, struct intent_svm_run *run, int fold, uint32_t first,
                      size_t lanes, struct intent_trial *trials)
{
    float scores[INTENT_SVM_LANES_MAX] __attribute__((aligned(VECTOR_ALIGN)));

    for (size_t row = 0; row < trainer->builder.rows.count; row++) {
        if (trainer->folds[row] != fold)
            continue;
        if (first == 0)
            intent_trial_init(trials, trainer->labels[row], trainer->builder.unknown[row]);
        intent_svm_scores(run, row, scores);
        nets_add(trainer, row, lanes, scores);
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

static unsigned epochs_for(size_t rows)
{
    size_t epochs = VISITS / (rows + 1);

    return epochs < EPOCHS_MIN ? EPOCHS_MIN : epochs > EPOCHS_MAX ? EPOCHS_MAX : (unsigned)epochs;
}

/* First epochs without the built-in negatives; then those come in that do not look like one of the
 * intents: a shop for umbrellas answers questions about the weather. */
static bool warm_up(struct trainer *trainer, struct intent_svm_run *run, uint32_t first,
                    size_t lanes)
{
    size_t count = trainer->built_in_end - trainer->built_in_first;
    uint8_t *folds = trainer->folds + trainer->built_in_first;
    uint8_t *kept = mem_alloc(count + 1);
    float scores[INTENT_SVM_LANES_MAX];
    bool going;

    memcpy(kept, folds, count);
    memset(folds, INTENT_SVM_OUT, count);
    going = intent_svm_epochs(run, EPOCHS_WARM, INTENT_SVM_NO_FOLD);
    for (size_t i = 0; i < count && going; i++) {
        float most = -INFINITY;

        intent_svm_scores(run, trainer->built_in_first + i, scores);
        for (size_t c = 0; c < lanes && first + c < trainer->classes; c++)
            most = fmaxf(most, scores[c]);
        if (most < LOOKS_LIKE)
            folds[i] = kept[i];
    }
    free(kept);
    return going;
}

/* The second learner, without fold `skip`. */
static bool nets_learn(struct trainer *trainer, int skip)
{
    struct intent_svm rows = trainer->svm;

    for (unsigned n = 0; n < trainer->net_count; n++) {
        rows.seed = hash_u64(trainer->svm.seed, n);
        if (!intent_net_train(&trainer->nets[n], &rows, skip))
            return false;
    }
    return true;
}

static enum err_code nets_begin(struct trainer *trainer, struct err *err)
{
    uint32_t features = trainer->builder.feature_count;

    for (unsigned n = 0; n < trainer->net_count; n++) {
        if (!intent_net_init(&trainer->nets[n], features, trainer->classes + 1, trainer->lanes))
            return err_set(err, ERR_TOO_BIG, "no memory for %u features", features);
    }
    return ERR_OK;
}

/* How much each feature moves the scores of a block's columns. */
static void worth_add(struct trainer *trainer, const float *weights, size_t lanes)
{
    for (size_t f = 0; f < trainer->builder.feature_count; f++) {
        float square = 0;

        for (size_t c = 0; c < lanes; c++)
            square += weights[f * lanes + c] * weights[f * lanes + c];
        trainer->worth[f] += square * trainer->mass[f];
    }
}

/* The features that the file will hold are chosen before learning is over: what the others carried
 * is learned again of those, and rows become what prediction will see. */
static void prune(struct trainer *trainer, struct intent_svm_run *run)
{
    struct intent_builder *builder = &trainer->builder;
    struct intent_draft draft = {
        .lexicon = &trainer->lexicon,
        .lanes = trainer->lanes,
        .features = builder->feature_count,
        .dense_first = builder->dense_first,
        .groups = builder->groups,
        .worth = trainer->worth,
        .large = trainer->options->quality == INTENT_BEST,
        .net_count = trainer->net_count,
    };
    uint32_t count;
    uint32_t *kept;

    kept = intent_draft_keep(&draft, &count);
    if (count < builder->feature_count) {
        intent_builder_prune(builder, kept, count, group_weights);
        trainer->svm.features = count;
        intent_svm_refit(run);
    }
    free(kept);
}

/* Holds folds out one after the other. false: cancelled. */
static bool block_calibrate(struct trainer *trainer, struct intent_svm_run *run, uint32_t first,
                            size_t lanes)
{
    int folds = trainer->builder.rows.count < SMALL_ROWS ? FOLDS : 1;

    trainer->trial_count = 0;
    for (int fold = 0; fold < folds; fold++) {
        intent_svm_remove(run, fold);
        if (!intent_svm_epochs(run, EPOCHS_HELD, fold) || !nets_learn(trainer, fold))
            return false;
        block_try(trainer, run, fold, first, lanes, trainer->trials + trainer->trial_count);
        trainer->trial_count += fold_rows(trainer, fold);
        if (fold + 1 < folds && !intent_svm_epochs(run, EPOCHS_HELD, INTENT_SVM_NO_FOLD))
            return false;
    }
    return true;
}

static enum err_code block_learn(struct trainer *trainer, uint32_t first, size_t lanes,
                                 struct err *err)
{
    unsigned epochs = epochs_for(trainer->builder.rows.count) - EPOCHS_WARM - EPOCHS_PRUNED;
    struct intent_svm_run *run = intent_svm_begin(&trainer->svm, first, lanes);
    enum err_code rc = ERR_OK;

    if (run == NULL)
        return err_set(err, ERR_TOO_BIG, "no memory for %u features and %zu examples",
                       trainer->builder.feature_count, trainer->builder.rows.count);
    if (warm_up(trainer, run, first, lanes) && intent_svm_epochs(run, epochs, INTENT_SVM_NO_FOLD)) {
        worth_add(trainer, intent_svm_weights(run), lanes);
        if (lanes == trainer->lanes)
            prune(trainer, run);
        rc = nets_begin(trainer, err);
        if (rc == ERR_OK && intent_svm_epochs(run, EPOCHS_PRUNED, INTENT_SVM_NO_FOLD)) {
            block_round(trainer, intent_svm_weights(run), first, lanes);
            if (block_calibrate(trainer, run, first, lanes))
                (void)nets_learn(trainer, INTENT_SVM_NO_FOLD);
        }
    }
    intent_svm_end(&run);
    return trainer->cancelled ? err_set(err, ERR_TIMEOUT, "training was cancelled") : rc;
}

static enum err_code columns_learn(struct trainer *trainer, struct err *err)
{
    const struct intent_rows *rows = &trainer->builder.rows;
    size_t features = trainer->builder.feature_count;
    size_t blocks = (trainer->lanes + INTENT_BLOCK_LANES - 1) / INTENT_BLOCK_LANES;
    bool small = trainer->builder.rows.count < SMALL_ROWS;
    enum err_code rc;

    trainer->rows = mem_try_alloc(features * trainer->lanes, ROWS_BYTES_MAX);
    if (trainer->rows == NULL)
        return err_set(err, ERR_TOO_BIG, "no memory for %zu features", features);
    trainer->scales = mem_alloc(features * blocks * sizeof(float));
    trainer->bias = mem_alloc(trainer->lanes * sizeof(float));
    trainer->worth = mem_zalloc(features * sizeof(float));
    trainer->mass = mem_zalloc(features * sizeof(float));
    for (size_t k = 0; k < rows->starts[rows->count]; k++)
        trainer->mass[rows->ids[k]] += rows->values[k] * rows->values[k];
    trainer->trials = mem_alloc(trainer->builder.rows.count * sizeof(*trainer->trials));
    trainer->svm = (struct intent_svm){
        .rows = &trainer->builder.rows,
        .labels = trainer->labels,
        .folds = trainer->folds,
        .features = trainer->builder.feature_count,
        .cost = COST,
        .settled = trainer->options->quality == INTENT_BEST ? 0 : SETTLED,
        .seed = trainer->options->seed,
        .progress = on_progress,
        .ctx = trainer,
    };
    trainer->steps = (unsigned)blocks * (epochs_for(trainer->builder.rows.count) +
                                         (small ? 2U * FOLDS - 1 : 1U) * EPOCHS_HELD);
    if (trainer->options->quality == INTENT_BEST && blocks == 1)
        trainer->net_count = INTENT_NETS;
    trainer->steps += (small ? FOLDS + 1U : 2U) * trainer->net_count * INTENT_NET_STEPS;
    for (uint32_t first = 0; first < trainer->lanes; first += INTENT_BLOCK_LANES) {
        size_t rest = trainer->lanes - first;

        rc =
            block_learn(trainer, first, rest < INTENT_BLOCK_LANES ? rest : INTENT_BLOCK_LANES, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* Vectors from the log, the examples and the negatives. That too few words stand in them is no
 * fault: then there are none. */
static enum err_code words_learn(struct trainer *trainer, struct err *err)
{
    const struct intent_options *options = trainer->options;
    size_t count = options->unlabelled_count + options->negative_count + trainer->set->count;
    struct slice *texts;
    struct intent_vectors *vectors = NULL;
    enum err_code rc;
    size_t n = 0;

    if (options->unlabelled_count == 0)
        return ERR_OK;
    texts = mem_alloc(count * sizeof(*texts));
    for (size_t i = 0; i < trainer->set->count; i++)
        texts[n++] = trainer->set->items[i].text;
    for (size_t i = 0; i < options->unlabelled_count; i++)
        texts[n++] = options->unlabelled[i];
    for (size_t i = 0; i < options->negative_count; i++)
        texts[n++] = options->negatives[i];
    rc = intent_vectors_learn(texts, n, options->seed, options->progress, options->ctx, &vectors,
                              err);
    free(texts);
    if (rc == ERR_INVALID)
        return ERR_OK;
    if (rc == ERR_OK)
        intent_lexicon_make(&trainer->lexicon, vectors, options->seed);
    intent_vectors_destroy(&vectors);
    return rc;
}

static void trainer_fini(struct trainer *trainer)
{
    intent_lexicon_fini(&trainer->lexicon);
    intent_builder_fini(&trainer->builder);
    free(trainer->labels);
    free(trainer->folds);
    free(trainer->trials);
    free(trainer->rows);
    free(trainer->scales);
    free(trainer->bias);
    free(trainer->worth);
    free(trainer->mass);
    for (unsigned n = 0; n < INTENT_NETS; n++)
        intent_net_fini(&trainer->nets[n]);
}

static enum err_code model_write(struct trainer *trainer, struct buf *out, struct err *err)
{
    struct intent_calibration calibration =
        intent_calibration_fit(trainer->trials, trainer->trial_count, trainer->classes);
    struct intent_draft draft = {
        .set = trainer->set,
        .classes = trainer->classes,
        .lanes = trainer->lanes,
        .lexicon = &trainer->lexicon,
        .features = trainer->builder.feature_count,
        .dense_first = trainer->builder.dense_first,
        .large = trainer->options->quality == INTENT_BEST,
        .hashes = trainer->builder.hashes,
        .weights = trainer->builder.weights,
        .groups = trainer->builder.groups,
        .group_weights = group_weights,
        .rows = trainer->rows,
        .scales = trainer->scales,
        .bias = trainer->bias,
        .nets = trainer->nets,
        .net_count = trainer->net_count,
        .worth = trainer->worth,
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
    intent_lexicon_init(&trainer.lexicon);
    intent_builder_init(&trainer.builder, &trainer.lexicon.words);
    rc = words_learn(&trainer, err);
    if (rc != ERR_OK)
        goto out;
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
