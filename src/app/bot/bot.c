/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder: rungs tried from the top, the first that answers ends it, every one leaves a step in
 * the trace. A new kind of answer is a row of bot_rungs and its function (bot_rung.c). */
#include "bot_priv.h"

#include "check.h"

static enum bot_language language_guess(struct slice normalised, struct slice locale,
                                        const struct bot_site_settings *site)
{
    struct text_script script = text_script_count(normalised);

    if (script.cjk_chars > 0 || script.words > 0)
        return script.cjk_chars >= script.words ? BOT_CHINESE : BOT_ENGLISH;
    return locale.len > 0 ? bot_language_of(locale) : site->language;
}

static unsigned micros_between(int64_t from, int64_t to)
{
    return to > from ? (unsigned)(to - from) : 0;
}

static void climb(struct bot_run *run, const struct clock *clock, int64_t then)
{
    struct bot_reply *out = run->out;

    for (int i = 0; i < BOT_RUNG_COUNT && out->rung == NULL; i++) {
        struct bot_step *step = &out->steps[out->step_count++];
        const struct bot_rung_state *rung = &run->site->rungs[i];
        int64_t now;

        step->rung = bot_rungs[i].name;
        step->threshold = rung->threshold;
        step->verdict = rung->off ? BOT_OFF : bot_rungs[i].run(run, rung->threshold, step);
        if (step->verdict == BOT_ANSWER)
            out->rung = step->rung;
        now = clock_mono_us(clock);
        step->micros = micros_between(then, now);
        then = now;
    }
    ENSURE(out->rung != NULL && (out->text_count > 0 || out->flow.len > 0));
}

/* The candidate of a phrase points into the scratch, which the next answer overwrites. */
static enum err_code keep_candidates(struct bot_run *run, struct arena *arena, struct err *err)
{
    struct bot_step *step = &run->out->steps[BOT_RUNG_HUMAN_PHRASE];
    char *copy;

    if (run->out->step_count == 0 || step->candidate_count == 0)
        return ERR_OK;
    copy = arena_strdup(arena, step->candidates[0].text);
    if (copy == NULL)
        return err_set(err, ERR_TOO_BIG, "message arena is full");
    step->candidates[0].text.ptr = copy;
    return ERR_OK;
}

static void entities_find(struct bot_run *run, const struct clock *clock)
{
    const struct entity_options options = {
        .kinds = ENTITY_ALL,
        .today = entity_day_at(clock_wall_ms(clock) / 1000, run->question->utc_offset_minutes),
        .calling_code = run->language == BOT_CHINESE ? 86 : 1,
    };
    struct entity_list *list = &run->scratch->entities;
    struct bot_reply *out = run->out;

    entity_find_normalised(run->text, run->normalised, run->scratch->from, &options,
                           run->scratch->entity, list);
    for (size_t i = 0; i < list->count && out->entity_count < BOT_ENTITIES_MAX; i++)
        out->entities[out->entity_count++] =
            (struct bot_entity){ entity_kind_name(list->items[i].kind), list->items[i].start,
                                 list->items[i].len };
}

void bot_run_read(struct bot_run *run, const struct clock *clock)
{
    const struct bot_question *question = run->question;
    struct bot_scratch *scratch = run->scratch;

    run->text = question->text;
    if (run->text.len > BOT_QUESTION_BYTES_MAX)
        run->text.len = BOT_QUESTION_BYTES_MAX;
    run->normalised = text_normalise_with(run->text, TEXT_SIMPLIFY, scratch->normalised,
                                          scratch->from, sizeof(scratch->normalised));
    run->key = text_key(run->normalised, scratch->key, sizeof(scratch->key));
    run->language = language_guess(run->normalised, question->locale, run->site);
    *run->out = (struct bot_reply){ .locale = bot_language_locale(run->language),
                                    .clarify_rounds = question->clarify_rounds };
    entities_find(run, clock);
}

enum err_code bot_answer(const struct bot *bot, struct bot_scratch *scratch,
                         const struct bot_question *question, const struct clock *clock,
                         struct arena *arena, struct bot_reply *out, struct err *err)
{
    struct bot_run run = { .bot = bot,
                           .scratch = scratch,
                           .question = question,
                           .site = bot_site_find(bot, question->site_id),
                           .clock = clock,
                           .out = out };
    int64_t start = clock_mono_us(clock);
    int64_t read;

    bot_run_read(&run, clock);
    read = clock_mono_us(clock);
    out->read_micros = micros_between(start, read);
    if (run.site->bot_off) {
        out->rung = "off";
        out->texts[out->text_count++] = slice_of(bot_text(out->locale, BOT_TEXT_HANDOFF));
        out->handoff = true;
        out->handoff_reason = "bot_off";
    } else {
        climb(&run, clock, read);
    }
    out->micros = micros_between(start, clock_mono_us(clock));
    return keep_candidates(&run, arena, err);
}

const char *bot_verdict_name(enum bot_verdict verdict)
{
    static const char *const names[] = {
        [BOT_PASS] = "pass", [BOT_ANSWER] = "answer", [BOT_BELOW] = "below", [BOT_OFF] = "off"
    };

    ENSURE((unsigned)verdict < LENGTH_OF(names));
    return names[verdict];
}

const struct flow_set *bot_flows(const struct bot *bot)
{
    return bot->flows;
}

struct slice bot_greeting(const struct bot *bot, uint64_t site_id, struct slice locale)
{
    const struct bot_site_settings *site = bot_site_find(bot, site_id);
    enum bot_language language = locale.len > 0 ? bot_language_of(locale) : site->language;

    if (site->greeting[language].len > 0)
        return site->greeting[language];
    return slice_of(bot_text(bot_language_locale(language), BOT_TEXT_GREETING));
}
