/* SPDX-License-Identifier: Apache-2.0 */
/* From a frame to a chat action: who may send it, which file maps it, where it goes. */
#include "gateway_priv.h"

#include "limit.h"

enum { FOR_VISITOR = 1, FOR_AGENT = 2, FOR_BOTH = 3 };

struct action_row {
    gateway_map *map;
    unsigned who;
};

#define CASE(name) KEFU__V1__CLIENT_FRAME__ACTION_##name

static const struct action_row rows[] = {
    [CASE(START)] = { gateway_map_start, FOR_VISITOR },
    [CASE(SEND)] = { gateway_map_send, FOR_BOTH },
    [CASE(TYPING)] = { gateway_map_typing, FOR_BOTH },
    [CASE(READ)] = { gateway_map_read, FOR_BOTH },
    [CASE(FETCH)] = { gateway_map_fetch, FOR_BOTH },
    [CASE(RATE)] = { gateway_map_rate, FOR_VISITOR },
    [CASE(FORM)] = { gateway_map_form, FOR_VISITOR },
    [CASE(END)] = { gateway_map_end, FOR_VISITOR },
    [CASE(PAGE)] = { gateway_map_page, FOR_VISITOR },
    [CASE(ACCEPT)] = { gateway_map_accept, FOR_AGENT },
    [CASE(DECLINE)] = { gateway_map_decline, FOR_AGENT },
    [CASE(ASSIGN)] = { gateway_map_assign, FOR_AGENT },
    [CASE(TRANSFER)] = { gateway_map_transfer, FOR_AGENT },
    [CASE(CLOSE)] = { gateway_map_close, FOR_AGENT },
    [CASE(REOPEN)] = { gateway_map_reopen, FOR_AGENT },
    [CASE(TO_BOT)] = { gateway_map_to_bot, FOR_AGENT },
    [CASE(NOTE)] = { gateway_map_note, FOR_AGENT },
    [CASE(RECALL)] = { gateway_map_recall, FOR_AGENT },
    [CASE(EDIT)] = { gateway_map_edit, FOR_AGENT },
    [CASE(SUBSCRIBE)] = { gateway_map_subscribe, FOR_AGENT },
};

enum err_code gateway_client_id(const char *field, const char *text, struct chat_action *action,
                                struct err *err)
{
    action->has_client_id = client_id_parse(text, strlen(text), action->client_id);
    if (!action->has_client_id)
        return err_set_field(err, ERR_INVALID, field, "not 32 hex digits");
    return ERR_OK;
}

enum err_code gateway_conv(const char *field, uint64_t conv, struct chat_action *action,
                           struct err *err)
{
    if (conv == 0)
        return err_set_field(err, ERR_INVALID, field, "missing");
    action->conv = (struct conv_id){ conv };
    return ERR_OK;
}

enum err_code gateway_attributes(const char *field, size_t count, struct arena *arena,
                                 struct chat_action *action, struct chat_attribute **out,
                                 struct err *err)
{
    if (count > LIMIT_ATTRIBUTES_MAX)
        return err_set_field(err, ERR_TOO_BIG, field, "at most %d", LIMIT_ATTRIBUTES_MAX);
    *out = arena_alloc(arena, (count + 1) * sizeof(**out));
    if (*out == NULL)
        return err_set(err, ERR_TOO_BIG, "frame too large");
    action->attributes = *out;
    action->attribute_count = (unsigned)count;
    return ERR_OK;
}

void gateway_page(const Kefu__V1__PageView *page, struct chat_action *action)
{
    if (page == NULL)
        return;
    action->page.url = slice_of(page->url);
    action->page.title = slice_of(page->title);
    action->page.referrer = slice_of(page->referrer);
}

static void actor_fill(const struct gateway_session *session, struct chat_action *action)
{
    const struct gateway_agent *agent = session->agent;

    if (agent == NULL) {
        action->actor.kind = ACTOR_VISITOR;
        action->actor.id = session->visitor;
        action->actor.permissions = role_permissions(ROLE_VISITOR);
        action->visitor = (struct visitor_id){ session->visitor };
        action->site = (struct site_id){ session->site };
        return;
    }
    action->actor.kind = agent->who.token_id != 0 ? ACTOR_API : ACTOR_AGENT;
    action->actor.id = agent->who.agent_id;
    action->actor.name = slice_of(agent->who.name);
    action->actor.permissions.bits = agent->who.permissions;
    action->workspace = (struct workspace_id){ agent->who.workspace_id };
}

static enum err_code workspace_fill(struct gateway_session *session, struct chat_action *action,
                                    struct err *err)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    struct gateway_site site;

    if (session->agent != NULL)
        return ERR_OK;
    if (!ops->site_by_id(ops->ctx, action->site, &site))
        return err_set(err, ERR_NOT_FOUND, "no such site");
    action->workspace = site.workspace;
    return ERR_OK;
}

static uint32_t subscription_find(const struct gateway_agent *agent, struct conv_id conv)
{
    uint32_t at = 0;

    while (at < agent->conv_count && agent->convs[at] != conv.v)
        at++;
    return at;
}

/* Remembers what the session watches before it does, so that it can stop watching when it goes. */
static enum err_code subscription_note(struct gateway_session *session,
                                       const struct chat_action *action, struct err *err)
{
    struct gateway_agent *agent = session->agent;
    uint32_t at = subscription_find(agent, action->conv);

    if (action->off)
        return ERR_OK;
    if (action->inbox) {
        agent->inbox = true;
        return ERR_OK;
    }
    if (at < agent->conv_count)
        return ERR_OK;
    if (at == GATEWAY_SUBSCRIPTIONS_MAX)
        return err_set_field(err, ERR_TOO_BIG, "subscribe.conversationId",
                             "at most %d conversations", GATEWAY_SUBSCRIPTIONS_MAX);
    agent->convs[agent->conv_count++] = action->conv.v;
    return ERR_OK;
}

/* And forgets it only when it is on its way: a watcher that nobody takes off stays for ever. */
static void subscription_forget(struct gateway_session *session, const struct chat_action *action)
{
    struct gateway_agent *agent = session->agent;
    uint32_t at;

    if (action->kind != CHAT_SUBSCRIBE || !action->off)
        return;
    if (action->inbox) {
        agent->inbox = false;
        return;
    }
    at = subscription_find(agent, action->conv);
    if (at < agent->conv_count)
        agent->convs[at] = agent->convs[--agent->conv_count];
}

static enum err_code map_run(struct gateway_session *session, const Kefu__V1__ClientFrame *frame,
                             struct chat_action *action, struct err *err)
{
    size_t which = (size_t)frame->action_case;
    unsigned who = session->agent != NULL ? FOR_AGENT : FOR_VISITOR;
    enum err_code rc;

    if (frame->action_case == CASE(IDENTIFY)) {
        if (session->agent != NULL)
            return err_set(err, ERR_FORBIDDEN, "only visitors identify");
        return gateway_identify(session, frame->identify, action, err);
    }
    if (which >= LENGTH_OF(rows) || rows[which].map == NULL)
        return err_set(err, ERR_INVALID, "no action in the frame");
    if ((rows[which].who & who) == 0)
        return err_set(err, ERR_FORBIDDEN, "not an action of %s",
                       session->agent != NULL ? "agents" : "visitors");
    rc = rows[which].map(frame, action, &session->gateway->arena, err);
    if (rc != ERR_OK)
        return rc;
    if (!permission_has(action->actor.permissions,
                        chat_action_permission(action->kind, action->actor.kind)))
        return err_set(err, ERR_FORBIDDEN, "not allowed");
    if (action->kind == CHAT_SUBSCRIBE)
        return subscription_note(session, action, err);
    return action->items_are_files ? gateway_files_prove(session, action, err) : ERR_OK;
}

void gateway_action(struct gateway_session *session, const Kefu__V1__ClientFrame *frame)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    struct chat_action action = { .from = gateway_session_ref(session),
                                  .cookie = gateway_cookie(frame->id) };
    struct err err = { 0 };
    enum err_code rc;

    if (frame->action_case == CASE(SET_PRESENCE)) {
        gateway_set_presence(session, frame->id, frame->set_presence);
        return;
    }
    actor_fill(session, &action);
    rc = workspace_fill(session, &action, &err);
    if (rc == ERR_OK)
        rc = map_run(session, frame, &action, &err);
    if (rc == ERR_OK && !ops->submit(ops->ctx, &action)) {
        rc = err_set(&err, ERR_BUSY, "too much to do; try again");
        err.retry_after_ms = 1000;
    }
    if (rc != ERR_OK)
        gateway_session_error(session, frame->id, &err);
    else
        subscription_forget(session, &action);
}
