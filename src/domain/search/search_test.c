/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "test_malloc.h"

#include <stdio.h>
#include <stdlib.h>
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
    struct search_hit hits[3] = { { .entry = 99 } };

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
    assert_int_equal(search_builder_add(f.builder, f.stemmer, 8, SEARCH_QUESTION,
                                        SLICE_LITERAL("今天下单今天能发货吗"), NULL),
                     ERR_OK);
    search_index_destroy(&f.index);
    f.index = search_builder_make(f.builder);
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

/* "entry:score" of the best three, in hundredths. */
static const char *shown(const struct search_index *index, struct fixture *f, const char *query)
{
    static char out[128];
    struct search_hit hits[3];
    size_t n = search_query(index, f->scratch, f->stemmer, slice_of(query), hits, 3);
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%u:%.2f", i > 0 ? " " : "",
                                 hits[i].entry, (double)hits[i].score);
    return out;
}

static void a_copied_block_answers_as_the_index_did(void **state)
{
    struct fixture f = fixture_make();
    struct slice blob = search_index_blob(f.index);
    char *copy = malloc(blob.len);
    struct search_index *again = NULL;
    char want[128];

    (void)state;
    memcpy(copy, blob.ptr, blob.len);
    assert_int_equal(search_index_open(slice_make(copy, blob.len), &again, NULL), ERR_OK);
    snprintf(want, sizeof(want), "%s", shown(f.index, &f, "我要退货"));
    assert_string_equal(shown(again, &f, "我要退货"), want);
    search_index_destroy(&again);
    free(copy);
    fixture_drop(&f);
}

static void damaged_blocks_are_refused(void **state)
{
    struct fixture f = fixture_make();
    struct slice blob = search_index_blob(f.index);
    char *copy = malloc(blob.len);
    struct search_index *again = NULL;
    struct err err = { 0 };

    (void)state;
    memcpy(copy, blob.ptr, blob.len);
    copy[blob.len / 3] ^= 4;
    assert_int_equal(search_index_open(slice_make(copy, blob.len), &again, &err), ERR_CORRUPT);
    assert_string_equal(err.text, "index: checksum does not match");
    assert_int_equal(search_index_open(slice_make(copy, blob.len - 8), &again, &err), ERR_CORRUPT);
    assert_int_equal(search_index_open(slice_make(copy, 5), &again, &err), ERR_CORRUPT);
    copy[4]++;
    assert_int_equal(search_index_open(slice_make(copy, blob.len), &again, &err), ERR_UNSUPPORTED);
    copy[0] = 'x';
    assert_int_equal(search_index_open(slice_make(copy, blob.len), &again, &err), ERR_INVALID);
    assert_null(again);
    free(copy);
    fixture_drop(&f);
}

/* Found as the same text: the weights of two layers differ by what the second one added. */
static void assert_best(const struct search_index *index, struct fixture *f, const char *query,
                        uint32_t entry)
{
    struct search_hit hit = { .entry = 99 };

    (void)search_query(index, f->scratch, f->stemmer, slice_of(query), &hit, 1);
    assert_int_equal(hit.entry, entry);
    assert_true(hit.score > 0.95f);
}

static void an_overlay_is_like_an_index_made_anew(void **state)
{
    static const char *const added[] = { "可以开发票吗", "怎么修改收货地址" };
    static const uint32_t removed[] = { 3 };
    struct fixture f = fixture_make();
    struct search_builder *more = search_builder_create();
    struct search_index *over;

    (void)state;
    assert_int_equal(
        search_builder_add(more, f.stemmer, 8, SEARCH_QUESTION, slice_of(added[0]), NULL), ERR_OK);
    /* Entry 2, about paying on delivery, now asks something else. */
    assert_int_equal(
        search_builder_add(more, f.stemmer, 2, SEARCH_QUESTION, slice_of(added[1]), NULL), ERR_OK);
    over = search_builder_overlay(more, f.index, removed, 1);
    assert_int_equal(search_index_docs(over), 10);
    assert_best(over, &f, "可以开发票吗", 8);
    assert_best(over, &f, "怎么修改收货地址", 2);
    assert_best(over, &f, "退款多久到账", 1);
    assert_null(strstr(shown(over, &f, "支持货到付款吗"), "2:0.9"));
    assert_null(strstr(shown(over, &f, "帐篷防水吗"), "3:"));
    assert_best(f.index, &f, "帐篷防水吗", 3);
    search_index_destroy(&over);
    search_builder_destroy(&more);
    fixture_drop(&f);
}

static void payloads_come_back_from_the_newest_layer(void **state)
{
    struct fixture f = fixture_make();
    struct search_builder *builder = search_builder_create();
    struct search_builder *more = search_builder_create();
    struct search_index *index;
    struct search_index *over;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(search_builder_add(builder, f.stemmer, i, SEARCH_QUESTION,
                                            slice_of(questions[i]), NULL),
                         ERR_OK);
        assert_int_equal(search_builder_payload(builder, i, slice_of(questions[i]), NULL), ERR_OK);
    }
    index = search_builder_make(builder);
    assert_true(slice_equal_text(search_index_payload(index, 2), questions[2]));
    assert_int_equal(search_index_payload(index, 9).len, 0);
    assert_int_equal(search_index_payload(f.index, 1).len, 0);
    assert_int_equal(search_builder_add(more, f.stemmer, 1, SEARCH_QUESTION, slice_of("新"), NULL),
                     ERR_OK);
    assert_int_equal(search_builder_payload(more, 1, slice_of("new"), NULL), ERR_OK);
    over = search_builder_overlay(more, index, NULL, 0);
    assert_true(slice_equal_text(search_index_payload(over, 1), "new"));
    assert_true(slice_equal_text(search_index_payload(over, 2), questions[2]));
    search_index_destroy(&over);
    search_index_destroy(&index);
    search_builder_destroy(&more);
    search_builder_destroy(&builder);
    fixture_drop(&f);
}

static void shares_of_the_terms_sum_to_the_score(void **state)
{
    struct fixture f = fixture_make();
    struct slice query = SLICE_LITERAL("when does the refund arrive");
    struct search_term_part parts[64];
    struct search_hit hits[1];
    float sum = 0.0f;
    size_t n;

    (void)state;
    assert_int_equal(search_query(f.index, f.scratch, f.stemmer, query, hits, 1), 1);
    n = search_explain(f.index, f.scratch, query, &hits[0], parts, 64);
    assert_true(n > 5);
    for (size_t i = 0; i < n; i++)
        sum += parts[i].share;
    assert_true(sum > hits[0].score - 0.001f && sum < hits[0].score + 0.001f);
    assert_true(slice_equal_text(parts[0].text, "refund") ||
                slice_equal_text(parts[0].text, "arrive"));
    assert_int_equal(parts[0].kind, TEXT_GRAM_STEM);
    fixture_drop(&f);
}

static const char *marked(struct fixture *f, const char *query, const char *text)
{
    static char out[256];
    struct search_hit hits[1];
    struct search_span spans[8];
    size_t n;
    size_t used = 0;

    (void)search_query(f->index, f->scratch, f->stemmer, slice_of(query), hits, 1);
    n = search_highlight(f->index, f->scratch, f->stemmer, slice_of(text), spans, 8);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, sizeof(out) - used, "[%.*s]", (int)spans[i].len,
                                 text + spans[i].start);
    return out;
}

static void highlights_mark_what_was_asked(void **state)
{
    struct fixture f = fixture_make();

    (void)state;
    assert_string_equal(marked(&f, "returning items", "You may RETURN any item, or Returns too"),
                        "[RETURN][item][Returns]");
    assert_string_equal(marked(&f, "怎么退货", "七天内可以退貨，退款原路退回"), "[退貨][退][退]");
    assert_string_equal(marked(&f, "how do i", "how do I get there"), "");
    assert_string_equal(marked(&f, "x", ""), "");
    fixture_drop(&f);
}

static void signals_that_are_not_there_do_not_count(void **state)
{
    const struct search_hit hits[] = { { .entry = 1, .score = 0.6f },
                                       { .entry = 2, .score = 0.5f } };
    const struct search_signal vectors[] = { { 2, 1.0f }, { 1, -0.5f } };
    const struct search_signal classes[] = { { 3, 0.9f }, { 2, 0.05f } };
    struct search_blend_hit out[4];

    (void)state;
    assert_int_equal(search_blend(hits, 2, NULL, 0, NULL, 0, out, 4), 2);
    assert_true(out[0].entry == 1 && out[0].score == 0.6f);
    assert_int_equal(search_blend(hits, 2, vectors, 2, NULL, 0, out, 4), 2);
    assert_int_equal(out[0].entry, 2); /* (0.5 + 0.2) / 1.2 against 0.6 / 1.2 */
    assert_int_equal(search_blend(hits, 2, NULL, 0, classes, 2, out, 4), 3);
    assert_int_equal(out[0].entry, 3);
    assert_true(out[0].parts[SEARCH_BY_CLASSIFIER] == out[0].score);
    assert_int_equal(search_blend(hits, 2, NULL, 0, classes, 2, out, 1), 1);
}

static void answers_are_found_but_count_less(void **state)
{
    struct fixture f = fixture_make();
    struct search_hit hit;

    (void)state;
    assert_int_equal(search_builder_add(f.builder, f.stemmer, 3, SEARCH_ANSWER,
                                        SLICE_LITERAL("面料涂层静水压三千毫米"), NULL),
                     ERR_OK);
    search_index_destroy(&f.index);
    f.index = search_builder_make(f.builder);
    hit = top(&f, "静水压三千毫米");
    assert_int_equal(hit.entry, 3);
    assert_int_equal(hit.phrasing, 1);
    assert_true(hit.score > 0.2f && hit.score < 0.5f);
    fixture_drop(&f);
}

static void nothing_is_allocated_per_query(void **state)
{
    struct fixture f = fixture_make();
    struct search_hit hits[4];

    (void)state;
    (void)top(&f, "warm"); /* the scratch meets the index */
    if (!test_malloc_begin()) {
        fixture_drop(&f);
        skip();
    }
    (void)search_query(f.index, f.scratch, f.stemmer, SLICE_LITERAL("怎么退货 returning items"),
                       hits, 4);
    assert_int_equal(test_malloc_end(), 0);
    fixture_drop(&f);
}

static void limits_are_faults(void **state)
{
    struct fixture f = fixture_make();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(search_builder_add(f.builder, f.stemmer, SEARCH_ENTRIES_MAX, SEARCH_VARIANT,
                                        SLICE_LITERAL("x"), &err),
                     ERR_TOO_BIG);
    for (int i = 1; i < SEARCH_PHRASINGS_MAX; i++)
        assert_int_equal(
            search_builder_add(f.builder, f.stemmer, 0, SEARCH_VARIANT, SLICE_LITERAL("x"), &err),
            ERR_OK);
    assert_int_equal(
        search_builder_add(f.builder, f.stemmer, 0, SEARCH_VARIANT, SLICE_LITERAL("x"), &err),
        ERR_TOO_BIG);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_finds_itself_with_score_one),
        cmocka_unit_test(other_words_for_the_same_thing_are_found),
        cmocka_unit_test(questions_about_other_things_score_low),
        cmocka_unit_test(a_variant_brings_its_entry_and_hits_are_ordered),
        cmocka_unit_test(an_empty_index_has_no_hits),
        cmocka_unit_test(a_copied_block_answers_as_the_index_did),
        cmocka_unit_test(damaged_blocks_are_refused),
        cmocka_unit_test(an_overlay_is_like_an_index_made_anew),
        cmocka_unit_test(payloads_come_back_from_the_newest_layer),
        cmocka_unit_test(shares_of_the_terms_sum_to_the_score),
        cmocka_unit_test(highlights_mark_what_was_asked),
        cmocka_unit_test(signals_that_are_not_there_do_not_count),
        cmocka_unit_test(answers_are_found_but_count_less),
        cmocka_unit_test(nothing_is_allocated_per_query),
        cmocka_unit_test(limits_are_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
