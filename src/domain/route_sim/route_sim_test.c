/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "route_sim.h"

static struct route_config *config;
static struct route_sim_scenario *scenario;
static struct route_sim_study *study;

static int end(void **state)
{
    (void)state;
    route_sim_study_destroy(&study);
    route_sim_scenario_destroy(&scenario);
    route_config_destroy(&config);
    return 0;
}

static void configure(const char *json)
{
    struct route_report report;

    if (!route_config_load(json, strlen(json), NULL, &config, &report))
        fail_msg("%s: %s", report.items[0].path, report.items[0].text);
}

static void generate(const char *json)
{
    struct err err;

    if (route_sim_scenario_load(config, slice_of(json), &scenario, &err) != ERR_OK)
        fail_msg("%s: %s", err.field, err.text);
}

static void run(const char *const *names, uint32_t count, uint32_t seeds)
{
    struct route_sim_strategy strategies[ROUTE_SIM_STRATEGIES_MAX];
    struct route_sim_options options = {
        .config = config,
        .scenario = scenario,
        .strategies = strategies,
        .strategy_count = count,
        .seed_count = seeds,
        .seed = 1,
    };
    struct err err;

    for (uint32_t i = 0; i < count; i++)
        assert_true(route_sim_strategy_find(slice_of(names[i]), &strategies[i]));
    if (route_sim_study(&options, &study, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

/* ---- theory ---- */

static void erlang_a_without_patience_to_spare_is_erlang_b(void **state)
{
    double blocking = 1; /* Erlang B by its recursion: 10 agents, 8 erlang */

    (void)state;
    for (int n = 1; n <= 10; n++)
        blocking = 8 * blocking / (n + 8 * blocking);
    /* who must wait leaves at once: patience rate far above all others */
    assert_true(fabs(route_sim_erlang_a(8, 1, 1e9, 10) - blocking) < 1e-6);
}

#define FIVE                                                                                     \
    "{\"id\":\"1\",\"capacity\":1},{\"id\":\"2\",\"capacity\":1},{\"id\":\"3\",\"capacity\":1}," \
    "{\"id\":\"4\",\"capacity\":1},{\"id\":\"5\",\"capacity\":1}"

/* One skill, one place each, exponential times: the simulator must meet the formula. */
static void degenerate_case_meets_erlang_a_within_two_percent(void **state)
{
    static const char *const names[] = { "fair" };
    struct route_sim_interval abandoned;
    double theory;

    (void)state;
    configure("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[" FIVE "],\"queues\":{\"q\":{}}}");
    generate(
        "{\"length\":\"400h\",\"warm_up\":\"1h\",\"rate\":{\"per_hour\":90},\"inflation\":\"0%\","
        "\"mix\":[{\"share\":1,\"queue\":\"q\",\"handle\":{\"mean\":\"200s\"}}],"
        "\"patience\":{\"mean\":\"150s\"}}");
    run(names, 1, 25);
    theory = 100 * route_sim_erlang_a(90 / 3600.0, 1 / 200.0, 1 / 150.0, 5);
    abandoned = route_sim_measure(study, 0, ROUTE_SIM_ABANDONED);
    printf("abandoned: theory %.3f %%, simulated %.3f %% (%.3f to %.3f)\n", theory, abandoned.mean,
           abandoned.low, abandoned.high);
    assert_true(fabs(abandoned.mean - theory) < 0.02 * theory);
}

/* ---- the model ---- */

static void more_conversations_at_once_take_longer(void **state)
{
    static const char *const names[] = { "fair" };
    struct route_sim_interval occupancy;

    (void)state;
    configure("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[{\"id\":\"1\",\"capacity\":2}],"
              "\"queues\":{\"q\":{}}}");
    /* never a free moment: 2 places, each at the rate 1 / 1.5 of a lone one */
    generate(
        "{\"length\":\"50h\",\"warm_up\":\"1h\",\"rate\":{\"per_hour\":400},\"inflation\":\"50%\","
        "\"mix\":[{\"share\":1,\"queue\":\"q\",\"handle\":{\"mean\":\"60s\",\"cv\":0}}],"
        "\"patience\":{\"mean\":\"60s\"}}");
    run(names, 1, 3);
    occupancy = route_sim_measure(study, 0, ROUTE_SIM_OCCUPANCY);
    assert_true(occupancy.mean > 99.5);
    /* 2 per 90 s is 80 an hour */
    assert_true(fabs((double)study->results[0].runs[0].answered / 49 - 80) < 1);
}

static void agents_work_by_their_calendars(void **state)
{
    static const char *const names[] = { "fair" };

    (void)state;
    configure(
        "{\"calendars\":{\"day\":{\"week\":{\"mon\":[\"10:00-11:00\"]}}},"
        "\"agents\":[{\"id\":\"1\",\"capacity\":5,\"calendar\":\"day\"}],\"queues\":{\"q\":{}}}");
    generate("{\"start\":\"2026-03-02T09:00:00Z\",\"length\":\"3h\",\"rate\":{\"per_hour\":60},"
             "\"mix\":[{\"share\":1,\"queue\":\"q\",\"handle\":{\"mean\":\"30s\",\"cv\":0}}],"
             "\"patience\":{\"mean\":\"60s\"}}");
    run(names, 1, 2);
    for (uint32_t slot = 0; slot < 12; slot++) {
        bool open = slot >= 4 && slot < 8;
        const struct route_sim_slot *s = &study->results[0].slots[slot];

        assert_true(s->arrived > 0);
        if (slot != 3) /* the last quarter before ten waits over into the day */
            assert_true((s->answered > s->arrived / 2) == open);
    }
}

static void the_same_seed_gives_the_same_study(void **state)
{
    static const char *const names[] = { "efficient", "configured" };
    struct buf first;
    struct buf second;

    (void)state;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    configure("{\"agents\":[" FIVE
              "],\"queues\":{\"q\":{\"pick\":\"efficient\",\"offer\":\"20s\"}}}");
    generate("{\"length\":\"4h\",\"rate\":{\"per_hour\":[50,100]},\"returning\":\"20%\","
             "\"mix\":[{\"share\":1,\"queue\":\"q\"}]}");
    run(names, 2, 3);
    assert_int_equal(study->results[0].runs[1].answered, study->results[1].runs[1].answered);
    route_sim_write_json(study, 0, &first);
    route_sim_study_destroy(&study);
    run(names, 2, 3);
    route_sim_write_json(study, 0, &second);
    assert_true(buf_ok(&first) && slice_equal(buf_slice(&first), buf_slice(&second)));
    assert_int_equal(study->results[0].runs[0].idle_while_waiting, 0);
    buf_clear(&first);
    route_sim_write_html(study, 1.5, &first);
    assert_true(buf_ok(&first));
    assert_non_null(strstr(first.ptr, "</html>"));
    assert_null(strstr(first.ptr, "<script"));
    buf_fini(&first);
    buf_fini(&second);
}

/* ---- what the presets are for ---- */

/* The site of the specification: 100 agents with 3 to 5 places, six skewed skills, 60 % of the
 * agents with one only; handling log-normal around 420 s, 22 % longer per conversation beside it;
 * patience exponential around 180 s. */
static void write_site(struct buf *out)
{
    static const unsigned demand[] = { 34, 24, 16, 12, 8, 6 };
    uint64_t random = 5;
    unsigned at = 0;

    buf_add_text(
        out,
        "{\"settings\":{\"slow_start\":\"0s\"},\"skills\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"],"
        "\"queues\":{");
    for (char skill = 'a'; skill <= 'f'; skill++)
        buf_printf(out, "%s\"%c\":{\"skills\":{\"%c\":1},\"sla\":{\"first\":\"30s\"}}",
                   skill > 'a' ? "," : "", skill, skill);
    buf_add_text(out, "},\"agents\":[");
    for (unsigned i = 0; i < 100; i++) {
        unsigned skills = 0;

        /* The first skill in the proportion of the demand, the others by chance. */
        for (unsigned sum = 0, share = i * 61 % 100; at < 6; at++) {
            sum += demand[at];
            if (share < sum)
                break;
        }
        skills = 1U << at;
        at = 0;
        for (unsigned k = 0; k < 3 && i % 5 >= 3; k++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            skills |= 1U << ((random >> 33) % 6);
        }
        buf_printf(out, "%s{\"id\":\"%u\",\"capacity\":%u,\"skills\":{", i > 0 ? "," : "", i,
                   3 + i % 3);
        for (unsigned k = 0, n = 0; k < 6; k++) {
            if ((skills >> k & 1) != 0)
                buf_printf(out, "%s\"%c\":5", n++ > 0 ? "," : "", 'a' + (int)k);
        }
        buf_add_text(out, "}}");
    }
    buf_add_text(out, "]}");
}

static void site_at(unsigned per_hour, uint32_t seeds)
{
    static const char *const names[] = { "longest_idle", "efficient", "fair" };
    struct buf json;
    char scenario_json[600];

    buf_init(&json, 1 << 20);
    write_site(&json);
    buf_add_char(&json, '\0');
    configure(json.ptr);
    buf_fini(&json);
    snprintf(scenario_json, sizeof(scenario_json),
             "{\"length\":\"5h\",\"warm_up\":\"30m\",\"rate\":{\"per_hour\":%u},\"mix\":["
             "{\"share\":34,\"queue\":\"a\"},{\"share\":24,\"queue\":\"b\"},{\"share\":16,"
             "\"queue\":\"c\"},"
             "{\"share\":12,\"queue\":\"d\"},{\"share\":8,\"queue\":\"e\"},{\"share\":6,\"queue\":"
             "\"f\"}],"
             "\"handle\":{\"mean\":\"420s\",\"cv\":0.8},\"patience\":{\"mean\":\"180s\"}}",
             per_hour);
    generate(scenario_json);
    run(names, 3, seeds);
}

static void composite_loses_a_third_fewer_than_longest_idle_and_is_fair(void **state)
{
    static const unsigned rates[] = { 1880, 1950 };

    (void)state;
    for (unsigned i = 0; i < LENGTH_OF(rates); i++) {
        struct route_sim_interval occupancy;
        struct route_sim_interval fewer;

        site_at(rates[i], 20);
        occupancy = route_sim_measure(study, 1, ROUTE_SIM_OCCUPANCY);
        fewer = route_sim_fewer_abandon(study, 1, 0);
        printf("%u an hour, occupancy %.1f %%: %.0f %% fewer abandon (%.0f to %.0f)\n", rates[i],
               occupancy.mean, fewer.mean, fewer.low, fewer.high);
        assert_true(occupancy.mean > 83 && occupancy.mean < 90);
        assert_true(fewer.low >= 30);
        assert_true(route_sim_measure(study, 2, ROUTE_SIM_FAIRNESS).mean >= 0.95);
        assert_true(route_sim_measure(study, 1, ROUTE_SIM_FAIRNESS).mean >= 0.95);
        for (uint32_t k = 0; k < study->seed_count; k++)
            assert_int_equal(study->results[1].runs[k].idle_while_waiting, 0);
        end(state);
    }
}

/* ---- what is read ---- */

#define SHOP                                                                                       \
    "{\"skills\":[\"s\"],\"agents\":[{\"id\":\"lin\",\"capacity\":1,\"skills\":{\"s\":4}},"        \
    "{\"id\":\"mia\",\"capacity\":2,\"languages\":[\"zh\"]}],\"settings\":{\"slow_start\":\"0s\"}" \
    ","                                                                                            \
    "\"queues\":{\"q\":{\"pick\":\"fair\",\"rings\":[{\"after\":\"0s\"},{\"after\":\"20s\","       \
    "\"drop\":"                                                                                    \
    "\"prefer\"}]}},\"routes\":[{\"id\":\"all\",\"else\":true,\"queue\":\"q\",\"prefer\":{\"s\":"  \
    "2}}]}"

static void every_mistake_in_a_generator_is_named(void **state)
{
    static const char *const bad[][3] = {
        { "{", "", "not JSON: ends too early" },
        { "{\"mix\":[{\"share\":1,\"queue\":\"q\"}]}", "",
          "needs a rate above zero, in steps of at least a second" },
        { "{\"rate\":{\"per_hour\":9}}", "", "needs a mix: what kinds of conversation come" },
        { "{\"mix\":[{\"share\":1,\"queue\":\"x\"}]}", "mix[0].queue",
          "'x' is not in the configuration" },
        { "{\"mix\":[{\"share\":1}]}", "mix[0]", "needs a queue, or facts for the rules" },
        { "{\"length\":\"9 hours\"}", "length", "must be a duration such as 20s, 15m or 8h" },
        { "{\"patience\":{\"cv\":1}}", "patience", "needs a mean above zero" },
        { "{\"start\":\"Monday\"}", "start", "must be a time such as 2026-03-02T09:00:00+08:00" },
        { "{\"rates\":1}", "rates", "is not a known setting" },
        { "{\"mix\":[{\"share\":1,\"priority\":1e80}]}", "mix[0].priority", "must be from 0 to 9" },
        { "{\"mix\":[{\"share\":1e999}]}", "mix[0].share", "is not a number that fits" },
    };

    (void)state;
    configure(SHOP);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct err err;

        assert_int_equal(route_sim_scenario_load(config, slice_of(bad[i][0]), &scenario, &err),
                         ERR_INVALID);
        assert_null(scenario);
        assert_string_equal(err.field, bad[i][1]);
        assert_string_equal(err.text, bad[i][2]);
    }
}

static void every_mistake_in_a_log_is_named_with_its_line(void **state)
{
    static const char *const bad[][3] = {
        { "queue\nq\n", "line 1, arrived_at", "there is no such column" },
        { "arrived_at,queue\n", "line 1", "there are no conversations in the log" },
        { "arrived_at,queue\nnoon,q\n", "line 2, arrived_at",
          "must be a time such as 2026-03-02T09:00:00+08:00" },
        { "arrived_at,queue\r\n2026-03-02T09:00:00Z,q\r\n2026-03-02T09:00:00Z,w\r\n",
          "line 3, queue", "a name that is not in the configuration" },
        { "arrived_at,skills\n2026-03-02T09:00:00Z,\"s:2;x:1\"\n", "line 2, skills",
          "must be like returns:2;zh:5, at most eight" },
        { "arrived_at,queue\n2026-03-02T09:00:00Z\n", "line 2",
          "not as many cells as the header has" },
    };

    (void)state;
    configure(SHOP);
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct err err;

        assert_int_equal(route_sim_log_load(config, slice_of(bad[i][0]), &scenario, &err),
                         ERR_INVALID);
        assert_null(scenario);
        assert_string_equal(err.field, bad[i][1]);
        assert_string_equal(err.text, bad[i][2]);
    }
}

static void a_log_plays_as_often_as_it_has_lines(void **state)
{
    static const char *const names[] = { "configured" };
    struct buf csv;
    struct err err;

    (void)state;
    configure(SHOP);
    buf_init(&csv, 1 << 20);
    buf_add_text(&csv, "arrived_at,intent,handle_seconds,wait_seconds,abandoned\n");
    for (unsigned i = 0; i < 600; i++)
        buf_printf(&csv, "2026-03-02T1%u:%02u:%02u+08:00,\"a \"\"%u\"\"\",%s,30,%u\n", i / 300,
                   i / 5 % 60, i % 5 * 10, i % 7, i % 2 == 0 ? "45" : "", i % 30 == 0);
    if (route_sim_log_load(config, buf_slice(&csv), &scenario, &err) != ERR_OK)
        fail_msg("%s: %s", err.field, err.text);
    buf_fini(&csv);
    run(names, 1, 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct route_sim_run *r = &study->results[0].runs[i];

        assert_int_equal(r->arrived, 600);
        assert_int_equal(r->answered + r->abandoned, 600);
        assert_true(r->answered > 200);
    }
}

static void explained(const char *snapshot, const char *conversation, uint32_t asked,
                      const char *const *wanted)
{
    struct buf out;
    struct err err;

    buf_init(&out, 1 << 16);
    if (route_sim_explain(config, slice_of(snapshot), slice_of(conversation), asked, &out, &err) !=
        ERR_OK)
        fail_msg("%s: %s", err.field, err.text);
    buf_add_char(&out, '\0');
    for (; *wanted != NULL; wanted++) {
        if (strstr(out.ptr, *wanted) == NULL)
            fail_msg("no %s in %s", *wanted, out.ptr);
    }
    buf_fini(&out);
}

static void explanation_says_who_and_why_not_the_other(void **state)
{
    static const char *const at_once[] = { "\"decision\":\"assign\",\"agent\":\"lin\"",
                                           "\"rule\":\"all\"", "\"fails\":\"prefer\"", NULL };
    static const char *const waits[] = { "\"decision\":\"wait\"", "\"step\":\"room\",\"left\":0",
                                         "\"able\":false,\"fails\":\"prefer\"", NULL };
    static const char *const widened[] = { "\"ring\":1,\"decision\":\"assign\",\"agent\":\"mia\"",
                                           "\"able\":true", NULL };

    (void)state;
    configure(SHOP);
    explained("{\"agents\":{\"lin\":{\"idle\":\"1m\"},\"mia\":{\"convs\":1}}}", "{}", 1, at_once);
    explained("{\"agents\":{\"lin\":{\"convs\":1},\"mia\":{\"convs\":1}}}", "{}", 1, waits);
    explained("{\"agents\":{\"lin\":{\"convs\":1},\"mia\":{\"convs\":1}}}", "{\"waited\":\"25s\"}",
              1, widened);
}

static void presets_are_fair_on_a_calm_day_too(void **state)
{
    (void)state;
    site_at(1500, 5);
    assert_true(route_sim_measure(study, 1, ROUTE_SIM_FAIRNESS).mean >= 0.95);
    assert_true(route_sim_measure(study, 2, ROUTE_SIM_FAIRNESS).mean >= 0.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erlang_a_without_patience_to_spare_is_erlang_b),
        cmocka_unit_test_teardown(degenerate_case_meets_erlang_a_within_two_percent, end),
        cmocka_unit_test_teardown(more_conversations_at_once_take_longer, end),
        cmocka_unit_test_teardown(agents_work_by_their_calendars, end),
        cmocka_unit_test_teardown(the_same_seed_gives_the_same_study, end),
        cmocka_unit_test_teardown(every_mistake_in_a_generator_is_named, end),
        cmocka_unit_test_teardown(every_mistake_in_a_log_is_named_with_its_line, end),
        cmocka_unit_test_teardown(a_log_plays_as_often_as_it_has_lines, end),
        cmocka_unit_test_teardown(explanation_says_who_and_why_not_the_other, end),
        cmocka_unit_test_teardown(presets_are_fair_on_a_calm_day_too, end),
        cmocka_unit_test_teardown(composite_loses_a_third_fewer_than_longest_idle_and_is_fair, end),
    };

    return cmocka_run_group_tests_name("route_sim", tests, NULL, NULL);
}
