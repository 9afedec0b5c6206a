/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "http_trust.h"

static struct http_trust trust;

static void trust_set(const char *list)
{
    struct err err;

    assert_int_equal(http_trust_parse(slice_of(list), &trust, &err), ERR_OK);
}

static void assert_client(const char *peer, const char *forwarded_for, const char *expected)
{
    struct slice client = http_trust_client(&trust, slice_of(peer), slice_of(forwarded_for));

    assert_true(slice_equal_text(client, expected));
}

static void networks_match_by_prefix(void **state)
{
    (void)state;
    trust_set("10.0.0.0/8, 192.0.2.7,fd00::/7 , unix");
    assert_true(http_trust_has(&trust, SLICE_LITERAL("10.255.1.2")));
    assert_false(http_trust_has(&trust, SLICE_LITERAL("11.0.0.1")));
    assert_true(http_trust_has(&trust, SLICE_LITERAL("192.0.2.7")));
    assert_false(http_trust_has(&trust, SLICE_LITERAL("192.0.2.6")));
    assert_true(http_trust_has(&trust, SLICE_LITERAL("fc12::1")));
    assert_false(http_trust_has(&trust, SLICE_LITERAL("fe80::1")));
    assert_true(http_trust_has(&trust, SLICE_LITERAL("unix")));
    assert_false(http_trust_has(&trust, SLICE_LITERAL("nonsense")));
    assert_false(http_trust_has(NULL, SLICE_LITERAL("10.0.0.1")));
    trust_set("0.0.0.0/0");
    assert_true(http_trust_has(&trust, SLICE_LITERAL("203.0.113.9")));
    assert_false(http_trust_has(&trust, SLICE_LITERAL("2001:db8::1")));
}

static void empty_list_trusts_nobody(void **state)
{
    (void)state;
    trust_set("");
    assert_client("127.0.0.1", "198.51.100.1", "127.0.0.1");
}

static void wrong_networks_are_refused(void **state)
{
    static const char *const wrong[] = { "10.0.0.0/33",  "::/129",    "a",
                                         "10.0.0.1,,",   "10.0.0.0/", "10.0.0.0/-1",
                                         "10.0.0.0/8/8", "/8" };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(http_trust_parse(slice_of(wrong[i]), &trust, &err), ERR_INVALID);
}

static void client_is_the_rightmost_address_that_no_trusted_hop_owns(void **state)
{
    (void)state;
    trust_set("127.0.0.1, 10.0.0.0/8");
    assert_client("203.0.113.9", "198.51.100.1", "203.0.113.9"); /* not from a listed peer */
    assert_client("127.0.0.1", "", "127.0.0.1");
    assert_client("127.0.0.1", "198.51.100.1", "198.51.100.1");
    assert_client("127.0.0.1", "1.2.3.4, 198.51.100.1, 10.1.1.1", "198.51.100.1");
    assert_client("127.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1");
    assert_client("127.0.0.1", "1.2.3.4, unknown", "127.0.0.1");
    assert_client("127.0.0.1", "1.2.3.4, ", "127.0.0.1");
    assert_client("127.0.0.1", "2001:db8::5", "2001:db8::5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_match_by_prefix),
        cmocka_unit_test(empty_list_trusts_nobody),
        cmocka_unit_test(wrong_networks_are_refused),
        cmocka_unit_test(client_is_the_rightmost_address_that_no_trusted_hop_owns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
