/* SPDX-License-Identifier: Apache-2.0 */
#include "story_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_area.h"
#include "flow_set.h"
#include "mem.h"

/* ---- the host of a walk ---- */
static void walk_get(void *ctx, struct slice name, struct expr_value *out)
{
    struct walk *walk = ctx;
    struct walk_name *entry;

    for (unsigned i = 0; i < walk->name_count; i++) {
        if (slice_equal_text(name, walk->names[i].name)) {
            *out = walk->names[i].parsed;
            return;
        }
    }
    if (walk->name_count == WALK_NAMES_MAX || name.len > EXPR_NAME_BYTES_MAX)
        return;
    entry = &walk->names[walk->name_count];
    if (!walk_host_value(walk, name, entry->value, sizeof(entry->value), &entry->parsed))
        return;
    snprintf(entry->name, sizeof(entry->name), "%.*s", (int)name.len, name.ptr);
    walk->name_count++;
    *out = entry->parsed;
}

static const struct flow *top_flow(const struct walk *walk)
{
    const struct flow_state *state = &walk->session.state;
    const struct flow_frame *top = &state->frames[state->depth - 1];

    return flow_set_get(walk->set, top->flow, top->version);
}

static const struct flow_state_def *top_state(const struct walk *walk, const struct flow *flow)
{
    return flow_state_def(flow, walk->session.state.frames[walk->session.state.depth - 1].state);
}

static bool row_wanted(const struct walk *walk, const struct flow *flow, unsigned row)
{
    return flow == walk->flow && walk->seen != NULL && walk->seen[row] == 0 &&
           (walk->rows == NULL || walk->rows[row] == 0);
}

/* The walked flow waits for a callee, and some exit of it was never taken. */
static bool exit_wanted(const struct walk *walk)
{
    const struct flow_state *state = &walk->session.state;
    const struct flow_state_def *caller;
    const struct flow_frame *frame = &state->frames[0];

    if (state->depth < 2 || frame->flow != walk->flow->hash)
        return false;
    caller = flow_state_def(walk->flow, frame->state);
    for (unsigned i = 0; i < caller->row_count; i++) {
        if (row_wanted(walk, walk->flow, caller->first_row + i))
            return true;
    }
    return false;
}

/* ok most of the time, or an outcome whose row was not seen yet. */
static void choose_outcome(struct walk *walk, const struct flow *flow,
                           const struct flow_state_def *state, char *out, size_t size)
{
    unsigned wanted = FLOW_NO;

    snprintf(out, size, "ok");
    if (walk->tame)
        return;
    for (unsigned i = 0; i < state->row_count; i++) {
        unsigned row = state->first_row + i;
        if (row_wanted(walk, flow, row) && (wanted == FLOW_NO || walk_dice(walk, 2) == 0))
            wanted = row;
    }
    if (wanted == FLOW_NO && walk_dice(walk, exit_wanted(walk) ? 2 : 6) == 0)
        wanted = state->first_row + (unsigned)walk_dice(walk, state->row_count);
    if (wanted != FLOW_NO && flow_rows(flow)[wanted].event != FLOW_ON_MESSAGE) {
        struct slice event = flow_event_name(flow, flow_rows(flow)[wanted].event);
        snprintf(out, size, "%.*s", (int)event.len, event.ptr);
    }
}

static void walk_act(void *ctx, const struct flow_effect *effect, struct story_answer *out)
{
    struct walk *walk = ctx;
    const struct flow *flow = top_flow(walk);
    const struct flow_state_def *state = top_state(walk, flow);
    struct walk_mock *mock;
    struct buf json;

    if (walk->mock_count == WALK_MOCKS_MAX)
        return;
    choose_outcome(walk, flow, state, out->outcome, sizeof(out->outcome));
    if (strcmp(out->outcome, "ok") == 0) {
        buf_init(&json, sizeof(out->json) - 1);
        walk_answer_json(walk, flow, FLOW_TABLE(flow, actions, struct flow_action_def) + state->a,
                         &json);
        snprintf(out->json, sizeof(out->json), "%.*s", (int)json.len, json.ptr);
        buf_fini(&json);
    }
    mock = &walk->mocks[walk->mock_count++];
    snprintf(mock->action, sizeof(mock->action), "%.*s", (int)effect->name.len, effect->name.ptr);
    memcpy(mock->outcome, out->outcome, sizeof(mock->outcome));
    memcpy(mock->json, out->json, sizeof(mock->json));
}

static const char *walk_ladder(void *ctx, struct slice text)
{
    (void)ctx;
    return memchr(text.ptr, '?', text.len) != NULL || memmem(text.ptr, text.len, "？", 3) != NULL
               ? "faq"
               : NULL;
}

static void on_row(void *ctx, const struct flow *flow, unsigned row)
{
    struct walk *walk = ctx;

    if (flow == walk->flow)
        walk->rows[row] = 1;
}

struct walk *walk_create(const struct flow_set *set, const struct flow *flow, uint64_t seed)
{
    static const unsigned calms[] = { 3, 6, 12, 30 };
    struct walk *walk = mem_zalloc(sizeof(*walk));
    struct story_host host = { walk, walk_get, walk_act, walk_ladder };

    walk->set = set;
    walk->flow = flow;
    walk->seed = seed * 0x9E3779B97F4A7C15U | 1;
    walk->rows = mem_zalloc(flow->rows.count + 1);
    /* Some walks are wild and see much early on, some are calm and come far. */
    walk->calm = calms[walk_dice(walk, LENGTH_OF(calms))];
    buf_init(&walk->steps, 1024 * 1024);
    story_session_init(&walk->session, set, &host);
    walk->session.out.on_row = on_row;
    walk->session.out.on_row_ctx = walk;
    return walk;
}

void walk_destroy(struct walk **walk)
{
    if (*walk == NULL)
        return;
    buf_fini(&(*walk)->steps);
    free((*walk)->rows);
    free(*walk);
    *walk = NULL;
}

/* ---- writing steps down ---- */
static void step_open(struct walk *walk, const char *key)
{
    buf_printf(&walk->steps, "  - {%s: ", key);
    walk->step_count++;
}

static void step_close(struct walk *walk)
{
    struct story_session *s = &walk->session;
    struct buf *out = &walk->steps;

    buf_add_text(out, ", expect: {");
    if (s->state.depth > 0) {
        buf_add_text(out, "state: ");
        walk_add_scalar(out, flow_state_at(&s->state, s->set));
    } else if (s->handed_off) {
        buf_add_text(out, "handoff: ");
        walk_add_scalar(out, slice_of(s->queue[0] != '\0' ? s->queue : "any"));
    } else {
        buf_add_text(out, "end: ");
        walk_add_scalar(out, slice_of(s->end));
    }
    if (s->rung[0] != '\0' && strcmp(s->rung, "none") != 0)
        buf_printf(out, ", rung: %s", s->rung);
    buf_add_text(out, "}}\n");
    if (s->handed_off)
        snprintf(walk->outcome, sizeof(walk->outcome), "handoff");
    else if (s->end[0] != '\0' && s->state.depth == 0)
        snprintf(walk->outcome, sizeof(walk->outcome), "%s", s->end);
    walk->failed |= s->fault;
}

static void say(struct walk *walk, const char *text)
{
    step_open(walk, "user");
    walk_add_scalar(&walk->steps, slice_of(text));
    story_session_message(&walk->session, slice_of(text));
    step_close(walk);
}

static void send_items(struct walk *walk, const char *key, enum flow_event_kind kind,
                       const struct slice *items, size_t count)
{
    const struct flow_event event = { .kind = kind, .items = items, .item_count = count };

    step_open(walk, key);
    buf_add_char(&walk->steps, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_text(&walk->steps, ", ");
        walk_add_scalar(&walk->steps, items[i]);
    }
    buf_add_char(&walk->steps, ']');
    story_session_event(&walk->session, &event);
    step_close(walk);
}

/* ---- moves ---- */
static void upload(struct walk *walk, const char *name)
{
    struct slice item = slice_of(name);

    send_items(walk, "upload", FLOW_EVENT_FILES, &item, 1);
}

/* What the last ask offered, kept: the next step overwrites it. */
static size_t offered(struct walk *walk, struct slice *items, size_t max, char *bytes, size_t size)
{
    const struct flow_out *out = &walk->session.out;
    size_t count = 0;
    size_t used = 0;

    for (size_t i = 0; i < out->option_count && count < max; i++) {
        struct slice value = out->options[i].value;
        if (used + value.len > size)
            break;
        memcpy(bytes + used, value.ptr, value.len);
        items[count++] = slice_make(bytes + used, value.len);
        used += value.len;
    }
    return count;
}

static bool move_answer(struct walk *walk, const struct flow *flow,
                        const struct flow_state_def *state)
{
    const struct flow_slot_def *slot = flow_slot_def(flow, state->a);
    char text[WALK_TEXT_MAX];
    struct slice items[FLOW_ITEMS_MAX];
    char bytes[1024];
    struct slice one;
    size_t count;

    if (slot->type == FLOW_SLOT_FILE || slot->type == FLOW_SLOT_FILES) {
        upload(walk, "photo.jpg");
        return true;
    }
    if (slot->type == FLOW_SLOT_LIST) {
        const struct flow_event again = { .kind = FLOW_EVENT_PICK };
        (void)again;
        count = offered(walk, items, slot->max < FLOW_ITEMS_MAX ? (size_t)slot->max : 4, bytes,
                        sizeof(bytes));
        if (count == 0)
            return false;
        send_items(walk, "pick", FLOW_EVENT_PICK, items,
                   walk_dice(walk, 2) == 0 ? count : (slot->min > 1 ? count : 1));
        return true;
    }
    if (!walk_slot_text(walk, flow, slot, text, sizeof(text)))
        return false;
    one = slice_of(text);
    if (slot->type == FLOW_SLOT_ENUM || slot->type == FLOW_SLOT_BOOL ||
        slot->type == FLOW_SLOT_DATE)
        send_items(walk, "pick", FLOW_EVENT_PICK, &one, 1);
    else
        say(walk, text);
    return true;
}

static bool has_own_row(const struct flow *flow, const struct flow_state_def *state, unsigned event)
{
    for (unsigned i = 0; i < state->row_count; i++) {
        if (flow_rows(flow)[state->first_row + i].event == event)
            return true;
    }
    return false;
}

static bool has_row(const struct flow *flow, const struct flow_state_def *state, unsigned event)
{
    for (unsigned i = 0; i < flow->global_count; i++) {
        if (flow_rows(flow)[flow->row_count + i].event == event)
            return true;
    }
    return has_own_row(flow, state, event);
}

static bool move_wrong(struct walk *walk, const struct flow *flow,
                       const struct flow_state_def *state)
{
    const struct flow_slot_def *slot = flow_slot_def(flow, state->a);
    bool file = slot->type == FLOW_SLOT_FILE || slot->type == FLOW_SLOT_FILES;
    bool free =
        (slot->type == FLOW_SLOT_TEXT && slot->pattern == 0) || slot->type == FLOW_SLOT_ADDRESS;

    if (has_row(flow, state, FLOW_ON_MESSAGE))
        return false;
    if (file || !free) {
        say(walk, "~~");
        return true;
    }
    if (has_row(flow, state, FLOW_ON_FILE))
        return false;
    upload(walk, "notes.pdf");
    return true;
}

static bool move_skip(struct walk *walk, const struct flow *flow,
                      const struct flow_state_def *state)
{
    if (!flow_slot_def(flow, state->a)->optional)
        return false;
    say(walk, walk_chinese(walk) ? "跳过" : "skip");
    return true;
}

static bool move_timeout(struct walk *walk)
{
    int64_t ms = flow_state_due(&walk->session.state) - walk->session.now_ms;
    int64_t seconds = (ms + 999) / 1000;
    char duration[32];

    if (ms <= 0 || walk->session.state.deadline == 0)
        return false;
    if (seconds % 3600 == 0)
        snprintf(duration, sizeof(duration), "%lldh", (long long)(seconds / 3600));
    else
        snprintf(duration, sizeof(duration), "%llds", (long long)seconds);
    step_open(walk, "wait");
    buf_add_text(&walk->steps, duration);
    story_session_wait(&walk->session, seconds * 1000);
    step_close(walk);
    return true;
}

/* A question is the answer to a free text, so it cannot lead away from one. */
static bool takes_anything(const struct flow *flow, const struct flow_state_def *state)
{
    const struct flow_slot_def *slot = flow_slot_def(flow, state->a);

    return (slot->type == FLOW_SLOT_TEXT && slot->pattern == 0) || slot->type == FLOW_SLOT_ADDRESS;
}

static const char *question_of(const struct walk *walk)
{
    return walk_chinese(walk) ? "运费谁出？" : "Who pays the postage?";
}

static bool move_question(struct walk *walk, const struct flow *flow,
                          const struct flow_state_def *state)
{
    if (state->kind == FLOW_KIND_ASK && takes_anything(flow, state))
        return false;
    say(walk, question_of(walk));
    return true;
}

/* Rows with a prefix, own and global: one of them, the unseen first; FLOW_NO: none. */
static unsigned named_row(struct walk *walk, const struct flow *flow,
                          const struct flow_state_def *state, const char *prefix)
{
    unsigned best = FLOW_NO;
    unsigned count = 0;

    for (unsigned i = 0; i < (unsigned)state->row_count + flow->global_count; i++) {
        unsigned row =
            i < state->row_count ? state->first_row + i : flow->row_count + i - state->row_count;
        struct slice event = flow_event_name(flow, flow_rows(flow)[row].event);

        if (!slice_starts_with(event, slice_of(prefix)))
            continue;
        if (best == FLOW_NO || row_wanted(walk, flow, row) || walk_dice(walk, ++count) == 0)
            best = row;
    }
    return best;
}

static bool move_intent(struct walk *walk, const struct flow *flow,
                        const struct flow_state_def *state)
{
    unsigned row = named_row(walk, flow, state, "intent.");
    struct flow_event event = { .kind = FLOW_EVENT_MESSAGE, .score = EXPR_ONE };
    struct slice name;

    if (row == FLOW_NO || (state->kind == FLOW_KIND_ASK && takes_anything(flow, state)))
        return false;
    name = flow_event_name(flow, flow_rows(flow)[row].event);
    event.intent = slice_make(name.ptr + 7, name.len - 7);
    event.text = slice_of("qwertz");
    buf_printf(&walk->steps, "  - {user: qwertz, intent: %.*s", (int)event.intent.len,
               event.intent.ptr);
    walk->step_count++;
    story_session_event(&walk->session, &event);
    step_close(walk);
    return true;
}

/* A filled slot that an ask of this flow fills, and another value for it. */
static bool move_correct(struct walk *walk, const struct flow *flow,
                         const struct flow_state_def *state)
{
    unsigned start = (unsigned)walk_dice(walk, flow->slots.count + 1);

    for (unsigned k = 0; k < flow->slots.count; k++) {
        unsigned i = (start + k) % flow->slots.count;
        const struct flow_slot_def *slot = flow_slot_def(flow, i);
        struct flow_record record;
        const uint8_t *bytes;
        char value[WALK_TEXT_MAX];
        char text[WALK_TEXT_MAX + 64];
        bool readable = slot->type == FLOW_SLOT_ENUM || slot->type == FLOW_SLOT_PHONE ||
                        slot->type == FLOW_SLOT_ORDER_NO || slot->type == FLOW_SLOT_EMAIL ||
                        slot->pattern != 0;

        if (!readable || slot->writer == FLOW_NO ||
            (state->kind == FLOW_KIND_ASK && i == state->a) ||
            !flow_area_get(&walk->session.state,
                           slot->keep >= FLOW_KEEP_SESSION ? 0 : walk->session.state.depth,
                           slot->hash, &record, &bytes) ||
            !walk_slot_text(walk, flow, slot, value, sizeof(value)) ||
            slice_equal_text(slice_make(bytes, record.len), value))
            continue;
        snprintf(text, sizeof(text),
                 walk_chinese(walk) ? "写错了，应该是 %s" : "sorry, it should be %s", value);
        say(walk, text);
        return true;
    }
    return false;
}

static bool move_plain(struct walk *walk, const char *key, const char *value,
                       enum flow_event_kind kind)
{
    const struct flow_event event = { .kind = kind, .name = slice_of(value) };

    step_open(walk, key);
    walk_add_scalar(&walk->steps, slice_of(value));
    story_session_event(&walk->session, &event);
    step_close(walk);
    return true;
}

static bool move_agent(struct walk *walk, const struct flow *flow,
                       const struct flow_state_def *state)
{
    const struct flow_row *row = &flow_rows(
        flow)[state->first_row + walk_dice(walk, state->row_count + 1) % state->row_count];
    struct slice event = flow_event_name(flow, row->event);
    char name[EXPR_NAME_BYTES_MAX + 1];

    if (slice_starts_with(event, slice_of("agent.")))
        event = slice_make(event.ptr + 6, event.len - 6);
    snprintf(name, sizeof(name), "%.*s", (int)event.len, event.ptr);
    return move_plain(walk, "agent", name, FLOW_EVENT_AGENT);
}

static bool move_webhook(struct walk *walk, const struct flow *flow,
                         const struct flow_state_def *state)
{
    unsigned row = named_row(walk, flow, state, "webhook.");
    struct slice event;
    char name[EXPR_NAME_BYTES_MAX + 1];

    if (row == FLOW_NO)
        return false;
    event = flow_event_name(flow, flow_rows(flow)[row].event);
    snprintf(name, sizeof(name), "%.*s", (int)event.len - 8, event.ptr + 8);
    return move_plain(walk, "webhook", name, FLOW_EVENT_WEBHOOK);
}

/* Questions until the flow has had enough of them. */
static bool move_turns(struct walk *walk, const struct flow *flow,
                       const struct flow_state_def *state)
{
    const struct flow_frame *top = &walk->session.state.frames[walk->session.state.depth - 1];
    unsigned times = flow->turns + 1U - top->turns;
    struct slice text = slice_of(question_of(walk));

    if (!has_row(flow, state, FLOW_ON_STUCK) ||
        (state->kind == FLOW_KIND_ASK && takes_anything(flow, state)) ||
        has_row(flow, state, FLOW_ON_MESSAGE) || top->turns > flow->turns)
        return false;
    buf_add_text(&walk->steps, "  - {user: ");
    walk_add_scalar(&walk->steps, text);
    buf_printf(&walk->steps, ", times: %u", times);
    walk->step_count++;
    for (unsigned i = 0; i < times && walk->session.state.depth > 0; i++)
        story_session_message(&walk->session, text);
    step_close(walk);
    return true;
}

static bool move_message(struct walk *walk, const struct flow *flow,
                         const struct flow_state_def *state)
{
    if (state->kind == FLOW_KIND_ASK && !has_row(flow, state, FLOW_ON_MESSAGE))
        return false;
    say(walk, "qwertz");
    return true;
}

static bool move_file(struct walk *walk, const struct flow *flow,
                      const struct flow_state_def *state)
{
    if (!has_row(flow, state, FLOW_ON_FILE))
        return false;
    upload(walk, "photo.jpg");
    return true;
}

bool walk_move(struct walk *walk, enum walk_move move)
{
    const struct flow *flow = top_flow(walk);
    const struct flow_state_def *state = top_state(walk, flow);
    bool ask = state->kind == FLOW_KIND_ASK;
    bool done = false;

    switch (move) {
    case WALK_ANSWER:
        done = ask && move_answer(walk, flow, state);
        break;
    case WALK_WRONG:
        done = ask && move_wrong(walk, flow, state);
        break;
    case WALK_SKIP:
        done = ask && move_skip(walk, flow, state);
        break;
    case WALK_TIMEOUT:
        done = move_timeout(walk);
        break;
    case WALK_QUESTION:
        done = move_question(walk, flow, state);
        break;
    case WALK_INTENT:
        done = move_intent(walk, flow, state);
        break;
    case WALK_CORRECT:
        done = flow->slots.count > 0 && move_correct(walk, flow, state);
        break;
    case WALK_HUMAN:
        done = move_plain(walk, "human", "true", FLOW_EVENT_HUMAN);
        break;
    case WALK_CANCEL:
        done = move_plain(walk, "cancel", "true", FLOW_EVENT_CANCEL);
        break;
    case WALK_MESSAGE:
        done = move_message(walk, flow, state);
        break;
    case WALK_FILE:
        done = move_file(walk, flow, state);
        break;
    case WALK_WEBHOOK:
        done = move_webhook(walk, flow, state);
        break;
    case WALK_AGENT:
        done = state->kind == FLOW_KIND_HANDOFF && state->row_count > 0 &&
               move_agent(walk, flow, state);
        break;
    case WALK_TURNS:
        done = move_turns(walk, flow, state);
        break;
    case WALK_MOVE_COUNT:
        break;
    }
    walk->moves[move] += done;
    return done;
}

/* The move that would pass a row which nobody passed yet. */
static enum walk_move move_for(const struct flow *flow, const struct flow_row *row)
{
    struct slice name = flow_event_name(flow, row->event);

    switch (row->event) {
    case FLOW_ON_EXHAUSTED:
    case FLOW_ON_INVALID:
        return WALK_WRONG;
    case FLOW_ON_SKIPPED:
        return WALK_SKIP;
    case FLOW_ON_TIMEOUT:
        return WALK_TIMEOUT;
    case FLOW_ON_QUESTION:
        return WALK_QUESTION;
    case FLOW_ON_CORRECTION:
        return WALK_CORRECT;
    case FLOW_ON_STUCK:
        return WALK_TURNS;
    case FLOW_ON_MESSAGE:
        return WALK_MESSAGE;
    case FLOW_ON_FILE:
        return WALK_FILE;
    default:
        break;
    }
    if (slice_starts_with(name, slice_of("intent.")))
        return WALK_INTENT;
    return slice_starts_with(name, slice_of("webhook.")) ? WALK_WEBHOOK : WALK_ANSWER;
}

static enum walk_move choose_move(struct walk *walk, const struct flow *flow,
                                  const struct flow_state_def *state)
{
    static const enum walk_move rare[] = { WALK_WRONG,   WALK_WRONG,  WALK_TIMEOUT, WALK_QUESTION,
                                           WALK_CORRECT, WALK_INTENT, WALK_SKIP,    WALK_HUMAN,
                                           WALK_CANCEL,  WALK_MESSAGE };

    if (state->kind == FLOW_KIND_HANDOFF)
        return WALK_AGENT;
    if (walk->tame)
        return state->kind == FLOW_KIND_ASK ? WALK_ANSWER : WALK_TIMEOUT;
    for (unsigned i = 0; i < (unsigned)state->row_count + flow->global_count; i++) {
        unsigned row =
            i < state->row_count ? state->first_row + i : flow->row_count + i - state->row_count;
        if (row_wanted(walk, flow, row) && walk_dice(walk, 3) == 0)
            return move_for(flow, &flow_rows(flow)[row]);
    }
    if (walk_dice(walk, exit_wanted(walk) ? 2 : walk->calm) == 0)
        return rare[walk_dice(walk, LENGTH_OF(rare))];
    if (state->kind == FLOW_KIND_ASK)
        return WALK_ANSWER;
    return walk_dice(walk, 2) == 0 ? WALK_TIMEOUT : WALK_MESSAGE;
}

bool walk_step(struct walk *walk)
{
    const struct flow *flow;
    const struct flow_state_def *state;

    if (walk->session.state.depth == 0 || walk->failed)
        return false;
    if (walk->session.state.wait == FLOW_WAIT_ACTION)
        return walk_move(walk, WALK_TIMEOUT);
    flow = top_flow(walk);
    state = top_state(walk, flow);
    if (walk_move(walk, choose_move(walk, flow, state)))
        return true;
    return walk_move(walk, state->kind == FLOW_KIND_ASK ? WALK_ANSWER : WALK_TIMEOUT) ||
           walk_move(walk, WALK_TIMEOUT);
}

bool walk_until(struct walk *walk, unsigned depth)
{
    for (unsigned i = 0; i < WALK_STEPS_MAX && walk->session.state.depth > depth; i++) {
        if (!walk_step(walk))
            break;
    }
    return walk->session.state.depth <= depth && !walk->failed;
}

void walk_start(struct walk *walk)
{
    const uint32_t *ins = FLOW_TABLE(walk->flow, ins, uint32_t);
    struct buf json;

    buf_init(&json, sizeof(walk->start_json) - 1);
    for (unsigned i = 0; i < walk->flow->ins.count; i++) {
        struct slice name = slice_of(flow_str(walk->flow, ins[i]));

        buf_printf(&json, "%s\"%.*s\":", i == 0 ? "{" : ",", (int)name.len, name.ptr);
        walk_slot_json(walk, walk->flow, flow_slot_find(walk->flow, name), &json);
    }
    if (json.len > 0)
        buf_add_char(&json, '}');
    snprintf(walk->start_json, sizeof(walk->start_json), "%.*s", (int)json.len,
             json.len > 0 ? json.ptr : "");
    buf_fini(&json);
    step_open(walk, "start");
    walk_add_scalar(&walk->steps, flow_name(walk->flow));
    story_session_start(&walk->session, flow_name(walk->flow), slice_of(""),
                        slice_of(walk->start_json));
    step_close(walk);
}

/* ---- the story ---- */
static void write_given(const struct walk *walk, struct buf *out)
{
    buf_add_text(out, "given: {");
    for (unsigned i = 0; i < walk->name_count; i++) {
        const struct walk_name *name = &walk->names[i];

        buf_printf(out, "%s%s: ", i > 0 ? ", " : "", name->name);
        if (name->parsed.type == EXPR_TEXT)
            buf_printf(out, "\"%s\"", name->value);
        else
            buf_add_text(out, name->value);
    }
    buf_add_text(out, "}\n");
}

/* JSON is YAML in flow style here: the subset has nothing that would read it otherwise. */
static void write_mock(const struct walk *walk, unsigned at, struct buf *out)
{
    const struct walk_mock *mock = &walk->mocks[at];

    if (mock->json[0] != '\0')
        buf_printf(out, "{%s: %s}", mock->outcome, mock->json);
    else
        buf_add_text(out, mock->outcome);
}

static void write_mocks(const struct walk *walk, struct buf *out)
{
    bool any = false;

    for (unsigned i = 0; i < walk->mock_count; i++) {
        bool first = true;

        for (unsigned k = 0; k < i; k++)
            first &= strcmp(walk->mocks[k].action, walk->mocks[i].action) != 0;
        if (!first)
            continue;
        if (!any)
            buf_add_text(out, "mock:\n");
        any = true;
        buf_printf(out, "  %s: [", walk->mocks[i].action);
        write_mock(walk, i, out);
        for (unsigned k = i + 1; k < walk->mock_count; k++) {
            if (strcmp(walk->mocks[k].action, walk->mocks[i].action) != 0)
                continue;
            buf_add_text(out, ", ");
            write_mock(walk, k, out);
        }
        buf_add_text(out, "]\n");
    }
}

void walk_write(const struct walk *walk, const char *title, struct buf *out)
{
    buf_printf(out, "story: %s\nflow: %s@%u\n", title, flow_str(walk->flow, walk->flow->name),
               walk->flow->version);
    if (walk->session.locale[0] != '\0')
        buf_printf(out, "locale: %s\n", walk->session.locale);
    if (strcmp(walk->session.channel, "web") != 0)
        buf_printf(out, "channel: %s\n", walk->session.channel);
    if (walk->start_json[0] != '\0')
        buf_printf(out, "in: %s\n", walk->start_json);
    write_given(walk, out);
    write_mocks(walk, out);
    buf_add_text(out, "steps:\n");
    buf_add_slice(out, buf_slice(&walk->steps));
}
