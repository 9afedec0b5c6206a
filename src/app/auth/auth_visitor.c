/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_visitor.h"

#include <stdio.h>

#include <sodium.h>

enum {
    VERSION = 1,
    MAC_BYTES = 16,
    BODY_BYTES = 1 + 1 + 8 + 8 + 4,
    TOKEN_BYTES = BODY_BYTES + MAC_BYTES,
    IDENTITY_AGE_S_MAX = 24 * 60 * 60,
    CLOCK_DIFFERENCE_S_MAX = 5 * 60,
};

static void put_number(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static uint64_t get_number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void mac_make(const struct auth_key *master, const struct auth_visitor *visitor,
                     const uint8_t *body, uint8_t out[AUTH_HASH_BYTES])
{
    struct auth_key key;

    auth_key_derive(master, visitor->key_id == 0 ? "visitor" : "visitor+",
                    visitor->site_id ^ ((uint64_t)visitor->key_id << 56), &key);
    auth_hmac(&key, slice_make(body, BODY_BYTES), out);
}

void auth_visitor_sign(const struct auth_key *master, const struct auth_visitor *visitor,
                       char out[AUTH_VISITOR_TEXT_MAX])
{
    uint8_t token[BODY_BYTES + AUTH_HASH_BYTES];

    token[0] = VERSION;
    token[1] = visitor->key_id;
    put_number(token + 2, visitor->visitor_id, 8);
    put_number(token + 10, visitor->site_id, 8);
    put_number(token + 18, visitor->issued_s, 4);
    mac_make(master, visitor, token, token + BODY_BYTES);
    sodium_bin2base64(out, AUTH_VISITOR_TEXT_MAX, token, TOKEN_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum err_code auth_visitor_verify(const struct auth_key *master, struct slice token,
                                  struct auth_visitor *out, struct err *err)
{
    uint8_t bytes[TOKEN_BYTES];
    uint8_t mac[AUTH_HASH_BYTES];
    struct auth_visitor visitor;
    size_t len = 0;

    if (sodium_base642bin(bytes, sizeof(bytes), token.ptr != NULL ? token.ptr : "", token.len, NULL,
                          &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != TOKEN_BYTES || bytes[0] != VERSION)
        return err_set(err, ERR_UNAUTHENTICATED, "not a visitor token");
    visitor.key_id = bytes[1];
    visitor.visitor_id = get_number(bytes + 2, 8);
    visitor.site_id = get_number(bytes + 10, 8);
    visitor.issued_s = (uint32_t)get_number(bytes + 18, 4);
    mac_make(master, &visitor, bytes, mac);
    if (sodium_memcmp(mac, bytes + BODY_BYTES, MAC_BYTES) != 0)
        return err_set(err, ERR_UNAUTHENTICATED, "visitor token not signed by this server");
    *out = visitor;
    return ERR_OK;
}

void auth_identity_secret(const struct auth_key *master, uint64_t site_id, char out[65])
{
    struct auth_key key;

    auth_key_derive(master, "identity", site_id, &key);
    auth_hex(key.bytes, sizeof(key.bytes), out);
}

enum err_code auth_identity_verify(struct slice site_secret, struct slice user_id, int64_t issued_s,
                                   struct slice hash, int64_t now_s, struct err *err)
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[AUTH_HASH_BYTES];
    char expected[AUTH_HASH_BYTES * 2 + 1];
    char issued[24];

    if (issued_s < now_s - IDENTITY_AGE_S_MAX || issued_s > now_s + CLOCK_DIFFERENCE_S_MAX)
        return err_set_field(err, ERR_FORBIDDEN, "identify.issuedAt", "older than 24 h");
    snprintf(issued, sizeof(issued), ".%lld", (long long)issued_s);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)site_secret.ptr, site_secret.len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)user_id.ptr, user_id.len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)issued, strlen(issued));
    crypto_auth_hmacsha256_final(&state, mac);
    auth_hex(mac, sizeof(mac), expected);
    if (!auth_equal(hash, slice_of(expected)))
        return err_set_field(err, ERR_FORBIDDEN, "identify.hash", "signature does not match");
    return ERR_OK;
}
