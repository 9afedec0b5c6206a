/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "test_malloc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text.h"
#include "text_han.h"

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

static void faults_are_found_and_named(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        enum text_fault fault;
    } cases[] = {
        { "退货\xEF\xBF\xBD", 9, TEXT_FAULT_NONE },
        { "", 0, TEXT_FAULT_NONE },
        { "ab\x80", 2, TEXT_FAULT_STRAY },
        { "a\xFF", 1, TEXT_FAULT_LEAD },
        { "\xF5\x80", 0, TEXT_FAULT_LEAD },
        { "a\xE9\x80", 1, TEXT_FAULT_SHORT },
        { "\xC3", 0, TEXT_FAULT_SHORT },
        { "\xC0\x80", 0, TEXT_FAULT_OVERLONG },
        { "\xE0\x9F\x80", 0, TEXT_FAULT_OVERLONG },
        { "x\xED\xA0\x80", 1, TEXT_FAULT_SURROGATE },
        { "\xF4\x90\x80\x80", 0, TEXT_FAULT_RANGE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t at = 99;

        assert_int_equal(text_fault_find(slice_of(cases[i].text), &at), cases[i].fault);
        assert_int_equal(at, cases[i].at);
    }
    assert_string_equal(text_fault_name(TEXT_FAULT_OVERLONG), "overlong");
}

static void traditional_reads_as_simplified_on_request(void **state)
{
    char out[64];

    (void)state;
    assert_true(slice_equal_text(
        text_normalise_with(SLICE_LITERAL("請問退貨運費誰付"), TEXT_SIMPLIFY, out, NULL, 64),
        "请问退货运费谁付"));
    assert_string_equal(norm("退貨"), "退貨");
    assert_int_equal(text_simplify(0x4E00), 0x4E00);
    assert_int_equal(text_simplify('a'), 'a');
}

static void characters_have_readings_usual_one_first(void **state)
{
    const char *sounds[TEXT_SOUNDS_MAX];

    (void)state;
    assert_string_equal(text_sound(0x5FAE), "wei"); /* 微 */
    assert_string_equal(text_sound(0x7EFF), "lv");  /* 绿 */
    assert_null(text_sound('a'));
    assert_null(text_sound(0x9FFF));
    assert_int_equal(text_sounds(0x884C, sounds), 2); /* 行 */
    assert_string_equal(sounds[0], "xing");
    assert_string_equal(sounds[1], "hang");
    assert_int_equal(text_sounds('a', sounds), 0);
}

static const char *origin(const char *in, const char *part)
{
    static char shown[64];
    char out[256];
    uint32_t from[256];
    struct slice normal = text_normalise_with(slice_of(in), TEXT_SIMPLIFY, out, from, 256);
    const char *found = memmem(normal.ptr, normal.len, part, strlen(part));
    struct slice s;

    assert_non_null(found);
    s = text_original(slice_of(in), normal, from, (size_t)(found - normal.ptr), strlen(part));
    snprintf(shown, sizeof(shown), "%.*s", SLICE_ARGS(s));
    return shown;
}

static void parts_of_the_normal_form_lead_back(void **state)
{
    (void)state;
    assert_string_equal(origin("  ＨＥＬＬＯ　Ｗorld ", "hello"), "ＨＥＬＬＯ");
    assert_string_equal(origin("a  \t b", "a b"), "a  \t b");
    assert_string_equal(origin("我要退\u200b貨!", "退货"), "退\u200b貨");
    assert_string_equal(origin("le café cre\u0301me", "cafe"), "café");
    assert_string_equal(origin("cre\u0301me", "cre"), "cre\u0301");
    assert_string_equal(origin("ﬁne", "f"), "ﬁ");
}

static void masks_cover_numbers_addresses_and_orders(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        { "about 3 of 12.5 or 1,200", "number 3|number 12.5|number 1,200" },
        { "mail a.b+c@shop.example.com.", "email a.b+c@shop.example.com" },
        { "see https://x.cn/a?b=1, ok", "url https://x.cn/a?b=1" },
        { "电话13812345678谢谢", "phone 13812345678" },
        { "call +1 (415) 555-0123 now", "phone +1 (415) 555-0123" },
        { "010-88886666", "phone 010-88886666" },
        { "order kf20240101001?", "order kf20240101001" },
        { "112-1234567-1234567", "order 112-1234567-1234567" },
        { "20240101123456789", "order 20240101123456789" },
        { "the b2b mp3 x@y www. http://", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text_mask masks[8];
        size_t n = text_masks(slice_of(cases[i].text), masks, 8);
        char got[256] = "";

        for (size_t m = 0; m < n; m++) {
            size_t used = strlen(got);

            snprintf(got + used, sizeof(got) - used, "%s%s %.*s", m > 0 ? "|" : "",
                     text_mask_name(masks[m].kind), (int)masks[m].len,
                     cases[i].text + masks[m].start);
        }
        assert_string_equal(got, cases[i].want);
    }
}

static void masks_as_grams_hide_their_characters(void **state)
{
    struct text_gram a[4];
    struct text_gram b[4];

    (void)state;
    assert_int_equal(text_grams(NULL, SLICE_LITERAL("order 4711"), TEXT_GRAM_MASK, a, 4), 1);
    assert_int_equal(text_grams(NULL, SLICE_LITERAL("order 99"), TEXT_GRAM_MASK, b, 4), 1);
    assert_true(a[0].hash == b[0].hash);
    assert_int_equal(a[0].start, 6);
}

/* CPU time of everything that a message goes through, for a text of one repeated piece. */
static double micros_for(struct text_stemmer *stemmer, const char *piece, size_t bytes)
{
    enum {
        BYTES_MAX = 64 * 1024,
    };
    static char text[BYTES_MAX];
    static char out[BYTES_MAX * 3];
    static char kept[BYTES_MAX * 3];
    static uint32_t from[BYTES_MAX * 3];
    static struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    static struct text_mask masks[TEXT_GRAMS_PER_MESSAGE];
    struct timespec start;
    struct timespec end;
    struct slice normal;

    for (size_t i = 0; i < bytes; i++)
        text[i] = piece[i % strlen(piece)];
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    normal = text_normalise_with(slice_make(text, bytes), TEXT_SIMPLIFY, out, from, sizeof(out));
    (void)text_key(normal, kept, sizeof(kept));
    (void)text_script_count(normal);
    (void)text_grams(stemmer, normal, ~0u, grams, TEXT_GRAMS_PER_MESSAGE);
    (void)text_masks(normal, masks, TEXT_GRAMS_PER_MESSAGE);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
}

static void nothing_is_allocated_per_message(void **state)
{
    static const struct slice text = SLICE_LITERAL("Où est ma commande KF20240101001？退貨");
    static struct text_gram grams[TEXT_GRAMS_PER_MESSAGE];
    struct text_stemmer *stemmer = text_stemmer_create();
    struct text_mask masks[8];
    uint32_t from[256];
    char out[256];
    char kept[256];

    (void)state;
    if (!test_malloc_begin()) {
        text_stemmer_destroy(&stemmer);
        skip();
    }
    for (int round = 0; round < 3; round++) {
        struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, out, from, sizeof(out));

        (void)text_key(norm, kept, sizeof(kept));
        (void)text_grams(stemmer, norm, ~0u, grams, TEXT_GRAMS_PER_MESSAGE);
        (void)text_masks(norm, masks, 8);
        (void)text_original(text, norm, from, 0, norm.len);
    }
    assert_int_equal(test_malloc_end(), 0);
    text_stemmer_destroy(&stemmer);
}

static void hostile_text_costs_linear_time(void **state)
{
    static const char *const pieces[] = {
        "a",      "退", "\xCC\x81",     "\xD7\x90",     "\xED\xA0\x80", "\xF0\x9F\x98\x80",
        "1 ",     "1-", "a1-",          "a@",           "a.",           "www.",
        "http:/", "+1", "a@b.",         "\xE2\x80\x8B", "\xEF\xBC\xA1", "1.1,",
        "\xFF",   "'a", "\xEF\xB7\xBA", "www.a@1 ",     "(1)",
    };
    struct text_stemmer *stemmer = text_stemmer_create();

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        /* Quadratic work on 64 KiB is 4e9 steps, seconds; linear takes some milliseconds under
         * the sanitizers. */
        double us = micros_for(stemmer, pieces[i], 64 * 1024);

        if (us > 300e3)
            fail_msg("'%s' repeated to 64 KiB took %.0f us", pieces[i], us);
    }
    text_stemmer_destroy(&stemmer);
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
        cmocka_unit_test(faults_are_found_and_named),
        cmocka_unit_test(traditional_reads_as_simplified_on_request),
        cmocka_unit_test(characters_have_readings_usual_one_first),
        cmocka_unit_test(parts_of_the_normal_form_lead_back),
        cmocka_unit_test(masks_cover_numbers_addresses_and_orders),
        cmocka_unit_test(masks_as_grams_hide_their_characters),
        cmocka_unit_test(nothing_is_allocated_per_message),
        cmocka_unit_test(hostile_text_costs_linear_time),
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
