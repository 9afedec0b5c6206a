/* SPDX-License-Identifier: Apache-2.0 */
/* kefu nlu eval: how good a model is on labelled texts; with --folds, how good models of these
 * examples are on those that they have not seen. kefu nlu inbox: what a person should look at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_nlu.h"
#include "hash.h"
#include "intent_eval.h"
#include "intent_inbox.h"
#include "intent_train.h"
#include "json.h"
#include "mem.h"

enum { FOLDS_MAX = 20, INBOX_MAX = 1000 };

static const char eval_usage[] =
    "usage: kefu nlu eval (--model M | --folds K [--negatives FILE...] [--unlabelled FILE...] "
    "[--quality fast|best]) "
    "--examples FILE... [--out-of-scope FILE...] [--against MODEL] [--html FILE] [--json]\n";

struct eval_args {
    const char *examples[NLU_FILES_MAX];
    const char *outside[NLU_FILES_MAX];
    const char *negatives[NLU_FILES_MAX];
    const char *unlabelled[NLU_FILES_MAX];
    int example_count, outside_count, negative_count, unlabelled_count;
    const char *model, *against, *html, *folds, *quality;
    unsigned fold_count;
    bool json;
};

static enum err_code answer_one(const char *path, const struct nlu_texts *outside,
                                struct intent_scratch *scratch, struct intent_eval *eval,
                                struct err *err)
{
    struct nlu_model model;
    enum err_code rc = nlu_model_open(path, &model, err);

    if (rc != ERR_OK)
        return rc;
    intent_eval_answer(eval, model.model, scratch, NULL, 0);
    intent_eval_answer_outside(eval, model.model, scratch, outside->items, outside->count);
    nlu_model_close(&model);
    return ERR_OK;
}

/* The examples outside of a fold, as a set of their own with the same intents. */
static enum err_code fold_rest(const struct example_set *set, const uint8_t *folds, unsigned fold,
                               struct example_set *rest, struct err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct example *example = &set->items[i];
        enum err_code rc = ERR_OK;

        if (folds[i] != fold)
            rc = example_set_add(rest, set->names[example->intent], example->text, example->line,
                                 err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static enum err_code answer_fold(const struct example_set *set, const uint8_t *folds, unsigned fold,
                                 const struct intent_options *options,
                                 const struct nlu_texts *outside, struct intent_scratch *scratch,
                                 struct intent_eval *eval, struct err *err)
{
    struct intent_model *model = NULL;
    struct example_set rest;
    struct buf bytes;
    enum err_code rc;

    example_set_init(&rest);
    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    rc = fold_rest(set, folds, fold, &rest, err);
    if (rc == ERR_OK)
        rc = intent_train(&rest, options, &bytes, err);
    if (rc == ERR_OK)
        rc = intent_model_open(buf_slice(&bytes), &model, err);
    if (rc == ERR_OK) {
        intent_eval_answer(eval, model, scratch, folds, (int)fold);
        if (fold == 0)
            intent_eval_answer_outside(eval, model, scratch, outside->items, outside->count);
        intent_model_close(&model);
    }
    buf_fini(&bytes);
    example_set_fini(&rest);
    return rc;
}

static enum err_code answer_folds(const struct eval_args *args, const struct example_set *set,
                                  const struct nlu_texts *outside, struct intent_scratch *scratch,
                                  struct intent_eval *eval, struct err *err)
{
    struct intent_options options = { .seed = 1 };
    uint8_t *folds = mem_alloc(set->count + 1);
    struct nlu_texts negatives;
    struct nlu_texts unlabelled;
    enum err_code rc;

    nlu_texts_init(&negatives);
    nlu_texts_init(&unlabelled);
    rc = nlu_texts_read(args->negatives, args->negative_count, &negatives, err);
    if (rc == ERR_OK)
        rc = nlu_texts_read(args->unlabelled, args->unlabelled_count, &unlabelled, err);
    options.unlabelled = unlabelled.items;
    options.unlabelled_count = unlabelled.count;
    options.negatives = negatives.items;
    options.negative_count = negatives.count;
    if (args->quality != NULL && strcmp(args->quality, "best") == 0)
        options.quality = INTENT_BEST;
    for (size_t i = 0; i < set->count; i++)
        folds[i] = (uint8_t)(hash_u64(1, i) % args->fold_count);
    for (unsigned fold = 0; fold < args->fold_count && rc == ERR_OK; fold++)
        rc = answer_fold(set, folds, fold, &options, outside, scratch, eval, err);
    nlu_texts_fini(&negatives);
    nlu_texts_fini(&unlabelled);
    free(folds);
    return rc;
}

static enum err_code answer_before(const char *path, struct intent_scratch *scratch,
                                   struct intent_eval *eval, struct err *err)
{
    struct nlu_model model;
    enum err_code rc = nlu_model_open(path, &model, err);

    if (rc != ERR_OK)
        return rc;
    intent_eval_answer_before(eval, model.model, scratch);
    nlu_model_close(&model);
    return ERR_OK;
}

static void print_figures(const struct intent_eval *eval)
{
    struct intent_eval_figures figures = intent_eval_figures(eval);

    printf("%zu texts, %zu right: accuracy %.2f %%, macro F1 %.2f %%, calibration error %.3f\n",
           figures.count, figures.right, 100 * figures.accuracy, 100 * figures.macro_f1,
           figures.calibration_error);
    if (figures.scope.count > 0)
        printf("%zu out of scope: AUROC %.4f; in-scope accuracy %.2f / %.2f / %.2f / %.2f %% when "
               "50 / 70 / 80 / 90 %% of them are rejected\n",
               figures.scope.count, figures.scope.auroc, 100 * figures.scope.at_recall[0],
               100 * figures.scope.at_recall[1], 100 * figures.scope.at_recall[2],
               100 * figures.scope.at_recall[3]);
}

static enum err_code report(const struct eval_args *args, const struct intent_eval *eval,
                            struct err *err)
{
    enum err_code rc = ERR_OK;
    struct buf out;

    buf_init(&out, NLU_REPORT_BYTES_MAX);
    if (args->html != NULL) {
        intent_eval_html(eval, &out);
        rc = nlu_file_write(args->html, buf_slice(&out), err);
    }
    if (rc == ERR_OK && args->json) {
        buf_clear(&out);
        intent_eval_json(eval, &out);
        printf("%.*s\n", (int)out.len, out.ptr);
    } else if (rc == ERR_OK) {
        print_figures(eval);
    }
    buf_fini(&out);
    return rc;
}

static enum err_code evaluate(const struct eval_args *args, struct err *err)
{
    struct intent_scratch *scratch = intent_scratch_create();
    struct intent_eval *eval = NULL;
    struct example_set set;
    struct nlu_texts outside;
    enum err_code rc;

    example_set_init(&set);
    nlu_texts_init(&outside);
    rc = nlu_examples_read(args->examples, args->example_count, &set, err);
    if (rc == ERR_OK)
        rc = nlu_texts_read(args->outside, args->outside_count, &outside, err);
    if (rc != ERR_OK)
        goto out;
    eval = intent_eval_create(&set);
    rc = args->model != NULL ? answer_one(args->model, &outside, scratch, eval, err)
                             : answer_folds(args, &set, &outside, scratch, eval, err);
    if (rc == ERR_OK && args->against != NULL)
        rc = answer_before(args->against, scratch, eval, err);
    if (rc == ERR_OK)
        rc = report(args, eval, err);
out:
    intent_eval_destroy(&eval);
    nlu_texts_fini(&outside);
    example_set_fini(&set);
    intent_scratch_destroy(&scratch);
    return rc;
}

static bool args_make_sense(struct eval_args *args)
{
    unsigned long long folds = 0;

    if (args->folds != NULL &&
        (!slice_to_u64(slice_of(args->folds), &folds) || folds < 2 || folds > FOLDS_MAX))
        return false;
    args->fold_count = (unsigned)folds;
    return (args->model != NULL) != (args->folds != NULL) && args->example_count >= 1 &&
           args->example_count <= NLU_FILES_MAX && args->outside_count <= NLU_FILES_MAX &&
           args->negative_count <= NLU_FILES_MAX && args->unlabelled_count <= NLU_FILES_MAX;
}

int command_nlu_eval(struct command_args *args)
{
    struct eval_args eval_args = { .model = command_option(args, "model") };
    struct err err = { 0 };

    eval_args.example_count = command_list(args, "examples", eval_args.examples, NLU_FILES_MAX);
    eval_args.outside_count = command_list(args, "out-of-scope", eval_args.outside, NLU_FILES_MAX);
    eval_args.negative_count = command_list(args, "negatives", eval_args.negatives, NLU_FILES_MAX);
    eval_args.unlabelled_count =
        command_list(args, "unlabelled", eval_args.unlabelled, NLU_FILES_MAX);
    eval_args.against = command_option(args, "against");
    eval_args.html = command_option(args, "html");
    eval_args.folds = command_option(args, "folds");
    eval_args.quality = command_option(args, "quality");
    eval_args.json = command_flag(args, "json");
    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (!args_make_sense(&eval_args)) {
        fputs(eval_usage, stderr);
        return COMMAND_USAGE;
    }
    return evaluate(&eval_args, &err) == ERR_OK ? 0 : command_fault(&err);
}

static void put_question(const struct intent_model *model, const struct nlu_texts *texts,
                         const struct intent_question *question, struct buf *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "text");
    json_text(&json, texts->items[question->text]);
    json_key(&json, "count");
    json_u64(&json, question->count);
    json_key(&json, "forms");
    json_u64(&json, question->forms);
    json_key(&json, "doubt");
    json_double(&json, (double)question->doubt);
    json_key(&json, "intents");
    json_array_begin(&json);
    for (unsigned i = 0; i < question->guess.count; i++) {
        json_object_begin(&json);
        json_key(&json, "name");
        json_text(&json, intent_model_name(model, question->guess.hits[i].intent));
        json_key(&json, "score");
        json_double(&json, (double)question->guess.hits[i].score);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

static enum err_code inbox(const char *model_path, const char *const *paths, int count,
                           struct err *err)
{
    struct intent_question *questions = mem_alloc(INBOX_MAX * sizeof(*questions));
    struct intent_scratch *scratch = intent_scratch_create();
    struct nlu_texts texts;
    struct nlu_model model;
    enum err_code rc = nlu_model_open(model_path, &model, err);

    nlu_texts_init(&texts);
    if (rc == ERR_OK)
        rc = nlu_texts_read(paths, count, &texts, err);
    if (rc == ERR_OK) {
        size_t n = intent_inbox(model.model, scratch, texts.items, NULL, texts.count, questions,
                                INBOX_MAX);
        struct buf out;

        buf_init(&out, NLU_REPORT_BYTES_MAX);
        for (size_t i = 0; i < n; i++)
            put_question(model.model, &texts, &questions[i], &out);
        fwrite(out.ptr, 1, out.len, stdout);
        buf_fini(&out);
    }
    nlu_texts_fini(&texts);
    nlu_model_close(&model);
    intent_scratch_destroy(&scratch);
    free(questions);
    return rc;
}

int command_nlu_inbox(struct command_args *args)
{
    const char *model = command_option(args, "model");
    const char *paths[NLU_FILES_MAX];
    int count = command_list(args, "texts", paths, NLU_FILES_MAX);
    struct err err = { 0 };

    (void)command_flag(args, "json"); /* it is what we print anyway */
    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (model == NULL || count < 1 || count > NLU_FILES_MAX) {
        fputs("usage: kefu nlu inbox --model M --texts FILE...\n", stderr);
        return COMMAND_USAGE;
    }
    return inbox(model, paths, count, &err) == ERR_OK ? 0 : command_fault(&err);
}
