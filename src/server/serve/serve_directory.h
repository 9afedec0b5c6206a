/* SPDX-License-Identifier: Apache-2.0 */
/* What every shard must know without asking: sites, agents and the bots' snapshots. Immutable once
 * loaded; a change makes a new one, which is handed to the shards by message (serve_node.h). Any
 * thread may read. */
#ifndef KEFU_SERVE_DIRECTORY_H
#define KEFU_SERVE_DIRECTORY_H

#include "arena.h"
#include "bot.h"
#include "flow.h"
#include "id.h"
#include "routing.h"
#include "learn.h"
#include "store.h"

#include "kefu/v1/action.pb-c.h"
#include "kefu/v1/api.pb-c.h"
#include "kefu/v1/flow.pb-c.h"

enum {
    DIRECTORY_ROWS_MAX = 100 * 1000,         /* of one kind: as many FAQ entries as a bot takes */
    DIRECTORY_ARENA_MAX = 256 * 1024 * 1024, /* decoded rows of all kinds */
};

struct directory_site {
    struct workspace_id workspace;
    const Kefu__V1__Site *site;
};

struct directory_agent {
    struct workspace_id workspace;
    const Kefu__V1__Agent *agent; /* disabled ones too */
};

struct directory_workspace {
    struct workspace_id id;
    struct learn_model model; /* mapped; the bot reads it */
    struct bot *bot;
    struct routing *routing; /* the published one, or the default */
    struct flow_set *flows;  /* published versions, and retired ones: conversations are in them */
    struct flow_set *begins; /* published ones only: what the bot begins; may be `flows` itself */
    const Kefu__V1__Action **actions; /* disabled ones too */
    size_t action_count;
    const Kefu__V1__Secret **secrets; /* sealed */
    size_t secret_count;
    const Kefu__V1__FlowValue **values;
    size_t value_count;
};

struct directory {
    struct directory_site *sites; /* by id */
    size_t site_count;
    struct directory_agent *agents; /* by id */
    size_t agent_count;
    struct directory_workspace *workspaces; /* by id; those that have a site or an agent */
    size_t workspace_count;
    struct arena arena;
    uint32_t holders; /* shards that read it; counted on shard 0 only */
};

/* [worker] Reads everything from the store and builds the bots; models: folder of their files. */
MUST_USE enum err_code directory_load(struct store *store, const char *models,
                                      struct directory **out, struct err *err);
void directory_destroy(struct directory **directory);

const struct directory_site *directory_site_by_id(const struct directory *directory, uint64_t id);
const struct directory_site *directory_site_by_key(const struct directory *directory,
                                                   struct slice key);
const struct directory_agent *directory_agent_by_id(const struct directory *directory, uint64_t id);
/* NULL: no such workspace. Not const: its desk takes a configuration from it. */
struct routing *directory_routing(const struct directory *directory, struct workspace_id workspace);
/* NULL: no such workspace. */
const struct directory_workspace *directory_workspace_by_id(const struct directory *directory,
                                                            struct workspace_id id);
/* NULL: none of that name. */
const Kefu__V1__Action *directory_action(const struct directory_workspace *workspace,
                                         struct slice name);
const Kefu__V1__Secret *directory_secret(const struct directory_workspace *workspace,
                                         struct slice name);
const Kefu__V1__FlowValue *directory_value(const struct directory_workspace *workspace,
                                           struct slice name);
/* NULL: no such workspace. */
const struct bot *directory_bot(const struct directory *directory, struct workspace_id workspace);

#endif
