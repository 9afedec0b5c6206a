/* SPDX-License-Identifier: Apache-2.0 */
/* The generic half of a resource: a record is a protobuf message in the store, read, checked and
 * shown through its descriptor. All these messages have an `id` and mostly a `version`; list
 * messages are {items, next}. PATCH takes the names of the fields to change from ?updateMask=, or
 * else those that the body names. */
#include "api_priv.h"

#include <stdio.h>

#include <sodium.h>

#include "id.h"
#include "json.h"
#include "schema.h"

enum { NAME_BYTES_MAX = 256 }; /* the longest field's name, each character escaped */

/* ---- helpers ---- */

uint64_t api_id_new(struct api *api)
{
    int64_t ms = clock_wall_ms(api->clock) - ID_EPOCH_MS;

    return (uint64_t)(ms > 0 ? ms : 0) << 22 | randombytes_uniform(1 << 22);
}

void *api_message_new(struct api_call *call, const ProtobufCMessageDescriptor *desc,
                      struct err *err)
{
    ProtobufCMessage *msg = arena_zalloc(call->arena, desc->sizeof_message);

    if (msg == NULL)
        err_set(err, ERR_TOO_BIG, "request too large");
    else
        protobuf_c_message_init(desc, msg);
    return msg;
}

enum err_code api_decode(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                         struct arena *arena, void *out, struct err *err)
{
    ProtobufCMessage *msg = NULL;
    enum err_code rc = schema_proto_decode(desc, bytes, arena, &msg, err);

    if (rc == ERR_OK)
        *(ProtobufCMessage **)out = msg;
    return rc;
}

enum err_code api_encode(struct arena *arena, const ProtobufCMessage *msg, struct slice *out,
                         struct err *err)
{
    size_t len = protobuf_c_message_get_packed_size(msg);
    uint8_t *bytes = arena_alloc(arena, len > 0 ? len : 1);

    if (bytes == NULL || len > STORE_BODY_MAX)
        return err_set(err, ERR_TOO_BIG, "record over %d bytes", STORE_BODY_MAX);
    protobuf_c_message_pack(msg, bytes);
    *out = slice_make(bytes, len);
    return ERR_OK;
}

Google__Protobuf__Timestamp *api_timestamp(struct api_call *call, int64_t ms)
{
    Google__Protobuf__Timestamp *at = arena_alloc(call->arena, sizeof(*at));

    if (at != NULL)
        schema_timestamp_set(at, ms);
    return at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct slice percent_decode(struct arena *arena, struct slice in)
{
    char *out = arena_alloc(arena, in.len + 1);
    size_t len = 0;

    if (out == NULL)
        return SLICE_EMPTY;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%' && i + 2 < in.len + 0 && hex_digit(in.ptr[i + 1]) >= 0 &&
            hex_digit(in.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(in.ptr[i + 1]) << 4 | hex_digit(in.ptr[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return slice_make(out, len);
}

struct slice api_query(struct api_call *call, const char *name)
{
    struct slice query = call->request->query;
    size_t name_len = strlen(name);

    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        size_t len = end != NULL ? (size_t)(end - query.ptr) : query.len;
        if (len > name_len && memcmp(query.ptr, name, name_len) == 0 && query.ptr[name_len] == '=')
            return percent_decode(call->arena,
                                  slice_make(query.ptr + name_len + 1, len - name_len - 1));
        if (end == NULL)
            break;
        query = slice_make(end + 1, query.len - len - 1);
    }
    return SLICE_EMPTY;
}

uint64_t api_query_u64(struct api_call *call, const char *name)
{
    unsigned long long number = 0;

    return slice_to_u64(api_query(call, name), &number) ? number : 0;
}

/* A cursor is an id, or of conversations "updated.id". */
static bool cursor_valid(struct slice text)
{
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    size_t len = dot != NULL ? (size_t)(dot - text.ptr) : text.len;
    unsigned long long number;

    return slice_to_u64(slice_make(text.ptr, len), &number) &&
           (dot == NULL || slice_to_u64(slice_make(dot + 1, text.len - len - 1), &number));
}

enum err_code api_query_check(struct api_call *call, struct err *err)
{
    static const char *const numbers[] = { "limit",   "before",    "seq",   "siteId",
                                           "agentId", "visitorId", "agent", "intentId" };
    struct slice after = api_query(call, "after");
    unsigned long long number;

    for (size_t i = 0; i < LENGTH_OF(numbers); i++) {
        struct slice text = api_query(call, numbers[i]);
        if (text.len > 0 && !slice_to_u64(text, &number))
            return err_set_field(err, ERR_INVALID, numbers[i], "not a number");
    }
    if (after.len > 0 && !cursor_valid(after))
        return err_set_field(err, ERR_INVALID, "after", "not a cursor of a list");
    return ERR_OK;
}

unsigned api_query_limit(struct api_call *call)
{
    uint64_t limit = api_query_u64(call, "limit");

    if (limit == 0)
        return 50;
    return limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : (unsigned)limit;
}

char *api_page_next(struct api_call *call, uint64_t last_id)
{
    char next[24];
    int len = snprintf(next, sizeof(next), "%llu", (unsigned long long)last_id);

    return arena_strdup(call->arena, slice_make(next, (size_t)len));
}

enum err_code api_text_check(const char *field, const char *text, size_t min, size_t max,
                             struct err *err)
{
    size_t len = strlen(text);

    if (len < min)
        return err_set_field(err, ERR_INVALID, field, "must not be empty");
    if (len > max)
        return err_set_field(err, ERR_TOO_BIG, field, "%zu bytes, at most %zu", len, max);
    return ERR_OK;
}

char *api_text_lower(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, slice_of(text));

    for (char *c = out; c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return out;
}

/* ---- fields by descriptor ---- */

static void *field_at(ProtobufCMessage *msg, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);

    return field != NULL ? (char *)msg + field->offset : NULL;
}

static size_t field_bytes(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return sizeof(void *);
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return 4;
    }
}

static void field_copy(ProtobufCMessage *to, const ProtobufCMessage *from,
                       const ProtobufCFieldDescriptor *field)
{
    memcpy((char *)to + field->offset, (const char *)from + field->offset, field_bytes(field));
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        memcpy((char *)to + field->quantifier_offset, (const char *)from + field->quantifier_offset,
               sizeof(size_t));
}

/* "greetingZh" and "greeting_zh" both name greeting_zh. */
static bool field_name_is(const char *name, struct slice given)
{
    size_t at = 0;

    for (; *name != '\0'; name++, at++) {
        if (at >= given.len)
            return false;
        if (*name == '_' && given.ptr[at] != '_') {
            name++;
            if (*name < 'a' || *name > 'z' || given.ptr[at] != *name - 32)
                return false;
        } else if (given.ptr[at] != *name) {
            return false;
        }
    }
    return at == given.len;
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *desc,
                                                   struct slice name)
{
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (field_name_is(desc->fields[i].name, name))
            return &desc->fields[i];
    return NULL;
}

static bool is_read_only(const struct api_resource *resource, const char *name)
{
    if (strcmp(name, "id") == 0 || strcmp(name, "version") == 0 || strcmp(name, "created_at") == 0)
        return true;
    for (const char *const *item = resource->read_only; item != NULL && *item != NULL; item++)
        if (strcmp(*item, name) == 0)
            return true;
    return false;
}

static uint64_t message_u64(ProtobufCMessage *msg, const char *name)
{
    const uint64_t *at = field_at(msg, name);

    return at != NULL ? *at : 0;
}

static void message_u64_set(ProtobufCMessage *msg, const char *name, uint64_t value)
{
    uint64_t *at = field_at(msg, name);

    if (at != NULL)
        *at = value;
}

/* ---- showing ---- */

static void message_present(struct api_call *call, const struct store_record *record,
                            ProtobufCMessage *msg)
{
    void *at = field_at(msg, "created_at");

    message_u64_set(msg, "id", record->id);
    message_u64_set(msg, "version", record->version);
    if (at != NULL)
        *(Google__Protobuf__Timestamp **)at = api_timestamp(call, record->created_at);
    if (call->route->resource->present != NULL)
        call->route->resource->present(call, msg);
}

static enum err_code record_load(struct api_call *call, struct store_record *record,
                                 ProtobufCMessage **msg, struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    bool found = false;
    enum err_code rc = store_record_get(call->api->store, resource->kind, call->id, call->arena,
                                        record, &found, err);

    if (rc != ERR_OK)
        return rc;
    if (!found || record->workspace != call->who.workspace_id)
        return err_set(err, ERR_NOT_FOUND, "no such %s", resource->name);
    return api_decode(resource->desc, record->body, call->arena, msg, err);
}

static void etag_set(struct api_call *call, uint64_t version)
{
    snprintf(call->reply->etag, sizeof(call->reply->etag), "\"%llu\"", (unsigned long long)version);
}

enum err_code api_record_get(struct api_call *call, struct err *err)
{
    struct store_record record;
    enum err_code rc = record_load(call, &record, &call->answer, err);

    if (rc != ERR_OK)
        return rc;
    message_present(call, &record, call->answer);
    etag_set(call, record.version);
    return ERR_OK;
}

/* What the generated list messages have in common. */
struct list_message {
    ProtobufCMessage base;
    size_t n_items;
    ProtobufCMessage **items;
    char *next;
};

enum err_code api_record_list(struct api_call *call, struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    struct store_record_query query = { .kind = resource->kind,
                                        .workspace = call->who.workspace_id,
                                        .after = api_query_u64(call, "after"),
                                        .limit = api_query_limit(call) };
    struct list_message *list = api_message_new(call, resource->list, err);
    struct store_records records;
    enum err_code rc;

    if (list == NULL)
        return err->code;
    query.descending = resource->kind == STORE_AUDIT || resource->kind == STORE_MODEL;
    if (resource->parent_query != NULL)
        query.parent = api_query_u64(call, resource->parent_query);
    rc = store_record_list(call->api->store, &query, call->arena, &records, err);
    if (rc != ERR_OK)
        return rc;
    list->items = arena_alloc(call->arena, (records.n + 1) * sizeof(*list->items));
    if (list->items == NULL)
        return err_set(err, ERR_TOO_BIG, "reply too large; ask for fewer items");
    for (size_t i = 0; i < records.n; i++) {
        rc = api_decode(resource->desc, records.items[i].body, call->arena, &list->items[i], err);
        if (rc != ERR_OK)
            return rc;
        message_present(call, &records.items[i], list->items[i]);
    }
    list->n_items = records.n;
    if (records.more)
        list->next = api_page_next(call, records.items[records.n - 1].id);
    call->answer = &list->base;
    return ERR_OK;
}

/* ---- changing ---- */

static const char *audit_text(struct api_call *call, const ProtobufCMessage *msg)
{
    struct buf text;
    char *out = NULL;

    buf_init(&text, 4096); /* longer ones aren't kept: the audit says that, not what */
    schema_json_encode(msg, &text);
    if (buf_ok(&text))
        out = arena_strdup(call->arena, buf_slice(&text));
    buf_fini(&text);
    return out;
}

static enum err_code change_run(struct api_call *call, struct store_change changes[3],
                                const char *verb, ProtobufCMessage *before, ProtobufCMessage *after,
                                struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    struct api_commit commit = { .changes = changes, .count = 1 };
    char action[64];
    enum err_code rc;

    snprintf(action, sizeof(action), "%s.%s", resource->name, verb);
    commit.action = action;
    commit.target = changes[0].record.id;
    /* As it is shown: what is stored may hold sealed bytes, and the audit is read by more people.
     */
    if (resource->present != NULL && before != NULL)
        resource->present(call, before);
    if (resource->present != NULL && after != NULL)
        resource->present(call, after);
    commit.before = before != NULL ? audit_text(call, before) : NULL;
    commit.after = after != NULL ? audit_text(call, after) : NULL;
    rc = api_commit_run(call, &commit, err);
    if (rc == ERR_CONFLICT && changes[0].op == STORE_INSERT)
        return err_set(err, ERR_CONFLICT, "this already exists");
    if (rc == ERR_CONFLICT)
        return err_set(err, ERR_CONFLICT, "changed by someone else; read it again");
    if (rc == ERR_OK)
        call->reply->effects |= resource->effects;
    return rc;
}

static void read_only_clear(const struct api_resource *resource, ProtobufCMessage *msg,
                            const ProtobufCMessage *from)
{
    for (unsigned i = 0; i < resource->desc->n_fields; i++)
        if (is_read_only(resource, resource->desc->fields[i].name))
            field_copy(msg, from, &resource->desc->fields[i]);
}

enum err_code api_record_create(struct api_call *call, struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    struct store_change changes[3] = { { .op = STORE_INSERT, .kind = resource->kind } };
    struct store_record *record = &changes[0].record;
    ProtobufCMessage *blank = api_message_new(call, resource->desc, err);
    ProtobufCMessage *msg = call->body;
    enum err_code rc;

    if (blank == NULL)
        return err->code;
    read_only_clear(resource, msg, blank);
    record->id = api_id_new(call->api);
    record->workspace = call->who.workspace_id;
    record->created_at = call->now_ms;
    record->version = 1;
    message_u64_set(msg, "id", record->id);
    if (resource->check != NULL) {
        rc = resource->check(call, msg, NULL, err);
        if (rc != ERR_OK)
            return rc;
    }
    if (resource->lookup != NULL)
        record->lookup = resource->lookup(call, msg);
    if (resource->parent != NULL)
        record->parent = resource->parent(msg);
    rc = api_encode(call->arena, msg, &record->body, err);
    if (rc != ERR_OK)
        return rc;
    message_present(call, record, msg);
    call->reply->status = 201;
    call->answer = msg;
    return change_run(call, changes, "create", NULL, msg, err);
}

/* The names of a JSON object's own fields, as they are meant: "\u0069d" is id. The text was decoded
 * before, so it is well formed and its names are fields. */
struct name_reader {
    struct json_reader json;
    char text[NAME_BYTES_MAX];
};

static void name_reader_init(struct name_reader *names, struct slice json)
{
    json_reader_init(&names->json, json);
    (void)json_next(&names->json); /* the object's beginning; an empty text has no names */
}

static bool name_next(struct name_reader *names, struct slice *name)
{
    struct slice raw;

    if (json_next(&names->json) != JSON_KEY)
        return false;
    raw = names->json.raw;
    *name = raw.len <= sizeof(names->text)
                ? slice_make(names->text, json_unescape(raw, names->text))
                : raw;
    return json_skip_value(&names->json);
}

bool api_body_names(struct api_call *call, const char *field)
{
    struct name_reader names;
    struct slice name;

    name_reader_init(&names, call->request->body);
    while (name_next(&names, &name)) {
        if (field_name_is(field, name))
            return true;
    }
    return false;
}

static enum err_code mask_apply(struct api_call *call, ProtobufCMessage *msg, struct slice name,
                                struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    const ProtobufCFieldDescriptor *field = field_named(resource->desc, name);

    if (field == NULL)
        return err_set_field(err, ERR_INVALID, "updateMask", "unknown field %.*s",
                             SLICE_ARGS(name));
    if (!is_read_only(resource, field->name))
        field_copy(msg, call->body, field);
    return ERR_OK;
}

static enum err_code patch_apply(struct api_call *call, ProtobufCMessage *msg, struct err *err)
{
    struct slice mask = api_query(call, "updateMask");
    struct name_reader names;
    struct slice name;
    enum err_code rc = ERR_OK;

    while (mask.len > 0 && rc == ERR_OK) {
        const char *comma = memchr(mask.ptr, ',', mask.len);
        size_t len = comma != NULL ? (size_t)(comma - mask.ptr) : mask.len;
        rc = mask_apply(call, msg, slice_trim(slice_make(mask.ptr, len)), err);
        if (comma == NULL)
            return rc;
        mask = slice_make(comma + 1, mask.len - len - 1);
    }
    name_reader_init(&names, call->request->body);
    while (rc == ERR_OK && name_next(&names, &name))
        rc = mask_apply(call, msg, name, err);
    return rc;
}

static enum err_code version_check(struct api_call *call, const struct store_record *record,
                                   struct err *err)
{
    struct slice match = call->request->if_match;
    uint64_t version = call->body != NULL ? message_u64(call->body, "version") : 0;
    char etag[48];

    snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)record->version);
    if (match.len > 0 && !slice_equal_text(match, "*") && !slice_equal_text(match, etag))
        return err_set(err, ERR_PRECONDITION, "changed by someone else; read it again");
    if (version != 0 && version != record->version)
        return err_set_field(err, ERR_CONFLICT, "version",
                             "changed by someone else; read it again");
    return ERR_OK;
}

enum err_code api_record_patch(struct api_call *call, struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    struct store_change changes[3] = { { .op = STORE_UPDATE, .kind = resource->kind } };
    struct store_record *record = &changes[0].record;
    ProtobufCMessage *old = NULL;
    ProtobufCMessage *msg = NULL;
    enum err_code rc = record_load(call, record, &old, err);

    if (rc == ERR_OK)
        rc = api_decode(resource->desc, record->body, call->arena, &msg, err);
    if (rc == ERR_OK)
        rc = version_check(call, record, err);
    if (rc == ERR_OK)
        rc = patch_apply(call, msg, err);
    if (rc == ERR_OK && resource->check != NULL)
        rc = resource->check(call, msg, old, err);
    if (rc != ERR_OK)
        return rc;
    if (resource->lookup != NULL)
        record->lookup = resource->lookup(call, msg);
    if (resource->parent != NULL)
        record->parent = resource->parent(msg);
    rc = api_encode(call->arena, msg, &record->body, err);
    if (rc != ERR_OK)
        return rc;
    rc = change_run(call, changes, "update", old, msg, err);
    if (rc != ERR_OK)
        return rc;
    record->version++;
    message_present(call, record, msg);
    etag_set(call, record->version);
    call->answer = msg;
    return ERR_OK;
}

enum err_code api_record_delete(struct api_call *call, struct err *err)
{
    const struct api_resource *resource = call->route->resource;
    struct store_change changes[3] = { { .op = STORE_DELETE, .kind = resource->kind } };
    ProtobufCMessage *old = NULL;
    enum err_code rc = record_load(call, &changes[0].record, &old, err);

    if (rc == ERR_OK)
        rc = version_check(call, &changes[0].record, err);
    if (rc == ERR_OK)
        rc = change_run(call, changes, "delete", old, NULL, err);
    if (rc != ERR_OK)
        return rc;
    call->answer = api_message_new(call, &kefu__v1__empty__descriptor, err);
    return call->answer != NULL ? ERR_OK : err->code;
}
