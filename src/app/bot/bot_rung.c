/* SPDX-License-Identifier: Apache-2.0 */
/* The rungs, from the top. Each one fills its step of the trace and, when it answers, the reply.
 * What several rungs ask (the classifier, the FAQ) is asked once. */
#include "bot_priv.h"

#include "check.h"
#include "flow.h"

static const double faq_margin = 0.05; /* nearer to each other than this, two entries are a tie */

/* Below it the two best intents are both meant, and the visitor is asked which. */
static const double intent_margin = 0.10;

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

static void candidate_add(struct bot_step *step, struct slice text, uint64_t id, double score)
{
    if (step->candidate_count < BOT_CANDIDATES_MAX)
        step->candidates[step->candidate_count++] =
            (struct bot_candidate){ .text = text, .id = id, .score = score };
}

static void candidate_found(struct bot_step *step, const struct bot_found *found)
{
    if (step->candidate_count < BOT_CANDIDATES_MAX)
        step->candidates[step->candidate_count++] =
            (struct bot_candidate){ found->entry->question, found->entry->id, found->score,
                                    found->words, found->intent };
}

static enum bot_verdict answer_entry(struct bot_run *run, const struct bot_entry *entry)
{
    say(run, entry->answer);
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

/* Nothing to say: the rungs below may know better. */
static enum bot_verdict answer_topic(struct bot_run *run, const struct bot_topic *topic)
{
    if (topic->answer[run->language].len == 0 && !topic->handoff)
        return BOT_PASS;
    say(run, topic->answer[run->language].len > 0 ? topic->answer[run->language]
                                                  : text_of(run, BOT_TEXT_HANDOFF));
    if (topic->handoff)
        hand_off(run, "intent");
    run->out->intent = topic->name;
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

static enum bot_verdict run_human_phrase(struct bot_run *run, double threshold,
                                         struct bot_step *step)
{
    struct slice phrase = SLICE_EMPTY;

    (void)threshold;
    if (!bot_human_asked(&run->scratch->human, run->normalised, run->key, &phrase))
        return BOT_PASS;
    candidate_add(step, phrase, 0, 1.0);
    say(run, text_of(run, BOT_TEXT_HANDOFF));
    hand_off(run, "visitor_asked");
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

static enum bot_verdict begin_flow(struct bot_run *run, const struct flow *flow, double score,
                                   struct bot_step *step)
{
    step->candidate_count = 0;
    candidate_add(step, flow_name(flow), 0, score);
    run->out->flow = flow_name(flow);
    run->out->clarify_rounds = 0;
    return BOT_ANSWER;
}

/* By a button that names it, or by one of its phrases. */
static const struct flow *flow_begun(const struct bot_run *run)
{
    struct slice name = run->question->flow;
    const struct flow *flow;

    if (run->bot->flows == NULL || run->site->rungs[BOT_RUNG_FLOW].off)
        return NULL;
    flow = name.len > 0 ? flow_set_find(run->bot->flows, name, 0) : NULL;
    if (flow != NULL && flow_begins(flow))
        return flow;
    return flow_set_match(run->bot->flows, SLICE_EMPTY, 0, run->text);
}

/* A phrase that a flow begins with goes first: it was written for that, whatever the FAQ says to
 * the same words. */
static enum bot_verdict run_exact(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct bot_exact *exact = bot_exact_find(run->bot, run->key, run->language);
    const struct flow *flow = flow_begun(run);

    (void)threshold;
    if (flow != NULL)
        return begin_flow(run, flow, 1.0, step);
    if (exact == NULL)
        return BOT_PASS;
    if (exact->is_topic) {
        const struct bot_topic *topic = &run->bot->topics[exact->at];

        candidate_add(step, topic->title[run->language], topic->id, 1.0);
        return answer_topic(run, topic);
    }
    candidate_add(step, run->bot->entries[exact->at].question, run->bot->entries[exact->at].id,
                  1.0);
    return answer_entry(run, &run->bot->entries[exact->at]);
}

static enum bot_verdict run_rule(struct bot_run *run, double threshold, struct bot_step *step)
{
    char scope[BOT_SCOPE_BYTES];
    struct rules_context context = bot_rules_context(run->question, run->clock, scope);
    struct rules_hit hits[BOT_CANDIDATES_MAX];
    const struct bot_rule_answer *rule;
    size_t n;

    (void)threshold;
    context.locale = run->language == BOT_CHINESE ? RULES_ZH : RULES_EN;
    n = rules_scan(bot_rules_set(&run->bot->rules), run->scratch->rules, run->normalised, &context,
                   hits, BOT_CANDIDATES_MAX);
    if (n == 0)
        return BOT_PASS;
    for (size_t i = 0; i < n; i++) {
        rule = &run->bot->rule_answers[hits[i].rule];
        candidate_add(step, rule->name, rule->id, 1.0);
    }
    rule = &run->bot->rule_answers[hits[0].rule];
    run->out->clarify_rounds = 0;
    run->out->flow = rule->flow;
    if (rule->flow.len > 0 && rule->answer.len == 0)
        return BOT_ANSWER;
    say(run, rule->answer.len > 0 ? rule->answer : text_of(run, BOT_TEXT_HANDOFF));
    if (rule->handoff)
        hand_off(run, "rule");
    return BOT_ANSWER;
}

/* ---- intents --------------------------------------------------------------------------------- */

void bot_predict(struct bot_run *run)
{
    if (run->predicted)
        return;
    run->predicted = true;
    if (run->bot->model == NULL || run->site->rungs[BOT_RUNG_INTENT].off)
        return;
    intent_predict(run->bot->model, run->scratch->intent, run->text, BOT_PREDICTED, &run->intents);
}

/* NULL: the model's intent is no longer one of the workspace's. */
static const struct bot_topic *topic_of(const struct bot *bot, uint32_t intent)
{
    return bot->topic_of[intent] < 0 ? NULL : &bot->topics[bot->topic_of[intent]];
}

/* By how much the best intent is ahead of the next one. */
static double lead_of(const struct intent_result *intents)
{
    double best = intents->hits[0].score;

    return intents->count > 1 ? best - (double)intents->hits[1].score : best;
}

/* A flow is begun by its intent; which score is enough, the flow says. */
static enum bot_verdict run_flow(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct intent_result *intents = &run->intents;
    struct slice intent = SLICE_EMPTY;
    double score = 0.0;
    const struct flow *flow;

    if (run->bot->flows == NULL)
        return BOT_PASS;
    bot_predict(run);
    if (intents->count > 0 && (intents->exact || lead_of(intents) >= intent_margin)) {
        intent = intent_model_name(run->bot->model, intents->hits[0].intent);
        score = (double)intents->hits[0].score;
    }
    if (intent.len > 0)
        candidate_add(step, intent, 0, score);
    if (score < threshold)
        intent = SLICE_EMPTY;
    flow =
        flow_set_match(run->bot->flows, intent, (int64_t)(score * (double)EXPR_ONE), SLICE_EMPTY);
    if (flow == NULL)
        return BOT_PASS;
    run->out->intent = intent;
    return begin_flow(run, flow, score, step);
}

static enum bot_verdict run_intent(struct bot_run *run, double threshold, struct bot_step *step)
{
    const struct intent_result *intents = &run->intents;
    const struct bot_topic *topic;

    bot_predict(run);
    if (intents->count == 0)
        return BOT_PASS;
    if (threshold <= 0.0)
        step->threshold = threshold = (double)intent_model_threshold(run->bot->model);
    for (unsigned i = 0; i < intents->count; i++) {
        topic = topic_of(run->bot, intents->hits[i].intent);
        if (topic != NULL)
            candidate_add(step, topic->title[run->language], topic->id,
                          (double)intents->hits[i].score);
    }
    topic = topic_of(run->bot, intents->hits[0].intent);
    if (topic == NULL)
        return BOT_PASS;
    if (!intents->exact &&
        ((double)intents->hits[0].score < threshold || lead_of(intents) < intent_margin))
        return BOT_BELOW;
    return answer_topic(run, topic);
}

/* ---- FAQ ------------------------------------------------------------------------------------- */

static float intent_score(const struct intent_result *intents, int intent)
{
    for (unsigned i = 0; i < intents->count; i++) {
        if ((int)intents->hits[i].intent == intent)
            return intents->hits[i].score;
    }
    return 0.0f;
}

/* The classifier lifts an entry, it never lowers one: most entries belong to no intent, and must
 * not lose for it. */
static void found_add(struct bot_run *run, struct bot_found found, double blended)
{
    size_t at = run->found_count;

    found.score = blended > found.words ? blended : found.words;
    while (at > 0 && run->found[at - 1].score < found.score)
        at--;
    if (at == BOT_CANDIDATES_MAX)
        return;
    if (run->found_count < BOT_CANDIDATES_MAX)
        run->found_count++;
    for (size_t i = run->found_count - 1; i > at; i--)
        run->found[i] = run->found[i - 1];
    run->found[at] = found;
}

static void search_once(struct bot_run *run)
{
    struct search_hit hits[BOT_SEARCHED];
    size_t count;

    if (run->searched)
        return;
    run->searched = true;
    bot_predict(run);
    count = search_query(run->bot->index[run->language], run->scratch->search,
                         run->scratch->stemmer, run->normalised, hits, BOT_SEARCHED);
    for (size_t i = 0; i < count; i++) {
        const struct bot_entry *entry = &run->bot->entries[hits[i].entry];
        const struct search_signal class = { hits[i].entry,
                                             intent_score(&run->intents, entry->intent) };
        struct search_blend_hit blended = { 0 };

        (void)search_blend(&hits[i], 1, NULL, 0, &class, 1, &blended, 1);
        found_add(run,
                  (struct bot_found){ .entry = entry,
                                      .words = (double)hits[i].score,
                                      .intent = (double)class.value },
                  (double)blended.score);
    }
}

static void candidates_found(const struct bot_run *run, struct bot_step *step)
{
    for (size_t i = 0; i < run->found_count; i++)
        candidate_found(step, &run->found[i]);
}

static bool is_tie(const struct bot_run *run)
{
    return run->found_count > 1 && run->found[0].score - run->found[1].score < faq_margin;
}

static enum bot_verdict run_faq(struct bot_run *run, double threshold, struct bot_step *step)
{
    search_once(run);
    if (run->found_count == 0)
        return BOT_PASS;
    candidates_found(run, step);
    if (run->found[0].score < threshold || is_tie(run))
        return BOT_BELOW;
    return answer_entry(run, run->found[0].entry);
}

/* ---- asking back ----------------------------------------------------------------------------- */

/* The best of both: what is asked back must lead to an answer when it comes back. */
static void options_find(struct bot_run *run, struct bot_step *step)
{
    size_t found = 0;
    unsigned hit = 0;

    search_once(run);
    while (step->candidate_count < BOT_CANDIDATES_MAX &&
           (found < run->found_count || hit < run->intents.count)) {
        const struct bot_topic *topic =
            hit < run->intents.count ? topic_of(run->bot, run->intents.hits[hit].intent) : NULL;
        double score = hit < run->intents.count ? (double)run->intents.hits[hit].score : -1.0;

        if (found < run->found_count && run->found[found].score >= score) {
            candidate_found(step, &run->found[found++]);
            continue;
        }
        hit++;
        if (topic != NULL && (topic->answer[run->language].len > 0 || topic->handoff))
            candidate_add(step, topic->title[run->language], topic->id, score);
    }
}

static enum bot_verdict run_clarify(struct bot_run *run, double threshold, struct bot_step *step)
{
    options_find(run, step);
    if (step->candidate_count == 0)
        return BOT_PASS;
    if (step->candidates[0].score < threshold)
        return BOT_BELOW;
    if (run->question->clarify_rounds >= BOT_CLARIFY_ROUNDS_MAX)
        return BOT_PASS;
    say(run, text_of(run, BOT_TEXT_CLARIFY));
    for (size_t i = 0; i < step->candidate_count; i++) {
        const struct bot_candidate *candidate = &step->candidates[i];

        if (candidate->score >= clarify_share * step->candidates[0].score)
            offer(run, candidate->text, candidate->text);
    }
    offer_person(run);
    run->out->unclear = true;
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
    run->out->unclear = true;
    return BOT_ANSWER;
}

const struct bot_rung bot_rungs[BOT_RUNG_COUNT] = {
    [BOT_RUNG_HUMAN_PHRASE] = { "human_phrase", 0, run_human_phrase },
    [BOT_RUNG_EXACT] = { "exact", 0, run_exact },
    [BOT_RUNG_RULE] = { "rule", 0, run_rule },
    [BOT_RUNG_FLOW] = { "flow", 0, run_flow },
    [BOT_RUNG_INTENT] = { "intent", 0, run_intent },
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
