/* SPDX-License-Identifier: Apache-2.0 */
/* The stack machine. Jumps go forward only, so an evaluation ends after at most as many operations
 * as the program has. */
#include "expr_priv.h"

#include <string.h>

#include "regex.h"
#include "text.h"

#include <utf8proc.h>

enum { DAY_MS = 86400000 };

static const struct expr_value unknown = { .type = EXPR_UNKNOWN };

static struct expr_value of_bool(bool value)
{
    return (struct expr_value){ .type = EXPR_BOOL, .boolean = value };
}

static struct expr_value of_number(int64_t value)
{
    return (struct expr_value){ .type = EXPR_NUMBER, .number = value };
}

struct expr_value expr_const_value(const struct expr *expr, unsigned at)
{
    const struct expr_const *constant = &expr_consts(expr)[at];
    struct expr_value value = { .type = (enum expr_type)constant->type, .constant = true };

    switch (value.type) {
    case EXPR_BOOL:
        value.boolean = constant->number != 0;
        break;
    case EXPR_TEXT:
        value.text = slice_make(expr_pool(expr) + constant->number, constant->len);
        break;
    case EXPR_LIST:
        value.count = constant->count;
        value.list = constant;
        break;
    default:
        value.number = constant->number;
        break;
    }
    return value;
}

/* ---- operations on two values ---- */
static enum expr_note arithmetic(enum expr_op op, int64_t a, int64_t b, struct expr_value *out)
{
    __int128 wide = op == EXPR_OP_MUL ? (__int128)a * b / EXPR_ONE : (__int128)a * EXPR_ONE;

    if (op == EXPR_OP_DIV && b == 0)
        return EXPR_NOTE_DIVISION;
    if (op == EXPR_OP_DIV)
        wide /= b;
    else if (op != EXPR_OP_MUL)
        wide = op == EXPR_OP_ADD ? (__int128)a + b : (__int128)a - b;
    if (wide > INT64_MAX || wide < INT64_MIN)
        return EXPR_NOTE_OVERFLOW;
    *out = of_number((int64_t)wide);
    return EXPR_NOTE_NONE;
}

/* -1, 0, 1; false: the two have no common type. A text beside a time is read as one. */
static bool order(const struct expr_value *a, const struct expr_value *b, int utc_offset_minutes,
                  int *out)
{
    struct expr_value parsed = { .type = EXPR_TIME };

    if (a->type == EXPR_TIME && b->type == EXPR_TEXT) {
        if (!expr_time_parse(b->text, utc_offset_minutes, &parsed.time_ms))
            return false;
        b = &parsed;
    } else if (a->type == EXPR_TEXT && b->type == EXPR_TIME) {
        if (!expr_time_parse(a->text, utc_offset_minutes, &parsed.time_ms))
            return false;
        a = &parsed;
    }
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case EXPR_BOOL:
        *out = (int)a->boolean - (int)b->boolean;
        return true;
    case EXPR_NUMBER:
    case EXPR_TIME:
        *out = a->number < b->number ? -1 : a->number > b->number;
        return true;
    case EXPR_TEXT:
        *out = slice_equal(a->text, b->text) ? 0 : 1;
        return true;
    default:
        return false;
    }
}

static bool ordered_type(enum expr_type type)
{
    return type == EXPR_NUMBER || type == EXPR_TIME;
}

static enum expr_note compare(enum expr_op op, const struct expr_value *a,
                              const struct expr_value *b, int utc_offset_minutes,
                              struct expr_value *out)
{
    int way;

    if (!order(a, b, utc_offset_minutes, &way))
        return EXPR_NOTE_TYPE;
    if (op != EXPR_OP_EQ && op != EXPR_OP_NE && !ordered_type(a->type) && !ordered_type(b->type))
        return EXPR_NOTE_TYPE;
    switch (op) {
    case EXPR_OP_EQ:
        *out = of_bool(way == 0);
        break;
    case EXPR_OP_NE:
        *out = of_bool(way != 0);
        break;
    case EXPR_OP_LT:
        *out = of_bool(way < 0);
        break;
    case EXPR_OP_LE:
        *out = of_bool(way <= 0);
        break;
    case EXPR_OP_GT:
        *out = of_bool(way > 0);
        break;
    default:
        *out = of_bool(way >= 0);
        break;
    }
    return EXPR_NOTE_NONE;
}

static enum expr_note glob(const struct expr_value *a, const struct expr_value *b,
                           struct expr_value *out)
{
    if (a->type != EXPR_TEXT || b->type != EXPR_TEXT)
        return EXPR_NOTE_TYPE;
    if (a->text.len > EXPR_TEXT_BYTES_MAX)
        return EXPR_NOTE_TOO_LONG;
    *out = of_bool(expr_glob(b->text, a->text));
    return EXPR_NOTE_NONE;
}

/* Kleene's: one side may decide alone. */
static enum expr_note logic(bool deciding, const struct expr_value *a, const struct expr_value *b,
                            struct expr_value *out)
{
    bool a_is = a->type == EXPR_BOOL;
    bool b_is = b->type == EXPR_BOOL;

    if ((a_is && a->boolean == deciding) || (b_is && b->boolean == deciding))
        *out = of_bool(deciding);
    else if (a_is && b_is)
        *out = of_bool(!deciding);
    else if ((!a_is && a->type != EXPR_UNKNOWN) || (!b_is && b->type != EXPR_UNKNOWN))
        return EXPR_NOTE_TYPE;
    return EXPR_NOTE_NONE;
}

enum expr_note expr_binary(enum expr_op op, const struct expr_value *a, const struct expr_value *b,
                           int utc_offset_minutes, struct expr_value *out)
{
    *out = unknown;
    if (op == EXPR_OP_AND || op == EXPR_OP_OR)
        return logic(op == EXPR_OP_OR, a, b, out);
    if (a->type == EXPR_UNKNOWN || b->type == EXPR_UNKNOWN)
        return EXPR_NOTE_NONE; /* noted where it came from */
    if (op == EXPR_OP_GLOB)
        return glob(a, b, out);
    if (op >= EXPR_OP_EQ && op <= EXPR_OP_GE)
        return compare(op, a, b, utc_offset_minutes, out);
    if (a->type != EXPR_NUMBER || b->type != EXPR_NUMBER)
        return EXPR_NOTE_TYPE;
    return arithmetic(op, a->number, b->number, out);
}

bool expr_glob(struct slice pattern, struct slice text)
{
    size_t star = SIZE_MAX; /* behind the last star, and where its text began */
    size_t star_text = 0;
    size_t p = 0;
    size_t t = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            star_text = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

/* ---- the machine ---- */
struct machine {
    const struct expr *expr;
    const struct expr_env *env;
    struct expr_scratch *scratch;
    struct expr_value stack[EXPR_STACK_MAX];
    unsigned depth;
    enum expr_note note;
};

static void push(struct machine *m, struct expr_value value)
{
    ENSURE(m->depth < EXPR_STACK_MAX);
    m->stack[m->depth++] = value;
}

static struct expr_value pop(struct machine *m)
{
    ENSURE(m->depth > 0);
    return m->stack[--m->depth];
}

static void note(struct machine *m, enum expr_note why)
{
    if (m->note == EXPR_NOTE_NONE)
        m->note = why;
}

static struct expr_value item_of(struct machine *m, const struct expr_value *list, unsigned at)
{
    struct expr_value out = unknown;

    if (list->constant) {
        const struct expr_const *constant = list->list;
        return expr_const_value(m->expr, (unsigned)constant->number + at);
    }
    m->env->item(m->env->ctx, list, at, &out);
    return out;
}

static unsigned list_length(struct machine *m, const struct expr_value *list)
{
    if (list->count <= EXPR_LIST_MAX)
        return list->count;
    note(m, EXPR_NOTE_TOO_LONG);
    return 0;
}

static void run_binary(struct machine *m, enum expr_op op)
{
    struct expr_value b = pop(m);
    struct expr_value a = pop(m);
    struct expr_value out;

    note(m, expr_binary(op, &a, &b, m->env->utc_offset_minutes, &out));
    push(m, out);
}

static void run_in(struct machine *m)
{
    struct expr_value list = pop(m);
    struct expr_value needle = pop(m);
    struct expr_value found = unknown;

    if (needle.type != EXPR_UNKNOWN && list.type == EXPR_LIST && list.count <= EXPR_LIST_MAX) {
        found = of_bool(false);
        for (unsigned i = 0; i < list.count && !found.boolean; i++) {
            struct expr_value item = item_of(m, &list, i);
            int way;
            if (order(&needle, &item, m->env->utc_offset_minutes, &way))
                found.boolean = way == 0;
        }
    } else if (list.type == EXPR_LIST && list.count > EXPR_LIST_MAX) {
        note(m, EXPR_NOTE_TOO_LONG);
    } else if (needle.type != EXPR_UNKNOWN && list.type != EXPR_UNKNOWN) {
        note(m, EXPR_NOTE_TYPE);
    }
    push(m, found);
}

static size_t count_chars(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

static struct expr_value length_of(struct machine *m, struct expr_value v)
{
    if (v.type == EXPR_TEXT)
        return of_number((int64_t)count_chars(v.text) * EXPR_ONE);
    if (v.type == EXPR_LIST)
        return of_number(v.count * EXPR_ONE);
    if (v.type != EXPR_UNKNOWN)
        note(m, EXPR_NOTE_TYPE);
    return unknown;
}

static struct expr_value sum_of(struct machine *m, struct expr_value list)
{
    struct expr_value sum = of_number(0);
    unsigned count;

    if (list.type != EXPR_LIST) {
        if (list.type != EXPR_UNKNOWN)
            note(m, EXPR_NOTE_TYPE);
        return unknown;
    }
    if (list.count > EXPR_LIST_MAX) {
        note(m, EXPR_NOTE_TOO_LONG);
        return unknown;
    }
    count = list_length(m, &list);
    for (unsigned i = 0; i < count && sum.type == EXPR_NUMBER; i++) {
        struct expr_value item = item_of(m, &list, i);
        struct expr_value next;
        note(m, expr_binary(EXPR_OP_ADD, &sum, &item, 0, &next));
        sum = next;
    }
    return sum;
}

static struct expr_value any_of(struct machine *m, struct expr_value list)
{
    bool any = false;
    unsigned count;

    if (list.type != EXPR_LIST) {
        if (list.type != EXPR_UNKNOWN)
            note(m, EXPR_NOTE_TYPE);
        return unknown;
    }
    count = list_length(m, &list);
    for (unsigned i = 0; i < count && !any; i++) {
        struct expr_value item = item_of(m, &list, i);
        any = item.type == EXPR_BOOL && item.boolean;
    }
    return of_bool(any);
}

static struct expr_value lower_of(struct machine *m, struct expr_value v)
{
    struct expr_scratch *s = m->scratch;
    struct expr_value out = { .type = EXPR_TEXT };
    size_t begin = s->used;

    if (v.type != EXPR_TEXT) {
        if (v.type != EXPR_UNKNOWN)
            note(m, EXPR_NOTE_TYPE);
        return unknown;
    }
    while (v.text.len > 0) {
        uint32_t c = text_next(&v.text);
        if (s->used + 4 > sizeof(s->lower)) {
            note(m, EXPR_NOTE_TOO_LONG);
            s->used = begin;
            return unknown;
        }
        s->used += text_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), s->lower + s->used);
    }
    out.text = slice_make(s->lower + begin, s->used - begin);
    return out;
}

static struct expr_value match_of(struct machine *m, struct expr_value v, unsigned arg)
{
    const void *regex = expr_pool(m->expr) + (size_t)arg * EXPR_ALIGN;

    if (v.type == EXPR_TEXT && v.text.len <= EXPR_TEXT_BYTES_MAX)
        return of_bool(regex_test(regex, v.text));
    if (v.type != EXPR_UNKNOWN)
        note(m, v.type == EXPR_TEXT ? EXPR_NOTE_TOO_LONG : EXPR_NOTE_TYPE);
    return unknown;
}

static struct expr_value time_of(struct machine *m, struct expr_value v)
{
    struct expr_value out = { .type = EXPR_TIME };

    if (v.type == EXPR_TIME)
        return v;
    if (v.type == EXPR_TEXT && expr_time_parse(v.text, m->env->utc_offset_minutes, &out.time_ms))
        return out;
    if (v.type != EXPR_UNKNOWN)
        note(m, EXPR_NOTE_TYPE);
    return unknown;
}

static int64_t local_day(int64_t ms, int utc_offset_minutes)
{
    int64_t local;

    if (__builtin_add_overflow(ms, utc_offset_minutes * INT64_C(60000), &local))
        local = ms;
    return local / DAY_MS - (local % DAY_MS < 0);
}

static struct expr_value days_since(struct machine *m, struct expr_value v)
{
    int offset = m->env->utc_offset_minutes;
    struct expr_value then = time_of(m, v);

    if (then.type != EXPR_TIME)
        return unknown;
    return of_number((local_day(m->env->now_ms, offset) - local_day(then.time_ms, offset)) *
                     EXPR_ONE);
}

static struct expr_value negated(struct machine *m, struct expr_value v)
{
    if (v.type == EXPR_NUMBER && v.number != INT64_MIN)
        return of_number(-v.number);
    if (v.type != EXPR_UNKNOWN)
        note(m, v.type == EXPR_NUMBER ? EXPR_NOTE_OVERFLOW : EXPR_NOTE_TYPE);
    return unknown;
}

static void run_unary(struct machine *m, const struct expr_code *code)
{
    struct expr_value v = pop(m);

    switch ((enum expr_op)code->op) {
    case EXPR_OP_NOT:
        if (v.type != EXPR_BOOL && v.type != EXPR_UNKNOWN)
            note(m, EXPR_NOTE_TYPE);
        push(m, v.type == EXPR_BOOL ? of_bool(!v.boolean) : unknown);
        break;
    case EXPR_OP_NEG:
        push(m, negated(m, v));
        break;
    case EXPR_OP_LEN:
        push(m, length_of(m, v));
        break;
    case EXPR_OP_SUM:
        push(m, sum_of(m, v));
        break;
    case EXPR_OP_ANY:
        push(m, any_of(m, v));
        break;
    case EXPR_OP_KNOWN:
        push(m, of_bool(v.type != EXPR_UNKNOWN));
        break;
    case EXPR_OP_LOWER:
        push(m, lower_of(m, v));
        break;
    case EXPR_OP_MATCH:
        push(m, match_of(m, v, code->arg));
        break;
    case EXPR_OP_TIME:
        push(m, time_of(m, v));
        break;
    default:
        push(m, days_since(m, v));
        break;
    }
}

static void run_get(struct machine *m, unsigned id)
{
    struct expr_value out = unknown;

    m->env->get(m->env->ctx, (uint16_t)id, &out);
    if (out.type == EXPR_UNKNOWN)
        note(m, EXPR_NOTE_NULL);
    push(m, out);
}

static void run_call(struct machine *m, const struct expr_code *code)
{
    struct expr_value out = unknown;

    m->depth -= code->n;
    m->env->call(m->env->ctx, code->arg, &m->stack[m->depth], code->n, &out);
    if (out.type == EXPR_UNKNOWN)
        note(m, EXPR_NOTE_NULL);
    push(m, out);
}

/* Gives how many operations to pass over. */
static unsigned run_skip(struct machine *m, const struct expr_code *code)
{
    struct expr_value top;

    if (code->op == EXPR_OP_SKIP)
        return code->arg;
    if (code->op == EXPR_OP_ELSE_SKIP) {
        top = pop(m);
        return top.type == EXPR_BOOL && top.boolean ? 0 : code->arg;
    }
    top = m->stack[m->depth - 1];
    return top.type == EXPR_BOOL && top.boolean == (code->op == EXPR_OP_SKIP_TRUE) ? code->arg : 0;
}

enum expr_note expr_eval(const struct expr *expr, const struct expr_env *env,
                         struct expr_scratch *scratch, struct expr_value *out)
{
    struct machine m = { .expr = expr, .env = env, .scratch = scratch };

    scratch->used = 0;
    for (unsigned at = 0; at < expr->code_count; at++) {
        const struct expr_code *code = &expr->code[at];

        if (code->op == EXPR_OP_CONST)
            push(&m, expr_const_value(expr, code->arg));
        else if (code->op == EXPR_OP_GET)
            run_get(&m, code->arg);
        else if (code->op == EXPR_OP_CALL)
            run_call(&m, code);
        else if (code->op == EXPR_OP_NOW)
            push(&m, (struct expr_value){ .type = EXPR_TIME, .time_ms = env->now_ms });
        else if (code->op == EXPR_OP_IN)
            run_in(&m);
        else if (code->op >= EXPR_OP_SKIP_FALSE && code->op <= EXPR_OP_SKIP)
            at += run_skip(&m, code);
        else if (code->op >= EXPR_OP_ADD && code->op <= EXPR_OP_OR)
            run_binary(&m, (enum expr_op)code->op);
        else
            run_unary(&m, code);
    }
    *out = pop(&m);
    return out->type == EXPR_UNKNOWN ? m.note : EXPR_NOTE_NONE;
}

bool expr_holds(const struct expr *expr, const struct expr_env *env, enum expr_note *why)
{
    struct expr_scratch scratch __attribute__((uninitialized));
    struct expr_value value;
    enum expr_note noted = expr_eval(expr, env, &scratch, &value);

    if (why != NULL)
        *why = noted;
    return value.type == EXPR_BOOL && value.boolean;
}

size_t expr_bytes(const struct expr *expr)
{
    return expr->bytes;
}

enum expr_type expr_type_of(const struct expr *expr)
{
    return (enum expr_type)expr->type;
}

const char *expr_type_name(enum expr_type type)
{
    static const char *const names[] = { "any type", "boolean", "number", "text", "time", "list" };

    return names[type];
}

const char *expr_note_name(enum expr_note why)
{
    static const char *const names[] = { "", "null", "division", "overflow", "type", "too_long" };

    return names[why];
}
