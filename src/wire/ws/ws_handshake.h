/* SPDX-License-Identifier: Apache-2.0 */
/* The opening handshake of RFC 6455 section 4, as values: the server's check of a request and its
 * 101, the client's request and its check of the answer. No extension is offered or taken, so no
 * message is ever compressed (a compressed one could be a bomb, and would mix secrets with a
 * stranger's text). Pure functions, any thread. Whether the Origin may connect is the caller's
 * question. */
#ifndef KEFU_WS_HANDSHAKE_H
#define KEFU_WS_HANDSHAKE_H

#include "buf.h"
#include "http.h"

enum {
    WS_KEY_TEXT = 24,    /* base64 of 16 bytes */
    WS_ACCEPT_TEXT = 28, /* base64 of a SHA-1 */
};

struct ws_handshake {
    int status;              /* 0: let it in; else the answer: 400 or 426 */
    const char *reason;      /* of a refusal: a constant text */
    const char *subprotocol; /* the chosen one, from the list; NULL: none was wanted or known */
    char accept[WS_ACCEPT_TEXT];
};

/* subprotocols: what this server speaks, ended by NULL; the first one of the client's list that is
 * in it is chosen. */
void ws_handshake_check(const struct http_request *request, const char *const *subprotocols,
                        struct ws_handshake *out);
/* The 101. handshake->status must be 0. */
void ws_handshake_write(const struct ws_handshake *handshake, struct buf *out);

/* The value of Sec-WebSocket-Accept for a key. */
void ws_accept_of(const char key[static WS_KEY_TEXT], char out[static WS_ACCEPT_TEXT]);

/* Client: a fresh key from the system's random numbers. */
void ws_key_make(char out[static WS_KEY_TEXT]);

struct ws_request {
    struct slice host;        /* with the port where it is not the scheme's */
    struct slice path;        /* with the query */
    struct slice subprotocol; /* offered; empty: none */
    struct slice origin;      /* empty: none */
};
void ws_request_write(const struct ws_request *request, const char key[static WS_KEY_TEXT],
                      struct buf *out);
/* head: an answer's head up to and with its empty line. NULL: accepted, else a constant text. */
const char *ws_response_check(struct slice head, const char key[static WS_KEY_TEXT],
                              struct slice subprotocol);

#endif
