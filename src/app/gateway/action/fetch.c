/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a conversation: a range, or the newest before a seq. */
#include "gateway_priv.h"

#include "limit.h"

enum err_code gateway_map_fetch(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                                struct arena *arena, struct err *err)
{
    const Kefu__V1__Fetch *in = frame->fetch;
    enum err_code rc = gateway_conv("fetch.conversationId", in->conversation_id, action, err);

    (void)arena;
    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_FETCH;
    if (in->limit > LIMIT_FETCH_EVENTS_MAX)
        return err_set_field(err, ERR_INVALID, "fetch.limit", "1 to %d", LIMIT_FETCH_EVENTS_MAX);
    action->from_seq = in->from_seq;
    action->to_seq = in->to_seq;
    action->before_seq = in->before_seq;
    action->limit = in->limit;
    return ERR_OK;
}
