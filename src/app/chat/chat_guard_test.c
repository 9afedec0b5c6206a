/* SPDX-License-Identifier: Apache-2.0 */
/* Words that must not pass: in what visitors and agents say, and in what they make of it later. */
#include "test.h"

#include "chat_drive.h"
#include "conv.h"

enum { TAB = 7, CONSOLE = 20, ANN = 1 };

#define W(text)                  \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const struct slice bomb[] = { W("bomb") };
static const struct slice secret[] = { W("secret") };
static const struct slice court[] = { W("court") };
static const struct slice rude[] = { W("stupid") };
static const struct bot_rule rules[] = {
    { .id = 1, .name = W("threat"), .action = BOT_ACTION_BLOCK, .any = bomb, .any_count = 1 },
    { .id = 2, .name = W("secret"), .action = BOT_ACTION_MASK, .any = secret, .any_count = 1 },
    { .id = 3, .name = W("law"), .action = BOT_ACTION_HANDOFF, .any = court, .any_count = 1 },
    { .id = 4, .name = W("rude"), .action = BOT_ACTION_REVIEW, .any = rude, .any_count = 1 },
};

struct fixture {
    struct drive *drive;
    struct visitor_id visitor;
    struct conv_id conv;
};

static int setup(void **state)
{
    static const struct bot_source source = { .rules = rules, .rule_count = LENGTH_OF(rules) };
    static const struct drive_options options = { .bot = &source };
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->drive = drive_create(&options);
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

/* The events that come of a visitor's message, in f->drive->events from the message on. */
static const struct drive_event *say(struct fixture *f, const char *text)
{
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);
    unsigned before;

    drive_history(f->drive, f->conv);
    before = f->drive->event_count;
    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = slice_of(text);
    assert_int_equal(drive_do(f->drive, &send)->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    return &f->drive->events[before];
}

static void a_blocked_text_is_refused_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);
    const struct drive_reply *reply;
    unsigned before;

    drive_history(f->drive, f->conv);
    before = f->drive->event_count;
    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = SLICE_LITERAL("I have a BOMB");
    reply = drive_do(f->drive, &send);
    assert_int_equal(reply->kind, CHAT_REPLY_ERROR);
    drive_history(f->drive, f->conv);
    assert_int_equal(f->drive->event_count, before);
}

static void masked_words_are_stored_as_stars(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(say(f, "my secret is mine")->text, "my ****** is mine");
}

static void a_person_is_called_without_asking_the_bot(void **state)
{
    struct fixture *f = *state;
    const struct drive_event *events = say(f, "see you in court");

    assert_string_equal(events[0].text, "see you in court");
    assert_string_equal(events[1].rung, "rule");
    assert_int_equal(events[2].kind, KEFU__V1__EVENT__KIND__handoff);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
}

static void a_review_is_an_internal_note_behind_the_message(void **state)
{
    struct fixture *f = *state;
    const struct drive_event *events = say(f, "that is stupid");

    assert_int_equal(events[1].kind, KEFU__V1__EVENT__KIND__note);
    assert_true(events[1].internal);
    assert_non_null(strstr(events[1].text, "rude"));
    assert_int_equal(events[2].author_kind, ACTOR_BOT);
}

static void agents_are_guarded_in_messages_but_not_in_notes(void **state)
{
    struct fixture *f = *state;
    struct chat_action action;

    say(f, "see you in court");
    action = drive_agent_action(f->drive, CHAT_NOTE, ANN, ROLE_SUPERVISOR, CONSOLE);
    action.conv = f->conv;
    action.text = SLICE_LITERAL("the secret word");
    assert_int_equal(drive_do(f->drive, &action)->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    assert_string_equal(f->drive->events[f->drive->event_count - 1].text, "the secret word");
    action.kind = CHAT_SEND;
    drive_client_id(f->drive, &action);
    assert_int_equal(drive_do(f->drive, &action)->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    assert_string_equal(f->drive->events[f->drive->event_count - 1].text, "the ****** word");
}

static void an_edit_cannot_bring_back_what_was_kept_out(void **state)
{
    struct fixture *f = *state;
    struct chat_action send =
        drive_agent_action(f->drive, CHAT_SEND, ANN, ROLE_SUPERVISOR, CONSOLE);
    struct chat_action edit;

    send.conv = f->conv;
    send.text = SLICE_LITERAL("good morning");
    drive_client_id(f->drive, &send);
    assert_int_equal(drive_do(f->drive, &send)->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    edit = drive_agent_action(f->drive, CHAT_EDIT, ANN, ROLE_SUPERVISOR, CONSOLE);
    edit.conv = f->conv;
    edit.seq = f->drive->events[f->drive->event_count - 1].seq;
    edit.text = SLICE_LITERAL("a secret");
    assert_int_equal(drive_do(f->drive, &edit)->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    assert_string_equal(f->drive->events[f->drive->event_count - 1].text, "a ******");
    edit.text = SLICE_LITERAL("a bomb");
    assert_int_equal(drive_do(f->drive, &edit)->kind, CHAT_REPLY_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blocked_text_is_refused_and_leaves_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(masked_words_are_stored_as_stars, setup, teardown),
        cmocka_unit_test_setup_teardown(a_person_is_called_without_asking_the_bot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_review_is_an_internal_note_behind_the_message, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(agents_are_guarded_in_messages_but_not_in_notes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_edit_cannot_bring_back_what_was_kept_out, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
