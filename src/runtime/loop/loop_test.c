/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, deferred work and the slow-turn report. */
#include "test.h"

#include <string.h>

#include "loop.h"

struct trace {
    struct loop *loop;
    char text[32];
    size_t len;
    struct loop_timer timers[3];
    struct loop_node nodes[3];
    unsigned fired;
    uint64_t slow_us, turn_us;
    const char *slow_activity;
};

static struct trace trace;

static int trace_reset(void **state)
{
    (void)state;
    memset(&trace, 0, sizeof(trace));
    trace.loop = loop_create();
    return 0;
}

static int trace_end(void **state)
{
    (void)state;
    loop_destroy(&trace.loop);
    return 0;
}

static void trace_timer(struct loop_timer *timer)
{
    trace.text[trace.len++] = (char)('a' + (timer - trace.timers));
    trace.fired++;
}

static bool three_fired(void *ctx)
{
    (void)ctx;
    return trace.fired >= 3;
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 3; i++)
        loop_timer_init(&trace.timers[i], trace_timer);
    loop_timer_start(trace.loop, &trace.timers[0], 6);
    loop_timer_start(trace.loop, &trace.timers[1], 2);
    loop_timer_start(trace.loop, &trace.timers[2], 4);
    assert_true(loop_run_until(trace.loop, three_fired, NULL, 2000));
    assert_string_equal(trace.text, "bca");
}

static void stopped_timer_never_fires(void **state)
{
    (void)state;
    loop_timer_init(&trace.timers[0], trace_timer);
    loop_timer_start(trace.loop, &trace.timers[0], 1);
    loop_timer_stop(trace.loop, &trace.timers[0]);
    assert_false(loop_timer_running(&trace.timers[0]));
    assert_false(loop_run_until(trace.loop, three_fired, NULL, 10));
    assert_int_equal(trace.fired, 0);
}

static void heap_survives_many_starts_and_stops(void **state)
{
    enum { TIMERS = 500 };
    static struct loop_timer timers[TIMERS];
    size_t i;

    (void)state;
    for (i = 0; i < TIMERS; i++) {
        loop_timer_init(&timers[i], trace_timer);
        loop_timer_start(trace.loop, &timers[i], 100000 + i * 7919 % 977);
    }
    for (i = 0; i < TIMERS; i += 2)
        loop_timer_stop(trace.loop, &timers[i]);
    for (i = 0; i < TIMERS; i += 4)
        loop_timer_start(trace.loop, &timers[i], 50000 + i);
    for (i = 0; i < TIMERS; i++)
        loop_timer_stop(trace.loop, &timers[TIMERS - 1 - i]);
    for (i = 0; i < TIMERS; i++)
        assert_false(loop_timer_running(&timers[i]));
}

static void trace_node(struct loop_node *node)
{
    size_t i = (size_t)(node - trace.nodes);

    trace.text[trace.len++] = (char)('0' + i);
    trace.fired++;
    if (i == 1)
        loop_defer(trace.loop, &trace.nodes[2]);
}

static void timer_defers(struct loop_timer *timer)
{
    (void)timer;
    loop_defer_last(trace.loop, &trace.nodes[0]);
    loop_defer(trace.loop, &trace.nodes[1]);
    loop_defer(trace.loop, &trace.nodes[1]);
    trace.text[trace.len++] = 't';
}

static void deferred_work_runs_once_and_the_last_kind_after_the_rest(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 3; i++)
        trace.nodes[i].run = trace_node;
    loop_timer_init(&trace.timers[0], timer_defers);
    loop_timer_start(trace.loop, &trace.timers[0], 0);
    assert_true(loop_run_until(trace.loop, three_fired, NULL, 2000));
    assert_string_equal(trace.text, "t120");
}

static void cancelled_node_does_not_run(void **state)
{
    (void)state;
    trace.nodes[0].run = trace_node;
    loop_defer(trace.loop, &trace.nodes[0]);
    loop_defer_cancel(&trace.nodes[0]);
    loop_defer_cancel(&trace.nodes[0]);
    assert_false(loop_run_until(trace.loop, three_fired, NULL, 2));
    assert_int_equal(trace.fired, 0);
}

static void trace_forever(struct loop_node *node)
{
    trace.fired++;
    loop_defer(trace.loop, node);
}

static bool timer_fired(void *ctx)
{
    (void)ctx;
    return trace.len > 0;
}

static void node_that_arms_itself_does_not_starve_timers(void **state)
{
    (void)state;
    trace.nodes[0].run = trace_forever;
    loop_defer(trace.loop, &trace.nodes[0]);
    loop_timer_init(&trace.timers[0], trace_timer);
    loop_timer_start(trace.loop, &trace.timers[0], 2);
    assert_true(loop_run_until(trace.loop, timer_fired, NULL, 2000));
    loop_defer_cancel(&trace.nodes[0]);
}

static void trace_slow(void *ctx, uint64_t us, const char *activity)
{
    (void)ctx;
    trace.slow_us = us;
    trace.slow_activity = activity;
}

static void spin_25_ms(struct loop_node *node)
{
    uint64_t end = loop_now_us(trace.loop) + 25000;

    (void)node;
    loop_activity_note(trace.loop, "spin");
    while (loop_now_us(trace.loop) < end)
        ;
    trace.turn_us = loop_turn_us(trace.loop);
}

static void slow_timer(struct loop_timer *timer)
{
    (void)timer;
    /* Not the first: on a busy machine that may be due before the loop has waited at all, and a
     * turn is measured from its wait. */
    if (trace.fired++ == 1)
        loop_defer(trace.loop, &trace.nodes[0]);
    loop_timer_start(trace.loop, timer, 1);
}

static bool slow_reported(void *ctx)
{
    (void)ctx;
    return trace.slow_us != 0;
}

static void slow_turn_is_reported_with_its_activity(void **state)
{
    (void)state;
    loop_slow_set(trace.loop, trace_slow, NULL);
    trace.nodes[0].run = spin_25_ms;
    loop_timer_init(&trace.timers[0], slow_timer);
    loop_timer_start(trace.loop, &trace.timers[0], 1);
    assert_true(loop_run_until(trace.loop, slow_reported, NULL, 2000));
    assert_true(trace.slow_us >= 20000);
    assert_true(trace.turn_us >= 24000 && trace.turn_us <= trace.slow_us);
    assert_string_equal(trace.slow_activity, "spin");
    loop_timer_stop(trace.loop, &trace.timers[0]);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, trace_reset, trace_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(timers_fire_in_the_order_of_their_deadlines),
        LOOP_TEST(stopped_timer_never_fires),
        LOOP_TEST(heap_survives_many_starts_and_stops),
        LOOP_TEST(deferred_work_runs_once_and_the_last_kind_after_the_rest),
        LOOP_TEST(cancelled_node_does_not_run),
        LOOP_TEST(node_that_arms_itself_does_not_starve_timers),
        LOOP_TEST(slow_turn_is_reported_with_its_activity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
