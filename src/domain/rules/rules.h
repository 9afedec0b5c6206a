/* SPDX-License-Identifier: Apache-2.0 */
/* Keyword rules: which rules hold for a text. A rule names words (literals, found by the normal
 * form of domain/text, so width, case and accents don't matter); it holds when at least one of
 * `any` is there (if any are given), and each of `all`, and none of `none`.
 *
 * A literal that begins or ends with a letter or digit of a script with word spaces matches whole
 * words there ("tent" is not in "attention"); CJK has no such borders.
 *
 * compile -> immutable set (any number of reading threads) -> scan with a scratch (one owner). A
 * scan allocates nothing once the scratch has met a set of that size, and costs time linear in the
 * text times the longest literal, whatever the number of rules. */
#ifndef KEFU_RULES_H
#define KEFU_RULES_H

#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    RULES_MAX = 200 * 1000,           /* of one set: twice the goal of 100,000 */
    RULES_LITERALS_MAX = 1000 * 1000, /* of one set */
    RULES_LITERAL_BYTES_MAX = 128,    /* of one, normalised: bounds the work per character */
    RULES_ALL_MAX = 32,               /* one bit each */
};

enum rules_locale {
    RULES_ANY_LOCALE = 0,
    RULES_ZH = 1,
    RULES_EN = 2,
};

struct rules_rule {
    uint64_t id;
    enum rules_locale locale;
    int32_t priority;
    const struct slice *any;
    size_t any_count;
    const struct slice *all;
    size_t all_count;
    const struct slice *none;
    size_t none_count;
};

struct rules_hit {
    uint32_t rule;  /* index in the array that was compiled */
    uint32_t start; /* the first literal found, bytes in the text */
    uint32_t len;
};

struct rules_set;
struct rules_scratch;

/* Copies what it needs. Fault: a rule that has no literal in any and all, an empty or too long
 * literal, a limit; err->field is "rules[3].any[0]". */
MUST_USE enum err_code rules_compile(const struct rules_rule *rules, size_t count,
                                     struct rules_set **out, struct err *err);
void rules_set_destroy(struct rules_set **set);
size_t rules_set_bytes(const struct rules_set *set);

struct rules_scratch *rules_scratch_create(void);
void rules_scratch_destroy(struct rules_scratch **scratch);

/* The rules that hold for a normalised text in that language, best first (priority, then the
 * smaller id), at most max; returns how many. */
size_t rules_scan(const struct rules_set *set, struct rules_scratch *scratch,
                  struct slice normalised, enum rules_locale locale, struct rules_hit *hits,
                  size_t max);

#endif
