/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that never get their turn. The values that the guards compare a fact with, and one that
 * they do not, stand for all values of that fact; a rule is tried with every combination of the
 * facts it names, all others unknown. When it holds for none, it never does; when an earlier rule
 * holds each time as well, that one takes everything. Rules with more combinations than
 * COMBINATIONS_MAX, that ask whether a queue is open, or name a fact with too many values, are not
 * judged, nor is anything once EVALUATIONS_MAX guards were evaluated. */
#include "route_load_priv.h"

#include <stdlib.h>
#include <string.h>

#include "route_rule_priv.h"

enum {
    COMBINATIONS_MAX = 4096,
    SAMPLES_MAX = 256,         /* of one fact */
    EVALUATIONS_MAX = 5000000, /* of one configuration: half a second */
    USES_MAX = 256,            /* of one guard: more than its 64 operations can hold lists of */
    FACTS_USED_MAX = 6,
};

struct samples {
    unsigned count;
    bool too_many; /* some values are not there: nothing can be said */
    struct expr_value values[SAMPLES_MAX];
};

struct shadow {
    const struct route_rules *rules;
    struct route_pool pool;  /* the texts that globs stand for */
    struct samples *samples; /* of each fact */
    unsigned evaluations;
    const struct expr_value *now[ROUTE_FACTS_MAX];
};

static bool equal_values(const struct expr_value *a, const struct expr_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == EXPR_TEXT)
        return slice_equal(a->text, b->text);
    return a->type == EXPR_NUMBER ? a->number == b->number : a->boolean == b->boolean;
}

static void add_sample(struct samples *samples, struct expr_value value)
{
    for (unsigned i = 0; i < samples->count; i++) {
        if (equal_values(&samples->values[i], &value))
            return;
    }
    if (samples->count < SAMPLES_MAX)
        samples->values[samples->count++] = value;
    else
        samples->too_many = true;
}

static void add_text(struct samples *samples, struct slice text)
{
    add_sample(samples, (struct expr_value){ .type = EXPR_TEXT, .text = text });
}

/* The pattern with every star replaced. */
static void add_glob(struct shadow *shadow, struct samples *samples, struct slice glob, char star)
{
    char *text = route_pool_alloc(&shadow->pool, glob.len + 1, 1);
    size_t len = 0;

    if (text == NULL)
        return;
    for (size_t i = 0; i < glob.len; i++) {
        if (glob.ptr[i] != '*')
            text[len++] = glob.ptr[i];
        else if (star != '\0')
            text[len++] = star;
    }
    add_text(samples, slice_make(text, len));
}

static void add_use(struct shadow *shadow, const struct expr_use *use)
{
    struct samples *samples = &shadow->samples[use->id];
    struct expr_value value = use->value;

    if (use->kind != EXPR_USE_COMPARE)
        return;
    if (value.type == EXPR_TEXT && memchr(value.text.ptr, '*', value.text.len) != NULL) {
        add_glob(shadow, samples, value.text, '\0');
        add_glob(shadow, samples, value.text, 'x');
    }
    if (value.type == EXPR_NUMBER) {
        add_sample(samples, (struct expr_value){ .type = EXPR_NUMBER, .number = value.number - 1 });
        add_sample(samples, (struct expr_value){ .type = EXPR_NUMBER, .number = value.number + 1 });
    }
    add_sample(samples, value);
}

static void collect(struct shadow *shadow)
{
    const struct route_rules *rules = shadow->rules;

    for (uint32_t fact = 0; fact < rules->fact_count; fact++) {
        const struct route_fact_def *def = &rules->facts[fact];
        struct samples *samples = &shadow->samples[fact];

        for (uint32_t i = 0; i < def->value_count; i++)
            add_text(samples, def->values[i]);
        if (def->type == EXPR_TEXT && def->value_count == 0)
            add_text(samples, SLICE_LITERAL("\x01no such value"));
        if (def->type == EXPR_BOOL) {
            add_sample(samples, (struct expr_value){ .type = EXPR_BOOL, .boolean = true });
            add_sample(samples, (struct expr_value){ .type = EXPR_BOOL, .boolean = false });
        }
    }
    for (uint32_t i = 0; i < rules->count; i++) {
        struct expr_use uses[USES_MAX];
        unsigned calls;
        size_t count = 0;

        if (rules->items[i].guard != NULL)
            count = expr_uses(rules->items[i].guard, uses, USES_MAX, &calls);
        for (size_t k = 0; k < count && k < USES_MAX; k++)
            add_use(shadow, &uses[k]);
    }
}

/* ---- trying ---- */

static void get_sample(void *ctx, uint16_t id, struct expr_value *out)
{
    const struct shadow *shadow = ctx;

    if (shadow->now[id] != NULL)
        *out = *shadow->now[id];
}

static void call_unknown(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                         struct expr_value *out)
{
    (void)ctx;
    (void)id;
    (void)args;
    (void)count;
    (void)out;
}

static bool holds(struct shadow *shadow, uint32_t rule)
{
    struct expr_env env = { .ctx = shadow, .get = get_sample, .call = call_unknown };
    const struct expr *guard = shadow->rules->items[rule].guard;

    shadow->evaluations++;
    return guard == NULL || expr_holds(guard, &env, NULL);
}

struct used {
    unsigned count;
    uint16_t facts[FACTS_USED_MAX];
    unsigned at[FACTS_USED_MAX]; /* the combination, as an odometer */
};

/* The facts of a guard; false: it is not judged. */
static bool facts_of(const struct shadow *shadow, const struct expr *guard, struct used *used)
{
    struct expr_use uses[USES_MAX];
    unsigned calls = 0;
    size_t count = expr_uses(guard, uses, USES_MAX, &calls);
    size_t combinations = 1;

    *used = (struct used){ 0 };
    if (calls > 0 || count > USES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned k = 0;

        if (uses[i].kind == EXPR_USE_OTHER)
            return false;
        while (k < used->count && used->facts[k] != uses[i].id)
            k++;
        if (k < used->count)
            continue;
        if (used->count == FACTS_USED_MAX || shadow->samples[uses[i].id].too_many)
            return false;
        used->facts[used->count++] = uses[i].id;
        combinations *= shadow->samples[uses[i].id].count;
        if (combinations > COMBINATIONS_MAX)
            return false;
    }
    return true;
}

static void set_combination(struct shadow *shadow, const struct used *used)
{
    memset(shadow->now, 0, sizeof(shadow->now));
    for (unsigned i = 0; i < used->count; i++)
        shadow->now[used->facts[i]] = &shadow->samples[used->facts[i]].values[used->at[i]];
}

static bool next_combination(const struct shadow *shadow, struct used *used)
{
    for (unsigned i = 0; i < used->count; i++) {
        if (++used->at[i] < shadow->samples[used->facts[i]].count)
            return true;
        used->at[i] = 0;
    }
    return false;
}

static void judge(struct route_load *load, struct shadow *shadow, uint32_t rule)
{
    struct used used;
    uint32_t by = ROUTE_NONE;
    bool ever = false;

    if (!facts_of(shadow, shadow->rules->items[rule].guard, &used))
        return;
    do {
        uint32_t earlier = 0;

        if (shadow->evaluations > EVALUATIONS_MAX)
            return;
        set_combination(shadow, &used);
        if (!holds(shadow, rule))
            continue;
        ever = true;
        while (earlier < rule && !holds(shadow, earlier))
            earlier++;
        if (earlier == rule)
            return; /* has its turn */
        by = earlier;
    } while (next_combination(shadow, &used));
    if (!ever)
        load_warning(load, "never holds");
    else
        load_error(load, "is shadowed: '%s' before it takes all that it could",
                   shadow->rules->items[by].id);
}

/* open('x') with a queue that does not exist: found by evaluating with nothing known, which visits
 * every operand. */
static void call_check(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                       struct expr_value *out)
{
    struct route_load *load = ctx;
    uint32_t queue;

    (void)id;
    (void)count;
    (void)out;
    load_find(load, ROUTE_KIND_QUEUE, args[0].text, &queue);
}

static void get_nothing(void *ctx, uint16_t id, struct expr_value *out)
{
    (void)ctx;
    (void)id;
    (void)out;
}

static void check_calls(struct route_load *load, const struct expr *guard)
{
    struct expr_env env = { .ctx = load, .get = get_nothing, .call = call_check };
    size_t path = load_push(load, ".if");

    (void)expr_holds(guard, &env, NULL);
    load_pop(load, path);
}

static void check_able(struct route_load *load, const struct route_rule *rule)
{
    const struct route_config *config = load->config;
    uint32_t count = config->names[ROUTE_KIND_AGENT].count;

    for (uint32_t i = 0; i < count; i++) {
        if (route_agent_could(config, i, rule->queue, rule->require, rule->require_count))
            return;
    }
    if (rule->require_count > 0)
        load_error(load, "no agent of queue '%s' has the skills",
                   config->names[ROUTE_KIND_QUEUE].items[rule->queue]);
}

static void check_rules(struct route_load *load, struct shadow *shadow)
{
    const struct route_rules *rules = shadow->rules;
    bool otherwise = false;

    collect(shadow);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct route_rule *rule = &rules->items[i];
        size_t path = load_push(load, "routes[%u]", i);

        check_able(load, rule);
        if (otherwise)
            load_error(load, "is shadowed: a rule with else stands before it");
        else if (rule->guard != NULL)
            judge(load, shadow, i);
        if (rule->guard != NULL)
            check_calls(load, rule->guard);
        otherwise = otherwise || rule->guard == NULL;
        load_pop(load, path);
    }
    if (!otherwise) {
        size_t path = load_push(load, "routes");

        load_error(load, "the last rule must have else: true, or some conversations go nowhere");
        load_pop(load, path);
    }
}

void load_check_rules(struct route_load *load)
{
    struct shadow shadow = { .rules = load->config->rules };

    if (shadow.rules == NULL || shadow.rules->count == 0)
        return;
    route_pool_init(&shadow.pool, &load->config->pool.memory);
    shadow.samples =
        route_pool_alloc(&shadow.pool, shadow.rules->fact_count, sizeof(*shadow.samples));
    if (shadow.samples != NULL)
        check_rules(load, &shadow);
    else
        load_out_of_memory(load);
    route_pool_fini(&shadow.pool);
}
