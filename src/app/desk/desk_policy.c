/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

/* Negative: a before b. */
static int compare(const struct desk_agent_view *a, const struct desk_agent_view *b)
{
    /* load / capacity without a division; both stay far below 2^32. */
    uint64_t left = (uint64_t)a->load * b->capacity;
    uint64_t right = (uint64_t)b->load * a->capacity;

    if (left != right)
        return left < right ? -1 : 1;
    if (a->last_assigned_ms != b->last_assigned_ms)
        return a->last_assigned_ms < b->last_assigned_ms ? -1 : 1;
    return a->id.v < b->id.v ? -1 : a->id.v > b->id.v;
}

static int pick_least_loaded(void *ctx, const struct desk_waiting_view *waiting,
                             const struct desk_agent_view *agents, unsigned count, int64_t now_ms)
{
    int best = -1;

    (void)ctx, (void)waiting, (void)now_ms;
    for (unsigned i = 0; i < count; i++) {
        if (best < 0 || compare(&agents[i], &agents[best]) < 0)
            best = (int)i;
    }
    return best;
}

const struct desk_policy desk_policy_least_loaded = { "least_loaded", pick_least_loaded, NULL };
