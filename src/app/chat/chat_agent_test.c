/* SPDX-License-Identifier: Apache-2.0 */
/* What agents and the desk do to a conversation, and what a visitor sees of it. */
#include "test.h"

#include "chat_drive.h"
#include "conv.h"
#include "limit.h"

enum { TAB = 7, CONSOLE = 20, CONSOLE2 = 21, ANN = 1, BO = 2, SUE = 3 };

struct fixture {
    struct drive *drive;
    struct visitor_id visitor;
    struct conv_id conv; /* queued, watched by Ann's console */
};

static struct chat_action act(struct fixture *f, enum chat_action_kind kind, uint64_t agent,
                              enum role role)
{
    struct chat_action action =
        drive_agent_action(f->drive, kind, agent, role, agent == ANN ? CONSOLE : CONSOLE2);

    if (kind != CHAT_SUBSCRIBE && kind != CHAT_FETCH)
        drive_client_id(f->drive, &action);
    action.conv = f->conv;
    return action;
}

/* ERR_OK when it was acknowledged. */
static enum err_code run(struct fixture *f, const struct chat_action *action)
{
    const struct drive_reply *reply = drive_do(f->drive, action);

    assert_non_null(reply);
    return reply->kind == CHAT_REPLY_ERROR ? reply->err.code : ERR_OK;
}

static enum err_code does(struct fixture *f, enum chat_action_kind kind, uint64_t agent,
                          enum role role)
{
    struct chat_action action = act(f, kind, agent, role);

    return run(f, &action);
}

static enum err_code says(struct fixture *f, uint64_t agent, enum role role, const char *text)
{
    struct chat_action send = act(f, CHAT_SEND, agent, role);

    send.text = slice_of(text);
    return run(f, &send);
}

static const struct drive_event *last_event(struct fixture *f)
{
    drive_history(f->drive, f->conv);
    assert_true(f->drive->event_count > 0);
    return &f->drive->events[f->drive->event_count - 1];
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->drive = drive_create(NULL);
    f->visitor = drive_visitor(f->drive, TAB);
    f->conv = drive_start(f->drive, f->visitor, TAB, "talk to a person");
    assert_int_equal(does(f, CHAT_SUBSCRIBE, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    drive_clear(f->drive);
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

static void an_agent_takes_answers_and_closes(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;

    assert_int_equal(says(f, ANN, ROLE_AGENT, "hi"), ERR_FORBIDDEN); /* not hers yet */
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__assigned);
    assert_int_equal(last_event(f)->agent_id, ANN);
    assert_int_equal(drive_report(d)->state, CONV_AGENT);
    assert_int_equal(drive_report(d)->agent.v, ANN);
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK); /* hers already: nothing */
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__assigned);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "hi"), ERR_OK);
    assert_string_equal(drive_push_last(d, CHAT_PUSH_EVENT, TAB)->event.text, "hi");
    assert_int_equal(says(f, BO, ROLE_AGENT, "me too"), ERR_FORBIDDEN);
    assert_int_equal(says(f, SUE, ROLE_SUPERVISOR, "may I"), ERR_OK);
    assert_int_equal(does(f, CHAT_CLOSE, BO, ROLE_AGENT), ERR_FORBIDDEN);
    assert_int_equal(does(f, CHAT_CLOSE, ANN, ROLE_AGENT), ERR_OK);
    assert_string_equal(last_event(f)->reason, "agent");
    assert_int_equal(drive_report(d)->state, CONV_CLOSED);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "late"), ERR_FORBIDDEN);
    assert_int_equal(says(f, SUE, ROLE_SUPERVISOR, "late"), ERR_CONFLICT);
}

static void taking_from_someone_needs_the_permission(void **state)
{
    struct fixture *f = *state;
    struct chat_action assign;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(does(f, CHAT_ACCEPT, BO, ROLE_AGENT), ERR_FORBIDDEN);
    assign = act(f, CHAT_ASSIGN, BO, ROLE_AGENT);
    assign.agent.v = SUE;
    assert_int_equal(run(f, &assign), ERR_FORBIDDEN);
    assign = act(f, CHAT_ASSIGN, SUE, ROLE_SUPERVISOR);
    assign.agent.v = 99;
    assert_int_equal(run(f, &assign), ERR_NOT_FOUND);
    assert_string_equal(drive_reply_to(f->drive, assign.cookie)->err.field, "agentId");
    assign = act(f, CHAT_ASSIGN, SUE, ROLE_SUPERVISOR);
    assign.agent.v = BO;
    assert_int_equal(run(f, &assign), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__transferred);
    assert_int_equal(drive_report(f->drive)->agent.v, BO);
}

static void a_transfer_carries_a_note_that_the_visitor_never_sees(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action transfer;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    transfer = act(f, CHAT_TRANSFER, ANN, ROLE_AGENT);
    transfer.agent.v = BO;
    transfer.text = SLICE_LITERAL("knows tents");
    assert_int_equal(run(f, &transfer), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__transferred);
    assert_int_equal(d->events[d->event_count - 2].kind, KEFU__V1__EVENT__KIND__note);
    assert_true(d->events[d->event_count - 2].internal);
    for (unsigned i = 0; i < d->push_count; i++) {
        assert_false(d->pushes[i].session == TAB && d->pushes[i].kind == CHAT_PUSH_EVENT &&
                     d->pushes[i].event.internal);
    }
    assert_int_equal(run(f, &transfer), ERR_OK); /* a repeat */
    transfer = act(f, CHAT_TRANSFER, ANN, ROLE_AGENT);
    assert_int_equal(run(f, &transfer), ERR_FORBIDDEN); /* Bo's now */
}

static void visitor_never_sees_a_note(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action note;
    struct chat_action fetch = drive_visitor_action(d, CHAT_FETCH, f->visitor, TAB);
    uint32_t before;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    before = last_event(f)->seq;
    drive_clear(d);
    note = act(f, CHAT_NOTE, ANN, ROLE_AGENT);
    note.text = SLICE_LITERAL("a difficult one");
    assert_int_equal(run(f, &note), ERR_OK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 0);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_EVENT, CONSOLE)->event.prev_seq, before);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "hello"), ERR_OK);
    /* Contiguous for each reader: prev_seq <= last seen < seq. */
    assert_int_equal(drive_push_last(d, CHAT_PUSH_EVENT, TAB)->event.seq, before + 2);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_EVENT, TAB)->event.prev_seq, before);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_EVENT, CONSOLE)->event.prev_seq, before + 1);

    fetch.conv = f->conv;
    fetch.from_seq = 1;
    assert_int_equal(run(f, &fetch), ERR_OK);
    for (unsigned i = 0; i < d->event_count; i++) {
        assert_false(d->events[i].internal);
        assert_true(d->events[i].seq != before + 1);
    }
    drive_restart(d);
    fetch.cookie = ++d->cookie;
    assert_int_equal(run(f, &fetch), ERR_OK);
    assert_int_equal(d->event_count, before + 1);
    assert_int_equal(d->events[before].prev_seq, before);
}

static void who_declines_gives_it_back_to_its_old_place(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    int64_t since = d->time.wall_ms;

    drive_advance(d, 60 * 1000);
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(does(f, CHAT_DECLINE, BO, ROLE_AGENT), ERR_FORBIDDEN);
    assert_int_equal(does(f, CHAT_DECLINE, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__left);
    assert_string_equal(last_event(f)->reason, "declined");
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
    assert_int_equal(drive_report(d)->queued_at, since);
    drive_restart(d);
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    drive_restart(d);
    assert_int_equal(does(f, CHAT_TRANSFER, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(drive_report(d)->queued_at, since);
}

static void the_desk_assigns_and_takes_back(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    const struct workspace_id workspace = { DRIVE_WORKSPACE };

    chat_desk_assign(d->chat, workspace, f->conv, (struct agent_id){ ANN }, 501);
    drive_flush(d);
    assert_int_equal(d->report_count, 0); /* not stored yet */
    drive_run(d);
    assert_int_equal(drive_report(d)->reservation, 501);
    assert_false(drive_report(d)->refused);
    assert_int_equal(drive_report(d)->agent.v, ANN);
    assert_int_equal(last_event(f)->author_kind, ACTOR_SYSTEM);

    chat_desk_assign(d->chat, workspace, f->conv, (struct agent_id){ BO }, 502);
    drive_run(d);
    assert_int_equal(drive_report(d)->reservation, 502);
    assert_true(drive_report(d)->refused);
    assert_int_equal(drive_report(d)->agent.v, ANN); /* and says who has it */

    chat_desk_requeue(d->chat, workspace, f->conv, (struct agent_id){ BO });
    drive_run(d);
    assert_int_equal(drive_report(d)->state, CONV_AGENT); /* it is not Bo's */
    chat_desk_requeue(d->chat, workspace, f->conv, (struct agent_id){ ANN });
    drive_run(d);
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
    assert_string_equal(last_event(f)->reason, "offline");

    chat_desk_assign(d->chat, workspace, (struct conv_id){ f->conv.v + 1 },
                     (struct agent_id){ ANN }, 503);
    drive_run(d);
    assert_int_equal(drive_report(d)->reservation, 503);
    assert_int_equal(drive_report(d)->head_seq, 0);
    assert_int_equal(drive_report(d)->state, CONV_CLOSED); /* there is no such one */
    d->no_agents = true;
    chat_desk_assign(d->chat, workspace, f->conv, (struct agent_id){ ANN }, 504);
    drive_run(d);
    assert_true(drive_report(d)->refused);
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
}

static void a_report_without_room_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;

    d->desk_full = true;
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    drive_advance(d, 3000);
    assert_int_equal(d->report_count, 0);
    drive_advance(d, 120 * 1000); /* it does not leave the memory before */
    d->desk_full = false;
    drive_advance(d, 1000);
    assert_int_equal(d->report_count, 1);
    assert_int_equal(drive_report(d)->agent.v, ANN);
}

static void back_to_the_bot_and_to_a_person_again(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(does(f, CHAT_TO_BOT, BO, ROLE_AGENT), ERR_FORBIDDEN);
    assert_int_equal(does(f, CHAT_TO_BOT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__to_bot);
    (void)drive_send(d, f->visitor, TAB, f->conv, "How do I return an item?");
    assert_string_equal(last_event(f)->text, "Within 7 days.");
    drive_advance(d, 1000);
    (void)drive_send(d, f->visitor, TAB, f->conv, "talk to a person");
    assert_int_equal(drive_report(d)->queued_at, d->time.wall_ms); /* a new wait */
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    d->site.bot_enabled = false;
    assert_int_equal(does(f, CHAT_TO_BOT, ANN, ROLE_AGENT), ERR_CONFLICT);
}

static void an_agent_reopens_within_72_hours(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;

    assert_int_equal(does(f, CHAT_REOPEN, ANN, ROLE_AGENT), ERR_CONFLICT);
    assert_int_equal(does(f, CHAT_CLOSE, SUE, ROLE_SUPERVISOR), ERR_OK);
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_CONFLICT);
    clock_virtual_advance(&d->time, (int64_t)LIMIT_CONV_REOPEN_HOURS * 3600 * 1000);
    assert_int_equal(does(f, CHAT_REOPEN, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(drive_report(d)->agent.v, ANN);
    assert_int_equal(does(f, CHAT_CLOSE, ANN, ROLE_AGENT), ERR_OK);
    clock_virtual_advance(&d->time, (int64_t)LIMIT_CONV_REOPEN_HOURS * 3600 * 1000 + 1);
    assert_int_equal(does(f, CHAT_REOPEN, ANN, ROLE_AGENT), ERR_CONFLICT);
}

static void own_messages_can_be_edited_and_recalled_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action edit;
    struct chat_action recall;
    uint32_t seq;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "helo"), ERR_OK);
    seq = last_event(f)->seq;

    edit = act(f, CHAT_EDIT, ANN, ROLE_AGENT);
    edit.seq = seq;
    edit.text = SLICE_LITERAL("hello");
    clock_virtual_advance(&d->time, LIMIT_EDIT_WINDOW_MINUTES * 60 * 1000);
    assert_int_equal(run(f, &edit), ERR_OK);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__edit);
    assert_int_equal(last_event(f)->target_seq, seq);
    edit = act(f, CHAT_EDIT, ANN, ROLE_AGENT);
    edit.seq = seq;
    edit.text = SLICE_LITERAL("hallo");
    clock_virtual_advance(&d->time, 1);
    assert_int_equal(run(f, &edit), ERR_CONFLICT);

    assert_int_equal(says(f, ANN, ROLE_AGENT, "secret"), ERR_OK);
    recall = act(f, CHAT_RECALL, BO, ROLE_SUPERVISOR);
    recall.seq = last_event(f)->seq;
    assert_int_equal(run(f, &recall), ERR_FORBIDDEN); /* not Bo's words */
    recall = act(f, CHAT_RECALL, ANN, ROLE_AGENT);
    recall.seq = 1;
    assert_int_equal(run(f, &recall), ERR_FORBIDDEN); /* the visitor's */
    recall.seq = 1000;
    drive_client_id(d, &recall);
    recall.cookie = ++d->cookie;
    assert_int_equal(run(f, &recall), ERR_NOT_FOUND);
    recall.seq = last_event(f)->seq;
    drive_client_id(d, &recall);
    recall.cookie = ++d->cookie;
    clock_virtual_advance(&d->time, LIMIT_RECALL_WINDOW_MINUTES * 60 * 1000);
    assert_int_equal(run(f, &recall), ERR_OK);
    drive_history(d, f->conv);
    assert_string_equal(d->events[recall.seq - 1].text, "");
    drive_client_id(d, &recall);
    recall.cookie = ++d->cookie;
    assert_int_equal(run(f, &recall), ERR_CONFLICT); /* twice */

    assert_int_equal(says(f, ANN, ROLE_AGENT, "secret"), ERR_OK);
    recall.seq = last_event(f)->seq;
    drive_client_id(d, &recall);
    recall.cookie = ++d->cookie;
    clock_virtual_advance(&d->time, LIMIT_RECALL_WINDOW_MINUTES * 60 * 1000 + 1);
    assert_int_equal(run(f, &recall), ERR_CONFLICT); /* too late */
}

/* Said and taken back before either is stored. */
static void a_recall_of_a_message_in_flight_counts(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action send;
    struct chat_action recall;
    struct chat_action edit;
    uint32_t seq;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    seq = last_event(f)->seq + 1;
    send = act(f, CHAT_SEND, ANN, ROLE_AGENT);
    send.text = SLICE_LITERAL("oops");
    recall = act(f, CHAT_RECALL, ANN, ROLE_AGENT);
    recall.seq = seq;
    edit = act(f, CHAT_EDIT, ANN, ROLE_AGENT);
    edit.seq = seq;
    edit.text = SLICE_LITERAL("well");
    drive_submit(d, &send);
    drive_submit(d, &recall);
    drive_submit(d, &edit);
    drive_run(d);
    assert_int_equal(drive_reply_to(d, send.cookie)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_reply_to(d, recall.cookie)->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_reply_to(d, edit.cookie)->err.code, ERR_CONFLICT);
}

static void a_recalled_note_stays_internal(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action note;
    struct chat_action recall;

    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    note = act(f, CHAT_NOTE, ANN, ROLE_AGENT);
    note.text = SLICE_LITERAL("hm");
    assert_int_equal(run(f, &note), ERR_OK);
    recall = act(f, CHAT_RECALL, ANN, ROLE_AGENT);
    recall.seq = last_event(f)->seq;
    drive_clear(d);
    assert_int_equal(run(f, &recall), ERR_OK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, TAB), 0);
    assert_true(last_event(f)->internal);
}

static void typing_goes_both_ways_the_draft_only_to_agents(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action typing = drive_visitor_action(d, CHAT_TYPING, f->visitor, TAB);
    struct chat_action hello = drive_visitor_action(d, CHAT_HELLO, f->visitor, TAB + 1);

    (void)drive_do(d, &hello);
    typing.conv = f->conv;
    typing.active = true;
    typing.text = SLICE_LITERAL("I wonder");
    assert_null(drive_do(d, &typing));
    assert_string_equal(drive_push_last(d, CHAT_PUSH_TYPING, CONSOLE)->draft, "I wonder");
    assert_string_equal(drive_push_last(d, CHAT_PUSH_TYPING, TAB + 1)->draft, "");
    assert_null(drive_push_last(d, CHAT_PUSH_TYPING, TAB));
    d->site.draft_preview = false;
    drive_clear(d);
    (void)drive_do(d, &typing);
    assert_true(drive_push_last(d, CHAT_PUSH_TYPING, CONSOLE)->active);
    assert_string_equal(drive_push_last(d, CHAT_PUSH_TYPING, CONSOLE)->draft, "");

    typing = act(f, CHAT_TYPING, ANN, ROLE_AGENT);
    typing.active = true;
    typing.text = SLICE_LITERAL("what I will say");
    drive_clear(d);
    assert_null(drive_do(d, &typing));
    assert_string_equal(drive_push_last(d, CHAT_PUSH_TYPING, TAB)->draft, "");
    assert_null(drive_push_last(d, CHAT_PUSH_TYPING, CONSOLE));
}

static void read_marks_grow_and_outlive_the_memory(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action read = drive_visitor_action(d, CHAT_READ, f->visitor, TAB);
    unsigned appended = d->appended;

    read.conv = f->conv;
    read.seq = 2;
    assert_null(drive_do(d, &read));
    assert_int_equal(drive_push_last(d, CHAT_PUSH_READ, CONSOLE)->read_seq, 2);
    read.seq = 1;
    (void)drive_do(d, &read);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_READ, CONSOLE), 1);
    read.seq = 1000; /* cannot have read what is not there */
    (void)drive_do(d, &read);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_READ, CONSOLE)->read_seq, 3);
    assert_int_equal(d->appended, appended);
    assert_int_equal(does(f, CHAT_CLOSE, SUE, ROLE_SUPERVISOR), ERR_OK);
    read = drive_agent_action(d, CHAT_READ, ANN, ROLE_AGENT, CONSOLE);
    read.conv = f->conv;
    read.seq = 4;
    (void)drive_do(d, &read);
    drive_advance(d, 60 * 1000); /* written by itself when all is quiet */
    drive_restart(d);
    assert_int_equal(does(f, CHAT_SUBSCRIBE, ANN, ROLE_AGENT), ERR_OK);
    drive_clear(d);
    (void)drive_do(d, &read);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_READ, CONSOLE), 0); /* known already */
    read = drive_visitor_action(d, CHAT_READ, f->visitor, TAB);
    read.conv = f->conv;
    read.seq = 3;
    (void)drive_do(d, &read);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_READ, CONSOLE), 0);
    read.seq = 4;
    (void)drive_do(d, &read);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_READ, CONSOLE), 1);
}

static void the_inbox_sees_every_change_of_its_workspace(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action subscribe = drive_agent_action(d, CHAT_SUBSCRIBE, BO, ROLE_AGENT, CONSOLE2);

    subscribe.inbox = true;
    assert_int_equal(run(f, &subscribe), ERR_OK);
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    assert_int_equal(drive_push_last(d, CHAT_PUSH_CONVERSATION, CONSOLE2)->state, CONV_AGENT);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, CONSOLE2), 0);
    subscribe.off = true;
    subscribe.cookie = ++d->cookie;
    assert_int_equal(run(f, &subscribe), ERR_OK);
    drive_clear(d);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "hi"), ERR_OK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_CONVERSATION, CONSOLE2), 0);
    chat_unsubscribe(d->chat, (struct chat_session){ .session = CONSOLE }, f->conv);
    drive_clear(d);
    assert_int_equal(says(f, ANN, ROLE_AGENT, "still there?"), ERR_OK);
    assert_int_equal(drive_push_count(d, CHAT_PUSH_EVENT, CONSOLE), 0);
}

static void a_visitor_rates_ends_and_fills_in_forms(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct chat_action action = drive_visitor_action(d, CHAT_RATE, f->visitor, TAB);
    const struct chat_attribute attributes[] = {
        { { "phone", 5 }, { "123", 3 } },
        { { "when", 4 }, { "", 0 } },
    };

    drive_client_id(d, &action);
    action.conv = f->conv;
    assert_int_equal(run(f, &action), ERR_INVALID);
    action.rating = LIMIT_RATING_MAX + 1;
    assert_int_equal(run(f, &action), ERR_INVALID);
    action.rating = LIMIT_RATING_MAX;
    action.text = SLICE_LITERAL("good");
    action.cookie = ++d->cookie;
    assert_int_equal(run(f, &action), ERR_OK);
    assert_int_equal(last_event(f)->rating, LIMIT_RATING_MAX);
    action = drive_visitor_action(d, CHAT_FORM, f->visitor, TAB);
    drive_client_id(d, &action);
    action.conv = f->conv;
    action.attributes = attributes;
    action.attribute_count = 2;
    assert_int_equal(run(f, &action), ERR_OK);
    assert_int_equal(last_event(f)->attributes, 2);
    action = drive_visitor_action(d, CHAT_END, f->visitor, TAB);
    drive_client_id(d, &action);
    action.conv = f->conv;
    assert_int_equal(run(f, &action), ERR_OK);
    assert_string_equal(last_event(f)->reason, "visitor");
    action = drive_visitor_action(d, CHAT_RATE, f->visitor, TAB);
    drive_client_id(d, &action);
    action.conv = f->conv;
    action.rating = 1;
    assert_int_equal(run(f, &action), ERR_OK); /* after the end is when people rate */
    assert_int_equal(drive_report(d)->state, CONV_CLOSED);
}

static void silence_closes_but_never_who_waits_for_a_person(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    const int64_t half_hour = 30 * 60 * 1000;
    struct conv_id other;
    struct visitor_id visitor = drive_visitor(d, TAB + 5);

    d->site.idle_close_ms = half_hour;
    other = drive_start(d, visitor, TAB + 5, "How do I return an item?");
    drive_advance(d, half_hour - 1000);
    drive_history(d, other);
    assert_int_equal(d->event_count, 2);
    drive_advance(d, 2000); /* it had left the memory long ago */
    drive_history(d, other);
    assert_int_equal(d->event_count, 3);
    assert_string_equal(d->events[2].reason, "idle");
    assert_int_equal(d->events[2].author_kind, ACTOR_SYSTEM);

    drive_advance(d, 4 * half_hour);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__handoff); /* still waits */
    assert_int_equal(does(f, CHAT_ACCEPT, ANN, ROLE_AGENT), ERR_OK);
    drive_advance(d, 2 * half_hour);
    assert_int_equal(last_event(f)->kind, KEFU__V1__EVENT__KIND__assigned); /* for an answer */
    assert_int_equal(says(f, ANN, ROLE_AGENT, "hi"), ERR_OK);
    drive_advance(d, half_hour - 1000);
    (void)drive_send(d, f->visitor, TAB, f->conv, "one moment");
    assert_int_equal(says(f, ANN, ROLE_AGENT, "sure"), ERR_OK);
    drive_advance(d, half_hour - 1000);
    assert_string_equal(last_event(f)->text, "sure");
    drive_advance(d, 2000);
    assert_string_equal(last_event(f)->reason, "idle");
}

static void a_short_time_out_needs_no_look_into_the_store(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;
    struct visitor_id visitor = drive_visitor(d, TAB + 5);
    struct conv_id conv;

    d->site.idle_close_ms = 5000;
    conv = drive_start(d, visitor, TAB + 5, "How do I return an item?");
    drive_advance(d, 4000);
    (void)drive_send(d, visitor, TAB + 5, conv, "When will my refund arrive?");
    drive_advance(d, 4000);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 4);
    drive_advance(d, 2000);
    drive_history(d, conv);
    assert_int_equal(d->event_count, 5);
}

static void the_place_in_the_queue_reaches_the_visitor(void **state)
{
    struct fixture *f = *state;
    struct drive *d = f->drive;

    chat_desk_place(
        d->chat, f->conv,
        &(struct chat_place){ .position = 4, .estimated_wait_ms = 60000, .agents_online = true });
    assert_int_equal(drive_push_last(d, CHAT_PUSH_QUEUE, TAB)->position, 4);
    drive_restart(d);
    drive_clear(d);
    drive_history(d, f->conv); /* first touch after a restart: the desk is asked to say it */
    assert_int_equal(drive_report(d)->state, CONV_QUEUED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_agent_takes_answers_and_closes),
        TEST(taking_from_someone_needs_the_permission),
        TEST(a_transfer_carries_a_note_that_the_visitor_never_sees),
        TEST(visitor_never_sees_a_note),
        TEST(who_declines_gives_it_back_to_its_old_place),
        TEST(the_desk_assigns_and_takes_back),
        TEST(a_report_without_room_is_made_again),
        TEST(back_to_the_bot_and_to_a_person_again),
        TEST(an_agent_reopens_within_72_hours),
        TEST(own_messages_can_be_edited_and_recalled_for_a_while),
        TEST(a_recall_of_a_message_in_flight_counts),
        TEST(a_recalled_note_stays_internal),
        TEST(typing_goes_both_ways_the_draft_only_to_agents),
        TEST(read_marks_grow_and_outlive_the_memory),
        TEST(the_inbox_sees_every_change_of_its_workspace),
        TEST(a_visitor_rates_ends_and_fills_in_forms),
        TEST(silence_closes_but_never_who_waits_for_a_person),
        TEST(a_short_time_out_needs_no_look_into_the_store),
        TEST(the_place_in_the_queue_reaches_the_visitor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
