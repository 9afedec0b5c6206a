/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of others (tokens of the shop's systems) at rest: sealed under a key derived from the
 * master key, so that a copy of the database without DATA/secrets.key tells nothing. A sealed
 * secret belongs to its name and workspace: moved to another, it does not open. Any thread, after
 * auth_secret_init. */
#ifndef KEFU_AUTH_SEAL_H
#define KEFU_AUTH_SEAL_H

#include "auth_secret.h"

enum {
    AUTH_SEAL_VALUE_MAX = 4096,   /* a long signed token */
    AUTH_SEAL_OVERHEAD = 24 + 16, /* nonce and tag of XChaCha20-Poly1305 */
};

/* out has room for value.len + AUTH_SEAL_OVERHEAD; gives the length. */
size_t auth_seal(const struct auth_key *master, uint64_t workspace, struct slice name,
                 struct slice value, uint8_t *out);
/* out has room for sealed.len. ERR_CORRUPT: not sealed by this key, for this name. */
MUST_USE enum err_code auth_unseal(const struct auth_key *master, uint64_t workspace,
                                   struct slice name, struct slice sealed, char *out, size_t *len,
                                   struct err *err);

#endif
