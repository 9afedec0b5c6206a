/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "check.h"
#include "hash.h"

/* Oracle: CPython 3.11 hashes bytes with SipHash-1-3; PYTHONHASHSEED=0 makes its key zero. */
static void values_are_those_of_another_siphash_1_3(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } cases[] = {
        { "a", 0x407448D2B89B1813U },
        { "abcdefg", 0x6DB12AAE9070F506U },
        { "abcdefgh", 0x3F7B849C0B8E35EAU },
        { "abcdefghi", 0xF89B34A3D11EB6E5U },
        { "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE5\xAE\xA2\xE6\x9C\x8D", 0xC5D3CA869A783205U },
    };
    unsigned char bytes[63];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_true(hash_bytes((struct hash_key){ 0 }, cases[i].text, strlen(cases[i].text)) ==
                    cases[i].hash);
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i + 1);
    assert_true(hash_bytes((struct hash_key){ 0 }, bytes, sizeof(bytes)) == 0x6BAFE9F92616651BU);
}

static void both_halves_of_the_key_and_every_byte_count(void **state)
{
    char text[] = "conversation";
    uint64_t base = hash_bytes((struct hash_key){ 1, 2 }, text, sizeof(text));

    (void)state;
    assert_true(base != hash_bytes((struct hash_key){ 3, 2 }, text, sizeof(text)));
    assert_true(base != hash_bytes((struct hash_key){ 1, 3 }, text, sizeof(text)));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] ^= 1;
        assert_true(base != hash_bytes((struct hash_key){ 1, 2 }, text, sizeof(text)));
        text[i] ^= 1;
    }
}

static void consecutive_ids_spread_over_slots(void **state)
{
    unsigned count[1024] = { 0 };

    (void)state;
    for (uint64_t id = 0; id < 102400; id++)
        count[hash_u64(7, id << 12) % LENGTH_OF(count)]++;
    for (size_t i = 0; i < LENGTH_OF(count); i++)
        assert_in_range(count[i], 50, 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_another_siphash_1_3),
        cmocka_unit_test(both_halves_of_the_key_and_every_byte_count),
        cmocka_unit_test(consecutive_ids_spread_over_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
