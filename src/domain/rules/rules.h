/* SPDX-License-Identifier: Apache-2.0 */
/* Keyword rules: which rules hold for a text. A rule is a condition over words (literals), found by
 * the normal form of domain/text with traditional read as simplified, so width, case, accents and
 * script don't matter; it has a priority and may be bound to a language, to scopes (sites,
 * channels) and to times. Lists of sensitive words are rules that also see through disguise.
 *
 * A literal that begins or ends with a letter or digit of a script with word spaces matches whole
 * words there ("tent" is not in "attention"); CJK has no such borders.
 *
 * Compiling gives one relocatable block of bytes, to be written to a file and mapped again:
 * rules_set_open checks all of it (checksum, version, every offset). A set is immutable, for any
 * number of reading threads; publishing a change = build the next set, hand it over, destroy the
 * old one when everybody has let go. Small changes go in a set laid over another one. A scan
 * allocates nothing once its scratch has met a set of that size, and costs time linear in the text
 * times the longest literal, whatever the number of rules. */
#ifndef KEFU_RULES_H
#define KEFU_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    RULES_MAX = 200 * 1000,           /* of one set: twice the goal of 100,000 */
    RULES_LITERALS_MAX = 1000 * 1000, /* of one set */
    RULES_LITERAL_BYTES_MAX = 128,    /* of one, normalised: bounds the work per character */
    RULES_SLOTS_MAX = 32,             /* groups of alternative words in one rule: one bit each */
    RULES_ALL_MAX = 30,               /* words of `all`; `any` and `none` are one group each */
    RULES_WHEN_BYTES_MAX = 4096,      /* of one condition */
    RULES_REGEX_MAX = 4096,           /* of one set: each is a program in memory */
    RULES_REGEX_RUNS_MAX = 256,       /* in one scan; rules past it do not hold */
    RULES_SCOPES_MAX = 16,            /* of one rule */
    RULES_PRIORITY_MAX = 1000000,     /* and as far below zero: nobody counts further */
    RULES_GAP_MAX = 200,              /* characters between two parts: longer is no connection */
    RULES_NAME_BYTES_MAX = 120,
    RULES_FILE_BYTES_MAX = 64 * 1024 * 1024,
    RULES_TEXT_BYTES_MAX = 48 * 1024, /* a message normalised: at worst three times 16 KiB */
    RULES_HITS_MAX = 64,              /* asked for at once */
    RULES_SPANS_MAX = 256,            /* masked places of one text; past it: mask all of it */
};

enum rules_locale {
    RULES_ANY_LOCALE = 0,
    RULES_ZH = 1,
    RULES_EN = 2,
};

/* What is to be done with a text for which the rule holds; the caller does it. */
enum rules_action {
    RULES_ANSWER,
    RULES_BLOCK,   /* not delivered */
    RULES_MASK,    /* delivered with the words blotted out */
    RULES_REVIEW,  /* delivered, and shown to a supervisor */
    RULES_HANDOFF, /* to a person */
    RULES_ACTIONS,
};
const char *rules_action_name(enum rules_action action); /* "block" */

/* Disguises that the words of a rule are seen through. With any of them width, case, accents and
 * traditional characters are looked through too, as always. */
enum rules_disguise {
    RULES_SYMBOLS = 1 << 0, /* up to RULES_SYMBOLS_MAX blanks, signs, emoji between characters */
    RULES_PINYIN = 1 << 1,  /* characters spelled in Latin letters: wei信, w e i x i n */
    RULES_SOUND = 1 << 2, /* other characters with the same sound: 薇信. Finds ordinary words too */
};
enum { RULES_SYMBOLS_MAX = 8 };

enum { RULES_DAY_OPEN = INT32_MIN, RULES_DAY_MINUTES = 24 * 60 };

/* In local time of the conversation's workspace. All zero but days: always. */
struct rules_times {
    bool set;                        /* false: always, the rest is not looked at */
    int32_t day_from, day_to;        /* since 1970-01-01, both included; RULES_DAY_OPEN: open */
    uint8_t weekdays;                /* bit 0: Monday; 0: every day */
    uint16_t minute_from, minute_to; /* of the day, the end not included; equal: all day; a
                                        window over midnight belongs to the day it ends on */
};

/* The parts given are and-ed: one of `any`, each of `all`, none of `none`, and `when`. Borrowed
 * during the call. */
struct rules_rule {
    uint64_t id;
    struct slice name; /* may be empty */
    enum rules_locale locale;
    int32_t priority;
    enum rules_action action;
    const struct slice *any;
    size_t any_count;
    const struct slice *all;
    size_t all_count;
    const struct slice *none;
    size_t none_count;
    struct slice when;          /* a condition, see rules_file.h; empty: none */
    const struct slice *scopes; /* none: everywhere */
    size_t scope_count;
    struct rules_times times;
    unsigned disguise; /* or of rules_disguise: how any, all and none are looked for */
};

/* Where in the rules something is wrong; err->field says the same to people: "rules[3].any[0]". */
enum rules_part {
    RULES_PART_WHOLE,
    RULES_PART_ANY, /* `at` is the word */
    RULES_PART_ALL,
    RULES_PART_NONE,
    RULES_PART_WHEN, /* `at` is the byte */
};
struct rules_place {
    size_t rule;
    enum rules_part part;
    size_t at;
};

struct rules_set;
struct rules_scratch;

/* Copies what it needs. Fault: a rule that could hold without any word, an empty or too long
 * literal, a condition that is none, a limit. place may be NULL. */
MUST_USE enum err_code rules_compile_at(const struct rules_rule *rules, size_t count,
                                        struct rules_set **out, struct rules_place *place,
                                        struct err *err);
MUST_USE enum err_code rules_compile(const struct rules_rule *rules, size_t count,
                                     struct rules_set **out, struct err *err);
/* The set of `base` with rules added, or replacing those of the same id, and without the removed
 * ids: compiles the changed ones only. base is borrowed as long as the new set lives, and must not
 * be such a set itself. Indexes of the changed rules follow base's. */
MUST_USE enum err_code rules_overlay(const struct rules_set *base, const struct rules_rule *changed,
                                     size_t changed_count, const uint64_t *removed,
                                     size_t removed_count, struct rules_set **out, struct err *err);
/* bytes: aligned to 8, borrowed as long as the set lives. Fault: not such a file, damaged, of
 * another version (ERR_UNSUPPORTED). */
MUST_USE enum err_code rules_set_open(struct slice bytes, struct rules_set **out, struct err *err);
struct slice rules_set_blob(const struct rules_set *set); /* of a set that is not laid over one */
void rules_set_destroy(struct rules_set **set);
size_t rules_set_bytes(const struct rules_set *set);
size_t rules_set_count(const struct rules_set *set); /* of rules, replaced ones included */
struct slice rules_set_name(const struct rules_set *set, size_t rule);

struct rules_scratch *rules_scratch_create(void);
void rules_scratch_destroy(struct rules_scratch **scratch);

struct rules_context {
    enum rules_locale locale;
    struct slice scope; /* only rules without scopes or with this one */
    bool timed;         /* false: rules bound to times do not hold */
    int32_t day;        /* local, since 1970-01-01 */
    uint16_t minute;    /* local, of the day */
};

struct rules_hit {
    uint64_t id;
    uint32_t rule;  /* index in the array that was compiled */
    uint32_t start; /* the first word found, bytes in the normalised text */
    uint32_t len;
    enum rules_action action;
};

/* The rules that hold for a text, best first (priority, then the smaller id), at most max; returns
 * how many. normalised: by text_normalise_with(TEXT_SIMPLIFY); what is longer than
 * RULES_TEXT_BYTES_MAX is not looked at. */
size_t rules_scan(const struct rules_set *set, struct rules_scratch *scratch,
                  struct slice normalised, const struct rules_context *context,
                  struct rules_hit *hits, size_t max);

struct rules_span {
    uint32_t start, len; /* bytes in the normalised text */
};
/* Of the last scan: every place where a word of a rule that holds and masks was found, in order
 * and joined; RULES_SPANS_MAX + 1: too many, mask the whole text. */
size_t rules_spans(const struct rules_scratch *scratch, struct rules_span spans[RULES_SPANS_MAX]);

/* Only the literals: how many are found in the text, each at each place (for measuring). */
size_t rules_match_count(const struct rules_set *set, struct rules_scratch *scratch,
                         struct slice normalised);

#endif
