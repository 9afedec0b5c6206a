/* SPDX-License-Identifier: Apache-2.0 */
/* Sensitive words in disguise. Text and words are compared by how they sound, letter by letter:
 * 微信, wei信, w.e.i x i n and 薇信 are all "weixin". One table of prefixes finds them in one walk;
 * what was found is then checked against the characters, since which of these count is the rule's
 * choice. Signs between characters were left out before.
 *
 * A character with several readings makes several paths of its word (银行: yinxing, yinhang). */
#include "rules_build_priv.h"

#include <stdlib.h>

#include "check.h"
#include "text_han.h"

enum { PATHS_MAX = 16 }; /* of one word: two readings of four characters */

static bool is_word(uint32_t cp)
{
    enum text_class class = text_classify(cp);

    return class == TEXT_LETTER || class == TEXT_DIGIT;
}

/* Neighbours that make one word or number: a border lies between "weixin" and "123" in wei xin123.
 */
static bool joined(uint32_t a, uint32_t b)
{
    enum text_class class = text_classify(a);

    return class == text_classify(b) && is_word(a);
}

size_t rules_units(struct slice text, struct rules_unit *out, size_t max)
{
    const char *start = text.ptr;
    size_t count = 0;
    uint32_t skipped = 0;

    while (text.len > 0 && count < max) {
        const char *from = text.ptr;
        uint32_t cp = text_next(&text);
        struct rules_unit *unit = &out[count];
        struct rules_unit *before = count > 0 && skipped == 0 ? &out[count - 1] : NULL;

        if (!is_word(cp) && text_classify(cp) != TEXT_CJK) {
            skipped++;
            continue;
        }
        *unit = (struct rules_unit){ .cp = cp,
                                     .start = (uint32_t)(from - start),
                                     .end = (uint32_t)(text.ptr - start),
                                     .skipped = skipped,
                                     .sound = text_sound(cp),
                                     .begins = before == NULL || !joined(before->cp, cp),
                                     .ends = true };
        if (before != NULL)
            before->ends = unit->begins;
        skipped = 0;
        count++;
    }
    return count;
}

/* The reading of character i that this path has; NULL: the character itself. */
static const char *reading_of(uint32_t cp, uint32_t readings, size_t i)
{
    const char *sounds[TEXT_SOUNDS_MAX];
    size_t count = text_sounds(cp, sounds);
    uint32_t which = readings >> (2 * i) & 3;

    if (count == 0)
        return NULL;
    return sounds[which < count ? which : 0];
}

/* Latin letters that spell a reading; *at is behind them. */
static bool spelled(const struct rules_unit *units, size_t count, size_t *at, const char *reading)
{
    size_t i = *at;

    for (; *reading != '\0'; reading++, i++) {
        if (i == count || units[i].cp != (unsigned char)*reading)
            return false;
    }
    *at = i;
    return true;
}

static bool character_holds(const struct rules_hidden *hidden, uint32_t cp, const char *reading,
                            const struct rules_unit *units, size_t count, size_t *at)
{
    if (*at == count)
        return false;
    if (units[*at].cp == cp) {
        ++*at;
        return true;
    }
    if (reading == NULL)
        return false;
    if (units[*at].sound == NULL)
        return (hidden->disguise & RULES_PINYIN) != 0 && spelled(units, count, at, reading);
    if ((hidden->disguise & RULES_SOUND) == 0 || strcmp(units[*at].sound, reading) != 0)
        return false;
    ++*at;
    return true;
}

static bool signs_allowed(const struct rules_hidden *hidden, const struct rules_unit *units,
                          size_t from, size_t to)
{
    uint32_t most = (hidden->disguise & RULES_SYMBOLS) != 0 ? RULES_SYMBOLS_MAX : 0;

    for (size_t i = from + 1; i < to; i++) {
        if (units[i].skipped > most)
            return false;
    }
    return true;
}

bool rules_hidden_holds(const struct rules_view *view, const struct rules_hidden *hidden,
                        const struct rules_unit *units, size_t count, size_t from, size_t *to)
{
    struct slice word = slice_make(view->strings + hidden->text.at, hidden->text.len);
    size_t at = from;

    for (size_t i = 0; word.len > 0; i++) {
        uint32_t cp = text_next(&word);
        const char *reading =
            i < RULES_HIDDEN_CHARS_MAX ? reading_of(cp, hidden->readings, i) : NULL;

        if (!character_holds(hidden, cp, reading, units, count, &at))
            return false;
    }
    *to = at;
    return at > from && units[from].begins && units[at - 1].ends &&
           signs_allowed(hidden, units, from, at);
}

/* ---- compiling ---- */
struct word {
    uint32_t chars[RULES_HIDDEN_CHARS_MAX];
    uint32_t choices[RULES_HIDDEN_CHARS_MAX]; /* readings of each */
    size_t count;
    char text[RULES_HIDDEN_CHARS_MAX * 4];
    size_t len;
};

static enum err_code word_read(struct rules_build *b, struct slice raw, unsigned disguise,
                               struct word *word)
{
    char out[RULES_LITERAL_BYTES_MAX + 4];
    struct rules_unit units[RULES_LITERAL_BYTES_MAX + 4];
    const char *sounds[TEXT_SOUNDS_MAX];
    struct slice norm = text_normalise_with(raw, TEXT_SIMPLIFY, out, NULL, sizeof(out));
    size_t count = rules_units(norm, units, LENGTH_OF(units));

    if (raw.len > RULES_LITERAL_BYTES_MAX * 2 || count > RULES_HIDDEN_CHARS_MAX)
        return err_set(b->err, ERR_TOO_BIG, "word in disguise is longer than %d characters",
                       RULES_HIDDEN_CHARS_MAX);
    if (count == 0)
        return err_set(b->err, ERR_INVALID, "word is empty");
    word->count = count;
    word->len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t readings = text_sounds(units[i].cp, sounds);
        bool sound = (disguise & (RULES_PINYIN | RULES_SOUND)) != 0;

        word->chars[i] = units[i].cp;
        word->choices[i] = sound && readings > 1 ? (uint32_t)readings : 1;
        word->len += text_encode(units[i].cp, word->text + word->len);
    }
    return ERR_OK;
}

/* The next choice of readings; false: that was the last. */
static bool next_readings(const struct word *word, uint32_t *readings)
{
    for (size_t i = 0; i < word->count; i++) {
        uint32_t which = *readings >> (2 * i) & 3;

        *readings &= ~(3u << (2 * i));
        if (which + 1 < word->choices[i]) {
            *readings |= (which + 1) << (2 * i);
            return true;
        }
    }
    return false;
}

static struct rules_prefix *path_put(struct rules_build *b, const struct word *word,
                                     uint32_t readings)
{
    uint64_t hash = rules_seed;
    struct rules_prefix *end = NULL;

    for (size_t i = 0; i < word->count; i++) {
        const char *reading = reading_of(word->chars[i], readings, i);
        size_t steps = reading != NULL ? strlen(reading) : 1;

        for (size_t s = 0; s < steps; s++) {
            if (end != NULL)
                end->more = true;
            hash = rules_step(hash, reading != NULL ? (unsigned char)reading[s] : word->chars[i]);
            end = rules_prefix_put(&b->hidden_prefixes, hash);
        }
    }
    return end;
}

enum err_code rules_build_hidden(struct rules_build *b, struct slice raw, unsigned disguise,
                                 unsigned slot)
{
    struct word word;
    struct rules_text text;
    uint32_t readings = 0;
    unsigned paths = 0;
    enum err_code rc = word_read(b, raw, disguise, &word);

    if (rc != ERR_OK)
        return rc;
    if (b->literal_uses.count + b->hidden_uses.count >= RULES_LITERALS_MAX)
        return err_set(b->err, ERR_TOO_BIG, "more than %d words in all rules", RULES_LITERALS_MAX);
    text = rules_build_text(b, slice_make(word.text, word.len));
    do {
        struct rules_prefix *end = path_put(b, &word, readings);
        struct rules_hidden *hidden = rules_list_add(&b->hidden);

        /* Words that sound the same share a path: each hangs on the one before it. */
        *hidden = (struct rules_hidden){ .hash = end->hash,
                                         .text = text,
                                         .readings = readings,
                                         .disguise = disguise,
                                         .same = end->literal };
        end->literal = (uint32_t)b->hidden.count;
        *(struct rules_pair *)rules_list_add(&b->hidden_uses) =
            (struct rules_pair){ (uint32_t)b->hidden.count - 1,
                                 rules_use((uint32_t)b->entries.count - 1, slot) };
    } while (++paths < PATHS_MAX && next_readings(&word, &readings));
    return ERR_OK;
}
