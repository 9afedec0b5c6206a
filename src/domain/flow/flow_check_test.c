/* SPDX-License-Identifier: Apache-2.0 */
/* Every error and warning of the checker: a flow that has it, and one that does not. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

static struct flow_report report;

/* A small flow without findings; each %s is a place where a test puts something. */
static const char base[] =
    "flow: tea\n"
    "version: 2\n"
    "locales: [en]\n"
    "start: {phrases: [\"order tea\"]}\n"
    "slots:\n"
    "  kind: {type: enum, values: [green, black]}\n"
    "  cups: {type: number, min: 1, max: 9}\n"
    "  order: {type: json, fill: [action]}\n"
    "%s" /* slots */
    "actions:\n"
    "  tea.price: {in: [kind], out: order, errors: [sold_out]}\n"
    "%s" /* actions */
    "states:\n"
    "  ask_kind: {ask: kind, when: {filled: %s, exhausted: help, timeout: late}}\n"
    "%s" /* states */
    "  price: {do: tea.price, when: {ok: done, sold_out: help, failed: help}}\n"
    "  help: {handoff: desk}\n"
    "  late: {end: late}\n"
    "  done: {end: done, csat: true}\n"
    "%s"; /* more keys */

static struct flow *compiled_with(const char *slots, const char *actions, const char *next,
                                  const char *states, const char *more,
                                  const struct flow_host *host, const struct flow_others *others)
{
    char source[16384];
    struct flow *flow = NULL;

    snprintf(source, sizeof(source), base, slots, actions, next, states, more);
    flow_report_init(&report);
    flow_compile(slice_of(source), host, others, &flow, NULL, &report);
    return flow;
}

static void expect(const char *code, bool there, struct flow *flow)
{
    bool found = flow_report_has(&report, code);

    if (found != there) {
        for (size_t i = 0; i < report.count; i++)
            print_error("%u:%u %s %s\n", report.findings[i].line, report.findings[i].column,
                        report.findings[i].code, report.findings[i].text);
        fail_msg("%s should %sbe there", code, there ? "" : "not ");
    }
    assert_true((flow != NULL) == (report.errors == 0));
    flow_destroy(&flow);
}

static void expect_states(const char *code, bool there, const char *next, const char *states)
{
    expect(code, there, compiled_with("", "", next, states, "", NULL, NULL));
}

static void the_base_has_no_findings(void **state)
{
    struct flow *flow = compiled_with("", "", "price", "", "", NULL, NULL);

    (void)state;
    if (report.count > 0)
        fail_msg("%s %s", report.findings[0].code, report.findings[0].text);
    assert_non_null(flow);
    assert_true(slice_equal_text(flow_name(flow), "tea"));
    assert_int_equal(flow_version(flow), 2);
    flow_destroy(&flow);
}

static void e1_dangling_targets(void **state)
{
    (void)state;
    expect_states("E1", true, "pricy", "");
    assert_non_null(strstr(report.findings[0].text, "did you mean price?"));
    assert_int_equal(report.findings[0].line, 12);
    expect_states("E1", true, "more",
                  "  more: {ask: cupz, when: {filled: price, exhausted: help, timeout: late}}\n");
    expect_states("E1", true, "more", "  more: {do: tea.cost, when: {ok: price, failed: help}}\n");
    expect_states("E1", true, "more", "  more: {say: hello, to: .same}\n");
    expect_states("E1", false, "more",
                  "  more: {ask: cups, when: {filled: price, exhausted: help, timeout: .same}}\n");
}

static void e2_unreachable_states(void **state)
{
    (void)state;
    expect_states("E2", true, "price", "  island: {end: done}\n");
    expect_states("E2", false, "island", "  island: {say: hi, to: price}\n");
}

static void e3_states_that_never_finish(void **state)
{
    (void)state;
    expect_states("E3", true, "trap", "  trap: {wait: 1h, when: {timeout: trap, message: trap}}\n");
    expect_states("E3", false, "trap",
                  "  trap: {wait: 1h, when: {timeout: trap, message: price}}\n");
}

static void e4_silent_loops(void **state)
{
    (void)state;
    expect_states(
        "E4", true, "a",
        "  a: {say: x, to: b}\n  b: {choose: [{if: \"kind == 'green'\", to: a}, {else: price}]}\n");
    expect_states("E4", true, "retry",
                  "  retry: {do: tea.price, when: {ok: price, sold_out: help, failed: retry}}\n");
    expect_states("E4", false, "a",
                  "  a: {say: x, to: b}\n  b: {wait: 1h, when: {timeout: a, message: price}}\n");
}

static void e5_missing_outcomes(void **state)
{
    (void)state;
    expect_states("E5", true, "more",
                  "  more: {ask: cups, when: {filled: price, timeout: late}}\n");
    expect_states("E5", true, "more",
                  "  more: {ask: cups, when: {filled: price, exhausted: help}}\n");
    expect_states("E5", true, "more", "  more: {do: tea.price, when: {ok: price, failed: help}}\n");
    expect_states("E5", true, "more", "  more: {choose: [{if: \"kind == 'green'\", to: price}]}\n");
    expect_states("E5", true, "more", "  more: {wait: 1h, when: {message: price}}\n");
    expect("E5", true,
           compiled_with(
               "  note: {type: text, optional: true}\n", "", "more",
               "  more: {ask: note, when: {filled: price, exhausted: help, timeout: late}}\n", "",
               NULL, NULL));
    expect("E5", false,
           compiled_with("  note: {type: text, optional: true}\n", "", "more",
                         "  more: {ask: note, when: {filled: price, skipped: price, exhausted: "
                         "help, timeout: late}}\n",
                         "", NULL, NULL));
}

static void e6_reads_before_writes(void **state)
{
    (void)state;
    expect_states("E6", true, "more",
                  "  more: {choose: [{if: \"cups > 3\", to: help}, {else: price}]}\n");
    expect_states("E6", true, "more",
                  "  more: {choose: [{if: \"order.total > 3\", to: help}, {else: price}]}\n");
    expect_states(
        "E6", false, "more",
        "  more: {choose: [{if: \"known(cups) && cups > 3\", to: help}, {else: price}]}\n");
    expect_states("E6", false, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: help, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 3\", to: help}, {else: price}]}\n");
    /* One of two ways does not fill it. */
    expect_states("E6", true, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: more, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 3\", to: help}, {else: price}]}\n");
    /* Texts read too. */
    expect("E6", true,
           compiled_with("", "", "more", "  more: {say: bill, to: price}\n",
                         "texts: {bill: {en: \"{order.total}\"}, ask.kind: {en: a}, "
                         "kind.green: {en: a}, kind.black: {en: b}}\n",
                         NULL, NULL));
}

static void e7_type_errors(void **state)
{
    (void)state;
    expect_states("E7", true, "more",
                  "  more: {choose: [{if: \"kind > 3\", to: help}, {else: price}]}\n");
    assert_int_equal(report.findings[0].line, 13);
    assert_int_equal(report.findings[0].column, 25);
    expect_states("E7", true, "more",
                  "  more: {choose: [{if: \"kind == 'red'\", to: help}, {else: price}]}\n");
    expect_states("E7", true, "more",
                  "  more: {choose: [{if: \"99999999999999 * 99999999999999 > 1\", to: help}, "
                  "{else: price}]}\n");
    expect_states("E7", false, "more",
                  "  more: {choose: [{if: \"kind == 'green'\", to: help}, {else: price}]}\n");
}

static struct flow *small(const char *name, const char *body)
{
    char source[2048];
    struct flow *flow = NULL;
    struct flow_report own;

    snprintf(source, sizeof(source), "flow: %s\nversion: 1\nlocales: [en]\nstates: {%s}\n", name,
             body);
    flow_report_init(&own);
    flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &own);
    if (flow == NULL)
        fail_msg("%s", own.findings[0].text);
    return flow;
}

static void e8_recursion_and_calls(void **state)
{
    struct flow *milk = small("milk", "go: {call: tea, when: {done: ok, late: ok}}, ok: {end: ok}");
    struct flow *water = small("water", "go: {say: w, to: ok}, ok: {end: ok}");
    const struct flow *both[] = { milk, water };
    struct flow_others others = { both, 2, true };

    (void)state;
    expect("E8", true,
           compiled_with("", "", "more", "  more: {call: milk, when: {ok: price}}\n", "", NULL,
                         &others));
    expect("E8", true,
           compiled_with("", "", "more", "  more: {call: tea, when: {done: price, late: price}}\n",
                         "", NULL, &others));
    expect("E8", false,
           compiled_with("", "", "more", "  more: {call: water, when: {ok: price}}\n", "", NULL,
                         &others));
    expect("E5", true,
           compiled_with("", "", "more", "  more: {call: water, when: {failed: price}}\n", "", NULL,
                         &others));
    expect("E1", true,
           compiled_with("", "", "more", "  more: {call: water, when: {ok: price, wet: help}}\n",
                         "", NULL, &others));
    expect("E1", true,
           compiled_with("", "", "more", "  more: {call: wine, when: {ok: price}}\n", "", NULL,
                         &others));
    flow_destroy(&milk);
    flow_destroy(&water);
}

static void e9_missing_texts(void **state)
{
    static const char all[] =
        "texts: {ask.kind: {en: a}, kind.green: {en: a}, kind.black: {en: b}}\n";

    (void)state;
    expect("E9", false, compiled_with("", "", "price", "", all, NULL, NULL));
    expect("E9", true,
           compiled_with("", "", "price", "", "texts: {ask.kind: {en: a}}\n", NULL, NULL));
    expect("E9", true,
           compiled_with("", "", "more", "  more: {say: hello, to: price}\n", all, NULL, NULL));
    expect(
        "E9", true,
        compiled_with("", "", "price", "",
                      "texts: {ask.kind: {zh-CN: a}, kind.green: {en: a}, kind.black: {en: b}}\n",
                      NULL, NULL));
}

static void e10_side_effects_without_idempotency(void **state)
{
    (void)state;
    expect("E10", true,
           compiled_with("", "  tea.pay: {side_effect: true}\n", "price", "", "", NULL, NULL));
    expect("E10", false,
           compiled_with("", "  tea.pay: {side_effect: true, idempotency: call}\n", "price", "", "",
                         NULL, NULL));
    expect("E10", false,
           compiled_with("", "  tea.pay: {side_effect: true, idempotency: [kind]}\n", "price", "",
                         "", NULL, NULL));
}

static void e11_unknown_queues_and_skills(void **state)
{
    const struct slice queues[] = { SLICE_LITERAL("desk"), SLICE_LITERAL("night") };
    const struct slice skills[] = { SLICE_LITERAL("tea") };
    struct flow_host host = {
        .queues = queues, .queue_count = 2, .skills = skills, .skill_count = 1
    };

    (void)state;
    expect("E11", false, compiled_with("", "", "price", "", "", &host, NULL));
    expect("E11", true,
           compiled_with("", "", "more", "  more: {handoff: {queue: nigth}}\n", "", &host, NULL));
    expect("E11", true,
           compiled_with("", "", "more", "  more: {handoff: {queue: night, skills: {coffee: 2}}}\n",
                         "", &host, NULL));
}

static void e12_personal_data_without_the_right(void **state)
{
    static const char slot[] = "  phone: {type: phone}\n";

    (void)state;
    expect("E12", true,
           compiled_with(slot, "  sms.send: {in: [phone]}\n", "price", "", "", NULL, NULL));
    expect("E12", false,
           compiled_with(slot, "  sms.send: {in: [phone], rights: [pii]}\n", "price", "", "", NULL,
                         NULL));
}

static void e13_patterns_that_are_not_linear(void **state)
{
    (void)state;
    expect("E13", true,
           compiled_with("  code: {type: text, pattern: \"(a)\\\\1\"}\n", "", "price", "", "", NULL,
                         NULL));
    expect("E13", true,
           compiled_with("  code: {type: text, pattern: \"(a{1,500}){1,500}\"}\n", "", "price", "",
                         "", NULL, NULL));
    expect_states("E13", true, "more",
                  "  more: {choose: [{if: \"match(kind, '(?=a)')\", to: help}, {else: price}]}\n");
    expect("E13", false,
           compiled_with("  code: {type: text, pattern: \"^[A-Z]{2}$\"}\n", "", "price", "", "",
                         NULL, NULL));
}

static void w1_guards_that_decide_nothing(void **state)
{
    (void)state;
    expect_states("W1", true, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: help, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 5 && cups < 3\", to: help}, {else: price}]}\n");
    expect_states(
        "W1", true, "more",
        "  more: {choose: [{if: \"kind in ['green', 'black']\", to: help}, {else: price}]}\n");
    expect_states("W1", false, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: help, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 3 && cups < 5\", to: help}, {else: price}]}\n");
}

static void w2_shadowed_rows(void **state)
{
    (void)state;
    expect_states("W2", true, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: help, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 3\", to: help}, {if: \"cups > 5\", to: late}, "
                  "{else: price}]}\n");
    expect_states("W2", true, "more",
                  "  more: {choose: [{if: \"kind == 'green'\", to: help}, {if: \"kind == "
                  "'black'\", to: late}, {else: price}]}\n");
    expect_states("W2", false, "ask_cups",
                  "  ask_cups: {ask: cups, when: {filled: more, exhausted: help, timeout: late}}\n"
                  "  more: {choose: [{if: \"cups > 5\", to: help}, {if: \"cups > 3\", to: late}, "
                  "{else: price}]}\n");
}

static void w3_too_many_buttons(void **state)
{
    static const char ask[] =
        "  more: {ask: size, when: {filled: price, exhausted: help, timeout: late}}\n";

    (void)state;
    expect("W3", true,
           compiled_with("  size: {type: enum, values: [a, b, c, d, e, f, g, h]}\n", "", "more",
                         ask, "", NULL, NULL));
    expect("W3", false,
           compiled_with("  size: {type: enum, values: [a, b, c, d, e, f, g]}\n", "", "more", ask,
                         "", NULL, NULL));
}

static void w4_many_asks_in_a_row(void **state)
{
    static const char slots[] = "  a: {type: text}\n  b: {type: text}\n  c: {type: text}\n";
    char states[1024];

    (void)state;
    for (int with = 0; with < 2; with++) {
        snprintf(states, sizeof(states),
                 "  q1: {ask: a, when: {filled: q2, exhausted: help, timeout: late}}\n"
                 "  q2: {ask: b, %swhen: {filled: q3, exhausted: help, timeout: late}}\n"
                 "  q3: {ask: c, when: {filled: price, exhausted: help, timeout: late}}\n",
                 with ? "progress: half, " : "");
        expect("W4", !with, compiled_with(slots, "", "q1", states, "", NULL, NULL));
    }
}

static void w5_no_rating(void **state)
{
    struct flow *flow = NULL;

    (void)state;
    expect_states("W5", false, "price", "");
    flow_report_init(&report);
    flow_compile(slice_of("flow: x\nversion: 1\nlocales: [en]\nstart: {intents: [x]}\nstates: {a: "
                          "{end: done}}\n"),
                 NULL, NULL, &flow, NULL, &report);
    expect("W5", true, flow);
}

static void w6_forgotten_values(void **state)
{
    static const char slot[] = "  size: {type: enum, values: [s, m, l, xl]}\n";
    static const char ask[] =
        "  ask_size: {ask: size, when: {filled: more, exhausted: help, timeout: late}}\n";
    char states[512];

    (void)state;
    snprintf(states, sizeof(states),
             "%s  more: {choose: [{if: \"size == 's'\", to: help}, {if: \"size == 'm'\", to: "
             "late}, {else: price}]}\n",
             ask);
    expect("W6", true, compiled_with(slot, "", "ask_size", states, "", NULL, NULL));
    snprintf(states, sizeof(states),
             "%s  more: {choose: [{if: \"size in ['s', 'l']\", to: help}, {if: \"size == 'm'\", "
             "to: late}, {else: price}]}\n",
             ask);
    expect("W6", false, compiled_with(slot, "", "ask_size", states, "", NULL, NULL));
}

static void w7_triggers_of_two_flows(void **state)
{
    struct flow *other = NULL;
    struct flow_report own;
    const struct flow *list[1];
    struct flow_others others = { list, 1, false };

    (void)state;
    for (int same = 0; same < 2; same++) {
        char source[512];

        snprintf(source, sizeof(source),
                 "flow: two\nversion: 1\nlocales: [en]\nstart: {phrases: [\"%s\"]}\nstates: {a: "
                 "{end: done, csat: true}}\n",
                 same ? "Order tea!" : "cancel my coffee");
        flow_report_init(&own);
        flow_compile(slice_of(source), NULL, NULL, &other, NULL, &own);
        list[0] = other;
        expect("W7", same, compiled_with("", "", "price", "", "", NULL, &others));
        flow_destroy(&other);
    }
}

static void w8_channels_that_cannot_show_it(void **state)
{
    static const char ask[] =
        "  more: {ask: photo, when: {filled: price, exhausted: help, timeout: late}}\n";
    static const char slot[] = "  photo: {type: file}\n";

    (void)state;
    expect("W8", true, compiled_with(slot, "", "more", ask, "channels: [web, sms]\n", NULL, NULL));
    expect("W8", false,
           compiled_with(slot, "", "more", ask, "channels: [web, wechat]\n", NULL, NULL));
}

/* ---- bad input ---- */
static void expect_source(const char *source, const char *text, unsigned line, unsigned column)
{
    struct flow *flow = NULL;

    flow_report_init(&report);
    flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
    assert_null(flow);
    if (report.count == 0 || strstr(report.findings[0].text, text) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", text, report.findings[0].text);
    assert_int_equal(report.findings[0].line, line);
    assert_int_equal(report.findings[0].column, column);
}

static void what_is_not_in_the_subset_is_refused_where_it_stands(void **state)
{
    (void)state;
    expect_source("flow: &x a\n", "anchors", 1, 7);
    expect_source("flow: a\nversion: *x\n", "aliases", 2, 10);
    expect_source("flow: !!str a\n", "tags", 1, 7);
    expect_source("%YAML 1.1\n---\nflow: a\n", "directives", 1, 1);
    expect_source("flow: a\nversion: 1\nflow: b\n", "key flow twice", 3, 1);
    expect_source("flow: a\nstates:\n\ta: {end: x}\n", "a tab", 3, 1);
    expect_source("flow: a\nstates: {[a]: b}\n", "a key must be a plain text", 2, 10);
    expect_source("flow: a\n--- \nflow: b\n", "one document", 3, 1);
    expect_source("flow: \xFF\n", "not UTF-8", 1, 7);
    expect_source("", "empty", 1, 1);
    expect_source("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "nested too deep", 1, 17);
    expect_source("{\"flow\": \"a\", \"flow\": \"b\"}", "key flow twice", 1, 16);
    expect_source("{\"flow\": null}", "null", 1, 14);
}

static void the_schema_suggests_the_nearest_key(void **state)
{
    (void)state;
    expect_source("flow: a\nversion: 1\nlocales: [en]\nstates: {a: {ask: x, wen: {}}}\n",
                  "no key wen here (did you mean when?)", 4, 22);
    expect_source("flow: a\nversion: one\nlocales: [en]\nstates: {a: {end: x}}\n",
                  "a whole number belongs here", 2, 10);
    expect_source("flow: a\nversion: 1\nlocales: [en]\nstates: {a: {end: x, csat: yes}}\n",
                  "true or false belongs here", 4, 28);
    expect_source(
        "flow: a\nversion: 1\nlocales: [en]\nslots: {a: {type: txt}}\nstates: {a: {end: x}}\n",
        "did you mean text?", 4, 19);
    expect_source(
        "flow: a\nversion: 1\nlocales: [en]\nstates: {a: {wait: soon, when: {timeout: a}}}\n",
        "a duration belongs here", 4, 20);
    expect_source("flow: a\nversion: 1\nlocales: [en]\n", "key states is missing", 1, 1);
    expect_source("flow: a\nversion: 1\nlocales: [en]\nstates: {a: {ask: x, on: {}}}\n",
                  "no key on here (did you mean when?)", 4, 22);
    expect_source("flow: a\nversion: 1\nlocales: [en]\nstates: {a: {ask: x, <<: {}}}\n",
                  "no key << here", 4, 22);
    expect_source("flow: a\nversion: 1\nlocales: [en]\nstates: {a: {ask: x, end: y}}\n",
                  "exactly one of", 4, 10);
}

static void json_means_the_same_as_yaml(void **state)
{
    struct flow *yaml = NULL;
    struct flow *json = NULL;

    (void)state;
    flow_report_init(&report);
    flow_compile(slice_of("flow: x\nversion: 1\nlocales: [en]\nstates: {a: {wait: 1h, when: "
                          "{timeout: b}}, b: {end: done}}\n"),
                 NULL, NULL, &yaml, NULL, &report);
    flow_compile(slice_of("{\"flow\":\"x\",\"version\":1,\"locales\":[\"en\"],\n\"states\":{\"a\":{"
                          "\"wait\":\"1h\","
                          "\"when\":{\"timeout\":\"b\"}},\n\"b\":{\"end\":\"done\"}}}"),
                 NULL, NULL, &json, NULL, &report);
    assert_int_equal(report.count, 0);
    assert_int_equal(flow_bytes(yaml), flow_bytes(json));
    flow_destroy(&yaml);
    flow_destroy(&json);
}

static char *big(size_t states)
{
    size_t size = states * 64 + 256;
    char *source = malloc(size);
    size_t len = (size_t)snprintf(source, size, "flow: big\nversion: 1\nlocales: [en]\nstates:\n");

    for (size_t i = 0; i + 1 < states; i++)
        len += (size_t)snprintf(source + len, size - len, "  s%zu: {say: t, to: s%zu}\n", i, i + 1);
    snprintf(source + len, size - len, "  s%zu: {end: done}\n", states - 1);
    return source;
}

static void a_thousand_states_work_and_one_more_is_refused(void **state)
{
    (void)state;
    for (size_t states = FLOW_STATES_MAX; states <= FLOW_STATES_MAX + 1; states++) {
        char *source = big(states);
        struct flow *flow = NULL;

        flow_report_init(&report);
        flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
        assert_true((flow != NULL) == (states == FLOW_STATES_MAX));
        flow_destroy(&flow);
        free(source);
    }
}

/* `count` entries made by fmt (with one number) between head and tail. */
static bool compiles(const char *head, const char *fmt_before, const char *fmt_after, size_t count,
                     const char *tail)
{
    size_t size = count * 96 + 4096;
    char *source = malloc(size);
    size_t len = (size_t)snprintf(source, size, "flow: x\nversion: 1\n%s", head);
    struct flow *flow = NULL;
    bool ok;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(source + len, size - len, "%s%zu%s", fmt_before, i, fmt_after);
    snprintf(source + len, size - len, "%s", tail);
    flow_report_init(&report);
    flow_compile(slice_of(source), NULL, NULL, &flow, NULL, &report);
    ok = flow != NULL;
    flow_destroy(&flow);
    free(source);
    return ok;
}

static void every_table_is_bounded(void **state)
{
    static const char end[] = "states: {a: {end: done}}\n";
    static const char asked[] = "]}}\nstates: {a: {end: done}}\n";

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        assert_int_equal(compiles("locales: [en]\nslots:\n", "  s", ": {type: text}\n",
                                  FLOW_SLOTS_MAX + more, end),
                         more == 0);
        assert_int_equal(compiles("locales: [en]\nactions:\n", "  a", ": {retry: 1}\n",
                                  FLOW_ACTIONS_MAX + more, end),
                         more == 0);
        assert_int_equal(
            compiles("locales: [en]\ntexts:\n", "  t", ": {en: x}\n", FLOW_TEXTS_MAX + more, end),
            more == 0);
        assert_int_equal(compiles("locales: [en]\nslots: {s: {type: enum, values: [first", ", v",
                                  "", FLOW_VALUES_MAX - 1 + more, asked),
                         more == 0);
        assert_int_equal(compiles("locales: [first", ", l", "", FLOW_LOCALES_MAX - 1 + more,
                                  "]\nstates: {a: {end: done}}\n"),
                         more == 0);
    }
}

static void a_source_of_ten_megabytes_is_refused(void **state)
{
    size_t len = (size_t)10 * 1024 * 1024;
    char *source = malloc(len);
    struct flow *flow = NULL;

    (void)state;
    memset(source, 'a', len);
    flow_report_init(&report);
    flow_compile(slice_make(source, len), NULL, NULL, &flow, NULL, &report);
    assert_null(flow);
    assert_non_null(strstr(report.findings[0].text, "limit 1048576"));
    free(source);
}

/* ---- the canonical form ---- */
static void formatting_twice_changes_nothing_and_keeps_comments(void **state)
{
    static const char source[] = "# why this flow is\n"
                                 "version: 1   # goes up\n"
                                 "flow:    x\n"
                                 "locales: [ en ]\n"
                                 "states:\n"
                                 "  # the first\n"
                                 "  a:\n"
                                 "    when: {timeout: b}\n"
                                 "    wait: 1h   # one hour\n"
                                 "  b: {end: \"12\"}\n"
                                 "# the end\n";
    static const char canonical[] = "# why this flow is\n"
                                    "flow: x\n"
                                    "version: 1  # goes up\n"
                                    "locales: [en]\n"
                                    "states:\n"
                                    "  # the first\n"
                                    "  a: {wait: 1h, when: {timeout: b}}  # one hour\n"
                                    "  b: {end: \"12\"}\n"
                                    "# the end\n";
    struct buf once;
    struct buf twice;

    (void)state;
    buf_init(&once, 65536);
    buf_init(&twice, 65536);
    flow_report_init(&report);
    assert_true(flow_format(slice_of(source), &once, &report));
    assert_int_equal(once.len, strlen(canonical));
    assert_memory_equal(once.ptr, canonical, once.len);
    assert_true(flow_format(buf_slice(&once), &twice, &report));
    assert_true(slice_equal(buf_slice(&once), buf_slice(&twice)));
    buf_fini(&once);
    buf_fini(&twice);
}

static void the_published_schema_is_the_one_of_the_code(void **state)
{
    FILE *in = fopen("docs/flow.schema.json", "rb");
    static char published[256 * 1024];
    size_t len;
    struct buf schema;

    (void)state;
    assert_non_null(in);
    len = fread(published, 1, sizeof(published), in);
    fclose(in);
    buf_init(&schema, sizeof(published));
    flow_schema_text(&schema);
    if (len != schema.len || memcmp(published, schema.ptr, len) != 0)
        fail_msg("docs/flow.schema.json is old: kefu flow schema > docs/flow.schema.json");
    buf_fini(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_has_no_findings),
        cmocka_unit_test(e1_dangling_targets),
        cmocka_unit_test(e2_unreachable_states),
        cmocka_unit_test(e3_states_that_never_finish),
        cmocka_unit_test(e4_silent_loops),
        cmocka_unit_test(e5_missing_outcomes),
        cmocka_unit_test(e6_reads_before_writes),
        cmocka_unit_test(e7_type_errors),
        cmocka_unit_test(e8_recursion_and_calls),
        cmocka_unit_test(e9_missing_texts),
        cmocka_unit_test(e10_side_effects_without_idempotency),
        cmocka_unit_test(e11_unknown_queues_and_skills),
        cmocka_unit_test(e12_personal_data_without_the_right),
        cmocka_unit_test(e13_patterns_that_are_not_linear),
        cmocka_unit_test(w1_guards_that_decide_nothing),
        cmocka_unit_test(w2_shadowed_rows),
        cmocka_unit_test(w3_too_many_buttons),
        cmocka_unit_test(w4_many_asks_in_a_row),
        cmocka_unit_test(w5_no_rating),
        cmocka_unit_test(w6_forgotten_values),
        cmocka_unit_test(w7_triggers_of_two_flows),
        cmocka_unit_test(w8_channels_that_cannot_show_it),
        cmocka_unit_test(what_is_not_in_the_subset_is_refused_where_it_stands),
        cmocka_unit_test(the_schema_suggests_the_nearest_key),
        cmocka_unit_test(json_means_the_same_as_yaml),
        cmocka_unit_test(a_thousand_states_work_and_one_more_is_refused),
        cmocka_unit_test(every_table_is_bounded),
        cmocka_unit_test(a_source_of_ten_megabytes_is_refused),
        cmocka_unit_test(formatting_twice_changes_nothing_and_keeps_comments),
        cmocka_unit_test(the_published_schema_is_the_one_of_the_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
