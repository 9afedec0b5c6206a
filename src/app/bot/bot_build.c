/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a snapshot that come from intents and their model. */
#include "bot_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum err_code bot_fault(struct bot_build *b, const char *list, size_t at, const char *part,
                        enum err_code code, const char *text)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "%s[%zu].%s", list, at, part);
    return err_set_field(b->err, code, field, "%s", text);
}

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
        return bot_fault(b, "intents", at, "name", ERR_INVALID, "is empty");
    topic->id = in->id;
    topic->handoff = in->handoff;
    rc = bot_copy(b, slice_trim(in->name), &topic->name);
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
