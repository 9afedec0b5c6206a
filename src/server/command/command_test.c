/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "command.h"

static struct command_args args_of(char **items, int count)
{
    return (struct command_args){ count, items };
}

static void options_are_taken_wherever_they_stand(void **state)
{
    char *items[] = { "one", "--json", "--model", "m.bin", "two", "--top=3" };
    struct command_args args = args_of(items, 6);

    (void)state;
    assert_true(command_flag(&args, "json"));
    assert_string_equal(command_option(&args, "model"), "m.bin");
    assert_string_equal(command_option(&args, "top"), "3");
    assert_null(command_option(&args, "missing"));
    assert_int_equal(args.count, 2);
    assert_string_equal(args.items[0], "one");
    assert_string_equal(args.items[1], "two");
    assert_true(command_complete(&args, command_find("version"), 2, 2));
}

static void lists_end_at_the_next_option(void **state)
{
    char *items[] = { "--examples", "a", "b", "--seed", "7", "--examples=c" };
    struct command_args args = args_of(items, 6);
    const char *files[2];

    (void)state;
    assert_int_equal(command_list(&args, "examples", files, 2), 3);
    assert_string_equal(files[0], "a");
    assert_string_equal(files[1], "b");
    assert_string_equal(command_option(&args, "seed"), "7");
    assert_int_equal(args.count, 0);
}

static void a_question_for_help_is_no_argument(void **state)
{
    char *items[] = { "-h" };
    struct command_args args = { 1, items };

    (void)state;
    assert_false(command_complete(&args, command_find("version"), 0, 9));
}

static void wrong_usage_is_noticed(void **state)
{
    char *unknown[] = { "--modle", "x" };
    char *missing[] = { "--model" };
    char *many[] = { "a", "b" };
    struct command_args args = args_of(unknown, 2);

    (void)state;
    assert_false(command_complete(&args, command_find("version"), 0, 9));
    args = args_of(missing, 1);
    assert_null(command_option(&args, "model"));
    assert_false(command_complete(&args, command_find("version"), 0, 9));
    args = args_of(many, 2);
    assert_false(command_complete(&args, command_find("version"), 0, 1));
    assert_true(command_complete(&args, command_find("version"), 0, 2));
    assert_null(command_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_wherever_they_stand),
        cmocka_unit_test(lists_end_at_the_next_option),
        cmocka_unit_test(a_question_for_help_is_no_argument),
        cmocka_unit_test(wrong_usage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
