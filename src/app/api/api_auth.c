/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: a session cookie or a bearer token. Each request looks its session up, so a log-out, a
 * new role or a disabled account counts from the next request on. */
#include "api_priv.h"

#include <stdio.h>

#include "auth_origin.h"
#include "schema.h"

enum {
    SESSION_IDLE_MS = 12 * 60 * 60 * 1000,
    SESSION_SEEN_MS = 5 * 60 * 1000, /* how stale seen_at may be: one write per person in that */
};

static const char *cookie_name(bool tls)
{
    return tls ? "__Host-kefu" : "kefu_http";
}

static struct slice cookie_find(struct slice cookies, const char *name)
{
    size_t name_len = strlen(name);

    while (cookies.len > 0) {
        const char *end = memchr(cookies.ptr, ';', cookies.len);
        size_t len = end != NULL ? (size_t)(end - cookies.ptr) : cookies.len;
        struct slice item = slice_trim(slice_make(cookies.ptr, len));
        if (item.len > name_len && memcmp(item.ptr, name, name_len) == 0 &&
            item.ptr[name_len] == '=')
            return slice_make(item.ptr + name_len + 1, item.len - name_len - 1);
        if (end == NULL)
            break;
        cookies = slice_make(end + 1, cookies.len - len - 1);
    }
    return SLICE_EMPTY;
}

void api_cookie_set(struct api_call *call, const char *value, int age_s)
{
    bool tls = call->request->tls;

    snprintf(call->reply->set_cookie, sizeof(call->reply->set_cookie),
             "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", cookie_name(tls), value, age_s,
             tls ? "; Secure" : "");
}

/* ---- reading ---- */

static enum err_code principal_of_agent(struct api *api, uint64_t agent_id, struct arena *arena,
                                        struct auth_principal *out, struct err *err)
{
    Kefu__V1__AgentRecord *agent;
    struct api_call call = { .api = api, .arena = arena };
    struct store_record record;
    enum role role;
    enum err_code rc = api_agent_load(&call, agent_id, &agent, &record, err);

    if (rc == ERR_NOT_FOUND || (rc == ERR_OK && agent->agent->disabled))
        return err_set(err, ERR_UNAUTHENTICATED, "account disabled");
    if (rc != ERR_OK)
        return rc;
    role = role_parse(slice_of(agent->agent->role));
    out->agent_id = agent_id;
    out->workspace_id = record.workspace;
    out->role = (uint8_t)role;
    out->permissions = role_permissions(role).bits;
    snprintf(out->name, sizeof(out->name), "%s", agent->agent->name);
    return ERR_OK;
}

static enum err_code session_touch(struct api *api, struct store_record *record,
                                   Kefu__V1__LoginSession *session, int64_t now,
                                   struct arena *arena, struct err *err)
{
    struct store_change change = { .op = STORE_UPDATE, .kind = STORE_LOGIN_SESSION };
    enum err_code rc;

    if (now - session->seen_at < SESSION_SEEN_MS)
        return ERR_OK;
    session->seen_at = now;
    change.record = *record;
    rc = api_encode(arena, &session->base, &change.record.body, err);
    if (rc == ERR_OK)
        rc = store_admin_run(api->store, &change, 1, NULL, err);
    /* Two requests at once: the other one has touched it. */
    return rc == ERR_CONFLICT || rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static bool session_over(const Kefu__V1__LoginSession *session, int64_t now)
{
    return now - session->seen_at > SESSION_IDLE_MS ||
           now - session->created_at > API_SESSION_AGE_MS;
}

static enum err_code session_find(struct api *api, struct slice secret, struct arena *arena,
                                  struct auth_principal *out, Kefu__V1__LoginSession **session,
                                  struct err *err)
{
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    Kefu__V1__LoginSession *found_session = NULL;
    ProtobufCMessage *msg = NULL;
    struct store_record record;
    int64_t now = clock_wall_ms(api->clock);
    bool found = false;
    enum err_code rc;

    out->proved_us = clock_mono_us(api->clock);
    auth_secret_lookup(secret, lookup);
    rc = store_record_by_lookup(api->store, STORE_LOGIN_SESSION, 0, slice_of(lookup), arena,
                                &record, &found, err);
    if (rc != ERR_OK)
        return rc;
    if (!found)
        return err_set(err, ERR_UNAUTHENTICATED, "not logged in");
    rc = schema_proto_decode(&kefu__v1__login_session__descriptor, record.body, arena, &msg, err);
    if (rc != ERR_OK)
        return rc;
    found_session = (Kefu__V1__LoginSession *)msg;
    if (session_over(found_session, now))
        return err_set(err, ERR_UNAUTHENTICATED, "log-in has ended");
    rc = principal_of_agent(api, found_session->agent_id, arena, out, err);
    if (rc == ERR_OK)
        rc = session_touch(api, &record, found_session, now, arena, err);
    out->session_id = record.id;
    out->by_cookie = true;
    *session = found_session;
    return rc;
}

enum err_code api_authenticate_token(struct api *api, struct slice token, struct arena *arena,
                                     struct auth_principal *out, struct err *err)
{
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    Kefu__V1__ApiTokenRecord *stored;
    ProtobufCMessage *msg = NULL;
    struct permission_set scopes = { 0 };
    struct store_record record;
    bool found = false;
    enum err_code rc;

    memset(out, 0, sizeof(*out));
    out->proved_us = clock_mono_us(api->clock);
    auth_secret_lookup(token, lookup);
    rc = store_record_by_lookup(api->store, STORE_API_TOKEN, 0, slice_of(lookup), arena, &record,
                                &found, err);
    if (rc != ERR_OK)
        return rc;
    if (!found)
        return err_set(err, ERR_UNAUTHENTICATED, "API token not known");
    rc =
        schema_proto_decode(&kefu__v1__api_token_record__descriptor, record.body, arena, &msg, err);
    if (rc != ERR_OK)
        return rc;
    stored = (Kefu__V1__ApiTokenRecord *)msg;
    rc = principal_of_agent(api, stored->agent_id, arena, out, err);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < stored->token->n_scopes; i++) {
        struct permission_set one;
        if (scope_permissions(slice_of(stored->token->scopes[i]), &one))
            scopes = permission_union(scopes, one);
    }
    out->permissions = permission_meet(scopes, (struct permission_set){ out->permissions }).bits;
    out->token_id = record.id;
    snprintf(out->name, sizeof(out->name), "%s", stored->token->name);
    return ERR_OK;
}

static bool bearer_take(struct slice authorization, struct slice *token)
{
    struct slice prefix = SLICE_LITERAL("Bearer ");

    if (authorization.len <= prefix.len ||
        !slice_equal_ignore_case(slice_make(authorization.ptr, prefix.len), prefix))
        return false;
    *token = slice_trim(slice_make(authorization.ptr + prefix.len, authorization.len - prefix.len));
    return true;
}

enum err_code api_authenticate(struct api *api, const struct api_request *request,
                               struct arena *arena, struct auth_principal *out, struct err *err)
{
    Kefu__V1__LoginSession *session;
    struct slice secret;

    memset(out, 0, sizeof(*out));
    if (bearer_take(request->authorization, &secret))
        return api_authenticate_token(api, secret, arena, out, err);
    if (api->require_tls && !request->tls)
        return err_set(err, ERR_UNAUTHENTICATED, "log-in needs https here");
    secret = cookie_find(request->cookie, cookie_name(request->tls));
    if (secret.len == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "not logged in");
    return session_find(api, secret, arena, out, &session, err);
}

/* ---- requests from other people's pages ---- */

enum err_code api_origin_check(struct api_call *call, struct err *err)
{
    struct slice origin = call->request->origin;

    /* None: not a browser, or one that says so by SameSite. */
    if (origin.len == 0 || auth_origin_is(origin, call->request->host) ||
        auth_origin_is(origin, slice_of(call->api->public_url)))
        return ERR_OK;
    return err_set(err, ERR_FORBIDDEN, "request from another origin");
}

static bool method_changes(struct slice method)
{
    return !slice_equal_text(method, "GET") && !slice_equal_text(method, "HEAD");
}

enum err_code api_csrf_check(struct api_call *call, struct err *err)
{
    Kefu__V1__LoginSession *session;
    struct auth_principal who;
    struct slice secret;
    enum err_code rc;

    if (!call->who.by_cookie || !method_changes(call->request->method))
        return ERR_OK;
    rc = api_origin_check(call, err);
    if (rc != ERR_OK)
        return rc;
    secret = cookie_find(call->request->cookie, cookie_name(call->request->tls));
    rc = session_find(call->api, secret, call->arena, &who, &session, err);
    if (rc != ERR_OK)
        return rc;
    if (call->request->csrf.len == 0 ||
        !auth_equal(call->request->csrf, slice_of(session->csrf_token)))
        return err_set(err, ERR_FORBIDDEN, "X-CSRF-Token missing or wrong");
    return ERR_OK;
}

/* ---- making ---- */

void api_session_reply(struct api_call *call, const Kefu__V1__Agent *agent, const char *csrf,
                       Kefu__V1__SessionReply *reply)
{
    reply->agent = (Kefu__V1__Agent *)agent;
    reply->agent->password = (char *)"";
    reply->csrf_token = (char *)csrf;
    reply->insecure_cookie = !call->request->tls;
    call->answer = &reply->base;
}

/* Nobody logs out, people close the window: what has ended goes at the next log-in, and the oldest
 * when there are too many, so that ending all of them is one list. A log-in does not fail by it. */
static void sessions_trim(struct api_call *call, uint64_t agent_id)
{
    struct store_record_query query = { .kind = STORE_LOGIN_SESSION,
                                        .parent = agent_id,
                                        .limit = API_SESSIONS_MAX };
    struct store_records records = { 0 };

    if (store_record_list(call->api->store, &query, call->arena, &records, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < records.n; i++) {
        struct store_change change = { .op = STORE_DELETE, .kind = STORE_LOGIN_SESSION };
        Kefu__V1__LoginSession *session = NULL;
        bool over = api_decode(&kefu__v1__login_session__descriptor, records.items[i].body,
                               call->arena, &session, NULL) != ERR_OK ||
                    session_over(session, call->now_ms);

        change.record.id = records.items[i].id;
        if ((over || (i == 0 && records.n == API_SESSIONS_MAX)) &&
            store_admin_run(call->api->store, &change, 1, NULL, NULL) != ERR_OK)
            return; /* another log-in does the same at this moment */
    }
}

enum err_code api_session_create(struct api_call *call, const Kefu__V1__Agent *agent,
                                 Kefu__V1__SessionReply *reply, struct err *err)
{
    Kefu__V1__LoginSession session = KEFU__V1__LOGIN_SESSION__INIT;
    struct store_change changes[3] = { { .op = STORE_INSERT, .kind = STORE_LOGIN_SESSION } };
    struct api_commit commit = { .changes = changes, .count = 1, .action = "session.create" };
    char secret[AUTH_SECRET_TEXT_MAX];
    char csrf[AUTH_SECRET_TEXT_MAX];
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    uint8_t hash[AUTH_HASH_BYTES];
    enum err_code rc;

    sessions_trim(call, agent->id);
    auth_secret_make("", secret);
    auth_secret_make("", csrf);
    auth_secret_hash(slice_of(secret), hash);
    auth_secret_lookup(slice_of(secret), lookup);
    session.token_hash = (ProtobufCBinaryData){ sizeof(hash), hash };
    session.agent_id = agent->id;
    session.created_at = session.seen_at = call->now_ms;
    session.csrf_token = csrf;
    changes[0].record = (struct store_record){
        .id = api_id_new(call->api),
        .workspace = call->who.workspace_id,
        .parent = agent->id,
        .lookup = slice_of(lookup),
        .created_at = call->now_ms,
    };
    commit.target = changes[0].record.id;
    rc = api_encode(call->arena, &session.base, &changes[0].record.body, err);
    if (rc != ERR_OK)
        return rc;
    call->who.session_id = changes[0].record.id;
    rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK)
        return rc;
    api_cookie_set(call, secret, (int)(API_SESSION_AGE_MS / 1000));
    api_session_reply(call, agent, arena_strdup(call->arena, slice_of(csrf)), reply);
    return ERR_OK;
}
