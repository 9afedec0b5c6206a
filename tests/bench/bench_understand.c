/* SPDX-License-Identifier: Apache-2.0 */
/* understand: what a shard does with a message before it answers, step by step: normal form with
 * the way back, 100,000 rules, entities with a list of 100,000 names, 150 intents, an FAQ of 1,000
 * entries. Messages of 200 characters, Chinese and English by turns, with a phone number, an amount
 * and a date in each. CPU time of one thread, each message by itself, so the percentiles are those
 * of messages. The model is trained here on drawn examples: its size counts, not its answers. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "entity.h"
#include "examples.h"
#include "hash.h"
#include "intent.h"
#include "intent_train.h"
#include "mem.h"
#include "rules.h"
#include "search.h"
#include "text.h"

enum {
    RULES = 100 * 1000,
    NAMES = 100 * 1000,
    ENTRIES = 1000,
    INTENTS = 150,
    EXAMPLES = 40, /* of one intent */
    MESSAGES = 4000,
    MESSAGE_CHARS = 200,
    ROUNDS = 3,
    WORDS = 4000,
    TEXT_BYTES = 1024,
};

enum step { NORMALISE, RULE, ENTITY, INTENT, FAQ, STEPS };

static const char *const step_keys[STEPS] = { "normaliseUs", "rulesUs", "entitiesUs", "intentUs",
                                              "faqUs" };

struct message {
    char text[TEXT_BYTES];
    size_t len;
    float us[STEPS + 1]; /* the last: all together */
};

struct reader {
    struct rules_set *rules;
    struct rules_scratch *rules_scratch;
    struct entity_lookup *names;
    struct entity_scratch *entity_scratch;
    struct entity_list entities;
    struct buf model_bytes;
    struct intent_model *model;
    struct intent_scratch *intent_scratch;
    struct search_index *index;
    struct search_scratch *search_scratch;
    struct text_stemmer *stemmer;
    char norm[TEXT_BYTES * 3];
    uint32_t from[TEXT_BYTES * 3];
};

static uint64_t draw_state = 3;

static uint64_t draw(uint64_t below)
{
    draw_state += 0x9E3779B97F4A7C15u;
    return hash_u64(13, draw_state) % below;
}

static size_t add_word(char *out, bool chinese, uint64_t word)
{
    uint64_t h = hash_u64(chinese ? 5 : 6, word);
    size_t len = 0;

    if (chinese) {
        for (int i = 0; i < 2; i++, h >>= 16)
            len += text_encode(0x4E00 + (uint32_t)(h % 3000), out + len);
        return len;
    }
    for (size_t letters = 4 + h % 5; letters > 0; letters--, h = hash_u64(9, h))
        out[len++] = letters % 2 == 0 ? "bdfgklmnprst"[h % 12] : "aeiou"[h % 5];
    return len;
}

/* Words of a vocabulary in a row; skewed, as words are. */
static size_t draw_words(char *out, bool chinese, size_t count, uint64_t first)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t word = first + (draw(2) == 0 ? draw(WORDS) : draw(WORDS / 20));

        if (i > 0 && !chinese)
            out[len++] = ' ';
        len += add_word(out + len, chinese, word);
    }
    return len;
}

static void message_draw(struct message *m, bool chinese)
{
    static const char *const tails[] = { " my number is 13812345678, paid 129.50 yuan, next friday",
                                         "我的电话13812345678，付了一百二十九块五，下周五" };
    size_t chars = 0;

    m->len = 0;
    while (chars < MESSAGE_CHARS - 60) {
        size_t len = draw_words(m->text + m->len, chinese, 3, 0);

        for (size_t i = 0; i < len; i++)
            chars += ((unsigned char)m->text[m->len + i] & 0xC0) != 0x80 ? 1 : 0;
        m->len += len;
        m->text[m->len++] = chinese ? ',' : ' ';
        chars++;
    }
    memcpy(m->text + m->len, tails[chinese ? 1 : 0], strlen(tails[chinese ? 1 : 0]));
    m->len += strlen(tails[chinese ? 1 : 0]);
}

/* ---- what is read with ---- */
static void texts_draw(struct slice *out, size_t count, size_t words, uint64_t first)
{
    for (size_t i = 0; i < count; i++) {
        char text[TEXT_BYTES];
        size_t len = draw_words(text, i % 2 == 0, words + draw(2), first);

        out[i] = slice_make(mem_strndup(text, len), len);
    }
}

static void texts_free(struct slice *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)texts[i].ptr);
    free(texts);
}

static void rules_make(struct reader *r)
{
    struct slice *words = mem_alloc(RULES * sizeof(*words));
    struct rules_rule *rules = mem_zalloc(RULES * sizeof(*rules));
    struct err err = { 0 };

    texts_draw(words, RULES, 2, 0);
    for (size_t i = 0; i < RULES; i++)
        rules[i] = (struct rules_rule){ .id = i, .any = &words[i], .any_count = 1 };
    if (rules_compile(rules, RULES, &r->rules, &err) != ERR_OK)
        bench_fail("%s: %s", err.field, err.text);
    free(rules);
    texts_free(words, RULES);
}

static void names_make(struct reader *r)
{
    struct slice *names = mem_alloc(NAMES * sizeof(*names));
    struct entity_lookup_entry *entries = mem_zalloc(NAMES * sizeof(*entries));
    struct err err = { 0 };

    texts_draw(names, NAMES, 2, WORDS);
    for (size_t i = 0; i < NAMES; i++)
        entries[i].text = names[i];
    if (entity_lookup_create(entries, NAMES, &r->names, &err) != ERR_OK)
        bench_fail("%s: %s", err.field, err.text);
    free(entries);
    texts_free(names, NAMES);
}

static void model_make(struct reader *r)
{
    const struct intent_options options = { .quality = INTENT_FAST, .seed = 1 };
    struct example_set set;
    struct err err = { 0 };

    example_set_init(&set);
    for (uint32_t i = 0; i < INTENTS * EXAMPLES; i++) {
        char name[16];
        char text[TEXT_BYTES];
        size_t len = draw_words(text, i % 2 == 0, 8, i / EXAMPLES * 20);

        snprintf(name, sizeof(name), "i%u", i / EXAMPLES);
        if (example_set_add(&set, slice_of(name), slice_make(text, len), i + 1, &err) != ERR_OK)
            bench_fail("%s", err.text);
    }
    buf_init(&r->model_bytes, INTENT_MODEL_BYTES_MAX);
    if (intent_train(&set, &options, &r->model_bytes, &err) != ERR_OK ||
        intent_model_open(buf_slice(&r->model_bytes), &r->model, &err) != ERR_OK)
        bench_fail("%s", err.text);
    example_set_fini(&set);
}

static void index_make(struct reader *r)
{
    struct search_builder *builder = search_builder_create();

    for (uint32_t i = 0; i < ENTRIES * 4; i++) {
        char text[TEXT_BYTES];
        size_t len = draw_words(text, i / 4 % 2 == 0, 8, 0);
        struct slice norm = text_normalise_with(slice_make(text, len), TEXT_SIMPLIFY, r->norm, NULL,
                                                sizeof(r->norm));

        if (search_builder_add(builder, r->stemmer, i / 4, SEARCH_VARIANT, norm, NULL) != ERR_OK)
            bench_fail("cannot add an entry");
    }
    r->index = search_builder_make(builder);
    search_builder_destroy(&builder);
}

static struct reader *reader_make(void)
{
    struct reader *r = mem_zalloc(sizeof(*r));

    r->stemmer = text_stemmer_create();
    r->rules_scratch = rules_scratch_create();
    r->entity_scratch = entity_scratch_create();
    r->intent_scratch = intent_scratch_create();
    r->search_scratch = search_scratch_create();
    rules_make(r);
    names_make(r);
    model_make(r);
    index_make(r);
    return r;
}

static void reader_free(struct reader *r)
{
    rules_set_destroy(&r->rules);
    rules_scratch_destroy(&r->rules_scratch);
    entity_lookup_destroy(&r->names);
    entity_scratch_destroy(&r->entity_scratch);
    intent_model_close(&r->model);
    intent_scratch_destroy(&r->intent_scratch);
    buf_fini(&r->model_bytes);
    search_index_destroy(&r->index);
    search_scratch_destroy(&r->search_scratch);
    text_stemmer_destroy(&r->stemmer);
    free(r);
}

/* ---- one message ---- */
static uint64_t sink;

/* Each step's time is the least of the rounds: what the work costs when nobody disturbs it. */
static void took(struct message *m, int step, double *from)
{
    double now = bench_thread_cpu_us();
    float us = (float)(now - *from);

    if (m->us[step] == 0.0f || us < m->us[step])
        m->us[step] = us;
    *from = now;
}

static void understand(struct reader *r, struct message *m)
{
    const struct rules_context context = { .locale = RULES_ANY_LOCALE };
    const struct entity_options options = {
        .kinds = ENTITY_ALL,
        .today = { 2024, 5, 15 },
        .lookups = (const struct entity_lookup *const *)&r->names,
        .lookup_count = 1,
    };
    struct slice text = slice_make(m->text, m->len);
    struct intent_result intents;
    struct search_hit hits[3];
    struct rules_hit rule;
    struct slice norm;
    double start = bench_thread_cpu_us();
    double from = start;

    norm = text_normalise_with(text, TEXT_SIMPLIFY, r->norm, r->from, sizeof(r->norm));
    took(m, NORMALISE, &from);
    sink += rules_scan(r->rules, r->rules_scratch, norm, &context, &rule, 1);
    took(m, RULE, &from);
    entity_find_normalised(text, norm, r->from, &options, r->entity_scratch, &r->entities);
    sink += r->entities.count;
    took(m, ENTITY, &from);
    intent_predict(r->model, r->intent_scratch, text, 3, &intents);
    sink += intents.count;
    took(m, INTENT, &from);
    sink += search_query(r->index, r->search_scratch, r->stemmer, norm, hits, 3);
    took(m, FAQ, &from);
    took(m, STEPS, &start);
}

static int step_sorted;

static int message_compare(const void *left, const void *right)
{
    float a = ((const struct message *)left)->us[step_sorted];
    float b = ((const struct message *)right)->us[step_sorted];

    return a < b ? -1 : a > b;
}

int bench_understand_main(const struct bench_args *args)
{
    struct message *messages = mem_zalloc(MESSAGES * sizeof(*messages));
    struct reader *r = reader_make();
    struct bench_report report;

    for (size_t i = 0; i < MESSAGES; i++)
        message_draw(&messages[i], i % 2 == 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < MESSAGES; i++)
            understand(r, &messages[i]);
    }
    bench_report_begin(&report, args, "understand: a message of 200 characters, step by step");
    for (step_sorted = 0; step_sorted <= STEPS; step_sorted++) {
        char key[40];

        qsort(messages, MESSAGES, sizeof(*messages), message_compare);
        bench_report_number(&report, step_sorted < STEPS ? step_keys[step_sorted] : "totalUs",
                            (double)messages[MESSAGES / 2].us[step_sorted]);
        snprintf(key, sizeof(key), "%sP99",
                 step_sorted < STEPS ? step_keys[step_sorted] : "totalUs");
        bench_report_number(&report, key, (double)messages[MESSAGES * 99 / 100].us[step_sorted]);
    }
    bench_report_number(&report, "namesBytes", (double)entity_lookup_bytes(r->names));
    bench_report_end(&report);
    reader_free(r);
    free(messages);
    return sink == 0;
}
