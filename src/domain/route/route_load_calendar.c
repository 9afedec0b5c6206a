/* SPDX-License-Identifier: Apache-2.0 */
/* calendars: {shop: {offset: "+08:00", week: {mon-fri: ["09:00-18:00"]}, holidays:
 * ["2026-10-01..2026-10-07"], workdays: ["2026-10-10"], special: {"2026-12-31": ["09:00-12:00"]}}}
 */
#include "route_load_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
    RANGE_DAYS_MAX = 62,          /* of one range of holidays */
    OFFSET_MINUTES_MAX = 14 * 60, /* Kiribati */
};

static const char *const day_names[ROUTE_WEEK_DAYS] = { "mon", "tue", "wed", "thu",
                                                        "fri", "sat", "sun" };

/* ---- small texts ---- */

static bool two_digits(const char *text, unsigned max, unsigned *out)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *out = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return *out <= max;
}

/* "09:30"; "24:00" ends a day. */
static bool minute_of(const char *text, unsigned *out)
{
    unsigned hour;
    unsigned minute;

    if (!two_digits(text, 24, &hour) || text[2] != ':' || !two_digits(text + 3, 59, &minute))
        return false;
    *out = hour * 60 + minute;
    return *out <= ROUTE_DAY_MINUTES;
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 by counting years from March (Hinnant's days_from_civil). */
static int32_t day_number(unsigned year, unsigned month, unsigned day)
{
    int32_t y = (int32_t)year - (month <= 2);
    int32_t era = y / 400;
    int32_t of_era = y - era * 400;
    int32_t of_year = (153 * ((int32_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int32_t)day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-10-01", years 1970 to 2399. */
static bool date_of(struct slice text, int32_t *out)
{
    static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned century;
    unsigned year;
    unsigned month;
    unsigned day;

    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !two_digits(text.ptr, 23, &century) || !two_digits(text.ptr + 2, 99, &year) ||
        !two_digits(text.ptr + 5, 12, &month) || !two_digits(text.ptr + 8, 31, &day))
        return false;
    year += century * 100;
    if (year < 1970 || month == 0 || day == 0 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    *out = day_number(year, month, day);
    return true;
}

static bool day_name_of(struct slice text, unsigned *out)
{
    for (unsigned i = 0; i < ROUTE_WEEK_DAYS; i++) {
        if (slice_equal_text(text, day_names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* ---- spans ---- */

static void read_span(struct route_load *load, unsigned at, void *out)
{
    struct route_day *day = out;
    const char *text;
    unsigned from;
    unsigned to;

    (void)at;
    if (!load_text(load, &text))
        return;
    if (strlen(text) != 11 || text[5] != '-' || !minute_of(text, &from) ||
        !minute_of(text + 6, &to) || from == ROUTE_DAY_MINUTES || from == to) {
        load_error(load, "must be a span such as 09:00-18:00 (22:00-06:00 passes midnight)");
        return;
    }
    if (day->count == ROUTE_DAY_SPANS_MAX) {
        load_error(load, "more than %d spans in a day", ROUTE_DAY_SPANS_MAX);
        return;
    }
    to += to < from ? ROUTE_DAY_MINUTES : 0;
    day->spans[day->count++] = (struct route_span){ (uint16_t)from, (uint16_t)to };
}

/* "mon" or "mon-fri". */
static void read_week_row(struct route_load *load, struct slice key, void *out)
{
    struct route_calendar *calendar = out;
    struct route_day day = { 0 };
    unsigned from;
    unsigned to;
    bool range = key.len == 7 && key.ptr[3] == '-';

    load_list(load, read_span, &day);
    if (!day_name_of(range ? slice_make(key.ptr, 3) : key, &from) ||
        (range && !day_name_of(slice_make(key.ptr + 4, 3), &to))) {
        load_error(load, "must be a day such as mon, or days such as mon-fri");
        return;
    }
    to = range ? to : from;
    if (from > to)
        load_error(load, "days run from mon to sun");
    for (unsigned i = from; i <= to; i++) {
        if (calendar->week[i].count > 0)
            load_error(load, "%s is given twice", day_names[i]);
        calendar->week[i] = day;
    }
}

static void read_week(struct route_load *load, void *out)
{
    load_map(load, read_week_row, out);
}

/* ---- exceptions ---- */

static void add_day(struct route_load *load, struct route_calendar *calendar,
                    const struct route_day *day)
{
    uint32_t at = calendar->day_count;

    while (at > 0 && calendar->days[at - 1].day >= day->day) {
        if (calendar->days[at - 1].day == day->day) {
            load_error(load, "this day has an exception already");
            return;
        }
        at--;
    }
    if (calendar->day_count == ROUTE_CALENDAR_DAYS_MAX) {
        load_error(load, "more than %d days with exceptions", ROUTE_CALENDAR_DAYS_MAX);
        return;
    }
    memmove(&calendar->days[at + 1], &calendar->days[at],
            (calendar->day_count - at) * sizeof(*calendar->days));
    calendar->days[at] = *day;
    calendar->day_count++;
}

/* "2026-10-01" or "2026-10-01..2026-10-07" */
static bool date_range_of(struct route_load *load, const char *text, int32_t *from, int32_t *to)
{
    size_t len = strlen(text);
    bool range = len == 22 && text[10] == '.' && text[11] == '.';

    if (!date_of(slice_make(text, range ? 10 : len), from) ||
        (range && !date_of(slice_make(text + 12, 10), to))) {
        load_error(load, "must be a date such as 2026-10-01, or 2026-10-01..2026-10-07");
        return false;
    }
    *to = range ? *to : *from;
    if (*to < *from || *to - *from >= RANGE_DAYS_MAX) {
        load_error(load, "a range runs forward over at most %d days", RANGE_DAYS_MAX);
        return false;
    }
    return true;
}

static void read_holiday(struct route_load *load, unsigned at, void *out)
{
    const char *text;
    int32_t from;
    int32_t to;

    (void)at;
    if (!load_text(load, &text) || !date_range_of(load, text, &from, &to))
        return;
    for (int32_t day = from; day <= to; day++)
        add_day(load, out, &(struct route_day){ .day = day });
}

static void read_holidays(struct route_load *load, void *out)
{
    load_list(load, read_holiday, out);
}

/* A weekend day that is worked has the hours of a Monday, or of the day named. */
static void add_workday(struct route_load *load, struct route_calendar *calendar, const char *text,
                        unsigned like)
{
    struct route_day day = calendar->week[like];
    int32_t to;

    if (!date_range_of(load, text, &day.day, &to))
        return;
    if (day.count == 0)
        load_error(load, "%s has no hours to work by", day_names[like]);
    for (; day.day <= to; day.day++)
        add_day(load, calendar, &day);
}

static void read_workday(struct route_load *load, unsigned at, void *out)
{
    const char *text;

    (void)at;
    if (load_text(load, &text))
        add_workday(load, out, text, 0);
}

static void read_workday_like(struct route_load *load, struct slice key, void *out)
{
    const char *date = route_pool_text(&load->config->pool, key.ptr, key.len);
    const char *text;
    unsigned like;

    if (date == NULL) {
        load_out_of_memory(load);
        return;
    }
    if (!load_text(load, &text))
        return;
    if (!day_name_of(slice_of(text), &like)) {
        load_error(load, "must be a day such as mon");
        return;
    }
    add_workday(load, out, date, like);
}

static void read_workdays(struct route_load *load, void *out)
{
    if (load_peek(load) == JSON_OBJECT_BEGIN)
        load_map(load, read_workday_like, out);
    else
        load_list(load, read_workday, out);
}

static void read_special_day(struct route_load *load, struct slice key, void *out)
{
    struct route_day day = { 0 };

    load_list(load, read_span, &day);
    if (!date_of(key, &day.day)) {
        load_error(load, "must be a date such as 2026-12-31");
        return;
    }
    add_day(load, out, &day);
}

static void read_special(struct route_load *load, void *out)
{
    load_map(load, read_special_day, out);
}

/* "+08:00" */
static void read_offset(struct route_load *load, void *out)
{
    struct route_calendar *calendar = out;
    const char *text;
    unsigned minutes;

    if (!load_text(load, &text))
        return;
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || !minute_of(text + 1, &minutes) ||
        minutes > OFFSET_MINUTES_MAX) {
        load_error(load, "must be an offset from UTC such as +08:00");
        return;
    }
    calendar->offset_minutes = text[0] == '-' ? -(int32_t)minutes : (int32_t)minutes;
}

/* The week must be known before the workdays that copy it, in whatever order they are written: so
 * the object is read twice, each time by half of the fields. */
static void skip_field(struct route_load *load, void *out)
{
    (void)out;
    load_skip(load);
}

static void read_calendar(struct route_load *load, struct slice key, void *out)
{
    static const struct load_field first[] = {
        { "offset", read_offset },  { "week", read_week },     { "holidays", skip_field },
        { "workdays", skip_field }, { "special", skip_field },
    };
    static const struct load_field second[] = {
        { "offset", skip_field },      { "week", skip_field },      { "holidays", read_holidays },
        { "workdays", read_workdays }, { "special", read_special },
    };
    struct route_config *config = load->config;
    struct json_reader begin = load->reader;
    uint32_t at = load_name(load, ROUTE_KIND_CALENDAR, key);
    struct route_calendar *calendar;
    unsigned errors = load->report->errors;

    (void)out;
    if (at == ROUTE_NONE) {
        load_skip(load);
        return;
    }
    calendar = &config->calendars[at];
    calendar->name = config->names[ROUTE_KIND_CALENDAR].items[at];
    calendar->days =
        route_pool_alloc(&config->pool, ROUTE_CALENDAR_DAYS_MAX, sizeof(*calendar->days));
    if (calendar->days == NULL) {
        load_out_of_memory(load);
        return;
    }
    load_fields(load, first, LENGTH_OF(first), calendar);
    if (load->broken || load->report->errors != errors)
        return;
    load->reader = begin;
    load_fields(load, second, LENGTH_OF(second), calendar);
}

void load_calendars(struct route_load *load, void *out)
{
    load_map(load, read_calendar, out);
}
