/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a snapshot that come from rules and intents. Rules are compiled into two sets: what
 * the ladder answers, and what the guard looks for in everybody's texts. */
#include "bot_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

_Static_assert((int)BOT_DISGUISE_SYMBOLS == (int)RULES_SYMBOLS &&
                   (int)BOT_DISGUISE_PINYIN == (int)RULES_PINYIN &&
                   (int)BOT_DISGUISE_SOUND == (int)RULES_SOUND,
               "the same bits in both headers");

static enum err_code fault(struct bot_build *b, const char *list, size_t at, const char *part,
                           enum err_code code, const char *text)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "%s[%zu].%s", list, at, part);
    return err_set_field(b->err, code, field, "%s", text);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static struct rules_rule rule_of(const struct bot_rule *in)
{
    static const enum rules_action actions[BOT_ACTIONS] = {
        [BOT_ACTION_ANSWER] = RULES_ANSWER,   [BOT_ACTION_BLOCK] = RULES_BLOCK,
        [BOT_ACTION_MASK] = RULES_MASK,       [BOT_ACTION_REVIEW] = RULES_REVIEW,
        [BOT_ACTION_HANDOFF] = RULES_HANDOFF,
    };
    struct rules_rule out = {
        .id = in->id,
        .name = in->name,
        .priority = in->priority,
        .action = actions[in->action],
        .any = in->any,
        .any_count = in->any_count,
        .all = in->all,
        .all_count = in->all_count,
        .none = in->none,
        .none_count = in->none_count,
        .when = slice_trim(in->condition),
        .disguise = in->disguise,
    };

    if (out.name.len > RULES_NAME_BYTES_MAX)
        out.name.len = RULES_NAME_BYTES_MAX;
    if (in->locale.len > 0)
        out.locale = bot_language_of(in->locale) == BOT_CHINESE ? RULES_ZH : RULES_EN;
    return out;
}

/* Line and column before what is wrong: a condition may be written over several lines. */
static void where_add(const struct bot_rule *rule, const struct rules_place *place, struct err *err)
{
    struct slice when = slice_trim(rule->condition);
    char text[ERR_TEXT_MAX];
    unsigned line = 1;
    unsigned column = 1;

    for (size_t i = 0; i < place->at && i < when.len; i++) {
        bool first_byte = ((uint8_t)when.ptr[i] & 0xC0) != 0x80;

        column += first_byte;
        if (when.ptr[i] == '\n') {
            line++;
            column = 1;
        }
    }
    memcpy(text, err->text, sizeof(text));
    snprintf(err->text, sizeof(err->text), "line %u column %u: %.*s", line, column,
             (int)sizeof(err->text) - 40, text);
}

static const char *part_name(enum rules_part part)
{
    switch (part) {
    case RULES_PART_ANY:
        return "any";
    case RULES_PART_ALL:
        return "all";
    case RULES_PART_NONE:
        return "none";
    case RULES_PART_WHEN:
        return "condition";
    default:
        return "rule";
    }
}

enum err_code bot_rule_check(const struct bot_rule *rule, struct err *err)
{
    const struct rules_rule in = rule_of(rule);
    struct rules_place place = { 0 };
    struct rules_set *set = NULL;
    struct err found = { 0 };
    enum err_code rc = rules_compile_at(&in, 1, &set, &place, &found);

    rules_set_destroy(&set);
    if (rc == ERR_OK || err == NULL)
        return rc;
    *err = found;
    snprintf(err->field, sizeof(err->field), "%s", part_name(place.part));
    if (place.part == RULES_PART_WHEN)
        where_add(rule, &place, err);
    return rc;
}

static enum err_code answer_add(struct bot_build *b, size_t at, const struct bot_rule *in,
                                struct bot_rule_answer *out)
{
    enum err_code rc;

    if (slice_trim(in->answer).len == 0 && !in->handoff && in->flow.len == 0)
        return fault(b, "rules", at, "answer", ERR_INVALID, "is empty and the rule does nothing");
    out->id = in->id;
    out->handoff = in->handoff;
    rc = bot_copy(b, in->name, &out->name);
    if (rc == ERR_OK)
        rc = bot_copy(b, slice_trim(in->flow), &out->flow);
    return rc == ERR_OK ? bot_copy(b, slice_trim(in->answer), &out->answer) : rc;
}

/* The compiler counts the rules that it was given: its fault gets the number in the source. */
static enum err_code compile(struct bot_build *b, const struct rules_rule *rules, size_t count,
                             const size_t *numbers, struct rules_set **out)
{
    struct rules_place place = { 0 };
    struct err found = { 0 };
    enum err_code rc = rules_compile_at(rules, count, out, &place, &found);
    const char *tail = strchr(found.field, ']');

    if (rc == ERR_OK)
        return rc;
    if (count == 0 || tail == NULL)
        return err_set(b->err, rc, "%s", found.text);
    if (b->err != NULL) {
        *b->err = found;
        snprintf(b->err->field, sizeof(b->err->field), "rules[%zu%s", numbers[place.rule], tail);
    }
    return rc;
}

enum err_code bot_rules_build(struct bot_build *b, const struct bot_source *source)
{
    struct bot *bot = b->bot;
    size_t room = source->rule_count + 1;
    struct rules_rule *rules = NULL;
    size_t *numbers = NULL;
    size_t answers = 0;
    size_t guards = 0;
    enum err_code rc = ERR_OK;

    if (source->rule_count > BOT_RULES_MAX)
        return err_set_field(b->err, ERR_TOO_BIG, "rules", "more than %d", BOT_RULES_MAX);
    rules = mem_zalloc(room * sizeof(*rules));
    numbers = mem_zalloc(room * sizeof(*numbers));
    bot->rule_answers = mem_zalloc(room * sizeof(*bot->rule_answers));
    /* Answers from the front, guards from the back of one array. */
    for (size_t i = 0; i < source->rule_count && rc == ERR_OK; i++) {
        bool answer = source->rules[i].action == BOT_ACTION_ANSWER;
        size_t at = answer ? answers++ : room - ++guards;

        rules[at] = rule_of(&source->rules[i]);
        numbers[at] = i;
        if (answer)
            rc = answer_add(b, i, &source->rules[i], &bot->rule_answers[at]);
    }
    bot->rule_count = answers;
    if (rc == ERR_OK)
        rc = compile(b, rules, answers, numbers, &bot->rules);
    if (rc == ERR_OK)
        rc = compile(b, rules + room - guards, guards, numbers + room - guards, &bot->guard);
    free(rules);
    free(numbers);
    return rc;
}

/* ---- intents --------------------------------------------------------------------------------- */

static struct slice first_of(struct slice a, struct slice b, struct slice c)
{
    if (slice_trim(a).len > 0)
        return slice_trim(a);
    return slice_trim(b).len > 0 ? slice_trim(b) : slice_trim(c);
}

static enum err_code topic_add(struct bot_build *b, size_t at, const struct bot_intent *in)
{
    struct bot_topic *topic = &b->bot->topics[at];
    const struct slice titles[BOT_LANGUAGES] = { in->title_zh, in->title_en };
    const struct slice answers[BOT_LANGUAGES] = { in->answer_zh, in->answer_en };
    enum err_code rc = ERR_OK;

    if (slice_trim(in->name).len == 0)
        return fault(b, "intents", at, "name", ERR_INVALID, "is empty");
    topic->id = in->id;
    topic->handoff = in->handoff;
    for (int i = 0; i < BOT_LANGUAGES && rc == ERR_OK; i++) {
        int other = BOT_LANGUAGES - 1 - i;

        rc = bot_copy(b, first_of(titles[i], titles[other], in->name), &topic->title[i]);
        if (rc == ERR_OK)
            rc = bot_copy(b, first_of(answers[i], answers[other], SLICE_EMPTY), &topic->answer[i]);
        if (rc == ERR_OK)
            rc = bot_exact_add(b, topic->title[i], (uint32_t)at, true);
    }
    return rc;
}

static void topics_link(struct bot_build *b, const struct bot_source *source)
{
    struct bot *bot = b->bot;
    uint32_t count = bot->model != NULL ? intent_model_count(bot->model) : 0;

    bot->topic_of = mem_alloc((count + 1) * sizeof(*bot->topic_of));
    for (uint32_t i = 0; i < count; i++)
        bot->topic_of[i] = -1;
    for (size_t i = 0; i < source->intent_count && count > 0; i++) {
        int intent = intent_model_find(bot->model, slice_trim(source->intents[i].name));

        if (intent >= 0)
            bot->topic_of[intent] = (int)i;
    }
}

/* What the model takes each entry's question for: that intent's score lifts the entry. */
static void entries_link(struct bot_build *b)
{
    struct bot *bot = b->bot;
    struct intent_result result;

    for (size_t i = 0; i < bot->entry_count; i++) {
        bot->entries[i].intent = -1;
        if (bot->model == NULL)
            continue;
        intent_predict(bot->model, b->intent, bot->entries[i].question, 1, &result);
        if (result.count > 0 && result.in_scope)
            bot->entries[i].intent = (int)result.hits[0].intent;
    }
}

enum err_code bot_topics_build(struct bot_build *b, const struct bot_source *source)
{
    struct bot *bot = b->bot;
    enum err_code rc = ERR_OK;

    if (source->intent_count > BOT_INTENTS_MAX)
        return err_set_field(b->err, ERR_TOO_BIG, "intents", "more than %d", BOT_INTENTS_MAX);
    bot->model = source->model;
    bot->topics = mem_zalloc((source->intent_count + 1) * sizeof(*bot->topics));
    bot->topic_count = source->intent_count;
    for (size_t i = 0; i < source->intent_count && rc == ERR_OK; i++)
        rc = topic_add(b, i, &source->intents[i]);
    if (rc != ERR_OK)
        return rc;
    topics_link(b, source);
    entries_link(b);
    return ERR_OK;
}
