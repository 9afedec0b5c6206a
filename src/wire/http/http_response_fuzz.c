/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in one piece and byte by byte with the body worked as it comes, must give the same
 * verdict, status and body. The first byte says whether a HEAD was asked and whether the connection
 * ends behind the rest. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 500 };

struct reading {
    enum http_verdict verdict;
    struct http_response response;
    char body[BODY_MAX];
    size_t body_len;
};

static struct reading whole;
static struct reading pieces;

static void body_add(struct reading *reading, struct slice piece)
{
    ENSURE(piece.len <= BODY_MAX - reading->body_len);
    if (piece.len > 0)
        memcpy(reading->body + reading->body_len, piece.ptr, piece.len);
    reading->body_len += piece.len;
}

static void read_in(const uint8_t *data, size_t size, size_t step, unsigned flags,
                    struct reading *out)
{
    struct http_reader reader = { .body_max = BODY_MAX, .head_asked = (flags & 1) != 0 };
    char *bytes = malloc(size + 1);
    size_t len = 0;

    ENSURE(bytes != NULL);
    out->verdict = HTTP_MORE;
    out->body_len = 0;
    for (size_t at = 0; at < size && out->verdict == HTTP_MORE; at += step) {
        memcpy(bytes + len, data + at, step);
        len += step;
        out->verdict = http_response_read(&reader, bytes, &len, &out->response);
        if (out->verdict == HTTP_MORE && step == 1 && reader.head_len > 0) {
            body_add(out, http_body_so_far(&reader, bytes, len));
            http_body_drop(&reader, bytes, &len);
        }
    }
    if (out->verdict == HTTP_MORE && (flags & 2) != 0)
        out->verdict = http_response_end(&reader, bytes, len, &out->response);
    if (out->verdict == HTTP_DONE)
        body_add(out, out->response.body);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    read_in(data + 1, size - 1, size - 1, data[0], &whole);
    read_in(data + 1, size - 1, 1, data[0], &pieces);
    ENSURE(whole.verdict == pieces.verdict);
    if (whole.verdict != HTTP_DONE)
        return 0;
    ENSURE(whole.response.status == pieces.response.status);
    ENSURE(whole.response.status >= 200 && whole.response.status <= 599);
    ENSURE(whole.response.field_count == pieces.response.field_count);
    ENSURE(slice_equal(slice_make(whole.body, whole.body_len),
                       slice_make(pieces.body, pieces.body_len)));
    return 0;
}
