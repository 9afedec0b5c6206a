/* SPDX-License-Identifier: Apache-2.0 */
/* An agent takes what the desk offered. */
#include "gateway_priv.h"

enum err_code gateway_map_accept(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__Accept *in = frame->accept;
    enum err_code rc = gateway_conv("accept.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_ACCEPT;
    return gateway_client_id("accept.clientId", in->client_id, action, err);
}
