/* SPDX-License-Identifier: Apache-2.0 */
/* The report for programs. */
#include <stdlib.h>

#include "intent_eval_priv.h"
#include "json.h"

static void put_number(struct json_writer *json, const char *key, double value)
{
    json_key(json, key);
    json_double(json, value);
}

static void put_count(struct json_writer *json, const char *key, size_t value)
{
    json_key(json, key);
    json_u64(json, value);
}

static void put_text(struct json_writer *json, const char *key, struct slice value)
{
    json_key(json, key);
    json_text(json, value);
}

static void put_intents(const struct intent_eval *eval, struct json_writer *json)
{
    struct eval_intent *intents = eval_intents(eval);

    json_key(json, "intents");
    json_array_begin(json);
    for (size_t n = 0; n < eval->name_count; n++) {
        json_object_begin(json);
        put_text(json, "name", eval->names[n]);
        put_count(json, "support", intents[n].support);
        put_number(json, "precision", intents[n].precision);
        put_number(json, "recall", intents[n].recall);
        put_number(json, "f1", intents[n].f1);
        json_object_end(json);
    }
    json_array_end(json);
    json_key(json, "thinIntents");
    json_array_begin(json);
    for (size_t n = 0; n < eval->name_count; n++) {
        if (intents[n].support > 0 && intents[n].support < INTENT_EVAL_THIN)
            json_text(json, eval->names[n]);
    }
    json_array_end(json);
    free(intents);
}

static void put_answer(const struct intent_eval *eval, uint32_t at, struct json_writer *json)
{
    const struct eval_answer *answer = &eval->answers[at];

    put_text(json, "text", eval->set->items[at].text);
    put_count(json, "line", eval->set->items[at].line);
    put_number(json, "score", (double)answer->score);
    json_key(json, "words");
    json_array_begin(json);
    for (unsigned w = 0; w < EVAL_WORDS && answer->words[w].len > 0; w++)
        json_text(json, answer->words[w]);
    json_array_end(json);
}

static void put_sentence(const struct intent_eval *eval, uint32_t at, struct json_writer *json)
{
    json_object_begin(json);
    put_answer(eval, at, json);
    json_object_end(json);
}

static void put_confusions(const struct intent_eval *eval, struct json_writer *json)
{
    uint32_t *wrong;
    size_t count;
    struct eval_confusion *confusions = eval_confusions(eval, &count, &wrong);

    json_key(json, "confusions");
    json_array_begin(json);
    for (size_t i = 0; i < count && i < INTENT_EVAL_LISTED_MAX; i++) {
        json_object_begin(json);
        put_text(json, "expected", eval->names[confusions[i].expected]);
        put_text(json, "got", eval->names[confusions[i].got]);
        put_count(json, "count", confusions[i].count);
        json_key(json, "sentences");
        json_array_begin(json);
        for (uint32_t s = 0; s < confusions[i].count && s < INTENT_EVAL_SENTENCES_MAX; s++)
            put_sentence(eval, wrong[confusions[i].first + s], json);
        json_array_end(json);
        json_object_end(json);
    }
    json_array_end(json);
    free(confusions);
    free(wrong);
}

static void put_labelled(const struct intent_eval *eval, const char *key, uint32_t at,
                         struct json_writer *json)
{
    const struct example *example = &eval->set->items[at];

    json_key(json, key);
    json_object_begin(json);
    put_text(json, "text", example->text);
    put_text(json, "intent", eval->names[example->intent]);
    put_count(json, "line", example->line);
    json_object_end(json);
}

static void put_contradictions(const struct intent_eval *eval, struct json_writer *json)
{
    size_t count;
    struct intent_pair *pairs = eval_contradictions(eval, &count);

    json_key(json, "nearDuplicates");
    json_array_begin(json);
    for (size_t i = 0; i < count && i < INTENT_EVAL_LISTED_MAX; i++) {
        json_object_begin(json);
        put_labelled(eval, "a", pairs[i].a, json);
        put_labelled(eval, "b", pairs[i].b, json);
        put_number(json, "similarity", (double)pairs[i].similarity);
        json_object_end(json);
    }
    json_array_end(json);
    free(pairs);
}

static void put_curves(const struct intent_eval *eval, struct json_writer *json)
{
    struct eval_bin bins[INTENT_EVAL_BINS];

    json_key(json, "thresholds");
    json_array_begin(json);
    for (unsigned i = 0; i <= INTENT_EVAL_STEPS; i++) {
        struct eval_step step = eval_step_at(eval, (double)i / INTENT_EVAL_STEPS);

        json_object_begin(json);
        put_number(json, "threshold", step.threshold);
        put_number(json, "right", step.right);
        put_number(json, "wrong", step.wrong);
        put_number(json, "rejected", step.rejected);
        if (eval->outside_count > 0)
            put_number(json, "outOfScopeRejected", step.outside_rejected);
        json_object_end(json);
    }
    json_array_end(json);
    eval_bins(eval, bins);
    json_key(json, "calibration");
    json_array_begin(json);
    for (unsigned b = 0; b < INTENT_EVAL_BINS; b++) {
        double count = bins[b].count > 0 ? (double)bins[b].count : 1;

        json_object_begin(json);
        put_number(json, "from", (double)b / INTENT_EVAL_BINS);
        put_count(json, "count", bins[b].count);
        put_number(json, "score", bins[b].score / count);
        put_number(json, "right", (double)bins[b].right / count);
        json_object_end(json);
    }
    json_array_end(json);
}

static void put_name(const struct intent_eval *eval, const char *key, int32_t name,
                     struct json_writer *json)
{
    put_text(json, key, name >= 0 ? eval->names[name] : SLICE_LITERAL(""));
}

static void put_changed(const struct intent_eval *eval, const char *key, enum eval_change kind,
                        struct json_writer *json)
{
    size_t listed = 0;

    json_key(json, key);
    json_array_begin(json);
    for (size_t i = 0; i < eval->set->count && listed < INTENT_EVAL_LISTED_MAX; i++) {
        const struct eval_answer *answer = &eval->answers[i];

        if (eval_change_of(eval, i) != kind)
            continue;
        json_object_begin(json);
        put_name(eval, "intent", (int32_t)eval->set->items[i].intent, json);
        put_name(eval, "got", answer->got, json);
        put_name(eval, "before", answer->before, json);
        put_answer(eval, (uint32_t)i, json);
        json_object_end(json);
        listed++;
    }
    json_array_end(json);
}

static void put_changed_intents(const struct intent_eval *eval, struct json_writer *json)
{
    struct intent_eval_change *changes = eval_changes(eval);

    json_key(json, "intents");
    json_array_begin(json);
    for (size_t n = 0; n < eval->name_count; n++) {
        if (changes[n].fixed + changes[n].broken == 0)
            continue;
        json_object_begin(json);
        put_text(json, "name", eval->names[n]);
        put_count(json, "compared", changes[n].compared);
        put_count(json, "fixed", changes[n].fixed);
        put_count(json, "broken", changes[n].broken);
        json_object_end(json);
    }
    json_array_end(json);
    free(changes);
}

static void put_changes(const struct intent_eval *eval, struct json_writer *json)
{
    struct intent_eval_change change = intent_eval_change(eval);
    double compared = change.compared > 0 ? (double)change.compared : 1;

    json_key(json, "against");
    json_object_begin(json);
    put_count(json, "compared", change.compared);
    put_number(json, "accuracy", (double)change.right_before / compared);
    put_number(json, "accuracyNow", (double)change.right / compared);
    put_count(json, "fixedCount", change.fixed);
    put_count(json, "brokenCount", change.broken);
    put_changed_intents(eval, json);
    put_changed(eval, "fixed", EVAL_FIXED, json);
    put_changed(eval, "broken", EVAL_BROKEN, json);
    json_object_end(json);
}

static void put_scope(const struct intent_eval_scope *scope, struct json_writer *json)
{
    json_key(json, "oos");
    json_object_begin(json);
    put_count(json, "count", scope->count);
    put_number(json, "auroc", scope->auroc);
    put_number(json, "inScopeAtRecall50", scope->at_recall[0]);
    put_number(json, "inScopeAtRecall70", scope->at_recall[1]);
    put_number(json, "inScopeAtRecall80", scope->at_recall[2]);
    put_number(json, "inScopeAtRecall90", scope->at_recall[3]);
    json_object_end(json);
}

void intent_eval_json(const struct intent_eval *eval, struct buf *out)
{
    struct intent_eval_figures figures = intent_eval_figures(eval);
    struct json_writer json;

    json_writer_init(&json, out);
    json_object_begin(&json);
    put_count(&json, "examples", figures.count);
    put_count(&json, "right", figures.right);
    put_number(&json, "accuracy", figures.accuracy);
    put_number(&json, "macroF1", figures.macro_f1);
    put_number(&json, "calibrationError", figures.calibration_error);
    put_number(&json, "threshold", (double)eval->threshold);
    if (eval->outside_count > 0)
        put_scope(&figures.scope, &json);
    if (eval->compared)
        put_changes(eval, &json);
    put_intents(eval, &json);
    put_confusions(eval, &json);
    put_contradictions(eval, &json);
    put_curves(eval, &json);
    json_object_end(&json);
}
