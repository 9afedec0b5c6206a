/* SPDX-License-Identifier: Apache-2.0 */
/* What may be uploaded, decided by its first bytes, and how it is called from then on. A sender's
 * word for the type counts for nothing; what is not in the table is refused. Pure; any thread. */
#ifndef KEFU_ATTACHMENT_H
#define KEFU_ATTACHMENT_H

#include <stddef.h>

#include "slice.h"

enum {
    /* One request body. A photo made for a screen is below it; the widget shrinks larger ones. */
    ATTACHMENT_BYTES_MAX = 1024 * 1024,
    /* Of one visitor, whatever the conversation: ten flows with the most files that one asks for.
     */
    ATTACHMENT_VISITOR_MAX = 100,
    /* With its ending. Six of them with their ids are an answer that a flow's slot holds. */
    ATTACHMENT_NAME_BYTES_MAX = 40,
    /* The id's 20 digits, a slash, the name and NUL: see attachment_item. */
    ATTACHMENT_ITEM_MAX = 20 + 1 + ATTACHMENT_NAME_BYTES_MAX + 1,
};

/* "image/png", or NULL: not a kind of file that is taken. */
const char *attachment_type(struct slice bytes);

/* The name that people see and flows get: without folders, control and direction characters, and
 * with the ending of what the bytes are. type: of attachment_type. Never empty. */
void attachment_name(struct slice given, const char *type, char out[ATTACHMENT_NAME_BYTES_MAX + 1]);

/* "ID/NAME", as events, flows and the shop's systems have it. */
void attachment_item(unsigned long long id, struct slice name, char out[ATTACHMENT_ITEM_MAX]);

#endif
