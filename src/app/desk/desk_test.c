/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "conv.h"
#include "desk.h"
#include "limit.h"

enum { ANN = 1, BO = 2, CALLS_MAX = 4096, AVOID_MS = 60 * 1000 }; /* the default of offers.again */

struct call {
    struct conv_id conv;
    struct agent_id agent;
    uint64_t reservation;
    uint32_t position, estimated_wait_ms;
    uint32_t alternatives;
    int64_t until;
    bool agents_online, closed;
};

struct fixture {
    struct desk *desk;
    struct clock_virtual time;
    struct clock clock;
    struct call assigns[CALLS_MAX], requeues[CALLS_MAX], positions[CALLS_MAX], offers[CALLS_MAX];
    unsigned assign_count, requeue_count, position_count, presence_count, offer_count, wall_count;
    struct desk_queue_view wall;
    struct desk_agent_view presence;
    bool full;
    uint32_t seq;
};

static bool on_assign(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation)
{
    struct fixture *f = ctx;

    if (f->full)
        return false;
    assert_true(f->assign_count < CALLS_MAX);
    f->assigns[f->assign_count++] =
        (struct call){ .conv = conv, .agent = agent, .reservation = reservation };
    return true;
}

static bool on_requeue(void *ctx, struct conv_id conv, struct agent_id agent)
{
    struct fixture *f = ctx;

    if (f->full)
        return false;
    assert_true(f->requeue_count < CALLS_MAX);
    f->requeues[f->requeue_count++] = (struct call){ .conv = conv, .agent = agent };
    return true;
}

static bool on_offer(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms)
{
    struct fixture *f = ctx;

    if (f->full)
        return false;
    assert_true(f->offer_count < CALLS_MAX);
    f->offers[f->offer_count++] = (struct call){ .conv = conv, .agent = agent, .until = until_ms };
    return true;
}

static void on_place(void *ctx, struct conv_id conv, const struct desk_place_view *place)
{
    struct fixture *f = ctx;

    assert_true(f->position_count < CALLS_MAX);
    f->positions[f->position_count++] =
        (struct call){ .conv = conv,
                       .position = place->position,
                       .estimated_wait_ms = place->estimated_wait_ms,
                       .alternatives = place->alternatives,
                       .until = place->opens_at,
                       .closed = place->closed,
                       .agents_online = place->agents_online };
}

static void on_wall(void *ctx, struct workspace_id workspace, const struct desk_queue_view *queues,
                    unsigned count)
{
    struct fixture *f = ctx;

    assert_int_equal(workspace.v, 1);
    assert_true(count > 0);
    f->wall = queues[0];
    f->wall_count++;
}

static void on_presence(void *ctx, struct workspace_id workspace,
                        const struct desk_agent_view *agents, unsigned count)
{
    struct fixture *f = ctx;

    assert_int_equal(workspace.v, 1);
    assert_int_equal(count, 1);
    f->presence = agents[0];
    f->presence_count++;
}

static int setup_raw(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct desk_options options = {
        .workspace = { 1 },
        .ops = { on_assign, on_requeue, on_offer, on_place, on_presence, on_wall, NULL, f },
    };

    f->time.wall_ms = 1000000;
    f->time.mono_us = 1000000;
    f->clock = clock_virtual_clock(&f->time);
    options.clock = &f->clock;
    f->desk = desk_create(&options);
    *state = f;
    return 0;
}

static void agent_set(struct fixture *f, uint64_t agent, uint32_t capacity)
{
    assert_int_equal(
        desk_agent_set(f->desk, (struct agent_id){ agent }, SLICE_LITERAL("A"), capacity, NULL),
        ERR_OK);
}

static void session(struct fixture *f, uint64_t agent, bool open)
{
    desk_agent_session(f->desk, (struct agent_id){ agent }, open);
}

/* Ready, with two agents of two places, nobody online. */
static int setup(void **state)
{
    struct fixture *f;

    setup_raw(state);
    f = *state;
    agent_set(f, ANN, 2);
    agent_set(f, BO, 2);
    desk_ready(f->desk);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    desk_destroy(&f->desk);
    test_free(f);
    return 0;
}

static void report(struct fixture *f, uint64_t conv, enum conv_state state, uint64_t agent,
                   int64_t queued_at)
{
    const struct desk_report r = {
        .conv = { conv },
        .site = { 3 },
        .head_seq = ++f->seq,
        .state = state,
        .agent = { agent },
        .queued_at = queued_at,
    };

    desk_report(f->desk, &r);
}

/* The shard's answer to an assignment. */
static void answer(struct fixture *f, const struct call *call, bool taken, int64_t queued_at)
{
    const struct desk_report r = {
        .conv = call->conv,
        .head_seq = taken ? ++f->seq : f->seq,
        .state = taken ? CONV_AGENT : CONV_QUEUED,
        .agent = { taken ? call->agent.v : 0 },
        .queued_at = taken ? 0 : queued_at,
        .reservation = call->reservation,
        .refused = !taken,
    };

    desk_report(f->desk, &r);
}

static void pass(struct fixture *f, int64_t ms)
{
    for (; ms > 0; ms -= 1000) {
        clock_virtual_advance(&f->time, 1000);
        desk_tick(f->desk);
    }
}

static uint32_t load(struct fixture *f, uint64_t agent)
{
    struct desk_agent_view view;

    assert_true(desk_agent_get(f->desk, (struct agent_id){ agent }, &view));
    return view.load;
}

static void the_queue_drains_the_moment_an_agent_comes(void **state)
{
    struct fixture *f = *state;

    report(f, 101, CONV_QUEUED, 0, 10);
    report(f, 102, CONV_QUEUED, 0, 20);
    report(f, 103, CONV_QUEUED, 0, 30);
    assert_int_equal(f->assign_count, 0);
    session(f, ANN, true);
    assert_int_equal(f->assign_count, 2); /* her two places */
    assert_int_equal(f->assigns[0].conv.v, 101);
    assert_int_equal(f->assigns[1].conv.v, 102);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 103 }), 1);
    answer(f, &f->assigns[0], true, 0);
    assert_int_equal(f->assign_count, 2);
    report(f, 101, CONV_CLOSED, 0, 0); /* capacity frees: in the same call */
    assert_int_equal(f->assign_count, 3);
    assert_int_equal(f->assigns[2].conv.v, 103);
    assert_int_equal(load(f, ANN), 2);
}

static void nothing_is_handed_out_before_ready(void **state)
{
    struct fixture *f = *state;

    agent_set(f, ANN, 2);
    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    report(f, 102, CONV_AGENT, 77, 0);
    pass(f, 5000);
    assert_int_equal(f->assign_count + f->requeue_count, 0);
    desk_ready(f->desk);
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(f->requeue_count, 1); /* 77 is gone for good */
    assert_int_equal(f->requeues[0].agent.v, 77);
}

static void the_longest_without_a_new_one_is_next(void **state)
{
    struct fixture *f = *state;

    agent_set(f, BO, 4);
    session(f, ANN, true);
    session(f, BO, true);
    for (unsigned i = 0; i < 6; i++) {
        clock_virtual_advance(&f->time, 10);
        report(f, 101 + i, CONV_QUEUED, 0, 10 + i);
    }
    assert_int_equal(f->assign_count, 6);
    for (unsigned i = 1; i < 4; i++) /* in turns, whoever was first */
        assert_int_not_equal(f->assigns[i].agent.v, f->assigns[i - 1].agent.v);
    assert_int_equal(f->assigns[4].agent.v, BO); /* hers are taken */
    assert_int_equal(load(f, ANN), 2);
    assert_int_equal(load(f, BO), 4);
}

static void busy_and_away_keep_what_they_have_and_get_nothing(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, 0);
    assert_int_equal(
        desk_agent_status(f->desk, (struct agent_id){ ANN }, DESK_BUSY, SLICE_EMPTY, NULL), ERR_OK);
    report(f, 102, CONV_QUEUED, 0, 10);
    pass(f, 300 * 1000);
    assert_int_equal(f->assign_count + f->requeue_count, 0);
    assert_int_equal(
        desk_agent_status(f->desk, (struct agent_id){ ANN }, DESK_ONLINE, SLICE_EMPTY, NULL),
        ERR_OK);
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(
        desk_agent_status(f->desk, (struct agent_id){ 9 }, DESK_AWAY, SLICE_EMPTY, NULL),
        ERR_NOT_FOUND);
    assert_int_equal(desk_agent_status(f->desk, (struct agent_id){ ANN }, (enum desk_status)4,
                                       SLICE_EMPTY, NULL),
                     ERR_INVALID);
}

static void queued_conv_keeps_its_place_after_agent_leaves(void **state)
{
    struct fixture *f = *state;
    unsigned calls;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    answer(f, &f->assigns[0], true, 0);
    report(f, 102, CONV_QUEUED, 0, 20);
    answer(f, &f->assigns[1], true, 0);
    report(f, 103, CONV_QUEUED, 0, 30);
    session(f, ANN, false);
    pass(f, (LIMIT_AGENT_GRACE_SECONDS - 1) * 1000);
    assert_int_equal(f->requeue_count, 0);
    pass(f, 1000);
    assert_int_equal(f->requeue_count, 2);
    calls = f->requeue_count;
    pass(f, 5000);
    assert_int_equal(f->requeue_count, calls); /* asked once */
    pass(f, DESK_RESERVATION_MS);
    assert_int_equal(f->requeue_count, calls + 2); /* nothing came of it */
    report(f, 102, CONV_QUEUED, 0, 20);
    report(f, 101, CONV_QUEUED, 0, 10);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 101 }), 1);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 102 }), 2);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 103 }), 3);
    assert_int_equal(load(f, ANN), 0);
}

static void a_reload_within_the_grace_keeps_conversations(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, 0);
    session(f, ANN, false);
    pass(f, 200 * 1000);
    assert_int_equal(f->requeue_count, 0); /* another console is open */
    session(f, ANN, false);
    pass(f, 60 * 1000);
    session(f, ANN, true);
    pass(f, 200 * 1000);
    assert_int_equal(f->requeue_count, 0);
}

static void a_refused_reservation_frees_the_place(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    answer(f, &f->assigns[0], false, 10);
    assert_int_equal(load(f, ANN), 0);
    assert_int_equal(f->assign_count, 1); /* not again at once: no hot loop */
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 101 }), 1);
    pass(f, DESK_RETRY_MS);
    assert_int_equal(f->assign_count, 2);
    assert_true(f->assigns[1].reservation != f->assigns[0].reservation);
    answer(f, &f->assigns[0], false, 10); /* a late repeat of the first */
    assert_int_equal(load(f, ANN), 1);
    desk_report(f->desk, &(struct desk_report){ .conv = { 101 },
                                                .state = CONV_CLOSED,
                                                .reservation = f->assigns[1].reservation,
                                                .refused = true });
    assert_int_equal(load(f, ANN), 0); /* there is no such conversation */
    assert_int_equal(desk_waiting_count(f->desk), 0);
}

static void an_unanswered_reservation_dies(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    assert_int_equal(load(f, ANN), 1);
    pass(f, DESK_RESERVATION_MS - 1000);
    assert_int_equal(f->assign_count, 1);
    pass(f, 1000);
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(load(f, ANN), 1);
    answer(f, &f->assigns[0], true, 0); /* the first one was taken up after all */
    assert_int_equal(load(f, ANN), 1);
    f->seq--;
    answer(f, &f->assigns[1], false, 10); /* stale: said before the state that counts */
    assert_int_equal(load(f, ANN), 1);
    assert_int_equal(desk_waiting_count(f->desk), 0);
}

static void what_found_no_room_is_sent_again(void **state)
{
    struct fixture *f = *state;

    f->full = true;
    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    report(f, 102, CONV_AGENT, 55, 0);
    pass(f, 60 * 1000);
    assert_int_equal(f->assign_count + f->requeue_count, 0);
    f->full = false;
    pass(f, 1000);
    assert_int_equal(f->assign_count, 1);
    assert_int_equal(f->requeue_count, 1);
}

static void who_declined_is_not_given_it_back_at_once(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_QUEUED, 0, 10);
    answer(f, &f->assigns[0], true, 0);
    report(f, 101, CONV_QUEUED, 0, 10);
    assert_int_equal(f->assign_count, 1);
    session(f, BO, true);
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(f->assigns[1].agent.v, BO);
    answer(f, &f->assigns[1], true, 0);
    session(f, BO, false);
    report(f, 101, CONV_QUEUED, 0, 10);
    assert_int_equal(f->assign_count, 2); /* both have turned it down */
    pass(f, AVOID_MS);
    assert_int_equal(f->assigns[2].agent.v, ANN);
}

static void the_only_agent_gets_it_back_in_the_end(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, 0);
    report(f, 101, CONV_QUEUED, 0, 10);
    report(f, 102, CONV_QUEUED, 0, 20);
    assert_int_equal(f->assign_count, 1); /* the next one is not held up */
    assert_int_equal(f->assigns[0].conv.v, 102);
    answer(f, &f->assigns[0], true, 0);
    pass(f, AVOID_MS - 1000);
    assert_int_equal(f->assign_count, 1);
    pass(f, 1000);
    assert_int_equal(f->assign_count, 2);
    assert_int_equal(f->assigns[1].conv.v, 101);
}

static void old_and_repeated_reports_change_nothing(void **state)
{
    struct fixture *f = *state;
    const struct desk_report old = {
        .conv = { 101 }, .head_seq = 1, .state = CONV_QUEUED, .queued_at = 5
    };

    session(f, ANN, true);
    f->seq = 10;
    report(f, 101, CONV_AGENT, ANN, 0);
    desk_report(f->desk, &old);
    assert_int_equal(load(f, ANN), 1);
    f->seq--;
    report(f, 101, CONV_AGENT, ANN, 0);
    assert_int_equal(load(f, ANN), 1);
    report(f, 101, CONV_CLOSED, 0, 0);
    report(f, 101, CONV_CLOSED, 0, 0);
    assert_int_equal(load(f, ANN), 0);
}

static void a_removed_agent_gives_everything_back(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 101, CONV_AGENT, ANN, 0);
    report(f, 102, CONV_QUEUED, 0, 20);
    desk_agent_remove(f->desk, (struct agent_id){ ANN });
    assert_int_equal(f->requeue_count, 1);
    assert_int_equal(f->requeues[0].conv.v, 101);
    assert_int_equal(desk_position(f->desk, (struct conv_id){ 102 }), 2); /* 101 came first */
    assert_int_equal(f->presence.status, DESK_OFFLINE);
    agent_set(f, ANN, 2); /* enabled again before the shard answered */
    assert_int_equal(f->requeue_count, 1);
    report(f, 101, CONV_QUEUED, 0, 10);
    assert_int_equal(load(f, ANN), 0);
    assert_int_equal(desk_waiting_count(f->desk), 2);
}

static void visitors_learn_their_place_when_it_changes(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < DESK_POSITIONS_PER_TICK + 10; i++)
        report(f, 1001 + i, CONV_QUEUED, 0, 10 + i);
    assert_int_equal(f->position_count, DESK_POSITIONS_PER_TICK + 10);
    assert_int_equal(f->positions[4].position, 5);
    assert_false(f->positions[4].agents_online);
    pass(f, 3000);
    assert_int_equal(f->position_count, DESK_POSITIONS_PER_TICK + 10); /* nothing changed */
    f->position_count = 0;
    report(f, 1001, CONV_CLOSED, 0, 0);
    report(f, 1002, CONV_CLOSED, 0, 0);
    assert_int_equal(f->position_count, 0);
    pass(f, 1000);
    assert_int_equal(f->position_count, DESK_POSITIONS_PER_TICK);
    assert_int_equal(f->positions[0].conv.v, 1003);
    assert_int_equal(f->positions[0].position, 1);
    pass(f, 1000);
    assert_int_equal(f->position_count, DESK_POSITIONS_PER_TICK + 8);
}

static void the_wait_is_estimated_from_the_last_ones(void **state)
{
    struct fixture *f = *state;

    session(f, ANN, true);
    report(f, 1, CONV_AGENT, ANN, 0);
    report(f, 2, CONV_AGENT, ANN, 0);
    for (unsigned i = 0; i < 8; i++) {
        report(f, 101 + i, CONV_QUEUED, 0, 10 + i);
        assert_int_equal(f->positions[f->position_count - 1].estimated_wait_ms,
                         i < 5 ? 0 : 30 * 1000);
        pass(f, 30 * 1000);
        report(f, 1, CONV_CLOSED, 0, 0); /* a place frees ... */
        answer(f, &f->assigns[i], true, 0);
        report(f, 1, CONV_AGENT, ANN, 0); /* ... and is taken at once */
        report(f, 101 + i, CONV_CLOSED, 0, 0);
    }
}

static void capacity_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };

    assert_int_equal(desk_agent_set(f->desk, (struct agent_id){ 5 }, SLICE_EMPTY,
                                    LIMIT_AGENT_CAPACITY_MAX, &err),
                     ERR_OK);
    assert_int_equal(desk_agent_set(f->desk, (struct agent_id){ 5 }, SLICE_EMPTY,
                                    LIMIT_AGENT_CAPACITY_MAX + 1, &err),
                     ERR_INVALID);
    assert_string_equal(err.field, "capacity");
}

static void consoles_hear_of_what_changed_only(void **state)
{
    struct fixture *f = *state;
    unsigned told = f->presence_count;

    agent_set(f, ANN, 2);
    assert_int_equal(f->presence_count, told);
    agent_set(f, ANN, 3);
    assert_int_equal(f->presence_count, told + 1);
    assert_int_equal(f->presence.capacity, 3);
    session(f, ANN, true);
    assert_int_equal(f->presence_count, told + 2);
    assert_int_equal(f->presence.status, DESK_ONLINE);
    for (unsigned i = 0; i < 3; i++) /* loads change: told together, at the tick */
        report(f, 101 + i, CONV_AGENT, ANN, 0);
    assert_int_equal(f->presence_count, told + 2);
    pass(f, 2000);
    assert_int_equal(f->presence_count, told + 3);
    assert_int_equal(f->presence.load, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_queue_drains_the_moment_an_agent_comes),
        cmocka_unit_test_setup_teardown(nothing_is_handed_out_before_ready, setup_raw, teardown),
        TEST(the_longest_without_a_new_one_is_next),
        TEST(busy_and_away_keep_what_they_have_and_get_nothing),
        TEST(queued_conv_keeps_its_place_after_agent_leaves),
        TEST(a_reload_within_the_grace_keeps_conversations),
        TEST(a_refused_reservation_frees_the_place),
        TEST(an_unanswered_reservation_dies),
        TEST(what_found_no_room_is_sent_again),
        TEST(who_declined_is_not_given_it_back_at_once),
        TEST(the_only_agent_gets_it_back_in_the_end),
        TEST(old_and_repeated_reports_change_nothing),
        TEST(a_removed_agent_gives_everything_back),
        TEST(visitors_learn_their_place_when_it_changes),
        TEST(the_wait_is_estimated_from_the_last_ones),
        TEST(capacity_has_a_limit),
        TEST(consoles_hear_of_what_changed_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
