/* SPDX-License-Identifier: Apache-2.0 */
/* Intents and their examples. The bot learns of a new example when a model is trained, of a new
 * answer at once. */
#include "api_priv.h"

#include <stdio.h>

#include "hash.h"
#include "limit.h"

enum { EXAMPLE_BYTES_MAX = 1000, EXAMPLES_DELETED_MAX = API_CHANGES_MAX - 3 };

static enum err_code intent_check(struct api_call *call, ProtobufCMessage *msg,
                                  const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Intent *intent = (Kefu__V1__Intent *)msg;
    const struct {
        const char *field;
        const char *text;
        size_t max;
    } texts[] = {
        { "titleZh", intent->title_zh, LIMIT_NAME_BYTES_MAX },
        { "titleEn", intent->title_en, LIMIT_NAME_BYTES_MAX },
        { "answerZh", intent->answer_zh, LIMIT_TEXT_BYTES_MAX },
        { "answerEn", intent->answer_en, LIMIT_TEXT_BYTES_MAX },
    };
    enum err_code rc = api_text_check("name", intent->name, 1, LIMIT_NAME_BYTES_MAX, err);

    (void)call;
    (void)old;
    if (rc == ERR_OK && slice_trim(slice_of(intent->name)).len != strlen(intent->name))
        rc = err_set_field(err, ERR_INVALID, "name", "no blanks at its ends");
    for (size_t i = 0; i < LENGTH_OF(texts) && rc == ERR_OK; i++)
        rc = api_text_check(texts[i].field, texts[i].text, 0, texts[i].max, err);
    return rc;
}

static struct slice intent_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    (void)call;
    return slice_of(((const Kefu__V1__Intent *)msg)->name);
}

static const struct api_resource intents = {
    .name = "intents",
    .kind = STORE_INTENT,
    .desc = &kefu__v1__intent__descriptor,
    .list = &kefu__v1__intent_list__descriptor,
    .effects = API_EFFECT_BOT,
    .check = intent_check,
    .lookup = intent_lookup,
};

/* An intent goes with its examples, or not at all. */
static enum err_code intent_delete(struct api_call *call, struct err *err)
{
    struct store_change *changes =
        arena_zalloc(call->arena, API_CHANGES_MAX * sizeof(struct store_change));
    struct api_commit commit = {
        .changes = changes, .count = 1, .action = "intents.delete", .target = call->id
    };
    struct store_record_query query = { .kind = STORE_EXAMPLE,
                                        .workspace = call->who.workspace_id,
                                        .parent = call->id,
                                        .limit = STORE_PAGE_MAX };
    struct store_records page = { .more = true };
    bool found = false;
    enum err_code rc;

    if (changes == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    changes[0] = (struct store_change){ .op = STORE_DELETE, .kind = STORE_INTENT };
    rc = store_record_get(call->api->store, STORE_INTENT, call->id, call->arena, &changes[0].record,
                          &found, err);
    if (rc == ERR_OK && (!found || changes[0].record.workspace != call->who.workspace_id))
        rc = err_set(err, ERR_NOT_FOUND, "no such intents");
    while (rc == ERR_OK && page.more) {
        rc = store_record_list(call->api->store, &query, call->arena, &page, err);
        for (size_t i = 0; rc == ERR_OK && i < page.n; i++) {
            if (commit.count == EXAMPLES_DELETED_MAX)
                return err_set(err, ERR_TOO_BIG, "over %d examples: delete some of them first",
                               EXAMPLES_DELETED_MAX);
            query.after = page.items[i].id;
            changes[commit.count] =
                (struct store_change){ .op = STORE_DELETE, .kind = STORE_EXAMPLE };
            changes[commit.count++].record.id = page.items[i].id;
        }
    }
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK)
        return rc;
    call->reply->effects |= API_EFFECT_BOT;
    call->answer = api_message_new(call, &kefu__v1__empty__descriptor, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

/* ---- examples -------------------------------------------------------------------------------- */

struct slice api_example_lookup(struct arena *arena, uint64_t intent, struct slice text)
{
    const struct hash_key key = { 0x6578616D706C6531U, intent };
    char hex[17];

    text = slice_trim(text);
    snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash_bytes(key, text.ptr, text.len));
    return slice_make(arena_strdup(arena, slice_of(hex)), 16);
}

static enum err_code example_check(struct api_call *call, ProtobufCMessage *msg,
                                   const ProtobufCMessage *old, struct err *err)
{
    Kefu__V1__Example *example = (Kefu__V1__Example *)msg;
    struct store_record record;
    bool found = false;
    enum err_code rc = api_text_check("text", example->text, 1, EXAMPLE_BYTES_MAX, err);

    (void)old;
    if (rc == ERR_OK && slice_trim(slice_of(example->text)).len == 0)
        rc = err_set_field(err, ERR_INVALID, "text", "must not be empty");
    if (rc == ERR_OK)
        rc = api_locale_check(example->locale, false, err);
    if (rc == ERR_OK)
        rc = store_record_get(call->api->store, STORE_INTENT, example->intent_id, call->arena,
                              &record, &found, err);
    if (rc == ERR_OK && (!found || record.workspace != call->who.workspace_id))
        rc = err_set_field(err, ERR_INVALID, "intentId", "no such intent");
    return rc;
}

static struct slice example_lookup(struct api_call *call, const ProtobufCMessage *msg)
{
    const Kefu__V1__Example *example = (const Kefu__V1__Example *)msg;

    return api_example_lookup(call->arena, example->intent_id, slice_of(example->text));
}

static uint64_t example_parent(const ProtobufCMessage *msg)
{
    return ((const Kefu__V1__Example *)msg)->intent_id;
}

static const struct api_resource examples = {
    .name = "examples",
    .kind = STORE_EXAMPLE,
    .desc = &kefu__v1__example__descriptor,
    .list = &kefu__v1__example_list__descriptor,
    .check = example_check,
    .lookup = example_lookup,
    .parent = example_parent,
    .parent_query = "intentId",
};

static const struct api_route routes[] = {
    { "GET", "/intents", NULL, &kefu__v1__intent_list__descriptor, PERM_INTENT_READ,
      api_record_list, 0, &intents, "List intents" },
    { "POST", "/intents", &kefu__v1__intent__descriptor, &kefu__v1__intent__descriptor,
      PERM_INTENT_WRITE, api_record_create, 0, &intents, "Make intents" },
    { "GET", "/intents/{id}", NULL, &kefu__v1__intent__descriptor, PERM_INTENT_READ, api_record_get,
      0, &intents, "Read intents" },
    { "PATCH", "/intents/{id}", &kefu__v1__intent__descriptor, &kefu__v1__intent__descriptor,
      PERM_INTENT_WRITE, api_record_patch, 0, &intents, "Change intents" },
    { "DELETE", "/intents/{id}", NULL, &kefu__v1__empty__descriptor, PERM_INTENT_WRITE,
      intent_delete, 0, NULL, "Delete an intent with its examples" },
    { "GET", "/examples", NULL, &kefu__v1__example_list__descriptor, PERM_INTENT_READ,
      api_record_list, 0, &examples, "List examples, of one intent with intentId" },
    { "POST", "/examples", &kefu__v1__example__descriptor, &kefu__v1__example__descriptor,
      PERM_INTENT_WRITE, api_record_create, 0, &examples, "Make examples" },
    { "GET", "/examples/{id}", NULL, &kefu__v1__example__descriptor, PERM_INTENT_READ,
      api_record_get, 0, &examples, "Read examples" },
    { "PATCH", "/examples/{id}", &kefu__v1__example__descriptor, &kefu__v1__example__descriptor,
      PERM_INTENT_WRITE, api_record_patch, 0, &examples, "Change examples" },
    { "DELETE", "/examples/{id}", NULL, &kefu__v1__empty__descriptor, PERM_INTENT_WRITE,
      api_record_delete, 0, &examples, "Delete examples" },
};

const struct api_routes api_routes_intent = { routes, LENGTH_OF(routes) };
