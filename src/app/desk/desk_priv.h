/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share.
 *
 *   desk.c         life, agents and their presence
 *   desk_case.c    where a conversation stands: reports, reservations
 *   desk_queue.c   who waits, in which order, and handing out
 *   desk_policy.c  whom to choose
 *
 *   (unknown) --> waiting <--> reserved --> held      a report moves it, or forgets it
 *                    ^            |           |
 *                    +-- refused, died -------+-- declined, agent gone */
#ifndef KEFU_DESK_PRIV_H
#define KEFU_DESK_PRIV_H

#include "desk.h"

#include "conv.h"
#include "map_u64.h"

enum desk_place { DESK_NOWHERE = 0, DESK_WAITING, DESK_RESERVED, DESK_HELD };

struct desk_list {
    struct desk_case *first, *last;
};

/* A conversation, as the desk knows it. */
struct desk_case {
    struct desk_case *prev, *next; /* in the list of its place: reserved, or of its agent */
    struct conv_id conv;
    struct site_id site;
    struct desk_agent *agent; /* reserved, held; NULL: not known here */
    struct agent_id agent_id;
    enum desk_place place;
    uint32_t head_seq;
    uint32_t position_told; /* 0: none */
    uint32_t entered_position;
    bool online_told;
    bool unsent; /* assign or requeue found no room */
    int64_t queued_at;
    int64_t entered_ms; /* waits since, by our own clock */
    int64_t asked_ms;   /* reserved or requeue asked */
    int64_t retry_ms;   /* not offered before */
    uint64_t reservation;
    struct agent_id avoid;
    int64_t avoid_until_ms;
};

struct desk_agent {
    struct agent_id id;
    char *name;
    enum desk_status status; /* chosen */
    uint32_t sessions, capacity, load;
    int64_t last_assigned_ms;
    int64_t offline_since_ms; /* without a session */
    struct desk_list held;
    bool requeuing; /* the grace is over */
    bool changed;   /* consoles are to be told */
};

enum { DESK_WAITS = 20 }; /* the estimate is a median of so many */

struct desk {
    struct desk_options options;
    struct map_u64 cases;  /* conv id -> struct desk_case */
    struct map_u64 agents; /* agent id -> struct desk_agent */
    struct desk_agent **agent_list;
    uint32_t agent_count, agent_cap;
    struct desk_case **waiting; /* by queued_at, then id */
    uint32_t waiting_count, waiting_cap;
    uint32_t scan_from;        /* where the last call stopped looking; 0: at the end */
    struct desk_list reserved; /* oldest first */
    struct desk_list orphans;  /* held by agents that are not known */
    uint64_t reservation;
    uint32_t waits[DESK_WAITS]; /* ms per place, a ring */
    uint32_t wait_count;
    struct desk_agent_view *views; /* with room, while handing out */
    struct desk_agent **view_agents;
    uint32_t view_cap;
    bool ready;
};

static inline int64_t desk_now(const struct desk *desk)
{
    return clock_mono_us(desk->options.clock) / 1000;
}

/* desk.c */
struct desk_agent *agent_find(const struct desk *desk, struct agent_id id);
struct desk_agent_view agent_view(const struct desk_agent *agent);
bool agent_has_room(const struct desk_agent *agent);
bool desk_agents_online(const struct desk *desk);

/* desk_case.c */
/* Out of its place; what it held is free. */
void case_leave(struct desk *desk, struct desk_case *c);
void case_wait(struct desk *desk, struct desk_case *c);
void case_reserve(struct desk *desk, struct desk_case *c, struct desk_agent *agent);
/* Asks its shard to put it back into the queue. */
void case_requeue(struct desk *desk, struct desk_case *c);
void case_requeue_list(struct desk *desk, const struct desk_list *list);
void cases_tick(struct desk *desk);
void list_add(struct desk_list *list, struct desk_case *c);
void list_remove(struct desk_list *list, struct desk_case *c);

/* desk_queue.c */
void queue_add(struct desk *desk, struct desk_case *c);
void queue_remove(struct desk *desk, struct desk_case *c);
uint32_t queue_position(const struct desk *desk, const struct desk_case *c);
void queue_note_wait(struct desk *desk, const struct desk_case *c);
void queue_tell(struct desk *desk, struct desk_case *c, uint32_t position, bool online);
void queue_tell_changed(struct desk *desk);
/* Hands out as long as somebody waits and somebody has room. */
void queue_drain(struct desk *desk);
void queue_drain_on(struct desk *desk); /* where the last one stopped */

#endif
