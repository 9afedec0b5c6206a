/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute http and https URLs, read strictly: whatever two readers could take for two hosts (user
 * names, backslashes, numbers in odd notations, letters beyond ASCII) is refused. Pure, any thread.
 */
#ifndef KEFU_HTTP_CLIENT_URL_H
#define KEFU_HTTP_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

enum {
    HTTP_URL_MAX = 2048,     /* what browsers and proxies carry */
    HTTP_URL_HOST_MAX = 253, /* RFC 1035, written with dots */
};

struct http_url {
    bool tls;
    uint16_t port;
    bool numeric;                     /* the host is an address, given in address too */
    uint8_t address[16];              /* IPv4 as ::ffff:a.b.c.d */
    char host[HTTP_URL_HOST_MAX + 1]; /* lower case, without brackets and a dot at the end */
    struct slice target;              /* path and query as given; may lack the first slash */
};

/* out->target points into text. */
MUST_USE enum err_code http_url_parse(struct slice text, struct http_url *out, struct err *err);

#endif
