/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names with one typing error. Every entry stands in one hash table under its own text
 * and, when it is long enough, under its text without one character, for each of them (the
 * symmetric deletion idea of W. Garbe's SymSpell). A run of characters of the message then meets
 * its entry with as many look-ups as it has characters: by itself (right, or a character is
 * missing) and without each of its characters (one is wrong, too many, or two are swapped).
 *
 * The hash of a run, with or without one character, comes from prefix hashes in one step. The table
 * is larger than the caches, so most runs must not get that far: filters that do fit say whether a
 * run begins and ends as some entry does, by two characters, of long entries by four. One error
 * cannot spoil both ends. (Of an entry of four characters the middle two swapped do: not found.) */
#include "entity_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum {
    FUZZY_CJK_CHARS_MIN = 4, /* shorter names are one error away from too much */
    FUZZY_LATIN_CHARS_MIN = 5,
    PLACE_WORDS = (ENTITY_TEXT_BYTES_MAX + 1) / 64 + 2, /* one more to read over its end */
    FILTER_BITS_MIN = 10,
    FILTER_BITS_MAX = 20, /* of a filter: 128 KiB, stays in the second-level cache */
    SAME_MAX = 8,         /* entries under one hash; further ones would be as good a guess */
    RAW_BYTES_MAX = 1024, /* of an entry as given */
};

enum filter { BEGINS, ENDS, PAIR_BEGINS, PAIR_ENDS, FILTERS };

static const uint64_t base = 0x9E3779B97F4A7C15u;

struct slot {
    uint32_t tag;
    uint32_t entry; /* + 1; 0: free */
};

struct stored {
    uint32_t text; /* in chars */
    uint32_t value;
    uint16_t value_len;
    uint8_t chars;
    bool fuzzy;
};

struct entity_lookup {
    uint32_t *chars; /* all entries' characters */
    size_t char_count;
    size_t char_cap;
    char *values;
    size_t value_count;
    size_t value_cap;
    struct stored *entries;
    size_t count;
    struct slot *slots;
    uint64_t slot_mask;
    uint64_t exact_lengths; /* bit n: an entry has n characters */
    uint64_t fuzzy_lengths;
    unsigned filter_bits;
    uint64_t *filters; /* FILTERS of them, one behind the other */
};
_Static_assert(ENTITY_LOOKUP_CHARS_MAX + 1 < 64, "lengths are bits");

struct entity_scratch_lookup {
    size_t count;
    uint32_t chars[ENTITY_TEXT_BYTES_MAX];
    uint32_t offset[ENTITY_TEXT_BYTES_MAX + 1]; /* of a character, in bytes */
    uint64_t prefix[ENTITY_TEXT_BYTES_MAX + 1];
    bool word[ENTITY_TEXT_BYTES_MAX + 1]; /* letters and digits, which stand together */
    uint64_t power[ENTITY_LOOKUP_CHARS_MAX + 2];
    /* Bits, one a place: where a run may end (not inside a word), and where the first two
     * characters of some entry begin or the last two end, for each list. */
    uint64_t borders[PLACE_WORDS];
    uint64_t pairs[ENTITY_LOOKUPS_MAX][2][PLACE_WORDS];
    size_t at; /* the character where the last look began: the scan goes forward */
};

struct entity_scratch_lookup *entity_scratch_lookup_create(void)
{
    struct entity_scratch_lookup *look = mem_zalloc(sizeof(*look));

    look->power[0] = 1;
    for (size_t i = 1; i < LENGTH_OF(look->power); i++)
        look->power[i] = look->power[i - 1] * base;
    return look;
}

static bool is_word(uint32_t cp)
{
    enum text_class class = text_classify(cp);

    return class == TEXT_LETTER || class == TEXT_DIGIT;
}

static void read_chars(struct entity_scratch_lookup *look, struct slice norm)
{
    const char *start = norm.ptr;

    look->count = 0;
    look->at = 0;
    while (norm.len > 0) {
        size_t i = look->count++;

        look->offset[i] = (uint32_t)(norm.ptr - start);
        look->chars[i] = text_next(&norm);
        look->word[i] = is_word(look->chars[i]);
        look->prefix[i + 1] = look->prefix[i] * base + look->chars[i] + 1;
    }
    look->offset[look->count] = (uint32_t)(norm.ptr == NULL ? 0 : norm.ptr - start);
    look->word[look->count] = false;
}

/* Of characters [from, to). */
static uint64_t run_hash(const struct entity_scratch_lookup *look, size_t from, size_t to)
{
    return look->prefix[to] - look->prefix[from] * look->power[to - from];
}

/* The same without character `without`. */
static uint64_t run_hash_without(const struct entity_scratch_lookup *look, size_t from, size_t to,
                                 size_t without)
{
    return run_hash(look, from, without) * look->power[to - without - 1] +
           run_hash(look, without + 1, to);
}

static uint64_t mixed(uint64_t hash)
{
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

/* ---- filters ---- */
/* How many characters at each end an error cannot spoil both of; 0: the entry is too short. */
static size_t half_of(size_t chars)
{
    return chars == 4 ? 2 : chars == 0 ? 0 : (chars - 1) / 2;
}

static uint64_t *filter_word(const struct entity_lookup *lookup, enum filter filter, uint64_t hash,
                             uint64_t *mask)
{
    uint64_t at = mixed(hash) >> (64 - lookup->filter_bits);

    *mask = 1ull << (at % 64);
    return lookup->filters + ((size_t)filter << lookup->filter_bits) / 64 + at / 64;
}

static bool filter_has(const struct entity_lookup *lookup, enum filter filter, uint64_t hash)
{
    uint64_t mask;

    return (*filter_word(lookup, filter, hash, &mask) & mask) != 0;
}

static void filter_add(struct entity_lookup *lookup, enum filter filter, uint64_t hash)
{
    uint64_t mask;

    *filter_word(lookup, filter, hash, &mask) |= mask;
}

static void place_set(uint64_t *bits, size_t at)
{
    bits[at / 64] |= 1ull << (at % 64);
}

/* The places from `at` on: bit n is place at + n. */
static uint64_t places_from(const uint64_t *bits, size_t at)
{
    unsigned shift = at % 64;
    uint64_t low = bits[at / 64] >> shift;

    return shift == 0 ? low : low | bits[at / 64 + 1] << (64 - shift);
}

static void pairs_find(struct entity_scratch_lookup *look, const struct entity_lookup *lookup,
                       uint64_t pairs[2][PLACE_WORDS])
{
    size_t bytes = (look->count / 64 + 2) * sizeof(uint64_t);

    memset(pairs[0], 0, bytes);
    memset(pairs[1], 0, bytes);
    for (size_t i = 0; i + 2 <= look->count; i++) {
        uint64_t hash = run_hash(look, i, i + 2);

        if (filter_has(lookup, PAIR_BEGINS, hash))
            place_set(pairs[0], i);
        if (filter_has(lookup, PAIR_ENDS, hash))
            place_set(pairs[1], i + 2);
    }
}

void entity_lookup_prepare(struct entity_scan *s)
{
    struct entity_scratch_lookup *look = entity_scratch_lookup_of(s->scratch);

    read_chars(look, s->norm);
    memset(look->borders, 0, (look->count / 64 + 2) * sizeof(uint64_t));
    for (size_t i = 1; i <= look->count; i++) {
        if (!look->word[i - 1] || !look->word[i])
            place_set(look->borders, i);
    }
    for (size_t i = 0; i < s->options->lookup_count; i++)
        pairs_find(look, s->options->lookups[i], look->pairs[i]);
}

static bool begins(const struct entity_lookup *lookup, const struct entity_scratch_lookup *look,
                   size_t from, size_t half)
{
    return filter_has(lookup, BEGINS, run_hash(look, from, from + half));
}

static bool ends(const struct entity_lookup *lookup, const struct entity_scratch_lookup *look,
                 size_t to, size_t half)
{
    return filter_has(lookup, ENDS, run_hash(look, to - half, to));
}

/* Whether a half of an entry of one character more, as many, or one less stands at its place. */
static bool a_half_is_there(const struct entity_lookup *lookup,
                            const struct entity_scratch_lookup *look, size_t from, size_t to)
{
    size_t chars = to - from;
    size_t last = 0;

    for (size_t of = chars - 1; of <= chars + 1; of++) {
        size_t half = half_of(of);

        if ((lookup->fuzzy_lengths >> of & 1) == 0 || half == last)
            continue;
        if (begins(lookup, look, from, half) || ends(lookup, look, to, half))
            return true;
        last = half;
    }
    return false;
}

static bool run_equal(const struct entity_lookup *lookup, const struct stored *e,
                      const uint32_t *run, size_t len)
{
    return e->chars == len && memcmp(lookup->chars + e->text, run, len * sizeof(*run)) == 0;
}

/* One insertion, deletion, substitution or swap of neighbours apart (or none). */
static bool run_close(const uint32_t *a, size_t a_len, const uint32_t *b, size_t b_len)
{
    size_t front = 0;
    size_t back = 0;
    size_t least = a_len < b_len ? a_len : b_len;

    if (a_len > b_len + 1 || b_len > a_len + 1)
        return false;
    while (front < least && a[front] == b[front])
        front++;
    while (back < least - front && a[a_len - 1 - back] == b[b_len - 1 - back])
        back++;
    if (a_len - front - back <= 1 && b_len - front - back <= 1)
        return true;
    return a_len == b_len && a_len - front - back == 2 && a[front] == b[front + 1] &&
           a[front + 1] == b[front];
}

/* The entry under that hash which is the run (or, fuzzy, close to it); count: none. */
static size_t find(const struct entity_lookup *lookup, uint64_t hash, const uint32_t *run,
                   size_t len, bool fuzzy)
{
    uint64_t h = mixed(hash);
    uint32_t tag = (uint32_t)(h >> 32);
    uint64_t at = h & lookup->slot_mask;

    for (; lookup->slots[at].entry != 0; at = (at + 1) & lookup->slot_mask) {
        size_t entry = lookup->slots[at].entry - 1;
        const struct stored *e = &lookup->entries[entry];

        if (lookup->slots[at].tag != tag)
            continue;
        if (fuzzy ? e->fuzzy && run_close(lookup->chars + e->text, e->chars, run, len)
                  : run_equal(lookup, e, run, len))
            return entry;
    }
    return lookup->count;
}

static void put(struct entity_lookup *lookup, uint64_t hash, size_t entry)
{
    uint64_t h = mixed(hash);
    uint64_t at = h & lookup->slot_mask;
    unsigned same = 0;

    while (lookup->slots[at].entry != 0 && same < SAME_MAX) {
        same += lookup->slots[at].tag == (uint32_t)(h >> 32) ? 1 : 0;
        at = (at + 1) & lookup->slot_mask;
    }
    if (lookup->slots[at].entry == 0)
        lookup->slots[at] = (struct slot){ (uint32_t)(h >> 32), (uint32_t)entry + 1 };
}

/* Lengths of runs from look->at on that may be an entry: bit n for n characters. */
static uint64_t exact_lengths(const struct entity_lookup *lookup,
                              const struct entity_scratch_lookup *look,
                              uint64_t pairs[2][PLACE_WORDS])
{
    static const uint64_t one = 1 << 1; /* a single character has no pair */
    size_t from = look->at;
    uint64_t lengths = lookup->exact_lengths & places_from(look->borders, from);

    if ((places_from(pairs[0], from) & 1) == 0)
        return lengths & one;
    return lengths & (places_from(pairs[1], from) | one);
}

/* The same for an entry with an error: at least one of its ends is there. */
static uint64_t fuzzy_lengths(const struct entity_lookup *lookup,
                              const struct entity_scratch_lookup *look,
                              uint64_t pairs[2][PLACE_WORDS])
{
    static const uint64_t long_enough = ~0ull << (FUZZY_CJK_CHARS_MIN - 1);
    size_t from = look->at;
    uint64_t lengths =
        lookup->fuzzy_lengths | lookup->fuzzy_lengths << 1 | lookup->fuzzy_lengths >> 1;

    lengths &= long_enough & places_from(look->borders, from);
    if ((places_from(pairs[0], from) & 1) == 0)
        lengths &= places_from(pairs[1], from);
    return lengths;
}

static size_t exact_at(const struct entity_lookup *lookup, const struct entity_scratch_lookup *look,
                       size_t from, size_t to)
{
    size_t half = half_of(to - from);

    if (!begins(lookup, look, from, half) || !ends(lookup, look, to, half))
        return lookup->count;
    return find(lookup, run_hash(look, from, to), look->chars + from, to - from, false);
}

static size_t fuzzy_at(const struct entity_lookup *lookup, const struct entity_scratch_lookup *look,
                       size_t from, size_t to)
{
    const uint32_t *run = look->chars + from;
    size_t len = to - from;
    size_t entry;

    if (!a_half_is_there(lookup, look, from, to))
        return lookup->count;
    entry = find(lookup, run_hash(look, from, to), run, len, true);
    for (size_t i = from; i < to && entry == lookup->count; i++)
        entry = find(lookup, run_hash_without(look, from, to, i), run, len, true);
    return entry;
}

/* The longest run of whole words that begins at look->at and is an entry of the list, or close to
 * one; longer than *end bytes. */
static void longest(const struct entity_scan *s, struct entity_scratch_lookup *look, uint32_t which,
                    size_t *end, struct entity_match *m)
{
    const struct entity_lookup *lookup = s->options->lookups[which];
    uint64_t lengths = m->fuzzy ? fuzzy_lengths(lookup, look, look->pairs[which])
                                : exact_lengths(lookup, look, look->pairs[which]);

    while (lengths != 0) {
        size_t chars = 63 - (size_t)__builtin_clzll(lengths);
        size_t to = look->at + chars;
        size_t entry;

        if (look->offset[to] <= *end)
            return;
        entry =
            m->fuzzy ? fuzzy_at(lookup, look, look->at, to) : exact_at(lookup, look, look->at, to);
        if (entry != lookup->count) {
            *end = look->offset[to];
            m->lookup = which;
            m->entry = (uint32_t)entry;
            m->value_at = slice_make(lookup->values + lookup->entries[entry].value,
                                     lookup->entries[entry].value_len);
            return;
        }
        lengths &= ~(1ull << chars);
    }
}

/* The longest exact entry; without one, the longest that is close. */
size_t entity_lookup_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    struct entity_scratch_lookup *look = entity_scratch_lookup_of(s->scratch);
    size_t end = 0;

    if (s->options->lookup_count == 0)
        return 0;
    while (look->at < look->count && look->offset[look->at] < at)
        look->at++;
    if (s->norm.ptr[at] == ' ' || look->at == look->count ||
        (look->at > 0 && look->word[look->at - 1] && look->word[look->at]))
        return 0;
    for (int fuzzy = 0; fuzzy < 2 && end == 0; fuzzy++) {
        m->fuzzy = fuzzy != 0;
        for (uint32_t i = 0; i < s->options->lookup_count; i++)
            longest(s, look, i, &end, m);
    }
    return end;
}

static void chars_grow(struct entity_lookup *lookup)
{
    while (lookup->char_count + ENTITY_LOOKUP_CHARS_MAX > lookup->char_cap) {
        lookup->char_cap = lookup->char_cap == 0 ? 1024 : lookup->char_cap * 2;
        lookup->chars = mem_realloc(lookup->chars, lookup->char_cap * sizeof(*lookup->chars));
    }
}

static uint32_t value_add(struct entity_lookup *lookup, struct slice value)
{
    size_t at = lookup->value_count;

    while (lookup->value_count + value.len > lookup->value_cap) {
        lookup->value_cap = lookup->value_cap == 0 ? 1024 : lookup->value_cap * 2;
        lookup->values = mem_realloc(lookup->values, lookup->value_cap);
    }
    if (value.len > 0)
        memcpy(lookup->values + at, value.ptr, value.len);
    lookup->value_count += value.len;
    return (uint32_t)at;
}

static bool is_long_enough(const uint32_t *chars, size_t count)
{
    bool cjk = false;

    for (size_t i = 0; i < count; i++)
        cjk = cjk || text_classify(chars[i]) == TEXT_CJK;
    return count >= (size_t)(cjk ? FUZZY_CJK_CHARS_MIN : FUZZY_LATIN_CHARS_MIN);
}

/* The entry's characters and what hangs on its length; false: empty or too long. */
static bool entry_read(struct entity_lookup *lookup, const struct entity_lookup_entry *in)
{
    char norm[ENTITY_LOOKUP_CHARS_MAX * 4 + 8];
    struct slice text = text_normalise_with(in->text, TEXT_SIMPLIFY, norm, NULL, sizeof(norm));
    struct stored *e = &lookup->entries[lookup->count];
    struct slice value = in->value.len > 0 ? in->value : in->text;

    if (in->text.len > RAW_BYTES_MAX || value.len > RAW_BYTES_MAX || text.len == 0)
        return false;
    chars_grow(lookup);
    *e = (struct stored){ .text = (uint32_t)lookup->char_count,
                          .value = value_add(lookup, value),
                          .value_len = (uint16_t)value.len };
    while (text.len > 0) {
        if (e->chars == ENTITY_LOOKUP_CHARS_MAX)
            return false;
        lookup->chars[lookup->char_count++] = text_next(&text);
        e->chars++;
    }
    e->fuzzy = is_long_enough(lookup->chars + e->text, e->chars);
    lookup->count++;
    return true;
}

static size_t slots_needed(const struct entity_lookup *lookup)
{
    size_t needed = 0;

    for (size_t i = 0; i < lookup->count; i++)
        needed += 1u + (lookup->entries[i].fuzzy ? lookup->entries[i].chars : 0u);
    return needed;
}

static void entry_index(struct entity_lookup *lookup, struct entity_scratch_lookup *look,
                        size_t entry)
{
    const struct stored *e = &lookup->entries[entry];
    const uint32_t *c = lookup->chars + e->text;
    size_t n = e->chars;

    for (size_t i = 0; i < n; i++) {
        look->chars[i] = c[i];
        look->prefix[i + 1] = look->prefix[i] * base + c[i] + 1;
    }
    if (find(lookup, run_hash(look, 0, n), c, n, false) != lookup->count)
        return; /* the same text again */
    put(lookup, run_hash(look, 0, n), entry);
    lookup->exact_lengths |= 1ull << n;
    filter_add(lookup, BEGINS, run_hash(look, 0, half_of(n)));
    filter_add(lookup, ENDS, run_hash(look, n - half_of(n), n));
    if (n >= 2) {
        filter_add(lookup, PAIR_BEGINS, run_hash(look, 0, 2));
        filter_add(lookup, PAIR_ENDS, run_hash(look, n - 2, n));
    }
    if (!e->fuzzy)
        return;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || c[i] != c[i - 1])
            put(lookup, run_hash_without(look, 0, n, i), entry);
    }
    lookup->fuzzy_lengths |= 1ull << n;
}

enum err_code entity_lookup_create(const struct entity_lookup_entry *entries, size_t count,
                                   struct entity_lookup **out, struct err *err)
{
    struct entity_lookup *lookup = mem_zalloc(sizeof(*lookup));
    struct entity_scratch_lookup *look = NULL;
    enum err_code rc = ERR_OK;

    if (count > ENTITY_LOOKUP_ENTRIES_MAX) {
        rc = err_set(err, ERR_TOO_BIG, "%zu entries, limit %d", count, ENTITY_LOOKUP_ENTRIES_MAX);
        goto out;
    }
    lookup->entries = mem_zalloc((count + 1) * sizeof(*lookup->entries));
    for (size_t i = 0; i < count; i++) {
        char field[ERR_FIELD_MAX];

        if (entry_read(lookup, &entries[i]))
            continue;
        snprintf(field, sizeof(field), "entries[%zu]", i);
        rc = err_set_field(err, ERR_INVALID, field, "is empty or longer than %d characters",
                           ENTITY_LOOKUP_CHARS_MAX);
        goto out;
    }
    lookup->slot_mask = 15;
    while (lookup->slot_mask + 1 < slots_needed(lookup) * 2)
        lookup->slot_mask = lookup->slot_mask * 2 + 1;
    lookup->slots = mem_zalloc((lookup->slot_mask + 1) * sizeof(*lookup->slots));
    lookup->filter_bits = FILTER_BITS_MIN;
    while (lookup->filter_bits < FILTER_BITS_MAX && (1ull << lookup->filter_bits) < 16 * count)
        lookup->filter_bits++;
    lookup->filters = mem_zalloc(FILTERS * ((size_t)1 << lookup->filter_bits) / 8);
    look = entity_scratch_lookup_create();
    for (size_t i = 0; i < lookup->count; i++)
        entry_index(lookup, look, i);
    *out = lookup;
    lookup = NULL;
out:
    free(look);
    entity_lookup_destroy(&lookup);
    return rc;
}

void entity_lookup_destroy(struct entity_lookup **lookup)
{
    if (*lookup == NULL)
        return;
    free((*lookup)->chars);
    free((*lookup)->values);
    free((*lookup)->entries);
    free((*lookup)->slots);
    free((*lookup)->filters);
    free(*lookup);
    *lookup = NULL;
}

size_t entity_lookup_bytes(const struct entity_lookup *lookup)
{
    return sizeof(*lookup) + lookup->char_cap * sizeof(*lookup->chars) + lookup->value_cap +
           lookup->count * sizeof(*lookup->entries) +
           FILTERS * ((size_t)1 << lookup->filter_bits) / 8 +
           (lookup->slot_mask + 1) * sizeof(*lookup->slots);
}
