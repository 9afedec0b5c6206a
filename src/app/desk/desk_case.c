/* SPDX-License-Identifier: Apache-2.0 */
/* Where each conversation stands. Reports are absolute and may come late, twice or never: the one
 * with the highest seq counts, a reservation that nobody answers dies, and a requeue that nothing
 * came of is asked for again. */
#include "desk_priv.h"

#include <stdlib.h>

#include "log.h"
#include "mem.h"

static void list_add(struct desk_list *list, struct desk_case *c)
{
    c->prev = list->last;
    c->next = NULL;
    *(list->last != NULL ? &list->last->next : &list->first) = c;
    list->last = c;
    list->count++;
}

static void list_remove(struct desk_list *list, struct desk_case *c)
{
    *(c->prev != NULL ? &c->prev->next : &list->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &list->last) = c->prev;
    c->prev = c->next = NULL;
    list->count--;
}

void case_put(struct desk *desk, struct desk_case *c, enum desk_place place)
{
    if (c->place != DESK_NOWHERE)
        list_remove(&desk->lists[c->place], c);
    if (place != DESK_NOWHERE)
        list_add(&desk->lists[place], c);
    if (place != DESK_RESERVED) {
        c->given.v = 0;
        c->reservation = 0;
    }
    c->place = place;
    c->closed = false;
    c->flagged_ms = 0;
}

static bool case_routed(const struct desk_case *c)
{
    return c->place == DESK_WAITING || c->place == DESK_RESERVED || c->place == DESK_HELD;
}

/* Out of the router, if it is in there. */
static void case_withdraw(struct desk *desk, struct desk_case *c)
{
    if (desk->router == NULL || !case_routed(c))
        return;
    desk->told = c;
    (void)router_tell_case(desk, c, ROUTE_EVENT_CLOSE, NULL);
    desk->told = NULL;
    c->offered_to.v = 0;
}

static void case_forget(struct desk *desk, struct desk_case *c)
{
    case_withdraw(desk, c);
    case_put(desk, c, DESK_NOWHERE);
    ENSURE(map_u64_take(&desk->cases, c->conv.v) == c);
    free(c->routing);
    free(c);
}

static void case_park(struct desk *desk, struct desk_case *c, int64_t ms)
{
    case_withdraw(desk, c);
    case_put(desk, c, DESK_PARKED);
    c->retry_ms = desk_now(desk) + ms;
}

/* What comes next of its shard: to take it back from who has it, then to give it away. */
void case_ask(struct desk *desk, struct desk_case *c)
{
    const struct desk_ops *ops = &desk->options.ops;

    c->asked_ms = desk_now(desk);
    c->returning = c->holder.v != 0;
    if (c->returning)
        c->unsent = !ops->requeue(ops->ctx, c->conv, c->holder);
    else
        c->unsent = !ops->assign(ops->ctx, c->conv, c->given, c->reservation);
}

void case_offer(struct desk *desk, struct desk_case *c)
{
    const struct desk_ops *ops = &desk->options.ops;

    if (c->holder.v != 0) {
        if (!c->returning)
            case_ask(desk, c);
        c->offer_unsent = true; /* as soon as it is back */
        return;
    }
    c->offer_unsent = !ops->offer(ops->ctx, c->conv, c->offered_to, c->offered_until);
}

void case_arrive(struct desk *desk, struct desk_case *c)
{
    enum route_answer answer = router_arrive(desk, c);

    if (answer == ROUTE_OK)
        return;
    LOG_ERROR("desk_arrival_refused", KV_ID("conv", c->conv.v),
              KV_TEXT("answer", route_answer_name(answer)));
    case_put(desk, c, DESK_PARKED);
    c->retry_ms = desk->now_ms + DESK_FULL_RETRY_MS;
}

/* ---- it waits -------------------------------------------------------------------------------- */

/* Its agent gave it back, or lost it: to the queue, and not at once to the same agent. */
static void back_to_queue(struct desk *desk, struct desk_case *c)
{
    enum route_answer answer;

    c->asked_queue = router_queue_of(desk, c);
    answer = router_tell_case(desk, c, ROUTE_EVENT_TRANSFER, NULL);
    if (answer == ROUTE_OK)
        return;
    case_withdraw(desk, c);
    case_put(desk, c, DESK_NOWHERE);
    case_arrive(desk, c); /* closed: parked by that */
}

static void queued_reserved(struct desk *desk, struct desk_case *c,
                            const struct desk_report *report, bool was_held)
{
    bool mine = report->reservation != 0 && report->reservation == c->reservation;

    if (mine)
        case_park(desk, c, DESK_RETRY_MS);
    else if (was_held)
        case_ask(desk, c); /* it is back: now to the one it is reserved for */
    /* else our question is still on its way */
}

static void queued_waiting(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    struct desk_agent *by = report->declined.v != 0 ? agent_find(desk, report->declined) : NULL;
    uint32_t queue = router_queue_of(desk, c);

    if (c->queued_at != report->queued_at) {
        case_withdraw(desk, c);
        c->queued_at = report->queued_at;
        case_arrive(desk, c);
    } else if (queue != c->asked_queue) {
        back_to_queue(desk, c);
    } else if (by != NULL && c->offered_to.v == by->id.v) {
        (void)router_tell_case(desk, c, ROUTE_EVENT_DECLINE, by);
    } else if (c->offer_unsent && c->offered_to.v != 0) {
        case_offer(desk, c);
    }
}

static void report_queued(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    bool was_held = c->holder.v != 0;

    c->holder.v = 0;
    c->returning = false;
    c->answered = false;
    if (c->place != DESK_WAITING)
        c->queued_at = report->queued_at;
    switch (c->place) {
    case DESK_RESERVED:
        queued_reserved(desk, c, report, was_held);
        break;
    case DESK_WAITING:
        queued_waiting(desk, c, report);
        break;
    case DESK_HELD:
        back_to_queue(desk, c);
        break;
    case DESK_PARKED:
        break;
    default:
        case_arrive(desk, c);
    }
    if (c->place == DESK_WAITING || c->place == DESK_PARKED)
        view_tell(desk, c);
}

/* ---- it is somebody's ------------------------------------------------------------------------ */

/* Written to by a visitor or its agent: it is not quiet any more, and an answered one is not taken
 * away from an agent who is gone for a moment. */
static void note_activity(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    bool replied = report->wrote_agent || (report->answered && !c->answered);

    c->answered = report->answered;
    if (report->wrote_visitor)
        (void)router_tell_case(desk, c, ROUTE_EVENT_MESSAGE, NULL);
    if (replied)
        (void)router_tell_case(desk, c, ROUTE_EVENT_REPLY, NULL);
}

static void orphan(struct desk *desk, struct desk_case *c)
{
    case_withdraw(desk, c);
    case_put(desk, c, DESK_ORPHAN);
    case_ask(desk, c);
}

/* The router is told what is so; where it objects (the agent has just left), it hears of it anew.
 */
static void to_agent(struct desk *desk, struct desk_case *c, struct desk_agent *agent)
{
    enum route_answer answer = ROUTE_OK;
    bool offered = c->place == DESK_WAITING && c->offered_to.v == agent->id.v;
    bool confirmed = c->place == DESK_RESERVED && c->given.v == agent->id.v;

    desk->told = c;
    if (case_routed(c) && !confirmed)
        answer = router_tell_case(desk, c, offered ? ROUTE_EVENT_ACCEPT : ROUTE_EVENT_TAKE, agent);
    desk->told = NULL;
    if (answer != ROUTE_OK)
        case_withdraw(desk, c);
    if (answer != ROUTE_OK || !case_routed(c)) {
        case_put(desk, c, DESK_NOWHERE);
        answer = router_restore(desk, c, agent);
    }
    if (answer != ROUTE_OK)
        LOG_ERROR("desk_restore_refused", KV_ID("conv", c->conv.v),
                  KV_TEXT("answer", route_answer_name(answer)));
    case_put(desk, c, answer == ROUTE_OK ? DESK_HELD : DESK_ORPHAN);
}

static void report_held(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    struct desk_agent *agent = agent_find(desk, report->agent);
    bool same = c->holder.v == report->agent.v;
    bool waited = c->holder.v == 0 && (c->place == DESK_WAITING || c->place == DESK_RESERVED);

    if (same && c->returning)
        return; /* asked back: on its way */
    if (waited)
        view_note_wait(desk, c);
    c->holder = report->agent;
    c->returning = false;
    c->queued_at = report->queued_at != 0 ? report->queued_at : c->queued_at;
    c->position_told = 0;
    c->offered_until = 0;
    c->alternatives = 0;
    if (agent == NULL || agent->index == ROUTE_NONE) {
        orphan(desk, c);
        return;
    }
    if (!same || c->place != DESK_HELD)
        to_agent(desk, c, agent);
    if (c->place == DESK_HELD)
        note_activity(desk, c, report);
}

/* ---- reports --------------------------------------------------------------------------------- */

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
    if (report->head_seq == 0 && report->state == CONV_CLOSED)
        case_forget(desk, c);
    else
        case_park(desk, c, DESK_RETRY_MS);
}

static void routing_keep(struct desk_case *c, struct slice routing)
{
    if (c->routing_len == routing.len &&
        (routing.len == 0 || memcmp(c->routing, routing.ptr, routing.len) == 0))
        return;
    free(c->routing);
    c->routing = routing.len > 0 ? mem_strndup(routing.ptr, routing.len) : NULL;
    c->routing_len = (uint32_t)routing.len;
}

/* Before the desk is ready nothing is handed out; what is reported is kept for then. */
static void report_early(struct desk *desk, struct desk_case *c, const struct desk_report *report)
{
    c->holder.v = report->state == CONV_AGENT ? report->agent.v : 0;
    c->queued_at = report->queued_at;
    c->answered = report->answered;
    case_put(desk, c, report->state == CONV_AGENT ? DESK_HELD : DESK_WAITING);
}

void desk_report(struct desk *desk, const struct desk_report *report)
{
    struct desk_case *c = map_u64_get(&desk->cases, report->conv.v);
    bool open = report->state == CONV_QUEUED || report->state == CONV_AGENT;

    if (c == NULL && (!open || report->head_seq == 0))
        return;
    router_fresh(desk);
    if (c == NULL)
        c = case_make(desk, report);
    if (c == NULL)
        return;
    if (report->head_seq == 0 || report->head_seq < c->head_seq) {
        if (report->refused)
            report_refusal(desk, c, report);
        return;
    }
    c->head_seq = report->head_seq;
    c->site = report->site;
    routing_keep(c, report->routing);
    if (!open)
        case_forget(desk, c);
    else if (!desk->ready)
        report_early(desk, c, report);
    else if (report->state == CONV_QUEUED)
        report_queued(desk, c, report);
    else
        report_held(desk, c, report);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool overdue(struct desk *desk, const struct desk_case *c)
{
    return desk_now(desk) - c->asked_ms >= DESK_RESERVATION_MS;
}

static void tick_reserved(struct desk *desk, struct desk_case *c)
{
    if (c->unsent || (c->returning && overdue(desk, c)))
        case_ask(desk, c); /* never sent: its age does not count */
    else if (!c->returning && overdue(desk, c))
        case_park(desk, c, 0);
}

static void tick_waiting(struct desk *desk, struct desk_case *c)
{
    if (c->returning && (c->unsent || overdue(desk, c)))
        case_ask(desk, c);
    if (c->offer_unsent && c->offered_to.v != 0 && c->holder.v == 0)
        case_offer(desk, c);
}

/* Answered, and its agent is gone for good: supervisors had their time. */
static void tick_held(struct desk *desk, struct desk_case *c)
{
    const struct desk_agent *agent = agent_find(desk, c->holder);

    if (c->flagged_ms == 0)
        return;
    if (agent != NULL && agent_status(agent) != DESK_OFFLINE)
        c->flagged_ms = 0;
    else if (desk_now(desk) - c->flagged_ms >= DESK_FLAG_MS)
        back_to_queue(desk, c);
}

static void tick_outside(struct desk *desk, struct desk_case *c)
{
    if (c->holder.v != 0 && (c->unsent || overdue(desk, c))) {
        case_ask(desk, c);
    } else if (c->place == DESK_PARKED && c->retry_ms <= desk_now(desk)) {
        case_arrive(desk, c);
        if (c->place == DESK_WAITING || c->place == DESK_PARKED)
            view_tell(desk, c);
    }
}

static void tick_place(struct desk *desk, enum desk_place place,
                       void (*tick)(struct desk *desk, struct desk_case *c))
{
    struct desk_case *c = desk->lists[place].first;
    uint32_t count = desk->lists[place].count; /* who comes back to the end had its turn */

    for (; c != NULL && count > 0; count--) {
        struct desk_case *next = c->next;

        tick(desk, c);
        /* The next one may have moved by what this one did: then the rest waits a second. */
        if (next != NULL && next->place != place)
            return;
        c = next;
    }
}

void cases_tick(struct desk *desk)
{
    tick_place(desk, DESK_RESERVED, tick_reserved);
    tick_place(desk, DESK_WAITING, tick_waiting);
    tick_place(desk, DESK_HELD, tick_held);
    tick_place(desk, DESK_PARKED, tick_outside);
    tick_place(desk, DESK_ORPHAN, tick_outside);
}
