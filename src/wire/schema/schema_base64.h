/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648) as the JSON mapping wants it: out with padding, in with either alphabet and
 * with or without padding. Pure functions, any thread. */
#ifndef KEFU_SCHEMA_BASE64_H
#define KEFU_SCHEMA_BASE64_H

#include "buf.h"
#include "slice.h"

static inline size_t base64_decoded_max(size_t len)
{
    return len / 4 * 3 + 3;
}
/* out has room for base64_decoded_max(text.len); false: not base64, or bits left over. */
bool base64_decode(struct slice text, uint8_t *out, size_t *len);
void base64_add(struct buf *out, const uint8_t *ptr, size_t len);

#endif
