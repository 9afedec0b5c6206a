/* SPDX-License-Identifier: Apache-2.0 */
#include "route_sim_scenario_priv.h"

bool sim_duration_parse(struct slice text, double *ms)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 3.6e6 }, { "d", 8.64e7 } };
    unsigned long long value;
    size_t digits = 0;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!slice_to_u64(slice_make(text.ptr, digits), &value) || value > UINT32_MAX)
        return false;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (!slice_equal_text(slice_make(text.ptr + digits, text.len - digits), units[i].unit))
            continue;
        *ms = (double)value * units[i].ms;
        return true;
    }
    return false;
}

/* len digits at *at, which moves behind them. */
static bool digits(struct slice text, size_t *at, size_t len, int64_t *out)
{
    unsigned long long value;

    if (*at + len > text.len || !slice_to_u64(slice_make(text.ptr + *at, len), &value))
        return false;
    *at += len;
    *out = (int64_t)value;
    return true;
}

static bool mark(struct slice text, size_t *at, char wanted)
{
    if (*at >= text.len || text.ptr[*at] != wanted)
        return false;
    ++*at;
    return true;
}

/* Days since 1970-01-01 (Hinnant's days_from_civil). */
static int64_t day_number(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year - (month <= 2);
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool zone(struct slice text, size_t *at, int64_t *offset_minutes)
{
    int64_t hours;
    int64_t minutes;
    int64_t sign = 1;

    *offset_minutes = 0;
    if (mark(text, at, 'Z'))
        return true;
    if (!mark(text, at, '+')) {
        if (!mark(text, at, '-'))
            return false;
        sign = -1;
    }
    if (!digits(text, at, 2, &hours) || !mark(text, at, ':') || !digits(text, at, 2, &minutes) ||
        hours > 14 || minutes > 59)
        return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool sim_time_parse(struct slice text, int64_t *ms)
{
    size_t at = 0;
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t offset;

    if (!digits(text, &at, 4, &year) || !mark(text, &at, '-') || !digits(text, &at, 2, &month) ||
        !mark(text, &at, '-') || !digits(text, &at, 2, &day) ||
        !(mark(text, &at, 'T') || mark(text, &at, ' ')) || !digits(text, &at, 2, &hour) ||
        !mark(text, &at, ':') || !digits(text, &at, 2, &minute) || !mark(text, &at, ':') ||
        !digits(text, &at, 2, &second))
        return false;
    if (mark(text, &at, '.')) {
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
            at++;
    }
    if (!zone(text, &at, &offset) || at != text.len || year < 1970 || month < 1 || month > 12 ||
        day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    *ms =
        ((day_number(year, month, day) * 1440 + hour * 60 + minute - offset) * 60 + second) * 1000;
    return *ms >= 0;
}
