/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as a word and what a query finds. */
#include "test.h"

#include "store_words.h"

static void words_are(const char *text, const char *expected)
{
    struct words words;
    struct word word;
    struct buf out;

    buf_init(&out, 4096);
    words_init(&words, slice_of(text));
    while (words_next(&words, &word)) {
        buf_add(&out, word.bytes, word.len);
        buf_add_char(&out, '|');
    }
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void query_is(const char *text, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    words_query(slice_of(text), &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void text_becomes_pairs_and_words(void **state)
{
    (void)state;
    words_are("", "");
    words_are("退", "退|");
    words_are("退款", "退款|款|");
    words_are("我要退款！", "我要|要退|退款|款|");
    words_are("Order NO.42 ÄRGER", "order|no|42|ärger|");
    words_are("订单ABC123吗", "订单|单|abc123|吗|");
    words_are("ＡＢＣ１", "abc1|");
    words_are("a\xff"
              "b",
              "a|b|");
}

static void query_becomes_a_match_expression(void **state)
{
    (void)state;
    query_is("", "");
    query_is("  ?!\"'", "");
    query_is("退款", "\"退款\"");
    query_is("我要退款", "\"我要退款\"");
    query_is("退", "\"退\" *");
    query_is("order 退款 42", "\"order\" * AND \"退款\" AND \"42\" *");
    query_is("订单ABC", "\"订单\" AND \"abc\" *");
}

static bool match(const char *text, const char *query)
{
    return words_match(slice_of(text), slice_of(query));
}

static void match_follows_the_query(void **state)
{
    (void)state;
    assert_true(match("我要退款", "退款"));
    assert_true(match("我要退款", "款"));
    assert_true(match("我要退款", "要退款"));
    assert_false(match("我要退款", "退要"));
    assert_false(match("要退 退款", "要退款"));
    assert_true(match("订单12345怎么查", "订单 123"));
    assert_true(match("订单12345怎么查", "12345怎么"));
    assert_true(match("Where is my Parcel?", "PARC"));
    assert_false(match("Where is my Parcel?", "arcel"));
    assert_false(match("anything", "?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_pairs_and_words),
        cmocka_unit_test(query_becomes_a_match_expression),
        cmocka_unit_test(match_follows_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
