/* SPDX-License-Identifier: Apache-2.0 */
/* The features that measurements left standing: words and pairs, the sentence's ends, character
 * grams inside words (which survive typos), one to three CJK characters (which need no segmenter).
 * Skip-grams, trigrams of words and unordered pairs gave nothing. */
#include "intent_feature_priv.h"

enum {
    KINDS = TEXT_GRAM_WORD | TEXT_GRAM_CHAR2 | TEXT_GRAM_CHAR3 | TEXT_GRAM_CHAR4 | TEXT_GRAM_CHAR5 |
            TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2 | TEXT_GRAM_CJK3 | TEXT_GRAM_MASK,
    TOKENS = TEXT_GRAM_WORD | TEXT_GRAM_CJK1,
};

/* Roles of a token that are features of their own; they are stored in models. */
enum role {
    ROLE_PAIR = 1,
    ROLE_FIRST,
    ROLE_SECOND,
    ROLE_LAST,
    ROLE_WORD,
    ROLE_BORDER, /* stands for what is before the first and after the last token */
};

static void add(struct intent_reader *reader, uint64_t hash, enum intent_group group,
                uint32_t start, size_t len)
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
        add(reader, intent_mix(ROLE_WORD, tokens[i].hash), INTENT_GROUP_WORD, tokens[i].start,
            tokens[i].len);
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

void intent_read(struct intent_reader *reader, struct slice text)
{
    size_t grams;

    reader->count = 0;
    reader->token_count = 0;
    reader->normalised =
        text_normalise_with(text, TEXT_SIMPLIFY, reader->bytes, NULL, sizeof(reader->bytes));
    grams = text_grams(NULL, reader->normalised, KINDS, reader->grams, TEXT_GRAMS_PER_MESSAGE);
    for (size_t i = 0; i < grams; i++) {
        const struct text_gram *gram = &reader->grams[i];

        if ((gram->kind & TOKENS) != 0)
            reader->tokens[reader->token_count++] = *gram;
        if ((gram->kind & TEXT_GRAM_WORD) == 0)
            add(reader, gram->hash,
                gram->kind == TEXT_GRAM_MASK ? INTENT_GROUP_WORD : INTENT_GROUP_CHAR, gram->start,
                gram->len);
    }
    add_tokens(reader);
}
