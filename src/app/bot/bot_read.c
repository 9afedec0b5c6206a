/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says, without an answer: for flows, which know what they are waiting for. */
#include "bot_priv.h"

/* The names that slots use where they differ from the recognisers'. */
static const char *slot_kind(enum entity_kind kind)
{
    switch (kind) {
    case ENTITY_ORDER:
        return "order_no";
    case ENTITY_MONEY:
        return "amount";
    default:
        return entity_kind_name(kind);
    }
}

/* Amounts and numbers as they were written: the slot's own reader makes the number. */
static struct slice value_of(const struct entity *entity, struct slice text)
{
    bool number = entity->kind == ENTITY_MONEY || entity->kind == ENTITY_NUMBER ||
                  entity->kind == ENTITY_PERCENT;

    if (entity->value.len > 0 && !number)
        return entity->value;
    return slice_make(text.ptr + entity->start, entity->len);
}

static enum err_code values_take(const struct bot_run *run, struct arena *arena,
                                 struct bot_reading *out, struct err *err)
{
    const struct entity_list *list = &run->scratch->entities;

    for (size_t i = 0; i < list->count && out->value_count < BOT_ENTITIES_MAX; i++) {
        struct slice value = value_of(&list->items[i], run->text);
        char *copy = arena_strdup(arena, value);

        if (copy == NULL)
            return err_set(err, ERR_TOO_BIG, "message arena is full");
        out->values[out->value_count++] =
            (struct bot_value){ slot_kind(list->items[i].kind), slice_make(copy, value.len) };
    }
    return ERR_OK;
}

enum err_code bot_read(const struct bot *bot, struct bot_scratch *scratch,
                       const struct bot_question *question, const struct clock *clock,
                       struct arena *arena, struct bot_reading *out, struct err *err)
{
    struct bot_reply reply;
    struct bot_run run = { .bot = bot,
                           .scratch = scratch,
                           .question = question,
                           .site = bot_site_find(bot, question->site_id),
                           .clock = clock,
                           .out = &reply };
    struct text_script script;
    struct slice phrase = SLICE_EMPTY;

    *out = (struct bot_reading){ 0 };
    bot_run_read(&run, clock);
    script = text_script_count(run.normalised);
    out->locale = reply.locale;
    out->clear_locale = script.cjk_chars > 0 || script.words > 2;
    out->human = !run.site->rungs[BOT_RUNG_HUMAN_PHRASE].off &&
                 bot_human_asked(&scratch->human, run.normalised, run.key, &phrase);
    bot_predict(&run);
    if (run.intents.count > 0) {
        out->intent = intent_model_name(bot->model, run.intents.hits[0].intent);
        out->score = (double)run.intents.hits[0].score;
    }
    return values_take(&run, arena, out, err);
}
