/* SPDX-License-Identifier: Apache-2.0 */
#include "ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

enum { KEY_BYTES = 16, KEY_CHARS = 22 /* before the two paddings */ };

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void ws_accept_of(const char key[static WS_KEY_TEXT], char out[static WS_ACCEPT_TEXT])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[WS_KEY_TEXT + sizeof(accept_guid) - 1];
    unsigned char encoded[WS_ACCEPT_TEXT + 1];

    memcpy(text, key, WS_KEY_TEXT);
    memcpy(text + WS_KEY_TEXT, accept_guid, sizeof(accept_guid) - 1);
    SHA1((const unsigned char *)text, sizeof(text), digest);
    ENSURE(EVP_EncodeBlock(encoded, digest, sizeof(digest)) == WS_ACCEPT_TEXT);
    memcpy(out, encoded, WS_ACCEPT_TEXT);
}

void ws_key_make(char out[static WS_KEY_TEXT])
{
    unsigned char bytes[KEY_BYTES];
    unsigned char encoded[WS_KEY_TEXT + 1];

    ENSURE(RAND_bytes(bytes, sizeof(bytes)) == 1);
    ENSURE(EVP_EncodeBlock(encoded, bytes, sizeof(bytes)) == WS_KEY_TEXT);
    memcpy(out, encoded, WS_KEY_TEXT);
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool key_valid(struct slice key)
{
    if (key.len != WS_KEY_TEXT || key.ptr[KEY_CHARS] != '=' || key.ptr[KEY_CHARS + 1] != '=')
        return false;
    for (size_t i = 0; i < KEY_CHARS; i++) {
        if (!is_base64(key.ptr[i]))
            return false;
    }
    return true;
}

/* The one field of that name; false: missing, or there are two, which two readers could take for
 * different handshakes. */
static bool field_single(const struct http_request *request, const char *name, struct slice *out)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < request->field_count; i++) {
        if (!slice_equal_ignore_case(request->fields[i].name, slice_of(name)))
            continue;
        *out = request->fields[i].value;
        found++;
    }
    return found == 1;
}

/* Whether any field of that name lists the token. */
static bool fields_list(const struct http_request *request, const char *name, const char *token)
{
    for (uint32_t i = 0; i < request->field_count; i++) {
        if (slice_equal_ignore_case(request->fields[i].name, slice_of(name)) &&
            http_list_has(request->fields[i].value, slice_of(token)))
            return true;
    }
    return false;
}

static const char *known(const char *const *subprotocols, struct slice name)
{
    for (; *subprotocols != NULL; subprotocols++) {
        if (slice_equal_text(name, *subprotocols))
            return *subprotocols;
    }
    return NULL;
}

/* The first of a comma-separated list that we know; names are compared as they are. */
static const char *list_choose(struct slice list, const char *const *subprotocols)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
        const char *found = known(subprotocols, slice_trim(slice_make(list.ptr, len)));

        if (found != NULL)
            return found;
        len += comma != NULL;
        list = slice_make(list.ptr + len, list.len - len);
    }
    return NULL;
}

static const char *subprotocol_choose(const struct http_request *request,
                                      const char *const *subprotocols)
{
    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        const char *found;

        if (!slice_equal_ignore_case(field->name, SLICE_LITERAL("Sec-WebSocket-Protocol")))
            continue;
        found = list_choose(field->value, subprotocols);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static void refuse(struct ws_handshake *out, int status, const char *reason)
{
    out->status = status;
    out->reason = reason;
}

void ws_handshake_check(const struct http_request *request, const char *const *subprotocols,
                        struct ws_handshake *out)
{
    struct slice version;
    struct slice key;

    *out = (struct ws_handshake){ 0 };
    if (!request->upgrade || !fields_list(request, "Upgrade", "websocket")) {
        refuse(out, 426, "this address speaks WebSocket");
    } else if (request->method != HTTP_GET || request->minor == 0 || request->body.len > 0) {
        refuse(out, 400, "a WebSocket begins with a GET of HTTP/1.1 without a body");
    } else if (!field_single(request, "Sec-WebSocket-Version", &version)) {
        refuse(out, 400, "Sec-WebSocket-Version must be given once");
    } else if (!slice_equal_text(version, "13")) {
        refuse(out, 426, "the only WebSocket version here is 13");
    } else if (!field_single(request, "Sec-WebSocket-Key", &key) || !key_valid(key)) {
        refuse(out, 400, "Sec-WebSocket-Key must be given once, 16 bytes in base64");
    } else {
        out->subprotocol = subprotocol_choose(request, subprotocols);
        ws_accept_of(key.ptr, out->accept);
    }
}

void ws_handshake_write(const struct ws_handshake *handshake, struct buf *out)
{
    ENSURE(handshake->status == 0);
    buf_add_text(out, "HTTP/1.1 101 Switching Protocols\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: ");
    buf_add(out, handshake->accept, WS_ACCEPT_TEXT);
    if (handshake->subprotocol != NULL) {
        buf_add_text(out, "\r\nSec-WebSocket-Protocol: ");
        buf_add_text(out, handshake->subprotocol);
    }
    buf_add_text(out, "\r\n\r\n");
}

static void field_add(struct buf *out, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    buf_add_text(out, name);
    buf_add_text(out, ": ");
    buf_add_slice(out, value);
    buf_add_text(out, "\r\n");
}

void ws_request_write(const struct ws_request *request, const char key[static WS_KEY_TEXT],
                      struct buf *out)
{
    buf_add_text(out, "GET ");
    buf_add_slice(out, request->path);
    buf_add_text(out, " HTTP/1.1\r\n");
    field_add(out, "Host", request->host);
    buf_add_text(out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
    field_add(out, "Sec-WebSocket-Key", slice_make(key, WS_KEY_TEXT));
    field_add(out, "Sec-WebSocket-Protocol", request->subprotocol);
    field_add(out, "Origin", request->origin);
    buf_add_text(out, "\r\n");
}

/* ---- the client's check of the answer ---- */

struct answer {
    unsigned upgrade, connection, accept, protocol, extensions; /* how often the field came */
    struct slice accept_value;
    struct slice protocol_value;
};

static void answer_field(struct answer *answer, struct slice name, struct slice value)
{
    if (slice_equal_ignore_case(name, SLICE_LITERAL("Upgrade"))) {
        answer->upgrade += slice_equal_ignore_case(value, SLICE_LITERAL("websocket"));
    } else if (slice_equal_ignore_case(name, SLICE_LITERAL("Connection"))) {
        answer->connection += http_list_has(value, SLICE_LITERAL("upgrade"));
    } else if (slice_equal_ignore_case(name, SLICE_LITERAL("Sec-WebSocket-Accept"))) {
        answer->accept++;
        answer->accept_value = value;
    } else if (slice_equal_ignore_case(name, SLICE_LITERAL("Sec-WebSocket-Protocol"))) {
        answer->protocol++;
        answer->protocol_value = value;
    } else if (slice_equal_ignore_case(name, SLICE_LITERAL("Sec-WebSocket-Extensions"))) {
        answer->extensions++;
    }
}

static void answer_read(struct answer *answer, struct slice head)
{
    while (head.len > 0) {
        const char *lf = memchr(head.ptr, '\n', head.len);
        size_t len = lf != NULL ? (size_t)(lf - head.ptr) : head.len;
        const char *colon = memchr(head.ptr, ':', len);

        if (colon != NULL)
            answer_field(answer, slice_make(head.ptr, (size_t)(colon - head.ptr)),
                         slice_trim(slice_make(colon + 1, len - (size_t)(colon + 1 - head.ptr))));
        len += lf != NULL;
        head = slice_make(head.ptr + len, head.len - len);
    }
}

const char *ws_response_check(struct slice head, const char key[static WS_KEY_TEXT],
                              struct slice subprotocol)
{
    char accept[WS_ACCEPT_TEXT];
    struct answer answer = { 0 };

    ws_accept_of(key, accept);
    if (!slice_starts_with(head, SLICE_LITERAL("HTTP/1.1 101 ")))
        return "the server does not switch protocols";
    answer_read(&answer, head);
    if (answer.upgrade != 1 || answer.connection == 0)
        return "the server switches to something else";
    if (answer.accept != 1 || !slice_equal(answer.accept_value, slice_make(accept, WS_ACCEPT_TEXT)))
        return "the server has not answered our key";
    if (answer.extensions > 0)
        return "the server uses an extension that was not offered";
    if (answer.protocol > 1 ||
        (answer.protocol == 1 && !slice_equal(answer.protocol_value, subprotocol)))
        return "the server chose a subprotocol that was not offered";
    return NULL;
}
