/* SPDX-License-Identifier: Apache-2.0 */
/* Every change goes to the store with its audit entry and, for a POST with an Idempotency-Key, the
 * reply to repeat: one transaction, so neither can be missing. The audit is a chain: entry n has
 * the id n and hashes the entry before it. Two changes at once want the same id; the store refuses
 * the second, which then reads the new end and tries again. No lock is needed. */
#include "api_priv.h"

#include <sodium.h>
#include <stdio.h>

#include "schema.h"

enum {
    CHAIN_TRIES_MAX = 16,                    /* far more than there are workers */
    EXPIRE_CALLS_MAX = 1000,                 /* of 1,000 rows each: 277 POSTs/s, all with a key */
    REPEAT_HEAD_BYTES = AUTH_HASH_BYTES + 2, /* of the request's hash and the status */
};

/* ---- audit ---- */

static enum err_code chain_end(struct api_call *call, uint64_t *id, uint8_t chain[32],
                               struct err *err)
{
    struct store_record_query query = { .kind = STORE_AUDIT, .descending = true, .limit = 1 };
    struct store_records records;
    ProtobufCMessage *msg = NULL;
    enum err_code rc = store_record_list(call->api->store, &query, call->arena, &records, err);

    memset(chain, 0, 32);
    *id = 0;
    if (rc != ERR_OK || records.n == 0)
        return rc;
    rc = schema_proto_decode(&kefu__v1__audit_entry__descriptor, records.items[0].body, call->arena,
                             &msg, err);
    if (rc != ERR_OK)
        return rc;
    *id = records.items[0].id;
    if (((Kefu__V1__AuditEntry *)msg)->chain.len == 32)
        memcpy(chain, ((Kefu__V1__AuditEntry *)msg)->chain.data, 32);
    return ERR_OK;
}

static enum err_code audit_make(struct api_call *call, const struct api_commit *commit,
                                struct store_change *out, struct err *err)
{
    Kefu__V1__AuditEntry entry = KEFU__V1__AUDIT_ENTRY__INIT;
    Google__Protobuf__Timestamp at;
    crypto_hash_sha256_state state;
    uint8_t chain[32];
    char target[24];
    struct slice bytes;
    enum err_code rc = chain_end(call, &entry.id, chain, err);

    if (rc != ERR_OK)
        return rc;
    entry.id++;
    schema_timestamp_set(&at, call->now_ms);
    entry.at = &at;
    entry.actor_id = call->who.agent_id;
    entry.actor = call->who.name;
    entry.action = (char *)commit->action;
    snprintf(target, sizeof(target), "%llu", (unsigned long long)commit->target);
    entry.target = commit->target != 0 ? target : (char *)"";
    entry.before = (char *)(commit->before != NULL ? commit->before : "");
    entry.after = (char *)(commit->after != NULL ? commit->after : "");
    entry.address =
        (char *)(call->request != NULL && call->request->address != NULL ? call->request->address
                                                                         : "");
    rc = api_encode(call->arena, &entry.base, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, chain, sizeof(chain));
    crypto_hash_sha256_update(&state, (const unsigned char *)bytes.ptr, bytes.len);
    crypto_hash_sha256_final(&state, chain);
    entry.chain = (ProtobufCBinaryData){ sizeof(chain), chain };
    *out = (struct store_change){ .op = STORE_INSERT, .kind = STORE_AUDIT };
    out->record.id = entry.id;
    out->record.workspace = call->who.workspace_id != 0 ? call->who.workspace_id : API_WORKSPACE;
    out->record.created_at = call->now_ms;
    return api_encode(call->arena, &entry.base, &out->record.body, err);
}

/* ---- repeats ---- */

static bool repeat_lookup(struct api_call *call, char out[AUTH_HASH_BYTES * 2 + 1])
{
    struct slice key = call->request != NULL ? call->request->idempotency_key : SLICE_EMPTY;
    crypto_hash_sha256_state state;
    uint64_t owner[2] = { call->who.agent_id, call->who.token_id };
    uint8_t hash[AUTH_HASH_BYTES];

    if (key.len == 0 || call->route == NULL || (call->route->flags & API_NO_REPEAT) != 0 ||
        !slice_equal_text(call->request->method, "POST"))
        return false;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)owner, sizeof(owner));
    crypto_hash_sha256_update(&state, (const unsigned char *)key.ptr, key.len);
    crypto_hash_sha256_final(&state, hash);
    auth_hex(hash, sizeof(hash), out);
    return true;
}

static void request_hash(struct api_call *call, uint8_t out[AUTH_HASH_BYTES])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)call->request->path.ptr,
                              call->request->path.len);
    crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)call->request->body.ptr,
                              call->request->body.len);
    crypto_hash_sha256_final(&state, out);
}

enum err_code api_repeat_find(struct api_call *call, bool *done, struct err *err)
{
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    uint8_t hash[AUTH_HASH_BYTES];
    struct store_record record;
    bool found = false;
    enum err_code rc;

    *done = false;
    if (call->request->idempotency_key.len > 255)
        return err_set(err, ERR_INVALID, "Idempotency-Key over 255 bytes");
    if (!repeat_lookup(call, lookup))
        return ERR_OK;
    rc = store_record_by_lookup(call->api->store, STORE_IDEMPOTENCY, 0, slice_of(lookup),
                                call->arena, &record, &found, err);
    if (rc != ERR_OK || !found)
        return rc;
    request_hash(call, hash);
    if (record.body.len < REPEAT_HEAD_BYTES || memcmp(record.body.ptr, hash, sizeof(hash)) != 0)
        return err_set(err, ERR_CONFLICT, "Idempotency-Key was used for another request");
    call->reply->status = (uint8_t)record.body.ptr[AUTH_HASH_BYTES] << 8 |
                          (uint8_t)record.body.ptr[AUTH_HASH_BYTES + 1];
    buf_add(&call->reply->body, record.body.ptr + REPEAT_HEAD_BYTES,
            record.body.len - REPEAT_HEAD_BYTES);
    *done = true;
    return ERR_OK;
}

static enum err_code repeat_make(struct api_call *call, const char *lookup,
                                 struct store_change *out, struct err *err)
{
    size_t len = REPEAT_HEAD_BYTES + call->reply->body.len;
    uint8_t *bytes = arena_alloc(call->arena, len);

    if (bytes == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    request_hash(call, bytes);
    bytes[AUTH_HASH_BYTES] = (uint8_t)(call->reply->status >> 8);
    bytes[AUTH_HASH_BYTES + 1] = (uint8_t)call->reply->status;
    if (call->reply->body.len > 0)
        memcpy(bytes + REPEAT_HEAD_BYTES, call->reply->body.ptr, call->reply->body.len);
    *out = (struct store_change){ .op = STORE_INSERT, .kind = STORE_IDEMPOTENCY };
    out->record.id = api_id_new(call->api);
    out->record.workspace = call->who.workspace_id;
    out->record.lookup = slice_of(lookup);
    out->record.created_at = call->now_ms;
    out->record.body = slice_make(bytes, len);
    return ERR_OK;
}

enum err_code api_commit_run(struct api_call *call, struct api_commit *commit, struct err *err)
{
    char lookup[AUTH_HASH_BYTES * 2 + 1];
    size_t n = commit->count + 1;
    enum err_code rc = ERR_OK;

    if (repeat_lookup(call, lookup)) {
        if (call->answer != NULL && call->reply->body.len == 0)
            schema_json_encode(call->answer, &call->reply->body);
        rc = repeat_make(call, lookup, &commit->changes[commit->count + 1], err);
        n++;
    }
    for (int tries = 0; rc == ERR_OK && tries < CHAIN_TRIES_MAX; tries++) {
        size_t failed = 0;
        rc = audit_make(call, commit, &commit->changes[commit->count], err);
        if (rc != ERR_OK)
            return rc;
        rc = store_admin_run(call->api->store, commit->changes, n, &failed, err);
        if (rc != ERR_CONFLICT || failed != commit->count)
            return rc;
        rc = ERR_OK;
    }
    if (rc == ERR_OK)
        rc = err_set(err, ERR_BUSY, "too many changes at once");
    return rc;
}

/* ---- expiry ---- */

static enum err_code kind_expire(struct api *api, enum store_kind kind, int64_t kept_ms,
                                 struct err *err)
{
    int64_t before = clock_wall_ms(api->clock) - kept_ms;
    size_t deleted = 1;
    enum err_code rc = ERR_OK;

    for (int i = 0; rc == ERR_OK && deleted > 0 && i < EXPIRE_CALLS_MAX; i++)
        rc = store_record_expire(api->store, kind, before, &deleted, err);
    return rc;
}

enum err_code api_expire(struct api *api, struct err *err)
{
    enum err_code rc = kind_expire(api, STORE_IDEMPOTENCY, API_REPEAT_KEPT_MS, err);

    return rc == ERR_OK ? kind_expire(api, STORE_LOGIN_SESSION, API_SESSION_AGE_MS, err) : rc;
}
