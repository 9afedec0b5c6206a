/* SPDX-License-Identifier: Apache-2.0 */
/* Routing: a workspace's configuration in versions (draft, published, retired), its checks, and why
 * conversations went to whom. A published version never changes, so going back is publishing an
 * older one. The record of the published one has the lookup "published": there is at most one. */
#include "api_priv.h"

#include "limit.h"
#include "routing.h"

static const char *const state_names[] = { "draft", "published", "retired" };
enum { DRAFT, PUBLISHED, RETIRED };

enum { NOTE_BYTES_MAX = 500, TRACES_MAX = 100 };

static char *state_text(struct api_call *call, int state)
{
    return arena_strdup(call->arena, slice_of(state_names[state]));
}

/* ---- the agents, as routing sees them -------------------------------------------------------- */

enum err_code api_routing_agents(struct api_call *call, const Kefu__V1__Agent ***out, size_t *count,
                                 struct err *err)
{
    struct store_record_query query = { .kind = STORE_AGENT,
                                        .workspace = call->who.workspace_id,
                                        .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };
    const Kefu__V1__Agent **list =
        arena_alloc(call->arena, ROUTE_AGENTS_MAX * sizeof(const Kefu__V1__Agent *));

    *count = 0;
    while (page.more && list != NULL) {
        enum err_code rc = store_record_list(call->api->store, &query, call->arena, &page, err);

        for (size_t i = 0; rc == ERR_OK && i < page.n && *count < ROUTE_AGENTS_MAX; i++) {
            Kefu__V1__AgentRecord *record = NULL;

            query.after = page.items[i].id;
            rc = api_decode(&kefu__v1__agent_record__descriptor, page.items[i].body, call->arena,
                            &record, err);
            if (rc != ERR_OK || record->agent == NULL)
                continue;
            record->agent->id = page.items[i].id;
            list[(*count)++] = record->agent;
        }
        if (rc != ERR_OK)
            return rc;
    }
    *out = list;
    return list != NULL ? ERR_OK : err_set(err, ERR_TOO_BIG, "too many agents");
}

/* ---- checks ---------------------------------------------------------------------------------- */

static enum err_code check_run(struct api_call *call, const char *config,
                               struct route_report *report, struct err *err)
{
    struct routing_source source = { .config = slice_of(config) };
    const Kefu__V1__Agent **agents = NULL;
    enum err_code rc = api_routing_agents(call, &agents, &source.agent_count, err);

    source.agents = agents;
    if (rc == ERR_OK && !routing_check(&source, report))
        ENSURE(report->errors > 0); /* and so says what is wrong */
    return rc;
}

static enum err_code report_answer(struct api_call *call, const struct route_report *report,
                                   struct err *err)
{
    Kefu__V1__RoutingReport *reply =
        api_message_new(call, &kefu__v1__routing_report__descriptor, err);

    if (reply == NULL)
        return err->code;
    reply->ok = report->errors == 0;
    reply->errors = report->errors;
    reply->warnings = report->warnings;
    reply->problems = arena_alloc(call->arena, (report->count + 1) * sizeof(*reply->problems));
    if (reply->problems == NULL)
        return err_set(err, ERR_TOO_BIG, "reply too large");
    for (unsigned i = 0; i < report->count; i++) {
        Kefu__V1__RoutingProblem *problem =
            api_message_new(call, &kefu__v1__routing_problem__descriptor, err);

        if (problem == NULL)
            return err->code;
        problem->warning = report->items[i].warning;
        problem->path = arena_strdup(call->arena, slice_of(report->items[i].path));
        problem->text = arena_strdup(call->arena, slice_of(report->items[i].text));
        reply->problems[reply->n_problems++] = problem;
    }
    call->answer = &reply->base;
    return ERR_OK;
}

/* Of a text that is not stored: while somebody writes it. */
static enum err_code routing_check_post(struct api_call *call, struct err *err)
{
    const Kefu__V1__RoutingConfig *in = (const Kefu__V1__RoutingConfig *)call->body;
    struct route_report report;
    enum err_code rc = check_run(call, in->config, &report, err);

    return rc == ERR_OK ? report_answer(call, &report, err) : rc;
}

/* ---- versions -------------------------------------------------------------------------------- */

static enum err_code config_check(struct api_call *call, ProtobufCMessage *msg,
                                  const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__RoutingConfig *config = (Kefu__V1__RoutingConfig *)msg;
    const Kefu__V1__RoutingConfig *before = (const Kefu__V1__RoutingConfig *)old;
    enum err_code rc = api_text_check("note", config->note, 0, NOTE_BYTES_MAX, err);

    if (rc == ERR_OK && strlen(config->config) > ROUTING_CONFIG_BYTES_MAX)
        rc =
            err_set_field(err, ERR_TOO_BIG, "config", "at most %d bytes", ROUTING_CONFIG_BYTES_MAX);
    if (rc == ERR_OK && before != NULL && strcmp(before->state, state_names[DRAFT]) != 0)
        rc = err_set_field(err, ERR_CONFLICT, "state", "only drafts change; make a new one");
    config->state = state_text(call, DRAFT);
    config->author = arena_strdup(call->arena, slice_of(call->who.name));
    return rc;
}

static const char *const config_read_only[] = { "state", "author", "published_at", NULL };

static const struct api_resource configs = {
    .name = "routing-configs",
    .kind = STORE_ROUTING_CONFIG,
    .desc = &kefu__v1__routing_config__descriptor,
    .list = &kefu__v1__routing_config_list__descriptor,
    .read_only = config_read_only,
    .check = config_check,
};

/* Without the texts: a list is to choose from. */
static enum err_code config_list(struct api_call *call, struct err *err)
{
    enum err_code rc = api_record_list(call, err);
    Kefu__V1__RoutingConfigList *list = (Kefu__V1__RoutingConfigList *)call->answer;

    for (size_t i = 0; rc == ERR_OK && i < list->n_items; i++)
        list->items[i]->config = arena_strdup(call->arena, SLICE_EMPTY);
    return rc;
}

static enum err_code config_load(struct api_call *call, struct store_record *record,
                                 Kefu__V1__RoutingConfig **out, struct err *err)
{
    bool found = false;
    enum err_code rc = store_record_get(call->api->store, STORE_ROUTING_CONFIG, call->id,
                                        call->arena, record, &found, err);

    if (rc == ERR_OK && (!found || record->workspace != call->who.workspace_id))
        rc = err_set(err, ERR_NOT_FOUND, "no such version");
    if (rc == ERR_OK)
        rc = api_decode(configs.desc, record->body, call->arena, out, err);
    return rc;
}

static enum err_code config_delete(struct api_call *call, struct err *err)
{
    Kefu__V1__RoutingConfig *config = NULL;
    struct store_record record;
    enum err_code rc = config_load(call, &record, &config, err);

    if (rc == ERR_OK && strcmp(config->state, state_names[PUBLISHED]) == 0)
        rc = err_set_field(err, ERR_CONFLICT, "state", "the published version stays");
    return rc == ERR_OK ? api_record_delete(call, err) : rc;
}

static enum err_code published_load(struct api_call *call, struct store_record *record,
                                    Kefu__V1__RoutingConfig **out, bool *found, struct err *err)
{
    enum err_code rc =
        store_record_by_lookup(call->api->store, STORE_ROUTING_CONFIG, call->who.workspace_id,
                               SLICE_LITERAL("published"), call->arena, record, found, err);

    if (rc == ERR_OK && *found)
        rc = api_decode(configs.desc, record->body, call->arena, out, err);
    return rc;
}

/* What is in force: the published version, or what holds without one. */
static enum err_code published_get(struct api_call *call, struct err *err)
{
    Kefu__V1__RoutingConfig *config = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc = published_load(call, &record, &config, &found, err);

    if (rc != ERR_OK)
        return rc;
    if (!found) {
        config = api_message_new(call, configs.desc, err);
        if (config == NULL)
            return err->code;
        config->config = arena_strdup(call->arena, slice_of(routing_default));
        config->state = state_text(call, PUBLISHED);
    } else {
        config->id = record.id;
        config->version = record.version;
        config->created_at = api_timestamp(call, record.created_at);
    }
    call->answer = &config->base;
    return ERR_OK;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static enum err_code publishable(struct api_call *call, const Kefu__V1__RoutingConfig *config,
                                 struct err *err)
{
    struct route_report report;
    enum err_code rc = check_run(call, config->config, &report, err);

    if (rc != ERR_OK || report.errors == 0)
        return rc;
    for (unsigned i = 0; i < report.count; i++) {
        if (!report.items[i].warning)
            return err_set_field(err, ERR_INVALID, report.items[i].path, "%s",
                                 report.items[i].text);
    }
    return err_set_field(err, ERR_INVALID, "config", "%u errors", report.errors);
}

static enum err_code state_change(struct api_call *call, Kefu__V1__RoutingConfig *config, int state,
                                  struct store_change *change, struct err *err)
{
    config->state = state_text(call, state);
    if (state == PUBLISHED)
        config->published_at = api_timestamp(call, call->now_ms);
    change->op = STORE_UPDATE;
    change->kind = STORE_ROUTING_CONFIG;
    change->record.lookup = state == PUBLISHED ? SLICE_LITERAL("published") : SLICE_EMPTY;
    return api_encode(call->arena, &config->base, &change->record.body, err);
}

static enum err_code config_publish(struct api_call *call, struct err *err)
{
    struct store_change changes[4] = { 0 };
    struct api_commit commit = { .changes = changes, .action = "routing-configs.publish" };
    struct store_change *change = changes;
    Kefu__V1__RoutingConfig *config = NULL;
    Kefu__V1__RoutingConfig *before = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc = config_load(call, &record, &config, err);

    if (rc == ERR_OK)
        rc = publishable(call, config, err);
    if (rc == ERR_OK)
        rc = published_load(call, &change->record, &before, &found, err);
    if (rc == ERR_OK && found && change->record.id == call->id)
        return err_set_field(err, ERR_CONFLICT, "state", "is published already");
    if (rc == ERR_OK && found)
        rc = state_change(call, before, RETIRED, change++, err);
    if (rc != ERR_OK)
        return rc;
    change->record = record;
    rc = state_change(call, config, PUBLISHED, change++, err);
    if (rc != ERR_OK)
        return rc;
    commit.count = (size_t)(change - changes);
    commit.target = call->id;
    commit.before = found ? before->note : NULL;
    commit.after = config->note;
    config->id = record.id;
    config->version = record.version + 1;
    config->created_at = api_timestamp(call, record.created_at);
    call->answer = &config->base;
    rc = api_commit_run(call, &commit, err);
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_CONFLICT, "changed by someone else; read it again");
    if (rc == ERR_OK)
        call->reply->effects |= API_EFFECT_IN_FORCE;
    return rc;
}

/* ---- why ------------------------------------------------------------------------------------- */

/* Newest first. */
static enum err_code trace_list(struct api_call *call, struct err *err)
{
    struct store_record_query query = { .kind = STORE_ROUTING_TRACE,
                                        .workspace = call->who.workspace_id,
                                        .parent = call->id,
                                        .after = UINT64_MAX >> 1,
                                        .descending = true,
                                        .limit = TRACES_MAX };
    Kefu__V1__RoutingTraceList *list = api_message_new(call, call->route->reply, err);
    struct store_records records;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    rc = store_record_list(call->api->store, &query, call->arena, &records, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (records.n + 1) * sizeof(*list->items));
    if (list->items == NULL)
        return err_set(err, ERR_TOO_BIG, "reply too large");
    for (size_t i = 0; i < records.n && rc == ERR_OK; i++)
        rc = api_decode(&kefu__v1__routing_trace__descriptor, records.items[i].body, call->arena,
                        &list->items[i], err);
    list->n_items = records.n;
    call->answer = &list->base;
    return rc;
}

/* How it would be decided now, and what the agent asked about (?agent=) lacks. The desk knows. */
static enum err_code explain_get(struct api_call *call, struct err *err)
{
    (void)err;
    call->reply->explain =
        (struct api_explain){ .conv = call->id, .agent = api_query_u64(call, "agent") };
    call->reply->effects |= API_EFFECT_EXPLAIN;
    call->reply->who = call->who;
    return ERR_OK;
}

static const struct api_route routes[] = {
    { "GET", "/routing", NULL, &kefu__v1__routing_config__descriptor, PERM_ROUTING_READ,
      published_get, 0, &configs, "Read the routing configuration in force" },
    { "POST", "/routing-checks", &kefu__v1__routing_config__descriptor,
      &kefu__v1__routing_report__descriptor, PERM_ROUTING_READ, routing_check_post, API_NO_REPEAT,
      NULL, "Check a routing configuration that is not stored" },
    { "GET", "/routing-configs", NULL, &kefu__v1__routing_config_list__descriptor,
      PERM_ROUTING_READ, config_list, 0, &configs, "List versions of the routing configuration" },
    { "POST", "/routing-configs", &kefu__v1__routing_config__descriptor,
      &kefu__v1__routing_config__descriptor, PERM_ROUTING_WRITE, api_record_create, 0, &configs,
      "Make a draft" },
    { "GET", "/routing-configs/{id}", NULL, &kefu__v1__routing_config__descriptor,
      PERM_ROUTING_READ, api_record_get, 0, &configs, "Read a version" },
    { "PATCH", "/routing-configs/{id}", &kefu__v1__routing_config__descriptor,
      &kefu__v1__routing_config__descriptor, PERM_ROUTING_WRITE, api_record_patch, 0, &configs,
      "Change a draft" },
    { "DELETE", "/routing-configs/{id}", NULL, &kefu__v1__empty__descriptor, PERM_ROUTING_WRITE,
      config_delete, 0, &configs, "Delete a version that is not published" },
    { "POST", "/routing-configs/{id}/publish", &kefu__v1__empty__descriptor,
      &kefu__v1__routing_config__descriptor, PERM_ROUTING_WRITE, config_publish, 0, &configs,
      "Check and publish a version, or go back to it; answered when it is in force" },
    { "GET", "/conversations/{id}/routing-traces", NULL, &kefu__v1__routing_trace_list__descriptor,
      PERM_CONV_READ, trace_list, 0, NULL, "Why a conversation went to whom" },
    { "GET", "/conversations/{id}/routing", NULL, &kefu__v1__routing_trace__descriptor,
      PERM_CONV_READ, explain_get, 0, NULL, "How a conversation would be given away now" },
};

const struct api_routes api_routes_routing = { routes, LENGTH_OF(routes) };
