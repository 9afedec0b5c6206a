/* SPDX-License-Identifier: Apache-2.0 */
/* A visitor's turn: admitted, answered by the bot, stored, acknowledged, delivered. */
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

static struct chat_action send_action(struct fixture *f, struct conv_id conv, const char *text)
{
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);

    drive_client_id(f->drive, &send);
    send.conv = conv;
    send.text = slice_of(text);
    return send;
}

static void a_question_is_answered_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "How do I return an item?");

    assert_int_equal(d->appended, 1);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 2);
    assert_int_equal(d->events[0].author_kind, ACTOR_VISITOR);
    assert_string_equal(d->events[0].text, "How do I return an item?");
    assert_int_equal(d->events[1].author_kind, ACTOR_BOT);
    assert_string_equal(d->events[1].text, "Within 7 days.");
    assert_string_equal(d->events[1].rung, "exact");
}

static void acknowledgement_comes_only_after_commit(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "How do I return an item?");
    const struct drive_reply *reply;

    drive_clear(d);
    drive_submit(d, &send);
    assert_true(d->flush_wanted);
    assert_int_equal(d->reply_count + d->push_count, 0);
    drive_flush(d);
    assert_int_equal(d->reply_count + d->push_count, 0);
    drive_complete(d);
    reply = drive_reply_to(d, send.cookie);
    assert_int_equal(reply->kind, CHAT_REPLY_ACK);
    assert_int_equal(reply->seq, 3);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 2);
}

static void a_stopping_chat_decides_nothing_and_completes_what_is_in_flight(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action first = send_action(f, conv, "one");
    struct chat_action second = send_action(f, conv, "two");
    unsigned appended;

    drive_clear(d);
    drive_submit(d, &first);
    drive_flush(d);
    appended = d->appended;
    chat_stop(d->chat);
    drive_submit(d, &second);
    drive_flush(d);
    chat_tick(d->chat);
    drive_flush(d);
    assert_int_equal(d->appended, appended);
    assert_int_equal(drive_reply_to(d, second.cookie)->kind, CHAT_REPLY_ERROR);
    drive_complete(d);
    assert_int_equal(drive_reply_to(d, first.cookie)->kind, CHAT_REPLY_ACK);
}

static void a_repeat_gets_the_first_acknowledgement(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "How do I return an item?");
    struct drive_reply first = *drive_do(d, &send);
    unsigned appended = d->appended;
    const struct drive_reply *again;

    clock_virtual_advance(&d->time, 5000);
    send.cookie = ++d->cookie;
    again = drive_do(d, &send);
    assert_int_equal(again->kind, CHAT_REPLY_ACK);
    assert_int_equal(again->seq, first.seq);
    assert_int_equal(again->created_at, first.created_at);
    drive_restart(d);
    send.cookie = ++d->cookie;
    again = drive_do(d, &send);
    assert_int_equal(again->seq, first.seq);
    assert_int_equal(again->created_at, first.created_at);
    assert_int_equal(d->appended, appended);
}

static void a_repeat_of_a_turn_in_flight_waits_for_its_completion(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "How do I return an item?");
    struct chat_action again = send;

    again.cookie = ++d->cookie;
    drive_submit(d, &send);
    drive_submit(d, &again);
    drive_flush(d);
    again.cookie = ++d->cookie;
    drive_submit(d, &again);
    assert_null(drive_reply_to(d, again.cookie));
    drive_run(d);
    for (uint64_t cookie = again.cookie; cookie >= send.cookie; cookie--) {
        assert_int_equal(drive_reply_to(d, cookie)->kind, CHAT_REPLY_ACK);
        assert_int_equal(drive_reply_to(d, cookie)->seq, 3);
    }
    drive_history(d, conv);
    assert_int_equal(d->event_count, 4);
}

static void same_client_id_other_content_conflicts(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "one");
    struct chat_stats stats;

    assert_int_equal(drive_do(d, &send)->kind, CHAT_REPLY_ACK);
    send.text = SLICE_LITERAL("two");
    send.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &send)->err.code, ERR_CONFLICT);
    assert_string_equal(drive_reply_to(d, send.cookie)->err.field, "clientId");
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.conflicts, 1);
}

/* Ids below the window of the largest eight are looked up in the store, in any order of use. */
static void any_order_of_client_ids_is_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    uint32_t seqs[40];

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 40; i++) {
            struct chat_action send = send_action(f, conv, "x");
            const struct drive_reply *reply;

            memset(send.client_id, (int)(i * 89 % 251), sizeof(send.client_id));
            clock_virtual_advance(&d->time, 1000);
            reply = drive_do(d, &send);
            assert_int_equal(reply->kind, CHAT_REPLY_ACK);
            if (round == 0)
                seqs[i] = reply->seq;
            else
                assert_int_equal(reply->seq, seqs[i]);
        }
    }
    drive_history(d, conv);
    assert_int_equal(d->event_count, 82);
}

static void a_small_client_id_in_flight_is_not_stored_twice(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send;
    struct chat_action again;

    for (unsigned i = 0; i < 10; i++)
        (void)drive_send(d, f->visitor, TAB, conv, "x");
    send = send_action(f, conv, "late");
    memset(send.client_id, 0, sizeof(send.client_id));
    again = send;
    drive_submit(d, &send);
    drive_answer(d); /* it had to be looked up */
    again.cookie = ++d->cookie;
    drive_submit(d, &again);
    drive_run(d);
    assert_int_equal(drive_reply_to(d, send.cookie)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_reply_to(d, again.cookie)->seq, drive_reply_to(d, send.cookie)->seq);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 24);
}

static void seq_is_dense(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");

    for (unsigned i = 0; i < 30; i++) {
        struct chat_action send = send_action(f, conv, "more");

        clock_virtual_advance(&d->time, 1000);
        drive_submit(d, &send);
        if (i % 7 == 3)
            drive_flush(d);
        if (i % 11 == 5)
            drive_run(d);
    }
    drive_run(d);
    drive_history(d, conv);
    assert_true(d->event_count >= 62);
    for (unsigned i = 0; i < d->event_count; i++) {
        assert_int_equal(d->events[i].seq, i + 1);
        assert_int_equal(d->events[i].prev_seq, i);
    }
}

static void asking_for_a_person_queues_in_the_same_turn(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "How do I return an item?");
    unsigned appended = d->appended;

    (void)drive_send(d, f->visitor, TAB, conv, "talk to a person");
    assert_int_equal(d->appended, appended + 1);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 5);
    assert_string_equal(d->events[3].text, bot_text("en", BOT_TEXT_HANDOFF));
    assert_int_equal(d->events[4].kind, KEFU__V1__EVENT__KIND__handoff);
    assert_string_equal(d->events[4].reason, "visitor_asked");
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
    assert_int_equal(drive_report(d)->queued_at, d->time.wall_ms);

    (void)drive_send(d, f->visitor, TAB, conv, "How do I return an item?");
    drive_history(d, conv);
    assert_int_equal(d->event_count, 6); /* the bot is silent now */
}

static void without_a_bot_a_person_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv;

    d->site.bot_enabled = false;
    conv = drive_start(d, f->visitor, TAB, "How do I return an item?");
    drive_history(d, conv);
    assert_int_equal(d->event_count, 3);
    assert_string_equal(d->events[2].reason, "bot_off");
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
}

static void an_unclear_question_is_asked_back_and_then_offers_a_person(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "退货退款");

    drive_history(d, conv);
    assert_true(d->events[1].quick_replies > 0);
    (void)drive_send(d, f->visitor, TAB, conv, "退货退款");
    (void)drive_send(d, f->visitor, TAB, conv, "退货退款");
    drive_history(d, conv);
    assert_string_equal(d->events[5].text, bot_text("zh-CN", BOT_TEXT_OFFER));
}

static void every_answer_leaves_a_trace(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "How do I return an item?");
    struct arena arena;
    struct slice bytes = SLICE_EMPTY;

    arena_init(&arena, 64 * 1024);
    assert_int_equal(store_trace_load(d->store, conv.v, 2, &arena, &bytes, NULL), ERR_OK);
    assert_non_null(bytes.ptr);
    assert_int_equal(store_trace_load(d->store, conv.v, 1, &arena, &bytes, NULL), ERR_OK);
    assert_null(bytes.ptr);
    arena_fini(&arena);
}

static void text_is_taken_up_to_its_limit_and_not_beyond(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    static char text[LIMIT_TEXT_BYTES_MAX + 1];
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct chat_action send = send_action(f, conv, "");

    memset(text, 'a', sizeof(text));
    send.text = slice_make(text, LIMIT_TEXT_BYTES_MAX);
    assert_int_equal(drive_do(d, &send)->kind, CHAT_REPLY_ACK);
    drive_client_id(d, &send);
    send.cookie = ++d->cookie;
    send.text.len++;
    assert_int_equal(drive_do(d, &send)->err.code, ERR_TOO_BIG);
    assert_string_equal(drive_reply_to(d, send.cookie)->err.field, "text");
    send.cookie = ++d->cookie;
    send.text = SLICE_LITERAL("  \n");
    assert_int_equal(drive_do(d, &send)->err.code, ERR_INVALID);
}

static void a_visitor_faster_than_its_rate_is_asked_to_wait(void **state)
{
    struct drive_options options = { .limits = { .visitor_rate = 5, .visitor_burst = 3 } };
    struct drive *d = drive_create(&options);
    struct visitor_id visitor = drive_visitor(d, TAB);
    struct conv_id conv = drive_start(d, visitor, TAB, "one");
    const struct drive_reply *reply;

    (void)state;
    assert_int_equal(drive_send(d, visitor, TAB, conv, "two")->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_send(d, visitor, TAB, conv, "three")->kind, CHAT_REPLY_ACK);
    reply = drive_send(d, visitor, TAB, conv, "four");
    assert_int_equal(reply->err.code, ERR_RATE_LIMITED);
    assert_int_equal(reply->err.retry_after_ms, 200);
    clock_virtual_advance(&d->time, 200);
    assert_int_equal(drive_send(d, visitor, TAB, conv, "five")->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_send(d, visitor, TAB, conv, "six")->err.code, ERR_RATE_LIMITED);
    drive_destroy(&d);
}

static void what_is_no_message_counts_a_tenth_of_one(void **state)
{
    struct drive_options options = { .limits = { .visitor_rate = 5, .visitor_burst = 3 } };
    struct drive *d = drive_create(&options);
    struct visitor_id visitor = drive_visitor(d, TAB);
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, visitor, TAB);
    struct chat_action typing = drive_visitor_action(d, CHAT_TYPING, visitor, TAB);

    (void)state;
    fetch.conv = typing.conv = drive_start(d, visitor, TAB, "one");
    for (unsigned i = 0; i < 20; i++) {
        fetch.cookie = ++d->cookie;
        assert_int_equal(drive_do(d, &fetch)->kind, CHAT_REPLY_HISTORY);
    }
    fetch.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &fetch)->err.code, ERR_RATE_LIMITED);
    assert_int_equal(drive_reply_to(d, fetch.cookie)->err.retry_after_ms, 20);
    typing.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &typing)->err.code, ERR_RATE_LIMITED);
    clock_virtual_advance(&d->time, 20);
    typing.cookie = ++d->cookie;
    assert_null(drive_do(d, &typing));
    drive_destroy(&d);
}

static void a_visitor_begins_so_many_conversations_an_hour(void **state)
{
    struct drive_options options = { .limits = { .new_convs_per_hour = 2 } };
    struct drive *d = drive_create(&options);
    struct visitor_id visitor = drive_visitor(d, TAB);
    struct chat_action start = drive_visitor_action(d, CHAT_START, visitor, TAB);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct chat_action end = drive_visitor_action(d, CHAT_END, visitor, TAB);

        end.conv = drive_start(d, visitor, TAB, "hello");
        assert_int_equal(drive_do(d, &end)->kind, CHAT_REPLY_ACK);
    }
    drive_client_id(d, &start);
    start.text = SLICE_LITERAL("again");
    assert_int_equal(drive_do(d, &start)->err.code, ERR_RATE_LIMITED);
    assert_true(drive_reply_to(d, start.cookie)->err.retry_after_ms > 3599 * 1000);
    drive_advance(d, 3600 * 1000);
    start.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &start)->kind, CHAT_REPLY_ACK);
    drive_destroy(&d);
}

static void others_find_no_such_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct conv_id conv = drive_start(d, f->visitor, TAB, "hello");
    struct visitor_id other = drive_visitor(d, TAB2);
    struct chat_action send = drive_visitor_action(d, CHAT_SEND, other, TAB2);
    struct chat_action fetch = drive_agent_action(d, CHAT_FETCH, 1, ROLE_OWNER, CONSOLE);

    drive_client_id(d, &send);
    send.conv = conv;
    send.text = SLICE_LITERAL("mine?");
    assert_int_equal(drive_do(d, &send)->err.code, ERR_NOT_FOUND);
    send.kind = CHAT_FETCH;
    send.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &send)->err.code, ERR_NOT_FOUND);
    fetch.conv = conv;
    fetch.workspace.v = 2;
    assert_int_equal(drive_do(d, &fetch)->err.code, ERR_NOT_FOUND);
    fetch.workspace.v = DRIVE_WORKSPACE;
    fetch.conv.v += 1;
    fetch.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &fetch)->err.code, ERR_NOT_FOUND);
}

static void every_action_declares_who_may_do_it(void **state)
{
    (void)state;
    for (int kind = CHAT_HELLO; kind < CHAT_DESK_ASSIGN; kind++) {
        enum permission visitor = chat_action_permission(kind, ACTOR_VISITOR);
        enum permission agent = chat_action_permission(kind, ACTOR_AGENT);

        assert_true(visitor != PERM_NONE || agent != PERM_NONE);
        assert_true(visitor == PERM_NONE || visitor == PERM_VISIT);
        assert_int_equal(agent, chat_action_permission(kind, ACTOR_API));
        assert_int_equal(chat_action_permission(kind, ACTOR_BOT), PERM_NONE);
    }
    for (int kind = CHAT_DESK_ASSIGN; kind <= CHAT_ACTION_COUNT; kind++)
        assert_int_equal(chat_action_permission(kind, ACTOR_AGENT), PERM_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_is_answered_in_the_same_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(acknowledgement_comes_only_after_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_stopping_chat_decides_nothing_and_completes_what_is_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(a_repeat_gets_the_first_acknowledgement, setup, teardown),
        cmocka_unit_test_setup_teardown(a_repeat_of_a_turn_in_flight_waits_for_its_completion,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(same_client_id_other_content_conflicts, setup, teardown),
        cmocka_unit_test_setup_teardown(any_order_of_client_ids_is_exactly_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_client_id_in_flight_is_not_stored_twice, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(seq_is_dense, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_for_a_person_queues_in_the_same_turn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_bot_a_person_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unclear_question_is_asked_back_and_then_offers_a_person,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(every_answer_leaves_a_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(text_is_taken_up_to_its_limit_and_not_beyond, setup,
                                        teardown),
        cmocka_unit_test(a_visitor_faster_than_its_rate_is_asked_to_wait),
        cmocka_unit_test(what_is_no_message_counts_a_tenth_of_one),
        cmocka_unit_test(a_visitor_begins_so_many_conversations_an_hour),
        cmocka_unit_test_setup_teardown(others_find_no_such_conversation, setup, teardown),
        cmocka_unit_test(every_action_declares_who_may_do_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
