/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: roles and API scopes as sets of permissions. Deny by default: what is not in
 * the table is not allowed, and a route or action without a permission does not start (PERM_NONE
 * is never granted). Object-level rules (a visitor's own conversation, an agent's workspace) are
 * checked by the owner of the object, in addition. Pure. */
#ifndef KEFU_PERMISSION_H
#define KEFU_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum actor_kind {
    ACTOR_NONE = 0,
    ACTOR_VISITOR = 1, /* the numbers are Author.Kind of the wire */
    ACTOR_BOT = 2,
    ACTOR_AGENT = 3,
    ACTOR_SYSTEM = 4,
    ACTOR_API = 5,
};

enum role {
    ROLE_NONE = 0,
    ROLE_VISITOR,
    ROLE_AGENT,
    ROLE_SUPERVISOR,
    ROLE_ADMIN,
    ROLE_OWNER,
    ROLE_COUNT,
};

enum permission {
    PERM_NONE = 0,       /* nobody has it: an undeclared route stays shut */
    PERM_PUBLIC,         /* everybody, signed in or not: health, login, setup */
    PERM_SELF,           /* anyone signed in as an agent: own session, own presence */
    PERM_VISIT,          /* a visitor's own conversations */
    PERM_CONV_READ,      /* any conversation of the workspace, notes included */
    PERM_CONV_REPLY,     /* messages and notes in conversations that are the actor's */
    PERM_CONV_REPLY_ANY, /* ... in anybody's */
    PERM_CONV_TAKE,      /* accept, take from the queue or the bot */
    PERM_CONV_ASSIGN,    /* give to someone else, take from someone else */
    PERM_CONV_TRANSFER,  /* hand on one's own */
    PERM_CONV_CLOSE,     /* close and reopen one's own */
    PERM_CONV_CLOSE_ANY,
    PERM_VISITOR_READ,
    PERM_VISITOR_WRITE,
    PERM_SEARCH,
    PERM_CANNED_READ,
    PERM_CANNED_WRITE,
    PERM_FAQ_READ,
    PERM_FAQ_WRITE,
    PERM_RULE_READ,
    PERM_RULE_WRITE,
    PERM_INTENT_READ, /* intents, examples, models, unclear questions, trying */
    PERM_INTENT_WRITE,
    PERM_MODEL_WRITE, /* train, publish, roll back */
    PERM_SITE_READ,
    PERM_SITE_WRITE,
    PERM_AGENT_READ, /* names, presence, load */
    PERM_AGENT_WRITE,
    PERM_OWNER_WRITE, /* makes and unmakes owners */
    PERM_TOKEN_READ,
    PERM_TOKEN_WRITE,
    PERM_SETTING_READ,
    PERM_SETTING_WRITE,
    PERM_AUDIT_READ,
    PERM_REPORT_READ,
    PERM_ROUTING_READ, /* configurations, checks, simulations */
    PERM_ROUTING_WRITE,
    PERM_FLOW_READ,    /* flows, stories, values; trying them */
    PERM_FLOW_WRITE,   /* drafts */
    PERM_FLOW_PUBLISH, /* and roll back */
    PERM_ACTION_READ,
    PERM_ACTION_WRITE, /* what flows may call, and with which secrets */
    PERM_COUNT,
};

/* A set of permissions, one bit each. */
struct permission_set {
    uint64_t bits;
};

struct permission_set role_permissions(enum role role);
/* An API scope such as "conversations:read"; false: no such scope. */
bool scope_permissions(struct slice scope, struct permission_set *out);
/* The scopes that exist, for documents and validation: NULL past the end. */
const char *scope_name_at(unsigned index);

static inline bool permission_has(struct permission_set set, enum permission permission)
{
    return permission > PERM_NONE && permission < PERM_COUNT &&
           (set.bits >> (unsigned)permission & 1U) != 0;
}
static inline struct permission_set permission_union(struct permission_set a,
                                                     struct permission_set b)
{
    return (struct permission_set){ a.bits | b.bits };
}
/* What an API token may do: its scopes, but never more than the role of the agent behind it. */
static inline struct permission_set permission_meet(struct permission_set a,
                                                    struct permission_set b)
{
    return (struct permission_set){ a.bits & b.bits };
}

const char *role_name(enum role role);                   /* "owner", ...; "" for ROLE_NONE */
enum role role_parse(struct slice name);                 /* ROLE_NONE when unknown */
const char *permission_name(enum permission permission); /* for openapi and 403 texts */

#endif
