/* SPDX-License-Identifier: Apache-2.0 */
/* REST under /api/v1: a table of routes, each with its method, path, types, permission and
 * handler. A request is handled start to end on a worker thread, because reading the store and
 * hashing passwords block; what only a shard can do (a conversation's turn, a ticket, ending
 * sessions) is handed back in the reply as an effect, for the caller to carry out on its shard.
 * Nothing in here knows sockets, shards or loops. */
#ifndef KEFU_API_H
#define KEFU_API_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "auth_principal.h"
#include "auth_secret.h"
#include "buf.h"
#include "clock.h"
#include "err.h"
#include "slice.h"
#include "store.h"

struct api;

enum {
    API_BODY_MAX = 1024 * 1024,       /* HTTP's own limit */
    API_REPLY_MAX = 8 * 1024 * 1024,  /* 200 items of a list at their largest are below */
    API_ARENA_MAX = 32 * 1024 * 1024, /* one request's memory: an import of 1 MiB of CSV */
    API_WORKSPACE = 1,                /* a fresh install's only one */
};
/* How long an Idempotency-Key gets the reply of its first use. */
#define API_REPEAT_KEPT_MS (INT64_C(24) * 60 * 60 * 1000)

struct api_setting {
    const char *key;
    const char *value;
    const char *source;
};

struct api_options {
    struct store *store;
    const struct auth_key *master;
    const struct clock *clock;
    const char *models;                 /* folder of the model files; NULL: no models here */
    const struct api_setting *settings; /* of the start; shown, not changed here */
    size_t setting_count;
    const char *public_url; /* what people reach us by, beside the request's Host; NULL: none */
    bool require_tls;
};

/* Faults when a row of the route table is not complete: such a server does not start. */
MUST_USE enum err_code api_create(const struct api_options *options, struct api **out,
                                  struct err *err);
void api_destroy(struct api **api);

/* What HTTP says; borrowed for the call. */
struct api_request {
    struct slice method;
    struct slice path;
    struct slice query;
    struct slice body;
    struct slice content_type;
    struct slice cookie;
    struct slice authorization;
    struct slice csrf; /* X-CSRF-Token */
    struct slice origin;
    struct slice host;
    struct slice idempotency_key;
    struct slice if_match;
    struct slice if_none_match;
    const char *address; /* of the client */
    bool tls;            /* of the client's connection, at the proxy if there is one */
};

/* For the shard to do after the worker. */
enum api_effect {
    API_EFFECT_NONE = 0,
    API_EFFECT_DIRECTORY = 1 << 0, /* sites or agents changed: every shard loads them again */
    API_EFFECT_BOT = 1 << 1,       /* FAQ, rules or ladder changed: the bot is built again */
    API_EFFECT_TICKET = 1 << 2,    /* issue a ticket for `who`; body is the WsTicket */
    API_EFFECT_REVOKE = 1 << 3,    /* end the sockets of revoke_session, _agent or _token */
    API_EFFECT_CHAT = 1 << 4,      /* submit `chat`, reply with api_chat_reply */
    API_EFFECT_EXPLAIN = 1 << 5,   /* ask the desk how `explain` would be given away now */
    API_EFFECT_TRAIN = 1 << 6,     /* train the queued model `train` */
    API_EFFECT_TRY = 1 << 7,       /* ask the bot `try`; its answer is the body (TryReply) */
    API_EFFECT_IN_FORCE = 1 << 8,  /* as DIRECTORY, and answer when every shard has it */
};

enum api_chat_kind {
    API_CHAT_GET,
    API_CHAT_FETCH,
    API_CHAT_SEND,
    API_CHAT_NOTE,
    API_CHAT_FLOW_VIEW,
    API_CHAT_FLOW_TELL
};

/* An action on a conversation for its shard. */
struct api_chat {
    enum api_chat_kind kind;
    uint64_t conv;
    uint32_t from_seq;
    uint32_t before_seq;
    uint32_t limit;
    struct slice text;        /* in the arena of the call */
    struct slice event, name; /* API_CHAT_FLOW_TELL */
    uint8_t client_id[16];
};

struct api_explain {
    uint64_t conv;
    uint64_t agent; /* 0: nobody in particular */
};

/* A question to the bot that is part of no conversation. */
struct api_try {
    struct slice text; /* in the arena of the call */
    struct slice locale;
    uint64_t site;
    unsigned clarify_rounds;
};

struct api_reply {
    int status;
    const char *content_type;
    struct buf body;
    char etag[48];        /* empty: none */
    char set_cookie[256]; /* empty: none */
    char cache_control[64];
    char disposition[192]; /* Content-Disposition; empty: none */
    unsigned retry_after_s;
    unsigned effects;
    struct auth_principal who;
    uint64_t revoke_session;
    uint64_t revoke_agent;
    uint64_t revoke_token;
    struct api_chat chat;
    struct api_explain explain;
    struct api_try try;
    uint64_t train; /* the model's record */
};
void api_reply_init(struct api_reply *reply);
void api_reply_fini(struct api_reply *reply);

/* [worker] Always fills in the reply; the arena must live until the effects are done. */
void api_handle(struct api *api, const struct api_request *request, struct arena *arena,
                struct api_reply *reply);
/* [any] Whether this request hashes a password, and so belongs into the small log-in pool. */
bool api_hashes_password(struct slice method, struct slice path);
/* [any] {"error":{...}} with its status; the header Retry-After too. */
void api_reply_error(struct api_reply *reply, const struct err *err);

/* [worker] Who holds this session cookie or Authorization header. ERR_UNAUTHENTICATED: nobody. */
MUST_USE enum err_code api_authenticate(struct api *api, const struct api_request *request,
                                        struct arena *arena, struct auth_principal *out,
                                        struct err *err);
/* [worker] The same for the API token of a hello. */
MUST_USE enum err_code api_authenticate_token(struct api *api, struct slice token,
                                              struct arena *arena, struct auth_principal *out,
                                              struct err *err);

/* [worker] Start-up: the one-time setup secret when there is no agent yet, else an empty text. */
MUST_USE enum err_code api_setup_begin(struct api *api, char out[AUTH_SECRET_TEXT_MAX],
                                       struct err *err);
/* [worker] For `kefu admin`: makes an agent, or gives one a new password, which ends its log-ins;
 * agent_id: whose sockets are to be ended. */
MUST_USE enum err_code api_admin_create(struct api *api, struct slice email, struct slice name,
                                        struct slice role, struct slice password, struct err *err);
MUST_USE enum err_code api_admin_reset(struct api *api, struct slice email, struct slice password,
                                       uint64_t *agent_id, struct err *err);

/* [worker] To be called every hour: deletes replies that are kept for repeats for longer than
 * API_REPEAT_KEPT_MS, and log-ins that have ended, in small transactions. */
MUST_USE enum err_code api_expire(struct api *api, struct err *err);

/* [any] The lookup key of an example's record: one per intent and text. */
struct slice api_example_lookup(struct arena *arena, uint64_t intent, struct slice text);

/* [any] The document at /api/v1/openapi.json. */
void api_openapi(struct buf *out);

#endif
