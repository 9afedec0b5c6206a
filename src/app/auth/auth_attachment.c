/* SPDX-License-Identifier: Apache-2.0 */
#include "auth_attachment.h"

#include <string.h>

#include <sodium.h>

enum {
    VERSION = 1,
    MAC_BYTES = 16,
    HEAD_BYTES = 1 + 8 + 8,
    BODY_BYTES_MAX = HEAD_BYTES + ATTACHMENT_NAME_BYTES_MAX,
};

_Static_assert((BODY_BYTES_MAX + MAC_BYTES + 2) / 3 * 4 < AUTH_ATTACHMENT_TEXT_MAX,
               "the longest reference fits its text");

static void number_put(uint8_t *at, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static uint64_t number_get(const uint8_t *at)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

static void mac_make(const struct auth_key *master, const uint8_t *body, size_t len,
                     uint8_t out[AUTH_HASH_BYTES])
{
    struct auth_key key;

    auth_key_derive(master, "attachment", 0, &key);
    auth_hmac(&key, slice_make(body, len), out);
}

void auth_attachment_sign(const struct auth_key *master, const struct auth_attachment *attachment,
                          char out[AUTH_ATTACHMENT_TEXT_MAX])
{
    uint8_t bytes[BODY_BYTES_MAX + AUTH_HASH_BYTES];
    size_t name_len = strlen(attachment->name);
    size_t len = HEAD_BYTES + name_len;

    ENSURE(name_len > 0 && name_len <= ATTACHMENT_NAME_BYTES_MAX);
    bytes[0] = VERSION;
    number_put(bytes + 1, attachment->visitor_id);
    number_put(bytes + 9, attachment->id);
    memcpy(bytes + HEAD_BYTES, attachment->name, name_len);
    mac_make(master, bytes, len, bytes + len);
    sodium_bin2base64(out, AUTH_ATTACHMENT_TEXT_MAX, bytes, len + MAC_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum err_code auth_attachment_verify(const struct auth_key *master, struct slice text,
                                     uint64_t visitor_id, struct auth_attachment *out,
                                     struct err *err)
{
    uint8_t bytes[BODY_BYTES_MAX + MAC_BYTES];
    uint8_t mac[AUTH_HASH_BYTES];
    size_t len = 0;
    size_t name_len;

    if (sodium_base642bin(bytes, sizeof(bytes), text.ptr != NULL ? text.ptr : "", text.len, NULL,
                          &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len <= HEAD_BYTES + MAC_BYTES || bytes[0] != VERSION)
        return err_set(err, ERR_FORBIDDEN, "not a reference of an upload");
    len -= MAC_BYTES;
    mac_make(master, bytes, len, mac);
    if (sodium_memcmp(mac, bytes + len, MAC_BYTES) != 0)
        return err_set(err, ERR_FORBIDDEN, "not a reference of an upload");
    out->visitor_id = number_get(bytes + 1);
    out->id = number_get(bytes + 9);
    name_len = len - HEAD_BYTES;
    memcpy(out->name, bytes + HEAD_BYTES, name_len);
    out->name[name_len] = '\0';
    if (out->visitor_id != visitor_id)
        return err_set(err, ERR_FORBIDDEN, "an upload of another visitor");
    return ERR_OK;
}
