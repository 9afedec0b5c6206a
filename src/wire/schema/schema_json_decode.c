/* SPDX-License-Identifier: Apache-2.0 */
/* JSON straight into protobuf-c's structs. The pull reader bounds the depth, the arena bounds the
 * memory, and the descriptors say what each value must be. The way to the current value is a list
 * of records on the C stack, made into a path ("events[3].text") only when there is a fault. */
#include "schema.h"

#include <math.h>
#include <stdio.h>

#include "json.h"
#include "schema_base64.h"
#include "schema_table.h"
#include "schema_time.h"

enum { REPEATED_CAP_MIN = 4 };

struct path {
    const struct path *up;
    struct slice name;
    size_t index; /* of an array's element, or NO_INDEX */
};
#define NO_INDEX SIZE_MAX

struct decoder {
    struct json_reader reader;
    struct arena *arena;
    struct err *err;
};

static void path_write(const struct path *path, struct buf *out)
{
    if (path == NULL)
        return;
    path_write(path->up, out);
    if (path->name.len > 0) {
        if (out->len > 0)
            buf_add_char(out, '.');
        buf_add_slice(out, path->name);
    }
    if (path->index != NO_INDEX)
        buf_printf(out, "[%zu]", path->index);
}

static enum err_code fault_at(struct decoder *d, const struct path *path, enum err_code code,
                              const char *text)
{
    enum { PATH_MAX_BYTES = 4096 }; /* an unknown name may be long; err cuts to what it holds */
    struct buf buf;

    if (d->err == NULL)
        return code;
    buf_init(&buf, PATH_MAX_BYTES);
    path_write(path, &buf);
    buf_add_char(&buf, '\0');
    err_set_field(d->err, code, buf.ptr != NULL && buf_ok(&buf) ? buf.ptr : "", "%s", text);
    buf_fini(&buf);
    return code;
}

static enum err_code invalid(struct decoder *d, const struct path *path, const char *text)
{
    return fault_at(d, path, ERR_INVALID, text);
}

static enum err_code too_big(struct decoder *d, const struct path *path)
{
    return fault_at(d, path, ERR_TOO_BIG, "message too big");
}

/* A token of the wrong kind: either the bytes are no JSON, or the value is of another type. */
static enum err_code unexpected(struct decoder *d, const struct path *path, enum json_token token,
                                const char *wanted)
{
    enum { TEXT_MAX = 100 };
    char text[TEXT_MAX];

    if (token != JSON_ERROR)
        return invalid(d, path, wanted);
    snprintf(text, sizeof(text), "%s at byte %zu", d->reader.problem, json_offset(&d->reader));
    return invalid(d, path, text);
}

/* The KEY or TEXT just read, terminated. */
static enum err_code take_text(struct decoder *d, const struct path *path, char **out, size_t *len)
{
    struct slice raw = d->reader.raw;
    char *text;

    if (!d->reader.escaped) {
        text = arena_strdup(d->arena, raw);
        *len = raw.len;
    } else {
        text = arena_alloc(d->arena, raw.len + 1);
        if (text != NULL) {
            *len = json_unescape(raw, text);
            text[*len] = '\0';
            if (memchr(text, '\0', *len) != NULL)
                return invalid(d, path, "text holds U+0000");
        }
    }
    if (text == NULL)
        return too_big(d, path);
    *out = text;
    return ERR_OK;
}

/* Whole numbers that are written with a fraction or exponent ("1.0", "1e3") are numbers too. */
static bool whole_double(struct slice raw, int64_t *out)
{
    static const double exact_max = 9007199254740992.0; /* 2^53 */
    double value;

    if (!json_number_double(raw, &value) || fabs(value) > exact_max || value != trunc(value))
        return false;
    *out = (int64_t)value;
    return true;
}

static bool plain_number(struct slice raw)
{
    struct json_reader reader;

    json_reader_init(&reader, raw);
    return json_next(&reader) == JSON_NUMBER && reader.raw.len == raw.len;
}

/* An integer may come as a number or as a string that holds one. */
static bool number_token(const struct decoder *d, enum json_token token)
{
    return token == JSON_NUMBER || (token == JSON_TEXT && plain_number(d->reader.raw));
}

static bool read_i64(const struct decoder *d, enum json_token token, int64_t *out)
{
    return number_token(d, token) &&
           (json_number_i64(d->reader.raw, out) || whole_double(d->reader.raw, out));
}

static bool read_u64(const struct decoder *d, enum json_token token, uint64_t *out)
{
    int64_t value;

    if (!number_token(d, token))
        return false;
    if (json_number_u64(d->reader.raw, out))
        return true;
    if (!whole_double(d->reader.raw, &value) || value < 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool read_double(const struct decoder *d, enum json_token token, double *out)
{
    if (token == JSON_TEXT) {
        if (slice_equal_text(d->reader.raw, "NaN"))
            return *out = (double)NAN, true;
        if (slice_equal_text(d->reader.raw, "Infinity"))
            return *out = (double)INFINITY, true;
        if (slice_equal_text(d->reader.raw, "-Infinity"))
            return *out = -(double)INFINITY, true;
    }
    return number_token(d, token) && json_number_double(d->reader.raw, out);
}

static bool read_enum(const struct decoder *d, enum json_token token,
                      const ProtobufCEnumDescriptor *desc, int32_t *out)
{
    enum { ENUM_NAME_MAX = 64 }; /* ours are below 24 */
    const ProtobufCEnumValue *value = NULL;
    char name[ENUM_NAME_MAX + 1];
    int64_t number;

    if (token == JSON_TEXT && d->reader.raw.len <= ENUM_NAME_MAX) {
        memcpy(name, d->reader.raw.ptr, d->reader.raw.len);
        name[d->reader.raw.len] = '\0';
        value = protobuf_c_enum_descriptor_get_value_by_name(desc, name);
    } else if (token == JSON_NUMBER && read_i64(d, token, &number) && number >= INT32_MIN &&
               number <= INT32_MAX) {
        value = protobuf_c_enum_descriptor_get_value(desc, (int)number);
    }
    if (value == NULL)
        return false;
    *out = value->value;
    return true;
}

static enum err_code decode_number(struct decoder *d, const struct path *path,
                                   const struct schema_field *field, enum json_token token,
                                   void *slot)
{
    int64_t i64;
    uint64_t u64;

    switch ((enum schema_kind)field->kind) {
    case SCHEMA_I32:
        if (!read_i64(d, token, &i64) || i64 < INT32_MIN || i64 > INT32_MAX)
            return unexpected(d, path, token, "expected a whole number of 32 bits");
        *(int32_t *)slot = (int32_t)i64;
        return ERR_OK;
    case SCHEMA_U32:
        if (!read_u64(d, token, &u64) || u64 > UINT32_MAX)
            return unexpected(d, path, token, "expected a whole number from 0 to 4294967295");
        *(uint32_t *)slot = (uint32_t)u64;
        return ERR_OK;
    case SCHEMA_I64:
        if (!read_i64(d, token, slot))
            return unexpected(d, path, token, "expected a whole number of 64 bits");
        return ERR_OK;
    case SCHEMA_U64:
        if (!read_u64(d, token, slot))
            return unexpected(d, path, token, "expected a whole number of 64 bits, not negative");
        return ERR_OK;
    default:
        if (!read_double(d, token, slot))
            return unexpected(d, path, token, "expected a number");
        return ERR_OK;
    }
}

static enum err_code decode_bytes(struct decoder *d, const struct path *path, enum json_token token,
                                  ProtobufCBinaryData *slot)
{
    if (token != JSON_TEXT || d->reader.escaped)
        return unexpected(d, path, token, "expected base64");
    slot->data = arena_alloc(d->arena, base64_decoded_max(d->reader.raw.len));
    if (slot->data == NULL)
        return too_big(d, path);
    if (!base64_decode(d->reader.raw, slot->data, &slot->len))
        return invalid(d, path, "expected base64");
    return ERR_OK;
}

static enum err_code decode_timestamp(struct decoder *d, const struct path *path,
                                      enum json_token token, ProtobufCMessage **slot)
{
    Google__Protobuf__Timestamp *timestamp;

    if (token != JSON_TEXT)
        return unexpected(d, path, token, "expected a time");
    timestamp = arena_alloc(d->arena, sizeof(*timestamp));
    if (timestamp == NULL)
        return too_big(d, path);
    google__protobuf__timestamp__init(timestamp);
    if (!time_parse(d->reader.raw, &timestamp->seconds, &timestamp->nanos))
        return invalid(d, path, "expected a time such as 2025-01-31T08:00:00.000Z");
    *slot = &timestamp->base;
    return ERR_OK;
}

static enum err_code decode_message(struct decoder *d, const struct path *path,
                                    const struct schema_message *table, ProtobufCMessage **out);

/* One value that is neither null nor an array or map as a whole; token is already read. */
static enum err_code decode_value(struct decoder *d, const struct path *path,
                                  const struct schema_field *field,
                                  const ProtobufCFieldDescriptor *desc, enum json_token token,
                                  void *slot)
{
    size_t len;

    switch ((enum schema_kind)field->kind) {
    case SCHEMA_TEXT:
        if (token != JSON_TEXT)
            return unexpected(d, path, token, "expected a text");
        return take_text(d, path, slot, &len);
    case SCHEMA_BOOL:
        if (token != JSON_TRUE && token != JSON_FALSE)
            return unexpected(d, path, token, "expected true or false");
        *(protobuf_c_boolean *)slot = token == JSON_TRUE;
        return ERR_OK;
    case SCHEMA_ENUM:
        if (!read_enum(d, token, desc->descriptor, slot))
            return unexpected(d, path, token, "not one of the known values");
        return ERR_OK;
    case SCHEMA_BYTES:
        return decode_bytes(d, path, token, slot);
    case SCHEMA_TIMESTAMP:
        return decode_timestamp(d, path, token, slot);
    case SCHEMA_MESSAGE:
    case SCHEMA_MAP:
        if (token != JSON_OBJECT_BEGIN)
            return unexpected(d, path, token, "expected an object");
        return decode_message(d, path, field->sub, slot);
    case SCHEMA_I32:
    case SCHEMA_U32:
    case SCHEMA_I64:
    case SCHEMA_U64:
    case SCHEMA_DOUBLE:
        break;
    }
    return decode_number(d, path, field, token, slot);
}

static size_t element_size(const struct schema_field *field)
{
    switch ((enum schema_kind)field->kind) {
    case SCHEMA_I32:
    case SCHEMA_U32:
        return sizeof(int32_t);
    case SCHEMA_ENUM:
        return sizeof(int);
    case SCHEMA_BOOL:
        return sizeof(protobuf_c_boolean);
    case SCHEMA_I64:
    case SCHEMA_U64:
        return sizeof(int64_t);
    case SCHEMA_DOUBLE:
        return sizeof(double);
    case SCHEMA_BYTES:
        return sizeof(ProtobufCBinaryData);
    case SCHEMA_TEXT:
    case SCHEMA_TIMESTAMP:
    case SCHEMA_MESSAGE:
    case SCHEMA_MAP:
        break;
    }
    return sizeof(void *);
}

/* A growing array in the arena: what it outgrew stays behind there, at most as much again. */
struct array {
    char *items;
    size_t count;
    size_t cap;
    size_t item_size;
};

static void *array_push(struct decoder *d, struct array *array)
{
    if (array->count == array->cap) {
        size_t cap = array->cap > 0 ? array->cap * 2 : REPEATED_CAP_MIN;
        char *items = arena_alloc(d->arena, cap * array->item_size);

        if (items == NULL)
            return NULL;
        if (array->count > 0)
            memcpy(items, array->items, array->count * array->item_size);
        array->items = items;
        array->cap = cap;
    }
    return memset(array->items + array->count++ * array->item_size, 0, array->item_size);
}

static enum err_code decode_array(struct decoder *d, const struct path *path,
                                  const struct schema_field *field,
                                  const ProtobufCFieldDescriptor *desc, struct array *array)
{
    struct path at = *path;

    for (at.index = 0;; at.index++) {
        enum json_token token = json_next(&d->reader);
        enum err_code rc;
        void *slot;

        if (token == JSON_ARRAY_END)
            return ERR_OK;
        if (token == JSON_ERROR || token == JSON_NULL)
            return unexpected(d, &at, token, "null is not a value here");
        slot = array_push(d, array);
        if (slot == NULL)
            return too_big(d, &at);
        rc = decode_value(d, &at, field, desc, token, slot);
        if (rc != ERR_OK)
            return rc;
    }
}

static bool map_holds(const struct array *array, const char *key)
{
    struct schema_map_entry *const *entries =
        (struct schema_map_entry *const *)(const void *)array->items;

    for (size_t i = 0; i + 1 < array->count; i++) {
        if (strcmp(entries[i]->key, key) == 0)
            return true;
    }
    return false;
}

static enum err_code decode_map(struct decoder *d, const struct path *path,
                                const struct schema_field *field, struct array *array)
{
    for (;;) {
        enum json_token token = json_next(&d->reader);
        struct path at = { .up = path, .name = d->reader.raw, .index = NO_INDEX };
        struct schema_map_entry *entry;
        struct schema_map_entry **slot;
        enum err_code rc;
        size_t len;

        if (token == JSON_OBJECT_END)
            return ERR_OK;
        if (token != JSON_KEY)
            return unexpected(d, path, token, "expected a name");
        if (array->count == SCHEMA_MAP_ENTRIES_MAX)
            return fault_at(d, path, ERR_TOO_BIG, "more than 256 entries");
        slot = array_push(d, array);
        entry = arena_alloc(d->arena, sizeof(*entry));
        if (slot == NULL || entry == NULL)
            return too_big(d, path);
        field->sub->desc->message_init(&entry->base);
        *slot = entry;
        rc = take_text(d, &at, &entry->key, &len);
        if (rc != ERR_OK)
            return rc;
        if (map_holds(array, entry->key))
            return invalid(d, &at, "given twice");
        token = json_next(&d->reader);
        if (token != JSON_TEXT)
            return unexpected(d, &at, token, "expected a text");
        rc = take_text(d, &at, &entry->value, &len);
        if (rc != ERR_OK)
            return rc;
    }
}

static enum err_code decode_repeated(struct decoder *d, const struct path *path,
                                     const struct schema_field *field,
                                     const ProtobufCFieldDescriptor *desc, enum json_token token,
                                     char *msg)
{
    bool map = field->kind == SCHEMA_MAP;
    struct array array = { .item_size = element_size(field) };
    enum err_code rc;

    if (token != (map ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN))
        return unexpected(d, path, token, map ? "expected an object" : "expected an array");
    rc = map ? decode_map(d, path, field, &array) : decode_array(d, path, field, desc, &array);
    memcpy(msg + desc->offset, &array.items, sizeof(array.items));
    memcpy(msg + desc->quantifier_offset, &array.count, sizeof(array.count));
    return rc;
}

static enum err_code decode_field(struct decoder *d, const struct path *path,
                                  const struct schema_field *field,
                                  const ProtobufCFieldDescriptor *desc, char *msg)
{
    enum json_token token = json_next(&d->reader);

    if (token == JSON_NULL)
        return ERR_OK;
    if (desc->label == PROTOBUF_C_LABEL_REPEATED)
        return decode_repeated(d, path, field, desc, token, msg);
    if ((desc->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *chosen = (uint32_t *)(void *)(msg + desc->quantifier_offset);

        if (*chosen != 0)
            return invalid(d, path, "only one of these fields may be given");
        *chosen = desc->id;
    }
    return decode_value(d, path, field, desc, token, msg + desc->offset);
}

/* Nobody writes "t\u0065xt" but it is the same name, so it must not hide a second "text". */
static int find_field(const struct decoder *d, const struct schema_message *table)
{
    enum { ESCAPED_NAME_MAX = 6 * 32 }; /* six bytes each for more characters than our names have */
    char name[ESCAPED_NAME_MAX];

    if (!d->reader.escaped)
        return schema_field_find(table, d->reader.raw);
    if (d->reader.raw.len > ESCAPED_NAME_MAX)
        return -1;
    return schema_field_find(table, slice_make(name, json_unescape(d->reader.raw, name)));
}

/* From behind the opening brace to behind the closing one. */
static enum err_code decode_message(struct decoder *d, const struct path *path,
                                    const struct schema_message *table, ProtobufCMessage **out)
{
    ProtobufCMessage *msg = arena_alloc(d->arena, table->desc->sizeof_message);
    uint64_t seen = 0; /* protogen holds every message to 64 fields */

    if (msg == NULL)
        return too_big(d, path);
    table->desc->message_init(msg);
    for (;;) {
        enum json_token token = json_next(&d->reader);
        struct path at = { .up = path, .name = d->reader.raw, .index = NO_INDEX };
        enum err_code rc;
        int found;

        if (token == JSON_OBJECT_END)
            break;
        if (token != JSON_KEY)
            return unexpected(d, path, token, "expected a field name");
        found = find_field(d, table);
        if (found < 0)
            return invalid(d, &at, "unknown field");
        at.name = schema_field_name(&table->fields[found]);
        if ((seen >> found & 1) != 0)
            return invalid(d, &at, "given twice");
        seen |= UINT64_C(1) << found;
        rc = decode_field(d, &at, &table->fields[found], &table->desc->fields[found], (char *)msg);
        if (rc != ERR_OK)
            return rc;
    }
    *out = msg;
    return ERR_OK;
}

enum err_code schema_json_decode(const ProtobufCMessageDescriptor *desc, struct slice json,
                                 struct arena *arena, ProtobufCMessage **out, struct err *err)
{
    const struct schema_message *table = schema_table_of(desc);
    struct decoder d = { .arena = arena, .err = err };
    ProtobufCMessage *msg = NULL;
    enum json_token token;
    enum err_code rc;

    ENSURE(table != NULL);
    json_reader_init(&d.reader, json);
    token = json_next(&d.reader);
    if (token != JSON_OBJECT_BEGIN)
        return unexpected(&d, NULL, token, "expected an object");
    rc = decode_message(&d, NULL, table, &msg);
    if (rc != ERR_OK)
        return rc;
    token = json_next(&d.reader);
    if (token != JSON_END)
        return unexpected(&d, NULL, token, "something after the end");
    *out = msg;
    return ERR_OK;
}
