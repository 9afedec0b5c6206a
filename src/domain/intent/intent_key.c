/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that find an example again. People who try a bot type its examples, and get angry when
 * it is not sure of them; so an example, or what differs from one in nothing that matters, is
 * answered before any probability is involved. */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "intent_model_priv.h"

static const struct hash_key strict_key = { 0x7374726963740000, 1 };

enum {
    WORDS_MAX = 64,   /* longer texts have a strict key only */
    WORDS_MIN = 2,    /* one word alone is too little to know a sentence by */
    CJK_CHARS_MIN = 4 /* and so are three characters */
};

/* Words that make a request polite and change nothing else. */
static const char *const polite[] = { "please", "pls",   "plz", "kindly", "thanks", "thank",
                                      "hi",     "hello", "hey", "um",     "uh",     "ok",
                                      "请",     "您",    "吗",  "呢",     "啊",     "呀",
                                      "吧",     "谢",    "嗯",  "问",     "哦" };

static bool is_polite(struct slice word)
{
    for (size_t i = 0; i < LENGTH_OF(polite); i++) {
        if (slice_equal_text(word, polite[i]))
            return true;
    }
    return false;
}

static int hash_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Words as a set; CJK characters as a sequence, because their order makes the words. */
static uint64_t loose_key(const struct intent_reader *reader)
{
    uint64_t words[WORDS_MAX];
    uint64_t key = 0;
    unsigned cjk = 0;
    unsigned count = 0;

    if (reader->token_count > WORDS_MAX)
        return 0;
    for (size_t i = 0; i < reader->token_count; i++) {
        const struct text_gram *token = &reader->tokens[i];
        struct slice word = slice_make(reader->normalised.ptr + token->start, token->len);

        if (is_polite(word))
            continue;
        if (token->kind == TEXT_GRAM_CJK1) {
            key = intent_mix(key + 1, token->hash);
            cjk++;
        } else {
            words[count++] = token->hash;
        }
    }
    if (count < WORDS_MIN && cjk < CJK_CHARS_MIN)
        return 0;
    qsort(words, count, sizeof(words[0]), hash_order);
    for (unsigned i = 0; i < count; i++) {
        if (i == 0 || words[i] != words[i - 1])
            key = intent_mix(key + 2, words[i]);
    }
    return key;
}

struct intent_keys intent_keys_make(const struct intent_reader *reader)
{
    char bytes[TEXT_NORM_BYTES_MAX];
    struct slice key = text_key(reader->normalised, bytes, sizeof(bytes));

    return (struct intent_keys){
        .strict = key.len > 0 ? hash_bytes(strict_key, key.ptr, key.len) : 0,
        .loose = loose_key(reader),
    };
}
