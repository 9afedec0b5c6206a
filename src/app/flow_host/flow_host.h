/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace's side of flows: sources made into one set, a source checked against the others and
 * by its stories, and its number changed when it is published.
 *
 * Pure; any thread. Compiling takes about a millisecond a flow: for workers. */
#ifndef KEFU_FLOW_HOST_H
#define KEFU_FLOW_HOST_H

#include "buf.h"
#include "flow.h"
#include "story.h"

enum {
    FLOW_HOST_NAME_MAX = 64,
    FLOW_HOST_TITLE_MAX = 120,
    FLOW_HOST_FLOWS_MAX = 10000, /* of a workspace, all versions */
};

struct flow_host_head {
    char name[FLOW_HOST_NAME_MAX + 1];
    char title[FLOW_HOST_TITLE_MAX + 1];
    unsigned number;
    bool begins; /* has a start; else it is only called */
};
/* What a source says of itself, though the rest may be wrong. false: not even that; err says where.
 */
MUST_USE bool flow_host_head(struct slice source, struct flow_host_head *out, struct err *err);
/* The flow of the first story of a file; empty: none is named. */
void flow_host_story_flow(struct slice source, char out[FLOW_HOST_NAME_MAX + 1]);

/* All that compile. `bad` is told of the others; may be NULL. Never NULL. */
struct flow_set *flow_host_set(const struct slice *sources, size_t count,
                               void (*bad)(void *ctx, size_t at, const struct flow_finding *why),
                               void *ctx);

struct flow_host_story {
    struct slice name, source;
};
enum { FLOW_HOST_GAPS_MAX = 200 }; /* as many as a person looks at */
struct flow_host_gap {
    uint32_t line;
    char text[120];
};
struct flow_host_check {
    struct flow_report report; /* of the source */
    struct flow_facts facts;
    struct story_tally tally;
    size_t rows_covered;
    struct flow_host_gap gaps[FLOW_HOST_GAPS_MAX]; /* rows that no story passed */
    size_t gap_count;
    bool ok;           /* no error, no story failed */
    struct flow *flow; /* NULL: an error; to be destroyed by the caller */
};
/* `others`: the sources that it may call, one version of each. out is large: not for the stack. */
void flow_host_check_run(struct slice source, const struct slice *others, size_t other_count,
                         const struct flow_host_story *stories, size_t story_count,
                         struct flow_host_check *out);

/* The source with that number as its version. false: it has no version line. */
MUST_USE bool flow_host_renumber(struct slice source, unsigned number, struct buf *out);

#endif
