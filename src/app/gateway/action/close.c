/* SPDX-License-Identifier: Apache-2.0 */
/* An agent closes a conversation. */
#include "gateway_priv.h"

enum err_code gateway_map_close(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                struct arena *arena, struct err *err)
{
    const Kefu__V1__Close *in = frame->close;
    enum err_code rc = gateway_conv("close.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_CLOSE;
    action->reason = slice_of(in->reason);
    return gateway_client_id("close.clientId", in->client_id, action, err);
}
