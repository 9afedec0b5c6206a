/* SPDX-License-Identifier: Apache-2.0 */
/* The examples of share/routing, as people would try them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "command_file.h"

enum { ITEMS_MAX = 16, FILE_BYTES_MAX = 4 << 20 };

static char folder[] = "/tmp/kefu-route-test-XXXXXX";

static int run(const char *line)
{
    char copy[512];
    char *items[ITEMS_MAX];
    struct command_args args = { .items = items };

    assert_true(strlen(line) < sizeof(copy));
    memcpy(copy, line, strlen(line) + 1);
    for (char *at = copy; *at != '\0';) {
        assert_true(args.count < ITEMS_MAX);
        items[args.count++] = at;
        at += strcspn(at, " ");
        if (*at != '\0')
            *at++ = '\0';
    }
    return command_route(&args);
}

#define SHOP "share/routing/shop.yaml"

static void examples_are_without_errors(void **state)
{
    (void)state;
    assert_int_equal(run("check " SHOP), 0);
    assert_int_equal(run("check share/routing/hundred.yaml --json"), 0);
}

static void examples_are_explained(void **state)
{
    (void)state;
    assert_int_equal(run("explain " SHOP " --snapshot share/routing/snapshot.yaml --conversation "
                         "share/routing/conversation.yaml --agent anna --json"),
                     0);
    assert_int_equal(run("explain " SHOP " --snapshot share/routing/snapshot.yaml --conversation "
                         "share/routing/conversation.yaml --agent nobody"),
                     COMMAND_FAULT);
}

static void a_simulation_writes_one_page_and_its_pictures(void **state)
{
    char line[400];
    struct slice page;
    struct err err;

    (void)state;
    snprintf(line, sizeof(line),
             "sim " SHOP " --generate share/routing/day.yaml --seeds 2 --html %s/sim.html --svg %s",
             folder, folder);
    assert_int_equal(run(line), 0);
    snprintf(line, sizeof(line), "%s/sim.html", folder);
    assert_int_equal(command_file_open(line, FILE_BYTES_MAX, &page, &err), ERR_OK);
    assert_non_null(memmem(page.ptr, page.len, "</html>", 7));
    assert_null(memmem(page.ptr, page.len, "src=", 4)); /* needs nothing from elsewhere */
    assert_null(memmem(page.ptr, page.len, "href=", 5));
    command_file_close(&page);
    snprintf(line, sizeof(line), "%s/fairness.svg", folder);
    assert_int_equal(command_file_open(line, FILE_BYTES_MAX, &page, &err), ERR_OK);
    command_file_close(&page);
    assert_int_equal(run("sim " SHOP " --arrivals share/routing/arrivals.csv --seeds 2 --json"), 0);
}

static void wrong_use_and_wrong_files_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(run("check"), COMMAND_USAGE);
    assert_int_equal(run("sim " SHOP), COMMAND_USAGE);
    assert_int_equal(run("sim " SHOP " --generate share/routing/day.yaml --strategies best"),
                     COMMAND_USAGE);
    assert_int_equal(run("sim " SHOP " --generate share/routing/day.yaml --seeds 0"),
                     COMMAND_USAGE);
    assert_int_equal(run("sim " SHOP " --generate " SHOP), COMMAND_FAULT);
    assert_int_equal(run("check share/routing/day.yaml"), COMMAND_FAULT);
    assert_int_equal(run("check share/routing/none.yaml"), COMMAND_FAULT);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "sim.html",      "waits.svg",  "in-time.svg",
                                         "abandoned.svg", "agents.svg", "fairness.svg",
                                         "day.svg" };
    char path[100];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_without_errors),
        cmocka_unit_test(examples_are_explained),
        cmocka_unit_test(a_simulation_writes_one_page_and_its_pictures),
        cmocka_unit_test(wrong_use_and_wrong_files_are_told_apart),
    };

    return cmocka_run_group_tests_name("command_route", tests, make_folder, remove_folder);
}
