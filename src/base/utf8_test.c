/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "check.h"
#include "utf8.h"

/* The definition of RFC 3629, said another way: decode, then compare with the encoder. */
static bool valid_by_decoding(const unsigned char *ptr, size_t len)
{
    static const uint32_t first[] = { 0, 0x80, 0x800, 0x10000 };

    for (size_t at = 0; at < len;) {
        unsigned char c = ptr[at];
        size_t more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        uint32_t code = c < 0x80 ? c : c & (0x3FU >> more);

        if ((c >= 0x80 && c < 0xC0) || c >= 0xF8 || len - at <= more)
            return false;
        for (size_t i = 1; i <= more; i++) {
            if ((ptr[at + i] & 0xC0) != 0x80)
                return false;
            code = code << 6 | (ptr[at + i] & 0x3F);
        }
        if (code < first[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
        at += more + 1;
    }
    return true;
}

static void every_lead_with_critical_continuations_is_judged_as_the_rfc_says(void **state)
{
    static const unsigned char tails[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90,
                                           0x9F, 0xA0, 0xBF, 0xC0, 0xFF };

    (void)state;
    for (unsigned lead = 0; lead < 256; lead++) {
        for (size_t n = 0; n < LENGTH_OF(tails) * LENGTH_OF(tails) * LENGTH_OF(tails); n++) {
            unsigned char text[4] = { (unsigned char)lead, tails[n % 11], tails[n / 11 % 11],
                                      tails[n / 121] };

            for (size_t len = 1; len <= sizeof(text); len++) {
                assert_int_equal(utf8_valid(slice_make(text, len)), valid_by_decoding(text, len));
            }
        }
    }
}

static void every_character_survives_encoding_and_any_split(void **state)
{
    (void)state;
    for (uint32_t code = 1; code <= 0x10FFFF; code += 7) {
        char text[UTF8_BYTES_MAX];
        size_t len;

        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        len = utf8_encode(code, text);
        for (size_t cut = 0; cut <= len; cut++) {
            struct utf8_state pieces = { 0 };

            assert_true(utf8_feed(&pieces, slice_make(text, cut)));
            assert_int_equal(utf8_done(&pieces), cut == 0 || cut == len);
            assert_true(utf8_feed(&pieces, slice_make(text + cut, len - cut)));
            assert_true(utf8_done(&pieces));
        }
    }
}

static void a_wrong_byte_is_seen_at_every_offset_of_a_long_run(void **state)
{
    char text[64];

    (void)state;
    for (size_t at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        assert_true(utf8_valid(slice_make(text, sizeof(text))));
        text[at] = (char)0xC0;
        assert_false(utf8_valid(slice_make(text, sizeof(text))));
    }
}

static void a_cut_never_splits_a_character(void **state)
{
    struct slice text = SLICE_LITERAL("a\xE4\xBD\xA0\xE5\xA5\xBD!");

    (void)state;
    assert_int_equal(utf8_prefix(text, 0).len, 0);
    assert_int_equal(utf8_prefix(text, 2).len, 4);
    assert_int_equal(utf8_prefix(text, 9).len, text.len);
    assert_int_equal(utf8_cut(text, 3).len, 1);
    assert_int_equal(utf8_cut(text, 4).len, 4);
    assert_int_equal(utf8_cut(text, 100).len, text.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lead_with_critical_continuations_is_judged_as_the_rfc_says),
        cmocka_unit_test(every_character_survives_encoding_and_any_split),
        cmocka_unit_test(a_wrong_byte_is_seen_at_every_offset_of_a_long_run),
        cmocka_unit_test(a_cut_never_splits_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
