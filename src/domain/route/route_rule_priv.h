/* SPDX-License-Identifier: Apache-2.0 */
/* Between loading and using the rules. Guards are compiled once, at load; facts are numbered in the
 * order of their declaration, the built-in ones first. */
#ifndef KEFU_ROUTE_RULE_PRIV_H
#define KEFU_ROUTE_RULE_PRIV_H

#include "expr.h"

#include "route_priv.h"

enum { ROUTE_FACT_VALUES_MAX = 64 };

struct route_fact_def {
    const char *name;
    enum expr_type type;
    uint32_t value_count; /* 0: any text */
    struct slice *values;
};

struct route_rule {
    const char *id, *source;
    const struct expr *guard; /* NULL: else */
    uint32_t queue;
    struct route_need require[ROUTE_REQUEST_SKILLS_MAX];
    struct route_need prefer[ROUTE_REQUEST_SKILLS_MAX];
    uint32_t require_count, prefer_count;
    uint32_t priority;
    uint32_t alternatives;
    int64_t sticky_ms; /* -1: as configured */
};

struct route_rules {
    uint32_t count, fact_count;
    struct route_rule *items;
    struct route_fact_def facts[ROUTE_FACTS_MAX];
};

enum { ROUTE_FUNCTION_OPEN };

/* Facts that every configuration knows; the rest is declared. */
enum route_builtin { ROUTE_FACT_LANG, ROUTE_FACT_CHANNEL, ROUTE_FACT_VIP, ROUTE_FACT_BUILTINS = 7 };

uint32_t route_fact_find(const struct route_rules *rules, struct slice name);
bool route_scope_symbol(void *ctx, struct slice name, struct expr_symbol *out);
bool route_scope_function(void *ctx, struct slice name, struct expr_function *out);
bool route_scope_name(void *ctx, unsigned index, struct slice *out);

#endif
