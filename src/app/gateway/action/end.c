/* SPDX-License-Identifier: Apache-2.0 */
/* The visitor ends a conversation. */
#include "gateway_priv.h"

enum err_code gateway_map_end(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                              struct arena *arena, struct err *err)
{
    const Kefu__V1__End *in = frame->end;
    enum err_code rc = gateway_conv("end.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_END;
    return gateway_client_id("end.clientId", in->client_id, action, err);
}
