/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "http_client_url.h"

static const struct {
    const char *text;
    const char *host; /* NULL: refused */
    unsigned port;
    const char *target;
    bool numeric;
} cases[] = {
    { "http://example.com", "example.com", 80, "", false },
    { "https://example.com/", "example.com", 443, "/", false },
    { "HTTPS://EXAMPLE.Com/A?b=C", "example.com", 443, "/A?b=C", false },
    { "http://example.com:8080/x", "example.com", 8080, "/x", false },
    { "http://example.com?q", "example.com", 80, "?q", false },
    { "http://example.com./", "example.com", 80, "/", false },
    { "http://xn--fiqs8s/", "xn--fiqs8s", 80, "/", false },
    { "http://a_b-c.d/", "a_b-c.d", 80, "/", false },
    { "http://1a.example/", "1a.example", 80, "/", false },
    { "http://192.0.2.1/", "192.0.2.1", 80, "/", true },
    { "http://192.0.2.1./", "192.0.2.1", 80, "/", true },
    { "http://[2001:db8::1]:81/", "2001:db8::1", 81, "/", true },
    { "http://[::ffff:1.2.3.4]/", "::ffff:1.2.3.4", 80, "/", true },
    { "http://example.com:65535/", "example.com", 65535, "/", false },
    { "http://example.com/%2e%2e/@:", "example.com", 80, "/%2e%2e/@:", false },
    /* schemes */
    { "", NULL, 0, NULL, false },
    { "example.com", NULL, 0, NULL, false },
    { "//example.com", NULL, 0, NULL, false },
    { "ftp://example.com", NULL, 0, NULL, false },
    { "file:///etc/passwd", NULL, 0, NULL, false },
    { "gopher://example.com", NULL, 0, NULL, false },
    { "http:/example.com", NULL, 0, NULL, false },
    { "http:example.com", NULL, 0, NULL, false },
    { " http://example.com", NULL, 0, NULL, false },
    { "http ://example.com", NULL, 0, NULL, false },
    { "javascript:alert(1)", NULL, 0, NULL, false },
    /* authority */
    { "http://", NULL, 0, NULL, false },
    { "http:///path", NULL, 0, NULL, false },
    { "http://:80/", NULL, 0, NULL, false },
    { "http://user@example.com/", NULL, 0, NULL, false },
    { "http://user:secret@example.com/", NULL, 0, NULL, false },
    { "http://good.example@127.0.0.1/", NULL, 0, NULL, false },
    { "http://good.example\\@127.0.0.1/", NULL, 0, NULL, false },
    { "http://good.example%00.evil.example/", NULL, 0, NULL, false },
    { "http://good.example%2fevil/", NULL, 0, NULL, false },
    { "http://good.example\t/", NULL, 0, NULL, false },
    { "http://good.exam\nple/", NULL, 0, NULL, false },
    { "http://b\xC3\xBC"
      "cher.example/",
      NULL, 0, NULL, false },
    { "http://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.0.0.1/", NULL, 0, NULL, false },
    { "http://a..b/", NULL, 0, NULL, false },
    { "http://.a/", NULL, 0, NULL, false },
    { "http://a../", NULL, 0, NULL, false },
    { "http://-a.example/", NULL, 0, NULL, false },
    { "http://a-.example/", NULL, 0, NULL, false },
    { "http://a b/", NULL, 0, NULL, false },
    /* numbers in odd notations */
    { "http://127.1/", NULL, 0, NULL, false },
    { "http://2130706433/", NULL, 0, NULL, false },
    { "http://0x7f000001/", NULL, 0, NULL, false },
    { "http://0x7f.0.0.1/", NULL, 0, NULL, false },
    { "http://0177.0.0.1/", NULL, 0, NULL, false },
    { "http://127.0.0.01/", NULL, 0, NULL, false },
    { "http://127.0.0.1.1/", NULL, 0, NULL, false },
    { "http://256.0.0.1/", NULL, 0, NULL, false },
    { "http://example.1/", NULL, 0, NULL, false },
    { "http://example.0x1/", NULL, 0, NULL, false },
    { "http://[127.0.0.1]/", NULL, 0, NULL, false },
    { "http://[::1/", NULL, 0, NULL, false },
    { "http://::1/", NULL, 0, NULL, false },
    { "http://[::1]x/", NULL, 0, NULL, false },
    { "http://[fe80::1%25eth0]/", NULL, 0, NULL, false },
    { "http://[fe80::1%eth0]/", NULL, 0, NULL, false },
    { "http://[]/", NULL, 0, NULL, false },
    /* ports */
    { "http://a:/", NULL, 0, NULL, false },
    { "http://a:0/", NULL, 0, NULL, false },
    { "http://a:65536/", NULL, 0, NULL, false },
    { "http://a:+80/", NULL, 0, NULL, false },
    { "http://a:80a/", NULL, 0, NULL, false },
    { "http://a:000080/", NULL, 0, NULL, false },
    { "http://a:80:80/", NULL, 0, NULL, false },
    /* target */
    { "http://a/#x", NULL, 0, NULL, false },
    { "http://a#@evil.example/", NULL, 0, NULL, false },
    { "http://a/b c", NULL, 0, NULL, false },
    { "http://a/b\r\nX: y", NULL, 0, NULL, false },
    { "http://a/b\\c", NULL, 0, NULL, false },
    { "http://a/\xE4\xBD\xA0", NULL, 0, NULL, false },
    { "http://a/\x7f", NULL, 0, NULL, false },
};

static void urls_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct http_url url;
        struct err err = { 0 };
        enum err_code rc = http_url_parse(slice_of(cases[i].text), &url, &err);

        if ((rc == ERR_OK) != (cases[i].host != NULL))
            fail_msg("'%s': %s", cases[i].text, rc == ERR_OK ? "accepted" : err.text);
        if (rc != ERR_OK) {
            assert_int_equal(rc, ERR_INVALID);
            assert_string_equal(err.field, "url");
            continue;
        }
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_true(slice_equal_text(url.target, cases[i].target));
        assert_int_equal(url.numeric, cases[i].numeric);
        assert_int_equal(url.tls, (cases[i].text[4] | 0x20) == 's');
    }
}

static void addresses_are_given_in_one_form(void **state)
{
    static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 };
    struct http_url url;
    struct err err;

    (void)state;
    assert_int_equal(http_url_parse(SLICE_LITERAL("http://192.0.2.1"), &url, &err), ERR_OK);
    assert_memory_equal(url.address, v4, 16);
    assert_int_equal(http_url_parse(SLICE_LITERAL("http://[::ffff:192.0.2.1]"), &url, &err),
                     ERR_OK);
    assert_memory_equal(url.address, v4, 16);
}

static void lengths_at_their_limits(void **state)
{
    char text[HTTP_URL_MAX + 2];
    struct http_url url;
    struct err err;

    (void)state;
    for (int more = 0; more <= 1; more++) { /* of the whole */
        memset(text, 'a', sizeof(text));
        memcpy(text, "http://a/", 9);
        assert_int_equal(http_url_parse(slice_make(text, HTTP_URL_MAX + (size_t)more), &url, &err),
                         more == 0 ? ERR_OK : ERR_INVALID);
    }
    for (int more = 0; more <= 1; more++) { /* of a label */
        int len = snprintf(text, sizeof(text), "http://%0*d.example/", 63 + more, 0);

        text[7] = 'a';
        assert_int_equal(http_url_parse(slice_make(text, (size_t)len), &url, &err),
                         more == 0 ? ERR_OK : ERR_INVALID);
    }
    for (size_t more = 0; more <= 1; more++) { /* of the host: labels of one letter, then two */
        size_t len = 7;

        memcpy(text, "http://", 7);
        while (len < 7 + HTTP_URL_HOST_MAX - 1) {
            text[len++] = 'a';
            text[len++] = '.';
        }
        text[len++] = 'a';
        if (more == 1)
            text[len++] = 'a';
        assert_int_equal(len, 7 + HTTP_URL_HOST_MAX + more);
        assert_int_equal(http_url_parse(slice_make(text, len), &url, &err),
                         more == 0 ? ERR_OK : ERR_INVALID);
    }
}

static void a_zero_byte_is_refused(void **state)
{
    struct http_url url;
    struct err err;

    (void)state;
    assert_int_equal(http_url_parse(SLICE_LITERAL("http://127.0.0.1\0.example/"), &url, &err),
                     ERR_INVALID);
    assert_int_equal(http_url_parse(SLICE_LITERAL("http://[::1\0]/"), &url, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read_or_refused),
        cmocka_unit_test(addresses_are_given_in_one_form),
        cmocka_unit_test(lengths_at_their_limits),
        cmocka_unit_test(a_zero_byte_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
