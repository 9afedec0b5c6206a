/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversation asks for: decided in the turn that queues it, stored with it, told to the
 * desk; offers, and hours. */
#include "test.h"

#include <stdio.h>

#include "chat_drive.h"
#include "conv.h"
#include "schema.h"

enum { TAB = 11, CONSOLE = 21, ANN = 1, BO = 2 };

static struct {
    bool closed, bot;
    char facts[512]; /* of the last question: "name=value;" */
    char language[8];
    uint64_t site;
} shop;

static char *text(const char *in)
{
    union {
        const char *in;
        char *out;
    } u = { .in = in };

    return u.out;
}

/* Rules: form.topic == returns goes to that queue, with a skill. */
static enum err_code on_route(void *ctx, struct workspace_id workspace,
                              const struct chat_route_ask *ask, struct arena *arena,
                              Kefu__V1__Routing *out, struct chat_route *route, struct err *err)
{
    size_t len = 0;

    (void)ctx, (void)workspace, (void)arena;
    shop.facts[0] = '\0';
    for (size_t i = 0; i < ask->fact_count; i++)
        len += (size_t)snprintf(shop.facts + len, sizeof(shop.facts) - len, "%s=%s;",
                                ask->facts[i]->name, ask->facts[i]->value);
    snprintf(shop.language, sizeof(shop.language), "%.*s", SLICE_ARGS(ask->language));
    shop.site = ask->site.v;
    if (ask->queue.len > 0 && !slice_equal_text(ask->queue, "vip"))
        return err_set_field(err, ERR_NOT_FOUND, "queue", "no such queue");
    out->queue = text(ask->queue.len > 0                                  ? "vip"
                      : strstr(shop.facts, "form.topic=returns;") != NULL ? "returns"
                                                                          : "general");
    out->priority = strcmp(out->queue, "returns") == 0 ? 4 : 0;
    *route = (struct chat_route){ .closed = shop.closed, .bot = shop.bot };
    return ERR_OK;
}

struct fixture {
    struct drive *drive;
    struct visitor_id visitor;
    struct conv_id conv;
};

static int setup(void **state)
{
    static const struct drive_options options = { .route = on_route };
    struct fixture *f = test_calloc(1, sizeof(*f));

    memset(&shop, 0, sizeof(shop));
    f->drive = drive_create(&options);
    f->visitor = drive_visitor(f->drive, TAB);
    f->conv = drive_start(f->drive, f->visitor, TAB, "hello?");
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

static void ask_for_person(struct fixture *f)
{
    (void)drive_send(f->drive, f->visitor, TAB, f->conv, "talk to a person");
}

/* The routing that the desk was told last, decoded into the arena. */
static const Kefu__V1__Routing *told(struct fixture *f, struct arena *arena)
{
    ProtobufCMessage *msg = NULL;

    assert_int_equal(schema_proto_decode(&kefu__v1__routing__descriptor,
                                         drive_report(f->drive)->routing, arena, &msg, NULL),
                     ERR_OK);
    return (const Kefu__V1__Routing *)(const void *)msg;
}

static void assert_told(struct fixture *f, const char *queue, uint32_t priority,
                        uint64_t offered_to)
{
    const Kefu__V1__Routing *routing;
    struct arena arena;

    arena_init(&arena, 64 * 1024);
    routing = told(f, &arena);
    assert_string_equal(routing->queue, queue);
    assert_int_equal(routing->priority, priority);
    assert_int_equal(routing->offered_to, offered_to);
    arena_fini(&arena);
}

static const struct drive_reply *agent_does(struct fixture *f, enum chat_action_kind kind,
                                            uint64_t agent, const char *queue)
{
    struct chat_action action = drive_agent_action(f->drive, kind, agent, ROLE_AGENT, CONSOLE);

    action.conv = f->conv;
    action.queue = slice_of(queue);
    return drive_do(f->drive, &action);
}

static void offer(struct fixture *f, uint64_t agent)
{
    chat_desk_offer(f->drive->chat, (struct workspace_id){ DRIVE_WORKSPACE }, f->conv,
                    (struct agent_id){ agent }, f->drive->time.wall_ms + 20000);
    drive_run(f->drive);
}

static void the_queue_is_decided_with_what_is_known(void **state)
{
    struct fixture *f = *state;
    const struct chat_attribute topic = { SLICE_LITERAL("topic"), SLICE_LITERAL("returns") };
    struct chat_action form = drive_visitor_action(f->drive, CHAT_FORM, f->visitor, TAB);

    form.conv = f->conv;
    form.attributes = &topic;
    form.attribute_count = 1;
    (void)drive_do(f->drive, &form);
    ask_for_person(f);
    assert_string_equal(shop.facts, "form.topic=returns;");
    assert_string_equal(shop.language, "en");
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_told(f, "returns", 4, 0);
}

static void where_it_is_and_who_it_is_are_known(void **state)
{
    struct fixture *f = *state;
    const struct chat_attribute attributes[] = {
        { SLICE_LITERAL("tier"), SLICE_LITERAL("vip") },
        { SLICE_LITERAL("since"), SLICE_LITERAL("2019") },
    };
    struct chat_action action = drive_visitor_action(f->drive, CHAT_IDENTIFY, f->visitor, TAB);

    action.visitor_info.user_id = SLICE_LITERAL("u1");
    action.attributes = attributes;
    action.attribute_count = LENGTH_OF(attributes);
    assert_int_equal(drive_do(f->drive, &action)->kind, CHAT_REPLY_ACK);
    action = drive_visitor_action(f->drive, CHAT_END, f->visitor, TAB);
    action.conv = f->conv;
    drive_client_id(f->drive, &action);
    assert_int_equal(drive_do(f->drive, &action)->kind, CHAT_REPLY_ACK);
    clock_virtual_advance(&f->drive->time, INT64_C(73) * 3600 * 1000);
    action = drive_visitor_action(f->drive, CHAT_START, f->visitor, TAB);
    action.text = SLICE_LITERAL("talk to a person");
    action.page.url = SLICE_LITERAL("https://shop.test/cart");
    action.page.title = SLICE_LITERAL("Cart");
    drive_client_id(f->drive, &action);
    assert_true(drive_do(f->drive, &action)->conv.v != f->conv.v); /* another conversation */
    assert_int_equal(shop.site, DRIVE_SITE);
    assert_string_equal(shop.facts,
                        "page.url=https://shop.test/cart;page.title=Cart;contact.user_id=u1;"
                        "contact.tier=vip;contact.since=2019;");
}

static void what_was_noted_in_the_conversation_counts_first_and_is_bounded(void **state)
{
    struct fixture *f = *state;
    char names[33][8];
    struct chat_attribute attributes[33];
    struct chat_action form = drive_visitor_action(f->drive, CHAT_FORM, f->visitor, TAB);

    for (unsigned i = 0; i < LENGTH_OF(attributes); i++) {
        snprintf(names[i], sizeof(names[i]), "n%u", i);
        attributes[i] = (struct chat_attribute){ slice_of(names[i]), SLICE_LITERAL("1") };
    }
    form.conv = f->conv;
    form.attributes = attributes;
    form.attribute_count = 32; /* LIMIT_ATTRIBUTES_MAX */
    drive_client_id(f->drive, &form);
    (void)drive_do(f->drive, &form);
    form.attributes = attributes + 32;
    form.attribute_count = 1;
    form.cookie = ++f->drive->cookie;
    drive_client_id(f->drive, &form);
    (void)drive_do(f->drive, &form);
    ask_for_person(f);
    assert_non_null(strstr(shop.facts, "form.n31=1;"));
    assert_null(strstr(shop.facts, "form.n32=1;")); /* one too many is passed over */
}

static void queue_priority_and_offer_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    const struct chat_attribute topic = { SLICE_LITERAL("topic"), SLICE_LITERAL("returns") };
    struct chat_action form = drive_visitor_action(f->drive, CHAT_FORM, f->visitor, TAB);
    unsigned reports;

    form.conv = f->conv;
    form.attributes = &topic;
    form.attribute_count = 1;
    (void)drive_do(f->drive, &form);
    ask_for_person(f);
    offer(f, ANN);
    drive_restart(f->drive);
    reports = f->drive->report_count;
    chat_start(f->drive->chat);
    drive_run(f->drive);
    assert_int_equal(f->drive->report_count, reports + 1);
    assert_int_equal(drive_report(f->drive)->conv.v, f->conv.v);
    assert_told(f, "returns", 4, ANN);
    /* And the offer can still be taken. */
    assert_int_equal(agent_does(f, CHAT_ACCEPT, ANN, "")->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_report(f->drive)->state, CONV_AGENT);
    assert_told(f, "returns", 4, 0);
}

static void an_offer_is_turned_down_by_whom_it_was_made_to(void **state)
{
    struct fixture *f = *state;
    const struct drive_reply *reply;

    ask_for_person(f);
    offer(f, ANN);
    reply = agent_does(f, CHAT_DECLINE, BO, "");
    assert_int_equal(reply->kind, CHAT_REPLY_ERROR);
    assert_int_equal(reply->err.code, ERR_CONFLICT);
    assert_int_equal(agent_does(f, CHAT_DECLINE, ANN, "")->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_report(f->drive)->declined.v, ANN);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_told(f, "general", 0, 0);
    assert_int_equal(agent_does(f, CHAT_DECLINE, ANN, "")->err.code, ERR_CONFLICT);
    drive_history(f->drive, f->conv);
    for (unsigned i = 0; i < f->drive->event_count; i++) {
        uint32_t kind = f->drive->events[i].kind;

        /* The visitor does not see who was asked. */
        if (kind == KEFU__V1__EVENT__KIND__offered || kind == KEFU__V1__EVENT__KIND__declined)
            assert_true(f->drive->events[i].internal);
    }
}

static void an_offer_for_what_waits_no_more_changes_nothing(void **state)
{
    struct fixture *f = *state;

    ask_for_person(f);
    assert_int_equal(agent_does(f, CHAT_ASSIGN, BO, "")->kind, CHAT_REPLY_ACK);
    drive_history(f->drive, f->conv);
    offer(f, ANN);
    assert_int_equal(drive_report(f->drive)->agent.v, BO);
    assert_told(f, "general", 0, 0);
}

static void a_transfer_names_a_queue_that_there_is(void **state)
{
    struct fixture *f = *state;
    const struct drive_reply *reply;

    ask_for_person(f);
    (void)agent_does(f, CHAT_ASSIGN, ANN, "");
    reply = agent_does(f, CHAT_TRANSFER, ANN, "nowhere");
    assert_int_equal(reply->err.code, ERR_NOT_FOUND);
    assert_string_equal(reply->err.field, "queue");
    assert_int_equal(drive_report(f->drive)->state, CONV_AGENT);
    assert_int_equal(agent_does(f, CHAT_TRANSFER, ANN, "vip")->kind, CHAT_REPLY_ACK);
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED);
    assert_told(f, "vip", 0, 0);
}

static void closed_hours_are_said_and_the_bot_goes_on_where_it_shall(void **state)
{
    struct fixture *f = *state;

    shop.closed = true;
    ask_for_person(f);
    drive_history(f->drive, f->conv);
    assert_non_null(strstr(f->drive->events[f->drive->event_count - 2].text, "away at the moment"));
    assert_int_equal(drive_report(f->drive)->state, CONV_QUEUED); /* leaves a message */
    (void)agent_does(f, CHAT_ASSIGN, ANN, "");
    (void)agent_does(f, CHAT_TO_BOT, ANN, "");
    shop.bot = true;
    ask_for_person(f);
    drive_history(f->drive, f->conv);
    assert_non_null(strstr(f->drive->events[f->drive->event_count - 1].text, "away at the moment"));
    assert_int_equal(drive_report(f->drive)->state, CONV_BOT);
}

static void the_desk_hears_of_first_answers_and_of_activity_once_a_minute(void **state)
{
    struct fixture *f = *state;
    struct chat_action say = drive_agent_action(f->drive, CHAT_SEND, ANN, ROLE_AGENT, CONSOLE);
    unsigned reports;

    ask_for_person(f);
    (void)agent_does(f, CHAT_ASSIGN, ANN, "");
    assert_false(drive_report(f->drive)->answered);
    drive_client_id(f->drive, &say);
    say.conv = f->conv;
    say.text = SLICE_LITERAL("Hello");
    (void)drive_do(f->drive, &say);
    assert_true(drive_report(f->drive)->answered);
    assert_true(drive_report(f->drive)->wrote_agent);
    reports = f->drive->report_count;
    (void)drive_send(f->drive, f->visitor, TAB, f->conv, "Hi");
    assert_int_equal(f->drive->report_count, reports);
    drive_advance(f->drive, CHAT_ACTIVITY_MS);
    (void)drive_send(f->drive, f->visitor, TAB, f->conv, "Still there?");
    assert_int_equal(f->drive->report_count, reports + 1);
    assert_true(drive_report(f->drive)->wrote_visitor);
    assert_true(drive_report(f->drive)->answered);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_queue_is_decided_with_what_is_known),
        TEST(where_it_is_and_who_it_is_are_known),
        TEST(what_was_noted_in_the_conversation_counts_first_and_is_bounded),
        TEST(queue_priority_and_offer_survive_a_restart),
        TEST(an_offer_is_turned_down_by_whom_it_was_made_to),
        TEST(an_offer_for_what_waits_no_more_changes_nothing),
        TEST(a_transfer_names_a_queue_that_there_is),
        TEST(closed_hours_are_said_and_the_bot_goes_on_where_it_shall),
        TEST(the_desk_hears_of_first_answers_and_of_activity_once_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
