/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>
#include <string.h>

#include "metric.h"

enum { TURNS, SHED_RATE, SHED_QUEUE, LIVE, TURN_US, METRICS };
enum { ROWS = 3, ADDS = 100000 };

static const struct metric_desc table[METRICS] = {
    [TURNS] = { METRIC_COUNTER, "chat_turns_total", "Turns committed.", NULL },
    [SHED_RATE] = { METRIC_COUNTER, "chat_shed_total", "Actions refused.", "why=\"rate\"" },
    [SHED_QUEUE] = { METRIC_COUNTER, "chat_shed_total", "Actions refused.", "why=\"queue\"" },
    [LIVE] = { METRIC_GAUGE, "chat_live", "Conversations in memory.", NULL },
    [TURN_US] = { METRIC_HISTOGRAM, "chat_turn_us", "Decision to commit.", "k=\"v\"" },
};

static void rendered_text_is_what_prometheus_reads(void **state)
{
    struct metric_group *group = metric_group_create(table, METRICS, ROWS);
    struct buf out;

    (void)state;
    metric_add(group, 0, TURNS, 2);
    metric_add(group, 2, TURNS, 3);
    metric_add(group, 1, SHED_QUEUE, 1);
    metric_set(group, 0, LIVE, 7);
    metric_set(group, 1, LIVE, -3);
    metric_observe(group, 0, TURN_US, 0);
    metric_observe(group, 1, TURN_US, 3);
    metric_observe(group, 2, TURN_US, UINT64_C(1) << 40);
    buf_init(&out, 1 << 16);
    metric_render(group, &out);
    buf_add_char(&out, '\0');
    assert_true(buf_ok(&out));
    assert_ptr_equal(strstr(out.ptr, "# HELP chat_turns_total Turns committed.\n"
                                     "# TYPE chat_turns_total counter\nchat_turns_total 5\n"
                                     "# HELP chat_shed_total Actions refused.\n"
                                     "# TYPE chat_shed_total counter\n"
                                     "chat_shed_total{why=\"rate\"} 0\n"
                                     "chat_shed_total{why=\"queue\"} 1\n"
                                     "# HELP chat_live Conversations in memory.\n"
                                     "# TYPE chat_live gauge\nchat_live 4\n"),
                     out.ptr);
    assert_non_null(strstr(out.ptr, "\nchat_turn_us_bucket{k=\"v\",le=\"1\"} 1\n"
                                    "chat_turn_us_bucket{k=\"v\",le=\"2\"} 1\n"
                                    "chat_turn_us_bucket{k=\"v\",le=\"4\"} 2\n"));
    assert_non_null(strstr(out.ptr, "\nchat_turn_us_bucket{k=\"v\",le=\"16777216\"} 2\n"
                                    "chat_turn_us_bucket{k=\"v\",le=\"+Inf\"} 3\n"
                                    "chat_turn_us_sum{k=\"v\"} 1099511627779\n"
                                    "chat_turn_us_count{k=\"v\"} 3\n"));
    buf_fini(&out);
    metric_group_destroy(&group);
    assert_null(group);
}

static void quantiles_name_the_bucket(void **state)
{
    struct metric_group *group = metric_group_create(table, METRICS, ROWS);

    (void)state;
    assert_int_equal(metric_quantile(group, TURN_US, 0.5), 0);
    for (unsigned i = 0; i < 99; i++)
        metric_observe(group, i % ROWS, TURN_US, 100);
    metric_observe(group, 0, TURN_US, 5000);
    assert_int_equal(metric_quantile(group, TURN_US, 0.5), 128);
    assert_int_equal(metric_quantile(group, TURN_US, 0.99), 128);
    assert_int_equal(metric_quantile(group, TURN_US, 1.0), 8192);
    metric_group_destroy(&group);
}

struct worker {
    struct metric_group *group;
    unsigned row;
};

static void *count(void *arg)
{
    const struct worker *worker = arg;

    for (int i = 0; i < ADDS; i++)
        metric_add(worker->group, worker->row, TURNS, 1);
    return NULL;
}

static void no_count_is_lost_between_threads(void **state)
{
    struct metric_group *group = metric_group_create(table, METRICS, ROWS);
    struct worker workers[ROWS];
    pthread_t threads[ROWS];

    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        workers[i] = (struct worker){ group, i };
        assert_int_equal(pthread_create(&threads[i], NULL, count, &workers[i]), 0);
    }
    assert_true(metric_sum(group, TURNS) <= ROWS * ADDS);
    for (unsigned i = 0; i < ROWS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(metric_sum(group, TURNS), ROWS * ADDS);
    metric_group_destroy(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rendered_text_is_what_prometheus_reads),
        cmocka_unit_test(quantiles_name_the_bucket),
        cmocka_unit_test(no_count_is_lost_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
