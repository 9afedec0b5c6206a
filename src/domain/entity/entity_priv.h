/* SPDX-License-Identifier: Apache-2.0 */
/* Between the recognisers. Each looks at the normal form from one place on and gives the end of
 * what it found there, or 0; what it read is bounded by a constant or never read again. */
#ifndef KEFU_ENTITY_PRIV_H
#define KEFU_ENTITY_PRIV_H

#include "entity.h"
#include "text.h"

struct entity_scan {
    struct slice text; /* as written */
    struct slice norm;
    const uint32_t *from;
    const struct entity_options *options;
    struct entity_scratch *scratch;
    size_t no_address_until; /* no e-mail address begins before it */
};

/* What a recogniser found; the value is copied or points to what outlives the call. */
struct entity_match {
    char value[ENTITY_LOOKUP_CHARS_MAX + 16];
    size_t value_len;
    struct slice value_at; /* instead of a copy */
    struct entity_decimal number;
    uint32_t lookup;
    uint32_t entry;
    bool fuzzy;
};

size_t entity_lookup_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_email_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_url_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_id_card_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_tracking_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_phone_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_order_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_money_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_date_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_percent_at(struct entity_scan *s, size_t at, struct entity_match *m);
size_t entity_number_at(struct entity_scan *s, size_t at, struct entity_match *m);

/* A number in figures, Chinese or English words at `at`; gives its end, or 0. */
size_t entity_decimal_at(struct slice norm, size_t at, struct entity_decimal *out);
/* The same when it is whole and within [low, high]. */
size_t entity_whole_at(struct slice norm, size_t at, int64_t low, int64_t high, int64_t *out);
bool entity_is_numeral(uint32_t cp); /* 三, 百 */
/* Multiplies by 10^power; false: too big. */
bool entity_decimal_shift(struct entity_decimal *d, unsigned power);

int64_t entity_day_number(struct entity_day day); /* days since 1970-01-01 */
struct entity_day entity_day_from(int64_t number);
bool entity_day_valid(struct entity_day day);

/* Lookups read the normal form as characters: done once per message. */
void entity_lookup_prepare(struct entity_scan *s);
struct entity_scratch_lookup;
struct entity_scratch_lookup *entity_scratch_lookup_create(void);
struct entity_scratch_lookup *entity_scratch_lookup_of(struct entity_scratch *scratch);

static inline bool entity_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool entity_is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool entity_is_alnum(char c)
{
    return entity_is_digit(c) || entity_is_letter(c);
}

/* A word or number that ends at `end` is not cut in two there. */
static inline bool entity_ends(struct slice norm, size_t end)
{
    return end >= norm.len || !entity_is_alnum(norm.ptr[end]);
}

/* The end of a word that stands at `at`, or 0. Nearly always the first byte says no, so the word's
 * length is never asked for. */
static inline size_t entity_past(struct slice norm, size_t at, const char *word)
{
    for (; *word != '\0'; word++, at++) {
        if (at == norm.len || norm.ptr[at] != *word)
            return 0;
    }
    return at;
}

static inline bool entity_has(struct slice norm, size_t at, const char *word)
{
    return entity_past(norm, at, word) != 0;
}

/* Of the words, the longest that stands at `at` (letters must end there); *which is its place.
 * Gives the end, or 0. */
struct entity_word {
    const char *text;
    int value;
};
size_t entity_word_at(struct slice norm, size_t at, const struct entity_word *words, size_t count,
                      int *value);
static inline size_t entity_skip_blank(struct slice norm, size_t at)
{
    return at < norm.len && norm.ptr[at] == ' ' ? at + 1 : at;
}

#endif
