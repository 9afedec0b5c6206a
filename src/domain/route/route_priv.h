/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of librouting share.
 *
 * The idea: conversations that ask for the same (queue, language, channel, skills) form a class.
 * A class knows, per ring, the set of agents that may ever serve it, as a bit set that changes only
 * with skills. What changes all the time - who is online and has a whole place free - is one more
 * bit set per tenth of load. To find an agent for a conversation is to AND the two; to find a
 * conversation for an agent is to ask the classes in which somebody waits for one bit and compare
 * their heads. An agent has room when a whole place is free, whatever the conversation weighs: so
 * a light conversation never slips past a heavy one, and room is one bit. */
#ifndef KEFU_ROUTE_PRIV_H
#define KEFU_ROUTE_PRIV_H

#include "kefu/routing.h"

#include "check.h"

/* ---- memory: blocks from the caller, given back together ---- */

struct route_pool_block;

struct route_pool {
    struct route_memory memory;
    struct route_pool_block *blocks;
    size_t used; /* of the newest block */
    size_t bytes;
};

void route_pool_init(struct route_pool *pool, const struct route_memory *memory);
void route_pool_fini(struct route_pool *pool);
/* Zeroed, aligned to 16; NULL: memory is out. */
MUST_USE void *route_pool_alloc(struct route_pool *pool, size_t count, size_t bytes);
/* A terminated copy. */
MUST_USE char *route_pool_text(struct route_pool *pool, const char *text, size_t len);

/* ---- the loaded configuration ---- */

enum { ROUTE_DAY_MINUTES = 1440, ROUTE_WEEK_DAYS = 7 };

struct route_span {
    uint16_t from, to; /* minutes of the day; to may pass midnight, up to 2 * ROUTE_DAY_MINUTES */
};

struct route_day {
    int32_t day; /* since 1970-01-01, local; unused in weeks */
    uint32_t count;
    struct route_span spans[ROUTE_DAY_SPANS_MAX];
};

struct route_calendar {
    const char *name;
    int32_t offset_minutes;                 /* east of UTC */
    struct route_day week[ROUTE_WEEK_DAYS]; /* from Monday */
    uint32_t day_count;
    struct route_day *days; /* exceptions, by day */
};

/* Every ring with all that the rings before it widened. */
struct route_ring {
    int64_t after_ms;
    uint32_t lower; /* levels below what is asked for, never below 1 */
    bool drop_prefer;
    uint64_t teams;        /* 0: everybody */
    uint32_t alternatives; /* of this ring alone, as overflow */
    uint32_t overflow;     /* queue, or ROUTE_NONE */
};

enum route_closed { ROUTE_CLOSED_OFFER, ROUTE_CLOSED_WAIT, ROUTE_CLOSED_QUEUE };

struct route_weights {
    uint32_t idle, specialist, speed, csat, sticky; /* 0 .. ROUTE_WEIGHT_MAX */
};
enum { ROUTE_WEIGHT_MAX = 100 };

struct route_queue {
    const char *name;
    uint32_t calendar; /* ROUTE_NONE: always open */
    enum route_closed closed;
    uint32_t closed_alternatives, closed_queue;
    int64_t sla_first_ms, sla_risk_ms, sla_boost_ms; /* 0: none */
    uint32_t sla_target_percent;
    uint32_t ring_count;
    struct route_ring rings[ROUTE_RINGS_MAX];
    uint32_t overflow_count;
    uint32_t overflow[ROUTE_OVERFLOW_MAX];
    uint32_t waiting_max; /* UINT32_MAX: no limit but the router's */
    enum route_preset preset;
    struct route_weights weights;
    int64_t offer_ms; /* 0: push */
    uint32_t require_count;
    struct route_need require[ROUTE_REQUEST_SKILLS_MAX];
};

struct route_agent_def {
    const char *id, *name;
    uint64_t languages, channels, teams; /* languages and channels: 0 is any */
    uint32_t capacity;                   /* hundredths */
    uint32_t calendar;
    uint32_t speed_percent;
    uint32_t fixed[4]; /* specialist, speed, csat, -: 0 .. 1,000 each, for the score */
    uint8_t levels[ROUTE_SKILLS_MAX];
};

struct route_names {
    uint32_t count, max;
    const char **items;
};

struct route_settings {
    int64_t priority_step_ms, vip_ms; /* bonus on the arrival time */
    int64_t slow_start_ms;            /* 0: off; per further place after coming online */
    int64_t quiet_ms;                 /* 0: off */
    uint32_t quiet_percent;           /* weight of a quiet conversation */
    uint32_t over;                    /* hundredths beyond capacity when quiet ones wake up */
    int64_t reopen_within_ms, reopen_wait_ms;
    int64_t grace_ms;   /* offline before conversations go back */
    int64_t wrap_up_ms; /* after each conversation, no new one */
    int64_t exclude_ms; /* an agent that declined is not asked again for so long */
    uint32_t misses_max;
    uint32_t fade_from, fade_to; /* occupancy in permille at which specialists begin to count, and
                                    count in full */
};

struct route_rules; /* compiled guards: route_rule.c */

struct route_config {
    struct route_pool pool;
    struct route_settings settings;
    struct route_names names[ROUTE_KIND_COUNT];
    struct route_calendar *calendars;
    struct route_queue *queues;
    struct route_agent_def *agents;
    struct route_rules *rules; /* NULL: none */
    uint32_t ring_count_max;
};

static inline uint32_t route_words(const struct route_config *config)
{
    return (config->names[ROUTE_KIND_AGENT].count + 63) / 64;
}
bool route_calendar_open_of(const struct route_calendar *calendar, int64_t now_ms);
/* Minutes of one common week in which both are open; NULL is always. For checks. */
uint32_t route_calendar_common(const struct route_calendar *a, const struct route_calendar *b);
/* Whether the agent serves such a conversation once the queue's last ring is open. */
bool route_agent_could(const struct route_config *config, uint32_t agent, uint32_t queue,
                       const struct route_need *require, uint32_t count);

/* 0 .. 1,000: fewer skills, higher score. */
uint32_t route_specialist_score(const struct route_config *config, const uint8_t *levels);

/* ---- the router's tables ---- */

enum {
    ROUTE_BUCKETS = 10,          /* tenths of load */
    ROUTE_IDLE_FULL_MS = 600000, /* idling longer scores no more */
    ROUTE_CLASSES_DEFAULT = 1024,
    ROUTE_CLASSES_MAX = 65536,
    ROUTE_WAIT_SAMPLES = 20,
    ROUTE_WAIT_SAMPLES_MIN = 5,
    ROUTE_WAIT_POSITIONS = 8, /* 1, 2, 3, 4-5, 6-8, 9-13, 14-21, beyond */
};

/* Asked for alike. Sorted by skill, so that equal wishes are equal bytes. */
struct route_class_key {
    uint32_t queue, language, channel;
    uint8_t require_count, prefer_count;
    uint8_t pad[2];
    struct route_need require[ROUTE_REQUEST_SKILLS_MAX];
    struct route_need prefer[ROUTE_REQUEST_SKILLS_MAX];
};

/* A class in one ring: a tree of who waits there, by (key, arrival number). */
struct route_level {
    uint32_t root, first; /* conversations */
    uint32_t waiting;
    uint32_t active_at; /* place in router->active, ROUTE_NONE: nobody waits */
    bool built;         /* the agents of this ring are known */
};

struct route_class {
    struct route_class_key key;
    uint32_t hash;
    uint32_t refs; /* conversations */
};

struct route_conv {
    uint64_t id;
    uint64_t number;      /* arrival number: unique, breaks ties */
    int64_t key;          /* arrival minus bonus */
    int64_t ring_from_ms; /* rings count from here */
    int64_t hold_until;   /* ROUTE_NEVER: not held for the last agent */
    int64_t excluded_until;
    int64_t offer_until;
    int64_t message_ms; /* last sign of life while assigned */
    int64_t wait_from_ms;
    uint32_t left, right, up;
    uint32_t prev, next;             /* of the agent's list */
    uint32_t queue_prev, queue_next; /* of the queue's list of waiting */
    uint32_t klass, ring;
    uint32_t agent;
    uint32_t load; /* hundredths that it takes of its agent now */
    uint32_t excluded[ROUTE_EXCLUDED_MAX];
    uint8_t excluded_count;
    uint8_t state; /* enum route_conv_state, or ROUTE_CONV_FREE */
    uint8_t wait_position;
    bool answered, quiet, flagged, boosted, sticky;
    struct route_request request;
};
enum { ROUTE_CONV_FREE = 255 };

struct route_agent {
    int64_t online_since, offline_since, wrap_until;
    int64_t seen_ms; /* so far its own timers have run: what opens with time has opened by then */
    uint32_t load, full; /* hundredths; full counts quiet conversations as awake */
    uint32_t capacity;   /* configured or set */
    uint32_t counted_load, counted_capacity; /* its part of the router's sums */
    uint32_t first, last, convs;
    uint32_t misses;
    uint8_t presence;
    uint8_t bucket; /* of the set that its bit is in; ROUTE_BUCKETS: none */
    bool gone;      /* the grace is over */
};

struct route_waits {
    uint32_t count, at;
    int64_t ms[ROUTE_WAIT_SAMPLES];
};

struct route_queue_state {
    uint32_t waiting, first, last; /* in no particular order */
    uint32_t next_agent;           /* rotating start */
    enum route_preset preset;
    struct route_waits waits[ROUTE_WAIT_POSITIONS];
};

struct route_timer {
    int64_t due;
    uint64_t tie;  /* agents by number, then conversations by arrival number */
    uint32_t node; /* conversation slot, or conversations_max + agent */
};

struct route_router {
    struct route_pool pool;
    const struct route_config *config;
    struct route_options options;
    int64_t now;
    bool acting;
    uint32_t words, rings;

    struct route_conv *convs; /* slots */
    uint32_t conv_free;       /* list by next */
    uint32_t *conv_index;     /* open addressing; ROUTE_NONE: empty */
    uint32_t conv_index_mask;
    uint64_t conv_number; /* of the next arrival */

    struct route_class *classes;
    struct route_level *levels; /* [class * rings + ring] */
    uint64_t *level_agents;     /* [(class * rings + ring) * words] */
    uint32_t *class_index;
    uint32_t class_index_mask, class_count, class_hand;
    uint32_t *active; /* levels in which somebody waits to be routed */
    uint32_t active_count;

    struct route_agent *agents;
    int64_t *idle_since;                 /* apart: the scores read many of them */
    uint16_t (*fixed)[4];                /* specialist, speed, csat: 0 .. 1,000 */
    uint8_t (*skills)[ROUTE_SKILLS_MAX]; /* levels now */
    uint64_t *online, *room;             /* room: can take one more */
    uint64_t *buckets;                   /* [ROUTE_BUCKETS * words]: room by tenths of load */
    uint32_t bucket_count[ROUTE_BUCKETS];
    uint64_t *skill_sets;    /* [(skill * ROUTE_LEVEL_MAX + level - 1) * words] */
    uint64_t *team_sets;     /* [team * words] */
    uint64_t *language_sets; /* with those who speak any */
    uint64_t *channel_sets;

    struct route_queue_state *queues;
    struct route_timer *timers; /* a heap */
    uint32_t *timer_at;         /* place of each node; ROUTE_NONE: not in it */
    uint32_t timer_count;

    struct route_stats stats;
};

/* ---- route_conv.c: slots and the index of ids ---- */

uint32_t route_conv_find(const struct route_router *router, uint64_t id);
/* ROUTE_NONE: full. Zeroed but for id and number. */
uint32_t route_conv_add(struct route_router *router, uint64_t id);
void route_conv_remove(struct route_router *router, uint32_t conv);

/* ---- route_tree.c: who waits in a level, by (key, number) ---- */

void route_tree_insert(struct route_router *router, struct route_level *level, uint32_t conv);
void route_tree_remove(struct route_router *router, struct route_level *level, uint32_t conv);
uint32_t route_tree_next(const struct route_router *router, uint32_t conv);

static inline bool route_conv_before(const struct route_conv *a, const struct route_conv *b)
{
    return a->key != b->key ? a->key < b->key : a->number < b->number;
}

/* ---- route_timer.c ---- */

/* ROUTE_NEVER: no more. */
void route_timer_set(struct route_router *router, uint32_t node, uint64_t tie, int64_t due);

/* ---- route_class.c ---- */

/* The class of a request in a queue, with one more reference. ROUTE_NONE: all are in use. */
uint32_t route_class_take(struct route_router *router, const struct route_class_key *key);
void route_class_release(struct route_router *router, uint32_t klass);
/* false: more different skills than fit. */
bool route_class_key_of(const struct route_config *config, const struct route_request *request,
                        uint32_t queue, struct route_class_key *key);
/* Agents that may serve the class in that ring, whatever they do now. */
const uint64_t *route_level_agents(struct route_router *router, uint32_t klass, uint32_t ring);
bool route_class_admits(const struct route_router *router, const struct route_class_key *key,
                        uint32_t ring, uint32_t agent);
/* After a change of the agent's skills. */
void route_class_update(struct route_router *router, uint32_t agent);

/* ---- route_agent.c ---- */

uint32_t route_agent_capacity(const struct route_router *router, uint32_t agent);
/* Brings sets, sums and timer in line after any change of the agent. */
void route_agent_refresh(struct route_router *router, uint32_t agent);
void route_agent_add(struct route_router *router, uint32_t agent, uint32_t conv);
void route_agent_drop(struct route_router *router, uint32_t conv);
/* An absent agent gets its first conversation back after a restart: the grace runs from now. */
void route_agent_begin_grace(struct route_router *router, uint32_t agent);
void route_agent_set_away(struct route_router *router, uint32_t agent);
enum route_answer route_agent_event(struct route_router *router, const struct route_event *event);
void route_agent_due(struct route_router *router, uint32_t agent);

static inline bool route_has(const uint64_t *set, uint32_t at)
{
    return (set[at / 64] >> (at % 64) & 1) != 0;
}

static inline void route_put(uint64_t *set, uint32_t at, bool on)
{
    uint64_t bit = UINT64_C(1) << (at % 64);

    set[at / 64] = on ? set[at / 64] | bit : set[at / 64] & ~bit;
}

/* ---- route_pick.c ---- */

/* Who is to get the conversation now; ROUTE_NONE: nobody can. */
uint32_t route_pick(struct route_router *router, uint32_t conv);
/* Which waiting conversation an agent with room is to get; ROUTE_NONE: none. */
uint32_t route_pick_conv(const struct route_router *router, uint32_t agent);
int64_t route_score(const struct route_router *router, const struct route_conv *conv,
                    uint32_t agent, uint32_t fade);
uint32_t route_fade(const struct route_router *router); /* 0 .. 1,000 */
/* Neither excluded nor kept for another. */
bool route_conv_allows(const struct route_conv *conv, uint32_t agent);

/* ---- route_wait.c: states of a conversation ---- */

void route_act(struct route_router *router, const struct route_action *action);
/* An action that has no more to say than whom it is about. */
void route_conv_act(struct route_router *router, uint32_t conv, enum route_action_type type,
                    uint32_t agent);
void route_conv_place(struct route_router *router, uint32_t conv, uint32_t agent, bool direct,
                      bool forced);
/* Says that an offer was accepted. */
void route_conv_assigned(struct route_router *router, uint32_t conv);
/* Gives it to somebody, else lets it wait. former: who had it, or ROUTE_NONE. */
void route_conv_enter(struct route_router *router, uint32_t conv, uint32_t former);
void route_conv_wait(struct route_router *router, uint32_t conv, uint32_t former);
void route_conv_unwait(struct route_router *router, uint32_t conv);
/* If it waits and somebody can take it now, they get it. */
void route_conv_seek(struct route_router *router, uint32_t conv);
/* As long as the agent has room, it gets who has waited longest. */
void route_agent_seek(struct route_router *router, uint32_t agent);
void route_conv_exclude(struct route_router *router, uint32_t conv, uint32_t agent);
void route_conv_arm(struct route_router *router, uint32_t conv);
void route_conv_due(struct route_router *router, uint32_t conv);
bool route_queue_takes(const struct route_router *router, uint32_t queue);
/* The class of the conversation in another queue, taken; ROUTE_NONE: none is free. */
uint32_t route_conv_class_in(struct route_router *router, uint32_t conv, uint32_t queue);
/* Goes on there, the first ring beginning now. It must not be waiting. */
void route_conv_move(struct route_router *router, uint32_t conv, uint32_t queue, uint32_t klass);
/* Positions that are alike for the estimate: 0 .. ROUTE_WAIT_POSITIONS - 1. */
uint32_t route_position_class(uint32_t position);

/* ---- route_event.c ---- */

enum route_answer route_request_check(const struct route_router *router,
                                      const struct route_request *request);

/* ---- route_explain.c ---- */

void route_trace_fill(const struct route_router *router, const struct route_conv *conv,
                      const struct route_class_key *key, uint32_t agent, struct route_trace *out);

/* ---- route_check.c ---- */

/* Aborts when a promise is broken. Debug builds call it after every event. */
void route_check(const struct route_router *router);
uint32_t route_idle_while_waiting(const struct route_router *router);

#endif
