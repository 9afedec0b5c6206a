/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in one piece and byte by byte, must give the same verdict and the same request. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_request whole;
static struct http_request pieces;

static enum http_verdict read_in_pieces(const uint8_t *data, size_t size,
                                        struct http_reader *reader, char **copy)
{
    enum http_verdict verdict = HTTP_MORE;
    size_t len = 0;
    size_t at;

    *copy = malloc(size + 1);
    for (at = 0; at < size && verdict == HTTP_MORE; at++) {
        (*copy)[len++] = (char)data[at];
        verdict = http_request_read(reader, *copy, &len, &pieces);
    }
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_reader one = { 0 };
    struct http_reader many = { 0 };
    char *copy = malloc(size + 1);
    char *copy_pieces;
    size_t len = size;
    enum http_verdict verdict;

    if (size == 0 || copy == NULL) {
        free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    verdict = http_request_read(&one, copy, &len, &whole);
    /* Which fault is seen first may differ by arrival; that there is one may not. */
    ENSURE(verdict == read_in_pieces(data, size, &many, &copy_pieces));
    if (verdict == HTTP_DONE) {
        ENSURE(slice_equal(whole.target, pieces.target));
        ENSURE(slice_equal(whole.body, pieces.body));
        ENSURE(whole.field_count == pieces.field_count);
    }
    free(copy);
    free(copy_pieces);
    return 0;
}
