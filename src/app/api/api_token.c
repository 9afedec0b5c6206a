/* SPDX-License-Identifier: Apache-2.0 */
/* API tokens: made by an admin, shown once, stored as a hash, bounded by scopes and by the role of
 * whoever made them. */
#include "api_priv.h"

#include "limit.h"

enum { SCOPES_MAX = 32 };

static enum err_code token_list(struct api_call *call, struct err *err)
{
    struct store_record_query query = { .kind = STORE_API_TOKEN,
                                        .workspace = call->who.workspace_id,
                                        .after = api_query_u64(call, "after"),
                                        .limit = api_query_limit(call) };
    Kefu__V1__ApiTokenList *list = api_message_new(call, call->route->reply, err);
    struct store_records records;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    rc = store_record_list(call->api->store, &query, call->arena, &records, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (records.n + 1) * sizeof(*list->items));
    for (size_t i = 0; i < records.n; i++) {
        Kefu__V1__ApiTokenRecord *record;
        rc = api_decode(&kefu__v1__api_token_record__descriptor, records.items[i].body, call->arena,
                        &record, err);
        if (rc != ERR_OK)
            return rc;
        list->items[i] = record->token;
        list->items[i]->id = records.items[i].id;
        list->items[i]->created_at = api_timestamp(call, records.items[i].created_at);
    }
    list->n_items = records.n;
    if (records.more)
        list->next = api_page_next(call, records.items[records.n - 1].id);
    call->answer = &list->base;
    return ERR_OK;
}

static enum err_code token_check(const Kefu__V1__ApiToken *token, struct err *err)
{
    enum err_code rc = api_text_check("name", token->name, 1, LIMIT_NAME_BYTES_MAX, err);

    if (rc == ERR_OK && (token->n_scopes == 0 || token->n_scopes > SCOPES_MAX))
        rc = err_set_field(err, ERR_INVALID, "scopes", "1 to %d", SCOPES_MAX);
    for (size_t i = 0; rc == ERR_OK && i < token->n_scopes; i++) {
        struct permission_set set;
        if (!scope_permissions(slice_of(token->scopes[i]), &set))
            rc = err_set_field(err, ERR_INVALID, "scopes", "entry %zu is not a scope", i);
    }
    return rc;
}

static enum err_code token_create(struct api_call *call, struct err *err)
{
    Kefu__V1__ApiTokenRecord record = KEFU__V1__API_TOKEN_RECORD__INIT;
    struct store_change changes[3] = { { .op = STORE_INSERT, .kind = STORE_API_TOKEN } };
    struct api_commit commit = { .changes = changes, .count = 1, .action = "api-tokens.create" };
    Kefu__V1__ApiToken *token = (Kefu__V1__ApiToken *)call->body;
    char secret[AUTH_SECRET_TEXT_MAX];
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    uint8_t hash[AUTH_HASH_BYTES];
    enum err_code rc = token_check(token, err);

    if (rc != ERR_OK)
        return rc;
    auth_secret_make("kefu_", secret);
    auth_secret_hash(slice_of(secret), hash);
    auth_secret_lookup(slice_of(secret), lookup);
    token->id = commit.target = api_id_new(call->api);
    token->token = (char *)"";
    token->created_at = NULL;
    token->hint = arena_strdup(call->arena, slice_of(secret + strlen(secret) - 4));
    record.token = token;
    record.token_hash = (ProtobufCBinaryData){ sizeof(hash), hash };
    record.agent_id = call->who.agent_id;
    changes[0].record = (struct store_record){ .id = token->id,
                                               .workspace = call->who.workspace_id,
                                               .parent = call->who.agent_id,
                                               .lookup = slice_of(lookup),
                                               .created_at = call->now_ms };
    rc = api_encode(call->arena, &record.base, &changes[0].record.body, err);
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK)
        return rc;
    token->token = arena_strdup(call->arena, slice_of(secret));
    token->created_at = api_timestamp(call, call->now_ms);
    call->reply->status = 201;
    call->answer = &token->base;
    return ERR_OK;
}

static enum err_code token_delete(struct api_call *call, struct err *err)
{
    struct store_change changes[3] = { { .op = STORE_DELETE, .kind = STORE_API_TOKEN } };
    struct api_commit commit = { .changes = changes, .count = 1, .action = "api-tokens.delete" };
    bool found = false;
    enum err_code rc = store_record_get(call->api->store, STORE_API_TOKEN, call->id, call->arena,
                                        &changes[0].record, &found, err);

    if (rc == ERR_OK && (!found || changes[0].record.workspace != call->who.workspace_id))
        rc = err_set(err, ERR_NOT_FOUND, "no such token");
    commit.target = call->id;
    if (rc == ERR_OK)
        rc = api_commit_run(call, &commit, err);
    if (rc != ERR_OK)
        return rc;
    call->reply->effects |= API_EFFECT_REVOKE;
    call->reply->revoke_token = call->id;
    call->answer = api_message_new(call, call->route->reply, err);
    return call->answer != NULL ? ERR_OK : err->code;
}

static const struct api_route routes[] = {
    { "GET", "/api-tokens", NULL, &kefu__v1__api_token_list__descriptor, PERM_TOKEN_READ,
      token_list, 0, NULL, "List API tokens" },
    /* Its reply can't be kept for a repeat: that would store the secret. */
    { "POST", "/api-tokens", &kefu__v1__api_token__descriptor, &kefu__v1__api_token__descriptor,
      PERM_TOKEN_WRITE, token_create, API_NO_REPEAT, NULL, "Make an API token; shown once" },
    { "DELETE", "/api-tokens/{id}", NULL, &kefu__v1__empty__descriptor, PERM_TOKEN_WRITE,
      token_delete, 0, NULL, "Delete an API token" },
};

const struct api_routes api_routes_token = { routes, LENGTH_OF(routes) };
