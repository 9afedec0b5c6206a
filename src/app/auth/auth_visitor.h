/* SPDX-License-Identifier: Apache-2.0 */
/* Visitor tokens: who a visitor is, signed, so that finding the owner needs no look-up. The text
 * is base64url of {version, key id, visitor, site, issued, HMAC-SHA-256 cut to 128 bits}; the key
 * is derived from the master key for the site and key id, so a site's tokens end when its key id
 * moves on. Pure but for the key; any thread. */
#ifndef KEFU_AUTH_VISITOR_H
#define KEFU_AUTH_VISITOR_H

#include <stdint.h>

#include "auth_secret.h"

enum { AUTH_VISITOR_TEXT_MAX = 72 };

struct auth_visitor {
    uint64_t visitor_id;
    uint64_t site_id;
    uint32_t issued_s; /* seconds since 1970 */
    uint8_t key_id;
};

void auth_visitor_sign(const struct auth_key *master, const struct auth_visitor *visitor,
                       char out[AUTH_VISITOR_TEXT_MAX]);
MUST_USE enum err_code auth_visitor_verify(const struct auth_key *master, struct slice token,
                                           struct auth_visitor *out, struct err *err);

/* Signed identity: hash is hex HMAC-SHA-256(site secret, user_id + "." + issued_s), at most 24 h
 * old and not from the future (5 min of clock difference allowed). */
MUST_USE enum err_code auth_identity_verify(struct slice site_secret, struct slice user_id,
                                            int64_t issued_s, struct slice hash, int64_t now_s,
                                            struct err *err);
/* The site's identity secret as text (hex), derived, so it isn't stored. */
void auth_identity_secret(const struct auth_key *master, uint64_t site_id, char out[65]);

#endif
