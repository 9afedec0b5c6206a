/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "err.h"
#include "slice.h"

static void slice_reads_only_whole_decimal_numbers(void **state)
{
    unsigned long long value = 0;

    (void)state;
    assert_true(slice_to_u64(SLICE_LITERAL("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(slice_to_u64(SLICE_LITERAL("18446744073709551616"), &value));
    assert_false(slice_to_u64(SLICE_LITERAL(""), &value));
    assert_false(slice_to_u64(SLICE_LITERAL("-1"), &value));
    assert_false(slice_to_u64(SLICE_LITERAL("1 "), &value));
}

static void buf_refuses_to_pass_its_ceiling_and_keeps_what_it_has(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    buf_add_text(&buf, "12345678");
    assert_true(buf_ok(&buf));
    buf_add_char(&buf, '9');
    assert_false(buf_ok(&buf));
    assert_true(slice_equal_text(buf_slice(&buf), "12345678"));
    buf_consume(&buf, 4);
    assert_true(slice_equal_text(buf_slice(&buf), "5678"));
    buf_fini(&buf);
}

static void arena_gives_null_past_its_bound_and_is_whole_after_reset(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 8192);
    assert_non_null(arena_alloc(&arena, 4096));
    assert_non_null(arena_alloc(&arena, 4096));
    assert_null(arena_alloc(&arena, 16));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    assert_string_equal(arena_strdup(&arena, SLICE_LITERAL("again")), "again");
    arena_fini(&arena);
}

static void err_carries_code_text_and_field(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_set_field(&err, ERR_TOO_BIG, "send.text", "%d bytes", 9), ERR_TOO_BIG);
    assert_string_equal(err.field, "send.text");
    assert_string_equal(err.text, "9 bytes");
    assert_string_equal(err_code_name(err.code), "too_big");
    assert_int_equal(err_http_status(err.code), 413);
}

static void virtual_clock_moves_only_when_told(void **state)
{
    struct clock_virtual time = { .wall_ms = 1000, .mono_us = 5 };
    struct clock clock = clock_virtual_clock(&time);

    (void)state;
    assert_int_equal(clock_wall_ms(&clock), 1000);
    clock_virtual_advance(&time, 250);
    assert_int_equal(clock_wall_ms(&clock), 1250);
    assert_int_equal(clock_mono_us(&clock), 250005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_reads_only_whole_decimal_numbers),
        cmocka_unit_test(buf_refuses_to_pass_its_ceiling_and_keeps_what_it_has),
        cmocka_unit_test(arena_gives_null_past_its_bound_and_is_whole_after_reset),
        cmocka_unit_test(err_carries_code_text_and_field),
        cmocka_unit_test(virtual_clock_moves_only_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
