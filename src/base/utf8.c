/* SPDX-License-Identifier: Apache-2.0 */
/* After a lead byte only the first continuation byte has a range of its own (RFC 3629, section 4):
 * that range excludes overlong forms, surrogates and codes past U+10FFFF, so three small numbers
 * are the whole state. ASCII runs, the common case in JSON, go eight bytes at a time. */
#include "utf8.h"

#include "check.h"

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static bool utf8_lead(struct utf8_state *state, unsigned char c)
{
    state->lo = 0x80;
    state->hi = 0xBF;
    if (c >= 0xC2 && c <= 0xDF) {
        state->need = 1;
    } else if (c >= 0xE0 && c <= 0xEF) {
        state->need = 2;
        if (c == 0xE0)
            state->lo = 0xA0;
        else if (c == 0xED)
            state->hi = 0x9F;
    } else if (c >= 0xF0 && c <= 0xF4) {
        state->need = 3;
        if (c == 0xF0)
            state->lo = 0x90;
        else if (c == 0xF4)
            state->hi = 0x8F;
    } else {
        return false;
    }
    return true;
}

static size_t ascii_run(const char *ptr, size_t len)
{
    size_t at = 0;

    while (len - at >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, ptr + at, sizeof(word));
        if ((word & 0x8080808080808080U) != 0)
            break;
        at += sizeof(word);
    }
    while (at < len && (unsigned char)ptr[at] < 0x80)
        at++;
    return at;
}

/* Three-byte characters without a range of their own: nearly all of Chinese. Stops before anything
 * else, wrong or right. */
static size_t wide_run(const char *ptr, size_t len)
{
    size_t at = 0;

    while (len - at >= 3) {
        unsigned char lead = (unsigned char)ptr[at];

        if ((lead & 0xF0) != 0xE0 || lead == 0xE0 || lead == 0xED ||
            !is_continuation(ptr[at + 1]) || !is_continuation(ptr[at + 2]))
            break;
        at += 3;
    }
    return at;
}

bool utf8_feed(struct utf8_state *state, struct slice piece)
{
    size_t at = 0;

    while (at < piece.len) {
        unsigned char c;
        size_t wide;

        if (state->need == 0) {
            at += ascii_run(piece.ptr + at, piece.len - at);
            if (at == piece.len)
                break;
            wide = wide_run(piece.ptr + at, piece.len - at);
            at += wide;
            if (wide > 0)
                continue;
            if (!utf8_lead(state, (unsigned char)piece.ptr[at++]))
                return false;
            continue;
        }
        c = (unsigned char)piece.ptr[at++];
        if (c < state->lo || c > state->hi)
            return false;
        state->lo = 0x80;
        state->hi = 0xBF;
        state->need--;
    }
    return true;
}

bool utf8_valid(struct slice s)
{
    struct utf8_state state = { 0 };

    return utf8_feed(&state, s) && utf8_done(&state);
}

size_t utf8_encode(uint32_t code, char out[UTF8_BYTES_MAX])
{
    ENSURE(code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF));
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

struct slice utf8_prefix(struct slice s, size_t chars_max)
{
    size_t chars = 0;

    for (size_t at = 0; at < s.len; at++) {
        if (is_continuation(s.ptr[at]))
            continue;
        if (chars == chars_max)
            return slice_make(s.ptr, at);
        chars++;
    }
    return s;
}

struct slice utf8_cut(struct slice s, size_t bytes_max)
{
    if (s.len <= bytes_max)
        return s;
    while (bytes_max > 0 && is_continuation(s.ptr[bytes_max]))
        bytes_max--;
    return slice_make(s.ptr, bytes_max);
}
