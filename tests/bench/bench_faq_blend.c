/* SPDX-License-Identifier: Apache-2.0 */
/* faq --csv FILE: how well words, word vectors and a classifier find an entry by a way of asking
 * that they have not seen, each alone and blended as the product blends them. An entry's variants
 * are dealt into folds; the index holds the questions and the variants of the other folds, the
 * classifier has learned these with the entry as their class, and the vectors come from the same
 * texts and all answers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_faq_priv.h"
#include "faq_csv.h"
#include "intent_train.h"
#include "intent_vectors.h"
#include "mem.h"
#include "search.h"
#include "text.h"

enum {
    FOLDS = 4,
    PHRASINGS_MAX = 20000,
    ENTRIES_MAX = 5000,
    ROW_BYTES_MAX = 1 << 20,
    TEXTS_BYTES_MAX = 64 << 20,
    NORM_BYTES = 4096,
    NAME_BYTES = 16,
};

enum way {
    BY_WORDS,
    BY_VECTORS,
    BY_CLASSES,
    BY_WORDS_VECTORS,
    BY_WORDS_CLASSES,
    BY_ALL,
    WAYS,
};
static const char *const way_names[WAYS] = { "words",        "vectors",         "classifier",
                                             "wordsVectors", "wordsClassifier", "all" };

struct phrasing {
    struct slice text; /* in normal form */
    uint32_t entry;
    int fold; /* -1: a question, always there */
    float vector[INTENT_VECTORS_DIM];
};

struct bank {
    struct arena arena;
    struct phrasing *items;
    size_t count;
    struct slice *answers;
    uint32_t entries;
    const char *locale; /* that is read now */
};

struct score {
    size_t first;
    double reciprocal;
};

struct trial {
    struct bank *bank;
    struct text_stemmer *stemmer;
    struct search_scratch *search;
    struct intent_scratch *scratch;
    struct search_index *index;
    struct intent_model *model;
    struct score scores[WAYS];
    size_t asked;
};

/* ---- reading ---- */
static struct slice keep(struct bank *bank, struct slice text)
{
    char norm[NORM_BYTES];
    struct slice out = text_normalise_with(text, TEXT_SIMPLIFY, norm, NULL, sizeof(norm));
    char *copy = arena_strdup(&bank->arena, out);

    if (copy == NULL)
        bench_fail("the file is too large");
    return slice_make(copy, out.len);
}

static void phrasing_add(struct bank *bank, struct slice text, int fold)
{
    if (bank->count == PHRASINGS_MAX)
        bench_fail("more than %d phrasings", PHRASINGS_MAX);
    bank->items[bank->count++] = (struct phrasing){ keep(bank, text), bank->entries, fold, { 0 } };
}

static void on_row(void *ctx, const struct faq_csv_row *row)
{
    struct bank *bank = ctx;

    if (!slice_equal_text(row->locale, bank->locale))
        return;
    if (bank->entries == ENTRIES_MAX)
        bench_fail("more than %d entries", ENTRIES_MAX);
    phrasing_add(bank, row->question, -1);
    for (size_t i = 0; i < row->variant_count; i++)
        phrasing_add(bank, row->variants[i], (int)(i % FOLDS));
    bank->answers[bank->entries++] = keep(bank, row->answer);
}

static void on_error(void *ctx, unsigned line, const char *text)
{
    (void)ctx;
    bench_fail("line %u: %s", line, text);
}

static void bank_read(struct bank *bank, struct slice file, const char *locale)
{
    static const struct faq_csv_ops ops = { on_row, on_error };
    struct err err = { 0 };
    struct arena row;

    *bank = (struct bank){ .locale = locale };
    arena_init(&bank->arena, TEXTS_BYTES_MAX);
    arena_init(&row, ROW_BYTES_MAX);
    bank->items = mem_zalloc(PHRASINGS_MAX * sizeof(*bank->items));
    bank->answers = mem_zalloc(ENTRIES_MAX * sizeof(*bank->answers));
    if (faq_csv_read(file, &row, &ops, bank, &err) != ERR_OK)
        bench_fail("%s", err.text);
    arena_fini(&row);
}

static void bank_fini(struct bank *bank)
{
    free(bank->items);
    free(bank->answers);
    arena_fini(&bank->arena);
}

/* ---- learning ---- */
static const float *word_vector(const struct intent_vectors *vectors, uint64_t hash)
{
    for (uint32_t i = 0; i < vectors->count; i++) {
        if (vectors->hashes[i] == hash)
            return vectors->rows + (size_t)i * INTENT_VECTORS_DIM;
    }
    return NULL;
}

/* The mean of its words' vectors, of length 1. */
static void phrasing_vector(struct phrasing *phrasing, struct text_stemmer *stemmer,
                            const struct intent_vectors *vectors)
{
    static struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    size_t count =
        text_grams(stemmer, phrasing->text, TEXT_GRAM_WORD | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2, grams,
                   TEXT_GRAMS_PER_MESSAGE);
    float square = 0;

    memset(phrasing->vector, 0, sizeof(phrasing->vector));
    for (size_t i = 0; i < count; i++) {
        const float *word = word_vector(vectors, grams[i].hash);

        for (unsigned d = 0; d < INTENT_VECTORS_DIM && word != NULL; d++)
            phrasing->vector[d] += word[d];
    }
    for (unsigned d = 0; d < INTENT_VECTORS_DIM; d++)
        square += phrasing->vector[d] * phrasing->vector[d];
    for (unsigned d = 0; d < INTENT_VECTORS_DIM && square > 0; d++)
        phrasing->vector[d] /= sqrtf(square);
}

static void vectors_learn(struct trial *t, int fold)
{
    struct bank *bank = t->bank;
    struct slice *texts = mem_alloc((bank->count + bank->entries) * sizeof(*texts));
    struct intent_vectors *vectors = NULL;
    size_t count = 0;

    for (size_t i = 0; i < bank->count; i++) {
        if (bank->items[i].fold != fold)
            texts[count++] = bank->items[i].text;
    }
    for (size_t i = 0; i < bank->entries; i++)
        texts[count++] = bank->answers[i];
    if (intent_vectors_learn(texts, count, 1, NULL, NULL, &vectors, NULL) != ERR_OK)
        bench_fail("too few texts for vectors");
    for (size_t i = 0; i < bank->count; i++)
        phrasing_vector(&bank->items[i], t->stemmer, vectors);
    intent_vectors_destroy(&vectors);
    free(texts);
}

/* The index, and the model whose class n is the entry that its name says. */
static void bank_learn(struct trial *t, int fold, struct buf *bytes)
{
    const struct intent_options options = { .seed = 1 };
    struct search_builder *builder = search_builder_create();
    struct example_set set;
    struct err err = { 0 };

    example_set_init(&set);
    for (size_t i = 0; i < t->bank->count; i++) {
        const struct phrasing *p = &t->bank->items[i];
        char name[NAME_BYTES];

        if (p->fold == fold)
            continue;
        snprintf(name, sizeof(name), "%u", p->entry);
        if (search_builder_add(builder, t->stemmer, p->entry,
                               p->fold < 0 ? SEARCH_QUESTION : SEARCH_VARIANT, p->text,
                               &err) != ERR_OK ||
            example_set_add(&set, slice_of(name), p->text, 0, &err) != ERR_OK)
            bench_fail("%s", err.text);
    }
    t->index = search_builder_make(builder);
    if (intent_train(&set, &options, bytes, &err) != ERR_OK ||
        intent_model_open(buf_slice(bytes), &t->model, &err) != ERR_OK)
        bench_fail("%s", err.text);
    example_set_fini(&set);
    search_builder_destroy(&builder);
}

/* ---- asking ---- */
static int signal_order(const void *a, const void *b)
{
    const struct search_signal *x = a;
    const struct search_signal *y = b;

    return x->value != y->value ? (x->value < y->value ? 1 : -1)
                                : (x->entry > y->entry) - (x->entry < y->entry);
}

/* The best phrasing of each entry, best entries first. */
static size_t by_vectors(const struct trial *t, const struct phrasing *query, int fold,
                         struct search_signal out[SEARCH_TOP_MAX])
{
    struct search_signal *all = mem_zalloc(t->bank->entries * sizeof(*all));
    size_t count = t->bank->entries < SEARCH_TOP_MAX ? t->bank->entries : SEARCH_TOP_MAX;

    for (uint32_t e = 0; e < t->bank->entries; e++)
        all[e].entry = e;
    for (size_t i = 0; i < t->bank->count; i++) {
        const struct phrasing *p = &t->bank->items[i];
        float dot = 0;

        for (unsigned d = 0; d < INTENT_VECTORS_DIM && p->fold != fold; d++)
            dot += p->vector[d] * query->vector[d];
        all[p->entry].value = fmaxf(all[p->entry].value, dot);
    }
    qsort(all, t->bank->entries, sizeof(*all), signal_order);
    memcpy(out, all, count * sizeof(*all));
    free(all);
    return count;
}

static size_t by_classes(const struct trial *t, const struct phrasing *query,
                         struct search_signal out[SEARCH_TOP_MAX])
{
    struct intent_result result;

    intent_predict(t->model, t->scratch, query->text, INTENT_TOP_MAX, &result);
    for (unsigned i = 0; i < result.count; i++) {
        struct slice name = intent_model_name(t->model, result.hits[i].intent);
        unsigned long long entry = 0;

        (void)slice_to_u64(name, &entry);
        out[i] = (struct search_signal){ (uint32_t)entry, result.hits[i].score };
    }
    return result.count;
}

static void rank_count(struct score *score, const struct search_blend_hit *hits, size_t count,
                       uint32_t entry)
{
    for (size_t i = 0; i < count; i++) {
        if (hits[i].entry != entry)
            continue;
        score->first += i == 0;
        score->reciprocal += 1.0 / (double)(i + 1);
        return;
    }
}

static void ask(struct trial *t, const struct phrasing *query, int fold)
{
    struct search_hit hits[SEARCH_TOP_MAX];
    struct search_signal vectors[SEARCH_TOP_MAX];
    struct search_signal classes[SEARCH_TOP_MAX];
    size_t hit_count =
        search_query(t->index, t->search, t->stemmer, query->text, hits, SEARCH_TOP_MAX);
    size_t vector_count = by_vectors(t, query, fold, vectors);
    size_t class_count = by_classes(t, query, classes);

    t->asked++;
    for (int way = 0; way < WAYS; way++) {
        bool words = way != BY_VECTORS && way != BY_CLASSES;
        bool vector = way == BY_VECTORS || way == BY_WORDS_VECTORS || way == BY_ALL;
        bool class = way == BY_CLASSES || way == BY_WORDS_CLASSES || way == BY_ALL;
        struct search_blend_hit out[SEARCH_TOP_MAX];
        size_t count =
            search_blend(hits, words ? hit_count : 0, vector ? vectors : NULL, vector_count,
                         class ? classes : NULL, class_count, out, SEARCH_TOP_MAX);

        rank_count(&t->scores[way], out, count, query->entry);
    }
}

static void fold_run(struct trial *t, int fold)
{
    struct buf bytes;

    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    vectors_learn(t, fold);
    bank_learn(t, fold, &bytes);
    for (size_t i = 0; i < t->bank->count; i++) {
        if (t->bank->items[i].fold == fold)
            ask(t, &t->bank->items[i], fold);
    }
    intent_model_close(&t->model);
    search_index_destroy(&t->index);
    buf_fini(&bytes);
}

static void report(struct bench_report *report, const struct trial *t)
{
    char key[80];

    snprintf(key, sizeof(key), "%sEntries", t->bank->locale);
    bench_report_number(report, key, t->bank->entries);
    snprintf(key, sizeof(key), "%sAsked", t->bank->locale);
    bench_report_number(report, key, (double)t->asked);
    for (int way = 0; way < WAYS; way++) {
        const struct score *score = &t->scores[way];

        snprintf(key, sizeof(key), "%s.%s.recallAt1", t->bank->locale, way_names[way]);
        bench_report_number(report, key, (double)score->first / (double)t->asked);
        snprintf(key, sizeof(key), "%s.%s.mrr", t->bank->locale, way_names[way]);
        bench_report_number(report, key, score->reciprocal / (double)t->asked);
    }
}

void bench_faq_blend(struct bench_report *out, struct slice file)
{
    static const char *const locales[] = { "zh", "en" };

    for (size_t l = 0; l < LENGTH_OF(locales); l++) {
        struct bank bank;
        struct trial t = { .bank = &bank, .stemmer = text_stemmer_create() };

        t.search = search_scratch_create();
        t.scratch = intent_scratch_create();
        bank_read(&bank, file, locales[l]);
        for (int fold = 0; fold < FOLDS && bank.entries > 1; fold++)
            fold_run(&t, fold);
        if (t.asked > 0)
            report(out, &t);
        bank_fini(&bank);
        text_stemmer_destroy(&t.stemmer);
        search_scratch_destroy(&t.search);
        intent_scratch_destroy(&t.scratch);
    }
}
