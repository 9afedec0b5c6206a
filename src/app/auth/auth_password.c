/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_password.h"

#include <sodium.h>

enum {
    PASSES = 3,
    MEMORY_BYTES = 64 << 20,
    LOCK_MS_MAX = 24 * 60 * 60 * 1000,
};

/* Those of the most used passwords that are long enough to pass the length rule. */
static const char *const common[] = {
    "123456789012",   "1234567890123", "12345678901234",  "123456123456",     "111111111111",
    "000000000000",   "password1234",  "password12345",   "passwordpassword", "qwertyuiop123",
    "qwertyuiop12",   "1q2w3e4r5t6y",  "qwertyuiopas",    "abcdefghijkl",     "administrator",
    "letmeinletmein", "iloveyou1234",  "woaini1314520",   "a12345678901",     "123123123123",
    "112233445566",   "qazwsxedcrfv",  "adminadminadmin", "changeme1234",     "welcome12345",
};

enum err_code auth_password_check(struct slice password, struct err *err)
{
    if (password.len < AUTH_PASSWORD_LEN_MIN)
        return err_set_field(err, ERR_INVALID, "password", "at least %d characters",
                             AUTH_PASSWORD_LEN_MIN);
    if (password.len > AUTH_PASSWORD_LEN_MAX)
        return err_set_field(err, ERR_INVALID, "password", "at most %d bytes",
                             AUTH_PASSWORD_LEN_MAX);
    for (size_t i = 0; i < LENGTH_OF(common); i++)
        if (slice_equal_ignore_case(password, slice_of(common[i])))
            return err_set_field(err, ERR_INVALID, "password", "too easy to guess");
    return ERR_OK;
}

enum err_code auth_password_hash(struct slice password, char out[AUTH_PASSWORD_HASH_MAX],
                                 struct err *err)
{
    _Static_assert((int)crypto_pwhash_STRBYTES <= (int)AUTH_PASSWORD_HASH_MAX, "room for a hash");
    if (crypto_pwhash_str_alg(out, password.ptr, password.len, PASSES, MEMORY_BYTES,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(err, ERR_BUSY, "no memory to hash a password");
    return ERR_OK;
}

bool auth_password_verify(const char *hash, struct slice password)
{
    /* Nobody's: of random bytes, with the parameters above. */
    static const char nobody[crypto_pwhash_STRBYTES] =
        "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo";
    bool known = hash != NULL && hash[0] != '\0';
    int rc;

    if (password.len > AUTH_PASSWORD_LEN_MAX)
        password.len = 0;
    rc = crypto_pwhash_str_verify(known ? hash : nobody, password.ptr != NULL ? password.ptr : "",
                                  password.len);
    return known && rc == 0;
}

bool auth_lock_holds(const struct auth_lock *lock, int64_t now_ms)
{
    return lock->locked_until > now_ms;
}

void auth_lock_fail(struct auth_lock *lock, int64_t now_ms)
{
    int64_t span = AUTH_LOCK_MS;

    if (lock->failures < UINT32_MAX)
        lock->failures++;
    if (lock->failures < AUTH_FAILURES_MAX)
        return;
    for (uint32_t i = AUTH_FAILURES_MAX; i < lock->failures && span < LOCK_MS_MAX; i++)
        span *= 2;
    lock->locked_until = now_ms + (span < LOCK_MS_MAX ? span : LOCK_MS_MAX);
}
