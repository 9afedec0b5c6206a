/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket connections (RFC 6455) on streams of src/runtime/net. All calls on the loop's thread.
 *
 *   OPEN ──ws_conn_close──▶ CLOSING ──the peer's close frame, its end, WS_CLOSE_MS_MAX──▶ gone
 *     ├────peer's close frame, fault, end of the stream──▶ on_closed ──▶ gone
 *     └────ws_conn_abort, ws_conn_detach──▶ gone
 *
 * Messages come whole: one that lies in a single read is handed on where it was read, without a
 * copy; only an unfinished one is kept, in memory that grows with what has really come. Pings are
 * answered here. What is sent waits in the stream and goes out in one write at the end of the turn.
 * An idle connection costs about 110 bytes and its stream; it holds no buffer. */
#ifndef KEFU_WS_H
#define KEFU_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "http_server.h"
#include "ws_frame.h"
#include "ws_handshake.h"

struct ws_conn;
struct ws_client;
struct ws_moving;

enum {
    WS_PENDING_MAX = 256 * 1024, /* a reader further behind is better served by a resync */
    /* From a message's first byte to its last: 1 KiB/s is slow. It is looked at when more comes, be
     * it a pong (1008); a peer that sends nothing is found by its unanswered pings. */
    WS_MESSAGE_MS_MAX = 60000,
    WS_CLOSE_MS_MAX = 5000,    /* a browser answers in a round trip; half of the drain's 10 s */
    WS_PINGS_MAX = 255,        /* the count of unanswered ones stops here */
    WS_CONNECT_MS_MAX = 10000, /* a client's handshake */
};

struct ws_ops {
    /* A whole message, borrowed until return; text is valid UTF-8. */
    void (*on_message)(void *owner, struct slice message, bool binary);
    void (*on_pong)(void *owner, struct slice payload); /* may be NULL */
    /* What a full socket had left queued has gone out. May be NULL. */
    void (*on_drained)(void *owner);
    /* The last call: the connection is gone, not by our wish; its pointer must not be used again,
     * not even here. code is the peer's, ours for a fault of the peer (1002, 1007, 1008, 1009), or
     * WS_CODE_NONE or WS_CODE_ABNORMAL. reason: borrowed until return. */
    void (*on_closed)(void *owner, unsigned code, struct slice reason);
};

struct ws_options {
    uint32_t message_max; /* 0: WS_MESSAGE_MAX; a longer message ends the connection with 1009 */
    uint32_t pending_max; /* 0: WS_PENDING_MAX */
};

/* Within http_server's on_request: answers a request that ws_handshake_check has judged. accept
 * gives NULL when the client has left. No callback comes before the turn's end. */
struct ws_conn *ws_accept(struct http_server *server, struct http_ref ref,
                          const struct ws_handshake *handshake, const struct ws_options *options,
                          const struct ws_ops *ops, void *owner);
void ws_refuse(struct http_server *server, struct http_ref ref,
               const struct ws_handshake *handshake);

/* False: more than pending_max would be queued; nothing was. */
MUST_USE bool ws_conn_send(struct ws_conn *conn, struct slice message, bool binary);
/* False as above. Else one more ping is unanswered, until a pong comes. */
bool ws_conn_ping(struct ws_conn *conn, struct slice payload);
unsigned ws_conn_pings(const struct ws_conn *conn); /* unanswered */
size_t ws_conn_pending(const struct ws_conn *conn); /* bytes queued */
/* For the peer's address and socket options. */
const struct net_stream *ws_conn_stream(const struct ws_conn *conn);
/* May be called anew when a connection's owner moves in memory. */
void ws_conn_owner_set(struct ws_conn *conn, const struct ws_ops *ops, void *owner);

/* No callback comes after these; all three take the pointer away. close: what is queued goes out,
 * then the close frame (reason is cut to WS_REASON_MAX bytes; code must be valid, or WS_CODE_NONE
 * for an empty frame), then the peer has WS_CLOSE_MS_MAX to answer (a queue that is full beyond
 * measure makes it an abort). abort: now. */
void ws_conn_close(struct ws_conn **conn, unsigned code, const char *reason);
void ws_conn_abort(struct ws_conn **conn);
/* Takes the connection off its loop, to be attached to another shard's: descriptor, bytes that were
 * read but not worked, state of the reader. May be called within on_message. False: the socket does
 * not take what is queued; nothing has changed. */
MUST_USE bool ws_conn_detach(struct ws_conn **conn, struct ws_moving **out);

/* On the thread of loop. moving is taken in any case. Bytes that came along are worked at the end
 * of the turn, before more is read. */
MUST_USE enum err_code ws_conn_attach(struct loop *loop, struct ws_moving **moving,
                                      const struct ws_ops *ops, void *owner, struct ws_conn **out,
                                      struct err *err);
void ws_moving_drop(struct ws_moving **moving); /* any thread; closes the socket */

/* ---- client: for tests, load and peers that we connect to ---- */
struct ws_client_options {
    const char *address; /* numeric, or a path when port is 0 */
    uint16_t port;
    const struct net_tls_context *tls; /* NULL: plain; else tls_host is verified */
    const char *tls_host;
    struct ws_request request; /* borrowed until return */
    struct ws_options options;
    uint32_t connect_ms_max; /* 0: WS_CONNECT_MS_MAX */
    /* The last call of the client, which is gone then: conn is open and owned by the caller, or
     * NULL with err. Never called within ws_client_start. */
    void (*done)(void *ctx, struct ws_conn *conn, const struct err *err);
    void *ctx;
    const struct ws_ops *ops;
    void *owner;
};
MUST_USE enum err_code ws_client_start(struct loop *loop, const struct ws_client_options *options,
                                       struct ws_client **out, struct err *err);
void ws_client_cancel(struct ws_client **client); /* before done */

#endif
