/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, random secrets and what is derived from them. The master key is 32 random bytes in
 * DATA/secrets.key (0600), made at first start; every use has its own key derived from it.
 * auth_secret_init must run once before anything else here; after that any thread. */
#ifndef KEFU_AUTH_SECRET_H
#define KEFU_AUTH_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "err.h"
#include "slice.h"

enum {
    AUTH_KEY_BYTES = 32,
    AUTH_HASH_BYTES = 32,      /* SHA-256 */
    AUTH_SECRET_BYTES = 32,    /* sessions, API tokens, tickets: 256 bits */
    AUTH_SECRET_TEXT_MAX = 64, /* their text: prefix, base64url, NUL */
};

struct auth_key {
    uint8_t bytes[AUTH_KEY_BYTES];
};

MUST_USE enum err_code auth_secret_init(struct err *err);
/* Reads path, or makes it. Refuses a file that others can read. */
MUST_USE enum err_code auth_key_load(const char *path, struct auth_key *out, struct err *err);
/* A key that lives as long as the process. */
void auth_key_random(struct auth_key *out);
void auth_key_derive(const struct auth_key *master, const char *purpose, uint64_t id,
                     struct auth_key *out);

/* A random secret as text: prefix + 43 characters of base64url. */
void auth_secret_make(const char *prefix, char out[AUTH_SECRET_TEXT_MAX]);
/* What is stored of a secret; its 256 random bits need no slow hash. */
void auth_secret_hash(struct slice secret, uint8_t out[AUTH_HASH_BYTES]);
/* The hash as 64 hex digits, for a look-up column. */
void auth_secret_lookup(struct slice secret, char out[AUTH_HASH_BYTES * 2 + 1]);
/* A random password that can be read aloud: 4 groups of 5 characters, 100 bits. */
void auth_password_make(char out[24]);
uint64_t auth_random_u64(void);
/* Whether both are equal, in a time that depends on the lengths only. */
bool auth_equal(struct slice a, struct slice b);
void auth_hmac(const struct auth_key *key, struct slice data, uint8_t out[AUTH_HASH_BYTES]);
void auth_hex(const uint8_t *bytes, size_t len, char *out); /* out: 2 * len + 1 */

#endif
