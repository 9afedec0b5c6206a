/* SPDX-License-Identifier: Apache-2.0 */
/* A closed conversation goes on. */
#include "gateway_priv.h"

enum err_code gateway_map_reopen(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__Reopen *in = frame->reopen;
    enum err_code rc = gateway_conv("reopen.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_REOPEN;
    return gateway_client_id("reopen.clientId", in->client_id, action, err);
}
