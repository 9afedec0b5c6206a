/* SPDX-License-Identifier: Apache-2.0 */
/* A flow as DOT text: a box for each state with its kind, an edge for each row with its outcome and
 * guard-less label; global rows start at one dashed box. */
#include "flow_priv.h"

#include "flow_schema.h"

static const struct {
    const char *shape, *colour;
} looks[FLOW_KIND_NONE] = {
    [FLOW_KIND_ASK] = { "box", "#dbeafe" },        [FLOW_KIND_SAY] = { "box", "#f1f5f9" },
    [FLOW_KIND_DO] = { "cds", "#fef3c7" },         [FLOW_KIND_CHOOSE] = { "diamond", "#ede9fe" },
    [FLOW_KIND_CALL] = { "component", "#e0f2fe" }, [FLOW_KIND_WAIT] = { "octagon", "#f5f5f4" },
    [FLOW_KIND_HANDOFF] = { "house", "#fee2e2" },  [FLOW_KIND_END] = { "oval", "#dcfce7" },
};

static void write_state(const struct flow *flow, unsigned at, struct buf *out)
{
    const struct flow_state_def *state = flow_state_def(flow, at);

    buf_printf(out, "  s%u [label=\"%s\", shape=%s, fillcolor=\"%s\"];\n", at,
               flow_str(flow, state->name), looks[state->kind].shape, looks[state->kind].colour);
}

static void write_row(const struct flow *flow, const struct flow_row *row, struct buf *out)
{
    struct slice event = flow_event_name(flow, row->event);

    if (row->target >= flow->states.count)
        return; /* .same and .refill stay where they are */
    if (row->state == FLOW_GLOBAL)
        buf_add_text(out, "  any");
    else
        buf_printf(out, "  s%u", row->state);
    buf_printf(out, " -> s%u", row->target);
    if (row->event != FLOW_ON_NEXT)
        buf_printf(out, " [label=\"%.*s\"]", (int)event.len, event.ptr);
    else if (row->guard != FLOW_NO)
        buf_add_text(out, " [label=\"if\"]");
    buf_add_text(out, ";\n");
}

void flow_graph_write(const struct flow *flow, struct buf *out)
{
    buf_printf(out, "digraph \"%s\" {\n  rankdir=LR;\n", flow_str(flow, flow->name));
    buf_add_text(out, "  node [style=filled, fontname=\"sans-serif\", fontsize=11];\n"
                      "  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for (unsigned i = 0; i < flow->states.count; i++)
        write_state(flow, i, out);
    if (flow->global_count > 0)
        buf_add_text(out, "  any [label=\"any ask or wait\", shape=box, style=dashed];\n");
    for (unsigned i = 0; i < flow->rows.count; i++)
        write_row(flow, &flow_rows(flow)[i], out);
    buf_add_text(out, "}\n");
}

void flow_schema_text(struct buf *out)
{
    flow_schema_write(out);
    buf_add_char(out, '\n');
}
