/* SPDX-License-Identifier: Apache-2.0 */
/* A flow while it is compiled: growing tables, and beside each part the node of the source that it
 * came from, for the checks that follow. Private to the compiler and the checker. */
#ifndef KEFU_FLOW_BUILD_H
#define KEFU_FLOW_BUILD_H

#include "flow_priv.h"

struct flow_vec {
    char *ptr;
    size_t count, cap, size;
};
void *flow_vec_add(struct flow_vec *vec, const void *item); /* gives where it lies now */
#define FLOW_VEC_AT(vec, type, at) (&((type *)(void *)(vec).ptr)[at])

struct flow_build_expr {
    struct expr *expr;
    const struct flow_node *node;
    uint16_t state; /* where it stands, or FLOW_GLOBAL */
};

struct flow_build {
    const struct flow_node *root;
    const struct flow_host *host;
    const struct flow_others *others;
    struct flow_report *report;
    struct flow_doc *doc;
    struct flow head;
    struct flow_vec pool; /* bytes; offsets count from behind the header */
    uint32_t *seen;       /* hash table of offsets of interned strings */
    size_t seen_mask, seen_count;
    struct flow_vec blobs; /* expressions and regular expressions */
    struct flow_vec states, rows, acts, slots, values, actions, maps, keys, handoffs, symbols,
        texts, variants, events, migrations, intents, phrases, ins, outs, exits, calls;
    struct flow_vec exprs;       /* struct flow_build_expr */
    struct flow_vec state_nodes; /* const struct flow_node *, beside states */
    struct flow_vec row_nodes;   /* beside rows */
    struct flow_vec slot_nodes;  /* beside slots */
    struct flow_vec action_nodes;
    struct flow_vec text_used; /* bool, beside texts */
    bool has_texts;
    uint16_t current; /* state that is being compiled */
    uint8_t current_kind;
    size_t global_rows;
};

static inline struct flow_state_def *build_state(struct flow_build *b, unsigned at)
{
    return FLOW_VEC_AT(b->states, struct flow_state_def, at);
}
static inline struct flow_row *build_row(struct flow_build *b, unsigned at)
{
    return FLOW_VEC_AT(b->rows, struct flow_row, at);
}
static inline struct flow_slot_def *build_slot(struct flow_build *b, unsigned at)
{
    return FLOW_VEC_AT(b->slots, struct flow_slot_def, at);
}
static inline const char *build_str(const struct flow_build *b, uint32_t offset)
{
    return b->pool.ptr + offset - sizeof(struct flow);
}
static inline const struct flow_node *build_state_node(const struct flow_build *b, unsigned at)
{
    return *FLOW_VEC_AT(b->state_nodes, const struct flow_node *, at);
}
static inline const struct flow_node *build_row_node(const struct flow_build *b, unsigned at)
{
    return *FLOW_VEC_AT(b->row_nodes, const struct flow_node *, at);
}
uint32_t build_intern(struct flow_build *b, struct slice text);
unsigned build_slot_find(const struct flow_build *b, struct slice name);
unsigned build_state_find(const struct flow_build *b, struct slice name);
/* The compiled flow that a name calls, or NULL. */
const struct flow *build_callee(const struct flow_build *b, struct slice name);
/* Index of the expression, or FLOW_NO after a finding. */
unsigned build_expr(struct flow_build *b, const struct flow_node *node, struct slice source,
                    enum expr_type want);
unsigned build_text(struct flow_build *b, const struct flow_node *node, struct slice key);
void build_slots(struct flow_build *b);
void build_actions(struct flow_build *b);
void build_states(struct flow_build *b);

/* ---- the checks of the graph: E2, E3, E4, E6, E8 and the warnings ---- */
void flow_check(struct flow_build *b, struct flow_facts *facts);

#endif
