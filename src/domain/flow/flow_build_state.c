/* SPDX-License-Identifier: Apache-2.0 */
/* Actions, states and rows: what each kind of state needs, and which outcomes it must handle. */
#include "flow_build.h"
#include "flow_schema.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

static const char *const happenings[FLOW_ON_COUNT] = {
    [FLOW_ON_NEXT] = "next",
    [FLOW_ON_FILLED] = "filled",
    [FLOW_ON_INVALID] = "invalid",
    [FLOW_ON_EXHAUSTED] = "exhausted",
    [FLOW_ON_SKIPPED] = "skipped",
    [FLOW_ON_TIMEOUT] = "timeout",
    [FLOW_ON_ACCEPT] = "accept",
    [FLOW_ON_DENY] = "deny",
    [FLOW_ON_MESSAGE] = "message",
    [FLOW_ON_OK] = "ok",
    [FLOW_ON_FAILED] = "failed",
    [FLOW_ON_QUESTION] = "question",
    [FLOW_ON_CORRECTION] = "correction",
    [FLOW_ON_FILE] = "file",
    [FLOW_ON_STUCK] = "stuck",
    [FLOW_ON_UNAVAILABLE] = "unavailable",
    [FLOW_ON_RETURNED] = "returned",
    [FLOW_ON_CLOSED] = "closed",
};

const char *flow_happening_name(enum flow_happening happening)
{
    return happenings[happening];
}

struct slice flow_event_name(const struct flow *flow, unsigned event)
{
    if (event < FLOW_ON_NAMED)
        return slice_of(happenings[event]);
    return slice_of(flow_str(flow, FLOW_TABLE(flow, events, uint32_t)[event - FLOW_ON_NAMED]));
}

#define BIT(happening) (1U << (happening))

/* Outcomes of each kind that may have rows; named events beside them: see named_allowed. */
static const uint32_t allowed[FLOW_KIND_NONE] = {
    [FLOW_KIND_ASK] = BIT(FLOW_ON_FILLED) | BIT(FLOW_ON_INVALID) | BIT(FLOW_ON_EXHAUSTED) |
                      BIT(FLOW_ON_SKIPPED) | BIT(FLOW_ON_TIMEOUT) | BIT(FLOW_ON_ACCEPT) |
                      BIT(FLOW_ON_DENY) | BIT(FLOW_ON_MESSAGE) | BIT(FLOW_ON_QUESTION) |
                      BIT(FLOW_ON_CORRECTION) | BIT(FLOW_ON_FILE) | BIT(FLOW_ON_STUCK),
    [FLOW_KIND_WAIT] = BIT(FLOW_ON_MESSAGE) | BIT(FLOW_ON_TIMEOUT) | BIT(FLOW_ON_QUESTION) |
                       BIT(FLOW_ON_FILE) | BIT(FLOW_ON_STUCK),
    [FLOW_KIND_DO] = BIT(FLOW_ON_OK) | BIT(FLOW_ON_FAILED) | BIT(FLOW_ON_MESSAGE),
    [FLOW_KIND_CALL] = BIT(FLOW_ON_OK) | BIT(FLOW_ON_FAILED) | BIT(FLOW_ON_STUCK),
    [FLOW_KIND_HANDOFF] = BIT(FLOW_ON_UNAVAILABLE) | BIT(FLOW_ON_RETURNED) | BIT(FLOW_ON_CLOSED),
};

static const char *const kind_keys[FLOW_KIND_NONE] = { "ask",  "say",  "do",      "choose",
                                                       "call", "wait", "handoff", "end" };

/* `what` and the name behind it. */
static void fault(struct flow_build *b, const char *code, const struct flow_node *node,
                  const char *what, struct slice name)
{
    flow_report_add(b->report, code, node->line, node->column, "%s%.*s", what, (int)name.len,
                    name.ptr);
}

/* ---- actions ---- */
static unsigned slot_required(struct flow_build *b, const struct flow_node *node, struct slice name)
{
    unsigned slot = build_slot_find(b, name);
    unsigned best = 3;
    unsigned nearest = FLOW_NO;

    for (unsigned i = 0; slot == FLOW_NO && i < b->slots.count; i++) {
        unsigned d = expr_distance(name, slice_of(build_str(b, build_slot(b, i)->name)), 2);
        if (d < best) {
            best = d;
            nearest = i;
        }
    }
    if (slot == FLOW_NO && nearest != FLOW_NO)
        flow_report_add(b->report, "E1", node->line, node->column,
                        "no slot %.*s (did you mean %s?)", (int)name.len, name.ptr,
                        build_str(b, build_slot(b, nearest)->name));
    else if (slot == FLOW_NO)
        fault(b, "E1", node, "no slot ", name);
    return slot;
}

/* A parameter: the name of a slot, or an expression. */
static void map_input(struct flow_build *b, struct slice name, const struct flow_node *value)
{
    unsigned slot = build_slot_find(b, value->text);
    struct flow_map map = { .name = build_intern(b, name),
                            .slot = (uint16_t)slot,
                            .expr = FLOW_NO };

    if (slot == FLOW_NO)
        map.expr = (uint16_t)build_expr(b, value, value->text, EXPR_UNKNOWN);
    flow_vec_add(&b->maps, &map);
}

static void map_output(struct flow_build *b, const struct flow_node *node, struct slice slot,
                       struct slice field)
{
    struct flow_map map = { .name = field.len > 0 ? build_intern(b, field) : 0,
                            .slot = (uint16_t)slot_required(b, node, slot),
                            .expr = FLOW_NO,
                            .out = 1 };

    flow_vec_add(&b->maps, &map);
}

static void keys_add(struct flow_build *b, const struct flow_node *list, uint16_t *first,
                     uint16_t *count)
{
    *first = (uint16_t)b->keys.count;
    for (const struct flow_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        uint16_t slot = (uint16_t)slot_required(b, n, n->text);
        flow_vec_add(&b->keys, &slot);
        ++*count;
    }
}

static void check_rights(struct flow_build *b, const struct flow_node *node,
                         const struct flow_action_def *action)
{
    const struct flow_node *rights = flow_node_get(node, "rights");

    for (const struct flow_node *r = rights != NULL ? rights->first : NULL; r != NULL;
         r = r->next) {
        if (slice_equal_text(r->text, "pii"))
            return;
    }
    for (unsigned i = 0; i < action->map_count; i++) {
        const struct flow_map *map = FLOW_VEC_AT(b->maps, struct flow_map, action->map0 + i);
        if (map->out == 0 && map->slot != FLOW_NO && build_slot(b, map->slot)->pii)
            flow_report_add(b->report, "E12", node->key_line, node->key_column,
                            "slot %s is personal: the action needs rights: [pii]",
                            build_str(b, build_slot(b, map->slot)->name));
    }
}

static void action_maps(struct flow_build *b, const struct flow_node *node,
                        struct flow_action_def *action)
{
    const struct flow_node *in = flow_node_get(node, "in");
    const struct flow_node *out = flow_node_get(node, "out");

    action->map0 = (uint16_t)b->maps.count;
    for (const struct flow_node *n = in != NULL ? in->first : NULL; n != NULL; n = n->next) {
        if (in->kind == FLOW_NODE_MAP)
            map_input(b, n->key, n);
        else if (slot_required(b, n, n->text) != FLOW_NO)
            map_input(b, n->text, n);
    }
    if (out != NULL && out->kind == FLOW_NODE_SCALAR)
        map_output(b, out, out->text, slice_of(""));
    for (const struct flow_node *n = out != NULL ? out->first : NULL; n != NULL; n = n->next)
        map_output(b, n, n->key, n->text);
    action->map_count = (uint16_t)(b->maps.count - action->map0);
}

static void build_action(struct flow_build *b, const struct flow_node *node)
{
    const struct flow_node *same = flow_node_get(node, "idempotency");
    struct flow_action_def action = { .name = build_intern(b, node->key) };
    int64_t timeout = FLOW_ACTION_TIMEOUT_MS;
    int64_t retry = 0;
    bool side_effect = false;

    (void)flow_node_duration(flow_node_get(node, "timeout"), &timeout);
    (void)flow_node_int(flow_node_get(node, "retry"), &retry);
    (void)flow_node_bool(flow_node_get(node, "side_effect"), &side_effect);
    if (timeout < 1 || timeout > FLOW_ACTION_TIMEOUT_MAX_MS)
        fault(b, "E0", flow_node_get(node, "timeout"), "a timeout of 1 ms to 120 s", slice_of(""));
    if (retry < 0 || retry > 10)
        fault(b, "E0", flow_node_get(node, "retry"), "0 to 10 retries", slice_of(""));
    action.timeout_ms = (uint32_t)timeout;
    action.retry = (uint8_t)retry;
    action.side_effect = side_effect;
    action.by_call = same != NULL && same->kind == FLOW_NODE_SCALAR;
    if (action.by_call && !slice_equal_text(same->text, "call"))
        fault(b, "E0", same, "idempotency: call, or a list of slots, not ", same->text);
    if (side_effect && same == NULL)
        flow_report_add(b->report, "E10", node->key_line, node->key_column,
                        "%.*s has a side effect: say idempotency: call, or the slots that make "
                        "two calls the same",
                        (int)node->key.len, node->key.ptr);
    if (same != NULL && same->kind == FLOW_NODE_LIST)
        keys_add(b, same, &action.key0, &action.key_count);
    action_maps(b, node, &action);
    check_rights(b, node, &action);
    flow_vec_add(&b->actions, &action);
    flow_vec_add(&b->action_nodes, &node);
}

void build_actions(struct flow_build *b)
{
    const struct flow_node *actions = flow_node_get(b->root, "actions");

    if (actions != NULL && actions->count > FLOW_ACTIONS_MAX) {
        flow_report_add(b->report, "E0", actions->line, actions->column, "%u actions, limit %d",
                        actions->count, FLOW_ACTIONS_MAX);
        return;
    }
    for (const struct flow_node *n = actions != NULL ? actions->first : NULL; n != NULL;
         n = n->next)
        build_action(b, n);
}

static unsigned action_find(const struct flow_build *b, struct slice name)
{
    for (unsigned i = 0; i < b->actions.count; i++) {
        if (slice_equal_text(
                name, build_str(b, FLOW_VEC_AT(b->actions, struct flow_action_def, i)->name)))
            return i;
    }
    return FLOW_NO;
}

/* ---- rows ---- */
static uint16_t target_of(struct flow_build *b, const struct flow_node *node)
{
    unsigned at = build_state_find(b, node->text);
    struct slice best = slice_of("");
    unsigned best_distance = 3;

    if (at != FLOW_NO)
        return (uint16_t)at;
    if (slice_equal_text(node->text, ".same"))
        return FLOW_TO_SAME;
    if (slice_equal_text(node->text, ".refill"))
        return FLOW_TO_REFILL;
    for (const struct flow_node *s = flow_node_get(b->root, "states")->first; s != NULL;
         s = s->next) {
        unsigned distance = expr_distance(node->text, s->key, 2);
        if (distance < best_distance) {
            best_distance = distance;
            best = s->key;
        }
    }
    if (best.len > 0)
        flow_report_add(b->report, "E1", node->line, node->column,
                        "no state %.*s (did you mean %.*s?)", (int)node->text.len, node->text.ptr,
                        (int)best.len, best.ptr);
    else
        fault(b, "E1", node, "no state ", node->text);
    return FLOW_TO_SAME;
}

static uint16_t event_intern(struct flow_build *b, struct slice name)
{
    uint32_t offset;

    for (unsigned i = 0; i < FLOW_ON_COUNT; i++) {
        if (slice_equal_text(name, happenings[i]))
            return (uint16_t)i;
    }
    offset = build_intern(b, name);
    for (unsigned i = 0; i < b->events.count; i++) {
        if (*FLOW_VEC_AT(b->events, uint32_t, i) == offset)
            return (uint16_t)(FLOW_ON_NAMED + i);
    }
    flow_vec_add(&b->events, &offset);
    return (uint16_t)(FLOW_ON_NAMED + b->events.count - 1);
}

static void act_add(struct flow_build *b, struct flow_row *row, struct flow_act act)
{
    if (row->nact == 0)
        row->act0 = (uint16_t)b->acts.count;
    flow_vec_add(&b->acts, &act);
    row->nact++;
}

/* `to`, `if`, `say`, `set` and `do` of one row. */
static void row_add(struct flow_build *b, uint16_t state, uint16_t event,
                    const struct flow_node *node)
{
    struct flow_row row = { .state = state, .event = event, .guard = FLOW_NO, .line = node->line };
    const struct flow_node *to = node->kind == FLOW_NODE_SCALAR ? node : flow_node_get(node, "to");
    const struct flow_node *guard = flow_node_get(node, "if");
    const struct flow_node *say = flow_node_get(node, "say");
    const struct flow_node *set = flow_node_get(node, "set");

    if (to == NULL) {
        fault(b, "E0", node, "key to is missing", slice_of(""));
        return;
    }
    row.target = target_of(b, to);
    if (row.target == FLOW_TO_SAME && state != FLOW_GLOBAL && b->current_kind != FLOW_KIND_ASK &&
        b->current_kind != FLOW_KIND_WAIT && slice_equal_text(to->text, ".same"))
        fault(b, "E1", to, "only an ask or a wait goes on with ", to->text);
    if (row.target == FLOW_TO_REFILL && event != FLOW_ON_CORRECTION)
        fault(b, "E1", to, "only a correction goes on with ", to->text);
    if (guard != NULL)
        row.guard = (uint16_t)build_expr(b, guard, guard->text, EXPR_BOOL);
    for (const struct flow_node *n = set != NULL ? set->first : NULL; n != NULL; n = n->next) {
        struct flow_act act = { .kind = FLOW_ACT_SET, .a = (uint16_t)slot_required(b, n, n->key) };
        act.b = (uint16_t)build_expr(b, n, n->text, EXPR_UNKNOWN);
        act_add(b, &row, act);
    }
    if (flow_node_get(node, "do") != NULL)
        act_add(b, &row, (struct flow_act){ .kind = FLOW_ACT_ANSWER });
    if (say != NULL)
        act_add(b, &row,
                (struct flow_act){ .kind = FLOW_ACT_SAY,
                                   .a = (uint16_t)build_text(b, say, say->text) });
    flow_vec_add(&b->rows, &row);
    flow_vec_add(&b->row_nodes, &node);
}

/* Events beside the outcomes of a kind: intents, webhooks, errors, exits. */
static bool named_allowed(const struct flow_build *b, const struct flow_state_def *state,
                          struct slice name)
{
    const struct flow_node *errors = NULL;
    const struct flow *callee;

    if (state->kind == FLOW_KIND_DO && state->a != FLOW_NO) {
        errors = flow_node_get(*FLOW_VEC_AT(b->action_nodes, const struct flow_node *, state->a),
                               "errors");
        for (const struct flow_node *e = errors != NULL ? errors->first : NULL; e != NULL;
             e = e->next) {
            if (slice_equal(e->text, name))
                return true;
        }
        return false;
    }
    if (state->kind == FLOW_KIND_CALL) {
        callee = build_callee(b, slice_of(build_str(b, state->b)));
        return callee == NULL || flow_has_exit(callee, name);
    }
    if (state->kind == FLOW_KIND_HANDOFF)
        return slice_equal_text(name, "agent.closed") || slice_equal_text(name, "agent.returned");
    return (state->kind == FLOW_KIND_ASK || state->kind == FLOW_KIND_WAIT) &&
           (slice_starts_with(name, slice_of("intent.")) ||
            slice_starts_with(name, slice_of("webhook.")) ||
            slice_starts_with(name, slice_of("agent.")));
}

static void report_outcome(struct flow_build *b, const struct flow_state_def *state,
                           const struct flow_node *node)
{
    const char *best = NULL;
    const char *meant = flow_keyword_for(node->key);
    unsigned best_distance = 4;

    for (unsigned i = 0; i < FLOW_ON_COUNT; i++) {
        unsigned distance = meant != NULL && strcmp(meant, happenings[i]) == 0
                                ? 0
                                : expr_distance(node->key, slice_of(happenings[i]), 3);
        if ((allowed[state->kind] >> i & 1U) != 0 && distance < best_distance) {
            best_distance = distance;
            best = happenings[i];
        }
    }
    if (state->kind == FLOW_KIND_CALL)
        flow_report_add(b->report, "E1", node->key_line, node->key_column, "%s has no exit %.*s",
                        build_str(b, state->b), (int)node->key.len, node->key.ptr);
    else if (best != NULL)
        flow_report_add(b->report, "E1", node->key_line, node->key_column,
                        "%s has no outcome %.*s (did you mean %s?)", kind_keys[state->kind],
                        (int)node->key.len, node->key.ptr, best);
    else
        flow_report_add(b->report, "E1", node->key_line, node->key_column, "%s has no outcome %.*s",
                        kind_keys[state->kind], (int)node->key.len, node->key.ptr);
}

static void build_when(struct flow_build *b, uint16_t at, const struct flow_state_def *state,
                       const struct flow_node *when)
{
    for (const struct flow_node *n = when != NULL ? when->first : NULL; n != NULL; n = n->next) {
        uint16_t event = event_intern(b, n->key);
        /* An error or an exit may have the name of an ordinary event. */
        bool ok = (event < FLOW_ON_NAMED && (allowed[state->kind] >> event & 1U) != 0) ||
                  named_allowed(b, state, n->key);

        if (!ok)
            report_outcome(b, state, n);
        if (n->kind != FLOW_NODE_LIST)
            row_add(b, at, event, n);
        for (const struct flow_node *item = n->first; n->kind == FLOW_NODE_LIST && item != NULL;
             item = item->next)
            row_add(b, at, event, item);
    }
}

static bool has_row(const struct flow_build *b, const struct flow_state_def *state, uint16_t event)
{
    for (unsigned i = 0; i < state->row_count; i++) {
        if (FLOW_VEC_AT(b->rows, struct flow_row, state->first_row + i)->event == event)
            return true;
    }
    return false;
}

static void require_row(struct flow_build *b, const struct flow_state_def *state,
                        const struct flow_node *node, struct slice name)
{
    if (!has_row(b, state, event_intern(b, name)))
        flow_report_add(b->report, "E5", node->key_line, node->key_column,
                        "%s does not handle %.*s", build_str(b, state->name), (int)name.len,
                        name.ptr);
}

/* ---- kinds ---- */
static void check_ask(struct flow_build *b, const struct flow_state_def *state,
                      const struct flow_node *node)
{
    const struct flow_slot_def *slot = state->a != FLOW_NO ? build_slot(b, state->a) : NULL;

    if (slot == NULL)
        return;
    if (slot->type == FLOW_SLOT_BOOL && !has_row(b, state, FLOW_ON_FILLED)) {
        require_row(b, state, node, slice_of("accept"));
        require_row(b, state, node, slice_of("deny"));
    } else {
        require_row(b, state, node, slice_of("filled"));
    }
    if (slot->optional)
        require_row(b, state, node, slice_of("skipped"));
    require_row(b, state, node, slice_of("exhausted"));
    require_row(b, state, node, slice_of("timeout"));
}

static void build_ask(struct flow_build *b, uint16_t at, struct flow_state_def *state,
                      const struct flow_node *node)
{
    const struct flow_node *ask = flow_node_get(node, "ask");
    const struct flow_node *ui = flow_node_get(node, "ui");
    int64_t retries = FLOW_RETRIES_DEFAULT;
    struct flow_slot_def *slot;

    (void)flow_node_int(flow_node_get(node, "retries"), &retries);
    if (retries < 0 || retries > 10)
        fault(b, "E0", flow_node_get(node, "retries"), "0 to 10 retries", slice_of(""));
    state->retries = (uint8_t)retries;
    state->a = (uint16_t)slot_required(b, ask, ask->text);
    state->b = ui != NULL ? build_intern(b, ui->text) : 0;
    if (state->a == FLOW_NO)
        return;
    slot = build_slot(b, state->a);
    if (slot->writer == FLOW_NO)
        slot->writer = at;
    slot->used_by_ask = 1;
    if (state->text == FLOW_NO)
        state->text = slot->prompt;
    if (state->text == FLOW_NO) {
        char key[EXPR_NAME_BYTES_MAX + 8];
        int len = snprintf(key, sizeof(key), "ask.%.*s", (int)ask->text.len, ask->text.ptr);
        state->text = (uint16_t)build_text(b, ask, slice_make(key, (size_t)len));
        slot = build_slot(b, state->a);
        slot->prompt = state->text;
    }
    for (unsigned i = 0; i < slot->value_count; i++) {
        struct flow_value_def *value =
            FLOW_VEC_AT(b->values, struct flow_value_def, slot->value0 + i);
        if (value->label == FLOW_NO && b->has_texts)
            flow_report_add(b->report, "E9", ask->line, ask->column,
                            "no text %.*s.%s: a value that the visitor sees", (int)ask->text.len,
                            ask->text.ptr, build_str(b, value->name));
    }
}

static void build_do(struct flow_build *b, struct flow_state_def *state,
                     const struct flow_node *node)
{
    const struct flow_node *action = flow_node_get(node, "do");

    state->a = (uint16_t)action_find(b, action->text);
    if (state->a == FLOW_NO)
        fault(b, "E1", action, "no action ", action->text);
}

static void check_do(struct flow_build *b, const struct flow_state_def *state,
                     const struct flow_node *node)
{
    const struct flow_node *errors;

    if (state->a == FLOW_NO)
        return;
    require_row(b, state, node, slice_of("ok"));
    require_row(b, state, node, slice_of("failed"));
    errors =
        flow_node_get(*FLOW_VEC_AT(b->action_nodes, const struct flow_node *, state->a), "errors");
    for (const struct flow_node *e = errors != NULL ? errors->first : NULL; e != NULL; e = e->next)
        require_row(b, state, node, e->text);
}

static void build_choose(struct flow_build *b, uint16_t at, const struct flow_node *node)
{
    const struct flow_node *choose = flow_node_get(node, "choose");
    bool ends = false;

    for (const struct flow_node *n = choose->first; n != NULL; n = n->next) {
        const struct flow_node *other = flow_node_get(n, "else");

        if (ends)
            fault(b, "W2", n, "never reached: it stands behind else", slice_of(""));
        if ((other != NULL) == (flow_node_get(n, "if") != NULL) ||
            (other != NULL && flow_node_get(n, "to") != NULL))
            fault(b, "E0", n, "a row of choose is {if: …, to: …} or {else: …}", slice_of(""));
        else
            row_add(b, at, FLOW_ON_NEXT, other != NULL ? other : n);
        ends |= other != NULL;
    }
    if (!ends)
        flow_report_add(b->report, "E5", node->key_line, node->key_column,
                        "%.*s: choose without else", (int)node->key.len, node->key.ptr);
}

static void build_call(struct flow_build *b, struct flow_state_def *state,
                       const struct flow_node *node)
{
    const struct flow_node *call = flow_node_get(node, "call");
    const struct flow_node *in = flow_node_get(node, "in");
    const struct flow_node *out = flow_node_get(node, "out");
    const struct flow *callee = build_callee(b, call->text);

    state->b = build_intern(b, call->text);
    flow_vec_add(&b->calls, &state->b);
    state->map0 = (uint16_t)b->maps.count;
    for (const struct flow_node *n = in != NULL ? in->first : NULL; n != NULL; n = n->next) {
        if (callee != NULL && flow_slot_find(callee, n->key) == FLOW_NO)
            flow_report_add(b->report, "E1", n->key_line, n->key_column, "%s has no slot %.*s",
                            build_str(b, state->b), (int)n->key.len, n->key.ptr);
        map_input(b, n->key, n);
    }
    for (const struct flow_node *n = out != NULL ? out->first : NULL; n != NULL; n = n->next) {
        if (callee != NULL && flow_slot_find(callee, n->text) == FLOW_NO)
            flow_report_add(b->report, "E1", n->line, n->column, "%s has no slot %.*s",
                            build_str(b, state->b), (int)n->text.len, n->text.ptr);
        map_output(b, n, n->key, n->text);
    }
    state->map_count = (uint16_t)(b->maps.count - state->map0);
}

static void check_call(struct flow_build *b, const struct flow_state_def *state,
                       const struct flow_node *node)
{
    const struct flow_node *call = flow_node_get(node, "call");
    const struct flow *callee = build_callee(b, call->text);

    if (callee == NULL) {
        bool dangling = b->others != NULL && b->others->complete;
        flow_report_add(b->report, dangling ? "E1" : "N", call->line, call->column,
                        dangling ? "no flow %.*s"
                                 : "flow %.*s is not among these files: its exits are taken from "
                                   "the rows",
                        (int)call->text.len, call->text.ptr);
        return;
    }
    for (unsigned i = 0; i < callee->exits.count; i++)
        require_row(b, state, node,
                    slice_of(flow_str(callee, FLOW_TABLE(callee, exits, uint32_t)[i])));
}

static void known_or_fault(struct flow_build *b, const struct slice *known, size_t count,
                           const struct flow_node *node, struct slice name, const char *what)
{
    struct slice best = slice_of("");
    unsigned best_distance = 4;

    if (known == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = expr_distance(name, known[i], 3);
        if (distance == 0)
            return;
        if (distance < best_distance) {
            best_distance = distance;
            best = known[i];
        }
    }
    flow_report_add(b->report, "E11", node->line, node->column, "no %s %.*s%s%.*s%s", what,
                    (int)name.len, name.ptr, best.len > 0 ? " (did you mean " : "", (int)best.len,
                    best.ptr, best.len > 0 ? "?)" : "");
}

static uint32_t skills_json(struct flow_build *b, const struct flow_node *skills)
{
    struct json_writer json;
    struct buf out;
    uint32_t offset;

    buf_init(&out, 4096);
    json_writer_init(&json, &out);
    json_object_begin(&json);
    for (const struct flow_node *n = skills->first; n != NULL; n = n->next) {
        int64_t level = 0;
        char key[EXPR_NAME_BYTES_MAX + 1];

        (void)flow_node_int(n, &level);
        snprintf(key, sizeof(key), "%.*s", (int)n->key.len, n->key.ptr);
        json_key(&json, key);
        json_i64(&json, level);
        if (b->host != NULL)
            known_or_fault(b, b->host->skills, b->host->skill_count, n, n->key, "skill");
    }
    json_object_end(&json);
    offset = build_intern(b, buf_slice(&out));
    buf_fini(&out);
    return offset;
}

static void build_handoff(struct flow_build *b, struct flow_state_def *state,
                          const struct flow_node *node)
{
    const struct flow_node *handoff = flow_node_get(node, "handoff");
    const struct flow_node *queue =
        handoff->kind == FLOW_NODE_SCALAR ? handoff : flow_node_get(handoff, "queue");
    const struct flow_node *skills = flow_node_get(handoff, "skills");
    const struct flow_node *priority = flow_node_get(handoff, "priority");
    struct flow_handoff_def def = { .priority = FLOW_NO };

    if (queue != NULL) {
        def.queue = build_intern(b, queue->text);
        if (b->host != NULL)
            known_or_fault(b, b->host->queues, b->host->queue_count, queue, queue->text, "queue");
    }
    if (skills != NULL)
        def.skills = skills_json(b, skills);
    if (priority != NULL)
        def.priority = (uint16_t)build_expr(b, priority, priority->text, EXPR_NUMBER);
    keys_add(b, flow_node_get(handoff, "carry"), &def.carry0, &def.carry_count);
    state->a = (uint16_t)b->handoffs.count;
    flow_vec_add(&b->handoffs, &def);
}

static void build_end(struct flow_build *b, struct flow_state_def *state,
                      const struct flow_node *node)
{
    const struct flow_node *end = flow_node_get(node, "end");
    const struct flow_node *exits = flow_node_get(b->root, "exits");
    bool csat = false;
    bool declared = exits == NULL;

    state->csat = flow_node_bool(flow_node_get(node, "csat"), &csat) && csat;
    state->b = build_intern(b, end->text);
    for (const struct flow_node *e = exits != NULL ? exits->first : NULL; e != NULL; e = e->next)
        declared |= slice_equal(e->text, end->text);
    if (!declared)
        fault(b, "E1", end, "not among the exits of this flow: ", end->text);
    for (unsigned i = 0; i < b->exits.count; i++) {
        if (*FLOW_VEC_AT(b->exits, uint32_t, i) == state->b)
            return;
    }
    flow_vec_add(&b->exits, &state->b);
}

static enum flow_kind kind_of(struct flow_build *b, const struct flow_node *node)
{
    enum flow_kind kind = FLOW_KIND_NONE;
    unsigned kinds = 0;

    for (unsigned i = 0; i < FLOW_KIND_NONE; i++) {
        if (i == FLOW_KIND_SAY || flow_node_get(node, kind_keys[i]) == NULL)
            continue;
        kind = (enum flow_kind)i;
        kinds++;
    }
    if (kinds == 0 && flow_node_get(node, "say") != NULL)
        return FLOW_KIND_SAY;
    if (kinds != 1)
        flow_report_add(b->report, "E0", node->key_line, node->key_column,
                        "%.*s: exactly one of ask, say, do, choose, call, wait, handoff, end",
                        (int)node->key.len, node->key.ptr);
    return kinds == 1 ? kind : FLOW_KIND_NONE;
}

/* Keys that only some kinds have. */
static void check_keys(struct flow_build *b, const struct flow_node *node, enum flow_kind kind)
{
    static const struct {
        const char *key;
        uint32_t kinds;
    } keys[] = {
        { "ui", BIT(FLOW_KIND_ASK) },
        { "retries", BIT(FLOW_KIND_ASK) },
        { "progress", BIT(FLOW_KIND_ASK) },
        { "timeout", BIT(FLOW_KIND_ASK) },
        { "in", BIT(FLOW_KIND_CALL) },
        { "out", BIT(FLOW_KIND_CALL) },
        { "csat", BIT(FLOW_KIND_END) },
        { "to", BIT(FLOW_KIND_SAY) },
        { "when", BIT(FLOW_KIND_ASK) | BIT(FLOW_KIND_DO) | BIT(FLOW_KIND_CALL) |
                      BIT(FLOW_KIND_WAIT) | BIT(FLOW_KIND_HANDOFF) },
    };

    for (size_t i = 0; i < LENGTH_OF(keys); i++) {
        const struct flow_node *value = flow_node_get(node, keys[i].key);
        if (value != NULL && (keys[i].kinds >> kind & 1U) == 0)
            flow_report_add(b->report, "E0", value->key_line, value->key_column,
                            "%s does not belong to %s", keys[i].key, kind_keys[kind]);
    }
    if (kind == FLOW_KIND_SAY && flow_node_get(node, "to") == NULL)
        flow_report_add(b->report, "E5", node->key_line, node->key_column, "%.*s: say without to",
                        (int)node->key.len, node->key.ptr);
}

static void build_kind(struct flow_build *b, uint16_t at, struct flow_state_def *state,
                       const struct flow_node *node)
{
    int64_t duration = 0;

    if (state->kind == FLOW_KIND_ASK)
        build_ask(b, at, state, node);
    else if (state->kind == FLOW_KIND_DO)
        build_do(b, state, node);
    else if (state->kind == FLOW_KIND_CALL)
        build_call(b, state, node);
    else if (state->kind == FLOW_KIND_HANDOFF)
        build_handoff(b, state, node);
    else if (state->kind == FLOW_KIND_END)
        build_end(b, state, node);
    (void)flow_node_duration(
        flow_node_get(node, state->kind == FLOW_KIND_WAIT ? "wait" : "timeout"), &duration);
    state->timeout_s = (uint32_t)((duration + 999) / 1000);
    state->first_row = (uint16_t)b->rows.count;
    if (state->kind == FLOW_KIND_CHOOSE)
        build_choose(b, at, node);
    else if (state->kind == FLOW_KIND_SAY && flow_node_get(node, "to") != NULL)
        row_add(b, at, FLOW_ON_NEXT, flow_node_get(node, "to"));
    else
        build_when(b, at, state, flow_node_get(node, "when"));
    state->row_count = (uint16_t)(b->rows.count - state->first_row);
}

static void build_one_state(struct flow_build *b, const struct flow_node *node)
{
    const struct flow_node *say = flow_node_get(node, "say");
    const struct flow_node *progress = flow_node_get(node, "progress");
    struct flow_state_def state = {
        .name = build_intern(b, node->key), .a = FLOW_NO, .text = FLOW_NO, .progress = FLOW_NO
    };
    uint16_t at = (uint16_t)b->states.count;

    b->current = at;
    state.kind = (uint8_t)kind_of(b, node);
    b->current_kind = state.kind;
    state.first_row = (uint16_t)b->rows.count;
    if (say != NULL)
        state.text = (uint16_t)build_text(b, say, say->text);
    if (progress != NULL)
        state.progress = (uint16_t)build_text(b, progress, progress->text);
    if (state.kind != FLOW_KIND_NONE) {
        check_keys(b, node, (enum flow_kind)state.kind);
        build_kind(b, at, &state, node);
    }
    flow_vec_add(&b->states, &state);
    flow_vec_add(&b->state_nodes, &node);
    if (state.kind == FLOW_KIND_ASK)
        check_ask(b, &state, node);
    else if (state.kind == FLOW_KIND_DO)
        check_do(b, &state, node);
    else if (state.kind == FLOW_KIND_CALL)
        check_call(b, &state, node);
    else if (state.kind == FLOW_KIND_WAIT)
        require_row(b, &state, node, slice_of("timeout"));
}

static void build_globals(struct flow_build *b)
{
    const struct flow_node *rows = flow_node_get(b->root, "global");
    size_t before = b->rows.count;

    b->current = FLOW_GLOBAL;
    for (const struct flow_node *n = rows != NULL ? rows->first : NULL; n != NULL; n = n->next) {
        const struct flow_node *event = flow_node_get(n, "event");
        uint16_t happening = event_intern(b, event->text);

        if (happening >= FLOW_ON_NAMED && !slice_starts_with(event->text, slice_of("intent.")) &&
            !slice_starts_with(event->text, slice_of("webhook.")) &&
            !slice_starts_with(event->text, slice_of("agent.")))
            fault(b, "E1", event, "no event ", event->text);
        row_add(b, FLOW_GLOBAL, happening, n);
    }
    b->global_rows = b->rows.count - before;
}

void build_states(struct flow_build *b)
{
    const struct flow_node *states = flow_node_get(b->root, "states");

    if (states->count == 0 || states->count > FLOW_STATES_MAX) {
        flow_report_add(b->report, "E0", states->line, states->column, "%u states: 1 to %d",
                        states->count, FLOW_STATES_MAX);
        return;
    }
    for (const struct flow_node *node = states->first; node != NULL; node = node->next) {
        build_one_state(b, node);
        if (b->rows.count > FLOW_ROWS_MAX || b->exprs.count > FLOW_ROWS_MAX) {
            flow_report_add(b->report, "E0", node->line, node->column, "more than %d rows",
                            FLOW_ROWS_MAX);
            return;
        }
    }
    build_globals(b);
}
