/* SPDX-License-Identifier: Apache-2.0 */
/* What the system says in a conversation, in both languages. A table and not a file: the texts
 * must be there before anything is configured, and a missing one must not compile. */
#include "bot_priv.h"

#include "check.h"

static const char *const locale_names[BOT_LANGUAGES] = { "zh-CN", "en" };

static const char *const texts[BOT_TEXT_COUNT][BOT_LANGUAGES] = {
    [BOT_TEXT_GREETING] = { "您好，我是智能助手。请直接输入您的问题，需要人工时随时说“转人工”。",
                            "Hi, I'm the assistant. Ask me anything. To reach a person, just say "
                            "\"talk to a person\"." },
    [BOT_TEXT_HANDOFF] = { "好的，正在为您转接人工客服，前面的对话会一并交给客服，您不用再说一遍。",
                           "Sure, I'm connecting you to a person. They will see our conversation, "
                           "so you don't have to repeat anything." },
    [BOT_TEXT_QUEUED] = { "正在排队等待人工客服，您当前排在第 %u 位，请稍候。",
                          "You are number %u in the queue. Thank you for waiting." },
    [BOT_TEXT_NO_AGENT] = { "现在没有客服在线。您可以留言并留下联系方式，我们上班后会尽快回复您。",
                            "Nobody is online right now. Leave your message and how to reach you, "
                            "and we will get back to you as soon as we are back." },
    [BOT_TEXT_ASSIGNED] = { "客服 %s 已接入，很高兴为您服务。", "%s has joined the conversation." },
    [BOT_TEXT_TRANSFERRED] = { "您的对话已转给客服 %s。",
                               "Your conversation has been transferred to %s." },
    [BOT_TEXT_AGENT_LEFT] = { "客服暂时离开，我们马上为您安排另一位客服。",
                              "Your agent had to leave. We are finding someone else for you." },
    [BOT_TEXT_TO_BOT] = { "对话已转回智能助手，您可以继续提问。",
                          "You are back with the assistant. Ask me anything." },
    [BOT_TEXT_CLOSED] = { "本次对话已结束，感谢您的咨询。",
                          "This conversation is closed. Thank you for contacting us." },
    [BOT_TEXT_IDLE_CLOSED] = { "因为较长时间没有新消息，本次对话已自动结束。再次发送消息即可继续。",
                               "This conversation was closed because it was quiet for a while. "
                               "Send a message to continue." },
    [BOT_TEXT_RATE] = { "您对这次服务满意吗？请评个分。", "How did we do? Please rate this chat." },
    [BOT_TEXT_CLARIFY] = { "您想问的是下面哪一个？", "Did you mean one of these?" },
    [BOT_TEXT_FALLBACK] = { "抱歉，这个问题我还不会回答。您可以换个说法，或者让人工客服来帮您。",
                            "Sorry, I don't have an answer to that. You can put it another way, or "
                            "I can get a person to help you." },
    [BOT_TEXT_OFFER] = { "看来我没能理解您的问题。要不要请人工客服来帮您？",
                         "I'm having trouble understanding. Would you like a person to "
                         "help you?" },
    [BOT_TEXT_REVIEW] = { "请复核：上一条消息命中了规则“%s”。",
                          "Please review: the message above matches the rule \"%s\"." },
    [BOT_TEXT_PERSON_LABEL] = { "转人工", "Talk to a person" },
    [BOT_TEXT_PERSON_REQUEST] = { "转人工", "talk to a person" },
    [BOT_TEXT_CLOSED_HOURS] = { "现在不是人工服务时间。请直接留言，上班后我们会尽快回复您。",
                                "Our team is away at the moment. Leave your message here, and we "
                                "will reply when we are back." },
};

const char *bot_language_locale(enum bot_language language)
{
    ENSURE((unsigned)language < BOT_LANGUAGES);
    return locale_names[language];
}

/* A language tag whose primary part is zh; everything else reads English. */
enum bot_language bot_language_of(struct slice locale)
{
    bool tagged =
        locale.len == 2 || (locale.len > 2 && (locale.ptr[2] == '-' || locale.ptr[2] == '_'));

    if (tagged && slice_equal_ignore_case(slice_make(locale.ptr, 2), SLICE_LITERAL("zh")))
        return BOT_CHINESE;
    return BOT_ENGLISH;
}

const char *bot_locale(struct slice locale)
{
    return bot_language_locale(bot_language_of(locale));
}

const char *bot_text(const char *locale, enum bot_text_id id)
{
    ENSURE((unsigned)id < BOT_TEXT_COUNT);
    return texts[id][bot_language_of(slice_of(locale))];
}
