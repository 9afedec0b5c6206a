/* SPDX-License-Identifier: Apache-2.0 */
/* What a checker asks about an expression: which names it reads, and against which constants. And
 * how far two names are apart. */
#include "expr_priv.h"

#include <string.h>

struct uses {
    struct expr_use *out;
    size_t max;
    size_t count;
};

static void use_add(struct uses *uses, struct expr_use use)
{
    if (uses->count < uses->max)
        uses->out[uses->count] = use;
    uses->count++;
}

static bool is_comparison(uint8_t op)
{
    return op >= EXPR_OP_EQ && op <= EXPR_OP_IN;
}

/* One entry for a constant, or one for each item of a list. */
static void add_constant(struct uses *uses, const struct expr *expr, uint16_t id, unsigned at)
{
    struct expr_value value = expr_const_value(expr, at);
    const struct expr_const *list = &expr_consts(expr)[at];

    if (value.type != EXPR_LIST) {
        use_add(uses, (struct expr_use){ id, EXPR_USE_COMPARE, value });
        return;
    }
    for (unsigned i = 0; i < value.count; i++)
        use_add(uses, (struct expr_use){ id, EXPR_USE_COMPARE,
                                         expr_const_value(expr, (unsigned)list->number + i) });
}

/* Where the value of an operation goes when nothing else touches it: jumps and logic, or the end.
 */
static bool is_bare(const struct expr *expr, unsigned at)
{
    uint8_t op;

    if (at + 1 >= expr->code_count)
        return true;
    op = expr->code[at + 1].op;
    return op == EXPR_OP_NOT || op == EXPR_OP_AND || op == EXPR_OP_OR ||
           (op >= EXPR_OP_SKIP_FALSE && op <= EXPR_OP_ELSE_SKIP);
}

size_t expr_uses(const struct expr *expr, struct expr_use *out, size_t max, unsigned *calls)
{
    struct uses uses = { out, max, 0 };
    const struct expr_code *code = expr->code;

    *calls = 0;
    for (unsigned at = 0; at < expr->code_count; at++) {
        bool pair = at + 2 < expr->code_count && is_comparison(code[at + 2].op);
        bool before = at > 0 && at + 1 < expr->code_count && is_comparison(code[at + 1].op) &&
                      code[at - 1].op == EXPR_OP_CONST;

        if (code[at].op == EXPR_OP_CALL || code[at].op == EXPR_OP_NOW ||
            code[at].op == EXPR_OP_DAYS_SINCE)
            ++*calls;
        if (code[at].op != EXPR_OP_GET)
            continue;
        if (pair && code[at + 1].op == EXPR_OP_CONST)
            add_constant(&uses, expr, code[at].arg, code[at + 1].arg);
        else if (before)
            add_constant(&uses, expr, code[at].arg, code[at - 1].arg);
        else if (at + 1 < expr->code_count && code[at + 1].op == EXPR_OP_KNOWN)
            use_add(&uses, (struct expr_use){ .id = code[at].arg, .kind = EXPR_USE_KNOWN });
        else
            use_add(&uses, (struct expr_use){ .id = code[at].arg,
                                              .kind = is_bare(expr, at) ? EXPR_USE_BARE
                                                                        : EXPR_USE_OTHER });
    }
    return uses.count;
}

bool expr_needs_all(const struct expr *expr)
{
    for (unsigned at = 0; at < expr->code_count; at++) {
        uint8_t op = expr->code[at].op;

        if (op == EXPR_OP_NOT || op == EXPR_OP_OR || op == EXPR_OP_SKIP_TRUE ||
            op == EXPR_OP_ELSE_SKIP)
            return false;
        /* known(x) == false */
        if (op == EXPR_OP_KNOWN && at + 2 < expr->code_count &&
            is_comparison(expr->code[at + 2].op))
            return false;
    }
    return true;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Optimal string alignment: Levenshtein's table, three rows of it, with swaps of neighbours. */
unsigned expr_distance(struct slice a, struct slice b, unsigned max)
{
    unsigned rows[3][EXPR_NAME_BYTES_MAX + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];

    if (a.len > EXPR_NAME_BYTES_MAX || b.len > EXPR_NAME_BYTES_MAX)
        return slice_equal(a, b) ? 0 : max + 1;
    for (unsigned j = 0; j <= b.len; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *spare = before;

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned swap = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < swap)
                swap = before[j - 2] + 1;
            row[j] = least(row[j - 1] + 1, last[j] + 1, swap);
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b.len] > max ? max + 1 : last[b.len];
}
