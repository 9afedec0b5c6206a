/* SPDX-License-Identifier: Apache-2.0 */
/* Why the bot answered as it did, as the message that is stored and shown. */
#ifndef KEFU_CHAT_TRACE_H
#define KEFU_CHAT_TRACE_H

#include "arena.h"
#include "bot.h"

#include "kefu/v1/store.pb-c.h"

/* In the arena, with copies of all texts but constants; conversation and seqs are the caller's.
 * NULL: the arena is full. */
Kefu__V1__Trace *chat_trace_make(struct arena *arena, const struct bot_reply *reply);

#endif
