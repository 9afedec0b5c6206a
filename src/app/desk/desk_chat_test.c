/* SPDX-License-Identifier: Apache-2.0 */
/* Desk and chat together, as the server joins them: what each says to the other goes through a
 * mailbox that the test empties, at random moments and sometimes not at all. Visitors ask for a
 * person, agents take what they are given and close it, both sides restart. */
#include "test.h"

#include "chat_drive.h"
#include "conv.h"
#include "desk.h"
#include "hash.h"

enum { VISITORS = 12, AGENTS = 3, STEPS = 1500, SEEDS = 12, MAIL_MAX = 512, CONSOLE = 900 };

struct mail {
    bool requeue;
    struct conv_id conv;
    struct agent_id agent;
    uint64_t reservation;
};

struct world {
    struct drive *drive;
    struct desk *desk;
    uint64_t seed, draws;
    struct visitor_id visitors[VISITORS];
    struct conv_id convs[VISITORS];
    bool online[AGENTS + 1];
    struct mail mail[MAIL_MAX];
    unsigned mail_count;
    unsigned reports_read;
    bool told_at_start;
};

static unsigned draw(struct world *w, unsigned below)
{
    return (unsigned)(hash_u64(w->seed, ++w->draws) % below);
}

/* ---- between the two --------------------------------------------------------------------------
 */

static bool post(struct world *w, struct mail mail)
{
    if (w->mail_count == MAIL_MAX || draw(w, 10) == 0)
        return false;
    w->mail[w->mail_count++] = mail;
    return true;
}

static bool on_assign(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation)
{
    return post(ctx, (struct mail){ false, conv, agent, reservation });
}

static bool on_requeue(void *ctx, struct conv_id conv, struct agent_id agent)
{
    return post(ctx, (struct mail){ true, conv, agent, 0 });
}

static bool on_offer(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms)
{
    (void)ctx, (void)conv, (void)agent, (void)until_ms;
    return true;
}

static void on_place(void *ctx, struct conv_id conv, const struct desk_place_view *place)
{
    struct world *w = ctx;

    chat_desk_place(w->drive->chat, conv, &(struct chat_place){ .position = place->position });
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

static void mail_deliver(struct world *w)
{
    unsigned count = w->mail_count;

    w->mail_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct mail *mail = &w->mail[i];
        const struct workspace_id workspace = { DRIVE_WORKSPACE };

        if (mail->requeue)
            chat_desk_requeue(w->drive->chat, workspace, mail->conv, mail->agent);
        else
            chat_desk_assign(w->drive->chat, workspace, mail->conv, mail->agent, mail->reservation);
    }
}

static void reports_deliver(struct world *w)
{
    for (; w->reports_read < w->drive->report_count; w->reports_read++) {
        const struct chat_desk_report *in = &w->drive->reports[w->reports_read % DRIVE_LOG_MAX];
        const struct desk_report report = {
            .conv = in->conv,
            .site = in->site,
            .head_seq = in->head_seq,
            .state = in->state,
            .agent = in->agent,
            .queued_at = in->queued_at,
            .reservation = in->reservation,
            .refused = in->refused,
        };

        desk_report(w->desk, &report);
    }
    if (!w->told_at_start && chat_started(w->drive->chat)) {
        w->told_at_start = true;
        desk_ready(w->desk);
    }
}

static void desk_make(struct world *w)
{
    const struct desk_options options = {
        .workspace = { DRIVE_WORKSPACE },
        .clock = &w->drive->clock,
        .ops = { on_assign, on_requeue, on_offer, on_place, on_presence, on_wall, NULL, w },
    };

    desk_destroy(&w->desk);
    w->desk = desk_create(&options);
    w->mail_count = 0;
    w->told_at_start = false;
    for (uint64_t agent = 1; agent <= AGENTS; agent++) {
        assert_int_equal(
            desk_agent_set(w->desk, (struct agent_id){ agent }, SLICE_LITERAL("A"), 2, NULL),
            ERR_OK);
        if (w->online[agent])
            desk_agent_session(w->desk, (struct agent_id){ agent }, true);
    }
    chat_start(w->drive->chat);
}

static void pass(struct world *w, unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        drive_advance(w->drive, 1000);
        reports_deliver(w);
        desk_tick(w->desk);
        mail_deliver(w);
        drive_run(w->drive);
        reports_deliver(w);
    }
}

/* ---- what people do ---------------------------------------------------------------------------
 */

/* Where the conversation stands, from its row. */
static struct drive_reply row(struct world *w, struct conv_id conv)
{
    struct chat_action get = drive_agent_action(w->drive, CHAT_GET, 1, ROLE_SUPERVISOR, CONSOLE);

    get.conv = conv;
    return *drive_do(w->drive, &get);
}

static void visitor_acts(struct world *w)
{
    unsigned who = draw(w, VISITORS);
    struct chat_action action =
        drive_visitor_action(w->drive, CHAT_START, w->visitors[who], 10 + who);
    const struct drive_reply *reply;

    drive_client_id(w->drive, &action);
    action.text = draw(w, 2) == 0 ? SLICE_LITERAL("talk to a person") : SLICE_LITERAL("hello?");
    if (draw(w, 6) == 0 && w->convs[who].v != 0) {
        action.kind = CHAT_END;
        action.conv = w->convs[who];
    }
    reply = drive_do(w->drive, &action);
    assert_int_equal(reply->kind, CHAT_REPLY_ACK);
    w->convs[who] = reply->conv;
}

static void agent_acts(struct world *w)
{
    static const enum chat_action_kind kinds[] = { CHAT_CLOSE, CHAT_CLOSE, CHAT_DECLINE,
                                                   CHAT_ACCEPT, CHAT_TO_BOT };
    struct chat_action action = drive_agent_action(w->drive, kinds[draw(w, LENGTH_OF(kinds))],
                                                   1 + draw(w, AGENTS), ROLE_AGENT, CONSOLE);

    action.conv = w->convs[draw(w, VISITORS)];
    if (action.conv.v != 0)
        (void)drive_do(w->drive, &action); /* refused, mostly: not theirs */
}

static void presence_changes(struct world *w)
{
    uint64_t agent = 1 + draw(w, AGENTS);

    w->online[agent] = !w->online[agent];
    desk_agent_session(w->desk, (struct agent_id){ agent }, w->online[agent]);
}

static void step(struct world *w)
{
    unsigned what = draw(w, 100);

    if (what < 35)
        visitor_acts(w);
    else if (what < 60)
        agent_acts(w);
    else if (what < 66)
        presence_changes(w);
    else if (what < 80)
        reports_deliver(w);
    else if (what < 92)
        mail_deliver(w);
    else if (what < 98)
        pass(w, 1 + draw(w, 20));
    else if (w->told_at_start && draw(w, 3) == 0) {
        reports_deliver(w);
        drive_restart(w->drive);
        desk_make(w);
    }
}

/* ---- the check --------------------------------------------------------------------------------
 */

static void check(struct world *w)
{
    uint32_t held = 0;
    uint32_t queued = 0;
    uint32_t load = 0;
    bool room = false;
    struct desk_agent_view view;

    for (unsigned i = 0; i < VISITORS; i++) {
        uint32_t state = w->convs[i].v != 0 ? row(w, w->convs[i]).head_state : 0;

        held += state == CONV_AGENT;
        queued += state == CONV_QUEUED;
        if (w->convs[i].v != 0)
            assert_int_equal(desk_position(w->desk, w->convs[i]) > 0, state == CONV_QUEUED);
    }
    for (uint64_t agent = 1; agent <= AGENTS; agent++) {
        assert_true(desk_agent_get(w->desk, (struct agent_id){ agent }, &view));
        load += view.load;
        room = room || (w->online[agent] && view.load < view.capacity);
        assert_true(w->online[agent] || view.load == 0);
    }
    assert_int_equal(load, held);
    assert_int_equal(desk_waiting_count(w->desk), queued);
    assert_false(room && queued > 0);
}

static void run(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    w->drive = drive_create(NULL);
    w->online[1] = true;
    for (unsigned i = 0; i < VISITORS; i++)
        w->visitors[i] = drive_visitor(w->drive, 10 + i);
    desk_make(w);
    for (unsigned at = 1; at <= STEPS; at++) {
        step(w);
        if (at % 500 == 0) {
            pass(w, 300); /* longer than the grace, and than who declined is avoided */
            check(w);
        }
    }
    desk_destroy(&w->desk);
    drive_destroy(&w->drive);
}

static void both_agree_when_all_is_quiet_and_nobody_waits_for_nothing(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run(w, seed);
    }
    test_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_agree_when_all_is_quiet_and_nobody_waits_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
