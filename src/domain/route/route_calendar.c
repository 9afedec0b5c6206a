/* SPDX-License-Identifier: Apache-2.0 */
/* Opening hours: a week of spans, and exceptions by date: holidays, and the working weekends that
 * make up for them. Local time is a fixed offset from UTC: the library carries no time zone
 * tables, and China has no summer time. The day numbers are those of Howard Hinnant's paper
 * "chrono-Compatible Low-Level Date Algorithms". */
#include "route_priv.h"

#include <stdlib.h>

static const int64_t MINUTE_MS = 60000;
static const int64_t TIME_MAX_MS = 253402300799999; /* the year 9999: day numbers fit 32 bits */

enum { SEARCH_DAYS = 366 }; /* a calendar without hours in a year counts as never open */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t local_minute_of(const struct route_calendar *calendar, int64_t now_ms)
{
    now_ms = now_ms < 0 ? 0 : now_ms > TIME_MAX_MS ? TIME_MAX_MS : now_ms;
    return now_ms / MINUTE_MS + calendar->offset_minutes;
}

/* 1970-01-01 was a Thursday; Monday is 0. */
static unsigned week_day(int32_t day)
{
    return (unsigned)(((day + 3) % ROUTE_WEEK_DAYS + ROUTE_WEEK_DAYS) % ROUTE_WEEK_DAYS);
}

static int compare_day(const void *key, const void *item)
{
    int32_t day = *(const int32_t *)key;
    const struct route_day *exception = item;

    return day < exception->day ? -1 : day > exception->day;
}

static const struct route_day *day_of(const struct route_calendar *calendar, int32_t day)
{
    const struct route_day *found = NULL;

    if (calendar->day_count > 0)
        found = bsearch(&day, calendar->days, calendar->day_count, sizeof(*calendar->days),
                        compare_day);
    return found != NULL ? found : &calendar->week[week_day(day)];
}

static bool day_covers(const struct route_day *day, int64_t minute)
{
    for (uint32_t i = 0; i < day->count; i++) {
        if (minute >= day->spans[i].from && minute < day->spans[i].to)
            return true;
    }
    return false;
}

static bool open_at_minute(const struct route_calendar *calendar, int64_t local_minute)
{
    int32_t day = (int32_t)floor_div(local_minute, ROUTE_DAY_MINUTES);
    int64_t minute = local_minute - (int64_t)day * ROUTE_DAY_MINUTES;

    return day_covers(day_of(calendar, day), minute) ||
           day_covers(day_of(calendar, day - 1), minute + ROUTE_DAY_MINUTES);
}

bool route_calendar_open_of(const struct route_calendar *calendar, int64_t now_ms)
{
    return open_at_minute(calendar, local_minute_of(calendar, now_ms));
}

/* The first minute after `from` of this day at which some span begins or ends, or INT64_MAX. */
static int64_t next_edge(const struct route_day *day, int64_t base, int64_t from)
{
    int64_t edge = INT64_MAX;

    for (uint32_t i = 0; i < day->count; i++) {
        int64_t ends[2] = { base + day->spans[i].from, base + day->spans[i].to };

        for (int k = 0; k < 2; k++) {
            if (ends[k] > from && ends[k] < edge)
                edge = ends[k];
        }
    }
    return edge;
}

static int64_t next_change(const struct route_calendar *calendar, int64_t from)
{
    bool open = open_at_minute(calendar, from);
    int32_t last = (int32_t)floor_div(from, ROUTE_DAY_MINUTES) + SEARCH_DAYS;
    int64_t at = from;

    for (int32_t day = last - SEARCH_DAYS - 1; day <= last;) {
        int64_t edge = next_edge(day_of(calendar, day), (int64_t)day * ROUTE_DAY_MINUTES, at);

        /* Yesterday's spans reach into today, today's may begin before those end. */
        if (edge == INT64_MAX || edge >= (int64_t)(day + 1) * ROUTE_DAY_MINUTES) {
            int64_t next =
                next_edge(day_of(calendar, day + 1), (int64_t)(day + 1) * ROUTE_DAY_MINUTES, at);

            edge = next < edge ? next : edge;
        }
        if (edge == INT64_MAX) {
            day++;
            continue;
        }
        if (open_at_minute(calendar, edge) != open)
            return edge;
        at = edge;
    }
    return INT64_MAX;
}

bool route_calendar_open(const struct route_config *config, uint32_t calendar, int64_t now_ms,
                         int64_t *change_ms)
{
    const struct route_calendar *found;
    int64_t change;

    if (change_ms != NULL)
        *change_ms = ROUTE_NEVER;
    if (calendar >= config->names[ROUTE_KIND_CALENDAR].count)
        return true;
    found = &config->calendars[calendar];
    if (change_ms != NULL) {
        change = next_change(found, local_minute_of(found, now_ms));
        if (change != INT64_MAX)
            *change_ms = (change - found->offset_minutes) * MINUTE_MS;
    }
    return route_calendar_open_of(found, now_ms);
}

/* Minute of a week of UTC, Monday 00:00 first. */
static bool open_in_week(const struct route_calendar *calendar, int64_t minute)
{
    static const int64_t week = (int64_t)ROUTE_WEEK_DAYS * ROUTE_DAY_MINUTES;
    unsigned day;

    if (calendar == NULL)
        return true;
    minute = ((minute + calendar->offset_minutes) % week + week) % week;
    day = (unsigned)(minute / ROUTE_DAY_MINUTES);
    minute %= ROUTE_DAY_MINUTES;
    return day_covers(&calendar->week[day], minute) ||
           day_covers(&calendar->week[(day + ROUTE_WEEK_DAYS - 1) % ROUTE_WEEK_DAYS],
                      minute + ROUTE_DAY_MINUTES);
}

uint32_t route_calendar_common(const struct route_calendar *a, const struct route_calendar *b)
{
    uint32_t common = 0;

    for (int64_t minute = 0; minute < (int64_t)ROUTE_WEEK_DAYS * ROUTE_DAY_MINUTES; minute++)
        common += open_in_week(a, minute) && open_in_week(b, minute);
    return common;
}
