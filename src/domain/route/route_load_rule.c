/* SPDX-License-Identifier: Apache-2.0 */
/* facts: {contact.tier: [gold, vip], cart.total: number}
 * routes: [{id: vip, if: "contact.tier == 'vip' && lang == 'zh'", queue: vip, skills: {zh: 5},
 * priority: 8, sticky: 30s}, {id: rest, else: true, queue: general}] */
#include "route_load_priv.h"

#include <stdlib.h>
#include <string.h>

#include "route_rule_priv.h"

/* ---- facts ---- */

static const struct route_fact_def builtins[ROUTE_FACT_BUILTINS] = {
    [ROUTE_FACT_LANG] = { "lang", EXPR_TEXT, 0, NULL },
    [ROUTE_FACT_CHANNEL] = { "channel", EXPR_TEXT, 0, NULL },
    [ROUTE_FACT_VIP] = { "contact.vip", EXPR_BOOL, 0, NULL },
    { "intent", EXPR_TEXT, 0, NULL },
    { "flow", EXPR_TEXT, 0, NULL },
    { "site", EXPR_TEXT, 0, NULL },
    { "contact.tier", EXPR_TEXT, 0, NULL },
};

static void read_value(struct route_load *load, unsigned at, void *out)
{
    struct route_fact_def *def = out;
    const char *text;

    if (!load_text(load, &text))
        return;
    if (at >= ROUTE_FACT_VALUES_MAX) {
        load_error(load, "more than %d values", ROUTE_FACT_VALUES_MAX);
        return;
    }
    def->values[def->value_count++] = slice_of(text);
}

static void read_fact_type(struct route_load *load, struct route_fact_def *def)
{
    const char *text;

    def->type = EXPR_TEXT;
    if (load_peek(load) == JSON_ARRAY_BEGIN) {
        def->values =
            route_pool_alloc(&load->config->pool, ROUTE_FACT_VALUES_MAX, sizeof(*def->values));
        if (def->values == NULL)
            load_out_of_memory(load);
        else
            load_list(load, read_value, def);
        return;
    }
    if (!load_text(load, &text))
        return;
    if (strcmp(text, "number") == 0)
        def->type = EXPR_NUMBER;
    else if (strcmp(text, "bool") == 0)
        def->type = EXPR_BOOL;
    else if (strcmp(text, "text") != 0)
        load_error(load, "must be text, number, bool or a list of values");
}

static void read_fact(struct route_load *load, struct slice key, void *out)
{
    struct route_rules *rules = load->config->rules;
    uint32_t at = route_fact_find(rules, key);

    (void)out;
    if (at >= ROUTE_FACT_BUILTINS && at != ROUTE_NONE) {
        load_error(load, "is given twice");
    } else if (at == ROUTE_NONE && rules->fact_count == ROUTE_FACTS_MAX) {
        load_error(load, "more than %d facts", ROUTE_FACTS_MAX);
    } else {
        char *name = route_pool_text(&load->config->pool, key.ptr, key.len);

        if (name == NULL) {
            load_out_of_memory(load);
            return;
        }
        at = at != ROUTE_NONE ? at : rules->fact_count++;
        rules->facts[at].name = name;
        read_fact_type(load, &rules->facts[at]);
        return;
    }
    load_skip(load);
}

void load_facts(struct route_load *load, void *out)
{
    load_map(load, read_fact, out);
}

/* ---- one rule ---- */

static void read_id(struct route_load *load, void *out)
{
    load_text(load, &((struct route_rule *)out)->id);
}

/* Copied into the pool, so that the rules are given back with everything else. */
static void read_guard(struct route_load *load, void *out)
{
    struct route_rule *rule = out;
    struct expr_scope scope = { load->config->rules, route_scope_symbol, route_scope_function,
                                route_scope_name };
    struct expr_place place = { 0 };
    struct expr *guard = NULL;
    struct err err;
    void *copy;

    if (!load_text(load, &rule->source))
        return;
    if (expr_compile(slice_of(rule->source), EXPR_BOOL, &scope, &guard, &place, &err) != ERR_OK) {
        load_error(load, "column %u: %s", place.column, err.text);
        return;
    }
    copy = route_pool_alloc(&load->config->pool, expr_bytes(guard), 1);
    if (copy != NULL)
        rule->guard = memcpy(copy, guard, expr_bytes(guard));
    else
        load_out_of_memory(load);
    free(guard);
}

static void read_else(struct route_load *load, void *out)
{
    bool otherwise;

    (void)out;
    if (load_bool(load, &otherwise) && !otherwise)
        load_error(load, "must be true");
}

static void read_queue(struct route_load *load, void *out)
{
    load_reference(load, ROUTE_KIND_QUEUE, &((struct route_rule *)out)->queue);
}

static void read_require(struct route_load *load, void *out)
{
    struct route_rule *rule = out;

    load_needs(load, rule->require, &rule->require_count);
}

static void read_prefer(struct route_load *load, void *out)
{
    struct route_rule *rule = out;

    load_needs(load, rule->prefer, &rule->prefer_count);
}

static void read_priority(struct route_load *load, void *out)
{
    int64_t priority;

    if (load_integer(load, 0, ROUTE_PRIORITY_MAX, &priority))
        ((struct route_rule *)out)->priority = (uint32_t)priority;
}

static void read_sticky(struct route_load *load, void *out)
{
    load_duration(load, ROUTE_BONUS_MS_MAX, &((struct route_rule *)out)->sticky_ms);
}

static void read_offer(struct route_load *load, void *out)
{
    load_alternatives(load, &((struct route_rule *)out)->alternatives);
}

static void read_rule(struct route_load *load, unsigned at, void *out)
{
    static const struct load_field fields[] = {
        { "id", read_id },
        { "if", read_guard },
        { "else", read_else },
        { "queue", read_queue },
        { "skills", read_require },
        { "prefer", read_prefer },
        { "priority", read_priority },
        { "sticky", read_sticky },
        { "offer", read_offer },
    };
    struct route_rules *rules = load->config->rules;
    struct route_rule rule = { .queue = ROUTE_NONE, .sticky_ms = -1 };
    unsigned errors = load->report->errors;

    (void)at;
    (void)out;
    load_fields(load, fields, LENGTH_OF(fields), &rule);
    if (load->broken || load->report->errors != errors)
        return;
    if (rule.id == NULL)
        load_error(load, "a rule needs an id");
    else if (rule.queue == ROUTE_NONE)
        load_error(load, "a rule needs a queue");
    else if (load_name(load, ROUTE_KIND_RULE, slice_of(rule.id)) != ROUTE_NONE)
        rules->items[rules->count++] = rule;
}

void load_routes(struct route_load *load, void *out)
{
    load_list(load, read_rule, out);
}

bool load_rules_begin(struct route_load *load, unsigned count)
{
    struct route_config *config = load->config;
    struct route_rules *rules = route_pool_alloc(&config->pool, 1, sizeof(*rules));

    if (rules == NULL)
        return false;
    memcpy(rules->facts, builtins, sizeof(builtins));
    rules->fact_count = ROUTE_FACT_BUILTINS;
    rules->items = route_pool_alloc(&config->pool, count, sizeof(*rules->items));
    config->rules = rules;
    return rules->items != NULL;
}
