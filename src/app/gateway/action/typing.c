/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody types; the visitor's unsent text when the site wants it. Lossy. */
#include "gateway_priv.h"

enum err_code gateway_map_typing(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                 struct arena *arena, struct err *err)
{
    const Kefu__V1__Typing *in = frame->typing;
    enum err_code rc = gateway_conv("typing.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_TYPING;
    action->active = in->active;
    action->text = slice_of(in->draft);
    return ERR_OK;
}
