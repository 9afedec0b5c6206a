/* SPDX-License-Identifier: Apache-2.0 */
/* The visitor looks at another page. */
#include "gateway_priv.h"

enum err_code gateway_map_page(const Kefu__V1__ClientFrame *frame, struct chat_action *action,
                               struct arena *arena, struct err *err)
{
    (void)arena;
    (void)err;
    action->kind = CHAT_PAGE;
    gateway_page(frame->page->page, action);
    return ERR_OK;
}
