/* SPDX-License-Identifier: Apache-2.0 */
/* The normal form. The common characters (ASCII, unified Han, kana, full width forms)
 * take a short path; everything else asks utf8proc, whose tables are kept by people who follow
 * Unicode. NFKC as a whole was rejected: it takes Hangul and kana apart, blows one character up
 * to 18, and keeps the diacritics that people leave out when they type a question. */
#include "text.h"

#include <utf8proc.h>

#include "check.h"
#include "text_han.h"

enum {
    DECOMPOSED_MAX = 6, /* characters that become more are ligatures of whole phrases: kept as is */
};

static bool is_kana(uint32_t cp)
{
    return cp >= 0x3040 && cp <= 0x30FF && cp != 0x30FB;
}

static bool is_hangul(uint32_t cp)
{
    return cp >= 0xAC00 && cp <= 0xD7A3;
}

static bool is_han(uint32_t cp)
{
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) || cp == 0x3005 ||
           cp == 0x3007 || (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x20000 && cp <= 0x3FFFF);
}

enum text_class text_classify(uint32_t cp)
{
    if (cp < 0x80) {
        if ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z')
            return TEXT_LETTER;
        if (cp >= '0' && cp <= '9')
            return TEXT_DIGIT;
        return cp <= ' ' || cp == 0x7F ? TEXT_SPACE : TEXT_OTHER;
    }
    if (is_han(cp) || is_kana(cp) || is_hangul(cp))
        return TEXT_CJK;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
        return TEXT_LETTER;
    case UTF8PROC_CATEGORY_ND:
        return TEXT_DIGIT;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
        return TEXT_SPACE;
    default:
        return TEXT_OTHER;
    }
}

struct writer {
    char *out;
    size_t cap;
    size_t len;
    uint32_t *from; /* NULL: nobody asks */
    uint32_t at;    /* in the input, of the character at hand */
    uint32_t space_at;
    bool space; /* one is due before the next character */
    bool full;
};

static void put_bytes(struct writer *w, const char *bytes, size_t len, uint32_t at)
{
    for (size_t i = 0; i < len; i++) {
        if (w->from != NULL)
            w->from[w->len] = at;
        w->out[w->len++] = bytes[i];
    }
}

static void put(struct writer *w, uint32_t cp)
{
    char bytes[4];
    size_t len;

    if (cp <= ' ' || cp == 0x7F || cp == 0x85 || cp == 0xA0) {
        if (!w->space)
            w->space_at = w->at;
        w->space = w->len > 0;
        return;
    }
    if (cp >= 'A' && cp <= 'Z')
        cp += 'a' - 'A';
    len = text_encode(cp, bytes);
    if (w->len + len + (w->space ? 1 : 0) > w->cap) {
        w->full = true;
        return;
    }
    if (w->space)
        put_bytes(w, " ", 1, w->space_at);
    w->space = false;
    put_bytes(w, bytes, len, w->at);
}

/* 0: not special. */
static uint32_t punctuation_fold(uint32_t cp)
{
    switch (cp) {
    case 0x3000:
        return ' ';
    case 0x2018:
    case 0x2019:
    case 0x201B:
        return '\'';
    case 0x201C:
    case 0x201D:
    case 0x300C:
    case 0x300D:
        return '"';
    case 0x3001:
        return ',';
    case 0x3002:
        return '.';
    default:
        return cp >= 0xFF01 && cp <= 0xFF5E ? cp - 0xFEE0 : 0;
    }
}

/* Scripts whose marks people leave out; elsewhere (Devanagari, Thai) marks are vowels. */
static bool marks_are_ornament(uint32_t cp)
{
    return cp < 0x0590 || (cp >= 0x1E00 && cp <= 0x1FFF);
}

static void put_folded(struct writer *w, uint32_t cp)
{
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    int boundary = UTF8PROC_BOUNDCLASS_START;
    unsigned options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)cp);
    utf8proc_ssize_t count;

    if (category == UTF8PROC_CATEGORY_CF)
        return;
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZS ||
        category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP) {
        put(w, ' ');
        return;
    }
    if (marks_are_ornament(cp))
        options |= UTF8PROC_STRIPMARK;
    count = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, DECOMPOSED_MAX,
                                    (utf8proc_option_t)options, &boundary);
    if (count < 0 || count > DECOMPOSED_MAX) {
        put(w, cp);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < count && !w->full; i++)
        put(w, (uint32_t)parts[i]);
}

struct slice text_normalise(struct slice in, char *out, size_t cap)
{
    return text_normalise_with(in, 0, out, NULL, cap);
}

struct slice text_normalise_with(struct slice in, unsigned options, char *out, uint32_t *from,
                                 size_t cap)
{
    struct writer w = { .out = out, .cap = cap, .from = from };
    const char *start = in.ptr;

    ENSURE(in.len <= UINT32_MAX);
    while (in.len > 0 && !w.full) {
        uint32_t cp;
        uint32_t folded;

        w.at = (uint32_t)(in.ptr - start);
        cp = text_next(&in);
        if ((options & TEXT_SIMPLIFY) != 0)
            cp = text_simplify(cp);

        if (cp < 0x80 || (cp >= 0x4E00 && cp <= 0x9FFF) || is_kana(cp) || is_hangul(cp)) {
            put(&w, cp);
            continue;
        }
        folded = punctuation_fold(cp);
        if (folded != 0)
            put(&w, folded);
        else
            put_folded(&w, cp);
    }
    return slice_make(out, w.len);
}

static bool hangs_on(uint32_t cp)
{
    utf8proc_category_t category;

    if (cp < 0x300)
        return false;
    category = utf8proc_category((utf8proc_int32_t)cp);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_CF;
}

struct slice text_original(struct slice in, struct slice normalised, const uint32_t *from,
                           size_t start, size_t len)
{
    size_t end = start + len;
    size_t limit = end < normalised.len ? from[end] : in.len;
    struct slice rest;

    ENSURE(len > 0 && end <= normalised.len);
    rest = slice_make(in.ptr + from[end - 1], in.len - from[end - 1]);
    (void)text_next(&rest);
    while ((size_t)(rest.ptr - in.ptr) < limit) {
        struct slice ahead = rest;

        if (!hangs_on(text_next(&ahead)))
            break;
        rest = ahead;
    }
    return slice_make(in.ptr + from[start], (size_t)(rest.ptr - in.ptr) - from[start]);
}

struct slice text_key(struct slice normalised, char *out, size_t cap)
{
    size_t len = 0;
    bool after_word = false; /* the last character kept belongs to a word of letters or digits */
    bool gap = false;

    while (normalised.len > 0) {
        const char *start = normalised.ptr;
        enum text_class class = text_classify(text_next(&normalised));
        size_t bytes = (size_t)(normalised.ptr - start);
        bool word = class == TEXT_LETTER || class == TEXT_DIGIT;

        if (*start == '\'')
            continue; /* don't = dont */
        if (!word && class != TEXT_CJK) {
            gap = true;
            continue;
        }
        if (len + bytes + 1 > cap)
            break;
        if (gap && word && after_word)
            out[len++] = ' ';
        memcpy(out + len, start, bytes);
        len += bytes;
        after_word = word;
        gap = false;
    }
    return slice_make(out, len);
}

struct text_script text_script_count(struct slice normalised)
{
    struct text_script script = { 0 };
    bool in_word = false;

    while (normalised.len > 0) {
        enum text_class class = text_classify(text_next(&normalised));

        if (class == TEXT_CJK)
            script.cjk_chars++;
        if (class == TEXT_LETTER && !in_word)
            script.words++;
        in_word = class == TEXT_LETTER;
    }
    return script;
}
