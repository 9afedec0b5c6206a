/* SPDX-License-Identifier: Apache-2.0 */
/* Files of visitors. One is uploaded whole and becomes one record and its bytes in parts, in one
 * transaction, so backups, checks and erasing know them as they know everything else. It belongs
 * to its visitor: the visitor reads it with its token, agents of the workspace with theirs, nobody
 * else. A message names it by the reference that the upload answers.
 *
 * The same bytes under the same name are the same attachment, so a repeat after a lost answer costs
 * nothing and needs no key. */
#include "api_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "attachment.h"
#include "auth_attachment.h"
#include "schema.h"

enum { PARTS_MAX = (ATTACHMENT_BYTES_MAX + STORE_BODY_MAX - 1) / STORE_BODY_MAX };

_Static_assert((int)ATTACHMENT_BYTES_MAX <= (int)API_BODY_MAX, "an upload is one body");
_Static_assert((int)ATTACHMENT_VISITOR_MAX < (int)STORE_PAGE_MAX,
               "a visitor's attachments are one page");

struct upload {
    const char *type;
    char name[ATTACHMENT_NAME_BYTES_MAX + 1];
    char lookup[AUTH_HASH_BYTES * 2 + 1];
};

/* ---- in -------------------------------------------------------------------------------------- */

static void lookup_make(const struct api_call *call, struct upload *upload)
{
    struct slice bytes = call->request->body;
    crypto_hash_sha256_state state;
    uint8_t hash[AUTH_HASH_BYTES];

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)&call->visitor, sizeof(call->visitor));
    crypto_hash_sha256_update(&state, (const unsigned char *)upload->name,
                              strlen(upload->name) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)bytes.ptr, bytes.len);
    crypto_hash_sha256_final(&state, hash);
    auth_hex(hash, sizeof(hash), upload->lookup);
}

static enum err_code upload_check(struct api_call *call, struct upload *upload, struct err *err)
{
    struct slice bytes = call->request->body;
    struct store_record_query query = { .kind = STORE_ATTACHMENT,
                                        .workspace = call->who.workspace_id,
                                        .parent = call->visitor,
                                        .limit = ATTACHMENT_VISITOR_MAX };
    struct store_records all = { 0 };
    enum err_code rc;

    if (bytes.len > ATTACHMENT_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "file over %d bytes", ATTACHMENT_BYTES_MAX);
    upload->type = attachment_type(bytes);
    if (upload->type == NULL)
        return err_set(err, ERR_UNSUPPORTED, "JPEG, PNG, GIF, WebP or PDF only");
    attachment_name(api_query(call, "name"), upload->type, upload->name);
    lookup_make(call, upload);
    rc = store_record_list(call->api->store, &query, call->arena, &all, err);
    if (rc != ERR_OK || all.n < ATTACHMENT_VISITOR_MAX)
        return rc;
    return err_set(err, ERR_RATE_LIMITED, "at most %d files of one visitor",
                   ATTACHMENT_VISITOR_MAX);
}

/* Ids of parts follow each other from a random one; the rare double is refused by the store. */
static enum err_code upload_store(struct api_call *call, const struct upload *upload,
                                  const Kefu__V1__Attachment *attachment, struct err *err)
{
    struct store_change changes[1 + PARTS_MAX] = {
        { .op = STORE_INSERT,
          .kind = STORE_ATTACHMENT,
          .record = { .id = attachment->id,
                      .workspace = call->who.workspace_id,
                      .parent = call->visitor,
                      .lookup = slice_of(upload->lookup),
                      .created_at = call->now_ms } },
    };
    struct slice rest = call->request->body;
    uint64_t id = api_id_new(call->api);
    size_t n = 1;
    enum err_code rc = api_encode(call->arena, &attachment->base, &changes[0].record.body, err);

    for (; rest.len > 0; n++) {
        size_t len = rest.len < STORE_BODY_MAX ? rest.len : STORE_BODY_MAX;

        ENSURE(n < LENGTH_OF(changes));
        changes[n] = (struct store_change){ .op = STORE_INSERT, .kind = STORE_ATTACHMENT_PART };
        changes[n].record.id = id++;
        changes[n].record.workspace = call->who.workspace_id;
        changes[n].record.parent = attachment->id;
        changes[n].record.created_at = call->now_ms;
        changes[n].record.body = slice_make(rest.ptr, len);
        rest = slice_make(rest.ptr + len, rest.len - len);
    }
    return rc == ERR_OK ? store_admin_run(call->api->store, changes, n, NULL, err) : rc;
}

/* The attachment that is there already, by what it is. */
static enum err_code upload_find(struct api_call *call, const struct upload *upload,
                                 Kefu__V1__Attachment **out, struct err *err)
{
    struct store_record record;
    bool found = false;
    enum err_code rc =
        store_record_by_lookup(call->api->store, STORE_ATTACHMENT, call->who.workspace_id,
                               slice_of(upload->lookup), call->arena, &record, &found, err);

    *out = NULL;
    if (rc != ERR_OK || !found)
        return rc;
    return api_decode(&kefu__v1__attachment__descriptor, record.body, call->arena, out, err);
}

static enum err_code upload_new(struct api_call *call, struct upload *upload,
                                Kefu__V1__Attachment **out, struct err *err)
{
    Kefu__V1__Attachment *made = api_message_new(call, &kefu__v1__attachment__descriptor, err);
    enum err_code rc;

    if (made == NULL)
        return err->code;
    made->id = api_id_new(call->api);
    made->name = upload->name;
    made->type = (char *)upload->type;
    made->size = (uint32_t)call->request->body.len;
    made->visitor_id = call->visitor;
    rc = upload_store(call, upload, made, err);
    if (rc != ERR_CONFLICT) {
        *out = made;
        return rc;
    }
    rc = upload_find(call, upload, out, err); /* the same one, at the same moment */
    if (rc == ERR_OK && *out == NULL)
        rc = err_set(err, ERR_BUSY, "try again");
    return rc;
}

static enum err_code upload_answer(struct api_call *call, Kefu__V1__Attachment *attachment,
                                   struct err *err)
{
    Kefu__V1__Upload *answer = api_message_new(call, call->route->reply, err);
    struct auth_attachment reference = { .visitor_id = attachment->visitor_id,
                                         .id = attachment->id };
    char text[AUTH_ATTACHMENT_TEXT_MAX];

    if (answer == NULL)
        return err->code;
    snprintf(reference.name, sizeof(reference.name), "%s", attachment->name);
    auth_attachment_sign(&call->api->master, &reference, text);
    answer->attachment = attachment;
    answer->reference = arena_strdup(call->arena, slice_of(text));
    if (answer->reference == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    call->reply->status = 201;
    call->answer = &answer->base;
    /* Its texts are of this call's stack. */
    schema_json_encode(call->answer, &call->reply->body);
    return ERR_OK;
}

static enum err_code upload_create(struct api_call *call, struct err *err)
{
    struct upload upload = { 0 };
    Kefu__V1__Attachment *attachment = NULL;
    enum err_code rc = upload_check(call, &upload, err);

    if (rc == ERR_OK || rc == ERR_RATE_LIMITED) {
        enum err_code refused = rc;

        rc = upload_find(call, &upload, &attachment, err);
        if (rc == ERR_OK && attachment == NULL)
            rc = refused != ERR_OK ? refused : upload_new(call, &upload, &attachment, err);
    }
    return rc == ERR_OK ? upload_answer(call, attachment, err) : rc;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* RFC 6266: the plain form for old readers is left out, every browser in use knows this one. */
static void disposition_set(struct api_call *call, const char *name)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = call->reply->disposition;
    size_t at =
        (size_t)snprintf(out, sizeof(call->reply->disposition), "attachment; filename*=UTF-8''");

    for (const char *c = name; *c != '\0' && at + 4 < sizeof(call->reply->disposition); c++) {
        if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
            strchr("-._~", *c) != NULL) {
            out[at++] = *c;
            continue;
        }
        out[at++] = '%';
        out[at++] = hex[(uint8_t)*c >> 4];
        out[at++] = hex[(uint8_t)*c & 15];
    }
    out[at] = '\0';
}

static enum err_code bytes_answer(struct api_call *call, const Kefu__V1__Attachment *attachment,
                                  struct err *err)
{
    struct store_record_query query = { .kind = STORE_ATTACHMENT_PART,
                                        .parent = attachment->id,
                                        .limit = PARTS_MAX };
    struct store_records parts = { 0 };
    enum err_code rc = store_record_list(call->api->store, &query, call->arena, &parts, err);

    for (size_t i = 0; rc == ERR_OK && i < parts.n; i++)
        buf_add_slice(&call->reply->body, parts.items[i].body);
    if (rc == ERR_OK && call->reply->body.len != attachment->size)
        rc = err_set(err, ERR_CORRUPT, "the attachment is not whole");
    if (rc != ERR_OK)
        return rc;
    call->reply->content_type = arena_strdup(call->arena, slice_of(attachment->type));
    if (call->reply->content_type == NULL)
        return err_set(err, ERR_TOO_BIG, "request too large");
    snprintf(call->reply->cache_control, sizeof(call->reply->cache_control),
             "private, max-age=3600");
    disposition_set(call, attachment->name);
    return ERR_OK;
}

/* For a visitor one of its own, for agents any of the workspace: else it is not there. */
static enum err_code attachment_get(struct api_call *call, struct err *err)
{
    Kefu__V1__Attachment *attachment = NULL;
    struct store_record record;
    bool found = false;
    enum err_code rc = store_record_get(call->api->store, STORE_ATTACHMENT, call->id, call->arena,
                                        &record, &found, err);

    if (rc == ERR_OK && (!found || record.workspace != call->who.workspace_id ||
                         (call->visitor != 0 && record.parent != call->visitor)))
        rc = err_set(err, ERR_NOT_FOUND, "no such attachment");
    if (rc == ERR_OK)
        rc = api_decode(&kefu__v1__attachment__descriptor, record.body, call->arena, &attachment,
                        err);
    return rc == ERR_OK ? bytes_answer(call, attachment, err) : rc;
}

static const struct api_route routes[] = {
    { "POST", "/visitor/attachments", NULL, &kefu__v1__upload__descriptor, PERM_VISIT,
      upload_create, API_RAW_BODY | API_SAME_ORIGIN | API_NO_REPEAT, NULL,
      "Upload a file by the visitor's token: the bytes as the body, ?name=" },
    { "GET", "/visitor/attachments/{id}", NULL, &kefu__v1__empty__descriptor, PERM_VISIT,
      attachment_get, 0, NULL, "The bytes of one's own file, by the visitor's token" },
    { "GET", "/attachments/{id}", NULL, &kefu__v1__empty__descriptor, PERM_CONV_READ,
      attachment_get, 0, NULL, "The bytes of a visitor's file" },
};

const struct api_routes api_routes_attachment = { routes, LENGTH_OF(routes) };
