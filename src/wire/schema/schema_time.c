/* SPDX-License-Identifier: Apache-2.0 */
/* Days are counted in years that begin in March, so that the leap day is the last one and a month's
 * first day is a linear formula (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#include "schema_time.h"

enum {
    DAYS_PER_ERA = 146097, /* 400 years */
    DAYS_TO_EPOCH = 719468 /* from 0000-03-01 to 1970-01-01 */
};
static const int64_t seconds_per_day = 86400;
static const int64_t seconds_min = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t seconds_max = 253402300799; /* 9999-12-31T23:59:59Z */

/* n digits at *at as a number, or -1; moves on. */
static int take_digits(const char **at, const char *end, int n)
{
    int value = 0;

    if (end - *at < n)
        return -1;
    for (int i = 0; i < n; i++) {
        char c = *(*at)++;

        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

static bool take_char(const char **at, const char *end, char c)
{
    return *at < end && *(*at)++ == c;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

static int64_t days_of(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int m = (month + 9) % 12; /* March is 0 */
    int era = y / 400;
    int year_of_era = y % 400;
    int day_of_year = (153 * m + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static bool take_date(const char **at, const char *end, int64_t *days)
{
    int year = take_digits(at, end, 4);
    bool dashes = take_char(at, end, '-');
    int month = take_digits(at, end, 2);
    int day;

    dashes = take_char(at, end, '-') && dashes;
    day = take_digits(at, end, 2);
    if (!dashes || year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    if (day > days_in_month(year, month))
        return false;
    *days = days_of(year, month, day);
    return true;
}

/* hh:mm within a day. */
static bool take_minutes(const char **at, const char *end, int *minutes)
{
    int hour = take_digits(at, end, 2);
    bool colon = take_char(at, end, ':');
    int minute = take_digits(at, end, 2);

    *minutes = hour * 60 + minute;
    return colon && hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

static bool take_fraction(const char **at, const char *end, int32_t *nanos)
{
    int32_t unit = 100000000;

    *nanos = 0;
    if (*at == end || **at != '.')
        return true;
    for (++*at; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (unit == 0)
            return false;
        *nanos += (**at - '0') * unit;
        unit /= 10;
    }
    return unit < 100000000;
}

static bool take_offset(const char **at, const char *end, int64_t *seconds)
{
    char sign = *at < end ? *(*at)++ : '\0';
    int minutes;

    *seconds = 0;
    if (sign == 'Z')
        return true;
    if ((sign != '+' && sign != '-') || !take_minutes(at, end, &minutes))
        return false;
    *seconds = (sign == '+' ? -1 : 1) * minutes * INT64_C(60);
    return true;
}

bool time_parse(struct slice text, int64_t *seconds, int32_t *nanos)
{
    const char *at = text.ptr;
    const char *end = at + text.len;
    int64_t days;
    int64_t offset;
    int minutes;
    int second;

    if (!take_date(&at, end, &days) || !take_char(&at, end, 'T') ||
        !take_minutes(&at, end, &minutes) || !take_char(&at, end, ':'))
        return false;
    second = take_digits(&at, end, 2);
    if (second < 0 || second > 59 || !take_fraction(&at, end, nanos) ||
        !take_offset(&at, end, &offset) || at != end)
        return false;
    *seconds = days * seconds_per_day + minutes * INT64_C(60) + second + offset;
    return *seconds >= seconds_min && *seconds <= seconds_max;
}

static char *put_digits(char *at, int value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + n;
}

static char *put_date(char *at, int64_t days)
{
    int64_t shifted = days + DAYS_TO_EPOCH; /* not negative: the year is 1 or later */
    int era = (int)(shifted / DAYS_PER_ERA);
    int doe = (int)(shifted % DAYS_PER_ERA);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int m = (5 * doy + 2) / 153; /* March is 0 */
    int day = doy - (153 * m + 2) / 5 + 1;
    int month = m < 10 ? m + 3 : m - 9;

    at = put_digits(at, yoe + era * 400 + (month <= 2), 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    return put_digits(at, day, 2);
}

void time_write(int64_t seconds, int32_t nanos, char out[TIME_TEXT_LEN])
{
    int64_t days;
    int rest;

    if (seconds < seconds_min)
        seconds = seconds_min;
    if (seconds > seconds_max)
        seconds = seconds_max;
    if (nanos < 0 || nanos > 999999999)
        nanos = 0;
    days = seconds / seconds_per_day;
    rest = (int)(seconds % seconds_per_day);
    if (rest < 0) {
        days--;
        rest += (int)seconds_per_day;
    }
    out = put_date(out, days);
    *out++ = 'T';
    out = put_digits(out, rest / 3600, 2);
    *out++ = ':';
    out = put_digits(out, rest / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, rest % 60, 2);
    *out++ = '.';
    out = put_digits(out, nanos / 1000000, 3);
    *out = 'Z';
}
