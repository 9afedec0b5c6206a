/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the bot: the snapshot, and what a rung sees while it runs. */
#ifndef KEFU_BOT_PRIV_H
#define KEFU_BOT_PRIV_H

#include "bot.h"
#include "entity.h"
#include "intent.h"
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
    BOT_RUNG_FLOW,
    BOT_RUNG_INTENT,
    BOT_RUNG_FAQ,
    BOT_RUNG_CLARIFY,
    BOT_RUNG_HUMAN,
    BOT_RUNG_COUNT,
};

enum {
    BOT_NORM_BYTES_MAX = BOT_QUESTION_BYTES_MAX * 3, /* a broken byte becomes three */
    BOT_GUARD_NORM_MAX = RULES_TEXT_BYTES_MAX,
    BOT_SEARCHED = 8,  /* entries that the classifier may lift over each other */
    BOT_PREDICTED = 5, /* intents that lift them */
};

struct bot_entry {
    uint64_t id;
    struct slice question;
    struct slice answer;
    bool in_language[BOT_LANGUAGES];
    int intent; /* what the model takes its question for; -1: nothing in scope */
};

/* An intent as the ladder answers it. */
struct bot_topic {
    uint64_t id;
    struct slice name;
    struct slice title[BOT_LANGUAGES];  /* never empty */
    struct slice answer[BOT_LANGUAGES]; /* both or none */
    bool handoff;
};

/* What a whole text stands for: an entry by its question or a variant, an intent by its title. */
struct bot_exact {
    uint64_t hash;    /* of the key, 0: free slot */
    struct slice key; /* text_key */
    uint32_t at;
    bool is_topic;
};

/* Rules that were compiled in one go. Snapshots that differ from it in few rules share it. */
struct bot_rules_base {
    unsigned holders;
    struct rules_set *set;
    size_t count;
    struct bot_rule_mark {
        uint64_t id, hash; /* of all that is compiled */
    } * marks;             /* in the order of the set's rules */
    bool ordered;          /* ids rise from each to the next; else nothing is laid over it */
};

struct bot_rules {
    struct bot_rules_base *base;
    struct rules_set *over; /* what changed, laid over the base; NULL: nothing */
};
const struct rules_set *bot_rules_set(const struct bot_rules *rules);
void bot_rules_drop(struct bot_rules *rules);
/* bot_ruleset.c: compiles what the rules of `before` (may be NULL) have not; numbers[i] becomes the
 * number of rule i in the set, as hits name it. *place is set with a fault. */
enum err_code bot_rules_make(const struct rules_rule *rules, size_t count,
                             const struct bot_rules *before, struct bot_rules *out,
                             uint32_t *numbers, struct rules_place *place, struct err *err);

struct bot_rule_answer {
    uint64_t id;
    struct slice name;
    struct slice answer;
    struct slice flow;
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
    struct bot_rules rules;               /* of the ladder */
    struct bot_rule_answer *rule_answers; /* by their number in the set */
    size_t rule_count;
    struct bot_rules guard; /* those of the other actions */
    struct bot_topic *topics;
    size_t topic_count;
    const struct intent_model *model;
    const struct flow_set *flows;
    int *topic_of; /* the model's intents; -1: that intent is not there or switched off */
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
    struct rules_scratch *guard;
    struct intent_scratch *intent;
    struct entity_scratch *entity;
    struct entity_list entities;
    struct rules_span spans[RULES_SPANS_MAX];
    char guard_normalised[BOT_GUARD_NORM_MAX];
    uint32_t guard_from[BOT_GUARD_NORM_MAX];
    uint32_t from[BOT_NORM_BYTES_MAX]; /* the way back from the normal form */
    char normalised[BOT_NORM_BYTES_MAX];
    char key[BOT_NORM_BYTES_MAX];
};

/* An entry of the FAQ with its score: by words, lifted by the classifier. */
struct bot_found {
    const struct bot_entry *entry;
    double score;
    double words, intent; /* what it is made of */
};

/* One answer in the making. */
struct bot_run {
    const struct bot *bot;
    struct bot_scratch *scratch;
    const struct bot_question *question;
    const struct bot_site_settings *site;
    const struct clock *clock;
    struct bot_reply *out;
    struct slice text; /* of the question, at most BOT_QUESTION_BYTES_MAX */
    struct slice normalised;
    struct slice key;
    enum bot_language language;
    bool predicted;
    struct intent_result intents;
    bool searched;
    struct bot_found found[BOT_CANDIDATES_MAX]; /* in the FAQ, best first */
    size_t found_count;
};

/* A rung of the ladder. Fills candidate and score of its step; with BOT_ANSWER also the texts,
 * quick replies and flags of run->out. */
struct bot_rung {
    const char *name;
    double default_threshold; /* 0: none */
    enum bot_verdict (*run)(struct bot_run *run, double threshold, struct bot_step *step);
};
extern const struct bot_rung bot_rungs[BOT_RUNG_COUNT];

/* bot_build.c: what a snapshot is built with. */
struct bot_build {
    struct bot *bot;
    struct text_stemmer *stemmer;
    struct search_builder *builders[BOT_LANGUAGES];
    struct intent_scratch *intent;
    struct err *err;
    char norm[SEARCH_DOC_BYTES_MAX * 3];
    char key[SEARCH_DOC_BYTES_MAX * 3];
};
/* Into the snapshot's arena. */
enum err_code bot_copy(struct bot_build *b, struct slice in, struct slice *out);
void bot_exact_reserve(struct bot *bot, size_t count);
enum err_code bot_exact_add(struct bot_build *b, struct slice text, uint32_t at, bool is_topic);
/* "rules[3].answer" */
enum err_code bot_fault(struct bot_build *b, const char *list, size_t at, const char *part,
                        enum err_code code, const char *text);
enum err_code bot_rules_build(struct bot_build *b, const struct bot_source *source);
enum err_code bot_topics_build(struct bot_build *b, const struct bot_source *source);

/* bot_rules.c: a site as rules are bound to it, by its number; of no site (0) it is empty. */
enum { BOT_SCOPE_BYTES = 24 };
struct slice bot_scope(uint64_t site_id, char out[BOT_SCOPE_BYTES]);
/* Where and when a question is asked, for rules of any language. */
struct rules_context bot_rules_context(const struct bot_question *question,
                                       const struct clock *clock, char scope[BOT_SCOPE_BYTES]);

/* Into run->intents, once. */
void bot_predict(struct bot_run *run);
/* The normal form, key and language of the question; entities into the scratch's list. */
void bot_run_read(struct bot_run *run, const struct clock *clock);

const char *bot_language_locale(enum bot_language language);
enum bot_language bot_language_of(struct slice locale);

/* What has this key, or NULL; an entry of the language goes first, then an intent. */
const struct bot_exact *bot_exact_find(const struct bot *bot, struct slice key,
                                       enum bot_language language);
const struct bot_site_settings *bot_site_find(const struct bot *bot, uint64_t site_id);

/* Whether a text (its normal form and key) asks for a person, in either language; *phrase is
 * where. */
bool bot_human_asked(struct bot_human_scratch *scratch, struct slice normalised, struct slice key,
                     struct slice *phrase);

#endif
