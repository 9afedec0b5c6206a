/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits, and handing out. The queue is a sorted array: even with 10,000 waiting an insertion
 * moves 80 kB, a few microseconds, and a place in the queue is an index. Visitors are told their
 * place when it changed, not at each change: once on arrival, then at most
 * DESK_POSITIONS_PER_TICK of them a tick. */
#include "desk_priv.h"

#include <stdlib.h>

#include "mem.h"

enum {
    WAITS_NEEDED = 5,   /* fewer say nothing */
    SPREAD_MAX = 4,     /* upper over lower quartile: above, an estimate would be a guess */
    WAIT_MAX = 1 << 30, /* ms; keeps products in range */
};

/* ---- order ----------------------------------------------------------------------------------- */

static bool before(const struct desk_case *a, const struct desk_case *b)
{
    return a->queued_at != b->queued_at ? a->queued_at < b->queued_at : a->conv.v < b->conv.v;
}

/* The first index whose case does not come before c. */
static uint32_t lower_bound(const struct desk *desk, const struct desk_case *c)
{
    uint32_t low = 0;
    uint32_t high = desk->waiting_count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (before(desk->waiting[mid], c))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void queue_add(struct desk *desk, struct desk_case *c)
{
    uint32_t at = lower_bound(desk, c);

    if (desk->waiting_count == desk->waiting_cap) {
        desk->waiting_cap = desk->waiting_cap > 0 ? desk->waiting_cap * 2 : 16;
        desk->waiting = mem_realloc(desk->waiting, desk->waiting_cap * sizeof(desk->waiting[0]));
    }
    memmove(desk->waiting + at + 1, desk->waiting + at,
            (desk->waiting_count - at) * sizeof(desk->waiting[0]));
    desk->waiting[at] = c;
    desk->waiting_count++;
    c->entered_position = at + 1;
    c->entered_ms = desk_now(desk);
}

void queue_remove(struct desk *desk, struct desk_case *c)
{
    uint32_t at = lower_bound(desk, c);

    ENSURE(at < desk->waiting_count && desk->waiting[at] == c);
    desk->waiting_count--;
    memmove(desk->waiting + at, desk->waiting + at + 1,
            (desk->waiting_count - at) * sizeof(desk->waiting[0]));
}

uint32_t queue_position(const struct desk *desk, const struct desk_case *c)
{
    return lower_bound(desk, c) + 1;
}

/* ---- how long -------------------------------------------------------------------------------- */

void queue_note_wait(struct desk *desk, const struct desk_case *c)
{
    int64_t per_place = (desk_now(desk) - c->entered_ms) / c->entered_position;

    desk->waits[desk->wait_count++ % DESK_WAITS] =
        (uint32_t)(per_place < WAIT_MAX ? per_place : WAIT_MAX);
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;

    return *left < *right ? -1 : *left > *right;
}

/* Median of the last waits per place, times the place; 0 when that would be a guess. */
static uint32_t estimate(const struct desk *desk, uint32_t position)
{
    uint32_t sorted[DESK_WAITS];
    uint32_t count = desk->wait_count < DESK_WAITS ? desk->wait_count : DESK_WAITS;
    uint64_t wait;

    if (count < WAITS_NEEDED)
        return 0;
    memcpy(sorted, desk->waits, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_u32);
    if (sorted[count - 1 - count / 4] / SPREAD_MAX > sorted[count / 4])
        return 0;
    wait = (uint64_t)sorted[count / 2] * position;
    return wait < WAIT_MAX ? (uint32_t)wait : WAIT_MAX;
}

void queue_tell(struct desk *desk, struct desk_case *c, uint32_t position, bool online)
{
    c->position_told = position;
    c->online_told = online;
    desk->options.ops.position(desk->options.ops.ctx, c->conv, position, estimate(desk, position),
                               online);
}

void queue_tell_changed(struct desk *desk)
{
    unsigned budget = DESK_POSITIONS_PER_TICK;
    bool online = desk_agents_online(desk);

    /* From the front: whoever is next should know first. */
    for (uint32_t i = 0; i < desk->waiting_count && budget > 0; i++) {
        struct desk_case *c = desk->waiting[i];

        if (c->position_told == i + 1 && c->online_told == online)
            continue;
        queue_tell(desk, c, i + 1, online);
        budget--;
    }
}

/* ---- handing out ----------------------------------------------------------------------------- */

static void views_reserve(struct desk *desk)
{
    if (desk->view_cap >= desk->agent_count)
        return;
    desk->view_cap = desk->agent_cap;
    desk->views = mem_realloc(desk->views, desk->view_cap * sizeof(desk->views[0]));
    desk->view_agents =
        mem_realloc(desk->view_agents, desk->view_cap * sizeof(desk->view_agents[0]));
}

static uint32_t views_fill(struct desk *desk)
{
    uint32_t count = 0;

    views_reserve(desk);
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        if (!agent_has_room(desk->agent_list[i]))
            continue;
        desk->views[count] = agent_view(desk->agent_list[i]);
        desk->view_agents[count++] = desk->agent_list[i];
    }
    return count;
}

static void views_swap(struct desk *desk, uint32_t a, uint32_t b)
{
    struct desk_agent_view view = desk->views[a];
    struct desk_agent *agent = desk->view_agents[a];

    desk->views[a] = desk->views[b];
    desk->view_agents[a] = desk->view_agents[b];
    desk->views[b] = view;
    desk->view_agents[b] = agent;
}

/* The index of the chosen view, or -1. Who is to be avoided stands last and is left out. */
static int choose(struct desk *desk, const struct desk_case *c, uint32_t count)
{
    const struct desk_policy *policy = desk->options.policy;
    const struct desk_waiting_view waiting = { c->conv, c->site, c->queued_at };
    int64_t now = desk_now(desk);

    if (c->avoid.v != 0 && c->avoid_until_ms > now) {
        for (uint32_t i = 0; i < count; i++) {
            if (desk->views[i].id.v == c->avoid.v) {
                views_swap(desk, i, --count);
                break;
            }
        }
    }
    return count > 0 ? policy->pick(policy->ctx, &waiting, desk->views, count, now) : -1;
}

static void drain_from(struct desk *desk, uint32_t at)
{
    unsigned budget = DESK_SCAN_MAX;
    uint32_t count = 0;

    if (desk->ready && desk->waiting_count > 0)
        count = views_fill(desk);
    while (at < desk->waiting_count && count > 0) {
        struct desk_case *c = desk->waiting[at];
        int pick = -1;

        if (budget-- == 0) {
            desk->scan_from = at > desk->scan_from ? at : desk->scan_from;
            return;
        }
        if (c->retry_ms <= desk_now(desk))
            pick = choose(desk, c, count);
        if (pick < 0) {
            at++;
            continue;
        }
        ENSURE((uint32_t)pick < count);
        case_reserve(desk, c, desk->view_agents[pick]);
        desk->views[pick] = agent_view(desk->view_agents[pick]);
        if (!agent_has_room(desk->view_agents[pick]))
            views_swap(desk, (uint32_t)pick, --count);
    }
    desk->scan_from = 0;
}

void queue_drain(struct desk *desk)
{
    drain_from(desk, 0);
}

void queue_drain_on(struct desk *desk)
{
    drain_from(desk, desk->scan_from);
}
