/* SPDX-License-Identifier: Apache-2.0 */
/* An agent watches a conversation, or the inbox of the workspace. */
#include "gateway_priv.h"

enum err_code gateway_map_subscribe(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                    struct arena *arena, struct err *err)
{
    const Kefu__V1__Subscribe *in = frame->subscribe;

    (void)arena;
    if (!in->inbox && in->conversation_id == 0)
        return err_set_field(err, ERR_INVALID, "subscribe.conversationId", "missing");
    action->kind = CHAT_SUBSCRIBE;
    action->conv = (struct conv_id){ in->conversation_id };
    action->inbox = in->inbox;
    action->off = in->off;
    action->seq = in->seq;
    return ERR_OK;
}
