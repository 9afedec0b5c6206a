/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a desk, its agents and their presence. */
#include "desk_priv.h"

#include <stdlib.h>

#include "limit.h"
#include "mem.h"

struct desk *desk_create(const struct desk_options *options)
{
    struct desk *desk = mem_zalloc(sizeof(*desk));

    ENSURE(options->clock != NULL);
    desk->options = *options;
    if (desk->options.policy == NULL)
        desk->options.policy = &desk_policy_least_loaded;
    if (desk->options.grace_ms == 0)
        desk->options.grace_ms = (int64_t)LIMIT_AGENT_GRACE_SECONDS * 1000;
    map_u64_init(&desk->cases, DESK_CONVS_MAX, 1);
    map_u64_init(&desk->agents, DESK_AGENTS_MAX, 2);
    return desk;
}

void desk_destroy(struct desk **desk_ptr)
{
    struct desk *desk = *desk_ptr;
    struct desk_case *c;
    size_t cursor = 0;

    if (desk == NULL)
        return;
    while ((c = map_u64_next(&desk->cases, &cursor, NULL)) != NULL)
        free(c);
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        free(desk->agent_list[i]->name);
        free(desk->agent_list[i]);
    }
    map_u64_fini(&desk->cases);
    map_u64_fini(&desk->agents);
    free(desk->agent_list);
    free(desk->waiting);
    free(desk->views);
    free(desk->view_agents);
    free(desk);
    *desk_ptr = NULL;
}

/* ---- agents ---------------------------------------------------------------------------------- */

struct desk_agent *agent_find(const struct desk *desk, struct agent_id id)
{
    return map_u64_get(&desk->agents, id.v);
}

static enum desk_status agent_status(const struct desk_agent *agent)
{
    return agent->sessions > 0 ? agent->status : DESK_OFFLINE;
}

bool agent_has_room(const struct desk_agent *agent)
{
    return agent_status(agent) == DESK_ONLINE && agent->load < agent->capacity;
}

bool desk_agents_online(const struct desk *desk)
{
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        enum desk_status status = agent_status(desk->agent_list[i]);

        if (status == DESK_ONLINE || status == DESK_BUSY)
            return true;
    }
    return false;
}

struct desk_agent_view agent_view(const struct desk_agent *agent)
{
    return (struct desk_agent_view){
        .id = agent->id,
        .name = slice_of(agent->name),
        .status = agent_status(agent),
        .load = agent->load,
        .capacity = agent->capacity,
        .last_assigned_ms = agent->last_assigned_ms,
    };
}

static void presence_tell(struct desk *desk, struct desk_agent *agent)
{
    struct desk_agent_view view = agent_view(agent);

    agent->changed = false;
    desk->options.ops.presence(desk->options.ops.ctx, desk->options.workspace, &view, 1);
}

/* Cases that were held by an agent of this id before it was known. */
static void orphans_adopt(struct desk *desk, struct desk_agent *agent)
{
    struct desk_case *c = desk->orphans.first;

    while (c != NULL) {
        struct desk_case *next = c->next;

        if (c->agent_id.v == agent->id.v) {
            list_remove(&desk->orphans, c);
            list_add(&agent->held, c);
            c->agent = agent;
            c->asked_ms = 0;
            c->unsent = false;
            agent->load++;
        }
        c = next;
    }
}

static struct desk_agent *agent_add(struct desk *desk, struct agent_id id)
{
    struct desk_agent *agent = mem_zalloc(sizeof(*agent));

    agent->id = id;
    agent->status = DESK_ONLINE;
    agent->offline_since_ms = desk_now(desk);
    if (!map_u64_put(&desk->agents, id.v, agent)) {
        free(agent);
        return NULL;
    }
    if (desk->agent_count == desk->agent_cap) {
        desk->agent_cap = desk->agent_cap > 0 ? desk->agent_cap * 2 : 8;
        desk->agent_list =
            mem_realloc(desk->agent_list, desk->agent_cap * sizeof(desk->agent_list[0]));
    }
    desk->agent_list[desk->agent_count++] = agent;
    orphans_adopt(desk, agent);
    return agent;
}

enum err_code desk_agent_set(struct desk *desk, struct agent_id id, struct slice name,
                             uint32_t capacity, struct err *err)
{
    struct desk_agent *agent = agent_find(desk, id);

    ENSURE(id.v != 0);
    if (capacity > LIMIT_AGENT_CAPACITY_MAX)
        return err_set_field(err, ERR_INVALID, "capacity", "at most %d", LIMIT_AGENT_CAPACITY_MAX);
    if (capacity == 0)
        capacity = LIMIT_AGENT_CAPACITY_DEFAULT;
    if (agent == NULL)
        agent = agent_add(desk, id);
    if (agent == NULL)
        return err_set(err, ERR_TOO_BIG, "more than %d agents", DESK_AGENTS_MAX);
    if (agent->capacity == capacity && slice_equal(slice_of(agent->name), name))
        return ERR_OK;
    free(agent->name);
    agent->name = mem_strndup(name.ptr != NULL ? name.ptr : "", name.len);
    agent->capacity = capacity;
    presence_tell(desk, agent);
    queue_drain(desk);
    return ERR_OK;
}

/* What was reserved waits again; what it held goes back to the queue as soon as that is stored. */
static void agent_release(struct desk *desk, struct desk_agent *agent)
{
    struct desk_case *c = desk->reserved.first;

    while (c != NULL) {
        struct desk_case *next = c->next;

        if (c->agent == agent)
            case_wait(desk, c);
        c = next;
    }
    while ((c = agent->held.first) != NULL) {
        list_remove(&agent->held, c);
        list_add(&desk->orphans, c);
        c->agent = NULL;
        c->asked_ms = 0;
    }
}

void desk_agent_remove(struct desk *desk, struct agent_id id)
{
    struct desk_agent *agent = map_u64_take(&desk->agents, id.v);
    uint32_t at = 0;

    if (agent == NULL)
        return;
    agent->sessions = 0;
    while (desk->agent_list[at] != agent)
        at++;
    memmove(desk->agent_list + at, desk->agent_list + at + 1,
            (desk->agent_count - at - 1) * sizeof(desk->agent_list[0]));
    desk->agent_count--;
    agent_release(desk, agent);
    agent->load = 0;
    presence_tell(desk, agent);
    free(agent->name);
    free(agent);
    if (desk->ready)
        case_requeue_list(desk, &desk->orphans);
    queue_drain(desk);
}

void desk_agent_session(struct desk *desk, struct agent_id id, bool open)
{
    struct desk_agent *agent = agent_find(desk, id);

    if (agent == NULL)
        return;
    if (!open && agent->sessions == 0)
        return; /* known only since it connected */
    agent->sessions = open ? agent->sessions + 1 : agent->sessions - 1;
    if (open)
        agent->requeuing = false;
    if (agent->sessions > (open ? 1U : 0U))
        return;
    agent->offline_since_ms = desk_now(desk);
    presence_tell(desk, agent);
    queue_drain(desk);
}

enum err_code desk_agent_status(struct desk *desk, struct agent_id id, enum desk_status status,
                                struct err *err)
{
    struct desk_agent *agent = agent_find(desk, id);

    if (agent == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (status < DESK_OFFLINE || status > DESK_AWAY)
        return err_set_field(err, ERR_INVALID, "status", "no such status");
    if (agent->status == status)
        return ERR_OK;
    agent->status = status;
    presence_tell(desk, agent);
    queue_drain(desk);
    return ERR_OK;
}

/* ---- time ------------------------------------------------------------------------------------ */

void desk_ready(struct desk *desk)
{
    if (desk->ready)
        return;
    desk->ready = true;
    for (uint32_t i = 0; i < desk->agent_count; i++)
        desk->agent_list[i]->offline_since_ms = desk_now(desk); /* they may be reconnecting */
    case_requeue_list(desk, &desk->orphans);
    queue_drain(desk);
    queue_tell_changed(desk);
}

static void agents_tick(struct desk *desk)
{
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        struct desk_agent *agent = desk->agent_list[i];

        if (agent->changed)
            presence_tell(desk, agent);
        if (agent->sessions > 0 || !desk->ready ||
            desk_now(desk) - agent->offline_since_ms < desk->options.grace_ms)
            continue;
        agent->requeuing = true;
        case_requeue_list(desk, &agent->held);
    }
}

void desk_tick(struct desk *desk)
{
    cases_tick(desk);
    agents_tick(desk);
    queue_drain_on(desk);
    if (desk->ready)
        queue_tell_changed(desk);
}

/* ---- asked ----------------------------------------------------------------------------------- */

unsigned desk_agents(const struct desk *desk, struct desk_agent_view *out, unsigned max)
{
    for (uint32_t i = 0; i < desk->agent_count && i < max; i++)
        out[i] = agent_view(desk->agent_list[i]);
    return desk->agent_count;
}

bool desk_agent_get(const struct desk *desk, struct agent_id id, struct desk_agent_view *out)
{
    const struct desk_agent *agent = agent_find(desk, id);

    if (agent != NULL)
        *out = agent_view(agent);
    return agent != NULL;
}

unsigned desk_waiting_count(const struct desk *desk)
{
    return desk->waiting_count;
}

uint32_t desk_position(const struct desk *desk, struct conv_id conv)
{
    const struct desk_case *c = map_u64_get(&desk->cases, conv.v);

    return c != NULL && c->place == DESK_WAITING ? queue_position(desk, c) : 0;
}
