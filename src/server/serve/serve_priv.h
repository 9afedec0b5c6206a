/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the process (struct server) and one shard of it (struct
 * node). Only messages cross between nodes, and a node's thread alone touches it.
 *
 *   serve.c            start, readiness, stop
 *   serve_node.c       a shard's life: begin, tick, drain
 *   serve_reload.c     the directory: loaded anew, handed to every shard, waited for
 *   serve_reload_due.c when that is due, after a failure too
 *   serve_directory.c  what every shard knows: sites, agents, minds
 *   serve_mind.c       what a workspace's bot knows, shared while it does not change
 *   serve_rows.c       records of a kind, read whole
 *   serve_chat.c       chat's and gateway's doors to the other shards
 *   serve_desk.c       desks and what they say to chats and consoles
 *   serve_trace.c      why conversations went to whom
 *   serve_expire.c     what is kept for a while only
 *   serve_store.c      completions and queries
 *   serve_http.c       which request goes where; health, metrics
 *   serve_asset.c      pages and scripts
 *   serve_api.c        REST on the workers, and what must happen on shards afterwards
 *   serve_socket.c     WebSocket links, and their move to the visitor's shard
 *   serve_visitor.c    visitors without WebSocket: frames by POST, an event stream
 *   serve_control.c    DATA/kefu.sock: commands on a running data folder
 *   serve_learn.c      trainings, trying the bot, questions that it did not understand
 *   serve_act.c        actions of flows: calls of the shop's systems
 *   serve_demo.c       the demo workspace */
#ifndef KEFU_SERVE_PRIV_H
#define KEFU_SERVE_PRIV_H

#include "api.h"
#include "auth_ticket.h"
#include "buf.h"
#include "chat.h"
#include "config.h"
#include "desk.h"
#include "gateway.h"
#include "hash.h"
#include "http_server.h"
#include "limit.h"
#include "loop.h"
#include "pool.h"
#include "serve_directory.h"
#include "serve_reload_due.h"
#include "shard.h"

enum {
    SERVE_TICK_MS = 1000,
    SERVE_TICK_EAGER_MS = 5,   /* while starting and stopping */
    SERVE_REST_MS = 10 * 1000, /* no turn, nothing let go: then a shard's heap is trimmed */
    SERVE_LOGIN_THREADS = 2,   /* Argon2id takes 64 MiB and a core for 100 ms each */
    SERVE_LATE_MS = 80, /* of one loop turn; with as much before it and in the journal: 250 ms */
    SERVE_SLOW_LOG_MS = 10 * 1000,   /* between two lines about slow turns of a shard */
    SERVE_LOGIN_QUEUE_MAX = 64,      /* then log-ins are told to come back: 3 s of work */
    SERVE_WORKER_QUEUE_MAX = 4096,   /* requests and queries that wait for a thread */
    SERVE_TRAIN_THREADS = 1,         /* a training takes a core for seconds: one at a time */
    SERVE_UNCLEAR_MAX = 256,         /* questions of one shard between two looks at the store */
    SERVE_UNCLEAR_MS = 2000,         /* between these looks */
    SERVE_ACTS_MAX = 1024,           /* actions of one shard, those that wait for a retry too */
    SERVE_EXCHANGES_MAX = 4096,      /* HTTP requests of one shard that wait for a chat */
    SERVE_DRAIN_MS_MAX = 8000,       /* what is in flight when the server stops */
    SERVE_RECONNECT_MS = 1500,       /* hint to clients when the server stops */
    SERVE_MARK_EVERY_MS = 20 * 1000, /* ID_MARK_AHEAD_MS is a minute: two may fail */
};

struct node;

/* A certificate and the shards that may still use it; counted on shard 0 only. */
struct serve_tls {
    struct net_tls_context *context;
    uint32_t holders;
};

struct server {
    const struct config *config;
    struct store *store;
    struct auth_key master;
    struct api *api;
    struct api_setting settings[CONFIG_KEY_COUNT];
    struct worker_pool *workers;
    struct worker_pool *logins;
    struct worker_pool *trainer;
    struct learn_options learn;
    char models[CONFIG_TEXT_MAX + 32];     /* folder of the model files */
    struct learn_job jobs[LEARN_JOBS_MAX]; /* of the last run, until shard 0 has handed them out */
    size_t job_count;
    struct shard_group *group;
    uint32_t shards;
    struct http_trust trust;
    struct serve_tls *tls;       /* NULL: plain; of the start, later ones come by message */
    struct directory *directory; /* the first one, until the shards have it */
    int64_t id_mark_ms;
    struct directory **left; /* at the end: what each shard still had */
    struct serve_tls **tls_left;
    int utc_offset_minutes; /* of the machine, at the start: what dates in flows mean */
    uint16_t port;
    char setup[AUTH_SECRET_TEXT_MAX];
};

/* A request that waits for a chat's reply. */
struct exchange {
    struct http_ref ref;
    uint32_t generation;
    uint32_t next_free;
    int status; /* of success */
    bool after; /* the page of events goes forward */
    bool used;
};

struct node_desk {
    struct node *node;
    struct workspace_id workspace;
    struct desk *desk;
    uint32_t shards_started;
    uint64_t routing_hash;  /* of the configuration that it works by */
    struct desk_stats last; /* already counted in the metrics */
};

/* Why conversations went to whom, until the next tick stores it. */
struct trace_list {
    struct trace_row {
        uint64_t workspace, conv;
        char *body; /* encoded Kefu__V1__RoutingTrace */
        uint32_t len;
    } * items;
    uint32_t count, cap;
    uint32_t dropped;
};

struct limit_cell;
struct link;
struct stream;
struct control;

struct node {
    struct server *server;
    struct shard *shard;
    struct loop *loop;
    uint32_t index;
    struct chat *chat;
    struct gateway *gateway;
    struct http_server *http;
    struct net_listener *listener;
    struct serve_tls *tls;
    struct net_listener *control; /* shard 0 */
    struct control *controls;     /* open connections of it */
    unsigned control_count;
    struct directory *directory;
    struct bot_scratch *scratch;
    struct node_acts *acts;
    struct auth_ticket_table tickets;
    struct limit_cell *limits;
    struct limit_cell *uploads;
    struct hash_key limit_key;
    struct pool links; /* open sockets */
    struct link *link_gone;
    struct loop_node links_gone;
    struct stream *streams;
    struct stream **stream_slots; /* by the slot of their connection; NULL: none */
    uint32_t stream_slot_count;
    struct exchange *exchanges;
    uint32_t exchange_count;
    uint32_t exchange_free;
    struct node_desk **desks;
    uint32_t desk_count;
    struct trace_list traces;
    uint64_t rest_at;   /* ms of the loop; 0: resting already */
    uint64_t expire_at; /* shard 0: ms of the loop */
    bool traces_busy;   /* a worker stores some */
    struct loop_node flush;
    struct loop_timer tick;
    struct loop_timer rows; /* the end of a window of the inboxes */
    struct chat_stats last; /* already counted in the metrics */
    unsigned slow_turns;    /* for the metric */
    unsigned slow_unsaid;   /* since the log line at slow_said_us */
    int64_t slow_said_us;
    struct buf buf;                 /* one encoding at a time */
    uint64_t drain_until;           /* ms of the loop; 0: not stopping */
    uint64_t mark_at;               /* shard 0: when the id mark is stored next */
    bool started;                   /* this shard's conversations have been told to the desks */
    uint32_t nodes_started;         /* shard 0 */
    struct learn_question *unclear; /* not yet in the store */
    size_t unclear_count;
    uint64_t unclear_at; /* ms of the loop, when they are brought there */
    bool unclear_busy;
    /* Of shard 0: */
    struct reload reload;   /* running until every shard has what was loaded */
    uint32_t reload_takers; /* shards that have the newest load */
    uint64_t load_number;   /* of the load that was begun last */
    struct reload_wait *reload_waits;
};

/* ---- messages ---- */

static inline struct node *node_of(struct shard *shard)
{
    return shard_user(shard);
}
static inline struct shard *node_shard(const struct node *node, uint32_t index)
{
    return shard_group_at(shard_group_of(node->shard), index);
}
static inline uint32_t conv_shard(const struct node *node, struct conv_id conv)
{
    return id_shard(conv.v, node->server->shards);
}

/* serve_node.c */
extern const struct shard_ops node_shard_ops; /* ctx: the server */
/* Main thread, once all shards are there: hands out the directory and opens the doors. */
void node_begin(struct server *server);
/* Main thread: new connections get this certificate; it is the shards' from then on. */
void node_tls_replace(struct server *server, struct serve_tls *tls);
void node_answer(struct node *node, uint64_t session, const Kefu__V1__ServerFrame *frame);

/* serve_reload.c */
/* Any shard: sites, agents, FAQ or rules changed; every shard gets a new directory soon. */
void node_reload(struct node *node);
/* The same; done is called on this shard when every shard has it (or !taken: it could not be
 * loaded; or node NULL: the server ends). */
void node_reload_wait(struct node *node, void (*done)(struct node *node, void *ctx, bool taken),
                      void *ctx);
/* This shard's from now on. */
void node_directory_take(struct node *node, struct directory *directory);
void node_reload_tick(struct node *node);
void node_reload_fini(struct node *node);

/* serve_chat.c */
extern const struct chat_ops node_chat_ops;       /* ctx: the node */
extern const struct gateway_ops node_gateway_ops; /* ctx: the node */
bool node_submit(struct node *node, const struct chat_action *action);
void node_revoke(struct node *node, const struct gateway_revocation *what);

/* serve.c: rc, with the setting's name as the field when it is an error. */
MUST_USE enum err_code serve_setting(enum err_code rc, const char *setting, struct err *err);

/* serve_act.c */
/* [start-up] Whether the settings of actions can be read. */
MUST_USE enum err_code node_acts_check(const struct config *config, struct err *err);
void node_acts_init(struct node *node);
void node_acts_fini(struct node *node); /* what runs is begun again by the next start */
bool node_act(void *ctx, const struct chat_act *act);

/* serve_desk.c */
bool node_desk_report(void *ctx, const struct chat_desk_report *report);
bool node_desk_session(void *ctx, const struct auth_principal *who, uint64_t session, bool open);
bool node_desk_status(void *ctx, const struct auth_principal *who, uint32_t status,
                      struct slice reason);
/* Answers an HTTP request with how the conversation would be given away now. */
void node_desk_explain(struct node *node, struct http_ref ref, struct workspace_id workspace,
                       struct conv_id conv, struct agent_id agent);
/* Tells a desk, or every one, that this shard has reported all that it has. */
void node_desk_started_one(struct node *node, struct workspace_id workspace);
void node_desk_started(struct node *node);
void node_desk_sync(struct node *node); /* the agents of the directory */
void node_desk_tick(struct node *node);
void node_desk_fini(struct node *node);

/* serve_trace.c */
/* Of the desk's ops: keeps the decision for the next tick. ctx: its struct node_desk. */
void node_trace_decided(void *ctx, const struct desk_decision *decision);
/* The message of a decision or an explanation, in the arena; NULL: no room. */
Kefu__V1__RoutingTrace *node_trace_make(const struct node *node, const struct route_config *config,
                                        const struct route_trace *trace, struct arena *arena);
void node_trace_tick(struct node *node);
void node_trace_fini(struct node *node);

/* serve_expire.c */
void node_expire_tick(struct node *node);

/* serve_store.c */
extern const struct chat_store_ops node_store_ops; /* ctx: the node */
/* On the commit thread; ctx: the server. */
void serve_completed(void *ctx, unsigned shard, const struct store_completion *completions,
                     size_t n);

/* serve_http.c */
/* Content-Security-Policy of what is no page: data and errors need nothing and stand in no frame.
 */
#define NODE_CSP_NOTHING "default-src 'none'; frame-ancestors 'none'"
void node_http_request(void *ctx, const struct http_request *request, struct http_ref ref);
void node_http_gone(void *ctx, struct http_ref ref);
void node_http_error(struct node *node, struct http_ref ref, const struct err *err);
bool node_ready(const struct node *node);
/* One token of the address's bucket; false: too many requests. */
bool node_limit(struct node *node, struct slice address);
void node_limit_init(struct node *node);
void node_limit_fini(struct node *node);
/* A browser's Origin must be the host that it talks to, or the public one. None: no browser. */
bool node_origin_ok(const struct node *node, const struct http_request *request);

/* serve_asset.c: false: no such page. */
bool node_asset(struct node *node, const struct http_request *request, struct http_ref ref);
/* What the launcher on a customer's page asks before it shows itself: is the key a site's, may a
 * page of this origin show the chat, and in which colour. */
void node_visitor_site(struct node *node, const struct http_request *request, struct http_ref ref);

/* serve_api.c */
/* 200 with a body of JSON. */
void node_api_body(struct node *node, struct http_ref ref, struct slice json);
void node_api(struct node *node, const struct http_request *request, struct http_ref ref);
void node_api_token_check(struct node *node, uint64_t session, struct slice token);
#define EXCHANGE_BIT (UINT64_C(1) << 63) /* of a session handle: it names an exchange */
void exchange_answer(struct node *node, uint64_t handle, const Kefu__V1__ServerFrame *frame);
void exchange_fini(struct node *node);

/* serve_socket.c */
void node_socket(struct node *node, const struct http_request *request, struct http_ref ref);
void node_sockets_init(struct node *node);
void node_sockets_fini(struct node *node);

/* serve_visitor.c */
void node_visitor_frame(struct node *node, const struct http_request *request, struct http_ref ref);
void node_visitor_stream(struct node *node, const struct http_request *request,
                         struct http_ref ref);
void node_visitor_gone(struct node *node, struct http_ref ref);
void node_visitors_fini(struct node *node);

/* serve_control.c: the listener on DATA/kefu.sock, on shard 0. */
MUST_USE enum err_code node_control_open(struct node *node, struct err *err);
void node_control_close(struct node *node);
void node_control_fini(struct node *node);

/* serve.c */
void serve_ready(struct server *server);
/* The mark above which ids start after the next start: [worker]. */
MUST_USE enum err_code serve_mark_store(struct store *store, int64_t mark_ms, struct err *err);

/* serve_learn.c */
void node_train(struct node *node, const struct learn_job *job);
void node_train_waiting(struct node *node); /* shard 0: what the last run left */
/* Fills the reply's body with the bot's answer; api_reply_error in it when that fails. */
void node_try(struct node *node, struct arena *arena, struct api_reply *reply);
void node_unclear(struct node *node, struct workspace_id workspace, struct slice text,
                  const struct bot_reply *reply);
void node_unclear_tick(struct node *node);

/* serve_demo.c: [start-up] fills an empty store and writes the agents' log-ins to a file. */
MUST_USE enum err_code serve_demo(struct server *server, const char *logins_path, struct err *err);

#endif
