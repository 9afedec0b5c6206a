/* SPDX-License-Identifier: Apache-2.0 */
/* The features that measurements left standing: words and pairs, the sentence's ends, character
 * grams inside words (which survive typos), one to three CJK characters (which need no segmenter).
 * Skip-grams, trigrams of words and unordered pairs gave nothing. */
#include "intent_feature_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "intent_lists.h"
#include "mem.h"
#include "vector_kernel.h"

enum {
    KINDS = TEXT_GRAM_WORD | TEXT_GRAM_CHAR2 | TEXT_GRAM_CHAR3 | TEXT_GRAM_CHAR4 | TEXT_GRAM_CHAR5 |
            TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2 | TEXT_GRAM_CJK3 | TEXT_GRAM_MASK | TEXT_GRAM_STEM,
    WHOLE = TEXT_GRAM_STEM | TEXT_GRAM_MASK, /* beside the words themselves */
    CLASS_KINDS = TEXT_GRAM_STEM | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2 | TEXT_GRAM_CJK3,
    CLASS_WORD_GRAMS_MAX = 8,
    CLASS_WORDS_MAX = 4096, /* of the list; it has half of that */
    TOKENS = TEXT_GRAM_WORD | TEXT_GRAM_CJK1,
    WORDS = TEXT_GRAM_WORD | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2, /* what vectors are learned of */
};

/* Roles of a token that are features of their own; they are stored in models. */
enum role {
    ROLE_PAIR = 1,
    ROLE_FIRST,
    ROLE_SECOND,
    ROLE_LAST,
    ROLE_WORD,
    ROLE_BORDER, /* stands for what is before the first and after the last token */
    ROLE_CLASS,
    ROLE_CLASS_PAIR,
    ROLE_KIND,
    ROLE_KIND_PAIR,
};

static void class_word_add(struct intent_reader *reader, struct slice word, uint32_t class)
{
    struct text_gram grams[CLASS_WORD_GRAMS_MAX];
    size_t count = text_grams(reader->stemmer, word, CLASS_KINDS, grams, CLASS_WORD_GRAMS_MAX);

    for (size_t i = 0; i < count; i++) {
        if (grams[i].len == word.len &&
            intent_slots_find(reader->classes, reader->class_mask, grams[i].hash) < 0)
            intent_slots_put(reader->classes, reader->class_mask, grams[i].hash, class);
    }
}

static void classes_make(struct intent_reader *reader)
{
    uint32_t slots = intent_slots_for(CLASS_WORDS_MAX);

    reader->classes = mem_zalloc(slots * sizeof(*reader->classes));
    reader->class_mask = slots - 1;
    for (uint32_t class = 0; class < intent_classes_count; class ++) {
        const char *at = intent_classes[class];

        while (*at != '\0') {
            size_t len = strcspn(at, " ");

            class_word_add(reader, slice_make(at, len), class);
            at += len + strspn(at + len, " ");
        }
    }
}

uint32_t intent_lists_crc(void)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < intent_classes_count; i++)
        crc = crc32c(crc, intent_classes[i], strlen(intent_classes[i]) + 1);
    return crc;
}

struct intent_reader *intent_reader_create(void)
{
    struct intent_reader *reader = mem_zalloc(sizeof(*reader));

    reader->stemmer = text_stemmer_create();
    classes_make(reader);
    return reader;
}

void intent_reader_destroy(struct intent_reader **reader)
{
    if (*reader == NULL)
        return;
    text_stemmer_destroy(&(*reader)->stemmer);
    free((*reader)->classes);
    free(*reader);
    *reader = NULL;
}

uint64_t intent_token_feature(uint64_t hash)
{
    return intent_mix(ROLE_WORD, hash);
}

static void add(struct intent_reader *reader, uint64_t hash, unsigned group, uint32_t start,
                size_t len)
{
    if (reader->count == INTENT_FEATURES_MAX)
        return;
    reader->features[reader->count++] = (struct intent_feature){
        .hash = hash,
        .start = start,
        .len = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX),
        .group = (uint16_t)group,
    };
}

static void add_pair(struct intent_reader *reader, const struct text_gram *a,
                     const struct text_gram *b)
{
    const struct text_gram *from = a != NULL ? a : b;
    const struct text_gram *to = b != NULL ? b : a;
    uint64_t hash =
        intent_mix(a != NULL ? a->hash : ROLE_BORDER, b != NULL ? b->hash : ROLE_BORDER);

    add(reader, intent_mix(ROLE_PAIR, hash), INTENT_GROUP_WORD, from->start,
        to->start + to->len - from->start);
}

static void add_tokens(struct intent_reader *reader)
{
    const struct text_gram *tokens = reader->tokens;
    size_t n = reader->token_count;

    if (n == 0)
        return;
    add_pair(reader, NULL, &tokens[0]);
    for (size_t i = 0; i < n; i++) {
        add(reader, intent_token_feature(tokens[i].hash), INTENT_GROUP_WORD | INTENT_GROUP_TOKEN,
            tokens[i].start, tokens[i].len);
        add_pair(reader, &tokens[i], i + 1 < n ? &tokens[i + 1] : NULL);
    }
    add(reader, intent_mix(ROLE_FIRST, tokens[0].hash), INTENT_GROUP_WORD, tokens[0].start,
        tokens[0].len);
    if (n > 1)
        add(reader, intent_mix(ROLE_SECOND, intent_mix(tokens[0].hash, tokens[1].hash)),
            INTENT_GROUP_WORD, tokens[0].start, tokens[1].start + tokens[1].len - tokens[0].start);
    add(reader, intent_mix(ROLE_LAST, tokens[n - 1].hash), INTENT_GROUP_WORD, tokens[n - 1].start,
        tokens[n - 1].len);
}

/* A token's cluster; words without one are a class of their own. */
static uint64_t class_of(const struct intent_words *words, const struct text_gram *token,
                         unsigned level)
{
    int64_t id = intent_slots_find(words->slots, words->mask, token->hash);

    if (id < 0)
        return token->hash;
    return intent_mix(ROLE_CLASS + level, words->clusters[id * INTENT_WORDS_LEVELS + level]);
}

static void add_classes(struct intent_reader *reader, const struct intent_words *words)
{
    for (unsigned level = 0; level < INTENT_WORDS_LEVELS; level++) {
        uint64_t last = ROLE_BORDER;

        for (size_t i = 0; i <= reader->token_count; i++) {
            bool end = i == reader->token_count;
            const struct text_gram *token = &reader->tokens[end ? i - 1 : i];
            uint64_t class = end ? ROLE_BORDER : class_of(words, token, level);

            if (!end)
                add(reader, intent_mix(ROLE_CLASS, intent_mix(level, class)), INTENT_GROUP_CLASS,
                    token->start, token->len);
            add(reader, intent_mix(ROLE_CLASS_PAIR, intent_mix(intent_mix(level, last), class)),
                INTENT_GROUP_CLASS, token->start, token->len);
            last = class;
        }
    }
}

/* The built-in class of a gram, and the pair that it makes with what stood before. */
static void add_kind(struct intent_reader *reader, const struct text_gram *gram, uint64_t *last)
{
    int64_t class = intent_slots_find(reader->classes, reader->class_mask, gram->hash);
    uint64_t kind = class >= 0 ? intent_mix(ROLE_KIND, (uint64_t) class) : gram->hash;

    if (class >= 0)
        add(reader, kind, INTENT_GROUP_CLASS, gram->start, gram->len);
    if (gram->kind == TEXT_GRAM_STEM)
        add(reader, intent_mix(ROLE_KIND_PAIR, intent_mix(*last, kind)), INTENT_GROUP_CLASS,
            gram->start, gram->len);
    if (class >= 0 || gram->kind == TEXT_GRAM_STEM)
        *last = kind;
}

static void add_word(struct intent_reader *reader, const struct intent_words *words, uint64_t hash)
{
    int64_t id = intent_slots_find(words->slots, words->mask, hash);

    if (id < 0)
        return;
    reader->word_ids[reader->word_count] = (uint32_t)id;
    reader->word_scales[reader->word_count++] = words->scales[id];
}

static void mean_make(struct intent_reader *reader, const struct intent_words *words)
{
    struct vector_sparse at = { reader->word_ids, reader->word_scales, reader->word_count };
    float square = 0;

    vector_kernels_best()->gather_i8(words->rows, INTENT_WORDS_STRIDE, at, INTENT_WORDS_STRIDE,
                                     reader->vector);
    for (unsigned d = 0; d < INTENT_WORDS_DIM; d++)
        square += reader->vector[d] * reader->vector[d];
    reader->has_vector = isfinite(square) && square > 0;
    for (unsigned d = 0; d < INTENT_WORDS_DIM && reader->has_vector; d++)
        reader->vector[d] /= sqrtf(square);
}

void intent_read(struct intent_reader *reader, const struct intent_words *words, struct slice text)
{
    uint64_t last = ROLE_BORDER;
    size_t grams;

    if (words != NULL && words->count == 0)
        words = NULL;
    reader->count = 0;
    reader->token_count = 0;
    reader->word_count = 0;
    reader->has_vector = false;
    reader->normalised =
        text_normalise_with(text, TEXT_SIMPLIFY, reader->bytes, NULL, sizeof(reader->bytes));
    grams = text_grams(reader->stemmer, reader->normalised, KINDS, reader->grams,
                       TEXT_GRAMS_PER_MESSAGE);
    for (size_t i = 0; i < grams; i++) {
        const struct text_gram *gram = &reader->grams[i];

        if (words != NULL && (gram->kind & WORDS) != 0)
            add_word(reader, words, gram->hash);
        if ((gram->kind & CLASS_KINDS) != 0)
            add_kind(reader, gram, &last);
        if ((gram->kind & TOKENS) != 0)
            reader->tokens[reader->token_count++] = *gram;
        if ((gram->kind & TEXT_GRAM_WORD) == 0)
            add(reader, gram->hash,
                (gram->kind & WHOLE) != 0 ? INTENT_GROUP_WORD : INTENT_GROUP_CHAR, gram->start,
                gram->len);
    }
    add_tokens(reader);
    if (words != NULL && reader->token_count > 0) {
        add_classes(reader, words);
        mean_make(reader, words);
    }
}
