/* SPDX-License-Identifier: Apache-2.0 */
/* Classification: the first rule whose guard holds says which queue, skills and priority. */
#include "route_rule_priv.h"

#include <math.h>
#include <string.h>

uint32_t route_fact_find(const struct route_rules *rules, struct slice name)
{
    for (uint32_t i = 0; i < rules->fact_count; i++) {
        if (slice_equal_text(name, rules->facts[i].name))
            return i;
    }
    return ROUTE_NONE;
}

/* ---- what guards may name ---- */

bool route_scope_symbol(void *ctx, struct slice name, struct expr_symbol *out)
{
    const struct route_rules *rules = ctx;
    uint32_t fact = route_fact_find(rules, name);

    if (fact == ROUTE_NONE)
        return false;
    *out = (struct expr_symbol){
        .id = (uint16_t)fact,
        .type = rules->facts[fact].type,
        .values = rules->facts[fact].values,
        .value_count = (uint16_t)rules->facts[fact].value_count,
    };
    return true;
}

bool route_scope_function(void *ctx, struct slice name, struct expr_function *out)
{
    (void)ctx;
    if (!slice_equal_text(name, "open"))
        return false;
    *out = (struct expr_function){
        .id = ROUTE_FUNCTION_OPEN,
        .type = EXPR_BOOL,
        .arg_count = 1,
        .args = { EXPR_TEXT },
    };
    return true;
}

bool route_scope_name(void *ctx, unsigned index, struct slice *out)
{
    const struct route_rules *rules = ctx;

    if (index >= rules->fact_count)
        return false;
    *out = slice_of(rules->facts[index].name);
    return true;
}

/* ---- evaluation ---- */

struct classifying {
    const struct route_config *config;
    const struct route_fact *facts[ROUTE_FACTS_MAX]; /* NULL: not known of this conversation */
    int64_t now_ms;
};

static bool number_fits(double number)
{
    return isfinite(number) && fabs(number) < 9e14; /* 15 digits before the point */
}

static void get_fact(void *ctx, uint16_t id, struct expr_value *out)
{
    const struct classifying *c = ctx;
    const struct route_fact *fact = c->facts[id];
    enum expr_type type = c->config->rules->facts[id].type;

    if (fact == NULL)
        return;
    if (type == EXPR_TEXT && fact->type == ROUTE_FACT_TEXT) {
        out->text = slice_make(fact->text, fact->text_len);
    } else if (type == EXPR_BOOL && fact->type == ROUTE_FACT_BOOL) {
        out->boolean = fact->number != 0;
    } else if (type == EXPR_NUMBER && fact->type == ROUTE_FACT_NUMBER &&
               number_fits(fact->number)) {
        out->number = llround(fact->number * (double)EXPR_ONE);
    } else {
        return;
    }
    out->type = type;
}

static void call_open(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                      struct expr_value *out)
{
    const struct classifying *c = ctx;
    uint32_t queue = route_find(c->config, ROUTE_KIND_QUEUE, args[0].text.ptr, args[0].text.len);

    (void)id;
    (void)count;
    if (queue == ROUTE_NONE)
        return;
    out->type = EXPR_BOOL;
    out->boolean =
        route_calendar_open(c->config, c->config->queues[queue].calendar, c->now_ms, NULL);
}

static void apply(const struct route_config *config, uint32_t at, struct route_request *request)
{
    const struct route_rule *rule = &config->rules->items[at];

    request->rule = at;
    request->queue = rule->queue;
    request->require_count = rule->require_count;
    memcpy(request->require, rule->require, sizeof(rule->require));
    request->prefer_count = rule->prefer_count;
    memcpy(request->prefer, rule->prefer, sizeof(rule->prefer));
    request->priority = rule->priority;
    request->alternatives = rule->alternatives;
    request->sticky_wait_ms = rule->sticky_ms;
}

static uint32_t label_of(const struct route_config *config, enum route_kind kind,
                         const struct route_fact *fact)
{
    if (fact == NULL || fact->type != ROUTE_FACT_TEXT)
        return ROUTE_NONE;
    return route_find(config, kind, fact->text, fact->text_len);
}

enum route_answer route_classify(const struct route_config *config, const struct route_fact *facts,
                                 uint32_t count, int64_t now_ms, struct route_request *request)
{
    const struct route_rules *rules = config->rules;
    struct classifying c = { .config = config, .now_ms = now_ms };
    struct expr_env env = { .ctx = &c, .now_ms = now_ms, .get = get_fact, .call = call_open };

    if (rules == NULL)
        return ROUTE_UNKNOWN_QUEUE;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t fact = route_fact_find(rules, slice_of(facts[i].name));

        if (fact != ROUTE_NONE)
            c.facts[fact] = &facts[i];
    }
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rules->items[i].guard != NULL && !expr_holds(rules->items[i].guard, &env, NULL))
            continue;
        apply(config, i, request);
        request->language = label_of(config, ROUTE_KIND_LANGUAGE, c.facts[ROUTE_FACT_LANG]);
        request->channel = label_of(config, ROUTE_KIND_CHANNEL, c.facts[ROUTE_FACT_CHANNEL]);
        request->vip = c.facts[ROUTE_FACT_VIP] != NULL && c.facts[ROUTE_FACT_VIP]->number != 0;
        return ROUTE_OK;
    }
    return ROUTE_UNKNOWN_QUEUE;
}
