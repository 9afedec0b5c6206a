/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_base64.h"

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool base64_decode(struct slice text, uint8_t *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned have = 0; /* bits not yet written */
    size_t n = 0;

    if (text.len % 4 == 0) {
        for (int padding = 0; padding < 2 && text.len > 0; padding++)
            text.len -= text.ptr[text.len - 1] == '=';
    }
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.ptr[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    *len = n;
    return (bits & ((1U << have) - 1)) == 0;
}

void base64_add(struct buf *out, const uint8_t *ptr, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t need = (len + 2) / 3 * 4;
    char *at = buf_reserve(out, need);

    if (at == NULL)
        return;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)ptr[i] << 16 | (left > 1 ? (uint32_t)ptr[i + 1] << 8 : 0) |
                        (left > 2 ? ptr[i + 2] : 0);

        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    buf_commit(out, need);
}
