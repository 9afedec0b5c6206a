/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of agents at their edges: rights that end while a ticket is on its way, tokens, and what
 * must be taken off again when a session goes. The link and what lies elsewhere are written down.
 */
#include "test.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth_attachment.h"
#include "auth_visitor.h"
#include "gateway.h"
#include "loop.h"
#include "permission.h"

enum { AGENT = 11, LOGIN = 21, TOKEN = 31, CONV = 41, VISITOR = 7, SITE = 5 };
#define ROW "{\"conversation\":{}}"

struct fixture {
    struct loop *loop;
    struct gateway *gateway;
    struct clock_virtual time;
    struct clock clock;
    struct auth_key key;
    uint64_t session;
    unsigned closed; /* code of the close, 0: open */
    char sent[4096];
    unsigned rows, relists, presences; /* sent */
    size_t pending;                    /* in the link's queue */
    bool full;                         /* submit finds no room */
    bool link_full;
    char item[64];   /* the first file of the message submitted last */
    uint64_t cookie; /* of the action submitted last */
    enum chat_action_kind kind;
    char user[32], name[32];
    unsigned attributes;
    unsigned submitted, unsubscribed, inbox_off, statuses;
};

static bool link_send(void *link, struct slice frame, bool binary)
{
    struct fixture *f = link;

    (void)binary;
    if (f->link_full)
        return false;
    f->rows += slice_equal_text(frame, ROW);
    f->presences += slice_starts_with(frame, SLICE_LITERAL("{\"presence\""));
    f->relists += slice_equal_text(frame, "{\"resync\":{}}");
    snprintf(f->sent, sizeof(f->sent), "%.*s", SLICE_ARGS(frame));
    return true;
}

static size_t link_pending(void *link)
{
    return ((struct fixture *)link)->pending;
}

static void link_close(void *link, unsigned code, const char *reason)
{
    (void)reason;
    ((struct fixture *)link)->closed = code;
}

static const struct gateway_link link_ops = { .send = link_send,
                                              .pending = link_pending,
                                              .close = link_close };

static bool on_submit(void *ctx, const struct chat_action *action)
{
    struct fixture *f = ctx;

    if (action->items_are_files)
        snprintf(f->item, sizeof(f->item), "%.*s", SLICE_ARGS(action->items[0]));
    f->submitted += !f->full;
    f->cookie = action->cookie;
    f->kind = action->kind;
    snprintf(f->user, sizeof(f->user), "%.*s", SLICE_ARGS(action->visitor_info.user_id));
    snprintf(f->name, sizeof(f->name), "%.*s", SLICE_ARGS(action->visitor_info.name));
    f->attributes = action->attribute_count;
    return !f->full;
}

static void on_ask(void *ctx, uint64_t session, struct slice secret)
{
    (void)ctx, (void)session, (void)secret; /* answered by the test */
}

static bool on_agent_session(void *ctx, const struct auth_principal *who, uint64_t session,
                             bool open)
{
    (void)ctx, (void)who, (void)session, (void)open;
    return true;
}

static bool on_agent_status(void *ctx, const struct auth_principal *who, uint32_t status,
                            struct slice reason)
{
    (void)who, (void)status, (void)reason;
    ((struct fixture *)ctx)->statuses++;
    return !((struct fixture *)ctx)->full;
}

static void on_unsubscribe(void *ctx, struct chat_session session, struct conv_id conv)
{
    (void)session;
    ((struct fixture *)ctx)->unsubscribed += conv.v == CONV;
}

static void on_unsubscribe_inbox(void *ctx, struct chat_session session,
                                 struct workspace_id workspace)
{
    (void)session, (void)workspace;
    ((struct fixture *)ctx)->inbox_off++;
}

/* The only site is that of visitors. */
static Kefu__V1__Site the_site = KEFU__V1__SITE__INIT;

static bool on_site_by_id(void *ctx, struct site_id id, struct gateway_site *out)
{
    (void)ctx;
    *out = (struct gateway_site){ .id = id, .workspace = { 1 }, .site = &the_site };
    return true;
}

static bool on_site_by_key(void *ctx, struct slice key, struct gateway_site *out)
{
    (void)key;
    return on_site_by_id(ctx, (struct site_id){ SITE }, out);
}

static struct slice on_greeting(void *ctx, struct site_id site, struct slice locale)
{
    (void)ctx, (void)site, (void)locale;
    return SLICE_LITERAL("hi");
}

static void on_visitor_gone(void *ctx, struct chat_session session, struct visitor_id visitor)
{
    (void)ctx, (void)session, (void)visitor;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct gateway_options options = { .master = &f->key };

    f->time.mono_us = 1000 * 1000;
    f->clock = clock_virtual_clock(&f->time);
    f->loop = loop_create();
    options.loop = f->loop;
    options.clock = &f->clock;
    options.ops = (struct gateway_ops){ .submit = on_submit,
                                        .site_by_key = on_site_by_key,
                                        .site_by_id = on_site_by_id,
                                        .greeting = on_greeting,
                                        .visitor_gone = on_visitor_gone,
                                        .ticket_redeem = on_ask,
                                        .token_check = on_ask,
                                        .agent_session = on_agent_session,
                                        .agent_status = on_agent_status,
                                        .unsubscribe = on_unsubscribe,
                                        .unsubscribe_inbox = on_unsubscribe_inbox,
                                        .ctx = f };
    f->gateway = gateway_create(&options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gateway_destroy(&f->gateway);
    loop_destroy(&f->loop);
    test_free(f);
    return 0;
}

static void frame(struct fixture *f, const char *json)
{
    gateway_session_frame(f->gateway, f->session, slice_of(json));
}

static struct auth_principal who_now(struct fixture *f, bool token)
{
    return (struct auth_principal){ .workspace_id = 1,
                                    .agent_id = AGENT,
                                    .session_id = token ? 0 : LOGIN,
                                    .token_id = token ? TOKEN : 0,
                                    .permissions = role_permissions(ROLE_AGENT).bits,
                                    .proved_us = clock_mono_us(&f->clock),
                                    .role = ROLE_AGENT,
                                    .name = "Lin" };
}

static void hello(struct fixture *f, bool token)
{
    struct gateway_peer peer = { 0 };

    f->closed = 0;
    f->session = gateway_session_open(f->gateway, &link_ops, f, CHAT_FORMAT_JSON, &peer);
    frame(f, token ? "{\"id\":1,\"hello\":{\"apiToken\":\"kefu_x\"}}"
                   : "{\"id\":1,\"hello\":{\"ticket\":\"t0.x\"}}");
}

static void opened(struct fixture *f, bool token)
{
    struct auth_principal who = who_now(f, token);

    hello(f, token);
    gateway_agent_proved(f->gateway, f->session, &who);
    assert_non_null(strstr(f->sent, "\"welcome\""));
}

static void a_ticket_from_before_the_end_of_its_rights_opens_nothing(void **state)
{
    static const struct gateway_revocation ends[] = { { .login_session = LOGIN },
                                                      { .agent = AGENT } };
    struct fixture *f = *state;

    for (unsigned i = 0; i < LENGTH_OF(ends); i++) {
        struct auth_principal who = who_now(f, false);

        clock_virtual_advance(&f->time, 1000);
        gateway_revoke(f->gateway, &ends[i]);
        hello(f, false);
        gateway_agent_proved(f->gateway, f->session, &who);
        assert_int_equal(f->closed, GATEWAY_CLOSE_POLICY);
        gateway_session_gone(f->gateway, f->session);
        clock_virtual_advance(&f->time, 1);
        opened(f, false); /* logged in anew */
        assert_int_equal(f->closed, 0);
        gateway_session_gone(f->gateway, f->session);
    }
}

static void so_many_newest_revocations_are_kept(void **state)
{
    struct fixture *f = *state;
    struct auth_principal who = who_now(f, false);

    for (unsigned more = 0; more < 2; more++) {
        gateway_revoke(f->gateway, &(struct gateway_revocation){ .agent = AGENT });
        for (unsigned i = 0; i < GATEWAY_REVOKED_MAX - 1 + more; i++)
            gateway_revoke(f->gateway, &(struct gateway_revocation){ .agent = AGENT + 1 });
        hello(f, false);
        gateway_agent_proved(f->gateway, f->session, &who);
        assert_int_equal(f->closed, more == 0 ? GATEWAY_CLOSE_POLICY : 0);
        gateway_session_gone(f->gateway, f->session);
    }
}

static void a_deleted_tokens_socket_is_closed(void **state)
{
    struct fixture *f = *state;

    opened(f, true);
    gateway_revoke(f->gateway, &(struct gateway_revocation){ .token = TOKEN + 1 });
    assert_int_equal(f->closed, 0);
    gateway_revoke(f->gateway, &(struct gateway_revocation){ .token = TOKEN });
    assert_int_equal(f->closed, GATEWAY_CLOSE_LOGGED_OUT);
}

static void a_token_has_no_presence(void **state)
{
    struct fixture *f = *state;

    opened(f, true);
    frame(f, "{\"id\":2,\"setPresence\":{\"status\":\"away\"}}");
    assert_non_null(strstr(f->sent, "\"forbidden\""));
    assert_int_equal(f->statuses, 0);
    gateway_session_gone(f->gateway, f->session);
    opened(f, false);
    frame(f, "{\"id\":2,\"setPresence\":{\"status\":\"away\"}}");
    assert_int_equal(f->statuses, 1);
}

static void a_frame_that_cannot_be_read_is_answered_with_its_id(void **state)
{
    struct fixture *f = *state;

    opened(f, false);
    frame(f, "{\"id\":7,\"sent\":{}}");
    assert_non_null(strstr(f->sent, "\"id\":7,\"error\""));
    frame(f, "{\"id\": 8, \"sent\": {}}");
    assert_non_null(strstr(f->sent, "\"id\":8,\"error\""));
    frame(f, "{\"id\"");
    assert_memory_equal(f->sent, "{\"error\"", 8);
    frame(f, "{\"id\": ");
    assert_memory_equal(f->sent, "{\"error\"", 8);
}

static void a_frame_without_an_id_is_told_its_fault_and_nothing_else(void **state)
{
    static const enum chat_reply_kind kinds[] = { CHAT_REPLY_ERROR, CHAT_REPLY_ACK };
    struct fixture *f = *state;
    struct err err = { .code = ERR_NOT_FOUND, .text = "no such conversation" };

    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        struct chat_reply reply = { .kind = kinds[i], .err = &err };
        struct gateway_frame room;

        opened(f, false);
        frame(f, i == 0 ? "{\"read\":{\"conversationId\":\"41\",\"seq\":1}}"
                        : "{\"id\":0,\"read\":{\"conversationId\":\"41\",\"seq\":1}}");
        assert_int_not_equal(f->cookie, 0);
        reply.cookie = f->cookie;
        gateway_frame_build(&reply, &room);
        gateway_answer(f->gateway, f->session, &room.frame);
        if (kinds[i] == CHAT_REPLY_ERROR)
            assert_memory_equal(f->sent, "{\"error\":{\"code\":\"not_found\"", 28);
        else
            assert_non_null(strstr(f->sent, "\"welcome\""));
        gateway_session_gone(f->gateway, f->session);
    }
}

/* What watches and is not taken off is pushed to for ever. */
static void an_off_without_room_is_made_up_for_when_the_session_goes(void **state)
{
    struct fixture *f = *state;

    opened(f, false);
    frame(f, "{\"id\":2,\"subscribe\":{\"conversationId\":\"41\"}}");
    frame(f, "{\"id\":3,\"subscribe\":{\"inbox\":true}}");
    assert_int_equal(f->submitted, 2);
    f->full = true;
    frame(f, "{\"id\":4,\"subscribe\":{\"conversationId\":\"41\",\"off\":true}}");
    assert_non_null(strstr(f->sent, "\"busy\""));
    frame(f, "{\"id\":5,\"subscribe\":{\"inbox\":true,\"off\":true}}");
    gateway_session_gone(f->gateway, f->session);
    assert_int_equal(f->unsubscribed, 1);
    assert_int_equal(f->inbox_off, 1);
}

static void what_was_taken_off_is_not_taken_off_again(void **state)
{
    struct fixture *f = *state;

    opened(f, false);
    frame(f, "{\"id\":2,\"subscribe\":{\"conversationId\":\"41\"}}");
    frame(f, "{\"id\":3,\"subscribe\":{\"conversationId\":\"41\",\"off\":true}}");
    frame(f, "{\"id\":4,\"subscribe\":{\"inbox\":true}}");
    frame(f, "{\"id\":5,\"subscribe\":{\"inbox\":true,\"off\":true}}");
    gateway_session_gone(f->gateway, f->session);
    assert_int_equal(f->unsubscribed + f->inbox_off, 0);
}

static unsigned presences_seen(struct fixture *f)
{
    Kefu__V1__PresencePush push = KEFU__V1__PRESENCE_PUSH__INIT;

    f->presences = 0;
    gateway_presence(f->gateway, (struct workspace_id){ 1 }, &push);
    return f->presences;
}

static void presence_reaches_every_inbox_that_is_still_there(void **state)
{
    static const unsigned orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 3, 0, 2 } };
    struct fixture *f = *state;

    for (size_t order = 0; order < LENGTH_OF(orders); order++) {
        uint64_t sessions[4];

        for (unsigned i = 0; i < LENGTH_OF(sessions); i++) {
            opened(f, false);
            sessions[i] = f->session;
            frame(f, "{\"id\":2,\"subscribe\":{\"inbox\":true}}");
        }
        for (unsigned i = 0; i < LENGTH_OF(sessions); i++) {
            assert_int_equal(presences_seen(f), LENGTH_OF(sessions) - i);
            gateway_session_gone(f->gateway, sessions[orders[order][i]]);
        }
        assert_int_equal(presences_seen(f), 0);
    }
}

static bool push(struct fixture *f, enum chat_push_kind kind)
{
    return gateway_push(f->gateway, f->session, kind, (struct conv_id){ CONV }, 1, slice_of(ROW));
}

static void a_reader_too_slow_for_rows_keeps_room_for_answers(void **state)
{
    struct fixture *f = *state;

    opened(f, false);
    f->pending = GATEWAY_ROWS_BYTES_MAX - strlen(ROW);
    assert_true(push(f, CHAT_PUSH_CONVERSATION));
    assert_int_equal(f->rows, 1);
    f->pending++;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(push(f, CHAT_PUSH_CONVERSATION));
    assert_int_equal(f->rows, 1);
    assert_int_equal(f->relists, 0);
    frame(f, "{\"id\":7,\"sent\":{}}"); /* is answered nevertheless */
    assert_non_null(strstr(f->sent, "\"id\":7,\"error\""));
    f->pending = 0;
    gateway_session_drained(f->gateway, f->session);
    assert_int_equal(f->relists, 1);
    gateway_session_drained(f->gateway, f->session);
    assert_true(push(f, CHAT_PUSH_CONVERSATION));
    assert_int_equal(f->relists, 1); /* once is enough */
    assert_int_equal(f->rows, 2);
    assert_int_equal(f->closed, 0);
}

static void a_row_that_was_refused_is_a_gap_told_before_the_next_one(void **state)
{
    struct fixture *f = *state;

    opened(f, false);
    f->link_full = true;
    assert_true(push(f, CHAT_PUSH_CONVERSATION));
    assert_true(push(f, CHAT_PUSH_RELIST));
    f->link_full = false;
    assert_true(push(f, CHAT_PUSH_CONVERSATION));
    assert_int_equal(f->relists, 1);
    assert_string_equal(f->sent, ROW);
    assert_true(push(f, CHAT_PUSH_RELIST));
    assert_int_equal(f->relists, 2);
}

/* ---- a visitor's files ---- */

static void visitor_opened(struct fixture *f)
{
    const struct auth_visitor who = { VISITOR, SITE, 1, 0 };
    Kefu__V1__Welcome heads = KEFU__V1__WELCOME__INIT;
    Kefu__V1__ServerFrame answer = KEFU__V1__SERVER_FRAME__INIT;
    struct gateway_peer peer = { 0 };
    char token[AUTH_VISITOR_TEXT_MAX];
    char json[256];

    auth_visitor_sign(&f->key, &who, token);
    f->session = gateway_session_open(f->gateway, &link_ops, f, CHAT_FORMAT_JSON, &peer);
    snprintf(json, sizeof(json), "{\"id\":1,\"hello\":{\"siteKey\":\"k\",\"visitorToken\":\"%s\"}}",
             token);
    frame(f, json);
    answer.body_case = KEFU__V1__SERVER_FRAME__BODY_WELCOME;
    answer.welcome = &heads;
    gateway_answer(f->gateway, f->session, &answer);
    assert_non_null(strstr(f->sent, "\"welcome\""));
}

/* ---- who a visitor is ---- */

static void identify(struct fixture *f, const char *user, int64_t issued_s, const char *more)
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char secret[65], text[64], hash[65], json[512];

    auth_identity_secret(&f->key, SITE, secret);
    snprintf(text, sizeof(text), "%s.%lld", user, (long long)issued_s);
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hash, sizeof(hash), mac, sizeof(mac));
    snprintf(json, sizeof(json),
             "{\"id\":5,\"identify\":{\"userId\":\"u1\",\"issuedAt\":\"%lld\",\"hash\":\"%s\"%s}}",
             (long long)issued_s, hash, more);
    f->submitted = 0;
    frame(f, json);
}

static void only_the_sites_signature_makes_a_user_id(void **state)
{
    struct fixture *f = *state;
    int64_t now;

    visitor_opened(f);
    now = clock_wall_ms(&f->clock) / 1000;
    identify(f, "u1", now, ",\"name\":\"Ann\",\"attributes\":{\"plan\":\"pro\",\"city\":\"X\"}");
    assert_int_equal(f->submitted, 1);
    assert_int_equal(f->kind, CHAT_IDENTIFY);
    assert_string_equal(f->user, "u1");
    assert_string_equal(f->name, "Ann");
    assert_int_equal(f->attributes, 2);
    identify(f, "u2", now, ""); /* signed for somebody else */
    assert_int_equal(f->submitted, 0);
    assert_non_null(strstr(f->sent, "\"forbidden\""));
    identify(f, "u1", now - 86401, "");
    assert_int_equal(f->submitted, 0);
    frame(f, "{\"id\":6,\"identify\":{\"userId\":\"u1\"}}");
    assert_int_equal(f->submitted, 0);
    assert_non_null(strstr(f->sent, "\"identify.hash\""));
}

static void a_strict_site_takes_no_unsigned_name(void **state)
{
    struct fixture *f = *state;

    visitor_opened(f);
    f->submitted = 0;
    frame(f, "{\"id\":5,\"identify\":{\"name\":\"Ann\"}}");
    assert_int_equal(f->submitted, 1);
    assert_string_equal(f->user, "");
    the_site.identity_required = true;
    frame(f, "{\"id\":6,\"identify\":{\"name\":\"Ann\"}}");
    the_site.identity_required = false;
    assert_int_equal(f->submitted, 1);
    assert_non_null(strstr(f->sent, "\"identify.hash\""));
    opened(f, false);
    frame(f, "{\"id\":7,\"identify\":{\"name\":\"Ann\"}}");
    assert_non_null(strstr(f->sent, "\"forbidden\""));
}

static void a_long_reason_and_a_full_desk_are_told(void **state)
{
    struct fixture *f = *state;
    char json[512];
    char reason[300];

    memset(reason, 'r', sizeof(reason));
    opened(f, false);
    snprintf(json, sizeof(json),
             "{\"id\":2,\"setPresence\":{\"status\":\"away\",\"reason\":\"%.*s\"}}",
             (int)sizeof(reason), reason);
    frame(f, json);
    assert_non_null(strstr(f->sent, "\"setPresence.reason\""));
    assert_int_equal(f->statuses, 0);
    f->full = true;
    frame(f, "{\"id\":3,\"setPresence\":{\"status\":\"away\"}}");
    assert_non_null(strstr(f->sent, "\"id\":3,\"error\":{\"code\":\"busy\""));
}

/* A reader that is behind is told where each conversation stands before it hears more. */
static void what_is_owed_is_told_before_anything_later(void **state)
{
    struct fixture *f = *state;

    visitor_opened(f);
    assert_true(gateway_push(f->gateway, f->session, CHAT_PUSH_EVENT, (struct conv_id){ CONV }, 4,
                             SLICE_LITERAL("{\"event\":4}")));
    assert_string_equal(f->sent, "{\"event\":4}");
    f->link_full = true;
    assert_false(gateway_push(f->gateway, f->session, CHAT_PUSH_EVENT, (struct conv_id){ CONV }, 5,
                              SLICE_LITERAL("{\"event\":5}")));
    gateway_owe(f->gateway, f->session, (struct conv_id){ CONV });
    gateway_session_drained(f->gateway, f->session);
    assert_string_equal(f->sent, "{\"event\":4}");
    f->link_full = false;
    gateway_session_drained(f->gateway, f->session);
    assert_non_null(strstr(f->sent, "{\"resync\":{\"conversationId\":\"41\",\"headSeq\":5}}"));
    gateway_owe(f->gateway, f->session, (struct conv_id){ CONV });
    assert_true(gateway_push(f->gateway, f->session, CHAT_PUSH_EVENT, (struct conv_id){ CONV }, 6,
                             SLICE_LITERAL("{\"event\":6}")));
    assert_string_equal(f->sent, "{\"event\":6}");
    gateway_owe(f->gateway, f->session, (struct conv_id){ CONV + 1 }); /* no place to remember it */
    assert_int_not_equal(f->closed, 0);
}

static void file_send(struct fixture *f, const char *file)
{
    char json[512];

    f->item[0] = '\0';
    snprintf(json, sizeof(json),
             "{\"id\":2,\"send\":{\"conversationId\":\"41\",\"clientId\":"
             "\"00112233445566778899aabbccddeeff\",\"text\":\"x\",\"files\":[\"%s\"]}}",
             file);
    frame(f, json);
}

static void a_file_is_a_reference_of_the_visitors_own_upload(void **state)
{
    struct fixture *f = *state;
    struct auth_attachment file = { .visitor_id = VISITOR, .id = 99, .name = "cup.jpg" };
    char text[AUTH_ATTACHMENT_TEXT_MAX];

    visitor_opened(f);
    auth_attachment_sign(&f->key, &file, text);
    file_send(f, text);
    assert_string_equal(f->item, "99/cup.jpg");
    file_send(f, "cup.jpg");
    assert_non_null(strstr(f->sent, "\"send.files\""));
    assert_string_equal(f->item, "");
    file.visitor_id++;
    auth_attachment_sign(&f->key, &file, text);
    file_send(f, text);
    assert_string_equal(f->item, "");
    gateway_session_gone(f->gateway, f->session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_from_before_the_end_of_its_rights_opens_nothing),
        TEST(so_many_newest_revocations_are_kept),
        TEST(a_deleted_tokens_socket_is_closed),
        TEST(a_token_has_no_presence),
        TEST(a_frame_that_cannot_be_read_is_answered_with_its_id),
        TEST(a_frame_without_an_id_is_told_its_fault_and_nothing_else),
        TEST(presence_reaches_every_inbox_that_is_still_there),
        TEST(only_the_sites_signature_makes_a_user_id),
        TEST(a_strict_site_takes_no_unsigned_name),
        TEST(a_long_reason_and_a_full_desk_are_told),
        TEST(what_is_owed_is_told_before_anything_later),
        TEST(a_reader_too_slow_for_rows_keeps_room_for_answers),
        TEST(a_row_that_was_refused_is_a_gap_told_before_the_next_one),
        TEST(an_off_without_room_is_made_up_for_when_the_session_goes),
        TEST(what_was_taken_off_is_not_taken_off_again),
        TEST(a_file_is_a_reference_of_the_visitors_own_upload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
