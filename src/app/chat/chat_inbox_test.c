/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an open inbox: which go at once, which with the window, and which are left out. */
#include "test.h"

#include "chat_drive.h"
#include "chat_priv.h"

enum { TAB = 100, CONSOLE = 20 };

struct fixture {
    struct drive *drive;
    unsigned visitors;
};

static struct chat_action subscription(struct fixture *f)
{
    struct chat_action action =
        drive_agent_action(f->drive, CHAT_SUBSCRIBE, 1, ROLE_AGENT, CONSOLE);

    action.inbox = true;
    return action;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct chat_action subscribe;

    f->drive = drive_create(&(struct drive_options){ .settle_held = true });
    subscribe = subscription(f);
    assert_int_equal(drive_do(f->drive, &subscribe)->kind, CHAT_REPLY_ACK);
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

/* The conversation of a new visitor. */
static struct conv_id begins(struct fixture *f, const char *text)
{
    uint64_t tab = TAB + f->visitors++;

    return drive_start(f->drive, drive_visitor(f->drive, tab), tab, text);
}

static unsigned rows(struct fixture *f)
{
    return drive_push_count(f->drive, CHAT_PUSH_CONVERSATION, CONSOLE);
}

static unsigned relists(struct fixture *f)
{
    return drive_push_count(f->drive, CHAT_PUSH_RELIST, CONSOLE);
}

static void window_ends(struct fixture *f)
{
    drive_clear(f->drive);
    chat_rows(f->drive->chat);
}

static void what_the_bot_does_is_shown_once_a_window_as_it_is_then(void **state)
{
    struct fixture *f = *state;
    struct visitor_id visitor = drive_visitor(f->drive, TAB);
    struct conv_id conv = drive_start(f->drive, visitor, TAB, "hello");

    for (unsigned i = 0; i < 5; i++)
        (void)drive_send(f->drive, visitor, TAB, conv, "How do I return an item?");
    assert_int_equal(rows(f), 0);
    window_ends(f);
    assert_int_equal(rows(f), 1);
    assert_int_equal(drive_push_last(f->drive, CHAT_PUSH_CONVERSATION, CONSOLE)->head_seq, 12);
    window_ends(f);
    assert_int_equal(rows(f), 0);
    assert_null(f->drive->chat->inbox_due); /* nothing runs while nothing changes */
}

static void what_a_person_should_act_on_is_shown_at_once(void **state)
{
    struct fixture *f = *state;

    (void)begins(f, "talk to a person");
    assert_int_equal(rows(f), 1);
    assert_int_equal(drive_push_last(f->drive, CHAT_PUSH_CONVERSATION, CONSOLE)->state,
                     CONV_QUEUED);
}

static void at_once_is_bounded_and_the_rest_comes_with_the_window(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < INBOX_AT_ONCE_MAX + 1; i++)
        (void)begins(f, "talk to a person");
    assert_int_equal(rows(f), INBOX_AT_ONCE_MAX);
    window_ends(f);
    assert_int_equal(rows(f), 1);
    window_ends(f);
    f->drive->settled_upto = UINT64_MAX;
    window_ends(f);
    assert_int_equal(relists(f), 0);
    (void)begins(f, "talk to a person");
    assert_int_equal(rows(f), 1);
}

static void a_full_window_leaves_rows_out_and_says_so_when_they_have_settled(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < INBOX_WINDOW_BOTS_MAX; i++)
        (void)begins(f, "hello");
    window_ends(f);
    assert_int_equal(rows(f), INBOX_WINDOW_BOTS_MAX);
    window_ends(f);
    assert_int_equal(relists(f), 0);
    for (unsigned i = 0; i < INBOX_WINDOW_BOTS_MAX + 1; i++)
        (void)begins(f, "hello");
    window_ends(f);
    assert_int_equal(rows(f), INBOX_WINDOW_BOTS_MAX);
    assert_int_equal(relists(f), 0); /* a list would not have them yet */
    f->drive->settled_upto = f->drive->chat->position;
    window_ends(f);
    assert_int_equal(relists(f), 0);
    f->drive->settled_upto++;
    window_ends(f);
    assert_int_equal(relists(f), 1);
    window_ends(f);
    assert_int_equal(relists(f), 0);
}

static void people_have_room_that_bots_do_not(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < INBOX_WINDOW_BOTS_MAX; i++)
        (void)begins(f, "hello");
    for (unsigned i = 0; i < INBOX_AT_ONCE_MAX + INBOX_WINDOW_ROWS_MAX - INBOX_WINDOW_BOTS_MAX; i++)
        (void)begins(f, "talk to a person");
    f->drive->settled_upto = UINT64_MAX;
    window_ends(f);
    assert_int_equal(rows(f), INBOX_WINDOW_ROWS_MAX);
    assert_int_equal(relists(f), 0);
}

static void a_storm_is_told_of_at_most_every_two_seconds(void **state)
{
    struct fixture *f = *state;
    unsigned told = 0;

    f->drive->settled_upto = UINT64_MAX;
    for (unsigned window = 0; window < 3; window++) {
        for (unsigned i = 0; i < INBOX_WINDOW_BOTS_MAX + 1; i++)
            (void)begins(f, "hello");
        window_ends(f);
        told += relists(f);
    }
    assert_int_equal(told, 1);
    clock_virtual_advance(&f->drive->time, INBOX_RELIST_MS);
    window_ends(f);
    assert_int_equal(relists(f), 1);
}

static void a_reader_that_refused_a_row_is_told_of_the_gap(void **state)
{
    struct fixture *f = *state;

    f->drive->settled_upto = UINT64_MAX;
    drive_refuse(f->drive, CONSOLE, true);
    (void)begins(f, "talk to a person");
    window_ends(f);
    assert_int_equal(relists(f), 0);
    drive_refuse(f->drive, CONSOLE, false);
    clock_virtual_advance(&f->drive->time, INBOX_RELIST_MS);
    window_ends(f);
    assert_int_equal(relists(f), 1);
}

static void who_leaves_in_a_window_is_shown_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct chat_action subscribe = subscription(f);

    (void)begins(f, "hello");
    subscribe.off = true;
    (void)drive_do(f->drive, &subscribe);
    window_ends(f);
    assert_int_equal(rows(f), 0);
    subscribe.off = false;
    subscribe.cookie = ++f->drive->cookie;
    (void)drive_do(f->drive, &subscribe);
    drive_clear(f->drive);
    (void)begins(f, "hello");
    window_ends(f);
    assert_int_equal(rows(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_bot_does_is_shown_once_a_window_as_it_is_then),
        TEST(what_a_person_should_act_on_is_shown_at_once),
        TEST(at_once_is_bounded_and_the_rest_comes_with_the_window),
        TEST(a_full_window_leaves_rows_out_and_says_so_when_they_have_settled),
        TEST(people_have_room_that_bots_do_not),
        TEST(a_storm_is_told_of_at_most_every_two_seconds),
        TEST(a_reader_that_refused_a_row_is_told_of_the_gap),
        TEST(who_leaves_in_a_window_is_shown_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
