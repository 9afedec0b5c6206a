/* SPDX-License-Identifier: Apache-2.0 */
/* The tables follow IANA's registries of special-purpose addresses (RFC 6890 and what came since).
 * For IPv6 the rule is turned round: only 2000::/3 is global unicast, so everything else is refused
 * without being listed. Addresses that carry an IPv4 address are judged by it too. */
#include "http_client_guard.h"

#include <arpa/inet.h>

#include "slice.h"

struct range {
    uint8_t address[16];
    uint8_t bits;
    const char *name;
};

static const struct range v4_special[] = {
    { { 0 }, 8, "this network" },
    { { 10 }, 8, "private" },
    { { 100, 64 }, 10, "shared (carrier-grade NAT)" },
    { { 127 }, 8, "loopback" },
    { { 169, 254 }, 16, "link-local or metadata" },
    { { 172, 16 }, 12, "private" },
    { { 192, 0, 0 }, 24, "protocol assignments" },
    { { 192, 0, 2 }, 24, "documentation" },
    { { 192, 88, 99 }, 24, "6to4 relay" },
    { { 192, 168 }, 16, "private" },
    { { 198, 18 }, 15, "benchmarking" },
    { { 198, 51, 100 }, 24, "documentation" },
    { { 203, 0, 113 }, 24, "documentation" },
    { { 168, 63, 129, 16 }, 32, "metadata" }, /* Azure's, at a public address */
    { { 224 }, 4, "multicast" },
    { { 240 }, 4, "reserved" },
};

static const struct range v6_special[] = {
    { { 0x20, 0x01, 0x00 }, 23, "protocol assignments" }, /* Teredo, ORCHID, benchmarking */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
    { { 0x3f, 0xff }, 20, "documentation" },
};

static bool range_has(const struct range *range, const uint8_t *address)
{
    size_t whole = range->bits / 8;
    unsigned rest = range->bits % 8u;

    if (memcmp(range->address, address, whole) != 0)
        return false;
    return rest == 0 || (range->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static const char *find(const struct range *ranges, size_t n, const uint8_t *address)
{
    for (size_t i = 0; i < n; i++) {
        if (range_has(&ranges[i], address))
            return ranges[i].name;
    }
    return NULL;
}

static const char *v4_refused(const uint8_t address[static 4])
{
    return find(v4_special, LENGTH_OF(v4_special), address);
}

static bool starts(const uint8_t *address, const uint8_t *prefix, size_t len)
{
    return memcmp(address, prefix, len) == 0;
}

static const char *v6_refused(const uint8_t a[static 16])
{
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t six_to_four[2] = { 0x20, 0x02 };
    static const uint8_t isatap[3] = { 0x00, 0x5e, 0xfe }; /* behind a byte of flags */
    const char *refused;

    if (starts(a, nat64, sizeof(nat64)))
        return v4_refused(a + 12);
    if ((a[0] & 0xe0) != 0x20)
        return "not global unicast";
    refused = find(v6_special, LENGTH_OF(v6_special), a);
    if (refused == NULL && starts(a, six_to_four, sizeof(six_to_four)))
        refused = v4_refused(a + 2);
    if (refused == NULL && (a[8] & 0xfc) == 0 && starts(a + 9, isatap, sizeof(isatap)))
        refused = v4_refused(a + 12);
    return refused;
}

static bool is_listed(const struct http_guard *guard, const uint8_t address[static 16], bool mapped)
{
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? address + 12 : address, text,
                  sizeof(text)) == NULL)
        return false;
    return http_trust_has(&guard->networks, slice_of(text));
}

const char *http_guard_address(const struct http_guard *guard, const uint8_t address[static 16])
{
    static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool mapped = starts(address, v4_mapped, sizeof(v4_mapped));

    if (is_listed(guard, address, mapped))
        return NULL;
    return mapped ? v4_refused(address + 12) : v6_refused(address);
}

/* ---- hosts and ports ---- */

/* Takes the next element of a comma-separated list, without blanks; false at the end. */
static bool list_take(struct slice *list, struct slice *element)
{
    const char *comma;
    size_t len;

    if (list->len == 0)
        return false;
    comma = memchr(list->ptr, ',', list->len);
    len = comma != NULL ? (size_t)(comma - list->ptr) : list->len;
    *element = slice_trim(slice_make(list->ptr, len));
    len += comma != NULL;
    *list = slice_make(list->ptr + len, list->len - len);
    return true;
}

static bool host_matches(struct slice pattern, struct slice host)
{
    if (pattern.len < 2 || pattern.ptr[0] != '*' || pattern.ptr[1] != '.')
        return slice_equal_ignore_case(pattern, host);
    pattern = slice_make(pattern.ptr + 1, pattern.len - 1); /* with its dot */
    return host.len > pattern.len &&
           slice_equal_ignore_case(pattern,
                                   slice_make(host.ptr + host.len - pattern.len, pattern.len));
}

static bool host_listed(const struct http_guard *guard, struct slice host)
{
    struct slice list = guard->hosts;
    struct slice pattern;

    while (list_take(&list, &pattern)) {
        if (host_matches(pattern, host))
            return true;
    }
    return guard->hosts.len == 0;
}

static bool port_listed(const struct http_guard *guard, uint16_t port)
{
    for (uint32_t i = 0; i < guard->port_count; i++) {
        if (guard->ports[i] == port)
            return true;
    }
    return port == 80 || port == 443;
}

const char *http_guard_url(const struct http_guard *guard, const struct http_url *url)
{
    if (!host_listed(guard, slice_of(url->host)))
        return "host not listed";
    if (!port_listed(guard, url->port))
        return "port not listed";
    return url->numeric ? http_guard_address(guard, url->address) : NULL;
}

enum err_code http_guard_parse(struct slice networks, struct slice hosts, struct slice ports,
                               struct http_guard *out, struct err *err)
{
    struct slice element;

    *out = (struct http_guard){ .hosts = slice_trim(hosts) };
    while (list_take(&ports, &element)) {
        unsigned long long port;

        if (element.len == 0)
            continue;
        if (!slice_to_u64(element, &port) || port == 0 || port > UINT16_MAX)
            return err_set(err, ERR_INVALID, "'%.*s' is not a port", SLICE_ARGS(element));
        if (out->port_count == HTTP_GUARD_PORTS_MAX)
            return err_set(err, ERR_INVALID, "more than %d ports", HTTP_GUARD_PORTS_MAX);
        out->ports[out->port_count++] = (uint16_t)port;
    }
    return http_trust_parse(networks, &out->networks, err);
}
