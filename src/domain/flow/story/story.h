/* SPDX-License-Identifier: Apache-2.0 */
/* Stories: tests of flows, written as conversations.
 *
 *     story: damaged item, refund by courier
 *     flow: returns@3
 *     given: {user.verified: true, policy: {return_days: 7}, now: 2026-03-02T10:00+08:00}
 *     mock: {order.get: {ok: {id: JD2603010001}}}
 *     steps:
 *       - {user: "我要退货，杯子碎了", expect: {state: ask_order, slot.reason: damaged}}
 *       - {pick: JD2603010001, expect: {state: ask_items}}
 *     fault: [{at: rma.create, inject: failed, expect: {handoff: after_sales}}]
 *
 * docs/reference/flows.md has all keys. A file holds one story, or several separated by lines of
 * `---`. Pure: the caller reads the files. */
#ifndef KEFU_STORY_H
#define KEFU_STORY_H

#include "buf.h"
#include "flow.h"

enum { STORY_FAILURES_MAX = 50, STORY_DOCS_MAX = 1000 };

/* Which rows of which flow were passed; of the flows that are in the set now. */
struct story_coverage;
struct story_coverage *story_coverage_create(const struct flow_set *set);
void story_coverage_destroy(struct story_coverage **coverage);
void story_coverage_count(const struct story_coverage *coverage, size_t *covered, size_t *total);
/* The index-th row of a flow: its line, and whether it was passed; false past the end. text: state
 * and outcome. */
bool story_coverage_row(const struct story_coverage *coverage, const struct flow *flow,
                        unsigned index, uint32_t *line, bool *covered, char *text, size_t size);
/* For flow_out.on_row. */
void story_coverage_on_row(void *coverage, const struct flow *flow, unsigned row);

struct story_failure {
    char file[160];
    char story[160];
    uint32_t line;
    unsigned step; /* from 1; 0: the story as a whole */
    char expected[200];
    char actual[200];
};
struct story_tally {
    size_t stories, passed, failed;
    size_t failure_count; /* kept, of all failed */
    unsigned state_bytes_max;
    struct story_failure failures[STORY_FAILURES_MAX];
};

/* Runs every story of a file. Problems of the file itself go to report. */
void story_run(const struct flow_set *set, struct slice source, const char *file,
               struct story_coverage *coverage, struct story_tally *tally,
               struct flow_report *report);

/* Does the file hold stories (or a flow)? By its first key. */
enum story_file_kind { STORY_FILE_OTHER, STORY_FILE_FLOW, STORY_FILE_STORY };
enum story_file_kind story_file_kind(struct slice source);

/* Adds a stand-in for every flow that is called and not there, see story_stub.c. */
void story_stubs_add(struct flow_set *set);

/* ---- generated stories ---- */
struct story_paths {
    unsigned stories;
    size_t covered, total; /* rows of the flow */
    unsigned runs;         /* tried */
};
/* Covering stories of one flow as source text (documents in a row), found by seeded random walks
 * that prefer what was not seen yet. channel and locale: NULL for web and the flow's first. */
void story_paths_generate(const struct flow_set *set, const struct flow *flow, const char *channel,
                          const char *locale, uint64_t seed, struct buf *out,
                          struct story_paths *result);

struct story_combinations {
    unsigned flows, composing;
    unsigned scenarios, passed; /* flow x channel x locale x outcome, and the rest of (b) */
    unsigned interrupt_pairs, pairs_passed;
    unsigned digressions, corrections;       /* among the scenarios */
    unsigned value_pairs, value_pairs_total; /* of enums that are filled together */
    size_t rows_covered, rows_total;
    char first_failure[512];
};
void story_combine(const struct flow_set *set, uint64_t seed, struct story_combinations *out);

/* ---- random flows ---- */
struct story_random {
    unsigned accepted, refused, without_reason;
    unsigned dead_ends, endless, refused_steps; /* of the walks through accepted ones */
    size_t bytes;                               /* of the accepted ones */
};
void story_random_flow(uint64_t seed, struct buf *out); /* source text */
/* Makes, compiles and walks so many. */
void story_random_check(unsigned count, uint64_t seed, struct story_random *result);

#endif
