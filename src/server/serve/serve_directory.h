/* SPDX-License-Identifier: Apache-2.0 */
/* What every shard must know without asking: sites, agents and the bots' minds. Immutable once
 * loaded; a change makes a new one, which is handed to the shards by message (serve_node.c) and
 * shares with the one before what did not change. Any thread may read. */
#ifndef KEFU_SERVE_DIRECTORY_H
#define KEFU_SERVE_DIRECTORY_H

#include "arena.h"
#include "bot.h"
#include "id.h"
#include "routing.h"
#include "serve_mind.h"
#include "store.h"

#include "kefu/v1/action.pb-c.h"
#include "kefu/v1/api.pb-c.h"
#include "kefu/v1/flow.pb-c.h"

enum {
    DIRECTORY_ARENA_MAX = 256 * 1024 * 1024, /* decoded rows of all kinds that stay */
};

struct directory_site {
    struct workspace_id workspace;
    uint32_t crc; /* of its record */
    const Kefu__V1__Site *site;
};

struct directory_agent {
    struct workspace_id workspace;
    const Kefu__V1__Agent *agent; /* disabled ones too */
};

struct directory_workspace {
    struct workspace_id id;
    const struct mind *mind;          /* shared */
    struct routing *routing;          /* the published one, or the default */
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
    uint64_t load;    /* the how-manieth since the start */
    uint32_t holders; /* shards that read it, and a load that takes from it; on shard 0 only */
    bool held;        /* its minds are counted */
};

struct directory_source {
    struct store *store;
    const char *models;             /* folder of their files */
    int64_t now_ms;                 /* wall clock */
    const struct directory *before; /* held meanwhile; may be NULL */
};

/* [worker] Reads everything from the store; makes the minds that changed. */
MUST_USE enum err_code directory_load(const struct directory_source *source, struct directory **out,
                                      struct err *err);
/* [shard 0, or alone] Before anybody reads it and before `before` is let go: so many will release
 * it. */
void directory_hold(struct directory *directory, uint32_t holders);
/* [shard 0] The last one destroys it. */
void directory_release(struct directory **directory);
/* [shard 0, or alone] Whoever still holds it. One that was never held gives back what its own load
 * made. */
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
