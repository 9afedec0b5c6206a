/* SPDX-License-Identifier: Apache-2.0 */
/* What reader and writer share: how far a text goes on without anything to escape. */
#ifndef KEFU_JSON_PRIV_H
#define KEFU_JSON_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JSON_ONES  UINT64_C(0x0101010101010101)
#define JSON_HIGHS UINT64_C(0x8080808080808080)

/* The high bit of each byte that is a quote, a backslash or below 0x20. A borrow can set further
 * bits above the first hit only, so the lowest one is exact ("Bit Twiddling Hacks", Anderson). */
static inline uint64_t json_special_bytes(uint64_t word)
{
    uint64_t quote = word ^ JSON_ONES * '"';
    uint64_t backslash = word ^ JSON_ONES * '\\';

    return (((quote - JSON_ONES) & ~quote) | ((backslash - JSON_ONES) & ~backslash) |
            ((word - JSON_ONES * 0x20) & ~word)) &
           JSON_HIGHS;
}

static inline bool json_special(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* The first special byte at or after at, or end. Clears *ascii when a byte past 0x7F was met. */
static inline const char *json_plain_run(const char *at, const char *end, bool *ascii)
{
    uint64_t seen = 0;

    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t word;
        uint64_t special;

        memcpy(&word, at, sizeof(word));
        special = json_special_bytes(word);
        if (special != 0) {
            unsigned bits = (unsigned)__builtin_ctzll(special) & ~7U;

            seen |= word & ((UINT64_C(1) << bits) - 1);
            at += bits / 8;
            goto out;
        }
        seen |= word;
        at += sizeof(word);
    }
    for (; at < end && !json_special(*at); at++)
        seen |= (uint64_t)(unsigned char)*at;
out:
    if ((seen & JSON_HIGHS) != 0)
        *ascii = false;
    return at;
}

#endif
