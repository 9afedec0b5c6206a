/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "bot.h"

static void any_locale_string_gives_one_of_two_languages(void **state)
{
    (void)state;
    assert_string_equal(bot_locale(SLICE_LITERAL("zh-Hant-TW")), "zh-CN");
    assert_string_equal(bot_locale(SLICE_LITERAL("ZH_cn")), "zh-CN");
    assert_string_equal(bot_locale(SLICE_LITERAL("zh")), "zh-CN");
    assert_string_equal(bot_locale(SLICE_LITERAL("zha")), "en");
    assert_string_equal(bot_locale(SLICE_LITERAL("fr")), "en");
    assert_string_equal(bot_locale(SLICE_EMPTY), "en");
}

static void every_text_is_there_in_both_languages(void **state)
{
    (void)state;
    for (unsigned id = 0; id < BOT_TEXT_COUNT; id++) {
        const char *zh = bot_text("zh-CN", (enum bot_text_id)id);
        const char *en = bot_text("en", (enum bot_text_id)id);

        assert_non_null(zh);
        assert_non_null(en);
        assert_string_not_equal(zh, en);
    }
    assert_non_null(strstr(bot_text("zh-CN", BOT_TEXT_QUEUED), "%u"));
    assert_non_null(strstr(bot_text("en", BOT_TEXT_ASSIGNED), "%s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_locale_string_gives_one_of_two_languages),
        cmocka_unit_test(every_text_is_there_in_both_languages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
