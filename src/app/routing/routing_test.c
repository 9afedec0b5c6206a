/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "routing.h"

enum { ARENA_MAX = 64 * 1024 };

static char *text(const char *in)
{
    union {
        const char *in;
        char *out;
    } u = { .in = in };

    return u.out;
}

static Kefu__V1__RoutingNeed returns = KEFU__V1__ROUTING_NEED__INIT;
static Kefu__V1__RoutingNeed gone = KEFU__V1__ROUTING_NEED__INIT;
static Kefu__V1__RoutingNeed *skills[] = { &returns, &gone };
static char *teams[1];
static Kefu__V1__Agent ann = KEFU__V1__AGENT__INIT;
static Kefu__V1__Agent bo = KEFU__V1__AGENT__INIT;
static const Kefu__V1__Agent *const agents[] = { &bo, &ann };

static int setup(void **state)
{
    (void)state;
    returns.skill = text("returns");
    returns.level = 5;
    gone.skill = text("gone");
    gone.level = 3;
    teams[0] = text("shop");
    ann.id = 7001;
    ann.capacity = 4;
    ann.skills = skills;
    ann.n_skills = 2;
    ann.teams = teams;
    ann.n_teams = 1;
    bo.id = 7002;
    bo.disabled = true;
    return 0;
}

static const char shop[] =
    "{\"skills\":[\"returns\"],\"facts\":{\"cart.total\":\"number\"},"
    "\"calendars\":{\"day\":{\"offset\":\"+08:00\",\"week\":{\"mon-fri\":[\"09:00-18:00\"]}}},"
    "\"routes\":[{\"id\":\"big\",\"if\":\"cart.total >= 1000\",\"queue\":\"vip\",\"priority\":5,"
    "\"skills\":{\"returns\":2}},{\"id\":\"rest\",\"else\":true,\"queue\":\"general\"}],"
    "\"queues\":{\"general\":{},\"vip\":{\"team\":\"shop\"},"
    "\"night\":{\"calendar\":\"day\",\"closed\":\"bot\"},"
    "\"late\":{\"calendar\":\"day\",\"closed\":{\"queue\":\"general\"}},"
    "\"mail\":{\"calendar\":\"day\"}}}";

static struct routing_source source_of(const char *config)
{
    return (struct routing_source){ slice_of(config), agents, 2, false };
}

static struct routing *made(const char *config)
{
    struct routing_source source = source_of(config);
    struct routing *routing = NULL;
    struct route_report report;

    if (!routing_create(&source, &routing, &report))
        fail_msg("%s: %s", report.items[0].path, report.items[0].text);
    return routing;
}

static void agents_come_from_their_records(void **state)
{
    struct routing *routing = made(shop);
    const struct route_config *config = routing_config(routing);
    struct route_agent_info info;

    (void)state;
    assert_int_equal(route_count(config, ROUTE_KIND_AGENT), 2); /* nobody, and Ann */
    assert_true(route_agent_info(config, 1, &info));
    assert_string_equal(info.id, "7001");
    assert_int_equal(info.capacity, 4);
    assert_int_equal(info.levels[0], 5);
    routing_destroy(&routing);
}

static void an_empty_configuration_is_one_queue_for_everybody(void **state)
{
    struct routing *routing = made("  ");
    struct route_queue_info info;

    (void)state;
    assert_int_equal(route_count(routing_config(routing), ROUTE_KIND_QUEUE), 1);
    assert_true(route_queue_info(routing_config(routing), 0, &info));
    assert_string_equal(info.id, "general");
    assert_int_equal(info.preset, ROUTE_FAIR);
    routing_destroy(&routing);
}

static void what_is_wrong_has_its_path(void **state)
{
    struct routing_source source =
        source_of("{\"skills\":[\"zh\"],\"queues\":{\"q\":{\"skills\":{\"zh\":1}}}}");
    struct route_report report;
    struct routing *routing = NULL;

    (void)state;
    assert_false(routing_check(&source, &report));
    assert_string_equal(report.items[0].path, "queues.q");
    /* For use it goes on: who could serve it may have left since it was published. */
    assert_true(routing_create(&source, &routing, &report));
    routing_destroy(&routing);
    returns.level = 11;
    source = source_of(shop);
    assert_false(routing_check(&source, &report));
    assert_string_equal(report.items[0].path, "agents.7001.skills.returns");
    returns.level = 5;
    source = source_of("{\"queues\":{\"q\":{}},\"agents\":[]}");
    assert_false(routing_check(&source, &report));
    assert_string_equal(report.items[0].path, "agents");
    source = source_of("[{\"queues\":{\"q\":{}}}]");
    assert_false(routing_check(&source, &report));
    for (size_t i = 0; i < sizeof(shop) - 1; i++) { /* cut anywhere: refused, never misread */
        source.config = slice_make(shop, i);
        assert_int_equal(routing_check(&source, &report), i == 0);
    }
}

static void a_configuration_has_a_limit(void **state)
{
    char *big = test_malloc(ROUTING_CONFIG_BYTES_MAX + 2);
    struct routing_source source = source_of("");
    struct route_report report;

    (void)state;
    memset(big, ' ', ROUTING_CONFIG_BYTES_MAX + 2);
    memcpy(big, "{\"queues\":{\"q\":{}}}", 19);
    source.config = slice_make(big, ROUTING_CONFIG_BYTES_MAX);
    assert_true(routing_check(&source, &report));
    source.config.len++;
    assert_false(routing_check(&source, &report));
    test_free(big);
}

static Kefu__V1__Routing classified(const struct routing *routing, const struct routing_ask *ask,
                                    int64_t now_ms, struct arena *arena,
                                    struct routing_place *place)
{
    Kefu__V1__Routing out = KEFU__V1__ROUTING__INIT;

    assert_int_equal(routing_classify(routing, ask, now_ms, arena, &out, place, NULL), ERR_OK);
    return out;
}

static const int64_t MONDAY_NOON = INT64_C(1772424000000);  /* 2026-03-02T12:00+08:00 */
static const int64_t MONDAY_NIGHT = INT64_C(1772460000000); /* 22:00 */

static void facts_are_what_the_configuration_declares(void **state)
{
    struct routing *routing = made(shop);
    Kefu__V1__RoutingFact total = KEFU__V1__ROUTING_FACT__INIT;
    Kefu__V1__RoutingFact *facts[] = { &total };
    struct routing_ask ask = { .facts = facts, .fact_count = 1 };
    struct routing_place place;
    Kefu__V1__Routing out;
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_MAX);
    total.name = text("cart.total");
    total.value = text("1000.5");
    out = classified(routing, &ask, MONDAY_NOON, &arena, &place);
    assert_string_equal(out.queue, "vip");
    assert_string_equal(out.rule, "big");
    assert_int_equal(out.priority, 5);
    assert_string_equal(out.require[0]->skill, "returns");
    total.value = text("a lot");
    out = classified(routing, &ask, MONDAY_NOON, &arena, &place);
    assert_string_equal(out.queue, "general");
    arena_fini(&arena);
    routing_destroy(&routing);
}

static void closed_queues_say_so(void **state)
{
    static const struct {
        const char *queue;
        bool closed, bot;
    } rows[] = {
        { "general", false, false }, /* always open */
        { "night", true, true },
        { "late", false, false }, /* sends on */
        { "mail", true, false },
    };
    struct routing *routing = made(shop);
    struct routing_place place;
    struct arena arena;
    struct err err;

    (void)state;
    arena_init(&arena, ARENA_MAX);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct routing_ask ask = { .queue = slice_of(rows[i].queue) };
        Kefu__V1__Routing out = classified(routing, &ask, MONDAY_NIGHT, &arena, &place);

        assert_string_equal(out.queue, rows[i].queue);
        assert_int_equal(place.closed, rows[i].closed);
        assert_int_equal(place.bot, rows[i].bot);
        if (rows[i].closed)
            assert_int_equal(place.opens_at, MONDAY_NIGHT + 11 * 3600 * 1000);
        classified(routing, &ask, MONDAY_NOON, &arena, &place);
        assert_false(place.closed);
    }
    assert_int_equal(routing_classify(routing, &(struct routing_ask){ .queue = slice_of("x") },
                                      MONDAY_NOON, &arena, NULL, &place, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.field, "queue");
    arena_fini(&arena);
    routing_destroy(&routing);
}

static void the_hash_tells_configurations_apart(void **state)
{
    struct routing *a = made(shop);
    struct routing *b = made(shop);
    struct route_config *spare;

    (void)state;
    assert_true(routing_hash(a) == routing_hash(b));
    routing_destroy(&b);
    ann.capacity = 5;
    b = made(shop);
    ann.capacity = 4;
    assert_true(routing_hash(a) != routing_hash(b));
    spare = routing_config_take(a);
    assert_non_null(spare);
    assert_null(routing_config_take(a));
    route_config_destroy(&spare);
    routing_destroy(&a);
    routing_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(agents_come_from_their_records, setup),
        cmocka_unit_test_setup(an_empty_configuration_is_one_queue_for_everybody, setup),
        cmocka_unit_test_setup(what_is_wrong_has_its_path, setup),
        cmocka_unit_test_setup(a_configuration_has_a_limit, setup),
        cmocka_unit_test_setup(facts_are_what_the_configuration_declares, setup),
        cmocka_unit_test_setup(closed_queues_say_so, setup),
        cmocka_unit_test_setup(the_hash_tells_configurations_apart, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
