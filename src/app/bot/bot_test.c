/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "bot.h"
#include "check.h"

#define W(text) SLICE_LITERAL(text)

static const struct slice return_variants[] = { W("我想退货"), W("买的东西能退吗") };
static const struct slice return_variants_en[] = { W("I want to send something back") };
static const struct bot_faq faq[] = {
    { 11, W("zh-CN"), W("怎么申请退货？"), return_variants, 2, W("七天内可以退货。") },
    { 12, W("zh-CN"), W("退款多久到账？"), NULL, 0, W("三个工作日。") },
    { 13, W("zh-CN"), W("可以开发票吗？"), NULL, 0, W("可以。") },
    { 21, W("en"), W("How do I return an item?"), return_variants_en, 1, W("Within 7 days.") },
    { 22, W("en"), W("When will my refund arrive?"), NULL, 0, W("In three days.") },
    { 23, W("en"), W("Is the tent waterproof?"), NULL, 0, W("Yes.") },
};
static const struct slice complaint[] = { W("投诉"), W("complaint") };
static const struct bot_rule rules[] = {
    { .id = 31, .name = W("complaint"), .any = complaint, .any_count = 2, .handoff = true },
};
static const struct bot_rung_setting no_rules[] = { { W("rule"), true, 0 },
                                                    { W("human_phrase"), true, 0 },
                                                    { W("faq"), false, 0.99 } };
static const struct bot_site sites[] = {
    { .id = 7, .locale = W("zh-CN"), .ladder = no_rules, .ladder_count = 3 },
    { .id = 3, .locale = W("zh-CN"), .greeting_en = W("Hi from 3") },
    { .id = 5, .bot_off = true },
};

struct fixture {
    struct bot *bot;
    struct bot_scratch *scratch;
    struct arena arena;
    struct clock_virtual time;
    struct clock clock;
    struct bot_reply reply;
};

static void fixture_init(struct fixture *f)
{
    const struct bot_source source = { .faq = faq,
                                       .faq_count = LENGTH_OF(faq),
                                       .rules = rules,
                                       .rule_count = LENGTH_OF(rules),
                                       .sites = sites,
                                       .site_count = LENGTH_OF(sites) };

    memset(f, 0, sizeof(*f));
    f->clock = clock_virtual_clock(&f->time);
    arena_init(&f->arena, 1 << 16);
    f->scratch = bot_scratch_create();
    assert_int_equal(bot_create(&source, &f->bot, NULL), ERR_OK);
}

static void fixture_fini(struct fixture *f)
{
    bot_destroy(&f->bot);
    bot_scratch_destroy(&f->scratch);
    arena_fini(&f->arena);
}

static const struct bot_reply *ask(struct fixture *f, const char *text, uint64_t site,
                                   unsigned rounds)
{
    const struct bot_question question = { .text = slice_of(text),
                                           .site_id = site,
                                           .clarify_rounds = rounds };

    arena_reset(&f->arena);
    assert_int_equal(
        bot_answer(f->bot, f->scratch, &question, &f->clock, &f->arena, &f->reply, NULL), ERR_OK);
    assert_true(f->reply.text_count > 0);
    return &f->reply;
}

static void each_rung_answers_in_the_language_of_the_question(void **state)
{
    struct fixture f;
    const struct bot_reply *r;

    (void)state;
    fixture_init(&f);
    r = ask(&f, "转人工", 3, 1);
    assert_string_equal(r->rung, "human_phrase");
    assert_true(r->handoff);
    assert_string_equal(r->handoff_reason, "visitor_asked");
    assert_true(slice_equal_text(r->texts[0], bot_text("zh-CN", BOT_TEXT_HANDOFF)));
    assert_int_equal(r->clarify_rounds, 0);

    r = ask(&f, "  买的东西能退吗 ！", 3, 0);
    assert_string_equal(r->rung, "exact");
    assert_true(slice_equal_text(r->texts[0], "七天内可以退货。"));
    assert_int_equal(r->steps[1].candidates[0].id, 11);

    r = ask(&f, "買的東西能退嗎", 3, 0); /* traditional characters */
    assert_string_equal(r->rung, "exact");

    r = ask(&f, "I have a COMPLAINT", 3, 0);
    assert_string_equal(r->rung, "rule");
    assert_true(r->handoff);
    assert_string_equal(r->locale, "en");

    r = ask(&f, "my refund, when does it arrive", 3, 2);
    assert_string_equal(r->rung, "faq");
    assert_true(slice_equal_text(r->texts[0], "In three days."));
    assert_false(r->handoff);
    assert_int_equal(r->clarify_rounds, 0);

    r = ask(&f, "今天会下雨吗", 3, 0);
    assert_string_equal(r->rung, "human");
    assert_string_equal(r->locale, "zh-CN");
    assert_false(r->handoff);
    assert_int_equal(r->quick_reply_count, 1);
    assert_true(slice_equal_text(r->quick_replies[0].text, "转人工"));
    fixture_fini(&f);
}

static void an_unclear_question_is_asked_back_at_most_twice(void **state)
{
    struct fixture f;
    const struct bot_reply *r;

    (void)state;
    fixture_init(&f);
    r = ask(&f, "退货退款", 3, 0);
    assert_string_equal(r->rung, "clarify");
    assert_int_equal(r->clarify_rounds, 1);
    assert_int_equal(r->quick_reply_count, 3);
    assert_true(slice_equal_text(r->quick_replies[2].text, "转人工"));
    assert_string_equal(ask(&f, r->quick_replies[0].text.ptr, 3, 1)->rung, "exact");
    r = ask(&f, "退货退款", 3, 1);
    assert_int_equal(r->clarify_rounds, 2);
    r = ask(&f, "退货退款", 3, 2);
    assert_string_equal(r->rung, "human");
    assert_true(slice_equal_text(r->texts[0], bot_text("zh-CN", BOT_TEXT_OFFER)));
    fixture_fini(&f);
}

static void a_site_switches_rungs_off_but_never_the_way_to_a_person(void **state)
{
    struct fixture f;
    const struct bot_reply *r;

    (void)state;
    fixture_init(&f);
    r = ask(&f, "complaint", 7, 0);
    assert_string_not_equal(r->rung, "rule");
    assert_int_equal(r->steps[2].verdict, BOT_OFF);
    assert_string_equal(ask(&f, "talk to a person", 7, 0)->rung, "human_phrase");
    r = ask(&f, "my refund, when does it arrive", 7, 0);
    assert_string_equal(r->rung, "clarify");
    assert_int_equal(r->steps[5].verdict, BOT_BELOW);
    assert_true(r->steps[5].threshold > 0.98);
    r = ask(&f, "How do I return an item?", 5, 0);
    assert_true(r->handoff);
    assert_string_equal(r->handoff_reason, "bot_off");
    fixture_fini(&f);
}

static void the_trace_names_every_rung_up_to_the_answer(void **state)
{
    struct fixture f;
    const struct bot_reply *r;

    (void)state;
    fixture_init(&f);
    r = ask(&f, "weather tomorrow", 3, 0);
    for (size_t i = 0; bot_rung_name(i) != NULL; i++) {
        assert_string_equal(r->steps[i].rung, bot_rung_name(i));
        assert_int_equal(r->step_count > i, 1);
    }
    assert_string_equal(bot_verdict_name(r->steps[0].verdict), "pass");
    assert_string_equal(bot_verdict_name(r->steps[7].verdict), "answer");
    fixture_fini(&f);
}

static void without_letters_the_locale_decides(void **state)
{
    struct fixture f;
    struct bot_question question = { .text = W("???"), .locale = W("zh-TW"), .site_id = 99 };

    (void)state;
    fixture_init(&f);
    assert_int_equal(bot_answer(f.bot, f.scratch, &question, &f.clock, &f.arena, &f.reply, NULL),
                     ERR_OK);
    assert_string_equal(f.reply.locale, "zh-CN");
    question.locale = SLICE_EMPTY;
    question.site_id = 3;
    assert_int_equal(bot_answer(f.bot, f.scratch, &question, &f.clock, &f.arena, &f.reply, NULL),
                     ERR_OK);
    assert_string_equal(f.reply.locale, "zh-CN");
    assert_true(slice_equal_text(bot_greeting(f.bot, 3, W("en-US")), "Hi from 3"));
    assert_true(slice_equal_text(bot_greeting(f.bot, 3, SLICE_EMPTY),
                                 bot_text("zh-CN", BOT_TEXT_GREETING)));
    fixture_fini(&f);
}

static void any_bytes_get_an_answer(void **state)
{
    static char text[20000];
    struct fixture f;
    struct bot_question question = { .text = { text, sizeof(text) } };

    (void)state;
    fixture_init(&f);
    for (int fill = 0; fill < 256; fill++) {
        memset(text, fill, sizeof(text));
        arena_reset(&f.arena);
        assert_int_equal(
            bot_answer(f.bot, f.scratch, &question, &f.clock, &f.arena, &f.reply, NULL), ERR_OK);
    }
    fixture_fini(&f);
}

static void bad_sources_are_named(void **state)
{
    const struct slice blank[] = { W(" ") };
    const struct bot_faq no_answer = { .id = 1, .question = W("q"), .answer = W(" \n") };
    const struct bot_rule bad_rule = { .id = 1, .any = blank, .any_count = 1, .answer = W("a") };
    const struct bot_rule idle_rule = { .id = 1, .any = complaint, .any_count = 1 };
    const struct bot_rung_setting setting = { W("fag"), false, 0 };
    const struct bot_rung_setting high = { W("faq"), false, 1.5 };
    struct bot_site site = { .id = 1, .ladder = &setting, .ladder_count = 1 };
    struct bot *bot = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(
        bot_create(&(struct bot_source){ .faq = &no_answer, .faq_count = 1 }, &bot, &err),
        ERR_INVALID);
    assert_string_equal(err.field, "faq[0].answer");
    assert_int_equal(
        bot_create(&(struct bot_source){ .rules = &bad_rule, .rule_count = 1 }, &bot, &err),
        ERR_INVALID);
    assert_string_equal(err.field, "rules[0].any[0]");
    assert_int_equal(
        bot_create(&(struct bot_source){ .rules = &idle_rule, .rule_count = 1 }, &bot, &err),
        ERR_INVALID);
    assert_string_equal(err.field, "rules[0].answer");
    assert_int_equal(
        bot_create(&(struct bot_source){ .sites = &site, .site_count = 1 }, &bot, &err),
        ERR_INVALID);
    assert_string_equal(err.field, "sites[0].ladder[0].rung");
    site.ladder = &high;
    assert_int_equal(
        bot_create(&(struct bot_source){ .sites = &site, .site_count = 1 }, &bot, &err),
        ERR_INVALID);
    assert_string_equal(err.field, "sites[0].ladder[0].threshold");
    assert_null(bot);
    assert_int_equal(bot_create(&(struct bot_source){ 0 }, &bot, &err), ERR_OK);
    assert_true(bot_bytes(bot) > 0);
    bot_destroy(&bot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rung_answers_in_the_language_of_the_question),
        cmocka_unit_test(an_unclear_question_is_asked_back_at_most_twice),
        cmocka_unit_test(a_site_switches_rungs_off_but_never_the_way_to_a_person),
        cmocka_unit_test(the_trace_names_every_rung_up_to_the_answer),
        cmocka_unit_test(without_letters_the_locale_decides),
        cmocka_unit_test(any_bytes_get_an_answer),
        cmocka_unit_test(bad_sources_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
