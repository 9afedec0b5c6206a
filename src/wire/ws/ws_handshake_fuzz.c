/* SPDX-License-Identifier: Apache-2.0 */
/* Any request that HTTP lets pass is judged; one that is let in must carry what RFC 6455 demands.
 * The same bytes are taken for a server's answer too, which nobody can give without the key. */
#include <stdlib.h>

#include "ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request_check(const struct http_request *request)
{
    static const char *const subprotocols[] = { "kefu.v1.json", "kefu.v1.proto", NULL };
    struct ws_handshake handshake;
    struct slice key = http_field_get(request, "Sec-WebSocket-Key");
    char accept[WS_ACCEPT_TEXT];

    ws_handshake_check(request, subprotocols, &handshake);
    ENSURE((handshake.status == 0) == (handshake.reason == NULL));
    if (handshake.status != 0)
        return;
    ENSURE(request->method == HTTP_GET && request->upgrade && key.len == WS_KEY_TEXT);
    ENSURE(slice_equal_text(http_field_get(request, "Sec-WebSocket-Version"), "13"));
    ws_accept_of(key.ptr, accept);
    ENSURE(memcmp(accept, handshake.accept, WS_ACCEPT_TEXT) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
    static struct http_request request;
    struct http_reader reader = { 0 };
    char *bytes = malloc(size + 1);
    size_t len = size;

    ENSURE(bytes != NULL);
    if (size == 0) {
        free(bytes);
        return 0;
    }
    memcpy(bytes, data, size);
    if (ws_response_check(slice_make(bytes, size), key, SLICE_EMPTY) == NULL)
        ENSURE(memmem(bytes, size, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_TEXT) != NULL);
    if (http_request_read(&reader, bytes, &len, &request) == HTTP_DONE)
        request_check(&request);
    free(bytes);
    return 0;
}
