/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes: named sets, general categories (from utf8proc), case folding.
 *
 * Folding follows Unicode's simple case folding: lower case of the upper case, which sends every
 * member of an orbit (k, K and the Kelvin sign; s, S and long s; the three sigmas) to one of them.
 * The dotted and the dotless I of Turkish fold to nothing else, as CaseFolding.txt has it. */
#include "regex_priv.h"

#include <string.h>

#include <utf8proc.h>

uint32_t regex_fold(uint32_t code)
{
    if (code < 0x80)
        return code >= 'A' && code <= 'Z' ? code + 32 : code;
    if (code == 0x130 || code == 0x131)
        return code;
    return (uint32_t)utf8proc_tolower(utf8proc_toupper((utf8proc_int32_t)code));
}

bool regex_class_add(struct regex_tree *tree, uint32_t lo, uint32_t hi)
{
    if (tree->range_count == REGEX_RANGES_MAX)
        return false;
    tree->ranges[tree->range_count++] = (struct regex_range){ lo, hi };
    return true;
}

static const struct {
    const char *name;
    struct regex_range ranges[4]; /* up to the first empty one */
} posix_classes[] = {
    { "alnum", { { '0', '9' }, { 'A', 'Z' }, { 'a', 'z' } } },
    { "alpha", { { 'A', 'Z' }, { 'a', 'z' } } },
    { "ascii", { { 0, 0x7F } } },
    { "blank", { { '\t', '\t' }, { ' ', ' ' } } },
    { "cntrl", { { 0, 0x1F }, { 0x7F, 0x7F } } },
    { "digit", { { '0', '9' } } },
    { "graph", { { '!', '~' } } },
    { "lower", { { 'a', 'z' } } },
    { "print", { { ' ', '~' } } },
    { "punct", { { '!', '/' }, { ':', '@' }, { '[', '`' }, { '{', '~' } } },
    { "space", { { '\t', '\r' }, { ' ', ' ' } } },
    { "upper", { { 'A', 'Z' } } },
    { "word", { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
    { "xdigit", { { '0', '9' }, { 'A', 'F' }, { 'a', 'f' } } },
    /* Perl's own: \s has no vertical tab. */
    { "s", { { '\t', '\n' }, { '\f', '\r' }, { ' ', ' ' } } },
};

/* Sorted, apart ranges, or what is between them. */
static bool add_sorted(struct regex_tree *tree, const struct regex_range *ranges, unsigned count,
                       bool negated)
{
    uint32_t next = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!negated && !regex_class_add(tree, ranges[i].lo, ranges[i].hi))
            return false;
        if (negated && ranges[i].lo > next && !regex_class_add(tree, next, ranges[i].lo - 1))
            return false;
        next = ranges[i].hi + 1;
    }
    return !negated || next > REGEX_CODE_MAX || regex_class_add(tree, next, REGEX_CODE_MAX);
}

bool regex_class_posix(struct regex_tree *tree, struct slice name, bool negated, bool fold)
{
    struct regex_range ranges[6];
    unsigned count = 1;

    if (fold && (slice_equal_text(name, "lower") || slice_equal_text(name, "upper")))
        name = slice_of("alpha");
    for (size_t i = 0; i < LENGTH_OF(posix_classes); i++) {
        if (!slice_equal_text(name, posix_classes[i].name))
            continue;
        ranges[0] = posix_classes[i].ranges[0];
        for (; count < 4 && posix_classes[i].ranges[count].hi != 0; count++)
            ranges[count] = posix_classes[i].ranges[count];
        /* What folds into the class leaves its complement: s and k have one relative each. */
        if (fold && ranges[count - 1].hi >= 's' && !slice_equal_text(name, "punct")) {
            ranges[count++] = (struct regex_range){ 0x17F, 0x17F };
            ranges[count++] = (struct regex_range){ 0x212A, 0x212A };
        }
        return add_sorted(tree, ranges, count, negated);
    }
    return false;
}

bool regex_class_perl(struct regex_tree *tree, char name, bool fold)
{
    bool negated = name < 'a';

    switch (negated ? name + 32 : name) {
    case 'd':
        return regex_class_posix(tree, slice_of("digit"), negated, fold);
    case 'w':
        return regex_class_posix(tree, slice_of("word"), negated, fold);
    case 's':
        return regex_class_posix(tree, slice_of("s"), negated, fold);
    default:
        return false;
    }
}

/* Scripts.txt of Unicode 15, the four scripts that our customers' patterns name. */
static const struct regex_range han[] = {
    { 0x2E80, 0x2E99 },   { 0x2E9B, 0x2EF3 },   { 0x2F00, 0x2FD5 },   { 0x3005, 0x3005 },
    { 0x3007, 0x3007 },   { 0x3021, 0x3029 },   { 0x3038, 0x303B },   { 0x3400, 0x4DBF },
    { 0x4E00, 0x9FFF },   { 0xF900, 0xFA6D },   { 0xFA70, 0xFAD9 },   { 0x16FE2, 0x16FE3 },
    { 0x16FF0, 0x16FF1 }, { 0x20000, 0x2A6DF }, { 0x2A700, 0x2B739 }, { 0x2B740, 0x2B81D },
    { 0x2B820, 0x2CEA1 }, { 0x2CEB0, 0x2EBE0 }, { 0x2F800, 0x2FA1D }, { 0x30000, 0x3134A },
    { 0x31350, 0x323AF },
};
static const struct regex_range hiragana[] = {
    { 0x3041, 0x3096 },   { 0x309D, 0x309F },   { 0x1B001, 0x1B11F },
    { 0x1B132, 0x1B132 }, { 0x1B150, 0x1B152 }, { 0x1F200, 0x1F200 },
};
static const struct regex_range katakana[] = {
    { 0x30A1, 0x30FA },   { 0x30FD, 0x30FF },   { 0x31F0, 0x31FF },   { 0x32D0, 0x32FE },
    { 0x3300, 0x3357 },   { 0xFF66, 0xFF6F },   { 0xFF71, 0xFF9D },   { 0x1AFF0, 0x1AFF3 },
    { 0x1AFF5, 0x1AFFB }, { 0x1AFFD, 0x1AFFE }, { 0x1B000, 0x1B000 }, { 0x1B120, 0x1B122 },
    { 0x1B155, 0x1B155 }, { 0x1B164, 0x1B167 },
};
static const struct regex_range hangul[] = {
    { 0x1100, 0x11FF }, { 0x302E, 0x302F }, { 0x3131, 0x318E }, { 0x3200, 0x321E },
    { 0x3260, 0x327E }, { 0xA960, 0xA97C }, { 0xAC00, 0xD7A3 }, { 0xD7B0, 0xD7C6 },
    { 0xD7CB, 0xD7FB }, { 0xFFA0, 0xFFBE }, { 0xFFC2, 0xFFC7 }, { 0xFFCA, 0xFFCF },
    { 0xFFD2, 0xFFD7 }, { 0xFFDA, 0xFFDC },
};
static const struct {
    const char *name;
    const struct regex_range *ranges;
    unsigned count;
} scripts[] = {
    { "Han", han, LENGTH_OF(han) },
    { "Hiragana", hiragana, LENGTH_OF(hiragana) },
    { "Katakana", katakana, LENGTH_OF(katakana) },
    { "Hangul", hangul, LENGTH_OF(hangul) },
};

/* "L" is every category whose name begins so; "Lu" one of them. 0: unknown. */
static uint32_t category_mask(struct slice name)
{
    uint32_t mask = 0;

    if (name.len == 0 || name.len > 2)
        return 0;
    for (int i = 1; i < 30; i++) {
        /* utf8proc gives the names by example characters only; its enum is in this order. */
        static const char names[] = "CnLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCo";

        if (memcmp(&names[(size_t)i * 2], name.ptr, name.len) == 0)
            mask |= 1U << i;
    }
    return mask;
}

bool regex_class_unicode(struct regex_tree *tree, struct slice name, bool negated)
{
    uint32_t mask;

    for (size_t i = 0; i < LENGTH_OF(scripts); i++) {
        if (slice_equal_text(name, scripts[i].name))
            return add_sorted(tree, scripts[i].ranges, scripts[i].count, negated);
    }
    if (slice_equal_text(name, "Any"))
        return negated || regex_class_add(tree, 0, REGEX_CODE_MAX);
    mask = category_mask(name);
    return mask != 0 &&
           regex_class_add(tree, REGEX_CATEGORIES | (negated ? REGEX_CATEGORIES_NOT : 0), mask);
}

/* Members of an orbit beside the lower, upper and title case of its representative. */
static const uint16_t orbit_extras[][2] = {
    { 'k', 0x212A },    { 's', 0x17F },     { 0xE5, 0x212B },  { 0xDF, 0x1E9E },  { 0x3B2, 0x3D0 },
    { 0x3B5, 0x3F5 },   { 0x3B8, 0x3D1 },   { 0x3B8, 0x3F4 },  { 0x3B9, 0x345 },  { 0x3B9, 0x1FBE },
    { 0x3BA, 0x3F0 },   { 0x3BC, 0xB5 },    { 0x3C0, 0x3D6 },  { 0x3C1, 0x3F1 },  { 0x3C3, 0x3C2 },
    { 0x3C6, 0x3D5 },   { 0x3C9, 0x2126 },  { 0x432, 0x1C80 }, { 0x434, 0x1C81 }, { 0x43E, 0x1C82 },
    { 0x441, 0x1C83 },  { 0x442, 0x1C84 },  { 0x442, 0x1C85 }, { 0x44A, 0x1C86 }, { 0x463, 0x1C87 },
    { 0xA64B, 0x1C88 }, { 0x1E61, 0x1E9B },
};

enum { ORBIT_MAX = 8 };

/* All characters that are the same but for their case, code among them. */
static unsigned orbit_of(uint32_t code, uint32_t out[ORBIT_MAX])
{
    uint32_t base = regex_fold(code);
    unsigned count = 0;

    out[count++] = code;
    out[count++] = base;
    if (base == 0x130 || base == 0x131)
        return count;
    out[count++] = (uint32_t)utf8proc_toupper((utf8proc_int32_t)base);
    out[count++] = (uint32_t)utf8proc_totitle((utf8proc_int32_t)base);
    for (size_t i = 0; i < LENGTH_OF(orbit_extras) && count < ORBIT_MAX; i++) {
        if (orbit_extras[i][0] == base)
            out[count++] = orbit_extras[i][1];
    }
    return count;
}

static bool range_has(struct regex_range range, uint32_t code)
{
    if ((range.lo & REGEX_CATEGORIES) == 0)
        return code >= range.lo && code <= range.hi;
    return (range.hi >> utf8proc_category((utf8proc_int32_t)code) & 1U) != 0;
}

bool regex_class_has(const struct regex_range *ranges, unsigned count, uint32_t code, bool fold)
{
    uint32_t orbit[ORBIT_MAX] = { code };
    unsigned members = fold ? orbit_of(code, orbit) : 1;

    for (unsigned i = 0; i < count; i++) {
        bool negated =
            (ranges[i].lo & REGEX_CATEGORIES) != 0 && (ranges[i].lo & REGEX_CATEGORIES_NOT) != 0;
        bool has = false;

        for (unsigned m = 0; m < members; m++)
            has |= range_has(ranges[i], orbit[m]);
        if (has != negated)
            return true;
    }
    return false;
}
