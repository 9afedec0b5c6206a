/* SPDX-License-Identifier: Apache-2.0 */
/* What full-text search calls a word, the same for all adapters: Chinese, Japanese and Korean runs
 * become overlapping pairs of characters, everything else becomes lower-case words of letters and
 * digits. A run's last character is indexed alone as well, so that every character starts some
 * word and a query of one character is a prefix query. Full-width forms count as their ASCII ones.
 * Pure; any thread. */
#ifndef KEFU_STORE_WORDS_H
#define KEFU_STORE_WORDS_H

#include "buf.h"
#include "slice.h"

enum {
    WORD_BYTES_MAX = 128, /* longer words are cut */
    QUERY_WORDS_MAX = 32, /* further words of a query are ignored */
};

enum word_kind {
    WORD_LATIN,
    WORD_PAIR,   /* two characters */
    WORD_SINGLE, /* the last character of a run, or a run of one */
};

struct word {
    enum word_kind kind;
    bool run_start; /* the first word of its run (always, for WORD_LATIN) */
    size_t from;    /* byte range in the text */
    size_t to;
    size_t len;
    char bytes[WORD_BYTES_MAX]; /* folded UTF-8 */
};

struct words {
    struct slice text;
    size_t at;
    bool in_run; /* the character at `at` was the second one of the pair before */
};

void words_init(struct words *words, struct slice text);
/* false: no further word. Broken UTF-8 separates words. */
bool words_next(struct words *words, struct word *out);

/* A query text as an FTS5 match expression: "退款失败" AND "kefu" *. All words must occur; a run of
 * CJK characters must occur as it is, a Latin word or a single character at least as a word's
 * beginning. Empty when there is nothing to search for. The tokenizer must leave out the
 * WORD_SINGLE of longer runs when it reads a query. */
void words_query(struct slice text, struct buf *out);
/* The same condition applied to one text, for adapters without an index. */
bool words_match(struct slice text, struct slice query);

#endif
