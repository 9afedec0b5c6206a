/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: accounts with a role. A record holds the password hash, which never leaves, so these
 * handlers are written out instead of using the generic ones. */
#include "api_priv.h"

#include <stdio.h>

#include "auth_password.h"
#include "limit.h"
#include "schema.h"

#include "kefu/routing.h"

enum {
    LABELS_MAX = 16, /* languages, or teams, of one agent */
};

static bool may_manage(struct api_call *call, const char *role)
{
    struct permission_set set = { call->who.permissions };

    return strcmp(role, "owner") != 0 || permission_has(set, PERM_OWNER_WRITE);
}

static enum err_code labels_check(const char *field, char *const *labels, size_t n, struct err *err)
{
    enum err_code rc = ERR_OK;

    if (n > LABELS_MAX)
        return err_set_field(err, ERR_TOO_BIG, field, "at most %d", LABELS_MAX);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = api_text_check(field, labels[i], 1, ROUTE_NAME_MAX, err);
    return rc;
}

/* What routing asks of an agent. Whether the configuration knows a skill is not asked: it may be
 * published later. */
static enum err_code abilities_check(const Kefu__V1__Agent *agent, struct err *err)
{
    enum err_code rc = labels_check("languages", agent->languages, agent->n_languages, err);

    if (rc == ERR_OK)
        rc = labels_check("teams", agent->teams, agent->n_teams, err);
    if (rc == ERR_OK)
        rc = api_text_check("calendar", agent->calendar, 0, ROUTE_NAME_MAX, err);
    if (rc == ERR_OK && agent->n_skills > ROUTE_SKILLS_MAX)
        rc = err_set_field(err, ERR_TOO_BIG, "skills", "at most %d", ROUTE_SKILLS_MAX);
    for (size_t i = 0; i < agent->n_skills && rc == ERR_OK; i++) {
        rc = api_text_check("skills", agent->skills[i]->skill, 1, ROUTE_NAME_MAX, err);
        if (rc == ERR_OK &&
            (agent->skills[i]->level < 1 || agent->skills[i]->level > ROUTE_LEVEL_MAX))
            rc = err_set_field(err, ERR_INVALID, "skills", "levels are 1 to %d", ROUTE_LEVEL_MAX);
        for (size_t k = 0; k < i && rc == ERR_OK; k++) {
            if (strcmp(agent->skills[i]->skill, agent->skills[k]->skill) == 0)
                rc = err_set_field(err, ERR_INVALID, "skills", "'%.40s' is given twice",
                                   agent->skills[i]->skill);
        }
    }
    return rc;
}

static enum err_code agent_check(struct api_call *call, Kefu__V1__Agent *agent, struct err *err)
{
    enum err_code rc = api_text_check("email", agent->email, 3, LIMIT_NAME_BYTES_MAX, err);

    if (rc == ERR_OK && strchr(agent->email, '@') == NULL)
        rc = err_set_field(err, ERR_INVALID, "email", "not an e-mail address");
    if (rc == ERR_OK)
        rc = api_text_check("name", agent->name, 1, LIMIT_NAME_BYTES_MAX, err);
    if (rc == ERR_OK && role_parse(slice_of(agent->role)) < ROLE_AGENT)
        rc = err_set_field(err, ERR_INVALID, "role", "owner, admin, supervisor or agent");
    if (rc == ERR_OK && !may_manage(call, agent->role))
        rc = err_set_field(err, ERR_FORBIDDEN, "role", "only owners make owners");
    if (rc == ERR_OK && agent->capacity > LIMIT_AGENT_CAPACITY_MAX)
        rc = err_set_field(err, ERR_INVALID, "capacity", "at most %d", LIMIT_AGENT_CAPACITY_MAX);
    if (rc == ERR_OK)
        rc = abilities_check(agent, err);
    if (agent->capacity == 0)
        agent->capacity = LIMIT_AGENT_CAPACITY_DEFAULT;
    if (rc == ERR_OK)
        agent->email = api_text_lower(call->arena, agent->email);
    return rc;
}

static enum err_code agent_own_load(struct api_call *call, Kefu__V1__AgentRecord **out,
                                    struct store_record *record, struct err *err)
{
    enum err_code rc = api_agent_load(call, call->id, out, record, err);

    if (rc == ERR_OK && record->workspace != call->who.workspace_id)
        return err_set(err, ERR_NOT_FOUND, "no such agent");
    return rc;
}

static enum err_code agent_list(struct api_call *call, struct err *err)
{
    struct store_record_query query = { .kind = STORE_AGENT,
                                        .workspace = call->who.workspace_id,
                                        .after = api_query_u64(call, "after"),
                                        .limit = api_query_limit(call) };
    Kefu__V1__AgentList *list = api_message_new(call, call->route->reply, err);
    struct store_records records;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    rc = store_record_list(call->api->store, &query, call->arena, &records, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (records.n + 1) * sizeof(*list->items));
    for (size_t i = 0; i < records.n; i++) {
        Kefu__V1__AgentRecord *agent;
        rc = api_agent_load(call, records.items[i].id, &agent, &records.items[i], err);
        if (rc != ERR_OK)
            return rc;
        list->items[i] = agent->agent;
    }
    list->n_items = records.n;
    if (records.more)
        list->next = api_page_next(call, records.items[records.n - 1].id);
    call->answer = &list->base;
    return ERR_OK;
}

static enum err_code agent_get(struct api_call *call, struct err *err)
{
    Kefu__V1__AgentRecord *agent;
    struct store_record record;
    enum err_code rc = agent_own_load(call, &agent, &record, err);

    if (rc != ERR_OK)
        return rc;
    snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%llu\"",
             (unsigned long long)record.version);
    call->answer = &agent->agent->base;
    return ERR_OK;
}

static enum err_code password_set(struct api_call *call, Kefu__V1__AgentRecord *record,
                                  const char *password, struct err *err)
{
    char *hash = arena_alloc(call->arena, AUTH_PASSWORD_HASH_MAX);
    enum err_code rc = auth_password_check(slice_of(password), err);

    if (rc == ERR_OK && hash == NULL)
        rc = err_set(err, ERR_TOO_BIG, "request too large");
    if (rc == ERR_OK)
        rc = auth_password_hash(slice_of(password), hash, err);
    record->password_hash = hash;
    record->failures = 0;
    record->locked_until = 0;
    return rc;
}

static enum err_code agent_create(struct api_call *call, struct err *err)
{
    Kefu__V1__AgentRecord record = KEFU__V1__AGENT_RECORD__INIT;
    struct store_change changes[3] = { { .op = STORE_INSERT, .kind = STORE_AGENT } };
    struct api_commit commit = { .changes = changes, .count = 1, .action = "agents.create" };
    Kefu__V1__Agent *agent = (Kefu__V1__Agent *)call->body;
    enum err_code rc = agent_check(call, agent, err);

    if (rc == ERR_OK)
        rc = password_set(call, &record, agent->password, err);
    if (rc != ERR_OK)
        return rc;
    record.agent = agent;
    changes[0].record.id = agent->id = commit.target = api_id_new(call->api);
    changes[0].record.workspace = call->who.workspace_id;
    changes[0].record.created_at = call->now_ms;
    changes[0].record.lookup = slice_of(agent->email);
    agent->created_at = NULL;
    rc = api_agent_encode(call, &record, &changes[0].record.body, err);
    if (rc != ERR_OK)
        return rc;
    agent->version = 1;
    agent->created_at = api_timestamp(call, call->now_ms);
    commit.after = agent->role;
    call->reply->status = 201;
    call->answer = &agent->base;
    rc = api_commit_run(call, &commit, err);
    if (rc == ERR_CONFLICT)
        return err_set_field(err, ERR_CONFLICT, "email", "an agent with this e-mail exists");
    if (rc == ERR_OK)
        call->reply->effects |= API_EFFECT_DIRECTORY;
    return rc;
}

static void agent_merge(struct api_call *call, Kefu__V1__Agent *agent,
                        const Kefu__V1__Agent *change)
{
    if (api_body_names(call, "email"))
        agent->email = change->email;
    if (api_body_names(call, "name"))
        agent->name = change->name;
    if (api_body_names(call, "role"))
        agent->role = change->role;
    if (api_body_names(call, "capacity"))
        agent->capacity = change->capacity;
    if (api_body_names(call, "disabled"))
        agent->disabled = change->disabled;
    if (api_body_names(call, "locale"))
        agent->locale = change->locale;
    if (api_body_names(call, "skills")) {
        agent->skills = change->skills;
        agent->n_skills = change->n_skills;
    }
    if (api_body_names(call, "languages")) {
        agent->languages = change->languages;
        agent->n_languages = change->n_languages;
    }
    if (api_body_names(call, "teams")) {
        agent->teams = change->teams;
        agent->n_teams = change->n_teams;
    }
    if (api_body_names(call, "calendar"))
        agent->calendar = change->calendar;
}

enum err_code api_agent_logout(struct api_call *call, uint64_t agent_id, struct store_change **at,
                               size_t room, struct err *err)
{
    struct store_record_query query = { .kind = STORE_LOGIN_SESSION,
                                        .parent = agent_id,
                                        .limit = API_SESSIONS_MAX };
    struct store_records records;
    enum err_code rc = store_record_list(call->api->store, &query, call->arena, &records, err);

    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < records.n && i < room; i++) {
        if (records.items[i].id == call->who.session_id)
            continue;
        **at = (struct store_change){ .op = STORE_DELETE, .kind = STORE_LOGIN_SESSION };
        (*at)->record.id = records.items[i].id;
        (*at)++;
    }
    return ERR_OK;
}

/* The workspace must keep an owner who can log in. */
static enum err_code last_owner_check(struct api_call *call, uint64_t leaving, struct err *err)
{
    struct store_record_query query = { .kind = STORE_AGENT,
                                        .workspace = call->who.workspace_id,
                                        .limit = STORE_PAGE_MAX };
    struct store_records records = { .more = true };

    while (records.more) {
        enum err_code rc = store_record_list(call->api->store, &query, call->arena, &records, err);
        if (rc != ERR_OK)
            return rc;
        for (size_t i = 0; i < records.n; i++) {
            Kefu__V1__AgentRecord *other;
            query.after = records.items[i].id;
            rc = api_decode(&kefu__v1__agent_record__descriptor, records.items[i].body, call->arena,
                            &other, err);
            if (rc != ERR_OK)
                return rc;
            if (records.items[i].id != leaving && !other->agent->disabled &&
                strcmp(other->agent->role, "owner") == 0)
                return ERR_OK;
        }
    }
    return err_set(err, ERR_CONFLICT, "the last owner can't go");
}

static enum err_code agent_patch(struct api_call *call, struct err *err)
{
    struct store_change changes[API_SESSIONS_MAX + 3] = { { .op = STORE_UPDATE,
                                                            .kind = STORE_AGENT } };
    struct store_change *at = changes + 1;
    struct api_commit commit = { .changes = changes, .action = "agents.update" };
    const Kefu__V1__Agent *change = (const Kefu__V1__Agent *)call->body;
    Kefu__V1__AgentRecord *record = NULL;
    const char *old_role;
    bool was_on;
    bool rights;
    enum err_code rc = agent_own_load(call, &record, &changes[0].record, err);

    if (rc != ERR_OK)
        return rc;
    if (change->version != 0 && change->version != changes[0].record.version)
        return err_set_field(err, ERR_CONFLICT, "version", "changed by someone else");
    if (!may_manage(call, record->agent->role))
        return err_set(err, ERR_FORBIDDEN, "only owners change owners");
    old_role = record->agent->role;
    was_on = !record->agent->disabled;
    agent_merge(call, record->agent, change);
    rc = agent_check(call, record->agent, err);
    if (rc == ERR_OK && api_body_names(call, "password"))
        rc = password_set(call, record, change->password, err);
    rights = strcmp(old_role, record->agent->role) != 0 || (was_on && record->agent->disabled) ||
             api_body_names(call, "password");
    if (rc == ERR_OK && strcmp(old_role, "owner") == 0 && rights)
        rc = strcmp(record->agent->role, "owner") == 0 && !record->agent->disabled
                 ? ERR_OK
                 : last_owner_check(call, call->id, err);
    if (rc == ERR_OK && rights)
        rc = api_agent_logout(call, call->id, &at, API_SESSIONS_MAX, err);
    if (rc != ERR_OK)
        return rc;
    commit.count = (size_t)(at - changes);
    commit.target = call->id;
    commit.before = old_role;
    commit.after = record->agent->disabled ? "disabled" : record->agent->role;
    changes[0].record.lookup = slice_of(record->agent->email);
    rc = api_agent_encode(call, record, &changes[0].record.body, err);
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_CONFLICT, "e-mail taken, or changed by someone else");
    if (rc != ERR_OK)
        return rc;
    call->reply->effects |= API_EFFECT_DIRECTORY | (rights ? (unsigned)API_EFFECT_REVOKE : 0);
    call->reply->revoke_agent = rights ? call->id : 0;
    record->agent->version = changes[0].record.version + 1;
    call->answer = &record->agent->base;
    return ERR_OK;
}

static enum err_code agent_delete(struct api_call *call, struct err *err)
{
    struct store_change changes[API_SESSIONS_MAX + 3] = { { .op = STORE_DELETE,
                                                            .kind = STORE_AGENT } };
    struct store_change *at = changes + 1;
    struct api_commit commit = { .changes = changes, .action = "agents.delete" };
    Kefu__V1__AgentRecord *record = NULL;
    enum err_code rc = agent_own_load(call, &record, &changes[0].record, err);

    if (rc == ERR_OK && !may_manage(call, record->agent->role))
        rc = err_set(err, ERR_FORBIDDEN, "only owners change owners");
    if (rc == ERR_OK && strcmp(record->agent->role, "owner") == 0)
        rc = last_owner_check(call, call->id, err);
    if (rc == ERR_OK)
        rc = api_agent_logout(call, call->id, &at, API_SESSIONS_MAX, err);
    if (rc != ERR_OK)
        return rc;
    commit.count = (size_t)(at - changes);
    commit.target = call->id;
    commit.before = record->agent->role;
    rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK)
        return rc;
    call->reply->effects |= API_EFFECT_DIRECTORY | API_EFFECT_REVOKE;
    call->reply->revoke_agent = call->id;
    call->answer = api_message_new(call, call->route->reply, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

static const struct api_route routes[] = {
    { "GET", "/agents", NULL, &kefu__v1__agent_list__descriptor, PERM_AGENT_READ, agent_list, 0,
      NULL, "List agents" },
    { "POST", "/agents", &kefu__v1__agent__descriptor, &kefu__v1__agent__descriptor,
      PERM_AGENT_WRITE, agent_create, API_HASHES, NULL, "Make an agent" },
    { "GET", "/agents/{id}", NULL, &kefu__v1__agent__descriptor, PERM_AGENT_READ, agent_get, 0,
      NULL, "Read an agent" },
    { "PATCH", "/agents/{id}", &kefu__v1__agent__descriptor, &kefu__v1__agent__descriptor,
      PERM_AGENT_WRITE, agent_patch, API_HASHES, NULL, "Change an agent" },
    { "DELETE", "/agents/{id}", NULL, &kefu__v1__empty__descriptor, PERM_AGENT_WRITE, agent_delete,
      0, NULL, "Delete an agent" },
};

const struct api_routes api_routes_agent = { routes, LENGTH_OF(routes) };
