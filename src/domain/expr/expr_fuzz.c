/* SPDX-License-Identifier: Apache-2.0 */
/* A source, compiled against a host whose names have every type, and evaluated with values of every
 * type behind them. The first byte turns the values. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice reasons[] = { { "damaged", 7 }, { "wrong", 5 } };

/* "a" to "f": names of each type; "r": one of two reasons. */
static bool symbol(void *ctx, struct slice name, struct expr_symbol *out)
{
    (void)ctx;
    if (name.len == 0 || name.ptr[0] < 'a' || name.ptr[0] > 'r')
        return false;
    *out = (struct expr_symbol){ .id = (uint16_t)(name.ptr[0] - 'a') };
    if (name.ptr[0] <= 'f') {
        out->type = (enum expr_type)(name.ptr[0] - 'a');
    } else if (name.ptr[0] == 'r') {
        out->type = EXPR_TEXT;
        out->values = reasons;
        out->value_count = 2;
    }
    return true;
}

static bool function(void *ctx, struct slice name, struct expr_function *out)
{
    (void)ctx;
    *out = (struct expr_function){ .id = 1,
                                   .type = (enum expr_type)(name.len % 6),
                                   .arg_count = (uint8_t)(name.len % EXPR_ARGS_MAX) };
    return true;
}

static struct expr_value value_of(unsigned n)
{
    struct expr_value value = { .type = (enum expr_type)(n % 6) };

    if (value.type == EXPR_BOOL)
        value.boolean = (n & 8) != 0;
    else if (value.type == EXPR_TEXT)
        value.text = (n & 8) != 0 ? slice_of("2026-03-01") : slice_of("杯É\xFF");
    else if (value.type == EXPR_LIST)
        value.count = n;
    else
        value.number = (n & 8) != 0 ? INT64_MAX : INT64_MIN + 1;
    return value;
}

static void get(void *ctx, uint16_t id, struct expr_value *out)
{
    *out = value_of(*(const uint8_t *)ctx + id);
}

static void call(void *ctx, uint16_t id, const struct expr_value *args, unsigned count,
                 struct expr_value *out)
{
    *out = count > 0 ? args[0] : value_of(*(const uint8_t *)ctx + id);
}

static void item(void *ctx, const struct expr_value *list, unsigned index, struct expr_value *out)
{
    ENSURE(index < list->count);
    *out = value_of(*(const uint8_t *)ctx + index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct expr_scope scope = { .symbol = symbol, .function = function };
    struct expr_env env = { .get = get, .call = call, .item = item, .utc_offset_minutes = 480 };
    uint8_t turn = size > 0 ? data[0] : 0;
    struct expr_place place = { 0, 0 };
    struct expr_scratch scratch;
    struct expr_use uses[8];
    struct expr_value value;
    struct expr *expr = NULL;
    struct err err = { 0 };
    unsigned calls;

    if (size == 0)
        return 0;
    env.ctx = &turn;
    env.now_ms = turn < 128 ? INT64_MAX : turn;
    if (expr_compile(slice_make(data + 1, size - 1), EXPR_UNKNOWN, &scope, &expr, &place, &err) !=
        ERR_OK) {
        ENSURE(err.text[0] != '\0' && place.line > 0 && place.column > 0);
        return 0;
    }
    (void)expr_eval(expr, &env, &scratch, &value);
    (void)expr_uses(expr, uses, LENGTH_OF(uses), &calls);
    free(expr);
    return 0;
}
