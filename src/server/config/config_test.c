/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the sources, and that a mistake in any of them is named and not ignored. */
#include "test.h"

#include <string.h>

#include "config.h"

static enum err_code parse(struct config *config, const char *text, struct err *err)
{
    config_init(config);
    return config_file_parse(config, text, strlen(text), err);
}

static void later_sources_win(void **state)
{
    struct config config;
    struct err err = { 0 };
    char *items[] = { (char *)"first",
                      (char *)"--port",
                      (char *)"3",
                      (char *)"--demo",
                      (char *)"--log-level=debug",
                      (char *)"second" };
    const char *const environment[] = { "KEFU_PORT=2", "KEFU_LISTEN=::1", "PATH=/bin",
                                        "KEFU_TEST_ONLY=1", NULL };
    struct config_args args = { .count = 6, .items = items, .environment = environment };

    (void)state;
    assert_int_equal(parse(&config, "port: 1\nlisten: 10.0.0.1\ndata: \"/srv/k\"\n", &err), ERR_OK);
    assert_int_equal(config_load(&config, &args, &err), ERR_OK);
    assert_int_equal(config_number(&config, CONFIG_PORT), 3);
    assert_int_equal(config.value[CONFIG_PORT].source, CONFIG_COMMAND_LINE);
    assert_string_equal(config_text(&config, CONFIG_LISTEN), "::1");
    assert_int_equal(config.value[CONFIG_LISTEN].source, CONFIG_ENVIRONMENT);
    assert_string_equal(config_text(&config, CONFIG_DATA), "/srv/k");
    assert_int_equal(config.value[CONFIG_DATA].source, CONFIG_FILE);
    assert_int_equal(config.value[CONFIG_STORE].source, CONFIG_DEFAULT);
    assert_true(config_flag(&config, CONFIG_DEMO));
    assert_string_equal(config_text(&config, CONFIG_LOG_LEVEL), "debug");
    assert_int_equal(args.count, 2);
    assert_string_equal(items[0], "first");
    assert_string_equal(items[1], "second");
}

static void file_mistakes_name_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *expect;
    } cases[] = {
        { "port: 99999\n", "line 1, column 7: port: not a number from 0 to 65535" },
        { "port: 1\nprot: 2\n", "line 2, column 1: unknown setting" },
        { "port: 1\nport: 2\n", "line 2, column 1: setting given twice" },
        { "port: [1]\n", "line 1, column 7: lists and aliases are not allowed" },
        { "data:\n  x: 1\n", "line 2, column 3: nested settings are not allowed" },
        { "data: &a x\n", "line 1, column 7: anchors and tags are not allowed" },
        { "demo: yes\n", "line 1, column 7: demo: neither true nor false" },
        { "store: lite\n", "line 1, column 8: store: not one of: sqlite memory" },
        { "hello\n", "line 1, column 1: expected `name: value` lines" },
        { "a: b: c\n", "line 1" },
    };
    struct config config;

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct err err = { 0 };
        assert_int_equal(parse(&config, cases[i].text, &err), ERR_INVALID);
        if (strstr(err.text, cases[i].expect) == NULL)
            fail_msg("%s: got \"%s\"", cases[i].text, err.text);
    }
}

static void unknown_options_are_refused(void **state)
{
    static const char *const bad[] = { "--prot=1", "--port", "--port=x", "--demo=maybe",
                                       "--config" };
    struct config config;

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        char *items[] = { (char *)bad[i] };
        struct config_args args = { .count = 1, .items = items };
        struct err err = { 0 };
        char name[16];
        config_init(&config);
        assert_int_equal(config_load(&config, &args, &err), ERR_INVALID);
        assert_true(args.refused);
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(bad[i] + 2, "="), bad[i] + 2);
        assert_non_null(strstr(err.text, name));
    }
}

static void a_wrong_environment_is_not_the_command_lines_fault(void **state)
{
    static const char *const environment[] = { "KEFU_PORT=x", NULL };
    struct config_args args = { .environment = environment };
    struct config config;
    struct err err = { 0 };

    (void)state;
    config_init(&config);
    assert_int_equal(config_load(&config, &args, &err), ERR_INVALID);
    assert_false(args.refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(file_mistakes_name_their_place),
        cmocka_unit_test(unknown_options_are_refused),
        cmocka_unit_test(a_wrong_environment_is_not_the_command_lines_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
