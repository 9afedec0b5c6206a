/* SPDX-License-Identifier: Apache-2.0 */
/* The answer ladder: what the bot says to a visitor's message, and why; and the guard, which looks
 * at every text that anybody writes for words that must not pass.
 *
 * `struct bot` is an immutable snapshot of one workspace (intents and their model, FAQ, rules,
 * settings of its sites), built off the hot path and read by any number of threads. Publishing a
 * change = build a new one, hand it to the shards by message, destroy the old one when every shard
 * has let go of it. `struct bot_scratch` is the working memory of one shard; it grows when it first
 * meets a larger snapshot, otherwise answering allocates from the caller's arena only.
 *
 * Nothing here touches the store, a socket or the system's clock: the caller appends the reply to
 * its turn. Slices of a reply point into the snapshot, the question or the arena: they are good
 * until the turn is encoded. */
#ifndef KEFU_BOT_H
#define KEFU_BOT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "clock.h"
#include "err.h"
#include "slice.h"

struct bot;
struct bot_scratch;
struct flow_set;
struct intent_model;

enum {
    BOT_ENTRIES_MAX = 100000,        /* FAQ entries of a workspace */
    BOT_RULES_MAX = 100000,          /* keyword rules of a workspace */
    BOT_INTENTS_MAX = 10000,         /* of a workspace: as many as a model has classes */
    BOT_VARIANTS_MAX = 64,           /* of one entry; more is a sign of two entries in one */
    BOT_QUESTION_BYTES_MAX = 4096,   /* of a message, the bot reads this much */
    BOT_TEXTS_MAX = 2,               /* messages of one reply */
    BOT_QUICK_REPLIES_MAX = 4,       /* three candidates and a person */
    BOT_STEPS_MAX = 12,              /* rungs of the ladder, with room for the ones to come */
    BOT_CANDIDATES_MAX = 3,          /* of a rung: more buttons are a menu, not a question */
    BOT_ENTITIES_MAX = 16,           /* of one message, in its trace */
    BOT_GUARD_BYTES_MAX = 16 * 1024, /* of a text the guard looks at: a whole message */
    BOT_CLARIFY_ROUNDS_MAX = 2,      /* then a person is offered: no endless "did you mean" */
    BOT_RULE_SITES_MAX = 16,         /* that one rule is bound to: with more it is for all */
};

/* What a snapshot is built from; everything is copied. */
struct bot_faq {
    uint64_t id;
    struct slice locale; /* "zh…" or "en…"; empty: asked in both */
    struct slice question;
    const struct slice *variants;
    size_t variant_count;
    struct slice answer;
};

/* What a rule is for. All but the first are the guard's and hold for people's texts too. */
enum bot_action {
    BOT_ACTION_ANSWER,
    BOT_ACTION_BLOCK,   /* the text is refused */
    BOT_ACTION_MASK,    /* its words are blotted out */
    BOT_ACTION_REVIEW,  /* it is delivered, with a note for the agents */
    BOT_ACTION_HANDOFF, /* it is delivered, and the visitor gets a person */
    BOT_ACTIONS,
};
const char *bot_action_name(enum bot_action action); /* "answer", "block", … */
/* Empty: answer. false: no such action. */
bool bot_action_parse(struct slice name, enum bot_action *out);

/* How a guard's words may be disguised; the numbers are domain/rules'. */
enum bot_disguise {
    BOT_DISGUISE_SYMBOLS = 1 << 0,
    BOT_DISGUISE_PINYIN = 1 << 1,
    BOT_DISGUISE_SOUND = 1 << 2,
};

/* "symbols pinyin" to bits; false: a word that is none of them. */
bool bot_disguise_parse(struct slice words, unsigned *out);

struct bot_rule {
    uint64_t id;
    struct slice name;
    enum bot_action action;
    struct slice locale;     /* "zh…" or "en…"; empty: both */
    const struct slice *any; /* at least one of these, when given … */
    size_t any_count;
    const struct slice *all; /* … and each of these, when given … */
    size_t all_count;
    const struct slice *none; /* … and none of these */
    size_t none_count;
    struct slice flow;      /* begun instead of an answer, when given */
    struct slice condition; /* … and this (domain/rules/rules_file.h), when given */
    unsigned disguise;      /* or of enum bot_disguise */
    int32_t priority;       /* highest first, then the smaller id */
    const uint64_t *sites;  /* where it holds; none: on every site */
    size_t site_count;
    struct slice active; /* when: days and hours as in domain/rules/rules_times.h; empty: always */
    struct slice hours;
    struct slice answer;
    bool handoff; /* after the answer, to a person */
};

/* Something that visitors want; the model knows it by its name. Without an answer and a handoff it
 * only takes part in deciding. */
struct bot_intent {
    uint64_t id;
    struct slice name;
    struct slice title_zh; /* empty: the other language's, else the name */
    struct slice title_en;
    struct slice answer_zh; /* empty: the other language's */
    struct slice answer_en;
    bool handoff; /* after the answer, to a person */
};

/* Overrides of one rung; a rung that is not listed keeps its default. */
struct bot_rung_setting {
    struct slice rung;
    bool off;
    double threshold; /* 0: default */
};

struct bot_site {
    uint64_t id;
    bool bot_off;             /* every message goes to a person */
    struct slice locale;      /* when neither text nor visitor says: "zh-CN" or "en" */
    struct slice greeting_zh; /* empty: the built-in one */
    struct slice greeting_en;
    const struct bot_rung_setting *ladder;
    size_t ladder_count;
};

struct bot_source {
    const struct bot_faq *faq;
    size_t faq_count;
    const struct bot_rule *rules;
    size_t rule_count;
    const struct bot_intent *intents;
    size_t intent_count;
    const struct intent_model *model; /* may be NULL; borrowed: must outlive the bot */
    const struct flow_set *flows; /* what the rung `flow` begins; may be NULL; borrowed likewise */
    const struct bot_site *sites;
    size_t site_count;
    /* The snapshot that this one replaces, or NULL: of many rules only those that changed since are
     * compiled, and laid over its own. The two then share these: of snapshots that were made from
     * one another no two may be made or destroyed at the same time. */
    const struct bot *before;
};

/* On a fault err->field names the item, e.g. "rules[3].any[0]" or "sites[0].ladder[1].rung". */
MUST_USE enum err_code bot_create(const struct bot_source *source, struct bot **out,
                                  struct err *err);
void bot_destroy(struct bot **bot);
size_t bot_bytes(const struct bot *bot);                 /* memory held, for metrics */
const struct flow_set *bot_flows(const struct bot *bot); /* NULL: none */

struct bot_scratch *bot_scratch_create(void);
void bot_scratch_destroy(struct bot_scratch **scratch);

struct bot_question {
    struct slice text;
    uint64_t site_id;        /* a site that the snapshot does not know has all defaults */
    struct slice locale;     /* the visitor's or conversation's; may be empty */
    struct slice flow;       /* of a button: answered by that flow if visitors may begin it */
    unsigned clarify_rounds; /* from the conversation's header */
    int utc_offset_minutes;  /* of the shop's clocks: what "tomorrow" and a rule's hours mean */
};

struct bot_quick_reply {
    struct slice label;
    struct slice text; /* sent as the visitor's message */
};

enum bot_verdict {
    BOT_PASS,   /* had nothing to say */
    BOT_ANSWER, /* answered */
    BOT_BELOW,  /* had a candidate under its threshold */
    BOT_OFF,    /* switched off */
};

/* An entry, rule, intent or phrase that came close. */
struct bot_candidate {
    struct slice text;
    uint64_t id; /* 0: it has none */
    double score;
    /* What an entry's score is made of: how much of the question its words cover, and how likely
     * its intent is, which lifts it. Both 0: another kind of candidate. */
    double words, intent;
};

struct bot_step {
    const char *rung;
    enum bot_verdict verdict;
    struct bot_candidate candidates[BOT_CANDIDATES_MAX]; /* best first */
    size_t candidate_count;
    double threshold;
    unsigned micros;
};

/* A phone number, a date: what was found, not its value. */
struct bot_entity {
    const char *kind;
    uint32_t start, len; /* bytes of the question */
};

struct bot_reply {
    const char *locale; /* "zh-CN" or "en": the language of the question and of the texts */
    const char *rung;   /* the rung that answered */
    struct slice texts[BOT_TEXTS_MAX]; /* one `message` event each, in order */
    size_t text_count;
    struct bot_quick_reply quick_replies[BOT_QUICK_REPLIES_MAX]; /* of the last text */
    size_t quick_reply_count;
    struct slice flow;   /* begin this one; then there may be no text */
    struct slice intent; /* name of the one that was answered or began a flow; may be empty */
    bool handoff;        /* append a `handoff` event and queue the conversation */
    const char *handoff_reason; /* "visitor_asked", "rule", "bot_off"; NULL without handoff */
    unsigned clarify_rounds;    /* for the conversation's header */
    bool unclear;               /* not understood well enough to be answered */
    struct bot_step steps[BOT_STEPS_MAX];
    size_t step_count;
    struct bot_entity entities[BOT_ENTITIES_MAX];
    size_t entity_count;
    unsigned read_micros; /* normal form, language, entities */
    unsigned micros;      /* of the whole answer */
};

/* Always gives a reply with at least one text, or a flow. Fault: the arena is full. */
MUST_USE enum err_code bot_answer(const struct bot *bot, struct bot_scratch *scratch,
                                  const struct bot_question *question, const struct clock *clock,
                                  struct arena *arena, struct bot_reply *out, struct err *err);

/* What a message says, for a flow that waits for one: read as the ladder reads it, but nothing is
 * answered. */
struct bot_reading {
    const char *locale;  /* "zh-CN" or "en" */
    bool clear_locale;   /* words say so, not only the caller's locale */
    bool human;          /* it asks for a person */
    struct slice intent; /* the best one, by name; empty: no model */
    double score;
    struct bot_value {
        const char *kind; /* as slots name it: phone, order_no, amount, date, … */
        struct slice value;
    } values[BOT_ENTITIES_MAX];
    size_t value_count;
};
/* Slices point into the snapshot or the arena. Fault: the arena is full. */
MUST_USE enum err_code bot_read(const struct bot *bot, struct bot_scratch *scratch,
                                const struct bot_question *question, const struct clock *clock,
                                struct arena *arena, struct bot_reading *out, struct err *err);

struct bot_guard {
    bool block;
    bool review;
    bool handoff;
    bool masked;
    struct slice text; /* to be delivered: as it was, or with its words blotted out */
    uint64_t rule_id;  /* the first rule that held; 0: none did */
    struct slice rule; /* its name, in the snapshot */
};

/* Looks at what a visitor or an agent wrote. Fault: the arena is full. */
MUST_USE enum err_code bot_guard(const struct bot *bot, struct bot_scratch *scratch,
                                 const struct bot_question *question, const struct clock *clock,
                                 struct arena *arena, struct bot_guard *out, struct err *err);

/* Whether a rule by itself would be taken. On a fault err->field is the part of it ("condition",
 * "any[1]", "hours"), and the text begins with line and column where there are such. */
MUST_USE enum err_code bot_rule_check(const struct bot_rule *rule, struct err *err);

const char *bot_verdict_name(enum bot_verdict verdict); /* "pass", "answer", "below", "off" */

/* The ladder from the top, for settings pages: NULL past its end. Threshold 0: the rung has none,
 * or the model's own (intent). */
const char *bot_rung_name(size_t at);
double bot_rung_threshold(size_t at);

/* Texts of the system in a conversation that a visitor sees. */
enum bot_text_id {
    BOT_TEXT_GREETING,
    BOT_TEXT_HANDOFF,     /* you asked for a person */
    BOT_TEXT_QUEUED,      /* one %u: position */
    BOT_TEXT_NO_AGENT,    /* nobody is there now */
    BOT_TEXT_ASSIGNED,    /* one %s: name of the agent */
    BOT_TEXT_TRANSFERRED, /* one %s */
    BOT_TEXT_AGENT_LEFT,
    BOT_TEXT_TO_BOT,
    BOT_TEXT_CLOSED,
    BOT_TEXT_IDLE_CLOSED,
    BOT_TEXT_RATE,
    BOT_TEXT_CLARIFY,        /* did you mean */
    BOT_TEXT_FALLBACK,       /* I don't know; a person? */
    BOT_TEXT_OFFER,          /* after two rounds of clarify */
    BOT_TEXT_REVIEW,         /* to agents; one %s: the rule */
    BOT_TEXT_PERSON_LABEL,   /* the button */
    BOT_TEXT_PERSON_REQUEST, /* what the button sends; the first rung understands it */
    BOT_TEXT_CLOSED_HOURS,   /* nobody works now; leave a message */
    BOT_TEXT_COUNT,
};
/* "zh-CN" or "en", whatever the locale string is ("zh-Hant-TW", "en_GB", "fr", ""). */
const char *bot_locale(struct slice locale);
const char *bot_text(const char *locale, enum bot_text_id id);
/* The site's greeting in that language, or the built-in one. Points into the snapshot. */
struct slice bot_greeting(const struct bot *bot, uint64_t site_id, struct slice locale);

#endif
