/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever makes a request, once proved. Plain data, lives as long as the request or the session of
 * a socket. What it may do stands in `permissions`, a struct permission_set of domain/model. */
#ifndef KEFU_AUTH_PRINCIPAL_H
#define KEFU_AUTH_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

enum { AUTH_NAME_MAX = 128 };

struct auth_principal {
    uint64_t workspace_id;
    uint64_t agent_id;   /* 0: nobody; of an API token: who made it */
    uint64_t session_id; /* the log-in; 0 for API tokens */
    uint64_t token_id;   /* the API token; 0 for log-ins */
    uint64_t permissions;
    int64_t proved_us; /* monotonic, just before the store was asked for all of this */
    uint8_t role;      /* enum role */
    bool by_cookie;    /* then CSRF header and Origin are checked */
    char name[AUTH_NAME_MAX];
};

#endif
