/* SPDX-License-Identifier: Apache-2.0 */
/* Tree to program, after Thompson: every node becomes instructions that fall through to what
 * follows. Counted repetitions are written out, so the program's size is the bound on the work per
 * character, and a pattern whose size would pass REGEX_INSTS_MAX is refused here and never runs.
 *
 * A star over something that can match nothing is written (x+)?: otherwise the machine, which
 * visits an instruction once per place, would drop the pass through x that matches nothing, and
 * its groups with it. */
#include "regex_priv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* (((){1000}){1000}){1000} makes no instruction; the steps of writing it out are bounded too. */
enum { EMIT_STEPS_MAX = 20 * REGEX_INSTS_MAX };

struct emitter {
    const struct regex_tree *tree;
    struct regex_inst insts[REGEX_INSTS_MAX];
    unsigned count;
    unsigned steps;
    bool full;
};

static void emit_node(struct emitter *e, uint16_t at);

static unsigned emit(struct emitter *e, enum regex_op op, unsigned x, uint32_t y)
{
    if (e->count == REGEX_INSTS_MAX) {
        e->full = true;
        return 0;
    }
    e->insts[e->count] = (struct regex_inst){ .op = (uint8_t)op, .x = (uint16_t)x, .y = y };
    return e->count++;
}

/* One way goes on here, the other to where the caller later points `away`. */
static unsigned emit_split(struct emitter *e)
{
    return emit(e, REGEX_OP_SPLIT, 0, 0);
}

static void aim_split(struct emitter *e, unsigned split, unsigned near, unsigned away, bool lazy)
{
    e->insts[split].x = (uint16_t)(lazy ? away : near);
    e->insts[split].y = lazy ? near : away;
}

static void emit_optional(struct emitter *e, const struct regex_node *repeat, unsigned times)
{
    unsigned splits[REGEX_REPEAT_MAX];

    /* x{0,3} is (x(x(x)?)?)?: all ways out lead to the same place. */
    for (unsigned i = 0; i < times && !e->full; i++) {
        splits[i] = emit_split(e);
        emit_node(e, repeat->left);
    }
    for (unsigned i = 0; i < times && !e->full; i++)
        aim_split(e, splits[i], splits[i] + 1, e->count, repeat->lazy);
}

static void emit_plus(struct emitter *e, const struct regex_node *repeat)
{
    unsigned start = e->count;
    unsigned split;

    emit_node(e, repeat->left);
    split = emit_split(e);
    if (!e->full)
        aim_split(e, split, start, e->count, repeat->lazy);
}

static void emit_star(struct emitter *e, const struct regex_node *repeat)
{
    unsigned split = emit_split(e);

    if (e->tree->nodes[repeat->left].nullable) {
        emit_plus(e, repeat);
    } else {
        emit_node(e, repeat->left);
        emit(e, REGEX_OP_JUMP, split, 0);
    }
    if (!e->full)
        aim_split(e, split, split + 1, e->count, repeat->lazy);
}

static void emit_repeat(struct emitter *e, const struct regex_node *repeat)
{
    int copies = repeat->max == REGEX_NO_LIMIT && repeat->min > 0 ? repeat->min - 1 : repeat->min;

    for (int i = 0; i < copies && !e->full; i++)
        emit_node(e, repeat->left);
    if (repeat->max != REGEX_NO_LIMIT)
        emit_optional(e, repeat, (unsigned)(repeat->max - repeat->min));
    else if (repeat->min > 0)
        emit_plus(e, repeat);
    else
        emit_star(e, repeat);
}

static void emit_alternatives(struct emitter *e, const struct regex_node *alt)
{
    unsigned split = emit_split(e);
    unsigned jump;

    emit_node(e, alt->left);
    jump = emit(e, REGEX_OP_JUMP, 0, 0);
    if (e->full)
        return;
    aim_split(e, split, split + 1, e->count, false);
    emit_node(e, alt->right);
    e->insts[jump].x = (uint16_t)e->count;
}

static void emit_char(struct emitter *e, const struct regex_node *node)
{
    if (node->fold)
        emit(e, REGEX_OP_FOLDED, 0, regex_fold(node->a));
    else
        emit(e, REGEX_OP_CHAR, 0, node->a);
}

static void emit_class(struct emitter *e, const struct regex_node *node)
{
    unsigned at = emit(e, REGEX_OP_CLASS, node->b, node->a);

    if (!e->full)
        e->insts[at].flags = (uint8_t)((node->fold ? REGEX_INST_FOLD : 0) |
                                       (node->negated ? REGEX_INST_NEGATED : 0));
}

static void emit_node(struct emitter *e, uint16_t at)
{
    const struct regex_node *node = &e->tree->nodes[at];

    if (++e->steps > EMIT_STEPS_MAX)
        e->full = true;
    if (e->full)
        return;
    switch ((enum regex_node_type)node->type) {
    case REGEX_EMPTY:
        break;
    case REGEX_CHAR:
        emit_char(e, node);
        break;
    case REGEX_ANY:
        emit(e, REGEX_OP_ANY, 0, 0);
        break;
    case REGEX_NOT_NL:
        emit(e, REGEX_OP_NOT_NL, 0, 0);
        break;
    case REGEX_CLASS:
        emit_class(e, node);
        break;
    case REGEX_CAT:
        emit_node(e, node->left);
        emit_node(e, node->right);
        break;
    case REGEX_ALT:
        emit_alternatives(e, node);
        break;
    case REGEX_REPEAT:
        emit_repeat(e, node);
        break;
    case REGEX_GROUP:
        emit(e, REGEX_OP_SAVE, 2 * node->a, 0);
        emit_node(e, node->left);
        emit(e, REGEX_OP_SAVE, 2 * node->a + 1, 0);
        break;
    case REGEX_ASSERT:
        emit(e, REGEX_OP_ASSERT, node->a, 0);
        break;
    }
}

/* What a search may skip to: the one byte that every match begins with. */
static int32_t first_byte(const struct regex_inst *insts)
{
    while (insts->op == REGEX_OP_SAVE)
        insts++;
    if (insts->op == REGEX_OP_CHAR && insts->y < 0x80)
        return (int32_t)insts->y;
    return -1;
}

static bool begins_anchored(const struct regex_inst *insts)
{
    while (insts->op == REGEX_OP_SAVE)
        insts++;
    return insts->op == REGEX_OP_ASSERT && insts->x == REGEX_TEXT_BEGIN;
}

static struct regex *pack(const struct emitter *e, const struct regex_tree *tree, unsigned flags)
{
    size_t insts = e->count * sizeof(struct regex_inst);
    size_t ranges = tree->range_count * sizeof(struct regex_range);
    size_t bytes = sizeof(struct regex) + insts + ranges;
    struct regex *regex = mem_zalloc(bytes);

    regex->bytes = (uint32_t)bytes;
    regex->inst_count = (uint16_t)e->count;
    regex->range_count = (uint16_t)tree->range_count;
    regex->group_count = (uint8_t)tree->group_count;
    regex->whole = (flags & REGEX_WHOLE) != 0;
    regex->anchored = regex->whole || begins_anchored(e->insts);
    regex->first = first_byte(e->insts);
    memcpy(regex->insts, e->insts, insts);
    if (ranges > 0)
        memcpy((char *)regex->insts + insts, tree->ranges, ranges);
    return regex;
}

enum err_code regex_compile(struct slice pattern, unsigned flags, struct regex **out,
                            size_t *offset, struct err *err)
{
    struct regex_tree *tree = mem_alloc(sizeof(*tree));
    struct emitter *e = mem_zalloc(sizeof(*e));
    size_t at = 0;
    enum err_code rc = regex_parse(pattern, flags, tree, &at, err);

    if (rc != ERR_OK)
        goto out;
    e->tree = tree;
    emit(e, REGEX_OP_SAVE, 0, 0);
    emit_node(e, tree->root);
    emit(e, REGEX_OP_SAVE, 1, 0);
    emit(e, REGEX_OP_MATCH, 0, 0);
    if (e->full) {
        rc = err_set(err, ERR_TOO_BIG, "regular expression: more than %d instructions",
                     REGEX_INSTS_MAX);
        goto out;
    }
    *out = pack(e, tree, flags);
out:
    if (offset != NULL)
        *offset = at;
    free(tree);
    free(e);
    return rc;
}
