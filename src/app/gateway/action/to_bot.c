/* SPDX-License-Identifier: Apache-2.0 */
/* An agent hands back to the bot. */
#include "gateway_priv.h"

enum err_code gateway_map_to_bot(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__ToBot *in = frame->to_bot;
    enum err_code rc = gateway_conv("toBot.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_TO_BOT;
    return gateway_client_id("toBot.clientId", in->client_id, action, err);
}
