/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "bot_priv.h"
#include "check.h"

static bool asked(const char *text)
{
    static struct bot_human_scratch scratch;
    char norm_bytes[512];
    char key_bytes[512];
    struct slice norm =
        text_normalise_with(slice_of(text), TEXT_SIMPLIFY, norm_bytes, NULL, sizeof(norm_bytes));
    struct slice key = text_key(norm, key_bytes, sizeof(key_bytes));
    struct slice phrase;

    return bot_human_asked(&scratch, norm, key, &phrase);
}

static const char *const requests[] = {
    "人工",
    "转人工",
    "人工客服",
    "转接人工服务",
    "我要找客服",
    "帮我转一下人工",
    "请帮我转接人工客服，谢谢",
    "能不能转人工",
    "要不要转人工啊你倒是",
    "有人吗",
    "有没有人工客服？",
    "你好，有客服在吗",
    "我想和真人聊",
    "不想跟机器人说话，给我找个真人",
    "为什么不转人工",
    "怎么还不给我转人工",
    "不要机器人要人工",
    "人工！！！",
    "叫你们客服来",
    "联系客服",
    "怎么联系人工客服",
    "可不可以接人工",
    "有没有人啊",
    "客服在吗",
    "我需要人工",
    "请转人工处理我的订单",
    "没人吗",
    "真人客服",
    "那就转人工吧",
    "不是这个，转人工",
    "Ｈｕｍａｎ please",
    "转 人工",
    "請幫我轉接人工客服，謝謝",
    "talk to a person",
    "I want to talk to a human",
    "Can I speak with someone?",
    "please connect me to an agent",
    "human",
    "agent please",
    "let me chat with a real person",
    "get me a human",
    "I need a representative",
    "transfer me to customer service",
    "is anyone there?",
    "speak to your manager",
    "I don't want a bot, I want a human",
    "this doesn't work. put me through to support",
    "why don't you connect me to a person",
    "real person",
    "live chat",
    "how do I contact customer service",
    "customer service",
    "hi, can i get a live agent please",
    "I'd like to speak to somebody",
    "operator!",
    "no, talk to a human",
    "could you please transfer me to a human agent",
    "can i talk to someone about my order",
};

static const char *const others[] = {
    "不要转人工",
    "不用转人工了",
    "别转人工",
    "我不想找客服",
    "暂时不需要人工客服",
    "无需人工",
    "先不转人工",
    "不用帮我转人工",
    "没必要找客服",
    "人工草坪多少钱",
    "你们有人工智能吗",
    "帐篷需要人工费吗",
    "人工客服几点上班",
    "客服电话是多少",
    "需要人工安装吗",
    "这是人工皮革吗",
    "怎么退货",
    "不要人工",
    "客服的工作时间",
    "这个帐篷能睡几个人",
    "送货的人什么时候来",
    "don't transfer me to a human",
    "I do not want to talk to a person",
    "no need to speak to an agent",
    "never connect me to an agent",
    "how do I return an item",
    "what is your customer service phone number",
    "customer service hours",
    "four person tent",
    "is this a 2 person tent?",
    "can I give it to someone as a gift",
    "how many people fit in the tent",
    "are you human or a bot",
    "do you support apple pay",
    "chat with you later",
    "talk to you later",
    "",
    "?",
    "does the lamp need an adapter",
    "is there any fee",
    "I have a question",
};

static void asking_for_a_person_is_understood(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(requests); i++) {
        if (!asked(requests[i])) {
            print_error("not taken as a request: %s\n", requests[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void other_talk_about_people_is_left_alone(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        if (asked(others[i])) {
            print_error("taken as a request: %s\n", others[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void the_buttons_own_text_is_understood(void **state)
{
    (void)state;
    assert_true(asked(bot_text("zh-CN", BOT_TEXT_PERSON_REQUEST)));
    assert_true(asked(bot_text("en", BOT_TEXT_PERSON_REQUEST)));
    assert_true(asked(bot_text("zh-CN", BOT_TEXT_PERSON_LABEL)));
    assert_true(asked(bot_text("en", BOT_TEXT_PERSON_LABEL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking_for_a_person_is_understood),
        cmocka_unit_test(other_talk_about_people_is_left_alone),
        cmocka_unit_test(the_buttons_own_text_is_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
