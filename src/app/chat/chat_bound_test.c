/* SPDX-License-Identifier: Apache-2.0 */
/* Each bound of chat, at it and one beyond: full is a polite answer, and nothing else suffers. */
#include "test.h"

#include "chat_drive.h"
#include "chat_priv.h"
#include "limit.h"

enum { TAB = 7, CONSOLE = 20, OUTSIDER = 5000 };

struct fixture {
    struct drive *drive;
    struct visitor_id visitor;
    struct conv_id conv;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->drive = drive_create(NULL);
    f->visitor = drive_visitor(f->drive, TAB);
    f->conv = drive_start(f->drive, f->visitor, TAB, "hello");
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

static void events_add(struct fixture *f, struct turn *turn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        Kefu__V1__Event *event = turn_event(f->drive->chat, turn, KEFU__V1__EVENT__KIND__message,
                                            false, ACTOR_BOT, 0, SLICE_LITERAL("bot"));

        event->text = turn_text(turn, SLICE_LITERAL("text"));
    }
}

static void a_turn_holds_32_events_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct chat *chat = f->drive->chat;
    struct conv *conv = conv_find(chat, f->conv);
    struct turn *turn = turn_begin(chat, conv, NULL);
    struct err err = { 0 };

    events_add(f, turn, LIMIT_TURN_EVENTS_MAX);
    assert_int_equal(turn_commit(chat, &turn, &err), ERR_OK);
    drive_run(f->drive);
    assert_int_equal(conv->head.head_seq, 2 + LIMIT_TURN_EVENTS_MAX);
    turn = turn_begin(chat, conv, NULL);
    events_add(f, turn, LIMIT_TURN_EVENTS_MAX + 1);
    assert_int_equal(turn_commit(chat, &turn, &err), ERR_TOO_BIG);
    assert_null(turn);
    assert_int_equal(conv->head.head_seq, 2 + LIMIT_TURN_EVENTS_MAX); /* as if nothing had been */
    assert_int_equal(drive_send(f->drive, f->visitor, TAB, f->conv, "go on")->seq,
                     3 + LIMIT_TURN_EVENTS_MAX);
}

static void a_turn_is_bounded_in_bytes(void **state)
{
    static char text[LIMIT_TEXT_BYTES_MAX * 4];
    struct fixture *f = *state;
    struct chat *chat = f->drive->chat;
    struct conv *conv = conv_find(chat, f->conv);
    struct turn *turn = turn_begin(chat, conv, NULL);
    struct err err = { 0 };

    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < LIMIT_TURN_EVENTS_MAX; i++) {
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__message, false, ACTOR_BOT, 0, SLICE_EMPTY)
            ->text = turn_text(turn, slice_make(text, sizeof(text)));
    }
    assert_int_equal(turn_commit(chat, &turn, &err), ERR_TOO_BIG);
    assert_int_equal(drive_send(f->drive, f->visitor, TAB, f->conv, "go on")->seq, 3);
}

static void so_many_may_watch_one_conversation(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action subscribe = drive_agent_action(d, CHAT_SUBSCRIBE, 1, ROLE_AGENT, 0);

    subscribe.conv = f->conv;
    for (unsigned i = 0; i <= LIMIT_SUBSCRIBERS_MAX; i++) {
        const struct drive_reply *reply;

        subscribe.from.session = 100 + i;
        subscribe.cookie = ++d->cookie;
        reply = drive_do(d, &subscribe);
        assert_int_equal(reply->kind,
                         i < LIMIT_SUBSCRIBERS_MAX ? CHAT_REPLY_ACK : CHAT_REPLY_ERROR);
    }
    assert_int_equal(drive_reply_to(d, d->cookie)->err.code, ERR_BUSY);
    subscribe.from.session = 100; /* again: no new one */
    subscribe.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &subscribe)->kind, CHAT_REPLY_ACK);
    d->push_count = 0;
    (void)drive_send(d, f->visitor, TAB, f->conv, "hello all");
    assert_int_equal(d->push_count, 2 * (LIMIT_SUBSCRIBERS_MAX + 1));
}

static void so_many_actions_may_wait_on_a_shard(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action send = drive_visitor_action(d, CHAT_SEND, f->visitor, TAB);
    struct chat_stats stats;

    d->options.quiet = true;
    send.text = SLICE_LITERAL("x");
    for (unsigned conv = 0; conv <= LIMIT_SHARD_WAITING_MAX / LIMIT_CONV_WAITING_MAX; conv++) {
        send.conv.v = f->conv.v + 1 + conv; /* there are no such ones; each is asked for */
        for (unsigned i = 0; i < LIMIT_CONV_WAITING_MAX; i++)
            drive_submit(d, &send);
    }
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.waiting, LIMIT_SHARD_WAITING_MAX);
    assert_int_equal(stats.shed, LIMIT_CONV_WAITING_MAX);
    drive_run(d);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.live, 1); /* nothing is kept of what does not exist */
    d->options.quiet = false;
    assert_int_equal(drive_send(d, f->visitor, TAB, f->conv, "x")->kind, CHAT_REPLY_ACK);
}

static void reads_are_bounded_too(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);

    fetch.conv = f->conv;
    for (unsigned i = 0; i < LIMIT_SHARD_WAITING_MAX; i++)
        drive_submit(d, &fetch);
    assert_int_equal(d->query_count, LIMIT_SHARD_WAITING_MAX);
    fetch.cookie = ++d->cookie;
    drive_submit(d, &fetch);
    assert_int_equal(drive_reply_to(d, fetch.cookie)->err.code, ERR_BUSY);
    drive_run(d);
    fetch.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &fetch)->count, 2);
}

static void attributes_and_reasons_have_limits(void **state)
{
    static char value[LIMIT_ATTRIBUTE_VALUE_BYTES_MAX + 1];
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_attribute attributes[LIMIT_ATTRIBUTES_MAX + 1];
    struct chat_action form = drive_visitor_action(d, CHAT_FORM, f->visitor, TAB);
    struct chat_action close = drive_agent_action(d, CHAT_CLOSE, 1, ROLE_SUPERVISOR, CONSOLE);
    char keys[LIMIT_ATTRIBUTES_MAX + 1];

    memset(value, 'v', sizeof(value));
    for (unsigned i = 0; i < LENGTH_OF(attributes); i++) {
        keys[i] = (char)('A' + i);
        attributes[i] = (struct chat_attribute){ slice_make(&keys[i], 1),
                                                 slice_make(value, sizeof(value) - 1) };
    }
    form.conv = f->conv;
    form.attributes = attributes;
    form.attribute_count = LIMIT_ATTRIBUTES_MAX;
    assert_int_equal(drive_do(d, &form)->kind, CHAT_REPLY_ACK);
    form.attribute_count++;
    form.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &form)->err.code, ERR_TOO_BIG);
    form.attribute_count = 1;
    attributes[0].value.len++;
    form.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &form)->err.code, ERR_TOO_BIG);
    attributes[0].value = slice_make("\xC3(", 2);
    form.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &form)->err.code, ERR_INVALID);
    close.conv = f->conv;
    close.reason = slice_make(value, LIMIT_REASON_BYTES_MAX + 1);
    assert_int_equal(drive_do(d, &close)->err.code, ERR_TOO_BIG);
    close.reason.len--;
    close.cookie = ++d->cookie;
    assert_int_equal(drive_do(d, &close)->kind, CHAT_REPLY_ACK);
}

/* What may not leave the memory is not in the way of what may. */
static void waiting_conversations_do_not_stop_eviction(void **state)
{
    struct drive_options options = { .limits = { .live_max = 200 } };
    struct drive *d = drive_create(&options);
    struct chat_stats stats;

    (void)state;
    for (unsigned i = 0; i < 150; i++) {
        struct visitor_id visitor = drive_visitor(d, OUTSIDER + i);

        (void)drive_start(d, visitor, OUTSIDER + i, "talk to a person");
    }
    for (unsigned i = 0; i < 300; i++) {
        struct visitor_id visitor = drive_visitor(d, i + 1);

        (void)drive_start(d, visitor, i + 1, "How do I return an item?");
        chat_stats_get(d->chat, &stats);
        assert_true(stats.live <= 200);
    }
    drive_advance(d, 120 * 1000);
    chat_stats_get(d->chat, &stats);
    assert_int_equal(stats.live, 150);
    drive_destroy(&d);
}

static void a_visitors_id_belongs_to_the_shard_that_gave_it(void **state)
{
    static const uint32_t shards[] = { 1, 2, 3, 7, 16, 100, 256 };
    struct clock_virtual time = { .wall_ms = INT64_C(1760000000000) };
    const struct clock clock = clock_virtual_clock(&time);

    (void)state;
    for (unsigned i = 0; i < LENGTH_OF(shards); i++) {
        for (uint32_t shard = 0; shard < shards[i]; shard += 1 + shards[i] / 5) {
            struct chat_options options = { .shard = shard, .shards = shards[i], .clock = &clock };
            struct chat *chat = chat_create(&options);

            for (unsigned k = 0; k < 200; k++) {
                struct visitor_id visitor = chat_visitor_new(chat, (struct workspace_id){ 1 });

                assert_int_equal(id_shard(visitor.v, shards[i]), shard);
            }
            chat_destroy(&chat);
        }
    }
}

static uint64_t send_without_flush(struct fixture *f)
{
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);

    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = SLICE_LITERAL("refund");
    drive_submit(f->drive, &send);
    return send.cookie;
}

static void of_a_late_crowd_the_first_are_taken_and_the_rest_refused_at_once(void **state)
{
    struct fixture *f = *state;
    const struct drive_reply *reply;
    uint64_t first[LATE_TURNS_MIN];
    uint64_t beyond;

    f->drive->options.late = true;
    for (unsigned i = 0; i < LATE_TURNS_MIN; i++)
        first[i] = send_without_flush(f);
    beyond = send_without_flush(f);
    drive_run(f->drive);
    for (unsigned i = 0; i < LATE_TURNS_MIN; i++)
        assert_int_equal(drive_reply_to(f->drive, first[i])->kind, CHAT_REPLY_ACK);
    reply = drive_reply_to(f->drive, beyond);
    assert_int_equal(reply->kind, CHAT_REPLY_ERROR);
    assert_int_equal(reply->err.code, ERR_BUSY);
    assert_true(reply->err.retry_after_ms > 0);
    reply = drive_send(f->drive, f->visitor, TAB, f->conv, "refund");
    assert_int_equal(reply->kind, CHAT_REPLY_ACK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_turn_holds_32_events_and_no_more),
        TEST(a_turn_is_bounded_in_bytes),
        TEST(so_many_may_watch_one_conversation),
        TEST(so_many_actions_may_wait_on_a_shard),
        TEST(reads_are_bounded_too),
        TEST(attributes_and_reasons_have_limits),
        TEST(of_a_late_crowd_the_first_are_taken_and_the_rest_refused_at_once),
        cmocka_unit_test(waiting_conversations_do_not_stop_eviction),
        cmocka_unit_test(a_visitors_id_belongs_to_the_shard_that_gave_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
