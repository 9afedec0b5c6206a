/* SPDX-License-Identifier: Apache-2.0 */
/* Source to program in one pass: recursive descent that emits operations as it goes, with a static
 * type for every part. What can be computed at once is: a constant that overflows is a fault of the
 * source, not a surprise of an evaluation. */
#include "expr_priv.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "regex.h"
#include "utf8.h"

struct operand {
    enum expr_type type;
    bool constant;              /* its one operation is a CONST, the last one emitted */
    const struct slice *values; /* of a name that can only be these texts */
    unsigned value_count;
    const char *at;
};

struct compiler {
    struct slice source;
    struct slice in;
    struct expr_token token; /* the one that comes next */
    const struct expr_scope *scope;
    struct expr_code code[EXPR_OPS_MAX];
    struct expr_const consts[EXPR_CONSTS_MAX];
    char *pool;
    size_t pool_len;
    unsigned code_count, const_count;
    unsigned stack; /* values on the machine's stack here */
    unsigned depth;
    enum err_code rc;
    const char *fault_at;
    struct err *err;
};

static struct operand parse_choice(struct compiler *c);

/* ---- faults ---- */
static void fault_set(struct compiler *c, const char *at, enum err_code rc)
{
    c->rc = rc;
    c->fault_at = at;
    c->in.len = 0;
    c->token.kind = EXPR_TOKEN_END;
}

#define FAULT(c, at, code, ...)                                     \
    do {                                                            \
        if ((c)->rc == ERR_OK)                                      \
            fault_set(c, at, err_set((c)->err, code, __VA_ARGS__)); \
    } while (0)

static void next_token(struct compiler *c)
{
    c->token = expr_token_next(&c->in);
    if (c->token.kind == EXPR_TOKEN_BAD)
        FAULT(c, c->token.at, ERR_INVALID, "%s", c->token.problem);
}

static bool at_sign(const struct compiler *c, const char *sign)
{
    return c->token.kind == EXPR_TOKEN_SIGN && strcmp(c->token.sign, sign) == 0;
}

static bool take_sign(struct compiler *c, const char *sign)
{
    if (!at_sign(c, sign))
        return false;
    next_token(c);
    return true;
}

static void expect_sign(struct compiler *c, const char *sign)
{
    if (!take_sign(c, sign))
        FAULT(c, c->token.at, ERR_INVALID, "expected %s here", sign);
}

static bool at_word(const struct compiler *c, const char *word)
{
    return c->token.kind == EXPR_TOKEN_NAME && slice_equal_text(c->token.raw, word);
}

/* ---- emitting ---- */
static unsigned emit(struct compiler *c, enum expr_op op, unsigned n, unsigned arg, int stack)
{
    if (c->code_count == EXPR_OPS_MAX) {
        FAULT(c, c->token.at, ERR_TOO_BIG, "more than %d operations", EXPR_OPS_MAX);
        return 0;
    }
    c->stack = (unsigned)((int)c->stack + stack);
    if (c->stack > EXPR_STACK_MAX)
        FAULT(c, c->token.at, ERR_TOO_BIG, "more than %d values at once", EXPR_STACK_MAX);
    c->code[c->code_count] =
        (struct expr_code){ .op = (uint8_t)op, .n = (uint8_t)n, .arg = (uint16_t)arg };
    return c->code_count++;
}

static void aim(struct compiler *c, unsigned skip)
{
    if (c->rc == ERR_OK)
        c->code[skip].arg = (uint16_t)(c->code_count - skip - 1);
}

static unsigned const_add(struct compiler *c, struct expr_const constant)
{
    if (c->const_count == EXPR_CONSTS_MAX) {
        FAULT(c, c->token.at, ERR_TOO_BIG, "more than %d constants", EXPR_CONSTS_MAX);
        return 0;
    }
    c->consts[c->const_count] = constant;
    return c->const_count++;
}

static struct operand emit_const(struct compiler *c, struct expr_const constant, const char *at)
{
    emit(c, EXPR_OP_CONST, 0, const_add(c, constant), 1);
    return (struct operand){ .type = (enum expr_type)constant.type, .constant = true, .at = at };
}

static char *pool_reserve(struct compiler *c, size_t len)
{
    if (c->pool == NULL)
        c->pool = mem_alloc(EXPR_POOL_MAX);
    if (c->pool_len + len + EXPR_ALIGN > EXPR_POOL_MAX) {
        FAULT(c, c->token.at, ERR_TOO_BIG, "texts and regular expressions are too large");
        return NULL;
    }
    return c->pool + c->pool_len;
}

static struct expr_const text_const(struct compiler *c, struct slice raw)
{
    struct expr_const constant = { .type = EXPR_TEXT, .number = (int64_t)c->pool_len };
    char *room = pool_reserve(c, raw.len);

    if (room != NULL)
        constant.len = (uint32_t)expr_text_unescape(raw, room);
    c->pool_len += constant.len;
    return constant;
}

/* ---- types ---- */
static bool fits(enum expr_type have, enum expr_type want)
{
    return have == want || have == EXPR_UNKNOWN || want == EXPR_UNKNOWN;
}

static void require(struct compiler *c, const struct operand *operand, enum expr_type want,
                    const char *where)
{
    if (!fits(operand->type, want))
        FAULT(c, operand->at, ERR_INVALID, "%s needs a %s, this is a %s", where,
              expr_type_name(want), expr_type_name(operand->type));
}

/* 'damagd' can never be the value of a name whose values are declared. */
static void require_value(struct compiler *c, const struct operand *name, struct slice text)
{
    unsigned nearest = 0;
    unsigned best = 4;

    if (name->values == NULL)
        return;
    for (unsigned i = 0; i < name->value_count; i++) {
        unsigned distance = expr_distance(text, name->values[i], 3);
        if (distance == 0)
            return;
        if (distance < best) {
            best = distance;
            nearest = i;
        }
    }
    if (best < 4)
        FAULT(c, name->at, ERR_INVALID, "'%.*s' is never its value (did you mean '%.*s'?)",
              (int)text.len, text.ptr, (int)name->values[nearest].len, name->values[nearest].ptr);
    else
        FAULT(c, name->at, ERR_INVALID, "'%.*s' is never its value", (int)text.len, text.ptr);
}

static struct slice pool_text(const struct compiler *c, const struct expr_const *constant)
{
    return slice_make(c->pool + constant->number, constant->len);
}

/* Of the constant that was emitted last, or its items. */
static void require_values(struct compiler *c, const struct operand *name,
                           const struct operand *constant)
{
    const struct expr_const *last;

    if (!constant->constant || name->values == NULL || c->rc != ERR_OK)
        return;
    last = &c->consts[c->code[c->code_count - 1].arg];
    if (last->type == EXPR_TEXT)
        require_value(c, name, pool_text(c, last));
    for (unsigned i = 0; last->type == EXPR_LIST && i < last->count; i++) {
        const struct expr_const *item = &c->consts[last->number + i];
        if (item->type == EXPR_TEXT)
            require_value(c, name, pool_text(c, item));
    }
}

/* Two constants and their operation become one constant. */
static struct operand fold(struct compiler *c, enum expr_op op, const char *at)
{
    struct expr_value sides[2];
    struct expr_value result;
    struct expr_const constant = { 0 };
    enum expr_note noted;

    for (unsigned i = 0; i < 2; i++) {
        const struct expr_const *side = &c->consts[c->code[c->code_count - 2 + i].arg];
        sides[i] = (struct expr_value){ .type = (enum expr_type)side->type };
        if (side->type == EXPR_TEXT)
            sides[i].text = pool_text(c, side);
        else if (side->type == EXPR_BOOL)
            sides[i].boolean = side->number != 0;
        else
            sides[i].number = side->number;
    }
    noted = expr_binary(op, &sides[0], &sides[1], 0, &result);
    if (noted == EXPR_NOTE_OVERFLOW)
        FAULT(c, at, ERR_INVALID, "the result is too large for a number");
    else if (noted == EXPR_NOTE_DIVISION)
        FAULT(c, at, ERR_INVALID, "division by zero");
    constant.type = (uint8_t)result.type;
    constant.number = result.type == EXPR_BOOL ? result.boolean : result.number;
    c->code_count -= 2;
    c->stack -= 2;
    return emit_const(c, constant, at);
}

/* ---- operands ---- */
static const struct {
    const char *name;
    enum expr_op op;
    enum expr_type arg; /* EXPR_UNKNOWN: any, or checked apart */
    enum expr_type type;
} builtins[] = {
    { "len", EXPR_OP_LEN, EXPR_UNKNOWN, EXPR_NUMBER },
    { "sum", EXPR_OP_SUM, EXPR_LIST, EXPR_NUMBER },
    { "any", EXPR_OP_ANY, EXPR_LIST, EXPR_BOOL },
    { "known", EXPR_OP_KNOWN, EXPR_UNKNOWN, EXPR_BOOL },
    { "lower", EXPR_OP_LOWER, EXPR_TEXT, EXPR_TEXT },
    { "time", EXPR_OP_TIME, EXPR_UNKNOWN, EXPR_TIME },
    { "days_since", EXPR_OP_DAYS_SINCE, EXPR_UNKNOWN, EXPR_NUMBER },
};

static struct operand parse_match(struct compiler *c, const char *at)
{
    struct operand text = parse_choice(c);
    struct regex *regex = NULL;
    struct err why = { 0 };
    struct expr_token pattern;
    char plain[EXPR_SOURCE_BYTES_MAX];
    size_t aligned;
    size_t len;

    require(c, &text, EXPR_TEXT, "match");
    expect_sign(c, ",");
    pattern = c->token;
    if (pattern.kind != EXPR_TOKEN_TEXT) {
        FAULT(c, pattern.at, ERR_INVALID, "match needs its regular expression as a text in quotes");
        return text;
    }
    next_token(c);
    len = expr_text_unescape(pattern.raw, plain);
    if (regex_compile(slice_make(plain, len), 0, &regex, NULL, &why) != ERR_OK) {
        FAULT(c, pattern.at, why.code, "%s", why.text);
        return text;
    }
    aligned = (c->pool_len + EXPR_ALIGN - 1) & ~(size_t)(EXPR_ALIGN - 1);
    c->pool_len = aligned;
    if (pool_reserve(c, regex_bytes(regex)) != NULL) {
        memcpy(c->pool + aligned, regex, regex_bytes(regex));
        c->pool_len += regex_bytes(regex);
        emit(c, EXPR_OP_MATCH, 0, (unsigned)(aligned / EXPR_ALIGN), 0);
    }
    free(regex);
    expect_sign(c, ")");
    return (struct operand){ .type = EXPR_BOOL, .at = at };
}

/* After the name and its (; false: not a built-in. */
static bool parse_builtin(struct compiler *c, const struct expr_token *name, struct operand *out)
{
    *out = (struct operand){ .at = name->at };
    if (slice_equal_text(name->raw, "now")) {
        expect_sign(c, ")");
        emit(c, EXPR_OP_NOW, 0, 0, 1);
        out->type = EXPR_TIME;
        return true;
    }
    if (slice_equal_text(name->raw, "match")) {
        *out = parse_match(c, name->at);
        return true;
    }
    for (size_t i = 0; i < LENGTH_OF(builtins); i++) {
        struct operand arg;

        if (!slice_equal_text(name->raw, builtins[i].name))
            continue;
        arg = parse_choice(c);
        require(c, &arg, builtins[i].arg, builtins[i].name);
        if (builtins[i].op == EXPR_OP_LEN && arg.type != EXPR_UNKNOWN && arg.type != EXPR_LIST)
            require(c, &arg, EXPR_TEXT, "len");
        if ((builtins[i].op == EXPR_OP_TIME || builtins[i].op == EXPR_OP_DAYS_SINCE) &&
            arg.type != EXPR_TEXT)
            require(c, &arg, EXPR_TIME, builtins[i].name);
        emit(c, builtins[i].op, 0, 0, 0);
        expect_sign(c, ")");
        out->type = builtins[i].type;
        return true;
    }
    return false;
}

static struct operand parse_host_call(struct compiler *c, const struct expr_token *name)
{
    struct expr_function function;
    unsigned count = 0;

    if (c->scope->function == NULL || !c->scope->function(c->scope->ctx, name->raw, &function)) {
        FAULT(c, name->at, ERR_INVALID, "no function %.*s", (int)name->raw.len, name->raw.ptr);
        return (struct operand){ .at = name->at };
    }
    while (!at_sign(c, ")") && c->rc == ERR_OK) {
        struct operand arg;

        if (count > 0)
            expect_sign(c, ",");
        arg = parse_choice(c);
        if (count < function.arg_count)
            require(c, &arg, function.args[count], "this argument");
        count++;
    }
    expect_sign(c, ")");
    if (count != function.arg_count)
        FAULT(c, name->at, ERR_INVALID, "%.*s takes %u arguments, not %u", (int)name->raw.len,
              name->raw.ptr, function.arg_count, count);
    emit(c, EXPR_OP_CALL, count, function.id, 1 - (int)count);
    return (struct operand){ .type = function.type, .at = name->at };
}

static const char *word_hint(struct slice name)
{
    static const char *const hints[][2] = {
        { "and", "write &&" },         { "or", "write ||" },         { "not", "write !" },
        { "null", "use known(name)" }, { "nil", "use known(name)" }, { "True", "write true" },
        { "False", "write false" },
    };

    for (size_t i = 0; i < LENGTH_OF(hints); i++) {
        if (slice_equal_text(name, hints[i][0]))
            return hints[i][1];
    }
    return NULL;
}

static void fault_name(struct compiler *c, const struct expr_token *name)
{
    const char *hint = word_hint(name->raw);
    struct slice best = { NULL, 0 };
    unsigned best_distance = 4;
    struct slice other;

    for (unsigned i = 0; c->scope->name_at != NULL && c->scope->name_at(c->scope->ctx, i, &other);
         i++) {
        unsigned distance = expr_distance(name->raw, other, 3);
        if (distance < best_distance) {
            best_distance = distance;
            best = other;
        }
    }
    if (hint != NULL)
        FAULT(c, name->at, ERR_INVALID, "no name %.*s: %s", (int)name->raw.len, name->raw.ptr,
              hint);
    else if (best.len > 0)
        FAULT(c, name->at, ERR_INVALID, "no name %.*s (did you mean %.*s?)", (int)name->raw.len,
              name->raw.ptr, (int)best.len, best.ptr);
    else
        FAULT(c, name->at, ERR_INVALID, "no name %.*s", (int)name->raw.len, name->raw.ptr);
}

static struct operand parse_name(struct compiler *c)
{
    struct expr_token name = c->token;
    struct expr_symbol symbol = { 0 };
    struct operand out = { .at = name.at };

    next_token(c);
    if (take_sign(c, "(")) {
        if (!parse_builtin(c, &name, &out))
            out = parse_host_call(c, &name);
        return out;
    }
    if (slice_equal_text(name.raw, "true") || slice_equal_text(name.raw, "false"))
        return emit_const(
            c, (struct expr_const){ .type = EXPR_BOOL, .number = name.raw.ptr[0] == 't' }, name.at);
    if (name.raw.len > EXPR_NAME_BYTES_MAX || !c->scope->symbol(c->scope->ctx, name.raw, &symbol)) {
        fault_name(c, &name);
        return out;
    }
    emit(c, EXPR_OP_GET, 0, symbol.id, 1);
    out.type = symbol.type;
    out.values = symbol.values;
    out.value_count = symbol.value_count;
    return out;
}

/* One constant of a list, without an operation of its own. */
static struct expr_const parse_item(struct compiler *c)
{
    bool negative = take_sign(c, "-");
    struct expr_token token = c->token;
    struct expr_const item = { .type = EXPR_NUMBER };

    if (token.kind == EXPR_TOKEN_NUMBER) {
        item.number = negative ? -token.number : token.number;
    } else if (token.kind == EXPR_TOKEN_TEXT && !negative) {
        item = text_const(c, token.raw);
    } else if ((at_word(c, "true") || at_word(c, "false")) && !negative) {
        item = (struct expr_const){ .type = EXPR_BOOL, .number = token.raw.ptr[0] == 't' };
    } else {
        FAULT(c, token.at, ERR_INVALID, "a list holds numbers, texts, true or false");
    }
    next_token(c);
    return item;
}

static struct operand parse_list(struct compiler *c)
{
    const char *at = c->token.at;
    struct expr_const list = { .type = EXPR_LIST, .number = c->const_count };

    while (!at_sign(c, "]") && c->rc == ERR_OK) {
        if (list.count > 0)
            expect_sign(c, ",");
        const_add(c, parse_item(c));
        list.count++;
    }
    expect_sign(c, "]");
    return emit_const(c, list, at);
}

static struct operand parse_primary(struct compiler *c)
{
    struct expr_token token = c->token;
    struct operand out = { .at = token.at };

    switch (token.kind) {
    case EXPR_TOKEN_NUMBER:
        next_token(c);
        return emit_const(c, (struct expr_const){ .type = EXPR_NUMBER, .number = token.number },
                          token.at);
    case EXPR_TOKEN_TEXT:
        next_token(c);
        return emit_const(c, text_const(c, token.raw), token.at);
    case EXPR_TOKEN_NAME:
        return parse_name(c);
    default:
        break;
    }
    if (take_sign(c, "[")) {
        return parse_list(c);
    }
    if (take_sign(c, "(")) {
        out = parse_choice(c);
        expect_sign(c, ")");
        return out;
    }
    FAULT(c, token.at, ERR_INVALID,
          token.kind == EXPR_TOKEN_END ? "something is missing at the end"
                                       : "expected a value here");
    return out;
}

/* ! and - may stand in a row; the count of them is bounded by the depth. */
static struct operand parse_unary(struct compiler *c)
{
    const char *at = c->token.at;
    struct operand operand;

    if (!at_sign(c, "!") && !at_sign(c, "-"))
        return parse_primary(c);
    if (++c->depth > EXPR_DEPTH_MAX)
        FAULT(c, at, ERR_TOO_BIG, "nested deeper than %d", EXPR_DEPTH_MAX);
    if (take_sign(c, "!")) {
        operand = parse_unary(c);
        require(c, &operand, EXPR_BOOL, "!");
        emit(c, EXPR_OP_NOT, 0, 0, 0);
        operand = (struct operand){ .type = EXPR_BOOL, .at = at };
    } else {
        next_token(c);
        operand = parse_unary(c);
        require(c, &operand, EXPR_NUMBER, "-");
        if (operand.constant && c->rc == ERR_OK) {
            c->consts[c->code[c->code_count - 1].arg].number *= -1;
        } else {
            emit(c, EXPR_OP_NEG, 0, 0, 0);
            operand = (struct operand){ .type = EXPR_NUMBER };
        }
        operand.at = at;
    }
    c->depth--;
    return operand;
}

static struct operand finish_arithmetic(struct compiler *c, enum expr_op op, const char *sign,
                                        const struct operand *a, const struct operand *b)
{
    require(c, a, EXPR_NUMBER, sign);
    require(c, b, EXPR_NUMBER, sign);
    if (c->rc == ERR_OK && a->constant && b->constant)
        return fold(c, op, a->at);
    emit(c, op, 0, 0, -1);
    return (struct operand){ .type = EXPR_NUMBER, .at = a->at };
}

static struct operand parse_product(struct compiler *c)
{
    struct operand a = parse_unary(c);

    while (at_sign(c, "*") || at_sign(c, "/")) {
        bool times = at_sign(c, "*");
        struct operand b;

        next_token(c);
        b = parse_unary(c);
        a = finish_arithmetic(c, times ? EXPR_OP_MUL : EXPR_OP_DIV, times ? "*" : "/", &a, &b);
    }
    return a;
}

static struct operand parse_sum(struct compiler *c)
{
    struct operand a = parse_product(c);

    while (at_sign(c, "+") || at_sign(c, "-")) {
        bool plus = at_sign(c, "+");
        struct operand b;

        next_token(c);
        b = parse_product(c);
        a = finish_arithmetic(c, plus ? EXPR_OP_ADD : EXPR_OP_SUB, plus ? "+" : "-", &a, &b);
    }
    return a;
}

static const struct {
    const char *sign;
    enum expr_op op;
} comparisons[] = {
    { "==", EXPR_OP_EQ }, { "!=", EXPR_OP_NE }, { "<=", EXPR_OP_LE },  { "<", EXPR_OP_LT },
    { ">=", EXPR_OP_GE }, { ">", EXPR_OP_GT },  { "~", EXPR_OP_GLOB },
};

/* The index in the table, -1: no comparison here, -2: `in`. */
static int comparison_here(const struct compiler *c)
{
    if (at_word(c, "in"))
        return -2;
    for (size_t i = 0; i < LENGTH_OF(comparisons); i++) {
        if (at_sign(c, comparisons[i].sign))
            return (int)i;
    }
    return -1;
}

static void check_comparison(struct compiler *c, enum expr_op op, const char *sign,
                             const struct operand *a, const struct operand *b)
{
    bool times = (a->type == EXPR_TIME && fits(b->type, EXPR_TEXT)) ||
                 (b->type == EXPR_TIME && fits(a->type, EXPR_TEXT));

    if (op == EXPR_OP_GLOB) {
        require(c, a, EXPR_TEXT, sign);
        require(c, b, EXPR_TEXT, sign);
        return;
    }
    if (!fits(a->type, b->type) && !times)
        FAULT(c, a->at, ERR_INVALID, "a %s and a %s are never comparable", expr_type_name(a->type),
              expr_type_name(b->type));
    if (op == EXPR_OP_EQ || op == EXPR_OP_NE) {
        require_values(c, a, b);
    } else if (!times && (a->type == EXPR_BOOL || a->type == EXPR_TEXT || a->type == EXPR_LIST ||
                          b->type == EXPR_BOOL || b->type == EXPR_TEXT || b->type == EXPR_LIST)) {
        FAULT(c, a->at, ERR_INVALID, "%s orders numbers and times only", sign);
    }
}

static struct operand parse_comparison(struct compiler *c)
{
    struct operand a = parse_sum(c);
    int which = comparison_here(c);
    struct operand b;

    if (which == -1)
        return a;
    next_token(c);
    b = parse_sum(c);
    if (comparison_here(c) != -1)
        FAULT(c, c->token.at, ERR_INVALID, "one comparison at a time: join two with &&");
    if (which == -2) {
        require(c, &b, EXPR_LIST, "in");
        require_values(c, &a, &b);
        emit(c, EXPR_OP_IN, 0, 0, -1);
    } else {
        enum expr_op op = comparisons[which].op;
        check_comparison(c, op, comparisons[which].sign, &a, &b);
        if (c->rc == ERR_OK && a.constant && b.constant && a.type != EXPR_LIST)
            return fold(c, op, a.at);
        emit(c, op, 0, 0, -1);
    }
    return (struct operand){ .type = EXPR_BOOL, .at = a.at };
}

static struct operand parse_logic(struct compiler *c, bool both)
{
    struct operand a = both ? parse_comparison(c) : parse_logic(c, true);
    const char *sign = both ? "&&" : "||";

    while (at_sign(c, sign)) {
        struct operand b;
        unsigned skip;

        require(c, &a, EXPR_BOOL, sign);
        next_token(c);
        skip = emit(c, both ? EXPR_OP_SKIP_FALSE : EXPR_OP_SKIP_TRUE, 0, 0, 0);
        b = both ? parse_comparison(c) : parse_logic(c, true);
        require(c, &b, EXPR_BOOL, sign);
        emit(c, both ? EXPR_OP_AND : EXPR_OP_OR, 0, 0, -1);
        aim(c, skip);
        a = (struct operand){ .type = EXPR_BOOL, .at = a.at };
    }
    return a;
}

static struct operand parse_branches(struct compiler *c, const struct operand *condition)
{
    struct operand yes;
    struct operand no;
    unsigned skip_yes;
    unsigned skip_no;

    require(c, condition, EXPR_BOOL, "?");
    skip_yes = emit(c, EXPR_OP_ELSE_SKIP, 0, 0, -1);
    yes = parse_choice(c);
    expect_sign(c, ":");
    skip_no = emit(c, EXPR_OP_SKIP, 0, 0, -1);
    aim(c, skip_yes);
    no = parse_choice(c);
    aim(c, skip_no);
    if (!fits(yes.type, no.type))
        FAULT(c, no.at, ERR_INVALID, "one side of : is a %s, the other a %s",
              expr_type_name(yes.type), expr_type_name(no.type));
    return (struct operand){ .type = yes.type == EXPR_UNKNOWN ? no.type : yes.type,
                             .at = condition->at };
}

static struct operand parse_choice(struct compiler *c)
{
    struct operand out;

    if (++c->depth > EXPR_DEPTH_MAX)
        FAULT(c, c->token.at, ERR_TOO_BIG, "nested deeper than %d", EXPR_DEPTH_MAX);
    out = parse_logic(c, false);
    if (c->rc == ERR_OK && take_sign(c, "?"))
        out = parse_branches(c, &out);
    c->depth--;
    return out;
}

static struct expr *pack(const struct compiler *c, enum expr_type type)
{
    size_t code = (sizeof(struct expr) + c->code_count * sizeof(struct expr_code) + 7) & ~7UL;
    size_t consts = c->const_count * sizeof(struct expr_const);
    size_t bytes = (code + consts + c->pool_len + EXPR_ALIGN - 1) & ~(size_t)(EXPR_ALIGN - 1);
    struct expr *expr = mem_zalloc(bytes);

    expr->bytes = (uint32_t)bytes;
    expr->code_count = (uint16_t)c->code_count;
    expr->const_count = (uint16_t)c->const_count;
    expr->type = (uint8_t)type;
    memcpy(expr->code, c->code, c->code_count * sizeof(struct expr_code));
    if (consts > 0)
        memcpy((char *)expr + code, c->consts, consts);
    if (c->pool_len > 0)
        memcpy((char *)expr + code + consts, c->pool, c->pool_len);
    return expr;
}

static struct expr_place place_of(struct slice source, const char *at)
{
    struct expr_place place = { 1, 1 };

    for (const char *p = source.ptr; p < at; p++) {
        if (*p == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static enum err_code check_source(struct slice source, struct err *err)
{
    if (source.len > EXPR_SOURCE_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu bytes, limit %d", source.len, EXPR_SOURCE_BYTES_MAX);
    if (!utf8_valid(source))
        return err_set(err, ERR_INVALID, "not UTF-8");
    return ERR_OK;
}

enum err_code expr_compile(struct slice source, enum expr_type want, const struct expr_scope *scope,
                           struct expr **out, struct expr_place *place, struct err *err)
{
    struct compiler *c = mem_zalloc(sizeof(*c));
    struct operand result;
    enum err_code rc;

    c->source = c->in = source;
    c->scope = scope;
    c->err = err;
    c->fault_at = source.ptr;
    c->rc = check_source(source, err);
    if (c->rc == ERR_OK) {
        next_token(c);
        result = parse_choice(c);
        if (c->token.kind != EXPR_TOKEN_END)
            FAULT(c, c->token.at, ERR_INVALID, "expected an operator or the end here");
        require(c, &result, want, "this place");
    }
    rc = c->rc;
    if (rc == ERR_OK)
        *out = pack(c, result.type);
    else if (place != NULL)
        *place = place_of(source, c->fault_at);
    free(c->pool);
    free(c);
    return rc;
}
