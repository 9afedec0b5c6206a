/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder: rungs tried from the top, the first that answers ends it, every one leaves a step in
 * the trace. A new kind of answer is a row of bot_rungs and its function. */
#include "bot_priv.h"

#include <stdlib.h>

#include "check.h"

static const double faq_margin = 0.05; /* nearer to each other than this, two entries are a tie */

static const double clarify_share = 0.5; /* a candidate with less of the best score is noise */

static struct slice text_of(const struct bot_run *run, enum bot_text_id id)
{
    return slice_of(bot_text(run->out->locale, id));
}

static void say(struct bot_run *run, struct slice text)
{
    ENSURE(run->out->text_count < BOT_TEXTS_MAX);
    run->out->texts[run->out->text_count++] = text;
}

static void offer(struct bot_run *run, struct slice label, struct slice text)
{
    ENSURE(run->out->quick_reply_count < BOT_QUICK_REPLIES_MAX);
    run->out->quick_replies[run->out->quick_reply_count++] =
        (struct bot_quick_reply){ .label = label, .text = text };
}

static void offer_person(struct bot_run *run)
{
    offer(run, text_of(run, BOT_TEXT_PERSON_LABEL), text_of(run, BOT_TEXT_PERSON_REQUEST));
}

static void hand_off(struct bot_run *run, const char *reason)
{
    run->out->handoff = true;
    run->out->handoff_reason = reason;
}

static enum bot_verdict answer_entry(struct bot_run *run, const struct bot_entry *entry)
{
    say(run, entry->answer);
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

static void step_entry(struct bot_step *step, const struct bot_entry *entry, double score)
{
    step->candidate = entry->question;
    step->candidate_id = entry->id;
    step->score = score;
}

static enum bot_verdict run_human_phrase(struct bot_run *run, double threshold,
                                         struct bot_step *step)
{
    (void)threshold;
    if (!bot_human_asked(&run->scratch->human, run->normalised, run->key, &step->candidate))
        return BOT_PASS;
    step->score = 1.0;
    say(run, text_of(run, BOT_TEXT_HANDOFF));
    hand_off(run, "visitor_asked");
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

static enum bot_verdict run_exact(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct bot_entry *entry = bot_exact_find(run->bot, run->key, run->language);

    (void)threshold;
    if (entry == NULL)
        return BOT_PASS;
    step_entry(step, entry, 1.0);
    return answer_entry(run, entry);
}

static enum bot_verdict run_rule(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct rules_context context = {
        .locale = run->language == BOT_CHINESE ? RULES_ZH : RULES_EN,
    };
    const struct bot_rule_answer *rule;
    struct rules_hit hit;

    (void)threshold;
    if (rules_scan(run->bot->rules, run->scratch->rules, run->normalised, &context, &hit, 1) == 0)
        return BOT_PASS;
    rule = &run->bot->rule_answers[hit.rule];
    step->candidate = rule->name;
    step->candidate_id = rule->id;
    step->score = 1.0;
    say(run, rule->answer.len > 0 ? rule->answer : text_of(run, BOT_TEXT_HANDOFF));
    if (rule->handoff)
        hand_off(run, "rule");
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

static void search_once(struct bot_run *run)
{
    if (run->searched)
        return;
    run->searched = true;
    run->hit_count =
        search_query(run->bot->index[run->language], run->scratch->search, run->scratch->stemmer,
                     run->normalised, run->hits, BOT_CANDIDATES_MAX);
}

static bool is_tie(const struct bot_run *run)
{
    return run->hit_count > 1 && run->hits[0].score - run->hits[1].score < faq_margin;
}

static enum bot_verdict run_faq(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct bot_entry *entry;

    search_once(run);
    if (run->hit_count == 0)
        return BOT_PASS;
    entry = &run->bot->entries[run->hits[0].entry];
    step_entry(step, entry, run->hits[0].score);
    if (run->hits[0].score < threshold || is_tie(run))
        return BOT_BELOW;
    return answer_entry(run, entry);
}

static enum bot_verdict run_clarify(struct bot_run *run, double threshold, struct bot_step *step)
{
    search_once(run);
    if (run->hit_count == 0)
        return BOT_PASS;
    step_entry(step, &run->bot->entries[run->hits[0].entry], run->hits[0].score);
    if (run->hits[0].score < threshold)
        return BOT_BELOW;
    if (run->question->clarify_rounds >= BOT_CLARIFY_ROUNDS_MAX)
        return BOT_PASS;
    say(run, text_of(run, BOT_TEXT_CLARIFY));
    for (size_t i = 0; i < run->hit_count; i++) {
        struct slice question = run->bot->entries[run->hits[i].entry].question;

        if (run->hits[i].score >= clarify_share * run->hits[0].score)
            offer(run, question, question);
    }
    offer_person(run);
    run->out->clarify_rounds = run->question->clarify_rounds + 1;
    return BOT_ANSWER;
}

static enum bot_verdict run_human(struct bot_run *run, double threshold, struct bot_step *step)
{
    bool asked_back = run->question->clarify_rounds > 0;

    (void)threshold;
    (void)step;
    say(run, text_of(run, asked_back ? BOT_TEXT_OFFER : BOT_TEXT_FALLBACK));
    offer_person(run);
    return BOT_ANSWER;
}

const struct bot_rung bot_rungs[BOT_RUNG_COUNT] = {
    [BOT_RUNG_HUMAN_PHRASE] = { "human_phrase", 0, run_human_phrase },
    [BOT_RUNG_EXACT] = { "exact", 0, run_exact },
    [BOT_RUNG_RULE] = { "rule", 0, run_rule },
    [BOT_RUNG_FAQ] = { "faq", 0.50, run_faq },
    [BOT_RUNG_CLARIFY] = { "clarify", 0.30, run_clarify },
    [BOT_RUNG_HUMAN] = { "human", 0, run_human },
};
_Static_assert((int)BOT_RUNG_COUNT <= (int)BOT_STEPS_MAX, "a step for each rung");

const char *bot_rung_name(size_t at)
{
    return at < BOT_RUNG_COUNT ? bot_rungs[at].name : NULL;
}

double bot_rung_threshold(size_t at)
{
    ENSURE(at < BOT_RUNG_COUNT);
    return bot_rungs[at].default_threshold;
}

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

static void climb(struct bot_run *run, const struct bot_site_settings *site,
                  const struct clock *clock)
{
    struct bot_reply *out = run->out;
    int64_t then = clock_mono_us(clock);

    for (int i = 0; i < BOT_RUNG_COUNT && out->rung == NULL; i++) {
        struct bot_step *step = &out->steps[out->step_count++];
        int64_t now;

        step->rung = bot_rungs[i].name;
        step->threshold = site->rungs[i].threshold;
        step->verdict =
            site->rungs[i].off ? BOT_OFF : bot_rungs[i].run(run, site->rungs[i].threshold, step);
        if (step->verdict == BOT_ANSWER)
            out->rung = step->rung;
        now = clock_mono_us(clock);
        step->micros = micros_between(then, now);
        then = now;
    }
    ENSURE(out->rung != NULL && out->text_count > 0);
}

/* The candidate of a phrase points into the scratch, which the next answer overwrites. */
static enum err_code keep_candidates(struct bot_run *run, struct arena *arena, struct err *err)
{
    struct bot_step *step = &run->out->steps[BOT_RUNG_HUMAN_PHRASE];
    char *copy;

    if (run->out->step_count == 0 || step->candidate.len == 0)
        return ERR_OK;
    copy = arena_strdup(arena, step->candidate);
    if (copy == NULL)
        return err_set(err, ERR_TOO_BIG, "message arena is full");
    step->candidate.ptr = copy;
    return ERR_OK;
}

enum err_code bot_answer(const struct bot *bot, struct bot_scratch *scratch,
                         const struct bot_question *question, const struct clock *clock,
                         struct arena *arena, struct bot_reply *out, struct err *err)
{
    const struct bot_site_settings *site = bot_site_find(bot, question->site_id);
    struct bot_run run = { .bot = bot, .scratch = scratch, .question = question, .out = out };
    struct slice text = question->text;
    int64_t start = clock_mono_us(clock);

    if (text.len > BOT_QUESTION_BYTES_MAX)
        text.len = BOT_QUESTION_BYTES_MAX;
    run.normalised = text_normalise_with(text, TEXT_SIMPLIFY, scratch->normalised, NULL,
                                         sizeof(scratch->normalised));
    run.key = text_key(run.normalised, scratch->key, sizeof(scratch->key));
    run.language = language_guess(run.normalised, question->locale, site);
    *out = (struct bot_reply){ .locale = bot_language_locale(run.language),
                               .clarify_rounds = question->clarify_rounds };
    if (site->bot_off) {
        out->rung = "off";
        say(&run, text_of(&run, BOT_TEXT_HANDOFF));
        hand_off(&run, "bot_off");
    } else {
        climb(&run, site, clock);
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

struct slice bot_greeting(const struct bot *bot, uint64_t site_id, struct slice locale)
{
    const struct bot_site_settings *site = bot_site_find(bot, site_id);
    enum bot_language language = locale.len > 0 ? bot_language_of(locale) : site->language;

    if (site->greeting[language].len > 0)
        return site->greeting[language];
    return slice_of(bot_text(bot_language_locale(language), BOT_TEXT_GREETING));
}
