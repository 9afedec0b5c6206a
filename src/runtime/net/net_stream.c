/* SPDX-License-Identifier: Apache-2.0 */
/* Streams.
 *
 *   OPEN ──net_close──▶ FLUSHING ──queue empty, write side shut──▶ LINGERING ──EOF, time──▶ CLOSED
 *     └────net_abort, net_detach────────────────────────────────────────────────────────▶ CLOSED
 *
 * A stream belongs to its owner while OPEN (also after on_end), to its net_loop while FLUSHING or
 * LINGERING, and is freed in libuv's close callback. The dirty list is emptied in every turn before
 * close callbacks run, so it never holds a freed stream. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "mem.h"
#include "net_priv.h"

enum { NET_LINGER_TICK_MS = 500 };

static void on_poll(uv_poll_t *poll, int status, int events);
static void linger_tick(struct loop_timer *timer);
static void flush_all(struct loop_node *node);

void net_out_free(struct net_loop *net, struct net_out *out)
{
    if (out == NULL)
        return;
    if (out->cap != NET_OUT_CAP_MIN || net->spare_out_count >= NET_OUT_SPARE_MAX) {
        free(out);
        return;
    }
    out->next = net->spare_out;
    net->spare_out = out;
    net->spare_out_count++;
}

struct net_out *net_out_create(struct net_loop *net, size_t cap)
{
    struct net_out *out = net->spare_out;

    if (out != NULL && cap <= NET_OUT_CAP_MIN) {
        net->spare_out = out->next;
        net->spare_out_count--;
    } else {
        out = mem_alloc(sizeof(*out) + cap);
        out->cap = (uint32_t)cap;
    }
    out->sent = 0;
    out->len = 0;
    return out;
}

/* Not while a handle is closing: libuv has forgotten it then. */
static int stream_fd(const struct net_stream *s)
{
    uv_os_fd_t fd = -1;

    ENSURE(uv_fileno((const uv_handle_t *)&s->poll, &fd) == 0);
    return fd;
}

static void net_loop_release(struct net_loop *net)
{
    if (!net->ended || net->streams.count > 0)
        return;
    pool_fini(&net->streams);
    free(net);
}

static void on_closed(uv_handle_t *handle)
{
    struct net_stream *s = CONTAINER_OF(handle, struct net_stream, poll);
    struct net_loop *net = s->net;

    pool_give(&net->streams, s);
    net_loop_release(net);
}

static void handle_close(struct net_stream *s);

static void net_loop_fini(struct loop_part *part)
{
    struct net_loop *net = CONTAINER_OF(part, struct net_loop, part);
    struct net_stream *s;

    flush_all(&net->flush);
    loop_defer_cancel(&net->flush);
    loop_timer_stop(net->loop, &net->linger_timer);
    for (s = net->lingering; s != NULL; s = s->linger_next) {
        int fd;

        if (s->state == NET_CLOSED)
            continue;
        fd = stream_fd(s);
        handle_close(s);
        close(fd);
    }
    free(net->tls_plain);
    while (net->spare_out != NULL) {
        struct net_out *next = net->spare_out->next;

        free(net->spare_out);
        net->spare_out = next;
    }
    if (net->spare_fd >= 0)
        close(net->spare_fd);
    net->ended = true;
    net_loop_release(net);
}

struct net_loop *net_loop_of(struct loop *loop)
{
    static const char key;
    struct loop_part *part = loop_part_find(loop, &key);
    struct net_loop *net;

    if (part != NULL)
        return CONTAINER_OF(part, struct net_loop, part);
    net = mem_zalloc(sizeof(*net));
    net->loop = loop;
    pool_init(&net->streams, sizeof(struct net_stream));
    net->flush.run = flush_all;
    loop_timer_init(&net->linger_timer, linger_tick);
    net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    net->part.key = &key;
    net->part.fini = net_loop_fini;
    loop_part_add(loop, &net->part);
    return net;
}

struct loop *net_stream_loop(const struct net_stream *s)
{
    return s->net->loop;
}

/* libuv changes a watch by removing and adding it: two system calls, so only on a difference. */
static void watch_update(struct net_stream *s)
{
    int events = 0;

    if (!s->failed && !s->read_ended && !s->paused)
        events |= UV_READABLE;
    if (!s->failed && s->blocked)
        events |= UV_WRITABLE;
    if (events == s->events)
        return;
    s->events = (uint8_t)events;
    if (events == 0)
        uv_poll_stop(&s->poll);
    else
        uv_poll_start(&s->poll, events, on_poll);
}

void net_dirty_add(struct net_stream *s)
{
    struct net_loop *net;

    if (s->dirty)
        return;
    net = s->net;
    s->dirty = true;
    s->dirty_next = net->dirty;
    net->dirty = s;
    loop_defer_last(net->loop, &net->flush);
}

static void handle_close(struct net_stream *s)
{
    net_out_free(s->net, s->out);
    s->out = NULL;
    s->state = NET_CLOSED;
    if (s->secure)
        net_tls_free(s->poll.data);
    s->secure = false;
    uv_close((uv_handle_t *)&s->poll, on_closed);
}

static void linger_unlink(struct net_stream *s)
{
    struct net_loop *net = s->net;
    struct net_stream **at = &net->lingering;

    while (*at != NULL && *at != s)
        at = &(*at)->linger_next;
    if (*at == NULL)
        return;
    *at = s->linger_next;
    net->lingering_count--;
}

static void stream_end(struct net_stream *s)
{
    int fd = stream_fd(s);

    if (s->state == NET_FLUSHING || s->state == NET_LINGERING)
        linger_unlink(s);
    handle_close(s);
    close(fd);
}

void net_stream_failed(struct net_stream *s)
{
    s->failed = true;
    net_out_free(s->net, s->out);
    s->out = NULL;
    s->blocked = false;
    watch_update(s);
    if (s->state != NET_OPEN)
        stream_end(s);
    else
        s->ops->on_end(net_owner(s), NET_END_ERROR);
}

static uint32_t due_after(const struct net_stream *s, unsigned ms)
{
    return (uint32_t)((loop_now_ms(net_stream_loop(s)) + ms) / 1000 + 1);
}

/* The queue of a closing stream is empty. A peer that has closed as well needs no lingering. */
static void flushed_shut(struct net_stream *s)
{
    if (s->read_ended || shutdown(stream_fd(s), SHUT_WR) != 0) {
        stream_end(s);
        return;
    }
    s->state = NET_LINGERING;
    s->linger_due_s = due_after(s, NET_LINGER_MS_MAX);
    s->paused = false;
    watch_update(s);
}

enum net_sent net_out_send(struct net_stream *s, struct net_out **slot)
{
    struct net_out *out = *slot;

    while (out != NULL && out->sent < out->len) {
        ssize_t n = send(stream_fd(s), out->bytes + out->sent, out->len - out->sent, MSG_NOSIGNAL);

        if (n >= 0) {
            out->sent += (uint32_t)n;
            if (out->sent < out->len)
                return NET_SENT_PART; /* a short write: the next would say EAGAIN */
        } else if (errno == EAGAIN) {
            return NET_SENT_PART;
        } else if (errno != EINTR) {
            return NET_SENT_FAILED;
        }
    }
    net_out_free(s->net, out);
    *slot = NULL;
    return NET_SENT_ALL;
}

static enum net_sent stream_send(struct net_stream *s)
{
    return s->secure ? net_tls_send(s) : net_out_send(s, &s->out);
}

static void stream_flush(struct net_stream *s)
{
    bool was_behind = s->behind;
    enum net_sent sent = stream_send(s);

    if (sent == NET_SENT_FAILED) {
        net_stream_failed(s);
        return;
    }
    s->blocked = sent == NET_SENT_PART;
    s->behind = sent != NET_SENT_ALL;
    watch_update(s);
    if (sent != NET_SENT_ALL)
        return;
    if (s->state == NET_FLUSHING)
        flushed_shut(s);
    else if (was_behind && s->state == NET_OPEN && s->ops->on_drained != NULL)
        s->ops->on_drained(net_owner(s));
}

static void flush_all(struct loop_node *node)
{
    struct net_loop *net = CONTAINER_OF(node, struct net_loop, flush);

    while (net->dirty != NULL) {
        struct net_stream *s = net->dirty;

        net->dirty = s->dirty_next;
        s->dirty = false;
        if (s->state == NET_CLOSED || s->failed || s->blocked)
            continue; /* a blocked one goes on when the socket has room */
        stream_flush(s);
    }
}

static void stream_read(struct net_stream *s)
{
    char *buffer = loop_read_buffer(net_stream_loop(s));
    ssize_t n;

    do {
        n = recv(stream_fd(s), buffer, LOOP_READ_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        if (s->secure)
            net_tls_take(s, buffer, (size_t)n);
        else if (s->state == NET_OPEN)
            s->ops->on_bytes(net_owner(s), buffer, (size_t)n);
        return; /* a lingering stream drops them */
    }
    if (n < 0 && errno == EAGAIN)
        return;
    /* Without TLS's own end somebody else may have cut the stream. */
    if (n < 0 || (s->secure && s->state == NET_OPEN)) {
        net_stream_failed(s);
        return;
    }
    net_stream_ended(s);
}

void net_stream_ended(struct net_stream *s)
{
    s->read_ended = true;
    watch_update(s);
    if (s->state == NET_OPEN)
        s->ops->on_end(net_owner(s), NET_END_PEER);
    else if (s->state == NET_LINGERING)
        stream_end(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct net_stream *s = CONTAINER_OF(poll, struct net_stream, poll);

    if (status < 0) { /* EPOLLERR alone */
        net_stream_failed(s);
        return;
    }
    if ((events & UV_WRITABLE) && s->blocked)
        stream_flush(s);
    if ((events & UV_READABLE) && s->state != NET_CLOSED && !s->paused && !s->failed &&
        !s->read_ended)
        stream_read(s);
}

static struct net_stream *stream_create(struct loop *loop, int fd, const struct net_ops *ops,
                                        void *owner, struct err *err)
{
    struct net_loop *net = net_loop_of(loop);
    struct net_stream *s = pool_take(&net->streams);
    int rc;

    s->net = net;
    rc = uv_poll_init(loop_uv(loop), &s->poll, fd);
    if (rc != 0) {
        pool_give(&net->streams, s);
        close(fd);
        err_set(err, ERR_IO, "watching a socket: %s", uv_strerror(rc));
        return NULL;
    }
    s->poll.data = owner;
    s->ops = ops;
    s->pending_max = NET_PENDING_MAX;
    watch_update(s);
    return s;
}

enum err_code net_adopt(struct loop *loop, int fd, const struct net_ops *ops, void *owner,
                        struct net_stream **out, struct err *err)
{
    *out = stream_create(loop, fd, ops, owner, err);
    return *out != NULL ? ERR_OK : ERR_IO;
}

enum err_code net_attach(struct loop *loop, struct net_moving *moving, const struct net_ops *ops,
                         void *owner, struct net_stream **out, struct err *err)
{
    struct net_moving taken = *moving;

    *moving = (struct net_moving){ .fd = -1 };
    *out = stream_create(loop, taken.fd, ops, owner, err);
    if (*out == NULL) {
        net_tls_free(taken.tls);
        return ERR_IO;
    }
    if (taken.tls != NULL)
        net_tls_attach(*out, taken.tls);
    return ERR_OK;
}

void net_moving_drop(struct net_moving *moving)
{
    if (moving->fd >= 0)
        close(moving->fd);
    net_tls_free(moving->tls);
    *moving = (struct net_moving){ .fd = -1 };
}

static socklen_t address_parse(const char *address, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_un *local = (struct sockaddr_un *)out;

    if (port == 0) {
        if (strlen(address) >= sizeof(local->sun_path))
            return 0;
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, address, strlen(address) + 1);
        return sizeof(*local);
    }
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)out) == 0)
        return sizeof(struct sockaddr_in);
    if (uv_ip6_addr(address, port, (struct sockaddr_in6 *)out) == 0)
        return sizeof(struct sockaddr_in6);
    return 0;
}

enum err_code net_connect(struct loop *loop, const char *address, uint16_t port,
                          const struct net_ops *ops, void *owner, struct net_stream **out,
                          struct err *err)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len = address_parse(address, port, &addr);
    int one = 1;
    int fd;

    if (len == 0)
        return err_set(err, ERR_INVALID, "not a numeric address or path");
    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    if (addr.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&addr, len) != 0 && errno != EINPROGRESS) {
        int code = errno;

        close(fd);
        return err_set(err, ERR_IO, "connect: %s", strerror(code));
    }
    if (net_adopt(loop, fd, ops, owner, out, err) != ERR_OK)
        return ERR_IO;
    (*out)->behind = true;
    return ERR_OK;
}

static size_t cap_for(size_t need)
{
    size_t cap = NET_OUT_CAP_MIN;

    while (cap < need)
        cap *= 2;
    return cap;
}

char *net_out_room(struct net_loop *net, struct net_out **slot, size_t len)
{
    struct net_out *out = *slot;

    if (out != NULL && out->sent > 0 && len > out->cap - out->len) {
        memmove(out->bytes, out->bytes + out->sent, out->len - out->sent);
        out->len -= out->sent;
        out->sent = 0;
    }
    if (out == NULL) {
        out = net_out_create(net, cap_for(len));
    } else if (len > out->cap - out->len) {
        size_t cap = cap_for(out->len + len);

        out = mem_realloc(out, sizeof(*out) + cap);
        out->cap = (uint32_t)cap;
    }
    *slot = out;
    out->len += (uint32_t)len;
    return out->bytes + out->len - len;
}

char *net_write_reserve(struct net_stream *s, size_t len)
{
    size_t pending = net_pending(s); /* with TLS records it may be above the bound */

    ENSURE(s->state == NET_OPEN && !s->failed);
    if (pending > s->pending_max || len > s->pending_max - pending)
        return NULL;
    net_dirty_add(s);
    return net_out_room(s->net, &s->out, len);
}

bool net_write(struct net_stream *s, struct slice bytes)
{
    char *room;

    if (s->failed || bytes.len == 0)
        return true;
    room = net_write_reserve(s, bytes.len);
    if (room == NULL)
        return false;
    memcpy(room, bytes.ptr, bytes.len);
    return true;
}

size_t net_pending(const struct net_stream *s)
{
    size_t pending = s->out != NULL ? s->out->len - s->out->sent : 0;

    return s->secure ? pending + net_tls_pending(s->poll.data) : pending;
}

void net_pending_max_set(struct net_stream *s, uint32_t bytes_max)
{
    ENSURE(bytes_max <= NET_PENDING_MAX * 4);
    s->pending_max = bytes_max > net_pending(s) ? bytes_max : (uint32_t)net_pending(s);
}

void net_pause(struct net_stream *s)
{
    s->paused = true;
    watch_update(s);
}

void net_resume(struct net_stream *s)
{
    s->paused = false;
    if (s->secure)
        net_tls_resume(s);
    watch_update(s);
}

void net_abort(struct net_stream **stream)
{
    struct net_stream *s = *stream;

    if (s == NULL)
        return;
    *stream = NULL;
    ENSURE(s->state == NET_OPEN);
    stream_end(s);
}

void net_close(struct net_stream **stream)
{
    struct net_stream *s = *stream;
    struct net_loop *net;

    if (s == NULL)
        return;
    net = s->net;
    if (s->failed || net->lingering_count >= NET_LINGERING_MAX) {
        net_abort(stream);
        return;
    }
    *stream = NULL;
    ENSURE(s->state == NET_OPEN);
    s->state = NET_FLUSHING;
    s->linger_due_s = due_after(s, NET_FLUSH_MS_MAX);
    s->linger_next = net->lingering;
    net->lingering = s;
    net->lingering_count++;
    if (!loop_timer_running(&net->linger_timer))
        loop_timer_start(net->loop, &net->linger_timer, NET_LINGER_TICK_MS);
    net_dirty_add(s);
}

static void linger_tick(struct loop_timer *timer)
{
    struct net_loop *net = CONTAINER_OF(timer, struct net_loop, linger_timer);
    uint32_t now_s = (uint32_t)(loop_now_ms(net->loop) / 1000);
    struct net_stream **at = &net->lingering;

    while (*at != NULL) {
        struct net_stream *s = *at;
        int fd;

        if (s->linger_due_s > now_s) {
            at = &s->linger_next;
            continue;
        }
        fd = stream_fd(s);
        *at = s->linger_next;
        net->lingering_count--;
        handle_close(s);
        close(fd);
    }
    if (net->lingering != NULL)
        loop_timer_start(net->loop, timer, NET_LINGER_TICK_MS);
}

bool net_detach(struct net_stream **stream, struct net_moving *out)
{
    struct net_stream *s = *stream;

    ENSURE(s->state == NET_OPEN);
    /* A fault is left for the next flush to find: nobody is called back from his own call. */
    if (s->failed || s->blocked || stream_send(s) != NET_SENT_ALL)
        return false;
    *out = (struct net_moving){ .fd = stream_fd(s) };
    if (s->secure)
        out->tls = net_tls_detach(s);
    *stream = NULL;
    handle_close(s); /* takes the descriptor out of epoll at once */
    return true;
}

void net_owner_set(struct net_stream *s, const struct net_ops *ops, void *owner)
{
    s->ops = ops;
    if (s->secure)
        net_tls_owner_set(s->poll.data, owner);
    else
        s->poll.data = owner;
}

int net_stream_fd(const struct net_stream *s)
{
    return stream_fd(s);
}

void net_peer_text(const struct net_stream *s, char text[static NET_PEER_TEXT_BYTES])
{
    struct sockaddr_storage addr = { 0 };
    socklen_t len = sizeof(addr);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr;

    if (getpeername(stream_fd(s), (struct sockaddr *)&addr, &len) != 0)
        snprintf(text, NET_PEER_TEXT_BYTES, "unknown");
    else if (addr.ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, text, NET_PEER_TEXT_BYTES);
    else if (addr.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, NET_PEER_TEXT_BYTES);
    else if (addr.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, NET_PEER_TEXT_BYTES);
    else
        snprintf(text, NET_PEER_TEXT_BYTES, "unix");
}
