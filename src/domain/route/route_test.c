/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "kefu/routing.h"

#include "check.h"

enum { ACTIONS_MAX = 64 };

static struct {
    struct route_config *config;
    struct route_router *router;
    struct route_action actions[ACTIONS_MAX]; /* of the last event */
    unsigned count;
    int64_t now;
} t;

static void remember(void *ctx, const struct route_action *action)
{
    (void)ctx;
    assert_true(t.count < ACTIONS_MAX);
    t.actions[t.count++] = *action;
}

static void begin(const char *json)
{
    struct route_report report;
    struct route_options options = { .conversations_max = 16, .act = remember, .trace = true };

    if (!route_config_load(json, strlen(json), NULL, &t.config, &report))
        fail_msg("%s: %s", report.items[0].path, report.items[0].text);
    t.now = 1000000;
    options.config = t.config;
    options.now_ms = t.now;
    assert_true(route_router_create(&options, &t.router));
}

static int end(void **state)
{
    (void)state;
    route_router_destroy(&t.router);
    route_config_destroy(&t.config);
    return 0;
}

static enum route_answer tell(struct route_event event)
{
    t.count = 0;
    event.now_ms = t.now;
    return route_event(t.router, &event);
}

static void pass(int64_t seconds)
{
    t.now += seconds * 1000;
    assert_int_equal(tell((struct route_event){ .type = ROUTE_EVENT_TICK }), ROUTE_OK);
}

static uint32_t agent_of(const char *name)
{
    uint32_t agent = route_find(t.config, ROUTE_KIND_AGENT, name, strlen(name));

    assert_true(agent != ROUTE_NONE);
    return agent;
}

static void presence(const char *name, enum route_presence presence)
{
    assert_int_equal(tell((struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                                .agent = agent_of(name),
                                                .presence = presence }),
                     ROUTE_OK);
}

static struct route_request request_in(const char *queue)
{
    struct route_request request;

    route_request_init(&request);
    request.queue = route_find(t.config, ROUTE_KIND_QUEUE, queue, strlen(queue));
    request.arrived_ms = t.now;
    return request;
}

static enum route_answer arrive_as(uint64_t conv, struct route_request request)
{
    return tell(
        (struct route_event){ .type = ROUTE_EVENT_ARRIVE, .conv = conv, .request = &request });
}

static void arrive(uint64_t conv, const char *queue)
{
    assert_int_equal(arrive_as(conv, request_in(queue)), ROUTE_OK);
}

static enum route_answer about(enum route_event_type type, uint64_t conv, const char *agent)
{
    return tell((struct route_event){
        .type = type, .conv = conv, .agent = agent != NULL ? agent_of(agent) : ROUTE_NONE });
}

static void close_conv(uint64_t conv)
{
    assert_int_equal(about(ROUTE_EVENT_CLOSE, conv, NULL), ROUTE_OK);
}

static const struct route_action *action_at(unsigned at, enum route_action_type type, uint64_t conv)
{
    assert_true(at < t.count);
    assert_string_equal(route_action_name(t.actions[at].type), route_action_name(type));
    assert_int_equal(t.actions[at].conv, conv);
    return &t.actions[at];
}

static void assigned(unsigned at, uint64_t conv, const char *agent)
{
    assert_int_equal(action_at(at, ROUTE_ACTION_ASSIGN, conv)->agent, agent_of(agent));
}

#define AGENTS_TWO                                                                     \
    "\"agents\":[{\"id\":\"lin\",\"capacity\":2,\"skills\":{\"returns\":5,\"zh\":8}}," \
    "{\"id\":\"mia\",\"capacity\":2,\"skills\":{\"zh\":3}}]"

static const char simple[] =
    "{\"skills\":[\"returns\",\"zh\"]," AGENTS_TWO ",\"settings\":{\"slow_start\":\"0s\"},"
    "\"queues\":{\"general\":{\"pick\":\"fair\"},\"returns\":{\"skills\":{\"returns\":3}}}}";

/* ---- finding an agent, finding a conversation ---- */

static void arrival_goes_to_the_longest_idle_agent(void **state)
{
    (void)state;
    begin(simple);
    presence("mia", ROUTE_ONLINE);
    t.now += 1000;
    presence("lin", ROUTE_ONLINE);
    arrive(1, "general");
    assigned(0, 1, "mia");
    t.now += 1000;
    arrive(2, "general");
    assigned(0, 2, "lin");
    arrive(3, "general");
    assigned(0, 3, "mia");
}

static void agent_without_the_skill_is_passed_over(void **state)
{
    (void)state;
    begin(simple);
    presence("mia", ROUTE_ONLINE);
    arrive(1, "returns");
    action_at(0, ROUTE_ACTION_WAIT, 1);
    presence("lin", ROUTE_ONLINE);
    assigned(0, 1, "lin");
}

static void freed_agent_gets_who_waited_longest_at_once(void **state)
{
    (void)state;
    begin(simple);
    presence("lin", ROUTE_ONLINE);
    for (uint64_t conv = 1; conv <= 4; conv++) {
        t.now += 10;
        arrive(conv, conv == 4 ? "returns" : "general");
    }
    assert_int_equal(t.actions[0].type, ROUTE_ACTION_WAIT);
    close_conv(1);
    assigned(0, 3, "lin");
    close_conv(2);
    assigned(0, 4, "lin");
    assert_int_equal(t.actions[0].waited_ms, t.now - 1000040);
}

static void priority_counts_as_time_waited_up_to_the_bound(void **state)
{
    struct route_request request;

    (void)state;
    begin(simple);
    arrive(1, "general");
    t.now += 179 * 1000;
    request = request_in("general");
    request.priority = 9; /* 9 x 20 s */
    assert_int_equal(arrive_as(2, request), ROUTE_OK);
    assert_int_equal(route_position(t.router, 2), 1);
    t.now += 2000;
    request.arrived_ms = t.now;
    assert_int_equal(arrive_as(3, request), ROUTE_OK);
    assert_int_equal(route_position(t.router, 3), 3);
}

static void a_learned_skill_opens_the_queue(void **state)
{
    struct route_event event = { .type = ROUTE_EVENT_SKILL, .skill = 0, .level = 3 };

    (void)state;
    begin(simple);
    presence("mia", ROUTE_ONLINE);
    arrive(1, "returns");
    event.agent = agent_of("mia");
    assert_int_equal(tell(event), ROUTE_OK);
    assigned(0, 1, "mia");
}

/* ---- rings ---- */

static const char ringed[] =
    "{\"skills\":[\"a\",\"b\"],\"settings\":{\"slow_start\":\"0s\"},\"agents\":["
    "{\"id\":\"best\",\"teams\":[\"sales\"],\"skills\":{\"a\":5,\"b\":2}},"
    "{\"id\":\"good\",\"teams\":[\"sales\"],\"skills\":{\"a\":4}},"
    "{\"id\":\"other\",\"teams\":[\"general\"],\"skills\":{\"a\":9}}],"
    "\"queues\":{\"sales\":{\"rings\":[{\"after\":\"0s\"},"
    "{\"after\":\"20s\",\"drop\":\"prefer\",\"level\":-1},{\"after\":\"60s\",\"add_team\":"
    "\"general\"},"
    "{\"after\":\"120s\",\"offer\":[\"callback\",\"ticket\"]},"
    "{\"after\":\"180s\",\"overflow\":\"general\"}]},\"general\":{}}}";

static struct route_request picky(void)
{
    struct route_request request = request_in("sales");

    request.require[0] = (struct route_need){ .skill = 0, .level = 5 };
    request.require_count = 1;
    request.prefer[0] = (struct route_need){ .skill = 1, .level = 2 };
    request.prefer_count = 1;
    return request;
}

static void rings_widen_step_by_step(void **state)
{
    (void)state;
    begin(ringed);
    presence("good", ROUTE_ONLINE);
    presence("other", ROUTE_ONLINE);
    assert_int_equal(arrive_as(1, picky()), ROUTE_OK);
    assert_int_equal(arrive_as(2, picky()), ROUTE_OK);
    action_at(0, ROUTE_ACTION_WAIT, 2);
    assert_int_equal(route_due_ms(t.router), t.now + 20000);
    pass(19);
    assert_int_equal(t.count, 0);
    pass(1);
    action_at(0, ROUTE_ACTION_WIDEN, 1);
    assigned(1, 1, "good");
    action_at(2, ROUTE_ACTION_WIDEN, 2);
    assigned(3, 2, "good");
}

static void last_rings_offer_alternatives_and_overflow(void **state)
{
    (void)state;
    begin(ringed);
    assert_int_equal(arrive_as(1, picky()), ROUTE_OK);
    pass(120);
    assert_int_equal(t.count, 3);
    assert_int_equal(action_at(2, ROUTE_ACTION_WIDEN, 1)->alternatives,
                     ROUTE_ALTERNATIVE_CALLBACK | ROUTE_ALTERNATIVE_TICKET);
    pass(60);
    action_at(0, ROUTE_ACTION_WIDEN, 1);
    assert_int_equal(action_at(1, ROUTE_ACTION_OVERFLOW, 1)->queue, 1);
    action_at(2, ROUTE_ACTION_WAIT, 1);
}

static void late_tick_runs_each_timer_at_its_own_time(void **state)
{
    int64_t begun;

    (void)state;
    begin(ringed);
    begun = t.now;
    assert_int_equal(arrive_as(1, picky()), ROUTE_OK);
    pass(600);
    assert_int_equal(t.actions[0].now_ms, begun + 20000);
    assert_int_equal(t.actions[1].now_ms, begun + 60000);
}

/* ---- offers ---- */

static const char offering[] =
    "{\"settings\":{\"slow_start\":\"0s\",\"offers\":{\"misses\":2,\"again\":\"60s\"}},"
    "\"agents\":[{\"id\":\"lin\"},{\"id\":\"mia\"}],\"queues\":{\"q\":{\"offer\":\"20s\"}}}";

static void offer_is_accepted_or_goes_to_the_next(void **state)
{
    (void)state;
    begin(offering);
    presence("lin", ROUTE_ONLINE);
    presence("mia", ROUTE_ONLINE);
    arrive(1, "q");
    assert_int_equal(action_at(0, ROUTE_ACTION_OFFER, 1)->due_ms, t.now + 20000);
    assert_int_equal(about(ROUTE_EVENT_ACCEPT, 1, "mia"), ROUTE_WRONG_STATE);
    assert_int_equal(about(ROUTE_EVENT_DECLINE, 1, "lin"), ROUTE_OK);
    action_at(0, ROUTE_ACTION_WITHDRAW, 1);
    assert_int_equal(action_at(1, ROUTE_ACTION_OFFER, 1)->agent, agent_of("mia"));
    assert_int_equal(about(ROUTE_EVENT_ACCEPT, 1, "mia"), ROUTE_OK);
    assigned(0, 1, "mia");
    pass(100);
    assert_int_equal(t.count, 0);
}

static void two_missed_offers_set_the_agent_away(void **state)
{
    (void)state;
    begin(offering);
    presence("lin", ROUTE_ONLINE);
    arrive(1, "q");
    pass(20);
    action_at(0, ROUTE_ACTION_WITHDRAW, 1);
    action_at(1, ROUTE_ACTION_WAIT, 1);
    pass(60); /* may be asked again */
    action_at(0, ROUTE_ACTION_OFFER, 1);
    pass(20);
    action_at(0, ROUTE_ACTION_WITHDRAW, 1);
    assert_int_equal(t.actions[1].type, ROUTE_ACTION_AWAY);
    action_at(2, ROUTE_ACTION_WAIT, 1);
    pass(600);
    assert_int_equal(t.count, 0);
}

/* ---- capacity ---- */

static void slow_start_opens_one_place_after_another(void **state)
{
    (void)state;
    begin("{\"agents\":[{\"id\":\"lin\",\"capacity\":3}],\"queues\":{\"q\":{}}}");
    arrive(1, "q");
    arrive(2, "q");
    presence("lin", ROUTE_ONLINE);
    assert_int_equal(t.count, 1);
    pass(44);
    assert_int_equal(t.count, 0);
    pass(1);
    assigned(0, 2, "lin");
}

static void quiet_conversations_make_room_for_one_more_only(void **state)
{
    struct route_agent_view view;

    (void)state;
    begin("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[{\"id\":\"lin\",\"capacity\":2}],"
          "\"queues\":{\"q\":{}}}");
    presence("lin", ROUTE_ONLINE);
    for (uint64_t conv = 1; conv <= 4; conv++)
        arrive(conv, "q");
    pass(600);
    assigned(0, 3, "lin");
    assert_int_equal(t.count, 1);
    assert_true(route_agent_view(t.router, 0, &view));
    assert_int_equal(view.load, 150);
    assert_int_equal(about(ROUTE_EVENT_MESSAGE, 1, NULL), ROUTE_OK);
    assert_int_equal(about(ROUTE_EVENT_MESSAGE, 2, NULL), ROUTE_OK);
    assert_true(route_agent_view(t.router, 0, &view));
    assert_int_equal(view.load, 300); /* one beyond capacity, as allowed */
    close_conv(3);
    assert_int_equal(t.count, 0);
    close_conv(1);
    assigned(0, 4, "lin");
}

static void light_conversations_take_no_part_of_a_place(void **state)
{
    struct route_request request;

    (void)state;
    begin("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[{\"id\":\"lin\",\"capacity\":1}],"
          "\"queues\":{\"q\":{}}}");
    presence("lin", ROUTE_ONLINE);
    request = request_in("q");
    request.weight = 25;
    assert_int_equal(arrive_as(1, request), ROUTE_OK);
    assigned(0, 1, "lin");
    assert_int_equal(arrive_as(2, request), ROUTE_OK);
    action_at(0, ROUTE_ACTION_WAIT, 2); /* a whole place is free, or none */
}

/* ---- agents that go ---- */

static void vanished_agent_loses_the_unanswered_after_the_grace(void **state)
{
    struct route_conv_view view;

    (void)state;
    begin(simple);
    presence("lin", ROUTE_ONLINE);
    arrive(1, "general");
    t.now += 5;
    arrive(2, "general");
    assert_int_equal(about(ROUTE_EVENT_REPLY, 2, NULL), ROUTE_OK);
    presence("lin", ROUTE_OFFLINE);
    assert_int_equal(t.count, 0);
    pass(119);
    assert_int_equal(t.count, 0);
    presence("mia", ROUTE_ONLINE);
    pass(1);
    assigned(0, 1, "mia");
    assert_int_equal(action_at(1, ROUTE_ACTION_FLAG, 2)->agent, agent_of("lin"));
    assert_true(route_conv_view(t.router, 2, &view));
    assert_true(view.flagged);
    presence("lin", ROUTE_ONLINE);
    assert_true(route_conv_view(t.router, 2, &view));
    assert_false(view.flagged);
}

static void reopened_conversation_waits_for_its_agent_for_a_while(void **state)
{
    struct route_request request;

    (void)state;
    begin(simple);
    presence("lin", ROUTE_ONLINE);
    presence("mia", ROUTE_ONLINE);
    request = request_in("general");
    request.last_agent = agent_of("lin");
    request.last_ms = t.now - 3600;
    assert_int_equal(arrive_as(1, request), ROUTE_OK);
    assigned(0, 1, "lin");
    assert_true(t.actions[0].sticky);
    assert_int_equal(arrive_as(2, request), ROUTE_OK);
    assigned(0, 2, "lin");
    assert_int_equal(arrive_as(3, request), ROUTE_OK);
    action_at(0, ROUTE_ACTION_WAIT, 3);
    pass(29);
    assert_int_equal(t.count, 0);
    pass(1);
    assigned(0, 3, "mia");
}

static void transfer_and_take_over_move_one_conversation(void **state)
{
    (void)state;
    begin(simple);
    presence("lin", ROUTE_ONLINE);
    presence("mia", ROUTE_ONLINE);
    arrive(1, "returns");
    assigned(0, 1, "lin");
    assert_int_equal(about(ROUTE_EVENT_TRANSFER, 1, "mia"), ROUTE_OK);
    assigned(0, 1, "mia");
    assert_int_equal(about(ROUTE_EVENT_TRANSFER, 1, "mia"), ROUTE_WRONG_STATE);
    arrive(2, "general");
    arrive(3, "general");
    arrive(4, "general");
    assert_int_equal(about(ROUTE_EVENT_TRANSFER, 1, "lin"), ROUTE_NO_ROOM);
    assert_int_equal(about(ROUTE_EVENT_TAKE, 1, "lin"), ROUTE_OK);
    assigned(0, 1, "lin");
    assert_true(t.actions[0].forced);
}

static void manual_queue_waits_for_a_claim(void **state)
{
    (void)state;
    begin("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[{\"id\":\"lin\",\"capacity\":1}],"
          "\"queues\":{\"q\":{\"pick\":\"manual\"}}}");
    presence("lin", ROUTE_ONLINE);
    arrive(1, "q");
    arrive(2, "q");
    action_at(0, ROUTE_ACTION_WAIT, 2);
    assert_int_equal(about(ROUTE_EVENT_CLAIM, 2, "lin"), ROUTE_OK);
    assigned(0, 2, "lin");
    assert_int_equal(about(ROUTE_EVENT_CLAIM, 1, "lin"), ROUTE_NO_ROOM);
}

/* ---- closed and full ---- */

static void closed_queue_turns_away_and_says_when_it_opens(void **state)
{
    (void)state;
    begin("{\"calendars\":{\"day\":{\"week\":{\"thu\":[\"09:00-18:00\"]}}},\"agents\":"
          "[{\"id\":\"lin\"}],\"queues\":{\"q\":{\"calendar\":\"day\",\"closed\":\"ticket\"}}}");
    arrive(1, "q"); /* 1970-01-01 00:16 */
    assert_int_equal(action_at(0, ROUTE_ACTION_CLOSED, 1)->due_ms, 9 * 3600 * 1000);
    assert_int_equal(t.actions[0].alternatives, ROUTE_ALTERNATIVE_TICKET);
    t.now = 9 * 3600 * 1000;
    arrive(1, "q");
    action_at(0, ROUTE_ACTION_WAIT, 1);
}

static void full_queue_overflows_then_refuses(void **state)
{
    (void)state;
    begin("{\"agents\":[{\"id\":\"lin\"}],\"queues\":{\"a\":{\"max_waiting\":1,\"overflow\":"
          "[\"b\"]},\"b\":{\"max_waiting\":1}}}");
    arrive(1, "a");
    arrive(2, "a");
    action_at(0, ROUTE_ACTION_OVERFLOW, 2);
    action_at(1, ROUTE_ACTION_WAIT, 2);
    arrive(3, "a");
    action_at(0, ROUTE_ACTION_REFUSED, 3);
    assert_false(route_conv_view(t.router, 3, &(struct route_conv_view){ 0 }));
}

/* ---- events that make no sense ---- */

static void senseless_events_are_answers(void **state)
{
    struct route_request request;

    (void)state;
    begin(simple);
    assert_int_equal(about(ROUTE_EVENT_CLOSE, 7, NULL), ROUTE_UNKNOWN_CONV);
    assert_int_equal(tell((struct route_event){ .type = ROUTE_EVENT_PRESENCE, .agent = 2 }),
                     ROUTE_UNKNOWN_AGENT);
    request = request_in("general");
    request.queue = 2;
    assert_int_equal(arrive_as(1, request), ROUTE_UNKNOWN_QUEUE);
    request.queue = 0;
    request.weight = ROUTE_UNIT + 1;
    assert_int_equal(arrive_as(1, request), ROUTE_BAD_EVENT);
    request.weight = ROUTE_UNIT;
    assert_int_equal(arrive_as(1, request), ROUTE_OK);
    assert_int_equal(arrive_as(1, request), ROUTE_DUPLICATE_CONV);
    close_conv(1);
    assert_int_equal(about(ROUTE_EVENT_CLOSE, 1, NULL), ROUTE_UNKNOWN_CONV); /* freed once */
    t.now -= 1;
    assert_int_equal(tell((struct route_event){ .type = ROUTE_EVENT_TICK }), ROUTE_TIME_BACKWARDS);
    assert_int_equal(tell((struct route_event){ .type = ROUTE_EVENT_TYPE_COUNT }), ROUTE_BAD_EVENT);
}

static void one_conversation_beyond_the_limit_is_answered_full(void **state)
{
    (void)state;
    begin(simple);
    for (uint64_t conv = 1; conv <= 16; conv++)
        arrive(conv, "general");
    assert_int_equal(arrive_as(17, request_in("general")), ROUTE_FULL);
    close_conv(16);
    arrive(17, "general");
}

/* Two classes: a third kind of conversation finds a place when one of the two is no longer used. */
static void class_beyond_the_limit_is_answered_full_while_all_are_used(void **state)
{
    struct route_request request;
    struct route_router *router;
    struct route_event event = { .type = ROUTE_EVENT_ARRIVE, .request = &request };

    (void)state;
    begin(simple);
    assert_true(route_router_create(
        &(struct route_options){
            .config = t.config, .conversations_max = 9, .classes_max = 2, .act = remember },
        &router));
    route_request_init(&request);
    for (uint16_t i = 0; i < 3; i++) {
        event.conv = i;
        request.require_count = i;
        request.require[i > 0 ? i - 1 : 0] = (struct route_need){ i > 0 ? i - 1 : 0, 1 };
        t.count = 0;
        assert_int_equal(route_event(router, &event), i < 2 ? ROUTE_OK : ROUTE_FULL);
    }
    t.count = 0;
    assert_int_equal(route_event(router, &(struct route_event){ .type = ROUTE_EVENT_CLOSE }),
                     ROUTE_OK);
    assert_int_equal(route_event(router, &event), ROUTE_OK);
    route_router_destroy(&router);
}

static void nine_skills_are_one_too_many(void **state)
{
    struct route_request request;

    (void)state;
    begin(simple);
    request = request_in("general");
    request.require_count = ROUTE_REQUEST_SKILLS_MAX;
    for (unsigned i = 0; i < ROUTE_REQUEST_SKILLS_MAX; i++)
        request.require[i] = (struct route_need){ 0, 1 };
    assert_int_equal(arrive_as(1, request), ROUTE_OK);
    request.require_count++;
    assert_int_equal(arrive_as(2, request), ROUTE_BAD_EVENT);
}

static enum route_answer inner;

static void call_back(void *ctx, const struct route_action *action)
{
    (void)action;
    inner = route_event(*(struct route_router **)ctx,
                        &(struct route_event){ .type = ROUTE_EVENT_TICK, .now_ms = 1 });
}

static void event_inside_an_action_is_refused(void **state)
{
    struct route_router *router;
    struct route_request request;

    (void)state;
    begin(simple);
    assert_true(route_router_create(
        &(struct route_options){
            .config = t.config, .conversations_max = 1, .act = call_back, .ctx = &router },
        &router));
    request = request_in("general");
    request.arrived_ms = 0;
    route_event(router, &(struct route_event){
                            .type = ROUTE_EVENT_ARRIVE, .conv = 1, .request = &request });
    assert_int_equal(inner, ROUTE_BUSY_ACTING);
    route_router_destroy(&router);
}

/* ---- memory ---- */

struct budget {
    unsigned left, live;
};

static void *budget_alloc(void *ctx, size_t bytes)
{
    struct budget *budget = ctx;

    if (budget->left == 0)
        return NULL;
    budget->left--;
    budget->live++;
    return test_malloc(bytes);
}

static void budget_free(void *ctx, void *ptr)
{
    struct budget *budget = ctx;

    budget->live--;
    test_free(ptr);
}

static void memory_that_runs_out_is_reported_and_given_back(void **state)
{
    bool made = false;

    (void)state;
    for (unsigned i = 0; !made; i++) {
        struct budget budget = { .left = i };
        struct route_memory memory = { budget_alloc, budget_free, &budget };
        struct route_options options = { .conversations_max = 16,
                                         .act = remember,
                                         .memory = &memory };
        struct route_report report;

        if (!route_config_load(simple, strlen(simple), &memory, &t.config, &report)) {
            assert_string_equal(report.items[0].text, "out of memory");
        } else {
            options.config = t.config;
            made = route_router_create(&options, &t.router);
            budget.left = 0; /* from here on none may be asked for */
            if (made)
                arrive(1, "general");
        }
        route_router_destroy(&t.router);
        route_config_destroy(&t.config);
        assert_int_equal(budget.live, 0);
        assert_true(i < 100);
    }
}

/* ---- why ---- */

static void trace_counts_who_is_left_and_names_the_best(void **state)
{
    struct route_request request;
    struct route_trace trace;
    uint32_t mia;

    (void)state;
    begin(simple);
    mia = agent_of("mia");
    presence("mia", ROUTE_ONLINE);
    arrive(1, "returns");
    assert_int_equal(route_explain(t.router, 1, mia, &trace), ROUTE_OK);
    assert_int_equal(trace.steps[0].left, 2);
    assert_true(trace.steps[0].passed);
    assert_string_equal(route_step_name(trace.steps[1].kind), "skill");
    assert_int_equal(trace.steps[1].left, 1);
    assert_false(trace.steps[1].passed);
    assert_int_equal(trace.top_count, 0);
    request = request_in("general");
    assert_int_equal(route_explain_request(t.router, &request, mia, &trace), ROUTE_OK);
    assert_int_equal(trace.top_count, 1);
    assert_int_equal(trace.top[0].agent, mia);
}

static void wait_estimate_needs_five_like_waits(void **state)
{
    int64_t ms;

    (void)state;
    begin("{\"settings\":{\"slow_start\":\"0s\"},\"agents\":[{\"id\":\"lin\",\"capacity\":1}],"
          "\"queues\":{\"q\":{}}}");
    presence("lin", ROUTE_ONLINE);
    arrive(1, "q");
    for (uint64_t conv = 2; conv <= 6; conv++) {
        arrive(conv, "q");
        assert_false(route_wait_estimate(t.router, 0, 1, &ms));
        t.now += 60000;
        close_conv(conv - 1);
    }
    assert_true(route_wait_estimate(t.router, 0, 1, &ms));
    assert_int_equal(ms, 60000);
    assert_false(route_wait_estimate(t.router, 0, 2, &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(arrival_goes_to_the_longest_idle_agent, end),
        cmocka_unit_test_teardown(agent_without_the_skill_is_passed_over, end),
        cmocka_unit_test_teardown(freed_agent_gets_who_waited_longest_at_once, end),
        cmocka_unit_test_teardown(priority_counts_as_time_waited_up_to_the_bound, end),
        cmocka_unit_test_teardown(a_learned_skill_opens_the_queue, end),
        cmocka_unit_test_teardown(rings_widen_step_by_step, end),
        cmocka_unit_test_teardown(last_rings_offer_alternatives_and_overflow, end),
        cmocka_unit_test_teardown(late_tick_runs_each_timer_at_its_own_time, end),
        cmocka_unit_test_teardown(offer_is_accepted_or_goes_to_the_next, end),
        cmocka_unit_test_teardown(two_missed_offers_set_the_agent_away, end),
        cmocka_unit_test_teardown(slow_start_opens_one_place_after_another, end),
        cmocka_unit_test_teardown(quiet_conversations_make_room_for_one_more_only, end),
        cmocka_unit_test_teardown(light_conversations_take_no_part_of_a_place, end),
        cmocka_unit_test_teardown(vanished_agent_loses_the_unanswered_after_the_grace, end),
        cmocka_unit_test_teardown(reopened_conversation_waits_for_its_agent_for_a_while, end),
        cmocka_unit_test_teardown(transfer_and_take_over_move_one_conversation, end),
        cmocka_unit_test_teardown(manual_queue_waits_for_a_claim, end),
        cmocka_unit_test_teardown(closed_queue_turns_away_and_says_when_it_opens, end),
        cmocka_unit_test_teardown(full_queue_overflows_then_refuses, end),
        cmocka_unit_test_teardown(senseless_events_are_answers, end),
        cmocka_unit_test_teardown(one_conversation_beyond_the_limit_is_answered_full, end),
        cmocka_unit_test_teardown(class_beyond_the_limit_is_answered_full_while_all_are_used, end),
        cmocka_unit_test_teardown(nine_skills_are_one_too_many, end),
        cmocka_unit_test_teardown(event_inside_an_action_is_refused, end),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_given_back),
        cmocka_unit_test_teardown(trace_counts_who_is_left_and_names_the_best, end),
        cmocka_unit_test_teardown(wait_estimate_needs_five_like_waits, end),
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
