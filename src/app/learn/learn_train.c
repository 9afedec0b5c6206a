/* SPDX-License-Identifier: Apache-2.0 */
/* One training: the examples are split in five, five models are asked what they have not seen, and
 * one of all examples becomes the file. The report so tells what to expect of new texts, not what
 * was learned by heart. Texts that belong to no intent are split the same way. */
#include <stdlib.h>
#include <string.h>

#include "examples_file.h"
#include "hash.h"
#include "intent_eval.h"
#include "intent_train.h"
#include "learn_priv.h"
#include "log.h"
#include "mem.h"
#include "share.h"

struct negatives {
    struct slice *items;
    size_t count, cap;
    struct arena arena;
};

struct training {
    const struct learn_options *options;
    uint64_t workspace;
    struct arena arena; /* of the record, reset with every look at it */
    struct store_record record;
    Kefu__V1__Model *model;
    struct example_set set;
    struct negatives all, rest, held; /* the last two share the first one's texts */
    struct intent_scratch *scratch;
    struct intent_eval *eval;
    uint64_t against;     /* the model that the answers are compared with; 0: none */
    unsigned step, steps; /* of models to train */
    int64_t noted_us;
    bool cancelled;
};

/* ---- the record ------------------------------------------------------------------------------ */

static enum err_code record_read(struct training *t, struct err *err)
{
    bool found = false;
    enum err_code rc;
    uint64_t id = t->record.id;

    arena_reset(&t->arena);
    rc = store_record_get(t->options->store, STORE_MODEL, id, &t->arena, &t->record, &found, err);
    if (rc == ERR_OK && !found)
        rc = err_set(err, ERR_NOT_FOUND, "the model's record is gone");
    if (rc == ERR_OK)
        rc = learn_decode(&t->record, &kefu__v1__model__descriptor, &t->arena, &t->model, err);
    t->record.id = id;
    if (rc == ERR_OK)
        t->cancelled = t->cancelled || strcmp(t->model->status, "cancelling") == 0 ||
                       strcmp(t->model->status, "cancelled") == 0;
    return rc;
}

static enum err_code record_write(struct training *t, struct err *err)
{
    struct store_change change = { .op = STORE_UPDATE, .kind = STORE_MODEL, .record = t->record };
    enum err_code rc = learn_encode(&t->arena, &t->model->base, &change.record.body, err);

    if (rc == ERR_OK)
        rc = store_admin_run(t->options->store, &change, 1, NULL, err);
    if (rc == ERR_OK)
        t->record.version++;
    return rc;
}

static char *constant(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text };

    return u.out;
}

static bool on_progress(void *ctx, double share)
{
    struct training *t = ctx;
    int64_t now = clock_mono_us(t->options->clock);
    struct err err = { 0 };

    if (t->cancelled || now - t->noted_us < LEARN_PROGRESS_MS * 1000)
        return !t->cancelled;
    t->noted_us = now;
    if (record_read(t, &err) != ERR_OK)
        return true; /* the end of the training will meet the same fault, and say it */
    if (t->cancelled)
        return false;
    t->model->progress = ((double)t->step + share) / t->steps;
    if (record_write(t, &err) != ERR_OK && err.code != ERR_CONFLICT)
        LOG_WARN("training_progress_not_noted", KV_ERR(&err));
    return true;
}

/* ---- what is trained on ---------------------------------------------------------------------- */

static void negative_put(struct negatives *to, struct slice text)
{
    if (to->count == to->cap) {
        to->cap = to->cap > 0 ? 2 * to->cap : 1024;
        to->items = mem_realloc(to->items, to->cap * sizeof(*to->items));
    }
    to->items[to->count++] = text;
}

static void negative_add(void *ctx, struct slice text)
{
    struct negatives *to = ctx;
    char *copy = arena_strdup(&to->arena, text);

    if (copy != NULL)
        negative_put(to, slice_make(copy, text.len));
}

static enum err_code negatives_load(struct training *t, struct err *err)
{
    static const char *const files[] = { "nlu/negatives-zh.txt", "nlu/negatives-en.txt" };
    enum err_code rc = ERR_OK;

    arena_init(&t->all.arena, LEARN_PAGE_BYTES_MAX);
    for (size_t i = 0; i < LENGTH_OF(files) && rc == ERR_OK; i++) {
        struct slice file;

        if (!share_find(files[i], &file))
            return err_set(err, ERR_NOT_FOUND, "no %s in this build", files[i]);
        rc = examples_read_lines(file, negative_add, &t->all, err);
    }
    for (size_t i = 0; i < t->all.count; i++)
        negative_put(i % LEARN_FOLDS == 0 ? &t->held : &t->rest, t->all.items[i]);
    return rc;
}

/* An example stays in its fold whatever is added or taken away beside it, so that two trainings can
 * be compared; but those of thin intents go round, so that no fold has all of them. */
static uint8_t *folds_make(const struct example_set *set)
{
    uint8_t *folds = mem_alloc(set->count + 1);
    uint32_t *counts = mem_zalloc((set->name_count + 1) * sizeof(*counts));
    uint8_t *next = mem_zalloc(set->name_count + 1);

    for (size_t i = 0; i < set->count; i++)
        counts[set->items[i].intent]++;
    for (size_t i = 0; i < set->count; i++) {
        const struct example *example = &set->items[i];
        uint64_t hash = hash_bytes((struct hash_key){ 0 }, example->text.ptr, example->text.len);

        if (counts[example->intent] < INTENT_EVAL_THIN)
            folds[i] = next[example->intent]++ % LEARN_FOLDS;
        else
            folds[i] = (uint8_t)(hash % LEARN_FOLDS);
    }
    free(counts);
    free(next);
    return folds;
}

static enum err_code fold_rest(const struct example_set *set, const uint8_t *folds, unsigned fold,
                               struct example_set *rest, struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < set->count && rc == ERR_OK; i++) {
        const struct example *example = &set->items[i];

        if (folds[i] != fold)
            rc = example_set_add(rest, set->names[example->intent], example->text, example->line,
                                 err);
    }
    return rc;
}

/* ---- training -------------------------------------------------------------------------------- */

static enum err_code train_one(struct training *t, const struct example_set *set,
                               const struct negatives *negatives, struct buf *out, struct err *err)
{
    const struct intent_options options = {
        .quality = strcmp(t->model->quality, "best") == 0 ? INTENT_BEST : INTENT_FAST,
        .seed = 1,
        .negatives = negatives->items,
        .negative_count = negatives->count,
        .progress = on_progress,
        .ctx = t,
    };
    enum err_code rc;

    if (!on_progress(t, 0.0))
        return err_set(err, ERR_TIMEOUT, "cancelled");
    rc = intent_train(set, &options, out, err);
    t->step++;
    return rc;
}

static enum err_code fold_run(struct training *t, const uint8_t *folds, unsigned fold,
                              struct err *err)
{
    struct intent_model *model = NULL;
    struct example_set rest;
    struct buf bytes;
    enum err_code rc;

    example_set_init(&rest);
    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    rc = fold_rest(&t->set, folds, fold, &rest, err);
    if (rc == ERR_OK)
        rc = train_one(t, &rest, fold == 0 ? &t->rest : &t->all, &bytes, err);
    if (rc == ERR_OK)
        rc = intent_model_open(buf_slice(&bytes), &model, err);
    if (rc == ERR_OK) {
        intent_eval_answer(t->eval, model, t->scratch, folds, (int)fold);
        if (fold == 0)
            intent_eval_answer_outside(t->eval, model, t->scratch, t->held.items, t->held.count);
    }
    intent_model_close(&model);
    buf_fini(&bytes);
    example_set_fini(&rest);
    return rc;
}

static enum err_code folds_run(struct training *t, struct err *err)
{
    uint8_t *folds = folds_make(&t->set);
    enum err_code rc = ERR_OK;

    t->eval = intent_eval_create(&t->set);
    for (unsigned fold = 0; fold + 1 < t->steps && rc == ERR_OK; fold++)
        rc = fold_run(t, folds, fold, err);
    free(folds);
    return rc;
}

static uint64_t live_find(struct training *t, struct err *err)
{
    struct learn_models models;
    uint64_t live = 0;
    struct arena arena;

    arena_init(&arena, LEARN_PAGE_BYTES_MAX);
    if (learn_models(t->options->store, t->workspace, &arena, &models, err) == ERR_OK) {
        for (size_t i = 0; i < models.n; i++)
            live = models.items[i]->live && models.items[i]->id != t->record.id
                       ? models.items[i]->id
                       : live;
    }
    arena_fini(&arena);
    return live;
}

/* With the live model, if its answers were kept; a comparison that fails costs no training. */
static void compare(struct training *t)
{
    struct err err = { 0 };
    uint64_t live = live_find(t, &err);
    struct buf kept;

    buf_init(&kept, LEARN_ANSWERS_BYTES_MAX);
    if (live != 0 &&
        model_file_read(t->options->folder, live, MODEL_FILE_ANSWERS, &kept, &err) == ERR_OK &&
        intent_eval_compare(t->eval, buf_slice(&kept), &err) == ERR_OK)
        t->against = live;
    else if (err.code != ERR_OK && err.code != ERR_NOT_FOUND)
        LOG_WARN("models_not_compared", KV_ID("model", live), KV_ERR(&err));
    buf_fini(&kept);
}

static enum err_code answers_write(struct training *t, struct err *err)
{
    struct buf out;
    enum err_code rc;

    buf_init(&out, LEARN_ANSWERS_BYTES_MAX);
    intent_eval_keep(t->eval, &out);
    rc = buf_ok(&out) ? model_file_write(t->options->folder, t->record.id, MODEL_FILE_ANSWERS,
                                         buf_slice(&out), err)
                      : err_set(err, ERR_TOO_BIG, "answers over %d bytes", LEARN_ANSWERS_BYTES_MAX);
    buf_fini(&out);
    return rc;
}

static enum err_code report_write(struct training *t, struct err *err)
{
    struct buf out;
    enum err_code rc;

    buf_init(&out, LEARN_REPORT_BYTES_MAX);
    intent_eval_json(t->eval, &out);
    rc = buf_ok(&out) ? model_file_write(t->options->folder, t->record.id, MODEL_FILE_REPORT,
                                         buf_slice(&out), err)
                      : err_set(err, ERR_TOO_BIG, "report over %d bytes", LEARN_REPORT_BYTES_MAX);
    buf_fini(&out);
    return rc;
}

static enum err_code files_make(struct training *t, struct buf *bytes, float *threshold,
                                struct err *err)
{
    struct intent_model *model = NULL;
    enum err_code rc = train_one(t, &t->set, &t->all, bytes, err);

    if (rc == ERR_OK)
        rc = intent_model_open(buf_slice(bytes), &model, err);
    if (rc != ERR_OK)
        return rc;
    *threshold = intent_model_threshold(model);
    intent_model_close(&model);
    compare(t);
    rc = report_write(t, err);
    if (rc == ERR_OK)
        rc = answers_write(t, err);
    if (rc == ERR_OK)
        rc = model_file_write(t->options->folder, t->record.id, MODEL_FILE_MODEL, buf_slice(bytes),
                              err);
    return rc;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void figures_fill(struct training *t, size_t bytes, float threshold, int64_t began_us)
{
    struct intent_eval_figures figures = intent_eval_figures(t->eval);
    struct intent_eval_change change = intent_eval_change(t->eval);
    Kefu__V1__Model *model = t->model;

    model->status = constant("ready");
    model->progress = 1.0;
    model->examples = (uint32_t)t->set.count;
    model->intents = (uint32_t)t->set.name_count;
    model->accuracy = figures.accuracy;
    model->macro_f1 = figures.macro_f1;
    model->calibration_error = figures.calibration_error;
    model->auroc = figures.scope.auroc;
    model->threshold = (double)threshold;
    model->bytes = bytes;
    model->against_id = t->against;
    model->fixed = (uint32_t)change.fixed;
    model->broken = (uint32_t)change.broken;
    model->train_ms = (uint32_t)((clock_mono_us(t->options->clock) - began_us) / 1000);
}

/* Into the record, and live with it if so asked: one transaction. */
static enum err_code finish(struct training *t, size_t bytes, float threshold, int64_t began_us,
                            struct err *err)
{
    struct store_change changes[LEARN_MODELS_MAX * 2 + 1];
    struct learn_models models;
    size_t count = 0;
    enum err_code rc = record_read(t, err);

    if (rc == ERR_OK && t->cancelled)
        return err_set(err, ERR_TIMEOUT, "cancelled");
    if (rc == ERR_OK)
        rc = learn_models(t->options->store, t->workspace, &t->arena, &models, err);
    if (rc != ERR_OK)
        return rc;
    figures_fill(t, bytes, threshold, began_us);
    if (!t->model->publish)
        return record_write(t, err);
    for (size_t i = 0; i < models.n; i++) {
        if (models.items[i]->id == t->record.id) {
            uint64_t version = models.items[i]->version;

            *models.items[i] = *t->model;
            models.items[i]->id = t->record.id;
            models.items[i]->version = version;
            models.items[i]->live = false; /* so that it is among the changes in any case */
        }
    }
    rc =
        learn_publish_changes(&models, t->workspace, t->record.id, &t->arena, changes, &count, err);
    return rc == ERR_OK ? store_admin_run(t->options->store, changes, count, NULL, err) : rc;
}

static void fail(struct training *t, const struct err *why)
{
    struct err err = { 0 };

    model_file_remove(t->options->folder, t->record.id);
    if (record_read(t, &err) == ERR_OK) {
        t->model->status = constant(t->cancelled ? "cancelled" : "failed");
        t->model->error = constant(t->cancelled ? "" : why->text);
        if (record_write(t, &err) == ERR_OK)
            return;
    }
    LOG_ERROR("training_end_not_noted", KV_ID("model", t->record.id), KV_ERR(&err));
}

/* The oldest go, but never the live one nor what is still on its way. */
static void prune(struct training *t)
{
    struct learn_models models;
    struct err err = { 0 };
    size_t kept = 0;

    arena_reset(&t->arena);
    if (learn_models(t->options->store, t->workspace, &t->arena, &models, &err) != ERR_OK)
        return;
    for (size_t i = 0; i < models.n; i++) {
        const Kefu__V1__Model *model = models.items[i];
        struct store_change change = { .op = STORE_DELETE, .kind = STORE_MODEL };
        bool ended = strcmp(model->status, "queued") != 0 &&
                     strcmp(model->status, "training") != 0 &&
                     strcmp(model->status, "cancelling") != 0;

        if (model->live || !ended || ++kept < LEARN_MODELS_MAX)
            continue;
        change.record.id = model->id;
        if (store_admin_run(t->options->store, &change, 1, NULL, &err) == ERR_OK)
            model_file_remove(t->options->folder, model->id);
    }
}

static enum err_code run(struct training *t, struct err *err)
{
    int64_t began_us = clock_mono_us(t->options->clock);
    float threshold = 0;
    struct buf bytes;
    enum err_code rc = record_read(t, err);

    if (rc == ERR_OK && t->cancelled)
        rc = err_set(err, ERR_TIMEOUT, "cancelled");
    if (rc == ERR_OK) {
        t->model->status = constant("training");
        rc = record_write(t, err);
    }
    if (rc == ERR_OK)
        rc = learn_examples(t->options->store, t->workspace, true, &t->set, err);
    if (rc == ERR_OK)
        rc = negatives_load(t, err);
    if (rc != ERR_OK)
        return rc;
    t->steps = t->set.count <= LEARN_FOLDED_MAX ? LEARN_FOLDS + 1 : 2;
    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    rc = folds_run(t, err);
    if (rc == ERR_OK)
        rc = files_make(t, &bytes, &threshold, err);
    if (rc == ERR_OK)
        rc = finish(t, bytes.len, threshold, began_us, err);
    buf_fini(&bytes);
    return rc;
}

static void training_fini(struct training *t)
{
    intent_eval_destroy(&t->eval);
    intent_scratch_destroy(&t->scratch);
    example_set_fini(&t->set);
    free(t->all.items);
    free(t->rest.items);
    free(t->held.items);
    arena_fini(&t->all.arena);
    arena_fini(&t->arena);
}

void learn_train(const struct learn_options *options, const struct learn_job *job)
{
    struct training t = { .options = options, .workspace = job->workspace };
    struct err err = { 0 };

    t.record.id = job->model;
    t.scratch = intent_scratch_create();
    arena_init(&t.arena, LEARN_PAGE_BYTES_MAX);
    arena_init(&t.all.arena, 0);
    example_set_init(&t.set);
    if (run(&t, &err) != ERR_OK) {
        LOG_WARN("training_failed", KV_ID("model", job->model), KV_ERR(&err));
        fail(&t, &err);
    } else {
        LOG_INFO("training_done", KV_ID("model", job->model), KV_U64("examples", t.set.count));
    }
    prune(&t);
    training_fini(&t);
}

/* ---- starting and stopping ------------------------------------------------------------------- */

struct sweep {
    const struct learn_options *options;
    struct learn_job *jobs; /* NULL: everything is to stop */
    size_t count;
};

static bool is_running(const Kefu__V1__Model *model)
{
    return strcmp(model->status, "training") == 0 || strcmp(model->status, "cancelling") == 0;
}

static void job_add(struct sweep *sweep, const struct store_record *record)
{
    if (sweep->count < LEARN_JOBS_MAX)
        sweep->jobs[sweep->count++] = (struct learn_job){ record->workspace, record->id };
}

/* Its file is not there, or is one of another program version. A damaged file is not made again: it
 * is named at the start and another model stands in, until a person has looked. */
static bool file_is_of_no_use(const struct learn_options *options, uint64_t id)
{
    struct learn_model model;
    enum err_code rc = learn_model_open(options->folder, id, &model, NULL);

    learn_model_close(&model);
    return rc == ERR_NOT_FOUND || rc == ERR_UNSUPPORTED;
}

/* What becomes of a model at a start (true: its record changes). */
static bool model_recover(struct sweep *sweep, const struct store_record *record,
                          Kefu__V1__Model *model)
{
    bool running = is_running(model);
    bool lost = model->live && strcmp(model->status, "ready") == 0 &&
                file_is_of_no_use(sweep->options, record->id);

    if (strcmp(model->status, "queued") == 0 || lost)
        job_add(sweep, record);
    if (lost) {
        LOG_WARN("live_model_made_again", KV_ID("model", record->id));
        model->status = constant("queued");
        model->publish = true;
    } else if (running) {
        model->status = constant("failed");
        model->error = constant("the server was stopped");
    }
    return lost || running;
}

static enum err_code sweep_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                 struct err *err)
{
    struct sweep *sweep = ctx;
    struct store_change change = { .op = STORE_UPDATE, .kind = STORE_MODEL, .record = *record };
    Kefu__V1__Model *model = NULL;
    enum err_code rc = learn_decode(record, &kefu__v1__model__descriptor, arena, &model, err);
    bool running;

    if (rc != ERR_OK)
        return rc;
    running = is_running(model);
    if (sweep->jobs == NULL && running)
        model->status = constant("cancelling"); /* what is queued waits for the next start */
    else if (sweep->jobs == NULL || !model_recover(sweep, record, model))
        return ERR_OK;
    rc = learn_encode(arena, &model->base, &change.record.body, err);
    if (rc == ERR_OK)
        rc = store_admin_run(sweep->options->store, &change, 1, NULL, err);
    return rc == ERR_CONFLICT ? ERR_OK : rc;
}

enum err_code learn_recover(const struct learn_options *options,
                            struct learn_job jobs[LEARN_JOBS_MAX], size_t *count, struct err *err)
{
    struct sweep sweep = { .options = options, .jobs = jobs };
    enum err_code rc = learn_walk(options->store, STORE_MODEL, 0, sweep_visit, &sweep, err);

    *count = sweep.count;
    return rc;
}

void learn_cancel_all(const struct learn_options *options)
{
    struct sweep sweep = { .options = options };
    struct err err = { 0 };

    if (learn_walk(options->store, STORE_MODEL, 0, sweep_visit, &sweep, &err) != ERR_OK)
        LOG_WARN("trainings_not_cancelled", KV_ERR(&err));
}
