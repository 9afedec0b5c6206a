/* SPDX-License-Identifier: Apache-2.0 */
/* TLS streams over real sockets of this host, our client against our server, and a raw peer. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "net.h"
#include "net_test_cert.h"
#include "net_tls.h"

enum { WAIT_MS = 5000, MUCH = 3 * 1024 * 1024 };

struct side {
    struct net_stream *stream;
    struct buf got;
    unsigned calls;
    unsigned drained;
    int end; /* enum net_end + 1 */
    const char *fault;
    void (*on_bytes)(struct side *side);
};

static struct net_test_cert cert;
static struct net_test_cert other_cert;
static struct net_tls_context *server_tls;
static struct net_tls_context *client_tls;
static struct loop *loop;
static struct side server;
static struct side client;

static void side_bytes(void *owner, char *bytes, size_t len)
{
    struct side *side = owner;

    side->calls++;
    buf_add(&side->got, bytes, len);
    if (side->on_bytes != NULL)
        side->on_bytes(side);
}

static void side_end(void *owner, enum net_end end)
{
    struct side *side = owner;

    side->end = (int)end + 1;
    side->fault = net_tls_fault(side->stream);
}

static void side_drained(void *owner)
{
    ((struct side *)owner)->drained++;
}

static const struct net_ops side_ops = { side_bytes, side_end, side_drained };

static size_t wanted;
static bool has_wanted(void *ctx)
{
    return ((struct side *)ctx)->got.len >= wanted;
}
static bool has_end(void *ctx)
{
    return ((struct side *)ctx)->end != 0;
}

#define WAIT(condition, ctx) assert_true(loop_run_until(loop, condition, ctx, WAIT_MS))

static void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void adopt(struct side *side, int fd)
{
    struct err err;

    assert_int_equal(net_adopt(loop, fd, &side_ops, side, &side->stream, &err), ERR_OK);
}

static void connect_as(const char *host)
{
    struct err err;
    int fds[2];

    pair(fds);
    adopt(&server, fds[0]);
    adopt(&client, fds[1]);
    net_tls_accept(server.stream, server_tls);
    assert_int_equal(net_tls_connect(client.stream, client_tls, host, &err), ERR_OK);
}

static int setup(void **state)
{
    struct err err;

    (void)state;
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    buf_init(&server.got, 64 * 1024 * 1024);
    buf_init(&client.got, 64 * 1024 * 1024);
    loop = loop_create();
    assert_int_equal(net_tls_server_create(cert.chain, cert.key, &server_tls, &err), ERR_OK);
    assert_int_equal(net_tls_client_create(cert.chain, &client_tls, &err), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_abort(&server.stream);
    net_abort(&client.stream);
    net_tls_context_destroy(&server_tls);
    net_tls_context_destroy(&client_tls);
    buf_fini(&server.got);
    buf_fini(&client.got);
    loop_destroy(&loop);
    return 0;
}

static void what_is_written_before_the_handshake_arrives_after_it(void **state)
{
    (void)state;
    connect_as("localhost");
    assert_true(net_write(client.stream, SLICE_LITERAL("question ")));
    assert_true(net_write(client.stream, SLICE_LITERAL("of two writes")));
    assert_true(net_write(server.stream, SLICE_LITERAL("greeting")));
    wanted = 22;
    WAIT(has_wanted, &server);
    assert_true(slice_equal_text(buf_slice(&server.got), "question of two writes"));
    assert_int_equal(server.calls, 1); /* one record */
    wanted = 8;
    WAIT(has_wanted, &client);
    assert_true(slice_equal_text(buf_slice(&client.got), "greeting"));
    assert_true(net_is_tls(client.stream));
    assert_null(net_tls_fault(client.stream));
}

static void much_arrives_whole_both_ways_at_once(void **state)
{
    static char much[MUCH];

    (void)state;
    for (size_t i = 0; i < sizeof(much); i++)
        much[i] = (char)(i * 2654435761u >> 13);
    connect_as("127.0.0.1");
    assert_true(net_write(client.stream, slice_make(much, sizeof(much))));
    assert_true(net_write(server.stream, slice_make(much, sizeof(much))));
    wanted = sizeof(much);
    WAIT(has_wanted, &client);
    WAIT(has_wanted, &server);
    assert_memory_equal(client.got.ptr, much, sizeof(much));
    assert_memory_equal(server.got.ptr, much, sizeof(much));
    assert_int_equal(net_pending(client.stream), 0);
    assert_true(client.drained > 0);
}

static void pending_is_bounded(void **state)
{
    static char much[1001];

    (void)state;
    connect_as("localhost");
    net_pending_max_set(client.stream, 1000 + (uint32_t)net_pending(client.stream));
    assert_false(net_write(client.stream, slice_make(much, 1001)));
    assert_true(net_write(client.stream, slice_make(much, 1000)));
    assert_false(net_write(client.stream, slice_make(much, 1)));
}

static void close_says_so_and_is_no_fault(void **state)
{
    (void)state;
    connect_as("localhost");
    assert_true(net_write(server.stream, SLICE_LITERAL("bye")));
    net_close(&server.stream);
    WAIT(has_end, &client);
    assert_int_equal(client.end, NET_END_PEER + 1);
    assert_true(slice_equal_text(buf_slice(&client.got), "bye"));
}

static void a_stream_cut_without_its_end_is_a_fault(void **state)
{
    (void)state;
    connect_as("localhost");
    assert_true(net_write(server.stream, SLICE_LITERAL("hi")));
    wanted = 2;
    WAIT(has_wanted, &client);
    shutdown(net_stream_fd(server.stream), SHUT_WR);
    WAIT(has_end, &client);
    assert_int_equal(client.end, NET_END_ERROR + 1);
}

static void a_certificate_for_another_name_is_refused_and_both_sides_know(void **state)
{
    (void)state;
    connect_as("example.org");
    assert_true(net_write(client.stream, SLICE_LITERAL("secret")));
    WAIT(has_end, &client);
    WAIT(has_end, &server);
    assert_int_equal(client.end, NET_END_ERROR + 1);
    assert_string_equal(client.fault, "hostname mismatch");
    assert_non_null(server.fault);
    assert_int_equal(server.got.len, 0);
}

static void a_certificate_of_a_strange_authority_is_refused(void **state)
{
    struct err err;

    (void)state;
    net_tls_context_destroy(&client_tls);
    assert_int_equal(net_tls_client_create(other_cert.chain, &client_tls, &err), ERR_OK);
    connect_as("localhost");
    WAIT(has_end, &client);
    assert_non_null(client.fault);
}

/* As a system keeps its authorities: each in a file named by the hash of its name. */
static void authority_store(const char *folder, char path[128])
{
    FILE *file = fopen(cert.chain, "r");
    X509 *authority = PEM_read_X509(file, NULL, NULL, NULL);

    fclose(file);
    snprintf(path, 128, "%s/%08lx.0", folder, X509_subject_name_hash(authority));
    X509_free(authority);
    assert_int_equal(symlink(cert.chain, path), 0);
}

static void an_authority_of_the_systems_folder_is_found_when_it_is_needed(void **state)
{
    char folder[] = "/tmp/kefu-authorities-XXXXXX";
    char path[128];
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("SSL_CERT_DIR", folder, 1);
    authority_store(folder, path);
    net_tls_context_destroy(&client_tls);
    assert_int_equal(net_tls_client_create(NULL, &client_tls, &err), ERR_OK);
    connect_as("localhost");
    assert_true(net_write(server.stream, SLICE_LITERAL("hello")));
    wanted = 5;
    WAIT(has_wanted, &client);
    unsetenv("SSL_CERT_DIR");
    unlink(path);
    rmdir(folder);
}

static void a_system_with_one_file_of_authorities_is_served_by_it(void **state)
{
    struct err err;

    (void)state;
    setenv("SSL_CERT_FILE", cert.chain, 1);
    net_tls_context_destroy(&client_tls);
    assert_int_equal(net_tls_client_create(NULL, &client_tls, &err), ERR_OK);
    unsetenv("SSL_CERT_FILE");
    connect_as("localhost");
    assert_true(net_write(server.stream, SLICE_LITERAL("hello")));
    wanted = 5;
    WAIT(has_wanted, &client);
}

static void bytes_that_are_no_tls_end_the_stream(void **state)
{
    static const char plain[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int fds[2];

    (void)state;
    pair(fds);
    adopt(&server, fds[0]);
    net_tls_accept(server.stream, server_tls);
    assert_int_equal(send(fds[1], plain, sizeof(plain) - 1, 0), sizeof(plain) - 1);
    WAIT(has_end, &server);
    assert_int_equal(server.end, NET_END_ERROR + 1);
    assert_non_null(server.fault);
    close(fds[1]);
}

static void tls_1_1_is_not_spoken(void **state)
{
    /* A ClientHello of TLS 1.1 with one cipher. */
    static const unsigned char hello[50] = {
        22,          3,           1,        0,  45, /* record */
        1,           0,           0,        41,     /* message */
        3,           2,                             /* version, then 32 random bytes */
        [45] = 2,                                   /* length of the ciphers */
        [46] = 0xc0, [47] = 0x14, [48] = 1,         /* one compression: none */
    };
    int fds[2];

    (void)state;
    pair(fds);
    adopt(&server, fds[0]);
    net_tls_accept(server.stream, server_tls);
    assert_int_equal(send(fds[1], hello, sizeof(hello), 0), sizeof(hello));
    WAIT(has_end, &server);
    assert_string_equal(server.fault, "unsupported protocol");
    close(fds[1]);
}

static void contexts_may_go_before_their_streams(void **state)
{
    (void)state;
    connect_as("localhost");
    net_tls_context_destroy(&server_tls);
    net_tls_context_destroy(&client_tls);
    assert_true(net_write(client.stream, SLICE_LITERAL("x")));
    wanted = 1;
    WAIT(has_wanted, &server);
}

/* ---- moving ---- */

static struct net_moving moving;
static bool detached;

static bool is_detached(void *ctx)
{
    (void)ctx;
    return detached;
}

static void side_detach(struct side *side)
{
    side->on_bytes = NULL;
    assert_true(net_detach(&side->stream, &moving));
    detached = true;
}

static void a_moved_stream_goes_on_with_records_already_read(void **state)
{
    struct loop *other = loop_create();
    struct err err;

    (void)state;
    connect_as("localhost");
    assert_true(net_write(server.stream, SLICE_LITERAL("ready")));
    wanted = 5;
    WAIT(has_wanted, &client);
    /* Two records in one read: the second is still sealed when the first moves the stream. */
    detached = false;
    server.on_bytes = side_detach;
    net_pause(server.stream);
    assert_true(net_write(client.stream, SLICE_LITERAL("one")));
    assert_false(loop_run_until(loop, is_detached, NULL, 2));
    assert_true(net_write(client.stream, SLICE_LITERAL("two")));
    assert_false(loop_run_until(loop, is_detached, NULL, 2));
    net_resume(server.stream);
    WAIT(is_detached, NULL);
    assert_true(slice_equal_text(buf_slice(&server.got), "one"));
    assert_int_equal(net_attach(other, &moving, &side_ops, &server, &server.stream, &err), ERR_OK);
    assert_int_equal(server.got.len, 3); /* nothing within the call */
    wanted = 6;
    assert_true(loop_run_until(other, has_wanted, &server, WAIT_MS));
    assert_true(net_write(server.stream, SLICE_LITERAL(" from there")));
    assert_false(loop_run_until(other, has_end, &server, 2));
    wanted = 16;
    WAIT(has_wanted, &client);
    assert_true(slice_equal_text(buf_slice(&client.got), "ready from there"));
    net_abort(&server.stream);
    loop_destroy(&other);
}

static void wrong_files_are_named(void **state)
{
    struct net_tls_context *context = NULL;
    struct err err;

    (void)state;
    assert_int_equal(net_tls_server_create("/none.pem", cert.key, &context, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "/none.pem"));
    assert_int_equal(net_tls_server_create(cert.chain, other_cert.key, &context, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, other_cert.key));
    assert_int_equal(net_tls_client_create("/none.pem", &context, &err), ERR_INVALID);
    assert_null(context);
}

static int make_certs(void **state)
{
    (void)state;
    net_test_cert_make(&cert, "DNS:localhost,IP:127.0.0.1");
    net_test_cert_make(&other_cert, "DNS:localhost");
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    net_test_cert_remove(&cert);
    net_test_cert_remove(&other_cert);
    return 0;
}

int main(void)
{
#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TLS_TEST(what_is_written_before_the_handshake_arrives_after_it),
        TLS_TEST(much_arrives_whole_both_ways_at_once),
        TLS_TEST(pending_is_bounded),
        TLS_TEST(close_says_so_and_is_no_fault),
        TLS_TEST(a_stream_cut_without_its_end_is_a_fault),
        TLS_TEST(a_certificate_for_another_name_is_refused_and_both_sides_know),
        TLS_TEST(a_certificate_of_a_strange_authority_is_refused),
        TLS_TEST(an_authority_of_the_systems_folder_is_found_when_it_is_needed),
        TLS_TEST(a_system_with_one_file_of_authorities_is_served_by_it),
        TLS_TEST(bytes_that_are_no_tls_end_the_stream),
        TLS_TEST(tls_1_1_is_not_spoken),
        TLS_TEST(contexts_may_go_before_their_streams),
        TLS_TEST(a_moved_stream_goes_on_with_records_already_read),
        TLS_TEST(wrong_files_are_named),
    };

    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
