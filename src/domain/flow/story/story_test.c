/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "story.h"

static const char parcel[] =
    "flow: parcel\n"
    "version: 1\n"
    "locales: [en]\n"
    "start: {phrases: [where is my parcel]}\n"
    "slots:\n"
    "  no: {type: order_no}\n"
    "  found: {type: json, fill: [action]}\n"
    "actions: {parcel.find: {in: [no], out: found, retry: 1, errors: [unknown]}}\n"
    "global:\n"
    "  - {event: question, do: kb.answer, to: .same}\n"
    "  - {event: stuck, to: help}\n"
    "states:\n"
    "  ask: {ask: no, when: {filled: find, exhausted: help, timeout: late}}\n"
    "  find: {do: parcel.find, when: {ok: look, unknown: ask, failed: help}}\n"
    "  look: {choose: [{if: \"found.days > policy.days\", to: help}, {if: \"found.lost\", to: "
    "claim}, {else: told}]}\n"
    "  claim: {call: claim.open, when: {ok: told, failed: help}}\n"
    "  help: {handoff: desk}\n"
    "  told: {end: told, say: bye, csat: true}\n"
    "  late: {end: late}\n";

static struct story_tally *tally;
static struct flow_report report;
static struct flow_set *set;

static int begin(void **state)
{
    struct flow *flow = NULL;
    struct err err;

    (void)state;
    flow_report_init(&report);
    flow_compile(slice_of(parcel), NULL, NULL, &flow, NULL, &report);
    if (flow == NULL)
        fail_msg("%s", report.findings[0].text);
    set = flow_set_create();
    assert_int_equal(flow_set_add(set, &flow, &err), ERR_OK);
    tally = calloc(1, sizeof(*tally));
    flow_report_init(&report);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    free(tally);
    flow_set_destroy(&set);
    return 0;
}

static void tell(const char *source)
{
    struct story_coverage *coverage = story_coverage_create(set);

    story_stubs_add(set);
    story_run(set, slice_of(source), "s.yaml", coverage, tally, &report);
    story_coverage_destroy(&coverage);
}

static void a_story_and_its_faults_are_told(void **state)
{
    (void)state;
    tell("story: found late\n"
         "flow: parcel@1\n"
         "given: {policy: {days: 3}, now: 2026-03-02T10:00+08:00}\n"
         "mock: {parcel.find: {ok: {days: 1}}}\n"
         "steps:\n"
         "  - {user: where is my parcel, expect: {state: ask, asked: no}}\n"
         "  - {user: how long does it take?, expect: {rung: faq, state: ask}}\n"
         "  - {user: \"it is SF880011\", expect: {called: parcel.find, end: told, text: bye, csat: "
         "true}}\n"
         "fault:\n"
         "  - {at: parcel.find, inject: failed, expect: {handoff: desk}}\n"
         "  - {at: parcel.find, inject: unknown, expect: {state: ask}}\n");
    if (tally->failure_count > 0)
        fail_msg("%s / %s", tally->failures[0].expected, tally->failures[0].actual);
    assert_int_equal(report.errors, 0);
    assert_int_equal(tally->stories, 3);
    assert_int_equal(tally->passed, 3);
}

static void a_failing_story_shows_step_expected_and_actual(void **state)
{
    (void)state;
    tell("story: wrong\n"
         "flow: parcel\n"
         "steps:\n"
         "  - {user: hello, expect: {state: ask}}\n"
         "  - {wait: 48h, expect: {state: find}}\n"
         "---\n"
         "story: no mock\n"
         "flow: parcel\n"
         "steps:\n"
         "  - {user: hello}\n"
         "  - {user: SF880011, expect: {end: told}}\n");
    assert_int_equal(tally->stories, 2);
    assert_int_equal(tally->failed, 2);
    assert_int_equal(tally->failures[0].step, 2);
    assert_int_equal(tally->failures[0].line, 5);
    assert_string_equal(tally->failures[0].expected, "state: find");
    assert_string_equal(tally->failures[0].actual, "(nothing)");
    assert_string_equal(tally->failures[1].expected, "end: told");
}

static void mistakes_in_a_story_are_reported(void **state)
{
    (void)state;
    tell("story: a\nflow: parcels\nsteps: []\n"
         "---\nstory: b\nflow: parcel\nstep: []\nsteps:\n  - {users: x}\n");
    assert_int_equal(report.findings[0].line, 2);
    assert_non_null(strstr(report.findings[0].text, "no flow parcels"));
    assert_non_null(strstr(report.findings[1].text, "no key step"));
    assert_non_null(strstr(report.findings[2].text, "a step is one of"));
}

static void called_flows_that_are_not_there_are_stood_in_for(void **state)
{
    (void)state;
    tell("story: lost\n"
         "flow: parcel\n"
         "given: {policy.days: 9}\n"
         "mock: {parcel.find: {ok: {days: 1, lost: true}}, claim.open: {exit: failed}}\n"
         "steps:\n"
         "  - {user: hello}\n"
         "  - {user: SF880011, expect: {handoff: desk}}\n");
    assert_int_equal(tally->passed, 1);
}

static void generated_stories_cover_every_row_and_pass(void **state)
{
    struct story_coverage *coverage = story_coverage_create(set);
    struct story_paths paths;
    struct buf source;
    size_t covered;
    size_t total;

    (void)state;
    story_stubs_add(set);
    buf_init(&source, 4 * 1024 * 1024);
    story_paths_generate(set, flow_set_at(set, 0), NULL, NULL, 1, &source, &paths);
    assert_int_equal(paths.covered, paths.total);
    assert_in_range(paths.stories, 3, 20);
    story_run(set, buf_slice(&source), "gen", coverage, tally, &report);
    assert_int_equal(tally->passed, paths.stories);
    story_coverage_count(coverage, &covered, &total);
    assert_int_equal(covered, total);
    buf_fini(&source);
    story_coverage_destroy(&coverage);
}

static void random_flows_neither_stop_dead_nor_run_for_ever(void **state)
{
    struct story_random result;

    (void)state;
    story_random_check(600, 7, &result);
    assert_int_equal(result.accepted + result.refused, 600);
    assert_in_range(result.accepted, 100, 590); /* both happen */
    assert_int_equal(result.without_reason, 0);
    assert_int_equal(result.dead_ends, 0);
    assert_int_equal(result.endless, 0);
    assert_int_equal(result.refused_steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_story_and_its_faults_are_told, begin, finish),
        cmocka_unit_test_setup_teardown(a_failing_story_shows_step_expected_and_actual, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(mistakes_in_a_story_are_reported, begin, finish),
        cmocka_unit_test_setup_teardown(called_flows_that_are_not_there_are_stood_in_for, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(generated_stories_cover_every_row_and_pass, begin, finish),
        cmocka_unit_test(random_flows_neither_stop_dead_nor_run_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
