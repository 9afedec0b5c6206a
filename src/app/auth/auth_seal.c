/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_seal.h"

#include <sodium.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };
_Static_assert(NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES == AUTH_SEAL_OVERHEAD,
               "nonce and tag");

size_t auth_seal(const struct auth_key *master, uint64_t workspace, struct slice name,
                 struct slice value, uint8_t *out)
{
    unsigned long long len = 0;
    struct auth_key key;

    auth_key_derive(master, "seal", workspace, &key);
    randombytes_buf(out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, &len, (const uint8_t *)value.ptr,
                                               value.len, (const uint8_t *)name.ptr, name.len, NULL,
                                               out, key.bytes);
    sodium_memzero(&key, sizeof(key));
    return NONCE + (size_t)len;
}

enum err_code auth_unseal(const struct auth_key *master, uint64_t workspace, struct slice name,
                          struct slice sealed, char *out, size_t *len, struct err *err)
{
    unsigned long long opened = 0;
    const uint8_t *bytes = (const uint8_t *)sealed.ptr;
    struct auth_key key;
    int rc = -1;

    auth_key_derive(master, "seal", workspace, &key);
    if (sealed.len >= AUTH_SEAL_OVERHEAD)
        rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
            (uint8_t *)out, &opened, NULL, bytes + NONCE, sealed.len - NONCE,
            (const uint8_t *)name.ptr, name.len, bytes, key.bytes);
    sodium_memzero(&key, sizeof(key));
    *len = (size_t)opened;
    return rc == 0 ? ERR_OK : err_set(err, ERR_CORRUPT, "a sealed secret does not open");
}
