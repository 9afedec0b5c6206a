/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "log.h"

static char line[LOG_LINE_MAX + 1];

/* What was logged since the last call, without the time. */
static const char *logged(int fd)
{
    ssize_t len = read(fd, line, LOG_LINE_MAX);

    assert_true(len > 0);
    line[len] = '\0';
    return strstr(line, "level");
}

static int log_to_pipe(enum log_format format, int *writer)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    log_configure(LOG_LEVEL_INFO, format, fds[1]);
    *writer = fds[1];
    return fds[0];
}

static void logfmt_quotes_only_what_needs_it(void **state)
{
    int writer;
    int reader = log_to_pipe(LOG_FORMAT_LOGFMT, &writer);

    (void)state;
    LOG_INFO("started");
    assert_string_equal(logged(reader), "level=info event=started\n");
    LOG_WARN("x", KV_U64("a", UINT64_MAX), KV_I64("b", INT64_MIN), KV_BOOL("c", true),
             KV_TEXT("d", "two words"), KV_TEXT("e", "a\"\n=\\"), KV_TEXT("f", ""));
    assert_string_equal(logged(reader),
                        "level=warn event=x a=18446744073709551615 b=-9223372036854775808 c=true "
                        "d=\"two words\" e=\"a\\\"\\u000a=\\\\\" f=\"\"\n");
    close(reader);
    close(writer);
}

static void json_is_one_object_per_line(void **state)
{
    int writer;
    int reader = log_to_pipe(LOG_FORMAT_JSON, &writer);

    (void)state;
    LOG_ERROR("x", KV_U64("a", 7), KV_TEXT("b", "q\"\t"));
    assert_string_equal(logged(reader),
                        "level\":\"error\",\"event\":\"x\",\"a\":7,\"b\":\"q\\\"\\u0009\"}\n");
    assert_int_equal(line[0], '{');
    close(reader);
    close(writer);
}

static void long_values_are_cut_and_the_line_stays_whole(void **state)
{
    static char text[LOG_LINE_MAX * 2];
    int writer;
    int reader = log_to_pipe(LOG_FORMAT_JSON, &writer);
    size_t len;

    (void)state;
    for (int c = 1; c < 256; c += 50) {
        memset(text, c, sizeof(text) - 1);
        LOG_INFO("x", KV_TEXT("a", text), KV_TEXT("b", text), KV_TEXT("c", text),
                 KV_TEXT("d", text), KV_TEXT("e", text), KV_TEXT("f", text));
        logged(reader);
        len = strlen(line);
        assert_true(len <= LOG_LINE_MAX);
        assert_string_equal(line + len - 3, "\"}\n");
    }
    close(reader);
    close(writer);
}

static void levels_below_the_set_one_are_silent(void **state)
{
    enum log_level level = LOG_LEVEL_INFO;

    (void)state;
    assert_true(log_level_parse("warn", &level));
    assert_false(log_level_parse("loud", &level));
    log_configure(level, LOG_FORMAT_LOGFMT, STDERR_FILENO);
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_ERROR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_only_what_needs_it),
        cmocka_unit_test(json_is_one_object_per_line),
        cmocka_unit_test(long_values_are_cut_and_the_line_stays_whole),
        cmocka_unit_test(levels_below_the_set_one_are_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
