/* SPDX-License-Identifier: Apache-2.0 */
/* The flow of a conversation: its record is a part of the header, and what happens to it is decided
 * in the turn of what happened, so both are stored or neither.
 *
 *   stimulus -> record decoded -> flow_step -> effects become events -> record encoded
 *                                    |  "not for me"
 *                                    v
 *                          the ladder, and flow_step again with what came of it
 *
 * An action that a step asks for begins after the commit (chat_act.c). A record that cannot be
 * stepped (its flow is gone, it is damaged) ends at a person, never in silence. */
#include "chat_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "log.h"
#include "mem.h"
#include "schema.h"
#include "utf8.h"

enum {
    BUILTIN_ROUNDS_MAX = 8,    /* built-in actions of one turn: more is a loop */
    SKILLS_MAX = 8,            /* of a handoff */
    SLOTS_TEXT_MAX = 4096,     /* of a note or a view */
    REMEMBER_BYTES_MAX = 2048, /* as much as a live visitor's facts may be */
};

/* Of one step; large, so it is kept. */
struct flow_work {
    struct flow_state state;
    struct flow_out out;
    struct bot_reading reading;
    struct flow_entity entities[BOT_ENTITIES_MAX];
    char conversation[24];
    char value[LIMIT_ATTRIBUTE_VALUE_BYTES_MAX + 1]; /* of the host value asked for last */
    struct chat *chat;
    const struct conv *conv;
    const struct flow_set *set;
    const struct bot_reply *reply; /* what FLOW_ANSWER stands for */
    int64_t began_us;
    bool said;                /* something that the visitor sees */
    struct flow_note failure; /* of the action whose result was the event; what NULL: none */
};

/* ---- the record ------------------------------------------------------------------------------ */

void flow_work_free(struct chat *chat)
{
    free(chat->flow);
    chat->flow = NULL;
}

static struct slice record_bytes(const struct conv *conv)
{
    const struct flow_record *record = conv->head.flow;

    return record != NULL ? slice_make(record->bytes, record->len) : SLICE_EMPTY;
}

/* For the record of conv. Fault: it cannot be read. */
static enum err_code work_load(struct chat *chat, const struct conv *conv, struct flow_work **out,
                               struct err *err)
{
    struct flow_work *work = chat->flow;

    if (work == NULL)
        work = chat->flow = mem_zalloc(sizeof(*work));
    work->chat = chat;
    work->conv = conv;
    work->reply = NULL;
    work->said = false;
    work->failure = (struct flow_note){ 0 };
    work->out.on_row = NULL;
    work->reading = (struct bot_reading){ 0 };
    work->began_us = clock_mono_us(chat->options.clock);
    work->set = chat->options.ops.flows != NULL
                    ? chat->options.ops.flows(chat->options.ops.ctx, conv->workspace)
                    : NULL;
    snprintf(work->conversation, sizeof(work->conversation), "%llu",
             (unsigned long long)conv->id.v);
    *out = work;
    return flow_state_decode(record_bytes(conv), &work->state, err);
}

/* NULL: there is nothing to keep. */
static struct flow_record *record_new(struct slice bytes, uint8_t wait, int64_t due,
                                      struct slice remember)
{
    struct flow_record *record;

    if (bytes.len + remember.len == 0)
        return NULL;
    record = mem_alloc(sizeof(*record) + bytes.len + remember.len);
    record->len = (uint16_t)bytes.len;
    record->remember_len = (uint16_t)remember.len;
    record->wait = wait;
    record->due = due;
    if (bytes.len > 0)
        memcpy(record->bytes, bytes.ptr, bytes.len);
    if (remember.len > 0)
        memcpy(record->bytes + bytes.len, remember.ptr, remember.len);
    return record;
}

static int64_t state_due(const struct flow_state *state)
{
    return state->depth > 0 ? flow_state_due(state) : 0;
}

void flow_record_load(struct conv *conv, const Kefu__V1__Header *header)
{
    struct slice bytes = slice_make(header->flow.data, header->flow.len);
    struct slice remember = slice_make(header->remember.data, header->remember.len);
    struct flow_state state;
    struct err err;

    if (bytes.len > FLOW_STATE_BYTES_MAX)
        bytes.len = 0;
    if (remember.len > REMEMBER_BYTES_MAX || (remember.len > 0 && remember.ptr[remember.len - 1]))
        remember.len = 0;
    /* A damaged one waits for an answer: the next message finds out, and asks for a person. */
    if (flow_state_decode(bytes, &state, &err) != ERR_OK)
        state.wait = FLOW_WAIT_ASK;
    conv->head.flow = record_new(bytes, state.wait, state_due(&state), remember);
}

bool flow_header_pending(const Kefu__V1__Header *header)
{
    struct flow_state state;
    struct err err;

    return header->flow.len > 0 &&
           flow_state_decode(slice_make(header->flow.data, header->flow.len), &state, &err) ==
               ERR_OK &&
           state.wait == FLOW_WAIT_ACTION;
}

/* Takes next. */
static void record_put(struct turn *turn, struct flow_record *next)
{
    struct conv_head *head = &turn->conv->head;

    if (turn->flow_changed)
        free(head->flow);
    turn->flow_changed = true;
    head->flow = next;
}

static void record_save(struct turn *turn, const struct flow_state *state)
{
    uint8_t bytes[FLOW_STATE_BYTES_MAX];
    size_t len = flow_state_encode(state, bytes);

    if (slice_equal(record_bytes(turn->conv), slice_make(bytes, len)))
        return;
    record_put(turn, record_new(slice_make(bytes, len), state->wait, state_due(state),
                                flow_to_remember(turn->conv)));
}

/* ---- what flows remember of a visitor -------------------------------------------------------- */

/* It belongs into the visitor's record, which may have to be read before it can be written. So it
 * is kept in the turn that says it, and brought there by a turn of its own, which takes it from
 * here. A crash between the two leaves it here, and the next load brings it. */

bool pair_next(struct slice *rest, struct slice *key, struct slice *value)
{
    if (rest->len == 0)
        return false;
    *key = slice_make(rest->ptr, strnlen(rest->ptr, rest->len));
    *value = slice_make(key->ptr + key->len + 1, rest->len - key->len - 1);
    value->len = strnlen(value->ptr, value->len);
    *rest = slice_make(value->ptr + value->len + 1, rest->len - key->len - value->len - 2);
    return true;
}

static void pair_add(struct buf *out, struct slice key, struct slice value)
{
    buf_add_slice(out, key);
    buf_add_char(out, '\0');
    buf_add_slice(out, value);
    buf_add_char(out, '\0');
}

static void remember_set(struct turn *turn, const struct buf *pairs)
{
    const struct conv *conv = turn->conv;
    struct slice bytes = record_bytes(conv);

    record_put(turn, record_new(bytes, flow_waits(conv), flow_due(conv), buf_slice(pairs)));
}

void flow_remember(struct turn *turn, struct slice key, struct slice value)
{
    struct slice rest = flow_to_remember(turn->conv);
    struct slice old_key;
    struct slice old_value;
    struct buf pairs;

    if (key.len == 0 || key.len > LIMIT_ATTRIBUTE_KEY_BYTES_MAX ||
        value.len > LIMIT_ATTRIBUTE_VALUE_BYTES_MAX || memchr(key.ptr, '\0', key.len) != NULL ||
        (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL))
        return;
    buf_init(&pairs, REMEMBER_BYTES_MAX);
    while (pair_next(&rest, &old_key, &old_value)) {
        if (!slice_equal(old_key, key))
            pair_add(&pairs, old_key, old_value);
    }
    pair_add(&pairs, key, value);
    if (buf_ok(&pairs)) {
        remember_set(turn, &pairs);
        turn->remembers = true;
    } else {
        LOG_WARN("flow_remembers_too_much", KV_ID("conv", turn->conv->id.v));
    }
    buf_fini(&pairs);
}

static bool names_pair(const struct chat_action *action, struct slice key, struct slice value)
{
    for (unsigned i = 0; i < action->attribute_count; i++) {
        if (slice_equal(action->attributes[i].key, key) &&
            slice_equal(action->attributes[i].value, value))
            return true;
    }
    return false;
}

void flow_remembered(struct turn *turn, const struct chat_action *action)
{
    struct slice rest = flow_to_remember(turn->conv);
    struct slice key;
    struct slice value;
    struct buf left;

    if (rest.len == 0)
        return;
    buf_init(&left, REMEMBER_BYTES_MAX);
    while (pair_next(&rest, &key, &value)) {
        if (!names_pair(action, key, value))
            pair_add(&left, key, value);
    }
    remember_set(turn, &left);
    buf_fini(&left);
}

/* The run is over; what the session keeps is kept unless `all`. */
static void record_end(struct turn *turn, struct flow_work *work, bool all)
{
    if (all)
        flow_state_init(&work->state);
    else
        flow_state_stop(&work->state);
    record_save(turn, &work->state);
}

/* ---- what a step may ask --------------------------------------------------------------------- */

static void value_set(struct slice text, struct expr_value *out)
{
    if (slice_equal_text(text, "true") || slice_equal_text(text, "false"))
        *out = (struct expr_value){ .type = EXPR_BOOL, .boolean = text.len == 4 };
    else if (expr_number_parse(text, &out->number))
        out->type = EXPR_NUMBER;
    else
        *out = (struct expr_value){ .type = EXPR_TEXT, .text = text };
}

/* user.NAME and contact.NAME are the visitor's; a signature made its user id known. */
static struct slice visitor_value(const struct flow_work *work, struct slice name)
{
    const struct visitor *visitor = work->conv->visitor;
    size_t head = slice_starts_with(name, SLICE_LITERAL("user.")) ? 5 : 8;

    if (slice_equal_text(name, "user.verified"))
        return visitor_fact(visitor, SLICE_LITERAL("user_id")).len > 0 ? SLICE_LITERAL("true")
                                                                       : SLICE_LITERAL("false");
    return visitor_fact(visitor, slice_make(name.ptr + head, name.len - head));
}

static void on_get(void *ctx, struct slice name, struct expr_value *out)
{
    struct flow_work *work = ctx;
    const struct chat_ops *ops = &work->chat->options.ops;
    struct slice text = SLICE_EMPTY;

    if (slice_starts_with(name, SLICE_LITERAL("user.")) ||
        slice_starts_with(name, SLICE_LITERAL("contact.")))
        text = visitor_value(work, name);
    else if (ops->flow_value != NULL &&
             !ops->flow_value(ops->ctx, work->conv->workspace, name, &text))
        return;
    if (text.len == 0 || text.len >= sizeof(work->value))
        return;
    memcpy(work->value, text.ptr, text.len);
    value_set(slice_make(work->value, text.len), out);
}

static struct flow_env env_of(struct flow_work *work)
{
    struct chat *chat = work->chat;
    struct chat_site site = { 0 };

    (void)chat->options.ops.site(chat->options.ops.ctx, work->conv->workspace, work->conv->site,
                                 &site);
    return (struct flow_env){
        .set = work->set,
        .ctx = work,
        .get = on_get,
        .conversation = slice_of(work->conversation),
        .locale = slice_of(bot_locale(slice_of(work->conv->locale))),
        .channel = SLICE_LITERAL("web"),
        .utc_offset_minutes = site.utc_offset_minutes,
    };
}

/* ---- effects --------------------------------------------------------------------------------- */

static void ask_options(struct turn *turn, Kefu__V1__Ask *ask, const struct flow_out *out,
                        const struct flow_effect *effect)
{
    Kefu__V1__AskOption *items;

    if (effect->option_count == 0)
        return;
    items = turn_messages(turn, effect->option_count, sizeof(*items), &ask->options);
    if (items == NULL)
        return;
    for (unsigned i = 0; i < effect->option_count; i++) {
        const struct flow_option *option = &out->options[effect->option_first + i];

        kefu__v1__ask_option__init(&items[i]);
        items[i].value = turn_text(turn, option->value);
        items[i].label = turn_text(turn, option->label);
    }
    ask->n_options = effect->option_count;
}

static Kefu__V1__Ask *ask_new(struct turn *turn, Kefu__V1__Event *event, struct slice ui)
{
    Kefu__V1__Ask *ask = arena_alloc(&turn->arena, sizeof(*ask));

    if (ask == NULL) {
        turn->full = true;
        return NULL;
    }
    kefu__v1__ask__init(ask);
    ask->ui = turn_text(turn, ui);
    event->ask = ask;
    return ask;
}

static void ask_add(struct chat *chat, struct turn *turn, const struct flow_work *work,
                    const struct flow_effect *effect)
{
    Kefu__V1__Event *event = bot_text_add(chat, turn, effect->text, "flow");
    Kefu__V1__Ask *ask = ask_new(turn, event, effect->ui);

    if (ask == NULL)
        return;
    ask->slot = turn_text(turn, effect->slot);
    ask->value = turn_text(turn, effect->value);
    ask->multiple = effect->multiple;
    ask->optional = effect->optional;
    ask->max = effect->multiple ? (uint32_t)effect->number : 0;
    ask_options(turn, ask, &work->out, effect);
}

/* "returns: resolved" for the agents; stars for the visitor. */
static void end_add(struct chat *chat, struct turn *turn, const struct flow_effect *effect)
{
    char text[LIMIT_NAME_BYTES_MAX * 2];
    const char *locale = bot_locale(slice_of(turn->conv->locale));

    snprintf(text, sizeof(text), "%.*s: %.*s", SLICE_ARGS(effect->slot), SLICE_ARGS(effect->name));
    (void)flow_event_add(chat, turn, "ended", slice_of(text));
    if (effect->csat)
        (void)ask_new(turn,
                      bot_text_add(chat, turn, slice_of(bot_text(locale, BOT_TEXT_RATE)), "flow"),
                      SLICE_LITERAL("rating"));
}

/* {"a":1,"b":"x"} as lines "a: 1", "b: x"; only the top level, inner values as JSON. */
static void lines_add(struct buf *out, struct slice json)
{
    struct json_reader reader;
    char key[LIMIT_NAME_BYTES_MAX];

    json_reader_init(&reader, json);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return;
    while (json_next(&reader) == JSON_KEY) {
        struct slice raw = reader.raw;
        size_t from = json_offset(&reader);

        if (!json_skip_value(&reader))
            return;
        if (raw.len > sizeof(key))
            continue;
        raw = slice_make(key, json_unescape(raw, key));
        buf_add_text(out, out->len > 0 ? "\n" : "");
        buf_add_slice(out, raw);
        buf_add_text(out, ": ");
        raw = slice_trim(slice_make(json.ptr + from, json_offset(&reader) - from));
        if (raw.len >= 2 && raw.ptr[0] == '"') {
            char *text = mem_alloc(raw.len);

            raw = slice_make(text, json_unescape(slice_make(raw.ptr + 1, raw.len - 2), text));
            buf_add_slice(out, raw);
            free(text);
        } else {
            buf_add_slice(out, raw);
        }
    }
}

/* What the agent must know, so that the visitor need not say it again. */
static void carry_note(struct chat *chat, struct turn *turn, struct slice flow, struct slice state,
                       struct slice carry)
{
    Kefu__V1__Event *note;
    struct buf buf;

    routing_note_slots(turn, carry);
    buf_init(&buf, SLOTS_TEXT_MAX);
    lines_add(&buf, carry);
    note = turn_event(chat, turn, KEFU__V1__EVENT__KIND__note, true, ACTOR_SYSTEM, 0, SLICE_EMPTY);
    note->reason = pb_constant("flow");
    {
        struct buf text;

        buf_init(&text, SLOTS_TEXT_MAX + LIMIT_NAME_BYTES_MAX * 2);
        buf_printf(&text, "%.*s → %.*s", SLICE_ARGS(flow), SLICE_ARGS(state));
        if (buf.len > 0) {
            buf_add_char(&text, '\n');
            buf_add_slice(&text, utf8_cut(buf_slice(&buf), buf.len));
        }
        note->text = turn_text(turn, buf_slice(&text));
        buf_fini(&text);
    }
    buf_fini(&buf);
}

/* A part of an effect's JSON, as the text that it is. */
static struct slice part_of(struct slice json, const char *key)
{
    struct json_reader reader;

    json_reader_init(&reader, json);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return SLICE_EMPTY;
    while (json_next(&reader) == JSON_KEY) {
        bool found = slice_equal_text(reader.raw, key);
        size_t from = json_offset(&reader);
        struct slice value;

        if (!json_skip_value(&reader))
            break;
        value = slice_trim(slice_make(json.ptr + from, json_offset(&reader) - from));
        if (found && value.len >= 2 && value.ptr[0] == '"')
            return slice_make(value.ptr + 1, value.len - 2);
        if (found)
            return value;
    }
    return SLICE_EMPTY;
}

static void handoff_note(struct chat *chat, struct turn *turn, const struct flow_effect *effect)
{
    carry_note(chat, turn, part_of(effect->json, "flow"), part_of(effect->json, "state"),
               part_of(effect->json, "carry"));
}

/* The flow's own wishes go over what the rules say: its priority, and {"returns":2} as a skill. */
static void needs_add(struct turn *turn, const struct flow_effect *effect)
{
    Kefu__V1__Routing *routing = routing_get(turn);
    struct slice skills = part_of(effect->json, "skills");
    Kefu__V1__RoutingNeed **list = arena_alloc(&turn->arena, (routing->n_require + SKILLS_MAX) *
                                                                 sizeof(Kefu__V1__RoutingNeed *));
    struct json_reader reader;
    uint64_t level;

    if (list == NULL || (effect->number < 0 && skills.len <= 2))
        return;
    for (size_t i = 0; i < routing->n_require; i++)
        list[i] = routing->require[i];
    routing->require = list;
    json_reader_init(&reader, skills);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return;
    for (unsigned i = 0; i < SKILLS_MAX && json_next(&reader) == JSON_KEY; i++) {
        struct slice name = reader.raw;
        Kefu__V1__RoutingNeed *need = arena_alloc(&turn->arena, sizeof(*need));

        if (json_next(&reader) != JSON_NUMBER || !json_number_u64(reader.raw, &level) ||
            need == NULL)
            break;
        kefu__v1__routing_need__init(need);
        need->skill = turn_text(turn, name);
        need->level = (uint32_t)level;
        list[routing->n_require++] = need;
    }
    if (effect->number >= 0)
        routing->priority = (uint32_t)effect->number;
    routing_set(turn, routing);
}

static enum err_code handoff_take(struct chat *chat, struct turn *turn, struct flow_work *work,
                                  const struct flow_effect *effect, struct err *err)
{
    const char *locale = bot_locale(slice_of(turn->conv->locale));
    enum err_code rc;

    handoff_note(chat, turn, effect);
    if (turn->conv->head.life.state != CONV_BOT)
        return ERR_OK;
    if (!work->said)
        (void)bot_text_add(chat, turn, slice_of(bot_text(locale, BOT_TEXT_HANDOFF)), "human");
    rc = hand_over(chat, turn,
                   &(struct handover){
                       .reason = turn_text(turn, effect->value),
                       .queue = slice_of(turn_text(turn, effect->name)),
                       .flow = slice_of(turn_text(turn, part_of(effect->json, "flow"))),
                   },
                   err);
    if (rc == ERR_OK && turn->conv->head.life.state == CONV_QUEUED)
        needs_add(turn, effect);
    return rc;
}

static enum err_code effect_take(struct chat *chat, struct turn *turn, struct flow_work *work,
                                 const struct flow_effect *effect, struct err *err)
{
    switch (effect->kind) {
    case FLOW_SAY:
        if (effect->text.len > 0)
            (void)bot_text_add(chat, turn, effect->text, "flow");
        work->said = work->said || effect->text.len > 0;
        break;
    case FLOW_ASK:
        ask_add(chat, turn, work, effect);
        work->said = true;
        break;
    case FLOW_ANSWER:
        if (work->reply != NULL)
            bot_reply_add(chat, turn, work->reply);
        work->said = true;
        break;
    case FLOW_HANDOFF:
        return handoff_take(chat, turn, work, effect, err);
    case FLOW_REMEMBER:
        flow_remember(turn, effect->slot, effect->value);
        break;
    case FLOW_END:
        end_add(chat, turn, effect);
        break;
    case FLOW_ACT:
        break;
    }
    return ERR_OK;
}

/* *again: a built-in action is done, and this is its result. */
static enum err_code effects_take(struct chat *chat, struct turn *turn, struct flow_work *work,
                                  bool *again, struct flow_event *result, struct err *err)
{
    enum err_code rc = ERR_OK;

    *again = false;
    for (size_t i = 0; i < work->out.effect_count && rc == ERR_OK; i++) {
        const struct flow_effect *effect = &work->out.effects[i];

        if (effect->kind == FLOW_ACT)
            rc = act_take(chat, turn, effect, again, result, err);
        else
            rc = effect_take(chat, turn, work, effect, err);
    }
    return rc;
}

/* ---- stepping -------------------------------------------------------------------------------- */

/* The record cannot be stepped: whoever is served by it gets a person. */
static enum err_code work_lost(struct chat *chat, struct turn *turn, struct flow_work *work,
                               struct err *err)
{
    const char *locale = bot_locale(slice_of(turn->conv->locale));

    LOG_WARN("flow_lost", KV_ID("conv", turn->conv->id.v), KV_ERR(err));
    record_end(turn, work, true);
    (void)flow_event_add(chat, turn, "stopped", slice_of(err->text));
    if (turn->conv->head.life.state != CONV_BOT)
        return ERR_OK;
    (void)bot_text_add(chat, turn, slice_of(bot_text(locale, BOT_TEXT_HANDOFF)), "human");
    return hand_over(chat, turn, &(struct handover){ .reason = "flow_lost" }, err);
}

/* Steps until nothing more happens at once. work->out.verdict says whether anything did. */
static enum err_code work_run(struct chat *chat, struct turn *turn, struct flow_work *work,
                              const struct flow_event *event, struct err *err)
{
    const struct flow_env env = env_of(work);
    enum flow_event_kind event_kind = event->kind;
    const struct flow_event *given = event;
    struct flow_event result;
    bool again = true;
    enum err_code rc = ERR_OK;

    for (unsigned round = 0; again && round < BUILTIN_ROUNDS_MAX; round++) {
        rc = work->set == NULL
                 ? err_set(err, ERR_NOT_FOUND, "there are no flows")
                 : flow_step(&work->state, event, chat_now(chat), &env, &work->out, err);
        if (rc != ERR_OK)
            return work_lost(chat, turn, work, err);
        if (work->out.verdict != FLOW_DONE)
            return ERR_OK;
        if (event == given && event->kind == FLOW_EVENT_RESULT && work->out.note_count > 0)
            work->failure = work->out.notes[0];
        rc = effects_take(chat, turn, work, &again, &result, err);
        if (rc != ERR_OK)
            return rc;
        event = &result;
        if (!again && work->state.wait == FLOW_WAIT_AGENT &&
            turn->conv->head.life.state == CONV_BOT) {
            /* Out of hours: the flow may have a row for that. Once, or it goes round. */
            result = (struct flow_event){ .kind = FLOW_EVENT_AGENT,
                                          .name = SLICE_LITERAL("unavailable") };
            again = event_kind != FLOW_EVENT_AGENT;
            event_kind = FLOW_EVENT_AGENT;
        }
    }
    record_save(turn, &work->state);
    /* A turn without an event would not be stored. */
    if (turn->flow_changed && turn->msg.n_events == 0)
        (void)flow_event_add(chat, turn, "step", flow_state_at(&work->state, work->set));
    return rc;
}

enum err_code flow_happen(struct chat *chat, struct turn *turn, const struct flow_event *event,
                          struct err *err)
{
    struct flow_work *work;

    if (!flow_runs(turn->conv))
        return ERR_OK;
    if (work_load(chat, turn->conv, &work, err) != ERR_OK)
        return work_lost(chat, turn, work, err);
    return work_run(chat, turn, work, event, err);
}

/* "order.get: answer is not JSON" */
enum err_code flow_answered(struct chat *chat, struct turn *turn, const struct flow_event *event,
                            struct slice note, struct err *err)
{
    char text[LIMIT_NAME_BYTES_MAX * 2];
    const struct flow_note *own;
    bool runs = flow_runs(turn->conv);
    enum err_code rc = flow_happen(chat, turn, event, err);

    if (rc != ERR_OK || !runs || chat->flow->failure.what == NULL)
        return rc;
    own = &chat->flow->failure;
    snprintf(text, sizeof(text), "%.*s: %.*s", SLICE_ARGS(own->where),
             SLICE_ARGS(note.len > 0 ? note : slice_of(own->what)));
    (void)flow_event_add(chat, turn, "action", utf8_cut(slice_of(text), strlen(text)));
    return ERR_OK;
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void work_read(struct flow_work *work, struct turn *turn, struct slice text)
{
    const struct conv *conv = turn->conv;
    const struct chat_ops *ops = &work->chat->options.ops;
    const struct bot_question question = chat_question(work->chat, conv, text);

    if (ops->read == NULL ||
        !ops->read(ops->ctx, conv->workspace, &question, &turn->arena, &work->reading))
        work->reading = (struct bot_reading){ 0 };
    for (size_t i = 0; i < work->reading.value_count; i++)
        work->entities[i] = (struct flow_entity){ slice_of(work->reading.values[i].kind),
                                                  work->reading.values[i].value };
}

static struct flow_event message_event(const struct flow_work *work,
                                       const struct chat_action *action)
{
    return (struct flow_event){
        .kind = action->item_count == 0   ? FLOW_EVENT_MESSAGE
                : action->items_are_files ? FLOW_EVENT_FILES
                                          : FLOW_EVENT_PICK,
        .text = action->text,
        .intent = work->reading.intent,
        .score = (int64_t)(work->reading.score * (double)EXPR_ONE),
        .entities = work->entities,
        .entity_count = work->reading.value_count,
        .items = action->items,
        .item_count = action->item_count,
    };
}

/* Which state it came to, and what was odd, for "why this answer". */
static void trace_add(struct chat *chat, struct turn *turn, struct flow_work *work, uint32_t seq)
{
    struct slice flow = flow_state_flow(&work->state, work->set);
    struct slice state = flow_state_at(&work->state, work->set);
    struct bot_reply reply = { .rung = "flow", .locale = work->reading.locale, .step_count = 1 };
    struct bot_step *step = &reply.steps[0];
    char text[LIMIT_NAME_BYTES_MAX * 2];

    if (turn->msg.n_traces > 0 || turn->full)
        return;
    snprintf(text, sizeof(text), "%.*s → %.*s", SLICE_ARGS(flow), SLICE_ARGS(state));
    *step = (struct bot_step){ .rung = "flow", .verdict = BOT_ANSWER };
    step->candidates[step->candidate_count++] =
        (struct bot_candidate){ .text = slice_of(turn_text(turn, slice_of(text))), .score = 1.0 };
    for (size_t i = 0; i < work->out.note_count && step->candidate_count < BOT_CANDIDATES_MAX; i++)
        step->candidates[step->candidate_count++] =
            (struct bot_candidate){ .text = slice_of(work->out.notes[i].what) };
    step->micros = reply.micros = (unsigned)(clock_mono_us(chat->options.clock) - work->began_us);
    bot_trace_add(turn, seq, &reply);
}

enum err_code flow_begin(struct chat *chat, struct turn *turn, struct slice name, struct slice text,
                         struct slice json, bool *begun, struct err *err)
{
    struct conv *conv = turn->conv;
    struct flow_event event = { .kind = FLOW_EVENT_START,
                                .name = name,
                                .text = text,
                                .json = json,
                                .run = conv->head.head_seq }; /* no other of this conversation's */
    size_t events = turn->msg.n_events;
    struct flow_work *work;
    enum err_code rc = work_load(chat, conv, &work, err);

    *begun = false;
    if (rc != ERR_OK)
        return work_lost(chat, turn, work, err);
    if (work->set == NULL || flow_set_find(work->set, name, 0) == NULL)
        return ERR_OK;
    if (text.len > 0)
        work_read(work, turn, text);
    event.entities = work->entities;
    event.entity_count = work->reading.value_count;
    /* The flow speaks as its visitor writes. */
    if (work->reading.clear_locale && bot_locale(slice_of(conv->locale)) != work->reading.locale)
        memcpy(conv->locale, work->reading.locale, strlen(work->reading.locale) + 1);
    rc = work_run(chat, turn, work, &event, err);
    *begun = turn->msg.n_events > events || turn->act != NULL;
    if (*begun && rc == ERR_OK) {
        routing_note_flow(turn, name);
        (void)flow_event_add(chat, turn, "started", name);
        conv->head.clarify_rounds = 0;
    }
    return rc;
}

/* What the ladder has to say when no flow takes the message. */
static enum err_code ladder_take(struct chat *chat, struct turn *turn, struct slice text,
                                 uint32_t seq, const struct bot_reply *reply, struct err *err)
{
    const char *locale = bot_locale(slice_of(turn->conv->locale));
    enum err_code rc = ERR_OK;
    bool begun = false;
    bool said = false;

    if (reply->handoff && flow_runs(turn->conv)) {
        rc = flow_leave(chat, turn, FLOW_EVENT_HUMAN, reply->handoff_reason, err);
        said = chat->flow->said && strcmp(reply->rung, "human_phrase") == 0;
    }
    if (rc == ERR_OK) {
        if (!said) /* the flow's own words are better than "a colleague comes" */
            bot_reply_add(chat, turn, reply);
        if (reply->flow.len > 0)
            rc = flow_begin(chat, turn, reply->flow, text, SLICE_EMPTY, &begun, err);
    }
    if (rc != ERR_OK)
        return rc;
    if (reply->text_count == 0 && !begun) {
        (void)bot_text_add(chat, turn, slice_of(bot_text(locale, BOT_TEXT_HANDOFF)), "human");
        bot_trace_add(turn, seq, reply);
        return hand_over(chat, turn, &(struct handover){ .reason = "flow_lost" }, err);
    }
    bot_trace_add(turn, seq, reply);
    turn->conv->head.clarify_rounds = reply->clarify_rounds;
    routing_note_intent(turn, reply);
    return reply->handoff
               ? hand_over(chat, turn,
                           &(struct handover){ .reason = reply->handoff_reason, .reply = reply },
                           err)
               : ERR_OK;
}

/* What a flow that begins reads: of a button nothing, its words are only shown. */
static struct slice begin_text(const struct chat_action *action, const struct bot_reply *reply)
{
    bool button = action->flow.len > 0 && slice_equal(action->flow, reply->flow);

    return button ? SLICE_EMPTY : action->text;
}

static enum err_code hear_ladder(struct chat *chat, struct turn *turn,
                                 const struct chat_action *action, uint32_t seq, struct err *err)
{
    const char *locale = bot_locale(slice_of(turn->conv->locale));
    struct bot_reply reply;

    if (bot_reply_get(chat, turn, action->text, action->flow, &reply))
        return ladder_take(chat, turn, begin_text(action, &reply), seq, &reply, err);
    (void)bot_text_add(chat, turn, slice_of(bot_text(locale, BOT_TEXT_HANDOFF)), "human");
    return hand_over(chat, turn, &(struct handover){ .reason = "bot_off" }, err);
}

/* The flow did not know what to do with the message: the ladder may. Then *mine, or the flow goes
 * on with event->ladder. */
static enum err_code digress(struct chat *chat, struct turn *turn, const struct chat_action *action,
                             uint32_t seq, struct flow_event *event, struct bot_reply *reply,
                             bool *mine, struct err *err)
{
    enum err_code rc;

    *mine = false;
    event->ladder = FLOW_LADDER_SILENT;
    if (!bot_reply_get(chat, turn, action->text, action->flow, reply))
        return ERR_OK;
    if (reply->handoff) {
        *mine = true;
        return ladder_take(chat, turn, action->text, seq, reply, err);
    }
    if (reply->flow.len > 0) {
        rc = flow_begin(chat, turn, reply->flow, begin_text(action, reply), SLICE_EMPTY, mine, err);
        if (*mine && rc == ERR_OK)
            bot_trace_add(turn, seq, reply);
        return rc;
    }
    if (!reply->unclear)
        event->ladder = FLOW_LADDER_ANSWERS;
    return ERR_OK;
}

/* A button names its flow, which begins above the one that runs. *mine: it has begun. */
static enum err_code hear_button(struct chat *chat, struct turn *turn,
                                 const struct chat_action *action, uint32_t seq, bool *mine,
                                 struct err *err)
{
    struct bot_reply reply;
    enum err_code rc;

    *mine = false;
    if (!bot_reply_get(chat, turn, action->text, action->flow, &reply) ||
        !slice_equal(reply.flow, action->flow))
        return ERR_OK;
    rc = flow_begin(chat, turn, reply.flow, SLICE_EMPTY, SLICE_EMPTY, mine, err);
    if (*mine && rc == ERR_OK)
        bot_trace_add(turn, seq, &reply);
    return rc;
}

/* *mine: the flow, or what came of it, has answered. */
static enum err_code hear_running(struct chat *chat, struct turn *turn,
                                  const struct chat_action *action, uint32_t seq, bool *mine,
                                  struct err *err)
{
    struct bot_reply reply;
    struct flow_event event;
    struct flow_work *work;
    enum err_code rc = work_load(chat, turn->conv, &work, err);

    *mine = true;
    if (rc != ERR_OK)
        return work_lost(chat, turn, work, err);
    work_read(work, turn, action->text);
    if (work->reading.human && action->item_count == 0)
        return hear_ladder(chat, turn, action, seq, err);
    event = message_event(work, action);
    rc = work_run(chat, turn, work, &event, err);
    if (rc == ERR_OK && work->out.verdict == FLOW_LADDER) {
        rc = digress(chat, turn, action, seq, &event, &reply, mine, err);
        if (rc != ERR_OK || *mine)
            return rc;
        *mine = true;
        work->reply = &reply;
        rc = work_run(chat, turn, work, &event, err);
        if (rc == ERR_OK && event.ladder == FLOW_LADDER_ANSWERS && !turn->full)
            bot_trace_add(turn, seq, &reply);
    }
    if (rc != ERR_OK)
        return rc;
    if (work->out.verdict == FLOW_IDLE) {
        *mine = false;
        return ERR_OK;
    }
    turn->conv->head.clarify_rounds = 0;
    trace_add(chat, turn, work, seq);
    return ERR_OK;
}

enum err_code flow_hear(struct chat *chat, struct turn *turn, const struct chat_action *action,
                        uint32_t question_seq, struct err *err)
{
    bool mine = false;
    enum err_code rc = ERR_OK;

    if (flow_runs(turn->conv) && action->flow.len > 0)
        rc = hear_button(chat, turn, action, question_seq, &mine, err);
    if (rc == ERR_OK && !mine && flow_runs(turn->conv))
        rc = hear_running(chat, turn, action, question_seq, &mine, err);
    if (rc != ERR_OK || mine)
        return rc;
    return hear_ladder(chat, turn, action, question_seq, err);
}

/* ---- leaving --------------------------------------------------------------------------------- */

static const struct flow_effect *handoff_of(const struct flow_out *out)
{
    for (size_t i = 0; i < out->effect_count; i++) {
        if (out->effects[i].kind == FLOW_HANDOFF)
            return &out->effects[i];
    }
    return NULL;
}

/* What the flow says on its way to a person, and what it remembers; the handing over itself is the
 * caller's. */
static enum err_code leave_said(struct chat *chat, struct turn *turn, struct flow_work *work,
                                struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < work->out.effect_count && rc == ERR_OK; i++) {
        const struct flow_effect *effect = &work->out.effects[i];

        if (effect->kind == FLOW_HANDOFF)
            handoff_note(chat, turn, effect);
        else if (effect->kind == FLOW_SAY || effect->kind == FLOW_REMEMBER)
            rc = effect_take(chat, turn, work, effect, err);
    }
    return rc;
}

static enum err_code leave_to_person(struct chat *chat, struct turn *turn, struct flow_work *work,
                                     struct err *fault)
{
    const struct flow_event event = { .kind = FLOW_EVENT_HUMAN };
    const struct flow_env env = env_of(work);
    struct flow_state before = work->state;
    struct err err;
    struct buf slots;

    if (work->set != NULL &&
        flow_step(&work->state, &event, chat_now(chat), &env, &work->out, &err) == ERR_OK &&
        handoff_of(&work->out) != NULL) {
        enum err_code rc = leave_said(chat, turn, work, fault);

        if (rc == ERR_OK && work->state.wait == FLOW_WAIT_AGENT)
            record_save(turn, &work->state);
        else if (rc == ERR_OK)
            record_end(turn, work, false);
        return rc;
    }
    /* The flow has other plans; the visitor's word counts. */
    work->state = before;
    buf_init(&slots, SLOTS_TEXT_MAX);
    if (work->set != NULL)
        flow_state_slots(&work->state, work->set, 0, &slots);
    carry_note(chat, turn, flow_state_flow(&work->state, work->set),
               flow_state_at(&work->state, work->set), buf_slice(&slots));
    buf_fini(&slots);
    record_end(turn, work, false);
    return ERR_OK;
}

enum err_code flow_leave(struct chat *chat, struct turn *turn, enum flow_event_kind kind,
                         const char *name, struct err *err)
{
    const struct flow_event event = { .kind = FLOW_EVENT_AGENT, .name = slice_of(name) };
    struct flow_work *work;
    enum err_code rc = ERR_OK;

    if (turn->conv->head.flow == NULL)
        return ERR_OK;
    if (work_load(chat, turn->conv, &work, err) != ERR_OK) {
        record_end(turn, work, true);
        return ERR_OK;
    }
    if (kind == FLOW_EVENT_HUMAN) {
        if (work->state.wait != FLOW_WAIT_NOTHING && work->state.wait != FLOW_WAIT_AGENT)
            rc = leave_to_person(chat, turn, work, err);
        return rc;
    }
    if (work->state.wait == FLOW_WAIT_AGENT)
        rc = work_run(chat, turn, work, &event, err);
    if (rc == ERR_OK && turn->conv->head.flow != NULL)
        record_end(turn, work, true);
    return rc;
}

/* ---- looking --------------------------------------------------------------------------------- */

void flow_resume(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    struct flow_work *work;
    struct flow_env env;
    struct err err;

    (void)action;
    if (conv->head.life.state != CONV_BOT || flow_waits(conv) != FLOW_WAIT_ACTION ||
        work_load(chat, conv, &work, &err) != ERR_OK || work->set == NULL)
        return;
    env = env_of(work);
    if (!flow_state_pending(&work->state, &env, &work->out))
        return;
    for (size_t i = 0; i < work->out.effect_count; i++) {
        const struct flow_effect *effect = &work->out.effects[i];

        if (effect->kind == FLOW_ACT)
            act_send(chat, &(struct chat_act){ .workspace = conv->workspace,
                                               .conv = conv->id,
                                               .seq = effect->seq,
                                               .timeout_ms = (uint32_t)effect->timeout_ms,
                                               .name = effect->name,
                                               .input = effect->json,
                                               .key = effect->key });
    }
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

static char *view_text(struct chat *chat, struct slice text)
{
    char *copy = arena_strdup(&chat->scratch, text);

    return copy != NULL ? copy : pb_constant("");
}

static void view_stack(struct chat *chat, const struct flow_work *work, Kefu__V1__FlowView *view)
{
    view->stack = arena_alloc(&chat->scratch, FLOW_DEPTH_MAX * sizeof(char *));
    for (unsigned i = 0; view->stack != NULL && i + 1 < work->state.depth; i++) {
        struct flow_state below = work->state;

        below.depth = (uint8_t)(i + 1);
        view->stack[view->n_stack++] = view_text(chat, flow_state_flow(&below, work->set));
    }
}

void flow_view(struct chat *chat, struct conv *conv, const struct chat_action *action)
{
    Kefu__V1__FlowView view = KEFU__V1__FLOW_VIEW__INIT;
    Google__Protobuf__Timestamp due;
    struct chat_reply reply = { .kind = CHAT_REPLY_FLOW,
                                .to = action->from,
                                .cookie = action->cookie,
                                .conv = conv->id,
                                .flow = &view };
    struct flow_work *work;
    struct err err;
    struct buf slots;

    view.conversation_id = conv->id.v;
    arena_reset(&chat->scratch);
    buf_init(&slots, SLOTS_TEXT_MAX);
    if (work_load(chat, conv, &work, &err) == ERR_OK && work->set != NULL &&
        work->state.depth > 0) {
        view.flow = view_text(chat, flow_state_flow(&work->state, work->set));
        view.state = view_text(chat, flow_state_at(&work->state, work->set));
        view.version = work->state.frames[work->state.depth - 1].version;
        view.waits_for = pb_constant(wait_name(work->state.wait));
        flow_state_slots(&work->state, work->set, env_of(work).utc_offset_minutes, &slots);
        view.slots = view_text(chat, buf_slice(&slots));
        view_stack(chat, work, &view);
        schema_timestamp_set(&due, flow_due(conv));
        view.due_at = flow_due(conv) > 0 ? &due : NULL;
    }
    buf_fini(&slots);
    if (action->cookie != 0)
        chat->options.ops.reply(chat->options.ops.ctx, &reply);
}
