/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a conversation is, and its end: take, give, hand on, give back, close, reopen, back to the
 * bot, and what the desk and the clock ask for. Every change of state goes through turn_move. */
#include "chat_priv.h"

bool conv_is_of(const struct conv *conv, const struct chat_actor *actor)
{
    return conv->head.life.state == CONV_AGENT && actor->id != 0 &&
           conv->head.life.agent.v == actor->id;
}

static bool may(const struct chat_action *action, enum permission permission)
{
    return permission_has(action->actor.permissions, permission);
}

static enum err_code open_required(const struct conv *conv, struct err *err)
{
    if (conv->head.life.state != CONV_CLOSED)
        return ERR_OK;
    return err_set(err, ERR_CONFLICT, "the conversation is closed");
}

/* One's own, or anybody's with that permission. */
static enum err_code own_or(const struct conv *conv, const struct chat_action *action,
                            enum permission any, struct err *err)
{
    if (conv_is_of(conv, &action->actor) || may(action, any))
        return ERR_OK;
    return err_set(err, ERR_FORBIDDEN, "not your conversation");
}

/* ---- to an agent ----------------------------------------------------------------------------- */

static enum err_code give(struct chat *chat, struct turn *turn, const struct chat_action *action,
                          Kefu__V1__Event__Kind kind, struct agent_id agent, struct err *err)
{
    struct conv *conv = turn->conv;
    struct slice name;
    Kefu__V1__Event *event;
    enum err_code rc;

    if (!chat->options.ops.agent_name(chat->options.ops.ctx, conv->workspace, agent, &name))
        return err_set_field(err, ERR_NOT_FOUND, "agentId", "no such agent");
    event = turn_by(chat, turn, kind, false, action);
    event->agent_id = agent.v;
    event->agent_name = turn_text(turn, name);
    turn_stimulus(turn, action, action_hash(action));
    conv_string(&conv->agent_name, name, LIMIT_NAME_BYTES_MAX);
    rc = flow_leave(chat, turn, FLOW_EVENT_HUMAN, "taken", err);
    if (rc == ERR_OK)
        rc = turn_move(chat, turn, CONV_AGENT, agent, 0, err);
    if (rc == ERR_OK)
        routing_clear_offer(chat, turn, (struct agent_id){ 0 });
    return rc;
}

enum err_code decide_assign(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    struct agent_id agent =
        action->agent.v != 0 ? action->agent : (struct agent_id){ action->actor.id };
    bool taken = conv->head.life.state == CONV_AGENT;

    if (open_required(conv, err) != ERR_OK)
        return err->code;
    if (agent.v == 0)
        return err_set_field(err, ERR_INVALID, "agentId", "missing");
    if (taken && conv->head.life.agent.v == agent.v)
        return ERR_OK;
    if ((taken || agent.v != action->actor.id) && !may(action, PERM_CONV_ASSIGN))
        return err_set(err, ERR_FORBIDDEN, taken ? "someone else has it" : "only for yourself");
    return give(chat, turn, action,
                taken ? KEFU__V1__EVENT__KIND__transferred : KEFU__V1__EVENT__KIND__assigned, agent,
                err);
}

enum err_code decide_desk_assign(struct chat *chat, struct turn *turn, struct run *run,
                                 struct err *err)
{
    if (turn->conv->head.life.state != CONV_QUEUED)
        return err_set(err, ERR_CONFLICT, "waits no more");
    return give(chat, turn, run->action, KEFU__V1__EVENT__KIND__assigned, run->action->agent, err);
}

/* ---- to the queue ---------------------------------------------------------------------------- */

/* In the old place, if it had one: whoever has waited once does not wait again at the end. */
static enum err_code queue_again(struct chat *chat, struct turn *turn, struct err *err)
{
    return turn_move(chat, turn, CONV_QUEUED, (struct agent_id){ 0 }, turn->conv->head.queued_since,
                     err);
}

static enum err_code leave(struct chat *chat, struct turn *turn, const struct chat_action *action,
                           struct slice reason, struct err *err)
{
    struct conv *conv = turn->conv;
    Kefu__V1__Event *event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__left, false, action);

    event->agent_id = conv->head.life.agent.v;
    event->agent_name = turn_text(turn, slice_of(conv->agent_name));
    event->reason = turn_text(turn, reason);
    turn_stimulus(turn, action, action_hash(action));
    return queue_again(chat, turn, err);
}

/* The offer, which is not taken: it waits on, and the desk asks somebody else. */
static enum err_code turn_down(struct chat *chat, struct turn *turn,
                               const struct chat_action *action, struct err *err)
{
    const struct agent_id me = { action->actor.id };
    Kefu__V1__Event *event;

    if (me.v == 0 || routing_get(turn)->offered_to != me.v)
        return err_set(err, ERR_CONFLICT, "not offered to you any more");
    event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__declined, true, action);
    event->agent_id = me.v;
    event->reason = turn_text(turn, action->reason);
    turn_stimulus(turn, action, action_hash(action));
    routing_clear_offer(chat, turn, (struct agent_id){ 0 });
    turn->declined = me;
    turn->desk = true;
    return ERR_OK;
}

enum err_code decide_decline(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;

    if (turn->conv->head.life.state == CONV_QUEUED)
        return turn_down(chat, turn, action, err);
    if (!conv_is_of(turn->conv, &action->actor))
        return err_set(err, ERR_FORBIDDEN, "not your conversation");
    return leave(chat, turn, action,
                 action->reason.len > 0 ? action->reason : SLICE_LITERAL("declined"), err);
}

enum err_code decide_desk_requeue(struct chat *chat, struct turn *turn, struct run *run,
                                  struct err *err)
{
    const struct conv_life *life = &turn->conv->head.life;

    if (life->state != CONV_AGENT || life->agent.v != run->action->agent.v)
        return ERR_OK; /* somebody else has it by now */
    return leave(chat, turn, run->action, SLICE_LITERAL("offline"), err);
}

enum err_code decide_transfer(struct chat *chat, struct turn *turn, struct run *run,
                              struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    struct chat_route route;
    enum err_code rc = open_required(conv, err);

    if (rc == ERR_OK)
        rc = own_or(conv, action, PERM_CONV_ASSIGN, err);
    if (rc != ERR_OK)
        return rc;
    if (action->agent.v != 0 && conv->head.life.agent.v == action->agent.v)
        return err_set_field(err, ERR_CONFLICT, "agentId", "has it already");
    if (slice_trim(action->text).len > 0) {
        Kefu__V1__Event *note = turn_by(chat, turn, KEFU__V1__EVENT__KIND__note, true, action);

        note->text = turn_text(turn, action->text);
    }
    if (action->agent.v != 0)
        return give(chat, turn, action, KEFU__V1__EVENT__KIND__transferred, action->agent, err);
    if (conv->head.life.state == CONV_QUEUED && action->queue.len == 0)
        return err_set(err, ERR_CONFLICT, "waits already");
    if (action->queue.len > 0) {
        rc = routing_choose(chat, turn, action->queue, "transfer", NULL, &route, err);
        turn->desk = true;
    }
    if (rc != ERR_OK)
        return rc;
    (void)turn_by(chat, turn, KEFU__V1__EVENT__KIND__transferred, false, action);
    turn_stimulus(turn, action, action_hash(action));
    if (conv->head.life.state == CONV_QUEUED)
        return ERR_OK; /* in its place, elsewhere */
    return queue_again(chat, turn, err);
}

/* ---- to the bot, to the end, and back -------------------------------------------------------- */

enum err_code decide_to_bot(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct conv *conv = turn->conv;
    struct chat_site site = { 0 };
    enum err_code rc = open_required(conv, err);

    if (rc == ERR_OK && conv->head.life.state == CONV_BOT)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = own_or(conv, action, PERM_CONV_ASSIGN, err);
    if (rc != ERR_OK)
        return rc;
    if (!chat->options.ops.site(chat->options.ops.ctx, conv->workspace, conv->site, &site) ||
        !site.bot_enabled)
        return err_set(err, ERR_CONFLICT, "the site has no bot");
    (void)turn_by(chat, turn, KEFU__V1__EVENT__KIND__to_bot, false, action);
    turn_stimulus(turn, action, action_hash(action));
    conv->head.clarify_rounds = 0;
    conv->head.unanswered = 0;
    rc = turn_move(chat, turn, CONV_BOT, (struct agent_id){ 0 }, 0, err);
    return rc == ERR_OK ? flow_happen(chat, turn,
                                      &(struct flow_event){ .kind = FLOW_EVENT_AGENT,
                                                            .name = SLICE_LITERAL("returned") },
                                      err)
                        : rc;
}

static enum err_code close_by(struct chat *chat, struct turn *turn,
                              const struct chat_action *action, struct slice reason,
                              struct err *err)
{
    enum err_code rc = flow_leave(chat, turn, FLOW_EVENT_AGENT, "closed", err);
    Kefu__V1__Event *event;

    if (rc != ERR_OK)
        return rc;
    event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__closed, false, action);
    event->reason = turn_text(turn, reason);
    turn_stimulus(turn, action, action_hash(action));
    turn->conv->head.clarify_rounds = 0;
    routing_clear_offer(chat, turn, turn->conv->head.life.agent);
    return turn_move(chat, turn, CONV_CLOSED, (struct agent_id){ 0 }, 0, err);
}

enum err_code decide_close(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct slice reason = action->reason;
    enum err_code rc = ERR_OK;

    if (turn->conv->head.life.state == CONV_CLOSED)
        return ERR_OK;
    if (!action_from_visitor(action))
        rc = own_or(turn->conv, action, PERM_CONV_CLOSE_ANY, err);
    if (rc != ERR_OK)
        return rc;
    if (reason.len == 0) {
        reason = action_from_visitor(action) ? SLICE_LITERAL("visitor") : SLICE_LITERAL("agent");
    }
    return close_by(chat, turn, action, reason, err);
}

/* Silence ended it, if it still is silent: the clock may have been asked about an older time. */
enum err_code decide_idle(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct conv_head *head = &turn->conv->head;

    if (head->life.state == CONV_CLOSED || head->due_at == 0 || head->due_at > chat_now(chat))
        return ERR_OK;
    if (head->life.state == CONV_BOT && flow_due(turn->conv) != 0)
        return flow_happen(chat, turn, &(struct flow_event){ .kind = FLOW_EVENT_TIMER }, err);
    return close_by(chat, turn, run->action, SLICE_LITERAL("idle"), err);
}

/* By an agent it becomes that agent's; by an API token without one it waits for an agent. */
enum err_code decide_reopen(struct chat *chat, struct turn *turn, struct run *run, struct err *err)
{
    const struct chat_action *action = run->action;
    struct agent_id me = { action->actor.id };
    struct conv *conv = turn->conv;
    struct slice name;
    Kefu__V1__Event *event;

    if (conv->head.life.state != CONV_CLOSED)
        return err_set(err, ERR_CONFLICT, "the conversation is not closed");
    if (me.v != 0 && !may(action, PERM_CONV_TAKE))
        return err_set(err, ERR_FORBIDDEN, "may not take conversations");
    event = turn_by(chat, turn, KEFU__V1__EVENT__KIND__reopened, false, action);
    turn_stimulus(turn, action, action_hash(action));
    if (me.v == 0 ||
        !chat->options.ops.agent_name(chat->options.ops.ctx, conv->workspace, me, &name))
        return queue_again(chat, turn, err);
    event->agent_id = me.v;
    event->agent_name = turn_text(turn, name);
    conv_string(&conv->agent_name, name, LIMIT_NAME_BYTES_MAX);
    return turn_move(chat, turn, CONV_AGENT, me, 0, err);
}
