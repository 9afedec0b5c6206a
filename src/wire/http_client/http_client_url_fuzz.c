/* SPDX-License-Identifier: Apache-2.0 */
/* A URL that is read must be the same when it is written again, and one that passes the strict
 * guard must not be an address that a resolver of the C library knows as local. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_client_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct http_url *url)
{
    char text[HTTP_URL_MAX + 64];
    struct http_url again;
    bool v6 = strchr(url->host, ':') != NULL;
    int len = snprintf(text, sizeof(text), "%s://%s%s%s:%u%.*s", url->tls ? "https" : "http",
                       v6 ? "[" : "", url->host, v6 ? "]" : "", url->port, SLICE_ARGS(url->target));

    if (len > HTTP_URL_MAX)
        return;
    ENSURE(http_url_parse(slice_make(text, (size_t)len), &again, NULL) == ERR_OK);
    ENSURE(strcmp(again.host, url->host) == 0 && again.port == url->port);
    ENSURE(again.tls == url->tls && again.numeric == url->numeric);
    ENSURE(memcmp(again.address, url->address, sizeof(url->address)) == 0);
    ENSURE(slice_equal(again.target, url->target));
}

/* inet_aton takes every old notation of an address. */
static void check_guarded(const struct http_url *url)
{
    struct in_addr address;

    if (inet_aton(url->host, &address) == 0)
        return;
    ENSURE(url->numeric);
    ENSURE(ntohl(address.s_addr) >> 24 != 127 && ntohl(address.s_addr) >> 24 != 10);
    ENSURE(ntohl(address.s_addr) >> 16 != 0xC0A8 && ntohl(address.s_addr) >> 16 != 0xA9FE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_guard strict;
    struct http_url url;

    if (http_url_parse(slice_make(data, size), &url, NULL) != ERR_OK)
        return 0;
    check_again(&url);
    if (http_guard_url(&strict, &url) == NULL)
        check_guarded(&url);
    return 0;
}
