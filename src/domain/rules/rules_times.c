/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_times.h"

#include "check.h"

static struct slice past_blanks(struct slice s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t')) {
        s.ptr++;
        s.len--;
    }
    return s;
}

/* A whole number at the front of *in; false: none, or not in the range. */
static bool take_number(struct slice *in, int64_t low, int64_t high, int64_t *out)
{
    size_t at = 0;

    *out = 0;
    for (; at < in->len && at < 10 && in->ptr[at] >= '0' && in->ptr[at] <= '9'; at++)
        *out = *out * 10 + (in->ptr[at] - '0');
    in->ptr += at;
    in->len -= at;
    return at > 0 && *out >= low && *out <= high;
}

static bool take_text(struct slice *in, const char *text)
{
    struct slice s = slice_of(text);

    if (!slice_starts_with(*in, s))
        return false;
    in->ptr += s.len;
    in->len -= s.len;
    return true;
}

/* Days since 1970-01-01; H. Hinnant, "chrono-compatible low-level date algorithms". */
static int32_t day_number(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t of_era = y % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return (int32_t)(y / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
                     719468);
}

static bool take_day(struct slice *in, int32_t *out)
{
    static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t year;
    int64_t month;
    int64_t day;

    if (!take_number(in, 1970, 9999, &year) || !take_text(in, "-") ||
        !take_number(in, 1, 12, &month) || !take_text(in, "-") ||
        !take_number(in, 1, days[month - 1], &day))
        return false;
    *out = day_number(year, month, day);
    /* 29 February of another year is the day that 1 March is. */
    return month != 2 || day != 29 || day_number(year, 3, 1) != *out;
}

static bool active_read(struct slice *rest, struct rules_times *times)
{
    if (!take_text(rest, "..")) {
        if (!take_day(rest, &times->day_from))
            return false;
        *rest = past_blanks(*rest);
        if (!take_text(rest, ".."))
            return false;
    }
    *rest = past_blanks(*rest);
    return rest->len == 0 || (take_day(rest, &times->day_to) && rest->len == 0);
}

enum err_code rules_active_parse(struct slice value, struct rules_times *times, size_t *at,
                                 struct err *err)
{
    struct slice rest = value;

    times->set = true;
    if (!active_read(&rest, times)) {
        *at = (size_t)(rest.ptr - value.ptr);
        return err_set(err, ERR_INVALID, "active is 2024-11-01 .. 2024-11-12");
    }
    if (times->day_from != RULES_DAY_OPEN && times->day_to != RULES_DAY_OPEN &&
        times->day_from > times->day_to) {
        *at = 0;
        return err_set(err, ERR_INVALID, "active ends before it begins");
    }
    return ERR_OK;
}

static int take_weekday(struct slice *in)
{
    static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

    for (int i = 0; i < (int)LENGTH_OF(names); i++) {
        if (take_text(in, names[i]))
            return i;
    }
    return -1;
}

/* mon-fri, sat,sun */
static bool take_weekdays(struct slice *in, uint8_t *out)
{
    do {
        int first = take_weekday(in);
        int last = first;

        if (first < 0)
            return false;
        if (take_text(in, "-"))
            last = take_weekday(in);
        if (last < 0)
            return false;
        for (int day = first;; day = (day + 1) % 7) {
            *out |= (uint8_t)(1 << day);
            if (day == last)
                break;
        }
    } while (take_text(in, ","));
    return true;
}

static bool take_minute(struct slice *in, uint16_t *out)
{
    int64_t hour;
    int64_t minute;

    if (!take_number(in, 0, 24, &hour) || !take_text(in, ":") || !take_number(in, 0, 59, &minute) ||
        hour * 60 + minute > RULES_DAY_MINUTES)
        return false;
    *out = (uint16_t)(hour * 60 + minute);
    return true;
}

static bool hours_read(struct slice *rest, struct rules_times *times)
{
    bool digit = rest->len > 0 && *rest->ptr >= '0' && *rest->ptr <= '9';

    if (!digit && !take_weekdays(rest, &times->weekdays))
        return false;
    *rest = past_blanks(*rest);
    if (rest->len == 0)
        return !digit;
    return take_minute(rest, &times->minute_from) && take_text(rest, "-") &&
           take_minute(rest, &times->minute_to) && rest->len == 0;
}

enum err_code rules_hours_parse(struct slice value, struct rules_times *times, size_t *at,
                                struct err *err)
{
    struct slice rest = value;

    times->set = true;
    if (hours_read(&rest, times))
        return ERR_OK;
    *at = (size_t)(rest.ptr - value.ptr);
    return err_set(err, ERR_INVALID, "hours are mon-fri 09:00-18:00");
}
