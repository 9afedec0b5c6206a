/* SPDX-License-Identifier: Apache-2.0 */
/* Where each conversation stands. Reports are absolute and may come late, twice or never: the one
 * with the highest seq counts, a reservation that nobody answers dies, and a requeue that nothing
 * came of is asked for again. */
#include "desk_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"

void list_add(struct desk_list *list, struct desk_case *c)
{
    c->prev = list->last;
    c->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = c;
    list->last = c;
}

void list_remove(struct desk_list *list, struct desk_case *c)
{
    *(c->prev != NULL ? &c->prev->next : &list->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &list->last) = c->prev;
    c->prev = c->next = NULL;
}

static void load_add(struct desk_agent *agent, int delta)
{
    ENSURE(delta > 0 || agent->load > 0);
    agent->load = delta > 0 ? agent->load + 1 : agent->load - 1;
    agent->changed = true;
}

void case_leave(struct desk *desk, struct desk_case *c)
{
    switch (c->place) {
    case DESK_NOWHERE:
        break;
    case DESK_WAITING:
        queue_remove(desk, c);
        break;
    case DESK_RESERVED:
        list_remove(&desk->reserved, c);
        load_add(c->agent, -1);
        break;
    case DESK_HELD:
        list_remove(c->agent != NULL ? &c->agent->held : &desk->orphans, c);
        if (c->agent != NULL)
            load_add(c->agent, -1);
        break;
    }
    c->place = DESK_NOWHERE;
    c->agent = NULL;
    c->agent_id.v = 0;
    c->reservation = 0;
    c->unsent = false;
}

void case_wait(struct desk *desk, struct desk_case *c)
{
    bool fresh = c->place == DESK_NOWHERE && c->position_told == 0;

    case_leave(desk, c);
    c->place = DESK_WAITING;
    queue_add(desk, c);
    if (fresh && desk->ready)
        queue_tell(desk, c, queue_position(desk, c), desk_agents_online(desk));
}

static void case_hold(struct desk *desk, struct desk_case *c, struct agent_id agent)
{
    if (c->place == DESK_WAITING || c->place == DESK_RESERVED)
        queue_note_wait(desk, c);
    case_leave(desk, c);
    c->place = DESK_HELD;
    c->agent_id = agent;
    c->agent = agent_find(desk, agent);
    c->position_told = 0;
    c->asked_ms = 0;
    list_add(c->agent != NULL ? &c->agent->held : &desk->orphans, c);
    if (c->agent != NULL)
        load_add(c->agent, 1);
    if (desk->ready && (c->agent == NULL || c->agent->requeuing))
        case_requeue(desk, c);
}

static void case_forget(struct desk *desk, struct desk_case *c)
{
    case_leave(desk, c);
    ENSURE(map_u64_take(&desk->cases, c->conv.v) == c);
    free(c);
}

static void case_ask(struct desk *desk, struct desk_case *c)
{
    const struct desk_ops *ops = &desk->options.ops;

    c->asked_ms = desk_now(desk);
    if (c->place == DESK_RESERVED)
        c->unsent = !ops->assign(ops->ctx, c->conv, c->agent->id, c->reservation);
    else
        c->unsent = !ops->requeue(ops->ctx, c->conv, c->agent_id);
}

void case_reserve(struct desk *desk, struct desk_case *c, struct desk_agent *agent)
{
    ENSURE(c->place == DESK_WAITING && agent_has_room(agent));
    case_leave(desk, c);
    c->place = DESK_RESERVED;
    c->agent = agent;
    c->agent_id = agent->id;
    c->reservation = ++desk->reservation;
    list_add(&desk->reserved, c);
    load_add(agent, 1);
    agent->last_assigned_ms = desk_now(desk);
    case_ask(desk, c);
}

void case_requeue(struct desk *desk, struct desk_case *c)
{
    ENSURE(c->place == DESK_HELD);
    case_ask(desk, c);
}

void case_requeue_list(struct desk *desk, const struct desk_list *list)
{
    for (struct desk_case *c = list->first; c != NULL; c = c->next) {
        if (c->asked_ms == 0 || c->unsent || desk_now(desk) - c->asked_ms >= DESK_RESERVATION_MS)
            case_requeue(desk, c);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

/* Did this agent give it back? Then somebody else gets it, if there is somebody else. */
static void note_avoided(struct desk *desk, struct desk_case *c)
{
    if (c->place != DESK_HELD || c->agent == NULL || c->agent->requeuing)
        return;
    c->avoid = c->agent_id;
    c->avoid_until_ms = desk_now(desk) + DESK_AVOID_MS;
}

static void report_queued(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    bool mine = report->reservation != 0 && report->reservation == c->reservation;

    if (c->place == DESK_RESERVED && !mine)
        return; /* our question is still on its way */
    if (c->place == DESK_WAITING && c->queued_at == report->queued_at) {
        queue_tell(desk, c, queue_position(desk, c), desk_agents_online(desk));
        return;
    }
    note_avoided(desk, c);
    if (report->refused)
        c->retry_ms = desk_now(desk) + DESK_RETRY_MS;
    case_leave(desk, c); /* by its old place in the queue, before that changes */
    c->queued_at = report->queued_at;
    case_wait(desk, c);
}

static struct desk_case *case_make(struct desk *desk, const struct desk_report *report)
{
    struct desk_case *c = mem_zalloc(sizeof(*c));

    c->conv = report->conv;
    if (!map_u64_put(&desk->cases, report->conv.v, c)) {
        LOG_ERROR("desk_full", KV_ID("workspace", desk->options.workspace.v));
        free(c);
        return NULL;
    }
    return c;
}

/* Nothing is said but that the reservation is not taken up. */
static void report_refusal(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    if (c->place != DESK_RESERVED || c->reservation != report->reservation)
        return;
    if (report->head_seq == 0 && report->state == CONV_CLOSED) {
        case_forget(desk, c);
        return;
    }
    c->retry_ms = desk_now(desk) + DESK_RETRY_MS;
    case_wait(desk, c);
}

void desk_report(struct desk *desk, const struct desk_report *report)
{
    struct desk_case *c = map_u64_get(&desk->cases, report->conv.v);
    bool open = report->state == CONV_QUEUED || report->state == CONV_AGENT;

    if (c == NULL && (!open || report->head_seq == 0))
        return;
    if (c == NULL)
        c = case_make(desk, report);
    if (c == NULL)
        return;
    if (report->head_seq == 0 || report->head_seq < c->head_seq) {
        if (report->refused)
            report_refusal(desk, c, report);
        queue_drain(desk);
        return;
    }
    c->head_seq = report->head_seq;
    c->site = report->site;
    if (report->state == CONV_QUEUED)
        report_queued(desk, c, report);
    else if (report->state != CONV_AGENT)
        case_forget(desk, c);
    else if (c->place != DESK_HELD || c->agent_id.v != report->agent.v)
        case_hold(desk, c, report->agent);
    queue_drain(desk);
}

/* ---- time ------------------------------------------------------------------------------------ */

void cases_tick(struct desk *desk)
{
    struct desk_case *c = desk->reserved.first;

    while (c != NULL) {
        struct desk_case *next = c->next;

        if (c->unsent)
            case_ask(desk, c); /* never sent: its age does not count */
        else if (desk_now(desk) - c->asked_ms >= DESK_RESERVATION_MS)
            case_wait(desk, c);
        c = next;
    }
    if (!desk->ready)
        return;
    case_requeue_list(desk, &desk->orphans);
}
