/* SPDX-License-Identifier: Apache-2.0 */
/* The desk of one workspace: which agents are there, how much each can take, who waits, and who
 * gets whom. It lives on shard(hash(workspace)), alone owns presence, capacity and queue, keeps
 * them in memory, and is rebuilt from the reports that every shard's chat sends at start.
 *
 * A conversation's report says where it stands (queued, with whom); the desk never assigns by
 * itself but reserves an agent's place and asks the conversation's shard, whose report confirms or
 * refuses. A reservation that is not answered dies after DESK_RESERVATION_MS. Whom to choose is a
 * desk_policy: the routing module plugs in there. The queue is in the order of queued_at, so who
 * comes back keeps its place; it drains in the very call that frees a place. Called on its shard's
 * thread only; none of its ops may call it again before they return. */
#ifndef KEFU_DESK_H
#define KEFU_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "clock.h"
#include "err.h"
#include "id.h"
#include "slice.h"

struct desk;

enum {
    DESK_AGENTS_MAX = 10 * 1000,     /* of a workspace; far above any call centre */
    DESK_CONVS_MAX = 1000 * 1000,    /* waiting, reserved or with an agent */
    DESK_RESERVATION_MS = 10 * 1000, /* a commit takes milliseconds; then the message is lost */
    DESK_RETRY_MS = 1000,            /* a refused conversation is not offered again before */
    DESK_AVOID_MS = 60 * 1000,       /* who gave a conversation back is not given it at once */
    DESK_POSITIONS_PER_TICK = 500,   /* pushes; the rest follows in the next ticks */
    DESK_SCAN_MAX = 1024,            /* waiting conversations looked at in one call */
};

enum desk_status { /* the numbers are Presence.Status of the wire */
                   DESK_OFFLINE = 0,
                   DESK_ONLINE = 1,
                   DESK_BUSY = 2, /* keeps what it has, gets nothing new */
                   DESK_AWAY = 3,
};

struct desk_agent_view {
    struct agent_id id;
    struct slice name;
    enum desk_status status; /* as the agent set it; offline without a session */
    uint32_t load;           /* conversations, reservations included */
    uint32_t capacity;
    int64_t last_assigned_ms;
};

struct desk_waiting_view {
    struct conv_id conv;
    struct site_id site;
    int64_t queued_at;
};

/* Whom to give a waiting conversation to. Pure: no state but its arguments and ctx. */
struct desk_policy {
    const char *name;
    /* Index into agents (all can take one more), or -1: let it wait. */
    int (*pick)(void *ctx, const struct desk_waiting_view *waiting,
                const struct desk_agent_view *agents, unsigned count, int64_t now_ms);
    void *ctx;
};
/* The default: lowest load in percent of capacity; among equals, longest without a new one. */
extern const struct desk_policy desk_policy_least_loaded;

/* Where a conversation stands: chat_desk_report, as the desk needs it. */
struct desk_report {
    struct conv_id conv;
    struct site_id site;
    uint32_t head_seq; /* 0: where it stands is not said (closed: there is no such one) */
    uint32_t state;    /* enum conv_state */
    struct agent_id agent;
    int64_t queued_at;
    uint64_t reservation; /* set: answers that one */
    bool refused;
};

struct desk_ops {
    /* To the conversation's shard. False: no room now; the desk tries again. */
    bool (*assign)(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation);
    bool (*requeue)(void *ctx, struct conv_id conv, struct agent_id agent);
    /* Lossy. position from 1. */
    void (*position)(void *ctx, struct conv_id conv, uint32_t position, uint32_t estimated_wait_ms,
                     bool agents_online);
    /* Lossy: agents whose presence, load or capacity changed, for the workspace's consoles. */
    void (*presence)(void *ctx, struct workspace_id workspace, const struct desk_agent_view *agents,
                     unsigned count);
    void *ctx;
};

struct desk_options {
    struct workspace_id workspace;
    const struct clock *clock;
    struct desk_ops ops;
    const struct desk_policy *policy; /* NULL: least loaded */
    int64_t grace_ms;                 /* 0: LIMIT_AGENT_GRACE_SECONDS */
};

struct desk *desk_create(const struct desk_options *options);
void desk_destroy(struct desk **desk);

/* Knows the agent from now on (or has its name and capacity changed). capacity 0: the default. */
MUST_USE enum err_code desk_agent_set(struct desk *desk, struct agent_id agent, struct slice name,
                                      uint32_t capacity, struct err *err);
/* Disabled or deleted: its conversations go back to the queue at once. */
void desk_agent_remove(struct desk *desk, struct agent_id agent);
/* A console of the agent connected or went. Who connects is online, unless it chose otherwise. With
 * the last one the agent is offline, and after the grace its conversations go back to the queue in
 * their old places. */
void desk_agent_session(struct desk *desk, struct agent_id agent, bool open);
MUST_USE enum err_code desk_agent_status(struct desk *desk, struct agent_id agent,
                                         enum desk_status status, struct err *err);

void desk_report(struct desk *desk, const struct desk_report *report);
/* All shards have sent what they had at start, and all agents are set: before that nothing is
 * handed out. Conversations of agents that are not known go back to the queue now. */
void desk_ready(struct desk *desk);
/* About once a second: reservations that died, grace that ended, what found no room. */
void desk_tick(struct desk *desk);

/* Fills at most max; returns how many there are. Views are borrowed until the next call. */
unsigned desk_agents(const struct desk *desk, struct desk_agent_view *out, unsigned max);
bool desk_agent_get(const struct desk *desk, struct agent_id agent, struct desk_agent_view *out);
unsigned desk_waiting_count(const struct desk *desk);
/* From 1; 0: not waiting. */
uint32_t desk_position(const struct desk *desk, struct conv_id conv);

#endif
