/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: what literals are compared by. A Latin word is hashed eight bytes at a time and compared
 * as a whole; a CJK character or a sign is a token of its own. */
#include <endian.h>

#include "rules_priv.h"

enum { OTHER, WORD, SPACE };

/* Of ASCII; a normalised text has no capitals. */
static const uint8_t kinds[128] = {
    [' '] = SPACE, ['0'] = WORD, ['1'] = WORD, ['2'] = WORD, ['3'] = WORD, ['4'] = WORD,
    ['5'] = WORD,  ['6'] = WORD, ['7'] = WORD, ['8'] = WORD, ['9'] = WORD, ['a'] = WORD,
    ['b'] = WORD,  ['c'] = WORD, ['d'] = WORD, ['e'] = WORD, ['f'] = WORD, ['g'] = WORD,
    ['h'] = WORD,  ['i'] = WORD, ['j'] = WORD, ['k'] = WORD, ['l'] = WORD, ['m'] = WORD,
    ['n'] = WORD,  ['o'] = WORD, ['p'] = WORD, ['q'] = WORD, ['r'] = WORD, ['s'] = WORD,
    ['t'] = WORD,  ['u'] = WORD, ['v'] = WORD, ['w'] = WORD, ['x'] = WORD, ['y'] = WORD,
    ['z'] = WORD,
};

struct tokens {
    const char *start;
    const char *at;
    const char *end;
    bool spaced;
    struct rules_token *out;
    size_t count;
    size_t max;
};

static const uint64_t ones = 0x0101010101010101u;

/* Eight bytes, or zeros behind the end of the text; a load for each word, whatever its length. */
static uint64_t load(const struct tokens *t, const char *p)
{
    size_t left = (size_t)(t->end - p);
    uint64_t word = 0;

    if (left >= 8) {
        memcpy(&word, p, 8);
        return le64toh(word);
    }
    if (t->end - t->start >= 8) {
        memcpy(&word, t->end - 8, 8);
        return left == 0 ? 0 : le64toh(word) >> (8 * (8 - left));
    }
    memcpy(&word, p, left);
    return le64toh(word);
}

/* The high bit of each byte within [low, high]; bytes are below 0x80. */
static uint64_t bytes_within(uint64_t word, uint64_t low, uint64_t high)
{
    return (word + (0x80 - low) * ones) & ~(word + (0x7F - high) * ones) & 0x80 * ones;
}

/* The high bit of each byte that is no ASCII letter or digit. */
static uint64_t stops_of(uint64_t word)
{
    uint64_t low = word & 0x7F * ones;
    uint64_t kept = bytes_within(low, 'a', 'z') | bytes_within(low, '0', '9');

    return (~kept | word) & 0x80 * ones;
}

/* The last one to seven bytes of a word, and its length. */
static uint64_t hash_end(uint64_t hash, uint64_t word, size_t rest, size_t len)
{
    if (rest > 0)
        hash = rules_step(hash, word << (64 - 8 * rest));
    return rules_step(hash, len);
}

static uint64_t word_hash(const char *p, size_t len)
{
    uint64_t hash = 0;
    uint64_t word;
    size_t rest = len;

    for (; rest >= 8; p += 8, rest -= 8) {
        memcpy(&word, p, 8);
        hash = rules_step(hash, le64toh(word));
    }
    word = 0;
    memcpy(&word, p, rest);
    return hash_end(hash, le64toh(word), rest, len);
}

static void emit(struct tokens *t, const char *from, uint64_t hash)
{
    t->out[t->count++] = (struct rules_token){ .hash = hash,
                                               .start = (uint32_t)(from - t->start),
                                               .end = (uint32_t)(t->at - t->start),
                                               .spaced = t->spaced };
    t->spaced = false;
}

/* A word from t->at on, letters of other scripts included. */
static void take_any_word(struct tokens *t)
{
    const char *from = t->at;

    while (t->at < t->end) {
        struct slice rest = slice_make(t->at, (size_t)(t->end - t->at));
        enum text_class class = text_classify(text_next(&rest));

        if (class != TEXT_LETTER && class != TEXT_DIGIT)
            break;
        t->at = rest.ptr;
    }
    emit(t, from, word_hash(from, (size_t)(t->at - from)));
}

/* The same when all of it is ASCII, eight bytes at a time: a loop over its letters would be
 * mispredicted once a word. */
static void take_word(struct tokens *t)
{
    const char *from = t->at;
    const char *p = from;
    uint64_t hash = 0;
    uint64_t word = load(t, p);
    uint64_t stops = stops_of(word);
    size_t rest;

    for (; stops == 0; stops = stops_of(word)) {
        hash = rules_step(hash, word);
        p += 8;
        word = load(t, p);
    }
    rest = (size_t)__builtin_ctzll(stops) / 8;
    if ((word >> (8 * rest) & 0x80) != 0) { /* maybe a letter of another script */
        take_any_word(t);
        return;
    }
    t->at = p + rest;
    emit(t, from, hash_end(hash, word, rest, (size_t)(t->at - from)));
}

/* The common CJK block, three bytes; 0: something else. */
static uint32_t unified_han(const struct tokens *t)
{
    const unsigned char *p = (const unsigned char *)t->at;
    uint32_t cp;

    if (t->end - t->at < 3 || p[0] < 0xE4 || p[0] > 0xE9)
        return 0;
    cp = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return cp >= 0x4E00 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 ? cp : 0;
}

static void take_other(struct tokens *t)
{
    const char *from = t->at;
    struct slice rest = slice_make(t->at, (size_t)(t->end - t->at));
    uint32_t cp = text_next(&rest);
    enum text_class class = text_classify(cp);

    if (class == TEXT_LETTER || class == TEXT_DIGIT) {
        take_any_word(t);
        return;
    }
    t->at = rest.ptr;
    if (class == TEXT_SPACE) {
        t->spaced = true;
        return;
    }
    emit(t, from, rules_step(1, cp));
}

size_t rules_tokens(struct slice text, struct rules_token *out, size_t max)
{
    struct tokens t = {
        .start = text.ptr, .at = text.ptr, .end = text.ptr + text.len, .out = out, .max = max
    };

    while (t.at < t.end && t.count < t.max) {
        unsigned char first = (unsigned char)*t.at;
        uint32_t han;

        if (first < 128 && kinds[first] == WORD) {
            take_word(&t);
            continue;
        }
        if (first == ' ') {
            t.at++;
            t.spaced = true;
            continue;
        }
        han = unified_han(&t);
        if (han == 0) {
            take_other(&t);
            continue;
        }
        t.at += 3;
        emit(&t, t.at - 3, rules_step(1, han));
    }
    return t.count;
}
