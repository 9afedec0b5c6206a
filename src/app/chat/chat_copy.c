/* SPDX-License-Identifier: Apache-2.0 */
/* An action that outlives its call: one that waits for the store, or one that travels to another
 * shard. Its slices are named in one place, so that a new one is forgotten nowhere. */
#include "chat.h"

#include <string.h>

enum { ACTION_SLICES = 15 };

static void action_slices(struct chat_action *action, struct slice *out[ACTION_SLICES])
{
    struct slice *const all[] = {
        &action->actor.name,
        &action->text,
        &action->reason,
        &action->locale,
        &action->queue,
        &action->flow,
        &action->page.url,
        &action->page.title,
        &action->page.referrer,
        &action->visitor_info.name,
        &action->visitor_info.email,
        &action->visitor_info.phone,
        &action->visitor_info.user_id,
        &action->visitor_info.user_agent,
        &action->visitor_info.address,
    };

    _Static_assert(LENGTH_OF(all) == ACTION_SLICES,
                   "every slice but those of attributes and items");
    memcpy(out, all, sizeof(all));
}

size_t chat_action_room(const struct chat_action *action)
{
    struct chat_action copy = *action;
    struct slice *slices[ACTION_SLICES];
    size_t bytes = action->attribute_count * sizeof(struct chat_attribute) +
                   action->item_count * sizeof(struct slice);

    action_slices(&copy, slices);
    for (size_t i = 0; i < ACTION_SLICES; i++)
        bytes += slices[i]->len;
    for (unsigned i = 0; i < action->attribute_count; i++)
        bytes += action->attributes[i].key.len + action->attributes[i].value.len;
    for (unsigned i = 0; i < action->item_count; i++)
        bytes += action->items[i].len;
    return bytes;
}

static struct slice slice_copy(char **at, struct slice s)
{
    char *to = *at;

    if (s.len == 0)
        return SLICE_EMPTY;
    memcpy(to, s.ptr, s.len);
    *at += s.len;
    return slice_make(to, s.len);
}

void chat_action_copy(struct chat_action *action, void *room)
{
    struct chat_attribute *attributes = room;
    struct slice *items = (struct slice *)(void *)(attributes + action->attribute_count);
    char *at = (char *)(items + action->item_count);
    struct slice *slices[ACTION_SLICES];

    for (unsigned i = 0; i < action->attribute_count; i++) {
        attributes[i].key = slice_copy(&at, action->attributes[i].key);
        attributes[i].value = slice_copy(&at, action->attributes[i].value);
    }
    for (unsigned i = 0; i < action->item_count; i++)
        items[i] = slice_copy(&at, action->items[i]);
    action->items = items;
    action->attributes = attributes;
    action_slices(action, slices);
    for (size_t i = 0; i < ACTION_SLICES; i++)
        *slices[i] = slice_copy(&at, *slices[i]);
}
