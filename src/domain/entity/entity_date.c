/* SPDX-License-Identifier: Apache-2.0 */
/* Dates in figures (2024-05-01, 2024年5月1日, 5月1号, 5号), names (明天, next wed, may 1st) and
 * counts (三天后, in 3 days). What they count from is the caller's day, in the visitor's time zone.
 *
 * Weeks begin on Monday. 周三 and "wed" are the next such day, today included; 这周三 and "this
 * wed" are of this week; 下周三 and "next wed" are of the week after it. A day and month without a
 * year are the next such date. */
#include "entity_priv.h"

#include <stdio.h>

#include "check.h"

enum {
    YEAR_MIN = 1900,
    YEAR_MAX = 2100,
    COUNT_MAX = 3660, /* days in "in N days": ten years */
};

/* Days from civil and back: H. Hinnant, "chrono-compatible low-level date algorithms". */
int64_t entity_day_number(struct entity_day day)
{
    int64_t y = day.month <= 2 ? day.year - 1 : day.year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (day.month + (day.month > 2 ? -3 : 9)) + 2) / 5 + day.day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct entity_day entity_day_from(int64_t number)
{
    int64_t z = number + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t mp = (5 * of_year + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);

    return (struct entity_day){ .year = (int)(year + era * 400 + (month <= 2 ? 1 : 0)),
                                .month = month,
                                .day = (int)(of_year - (153 * mp + 2) / 5 + 1) };
}

bool entity_day_valid(struct entity_day day)
{
    struct entity_day back;

    if (day.year < YEAR_MIN || day.year > YEAR_MAX || day.month < 1 || day.month > 12 ||
        day.day < 1 || day.day > 31)
        return false;
    back = entity_day_from(entity_day_number(day));
    return back.day == day.day && back.month == day.month;
}

struct entity_day entity_day_at(int64_t unix_seconds, int offset_minutes)
{
    int64_t local = unix_seconds + (int64_t)offset_minutes * 60;

    return entity_day_from(local >= 0 ? local / 86400 : (local - 86399) / 86400);
}

static size_t found(struct entity_match *m, struct entity_day day, size_t end)
{
    int len;

    if (!entity_day_valid(day))
        return 0;
    len = snprintf(m->value, sizeof(m->value), "%04d-%02d-%02d", day.year, day.month, day.day);
    m->value_len = (size_t)len;
    return end;
}

static size_t found_after(const struct entity_scan *s, struct entity_match *m, int64_t days,
                          size_t end)
{
    if (s->options->today.year == 0)
        return 0;
    return found(m, entity_day_from(entity_day_number(s->options->today) + days), end);
}

/* The next date with that month and day. */
static size_t found_without_year(const struct entity_scan *s, struct entity_match *m, int month,
                                 int day, size_t end)
{
    struct entity_day today = s->options->today;
    struct entity_day date = { today.year, month, day };

    if (today.year == 0)
        return 0;
    if (entity_day_number(date) < entity_day_number(today))
        date.year++;
    if (month == 2 && day == 29) { /* the next leap year is at most eight years away */
        while (!entity_day_valid(date) && date.year <= YEAR_MAX)
            date.year++;
    }
    return found(m, date, end);
}

static size_t char_at(struct slice norm, size_t at, const char *chars)
{
    return at < norm.len && norm.ptr[at] != '\0' && strchr(chars, norm.ptr[at]) != NULL ? at + 1
                                                                                        : 0;
}

static size_t text_at(struct slice norm, size_t at, const char *text)
{
    return at < norm.len && entity_has(norm, at, text) ? at + strlen(text) : 0;
}

/* 2024-5-1, 2024/5/1, 2024.5.1; 1/5/2024 */
static size_t figures_date(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    int64_t part[3];
    size_t end = at;
    char mark = 0;

    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            if (end >= s->norm.len || strchr("-/.", s->norm.ptr[end]) == NULL ||
                s->norm.ptr[end] == '\0' || (mark != 0 && s->norm.ptr[end] != mark))
                return 0;
            mark = s->norm.ptr[end++];
        }
        if (end >= s->norm.len || !entity_is_digit(s->norm.ptr[end]))
            return 0;
        end = entity_whole_at(s->norm, end, 1, YEAR_MAX, &part[i]);
        if (end == 0)
            return 0;
    }
    if (!entity_ends(s->norm, end))
        return 0;
    if (part[0] >= YEAR_MIN)
        return found(m, (struct entity_day){ (int)part[0], (int)part[1], (int)part[2] }, end);
    if (s->options->day_first)
        return found(m, (struct entity_day){ (int)part[2], (int)part[1], (int)part[0] }, end);
    return found(m, (struct entity_day){ (int)part[2], (int)part[0], (int)part[1] }, end);
}

/* 日 or 号, which a day needs when no month stands before it. */
static size_t day_mark(struct slice norm, size_t at)
{
    size_t end = text_at(norm, at, "日");

    return end != 0 ? end : text_at(norm, at, "号");
}

/* Chinese figures may give a year digit by digit (二〇二四年), which reads as one number. */
static size_t chinese_date(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    static const struct entity_word months_ahead[] = {
        { "下个月", 1 }, { "下月", 1 }, { "这个月", 0 }, { "本月", 0 }, { "上个月", -1 },
    };
    struct entity_day today = s->options->today;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day;
    int ahead = 0;
    size_t place = entity_word_at(s->norm, at, months_ahead, LENGTH_OF(months_ahead), &ahead);
    size_t end;

    if (place != 0) {
        int month_index = today.year * 12 + today.month - 1 + ahead;

        if (today.year == 0)
            return 0;
        year = month_index / 12;
        month = month_index % 12 + 1;
    } else {
        size_t number = entity_whole_at(s->norm, at, 1, YEAR_MAX, &year);

        place = number != 0 ? text_at(s->norm, number, "年") : 0;
        if (place == 0) {
            place = at;
            year = 0;
        } else if (year < 100) {
            year += 2000;
        }
        number = entity_whole_at(s->norm, place, 1, 12, &month);
        end = number != 0 ? text_at(s->norm, number, "月") : 0;
        if (end == 0 && year != 0)
            return 0;
        place = end != 0 ? end : place;
        month = end != 0 ? month : 0;
    }
    end = entity_whole_at(s->norm, place, 1, 31, &day);
    if (end == 0)
        return 0;
    place = day_mark(s->norm, end);
    if (place == 0 && month == 0)
        return 0;
    end = place != 0 ? place : end;
    if (year != 0)
        return found(m, (struct entity_day){ (int)year, (int)month, (int)day }, end);
    if (month != 0)
        return found_without_year(s, m, (int)month, (int)day, end);
    if (today.year == 0 || (at >= strlen("月") && entity_has(s->norm, at - strlen("月"), "月")))
        return 0; /* the day of a month that did not make a date */
    month = today.month + (day < today.day ? 1 : 0);
    return month > 12 ? found(m, (struct entity_day){ today.year + 1, 1, (int)day }, end)
                      : found(m, (struct entity_day){ today.year, (int)month, (int)day }, end);
}

static const struct entity_word near_days[] = {
    { "今天", 0 },
    { "今日", 0 },
    { "明天", 1 },
    { "明日", 1 },
    { "后天", 2 },
    { "大后天", 3 },
    { "昨天", -1 },
    { "昨日", -1 },
    { "前天", -2 },
    { "大前天", -3 },
    { "today", 0 },
    { "tomorrow", 1 },
    { "yesterday", -1 },
    { "day after tomorrow", 2 },
    { "the day after tomorrow", 2 },
    { "day before yesterday", -2 },
    { "the day before yesterday", -2 },
};

enum { WEEK_NONE = 99 };

static const struct entity_word week_words[] = {
    { "下周", 1 },         { "下星期", 1 },       { "下个星期", 1 }, { "下礼拜", 1 },
    { "下个礼拜", 1 },     { "下下周", 2 },       { "这周", 0 },     { "本周", 0 },
    { "这星期", 0 },       { "这个星期", 0 },     { "这礼拜", 0 },   { "上周", -1 },
    { "上星期", -1 },      { "上个星期", -1 },    { "上礼拜", -1 },  { "周", WEEK_NONE },
    { "星期", WEEK_NONE }, { "礼拜", WEEK_NONE }, { "next", 1 },     { "this", 0 },
    { "last", -1 },
};

static const struct entity_word week_days[] = {
    { "一", 0 },      { "二", 1 },        { "三", 2 },       { "四", 3 },     { "五", 4 },
    { "六", 5 },      { "日", 6 },        { "天", 6 },       { "末", 5 },     { "monday", 0 },
    { "tuesday", 1 }, { "wednesday", 2 }, { "thursday", 3 }, { "friday", 4 }, { "saturday", 5 },
    { "sunday", 6 },  { "mon", 0 },       { "tue", 1 },      { "tues", 1 },   { "wed", 2 },
    { "thu", 3 },     { "thur", 3 },      { "thurs", 3 },    { "fri", 4 },    { "sat", 5 },
    { "sun", 6 },
};

static size_t week_date(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    int week = WEEK_NONE;
    int day = 0;
    size_t place = entity_word_at(s->norm, at, week_words, LENGTH_OF(week_words), &week);
    bool english = entity_is_letter(s->norm.ptr[at]);
    int64_t today;
    int today_of_week;
    size_t end;

    if (s->options->today.year == 0 || (!english && place == 0))
        return 0;
    if (english && place != 0)
        place = char_at(s->norm, place, " ");
    else if (place == 0)
        place = at;
    if (place == 0 || place >= s->norm.len || entity_is_letter(s->norm.ptr[place]) != english)
        return 0;
    end = entity_word_at(s->norm, place, week_days, LENGTH_OF(week_days), &day);
    if (end == 0)
        return 0;
    today = entity_day_number(s->options->today);
    today_of_week = (int)((today + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    if (week == WEEK_NONE)
        return found_after(s, m, (day - today_of_week + 7) % 7, end);
    return found_after(s, m, week * 7 + day - today_of_week, end);
}

/* 三天后, 2周前, in 3 days, 3 days ago, two weeks from now */
static size_t counted_date(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    static const struct entity_word units[] = { { "天", 1 },     { "日", 1 },    { "周", 7 },
                                                { "个星期", 7 }, { "星期", 7 },  { "days", 1 },
                                                { "day", 1 },    { "weeks", 7 }, { "week", 7 } };
    static const struct entity_word ways[] = { { "后", 1 },   { "以后", 1 },     { "之后", 1 },
                                               { "前", -1 },  { "以前", -1 },    { "之前", -1 },
                                               { "ago", -1 }, { "from now", 1 }, { "later", 1 } };
    bool in = entity_has(s->norm, at, "in ");
    size_t place = in ? at + 3 : at;
    int64_t count;
    int unit = 0;
    int way = 1;
    size_t end = entity_whole_at(s->norm, place, 1, COUNT_MAX, &count);

    if (end == 0)
        return 0;
    end = entity_skip_blank(s->norm, end);
    if (end >= s->norm.len)
        return 0;
    end = entity_word_at(s->norm, end, units, LENGTH_OF(units), &unit);
    if (end == 0)
        return 0;
    if (!in) {
        end = entity_skip_blank(s->norm, end);
        if (end >= s->norm.len)
            return 0;
        end = entity_word_at(s->norm, end, ways, LENGTH_OF(ways), &way);
        if (end == 0)
            return 0;
    }
    return found_after(s, m, count * unit * way, end);
}

static const struct entity_word month_words[] = {
    { "january", 1 },   { "february", 2 },  { "march", 3 },  { "april", 4 },     { "may", 5 },
    { "june", 6 },      { "july", 7 },      { "august", 8 }, { "september", 9 }, { "october", 10 },
    { "november", 11 }, { "december", 12 }, { "jan", 1 },    { "feb", 2 },       { "mar", 3 },
    { "apr", 4 },       { "jun", 6 },       { "jul", 7 },    { "aug", 8 },       { "sep", 9 },
    { "sept", 9 },      { "oct", 10 },      { "nov", 11 },   { "dec", 12 },
};

static size_t ordinal_day(struct slice norm, size_t at, int *day)
{
    static const char *const tails[] = { "st", "nd", "rd", "th" };
    size_t end = at;

    *day = 0;
    while (end < norm.len && end - at < 2 && entity_is_digit(norm.ptr[end]))
        *day = *day * 10 + (norm.ptr[end++] - '0');
    for (size_t i = 0; end > at && i < LENGTH_OF(tails) && end < norm.len; i++) {
        if (entity_has(norm, end, tails[i])) {
            end += 2;
            break;
        }
    }
    return end > at && entity_ends(norm, end) ? end : 0;
}

/* may 1, may 1st 2024, may 1, 2024, 1 may, 1st of may 2024 */
static size_t english_date(const struct entity_scan *s, size_t at, struct entity_match *m)
{
    struct slice norm = s->norm;
    int month = 0;
    int day = 0;
    int64_t year;
    size_t end = entity_word_at(norm, at, month_words, LENGTH_OF(month_words), &month);
    size_t after;

    if (end != 0) {
        end = char_at(norm, char_at(norm, end, ".") != 0 ? end + 1 : end, " ");
        end = end != 0 ? ordinal_day(norm, end, &day) : 0;
    } else if (entity_is_digit(norm.ptr[at])) {
        end = ordinal_day(norm, at, &day);
        end = end != 0 ? char_at(norm, end, " ") : 0;
        if (end != 0 && text_at(norm, end, "of ") != 0)
            end += 3;
        if (end != 0 && end < norm.len)
            end = entity_word_at(norm, end, month_words, LENGTH_OF(month_words), &month);
        else
            end = 0;
    }
    if (end == 0)
        return 0;
    after = char_at(norm, end, ",") != 0 ? end + 1 : end;
    after = char_at(norm, after, " ");
    if (after != 0 && after < norm.len && entity_is_digit(norm.ptr[after])) {
        after = entity_whole_at(norm, after, YEAR_MIN, YEAR_MAX, &year);
        if (after != 0 && entity_ends(norm, after))
            return found(m, (struct entity_day){ (int)year, month, day }, after);
    }
    return found_without_year(s, m, month, day, end);
}

size_t entity_date_at(struct entity_scan *s, size_t at, struct entity_match *m)
{
    static size_t (*const forms[])(const struct entity_scan *, size_t, struct entity_match *) = {
        figures_date, chinese_date, week_date, counted_date, english_date,
    };
    int days = 0;
    size_t end = entity_word_at(s->norm, at, near_days, LENGTH_OF(near_days), &days);

    if (end != 0)
        return found_after(s, m, days, end);
    for (size_t i = 0; i < LENGTH_OF(forms) && end == 0; i++)
        end = forms[i](s, at, m);
    return end;
}
