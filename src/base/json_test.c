/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>

#include "json.h"

static bool json_ok(struct slice text)
{
    struct json_reader reader;

    json_reader_init(&reader, text);
    return json_skip_value(&reader) && json_next(&reader) == JSON_END;
}

/* Cases after the manner of JSONTestSuite (Seriot, "Parsing JSON is a minefield"). */
static void what_the_rfc_allows_is_read(void **state)
{
    static const char *const cases[] = {
        "0",
        "-0",
        "1.5e+10",
        "1E400",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "null",
        "true",
        "false",
        "\"\\u0000\\uD834\\uDD1E\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\x7F\"",
        "\"\xF4\x8F\xBF\xBF\"",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "\r\n\t [\"a\"]\n",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "123456789012345678901234567890",
        "-1.0",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        if (!json_ok(slice_of(cases[i])))
            fail_msg("refused: %s", cases[i]);
    }
}

static void what_the_rfc_forbids_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "{,}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "'a'",
        "01",
        "-01",
        "1.",
        ".5",
        "-.5",
        "+1",
        "-",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "1_0",
        "Infinity",
        "NaN",
        "-Infinity",
        "nul",
        "nulll",
        "True",
        "tru",
        "[true",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\a\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\uD800\"",
        "\"\\uD800\\u0041\"",
        "\"\\uD800x\"",
        "\"\\uDC00\"",
        "\"\\U0041\"",
        "\"\\x41\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x1F\"",
        "\"\xFF\"",
        "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"",
        "\"\xE4\xBD\"",
        "\xEF\xBB\xBF[]",
        "[]x",
        "1 2",
        "{}{}",
        "[}",
        "{]",
        "[\"a\":1]",
        "/**/1",
        "1//",
        "[1\f]",
        "\xC2\xA0"
        "1",
        "{\"a\":1 \"b\":2}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        if (json_ok(slice_of(cases[i])))
            fail_msg("accepted: %s", cases[i]);
    }
    assert_false(json_ok(slice_make("1\0", 2)));
    assert_false(json_ok(slice_make("\"\0\"", 3)));
    assert_false(json_ok(slice_make("\"\\\0\"", 4)));
}

static void tokens_come_in_order_with_their_text(void **state)
{
    struct slice text = SLICE_LITERAL("{\"a\\n\": [1.5, \"x\", true, null], \"b\": {}}");
    static const enum json_token want[] = {
        JSON_OBJECT_BEGIN, JSON_KEY,        JSON_ARRAY_BEGIN, JSON_NUMBER, JSON_TEXT,
        JSON_TRUE,         JSON_NULL,       JSON_ARRAY_END,   JSON_KEY,    JSON_OBJECT_BEGIN,
        JSON_OBJECT_END,   JSON_OBJECT_END, JSON_END,         JSON_END,
    };
    static const char *const raw[] = { NULL, "a\\n", NULL, "1.5", "x", NULL, NULL, NULL, "b" };
    struct json_reader reader;

    (void)state;
    json_reader_init(&reader, text);
    for (size_t i = 0; i < LENGTH_OF(want); i++) {
        assert_int_equal(json_next(&reader), want[i]);
        if (i < LENGTH_OF(raw) && raw[i] != NULL)
            assert_true(slice_equal_text(reader.raw, raw[i]));
    }
}

static void specials_are_found_at_every_offset(void **state)
{
    char text[42];

    (void)state;
    for (size_t at = 1; at < sizeof(text) - 1; at++) {
        memset(text, 'a', sizeof(text));
        text[0] = text[sizeof(text) - 1] = '"';
        assert_true(json_ok(slice_make(text, sizeof(text))));
        for (int c = 0; c < 256; c++) {
            text[at] = (char)c;
            assert_int_equal(json_ok(slice_make(text, sizeof(text))),
                             c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
        }
    }
}

static void unescaped_text_is_what_was_meant(void **state)
{
    struct slice raw = SLICE_LITERAL("a\\u00e9\\uD83D\\uDE00\\/\\n\\u4f60z");
    char out[64];

    (void)state;
    assert_true(slice_equal_text(slice_make(out, json_unescape(raw, out)),
                                 "a\xC3\xA9\xF0\x9F\x98\x80/\n\xE4\xBD\xA0z"));
}

static void numbers_are_exact_or_refused(void **state)
{
    uint64_t u = 0;
    int64_t i = 0;
    double d = 0;

    (void)state;
    assert_true(json_number_u64(SLICE_LITERAL("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(json_number_u64(SLICE_LITERAL("-1"), &u));
    assert_false(json_number_u64(SLICE_LITERAL("1.0"), &u));
    assert_true(json_number_i64(SLICE_LITERAL("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(json_number_i64(SLICE_LITERAL("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(json_number_i64(SLICE_LITERAL("9223372036854775808"), &i));
    assert_true(json_number_double(SLICE_LITERAL("-1.25e2"), &d) && d == -125);
    assert_false(json_number_double(SLICE_LITERAL("1e400"), &d));
}

static void writer_sets_commas_and_escapes(void **state)
{
    struct buf buf;
    struct json_writer writer;

    (void)state;
    buf_init(&buf, 4096);
    json_writer_init(&writer, &buf);
    json_object_begin(&writer);
    json_key(&writer, "a");
    json_array_begin(&writer);
    json_u64(&writer, 1);
    json_i64(&writer, INT64_MIN);
    json_double(&writer, 0.1);
    json_double(&writer, (double)INFINITY);
    json_array_end(&writer);
    json_key(&writer, "b");
    json_object_begin(&writer);
    json_object_end(&writer);
    json_key(&writer, "c");
    json_text(&writer, SLICE_LITERAL("\"\\\b\f\n\r\t\x01/\x7F\xE4\xBD\xA0"));
    json_key(&writer, "d");
    json_bool(&writer, true);
    json_key(&writer, "e");
    json_id(&writer, UINT64_MAX);
    json_key(&writer, "f");
    json_raw(&writer, SLICE_LITERAL("[1]"));
    json_object_end(&writer);
    buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr,
                        "{\"a\":[1,-9223372036854775808,0.1,null],\"b\":{},"
                        "\"c\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\xE4\xBD\xA0\",\"d\":true,"
                        "\"e\":\"18446744073709551615\",\"f\":[1]}");
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rfc_allows_is_read),
        cmocka_unit_test(what_the_rfc_forbids_is_refused),
        cmocka_unit_test(tokens_come_in_order_with_their_text),
        cmocka_unit_test(specials_are_found_at_every_offset),
        cmocka_unit_test(unescaped_text_is_what_was_meant),
        cmocka_unit_test(numbers_are_exact_or_refused),
        cmocka_unit_test(writer_sets_commas_and_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
