/* SPDX-License-Identifier: Apache-2.0 */
/* librouting: from a waiting conversation to the right agent.
 *
 * Load a configuration (JSON), make a router from it, tell it every event, and do what it says:
 *
 *   struct route_config *config;
 *   struct route_router *router;
 *   struct route_report report;
 *
 *   if (!route_config_load(json, length, NULL, &config, &report)) ...   report.items[0].path, .text
 *   route_router_create(&(struct route_options){ .config = config, .conversations_max = 1000,
 *                                                .act = on_action, .ctx = me }, &router);
 *   route_event(router, &(struct route_event){ .type = ROUTE_EVENT_PRESENCE, .now_ms = now,
 *                                              .agent = 0, .presence = ROUTE_ONLINE });
 *   route_event(router, &(struct route_event){ .type = ROUTE_EVENT_ARRIVE, .now_ms = now,
 *                                              .conv = 17, .request = &request });
 *   ... and ROUTE_EVENT_TICK when route_due_ms(router) has come.
 *
 * The library does no I/O, reads no clock and no random source, and starts no thread. All memory
 * comes from the caller's struct route_memory while a configuration is loaded and a router is made;
 * route_event allocates nothing. The same events give the same actions, on every machine.
 * A configuration never changes and may be read by any number of threads. A router has one owner
 * at a time and keeps a pointer to its configuration. A changed configuration is a new router, fed
 * with the present state (ROUTE_EVENT_PRESENCE, ROUTE_EVENT_RESTORE, ROUTE_EVENT_ARRIVE).
 *
 * Times are milliseconds since 1970-01-01 UTC, given by the caller. Agents, queues, skills and
 * labels are numbers from 0 in the order of the configuration: see route_find and route_name.
 * What an event cannot do is an answer, never a crash: the router is then as it was before. */
#ifndef KEFU_ROUTING_H
#define KEFU_ROUTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ROUTE_API __attribute__((visibility("default")))
#else
#define ROUTE_API
#endif

#define ROUTE_NONE  UINT32_MAX /* no agent, queue, rule, language, channel */
#define ROUTE_NEVER INT64_MAX  /* a time that does not come */

enum {
    ROUTE_AGENTS_MAX = 10000,          /* of one configuration: 157 words in each set of agents */
    ROUTE_CONVERSATIONS_MAX = 1000000, /* of one router, at a time */
    ROUTE_QUEUES_MAX = 256,
    ROUTE_SKILLS_MAX = 64, /* one bit each in a word, as all labels */
    ROUTE_LABELS_MAX = 64, /* teams; languages; channels */
    ROUTE_CALENDARS_MAX = 64,
    ROUTE_CALENDAR_DAYS_MAX = 400, /* exceptions of one calendar: several years of holidays */
    ROUTE_DAY_SPANS_MAX = 4,       /* opening hours of one day */
    ROUTE_RULES_MAX = 1000,
    ROUTE_FACTS_MAX = 64,
    ROUTE_RINGS_MAX = 8,
    ROUTE_OVERFLOW_MAX = 8,
    ROUTE_REQUEST_SKILLS_MAX = 8, /* required, and again preferred */
    ROUTE_LEVEL_MAX = 10,
    ROUTE_PRIORITY_MAX = 9,
    ROUTE_CAPACITY_MAX = 100,          /* conversations of one agent */
    ROUTE_UNIT = 100,                  /* one conversation of full weight, in hundredths */
    ROUTE_BONUS_MS_MAX = 600000,       /* nobody is overtaken by who came more than this later */
    ROUTE_EXCLUDED_MAX = 4,            /* agents that a conversation does not go back to */
    ROUTE_NAME_MAX = 64,               /* bytes of an id */
    ROUTE_CONFIG_BYTES_MAX = 16 << 20, /* 10,000 agents with all their skills are 12 MB */
    ROUTE_TEXT_MAX = 200,
    ROUTE_PATH_MAX = 160,
    ROUTE_PROBLEMS_MAX = 32,
    ROUTE_TRACE_STEPS_MAX = 2 * ROUTE_REQUEST_SKILLS_MAX + 8,
    ROUTE_TRACE_TOP_MAX = 3,
};

/* Where memory comes from. A NULL pointer where one is asked for means malloc and free. alloc may
 * give NULL: loading or making then fails. Memory is aligned as malloc's. */
struct route_memory {
    void *(*alloc)(void *ctx, size_t bytes);
    void (*free)(void *ctx, void *ptr);
    void *ctx;
};

/* ---- configuration ---- */

struct route_problem {
    bool warning;              /* the configuration works, though hardly as meant */
    char path[ROUTE_PATH_MAX]; /* "queues.after_sales.rings[2].after" */
    char text[ROUTE_TEXT_MAX];
};

struct route_report {
    unsigned count; /* filled items: the first ROUTE_PROBLEMS_MAX problems */
    unsigned errors, warnings;
    struct route_problem items[ROUTE_PROBLEMS_MAX];
};

struct route_config; /* immutable */

/* Reads and checks. false: report (never NULL) says what is wrong and *out is NULL. */
ROUTE_API bool route_config_load(const char *json, size_t len, const struct route_memory *memory,
                                 struct route_config **out, struct route_report *report);
ROUTE_API void route_config_destroy(struct route_config **config);
ROUTE_API size_t route_config_bytes(const struct route_config *config);

enum route_kind {
    ROUTE_KIND_AGENT,
    ROUTE_KIND_QUEUE,
    ROUTE_KIND_SKILL,
    ROUTE_KIND_TEAM,
    ROUTE_KIND_LANGUAGE,
    ROUTE_KIND_CHANNEL,
    ROUTE_KIND_CALENDAR,
    ROUTE_KIND_RULE,
    ROUTE_KIND_COUNT,
};

ROUTE_API uint32_t route_count(const struct route_config *config, enum route_kind kind);
/* The id as configured; NULL: no such number. Lives as long as the configuration. */
ROUTE_API const char *route_name(const struct route_config *config, enum route_kind kind,
                                 uint32_t index);
/* ROUTE_NONE: no such name. Looks at each name: not for the hot path. */
ROUTE_API uint32_t route_find(const struct route_config *config, enum route_kind kind,
                              const char *name, size_t len);

enum route_preset {
    ROUTE_FAIR,         /* longest idle, times places: work in proportion to what one can take */
    ROUTE_BALANCED,     /* lowest load in percent, then longest idle */
    ROUTE_EFFICIENT,    /* composite: load, then idle, specialists first, speed, satisfaction */
    ROUTE_ROUND_ROBIN,  /* the next agent after the last one */
    ROUTE_LONGEST_IDLE, /* conversations in equal numbers, whatever the places */
    ROUTE_MANUAL,       /* nobody: agents claim */
    ROUTE_PRESET_COUNT,
};
ROUTE_API const char *route_preset_name(enum route_preset preset);

/* What an agent may do, as configured. */
struct route_agent_info {
    const char *id, *name;
    uint64_t languages, channels, teams; /* bit sets of labels */
    uint8_t levels[ROUTE_SKILLS_MAX];    /* 0: has not */
    uint32_t capacity;                   /* whole conversations */
    uint32_t calendar;                   /* ROUTE_NONE: any time */
    uint32_t speed_percent;              /* 100: as fast as the average */
};
ROUTE_API bool route_agent_info(const struct route_config *config, uint32_t agent,
                                struct route_agent_info *out);

struct route_queue_info {
    const char *id;
    enum route_preset preset;
    int64_t sla_first_ms;        /* 0: none */
    uint32_t sla_target_percent; /* of conversations answered within sla_first_ms */
    uint32_t calendar;           /* ROUTE_NONE: always open */
    uint32_t rings;
};
ROUTE_API bool route_queue_info(const struct route_config *config, uint32_t queue,
                                struct route_queue_info *out);

/* A calendar at a time; ROUTE_NONE is always open. *change_ms (may be NULL): when it opens or
 * closes next; ROUTE_NEVER: not within a year. */
ROUTE_API bool route_calendar_open(const struct route_config *config, uint32_t calendar,
                                   int64_t now_ms, int64_t *change_ms);

/* ---- conversations ---- */

struct route_need {
    uint16_t skill;
    uint16_t level; /* 1 .. ROUTE_LEVEL_MAX */
};

enum { /* alternatives to waiting, as bits */
       ROUTE_ALTERNATIVE_BOT = 1,
       ROUTE_ALTERNATIVE_TICKET = 2,
       ROUTE_ALTERNATIVE_CALLBACK = 4,
       ROUTE_ALTERNATIVE_PROMISE = 8, /* tell when the queue opens */
};

/* What a conversation asks for. route_request_init sets the neutral values. */
struct route_request {
    int64_t arrived_ms; /* when it began to wait; a re-queued one keeps its place by it */
    uint32_t queue;
    uint32_t rule;     /* that chose the queue; ROUTE_NONE: none */
    uint32_t language; /* label; ROUTE_NONE: any agent */
    uint32_t channel;
    struct route_need require[ROUTE_REQUEST_SKILLS_MAX]; /* beside those of the queue */
    struct route_need prefer[ROUTE_REQUEST_SKILLS_MAX];  /* required too, until a ring drops them */
    uint32_t require_count, prefer_count;
    uint32_t priority; /* 0 .. ROUTE_PRIORITY_MAX */
    bool vip;
    uint32_t weight;        /* hundredths of a place, 1 .. ROUTE_UNIT: an e-mail may weigh 25 */
    uint32_t alternatives;  /* that the rule offers at once */
    uint32_t last_agent;    /* who had this visitor last; ROUTE_NONE: nobody */
    int64_t last_ms;        /* and when that ended */
    int64_t sticky_wait_ms; /* how long to wait for last_agent; < 0: as configured */
};
ROUTE_API void route_request_init(struct route_request *request);

/* ---- answers ---- */

enum route_answer {
    ROUTE_OK,
    ROUTE_BAD_EVENT, /* no such type, a request out of range */
    ROUTE_TIME_BACKWARDS,
    ROUTE_UNKNOWN_CONV,
    ROUTE_UNKNOWN_AGENT,
    ROUTE_UNKNOWN_QUEUE,
    ROUTE_UNKNOWN_SKILL,
    ROUTE_DUPLICATE_CONV,
    ROUTE_WRONG_STATE,  /* accepting what was not offered, replying to what nobody has */
    ROUTE_NOT_ELIGIBLE, /* the agent lacks what the conversation needs now */
    ROUTE_NO_ROOM,      /* the agent is full or not online */
    ROUTE_QUEUE_CLOSED, /* a transfer out of hours */
    ROUTE_FULL,         /* conversations_max or classes_max */
    ROUTE_BUSY_ACTING,  /* called from inside an action */
    ROUTE_ANSWER_COUNT,
};
ROUTE_API const char *route_answer_name(enum route_answer answer);

/* ---- rules: which queue, skills and priority ---- */

enum route_fact_type { ROUTE_FACT_TEXT, ROUTE_FACT_NUMBER, ROUTE_FACT_BOOL };

/* What is known of a conversation, by the names of the guards: "intent", "contact.tier". */
struct route_fact {
    const char *name;
    enum route_fact_type type;
    const char *text; /* UTF-8, need not be terminated */
    size_t text_len;
    double number; /* of numbers, and of booleans: 0 is false */
};

/* The first rule that holds fills queue, rule, skills, priority, alternatives and sticky wait; the
 * facts lang, channel and contact.vip fill language, channel and vip. What is not known is left
 * out; names that no guard knows are passed over. ROUTE_UNKNOWN_QUEUE: there are no rules. */
ROUTE_API enum route_answer route_classify(const struct route_config *config,
                                           const struct route_fact *facts, uint32_t count,
                                           int64_t now_ms, struct route_request *request);

/* ---- events ---- */

enum route_presence { ROUTE_OFFLINE, ROUTE_ONLINE, ROUTE_BUSY, ROUTE_AWAY, ROUTE_REMOVED };

enum route_event_type {
    ROUTE_EVENT_TICK,     /* time has come: route_due_ms */
    ROUTE_EVENT_ARRIVE,   /* conv, request: wants an agent */
    ROUTE_EVENT_RESTORE,  /* conv, request, agent, answered: is with the agent already */
    ROUTE_EVENT_CLOSE,    /* conv: ended, or the visitor gave up waiting */
    ROUTE_EVENT_ACCEPT,   /* conv, agent: takes the offer */
    ROUTE_EVENT_DECLINE,  /* conv, agent */
    ROUTE_EVENT_CLAIM,    /* conv, agent: takes a waiting conversation, where able and with room */
    ROUTE_EVENT_MESSAGE,  /* conv: the visitor wrote */
    ROUTE_EVENT_REPLY,    /* conv: its agent wrote */
    ROUTE_EVENT_TRANSFER, /* conv, agent (with room, whatever its skills) or else queue */
    ROUTE_EVENT_TAKE,     /* conv, agent: a supervisor takes over, with room or without */
    ROUTE_EVENT_PRESENCE, /* agent, presence */
    ROUTE_EVENT_SKILL,    /* agent, skill, level (0: has no more) */
    ROUTE_EVENT_CAPACITY, /* agent, capacity */
    ROUTE_EVENT_TYPE_COUNT,
};

struct route_event {
    enum route_event_type type;
    int64_t now_ms;
    uint64_t conv;
    uint32_t agent; /* TRANSFER: ROUTE_NONE for a transfer to queue */
    uint32_t queue;
    uint32_t skill, level, capacity;
    enum route_presence presence;
    bool answered; /* RESTORE: the agent has written already */
    const struct route_request *request;
};

/* ---- actions ---- */

enum route_action_type {
    ROUTE_ACTION_WAIT,     /* conv waits in queue (also: waits again; agent is who had it) */
    ROUTE_ACTION_ASSIGN,   /* conv is agent's */
    ROUTE_ACTION_OFFER,    /* conv is offered to agent until due_ms */
    ROUTE_ACTION_WITHDRAW, /* the offer to agent is over */
    ROUTE_ACTION_WIDEN, /* conv is in the next ring; alternatives: to be offered to the visitor */
    ROUTE_ACTION_OVERFLOW, /* conv goes on in queue */
    ROUTE_ACTION_CLOSED,   /* queue is closed: not kept; due_ms: when it opens */
    ROUTE_ACTION_REFUSED,  /* queue and its overflow are full: not kept */
    ROUTE_ACTION_AWAY,     /* agent missed too many offers and was set away */
    ROUTE_ACTION_FLAG,     /* the agent of an answered conv is gone: a supervisor should look */
    ROUTE_ACTION_TYPE_COUNT,
};
ROUTE_API const char *route_action_name(enum route_action_type type);

enum route_trace_kind {
    ROUTE_STEP_ALL,
    ROUTE_STEP_TEAM,
    ROUTE_STEP_LANGUAGE,
    ROUTE_STEP_CHANNEL,
    ROUTE_STEP_SKILL,  /* label, level */
    ROUTE_STEP_PREFER, /* label, level */
    ROUTE_STEP_ONLINE,
    ROUTE_STEP_ROOM,
    ROUTE_STEP_NOT_EXCLUDED, /* declined, missed, or handed it on */
    ROUTE_STEP_HELD,         /* kept for the last agent for a while */
    ROUTE_STEP_BUCKET,       /* the lowest load */
    ROUTE_STEP_KIND_COUNT,
};
ROUTE_API const char *route_step_name(enum route_trace_kind kind);

/* Why this agent. Steps in order, with the agents left after each. */
struct route_trace {
    uint32_t rule, queue, ring, preset;
    uint32_t occupancy_permille; /* of all online agents, before the decision */
    uint32_t step_count, top_count;
    struct route_trace_step {
        enum route_trace_kind kind;
        uint32_t label, level;
        uint32_t left;
        bool passed; /* route_explain: by the agent asked about */
    } steps[ROUTE_TRACE_STEPS_MAX];
    struct route_trace_score {
        uint32_t agent;
        int64_t score;
    } top[ROUTE_TRACE_TOP_MAX]; /* best first, of those that passed all steps */
};

struct route_action {
    enum route_action_type type;
    int64_t now_ms; /* of the event or of the timer that came due before it */
    uint64_t conv;
    uint32_t agent; /* ROUTE_NONE: none */
    uint32_t queue, rule, ring;
    uint32_t alternatives;
    bool sticky;       /* ASSIGN, OFFER: to the last agent, as wished */
    bool forced;       /* ASSIGN: without asking for room */
    int64_t waited_ms; /* ASSIGN, OFFER: since the arrival */
    int64_t due_ms;
    const struct route_trace *trace; /* ASSIGN and OFFER by choice, in a router that traces */
};

/* ---- the router ---- */

struct route_router;

struct route_options {
    const struct route_config *config;
    uint32_t conversations_max; /* at a time, waiting and assigned */
    uint32_t classes_max;       /* kinds of conversation at a time; 0: 1,024 */
    int64_t now_ms;
    bool trace;
    /* For simulations, which see no messages and compare presets: */
    bool never_quiet;
    const enum route_preset *preset; /* for all queues but manual ones; NULL: as configured */
    /* Called inside route_event, once per action, in order; the action is gone afterwards. It may
     * ask the router (the functions with a const router), not tell it events. */
    void (*act)(void *ctx, const struct route_action *action);
    void *ctx;
    const struct route_memory *memory; /* NULL: malloc */
};

/* false: an option is out of range, or memory is out; *out is NULL. */
ROUTE_API bool route_router_create(const struct route_options *options, struct route_router **out);
ROUTE_API void route_router_destroy(struct route_router **router);
ROUTE_API size_t route_router_bytes(const struct route_router *router);

/* All timers due by event->now_ms run first, each at its own time. */
ROUTE_API enum route_answer route_event(struct route_router *router,
                                        const struct route_event *event);
/* When the router wants a ROUTE_EVENT_TICK, at the latest; ROUTE_NEVER: no timer runs. */
ROUTE_API int64_t route_due_ms(const struct route_router *router);

/* Of a conversation that waits: who is left after each step now, and which steps agent (ROUTE_NONE:
 * nobody in particular) passes. ROUTE_WRONG_STATE: does not wait. */
ROUTE_API enum route_answer route_explain(const struct route_router *router, uint64_t conv,
                                          uint32_t agent, struct route_trace *out);
/* The same for a conversation that did not arrive (yet), in the first ring. */
ROUTE_API enum route_answer route_explain_request(const struct route_router *router,
                                                  const struct route_request *request,
                                                  uint32_t agent, struct route_trace *out);

enum route_conv_state { ROUTE_CONV_WAITING, ROUTE_CONV_OFFERED, ROUTE_CONV_ASSIGNED };

struct route_conv_view {
    enum route_conv_state state;
    uint32_t agent, queue, ring, rule;
    int64_t arrived_ms;
    bool answered, quiet, flagged;
};
ROUTE_API bool route_conv_view(const struct route_router *router, uint64_t conv,
                               struct route_conv_view *out);

struct route_agent_view {
    enum route_presence presence;
    uint32_t convs;    /* offered ones included */
    uint32_t load;     /* hundredths; quiet conversations weigh less */
    uint32_t capacity; /* hundredths, now: less during the slow start */
    bool room;         /* can take one more */
    int64_t idle_since_ms;
};
ROUTE_API bool route_agent_view(const struct route_router *router, uint32_t agent,
                                struct route_agent_view *out);

struct route_queue_view {
    uint32_t waiting;
    int64_t oldest_ms; /* arrival of who waits longest; ROUTE_NEVER: nobody */
    uint32_t able;     /* online agents that could serve it, in its widest ring */
};
ROUTE_API bool route_queue_view(const struct route_router *router, uint32_t queue,
                                struct route_queue_view *out);

/* The conversations of a queue in the order of their turns: at most max ids; gives how many wait.
 * Takes time in proportion to who waits, for each that it lists: for displays. */
ROUTE_API uint32_t route_waiting(const struct route_router *router, uint32_t queue, uint64_t *out,
                                 uint32_t max);
/* From 1; 0: does not wait. */
ROUTE_API uint32_t route_position(const struct route_router *router, uint64_t conv);
/* The median of the last 20 waits from such a position. false: too few, or they differ too much
 * to say a number. */
ROUTE_API bool route_wait_estimate(const struct route_router *router, uint32_t queue,
                                   uint32_t position, int64_t *wait_ms);

struct route_stats {
    uint64_t events, decisions; /* decisions: offers and assignments */
    uint32_t convs, waiting, offered, assigned;
    uint32_t online, used, capacity; /* agents; hundredths of places of the online ones */
    uint32_t idle_while_waiting;     /* waiting though an eligible agent has room: always 0 */
};
ROUTE_API void route_stats(const struct route_router *router, struct route_stats *out);

#ifdef __cplusplus
}
#endif

#endif
