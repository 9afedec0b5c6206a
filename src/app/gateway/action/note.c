/* SPDX-License-Identifier: Apache-2.0 */
/* A note that the visitor never sees. */
#include "gateway_priv.h"

enum err_code gateway_map_note(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Note *in = frame->note;
    enum err_code rc = gateway_conv("note.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_NOTE;
    action->text = slice_of(in->text);
    return gateway_client_id("note.clientId", in->client_id, action, err);
}
