/* SPDX-License-Identifier: Apache-2.0 */
/* To another agent, or back to the queue, with a note for the next one. */
#include "gateway_priv.h"

enum err_code gateway_map_transfer(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                   struct arena *arena, struct err *err)
{
    const Kefu__V1__Transfer *in = frame->transfer;
    enum err_code rc = gateway_conv("transfer.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_TRANSFER;
    action->agent = (struct agent_id){ in->agent_id };
    action->text = slice_of(in->note);
    action->queue = slice_of(in->queue);
    return gateway_client_id("transfer.clientId", in->client_id, action, err);
}
