/* SPDX-License-Identifier: Apache-2.0 */
/* The engine. A step is: what happened becomes the event of a row (in the order of the contract:
 * the answer to the pending ask, the state's own rows, the flow's global rows, the engine's own
 * answers, the ladder, a wrong answer), the row leads to a state, and states are entered until one
 * waits or the run is over.
 *
 *   on_event -> step_happen(event) -> row_take -> state_enter ... -> ask / wait / do / handoff /
 * end
 *
 * Nothing here loops without bound: every state entered counts against FLOW_STEPS_MAX, and asks and
 * waits against the flow's `visits`. */
#include "flow_step.h"

#include <string.h>

#include "text.h"

enum {
    ACTION_GRACE_MS = 1000, /* beyond the action's own time-out: the answer's way back */
    RETRY_PAUSE_MS = 500,   /* before the second attempt; twice that before the third, … */
};

/* ---- frames ---- */
bool step_top_load(struct flow_step *step)
{
    const struct flow_frame *frame = step_frame(step);

    step->flow = flow_set_get(step->env->set, frame->flow, frame->version);
    if (step->flow == NULL || frame->state >= step->flow->states.count)
        return false;
    step_locale(step);
    return true;
}

/* What waits must fit what the top state is, and what lies below must be a call or wait itself: a
 * state that was damaged in storage, or is of a flow whose file changed without a new version, is
 * refused here and not believed later. */
bool step_stack_valid(const struct flow_step *step)
{
    static const uint8_t kinds[] = { [FLOW_WAIT_NOTHING] = FLOW_KIND_NONE,
                                     [FLOW_WAIT_ASK] = FLOW_KIND_ASK,
                                     [FLOW_WAIT_TIMER] = FLOW_KIND_WAIT,
                                     [FLOW_WAIT_ACTION] = FLOW_KIND_DO,
                                     [FLOW_WAIT_AGENT] = FLOW_KIND_HANDOFF };
    const struct flow_state *s = step->s;

    for (unsigned i = 0; i < s->depth; i++) {
        const struct flow *flow =
            flow_set_get(step->env->set, s->frames[i].flow, s->frames[i].version);
        bool top = i + 1U == s->depth;
        uint8_t kind;

        if (flow == NULL || s->frames[i].state >= flow->states.count ||
            (s->frames[i].kind == FLOW_FRAME_ROOT) != (i == 0))
            return false;
        kind = flow_state_def(flow, s->frames[i].state)->kind;
        if (top && kind != kinds[s->wait])
            return false;
        if (!top && s->frames[i + 1].kind == FLOW_FRAME_CALL && kind != FLOW_KIND_CALL)
            return false;
        if (!top && s->frames[i + 1].kind == FLOW_FRAME_INTERRUPT && kind != FLOW_KIND_ASK &&
            kind != FLOW_KIND_WAIT)
            return false;
    }
    return true;
}

static void frame_pop(struct flow_step *step)
{
    flow_area_drop_frame(step->s, step->s->depth);
    step->s->depth--;
}

/* The run is over: what the session keeps stays. */
void step_run_clear(struct flow_step *step)
{
    while (step->s->depth > 0)
        frame_pop(step);
    step->s->wait = FLOW_WAIT_NOTHING;
    step->s->deadline = 0;
    step->s->attempt = 0;
    step->flow = NULL;
}

void step_frame_push(struct flow_step *step, const struct flow *flow, enum flow_frame_kind kind)
{
    ENSURE(step->s->depth < FLOW_DEPTH_MAX);
    step->s->frames[step->s->depth++] = (struct flow_frame){
        .flow = flow->hash, .version = flow->version, .state = flow->entry, .kind = (uint8_t)kind
    };
    step->flow = flow;
    step_locale(step);
}

/* ---- handoff ---- */
static void handoff_write(struct flow_step *step, struct flow_effect *effect, struct slice skills,
                          struct slice carry)
{
    struct buf buf = step_buf(step);

    buf_printf(&buf, "{\"flow\":\"%s\",\"state\":\"%s\",\"skills\":",
               flow_str(step->flow, step->flow->name),
               flow_str(step->flow, step_state(step)->name));
    buf_add_slice(&buf, skills.len > 0 ? skills : slice_of("{}"));
    buf_add_text(&buf, ",\"carry\":");
    buf_add_slice(&buf, carry);
    buf_add_char(&buf, '}');
    effect->json = step_buf_done(step, &buf);
}

/* When the flow has no row of its own: to a person, with everything that is known. */
void step_handoff_default(struct flow_step *step, const char *reason)
{
    uint16_t slots[FLOW_SLOTS_MAX];
    struct flow_effect *effect;
    struct slice carry;

    for (unsigned i = 0; i < step->flow->slots.count; i++)
        slots[i] = (uint16_t)i;
    carry = step_carry(step, slots, step->flow->slots.count);
    effect = step_effect(step, FLOW_HANDOFF);
    if (effect != NULL) {
        effect->value = slice_of(reason);
        handoff_write(step, effect, slice_of(""), carry);
    }
    step_run_clear(step);
}

static bool handoff_enter(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_handoff_def *def =
        FLOW_TABLE(step->flow, handoffs, struct flow_handoff_def) + state->a;
    struct slice carry =
        step_carry(step, FLOW_TABLE(step->flow, keys, uint16_t) + def->carry0, def->carry_count);
    struct expr_value priority = { .type = EXPR_UNKNOWN };
    struct flow_effect *effect;

    step_say(step, state->text);
    if (def->priority != FLOW_NO)
        (void)step_eval(step, def->priority, &priority);
    effect = step_effect(step, FLOW_HANDOFF);
    if (effect != NULL) {
        effect->name = flow_slice(step->flow, def->queue);
        effect->value = slice_of("flow");
        if (priority.type == EXPR_NUMBER)
            effect->number = priority.number / EXPR_ONE;
        handoff_write(step, effect, flow_slice(step->flow, def->skills), carry);
    }
    if (state->row_count == 0) {
        step_run_clear(step);
        return false;
    }
    step->s->wait = FLOW_WAIT_AGENT;
    step->s->deadline = 0;
    return false;
}

/* ---- rows ---- */
static bool row_fits(struct flow_step *step, const struct flow_row *row, unsigned event)
{
    return row->event == event && (row->guard == FLOW_NO || step_guard(step, row->guard));
}

const struct flow_row *step_row_own(struct flow_step *step, unsigned event)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_row *rows = flow_rows(step->flow) + state->first_row;

    for (unsigned i = 0; i < state->row_count; i++) {
        if (row_fits(step, &rows[i], event))
            return &rows[i];
    }
    return NULL;
}

const struct flow_row *step_row_global(struct flow_step *step, unsigned event)
{
    const struct flow_row *rows = flow_rows(step->flow) + step->flow->row_count;

    for (unsigned i = 0; i < step->flow->global_count; i++) {
        if (row_fits(step, &rows[i], event))
            return &rows[i];
    }
    return NULL;
}

/* The number that a name has among this flow's events; FLOW_NO: no row ever asks for it. */
unsigned step_event_find(const struct flow *flow, struct slice name)
{
    const uint32_t *events = FLOW_TABLE(flow, events, uint32_t);

    for (unsigned i = 0; i < FLOW_ON_COUNT; i++) {
        if (slice_equal_text(name, flow_happening_name((enum flow_happening)i)))
            return i;
    }
    for (unsigned i = 0; i < flow->events.count; i++) {
        if (slice_equal_text(name, flow_str(flow, events[i])))
            return FLOW_ON_NAMED + i;
    }
    return FLOW_NO;
}

/* "intent." and a name, and so on. */
unsigned step_event_find_joined(const struct flow *flow, const char *head, struct slice tail)
{
    char name[EXPR_NAME_BYTES_MAX + 1];
    size_t len = strlen(head);

    if (len + tail.len > sizeof(name))
        return FLOW_NO;
    memcpy(name, head, len);
    memcpy(name + len, tail.ptr, tail.len);
    return step_event_find(flow, slice_make(name, len + tail.len));
}

static void row_acts(struct flow_step *step, const struct flow_row *row)
{
    const struct flow_act *acts = FLOW_TABLE(step->flow, acts, struct flow_act) + row->act0;

    for (unsigned i = 0; i < row->nact; i++) {
        struct expr_value value;
        struct flow_value plain;

        switch ((enum flow_act_kind)acts[i].kind) {
        case FLOW_ACT_SAY:
            step_say(step, acts[i].a);
            break;
        case FLOW_ACT_ANSWER:
            (void)step_effect(step, FLOW_ANSWER);
            break;
        case FLOW_ACT_SET:
            if (step_eval(step, acts[i].b, &value) && step_value_of(step, &value, &plain))
                (void)step_slot_set(step, acts[i].a, &plain);
            break;
        }
    }
}

/* The pending ask again: not a new visit. */
void step_repeat(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);

    if (state->kind == FLOW_KIND_ASK)
        step_ask(step);
}

static void row_count(struct flow_step *step, const struct flow_row *row)
{
    struct flow_out *out = step->out;

    out->rows++;
    if (out->on_row != NULL)
        out->on_row(out->on_row_ctx, step->flow, (unsigned)(row - flow_rows(step->flow)));
}

/* `.same` after silence or too many wrong answers is a new visit, so `visits` bounds it; after a
 * question or a hint it is the same one. */
static bool row_reenters(unsigned event)
{
    return event == FLOW_ON_TIMEOUT || event == FLOW_ON_EXHAUSTED || event == FLOW_ON_MESSAGE ||
           event == FLOW_ON_FILE;
}

/* True: a state was entered anew, go on. */
bool step_row_take(struct flow_step *step, const struct flow_row *row)
{
    row_count(step, row);
    row_acts(step, row);
    if (row->target == FLOW_TO_SAME && !row_reenters(row->event)) {
        step_repeat(step);
        return false;
    }
    if (row->target == FLOW_TO_SAME)
        return true;
    if (row->target >= FLOW_STATES_MAX)
        return false; /* .refill: the caller moves */
    step_frame(step)->state = row->target;
    return true;
}

bool step_happen(struct flow_step *step, unsigned event)
{
    const struct flow_row *row = event != FLOW_NO ? step_row_own(step, event) : NULL;

    if (row == NULL && event != FLOW_NO)
        row = step_row_global(step, event);
    if (row == NULL)
        return false;
    if (step_row_take(step, row))
        step_states_run(step);
    return true;
}

/* Visits, turns or the stack are used up, or nothing fits. */
void step_stuck(struct flow_step *step, const char *why)
{
    step_note(step, why, slice_of(flow_str(step->flow, step_state(step)->name)));
    if (!step->stuck) {
        step->stuck = true; /* the row for it may be stuck as well */
        if (step_happen(step, FLOW_ON_STUCK))
            return;
    }
    step_handoff_default(step, "stuck");
}

/* ---- entering states: true means go on with the next one ---- */
void step_wait_for(struct flow_step *step, enum flow_wait wait, int64_t ms)
{
    step->s->wait = (uint8_t)wait;
    if (__builtin_add_overflow(step->now_ms, ms, &step->s->deadline))
        step->s->deadline = INT64_MAX;
}

int64_t step_ask_time(struct flow_step *step, const struct flow_state_def *state)
{
    return state->timeout_s > 0 ? state->timeout_s * INT64_C(1000) : step->flow->idle_ms;
}

/* Visits of an ask or a wait; true when they are used up. */
static bool visits_used_up(struct flow_step *step, unsigned *visits)
{
    *visits = flow_area_visit(step->s, step->s->depth, step_frame(step)->state);
    return *visits > step->flow->visits;
}

/* An own row without looking at globals: for what must have one. */
static bool follow(struct flow_step *step, unsigned event)
{
    const struct flow_row *row = step_row_own(step, event);

    if (row == NULL)
        return false;
    return step_row_take(step, row);
}

static bool ask_enter(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_slot_def *slot = flow_slot_def(step->flow, state->a);
    struct flow_frame *frame = step_frame(step);
    unsigned visits;

    if (visits_used_up(step, &visits)) {
        step_stuck(step, "visits");
        return false;
    }
    /* What is known already is not asked for; accept or deny always is. */
    if (slot->type != FLOW_SLOT_BOOL && (visits == 1 || frame->rerun != 0) &&
        step_slot_valid(step, state->a) && step_row_own(step, FLOW_ON_FILLED) != NULL)
        return follow(step, FLOW_ON_FILLED);
    frame->rerun = 0;
    frame->tries = 0;
    step_say(step, state->progress);
    step_ask(step);
    step_wait_for(step, FLOW_WAIT_ASK, step_ask_time(step, state));
    return false;
}

static bool wait_enter(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    unsigned visits;

    if (visits_used_up(step, &visits)) {
        step_stuck(step, "visits");
        return false;
    }
    step_frame(step)->rerun = 0;
    step_say(step, state->text);
    step_wait_for(step, FLOW_WAIT_TIMER, state->timeout_s * INT64_C(1000));
    return false;
}

void step_action_send(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_action_def *action =
        FLOW_TABLE(step->flow, actions, struct flow_action_def) + state->a;
    struct slice inputs = step_inputs(step, action);
    struct slice key = step_key(step, action, slice_of(flow_str(step->flow, state->name)));
    struct flow_effect *effect = step_effect(step, FLOW_ACT);
    int64_t pause = step->s->attempt * INT64_C(1) * RETRY_PAUSE_MS;

    if (effect != NULL) {
        effect->name = slice_of(flow_str(step->flow, action->name));
        effect->json = inputs;
        effect->key = key;
        effect->seq = step->s->seq;
        effect->attempt = step->s->attempt;
        effect->timeout_ms = action->timeout_ms;
        effect->number = pause;
    }
    step_wait_for(step, FLOW_WAIT_ACTION, pause + action->timeout_ms + ACTION_GRACE_MS);
}

static bool do_enter(struct flow_step *step)
{
    step_say(step, step_state(step)->text);
    step->s->seq++;
    step->s->attempt = 0;
    step_action_send(step);
    return false;
}

static bool choose_enter(struct flow_step *step)
{
    if (follow(step, FLOW_ON_NEXT))
        return true;
    step_stuck(step, "no_row");
    return false;
}

static bool say_enter(struct flow_step *step)
{
    step_say(step, step_state(step)->text);
    return choose_enter(step);
}

/* One parameter from this flow into a slot of the callee. */
static void call_input(struct flow_step *step, const struct flow_map *map,
                       const struct flow *callee, struct flow_value *value, bool *have)
{
    struct flow_record record;
    const uint8_t *bytes;
    struct expr_value computed;

    (void)callee;
    *have = false;
    if (map->slot == FLOW_NO) {
        *have = step_eval(step, map->expr, &computed) && step_value_of(step, &computed, value);
    } else if (step_slot_get(step, map->slot, &record, &bytes)) {
        value->type = record.type;
        value->len = record.len;
        memcpy(value->bytes, bytes, record.len);
        *have = true;
    }
}

/* A call that was made already and is not touched by the correction is passed as it was left. */
static bool call_passed(struct flow_step *step, const struct flow_row **row)
{
    const struct flow_state_def *state = step_state(step);
    const struct flow_frame *frame = step_frame(step);
    const struct flow_map *maps = FLOW_TABLE(step->flow, maps, struct flow_map) + state->map0;
    unsigned at;

    if (frame->rerun == 0 || !flow_area_exit_get(step->s, step->s->depth, frame->state, &at) ||
        at >= state->row_count)
        return false;
    for (unsigned i = 0; i < state->map_count; i++) {
        if (maps[i].out == 0 && (maps[i].slot == FLOW_NO || maps[i].slot + 1U == frame->rerun))
            return false;
    }
    *row = &flow_rows(step->flow)[state->first_row + at];
    return true;
}

static bool call_enter(struct flow_step *step)
{
    const struct flow_row *passed;
    const struct flow_state_def *state = step_state(step);
    const struct flow *caller = step->flow;
    const struct flow_map *maps = FLOW_TABLE(caller, maps, struct flow_map) + state->map0;
    const struct flow *callee =
        flow_set_find(step->env->set, slice_of(flow_str(caller, state->b)), 0);
    unsigned depth = step->s->depth;

    if (call_passed(step, &passed))
        return step_row_take(step, passed);
    step_say(step, state->text);
    if (callee == NULL || depth == FLOW_DEPTH_MAX) {
        if (follow(step, FLOW_ON_FAILED))
            return true;
        step_stuck(step, callee == NULL ? "no_flow" : "depth");
        return false;
    }
    step_frame_push(step, callee, FLOW_FRAME_CALL);
    for (unsigned i = 0; i < state->map_count; i++) {
        unsigned slot = flow_slot_find(callee, slice_of(flow_str(caller, maps[i].name)));
        struct flow_value value;
        bool have;

        if (maps[i].out != 0 || slot == FLOW_NO)
            continue;
        step->flow = caller; /* parameters are read in the frame below */
        step->s->depth = (uint8_t)depth;
        call_input(step, &maps[i], callee, &value, &have);
        step->s->depth = (uint8_t)(depth + 1);
        step->flow = callee;
        if (have)
            (void)step_slot_set(step, slot, &value);
    }
    step_locale(step);
    return true;
}

/* Results of a call, from the frame that is about to go. */
static void call_outputs(struct flow_step *step, const struct flow *callee)
{
    unsigned depth = step->s->depth;
    const struct flow_frame *below = &step->s->frames[depth - 2];
    const struct flow *caller = flow_set_get(step->env->set, below->flow, below->version);
    const struct flow_state_def *state;
    const struct flow_map *maps;

    if (caller == NULL || below->state >= caller->states.count)
        return;
    state = flow_state_def(caller, below->state);
    maps = FLOW_TABLE(caller, maps, struct flow_map) + state->map0;
    for (unsigned i = 0; i < state->map_count; i++) {
        unsigned slot = flow_slot_find(callee, flow_slice(caller, maps[i].name));
        struct flow_record record;
        struct flow_value value;
        const uint8_t *bytes;

        if (maps[i].out == 0 || slot == FLOW_NO || !step_slot_get(step, slot, &record, &bytes))
            continue;
        value.type = record.type;
        value.len = record.len;
        memcpy(value.bytes, bytes, record.len);
        step->flow = caller;
        step->s->depth = (uint8_t)(depth - 1);
        (void)step_slot_set(step, maps[i].slot, &value);
        step->s->depth = (uint8_t)depth;
        step->flow = callee;
    }
}

static void end_effect(struct flow_step *step, struct slice outcome, bool csat)
{
    struct flow_effect *effect = step_effect(step, FLOW_END);

    if (effect == NULL)
        return;
    effect->name = outcome;
    effect->csat = csat;
    effect->slot = flow_name(step->flow);
}

/* The flow below was interrupted: it says so, and repeats its ask with its time from now. */
static void interrupted_resume(struct flow_step *step)
{
    const struct flow_state_def *state;

    if (!step_top_load(step)) {
        step_run_clear(step);
        return;
    }
    state = step_state(step);
    step_say_builtin(step, FLOW_SAYS_RESUMED);
    if (state->kind == FLOW_KIND_ASK) {
        step_ask(step);
        step_wait_for(step, FLOW_WAIT_ASK, step_ask_time(step, state));
    } else {
        step_wait_for(step, FLOW_WAIT_TIMER, state->timeout_s * INT64_C(1000));
    }
}

/* A flow comes to its end with this outcome: back to the caller, to what it interrupted, or over.
 */
bool step_finish(struct flow_step *step, struct slice outcome, bool csat)
{
    enum flow_frame_kind kind = (enum flow_frame_kind)step_frame(step)->kind;

    if (kind == FLOW_FRAME_ROOT) {
        end_effect(step, outcome, csat);
        step_run_clear(step);
        return false;
    }
    if (kind == FLOW_FRAME_INTERRUPT) {
        end_effect(step, outcome, csat);
        frame_pop(step);
        interrupted_resume(step);
        return false;
    }
    call_outputs(step, step->flow);
    frame_pop(step);
    if (!step_top_load(step)) {
        step_run_clear(step);
        return false;
    }
    {
        const struct flow_row *row = step_row_own(step, step_event_find(step->flow, outcome));

        if (row == NULL)
            row =
                step_row_own(step, FLOW_ON_FAILED); /* a newer callee with an exit we don't know */
        if (row != NULL) {
            flow_area_exit_set(step->s, step->s->depth, step_frame(step)->state,
                               (unsigned)(row - flow_rows(step->flow)) -
                                   step_state(step)->first_row);
            return step_row_take(step, row);
        }
    }
    step_stuck(step, "no_exit");
    return false;
}

static bool end_enter(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);

    step_say(step, state->text);
    return step_finish(step, slice_of(flow_str(step->flow, state->b)), state->csat != 0);
}

void step_states_run(struct flow_step *step)
{
    static bool (*const enter[FLOW_KIND_NONE])(struct flow_step *) = {
        [FLOW_KIND_ASK] = ask_enter,         [FLOW_KIND_SAY] = say_enter,
        [FLOW_KIND_DO] = do_enter,           [FLOW_KIND_CHOOSE] = choose_enter,
        [FLOW_KIND_CALL] = call_enter,       [FLOW_KIND_WAIT] = wait_enter,
        [FLOW_KIND_HANDOFF] = handoff_enter, [FLOW_KIND_END] = end_enter,
    };

    do {
        if (++step->steps >= FLOW_STEPS_MAX) {
            step_stuck(step, "steps");
            return;
        }
    } while (enter[step_state(step)->kind](step));
}
