/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples_file.h"
#include "intent.h"
#include "intent_model_priv.h"
#include "intent_train.h"

/* A small shop in two languages. */
static const char shop[] = "track\twhere is my order\n"
                           "track\twhen will my parcel arrive\n"
                           "track\ttrack my package\n"
                           "track\thas my order been shipped yet\n"
                           "track\tmy delivery is late\n"
                           "track\t我的快递到哪里了\n"
                           "track\t订单什么时候发货\n"
                           "track\t包裹还没有收到\n"
                           "track\t帮我查一下物流\n"
                           "refund\ti want my money back\n"
                           "refund\thow do i return this item\n"
                           "refund\tcan i get a refund\n"
                           "refund\treturn the shoes i bought\n"
                           "refund\tthe refund has not arrived\n"
                           "refund\t我要退货\n"
                           "refund\t怎么申请退款\n"
                           "refund\t退款多久到账\n"
                           "refund\t不想要了可以退吗\n"
                           "invoice\tsend me an invoice\n"
                           "invoice\ti need a receipt for my company\n"
                           "invoice\tcan you issue a tax invoice\n"
                           "invoice\twhere do i download the invoice\n"
                           "invoice\t可以开发票吗\n"
                           "invoice\t我需要增值税发票\n"
                           "invoice\t电子发票在哪里下载\n"
                           "invoice\t发票抬头写错了\n";

static const char *const elsewhere[] = {
    "the river floods the valley every spring",
    "he plays the violin in an orchestra",
    "a recipe for apple pie with cinnamon",
    "who won the football match last night",
    "今天天气真好",
    "这本小说的作者是谁",
    "我喜欢在山里散步",
    "昨晚的球赛谁赢了",
};

struct fixture {
    struct example_set set;
    struct slice negatives[LENGTH_OF(elsewhere)];
    struct intent_options options;
    struct buf bytes;
    struct intent_model *model;
    struct intent_scratch *scratch;
};

static struct fixture fixture;

static void model_make(struct fixture *f)
{
    struct err err = { 0 };

    buf_init(&f->bytes, INTENT_MODEL_BYTES_MAX);
    if (intent_train(&f->set, &f->options, &f->bytes, &err) != ERR_OK)
        fail_msg("%s", err.text);
    if (intent_model_open(buf_slice(&f->bytes), &f->model, &err) != ERR_OK)
        fail_msg("%s", err.text);
}

static int shop_open(void **state)
{
    (void)state;
    example_set_init(&fixture.set);
    assert_int_equal(examples_read(SLICE_LITERAL(shop), &fixture.set, NULL), ERR_OK);
    for (size_t i = 0; i < LENGTH_OF(elsewhere); i++)
        fixture.negatives[i] = slice_of(elsewhere[i]);
    fixture.options = (struct intent_options){ .seed = 1,
                                               .negatives = fixture.negatives,
                                               .negative_count = LENGTH_OF(elsewhere) };
    model_make(&fixture);
    fixture.scratch = intent_scratch_create();
    return 0;
}

static int shop_close(void **state)
{
    (void)state;
    intent_model_close(&fixture.model);
    intent_scratch_destroy(&fixture.scratch);
    buf_fini(&fixture.bytes);
    example_set_fini(&fixture.set);
    return 0;
}

static struct intent_result predict(const char *text)
{
    struct intent_result result;

    intent_predict(fixture.model, fixture.scratch, slice_of(text), 3, &result);
    return result;
}

static void assert_first(const char *text, const char *intent)
{
    struct intent_result result = predict(text);

    assert_int_equal(result.count, 3);
    assert_true(slice_equal_text(intent_model_name(fixture.model, result.hits[0].intent), intent));
    assert_true(result.hits[0].score >= result.hits[1].score);
    assert_true(result.hits[1].score >= result.hits[2].score);
}

static void texts_that_are_no_example_find_their_intent(void **state)
{
    (void)state;
    assert_first("has the parcel been shipped", "track");
    assert_first("please refund me", "refund");
    assert_first("invoice for the company", "invoice");
    assert_first("快递什么时候到", "track");
    assert_first("退款怎么还没到账", "refund");
    assert_first("开一张发票", "invoice");
}

static void typos_do_not_change_the_intent(void **state)
{
    (void)state;
    assert_first("wheer is my oder", "track");
    assert_first("can i get a refnd", "refund");
    assert_first("send me an invioce", "invoice");
}

static void an_example_scores_one_whatever_its_dress(void **state)
{
    static const char *const same[] = {
        "where is my order",      "Where is my ORDER???",         "  where is  my order ",
        "ｗｈｅｒｅ is my order", "Hi, where is my order please", "my order where is",
        "我的快递到哪里了",       "請問我的快遞到哪裡了呢？",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(same); i++) {
        struct intent_result result = predict(same[i]);

        if (!result.exact || result.hits[0].score != 1)
            fail_msg("'%s' is not exact", same[i]);
        assert_true(result.in_scope);
        assert_first(same[i], "track");
    }
}

static void what_belongs_to_no_intent_is_out_of_scope(void **state)
{
    static const char *const others[] = { "the valley floods in spring", "apple pie recipe",
                                          "球赛谁赢了", "qwzx", "" };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        struct intent_result result = predict(others[i]);

        assert_false(result.in_scope);
    }
    assert_true(predict("can you track the parcel").in_scope);
}

/* "violin" stands in a negative, "zither" nowhere: neither is in an example, so both speak against
 * the answer, and two of them more than one. */
static void words_of_no_example_lower_the_score(void **state)
{
    float known = predict("can you track the parcel").hits[0].score;
    float strange = predict("can you track the parcel zither").hits[0].score;

    (void)state;
    assert_true(strange < known);
    assert_true(predict("can you track the parcel violin").hits[0].score < known);
    assert_true(predict("can you track the parcel zither gazebo").hits[0].score < strange);
}

static void adversarial_texts_are_answered(void **state)
{
    size_t bytes = 1 << 16;
    char *text = malloc(bytes);
    static const char *const fills[] = { "a",  "\xCC\x81", "\xE2\x80\xAE", "\xED\xA0\x80",
                                         "退", "a ",       "\xFF",         "1" };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(fills); i++) {
        struct intent_result result;
        size_t len = strlen(fills[i]);

        for (size_t at = 0; at + len <= bytes; at += len)
            memcpy(text + at, fills[i], len);
        intent_predict(fixture.model, fixture.scratch, slice_make(text, bytes / len * len), 10,
                       &result);
        for (unsigned h = 0; h < result.count; h++)
            assert_true(result.hits[h].score >= 0 && result.hits[h].score <= 1);
    }
    free(text);
}

/* Of the address sanitizer, where the test is built with it. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *))
    __attribute__((weak));

static volatile size_t allocations; /* volatile: compilers know that malloc changes nothing */

static void on_malloc(const volatile void *ptr, size_t size)
{
    (void)ptr;
    (void)size;
    allocations++;
}

static void on_free(const volatile void *ptr)
{
    (void)ptr;
}

static void prediction_allocates_nothing(void **state)
{
    void *volatile one; /* volatile: or the compiler leaves both calls out */
    size_t before;

    (void)state;
    if (__sanitizer_install_malloc_and_free_hooks == NULL) {
        print_message("skipped: built without the address sanitizer, which counts allocations\n");
        skip();
    }
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
    before = allocations;
    one = malloc(1);
    free(one);
    assert_int_equal(allocations, before + 1);
    for (int i = 0; i < 100; i++)
        (void)predict("where is the refund for my parcel 退款");
    assert_int_equal(allocations, before + 1);
}

static void an_explanation_names_the_word_that_decided(void **state)
{
    struct intent_result result = predict("i would like an invoice");
    struct intent_cause causes[INTENT_CAUSES_MAX];
    size_t count = intent_explain(fixture.model, fixture.scratch, result.hits[0].intent, causes,
                                  INTENT_CAUSES_MAX);
    size_t most = 0;

    (void)state;
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        most = causes[i].weight > causes[most].weight ? i : most;
    assert_true(slice_equal_text(causes[most].word, "invoice"));
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct fixture again = { .set = fixture.set, .options = fixture.options };

    (void)state;
    model_make(&again);
    assert_int_equal(again.bytes.len, fixture.bytes.len);
    assert_memory_equal(again.bytes.ptr, fixture.bytes.ptr, again.bytes.len);
    intent_model_close(&again.model);
    buf_fini(&again.bytes);
}

static void best_make(struct fixture *best)
{
    *best = (struct fixture){ .set = fixture.set, .options = fixture.options };
    best->options.quality = INTENT_BEST;
    model_make(best);
}

static void fixture_drop(struct fixture *f)
{
    intent_model_close(&f->model);
    buf_fini(&f->bytes);
}

static void best_quality_learns_the_same_intents(void **state)
{
    struct fixture best;
    struct intent_result result;

    (void)state;
    best_make(&best);
    assert_true(best.bytes.len >= fixture.bytes.len);
    intent_predict(best.model, fixture.scratch, SLICE_LITERAL("has the parcel been shipped"), 1,
                   &result);
    assert_int_equal(result.hits[0].intent, 0);
    assert_true(result.in_scope);
    fixture_drop(&best);
}

/* What the hidden units add is shared out among the words, too. */
static void best_quality_explains_itself(void **state)
{
    static const char text[] = "i would like an invoice";
    struct intent_cause of_fast[INTENT_CAUSES_MAX];
    struct intent_cause of_best[INTENT_CAUSES_MAX];
    struct fixture best;
    struct intent_result result;
    size_t count;
    size_t most = 0;

    (void)state;
    best_make(&best);
    result = predict(text);
    count = intent_explain(fixture.model, fixture.scratch, result.hits[0].intent, of_fast,
                           INTENT_CAUSES_MAX);
    intent_predict(best.model, fixture.scratch, slice_of(text), 1, &result);
    assert_int_equal(intent_explain(best.model, fixture.scratch, result.hits[0].intent, of_best,
                                    INTENT_CAUSES_MAX),
                     count);
    for (size_t i = 0; i < count; i++)
        most = of_best[i].weight > of_best[most].weight ? i : most;
    assert_true(slice_equal_text(of_best[most].word, "invoice"));
    assert_true(of_best[most].weight > of_fast[most].weight);
    fixture_drop(&best);
}

/* With the checksum made right again, so that the contents themselves are looked at. */
static void nets_with_numbers_that_are_none_are_refused(void **state)
{
    static const enum intent_section sections[] = { INTENT_SECTION_NET_SCALES,
                                                    INTENT_SECTION_NET_IN_BIAS,
                                                    INTENT_SECTION_NET_OUT,
                                                    INTENT_SECTION_NET_OUT_BIAS };
    struct fixture best;
    struct intent_header *header;

    (void)state;
    best_make(&best);
    header = (void *)best.bytes.ptr;
    intent_model_close(&best.model);
    for (size_t i = 0; i < LENGTH_OF(sections); i++) {
        float *number = (float *)(best.bytes.ptr + header->sections[sections[i]].offset +
                                  header->sections[sections[i]].bytes - sizeof(*number));
        float kept = *number;

        *number = NAN;
        intent_model_seal(best.bytes.ptr, best.bytes.len);
        assert_int_equal(intent_model_open(buf_slice(&best.bytes), &best.model, NULL), ERR_CORRUPT);
        *number = kept;
    }
    header->nets = INTENT_NETS + 1;
    intent_model_seal(best.bytes.ptr, best.bytes.len);
    assert_int_equal(intent_model_open(buf_slice(&best.bytes), &best.model, NULL), ERR_CORRUPT);
    fixture_drop(&best);
}

/* No word and no letters of these stand in an example, but words of the same class do. */
static void words_of_one_class_stand_in_for_one_another(void **state)
{
    struct fixture cups = { .options = { .seed = 1, .bare = true } };
    struct intent_result result;

    (void)state;
    example_set_init(&cups.set);
    assert_int_equal(examples_read(SLICE_LITERAL("0\tmonday\n0\ton tuesday\n0\twednesday\n"
                                                 "1\tdog\n1\tthe dog\n1\tdogs\n"
                                                 "2\t投诉\n2\t我要投诉\n2\t投诉你们\n"),
                                   &cups.set, NULL),
                     ERR_OK);
    model_make(&cups);
    intent_predict(cups.model, fixture.scratch, SLICE_LITERAL("cat"), 1, &result);
    assert_int_equal(result.hits[0].intent, 1);
    intent_predict(cups.model, fixture.scratch, SLICE_LITERAL("差评"), 1, &result);
    assert_int_equal(result.hits[0].intent, 2);
    intent_model_close(&cups.model);
    buf_fini(&cups.bytes);
    example_set_fini(&cups.set);
}

static bool stop_at_half(void *ctx, double share)
{
    double *last = ctx;

    assert_true(share > *last && share <= 1);
    *last = share;
    return share < .5;
}

static void training_reports_progress_and_can_be_cancelled(void **state)
{
    struct intent_options options = fixture.options;
    struct buf out;
    double last = 0;

    (void)state;
    options.progress = stop_at_half;
    options.ctx = &last;
    buf_init(&out, INTENT_MODEL_BYTES_MAX);
    assert_int_equal(intent_train(&fixture.set, &options, &out, NULL), ERR_TIMEOUT);
    assert_int_equal(out.len, 0);
    assert_true(last >= .5);
    buf_fini(&out);
}

static void sets_that_teach_nothing_are_refused(void **state)
{
    static const struct {
        const char *file;
        const char *reason;
    } cases[] = {
        { "", "no examples" },
        { "only\tone\nonly\tintent\n", "line 1: 'only' is the only intent" },
        { "!\t!!!\n?\t???\n", "no words" },
    };

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct example_set set;
        struct intent_options options = { .seed = 1, .bare = true };
        struct err err = { 0 };
        struct buf out;

        buf_init(&out, INTENT_MODEL_BYTES_MAX);
        example_set_init(&set);
        if (cases[i].file[0] != '\0')
            assert_int_equal(examples_read(slice_of(cases[i].file), &set, NULL), ERR_OK);
        assert_int_equal(intent_train(&set, &options, &out, &err), ERR_INVALID);
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("'%s' does not say '%s'", err.text, cases[i].reason);
        example_set_fini(&set);
        buf_fini(&out);
    }
}

static void many_intents_are_learned_in_blocks(void **state)
{
    enum { INTENTS = 600 };
    struct fixture many = { .options = { .seed = 1, .bare = true } };
    struct intent_result result;
    char text[64];

    (void)state;
    example_set_init(&many.set);
    for (unsigned i = 0; i < INTENTS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%u", i);
        for (unsigned j = 0; j < 2; j++) {
            snprintf(text, sizeof(text), "word%u topic%u form%u", i, i * 7 + 1, j);
            assert_int_equal(
                example_set_add(&many.set, slice_of(name), slice_of(text), i + 1, NULL), ERR_OK);
        }
    }
    model_make(&many);
    assert_int_equal(intent_model_count(many.model), INTENTS);
    for (unsigned i = 0; i < INTENTS; i += 53) {
        snprintf(text, sizeof(text), "topic%u of word%u", i * 7 + 1, i);
        intent_predict(many.model, fixture.scratch, slice_of(text), 1, &result);
        assert_int_equal(result.hits[0].intent, i);
    }
    intent_model_close(&many.model);
    buf_fini(&many.bytes);
    example_set_fini(&many.set);
}

static void damaged_and_foreign_models_are_refused(void **state)
{
    struct slice good = buf_slice(&fixture.bytes);
    char *copy = aligned_alloc(64, (good.len + 63) / 64 * 64);
    struct intent_model *model = NULL;
    struct err err = { 0 };

    (void)state;
    for (size_t at = 0; at < good.len; at += good.len / 97 + 1) {
        memcpy(copy, good.ptr, good.len);
        copy[at] = (char)(copy[at] ^ 0x10);
        assert_int_not_equal(intent_model_open(slice_make(copy, good.len), &model, &err), ERR_OK);
        assert_null(model);
    }
    for (size_t len = 0; len < good.len; len += good.len / 31 + 1)
        assert_int_not_equal(intent_model_open(slice_make(good.ptr, len), &model, &err), ERR_OK);
    memcpy(copy, good.ptr, good.len);
    copy[8]++;
    assert_int_equal(intent_model_open(slice_make(copy, good.len), &model, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "train again"));
    assert_int_equal(intent_model_open(SLICE_LITERAL("PK\3\4"), &model, &err), ERR_INVALID);
    free(copy);
}

static void names_are_found(void **state)
{
    (void)state;
    assert_int_equal(intent_model_count(fixture.model), 3);
    assert_int_equal(intent_model_find(fixture.model, SLICE_LITERAL("refund")), 1);
    assert_int_equal(intent_model_find(fixture.model, SLICE_LITERAL("none")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_are_no_example_find_their_intent),
        cmocka_unit_test(typos_do_not_change_the_intent),
        cmocka_unit_test(an_example_scores_one_whatever_its_dress),
        cmocka_unit_test(what_belongs_to_no_intent_is_out_of_scope),
        cmocka_unit_test(words_of_no_example_lower_the_score),
        cmocka_unit_test(adversarial_texts_are_answered),
        cmocka_unit_test(prediction_allocates_nothing),
        cmocka_unit_test(an_explanation_names_the_word_that_decided),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(best_quality_learns_the_same_intents),
        cmocka_unit_test(best_quality_explains_itself),
        cmocka_unit_test(nets_with_numbers_that_are_none_are_refused),
        cmocka_unit_test(words_of_one_class_stand_in_for_one_another),
        cmocka_unit_test(training_reports_progress_and_can_be_cancelled),
        cmocka_unit_test(sets_that_teach_nothing_are_refused),
        cmocka_unit_test(many_intents_are_learned_in_blocks),
        cmocka_unit_test(damaged_and_foreign_models_are_refused),
        cmocka_unit_test(names_are_found),
    };

    return cmocka_run_group_tests(tests, shop_open, shop_close);
}
