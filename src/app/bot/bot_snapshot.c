/* SPDX-License-Identifier: Apache-2.0 */
/* Making and dropping a snapshot. All that an answer needs is worked out here: keys, indexes, the
 * settings of each site with its overrides laid over the defaults. */
#include "bot_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "mem.h"

enum {
    SNAPSHOT_BYTES_MAX = 1 << 30, /* 100,000 entries of 10 KiB */
    ENTRY_BYTES_MAX = 16 * 1024,  /* of an answer: it is sent as one message */
    QUESTION_BYTES_MAX = SEARCH_DOC_BYTES_MAX,
    SITES_MAX = 10000, /* of a workspace */
};

enum err_code bot_copy(struct bot_build *b, struct slice in, struct slice *out)
{
    char *ptr;

    *out = SLICE_EMPTY;
    if (in.len == 0)
        return ERR_OK;
    ptr = arena_strdup(&b->bot->arena, in);
    if (ptr == NULL)
        return err_set(b->err, ERR_TOO_BIG, "the texts of the bot pass %d bytes",
                       SNAPSHOT_BYTES_MAX);
    *out = slice_make(ptr, in.len);
    return ERR_OK;
}

static uint64_t key_hash(struct slice key)
{
    uint64_t hash = text_gram_hash(TEXT_GRAM_WORD, key);

    return hash != 0 ? hash : 1;
}

static void exact_put(struct bot *bot, struct bot_exact exact)
{
    uint64_t at = exact.hash & bot->exact_mask;

    while (bot->exact[at].hash != 0)
        at = (at + 1) & bot->exact_mask;
    bot->exact[at] = exact;
}

const struct bot_exact *bot_exact_find(const struct bot *bot, struct slice key,
                                       enum bot_language language)
{
    uint64_t hash = key_hash(key);
    const struct bot_exact *found = NULL;

    if (key.len == 0)
        return NULL;
    for (uint64_t at = hash & bot->exact_mask; bot->exact[at].hash != 0;
         at = (at + 1) & bot->exact_mask) {
        const struct bot_exact *exact = &bot->exact[at];

        if (exact->hash != hash || !slice_equal(exact->key, key))
            continue;
        if (!exact->is_topic && bot->entries[exact->at].in_language[language])
            return exact;
        if (found == NULL || (exact->is_topic && !found->is_topic))
            found = exact;
    }
    return found;
}

void bot_exact_reserve(struct bot *bot, size_t count)
{
    bot->exact_mask = 15;
    while (bot->exact_mask + 1 < count * 2)
        bot->exact_mask = bot->exact_mask * 2 + 1;
    bot->exact = mem_zalloc((bot->exact_mask + 1) * sizeof(*bot->exact));
}

static enum err_code exact_add_normalised(struct bot_build *b, struct slice normalised, uint32_t at,
                                          bool is_topic)
{
    struct slice key = text_key(normalised, b->key, sizeof(b->key));
    struct bot_exact exact = { .hash = key_hash(key), .at = at, .is_topic = is_topic };
    enum err_code rc;

    if (key.len == 0)
        return ERR_OK;
    rc = bot_copy(b, key, &exact.key);
    if (rc == ERR_OK)
        exact_put(b->bot, exact);
    return rc;
}

enum err_code bot_exact_add(struct bot_build *b, struct slice text, uint32_t at, bool is_topic)
{
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, b->norm, NULL, sizeof(b->norm));

    return exact_add_normalised(b, norm, at, is_topic);
}

static enum err_code phrasing_add(struct bot_build *b, uint32_t at, struct slice text,
                                  enum search_field field)
{
    struct slice norm = text_normalise_with(text, TEXT_SIMPLIFY, b->norm, NULL, sizeof(b->norm));
    enum err_code rc = ERR_OK;

    for (int language = 0; language < BOT_LANGUAGES && rc == ERR_OK; language++) {
        if (b->bot->entries[at].in_language[language])
            rc = search_builder_add(b->builders[language], b->stemmer, at, field, norm, b->err);
    }
    return rc == ERR_OK ? exact_add_normalised(b, norm, at, false) : rc;
}

static enum err_code faq_fault(struct bot_build *b, size_t at, const char *part, enum err_code code,
                               const char *text)
{
    char field[ERR_FIELD_MAX];

    snprintf(field, sizeof(field), "faq[%zu].%s", at, part);
    return err_set_field(b->err, code, field, "%s", text);
}

static enum err_code faq_check(struct bot_build *b, size_t at, const struct bot_faq *faq)
{
    if (slice_trim(faq->question).len == 0)
        return faq_fault(b, at, "question", ERR_INVALID, "is empty");
    if (slice_trim(faq->answer).len == 0)
        return faq_fault(b, at, "answer", ERR_INVALID, "is empty");
    if (faq->question.len > QUESTION_BYTES_MAX)
        return faq_fault(b, at, "question", ERR_TOO_BIG, "is longer than 1024 bytes");
    if (faq->answer.len > ENTRY_BYTES_MAX)
        return faq_fault(b, at, "answer", ERR_TOO_BIG, "is longer than 16384 bytes");
    if (faq->variant_count > BOT_VARIANTS_MAX)
        return faq_fault(b, at, "variants", ERR_TOO_BIG, "are more than 64");
    for (size_t i = 0; i < faq->variant_count; i++) {
        if (faq->variants[i].len > QUESTION_BYTES_MAX)
            return faq_fault(b, at, "variants", ERR_TOO_BIG, "one is longer than 1024 bytes");
    }
    return ERR_OK;
}

static enum err_code faq_add(struct bot_build *b, size_t at, const struct bot_faq *faq)
{
    struct bot_entry *entry = &b->bot->entries[at];
    enum err_code rc = faq_check(b, at, faq);

    if (rc != ERR_OK)
        return rc;
    entry->id = faq->id;
    for (int language = 0; language < BOT_LANGUAGES; language++)
        entry->in_language[language] =
            faq->locale.len == 0 || bot_language_of(faq->locale) == (enum bot_language)language;
    rc = bot_copy(b, faq->question, &entry->question);
    if (rc == ERR_OK)
        rc = bot_copy(b, faq->answer, &entry->answer);
    if (rc == ERR_OK)
        rc = phrasing_add(b, (uint32_t)at, faq->question, SEARCH_QUESTION);
    for (size_t i = 0; i < faq->variant_count && rc == ERR_OK; i++)
        rc = phrasing_add(b, (uint32_t)at, faq->variants[i], SEARCH_VARIANT);
    return rc;
}

static enum err_code faq_build(struct bot_build *b, const struct bot_source *source)
{
    struct bot *bot = b->bot;
    size_t phrasings = 0;
    enum err_code rc = ERR_OK;

    if (source->faq_count > BOT_ENTRIES_MAX)
        return err_set_field(b->err, ERR_TOO_BIG, "faq", "more than %d entries", BOT_ENTRIES_MAX);
    for (size_t i = 0; i < source->faq_count; i++)
        phrasings += 1 + source->faq[i].variant_count;
    bot_exact_reserve(bot, phrasings + source->intent_count * BOT_LANGUAGES);
    bot->entries = mem_zalloc((source->faq_count + 1) * sizeof(*bot->entries));
    bot->entry_count = source->faq_count;
    for (size_t i = 0; i < source->faq_count && rc == ERR_OK; i++)
        rc = faq_add(b, i, &source->faq[i]);
    for (int language = 0; language < BOT_LANGUAGES && rc == ERR_OK; language++)
        bot->index[language] = search_builder_make(b->builders[language]);
    return rc;
}

static void settings_default(struct bot_site_settings *settings)
{
    *settings = (struct bot_site_settings){ .language = BOT_ENGLISH };
    for (int i = 0; i < BOT_RUNG_COUNT; i++)
        settings->rungs[i].threshold = bot_rungs[i].default_threshold;
}

static int rung_by_name(struct slice name)
{
    for (int i = 0; i < BOT_RUNG_COUNT; i++) {
        if (slice_equal_text(name, bot_rungs[i].name))
            return i;
    }
    return -1;
}

static enum err_code ladder_override(struct bot_build *b, size_t site_at,
                                     const struct bot_site *site, struct bot_site_settings *out)
{
    char field[ERR_FIELD_MAX];

    for (size_t i = 0; i < site->ladder_count; i++) {
        const struct bot_rung_setting *in = &site->ladder[i];
        int rung = rung_by_name(in->rung);

        snprintf(field, sizeof(field), "sites[%zu].ladder[%zu].%s", site_at, i,
                 rung < 0 ? "rung" : "threshold");
        if (rung < 0)
            return err_set_field(b->err, ERR_INVALID, field, "no such rung");
        if (!(in->threshold >= 0.0 && in->threshold <= 1.0))
            return err_set_field(b->err, ERR_INVALID, field, "must be 0 to 1");
        /* Asking for a person always works, and there is always an answer. */
        out->rungs[rung].off = in->off && rung != BOT_RUNG_HUMAN_PHRASE && rung != BOT_RUNG_HUMAN;
        if (in->threshold > 0.0)
            out->rungs[rung].threshold = in->threshold;
    }
    return ERR_OK;
}

static int site_compare(const void *left, const void *right)
{
    const struct bot_site_settings *a = left;
    const struct bot_site_settings *b = right;

    return a->id < b->id ? -1 : a->id > b->id;
}

static enum err_code sites_build(struct bot_build *b, const struct bot_source *source)
{
    struct bot *bot = b->bot;
    enum err_code rc = ERR_OK;

    if (source->site_count > SITES_MAX)
        return err_set_field(b->err, ERR_TOO_BIG, "sites", "more than %d", SITES_MAX);
    settings_default(&bot->defaults);
    bot->sites = mem_zalloc((source->site_count + 1) * sizeof(*bot->sites));
    bot->site_count = source->site_count;
    for (size_t i = 0; i < source->site_count && rc == ERR_OK; i++) {
        const struct bot_site *in = &source->sites[i];
        struct bot_site_settings *out = &bot->sites[i];

        settings_default(out);
        out->id = in->id;
        out->bot_off = in->bot_off;
        out->language = bot_language_of(in->locale);
        rc = ladder_override(b, i, in, out);
        if (rc == ERR_OK)
            rc = bot_copy(b, slice_trim(in->greeting_zh), &out->greeting[BOT_CHINESE]);
        if (rc == ERR_OK)
            rc = bot_copy(b, slice_trim(in->greeting_en), &out->greeting[BOT_ENGLISH]);
    }
    if (rc == ERR_OK && bot->site_count > 1)
        qsort(bot->sites, bot->site_count, sizeof(*bot->sites), site_compare);
    return rc;
}

const struct bot_site_settings *bot_site_find(const struct bot *bot, uint64_t site_id)
{
    size_t low = 0;
    size_t high = bot->site_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (bot->sites[middle].id == site_id)
            return &bot->sites[middle];
        if (bot->sites[middle].id < site_id)
            low = middle + 1;
        else
            high = middle;
    }
    return &bot->defaults;
}

enum err_code bot_create(const struct bot_source *source, struct bot **out, struct err *err)
{
    struct bot_build *b = mem_zalloc(sizeof(*b));
    struct bot *bot = mem_zalloc(sizeof(*bot));
    enum err_code rc;

    arena_init(&bot->arena, SNAPSHOT_BYTES_MAX);
    bot->flows = source->flows;
    b->bot = bot;
    b->err = err;
    b->stemmer = text_stemmer_create();
    b->intent = source->model != NULL ? intent_scratch_create() : NULL;
    for (int i = 0; i < BOT_LANGUAGES; i++)
        b->builders[i] = search_builder_create();
    rc = faq_build(b, source);
    if (rc == ERR_OK)
        rc = bot_rules_build(b, source);
    if (rc == ERR_OK)
        rc = bot_topics_build(b, source);
    if (rc == ERR_OK)
        rc = sites_build(b, source);
    if (rc == ERR_OK) {
        *out = bot;
        bot = NULL;
    }
    for (int i = 0; i < BOT_LANGUAGES; i++)
        search_builder_destroy(&b->builders[i]);
    text_stemmer_destroy(&b->stemmer);
    intent_scratch_destroy(&b->intent);
    free(b);
    bot_destroy(&bot);
    return rc;
}

void bot_destroy(struct bot **bot)
{
    if (*bot == NULL)
        return;
    for (int i = 0; i < BOT_LANGUAGES; i++)
        search_index_destroy(&(*bot)->index[i]);
    bot_rules_drop(&(*bot)->rules);
    bot_rules_drop(&(*bot)->guard);
    free((*bot)->rule_answers);
    free((*bot)->topics);
    free((*bot)->topic_of);
    free((*bot)->entries);
    free((*bot)->exact);
    free((*bot)->sites);
    arena_fini(&(*bot)->arena);
    free(*bot);
    *bot = NULL;
}

size_t bot_bytes(const struct bot *bot)
{
    size_t bytes =
        sizeof(*bot) + bot->arena.total + rules_set_bytes(bot_rules_set(&bot->rules)) +
        rules_set_bytes(bot_rules_set(&bot->guard)) + bot->topic_count * sizeof(*bot->topics) +
        (bot->exact_mask + 1) * sizeof(*bot->exact) + bot->entry_count * sizeof(*bot->entries) +
        bot->rule_count * sizeof(*bot->rule_answers) + bot->site_count * sizeof(*bot->sites);

    for (int i = 0; i < BOT_LANGUAGES; i++)
        bytes += search_index_bytes(bot->index[i]);
    return bytes;
}

struct bot_scratch *bot_scratch_create(void)
{
    struct bot_scratch *scratch = mem_zalloc(sizeof(*scratch));

    scratch->stemmer = text_stemmer_create();
    scratch->search = search_scratch_create();
    scratch->rules = rules_scratch_create();
    scratch->guard = rules_scratch_create();
    scratch->intent = intent_scratch_create();
    scratch->entity = entity_scratch_create();
    return scratch;
}

void bot_scratch_destroy(struct bot_scratch **scratch)
{
    if (*scratch == NULL)
        return;
    text_stemmer_destroy(&(*scratch)->stemmer);
    search_scratch_destroy(&(*scratch)->search);
    rules_scratch_destroy(&(*scratch)->rules);
    rules_scratch_destroy(&(*scratch)->guard);
    intent_scratch_destroy(&(*scratch)->intent);
    entity_scratch_destroy(&(*scratch)->entity);
    free(*scratch);
    *scratch = NULL;
}
