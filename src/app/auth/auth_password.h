/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: Argon2id, 64 MiB, 3 passes (about 100 ms and 64 MiB each: run it in the log-in
 * worker pool only, which bounds both). Any thread after auth_secret_init. */
#ifndef KEFU_AUTH_PASSWORD_H
#define KEFU_AUTH_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "err.h"
#include "slice.h"

enum {
    AUTH_PASSWORD_LEN_MIN = 12,
    AUTH_PASSWORD_LEN_MAX = 256,
    AUTH_PASSWORD_HASH_MAX = 128,
    AUTH_FAILURES_MAX = 5,
    AUTH_LOCK_MS = 15 * 60 * 1000,
};

/* Long enough, and not one of the passwords that everyone tries first. */
MUST_USE enum err_code auth_password_check(struct slice password, struct err *err);
MUST_USE enum err_code auth_password_hash(struct slice password, char out[AUTH_PASSWORD_HASH_MAX],
                                          struct err *err);
/* hash may be NULL (no such account): the same work is done and the answer is false, so the time
 * tells nothing about who exists. */
bool auth_password_verify(const char *hash, struct slice password);

/* The count of wrong passwords of one account. */
struct auth_lock {
    uint32_t failures;
    int64_t locked_until; /* ms; 0: never locked */
};
bool auth_lock_holds(const struct auth_lock *lock, int64_t now_ms);
/* After AUTH_FAILURES_MAX wrong ones the account is locked, each time twice as long (<= 24 h). */
void auth_lock_fail(struct auth_lock *lock, int64_t now_ms);

#endif
