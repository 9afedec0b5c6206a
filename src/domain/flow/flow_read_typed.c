/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of single types: phone, ID card, date, number. They look for the value inside a message
 * whose full-width characters were made half width. */
#include "flow_read.h"

#include <string.h>

#include "text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- phone ---- */
/* Eleven digits from 1[3-9] (GB: YD/T 1076), or an international number with + (E.164: 8 to 15
 * digits). Blanks and dashes between digits are dropped. */
static size_t phone_run(struct slice text, char *digits, size_t cap, size_t *used)
{
    size_t count = 0;
    size_t at = 0;

    while (at < text.len && count < cap) {
        if (is_digit(text.ptr[at]))
            digits[count++] = text.ptr[at];
        else if (text.ptr[at] != ' ' && text.ptr[at] != '-')
            break;
        at++;
    }
    *used = at;
    return count;
}

bool flow_read_phone(struct slice half, struct slice *out, char *buf, size_t cap)
{
    while (half.len > 0) {
        bool plus = half.ptr[0] == '+';
        size_t used = 1;
        size_t count;

        if (!plus && !is_digit(half.ptr[0])) {
            half = slice_make(half.ptr + 1, half.len - 1);
            continue;
        }
        buf[0] = '+';
        count = phone_run(slice_make(half.ptr + plus, half.len - plus), buf + 1, cap - 2, &used);
        if (plus && count >= 8 && count <= 15) {
            *out = slice_make(buf, count + 1);
            return true;
        }
        if (!plus && count == 11 && buf[1] == '1' && buf[2] >= '3') {
            *out = slice_make(buf + 1, count);
            return true;
        }
        used += plus;
        half = slice_make(half.ptr + used, half.len - used);
    }
    return false;
}

/* ---- ID card ---- */
/* GB 11643-1999: 17 digits and a check character, ISO 7064 MOD 11-2; digits 7 to 14 are the date
 * of birth. */
static bool id_card_valid(const char *digits)
{
    static const int weights[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
    static const char checks[] = "10X98765432";
    char date[11] = "0000-00-00";
    int64_t birth;
    int sum = 0;

    for (int i = 0; i < 17; i++)
        sum += (digits[i] - '0') * weights[i];
    memcpy(date, digits + 6, 4);
    memcpy(date + 5, digits + 10, 2);
    memcpy(date + 8, digits + 12, 2);
    return digits[17] == checks[sum % 11] && digits[0] != '0' &&
           expr_time_parse(slice_make(date, 10), 0, &birth);
}

bool flow_read_id_card(struct slice half, char out[19])
{
    for (size_t at = 0; at + 18 <= half.len; at++) {
        size_t digits = 0;

        if (at > 0 && is_digit(half.ptr[at - 1]))
            continue;
        while (digits < 17 && is_digit(half.ptr[at + digits]))
            digits++;
        if (digits < 17 || (at + 18 < half.len && is_digit(half.ptr[at + 18])))
            continue;
        memcpy(out, half.ptr + at, 18);
        out[18] = '\0';
        if (out[17] == 'x')
            out[17] = 'X';
        if (id_card_valid(out))
            return true;
    }
    return false;
}

/* ---- numbers ---- */
/* 一百二十三, 两千, 十五; false: none. Up to 99,999,999. */
static int zh_digit(uint32_t c)
{
    static const uint32_t digits[] = { 0x96F6, 0x4E00, 0x4E8C, 0x4E09, 0x56DB,
                                       0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D };

    for (int i = 0; i < 10; i++) {
        if (c == digits[i])
            return i;
    }
    return c == 0x4E24 ? 2 : -1; /* 两 */
}

static int64_t zh_unit(uint32_t c)
{
    switch (c) {
    case 0x5341: /* 十 */
        return 10;
    case 0x767E: /* 百 */
        return 100;
    case 0x5343: /* 千 */
        return 1000;
    case 0x4E07: /* 万 */
        return 10000;
    default:
        return 0;
    }
}

static bool zh_number(struct slice text, int64_t *out)
{
    int64_t total = 0;
    int64_t section = 0;
    int64_t digit = -1;
    bool any = false;

    while (text.len > 0) {
        uint32_t c = text_next(&text);
        int64_t unit = zh_unit(c);

        if (zh_digit(c) >= 0) {
            digit = zh_digit(c);
        } else if (unit == 10000) {
            total = (total + section + (digit > 0 ? digit : 0)) * unit;
            section = 0;
            digit = -1;
        } else if (unit > 0) {
            section += (digit < 0 ? 1 : digit) * unit;
            digit = -1;
        } else if (any) {
            break;
        } else {
            continue;
        }
        any = true;
        if (total > 99999999)
            return false;
    }
    *out = (total + section + (digit > 0 ? digit : 0)) * EXPR_ONE;
    return any;
}

/* Digits with an optional fraction; commas between thousands are dropped. */
static size_t number_run(struct slice text, char *out, size_t cap)
{
    size_t at = 0;
    size_t len = 0;

    while (at < text.len && len < cap) {
        char c = text.ptr[at];
        bool point = c == '.' && at + 1 < text.len && is_digit(text.ptr[at + 1]) &&
                     memchr(out, '.', len) == NULL;

        if (is_digit(c) || point)
            out[len++] = c;
        else if (c != ',' || at + 3 >= text.len || !is_digit(text.ptr[at + 1]))
            break;
        at++;
    }
    return len;
}

static bool is_money(struct slice half)
{
    static const char *const signs[] = { "元", "块", "¥", "￥", "$", "rmb", "RMB", "usd", "USD" };

    for (size_t i = 0; i < LENGTH_OF(signs); i++) {
        if (memmem(half.ptr, half.len, signs[i], strlen(signs[i])) != NULL)
            return true;
    }
    return false;
}

bool flow_read_number(struct slice half, bool money, bool asked, int64_t *out)
{
    char digits[24];

    if (!asked && (!money || !is_money(half)))
        return false;
    for (size_t at = 0; at < half.len; at++) {
        bool minus = at > 0 && half.ptr[at - 1] == '-';
        size_t len;

        if (!is_digit(half.ptr[at]))
            continue;
        len = number_run(slice_make(half.ptr + at, half.len - at), digits, sizeof(digits));
        if (!expr_number_parse(slice_make(digits, len), out))
            return false;
        *out = minus ? -*out : *out;
        return true;
    }
    return zh_number(half, out);
}

/* ---- dates ---- */
static bool has(struct slice text, const char *word)
{
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static bool has_word(struct slice text, const char *word)
{
    const char *at = text.ptr;
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= text.len; i++) {
        size_t same = 0;
        while (same < len && (at[i + same] | 0x20) == word[same])
            same++;
        if (same == len)
            return true;
    }
    return false;
}

/* Up to three numbers in a row, with what stands behind each. */
struct date_numbers {
    int value[3];
    const char *behind[3];
    unsigned digits[3];
    unsigned count;
};

static void find_numbers(struct slice half, struct date_numbers *found)
{
    size_t at = 0;

    found->count = 0;
    while (at < half.len && found->count < 3) {
        unsigned digits = 0;
        int value = 0;

        for (; at < half.len && is_digit(half.ptr[at]) && digits < 5; at++, digits++)
            value = value * 10 + (half.ptr[at] - '0');
        if (digits > 0) {
            found->value[found->count] = value;
            found->digits[found->count] = digits;
            found->behind[found->count++] = half.ptr + at;
        } else {
            at++;
        }
    }
}

static bool stands(struct slice half, const char *at, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(half.ptr + half.len - at) >= len && memcmp(at, word, len) == 0;
}

static bool civil_to_ms(int year, int month, int day, const struct flow_read_env *env, int64_t *out)
{
    char text[] = "0000-00-00";

    if (year < 1900 || year > 2999 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    text[0] = (char)('0' + year / 1000);
    text[1] = (char)('0' + year / 100 % 10);
    text[2] = (char)('0' + year / 10 % 10);
    text[3] = (char)('0' + year % 10);
    text[5] = (char)('0' + month / 10);
    text[6] = (char)('0' + month % 10);
    text[8] = (char)('0' + day / 10);
    text[9] = (char)('0' + day % 10);
    return expr_time_parse(slice_make(text, 10), env->utc_offset_minutes, out);
}

enum { DAY_MS = 86400000 };

static int64_t today(const struct flow_read_env *env)
{
    int64_t zone = env->utc_offset_minutes * INT64_C(60000);

    return (env->now_ms + zone) / DAY_MS;
}

static int64_t day_to_ms(int64_t day, const struct flow_read_env *env)
{
    return day * DAY_MS - env->utc_offset_minutes * INT64_C(60000);
}

/* The year of a day in civil time: enough to place "March 5th" in this or the next one. */
static int this_year(const struct flow_read_env *env)
{
    int year = (int)(1970 + today(env) * 400 / 146097);
    int64_t begin;

    if (civil_to_ms(year, 1, 1, env, &begin) && begin > day_to_ms(today(env), env))
        year--;
    return year;
}

/* A month and a day without a year: the next time they come, or the last 180 days. */
static bool near_date(int month, int day, const struct flow_read_env *env, int64_t *out)
{
    int year = this_year(env);

    if (!civil_to_ms(year, month, day, env, out))
        return false;
    if (*out < env->now_ms - INT64_C(180) * DAY_MS)
        return civil_to_ms(year + 1, month, day, env, out);
    return true;
}

static bool numeric_date(struct slice half, const struct flow_read_env *env, int64_t *out)
{
    struct date_numbers n;

    find_numbers(half, &n);
    if (n.count >= 3 && n.digits[0] == 4 &&
        (stands(half, n.behind[0], "-") || stands(half, n.behind[0], "/") ||
         stands(half, n.behind[0], ".") || stands(half, n.behind[0], "年")))
        return civil_to_ms(n.value[0], n.value[1], n.value[2], env, out);
    if (n.count >= 2 && stands(half, n.behind[0], "月"))
        return near_date(n.value[0], n.value[1], env, out);
    if (n.count == 2 && (stands(half, n.behind[0], "/") || stands(half, n.behind[0], "-")))
        return near_date(n.value[0], n.value[1], env, out);
    return false;
}

static int english_month(struct slice half)
{
    static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec" };

    for (int i = 0; i < 12; i++) {
        if (has_word(half, months[i]))
            return i + 1;
    }
    return 0;
}

static bool relative_day(struct slice half, int *days)
{
    static const struct {
        const char *word;
        int days;
    } words[] = {
        { "大后天", 3 },   { "后天", 2 },  { "明天", 1 },
        { "明日", 1 },     { "今天", 0 },  { "今日", 0 },
        { "前天", -2 },    { "昨天", -1 }, { "day after tomorrow", 2 },
        { "tomorrow", 1 }, { "today", 0 }, { "yesterday", -1 },
    };

    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if ((unsigned char)words[i].word[0] < 0x80 ? has_word(half, words[i].word)
                                                   : has(half, words[i].word)) {
            *days = words[i].days;
            return true;
        }
    }
    return false;
}

/* 0: Monday … 6: Sunday; -1: none. */
static int week_day(struct slice half)
{
    static const char *const zh[] = { "周一", "周二", "周三", "周四", "周五", "周六", "周日" };
    static const char *const zh_long[] = { "星期一", "星期二", "星期三", "星期四",
                                           "星期五", "星期六", "星期日" };
    static const char *const en[] = { "monday", "tuesday",  "wednesday", "thursday",
                                      "friday", "saturday", "sunday" };

    for (int i = 0; i < 7; i++) {
        if (has(half, zh[i]) || has(half, zh_long[i]) || has_word(half, en[i]))
            return i;
    }
    return has(half, "周天") || has(half, "星期天") ? 6 : -1;
}

static bool week_date(struct slice half, const struct flow_read_env *env, int64_t *out)
{
    int day = week_day(half);
    int64_t now = today(env);
    int64_t monday = now - (now + 3) % 7; /* 1970-01-01 was a Thursday */
    bool next = has(half, "下周") || has(half, "下星期") || has(half, "下个星期");

    if (day < 0)
        return false;
    if (next || has_word(half, "next week")) {
        *out = day_to_ms(monday + 7 + day, env);
        return true;
    }
    /* "Wednesday", "周三": the next one, today included. */
    *out = day_to_ms(monday + day + (monday + day < now ? 7 : 0), env);
    return true;
}

bool flow_read_date(struct slice half, const struct flow_read_env *env, int64_t *out_ms)
{
    struct date_numbers n;
    int days;
    int month;

    if (numeric_date(half, env, out_ms))
        return true;
    if (relative_day(half, &days)) {
        *out_ms = day_to_ms(today(env) + days, env);
        return true;
    }
    if (week_date(half, env, out_ms))
        return true;
    month = english_month(half);
    find_numbers(half, &n);
    if (month == 0 || n.count == 0)
        return false;
    if (n.count >= 2 && n.digits[1] == 4)
        return civil_to_ms(n.value[1], month, n.value[0], env, out_ms);
    return near_date(month, n.value[0], env, out_ms);
}
