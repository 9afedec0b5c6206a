/* SPDX-License-Identifier: Apache-2.0 */
/* One table of messages; each is read whole and byte by byte and must come out the same. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "http.h"

enum { MORE = 1, OK = 200 };

struct sample {
    const char *bytes;
    int expected;     /* OK, MORE, or the status of the refusal */
    const char *body; /* when OK; NULL: empty */
    int used;         /* when OK; 0: all */
};

#define GET   "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST  "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNK POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct sample samples[] = {
    /* request line */
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "GET / HTTP/1.0\r\n\r\n", OK, NULL, 0 },
    { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / a HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /\r\n\r\n", 400, NULL, 0 },
    { "GET\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\nHost: a\n\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\rHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / http/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/11\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, NULL, 0 },
    { "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, NULL, 0 },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL, 0 },
    { "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, NULL, 0 },
    { "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, NULL, 0 },
    { "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, NULL, 0 },
    { "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, NULL, 0 },
    { "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "G\x80T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET http://b/c HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "GET HTTPS://b:8443 HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 },
    { "GET http:///c HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /\xe4\xbd\xa0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, 0 },
    { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", OK, NULL, 0 }, /* decoding refuses it */
    /* fields */
    { "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", OK, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\r\n\r\n", OK, NULL, 0 },
    { GET "A:b\r\n\r\n", OK, NULL, 0 },
    { GET "A:  \t b \t\r\n\r\n", OK, NULL, 0 },
    { GET "A:\r\n\r\n", OK, NULL, 0 },
    { GET "A: \xe4\xbd\xa0\r\n\r\n", OK, NULL, 0 },
    { GET "!#$%&'*+-.^_`|~9: b\r\n\r\n", OK, NULL, 0 },
    { GET "A : b\r\n\r\n", 400, NULL, 0 },
    { GET "A\t: b\r\n\r\n", 400, NULL, 0 },
    { GET " A: b\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\r\n c\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\r\n\tc\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, NULL, 0 },
    { GET ": b\r\n\r\n", 400, NULL, 0 },
    { GET "A\r\n\r\n", 400, NULL, 0 },
    { GET "A B: c\r\n\r\n", 400, NULL, 0 },
    { GET "A(: c\r\n\r\n", 400, NULL, 0 },
    { GET "A\x80: c\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\x01\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\x7f\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\rc\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\nB: c\r\n\r\n", 400, NULL, 0 },
    { GET "A: b\r\n\n", 400, NULL, 0 },
    { GET "A: b\r\n\rX", 400, NULL, 0 },
    /* Host */
    { "GET / HTTP/1.1\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, NULL, 0 },
    { GET "Host: a\r\n\r\n", 400, NULL, 0 },
    { GET "hOsT: b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, NULL, 0 },
    { "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", OK, NULL, 0 },
    { "GET http://b/ HTTP/1.1\r\n\r\n", 400, NULL, 0 },
    /* Content-Length */
    { POST "Content-Length: 3\r\n\r\nabc", OK, "abc", 0 },
    { POST "Content-Length: 03\r\n\r\nabc", OK, "abc", 0 },
    { POST "Content-Length: 0\r\n\r\n", OK, NULL, 0 },
    { POST "\r\n", OK, NULL, 0 },
    { POST "Content-Length: 3\r\n\r\nabcGET", OK, "abc", -3 },
    { POST "Content-Length: 3\r\n\r\nab", MORE, NULL, 0 },
    { POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, NULL, 0 },
    { POST "Content-Length: 3, 3\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: +3\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: -3\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: 0x3\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: 3 4\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length: 3.0\r\n\r\nabc", 400, NULL, 0 },
    { POST "Content-Length:\r\n\r\n", 400, NULL, 0 },
    { POST "Content-Length: a\r\n\r\n", 400, NULL, 0 },
    { POST "Content-Length: 18446744073709551616\r\n\r\n", 400, NULL, 0 },
    { POST "Content-Length: 18446744073709551615\r\n\r\n", 413, NULL, 0 },
    { POST "Content-Length: 1048577\r\n\r\n", 413, NULL, 0 },
    { POST "Content-Length: 1048576\r\n\r\n", MORE, NULL, 0 },
    { POST "Content_Length: 9\r\n\r\n", OK, NULL, 0 },
    /* Transfer-Encoding */
    { CHUNK "3\r\nabc\r\n0\r\n\r\n", OK, "abc", 0 },
    { CHUNK "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", OK, "abcde", 0 },
    { CHUNK "0\r\n\r\n", OK, NULL, 0 },
    { CHUNK "00\r\n\r\nGET", OK, NULL, -3 },
    { CHUNK "a\r\n0123456789\r\n0\r\n\r\n", OK, "0123456789", 0 },
    { CHUNK "A\r\n0123456789\r\n0\r\n\r\n", OK, "0123456789", 0 },
    { CHUNK "3;x=y\r\nabc\r\n0;z\r\n\r\n", OK, "abc", 0 },
    { CHUNK "3\r\nabc\r\n0\r\nT: v\r\n\r\n", OK, "abc", 0 },
    { CHUNK "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", OK, "abc", 0 },
    { CHUNK "3\r\nab", MORE, NULL, 0 },
    { CHUNK "3\r\nabc\r\n0\r\n", MORE, NULL, 0 },
    { CHUNK "3\r\nabcd\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "3\r\nabc\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "3\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "3 \r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK " 3\r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "0x3\r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "+3\r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "-1\r\n", 400, NULL, 0 },
    { CHUNK "\r\nabc", 400, NULL, 0 },
    { CHUNK "g\r\n", 400, NULL, 0 },
    { CHUNK "3;\x01\r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "3;a\rb\r\nabc\r\n0\r\n\r\n", 400, NULL, 0 },
    { CHUNK "100001\r\n", 413, NULL, 0 },
    { CHUNK "ffffffffffffffff\r\n", 413, NULL, 0 },
    { CHUNK "10000000000000003\r\nabc", 413, NULL, 0 },
    { CHUNK "0\r\nT : v\r\n\r\n", 400, NULL, 0 },
    { CHUNK "0\r\n T: v\r\n\r\n", 400, NULL, 0 },
    { CHUNK "0\r\nT: v\n\r\n", 400, NULL, 0 },
    { POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", OK, NULL, 0 },
    { POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding: identity\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding: xchunked\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding:\r\n\r\n", 501, NULL, 0 },
    { POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL, 0 },
    { POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL, 0 },
    { POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400, NULL, 0 },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL, 0 },
    { POST "Transfer-Encoding : chunked\r\n\r\n", 400, NULL, 0 },
    /* Expect */
    { POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", MORE, NULL, 0 },
    { POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\n", 417, NULL, 0 },
    /* unfinished */
    { "G", MORE, NULL, 0 },
    { "\r", MORE, NULL, 0 },
    { GET "\r", MORE, NULL, 0 },
    { GET, MORE, NULL, 0 },
};

static struct http_request request;

static enum http_verdict read_whole(const char *bytes, size_t len, struct http_reader *reader,
                                    char **copy)
{
    *copy = malloc(len);
    memcpy(*copy, bytes, len);
    return http_request_read(reader, *copy, &len, &request);
}

/* Each call sees memory of exactly the bytes so far, so that reading past them is found. */
static enum http_verdict read_bytewise(const char *bytes, size_t len, struct http_reader *reader,
                                       char **copy)
{
    enum http_verdict verdict = HTTP_MORE;
    size_t have = 0;
    size_t at;

    *copy = NULL;
    for (at = 0; at < len && verdict == HTTP_MORE; at++) {
        char *next = malloc(have + 1);

        if (have > 0)
            memcpy(next, *copy, have);
        free(*copy);
        *copy = next;
        next[have++] = bytes[at];
        verdict = http_request_read(reader, next, &have, &request);
    }
    return verdict;
}

static void sample_check(const struct sample *s, size_t len, enum http_verdict verdict,
                         const struct http_reader *reader, bool whole)
{
    int got = verdict == HTTP_DONE ? OK : verdict == HTTP_MORE ? MORE : reader->status;

    if (got != s->expected)
        print_error("%s\n", s->bytes);
    assert_int_equal(got, s->expected);
    if (verdict == HTTP_BAD)
        assert_non_null(reader->reason);
    if (verdict != HTTP_DONE)
        return;
    assert_true(slice_equal_text(request.body, s->body != NULL ? s->body : ""));
    if (whole)
        assert_int_equal(reader->used, (int)len + (s->used < 0 ? s->used : 0));
}

static void every_sample_gets_its_verdict_whole_and_bytewise(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        struct http_reader reader = { 0 };
        size_t len = strlen(s->bytes);
        char *copy;

        sample_check(s, len, read_whole(s->bytes, len, &reader, &copy), &reader, true);
        free(copy);
        reader = (struct http_reader){ 0 };
        sample_check(s, len, read_bytewise(s->bytes, len, &reader, &copy), &reader, false);
        free(copy);
    }
}

static int verdict_of(const struct buf *buf)
{
    struct http_reader reader = { 0 };
    char *copy;
    enum http_verdict verdict = read_whole(buf->ptr, buf->len, &reader, &copy);

    free(copy);
    return verdict == HTTP_DONE ? OK : verdict == HTTP_MORE ? MORE : reader.status;
}

static void limits_of_head_target_fields_and_chunk_lines_hold(void **state)
{
    struct buf buf;
    int i;

    (void)state;
    buf_init(&buf, 4 * HTTP_HEAD_MAX);
    for (i = 0; i < HTTP_HEAD_MAX; i++)
        buf_add_char(&buf, 'a');
    assert_int_equal(verdict_of(&buf), 431);
    buf_clear(&buf);
    buf_add_text(&buf, "GET /");
    for (i = 0; i < HTTP_TARGET_MAX - 1; i++)
        buf_add_char(&buf, 'a');
    buf_add_text(&buf, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(verdict_of(&buf), OK);
    buf_clear(&buf);
    buf_add_text(&buf, "GET /");
    for (i = 0; i < HTTP_TARGET_MAX; i++)
        buf_add_char(&buf, 'a');
    buf_add_text(&buf, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(verdict_of(&buf), 414);
    buf_clear(&buf);
    buf_add_text(&buf, GET);
    for (i = 1; i < HTTP_FIELDS_MAX; i++)
        buf_add_text(&buf, "a: b\r\n");
    buf_add_text(&buf, "\r\n");
    assert_int_equal(verdict_of(&buf), OK);
    buf.len -= 2;
    buf_add_text(&buf, "a: b\r\n\r\n");
    assert_int_equal(verdict_of(&buf), 431);
    buf_clear(&buf);
    buf_add_text(&buf, CHUNK "1;");
    for (i = 0; i < HTTP_CHUNK_LINE_MAX; i++)
        buf_add_char(&buf, 'e');
    assert_int_equal(verdict_of(&buf), 400);
    buf_clear(&buf);
    buf_add_text(&buf, CHUNK);
    for (i = 0; i < 6; i++)
        buf_printf(&buf, "1;%0200d\r\na\r\n", 0);
    assert_int_equal(verdict_of(&buf), 400);
    buf_clear(&buf);
    buf_add_text(&buf, CHUNK "0\r\n");
    for (i = 0; i < 30; i++)
        buf_printf(&buf, "t: %0200d\r\n", 0);
    assert_int_equal(verdict_of(&buf), 400);
    buf_fini(&buf);
}

static void zero_bytes_are_refused_in_the_head_and_fine_in_the_body(void **state)
{
    static const char in_head[] = "GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n";
    static const char early[] = "\x16\x03\x01\x00\x05";
    static const char in_body[] = POST "Content-Length: 3\r\n\r\na\0b";
    struct http_reader reader = { 0 };
    char *copy;

    (void)state;
    assert_int_equal(read_whole(in_head, sizeof(in_head) - 1, &reader, &copy), HTTP_BAD);
    free(copy);
    reader = (struct http_reader){ 0 };
    assert_int_equal(read_whole(early, sizeof(early) - 1, &reader, &copy), HTTP_BAD);
    free(copy);
    reader = (struct http_reader){ 0 };
    assert_int_equal(read_whole(in_body, sizeof(in_body) - 1, &reader, &copy), HTTP_DONE);
    assert_int_equal(request.body.len, 3);
    free(copy);
}

static void request_parts_are_found(void **state)
{
    static const char bytes[] =
        "PATCH http://shop.example:80/a%20b?x=1&yy=%E4%BD%A0+z&flag HTTP/1.1\r\n"
        "Host: other\r\nConnection: Foo, Upgrade\r\nX-Thing:  one two \r\nExpect: 100-continue\r\n"
        "Content-Length: 2\r\n\r\n{}";
    struct http_reader reader = { 0 };
    struct slice value;
    char decoded[32];
    size_t len;
    char *copy;

    (void)state;
    assert_int_equal(read_whole(bytes, sizeof(bytes) - 1, &reader, &copy), HTTP_DONE);
    assert_int_equal(request.method, HTTP_PATCH);
    assert_true(slice_equal_text(request.path, "/a%20b"));
    assert_true(slice_equal_text(request.host, "shop.example:80"));
    assert_true(request.upgrade && request.keep_alive && request.expect_continue);
    assert_true(slice_equal_text(http_field_get(&request, "x-thing"), "one two"));
    assert_null(http_field_get(&request, "x-thin").ptr);
    assert_true(http_query_get(request.query, "x", &value));
    assert_true(slice_equal_text(value, "1"));
    assert_true(http_query_get(request.query, "flag", &value));
    assert_int_equal(value.len, 0);
    assert_false(http_query_get(request.query, "y", &value));
    assert_true(http_query_get(request.query, "yy", &value));
    assert_true(http_percent_decode(value, true, decoded, &len));
    assert_int_equal(len, 5);
    assert_memory_equal(decoded, "\xe4\xbd\xa0 z", 5);
    free(copy);
}

static void broken_percent_escapes_are_refused(void **state)
{
    static const char *const broken[] = { "%", "%a", "a%g0", "%0g", "%00", "abc%2" };
    char out[16];
    size_t len;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_false(http_percent_decode(slice_of(broken[i]), false, out, &len));
    assert_true(http_percent_decode(SLICE_LITERAL("a+%2f"), false, out, &len));
    assert_memory_equal(out, "a+/", len);
}

static void connection_persists_as_version_and_field_say(void **state)
{
    static const struct {
        const char *bytes;
        bool keep;
    } table[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,CLOSE\r\n\r\n", false },
        { "GET / HTTP/1.0\r\n\r\n", false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
        { "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct http_reader reader = { 0 };
        char *copy;

        assert_int_equal(read_whole(table[i].bytes, strlen(table[i].bytes), &reader, &copy),
                         HTTP_DONE);
        assert_int_equal(request.keep_alive, table[i].keep);
        free(copy);
    }
}

static void body_of_single_byte_chunks_keeps_the_buffer_bounded(void **state)
{
    struct http_reader reader = { 0 };
    char bytes[512];
    size_t len = (size_t)snprintf(bytes, sizeof(bytes), CHUNK);
    size_t head = len;
    int i;

    (void)state;
    for (i = 0; i < 200; i++) {
        memcpy(bytes + len, "1\r\nx\r\n", 6);
        len += 6;
        assert_int_equal(http_request_read(&reader, bytes, &len, &request), HTTP_MORE);
        assert_int_equal(len, head + (size_t)i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_gets_its_verdict_whole_and_bytewise),
        cmocka_unit_test(limits_of_head_target_fields_and_chunk_lines_hold),
        cmocka_unit_test(zero_bytes_are_refused_in_the_head_and_fine_in_the_body),
        cmocka_unit_test(request_parts_are_found),
        cmocka_unit_test(broken_percent_escapes_are_refused),
        cmocka_unit_test(connection_persists_as_version_and_field_say),
        cmocka_unit_test(body_of_single_byte_chunks_keeps_the_buffer_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
