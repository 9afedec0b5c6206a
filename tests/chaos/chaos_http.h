/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request and its whole reply, blocking, over a connection of its own; and an agent's
 * log-in, which outlives the server because sessions are stored. */
#ifndef KEFU_CHAOS_HTTP_H
#define KEFU_CHAOS_HTTP_H

#include <stdint.h>

#include "buf.h"

struct http_reply {
    int status;        /* -1: no reply */
    struct buf bytes;  /* head and body */
    struct slice head; /* with the status line */
    struct slice body;
};

/* fields: header lines, each ended by CRLF, or "". body NULL: none. The reply is the caller's to
 * chaos_http_free, whatever the status. */
void chaos_http_call(uint16_t port, const char *method, const char *path, const char *fields,
                     const char *body, struct http_reply *reply);
void chaos_http_free(struct http_reply *reply);

struct chaos_login {
    char fields[768]; /* cookie, origin and CSRF token as header lines */
    char agent[24];   /* id */
};
/* The first log-in of DATA/demo-logins.txt. False: refused. */
bool chaos_login(struct chaos_login *login, uint16_t port, const char *data_dir);

#endif
