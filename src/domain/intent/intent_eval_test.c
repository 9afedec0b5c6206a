/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "examples_file.h"
#include "intent_eval.h"
#include "intent_inbox.h"
#include "intent_near.h"
#include "intent_train.h"
#include "json.h"

static const char train[] = "cancel\tcancel my order\n"
                            "cancel\tplease cancel the order i made\n"
                            "cancel\ti do not want the order any more\n"
                            "pay\thow can i pay\n"
                            "pay\tdo you take credit cards\n"
                            "pay\tpay by bank transfer\n";

static struct example_set train_set;
static struct buf bytes;
static struct intent_model *model;
static struct intent_scratch *scratch;

static int model_open(void **state)
{
    struct intent_options options = { .seed = 1, .bare = true };

    (void)state;
    example_set_init(&train_set);
    buf_init(&bytes, INTENT_MODEL_BYTES_MAX);
    assert_int_equal(examples_read(SLICE_LITERAL(train), &train_set, NULL), ERR_OK);
    assert_int_equal(intent_train(&train_set, &options, &bytes, NULL), ERR_OK);
    assert_int_equal(intent_model_open(buf_slice(&bytes), &model, NULL), ERR_OK);
    scratch = intent_scratch_create();
    return 0;
}

static int model_close(void **state)
{
    (void)state;
    intent_scratch_destroy(&scratch);
    intent_model_close(&model);
    buf_fini(&bytes);
    example_set_fini(&train_set);
    return 0;
}

/* Two right, one wrong, one of an intent that the model does not have. */
static const char test[] = "cancel\tcancel the order please\n"
                           "pay\tpay with a credit card\n"
                           "pay\tcancel my order\n"
                           "hello\tgood morning to you\n";

static void figures_count_right_and_wrong_by_intent(void **state)
{
    struct intent_eval_figures figures;
    struct example_set set;
    struct intent_eval *eval;

    (void)state;
    example_set_init(&set);
    assert_int_equal(examples_read(SLICE_LITERAL(test), &set, NULL), ERR_OK);
    eval = intent_eval_create(&set);
    intent_eval_answer(eval, model, scratch, NULL, 0);
    figures = intent_eval_figures(eval);
    assert_int_equal(figures.count, 4);
    assert_int_equal(figures.right, 2);
    assert_true(figures.accuracy == 0.5);
    assert_true(figures.macro_f1 > 0.3 && figures.macro_f1 < 0.6);
    intent_eval_destroy(&eval);
    example_set_fini(&set);
}

static bool is_json(struct slice text)
{
    struct json_reader reader;

    json_reader_init(&reader, text);
    return json_skip_value(&reader) && json_next(&reader) == JSON_END;
}

static bool holds(const struct buf *out, const char *text)
{
    return memmem(out->ptr, out->len, text, strlen(text)) != NULL;
}

static void the_report_names_confusions_contradictions_and_changes(void **state)
{
    static const struct slice outside[] = { { "the river floods", 16 }, { "cancel <b>", 10 } };
    struct example_set set;
    struct intent_eval *eval;
    struct buf out;

    (void)state;
    example_set_init(&set);
    buf_init(&out, 1 << 20);
    assert_int_equal(examples_read(SLICE_LITERAL(test), &set, NULL), ERR_OK);
    assert_int_equal(example_set_add(&set, SLICE_LITERAL("pay"),
                                     SLICE_LITERAL("cancel the <order> please"), 5, NULL),
                     ERR_OK);
    eval = intent_eval_create(&set);
    intent_eval_answer(eval, model, scratch, NULL, 0);
    intent_eval_answer_outside(eval, model, scratch, outside, LENGTH_OF(outside));
    intent_eval_answer_before(eval, model, scratch);
    intent_eval_json(eval, &out);
    assert_true(is_json(buf_slice(&out)));
    assert_true(
        holds(&out, "\"confusions\":[{\"expected\":\"pay\",\"got\":\"cancel\",\"count\":2"));
    assert_true(holds(&out, "\"nearDuplicates\":[{\"a\":{\"text\":\"cancel the order please\""));
    assert_true(holds(&out, "\"oos\":{\"count\":2,\"auroc\":"));
    assert_true(holds(&out, "\"against\":{\"compared\":5,\"accuracy\":0.4,\"accuracyNow\":0.4,"));
    assert_true(holds(&out, "\"intents\":[],\"fixed\":[],\"broken\":[]"));
    assert_true(holds(&out, "\"thinIntents\":[\"cancel\",\"pay\",\"hello\"]"));
    buf_clear(&out);
    intent_eval_html(eval, &out);
    assert_true(holds(&out, "<svg"));
    assert_true(holds(&out, "cancel the &lt;order&gt; please"));
    assert_false(holds(&out, "http"));
    intent_eval_destroy(&eval);
    example_set_fini(&set);
    buf_fini(&out);
}

static struct intent_eval *eval_of(const struct example_set *set)
{
    struct intent_eval *eval = intent_eval_create(set);

    intent_eval_answer(eval, model, scratch, NULL, 0);
    return eval;
}

static void kept_answers_show_what_changed(void **state)
{
    struct example_set before;
    struct example_set now;
    struct intent_eval_change change;
    struct intent_eval *eval;
    struct buf kept;

    (void)state;
    example_set_init(&before);
    example_set_init(&now);
    buf_init(&kept, 1 << 20);
    assert_int_equal(examples_read(SLICE_LITERAL(test), &before, NULL), ERR_OK);
    eval = eval_of(&before);
    intent_eval_keep(eval, &kept);
    intent_eval_destroy(&eval);

    assert_int_equal(examples_read(SLICE_LITERAL(test), &now, NULL), ERR_OK);
    assert_int_equal(example_set_add(&now, SLICE_LITERAL("hello"), SLICE_LITERAL("hi"), 9, NULL),
                     ERR_OK);
    eval = eval_of(&now);
    assert_int_equal(intent_eval_change(eval).compared, 0);
    assert_int_equal(intent_eval_compare(eval, buf_slice(&kept), NULL), ERR_OK);
    change = intent_eval_change(eval);
    assert_int_equal(change.compared, 4); /* "hi" is new */
    assert_int_equal(change.right, 2);
    assert_int_equal(change.right_before, 2);
    assert_int_equal(change.fixed + change.broken, 0);
    intent_eval_destroy(&eval);
    buf_fini(&kept);
    example_set_fini(&before);
    example_set_fini(&now);
}

static void what_was_fixed_and_what_broke_is_named_by_intent(void **state)
{
    /* Like the model of the others but for one intent, which it has learned the other way round. */
    static const char turned[] = "pay\tcancel my order\n"
                                 "pay\tplease cancel the order i made\n"
                                 "pay\ti do not want the order any more\n"
                                 "cancel\thow can i pay\n"
                                 "cancel\tdo you take credit cards\n"
                                 "cancel\tpay by bank transfer\n";
    struct intent_options options = { .seed = 1, .bare = true };
    struct intent_model *other = NULL;
    struct intent_eval *eval;
    struct example_set set;
    struct example_set turned_set;
    struct buf turned_bytes;
    struct buf out;

    (void)state;
    example_set_init(&set);
    example_set_init(&turned_set);
    buf_init(&turned_bytes, INTENT_MODEL_BYTES_MAX);
    buf_init(&out, 1 << 20);
    assert_int_equal(examples_read(SLICE_LITERAL(test), &set, NULL), ERR_OK);
    assert_int_equal(examples_read(SLICE_LITERAL(turned), &turned_set, NULL), ERR_OK);
    assert_int_equal(intent_train(&turned_set, &options, &turned_bytes, NULL), ERR_OK);
    assert_int_equal(intent_model_open(buf_slice(&turned_bytes), &other, NULL), ERR_OK);
    eval = intent_eval_create(&set);
    intent_eval_answer(eval, other, scratch, NULL, 0);
    intent_eval_answer_before(eval, model, scratch);
    intent_eval_json(eval, &out);
    assert_true(holds(&out, "\"fixedCount\":1,\"brokenCount\":2"));
    assert_true(holds(&out, "{\"name\":\"cancel\",\"compared\":1,\"fixed\":0,\"broken\":1},"
                            "{\"name\":\"pay\",\"compared\":2,\"fixed\":1,\"broken\":1}"));
    assert_true(holds(&out, "\"fixed\":[{\"intent\":\"pay\",\"got\":\"pay\",\"before\":\"cancel\","
                            "\"text\":\"cancel my order\""));
    buf_clear(&out);
    intent_eval_html(eval, &out);
    assert_true(holds(&out, "Wrong now, right before"));
    intent_eval_destroy(&eval);
    intent_model_close(&other);
    buf_fini(&turned_bytes);
    buf_fini(&out);
    example_set_fini(&turned_set);
    example_set_fini(&set);
}

static void damaged_answers_are_refused(void **state)
{
    struct intent_eval *eval = intent_eval_create(&train_set);
    struct buf kept;

    (void)state;
    buf_init(&kept, 1 << 20);
    intent_eval_answer(eval, model, scratch, NULL, 0);
    intent_eval_keep(eval, &kept);
    assert_int_equal(intent_eval_compare(eval, buf_slice(&kept), NULL), ERR_OK);
    assert_int_equal(intent_eval_compare(eval, slice_make(kept.ptr, 8), NULL), ERR_INVALID);
    assert_int_equal(intent_eval_compare(eval, slice_make(kept.ptr, kept.len - 1), NULL),
                     ERR_CORRUPT);
    kept.ptr[kept.len - 1] ^= 1;
    assert_int_equal(intent_eval_compare(eval, buf_slice(&kept), NULL), ERR_CORRUPT);
    kept.ptr[8]++;
    assert_int_equal(intent_eval_compare(eval, buf_slice(&kept), NULL), ERR_UNSUPPORTED);
    buf_fini(&kept);
    intent_eval_destroy(&eval);
}

static void a_perfect_separation_has_area_one(void **state)
{
    static const struct slice outside[] = { { "qqq", 3 }, { "zzz xxx", 7 }, { "", 0 } };
    struct intent_eval *eval = intent_eval_create(&train_set);
    struct intent_eval_figures figures;

    (void)state;
    intent_eval_answer(eval, model, scratch, NULL, 0);
    intent_eval_answer_outside(eval, model, scratch, outside, LENGTH_OF(outside));
    figures = intent_eval_figures(eval);
    assert_true(figures.scope.auroc == 1);
    assert_true(figures.scope.at_recall[3] == 1);
    assert_true(figures.accuracy == 1);
    intent_eval_destroy(&eval);
}

static void folds_answer_only_their_own_examples(void **state)
{
    static const uint8_t folds[] = { 0, 1, 0, 1, 0, 1 };
    struct intent_eval *eval = intent_eval_create(&train_set);

    (void)state;
    intent_eval_answer(eval, model, scratch, folds, 1);
    assert_int_equal(intent_eval_figures(eval).count, 3);
    intent_eval_answer(eval, model, scratch, folds, 0);
    assert_int_equal(intent_eval_figures(eval).count, 6);
    intent_eval_destroy(&eval);
}

static void pairs_are_texts_that_share_most_of_their_words(void **state)
{
    static const struct slice texts[] = {
        { "where is my parcel today", 24 }, { "apple pie with cinnamon", 23 },
        { "where is my parcel", 18 },       { "我的快递到哪里了", 24 },
        { "我的快递到哪里了呢", 27 },       { "", 0 },
        { "where is my parcel today", 24 },
    };
    struct intent_pair pairs[8];
    size_t count = intent_near_pairs(texts, LENGTH_OF(texts), .5f, pairs, LENGTH_OF(pairs));

    (void)state;
    assert_int_equal(count, 4);
    assert_int_equal(pairs[0].a, 0);
    assert_int_equal(pairs[0].b, 2);
    assert_int_equal(pairs[1].b, 6);
    assert_true(pairs[1].similarity == 1);
    assert_int_equal(pairs[3].a, 3);
    assert_int_equal(intent_near_pairs(texts, LENGTH_OF(texts), .5f, pairs, 1), 1);
}

static void the_inbox_groups_what_is_asked_often_and_unsurely(void **state)
{
    static const struct slice texts[] = {
        { "what colour is the sofa", 23 },
        { "cancel my order", 15 },
        { "pay order", 9 },
        { "what colour is the sofa?", 24 },
        { "what colour is the sofa please", 30 },
    };
    static const uint32_t counts[] = { 1, 50, 2, 3, 1 };
    struct intent_question questions[4];
    size_t count = intent_inbox(model, scratch, texts, counts, LENGTH_OF(texts), questions,
                                LENGTH_OF(questions));

    (void)state;
    assert_int_equal(count, 2); /* the example is not among them */
    assert_int_equal(questions[0].text, 3);
    assert_int_equal(questions[0].count, 5);
    assert_int_equal(questions[0].forms, 3);
    assert_int_equal(questions[1].text, 2);
    assert_true(questions[0].worth >= questions[1].worth);
    assert_int_equal(intent_inbox(model, scratch, texts, NULL, LENGTH_OF(texts), questions, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_count_right_and_wrong_by_intent),
        cmocka_unit_test(the_report_names_confusions_contradictions_and_changes),
        cmocka_unit_test(kept_answers_show_what_changed),
        cmocka_unit_test(what_was_fixed_and_what_broke_is_named_by_intent),
        cmocka_unit_test(damaged_answers_are_refused),
        cmocka_unit_test(a_perfect_separation_has_area_one),
        cmocka_unit_test(folds_answer_only_their_own_examples),
        cmocka_unit_test(pairs_are_texts_that_share_most_of_their_words),
        cmocka_unit_test(the_inbox_groups_what_is_asked_often_and_unsurely),
    };

    return cmocka_run_group_tests(tests, model_open, model_close);
}
