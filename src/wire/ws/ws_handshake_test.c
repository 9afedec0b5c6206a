/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "ws_handshake.h"

static const char *const subprotocols[] = { "kefu.v1.json", "kefu.v1.proto", NULL };
static char request_bytes[4096];
static struct http_request request;

static void request_read(const char *text)
{
    struct http_reader reader = { 0 };
    size_t len = strlen(text);

    memcpy(request_bytes, text, len);
    assert_int_equal(http_request_read(&reader, request_bytes, &len, &request), HTTP_DONE);
}

static struct ws_handshake check(const char *text)
{
    struct ws_handshake handshake;

    request_read(text);
    ws_handshake_check(&request, subprotocols, &handshake);
    return handshake;
}

#define GET     "GET /ws HTTP/1.1\r\nHost: a.example\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static void accept_is_the_one_of_the_standard(void **state)
{
    char accept[WS_ACCEPT_TEXT];

    (void)state;
    ws_accept_of("dGhlIHNhbXBsZSBub25jZQ==", accept); /* RFC 6455 section 1.3 */
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_TEXT);
}

static void a_good_upgrade_is_answered_with_101(void **state)
{
    struct ws_handshake handshake = check(GET UPGRADE KEY VERSION "\r\n");
    struct buf out;

    (void)state;
    assert_int_equal(handshake.status, 0);
    assert_null(handshake.subprotocol);
    buf_init(&out, 1000);
    ws_handshake_write(&handshake, &out);
    assert_true(slice_equal_text(buf_slice(&out),
                                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    buf_fini(&out);
}

static void subprotocol_is_the_first_of_the_clients_that_we_know(void **state)
{
    static const struct {
        const char *fields;
        const char *chosen;
    } cases[] = {
        { "Sec-WebSocket-Protocol: kefu.v1.proto\r\n", "kefu.v1.proto" },
        { "Sec-WebSocket-Protocol: chat, kefu.v1.proto,kefu.v1.json\r\n", "kefu.v1.proto" },
        { "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: kefu.v1.json\r\n",
          "kefu.v1.json" },
        { "Sec-WebSocket-Protocol: KEFU.v1.json\r\n", NULL },
        { "Sec-WebSocket-Protocol: ,, ,\r\n", NULL },
        { "", NULL },
    };
    char text[1000];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct ws_handshake handshake;

        snprintf(text, sizeof(text), GET UPGRADE KEY VERSION "%s\r\n", cases[i].fields);
        handshake = check(text);
        assert_int_equal(handshake.status, 0);
        if (cases[i].chosen == NULL)
            assert_null(handshake.subprotocol);
        else
            assert_string_equal(handshake.subprotocol, cases[i].chosen);
    }
}

static void what_is_no_upgrade_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        { GET "\r\n", 426 },
        { GET "Connection: Upgrade\r\n" KEY VERSION "\r\n", 426 },
        { GET "Upgrade: websocket\r\n" KEY VERSION "\r\n", 426 },
        { GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", 426 },
        { GET UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
        { GET UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n", 426 },
        { GET UPGRADE KEY "\r\n", 400 },
        { GET UPGRADE KEY VERSION VERSION "\r\n", 400 },
        { GET UPGRADE VERSION "\r\n", 400 },
        { GET UPGRADE VERSION KEY KEY "\r\n", 400 },
        { GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n", 400 },
        { GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n\r\n", 400 },
        { GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j?Q==\r\n\r\n", 400 },
        { GET UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ====\r\n\r\n", 400 },
        { "POST /ws HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", 400 },
        { "GET /ws HTTP/1.0\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", 400 },
        { GET UPGRADE KEY VERSION "Content-Length: 1\r\n\r\nx", 400 },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct ws_handshake handshake = check(cases[i].text);

        if (handshake.status != cases[i].status)
            fail_msg("case %zu: status %d, wanted %d", i, handshake.status, cases[i].status);
        assert_non_null(handshake.reason);
    }
}

static void lists_and_cases_of_browsers_pass(void **state)
{
    (void)state;
    assert_int_equal(check(GET "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
                               "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "sec-websocket-version: 13\r\n"
                               "sec-websocket-extensions: permessage-deflate\r\n\r\n")
                         .status,
                     0);
}

static void own_request_passes_own_check_and_own_answer_the_clients(void **state)
{
    struct ws_request wanted = { .host = SLICE_LITERAL("a.example"),
                                 .path = SLICE_LITERAL("/ws?x=1"),
                                 .subprotocol = SLICE_LITERAL("kefu.v1.json"),
                                 .origin = SLICE_LITERAL("https://a.example") };
    char key[WS_KEY_TEXT];
    char other[WS_KEY_TEXT];
    struct ws_handshake handshake;
    struct buf out;

    (void)state;
    ws_key_make(key);
    ws_key_make(other);
    assert_memory_not_equal(key, other, WS_KEY_TEXT);
    buf_init(&out, 1000);
    ws_request_write(&wanted, key, &out);
    buf_add_char(&out, '\0');
    handshake = check(out.ptr);
    assert_int_equal(handshake.status, 0);
    assert_string_equal(handshake.subprotocol, "kefu.v1.json");
    assert_true(slice_equal_text(request.query, "x=1"));
    buf_clear(&out);
    ws_handshake_write(&handshake, &out);
    assert_null(ws_response_check(buf_slice(&out), key, wanted.subprotocol));
    assert_non_null(ws_response_check(buf_slice(&out), other, wanted.subprotocol));
    assert_non_null(ws_response_check(buf_slice(&out), key, SLICE_LITERAL("chat")));
    buf_fini(&out);
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void client_refuses_answers_that_it_did_not_ask_for(void **state)
{
    static const char *const cases[] = {
        "HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT "\r\n",
        "HTTP/1.0 101 Switching Protocols\r\n" UPGRADE ACCEPT "\r\n",
        SWITCH UPGRADE "\r\n",
        SWITCH UPGRADE ACCEPT ACCEPT "\r\n",
        SWITCH "Upgrade: websocket\r\n" ACCEPT "\r\n",
        SWITCH "Connection: Upgrade\r\n" ACCEPT "\r\n",
        SWITCH UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        SWITCH UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
    };
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";

    (void)state;
    assert_null(ws_response_check(SLICE_LITERAL(SWITCH UPGRADE ACCEPT "\r\n"), key, SLICE_EMPTY));
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_non_null(ws_response_check(slice_of(cases[i]), key, SLICE_EMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_is_the_one_of_the_standard),
        cmocka_unit_test(a_good_upgrade_is_answered_with_101),
        cmocka_unit_test(subprotocol_is_the_first_of_the_clients_that_we_know),
        cmocka_unit_test(what_is_no_upgrade_is_refused),
        cmocka_unit_test(lists_and_cases_of_browsers_pass),
        cmocka_unit_test(own_request_passes_own_check_and_own_answer_the_clients),
        cmocka_unit_test(client_refuses_answers_that_it_did_not_ask_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
