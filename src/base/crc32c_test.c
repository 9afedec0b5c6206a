/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "crc32c.h"

static void published_check_values_are_met(void **state)
{
    unsigned char bytes[32];

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62A8AB43);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x46DD794E);
}

static void both_ways_agree_for_every_length_and_split(void **state)
{
    unsigned char bytes[67];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        uint32_t whole = crc32c_portable(0, bytes, len);

        for (size_t cut = 0; cut <= len; cut++) {
            uint32_t head = crc32c(0, bytes, cut);

            assert_int_equal(crc32c(head, bytes + cut, len - cut), whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_check_values_are_met),
        cmocka_unit_test(both_ways_agree_for_every_length_and_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
