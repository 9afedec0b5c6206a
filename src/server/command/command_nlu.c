/* SPDX-License-Identifier: Apache-2.0 */
/* kefu nlu train|eval|predict|vectors|convert|inbox: intents from the command line. */
#include "command_nlu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "entity.h"
#include "examples_file.h"
#include "hash.h"
#include "intent_train.h"
#include "intent_vectors.h"
#include "json.h"
#include "map_u64.h"
#include "mem.h"
#include "text.h"
#include "vector_npy.h"

enum {
    LINE_BYTES_MAX = 128 * 1024, /* a longer line of standard input is cut */
    CLOCK_OFFSET_MINUTES = 0,
    CONTRARY_SAID_MAX = 10, /* of a training, on standard error; all are counted */
    SHOWN_BYTES = 100,      /* of a text, in these */
};

static const struct {
    const char *name;
    int (*run)(struct command_args *args);
} parts[] = {
    { "train", command_nlu_train },     { "eval", command_nlu_eval },
    { "predict", command_nlu_predict }, { "convert", command_nlu_convert },
    { "inbox", command_nlu_inbox },     { "vectors", command_nlu_vectors },
};

int command_nlu(struct command_args *args)
{
    for (size_t i = 0; i < LENGTH_OF(parts) && args->count > 0; i++) {
        if (strcmp(args->items[0], parts[i].name) == 0) {
            args->items++;
            args->count--;
            return parts[i].run(args);
        }
    }
    fprintf(stderr, "usage: kefu nlu %s\n", command_find("nlu")->help);
    return COMMAND_USAGE;
}

static int usage(const char *text)
{
    fprintf(stderr, "usage: kefu nlu %s\n", text);
    return COMMAND_USAGE;
}

struct train_args {
    const char *examples[NLU_FILES_MAX];
    const char *negatives[NLU_FILES_MAX];
    int example_count, negative_count;
    const char *quality, *seed, *model, *unlabelled;
    bool quiet;
};

static bool on_progress(void *ctx, double share)
{
    const struct train_args *args = ctx;

    if (!args->quiet)
        fprintf(stderr, "\rtraining %3.0f %%", 100 * share);
    return true;
}

/* The same text twice: with one intent it only counts twice, with two it teaches neither. */
struct doubles {
    size_t same, contrary;
};

static void contrary_say(const struct example_set *set, const struct example *first,
                         const struct example *second)
{
    fprintf(stderr, "kefu: line %u: '%.*s' is an example of '%.*s', and of '%.*s' in line %u\n",
            second->line, (int)(second->text.len < SHOWN_BYTES ? second->text.len : SHOWN_BYTES),
            second->text.ptr, SLICE_ARGS(set->names[second->intent]),
            SLICE_ARGS(set->names[first->intent]), first->line);
}

static struct doubles doubles_find(const struct example_set *set)
{
    static const struct hash_key key = { 0x646F75626C65u, 0x7365656Eu };
    struct doubles doubles = { 0 };
    struct map_u64 seen;

    map_u64_init(&seen, EXAMPLES_MAX, key.k0);
    for (size_t i = 0; i < set->count; i++) {
        struct example *example = &set->items[i];
        uint64_t hash = hash_bytes(key, example->text.ptr, example->text.len);
        const struct example *first = map_u64_get(&seen, hash);

        if (first == NULL) {
            ENSURE(map_u64_put(&seen, hash, example)); /* it has room for a whole set */
        } else if (first->intent == example->intent) {
            doubles.same++;
        } else if (doubles.contrary++ < CONTRARY_SAID_MAX) {
            contrary_say(set, first, example);
        }
    }
    map_u64_fini(&seen);
    return doubles;
}

static enum err_code train(const struct train_args *args, struct intent_options *options,
                           struct err *err)
{
    struct example_set set;
    struct nlu_texts negatives;
    struct nlu_texts unlabelled;
    struct doubles doubles;
    struct buf model;
    enum err_code rc;

    example_set_init(&set);
    nlu_texts_init(&negatives);
    nlu_texts_init(&unlabelled);
    buf_init(&model, INTENT_MODEL_BYTES_MAX);
    rc = nlu_examples_read(args->examples, args->example_count, &set, err);
    if (rc == ERR_OK)
        rc = nlu_texts_read(args->negatives, args->negative_count, &negatives, err);
    if (rc == ERR_OK && args->unlabelled != NULL)
        rc = nlu_texts_read(&args->unlabelled, 1, &unlabelled, err);
    if (rc != ERR_OK)
        goto out;
    doubles = doubles_find(&set);
    options->unlabelled = unlabelled.items;
    options->unlabelled_count = unlabelled.count;
    options->negatives = negatives.items;
    options->negative_count = negatives.count;
    rc = intent_train(&set, options, &model, err);
    if (!args->quiet)
        fputs("\r              \r", stderr);
    if (rc == ERR_OK)
        rc = nlu_file_write(args->model, buf_slice(&model), err);
    if (rc == ERR_OK)
        printf("{\"examples\":%zu,\"intents\":%zu,\"negatives\":%zu,\"duplicates\":%zu,"
               "\"contradictions\":%zu,\"bytes\":%zu}\n",
               set.count, set.name_count, negatives.count, doubles.same, doubles.contrary,
               model.len);
out:
    buf_fini(&model);
    nlu_texts_fini(&negatives);
    nlu_texts_fini(&unlabelled);
    example_set_fini(&set);
    return rc;
}

int command_nlu_train(struct command_args *args)
{
    struct train_args train_args = { .quality = command_option(args, "quality") };
    struct intent_options options = { .seed = 1, .progress = on_progress, .ctx = &train_args };
    unsigned long long seed = 1;
    struct err err = { 0 };

    train_args.example_count = command_list(args, "examples", train_args.examples, NLU_FILES_MAX);
    train_args.negative_count =
        command_list(args, "negatives", train_args.negatives, NLU_FILES_MAX);
    train_args.seed = command_option(args, "seed");
    train_args.unlabelled = command_option(args, "unlabelled");
    train_args.model = command_option(args, "model");
    train_args.quiet = command_flag(args, "json");
    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (train_args.model == NULL || train_args.example_count < 1 ||
        train_args.example_count > NLU_FILES_MAX || train_args.negative_count > NLU_FILES_MAX ||
        (train_args.seed != NULL && !slice_to_u64(slice_of(train_args.seed), &seed)) ||
        (train_args.quality != NULL && strcmp(train_args.quality, "fast") != 0 &&
         strcmp(train_args.quality, "best") != 0))
        return usage("train --examples FILE... [--negatives FILE...] [--unlabelled FILE] "
                     "[--quality fast|best] [--seed N] [--json] --model OUT");
    options.seed = seed;
    if (train_args.quality != NULL && strcmp(train_args.quality, "best") == 0)
        options.quality = INTENT_BEST;
    return train(&train_args, &options, &err) == ERR_OK ? 0 : command_fault(&err);
}

struct predictor {
    struct nlu_model model;
    struct intent_scratch *scratch;
    struct entity_scratch *entity_scratch;
    struct entity_options entity_options;
    struct entity_list entities;
    unsigned top;
};

static void put_entity(struct slice line, const struct entity *entity, struct json_writer *json)
{
    json_object_begin(json);
    json_key(json, "kind");
    json_text(json, slice_of(entity_kind_name(entity->kind)));
    json_key(json, "text");
    json_text(json, slice_make(line.ptr + entity->start, entity->len));
    json_key(json, "start");
    json_u64(json, entity->start);
    if (entity->value.len > 0) {
        json_key(json, "value");
        json_text(json, entity->value);
    }
    if (entity->kind == ENTITY_MONEY || entity->kind == ENTITY_PERCENT ||
        entity->kind == ENTITY_NUMBER) {
        double number = (double)entity->number.mantissa;

        for (unsigned i = 0; i < entity->number.scale; i++)
            number /= 10;
        json_key(json, "number");
        json_double(json, number);
    }
    json_object_end(json);
}

static void predict_line(struct predictor *predictor, struct slice line, struct buf *out)
{
    const struct intent_model *model = predictor->model.model;
    struct intent_result result;
    struct json_writer json;

    intent_predict(model, predictor->scratch, line, predictor->top, &result);
    entity_find(line, &predictor->entity_options, predictor->entity_scratch, &predictor->entities);
    json_writer_init(&json, out);
    json_object_begin(&json);
    json_key(&json, "text");
    json_text(&json, line);
    json_key(&json, "intents");
    json_array_begin(&json);
    for (unsigned i = 0; i < result.count; i++) {
        json_object_begin(&json);
        json_key(&json, "name");
        json_text(&json, intent_model_name(model, result.hits[i].intent));
        json_key(&json, "score");
        json_double(&json, (double)result.hits[i].score);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_key(&json, "inScope");
    json_bool(&json, result.in_scope);
    json_key(&json, "entities");
    json_array_begin(&json);
    for (size_t i = 0; i < predictor->entities.count; i++)
        put_entity(line, &predictor->entities.items[i], &json);
    json_array_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

/* One line of standard input, cut at LINE_BYTES_MAX; false at its end. Broken UTF-8 is cut off
 * where it breaks, because the answer repeats the text. */
static bool line_next(char *line, struct slice *out)
{
    size_t at;

    if (fgets(line, LINE_BYTES_MAX, stdin) == NULL)
        return false;
    *out = slice_make(line, strcspn(line, "\r\n"));
    if (text_fault_find(*out, &at) != TEXT_FAULT_NONE)
        out->len = at;
    return true;
}

static void predict_all(struct predictor *predictor)
{
    char *line = mem_alloc(LINE_BYTES_MAX);
    struct slice text;
    struct buf out;

    buf_init(&out, (size_t)8 * LINE_BYTES_MAX);
    while (line_next(line, &text)) {
        buf_clear(&out);
        predict_line(predictor, text, &out);
        fwrite(out.ptr, 1, out.len, stdout);
    }
    buf_fini(&out);
    free(line);
}

int command_nlu_predict(struct command_args *args)
{
    const char *path = command_option(args, "model");
    const char *top = command_option(args, "top");
    struct predictor predictor = { 0 };
    unsigned long long count = 3;
    struct err err = { 0 };

    (void)command_flag(args, "json"); /* it is what we print anyway */
    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (path == NULL || (top != NULL && (!slice_to_u64(slice_of(top), &count) || count < 1 ||
                                         count > INTENT_TOP_MAX)))
        return usage("predict --model M [--top 1..10]: texts on standard input, one a line");
    if (nlu_model_open(path, &predictor.model, &err) != ERR_OK)
        return command_fault(&err);
    predictor.top = (unsigned)count;
    predictor.scratch = intent_scratch_create();
    predictor.entity_scratch = entity_scratch_create();
    predictor.entity_options = (struct entity_options){
        .kinds = ENTITY_ALL,
        .today = entity_day_at((int64_t)time(NULL), CLOCK_OFFSET_MINUTES),
    };
    predict_all(&predictor);
    entity_scratch_destroy(&predictor.entity_scratch);
    intent_scratch_destroy(&predictor.scratch);
    nlu_model_close(&predictor.model);
    return 0;
}

int command_nlu_convert(struct command_args *args)
{
    const char *paths[NLU_FILES_MAX];
    int count = command_list(args, "examples", paths, NLU_FILES_MAX);
    const char *format_name = command_option(args, "to");
    const char *path = command_option(args, "out");
    enum examples_format format = EXAMPLES_TSV;
    struct example_set set;
    struct err err = { 0 };
    struct buf out;
    enum err_code rc;

    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (path == NULL || format_name == NULL || count < 1 || count > NLU_FILES_MAX ||
        !examples_format_parse(format_name, &format))
        return usage("convert --examples FILE... --to tsv|csv|jsonl|rasa-yaml|rasa-json|tiledesk "
                     "--out FILE");
    example_set_init(&set);
    buf_init(&out, (size_t)4 * EXAMPLES_BYTES_MAX);
    rc = nlu_examples_read(paths, count, &set, &err);
    if (rc == ERR_OK) {
        examples_write(&set, format, &out);
        rc = nlu_file_write(path, buf_slice(&out), &err);
    }
    buf_fini(&out);
    example_set_fini(&set);
    return rc == ERR_OK ? 0 : command_fault(&err);
}

static enum err_code vectors_write(const struct intent_vectors *vectors, const char *out_path,
                                   const char *vocabulary_path, struct err *err)
{
    size_t bytes = (size_t)vectors->count * INTENT_VECTORS_DIM * sizeof(float);
    enum err_code rc;
    struct buf out;

    buf_init(&out, bytes + VECTOR_NPY_HEADER_MAX + vectors->count * (size_t)LINE_BYTES_MAX);
    vector_npy_write_header(&out, "<f4", vectors->count, INTENT_VECTORS_DIM);
    buf_add(&out, vectors->rows, bytes);
    rc = nlu_file_write(out_path, buf_slice(&out), err);
    if (rc == ERR_OK) {
        buf_clear(&out);
        for (uint32_t i = 0; i < vectors->count; i++) {
            buf_add_slice(&out, vectors->words[i]);
            buf_add_char(&out, '\n');
        }
        rc = nlu_file_write(vocabulary_path, buf_slice(&out), err);
    }
    buf_fini(&out);
    return rc;
}

int command_nlu_vectors(struct command_args *args)
{
    const char *unlabelled[NLU_FILES_MAX];
    int count = command_list(args, "unlabelled", unlabelled, NLU_FILES_MAX);
    const char *out = command_option(args, "out");
    const char *vocabulary = command_option(args, "vocabulary");
    bool json = command_flag(args, "json");
    struct intent_vectors *vectors = NULL;
    struct nlu_texts texts;
    struct err err = { 0 };
    enum err_code rc;

    if (!command_complete(args, command_find("nlu"), 0, 0))
        return COMMAND_USAGE;
    if (count < 1 || count > NLU_FILES_MAX || out == NULL || vocabulary == NULL)
        return usage("vectors --unlabelled FILE... --out FILE.npy --vocabulary FILE [--json]");
    nlu_texts_init(&texts);
    rc = nlu_texts_read(unlabelled, count, &texts, &err);
    if (rc == ERR_OK)
        rc = intent_vectors_learn(texts.items, texts.count, 1, NULL, NULL, &vectors, &err);
    if (rc == ERR_OK)
        rc = vectors_write(vectors, out, vocabulary, &err);
    if (rc == ERR_OK)
        printf(json ? "{\"texts\":%zu,\"words\":%u,\"dim\":%d}\n"
                    : "%zu texts, %u words of %d numbers\n",
               texts.count, vectors->count, INTENT_VECTORS_DIM);
    intent_vectors_destroy(&vectors);
    nlu_texts_fini(&texts);
    return rc == ERR_OK ? 0 : command_fault(&err);
}
