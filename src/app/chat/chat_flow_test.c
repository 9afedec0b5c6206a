/* SPDX-License-Identifier: Apache-2.0 */
/* A flow in a conversation: begun by what a visitor writes, stepped in the turn of each message,
 * its actions after the commit, its timers by the conversation's deadline, and the same bytes of
 * state whatever is restarted in between. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "chat_drive.h"
#include "conv.h"
#include "flow.h"
#include "flow_doc.h"
#include "mem.h"

enum { TAB = 7, CONSOLE = 20, ANN = 1, HOUR_MS = 3600 * 1000 };

static const char source[] =
    "flow: returns\n"
    "version: 1\n"
    "locales: [en, zh-CN]\n"
    "start: {phrases: {en: [return an item], zh-CN: [我要退货]}}\n"
    "limits: {turns: 40, idle: 2h, visits: 4}\n"
    "slots:\n"
    "  order_id: {type: order_no, fill: [entity.order_no, user], keep: session}\n"
    "  reason: {type: enum, values: [damaged, unwanted], fill: [nlu, user]}\n"
    "  photos: {type: files, max: 3, optional: true}\n"
    "  agreed: {type: bool}\n"
    "  rma: {type: text, fill: [action]}\n"
    "actions:\n"
    "  rma.create: {in: [order_id, reason, photos], out: {rma: number}, timeout: 5s, retry: 1,\n"
    "               errors: [duplicate], side_effect: true, idempotency: call}\n"
    "  tag.add: {in: [reason]}\n"
    "global:\n"
    "  - {event: intent.human, to: to_agent}\n"
    "  - {event: intent.cancel, to: cancelled}\n"
    "  - {event: question, do: kb.answer, to: .same}\n"
    "  - {event: correction, to: .refill}\n"
    "  - {event: stuck, to: to_agent}\n"
    "states:\n"
    "  ask_order: {ask: order_id, when: {filled: ask_reason, exhausted: to_agent, timeout: "
    "nudge}}\n"
    "  nudge: {wait: 24h, say: nudge_text, when: {message: ask_order, timeout: expired}}\n"
    "  ask_reason: {ask: reason, ui: buttons, when: {filled: tag, exhausted: to_agent,\n"
    "               timeout: expired}}\n"
    "  tag: {do: tag.add, when: {ok: ask_photos, failed: ask_photos}}\n"
    "  ask_photos: {ask: photos, ui: upload, when: {filled: review, skipped: review,\n"
    "               exhausted: to_agent, timeout: expired}}\n"
    "  review: {ask: agreed, when: {accept: create, deny: cancelled, exhausted: to_agent,\n"
    "           timeout: expired}}\n"
    "  create: {do: rma.create, when: {ok: opened, duplicate: to_agent, failed: to_agent}}\n"
    "  opened: {end: resolved, say: rma_text, csat: true}\n"
    "  to_agent: {handoff: {queue: after_sales, carry: [order_id, reason]}, say: handing_over}\n"
    "  expired: {end: expired}\n"
    "  cancelled: {end: cancelled, say: stopped}\n"
    "texts:\n"
    "  ask.order_id: {en: \"Which order?\", zh-CN: \"哪个订单？\"}\n"
    "  ask.reason: {en: \"Why?\", zh-CN: \"为什么？\"}\n"
    "  ask.photos: {en: \"Photos?\", zh-CN: \"照片？\"}\n"
    "  ask.agreed: {en: \"Order {order_id}: {reason}?\", zh-CN: \"订单 {order_id}：{reason}？\"}\n"
    "  reason.damaged: {en: \"Damaged\", zh-CN: \"破损\"}\n"
    "  reason.unwanted: {en: \"Not wanted\", zh-CN: \"不想要\"}\n"
    "  nudge_text: {en: \"Still there?\", zh-CN: \"还在吗？\"}\n"
    "  rma_text: {en: \"Return {rma} is open.\", zh-CN: \"退货单 {rma} 已创建。\"}\n"
    "  handing_over: {en: \"A colleague takes over.\", zh-CN: \"同事来帮您。\"}\n"
    "  stopped: {en: \"Stopped.\", zh-CN: \"已停止。\"}\n";

struct fixture {
    struct flow_set *flows;
    struct drive *drive;
    struct visitor_id visitor;
    struct conv_id conv;
    unsigned before; /* events before the last stimulus */
};

static struct flow *compile(struct slice text)
{
    struct flow_report *report = test_calloc(1, sizeof(*report));
    struct flow *flow = NULL;

    flow_report_init(report);
    flow_compile(text, NULL, NULL, &flow, NULL, report);
    for (size_t i = 0; i < report->count; i++) {
        if (report->findings[i].code[0] == 'E')
            print_message("%s %u:%u %s\n", report->findings[i].code, report->findings[i].line,
                          report->findings[i].column, report->findings[i].text);
    }
    assert_non_null(flow);
    test_free(report);
    return flow;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct flow *flow = compile(slice_of(source));
    struct drive_options options = { .idle_close_ms = 30 * 60 * 1000 };

    f->flows = flow_set_create();
    assert_int_equal(flow_set_add(f->flows, &flow, NULL), ERR_OK);
    options.flows = f->flows;
    f->drive = drive_create(&options);
    f->visitor = drive_visitor(f->drive, TAB);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    drive_destroy(&f->drive);
    flow_set_destroy(&f->flows);
    test_free(f);
    return 0;
}

static void begin(struct fixture *f, const char *text)
{
    f->conv = drive_start(f->drive, f->visitor, TAB, text);
    drive_history(f->drive, f->conv);
    f->before = 1;
}

static void look(struct fixture *f)
{
    drive_history(f->drive, f->conv);
}

static void say_items(struct fixture *f, const char *text, const struct slice *items,
                      unsigned count, bool files)
{
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);

    look(f);
    f->before = f->drive->event_count + 1;
    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = slice_of(text);
    send.items = items;
    send.item_count = count;
    send.items_are_files = files;
    assert_int_equal(drive_do(f->drive, &send)->kind, CHAT_REPLY_ACK);
    look(f);
}

static void say(struct fixture *f, const char *text)
{
    say_items(f, text, NULL, 0, false);
}

static void pick(struct fixture *f, const char *value)
{
    const struct slice item = slice_of(value);

    say_items(f, value, &item, 1, false);
}

/* The last event that the visitor sees. */
static const struct drive_event *last(struct fixture *f)
{
    for (unsigned i = f->drive->event_count; i > 0; i--) {
        if (!f->drive->events[i - 1].internal)
            return &f->drive->events[i - 1];
    }
    fail_msg("no event");
    return NULL;
}

static const struct drive_event *find(struct fixture *f, uint32_t kind, const char *reason)
{
    for (unsigned i = f->drive->event_count; i > 0; i--) {
        const struct drive_event *event = &f->drive->events[i - 1];

        if (event->kind == kind && (reason == NULL || strcmp(event->reason, reason) == 0))
            return event;
    }
    return NULL;
}

static void to_review(struct fixture *f)
{
    static const struct slice photo = { "cup.jpg", 7 };

    begin(f, "return an item");
    say(f, "KF20260301");
    pick(f, "damaged");
    say_items(f, "cup.jpg", &photo, 1, true);
    assert_string_equal(last(f)->slot, "agreed");
}

/* ---- claims ---- */

static void a_phrase_begins_the_flow_in_the_turn_of_the_message(void **state)
{
    struct fixture *f = *state;

    begin(f, "Return an item!");
    assert_string_equal(f->drive->events[1].text, "Which order?");
    assert_string_equal(f->drive->events[1].slot, "order_id");
    assert_string_equal(f->drive->events[1].rung, "flow");
    assert_int_equal(f->drive->appended, 1);
}

static void it_speaks_the_language_of_the_message(void **state)
{
    struct fixture *f = *state;

    begin(f, "我要退货");
    assert_string_equal(last(f)->text, "哪个订单？");
}

static void what_was_picked_is_stored_with_its_words(void **state)
{
    struct fixture *f = *state;

    begin(f, "return an item");
    say(f, "KF20260301");
    assert_int_equal(last(f)->options, 2);
    assert_string_equal(last(f)->ui, "buttons");
    pick(f, "damaged");
    assert_string_equal(last(f)->slot, "photos");
    assert_true(last(f)->multiple);
    assert_non_null(find(f, KEFU__V1__EVENT__KIND__flow, "tagged"));
}

static void a_question_is_answered_and_the_ask_repeated(void **state)
{
    struct fixture *f = *state;

    begin(f, "return an item");
    say(f, "When will my refund arrive?");
    assert_string_equal(f->drive->events[f->before].text, "In three days.");
    assert_string_equal(last(f)->text, "Which order?");
}

static void a_correction_goes_back_and_asks_only_what_changed(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    say(f, "no, I meant order KF20269999");
    assert_non_null(strstr(last(f)->text, "KF20269999"));
    assert_string_equal(last(f)->slot, "agreed");
}

static void an_action_begins_after_the_commit_and_its_answer_is_a_turn(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    assert_int_equal(f->drive->act_count, 0);
    pick(f, "accept");
    assert_int_equal(f->drive->act_count, 1);
    assert_string_equal(f->drive->acts[0].name, "rma.create");
    assert_non_null(strstr(f->drive->acts[0].input, "KF20260301"));
    assert_non_null(strstr(f->drive->acts[0].input, "cup.jpg"));
    drive_act_done(f->drive, "ok", "{\"number\":\"R-88\"}");
    look(f);
    assert_string_equal(last(f)->ui, "rating");
    assert_non_null(find(f, KEFU__V1__EVENT__KIND__flow, "ended"));
    assert_string_equal(find(f, KEFU__V1__EVENT__KIND__flow, "ended")->text, "returns: resolved");
}

static void a_failing_action_is_tried_again_and_ends_at_a_person(void **state)
{
    struct fixture *f = *state;
    const struct drive_event *note;

    to_review(f);
    pick(f, "accept");
    drive_act_done(f->drive, "failed", "");
    assert_int_equal(f->drive->act_count, 2);
    assert_string_equal(f->drive->acts[1].key, f->drive->acts[0].key);
    assert_true(f->drive->acts[1].delay_ms > 0);
    drive_act_done(f->drive, "failed", "");
    look(f);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_string_equal(last(f)->reason, "flow");
    note = find(f, KEFU__V1__EVENT__KIND__note, "flow");
    assert_non_null(note);
    assert_true(note->internal);
    assert_non_null(strstr(note->text, "order_id: KF20260301"));
    assert_non_null(strstr(note->text, "reason: damaged"));
}

static void an_action_that_cannot_be_begun_has_failed(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    f->drive->act_refused = true;
    pick(f, "accept");
    drive_run(f->drive);
    look(f);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
}

static void why_an_action_failed_is_noted_for_the_agents(void **state)
{
    struct fixture *f = *state;
    const struct drive_event *note;

    to_review(f);
    pick(f, "accept");
    drive_act_done(f->drive, "ok", "[\"not what was declared\"]");
    look(f);
    note = find(f, KEFU__V1__EVENT__KIND__flow, "action");
    assert_non_null(note);
    assert_true(note->internal);
    assert_memory_equal(note->text, "rma.create: ", 12);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED); /* not tried again */
    assert_int_equal(f->drive->act_count, 1);
}

static void an_action_without_an_answer_times_out(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    pick(f, "accept");
    drive_advance(f->drive, 8000);
    assert_int_equal(f->drive->act_count, 2);
    drive_advance(f->drive, 8000);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
}

static void a_late_or_doubled_answer_changes_nothing(void **state)
{
    struct fixture *f = *state;
    unsigned count;

    to_review(f);
    pick(f, "accept");
    drive_act_done(f->drive, "ok", "{\"number\":\"R-88\"}");
    look(f);
    count = f->drive->event_count;
    drive_act_done(f->drive, "ok", "{\"number\":\"R-89\"}");
    look(f);
    assert_int_equal(f->drive->event_count, count);
}

static unsigned messages_with(struct fixture *f, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->drive->event_count; i++)
        count += strcmp(f->drive->events[i].text, text) == 0;
    return count;
}

/* Since the last stimulus. */
static unsigned messages_by_bot(struct fixture *f)
{
    unsigned count = 0;

    for (unsigned i = f->before; i < f->drive->event_count; i++)
        count += f->drive->events[i].kind == KEFU__V1__EVENT__KIND__message &&
                 f->drive->events[i].author_kind == ACTOR_BOT;
    return count;
}

static void asking_for_a_person_always_works_and_carries_the_slots(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    say(f, "I want to talk to a human");
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_string_equal(find(f, KEFU__V1__EVENT__KIND__handoff, NULL)->reason, "visitor_asked");
    /* In the flow's words, once. */
    assert_int_equal(messages_with(f, "A colleague takes over."), 1);
    assert_int_equal(messages_by_bot(f), 1);
    assert_non_null(
        strstr(find(f, KEFU__V1__EVENT__KIND__note, "flow")->text, "order_id: KF20260301"));
}

static void an_agent_who_takes_over_sees_the_slots_and_the_flow_is_over(void **state)
{
    struct fixture *f = *state;
    struct chat_action accept = drive_agent_action(f->drive, CHAT_ACCEPT, ANN, ROLE_AGENT, CONSOLE);

    to_review(f);
    accept.conv = f->conv;
    drive_client_id(f->drive, &accept);
    assert_int_equal(drive_do(f->drive, &accept)->kind, CHAT_REPLY_ACK);
    look(f);
    assert_non_null(find(f, KEFU__V1__EVENT__KIND__note, "flow"));
    assert_int_equal(messages_with(f, "A colleague takes over."), 1);
    say(f, "accept");
    assert_int_equal(f->drive->act_count, 0);
}

static void a_timer_fires_once_and_outlives_a_restart(void **state)
{
    struct fixture *f = *state;

    begin(f, "return an item");
    drive_advance(f->drive, HOUR_MS);
    drive_restart(f->drive);
    drive_advance(f->drive, HOUR_MS + 60 * 1000);
    look(f);
    assert_string_equal(last(f)->text, "Still there?");
    drive_restart(f->drive);
    /* Its own time, not the site's idle time, decides when it is over. */
    clock_virtual_advance(&f->drive->time, INT64_C(23) * HOUR_MS);
    drive_advance(f->drive, HOUR_MS + 60 * 1000);
    look(f);
    assert_string_equal(find(f, KEFU__V1__EVENT__KIND__flow, "ended")->text, "returns: expired");
}

static void a_pending_action_is_begun_again_after_a_restart_with_its_key(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    pick(f, "accept");
    drive_restart(f->drive);
    chat_start(f->drive->chat);
    drive_run(f->drive);
    drive_advance(f->drive, 1000);
    assert_int_equal(f->drive->act_count, 2);
    assert_string_equal(f->drive->acts[1].key, f->drive->acts[0].key);
    assert_int_equal(f->drive->acts[1].seq, f->drive->acts[0].seq);
    drive_act_done(f->drive, "ok", "{\"number\":\"R-88\"}");
    look(f);
    assert_non_null(find(f, KEFU__V1__EVENT__KIND__flow, "ended"));
}

static void a_turn_that_is_not_taken_leaves_the_flow_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);

    begin(f, "return an item");
    f->drive->append_rc = ERR_BUSY;
    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = SLICE_LITERAL("KF20260301");
    assert_int_equal(drive_do(f->drive, &send)->kind, CHAT_REPLY_ERROR);
    f->drive->append_rc = ERR_OK;
    say(f, "KF20260302");
    assert_string_equal(last(f)->slot, "reason");
}

static void closing_ends_the_run_and_what_it_knew(void **state)
{
    struct fixture *f = *state;
    struct chat_action end = drive_visitor_action(f->drive, CHAT_END, f->visitor, TAB);

    to_review(f);
    end.conv = f->conv;
    drive_client_id(f->drive, &end);
    assert_int_equal(drive_do(f->drive, &end)->kind, CHAT_REPLY_ACK);
    say(f, "return an item");
    assert_string_equal(last(f)->slot, "order_id");
}

static void an_agent_or_the_api_begins_and_cancels_flows(void **state)
{
    struct fixture *f = *state;
    struct chat_action tell =
        drive_agent_action(f->drive, CHAT_FLOW_TELL, ANN, ROLE_AGENT, CONSOLE);

    begin(f, "hello");
    tell.conv = f->conv;
    tell.reason = SLICE_LITERAL("start");
    tell.locale = SLICE_LITERAL("returns");
    tell.text = SLICE_LITERAL("{\"order_id\":\"KF20260301\"}");
    drive_client_id(f->drive, &tell);
    assert_int_equal(drive_do(f->drive, &tell)->kind, CHAT_REPLY_ACK);
    look(f);
    assert_string_equal(last(f)->slot, "reason");
    tell.reason = SLICE_LITERAL("cancel");
    tell.cookie = ++f->drive->cookie;
    drive_client_id(f->drive, &tell);
    assert_int_equal(drive_do(f->drive, &tell)->kind, CHAT_REPLY_ACK);
    look(f);
    assert_string_equal(last(f)->text, "Stopped.");
    tell.reason = SLICE_LITERAL("start");
    tell.locale = SLICE_LITERAL("nothing");
    tell.cookie = ++f->drive->cookie;
    drive_client_id(f->drive, &tell);
    assert_int_equal(drive_do(f->drive, &tell)->err.code, ERR_NOT_FOUND);
}

static void button(struct fixture *f, const char *text, const char *flow)
{
    struct chat_action send = drive_visitor_action(f->drive, CHAT_SEND, f->visitor, TAB);

    look(f);
    f->before = f->drive->event_count + 1;
    drive_client_id(f->drive, &send);
    send.conv = f->conv;
    send.text = slice_of(text);
    send.flow = slice_of(flow);
    assert_int_equal(drive_do(f->drive, &send)->kind, CHAT_REPLY_ACK);
    look(f);
}

/* Its words would fill the order's slot if they were read. */
static void a_button_begins_its_flow_and_its_words_are_only_shown(void **state)
{
    struct fixture *f = *state;

    begin(f, "hello");
    button(f, "Return KF20260301", "returns");
    assert_string_equal(find(f, KEFU__V1__EVENT__KIND__flow, "started")->text, "returns");
    assert_string_equal(last(f)->slot, "order_id");
    assert_int_equal(messages_with(f, "Return KF20260301"), 1);
    say(f, "KF20260302");
    assert_string_equal(last(f)->slot, "reason");
}

static void a_button_of_a_flow_that_is_none_is_a_message(void **state)
{
    struct fixture *f = *state;

    begin(f, "hello");
    button(f, "return an item", "nothing");
    assert_string_equal(last(f)->slot, "order_id");
}

/* The flow that waits goes on when the other one is over. */
static void a_button_interrupts_the_flow_that_runs(void **state)
{
    struct fixture *f = *state;

    begin(f, "my size");
    assert_string_equal(last(f)->slot, "size");
    button(f, "Return", "returns");
    assert_string_equal(last(f)->slot, "order_id");
    say(f, "cancel");
    look(f);
    assert_int_equal(messages_with(f, "Stopped."), 1);
    assert_string_equal(last(f)->slot, "size");
}

static void a_flow_that_is_gone_ends_at_a_person(void **state)
{
    struct fixture *f = *state;

    begin(f, "return an item");
    f->drive->options.flows = NULL;
    say(f, "KF20260301");
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_string_equal(find(f, KEFU__V1__EVENT__KIND__handoff, NULL)->reason, "flow_lost");
}

/* ---- the same bytes, whatever is restarted ---- */

enum { WALKS = 60, WALK_STEPS = 25 };

static uint32_t roll(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 8) % below;
}

static void walk_step(struct fixture *f, unsigned what)
{
    static const char *const texts[] = { "return an item",
                                         "KF20260301",
                                         "damaged",
                                         "skip",
                                         "yes",
                                         "no",
                                         "When will my refund arrive?",
                                         "no, it is KF20269999",
                                         "cancel",
                                         "what?" };
    static const char *const outcomes[] = { "ok", "failed", "duplicate" };
    static const struct slice photo = { "cup.jpg", 7 };

    if (what < 10)
        say(f, texts[what]);
    else if (what == 10)
        say_items(f, "cup.jpg", &photo, 1, true);
    else if (what == 11)
        drive_advance(f->drive, 6000);
    else if (f->drive->act_count > 0)
        drive_act_done(f->drive, outcomes[what - 12], "{\"number\":\"R-88\"}");
}

static void record_read(struct fixture *f, char out[2048], size_t *len)
{
    struct store_conv conv = { 0 };
    ProtobufCMessage *msg = NULL;
    Kefu__V1__Header *header;
    struct arena arena;

    arena_init(&arena, 1024 * 1024);
    assert_int_equal(store_conv_load(f->drive->store, f->conv.v, &arena, &conv, NULL), ERR_OK);
    header = kefu__v1__header__unpack(NULL, conv.header.len, (const uint8_t *)conv.header.ptr);
    assert_non_null(header);
    assert_true(header->flow.len < 2048);
    *len = header->flow.len;
    if (*len > 0)
        memcpy(out, header->flow.data, *len);
    out[(*len)++] = (char)header->state;
    kefu__v1__header__free_unpacked(header, NULL);
    arena_fini(&arena);
    (void)msg;
}

static void walk(uint32_t seed, bool restarts, char out[2048], size_t *len)
{
    void *state = NULL;
    struct fixture *f;
    uint32_t rolls = seed;

    assert_int_equal(setup(&state), 0);
    f = state;
    begin(f, "return an item");
    for (unsigned i = 0; i < WALK_STEPS; i++) {
        walk_step(f, roll(&rolls, 15));
        if (restarts && roll(&rolls, 2) == 0) {
            drive_restart(f->drive);
            chat_start(f->drive->chat);
            drive_run(f->drive);
        } else if (!restarts) {
            (void)roll(&rolls, 2);
        }
    }
    record_read(f, out, len);
    teardown(&state);
}

static void restarts_in_any_state_leave_the_same_bytes(void **state)
{
    char calm[2048];
    char shaken[2048];
    size_t calm_len;
    size_t shaken_len;

    (void)state;
    for (uint32_t seed = 1; seed <= WALKS; seed++) {
        walk(seed, false, calm, &calm_len);
        walk(seed, true, shaken, &shaken_len);
        assert_int_equal(calm_len, shaken_len);
        assert_memory_equal(calm, shaken, calm_len);
    }
}

/* ---- versions side by side ------------------------------------------------------------------- */

/* The next version calls a state otherwise and says other words there. */
static void publish(struct fixture *f, const char *more)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        { "version: 1\n", "version: 2\n" },
        { "filled: ask_reason", "filled: ask_why" },
        { "  ask_reason: {", "  ask_why: {" },
        { "en: \"Why?\"", "en: \"Why, please?\"" },
    };
    char *text = mem_strndup(source, strlen(source));
    struct flow *flow;
    struct buf all;

    buf_init(&all, 64 * 1024);
    buf_add_text(&all, text);
    free(text);
    for (size_t i = 0; i < LENGTH_OF(changes); i++) {
        const char *at;
        size_t before;
        struct buf next;

        buf_add_char(&all, '\0');
        at = strstr(all.ptr, changes[i].from);
        assert_non_null(at);
        before = (size_t)(at - all.ptr);
        buf_init(&next, 64 * 1024);
        buf_add(&next, all.ptr, before);
        buf_add_text(&next, changes[i].to);
        buf_add_text(&next, at + strlen(changes[i].from));
        buf_fini(&all);
        all = next;
    }
    buf_add_text(&all, more);
    flow = compile(buf_slice(&all));
    buf_fini(&all);
    assert_int_equal(flow_set_add(f->flows, &flow, NULL), ERR_OK);
}

static unsigned version_of(struct fixture *f)
{
    struct chat_action view =
        drive_agent_action(f->drive, CHAT_FLOW_VIEW, ANN, ROLE_AGENT, CONSOLE);

    const struct drive_reply *reply;

    view.conv = f->conv;
    reply = drive_do(f->drive, &view);
    assert_int_equal(reply->kind, CHAT_REPLY_FLOW);
    return reply->flow_version;
}

static void a_conversation_goes_on_in_the_version_it_began(void **state)
{
    struct fixture *f = *state;
    struct fixture newer = { .flows = f->flows, .drive = f->drive };

    begin(f, "return an item");
    publish(f, "");
    say(f, "KF20260301");
    assert_string_equal(last(f)->text, "Why?");
    assert_int_equal(version_of(f), 1);
    drive_restart(f->drive);
    pick(f, "damaged");
    assert_string_equal(last(f)->slot, "photos");
    assert_int_equal(version_of(f), 1);
    /* Who begins now is in the new one, at the same time. */
    newer.visitor = drive_visitor(f->drive, TAB + 1);
    newer.conv = drive_start(f->drive, newer.visitor, TAB + 1, "return an item");
    assert_int_equal(version_of(&newer), 2);
    assert_int_equal(version_of(f), 1);
}

static void a_version_that_migrates_takes_over_where_it_says(void **state)
{
    struct fixture *f = *state;

    begin(f, "return an item");
    say(f, "KF20260301");
    assert_string_equal(last(f)->text, "Why?");
    publish(f, "migrate: {1: {ask_reason: ask_why, ask_order: ask_order}}\n");
    drive_restart(f->drive);
    pick(f, "damaged"); /* the answer to the old question counts, and what was known is kept */
    assert_string_equal(last(f)->slot, "photos");
    assert_int_equal(version_of(f), 2);
    pick(f, "skip");
    assert_string_equal(last(f)->text, "Order KF20260301: Damaged?");
}

/* A state that the new version does not name has no place there. */
static void a_state_that_is_not_migrated_ends_in_the_old_version(void **state)
{
    struct fixture *f = *state;

    to_review(f);
    publish(f, "migrate: {1: {ask_reason: ask_why}}\n");
    pick(f, "accept");
    assert_int_equal(version_of(f), 1);
    drive_act_done(f->drive, "ok", "{\"number\":\"R-88\"}");
    look(f);
    assert_int_equal(messages_with(f, "Return R-88 is open."), 1);
}

/* ---- what a contact is remembered by --------------------------------------------------------- */

static const char remembers[] =
    "flow: size\n"
    "version: 1\n"
    "locales: [en]\n"
    "start: {phrases: {en: [my size]}}\n"
    "slots:\n"
    "  size: {type: enum, values: [small, large], keep: contact, fill: [user]}\n"
    "global:\n"
    "  - {event: stuck, to: done}\n"
    "states:\n"
    "  ask_size: {ask: size, ui: buttons, when: {filled: done, exhausted: done, timeout: done}}\n"
    "  done: {end: done, say: noted}\n"
    "texts:\n"
    "  ask.size: {en: \"Which size?\"}\n"
    "  size.small: {en: Small}\n"
    "  size.large: {en: Large}\n"
    "  noted: {en: Noted.}\n";

static int setup_remembers(void **state)
{
    struct fixture *f;
    struct flow *flow = compile(slice_of(remembers));

    setup(state);
    f = *state;
    assert_int_equal(flow_set_add(f->flows, &flow, NULL), ERR_OK);
    return 0;
}

/* What the visitor's record says of the size; empty: nothing. */
static void size_kept(struct fixture *f, char out[16])
{
    Kefu__V1__Visitor *visitor;
    struct slice bytes = SLICE_EMPTY;
    struct arena arena;

    out[0] = '\0';
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(store_visitor_load(f->drive->store, f->visitor.v, &arena, &bytes, NULL),
                     ERR_OK);
    visitor = kefu__v1__visitor__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
    for (size_t i = 0; i < visitor->n_attributes; i++) {
        if (strcmp(visitor->attributes[i]->key, "size") == 0)
            snprintf(out, 16, "%s", visitor->attributes[i]->value);
    }
    kefu__v1__visitor__free_unpacked(visitor, NULL);
    arena_fini(&arena);
}

static size_t remember_pending(struct fixture *f)
{
    struct store_conv conv = { 0 };
    Kefu__V1__Header *header;
    struct arena arena;
    size_t len;

    arena_init(&arena, 1024 * 1024);
    assert_int_equal(store_conv_load(f->drive->store, f->conv.v, &arena, &conv, NULL), ERR_OK);
    header = kefu__v1__header__unpack(NULL, conv.header.len, (const uint8_t *)conv.header.ptr);
    len = header->remember.len;
    kefu__v1__header__free_unpacked(header, NULL);
    arena_fini(&arena);
    return len;
}

static void what_a_contact_is_remembered_by_comes_into_its_record(void **state)
{
    struct fixture *f = *state;
    char size[16];

    begin(f, "my size");
    pick(f, "large");
    drive_run(f->drive);
    look(f);
    size_kept(f, size);
    assert_string_equal(size, "large");
    assert_int_equal(remember_pending(f), 0);
}

/* The turn of the answer is stored, the one behind it never began: no room, or kill -9. */
static void what_is_to_be_remembered_outlives_a_crash_before_its_turn(void **state)
{
    struct fixture *f = *state;
    char size[16];
    unsigned events;

    begin(f, "my size");
    f->drive->query_full = true;
    pick(f, "large");
    drive_run(f->drive);
    f->drive->query_full = false;
    size_kept(f, size);
    assert_string_equal(size, "");
    assert_true(remember_pending(f) > 0);
    drive_restart(f->drive);
    chat_start(f->drive->chat);
    drive_run(f->drive);
    size_kept(f, size);
    assert_string_equal(size, "large");
    assert_int_equal(remember_pending(f), 0);
    look(f);
    events = f->drive->event_count;
    drive_restart(f->drive);
    chat_start(f->drive->chat);
    drive_run(f->drive);
    look(f);
    assert_int_equal(f->drive->event_count, events); /* and it is done once */
}

#define CLAIM(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define REMEMBERS(name) cmocka_unit_test_setup_teardown(name, setup_remembers, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_phrase_begins_the_flow_in_the_turn_of_the_message),
        CLAIM(it_speaks_the_language_of_the_message),
        CLAIM(what_was_picked_is_stored_with_its_words),
        CLAIM(a_question_is_answered_and_the_ask_repeated),
        CLAIM(a_correction_goes_back_and_asks_only_what_changed),
        CLAIM(an_action_begins_after_the_commit_and_its_answer_is_a_turn),
        CLAIM(a_failing_action_is_tried_again_and_ends_at_a_person),
        CLAIM(an_action_that_cannot_be_begun_has_failed),
        CLAIM(why_an_action_failed_is_noted_for_the_agents),
        CLAIM(an_action_without_an_answer_times_out),
        CLAIM(a_late_or_doubled_answer_changes_nothing),
        CLAIM(asking_for_a_person_always_works_and_carries_the_slots),
        CLAIM(an_agent_who_takes_over_sees_the_slots_and_the_flow_is_over),
        CLAIM(a_timer_fires_once_and_outlives_a_restart),
        CLAIM(a_pending_action_is_begun_again_after_a_restart_with_its_key),
        CLAIM(a_turn_that_is_not_taken_leaves_the_flow_where_it_was),
        CLAIM(closing_ends_the_run_and_what_it_knew),
        CLAIM(an_agent_or_the_api_begins_and_cancels_flows),
        CLAIM(a_button_begins_its_flow_and_its_words_are_only_shown),
        CLAIM(a_button_of_a_flow_that_is_none_is_a_message),
        REMEMBERS(a_button_interrupts_the_flow_that_runs),
        CLAIM(a_flow_that_is_gone_ends_at_a_person),
        CLAIM(a_conversation_goes_on_in_the_version_it_began),
        CLAIM(a_version_that_migrates_takes_over_where_it_says),
        CLAIM(a_state_that_is_not_migrated_ends_in_the_old_version),
        REMEMBERS(what_a_contact_is_remembered_by_comes_into_its_record),
        REMEMBERS(what_is_to_be_remembered_outlives_a_crash_before_its_turn),
        cmocka_unit_test(restarts_in_any_state_leave_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
