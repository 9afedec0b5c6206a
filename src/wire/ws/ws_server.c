/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked upgrade request to a connection. */
#include "ws_priv.h"

#include "net.h"

enum { ANSWER_MAX = 512 }; /* the 101 with the longest subprotocol we would name */

/* Something may be queued already: TLS's own words, or answers to pipelined requests. A client that
 * does not read those while it asks for another protocol is none of ours. */
static bool answer_write(struct net_stream *stream, const struct ws_handshake *handshake,
                         uint32_t pending_max)
{
    struct buf answer;
    bool written;

    buf_init(&answer, ANSWER_MAX);
    ws_handshake_write(handshake, &answer);
    ENSURE(buf_ok(&answer));
    written = net_write(stream, buf_slice(&answer)) && net_pending(stream) <= pending_max;
    buf_fini(&answer);
    return written;
}

struct ws_conn *ws_accept(struct http_server *server, struct http_ref ref,
                          const struct ws_handshake *handshake, const struct ws_options *options,
                          const struct ws_ops *ops, void *owner)
{
    uint32_t pending_max = options->pending_max != 0 ? options->pending_max : WS_PENDING_MAX;
    struct http_taken taken;

    if (!http_upgrade(server, ref, &taken))
        return NULL;
    if (!answer_write(taken.stream, handshake, pending_max)) {
        net_abort(&taken.stream);
        return NULL;
    }
    return ws_conn_create(&taken.stream, WS_SERVER, options, slice_make(taken.rest, taken.rest_len),
                          ops, owner);
}

void ws_refuse(struct http_server *server, struct http_ref ref,
               const struct ws_handshake *handshake)
{
    static const struct http_field fields[] = {
        { SLICE_LITERAL("Upgrade"), SLICE_LITERAL("websocket") },
        { SLICE_LITERAL("Sec-WebSocket-Version"), SLICE_LITERAL("13") },
    };
    struct http_reply reply = { .status = handshake->status,
                                .type = SLICE_LITERAL("text/plain"),
                                .body = slice_of(handshake->reason),
                                .close = true };

    ENSURE(handshake->status != 0);
    if (handshake->status == 426) {
        reply.fields = fields;
        reply.field_count = LENGTH_OF(fields);
    }
    http_reply(server, ref, &reply);
}
