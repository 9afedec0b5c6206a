/* SPDX-License-Identifier: Apache-2.0 */
/* One chat on a memory store, a virtual clock and a small real bot, driven by hand: for tests and
 * benchmarks. What chat says is written down; what lies outside of it can be made slow, full or
 * broken. Everything runs on the caller's thread; the store's own thread is waited for.
 *
 * Never: part of the server. */
#ifndef KEFU_CHAT_DRIVE_H
#define KEFU_CHAT_DRIVE_H

#include "buf.h"
#include "chat.h"

enum {
    DRIVE_LOG_MAX = 4096,     /* replies and pushes that are remembered; older ones are dropped */
    DRIVE_TEXT_MAX = 200,     /* of a text that is remembered */
    DRIVE_PENDING_MAX = 8192, /* completions and queries that wait for the hand */
    DRIVE_SESSIONS_MAX = 64,  /* that can be made to refuse */
    DRIVE_EVENTS_MAX = 400,   /* of the last history */
    DRIVE_ROUTING_MAX = 256,  /* bytes of a reported routing */
    DRIVE_SITE = 3,
    DRIVE_WORKSPACE = 1,
};

struct drive_event {
    uint32_t seq, prev_seq, kind, target_seq, rating, author_kind;
    uint64_t author_id, agent_id;
    bool internal;
    unsigned quick_replies, attributes;
    unsigned options; /* of its ask */
    bool multiple;
    char text[DRIVE_TEXT_MAX];
    char slot[32];
    char ui[32];
    char reason[32];
    char rung[32];
    char client_id[33];
};

struct drive_reply {
    enum chat_reply_kind kind;
    uint64_t session, cookie;
    struct conv_id conv;
    uint32_t seq;
    int64_t created_at;
    struct err err;
    unsigned count; /* heads or events */
    bool more;
    uint32_t head_seq;   /* of a history */
    uint32_t head_state; /* of the first head */
    uint32_t flow_version;
};

struct drive_push {
    enum chat_push_kind kind;
    uint64_t session;
    struct conv_id conv;
    uint32_t head_seq;
    struct drive_event event; /* CHAT_PUSH_EVENT */
    uint32_t position;        /* CHAT_PUSH_QUEUE */
    uint32_t read_seq;        /* CHAT_PUSH_READ */
    uint32_t state;           /* CHAT_PUSH_CONVERSATION */
    bool active;              /* CHAT_PUSH_TYPING */
    char draft[DRIVE_TEXT_MAX];
    size_t bytes; /* encoded in the session's format */
};

/* What a flow wanted done. */
struct drive_act {
    uint64_t conv;
    uint32_t seq;
    uint32_t delay_ms;
    char name[64];
    char input[512];
    char key[128];
};

struct drive_options {
    struct chat_limits limits;
    bool settle_held; /* settled_upto stays where it is */
    bool quiet;       /* benchmarks: nothing is written down */
    bool encode;      /* pushes and acknowledgements are encoded in the receiver's format */
    bool late;        /* as chat_ops has it */
    bool no_store;    /* turns are taken and forgotten: what chat itself costs */
    int64_t idle_close_ms;
    const struct bot_source *bot; /* NULL: five entries about a shop */
    /* As chat_ops has it; NULL: nothing is routed. */
    enum err_code (*route)(void *ctx, struct workspace_id workspace,
                           const struct chat_route_ask *ask, struct arena *arena,
                           Kefu__V1__Routing *out, struct chat_route *route, struct err *err);
    const struct flow_set *flows; /* NULL: none */
};

struct drive {
    struct drive_options options;
    struct clock_virtual time;
    struct clock clock;
    struct store *store;
    struct chat *chat;
    struct bot *bot;
    struct bot_scratch *scratch;
    struct chat_site site;
    uint64_t cookie; /* of the last action */
    uint64_t client_ids;
    int64_t id_mark_ms;

    /* Outside, as it can go wrong. */
    enum err_code append_rc;      /* what an append answers instead */
    enum err_code complete_rc;    /* what completions say instead, until the resume */
    bool complete_stored;         /* ... although the turn is stored */
    bool failing, failing_stored; /* one failed: all fail until the resume */
    enum err_code failing_rc;
    unsigned resumes;
    bool query_full, desk_full;
    unsigned room; /* 0: as the store says */
    uint64_t refusing[DRIVE_SESSIONS_MAX];
    unsigned refusing_count;
    bool no_agents;
    bool bot_missing;
    uint64_t settled_upto; /* with settle_held */

    /* What waits for drive_complete and drive_answer. */
    struct store_completion completions[DRIVE_PENDING_MAX];
    unsigned completion_count;
    unsigned appended, appends;
    struct chat_query *queries[DRIVE_PENDING_MAX];
    unsigned query_count;
    bool flush_wanted;

    /* What chat said. */
    struct drive_reply replies[DRIVE_LOG_MAX];
    unsigned reply_count;
    struct drive_push pushes[DRIVE_LOG_MAX];
    unsigned push_count;
    struct chat_desk_report reports[DRIVE_LOG_MAX];
    char routings[DRIVE_LOG_MAX][DRIVE_ROUTING_MAX];
    unsigned report_count;
    struct drive_act acts[DRIVE_LOG_MAX];
    unsigned act_count;
    bool act_refused;                            /* none can be begun */
    struct drive_event events[DRIVE_EVENTS_MAX]; /* of the last history */
    unsigned event_count;
    struct drive_head {
        uint64_t conv;
        uint32_t seq;
    } heads[64]; /* of the last hello */
    unsigned head_count;
    uint64_t push_bytes, turn_bytes, acks;
    struct buf out;
};

struct drive *drive_create(const struct drive_options *options);
void drive_destroy(struct drive **drive);
/* Another chat on the same store: what was in memory is gone. */
void drive_restart(struct drive *drive);
void drive_clear(struct drive *drive); /* forgets what was said */

/* An action of that visitor or agent, from that session, with a cookie of its own. */
struct chat_action drive_visitor_action(struct drive *drive, enum chat_action_kind kind,
                                        struct visitor_id visitor, uint64_t session);
struct chat_action drive_agent_action(struct drive *drive, enum chat_action_kind kind,
                                      uint64_t agent, enum role role, uint64_t session);
/* Time-ordered, as clients make them. */
void drive_client_id(struct drive *drive, struct chat_action *action);
void drive_submit(struct drive *drive, const struct chat_action *action);

/* Step by step: hand the batch to the store and wait until it has it; give completions back; run
 * the queries and give them back. */
void drive_flush(struct drive *drive);
void drive_complete(struct drive *drive);
void drive_answer(struct drive *drive);
/* All of it until nothing waits. */
void drive_run(struct drive *drive);
void drive_advance(struct drive *drive, int64_t ms); /* second by second, with ticks */

/* A new visitor with a session that said hello. */
struct visitor_id drive_visitor(struct drive *drive, uint64_t session);
/* Begun, answered and stored; the conversation's id. */
struct conv_id drive_start(struct drive *drive, struct visitor_id visitor, uint64_t session,
                           const char *text);
/* Submits, runs, and gives the reply to it (NULL: none). */
const struct drive_reply *drive_do(struct drive *drive, const struct chat_action *action);
const struct drive_reply *drive_send(struct drive *drive, struct visitor_id visitor,
                                     uint64_t session, struct conv_id conv, const char *text);
const struct drive_reply *drive_reply_to(const struct drive *drive, uint64_t cookie);
/* The answer of the last act; then all runs. */
void drive_act_done(struct drive *drive, const char *outcome, const char *json);
/* Every stored event, through the store, into drive->events. */
void drive_history(struct drive *drive, struct conv_id conv);
const struct chat_desk_report *drive_report(const struct drive *drive); /* the last one */
const struct drive_push *drive_push_last(const struct drive *drive, enum chat_push_kind kind,
                                         uint64_t session);
unsigned drive_push_count(const struct drive *drive, enum chat_push_kind kind, uint64_t session);
void drive_refuse(struct drive *drive, uint64_t session, bool on);

#endif
