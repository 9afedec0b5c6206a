/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and notes, and what the bot answers to a visitor in the same turn: question, answer,
 * trace and, if it comes to that, the handoff are committed together or not at all. While a
 * conversation waits for a person or has one, the bot is silent. The guard looks at whatever people
 * write to each other, before anything else is decided. */
#include "chat_priv.h"
#include "chat_trace.h"

#include "check.h"

/* ---- the bot --------------------------------------------------------------------------------- */

void *turn_messages(struct turn *turn, size_t count, size_t size, void *list)
{
    char *items = arena_alloc(&turn->arena, (count + 1) * size);
    void **pointers = arena_alloc(&turn->arena, (count + 1) * sizeof(*pointers));

    if (items == NULL || pointers == NULL) {
        turn->full = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        pointers[i] = items + i * size;
    memcpy(list, &pointers, sizeof(pointers));
    return items;
}

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

/* Why it answered so: made by the code that answers, committed with the answer. */
void bot_trace_add(struct turn *turn, uint32_t question_seq, const struct bot_reply *reply)
{
    Kefu__V1__Trace *trace = chat_trace_make(&turn->arena, reply);

    if (trace == NULL) {
        turn->full = true;
        return;
    }
    trace->conversation_id = turn->conv->id.v;
    trace->seq = turn->conv->head.head_seq;
    trace->question_seq = question_seq;
    turn->traces[0] = trace;
    turn->msg.traces = turn->traces;
    turn->msg.n_traces = 1;
}

Kefu__V1__Event *bot_text_add(struct chat *chat, struct turn *turn, struct slice text,
                              const char *rung)
{
    Kefu__V1__Event *event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__message, false, ACTOR_BOT, 0, SLICE_EMPTY);

    event->text = turn_text(turn, text);
    event->rung = pb_constant(rung);
    conv_last_text(&turn->conv->head, text, ACTOR_BOT);
    return event;
}

enum err_code hand_over(struct chat *chat, struct turn *turn, const struct handover *how,
                        struct err *err)
{
    struct chat_route route;
    Kefu__V1__Event *event;
    enum err_code rc;

    turn->flow_name = how->flow;
    rc = routing_choose(chat, turn, how->queue, how->reason, how->reply, &route, err);
    if (rc == ERR_NOT_FOUND && how->queue.len > 0) /* the flow's queue is gone: as the rules say */
        rc = routing_choose(chat, turn, SLICE_EMPTY, how->reason, how->reply, &route, err);
    if (rc != ERR_OK)
        return rc;
    if (route.closed)
        (void)bot_text_add(
            chat, turn,
            slice_of(bot_text(bot_locale(slice_of(turn->conv->locale)), BOT_TEXT_CLOSED_HOURS)),
            "human");
    if (route.closed && route.bot)
        return ERR_OK; /* the bot goes on: nobody would come */
    event =
        turn_event(chat, turn, KEFU__V1__EVENT__KIND__handoff, false, ACTOR_SYSTEM, 0, SLICE_EMPTY);
    event->reason = pb_constant(how->reason);
    turn->conv->head.clarify_rounds = 0;
    return turn_move(chat, turn, CONV_QUEUED, (struct agent_id){ 0 }, 0, err);
}

struct bot_question chat_question(struct chat *chat, const struct conv *conv, struct slice text)
{
    struct chat_site site = { 0 };

    (void)chat->options.ops.site(chat->options.ops.ctx, conv->workspace, conv->site, &site);
    return (struct bot_question){
        .text = text,
        .site_id = conv->site.v,
        .locale = slice_of(conv->locale),
        .clarify_rounds = conv->head.clarify_rounds,
        .utc_offset_minutes = site.utc_offset_minutes,
    };
}

bool bot_reply_get(struct chat *chat, struct turn *turn, struct slice text, struct slice flow,
                   struct bot_reply *out)
{
    const struct conv *conv = turn->conv;
    struct bot_question question = chat_question(chat, conv, text);

    question.flow = flow;
    return chat->options.ops.answer(chat->options.ops.ctx, conv->workspace, &question, &turn->arena,
                                    out);
}

void bot_reply_add(struct chat *chat, struct turn *turn, const struct bot_reply *reply)
{
    Kefu__V1__Event *event = NULL;

    for (size_t i = 0; i < reply->text_count; i++)
        event = bot_text_add(chat, turn, reply->texts[i], reply->rung);
    if (event != NULL && reply->quick_reply_count > 0 && !turn->full)
        quick_replies_add(turn, event, reply);
}

/* ---- the guard ------------------------------------------------------------------------------- */

enum err_code chat_guard(struct chat *chat, struct turn *turn, const struct chat_action *action,
                         struct bot_guard *out, struct err *err)
{
    struct bot_question question;

    *out = (struct bot_guard){ .text = action->text };
    if (chat->options.ops.guard == NULL)
        return ERR_OK;
    question = chat_question(chat, turn->conv, action->text);
    if (!chat->options.ops.guard(chat->options.ops.ctx, turn->conv->workspace, &question,
                                 &turn->arena, out))
        *out = (struct bot_guard){ .text = action->text };
    if (out->block)
        return err_set_field(err, ERR_FORBIDDEN, "text", "holds words that are not allowed here");
    return ERR_OK;
}

/* The text with `name` where its %s stands. */
static char *turn_text_with(struct turn *turn, const char *text, struct slice name)
{
    const char *at = strstr(text, "%s");
    size_t before = (size_t)(at - text);
    size_t len = strlen(text) - 2 + name.len;
    char *out = arena_alloc(&turn->arena, len + 1);

    ENSURE(at != NULL);
    if (out == NULL) {
        turn->full = true;
        return turn->spare.text;
    }
    memcpy(out, text, before);
    if (name.len > 0)
        memcpy(out + before, name.ptr, name.len);
    memcpy(out + before + name.len, at + 2, len - before - name.len);
    out[len] = '\0';
    return out;
}

void chat_guard_note(struct chat *chat, struct turn *turn, const struct bot_guard *guard)
{
    const char *locale = bot_locale(slice_of(turn->conv->locale));
    const char *text = bot_text(locale, BOT_TEXT_REVIEW);
    Kefu__V1__Event *note;

    if (!guard->review)
        return;
    note = turn_event(chat, turn, KEFU__V1__EVENT__KIND__note, true, ACTOR_SYSTEM, 0, SLICE_EMPTY);
    note->text = turn_text_with(turn, text, guard->rule);
    note->reason = pb_constant("review");
}

/* ---- people ---------------------------------------------------------------------------------- */

static void items_add(struct turn *turn, Kefu__V1__Event *event, const struct chat_action *action)
{
    char **texts = arena_alloc(&turn->arena, action->item_count * sizeof(char *));

    if (texts == NULL) {
        turn->full = true;
        return;
    }
    for (unsigned i = 0; i < action->item_count; i++)
        texts[i] = turn_text(turn, action->items[i]);
    *(action->items_are_files ? &event->files : &event->pick) = texts;
    *(action->items_are_files ? &event->n_files : &event->n_pick) = action->item_count;
}

static void message_add(struct chat *chat, struct turn *turn, Kefu__V1__Event__Kind kind,
                        const struct chat_action *action, struct slice text)
{
    bool internal = kind == KEFU__V1__EVENT__KIND__note;
    Kefu__V1__Event *event = turn_by(chat, turn, kind, internal, action);

    event->text = turn_text(turn, text);
    if (action_from_visitor(action) && action->item_count > 0)
        items_add(turn, event, action);
    turn_stimulus(turn, action, action_hash(action));
    if (!internal)
        conv_last_text(&turn->conv->head, text, action->actor.kind);
}

/* Gives the message's seq. */
static uint32_t guarded_add(struct chat *chat, struct turn *turn, const struct chat_action *action,
                            const struct bot_guard *guard)
{
    uint32_t seq;

    message_add(chat, turn, KEFU__V1__EVENT__KIND__message, action, guard->text);
    seq = turn->conv->head.head_seq;
    chat_guard_note(chat, turn, guard);
    return seq;
}

/* The desk lets quiet conversations weigh less, and asks back only those that got no answer. It
 * hears of each first answer, otherwise of the activity of a minute. */
static void note_activity(struct chat *chat, struct turn *turn, bool visitor)
{
    struct conv *conv = turn->conv;
    bool first = !visitor && !conv->head.answered;

    if (conv->head.life.state != CONV_AGENT)
        return;
    conv->head.answered = conv->head.answered || !visitor;
    if (!first && chat_now(chat) - conv->active_told_ms < CHAT_ACTIVITY_MS)
        return;
    conv->active_told_ms = chat_now(chat);
    turn->wrote_visitor = visitor;
    turn->wrote_agent = !visitor;
    turn->desk = true;
}

/* A closed conversation that the visitor writes to again goes on with the bot. */
static enum err_code visitor_says(struct chat *chat, struct turn *turn,
                                  const struct chat_action *action, struct err *err)
{
    struct conv *conv = turn->conv;
    enum conv_state was = conv->head.life.state;
    struct bot_guard guard;
    struct chat_site site;
    uint32_t seq;
    enum err_code rc = chat_guard(chat, turn, action, &guard, err);

    if (rc != ERR_OK)
        return rc;
    if (was == CONV_QUEUED || was == CONV_AGENT) {
        (void)guarded_add(chat, turn, action, &guard);
        conv->head.unanswered++;
        note_activity(chat, turn, true);
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
    seq = guarded_add(chat, turn, action, &guard);
    conv->head.unanswered++;
    if (!guard.handoff && site.bot_enabled)
        return flow_hear(chat, turn, action, seq, err);
    if (guard.handoff)
        rc = flow_leave(chat, turn, FLOW_EVENT_HUMAN, "rule", err);
    if (rc != ERR_OK)
        return rc;
    (void)bot_text_add(chat, turn,
                       slice_of(bot_text(bot_locale(slice_of(conv->locale)), BOT_TEXT_HANDOFF)),
                       guard.handoff ? "rule" : "human");
    return hand_over(chat, turn, &(struct handover){ .reason = guard.handoff ? "rule" : "bot_off" },
                     err);
}

/* An agent speaks in its own conversations; who may speak in any (a supervisor) leaves the
 * conversation with whom it is. */
enum err_code decide_say(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    struct bot_guard guard;
    enum err_code rc;

    if (action_from_visitor(action))
        return visitor_says(chat, turn, action, err);
    if (!conv_is_of(conv, &action->actor) &&
        !permission_has(action->actor.permissions, PERM_CONV_REPLY_ANY))
        return err_set(err, ERR_FORBIDDEN, "take the conversation first");
    if (action->kind == CHAT_NOTE) {
        message_add(chat, turn, KEFU__V1__EVENT__KIND__note, action, action->text);
        return ERR_OK;
    }
    if (conv->head.life.state == CONV_CLOSED)
        return err_set(err, ERR_CONFLICT, "the conversation is closed");
    rc = chat_guard(chat, turn, action, &guard, err);
    if (rc != ERR_OK)
        return rc;
    (void)guarded_add(chat, turn, action, &guard);
    conv->head.unanswered = 0;
    note_activity(chat, turn, false);
    return ERR_OK;
}
