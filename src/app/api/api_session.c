/* SPDX-License-Identifier: Apache-2.0 */
/* Setup, log-in, log-out, and what a logged-in browser needs to open its socket. */
#include "api_priv.h"

#include <stdio.h>

#include "auth_password.h"
#include "limit.h"
#include "schema.h"

/* ---- agents by e-mail ---- */

static enum err_code agent_decode(struct api_call *call, struct store_record *record,
                                  Kefu__V1__AgentRecord **out, struct err *err)
{
    enum err_code rc =
        api_decode(&kefu__v1__agent_record__descriptor, record->body, call->arena, out, err);

    if (rc != ERR_OK)
        return rc;
    if ((*out)->agent == NULL)
        return err_set(err, ERR_CORRUPT, "agent record without an agent");
    (*out)->agent->id = record->id;
    (*out)->agent->version = record->version;
    (*out)->agent->created_at = api_timestamp(call, record->created_at);
    return ERR_OK;
}

enum err_code api_agent_load(struct api_call *call, uint64_t id, Kefu__V1__AgentRecord **out,
                             struct store_record *record, struct err *err)
{
    bool found = false;
    enum err_code rc =
        store_record_get(call->api->store, STORE_AGENT, id, call->arena, record, &found, err);

    if (rc != ERR_OK)
        return rc;
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    return agent_decode(call, record, out, err);
}

enum err_code api_agent_by_email(struct api_call *call, const char *email,
                                 Kefu__V1__AgentRecord **out, struct store_record *record,
                                 struct err *err)
{
    char *lookup = api_text_lower(call->arena, email);
    bool found = false;
    enum err_code rc;

    if (lookup == NULL || lookup[0] == '\0' || strlen(lookup) > LIMIT_NAME_BYTES_MAX)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    rc = store_record_by_lookup(call->api->store, STORE_AGENT, 0, slice_of(lookup), call->arena,
                                record, &found, err);
    if (rc != ERR_OK)
        return rc;
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    return agent_decode(call, record, out, err);
}

enum err_code api_agent_encode(struct api_call *call, const Kefu__V1__AgentRecord *agent,
                               struct slice *out, struct err *err)
{
    agent->agent->password = (char *)"";
    return api_encode(call->arena, &agent->base, out, err);
}

/* ---- log-in ---- */

static enum err_code agent_update(struct api_call *call, const Kefu__V1__AgentRecord *agent,
                                  struct store_record *record, struct err *err)
{
    struct store_change change = { .op = STORE_UPDATE, .kind = STORE_AGENT, .record = *record };
    enum err_code rc = api_agent_encode(call, agent, &change.record.body, err);

    return rc == ERR_OK ? store_admin_run(call->api->store, &change, 1, NULL, err) : rc;
}

/* The same for an unknown account, a wrong password and a locked account: who tries learns nothing
 * of who exists, nor that a guess would have been right. */
static enum err_code login_refuse(struct err *err)
{
    return err_set(err, ERR_UNAUTHENTICATED,
                   "e-mail or password is wrong; after %d wrong ones an account rests for a while",
                   AUTH_FAILURES_MAX);
}

/* Counts a wrong password. A conflict means that another try was counted at the same moment. */
static enum err_code login_failed(struct api_call *call, Kefu__V1__AgentRecord *agent,
                                  struct store_record *record, struct err *err)
{
    struct auth_lock lock = { agent->failures, agent->locked_until };
    enum err_code rc;

    auth_lock_fail(&lock, call->now_ms);
    agent->failures = lock.failures;
    agent->locked_until = lock.locked_until;
    rc = agent_update(call, agent, record, err);
    if (rc != ERR_OK && rc != ERR_CONFLICT)
        return rc;
    return login_refuse(err);
}

static enum err_code login_check(struct api_call *call, const Kefu__V1__LoginRequest *request,
                                 Kefu__V1__AgentRecord **out, struct err *err)
{
    Kefu__V1__AgentRecord *agent = NULL;
    struct store_record record;
    struct auth_lock lock = { 0 };
    bool right;
    enum err_code rc = api_agent_by_email(call, request->email, &agent, &record, err);

    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        return rc;
    if (agent != NULL)
        lock = (struct auth_lock){ agent->failures, agent->locked_until };
    right = auth_password_verify(agent != NULL ? agent->password_hash : NULL,
                                 slice_of(request->password));
    if (agent == NULL || auth_lock_holds(&lock, call->now_ms))
        return login_refuse(err);
    if (!right)
        return login_failed(call, agent, &record, err);
    if (agent->agent->disabled)
        return login_refuse(err);
    if (agent->failures != 0) {
        agent->failures = 0;
        agent->locked_until = 0;
        rc = agent_update(call, agent, &record, err);
        if (rc != ERR_OK && rc != ERR_CONFLICT)
            return rc;
    }
    call->who.workspace_id = record.workspace;
    call->who.agent_id = record.id;
    snprintf(call->who.name, sizeof(call->who.name), "%s", agent->agent->name);
    *out = agent;
    return ERR_OK;
}

static enum err_code tls_check(struct api_call *call, struct err *err)
{
    if (call->api->require_tls && !call->request->tls)
        return err_set(err, ERR_FORBIDDEN, "log-in needs https here");
    return ERR_OK;
}

static enum err_code login(struct api_call *call, struct err *err)
{
    const Kefu__V1__LoginRequest *request = (const Kefu__V1__LoginRequest *)call->body;
    Kefu__V1__SessionReply *reply = api_message_new(call, call->route->reply, err);
    Kefu__V1__AgentRecord *agent = NULL;
    enum err_code rc = reply != NULL ? tls_check(call, err) : err->code;

    if (rc == ERR_OK)
        rc = login_check(call, request, &agent, err);
    if (rc != ERR_OK)
        return rc;
    return api_session_create(call, agent->agent, reply, err);
}

static enum err_code session_read(struct api_call *call, struct err *err)
{
    Kefu__V1__SessionReply *reply = api_message_new(call, call->route->reply, err);
    Kefu__V1__AgentRecord *agent = NULL;
    Kefu__V1__LoginSession *session = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc;

    if (reply == NULL)
        return err->code;
    rc = api_agent_load(call, call->who.agent_id, &agent, &record, err);
    if (rc != ERR_OK)
        return rc;
    if (call->who.session_id != 0) {
        rc = store_record_get(call->api->store, STORE_LOGIN_SESSION, call->who.session_id,
                              call->arena, &record, &found, err);
        if (rc == ERR_OK && found)
            rc = api_decode(&kefu__v1__login_session__descriptor, record.body, call->arena,
                            &session, err);
        if (rc != ERR_OK)
            return rc;
    }
    api_session_reply(call, agent->agent, session != NULL ? session->csrf_token : "", reply);
    return ERR_OK;
}

static enum err_code logout(struct api_call *call, struct err *err)
{
    struct store_change changes[3] = { { .op = STORE_DELETE, .kind = STORE_LOGIN_SESSION } };
    struct api_commit commit = { .changes = changes, .count = 1, .action = "session.delete" };
    enum err_code rc;

    if (call->who.session_id == 0)
        return err_set(err, ERR_INVALID, "an API token has no log-in to end");
    changes[0].record.id = commit.target = call->who.session_id;
    rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND)
        return rc;
    api_cookie_set(call, "", 0);
    call->reply->effects |= API_EFFECT_REVOKE;
    call->reply->revoke_session = call->who.session_id;
    call->answer = api_message_new(call, call->route->reply, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

static enum err_code ticket(struct api_call *call, struct err *err)
{
    call->reply->effects |= API_EFFECT_TICKET;
    call->answer = api_message_new(call, call->route->reply, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

/* ---- setup ---- */

static enum err_code agent_insert_make(struct api_call *call, const char *email, const char *name,
                                       const char *role, struct slice password, const char *locale,
                                       struct store_change *out, Kefu__V1__Agent **agent_out,
                                       struct err *err)
{
    Kefu__V1__AgentRecord record = KEFU__V1__AGENT_RECORD__INIT;
    Kefu__V1__Agent *agent = api_message_new(call, &kefu__v1__agent__descriptor, err);
    char hash[AUTH_PASSWORD_HASH_MAX];
    enum err_code rc;

    if (agent == NULL)
        return err->code;
    rc = auth_password_check(password, err);
    if (rc == ERR_OK)
        rc = api_text_check("email", email, 3, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK && strchr(email, '@') == NULL)
        rc = err_set_field(err, ERR_INVALID, "email", "not an e-mail address");
    if (rc == ERR_OK)
        rc = api_text_check("name", name, 1, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK && role_parse(slice_of(role)) < ROLE_AGENT)
        rc = err_set_field(err, ERR_INVALID, "role", "owner, admin, supervisor or agent");
    if (rc == ERR_OK)
        rc = auth_password_hash(password, hash, err);
    if (rc != ERR_OK)
        return rc;
    agent->email = api_text_lower(call->arena, email);
    agent->name = (char *)name;
    agent->role = (char *)role;
    agent->capacity = LIMIT_AGENT_CAPACITY_DEFAULT;
    agent->locale = (char *)locale;
    agent->id = api_id_new(call->api);
    record.agent = agent;
    record.password_hash = hash;
    *out = (struct store_change){ .op = STORE_INSERT, .kind = STORE_AGENT };
    out->record.id = agent->id;
    out->record.workspace = API_WORKSPACE;
    out->record.created_at = call->now_ms;
    out->record.lookup = slice_of(agent->email);
    *agent_out = agent;
    return api_agent_encode(call, &record, &out->record.body, err);
}

static enum err_code site_insert_make(struct api_call *call, const char *name,
                                      struct store_change *out, struct err *err)
{
    Kefu__V1__Site site = KEFU__V1__SITE__INIT;
    char key[AUTH_SECRET_TEXT_MAX];

    auth_secret_make("", key);
    key[22] = '\0'; /* public, only has to be unique: 132 bits */
    site.key = key;
    site.name = (char *)name;
    site.bot_enabled = true;
    site.draft_preview = true;
    site.idle_close_minutes = LIMIT_IDLE_CLOSE_MINUTES_DEFAULT;
    *out = (struct store_change){ .op = STORE_INSERT, .kind = STORE_SITE };
    out->record.id = site.id = api_id_new(call->api);
    out->record.workspace = API_WORKSPACE;
    out->record.created_at = call->now_ms;
    out->record.lookup = slice_of(arena_strdup(call->arena, slice_of(key)));
    return api_encode(call->arena, &site.base, &out->record.body, err);
}

static void workspace_insert_make(struct api_call *call, struct store_change *out)
{
    *out = (struct store_change){ .op = STORE_INSERT, .kind = STORE_WORKSPACE };
    out->record.id = out->record.workspace = API_WORKSPACE;
    out->record.created_at = call->now_ms;
}

static enum err_code setup_needed(struct api *api, struct arena *arena, bool *needed,
                                  struct err *err)
{
    struct store_record_query query = { .kind = STORE_AGENT, .limit = 1 };
    struct store_records records;
    enum err_code rc = store_record_list(api->store, &query, arena, &records, err);

    *needed = rc == ERR_OK && records.n == 0;
    return rc;
}

static enum err_code setup_state(struct api_call *call, struct err *err)
{
    Kefu__V1__SetupState *state = api_message_new(call, call->route->reply, err);
    bool needed = false;
    enum err_code rc;

    if (state == NULL)
        return err->code;
    rc = setup_needed(call->api, call->arena, &needed, err);
    state->needed = needed;
    call->answer = &state->base;
    return rc;
}

enum err_code api_setup_begin(struct api *api, char out[AUTH_SECRET_TEXT_MAX], struct err *err)
{
    struct arena arena;
    bool needed = false;
    enum err_code rc;

    arena_init(&arena, API_ARENA_MAX);
    rc = setup_needed(api, &arena, &needed, err);
    out[0] = '\0';
    if (needed) {
        auth_secret_make("", out);
        auth_secret_hash(slice_of(out), api->setup_hash);
        api->setup_open = true;
    }
    arena_fini(&arena);
    return rc;
}

static enum err_code setup(struct api_call *call, struct err *err)
{
    const Kefu__V1__SetupRequest *request = (const Kefu__V1__SetupRequest *)call->body;
    Kefu__V1__SessionReply *reply = api_message_new(call, call->route->reply, err);
    struct store_change changes[5];
    struct api_commit commit = { .changes = changes, .count = 3, .action = "setup" };
    Kefu__V1__Agent *agent = NULL;
    uint8_t hash[AUTH_HASH_BYTES];
    enum err_code rc;

    if (reply == NULL)
        return err->code;
    auth_secret_hash(slice_of(request->token), hash);
    if (!call->api->setup_open || !auth_equal(slice_make(hash, sizeof(hash)),
                                              slice_make(call->api->setup_hash, sizeof(hash))))
        return err_set_field(err, ERR_FORBIDDEN, "token", "not the link that the server printed");
    rc = tls_check(call, err);
    if (rc == ERR_OK)
        rc = api_text_check("siteName", request->site_name, 1, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK)
        rc = agent_insert_make(call, request->email, request->name, "owner",
                               slice_of(request->password), request->locale, &changes[0], &agent,
                               err);
    if (rc == ERR_OK)
        rc = site_insert_make(call, request->site_name, &changes[1], err);
    if (rc != ERR_OK)
        return rc;
    /* A second set-up, at the same moment or later, finds this row taken. */
    workspace_insert_make(call, &changes[2]);
    call->who.workspace_id = API_WORKSPACE;
    call->who.agent_id = agent->id;
    snprintf(call->who.name, sizeof(call->who.name), "%s", agent->name);
    rc = api_commit_run(call, &commit, err);
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_CONFLICT, "already set up; log in");
    if (rc != ERR_OK)
        return rc;
    call->reply->effects |= API_EFFECT_DIRECTORY | API_EFFECT_BOT;
    return api_session_create(call, agent, reply, err);
}

/* ---- kefu admin ---- */

enum err_code api_admin_create(struct api *api, struct slice email, struct slice name,
                               struct slice role, struct slice password, struct err *err)
{
    struct arena arena;
    struct api_call call = { .api = api, .arena = &arena, .now_ms = clock_wall_ms(api->clock) };
    struct store_change changes[4];
    struct api_commit commit = { .changes = changes, .count = 2, .action = "admin.create" };
    Kefu__V1__Agent *agent;
    enum err_code rc;

    arena_init(&arena, API_ARENA_MAX);
    snprintf(call.who.name, sizeof(call.who.name), "command line");
    call.who.workspace_id = API_WORKSPACE;
    rc = agent_insert_make(&call, arena_strdup(&arena, email), arena_strdup(&arena, name),
                           arena_strdup(&arena, role), password, "", &changes[0], &agent, err);
    commit.target = changes[0].record.id;
    workspace_insert_make(&call, &changes[1]);
    changes[1].op = STORE_PUT;
    if (rc == ERR_OK)
        rc = api_commit_run(&call, &commit, err);
    if (rc == ERR_CONFLICT)
        err_set(err, rc, "an agent with this e-mail exists");
    arena_fini(&arena);
    return rc;
}

enum err_code api_admin_reset(struct api *api, struct slice email, struct slice password,
                              uint64_t *agent_id, struct err *err)
{
    struct arena arena;
    struct api_call call = { .api = api, .arena = &arena, .now_ms = clock_wall_ms(api->clock) };
    struct store_change changes[API_SESSIONS_MAX + 3] = { { .op = STORE_UPDATE,
                                                            .kind = STORE_AGENT } };
    struct store_change *at = changes + 1;
    struct api_commit commit = { .changes = changes, .action = "admin.reset" };
    Kefu__V1__AgentRecord *agent = NULL;
    char hash[AUTH_PASSWORD_HASH_MAX];
    enum err_code rc;

    arena_init(&arena, API_ARENA_MAX);
    snprintf(call.who.name, sizeof(call.who.name), "command line");
    rc = auth_password_check(password, err);
    if (rc == ERR_OK)
        rc =
            api_agent_by_email(&call, arena_strdup(&arena, email), &agent, &changes[0].record, err);
    if (rc == ERR_OK)
        rc = auth_password_hash(password, hash, err);
    if (rc == ERR_OK)
        rc = api_agent_logout(&call, changes[0].record.id, &at, API_SESSIONS_MAX, err);
    if (rc == ERR_OK) {
        agent->password_hash = hash;
        agent->failures = 0;
        agent->locked_until = 0;
        agent->agent->disabled = false;
        call.who.workspace_id = changes[0].record.workspace;
        commit.target = *agent_id = changes[0].record.id;
        commit.count = (size_t)(at - changes);
        rc = api_agent_encode(&call, agent, &changes[0].record.body, err);
    }
    if (rc == ERR_OK)
        rc = api_commit_run(&call, &commit, err);
    arena_fini(&arena);
    return rc;
}

static const struct api_route routes[] = {
    { "GET", "/setup", NULL, &kefu__v1__setup_state__descriptor, PERM_PUBLIC, setup_state, 0, NULL,
      "Whether the first start's set-up is still to be done" },
    { "POST", "/setup", &kefu__v1__setup_request__descriptor, &kefu__v1__session_reply__descriptor,
      PERM_PUBLIC, setup, API_HASHES | API_SAME_ORIGIN | API_NO_REPEAT, NULL,
      "Make the first site and its owner with the one-time token" },
    { "POST", "/login", &kefu__v1__login_request__descriptor, &kefu__v1__session_reply__descriptor,
      PERM_PUBLIC, login, API_HASHES | API_SAME_ORIGIN | API_NO_REPEAT, NULL,
      "Log in; sets the session cookie" },
    { "POST", "/logout", &kefu__v1__empty__descriptor, &kefu__v1__empty__descriptor, PERM_SELF,
      logout, API_NO_REPEAT, NULL, "End this log-in and its sockets" },
    { "GET", "/session", NULL, &kefu__v1__session_reply__descriptor, PERM_SELF, session_read, 0,
      NULL, "Who is logged in, and the CSRF token" },
    { "POST", "/ws-tickets", &kefu__v1__empty__descriptor, &kefu__v1__ws_ticket__descriptor,
      PERM_SELF, ticket, API_NO_REPEAT, NULL, "A one-use ticket of 30 s for the socket's hello" },
};

const struct api_routes api_routes_session = { routes, LENGTH_OF(routes) };
