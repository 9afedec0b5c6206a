/* SPDX-License-Identifier: Apache-2.0 */
/* The server over a real socket: a client on the same loop sends bytes and looks at what returns.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "buf.h"
#include "http_server.h"
#include "loop.h"
#include "net_test_cert.h"

struct client {
    struct net_stream *stream;
    struct buf got;
    bool ended;
    const char *wanted;
};

static struct loop *loop;
static struct http_server *server;
static struct net_listener *listener;
static struct client client;
static struct http_ref deferred;
static struct http_ref gone;
static unsigned requests;
static struct buf last_body;
static char last_peer[64];
static bool last_tls;
static struct net_stream *taken;
static struct buf taken_bytes;

static void client_bytes(void *owner, char *bytes, size_t len)
{
    buf_add(&((struct client *)owner)->got, bytes, len);
}

static void client_end(void *owner, enum net_end end)
{
    (void)end;
    ((struct client *)owner)->ended = true;
}

static const struct net_ops client_ops = { .on_bytes = client_bytes, .on_end = client_end };

static void taken_on_bytes(void *owner, char *bytes, size_t len)
{
    (void)owner;
    buf_add(&taken_bytes, bytes, len);
}

static void taken_on_end(void *owner, enum net_end end)
{
    (void)owner;
    (void)end;
}

static const struct net_ops taken_ops = { .on_bytes = taken_on_bytes, .on_end = taken_on_end };

static void take(struct http_ref ref)
{
    struct http_taken out;

    assert_true(http_upgrade(server, ref, &out));
    taken = out.stream;
    buf_add(&taken_bytes, out.rest, out.rest_len);
    net_owner_set(taken, &taken_ops, NULL);
    assert_true(net_write(taken, SLICE_LITERAL("HTTP/1.1 101 Switching Protocols\r\n\r\n")));
}

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    struct http_field field = { SLICE_LITERAL("X-Test"), SLICE_LITERAL("1") };
    struct http_reply reply = { .status = 200,
                                .type = SLICE_LITERAL("text/plain"),
                                .body = request->path,
                                .fields = &field,
                                .field_count = 1 };

    (void)ctx;
    requests++;
    buf_clear(&last_body);
    buf_add_slice(&last_body, request->body);
    snprintf(last_peer, sizeof(last_peer), "%.*s", SLICE_ARGS(request->peer));
    last_tls = request->tls;
    if (slice_equal_text(request->path, "/later"))
        deferred = ref;
    else if (slice_equal_text(request->path, "/stream"))
        deferred = http_stream_begin(server, ref, &reply) ? ref : deferred;
    else if (slice_equal_text(request->path, "/take"))
        take(ref);
    else if (slice_equal_text(request->path, "/empty"))
        assert_true(http_reply(server, ref, &(struct http_reply){ .status = 204 }));
    else
        assert_true(http_reply(server, ref, &reply));
}

static void on_gone(void *ctx, struct http_ref ref)
{
    (void)ctx;
    gone = ref;
}

static void client_connect(struct client *c)
{
    struct err err;

    buf_init(&c->got, 16 * 1024 * 1024);
    assert_int_equal(net_connect(loop, "127.0.0.1", net_listener_port(listener), &client_ops, c,
                                 &c->stream, &err),
                     ERR_OK);
}

static void server_start(const struct http_server_options *more)
{
    struct net_listen_options listen = { .address = "127.0.0.1" };
    struct http_server_options options = *more;
    struct err err;

    options.on_request = on_request;
    options.on_gone = on_gone;
    server = http_server_create(loop, &options);
    assert_int_equal(http_server_listen(server, &listen, &listener, &err), ERR_OK);
    client_connect(&client);
}

static int setup(void **state)
{
    (void)state;
    memset(&client, 0, sizeof(client));
    memset(&deferred, 0, sizeof(deferred));
    memset(&gone, 0, sizeof(gone));
    requests = 0;
    buf_init(&last_body, HTTP_BODY_MAX);
    buf_init(&taken_bytes, HTTP_BODY_MAX);
    loop = loop_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_abort(&client.stream);
    net_abort(&taken);
    net_listener_close(&listener);
    http_server_destroy(&server);
    buf_fini(&client.got);
    buf_fini(&last_body);
    buf_fini(&taken_bytes);
    loop_destroy(&loop);
    return 0;
}

static void client_send(const char *text)
{
    assert_true(net_write(client.stream, slice_of(text)));
}

static bool client_has(void *ctx)
{
    struct client *c = ctx;

    return c->got.len > 0 && memmem(c->got.ptr, c->got.len, c->wanted, strlen(c->wanted)) != NULL;
}

static void expect_text(struct client *c, const char *text)
{
    c->wanted = text;
    if (!loop_run_until(loop, client_has, c, 3000))
        print_error("got: %.*s\n", SLICE_ARGS(buf_slice(&c->got)));
    assert_true(client_has(c));
}

static bool client_ended(void *ctx)
{
    return ((struct client *)ctx)->ended;
}

static bool has_requests(void *ctx)
{
    return requests >= *(unsigned *)ctx;
}

static bool has_gone(void *ctx)
{
    (void)ctx;
    return gone.generation != 0;
}

static void request_is_answered_and_the_connection_kept(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "/one");
    assert_true(client_has(&(struct client){ .got = client.got, .wanted = "HTTP/1.1 200 OK\r\n" }));
    assert_true(client_has(&(struct client){ .got = client.got, .wanted = "\r\nDate: " }));
    assert_true(
        client_has(&(struct client){ .got = client.got, .wanted = "Content-Length: 4\r\n" }));
    assert_true(client_has(&(struct client){ .got = client.got, .wanted = "X-Test: 1\r\n" }));
    client_send("HEAD /two HTTP/1.1\r\nHost: a\r\n\r\nGET /three HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "/three");
    assert_false(client_has(&(struct client){ .got = client.got, .wanted = "/two" }));
    assert_int_equal(http_server_connections(server), 1);
    assert_string_equal(last_peer, "127.0.0.1");
}

static void pipelined_requests_are_answered_in_order_around_a_late_one(void **state)
{
    struct http_reply late = { .status = 200, .body = SLICE_LITERAL("LATE") };
    unsigned two = 2;
    const char *at;

    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(loop_run_until(loop, has_requests, &two, 3000));
    assert_true(http_reply(server, deferred, &late));
    assert_false(http_reply(server, deferred, &late)); /* answered already */
    two = 4;
    assert_true(loop_run_until(loop, has_requests, &two, 3000));
    assert_true(http_reply(server, deferred, &late));
    assert_true(loop_run_until(loop, client_ended, &client, 3000));
    buf_add_char(&client.got, '\0');
    at = strstr(client.got.ptr, "\r\n\r\n/a");
    assert_non_null(at);
    assert_non_null(at = strstr(at, "LATE"));
    assert_non_null(at = strstr(at, "\r\n\r\n/b"));
    assert_non_null(at = strstr(at, "LATE"));
    assert_non_null(at = strstr(at, "Connection: close"));
    assert_non_null(strstr(at, "\r\n\r\n/c"));
}

static void body_comes_whole_by_length_and_by_chunks(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    client.wanted = "x";
    assert_false(loop_run_until(loop, client_has, &client, 5));
    client_send("56789POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    expect_text(&client, "\r\n\r\n/x");
    assert_true(slice_equal_text(buf_slice(&last_body), "0123456789"));
    client_send("c\r\n2\r\nde\r\n0\r\n\r\n");
    expect_text(&client, "\r\n\r\n/y");
    assert_true(slice_equal_text(buf_slice(&last_body), "abcde"));
}

static void body_of_the_greatest_length_is_taken(void **state)
{
    static char body[HTTP_BODY_MAX];
    unsigned one = 1;

    (void)state;
    memset(body, 'b', sizeof(body));
    server_start(&(struct http_server_options){ 0 });
    client_send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    assert_true(net_write(client.stream, slice_make(body, sizeof(body))));
    assert_true(loop_run_until(loop, has_requests, &one, 5000));
    assert_int_equal(last_body.len, sizeof(body));
    expect_text(&client, "\r\n\r\n/x");
}

static void waiting_client_is_told_to_continue(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect_text(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send("ok");
    expect_text(&client, "\r\n\r\n/x");
}

static void malformed_request_is_refused_and_the_connection_closed(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET / HTTP/1.1\r\nHost : a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "HTTP/1.1 400 Bad Request\r\n");
    assert_true(loop_run_until(loop, client_ended, &client, 3000));
    assert_int_equal(requests, 0);
}

static void answer_without_content_has_no_length(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /empty HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "\r\n\r\n/next");
    assert_true(client_has(&(struct client){ .got = client.got, .wanted = "204 No Content\r\n" }));
    buf_add_char(&client.got, '\0');
    assert_null(memmem(client.got.ptr, 80, "Content-Length", 14));
}

static void stream_goes_out_in_chunks_until_its_end(void **state)
{
    unsigned one = 1;

    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_run_until(loop, has_requests, &one, 3000));
    assert_true(http_stream_write(server, deferred, SLICE_LITERAL("data: 1\n\n"), 1000));
    assert_false(http_stream_write(server, deferred, SLICE_LITERAL("data: 2\n\n"), 5));
    expect_text(&client, "Transfer-Encoding: chunked\r\n\r\n7\r\n/stream\r\n9\r\ndata: 1\n\n\r\n");
    assert_true(http_stream_end(server, deferred));
    assert_false(http_stream_write(server, deferred, SLICE_LITERAL("x"), 1000));
    expect_text(&client, "\r\n\r\n/after");
}

static void owner_of_an_exchange_hears_that_its_client_left(void **state)
{
    unsigned one = 1;

    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_run_until(loop, has_requests, &one, 3000));
    net_abort(&client.stream);
    assert_true(loop_run_until(loop, has_gone, NULL, 3000));
    assert_int_equal(gone.generation, deferred.generation);
    assert_false(http_stream_write(server, deferred, SLICE_LITERAL("x"), 1000));
    assert_int_equal(http_server_connections(server), 0);
}

static void half_closed_client_still_gets_its_late_answer(void **state)
{
    unsigned one = 1;

    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_run_until(loop, has_requests, &one, 3000));
    assert_int_equal(shutdown(net_stream_fd(client.stream), SHUT_WR), 0);
    assert_false(loop_run_until(loop, has_gone, NULL, 10));
    assert_true(http_reply(server, deferred,
                           &(struct http_reply){ .status = 200, .body = SLICE_LITERAL("LATE") }));
    expect_text(&client, "LATE");
    assert_true(loop_run_until(loop, client_ended, &client, 3000));
}

static void taken_stream_gets_what_followed_the_request(void **state)
{
    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /take HTTP/1.1\r\nHost: a\r\n\r\nframe");
    expect_text(&client, "101 Switching");
    assert_true(slice_equal_text(buf_slice(&taken_bytes), "frame"));
    assert_int_equal(http_server_connections(server), 0);
    assert_true(net_write(taken, SLICE_LITERAL("hello")));
    expect_text(&client, "hello");
}

static void silent_and_slow_clients_are_cut_off(void **state)
{
    struct client slow = { 0 };

    (void)state;
    server_start(&(struct http_server_options){
        .head_ms_max = 30, .idle_ms_max = 30, .body_grace_ms = 30, .sweep_ms = 5 });
    assert_true(loop_run_until(loop, client_ended, &client, 3000)); /* never spoke */
    client_connect(&slow);
    assert_true(net_write(slow.stream, SLICE_LITERAL("GET / HT")));
    expect_text(&slow, "408 Request Timeout");
    net_abort(&slow.stream);
    buf_fini(&slow.got);
    slow = (struct client){ 0 };
    client_connect(&slow);
    assert_true(net_write(slow.stream, SLICE_LITERAL("POST / HTTP/1.1\r\nHost: a\r\n"
                                                     "Content-Length: 100000\r\n\r\n")));
    expect_text(&slow, "408 Request Timeout");
    assert_int_equal(requests, 0);
    net_abort(&slow.stream);
    buf_fini(&slow.got);
}

static void connection_past_the_bound_is_told_503(void **state)
{
    struct client extra = { 0 };

    (void)state;
    server_start(&(struct http_server_options){ .connections_max = 1 });
    client_send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "/one");
    client_connect(&extra);
    expect_text(&extra, "503 Service Unavailable");
    assert_true(loop_run_until(loop, client_ended, &extra, 3000));
    net_abort(&extra.stream);
    buf_fini(&extra.got);
}

static void forwarded_address_counts_from_a_trusted_peer_only(void **state)
{
    struct http_trust trust;
    struct err err;

    (void)state;
    assert_int_equal(http_trust_parse(SLICE_LITERAL("127.0.0.1"), &trust, &err), ERR_OK);
    server_start(&(struct http_server_options){ .trust = &trust });
    client_send("GET /one HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.4\r\n"
                "X-Forwarded-Proto: https\r\n\r\n");
    expect_text(&client, "/one");
    assert_string_equal(last_peer, "198.51.100.4");
    assert_true(last_tls);
    assert_int_equal(http_trust_parse(SLICE_LITERAL("10.0.0.1"), &trust, &err), ERR_OK);
    client_send("GET /two HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.4\r\n"
                "X-Forwarded-Proto: https\r\n\r\n");
    expect_text(&client, "/two");
    assert_string_equal(last_peer, "127.0.0.1");
    assert_false(last_tls);
}

static void draining_server_lets_go_of_idle_connections_and_finishes_the_others(void **state)
{
    unsigned one = 1;

    (void)state;
    server_start(&(struct http_server_options){ 0 });
    client_send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_run_until(loop, has_requests, &one, 3000));
    http_server_drain(server);
    assert_int_equal(http_server_connections(server), 1);
    assert_true(http_reply(server, deferred,
                           &(struct http_reply){ .status = 200, .body = SLICE_LITERAL("LATE") }));
    expect_text(&client, "Connection: close");
    assert_int_equal(http_server_connections(server), 0);
}

#define HTTP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void request_over_tls_is_known_as_such(void **state)
{
    struct net_tls_context *server_tls = NULL;
    struct net_tls_context *client_tls = NULL;
    struct net_test_cert cert;
    struct err err;

    (void)state;
    net_test_cert_make(&cert, "IP:127.0.0.1");
    assert_int_equal(net_tls_server_create(cert.chain, cert.key, &server_tls, &err), ERR_OK);
    assert_int_equal(net_tls_client_create(cert.chain, &client_tls, &err), ERR_OK);
    net_test_cert_remove(&cert);
    server_start(&(struct http_server_options){ 0 });
    http_server_tls_set(server, server_tls);
    assert_int_equal(net_tls_connect(client.stream, client_tls, "127.0.0.1", &err), ERR_OK);
    client_send("GET /safe HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_text(&client, "/safe");
    assert_true(last_tls);
    net_tls_context_destroy(&server_tls);
    net_tls_context_destroy(&client_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(request_over_tls_is_known_as_such),
        HTTP_TEST(request_is_answered_and_the_connection_kept),
        HTTP_TEST(pipelined_requests_are_answered_in_order_around_a_late_one),
        HTTP_TEST(body_comes_whole_by_length_and_by_chunks),
        HTTP_TEST(body_of_the_greatest_length_is_taken),
        HTTP_TEST(waiting_client_is_told_to_continue),
        HTTP_TEST(malformed_request_is_refused_and_the_connection_closed),
        HTTP_TEST(answer_without_content_has_no_length),
        HTTP_TEST(stream_goes_out_in_chunks_until_its_end),
        HTTP_TEST(owner_of_an_exchange_hears_that_its_client_left),
        HTTP_TEST(half_closed_client_still_gets_its_late_answer),
        HTTP_TEST(taken_stream_gets_what_followed_the_request),
        HTTP_TEST(silent_and_slow_clients_are_cut_off),
        HTTP_TEST(connection_past_the_bound_is_told_503),
        HTTP_TEST(forwarded_address_counts_from_a_trusted_peer_only),
        HTTP_TEST(draining_server_lets_go_of_idle_connections_and_finishes_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
