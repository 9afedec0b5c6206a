/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the live state of a shard.
 *
 *   chat.c         life, submit, admission, the queue of what waits
 *   chat_conv.c    live conversations and visitors: load, evict, headers
 *   chat_turn.c    a turn from its first event to its acknowledgement and delivery
 *   chat_start.c   a visitor's start, identity and page
 *   chat_action.c  the table of actions, their checks, repeats, and the small ones
 *   chat_say.c     messages, notes, and the bot's answer
 *   chat_flow.c    the flow of a conversation: what it hears and what comes of it
 *   chat_act.c     its actions, and what is asked of it from outside
 *   chat_care.c    whose a conversation is, and its end
 *   chat_sub.c     who listens, and handing one push to many
 *   chat_read.c    history, heads, rows of the inbox
 *   chat_inbox.c   changed rows to those who have the inbox open
 *   chat_desk.c    what the desk asks, deadlines
 *   chat_query.c   the worker's side of a query */
#ifndef KEFU_CHAT_PRIV_H
#define KEFU_CHAT_PRIV_H

#include "chat.h"

#include "buf.h"
#include "conv.h"
#include "flow.h"
#include "limit.h"
#include "map_u64.h"
#include "pool.h"

/* Turns of one turn of the loop before "late" can mean overload: with fewer of them it was the
 * machine that had other things to do, and those who ask get their answer. */
enum { LATE_TURNS_MIN = 32 };

enum {
    TURN_ARENA_BYTES_MAX = 1024 * 1024,      /* events of one turn with room for the bot's work */
    TURNS_KEPT_MAX = 64,                     /* free turns kept with their first arena block */
    LIVE_IDLE_MS = 30 * 1000,                /* silence after which a conversation may leave */
    VISITORS_MAX = 400 * 1000,               /* per shard: connected or with a live conversation */
    QUERY_ARENA_BYTES_MAX = 8 * 1024 * 1024, /* a page of 200 events of 16 KiB */
    PUSH_BYTES_MAX = 256 * 1024,             /* one frame; a session's queue is no larger */
    DUE_LOAD_MS = 5 * 60 * 1000,             /* deadlines are loaded this often ... */
    DUE_AHEAD_MS = 10 * 60 * 1000,           /* ... and this far ahead */
    DUE_MAX = 512 * 1024,
    EVICT_PER_TICK = 8192,  /* bounds a tick */
    EVICT_TRIES = 1024,     /* the oldest are nearly always idle; the others move to the end */
    APPEND_CHUNK = 256,     /* turns of one call to the store */
    RETRY_MS = 1000,        /* hint to clients that were answered busy */
    INBOX_ROWS_MAX = 200,   /* of half a kilobyte: a session's queue takes that twice */
    INBOX_WALK_MAX = 8192,  /* conversations looked at for them: 1 ms */
    INBOX_AT_ONCE_MAX = 32, /* rows of a window: 300 offers and assignments a second and shard */
    INBOX_WINDOW_ROWS_MAX = 64, /* at its end: an eighth of a session's queue */
    INBOX_WINDOW_BOTS_MAX = 32, /* of these, rows that no person has to do with */
    INBOX_RELIST_MS = 2000,     /* between two of "list again": a list reads 50 rows of a table */
};

/* ---- waiting --------------------------------------------------------------------------------- */

/* What a query found out for an action, so that its second run does not ask again. */
struct lookup {
    bool start_done;
    bool client_done;
    bool client_found;
    bool target_done;
    bool target_found;
    bool target_recalled;
    uint32_t client_seq;
    int64_t client_created_at;
    uint64_t client_hash;
    struct conv_id start_conv; /* begun with this client id; 0: none */
    struct conv_id open_conv;  /* the visitor's open one; 0: none */
    struct conv_id probed;     /* live ones up to this id do not have the client id */
    bool probing;              /* is run there for its client id only */
    uint32_t target_kind;
    uint32_t target_author_kind;
    uint64_t target_author;
    int64_t target_created_at;
    bool target_internal;
};

/* An action that waits, with its own copy of every slice. */
struct pending {
    struct pending *next;
    struct chat_action action;
    struct lookup lookup;
};

/* Actions of one conversation or visitor, in order, behind at most one query. */
struct waitlist {
    struct pending *head, *tail;
    uint16_t count;
    bool blocked; /* a query is out */
    uint8_t pins; /* somebody works with its owner: not to be freed */
};

/* ---- listeners ------------------------------------------------------------------------------- */

/* A struct chat_session and a flag, without the padding of a struct within a struct. */
struct sub {
    uint64_t session;
    uint16_t shard;
    uint8_t format;
    bool owed; /* an event was refused: a resync goes before anything else */
};
static inline struct chat_session sub_session(const struct sub *sub)
{
    return (struct chat_session){ sub->session, sub->shard, sub->format };
}

/* Most visitors listen with one session, which is kept in place. */
struct topic {
    union {
        struct sub one;   /* count <= 1 */
        struct sub *many; /* room for the next power of two */
    };
    uint32_t count;
    bool owed; /* some sub is owed something */
};

/* ---- live state ------------------------------------------------------------------------------ */

/* Everything of a conversation that a turn changes; copied to undo a turn that was not taken. */
/* An encoded flow state and what is often asked of it; never changed, replaced by a turn. Behind
 * the state lies what flows remember of the visitor and its own record does not hold yet. */
struct flow_record {
    int64_t due; /* its deadline; 0: none */
    uint16_t len;
    uint16_t remember_len;
    uint8_t wait; /* enum flow_wait */
    char bytes[];
};

struct conv_head {
    struct conv_life life;
    struct flow_record *flow; /* NULL: empty */
    uint32_t head_seq, head_public_seq;
    int64_t updated_at, due_at, queued_since;
    uint32_t rating, clarify_rounds, unanswered;
    bool answered; /* by the agent who has it */
    uint32_t last_author;
    char last_text[LIMIT_LAST_TEXT_BYTES_MAX + 1];
};

struct conv {
    struct conv *older, *newer; /* by last touch */
    struct conv *visitor_next;  /* live conversations of one visitor */
    struct visitor *visitor;    /* while live; NULL for a stub that is being loaded */
    struct conv_id id;
    struct workspace_id workspace;
    struct site_id site;
    struct visitor_id visitor_id;
    struct conv_head head;
    uint32_t seen_seq, seen_public_seq; /* committed: what readers may see */
    int64_t created_at;
    int64_t touched_ms;
    uint8_t start_client_id[16];
    char locale[LIMIT_LOCALE_BYTES_MAX + 1];
    char *agent_name, *visitor_name;                 /* NULL: none */
    char *page_url, *page_title, *page_referrer;     /* NULL: none */
    struct store_client_id window[STORE_CLIENT_IDS]; /* descending */
    uint8_t window_count;
    bool window_all;
    bool loaded;
    bool stale; /* a turn failed: not used again, dropped when nothing is in flight */
    bool quarantined;
    int64_t due_entry; /* which entry of the heap counts; 0: none */
    bool resync;       /* loaded anew after a failure: who listens may have missed something */
    bool desk_owed;    /* the last report found no room */
    bool row_due;      /* changed since the inbox was told, and noted there */
    bool marks_dirty;  /* read marks not yet stored */
    uint32_t visitor_read, agent_read;
    uint64_t agent_reader; /* whose agent_read is */
    uint32_t in_flight;
    uint32_t routing_len;
    struct store_overlay *overlay;
    uint32_t overlay_count, overlay_cap;
    char *routing;          /* encoded; NULL: never asked for a person */
    int64_t active_told_ms; /* activity, to the desk */
    struct waitlist wait;
};

struct visitor {
    struct visitor_id id;
    struct workspace_id workspace;
    struct site_id site;
    struct topic subs;
    struct conv *convs; /* live */
    char *profile;      /* encoded Visitor, until it is stored */
    char *facts;        /* what flows may ask about it: key, NUL, value, NUL, …; NULL: nothing */
    uint32_t profile_len;
    uint32_t facts_len;
    bool fresh;            /* made by this process and nothing committed: no look-up can find it */
    bool stored;           /* the record is in the store (or in a turn on its way) */
    bool profile_dirty;    /* profile must go with the next turn */
    bool profile_borrowed; /* read from the store, for the action that runs */
    bool tokens_known;
    int32_t tokens; /* thousandths of a message */
    uint32_t begun; /* conversations since begun_since */
    /* Low bits of mono_ms: after 49 days to the second a visitor would wait once more. */
    uint32_t tokens_at, begun_since;
    struct waitlist wait;
};

/* A reply that waits for a turn. */
struct waiter {
    struct waiter *next;
    struct chat_session to;
    uint64_t cookie;
    uint32_t seq;
    int64_t created_at;
};

/* A turn from decision to completion; everything it points to lies in its arena. */
struct turn {
    struct turn *next;
    Kefu__V1__Event spare;           /* written to when no more events fit; see full */
    Kefu__V1__Routing spare_routing; /* the same */
    Kefu__V1__Header header;
    Kefu__V1__PageView page;
    struct arena arena;
    struct conv *conv; /* pinned by in_flight */
    uint64_t ticket;
    size_t offset, len; /* of the encoded bytes in the batch */
    uint32_t first_seq;
    struct slice flow_name; /* that hands over; for the routing */
    bool flow_changed;      /* before.flow is the turn's to free */
    struct chat_act *act;   /* to begin when it is stored; in the arena */
    bool remembers;         /* something of the visitor, to be brought to its record */
    Kefu__V1__Turn msg;
    Kefu__V1__StoredEvent *events[LIMIT_TURN_EVENTS_MAX];
    Kefu__V1__Trace *traces[1];
    Kefu__V1__ReadMark *marks[2];
    struct conv_head before; /* to undo */
    struct waiter own;       /* the action's reply */
    struct waiter *waiters;  /* repeats that came meanwhile; in the arena */
    uint64_t reservation;
    char *routing_before; /* to undo; owned while routing_changed */
    uint32_t routing_before_len;
    struct slice routing; /* as committed; in the arena */
    struct agent_id declined;
    bool routing_changed;
    bool wrote_visitor, wrote_agent;
    bool created;
    bool desk; /* state or agent changed */
    bool full; /* the arena or the event list is full */
};

/* A question to the store that is not in anybody's waitlist: history and heads. */
struct ask {
    struct chat_session to;
    uint64_t cookie;
    struct visitor_id visitor;
    struct conv_id conv;
    bool internal;
    bool rows;
};

struct due {
    int64_t at;
    uint64_t conv;
};

struct chat {
    struct chat_options options;
    struct id_gen ids;
    int64_t now_ms;
    struct pool conv_pool, visitor_pool;
    struct map_u64 convs;    /* conv id -> struct conv */
    struct map_u64 visitors; /* visitor id -> struct visitor */
    struct map_u64 topics;   /* conv id -> struct topic: agents that watch it */
    struct map_u64 inboxes;  /* workspace id -> struct inbox */
    struct inbox *inbox_due; /* those that a window is open for */
    uint64_t position;       /* of the turn that was committed last */
    struct map_u64 asks;     /* token -> struct ask */
    struct conv *oldest, *newest;
    struct turn *free_turns;
    unsigned free_turn_count;
    struct turn *batch_head, *batch_tail; /* decided, not yet handed to the store */
    unsigned batch_count;
    struct buf batch;
    struct store_turn chunk[APPEND_CHUNK];  /* being handed over; too large to clear on the stack */
    struct turn *flight_head, *flight_tail; /* with the store, in order */
    unsigned flight_count;
    unsigned room;         /* turns that the store takes, asked when the batch began */
    bool failed;           /* a turn failed: nothing new until all in flight are back */
    bool stopping;         /* chat_stop was called */
    uint64_t ticket;       /* of the next turn */
    uint64_t batch_ticket; /* of the first one in the batch: before it all are with the store */
    uint64_t token;
    uint64_t visitor_seed;
    struct due *dues; /* binary heap by time; entries may be out of date */
    uint32_t due_count, due_cap;
    int64_t due_load_at;     /* next time that deadlines are read from the store */
    struct chat_query *open; /* start-up: what is still to be told to the desk */
    unsigned open_next;
    uint64_t open_after;
    bool open_out, starting, started;
    struct chat_receiver *receivers;
    uint32_t receiver_cap;
    struct flow_work *flow; /* of the one step at work; made when it is first needed */
    struct arena scratch;   /* one action or push; reset at its end */
    struct buf push_json, push_proto;
    bool due_blocked; /* a query for deadlines is out */
    bool desk_owed;   /* some live conversation has a report to make again */
    bool owed;        /* some topic of a live conversation is owed a resync */
    bool stale;       /* some live conversation is to be dropped */
    uint32_t waiting;
    uint32_t subscribers;
    struct chat_stats stats;
};

/* One run of an action. When it is run again after waiting: pending is its copy, NULL as soon as
 * it waits again, and from the list that it was taken from. */
struct run {
    const struct chat_action *action;
    struct lookup *lookup;
    struct pending *pending;
    struct waitlist *from;
};

/* One reading for everything that a call of chat.h does: a turn asks for the time often. */
static inline void chat_clock(struct chat *chat)
{
    chat->now_ms = clock_wall_ms(chat->options.clock);
}
static inline int64_t chat_now(const struct chat *chat)
{
    return chat->now_ms;
}

/* chat.c */
void chat_reply_ack(struct chat *chat, struct chat_session to, uint64_t cookie, struct conv_id conv,
                    uint32_t seq, int64_t created_at);
void chat_reply_error(struct chat *chat, struct chat_session to, uint64_t cookie,
                      struct conv_id conv, const struct err *err);
void chat_refuse(struct chat *chat, const struct chat_action *action, const struct err *err);
void chat_refuse_busy(struct chat *chat, const struct chat_action *action, const char *what);
/* Sends an action its way; a pending one belongs to the caller again unless it waits on. */
void chat_run(struct chat *chat, struct run *run);
void chat_run_conv(struct chat *chat, struct run *run);
/* The action waits at the end of the list (or at its head, if it was taken from there). False: the
 * list is full and the action was refused. */
bool chat_wait(struct chat *chat, struct waitlist *list, struct run *run);
/* Runs what waits until something blocks again. The list's owner is pinned meanwhile. */
void chat_drain(struct chat *chat, struct waitlist *list);
void chat_wait_fail(struct chat *chat, struct waitlist *list, const struct err *err);
struct chat_query *chat_query_make(enum chat_query_kind kind);
/* Sends it, with list blocked until it is back. False: no room, the query is gone. */
bool chat_ask(struct chat *chat, struct chat_query **query, struct waitlist *list);
/* The same for an action, which waits at the list for the answer or is refused. */
void chat_ask_for(struct chat *chat, struct chat_query **query, struct waitlist *list,
                  struct run *run);
/* Counts against the visitor's new conversations of the hour. */
MUST_USE enum err_code chat_new_conv_take(struct chat *chat, struct visitor *visitor,
                                          struct err *err);

/* chat_conv.c */
/* NULL: the bound is reached and nothing could be evicted. A new stub is not loaded. */
struct conv *conv_obtain(struct chat *chat, struct conv_id id);
struct conv *conv_find(struct chat *chat, struct conv_id id);
void conv_touch(struct chat *chat, struct conv *conv);
void conv_attach(struct chat *chat, struct conv *conv, struct visitor *visitor);
void conv_drop(struct chat *chat, struct conv *conv);
bool conv_load(struct chat *chat, struct conv *conv);
/* After a failed turn: the conversation as a stub to be loaded anew, or NULL: not yet. */
struct conv *conv_renew(struct chat *chat, struct conv *conv);
/* It could not be loaded: drops the stub, unless somebody must be told what is found in it. */
void conv_unload(struct chat *chat, struct conv *conv);
struct store_overlay *conv_overlay_copy(const struct conv *conv);
void conv_loaded(struct chat *chat, struct conv *conv, struct chat_query *query);
void conv_evict_idle(struct chat *chat);
void conv_sweep_stale(struct chat *chat);
void conv_settle(struct chat *chat, struct conv *conv);
void conv_overlay_add(struct chat *chat, struct conv *conv, const struct turn *turn,
                      uint64_t position);
void conv_header(const struct conv *conv, Kefu__V1__Header *out, Kefu__V1__PageView *page);
void conv_row(const struct conv *conv, struct arena *arena, Kefu__V1__Conversation *out);
void conv_last_text(struct conv_head *head, struct slice text, uint32_t author);
void conv_string(char **field, struct slice value, size_t len_max);
void conv_window_add(struct conv *conv, const uint8_t id[16], uint32_t seq, int64_t created_at,
                     uint64_t hash);
void conv_window_cut(struct conv *conv, uint32_t above_seq);
struct visitor *visitor_find(struct chat *chat, struct visitor_id id);
struct visitor *visitor_obtain(struct chat *chat, struct visitor_id id);
void visitor_release(struct chat *chat,
                     struct visitor *visitor); /* frees it when nothing needs it */
void visitor_profile_set(struct visitor *visitor, const Kefu__V1__Visitor *msg);

/* chat_route.c */
/* The conversation's routing, in the turn's arena; never NULL. */
Kefu__V1__Routing *routing_get(struct turn *turn);
/* Keeps it, with the turn. */
void routing_set(struct turn *turn, const Kefu__V1__Routing *routing);
/* Which queue, by rules or (not empty) by name, and whether that is open. */
MUST_USE enum err_code routing_choose(struct chat *chat, struct turn *turn, struct slice queue,
                                      const char *reason, const struct bot_reply *reply,
                                      struct chat_route *out, struct err *err);
/* Nobody is offered it any more; agent (may be 0) had it until now. */
void routing_clear_offer(struct chat *chat, struct turn *turn, struct agent_id had);
/* Attributes of a form or of an identified visitor become facts for the rules. */
void routing_note_facts(struct turn *turn, const char *prefix,
                        const struct chat_attribute *attributes, size_t count);
/* What the bot understood, if it answered by that. */
void routing_note_intent(struct turn *turn, const struct bot_reply *reply);
void routing_note_flow(struct turn *turn, struct slice flow); /* begun */
/* {"slot":value,...} that a flow leaves to a person. */
void routing_note_slots(struct turn *turn, struct slice json);
void routing_undo(struct turn *turn);
void routing_committed(struct turn *turn); /* before the header is encoded */
void routing_release(struct turn *turn);
void routing_load(struct conv *conv, const Kefu__V1__Routing *routing);
void routing_row(const struct conv *conv, struct arena *arena, Kefu__V1__Conversation *out);

/* chat_turn.c */
struct turn *turn_begin(struct chat *chat, struct conv *conv, const struct chat_action *action);
Kefu__V1__Event *turn_event(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                            bool internal, enum actor_kind author, uint64_t author_id,
                            struct slice author_name);
/* By the actor of the action, under its name. */
Kefu__V1__Event *turn_by(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                         bool internal, const struct chat_action *action);
char *turn_text(struct turn *turn, struct slice text);
/* queued_at: a place in the queue to keep; 0: none. */
MUST_USE enum err_code turn_move(struct chat *chat, struct turn *turn, enum conv_state to,
                                 struct agent_id agent, int64_t queued_at, struct err *err);
/* This event carries the action's client id and gives its acknowledgement. */
void turn_stimulus(struct turn *turn, const struct chat_action *action, uint64_t hash);
void turn_abort(struct chat *chat, struct turn **turn);
/* Encodes it into the batch. A fault leaves conversation and turn as if nothing had been. */
MUST_USE enum err_code turn_commit(struct chat *chat, struct turn **turn, struct err *err);
/* The turn in flight or in the batch that holds this seq; NULL: none. */
struct turn *turn_holding(struct chat *chat, const struct conv *conv, uint32_t seq);
/* Each turn of conv that is not stored yet, in order: after NULL the first. */
struct turn *turn_next_of(struct chat *chat, const struct conv *conv, struct turn *after);
bool turn_client_id(struct chat *chat, const struct conv *conv, const uint8_t id[16],
                    struct store_client_id *out);
/* The action is answered with that acknowledgement when the turn is stored. False: no room. */
MUST_USE bool turn_wait(struct turn *turn, const struct chat_action *action,
                        const struct store_client_id *first);
void turns_free(struct chat *chat);

/* chat_start.c */
void start_run(struct chat *chat, struct visitor *visitor, struct run *run);
void start_known(struct chat *chat, struct chat_query *query);
/* The action was only run to see whether conv has its client id, which it has not: goes on. */
bool start_probed(struct chat *chat, struct run *run);
/* A message to a conversation that was closed too long ago begins a new one. True: it did, and
 * conv may be gone. */
bool start_instead(struct chat *chat, const struct conv *conv, struct run *run);
void identify_run(struct chat *chat, struct visitor *visitor, struct run *run);
void page_run(struct chat *chat, const struct chat_action *action);

/* chat_action.c */
uint64_t action_hash(const struct chat_action *action);
MUST_USE enum err_code chat_action_check(const struct chat_action *action, struct err *err);
/* Against the visitor's rate, in thousandths of a message; 0: not counted. What is no message
 * counts a little too: a read takes a worker's time, and typing is handed to every agent who
 * watches. */
int32_t action_cost(const struct chat_action *action);
bool action_from_visitor(const struct chat_action *action);
/* Is this client id among the conversation's newest? No is no proof. */
bool action_known(struct chat *chat, const struct conv *conv, const uint8_t client_id[16]);
/* The conversation's newest ids prove that it has not this one. */
bool action_excluded(const struct conv *conv, const uint8_t client_id[16]);
/* On a loaded conversation. */
void chat_action_run(struct chat *chat, struct conv *conv, struct run *run);
/* Sets the deadline that follows from the conversation's state. */
void action_due(struct chat *chat, struct conv *conv);
void target_known(struct lookup *lookup, const struct chat_query *query);

/* What an action adds to its turn. No event: nothing to change, which is fine. A fault leaves the
 * turn half made; it is aborted. */
typedef enum err_code action_decide(struct chat *chat, struct turn *turn, struct run *run,
                                    struct err *err);

/* chat_say.c, chat_care.c */
action_decide decide_flow_tell, decide_flow_result;
action_decide decide_say, decide_assign, decide_decline, decide_transfer, decide_close,
    decide_reopen, decide_to_bot, decide_idle, decide_desk_assign, decide_desk_requeue,
    decide_desk_offer;
bool conv_is_of(const struct conv *conv, const struct chat_actor *actor);
/* What somebody wrote in the conversation, as the bot and its guard are asked. */
struct bot_question chat_question(struct chat *chat, const struct conv *conv, struct slice text);

/* What may be delivered of an action's text: all of it without a guard. Fault: nothing may. */
MUST_USE enum err_code chat_guard(struct chat *chat, struct turn *turn,
                                  const struct chat_action *action, struct bot_guard *out,
                                  struct err *err);
/* The note that shows agents what a guard's rule wants them to look at. */
void chat_guard_note(struct chat *chat, struct turn *turn, const struct bot_guard *guard);

/* The ladder's reply to a text. False: no bot here. */
bool bot_reply_get(struct chat *chat, struct turn *turn, struct slice text, struct slice flow,
                   struct bot_reply *out);
/* Its texts with their buttons. */
void bot_reply_add(struct chat *chat, struct turn *turn, const struct bot_reply *reply);
Kefu__V1__Event *bot_text_add(struct chat *chat, struct turn *turn, struct slice text,
                              const char *rung);
/* Why it answered so; after its texts. */
void bot_trace_add(struct turn *turn, uint32_t question_seq, const struct bot_reply *reply);
/* To a person: the thread goes along, because there is only one. */
struct handover {
    const char *reason;
    const struct bot_reply *reply;
    struct slice queue; /* empty: as the rules say */
    struct slice flow;
};
/* When the queue is closed and the bot is to go on, the conversation stays the bot's. */
MUST_USE enum err_code hand_over(struct chat *chat, struct turn *turn, const struct handover *how,
                                 struct err *err);
/* protobuf-c wants char *, and writes to none of them when it packs. */
static inline char *pb_constant(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text != NULL ? text : "" };

    return u.out;
}
/* Room for `count` messages of a kind and the list of pointers that protobuf-c wants; *list is NULL
 * when the arena is full. */
void *turn_messages(struct turn *turn, size_t count, size_t size, void *list);

/* chat_flow.c */
static inline uint8_t flow_waits(const struct conv *conv)
{
    return conv->head.flow != NULL ? conv->head.flow->wait : FLOW_WAIT_NOTHING;
}
static inline bool flow_runs(const struct conv *conv)
{
    return flow_waits(conv) != FLOW_WAIT_NOTHING;
}
static inline int64_t flow_due(const struct conv *conv)
{
    return conv->head.flow != NULL ? conv->head.flow->due : 0;
}
/* What a visitor said to the bot, behind its event: to the flow first if one runs, to the ladder
 * if none does or the flow knows nothing about it. */
MUST_USE enum err_code flow_hear(struct chat *chat, struct turn *turn,
                                 const struct chat_action *action, uint32_t question_seq,
                                 struct err *err);
/* Something else happened to the flow that runs. Nothing runs: nothing happens. */
MUST_USE enum err_code flow_happen(struct chat *chat, struct turn *turn,
                                   const struct flow_event *event, struct err *err);
/* The same of an action's result, whose failure is noted for the agents. */
MUST_USE enum err_code flow_answered(struct chat *chat, struct turn *turn,
                                     const struct flow_event *event, struct slice note,
                                     struct err *err);
/* Begins one, or interrupts the one that runs. *begun: it has said or done something. */
MUST_USE enum err_code flow_begin(struct chat *chat, struct turn *turn, struct slice name,
                                  struct slice text, struct slice json, bool *begun,
                                  struct err *err);
/* A person takes over or the conversation ends: what is known goes into a note, the run is over. */
MUST_USE enum err_code flow_leave(struct chat *chat, struct turn *turn, enum flow_event_kind kind,
                                  const char *name, struct err *err);
/* Not a turn: takes over what is stored. */
void flow_record_load(struct conv *conv, const Kefu__V1__Header *header);
void flow_view(struct chat *chat, struct conv *conv, const struct chat_action *action);
void flow_resume(struct chat *chat, struct conv *conv, const struct chat_action *action);
void flow_work_free(struct chat *chat);
/* Does a header's flow wait for an action? */
bool flow_header_pending(const Kefu__V1__Header *header);

/* chat_act.c */
/* An internal event of the flow; text may be empty. */
Kefu__V1__Event *flow_event_add(struct chat *chat, struct turn *turn, const char *reason,
                                struct slice text);
/* The action that an effect asks for: done at once when it is built in (true; then outcome and json
 * are its result), else it goes with the turn. */
MUST_USE enum err_code act_take(struct chat *chat, struct turn *turn,
                                const struct flow_effect *effect, bool *done,
                                struct flow_event *result, struct err *err);
void act_send(struct chat *chat, const struct chat_act *act);
/* key, NUL, value, NUL, again and again: the next pair of *rest; false: there is none. */
bool pair_next(struct slice *rest, struct slice *key, struct slice *value);
/* Kept with the turn until the visitor's record has it. */
void flow_remember(struct turn *turn, struct slice key, struct slice value);
/* These are in the visitor's record with this turn. */
void flow_remembered(struct turn *turn, const struct chat_action *action);
static inline struct slice flow_to_remember(const struct conv *conv)
{
    const struct flow_record *record = conv->head.flow;

    return record != NULL ? slice_make(record->bytes + record->len, record->remember_len)
                          : SLICE_EMPTY;
}
/* Brings them there, in a turn of its own. */
void act_remember(struct chat *chat, const struct conv *conv);
/* After the turn is stored. */
void act_turn_done(struct chat *chat, const struct turn *turn);
void visitor_facts_set(struct visitor *visitor, const Kefu__V1__Visitor *msg);
/* Empty: not known. */
struct slice visitor_fact(const struct visitor *visitor, struct slice name);
struct slice visitor_facts(const struct visitor *visitor); /* for pair_next */

/* chat_sub.c */
void topic_fini(struct topic *topic); /* nobody listens any more */
MUST_USE enum err_code sub_add(struct chat *chat, struct topic *topic, struct chat_session session,
                               struct err *err);
void sub_remove(struct chat *chat, struct topic *topic, struct chat_session session);
struct topic *topic_obtain(struct map_u64 *map, uint64_t key);
void topic_release(struct map_u64 *map, uint64_t key, struct topic *topic); /* NULL is fine */
void push_event(struct chat *chat, struct conv *conv, const Kefu__V1__StoredEvent *stored);
/* To everybody of the topic; a refusal is not owed. False: somebody refused it. */
bool push_to_topic(struct chat *chat, struct topic *topic, struct conv_id conv,
                   enum chat_push_kind kind, uint32_t head, Kefu__V1__ServerFrame *frame);
void push_typing(struct chat *chat, struct conv *conv, const struct chat_action *action,
                 bool draft);
void push_read(struct chat *chat, struct conv *conv, enum actor_kind reader, uint32_t seq);
void push_queue(struct chat *chat, struct conv *conv, const Kefu__V1__QueuePush *queue);
/* To all who listen, as if each had missed something. */
void push_resync(struct chat *chat, struct conv *conv);
void push_owed(struct chat *chat);
bool conv_heard(struct chat *chat, const struct conv *conv); /* somebody listens */
bool conv_owes(struct chat *chat, const struct conv *conv);

/* chat_inbox.c */
/* It changed. person: somebody should act on it, or did. */
void push_row(struct chat *chat, struct conv *conv, bool person);
void subscribe_inbox(struct chat *chat, const struct chat_action *action);
void inboxes_free(struct chat *chat);

/* chat_read.c */
void read_history(struct chat *chat, struct conv *conv, const struct chat_action *action);
void read_history_done(struct chat *chat, struct ask *ask, struct chat_query *query);
void read_heads(struct chat *chat, const struct chat_action *action);
void read_heads_done(struct chat *chat, struct ask *ask, struct chat_query *query);
void read_row(struct chat *chat, struct conv *conv, const struct chat_action *action);

/* chat_desk.c */
/* Where it stands, as soon as nothing of it is in flight. */
void desk_tell(struct chat *chat, struct conv *conv);
void desk_tell_turn(struct chat *chat, const struct turn *turn);
/* The desk's wish cannot be met, or was met already: it must not wait for a report. */
void desk_refuse(struct chat *chat, const struct chat_action *action, const struct err *err);
void desk_answer(struct chat *chat, struct conv *conv, const struct chat_action *action);
void desk_tell_owed(struct chat *chat);
void desk_open_done(struct chat *chat, struct chat_query **query);
void desk_open_tell(struct chat *chat);
void due_add(struct chat *chat, struct conv_id conv, int64_t at);
void due_note(struct chat *chat, struct conv *conv); /* its deadline changed */
void due_run(struct chat *chat);
void due_loaded(struct chat *chat, struct chat_query *query);

#endif
