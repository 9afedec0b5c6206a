/* SPDX-License-Identifier: Apache-2.0 */
/* The guard language of flows, rules and routing: one expression, typed, total, without loops.
 *
 *     intent in ['complaint.legal', 'press']        order.total > 99.50 && !open('vip')
 *     intent ~ 'order.return*'                      days_since(order.delivered_at) <= 7
 *     user.vip ? 8 : 4                              match(order_id, '^JD[0-9]{10}$')
 *
 * Weakest first: ?:   ||   &&   == != < <= > >= ~ in   + -   * /   ! -(unary)   ( ). A comparison
 * has no second one beside it (a < b < c is refused). ~ is a glob over the whole text: * stands for
 * any characters. Texts are in ' or ", with \ before a quote or a \. Lists are [a, b].
 *
 * Types: boolean, number, text, time, list. Numbers are exact decimals with four digits after the
 * point and 15 before it, so that 0.1 + 0.2 == 0.3 and money stays money; a product or quotient is
 * cut to that. A name whose type is only known when it is read (a field of a JSON value) may stand
 * anywhere; a wrong type is then noticed when it is evaluated.
 *
 * Unknown: a name without a value, a division by zero, an overflow, a wrong type give *unknown*,
 * and so does every operation on it, except that `false && unknown` is false, `true || unknown` is
 * true and known(x) says whether x is there. A guard that comes out unknown does not hold.
 *
 * Functions: len(text or list)  sum(list of numbers)  any(list of booleans)  known(x)
 * lower(text)  match(text, 'regex')  now()  time(text)  days_since(time): calendar days in the
 * host's time zone. The host adds names and functions of its own.
 *
 * A compiled expression is one block of memory without pointers (copy it, store it aligned to
 * EXPR_ALIGN, free() it). Evaluation allocates nothing, takes at most EXPR_OPS_MAX operations, and
 * the ones that walk a list or a text end with it. Pure; any thread. */
#ifndef KEFU_EXPR_H
#define KEFU_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    EXPR_SOURCE_BYTES_MAX = 1000, /* a guard is one line that people read */
    EXPR_OPS_MAX = 64,            /* bounds every evaluation */
    EXPR_DEPTH_MAX = 32,          /* nesting of the source */
    EXPR_STACK_MAX = 24,          /* values at once; a list or a call needs one for each part */
    EXPR_ARGS_MAX = 4,
    EXPR_LIST_MAX = 256,         /* items that an operation on a list looks at */
    EXPR_TEXT_BYTES_MAX = 4096,  /* that lower, ~ and match look at: more is unknown */
    EXPR_LOWER_BYTES_MAX = 1024, /* of all results of lower() in one evaluation */
    EXPR_NAME_BYTES_MAX = 120,
    EXPR_ALIGN = 8,
};
#define EXPR_ONE INT64_C(10000) /* the number 1 */

enum expr_type {
    EXPR_UNKNOWN, /* of a value; of a name: only known when read */
    EXPR_BOOL,
    EXPR_NUMBER,
    EXPR_TEXT,
    EXPR_TIME,
    EXPR_LIST,
};

struct expr_value {
    enum expr_type type;
    bool constant;  /* private: a list of the expression itself */
    uint32_t count; /* items of a list */
    union {
        bool boolean;
        int64_t number;  /* in 1/EXPR_ONE */
        int64_t time_ms; /* since 1970-01-01 UTC */
        struct slice text;
        const void *list; /* the host's; items by expr_env.item */
    };
};

/* ---- what the host declares, for compiling ---- */
struct expr_symbol {
    uint16_t id; /* handed to expr_env */
    enum expr_type type;
    const struct slice *values; /* the only texts it can be, or NULL */
    uint16_t value_count;
};
struct expr_function {
    uint16_t id;
    enum expr_type type; /* of the result */
    uint8_t arg_count;
    enum expr_type args[EXPR_ARGS_MAX]; /* EXPR_UNKNOWN: any */
};
struct expr_scope {
    void *ctx;
    /* false: no such name. */
    bool (*symbol)(void *ctx, struct slice name, struct expr_symbol *out);
    bool (*function)(void *ctx, struct slice name, struct expr_function *out); /* may be NULL */
    /* The index-th name, for "did you mean"; false past the end. May be NULL. */
    bool (*name_at)(void *ctx, unsigned index, struct slice *out);
};

struct expr;

/* Where in the source a fault is: both from 1, columns in characters. */
struct expr_place {
    unsigned line, column;
};

/* place may be NULL. ERR_INVALID: syntax, an unknown name, a wrong type, a constant that overflows;
 * ERR_TOO_BIG: a limit; ERR_UNSUPPORTED: see regex_compile. want: the type that it must have,
 * EXPR_UNKNOWN for any. */
MUST_USE enum err_code expr_compile(struct slice source, enum expr_type want,
                                    const struct expr_scope *scope, struct expr **out,
                                    struct expr_place *place, struct err *err);
size_t expr_bytes(const struct expr *expr);
enum expr_type expr_type_of(const struct expr *expr); /* EXPR_UNKNOWN: known when read */

/* ---- evaluation ---- */
enum expr_note { /* why a result is unknown: the first reason met */
                 EXPR_NOTE_NONE,
                 EXPR_NOTE_NULL,
                 EXPR_NOTE_DIVISION,
                 EXPR_NOTE_OVERFLOW,
                 EXPR_NOTE_TYPE,
                 EXPR_NOTE_TOO_LONG,
};
struct expr_env {
    void *ctx;
    int64_t now_ms;
    int utc_offset_minutes; /* of the place whose calendar counts */
    /* Leave *out as it is (unknown) for a name without a value. */
    void (*get)(void *ctx, uint16_t id, struct expr_value *out);
    void (*call)(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                 struct expr_value *out);
    void (*item)(void *ctx, const struct expr_value *list, unsigned index, struct expr_value *out);
};
/* Texts of the result point into the expression, into what the host gave, or into the scratch. */
struct expr_scratch {
    size_t used;
    char lower[EXPR_LOWER_BYTES_MAX];
};
enum expr_note expr_eval(const struct expr *expr, const struct expr_env *env,
                         struct expr_scratch *scratch, struct expr_value *out);
/* Does it hold? Unknown does not; *note (may be NULL) says why. */
bool expr_holds(const struct expr *expr, const struct expr_env *env, enum expr_note *note);

const char *expr_type_name(enum expr_type type); /* "boolean", ... */
const char *expr_note_name(enum expr_note note); /* "null", "division", ... */

/* ---- looking into an expression, for checkers ---- */
enum expr_use_kind {
    EXPR_USE_BARE,    /* the name alone, as a boolean */
    EXPR_USE_COMPARE, /* with a constant: == != < <= > >=, a glob, an item of a list */
    EXPR_USE_KNOWN,   /* as the argument of known() */
    EXPR_USE_OTHER,   /* in arithmetic, as an argument, with another name */
};
struct expr_use {
    uint16_t id;
    enum expr_use_kind kind;
    struct expr_value value; /* of EXPR_USE_COMPARE; points into the expression */
};
/* Every use of a name, one entry for each item of a constant list; gives how many there are and
 * fills at most max. Function calls are EXPR_USE_OTHER of no name: *calls counts them. */
size_t expr_uses(const struct expr *expr, struct expr_use *out, size_t max, unsigned *calls);

/* True when it can only hold with every name in it known: no ||, no !, no ?:. */
bool expr_needs_all(const struct expr *expr);

/* ---- pieces that the same hosts need ---- */
bool expr_glob(struct slice pattern, struct slice text);
/* "12", "-3.5"; at most four digits after the point. false: not one, or too large. */
bool expr_number_parse(struct slice text, int64_t *out);
/* The shortest form; gives the length. */
enum { EXPR_NUMBER_CHARS_MAX = 24 };
size_t expr_number_format(int64_t number, char out[EXPR_NUMBER_CHARS_MAX]);
/* RFC 3339, without seconds or zone too, or a date alone; local times are in the given zone. */
bool expr_time_parse(struct slice text, int utc_offset_minutes, int64_t *out);

/* How many letters must be changed, added, dropped or swapped with their neighbour to make b of a;
 * max + 1 when it is more than max. For "did you mean". Looks at EXPR_NAME_BYTES_MAX bytes. */
unsigned expr_distance(struct slice a, struct slice b, unsigned max);

#endif
