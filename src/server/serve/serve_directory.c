/* SPDX-License-Identifier: Apache-2.0 */
/* Loading is linear in the rows and runs on a worker; shards meanwhile answer from the snapshot
 * that they have. What takes time, the bots, is made anew only where it changed. */
#include "serve_directory.h"

#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "hash.h"
#include "log.h"
#include "mem.h"
#include "schema.h"
#include "serve_rows.h"

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
            (struct directory_site){ { rows.items[i].workspace },
                                     crc32c(0, rows.items[i].body.ptr, rows.items[i].body.len),
                                     site };
        workspace_obtain(directory, rows.items[i].workspace);
    }
    rows_free(&rows);
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
    rows_free(&rows);
    return rc;
}

/* ---- what flows use ----------------------------------------------------------------------- */

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

static enum err_code records_load(struct directory *directory, struct store *store, struct err *err)
{
    struct rows actions = { 0 };
    struct rows secrets = { 0 };
    struct rows values = { 0 };
    enum err_code rc = rows_load(store, STORE_ACTION, &directory->arena, &actions, err);

    if (rc == ERR_OK)
        rc = rows_load(store, STORE_SECRET, &directory->arena, &secrets, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_FLOW_VALUE, &directory->arena, &values, err);
    for (size_t i = 0; rc == ERR_OK && i < directory->workspace_count; i++) {
        struct directory_workspace *workspace = &directory->workspaces[i];
        uint64_t id = workspace->id.v;

        rc = records_fill(directory, id, &actions, &kefu__v1__action__descriptor,
                          &workspace->actions, &workspace->action_count, err);
        if (rc == ERR_OK)
            rc = records_fill(directory, id, &secrets, &kefu__v1__secret__descriptor,
                              &workspace->secrets, &workspace->secret_count, err);
        if (rc == ERR_OK)
            rc = records_fill(directory, id, &values, &kefu__v1__flow_value__descriptor,
                              &workspace->values, &workspace->value_count, err);
    }
    rows_free(&actions);
    rows_free(&secrets);
    rows_free(&values);
    return rc;
}

/* ---- bots ------------------------------------------------------------------------------------ */

static struct bot_rung_setting *ladder_of(const Kefu__V1__Site *site, struct arena *arena)
{
    struct bot_rung_setting *ladder = arena_zalloc(arena, (site->n_ladder + 1) * sizeof(*ladder));

    for (size_t at = 0; ladder != NULL && at < site->n_ladder; at++) {
        ladder[at] =
            (struct bot_rung_setting){ slice_of(site->ladder[at]->rung), site->ladder[at]->off,
                                       site->ladder[at]->threshold };
    }
    return ladder;
}

/* Into source->sites and what goes with them; the bots copy what they keep. */
static enum err_code sites_fill(const struct directory *directory, struct mind_source *source,
                                struct err *err)
{
    struct arena *arena = &source->rows->arena;
    struct bot_site *sites = arena_zalloc(arena, (directory->site_count + 1) * sizeof(*sites));

    if (sites == NULL)
        return err_set(err, ERR_TOO_BIG, "too many sites");
    source->sites = sites;
    source->site_count = 0;
    source->sites_mark = 0;
    for (size_t i = 0; i < directory->site_count; i++) {
        const struct directory_site *row = &directory->sites[i];
        struct bot_rung_setting *ladder;

        if (row->workspace.v != source->workspace)
            continue;
        ladder = ladder_of(row->site, arena);
        source->sites_mark = hash_u64(source->sites_mark, row->site->id);
        source->sites_mark = hash_u64(source->sites_mark, row->crc);
        sites[source->site_count++] = (struct bot_site){
            .id = row->site->id,
            .bot_off = !row->site->bot_enabled,
            .greeting_zh = slice_of(row->site->greeting_zh),
            .greeting_en = slice_of(row->site->greeting_en),
            .ladder = ladder,
            .ladder_count = ladder != NULL ? row->site->n_ladder : 0,
        };
    }
    return ERR_OK;
}

static enum err_code minds_load(struct directory *directory, const struct directory_source *from,
                                struct err *err)
{
    struct mind_rows rows;
    struct mind_source source = { .store = from->store,
                                  .models = from->models,
                                  .rows = &rows,
                                  .load = directory->load,
                                  .now_ms = from->now_ms };
    enum err_code rc = mind_rows_load(from->store, &rows, err);

    for (size_t i = 0; rc == ERR_OK && i < directory->workspace_count; i++) {
        struct directory_workspace *workspace = &directory->workspaces[i];
        const struct directory_workspace *before =
            from->before != NULL ? directory_workspace_by_id(from->before, workspace->id) : NULL;

        source.workspace = workspace->id.v;
        source.before = before != NULL ? before->mind : NULL;
        rc = sites_fill(directory, &source, err);
        if (rc == ERR_OK)
            rc = mind_make(&source, &workspace->mind, err);
    }
    mind_rows_free(&rows);
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

enum err_code directory_load(const struct directory_source *source, struct directory **out,
                             struct err *err)
{
    struct directory *directory = mem_zalloc(sizeof(*directory));
    enum err_code rc;

    directory->load = source->before != NULL ? source->before->load + 1 : 1;
    arena_init(&directory->arena, DIRECTORY_ARENA_MAX);
    rc = sites_load(directory, source->store, err);
    if (rc == ERR_OK)
        rc = agents_load(directory, source->store, err);
    if (rc == ERR_OK)
        rc = records_load(directory, source->store, err);
    if (rc == ERR_OK)
        rc = minds_load(directory, source, err);
    if (rc == ERR_OK)
        rc = routings_load(directory, source->store, err);
    if (rc != ERR_OK) {
        directory_destroy(&directory);
        return rc;
    }
    *out = directory;
    return ERR_OK;
}

void directory_hold(struct directory *directory, uint32_t holders)
{
    ENSURE(directory->holders == 0 && holders > 0);
    directory->holders = holders;
    directory->held = true;
    for (size_t i = 0; i < directory->workspace_count; i++)
        mind_hold(directory->workspaces[i].mind);
}

void directory_release(struct directory **directory)
{
    ENSURE((*directory)->holders > 0);
    if (--(*directory)->holders == 0)
        directory_destroy(directory);
    *directory = NULL;
}

void directory_destroy(struct directory **directory)
{
    struct directory *self = *directory;

    *directory = NULL;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->workspace_count; i++) {
        if (self->held)
            mind_release(&self->workspaces[i].mind);
        else
            mind_drop(&self->workspaces[i].mind, self->load);
        routing_destroy(&self->workspaces[i].routing);
    }
    free(self->workspaces);
    free(self->sites);
    free(self->agents);
    arena_fini(&self->arena);
    free(self);
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
            return directory->workspaces[i].mind->bot;
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
