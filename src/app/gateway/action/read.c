/* SPDX-License-Identifier: Apache-2.0 */
/* What this side has read. */
#include "gateway_priv.h"

enum err_code gateway_map_read(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Read *in = frame->read;
    enum err_code rc = gateway_conv("read.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_READ;
    action->seq = in->seq;
    return ERR_OK;
}
