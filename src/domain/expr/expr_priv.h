/* SPDX-License-Identifier: Apache-2.0 */
/* The program of an expression: operations of four bytes, constants, then bytes of texts and
 * compiled regular expressions, in one block. */
#ifndef KEFU_EXPR_PRIV_H
#define KEFU_EXPR_PRIV_H

#include "expr.h"

enum {
    EXPR_CONSTS_MAX = 128, /* items of lists are constants too */
    EXPR_POOL_MAX = 64 * 1024,
};

enum expr_op {
    EXPR_OP_CONST, /* arg: constant */
    EXPR_OP_GET,   /* arg: symbol id */
    EXPR_OP_CALL,  /* arg: function id, n: arguments */
    EXPR_OP_NOT,
    EXPR_OP_NEG,
    EXPR_OP_ADD,
    EXPR_OP_SUB,
    EXPR_OP_MUL,
    EXPR_OP_DIV,
    EXPR_OP_EQ,
    EXPR_OP_NE,
    EXPR_OP_LT,
    EXPR_OP_LE,
    EXPR_OP_GT,
    EXPR_OP_GE,
    EXPR_OP_GLOB,
    EXPR_OP_IN,
    EXPR_OP_AND, /* both values are there: Kleene's and */
    EXPR_OP_OR,
    EXPR_OP_SKIP_FALSE, /* forward by arg when the top is false; the value stays */
    EXPR_OP_SKIP_TRUE,
    EXPR_OP_ELSE_SKIP, /* pops; forward by arg unless it is true; unknown: by arg too */
    EXPR_OP_SKIP,      /* forward by arg */
    EXPR_OP_LEN,
    EXPR_OP_SUM,
    EXPR_OP_ANY,
    EXPR_OP_KNOWN,
    EXPR_OP_LOWER,
    EXPR_OP_MATCH, /* arg: offset of the regex in the pool / EXPR_ALIGN */
    EXPR_OP_NOW,
    EXPR_OP_TIME,
    EXPR_OP_DAYS_SINCE,
};

struct expr_code {
    uint8_t op;
    uint8_t n;
    uint16_t arg;
};

struct expr_const {
    uint8_t type;
    uint8_t pad;
    uint16_t count; /* of a list: its items are the constants from `number` on */
    uint32_t len;   /* of a text: `number` is its offset in the pool */
    int64_t number; /* or boolean, or time */
};

struct expr {
    uint32_t bytes;
    uint16_t code_count;
    uint16_t const_count;
    uint8_t type;
    uint8_t pad[7];
    struct expr_code code[]; /* padded to EXPR_ALIGN; then constants, then the pool */
};

static inline const struct expr_const *expr_consts(const struct expr *expr)
{
    size_t at = (sizeof(struct expr) + expr->code_count * sizeof(struct expr_code) + 7) & ~7UL;

    return (const struct expr_const *)(const void *)((const char *)expr + at);
}
static inline const char *expr_pool(const struct expr *expr)
{
    return (const char *)(expr_consts(expr) + expr->const_count);
}

/* A constant as a value; the text points into the pool. */
struct expr_value expr_const_value(const struct expr *expr, unsigned at);

/* One operation on values; also what folds constants. Gives the note for an unknown result. */
enum expr_note expr_binary(enum expr_op op, const struct expr_value *a, const struct expr_value *b,
                           int utc_offset_minutes, struct expr_value *out);

/* ---- tokens ---- */
enum expr_token_kind {
    EXPR_TOKEN_END,
    EXPR_TOKEN_NAME,
    EXPR_TOKEN_NUMBER,
    EXPR_TOKEN_TEXT,
    EXPR_TOKEN_SIGN, /* sign holds it, e.g. "<=" */
    EXPR_TOKEN_BAD,  /* problem says why */
};
struct expr_token {
    enum expr_token_kind kind;
    struct slice raw; /* TEXT: between the quotes, escapes as they are */
    int64_t number;
    char sign[3];
    const char *problem;
    const char *at;
};
/* Takes one token off the front of *in. */
struct expr_token expr_token_next(struct slice *in);
/* raw of a TEXT token without its escapes; out has room for raw.len bytes. */
size_t expr_text_unescape(struct slice raw, char *out);

#endif
