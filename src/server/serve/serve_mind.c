/* SPDX-License-Identifier: Apache-2.0 */
#include "serve_mind.h"

#include <stdlib.h>
#include <string.h>

#include "crc32c.h"
#include "flow_host.h"
#include "hash.h"
#include "log.h"
#include "mem.h"

#include "kefu/v1/api.pb-c.h"
#include "kefu/v1/flow.pb-c.h"

enum { MIND_ARENA_MAX = 256 * 1024 * 1024 }; /* decoded rows of all kinds */

enum err_code mind_rows_load(struct store *store, struct mind_rows *out, struct err *err)
{
    enum err_code rc;

    *out = (struct mind_rows){ 0 };
    arena_init(&out->arena, MIND_ARENA_MAX);
    rc = rows_load(store, STORE_FLOW, &out->arena, &out->flows, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_FAQ_ENTRY, &out->arena, &out->faq, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_RULE, &out->arena, &out->rules, err);
    if (rc == ERR_OK)
        rc = rows_load(store, STORE_INTENT, &out->arena, &out->intents, err);
    return rc;
}

void mind_rows_free(struct mind_rows *rows)
{
    rows_free(&rows->flows);
    rows_free(&rows->faq);
    rows_free(&rows->rules);
    rows_free(&rows->intents);
    arena_fini(&rows->arena);
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* A version that conversations may be in. */
struct flow_row {
    uint64_t id;
    uint64_t hash; /* of the source */
    const char *name;
    int64_t published_ms;
    struct slice source;
    bool published;
    bool gone; /* replaced long ago */
};

struct flow_rows {
    struct flow_row *items; /* by id, in the arena */
    size_t count;
};

static uint64_t source_hash(struct slice source)
{
    return hash_bytes((struct hash_key){ 0 }, source.ptr, source.len);
}

static enum err_code flow_rows_read(const struct mind_source *source, struct flow_rows *out,
                                    struct err *err)
{
    const struct rows *rows = &source->rows->flows;
    struct arena *arena = &source->rows->arena;

    *out = (struct flow_rows){ arena_zalloc(arena, (rows->count + 1) * sizeof(*out->items)), 0 };
    if (out->items == NULL)
        return err_set(err, ERR_TOO_BIG, "too many flows");
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__Flow *flow = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != source->workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__flow__descriptor, arena, &flow, err);
        if (rc != ERR_OK)
            return rc;
        if (strcmp(flow->state, "draft") == 0)
            continue;
        out->items[out->count++] = (struct flow_row){
            .id = rows->items[i].id,
            .hash = source_hash(slice_of(flow->source)),
            .name = flow->name,
            .published_ms =
                flow->published_at != NULL ? schema_timestamp_ms(flow->published_at) : 0,
            .source = slice_of(flow->source),
            .published = strcmp(flow->state, "published") == 0,
        };
    }
    return ERR_OK;
}

static int flow_row_compare(const void *left, const void *right)
{
    const struct flow_row *a = *(const struct flow_row *const *)left;
    const struct flow_row *b = *(const struct flow_row *const *)right;
    int by_name = strcmp(a->name, b->name);

    if (by_name != 0)
        return by_name;
    return a->published_ms < b->published_ms ? -1 : a->published_ms > b->published_ms;
}

/* What the next version of its name replaced long ago. One that was only retired stays: nothing
 * says when that was, and there are few of them. */
static void flow_rows_age(struct flow_rows *rows, int64_t now_ms)
{
    struct flow_row **sorted = mem_alloc((rows->count + 1) * sizeof(*sorted));

    for (size_t i = 0; i < rows->count; i++)
        sorted[i] = &rows->items[i];
    if (rows->count > 0)
        qsort(sorted, rows->count, sizeof(*sorted), flow_row_compare);
    for (size_t i = 0; i + 1 < rows->count; i++) {
        sorted[i]->gone = !sorted[i]->published &&
                          strcmp(sorted[i]->name, sorted[i + 1]->name) == 0 &&
                          sorted[i + 1]->published_ms < now_ms - MIND_FLOW_KEEP_MS;
    }
    free(sorted);
}

static struct mind_flow *flow_compiled(const struct mind_source *source, const struct flow_row *row,
                                       struct flow_report *report)
{
    struct mind_flow *part;
    struct flow *flow = NULL;

    flow_report_init(report);
    flow_compile(row->source, NULL, NULL, &flow, NULL, report);
    if (flow == NULL) {
        LOG_ERROR("flow_not_usable", KV_ID("workspace", source->workspace), KV_ID("flow", row->id),
                  KV_U64("line", report->findings[0].line),
                  KV_TEXT("error", report->findings[0].text));
        return NULL;
    }
    part = mem_zalloc(sizeof(*part));
    *part = (struct mind_flow){
        .record = row->id, .hash = row->hash, .born = source->load, .flow = flow
    };
    return part;
}

/* Parts and rows are both by record: `at` goes along. */
static struct mind_flow *flow_before(const struct mind *before, size_t *at,
                                     const struct flow_row *row)
{
    while (before != NULL && *at < before->part_count && before->parts[*at]->record < row->id)
        ++*at;
    if (before == NULL || *at == before->part_count || before->parts[*at]->record != row->id ||
        before->parts[*at]->hash != row->hash)
        return NULL;
    return before->parts[*at];
}

static void flows_make(const struct mind_source *source, const struct flow_rows *rows,
                       struct mind *mind)
{
    struct flow_report *report = mem_zalloc(sizeof(*report));
    struct err err;
    size_t at = 0;

    mind->flows = flow_set_create();
    mind->begins = flow_set_create();
    mind->parts = mem_alloc((rows->count + 1) * sizeof(struct mind_flow *));
    for (size_t i = 0; i < rows->count; i++) {
        const struct flow_row *row = &rows->items[i];
        struct mind_flow *part;

        if (row->gone || mind->part_count == FLOW_HOST_FLOWS_MAX)
            continue;
        part = flow_before(source->before, &at, row);
        if (part == NULL)
            part = flow_compiled(source, row, report);
        if (part == NULL)
            continue;
        mind->parts[mind->part_count++] = part;
        /* The same version twice: the first one counts. */
        if (flow_set_share(mind->flows, part->flow, &err) == ERR_OK && row->published)
            (void)!flow_set_share(mind->begins, part->flow, &err);
    }
    free(report);
}

/* ---- bot ------------------------------------------------------------------------------------- */

static struct slice *slices_of(char **texts, size_t n, struct arena *arena)
{
    struct slice *out = arena_alloc(arena, (n + 1) * sizeof(*out));

    for (size_t i = 0; out != NULL && i < n; i++)
        out[i] = slice_of(texts[i]);
    return out;
}

static enum err_code faq_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                              struct bot_faq *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__FaqEntry *entry = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__faq_entry__descriptor, arena, &entry, err);
        if (rc != ERR_OK)
            return rc;
        if (entry->disabled)
            continue;
        out[(*count)++] = (struct bot_faq){
            .id = rows->items[i].id,
            .locale = slice_of(entry->locale),
            .question = slice_of(entry->question),
            .variants = slices_of(entry->variants, entry->n_variants, arena),
            .variant_count = entry->n_variants,
            .answer = slice_of(entry->answer),
        };
    }
    return ERR_OK;
}

static enum err_code rules_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                                struct bot_rule *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__Rule *rule = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__rule__descriptor, arena, &rule, err);
        if (rc != ERR_OK)
            return rc;
        if (rule->disabled)
            continue;
        out[(*count)++] = (struct bot_rule){
            .id = rows->items[i].id,
            .name = slice_of(rule->name),
            .locale = slice_of(rule->locale),
            .any = slices_of(rule->any, rule->n_any, arena),
            .any_count = rule->n_any,
            .all = slices_of(rule->all, rule->n_all, arena),
            .all_count = rule->n_all,
            .none = slices_of(rule->none, rule->n_none, arena),
            .none_count = rule->n_none,
            .condition = slice_of(rule->condition),
            .priority = rule->priority,
            .sites = rule->site_ids,
            .site_count = rule->n_site_ids,
            .active = slice_of(rule->active),
            .hours = slice_of(rule->hours),
            .answer = slice_of(rule->answer),
            .flow = slice_of(rule->flow),
            .handoff = rule->handoff,
        };
        if (!bot_action_parse(slice_of(rule->action), &out[*count - 1].action) ||
            !bot_disguise_parse(slice_of(rule->disguise), &out[*count - 1].disguise))
            return err_set(err, ERR_CORRUPT, "rule %llu: action or disguise is not known",
                           (unsigned long long)rows->items[i].id);
    }
    return ERR_OK;
}

static enum err_code intents_fill(const struct rows *rows, uint64_t workspace, struct arena *arena,
                                  struct bot_intent *out, size_t *count, struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        Kefu__V1__Intent *intent = NULL;
        enum err_code rc;

        if (rows->items[i].workspace != workspace)
            continue;
        rc = row_decode(&rows->items[i], &kefu__v1__intent__descriptor, arena, &intent, err);
        if (rc != ERR_OK)
            return rc;
        if (intent->disabled)
            continue;
        out[(*count)++] = (struct bot_intent){
            .id = rows->items[i].id,
            .name = slice_of(intent->name),
            .title_zh = slice_of(intent->title_zh),
            .title_en = slice_of(intent->title_en),
            .answer_zh = slice_of(intent->answer_zh),
            .answer_en = slice_of(intent->answer_en),
            .handoff = intent->handoff,
        };
    }
    return ERR_OK;
}

static enum err_code bot_make(const struct mind_source *source, struct mind *mind, struct err *err)
{
    struct mind_rows *rows = source->rows;
    struct arena *arena = &rows->arena;
    struct bot_faq *faq = mem_zalloc((rows->faq.count + 1) * sizeof(*faq));
    struct bot_rule *rules = mem_zalloc((rows->rules.count + 1) * sizeof(*rules));
    struct bot_intent *intents = mem_zalloc((rows->intents.count + 1) * sizeof(*intents));
    struct bot_source from = { .faq = faq,
                               .rules = rules,
                               .intents = intents,
                               .model = mind->model.model,
                               .flows = mind->begins,
                               .sites = source->sites,
                               .site_count = source->site_count,
                               .before = source->before != NULL ? source->before->bot : NULL };
    uint64_t id = source->workspace;
    enum err_code rc = faq_fill(&rows->faq, id, arena, faq, &from.faq_count, err);

    if (rc == ERR_OK)
        rc = rules_fill(&rows->rules, id, arena, rules, &from.rule_count, err);
    if (rc == ERR_OK)
        rc = intents_fill(&rows->intents, id, arena, intents, &from.intent_count, err);
    if (rc == ERR_OK)
        rc = bot_create(&from, &mind->bot, err);
    free(faq);
    free(rules);
    free(intents);
    return rc;
}

/* ---- minds ----------------------------------------------------------------------------------- */

static uint64_t rows_mark(uint64_t mark, const struct rows *rows, uint64_t workspace)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct store_record *row = &rows->items[i];

        if (row->workspace != workspace)
            continue;
        mark = hash_u64(mark, row->id);
        mark = hash_u64(mark, row->version << 32 ^ crc32c(0, row->body.ptr, row->body.len));
    }
    return hash_u64(mark, 0); /* the end of a kind */
}

static enum err_code mark_make(const struct mind_source *source, const struct flow_rows *flows,
                               uint64_t *out, struct err *err)
{
    uint64_t mark = hash_u64(source->sites_mark, source->workspace);
    uint64_t model = 0;
    enum err_code rc = learn_live_id(source->store, source->workspace, &model, err);

    for (size_t i = 0; i < flows->count; i++) {
        const struct flow_row *row = &flows->items[i];

        mark = hash_u64(mark, row->id);
        mark = hash_u64(mark, row->hash);
        mark = hash_u64(mark, (uint64_t)row->published + 1);
    }
    mark = hash_u64(mark, model);
    mark = rows_mark(mark, &source->rows->faq, source->workspace);
    mark = rows_mark(mark, &source->rows->rules, source->workspace);
    *out = rows_mark(mark, &source->rows->intents, source->workspace);
    return rc;
}

/* All but the flows. */
static void mind_close(struct mind *mind)
{
    bot_destroy(&mind->bot);
    learn_model_close(&mind->model);
    flow_set_destroy(&mind->begins);
    flow_set_destroy(&mind->flows);
}

static void mind_free(struct mind *mind)
{
    free(mind->parts);
    free(mind);
}

static void part_free(struct mind_flow *part)
{
    flow_destroy(&part->flow);
    free(part);
}

enum err_code mind_make(const struct mind_source *source, const struct mind **out, struct err *err)
{
    struct flow_rows flows;
    struct mind *mind;
    const struct mind *made;
    uint64_t mark = 0;
    enum err_code rc = flow_rows_read(source, &flows, err);

    *out = NULL;
    if (rc == ERR_OK)
        rc = mark_make(source, &flows, &mark, err);
    if (rc != ERR_OK)
        return rc;
    if (source->before != NULL && source->before->mark == mark) {
        *out = source->before;
        return ERR_OK;
    }
    made = mind = mem_zalloc(sizeof(*mind));
    mind->mark = mark;
    mind->born = source->load;
    flow_rows_age(&flows, source->now_ms);
    flows_make(source, &flows, mind);
    rc = learn_live_open(source->store, source->models, source->workspace, &mind->model, err);
    if (rc == ERR_OK)
        rc = bot_make(source, mind, err);
    model_file_rest(&mind->model.map);
    if (rc == ERR_OK)
        *out = made;
    else
        mind_drop(&made, source->load);
    return rc;
}

/* Directories lend minds as what nobody changes; their counts are shard 0's. */
static struct mind *own(const struct mind *mind)
{
    return (struct mind *)(uintptr_t)mind;
}

void mind_drop(const struct mind **mind, uint64_t load)
{
    struct mind *self = *mind != NULL && (*mind)->born == load ? own(*mind) : NULL;

    *mind = NULL;
    if (self == NULL)
        return;
    mind_close(self);
    for (size_t i = 0; i < self->part_count; i++) {
        if (self->parts[i]->born == load)
            part_free(self->parts[i]);
    }
    mind_free(self);
}

void mind_hold(const struct mind *mind)
{
    struct mind *self = own(mind);

    if (self->holders++ > 0)
        return;
    for (size_t i = 0; i < self->part_count; i++)
        self->parts[i]->holders++;
}

void mind_release(const struct mind **mind)
{
    struct mind *self = own(*mind);

    *mind = NULL;
    if (self == NULL)
        return;
    ENSURE(self->holders > 0);
    if (--self->holders > 0)
        return;
    mind_close(self);
    for (size_t i = 0; i < self->part_count; i++) {
        ENSURE(self->parts[i]->holders > 0);
        if (--self->parts[i]->holders == 0)
            part_free(self->parts[i]);
    }
    mind_free(self);
}
