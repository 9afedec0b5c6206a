/* SPDX-License-Identifier: Apache-2.0 */
/* Every special network at its edges: the last address before it, its first and its last, and the
 * first behind it. */
#include "test.h"

#include <arpa/inet.h>
#include <string.h>

#include "http_client_guard.h"

static const struct http_guard strict;

static const char *judge(const struct http_guard *guard, const char *address)
{
    uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };

    if (inet_pton(AF_INET, address, bytes + 12) != 1)
        assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
    return http_guard_address(guard, bytes);
}

static const char *const refused[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.192",
    "192.0.0.255",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "168.63.129.16",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    /* IPv6 */
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::8.8.8.8",
    "100::1",
    "fc00::",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:1ff::1",
    "2001:db8::1",
    "2001:db8:ffff::",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "1fff::1",
    "5f00::1",
    "64:ff9b:1::7f00:1",
    /* that carry an IPv4 address */
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.1.2.3",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:c0a8:101::1",
    "2002:a9fe:a9fe::1",
    "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:7f00:1",
};

static const char *const passing[] = {
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "223.255.255.255",
    "8.8.8.8",
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7::1",
    "2001:db9::1",
    "2a00:1450::1",
    "3ffe::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2a00:1450::5efe:8.8.8.8",
};

static void special_addresses_are_refused_and_their_neighbours_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(refused); i++) {
        if (judge(&strict, refused[i]) == NULL)
            fail_msg("%s passes", refused[i]);
    }
    for (size_t i = 0; i < LENGTH_OF(passing); i++) {
        if (judge(&strict, passing[i]) != NULL)
            fail_msg("%s is refused: %s", passing[i], judge(&strict, passing[i]));
    }
}

static void listed_networks_pass_and_nothing_beside_them(void **state)
{
    struct http_guard guard;
    struct err err;

    (void)state;
    assert_int_equal(http_guard_parse(SLICE_LITERAL("10.1.0.0/16, ::1, fd12::/16"), SLICE_EMPTY,
                                      SLICE_EMPTY, &guard, &err),
                     ERR_OK);
    assert_null(judge(&guard, "10.1.2.3"));
    assert_null(judge(&guard, "::ffff:10.1.2.3"));
    assert_null(judge(&guard, "::1"));
    assert_null(judge(&guard, "fd12::7"));
    assert_non_null(judge(&guard, "10.2.0.0"));
    assert_non_null(judge(&guard, "127.0.0.1"));
    assert_non_null(judge(&guard, "fd13::7"));
    assert_non_null(judge(&guard, "64:ff9b::10.1.2.3")); /* another way to it was not listed */
    assert_null(judge(&guard, "8.8.8.8"));
}

static const char *judge_url(const struct http_guard *guard, const char *text)
{
    struct http_url url;
    struct err err;

    assert_int_equal(http_url_parse(slice_of(text), &url, &err), ERR_OK);
    return http_guard_url(guard, &url);
}

static void hosts_and_ports_are_those_listed(void **state)
{
    struct http_guard guard;
    struct err err;

    (void)state;
    assert_int_equal(http_guard_parse(SLICE_EMPTY, SLICE_LITERAL("api.example.com, *.example.org"),
                                      SLICE_LITERAL("8443, 8080"), &guard, &err),
                     ERR_OK);
    assert_null(judge_url(&guard, "https://api.example.com/"));
    assert_null(judge_url(&guard, "https://API.example.com:8443/"));
    assert_null(judge_url(&guard, "http://a.example.org/"));
    assert_null(judge_url(&guard, "http://a.b.example.org:8080/"));
    assert_non_null(judge_url(&guard, "http://example.com/"));
    assert_non_null(judge_url(&guard, "http://x.api.example.com/"));
    assert_non_null(judge_url(&guard, "http://example.org/"));
    assert_non_null(judge_url(&guard, "http://evilexample.org/"));
    assert_non_null(judge_url(&guard, "http://a.example.org.evil.example/"));
    assert_non_null(judge_url(&guard, "http://api.example.com:22/"));
    assert_non_null(judge_url(&guard, "http://api.example.com:8081/"));
}

static void without_lists_every_public_host_passes_at_the_usual_ports(void **state)
{
    (void)state;
    assert_null(judge_url(&strict, "http://anything.example/"));
    assert_null(judge_url(&strict, "https://8.8.8.8/"));
    assert_non_null(judge_url(&strict, "https://127.0.0.1/"));
    assert_non_null(judge_url(&strict, "https://[::ffff:7f00:1]/"));
    assert_non_null(judge_url(&strict, "https://anything.example:8443/"));
}

static void wrong_lists_are_named(void **state)
{
    struct http_guard guard;
    struct err err;

    (void)state;
    assert_int_equal(
        http_guard_parse(SLICE_LITERAL("10.0.0.0/33"), SLICE_EMPTY, SLICE_EMPTY, &guard, &err),
        ERR_INVALID);
    assert_int_equal(http_guard_parse(SLICE_EMPTY, SLICE_EMPTY, SLICE_LITERAL("0"), &guard, &err),
                     ERR_INVALID);
    assert_int_equal(
        http_guard_parse(SLICE_EMPTY, SLICE_EMPTY, SLICE_LITERAL("65536"), &guard, &err),
        ERR_INVALID);
    assert_int_equal(http_guard_parse(SLICE_EMPTY, SLICE_EMPTY,
                                      SLICE_LITERAL("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"),
                                      &guard, &err),
                     ERR_OK);
    assert_int_equal(http_guard_parse(SLICE_EMPTY, SLICE_EMPTY,
                                      SLICE_LITERAL("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"),
                                      &guard, &err),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_addresses_are_refused_and_their_neighbours_pass),
        cmocka_unit_test(listed_networks_pass_and_nothing_beside_them),
        cmocka_unit_test(hosts_and_ports_are_those_listed),
        cmocka_unit_test(without_lists_every_public_host_passes_at_the_usual_ports),
        cmocka_unit_test(wrong_lists_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
