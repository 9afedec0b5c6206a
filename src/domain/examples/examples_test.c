/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "examples_file.h"

struct expected {
    const char *intent, *text;
    uint32_t line;
};

static void assert_reads(struct slice file, const struct expected *expected, size_t count)
{
    struct example_set set;
    struct err err = { 0 };

    example_set_init(&set);
    if (examples_read(file, &set, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(set.count, count);
    for (size_t i = 0; i < count; i++) {
        struct slice name = set.names[set.items[i].intent];

        assert_true(slice_equal_text(name, expected[i].intent));
        assert_true(slice_equal_text(set.items[i].text, expected[i].text));
        if (expected[i].line > 0)
            assert_int_equal(set.items[i].line, expected[i].line);
    }
    example_set_fini(&set);
}

static void assert_refused(struct slice file, enum err_code code, const char *reason)
{
    struct example_set set;
    struct err err = { 0 };

    example_set_init(&set);
    assert_int_equal(examples_read(file, &set, &err), code);
    if (strstr(err.text, reason) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, reason);
    example_set_fini(&set);
}

static const struct expected three[] = {
    { "hello", "hi there", 0 },
    { "order", "where is my order", 0 },
    { "hello", "good day", 0 },
};

static void columns_are_found_with_and_without_a_header(void **state)
{
    static const struct expected lines[] = { { "a", "x y", 1 },
                                             { "a", "z", 2 },
                                             { "text", "s", 4 } };

    (void)state;
    assert_reads(SLICE_LITERAL("a\tx y\na\tz\n\ntext\ts"), lines, 3);
    assert_reads(SLICE_LITERAL("hello\thi there\norder\twhere is my order\nhello\tgood day\n"),
                 three, 3);
    assert_reads(SLICE_LITERAL("hi there\thello\r\nwhere is my order\torder\r\ngood day\thello"),
                 three, 3);
    assert_reads(SLICE_LITERAL("\xEF\xBB\xBFIntent;id;Text\nhello;7;hi there\norder;8;\"where is "
                               "my order\"\nhello;9;good day\n"),
                 three, 3);
    assert_reads(
        SLICE_LITERAL("文本,意图\nhi there,hello\nwhere is my order,order\ngood day,hello"), three,
        3);
}

static void quotes_hold_separators_quotes_and_line_breaks(void **state)
{
    static const struct expected rows[] = {
        { "a", "say \"hi\", please", 2 }, { "b", "one", 3 }, { "b", "two", 3 }, { "c", "x", 5 }
    };

    (void)state;
    assert_reads(SLICE_LITERAL("text,intent\n\"say \"\"hi\"\", please\",a\n\"one\ntwo\",b\nx,c\n"),
                 rows, 4);
}

static void json_lines_are_objects_with_a_text_and_an_intent(void **state)
{
    (void)state;
    assert_reads(SLICE_LITERAL("{\"text\":\"hi there\",\"intent\":\"hello\",\"n\":[1]}\n\n"
                               "{\"label\":\"order\",\"utterance\":\"where is my order\"}\n"
                               "{\"intent\":\"h\\u0065llo\",\"text\":\"good day\"}\n"),
                 three, 3);
}

static void rasa_files_are_read_without_entity_marks(void **state)
{
    static const struct expected marked[] = {
        { "hello", "hi there", 6 },
        { "hello", "good [day", 7 },
        { "order", "where is order 4711", 14 },
    };

    (void)state;
    assert_reads(SLICE_LITERAL("version: \"3.1\"\n"
                               "nlu:\n"
                               "- intent: hello\n"
                               "  # a comment\n"
                               "  examples: |\n"
                               "    - hi [there](place)\n"
                               "    - good [day\n"
                               "- synonym: berlin\n"
                               "  examples: |\n"
                               "    - bearlin\n"
                               "- intent: order\n"
                               "  examples:\n"
                               "  - text: |\n"
                               "      where is [order 4711]{\"entity\": \"order\"}\n"
                               "    metadata: x\n"
                               "rules:\n- rule: r\n  steps:\n  - intent: hello\n"),
                 marked, 3);
    assert_reads(SLICE_LITERAL("{\"rasa_nlu_data\":{\"regex_features\":[],\"common_examples\":[\n"
                               "{\"text\":\"hi there\",\"intent\":\"hello\",\"entities\":[]},\n"
                               "{\"text\":\"where is my order\",\"intent\":\"order\"},\n"
                               "{\"text\":\"good day\",\"intent\":\"hello\"}]}}"),
                 three, 3);
}

static void a_tiledesk_row_is_an_intent_with_its_questions(void **state)
{
    static const struct expected rows[] = { { "shipping", "how long", 0 },
                                            { "shipping", "when", 0 },
                                            { "8", "pay?", 0 },
                                            { "ok?", "ok?", 0 } };

    (void)state;
    assert_reads(SLICE_LITERAL("\xEF\xBB\xBFquestion;answer;intent_id;intent_display_name\n"
                               "\"how long\nwhen\";3 days;7;shipping\npay?;cash;8;\nok?;yes;;\n"),
                 rows, 4);
}

static void chinese_encodings_are_recognised(void **state)
{
    static const struct expected rows[] = { { "退货", "我要退货", 1 }, { "退货", "怎么退", 2 } };

    (void)state;
    assert_reads(SLICE_LITERAL("\xCD\xCB\xBB\xF5\t\xCE\xD2\xD2\xAA\xCD\xCB\xBB\xF5\n"
                               "\xCD\xCB\xBB\xF5\t\xD4\xF5\xC3\xB4\xCD\xCB\n"),
                 rows, 2);
    assert_reads(SLICE_LITERAL("\xFF\xFE\x00\x90\x27\x8D\x09\x00\x11\x62\x81\x89\x00\x90\x27\x8D"
                               "\x0A\x00\x00\x90\x27\x8D\x09\x00\x0E\x60\x48\x4E\x00\x90"),
                 rows, 2);
}

static void every_fault_names_its_line(void **state)
{
    (void)state;
    assert_refused(SLICE_EMPTY, ERR_INVALID, "empty");
    assert_refused(SLICE_LITERAL(" \n\n"), ERR_INVALID, "empty");
    assert_refused(SLICE_LITERAL("a\tx\nlonely\n"), ERR_INVALID, "line 2: one column");
    assert_refused(SLICE_LITERAL("a\tx\nb\t \n"), ERR_INVALID, "line 2: text is empty");
    assert_refused(SLICE_LITERAL("a\tx\nb\tz\n\ty\n"), ERR_INVALID, "line 3: intent is empty");
    assert_refused(SLICE_LITERAL("text,intent\n\"x,a\ny,b\n"), ERR_INVALID, "line 2: quote");
    assert_refused(SLICE_LITERAL("text,intent\n\"x\"y,a\n"), ERR_INVALID, "line 2: text after");
    assert_refused(SLICE_LITERAL("a\tx\n\x7F\x45\x4C\x46\0\0"), ERR_INVALID, "line 2: zero byte");
    assert_refused(SLICE_LITERAL("a\tx\nb\t\xFF\xFF\n"), ERR_INVALID, "line 2: neither");
    assert_refused(SLICE_LITERAL("{\"text\":\"a\",\"intent\":\"b\"}\n{\"text\":1}\n"), ERR_INVALID,
                   "line 2: text and intent");
    assert_refused(SLICE_LITERAL("{\"text\":\"a\"\n"), ERR_INVALID, "line 1:");
    assert_refused(SLICE_LITERAL("{\"rasa_nlu_data\":{}}"), ERR_INVALID, "line 1: no rasa");
    assert_refused(SLICE_LITERAL("nlu:\n- intent: a\n  examples: |\n    - x\n  - y\n"), ERR_INVALID,
                   "line 5:");
    assert_refused(SLICE_LITERAL("nlu:\n- intent: a\n  examples: *x\n"), ERR_UNSUPPORTED,
                   "line 3: aliases");
}

static void limits_hold_at_the_limit_and_one_beyond(void **state)
{
    static char text[EXAMPLES_TEXT_BYTES_MAX + 2];
    static char name[EXAMPLES_NAME_BYTES_MAX + 2];
    struct example_set set;
    struct err err = { 0 };

    (void)state;
    memset(text, 'x', sizeof(text));
    memset(name, 'n', sizeof(name));
    example_set_init(&set);
    assert_int_equal(example_set_add(&set, slice_make(name, EXAMPLES_NAME_BYTES_MAX),
                                     slice_make(text, EXAMPLES_TEXT_BYTES_MAX), 1, &err),
                     ERR_OK);
    assert_int_equal(example_set_add(&set, slice_make(name, EXAMPLES_NAME_BYTES_MAX + 1),
                                     slice_make(text, 1), 2, &err),
                     ERR_TOO_BIG);
    assert_non_null(strstr(err.text, "line 2"));
    assert_int_equal(example_set_add(&set, slice_make(name, 1),
                                     slice_make(text, EXAMPLES_TEXT_BYTES_MAX + 1), 3, &err),
                     ERR_TOO_BIG);
    assert_non_null(strstr(err.text, "line 3"));
    example_set_fini(&set);
}

static void ten_thousand_intents_are_taken_and_one_more_is_not(void **state)
{
    struct example_set set;
    struct err err = { 0 };
    char name[16];

    (void)state;
    example_set_init(&set);
    for (unsigned i = 0; i < EXAMPLES_INTENTS_MAX; i++) {
        snprintf(name, sizeof(name), "intent %u", i);
        assert_int_equal(example_set_add(&set, slice_of(name), SLICE_LITERAL("x"), i + 1, &err),
                         ERR_OK);
    }
    assert_int_equal(example_set_add(&set, SLICE_LITERAL("more"), SLICE_LITERAL("x"), 10001, &err),
                     ERR_TOO_BIG);
    assert_non_null(strstr(err.text, "line 10001"));
    assert_int_equal(example_set_find(&set, SLICE_LITERAL("intent 9999")), 9999);
    assert_int_equal(example_set_find(&set, SLICE_LITERAL("more")), -1);
    example_set_fini(&set);
}

static void every_format_reads_back_what_it_wrote(void **state)
{
    struct example_set set;

    (void)state;
    example_set_init(&set);
    for (size_t i = 0; i < LENGTH_OF(three); i++)
        assert_int_equal(
            example_set_add(&set, slice_of(three[i].intent), slice_of(three[i].text), 1, NULL),
            ERR_OK);
    assert_int_equal(example_set_add(&set, SLICE_LITERAL("退货: \"x\""),
                                     SLICE_LITERAL("我要\"退货\", 谢谢; #"), 1, NULL),
                     ERR_OK);
    /* What YAML refuses to read, in the middle of a text. */
    assert_int_equal(
        example_set_add(&set, SLICE_LITERAL("退货: \"x\""),
                        SLICE_LITERAL("a\x05 b\x7F c\xC2\x80 d\xEF\xBB\xBF e\xEF\xBF\xBF"), 1,
                        NULL),
        ERR_OK);
    for (unsigned format = 0; format < EXAMPLES_FORMATS; format++) {
        struct example_set again;
        struct buf out;

        buf_init(&out, 1 << 20);
        example_set_init(&again);
        examples_write(&set, format, &out);
        assert_int_equal(examples_sniff(buf_slice(&out)), format);
        assert_int_equal(examples_read(buf_slice(&out), &again, NULL), ERR_OK);
        assert_int_equal(again.count, set.count);
        assert_int_equal(again.name_count, set.name_count);
        for (size_t i = 0; i < again.count; i++)
            assert_true(example_set_find(&set, again.names[again.items[i].intent]) >= 0);
        example_set_fini(&again);
        buf_fini(&out);
    }
    example_set_fini(&set);
}

static void count_line(void *ctx, struct slice text)
{
    unsigned *count = ctx;

    assert_true(slice_equal_text(text, "x y"));
    (*count)++;
}

static void lists_are_lines_or_what_follows_their_tab(void **state)
{
    unsigned count = 0;

    (void)state;
    assert_int_equal(
        examples_read_lines(SLICE_LITERAL("x y\n\n oos\tx y \r\nx y"), count_line, &count, NULL),
        ERR_OK);
    assert_int_equal(count, 3);
}

static void fault_keep(void *ctx, const struct err *fault)
{
    struct buf *all = ctx;

    buf_printf(all, "%s|", fault->text);
}

/* The faults of a file that is read behind its bad lines, and how many examples it has. */
static void assert_most(const char *file, enum err_code want, size_t count, const char *faults)
{
    struct example_set set;
    struct buf all;

    example_set_init(&set);
    buf_init(&all, 4096);
    assert_int_equal(examples_read_most(slice_of(file), NULL, &set, fault_keep, &all, NULL), want);
    buf_add_char(&all, '\0');
    assert_string_equal(all.ptr, faults);
    assert_int_equal(set.count, count);
    buf_fini(&all);
    example_set_fini(&set);
}

static void reading_goes_on_behind_bad_lines(void **state)
{
    (void)state;
    assert_most("a\tx\na\t\nb\ty\nz\nb\tw\n", ERR_OK, 3,
                "line 2: text is empty|line 4: one column, two are needed|");
    assert_most("text,intent\nx,a\n\"y\"z,b\n,b\nw,b\n", ERR_OK, 2,
                "line 3: text after a closing quote|line 4: text is empty|");
    assert_most("{\"text\":\"x\",\"intent\":\"a\"}\n{\n[]\n{\"text\":\"y\",\"intent\":\"\"}\n"
                "{\"text\":\"z\",\"intent\":\"b\"}\n",
                ERR_OK, 2,
                "line 2: ends too early|line 3: not a JSON object|"
                "line 4: intent is empty|");
    assert_most("nlu:\n- intent: a\n  examples: |\n    - x\n    -\n    - y\n", ERR_OK, 2,
                "line 5: text is empty|");
}

static void what_ends_a_file_early_is_a_fault(void **state)
{
    (void)state;
    assert_most("text,intent\nx,a\n\"y,b\nz,c\n", ERR_INVALID, 1, "");
    assert_most("nlu:\n- intent: a\n  examples: [\n", ERR_INVALID, 0, "");
    assert_most("", ERR_INVALID, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_with_and_without_a_header),
        cmocka_unit_test(quotes_hold_separators_quotes_and_line_breaks),
        cmocka_unit_test(json_lines_are_objects_with_a_text_and_an_intent),
        cmocka_unit_test(rasa_files_are_read_without_entity_marks),
        cmocka_unit_test(a_tiledesk_row_is_an_intent_with_its_questions),
        cmocka_unit_test(chinese_encodings_are_recognised),
        cmocka_unit_test(every_fault_names_its_line),
        cmocka_unit_test(limits_hold_at_the_limit_and_one_beyond),
        cmocka_unit_test(ten_thousand_intents_are_taken_and_one_more_is_not),
        cmocka_unit_test(every_format_reads_back_what_it_wrote),
        cmocka_unit_test(lists_are_lines_or_what_follows_their_tab),
        cmocka_unit_test(reading_goes_on_behind_bad_lines),
        cmocka_unit_test(what_ends_a_file_early_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
