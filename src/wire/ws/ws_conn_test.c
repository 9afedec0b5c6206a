/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over real sockets: our client and our server on one loop, and a raw peer where the
 * client would be too polite. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "net.h"
#include "ws_priv.h"

enum { GOT_MAX = 16 * 1024 * 1024, WAIT_MS = 5000 };

struct side {
    struct ws_conn *conn;
    struct buf got; /* messages, each with a | behind it */
    unsigned messages;
    unsigned pongs;
    unsigned drained;
    unsigned closed; /* code */
    char reason[WS_CONTROL_MAX + 1];
    void (*on_message)(struct side *side);
};

static struct loop *loop;
static struct http_server *http;
static struct net_listener *listener;
static struct ws_client *client_start;
static struct side server;
static struct side client;
static struct ws_options server_options;
static enum err_code client_fault;
static int client_done;
static int peer = -1; /* a raw one */
static struct buf peer_got;
static bool peer_ended;

/* ---- sides ---- */

static void side_message(void *owner, struct slice message, bool binary)
{
    struct side *side = owner;

    (void)binary;
    side->messages++;
    buf_add_slice(&side->got, message);
    buf_add_char(&side->got, '|');
    if (side->on_message != NULL)
        side->on_message(side);
}

static void side_pong(void *owner, struct slice payload)
{
    (void)payload;
    ((struct side *)owner)->pongs++;
}

static void side_drained(void *owner)
{
    ((struct side *)owner)->drained++;
}

static void side_closed(void *owner, unsigned code, struct slice reason)
{
    struct side *side = owner;

    side->conn = NULL;
    side->closed = code;
    snprintf(side->reason, sizeof(side->reason), "%.*s", SLICE_ARGS(reason));
}

static const struct ws_ops side_ops = { side_message, side_pong, side_drained, side_closed };

static void side_echo(struct side *side)
{
    struct slice message = slice_make(side->got.ptr, side->got.len - 1);

    assert_true(ws_conn_send(side->conn, message, false));
}

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    static const char *const subprotocols[] = { "kefu.v1.json", NULL };
    struct ws_handshake handshake;

    (void)ctx;
    ws_handshake_check(request, subprotocols, &handshake);
    if (handshake.status != 0)
        ws_refuse(http, ref, &handshake);
    else if (server.conn != NULL)
        assert_true(http_reply(http, ref, &(struct http_reply){ .status = 503 }));
    else
        server.conn = ws_accept(http, ref, &handshake, &server_options, &side_ops, &server);
}

static void on_client_done(void *ctx, struct ws_conn *conn, const struct err *err)
{
    (void)ctx;
    client_start = NULL;
    client.conn = conn;
    client_fault = err != NULL ? err->code : ERR_OK;
    client_done++;
}

static void side_reset(struct side *side)
{
    memset(side, 0, sizeof(*side));
    buf_init(&side->got, GOT_MAX);
}

static int setup(void **state)
{
    struct http_server_options options = { .on_request = on_request };
    struct net_listen_options listen_options = { .address = "127.0.0.1" };
    struct err err;

    (void)state;
    loop = loop_create();
    http = http_server_create(loop, &options);
    assert_int_equal(http_server_listen(http, &listen_options, &listener, &err), ERR_OK);
    side_reset(&server);
    side_reset(&client);
    buf_init(&peer_got, GOT_MAX);
    server_options = (struct ws_options){ 0 };
    client_done = 0;
    peer_ended = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ws_client_cancel(&client_start);
    ws_conn_abort(&server.conn);
    ws_conn_abort(&client.conn);
    if (peer >= 0)
        close(peer);
    peer = -1;
    net_listener_close(&listener);
    http_server_destroy(&http);
    loop_destroy(&loop);
    buf_fini(&server.got);
    buf_fini(&client.got);
    buf_fini(&peer_got);
    return 0;
}

/* ---- waiting ---- */

static bool both_are_open(void *ctx)
{
    (void)ctx;
    return server.conn != NULL && client.conn != NULL;
}

static bool client_is_done(void *ctx)
{
    (void)ctx;
    return client_done > 0;
}

static bool side_has_message(void *ctx)
{
    return ((struct side *)ctx)->messages > 0;
}

static bool side_is_closed(void *ctx)
{
    return ((struct side *)ctx)->conn == NULL;
}

static bool side_has_pong(void *ctx)
{
    return ((struct side *)ctx)->pongs > 0;
}

static bool side_is_drained(void *ctx)
{
    return ((struct side *)ctx)->drained > 0;
}

static void peer_read(void)
{
    ssize_t n;

    do {
        char *room = buf_reserve(&peer_got, 65536);

        assert_non_null(room);
        n = recv(peer, room, 65536, MSG_DONTWAIT);
        if (n > 0)
            buf_commit(&peer_got, (size_t)n);
    } while (n > 0);
    peer_ended = n == 0;
}

static size_t peer_wanted;
static bool peer_has_wanted(void *ctx)
{
    (void)ctx;
    peer_read();
    return peer_got.len >= peer_wanted;
}

static bool peer_has_end(void *ctx)
{
    (void)ctx;
    peer_read();
    return peer_ended;
}

/* In steps: what happens at the raw peer's end wakes no loop. */
static bool wait_on(struct loop *which, bool (*condition)(void *ctx), void *ctx)
{
    for (int ms = 0; ms < WAIT_MS; ms++) {
        if (loop_run_until(which, condition, ctx, 1))
            return true;
    }
    return false;
}

#define WAIT(condition, ctx) assert_true(wait_on(loop, condition, ctx))

/* ---- beginnings ---- */

static void client_connect(const char *subprotocol, uint32_t connect_ms_max)
{
    struct ws_client_options options = {
        .address = "127.0.0.1",
        .port = net_listener_port(listener),
        .request = { .host = SLICE_LITERAL("127.0.0.1"),
                     .path = SLICE_LITERAL("/ws"),
                     .subprotocol = slice_of(subprotocol) },
        .connect_ms_max = connect_ms_max,
        .done = on_client_done,
        .ops = &side_ops,
        .owner = &client,
    };
    struct err err;

    assert_int_equal(ws_client_start(loop, &options, &client_start, &err), ERR_OK);
}

static void connect_both(void)
{
    client_connect("kefu.v1.json", 0);
    WAIT(both_are_open, NULL);
}

/* The server's side is a ws_conn, the other one a bare socket. */
static void connect_peer(void)
{
    struct net_stream *stream;
    struct err err;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    assert_int_equal(net_adopt(loop, fds[0], NULL, NULL, &stream, &err), ERR_OK);
    server.conn =
        ws_conn_create(&stream, WS_SERVER, &server_options, SLICE_EMPTY, &side_ops, &server);
}

static void peer_send(enum ws_opcode opcode, bool final, struct slice payload)
{
    static const unsigned char mask[WS_MASK_BYTES] = { 0, 0, 0, 0 };
    char frame[WS_HEAD_MAX + 2000];
    size_t size = ws_head_write(frame, opcode, final, payload.len, mask);

    assert_true(payload.len <= 2000);
    memcpy(frame + size, payload.ptr, payload.len);
    assert_int_equal(send(peer, frame, size + payload.len, MSG_NOSIGNAL), size + payload.len);
}

static void ulimit_raise(rlim_t files)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= files)
        return;
    if (limit.rlim_max < files)
        skip(); /* this machine does not let a process open so many */
    limit.rlim_cur = files;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- tests ---- */

static void client_and_server_talk_both_ways(void **state)
{
    static char text[60000];

    (void)state;
    memset(text, 'x', sizeof(text));
    connect_both();
    server.on_message = side_echo;
    assert_true(ws_conn_send(client.conn, slice_make(text, sizeof(text)), false));
    WAIT(side_has_message, &client);
    assert_int_equal(client.got.len, sizeof(text) + 1);
    assert_memory_equal(client.got.ptr, text, sizeof(text));
}

static void a_refused_upgrade_is_told_to_the_client(void **state)
{
    (void)state;
    connect_peer(); /* takes the only place that this test's server has */
    client_connect("kefu.v1.json", 0);
    WAIT(client_is_done, NULL);
    assert_null(client.conn);
    assert_int_equal(client_fault, ERR_IO);
}

static void a_plain_request_is_told_what_to_speak(void **state)
{
    static const char request[] = "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n";
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    http_server_adopt(http, fds[0]);
    assert_int_equal(send(peer, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    WAIT(peer_has_end, NULL);
    buf_add_char(&peer_got, '\0');
    assert_non_null(strstr(peer_got.ptr, "HTTP/1.1 426 Upgrade Required\r\n"));
    assert_non_null(strstr(peer_got.ptr, "\r\nUpgrade: websocket\r\n"));
    assert_non_null(strstr(peer_got.ptr, "\r\nSec-WebSocket-Version: 13\r\n"));
}

static void on_request_silent(void *ctx, const struct http_request *request, struct http_ref ref)
{
    (void)ctx;
    (void)request;
    (void)ref;
}

static void a_server_that_never_answers_is_given_up(void **state)
{
    struct http_server_options options = { .on_request = on_request_silent };

    (void)state;
    http_server_destroy(&http);
    http = http_server_create(loop, &options);
    net_listener_close(&listener);
    assert_int_equal(http_server_listen(http,
                                        &(struct net_listen_options){ .address = "127.0.0.1" },
                                        &listener, &(struct err){ 0 }),
                     ERR_OK);
    client_connect("", 10);
    WAIT(client_is_done, NULL);
    assert_null(client.conn);
    assert_int_equal(client_fault, ERR_TIMEOUT);
}

static void sends_of_one_turn_are_one_write(void **state)
{
    (void)state;
    connect_peer();
    for (int i = 0; i < 100; i++)
        assert_true(ws_conn_send(server.conn, SLICE_LITERAL("0123456789"), false));
    assert_int_equal(ws_conn_pending(server.conn), 1200);
    peer_read();
    assert_int_equal(peer_got.len, 0); /* nothing before the turn's end */
    peer_wanted = 1;
    WAIT(peer_has_wanted, NULL);
    assert_int_equal(peer_got.len, 1200);
}

static void the_queue_takes_its_bound_and_not_a_byte_more(void **state)
{
    static const char text[2000];

    (void)state;
    server_options.pending_max = 1000;
    connect_peer();
    assert_false(ws_conn_send(server.conn, slice_make(text, 997), true));
    assert_int_equal(ws_conn_pending(server.conn), 0);
    assert_true(ws_conn_send(server.conn, slice_make(text, 996), true)); /* and 4 of the head */
    assert_int_equal(ws_conn_pending(server.conn), 1000);
    assert_false(ws_conn_send(server.conn, SLICE_EMPTY, true));
    assert_false(ws_conn_ping(server.conn, SLICE_EMPTY));
    assert_int_equal(ws_conn_pings(server.conn), 0);
    ws_conn_close(&server.conn, WS_CODE_TRY_LATER, "full"); /* has room of its own */
    peer_wanted = 1000 + 2 + 2 + 4;
    WAIT(peer_has_wanted, NULL);
    assert_memory_equal(peer_got.ptr + 1000,
                        "\x88\x06\x03\xf5"
                        "full",
                        8);
}

static void side_check_queue(struct side *side)
{
    assert_in_range(ws_conn_pending(side->conn), 1000, 1000 + WS_HEAD_MAX + WS_CONTROL_MAX);
}

/* All of this is read in one turn, so nothing of the queue goes out meanwhile. */
static void pongs_stop_where_the_queue_is_full(void **state)
{
    (void)state;
    server_options.pending_max = 1000;
    connect_peer();
    server.on_message = side_check_queue;
    for (int i = 0; i < 200; i++)
        peer_send(WS_PING, true, SLICE_LITERAL("0123456789012345678901234567890123456789"));
    peer_send(WS_TEXT, true, SLICE_LITERAL("end"));
    WAIT(side_has_message, &server);
    assert_true(slice_equal_text(buf_slice(&server.got), "end|"));
}

static void pings_are_counted_until_a_pong_comes(void **state)
{
    (void)state;
    connect_both();
    assert_true(ws_conn_ping(server.conn, SLICE_LITERAL("a")));
    assert_true(ws_conn_ping(server.conn, SLICE_LITERAL("b")));
    assert_int_equal(ws_conn_pings(server.conn), 2);
    WAIT(side_has_pong, &server);
    assert_int_equal(ws_conn_pings(server.conn), 0);
}

static void close_is_answered_and_its_code_told(void **state)
{
    (void)state;
    connect_both();
    assert_true(ws_conn_send(server.conn, SLICE_LITERAL("last words"), false));
    ws_conn_close(&server.conn, WS_CODE_GOING_AWAY, "bye");
    assert_null(server.conn);
    WAIT(side_is_closed, &client);
    assert_int_equal(client.closed, WS_CODE_GOING_AWAY);
    assert_string_equal(client.reason, "bye");
    assert_true(slice_equal_text(buf_slice(&client.got), "last words|"));
    assert_int_equal(server.closed, 0); /* who closes is not told so */
}

static void nothing_is_handed_on_after_close_and_the_answer_ends_it(void **state)
{
    (void)state;
    connect_peer();
    ws_conn_close(&server.conn, WS_CODE_NORMAL, "");
    peer_wanted = 4;
    WAIT(peer_has_wanted, NULL);
    peer_send(WS_TEXT, true, SLICE_LITERAL("late"));
    peer_send(WS_TEXT, false, SLICE_LITERAL("later"));
    assert_false(loop_run_until(loop, peer_has_end, NULL, 5));
    peer_send(WS_CLOSE, true, SLICE_LITERAL("\x03\xe8"));
    WAIT(peer_has_end, NULL);
    assert_int_equal(server.messages, 0);
}

static void a_peer_that_does_not_answer_close_is_cut_off(void **state)
{
    (void)state;
    connect_peer();
    ws_times_set(loop, 10, WS_MESSAGE_MS_MAX);
    ws_conn_close(&server.conn, WS_CODE_NORMAL, "");
    WAIT(peer_has_end, NULL);
    assert_int_equal(peer_got.len, 4);
}

static void a_loop_may_go_while_connections_are_closing(void **state)
{
    (void)state;
    connect_peer();
    ws_conn_close(&server.conn, WS_CODE_NORMAL, ""); /* and teardown destroys the loop */
}

static void long_reasons_are_cut_between_characters(void **state)
{
    char reason[200] = "";

    (void)state;
    for (int i = 0; i < 60; i++)
        memcpy(reason + i * 3, "\xE4\xBD\xA0", 4);
    connect_both();
    ws_conn_close(&server.conn, WS_CODE_NORMAL, reason);
    WAIT(side_is_closed, &client);
    assert_int_equal(strlen(client.reason), 123);
}

static void side_close(struct side *side)
{
    ws_conn_close(&side->conn, WS_CODE_POLICY, "enough");
}

static void side_abort(struct side *side)
{
    ws_conn_abort(&side->conn);
}

static void a_callback_may_end_its_connection_though_more_was_read(void **state)
{
    static void (*const ends[])(struct side *) = { side_close, side_abort };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(ends); i++) {
        connect_peer();
        server.on_message = ends[i];
        server.messages = 0;
        peer_send(WS_TEXT, false, SLICE_LITERAL("o")); /* so that the message lies in our memory */
        peer_send(WS_CONTINUATION, true, SLICE_LITERAL("ne"));
        peer_send(WS_TEXT, true, SLICE_LITERAL("two"));
        peer_send(WS_CLOSE, true, SLICE_LITERAL("\x03\xe8"));
        WAIT(side_is_closed, &server);
        WAIT(peer_has_end, NULL);
        assert_int_equal(server.messages, 1);
        close(peer);
    }
    peer = -1;
}

static void faults_of_the_peer_close_with_their_code(void **state)
{
    (void)state;
    server_options.message_max = 100;
    connect_both();
    assert_true(ws_conn_send(client.conn, slice_make((char[101]){ 0 }, 101), true));
    WAIT(side_is_closed, &server);
    WAIT(side_is_closed, &client);
    assert_int_equal(server.closed, WS_CODE_TOO_BIG);
    assert_int_equal(client.closed, WS_CODE_TOO_BIG);
    assert_string_equal(client.reason, "the message is too long");
}

static bool waited(void *ctx)
{
    return loop_now_ms(loop) >= *(uint64_t *)ctx;
}

static void a_message_that_does_not_end_in_time_ends_the_connection(void **state)
{
    uint64_t until;

    (void)state;
    ws_times_set(loop, WS_CLOSE_MS_MAX, 10);
    connect_peer();
    peer_send(WS_TEXT, false, SLICE_LITERAL("slow"));
    assert_false(loop_run_until(loop, side_is_closed, &server, 1));
    until = loop_now_ms(loop) + 12;
    WAIT(waited, &until);
    assert_non_null(server.conn);
    peer_send(WS_PONG, true, SLICE_LITERAL("still here"));
    WAIT(side_is_closed, &server);
    assert_int_equal(server.closed, WS_CODE_POLICY);
    assert_string_equal(server.reason, "a message took too long");
}

static void many_connections_closed_at_once_all_hear_why(void **state)
{
    enum { MANY = 5000 }; /* more than may linger in net */
    static int peers[MANY];

    (void)state;
    ulimit_raise(2 * MANY + 100);
    for (int i = 0; i < MANY; i++) {
        connect_peer();
        peers[i] = peer;
        ws_conn_close(&server.conn, WS_CODE_GOING_AWAY, "");
    }
    for (int i = 0; i < MANY; i++) {
        peer = peers[i];
        buf_clear(&peer_got);
        peer_wanted = 4;
        WAIT(peer_has_wanted, NULL);
        assert_memory_equal(peer_got.ptr, "\x88\x02\x03\xe9", 4);
        peer_send(WS_CLOSE, true, SLICE_LITERAL("\x03\xe9"));
    }
    for (int i = 0; i < MANY; i++)
        close(peers[i]);
    peer = -1;
}

static void a_connection_that_breaks_is_told_as_abnormal(void **state)
{
    (void)state;
    connect_both();
    ws_conn_abort(&client.conn);
    WAIT(side_is_closed, &server);
    assert_int_equal(server.closed, WS_CODE_ABNORMAL);
}

static void owner_hears_when_a_full_socket_has_drained(void **state)
{
    static const char text[60000];
    unsigned sent = 0;

    (void)state;
    server_options.pending_max = 4 * 1024 * 1024;
    connect_peer();
    while (ws_conn_send(server.conn, slice_make(text, sizeof(text)), true))
        sent++;
    assert_true(sent > 60);
    peer_wanted = (size_t)sent * (sizeof(text) + 4);
    WAIT(peer_has_wanted, NULL);
    WAIT(side_is_drained, &server);
    assert_int_equal(ws_conn_pending(server.conn), 0);
}

static void bytes_behind_the_upgrade_request_are_the_first_message(void **state)
{
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        "\x81\x85\0\0\0\0hasty\x81\x83\0\0\0";
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer = fds[1];
    http_server_adopt(http, fds[0]);
    assert_int_equal(send(peer, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    WAIT(side_has_message, &server);
    assert_int_equal(send(peer, "\0two", 4, 0), 4);
    server.messages = 0;
    WAIT(side_has_message, &server);
    assert_true(slice_equal_text(buf_slice(&server.got), "hasty|two|"));
}

/* ---- moving ---- */

static struct loop *other;
static struct ws_moving *moving;

static void side_detach(struct side *side)
{
    assert_true(ws_conn_detach(&side->conn, &moving));
    side->on_message = NULL;
}

static bool server_is_detached(void *ctx)
{
    (void)ctx;
    return moving != NULL;
}

static void attach_elsewhere(void)
{
    struct err err;

    other = loop_create();
    assert_int_equal(ws_conn_attach(other, &moving, &side_ops, &server, &server.conn, &err),
                     ERR_OK);
    assert_null(moving);
    assert_int_equal(server.messages, 1); /* not within attach */
}

static void a_moved_connection_takes_along_what_was_read(void **state)
{
    (void)state;
    connect_peer();
    server.on_message = side_detach;
    peer_send(WS_TEXT, true, SLICE_LITERAL("hello"));
    peer_send(WS_TEXT, true, SLICE_LITERAL("second"));
    peer_send(WS_TEXT, false, SLICE_LITERAL("thi"));
    WAIT(server_is_detached, NULL);
    peer_send(WS_CONTINUATION, true, SLICE_LITERAL("rd"));
    attach_elsewhere();
    server.messages = 0;
    assert_true(wait_on(other, side_has_message, &server));
    server.messages = 0;
    if (server.got.len < strlen("hello|second|third|"))
        assert_true(wait_on(other, side_has_message, &server));
    assert_true(slice_equal_text(buf_slice(&server.got), "hello|second|third|"));
    assert_true(ws_conn_send(server.conn, SLICE_LITERAL("from there"), false));
    peer_wanted = 12;
    assert_true(wait_on(other, peer_has_wanted, NULL));
    ws_conn_abort(&server.conn);
    loop_destroy(&other);
}

static void a_connection_moved_within_a_message_goes_on_in_it(void **state)
{
    (void)state;
    connect_peer();
    peer_send(WS_TEXT, true, SLICE_LITERAL("one"));
    peer_send(WS_TEXT, false, SLICE_LITERAL("tw"));
    WAIT(side_has_message, &server);
    assert_true(ws_conn_detach(&server.conn, &moving));
    attach_elsewhere();
    peer_send(WS_CONTINUATION, true, SLICE_LITERAL("o"));
    server.messages = 0;
    assert_true(wait_on(other, side_has_message, &server));
    assert_true(slice_equal_text(buf_slice(&server.got), "one|two|"));
    ws_conn_abort(&server.conn);
    loop_destroy(&other);
}

static void a_connection_that_cannot_send_its_queue_stays(void **state)
{
    static const char text[200000];

    (void)state;
    server_options.pending_max = 4 * 1024 * 1024;
    connect_peer();
    for (int i = 0; i < 10; i++)
        assert_true(ws_conn_send(server.conn, slice_make(text, sizeof(text)), true));
    assert_false(ws_conn_detach(&server.conn, &moving));
    assert_non_null(server.conn);
    peer_wanted = 10 * (sizeof(text) + 10);
    WAIT(peer_has_wanted, NULL);
    assert_true(ws_conn_detach(&server.conn, &moving));
    ws_moving_drop(&moving);
    WAIT(peer_has_end, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(client_and_server_talk_both_ways),
        TEST(a_refused_upgrade_is_told_to_the_client),
        TEST(a_plain_request_is_told_what_to_speak),
        TEST(a_server_that_never_answers_is_given_up),
        TEST(sends_of_one_turn_are_one_write),
        TEST(the_queue_takes_its_bound_and_not_a_byte_more),
        TEST(pongs_stop_where_the_queue_is_full),
        TEST(pings_are_counted_until_a_pong_comes),
        TEST(close_is_answered_and_its_code_told),
        TEST(nothing_is_handed_on_after_close_and_the_answer_ends_it),
        TEST(a_peer_that_does_not_answer_close_is_cut_off),
        TEST(a_loop_may_go_while_connections_are_closing),
        TEST(long_reasons_are_cut_between_characters),
        TEST(a_callback_may_end_its_connection_though_more_was_read),
        TEST(faults_of_the_peer_close_with_their_code),
        TEST(a_message_that_does_not_end_in_time_ends_the_connection),
        TEST(many_connections_closed_at_once_all_hear_why),
        TEST(a_connection_that_breaks_is_told_as_abnormal),
        TEST(owner_hears_when_a_full_socket_has_drained),
        TEST(bytes_behind_the_upgrade_request_are_the_first_message),
        TEST(a_moved_connection_takes_along_what_was_read),
        TEST(a_connection_moved_within_a_message_goes_on_in_it),
        TEST(a_connection_that_cannot_send_its_queue_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
