/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder with a trained model, and the guard. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "bot.h"
#include "examples.h"
#include "intent_train.h"
#include "test_malloc.h"

#define W(text)                  \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const char *const examples[][2] = {
    { "refund", "我要退款" },
    { "refund", "怎么退钱" },
    { "refund", "钱什么时候退给我" },
    { "refund", "申请退款怎么弄" },
    { "refund", "退款还没到账" },
    { "refund", "please refund my money" },
    { "refund", "I want my money back" },
    { "refund", "how do I get a refund" },
    { "refund", "when is the refund paid" },
    { "refund", "give me my money back" },
    { "parcel", "包裹到哪了" },
    { "parcel", "快递怎么还没到" },
    { "parcel", "查一下物流" },
    { "parcel", "我的货发了吗" },
    { "parcel", "什么时候能送到" },
    { "parcel", "where is my parcel" },
    { "parcel", "track my delivery" },
    { "parcel", "has my order been shipped" },
    { "parcel", "the package has not arrived" },
    { "parcel", "when will it be delivered" },
    { "invoice", "我要开发票" },
    { "invoice", "发票怎么开" },
    { "invoice", "能开专票吗" },
    { "invoice", "发票抬头写错了" },
    { "invoice", "电子发票在哪里下载" },
    { "invoice", "I need an invoice" },
    { "invoice", "send me the invoice" },
    { "invoice", "the invoice has the wrong name" },
    { "invoice", "can I get a receipt for tax" },
    { "invoice", "download my invoice" },
};
static const struct slice negatives[] = {
    W("今天天气怎么样"),  W("讲个笑话"),
    W("你几岁了"),        W("股票涨了吗"),
    W("中午吃什么"),      W("tell me a joke"),
    W("will it rain"),    W("who won the match"),
    W("how old are you"), W("what is the capital of France"),
};
static const struct bot_intent intents[] = {
    { .id = 101,
      .name = W("refund"),
      .title_zh = W("退款"),
      .title_en = W("Refunds"),
      .answer_zh = W("三天内退款。"),
      .answer_en = W("Within three days.") },
    { .id = 102, .name = W("parcel"), .title_zh = W("查物流"), .answer_zh = W("在订单页查看。") },
    { .id = 103, .name = W("invoice"), .handoff = true },
};
static const struct slice wechat[] = { W("加微信"), W("私下交易") };
static const struct slice bomb[] = { W("炸弹") };
static const struct slice sue[] = { W("起诉") };
static const struct slice fool[] = { W("idiot") };
static const struct bot_rule rules[] = {
    { .id = 31,
      .name = W("several"),
      .condition = W("(运费 | 邮费) & !免"),
      .answer = W("十二元。") },
    { .id = 32,
      .name = W("contact"),
      .action = BOT_ACTION_MASK,
      .disguise = BOT_DISGUISE_SYMBOLS | BOT_DISGUISE_PINYIN,
      .any = wechat,
      .any_count = 2 },
    { .id = 33, .name = W("threat"), .action = BOT_ACTION_BLOCK, .any = bomb, .any_count = 1 },
    { .id = 34, .name = W("law"), .action = BOT_ACTION_HANDOFF, .any = sue, .any_count = 1 },
    { .id = 35, .name = W("rude"), .action = BOT_ACTION_REVIEW, .any = fool, .any_count = 1 },
    { .id = 36, .name = W("rude too"), .action = BOT_ACTION_MASK, .any = fool, .any_count = 1 },
};

struct fixture {
    struct example_set set;
    struct buf bytes;
    struct intent_model *model;
    struct bot *bot;
    struct bot_scratch *scratch;
    struct arena arena;
    struct clock_virtual time;
    struct clock clock;
    struct bot_reply reply;
    struct bot_guard guard;
};

static int setup_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct intent_options options = { .seed = 1,
                                            .negatives = negatives,
                                            .negative_count = LENGTH_OF(negatives) };
    struct bot_source source = { .intents = intents,
                                 .intent_count = LENGTH_OF(intents),
                                 .rules = rules,
                                 .rule_count = LENGTH_OF(rules) };

    example_set_init(&f->set);
    for (size_t i = 0; i < LENGTH_OF(examples); i++)
        assert_int_equal(
            example_set_add(&f->set, slice_of(examples[i][0]), slice_of(examples[i][1]), 0, NULL),
            ERR_OK);
    buf_init(&f->bytes, INTENT_MODEL_BYTES_MAX);
    assert_int_equal(intent_train(&f->set, &options, &f->bytes, NULL), ERR_OK);
    assert_int_equal(intent_model_open(buf_slice(&f->bytes), &f->model, NULL), ERR_OK);
    source.model = f->model;
    assert_int_equal(bot_create(&source, &f->bot, NULL), ERR_OK);
    f->scratch = bot_scratch_create();
    f->clock = clock_virtual_clock(&f->time);
    arena_init(&f->arena, 1 << 16);
    *state = f;
    return 0;
}

static int teardown_fixture(void **state)
{
    struct fixture *f = *state;

    bot_destroy(&f->bot);
    bot_scratch_destroy(&f->scratch);
    intent_model_close(&f->model);
    buf_fini(&f->bytes);
    example_set_fini(&f->set);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static const struct bot_reply *ask(struct fixture *f, const char *text, unsigned rounds)
{
    const struct bot_question question = { .text = slice_of(text), .clarify_rounds = rounds };

    arena_reset(&f->arena);
    assert_int_equal(
        bot_answer(f->bot, f->scratch, &question, &f->clock, &f->arena, &f->reply, NULL), ERR_OK);
    return &f->reply;
}

static void a_question_in_other_words_is_answered_by_its_intent(void **state)
{
    struct fixture *f = *state;
    const struct bot_reply *r = ask(f, "请问申请退款之后钱退给我要怎么弄", 0);

    assert_string_equal(r->rung, "intent");
    assert_true(slice_equal_text(r->texts[0], "三天内退款。"));
    assert_int_equal(r->steps[4].candidates[0].id, 101);
    assert_true(r->steps[4].candidates[0].score >= r->steps[4].threshold);
    assert_true(r->steps[4].threshold > 0.0);
    assert_true(slice_equal_text(r->intent, "refund"));
    r = ask(f, "I want to get my money back, how do I get a refund", 0);
    assert_true(slice_equal_text(r->texts[0], "Within three days."));
    assert_false(r->unclear);
}

static void an_intent_of_one_language_answers_in_it(void **state)
{
    struct fixture *f = *state;
    const struct bot_reply *r = ask(f, "where is my parcel", 0);

    assert_string_equal(r->rung, "intent");
    assert_true(slice_equal_text(r->texts[0], "在订单页查看。"));
    assert_true(slice_equal_text(r->steps[4].candidates[0].text, "查物流"));
}

static void an_intent_may_hand_over(void **state)
{
    struct fixture *f = *state;
    const struct bot_reply *r = ask(f, "我要开发票", 0);

    assert_true(r->handoff);
    assert_string_equal(r->handoff_reason, "intent");
}

static void out_of_scope_is_no_intent(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = { "明天会下雨吗", "what time is the football match",
                                         "你喜欢什么颜色" };

    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        const struct bot_reply *r = ask(f, texts[i], 0);

        if (!r->unclear)
            fail_msg("%s is answered by %s with %.2f", texts[i], r->rung,
                     r->steps[r->step_count - 1].candidates[0].score);
    }
}

static void a_title_asked_back_is_answered_when_it_comes_back(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ask(f, "退款", 1)->rung, "exact");
    assert_string_equal(ask(f, "refunds", 1)->rung, "exact");
    assert_int_equal(ask(f, "查物流", 2)->steps[1].candidates[0].id, 102);
}

static void a_condition_is_a_rule(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ask(f, "邮费多少", 0)->rung, "rule");
    assert_string_not_equal(ask(f, "满多少免邮费", 0)->rung, "rule");
}

static void entities_are_in_the_trace(void **state)
{
    struct fixture *f = *state;
    const struct bot_reply *r = ask(f, "我的电话是 13812345678", 0);

    assert_int_equal(r->entity_count, 1);
    assert_string_equal(r->entities[0].kind, "phone");
    assert_int_equal(r->entities[0].start, 16);
    assert_int_equal(r->entities[0].len, 11);
}

static void an_answer_allocates_nothing(void **state)
{
    struct fixture *f = *state;

    ask(f, "please refund the money of my order", 0);
    if (!test_malloc_begin())
        skip();
    ask(f, "退款的钱什么时候到账", 0);
    ask(f, "how do I get the receipt", 0);
    ask(f, "明天会下雨吗", 0);
    assert_int_equal(test_malloc_end(), 0);
}

static const struct bot_guard *look(struct fixture *f, const char *text)
{
    const struct bot_question question = { .text = slice_of(text) };

    arena_reset(&f->arena);
    assert_int_equal(
        bot_guard(f->bot, f->scratch, &question, &f->clock, &f->arena, &f->guard, NULL), ERR_OK);
    return &f->guard;
}

static void the_guard_blocks_masks_reviews_and_hands_over(void **state)
{
    struct fixture *f = *state;
    const struct bot_guard *g = look(f, "你好，请问怎么退货");

    assert_false(g->block || g->masked || g->review || g->handoff);
    assert_int_equal(g->rule_id, 0);
    assert_true(slice_equal_text(g->text, "你好，请问怎么退货"));
    assert_true(look(f, "我有炸弹")->block);
    assert_true(look(f, "我要起诉你们")->handoff);
    g = look(f, "You IDIOT, answer!");
    assert_true(g->review && g->masked);
    assert_true(slice_equal_text(g->text, "You *****, answer!"));
    assert_int_equal(g->rule_id, 35);
}

static void masked_words_are_seen_through_disguise(void **state)
{
    struct fixture *f = *state;

    assert_true(slice_equal_text(look(f, "可以加微信吗")->text, "可以***吗"));
    assert_true(slice_equal_text(look(f, "可以加-微.信吗？")->text, "可以*****吗？"));
    assert_true(slice_equal_text(look(f, "加微信和私下交易")->text, "***和****"));
}

static void a_rule_is_checked_with_line_and_column(void **state)
{
    struct bot_rule rule = { .id = 1, .condition = W("退货 &\n(退款 |"), .answer = W("a") };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(bot_rule_check(&rule, &err), ERR_INVALID);
    assert_string_equal(err.field, "condition");
    assert_non_null(strstr(err.text, "column"));
    rule.condition = (struct slice)W("退货 & !发票");
    assert_int_equal(bot_rule_check(&rule, &err), ERR_OK);
    rule.condition = (struct slice)W("!发票");
    assert_int_equal(bot_rule_check(&rule, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_in_other_words_is_answered_by_its_intent),
        cmocka_unit_test(an_intent_of_one_language_answers_in_it),
        cmocka_unit_test(an_intent_may_hand_over),
        cmocka_unit_test(out_of_scope_is_no_intent),
        cmocka_unit_test(a_title_asked_back_is_answered_when_it_comes_back),
        cmocka_unit_test(a_condition_is_a_rule),
        cmocka_unit_test(entities_are_in_the_trace),
        cmocka_unit_test(an_answer_allocates_nothing),
        cmocka_unit_test(the_guard_blocks_masks_reviews_and_hands_over),
        cmocka_unit_test(masked_words_are_seen_through_disguise),
        cmocka_unit_test(a_rule_is_checked_with_line_and_column),
    };

    return cmocka_run_group_tests(tests, setup_fixture, teardown_fixture);
}
