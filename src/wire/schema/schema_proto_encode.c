/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf out, in one pass over the message. protobuf-c packs in two, and asks for the size of a
 * nested message again on each level above it; a turn nests four deep. Here one byte is left for
 * the length of a nested message, and if it turns out to need more, what was written is moved up:
 * messages of 128 bytes and more are few, and moving 200 bytes is cheaper than measuring them.
 * The bytes are the same as protobuf-c's, which the tests and the fuzzer hold it to. */
#include "schema.h"

#include "schema_table.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
    NUMBER_BYTES_MAX = 16, /* a tag of up to 5 bytes and a varint of up to 10 */
};

/* Room is asked for once for each field, so the writers below need not look. */
struct writer {
    struct buf *out;
    char *at; /* NULL: full */
};

static bool room(struct writer *w, size_t bytes)
{
    if (w->at == NULL)
        return false;
    w->out->len = (size_t)(w->at - w->out->ptr);
    w->at = buf_reserve(w->out, bytes);
    return w->at != NULL;
}

static bool has_room(struct writer *w, size_t bytes)
{
    if (w->at != NULL && (size_t)(w->out->ptr + w->out->cap - w->at) >= bytes &&
        (size_t)(w->at - w->out->ptr) + bytes <= w->out->len_max)
        return true;
    return room(w, bytes);
}

static void put_varint(struct writer *w, uint64_t value)
{
    while (value >= 0x80) {
        *w->at++ = (char)(value | 0x80);
        value >>= 7;
    }
    *w->at++ = (char)value;
}

static void put_tag(struct writer *w, uint32_t id, unsigned wire)
{
    put_varint(w, (uint64_t)id << 3 | wire);
}

static void put_fixed(struct writer *w, uint32_t id, const void *value, size_t bytes)
{
    put_tag(w, id, bytes == 8 ? WIRE_FIXED64 : WIRE_FIXED32);
    memcpy(w->at, value, bytes); /* little endian on every machine that we build for */
    w->at += bytes;
}

static void put_bytes(struct writer *w, uint32_t id, const void *ptr, size_t len)
{
    if (!has_room(w, NUMBER_BYTES_MAX + len))
        return;
    put_tag(w, id, WIRE_BYTES);
    put_varint(w, len);
    if (len > 0)
        memcpy(w->at, ptr, len);
    w->at += len;
}

static void put_message(struct writer *w, const struct schema_message *table,
                        const ProtobufCMessage *msg);

static unsigned varint_bytes(uint64_t value)
{
    unsigned bytes = 1;

    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}

static void put_nested(struct writer *w, uint32_t id, const struct schema_message *table,
                       const ProtobufCMessage *msg)
{
    size_t from;
    size_t len;
    unsigned more;

    if (!has_room(w, NUMBER_BYTES_MAX))
        return;
    put_tag(w, id, WIRE_BYTES);
    w->at++; /* the length, if it is below 128 */
    from = (size_t)(w->at - w->out->ptr);
    put_message(w, table, msg);
    if (w->at == NULL)
        return;
    len = (size_t)(w->at - w->out->ptr) - from;
    more = varint_bytes(len) - 1;
    if (more > 0) {
        if (!has_room(w, more))
            return;
        memmove(w->out->ptr + from + more, w->out->ptr + from, len);
    }
    w->at = w->out->ptr + from - 1;
    put_varint(w, len);
    w->at += len;
}

static const void *slot_of(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

/* -0.0 is there, as in protobuf-c 1.4. */
static bool is_absent(const struct schema_field *field, const ProtobufCFieldDescriptor *desc,
                      const ProtobufCMessage *msg)
{
    const void *at = slot_of(msg, field->at);
    const char *text;
    uint64_t bits;

    switch (field->absent) {
    case SCHEMA_ZERO_4:
        return *(const uint32_t *)at == 0;
    case SCHEMA_ZERO_8:
        memcpy(&bits, at, sizeof(bits));
        return bits == 0;
    case SCHEMA_EMPTY:
        text = *(const char *const *)at;
        return text == NULL || *text == '\0';
    default: /* only messages are in a oneof */
        return *(const uint32_t *)at != desc->id ||
               *(const ProtobufCMessage *const *)slot_of(msg, desc->offset) == NULL;
    }
}

static void put_number(struct writer *w, const ProtobufCFieldDescriptor *field, uint64_t value)
{
    if (!has_room(w, NUMBER_BYTES_MAX))
        return;
    put_tag(w, field->id, WIRE_VARINT);
    put_varint(w, value);
}

/* Of a field that is written as a varint. */
static uint64_t number_of(ProtobufCType type, const void *slot)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return (uint64_t)(int64_t) * (const int32_t *)slot;
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)slot;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)slot != 0;
    default: /* the schema has no field of another type */
        ENSURE(type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_UINT64);
        return *(const uint64_t *)slot;
    }
}

static bool is_fixed(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_FIXED64 || type == PROTOBUF_C_TYPE_DOUBLE;
}

static void put_value(struct writer *w, const struct schema_message *sub,
                      const ProtobufCFieldDescriptor *field, const void *slot)
{
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)slot;
        put_bytes(w, field->id, text, text != NULL ? strlen(text) : 0);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(w, field->id, ((const ProtobufCBinaryData *)slot)->data,
                  ((const ProtobufCBinaryData *)slot)->len);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_nested(w, field->id, sub, *(const ProtobufCMessage *const *)slot);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        if (has_room(w, NUMBER_BYTES_MAX))
            put_fixed(w, field->id, slot, sizeof(uint64_t));
        break;
    default:
        put_number(w, field, number_of(field->type, slot));
    }
}

/* Repeated numbers lie behind one tag. */
static void put_packed(struct writer *w, const ProtobufCFieldDescriptor *field, const char *items,
                       size_t count)
{
    size_t step = schema_item_bytes(field->type);
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += is_fixed(field->type) ? sizeof(uint64_t)
                                     : varint_bytes(number_of(field->type, items + i * step));
    if (count == 0 || !has_room(w, NUMBER_BYTES_MAX + len))
        return;
    put_tag(w, field->id, WIRE_BYTES);
    put_varint(w, len);
    for (size_t i = 0; i < count; i++) {
        if (is_fixed(field->type)) {
            memcpy(w->at, items + i * step, sizeof(uint64_t));
            w->at += sizeof(uint64_t);
        } else {
            put_varint(w, number_of(field->type, items + i * step));
        }
    }
}

static void put_repeated(struct writer *w, const struct schema_message *sub,
                         const ProtobufCFieldDescriptor *field, const ProtobufCMessage *msg)
{
    size_t count = *(const size_t *)slot_of(msg, field->quantifier_offset);
    const char *items = *(const char *const *)slot_of(msg, field->offset);

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        put_packed(w, field, items, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        put_value(w, sub, field, items + i * schema_item_bytes(field->type));
}

/* Of a newer peer: they are handed on as they came. */
static void put_unknown(struct writer *w, const ProtobufCMessageUnknownField *field)
{
    if (!has_room(w, NUMBER_BYTES_MAX + field->len))
        return;
    put_tag(w, field->tag, (unsigned)field->wire_type);
    memcpy(w->at, field->data, field->len);
    w->at += field->len;
}

static void put_message(struct writer *w, const struct schema_message *table,
                        const ProtobufCMessage *msg)
{
    const ProtobufCFieldDescriptor *desc = table->desc->fields;
    unsigned count = table->desc->n_fields;

    for (unsigned i = 0; i < count && w->at != NULL; i++) {
        const struct schema_field *field = &table->fields[i];

        if (is_absent(field, &desc[i], msg))
            continue;
        if (desc[i].label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(w, field->sub, &desc[i], msg);
        else
            put_value(w, field->sub, &desc[i], slot_of(msg, desc[i].offset));
    }
    for (unsigned i = 0; i < msg->n_unknown_fields && w->at != NULL; i++)
        put_unknown(w, &msg->unknown_fields[i]);
}

void schema_proto_encode(const ProtobufCMessage *msg, struct buf *out)
{
    const struct schema_message *table = schema_table_of(msg->descriptor);
    size_t from = out->len;
    struct writer w = { .out = out, .at = buf_reserve(out, NUMBER_BYTES_MAX) };

    ENSURE(table != NULL);
    put_message(&w, table, msg);
    out->len = w.at != NULL ? (size_t)(w.at - out->ptr) : from;
}
