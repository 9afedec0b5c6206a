/* SPDX-License-Identifier: Apache-2.0 */
/* What streams and listeners of one loop share. */
#ifndef KEFU_NET_PRIV_H
#define KEFU_NET_PRIV_H

#include <uv.h>

#include "loop.h"
#include "net.h"
#include "net_tls.h"
#include "pool.h"

enum {
    NET_OUT_SPARE_MAX = 512,     /* 512 KiB per shard: what one turn of a busy loop writes into */
    NET_OUT_CAP_MIN = 1024 - 16, /* most turns of most connections fit */
};

enum net_state { NET_OPEN, NET_FLUSHING, NET_LINGERING, NET_CLOSED };

struct net_out {
    struct net_out *next; /* in the spare list */
    uint32_t sent;
    uint32_t len;
    uint32_t cap;
    char bytes[];
};

struct net_stream {
    uv_poll_t poll; /* .data is the owner, or when secure the struct net_tls, which has the owner */
    const struct net_ops *ops;
    struct net_loop *net;
    struct net_out *out; /* only while something is queued */
    struct net_stream *dirty_next;
    struct net_stream *linger_next;
    union {
        uint32_t pending_max;  /* while it is open */
        uint32_t linger_due_s; /* then: when it is cut off, of the loop's clock */
    };
    uint8_t state;  /* enum net_state */
    uint8_t events; /* what the poll handle watches now */
    bool dirty : 1;
    bool paused : 1;
    bool blocked : 1; /* the socket took less than it was given */
    bool behind : 1;  /* on_drained is owed: blocked, or not connected, or shaking hands */
    bool read_ended : 1;
    bool failed : 1;
    bool secure : 1; /* speaks TLS */
};
/* 50,000 idle visitors have one each (DESIGN section 4: 750 bytes for everything). */
_Static_assert(sizeof(struct net_stream) <= 208, "an idle stream costs more than its share");

struct net_loop {
    struct loop_part part;
    struct loop *loop;
    struct pool streams;
    bool ended; /* gone with the last of its streams */
    struct loop_node flush;
    struct net_stream *dirty; /* have bytes or a close to bring out this turn */
    struct net_stream *lingering;
    struct loop_timer linger_timer;
    struct net_out *spare_out;
    uint32_t spare_out_count;
    uint32_t lingering_count;
    char *tls_plain; /* where records of all streams are opened; NULL until there is one */
    int spare_fd;    /* given up for a moment to refuse a connection when descriptors run out */
};

struct net_loop *net_loop_of(struct loop *loop);

struct net_out *net_out_create(struct net_loop *net, size_t cap);
void net_out_free(struct net_loop *net, struct net_out *out);
/* Room for len bytes at the end of a queue, which is made or grown. */
char *net_out_room(struct net_loop *net, struct net_out **out, size_t len);

enum net_sent {
    NET_SENT_ALL,
    NET_SENT_PART,   /* the socket is full */
    NET_SENT_WAITS,  /* for the TLS handshake, which comes first */
    NET_SENT_FAILED, /* the caller ends the stream */
};
enum net_sent net_out_send(struct net_stream *s, struct net_out **out); /* ALL: *out is NULL */
void net_dirty_add(struct net_stream *s);     /* flush at the end of the turn */
void net_stream_failed(struct net_stream *s); /* may call the owner */
void net_stream_ended(struct net_stream *s);  /* may call the owner */

/* ---- net_tls.c ---- */
struct net_tls {
    struct ssl_st *ssl;
    void *owner;
    struct net_out *sealed; /* records that wait for the socket */
    const char *in;         /* received bytes that are being worked */
    size_t in_len;
    char *rest; /* received, to be worked at the end of the turn: of a stream that has moved */
    size_t rest_len;
    struct loop_node node;
    struct net_stream *stream;
    const char *fault; /* a constant text */
    bool shut;         /* our close_notify is said */
    bool over;         /* a fault: nothing more to say */
};
static inline void *net_owner(const struct net_stream *s)
{
    return s->secure ? ((struct net_tls *)s->poll.data)->owner : s->poll.data;
}
void net_tls_take(struct net_stream *s, char *bytes,
                  size_t len); /* opens records, calls the owner */
enum net_sent net_tls_send(struct net_stream *s);
size_t net_tls_pending(const struct net_tls *tls);
void net_tls_owner_set(struct net_tls *tls, void *owner);
void net_tls_resume(struct net_stream *s);
struct net_tls *net_tls_detach(struct net_stream *s);
void net_tls_attach(struct net_stream *s, struct net_tls *tls);
void net_tls_free(struct net_tls *tls); /* NULL is fine */

#endif
