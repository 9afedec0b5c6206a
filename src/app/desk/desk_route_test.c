/* SPDX-License-Identifier: Apache-2.0 */
/* The desk by a configuration: queues, skills, rings, offers, hours, and coming back. */
#include "test.h"

#include "arena.h"
#include "buf.h"
#include "conv.h"
#include "desk.h"
#include "schema.h"

#include "kefu/v1/routing.pb-c.h"

enum { ANN = 1, BO = 2, SUE = 3, CALLS_MAX = 256 };

struct call {
    uint64_t conv, agent, reservation;
    int64_t until;
    struct desk_place_view place;
};

struct fixture {
    struct desk *desk;
    struct clock_virtual time;
    struct clock clock;
    struct call assigns[CALLS_MAX], requeues[CALLS_MAX], offers[CALLS_MAX], places[CALLS_MAX];
    unsigned assign_count, requeue_count, offer_count, place_count, decided_count;
    struct desk_agent_view presence;
    char reason[DESK_REASON_BYTES_MAX + 1];
    struct desk_queue_view wall[8];
    unsigned wall_count;
    uint32_t top_steps;
    const char *decided_queue;
    int64_t decided_wait_ms;
    uint32_t seq;
};

static bool on_assign(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation)
{
    struct fixture *f = ctx;

    assert_true(f->assign_count < CALLS_MAX);
    f->assigns[f->assign_count++] = (struct call){ conv.v, agent.v, reservation, 0, { 0 } };
    return true;
}

static bool on_requeue(void *ctx, struct conv_id conv, struct agent_id agent)
{
    struct fixture *f = ctx;

    assert_true(f->requeue_count < CALLS_MAX);
    f->requeues[f->requeue_count++] = (struct call){ .conv = conv.v, .agent = agent.v };
    return true;
}

static bool on_offer(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms)
{
    struct fixture *f = ctx;

    assert_true(f->offer_count < CALLS_MAX);
    f->offers[f->offer_count++] =
        (struct call){ .conv = conv.v, .agent = agent.v, .until = until_ms };
    return true;
}

static void on_place(void *ctx, struct conv_id conv, const struct desk_place_view *place)
{
    struct fixture *f = ctx;

    assert_true(f->place_count < CALLS_MAX);
    f->places[f->place_count++] = (struct call){ .conv = conv.v, .place = *place };
}

static void on_presence(void *ctx, struct workspace_id workspace,
                        const struct desk_agent_view *agents, unsigned count)
{
    struct fixture *f = ctx;

    (void)workspace, (void)count;
    f->presence = agents[0];
    memcpy(f->reason, agents[0].reason.ptr, agents[0].reason.len);
    f->reason[agents[0].reason.len] = '\0';
}

static void on_wall(void *ctx, struct workspace_id workspace, const struct desk_queue_view *queues,
                    unsigned count)
{
    struct fixture *f = ctx;

    (void)workspace;
    assert_true(count <= LENGTH_OF(f->wall));
    memcpy(f->wall, queues, count * sizeof(queues[0]));
    f->wall_count++;
}

static void on_decided(void *ctx, const struct desk_decision *decision)
{
    struct fixture *f = ctx;

    assert_non_null(decision->action->trace);
    f->top_steps = decision->action->trace->step_count;
    f->decided_wait_ms = decision->action->waited_ms;
    f->decided_queue =
        route_name(decision->config, ROUTE_KIND_QUEUE, decision->action->trace->queue);
    f->decided_count++;
}

static const char config_text[] =
    "{\"skills\":[\"returns\"],\"settings\":{\"slow_start\":\"0s\"},"
    "\"calendars\":{\"day\":{\"offset\":\"+00:00\",\"week\":{\"mon-fri\":[\"09:00-18:00\"]}}},"
    "\"agents\":[{\"id\":\"1\",\"capacity\":2,\"skills\":{\"returns\":5}},"
    "{\"id\":\"2\",\"capacity\":2,\"skills\":{\"returns\":2}},{\"id\":\"3\",\"capacity\":2}],"
    "\"queues\":{\"general\":{\"sla\":{\"first\":\"30s\"}},"
    "\"returns\":{\"rings\":[{\"after\":\"0s\"},{\"after\":\"20s\",\"level\":-3},"
    "{\"after\":\"60s\",\"level\":-3,\"offer\":[\"ticket\"]}]},"
    "\"office\":{\"calendar\":\"day\",\"closed\":[\"ticket\",\"callback\",\"promise\"]},"
    "\"offers\":{\"offer\":\"20s\"},"
    "\"small\":{\"max_waiting\":1,\"overflow\":[\"tiny\"]},\"tiny\":{\"max_waiting\":1},"
    "\"far\":{\"skills\":{\"returns\":5},"
    "\"rings\":[{\"after\":\"0s\"},{\"after\":\"30s\",\"overflow\":\"general\"}]},"
    "\"night\":{\"calendar\":\"day\",\"closed\":{\"queue\":\"general\"}}}}";

enum { SMALL = 4, TINY, FAR }; /* on the wall */

static const int64_t MONDAY_NOON = INT64_C(1772452800000); /* 2026-03-02T12:00Z */

static void config_load(struct fixture *f, const char *text)
{
    struct route_config *config = NULL;
    struct route_report report;

    if (!route_config_load(text, strlen(text), NULL, &config, &report))
        fail_msg("%s: %s", report.items[0].path, report.items[0].text);
    desk_config_set(f->desk, &config);
    assert_null(config);
}

static void desk_make(struct fixture *f)
{
    const struct desk_options options = {
        .workspace = { 1 },
        .clock = &f->clock,
        .ops = { on_assign, on_requeue, on_offer, on_place, on_presence, on_wall, on_decided, f },
    };

    desk_destroy(&f->desk);
    f->desk = desk_create(&options);
    for (uint64_t agent = ANN; agent <= SUE; agent++)
        assert_int_equal(
            desk_agent_set(f->desk, (struct agent_id){ agent }, SLICE_LITERAL("A"), 2, NULL),
            ERR_OK);
    config_load(f, config_text);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->time.wall_ms = MONDAY_NOON;
    f->clock = clock_virtual_clock(&f->time);
    desk_make(f);
    desk_ready(f->desk);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    desk_destroy(&f->desk);
    test_free(f);
    return 0;
}

/* ---- what shards say ---- */

struct wish {
    const char *queue;
    uint32_t level; /* of returns */
    uint32_t priority;
};

static char *text(const char *in)
{
    union {
        const char *in;
        char *out;
    } u = { .in = in };

    return u.out;
}

static void report(struct fixture *f, uint64_t conv, enum conv_state state, uint64_t agent,
                   const struct wish *wish, const struct desk_report *more)
{
    Kefu__V1__Routing routing = KEFU__V1__ROUTING__INIT;
    Kefu__V1__RoutingNeed need = KEFU__V1__ROUTING_NEED__INIT;
    Kefu__V1__RoutingNeed *needs[] = { &need };
    struct desk_report r = more != NULL ? *more : (struct desk_report){ 0 };
    struct buf buf;

    buf_init(&buf, 4096);
    routing.queue = text(wish->queue);
    routing.priority = wish->priority;
    routing.sticky_wait_ms = -1;
    need.skill = text("returns");
    need.level = wish->level;
    routing.require = needs;
    routing.n_require = wish->level > 0;
    schema_proto_encode(&routing.base, &buf);
    r.conv.v = conv;
    r.head_seq = ++f->seq;
    r.state = state;
    r.agent.v = agent;
    if (state == CONV_QUEUED && r.queued_at == 0)
        r.queued_at = f->time.wall_ms;
    r.routing = buf_slice(&buf);
    desk_report(f->desk, &r);
    buf_fini(&buf);
}

static void session(struct fixture *f, uint64_t agent, bool open)
{
    desk_agent_session(f->desk, (struct agent_id){ agent }, open);
}

static void pass(struct fixture *f, int64_t seconds)
{
    for (; seconds > 0; seconds--) {
        clock_virtual_advance(&f->time, 1000);
        desk_tick(f->desk);
    }
}

static const struct wish plain = { "general", 0, 0 };
static const struct wish wants_expert = { "returns", 5, 0 };
static const struct wish by_offer = { "offers", 0, 0 };

static uint32_t load(struct fixture *f, uint64_t agent)
{
    struct desk_agent_view view;

    assert_true(desk_agent_get(f->desk, (struct agent_id){ agent }, &view));
    return view.load;
}

static void skills_decide_and_rings_widen(void **state)
{
    struct fixture *f = *state;

    session(f, BO, true);
    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &wants_expert, NULL);
    assert_int_equal(f->assign_count, 0); /* the expert is not there */
    assert_int_equal(f->places[0].place.position, 1);
    pass(f, 19);
    assert_int_equal(f->assign_count, 0);
    pass(f, 1); /* two will do now */
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(f->assigns[0].agent, BO);
    assert_int_equal(f->decided_count, 1);
    assert_true(f->top_steps > 2);
}

static void an_expert_who_comes_is_given_it_at_once(void **state)
{
    struct fixture *f = *state;

    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &wants_expert, NULL);
    report(f, 102, CONV_QUEUED, 0, &plain, NULL);
    assert_int_equal(f->assigns[0].conv, 102);
    session(f, ANN, true);
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(f->assigns[1].conv, 101);
    assert_int_equal(f->assigns[1].agent, ANN);
}

static void who_waits_long_is_offered_something_else(void **state)
{
    struct fixture *f = *state;

    report(f, 101, CONV_QUEUED, 0, &wants_expert, NULL);
    pass(f, 61);
    assert_int_equal(f->places[f->place_count - 1].place.alternatives, ROUTE_ALTERNATIVE_TICKET);
}

static void priority_goes_first(void **state)
{
    struct fixture *f = *state;
    const struct wish urgent = { "general", 0, 9 };

    report(f, 101, CONV_QUEUED, 0, &plain, NULL);
    pass(f, 5);
    report(f, 102, CONV_QUEUED, 0, &urgent, NULL);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 102 }), 1);
    session(f, SUE, true);
    assert_int_equal(f->assigns[0].conv, 102);
    assert_int_equal(f->assigns[1].conv, 101);
}

/* ---- offers ---- */

static void an_offer_is_accepted(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, &by_offer, NULL);
    assert_int_equal(f->offer_count, 1);
    assert_int_equal(f->assign_count, 0);
    assert_int_equal(f->offers[0].until, f->time.wall_ms + 20000);
    assert_int_equal(load(f, ANN), 1); /* the place is kept */
    report(f, 101, CONV_AGENT, ANN, &by_offer, NULL);
    pass(f, 30);
    assert_int_equal(f->offer_count, 1);
    assert_int_equal(load(f, ANN), 1);
    assert_int_equal(f->requeue_count, 0);
}

static void a_declined_offer_goes_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct desk_report declined = { .queued_at = f->time.wall_ms };
    uint64_t first;

    session(f, ANN, true);
    session(f, BO, true);
    report(f, 101, CONV_QUEUED, 0, &by_offer, &declined);
    first = f->offers[0].agent;
    declined.declined.v = first;
    report(f, 101, CONV_QUEUED, 0, &by_offer, &declined);
    assert_int_equal(f->offer_count, 2);
    assert_int_not_equal(f->offers[1].agent, first);
    assert_int_equal(load(f, first), 0);
}

static void two_missed_offers_set_an_agent_away(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, &by_offer, NULL);
    report(f, 102, CONV_QUEUED, 0, &by_offer, NULL);
    assert_int_equal(f->offer_count, 2);
    pass(f, 21);
    assert_int_equal(f->presence.status, DESK_AWAY);
    assert_string_equal(f->reason, "missed");
    assert_int_equal(load(f, ANN), 0);
    pass(f, 120);
    assert_int_equal(f->offer_count, 2);
    session(f, BO, true);
    assert_int_equal(f->offer_count, 4);
    assert_int_equal(
        desk_agent_status(f->desk, (struct agent_id){ ANN }, DESK_ONLINE, SLICE_EMPTY, NULL),
        ERR_OK);
    assert_string_equal(f->reason, "");
}

static void an_offer_to_who_leaves_goes_on_at_once(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, &by_offer, NULL);
    session(f, SUE, true);
    session(f, ANN, false);
    assert_int_equal(f->offer_count, 2);
    assert_int_equal(f->offers[1].agent, SUE);
}

/* ---- hours ---- */

static void closed_queues_promise_and_open(void **state)
{
    struct fixture *f = *state;
    const struct wish office = { "office", 0, 0 };

    clock_virtual_advance(&f->time, 8 * 3600 * 1000); /* 20:00 */
    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, &office, NULL);
    assert_int_equal(f->assign_count, 0);
    assert_true(f->places[f->place_count - 1].place.closed);
    assert_int_equal(f->places[f->place_count - 1].place.position, 0);
    assert_int_equal(f->places[f->place_count - 1].place.alternatives,
                     ROUTE_ALTERNATIVE_TICKET | ROUTE_ALTERNATIVE_CALLBACK |
                         ROUTE_ALTERNATIVE_PROMISE);
    assert_int_equal(f->places[f->place_count - 1].place.opens_at,
                     MONDAY_NOON + INT64_C(21) * 3600 * 1000);
    assert_int_equal(desk_waiting_count(f->desk), 1);
    clock_virtual_advance(&f->time, 13 * 3600 * 1000);
    pass(f, 1);
    assert_int_equal(f->assign_count, 1);
}

static void a_closed_queue_may_send_on_to_an_open_one(void **state)
{
    struct fixture *f = *state;
    const struct wish night = { "night", 0, 0 };

    clock_virtual_advance(&f->time, 8 * 3600 * 1000);
    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, &night, NULL);
    assert_int_equal(f->assign_count, 1);
    assert_string_equal(f->decided_queue, "general");
}

/* ---- overflow ---- */

static const struct desk_queue_view *wall_at(struct fixture *f, unsigned queue)
{
    desk_wall(f->desk);
    pass(f, 1);
    return &f->wall[queue];
}

static void a_full_queue_overflows_and_a_full_overflow_is_tried_again(void **state)
{
    struct fixture *f = *state;
    const struct wish small = { "small", 0, 0 };

    for (uint64_t conv = 101; conv <= 103; conv++)
        report(f, conv, CONV_QUEUED, 0, &small, NULL);
    assert_int_equal(wall_at(f, SMALL)->waiting, 1);
    assert_int_equal(wall_at(f, TINY)->waiting, 1);
    assert_int_equal(desk_waiting_count(f->desk), 3); /* the third is not forgotten */
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 103 }), 1);
    session(f, ANN, true); /* has two places */
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(f->assigns[0].conv, 101);
    assert_int_equal(f->assigns[1].conv, 102);
    report(f, 101, CONV_AGENT, ANN, &small,
           &(struct desk_report){ .reservation = f->assigns[0].reservation });
    report(f, 102, CONV_AGENT, ANN, &small,
           &(struct desk_report){ .reservation = f->assigns[1].reservation });
    pass(f, DESK_FULL_RETRY_MS / 1000);
    assert_int_equal(wall_at(f, SMALL)->waiting, 1);
    session(f, BO, true);
    assert_int_equal(f->assign_count, 3);
    assert_int_equal(f->assigns[2].conv, 103);
}

static void a_ring_sends_on_who_waited_with_its_arrival(void **state)
{
    struct fixture *f = *state;
    const struct wish far = { "far", 0, 0 };

    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &far, NULL);
    pass(f, 29);
    assert_int_equal(f->assign_count, 0);
    assert_int_equal(wall_at(f, FAR)->waiting, 0); /* the thirtieth second */
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(f->assigns[0].agent, SUE);
    assert_string_equal(f->decided_queue, "general");
    assert_int_equal(f->decided_wait_ms, 30 * 1000);
}

/* ---- moving and leaving ---- */

static void a_transfer_to_a_queue_changes_who_may_take_it(void **state)
{
    struct fixture *f = *state;
    struct desk_report since = { .queued_at = f->time.wall_ms };

    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &plain, &since);
    report(f, 101, CONV_AGENT, SUE, &plain, NULL);
    report(f, 101, CONV_QUEUED, 0, &wants_expert, &since);
    assert_int_equal(f->assign_count, 1);
    session(f, ANN, true);
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(f->assigns[1].agent, ANN);
}

static void answered_conversations_are_flagged_before_they_go_back(void **state)
{
    struct fixture *f = *state;
    const struct desk_report answered = { .answered = true, .wrote_agent = true };

    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, &plain, NULL);
    report(f, 101, CONV_AGENT, ANN, &plain, &answered);
    report(f, 102, CONV_AGENT, ANN, &plain, NULL);
    session(f, ANN, false);
    pass(f, 121);
    assert_int_equal(f->requeue_count, 1);
    assert_int_equal(f->requeues[0].conv, 102); /* nobody has talked to it yet */
    report(f, 102, CONV_QUEUED, 0, &plain, NULL);
    pass(f, DESK_FLAG_MS / 1000 - 2);
    assert_int_equal(f->requeue_count, 1);
    pass(f, 3);
    assert_int_equal(f->requeues[f->requeue_count - 1].conv, 101);
}

static void a_supervisor_takes_over_beyond_capacity(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    session(f, SUE, true);
    for (uint64_t i = 0; i < 2; i++)
        report(f, 101 + i, CONV_AGENT, SUE, &plain, NULL);
    report(f, 103, CONV_AGENT, ANN, &plain, NULL);
    report(f, 103, CONV_AGENT, SUE, &plain, NULL);
    assert_int_equal(load(f, SUE), 3);
    assert_int_equal(load(f, ANN), 0);
    assert_int_equal(f->requeue_count, 0);
}

/* ---- coming back ---- */

static void a_new_desk_finds_everything_in_the_reports(void **state)
{
    struct fixture *f = *state;
    const struct wish urgent = { "general", 0, 9 };
    struct desk_report early = { .queued_at = f->time.wall_ms - 50000 };
    struct desk_report late = { .queued_at = f->time.wall_ms - 40000 };

    desk_make(f);
    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &plain, &early);
    report(f, 102, CONV_QUEUED, 0, &urgent, &late);
    report(f, 103, CONV_AGENT, SUE, &plain, NULL);
    report(f, 104, CONV_QUEUED, 0, &wants_expert, &late);
    assert_int_equal(f->assign_count, 0);
    desk_ready(f->desk);
    assert_int_equal(f->assign_count, 1); /* one place is left */
    session(f, BO, true);
    /* 104 has waited for 40 s: the second ring, where two is enough. */
    assert_int_equal(f->assign_count, 3);
    assert_int_equal(load(f, SUE), 2);
    assert_int_equal(load(f, BO), 2);
}

static void a_new_configuration_keeps_everybody_where_they_are(void **state)
{
    struct fixture *f = *state;
    struct desk_report since = { .queued_at = f->time.wall_ms };

    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, &plain, NULL);
    report(f, 102, CONV_QUEUED, 0, &by_offer, &since);
    assert_int_equal(f->offer_count, 1);
    report(f, 103, CONV_QUEUED, 0, &plain, &since);
    config_load(f, "{\"agents\":[{\"id\":\"1\",\"capacity\":2},{\"id\":\"2\",\"capacity\":2}],"
                   "\"settings\":{\"slow_start\":\"0s\"},\"queues\":{\"other\":{},"
                   "\"general\":{},\"offers\":{\"offer\":\"20s\"}}}");
    assert_int_equal(load(f, ANN), 2);
    assert_int_equal(f->offers[f->offer_count - 1].agent, ANN); /* the same offer */
    assert_int_equal(f->assign_count, 0);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 103 }), 1);
    session(f, BO, true);
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(f->assigns[0].conv, 103);
    assert_int_equal(f->requeue_count, 0);
}

static void a_queue_that_is_gone_becomes_the_first_one(void **state)
{
    struct fixture *f = *state;
    const struct wish gone = { "no such queue", 0, 0 };

    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &gone, NULL);
    assert_int_equal(f->assign_count, 1);
}

static void more_than_the_first_router_holds(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 700 };

    for (uint64_t i = 1; i <= MANY; i++) {
        f->place_count = 0;
        report(f, i, CONV_QUEUED, 0, &plain, NULL);
        clock_virtual_advance(&f->time, 1);
    }
    assert_int_equal(desk_waiting_count(f->desk), MANY);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ MANY }), MANY);
    session(f, ANN, true);
    assert_int_equal(f->assigns[0].conv, 1);
    assert_int_equal(f->assigns[1].conv, 2);
}

/* ---- looking ---- */

static void the_wall_shows_who_is_late(void **state)
{
    struct fixture *f = *state;
    unsigned told;

    report(f, 101, CONV_QUEUED, 0, &plain, NULL);
    pass(f, 25);
    report(f, 102, CONV_QUEUED, 0, &plain, NULL);
    pass(f, 5);
    assert_string_equal(f->wall[0].name, "general");
    assert_int_equal(f->wall[0].waiting, 2);
    assert_int_equal(f->wall[0].overdue, 1);
    assert_true(f->wall[0].longest_ms >= 30000);
    told = f->wall_count;
    report(f, 101, CONV_CLOSED, 0, &plain, NULL);
    report(f, 102, CONV_CLOSED, 0, &plain, NULL);
    pass(f, 10);
    assert_int_equal(f->wall[0].waiting, 0);
    assert_int_equal(f->wall_count, told + 1); /* then nothing changes */
    desk_wall(f->desk);
    pass(f, 1);
    assert_int_equal(f->wall_count, told + 2);
}

static void why_not_me_has_the_step_that_was_not_passed(void **state)
{
    struct fixture *f = *state;
    const struct route_config *config = NULL;
    struct route_trace trace;
    bool passed_skill = true;

    session(f, SUE, true);
    report(f, 101, CONV_QUEUED, 0, &wants_expert, NULL);
    assert_int_equal(
        desk_explain(f->desk, (struct conv_id){ 101 }, (struct agent_id){ SUE }, &trace, &config),
        ROUTE_OK);
    for (uint32_t i = 0; i < trace.step_count; i++) {
        if (trace.steps[i].kind == ROUTE_STEP_SKILL)
            passed_skill = trace.steps[i].passed;
    }
    assert_false(passed_skill);
    assert_string_equal(route_name(config, ROUTE_KIND_QUEUE, trace.queue), "returns");
    assert_int_equal(
        desk_explain(f->desk, (struct conv_id){ 999 }, (struct agent_id){ SUE }, &trace, &config),
        ROUTE_UNKNOWN_CONV);
}

static void waits_are_counted_and_nobody_waits_beside_an_idle_agent(void **state)
{
    struct fixture *f = *state;
    uint32_t waits[DESK_WAITS_KEPT];
    struct desk_stats stats;

    report(f, 101, CONV_QUEUED, 0, &plain, NULL);
    pass(f, 7);
    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, &plain, NULL);
    assert_int_equal(desk_waits_take(f->desk, waits), 1);
    assert_int_equal(waits[0], 7000);
    assert_int_equal(desk_waits_take(f->desk, waits), 0);
    desk_stats_get(f->desk, &stats);
    assert_int_equal(stats.taken, 1);
    assert_int_equal(stats.idle_while_waiting, 0);
}

static void a_reason_has_a_limit(void **state)
{
    struct fixture *f = *state;
    char reason[DESK_REASON_BYTES_MAX + 2];
    struct err err;

    memset(reason, 'a', sizeof(reason));
    assert_int_equal(desk_agent_status(f->desk, (struct agent_id){ ANN }, DESK_BUSY,
                                       slice_make(reason, DESK_REASON_BYTES_MAX), &err),
                     ERR_OK);
    assert_int_equal(strlen(f->reason), DESK_REASON_BYTES_MAX);
    assert_int_equal(desk_agent_status(f->desk, (struct agent_id){ ANN }, DESK_BUSY,
                                       slice_make(reason, DESK_REASON_BYTES_MAX + 1), &err),
                     ERR_TOO_BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(skills_decide_and_rings_widen),
        TEST(an_expert_who_comes_is_given_it_at_once),
        TEST(who_waits_long_is_offered_something_else),
        TEST(priority_goes_first),
        TEST(an_offer_is_accepted),
        TEST(a_declined_offer_goes_to_the_next),
        TEST(two_missed_offers_set_an_agent_away),
        TEST(an_offer_to_who_leaves_goes_on_at_once),
        TEST(closed_queues_promise_and_open),
        TEST(a_closed_queue_may_send_on_to_an_open_one),
        TEST(a_full_queue_overflows_and_a_full_overflow_is_tried_again),
        TEST(a_ring_sends_on_who_waited_with_its_arrival),
        TEST(a_transfer_to_a_queue_changes_who_may_take_it),
        TEST(answered_conversations_are_flagged_before_they_go_back),
        TEST(a_supervisor_takes_over_beyond_capacity),
        TEST(a_new_desk_finds_everything_in_the_reports),
        TEST(a_new_configuration_keeps_everybody_where_they_are),
        TEST(a_queue_that_is_gone_becomes_the_first_one),
        TEST(more_than_the_first_router_holds),
        TEST(the_wall_shows_who_is_late),
        TEST(why_not_me_has_the_step_that_was_not_passed),
        TEST(waits_are_counted_and_nobody_waits_beside_an_idle_agent),
        TEST(a_reason_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
