/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share.
 *
 *   desk.c         life, agents and their presence
 *   desk_case.c    where a conversation stands: reports become events of the router
 *   desk_router.c  the router: made, made anew, and its actions
 *   desk_view.c    what visitors and consoles are told
 *
 *   (unknown) --> waiting <--> reserved --> held      a report or the router moves it
 *      |            ^  |          |          |
 *      +- parked <--+--+ refused, died ------+-- declined, agent gone */
#ifndef KEFU_DESK_PRIV_H
#define KEFU_DESK_PRIV_H

#include "desk.h"

#include "arena.h"
#include "conv.h"
#include "map_u64.h"

enum desk_place {
    DESK_NOWHERE = 0,
    DESK_WAITING,  /* in the router; offered, maybe */
    DESK_RESERVED, /* the router gave it to somebody; its shard was asked */
    DESK_HELD,     /* its agent's, here and in the router */
    DESK_PARKED,   /* not in the router: closed, full, or refused a moment ago */
    DESK_ORPHAN,   /* not in the router: its agent is not known */
    DESK_PLACE_COUNT,
};

/* A conversation, as the desk knows it. */
struct desk_case {
    struct desk_case *prev, *next; /* in the list of its place */
    struct conv_id conv;
    struct site_id site;
    struct agent_id holder; /* whose it is, as its shard said last; 0: queued */
    struct agent_id given;  /* to whom it is reserved */
    struct agent_id offered_to;
    enum desk_place place;
    uint32_t head_seq;
    uint32_t queue;         /* where it waits, of the present router */
    uint32_t asked_queue;   /* what its routing names */
    uint32_t position_told; /* 0: none */
    uint32_t alternatives;
    uint32_t routing_len;
    char *routing; /* encoded; NULL: none */
    bool online_told;
    bool closed; /* parked because of it */
    bool closed_told;
    bool unsent; /* what was asked of its shard found no room */
    bool offer_unsent;
    bool answered;
    bool returning; /* its shard was asked to take it back from its holder */
    int64_t queued_at;
    int64_t offered_until;
    int64_t asked_ms;   /* of its shard */
    int64_t retry_ms;   /* parked until */
    int64_t flagged_ms; /* 0: not */
    uint64_t reservation;
};

struct desk_list {
    struct desk_case *first, *last;
    uint32_t count;
};

struct desk_told {
    enum desk_status status;
    uint32_t load, capacity, places;
};

struct desk_agent {
    struct agent_id id;
    char *name;
    char reason[DESK_REASON_BYTES_MAX + 1];
    enum desk_status status; /* chosen */
    uint32_t sessions, capacity;
    uint32_t index; /* in the router; ROUTE_NONE: not there */
    struct desk_told told;
};

struct desk {
    struct desk_options options;
    struct map_u64 cases;  /* conv id -> struct desk_case */
    struct map_u64 agents; /* agent id -> struct desk_agent */
    struct desk_agent **agent_list;
    uint32_t agent_count, agent_cap;
    struct desk_list lists[DESK_PLACE_COUNT];
    struct route_config *config; /* of the router */
    struct route_config *given;  /* by desk_config_set; NULL: none */
    struct route_router *router; /* NULL: not ready */
    struct desk_agent **by_index;
    uint32_t by_index_count;
    uint32_t convs_max;
    bool stale;             /* the router is to be made anew */
    struct desk_case *told; /* the router hears of what is so: its answer asks nobody */
    int64_t now_ms;         /* never goes back */
    int64_t event_us;       /* when the present event began */
    int64_t wall_ms;        /* last view of the queues */
    uint64_t wall_hash;
    uint64_t reservation;
    struct arena arena;
    struct desk_stats stats;
    uint32_t waits[DESK_WAITS_KEPT];
    uint32_t wait_count;
    bool ready;
};

/* The wall clock, but never back: rings and calendars are hours of the day. */
int64_t desk_now(struct desk *desk);

/* desk.c */
struct desk_agent *agent_find(const struct desk *desk, struct agent_id id);
enum desk_status agent_status(const struct desk_agent *agent);
bool desk_agents_online(const struct desk *desk);
void agent_tell(struct desk *desk, struct desk_agent *agent);

/* desk_case.c */
void case_put(struct desk *desk, struct desk_case *c, enum desk_place place);
void case_ask(struct desk *desk, struct desk_case *c);
void case_offer(struct desk *desk, struct desk_case *c);
/* Into the router, from wherever it was outside of it. */
void case_arrive(struct desk *desk, struct desk_case *c);
void cases_tick(struct desk *desk);

/* desk_router.c */
/* The event, with the time, and all that it brings. */
enum route_answer router_tell(struct desk *desk, struct route_event event);
/* Of one conversation. */
enum route_answer router_tell_case(struct desk *desk, struct desk_case *c,
                                   enum route_event_type type, struct desk_agent *agent);
/* Brings the case in; ROUTE_FULL: there is no room, even in a larger router. */
enum route_answer router_arrive(struct desk *desk, struct desk_case *c);
enum route_answer router_restore(struct desk *desk, struct desk_case *c, struct desk_agent *agent);
/* The router is there and up to date; does nothing before the desk is ready. */
void router_fresh(struct desk *desk);
void router_fini(struct desk *desk);
/* The queue that the case's routing names, in the present configuration. */
uint32_t router_queue_of(struct desk *desk, const struct desk_case *c);
struct desk_agent *router_agent(const struct desk *desk, uint32_t index);

/* desk_view.c */
void view_tell(struct desk *desk, struct desk_case *c);
void view_tick(struct desk *desk);
void view_note_wait(struct desk *desk, const struct desk_case *c);

#endif
