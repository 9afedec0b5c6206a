/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes of RFC 9110. */
#ifndef KEFU_HTTP_CHARS_H
#define KEFU_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_CHAR_TOKEN = 1,  /* tchar */
    HTTP_CHAR_VALUE = 2,  /* field-content with blanks: VCHAR, obs-text, SP, HTAB */
    HTTP_CHAR_TARGET = 4, /* VCHAR but # (a fragment never goes over the wire) */
    HTTP_CHAR_HOST = 8,   /* reg-name, IP literal and port, without the comma */
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, int class)
{
    return (http_chars[(unsigned char)c] & class) != 0;
}

int http_hex_value(char c); /* -1: no hexadecimal digit */

#endif
