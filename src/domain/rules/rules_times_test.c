/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "rules_times.h"

static enum err_code active(const char *text, struct rules_times *times, size_t *at)
{
    *times = RULES_TIMES_ALWAYS;
    *at = 0;
    return rules_active_parse(slice_of(text), times, at, NULL);
}

static enum err_code hours(const char *text, struct rules_times *times, size_t *at)
{
    *times = RULES_TIMES_ALWAYS;
    *at = 0;
    return rules_hours_parse(slice_of(text), times, at, NULL);
}

static void days_are_counted_and_either_end_may_be_open(void **state)
{
    struct rules_times times;
    size_t at;

    (void)state;
    assert_int_equal(active("1970-01-01 .. 2024-02-29", &times, &at), ERR_OK);
    assert_int_equal(times.day_from, 0);
    assert_int_equal(times.day_to, 19782);
    assert_int_equal(active("2024-11-01..", &times, &at), ERR_OK);
    assert_int_equal(times.day_from, 20028);
    assert_int_equal(times.day_to, RULES_DAY_OPEN);
    assert_int_equal(active(".. 2024-11-01", &times, &at), ERR_OK);
    assert_int_equal(times.day_from, RULES_DAY_OPEN);
    assert_int_equal(times.day_to, 20028);
    assert_int_equal(active("2024-11-01 .. 2024-11-01", &times, &at), ERR_OK);
}

static void hours_are_weekdays_and_minutes(void **state)
{
    struct rules_times times;
    size_t at;

    (void)state;
    assert_int_equal(hours("mon-fri 09:00-18:30", &times, &at), ERR_OK);
    assert_int_equal(times.weekdays, 0x1F);
    assert_int_equal(times.minute_from, 540);
    assert_int_equal(times.minute_to, 1110);
    assert_int_equal(hours("sat,sun", &times, &at), ERR_OK);
    assert_int_equal(times.weekdays, 0x60);
    assert_int_equal(hours("sun-tue", &times, &at), ERR_OK);
    assert_int_equal(times.weekdays, 0x43);
    assert_int_equal(hours("22:00-24:00", &times, &at), ERR_OK);
    assert_int_equal(times.weekdays, 0);
    assert_int_equal(times.minute_to, RULES_DAY_MINUTES);
}

static void what_is_no_time_is_named_where_it_stands(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        enum err_code (*parse)(const char *text, struct rules_times *times, size_t *at);
    } bad[] = {
        { "", 0, active },
        { "2024-11-01", 10, active },
        { "2024-13-01 ..", 7, active },
        { "2023-02-29 ..", 10, active },
        { "2024-11-01 .. soon", 14, active },
        { "2024-11-01 .. 2024-11-12 x", 24, active },
        { "2024-11-12 .. 2024-11-01", 0, active },
        { "", 0, hours },
        { "mon-xyz", 4, hours },
        { "mon,", 4, hours },
        { "24:01-25:00", 5, hours },
        { "mon 09:00", 9, hours },
        { "09:00-18:00 mon", 11, hours },
        { "99999999999:00-10:00", 10, hours },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct rules_times times;
        size_t at;

        if (bad[i].parse(bad[i].text, &times, &at) != ERR_INVALID || at != bad[i].at)
            fail_msg("%s: at %zu", bad[i].text, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_counted_and_either_end_may_be_open),
        cmocka_unit_test(hours_are_weekdays_and_minutes),
        cmocka_unit_test(what_is_no_time_is_named_where_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
