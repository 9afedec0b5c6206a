/* SPDX-License-Identifier: Apache-2.0 */
/* The answer ladder: what the bot says to a visitor's message, and why.
 *
 * `struct bot` is an immutable snapshot of one workspace (FAQ, rules, settings of its sites), built
 * off the hot path and read by any number of threads. Publishing a change = build a new one, hand
 * it to the shards by message, destroy the old one when every shard has let go of it.
 * `struct bot_scratch` is the working memory of one shard; it grows when it first meets a larger
 * snapshot, otherwise answering allocates from the caller's arena only.
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

enum {
    BOT_ENTRIES_MAX = 100000,      /* FAQ entries of a workspace */
    BOT_RULES_MAX = 100000,        /* keyword rules of a workspace */
    BOT_VARIANTS_MAX = 64,         /* of one entry; more is a sign of two entries in one */
    BOT_QUESTION_BYTES_MAX = 4096, /* of a message, the bot reads this much */
    BOT_TEXTS_MAX = 2,             /* messages of one reply */
    BOT_QUICK_REPLIES_MAX = 4,     /* three candidates and a person */
    BOT_STEPS_MAX = 12,            /* rungs of the ladder, with room for the ones to come */
    BOT_CANDIDATES_MAX = 3,        /* of the clarify rung */
    BOT_CLARIFY_ROUNDS_MAX = 2,    /* then a person is offered: no endless "did you mean" */
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

struct bot_rule {
    uint64_t id;
    struct slice name;
    struct slice locale;     /* "zh…" or "en…"; empty: both */
    const struct slice *any; /* at least one of these, when given … */
    size_t any_count;
    const struct slice *all; /* … and each of these, when given … */
    size_t all_count;
    const struct slice *none; /* … and none of these */
    size_t none_count;
    int32_t priority; /* highest first, then the smaller id */
    struct slice answer;
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
    const struct bot_site *sites;
    size_t site_count;
};

/* On a fault err->field names the item, e.g. "rules[3].any[0]" or "sites[0].ladder[1].rung". */
MUST_USE enum err_code bot_create(const struct bot_source *source, struct bot **out,
                                  struct err *err);
void bot_destroy(struct bot **bot);
size_t bot_bytes(const struct bot *bot); /* memory held, for metrics */

struct bot_scratch *bot_scratch_create(void);
void bot_scratch_destroy(struct bot_scratch **scratch);

struct bot_question {
    struct slice text;
    uint64_t site_id;        /* a site that the snapshot does not know has all defaults */
    struct slice locale;     /* the visitor's or conversation's; may be empty */
    unsigned clarify_rounds; /* from the conversation's header */
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

struct bot_step {
    const char *rung;
    enum bot_verdict verdict;
    struct slice candidate; /* the entry, rule or phrase that came closest; may be empty */
    uint64_t candidate_id;  /* of the entry or rule; 0: none */
    double score;
    double threshold;
    unsigned micros;
};

struct bot_reply {
    const char *locale; /* "zh-CN" or "en": the language of the question and of the texts */
    const char *rung;   /* the rung that answered */
    struct slice texts[BOT_TEXTS_MAX]; /* one `message` event each, in order */
    size_t text_count;
    struct bot_quick_reply quick_replies[BOT_QUICK_REPLIES_MAX]; /* of the last text */
    size_t quick_reply_count;
    bool handoff;               /* append a `handoff` event and queue the conversation */
    const char *handoff_reason; /* "visitor_asked", "rule", "bot_off"; NULL without handoff */
    unsigned clarify_rounds;    /* for the conversation's header */
    struct bot_step steps[BOT_STEPS_MAX];
    size_t step_count;
    unsigned micros; /* of the whole answer */
};

/* Always gives a reply with at least one text. Fault: the arena is full. */
MUST_USE enum err_code bot_answer(const struct bot *bot, struct bot_scratch *scratch,
                                  const struct bot_question *question, const struct clock *clock,
                                  struct arena *arena, struct bot_reply *out, struct err *err);

const char *bot_verdict_name(enum bot_verdict verdict); /* "pass", "answer", "below", "off" */

/* The ladder from the top, for settings pages: NULL past its end. Threshold 0: the rung has none.
 */
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
    BOT_TEXT_PERSON_LABEL,   /* the button */
    BOT_TEXT_PERSON_REQUEST, /* what the button sends; the first rung understands it */
    BOT_TEXT_COUNT,
};
/* "zh-CN" or "en", whatever the locale string is ("zh-Hant-TW", "en_GB", "fr", ""). */
const char *bot_locale(struct slice locale);
const char *bot_text(const char *locale, enum bot_text_id id);
/* The site's greeting in that language, or the built-in one. Points into the snapshot. */
struct slice bot_greeting(const struct bot *bot, uint64_t site_id, struct slice locale);

#endif
