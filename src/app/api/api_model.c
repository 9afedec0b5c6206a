/* SPDX-License-Identifier: Apache-2.0 */
/* Models: trained, looked at, published, rolled back; the bot asked without a conversation; and
 * what it did not understand. Publishing is a change of records: shards take the new model with
 * their next directory, without a pause. */
#include "api_priv.h"

#include "learn.h"
#include "limit.h"

enum { DISMISSED_MAX = 1000 };

static const struct api_resource models = {
    .name = "models",
    .kind = STORE_MODEL,
    .desc = &kefu__v1__model__descriptor,
    .list = &kefu__v1__model_list__descriptor,
};

static bool is_running(const Kefu__V1__Model *model)
{
    return strcmp(model->status, "queued") == 0 || strcmp(model->status, "training") == 0 ||
           strcmp(model->status, "cancelling") == 0;
}

static enum err_code models_load(struct api_call *call, struct learn_models *out, struct err *err)
{
    if (call->api->models == NULL)
        return err_set(err, ERR_UNSUPPORTED, "no models here");
    return learn_models(call->api->store, call->who.workspace_id, call->arena, out, err);
}

static enum err_code model_find(struct api_call *call, const struct learn_models *all,
                                Kefu__V1__Model **out, struct err *err)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i]->id == call->id) {
            *out = all->items[i];
            return ERR_OK;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no such models");
}

static enum err_code model_load(struct api_call *call, Kefu__V1__Model **out, struct err *err)
{
    struct learn_models all;
    enum err_code rc = models_load(call, &all, err);

    return rc == ERR_OK ? model_find(call, &all, out, err) : rc;
}

/* One change of a model's record, with its audit; answers with the model. */
static enum err_code model_commit(struct api_call *call, enum store_change_op op,
                                  Kefu__V1__Model *model, const char *action, struct err *err)
{
    struct store_change changes[3] = { { .op = op, .kind = STORE_MODEL } };
    struct api_commit commit = {
        .changes = changes, .count = 1, .action = action, .target = model->id
    };
    struct store_record *record = &changes[0].record;
    enum err_code rc;

    record->id = model->id;
    record->workspace = call->who.workspace_id;
    record->version = model->version;
    record->created_at = call->now_ms;
    rc = api_encode(call->arena, &model->base, &record->body, err);
    model->version++;
    call->answer = &model->base;
    return rc == ERR_OK ? api_commit_run(call, &commit, err) : rc;
}

static enum err_code model_train(struct api_call *call, struct err *err)
{
    const Kefu__V1__ModelTrain *asked = (const Kefu__V1__ModelTrain *)call->body;
    Kefu__V1__Model *model = api_message_new(call, &kefu__v1__model__descriptor, err);
    struct learn_models all;
    enum err_code rc;

    if (model == NULL)
        return err->code;
    if (asked->quality[0] != '\0' && strcmp(asked->quality, "fast") != 0 &&
        strcmp(asked->quality, "best") != 0)
        return err_set_field(err, ERR_INVALID, "quality", "fast or best");
    rc = models_load(call, &all, err);
    for (size_t i = 0; i < all.n && rc == ERR_OK; i++) {
        if (is_running(all.items[i]))
            rc = err_set(err, ERR_CONFLICT, "a model is being trained already");
    }
    if (rc != ERR_OK)
        return rc;
    model->id = api_id_new(call->api);
    model->status = arena_strdup(call->arena, SLICE_LITERAL("queued"));
    model->quality = asked->quality[0] != '\0' ? asked->quality
                                               : arena_strdup(call->arena, SLICE_LITERAL("fast"));
    model->publish = asked->publish;
    model->actor = arena_strdup(call->arena, slice_of(call->who.name));
    model->created_at = api_timestamp(call, call->now_ms);
    call->reply->status = 202;
    rc = model_commit(call, STORE_INSERT, model, "models.train", err);
    if (rc != ERR_OK)
        return rc;
    call->reply->train = model->id;
    call->reply->effects |= API_EFFECT_TRAIN;
    return ERR_OK;
}

static enum err_code model_cancel(struct api_call *call, struct err *err)
{
    Kefu__V1__Model *model = NULL;
    enum err_code rc = model_load(call, &model, err);
    bool queued;

    if (rc != ERR_OK)
        return rc;
    if (!is_running(model))
        return err_set(err, ERR_CONFLICT, "nothing to cancel: it is %s", model->status);
    queued = strcmp(model->status, "queued") == 0;
    model->status = arena_strdup(call->arena, slice_of(queued ? "cancelled" : "cancelling"));
    return model_commit(call, STORE_UPDATE, model, "models.cancel", err);
}

/* What can't be opened is not published, and the live one stays. */
static enum err_code model_proved(struct api_call *call, const Kefu__V1__Model *model,
                                  struct err *err)
{
    struct learn_model file;
    struct err fault = { 0 };

    if (strcmp(model->status, "ready") != 0)
        return err_set(err, ERR_CONFLICT, "the model is %s", model->status);
    if (learn_model_open(call->api->models, model->id, &file, &fault) != ERR_OK)
        return err_set(err, ERR_CONFLICT, "the model's file is refused: %s", fault.text);
    learn_model_close(&file);
    return ERR_OK;
}

static enum err_code model_publish(struct api_call *call, struct err *err)
{
    struct store_change changes[LEARN_MODELS_MAX * 2 + 2];
    struct api_commit commit = { .changes = changes,
                                 .action = "models.publish",
                                 .target = call->id };
    struct learn_models all;
    Kefu__V1__Model *model = NULL;
    enum err_code rc = models_load(call, &all, err);

    if (rc == ERR_OK)
        rc = model_find(call, &all, &model, err);
    if (rc == ERR_OK)
        rc = model_proved(call, model, err);
    if (rc == ERR_OK)
        rc = learn_publish_changes(&all, call->who.workspace_id, call->id, call->arena, changes,
                                   &commit.count, err);
    if (rc != ERR_OK)
        return rc;
    call->answer = &model->base;
    if (commit.count == 0)
        return ERR_OK; /* it is live already */
    call->reply->effects |= API_EFFECT_BOT;
    return api_commit_run(call, &commit, err);
}

static enum err_code model_delete(struct api_call *call, struct err *err)
{
    Kefu__V1__Model *model = NULL;
    enum err_code rc = model_load(call, &model, err);

    if (rc != ERR_OK)
        return rc;
    if (model->live || is_running(model))
        return err_set(err, ERR_CONFLICT,
                       model->live ? "the live model stays" : "cancel the training first");
    rc = model_commit(call, STORE_DELETE, model, "models.delete", err);
    if (rc != ERR_OK)
        return rc;
    model_file_remove(call->api->models, call->id);
    call->answer = api_message_new(call, &kefu__v1__empty__descriptor, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

static enum err_code model_report(struct api_call *call, struct err *err)
{
    Kefu__V1__Model *model = NULL;
    enum err_code rc = model_load(call, &model, err);

    if (rc != ERR_OK)
        return rc;
    return model_file_read(call->api->models, call->id, MODEL_FILE_REPORT, &call->reply->body, err);
}

/* ---- trying ---------------------------------------------------------------------------------- */

static enum err_code bot_try(struct api_call *call, struct err *err)
{
    const Kefu__V1__TryRequest *asked = (const Kefu__V1__TryRequest *)call->body;
    enum err_code rc = api_text_check("text", asked->text, 1, LIMIT_TEXT_BYTES_MAX, err);

    if (rc == ERR_OK)
        rc = api_text_check("locale", asked->locale, 0, LIMIT_LOCALE_BYTES_MAX, err);
    if (rc != ERR_OK)
        return rc;
    call->reply->try = (struct api_try){ .text = slice_of(asked->text),
                                         .locale = slice_of(asked->locale),
                                         .site = asked->site_id,
                                         .clarify_rounds = asked->clarify_rounds };
    call->reply->effects |= API_EFFECT_TRY;
    return ERR_OK;
}

/* ---- unclear questions ----------------------------------------------------------------------- */

static enum err_code unclear_list(struct api_call *call, struct err *err)
{
    Kefu__V1__UnclearList *list = api_message_new(call, &kefu__v1__unclear_list__descriptor, err);

    if (list == NULL)
        return err->code;
    if (call->api->models == NULL)
        return err_set(err, ERR_UNSUPPORTED, "no models here");
    call->answer = &list->base;
    return learn_unclear_list(call->api->store, call->api->models, call->who.workspace_id,
                              call->arena, list, err);
}

static enum err_code unclear_dismiss(struct api_call *call, struct err *err)
{
    const Kefu__V1__UnclearDismiss *asked = (const Kefu__V1__UnclearDismiss *)call->body;
    struct store_change *changes =
        arena_zalloc(call->arena, (DISMISSED_MAX + 2) * sizeof(*changes));
    struct api_commit commit = { .changes = changes, .action = "unclear-questions.dismiss" };

    if (asked->n_ids > DISMISSED_MAX || changes == NULL)
        return err_set_field(err, ERR_TOO_BIG, "ids", "at most %d", DISMISSED_MAX);
    for (size_t i = 0; i < asked->n_ids; i++) {
        struct store_record record;
        bool found = false;
        enum err_code rc = store_record_get(call->api->store, STORE_UNCLEAR, asked->ids[i],
                                            call->arena, &record, &found, err);

        if (rc != ERR_OK)
            return rc;
        if (!found || record.workspace != call->who.workspace_id)
            continue; /* somebody was faster */
        changes[commit.count] = (struct store_change){ .op = STORE_DELETE, .kind = STORE_UNCLEAR };
        changes[commit.count++].record.id = asked->ids[i];
    }
    call->answer = api_message_new(call, &kefu__v1__empty__descriptor, err);
    if (call->answer == NULL)
        return err->code;
    return commit.count > 0 ? api_commit_run(call, &commit, err) : ERR_OK;
}

static const struct api_route routes[] = {
    { "GET", "/models", NULL, &kefu__v1__model_list__descriptor, PERM_INTENT_READ, api_record_list,
      0, &models, "List models, newest first" },
    { "POST", "/models", &kefu__v1__model_train__descriptor, &kefu__v1__model__descriptor,
      PERM_MODEL_WRITE, model_train, 0, NULL, "Train a model of the examples" },
    { "GET", "/models/{id}", NULL, &kefu__v1__model__descriptor, PERM_INTENT_READ, api_record_get,
      0, &models, "Read a model and its progress" },
    { "DELETE", "/models/{id}", NULL, &kefu__v1__empty__descriptor, PERM_MODEL_WRITE, model_delete,
      0, NULL, "Delete a model" },
    { "GET", "/models/{id}/report", NULL, &kefu__v1__empty__descriptor, PERM_INTENT_READ,
      model_report, 0, NULL, "Its evaluation: what kefu nlu eval --json prints" },
    { "POST", "/models/{id}/publish", NULL, &kefu__v1__model__descriptor, PERM_MODEL_WRITE,
      model_publish, 0, NULL, "Make a model the live one; an older one: roll back" },
    { "POST", "/models/{id}/cancel", NULL, &kefu__v1__model__descriptor, PERM_MODEL_WRITE,
      model_cancel, 0, NULL, "Stop a training" },
    { "POST", "/try", &kefu__v1__try_request__descriptor, &kefu__v1__try_reply__descriptor,
      PERM_INTENT_READ, bot_try, API_NO_REPEAT, NULL, "Ask the bot, without a conversation" },
    { "GET", "/unclear-questions", NULL, &kefu__v1__unclear_list__descriptor, PERM_INTENT_READ,
      unclear_list, 0, NULL, "What the bot did not understand, most worth a look first" },
    { "POST", "/unclear-questions/dismiss", &kefu__v1__unclear_dismiss__descriptor,
      &kefu__v1__empty__descriptor, PERM_INTENT_WRITE, unclear_dismiss, 0, NULL,
      "Take questions off the list" },
};

const struct api_routes api_routes_model = { routes, LENGTH_OF(routes) };
