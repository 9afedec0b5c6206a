/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that move between real shards, plain and with TLS, with messages on the way: what a
 * visitor's connection does after its hello. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "loop.h"
#include "mem.h"
#include "net.h"
#include "net_test_cert.h"
#include "shard.h"
#include "ws.h"

enum { CONNECTIONS = 50, MESSAGES = 20, WAIT_MS = 10000 };

/* One for each connection; owned by the shard that the connection is on. */
struct session {
    struct shard_msg head; /* on the way */
    struct ws_moving *moving;
    struct ws_conn *conn;
    struct session *next; /* of those on a shard */
};

struct shard_state {
    struct http_server *http;
    struct net_listener *listener;
    struct session *sessions;
};

static struct shard_group *group;
static const struct net_tls_context *server_tls;
static uint16_t port; /* written before the group has started, by shard 0 */

/* ---- server ---- */

static struct shard_state *here(void)
{
    return shard_user(shard_current());
}

static void session_link(struct session *session)
{
    session->next = here()->sessions;
    here()->sessions = session;
}

static void session_unlink(struct session *session)
{
    struct session **at = &here()->sessions;

    while (*at != session)
        at = &(*at)->next;
    *at = session->next;
}

static void server_message(void *owner, struct slice message, bool binary);

static void server_closed(void *owner, unsigned code, struct slice reason)
{
    (void)code;
    (void)reason;
    session_unlink(owner);
    free(owner);
}

static const struct ws_ops server_ops = { .on_message = server_message,
                                          .on_closed = server_closed };

static void arrive(struct shard_msg *msg, struct shard *shard)
{
    struct session *session = CONTAINER_OF(msg, struct session, head);
    struct err err;

    ENSURE(ws_conn_attach(shard_loop(shard), &session->moving, &server_ops, session, &session->conn,
                          &err) == ERR_OK);
    session_link(session);
    ENSURE(ws_conn_send(session->conn, SLICE_LITERAL("welcome"), false));
}

static void server_message(void *owner, struct slice message, bool binary)
{
    struct session *session = owner;
    uint32_t shard = shard_index(shard_current());
    struct shard_msg *msg = &session->head;

    if (!slice_equal_text(message, "hello")) {
        ENSURE(shard == 1); /* everything behind the hello is worked where it was sent to */
        ENSURE(ws_conn_send(session->conn, message, binary));
        return;
    }
    ENSURE(shard == 0 && ws_conn_detach(&session->conn, &session->moving));
    session_unlink(session);
    session->head = (struct shard_msg){ .run = arrive };
    ENSURE(shard_post(shard_group_at(shard_group_of(shard_current()), 1), &msg));
}

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    static const char *const subprotocols[] = { NULL };
    static const struct ws_options options = { 0 };
    struct shard_state *state = ctx;
    struct session *session = mem_zalloc(sizeof(*session));
    struct ws_handshake handshake;

    ws_handshake_check(request, subprotocols, &handshake);
    ENSURE(handshake.status == 0);
    session->conn = ws_accept(state->http, ref, &handshake, &options, &server_ops, session);
    ENSURE(session->conn != NULL);
    session_link(session);
}

static enum err_code shard_init(struct shard *shard, void *ctx, struct err *err)
{
    struct shard_state *state = mem_zalloc(sizeof(*state));
    struct http_server_options options = { .on_request = on_request, .ctx = state };
    struct net_listen_options at = { .address = "127.0.0.1" };

    (void)ctx;
    shard_user_set(shard, state);
    if (shard_index(shard) != 0)
        return ERR_OK;
    state->http = http_server_create(shard_loop(shard), &options);
    http_server_tls_set(state->http, server_tls);
    if (http_server_listen(state->http, &at, &state->listener, err) != ERR_OK)
        return ERR_IO;
    port = net_listener_port(state->listener);
    return ERR_OK;
}

static void shard_fini(struct shard *shard, void *ctx)
{
    struct shard_state *state = shard_user(shard);

    (void)ctx;
    while (state->sessions != NULL) {
        struct session *session = state->sessions;

        session_unlink(session);
        ws_conn_abort(&session->conn);
        free(session);
    }
    net_listener_close(&state->listener);
    http_server_destroy(&state->http);
    free(state);
}

/* ---- clients, on a loop of the test's own thread ---- */

struct client {
    struct ws_client *starting;
    struct ws_conn *conn;
    struct buf got;
};

static struct loop *loop;
static struct client clients[CONNECTIONS];
static unsigned complete;
static size_t expected_len;

static void client_message(void *owner, struct slice message, bool binary)
{
    struct client *client = owner;

    (void)binary;
    buf_add_slice(&client->got, message);
    buf_add_char(&client->got, '|');
    complete += client->got.len == expected_len;
}

static void client_closed(void *owner, unsigned code, struct slice reason)
{
    (void)owner;
    fail_msg("closed with %u %.*s", code, SLICE_ARGS(reason));
}

static const struct ws_ops client_ops = { .on_message = client_message,
                                          .on_closed = client_closed };

static void expected_write(struct buf *out)
{
    buf_add_text(out, "welcome|");
    for (unsigned i = 0; i < MESSAGES; i++)
        buf_printf(out, "message %u|", i);
}

/* The hello and what follows leave in one write, so most of it is read before the move. */
static void client_open(void *ctx, struct ws_conn *conn, const struct err *err)
{
    struct client *client = ctx;
    char text[32];

    if (conn == NULL)
        fail_msg("%s", err->text);
    client->starting = NULL;
    client->conn = conn;
    assert_true(ws_conn_send(conn, SLICE_LITERAL("hello"), false));
    for (unsigned i = 0; i < MESSAGES; i++) {
        int len = snprintf(text, sizeof(text), "message %u", i);

        assert_true(ws_conn_send(conn, slice_make(text, (size_t)len), false));
    }
}

static bool all_complete(void *ctx)
{
    (void)ctx;
    return complete == CONNECTIONS;
}

static void clients_start(const struct net_tls_context *tls)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct ws_client_options options = { .address = "127.0.0.1",
                                             .port = port,
                                             .tls = tls,
                                             .tls_host = "127.0.0.1",
                                             .request = { .host = SLICE_LITERAL("localhost"),
                                                          .path = SLICE_LITERAL("/ws") },
                                             .done = client_open,
                                             .ctx = &clients[i],
                                             .ops = &client_ops,
                                             .owner = &clients[i] };
        struct err err;

        clients[i] = (struct client){ 0 };
        buf_init(&clients[i].got, 1 << 20);
        assert_int_equal(ws_client_start(loop, &options, &clients[i].starting, &err), ERR_OK);
    }
}

static void play(const struct net_tls_context *tls)
{
    static const struct shard_ops ops = { .init = shard_init, .fini = shard_fini };
    struct buf expected;
    struct err err;

    buf_init(&expected, 1 << 20);
    expected_write(&expected);
    expected_len = expected.len;
    complete = 0;
    loop = loop_create();
    assert_int_equal(shard_group_start(2, &ops, &group, &err), ERR_OK);
    clients_start(tls);
    assert_true(loop_run_until(loop, all_complete, NULL, WAIT_MS));
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_true(slice_equal(buf_slice(&clients[i].got), buf_slice(&expected)));
        ws_conn_abort(&clients[i].conn);
        buf_fini(&clients[i].got);
    }
    shard_group_stop(&group);
    loop_destroy(&loop);
    buf_fini(&expected);
}

static void plain_connections_move_with_what_was_read(void **state)
{
    (void)state;
    server_tls = NULL;
    play(NULL);
}

static void tls_connections_move_with_what_was_read(void **state)
{
    struct net_tls_context *own = NULL;
    struct net_tls_context *client_tls = NULL;
    struct net_test_cert cert;
    struct err err;

    (void)state;
    net_test_cert_make(&cert, "IP:127.0.0.1");
    assert_int_equal(net_tls_server_create(cert.chain, cert.key, &own, &err), ERR_OK);
    assert_int_equal(net_tls_client_create(cert.chain, &client_tls, &err), ERR_OK);
    net_test_cert_remove(&cert);
    server_tls = own;
    play(client_tls);
    net_tls_context_destroy(&own);
    net_tls_context_destroy(&client_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_connections_move_with_what_was_read),
        cmocka_unit_test(tls_connections_move_with_what_was_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
