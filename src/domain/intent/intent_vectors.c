/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "intent_cooccur_priv.h"
#include "intent_svd_priv.h"
#include "mem.h"
#include "text.h"

enum {
    KINDS = TEXT_GRAM_WORD | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2,
    TABLE_FIRST = 1 << 15,
    FORMS_MAX = 1 << 20,   /* different words while counting; later new ones are not counted */
    MANY_TOKENS = 1000000, /* from here on a word must stand five times, before that twice */
    TIMES_MIN = 2,
    TIMES_MIN_MANY = 5,
    STEPS = 5, /* of progress: reading, three rounds of the decomposition, the end */
};

struct form {
    uint64_t hash;
    uint32_t times;
    uint32_t start; /* of the word in `text`, and its length */
    uint32_t len;
    uint32_t id; /* once numbered */
};

struct learner {
    char *norm;
    struct text_gram *grams;
    struct form *forms;
    uint32_t form_count, form_cap;
    uint32_t *table; /* hash -> form + 1 */
    uint32_t mask;
    char *text;
    size_t text_len, text_cap;
    uint32_t *tokens; /* forms of all texts, each text ended by UINT32_MAX */
    size_t token_count, token_cap;
    bool (*progress)(void *ctx, double share);
    void *ctx;
    unsigned steps;
};

static bool on_step(void *ctx)
{
    struct learner *learner = ctx;

    learner->steps++;
    return learner->progress == NULL ||
           learner->progress(learner->ctx, (double)learner->steps / STEPS);
}

static void table_grow(struct learner *learner)
{
    uint32_t mask = learner->mask * 2 + 1;
    uint32_t *table = mem_zalloc(((size_t)mask + 1) * sizeof(*table));

    for (uint32_t i = 0; i < learner->form_count; i++) {
        uint32_t at = (uint32_t)learner->forms[i].hash & mask;

        while (table[at] != 0)
            at = (at + 1) & mask;
        table[at] = i + 1;
    }
    free(learner->table);
    learner->table = table;
    learner->mask = mask;
}

static void *grown(void *ptr, size_t *cap, size_t needed, size_t item)
{
    if (needed <= *cap)
        return ptr;
    *cap = needed + needed / 2 + TABLE_FIRST;
    return mem_realloc(ptr, *cap * item);
}

static uint32_t form_add(struct learner *learner, uint64_t hash, struct slice word)
{
    size_t cap = learner->form_cap;

    learner->forms =
        grown(learner->forms, &cap, learner->form_count + (size_t)1, sizeof(*learner->forms));
    learner->form_cap = (uint32_t)cap;
    learner->text = grown(learner->text, &learner->text_cap, learner->text_len + word.len, 1);
    memcpy(learner->text + learner->text_len, word.ptr, word.len);
    learner->forms[learner->form_count] = (struct form){ .hash = hash,
                                                         .start = (uint32_t)learner->text_len,
                                                         .len = (uint32_t)word.len };
    learner->text_len += word.len;
    return learner->form_count++;
}

/* The form of a word; UINT32_MAX - 1: one too many. */
static uint32_t form_find(struct learner *learner, uint64_t hash, struct slice word)
{
    uint32_t at = (uint32_t)hash & learner->mask;
    uint32_t form;

    for (; learner->table[at] != 0; at = (at + 1) & learner->mask) {
        form = learner->table[at] - 1;
        if (learner->forms[form].hash == hash)
            return form;
    }
    if (learner->form_count == FORMS_MAX)
        return UINT32_MAX - 1;
    form = form_add(learner, hash, word);
    learner->table[at] = form + 1;
    if (learner->form_count > learner->mask / 2)
        table_grow(learner);
    return form;
}

static void text_read(struct learner *learner, struct slice text)
{
    struct slice norm =
        text_normalise_with(text, TEXT_SIMPLIFY, learner->norm, NULL, TEXT_NORM_BYTES_MAX);
    size_t count = text_grams(NULL, norm, KINDS, learner->grams, TEXT_GRAMS_PER_MESSAGE);

    learner->tokens = grown(learner->tokens, &learner->token_cap, learner->token_count + count + 1,
                            sizeof(*learner->tokens));
    for (size_t i = 0; i < count; i++) {
        const struct text_gram *gram = &learner->grams[i];
        uint32_t form =
            form_find(learner, gram->hash, slice_make(norm.ptr + gram->start, gram->len));

        if (form < learner->form_count)
            learner->forms[form].times++;
        learner->tokens[learner->token_count++] = form;
    }
    learner->tokens[learner->token_count++] = UINT32_MAX;
}

struct common {
    uint32_t times, form;
};

static int common_order(const void *a, const void *b)
{
    const struct common *x = a;
    const struct common *y = b;

    if (x->times != y->times)
        return x->times < y->times ? 1 : -1;
    return (x->form > y->form) - (x->form < y->form);
}

/* Numbers the words worth having from the most common down. */
static uint32_t words_number(struct learner *learner, struct intent_vectors *vectors)
{
    uint32_t least = learner->token_count > MANY_TOKENS ? TIMES_MIN_MANY : TIMES_MIN;
    struct common *order = mem_alloc((learner->form_count + (size_t)1) * sizeof(*order));
    uint32_t count = 0;

    for (uint32_t i = 0; i < learner->form_count; i++) {
        learner->forms[i].id = UINT32_MAX;
        if (learner->forms[i].times >= least)
            order[count++] = (struct common){ learner->forms[i].times, i };
    }
    qsort(order, count, sizeof(*order), common_order);
    if (count > INTENT_VECTORS_WORDS_MAX)
        count = INTENT_VECTORS_WORDS_MAX;
    vectors->count = count;
    vectors->hashes = mem_alloc((count + (size_t)1) * sizeof(*vectors->hashes));
    vectors->words = mem_alloc((count + (size_t)1) * sizeof(*vectors->words));
    vectors->text = learner->text;
    learner->text = NULL;
    for (uint32_t id = 0; id < count; id++) {
        struct form *form = &learner->forms[order[id].form];

        form->id = id;
        vectors->hashes[id] = form->hash;
        vectors->words[id] = slice_make(vectors->text + form->start, form->len);
    }
    free(order);
    return count;
}

static struct intent_cooccur *pairs_count(struct learner *learner, uint32_t words)
{
    struct intent_cooccur *cooccur = intent_cooccur_create(words);
    size_t start = 0;

    for (size_t i = 0; i < learner->token_count; i++) {
        uint32_t form = learner->tokens[i];

        if (form == UINT32_MAX) {
            intent_cooccur_add(cooccur, learner->tokens + start, i - start);
            start = i + 1;
        } else {
            learner->tokens[i] =
                form < learner->form_count ? learner->forms[form].id : UINT32_MAX - 1;
        }
    }
    return cooccur;
}

static void rows_unit(float *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float *row = rows + i * INTENT_VECTORS_DIM;
        float square = 0;

        for (unsigned d = 0; d < INTENT_VECTORS_DIM; d++)
            square += row[d] * row[d];
        for (unsigned d = 0; d < INTENT_VECTORS_DIM && square > 0; d++)
            row[d] /= sqrtf(square);
    }
}

static bool decompose(struct learner *learner, struct intent_vectors *vectors, uint64_t seed)
{
    struct intent_cooccur *cooccur = pairs_count(learner, vectors->count);
    struct intent_sparse by_rows;
    struct intent_sparse by_columns;
    bool going;

    intent_cooccur_ppmi(cooccur, &by_rows, &by_columns);
    intent_cooccur_destroy(&cooccur);
    vectors->rows = mem_zalloc((size_t)vectors->count * INTENT_VECTORS_DIM * sizeof(float));
    going = on_step(learner) && intent_svd(&by_rows, &by_columns, INTENT_VECTORS_DIM, seed, on_step,
                                           learner, vectors->rows);
    rows_unit(vectors->rows, vectors->count);
    intent_sparse_fini(&by_rows);
    intent_sparse_fini(&by_columns);
    return going;
}

void intent_vectors_destroy(struct intent_vectors **vectors)
{
    if (*vectors == NULL)
        return;
    free((*vectors)->hashes);
    free((*vectors)->words);
    free((*vectors)->text);
    free((*vectors)->rows);
    free(*vectors);
    *vectors = NULL;
}

static void learner_fini(struct learner *learner)
{
    free(learner->norm);
    free(learner->grams);
    free(learner->forms);
    free(learner->table);
    free(learner->text);
    free(learner->tokens);
}

enum err_code intent_vectors_learn(const struct slice *texts, size_t count, uint64_t seed,
                                   bool (*progress)(void *ctx, double share), void *ctx,
                                   struct intent_vectors **out, struct err *err)
{
    struct learner learner = { .mask = TABLE_FIRST - 1, .progress = progress, .ctx = ctx };
    struct intent_vectors *vectors = mem_zalloc(sizeof(*vectors));
    enum err_code rc = ERR_OK;

    learner.norm = mem_alloc(TEXT_NORM_BYTES_MAX);
    learner.grams = mem_alloc(TEXT_GRAMS_PER_MESSAGE * sizeof(*learner.grams));
    learner.table = mem_zalloc(TABLE_FIRST * sizeof(*learner.table));
    for (size_t i = 0; i < count && learner.token_count < INTENT_VECTORS_TOKENS_MAX; i++)
        text_read(&learner, texts[i]);
    if (words_number(&learner, vectors) < 2)
        rc = err_set(err, ERR_INVALID, "the texts have no two words that stand twice");
    else if (!decompose(&learner, vectors, seed))
        rc = err_set(err, ERR_TIMEOUT, "learning was cancelled");
    if (rc != ERR_OK)
        intent_vectors_destroy(&vectors);
    *out = vectors;
    learner_fini(&learner);
    return rc;
}
