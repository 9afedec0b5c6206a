/* SPDX-License-Identifier: Apache-2.0 */
/* Coming back: lost acknowledgements, reloads, restarts, other tabs, slow readers, what left the
 * memory, and what the store could not take. */
#include "test.h"

#include "chat_drive.h"
#include "conv.h"
#include "limit.h"

enum { TAB = 7, TAB2 = 8, CONSOLE = 20 };

struct fixture {
    struct drive *drive;
    struct visitor_id visitor;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->drive = drive_create(NULL);
    f->visitor = drive_visitor(f->drive, TAB);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    drive_destroy(&f->drive);
    test_free(f);
    return 0;
}

static struct chat_action start_action(struct fixture *f, const char *text)
{
    struct chat_action start = drive_visitor_action(f->drive, CHAT_START, f->visitor, TAB);

    drive_client_id(f->drive, &start);
    start.text = slice_of(text);
    return start;
}

static struct chat_action send_action(struct fixture *f, struct conv_id conv, const char *text)
{
    struct chat_action send = start_action(f, text);

    send.kind = CHAT_SEND;
    send.conv = conv;
    return send;
}

static const struct drive_reply *hello(struct fixture *f, uint64_t session)
{
    struct chat_action action = drive_visitor_action(f->drive, CHAT_HELLO, f->visitor, session);

    return drive_do(f->drive, &action);
}

static enum err_code end(struct fixture *f, struct conv_id conv)
{
    struct chat_action action = drive_visitor_action(f->drive, CHAT_END, f->visitor, TAB);
    const struct drive_reply *reply;

    drive_client_id(f->drive, &action);
    action.conv = conv;
    reply = drive_do(f->drive, &action);
    return reply->kind == CHAT_REPLY_ACK ? ERR_OK : reply->err.code;
}

static uint32_t live(struct drive *drive)
{
    struct chat_stats stats;

    chat_stats_get(drive->chat, &stats);
    return stats.live;
}

/* ---- starting ---------------------------------------------------------------------------------
 */

static void start_after_lost_ack_does_not_make_a_second_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action start = start_action(f, "hello");
    struct chat_action again = start;
    struct conv_id conv;

    drive_submit(d, &start);
    again.cookie = ++d->cookie;
    drive_submit(d, &again); /* not even in the store yet */
    drive_run(d);
    conv = drive_reply_to(d, start.cookie)->conv;
    assert_int_equal(drive_reply_to(d, again.cookie)->conv.v, conv.v);
    assert_int_equal(drive_reply_to(d, again.cookie)->seq, 1);
    for (unsigned round = 0; round < 3; round++) {
        again.cookie = ++d->cookie;
        assert_int_equal(drive_do(d, &again)->conv.v, conv.v);
        assert_int_equal(drive_reply_to(d, again.cookie)->seq, 1);
        if (round == 0)
            drive_restart(d);
        if (round == 1)
            assert_int_equal(end(f, conv), ERR_OK); /* closed: the answer is the same */
    }
    again.text = SLICE_LITERAL("other words");
    again.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &again)->err.code, ERR_CONFLICT);
    assert_int_equal(hello(f, TAB2)->count, 1);
}

static void a_start_uses_the_open_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action start = start_action(f, "me again");

    assert_int_equal(drive_do(d, &start)->conv.v, conv.v);
    assert_int_equal(drive_reply_to(d, start.cookie)->seq, 3);
    drive_restart(d); /* now it has to be found in the store */
    start = start_action(f, "and again");
    assert_int_equal(drive_do(d, &start)->conv.v, conv.v);
    assert_int_equal(end(f, conv), ERR_OK);
    start = start_action(f, "something else");
    assert_true(drive_do(d, &start)->conv.v != conv.v);
    assert_int_equal(drive_reply_to(d, start.cookie)->seq, 1);
}

static void starts_at_the_same_time_make_one_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action starts[4];

    drive_restart(d); /* the visitor is not known to be new: each start must ask */
    for (unsigned i = 0; i < 4; i++) {
        starts[i] = start_action(f, "hello");
        drive_submit(d, &starts[i]);
    }
    assert_int_equal(d->query_count, 1); /* one after the other */
    drive_run(d);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(drive_reply_to(d, starts[i].cookie)->conv.v,
                         drive_reply_to(d, starts[0].cookie)->conv.v);
        assert_int_equal(drive_reply_to(d, starts[i].cookie)->seq, 1 + 2 * i);
    }
}

static void writing_again_reopens_within_72_hours_and_begins_anew_later(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send;
    struct chat_action again;
    struct conv_id fresh;

    assert_int_equal(end(f, conv), ERR_OK);
    clock_virtual_advance(&d->time, (int64_t)LIMIT_CONV_REOPEN_HOURS * 3600 * 1000);
    send = send_action(f, conv, "How do I return an item?");
    assert_int_equal(drive_do(d, &send)->conv.v, conv.v);
    assert_int_equal(drive_reply_to(d, send.cookie)->seq, 5);
    drive_history(d, conv);
    assert_int_equal(d->events[3].kind, KEFU__V1__EVENT__KIND__reopened);
    assert_string_equal(d->events[5].text, "Within 7 days.");

    assert_int_equal(end(f, conv), ERR_OK);
    drive_restart(d);
    clock_virtual_advance(&d->time, (int64_t)LIMIT_CONV_REOPEN_HOURS * 3600 * 1000 + 1);
    send = send_action(f, conv, "How do I return an item?");
    again = send;
    again.cookie = ++d->cookie;
    drive_submit(d, &send);
    drive_submit(d, &again);
    drive_run(d);
    fresh = drive_reply_to(d, send.cookie)->conv;
    assert_true(fresh.v != conv.v);
    assert_int_equal(drive_reply_to(d, send.cookie)->seq, 1);
    assert_int_equal(drive_reply_to(d, again.cookie)->conv.v, fresh.v);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 7);
    drive_history(d, fresh);
    assert_int_equal(d->event_count, 2);
}

static void what_a_visitor_told_at_hello_is_kept_with_its_first_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct visitor_id visitor = chat_visitor_new(d->chat, (struct workspace_id){ DRIVE_WORKSPACE });
    struct chat_action action = drive_visitor_action(d, CHAT_HELLO, visitor, TAB2);
    struct arena arena;
    struct slice bytes = SLICE_EMPTY;
    struct conv_id conv;

    action.visitor_new = true;
    action.locale = SLICE_LITERAL("zh-CN");
    action.page.url = SLICE_LITERAL("https://shop.example/tents");
    action.visitor_info.user_agent = SLICE_LITERAL("\xFF not text");
    (void)drive_do(d, &action);
    arena_init(&arena, 64 * 1024);
    assert_int_equal(store_visitor_load(d->store, visitor.v, &arena, &bytes, NULL), ERR_OK);
    assert_null(bytes.ptr); /* hello writes nothing */
    conv = drive_start(d, visitor, TAB2, "???");
    drive_history(d, conv);
    assert_string_equal(d->events[1].text, bot_text("zh-CN", BOT_TEXT_FALLBACK));
    assert_int_equal(store_visitor_load(d->store, visitor.v, &arena, &bytes, NULL), ERR_OK);
    assert_non_null(bytes.ptr);
    arena_fini(&arena);

    /* A later conversation of the same visitor speaks its language, too. */
    drive_restart(d);
    action = drive_visitor_action(d, CHAT_END, visitor, TAB2);
    drive_client_id(d, &action);
    action.conv = conv;
    (void)drive_do(d, &action);
    drive_restart(d);
    conv = drive_start(d, visitor, TAB2, "???");
    drive_history(d, conv);
    assert_int_equal(d->event_count, 2);
    assert_string_equal(d->events[1].text, bot_text("zh-CN", BOT_TEXT_FALLBACK));
}

static void identity_is_stored_once_and_repeated_for_free(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action identify = drive_visitor_action(d, CHAT_IDENTIFY, f->visitor, TAB);
    const struct chat_attribute attribute = { { "plan", 4 }, { "gold", 4 } };
    unsigned appended = d->appended;

    identify.visitor_info.name = SLICE_LITERAL("Li");
    identify.visitor_info.user_id = SLICE_LITERAL("u1");
    identify.attributes = &attribute;
    identify.attribute_count = 1;
    assert_int_equal(drive_do(d, &identify)->kind, CHAT_REPLY_ACK);
    assert_int_equal(d->appended, appended + 1);
    drive_history(d, conv);
    assert_int_equal(d->events[2].kind, KEFU__V1__EVENT__KIND__identified);
    assert_true(d->events[2].internal);
    for (unsigned round = 0; round < 2; round++) {
        identify.cookie = ++d->cookie;
        assert_int_equal(drive_do(d, &identify)->kind, CHAT_REPLY_ACK);
        assert_int_equal(d->appended, appended + 1);
        drive_restart(d);
    }
    identify.visitor_info.name = SLICE_LITERAL("Li Lei");
    identify.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &identify)->kind, CHAT_REPLY_ACK);
    assert_int_equal(d->appended, appended + 2);
}

/* ---- listening --------------------------------------------------------------------------------
 */

static void every_tab_sees_the_same_and_a_new_one_finds_it_all(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    const struct drive_reply *heads = hello(f, TAB2);

    assert_int_equal(heads->kind, CHAT_REPLY_HEADS);
    assert_int_equal(heads->count, 1);
    assert_int_equal(heads->conv.v, conv.v);
    assert_int_equal(heads->seq, 2);
    assert_int_equal(heads->head_state, CONV_BOT);
    drive_clear(d);
    (void)drive_send(d, f->visitor, TAB, conv, "from the first tab");
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 2);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB2), 2);
    chat_session_gone(d->chat, (struct chat_session){ .session = TAB }, f->visitor);
    drive_clear(d);
    (void)drive_send(d, f->visitor, TAB2, conv, "from the second");
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 0);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB2), 2);
    drive_restart(d);
    heads = hello(f, TAB);
    assert_int_equal(heads->count, 1);
    assert_int_equal(heads->seq, 6);
}

static void a_refused_receiver_is_owed_a_resync_before_any_later_event(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    unsigned at;

    (void)hello(f, TAB2);
    drive_refuse(d, TAB, true);
    drive_clear(d);
    (void)drive_send(d, f->visitor, TAB, conv, "one");
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 0);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB2), 2); /* others don't suffer */
    drive_refuse(d, TAB, false);
    (void)drive_send(d, f->visitor, TAB, conv, "two");
    for (at = 0; at < d->push_count && d->pushes[at].session != TAB; at++)
        ;
    assert_int_equal(d->pushes[at].kind, CHAT_PUSH_RESYNC);
    assert_int_equal(d->pushes[at].conv.v, conv.v);
    assert_true(d->pushes[at].head_seq >= 4);
    /* Nothing later than what the resync announced is missing. */
    assert_int_equal(drive_push_last(d, CHAT_PUSH_RESYNC, TAB)->head_seq, 6);
    drive_clear(d);
    (void)drive_send(d, f->visitor, TAB, conv, "three");
    assert_int_equal(drive_push_count(d, CHAT_PUSH_RESYNC, TAB), 0);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 2);
}

static void a_lost_last_event_is_told_at_the_next_tick(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");

    drive_refuse(d, TAB, true);
    (void)drive_send(d, f->visitor, TAB, conv, "one");
    drive_advance(d, 120 * 1000); /* what is owed keeps the conversation in memory */
    assert_null(drive_push_last(d, CHAT_PUSH_RESYNC, TAB));
    drive_refuse(d, TAB, false);
    drive_advance(d, 1000);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_RESYNC, TAB)->head_seq, 4);
    drive_clear(d);
    drive_advance(d, 5000);
    assert_int_equal(d->push_count, 0);
}

static void gap_is_visible_from_prevSeq(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    uint32_t seen = 2;

    drive_refuse(d, TAB, true);
    (void)drive_send(d, f->visitor, TAB, conv, "one");
    drive_refuse(d, TAB, false);
    (void)drive_send(d, f->visitor, TAB, conv, "two");
    (void)drive_send(d, f->visitor, TAB, conv, "three");
    assert_true(drive_push_last(d, CHAT_PUSH_EVENT, TAB)->event.prev_seq > seen);
    fetch.conv = conv;
    fetch.from_seq = seen + 1;
    (void)drive_do(d, &fetch);
    for (unsigned i = 0; i < d->event_count; i++) {
        assert_true(d->events[i].prev_seq <= seen && seen < d->events[i].seq);
        seen = d->events[i].seq;
    }
    assert_int_equal(seen, 8);
    assert_int_equal(drive_reply_to(d, fetch.cookie)->head_seq, 8);
}

static void history_is_read_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    uint32_t before = 0;
    unsigned seen = 0;

    for (unsigned i = 0; i < 20; i++)
        (void)drive_send(d, f->visitor, TAB, conv, "x");
    fetch.conv = conv;
    fetch.limit = 10;
    do {
        fetch.before_seq = before;
        fetch.cookie = ++d->cookie;
        (void)drive_do(d, &fetch);
        before = d->events[0].seq;
        seen += d->event_count;
    } while (drive_reply_to(d, fetch.cookie)->more);
    assert_int_equal(before, 1);
    assert_int_equal(seen, 42);
    fetch.limit = LIMIT_FETCH_EVENTS_MAX + 1;
    fetch.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &fetch)->err.code, ERR_INVALID);
    fetch.limit = 0;
    fetch.before_seq = 1;
    fetch.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &fetch)->count, 0);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void eviction_and_reload_keep_everything(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "退货退款");
    struct chat_action identify = drive_visitor_action(d, CHAT_IDENTIFY, f->visitor, TAB);
    struct drive_reply first = *drive_do(d, &send);
    struct chat_stats stats;

    identify.visitor_info.name = SLICE_LITERAL("Li");
    (void)drive_do(d, &identify);
    assert_int_equal(live(d), 1);
    drive_advance(d, 60 * 1000);
    assert_int_equal(live(d), 0);
    send.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &send)->seq, first.seq); /* the repeat finds it */
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.loads, 1);
    assert_int_equal(live(d), 1);
    drive_clear(d);
    send = send_action(f, conv, "退货退款"); /* clarify rounds are remembered */
    assert_int_equal(drive_do(d, &send)->seq, 6);
    send = send_action(f, conv, "退货退款");
    (void)drive_do(d, &send);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 4); /* it still listens */
    drive_history(d, conv);
    assert_int_equal(d->event_count, 9);
    assert_string_equal(d->events[8].text, bot_text("zh-CN", BOT_TEXT_OFFER));
}

static void what_is_not_settled_stays_in_memory(void **state)
{
    struct drive_options options = { .settle_held = true };
    struct drive *d = drive_create(&options);
    struct visitor_id visitor = drive_visitor(d, TAB);

    (void)state;
    (void)drive_start(d, visitor, TAB, "hello");
    drive_advance(d, 300 * 1000);
    assert_int_equal(live(d), 1);
    d->settled_upto = store_settled_upto(d->store);
    drive_advance(d, 31 * 1000);
    assert_int_equal(live(d), 0);
    drive_destroy(&d);
}

static void who_is_full_lets_the_oldest_go(void **state)
{
    struct drive_options options = { .limits = { .live_max = 3 } };
    struct drive *d = drive_create(&options);
    struct visitor_id visitors[5];
    struct conv_id convs[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        visitors[i] = drive_visitor(d, 100 + i);
        convs[i] = drive_start(d, visitors[i], 100 + i, "hello");
        assert_true(live(d) <= 3);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(drive_send(d, visitors[i], 100 + i, convs[i], "x")->seq, 3);
    d->settled_upto = 0;
    d->options.settle_held = true; /* now nobody may go */
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(drive_send(d, visitors[i], 100 + i, convs[i], "y")->seq, 5);
    assert_int_equal(drive_send(d, visitors[0], 100, convs[0], "y")->err.code, ERR_BUSY);
    assert_true(drive_reply_to(d, d->cookie)->err.retry_after_ms > 0);
    drive_destroy(&d);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

static void a_refused_batch_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "talk to a person");
    struct chat_action start;
    unsigned reports = d->report_count;

    d->append_rc = ERR_BUSY;
    assert_int_equal(drive_do(d, &send)->err.code, ERR_BUSY);
    assert_int_equal(drive_reply_to(d, send.cookie)->err.retry_after_ms, 100);
    assert_int_equal(d->report_count, reports);
    f->visitor = drive_visitor(d, TAB2);
    start = start_action(f, "hi");
    assert_int_equal(drive_do(d, &start)->err.code, ERR_BUSY);
    assert_int_equal(live(d), 1); /* a conversation that never was is not kept */
    d->append_rc = ERR_OK;
    start.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &start)->seq, 1);
    send.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &send)->seq, 3);
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 5);
}

static void a_failed_append_reloads_the_live_state(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action one = send_action(f, conv, "talk to a person");
    struct chat_action two = send_action(f, conv, "are you there?");
    struct chat_action three;
    struct chat_stats stats;
    unsigned reports = d->report_count;

    d->complete_rc = ERR_NO_SPACE;
    drive_submit(d, &one);
    drive_flush(d);
    drive_submit(d, &two); /* decided behind the one that fails */
    drive_run(d);
    assert_int_equal(drive_reply_to(d, one.cookie)->err.code, ERR_NO_SPACE);
    assert_int_equal(drive_reply_to(d, two.cookie)->kind, CHAT_REPLY_ERROR);
    assert_true(drive_reply_to(d, two.cookie)->err.retry_after_ms > 0);
    assert_int_equal(d->report_count, reports);
    assert_int_equal(d->resumes, 1);
    d->complete_rc = ERR_OK;
    three = send_action(f, conv, "How do I return an item?");
    assert_int_equal(drive_do(d, &three)->seq, 3); /* the bot's again, with no gap */
    one.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &one)->seq, 5);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 7);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.turns_failed, 2);
}

static void a_turn_that_failed_and_is_stored_all_the_same_is_found_by_the_repeat(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action start = start_action(f, "How do I return an item?");
    struct conv_id conv;

    d->complete_rc = ERR_IO;
    d->complete_stored = true;
    assert_int_equal(drive_do(d, &start)->err.code, ERR_UNAVAILABLE);
    d->complete_rc = ERR_OK;
    drive_advance(d, 1000);
    start.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &start)->kind, CHAT_REPLY_ACK);
    conv = drive_reply_to(d, start.cookie)->conv;
    drive_history(d, conv);
    assert_int_equal(d->event_count, 2);
    assert_int_equal(hello(f, TAB2)->count, 1);
}

static void a_failed_start_can_be_made_again(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action start = start_action(f, "hello");

    d->complete_rc = ERR_IO;
    assert_int_equal(drive_do(d, &start)->err.code, ERR_UNAVAILABLE);
    d->complete_rc = ERR_OK;
    start.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &start)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_reply_to(d, start.cookie)->seq, 1);
    drive_history(d, drive_reply_to(d, start.cookie)->conv);
    assert_int_equal(d->event_count, 2);
}

static void the_desk_learns_of_an_assignment_that_failed(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "talk to a person");
    const struct workspace_id workspace = { DRIVE_WORKSPACE };

    d->complete_rc = ERR_IO;
    chat_desk_assign(d->chat, workspace, conv, (struct agent_id){ 1 }, 900);
    drive_run(d);
    assert_int_equal(d->reports[d->report_count - 2].reservation, 900);
    assert_true(d->reports[d->report_count - 2].refused);
    assert_int_equal(drive_report(d)->state, CONV_QUEUED); /* loaded anew, and told */
    d->complete_rc = ERR_OK;
    chat_desk_assign(d->chat, workspace, conv, (struct agent_id){ 1 }, 901);
    drive_run(d);
    assert_int_equal(drive_report(d)->reservation, 901);
    assert_false(drive_report(d)->refused);
    assert_int_equal(drive_report(d)->state, CONV_AGENT);
}

static void a_full_store_keeps_a_quarter_for_people(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "talk to a person");
    struct chat_action accept;
    struct chat_action decline;
    struct chat_action sends[4];

    d->room = 4;
    for (unsigned i = 0; i < 4; i++) {
        sends[i] = send_action(f, conv, "hello?");
        drive_submit(d, &sends[i]);
    }
    accept = drive_agent_action(d, CHAT_ACCEPT, 1, ROLE_AGENT, CONSOLE);
    accept.conv = conv;
    drive_submit(d, &accept);
    decline = drive_agent_action(d, CHAT_DECLINE, 1, ROLE_AGENT, CONSOLE);
    decline.conv = conv;
    drive_submit(d, &decline);
    assert_int_equal(drive_reply_to(d, sends[3].cookie)->err.code, ERR_BUSY);
    assert_int_equal(drive_reply_to(d, decline.cookie)->err.code, ERR_BUSY);
    drive_run(d);
    assert_int_equal(drive_reply_to(d, sends[2].cookie)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_reply_to(d, accept.cookie)->kind, CHAT_REPLY_ACK);
}

static void so_many_may_wait_for_one_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action sends[LIMIT_CONV_WAITING_MAX + 1];

    drive_restart(d);
    for (unsigned i = 0; i < LENGTH_OF(sends); i++) {
        sends[i] = send_action(f, conv, "x");
        drive_submit(d, &sends[i]);
    }
    assert_int_equal(drive_reply_to(d, sends[LIMIT_CONV_WAITING_MAX].cookie)->err.code, ERR_BUSY);
    drive_run(d);
    for (unsigned i = 0; i < LIMIT_CONV_WAITING_MAX; i++) /* in order */
        assert_int_equal(drive_reply_to(d, sends[i].cookie)->seq, 3 + 2 * i);
}

static void without_room_for_reads_the_answer_is_busy(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    struct chat_action send;

    d->query_full = true;
    fetch.conv = conv;
    assert_int_equal(drive_do(d, &fetch)->err.code, ERR_BUSY);
    drive_restart(d);
    send = send_action(f, conv, "x");
    assert_int_equal(drive_do(d, &send)->err.code, ERR_BUSY);
    assert_int_equal(hello(f, TAB2)->err.code, ERR_BUSY);
    d->query_full = false;
    send.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &send)->seq, 3);
}

static void a_quarantined_conversation_takes_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);

    chat_conv_quarantine(d->chat, conv);
    assert_int_equal(drive_send(d, f->visitor, TAB, conv, "x")->err.code, ERR_CONFLICT);
    fetch.conv = conv;
    assert_int_equal(drive_do(d, &fetch)->count, 2); /* but can be read */
}

static void open_conversations_are_told_to_the_desk_at_start(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id queued = drive_start(d, f->visitor, TAB, "talk to a person");
    int64_t since = d->time.wall_ms;
    unsigned seen = 0;

    f->visitor = drive_visitor(d, TAB2);
    (void)drive_start(d, f->visitor, TAB2, "How do I return an item?");
    drive_restart(d);
    drive_clear(d);
    d->desk_full = true;
    chat_start(d->chat);
    drive_advance(d, 2000);
    assert_false(chat_started(d->chat));
    d->desk_full = false;
    drive_advance(d, 2000);
    assert_true(chat_started(d->chat));
    for (unsigned i = 0; i < d->report_count; i++) {
        seen += d->reports[i].conv.v == queued.v && d->reports[i].state == CONV_QUEUED &&
                d->reports[i].queued_at == since;
    }
    assert_int_equal(seen, 1);
    assert_int_equal(d->report_count, 1);
}

/* Walks down from the newest page; every page must fit into a session's queue. */
static unsigned pages_walk(struct fixture *f, struct conv_id conv, size_t text_json_bytes)
{
    struct drive *d = f->drive;
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    const struct drive_reply *reply;
    unsigned seen = 0;

    fetch.conv = conv;
    fetch.limit = LIMIT_FETCH_EVENTS_MAX;
    do {
        fetch.cookie = ++d->cookie;
        reply = drive_do(d, &fetch);
        assert_int_equal(reply->kind, CHAT_REPLY_HISTORY);
        assert_true(reply->count > 0);
        assert_true(reply->count * text_json_bytes <= LIMIT_SESSION_QUEUE_BYTES_MAX);
        if (fetch.before_seq > 0)
            assert_int_equal(d->events[reply->count - 1].seq, fetch.before_seq - 1);
        fetch.before_seq = d->events[0].seq;
        seen += reply->count;
    } while (reply->more);
    return seen;
}

static void a_page_of_long_messages_fits_into_a_sessions_queue(void **state)
{
    enum { MESSAGES = 20 };
    static char text[LIMIT_TEXT_BYTES_MAX + 1];
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "talk to a person");
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    unsigned before;

    before = pages_walk(f, conv, 1);
    memset(text, 'x', LIMIT_TEXT_BYTES_MAX);
    for (unsigned i = 0; i < MESSAGES; i++)
        assert_int_equal(drive_send(d, f->visitor, TAB, conv, text)->kind, CHAT_REPLY_ACK);
    assert_int_equal(pages_walk(f, conv, LIMIT_TEXT_BYTES_MAX), before + MESSAGES);
    fetch.conv = conv; /* upwards it is the first ones that come */
    fetch.from_seq = 2;
    fetch.limit = LIMIT_FETCH_EVENTS_MAX;
    assert_true(drive_do(d, &fetch)->more);
    assert_int_equal(d->events[0].seq, 2);
}

static void what_json_escapes_counts_as_it_is_sent(void **state)
{
    enum { MESSAGES = 3 };
    static char text[LIMIT_TEXT_BYTES_MAX + 1];
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "talk to a person");
    unsigned before = pages_walk(f, conv, 1);

    memset(text, 1, LIMIT_TEXT_BYTES_MAX);
    for (unsigned i = 0; i < MESSAGES; i++)
        assert_int_equal(drive_send(d, f->visitor, TAB, conv, text)->kind, CHAT_REPLY_ACK);
    assert_true(pages_walk(f, conv, 1) == before + MESSAGES);
    assert_int_equal(drive_reply_to(d, d->cookie)->more, false);
    assert_true(drive_reply_to(d, d->cookie)->count < before + MESSAGES);
}

static void a_subscribe_that_waits_goes_with_its_session(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action subscribe = drive_agent_action(d, CHAT_SUBSCRIBE, 1, ROLE_AGENT, CONSOLE);
    struct chat_stats stats;

    drive_restart(d); /* so that it has to be loaded */
    subscribe.conv = conv;
    drive_submit(d, &subscribe);
    chat_unsubscribe(d->chat, subscribe.from, conv);
    drive_run(d);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.subscribers, 0);
}

static void a_subscribe_behind_its_opposite_counts(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action subscribe = drive_agent_action(d, CHAT_SUBSCRIBE, 1, ROLE_AGENT, CONSOLE);
    struct chat_stats stats;

    drive_restart(d);
    subscribe.conv = conv;
    subscribe.off = true;
    drive_submit(d, &subscribe);
    subscribe.off = false;
    subscribe.cookie = ++d->cookie;
    drive_submit(d, &subscribe);
    drive_run(d);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.subscribers, 1);
}

static void who_opens_the_inbox_is_shown_what_is_not_settled(void **state)
{
    struct drive_options options = { .settle_held = true };
    struct drive *d = drive_create(&options);
    struct visitor_id visitor = drive_visitor(d, TAB);
    struct chat_action subscribe = drive_agent_action(d, CHAT_SUBSCRIBE, 1, ROLE_AGENT, CONSOLE);
    struct conv_id conv = drive_start(d, visitor, TAB, "talk to a person");

    (void)state;
    subscribe.inbox = true;
    assert_int_equal(drive_do(d, &subscribe)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_CONVERSATION, CONSOLE), 1);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_CONVERSATION, CONSOLE)->conv.v, conv.v);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_CONVERSATION, CONSOLE)->state, CONV_QUEUED);
    d->settled_upto = UINT64_MAX;
    drive_clear(d);
    subscribe.cookie = ++d->cookie;
    subscribe.from.session = CONSOLE + 1;
    assert_int_equal(drive_do(d, &subscribe)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_CONVERSATION, CONSOLE + 1),
                     0); /* it is listed */
    drive_destroy(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_after_lost_ack_does_not_make_a_second_conversation),
        TEST(a_start_uses_the_open_conversation),
        TEST(starts_at_the_same_time_make_one_conversation),
        TEST(writing_again_reopens_within_72_hours_and_begins_anew_later),
        TEST(what_a_visitor_told_at_hello_is_kept_with_its_first_conversation),
        TEST(identity_is_stored_once_and_repeated_for_free),
        TEST(every_tab_sees_the_same_and_a_new_one_finds_it_all),
        TEST(a_refused_receiver_is_owed_a_resync_before_any_later_event),
        TEST(a_lost_last_event_is_told_at_the_next_tick),
        TEST(gap_is_visible_from_prevSeq),
        TEST(history_is_read_page_by_page),
        TEST(a_page_of_long_messages_fits_into_a_sessions_queue),
        TEST(what_json_escapes_counts_as_it_is_sent),
        TEST(a_subscribe_that_waits_goes_with_its_session),
        cmocka_unit_test(who_opens_the_inbox_is_shown_what_is_not_settled),
        TEST(a_subscribe_behind_its_opposite_counts),
        TEST(eviction_and_reload_keep_everything),
        cmocka_unit_test(what_is_not_settled_stays_in_memory),
        cmocka_unit_test(who_is_full_lets_the_oldest_go),
        TEST(a_refused_batch_leaves_no_trace),
        TEST(a_failed_append_reloads_the_live_state),
        TEST(a_turn_that_failed_and_is_stored_all_the_same_is_found_by_the_repeat),
        TEST(a_failed_start_can_be_made_again),
        TEST(the_desk_learns_of_an_assignment_that_failed),
        TEST(a_full_store_keeps_a_quarter_for_people),
        TEST(so_many_may_wait_for_one_conversation),
        TEST(without_room_for_reads_the_answer_is_busy),
        TEST(a_quarantined_conversation_takes_nothing_more),
        TEST(open_conversations_are_told_to_the_desk_at_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
