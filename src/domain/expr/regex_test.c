/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "regex.h"

/* tests/oracle/re2.cc; NULL where RE2 is not installed. */
void *oracle_re2_create(const char *pattern, size_t len, int fold) __attribute__((weak));
void oracle_re2_destroy(void *regex) __attribute__((weak));
int oracle_re2_find(const void *regex, const char *text, size_t len, int32_t *offsets, int spans)
    __attribute__((weak));

static struct regex *compiled(const char *pattern, unsigned flags)
{
    struct regex *regex = NULL;
    struct err err = { 0 };

    if (regex_compile(slice_of(pattern), flags, &regex, NULL, &err) != ERR_OK)
        fail_msg("%s: %s", pattern, err.text);
    return regex;
}

/* The match of a pattern in a text, or NULL; "-" for a group that took no part. */
static const char *found(const char *pattern, const char *text, unsigned group)
{
    static char out[256];
    struct regex_scratch *scratch = regex_scratch_create();
    struct regex *regex = compiled(pattern, 0);
    struct regex_span spans[REGEX_GROUPS_MAX];
    bool matched = regex_find(regex, scratch, slice_of(text), 0, spans, REGEX_GROUPS_MAX);

    assert_int_equal(matched, regex_test(regex, slice_of(text)));
    if (matched && spans[group].start >= 0)
        snprintf(out, sizeof(out), "%.*s", spans[group].end - spans[group].start,
                 text + spans[group].start);
    else
        snprintf(out, sizeof(out), "-");
    free(regex);
    regex_scratch_destroy(&scratch);
    return matched ? out : NULL;
}

static void the_leftmost_match_is_taken_by_priority(void **state)
{
    (void)state;
    assert_string_equal(found("a|ab", "xab", 0), "a");
    assert_string_equal(found("ab|a", "xab", 0), "ab");
    assert_string_equal(found("a+", "baaa", 0), "aaa");
    assert_string_equal(found("a+?", "baaa", 0), "a");
    assert_string_equal(found("(?U)a+", "baaa", 0), "a");
    assert_string_equal(found("(a*)*", "aaa", 1), "aaa");
    assert_string_equal(found("(a)|(b)", "b", 1), "-");
    assert_string_equal(found("(a)|(b)", "b", 2), "b");
    assert_string_equal(found("(?P<year>\\d{4})-(\\d\\d)", "on 2026-03-01", 2), "03");
    assert_null(found("^b", "ab", 0));
    assert_string_equal(found("(?m)^b$", "a\nb\nc", 0), "b");
}

static void characters_are_code_points(void **state)
{
    (void)state;
    assert_string_equal(found("^.$", "杯", 0), "杯");
    assert_string_equal(found("[一-龥]{2}", "a退货b", 0), "退货");
    assert_string_equal(found("\\p{Han}+", "order 退货单", 0), "退货单");
    assert_string_equal(found("\\pL+", "1é杯2", 0), "é杯");
    assert_string_equal(found("[^\\pL]+", "é12杯", 0), "12");
    assert_string_equal(found("\\x{676F}", "杯", 0), "杯");
    assert_string_equal(found("(?i)straße|É", "STRAßE", 0), "STRAßE");
    assert_string_equal(found("(?i)é", "É", 0), "É");
    assert_string_equal(found("(?i)[k]", "\xE2\x84\xAA", 0), "\xE2\x84\xAA"); /* Kelvin sign */
    assert_string_equal(found("\xEF\xBF\xBD+", "a\xFF\xFE", 0), "\xFF\xFE");
}

static void borders_and_quotes_hold(void **state)
{
    (void)state;
    assert_string_equal(found("\\bfoo\\b", "a foo b", 0), "foo");
    assert_null(found("\\bfoo\\b", "afoo", 0));
    assert_string_equal(found("\\Qa.b\\E+", "a.bbb", 0), "a.bbb");
    assert_string_equal(found("\\Q(|*\\E", "x(|*", 0), "(|*");
    assert_string_equal(found("a{2,3}", "aaaa", 0), "aaa");
    assert_string_equal(found("a{,3}", "a{,3}", 0), "a{,3}");
    assert_string_equal(found("[]a-]+", "x]-a", 0), "]-a");
    assert_string_equal(found("[[:alpha:]]+", "12ab", 0), "ab");
}

static void whole_means_the_whole_text(void **state)
{
    struct regex *regex = compiled("a|ab", REGEX_WHOLE);

    (void)state;
    assert_true(regex_test(regex, slice_of("ab")));
    assert_true(regex_test(regex, slice_of("a")));
    assert_false(regex_test(regex, slice_of("abc")));
    assert_false(regex_test(regex, slice_of("xab")));
    free(regex);
}

static void what_has_no_linear_form_is_refused_where_it_stands(void **state)
{
    static const struct {
        const char *pattern;
        enum err_code code;
        size_t offset;
    } cases[] = {
        { "(a)\\1", ERR_UNSUPPORTED, 5 },  { "a(?=b)", ERR_UNSUPPORTED, 2 },
        { "a(?<!b)", ERR_UNSUPPORTED, 2 }, { "(a", ERR_INVALID, 2 },
        { "a)", ERR_INVALID, 1 },          { "[a", ERR_INVALID, 2 },
        { "*a", ERR_INVALID, 0 },          { "a**", ERR_INVALID, 2 },
        { "[z-a]", ERR_INVALID, 4 },       { "\\pX", ERR_INVALID, 3 },
        { "a\\", ERR_INVALID, 2 },         { "x{1001}", ERR_TOO_BIG, 7 },
        { "x{2,1}", ERR_TOO_BIG, 6 },      { "(?z)a", ERR_INVALID, 2 },
        { "\xFF", ERR_INVALID, 0 },        { "\\x{D800}", ERR_INVALID, 8 },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct regex *regex = NULL;
        struct err err = { 0 };
        size_t offset = 99;

        assert_int_equal(regex_compile(slice_of(cases[i].pattern), 0, &regex, &offset, &err),
                         cases[i].code);
        assert_int_equal(offset, cases[i].offset);
        assert_null(regex);
    }
}

static void a_pattern_at_each_limit_works_and_beyond_is_refused(void **state)
{
    char pattern[REGEX_PATTERN_BYTES_MAX + 2];
    struct regex *regex = NULL;
    struct err err = { 0 };

    (void)state;
    memset(pattern, 'a', sizeof(pattern));
    assert_int_equal(
        regex_compile(slice_make(pattern, REGEX_PATTERN_BYTES_MAX), 0, &regex, NULL, &err), ERR_OK);
    free(regex);
    assert_int_equal(
        regex_compile(slice_make(pattern, REGEX_PATTERN_BYTES_MAX + 1), 0, &regex, NULL, &err),
        ERR_TOO_BIG);
    free(compiled("x{1000}", 0));
    assert_int_equal(regex_compile(slice_of("()()()()()()()()()"), 0, &regex, NULL, &err), ERR_OK);
    free(regex);
    assert_int_equal(regex_compile(slice_of("()()()()()()()()()()"), 0, &regex, NULL, &err),
                     ERR_TOO_BIG);
}

static void nesting_is_bounded(void **state)
{
    char pattern[4 * (REGEX_DEPTH_MAX + 1) + 1];

    (void)state;
    for (size_t depth = REGEX_DEPTH_MAX; depth <= REGEX_DEPTH_MAX + 1; depth++) {
        struct regex *regex = NULL;
        struct err err = { 0 };

        for (size_t i = 0; i < depth; i++)
            memcpy(pattern + 3 * i, "(?:", 3);
        memset(pattern + 3 * depth, ')', depth);
        assert_int_equal(regex_compile(slice_make(pattern, 4 * depth), 0, &regex, NULL, &err),
                         depth == REGEX_DEPTH_MAX ? ERR_OK : ERR_TOO_BIG);
        free(regex);
    }
}

/* Each of these takes a backtracking engine or an eager automaton down. */
static void hostile_patterns_stay_linear(void **state)
{
    static const char *const patterns[] = {
        "(a*)*b", "(a|aa)+$", "(x+x+)+y", "(.*)(.*)(.*)(.*)x", "(?:a?){300}a{300}", "([a-z]+)*[A-Z]"
    };
    static const char *const refused[] = { "a{1,255}{1,100}", "((a{1,200}){1,200}){1,20}",
                                           "(((){1000}){1000}){1000}", "(a{500}){3}" };
    static char text[64 * 1024];
    struct err err = { 0 };

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < LENGTH_OF(patterns); i++) {
        struct regex *regex = compiled(patterns[i], 0);
        clock_t begin = clock();

        (void)regex_test(regex, slice_make(text, sizeof(text)));
        /* 64 kB x 1,000 instructions at 25 ns under a sanitizer; backtracking takes for ever. */
        assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
        free(regex);
    }
    for (size_t i = 0; i < LENGTH_OF(refused); i++) {
        struct regex *regex = NULL;
        assert_true(regex_compile(slice_of(refused[i]), 0, &regex, NULL, &err) != ERR_OK);
    }
}

/* ---- beside RE2 ---- */
static uint64_t seed = 0x9E3779B97F4A7C15U;

static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

static size_t append(char *out, size_t len, const char *text)
{
    size_t n = strlen(text);

    memcpy(out + len, text, n);
    return len + n;
}

static size_t random_pattern(char *out, size_t len, int depth)
{
    static const char *const atoms[] = {
        "a",        "b",
        "ab",       ".",
        "[ab]",     "[^a]",
        "\\w",      "\\W",
        "\\d",      "\\s",
        "^",        "$",
        "\\b",      "a\\B",
        "杯",       "[退货]",
        "\\pL",     "\\p{Lu}",
        "\\P{Lu}",  "k",
        "S",        "[^k]",
        "é",        "(?i)k",
        "\\x{41}",  "[[:^word:]s]",
        "(?s).",    "(?m)^",
        "(?m)$",    "\\Qa\\E",
        "\\A",      "\\z",
        "\\p{Han}", "[\\d\\-b]",
        "\\n",      "ſ",
        "σ",        "[Σ]",
        "()",       "(?:)",
    };
    static const char *const repeats[] = { "*",   "+",     "?",      "*?",   "+?", "??",
                                           "{2}", "{1,3}", "{0,2}?", "{2,}", "{0}" };

    for (unsigned n = 1 + dice(3); n > 0; n--) {
        if (depth > 0 && dice(3) == 0) {
            len = append(out, len, dice(2) == 0 ? "(" : dice(3) == 0 ? "(?i:" : "(?:");
            len = random_pattern(out, len, depth - 1);
            len = append(out, len, ")");
        } else {
            len = append(out, len, atoms[dice(LENGTH_OF(atoms))]);
        }
        if (dice(3) == 0)
            len = append(out, len, repeats[dice(LENGTH_OF(repeats))]);
        if (n > 1 && dice(4) == 0)
            len = append(out, len, "|");
    }
    return len;
}

static size_t random_text(char *out)
{
    static const char *const pieces[] = { "a", "b", "ab", " ", "\n", "K",  "k",  "\xE2\x84\xAA",
                                          "s", "ſ", "S",  "é", "É",  "杯", "退", "1",
                                          "-", "_", "A",  "B", "σ",  "ς",  "Σ" };
    size_t len = 0;

    for (unsigned n = dice(9); n > 0; n--)
        len = append(out, len, pieces[dice(LENGTH_OF(pieces))]);
    return len;
}

static void compare(const struct regex *ours, const void *theirs, struct slice pattern,
                    struct slice text, struct regex_scratch *scratch)
{
    struct regex_span spans[REGEX_GROUPS_MAX];
    int32_t offsets[2 * REGEX_GROUPS_MAX];
    unsigned groups = regex_groups(ours);
    bool matched = regex_find(ours, scratch, text, 0, spans, groups);
    bool expected = oracle_re2_find(theirs, text.ptr, text.len, offsets, (int)groups) != 0;
    bool same = matched == expected && regex_test(ours, text) == expected;

    for (unsigned g = 0; g < groups && matched && same; g++)
        same = spans[g].start == offsets[2 * g] && spans[g].end == offsets[2 * g + 1];
    if (!same)
        fail_msg("/%.*s/ on \"%.*s\": ours %d, RE2 %d", (int)pattern.len, pattern.ptr,
                 (int)text.len, text.ptr, matched, expected);
}

static void random_patterns_match_as_in_re2(void **state)
{
    struct regex_scratch *scratch = regex_scratch_create();
    unsigned compared = 0;

    (void)state;
    if (oracle_re2_create == NULL)
        skip();
    for (int round = 0; round < 6000; round++) {
        char pattern[4096];
        char text[256];
        struct slice p = slice_make(pattern, random_pattern(pattern, 0, 3));
        int fold = dice(4) == 0;
        void *theirs = oracle_re2_create(p.ptr, p.len, fold);
        struct regex *ours = NULL;
        struct err err = { 0 };

        if (regex_compile(p, fold ? REGEX_FOLD : 0, &ours, NULL, &err) != ERR_OK &&
            err.code != ERR_TOO_BIG && theirs != NULL)
            fail_msg("RE2 takes /%.*s/, we say: %s", (int)p.len, p.ptr, err.text);
        if (ours != NULL && theirs == NULL)
            fail_msg("RE2 refuses /%.*s/", (int)p.len, p.ptr);
        for (int i = 0; i < 4 && ours != NULL; i++) {
            compare(ours, theirs, p, slice_make(text, random_text(text)), scratch);
            compared++;
        }
        free(ours);
        if (theirs != NULL)
            oracle_re2_destroy(theirs);
    }
    assert_true(compared > 10000);
    regex_scratch_destroy(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leftmost_match_is_taken_by_priority),
        cmocka_unit_test(characters_are_code_points),
        cmocka_unit_test(borders_and_quotes_hold),
        cmocka_unit_test(whole_means_the_whole_text),
        cmocka_unit_test(what_has_no_linear_form_is_refused_where_it_stands),
        cmocka_unit_test(a_pattern_at_each_limit_works_and_beyond_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(hostile_patterns_stay_linear),
        cmocka_unit_test(random_patterns_match_as_in_re2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
