/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "test_malloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "entity.h"

static struct entity_scratch *scratch;
static struct entity_list list;

static int setup(void **state)
{
    (void)state;
    scratch = entity_scratch_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    entity_scratch_destroy(&scratch);
    return 0;
}

/* "kind[text]=value/number" of everything found, separated by blanks. */
static const char *shown(const char *text, const struct entity_options *options)
{
    static char out[1024];
    size_t used = 0;

    out[0] = '\0';
    entity_find(slice_of(text), options, scratch, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct entity *e = &list.items[i];
        int n = snprintf(out + used, sizeof(out) - used, "%s%s[%.*s]", i > 0 ? " " : "",
                         entity_kind_name(e->kind), (int)e->len, text + e->start);

        used += (size_t)n;
        if (e->value.len > 0)
            used += (size_t)snprintf(out + used, sizeof(out) - used, "=%.*s", SLICE_ARGS(e->value));
        if (e->kind == ENTITY_NUMBER || e->kind == ENTITY_MONEY || e->kind == ENTITY_PERCENT)
            used += (size_t)snprintf(out + used, sizeof(out) - used, "/%" PRId64 "e-%u",
                                     e->number.mantissa, e->number.scale);
        if (e->fuzzy)
            used += (size_t)snprintf(out + used, sizeof(out) - used, "~");
    }
    return out;
}

struct example {
    const char *text;
    const char *want;
};

static void check(unsigned kinds, const struct example *examples, size_t count)
{
    /* A Wednesday. */
    const struct entity_options options = { .kinds = kinds, .today = { 2024, 5, 15 } };

    for (size_t i = 0; i < count; i++) {
        const char *got = shown(examples[i].text, &options);

        if (strcmp(got, examples[i].want) != 0)
            fail_msg("'%s': got '%s', want '%s'", examples[i].text, got, examples[i].want);
    }
}

#define CHECK(kinds, examples) check(kinds, examples, sizeof(examples) / sizeof((examples)[0]))

static void phone_numbers_become_e164(void **state)
{
    static const struct example examples[] = {
        { "电话13812345678谢谢", "phone[13812345678]=+8613812345678" },
        { "138 1234 5678", "phone[138 1234 5678]=+8613812345678" },
        { "１３８-1234-5678", "phone[１３８-1234-5678]=+8613812345678" },
        { "+86 138 1234 5678", "phone[+86 138 1234 5678]=+8613812345678" },
        { "008613812345678", "phone[008613812345678]=+8613812345678" },
        { "座机010-88886666转801", "phone[010-88886666转801]=+861088886666;ext=801" },
        { "(0571) 8765 4321", "phone[(0571) 8765 4321]=+8657187654321" },
        { "打400-820-8820", "phone[400-820-8820]=+864008208820" },
        { "+1 (415) 555-0123 ext. 9", "phone[+1 (415) 555-0123 ext. 9]=+14155550123;ext=9" },
        { "+44 20 7946 0958", "phone[+44 20 7946 0958]=+442079460958" },
        { "13812345678 12", "phone[13812345678]=+8613812345678" },
        { "12812345678", "" },
        { "138123456789", "" },
        { "order 1234567", "" },
        { "+861381234567", "" },
    };
    const struct entity_options us = { .kinds = 1 << ENTITY_PHONE, .calling_code = 1 };

    (void)state;
    CHECK(1 << ENTITY_PHONE, examples);
    assert_string_equal(shown("call (415) 555-0123", &us), "phone[(415) 555-0123]=+14155550123");
    assert_string_equal(shown("call 4155550123", &us), "");
}

static void addresses_are_found_whole(void **state)
{
    static const struct example examples[] = {
        { "Mail Me@Example.COM.", "email[Me@Example.COM]=me@example.com" },
        { "邮箱a.b+c@shop.example.cn谢谢", "email[a.b+c@shop.example.cn]=a.b+c@shop.example.cn" },
        { "x@y", "" },
        { ".a@b.cn", "email[a@b.cn]=a@b.cn" },
        { "a@b..cn", "" },
        { "a@-b.cn", "" },
        { "a@b.c1", "" },
        { "see HTTPS://Shop.cn/Path?Q=1, ok",
          "url[HTTPS://Shop.cn/Path?Q=1]=HTTPS://Shop.cn/Path?Q=1" },
        { "www.x.cn。", "url[www.x.cn]=www.x.cn" },
        { "http:// www.", "" },
    };

    (void)state;
    CHECK(1 << ENTITY_EMAIL | 1 << ENTITY_URL, examples);
}

static void id_cards_need_a_right_check_digit_and_date(void **state)
{
    static const struct example examples[] = {
        { "身份证11010519491231002X", "id_card[11010519491231002X]=11010519491231002X" },
        { "440524188001010014", "" },
        { "11010519491231002x!", "id_card[11010519491231002x]=11010519491231002X" },
        { "110105194912310021", "" },
        { "110105194913310020", "" },
        { "990105194912310021", "" },
        { "11010519491231002X1", "" },
    };

    (void)state;
    CHECK(1 << ENTITY_ID_CARD, examples);
}

static void parcels_and_orders_are_told_apart(void **state)
{
    static const struct example examples[] = {
        { "RR473124829SE", "tracking[RR473124829SE]=RR473124829SE" },
        { "RR473124828SE", "order[RR473124828SE]=RR473124828SE" },
        { "1Z999AA10123456784", "tracking[1Z999AA10123456784]=1Z999AA10123456784" },
        { "sf1234567890123", "tracking[sf1234567890123]=SF1234567890123" },
        { "订单kf20240101001没到", "order[kf20240101001]=KF20240101001" },
        { "112-1234567-1234567", "order[112-1234567-1234567]=112-1234567-1234567" },
        { "iphone15 b2b covid19", "" },
        { "12345678", "" },
        { "123456789", "order[123456789]=123456789" },
    };
    static const struct slice shapes[] = { SLICE_LITERAL("KF-####"), SLICE_LITERAL("@@##") };
    const struct entity_options shaped = { .kinds = 1 << ENTITY_ORDER,
                                           .order_shapes = shapes,
                                           .order_shape_count = 2 };

    (void)state;
    CHECK(1 << ENTITY_ORDER | 1 << ENTITY_TRACKING, examples);
    assert_string_equal(shown("kf-2024 ab12 123456789 kf-20245", &shaped),
                        "order[kf-2024]=KF-2024 order[ab12]=AB12");
}

static void numbers_are_read_in_figures_and_both_languages(void **state)
{
    static const struct example examples[] = {
        { "3 1,200.50 -7 2.5万", "number[3]/3e-0 number[1,200.50]/120050e-2 number[-7]/-7e-0 "
                                 "number[2.5万]/25000e-0" },
        { "一百二十个", "number[一百二十]/120e-0" },
        { "两万三", "number[两万三]/23000e-0" },
        { "三千五百零七", "number[三千五百零七]/3507e-0" },
        { "一万零三", "number[一万零三]/10003e-0" },
        { "十二亿", "number[十二亿]/1200000000e-0" },
        { "叁佰元", "number[叁佰]/300e-0" },
        { "三点五公斤", "number[三点五]/35e-1" },
        { "二〇二四", "number[二〇二四]/2024e-0" },
        { "等一下，一样的，一起", "" },
        { "要两个", "number[两]/2e-0" },
        { "one hundred and twenty-five items", "number[one hundred and twenty-five]/125e-0" },
        { "two thousand three hundred", "number[two thousand three hundred]/2300e-0" },
        { "a hundred and five", "number[a hundred and five]/105e-0" },
        { "twenty one", "number[twenty one]/21e-0" },
        { "five six", "number[five]/5e-0 number[six]/6e-0" },
        { "often mp3", "" },
        { "12345678901234567890", "" },
        { "20% 百分之五", "percent[20%]/20e-0 percent[百分之五]/5e-0" },
        { "九百九十九万亿亿亿亿", "" },
    };

    (void)state;
    CHECK(1 << ENTITY_NUMBER | 1 << ENTITY_PERCENT, examples);
}

static void amounts_have_a_currency(void **state)
{
    static const struct example examples[] = {
        { "￥12.50", "money[￥12.50]=CNY/1250e-2" },
        { "20元", "money[20元]=CNY/20e-0" },
        { "三块五", "money[三块五]=CNY/35e-1" },
        { "12元5角", "money[12元5角]=CNY/125e-1" },
        { "1.5万元", "money[1.5万元]=CNY/15000e-0" },
        { "一百二十块钱", "money[一百二十块钱]=CNY/120e-0" },
        { "US$3 or 20 dollars", "money[US$3]=USD/3e-0 money[20 dollars]=USD/20e-0" },
        { "rmb20 20rmb", "money[rmb20]=CNY/20e-0 money[20rmb]=CNY/20e-0" },
        { "€ 9.99", "money[€ 9.99]=EUR/999e-2" },
        { "20 apples $ x", "" },
    };

    (void)state;
    CHECK(1 << ENTITY_MONEY, examples);
}

static void dates_count_from_the_given_day(void **state)
{
    static const struct example examples[] = {
        { "2024-05-01", "date[2024-05-01]=2024-05-01" },
        { "2024/2/29 2023/2/29", "date[2024/2/29]=2024-02-29" },
        { "5/20/2024", "date[5/20/2024]=2024-05-20" },
        { "2024年5月1日", "date[2024年5月1日]=2024-05-01" },
        { "二〇二四年五月一号", "date[二〇二四年五月一号]=2024-05-01" },
        { "5月20号", "date[5月20号]=2024-05-20" },
        { "5月1日", "date[5月1日]=2025-05-01" },
        { "十二月二十五", "date[十二月二十五]=2024-12-25" },
        { "20号", "date[20号]=2024-05-20" },
        { "3号", "date[3号]=2024-06-03" },
        { "下个月5号", "date[下个月5号]=2024-06-05" },
        { "今天 明天 后天 大后天 昨天", "date[今天]=2024-05-15 date[明天]=2024-05-16 "
                                        "date[后天]=2024-05-17 date[大后天]=2024-05-18 "
                                        "date[昨天]=2024-05-14" },
        { "周三 周一 这周一 下周三 上周日 星期天 下礼拜五",
          "date[周三]=2024-05-15 date[周一]=2024-05-20 date[这周一]=2024-05-13 "
          "date[下周三]=2024-05-22 date[上周日]=2024-05-12 date[星期天]=2024-05-19 "
          "date[下礼拜五]=2024-05-24" },
        { "三天后 2周前", "date[三天后]=2024-05-18 date[2周前]=2024-05-01" },
        { "next Wed, this friday", "date[next Wed]=2024-05-22 date[this friday]=2024-05-17" },
        { "on Monday", "date[Monday]=2024-05-20" },
        { "in 3 days", "date[in 3 days]=2024-05-18" },
        { "two weeks ago", "date[two weeks ago]=2024-05-01" },
        { "the day after tomorrow", "date[the day after tomorrow]=2024-05-17" },
        { "May 20th", "date[May 20th]=2024-05-20" },
        { "1 Jan 2025", "date[1 Jan 2025]=2025-01-01" },
        { "Feb. 29", "date[Feb. 29]=2028-02-29" },
        { "1st of june, 2024", "date[1st of june, 2024]=2024-06-01" },
        { "may I ask the 3 next monkeys", "" },
        { "2月30日 13月1日 2024-13-01 2101-01-01", "" },
    };
    const struct entity_options no_today = { .kinds = 1 << ENTITY_DATE };
    const struct entity_options day_first = { .kinds = 1 << ENTITY_DATE, .day_first = true };

    (void)state;
    CHECK(1 << ENTITY_DATE, examples);
    assert_string_equal(shown("tomorrow 5月1日 2024年5月1日", &no_today),
                        "date[2024年5月1日]=2024-05-01");
    assert_string_equal(shown("5/1/2024", &day_first), "date[5/1/2024]=2024-01-05");
}

static void days_depend_on_the_time_zone(void **state)
{
    struct entity_day utc = entity_day_at(1715788799, 0);        /* 2024-05-15 15:59:59 UTC */
    struct entity_day china = entity_day_at(1715788800, 8 * 60); /* one second later there */
    struct entity_day past = entity_day_at(-1, 0);

    (void)state;
    assert_int_equal(utc.day, 15);
    assert_int_equal(china.day, 16);
    assert_true(past.year == 1969 && past.month == 12 && past.day == 31);
}

static void the_longest_wins_and_kinds_can_be_chosen(void **state)
{
    static const struct example all[] = {
        { "订单KF20240101001，电话13812345678，赔我20元，明天到",
          "order[KF20240101001]=KF20240101001 phone[13812345678]=+8613812345678 "
          "money[20元]=CNY/20e-0 date[明天]=2024-05-16" },
        { "11010519491231002X", "id_card[11010519491231002X]=11010519491231002X" },
    };
    static const struct example numbers[] = { { "13812345678",
                                                "number[13812345678]/13812345678e-0" } };

    (void)state;
    CHECK(ENTITY_ALL, all);
    CHECK(1 << ENTITY_NUMBER, numbers);
}

static struct entity_lookup *lookup_of(const struct entity_lookup_entry *entries, size_t count)
{
    struct entity_lookup *lookup = NULL;

    assert_int_equal(entity_lookup_create(entries, count, &lookup, NULL), ERR_OK);
    return lookup;
}

static void names_are_found_with_one_error(void **state)
{
    static const struct entity_lookup_entry entries[] = {
        { SLICE_LITERAL("北京"), SLICE_LITERAL("BJ") },
        { SLICE_LITERAL("帝都"), SLICE_LITERAL("BJ") },
        { SLICE_LITERAL("中国工商银行"), SLICE_EMPTY },
        { SLICE_LITERAL("Blue Tent"), SLICE_LITERAL("tent-1") },
        { SLICE_LITERAL("tent"), SLICE_LITERAL("tent-0") },
        { SLICE_LITERAL("blue tent"), SLICE_LITERAL("second") },
    };
    static const struct example examples[] = {
        { "去北京帝都", "lookup[北京]=BJ lookup[帝都]=BJ" },
        { "中國工商銀行", "lookup[中國工商銀行]=中国工商银行" },
        { "中国工尚银行", "lookup[中国工尚银行]=中国工商银行~" },
        { "中国工银行", "lookup[中国工银行]=中国工商银行~" },
        { "那中国工商大银行", "lookup[中国工商大银行]=中国工商银行~" },
        { "中国工商行银", "lookup[中国工商行银]=中国工商银行~" },
        { "中国商工行银", "" },
        { "a BLUE  TENT.", "lookup[BLUE  TENT]=tent-1" },
        { "bleu tent", "lookup[bleu tent]=tent-1~" },
        { "blue tents", "lookup[blue tents]=tent-1~" },
        { "tents", "" },
        { "北平", "" },
    };
    struct entity_lookup *lookup = lookup_of(entries, sizeof(entries) / sizeof(entries[0]));
    const struct entity_options options = { .kinds = ENTITY_ALL,
                                            .lookups = (const struct entity_lookup *const *)&lookup,
                                            .lookup_count = 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        assert_string_equal(shown(examples[i].text, &options), examples[i].want);
    entity_lookup_destroy(&lookup);
    assert_null(lookup);
}

static void bad_lists_are_named(void **state)
{
    char text[ENTITY_LOOKUP_CHARS_MAX + 2];
    struct entity_lookup_entry entries[2] = { { SLICE_LITERAL("ok"), SLICE_EMPTY },
                                              { { text, ENTITY_LOOKUP_CHARS_MAX }, SLICE_EMPTY } };
    struct entity_lookup *lookup = NULL;
    struct err err = { 0 };

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(entity_lookup_create(entries, 2, &lookup, &err), ERR_OK);
    entity_lookup_destroy(&lookup);
    entries[1].text.len++;
    assert_int_equal(entity_lookup_create(entries, 2, &lookup, &err), ERR_INVALID);
    assert_string_equal(err.field, "entries[1]");
    entries[1].text = SLICE_LITERAL(" \t");
    assert_int_equal(entity_lookup_create(entries, 2, &lookup, &err), ERR_INVALID);
    assert_int_equal(entity_lookup_create(entries, ENTITY_LOOKUP_ENTRIES_MAX + 1, &lookup, &err),
                     ERR_TOO_BIG);
    assert_null(lookup);
}

static void a_hundred_thousand_names_are_told_apart(void **state)
{
    enum {
        COUNT = 100000,
        BYTES = 24,
    };
    char(*names)[BYTES] = malloc((size_t)COUNT * BYTES);
    struct entity_lookup_entry *entries = malloc(COUNT * sizeof(*entries));
    struct entity_lookup *lookup;
    struct entity_options options = { .kinds = 1 << ENTITY_LOOKUP, .lookup_count = 1 };

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(names[i], BYTES, "product %08x", i * 2654435761u);
        entries[i] = (struct entity_lookup_entry){ slice_of(names[i]), SLICE_EMPTY };
    }
    lookup = lookup_of(entries, COUNT);
    options.lookups = (const struct entity_lookup *const *)&lookup;
    for (unsigned i = 0; i < COUNT; i += 97) {
        entity_find(slice_of(names[i]), &options, scratch, &list);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.items[0].entry, i);
        names[i][2] = 'x'; /* an error far from what tells them apart */
        entity_find(slice_of(names[i]), &options, scratch, &list);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.items[0].entry, i);
        assert_true(list.items[0].fuzzy);
    }
    assert_true(entity_lookup_bytes(lookup) < 64u << 20);
    entity_lookup_destroy(&lookup);
    free(entries);
    free(names);
}

static void a_full_list_stops(void **state)
{
    static char text[(ENTITY_FOUND_MAX + 1) * 2 + 1];
    const struct entity_options options = { .kinds = 1 << ENTITY_NUMBER };

    (void)state;
    for (size_t i = 0; i < ENTITY_FOUND_MAX + 1; i++)
        memcpy(text + 2 * i, "7 ", 2);
    entity_find(slice_make(text, 2 * ENTITY_FOUND_MAX), &options, scratch, &list);
    assert_int_equal(list.count, ENTITY_FOUND_MAX);
    entity_find(slice_of(text), &options, scratch, &list);
    assert_int_equal(list.count, ENTITY_FOUND_MAX);
}

static void nothing_is_allocated_per_message(void **state)
{
    static const struct entity_lookup_entry entries[] = { { SLICE_LITERAL("蓝色帐篷两件套"),
                                                            SLICE_EMPTY } };
    struct entity_lookup *lookup = lookup_of(entries, 1);
    const struct entity_options options = { .kinds = ENTITY_ALL,
                                            .today = { 2024, 5, 15 },
                                            .lookups = (const struct entity_lookup *const *)&lookup,
                                            .lookup_count = 1 };

    (void)state;
    if (!test_malloc_begin()) {
        entity_lookup_destroy(&lookup);
        skip();
    }
    entity_find(SLICE_LITERAL("订单KF20240101001的蓝色帐蓬两件套，13812345678，20元，明天"),
                &options, scratch, &list);
    assert_int_equal(test_malloc_end(), 0);
    assert_int_equal(list.count, 5);
    entity_lookup_destroy(&lookup);
}

static void hostile_text_costs_linear_time(void **state)
{
    static const char *const pieces[] = { "a",  "一",   "亿",   "1 ",   "1-", "a-", "a.",
                                          "a@", "(",    "www.", "two ", "2/", "周", "下",
                                          "+1", "中国", "\xff", "in ",  "$" };
    static const struct entity_lookup_entry entries[] = {
        { SLICE_LITERAL(
              "中国中国中国中国中国中国中国中国中国中国中国中国中国中国中国中国中国中国中国中北"),
          SLICE_EMPTY },
        { SLICE_LITERAL("一一一一一一一一一一一二"), SLICE_EMPTY },
    };
    struct entity_lookup *lookup = lookup_of(entries, 2);
    const struct entity_options options = { .kinds = ENTITY_ALL,
                                            .today = { 2024, 5, 15 },
                                            .lookups = (const struct entity_lookup *const *)&lookup,
                                            .lookup_count = 1 };
    static char text[64 * 1024];

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        clock_t start;
        double ms;

        for (size_t b = 0; b < sizeof(text); b++)
            text[b] = pieces[i][b % strlen(pieces[i])];
        start = clock();
        entity_find(slice_make(text, sizeof(text)), &options, scratch, &list);
        ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        if (ms > 500) /* quadratic work on 16 KiB would be tens of seconds under the sanitizers */
            fail_msg("'%s' repeated took %.0f ms", pieces[i], ms);
    }
    entity_lookup_destroy(&lookup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phone_numbers_become_e164),
        cmocka_unit_test(addresses_are_found_whole),
        cmocka_unit_test(id_cards_need_a_right_check_digit_and_date),
        cmocka_unit_test(parcels_and_orders_are_told_apart),
        cmocka_unit_test(numbers_are_read_in_figures_and_both_languages),
        cmocka_unit_test(amounts_have_a_currency),
        cmocka_unit_test(dates_count_from_the_given_day),
        cmocka_unit_test(days_depend_on_the_time_zone),
        cmocka_unit_test(the_longest_wins_and_kinds_can_be_chosen),
        cmocka_unit_test(names_are_found_with_one_error),
        cmocka_unit_test(bad_lists_are_named),
        cmocka_unit_test(a_hundred_thousand_names_are_told_apart),
        cmocka_unit_test(a_full_list_stops),
        cmocka_unit_test(nothing_is_allocated_per_message),
        cmocka_unit_test(hostile_text_costs_linear_time),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
