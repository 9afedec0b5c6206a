/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the bot: the snapshot, and what a rung sees while it runs. */
#ifndef KEFU_BOT_PRIV_H
#define KEFU_BOT_PRIV_H

#include "bot.h"
#include "rules.h"
#include "search.h"
#include "text.h"

enum bot_language {
    BOT_CHINESE,
    BOT_ENGLISH,
    BOT_LANGUAGES,
};

enum bot_rung_id {
    BOT_RUNG_HUMAN_PHRASE,
    BOT_RUNG_EXACT,
    BOT_RUNG_RULE,
    BOT_RUNG_FAQ,
    BOT_RUNG_CLARIFY,
    BOT_RUNG_HUMAN,
    BOT_RUNG_COUNT,
};

enum {
    BOT_NORM_BYTES_MAX = BOT_QUESTION_BYTES_MAX * 3, /* a broken byte becomes three */
};

struct bot_entry {
    uint64_t id;
    struct slice question;
    struct slice answer;
    bool in_language[BOT_LANGUAGES];
};

struct bot_exact {
    uint64_t hash;    /* of the key, 0: free slot */
    struct slice key; /* text_key of the question or a variant */
    uint32_t entry;
};

struct bot_rule_answer {
    uint64_t id;
    struct slice name;
    struct slice answer;
    bool handoff;
};

struct bot_rung_state {
    bool off;
    double threshold;
};

struct bot_site_settings {
    uint64_t id;
    bool bot_off;
    enum bot_language language;
    struct slice greeting[BOT_LANGUAGES]; /* empty: built-in */
    struct bot_rung_state rungs[BOT_RUNG_COUNT];
};

struct bot {
    struct arena arena; /* every text of the snapshot */
    struct bot_entry *entries;
    size_t entry_count;
    struct bot_exact *exact;
    uint64_t exact_mask;
    struct search_index *index[BOT_LANGUAGES];
    struct rules_set *rules;
    struct bot_rule_answer *rule_answers;
    size_t rule_count;
    struct bot_site_settings *sites; /* by id */
    size_t site_count;
    struct bot_site_settings defaults;
};

struct bot_word {
    struct slice text;
    unsigned class;
    bool clause_start; /* punctuation stands before it */
};

enum {
    BOT_WORDS_MAX = 400, /* of one message; asking for a person comes earlier or not at all */
};

/* Not on the stack: locals are cleared on entry, and this is 20 KiB. */
struct bot_human_scratch {
    struct bot_word words[BOT_WORDS_MAX];
    char copy[BOT_QUESTION_BYTES_MAX];
};

struct bot_scratch {
    struct bot_human_scratch human;
    struct text_stemmer *stemmer;
    struct search_scratch *search;
    struct rules_scratch *rules;
    char normalised[BOT_NORM_BYTES_MAX];
    char key[BOT_NORM_BYTES_MAX];
};

/* One answer in the making. */
struct bot_run {
    const struct bot *bot;
    struct bot_scratch *scratch;
    const struct bot_question *question;
    struct bot_reply *out;
    struct slice normalised;
    struct slice key;
    enum bot_language language;
    bool searched;
    struct search_hit hits[BOT_CANDIDATES_MAX];
    size_t hit_count;
};

/* A rung of the ladder. Fills candidate and score of its step; with BOT_ANSWER also the texts,
 * quick replies and flags of run->out. */
struct bot_rung {
    const char *name;
    double default_threshold; /* 0: none */
    enum bot_verdict (*run)(struct bot_run *run, double threshold, struct bot_step *step);
};
extern const struct bot_rung bot_rungs[BOT_RUNG_COUNT];

const char *bot_language_locale(enum bot_language language);
enum bot_language bot_language_of(struct slice locale);

/* The entry whose question or variant has this key, or NULL; one of the language goes first. */
const struct bot_entry *bot_exact_find(const struct bot *bot, struct slice key,
                                       enum bot_language language);
const struct bot_site_settings *bot_site_find(const struct bot *bot, uint64_t site_id);

/* Whether a text (its normal form and key) asks for a person, in either language; *phrase is
 * where. */
bool bot_human_asked(struct bot_human_scratch *scratch, struct slice normalised, struct slice key,
                     struct slice *phrase);

#endif
