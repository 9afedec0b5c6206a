/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the examples behind mistyped ones: an unknown word of letters is read as the most common
 * known word that is one edit away (a letter more, less, another one, or two neighbours swapped).
 * Both words are looked up with each of their letters left out, so no list is searched (Garbe's
 * symmetric delete). */
#ifndef KEFU_INTENT_SPELL_PRIV_H
#define KEFU_INTENT_SPELL_PRIV_H

#include "intent_feature_priv.h"
#include "intent_words_priv.h"

enum {
    INTENT_SPELL_LEN_MIN = 4,  /* shorter words have too many neighbours */
    INTENT_SPELL_LEN_MAX = 24, /* longer ones are no words */
    /* Keys of all words: a table of 32,768 slots. The most common words come first. */
    INTENT_SPELL_KEYS_MAX = 24000,
};

/* All memory is somebody else's; count 0: none. */
struct intent_spell {
    uint32_t count;
    uint32_t mask;
    const struct intent_slot *slots; /* hash of a word, whole or short of a letter -> word */
    const uint32_t *offsets;         /* count + 1, into text */
    const char *text;
};

/* Such a word: letters a to z only, of a length that is looked at. */
bool intent_spell_fits(struct slice word);
/* The known word that is meant; empty: none. */
struct slice intent_spell_find(const struct intent_spell *spell, struct slice word);

/* The same with memory of its own, made word by word from the most common down. */
struct intent_speller {
    struct intent_spell spell;
    uint32_t slot_count;
    uint32_t keys, keys_max;
    struct intent_slot *slots;
    uint32_t *offsets;
    char *text;
};
/* Room for that many keys: a word of n letters has n + 1; at most INTENT_SPELL_KEYS_MAX. */
void intent_speller_init(struct intent_speller *speller, uint32_t keys_max);
void intent_speller_fini(struct intent_speller *speller);
void intent_speller_add(struct intent_speller *speller, struct slice word);

#endif
