/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, as the contract orders it: an answer to the pending ask, a correction, rows of the
 * state and of the flow, the engine's own answers, the ladder, a wrong answer. And starts, timers,
 * results of actions, agents, versions. */
#include "flow_step.h"

#include <string.h>

#include "text.h"

/* ---- filling slots from what was said ---- */
static struct flow_read_env read_env(const struct flow_step *step, bool asked)
{
    return (struct flow_read_env){ step->now_ms, step->env->utc_offset_minutes, asked };
}

static bool entity_value(struct flow_step *step, const struct flow_slot_def *slot,
                         struct flow_value *value)
{
    const struct flow_event *event = step->event;
    struct slice kind = flow_slice(step->flow, slot->entity);
    struct flow_read_env env = read_env(step, true);

    for (size_t i = 0; i < event->entity_count; i++) {
        if (slice_equal(event->entities[i].kind, kind) &&
            flow_read_whole(step->flow, slot, event->entities[i].value, &env, value))
            return true;
    }
    return false;
}

/* A value for a slot that was not asked for; false: the message has none. */
static bool offered_value(struct flow_step *step, const struct flow_slot_def *slot,
                          struct flow_value *value)
{
    struct flow_read_env env = read_env(step, false);

    if ((slot->fill & FLOW_FILL_ENTITY) != 0 && entity_value(step, slot, value))
        return true;
    if ((slot->fill & (FLOW_FILL_NLU | FLOW_FILL_ENTITY)) == 0)
        return false;
    return flow_read_slot(step->flow, slot, &step->reading, &env, value);
}

/* Fills what is still open; leaves the slot of the pending ask alone. */
static void fill_offered(struct flow_step *step, unsigned pending)
{
    for (unsigned i = 0; i < step->flow->slots.count; i++) {
        const struct flow_slot_def *slot = flow_slot_def(step->flow, i);
        struct flow_record record;
        struct flow_value value;
        const uint8_t *bytes;

        if (i == pending || (slot->fill & (FLOW_FILL_NLU | FLOW_FILL_ENTITY)) == 0 ||
            step_slot_get(step, i, &record, &bytes))
            continue;
        if (offered_value(step, slot, &value))
            (void)step_slot_set(step, i, &value);
    }
}

static bool same_value(const struct flow_record *record, const uint8_t *bytes,
                       const struct flow_value *value)
{
    return record->type == value->type && record->len == value->len &&
           memcmp(bytes, value->bytes, value->len) == 0;
}

/* ---- answers to an ask ---- */
/* Picked or listed items of a list slot: each must be possible. */
static bool list_answer(struct flow_step *step, const struct flow_slot_def *slot,
                        struct flow_value *value)
{
    const struct flow_event *event = step->event;
    struct flow_json items = step_slot_items(step, slot);
    bool all = event->item_count == 0 && flow_read_phrase(&step->reading) == FLOW_PHRASE_ALL;
    unsigned count = 0;

    flow_value_list(value);
    for (unsigned i = 0; i < items.count; i++) {
        struct flow_json item = flow_json_item(&items, i);
        bool taken = all;
        char number[8];
        size_t len = 0;

        if (item.kind != FLOW_JSON_TEXT)
            continue;
        for (unsigned n = i + 1; n > 0; n /= 10) /* "1" to "20", back to front */
            number[sizeof(number) - ++len] = (char)('0' + n % 10);
        for (size_t k = 0; k < event->item_count && !taken; k++)
            taken = slice_equal(event->items[k], item.raw);
        if (event->item_count == 0 && !taken)
            taken = memmem(step->reading.half.ptr, step->reading.half.len, item.raw.ptr,
                           item.raw.len) != NULL ||
                    slice_equal(step->reading.key, slice_make(number + sizeof(number) - len, len));
        if (taken &&
            ++count <= (unsigned)(slot->max < FLOW_ITEMS_MAX ? slot->max : FLOW_ITEMS_MAX) &&
            !flow_value_list_add(value, item.raw))
            return false;
    }
    return count > 0 && (slot->min == INT32_MIN || (int64_t)count >= slot->min) &&
           count <= (unsigned)(slot->max < FLOW_ITEMS_MAX ? slot->max : FLOW_ITEMS_MAX);
}

/* "image/ *" takes the usual endings, and names without one (ids of uploads). */
static bool file_accepted(struct slice accept, struct slice name)
{
    static const char *const images[] = { ".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic" };
    const char *dot = memrchr(name.ptr, '.', name.len);
    struct slice ending;

    if (accept.len == 0 || dot == NULL || !slice_starts_with(accept, slice_of("image/")))
        return true;
    ending = slice_make(dot, (size_t)(name.ptr + name.len - dot));
    for (size_t i = 0; i < LENGTH_OF(images); i++) {
        if (slice_equal_ignore_case(ending, slice_of(images[i])))
            return true;
    }
    return false;
}

static bool files_answer(struct flow_step *step, const struct flow_slot_def *slot,
                         struct flow_value *value)
{
    const struct flow_event *event = step->event;
    size_t max = slot->max < FLOW_ITEMS_MAX ? (size_t)slot->max : FLOW_ITEMS_MAX;

    if (event->kind != FLOW_EVENT_FILES || event->item_count == 0 || event->item_count > max ||
        (slot->type == FLOW_SLOT_FILE && event->item_count > 1))
        return false;
    flow_value_list(value);
    for (size_t i = 0; i < event->item_count; i++) {
        if (!file_accepted(flow_slice(step->flow, slot->accept), event->items[i]) ||
            !flow_value_list_add(value, event->items[i]))
            return false;
    }
    if (slot->type == FLOW_SLOT_FILE)
        flow_value_text(value, event->items[0]);
    return true;
}

static bool answer_read(struct flow_step *step, const struct flow_slot_def *slot,
                        struct flow_value *value)
{
    const struct flow_event *event = step->event;
    struct flow_read_env env = read_env(step, true);

    if (slot->type == FLOW_SLOT_FILE || slot->type == FLOW_SLOT_FILES)
        return files_answer(step, slot, value);
    if (event->kind == FLOW_EVENT_FILES)
        return false;
    if (slot->type == FLOW_SLOT_LIST)
        return list_answer(step, slot, value);
    if (event->kind == FLOW_EVENT_PICK)
        return event->item_count == 1 &&
               flow_read_whole(step->flow, slot, event->items[0], &env, value);
    if ((slot->fill & FLOW_FILL_ENTITY) != 0 && entity_value(step, slot, value))
        return true;
    return flow_read_slot(step->flow, slot, &step->reading, &env, value);
}

static bool free_text(const struct flow_slot_def *slot)
{
    return (slot->type == FLOW_SLOT_TEXT && slot->pattern == 0) || slot->type == FLOW_SLOT_ADDRESS;
}

/* After the slot was set: the row for it. */
static void answered(struct flow_step *step, const struct flow_slot_def *slot, bool truth)
{
    unsigned event = FLOW_ON_FILLED;

    if (slot->type == FLOW_SLOT_BOOL)
        event = truth ? FLOW_ON_ACCEPT : FLOW_ON_DENY;
    if (step_happen(step, event) || step_happen(step, FLOW_ON_FILLED))
        return;
    step_stuck(step, "no_row");
}

static bool try_answer(struct flow_step *step)
{
    unsigned at = step_state(step)->a;
    const struct flow_slot_def *slot = flow_slot_def(step->flow, at);
    struct flow_value value;

    if (!answer_read(step, slot, &value) || !step_slot_set(step, at, &value))
        return false;
    fill_offered(step, at);
    answered(step, slot, value.type == FLOW_AREA_BOOL && value.bytes[0] != 0);
    return true;
}

static bool try_skip(struct flow_step *step)
{
    const struct flow_slot_def *slot = flow_slot_def(step->flow, step_state(step)->a);
    enum flow_phrase phrase = flow_read_phrase(&step->reading);

    /* "没有" and "no" are a No first and mean "none" here. */
    if (!slot->optional || (phrase != FLOW_PHRASE_SKIP && phrase != FLOW_PHRASE_NO))
        return false;
    return step_happen(step, FLOW_ON_SKIPPED);
}

/* ---- corrections ---- */
/* To behind the ask that fills the slot, then forward over all that is still good. */
static void refill(struct flow_step *step, unsigned slot)
{
    uint16_t writer = flow_slot_def(step->flow, slot)->writer;

    step_frame(step)->state = writer;
    step_frame(step)->rerun = (uint8_t)(slot + 1);
    if (!step_happen(step, FLOW_ON_FILLED))
        step_stuck(step, "no_row");
}

/* A filled slot for which the message has another value; FLOW_NO: none. */
static unsigned corrected_slot(struct flow_step *step, unsigned pending, struct flow_value *value)
{
    for (unsigned i = 0; i < step->flow->slots.count; i++) {
        const struct flow_slot_def *slot = flow_slot_def(step->flow, i);
        struct flow_read_env env = read_env(step, false);
        struct flow_record record;
        const uint8_t *bytes;

        if (i == pending || slot->writer == FLOW_NO || slot->type == FLOW_SLOT_BOOL ||
            slot->type == FLOW_SLOT_LIST || !step_slot_get(step, i, &record, &bytes))
            continue;
        if (!entity_value(step, slot, value) &&
            !flow_read_slot(step->flow, slot, &step->reading, &env, value))
            continue;
        if (!same_value(&record, bytes, value))
            return i;
    }
    return FLOW_NO;
}

static bool try_correction(struct flow_step *step, unsigned pending)
{
    struct flow_value value;
    unsigned slot;
    const struct flow_row *row;

    if (step->event->kind != FLOW_EVENT_MESSAGE || !flow_read_corrects(&step->reading))
        return false;
    slot = corrected_slot(step, pending, &value);
    if (slot == FLOW_NO || !step_slot_set(step, slot, &value))
        return false;
    row = step_row_own(step, FLOW_ON_CORRECTION);
    if (row == NULL)
        row = step_row_global(step, FLOW_ON_CORRECTION);
    if (row != NULL && row->target != FLOW_TO_REFILL) {
        if (step_row_take(step, row))
            step_states_run(step);
        return true;
    }
    if (row != NULL)
        (void)step_row_take(step, row);
    refill(step, slot);
    return true;
}

/* ---- cancelling ---- */
static void cancel(struct flow_step *step)
{
    if (step_happen(step, step_event_find_joined(step->flow, "intent.", slice_of("cancel"))))
        return;
    step_say_builtin(step, FLOW_SAYS_CANCELLED);
    if (step_finish(step, slice_of("cancelled"), false))
        step_states_run(step);
}

static void human(struct flow_step *step)
{
    if (!step_happen(step, step_event_find_joined(step->flow, "intent.", slice_of("human"))))
        step_handoff_default(step, "visitor_asked");
}

/* ---- messages ---- */
static bool try_intent(struct flow_step *step)
{
    const struct flow_event *event = step->event;

    if (event->intent.len == 0 || event->score < step->flow->min_confidence)
        return false;
    return step_happen(step, step_event_find_joined(step->flow, "intent.", event->intent));
}

/* The ladder has an answer: it goes first, then the ask again. */
static void digress(struct flow_step *step)
{
    const struct flow_row *row = step_row_own(step, FLOW_ON_QUESTION);

    if (row == NULL)
        row = step_row_global(step, FLOW_ON_QUESTION);
    if (row == NULL) {
        (void)step_effect(step, FLOW_ANSWER);
        step_repeat(step);
    } else if (step_row_take(step, row)) {
        step_states_run(step);
    }
}

static void invalid(struct flow_step *step)
{
    const struct flow_state_def *state = step_state(step);
    struct flow_frame *frame = step_frame(step);
    uint16_t text = flow_slot_def(step->flow, state->a)->invalid;

    if (frame->tries >= state->retries) {
        if (!step_happen(step, FLOW_ON_EXHAUSTED))
            step_stuck(step, "no_row");
        return;
    }
    frame->tries++;
    if (step_happen(step, FLOW_ON_INVALID))
        return;
    if (text != FLOW_NO)
        step_say(step, text);
    else
        step_say_builtin(step, FLOW_SAYS_INVALID);
    step_ask(step);
    step_wait_for(step, FLOW_WAIT_ASK, step_ask_time(step, state));
}

/* What neither the ask nor a row took. false: ask the ladder first. */
static bool ladder_or(struct flow_step *step, void (*otherwise)(struct flow_step *))
{
    if (step->event->kind != FLOW_EVENT_MESSAGE) {
        otherwise(step);
        return true;
    }
    if (step->event->ladder == FLOW_LADDER_NOT_TRIED)
        return false;
    if (step->event->ladder == FLOW_LADDER_ANSWERS)
        digress(step);
    else
        otherwise(step);
    return true;
}

static bool message_to_ask(struct flow_step *step)
{
    unsigned at = step_state(step)->a;
    const struct flow_slot_def *slot = flow_slot_def(step->flow, at);
    bool message = step->event->kind == FLOW_EVENT_MESSAGE;
    enum flow_phrase phrase = message ? flow_read_phrase(&step->reading) : FLOW_PHRASE_NONE;

    if (phrase == FLOW_PHRASE_CANCEL && slot->type != FLOW_SLOT_ENUM) {
        cancel(step);
        return true;
    }
    if (free_text(slot) && try_correction(step, at))
        return true;
    if (message && slot->optional && try_skip(step))
        return true;
    if (step->event->kind == FLOW_EVENT_PICK && step->event->item_count == 1 &&
        slice_equal_text(step->event->items[0], "skip") && slot->optional &&
        step_happen(step, FLOW_ON_SKIPPED))
        return true;
    if (try_answer(step))
        return true;
    if (phrase == FLOW_PHRASE_CANCEL) {
        cancel(step);
        return true;
    }
    if (try_correction(step, at) || try_intent(step))
        return true;
    if (step_happen(step, step->event->kind == FLOW_EVENT_FILES ? FLOW_ON_FILE : FLOW_ON_MESSAGE))
        return true;
    if (message)
        fill_offered(step, at);
    return ladder_or(step, invalid);
}

static void nothing(struct flow_step *step)
{
    (void)step;
}

static bool message_to_wait(struct flow_step *step)
{
    if (step->event->kind == FLOW_EVENT_MESSAGE &&
        flow_read_phrase(&step->reading) == FLOW_PHRASE_CANCEL) {
        cancel(step);
        return true;
    }
    if (try_intent(step))
        return true;
    fill_offered(step, FLOW_NO);
    if (step->event->kind == FLOW_EVENT_FILES && step_happen(step, FLOW_ON_FILE))
        return true;
    if (step_happen(step, FLOW_ON_MESSAGE))
        return true;
    return ladder_or(step, nothing);
}

static void drop_turn_slots(struct flow_step *step)
{
    for (unsigned i = 0; i < step->flow->slots.count; i++) {
        const struct flow_slot_def *slot = flow_slot_def(step->flow, i);
        if (slot->keep == FLOW_KEEP_TURN)
            flow_area_remove(step->s, step->s->depth, slot->hash);
    }
}

/* false: the ladder first, the state is to be put back. */
static bool on_message(struct flow_step *step)
{
    struct flow_frame *frame = step_frame(step);

    flow_reading_init(&step->reading, step->event->text);
    if (step->s->wait == FLOW_WAIT_ACTION) {
        step_say_builtin(step, FLOW_SAYS_WORKING);
        return true;
    }
    if (step->s->wait == FLOW_WAIT_AGENT) {
        step->out->verdict = FLOW_IDLE;
        return true;
    }
    drop_turn_slots(step);
    if (frame->turns < UINT16_MAX)
        frame->turns++;
    if (frame->turns > step->flow->turns) {
        step_stuck(step, "turns");
        return true;
    }
    return step->s->wait == FLOW_WAIT_ASK ? message_to_ask(step) : message_to_wait(step);
}

/* ---- other events ---- */
static void action_failed(struct flow_step *step, const char *why)
{
    const struct flow_action_def *action =
        FLOW_TABLE(step->flow, actions, struct flow_action_def) + step_state(step)->a;

    step_note(step, why, slice_of(flow_str(step->flow, action->name)));
    if (step->s->attempt < action->retry) {
        step->s->attempt++;
        step_action_send(step);
        return;
    }
    if (!step_happen(step, FLOW_ON_FAILED))
        step_stuck(step, "no_row");
}

static void on_result(struct flow_step *step)
{
    const struct flow_event *event = step->event;
    const struct flow_action_def *action;
    unsigned named;
    const char *problem;

    if (step->s->wait != FLOW_WAIT_ACTION || event->seq != step->s->seq) {
        step_note(step, "stale_result", event->name);
        return;
    }
    action = FLOW_TABLE(step->flow, actions, struct flow_action_def) + step_state(step)->a;
    if (slice_equal_text(event->name, "ok")) {
        problem = step_outputs(step, action, event->json);
        if (problem == NULL) {
            if (!step_happen(step, FLOW_ON_OK))
                step_stuck(step, "no_row");
            return;
        }
        /* What is not what was declared will not get better by asking again. */
        step->s->attempt = action->retry;
        action_failed(step, problem);
        return;
    }
    named = step_event_find(step->flow, event->name);
    if (!slice_equal_text(event->name, "failed") && named != FLOW_NO &&
        step_row_own(step, named) != NULL) {
        (void)step_happen(step, named);
        return;
    }
    if (!slice_equal_text(event->name, "failed") && !slice_equal_text(event->name, "timeout"))
        step->s->attempt = action->retry;
    action_failed(step, "action_failed");
}

static void on_timer(struct flow_step *step)
{
    if (step->s->deadline == 0 || step->now_ms < step->s->deadline)
        return;
    if (step->s->wait == FLOW_WAIT_ACTION) {
        action_failed(step, "action_timeout");
        return;
    }
    if (!step_happen(step, FLOW_ON_TIMEOUT))
        step_stuck(step, "no_row");
}

static void on_agent(struct flow_step *step)
{
    struct slice name = step->event->name;
    unsigned plain = step_event_find(step->flow, name);

    if (step->s->wait == FLOW_WAIT_AGENT) {
        if (step_happen(step, plain) ||
            step_happen(step, step_event_find_joined(step->flow, "agent.", name)))
            return;
        if (slice_equal_text(name, "closed"))
            step_run_clear(step);
        return;
    }
    (void)step_happen(step, step_event_find_joined(step->flow, "agent.", name));
}

static void on_webhook(struct flow_step *step)
{
    unsigned event = step_event_find_joined(step->flow, "webhook.", step->event->name);
    bool waiting = step->s->wait == FLOW_WAIT_ASK || step->s->wait == FLOW_WAIT_TIMER;

    if (!waiting || !step_happen(step, event))
        step_note(step, "webhook_ignored", step->event->name);
}

/* A contact's slots begin with what the host remembers. */
static void recall_contact(struct flow_step *step)
{
    for (unsigned i = 0; i < step->flow->slots.count; i++) {
        const struct flow_slot_def *slot = flow_slot_def(step->flow, i);
        struct flow_read_env env = read_env(step, true);
        struct expr_value known = { .type = EXPR_UNKNOWN };
        struct flow_record record;
        struct flow_value value;
        const uint8_t *bytes;
        char name[EXPR_NAME_BYTES_MAX + 16] = "contact.";

        if (slot->keep != FLOW_KEEP_CONTACT || step_slot_get(step, i, &record, &bytes))
            continue;
        strncat(name, flow_str(step->flow, slot->name), EXPR_NAME_BYTES_MAX);
        step->env->get(step->env->ctx, slice_of(name), &known);
        if (known.type == EXPR_TEXT &&
            flow_read_whole(step->flow, slot, known.text, &env, &value) &&
            !flow_area_put(step->s, 0, slot->hash, &value))
            step_note(step, "state_full", slice_of(flow_str(step->flow, slot->name)));
    }
}

static bool on_stack(const struct flow_state *s, uint64_t hash)
{
    for (unsigned i = 0; i < s->depth; i++) {
        if (s->frames[i].flow == hash)
            return true;
    }
    return false;
}

static enum err_code on_start(struct flow_step *step, struct err *err)
{
    const struct flow_event *event = step->event;
    const struct flow *flow = flow_set_find(step->env->set, event->name, 0);
    bool running = step->s->depth > 0;

    if (flow == NULL)
        return err_set(err, ERR_NOT_FOUND, "no flow %.*s", (int)event->name.len, event->name.ptr);
    if (running && (step->s->depth == FLOW_DEPTH_MAX || on_stack(step->s, flow->hash) ||
                    (step->s->wait != FLOW_WAIT_ASK && step->s->wait != FLOW_WAIT_TIMER))) {
        step_note(step, "start_ignored", event->name);
        return ERR_OK;
    }
    if (!running)
        step->s->run = event->run;
    step_frame_push(step, flow, running ? FLOW_FRAME_INTERRUPT : FLOW_FRAME_ROOT);
    step->s->wait = FLOW_WAIT_ASK;
    step->s->deadline = 0;
    recall_contact(step);
    if (event->json.len > 0)
        step_parameters(step, event->json);
    if (event->text.len > 0) {
        flow_reading_init(&step->reading, event->text);
        fill_offered(step, FLOW_NO);
    }
    step_states_run(step);
    return ERR_OK;
}

/* ---- versions ---- */
/* A frame at an ask or a wait moves to the newest version, when that says where to. */
static void migrate(struct flow_step *step)
{
    struct flow_frame *frame = step_frame(step);
    const struct flow *newest = flow_set_get(step->env->set, frame->flow, 0);
    const struct flow_migration *rows;
    const char *from;

    if (newest == step->flow || newest->migrations.count == 0 ||
        (step->s->wait != FLOW_WAIT_ASK && step->s->wait != FLOW_WAIT_TIMER))
        return;
    from = flow_str(step->flow, step_state(step)->name);
    rows = FLOW_TABLE(newest, migrations, struct flow_migration);
    for (unsigned i = 0; i < newest->migrations.count; i++) {
        unsigned kind;

        if (rows[i].version != frame->version || strcmp(flow_str(newest, rows[i].from), from) != 0)
            continue;
        kind = flow_state_def(newest, rows[i].to)->kind;
        if (kind != step_state(step)->kind)
            continue; /* an ask stays an ask: nothing is asked anew by a publication */
        frame->version = newest->version;
        frame->state = rows[i].to;
        step->flow = newest;
        step_locale(step);
        return;
    }
}

static void out_init(struct flow_out *out)
{
    out->verdict = FLOW_DONE;
    out->effect_count = out->option_count = out->note_count = 0;
    out->rows = 0;
    out->bytes_used = 0;
}

static void step_init(struct flow_step *step, struct flow_state *state,
                      const struct flow_event *event, int64_t now_ms, const struct flow_env *env,
                      struct flow_out *out)
{
    step->s = state;
    step->event = event;
    step->now_ms = now_ms;
    step->env = env;
    step->out = out;
    step->flow = NULL;
    step->locale = 0;
    step->steps = 0;
    step->stuck = false;
    step->list_count = 0;
    step->scratch_used = 0;
    step->reading.text = step->reading.half = step->reading.norm = step->reading.key = slice_of("");
    out_init(out);
}

static void on_running(struct flow_step *step)
{
    struct flow_state before;

    switch (step->event->kind) {
    case FLOW_EVENT_MESSAGE:
    case FLOW_EVENT_PICK:
    case FLOW_EVENT_FILES:
        before = *step->s;
        if (!on_message(step)) {
            *step->s = before;
            out_init(step->out);
            step->out->verdict = FLOW_LADDER;
        }
        break;
    case FLOW_EVENT_TIMER:
        on_timer(step);
        break;
    case FLOW_EVENT_RESULT:
        on_result(step);
        break;
    case FLOW_EVENT_WEBHOOK:
        on_webhook(step);
        break;
    case FLOW_EVENT_AGENT:
        on_agent(step);
        break;
    case FLOW_EVENT_HUMAN:
        human(step);
        break;
    case FLOW_EVENT_CANCEL:
        cancel(step);
        break;
    case FLOW_EVENT_START:
        break;
    }
}

enum err_code flow_step(struct flow_state *state, const struct flow_event *event, int64_t now_ms,
                        const struct flow_env *env, struct flow_out *out, struct err *err)
{
    struct flow_step step __attribute__((uninitialized));

    step_init(&step, state, event, now_ms, env, out);
    if (state->depth == 0) {
        if (event->kind == FLOW_EVENT_START)
            return on_start(&step, err);
        out->verdict = FLOW_IDLE;
        return ERR_OK;
    }
    if (!step_top_load(&step))
        return err_set(err, ERR_NOT_FOUND, "the flow of this run is not loaded");
    if (!step_stack_valid(&step))
        return err_set(err, ERR_CORRUPT, "the state does not fit its flows");
    migrate(&step);
    if (event->kind == FLOW_EVENT_START)
        return on_start(&step, err);
    on_running(&step);
    return ERR_OK;
}

bool flow_state_pending(const struct flow_state *state, const struct flow_env *env,
                        struct flow_out *out)
{
    static const struct flow_event none = { .kind = FLOW_EVENT_TIMER };
    struct flow_step step __attribute__((uninitialized));
    struct flow_state copy = *state;

    step_init(&step, &copy, &none, 0, env, out);
    if (state->depth == 0 || state->wait != FLOW_WAIT_ACTION || !step_top_load(&step) ||
        !step_stack_valid(&step))
        return false;
    step_action_send(&step);
    return true;
}
