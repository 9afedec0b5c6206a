/* SPDX-License-Identifier: Apache-2.0 */
/* Changes the text of an own message. */
#include "gateway_priv.h"

enum err_code gateway_map_edit(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Edit *in = frame->edit;
    enum err_code rc = gateway_conv("edit.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_EDIT;
    action->seq = in->seq;
    action->text = slice_of(in->text);
    return gateway_client_id("edit.clientId", in->client_id, action, err);
}
