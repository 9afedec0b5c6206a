/* SPDX-License-Identifier: Apache-2.0 */
/* The desk against a model of everything around it: shards that answer late, refuse or never got
 * the message, agents that come, go, take and decline by themselves; with a configuration that asks
 * agents first, offers that are accepted late, turned down, ignored or lost, and configurations
 * that change in between. Seeded, so a failure names the seed that shows it again. */
#include "test.h"

#include "conv.h"
#include "desk.h"
#include "hash.h"

enum { CONVS = 60, AGENTS = 6, MAIL_MAX = 4096, STEPS = 3000, SEEDS = 200, OFFER_SEEDS = 100 };

static const char by_offers[] =
    "{\"settings\":{\"slow_start\":\"0s\",\"quiet\":{\"weight\":\"100%\",\"over\":0},"
    "\"offline_grace\":\"60s\",\"offers\":{\"misses\":3,\"again\":\"10s\"}},"
    "\"agents\":[{\"id\":\"0\"},{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"},{\"id\":\"4\"},"
    "{\"id\":\"5\"},{\"id\":\"6\"}],"
    "\"queues\":{\"offers\":{\"offer\":\"5s\",\"rings\":[{\"after\":\"0s\"},"
    "{\"after\":\"30s\",\"overflow\":\"push\"}]},\"push\":{\"pick\":\"fair\"}}}";

enum mail_kind { MAIL_ASSIGN, MAIL_REQUEUE, MAIL_OFFER };

struct mail {
    enum mail_kind kind;
    struct conv_id conv;
    struct agent_id agent;
    uint64_t reservation;
};

struct model {
    struct desk *desk;
    struct clock_virtual time;
    struct clock clock;
    uint64_t seed, draws;
    struct {
        enum conv_state state;
        uint64_t agent;
        uint64_t offered_to; /* as its shard knows; 0: nobody */
        int64_t queued_at;
        uint32_t seq;
    } convs[CONVS + 1];
    struct {
        bool known;
        unsigned sessions;
    } agents[AGENTS + 1];
    struct mail mail[MAIL_MAX];
    unsigned mail_count;
    bool mail_full, calm, by_offers;
};

static uint64_t failing_seed; /* for a debugger */

static unsigned draw(struct model *m, unsigned below)
{
    return (unsigned)(hash_u64(m->seed, ++m->draws) % below);
}

static bool post(struct model *m, struct mail mail)
{
    if (m->mail_full || m->mail_count == MAIL_MAX)
        return false;
    m->mail[m->mail_count++] = mail;
    return true;
}

static bool on_assign(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation)
{
    return post(ctx, (struct mail){ MAIL_ASSIGN, conv, agent, reservation });
}

static bool on_requeue(void *ctx, struct conv_id conv, struct agent_id agent)
{
    return post(ctx, (struct mail){ MAIL_REQUEUE, conv, agent, 0 });
}

static bool on_offer(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms)
{
    (void)until_ms;
    return post(ctx, (struct mail){ MAIL_OFFER, conv, agent, 0 });
}

static void on_place(void *ctx, struct conv_id conv, const struct desk_place_view *place)
{
    struct model *m = ctx;

    assert_int_equal(m->convs[conv.v].state == CONV_QUEUED || !m->calm, 1);
    assert_true(place->position > 0);
}

static void on_wall(void *ctx, struct workspace_id workspace, const struct desk_queue_view *queues,
                    unsigned count)
{
    (void)ctx, (void)workspace, (void)queues, (void)count;
}

static void on_presence(void *ctx, struct workspace_id workspace,
                        const struct desk_agent_view *agents, unsigned count)
{
    (void)ctx, (void)workspace, (void)agents, (void)count;
}

static void tell_all(struct model *m, uint64_t conv, uint64_t reservation, bool refused,
                     uint64_t declined)
{
    const struct desk_report report = {
        .conv = { conv },
        .site = { 1 },
        .head_seq = m->convs[conv].seq,
        .state = m->convs[conv].state,
        .agent = { m->convs[conv].state == CONV_AGENT ? m->convs[conv].agent : 0 },
        .queued_at = m->convs[conv].state == CONV_QUEUED ? m->convs[conv].queued_at : 0,
        .reservation = reservation,
        .refused = refused,
        .declined = { declined },
    };

    desk_report(m->desk, &report);
}

static void tell(struct model *m, uint64_t conv, uint64_t reservation, bool refused)
{
    tell_all(m, conv, reservation, refused, 0);
}

static void move(struct model *m, uint64_t conv, enum conv_state state, uint64_t agent)
{
    m->convs[conv].state = state;
    m->convs[conv].agent = agent;
    m->convs[conv].offered_to = 0;
    m->convs[conv].seq++;
}

static void accept(struct model *m, uint64_t conv)
{
    move(m, conv, CONV_AGENT, m->convs[conv].offered_to);
    tell(m, conv, 0, false);
}

/* The offer is a turn of its own: it is written down, and reported. */
static void offer_come(struct model *m, uint64_t conv, uint64_t agent)
{
    if (m->convs[conv].state != CONV_QUEUED || !m->agents[agent].known)
        return;
    m->convs[conv].offered_to = agent;
    m->convs[conv].seq++;
    tell(m, conv, 0, false);
    if (m->calm)
        accept(m, conv);
}

/* A conversation's shard works a message of the desk. */
static void deliver_one(struct model *m, unsigned at)
{
    struct mail mail = m->mail[at];
    uint64_t conv = mail.conv.v;

    m->mail[at] = m->mail[--m->mail_count];
    if (mail.kind == MAIL_OFFER) {
        offer_come(m, conv, mail.agent.v);
        return;
    }
    if (mail.kind == MAIL_REQUEUE) {
        if (m->convs[conv].state == CONV_AGENT && m->convs[conv].agent == mail.agent.v)
            move(m, conv, CONV_QUEUED, 0);
        tell(m, conv, 0, false);
        return;
    }
    if (m->convs[conv].state == CONV_QUEUED && m->agents[mail.agent.v].known &&
        (m->calm || draw(m, 10) > 0)) {
        move(m, conv, CONV_AGENT, mail.agent.v);
        tell(m, conv, mail.reservation, false);
    } else {
        tell(m, conv, mail.reservation, true);
    }
}

static void step_conv(struct model *m)
{
    uint64_t conv = 1 + draw(m, CONVS);
    uint64_t agent = 1 + draw(m, AGENTS);
    enum conv_state state = m->convs[conv].state;

    switch (draw(m, m->by_offers ? 8 : 5)) {
    case 0:
    case 1:
        if (state == CONV_CLOSED || state == CONV_BOT) {
            m->convs[conv].queued_at = m->time.wall_ms;
            move(m, conv, CONV_QUEUED, 0);
            tell(m, conv, 0, false);
        }
        break;
    case 2:
        if (state == CONV_AGENT || state == CONV_QUEUED) {
            move(m, conv, CONV_CLOSED, 0);
            tell(m, conv, 0, false);
        }
        break;
    case 3: /* an agent helps itself */
        if (state == CONV_QUEUED && m->agents[agent].known) {
            move(m, conv, CONV_AGENT, agent);
            tell(m, conv, 0, false);
        }
        break;
    case 4: /* declined */
        if (state == CONV_AGENT) {
            move(m, conv, CONV_QUEUED, 0);
            tell(m, conv, 0, false);
        }
        break;
    case 5: /* the offer is turned down, late maybe */
        agent = m->convs[conv].offered_to;
        if (state == CONV_QUEUED && agent != 0) {
            move(m, conv, CONV_QUEUED, 0);
            tell_all(m, conv, 0, false, agent);
        }
        break;
    default: /* the same, accepted */
        if (state == CONV_QUEUED && m->agents[m->convs[conv].offered_to].known)
            accept(m, conv);
    }
}

static void step_agent(struct model *m)
{
    struct agent_id agent = { 1 + draw(m, AGENTS) };

    switch (draw(m, 6)) {
    case 0:
        m->agents[agent.v].known = true;
        assert_int_equal(desk_agent_set(m->desk, agent, SLICE_LITERAL("A"), 1 + draw(m, 5), NULL),
                         ERR_OK);
        break;
    case 1:
        if (draw(m, 10) == 0 && m->agents[agent.v].known) {
            desk_agent_remove(m->desk, agent);
            m->agents[agent.v].known = false;
            m->agents[agent.v].sessions = 0;
        }
        break;
    case 2:
    case 3:
        if (m->agents[agent.v].known) {
            desk_agent_session(m->desk, agent, true);
            m->agents[agent.v].sessions++;
        }
        break;
    case 4:
        if (m->agents[agent.v].sessions > 0) {
            desk_agent_session(m->desk, agent, false);
            m->agents[agent.v].sessions--;
        }
        break;
    default:
        if (m->agents[agent.v].known)
            assert_int_equal(desk_agent_status(m->desk, agent, (enum desk_status)(1 + draw(m, 3)),
                                               SLICE_EMPTY, NULL),
                             ERR_OK);
    }
}

static void pass(struct model *m, unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        clock_virtual_advance(&m->time, 1000);
        desk_tick(m->desk);
    }
}

/* Everything arrives, time passes: now the desk must know what the shards know. */
static void settle(struct model *m)
{
    m->mail_full = false;
    m->calm = true;
    for (unsigned i = 0; i < 400; i++) {
        while (m->mail_count > 0)
            deliver_one(m, 0);
        pass(m, 1);
    }
    assert_int_equal(m->mail_count, 0);
    m->calm = false;
}

static void check_settled(struct model *m)
{
    unsigned waiting = 0;
    bool room = false;

    for (uint64_t agent = 1; agent <= AGENTS; agent++) {
        struct desk_agent_view view;
        unsigned held = 0;

        for (uint64_t conv = 1; conv <= CONVS; conv++)
            held += m->convs[conv].state == CONV_AGENT && m->convs[conv].agent == agent;
        if (!desk_agent_get(m->desk, (struct agent_id){ agent }, &view)) {
            assert_int_equal(held, 0); /* of a removed agent everything went back */
            continue;
        }
        assert_int_equal(view.load, held);
        assert_int_equal(view.status == DESK_OFFLINE, m->agents[agent].sessions == 0);
        if (view.status == DESK_OFFLINE)
            assert_int_equal(held, 0);
        room = room || (view.status == DESK_ONLINE && view.load < view.capacity);
    }
    for (uint64_t conv = 1; conv <= CONVS; conv++) {
        bool queued = m->convs[conv].state == CONV_QUEUED;

        assert_int_equal(desk_position(m->desk, (struct conv_id){ conv }) > 0, queued);
        waiting += queued;
    }
    assert_int_equal(desk_waiting_count(m->desk), waiting);
    assert_false(waiting > 0 && room);
}

/* Another configuration, or none, while everything is under way. */
static void step_config(struct model *m)
{
    struct route_config *config = NULL;
    struct route_report report;

    if (draw(m, 3) > 0)
        assert_true(route_config_load(by_offers, sizeof(by_offers) - 1, NULL, &config, &report));
    desk_config_set(m->desk, &config);
}

static void run(uint64_t seed, bool offers)
{
    struct model m = { .seed = seed, .by_offers = offers };
    struct desk_options options = {
        .workspace = { 1 },
        .clock = &m.clock,
        .ops = { on_assign, on_requeue, on_offer, on_place, on_presence, on_wall, NULL, &m },
    };

    m.time.wall_ms = 1000;
    m.clock = clock_virtual_clock(&m.time);
    m.desk = desk_create(&options);
    for (uint64_t conv = 1; conv <= CONVS; conv++)
        m.convs[conv].state = CONV_CLOSED;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned what = draw(&m, 100);

        if (offers && step % 100 == 60)
            step_config(&m);

        m.mail_full = draw(&m, 20) == 0;
        if (step == 50)
            desk_ready(m.desk);
        if (what < 45)
            step_conv(&m);
        else if (what < 60)
            step_agent(&m);
        else if (what < 90 && m.mail_count > 0)
            deliver_one(&m, draw(&m, m.mail_count));
        else if (what < 93 && m.mail_count > 0)
            m.mail[0] = m.mail[--m.mail_count]; /* lost on the way */
        else
            pass(&m, draw(&m, 4));
        if (step % 500 == 499) {
            settle(&m);
            check_settled(&m);
        }
    }
    desk_destroy(&m.desk);
}

static void nothing_is_lost_doubled_or_left_waiting(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        failing_seed = seed;
        run(seed, false);
    }
}

static void the_same_with_offers_and_changing_configurations(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= OFFER_SEEDS; seed++) {
        failing_seed = seed;
        run(seed, true);
    }
}

/* Without refusals, declines and losses: at every moment, not only in the end. */
static void in_order_and_never_beyond_capacity(void **state)
{
    struct model m = { .seed = 77, .calm = true };
    struct desk_options options = {
        .workspace = { 1 },
        .clock = &m.clock,
        .ops = { on_assign, on_requeue, on_offer, on_place, on_presence, on_wall, NULL, &m },
    };

    (void)state;
    m.time.wall_ms = 1000;
    m.clock = clock_virtual_clock(&m.time);
    m.desk = desk_create(&options);
    desk_ready(m.desk);
    for (uint64_t agent = 1; agent <= AGENTS; agent++) {
        m.agents[agent].known = true;
        assert_int_equal(desk_agent_set(m.desk, (struct agent_id){ agent }, SLICE_LITERAL("A"),
                                        (uint32_t)agent, NULL),
                         ERR_OK);
        desk_agent_session(m.desk, (struct agent_id){ agent }, true);
    }
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t conv = 1 + draw(&m, CONVS);
        unsigned mail_before = m.mail_count;
        bool room = false;

        clock_virtual_advance(&m.time, 1);
        if (m.convs[conv].state != CONV_QUEUED && m.convs[conv].state != CONV_AGENT) {
            m.convs[conv].queued_at = m.time.wall_ms;
            move(&m, conv, CONV_QUEUED, 0);
            tell(&m, conv, 0, false);
        } else if (m.convs[conv].state == CONV_AGENT) {
            move(&m, conv, CONV_CLOSED, 0);
            tell(&m, conv, 0, false);
        }
        for (unsigned i = mail_before; i < m.mail_count; i++) {
            for (uint64_t other = 1; other <= CONVS; other++) {
                if (desk_position(m.desk, (struct conv_id){ other }) > 0)
                    assert_true(m.convs[other].queued_at >= m.convs[m.mail[i].conv.v].queued_at);
            }
        }
        while (m.mail_count > 0)
            deliver_one(&m, 0);
        for (uint64_t agent = 1; agent <= AGENTS; agent++) {
            struct desk_agent_view view;

            assert_true(desk_agent_get(m.desk, (struct agent_id){ agent }, &view));
            assert_true(view.load <= view.capacity);
            room = room || view.load < view.capacity;
        }
        assert_false(room && desk_waiting_count(m.desk) > 0);
    }
    desk_destroy(&m.desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_doubled_or_left_waiting),
        cmocka_unit_test(the_same_with_offers_and_changing_configurations),
        cmocka_unit_test(in_order_and_never_beyond_capacity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
