/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that ended at the clarify or the human rung, kept apart from the conversations that
 * they were asked in: without what names a person, so that erasing a visitor has nothing to do
 * here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "intent_near.h"
#include "learn_priv.h"
#include "mem.h"
#include "schema.h"
#include "text.h"
#include "utf8.h"

enum { PAIRS_MAX = 100000, FORMS_SHOWN_MAX = 20, GUESSES = 3, NORM_MAX = 4096 };

static const float near_min = 0.5f; /* shared features of two forms of one question */
static const float sure_max = 0.3f; /* doubt below it is not worth anybody's time */

/* ---- keeping --------------------------------------------------------------------------------- */

/* Things of a person; what is left (dates, amounts, products) says what the question is about. */
static bool is_personal(const char *kind)
{
    static const char *const kinds[] = { "phone", "email", "id_card", "order", "tracking", "url" };

    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    }
    return false;
}

static void put(struct learn_question *out, size_t *len, const char *text, size_t n)
{
    for (size_t i = 0; i < n && *len < LEARN_UNCLEAR_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)text[i];

        out->text[(*len)++] = (char)(c < ' ' ? ' ' : c);
    }
}

bool learn_question_make(struct slice text, const struct bot_reply *reply,
                         struct learn_question *out)
{
    size_t len = 0;
    size_t at = 0;

    *out = (struct learn_question){ .count = 1 };
    snprintf(out->locale, sizeof(out->locale), "%s", reply->locale);
    for (size_t i = 0; i < reply->entity_count; i++) {
        const struct bot_entity *entity = &reply->entities[i];

        if (!is_personal(entity->kind) || entity->start < at ||
            entity->start + entity->len > text.len)
            continue;
        put(out, &len, text.ptr + at, entity->start - at);
        put(out, &len, "<", 1);
        put(out, &len, entity->kind, strlen(entity->kind));
        put(out, &len, ">", 1);
        at = entity->start + entity->len;
    }
    put(out, &len, text.ptr + at, text.len - at);
    while (len > 0 && !utf8_valid(slice_make(out->text, len)))
        len--;
    out->text[len] = '\0';
    return slice_trim(slice_make(out->text, len)).len > 0;
}

static void lookup_make(const char *text, char out[17])
{
    static const struct hash_key hash = { 0x756E636C65617231U, 0x7175657374696F6EU };
    char norm[NORM_MAX];
    char key[NORM_MAX];
    struct slice form =
        text_normalise_with(slice_of(text), TEXT_SIMPLIFY, norm, NULL, sizeof(norm));
    struct slice letters = text_key(form, key, sizeof(key));

    if (letters.len == 0)
        letters = form;
    snprintf(out, 17, "%016llx", (unsigned long long)hash_bytes(hash, letters.ptr, letters.len));
}

static enum err_code merge_one(struct store *store, const struct learn_question *question,
                               int64_t now_ms, struct arena *arena, struct err *err)
{
    Kefu__V1__UnclearQuestion fresh = KEFU__V1__UNCLEAR_QUESTION__INIT;
    Kefu__V1__UnclearQuestion *known = &fresh;
    Google__Protobuf__Timestamp at;
    struct store_change change = { .op = STORE_INSERT, .kind = STORE_UNCLEAR };
    char lookup[17];
    bool found = false;
    enum err_code rc;

    lookup_make(question->text, lookup);
    rc = store_record_by_lookup(store, STORE_UNCLEAR, question->workspace, slice_of(lookup), arena,
                                &change.record, &found, err);
    if (rc == ERR_OK && found) {
        change.op = STORE_UPDATE;
        rc = learn_decode(&change.record, &kefu__v1__unclear_question__descriptor, arena, &known,
                          err);
    } else if (rc == ERR_OK) {
        change.record = (struct store_record){ .created_at = now_ms };
        /* Text and workspace name the question, so they name its record as well. */
        change.record.id = hash_u64(question->workspace, strtoull(lookup, NULL, 16)) >> 1 | 1;
        fresh.text = arena_strdup(arena, slice_of(question->text));
        fresh.locale = arena_strdup(arena, slice_of(question->locale));
    }
    if (rc != ERR_OK)
        return rc;
    change.record.workspace = question->workspace;
    change.record.lookup = slice_of(lookup);
    known->count += question->count;
    schema_timestamp_set(&at, now_ms);
    known->last_at = &at;
    rc = learn_encode(arena, &known->base, &change.record.body, err);
    if (rc == ERR_OK)
        rc = store_admin_run(store, &change, 1, NULL, err);
    return rc == ERR_CONFLICT ? ERR_OK : rc; /* dismissed or counted by another node meanwhile */
}

struct rare {
    uint64_t id;
    uint32_t count;
    int64_t seen_s;
};

struct rares {
    struct rare *items;
    size_t count;
};

static enum err_code rare_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                struct err *err)
{
    struct rares *rares = ctx;
    Kefu__V1__UnclearQuestion *question = NULL;
    enum err_code rc =
        learn_decode(record, &kefu__v1__unclear_question__descriptor, arena, &question, err);

    if (rc != ERR_OK)
        return rc;
    rares->items = mem_realloc(rares->items, (rares->count + 1) * sizeof(*rares->items));
    rares->items[rares->count++] =
        (struct rare){ record->id, question->count,
                       question->last_at != NULL ? question->last_at->seconds : 0 };
    return ERR_OK;
}

static int rare_compare(const void *left, const void *right)
{
    const struct rare *a = left;
    const struct rare *b = right;

    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return (a->seen_s > b->seen_s) - (a->seen_s < b->seen_s);
}

/* A tenth at once: room is made seldom. */
static enum err_code room_make(struct store *store, uint64_t workspace, struct err *err)
{
    struct rares rares = { 0 };
    enum err_code rc = learn_walk(store, STORE_UNCLEAR, workspace, rare_visit, &rares, err);
    size_t surplus = rares.count > LEARN_UNCLEAR_MAX
                         ? rares.count - LEARN_UNCLEAR_MAX + LEARN_UNCLEAR_MAX / 10
                         : 0;

    if (surplus > 0)
        qsort(rares.items, rares.count, sizeof(*rares.items), rare_compare);
    for (size_t i = 0; i < surplus && rc == ERR_OK; i++) {
        struct store_change change = { .op = STORE_DELETE, .kind = STORE_UNCLEAR };

        change.record.id = rares.items[i].id;
        rc = store_admin_run(store, &change, 1, NULL, err);
        rc = rc == ERR_NOT_FOUND ? ERR_OK : rc;
    }
    free(rares.items);
    return rc;
}

enum err_code learn_unclear_merge(struct store *store, const struct learn_question *questions,
                                  size_t count, int64_t now_ms, struct err *err)
{
    struct arena arena;
    enum err_code rc = ERR_OK;

    arena_init(&arena, LEARN_PAGE_BYTES_MAX);
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        arena_reset(&arena);
        rc = merge_one(store, &questions[i], now_ms, &arena, err);
    }
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        if (i == 0 || questions[i].workspace != questions[i - 1].workspace)
            rc = room_make(store, questions[i].workspace, err);
    }
    arena_fini(&arena);
    return rc;
}

/* ---- showing --------------------------------------------------------------------------------- */

struct group {
    uint32_t best; /* the form asked most often */
    uint32_t count, forms;
    double doubt;
    struct intent_result guess;
};

struct list {
    struct arena *arena;
    Kefu__V1__UnclearQuestion **items;
    struct slice *texts;
    uint32_t *parents;
    size_t count;
    struct group *groups; /* by root */
    uint32_t *order;      /* roots worth showing */
    size_t shown;
};

static enum err_code list_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                struct err *err)
{
    struct list *list = ctx;
    Kefu__V1__UnclearQuestion *question = NULL;
    enum err_code rc;

    (void)arena;
    if (list->count == LEARN_UNCLEAR_MAX * 2)
        return ERR_OK;
    rc = learn_decode(record, &kefu__v1__unclear_question__descriptor, list->arena, &question, err);
    if (rc != ERR_OK)
        return rc;
    question->id = record->id;
    list->items[list->count] = question;
    list->texts[list->count++] = slice_of(question->text);
    return ERR_OK;
}

static uint32_t root_of(uint32_t *parents, uint32_t at)
{
    while (parents[at] != at) {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    return at;
}

static void groups_find(struct list *list)
{
    struct intent_pair *pairs = mem_alloc(PAIRS_MAX * sizeof(*pairs));
    size_t found = intent_near_pairs(list->texts, list->count, near_min, pairs, PAIRS_MAX);

    for (uint32_t i = 0; i < list->count; i++)
        list->parents[i] = i;
    for (size_t i = 0; i < found; i++) {
        uint32_t a = root_of(list->parents, pairs[i].a);
        uint32_t b = root_of(list->parents, pairs[i].b);

        list->parents[a > b ? a : b] = a < b ? a : b;
    }
    free(pairs);
    for (uint32_t i = 0; i < list->count; i++) {
        struct group *group = &list->groups[root_of(list->parents, i)];

        if (group->forms++ == 0 || list->items[i]->count > list->items[group->best]->count)
            group->best = i;
        group->count += list->items[i]->count;
    }
}

static void doubts_find(struct list *list, const struct intent_model *model)
{
    struct intent_scratch *scratch = model != NULL ? intent_scratch_create() : NULL;

    for (uint32_t i = 0; i < list->count; i++) {
        struct group *group = &list->groups[i];

        if (group->forms == 0)
            continue;
        group->doubt = 1.0;
        if (model != NULL)
            intent_predict(model, scratch, list->texts[group->best], GUESSES, &group->guess);
        if (group->guess.count > 0 && group->guess.in_scope) {
            double next = group->guess.count > 1 ? (double)group->guess.hits[1].score : 0.0;

            group->doubt = 1.0 - ((double)group->guess.hits[0].score - next);
        }
        if (!group->guess.exact && group->doubt >= (double)sure_max)
            list->order[list->shown++] = i;
    }
    intent_scratch_destroy(&scratch);
}

static void order_sort(struct list *list)
{
    for (size_t i = 1; i < list->shown; i++) {
        uint32_t moved = list->order[i];
        double worth = list->groups[moved].doubt * list->groups[moved].count;
        size_t at = i;

        while (at > 0 &&
               list->groups[list->order[at - 1]].doubt * list->groups[list->order[at - 1]].count <
                   worth) {
            list->order[at] = list->order[at - 1];
            at--;
        }
        list->order[at] = moved;
    }
}

static bool group_fill(struct list *list, uint32_t root, const struct intent_model *model)
{
    const struct group *group = &list->groups[root];
    Kefu__V1__UnclearQuestion *out = list->items[group->best];
    Kefu__V1__TraceCandidate *guesses = arena_alloc(list->arena, GUESSES * sizeof(*guesses));

    out->ids = arena_alloc(list->arena, (group->forms + 1) * sizeof(*out->ids));
    out->forms = arena_alloc(list->arena, (group->forms + 1) * sizeof(*out->forms));
    out->guesses = arena_alloc(list->arena, GUESSES * sizeof(*out->guesses));
    if (guesses == NULL || out->ids == NULL || out->forms == NULL || out->guesses == NULL)
        return false;
    for (uint32_t i = 0; i < list->count; i++) {
        if (root_of(list->parents, i) != root)
            continue;
        out->ids[out->n_ids++] = list->items[i]->id;
        if (i != group->best && out->n_forms < FORMS_SHOWN_MAX)
            out->forms[out->n_forms++] = list->items[i]->text;
    }
    for (unsigned i = 0; i < group->guess.count && i < GUESSES; i++) {
        kefu__v1__trace_candidate__init(&guesses[i]);
        guesses[i].text =
            arena_strdup(list->arena, intent_model_name(model, group->guess.hits[i].intent));
        guesses[i].score = (double)group->guess.hits[i].score;
        if (guesses[i].text == NULL)
            return false;
        out->guesses[out->n_guesses++] = &guesses[i];
    }
    out->count = group->count;
    out->doubt = group->doubt;
    return true;
}

static enum err_code list_fill(struct list *list, const struct intent_model *model,
                               Kefu__V1__UnclearList *out, struct err *err)
{
    groups_find(list);
    doubts_find(list, model);
    order_sort(list);
    out->items = arena_alloc(list->arena, (LEARN_UNCLEAR_LISTED_MAX + 1) * sizeof(*out->items));
    for (size_t i = 0; i < list->shown && i < LEARN_UNCLEAR_LISTED_MAX; i++) {
        if (out->items == NULL || !group_fill(list, list->order[i], model))
            return err_set(err, ERR_TOO_BIG, "too many questions");
        out->items[out->n_items++] = list->items[list->groups[list->order[i]].best];
    }
    return ERR_OK;
}

enum err_code learn_unclear_list(struct store *store, const char *folder, uint64_t workspace,
                                 struct arena *arena, Kefu__V1__UnclearList *out, struct err *err)
{
    size_t room = LEARN_UNCLEAR_MAX * 2;
    struct list list = {
        .arena = arena,
        .items = mem_zalloc(room * sizeof(*list.items)),
        .texts = mem_zalloc(room * sizeof(*list.texts)),
        .parents = mem_zalloc(room * sizeof(*list.parents)),
        .groups = mem_zalloc(room * sizeof(*list.groups)),
        .order = mem_zalloc(room * sizeof(*list.order)),
    };
    struct learn_model live;
    enum err_code rc = learn_walk(store, STORE_UNCLEAR, workspace, list_visit, &list, err);

    if (rc == ERR_OK)
        rc = learn_live_open(store, folder, workspace, &live, err);
    if (rc == ERR_OK) {
        rc = list_fill(&list, live.model, out, err);
        learn_model_close(&live);
    }
    free(list.items);
    free(list.texts);
    free(list.parents);
    free(list.groups);
    free(list.order);
    return rc;
}
