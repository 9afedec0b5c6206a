/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding and the normal form. The common characters (ASCII, unified Han, kana, full width forms)
 * take a short path; everything else asks utf8proc, whose tables are kept by people who follow
 * Unicode. NFKC as a whole was rejected: it takes Hangul and kana apart, blows one character up
 * to 18, and keeps the diacritics that people leave out when they type a question. */
#include "text.h"

#include <utf8proc.h>

#include "check.h"

enum {
    DECOMPOSED_MAX = 6, /* characters that become more are ligatures of whole phrases: kept as is */
};

static bool is_continuation(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* Lead bytes E0, ED, F0 and F4 narrow the range of the second byte: that excludes overlong forms,
 * surrogates and what lies past U+10FFFF. */
static unsigned sequence_shape(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        *low = lead == 0xE0 ? 0xA0 : 0x80;
        *high = lead == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *low = lead == 0xF0 ? 0x90 : 0x80;
        *high = lead == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 1;
}

uint32_t text_next(struct slice *in)
{
    const unsigned char *p = (const unsigned char *)in->ptr;
    unsigned char low;
    unsigned char high;
    unsigned len;
    unsigned at;
    uint32_t cp;

    ENSURE(in->len > 0);
    if (p[0] < 0x80) {
        in->ptr++;
        in->len--;
        return p[0];
    }
    len = sequence_shape(p[0], &low, &high);
    cp = len == 1 ? TEXT_REPLACEMENT : p[0] & (0x7Fu >> len);
    for (at = 1; at < len; at++) {
        if (at >= in->len || !is_continuation(p[at], low, high)) {
            cp = TEXT_REPLACEMENT;
            break;
        }
        cp = cp << 6 | (p[at] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    in->ptr += at;
    in->len -= at;
    return cp;
}

size_t text_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    ENSURE(cp <= 0x10FFFF);
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

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
    bool space; /* one is due before the next character */
    bool full;
};

static void put(struct writer *w, uint32_t cp)
{
    char bytes[4];
    size_t len;

    if (cp <= ' ' || cp == 0x7F || cp == 0x85 || cp == 0xA0) {
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
        w->out[w->len++] = ' ';
    w->space = false;
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
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
    struct writer w = { .out = out, .cap = cap };

    while (in.len > 0 && !w.full) {
        uint32_t cp = text_next(&in);
        uint32_t folded;

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
