/* SPDX-License-Identifier: Apache-2.0 */
/* Calls over real sockets of this host: to our own server, to servers that misbehave, and with
 * names that a small name server of the test gives away. */
#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "buf.h"
#include "http_client.h"
#include "http_server.h"
#include "loop.h"
#include "net_test_cert.h"

enum { WAIT_MS = 5000, BIG = 100 * 1000 };

static struct loop *loop;
static struct http_server *server;
static struct net_listener *listener;
static struct http_guard guard;
static struct http_client *client;

/* what the server saw */
static unsigned requests;
static struct buf seen; /* method, target, fields, body of the last request */

/* what the call gave */
static unsigned done_count;
static struct err fault;
static int status;
static struct buf body;
static struct buf location;
static unsigned pieces;

/* ---- our server ---- */

static void on_request(void *ctx, const struct http_request *request, struct http_ref ref)
{
    static char big[BIG];
    struct http_field redirect = { SLICE_LITERAL("Location"), SLICE_LITERAL("/elsewhere") };
    struct http_reply reply = { .status = 200, .body = SLICE_LITERAL("fine") };

    (void)ctx;
    requests++;
    buf_clear(&seen);
    buf_printf(&seen, "%.*s %.*s\n", SLICE_ARGS(request->method_text), SLICE_ARGS(request->target));
    for (uint32_t i = 0; i < request->field_count; i++)
        buf_printf(&seen, "%.*s: %.*s\n", SLICE_ARGS(request->fields[i].name),
                   SLICE_ARGS(request->fields[i].value));
    buf_add_slice(&seen, request->body);
    if (slice_equal_text(request->path, "/redirect"))
        reply = (struct http_reply){ .status = 302, .fields = &redirect, .field_count = 1 };
    if (slice_equal_text(request->path, "/big"))
        reply.body = slice_make(big, sizeof(big));
    if (slice_equal_text(request->path, "/empty"))
        reply = (struct http_reply){ .status = 204 };
    assert_true(http_reply(server, ref, &reply));
}

/* ---- servers that misbehave ---- */

enum tarpit { SILENT, DRIP, ENDLESS, RESET, CUT, GARBAGE };

static struct {
    enum tarpit kind;
    struct net_listener *listener;
    struct net_stream *stream;
    struct loop_timer timer;
    unsigned accepted;
} tarpit;

static void tarpit_work(struct loop_timer *timer)
{
    static const char chunk[8192] = "x";

    if (tarpit.stream == NULL)
        return;
    if (tarpit.kind == DRIP && !net_write(tarpit.stream, SLICE_LITERAL("H")))
        return;
    if (tarpit.kind == ENDLESS && net_pending(tarpit.stream) == 0 &&
        !net_write(tarpit.stream, slice_make(chunk, sizeof(chunk))))
        return;
    loop_timer_start(loop, timer, 1);
}

static void tarpit_bytes(void *owner, char *bytes, size_t len)
{
    struct linger hard = { .l_onoff = 1 };

    (void)owner;
    (void)bytes;
    (void)len;
    switch (tarpit.kind) {
    case SILENT:
        return;
    case DRIP:
        break;
    case ENDLESS:
        assert_true(net_write(tarpit.stream, SLICE_LITERAL("HTTP/1.1 200 OK\r\n\r\n")));
        break;
    case RESET:
        setsockopt(net_stream_fd(tarpit.stream), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        net_abort(&tarpit.stream);
        return;
    case CUT:
        assert_true(net_write(tarpit.stream,
                              SLICE_LITERAL("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")));
        net_close(&tarpit.stream);
        return;
    case GARBAGE:
        assert_true(net_write(tarpit.stream, SLICE_LITERAL("SSH-2.0-what\r\n\r\n")));
        return;
    }
    loop_timer_start(loop, &tarpit.timer, 1);
}

static void tarpit_end(void *owner, enum net_end end)
{
    (void)owner;
    (void)end;
    net_abort(&tarpit.stream);
}

static const struct net_ops tarpit_ops = { .on_bytes = tarpit_bytes, .on_end = tarpit_end };

static void tarpit_accept(void *ctx, int fd)
{
    struct err err;

    (void)ctx;
    tarpit.accepted++;
    loop_timer_stop(loop, &tarpit.timer); /* of the connection before: no body before a head */
    if (tarpit.stream != NULL)
        net_abort(&tarpit.stream);
    assert_int_equal(net_adopt(loop, fd, &tarpit_ops, NULL, &tarpit.stream, &err), ERR_OK);
}

/* ---- a name server ---- */

static struct {
    uv_poll_t poll;
    int fd;
    uint16_t port;
    bool silent;
    unsigned questions;
} dns;

static const struct {
    const char *name;
    const char *addresses[3];
} names[] = {
    { "good.test", { "127.0.0.1" } },
    { "mixed.test", { "127.0.0.1", "10.0.0.1" } },
    { "private.test", { "192.168.1.1" } },
    { "metadata.test", { "169.254.169.254" } },
    { "two.test", { "127.0.0.2", "127.0.0.1" } },
    { "none.test", { NULL } },
};

/* The question's name with dots; how many bytes it takes on the wire. */
static size_t dns_name(const unsigned char *at, char out[256])
{
    size_t len = 0;
    size_t used = 0;

    while (at[used] != 0) {
        if (len > 0)
            out[len++] = '.';
        memcpy(out + len, at + used + 1, at[used]);
        len += at[used];
        used += at[used] + 1u;
    }
    out[len] = '\0';
    return used + 1;
}

static size_t dns_answer(unsigned char *packet, size_t len)
{
    static const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4 };
    char name[256];
    size_t question = dns_name(packet + 12, name) + 4;
    unsigned type = packet[12 + question - 3];
    size_t size = 12 + question;
    unsigned answers = 0;
    size_t found = 0;

    assert_true(len >= size);
    while (found < LENGTH_OF(names) && strcasecmp(names[found].name, name) != 0)
        found++;
    for (size_t i = 0; found < LENGTH_OF(names) && type == 1 && i < 3; i++) {
        if (names[found].addresses[i] == NULL)
            break;
        memcpy(packet + size, record, sizeof(record));
        assert_int_equal(
            inet_pton(AF_INET, names[found].addresses[i], packet + size + sizeof(record)), 1);
        size += sizeof(record) + 4;
        answers++;
    }
    packet[2] = 0x81; /* an answer */
    packet[3] = found < LENGTH_OF(names) ? 0x80 : 0x83;
    packet[7] = (unsigned char)answers;
    memset(packet + 8, 0, 4);
    return size;
}

static void dns_readable(uv_poll_t *poll, int poll_status, int events)
{
    unsigned char packet[1500];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(dns.fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);

    (void)poll;
    (void)poll_status;
    (void)events;
    if (n < 12)
        return;
    dns.questions++;
    if (dns.silent)
        return;
    n = (ssize_t)dns_answer(packet, (size_t)n);
    assert_int_equal(sendto(dns.fd, packet, (size_t)n, 0, (struct sockaddr *)&from, from_len), n);
}

static void dns_start(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    dns.silent = false;
    dns.questions = 0;
    dns.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dns.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(dns.fd, (struct sockaddr *)&at, &len), 0);
    dns.port = ntohs(at.sin_port);
    assert_int_equal(uv_poll_init(loop_uv(loop), &dns.poll, dns.fd), 0);
    uv_poll_start(&dns.poll, UV_READABLE, dns_readable);
}

/* ---- calls ---- */

static void on_done(void *ctx, const struct http_response *response, const struct err *err)
{
    (void)ctx;
    done_count++;
    fault = err != NULL ? *err : (struct err){ 0 };
    if (response == NULL)
        return;
    status = response->status;
    buf_add_slice(&body, response->body);
    buf_clear(&location);
    buf_add_slice(&location, http_response_field(response, "Location"));
}

static void on_piece(void *ctx, int piece_status, struct slice piece)
{
    (void)ctx;
    assert_int_equal(piece_status, 200);
    pieces++;
    buf_add_slice(&body, piece);
}

static bool is_done(void *ctx)
{
    (void)ctx;
    return done_count > 0;
}

/* A URL of our server or of the tarpit. */
static struct slice url_of(const char *scheme, const char *host, const struct net_listener *where,
                           const char *path)
{
    static char text[256];

    return slice_make(text, (size_t)snprintf(text, sizeof(text), "%s://%s:%u%s", scheme, host,
                                             net_listener_port(where), path));
}

static struct http_call start(struct http_call_options options)
{
    struct http_call call;
    struct err err;

    options.done = on_done;
    done_count = 0;
    buf_clear(&body);
    assert_int_equal(http_client_start(client, &options, &call, &err), ERR_OK);
    assert_int_equal(done_count, 0);
    return call;
}

static void run(struct http_call_options options)
{
    start(options);
    assert_true(loop_run_until(loop, is_done, NULL, WAIT_MS));
    assert_int_equal(done_count, 1);
    assert_int_equal(http_client_calls(client), 0);
}

static enum err_code refused(struct http_call_options options)
{
    struct http_call call;

    options.done = on_done;
    return http_client_start(client, &options, &call, &fault);
}

static void client_start(const struct net_tls_context *tls, uint32_t calls_max)
{
    char servers[64];
    struct http_client_options options = {
        .guard = &guard, .tls = tls, .dns_servers = servers, .calls_max = calls_max
    };
    struct err err;

    snprintf(servers, sizeof(servers), "127.0.0.1:%u", dns.port);
    assert_int_equal(http_client_create(loop, &options, &client, &err), ERR_OK);
}

static int setup(void **state)
{
    struct http_server_options options = { .on_request = on_request };
    struct net_listen_options at = { .address = "127.0.0.1" };
    char ports[64];
    struct err err;

    (void)state;
    loop = loop_create();
    server = http_server_create(loop, &options);
    assert_int_equal(http_server_listen(server, &at, &listener, &err), ERR_OK);
    memset(&tarpit, 0, sizeof(tarpit));
    loop_timer_init(&tarpit.timer, tarpit_work);
    assert_int_equal(net_listen(loop, &at, tarpit_accept, NULL, &tarpit.listener, &err), ERR_OK);
    dns_start();
    snprintf(ports, sizeof(ports), "%u,%u,1", net_listener_port(listener),
             net_listener_port(tarpit.listener));
    assert_int_equal(http_guard_parse(SLICE_LITERAL("127.0.0.1, 127.0.0.2"), SLICE_EMPTY,
                                      slice_of(ports), &guard, &err),
                     ERR_OK);
    client_start(NULL, 0);
    requests = 0;
    pieces = 0;
    status = 0;
    buf_init(&seen, 1 << 20);
    buf_init(&body, 1 << 24);
    buf_init(&location, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_client_destroy(&client);
    net_abort(&tarpit.stream);
    loop_timer_stop(loop, &tarpit.timer);
    net_listener_close(&tarpit.listener);
    net_listener_close(&listener);
    http_server_destroy(&server);
    uv_close((uv_handle_t *)&dns.poll, NULL);
    loop_destroy(&loop);
    close(dns.fd);
    buf_fini(&seen);
    buf_fini(&body);
    buf_fini(&location);
    return 0;
}

/* ---- answers ---- */

static bool saw(const char *text)
{
    return memmem(seen.ptr, seen.len, text, strlen(text)) != NULL;
}

static void a_get_is_sent_and_its_answer_given(void **state)
{
    char host[64];

    (void)state;
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "?q=1") });
    assert_int_equal(fault.code, ERR_OK);
    assert_int_equal(status, 200);
    assert_true(slice_equal_text(buf_slice(&body), "fine"));
    snprintf(host, sizeof(host), "\nHost: 127.0.0.1:%u\n", net_listener_port(listener));
    assert_true(saw("GET /?q=1\n"));
    assert_true(saw(host));
    assert_true(saw("\nUser-Agent: kefu/"));
    assert_false(saw("Content-Length"));
}

static void a_post_carries_fields_and_body(void **state)
{
    struct http_field fields[] = { { SLICE_LITERAL("Content-Type"), SLICE_LITERAL("a/b") },
                                   { SLICE_LITERAL("Authorization"), SLICE_LITERAL("Bearer x") } };

    (void)state;
    run((struct http_call_options){ .method = HTTP_POST,
                                    .url = url_of("http", "127.0.0.1", listener, "/hook"),
                                    .fields = fields,
                                    .field_count = 2,
                                    .body = SLICE_LITERAL("{\"a\":1}") });
    assert_int_equal(status, 200);
    assert_true(saw("POST /hook\n"));
    assert_true(saw("\nContent-Type: a/b\nAuthorization: Bearer x\n"));
    assert_true(saw("\nContent-Length: 7\n"));
    assert_true(saw("\n{\"a\":1}"));
}

static void answers_without_a_body_end_at_once(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "/empty") });
    assert_int_equal(status, 204);
    run((struct http_call_options){ .method = HTTP_HEAD,
                                    .url = url_of("http", "127.0.0.1", listener, "/big") });
    assert_int_equal(status, 200);
    assert_int_equal(body.len, 0);
}

static void a_redirect_is_given_and_not_followed(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "/redirect") });
    assert_int_equal(status, 302);
    assert_true(slice_equal_text(buf_slice(&location), "/elsewhere"));
    assert_int_equal(requests, 1);
}

static void a_body_of_the_limit_passes_and_a_longer_one_does_not(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "/big"),
                                    .body_max = BIG });
    assert_int_equal(fault.code, ERR_OK);
    assert_int_equal(body.len, BIG);
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "/big"),
                                    .body_max = BIG - 1 });
    assert_int_equal(fault.code, ERR_TOO_BIG);
}

static void a_body_is_handed_on_in_pieces(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "127.0.0.1", listener, "/big"),
                                    .on_body = on_piece });
    assert_int_equal(fault.code, ERR_OK);
    assert_int_equal(body.len, BIG);
    assert_true(pieces >= 1);
}

/* ---- names ---- */

static void a_name_is_resolved_once_and_connected_to(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "GOOD.test", listener, "/") });
    assert_int_equal(status, 200);
    assert_true(saw("\nHost: good.test:"));
    assert_in_range(dns.questions, 1, 2); /* A and AAAA */
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "two.test", listener, "/") });
    assert_int_equal(fault.code, ERR_OK);
    assert_int_equal(status, 200);
}

static void one_forbidden_address_forbids_the_name(void **state)
{
    static const char *const hosts[] = { "mixed.test", "private.test", "metadata.test" };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(hosts); i++) {
        run((struct http_call_options){ .url = url_of("http", hosts[i], listener, "/") });
        assert_int_equal(fault.code, ERR_FORBIDDEN);
    }
    assert_int_equal(requests, 0);
}

static void unknown_names_are_not_found(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = url_of("http", "unknown.test", listener, "/") });
    assert_int_equal(fault.code, ERR_NOT_FOUND);
    run((struct http_call_options){ .url = url_of("http", "none.test", listener, "/") });
    assert_int_equal(fault.code, ERR_NOT_FOUND);
}

static void a_silent_name_server_is_not_waited_for(void **state)
{
    (void)state;
    dns.silent = true;
    run((struct http_call_options){ .url = url_of("http", "good.test", listener, "/"),
                                    .connect_ms_max = 20 });
    assert_int_equal(fault.code, ERR_TIMEOUT);
    assert_string_equal(fault.text, "the host's name was not resolved in time");
}

static void a_late_answer_of_the_name_server_finds_nobody(void **state)
{
    struct http_call call =
        start((struct http_call_options){ .url = url_of("http", "good.test", listener, "/") });

    (void)state;
    http_client_cancel(client, call);
    run((struct http_call_options){ .url = url_of("http", "good.test", listener, "/") });
    assert_int_equal(status, 200);
    assert_int_equal(requests, 1);
}

/* ---- what is refused at once ---- */

static void forbidden_urls_are_refused_before_anything_is_sent(void **state)
{
    static const struct {
        const char *url;
        enum err_code code;
    } cases[] = {
        { "http://10.0.0.1/", ERR_FORBIDDEN },     { "http://127.0.0.3/", ERR_FORBIDDEN },
        { "http://[::1]/", ERR_FORBIDDEN },        { "http://[::ffff:10.0.0.1]/", ERR_FORBIDDEN },
        { "http://good.test:22/", ERR_FORBIDDEN }, { "http://2130706433/", ERR_INVALID },
        { "http://a@127.0.0.1/", ERR_INVALID },    { "file:///etc/passwd", ERR_INVALID },
        { "https://good.test/", ERR_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(refused((struct http_call_options){ .url = slice_of(cases[i].url) }),
                         cases[i].code);
    assert_int_equal(dns.questions, 0);
    assert_int_equal(http_client_calls(client), 0);
}

static void fields_that_would_break_the_request_are_refused(void **state)
{
    static const struct http_field cases[] = {
        { SLICE_LITERAL("X"), SLICE_LITERAL("a\r\nY: b") },
        { SLICE_LITERAL("X"), SLICE_LITERAL("a\nb") },
        { SLICE_LITERAL("X"), SLICE_LITERAL("a\0b") },
        { SLICE_LITERAL("X: y\r\nZ"), SLICE_LITERAL("a") },
        { SLICE_LITERAL(""), SLICE_LITERAL("a") },
        { SLICE_LITERAL("content-length"), SLICE_LITERAL("3") },
        { SLICE_LITERAL("Transfer-Encoding"), SLICE_LITERAL("chunked") },
        { SLICE_LITERAL("HOST"), SLICE_LITERAL("b") },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(
            refused((struct http_call_options){
                .url = SLICE_LITERAL("http://127.0.0.1/"), .fields = &cases[i], .field_count = 1 }),
            ERR_INVALID);
}

static void bodies_and_heads_have_their_limits(void **state)
{
    static char long_text[HTTP_BODY_MAX + 1];
    struct http_field field = { SLICE_LITERAL("X"), { long_text, HTTP_HEAD_MAX } };

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    run((struct http_call_options){ .method = HTTP_POST,
                                    .url = url_of("http", "127.0.0.1", listener, "/"),
                                    .body = { long_text, HTTP_BODY_MAX } });
    assert_int_equal(status, 200);
    assert_int_equal(
        refused((struct http_call_options){ .url = SLICE_LITERAL("http://127.0.0.1/"),
                                            .body = { long_text, HTTP_BODY_MAX + 1 } }),
        ERR_TOO_BIG);
    assert_int_equal(refused((struct http_call_options){ .url = SLICE_LITERAL("http://127.0.0.1/"),
                                                         .fields = &field,
                                                         .field_count = 1 }),
                     ERR_TOO_BIG);
}

static void no_more_calls_run_than_the_client_may_have(void **state)
{
    struct http_call_options options = { .url = SLICE_LITERAL("http://127.0.0.1/") };
    struct http_call calls[2];

    (void)state;
    http_client_destroy(&client);
    client_start(NULL, 2);
    calls[0] = start(options);
    calls[1] = start(options);
    assert_int_equal(refused(options), ERR_BUSY);
    http_client_cancel(client, calls[0]);
    http_client_cancel(client, calls[0]); /* over: nothing happens */
    assert_int_equal(http_client_calls(client), 1);
    calls[0] = start(options);
    assert_int_equal(http_client_calls(client), 2);
}

/* ---- servers that misbehave ---- */

static void run_tarpit(enum tarpit kind, struct http_call_options options)
{
    tarpit.kind = kind;
    options.url = url_of("http", "127.0.0.1", tarpit.listener, "/");
    run(options);
}

static void a_server_that_never_answers_is_left(void **state)
{
    (void)state;
    run_tarpit(SILENT, (struct http_call_options){ .head_ms_max = 20 });
    assert_int_equal(fault.code, ERR_TIMEOUT);
    assert_string_equal(fault.text, "no answer in time");
}

static void a_server_that_drips_bytes_gains_no_time(void **state)
{
    (void)state;
    run_tarpit(DRIP, (struct http_call_options){ .head_ms_max = 30 });
    assert_int_equal(fault.code, ERR_TIMEOUT);
    assert_string_equal(fault.text, "no answer in time");
}

static void an_endless_body_ends_at_the_limit_of_bytes_or_of_time(void **state)
{
    (void)state;
    run_tarpit(ENDLESS, (struct http_call_options){ .body_max = 50 * 1000 });
    assert_int_equal(fault.code, ERR_TOO_BIG);
    run_tarpit(ENDLESS, (struct http_call_options){
                            .total_ms_max = 500, .body_max = UINT32_MAX, .on_body = on_piece });
    assert_int_equal(fault.code, ERR_TIMEOUT);
    assert_string_equal(fault.text, "the answer did not end in time");
    assert_true(pieces > 1);
}

static void broken_answers_are_faults(void **state)
{
    static const enum tarpit kinds[] = { RESET, CUT, GARBAGE };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        run_tarpit(kinds[i], (struct http_call_options){ 0 });
        assert_int_equal(fault.code, ERR_IO);
    }
}

static void a_refused_connection_is_a_fault(void **state)
{
    (void)state;
    run((struct http_call_options){ .url = SLICE_LITERAL("http://127.0.0.1:1/") });
    assert_int_equal(fault.code, ERR_IO);
}

/* ---- TLS ---- */

static void tls_verifies_the_host_that_was_asked_for(void **state)
{
    struct net_tls_context *server_tls = NULL;
    struct net_tls_context *client_tls = NULL;
    struct net_test_cert cert;
    struct err err;

    (void)state;
    net_test_cert_make(&cert, "DNS:good.test");
    assert_int_equal(net_tls_server_create(cert.chain, cert.key, &server_tls, &err), ERR_OK);
    assert_int_equal(net_tls_client_create(cert.chain, &client_tls, &err), ERR_OK);
    net_test_cert_remove(&cert);
    http_server_tls_set(server, server_tls);
    http_client_destroy(&client);
    client_start(client_tls, 0);
    run((struct http_call_options){ .url = url_of("https", "good.test", listener, "/big") });
    assert_int_equal(fault.code, ERR_OK);
    assert_int_equal(body.len, BIG);
    run((struct http_call_options){ .url = url_of("https", "two.test", listener, "/") });
    assert_int_equal(fault.code, ERR_IO);
    assert_string_equal(fault.text, "hostname mismatch");
    run((struct http_call_options){ .url = url_of("https", "127.0.0.1", listener, "/") });
    assert_int_equal(fault.code, ERR_IO);
    assert_int_equal(requests, 1);
    tarpit.kind = SILENT;
    run((struct http_call_options){ .url = url_of("https", "127.0.0.1", tarpit.listener, "/"),
                                    .connect_ms_max = 20 });
    assert_int_equal(fault.code, ERR_TIMEOUT);
    assert_string_equal(fault.text, "no connection in time");
    net_tls_context_destroy(&server_tls);
    net_tls_context_destroy(&client_tls);
}

/* ---- cancelling ---- */

static struct http_call to_cancel;

static void on_piece_cancel(void *ctx, int piece_status, struct slice piece)
{
    on_piece(ctx, piece_status, piece);
    http_client_cancel(client, to_cancel);
}

static bool has_piece(void *ctx)
{
    (void)ctx;
    return pieces > 0;
}

static void a_call_may_be_cancelled_in_every_state(void **state)
{
    (void)state;
    tarpit.kind = ENDLESS;
    to_cancel = start((struct http_call_options){
        .url = url_of("http", "127.0.0.1", tarpit.listener, "/"), .on_body = on_piece_cancel });
    assert_true(loop_run_until(loop, has_piece, NULL, WAIT_MS));
    assert_false(loop_run_until(loop, is_done, NULL, 5));
    assert_int_equal(pieces, 1);
    assert_int_equal(http_client_calls(client), 0);
    start((struct http_call_options){ .url = url_of("http", "good.test", tarpit.listener, "/") });
    start((struct http_call_options){ .url = url_of("http", "127.0.0.1", tarpit.listener, "/") });
    http_client_destroy(&client);
    assert_false(loop_run_until(loop, is_done, NULL, 5));
}

int main(void)
{
#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(a_get_is_sent_and_its_answer_given),
        CLIENT_TEST(a_post_carries_fields_and_body),
        CLIENT_TEST(answers_without_a_body_end_at_once),
        CLIENT_TEST(a_redirect_is_given_and_not_followed),
        CLIENT_TEST(a_body_of_the_limit_passes_and_a_longer_one_does_not),
        CLIENT_TEST(a_body_is_handed_on_in_pieces),
        CLIENT_TEST(a_name_is_resolved_once_and_connected_to),
        CLIENT_TEST(the_next_address_is_tried_when_one_refuses),
        CLIENT_TEST(one_forbidden_address_forbids_the_name),
        CLIENT_TEST(unknown_names_are_not_found),
        CLIENT_TEST(a_silent_name_server_is_not_waited_for),
        CLIENT_TEST(a_late_answer_of_the_name_server_finds_nobody),
        CLIENT_TEST(forbidden_urls_are_refused_before_anything_is_sent),
        CLIENT_TEST(fields_that_would_break_the_request_are_refused),
        CLIENT_TEST(bodies_and_heads_have_their_limits),
        CLIENT_TEST(no_more_calls_run_than_the_client_may_have),
        CLIENT_TEST(a_server_that_never_answers_is_left),
        CLIENT_TEST(a_server_that_drips_bytes_gains_no_time),
        CLIENT_TEST(an_endless_body_ends_at_the_limit_of_bytes_or_of_time),
        CLIENT_TEST(broken_answers_are_faults),
        CLIENT_TEST(a_refused_connection_is_a_fault),
        CLIENT_TEST(tls_verifies_the_host_that_was_asked_for),
        CLIENT_TEST(a_call_may_be_cancelled_in_every_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
