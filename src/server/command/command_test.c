/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int run(const char *name, const char *first, const char *second)
{
    char *items[] = { (char *)first, (char *)second };
    struct command_args args = args_of(items, second != NULL ? 2 : 1);

    return command_find(name)->run(&args);
}

static void every_command_refuses_what_it_does_not_know_with_status_2(void **state)
{
    static const char *const parts[][2] = {
        { "admin", "create" }, { "admin", "reset" },   { "nlu", "train" },     { "nlu", "eval" },
        { "nlu", "predict" },  { "nlu", "vectors" },   { "nlu", "convert" },   { "nlu", "inbox" },
        { "rules", "scan" },   { "rules", "compile" }, { "faq", "index" },     { "faq", "query" },
        { "flow", "check" },   { "flow", "test" },     { "flow", "run" },      { "flow", "graph" },
        { "route", "check" },  { "route", "sim" },     { "route", "explain" }, { "docs", "config" },
    };

    (void)state;
    for (int i = 0; command_at(i) != NULL; i++)
        assert_int_equal(run(command_at(i)->name, "--bogus", NULL), COMMAND_USAGE);
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        assert_int_equal(run(parts[i][0], parts[i][1], "--bogus"), COMMAND_USAGE);
    assert_int_equal(run("serve", "--port", NULL), COMMAND_USAGE);
    assert_int_equal(run("serve", "--port=99999", NULL), COMMAND_USAGE);
    assert_int_equal(run("serve", "--config", NULL), COMMAND_USAGE);
    assert_int_equal(run("serve", "extra", NULL), COMMAND_USAGE);
    assert_int_equal(run("config", "--config", "/nonexistent.yaml"), COMMAND_FAULT);
}

static void a_backup_of_a_folder_that_is_not_there_makes_neither(void **state)
{
    char *items[] = { "/tmp/kefu-command-test.tar", "--data=/tmp/kefu-command-test-none" };
    struct command_args args = args_of(items, 2);

    (void)state;
    assert_int_equal(command_find("backup")->run(&args), COMMAND_FAULT);
    assert_int_not_equal(access("/tmp/kefu-command-test.tar", F_OK), 0);
    assert_int_not_equal(access("/tmp/kefu-command-test-none", F_OK), 0);
}

/* kefu NAME ITEM...; NULL ends the items. */
static int command_run(const char *name, const char *const *items)
{
    char *copy[8] = { NULL };
    struct command_args args = { .items = copy };

    while (items[args.count] != NULL) {
        copy[args.count] = (char *)items[args.count];
        args.count++;
    }
    return command_find(name)->run(&args);
}

#define RUN(name, ...) command_run(name, (const char *const[]){ __VA_ARGS__, NULL })

static int entry_remove(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

static void a_folder_is_opened_backed_up_restored_and_checked_without_a_server(void **state)
{
    char folder[] = "/tmp/kefu-command-XXXXXX";
    char data[64], back[64], file[64], none[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(data, sizeof(data), "--data=%s/data", folder);
    snprintf(back, sizeof(back), "--data=%s/back", folder);
    snprintf(none, sizeof(none), "--data=%s/none", folder);
    snprintf(file, sizeof(file), "%s/backup.tar", folder);
    assert_int_equal(RUN("check", none), COMMAND_FAULT);
    assert_int_equal(RUN("admin", "reset", "--email=a@b.test", none), COMMAND_FAULT);
    assert_int_equal(mkdir(data + strlen("--data="), 0700), 0);
    assert_int_equal(RUN("admin", "create", "--email=a@b.test", "--name=A", data), 0);
    assert_int_equal(RUN("admin", "create", "--email=a@b.test", "--name=A", data), COMMAND_FAULT);
    assert_int_equal(RUN("admin", "reset", "--email=A@b.test", data), 0);
    assert_int_equal(RUN("admin", "reset", "--email=x@b.test", data), COMMAND_FAULT);
    assert_int_equal(RUN("backup", file, data, "--with-key"), 0);
    assert_int_equal(RUN("restore", file, data), COMMAND_FAULT); /* not empty */
    assert_int_equal(RUN("restore", file, back), 0);
    assert_int_equal(RUN("check", back), 0);
    assert_int_equal(RUN("check", back, "--json"), 0);
    assert_int_equal(RUN("admin", "reset", "--email=a@b.test", back), 0);
    assert_int_equal(RUN("restore", "/nonexistent.tar", none), COMMAND_FAULT);
    assert_int_equal(nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_wherever_they_stand),
        cmocka_unit_test(lists_end_at_the_next_option),
        cmocka_unit_test(a_question_for_help_is_no_argument),
        cmocka_unit_test(wrong_usage_is_noticed),
        cmocka_unit_test(every_command_refuses_what_it_does_not_know_with_status_2),
        cmocka_unit_test(a_folder_is_opened_backed_up_restored_and_checked_without_a_server),
        cmocka_unit_test(a_backup_of_a_folder_that_is_not_there_makes_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
