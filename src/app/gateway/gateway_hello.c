/* SPDX-License-Identifier: Apache-2.0 */
/* The first frame: who is there? A visitor proves himself by a signed token, or is a new one; an
 * agent by a ticket or an API token, which have to be asked about elsewhere. */
#include "gateway_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth_visitor.h"
#include "limit.h"
#include "mem.h"
#include "schema.h"

static void hello_fault(struct gateway_session *session, const struct err *err)
{
    gateway_session_error(session, session->hello_id, err);
    gateway_session_close(session,
                          err->code == ERR_BUSY ? GATEWAY_CLOSE_BUSY : GATEWAY_CLOSE_POLICY,
                          err_code_name(err->code));
}

static struct slice locale_of(const struct gateway_session *session)
{
    return session->told != NULL ? slice_of(session->told) : SLICE_EMPTY;
}

/* A token that isn't ours any more (new key, other server) makes a new visitor, not an error: the
 * widget of a customer's customer has nobody to complain to. */
static enum err_code visitor_prove(struct gateway_session *session, const Kefu__V1__Hello *hello,
                                   struct gateway_site *site, struct err *err)
{
    const struct gateway_options *options = &session->gateway->options;
    const struct gateway_ops *ops = &options->ops;
    struct auth_visitor visitor;

    if (hello->site_key[0] == '\0' || !ops->site_by_key(ops->ctx, slice_of(hello->site_key), site))
        return err_set_field(err, ERR_NOT_FOUND, "hello.siteKey", "no such site");
    session->site = site->id.v;
    if (hello->visitor_token[0] != '\0' &&
        auth_visitor_verify(options->master, slice_of(hello->visitor_token), &visitor, NULL) ==
            ERR_OK &&
        visitor.site_id == site->id.v) {
        session->visitor = visitor.visitor_id;
        return ERR_OK;
    }
    session->visitor = ops->visitor_new(ops->ctx, site->workspace).v;
    session->visitor_new = true;
    return ERR_OK;
}

struct visitor_id gateway_hello_visitor(struct gateway *gateway, struct slice bytes,
                                        enum chat_format format)
{
    const ProtobufCMessageDescriptor *desc = &kefu__v1__client_frame__descriptor;
    struct arena *arena = &gateway->arena;
    const Kefu__V1__ClientFrame *frame;
    ProtobufCMessage *msg = NULL;
    struct auth_visitor visitor;
    enum err_code rc;

    if (bytes.len > LIMIT_FRAME_BYTES_MAX)
        return (struct visitor_id){ 0 };
    arena_reset(arena);
    rc = format == CHAT_FORMAT_JSON ? schema_json_decode(desc, bytes, arena, &msg, NULL)
                                    : schema_proto_decode(desc, bytes, arena, &msg, NULL);
    frame = (const Kefu__V1__ClientFrame *)msg;
    if (rc != ERR_OK || frame->action_case != KEFU__V1__CLIENT_FRAME__ACTION_HELLO ||
        frame->hello->visitor_token[0] == '\0' ||
        auth_visitor_verify(gateway->options.master, slice_of(frame->hello->visitor_token),
                            &visitor, NULL) != ERR_OK)
        return (struct visitor_id){ 0 };
    return (struct visitor_id){ visitor.visitor_id };
}

static void visitor_hello(struct gateway_session *session, const Kefu__V1__Hello *hello)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    struct chat_action action = { .kind = CHAT_HELLO, .from = gateway_session_ref(session) };
    struct gateway_site site;
    struct err err = { 0 };
    char *peer = session->told;

    if (visitor_prove(session, hello, &site, &err) != ERR_OK) {
        hello_fault(session, &err);
        return;
    }
    action.cookie = gateway_cookie(session->hello_id);
    action.workspace = site.workspace;
    action.site = site.id;
    action.visitor = (struct visitor_id){ session->visitor };
    action.visitor_new = session->visitor_new;
    action.actor = (struct chat_actor){ .kind = ACTOR_VISITOR,
                                        .id = session->visitor,
                                        .permissions = role_permissions(ROLE_VISITOR) };
    action.locale = slice_of(hello->locale);
    gateway_page(hello->page, &action);
    if (peer != NULL) {
        action.visitor_info.address = slice_of(peer);
        action.visitor_info.user_agent = slice_of(peer + strlen(peer) + 1);
    }
    session->state = GATEWAY_PROVING;
    /* From here only the locale is needed, for the greeting; the answer may come at once. */
    session->told = mem_strndup(hello->locale, strlen(hello->locale));
    if (!ops->submit(ops->ctx, &action)) {
        err_set(&err, ERR_BUSY, "too much to do; try again");
        err.retry_after_ms = 1000;
        hello_fault(session, &err);
    }
    free(peer);
}

void gateway_hello(struct gateway_session *session, const Kefu__V1__ClientFrame *frame)
{
    const struct gateway_ops *ops = &session->gateway->options.ops;
    const Kefu__V1__Hello *hello = frame->hello;
    uint64_t handle = gateway_session_ref(session).session;
    struct err err = { 0 };

    session->hello_id = frame->id;
    if (frame->action_case != KEFU__V1__CLIENT_FRAME__ACTION_HELLO) {
        err_set(&err, ERR_UNAUTHENTICATED, "the first frame must be hello");
        hello_fault(session, &err);
        return;
    }
    if (strlen(hello->locale) > LIMIT_LOCALE_BYTES_MAX) {
        err_set_field(&err, ERR_TOO_BIG, "hello.locale", "at most %d bytes",
                      LIMIT_LOCALE_BYTES_MAX);
        hello_fault(session, &err);
        return;
    }
    if (hello->ticket[0] == '\0' && hello->api_token[0] == '\0') {
        visitor_hello(session, hello);
        return;
    }
    session->state = GATEWAY_PROVING;
    if (hello->ticket[0] != '\0')
        ops->ticket_redeem(ops->ctx, handle, slice_of(hello->ticket));
    else
        ops->token_check(ops->ctx, handle, slice_of(hello->api_token));
}

static void server_fill(Kefu__V1__ServerInfo *info)
{
    kefu__v1__server_info__init(info);
    info->version = (char *)KEFU_VERSION;
    info->max_text = LIMIT_TEXT_BYTES_MAX;
}

static void session_opened(struct gateway_session *session)
{
    session->state = GATEWAY_OPEN;
    free(session->told);
    session->told = NULL;
    gateway_session_alive(session);
}

void gateway_hello_heads(struct gateway_session *session, const Kefu__V1__Welcome *heads)
{
    const struct gateway_options *options = &session->gateway->options;
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Welcome welcome = KEFU__V1__WELCOME__INIT;
    Kefu__V1__SiteView view = KEFU__V1__SITE_VIEW__INIT;
    Kefu__V1__ServerInfo server;
    struct auth_visitor visitor = { session->visitor, session->site, 0, session->key_id };
    struct gateway_site site;
    struct slice greeting;
    char token[AUTH_VISITOR_TEXT_MAX];

    if (!options->ops.site_by_id(options->ops.ctx, (struct site_id){ session->site }, &site)) {
        gateway_session_close(session, GATEWAY_CLOSE_POLICY, "site is gone");
        return;
    }
    server_fill(&server);
    visitor.issued_s = (uint32_t)(clock_wall_ms(options->clock) / 1000);
    auth_visitor_sign(options->master, &visitor, token);
    greeting = options->ops.greeting(options->ops.ctx, site.id, locale_of(session));
    welcome.visitor_id = session->visitor;
    welcome.visitor_token = token;
    welcome.n_conversations = heads->n_conversations;
    welcome.conversations = heads->conversations;
    welcome.server = &server;
    view.name = site.site->name;
    view.greeting = arena_strdup(&session->gateway->arena, greeting);
    view.color = site.site->color;
    view.draft_preview = site.site->draft_preview;
    if (view.greeting == NULL)
        view.greeting = (char *)"";
    welcome.site = &view;
    frame.id = session->hello_id;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    session_opened(session);
    for (size_t i = 0; i < heads->n_conversations; i++)
        gateway_session_head(session, heads->conversations[i]->id,
                             heads->conversations[i]->head_seq);
    gateway_session_send(session, &frame);
}

void gateway_agent_proved(struct gateway *gateway, uint64_t handle,
                          const struct auth_principal *who)
{
    struct gateway_session *session = gateway_session_find(gateway, handle);
    Kefu__V1__ServerFrame frame = KEFU__V1__SERVER_FRAME__INIT;
    Kefu__V1__Welcome welcome = KEFU__V1__WELCOME__INIT;
    Kefu__V1__ServerInfo server;
    struct err err = { 0 };

    if (session == NULL || session->state != GATEWAY_PROVING)
        return;
    if (who == NULL || gateway_principal_revoked(gateway, who)) {
        err_set_field(&err, ERR_UNAUTHENTICATED, "hello.ticket", "not valid any more");
        hello_fault(session, &err);
        return;
    }
    gateway_agent_make(session)->who = *who;
    server_fill(&server);
    welcome.server = &server;
    welcome.agent_id = who->agent_id;
    welcome.agent_name = session->agent->who.name;
    welcome.role = (char *)role_name((enum role)who->role);
    welcome.presence = KEFU__V1__PRESENCE__STATUS__online;
    frame.id = session->hello_id;
    frame.body_case = KEFU__V1__SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    session_opened(session);
    gateway_session_send(session, &frame);
    if (who->token_id == 0 &&
        !gateway->options.ops.agent_session(gateway->options.ops.ctx, who, handle, true))
        gateway_session_close(session, GATEWAY_CLOSE_BUSY, "busy");
}
