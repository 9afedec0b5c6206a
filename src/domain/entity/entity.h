/* SPDX-License-Identifier: Apache-2.0 */
/* Things in a text that have a value: phone and order numbers, e-mail addresses, amounts, dates,
 * names from the customer's own lists. One look from left to right over the normal form; where
 * several recognisers hold at one place the longest wins, then the earlier kind of the enum. Found
 * things do not overlap, and their offsets are bytes of the text as it was written.
 *
 * Pure; allocates nothing per message; linear in the text. Any thread; a scratch and a list have
 * one owner; lookups are immutable. */
#ifndef KEFU_ENTITY_H
#define KEFU_ENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    ENTITY_TEXT_BYTES_MAX = 16 * 1024, /* a message; the rest of a longer text is not looked at */
    ENTITY_FOUND_MAX = 32,             /* in one message; more is a table, not a message */
    ENTITY_VALUES_BYTES_MAX = 2048,    /* all values of one message */
    ENTITY_LOOKUPS_MAX = 16,
    ENTITY_LOOKUP_ENTRIES_MAX = 200 * 1000, /* of one list: twice the goal */
    ENTITY_LOOKUP_CHARS_MAX = 48,           /* of one entry, normalised */
    ENTITY_SHAPE_BYTES_MAX = 64,
};

enum entity_kind {
    ENTITY_LOOKUP,   /* an entry of a list, maybe with one typing error */
    ENTITY_EMAIL,    /* value: lower case */
    ENTITY_URL,      /* value: as written */
    ENTITY_ID_CARD,  /* 18 characters with a right check digit (GB 11643); value: X in upper case */
    ENTITY_TRACKING, /* S10 and UPS with right check digits, and some Chinese carriers' shapes */
    ENTITY_PHONE,    /* value: E.164, "+8613812345678"; an extension after ";ext=" */
    ENTITY_ORDER,    /* one of the shapes given, or the built-in guess; value: upper case */
    ENTITY_MONEY,    /* number: the amount; value: currency code, "CNY" */
    ENTITY_DATE,     /* value: "2024-05-01" */
    ENTITY_PERCENT,  /* number: 20 for 20 % */
    ENTITY_NUMBER,   /* number */
    ENTITY_KINDS,
};
enum { ENTITY_ALL = (1 << ENTITY_KINDS) - 1 };
const char *entity_kind_name(enum entity_kind kind); /* "id_card" */

/* mantissa / 10^scale: 12.50 is { 1250, 2 }. Exact, unlike a double. */
struct entity_decimal {
    int64_t mantissa;
    unsigned scale;
};

/* Of the Gregorian calendar; month and day from 1. */
struct entity_day {
    int year;
    int month;
    int day;
};
/* The day at that moment (seconds since 1970 UTC) where clocks are offset_minutes ahead of UTC. */
struct entity_day entity_day_at(int64_t unix_seconds, int offset_minutes);

struct entity_lookup;

struct entity_options {
    unsigned kinds;          /* 1 << kind, or ENTITY_ALL */
    struct entity_day today; /* what "tomorrow" counts from; year 0: no relative dates */
    bool day_first;          /* 5/1/2024 is the fifth of January */
    unsigned calling_code;   /* of numbers without one: 86 (also for 0) and 1 are known */
    /* Shapes of order numbers: # a digit, @ a letter, * either, others themselves ("KF########").
     * None: letters and digits mixed, or nine digits and more. */
    const struct slice *order_shapes;
    size_t order_shape_count;
    const struct entity_lookup *const *lookups;
    size_t lookup_count; /* at most ENTITY_LOOKUPS_MAX */
};

struct entity {
    enum entity_kind kind;
    uint32_t start; /* bytes in the text as it was written */
    uint32_t len;
    struct slice value; /* into the list, the lookup or the text; may be empty */
    struct entity_decimal number;
    uint32_t lookup; /* ENTITY_LOOKUP: which list, which entry */
    uint32_t entry;
    bool fuzzy; /* ENTITY_LOOKUP: with one error */
};

struct entity_list {
    size_t count;
    struct entity items[ENTITY_FOUND_MAX];
    size_t used;
    char values[ENTITY_VALUES_BYTES_MAX];
};

struct entity_scratch;
struct entity_scratch *entity_scratch_create(void);
void entity_scratch_destroy(struct entity_scratch **scratch);

/* Everything of the kinds asked for, in text order. */
void entity_find(struct slice text, const struct entity_options *options,
                 struct entity_scratch *scratch, struct entity_list *out);
/* The same for a text that is normalised already (text_normalise_with, TEXT_SIMPLIFY) and the way
 * back that came with it. */
void entity_find_normalised(struct slice text, struct slice normalised, const uint32_t *from,
                            const struct entity_options *options, struct entity_scratch *scratch,
                            struct entity_list *out);

/* A list of names: products, cities, branches. Several texts (synonyms) may have one value. An
 * entry of four CJK characters or five letters and more is also found with one character too many,
 * too few, wrong, or with two neighbours swapped. */
struct entity_lookup_entry {
    struct slice text;
    struct slice value; /* empty: the text */
};
/* Copies what it needs. Fault: an entry that is empty or too long, too many; err->field is
 * "entries[3]". Equal texts: the first one counts. */
MUST_USE enum err_code entity_lookup_create(const struct entity_lookup_entry *entries, size_t count,
                                            struct entity_lookup **out, struct err *err);
void entity_lookup_destroy(struct entity_lookup **lookup);
size_t entity_lookup_bytes(const struct entity_lookup *lookup);

#endif
