/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "intent_spell_priv.h"

static struct intent_speller speller;

static int words_open(void **state)
{
    static const char *const words[] = { "order", "cancel", "shipping", "refund", "older", "card" };

    (void)state;
    intent_speller_init(&speller, 100);
    for (size_t i = 0; i < LENGTH_OF(words); i++)
        intent_speller_add(&speller, slice_of(words[i]));
    return 0;
}

static int words_close(void **state)
{
    (void)state;
    intent_speller_fini(&speller);
    return 0;
}

static void assert_meant(const char *written, const char *meant)
{
    struct slice found = intent_spell_find(&speller.spell, slice_of(written));

    if (!slice_equal_text(found, meant))
        fail_msg("'%s' is read as '%.*s'", written, SLICE_ARGS(found));
}

static void one_edit_is_found_whatever_and_wherever_it_is(void **state)
{
    (void)state;
    assert_meant("ordr", "order");
    assert_meant("rder", "order");
    assert_meant("ordder", "order");
    assert_meant("orderx", "order");
    assert_meant("ordet", "order");
    assert_meant("xrder", "order");
    assert_meant("odrer", "order");
    assert_meant("shippign", "shipping");
    assert_meant("cancle", "cancel");
    assert_meant("cards", "card");
}

static void two_edits_and_short_or_foreign_words_are_left_alone(void **state)
{
    (void)state;
    assert_meant("ordrxx", "");
    assert_meant("rdore", "");
    assert_meant("car", "");
    assert_meant("refünd", "");
    assert_meant("0rder", "");
    assert_meant("", "");
    assert_meant("orderorderorderorderorder", "");
}

static void the_more_common_word_is_meant(void **state)
{
    (void)state;
    assert_meant("oder", "order"); /* and not "older", which came later */
}

static void the_table_takes_as_many_keys_as_it_has_room_for(void **state)
{
    struct intent_speller full;
    char word[16];

    (void)state;
    intent_speller_init(&full, INTENT_SPELL_KEYS_MAX);
    for (unsigned i = 0; i < INTENT_SPELL_KEYS_MAX; i++) {
        snprintf(word, sizeof(word), "w%c%c%c%c", 'a' + (int)(i % 26), 'a' + (int)(i / 26 % 26),
                 'a' + (int)(i / 676 % 26), 'a' + (int)(i / 17576));
        intent_speller_add(&full, slice_of(word));
    }
    assert_true(full.keys <= INTENT_SPELL_KEYS_MAX);
    assert_true(full.offsets[full.spell.count] <= INTENT_SPELL_KEYS_MAX);
    assert_true(full.offsets[full.spell.count] > INTENT_SPELL_KEYS_MAX - 6);
    assert_true(full.spell.count < INTENT_SPELL_KEYS_MAX);
    assert_true(slice_equal_text(intent_spell_find(&full.spell, SLICE_LITERAL("waaaaa")), "waaaa"));
    intent_speller_fini(&full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_edit_is_found_whatever_and_wherever_it_is),
        cmocka_unit_test(two_edits_and_short_or_foreign_words_are_left_alone),
        cmocka_unit_test(the_more_common_word_is_meant),
        cmocka_unit_test(the_table_takes_as_many_keys_as_it_has_room_for),
    };

    return cmocka_run_group_tests(tests, words_open, words_close);
}
