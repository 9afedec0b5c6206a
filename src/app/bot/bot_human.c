/* SPDX-License-Identifier: Apache-2.0 */
/* "I want a person", in both languages, without a model: it has to work on the first day and
 * always.
 *
 * Two ways to say it. A request: a verb (转, 找, talk to, connect me to) followed by a person
 * (人工, 客服, agent, someone) with nothing but filling words between them, unless what stands
 * before the verb negates it (不要转人工, don't transfer me) or what follows makes it another thing
 * (人工草坪, agent fee). A bare call: the whole message is the person plus politeness (人工,
 * 有人吗, human please). Questions about people (人工客服几点上班, what is your customer service
 * number) are neither and go on to the FAQ. Wrongly handing over costs an agent a minute, wrongly
 * not handing over costs the visitor's trust: in doubt the tables lean to the person. */
#include "bot_priv.h"

#include "check.h"

/* ---- Chinese: works on bytes of the normalised text; every entry is whole characters ---- */

static const char *const zh_targets[] = {
    "人工客服", "人工服务", "人工坐席", "人工座席", "真人客服", "在线客服", "客服人员", "客服专员",
    "服务人员", "工作人员", "人工",     "真人",     "活人",     "客服",     "坐席",
};

/* What may stand between verb and person. */
static const char *const zh_between[] = { " ",    "一个",   "一位", "一下", "下", "个", "位", "到",
                                          "给我", "你们的", "你们", "的",   "成", "为", "至" };

/* Clear requests: what follows the person hardly matters. */
static const char *const zh_strong_verbs[] = {
    "转接", "转",   "接入", "接通", "接",   "找", "叫",
    "联系", "呼叫", "切换", "换",   "连线", "喊", "召唤"
};
/* Words that ask for many things: the person must end the clause or be asked to act. */
static const char *const zh_weak_verbs[] = { "需要", "要",   "有没有", "有",   "来",
                                             "请",   "求",   "想跟",   "想和", "要跟",
                                             "要和", "能跟", "能和",   "以跟", "以和",
                                             "我跟", "我和", "跟",     "和" };

static const char *const zh_other_things[] = {
    "智能", "草",   "皮",       "费",     "湖",     "钻",         "合成",
    "呼吸", "成本", "电话",     "热线",   "邮箱",   "微信",       "号码",
    "时间", "几点", "什么时候", "的电话", "的时间", "的工作时间", "上班",
};
static const char *const zh_after_weak[] = {
    ",",    ".",    "!",  "?",  " ",  ";",  "~",    "吧",   "吗", "么",   "嘛",
    "呢",   "啊",   "呀", "了", "谢", "帮", "处理", "解决", "回", "咨询", "聊",
    "沟通", "对话", "说", "谈", "讲", "快", "来",   "跟我", "在",
};

static const char *const zh_negators[] = { "不要",   "不用", "不需要", "不想",   "别",
                                           "无需",   "无须", "不必",   "没必要", "勿",
                                           "不是要", "没想", "没要",   "不" };
/* Before the verb, between it and a negator. */
static const char *const zh_before[] = { "给我", "帮我", "再",   "先", "帮",  "给",
                                         "我",   "你",   "把",   "去", "来",  "想",
                                         "要",   "用",   "急着", "又", "用再" };
/* A negator in these is none: 要不要, 为什么不, 怎么还不. */
static const char *const zh_not_negated[] = { "要不要", "么不", "么还不", "么老不", "何不",  "啥不",
                                              "还不",   "是不", "么别",   "么不要", "么不想" };

/* Stripped from both ends of a bare call. */
static const char *const zh_polite[] = {
    "你好", "您好", "麻烦", "请", "我", "要", "想", "帮", "给",   "那",   "就",   "喂",   "快",
    "有",   "没",   "吧",   "吗", "么", "嘛", "呢", "啊", "呀",   "了",   "谢谢", "一下", "在",
    "不",   "呗",   "哦",   "喽", "咯", "哪", "还", "能", "可以", "多谢", "急",   "现在",
};
static const char *const zh_calls[] = {
    "人工", "人工客服", "人工服务", "真人",       "真人客服", "客服", "在线客服", "活人",
    "有人", "没人",     "人呢",     "客服小姐姐", "客服人员", "转接", "人工台",
};

static size_t prefix_of(const char *const *list, size_t count, struct slice text)
{
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        struct slice word = slice_of(list[i]);

        if (word.len > best && slice_starts_with(text, word))
            best = word.len;
    }
    return best;
}

static size_t suffix_of(const char *const *list, size_t count, struct slice text)
{
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        struct slice word = slice_of(list[i]);

        if (word.len > best && word.len <= text.len &&
            memcmp(text.ptr + text.len - word.len, word.ptr, word.len) == 0)
            best = word.len;
    }
    return best;
}

#define PREFIX(list, text) prefix_of(list, LENGTH_OF(list), text)
#define SUFFIX(list, text) suffix_of(list, LENGTH_OF(list), text)

enum {
    FILLERS_MAX = 4, /* in a row, between negator, verb and person */
};

static bool zh_is_negated(struct slice before)
{
    for (int fillers = 0; fillers <= FILLERS_MAX; fillers++) {
        size_t filler;

        if (SUFFIX(zh_negators, before) > 0)
            return SUFFIX(zh_not_negated, before) == 0;
        filler = SUFFIX(zh_before, before);
        if (filler == 0)
            return false;
        before.len -= filler;
    }
    return false;
}

/* before ends where the person begins. */
static bool zh_is_request(struct slice before, struct slice after)
{
    size_t verb;

    if (PREFIX(zh_other_things, after) > 0)
        return false;
    for (int fillers = 0; fillers <= FILLERS_MAX; fillers++) {
        size_t filler;

        verb = SUFFIX(zh_strong_verbs, before);
        if (verb == 0 && (after.len == 0 || PREFIX(zh_after_weak, after) > 0))
            verb = SUFFIX(zh_weak_verbs, before);
        if (verb > 0) {
            before.len -= verb;
            /* 不要 ends in the verb 要: its 不 is a negator like any other. */
            return !zh_is_negated(before);
        }
        filler = SUFFIX(zh_between, before);
        if (filler == 0)
            return false;
        before.len -= filler;
    }
    return false;
}

static bool zh_is_call(struct slice text)
{
    for (;;) {
        size_t strip;

        for (size_t i = 0; i < LENGTH_OF(zh_calls); i++) {
            if (slice_equal_text(text, zh_calls[i]))
                return true;
        }
        strip = SUFFIX(zh_polite, text);
        if (strip == 0) {
            strip = PREFIX(zh_polite, text);
            /* 不 and 没 are politeness in 在不在 and 有没有, not in front. */
            if (strip == 0 || slice_starts_with(text, SLICE_LITERAL("不")))
                return false;
            text.ptr += strip;
        }
        text.len -= strip;
    }
}

static bool zh_asked(struct slice text, struct slice *phrase)
{
    for (size_t at = 0; at < text.len; at++) {
        struct slice rest = slice_make(text.ptr + at, text.len - at);
        size_t len;

        if (((unsigned char)text.ptr[at] & 0xF0) != 0xE0) /* no target begins otherwise */
            continue;
        len = PREFIX(zh_targets, rest);
        if (len == 0)
            continue;
        if (zh_is_request(slice_make(text.ptr, at), slice_make(rest.ptr + len, rest.len - len))) {
            *phrase = slice_make(rest.ptr, len);
            return true;
        }
        at += len - 1;
    }
    return false;
}

/* ---- English: works on words ---- */

enum en_class {
    EN_PERSON = 1 << 0, /* who is meant after "talk to" and "connect me to" */
    EN_AGENT = 1 << 1,  /* who is meant after "get me" too */
    EN_TALK = 1 << 2,   /* needs "to" or "with" */
    EN_CONNECT = 1 << 3,
    EN_WANT = 1 << 4,
    EN_TO = 1 << 5,
    EN_BETWEEN = 1 << 6, /* between verb and person */
    EN_NOT = 1 << 7,
    EN_BEFORE = 1 << 8, /* between negator and verb */
    EN_POLITE = 1 << 9, /* around a bare call */
    EN_OTHER = 1 << 10, /* after the person: another thing */
    EN_CALL = 1 << 11,  /* a bare call */
    EN_DESK = 1 << 12,  /* customer …, human …: service, support, care */
};

static const struct {
    const char *word;
    unsigned class;
} en_words[] = {
    /* sorted: looked up by halving */
    { "a", EN_BETWEEN | EN_POLITE },
    { "actual", EN_BETWEEN | EN_POLITE },
    { "adviser", EN_PERSON | EN_AGENT },
    { "advisor", EN_PERSON | EN_AGENT },
    { "agent", EN_PERSON | EN_AGENT | EN_CALL },
    { "agents", EN_PERSON | EN_AGENT },
    { "an", EN_BETWEEN | EN_POLITE },
    { "another", EN_BETWEEN },
    { "any", EN_BETWEEN | EN_POLITE },
    { "anybody", EN_PERSON | EN_CALL },
    { "anyone", EN_PERSON | EN_CALL },
    { "are", EN_BEFORE | EN_POLITE },
    { "around", EN_POLITE },
    { "asap", EN_POLITE },
    { "ask", EN_BEFORE },
    { "asking", EN_BEFORE },
    { "associate", EN_PERSON | EN_AGENT },
    { "available", EN_POLITE },
    { "be", EN_BEFORE | EN_POLITE },
    { "being", EN_BEFORE },
    { "call", EN_WANT },
    { "can", EN_POLITE },
    { "care", EN_DESK },
    { "chat", EN_TALK | EN_BETWEEN },
    { "chatting", EN_TALK },
    { "colleague", EN_PERSON | EN_AGENT },
    { "connect", EN_CONNECT | EN_BEFORE },
    { "connecting", EN_CONNECT },
    { "contact", EN_WANT },
    { "could", EN_POLITE },
    { "customer", EN_BETWEEN },
    { "directly", EN_BETWEEN },
    { "do", EN_BEFORE | EN_POLITE },
    { "dont", EN_NOT },
    { "email", EN_OTHER },
    { "employee", EN_PERSON | EN_AGENT },
    { "escalate", EN_CONNECT },
    { "even", EN_BEFORE },
    { "fee", EN_OTHER },
    { "find", EN_WANT },
    { "for", EN_BETWEEN },
    { "forward", EN_CONNECT },
    { "get", EN_WANT | EN_BEFORE | EN_POLITE },
    { "give", EN_WANT },
    { "go", EN_BEFORE },
    { "going", EN_BEFORE },
    { "got", EN_POLITE },
    { "hand", EN_CONNECT },
    { "have", EN_WANT | EN_BEFORE },
    { "hello", EN_POLITE },
    { "here", EN_POLITE },
    { "hey", EN_POLITE },
    { "hi", EN_POLITE },
    { "hours", EN_OTHER },
    { "human", EN_PERSON | EN_AGENT | EN_CALL },
    { "humans", EN_PERSON | EN_AGENT },
    { "i", EN_BEFORE | EN_POLITE },
    { "id", EN_POLITE },
    { "im", EN_BEFORE },
    { "immediately", EN_BETWEEN | EN_POLITE },
    { "in", EN_BETWEEN },
    { "is", EN_POLITE },
    { "just", EN_BEFORE | EN_POLITE },
    { "let", EN_BEFORE },
    { "like", EN_BEFORE | EN_POLITE },
    { "link", EN_CONNECT },
    { "live", EN_BETWEEN | EN_POLITE },
    { "make", EN_BEFORE },
    { "manager", EN_PERSON | EN_AGENT },
    { "me", EN_BETWEEN | EN_BEFORE | EN_POLITE },
    { "member", EN_PERSON },
    { "my", EN_BETWEEN },
    { "need", EN_WANT | EN_BEFORE | EN_POLITE },
    { "never", EN_NOT },
    { "not", EN_NOT },
    { "now", EN_BETWEEN | EN_POLITE },
    { "number", EN_OTHER },
    { "of", EN_BETWEEN },
    { "ok", EN_POLITE },
    { "on", EN_BETWEEN },
    { "one", EN_BETWEEN },
    { "online", EN_POLITE },
    { "operator", EN_PERSON | EN_AGENT | EN_CALL },
    { "over", EN_BETWEEN },
    { "pass", EN_CONNECT },
    { "people", EN_PERSON },
    { "person", EN_PERSON | EN_CALL },
    { "phone", EN_OTHER },
    { "please", EN_BETWEEN | EN_BEFORE | EN_POLITE },
    { "pls", EN_BETWEEN | EN_BEFORE | EN_POLITE },
    { "put", EN_CONNECT },
    { "reach", EN_WANT },
    { "real", EN_BETWEEN | EN_POLITE },
    { "really", EN_BEFORE | EN_POLITE },
    { "redirect", EN_CONNECT },
    { "rep", EN_PERSON | EN_AGENT | EN_CALL },
    { "representative", EN_PERSON | EN_AGENT | EN_CALL },
    { "request", EN_WANT },
    { "right", EN_BETWEEN },
    { "route", EN_CONNECT },
    { "sales", EN_BETWEEN },
    { "send", EN_WANT },
    { "service", EN_DESK },
    { "some", EN_BETWEEN | EN_POLITE },
    { "somebody", EN_PERSON | EN_CALL },
    { "someone", EN_PERSON | EN_CALL },
    { "speak", EN_TALK | EN_BEFORE },
    { "speaking", EN_TALK },
    { "specialist", EN_PERSON | EN_AGENT },
    { "staff", EN_PERSON | EN_AGENT },
    { "supervisor", EN_PERSON | EN_AGENT },
    { "support", EN_DESK },
    { "switch", EN_CONNECT },
    { "talk", EN_TALK | EN_BEFORE },
    { "talking", EN_TALK },
    { "team", EN_DESK },
    { "technical", EN_BETWEEN },
    { "thank", EN_POLITE },
    { "thanks", EN_POLITE },
    { "the", EN_BETWEEN | EN_POLITE },
    { "there", EN_POLITE },
    { "this", EN_BETWEEN },
    { "through", EN_BETWEEN },
    { "time", EN_OTHER },
    { "to", EN_TO | EN_BETWEEN | EN_BEFORE | EN_POLITE },
    { "transfer", EN_CONNECT | EN_BEFORE },
    { "trying", EN_BEFORE },
    { "up", EN_BETWEEN },
    { "us", EN_BETWEEN },
    { "wanna", EN_BEFORE | EN_POLITE },
    { "want", EN_WANT | EN_BEFORE | EN_POLITE },
    { "wish", EN_BEFORE },
    { "with", EN_TO | EN_BETWEEN },
    { "without", EN_NOT },
    { "would", EN_BEFORE | EN_POLITE },
    { "yes", EN_POLITE },
    { "yet", EN_BEFORE },
    { "you", EN_BEFORE | EN_POLITE },
    { "your", EN_BETWEEN | EN_POLITE },
};

enum {
    EN_SKIP_MAX = 6, /* words between verb and person, or negator and verb */
};

static unsigned en_class_of(struct slice word)
{
    size_t low = 0;
    size_t high = LENGTH_OF(en_words);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *entry = en_words[middle].word;
        int order = strncmp(entry, word.ptr, word.len);

        if (order == 0)
            order = entry[word.len] != '\0';
        if (order == 0)
            return en_words[middle].class;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Words of ASCII letters; an apostrophe inside is dropped (don't = dont), so the words are copied.
 */
static size_t en_split(struct slice text, char *copy, size_t cap, struct bot_word *words)
{
    size_t count = 0;
    size_t used = 0;
    bool clause = true;

    for (size_t at = 0; at < text.len && count < BOT_WORDS_MAX;) {
        size_t start = used;

        if (!is_lower(text.ptr[at])) {
            clause |= text.ptr[at] != ' ' && text.ptr[at] != '-' && text.ptr[at] != '\'';
            at++;
            continue;
        }
        while (at < text.len && used < cap && (is_lower(text.ptr[at]) || text.ptr[at] == '\'')) {
            if (text.ptr[at] != '\'')
                copy[used++] = text.ptr[at];
            at++;
        }
        if (used == cap)
            break;
        words[count].text = slice_make(copy + start, used - start);
        words[count].class = en_class_of(words[count].text);
        words[count++].clause_start = clause;
        clause = false;
    }
    return count;
}

static bool en_is(const struct bot_word *word, unsigned class)
{
    return (word->class & class) != 0;
}

static bool en_is_negated(const struct bot_word *words, size_t verb)
{
    for (size_t back = 1; back <= EN_SKIP_MAX && back <= verb; back++) {
        const struct bot_word *word = &words[verb - back];

        if (words[verb - back + 1].clause_start)
            return false;
        if (en_is(word, EN_NOT)) { /* "why don't you connect me" is a request */
            return verb - back == 0 || !slice_equal_text(words[verb - back - 1].text, "why");
        }
        if (slice_equal_text(word->text, "no")) /* "no need to talk to anyone" */
            return back >= 2 && slice_equal_text(words[verb - back + 1].text, "need");
        if (!en_is(word, EN_BEFORE))
            return false;
    }
    return false;
}

/* The person after a verb, with only filling words between: its index, or 0. */
static size_t en_person_after(const struct bot_word *words, size_t count, size_t verb,
                              unsigned person, bool needs_to)
{
    bool to = !needs_to;

    for (size_t at = verb + 1; at < count && at <= verb + EN_SKIP_MAX; at++) {
        bool desk =
            en_is(&words[at], EN_DESK) && (to || slice_equal_text(words[at - 1].text, "customer"));

        if (words[at].clause_start)
            return 0;
        to = to || en_is(&words[at], EN_TO);
        if (to && (en_is(&words[at], person) || desk)) {
            bool other =
                at + 1 < count && !words[at + 1].clause_start && en_is(&words[at + 1], EN_OTHER);

            return other ? 0 : at;
        }
        if (!en_is(&words[at], EN_BETWEEN))
            return 0;
    }
    return 0;
}

static bool en_is_call(const struct bot_word *words, size_t count)
{
    bool called = false;

    for (size_t i = 0; i < count; i++) {
        bool customer = slice_equal_text(words[i].text, "customer") && i + 1 < count &&
                        en_is(&words[i + 1], EN_DESK);
        bool desk = en_is(&words[i], EN_DESK) && i > 0 &&
                    (slice_equal_text(words[i - 1].text, "customer") ||
                     slice_equal_text(words[i - 1].text, "human") ||
                     slice_equal_text(words[i - 1].text, "live"));
        bool chat = slice_equal_text(words[i].text, "chat") && i > 0 &&
                    slice_equal_text(words[i - 1].text, "live");

        if (en_is(&words[i], EN_CALL) || desk || chat)
            called = true;
        else if (!en_is(&words[i], EN_POLITE) && !customer)
            return false;
    }
    return called;
}

static bool en_asked(struct bot_human_scratch *scratch, struct slice text, struct slice *phrase)
{
    const struct bot_word *words = scratch->words;
    size_t count = en_split(text, scratch->copy, sizeof(scratch->copy), scratch->words);

    for (size_t i = 0; i < count; i++) {
        size_t person = 0;

        if (en_is(&words[i], EN_TALK))
            person = en_person_after(words, count, i, EN_PERSON, true);
        else if (en_is(&words[i], EN_CONNECT))
            person = en_person_after(words, count, i, EN_PERSON, false);
        else if (en_is(&words[i], EN_WANT))
            person = en_person_after(words, count, i, EN_AGENT, false);
        if (person == 0 || en_is_negated(words, i))
            continue;
        *phrase = text;
        return true;
    }
    *phrase = text;
    return count > 0 && en_is_call(words, count) &&
           text_script_count(text).cjk_chars == 0; /* else English words are not all of it */
}

bool bot_human_asked(struct bot_human_scratch *scratch, struct slice normalised, struct slice key,
                     struct slice *phrase)
{
    *phrase = SLICE_EMPTY;
    if (zh_asked(normalised, phrase) || en_asked(scratch, normalised, phrase))
        return true;
    *phrase = key.len > 0 && zh_is_call(key) ? normalised : SLICE_EMPTY;
    return phrase->len > 0;
}
