/* SPDX-License-Identifier: Apache-2.0 */
/* What a workspace's bot knows: its flows, the live model, the snapshot that answers. Making it is
 * nearly all of the work of a directory and most of its memory, so a mind is shared by all
 * directories in which the records that it is made of stand unchanged, and a compiled flow by all
 * minds in which its source does.
 *
 * A mind is made on a worker and only read from then on, on any thread. Who still needs it is
 * counted on shard 0 alone: a load takes parts over from the directory before, which shard 0 keeps
 * meanwhile, and mind_hold counts them when the load is done. */
#ifndef KEFU_SERVE_MIND_H
#define KEFU_SERVE_MIND_H

#include "bot.h"
#include "flow.h"
#include "learn.h"
#include "serve_rows.h"

/* A version that another one of its name replaced this long ago is let go. Conversations end or
 * begin anew within days (silence ends a flow after 48 h, a closed conversation is reopened within
 * 72 h); one that is still in such a flow goes to a person. */
#define MIND_FLOW_KEEP_MS (INT64_C(30) * 24 * 3600 * 1000)

struct mind_flow {
    uint64_t record, hash; /* of the source */
    uint64_t born;         /* the load that compiled it */
    uint32_t holders;      /* minds; on shard 0 only */
    struct flow *flow;
};

struct mind {
    uint64_t mark;            /* of all that it is made of: equal marks, equal minds */
    uint64_t born;            /* the load that made it */
    uint32_t holders;         /* directories; on shard 0 only */
    struct learn_model model; /* mapped; the bot reads it */
    struct bot *bot;
    struct mind_flow **parts; /* by record */
    size_t part_count;
    struct flow_set *flows;  /* published versions, and replaced ones: conversations are in them */
    struct flow_set *begins; /* published ones only: what the bot begins */
};

/* Of all workspaces. */
struct mind_rows {
    struct rows flows, faq, rules, intents;
    struct arena arena;
};
MUST_USE enum err_code mind_rows_load(struct store *store, struct mind_rows *out, struct err *err);
void mind_rows_free(struct mind_rows *rows);

struct mind_source {
    struct store *store;
    const char *models; /* folder of their files */
    uint64_t workspace;
    struct mind_rows *rows;
    const struct bot_site *sites;
    size_t site_count;
    uint64_t sites_mark;       /* changes with them */
    const struct mind *before; /* may be NULL */
    uint64_t load;             /* its number; higher than that of the load before */
    int64_t now_ms;
};

/* [worker] The mind before when nothing changed, else a new one with the flows that did not. */
MUST_USE enum err_code mind_make(const struct mind_source *source, const struct mind **out,
                                 struct err *err);
/* [worker] Undoes mind_make of that load: what was there before it stays. */
void mind_drop(const struct mind **mind, uint64_t load);

/* [shard 0] */
void mind_hold(const struct mind *mind);
void mind_release(const struct mind **mind);

#endif
