/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting answers and counting them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "intent_eval_priv.h"
#include "mem.h"

enum {
    WORDS_BYTES_MAX = 64 * 1024 * 1024, /* of words that explain wrong answers; then none */
    PAIRS_MAX = 100000,
};

static const float NEAR = 0.7f;

struct intent_eval *intent_eval_create(const struct example_set *set)
{
    struct intent_eval *eval = mem_zalloc(sizeof(*eval));

    eval->set = set;
    eval->name_count = set->name_count;
    eval->names = mem_alloc((set->name_count + 1) * sizeof(*eval->names));
    if (set->name_count > 0)
        memcpy(eval->names, set->names, set->name_count * sizeof(*eval->names));
    eval->answers = mem_zalloc((set->count + 1) * sizeof(*eval->answers));
    for (size_t i = 0; i < set->count; i++) {
        eval->answers[i].got = EVAL_NOTHING;
        eval->answers[i].before = EVAL_UNASKED;
    }
    arena_init(&eval->arena, WORDS_BYTES_MAX);
    return eval;
}

void intent_eval_destroy(struct intent_eval **eval)
{
    if (*eval == NULL)
        return;
    free((*eval)->names);
    free((*eval)->answers);
    free((*eval)->outside);
    arena_fini(&(*eval)->arena);
    free(*eval);
    *eval = NULL;
}

static struct slice keep(struct intent_eval *eval, struct slice s)
{
    char *copy = arena_strdup(&eval->arena, s);

    return slice_make(copy, copy != NULL ? s.len : 0);
}

int32_t *eval_names_map(struct intent_eval *eval, const struct intent_model *model)
{
    uint32_t count = intent_model_count(model);
    int32_t *map = mem_alloc(count * sizeof(*map));

    for (uint32_t i = 0; i < count; i++) {
        struct slice name = intent_model_name(model, i);

        map[i] = example_set_find(eval->set, name);
        for (size_t n = eval->set->name_count; n < eval->name_count && map[i] < 0; n++) {
            if (slice_equal(eval->names[n], name))
                map[i] = (int32_t)n;
        }
        if (map[i] >= 0)
            continue;
        map[i] = (int32_t)eval->name_count;
        eval->names = mem_realloc(eval->names, (eval->name_count + 2) * sizeof(*eval->names));
        eval->names[eval->name_count++] = keep(eval, name);
    }
    return map;
}

/* The words that spoke most for an intent. */
static void answer_explain(struct intent_eval *eval, const struct intent_model *model,
                           struct intent_scratch *scratch, uint32_t intent,
                           struct eval_answer *answer)
{
    struct intent_cause causes[INTENT_CAUSES_MAX];
    size_t count = intent_explain(model, scratch, intent, causes, INTENT_CAUSES_MAX);

    for (unsigned w = 0; w < EVAL_WORDS; w++) {
        size_t most = 0;

        for (size_t i = 1; i < count; i++)
            most = causes[i].weight > causes[most].weight ? i : most;
        if (count == 0 || causes[most].weight <= 0)
            return;
        answer->words[w] = keep(eval, causes[most].word);
        causes[most].weight = 0;
    }
}

void intent_eval_answer(struct intent_eval *eval, const struct intent_model *model,
                        struct intent_scratch *scratch, const uint8_t *folds, int fold)
{
    int32_t *map = eval_names_map(eval, model);

    eval->threshold = intent_model_threshold(model);
    for (size_t i = 0; i < eval->set->count; i++) {
        const struct example *example = &eval->set->items[i];
        struct eval_answer *answer = &eval->answers[i];
        struct intent_result result;

        if (folds != NULL && folds[i] != fold)
            continue;
        intent_predict(model, scratch, example->text, 1, &result);
        answer->given = true;
        if (result.count == 0)
            continue;
        answer->got = map[result.hits[0].intent];
        answer->score = result.hits[0].score;
        if (answer->got != (int32_t)example->intent && !result.exact)
            answer_explain(eval, model, scratch, result.hits[0].intent, answer);
    }
    free(map);
}

void intent_eval_answer_outside(struct intent_eval *eval, const struct intent_model *model,
                                struct intent_scratch *scratch, const struct slice *texts,
                                size_t count)
{
    eval->outside =
        mem_realloc(eval->outside, (eval->outside_count + count + 1) * sizeof(*eval->outside));
    for (size_t i = 0; i < count; i++) {
        struct intent_result result;

        intent_predict(model, scratch, texts[i], 1, &result);
        eval->outside[eval->outside_count++] = result.count > 0 ? result.hits[0].score : 0;
    }
}

static bool is_right(const struct intent_eval *eval, size_t i)
{
    return eval->answers[i].got == (int32_t)eval->set->items[i].intent;
}

struct eval_intent *eval_intents(const struct intent_eval *eval)
{
    struct eval_intent *intents = mem_zalloc((eval->name_count + 1) * sizeof(*intents));

    for (size_t i = 0; i < eval->set->count; i++) {
        if (!eval->answers[i].given)
            continue;
        intents[eval->set->items[i].intent].support++;
        intents[eval->set->items[i].intent].right += is_right(eval, i);
        if (eval->answers[i].got >= 0)
            intents[eval->answers[i].got].got++;
    }
    for (size_t n = 0; n < eval->name_count; n++) {
        struct eval_intent *intent = &intents[n];
        double both = (double)(intent->support + intent->got);

        intent->precision = intent->got > 0 ? (double)intent->right / (double)intent->got : 0;
        intent->recall = intent->support > 0 ? (double)intent->right / (double)intent->support : 0;
        intent->f1 = both > 0 ? 2 * (double)intent->right / both : 0;
    }
    return intents;
}

void eval_bins(const struct intent_eval *eval, struct eval_bin bins[INTENT_EVAL_BINS])
{
    memset(bins, 0, INTENT_EVAL_BINS * sizeof(*bins));
    for (size_t i = 0; i < eval->set->count; i++) {
        unsigned bin = (unsigned)(eval->answers[i].score * INTENT_EVAL_BINS);

        if (!eval->answers[i].given)
            continue;
        bin = bin < INTENT_EVAL_BINS ? bin : INTENT_EVAL_BINS - 1;
        bins[bin].count++;
        bins[bin].right += is_right(eval, i);
        bins[bin].score += eval->answers[i].score;
    }
}

struct eval_step eval_step_at(const struct intent_eval *eval, double threshold)
{
    struct eval_step step = { .threshold = threshold };
    double count = 0;

    for (size_t i = 0; i < eval->set->count; i++) {
        if (!eval->answers[i].given)
            continue;
        count++;
        if (eval->answers[i].score < threshold || eval->answers[i].got < 0)
            step.rejected++;
        else if (is_right(eval, i))
            step.right++;
        else
            step.wrong++;
    }
    for (size_t i = 0; i < eval->outside_count; i++)
        step.outside_rejected += eval->outside[i] < threshold;
    if (count > 0) {
        step.right /= count;
        step.wrong /= count;
        step.rejected /= count;
    }
    if (eval->outside_count > 0)
        step.outside_rejected /= (double)eval->outside_count;
    return step;
}

static int float_order(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;

    return (x > y) - (x < y);
}

/* By ranks: for each inside score, how many outside ones are below it; equal ones count half. */
static double area_under_curve(const float *inside, size_t n, const float *outside, size_t m)
{
    size_t below = 0;
    size_t up_to = 0;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        while (below < m && outside[below] < inside[i])
            below++;
        while (up_to < m && outside[up_to] <= inside[i])
            up_to++;
        sum += (double)(below + up_to) / 2;
    }
    return n > 0 && m > 0 ? sum / ((double)n * (double)m) : 0;
}

static struct intent_eval_scope scope_figures(const struct intent_eval *eval)
{
    static const double recalls[] = { .5, .7, .8, .9 };
    struct intent_eval_scope scope = { .count = eval->outside_count };
    float *inside = mem_alloc((eval->set->count + 1) * sizeof(*inside));
    float *outside = mem_alloc((eval->outside_count + 1) * sizeof(*outside));
    size_t n = 0;

    if (eval->outside_count > 0)
        memcpy(outside, eval->outside, eval->outside_count * sizeof(*outside));
    for (size_t i = 0; i < eval->set->count; i++) {
        if (eval->answers[i].given)
            inside[n++] = eval->answers[i].score;
    }
    qsort(inside, n, sizeof(*inside), float_order);
    qsort(outside, eval->outside_count, sizeof(*outside), float_order);
    scope.auroc = area_under_curve(inside, n, outside, eval->outside_count);
    for (unsigned r = 0; r < LENGTH_OF(recalls) && eval->outside_count > 0; r++) {
        size_t at = (size_t)(recalls[r] * (double)eval->outside_count);

        scope.at_recall[r] = eval_step_at(eval, (double)outside[at]).right;
    }
    free(inside);
    free(outside);
    return scope;
}

struct intent_eval_figures intent_eval_figures(const struct intent_eval *eval)
{
    struct intent_eval_figures figures = { .scope = scope_figures(eval) };
    struct eval_intent *intents = eval_intents(eval);
    struct eval_bin bins[INTENT_EVAL_BINS];
    double supported = 0;

    for (size_t n = 0; n < eval->name_count; n++) {
        figures.count += intents[n].support;
        figures.right += intents[n].right;
        figures.macro_f1 += intents[n].support > 0 ? intents[n].f1 : 0;
        supported += intents[n].support > 0;
    }
    eval_bins(eval, bins);
    for (unsigned b = 0; b < INTENT_EVAL_BINS; b++)
        figures.calibration_error += fabs(bins[b].score - (double)bins[b].right);
    if (figures.count > 0) {
        figures.accuracy = (double)figures.right / (double)figures.count;
        figures.macro_f1 /= supported;
        figures.calibration_error /= (double)figures.count;
    }
    free(intents);
    return figures;
}

struct wrong {
    uint32_t expected, got, example;
};

static int wrong_order(const void *a, const void *b)
{
    const struct wrong *x = a;
    const struct wrong *y = b;

    if (x->expected != y->expected)
        return x->expected > y->expected ? 1 : -1;
    if (x->got != y->got)
        return x->got > y->got ? 1 : -1;
    return (x->example > y->example) - (x->example < y->example);
}

static int confusion_order(const void *a, const void *b)
{
    const struct eval_confusion *x = a;
    const struct eval_confusion *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

struct eval_confusion *eval_confusions(const struct intent_eval *eval, size_t *count,
                                       uint32_t **wrong)
{
    struct wrong *list = mem_alloc((eval->set->count + 1) * sizeof(*list));
    struct eval_confusion *confusions = mem_alloc((eval->set->count + 1) * sizeof(*confusions));
    size_t n = 0;
    size_t found = 0;

    for (size_t i = 0; i < eval->set->count; i++) {
        if (eval->answers[i].given && !is_right(eval, i) && eval->answers[i].got >= 0)
            list[n++] = (struct wrong){ eval->set->items[i].intent, (uint32_t)eval->answers[i].got,
                                        (uint32_t)i };
    }
    qsort(list, n, sizeof(*list), wrong_order);
    *wrong = mem_alloc((n + 1) * sizeof(**wrong));
    for (size_t i = 0; i < n; i++) {
        (*wrong)[i] = list[i].example;
        if (found == 0 || confusions[found - 1].expected != list[i].expected ||
            confusions[found - 1].got != list[i].got)
            confusions[found++] =
                (struct eval_confusion){ list[i].expected, list[i].got, 0, (uint32_t)i };
        confusions[found - 1].count++;
    }
    qsort(confusions, found, sizeof(*confusions), confusion_order);
    free(list);
    *count = found;
    return confusions;
}

static int similarity_order(const void *a, const void *b)
{
    const struct intent_pair *x = a;
    const struct intent_pair *y = b;

    if (x->similarity != y->similarity)
        return x->similarity < y->similarity ? 1 : -1;
    return (x->a > y->a) - (x->a < y->a);
}

struct intent_pair *eval_contradictions(const struct intent_eval *eval, size_t *count)
{
    struct slice *texts = mem_alloc((eval->set->count + 1) * sizeof(*texts));
    struct intent_pair *pairs = mem_alloc(PAIRS_MAX * sizeof(*pairs));
    size_t kept = 0;
    size_t found;

    for (size_t i = 0; i < eval->set->count; i++)
        texts[i] = eval->set->items[i].text;
    found = intent_near_pairs(texts, eval->set->count, NEAR, pairs, PAIRS_MAX);
    for (size_t i = 0; i < found; i++) {
        if (eval->set->items[pairs[i].a].intent != eval->set->items[pairs[i].b].intent)
            pairs[kept++] = pairs[i];
    }
    qsort(pairs, kept, sizeof(*pairs), similarity_order);
    free(texts);
    *count = kept;
    return pairs;
}
