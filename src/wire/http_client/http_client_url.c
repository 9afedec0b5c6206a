/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client_url.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "http_chars.h"

enum { LABEL_MAX = 63 };

static bool scheme_take(struct slice *rest, struct http_url *out)
{
    static const struct {
        struct slice text;
        bool tls;
        uint16_t port;
    } schemes[] = {
        { SLICE_LITERAL("https://"), true, 443 },
        { SLICE_LITERAL("http://"), false, 80 },
    };

    for (size_t i = 0; i < LENGTH_OF(schemes); i++) {
        struct slice text = schemes[i].text;

        if (rest->len < text.len || !slice_equal_ignore_case(slice_make(rest->ptr, text.len), text))
            continue;
        out->tls = schemes[i].tls;
        out->port = schemes[i].port;
        *rest = slice_make(rest->ptr + text.len, rest->len - text.len);
        return true;
    }
    return false;
}

static void address_set(struct http_url *out, int family, const uint8_t *address)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    out->numeric = true;
    if (family == AF_INET) {
        memcpy(out->address, mapped, sizeof(mapped));
        memcpy(out->address + sizeof(mapped), address, 4);
    } else {
        memcpy(out->address, address, 16);
    }
}

/* Some resolvers take 127.1, 0x7f000001 or 2130706433 for addresses: a host whose last label begins
 * like a number must be four plain decimal numbers. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;

    return *last >= '0' && *last <= '9';
}

static bool label_valid(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = label[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool name_valid(const char *host)
{
    for (;;) {
        size_t len = strcspn(host, ".");

        if (!label_valid(host, len))
            return false;
        if (host[len] == '\0')
            return true;
        host += len + 1;
    }
}

static bool host_set(struct slice text, struct http_url *out)
{
    uint8_t address[16];

    if (text.len > 0 && text.ptr[text.len - 1] == '.')
        text.len--;
    if (text.len == 0 || text.len > HTTP_URL_HOST_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        out->host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out->host[text.len] = '\0';
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    if (inet_pton(AF_INET, out->host, address) == 1) {
        address_set(out, AF_INET, address);
        return true;
    }
    return name_valid(out->host) && !ends_in_number(out->host);
}

/* Without the brackets; a zone would be %25…, which is no address to connect to. */
static bool ipv6_set(struct slice text, struct http_url *out)
{
    uint8_t address[16];

    if (text.len >= INET6_ADDRSTRLEN || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(out->host, text.ptr, text.len);
    out->host[text.len] = '\0';
    if (inet_pton(AF_INET6, out->host, address) != 1)
        return false;
    address_set(out, AF_INET6, address);
    return true;
}

static bool port_set(struct slice text, struct http_url *out)
{
    unsigned long long port;

    if (text.len > 5 || !slice_to_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    out->port = (uint16_t)port;
    return true;
}

static const char *authority_parse(struct slice text, struct http_url *out)
{
    const char *bracket =
        text.len > 0 && text.ptr[0] == '[' ? memchr(text.ptr, ']', text.len) : NULL;
    size_t host_len = bracket != NULL ? (size_t)(bracket + 1 - text.ptr) : 0;
    struct slice rest;

    if (text.len > 0 && memchr(text.ptr, '@', text.len) != NULL)
        return "a user name in a URL is not accepted";
    if (bracket == NULL) {
        while (host_len < text.len && text.ptr[host_len] != ':')
            host_len++;
        if (!host_set(slice_make(text.ptr, host_len), out))
            return "the host is not valid";
    } else if (!ipv6_set(slice_make(text.ptr + 1, host_len - 2), out)) {
        return "the host is not an IPv6 address";
    }
    rest = slice_make(text.ptr + host_len, text.len - host_len);
    if (rest.len == 0)
        return NULL;
    if (rest.ptr[0] != ':' || !port_set(slice_make(rest.ptr + 1, rest.len - 1), out))
        return "the port is not valid";
    return NULL;
}

static bool target_valid(struct slice target)
{
    for (size_t i = 0; i < target.len; i++) {
        if (!http_char_is(target.ptr[i], HTTP_CHAR_TARGET) || target.ptr[i] == '\\')
            return false;
    }
    return true;
}

enum err_code http_url_parse(struct slice text, struct http_url *out, struct err *err)
{
    struct slice rest = text;
    size_t authority = 0;
    const char *reason;

    *out = (struct http_url){ 0 };
    if (text.len > HTTP_URL_MAX)
        return err_set_field(err, ERR_INVALID, "url", "longer than %d bytes", HTTP_URL_MAX);
    if (!scheme_take(&rest, out))
        return err_set_field(err, ERR_INVALID, "url", "neither http:// nor https://");
    while (authority < rest.len && rest.ptr[authority] != '/' && rest.ptr[authority] != '?' &&
           rest.ptr[authority] != '#')
        authority++;
    reason = authority_parse(slice_make(rest.ptr, authority), out);
    if (reason != NULL)
        return err_set_field(err, ERR_INVALID, "url", "%s", reason);
    out->target = slice_make(rest.ptr + authority, rest.len - authority);
    if (!target_valid(out->target))
        return err_set_field(err, ERR_INVALID, "url", "a fragment or a forbidden character");
    return ERR_OK;
}
