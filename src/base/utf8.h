/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. Pure
 * functions, any thread. */
#ifndef KEFU_UTF8_H
#define KEFU_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum { UTF8_BYTES_MAX = 4 }; /* of one character */

bool utf8_valid(struct slice s);

/* For text that comes in pieces (WebSocket fragments): zero it, feed each piece, and ask
 * utf8_done at the end. Once utf8_feed is false the text is wrong for good. */
struct utf8_state {
    uint8_t need;   /* continuation bytes still to come */
    uint8_t lo, hi; /* bounds of the next one */
};
bool utf8_feed(struct utf8_state *state, struct slice piece);
static inline bool utf8_done(const struct utf8_state *state)
{
    return state->need == 0;
}

/* Writes up to 4 bytes and returns how many; code must be a Unicode scalar value. */
size_t utf8_encode(uint32_t code, char out[UTF8_BYTES_MAX]);

/* The longest prefix of valid text with at most chars_max characters; utf8_cut: with at most
 * bytes_max bytes. Neither splits a character. */
struct slice utf8_prefix(struct slice s, size_t chars_max);
struct slice utf8_cut(struct slice s, size_t bytes_max);

#endif
