/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kefu/routing.h"

#include "buf.h"
#include "check.h"
#include "mem.h"

static struct route_config *config;
static struct route_report report;

static bool load(const char *json)
{
    return route_config_load(json, strlen(json), NULL, &config, &report);
}

static int end(void **state)
{
    (void)state;
    route_config_destroy(&config);
    return 0;
}

struct bad {
    const char *json, *path, *text;
};

#define AGENT "\"agents\":[{\"id\":\"a\",\"teams\":[\"t\"]}]"

#define RULES(rules) "{" AGENT ",\"queues\":{\"q\":{}},\"routes\":[" rules "]}"

static void every_mistake_is_named_with_its_path(void **state)
{
    static const struct bad bad[] = {
        { "{", "", "not JSON: ends too early" },
        { "[]", "", "must be an object" },
        { "{} x", "", "not JSON: something after the end" },
        { "{\"x\":1}", "x", "is not a known section" },
        { "{" AGENT "}", "", "a configuration needs queues" },
        { "{" AGENT ",\"queues\":{\"q\":{\"pick\":\"best\"}}}", "queues.q.pick",
          "must be fair, balanced, efficient, round_robin, longest_idle or manual" },
        { "{" AGENT ",\"queues\":{\"q\":{\"skills\":{\"zh\":3}}}}", "queues.q.skills.zh",
          "unknown skill 'zh'" },
        { "{" AGENT ",\"queues\":{\"q\":{\"overflow\":[\"w\"]}}}", "queues.q.overflow[0]",
          "unknown queue 'w'" },
        { "{" AGENT ",\"queues\":{\"q\":{\"rings\":[{\"after\":\"0s\"},{\"after\":\"20s\"},"
          "{\"after\":\"20s\"}]}}}",
          "queues.q.rings[2]", "rings stand in the order of their times" },
        { "{" AGENT ",\"queues\":{\"q\":{\"rings\":[{\"after\":\"5s\"}]}}}", "queues.q.rings[0]",
          "the first ring begins after 0s" },
        { "{" AGENT ",\"queues\":{\"q\":{\"team\":\"u\"}}}", "queues.q.team", "unknown team 'u'" },
        { "{" AGENT ",\"queues\":{\"q\":{\"sla\":{\"first\":\"30\"}}}}", "queues.q.sla.first",
          "must be a duration such as 20s, 5m or 72h" },
        { "{" AGENT
          ",\"queues\":{\"q\":{\"overflow\":[\"r\"]},\"r\":{\"closed\":{\"queue\":\"q\"}}}}",
          "queues.q", "overflow goes in a circle: 'r' leads back to 'q'" },
        { "{\"skills\":[\"s\"]," AGENT ",\"queues\":{\"q\":{\"skills\":{\"s\":1}}}}", "queues.q",
          "no agent has the team and the skills to serve this queue" },
        { "{\"agents\":[{\"id\":\"a\",\"capacity\":0}],\"queues\":{\"q\":{}}}",
          "agents[0].capacity", "must be a whole number from 1 to 100" },
        { "{\"agents\":[{\"name\":\"a\"}],\"queues\":{\"q\":{}}}", "agents[0]",
          "an agent needs an id" },
        { "{\"agents\":[{\"id\":\"a\"},{\"id\":\"a\"}],\"queues\":{\"q\":{}}}", "agents",
          "two agents with the id 'a'" },
        { "{\"skills\":[\"s\",\"s\"]}", "skills[1]", "is given twice" },
        { "{\"calendars\":{\"c\":{\"week\":{\"mon\":[\"9:00-18:00\"]}}}}",
          "calendars.c.week.mon[0]",
          "must be a span such as 09:00-18:00 (22:00-06:00 passes midnight)" },
        { "{\"calendars\":{\"c\":{\"holidays\":[\"2026-02-30\"]}}}", "calendars.c.holidays[0]",
          "must be a date such as 2026-10-01, or 2026-10-01..2026-10-07" },
        { "{\"calendars\":{\"c\":{\"workdays\":[\"2026-10-10\"]}}}", "calendars.c.workdays[0]",
          "mon has no hours to work by" },
        { "{\"settings\":{\"fade\":{\"from\":\"90%\",\"to\":\"80%\"}}}", "settings.fade",
          "from is above to" },
        { RULES("{\"id\":\"r\",\"if\":\"intent = 1\",\"queue\":\"q\"}"), "routes[0].if",
          "column 8: = is not an operator: compare with ==" },
        { RULES("{\"id\":\"r\",\"if\":\"itent == 'a'\",\"queue\":\"q\"}"), "routes[0].if",
          "column 1: no name itent (did you mean intent?)" },
        { RULES("{\"id\":\"r\",\"else\":true,\"queue\":\"w\"}"), "routes[0].queue",
          "unknown queue 'w'" },
        { RULES("{\"id\":\"r\",\"if\":\"intent == 'a'\",\"queue\":\"q\"}"), "routes",
          "the last rule must have else: true, or some conversations go nowhere" },
        { RULES("{\"id\":\"r\",\"else\":true,\"queue\":\"q\"},"
                "{\"id\":\"s\",\"if\":\"intent == 'a'\",\"queue\":\"q\"}"),
          "routes[1]", "is shadowed: a rule with else stands before it" },
        { RULES("{\"id\":\"r\",\"if\":\"intent ~ 'order.*'\",\"queue\":\"q\"},"
                "{\"id\":\"s\",\"if\":\"intent == 'order.return' && flow != 'x'\",\"queue\":\"q\"},"
                "{\"id\":\"t\",\"else\":true,\"queue\":\"q\"}"),
          "routes[1]", "is shadowed: 'r' before it takes all that it could" },
        { RULES("{\"id\":\"r\",\"if\":\"lang == 'zh' && !open('w')\",\"queue\":\"q\"},"
                "{\"id\":\"t\",\"else\":true,\"queue\":\"q\"}"),
          "routes[0].if", "unknown queue 'w'" },
        { "{\"skills\":[\"s\"]," AGENT
          ",\"queues\":{\"q\":{}},\"routes\":[{\"id\":\"r\",\"else\":true,"
          "\"queue\":\"q\",\"skills\":{\"s\":3}}]}",
          "routes[0]", "no agent of queue 'q' has the skills" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        assert_false(load(bad[i].json));
        assert_null(config);
        assert_string_equal(report.items[0].path, bad[i].path);
        assert_string_equal(report.items[0].text, bad[i].text);
    }
}

static void agent_who_never_works_while_the_queue_is_open_does_not_count(void **state)
{
    (void)state;
    assert_false(load("{\"calendars\":{\"day\":{\"week\":{\"mon-fri\":[\"09:00-18:00\"]}},"
                      "\"night\":{\"week\":{\"mon-fri\":[\"18:00-09:00\"]}}},"
                      "\"agents\":[{\"id\":\"a\",\"calendar\":\"night\"}],"
                      "\"queues\":{\"q\":{\"calendar\":\"day\"}}}"));
    assert_string_equal(report.items[0].text,
                        "no agent who could serve this queue works while it is open");
}

static void one_report_shows_all_mistakes(void **state)
{
    (void)state;
    assert_false(
        load("{\"settings\":{\"slow_start\":1,\"wrap_up\":\"x\",\"quiet\":{\"over\":-1}}}"));
    assert_int_equal(report.errors, 3);
    assert_string_equal(report.items[2].path, "settings.quiet.over");
}

static char *agents_json(unsigned count)
{
    struct buf buf;
    char *json;

    buf_init(&buf, 1 << 20);
    buf_add_text(&buf, "{\"queues\":{\"q\":{}},\"agents\":[");
    for (unsigned i = 0; i < count; i++)
        buf_printf(&buf, "%s{\"id\":\"%u\"}", i > 0 ? "," : "", i);
    buf_add_text(&buf, "]}");
    json = mem_strndup(buf.ptr, buf.len);
    buf_fini(&buf);
    return json;
}

static void agent_10001_is_one_too_many(void **state)
{
    char *json = agents_json(ROUTE_AGENTS_MAX);

    (void)state;
    assert_true(load(json));
    assert_int_equal(route_count(config, ROUTE_KIND_AGENT), ROUTE_AGENTS_MAX);
    route_config_destroy(&config);
    free(json);
    json = agents_json(ROUTE_AGENTS_MAX + 1);
    assert_false(load(json));
    assert_string_equal(report.items[0].path, "agents[10000]");
    assert_string_equal(report.items[0].text, "agent number 10001: the limit is 10000");
    free(json);
}

/* ---- limits ---- */

/* One configuration, with count items of the kind under test and as few of the others as can be. */
struct limit {
    const char *before, *item, *after; /* # in item: its number */
    unsigned max;
    const char *text; /* of one beyond */
};

static bool load_items(const struct limit *limit, unsigned count)
{
    struct buf json;
    bool loaded;

    buf_init(&json, 1 << 20);
    buf_add_text(&json, limit->before);
    for (unsigned i = 0; i < count; i++) {
        buf_add_text(&json, i > 0 ? "," : "");
        for (const char *c = limit->item; *c != '\0'; c++) {
            if (*c == '#')
                buf_add_u64(&json, i);
            else
                buf_add_char(&json, *c);
        }
    }
    buf_add_text(&json, limit->after);
    loaded = route_config_load(json.ptr, json.len, NULL, &config, &report);
    buf_fini(&json);
    return loaded;
}

#define ONE_QUEUE ",\"queues\":{\"q\":{}}}"

static void limits_hold_at_the_limit_and_refuse_one_beyond(void **state)
{
    static const struct limit limits[] = {
        { "{\"agents\":[{\"id\":\"a\"}],\"queues\":{", "\"q#\":{}", "}}", ROUTE_QUEUES_MAX,
          "queue number 257: the limit is 256" },
        { "{\"agents\":[{\"id\":\"a\"}],\"skills\":[", "\"s#\"", "]" ONE_QUEUE, ROUTE_SKILLS_MAX,
          "skill number 65: the limit is 64" },
        { "{\"agents\":[{\"id\":\"a\",\"teams\":[", "\"t#\"", "]}]" ONE_QUEUE, ROUTE_LABELS_MAX,
          "team number 65: the limit is 64" },
        { "{\"agents\":[{\"id\":\"a\",\"languages\":[", "\"l#\"", "]}]" ONE_QUEUE, ROUTE_LABELS_MAX,
          "language number 65: the limit is 64" },
        { "{\"agents\":[{\"id\":\"a\"}],\"calendars\":{", "\"c#\":{}", "}" ONE_QUEUE,
          ROUTE_CALENDARS_MAX, "calendar number 65: the limit is 64" },
        { "{\"agents\":[{\"id\":\"a\"}],\"calendars\":{\"c\":{\"week\":{\"mon\":[",
          "\"09:00-10:00\"", "]}}}" ONE_QUEUE, ROUTE_DAY_SPANS_MAX, "more than 4 spans in a day" },
        { "{\"agents\":[{\"id\":\"a\"}],\"queues\":{\"q\":{\"rings\":[{\"after\":\"0s\"},",
          "{\"after\":\"1#s\"}", "]}}}", ROUTE_RINGS_MAX - 1, "more than 8 rings" },
        { "{\"agents\":[{\"id\":\"a\"}],\"queues\":{\"r\":{},\"q\":{\"overflow\":[", "\"r\"",
          "]}}}", ROUTE_OVERFLOW_MAX, "more than 8 queues" },
        { "{\"agents\":[{\"id\":\"a\"}],\"queues\":{\"q\":{}},\"facts\":{", "\"f#\":\"text\"", "}}",
          ROUTE_FACTS_MAX - 7, "more than 64 facts" },
        { "{\"agents\":[{\"id\":\"a\"}],\"queues\":{\"q\":{}},\"routes\":[{\"id\":\"e\",\"if\":"
          "\"lang == 'e'\",\"queue\":\"q\"},",
          "{\"id\":\"r#\",\"if\":\"site == '#'\",\"queue\":\"q\"}",
          ",{\"id\":\"z\",\"else\":true,\"queue\":\"q\"}]}", ROUTE_RULES_MAX - 2,
          "rule number 1001: the limit is 1000" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(limits); i++) {
        if (!load_items(&limits[i], limits[i].max))
            fail_msg("%s: %s", report.items[0].path, report.items[0].text);
        route_config_destroy(&config);
        assert_false(load_items(&limits[i], limits[i].max + 1));
        assert_string_equal(report.items[0].text, limits[i].text);
    }
}

/* ---- rules ---- */

static const char routes[] =
    "{\"skills\":[\"zh\",\"returns\"],\"facts\":{\"cart.total\":\"number\"},"
    "\"agents\":[{\"id\":\"a\",\"languages\":[\"en\",\"zh\"],\"skills\":{\"zh\":9,\"returns\":4}}],"
    "\"calendars\":{\"night\":{\"week\":{\"mon\":[\"22:00-06:00\"]}}},"
    "\"queues\":{\"vip\":{},\"general\":{},\"night\":{\"calendar\":\"night\"}},\"routes\":["
    "{\"id\":\"vip-zh\",\"if\":\"contact.tier == 'vip' && lang == 'zh'\",\"queue\":\"vip\","
    "\"skills\":{\"zh\":5},\"priority\":8,\"sticky\":\"20s\"},"
    "{\"id\":\"big\",\"if\":\"cart.total >= 99.5\",\"queue\":\"vip\",\"prefer\":{\"returns\":2}},"
    "{\"id\":\"night\",\"if\":\"open('night')\",\"queue\":\"night\",\"offer\":\"ticket\"},"
    "{\"id\":\"rest\",\"else\":true,\"queue\":\"general\"}]}";

static const char *rule_for(const struct route_fact *facts, uint32_t count, int64_t now_ms,
                            struct route_request *request)
{
    route_request_init(request);
    assert_int_equal(route_classify(config, facts, count, now_ms, request), ROUTE_OK);
    return route_name(config, ROUTE_KIND_RULE, request->rule);
}

static void first_rule_that_holds_classifies(void **state)
{
    struct route_fact facts[] = {
        { .name = "contact.tier", .type = ROUTE_FACT_TEXT, .text = "vip", .text_len = 3 },
        { .name = "lang", .type = ROUTE_FACT_TEXT, .text = "zh", .text_len = 2 },
        { .name = "cart.total", .type = ROUTE_FACT_NUMBER, .number = 99.5 },
        { .name = "no one asks", .type = ROUTE_FACT_BOOL },
    };
    struct route_request request;

    (void)state;
    assert_true(load(routes));
    assert_string_equal(rule_for(facts, 4, 0, &request), "vip-zh");
    assert_int_equal(request.require[0].level, 5);
    assert_int_equal(request.priority, 8);
    assert_int_equal(request.sticky_wait_ms, 20000);
    assert_int_equal(request.language, 1);
    assert_string_equal(rule_for(facts + 1, 3, 0, &request), "big");
    assert_int_equal(request.prefer_count, 1);
    facts[2].number = 99.4999;
    assert_string_equal(rule_for(facts + 1, 3, 0, &request), "rest");
    /* Monday, 1970-01-05 23:00 */
    assert_string_equal(rule_for(facts + 3, 1, (4 * 24 + 23) * INT64_C(3600000), &request),
                        "night");
    assert_int_equal(request.alternatives, ROUTE_ALTERNATIVE_TICKET);
}

static void rule_that_cannot_hold_is_a_warning(void **state)
{
    (void)state;
    assert_true(load(RULES("{\"id\":\"r\",\"if\":\"lang == 'a' && lang == 'b'\",\"queue\":\"q\"},"
                           "{\"id\":\"t\",\"else\":true,\"queue\":\"q\"}")));
    assert_int_equal(report.warnings, 1);
    assert_string_equal(report.items[0].path, "routes[0]");
    assert_string_equal(report.items[0].text, "never holds");
}

/* ---- calendars ---- */

static const char year[] =
    "{\"calendars\":{\"shop\":{\"offset\":\"+08:00\",\"week\":{\"mon-fri\":[\"09:00-12:00\","
    "\"13:00-18:00\"]},\"holidays\":[\"2026-10-01..2026-10-07\"],\"workdays\":[\"2026-10-10\"],"
    "\"special\":{\"2026-12-31\":[\"22:00-02:00\"]}}},\"agents\":[{\"id\":\"a\"}],"
    "\"queues\":{\"q\":{\"calendar\":\"shop\"}}}";

/* 2026-09-30T00:00+08:00 */
static const int64_t SEPTEMBER_30 = INT64_C(1790697600000);

static int64_t at_hour(int day, double hour)
{
    return SEPTEMBER_30 + day * INT64_C(86400000) + (int64_t)(hour * 3600000);
}

static void assert_open(int day, double hour, bool open, int64_t change)
{
    int64_t when;

    assert_int_equal(route_calendar_open(config, 0, at_hour(day, hour), &when), open);
    assert_int_equal(when, change);
}

static void holidays_close_and_make_up_days_open(void **state)
{
    (void)state;
    assert_true(load(year));
    assert_open(0, 8.9, false, at_hour(0, 9)); /* Wednesday */
    assert_open(0, 9, true, at_hour(0, 12));
    assert_open(0, 12, false, at_hour(0, 13));
    assert_open(0, 17.99, true, at_hour(0, 18));
    assert_open(0, 18, false, at_hour(8, 9));   /* over the holidays to Thursday the 8th */
    assert_open(5, 10, false, at_hour(8, 9));   /* Monday in the holidays */
    assert_open(10, 10, true, at_hour(10, 12)); /* Saturday that is worked */
    assert_open(11, 10, false, at_hour(12, 9)); /* Sunday */
    assert_open(92, 23, true, at_hour(93, 2));  /* New Year's Eve, past midnight */
}

static void calendar_without_hours_never_opens(void **state)
{
    int64_t when;

    (void)state;
    assert_true(load("{\"calendars\":{\"never\":{}},\"queues\":{\"q\":{\"calendar\":\"never\"}}}"));
    assert_false(route_calendar_open(config, 0, SEPTEMBER_30, &when));
    assert_true(when == ROUTE_NEVER);
    assert_true(route_calendar_open(config, ROUTE_NONE, SEPTEMBER_30, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_mistake_is_named_with_its_path, end),
        cmocka_unit_test_teardown(agent_who_never_works_while_the_queue_is_open_does_not_count,
                                  end),
        cmocka_unit_test_teardown(one_report_shows_all_mistakes, end),
        cmocka_unit_test_teardown(agent_10001_is_one_too_many, end),
        cmocka_unit_test_teardown(limits_hold_at_the_limit_and_refuse_one_beyond, end),
        cmocka_unit_test_teardown(first_rule_that_holds_classifies, end),
        cmocka_unit_test_teardown(rule_that_cannot_hold_is_a_warning, end),
        cmocka_unit_test_teardown(holidays_close_and_make_up_days_open, end),
        cmocka_unit_test_teardown(calendar_without_hours_never_opens, end),
    };

    return cmocka_run_group_tests_name("route_config", tests, NULL, NULL);
}
