/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a call's request, for http_client.c. */
#ifndef KEFU_HTTP_CLIENT_REQUEST_H
#define KEFU_HTTP_CLIENT_REQUEST_H

#include "buf.h"
#include "http_client.h"

/* out is the caller's on success. Fields come from operators and from what visitors say, so each is
 * checked: a line break in one would be a second request. */
MUST_USE enum err_code http_client_request_write(const struct http_call_options *options,
                                                 const struct http_url *url, struct buf *out,
                                                 struct err *err);

#endif
