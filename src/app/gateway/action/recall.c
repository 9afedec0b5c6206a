/* SPDX-License-Identifier: Apache-2.0 */
/* Takes back an own message. */
#include "gateway_priv.h"

enum err_code gateway_map_recall(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__Recall *in = frame->recall;
    enum err_code rc = gateway_conv("recall.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_RECALL;
    action->seq = in->seq;
    return gateway_client_id("recall.clientId", in->client_id, action, err);
}
