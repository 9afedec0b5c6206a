/* SPDX-License-Identifier: Apache-2.0 */
/* The first message: begins a conversation, or goes on with the visitor's open one. */
#include "gateway_priv.h"

enum err_code gateway_map_start(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                struct arena *arena, struct err *err)
{
    (void)arena;
    action->kind = CHAT_START;
    action->text = slice_of(frame->start->text);
    action->flow = slice_of(frame->start->flow);
    gateway_page(frame->start->page, action);
    return gateway_client_id("start.clientId", frame->start->client_id, action, err);
}
