/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_read.h"

/* Monday 2 March 2026, 10:00 in Shanghai. */
static const struct flow_read_env env = { INT64_C(1772416800000), 480, true };

static const char *phone(const char *text)
{
    static char out[32];
    char bytes[32];
    struct slice found;

    if (!flow_read_phone(slice_of(text), &found, bytes, sizeof(bytes)))
        return NULL;
    memcpy(out, found.ptr, found.len);
    out[found.len] = '\0';
    return out;
}

static void phones_are_found_and_cleaned(void **state)
{
    (void)state;
    assert_string_equal(phone("电话138 0013 8000，谢谢"), "13800138000");
    assert_string_equal(phone("call +44 7700-900123"), "+447700900123");
    assert_null(phone("order 12345678901"));
    assert_null(phone("1380013800"));
    assert_null(phone("138001380001"));
    assert_null(phone(""));
    assert_null(phone("+"));
}

static void id_cards_need_their_check_digit_and_a_date(void **state)
{
    char out[19];

    (void)state;
    assert_true(flow_read_id_card(slice_of("身份证11010519491231002x。"), out));
    assert_string_equal(out, "11010519491231002X");
    assert_false(flow_read_id_card(slice_of("110105194912310021"), out));
    assert_false(flow_read_id_card(slice_of("11010519491331002X"), out));
    assert_false(flow_read_id_card(slice_of("211010519491231002X"), out));
}

static const char *date(const char *text)
{
    static struct buf out;
    int64_t ms;

    buf_fini(&out);
    buf_init(&out, 64);
    if (!flow_read_date(slice_of(text), &env, &ms))
        return "none";
    flow_add_date(&out, ms, env.utc_offset_minutes);
    buf_add_char(&out, '\0');
    return out.ptr;
}

static void dates_are_read_in_both_languages(void **state)
{
    static const char *const cases[][2] = {
        { "2026-03-05", "2026-03-05" },
        { "2026年3月5日", "2026-03-05" },
        { "3月5号可以吗", "2026-03-05" },
        { "明天", "2026-03-03" },
        { "后天下午", "2026-03-04" },
        { "大后天", "2026-03-05" },
        { "昨天", "2026-03-01" },
        { "周三", "2026-03-04" },
        { "下周三", "2026-03-11" },
        { "星期日", "2026-03-08" },
        { "tomorrow", "2026-03-03" },
        { "next week Friday", "2026-03-13" },
        { "Monday", "2026-03-02" },
        { "5 March 2026", "2026-03-05" },
        { "March 5", "2026-03-05" },
        { "Jan 10", "2026-01-10" },
        { "Jul 1", "2026-07-01" },
        { "12/31", "2026-12-31" },
        { "hello", "none" },
        { "2026-02-30", "none" },
        { "", "none" },
        { "13月1日", "none" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        if (strcmp(date(cases[i][0]), cases[i][1]) != 0)
            fail_msg("%s: %s, expected %s", cases[i][0], date(cases[i][0]), cases[i][1]);
    }
    (void)date("");
}

static void numbers_are_read_in_digits_and_in_chinese(void **state)
{
    static const struct {
        const char *text;
        bool money, asked, found;
        int64_t value;
    } cases[] = {
        { "12", false, true, true, 12 },          { "一百二十三个", false, true, true, 123 },
        { "两千", false, true, true, 2000 },      { "十五", false, true, true, 15 },
        { "三万五千", false, true, true, 35000 }, { "1,299元", true, false, true, 1299 },
        { "about 30", true, false, false, 0 },    { "-4", false, true, true, -4 },
        { "none", false, true, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int64_t number = 0;
        bool found =
            flow_read_number(slice_of(cases[i].text), cases[i].money, cases[i].asked, &number);

        assert_int_equal(found, cases[i].found);
        if (found && number != cases[i].value * EXPR_ONE)
            fail_msg("%s: %ld", cases[i].text, (long)number);
    }
}

/* ---- slots of a compiled flow ---- */
static struct flow *flow_of(const char *slots)
{
    char source[4096];
    struct flow *flow = NULL;
    static struct flow_report report;

    flow_report_init(&report);
    snprintf(source, sizeof(source),
             "flow: x\nversion: 1\nlocales: [zh-CN, en]\nslots:\n%s"
             "texts: {r.damaged: {zh-CN: 商品破损, en: Damaged}, r.late: {zh-CN: 迟到, en: Late}}\n"
             "states: {a: {end: done}}\n",
             slots);
    flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
    if (flow == NULL)
        fail_msg("%s", report.findings[0].text);
    return flow;
}

static const char *slot_value(const struct flow *flow, const char *slot, const char *text)
{
    static char out[FLOW_VALUE_BYTES_MAX + 1];
    struct flow_reading reading;
    struct flow_value value;

    flow_reading_init(&reading, slice_of(text));
    if (!flow_read_slot(flow, flow_slot_def(flow, flow_slot_find(flow, slice_of(slot))), &reading,
                        &env, &value))
        return "none";
    memcpy(out, value.bytes, value.len);
    out[value.len] = '\0';
    return out;
}

static void enums_are_found_by_words_labels_and_numbers(void **state)
{
    struct flow *flow = flow_of("  r: {type: enum, values: {damaged: [摔坏], late: []}}\n");

    (void)state;
    assert_string_equal(slot_value(flow, "r", "我要退货，杯子碎了"), "damaged");
    assert_string_equal(slot_value(flow, "r", "摔坏了"), "damaged");
    assert_string_equal(slot_value(flow, "r", "商品破损"), "damaged");
    assert_string_equal(slot_value(flow, "r", "it came LATE"), "late");
    assert_string_equal(slot_value(flow, "r", "2"), "late");
    assert_string_equal(slot_value(flow, "r", "３"), "none");
    assert_string_equal(slot_value(flow, "r", "it is not late"), "none");
    assert_string_equal(slot_value(flow, "r", "translated"), "none");
    assert_string_equal(slot_value(flow, "r", "hello"), "none");
    flow_destroy(&flow);
}

static void patterns_find_their_token_in_a_sentence(void **state)
{
    struct flow *flow = flow_of("  o: {type: text, pattern: \"^[A-Z]{2}[0-9]{10}$\"}\n"
                                "  n: {type: order_no}\n"
                                "  e: {type: email}\n"
                                "  t: {type: text, min: 2, max: 5}\n"
                                "  d: {type: date, min: 0, max: 7}\n"
                                "  k: {type: number, min: 1, max: 9}\n"
                                "  u: {type: url}\n"
                                "  b: {type: bool}\n");

    (void)state;
    assert_string_equal(slot_value(flow, "o", "单号是 jd2603010001。"), "JD2603010001");
    assert_string_equal(slot_value(flow, "o", "ＪＤ2603010001"), "JD2603010001");
    assert_string_equal(slot_value(flow, "o", "JD26"), "none");
    assert_string_equal(slot_value(flow, "n", "order A2026-0301 please"), "A2026-0301");
    assert_string_equal(slot_value(flow, "e", "mail: li@example.com."), "li@example.com");
    assert_string_equal(slot_value(flow, "e", "a@b@c.de"), "none");
    assert_string_equal(slot_value(flow, "t", "杯子"), "杯子");
    assert_string_equal(slot_value(flow, "t", "杯"), "none");
    assert_string_equal(slot_value(flow, "t", "杯子杯子杯子"), "none");
    assert_string_equal(slot_value(flow, "d", "昨天"), "none");
    assert_string_not_equal(slot_value(flow, "d", "明天"), "none");
    assert_string_equal(slot_value(flow, "d", "2026-03-10"), "none");
    assert_string_equal(slot_value(flow, "k", "10"), "none");
    assert_string_not_equal(slot_value(flow, "k", "九"), "none");
    assert_string_equal(slot_value(flow, "u", "see https://example.com/x!"),
                        "https://example.com/x!");
    assert_string_equal(slot_value(flow, "b", "maybe"), "none");
    assert_string_equal(slot_value(flow, "b", "好的"), "\x01");
    flow_destroy(&flow);
}

static void phrases_are_whole_messages(void **state)
{
    struct flow_reading reading;

    (void)state;
    flow_reading_init(&reading, slice_of("取消！"));
    assert_int_equal(flow_read_phrase(&reading), FLOW_PHRASE_CANCEL);
    flow_reading_init(&reading, slice_of("不要取消"));
    assert_int_equal(flow_read_phrase(&reading), FLOW_PHRASE_NONE);
    flow_reading_init(&reading, slice_of("Never mind."));
    assert_int_equal(flow_read_phrase(&reading), FLOW_PHRASE_CANCEL);
    flow_reading_init(&reading, slice_of("no, it should be 5"));
    assert_true(flow_read_corrects(&reading));
    flow_reading_init(&reading, slice_of("yes"));
    assert_false(flow_read_corrects(&reading));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phones_are_found_and_cleaned),
        cmocka_unit_test(id_cards_need_their_check_digit_and_a_date),
        cmocka_unit_test(dates_are_read_in_both_languages),
        cmocka_unit_test(numbers_are_read_in_digits_and_in_chinese),
        cmocka_unit_test(enums_are_found_by_words_labels_and_numbers),
        cmocka_unit_test(patterns_find_their_token_in_a_sentence),
        cmocka_unit_test(phrases_are_whole_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
