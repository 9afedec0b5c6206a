/* SPDX-License-Identifier: Apache-2.0 */
/* Text as the bot reads it: UTF-8 decoding, one normal form, and words, stems and n-grams for Latin
 * and CJK scripts in one pass. Pure: works in the caller's buffers, allocates nothing per message,
 * linear in its input whatever the input is. Any thread; a text_stemmer belongs to one thread.
 *
 * Broken UTF-8 is never refused here (the wire refuses it): every maximal ill-formed subsequence
 * (Unicode 15, section 3.9, "substitution of maximal subparts") reads as one U+FFFD. */
#ifndef KEFU_TEXT_H
#define KEFU_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
    TEXT_REPLACEMENT = 0xFFFD,
    TEXT_NORM_BYTES_MAX = 16 * 1024, /* a message is at most that long (DESIGN section 13) */
    TEXT_WORD_CHARS_MAX = 48,        /* the rest of a longer word is not looked at: no real word */
    TEXT_GRAMS_PER_MESSAGE = 2048, /* enough for 800 CJK characters; beyond it grams are dropped */
};

enum text_class {
    TEXT_OTHER, /* punctuation, symbols, emoji: separates */
    TEXT_SPACE,
    TEXT_LETTER, /* of a script that writes words apart; marks count as letters */
    TEXT_DIGIT,
    TEXT_CJK, /* Han, kana, Hangul: every character is a token */
};

/* Takes one code point off the front of *in, which must not be empty. */
uint32_t text_next(struct slice *in);
/* Writes 1..4 bytes; cp must be a scalar value. */
size_t text_encode(uint32_t cp, char out[4]);
enum text_class text_classify(uint32_t cp);

/* Normal form: full width to half width, compatibility forms folded, case folded, diacritics of
 * Latin, Greek and Cyrillic dropped, invisible characters dropped, runs of blanks to one space,
 * none at the ends, typographic quotes and CJK full stops to ASCII. Written to out; what does not
 * fit in cap is cut at a code point. The result may be longer than the input (3 bytes for a broken
 * one). */
struct slice text_normalise(struct slice in, char *out, size_t cap);

/* For comparing whole questions: letters, digits and CJK of a normalised text; everything else is
 * gone except one space between two words of Latin script. Never longer than its input. */
struct slice text_key(struct slice normalised, char *out, size_t cap);

/* How much of each script a text has: what the language is guessed from. */
struct text_script {
    unsigned cjk_chars;
    unsigned words; /* runs of letters outside CJK */
};
struct text_script text_script_count(struct slice normalised);

/* Kinds of grams; a set of them is an or of bits. Each kind has its own hash space. Character
 * grams run inside one word, with a boundary mark before and after it. */
enum text_gram_kind {
    TEXT_GRAM_WORD = 1 << 0,
    TEXT_GRAM_STEM = 1 << 1,  /* English stems */
    TEXT_GRAM_WORD2 = 1 << 2, /* two words in a row */
    TEXT_GRAM_CHAR2 = 1 << 3,
    TEXT_GRAM_CHAR3 = 1 << 4,
    TEXT_GRAM_CHAR4 = 1 << 5,
    TEXT_GRAM_CHAR5 = 1 << 6,
    TEXT_GRAM_CJK1 = 1 << 7,
    TEXT_GRAM_CJK2 = 1 << 8, /* neighbours only: nothing between them */
    TEXT_GRAM_CJK3 = 1 << 9,
};

struct text_gram {
    uint64_t hash;  /* of kind and characters; the same on every machine, may be stored */
    uint32_t start; /* bytes in the normalised text */
    uint16_t len;
    uint16_t kind;
};

struct text_stemmer; /* Snowball's English, with a small memo of recent words */
struct text_stemmer *text_stemmer_create(void);
void text_stemmer_destroy(struct text_stemmer **stemmer);

/* All grams of the kinds asked for, in text order; at most max. stemmer may be NULL when
 * TEXT_GRAM_STEM is not among the kinds. */
size_t text_grams(struct text_stemmer *stemmer, struct slice normalised, unsigned kinds,
                  struct text_gram *out, size_t max);
/* The hash that text_grams gives a single gram of that kind (for tables of words). */
uint64_t text_gram_hash(enum text_gram_kind kind, struct slice gram);

#endif
