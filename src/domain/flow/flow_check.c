/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of the graph: what is reachable, what can finish, what loops without anyone saying a
 * word, and what is read before anything wrote it (definite assignment, as compilers do it: what
 * holds at a state is what holds on every way to it; one bit per slot).
 * The warnings are in flow_warn.c. */
#include "flow_build.h"
#include "flow_warn.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum {
    PATH_STEPS_MAX = 2000 * 1000, /* of counting paths: then "too many" */
    USES_MAX = 64,
};

static bool waits(const struct flow_state_def *state)
{
    return state->kind == FLOW_KIND_ASK || state->kind == FLOW_KIND_WAIT;
}

static bool terminal(const struct flow_state_def *state)
{
    return state->kind == FLOW_KIND_END || state->kind == FLOW_KIND_HANDOFF;
}

static const struct flow_row *own_row(struct flow_build *b, const struct flow_state_def *state,
                                      unsigned i)
{
    return build_row(b, state->first_row + i);
}

static const struct flow_row *global_row(struct flow_build *b, unsigned i)
{
    return build_row(b, (unsigned)(b->rows.count - b->global_rows) + i);
}

static void report_state(struct flow_build *b, const char *code, unsigned at, const char *what)
{
    const struct flow_node *node = build_state_node(b, at);

    flow_report_add(b->report, code, node->key_line, node->key_column, "%.*s %s",
                    (int)node->key.len, node->key.ptr, what);
}

/* ---- E2 ---- */
static void mark_from(struct flow_build *b, unsigned at, bool *seen, uint16_t *stack)
{
    size_t depth = 0;

    if (seen[at])
        return;
    seen[at] = true;
    stack[depth++] = (uint16_t)at;
    while (depth > 0) {
        const struct flow_state_def *state = build_state(b, stack[--depth]);
        unsigned globals = waits(state) ? (unsigned)b->global_rows : 0;

        for (unsigned i = 0; i < state->row_count + globals; i++) {
            uint16_t to = i < state->row_count ? own_row(b, state, i)->target
                                               : global_row(b, i - state->row_count)->target;
            if (to < b->states.count && !seen[to]) {
                seen[to] = true;
                stack[depth++] = to;
            }
        }
    }
}

static void check_reachable(struct flow_build *b, bool *seen, struct flow_facts *facts)
{
    uint16_t *stack = mem_alloc((b->states.count + 1) * sizeof(*stack));

    mark_from(b, 0, seen, stack);
    for (unsigned i = 0; i < b->states.count; i++) {
        if (!seen[i]) {
            facts->unreachable++;
            report_state(b, "E2", i, "is never reached");
        }
    }
    free(stack);
}

/* ---- E3 ---- */
static void check_finish(struct flow_build *b, const bool *seen)
{
    bool *can = mem_zalloc(b->states.count + 1);
    bool global_can = false;
    bool changed = true;

    for (unsigned i = 0; i < b->states.count; i++)
        can[i] = terminal(build_state(b, i));
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < b->global_rows; i++) {
            uint16_t to = global_row(b, i)->target;
            global_can |= to < b->states.count && can[to];
        }
        for (unsigned i = 0; i < b->states.count; i++) {
            const struct flow_state_def *state = build_state(b, i);
            bool now = can[i] || (waits(state) && global_can);

            for (unsigned r = 0; r < state->row_count; r++) {
                uint16_t to = own_row(b, state, r)->target;
                now |= to < b->states.count && can[to];
            }
            changed |= now != can[i];
            can[i] = now;
        }
    }
    for (unsigned i = 0; i < b->states.count; i++) {
        if (seen[i] && !can[i])
            report_state(b, "E3", i, "never comes to an end or a handoff");
    }
    free(can);
}

/* ---- E4 ---- */
/* Can a call run through without an ask or a wait? */
static bool callee_silent(const struct flow *flow)
{
    bool *seen = mem_zalloc(flow->states.count + 1);
    uint16_t *stack = mem_alloc((flow->states.count + 1) * sizeof(*stack));
    bool silent = false;
    size_t depth = 0;

    stack[depth++] = flow->entry;
    seen[flow->entry] = true;
    while (depth > 0 && !silent) {
        const struct flow_state_def *state = flow_state_def(flow, stack[--depth]);

        silent |= state->kind == FLOW_KIND_END;
        for (unsigned i = 0; !waits(state) && i < state->row_count; i++) {
            uint16_t to = flow_rows(flow)[state->first_row + i].target;
            if (to < flow->states.count && !seen[to]) {
                seen[to] = true;
                stack[depth++] = to;
            }
        }
    }
    free(seen);
    free(stack);
    return silent;
}

static bool passes_silently(struct flow_build *b, const struct flow_state_def *state)
{
    const struct flow *callee;

    if (state->kind == FLOW_KIND_CALL) {
        callee = build_callee(b, slice_of(build_str(b, state->b)));
        return callee != NULL && callee_silent(callee);
    }
    return state->kind == FLOW_KIND_SAY || state->kind == FLOW_KIND_CHOOSE ||
           state->kind == FLOW_KIND_DO;
}

/* Depth-first with colours; an edge back to a grey state closes a silent cycle. */
static void check_silent_cycles(struct flow_build *b)
{
    enum { WHITE, GREY, BLACK };
    struct frame {
        uint16_t state, row;
    } *stack = mem_alloc((b->states.count + 1) * sizeof(*stack));
    uint8_t *colour = mem_zalloc(b->states.count + 1);

    for (unsigned start = 0; start < b->states.count; start++) {
        size_t depth = 0;

        if (colour[start] != WHITE || !passes_silently(b, build_state(b, start)))
            continue;
        stack[depth++] = (struct frame){ (uint16_t)start, 0 };
        colour[start] = GREY;
        while (depth > 0) {
            struct frame *top = &stack[depth - 1];
            const struct flow_state_def *state = build_state(b, top->state);
            uint16_t to;

            if (top->row == state->row_count) {
                colour[top->state] = BLACK;
                depth--;
                continue;
            }
            to = own_row(b, state, top->row++)->target;
            if (to == FLOW_TO_SAME)
                to = top->state;
            if (to >= b->states.count || !passes_silently(b, build_state(b, to)))
                continue;
            if (colour[to] == GREY) {
                report_state(b, "E4", to, "is in a loop without an ask or a wait");
            } else if (colour[to] == WHITE) {
                colour[to] = GREY;
                stack[depth++] = (struct frame){ to, 0 };
            }
        }
    }
    free(stack);
    free(colour);
}

/* ---- E6 ---- */
struct assignment {
    struct flow_build *b;
    uint64_t *in; /* slots that are filled whenever the state is entered */
    bool *reported;
};

static uint64_t slot_bit(unsigned slot)
{
    return slot < 64 ? UINT64_C(1) << slot : 0;
}

static uint64_t outputs(struct flow_build *b, unsigned map0, unsigned count)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct flow_map *map = FLOW_VEC_AT(b->maps, struct flow_map, map0 + i);
        if (map->out != 0)
            bits |= slot_bit(map->slot);
    }
    return bits;
}

/* What a row's event has written before the row is taken. */
static uint64_t written_by(struct flow_build *b, const struct flow_state_def *state,
                           const struct flow_row *row)
{
    const struct flow_action_def *action;

    if (state->kind == FLOW_KIND_ASK && state->a != FLOW_NO &&
        (row->event == FLOW_ON_FILLED || row->event == FLOW_ON_ACCEPT ||
         row->event == FLOW_ON_DENY))
        return slot_bit(state->a);
    if (state->kind == FLOW_KIND_DO && state->a != FLOW_NO && row->event == FLOW_ON_OK) {
        action = FLOW_VEC_AT(b->actions, struct flow_action_def, state->a);
        return outputs(b, action->map0, action->map_count);
    }
    if (state->kind == FLOW_KIND_CALL && row->event != FLOW_ON_FAILED) {
        const char *exit =
            row->event >= FLOW_ON_NAMED
                ? build_str(b, *FLOW_VEC_AT(b->events, uint32_t, row->event - FLOW_ON_NAMED))
                : flow_happening_name((enum flow_happening)row->event);
        /* A callee that was cancelled or ran out of time has not filled its results. */
        if (strcmp(exit, "cancelled") != 0 && strcmp(exit, "expired") != 0)
            return outputs(b, state->map0, state->map_count);
    }
    return 0;
}

static uint64_t known_by_guard(struct flow_build *b, uint16_t guard)
{
    struct expr_use uses[USES_MAX];
    const struct expr *expr;
    uint64_t bits = 0;
    unsigned calls;
    size_t count;

    if (guard == FLOW_NO)
        return 0;
    expr = FLOW_VEC_AT(b->exprs, struct flow_build_expr, guard)->expr;
    if (!expr_needs_all(expr))
        return 0;
    count = expr_uses(expr, uses, USES_MAX, &calls);
    for (size_t i = 0; i < count && i < USES_MAX; i++)
        bits |= slot_bit(FLOW_VEC_AT(b->symbols, struct flow_symbol, uses[i].id)->slot);
    return bits;
}

static uint64_t written_by_acts(struct flow_build *b, const struct flow_row *row)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < row->nact; i++) {
        const struct flow_act *act = FLOW_VEC_AT(b->acts, struct flow_act, row->act0 + i);
        if (act->kind == FLOW_ACT_SET)
            bits |= slot_bit(act->a);
    }
    return bits;
}

static bool narrow(struct assignment *a, uint16_t to, uint64_t bits)
{
    uint64_t next;

    if (to >= a->b->states.count)
        return false;
    next = a->in[to] & bits;
    if (next == a->in[to])
        return false;
    a->in[to] = next;
    return true;
}

static void assign_all(struct assignment *a)
{
    struct flow_build *b = a->b;
    bool changed = true;

    for (unsigned i = 0; i < b->states.count; i++)
        a->in[i] = UINT64_MAX;
    a->in[0] = 0;
    for (unsigned i = 0; i < b->ins.count; i++)
        a->in[0] |=
            slot_bit(build_slot_find(b, slice_of(build_str(b, *FLOW_VEC_AT(b->ins, uint32_t, i)))));
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < b->states.count; i++) {
            const struct flow_state_def *state = build_state(b, i);

            for (unsigned r = 0; r < state->row_count; r++) {
                const struct flow_row *row = own_row(b, state, r);
                uint64_t bits = a->in[i] | written_by(b, state, row) |
                                known_by_guard(b, row->guard) | written_by_acts(b, row);
                changed |= narrow(a, row->target, bits);
            }
            for (unsigned g = 0; waits(state) && g < b->global_rows; g++)
                changed |= narrow(a, global_row(b, g)->target, a->in[i]);
        }
    }
}

static void report_read(struct assignment *a, const struct flow_node *node, unsigned slot,
                        unsigned state)
{
    struct flow_build *b = a->b;

    flow_report_add(b->report, "E6", node->line, node->column,
                    "slot %s is read in %s, but not every way there fills it: ask first, or guard "
                    "with known(%s)",
                    build_str(b, build_slot(b, slot)->name),
                    build_str(b, build_state(b, state)->name),
                    build_str(b, build_slot(b, slot)->name));
}

static void check_expr(struct assignment *a, unsigned at, unsigned state, uint64_t filled)
{
    struct flow_build *b = a->b;
    const struct flow_build_expr *entry = FLOW_VEC_AT(b->exprs, struct flow_build_expr, at);
    struct expr_use uses[USES_MAX];
    uint64_t guarded = 0;
    unsigned calls;
    size_t count = expr_uses(entry->expr, uses, USES_MAX, &calls);

    count = count < USES_MAX ? count : USES_MAX;
    for (size_t i = 0; i < count; i++) {
        if (uses[i].kind == EXPR_USE_KNOWN)
            guarded |= slot_bit(FLOW_VEC_AT(b->symbols, struct flow_symbol, uses[i].id)->slot);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned slot = FLOW_VEC_AT(b->symbols, struct flow_symbol, uses[i].id)->slot;
        uint64_t bit = slot_bit(slot);

        if (bit == 0 || (filled & bit) != 0 || (guarded & bit) != 0)
            continue;
        report_read(a, entry->node, slot, state);
        guarded |= bit; /* once is enough */
    }
}

static void check_maps(struct assignment *a, unsigned map0, unsigned count, unsigned state,
                       uint64_t filled)
{
    struct flow_build *b = a->b;

    for (unsigned i = 0; i < count; i++) {
        const struct flow_map *map = FLOW_VEC_AT(b->maps, struct flow_map, map0 + i);

        if (map->out != 0)
            continue;
        if (map->expr != FLOW_NO)
            check_expr(a, map->expr, state, filled);
        else if (map->slot != FLOW_NO && (filled & slot_bit(map->slot)) == 0 &&
                 !build_slot(b, map->slot)->optional)
            report_read(a, build_state_node(b, state), map->slot, state);
    }
}

/* Every {name} of a text. */
static void check_text(struct assignment *a, unsigned text, unsigned state, uint64_t filled)
{
    struct flow_build *b = a->b;
    const struct flow_text_def *def;
    uint64_t done = 0;

    if (text == FLOW_NO)
        return;
    def = FLOW_VEC_AT(b->texts, struct flow_text_def, text);
    for (unsigned v = 0; v < def->variant_count; v++) {
        const char *at =
            build_str(b, FLOW_VEC_AT(b->variants, struct flow_variant, def->variant0 + v)->text);

        while ((at = strchr(at, '{')) != NULL) {
            size_t len = strcspn(++at, ".}");
            unsigned slot = build_slot_find(b, slice_make(at, len));

            if (slot == FLOW_NO || (filled & slot_bit(slot)) != 0 || (done & slot_bit(slot)) != 0 ||
                build_slot(b, slot)->optional)
                continue;
            done |= slot_bit(slot);
            report_read(a, build_state_node(b, state), slot, state);
        }
    }
}

static void check_row_reads(struct assignment *a, unsigned state, const struct flow_row *row,
                            uint64_t filled)
{
    struct flow_build *b = a->b;

    if (row->guard != FLOW_NO)
        check_expr(a, row->guard, state, filled);
    filled |= known_by_guard(b, row->guard);
    for (unsigned i = 0; i < row->nact; i++) {
        const struct flow_act *act = FLOW_VEC_AT(b->acts, struct flow_act, row->act0 + i);

        if (act->kind == FLOW_ACT_SET && act->b != FLOW_NO) {
            check_expr(a, act->b, state, filled);
            filled |= slot_bit(act->a);
        } else if (act->kind == FLOW_ACT_SAY) {
            check_text(a, act->a, state, filled);
        }
    }
}

static void check_state_reads(struct assignment *a, unsigned at)
{
    struct flow_build *b = a->b;
    const struct flow_state_def *state = build_state(b, at);
    uint64_t filled = a->in[at];

    check_text(a, state->text, at, filled);
    check_text(a, state->progress, at, filled);
    for (unsigned r = 0; r < state->row_count; r++) {
        const struct flow_row *row = own_row(b, state, r);
        check_row_reads(a, at, row, filled | written_by(b, state, row));
    }
    if (state->kind == FLOW_KIND_DO && state->a != FLOW_NO) {
        const struct flow_action_def *action =
            FLOW_VEC_AT(b->actions, struct flow_action_def, state->a);
        check_maps(a, action->map0, action->map_count, at, filled);
    } else if (state->kind == FLOW_KIND_CALL) {
        check_maps(a, state->map0, state->map_count, at, filled);
    } else if (state->kind == FLOW_KIND_HANDOFF) {
        const struct flow_handoff_def *def =
            FLOW_VEC_AT(b->handoffs, struct flow_handoff_def, state->a);
        if (def->priority != FLOW_NO)
            check_expr(a, def->priority, at, filled);
    }
}

static void check_assignment(struct flow_build *b, const bool *seen)
{
    struct assignment a = { .b = b, .in = mem_alloc((b->states.count + 1) * sizeof(uint64_t)) };

    assign_all(&a);
    for (unsigned i = 0; i < b->states.count; i++) {
        if (seen[i])
            check_state_reads(&a, i);
    }
    for (unsigned g = 0; g < b->global_rows; g++) {
        for (unsigned i = 0; i < b->states.count; i++) {
            if (seen[i] && waits(build_state(b, i))) {
                size_t before = b->report->errors;
                check_row_reads(&a, i, global_row(b, g), a.in[i]);
                if (b->report->errors > before)
                    break;
            }
        }
    }
    free(a.in);
}

/* ---- E8 ---- */
static bool calls_reach(const struct flow_others *others, const struct flow *from,
                        struct slice name, unsigned depth)
{
    const uint32_t *calls = FLOW_TABLE(from, calls, uint32_t);

    if (depth > FLOW_DEPTH_MAX * 2)
        return false;
    for (unsigned i = 0; i < from->calls.count; i++) {
        struct slice callee = slice_of(flow_str(from, calls[i]));

        if (slice_equal(callee, name))
            return true;
        for (size_t f = 0; f < others->count; f++) {
            if (slice_equal(flow_name(others->flows[f]), callee) &&
                calls_reach(others, others->flows[f], name, depth + 1))
                return true;
        }
    }
    return false;
}

static void check_recursion(struct flow_build *b)
{
    struct slice own = slice_of(build_str(b, b->head.name));

    for (unsigned i = 0; i < b->states.count; i++) {
        const struct flow_state_def *state = build_state(b, i);
        const struct flow *callee;
        struct slice name;

        if (state->kind != FLOW_KIND_CALL)
            continue;
        name = slice_of(build_str(b, state->b));
        callee = build_callee(b, name);
        if (slice_equal(name, own) || (callee != NULL && calls_reach(b->others, callee, own, 0)))
            report_state(b, "E8", i, "calls a flow that comes back to this one");
    }
}

/* ---- paths ---- */
struct counting {
    struct flow_build *b;
    bool *on_path;
    uint64_t paths;
    unsigned steps;
};

static void count_paths(struct counting *c, unsigned at, unsigned depth)
{
    const struct flow_state_def *state = build_state(c->b, at);

    if (terminal(state)) {
        c->paths++;
        return;
    }
    if (++c->steps > PATH_STEPS_MAX || depth > 200)
        return;
    c->on_path[at] = true;
    for (unsigned i = 0; i < state->row_count; i++) {
        uint16_t to = own_row(c->b, state, i)->target;
        if (to < c->b->states.count && !c->on_path[to])
            count_paths(c, to, depth + 1);
    }
    c->on_path[at] = false;
}

void flow_check(struct flow_build *b, struct flow_facts *facts)
{
    bool *seen;
    struct counting counting = { .b = b };

    facts->states = (unsigned)b->states.count;
    facts->rows = (unsigned)(b->rows.count - b->global_rows);
    facts->global_rows = (unsigned)b->global_rows;
    for (size_t i = 0; i < b->report->count; i++)
        facts->unhandled += strcmp(b->report->findings[i].code, "E5") == 0;
    if (b->states.count == 0 || flow_report_has(b->report, "E0"))
        return;
    seen = mem_zalloc(b->states.count + 1);
    for (unsigned i = 0; i < b->states.count; i++)
        facts->terminals += terminal(build_state(b, i));
    check_reachable(b, seen, facts);
    check_finish(b, seen);
    check_silent_cycles(b);
    check_recursion(b);
    if (!flow_report_has(b->report, "E7") && !flow_report_has(b->report, "E1") &&
        !flow_report_has(b->report, "E13")) {
        check_assignment(b, seen);
        flow_warn(b);
    }
    counting.on_path = mem_zalloc(b->states.count + 1);
    count_paths(&counting, 0, 0);
    facts->paths = counting.steps > PATH_STEPS_MAX ? UINT64_MAX : counting.paths;
    free(counting.on_path);
    free(seen);
}
