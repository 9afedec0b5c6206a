/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "search.h"

struct fixture {
    struct text_stemmer *stemmer;
    struct search_builder *builder;
    struct search_index *index;
    struct search_scratch *scratch;
};

static const char *const questions[] = {
    "怎么申请退货",
    "退款多久到账",
    "支持货到付款吗",
    "帐篷防水吗",
    "how do i return an item",
    "when will my refund arrive",
    "do you ship to canada",
    "is the tent waterproof",
};

static struct fixture fixture_make(void)
{
    struct fixture f = { text_stemmer_create(), search_builder_create(), NULL,
                         search_scratch_create() };

    for (uint32_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        assert_int_equal(search_builder_add(f.builder, f.stemmer, i, SEARCH_QUESTION,
                                            slice_of(questions[i]), NULL),
                         ERR_OK);
    f.index = search_builder_make(f.builder);
    return f;
}

static void fixture_drop(struct fixture *f)
{
    search_index_destroy(&f->index);
    search_builder_destroy(&f->builder);
    search_scratch_destroy(&f->scratch);
    text_stemmer_destroy(&f->stemmer);
}

static struct search_hit top(struct fixture *f, const char *query)
{
    struct search_hit hits[3] = { { 99, 99, 0 } };

    (void)search_query(f->index, f->scratch, f->stemmer, slice_of(query), hits, 3);
    return hits[0];
}

static void a_question_finds_itself_with_score_one(void **state)
{
    struct fixture f = fixture_make();

    (void)state;
    for (uint32_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        struct search_hit hit = top(&f, questions[i]);

        assert_int_equal(hit.entry, i);
        assert_true(hit.score > 0.999f);
    }
    fixture_drop(&f);
}

static void other_words_for_the_same_thing_are_found(void **state)
{
    struct fixture f = fixture_make();

    (void)state;
    assert_int_equal(top(&f, "我要退货").entry, 0);
    assert_int_equal(top(&f, "退款什么时候能到账").entry, 1);
    assert_int_equal(top(&f, "这个帐篷能不能防水").entry, 3);
    assert_int_equal(top(&f, "returning items").entry, 4);
    assert_int_equal(top(&f, "shipping to canada?").entry, 6);
    assert_int_equal(top(&f, "are tents waterproofed").entry, 7);
    fixture_drop(&f);
}

static void questions_about_other_things_score_low(void **state)
{
    struct fixture f = fixture_make();

    (void)state;
    assert_true(top(&f, "今天天气怎么样").score < 0.35f);
    assert_true(top(&f, "who won the football match yesterday").score < 0.35f);
    assert_int_equal(top(&f, "zzz").entry, 99);
    assert_int_equal(top(&f, "").entry, 99);
    fixture_drop(&f);
}

static void a_variant_brings_its_entry_and_hits_are_ordered(void **state)
{
    struct fixture f = fixture_make();
    struct search_hit hits[8];
    size_t n;

    (void)state;
    assert_int_equal(search_builder_add(f.builder, f.stemmer, 0, SEARCH_VARIANT,
                                        SLICE_LITERAL("东西不想要了可以退吗"), NULL),
                     ERR_OK);
    search_index_destroy(&f.index);
    f.index = search_builder_make(f.builder);
    assert_int_equal(search_index_docs(f.index), 9);
    n = search_query(f.index, f.scratch, f.stemmer, SLICE_LITERAL("不想要了能退吗"), hits, 8);
    assert_true(n >= 2);
    assert_int_equal(hits[0].entry, 0);
    assert_int_equal(hits[0].doc, 8);
    for (size_t i = 1; i < n; i++)
        assert_true(hits[i - 1].score >= hits[i].score);
    fixture_drop(&f);
}

static void an_empty_index_has_no_hits(void **state)
{
    struct search_builder *builder = search_builder_create();
    struct search_index *index = search_builder_make(builder);
    struct search_scratch *scratch = search_scratch_create();
    struct text_stemmer *stemmer = text_stemmer_create();
    struct search_hit hit;

    (void)state;
    assert_int_equal(search_query(index, scratch, stemmer, SLICE_LITERAL("退货"), &hit, 1), 0);
    search_index_destroy(&index);
    search_builder_destroy(&builder);
    search_scratch_destroy(&scratch);
    text_stemmer_destroy(&stemmer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_finds_itself_with_score_one),
        cmocka_unit_test(other_words_for_the_same_thing_are_found),
        cmocka_unit_test(questions_about_other_things_score_low),
        cmocka_unit_test(a_variant_brings_its_entry_and_hits_are_ordered),
        cmocka_unit_test(an_empty_index_has_no_hits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
