/* SPDX-License-Identifier: Apache-2.0 */
/* A message; from a visitor it may stand for options of what a flow asks, or for files. */
#include "gateway_priv.h"

#include "auth_attachment.h"

static enum err_code items_map(const char *field, char *const *texts, size_t count,
                               struct chat_action *action, struct arena *arena, struct err *err)
{
    struct slice *items = arena_alloc(arena, count * sizeof(*items));

    if (items == NULL)
        return err_set_field(err, ERR_TOO_BIG, field, "too many");
    for (size_t i = 0; i < count; i++)
        items[i] = slice_of(texts[i]);
    action->items = items;
    action->item_count = (unsigned)count;
    return ERR_OK;
}

enum err_code gateway_map_send(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    const Kefu__V1__Send *in = frame->send;
    enum err_code rc = gateway_conv("send.conversationId", in->conversation_id, action, err);

    if (rc != ERR_OK)
        return rc;
    action->kind = CHAT_SEND;
    action->text = slice_of(in->text);
    action->flow = slice_of(in->flow);
    action->items_are_files = in->n_files > 0;
    if (in->n_files > 0 && in->n_pick > 0)
        return err_set_field(err, ERR_INVALID, "send.files", "either files or pick");
    if (in->n_files > 0)
        rc = items_map("send.files", in->files, in->n_files, action, arena, err);
    else if (in->n_pick > 0)
        rc = items_map("send.pick", in->pick, in->n_pick, action, arena, err);
    if (rc != ERR_OK)
        return rc;
    return gateway_client_id("send.clientId", in->client_id, action, err);
}

enum err_code gateway_files_prove(struct gateway_session *session, struct chat_action *action,
                                  struct err *err)
{
    struct gateway *gateway = session->gateway;
    struct slice *items = arena_alloc(&gateway->arena, action->item_count * sizeof(*items));

    if (session->agent != NULL)
        return err_set_field(err, ERR_FORBIDDEN, "send.files", "only visitors send files");
    for (unsigned i = 0; items != NULL && i < action->item_count; i++) {
        struct auth_attachment attachment;
        char text[ATTACHMENT_ITEM_MAX];
        char *copy;

        if (auth_attachment_verify(gateway->options.master, action->items[i], session->visitor,
                                   &attachment, err) != ERR_OK)
            return err_set_field(err, ERR_FORBIDDEN, "send.files",
                                 "not a reference of an upload of this visitor");
        attachment_item(attachment.id, slice_of(attachment.name), text);
        copy = arena_strdup(&gateway->arena, slice_of(text));
        if (copy == NULL)
            return err_set_field(err, ERR_TOO_BIG, "send.files", "too many");
        items[i] = slice_of(copy);
    }
    action->items = items;
    return items != NULL ? ERR_OK : err_set_field(err, ERR_TOO_BIG, "send.files", "too many");
}
