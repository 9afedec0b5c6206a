/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over real sockets of this host. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "net.h"

struct side {
    struct net_stream *stream;
    struct buf got;
    unsigned calls;
    unsigned drained;
    int end; /* enum net_end + 1 */
};

static struct loop *loop;
static struct side server;
static struct side client;
static struct net_listener *listener;
static unsigned accepted;

static void side_bytes(void *owner, char *bytes, size_t len)
{
    struct side *side = owner;

    side->calls++;
    buf_add(&side->got, bytes, len);
}

static void side_end(void *owner, enum net_end end)
{
    ((struct side *)owner)->end = (int)end + 1;
}

static void side_drained(void *owner)
{
    ((struct side *)owner)->drained++;
}

static const struct net_ops side_ops = { side_bytes, side_end, side_drained };

static void accept_one(void *ctx, int fd)
{
    struct err err;

    (void)ctx;
    accepted++;
    if (server.stream != NULL) {
        close(fd);
        return;
    }
    assert_int_equal(net_adopt(loop, fd, &side_ops, &server, &server.stream, &err), ERR_OK);
}

static int setup(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    buf_init(&server.got, 64 * 1024 * 1024);
    buf_init(&client.got, 64 * 1024 * 1024);
    accepted = 0;
    loop = loop_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_abort(&server.stream);
    net_abort(&client.stream);
    net_listener_close(&listener);
    buf_fini(&server.got);
    buf_fini(&client.got);
    loop_destroy(&loop);
    return 0;
}

static bool server_is_there(void *ctx)
{
    (void)ctx;
    return server.stream != NULL;
}

static void connect_pair(void)
{
    struct net_listen_options options = { .address = "127.0.0.1", .reuse_port = true };
    struct err err;

    assert_int_equal(net_listen(loop, &options, accept_one, NULL, &listener, &err), ERR_OK);
    assert_int_equal(net_connect(loop, "127.0.0.1", net_listener_port(listener), &side_ops, &client,
                                 &client.stream, &err),
                     ERR_OK);
    assert_true(loop_run_until(loop, server_is_there, NULL, 2000));
}

static size_t wanted;
static bool server_has_wanted(void *ctx)
{
    (void)ctx;
    return server.got.len >= wanted;
}
static bool client_has_wanted(void *ctx)
{
    (void)ctx;
    return client.got.len >= wanted;
}
static bool server_ended(void *ctx)
{
    (void)ctx;
    return server.end != 0;
}
static int *wanted_end;
static bool wanted_ended(void *ctx)
{
    (void)ctx;
    return *wanted_end != 0;
}
static bool client_ended(void *ctx)
{
    (void)ctx;
    return client.end != 0;
}

static void writes_of_one_turn_arrive_as_one(void **state)
{
    char text[NET_PEER_TEXT_BYTES];

    (void)state;
    connect_pair();
    assert_true(net_write(client.stream, SLICE_LITERAL("one ")));
    assert_true(net_write(client.stream, SLICE_LITERAL("two ")));
    assert_true(net_write(client.stream, SLICE_LITERAL("three")));
    assert_int_equal(net_pending(client.stream), 13);
    wanted = 13;
    assert_true(loop_run_until(loop, server_has_wanted, NULL, 2000));
    assert_true(slice_equal_text(buf_slice(&server.got), "one two three"));
    assert_int_equal(server.calls, 1);
    assert_int_equal(net_pending(client.stream), 0);
    net_peer_text(server.stream, text);
    assert_string_equal(text, "127.0.0.1");
}

static void full_socket_keeps_the_rest_and_reports_when_drained(void **state)
{
    enum { BYTES = 7 * 1024 * 1024 };
    char *bytes = calloc(1, BYTES);
    size_t i;

    (void)state;
    connect_pair();
    for (i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 31 >> 3);
    net_pause(server.stream);
    assert_true(net_write(client.stream, slice_make(bytes, BYTES)));
    wanted = 1;
    assert_false(loop_run_until(loop, server_has_wanted, NULL, 20));
    assert_true(net_pending(client.stream) > 0);
    assert_false(net_write(client.stream, slice_make(bytes, NET_PENDING_MAX)));
    assert_true(net_write(client.stream, SLICE_LITERAL("tail")));
    net_resume(server.stream);
    wanted = BYTES + 4;
    assert_true(loop_run_until(loop, server_has_wanted, NULL, 10000));
    assert_memory_equal(server.got.ptr, bytes, BYTES);
    assert_memory_equal(server.got.ptr + BYTES, "tail", 4);
    assert_true(client.drained >= 1);
    free(bytes);
}

static void closed_stream_still_delivers_what_was_queued(void **state)
{
    (void)state;
    connect_pair();
    assert_true(net_write(client.stream, SLICE_LITERAL("last words")));
    net_close(&client.stream);
    assert_null(client.stream);
    assert_true(loop_run_until(loop, server_ended, NULL, 2000));
    assert_true(slice_equal_text(buf_slice(&server.got), "last words"));
    assert_int_equal(server.end, NET_END_PEER + 1);
    assert_true(net_write(server.stream, SLICE_LITERAL("to one who left")));
    net_close(&server.stream);
}

static void aborted_peer_ends_in_an_error_or_end(void **state)
{
    struct linger hard = { .l_onoff = 1 };

    (void)state;
    connect_pair();
    assert_int_equal(
        setsockopt(net_stream_fd(client.stream), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    net_abort(&client.stream);
    assert_true(loop_run_until(loop, server_ended, NULL, 2000));
    assert_int_equal(server.end, NET_END_ERROR + 1);
    assert_true(net_write(server.stream, SLICE_LITERAL("dropped")));
    assert_int_equal(net_pending(server.stream), 0);
}

static void refused_connection_is_reported(void **state)
{
    struct net_listen_options options = { .address = "127.0.0.1" };
    struct err err;
    uint16_t port;

    (void)state;
    assert_int_equal(net_listen(loop, &options, accept_one, NULL, &listener, &err), ERR_OK);
    port = net_listener_port(listener);
    net_listener_close(&listener);
    assert_int_equal(net_connect(loop, "127.0.0.1", port, &side_ops, &client, &client.stream, &err),
                     ERR_OK);
    assert_true(net_write(client.stream, SLICE_LITERAL("x")));
    assert_true(loop_run_until(loop, client_ended, NULL, 2000));
    assert_int_equal(client.end, NET_END_ERROR + 1);
}

static void socket_moves_to_another_stream_with_its_bytes(void **state)
{
    struct side moved = { 0 };
    struct loop *other = loop_create();
    struct err err;
    struct net_moving moving;

    (void)state;
    buf_init(&moved.got, 1000);
    connect_pair();
    assert_true(net_write(server.stream, SLICE_LITERAL("busy"))); /* is sent before the move */
    assert_true(net_detach(&server.stream, &moving));
    assert_null(server.stream);
    assert_int_equal(net_attach(other, &moving, &side_ops, &moved, &moved.stream, &err), ERR_OK);
    assert_true(net_write(moved.stream, SLICE_LITERAL(" moved")));
    assert_false(loop_run_until(other, server_ended, NULL, 2));
    wanted = 10;
    assert_true(loop_run_until(loop, client_has_wanted, NULL, 2000));
    assert_true(slice_equal_text(buf_slice(&client.got), "busy moved"));
    net_abort(&moved.stream);
    loop_destroy(&other);
    buf_fini(&moved.got);
}

static void socket_that_does_not_take_its_queue_stays_where_it_is(void **state)
{
    static char much[7 * 1024 * 1024];
    struct net_moving moving;

    (void)state;
    connect_pair();
    net_pause(client.stream);
    assert_true(net_write(server.stream, slice_make(much, sizeof(much))));
    assert_false(net_detach(&server.stream, &moving));
    assert_non_null(server.stream);
    net_resume(client.stream);
    wanted = sizeof(much);
    assert_true(loop_run_until(loop, client_has_wanted, NULL, 5000));
    assert_int_equal(client.got.len, sizeof(much));
    assert_true(net_detach(&server.stream, &moving));
    net_moving_drop(&moving);
}

static void unix_socket_is_for_its_owner_only_and_goes_with_the_listener(void **state)
{
    char path[] = "/tmp/kefu-net-test-XXXXXX";
    struct net_listen_options options = { .unix_path = path };
    char text[NET_PEER_TEXT_BYTES];
    struct stat st;
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(path));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(net_listen(loop, &options, accept_one, NULL, &listener, &err), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(net_connect(loop, path, 0, &side_ops, &client, &client.stream, &err), ERR_OK);
    assert_true(loop_run_until(loop, server_is_there, NULL, 2000));
    net_peer_text(server.stream, text);
    assert_string_equal(text, "unix");
    net_listener_close(&listener);
    assert_int_equal(stat(path, &st), -1);
}

static void out_of_descriptors_refuses_without_spinning(void **state)
{
    struct side refused = { 0 };
    struct rlimit old;
    struct rlimit low;
    struct err err;

    (void)state;
    connect_pair();
    buf_init(&refused.got, 100);
    assert_int_equal(net_connect(loop, "127.0.0.1", net_listener_port(listener), &side_ops,
                                 &refused, &refused.stream, &err),
                     ERR_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)net_stream_fd(refused.stream) + 1; /* every number below is in use */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    wanted_end = &refused.end;
    assert_true(loop_run_until(loop, wanted_ended, NULL, 2000));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(accepted, 1);
    net_abort(&refused.stream);
    buf_fini(&refused.got);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(writes_of_one_turn_arrive_as_one),
        NET_TEST(full_socket_keeps_the_rest_and_reports_when_drained),
        NET_TEST(closed_stream_still_delivers_what_was_queued),
        NET_TEST(aborted_peer_ends_in_an_error_or_end),
        NET_TEST(refused_connection_is_reported),
        NET_TEST(socket_moves_to_another_stream_with_its_bytes),
        NET_TEST(socket_that_does_not_take_its_queue_stays_where_it_is),
        NET_TEST(unix_socket_is_for_its_owner_only_and_goes_with_the_listener),
        NET_TEST(out_of_descriptors_refuses_without_spinning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
