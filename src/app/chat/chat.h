/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline of a message (DESIGN section 4): admit, understand, decide, append, deliver,
 * effects. One struct chat per shard owns the live conversations of the shard's slots. It is called
 * on its shard's thread only, never blocks, and has no socket, thread, clock or database in it:
 * everything outside comes in as `struct chat_ops`, so tests drive it with a memory store and a
 * virtual clock.
 *
 * Life of an action: chat_submit copies nothing it need not; the turn is decided at once, encoded,
 * and handed to the store by chat_flush (once per loop turn). chat_completed then acknowledges,
 * delivers to subscribers, and reports to the desk. What must wait for the store (a conversation
 * that is not live, a client id outside the window, old history) becomes a chat_query and goes on
 * in chat_query_done. */
#ifndef KEFU_CHAT_H
#define KEFU_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "bot.h"
#include "clock.h"
#include "err.h"
#include "id.h"
#include "permission.h"
#include "slice.h"
#include "store.h"

#include "kefu/v1/event.pb-c.h"
#include "kefu/v1/frame.pb-c.h"
#include "kefu/v1/routing.pb-c.h"
#include "kefu/v1/store.pb-c.h"

struct chat;
struct flow_set;

/* ---- who asks, who listens ------------------------------------------------------------------ */

enum chat_format { CHAT_FORMAT_JSON = 0, CHAT_FORMAT_PROTO = 1, CHAT_FORMAT_COUNT = 2 };

/* A session (WebSocket, event stream) or a pending HTTP exchange, as the gateway names it: chat
 * only hands it back. session carries the gateway's own index and generation. */
struct chat_session {
    uint64_t session;
    uint16_t shard; /* where it lives */
    uint8_t format; /* enum chat_format */
};

struct chat_actor {
    enum actor_kind kind;
    uint64_t id;       /* visitor or agent; 0 for API tokens without an agent */
    struct slice name; /* display name, goes into events */
    struct permission_set permissions;
};

enum chat_action_kind {
    CHAT_ACTION_NONE = 0,
    CHAT_HELLO,    /* visitor: heads of its conversations; subscribes the session to all of them */
    CHAT_START,    /* visitor, client_id, text */
    CHAT_SEND,     /* client_id, text */
    CHAT_TYPING,   /* active, text = draft; no reply on success */
    CHAT_READ,     /* seq; no reply on success */
    CHAT_FETCH,    /* from_seq..to_seq, or limit before before_seq */
    CHAT_RATE,     /* rating, text */
    CHAT_FORM,     /* attributes */
    CHAT_END,      /* visitor closes */
    CHAT_IDENTIFY, /* visitor_info + attributes, already verified by the gateway */
    CHAT_PAGE,     /* page; no reply on success */
    CHAT_ACCEPT,   /* same as assign to me */
    CHAT_DECLINE,  /* turns an offer down, or gives an assigned conversation back to the queue */
    CHAT_ASSIGN,   /* agent (0: me) */
    CHAT_TRANSFER, /* agent, or else queue (empty: its own), text = note */
    CHAT_CLOSE,    /* reason */
    CHAT_REOPEN,
    CHAT_TO_BOT,
    CHAT_NOTE,      /* text */
    CHAT_RECALL,    /* seq */
    CHAT_EDIT,      /* seq, text */
    CHAT_SUBSCRIBE, /* agent: conv, or inbox of the workspace; off */
    CHAT_GET,       /* agent: the inbox row of conv (CHAT_REPLY_CONVERSATION) */
    CHAT_FLOW_VIEW, /* agent: where conv's flow stands (CHAT_REPLY_FLOW) */
    CHAT_FLOW_TELL, /* agent, API: reason = start, cancel or webhook; locale = name of the flow or
                     * webhook; text = JSON: slots to begin with, the webhook's body */
    /* Chat's own, never from a client: */
    CHAT_DESK_ASSIGN,
    CHAT_DESK_REQUEUE,
    CHAT_DESK_OFFER,  /* agent, until_ms */
    CHAT_IDLE,        /* the deadline of a conversation passed */
    CHAT_FLOW_RESULT, /* seq, reason = the outcome, text = JSON, queue = its note: of a chat_act */
    CHAT_FLOW_RESUME, /* the pending chat_act of a flow again, after a start */
    CHAT_REMEMBER,    /* visitor, attributes: what a flow keeps of a contact */
    CHAT_ACTION_COUNT,
};

struct chat_attribute {
    struct slice key;
    struct slice value;
};

/* What is known of a visitor; kept until its first event stores it. */
struct chat_visitor_info {
    struct slice name, email, phone, user_id, user_agent, address;
};

struct chat_page {
    struct slice url, title, referrer;
};

/* One client action. Every slice and pointer is borrowed until chat_submit returns. */
struct chat_action {
    enum chat_action_kind kind;
    struct workspace_id workspace;
    struct site_id site;       /* of the visitor */
    struct visitor_id visitor; /* hello, start, identify, page; chat checks it owns conv */
    struct conv_id conv;       /* everything but hello, start, identify, page */
    struct chat_actor actor;
    struct chat_session from; /* who is answered and, for hello and subscribe, who listens */
    uint64_t cookie;          /* handed back in the reply: the frame's id; 0: wants no reply */

    bool has_client_id;
    uint8_t client_id[16];
    struct slice text;
    struct slice reason;
    struct slice locale;
    struct slice queue;
    struct slice flow; /* of a visitor's button: begun instead of reading the text */
    struct chat_page page;
    struct chat_visitor_info visitor_info;
    const struct chat_attribute *attributes;
    unsigned attribute_count;
    const struct slice *items; /* of a send: what was picked, or names of files */
    unsigned item_count;
    bool items_are_files;
    struct agent_id agent;
    uint32_t seq;
    uint32_t from_seq, to_seq, before_seq, limit;
    uint32_t rating;
    bool active;
    bool inbox;
    bool off;
    struct conv_id about; /* chat's own: whose flow remembers */
    uint64_t reservation; /* the same */
    int64_t until_ms;     /* the same */
    bool visitor_new;     /* this hello made the visitor: nothing of it can be stored yet */
};

/* For an action that outlives its call: the bytes that its slices and attributes need, and moving
 * them there (room: aligned for a pointer). */
size_t chat_action_room(const struct chat_action *action);
void chat_action_copy(struct chat_action *action, void *room);

/* The permission that each action needs, beside the checks on the object itself. */
enum permission chat_action_permission(enum chat_action_kind kind, enum actor_kind actor);

enum chat_reply_kind {
    CHAT_REPLY_ACK,          /* conv, seq, created_at */
    CHAT_REPLY_ERROR,        /* err */
    CHAT_REPLY_HISTORY,      /* history */
    CHAT_REPLY_HEADS,        /* heads: the conversations part of a welcome */
    CHAT_REPLY_CONVERSATION, /* conversation */
    CHAT_REPLY_FLOW,         /* flow */
};

/* Borrowed until ops.reply returns. */
struct chat_reply {
    enum chat_reply_kind kind;
    struct chat_session to;
    uint64_t cookie;
    struct conv_id conv;
    uint32_t seq;
    int64_t created_at;
    const struct err *err;
    const Kefu__V1__History *history;
    Kefu__V1__ConversationHead *const *heads;
    unsigned head_count;
    const Kefu__V1__Conversation *conversation;
    const Kefu__V1__FlowView *flow;
};

/* ---- pushes ---------------------------------------------------------------------------------- */

enum chat_push_kind {
    CHAT_PUSH_EVENT,  /* never lost silently: refused means resync */
    CHAT_PUSH_RESYNC, /* the same */
    CHAT_PUSH_TYPING, /* the rest is lossy: refused means gone */
    CHAT_PUSH_QUEUE,
    CHAT_PUSH_READ,
    CHAT_PUSH_CONVERSATION, /* a row of the inbox: refused means that the list has a gap */
    CHAT_PUSH_RELIST,       /* rows of the inbox were left out: it is to be listed again */
};

/* One push to many sessions, borrowed until ops.deliver returns. Encoded at most once per format,
 * when somebody asks. */
struct chat_push {
    enum chat_push_kind kind;
    struct conv_id conv;
    uint32_t head_seq; /* event, resync: the last seq that these readers may see */
    const Kefu__V1__ServerFrame *frame;
    struct slice encoded[CHAT_FORMAT_COUNT]; /* through chat_push_bytes */
    struct chat *chat;
};

/* The encoded ServerFrame; empty only when it is too big to encode (counted, logged). */
struct slice chat_push_bytes(struct chat_push *push, enum chat_format format);

/* One receiver of a push. */
struct chat_receiver {
    struct chat_session session;
    bool refused; /* out: its queue is full; an event or resync is then owed as a resync */
};

/* ---- the store, as chat sees it -------------------------------------------------------------- */

enum chat_query_kind {
    CHAT_QUERY_CONV,      /* conv -> found, header, window, read marks */
    CHAT_QUERY_CLIENT_ID, /* conv, client_id, overlay -> found, seq, created_at, client_hash */
    CHAT_QUERY_START,     /* visitor, site, client_id -> conv (begun so), open_conv, visitor_msg */
    CHAT_QUERY_VISITOR,   /* visitor, limit -> visitor_msg, headers newest first */
    CHAT_QUERY_THREAD,    /* conv, from..to, limit, newest_first, overlay -> events, more */
    CHAT_QUERY_DUE,       /* due_before, after_due, after_conv -> headers by due time, more */
    CHAT_QUERY_OPEN,      /* after_conv -> headers of open conversations by id, more */
};

/* A read that may block: chat makes it, a worker fills in the out part (strings in its arena), and
 * it comes back by chat_query_done on the shard. */
struct chat_query {
    enum chat_query_kind kind;
    struct workspace_id workspace;
    struct site_id site;
    struct conv_id conv; /* in; out for CHAT_QUERY_START */
    struct visitor_id visitor;
    uint8_t client_id[16];
    uint32_t from_seq, to_seq, limit;
    bool newest_first;
    bool public_only;
    int64_t due_before, after_due;
    uint64_t after_conv;
    struct store_overlay *overlay; /* unsettled turns; owned by the query */
    unsigned overlay_count;

    enum err_code rc;
    bool found;
    uint32_t seq;
    int64_t created_at;
    uint64_t client_hash;
    struct conv_id open_conv;       /* the visitor's, of this site; 0: none */
    Kefu__V1__Visitor *visitor_msg; /* NULL: not stored */
    Kefu__V1__Header *header;
    Kefu__V1__Header **headers;
    unsigned header_count;
    struct store_client_id window[STORE_CLIENT_IDS]; /* the largest, descending */
    unsigned window_count;
    bool window_all; /* holds every client id of the conversation */
    bool quarantined;
    uint32_t visitor_read_seq, agent_read_seq;
    Kefu__V1__StoredEvent **events;
    unsigned event_count;

    bool more; /* further events on the far side of the thread, further headers of the list */

    struct arena arena; /* of the out part */
    uint64_t token;     /* chat's own */
};

/* On a worker: fills in the out part from the store. Blocks. */
void chat_query_run(struct chat_query *query, struct store *store);
void chat_query_destroy(struct chat_query **query);

struct chat_store_ops {
    /* Turns that the store would take now (room reserved for their completions). */
    unsigned (*room)(void *ctx);
    /* All or none, in order. */
    enum err_code (*append)(void *ctx, const struct store_turn *turns, size_t count,
                            struct err *err);
    /* Takes the query and leaves NULL; false: no room, still chat's. */
    bool (*query)(void *ctx, struct chat_query **query);
    /* Journal position up to which everything is in the tables. */
    uint64_t (*settled_upto)(void *ctx);
    /* After a failed completion, once every turn in flight has come back: store_shard_resume. */
    void (*resume)(void *ctx);
    void *ctx;
};

/* ---- the desk, as chat sees it --------------------------------------------------------------- */

/* Where a conversation stands after a commit. Absolute, so a lost or repeated report does no harm:
 * the desk keeps the one with the highest head_seq. */
struct chat_desk_report {
    struct workspace_id workspace;
    struct site_id site;
    struct conv_id conv;
    struct visitor_id visitor;
    uint32_t head_seq; /* 0: where it stands is not said (closed: there is no such one) */
    uint32_t state;    /* enum conv_state */
    struct agent_id agent;
    int64_t queued_at;
    uint64_t reservation; /* set: answers that reservation */
    bool refused;         /* the reservation was not taken up */
    bool answered;        /* the agent who has it has written */
    bool wrote_visitor;   /* somebody wrote; told at most every CHAT_ACTIVITY_MS */
    bool wrote_agent;
    struct agent_id declined; /* 0: nobody; who has just turned the offer down */
    struct slice routing;     /* encoded Kefu__V1__Routing; empty: none. Borrowed for the call */
};

enum { CHAT_ACTIVITY_MS = 60 * 1000 }; /* the desk counts silence in tens of minutes */
enum { CHAT_ROWS_MS = 100 };           /* what an eye takes for at once */

/* What a conversation that wants a person is routed by. */
struct chat_route_ask {
    struct site_id site;
    struct slice queue;    /* that queue; empty: as the rules say */
    struct slice language; /* "zh", "en" */
    struct slice intent;   /* by which the bot answered last in this one; empty: none */
    struct slice flow;     /* begun last in this conversation; empty: none */
    struct slice reason;   /* of the handoff */
    Kefu__V1__RoutingFact *const *facts;
    size_t fact_count;
};

struct chat_route {
    bool closed;      /* the queue is out of hours */
    bool bot;         /* and then the bot goes on */
    int64_t opens_at; /* 0: unknown */
};

/* ---- actions of flows -------------------------------------------------------------------------
 */

/* What a flow wants done, once the turn that says so is durable. Borrowed until ops.act returns.
 * The answer comes by chat_act_done with the same seq. The same act may be asked for again after a
 * crash: key is what makes it happen once. */
struct chat_act {
    struct workspace_id workspace;
    struct conv_id conv;
    uint32_t seq;
    uint32_t delay_ms; /* before it begins: a retry */
    uint32_t timeout_ms;
    struct slice name, input, key;
};

/* ---- everything from outside ----------------------------------------------------------------- */

/* Settings of a site that matter here. */
struct chat_site {
    struct workspace_id workspace;
    bool draft_preview;
    bool bot_enabled;
    int64_t idle_close_ms;  /* 0: never */
    int utc_offset_minutes; /* of the shop's clocks: what a date means */
};

/* None of these may call chat again before it returns. */
struct chat_ops {
    /* Exactly one reply per action with a cookie; may be called inside chat_submit. */
    void (*reply)(void *ctx, const struct chat_reply *reply);
    /* All receivers live on one shard. Sets `refused` where a receiver could not take it. */
    void (*deliver)(void *ctx, uint16_t shard, struct chat_receiver *receivers, unsigned count,
                    struct chat_push *push);
    /* False: no room in the mailbox; chat reports again later. */
    bool (*desk_report)(void *ctx, const struct chat_desk_report *report);
    /* False: no such site. */
    bool (*site)(void *ctx, struct workspace_id workspace, struct site_id site,
                 struct chat_site *out);
    /* Display name of an agent who may be given conversations; false: there is none. Valid until
     * the next call. */
    bool (*agent_name)(void *ctx, struct workspace_id workspace, struct agent_id agent,
                       struct slice *name);
    /* Pure and quick: bot_answer on the workspace's snapshot. False: no bot here (then a person is
     * asked for). */
    bool (*answer)(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                   struct arena *arena, struct bot_reply *out);
    /* Pure and quick: bot_guard on what a visitor or an agent wrote. False: nothing looks. May be
     * NULL. */
    bool (*guard)(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                  struct arena *arena, struct bot_guard *out);
    /* Pure and quick: fills in the routing (strings in the arena); facts and who had it last are
     * chat's own. ERR_NOT_FOUND: no such queue. May be NULL: then nothing is routed. */
    enum err_code (*route)(void *ctx, struct workspace_id workspace,
                           const struct chat_route_ask *ask, struct arena *arena,
                           Kefu__V1__Routing *out, struct chat_route *route, struct err *err);
    /* Pure and quick: bot_read on the workspace's snapshot. False: no bot here. May be NULL. */
    bool (*read)(void *ctx, struct workspace_id workspace, const struct bot_question *question,
                 struct arena *arena, struct bot_reading *out);
    /* The workspace's flows, all versions that a conversation may be in; NULL: none. Valid until
     * chat returns. May be NULL. */
    const struct flow_set *(*flows)(void *ctx, struct workspace_id workspace);
    /* What guards and texts of flows may read beside slots and the visitor: policy.return_days.
     * False: unknown. Valid until the next call. May be NULL. */
    bool (*flow_value)(void *ctx, struct workspace_id workspace, struct slice name,
                       struct slice *out);
    /* False: cannot be begun now, which is the outcome `failed`. May be NULL. */
    bool (*act)(void *ctx, const struct chat_act *act);
    /* True: what is read now has waited so long that visitors' messages are refused as busy, before
     * anything is thought about them. May be NULL: never. */
    bool (*late)(void *ctx);
    /* The first turn of a batch was decided: call chat_flush at the end of this loop turn. */
    void (*want_flush)(void *ctx);
    /* Rows of an inbox changed: call chat_rows CHAT_ROWS_MS from now. May be NULL: at each tick. */
    void (*want_rows)(void *ctx);
    void *ctx;
};

struct chat_limits {
    uint32_t visitor_rate; /* messages per second; 0: off */
    uint32_t visitor_burst;
    uint32_t new_convs_per_hour; /* of one visitor; 0: off */
    uint32_t live_max;           /* conversations; 0: LIMIT_LIVE_CONV_MAX */
    int64_t live_idle_ms; /* silence after which a settled conversation may leave; 0: default */
};

struct chat_options {
    uint32_t shard;
    uint32_t shards;
    int64_t id_mark_ms; /* stored mark above which ids start */
    const struct clock *clock;
    struct chat_ops ops;
    struct chat_store_ops store;
    struct chat_limits limits;
};

struct chat *chat_create(const struct chat_options *options);
void chat_destroy(struct chat **chat);

/* A new visitor whose slot this shard owns. */
struct visitor_id chat_visitor_new(struct chat *chat, struct workspace_id workspace);
struct id_gen *chat_id_gen(struct chat *chat); /* for other ids of this thread */

void chat_submit(struct chat *chat, const struct chat_action *action);
/* A session ended or lost interest. visitor: that of its hello (0: an agent's session). For an
 * agent's session say which conversation (or inbox: conv 0 and its workspace). */
void chat_session_gone(struct chat *chat, struct chat_session session, struct visitor_id visitor);
void chat_unsubscribe(struct chat *chat, struct chat_session session, struct conv_id conv);
void chat_unsubscribe_inbox(struct chat *chat, struct chat_session session,
                            struct workspace_id workspace);

/* The end of a window: sends the rows that changed in it to those who have the inbox open. */
void chat_rows(struct chat *chat);
/* From here on no new turn is decided (ERR_UNAVAILABLE); what is in flight still completes. */
void chat_stop(struct chat *chat);
/* End of a loop turn: hands the decided turns to the store. */
void chat_flush(struct chat *chat);
struct chat_act_result {
    struct slice name; /* ok, failed, timeout or an error that the flow declares */
    struct slice json;
    struct slice note; /* why it failed, for the agents; may be empty */
};
void chat_act_done(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                   uint32_t seq, const struct chat_act_result *result);
void chat_completed(struct chat *chat, const struct store_completion *completions, size_t count);
void chat_query_done(struct chat *chat, struct chat_query **query);
/* The store put turns of it aside (on_quarantine): it takes nothing more. */
void chat_conv_quarantine(struct chat *chat, struct conv_id conv);
/* About once a second: deadlines, eviction, owed resyncs and desk reports, read marks. */
void chat_tick(struct chat *chat);
/* Start-up: reports the shard's waiting and assigned conversations to the desk. Needs the store. */
void chat_start(struct chat *chat);
/* All of that has been handed on. When every shard says so, call desk_ready. */
bool chat_started(const struct chat *chat);

/* From the desk, by mailbox. The answer is a desk report that names the reservation. */
void chat_desk_assign(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                      struct agent_id agent, uint64_t reservation);
/* The agent is gone for good: back to the queue, in the old place. Answered by a report too. */
void chat_desk_requeue(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                       struct agent_id agent);
/* The agent may accept until then, by CHAT_ACCEPT, or turn it down, by CHAT_DECLINE. */
void chat_desk_offer(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                     struct agent_id agent, int64_t until_ms);

struct chat_place {
    uint32_t position; /* from 1; 0: in no queue */
    uint32_t estimated_wait_ms;
    uint32_t alternatives; /* bits of routing.h */
    int64_t opens_at;      /* 0: unknown */
    bool closed, agents_online;
};
void chat_desk_place(struct chat *chat, struct conv_id conv, const struct chat_place *place);

struct chat_stats {
    uint64_t turns; /* committed */
    uint64_t turns_failed;
    uint64_t repeats; /* answered from an earlier acknowledgement */
    uint64_t conflicts;
    uint64_t shed; /* answered busy */
    uint64_t rate_limited;
    uint64_t loads;
    uint64_t resyncs;
    uint64_t relists;   /* of an inbox */
    uint32_t live;      /* conversations */
    uint32_t in_flight; /* turns */
    uint32_t waiting;   /* actions */
    uint32_t subscribers;
};
void chat_stats_get(const struct chat *chat, struct chat_stats *out);

#endif
