/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of flows, and what others ask of a flow. The built-in ones (tag.add, contact.set,
 * faq.answer) are done in the turn that asks for them. The others begin when that turn is durable
 * and come back as an action of chat's own, in a turn of its own; until then the flow's record says
 * what is pending, and the conversation's deadline bounds the wait. */
#include "chat_priv.h"

#include <stdlib.h>

#include "json.h"
#include "mem.h"
#include "schema.h"
#include "utf8.h"

enum {
    FACTS_BYTES_MAX = 2048, /* kept per visitor while it is live; only known contacts have any */
    INPUT_VALUE_MAX = 1024, /* one text of a built-in action's input */
};

Kefu__V1__Event *flow_event_add(struct chat *chat, struct turn *turn, const char *reason,
                                struct slice text)
{
    Kefu__V1__Event *event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__flow, true, ACTOR_SYSTEM, 0, SLICE_EMPTY);

    event->reason = pb_constant(reason);
    event->text = turn_text(turn, text);
    return event;
}

/* ---- what is known of a visitor -------------------------------------------------------------- */

static void fact_add(struct buf *buf, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_add(buf, key, strlen(key) + 1);
    buf_add(buf, value, strlen(value) + 1);
}

void visitor_facts_set(struct visitor *visitor, const Kefu__V1__Visitor *msg)
{
    struct buf buf;

    buf_init(&buf, FACTS_BYTES_MAX);
    fact_add(&buf, "user_id", msg->user_id);
    fact_add(&buf, "name", msg->name);
    fact_add(&buf, "phone", msg->phone);
    fact_add(&buf, "email", msg->email);
    for (size_t i = 0; i < msg->n_attributes; i++)
        fact_add(&buf, msg->attributes[i]->key, msg->attributes[i]->value);
    free(visitor->facts);
    visitor->facts = NULL;
    visitor->facts_len = 0;
    /* What does not fit is half a pair: then nothing of it is believed. */
    if (buf.len > 0 && buf_ok(&buf)) {
        visitor->facts = mem_alloc(buf.len);
        visitor->facts_len = (uint32_t)buf.len;
        memcpy(visitor->facts, buf.ptr, buf.len);
    }
    buf_fini(&buf);
}

struct slice visitor_facts(const struct visitor *visitor)
{
    return visitor != NULL && visitor->facts != NULL
               ? slice_make(visitor->facts, visitor->facts_len)
               : SLICE_EMPTY;
}

struct slice visitor_fact(const struct visitor *visitor, struct slice name)
{
    struct slice rest = visitor_facts(visitor);
    struct slice key;
    struct slice value;

    while (pair_next(&rest, &key, &value)) {
        if (slice_equal(key, name))
            return value;
    }
    return SLICE_EMPTY;
}

void act_remember(struct chat *chat, const struct conv *conv)
{
    struct chat_attribute pairs[LIMIT_ATTRIBUTES_MAX];
    struct slice rest = flow_to_remember(conv);
    unsigned count = 0;

    while (count < LENGTH_OF(pairs) && pair_next(&rest, &pairs[count].key, &pairs[count].value))
        count++;
    chat_submit(chat, &(struct chat_action){ .kind = CHAT_REMEMBER,
                                             .workspace = conv->workspace,
                                             .site = conv->site,
                                             .visitor = conv->visitor_id,
                                             .about = conv->id,
                                             .actor = { .kind = ACTOR_SYSTEM },
                                             .attributes = pairs,
                                             .attribute_count = count });
}

/* ---- built in -------------------------------------------------------------------------------- */

/* Each text of an object, one after the other. */
static void input_each(struct slice input, struct turn *turn,
                       void (*each)(struct turn *turn, struct slice key, struct slice value,
                                    void *ctx),
                       void *ctx)
{
    struct json_reader reader;
    char key_bytes[LIMIT_NAME_BYTES_MAX];
    char bytes[INPUT_VALUE_MAX];

    json_reader_init(&reader, input);
    if (json_next(&reader) != JSON_OBJECT_BEGIN)
        return;
    while (json_next(&reader) == JSON_KEY) {
        struct slice key = reader.raw;
        enum json_token token;

        if (key.len > sizeof(key_bytes))
            return;
        key = slice_make(key_bytes, json_unescape(key, key_bytes));
        token = json_next(&reader);
        if ((token != JSON_TEXT && token != JSON_NUMBER) || reader.raw.len > sizeof(bytes))
            return;
        each(turn, key,
             token == JSON_TEXT ? slice_make(bytes, json_unescape(reader.raw, bytes)) : reader.raw,
             ctx);
    }
}

static void tag_one(struct turn *turn, struct slice key, struct slice value, void *ctx)
{
    (void)key;
    (void)flow_event_add(ctx, turn, "tagged", value);
}

static void contact_one(struct turn *turn, struct slice key, struct slice value, void *ctx)
{
    (void)ctx;
    flow_remember(turn, key, value);
}

static void first_value(struct turn *turn, struct slice key, struct slice value, void *ctx)
{
    struct slice *out = ctx;

    (void)key;
    if (out->len == 0)
        *out = slice_of(turn_text(turn, value));
}

/* The FAQ's or an intent's answer to the question that the flow asks for its visitor. */
static const char *faq_answer(struct chat *chat, struct turn *turn, struct slice input)
{
    struct slice question = SLICE_EMPTY;
    struct bot_reply reply;

    input_each(input, turn, first_value, &question);
    if (question.len == 0 || !bot_reply_get(chat, turn, question, SLICE_EMPTY, &reply) ||
        reply.unclear || reply.handoff || reply.flow.len > 0)
        return "failed";
    bot_reply_add(chat, turn, &reply);
    return "ok";
}

/* NULL: not built in. */
static const char *builtin_run(struct chat *chat, struct turn *turn,
                               const struct flow_effect *effect)
{
    if (slice_equal_text(effect->name, "faq.answer"))
        return faq_answer(chat, turn, effect->json);
    if (slice_equal_text(effect->name, "tag.add"))
        input_each(effect->json, turn, tag_one, chat);
    else if (slice_equal_text(effect->name, "contact.set"))
        input_each(effect->json, turn, contact_one, chat);
    else
        return NULL;
    return "ok";
}

/* ---- the others ------------------------------------------------------------------------------ */

enum err_code act_take(struct chat *chat, struct turn *turn, const struct flow_effect *effect,
                       bool *done, struct flow_event *result, struct err *err)
{
    const char *outcome = builtin_run(chat, turn, effect);
    struct chat_act *act;

    *done = outcome != NULL;
    if (outcome != NULL) {
        *result = (struct flow_event){ .kind = FLOW_EVENT_RESULT,
                                       .seq = effect->seq,
                                       .name = slice_of(outcome) };
        return ERR_OK;
    }
    act = arena_zalloc(&turn->arena, sizeof(*act));
    if (act == NULL)
        return err_set(err, ERR_TOO_BIG, "more than one turn can hold");
    *act = (struct chat_act){ .workspace = turn->conv->workspace,
                              .conv = turn->conv->id,
                              .seq = effect->seq,
                              .delay_ms = effect->number > 0 ? (uint32_t)effect->number : 0,
                              .timeout_ms = (uint32_t)effect->timeout_ms,
                              .name = slice_of(turn_text(turn, effect->name)),
                              .input = slice_of(turn_text(turn, effect->json)),
                              .key = slice_of(turn_text(turn, effect->key)) };
    turn->act = act;
    return ERR_OK;
}

void act_send(struct chat *chat, const struct chat_act *act)
{
    if (chat->options.ops.act == NULL || !chat->options.ops.act(chat->options.ops.ctx, act))
        chat_act_done(chat, act->workspace, act->conv, act->seq,
                      &(struct chat_act_result){ .name = SLICE_LITERAL("failed"),
                                                 .note = SLICE_LITERAL("too many at once") });
}

void act_turn_done(struct chat *chat, const struct turn *turn)
{
    if (turn->remembers)
        act_remember(chat, turn->conv);
    if (turn->act != NULL)
        act_send(chat, turn->act);
}

void chat_act_done(struct chat *chat, struct workspace_id workspace, struct conv_id conv,
                   uint32_t seq, const struct chat_act_result *result)
{
    struct slice name = result->name;
    struct slice json = result->json;
    struct chat_action action = { .kind = CHAT_FLOW_RESULT,
                                  .workspace = workspace,
                                  .conv = conv,
                                  .actor = { .kind = ACTOR_SYSTEM },
                                  .seq = seq,
                                  .reason = name,
                                  .queue = result->note,
                                  .text = json };

    /* An answer that may not be stored is none that the flow declared. */
    if (name.len > LIMIT_REASON_BYTES_MAX || json.len > LIMIT_TEXT_BYTES_MAX || !utf8_valid(json) ||
        (json.len > 0 && memchr(json.ptr, '\0', json.len) != NULL)) {
        action.reason = SLICE_LITERAL("failed");
        action.text = SLICE_EMPTY;
        action.queue = SLICE_LITERAL("answer cannot be stored");
    }
    chat_submit(chat, &action);
}

/* ---- turns ----------------------------------------------------------------------------------- */

enum err_code decide_flow_result(struct chat *chat, struct turn *turn, struct run *run,
                                 struct err *err)
{
    const struct chat_action *action = run->action;

    return flow_answered(chat, turn,
                         &(struct flow_event){ .kind = FLOW_EVENT_RESULT,
                                               .seq = action->seq,
                                               .name = action->reason,
                                               .json = action->text },
                         action->queue, err);
}

static enum err_code tell_start(struct chat *chat, struct turn *turn,
                                const struct chat_action *action, struct err *err)
{
    struct conv *conv = turn->conv;
    bool begun = false;
    enum err_code rc = ERR_OK;

    if (conv->head.life.state != CONV_BOT) {
        (void)turn_by(chat, turn, KEFU__V1__EVENT__KIND__to_bot, false, action);
        rc = turn_move(chat, turn, CONV_BOT, (struct agent_id){ 0 }, 0, err);
    }
    if (rc == ERR_OK)
        rc = flow_begin(chat, turn, action->locale, SLICE_EMPTY, action->text, &begun, err);
    if (rc == ERR_OK && !begun)
        return err_set_field(err, ERR_NOT_FOUND, "flow", "no such flow, or it runs already");
    return rc;
}

enum err_code decide_flow_tell(struct chat *chat, struct turn *turn, struct run *run,
                               struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    struct flow_event event = { .kind = FLOW_EVENT_CANCEL };
    Kefu__V1__Event *told;

    if (conv->head.life.state == CONV_CLOSED)
        return err_set(err, ERR_CONFLICT, "the conversation is closed");
    told = turn_by(chat, turn, KEFU__V1__EVENT__KIND__flow, true, action);
    told->reason = turn_text(turn, action->reason);
    told->text = turn_text(turn, action->locale);
    turn_stimulus(turn, action, action_hash(action));
    if (slice_equal_text(action->reason, "start"))
        return tell_start(chat, turn, action, err);
    if (!flow_runs(conv))
        return err_set(err, ERR_CONFLICT, "no flow runs");
    if (slice_equal_text(action->reason, "webhook")) {
        event = (struct flow_event){ .kind = FLOW_EVENT_WEBHOOK,
                                     .name = action->locale,
                                     .json = action->text };
    } else if (!slice_equal_text(action->reason, "cancel")) {
        return err_set_field(err, ERR_INVALID, "event", "start, cancel or webhook");
    }
    return flow_happen(chat, turn, &event, err);
}
