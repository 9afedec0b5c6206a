/* SPDX-License-Identifier: Apache-2.0 */
/* Text as the bot reads it: UTF-8 decoding, one normal form, and words, stems, n-grams and masks
 * for Latin and CJK scripts. Pure: works in the caller's buffers, allocates nothing per message,
 * linear in its input whatever the input is. Any thread; a text_stemmer belongs to one thread.
 *
 * Broken UTF-8 is not refused here (the wire refuses it): every maximal ill-formed subsequence
 * (Unicode 15, section 3.9, "substitution of maximal subparts") reads as one U+FFFD. Who must
 * refuse (importers, compilers) asks text_fault_find where and what it is. */
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
    TEXT_FORM_VERSION = 2, /* of the normal form and the hashes: stored with indexes and models */
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

/* What is wrong with UTF-8 at one place. */
enum text_fault {
    TEXT_FAULT_NONE,
    TEXT_FAULT_STRAY,     /* a continuation byte that continues nothing */
    TEXT_FAULT_LEAD,      /* F5..FF begin no character */
    TEXT_FAULT_SHORT,     /* the sequence ends too early */
    TEXT_FAULT_OVERLONG,  /* more bytes than needed: C0, C1, E0 80..9F, F0 80..8F */
    TEXT_FAULT_SURROGATE, /* U+D800..DFFF */
    TEXT_FAULT_RANGE,     /* past U+10FFFF */
};
/* The first fault and where it is; TEXT_FAULT_NONE: all is well and *at is the length. */
enum text_fault text_fault_find(struct slice in, size_t *at);
const char *text_fault_name(enum text_fault fault); /* "overlong" */

/* Normal form: full width to half width, compatibility forms folded, case folded, diacritics of
 * Latin, Greek and Cyrillic dropped, invisible characters dropped, runs of blanks to one space,
 * none at the ends, typographic quotes and CJK full stops to ASCII. Written to out; what does not
 * fit in cap is cut at a code point. The result may be longer than the input (3 bytes for a broken
 * one). */
struct slice text_normalise(struct slice in, char *out, size_t cap);

enum text_option {
    TEXT_SIMPLIFY = 1 << 0, /* traditional characters read as simplified ones */
};
/* The same with options, and with the way back: from[i] (when from is not NULL, cap elements) is
 * where in `in` the character began that made byte i of the normal form. */
struct slice text_normalise_with(struct slice in, unsigned options, char *out, uint32_t *from,
                                 size_t cap);
/* The part of `in` that became bytes [start, start + len) of its normal form, with the marks that
 * hang on its last character. len must not be 0. */
struct slice text_original(struct slice in, struct slice normalised, const uint32_t *from,
                           size_t start, size_t len);

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
    TEXT_GRAM_MASK = 1 << 10, /* one for each mask (below), the same whatever its characters */
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

/* All grams of the kinds asked for, masks first, then in text order; at most max. stemmer may be
 * NULL when TEXT_GRAM_STEM is not among the kinds. */
size_t text_grams(struct text_stemmer *stemmer, struct slice normalised, unsigned kinds,
                  struct text_gram *out, size_t max);
/* The hash that text_grams gives a single gram of that kind (for tables of words). */
uint64_t text_gram_hash(enum text_gram_kind kind, struct slice gram);

/* Shapes whose characters say nothing about what is meant: "order 4711" and "order 4712" ask the
 * same. Rough on purpose, for features; exact recognition with values is domain/entity's. */
enum text_mask_kind {
    TEXT_MASK_NUMBER,
    TEXT_MASK_URL,
    TEXT_MASK_EMAIL,
    TEXT_MASK_PHONE,
    TEXT_MASK_ORDER, /* letters and digits mixed, or too many digits for a phone number */
    TEXT_MASK_KINDS,
};
struct text_mask {
    uint32_t start; /* bytes in the normalised text */
    uint32_t len;
    enum text_mask_kind kind;
};
const char *text_mask_name(enum text_mask_kind kind); /* "number" */
/* In text order, not overlapping, at most max; linear. */
size_t text_masks(struct slice normalised, struct text_mask *out, size_t max);

#endif
