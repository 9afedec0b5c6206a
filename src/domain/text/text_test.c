/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

static const char *norm(const char *in)
{
    static char out[256];
    struct slice s = text_normalise(slice_of(in), out, sizeof(out) - 1);

    out[s.len] = '\0';
    return out;
}

static const char *key(const char *in)
{
    static char out[256];
    struct slice s = text_key(slice_of(norm(in)), out, sizeof(out) - 1);

    out[s.len] = '\0';
    return out;
}

static void broken_utf8_reads_as_one_replacement_per_maximal_subpart(void **state)
{
    /* The example of Unicode 15, table 3-8: 61 F1 80 80 E1 80 C2 62 80 63 80 BF 64 */
    struct slice in = SLICE_LITERAL("a\xF1\x80\x80\xE1\x80\xC2"
                                    "b\x80"
                                    "c\x80\xBF"
                                    "d");
    const uint32_t want[] = { 'a', 0xFFFD, 0xFFFD, 0xFFFD, 'b', 0xFFFD, 'c', 0xFFFD, 0xFFFD, 'd' };

    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(text_next(&in), want[i]);
    assert_int_equal(in.len, 0);
    in = SLICE_LITERAL("\xED\xA0\x80"); /* a surrogate: three subparts */
    for (int i = 0; i < 3; i++)
        assert_int_equal(text_next(&in), 0xFFFD);
    in = SLICE_LITERAL("\xF4\x90\x80\x80"); /* past U+10FFFF */
    for (int i = 0; i < 4; i++)
        assert_int_equal(text_next(&in), 0xFFFD);
}

static void every_scalar_value_survives_encode_and_decode(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        struct slice in;

        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        in = slice_make(bytes, text_encode(cp, bytes));
        assert_int_equal(text_next(&in), cp);
        assert_int_equal(in.len, 0);
    }
}

static void normal_form_folds_width_case_marks_and_blanks(void **state)
{
    (void)state;
    assert_string_equal(norm("  ＨＥＬＬＯ　Ｗｏｒｌｄ！ \r\n"), "hello world!");
    assert_string_equal(norm("Café CRÈME Straße"), "cafe creme strasse");
    assert_string_equal(norm("退\u200b货\ufeff怎么办？"), "退货怎么办?");
    assert_string_equal(norm("Don’t “panic”。"), "don't \"panic\".");
    assert_string_equal(norm("한국어 がぎ ﬁne ①"), "한국어 がぎ fine 1");
    assert_string_equal(norm(" \t\n"), "");
    assert_string_equal(norm("\xff"), "\uFFFD");
}

static void normal_form_is_cut_at_a_code_point(void **state)
{
    char out[8];
    struct slice s = text_normalise(SLICE_LITERAL("退货退货"), out, sizeof(out));

    (void)state;
    assert_true(slice_equal_text(s, "退货"));
}

static void key_keeps_letters_and_one_space_between_words(void **state)
{
    (void)state;
    assert_string_equal(key("How do I  return—an item??"), "how do i return an item");
    assert_string_equal(key("怎么 退货，谢谢！"), "怎么退货谢谢");
    assert_string_equal(key("I don't know"), "i dont know");
    assert_string_equal(key("用 App 下单"), "用app下单");
    assert_string_equal(key("?!"), "");
}

static void scripts_are_counted(void **state)
{
    struct text_script s = text_script_count(SLICE_LITERAL("where is 我的订单 now 42"));

    (void)state;
    assert_int_equal(s.cjk_chars, 4);
    assert_int_equal(s.words, 3);
}

static size_t grams_as_text(const char *text, unsigned kinds, char *out, size_t cap)
{
    static struct text_gram grams[256];
    struct text_stemmer *stemmer = text_stemmer_create();
    size_t n = text_grams(stemmer, slice_of(text), kinds, grams, 256);

    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(out);

        snprintf(out + used, cap - used, "%s%.*s", i > 0 ? "|" : "", (int)grams[i].len,
                 text + grams[i].start);
    }
    text_stemmer_destroy(&stemmer);
    return n;
}

static void grams_mix_cjk_and_latin_in_one_pass(void **state)
{
    char out[512];

    (void)state;
    grams_as_text("用app下单 ok", TEXT_GRAM_WORD | TEXT_GRAM_CJK1 | TEXT_GRAM_CJK2, out,
                  sizeof(out));
    assert_string_equal(out, "用|app|下|单|下单|ok");
    grams_as_text("退换货", TEXT_GRAM_CJK2 | TEXT_GRAM_CJK3, out, sizeof(out));
    assert_string_equal(out, "退换|换货|退换货");
    grams_as_text("don't stop", TEXT_GRAM_WORD | TEXT_GRAM_WORD2, out, sizeof(out));
    assert_string_equal(out, "don't|stop|don't stop");
    grams_as_text("tent", TEXT_GRAM_CHAR4, out, sizeof(out));
    assert_string_equal(out, "ten|tent|ent");
}

static void stems_of_related_words_are_equal(void **state)
{
    struct text_gram a[4];
    struct text_gram b[4];
    struct text_stemmer *stemmer = text_stemmer_create();

    (void)state;
    for (int round = 0; round < 2; round++) { /* the second time from the memo */
        text_grams(stemmer, SLICE_LITERAL("returning shipped refunds"), TEXT_GRAM_STEM, a, 4);
        text_grams(stemmer, SLICE_LITERAL("return shipping refund"), TEXT_GRAM_STEM, b, 4);
        for (int i = 0; i < 3; i++)
            assert_true(a[i].hash == b[i].hash);
    }
    assert_true(text_gram_hash(TEXT_GRAM_STEM, SLICE_LITERAL("refund")) == a[2].hash);
    text_stemmer_destroy(&stemmer);
    assert_null(stemmer);
}

static void gram_hash_never_changes(void **state)
{
    (void)state;
    assert_true(text_gram_hash(TEXT_GRAM_WORD, SLICE_LITERAL("kefu")) == 0x6BAF8BA07AAF2C4Bull);
}

static void long_words_and_full_buffers_stay_in_bounds(void **state)
{
    static char text[TEXT_NORM_BYTES_MAX];
    static struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    struct text_stemmer *stemmer = text_stemmer_create();
    size_t n;

    (void)state;
    memset(text, 'x', sizeof(text));
    n = text_grams(stemmer, slice_make(text, sizeof(text)), TEXT_GRAM_STEM | TEXT_GRAM_CHAR5, grams,
                   TEXT_GRAMS_PER_MESSAGE);
    assert_int_equal(n, 1 + TEXT_WORD_CHARS_MAX + 2 - 4);
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        text[i] = ' ';
    n = text_grams(stemmer, slice_make(text, sizeof(text)), ~0u, grams, TEXT_GRAMS_PER_MESSAGE);
    assert_int_equal(n, TEXT_GRAMS_PER_MESSAGE);
    text_stemmer_destroy(&stemmer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_utf8_reads_as_one_replacement_per_maximal_subpart),
        cmocka_unit_test(every_scalar_value_survives_encode_and_decode),
        cmocka_unit_test(normal_form_folds_width_case_marks_and_blanks),
        cmocka_unit_test(normal_form_is_cut_at_a_code_point),
        cmocka_unit_test(key_keeps_letters_and_one_space_between_words),
        cmocka_unit_test(scripts_are_counted),
        cmocka_unit_test(grams_mix_cjk_and_latin_in_one_pass),
        cmocka_unit_test(stems_of_related_words_are_equal),
        cmocka_unit_test(gram_hash_never_changes),
        cmocka_unit_test(long_words_and_full_buffers_stay_in_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
