/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_spell_priv.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"

static const struct hash_key spell_key = { 0x7370656C6C000000, 1 };

bool intent_spell_fits(struct slice word)
{
    if (word.len < INTENT_SPELL_LEN_MIN || word.len > INTENT_SPELL_LEN_MAX)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < 'a' || word.ptr[i] > 'z')
            return false;
    }
    return true;
}

/* Of the word without its letter `skip`; word.len: of the whole word. */
static uint64_t key_of(struct slice word, size_t skip)
{
    char rest[INTENT_SPELL_LEN_MAX];
    size_t len = word.len;

    memcpy(rest, word.ptr, skip);
    if (skip < word.len) {
        memcpy(rest + skip, word.ptr + skip + 1, word.len - skip - 1);
        len--;
    }
    return hash_bytes(spell_key, rest, len);
}

/* Whether one edit makes b of a. Both share a key, so they are at most two apart. */
static bool one_edit(struct slice a, struct slice b)
{
    size_t head = 0;
    size_t tail = 0;
    size_t left_a;
    size_t left_b;

    while (head < a.len && head < b.len && a.ptr[head] == b.ptr[head])
        head++;
    while (tail < a.len - head && tail < b.len - head &&
           a.ptr[a.len - 1 - tail] == b.ptr[b.len - 1 - tail])
        tail++;
    left_a = a.len - head - tail;
    left_b = b.len - head - tail;
    if (left_a == 2 && left_b == 2)
        return a.ptr[head] == b.ptr[head + 1] && a.ptr[head + 1] == b.ptr[head];
    return left_a <= 1 && left_b <= 1;
}

static struct slice word_at(const struct intent_spell *spell, uint32_t id)
{
    return slice_make(spell->text + spell->offsets[id],
                      spell->offsets[id + 1] - spell->offsets[id]);
}

struct slice intent_spell_find(const struct intent_spell *spell, struct slice word)
{
    uint32_t best = UINT32_MAX;

    if (spell->count == 0 || !intent_spell_fits(word))
        return SLICE_EMPTY;
    for (size_t skip = 0; skip <= word.len; skip++) {
        int64_t id = intent_slots_find(spell->slots, spell->mask, key_of(word, skip));

        if (id >= 0 && (uint32_t)id < best && one_edit(word, word_at(spell, (uint32_t)id)))
            best = (uint32_t)id;
    }
    return best == UINT32_MAX ? SLICE_EMPTY : word_at(spell, best);
}

void intent_speller_init(struct intent_speller *speller, uint32_t keys_max)
{
    *speller = (struct intent_speller){ .keys_max = keys_max };
    speller->slot_count = intent_slots_for(keys_max);
    speller->slots = mem_zalloc(speller->slot_count * sizeof(*speller->slots));
    speller->offsets = mem_zalloc((keys_max + (size_t)1) * sizeof(*speller->offsets));
    speller->text = mem_alloc(keys_max + (size_t)1);
    speller->spell = (struct intent_spell){ 0, speller->slot_count - 1, speller->slots,
                                            speller->offsets, speller->text };
}

void intent_speller_fini(struct intent_speller *speller)
{
    free(speller->slots);
    free(speller->offsets);
    free(speller->text);
}

/* Of two words with one key the more common one keeps it. Words may share all their keys, so the
 * text has a bound of its own. */
void intent_speller_add(struct intent_speller *speller, struct slice word)
{
    uint32_t id = speller->spell.count;
    uint32_t mask = speller->slot_count - 1;

    if (!intent_spell_fits(word) || speller->keys + word.len + 1 > speller->keys_max ||
        speller->offsets[id] + word.len > speller->keys_max)
        return;
    for (size_t skip = 0; skip <= word.len; skip++) {
        uint64_t key = key_of(word, skip);

        if (intent_slots_find(speller->slots, mask, key) >= 0)
            continue;
        intent_slots_put(speller->slots, mask, key, id);
        speller->keys++;
    }
    memcpy(speller->text + speller->offsets[id], word.ptr, word.len);
    speller->offsets[id + 1] = speller->offsets[id] + (uint32_t)word.len;
    speller->spell.count++;
}
