/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners. When descriptors run out, a level-triggered listener would wake the loop for ever: the
 * spare descriptor is given up, the connection accepted and closed (the client sees it at once),
 * and the spare taken back. If even that fails, the listener rests for a moment. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "mem.h"
#include "net.h"
#include "net_priv.h"

enum { NET_ACCEPT_REST_MS = 100 };

struct net_listener {
    uv_poll_t poll;
    struct loop *loop;
    struct loop_timer rest;
    net_accept_fn *on_accept;
    void *ctx;
    char *unix_path;
    int fd;
    bool closed;
};

static void on_connection(uv_poll_t *poll, int status, int events);

static void rest_over(struct loop_timer *timer)
{
    struct net_listener *l = CONTAINER_OF(timer, struct net_listener, rest);

    uv_poll_start(&l->poll, UV_READABLE, on_connection);
}

static void listener_rest(struct net_listener *l)
{
    uv_poll_stop(&l->poll);
    loop_timer_start(l->loop, &l->rest, NET_ACCEPT_REST_MS);
}

/* False: could not even refuse. */
static bool refuse_one(struct net_listener *l)
{
    struct net_loop *net = net_loop_of(l->loop);
    int fd;

    if (net->spare_fd < 0)
        return false;
    close(net->spare_fd);
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static bool accept_retry(int code)
{
    return code == EINTR || code == ECONNABORTED || code == EPROTO || code == ENETDOWN ||
           code == EHOSTUNREACH || code == ENETUNREACH;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct net_listener *l = CONTAINER_OF(poll, struct net_listener, poll);
    int one = 1;
    int i;

    (void)events;
    if (status < 0) {
        listener_rest(l);
        return;
    }
    for (i = 0; i < NET_ACCEPTS_PER_TURN_MAX && !l->closed; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EAGAIN)
                return;
            if (accept_retry(errno))
                continue;
            if (errno == EMFILE && refuse_one(l))
                continue;
            listener_rest(l);
            return;
        }
        if (l->unix_path == NULL)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        l->on_accept(l->ctx, fd);
    }
}

static enum err_code unix_bind(const char *path, int *out, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat st;
    mode_t mask;
    int fd;
    int rc;

    if (strlen(path) >= sizeof(addr.sun_path))
        return err_set(err, ERR_INVALID, "socket path longer than %zu bytes",
                       sizeof(addr.sun_path) - 1);
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    mask = umask(0177); /* the path must never exist with more than 0600 */
    rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    umask(mask);
    if (rc != 0) {
        rc = errno;
        close(fd);
        return err_set(err, ERR_IO, "bind %s: %s", path, strerror(rc));
    }
    *out = fd;
    return ERR_OK;
}

static bool tcp_address(const struct net_listen_options *o, struct sockaddr_storage *addr,
                        socklen_t *len)
{
    const char *text = o->address != NULL ? o->address : "::";

    *len = sizeof(struct sockaddr_in);
    if (uv_ip4_addr(text, o->port, (struct sockaddr_in *)addr) == 0)
        return true;
    *len = sizeof(struct sockaddr_in6);
    return uv_ip6_addr(text, o->port, (struct sockaddr_in6 *)addr) == 0;
}

static enum err_code tcp_bind(const struct net_listen_options *o, int *out, struct err *err)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len;
    int one = 1;
    int zero = 0;
    int fd;
    int rc;

    if (!tcp_address(o, &addr, &len))
        return err_set(err, ERR_INVALID, "not a numeric address: %s", o->address);
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (o->reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, (struct sockaddr *)&addr, len) != 0) {
        rc = errno;
        close(fd);
        return err_set(err, ERR_IO, "bind %s port %u: %s", o->address != NULL ? o->address : "*",
                       o->port, strerror(rc));
    }
    *out = fd;
    return ERR_OK;
}

enum err_code net_listen(struct loop *loop, const struct net_listen_options *options,
                         net_accept_fn *on_accept, void *ctx, struct net_listener **out,
                         struct err *err)
{
    struct net_listener *l;
    enum err_code rc;
    int fd = -1;

    net_loop_of(loop);
    rc = options->unix_path != NULL ? unix_bind(options->unix_path, &fd, err)
                                    : tcp_bind(options, &fd, err);
    /* A host without IPv6 still listens on every address that it has. */
    if (rc != ERR_OK && options->unix_path == NULL && options->address == NULL) {
        struct net_listen_options v4 = *options;

        v4.address = "0.0.0.0";
        rc = tcp_bind(&v4, &fd, err);
    }
    if (rc != ERR_OK)
        return rc;
    if (listen(fd, options->backlog > 0 ? options->backlog : NET_BACKLOG) != 0) {
        int code = errno;

        close(fd);
        return err_set(err, ERR_IO, "listen: %s", strerror(code));
    }
    l = mem_zalloc(sizeof(*l));
    l->loop = loop;
    l->fd = fd;
    l->on_accept = on_accept;
    l->ctx = ctx;
    if (options->unix_path != NULL)
        l->unix_path = mem_strndup(options->unix_path, strlen(options->unix_path));
    loop_timer_init(&l->rest, rest_over);
    ENSURE(uv_poll_init(loop_uv(loop), &l->poll, fd) == 0);
    ENSURE(uv_poll_start(&l->poll, UV_READABLE, on_connection) == 0);
    *out = l;
    return ERR_OK;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct net_listener *l = CONTAINER_OF(handle, struct net_listener, poll);

    free(l->unix_path);
    free(l);
}

void net_listener_close(struct net_listener **listener)
{
    struct net_listener *l = *listener;

    if (l == NULL)
        return;
    *listener = NULL;
    l->closed = true;
    loop_timer_stop(l->loop, &l->rest);
    uv_close((uv_handle_t *)&l->poll, on_listener_closed);
    close(l->fd);
    if (l->unix_path != NULL)
        unlink(l->unix_path);
}

uint16_t net_listener_port(const struct net_listener *l)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len = sizeof(addr);

    if (getsockname(l->fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    if (addr.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&addr)->sin_port);
    return addr.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&addr)->sin6_port) : 0;
}
