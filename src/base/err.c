/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http_status;
} err_table[ERR_CODE_COUNT] = {
    [-ERR_OK] = { "ok", 200 },
    [-ERR_INVALID] = { "invalid", 400 },
    [-ERR_UNAUTHENTICATED] = { "unauthenticated", 401 },
    [-ERR_FORBIDDEN] = { "forbidden", 403 },
    [-ERR_NOT_FOUND] = { "not_found", 404 },
    [-ERR_CONFLICT] = { "conflict", 409 },
    [-ERR_TOO_BIG] = { "too_big", 413 },
    [-ERR_RATE_LIMITED] = { "rate_limited", 429 },
    [-ERR_BUSY] = { "busy", 503 },
    [-ERR_UNAVAILABLE] = { "unavailable", 503 },
    [-ERR_NO_SPACE] = { "no_space", 507 },
    [-ERR_CORRUPT] = { "corrupt", 500 },
    [-ERR_IO] = { "io", 500 },
    [-ERR_UNSUPPORTED] = { "unsupported", 400 },
    [-ERR_TIMEOUT] = { "timeout", 504 },
    [-ERR_METHOD] = { "method_not_allowed", 405 },
    [-ERR_PRECONDITION] = { "precondition_failed", 412 },
};

PRINTF_LIKE(4, 0)
static void err_fill(struct err *err, enum err_code code, const char *field, const char *fmt,
                     va_list args)
{
    if (err == NULL)
        return;
    err->code = code;
    err->retry_after_ms = 0;
    snprintf(err->field, sizeof(err->field), "%s", field);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
}

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    err_fill(err, code, "", fmt, args);
    va_end(args);
    return code;
}

enum err_code err_set_field(struct err *err, enum err_code code, const char *field, const char *fmt,
                            ...)
{
    va_list args;

    va_start(args, fmt);
    err_fill(err, code, field, fmt, args);
    va_end(args);
    return code;
}

const char *err_code_name(enum err_code code)
{
    ENSURE(code <= 0 && -code < ERR_CODE_COUNT);
    return err_table[-code].name;
}

int err_http_status(enum err_code code)
{
    ENSURE(code <= 0 && -code < ERR_CODE_COUNT);
    return err_table[-code].http_status;
}
