/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs instead of dictionary words: "two characters of Chinese" is the commonest query there is,
 * and SQLite's own trigram tokenizer finds none of them. */
#include "store_words.h"

#include <utf8proc.h>

enum char_class { CHAR_OTHER, CHAR_WORD, CHAR_CJK };

static bool code_is_cjk(int32_t code)
{
    return (code >= 0x3040 && code <= 0x30FF) || (code >= 0x3400 && code <= 0x4DBF) ||
           (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0xAC00 && code <= 0xD7AF) ||
           (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x20000 && code <= 0x3FFFF);
}

static enum char_class code_class(int32_t code)
{
    if (code < 0x80) {
        bool word = (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') ||
                    (code >= 'A' && code <= 'Z');

        return word ? CHAR_WORD : CHAR_OTHER;
    }
    if (code_is_cjk(code))
        return CHAR_CJK;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
        return CHAR_WORD;
    default:
        return CHAR_OTHER;
    }
}

/* The character at `at`, folded; its length in the text, 0 at the end. Broken bytes are one
 * separator each. */
static size_t char_read(struct slice text, size_t at, int32_t *code)
{
    utf8proc_ssize_t n;

    if (at >= text.len)
        return 0;
    n = utf8proc_iterate((const utf8proc_uint8_t *)text.ptr + at, (utf8proc_ssize_t)(text.len - at),
                         code);
    if (n <= 0) {
        *code = ' ';
        return 1;
    }
    if (*code >= 0xFF01 && *code <= 0xFF5E) /* full-width forms of ASCII */
        *code -= 0xFEE0;
    *code = *code < 0x80 ? (*code >= 'A' && *code <= 'Z' ? *code + 32 : *code)
                         : utf8proc_tolower(*code);
    return (size_t)n;
}

static void word_add(struct word *word, int32_t code)
{
    if (word->len + 4 <= WORD_BYTES_MAX)
        word->len +=
            (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)word->bytes + word->len);
}

void words_init(struct words *words, struct slice text)
{
    *words = (struct words){ .text = text };
}

static void latin_read(struct words *words, struct word *out)
{
    int32_t code;
    size_t n;

    while ((n = char_read(words->text, words->at, &code)) > 0 && code_class(code) == CHAR_WORD) {
        word_add(out, code);
        words->at += n;
    }
    out->kind = WORD_LATIN;
    out->run_start = true;
    out->to = words->at;
}

bool words_next(struct words *words, struct word *out)
{
    int32_t code;
    int32_t second;
    size_t n;
    size_t next;

    while ((n = char_read(words->text, words->at, &code)) > 0 && code_class(code) == CHAR_OTHER)
        words->at += n;
    if (n == 0)
        return false;
    out->from = words->at;
    out->len = 0;
    if (code_class(code) == CHAR_WORD) {
        latin_read(words, out);
        return true;
    }
    out->run_start = !words->in_run;
    word_add(out, code);
    words->at += n;
    next = char_read(words->text, words->at, &second);
    words->in_run = next > 0 && code_class(second) == CHAR_CJK;
    out->kind = words->in_run ? WORD_PAIR : WORD_SINGLE;
    if (words->in_run)
        word_add(out, second);
    out->to = words->at + (words->in_run ? next : 0);
    return true;
}

void words_query(struct slice text, struct buf *out)
{
    struct words words;
    struct word word;
    size_t terms = 0;

    words_init(&words, text);
    while (terms < QUERY_WORDS_MAX && words_next(&words, &word)) {
        size_t from = word.from;
        bool prefix = word.kind != WORD_PAIR;

        buf_add_text(out, terms++ == 0 ? "\"" : " AND \"");
        if (prefix) {
            buf_add(out, word.bytes, word.len);
            buf_add_text(out, "\" *");
            continue;
        }
        while (words.in_run && words_next(&words, &word))
            continue;
        buf_add(out, text.ptr + from, word.to - from);
        buf_add_char(out, '"');
    }
}

static bool word_equal(const struct word *a, const struct word *b)
{
    return a->kind != WORD_LATIN && b->kind != WORD_LATIN &&
           slice_equal(slice_make(a->bytes, a->len), slice_make(b->bytes, b->len));
}

/* Whether the pairs of a query's run, of which `first` is the first and `rest` the position after
 * it, follow one another in the text from `at` on, whose first word is `word`. */
static bool run_here(struct words rest, struct word first, struct words at, struct word word)
{
    struct word a = first;
    struct word b = word;

    for (;;) {
        if (!word_equal(&a, &b))
            return false;
        if (!rest.in_run || !words_next(&rest, &a) || a.kind == WORD_SINGLE)
            return true;
        if (!words_next(&at, &b) || b.run_start)
            return false;
    }
}

static bool term_match(struct slice text, struct words rest, struct word term)
{
    struct words at;
    struct word word;

    words_init(&at, text);
    while (words_next(&at, &word)) {
        if (term.kind == WORD_PAIR) {
            if (run_here(rest, term, at, word))
                return true;
        } else if (slice_starts_with(slice_make(word.bytes, word.len),
                                     slice_make(term.bytes, term.len))) {
            return true;
        }
    }
    return false;
}

bool words_match(struct slice text, struct slice query)
{
    struct words words;
    struct word word;
    size_t terms = 0;

    words_init(&words, query);
    while (terms < QUERY_WORDS_MAX && words_next(&words, &word)) {
        terms++;
        if (!term_match(text, words, word))
            return false;
        while (words.in_run && words_next(&words, &word))
            continue;
    }
    return terms > 0;
}
