/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_sense_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "intent_lists.h"
#include "intent_words_priv.h"
#include "mem.h"

enum {
    WORDS_MAX = 24000, /* different ones, of all lists: they have 18,000 */
    WORD_GRAMS_MAX = 16,
    FUNCTION_WORD = UINT16_MAX, /* in place of a class */
};

struct intent_sense_table {
    uint32_t mask;
    uint32_t count;
    struct intent_slot *slots;
    struct intent_senses *words;
};

static struct intent_senses *word_at(struct intent_sense_table *table, uint64_t hash)
{
    int64_t id = intent_slots_find(table->slots, table->mask, hash);

    if (id < 0) {
        ENSURE(table->count < WORDS_MAX);
        id = table->count++;
        intent_slots_put(table->slots, table->mask, hash, (uint32_t)id);
    }
    return &table->words[id];
}

static void sense_add(struct intent_senses *senses, struct intent_sense sense)
{
    if (sense.class == FUNCTION_WORD)
        senses->function = true;
    else if (senses->count < INTENT_SENSES_MAX &&
             (senses->count == 0 || senses->of[senses->count - 1].class != sense.class))
        senses->of[senses->count++] = sense;
}

/* The grams that are the whole word. */
static void word_add(struct intent_sense_table *table, struct text_stemmer *stemmer,
                     struct slice word, struct intent_sense sense)
{
    struct text_gram grams[WORD_GRAMS_MAX];
    size_t count = text_grams(stemmer, word, INTENT_SENSE_KINDS, grams, WORD_GRAMS_MAX);

    for (size_t i = 0; i < count; i++) {
        if (grams[i].len == word.len)
            sense_add(word_at(table, grams[i].hash), sense);
    }
}

static void line_add(struct intent_sense_table *table, struct text_stemmer *stemmer,
                     const char *line, struct intent_sense sense)
{
    while (*line != '\0') {
        size_t len = strcspn(line, " ");

        word_add(table, stemmer, slice_make(line, len), sense);
        line += len + strspn(line + len, " ");
    }
}

static const struct intent_sense_table *shared;

static void table_make(void)
{
    struct intent_sense_table *table = mem_zalloc(sizeof(*table));
    struct text_stemmer *stemmer = text_stemmer_create();
    struct intent_sense sense = { 0 };
    uint32_t slots = intent_slots_for(WORDS_MAX);

    table->mask = slots - 1;
    table->slots = mem_zalloc(slots * sizeof(*table->slots));
    table->words = mem_zalloc(WORDS_MAX * sizeof(*table->words));
    for (size_t i = 0; i < intent_classes_count; i++) {
        if (intent_classes[i][0] == '[') {
            sense.topic++;
            continue;
        }
        line_add(table, stemmer, intent_classes[i], sense);
        sense.class ++;
    }
    for (size_t i = 0; i < intent_function_words_count; i++)
        line_add(table, stemmer, intent_function_words[i],
                 (struct intent_sense){ .class = FUNCTION_WORD });
    text_stemmer_destroy(&stemmer);
    table->words = mem_realloc(table->words, table->count * sizeof(*table->words));
    shared = table;
}

/* Half a megabyte that is the same for all shards. */
const struct intent_sense_table *intent_sense_table_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT; /* tidy: allow pthread_once_t */

    ENSURE(pthread_once(&once, table_make) == 0); /* tidy: allow pthread_once */
    return shared;
}

const struct intent_senses *intent_senses_find(const struct intent_sense_table *table,
                                               uint64_t hash)
{
    int64_t id = intent_slots_find(table->slots, table->mask, hash);

    return id >= 0 ? &table->words[id] : NULL;
}
