/* SPDX-License-Identifier: Apache-2.0 */
/* References to uploads: what the server says about a file to the visitor who sent it, signed, so
 * that a message with it needs no look-up on the hot path. The text is base64url of {version,
 * visitor, attachment, name, HMAC-SHA-256 cut to 128 bits}. Pure but for the key; any thread. */
#ifndef KEFU_AUTH_ATTACHMENT_H
#define KEFU_AUTH_ATTACHMENT_H

#include <stdint.h>

#include "attachment.h"
#include "auth_secret.h"

enum { AUTH_ATTACHMENT_TEXT_MAX = 104 }; /* of 17 + 40 + 16 bytes, and NUL */

struct auth_attachment {
    uint64_t visitor_id;
    uint64_t id;
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];
};

void auth_attachment_sign(const struct auth_key *master, const struct auth_attachment *attachment,
                          char out[AUTH_ATTACHMENT_TEXT_MAX]);
/* ERR_FORBIDDEN: not a reference of this server, or not of that visitor's. */
MUST_USE enum err_code auth_attachment_verify(const struct auth_key *master, struct slice text,
                                              uint64_t visitor_id, struct auth_attachment *out,
                                              struct err *err);

#endif
