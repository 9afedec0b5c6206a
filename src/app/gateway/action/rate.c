/* SPDX-License-Identifier: Apache-2.0 */
/* The visitor rates a conversation, 1 to 5. */
#include "gateway_priv.h"

enum err_code gateway_map_rate(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Rate *in = frame->rate;
    enum err_code rc = gateway_conv("rate.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_RATE;
    action->rating = in->rating;
    action->text = slice_of(in->text);
    return gateway_client_id("rate.clientId", in->client_id, action, err);
}
