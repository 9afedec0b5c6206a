/* SPDX-License-Identifier: Apache-2.0 */
/* Trying a flow: the engine that serves visitors, one step a request, with the caller's clock and
 * the caller's answers for actions. The state travels with the requests; nothing is kept. */
#include "api_priv.h"

#include <stdlib.h>

#include "flow_host.h"
#include "limit.h"
#include "mem.h"

#include "kefu/v1/flow.pb-c.h"

enum {
    SLOTS_BYTES_MAX = 4096,
    ITEMS_MAX = FLOW_ITEMS_MAX,
};

struct trial {
    struct api_call *call;
    const Kefu__V1__FlowTryRequest *in;
    Kefu__V1__FlowTryReply *reply;
    struct flow_state state;
    struct flow_out out;
    struct flow_env env;
    struct slice items[ITEMS_MAX];
    int64_t now_ms;
};

static char *keep(struct trial *trial, struct slice text)
{
    char *copy = arena_strdup(trial->call->arena, text);

    return copy != NULL ? copy : (char *)"";
}

static void on_get(void *ctx, struct slice name, struct expr_value *out)
{
    const struct trial *trial = ctx;
    struct slice text = SLICE_EMPTY;

    for (size_t i = 0; i < trial->in->n_given; i++) {
        if (slice_equal_text(name, trial->in->given[i]->key))
            text = slice_of(trial->in->given[i]->value);
    }
    if (text.len == 0)
        return;
    if (slice_equal_text(text, "true") || slice_equal_text(text, "false"))
        *out = (struct expr_value){ .type = EXPR_BOOL, .boolean = text.len == 4 };
    else if (expr_number_parse(text, &out->number))
        out->type = EXPR_NUMBER;
    else
        *out = (struct expr_value){ .type = EXPR_TEXT, .text = text };
}

/* ---- what happens ---------------------------------------------------------------------------- */

static size_t items_take(struct trial *trial, char *const *texts, size_t count)
{
    size_t taken = count < ITEMS_MAX ? count : ITEMS_MAX;

    for (size_t i = 0; i < taken; i++)
        trial->items[i] = slice_of(texts[i]);
    return taken;
}

/* A question mark stands for what the bot knows an answer to. */
static bool is_question(const char *text)
{
    return strchr(text, '?') != NULL || strstr(text, "？") != NULL;
}

static struct flow_event event_of(struct trial *trial)
{
    const Kefu__V1__FlowTryRequest *in = trial->in;
    struct flow_event event = { .kind = FLOW_EVENT_MESSAGE,
                                .text = slice_of(in->say),
                                .items = trial->items };

    if (in->state.len == 0) {
        event.kind = FLOW_EVENT_START;
        event.name = slice_of(in->flow);
        event.run = 1;
    } else if (in->result[0] != '\0') {
        event.kind = FLOW_EVENT_RESULT;
        event.name = slice_of(in->result);
        event.json = slice_of(in->result_json);
        event.seq = trial->state.seq;
    } else if (in->advance_ms > 0) {
        event.kind = FLOW_EVENT_TIMER;
    } else if (in->n_pick > 0) {
        event.kind = FLOW_EVENT_PICK;
        event.item_count = items_take(trial, in->pick, in->n_pick);
    } else if (in->n_files > 0) {
        event.kind = FLOW_EVENT_FILES;
        event.item_count = items_take(trial, in->files, in->n_files);
    }
    return event;
}

static enum err_code step(struct trial *trial, struct err *err)
{
    struct flow_event event = event_of(trial);
    enum err_code rc =
        flow_step(&trial->state, &event, trial->now_ms, &trial->env, &trial->out, err);

    if (rc == ERR_OK && trial->out.verdict == FLOW_LADDER) {
        event.ladder = is_question(trial->in->say) ? FLOW_LADDER_ANSWERS : FLOW_LADDER_SILENT;
        rc = flow_step(&trial->state, &event, trial->now_ms, &trial->env, &trial->out, err);
    }
    return rc;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static const char *const kinds[] = {
    [FLOW_SAY] = "say",       [FLOW_ASK] = "ask",         [FLOW_ACT] = "act",
    [FLOW_ANSWER] = "answer", [FLOW_HANDOFF] = "handoff", [FLOW_REMEMBER] = "remember",
    [FLOW_END] = "end",
};

static Kefu__V1__Ask *ask_make(struct trial *trial, const struct flow_effect *effect)
{
    struct arena *arena = trial->call->arena;
    Kefu__V1__Ask *ask = arena_alloc(arena, sizeof(*ask));
    Kefu__V1__AskOption *options =
        arena_alloc(arena, (effect->option_count + 1U) * sizeof(*options));
    Kefu__V1__AskOption **list = arena_alloc(arena, (effect->option_count + 1U) * sizeof(*list));

    if (ask == NULL || options == NULL || list == NULL)
        return NULL;
    kefu__v1__ask__init(ask);
    ask->slot = keep(trial, effect->slot);
    ask->ui = keep(trial, effect->ui);
    ask->value = keep(trial, effect->value);
    ask->multiple = effect->multiple;
    ask->optional = effect->optional;
    for (unsigned i = 0; i < effect->option_count; i++) {
        const struct flow_option *from = &trial->out.options[effect->option_first + i];

        kefu__v1__ask_option__init(&options[i]);
        options[i].value = keep(trial, from->value);
        options[i].label = keep(trial, from->label);
        list[i] = &options[i];
    }
    ask->options = list;
    ask->n_options = effect->option_count;
    return ask;
}

static void line_add(struct trial *trial, const struct flow_effect *effect)
{
    Kefu__V1__FlowTryReply *reply = trial->reply;
    Kefu__V1__FlowTryLine *line = arena_alloc(trial->call->arena, sizeof(*line));

    if (line == NULL)
        return;
    kefu__v1__flow_try_line__init(line);
    line->kind = (char *)kinds[effect->kind];
    line->text = keep(trial, effect->kind == FLOW_REMEMBER ? effect->value : effect->text);
    line->name = keep(trial, effect->kind == FLOW_REMEMBER ? effect->slot : effect->name);
    line->json = keep(trial, effect->json);
    line->ask = effect->kind == FLOW_ASK ? ask_make(trial, effect) : NULL;
    reply->lines[reply->n_lines++] = line;
}

static void lines_fill(struct trial *trial)
{
    Kefu__V1__FlowTryReply *reply = trial->reply;

    reply->lines = arena_alloc(trial->call->arena, FLOW_EFFECTS_MAX * sizeof(*reply->lines));
    reply->notes = arena_alloc(trial->call->arena, FLOW_NOTES_MAX * sizeof(*reply->notes));
    for (size_t i = 0; i < trial->out.effect_count && reply->lines != NULL; i++)
        line_add(trial, &trial->out.effects[i]);
    for (size_t i = 0; i < trial->out.note_count && reply->notes != NULL; i++)
        reply->notes[reply->n_notes++] = keep(trial, slice_of(trial->out.notes[i].what));
}

static const char *wait_name(uint8_t wait)
{
    static const char *const names[] = { [FLOW_WAIT_NOTHING] = "",
                                         [FLOW_WAIT_ASK] = "answer",
                                         [FLOW_WAIT_TIMER] = "timer",
                                         [FLOW_WAIT_ACTION] = "action",
                                         [FLOW_WAIT_AGENT] = "agent" };

    return names[wait];
}

static enum err_code state_fill(struct trial *trial, struct err *err)
{
    Kefu__V1__FlowTryReply *reply = trial->reply;
    uint8_t *bytes = arena_alloc(trial->call->arena, FLOW_STATE_BYTES_MAX);
    struct buf slots;

    if (bytes == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    reply->state = (ProtobufCBinaryData){ flow_state_encode(&trial->state, bytes), bytes };
    reply->flow = keep(trial, flow_state_flow(&trial->state, trial->env.set));
    reply->at = keep(trial, flow_state_at(&trial->state, trial->env.set));
    reply->waits_for = (char *)wait_name(trial->state.wait);
    reply->now_ms = trial->now_ms;
    reply->due_ms = trial->state.depth > 0 ? flow_state_due(&trial->state) : 0;
    buf_init(&slots, SLOTS_BYTES_MAX);
    flow_state_slots(&trial->state, trial->env.set, trial->env.utc_offset_minutes, &slots);
    reply->slots = keep(trial, buf_slice(&slots));
    buf_fini(&slots);
    return ERR_OK;
}

static enum err_code trial_run(struct trial *trial, struct err *err)
{
    const Kefu__V1__FlowTryRequest *in = trial->in;
    enum err_code rc =
        flow_state_decode(slice_make(in->state.data, in->state.len), &trial->state, err);

    if (rc != ERR_OK)
        return err_set_field(err, ERR_INVALID, "state", "is not of a trial");
    if (in->advance_ms < 0 || in->now_ms < 0 || in->advance_ms > FLOW_TRY_ADVANCE_MAX_MS ||
        in->now_ms > INT64_MAX / 2)
        return err_set_field(err, ERR_INVALID, "advanceMs", "0 to a year");
    trial->now_ms = (in->now_ms > 0 ? in->now_ms : trial->call->now_ms) + in->advance_ms;
    rc = step(trial, err);
    if (rc != ERR_OK)
        return rc == ERR_NOT_FOUND ? rc : err_set(err, ERR_CONFLICT, "the trial cannot go on");
    lines_fill(trial);
    return state_fill(trial, err);
}

enum err_code api_flow_try(struct api_call *call, struct err *err)
{
    const Kefu__V1__FlowTryRequest *in = (const Kefu__V1__FlowTryRequest *)call->body;
    Kefu__V1__FlowTryReply *reply = api_message_new(call, call->route->reply, err);
    struct flow_set *set;
    struct trial *trial;
    enum err_code rc =
        reply != NULL ? api_text_check("flow", in->flow, 1, FLOW_HOST_NAME_MAX, err) : err->code;

    if (rc == ERR_OK)
        rc = api_text_check("say", in->say, 0, LIMIT_TEXT_BYTES_MAX, err);
    if (rc != ERR_OK)
        return rc;
    set = api_flow_set(call, slice_of(in->source), err);
    if (set == NULL)
        return err->code;
    trial = mem_zalloc(sizeof(*trial));
    trial->call = call;
    trial->in = in;
    trial->reply = reply;
    trial->env =
        (struct flow_env){ .set = set,
                           .ctx = trial,
                           .get = on_get,
                           .conversation = SLICE_LITERAL("trial"),
                           .locale = slice_of(in->locale[0] != '\0' ? in->locale : "en"),
                           .channel = slice_of(in->channel[0] != '\0' ? in->channel : "web") };
    rc = trial_run(trial, err);
    call->answer = &reply->base;
    free(trial);
    flow_set_destroy(&set);
    return rc;
}
