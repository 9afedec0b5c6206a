/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEFU_API_PRIV_H
#define KEFU_API_PRIV_H

#include <protobuf-c/protobuf-c.h>

#include "api.h"
#include "permission.h"

#include "kefu/v1/api.pb-c.h"

enum { API_CHANGES_MAX = 2048 }; /* of one request: an import of 2,000 entries */

struct api {
    struct store *store;
    struct auth_key master;
    const struct clock *clock;
    const char *models;
    const struct api_setting *settings;
    size_t setting_count;
    const char *public_url; /* empty: none */
    bool require_tls;
    bool setup_open;
    uint8_t setup_hash[AUTH_HASH_BYTES];
};

/* A log-in ends then, however busy. */
#define API_SESSION_AGE_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

/* One request on its way. */
struct api_call {
    struct api *api;
    const struct api_request *request;
    const struct api_route *route;
    struct arena *arena;
    struct api_reply *reply;
    struct auth_principal who;
    uint64_t visitor;         /* 0: `who` is an agent or a token */
    uint64_t id;              /* of the path */
    ProtobufCMessage *body;   /* decoded, when the route has a request type */
    ProtobufCMessage *answer; /* encoded as the reply when set */
    int64_t now_ms;
};

typedef enum err_code api_handler(struct api_call *call, struct err *err);

enum api_flag {
    API_HASHES = 1 << 0,      /* belongs into the log-in pool */
    API_RAW_BODY = 1 << 1,    /* the body isn't JSON */
    API_NO_REPEAT = 1 << 2,   /* a POST that takes no Idempotency-Key: nothing to repeat */
    API_SAME_ORIGIN = 1 << 3, /* no session yet, but only from our own pages */
};

struct api_route {
    const char *method;
    const char *path; /* below /api/v1; {id} stands for a number */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    enum permission permission;
    api_handler *handler;
    unsigned flags;
    const struct api_resource *resource; /* of the generic handlers */
    const char *summary;
};

struct api_routes {
    const struct api_route *items;
    size_t count;
};

/* A kind of record that people list, make, change and delete, all in the same way. */
struct api_resource {
    const char *name; /* "faq-entries", for the audit */
    enum store_kind kind;
    const ProtobufCMessageDescriptor *desc; /* body of the record, and of request and reply */
    const ProtobufCMessageDescriptor *list; /* {items, next} */
    unsigned effects;
    /* Fields that clients never set; a change keeps the stored ones. NULL-terminated. */
    const char *const *read_only;
    /* Checks and completes a message about to be stored; old is NULL for a new one. May be NULL. */
    enum err_code (*check)(struct api_call *call, ProtobufCMessage *msg,
                           const ProtobufCMessage *old, struct err *err);
    /* The unique key of the message, in the arena; NULL or empty: none. */
    struct slice (*lookup)(struct api_call *call, const ProtobufCMessage *msg);
    /* What the record belongs to, and the query parameter that lists those of one. May be NULL. */
    uint64_t (*parent)(const ProtobufCMessage *msg);
    const char *parent_query;
    /* Completes a message for showing. May be NULL. */
    void (*present)(struct api_call *call, ProtobufCMessage *msg);
};

/* api_route.c */
extern const struct api_routes *const api_route_tables[];
const struct api_route *api_route_find(struct slice method, struct slice path, uint64_t *id,
                                       bool *path_known);
enum err_code api_route_check(struct err *err);

/* The tables, one per file. */
extern const struct api_routes api_routes_session;
extern const struct api_routes api_routes_content;
extern const struct api_routes api_routes_site;
extern const struct api_routes api_routes_agent;
extern const struct api_routes api_routes_token;
extern const struct api_routes api_routes_conversation;
extern const struct api_routes api_routes_system;
extern const struct api_routes api_routes_faq;
extern const struct api_routes api_routes_routing;
extern const struct api_routes api_routes_simulation;
extern const struct api_routes api_routes_intent;
extern const struct api_routes api_routes_example;
extern const struct api_routes api_routes_model;
extern const struct api_routes api_routes_flow;
extern const struct api_routes api_routes_action;
extern const struct api_routes api_routes_attachment;

/* api_auth.c */
enum err_code api_origin_check(struct api_call *call, struct err *err);
enum err_code api_csrf_check(struct api_call *call, struct err *err);
enum err_code api_session_create(struct api_call *call, const Kefu__V1__Agent *agent,
                                 Kefu__V1__SessionReply *reply, struct err *err);
void api_session_reply(struct api_call *call, const Kefu__V1__Agent *agent, const char *csrf,
                       Kefu__V1__SessionReply *reply);
void api_cookie_set(struct api_call *call, const char *value, int age_s);

/* api_record.c: the generic handlers of a resource, and what they are made of. */
api_handler api_record_list;
api_handler api_record_get;
api_handler api_record_create;
api_handler api_record_patch;
api_handler api_record_delete;
/* 64 bits: ms since 2025 and 22 random ones; the store refuses the rare double. */
uint64_t api_id_new(struct api *api);
void *api_message_new(struct api_call *call, const ProtobufCMessageDescriptor *desc,
                      struct err *err);
enum err_code api_decode(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                         struct arena *arena, void *out, struct err *err);
enum err_code api_encode(struct arena *arena, const ProtobufCMessage *msg, struct slice *out,
                         struct err *err);
Google__Protobuf__Timestamp *api_timestamp(struct api_call *call, int64_t ms);
/* Value of a query parameter, decoded; empty when it isn't there. */
struct slice api_query(struct api_call *call, const char *name);
/* Numbers and cursors of a query that can't be read are refused before any handler: taken for 0,
 * they would mean everything, or the first page for ever. */
MUST_USE enum err_code api_query_check(struct api_call *call, struct err *err);
uint64_t api_query_u64(struct api_call *call, const char *name);
unsigned api_query_limit(struct api_call *call);
/* The cursor of the page behind the record of this id. */
char *api_page_next(struct api_call *call, uint64_t last_id);
/* Whether the JSON object of the body names this field itself. */
bool api_body_names(struct api_call *call, const char *field);
enum err_code api_text_check(const char *field, const char *text, size_t min, size_t max,
                             struct err *err);
char *api_text_lower(struct arena *arena, const char *text);
/* "zh" or "en", or empty where that may be. */
enum err_code api_locale_check(const char *locale, bool may_be_empty, struct err *err);

/* api_conversation.c: the client id of a POST, given or following from its Idempotency-Key. */
enum err_code api_client_id(struct api_call *call, const char *given, uint8_t out[16],
                            struct err *err);

/* api_flow.c: the published flows, with a source in its own one's place. NULL: err. */
struct flow_set;
struct flow_set *api_flow_set(struct api_call *call, struct slice source, struct err *err);
/* api_flow_try.c */
#define FLOW_TRY_ADVANCE_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
api_handler api_flow_try;

/* api_commit.c: a transaction with its audit entry and its idempotency row. */
struct api_commit {
    struct store_change *changes; /* room for two more behind count */
    size_t count;
    const char *action; /* "faq-entries.create" */
    uint64_t target;
    const char *before; /* what changed, as short JSON without secrets; may be NULL */
    const char *after;
};
enum err_code api_commit_run(struct api_call *call, struct api_commit *commit, struct err *err);
/* The earlier reply of the same POST: *done. A key used for something else is a conflict. */
enum err_code api_repeat_find(struct api_call *call, bool *done, struct err *err);

enum { API_SESSIONS_MAX = 100 }; /* log-ins of one person at once; the oldest goes */
/* api_routing.c: the workspace's agents, in the arena. */
enum err_code api_routing_agents(struct api_call *call, const Kefu__V1__Agent ***out, size_t *count,
                                 struct err *err);

/* The message of a stored record, with the version of its row. */
enum err_code api_agent_load(struct api_call *call, uint64_t id, Kefu__V1__AgentRecord **out,
                             struct store_record *record, struct err *err);
enum err_code api_agent_by_email(struct api_call *call, const char *email,
                                 Kefu__V1__AgentRecord **out, struct store_record *record,
                                 struct err *err);
enum err_code api_agent_encode(struct api_call *call, const Kefu__V1__AgentRecord *agent,
                               struct slice *out, struct err *err);
/* Ends every log-in of an agent but the caller's own. */
enum err_code api_agent_logout(struct api_call *call, uint64_t agent_id, struct store_change **at,
                               size_t room, struct err *err);

#endif
