/* SPDX-License-Identifier: Apache-2.0 */
/* The desk of one workspace: which agents are there, how much each can take, who waits, and who
 * gets whom. It lives on shard(hash(workspace)), alone owns presence, capacity and queues, keeps
 * them in memory, and is rebuilt from the reports that every shard's chat sends at start.
 *
 * Two truths meet here. What a conversation is (queued, with whom) its own shard says, by reports.
 * Who should have it the router of librouting says (kefu/routing.h), by actions. The desk tells
 * each what the other did: a report becomes an event of the router, and an action becomes a
 * question to the shard, whose next report confirms or refuses it. A question that is not answered
 * dies after DESK_RESERVATION_MS. Everything drains in the very call that frees a place. Without a
 * configuration there is one queue, "general", that everybody serves, longest idle first. Called on
 * its shard's thread only; none of its ops may call it again before they return. */
#ifndef KEFU_DESK_H
#define KEFU_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "clock.h"
#include "err.h"
#include "id.h"
#include "slice.h"

#include "kefu/routing.h"

struct desk;

enum {
    DESK_AGENTS_MAX = ROUTE_AGENTS_MAX - 1,   /* of a workspace; far above any call centre */
    DESK_CONVS_MAX = ROUTE_CONVERSATIONS_MAX, /* waiting, reserved or with an agent */
    DESK_RESERVATION_MS = 10 * 1000, /* a commit takes milliseconds; then the message is lost */
    DESK_RETRY_MS = 1000,            /* a refused conversation is not offered again before */
    DESK_FULL_RETRY_MS = 30 * 1000,  /* one that no queue takes is not brought again before */
    DESK_FLAG_MS = 120 * 1000,       /* a supervisor's time to look, before it goes to the queue */
    DESK_POSITIONS_PER_TICK = 500,   /* pushes; the rest follows in the next ticks */
    DESK_WALL_MS = 5000,             /* between two views of the queues */
    DESK_REASON_BYTES_MAX = 60,      /* why an agent is busy or away */
    DESK_SLA_RISK_PERCENT = 70,      /* of the promised time */
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
    struct slice reason;     /* why busy or away */
    enum desk_status status; /* as the agent set it; offline without a session */
    uint32_t load;           /* conversations; reserved and offered ones included */
    uint32_t capacity;
    uint32_t places; /* open now: fewer than capacity for a while after coming online */
};

struct desk_queue_view {
    const char *name;
    uint32_t waiting, at_risk, overdue, able;
    uint32_t longest_ms, sla_first_ms;
    bool closed;
};

/* What a waiting visitor is told. */
struct desk_place_view {
    uint32_t position;          /* from 1; 0: not in a queue (closed, or no queue takes it) */
    uint32_t estimated_wait_ms; /* 0: unknown */
    uint32_t alternatives;      /* bits of routing.h */
    int64_t opens_at;           /* closed: when it opens; 0: unknown */
    bool closed, agents_online;
};

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
    bool answered;            /* its agent has written */
    bool wrote_visitor;       /* since the last report */
    bool wrote_agent;         /* the same */
    struct agent_id declined; /* 0: nobody; who has just turned the offer down */
    struct slice routing;     /* encoded Kefu__V1__Routing; empty: none */
};

/* An offer or assignment that the router chose. */
struct desk_decision {
    struct conv_id conv;
    struct agent_id agent;
    const struct route_config *config; /* names of the numbers in action and its trace */
    const struct route_action *action; /* ASSIGN or OFFER */
    struct agent_id top[ROUTE_TRACE_TOP_MAX];
    unsigned top_count;
    uint32_t micros; /* of the event that led to it */
};

struct desk_ops {
    /* To the conversation's shard. False: no room now; the desk tries again. */
    bool (*assign)(void *ctx, struct conv_id conv, struct agent_id agent, uint64_t reservation);
    bool (*requeue)(void *ctx, struct conv_id conv, struct agent_id agent);
    bool (*offer)(void *ctx, struct conv_id conv, struct agent_id agent, int64_t until_ms);
    /* Lossy. */
    void (*place)(void *ctx, struct conv_id conv, const struct desk_place_view *place);
    /* Lossy: agents whose presence, load or capacity changed, for the workspace's consoles. */
    void (*presence)(void *ctx, struct workspace_id workspace, const struct desk_agent_view *agents,
                     unsigned count);
    /* Lossy: all queues, for the workspace's consoles. */
    void (*wall)(void *ctx, struct workspace_id workspace, const struct desk_queue_view *queues,
                 unsigned count);
    /* For "why this agent". May be NULL. */
    void (*decided)(void *ctx, const struct desk_decision *decision);
    void *ctx;
};

struct desk_options {
    struct workspace_id workspace;
    const struct clock *clock;
    struct desk_ops ops;
    int64_t grace_ms; /* without a configuration; 0: LIMIT_AGENT_GRACE_SECONDS */
};

struct desk *desk_create(const struct desk_options *options);
void desk_destroy(struct desk **desk);
/* From now on by this configuration, whose agents have their ids as names; agents that it does not
 * have get nothing. The desk owns it afterwards. NULL in *config: by none. */
void desk_config_set(struct desk *desk, struct route_config **config);

/* Knows the agent from now on (or has its name and capacity changed). capacity 0: the default. */
MUST_USE enum err_code desk_agent_set(struct desk *desk, struct agent_id agent, struct slice name,
                                      uint32_t capacity, struct err *err);
/* Disabled or deleted: its conversations go back to their queues at once. */
void desk_agent_remove(struct desk *desk, struct agent_id agent);
/* A console of the agent connected or went. Who connects is online, unless it chose otherwise. With
 * the last one the agent is offline. After the grace, conversations that it has not answered go
 * back to the queue in their old places; answered ones stand out for supervisors first, and go back
 * DESK_FLAG_MS later. */
void desk_agent_session(struct desk *desk, struct agent_id agent, bool open);
MUST_USE enum err_code desk_agent_status(struct desk *desk, struct agent_id agent,
                                         enum desk_status status, struct slice reason,
                                         struct err *err);

void desk_report(struct desk *desk, const struct desk_report *report);
/* All shards have sent what they had at start, and all agents are set: before that nothing is
 * handed out. Conversations of agents that are not known go back to the queue now. */
void desk_ready(struct desk *desk);
/* About once a second: rings, offers and reservations that ended, what found no room, views. */
void desk_tick(struct desk *desk);

/* Fills at most max; returns how many there are. Views are borrowed until the next call. */
unsigned desk_agents(const struct desk *desk, struct desk_agent_view *out, unsigned max);
bool desk_agent_get(const struct desk *desk, struct agent_id agent, struct desk_agent_view *out);
/* Somebody new looks: the queues are shown at the next tick, changed or not. */
void desk_wall(struct desk *desk);
unsigned desk_waiting_count(const struct desk *desk);
/* From 1 in its queue; 0: not waiting, or closed. */
uint32_t desk_position(const struct desk *desk, struct conv_id conv);
/* How it would be decided now, and which steps agent passes. ROUTE_UNKNOWN_CONV: not here.
 * *config names the numbers. */
enum route_answer desk_explain(struct desk *desk, struct conv_id conv, struct agent_id agent,
                               struct route_trace *out, const struct route_config **config);

/* Since the desk was made. */
struct desk_stats {
    uint64_t decisions, offers, missed, taken; /* taken: waits that ended with an agent */
    uint64_t idle_while_waiting; /* seconds in which somebody waited though somebody had room */
    uint32_t waiting;
};
void desk_stats_get(const struct desk *desk, struct desk_stats *out);
/* Waits that ended since the last call, in ms; at most DESK_WAITS_KEPT, the newest. */
enum { DESK_WAITS_KEPT = 64 };
unsigned desk_waits_take(struct desk *desk, uint32_t out[DESK_WAITS_KEPT]);

#endif
