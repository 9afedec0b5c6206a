/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "test_malloc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rules_file.h"
#include "text.h"

static struct rules_scratch *scratch;

static int setup(void **state)
{
    (void)state;
    scratch = rules_scratch_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rules_scratch_destroy(&scratch);
    return 0;
}

static struct rules_set *compile(const char *file)
{
    struct rules_set *set = NULL;
    struct rules_where where;
    struct err err = { 0 };

    if (rules_file_compile(slice_of(file), &set, &where, &err) != ERR_OK)
        fail_msg("%u:%u: %s", where.line, where.column, err.text);
    return set;
}

/* Names of the rules that hold, best first, with a blank between. */
static const char *held_in(const struct rules_set *set, const char *text,
                           const struct rules_context *context)
{
    static char out[512];
    char bytes[1024];
    struct rules_hit hits[8];
    struct slice norm =
        text_normalise_with(slice_of(text), TEXT_SIMPLIFY, bytes, NULL, sizeof(bytes));
    size_t count = rules_scan(set, scratch, norm, context, hits, 8);
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct slice name = rules_set_name(set, hits[i].rule);

        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%.*s", i > 0 ? " " : "",
                                 SLICE_ARGS(name));
    }
    return out;
}

static const char *held(const struct rules_set *set, const char *text)
{
    static const struct rules_context anywhere = { .locale = RULES_ANY_LOCALE };

    return held_in(set, text, &anywhere);
}

struct example {
    const char *text;
    bool holds;
};

static void check_condition(const char *when, const struct example *examples, size_t count)
{
    char file[512];
    struct rules_set *set;

    snprintf(file, sizeof(file), "rule r\n  when: %s\n", when);
    set = compile(file);
    for (size_t i = 0; i < count; i++) {
        if ((held(set, examples[i].text)[0] != '\0') != examples[i].holds)
            fail_msg("%s: '%s' should%s hold", when, examples[i].text,
                     examples[i].holds ? "" : " not");
    }
    rules_set_destroy(&set);
}

#define CHECK(when, ...)                                                         \
    do {                                                                         \
        const struct example examples[] = { __VA_ARGS__ };                       \
        check_condition(when, examples, sizeof(examples) / sizeof(examples[0])); \
    } while (0)

static void conditions_combine_words(void **state)
{
    (void)state;
    CHECK("退货", { "我要退貨", true }, { "换货", false });
    CHECK("退货 | 换货 & 运费", { "退货", true }, { "换货", false }, { "换货运费", true });
    CHECK("(退货 | 换货) & 运费", { "退货", false }, { "退货的运费", true });
    CHECK("退货 & !运费", { "退货", true }, { "退货运费", false });
    CHECK("退货 & !(运费 & 谁)", { "退货运费", true }, { "退货运费谁付", false });
    CHECK("!运费 & !邮费 & 退货", { "退货", true }, { "退货邮费", false });
    CHECK("\"gift card\" | c++", { "a GIFT  card", true }, { "giftcard", false }, { "C++", true },
          { "gift", false });
    CHECK("\"say \\\"hi\\\"\"", { "say \"hi\"", true }, { "say hi", false });
}

static void distances_are_ordered_and_counted_in_characters(void **state)
{
    (void)state;
    CHECK("多久 ..3 到账", { "多久到账", true }, { "多久才能到账", true },
          { "多久才能够到账", true }, { "多久才能够会到账", false }, { "到账要多久", false });
    CHECK("多久 ..3 到账", { "多久以后吧，多久能到账", true });
    CHECK("a ..2 b ..2 c", { "a b c", true }, { "a b b c", false }, { "a b a b c", true },
          { "a c b", false }, { "a x x b c", false });
    CHECK("(退 | 换) ..4 (钱 | 款) & !不", { "退我的钱", true }, { "换个款", true },
          { "不退我的钱", false });
    CHECK("订单 ..2 <number>", { "订单 42", true }, { "订单号就是42", false }, { "订单三百", true },
          { "42订单", false });
    CHECK("<number> ..1 天 ..5 发货", { "3天发货", true }, { "十 天内能发货", true },
          { "天内发货", false });
}

static void expressions_run_behind_a_word(void **state)
{
    (void)state;
    CHECK("code & /\\b[a-z]{2}\\d{4}\\b/", { "my code AB1234", true }, { "code ab123", false },
          { "ab1234", false });
    CHECK("code ..3 /[a-z]{2}\\d{4}/", { "code: ab1234", true }, { "ab1234 code", false });
    CHECK("a & (b | /x+\\/y/)", { "a b", true }, { "a xx/y", true }, { "a x", false });
}

static void rules_have_priority_locale_scope_and_times(void **state)
{
    struct rules_set *set = compile("# rules of a shop\n"
                                    "rule low\n  priority: -3\n  when: 退\n"
                                    "rule high # a comment\n\tpriority: 10\n\twhen: 退 & !x # too\n"
                                    "rule english\n  locale: en\n  when: 退\n"
                                    "rule shop\n  scope: shop, help\n  when: 退\n"
                                    "rule sale\n  active: 2024-11-01 .. 2024-11-12\n"
                                    "  hours: mon-fri 22:00-06:00\n  when: 退\r\n");
    struct rules_context c = { .locale = RULES_ZH };

    (void)state;
    assert_int_equal(rules_set_count(set), 5);
    assert_string_equal(held_in(set, "退", &c), "high low");
    assert_string_equal(held_in(set, "退x", &c), "low");
    c.locale = RULES_EN;
    assert_string_equal(held_in(set, "退", &c), "high english low");
    c = (struct rules_context){ .locale = RULES_ZH, .scope = SLICE_LITERAL("help") };
    assert_string_equal(held_in(set, "退", &c), "high shop low");
    /* 2024-11-12 is day 20039, a Tuesday. */
    c = (struct rules_context){ .locale = RULES_ZH, .timed = true, .day = 20039, .minute = 1320 };
    assert_string_equal(held_in(set, "退", &c), "high sale low");
    c.minute = 359;
    assert_string_equal(held_in(set, "退", &c), "high sale low");
    c.minute = 360;
    assert_string_equal(held_in(set, "退", &c), "high low");
    c.minute = 1320;
    c.day = 20040;
    assert_string_equal(held_in(set, "退", &c), "high low");
    c.day = 20036; /* a Saturday */
    assert_string_equal(held_in(set, "退", &c), "high low");
    rules_set_destroy(&set);
}

static void word_lists_see_through_disguise(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } examples[] = {
        { "加微信", "contact" },
        { "加薇信", "sounds" },
        { "加ＷＥＩ信", "contact" },
        { "jia wei xin", "contact" },
        { "加 w.e.i x-i-n 吧", "contact" },
        { "加*微😀信", "contact" },
        { "去銀行", "bank" },
        { "去yinhang", "bank" },
        { "去yin hang1234", "bank" },
        { "yinhangs", "" },
        { "私wei xinx", "" },
        { "加.........微信", "sounds" }, /* nine signs: 微信 alone */
        { "plain", "plain" },
        { "p l a i n", "" },
        { "f.u-c k", "latin" },
        { "refuck", "" },
    };
    struct rules_set *set = compile("words contact\n  action: block\n  list:\n    加微信\n"
                                    "words bank\n  list:\n    银行\n"
                                    "words sounds\n  disguise: sound\n  list:\n    微信\n"
                                    "words plain\n  disguise: none\n  list:\n    plain\n"
                                    "words latin\n  action: mask\n  list:\n    fuck\n");

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const char *got = held(set, examples[i].text);

        if (strcmp(examples[i].want, "contact") == 0 && strstr(got, "contact") != NULL)
            continue; /* 微信 alone is in it too */
        if (strcmp(got, examples[i].want) != 0)
            fail_msg("'%s': got '%s', want '%s'", examples[i].text, got, examples[i].want);
    }
    rules_set_destroy(&set);
}

static void masks_cover_every_place(void **state)
{
    struct rules_set *set = compile("words m\n  action: mask\n  list:\n    笨蛋\n    蛋糕\n");
    struct rules_span spans[RULES_SPANS_MAX];
    static char many[6 * (RULES_SPANS_MAX + 1) + 1];

    (void)state;
    assert_string_equal(held(set, "笨-蛋糕和笨蛋"), "m");
    assert_int_equal(rules_spans(scratch, spans), 2);
    assert_int_equal(spans[0].start, 0);
    assert_int_equal(spans[0].len, 10); /* overlapping places are one */
    assert_int_equal(spans[1].start, 13);
    assert_int_equal(spans[1].len, 6);
    assert_string_equal(held(set, "好"), "");
    assert_int_equal(rules_spans(scratch, spans), 0);
    for (size_t i = 0; i <= RULES_SPANS_MAX; i++)
        memcpy(many + 6 * i, "笨蛋", 6);
    {
        const struct rules_context anywhere = { .locale = RULES_ANY_LOCALE };
        struct rules_hit hit;

        rules_scan(set, scratch, slice_make(many, 6 * RULES_SPANS_MAX), &anywhere, &hit, 1);
        assert_int_equal(rules_spans(scratch, spans), 1);
        rules_scan(set, scratch, slice_of(many), &anywhere, &hit, 1);
        assert_int_equal(rules_spans(scratch, spans), RULES_SPANS_MAX + 1);
    }
    rules_set_destroy(&set);
}

static void faults_have_line_and_column(void **state)
{
    static const struct {
        const char *file;
        unsigned line, column;
        const char *text;
    } examples[] = {
        { "rule a\n  when: 退货 &\n", 2, 13, "condition ends too early" },
        { "rule a\n  when: (退货 | 换\n", 2, 9, "bracket is not closed" },
        { "rule a\n  when: 退货 换货\n", 2, 12, "& or | is expected here" },
        { "rule a\n  when: \"退货\n", 2, 9, "quote is not closed" },
        { "rule a\n  when: !退货\n", 2, 9, "could hold without any word" },
        { "rule a\n  when: 退 | <number>\n", 2, 9, "could hold without any word" },
        { "rule a\n  when: 退 & /(/\n", 2, 15, NULL },
        { "rule a\n  when: 退 ..201 货\n", 2, 11, "distance is more than 200 characters" },
        { "rule a\n  when: 退 ..2 !货\n", 2, 15,
          "only words, numbers and expressions have a distance" },
        { "rule a\n  wenn: 退\n", 2, 3, "no such attribute" },
        { "rule a\n  priority: much\n", 2, 13, "priority is a whole number" },
        { "rule a\n  active: 2023-02-29 ..\n", 2, 21, NULL },
        { "rule a\n  hours: mon-fri 25:00-26:00\n", 2, 20, NULL },
        { "rule a\n  hours: mon-xyz\n", 2, 14, NULL },
        { "rule a\n", 1, 1, "rule has no condition" },
        { "\n\nwords a\n  list:\n", 3, 1, "rule has no words" },
        { "rule a\n  when: x\nrule a\n  when: y\n", 3, 1, "the same name as in line 1" },
        { "words a\n  list:\n    好\n    ??\n", 4, 5, "word is empty" },
        { "  when: x\n", 1, 3, "rule NAME or words NAME is expected here" },
        { "rule \n", 1, 1, NULL },
        { "hello\n", 1, 1, "rule NAME or words NAME is expected here" },
        { "rule a\n  when: x\n  \xC0\x80\n", 3, 3, "not UTF-8: overlong" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct rules_set *set = NULL;
        struct rules_where where = { 0, 0 };
        struct err err = { 0 };

        if (rules_file_compile(slice_of(examples[i].file), &set, &where, &err) == ERR_OK)
            fail_msg("compiled: %s", examples[i].file);
        if (where.line != examples[i].line || where.column != examples[i].column ||
            (examples[i].text != NULL && strcmp(err.text, examples[i].text) != 0))
            fail_msg("%s: got %u:%u: %s", examples[i].file, where.line, where.column, err.text);
    }
}

static void a_list_of_many_words_is_one_group(void **state)
{
    static char file[40 * 1000 + 64];
    size_t used = (size_t)snprintf(file, sizeof(file), "words many\n  disguise: none\n  list:\n");
    struct rules_set *set;

    (void)state;
    for (int i = 0; i < 2000; i++)
        used += (size_t)snprintf(file + used, sizeof(file) - used, "    word%d\n", i);
    set = compile(file);
    assert_string_equal(held(set, "has word1999 in it"), "many");
    assert_string_equal(held(set, "has word2000 in it"), "");
    rules_set_destroy(&set);
}

static void nothing_is_allocated_per_message(void **state)
{
    static char text[RULES_TEXT_BYTES_MAX];
    static struct rules_span spans[RULES_SPANS_MAX];
    static const struct rules_context anywhere = { .locale = RULES_ANY_LOCALE };
    struct rules_set *set = compile("rule a\n  when: 退 ..3 货 & /\\d+/\n"
                                    "words b\n  action: mask\n  list:\n    银行\n");
    struct rules_hit hits[4];

    (void)state;
    for (size_t i = 0; i + 12 < sizeof(text); i += 12)
        memcpy(text + i, "退货银行", 12);
    text[sizeof(text) - 13] = '7';
    (void)held(set, "warm"); /* the scratch meets the set */
    if (!test_malloc_begin()) {
        rules_set_destroy(&set);
        skip();
    }
    for (size_t len = 120; len <= sizeof(text); len *= 8) {
        (void)rules_scan(set, scratch, slice_make(text, len), &anywhere, hits, 4);
        (void)rules_spans(scratch, spans);
    }
    assert_int_equal(test_malloc_end(), 0);
    rules_set_destroy(&set);
}

/* A text of one repeated piece, with rules that it nearly fulfils everywhere. */
static void hostile_text_costs_linear_time(void **state)
{
    static const char *const pieces[] = { "a ", "a",      "退", "微",   "w",   "wei ",
                                          "a.", "\u0301", "7",  "a b ", "微.", "\xF0\x9F\x98\x80" };
    static char text[RULES_TEXT_BYTES_MAX];
    static const struct rules_context anywhere = { .locale = RULES_ANY_LOCALE };
    struct rules_set *set =
        compile("rule a\n  when: a ..200 a ..200 a ..200 c\n"
                "rule b\n  when: \"a a a a a a a a a a a a a a a a a a a a b\" | a & /(a+ )+c/\n"
                "rule c\n  when: 退 ..200 退 ..200 货\n"
                "words w\n  disguise: symbols pinyin sound\n  action: mask\n  list:\n"
                "    微微微微微微微微微微微微微微微信\n    a\n");
    struct rules_hit hits[4];

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        clock_t start;
        double ms;

        for (size_t b = 0; b < sizeof(text); b++)
            text[b] = pieces[i][b % strlen(pieces[i])];
        start = clock();
        (void)rules_scan(set, scratch, slice_make(text, sizeof(text)), &anywhere, hits, 4);
        ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        if (ms > 1000) /* quadratic would be minutes under the sanitizers */
            fail_msg("'%s' repeated took %.0f ms", pieces[i], ms);
    }
    rules_set_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_combine_words),
        cmocka_unit_test(distances_are_ordered_and_counted_in_characters),
        cmocka_unit_test(expressions_run_behind_a_word),
        cmocka_unit_test(rules_have_priority_locale_scope_and_times),
        cmocka_unit_test(word_lists_see_through_disguise),
        cmocka_unit_test(masks_cover_every_place),
        cmocka_unit_test(faults_have_line_and_column),
        cmocka_unit_test(a_list_of_many_words_is_one_group),
        cmocka_unit_test(nothing_is_allocated_per_message),
        cmocka_unit_test(hostile_text_costs_linear_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
