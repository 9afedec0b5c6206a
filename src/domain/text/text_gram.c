/* SPDX-License-Identifier: Apache-2.0 */
/* Words, stems and n-grams in one pass over a normalised text. Grams are hashes and positions, not
 * strings: whoever learns from them or looks them up needs equality only, and 64 bits make a
 * collision among a million grams a 1 in 37 million event. The hash is defined here and never
 * changes, because models and indexes on disk hold it. */
#include "text.h"

#include <libstemmer.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum {
    MEMO_SLOTS = 1024,  /* the words of a shop's visitors; 32 KiB, fits the first cache levels */
    MEMO_WORD_MAX = 22, /* longer words are stemmed each time */
    WORD_BYTES_MAX = TEXT_WORD_CHARS_MAX * 4,
    MASKS_MAX = 64, /* of one message; a table of numbers says no more with its 65th */
    NGRAM_MIN = 2,
    NGRAM_MAX = 5,
};

struct memo {
    uint64_t stem_hash;
    uint8_t len;
    char word[MEMO_WORD_MAX];
};

struct text_stemmer {
    struct sb_stemmer *english;
    struct memo memo[MEMO_SLOTS];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD6E8FEB86659FD93u);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_gram(uint64_t kind, const char *ptr, size_t len)
{
    uint64_t hash = mix(kind, len);
    uint64_t word;

    for (; len >= 8; ptr += 8, len -= 8) {
        word = 0;
        for (unsigned i = 0; i < 8; i++)
            word |= (uint64_t)(unsigned char)ptr[i] << (8 * i);
        hash = mix(hash, word);
    }
    word = 0;
    for (unsigned i = 0; i < len; i++)
        word |= (uint64_t)(unsigned char)ptr[i] << (8 * i);
    return mix(hash, word);
}

uint64_t text_gram_hash(enum text_gram_kind kind, struct slice gram)
{
    return hash_gram((uint64_t)kind, gram.ptr, gram.len);
}

struct text_stemmer *text_stemmer_create(void)
{
    struct text_stemmer *stemmer = mem_zalloc(sizeof(*stemmer));
    char longest[WORD_BYTES_MAX + 8];

    stemmer->english = sb_stemmer_new("english", NULL);
    ENSURE(stemmer->english != NULL);
    /* Snowball's buffer grows on demand; make it grow now, not while a message waits. */
    memset(longest, 'a', sizeof(longest));
    (void)sb_stemmer_stem(stemmer->english, (const sb_symbol *)longest, sizeof(longest));
    return stemmer;
}

void text_stemmer_destroy(struct text_stemmer **stemmer)
{
    if (*stemmer == NULL)
        return;
    sb_stemmer_delete((*stemmer)->english);
    free(*stemmer);
    *stemmer = NULL;
}

static uint64_t stem_hash(struct text_stemmer *stemmer, struct slice word)
{
    struct memo *memo = NULL;
    const sb_symbol *stem;
    uint64_t hash;

    if (word.len <= MEMO_WORD_MAX) {
        memo = &stemmer->memo[hash_gram(0, word.ptr, word.len) % MEMO_SLOTS];
        if (memo->len == word.len && memcmp(memo->word, word.ptr, word.len) == 0)
            return memo->stem_hash;
    }
    stem = sb_stemmer_stem(stemmer->english, (const sb_symbol *)word.ptr, (int)word.len);
    if (stem == NULL)
        return hash_gram(TEXT_GRAM_STEM, word.ptr, word.len);
    hash =
        hash_gram(TEXT_GRAM_STEM, (const char *)stem, (size_t)sb_stemmer_length(stemmer->english));
    if (memo != NULL) {
        memo->stem_hash = hash;
        memo->len = (uint8_t)word.len;
        memcpy(memo->word, word.ptr, word.len);
    }
    return hash;
}

struct scan {
    struct text_stemmer *stemmer;
    const char *base;
    unsigned kinds;
    struct text_gram *out;
    size_t count;
    size_t max;
    struct slice last_word; /* for pairs; empty: none */
};

static void emit(struct scan *scan, unsigned kind, uint64_t hash, struct slice at)
{
    if (scan->count == scan->max)
        return;
    scan->out[scan->count++] = (struct text_gram){
        .hash = hash,
        .start = (uint32_t)(at.ptr - scan->base),
        .len = (uint16_t)at.len,
        .kind = (uint16_t)kind,
    };
}

/* Character grams of " word ": cuts[i] is where character i begins in padded. */
static void emit_char_grams(struct scan *scan, struct slice word)
{
    char padded[WORD_BYTES_MAX + 2];
    uint16_t cuts[TEXT_WORD_CHARS_MAX + 3];
    size_t chars = 0;
    size_t bytes = word.len + 2;

    padded[0] = ' ';
    memcpy(padded + 1, word.ptr, word.len);
    padded[bytes - 1] = ' ';
    for (size_t i = 0; i < bytes; i++) {
        if (((unsigned char)padded[i] & 0xC0) != 0x80)
            cuts[chars++] = (uint16_t)i;
    }
    cuts[chars] = (uint16_t)bytes;
    for (size_t n = NGRAM_MIN; n <= NGRAM_MAX; n++) {
        unsigned kind = (unsigned)TEXT_GRAM_CHAR2 << (n - NGRAM_MIN);

        if ((scan->kinds & kind) == 0)
            continue;
        for (size_t i = 0; i + n <= chars; i++) {
            size_t from = cuts[i];
            size_t to = cuts[i + n];
            size_t seen_from = from == 0 ? 0 : from - 1;
            size_t seen_to = to == bytes ? word.len : to - 1;

            emit(scan, kind, hash_gram(kind, padded + from, to - from),
                 slice_make(word.ptr + seen_from, seen_to - seen_from));
        }
    }
}

static void emit_word(struct scan *scan, struct slice word)
{
    if ((scan->kinds & TEXT_GRAM_WORD) != 0)
        emit(scan, TEXT_GRAM_WORD, hash_gram(TEXT_GRAM_WORD, word.ptr, word.len), word);
    if ((scan->kinds & TEXT_GRAM_STEM) != 0)
        emit(scan, TEXT_GRAM_STEM, stem_hash(scan->stemmer, word), word);
    if ((scan->kinds & TEXT_GRAM_WORD2) != 0 && scan->last_word.len > 0) {
        uint64_t first = hash_gram(TEXT_GRAM_WORD2, scan->last_word.ptr, scan->last_word.len);
        size_t span = (size_t)(word.ptr + word.len - scan->last_word.ptr);

        emit(scan, TEXT_GRAM_WORD2, mix(first, hash_gram(TEXT_GRAM_WORD2, word.ptr, word.len)),
             slice_make(scan->last_word.ptr, span < UINT16_MAX ? span : UINT16_MAX));
    }
    if ((scan->kinds & (TEXT_GRAM_CHAR2 | TEXT_GRAM_CHAR3 | TEXT_GRAM_CHAR4 | TEXT_GRAM_CHAR5)) !=
        0)
        emit_char_grams(scan, word);
    scan->last_word = word;
}

/* Takes a word off the front of *in: letters and digits, and an apostrophe between two of them.
 * Gives at most TEXT_WORD_CHARS_MAX characters of it. */
static struct slice take_word(struct slice *in)
{
    struct slice word = slice_make(in->ptr, 0);
    size_t chars = 0;

    while (in->len > 0) {
        struct slice rest = *in;
        uint32_t cp = text_next(&rest);
        enum text_class class = text_classify(cp);
        size_t bytes = (size_t)(rest.ptr - in->ptr);

        if (cp == '\'' && rest.len > 0) {
            struct slice ahead = rest;

            class = text_classify(text_next(&ahead));
        }
        if (class != TEXT_LETTER && class != TEXT_DIGIT)
            break;
        if (chars++ < TEXT_WORD_CHARS_MAX)
            word.len += bytes;
        *in = rest;
    }
    return word;
}

static void emit_cjk(struct scan *scan, const char *starts[3], unsigned run, const char *end)
{
    for (unsigned n = 1; n <= 3 && n <= run; n++) {
        unsigned kind = (unsigned)TEXT_GRAM_CJK1 << (n - 1);
        struct slice at = slice_make(starts[3 - n], (size_t)(end - starts[3 - n]));

        if ((scan->kinds & kind) != 0)
            emit(scan, kind, hash_gram(kind, at.ptr, at.len), at);
    }
}

/* The masks as grams; each is a word of its own, so they don't follow the text order of the rest.
 */
static void emit_masks(struct scan *scan, struct slice normalised)
{
    struct text_mask masks[MASKS_MAX];
    size_t count = text_masks(normalised, masks, MASKS_MAX);

    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_of(text_mask_name(masks[i].kind));
        size_t len = masks[i].len < UINT16_MAX ? masks[i].len : UINT16_MAX;

        emit(scan, TEXT_GRAM_MASK, hash_gram(TEXT_GRAM_MASK, name.ptr, name.len),
             slice_make(normalised.ptr + masks[i].start, len));
    }
}

size_t text_grams(struct text_stemmer *stemmer, struct slice normalised, unsigned kinds,
                  struct text_gram *out, size_t max)
{
    struct scan scan = {
        .stemmer = stemmer, .base = normalised.ptr, .kinds = kinds, .out = out, .max = max
    };
    const char *starts[3] = { NULL, NULL, NULL }; /* of the last three CJK characters */
    unsigned run = 0;

    ENSURE(stemmer != NULL || (kinds & TEXT_GRAM_STEM) == 0);
    if ((kinds & TEXT_GRAM_MASK) != 0)
        emit_masks(&scan, normalised);
    while (normalised.len > 0 && scan.count < max) {
        struct slice rest = normalised;
        enum text_class class = text_classify(text_next(&rest));

        if (class == TEXT_CJK) {
            starts[0] = starts[1];
            starts[1] = starts[2];
            starts[2] = normalised.ptr;
            run = run < 3 ? run + 1 : 3;
            emit_cjk(&scan, starts, run, rest.ptr);
            scan.last_word = SLICE_EMPTY;
            normalised = rest;
            continue;
        }
        run = 0;
        if (class == TEXT_LETTER || class == TEXT_DIGIT)
            emit_word(&scan, take_word(&normalised));
        else
            normalised = rest;
    }
    return scan.count;
}
