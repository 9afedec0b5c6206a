/* SPDX-License-Identifier: Apache-2.0 */
/* One step while it runs: what its parts share. Private to the engine. */
#ifndef KEFU_FLOW_STEP_H
#define KEFU_FLOW_STEP_H

#include "flow_area.h"
#include "flow_read.h"
#include "flow_set.h"

enum { FLOW_LISTS_MAX = 8, FLOW_SCRATCH_BYTES = 1024 };

/* A list that a guard walks: of a slot, or of a JSON value. */
struct flow_list {
    const uint8_t *bytes; /* of a slot; NULL: json */
    size_t len;
    struct flow_json json;
};

struct flow_step {
    struct flow_state *s;
    const struct flow_event *event;
    int64_t now_ms;
    const struct flow_env *env;
    struct flow_out *out;
    const struct flow *flow; /* of the top frame */
    unsigned locale;
    unsigned steps;
    bool stuck; /* the event stuck happened in this step */
    struct flow_list lists[FLOW_LISTS_MAX];
    unsigned list_count;
    char scratch[FLOW_SCRATCH_BYTES]; /* unescaped JSON texts */
    size_t scratch_used;
    struct flow_reading reading; /* of a message */
};

static inline struct flow_frame *step_frame(struct flow_step *step)
{
    return &step->s->frames[step->s->depth - 1];
}
static inline const struct flow_state_def *step_state(struct flow_step *step)
{
    return flow_state_def(step->flow, step_frame(step)->state);
}

/* ---- slots (flow_slots.c) ---- */
unsigned step_slot_frame(const struct flow_step *step, const struct flow_slot_def *slot);
bool step_slot_get(const struct flow_step *step, unsigned slot, struct flow_record *record,
                   const uint8_t **bytes);
/* false (and a note): no room in the state. */
bool step_slot_set(struct flow_step *step, unsigned slot, const struct flow_value *value);
/* Filled, and still good: items of a list are still among the possible ones. */
bool step_slot_valid(struct flow_step *step, unsigned slot);
/* Possible items of a list slot. */
struct flow_json step_slot_items(struct flow_step *step, const struct flow_slot_def *slot);
struct slice step_json_text(struct flow_step *step, const struct flow_json *json);
/* The value of an expression as a slot's value; false: unknown or too long. */
bool step_value_of(struct flow_step *step, const struct expr_value *value, struct flow_value *out);
bool step_eval(struct flow_step *step, unsigned expr, struct expr_value *out);
bool step_guard(struct flow_step *step, unsigned expr);
/* {"name":value,…} of the inputs of an action; also what its idempotency key is made of. */
struct slice step_inputs(struct flow_step *step, const struct flow_action_def *action);
struct slice step_key(struct flow_step *step, const struct flow_action_def *action,
                      struct slice name);
struct slice step_carry(struct flow_step *step, const uint16_t *slots, unsigned count);
/* The answer of an action into its slots; NULL, or what is wrong with it. */
const char *step_outputs(struct flow_step *step, const struct flow_action_def *action,
                         struct slice json);

/* ---- saying (flow_say.c) ---- */
void step_locale(struct flow_step *step);
struct flow_effect *step_effect(struct flow_step *step, enum flow_effect_kind kind);
void step_note(struct flow_step *step, const char *what, struct slice where);
void step_say(struct flow_step *step, unsigned text);
enum flow_builtin_text {
    FLOW_SAYS_INVALID,
    FLOW_SAYS_WORKING,
    FLOW_SAYS_RESUMED,
    FLOW_SAYS_CANCELLED,
    FLOW_SAYS_CHOOSE, /* before numbered options */
    FLOW_SAYS_YES,
    FLOW_SAYS_NO,
    FLOW_SAYS_COUNT,
};
void step_say_builtin(struct flow_step *step, enum flow_builtin_text text);
void step_ask(struct flow_step *step);
/* Bytes that live as long as the out; "" when it is full. */
struct slice step_keep(struct flow_step *step, struct slice bytes);
/* Borrows the free end of the out's bytes; commit with step_buf_done. */
struct buf step_buf(struct flow_step *step);
struct slice step_buf_done(struct flow_step *step, struct buf *buf);

/* Slots from a JSON object, as a start by a button or the API gives them; wrong ones are noted. */
void step_parameters(struct flow_step *step, struct slice json);

/* ---- rows and states (flow_step.c); the events that lead there are in flow_event.c ---- */
bool step_top_load(struct flow_step *step);
bool step_stack_valid(const struct flow_step *step);
void step_frame_push(struct flow_step *step, const struct flow *flow, enum flow_frame_kind kind);
void step_run_clear(struct flow_step *step);
/* The number that a name has among the flow's events; FLOW_NO: no row ever asks for it. */
unsigned step_event_find(const struct flow *flow, struct slice name);
unsigned step_event_find_joined(const struct flow *flow, const char *head, struct slice tail);
const struct flow_row *step_row_own(struct flow_step *step, unsigned event);
const struct flow_row *step_row_global(struct flow_step *step, unsigned event);
/* True: a state was entered anew, go on with step_states_run. */
bool step_row_take(struct flow_step *step, const struct flow_row *row);
/* Takes the row for an event, the state's own first; false: there is none. */
bool step_happen(struct flow_step *step, unsigned event);
/* Enters states until one waits or the run is over. */
void step_states_run(struct flow_step *step);
/* Visits, turns or the stack are used up, or nothing fits: event stuck, or a person. */
void step_stuck(struct flow_step *step, const char *why);
void step_handoff_default(struct flow_step *step, const char *reason);
/* The flow comes to its end; true: its caller goes on. */
bool step_finish(struct flow_step *step, struct slice outcome, bool csat);
void step_repeat(struct flow_step *step);
void step_wait_for(struct flow_step *step, enum flow_wait wait, int64_t ms);
int64_t step_ask_time(struct flow_step *step, const struct flow_state_def *state);
void step_action_send(struct flow_step *step);

#endif
