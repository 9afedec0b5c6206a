/* SPDX-License-Identifier: Apache-2.0 */
/* Examples out of the store, and which model is live. */
#include "learn.h"

#include <stdlib.h>
#include <string.h>

#include "learn_priv.h"
#include "log.h"
#include "mem.h"
#include "schema.h"

enum err_code learn_decode(const struct store_record *record,
                           const ProtobufCMessageDescriptor *desc, struct arena *arena, void *out,
                           struct err *err)
{
    ProtobufCMessage *msg = NULL;
    enum err_code rc = schema_proto_decode(desc, record->body, arena, &msg, err);

    memcpy(out, &msg, sizeof(msg));
    return rc;
}

enum err_code learn_encode(struct arena *arena, const ProtobufCMessage *msg, struct slice *out,
                           struct err *err)
{
    size_t len = protobuf_c_message_get_packed_size(msg);
    uint8_t *bytes = arena_alloc(arena, len + 1);

    if (bytes == NULL || len > STORE_BODY_MAX)
        return err_set(err, ERR_TOO_BIG, "record over %d bytes", STORE_BODY_MAX);
    protobuf_c_message_pack(msg, bytes);
    *out = slice_make(bytes, len);
    return ERR_OK;
}

enum err_code learn_walk(struct store *store, enum store_kind kind, uint64_t workspace,
                         learn_visit *visit, void *ctx, struct err *err)
{
    struct store_record_query query = { .kind = kind,
                                        .workspace = workspace,
                                        .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };
    struct arena arena;
    enum err_code rc = ERR_OK;

    arena_init(&arena, LEARN_PAGE_BYTES_MAX);
    while (rc == ERR_OK && page.more) {
        arena_reset(&arena);
        rc = store_record_list(store, &query, &arena, &page, err);
        for (size_t i = 0; rc == ERR_OK && i < page.n; i++) {
            rc = visit(ctx, &page.items[i], &arena, err);
            query.after = page.items[i].id;
        }
    }
    arena_fini(&arena);
    return rc;
}

/* ---- examples -------------------------------------------------------------------------------- */

struct gather {
    struct example_set *set;
    struct map_u64 names; /* id of the intent -> its name, owned */
    bool enabled;
    uint32_t line;
};

static enum err_code intent_visit(void *ctx, const struct store_record *record, struct arena *arena,
                                  struct err *err)
{
    struct gather *gather = ctx;
    Kefu__V1__Intent *intent = NULL;
    enum err_code rc = learn_decode(record, &kefu__v1__intent__descriptor, arena, &intent, err);
    char *name;

    if (rc != ERR_OK || (gather->enabled && intent->disabled))
        return rc;
    name = mem_strndup(intent->name, strlen(intent->name));
    if (map_u64_put(&gather->names, record->id, name))
        return ERR_OK;
    free(name);
    return err_set(err, ERR_TOO_BIG, "more than %d intents", EXAMPLES_INTENTS_MAX);
}

static enum err_code example_visit(void *ctx, const struct store_record *record,
                                   struct arena *arena, struct err *err)
{
    struct gather *gather = ctx;
    const char *name = map_u64_get(&gather->names, record->parent);
    Kefu__V1__Example *example = NULL;
    enum err_code rc;

    if (name == NULL)
        return ERR_OK; /* of an intent that is gone or switched off */
    rc = learn_decode(record, &kefu__v1__example__descriptor, arena, &example, err);
    if (rc != ERR_OK)
        return rc;
    return example_set_add(gather->set, slice_of(name), slice_of(example->text), ++gather->line,
                           err);
}

enum err_code learn_examples(struct store *store, uint64_t workspace, bool enabled,
                             struct example_set *out, struct err *err)
{
    struct gather gather = { .set = out, .enabled = enabled };
    size_t cursor = 0;
    char *name;
    enum err_code rc;

    map_u64_init(&gather.names, EXAMPLES_INTENTS_MAX, 1);
    rc = learn_walk(store, STORE_INTENT, workspace, intent_visit, &gather, err);
    if (rc == ERR_OK)
        rc = learn_walk(store, STORE_EXAMPLE, workspace, example_visit, &gather, err);
    while ((name = map_u64_next(&gather.names, &cursor, NULL)) != NULL)
        free(name);
    map_u64_fini(&gather.names);
    return rc;
}

/* ---- models ---------------------------------------------------------------------------------- */

enum err_code learn_models(struct store *store, uint64_t workspace, struct arena *arena,
                           struct learn_models *out, struct err *err)
{
    const struct store_record_query query = { .kind = STORE_MODEL,
                                              .workspace = workspace,
                                              .descending = true,
                                              .limit = LEARN_MODELS_MAX * 2 };
    struct store_records page;
    enum err_code rc = store_record_list(store, &query, arena, &page, err);

    *out = (struct learn_models){ 0 };
    if (rc != ERR_OK)
        return rc;
    out->items = arena_alloc(arena, (page.n + 1) * sizeof(*out->items));
    if (out->items == NULL)
        return err_set(err, ERR_TOO_BIG, "too many models");
    for (size_t i = 0; i < page.n; i++) {
        rc = learn_decode(&page.items[i], &kefu__v1__model__descriptor, arena, &out->items[i], err);
        if (rc != ERR_OK)
            return rc;
        out->items[i]->id = page.items[i].id;
        out->items[i]->version = page.items[i].version;
    }
    out->n = page.n;
    return ERR_OK;
}

static enum err_code live_change(Kefu__V1__Model *model, uint64_t workspace, bool live,
                                 struct arena *arena, struct store_change *out, struct err *err)
{
    model->live = live;
    *out = (struct store_change){ .op = STORE_UPDATE, .kind = STORE_MODEL };
    out->record.id = model->id;
    out->record.workspace = workspace;
    out->record.version = model->version;
    return learn_encode(arena, &model->base, &out->record.body, err);
}

enum err_code learn_publish_changes(const struct learn_models *models, uint64_t workspace,
                                    uint64_t id, struct arena *arena, struct store_change *changes,
                                    size_t *count, struct err *err)
{
    enum err_code rc = ERR_OK;

    *count = 0;
    for (size_t i = 0; i < models->n && rc == ERR_OK; i++) {
        Kefu__V1__Model *model = models->items[i];

        if (model->live != (model->id == id))
            rc = live_change(model, workspace, model->id == id, arena, &changes[(*count)++], err);
    }
    return rc;
}

enum err_code learn_model_open(const char *folder, uint64_t id, struct learn_model *out,
                               struct err *err)
{
    enum err_code rc;

    *out = (struct learn_model){ .id = id };
    rc = model_file_map(folder, id, INTENT_MODEL_BYTES_MAX, &out->map, err);
    if (rc == ERR_OK)
        rc = intent_model_open(slice_make(out->map.bytes, out->map.len), &out->model, err);
    if (rc != ERR_OK)
        learn_model_close(out);
    return rc;
}

void learn_model_close(struct learn_model *model)
{
    intent_model_close(&model->model);
    model_file_unmap(&model->map);
    model->id = 0;
}

enum err_code learn_live_id(struct store *store, uint64_t workspace, uint64_t *id, struct err *err)
{
    struct learn_models models;
    struct arena arena;
    enum err_code rc;

    *id = 0;
    arena_init(&arena, LEARN_PAGE_BYTES_MAX);
    rc = learn_models(store, workspace, &arena, &models, err);
    for (size_t i = 0; rc == ERR_OK && i < models.n && *id == 0; i++)
        *id = models.items[i]->live ? models.items[i]->id : 0;
    arena_fini(&arena);
    return rc;
}

static bool open_or_log(const char *folder, const Kefu__V1__Model *model, struct learn_model *out)
{
    struct err err = { 0 };

    if (learn_model_open(folder, model->id, out, &err) == ERR_OK)
        return true;
    LOG_ERROR("model_refused", KV_ID("model", model->id), KV_ERR(&err));
    return false;
}

enum err_code learn_live_open(struct store *store, const char *folder, uint64_t workspace,
                              struct learn_model *out, struct err *err)
{
    struct learn_models models;
    bool found = false;
    bool open = false;
    struct arena arena;
    enum err_code rc;

    *out = (struct learn_model){ 0 };
    arena_init(&arena, LEARN_PAGE_BYTES_MAX);
    rc = learn_models(store, workspace, &arena, &models, err);
    for (size_t i = 0; rc == ERR_OK && i < models.n && !found; i++) {
        found = models.items[i]->live;
        open = found && open_or_log(folder, models.items[i], out);
    }
    for (size_t i = 0; rc == ERR_OK && found && !open && i < models.n; i++) {
        if (!models.items[i]->live && strcmp(models.items[i]->status, "ready") == 0)
            open = open_or_log(folder, models.items[i], out);
    }
    arena_fini(&arena);
    return rc;
}
