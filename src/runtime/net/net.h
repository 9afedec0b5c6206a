/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and bounded byte streams (TCP, unix, either with TLS: net_tls.h) on a loop. All calls
 * on the loop's own thread.
 *
 * Reading: one buffer per loop, lent to on_bytes for the duration of the call; the owner keeps what
 * it must. Writing: net_write queues, and everything a turn queued for a stream goes out with one
 * system call at the end of the turn. A stream holds no buffer while nothing is queued and costs
 * about 200 bytes.
 *
 * Streams are uv_poll_t handles with our own send and recv, not uv_tcp_t: 80 bytes less for each of
 * 50,000 idle visitors, a socket that moves to another shard needs no duplicate descriptor, and
 * writes go straight out of our queue. */
#ifndef KEFU_NET_H
#define KEFU_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

struct loop;
struct net_stream;
struct net_listener;
struct net_tls;

enum {
    NET_PENDING_MAX = 8 * 1024 * 1024, /* queued bytes of one stream unless set lower */
    NET_BACKLOG = 4096,                /* the kernel cuts it to net.core.somaxconn */
    NET_ACCEPTS_PER_TURN_MAX = 64,     /* a storm of connections must not stop the others */
    NET_FLUSH_MS_MAX = 30000,          /* a closed stream's last bytes may take this long */
    NET_LINGER_MS_MAX = 2000,          /* then the peer has this long to close its side */
    NET_LINGERING_MAX = 4096,          /* more streams in that state are cut off at once */
    NET_PEER_TEXT_BYTES = 64,
};

enum net_end {
    NET_END_PEER,  /* the peer will send no more; it may still read */
    NET_END_ERROR, /* reset, refused, timed out: nothing can be read or written any more */
};

struct net_ops {
    /* The bytes may be changed in place; they are gone after return. */
    void (*on_bytes)(void *owner, char *bytes, size_t len);
    /* No more bytes will come. Called at most once for each kind; the stream stays the owner's,
     * who has to net_close or net_abort it (here or later). */
    void (*on_end)(void *owner, enum net_end end);
    /* What a full socket had left queued has gone out; also once for a stream of net_connect, when
     * it is connected and all that was written meanwhile is sent. May be NULL. */
    void (*on_drained)(void *owner);
};

struct net_listen_options {
    const char *address;   /* numeric IPv4 or IPv6; NULL: every address (:: with IPv4) */
    uint16_t port;         /* 0: any, see net_listener_port */
    bool reuse_port;       /* one listener on each shard, the kernel spreads connections */
    const char *unix_path; /* then the rest is ignored; mode 0600, an old socket is replaced */
    int backlog;           /* 0: NET_BACKLOG */
};
/* fd: non-blocking, close-on-exec, without Nagle; on_accept owns it and hands it to net_adopt. */
typedef void net_accept_fn(void *ctx, int fd);

MUST_USE enum err_code net_listen(struct loop *loop, const struct net_listen_options *options,
                                  net_accept_fn *on_accept, void *ctx, struct net_listener **out,
                                  struct err *err);
void net_listener_close(struct net_listener **listener); /* removes a unix path */
uint16_t net_listener_port(const struct net_listener *listener);

/* Makes a stream of a connected descriptor and starts reading. On failure the fd is closed. */
MUST_USE enum err_code net_adopt(struct loop *loop, int fd, const struct net_ops *ops, void *owner,
                                 struct net_stream **out, struct err *err);
/* address: numeric, or a path when port is 0. Returns at once: bytes written meanwhile wait, a
 * refusal comes as NET_END_ERROR. */
MUST_USE enum err_code net_connect(struct loop *loop, const char *address, uint16_t port,
                                   const struct net_ops *ops, void *owner, struct net_stream **out,
                                   struct err *err);

/* Queues bytes for the end of the turn. False: the limit would be passed, nothing was queued. On a
 * stream that has ended in an error the bytes are dropped and the answer is true. */
MUST_USE bool net_write(struct net_stream *stream, struct slice bytes);
/* The same without a copy: room for len bytes, all of which the caller fills at once. NULL: past
 * the limit. */
char *net_write_reserve(struct net_stream *stream, size_t len);
size_t net_pending(const struct net_stream *stream); /* bytes queued */
void net_pending_max_set(struct net_stream *stream, uint32_t bytes_max);

/* Backpressure: while paused nothing is read, so the peer's window closes. */
void net_pause(struct net_stream *stream);
void net_resume(struct net_stream *stream);

/* No callback comes after these. close: what is queued still goes out, then the write side is shut
 * and the peer given a moment to close (a reply followed by a reset could be lost). abort: now. */
void net_close(struct net_stream **stream);
void net_abort(struct net_stream **stream);

/* A stream on its way to another shard's loop: plain data, may travel in a message. */
struct net_moving {
    int fd;
    struct net_tls *tls; /* NULL: plain */
};
/* Takes the socket out of the stream; what is queued is sent first. False: the socket does not take
 * all of it now (or is broken), the stream stays the owner's. */
MUST_USE bool net_detach(struct net_stream **stream, struct net_moving *out);
/* net_adopt for it; moving is taken in any case. */
MUST_USE enum err_code net_attach(struct loop *loop, struct net_moving *moving,
                                  const struct net_ops *ops, void *owner, struct net_stream **out,
                                  struct err *err);
void net_moving_drop(struct net_moving *moving); /* any thread; closes the socket */

void net_owner_set(struct net_stream *stream, const struct net_ops *ops, void *owner);
struct loop *net_stream_loop(const struct net_stream *stream);
int net_stream_fd(const struct net_stream *stream); /* for socket options; not to be closed */
/* "192.0.2.1", "2001:db8::1" (no port; mapped IPv4 as IPv4) or "unix". */
void net_peer_text(const struct net_stream *stream, char text[static NET_PEER_TEXT_BYTES]);

#endif
