/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and notes, and what the bot answers to a visitor in the same turn: question, answer,
 * trace and, if it comes to that, the handoff are committed together or not at all. While a
 * conversation waits for a person or has one, the bot is silent. */
#include "chat_priv.h"

#include "check.h"

/* protobuf-c wants char *, and writes to none of them when it packs. */
static char *constant(const char *text)
{
    union {
        const char *in;
        char *out;
    } u = { .in = text != NULL ? text : "" };

    return u.out;
}

/* ---- the bot --------------------------------------------------------------------------------- */

static void quick_replies_add(struct turn *turn, Kefu__V1__Event *event,
                              const struct bot_reply *reply)
{
    Kefu__V1__QuickReply *items =
        arena_alloc(&turn->arena, reply->quick_reply_count * sizeof(*items));
    Kefu__V1__QuickReply **list =
        arena_alloc(&turn->arena, reply->quick_reply_count * sizeof(Kefu__V1__QuickReply *));

    if (items == NULL || list == NULL) {
        turn->full = true;
        return;
    }
    for (size_t i = 0; i < reply->quick_reply_count; i++) {
        kefu__v1__quick_reply__init(&items[i]);
        items[i].label = turn_text(turn, reply->quick_replies[i].label);
        items[i].text = turn_text(turn, reply->quick_replies[i].text);
        list[i] = &items[i];
    }
    event->quick_replies = list;
    event->n_quick_replies = reply->quick_reply_count;
}

static void trace_steps_fill(struct turn *turn, Kefu__V1__TraceStep *items,
                             const struct bot_reply *reply)
{
    for (size_t i = 0; i < reply->step_count; i++) {
        const struct bot_step *step = &reply->steps[i];

        kefu__v1__trace_step__init(&items[i]);
        items[i].rung = constant(step->rung);
        items[i].verdict = constant(bot_verdict_name(step->verdict));
        if (step->candidate.len > 0)
            items[i].candidate = turn_text(turn, step->candidate);
        items[i].score = step->score;
        items[i].threshold = step->threshold;
        items[i].micros = step->micros;
    }
}

/* Why it answered so: made by the code that answers, committed with the answer. */
static void trace_add(struct turn *turn, uint32_t question_seq, const struct bot_reply *reply)
{
    size_t count = reply->step_count;
    Kefu__V1__Trace *trace = arena_alloc(&turn->arena, sizeof(*trace));
    Kefu__V1__TraceStep *items = arena_alloc(&turn->arena, (count + 1) * sizeof(*items));
    Kefu__V1__TraceStep **list =
        arena_alloc(&turn->arena, (count + 1) * sizeof(Kefu__V1__TraceStep *));

    if (trace == NULL || items == NULL || list == NULL) {
        turn->full = true;
        return;
    }
    trace_steps_fill(turn, items, reply);
    for (size_t i = 0; i < count; i++)
        list[i] = &items[i];
    kefu__v1__trace__init(trace);
    trace->conversation_id = turn->conv->id.v;
    trace->seq = turn->conv->head.head_seq;
    trace->question_seq = question_seq;
    trace->steps = list;
    trace->n_steps = count;
    trace->rung = constant(reply->rung);
    trace->micros = reply->micros;
    turn->traces[0] = trace;
    turn->msg.traces = turn->traces;
    turn->msg.n_traces = 1;
}

static void bot_text_add(struct chat *chat, struct turn *turn, struct slice text, const char *rung)
{
    Kefu__V1__Event *event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__message, false, ACTOR_BOT, 0, SLICE_EMPTY);

    event->text = turn_text(turn, text);
    event->rung = constant(rung);
    conv_last_text(&turn->conv->head, text, ACTOR_BOT);
}

/* To a person: the thread goes along, because there is only one. */
static enum err_code hand_over(struct chat *chat, struct turn *turn, const char *reason,
                               struct err *err)
{
    Kefu__V1__Event *event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__handoff, false, ACTOR_SYSTEM, 0, SLICE_EMPTY);

    event->reason = constant(reason);
    turn->conv->head.clarify_rounds = 0;
    return turn_move(chat, turn, CONV_QUEUED, (struct agent_id){ 0 }, 0, err);
}

static enum err_code bot_say(struct chat *chat, struct turn *turn, struct slice text,
                             const struct chat_site *site, struct err *err)
{
    struct conv *conv = turn->conv;
    const uint32_t question_seq = conv->head.head_seq;
    const struct bot_question question = {
        .text = text,
        .site_id = conv->site.v,
        .locale = slice_of(conv->locale),
        .clarify_rounds = conv->head.clarify_rounds,
    };
    struct bot_reply reply;

    if (!site->bot_enabled || !chat->options.ops.answer(chat->options.ops.ctx, conv->workspace,
                                                        &question, &turn->arena, &reply)) {
        const char *words = bot_text(bot_locale(question.locale), BOT_TEXT_HANDOFF);

        bot_text_add(chat, turn, slice_of(words), "human");
        return hand_over(chat, turn, "bot_off", err);
    }
    for (size_t i = 0; i < reply.text_count; i++)
        bot_text_add(chat, turn, reply.texts[i], reply.rung);
    if (reply.quick_reply_count > 0 && !turn->full)
        quick_replies_add(turn, turn->msg.events[turn->msg.n_events - 1]->event, &reply);
    trace_add(turn, question_seq, &reply);
    conv->head.clarify_rounds = reply.clarify_rounds;
    return reply.handoff ? hand_over(chat, turn, reply.handoff_reason, err) : ERR_OK;
}

/* ---- people ---------------------------------------------------------------------------------- */

static void message_add(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                        const struct chat_action *action)
{
    bool internal = kind == KEFU__V1__EVENT__KIND__note;
    Kefu__V1__Event *event = turn_by(chat, turn, kind, internal, action);

    event->text = turn_text(turn, action->text);
    turn_stimulus(turn, action, action_hash(action));
    if (!internal)
        conv_last_text(&turn->conv->head, action->text, action->actor.kind);
}

/* A closed conversation that the visitor writes to again goes on with the bot. */
static enum err_code visitor_says(struct chat *chat, struct turn *turn,
                                  const struct chat_action *action, struct err *err)
{
    struct conv *conv = turn->conv;
    enum conv_state was = conv->head.life.state;
    struct chat_site site;
    enum err_code rc = ERR_OK;

    if (was == CONV_QUEUED || was == CONV_AGENT) {
        message_add(chat, turn, KEFU__V1__EVENT__KIND__message, action);
        conv->head.unanswered++;
        return ERR_OK;
    }
    if (!chat->options.ops.site(chat->options.ops.ctx, conv->workspace, conv->site, &site))
        return err_set(err, ERR_NOT_FOUND, "the site is gone");
    if (was != CONV_BOT)
        rc = turn_move(chat, turn, CONV_BOT, (struct agent_id){ 0 }, 0, err);
    if (rc != ERR_OK)
        return rc;
    turn->created = was == CONV_NEW;
    if (was == CONV_CLOSED)
        (void)turn_by(chat, turn, KEFU__V1__EVENT__KIND__reopened, false, action);
    message_add(chat, turn, KEFU__V1__EVENT__KIND__message, action);
    conv->head.unanswered++;
    return bot_say(chat, turn, action->text, &site, err);
}

/* An agent speaks in its own conversations; who may speak in any (a supervisor) leaves the
 * conversation with whom it is. */
enum err_code decide_say(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;

    if (action_from_visitor(action))
        return visitor_says(chat, turn, action, err);
    if (!conv_is_of(conv, &action->actor) &&
        !permission_has(action->actor.permissions, PERM_CONV_REPLY_ANY))
        return err_set(err, ERR_FORBIDDEN, "take the conversation first");
    if (action->kind == CHAT_NOTE) {
        message_add(chat, turn, KEFU__V1__EVENT__KIND__note, action);
        return ERR_OK;
    }
    if (conv->head.life.state == CONV_CLOSED)
        return err_set(err, ERR_CONFLICT, "the conversation is closed");
    message_add(chat, turn, KEFU__V1__EVENT__KIND__message, action);
    conv->head.unanswered = 0;
    return ERR_OK;
}
