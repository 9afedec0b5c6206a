/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation's life cycle: which moves are legal, and what holds in each state.
 *
 *              +--------------------------------+
 *      new --> bot <--> queued <--> agent       |  reopened within 72 h
 *       |       |         |           |         |
 *       +-------+---------+-----------+--> closed
 *
 * Pure; time comes as an argument. The numbers are the ones of the wire (ConversationState). */
#ifndef KEFU_CONV_H
#define KEFU_CONV_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "err.h"
#include "id.h"

enum conv_state {
    CONV_NEW = 1,    /* decided, first turn not yet made */
    CONV_BOT = 2,    /* the bot answers */
    CONV_QUEUED = 3, /* waits for a person */
    CONV_AGENT = 4,  /* a person answers */
    CONV_CLOSED = 5,
    CONV_STATE_COUNT = 6,
};

/* What the state machine owns of a conversation. Set it through conv_move only. */
struct conv_life {
    enum conv_state state;
    struct agent_id agent; /* set exactly in CONV_AGENT */
    int64_t queued_at;     /* ms; set exactly in CONV_QUEUED */
    int64_t closed_at;     /* ms; set exactly in CONV_CLOSED */
};

struct conv_life conv_life_new(void);
bool conv_move_legal(enum conv_state from, enum conv_state to);
/* The one function that moves. ERR_CONFLICT: the table does not allow it, or the conversation was
 * closed longer than CONV_REOPEN_MS ago. agent: whose it becomes, for CONV_AGENT only. A move to
 * CONV_QUEUED at queued_at (0: now) keeps an earlier place in the queue. CONV_AGENT to CONV_AGENT
 * is a transfer. */
MUST_USE enum err_code conv_move(struct conv_life *life, enum conv_state to, struct agent_id agent,
                                 int64_t queued_at, int64_t now_ms, struct err *err);
/* True when what must hold in its state holds. */
bool conv_life_valid(const struct conv_life *life);
bool conv_reopen_possible(const struct conv_life *life, int64_t now_ms);
const char *conv_state_name(enum conv_state state);

#endif
