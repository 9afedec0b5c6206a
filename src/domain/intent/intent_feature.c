/* SPDX-License-Identifier: Apache-2.0 */
/* The features that measurements left standing: words and pairs, the sentence's ends, character
 * grams inside words (which survive typos), one to three CJK characters (which need no segmenter).
 * Skip-grams, trigrams of words and unordered pairs gave nothing; pairs of the words between which
 * only function words stand did. */
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
    ROLE_SENSE,
    ROLE_SENSE_PAIR,
    ROLE_TOPIC,
    ROLE_CONTENT_PAIR,
};

static uint32_t lines_crc(uint32_t crc, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        crc = crc32c(crc, lines[i], strlen(lines[i]) + 1);
    return crc;
}

uint32_t intent_lists_crc(void)
{
    uint32_t crc = lines_crc(0, intent_classes, intent_classes_count);

    return lines_crc(crc, intent_function_words, intent_function_words_count);
}

struct intent_reader *intent_reader_create(void)
{
    struct intent_reader *reader = mem_zalloc(sizeof(*reader));

    reader->stemmer = text_stemmer_create();
    reader->senses = intent_sense_table_get();
    return reader;
}

void intent_reader_destroy(struct intent_reader **reader)
{
    if (*reader == NULL)
        return;
    text_stemmer_destroy(&(*reader)->stemmer);
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
                add(reader, intent_mix(ROLE_CLASS, intent_mix(level, class)), INTENT_GROUP_CLUSTER,
                    token->start, token->len);
            add(reader, intent_mix(ROLE_CLASS_PAIR, intent_mix(intent_mix(level, last), class)),
                INTENT_GROUP_CLUSTER, token->start, token->len);
            last = class;
        }
    }
}

static void add_senses(struct intent_reader *reader, const struct intent_senses *senses,
                       uint32_t start, size_t len)
{
    for (unsigned i = 0; i < senses->count; i++) {
        add(reader, intent_mix(ROLE_SENSE, senses->of[i].class), INTENT_GROUP_CLASS, start, len);
        add(reader, intent_mix(ROLE_TOPIC, senses->of[i].topic), INTENT_GROUP_CLASS, start, len);
    }
}

/* A word and the one before it, by their first senses where they have one. */
static void add_sense_pair(struct intent_reader *reader, uint64_t before, uint64_t sense,
                           uint32_t start, size_t len)
{
    add(reader, intent_mix(ROLE_SENSE_PAIR, intent_mix(before, sense)), INTENT_GROUP_CLASS, start,
        len);
}

static uint64_t sense_of(const struct intent_senses *senses, uint64_t other)
{
    return senses != NULL && senses->count > 0 ? intent_mix(ROLE_SENSE, senses->of[0].class)
                                               : other;
}

/* What stood before the next word. */
struct trail {
    uint64_t sense;
    uint64_t content; /* the last word that is no function word */
    uint32_t content_start;
};

static void add_stem(struct intent_reader *reader, const struct text_gram *gram,
                     struct trail *trail)
{
    const struct intent_senses *senses = intent_senses_find(reader->senses, gram->hash);
    uint64_t sense = sense_of(senses, gram->hash);

    if (senses != NULL)
        add_senses(reader, senses, gram->start, gram->len);
    add_sense_pair(reader, trail->sense, sense, gram->start, gram->len);
    trail->sense = sense;
    if (senses != NULL && senses->function)
        return;
    add(reader, intent_mix(ROLE_CONTENT_PAIR, intent_mix(trail->content, gram->hash)),
        INTENT_GROUP_WORD, trail->content_start, gram->start + gram->len - trail->content_start);
    trail->content = gram->hash;
    trail->content_start = gram->start;
}

/* CJK words are not divided by spaces: those of the lists are kept that do not lie inside another.
 * Grams come by their ends, at one end the shorter ones first, so a later one is never inside. */
static void keep_cjk(struct intent_reader *reader, const struct text_gram *gram)
{
    const struct intent_senses *senses = intent_senses_find(reader->senses, gram->hash);

    if (senses == NULL)
        return;
    while (reader->cjk_count > 0 && reader->cjk[reader->cjk_count - 1].start >= gram->start)
        reader->cjk_count--;
    reader->cjk[reader->cjk_count++] = (struct intent_cjk_word){ gram->start, gram->len, senses };
}

static void add_cjk(struct intent_reader *reader)
{
    uint64_t last = ROLE_BORDER;

    for (size_t i = 0; i < reader->cjk_count; i++) {
        const struct intent_cjk_word *word = &reader->cjk[i];
        uint64_t sense = sense_of(word->senses, ROLE_BORDER);

        add_senses(reader, word->senses, word->start, word->len);
        add_sense_pair(reader, last, sense, word->start, word->len);
        last = sense;
    }
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
    struct trail trail = { ROLE_BORDER, ROLE_BORDER, 0 };
    size_t grams;

    if (words != NULL && words->count == 0)
        words = NULL;
    reader->count = 0;
    reader->token_count = 0;
    reader->cjk_count = 0;
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
        if (gram->kind == TEXT_GRAM_STEM)
            add_stem(reader, gram, &trail);
        else if ((gram->kind & INTENT_SENSE_KINDS) != 0)
            keep_cjk(reader, gram);
        if ((gram->kind & TOKENS) != 0)
            reader->tokens[reader->token_count++] = *gram;
        if ((gram->kind & TEXT_GRAM_WORD) == 0)
            add(reader, gram->hash,
                (gram->kind & WHOLE) != 0 ? INTENT_GROUP_WORD : INTENT_GROUP_CHAR, gram->start,
                gram->len);
    }
    add_cjk(reader);
    add_tokens(reader);
    if (words != NULL && reader->token_count > 0) {
        add_classes(reader, words);
        mean_make(reader, words);
    }
}
