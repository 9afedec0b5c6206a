/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_WS_PRIV_H
#define KEFU_WS_PRIV_H

#include "ws.h"

/* Makes a connection of a stream, which is taken. rest: bytes that were read behind the handshake;
 * copied. */
struct ws_conn *ws_conn_create(struct net_stream **stream, enum ws_role role,
                               const struct ws_options *options, struct slice rest,
                               const struct ws_ops *ops, void *owner);

/* For tests: replaces WS_CLOSE_MS_MAX and WS_MESSAGE_MS_MAX for what begins on this loop. */
void ws_times_set(struct loop *loop, uint32_t close_ms, uint32_t message_ms);

#endif
