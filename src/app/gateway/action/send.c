/* SPDX-License-Identifier: Apache-2.0 */
/* A message into a conversation. */
#include "gateway_priv.h"

enum err_code gateway_map_send(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Send *in = frame->send;
    enum err_code rc = gateway_conv("send.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_SEND;
    action->text = slice_of(in->text);
    return gateway_client_id("send.clientId", in->client_id, action, err);
}
