/* SPDX-License-Identifier: Apache-2.0 */
/* What grams are worth before the index has counted anything. A customer's FAQ has a hundred
 * entries: too few for idf alone to learn that "how do I" and 请问 say nothing, so the words that
 * every question is made of are listed here and count a fraction. They are not dropped: "when"
 * and "where" still tell two entries about the same thing apart. */
#include "search_priv.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"

static const float k1 = 1.2f;
static const float b = 0.6f;

static const float weight_stem = 1.0f;
static const float weight_char4 = 0.25f; /* a word has about as many as letters */
static const float weight_cjk1 = 1.0f;
static const float weight_cjk2 = 0.8f;

/* Of the listed words, in an index of few documents and of many, which has counted them itself. */
static const float common_few = 0.2f;
static const float common_many_latin = 1.0f;
static const float common_many_cjk = 0.3f;
static const float docs_few = 200.0f;
static const float docs_many = 10000.0f;

static const char *const common_words[] = {
    "a",    "about", "am",     "an",     "and",    "any",   "are",   "as",     "at",     "be",
    "been", "but",   "by",     "can",    "could",  "did",   "do",    "does",   "for",    "from",
    "get",  "got",   "had",    "has",    "have",   "hello", "help",  "hi",     "how",    "i",
    "i'd",  "i'm",   "i've",   "if",     "in",     "is",    "it",    "it's",   "just",   "know",
    "like", "may",   "me",     "much",   "my",     "need",  "now",   "of",     "on",     "one",
    "or",   "our",   "please", "shall",  "should", "so",    "some",  "tell",   "thanks", "that",
    "the",  "them",  "there",  "these",  "they",   "this",  "to",    "us",     "want",   "was",
    "we",   "were",  "what",   "what's", "when",   "where", "which", "who",    "why",    "will",
    "with", "would", "you",    "your",   "guys",   "thing", "way",   "really", "still",  "them",
};

static const char *const common_cjk[] = {
    "的",   "了",   "吗",   "呢",   "吧",   "啊",   "呀",   "么",   "我",   "你",   "您",   "们",
    "他",   "她",   "它",   "是",   "有",   "在",   "要",   "能",   "会",   "可",   "以",   "怎",
    "什",   "如",   "何",   "请",   "问",   "想",   "就",   "都",   "也",   "还",   "和",   "这",
    "那",   "哪",   "个",   "给",   "把",   "被",   "得",   "一",   "下",   "来",   "去",   "用",
    "好",   "帮",   "为",   "多",   "少",   "样",   "谁",   "吧",   "麻",   "烦",   "不",   "没",
    "请问", "怎么", "什么", "如何", "可以", "你们", "我们", "您们", "我的", "你的", "一下", "是否",
    "能不", "不能", "可不", "有没", "没有", "怎样", "么样", "多少", "哪里", "哪儿", "这个", "那个",
    "我想", "想要", "想问", "问下", "需要", "要怎", "么办", "了吗", "的吗", "是不", "不是", "还能",
    "吗我", "能用", "是什", "为什", "以吗", "谢谢", "帮我", "告诉", "诉我", "麻烦", "烦问", "们的",
    "咱们", "家的", "会不", "是怎", "该怎", "么回", "回事", "一个", "今",   "天",   "明",   "几",
    "时",   "候",   "现",   "今天", "明天", "几天", "现在", "时候", "么时", "天的", "几点",
};

static void common_add(struct search_common *common, uint64_t hash)
{
    size_t at = hash % SEARCH_COMMON_SLOTS;

    while (common->slots[at] != 0 && common->slots[at] != hash)
        at = (at + 1) % SEARCH_COMMON_SLOTS;
    if (common->slots[at] == 0)
        common->count++;
    common->slots[at] = hash;
    ENSURE(common->count < SEARCH_COMMON_SLOTS / 2);
}

bool search_is_common(const uint64_t *slots, uint64_t hash)
{
    size_t at = hash % SEARCH_COMMON_SLOTS;

    for (; slots[at] != 0; at = (at + 1) % SEARCH_COMMON_SLOTS) {
        if (slots[at] == hash)
            return true;
    }
    return false;
}

void search_common_init(struct search_common *common, struct text_stemmer *stemmer)
{
    enum {
        WORD_GRAMS_MAX = 32,
    };
    struct text_gram grams[WORD_GRAMS_MAX];

    memset(common, 0, sizeof(*common));
    for (size_t i = 0; i < LENGTH_OF(common_words); i++) {
        size_t n = text_grams(stemmer, slice_of(common_words[i]), TEXT_GRAM_STEM | TEXT_GRAM_CHAR4,
                              grams, WORD_GRAMS_MAX);

        for (size_t at = 0; at < n; at++)
            common_add(common, grams[at].hash);
    }
    /* Of a listed pair only the pair is common: its characters may mean something elsewhere. */
    for (size_t i = 0; i < LENGTH_OF(common_cjk); i++) {
        struct slice text = slice_of(common_cjk[i]);
        bool single = text.len == 3;

        common_add(common, text_gram_hash(single ? TEXT_GRAM_CJK1 : TEXT_GRAM_CJK2, text));
    }
}

/* Between few and many documents, by their logarithm. */
static float common_weight(bool cjk, uint32_t docs)
{
    float many = cjk ? common_many_cjk : common_many_latin;
    float part = logf((float)docs / docs_few) / logf(docs_many / docs_few);

    if (docs == 0 || part <= 0.0f)
        return common_few;
    return part >= 1.0f ? many : common_few + (many - common_few) * part;
}

float search_gram_weight(unsigned kind, bool common, uint32_t docs)
{
    bool cjk = kind == TEXT_GRAM_CJK1 || kind == TEXT_GRAM_CJK2;
    float weight = common ? common_weight(cjk, docs) : 1.0f;

    switch (kind) {
    case TEXT_GRAM_STEM:
        return weight * weight_stem;
    case TEXT_GRAM_CHAR4:
        return weight * weight_char4;
    case TEXT_GRAM_CJK1:
        return weight * weight_cjk1;
    default:
        return weight * weight_cjk2;
    }
}

float search_saturation(float tf, float len, float mean_len)
{
    return tf * (k1 + 1.0f) / (tf + k1 * (1.0f - b + b * len / mean_len));
}

float search_idf(uint32_t docs, uint32_t with_term)
{
    float with = (float)(with_term < docs ? with_term : docs);

    return logf(1.0f + ((float)docs - with + 0.5f) / (with + 0.5f));
}
