/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "rules.h"

#define W(text) SLICE_LITERAL(text)

static struct rules_set *compile(const struct rules_rule *rules, size_t count)
{
    struct rules_set *set = NULL;
    struct err err = { 0 };

    assert_int_equal(rules_compile(rules, count, &set, &err), ERR_OK);
    return set;
}

static size_t scan(const struct rules_set *set, const char *text, enum rules_locale locale,
                   struct rules_hit *hits, size_t max)
{
    const struct rules_context context = { .locale = locale };
    struct rules_scratch *scratch = rules_scratch_create();
    size_t n = rules_scan(set, scratch, slice_of(text), &context, hits, max);

    rules_scratch_destroy(&scratch);
    return n;
}

static bool holds(const struct rules_set *set, const char *text)
{
    struct rules_hit hit;

    return scan(set, text, RULES_ANY_LOCALE, &hit, 1) == 1;
}

static void any_all_and_none_combine(void **state)
{
    const struct slice any[] = { W("退"), W("换") };
    const struct slice all[] = { W("发票") };
    const struct slice none[] = { W("电子") };
    const struct rules_rule rule = { .id = 1,
                                     .any = any,
                                     .any_count = 2,
                                     .all = all,
                                     .all_count = 1,
                                     .none = none,
                                     .none_count = 1 };
    struct rules_set *set = compile(&rule, 1);

    (void)state;
    assert_true(holds(set, "发票可以换吗"));
    assert_true(holds(set, "退发票"));
    assert_false(holds(set, "发票"));
    assert_false(holds(set, "退货"));
    assert_false(holds(set, "电子发票可以换吗"));
    rules_set_destroy(&set);
}

static void latin_literals_match_whole_words_and_phrases(void **state)
{
    const struct slice any[] = { W("Tent"), W("gift  card"), W("c++"), W("résumé") };
    const struct rules_rule rule = { .id = 1, .any = any, .any_count = 4 };
    struct rules_set *set = compile(&rule, 1);

    (void)state;
    assert_true(holds(set, "a tent, please"));
    assert_true(holds(set, "帐篷tent吗"));
    assert_true(holds(set, "my gift card"));
    assert_true(holds(set, "c++"));
    assert_true(holds(set, "resume"));
    assert_false(holds(set, "attention"));
    assert_false(holds(set, "tents"));
    assert_false(holds(set, "gift cards"));
    assert_false(holds(set, "gift"));
    rules_set_destroy(&set);
}

static void hits_come_by_priority_then_id_and_say_where(void **state)
{
    const struct slice a[] = { W("运费") };
    const struct slice b[] = { W("费") };
    const struct rules_rule rules[] = {
        { .id = 9, .any = a, .any_count = 1 },
        { .id = 5, .any = b, .any_count = 1 },
        { .id = 7, .any = b, .any_count = 1, .priority = 3 },
        { .id = 1, .any = b, .any_count = 1, .priority = -1 },
    };
    struct rules_set *set = compile(rules, 4);
    struct rules_hit hits[4];

    (void)state;
    assert_int_equal(scan(set, "问运费", RULES_ZH, hits, 4), 4);
    assert_int_equal(hits[0].rule, 2);
    assert_int_equal(hits[1].rule, 1);
    assert_int_equal(hits[2].rule, 0);
    assert_int_equal(hits[3].rule, 3);
    assert_int_equal(hits[2].start, 3);
    assert_int_equal(hits[2].len, 6);
    assert_int_equal(scan(set, "问运费", RULES_ZH, hits, 2), 2);
    assert_int_equal(hits[1].rule, 1);
    rules_set_destroy(&set);
}

static void a_rule_of_another_language_does_not_hold(void **state)
{
    const struct slice any[] = { W("ok") };
    const struct rules_rule rules[] = {
        { .id = 1, .any = any, .any_count = 1, .locale = RULES_EN }
    };
    struct rules_set *set = compile(rules, 1);
    struct rules_hit hit;

    (void)state;
    assert_int_equal(scan(set, "ok", RULES_EN, &hit, 1), 1);
    assert_int_equal(scan(set, "ok", RULES_ZH, &hit, 1), 0);
    rules_set_destroy(&set);
}

static void bad_rules_are_named(void **state)
{
    static char huge[400];
    const struct slice words[] = { W("ok"), W(" \t") };
    const struct slice long_word[] = { { huge, sizeof(huge) } };
    struct rules_rule rules[] = { { .id = 1, .any = words, .any_count = 1 }, { .id = 2 } };
    struct rules_set *set = NULL;
    struct err err = { 0 };

    (void)state;
    memset(huge, 'a', sizeof(huge));
    assert_int_equal(rules_compile(rules, 2, &set, &err), ERR_INVALID);
    assert_string_equal(err.field, "rules[1]");
    rules[1].all = words;
    rules[1].all_count = 2;
    assert_int_equal(rules_compile(rules, 2, &set, &err), ERR_INVALID);
    assert_string_equal(err.field, "rules[1].all[1]");
    rules[1].all = long_word;
    rules[1].all_count = 1;
    assert_int_equal(rules_compile(rules, 2, &set, &err), ERR_TOO_BIG);
    rules[1].all_count = RULES_ALL_MAX + 1;
    assert_int_equal(rules_compile(rules, 2, &set, &err), ERR_TOO_BIG);
    assert_null(set);
}

static void ten_thousand_rules_and_one_scratch_over_many_texts(void **state)
{
    enum {
        COUNT = 10000,
    };
    static char text[COUNT][16];
    static struct slice words[COUNT];
    static struct rules_rule rules[COUNT];
    struct rules_scratch *scratch = rules_scratch_create();
    struct rules_set *set;
    const struct rules_context context = { .locale = RULES_ANY_LOCALE };
    struct rules_hit hits[4];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof(text[i]), "word%zu", i);
        words[i] = slice_of(text[i]);
        rules[i] = (struct rules_rule){ .id = i, .any = &words[i], .any_count = 1 };
    }
    set = compile(rules, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(rules_scan(set, scratch, words[i], &context, hits, 4), 1);
        assert_int_equal(hits[0].rule, i);
    }
    assert_true(rules_set_bytes(set) < 4u << 20);
    rules_scratch_destroy(&scratch);
    rules_set_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_all_and_none_combine),
        cmocka_unit_test(latin_literals_match_whole_words_and_phrases),
        cmocka_unit_test(hits_come_by_priority_then_id_and_say_where),
        cmocka_unit_test(a_rule_of_another_language_does_not_hold),
        cmocka_unit_test(bad_rules_are_named),
        cmocka_unit_test(ten_thousand_rules_and_one_scratch_over_many_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
