/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions in linear time: RE2's syntax and its leftmost-first matches, without
 * back-references and look-around, on UTF-8. Not there either: \C, and scripts other than Han,
 * Hiragana, Katakana and Hangul in \p{…} (all general categories are). As in RE2, \d \w \s \b and
 * the [:posix:] classes are ASCII, ^ and $ are the ends of the text unless (?m), and a dot is any
 * character but newline unless (?s).
 *
 * A compiled expression is one block of memory without pointers: it may be copied, stored in
 * another block aligned to REGEX_ALIGN, and freed with free(). Matching takes at most
 * text length x instructions steps, whatever the expression. Broken UTF-8 in a text reads as
 * U+FFFD. Pure; a regex may be read by any number of threads, a scratch has one owner. */
#ifndef KEFU_REGEX_H
#define KEFU_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    REGEX_PATTERN_BYTES_MAX = 1000, /* written by people, one line */
    REGEX_INSTS_MAX = 1024,         /* bounds the work per character; holds any x{1000} */
    REGEX_REPEAT_MAX = 1000,        /* in x{n,m}, as in RE2 */
    REGEX_DEPTH_MAX = 64,           /* nested groups: bounds the parser's recursion */
    REGEX_GROUPS_MAX = 10,          /* the whole match and nine groups */
    REGEX_TEXT_BYTES_MAX = 1 << 30, /* offsets are 32 bits */
    REGEX_ALIGN = 8,
};

enum regex_flag {
    REGEX_FOLD = 1 << 0,  /* as if the pattern began with (?i) */
    REGEX_WHOLE = 1 << 1, /* only a match of the whole text counts */
};

struct regex;

/* offset (may be NULL): where in the pattern the fault is, in bytes. ERR_INVALID: not in the
 * language; ERR_UNSUPPORTED: a part of other engines that has no linear-time form;
 * ERR_TOO_BIG: a limit above. */
MUST_USE enum err_code regex_compile(struct slice pattern, unsigned flags, struct regex **out,
                                     size_t *offset, struct err *err);
size_t regex_bytes(const struct regex *regex);
unsigned regex_groups(const struct regex *regex); /* with the whole match: at least 1 */

/* Is there a match in the text? Allocates nothing. */
bool regex_test(const struct regex *regex, struct slice text);

struct regex_span {
    int32_t start, end; /* bytes in the text; -1: the group took no part */
};
struct regex_scratch; /* about 200 kB, for any regex */
struct regex_scratch *regex_scratch_create(void);
void regex_scratch_destroy(struct regex_scratch **scratch);
/* The leftmost match at or after byte `from`; spans[0] is the whole of it. Fills span_count spans
 * (at most REGEX_GROUPS_MAX). */
bool regex_find(const struct regex *regex, struct regex_scratch *scratch, struct slice text,
                size_t from, struct regex_span *spans, unsigned span_count);

/* A short text that matches, for generated tests: random choices by seed, at most cap bytes. 0:
 * none was found. */
size_t regex_sample(const struct regex *regex, uint64_t seed, char *out, size_t cap);

#endif
