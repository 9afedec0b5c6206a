/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: disk, peer, configuration, input, any limit reached. A function that can fault returns
 * enum err_code and fills the caller's struct err. There is no "last error". Any thread.
 * The codes are the ones of the wire: err_code_name() gives the stable name used in REST replies
 * and `error` frames, err_http_status() its HTTP status. */
#ifndef KEFU_ERR_H
#define KEFU_ERR_H

#include "check.h"

enum err_code {
    ERR_OK = 0,
    ERR_INVALID = -1,         /* malformed or out of range input: 400 invalid */
    ERR_UNAUTHENTICATED = -2, /* 401 */
    ERR_FORBIDDEN = -3,       /* 403 */
    ERR_NOT_FOUND = -4,       /* also for what the caller may not see: 404 */
    ERR_CONFLICT = -5,        /* same id with other content, stale version, illegal state: 409 */
    ERR_TOO_BIG = -6,         /* a size limit: 413 */
    ERR_RATE_LIMITED = -7,    /* 429, with retry_after_ms */
    ERR_BUSY = -8,            /* a queue is full: 503 busy, with retry_after_ms */
    ERR_UNAVAILABLE = -9,     /* the store does not answer: 503 */
    ERR_NO_SPACE = -10,       /* disk full: 507 */
    ERR_CORRUPT = -11,        /* checksum or structure of stored bytes: 500 */
    ERR_IO = -12,             /* operating system or peer: 500 */
    ERR_UNSUPPORTED = -13,    /* version or feature not known: 400 */
    ERR_TIMEOUT = -14,        /* 504 */
    ERR_METHOD = -15,         /* 405 */
    ERR_PRECONDITION = -16,   /* 412 */
    ERR_CODE_COUNT = 17,
};

enum {
    ERR_TEXT_MAX = 200, /* fits one log line; longer texts are cut */
    ERR_FIELD_MAX = 80, /* path of the field in error, e.g. "send.clientId" */
};

struct err {
    enum err_code code;
    unsigned retry_after_ms;   /* 0: no hint */
    char text[ERR_TEXT_MAX];   /* never holds message text, tokens or addresses */
    char field[ERR_FIELD_MAX]; /* empty: no field */
};

/* Fills err (which may be NULL) and returns code. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
enum err_code err_set_field(struct err *err, enum err_code code, const char *field, const char *fmt,
                            ...) PRINTF_LIKE(4, 5);

const char *err_code_name(enum err_code code);
int err_http_status(enum err_code code);

#endif
