/* SPDX-License-Identifier: Apache-2.0 */
/* An agent gives a conversation back to the queue. */
#include "gateway_priv.h"

enum err_code gateway_map_decline(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                  struct arena *arena, struct err *err)
{
    const Kefu__V1__Decline *in = frame->decline;
    enum err_code rc = gateway_conv("decline.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_DECLINE;
    action->reason = slice_of(in->reason);
    return gateway_client_id("decline.clientId", in->client_id, action, err);
}
