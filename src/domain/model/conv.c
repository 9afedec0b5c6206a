/* SPDX-License-Identifier: Apache-2.0 */
#include "conv.h"

#include <stddef.h>

#include "limit.h"

#define TO(state)      (1U << CONV_##state)
#define CONV_REOPEN_MS ((int64_t)LIMIT_CONV_REOPEN_HOURS * 3600 * 1000)

static const uint32_t conv_next[CONV_STATE_COUNT] = {
    [CONV_NEW] = TO(BOT) | TO(QUEUED) | TO(AGENT) | TO(CLOSED),
    [CONV_BOT] = TO(QUEUED) | TO(AGENT) | TO(CLOSED),
    [CONV_QUEUED] = TO(AGENT) | TO(BOT) | TO(CLOSED),
    [CONV_AGENT] = TO(AGENT) | TO(QUEUED) | TO(BOT) | TO(CLOSED), /* to itself: transferred */
    [CONV_CLOSED] = TO(BOT) | TO(QUEUED) | TO(AGENT),             /* reopened within 72 h */
};

static const char *const conv_names[CONV_STATE_COUNT] = {
    [CONV_NEW] = "new",     [CONV_BOT] = "bot",       [CONV_QUEUED] = "queued",
    [CONV_AGENT] = "agent", [CONV_CLOSED] = "closed",
};

struct conv_life conv_life_new(void)
{
    return (struct conv_life){ .state = CONV_NEW };
}

bool conv_move_legal(enum conv_state from, enum conv_state to)
{
    if (from < CONV_NEW || from >= CONV_STATE_COUNT || to < CONV_NEW || to >= CONV_STATE_COUNT)
        return false;
    return (conv_next[from] >> to & 1U) != 0;
}

bool conv_reopen_possible(const struct conv_life *life, int64_t now_ms)
{
    return life->state == CONV_CLOSED && now_ms - life->closed_at <= CONV_REOPEN_MS;
}

bool conv_life_valid(const struct conv_life *life)
{
    return life->state >= CONV_NEW && life->state < CONV_STATE_COUNT &&
           (life->agent.v != 0) == (life->state == CONV_AGENT) &&
           (life->queued_at != 0) == (life->state == CONV_QUEUED) &&
           (life->closed_at != 0) == (life->state == CONV_CLOSED);
}

enum err_code conv_move(struct conv_life *life, enum conv_state to, struct agent_id agent,
                        int64_t queued_at, int64_t now_ms, struct err *err)
{
    ENSURE(conv_life_valid(life));
    ENSURE((agent.v != 0) == (to == CONV_AGENT));
    ENSURE(now_ms > 0);
    if (!conv_move_legal(life->state, to)) {
        return err_set(err, ERR_CONFLICT, "a conversation cannot go from %s to %s",
                       conv_state_name(life->state), conv_state_name(to));
    }
    if (life->state == CONV_CLOSED && !conv_reopen_possible(life, now_ms))
        return err_set(err, ERR_CONFLICT, "closed more than %d hours ago", LIMIT_CONV_REOPEN_HOURS);
    *life = (struct conv_life){ .state = to, .agent = agent };
    if (to == CONV_QUEUED)
        life->queued_at = queued_at > 0 ? queued_at : now_ms;
    if (to == CONV_CLOSED)
        life->closed_at = now_ms;
    ENSURE(conv_life_valid(life));
    return ERR_OK;
}

const char *conv_state_name(enum conv_state state)
{
    return state >= CONV_NEW && state < CONV_STATE_COUNT ? conv_names[state] : "";
}
