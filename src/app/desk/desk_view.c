/* SPDX-License-Identifier: Apache-2.0 */
/* What waiting visitors and consoles are told. Visitors hear of their place when it changed, not at
 * each change: once on arrival, then at most DESK_POSITIONS_PER_TICK of them a tick, from the
 * front, because whoever is next should know first. Consoles see the queues every DESK_WALL_MS, if
 * anything is different. */
#include "desk_priv.h"

#include <stdlib.h>

#include "hash.h"
#include "mem.h"

/* ---- visitors -------------------------------------------------------------------------------- */

static void place_tell(struct desk *desk, struct desk_case *c, uint32_t position, bool online)
{
    struct desk_place_view view = {
        .position = position,
        .alternatives = c->alternatives,
        .closed = c->closed,
        .agents_online = online,
    };
    int64_t wait = 0;

    if (position > 0 && route_wait_estimate(desk->router, c->queue, position, &wait) &&
        wait < UINT32_MAX)
        view.estimated_wait_ms = (uint32_t)wait;
    if (c->closed && c->retry_ms > desk->now_ms + DESK_FULL_RETRY_MS)
        view.opens_at = c->retry_ms;
    c->position_told = position;
    c->online_told = online;
    c->closed_told = c->closed;
    desk->options.ops.place(desk->options.ops.ctx, c->conv, &view);
}

uint32_t desk_position(const struct desk *desk, struct conv_id conv)
{
    const struct desk_case *c = map_u64_get(&desk->cases, conv.v);
    uint32_t position = 0;

    if (c == NULL || c->holder.v != 0)
        return 0;
    if (c->place == DESK_WAITING && desk->router != NULL)
        position = route_position(desk->router, conv.v);
    /* Offered, or tried again in a moment: next, as far as anybody can say. */
    return c->place == DESK_WAITING || (c->place == DESK_PARKED && !c->closed)
               ? (position > 0 ? position : 1)
               : 0;
}

void view_tell(struct desk *desk, struct desk_case *c)
{
    if (desk->router != NULL)
        place_tell(desk, c, desk_position(desk, c->conv), desk_agents_online(desk));
}

static void place_changed(struct desk *desk, struct desk_case *c, uint32_t position, bool online,
                          unsigned *budget)
{
    if (*budget == 0 || c->holder.v != 0 ||
        (c->position_told == position && c->online_told == online && c->closed_told == c->closed))
        return;
    place_tell(desk, c, position, online);
    (*budget)--;
}

static void queue_changed(struct desk *desk, uint32_t queue, bool online, unsigned *budget)
{
    uint32_t count = route_waiting(desk->router, queue, NULL, 0);
    uint64_t *convs;

    if (count == 0)
        return;
    convs = mem_alloc(count * sizeof(*convs));
    count = route_waiting(desk->router, queue, convs, count);
    for (uint32_t i = 0; i<count && * budget> 0; i++) {
        struct desk_case *c = map_u64_get(&desk->cases, convs[i]);

        ENSURE(c != NULL);
        place_changed(desk, c, i + 1, online, budget);
    }
    free(convs);
}

/* ---- consoles -------------------------------------------------------------------------------- */

/* How late it is with those that wait: who is past the promise, and who soon will be. */
static void count_late(struct desk *desk, struct desk_queue_view *views, uint32_t count)
{
    for (const struct desk_case *c = desk->lists[DESK_WAITING].first; c != NULL; c = c->next) {
        struct desk_queue_view *view = &views[c->queue];
        int64_t waits = desk->now_ms - c->queued_at;

        if (c->queue >= count || c->holder.v != 0)
            continue;
        view->waiting++;
        if (waits > view->longest_ms)
            view->longest_ms = waits < UINT32_MAX ? (uint32_t)waits : UINT32_MAX;
        if (view->sla_first_ms == 0)
            continue;
        view->overdue += waits >= view->sla_first_ms;
        view->at_risk += waits < view->sla_first_ms &&
                         waits * 100 >= (int64_t)view->sla_first_ms * DESK_SLA_RISK_PERCENT;
    }
}

static void wall_tell(struct desk *desk)
{
    const struct hash_key key = { 0x77616c6c, 1 };
    uint32_t count = route_count(desk->config, ROUTE_KIND_QUEUE);
    struct desk_queue_view *views = mem_zalloc((count + 1) * sizeof(*views));
    uint64_t hash;

    for (uint32_t i = 0; i < count; i++) {
        struct route_queue_info info;
        struct route_queue_view view;

        ENSURE(route_queue_info(desk->config, i, &info));
        ENSURE(route_queue_view(desk->router, i, &view));
        views[i] = (struct desk_queue_view){
            .name = info.id,
            .able = view.able,
            .sla_first_ms = info.sla_first_ms < UINT32_MAX ? (uint32_t)info.sla_first_ms : 0,
            .closed = !route_calendar_open(desk->config, info.calendar, desk->now_ms, NULL),
        };
    }
    count_late(desk, views, count);
    hash = hash_bytes(key, views, count * sizeof(*views));
    if (hash != desk->wall_hash)
        desk->options.ops.wall(desk->options.ops.ctx, desk->options.workspace, views, count);
    desk->wall_hash = hash;
    free(views);
}

void desk_wall(struct desk *desk)
{
    desk->wall_hash = 0;
    desk->wall_ms = 0;
}

void view_tick(struct desk *desk)
{
    unsigned budget = DESK_POSITIONS_PER_TICK;
    bool online = desk_agents_online(desk);
    uint32_t queues = route_count(desk->config, ROUTE_KIND_QUEUE);
    struct route_stats stats;

    for (uint32_t i = 0; i < queues && budget > 0; i++)
        queue_changed(desk, i, online, &budget);
    for (struct desk_case *c = desk->lists[DESK_PARKED].first; c != NULL; c = c->next)
        place_changed(desk, c, c->closed ? 0 : 1, online, &budget);
    route_stats(desk->router, &stats);
    desk->stats.idle_while_waiting += stats.idle_while_waiting > 0;
    if (desk_now(desk) - desk->wall_ms < DESK_WALL_MS)
        return;
    desk->wall_ms = desk->now_ms;
    wall_tell(desk);
}

/* ---- figures --------------------------------------------------------------------------------- */

void view_note_wait(struct desk *desk, const struct desk_case *c)
{
    int64_t waited = desk_now(desk) - c->queued_at;

    desk->stats.taken++;
    desk->waits[desk->wait_count++ % DESK_WAITS_KEPT] = waited < 0            ? 0
                                                        : waited < UINT32_MAX ? (uint32_t)waited
                                                                              : UINT32_MAX;
}

unsigned desk_waits_take(struct desk *desk, uint32_t out[DESK_WAITS_KEPT])
{
    unsigned count = desk->wait_count < DESK_WAITS_KEPT ? desk->wait_count : DESK_WAITS_KEPT;

    memcpy(out, desk->waits, count * sizeof(out[0]));
    desk->wait_count = 0;
    return count;
}

unsigned desk_waiting_count(const struct desk *desk)
{
    unsigned count = 0;

    for (const struct desk_case *c = desk->lists[DESK_WAITING].first; c != NULL; c = c->next)
        count += c->holder.v == 0;
    for (const struct desk_case *c = desk->lists[DESK_PARKED].first; c != NULL; c = c->next)
        count += c->holder.v == 0;
    return count;
}

void desk_stats_get(const struct desk *desk, struct desk_stats *out)
{
    *out = desk->stats;
    out->waiting = desk->lists[DESK_WAITING].count + desk->lists[DESK_PARKED].count;
}
