/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "command_yaml.h"

enum { JSON_BYTES_MAX = 300 };

static void reads(const char *yaml, const char *json)
{
    struct err err = { 0 };
    struct buf out;

    buf_init(&out, JSON_BYTES_MAX);
    if (command_yaml_to_json(slice_of(yaml), &out, &err) != ERR_OK)
        fail_msg("%s: %s", err.field, err.text);
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, json);
    buf_fini(&out);
}

static void refuses(const char *yaml, const char *field, const char *text)
{
    struct err err = { 0 };
    struct buf out;

    buf_init(&out, JSON_BYTES_MAX);
    assert_int_not_equal(command_yaml_to_json(slice_of(yaml), &out, &err), ERR_OK);
    assert_string_equal(err.field, field);
    assert_string_equal(err.text, text);
    buf_fini(&out);
}

static void scalars_are_what_they_look_like(void **state)
{
    (void)state;
    reads("{}", "{}");
    reads("a: 1\nb: -1.5e3\nc: 0s\nd: no\ne: true\nf: '7'\ng:\nh: 007\n",
          "{\"a\":1,\"b\":-1.5e3,\"c\":\"0s\",\"d\":\"no\",\"e\":true,\"f\":\"7\",\"g\":null,\"h\":"
          "\"007\"}");
    reads("- 2026-10-01\n- {on: [x, \"a\\nb\"]}\n- 90%\n",
          "[\"2026-10-01\",{\"on\":[\"x\",\"a\\nb\"]},\"90%\"]");
    reads("# 调休\n调休: 10-10\n", "{\"调休\":\"10-10\"}");
}

static void what_is_not_taken_is_named_with_its_place(void **state)
{
    (void)state;
    refuses("a: &x 1\n", "line 1, column 4", "anchors and tags are not taken");
    refuses("a: 1\nb: *x\n", "line 2, column 4", "aliases are not taken");
    refuses("a: !!str 1\n", "line 1, column 4", "anchors and tags are not taken");
    refuses("? [a]\n: 1\n", "line 1, column 3", "a key must be a text");
    refuses("--- a\n--- b\n", "line 2, column 1", "more than one document");
    refuses("a: b: c\n", "line 1, column 5", "mapping values are not allowed in this context");
    refuses("# nothing\n", "", "an empty file");
}

static void an_empty_file_is_refused(void **state)
{
    struct err err = { 0 };
    struct buf out;

    (void)state;
    refuses("", "", "an empty file");
    buf_init(&out, JSON_BYTES_MAX);
    assert_int_equal(command_yaml_to_json(SLICE_EMPTY, &out, &err), ERR_INVALID);
    buf_fini(&out);
}

static void limits_hold_at_the_limit_and_beyond(void **state)
{
    char deep[2 * 40 + 1] = { 0 };
    char json[80] = { 0 };

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        memcpy(deep + 2 * i, "- ", 2);
        json[i] = '[';
        json[64 - i] = ']';
    }
    deep[64] = json[32] = '1';
    reads(deep, json);
    memmove(deep + 2, deep, 65);
    refuses(deep, "line 1, column 65", "nested too deeply");
    {
        char text[JSON_BYTES_MAX + 1] = { 0 };
        char quoted[JSON_BYTES_MAX + 1] = { 0 };

        memset(text, 'x', JSON_BYTES_MAX - 3); /* two quotes, and the end that reads() adds */
        quoted[0] = quoted[JSON_BYTES_MAX - 2] = '"';
        memset(quoted + 1, 'x', JSON_BYTES_MAX - 3);
        reads(text, quoted);
        memset(text, 'x', JSON_BYTES_MAX - 1);
        refuses(text, "", "more than 300 bytes");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_what_they_look_like),
        cmocka_unit_test(what_is_not_taken_is_named_with_its_place),
        cmocka_unit_test(an_empty_file_is_refused),
        cmocka_unit_test(limits_hold_at_the_limit_and_beyond),
    };

    return cmocka_run_group_tests_name("command_yaml", tests, NULL, NULL);
}
