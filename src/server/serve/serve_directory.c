/* SPDX-License-Identifier: Apache-2.0 */
/* Loading is linear in the rows and runs on a worker; shards meanwhile answer from the snapshot
 * that they have. */
#include "serve_directory.h"

#include <stdlib.h>

#include "flow_host.h"
#include "log.h"
#include "mem.h"
#include "schema.h"

struct rows {
    struct store_record *items;
    size_t count, cap;
};

static enum err_code rows_load(struct store *store, enum store_kind kind, struct arena *arena,
                               struct rows *rows, struct err *err)
{
    struct store_record_query query = { .kind = kind, .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };

    while (page.more) {
        enum err_code rc = store_record_list(store, &query, arena, &page, err);

        if (rc != ERR_OK)
            return rc;
        if (rows->count + page.n > DIRECTORY_ROWS_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d rows of %s", DIRECTORY_ROWS_MAX,
                           store_kind_name(kind));
        if (rows->count + page.n > rows->cap) {
            rows->cap = (rows->count + page.n) * 2;
            rows->items = mem_realloc(rows->items, rows->cap * sizeof(*rows->items));
        }
        for (size_t i = 0; i < page.n; i++)
            rows->items[rows->count++] = page.items[i];
        if (page.n > 0)
            query.after = page.items[page.n - 1].id;
    }
    return ERR_OK;
}

static enum err_code row_decode(const struct store_record *row,
                                const ProtobufCMessageDescriptor *desc, struct arena *arena,
                                void *out, struct err *err)
{
    ProtobufCMessage *msg = NULL;
    enum err_code rc = schema_proto_decode(desc, row->body, arena, &msg, err);

    memcpy(out, &msg, sizeof(msg));
    return rc;
}

static struct directory_workspace *workspace_obtain(struct directory *directory, uint64_t id)
{
    struct directory_workspace *room;

    for (size_t i = 0; i < directory->workspace_count; i++) {
        if (directory->workspaces[i].id.v == id)
            return &directory->workspaces[i];
    }
    directory->workspaces = mem_realloc(directory->workspaces, (directory->workspace_count + 1) *
                                                                   sizeof(*directory->workspaces));
    room = &directory->workspaces[directory->workspace_count++];
    *room = (struct directory_workspace){ .id = { id } };
    return room;
}

static enum err_code sites_load(struct directory *directory, struct store *store, struct err *err)
{
    struct rows rows = { 0 };
    enum err_code rc = rows_load(store, STORE_SITE, &directory->arena, &rows, err);

    directory->sites = mem_zalloc((rows.count + 1) * sizeof(*directory->sites));
    for (size_t i = 0; rc == ERR_OK && i < rows.count; i++) {
        Kefu__V1__Site *site = NULL;

        rc = row_decode(&rows.items[i], &kefu__v1__site__descriptor, &directory->arena, &site, err);
        if (rc != ERR_OK)
            break;
        site->id = rows.items[i].id;
        directory->sites[directory->site_count++] =
            (struct directory_site){ { rows.items[i].workspace }, site };
        workspace_obtain(directory, rows.items[i].workspace);
    }
    free(rows.items);
    return rc;
}

static enum err_code agents_load(struct directory *directory, struct store *store, struct err *err)
{
    struct rows rows = { 0 };
    enum err_code rc = rows_load(store, STORE_AGENT, &directory->arena, &rows, err);

    directory->agents = mem_zalloc((rows.count + 1) * sizeof(*directory->agents));
    for (size_t i = 0; rc == ERR_OK && i < rows.count; i++) {
        Kefu__V1__AgentRecord *record = NULL;

        rc = row_decode(&rows.items[i], &kefu__v1__agent_record__descriptor, &directory->arena,
                        &record, err);
        if (rc != ERR_OK)
            break;
        if (record->agent == NULL)
            continue;
        record->agent->id = rows.items[i].id;
        record->password_hash = NULL; /* nothing here needs it */
        directory->agents[directory->agent_count++] =
            (struct directory_agent){ { rows.items[i].workspace }, record->agent };
        workspace_obtain(directory, rows.items[i].workspace);
    }
    free(rows.items);
    return rc;
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void flow_bad(void *ctx, size_t at, const struct flow_finding *why)
{
    const struct directory_workspace *workspace = ctx;

    (void)at;
    LOG_ERROR("flow_not_usable", KV_ID("workspace", workspace->id.v), KV_U64("line", why->line),
              KV_TEXT("error", why->text));
}

static enum err_code flows_build(struct directory_workspace *workspace, const struct rows *rows,
                                 struct arena *arena, struct err *err)
{
    struct slice *all = mem_zalloc((rows->count + 1) * sizeof(*all));
    struct slice *published = mem_zalloc((rows->count + 1) * sizeof(*published));
    size_t all_count = 0;
    size_t published_count = 0;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < rows->count && rc == ERR_OK; i++) {
        Kefu__V1__Flow *flow = NULL;

        if (rows->items[i].workspace != workspace->id.v)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__flow__descriptor, arena, &flow, err);
        if (rc != ERR_OK || strcmp(flow->state, "draft") == 0)
            continue;
        all[all_count++] = slice_of(flow->source);
        if (strcmp(flow->state, "published") == 0)
            published[published_count++] = slice_of(flow->source);
    }
    if (rc == ERR_OK) {
        workspace->flows = flow_host_set(all, all_count, flow_bad, workspace);
        /* Mostly they are the same; compiling is most of a load. */
        workspace->begins = published_count < all_count
                                ? flow_host_set(published, published_count, NULL, NULL)
                                : workspace->flows;
    }
    free(all);
    free(published);
    return rc;
}

/* The rows of one workspace, decoded into the directory's arena. */
static enum err_code records_fill(struct directory *directory, uint64_t workspace,
                                  const struct rows *rows, const ProtobufCMessageDescriptor *desc,
                                  void *list, size_t *count, struct err *err)
{
    const ProtobufCMessage **items =
        arena_zalloc(&directory->arena, (rows->count + 1) * sizeof(*items));
    enum err_code rc = ERR_OK;

    if (items == NULL)
        return err_set(err, ERR_TOO_BIG, "the directory is full");
    for (size_t i = 0; i < rows->count && rc == ERR_OK; i++) {
        if (rows->items[i].workspace == workspace)
            rc = row_decode(&rows->items[i], desc, &directory->arena, &items[(*count)++], err);
    }
    memcpy(list, &items, sizeof(items));
    return rc;
}

static enum err_code flows_load(struct directory *directory, struct store *store, struct err *err)
{
    struct rows flows = { 0 };
    struct rows actions = { 0 };
    struct rows secrets = { 0 };
    struct rows values = { 0 };
    struct arena arena; /* sources, which the sets keep in their own way */
    enum err_code rc;

    arena_init(&arena, DIRECTORY_ARENA_MAX);
    rc = rows_load(store, STORE_FLOW, &arena, &flows, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_ACTION, &directory->arena, &actions, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_SECRET, &directory->arena, &secrets, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_FLOW_VALUE, &directory->arena, &values, err);
    for (size_t i = 0; rc == ERR_OK && i < directory->workspace_count; i++) {
        struct directory_workspace *workspace = &directory->workspaces[i];
        uint64_t id = workspace->id.v;

        rc = flows_build(workspace, &flows, &arena, err);
        if (rc == ERR_OK)
            rc = records_fill(directory, id, &actions, &kefu__v1__action__descriptor,
                              &workspace->actions, &workspace->action_count, err);
        if (rc == ERR_OK)
            rc = records_fill(directory, id, &secrets, &kefu__v1__secret__descriptor,
                              &workspace->secrets, &workspace->secret_count, err);
        if (rc == ERR_OK)
            rc = records_fill(directory, id, &values, &kefu__v1__flow_value__descriptor,
                              &workspace->values, &workspace->value_count, err);
    }
    arena_fini(&arena);
    free(flows.items);
    free(actions.items);
    free(secrets.items);
    free(values.items);
    return rc;
}

/* ---- bots ------------------------------------------------------------------------------------ */

static struct slice *slices_of(char **texts, size_t n, struct arena *arena)
{
    struct slice *out = arena_alloc(arena, (n + 1) * sizeof(*out));

    for (size_t i = 0; out != NULL && i < n; i++)
        out[i] = slice_of(texts[i]);
    return out;
}

static enum err_code faq_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                              struct bot_faq *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__FaqEntry *entry = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__faq_entry__descriptor, arena, &entry, err);
        if (rc != ERR_OK)
            return rc;
        if (entry->disabled)
            continue;
        out[(*count)++] = (struct bot_faq){
            .id = rows->items[i].id,
            .locale = slice_of(entry->locale),
            .question = slice_of(entry->question),
            .variants = slices_of(entry->variants, entry->n_variants, arena),
            .variant_count = entry->n_variants,
            .answer = slice_of(entry->answer),
        };
    }
    return ERR_OK;
}

static enum err_code rules_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                                struct bot_rule *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__Rule *rule = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__rule__descriptor, arena, &rule, err);
        if (rc != ERR_OK)
            return rc;
        if (rule->disabled)
            continue;
        out[(*count)++] = (struct bot_rule){
            .id = rows->items[i].id,
            .name = slice_of(rule->name),
            .locale = slice_of(rule->locale),
            .any = slices_of(rule->any, rule->n_any, arena),
            .any_count = rule->n_any,
            .all = slices_of(rule->all, rule->n_all, arena),
            .all_count = rule->n_all,
            .none = slices_of(rule->none, rule->n_none, arena),
            .none_count = rule->n_none,
            .condition = slice_of(rule->condition),
            .priority = rule->priority,
            .sites = rule->site_ids,
            .site_count = rule->n_site_ids,
            .active = slice_of(rule->active),
            .hours = slice_of(rule->hours),
            .answer = slice_of(rule->answer),
            .flow = slice_of(rule->flow),
            .handoff = rule->handoff,
        };
        if (!bot_action_parse(slice_of(rule->action), &out[*count - 1].action) ||
            !bot_disguise_parse(slice_of(rule->disguise), &out[*count - 1].disguise))
            return err_set(err, ERR_CORRUPT, "rule %llu: action or disguise is not known",
                           (unsigned long long)rows->items[i].id);
    }
    return ERR_OK;
}

static enum err_code intents_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                                  struct bot_intent *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__Intent *intent = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__intent__descriptor, arena, &intent, err);
        if (rc != ERR_OK)
            return rc;
        if (intent->disabled)
            continue;
        out[(*count)++] = (struct bot_intent){
            .id = rows->items[i].id,
            .name = slice_of(intent->name),
            .title_zh = slice_of(intent->title_zh),
            .title_en = slice_of(intent->title_en),
            .answer_zh = slice_of(intent->answer_zh),
            .answer_en = slice_of(intent->answer_en),
            .handoff = intent->handoff,
        };
    }
    return ERR_OK;
}

static size_t bot_sites_fill(const struct directory *directory, uint64_t workspace,
                             struct arena *arena, struct bot_site *out)
{
    size_t n = 0;

    for (size_t i = 0; i < directory->site_count; i++) {
        const Kefu__V1__Site *site = directory->sites[i].site;
        struct bot_rung_setting *ladder;

        if (directory->sites[i].workspace.v != workspace)
            continue;
        ladder = arena_zalloc(arena, (site->n_ladder + 1) * sizeof(*ladder));
        for (size_t at = 0; ladder != NULL && at < site->n_ladder; at++) {
            ladder[at] =
                (struct bot_rung_setting){ slice_of(site->ladder[at]->rung), site->ladder[at]->off,
                                           site->ladder[at]->threshold };
        }
        out[n++] = (struct bot_site){
            .id = site->id,
            .bot_off = !site->bot_enabled,
            .greeting_zh = slice_of(site->greeting_zh),
            .greeting_en = slice_of(site->greeting_en),
            .ladder = ladder,
            .ladder_count = ladder != NULL ? site->n_ladder : 0,
        };
    }
    return n;
}

/* What bots are made of, of all workspaces. */
struct bot_rows {
    struct rows faq, rules, intents;
    struct arena arena; /* the bots copy what they keep */
};

static enum err_code bot_build(struct directory *directory, struct directory_workspace *workspace,
                               struct bot_rows *rows, struct err *err)
{
    struct bot_faq *faq = mem_zalloc((rows->faq.count + 1) * sizeof(*faq));
    struct bot_rule *rules = mem_zalloc((rows->rules.count + 1) * sizeof(*rules));
    struct bot_intent *intents = mem_zalloc((rows->intents.count + 1) * sizeof(*intents));
    struct bot_site *sites = mem_zalloc((directory->site_count + 1) * sizeof(*sites));
    struct bot_source source = { .faq = faq,
                                 .rules = rules,
                                 .intents = intents,
                                 .model = workspace->model.model,
                                 .flows = workspace->begins,
                                 .sites = sites };
    uint64_t id = workspace->id.v;
    enum err_code rc = faq_fill(&rows->faq, id, &rows->arena, faq, &source.faq_count, err);

    if (rc == ERR_OK)
        rc = rules_fill(&rows->rules, id, &rows->arena, rules, &source.rule_count, err);
    if (rc == ERR_OK)
        rc = intents_fill(&rows->intents, id, &rows->arena, intents, &source.intent_count, err);
    if (rc == ERR_OK) {
        source.site_count = bot_sites_fill(directory, id, &rows->arena, sites);
        rc = bot_create(&source, &workspace->bot, err);
    }
    free(faq);
    free(rules);
    free(intents);
    free(sites);
    return rc;
}

static enum err_code bots_load(struct directory *directory, struct store *store, const char *models,
                               struct err *err)
{
    struct bot_rows rows = { 0 };
    enum err_code rc;

    arena_init(&rows.arena, DIRECTORY_ARENA_MAX);
    rc = rows_load(store, STORE_FAQ_ENTRY, &rows.arena, &rows.faq, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_RULE, &rows.arena, &rows.rules, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_INTENT, &rows.arena, &rows.intents, err);
    for (size_t i = 0; rc == ERR_OK && i < directory->workspace_count; i++) {
        struct directory_workspace *workspace = &directory->workspaces[i];

        rc = learn_live_open(store, models, workspace->id.v, &workspace->model, err);
        if (rc == ERR_OK)
            rc = bot_build(directory, workspace, &rows, err);
    }
    arena_fini(&rows.arena);
    free(rows.faq.items);
    free(rows.rules.items);
    free(rows.intents.items);
    return rc;
}

/* ---- routing --------------------------------------------------------------------------------- */

static enum err_code published_find(struct store *store, uint64_t workspace, struct arena *arena,
                                    struct slice *config, struct err *err)
{
    Kefu__V1__RoutingConfig *msg = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc =
        store_record_by_lookup(store, STORE_ROUTING_CONFIG, workspace, SLICE_LITERAL("published"),
                               arena, &record, &found, err);

    if (rc == ERR_OK && found)
        rc = row_decode(&record, &kefu__v1__routing_config__descriptor, arena, &msg, err);
    *config = msg != NULL ? slice_of(msg->config) : SLICE_EMPTY;
    return rc;
}

/* A configuration that was published once and cannot be used is not a reason to route nothing. */
static void routing_build(const struct directory *directory, struct directory_workspace *workspace,
                          struct slice config)
{
    const Kefu__V1__Agent **agents =
        mem_alloc((directory->agent_count + 1) * sizeof(const Kefu__V1__Agent *));
    struct routing_source source = { .config = config, .agents = agents };
    struct route_report report;

    for (size_t i = 0; i < directory->agent_count; i++) {
        if (directory->agents[i].workspace.v == workspace->id.v)
            agents[source.agent_count++] = directory->agents[i].agent;
    }
    if (!routing_create(&source, &workspace->routing, &report)) {
        LOG_ERROR("routing_not_usable", KV_ID("workspace", workspace->id.v),
                  KV_TEXT("path", report.items[0].path), KV_TEXT("error", report.items[0].text));
        source.config = SLICE_EMPTY;
        source.plain = true;
        ENSURE(routing_create(&source, &workspace->routing, &report));
    }
    free(agents);
}

static enum err_code routings_load(struct directory *directory, struct store *store,
                                   struct err *err)
{
    enum err_code rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < directory->workspace_count; i++) {
        struct arena arena;
        struct slice config;

        arena_init(&arena, DIRECTORY_ARENA_MAX);
        rc = published_find(store, directory->workspaces[i].id.v, &arena, &config, err);
        if (rc == ERR_OK)
            routing_build(directory, &directory->workspaces[i], config);
        arena_fini(&arena);
    }
    return rc;
}

enum err_code directory_load(struct store *store, const char *models, struct directory **out,
                             struct err *err)
{
    struct directory *directory = mem_zalloc(sizeof(*directory));
    enum err_code rc;

    arena_init(&directory->arena, DIRECTORY_ARENA_MAX);
    rc = sites_load(directory, store, err);
    if (rc == ERR_OK)
        rc = agents_load(directory, store, err);
    if (rc == ERR_OK)
        rc = flows_load(directory, store, err);
    if (rc == ERR_OK)
        rc = bots_load(directory, store, models, err);
    if (rc == ERR_OK)
        rc = routings_load(directory, store, err);
    if (rc != ERR_OK) {
        directory_destroy(&directory);
        return rc;
    }
    *out = directory;
    return ERR_OK;
}

void directory_destroy(struct directory **directory)
{
    if (*directory == NULL)
        return;
    for (size_t i = 0; i < (*directory)->workspace_count; i++) {
        bot_destroy(&(*directory)->workspaces[i].bot);
        routing_destroy(&(*directory)->workspaces[i].routing);
        learn_model_close(&(*directory)->workspaces[i].model);
        if ((*directory)->workspaces[i].begins != (*directory)->workspaces[i].flows)
            flow_set_destroy(&(*directory)->workspaces[i].begins);
        flow_set_destroy(&(*directory)->workspaces[i].flows);
    }
    free((*directory)->workspaces);
    free((*directory)->sites);
    free((*directory)->agents);
    arena_fini(&(*directory)->arena);
    free(*directory);
    *directory = NULL;
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* Records come by id, so both arrays are sorted. */
const struct directory_site *directory_site_by_id(const struct directory *directory, uint64_t id)
{
    size_t low = 0;
    size_t high = directory->site_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (directory->sites[middle].site->id == id)
            return &directory->sites[middle];
        if (directory->sites[middle].site->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct directory_site *directory_site_by_key(const struct directory *directory,
                                                   struct slice key)
{
    for (size_t i = 0; i < directory->site_count; i++) {
        if (slice_equal_text(key, directory->sites[i].site->key))
            return &directory->sites[i];
    }
    return NULL;
}

const struct directory_agent *directory_agent_by_id(const struct directory *directory, uint64_t id)
{
    size_t low = 0;
    size_t high = directory->agent_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (directory->agents[middle].agent->id == id)
            return &directory->agents[middle];
        if (directory->agents[middle].agent->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct routing *directory_routing(const struct directory *directory, struct workspace_id workspace)
{
    for (size_t i = 0; i < directory->workspace_count; i++) {
        if (directory->workspaces[i].id.v == workspace.v)
            return directory->workspaces[i].routing;
    }
    return NULL;
}

const struct bot *directory_bot(const struct directory *directory, struct workspace_id workspace)
{
    for (size_t i = 0; i < directory->workspace_count; i++) {
        if (directory->workspaces[i].id.v == workspace.v)
            return directory->workspaces[i].bot;
    }
    return NULL;
}

const struct directory_workspace *directory_workspace_by_id(const struct directory *directory,
                                                            struct workspace_id id)
{
    for (size_t i = 0; i < directory->workspace_count; i++) {
        if (directory->workspaces[i].id.v == id.v)
            return &directory->workspaces[i];
    }
    return NULL;
}

const Kefu__V1__Action *directory_action(const struct directory_workspace *workspace,
                                         struct slice name)
{
    for (size_t i = 0; i < workspace->action_count; i++) {
        if (slice_equal_text(name, workspace->actions[i]->name))
            return workspace->actions[i];
    }
    return NULL;
}

const Kefu__V1__Secret *directory_secret(const struct directory_workspace *workspace,
                                         struct slice name)
{
    for (size_t i = 0; i < workspace->secret_count; i++) {
        if (slice_equal_text(name, workspace->secrets[i]->name))
            return workspace->secrets[i];
    }
    return NULL;
}

const Kefu__V1__FlowValue *directory_value(const struct directory_workspace *workspace,
                                           struct slice name)
{
    for (size_t i = 0; i < workspace->value_count; i++) {
        if (slice_equal_text(name, workspace->values[i]->name))
            return workspace->values[i];
    }
    return NULL;
}
