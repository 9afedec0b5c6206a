/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a desk, its agents and their presence. */
#include "desk_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "limit.h"
#include "mem.h"

enum { ARENA_BYTES_MAX = 64 * 1024 }; /* one decoded Routing is below 8 kB */

struct desk *desk_create(const struct desk_options *options)
{
    struct desk *desk = mem_zalloc(sizeof(*desk));

    ENSURE(options->clock != NULL);
    desk->options = *options;
    if (desk->options.grace_ms == 0)
        desk->options.grace_ms = (int64_t)LIMIT_AGENT_GRACE_SECONDS * 1000;
    map_u64_init(&desk->cases, DESK_CONVS_MAX, 1);
    map_u64_init(&desk->agents, DESK_AGENTS_MAX, 2);
    arena_init(&desk->arena, ARENA_BYTES_MAX);
    return desk;
}

void desk_destroy(struct desk **desk_ptr)
{
    struct desk *desk = *desk_ptr;
    struct desk_case *c;
    size_t cursor = 0;

    if (desk == NULL)
        return;
    router_fini(desk);
    while ((c = map_u64_next(&desk->cases, &cursor, NULL)) != NULL) {
        free(c->routing);
        free(c);
    }
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        free(desk->agent_list[i]->name);
        free(desk->agent_list[i]);
    }
    map_u64_fini(&desk->cases);
    map_u64_fini(&desk->agents);
    arena_fini(&desk->arena);
    free(desk->agent_list);
    free(desk);
    *desk_ptr = NULL;
}

int64_t desk_now(struct desk *desk)
{
    int64_t now = clock_wall_ms(desk->options.clock);

    if (now > desk->now_ms)
        desk->now_ms = now;
    return desk->now_ms;
}

/* ---- agents ---------------------------------------------------------------------------------- */

struct desk_agent *agent_find(const struct desk *desk, struct agent_id id)
{
    return map_u64_get(&desk->agents, id.v);
}

enum desk_status agent_status(const struct desk_agent *agent)
{
    return agent->sessions > 0 ? agent->status : DESK_OFFLINE;
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

static struct desk_agent_view agent_view(const struct desk *desk, const struct desk_agent *agent)
{
    struct desk_agent_view out = {
        .id = agent->id,
        .name = slice_of(agent->name),
        .reason = slice_of(agent->reason),
        .status = agent_status(agent),
        .capacity = agent->capacity,
        .places = agent->capacity,
    };
    struct route_agent_view view;

    if (desk->router == NULL || agent->index == ROUTE_NONE ||
        !route_agent_view(desk->router, agent->index, &view))
        return out;
    out.load = view.convs;
    out.places = view.capacity / ROUTE_UNIT;
    return out;
}

void agent_tell(struct desk *desk, struct desk_agent *agent)
{
    struct desk_agent_view view = agent_view(desk, agent);

    agent->told = (struct desk_told){ view.status, view.load, view.capacity, view.places };
    desk->options.ops.presence(desk->options.ops.ctx, desk->options.workspace, &view, 1);
}

static bool agent_changed(const struct desk *desk, const struct desk_agent *agent)
{
    struct desk_agent_view view = agent_view(desk, agent);
    const struct desk_told *told = &agent->told;

    return told->status != view.status || told->load != view.load ||
           told->capacity != view.capacity || told->places != view.places;
}

static void agent_presence(struct desk *desk, const struct desk_agent *agent,
                           enum route_presence presence)
{
    router_fresh(desk);
    if (desk->router != NULL && agent->index != ROUTE_NONE)
        (void)router_tell(desk, (struct route_event){ .type = ROUTE_EVENT_PRESENCE,
                                                      .agent = agent->index,
                                                      .presence = presence });
}

/* The default is made of the agents; another configuration may have the name of one who comes
 * (back) later. */
static bool configured(const struct desk *desk, struct agent_id id)
{
    char name[24];
    int len = snprintf(name, sizeof(name), "%llu", (unsigned long long)id.v);

    return desk->given == NULL ||
           route_find(desk->given, ROUTE_KIND_AGENT, name, (size_t)len) != ROUTE_NONE;
}

static struct desk_agent *agent_add(struct desk *desk, struct agent_id id)
{
    struct desk_agent *agent = mem_zalloc(sizeof(*agent));

    agent->id = id;
    agent->status = DESK_ONLINE;
    agent->index = ROUTE_NONE;
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
    desk->stale = desk->stale || configured(desk, id);
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
    router_fresh(desk);
    if (desk->router != NULL && agent->index != ROUTE_NONE)
        (void)router_tell(desk, (struct route_event){ .type = ROUTE_EVENT_CAPACITY,
                                                      .agent = agent->index,
                                                      .capacity = capacity });
    agent_tell(desk, agent);
    return ERR_OK;
}

/* What it held is asked back from the shards; until they answer, it is nobody's here. */
static void held_orphan(struct desk *desk, const struct desk_agent *agent)
{
    struct desk_case *next;

    for (struct desk_case *c = desk->lists[DESK_HELD].first; c != NULL; c = next) {
        next = c->next;
        if (c->holder.v == agent->id.v)
            case_put(desk, c, DESK_ORPHAN);
    }
}

void desk_agent_remove(struct desk *desk, struct agent_id id)
{
    struct desk_agent *agent = agent_find(desk, id);
    uint32_t at = 0;

    if (agent == NULL)
        return;
    agent->sessions = 0;
    if (desk->router != NULL && !desk->stale)
        agent_presence(desk, agent, ROUTE_REMOVED); /* everything of it waits again */
    held_orphan(desk, agent);
    ENSURE(map_u64_take(&desk->agents, id.v) == agent);
    while (desk->agent_list[at] != agent)
        at++;
    memmove(desk->agent_list + at, desk->agent_list + at + 1,
            (desk->agent_count - at - 1) * sizeof(desk->agent_list[0]));
    desk->agent_count--;
    if (agent->index != ROUTE_NONE && agent->index < desk->by_index_count)
        desk->by_index[agent->index] = NULL;
    agent->index = ROUTE_NONE;
    agent_tell(desk, agent);
    free(agent->name);
    free(agent);
    desk->stale = desk->stale || desk->given == NULL;
    router_fresh(desk);
}

void desk_agent_session(struct desk *desk, struct agent_id id, bool open)
{
    struct desk_agent *agent = agent_find(desk, id);

    if (agent == NULL)
        return;
    if (!open && agent->sessions == 0)
        return; /* known only since it connected */
    agent->sessions = open ? agent->sessions + 1 : agent->sessions - 1;
    if (agent->sessions > (open ? 1U : 0U))
        return;
    agent_presence(desk, agent, (enum route_presence)agent_status(agent));
    agent_tell(desk, agent);
}

enum err_code desk_agent_status(struct desk *desk, struct agent_id id, enum desk_status status,
                                struct slice reason, struct err *err)
{
    struct desk_agent *agent = agent_find(desk, id);

    if (agent == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    if (status < DESK_OFFLINE || status > DESK_AWAY)
        return err_set_field(err, ERR_INVALID, "status", "no such status");
    if (reason.len > DESK_REASON_BYTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, "reason", "at most %d bytes", DESK_REASON_BYTES_MAX);
    if (agent->status == status && slice_equal(slice_of(agent->reason), reason))
        return ERR_OK;
    if (reason.len > 0)
        memcpy(agent->reason, reason.ptr, reason.len);
    agent->reason[reason.len] = '\0';
    if (agent->status != status) {
        agent->status = status;
        agent_presence(desk, agent, (enum route_presence)agent_status(agent));
    }
    agent_tell(desk, agent);
    return ERR_OK;
}

/* ---- time ------------------------------------------------------------------------------------ */

void desk_ready(struct desk *desk)
{
    if (desk->ready)
        return;
    desk->ready = true;
    router_fresh(desk);
    view_tick(desk);
}

void desk_tick(struct desk *desk)
{
    if (!desk->ready)
        return;
    router_fresh(desk);
    (void)router_tell(desk, (struct route_event){ .type = ROUTE_EVENT_TICK });
    cases_tick(desk);
    for (uint32_t i = 0; i < desk->agent_count; i++) {
        if (agent_changed(desk, desk->agent_list[i]))
            agent_tell(desk, desk->agent_list[i]);
    }
    view_tick(desk);
}

/* ---- asked ----------------------------------------------------------------------------------- */

unsigned desk_agents(const struct desk *desk, struct desk_agent_view *out, unsigned max)
{
    for (uint32_t i = 0; i < desk->agent_count && i < max; i++)
        out[i] = agent_view(desk, desk->agent_list[i]);
    return desk->agent_count;
}

bool desk_agent_get(const struct desk *desk, struct agent_id id, struct desk_agent_view *out)
{
    const struct desk_agent *agent = agent_find(desk, id);

    if (agent != NULL)
        *out = agent_view(desk, agent);
    return agent != NULL;
}
