/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "serve_reload_due.h"

static void a_change_is_loaded_at_once_and_once(void **state)
{
    struct reload reload = { 0 };

    (void)state;
    assert_false(reload_due(&reload, 0));
    reload_want(&reload);
    reload_want(&reload);
    assert_true(reload_due(&reload, 0));
    reload_begin(&reload);
    assert_false(reload_due(&reload, 1));
    reload_end(&reload, true, 2);
    assert_false(reload_due(&reload, 1000 * 1000));
}

static void what_changes_during_a_load_is_loaded_after_it(void **state)
{
    struct reload reload = { 0 };

    (void)state;
    reload_want(&reload);
    reload_begin(&reload);
    reload_want(&reload);
    assert_false(reload_due(&reload, 1));
    reload_end(&reload, true, 2);
    assert_true(reload_due(&reload, 2));
}

static void a_failed_load_is_tried_again_later_and_later_up_to_a_minute(void **state)
{
    struct reload reload = { 0 };
    uint64_t now = 5;
    uint64_t delay = RELOAD_RETRY_MS;

    (void)state;
    reload_want(&reload);
    for (int i = 0; i < 20; i++) {
        reload_begin(&reload);
        reload_end(&reload, false, now);
        assert_false(reload_due(&reload, now + delay - 1));
        assert_true(reload_due(&reload, now + delay));
        now += delay;
        delay = delay * 2 < RELOAD_RETRY_MS_MAX ? delay * 2 : RELOAD_RETRY_MS_MAX;
    }
    assert_int_equal(delay, RELOAD_RETRY_MS_MAX);
    reload_begin(&reload);
    reload_end(&reload, true, now);
    assert_false(reload_due(&reload, now + RELOAD_RETRY_MS_MAX));
    reload_want(&reload);
    reload_begin(&reload);
    reload_end(&reload, false, now); /* and begins with a second again */
    assert_true(reload_due(&reload, now + RELOAD_RETRY_MS));
}

static void a_change_does_not_wait_for_a_retry(void **state)
{
    struct reload reload = { 0 };

    (void)state;
    reload_want(&reload);
    reload_begin(&reload);
    reload_end(&reload, false, 5);
    reload_want(&reload);
    assert_true(reload_due(&reload, 6));
}

static void a_load_that_found_no_worker_is_due_at_the_next_look(void **state)
{
    struct reload reload = { 0 };

    (void)state;
    reload_want(&reload);
    reload_begin(&reload);
    reload_undo(&reload);
    assert_true(reload_due(&reload, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_loaded_at_once_and_once),
        cmocka_unit_test(what_changes_during_a_load_is_loaded_after_it),
        cmocka_unit_test(a_failed_load_is_tried_again_later_and_later_up_to_a_minute),
        cmocka_unit_test(a_change_does_not_wait_for_a_retry),
        cmocka_unit_test(a_load_that_found_no_worker_is_due_at_the_next_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
