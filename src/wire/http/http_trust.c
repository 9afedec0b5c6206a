/* SPDX-License-Identifier: Apache-2.0 */
#include "http_trust.h"

#include <arpa/inet.h>
#include <string.h>

static bool address_parse(struct slice text, uint8_t out[16])
{
    char copy[HTTP_ADDRESS_TEXT_MAX];

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, out + 12) == 1) {
        memset(out, 0, 10);
        memset(out + 10, 0xff, 2);
        return true;
    }
    return inet_pton(AF_INET6, copy, out) == 1;
}

static bool network_parse(struct slice text, struct http_trust *out)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    struct slice address = slash != NULL ? slice_make(text.ptr, (size_t)(slash - text.ptr)) : text;
    unsigned long long bits = 128;
    bool v4 = memchr(address.ptr, ':', address.len) == NULL;

    if (!address_parse(address, out->networks[out->count].address))
        return false;
    if (slash != NULL) {
        size_t used = address.len + 1;

        if (!slice_to_u64(slice_make(slash + 1, text.len - used), &bits) || bits > (v4 ? 32 : 128))
            return false;
        bits += v4 ? 96 : 0;
    }
    out->networks[out->count++].bits = (uint8_t)bits;
    return true;
}

enum err_code http_trust_parse(struct slice list, struct http_trust *out, struct err *err)
{
    memset(out, 0, sizeof(*out));
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        struct slice text = slice_trim(slice_make(list.ptr, len));

        if (out->count == HTTP_TRUST_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d trusted networks", HTTP_TRUST_MAX);
        if (slice_equal_text(text, "unix"))
            out->unix_peers = true;
        else if (text.len == 0 || !network_parse(text, out))
            return err_set(err, ERR_INVALID, "not an address or network: %.*s", SLICE_ARGS(text));
        len += comma != NULL;
        list.ptr += len;
        list.len -= len;
    }
    return ERR_OK;
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned bytes = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

bool http_trust_has(const struct http_trust *trust, struct slice address)
{
    uint8_t parsed[16];
    uint32_t i;

    if (trust == NULL)
        return false;
    if (slice_equal_text(address, "unix"))
        return trust->unix_peers;
    if (!address_parse(address, parsed))
        return false;
    for (i = 0; i < trust->count; i++) {
        if (prefix_equal(parsed, trust->networks[i].address, trust->networks[i].bits))
            return true;
    }
    return false;
}

struct slice http_trust_client(const struct http_trust *trust, struct slice peer,
                               struct slice forwarded_for)
{
    uint8_t parsed[16];

    while (forwarded_for.len > 0 && http_trust_has(trust, peer)) {
        const char *comma = memrchr(forwarded_for.ptr, ',', forwarded_for.len);
        size_t skip = comma != NULL ? (size_t)(comma + 1 - forwarded_for.ptr) : 0;
        struct slice last =
            slice_trim(slice_make(forwarded_for.ptr + skip, forwarded_for.len - skip));

        if (!address_parse(last, parsed))
            return peer;
        peer = last;
        forwarded_for.len = skip > 0 ? skip - 1 : 0;
    }
    return peer;
}
