/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 in and out, and what is wrong with it. */
#include "check.h"
#include "text.h"

static bool is_continuation(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* Lead bytes E0, ED, F0 and F4 narrow the range of the second byte: that excludes overlong forms,
 * surrogates and what lies past U+10FFFF. */
static unsigned sequence_shape(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        *low = lead == 0xE0 ? 0xA0 : 0x80;
        *high = lead == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *low = lead == 0xF0 ? 0x90 : 0x80;
        *high = lead == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 1;
}

uint32_t text_next(struct slice *in)
{
    const unsigned char *p = (const unsigned char *)in->ptr;
    unsigned char low;
    unsigned char high;
    unsigned len;
    unsigned at;
    uint32_t cp;

    ENSURE(in->len > 0);
    if (p[0] < 0x80) {
        in->ptr++;
        in->len--;
        return p[0];
    }
    len = sequence_shape(p[0], &low, &high);
    cp = len == 1 ? TEXT_REPLACEMENT : p[0] & (0x7Fu >> len);
    for (at = 1; at < len; at++) {
        if (at >= in->len || !is_continuation(p[at], low, high)) {
            cp = TEXT_REPLACEMENT;
            break;
        }
        cp = cp << 6 | (p[at] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    in->ptr += at;
    in->len -= at;
    return cp;
}

size_t text_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    ENSURE(cp <= 0x10FFFF);
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

/* Why the bytes at p, which do not begin a character, do not. */
static enum text_fault fault_at(const unsigned char *p, size_t len)
{
    unsigned char low;
    unsigned char high;

    if (p[0] <= 0xBF)
        return TEXT_FAULT_STRAY;
    if (p[0] == 0xC0 || p[0] == 0xC1)
        return TEXT_FAULT_OVERLONG;
    if (sequence_shape(p[0], &low, &high) == 1)
        return TEXT_FAULT_LEAD;
    if (len < 2 || !is_continuation(p[1], 0x80, 0xBF) || is_continuation(p[1], low, high))
        return TEXT_FAULT_SHORT;
    if (p[0] == 0xED)
        return TEXT_FAULT_SURROGATE;
    return p[0] == 0xF4 ? TEXT_FAULT_RANGE : TEXT_FAULT_OVERLONG;
}

enum text_fault text_fault_find(struct slice in, size_t *at)
{
    const char *start = in.ptr;

    while (in.len > 0) {
        struct slice here = in;

        /* A U+FFFD that was written as such has three bytes, a broken one begins otherwise. */
        if (text_next(&in) == TEXT_REPLACEMENT &&
            !slice_starts_with(here, SLICE_LITERAL("\xEF\xBF\xBD"))) {
            *at = (size_t)(here.ptr - start);
            return fault_at((const unsigned char *)here.ptr, here.len);
        }
    }
    *at = start == NULL ? 0 : (size_t)(in.ptr - start);
    return TEXT_FAULT_NONE;
}

const char *text_fault_name(enum text_fault fault)
{
    static const char *const names[] = {
        [TEXT_FAULT_NONE] = "none",           [TEXT_FAULT_STRAY] = "stray continuation byte",
        [TEXT_FAULT_LEAD] = "no lead byte",   [TEXT_FAULT_SHORT] = "sequence cut short",
        [TEXT_FAULT_OVERLONG] = "overlong",   [TEXT_FAULT_SURROGATE] = "surrogate",
        [TEXT_FAULT_RANGE] = "past U+10FFFF",
    };

    ENSURE((unsigned)fault < LENGTH_OF(names));
    return names[fault];
}
