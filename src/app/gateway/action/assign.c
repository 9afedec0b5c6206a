/* SPDX-License-Identifier: Apache-2.0 */
/* An agent takes a conversation, or a supervisor gives it to somebody. */
#include "gateway_priv.h"

enum err_code gateway_map_assign(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__Assign *in = frame->assign;
    enum err_code rc = gateway_conv("assign.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_ASSIGN;
    action->agent = (struct agent_id){ in->agent_id };
    return gateway_client_id("assign.clientId", in->client_id, action, err);
}
