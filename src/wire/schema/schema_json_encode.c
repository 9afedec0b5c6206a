/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c's structs to canonical proto3 JSON, straight into the buffer: no tree, no allocation
 * but the buffer's own growth. Keys come ready to copy from the generated tables. */
#include "schema.h"

#include <math.h>

#include "json.h"
#include "schema_base64.h"
#include "schema_table.h"
#include "schema_time.h"

static void encode_message(const struct schema_message *table, const char *msg, struct buf *out);

/* The text of protobuf-c is never NULL after init, but a hand-made message may forget it. */
static struct slice text_of(const char *text)
{
    return text != NULL ? slice_of(text) : SLICE_EMPTY;
}

static void encode_u64(uint64_t value, struct buf *out)
{
    buf_add_char(out, '"');
    buf_add_u64(out, value);
    buf_add_char(out, '"');
}

static void encode_i32(int32_t value, struct buf *out)
{
    if (value < 0)
        buf_add_char(out, '-');
    buf_add_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void encode_i64(int64_t value, struct buf *out)
{
    buf_add_text(out, value < 0 ? "\"-" : "\"");
    buf_add_u64(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
    buf_add_char(out, '"');
}

static void encode_double(double value, struct buf *out)
{
    if (isnan(value))
        buf_add_text(out, "\"NaN\"");
    else if (isinf(value))
        buf_add_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        json_add_double(out, value);
}

/* A value that this build does not know came from a newer peer: it keeps its number. */
static void encode_enum(int value, const ProtobufCEnumDescriptor *desc, struct buf *out)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(desc, value);

    if (known == NULL) {
        encode_i32(value, out);
        return;
    }
    buf_add_char(out, '"');
    buf_add_text(out, known->name);
    buf_add_char(out, '"');
}

static void encode_timestamp(const Google__Protobuf__Timestamp *timestamp, struct buf *out)
{
    char *at = buf_reserve(out, TIME_TEXT_LEN + 2);

    if (at == NULL)
        return;
    at[0] = '"';
    time_write(timestamp->seconds, timestamp->nanos, at + 1);
    at[TIME_TEXT_LEN + 1] = '"';
    buf_commit(out, TIME_TEXT_LEN + 2);
}

static void encode_bytes(const ProtobufCBinaryData *bytes, struct buf *out)
{
    buf_add_char(out, '"');
    base64_add(out, bytes->data, bytes->len);
    buf_add_char(out, '"');
}

static void encode_value(const struct schema_field *field, const ProtobufCFieldDescriptor *desc,
                         const void *slot, struct buf *out)
{
    switch ((enum schema_kind)field->kind) {
    case SCHEMA_I32:
        encode_i32(*(const int32_t *)slot, out);
        break;
    case SCHEMA_U32:
        buf_add_u64(out, *(const uint32_t *)slot);
        break;
    case SCHEMA_I64:
        encode_i64(*(const int64_t *)slot, out);
        break;
    case SCHEMA_U64:
        encode_u64(*(const uint64_t *)slot, out);
        break;
    case SCHEMA_BOOL:
        buf_add_text(out, *(const protobuf_c_boolean *)slot ? "true" : "false");
        break;
    case SCHEMA_DOUBLE:
        encode_double(*(const double *)slot, out);
        break;
    case SCHEMA_ENUM:
        encode_enum(*(const int *)slot, desc->descriptor, out);
        break;
    case SCHEMA_TEXT:
        json_add_text(out, text_of(*(const char *const *)slot));
        break;
    case SCHEMA_BYTES:
        encode_bytes(slot, out);
        break;
    case SCHEMA_TIMESTAMP:
        encode_timestamp(*(Google__Protobuf__Timestamp *const *)slot, out);
        break;
    case SCHEMA_MESSAGE:
    case SCHEMA_MAP:
        encode_message(field->sub, *(const char *const *)slot, out);
        break;
    }
}

static bool has_value(const struct schema_field *field, const void *slot)
{
    switch ((enum schema_kind)field->kind) {
    case SCHEMA_I32:
    case SCHEMA_U32:
        return *(const uint32_t *)slot != 0;
    case SCHEMA_ENUM:
        return *(const int *)slot != 0;
    case SCHEMA_I64:
    case SCHEMA_U64:
        return *(const uint64_t *)slot != 0;
    case SCHEMA_BOOL:
        return *(const protobuf_c_boolean *)slot != 0;
    case SCHEMA_DOUBLE: {
        uint64_t bits;

        memcpy(&bits, slot, sizeof(bits));
        return bits != 0; /* minus zero is not the default */
    }
    case SCHEMA_TEXT: {
        const char *text = *(const char *const *)slot;

        return text != NULL && text[0] != '\0';
    }
    case SCHEMA_BYTES:
        return ((const ProtobufCBinaryData *)slot)->len > 0;
    case SCHEMA_TIMESTAMP:
    case SCHEMA_MESSAGE:
    case SCHEMA_MAP:
        break;
    }
    return *(const void *const *)slot != NULL;
}

static void encode_map(const struct schema_map_entry *const *entries, size_t count, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_add_text(out, text_of(entries[i]->key));
        buf_add_char(out, ':');
        json_add_text(out, text_of(entries[i]->value));
    }
    buf_add_char(out, '}');
}

static void encode_repeated(const struct schema_field *field, const ProtobufCFieldDescriptor *desc,
                            const char *items, size_t count, struct buf *out)
{
    size_t step = schema_item_bytes(desc->type);

    if (field->kind == SCHEMA_MAP) {
        encode_map((const struct schema_map_entry *const *)(const void *)items, count, out);
        return;
    }
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        encode_value(field, desc, items + i * step, out);
    }
    buf_add_char(out, ']');
}

static void encode_message(const struct schema_message *table, const char *msg, struct buf *out)
{
    bool first = true;

    buf_add_char(out, '{');
    for (unsigned i = 0; i < table->desc->n_fields; i++) {
        const struct schema_field *field = &table->fields[i];
        const ProtobufCFieldDescriptor *desc = &table->desc->fields[i];
        const void *quantifier = msg + desc->quantifier_offset;
        const char *slot = msg + desc->offset;
        bool repeated = desc->label == PROTOBUF_C_LABEL_REPEATED;

        if (repeated ? *(const size_t *)quantifier == 0
            : (desc->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0
                ? *(const uint32_t *)quantifier != desc->id
                : !has_value(field, slot))
            continue;
        if (!first)
            buf_add_char(out, ',');
        first = false;
        buf_add(out, field->key, field->key_len);
        if (repeated)
            encode_repeated(field, desc, *(const char *const *)(const void *)slot,
                            *(const size_t *)quantifier, out);
        else
            encode_value(field, desc, slot, out);
    }
    buf_add_char(out, '}');
}

void schema_json_encode(const ProtobufCMessage *msg, struct buf *out)
{
    const struct schema_message *table = schema_table_of(msg->descriptor);

    ENSURE(table != NULL);
    encode_message(table, (const char *)msg, out);
}
