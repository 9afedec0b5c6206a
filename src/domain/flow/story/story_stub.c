/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-ins for flows that a set calls and does not have, so that one file can be tested alone. A
 * stand-in asks nothing and ends at once, with the exit that `session.exit.NAME` says; a story sets
 * it by `mock: {NAME: {exit: ok}}`. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "flow_priv.h"
#include "mem.h"

enum { STUB_BYTES_MAX = 64 * 1024, EXITS_MAX = 64 };

/* Outcomes that the rows of a flow's calls of `name` handle. */
static unsigned exits_of(const struct flow *flow, const char *name, struct slice *out,
                         unsigned count)
{
    for (unsigned s = 0; s < flow->states.count; s++) {
        const struct flow_state_def *state = flow_state_def(flow, s);

        if (state->kind != FLOW_KIND_CALL || strcmp(flow_str(flow, state->b), name) != 0)
            continue;
        for (unsigned r = 0; r < state->row_count; r++) {
            struct slice exit = flow_event_name(flow, flow_rows(flow)[state->first_row + r].event);
            bool fresh = count < EXITS_MAX && !slice_equal_text(exit, "stuck");

            for (unsigned i = 0; i < count && fresh; i++)
                fresh = !slice_equal(out[i], exit);
            if (fresh)
                out[count++] = exit;
        }
    }
    return count;
}

static void write_stub(const char *name, const struct slice *exits, unsigned count, struct buf *out)
{
    buf_printf(out, "flow: %s\nversion: 1\nlocales: [en]\nstates:\n  go:\n    choose:\n", name);
    /* Without a word from the story: the first exit, which is the good one in most flows. */
    for (unsigned i = 1; i < count; i++)
        buf_printf(out, "      - {if: \"session.exit.%s == '%.*s'\", to: e%u}\n", name,
                   (int)exits[i].len, exits[i].ptr, i);
    buf_add_text(out, "      - {else: e0}\n");
    for (unsigned i = 0; i < count; i++)
        buf_printf(out, "  e%u: {end: %.*s}\n", i, (int)exits[i].len, exits[i].ptr);
}

static void stub_add(struct flow_set *set, const char *name)
{
    struct slice exits[EXITS_MAX];
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct flow *flow = NULL;
    unsigned count = 0;
    struct buf source;
    struct err err;

    for (size_t i = 0; i < flow_set_count(set); i++)
        count = exits_of(flow_set_at(set, i), name, exits, count);
    buf_init(&source, STUB_BYTES_MAX);
    if (count > 0) {
        write_stub(name, exits, count, &source);
        flow_compile(buf_slice(&source), NULL, NULL, &flow, NULL, report);
    }
    if (flow != NULL && flow_set_add(set, &flow, &err) != ERR_OK)
        flow_destroy(&flow);
    buf_fini(&source);
    free(report);
}

void story_stubs_add(struct flow_set *set)
{
    size_t count = flow_set_count(set);

    for (size_t i = 0; i < count; i++) {
        const struct flow *flow = flow_set_at(set, i);
        const uint32_t *calls = FLOW_TABLE(flow, calls, uint32_t);

        for (unsigned c = 0; c < flow->calls.count; c++) {
            if (flow_set_find(set, slice_of(flow_str(flow, calls[c])), 0) == NULL)
                stub_add(set, flow_str(flow, calls[c]));
        }
    }
}
