/* SPDX-License-Identifier: Apache-2.0 */
/* One table of responses; each is read whole, byte by byte, and byte by byte with its body worked
 * as it comes, and must come out the same. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "http.h"

enum { BAD = 0, MORE = 1, SAMPLE_MAX = 8192 };

struct sample {
    const char *bytes;
    int expected;     /* the status, MORE, or BAD */
    const char *body; /* NULL: empty */
    bool keep_alive;
    bool head_asked;
    bool ends; /* the connection ends behind the bytes */
};

#define S200  "HTTP/1.1 200 OK\r\n"
#define CHUNK S200 "Transfer-Encoding: chunked\r\n\r\n"

static const struct sample samples[] = {
    /* status line */
    { S200 "Content-Length: 2\r\n\r\nhi", 200, "hi", true, false, false },
    { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, NULL, true, false, false },
    { "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, NULL, true, false, false },
    { "HTTP/1.1 599 \x80\xff\r\nContent-Length: 0\r\n\r\n", 599, NULL, true, false, false },
    { "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, NULL, false, false, false },
    { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, NULL, true,
      false, false },
    { "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", 200, NULL, true, false, false },
    { "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 20 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 2000 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 099 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 600 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1  200 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 2x0 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 200\tOK\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 200 O\x01K\r\n\r\n", BAD, NULL, false, false, false },
    { " HTTP/1.1 200 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", BAD, NULL, false, false, false },
    { "ICY 200 OK\r\n\r\n", BAD, NULL, false, false, false },
    { "SSH-2.0-OpenSSH_9.2\r\n\r\n", BAD, NULL, false, false, false },
    { "HTTP/1.1 200 OK", MORE, NULL, false, false, false },
    /* fields */
    { S200 "A: b\r\n c\r\nContent-Length: 0\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "A : b\r\nContent-Length: 0\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "A: b\x01\r\nContent-Length: 0\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "Host: ,\r\nExpect: what\r\nContent-Length: 0\r\n\r\n", 200, NULL, true, false, false },
    { S200 "Connection: close\r\nContent-Length: 0\r\n\r\n", 200, NULL, false, false, false },
    /* length */
    { S200 "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", BAD, NULL, false, false, false },
    { S200 "Content-Length: 2, 2\r\n\r\nhi", BAD, NULL, false, false, false },
    { S200 "Content-Length: +2\r\n\r\nhi", BAD, NULL, false, false, false },
    { S200 "Content-Length: -1\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "Content-Length: 99999999999999999999\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "Content-Length: 5\r\n\r\nhi", MORE, NULL, false, false, false },
    { S200 "Content-Length: 5\r\n\r\nhi", BAD, NULL, false, false, true },
    { S200 "Content-Length: 1001\r\n\r\n", BAD, NULL, false, false, false },
    /* both, or other encodings */
    { S200 "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD, NULL, false,
      false, false },
    { S200 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "Transfer-Encoding: identity\r\n\r\n", BAD, NULL, false, false, false },
    { S200 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD, NULL,
      false, false, false },
    { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD, NULL, false, false,
      false },
    /* chunked */
    { CHUNK "2\r\nhi\r\n0\r\n\r\n", 200, "hi", true, false, false },
    { CHUNK "1\r\nh\r\n1;x=y\r\ni\r\n000\r\nTrailer: t\r\n\r\n", 200, "hi", true, false, false },
    { CHUNK "2\r\nhi\r\n0\r\n", MORE, NULL, false, false, false },
    { CHUNK "2\r\nhi\r\n0\r\n", BAD, NULL, false, false, true },
    { CHUNK "2\r\nhi0\r\n\r\n", BAD, NULL, false, false, false },
    { CHUNK "2\nhi\r\n0\r\n\r\n", BAD, NULL, false, false, false },
    { CHUNK "0x2\r\nhi\r\n0\r\n\r\n", BAD, NULL, false, false, false },
    { CHUNK " 2\r\nhi\r\n0\r\n\r\n", BAD, NULL, false, false, false },
    { CHUNK "3e9\r\n", BAD, NULL, false, false, false }, /* 1001 */
    { CHUNK "fffffffff\r\n", BAD, NULL, false, false, false },
    /* until the end */
    { S200 "\r\nall of this", 200, "all of this", false, false, true },
    { S200 "\r\n", 200, NULL, false, false, true },
    { S200 "\r\nall of this", MORE, NULL, false, false, false },
    { "HTTP/1.1 200 OK\r\n", BAD, NULL, false, false, true },
    /* no body */
    { "HTTP/1.1 204 No Content\r\n\r\n", 204, NULL, true, false, false },
    { "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, NULL, true, false, false },
    { "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", BAD, NULL, false, false, false },
    { "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD, NULL, false,
      false, false },
    { "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", 304, NULL, true, false, false },
    { "HTTP/1.1 304 Not Modified\r\n\r\n", 304, NULL, true, false, false },
    { S200 "Content-Length: 77\r\n\r\n", 200, NULL, true, true, false },
    { S200 "Content-Length: 77000000\r\n\r\n", 200, NULL, true, true, false },
    { S200 "Transfer-Encoding: chunked\r\n\r\n", 200, NULL, true, true, false },
    { S200 "\r\n", 200, NULL, true, true, false },
    /* interim */
    { "HTTP/1.1 100 Continue\r\n\r\n" S200 "Content-Length: 2\r\n\r\nhi", 200, "hi", true, false,
      false },
    { "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" S200
      "Content-Length: 2\r\n\r\nhi",
      200, "hi", true, false, false },
    { "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" S200 "Content-Length: 0\r\n\r\n", 200,
      NULL, true, false, false },
    { "HTTP/1.1 100 Continue\r\n\r\n", MORE, NULL, false, false, false },
    { "HTTP/1.1 100 Continue\r\n\r\n", BAD, NULL, false, false, true },
    { "HTTP/1.1 101 Switching Protocols\r\n\r\n", BAD, NULL, false, false, false },
};

enum delivery { AT_ONCE, BYTEWISE, STREAMED, DELIVERIES };

struct outcome {
    enum http_verdict verdict;
    struct http_response response;
    char bytes[SAMPLE_MAX]; /* the response points into it */
    char body[SAMPLE_MAX];
    size_t body_len;
    size_t rest;
};

static void body_add(struct outcome *o, struct slice piece)
{
    if (piece.len > 0)
        memcpy(o->body + o->body_len, piece.ptr, piece.len);
    o->body_len += piece.len;
}

static void play(const struct sample *s, size_t size, enum delivery delivery, struct outcome *o)
{
    struct http_reader reader = { .body_max = 1000, .head_asked = s->head_asked };
    size_t step = delivery == AT_ONCE ? size : 1;
    size_t len = 0;

    o->verdict = HTTP_MORE;
    o->body_len = 0;
    for (size_t at = 0; at < size && o->verdict == HTTP_MORE; at += step) {
        memcpy(o->bytes + len, s->bytes + at, step);
        len += step;
        o->verdict = http_response_read(&reader, o->bytes, &len, &o->response);
        if (o->verdict == HTTP_MORE && delivery == STREAMED && reader.head_len > 0) {
            body_add(o, http_body_so_far(&reader, o->bytes, len));
            http_body_drop(&reader, o->bytes, &len);
        }
    }
    if (o->verdict == HTTP_MORE && s->ends)
        o->verdict = http_response_end(&reader, o->bytes, len, &o->response);
    if (o->verdict == HTTP_DONE)
        body_add(o, o->response.body);
    o->rest = len - reader.used;
}

static void every_response_is_read_the_same_in_any_portions(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        const struct sample *s = &samples[i];

        for (int delivery = 0; delivery < DELIVERIES; delivery++) {
            static struct outcome o;
            const char *body = s->body != NULL ? s->body : "";
            int got;

            play(s, strlen(s->bytes), (enum delivery)delivery, &o);
            got = o.verdict == HTTP_DONE ? o.response.status : o.verdict == HTTP_MORE ? MORE : BAD;
            if (got != s->expected)
                fail_msg("sample %zu, delivery %d: %d instead of %d: %s", i, delivery, got,
                         s->expected, s->bytes);
            if (got < 100)
                continue;
            assert_true(slice_equal_text(slice_make(o.body, o.body_len), body));
            assert_int_equal(o.response.keep_alive, s->keep_alive);
        }
    }
}

static void fields_are_found_and_what_follows_is_left(void **state)
{
    static const struct sample sample = { .bytes = S200
                                          "Content-Type: a/b\r\nContent-Length: 2\r\n\r\nhiHTTP" };
    static struct outcome o;

    (void)state;
    play(&sample, strlen(sample.bytes), AT_ONCE, &o);
    assert_int_equal(o.verdict, HTTP_DONE);
    assert_int_equal(o.rest, 4);
    assert_true(slice_equal_text(http_response_field(&o.response, "content-type"), "a/b"));
    assert_null(http_response_field(&o.response, "Location").ptr);
}

static void body_of_the_limit_passes_and_one_byte_more_does_not(void **state)
{
    static const struct {
        const char *head[2]; /* for 1000 and 1001 bytes */
        const char *tail;
    } framings[] = {
        { { S200 "Content-Length: 1000\r\n\r\n", S200 "Content-Length: 1001\r\n\r\n" }, "" },
        { { S200 "\r\n", S200 "\r\n" }, "" },
        { { CHUNK "3e8\r\n", CHUNK "3e9\r\n" }, "\r\n0\r\n\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(framings); i++) {
        for (int size = 1000; size <= 1001; size++) {
            for (int delivery = 0; delivery < DELIVERIES; delivery++) {
                static char bytes[2000];
                static struct outcome o;
                struct sample sample = { .bytes = bytes, .ends = i == 1 };
                int len;

                len = snprintf(bytes, sizeof(bytes), "%s%0*d%s", framings[i].head[size - 1000],
                               size, 0, framings[i].tail);
                play(&sample, (size_t)len, (enum delivery)delivery, &o);
                assert_int_equal(o.verdict, size == 1000 ? HTTP_DONE : HTTP_BAD);
            }
        }
    }
}

static void interim_responses_are_counted(void **state)
{
    (void)state;
    for (int count = HTTP_INTERIM_MAX; count <= HTTP_INTERIM_MAX + 1; count++) {
        static char bytes[2000];
        static struct outcome o;
        struct sample sample = { .bytes = bytes };
        int len = 0;

        for (int i = 0; i < count; i++)
            len +=
                snprintf(bytes + len, sizeof(bytes) - (size_t)len, "HTTP/1.1 100 Continue\r\n\r\n");
        len += snprintf(bytes + len, sizeof(bytes) - (size_t)len, S200 "Content-Length: 0\r\n\r\n");
        play(&sample, (size_t)len, AT_ONCE, &o);
        assert_int_equal(o.verdict, count == HTTP_INTERIM_MAX ? HTTP_DONE : HTTP_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_response_is_read_the_same_in_any_portions),
        cmocka_unit_test(fields_are_found_and_what_follows_is_left),
        cmocka_unit_test(body_of_the_limit_passes_and_one_byte_more_does_not),
        cmocka_unit_test(interim_responses_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
