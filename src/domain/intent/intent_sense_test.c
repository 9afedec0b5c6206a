/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "intent_lists.h"
#include "intent_sense_priv.h"

enum { GRAMS_MAX = 64 };

static struct text_stemmer *stemmer;

static int stemmer_open(void **state)
{
    (void)state;
    stemmer = text_stemmer_create();
    return 0;
}

static int stemmer_close(void **state)
{
    (void)state;
    text_stemmer_destroy(&stemmer);
    return 0;
}

/* Of a whole word; NULL: in no list. */
static const struct intent_senses *senses_of(struct slice word)
{
    struct text_gram grams[GRAMS_MAX];
    size_t count = text_grams(stemmer, word, INTENT_SENSE_KINDS, grams, GRAMS_MAX);

    for (size_t i = 0; i < count; i++) {
        if (grams[i].len == word.len)
            return intent_senses_find(intent_sense_table_get(), grams[i].hash);
    }
    return NULL;
}

static void assert_alike(const char *a, const char *b, bool alike)
{
    const struct intent_senses *x = senses_of(slice_of(a));
    const struct intent_senses *y = senses_of(slice_of(b));
    bool found = false;

    assert_non_null(x);
    assert_non_null(y);
    for (unsigned i = 0; i < x->count; i++) {
        for (unsigned j = 0; j < y->count; j++)
            found = found || x->of[i].class == y->of[j].class;
    }
    assert_int_equal(found, alike);
}

static void similar_words_share_a_class_and_opposites_do_not(void **state)
{
    (void)state;
    assert_alike("couch", "sofa", true);
    assert_alike("monday", "tuesdays", true);
    assert_alike("lock", "unlock", false);
    assert_alike("退款", "退钱", true);
    assert_alike("投诉", "快递", false);
}

static void words_of_no_list_have_no_senses(void **state)
{
    (void)state;
    assert_null(senses_of(SLICE_LITERAL("qwxyz")));
    assert_null(senses_of(SLICE_LITERAL("龘")));
}

static void function_words_are_marked(void **state)
{
    (void)state;
    assert_true(senses_of(SLICE_LITERAL("the"))->function);
    assert_false(senses_of(SLICE_LITERAL("card"))->function);
}

/* Every word of the lists was read, with a topic, and none has more senses than its place holds. */
static void all_words_of_the_lists_are_found(void **state)
{
    size_t words = 0;

    (void)state;
    for (size_t i = 0; i < intent_classes_count; i++) {
        const char *at = intent_classes[i];

        while (*at != '\0' && *at != '[') {
            struct slice word = slice_make(at, strcspn(at, " "));
            const struct intent_senses *senses = senses_of(word);

            at += word.len + strspn(at + word.len, " ");
            words++;
            if (senses == NULL)
                fail_msg("'%.*s' is not found", SLICE_ARGS(word));
            assert_in_range(senses->count, 1, INTENT_SENSES_MAX);
            assert_true(senses->of[0].topic > 0);
        }
    }
    assert_true(words > 15000);
}

static void the_table_is_made_once(void **state)
{
    (void)state;
    assert_ptr_equal(intent_sense_table_get(), intent_sense_table_get());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similar_words_share_a_class_and_opposites_do_not),
        cmocka_unit_test(words_of_no_list_have_no_senses),
        cmocka_unit_test(function_words_are_marked),
        cmocka_unit_test(all_words_of_the_lists_are_found),
        cmocka_unit_test(the_table_is_made_once),
    };

    return cmocka_run_group_tests(tests, stemmer_open, stemmer_close);
}
