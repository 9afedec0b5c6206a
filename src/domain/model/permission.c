/* SPDX-License-Identifier: Apache-2.0 */
#include "permission.h"

#include <stddef.h>

#include "check.h"

#define P(name) (UINT64_C(1) << PERM_##name)

_Static_assert(PERM_COUNT <= 64, "a permission set is 64 bits");

/* Each role is the one before it and something more: easy to explain, easy to check. */
#define AGENT_BITS                                                                          \
    (P(PUBLIC) | P(SELF) | P(CONV_READ) | P(CONV_REPLY) | P(CONV_TAKE) | P(CONV_TRANSFER) | \
     P(CONV_CLOSE) | P(VISITOR_READ) | P(VISITOR_WRITE) | P(SEARCH) | P(CANNED_READ) |      \
     P(FAQ_READ) | P(RULE_READ) | P(INTENT_READ) | P(SITE_READ) | P(AGENT_READ) | P(FLOW_READ))
#define SUPERVISOR_BITS                                                                      \
    (AGENT_BITS | P(CONV_REPLY_ANY) | P(CONV_ASSIGN) | P(CONV_CLOSE_ANY) | P(CANNED_WRITE) | \
     P(FAQ_WRITE) | P(RULE_WRITE) | P(INTENT_WRITE) | P(MODEL_WRITE) | P(REPORT_READ) |      \
     P(ROUTING_READ) | P(FLOW_WRITE) | P(FLOW_PUBLISH) | P(ACTION_READ))
#define ADMIN_BITS                                                                       \
    (SUPERVISOR_BITS | P(SITE_WRITE) | P(AGENT_WRITE) | P(TOKEN_READ) | P(TOKEN_WRITE) | \
     P(SETTING_READ) | P(SETTING_WRITE) | P(AUDIT_READ) | P(ROUTING_WRITE) | P(ACTION_WRITE))
#define OWNER_BITS (ADMIN_BITS | P(OWNER_WRITE))

static const struct {
    const char *name;
    uint64_t bits;
} roles[ROLE_COUNT] = {
    [ROLE_NONE] = { "", P(PUBLIC) },        [ROLE_VISITOR] = { "visitor", P(PUBLIC) | P(VISIT) },
    [ROLE_AGENT] = { "agent", AGENT_BITS }, [ROLE_SUPERVISOR] = { "supervisor", SUPERVISOR_BITS },
    [ROLE_ADMIN] = { "admin", ADMIN_BITS }, [ROLE_OWNER] = { "owner", OWNER_BITS },
};

static const struct {
    const char *name;
    uint64_t bits;
} scopes[] = {
    { "conversations:read", P(CONV_READ) | P(SEARCH) },
    { "conversations:write", P(CONV_READ) | P(CONV_REPLY) | P(CONV_REPLY_ANY) | P(CONV_TAKE) |
                                 P(CONV_ASSIGN) | P(CONV_TRANSFER) | P(CONV_CLOSE) |
                                 P(CONV_CLOSE_ANY) },
    { "visitors:read", P(VISITOR_READ) },
    { "visitors:write", P(VISITOR_READ) | P(VISITOR_WRITE) },
    { "knowledge:read", P(FAQ_READ) | P(RULE_READ) | P(INTENT_READ) | P(CANNED_READ) },
    { "knowledge:write", P(FAQ_READ) | P(RULE_READ) | P(INTENT_READ) | P(CANNED_READ) |
                             P(FAQ_WRITE) | P(RULE_WRITE) | P(INTENT_WRITE) | P(MODEL_WRITE) |
                             P(CANNED_WRITE) },
    { "flows:read", P(FLOW_READ) },
    { "flows:write", P(FLOW_READ) | P(FLOW_WRITE) | P(FLOW_PUBLISH) },
    { "actions:read", P(ACTION_READ) },
    { "actions:write", P(ACTION_READ) | P(ACTION_WRITE) },
    { "sites:read", P(SITE_READ) },
    { "sites:write", P(SITE_READ) | P(SITE_WRITE) },
    { "agents:read", P(AGENT_READ) },
    { "agents:write", P(AGENT_READ) | P(AGENT_WRITE) },
    { "settings:read", P(SETTING_READ) },
    { "settings:write", P(SETTING_READ) | P(SETTING_WRITE) },
    { "audit:read", P(AUDIT_READ) },
    { "reports:read", P(REPORT_READ) },
    { "routing:read", P(ROUTING_READ) },
    { "routing:write", P(ROUTING_READ) | P(ROUTING_WRITE) },
};

static const char *const permission_names[PERM_COUNT] = {
    [PERM_NONE] = "none",
    [PERM_PUBLIC] = "public",
    [PERM_SELF] = "self",
    [PERM_VISIT] = "visit",
    [PERM_CONV_READ] = "conversation.read",
    [PERM_CONV_REPLY] = "conversation.reply",
    [PERM_CONV_REPLY_ANY] = "conversation.reply_any",
    [PERM_CONV_TAKE] = "conversation.take",
    [PERM_CONV_ASSIGN] = "conversation.assign",
    [PERM_CONV_TRANSFER] = "conversation.transfer",
    [PERM_CONV_CLOSE] = "conversation.close",
    [PERM_CONV_CLOSE_ANY] = "conversation.close_any",
    [PERM_VISITOR_READ] = "visitor.read",
    [PERM_VISITOR_WRITE] = "visitor.write",
    [PERM_SEARCH] = "search",
    [PERM_CANNED_READ] = "canned_reply.read",
    [PERM_CANNED_WRITE] = "canned_reply.write",
    [PERM_FAQ_READ] = "faq.read",
    [PERM_FAQ_WRITE] = "faq.write",
    [PERM_RULE_READ] = "rule.read",
    [PERM_RULE_WRITE] = "rule.write",
    [PERM_INTENT_READ] = "intent.read",
    [PERM_INTENT_WRITE] = "intent.write",
    [PERM_MODEL_WRITE] = "model.write",
    [PERM_SITE_READ] = "site.read",
    [PERM_SITE_WRITE] = "site.write",
    [PERM_AGENT_READ] = "agent.read",
    [PERM_AGENT_WRITE] = "agent.write",
    [PERM_OWNER_WRITE] = "owner.write",
    [PERM_TOKEN_READ] = "token.read",
    [PERM_TOKEN_WRITE] = "token.write",
    [PERM_SETTING_READ] = "setting.read",
    [PERM_SETTING_WRITE] = "setting.write",
    [PERM_AUDIT_READ] = "audit.read",
    [PERM_REPORT_READ] = "report.read",
    [PERM_ROUTING_READ] = "routing.read",
    [PERM_ROUTING_WRITE] = "routing.write",
    [PERM_FLOW_READ] = "flow.read",
    [PERM_FLOW_WRITE] = "flow.write",
    [PERM_FLOW_PUBLISH] = "flow.publish",
    [PERM_ACTION_READ] = "action.read",
    [PERM_ACTION_WRITE] = "action.write",
};

struct permission_set role_permissions(enum role role)
{
    if (role < ROLE_NONE || role >= ROLE_COUNT)
        return (struct permission_set){ 0 };
    return (struct permission_set){ roles[role].bits };
}

bool scope_permissions(struct slice scope, struct permission_set *out)
{
    for (size_t i = 0; i < LENGTH_OF(scopes); i++) {
        if (slice_equal_text(scope, scopes[i].name)) {
            out->bits = scopes[i].bits;
            return true;
        }
    }
    return false;
}

const char *scope_name_at(unsigned index)
{
    return index < LENGTH_OF(scopes) ? scopes[index].name : NULL;
}

const char *role_name(enum role role)
{
    return role >= ROLE_NONE && role < ROLE_COUNT ? roles[role].name : "";
}

enum role role_parse(struct slice name)
{
    for (int role = ROLE_VISITOR; role < ROLE_COUNT; role++) {
        if (slice_equal_text(name, roles[role].name))
            return (enum role)role;
    }
    return ROLE_NONE;
}

const char *permission_name(enum permission permission)
{
    return permission >= PERM_NONE && permission < PERM_COUNT ? permission_names[permission] : "";
}
