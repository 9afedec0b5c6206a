/* SPDX-License-Identifier: Apache-2.0 */
/* A submitted form: names and values. */
#include "gateway_priv.h"

#include "limit.h"

enum err_code gateway_map_form(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Form *in = frame->form;
    struct chat_attribute *items = NULL;
    enum err_code rc = gateway_conv("form.conversationId", in->conversation_id, action, err);

    if (rc == ERR_OK)
        rc = gateway_attributes("form.attributes", in->n_attributes, arena, action, &items, err);
    for (size_t i = 0; rc == ERR_OK && i < in->n_attributes; i++)
        items[i] = (struct chat_attribute){ slice_of(in->attributes[i]->key),
                                            slice_of(in->attributes[i]->value) };
    action->kind = CHAT_FORM;
    return rc == ERR_OK ? gateway_client_id("form.clientId", in->client_id, action, err) : rc;
}
