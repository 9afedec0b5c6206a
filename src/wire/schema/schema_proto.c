/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c does the decoding, into the arena. It does not check UTF-8, and its strings end at the
 * first NUL, so the bytes are walked once before: every text field, at every level, is checked
 * where its length is still known. Messages of the schema do not nest into themselves (protogen
 * checks that), so the walk's depth is the schema's. */
#include "schema.h"

#include "schema_table.h"
#include "utf8.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { WIRE_TAG_BITS = 3, VARINT_BYTES_MAX = 10 };

struct arena_allocator {
    ProtobufCAllocator base;
    struct arena *arena;
    bool full;
};

static void *arena_allocator_alloc(void *data, size_t size)
{
    struct arena_allocator *allocator = data;
    void *ptr = arena_alloc(allocator->arena, size);

    if (ptr == NULL)
        allocator->full = true;
    return ptr;
}

static void arena_allocator_free(void *data, void *ptr)
{
    (void)data; /* goes with the arena */
    (void)ptr;
}

static bool take_varint(struct slice *bytes, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX && i < bytes->len; i++) {
        uint64_t byte = (unsigned char)bytes->ptr[i];

        value |= (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *bytes = slice_make(bytes->ptr + i + 1, bytes->len - i - 1);
            *out = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct slice *bytes, uint64_t len, struct slice *out)
{
    if (len > bytes->len)
        return false;
    *out = slice_make(bytes->ptr, (size_t)len);
    *bytes = slice_make(bytes->ptr + len, bytes->len - (size_t)len);
    return true;
}

/* The value behind a tag; filled for WIRE_BYTES only. Groups are older than our schema. */
static bool take_value(struct slice *bytes, unsigned wire_type, struct slice *value)
{
    struct slice skipped;
    uint64_t number;

    switch (wire_type) {
    case WIRE_VARINT:
        return take_varint(bytes, &number);
    case WIRE_64:
        return take_bytes(bytes, sizeof(uint64_t), &skipped);
    case WIRE_BYTES:
        return take_varint(bytes, &number) && take_bytes(bytes, number, value);
    case WIRE_32:
        return take_bytes(bytes, sizeof(uint32_t), &skipped);
    default:
        return false;
    }
}

static enum err_code walk_message(const struct schema_message *table, struct slice bytes,
                                  struct err *err);

static enum err_code walk_field(const struct schema_message *table, unsigned id, struct slice value,
                                struct err *err)
{
    const ProtobufCFieldDescriptor *desc = protobuf_c_message_descriptor_get_field(table->desc, id);
    const struct schema_field *field;

    if (desc == NULL)
        return ERR_OK;
    field = &table->fields[desc - table->desc->fields];
    if (desc->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_message(field->sub, value, err);
    if (desc->type != PROTOBUF_C_TYPE_STRING)
        return ERR_OK;
    if (!utf8_valid(value))
        return err_set_field(err, ERR_INVALID, desc->name, "not UTF-8");
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)
        return err_set_field(err, ERR_INVALID, desc->name, "text holds U+0000");
    return ERR_OK;
}

static enum err_code walk_message(const struct schema_message *table, struct slice bytes,
                                  struct err *err)
{
    while (bytes.len > 0) {
        struct slice value = SLICE_EMPTY;
        uint64_t tag;
        enum err_code rc;

        if (!take_varint(&bytes, &tag) || tag > UINT32_MAX ||
            !take_value(&bytes, (unsigned)tag & ((1U << WIRE_TAG_BITS) - 1), &value))
            return err_set(err, ERR_INVALID, "malformed %s", table->desc->short_name);
        if ((tag & ((1U << WIRE_TAG_BITS) - 1)) != WIRE_BYTES)
            continue;
        rc = walk_field(table, (unsigned)(tag >> WIRE_TAG_BITS), value, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static const void *slot_of(const ProtobufCMessage *msg, unsigned offset)
{
    return (const char *)msg + offset;
}

static enum err_code check_map(const struct schema_map_entry *const *entries, size_t count,
                               const char *name, struct err *err)
{
    if (count > SCHEMA_MAP_ENTRIES_MAX)
        return err_set_field(err, ERR_TOO_BIG, name, "more than %d entries",
                             SCHEMA_MAP_ENTRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(entries[i]->key, entries[j]->key) == 0)
                return err_set_field(err, ERR_INVALID, name, "a key is given twice");
        }
    }
    return ERR_OK;
}

/* protobuf-c knows no maps: a repeated key stays twice, and would be an object with a repeated name
 * in JSON. Only messages that hold maps, themselves or below, are looked at. */
static enum err_code check_maps(const struct schema_message *table, const ProtobufCMessage *msg,
                                struct err *err)
{
    for (unsigned i = 0; i < table->desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *desc = &table->desc->fields[i];
        const struct schema_field *field = &table->fields[i];
        const void *items = slot_of(msg, desc->offset);
        size_t count = 1;
        enum err_code rc = ERR_OK;

        if (field->sub == NULL || (field->kind != SCHEMA_MAP && !field->sub->holds_map))
            continue;
        if ((desc->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            *(const uint32_t *)slot_of(msg, desc->quantifier_offset) != desc->id)
            continue;
        if (desc->label == PROTOBUF_C_LABEL_REPEATED) {
            count = *(const size_t *)slot_of(msg, desc->quantifier_offset);
            items = *(const void *const *)items;
        }
        if (field->kind == SCHEMA_MAP)
            rc = check_map(items, count, desc->name, err);
        for (size_t at = 0; at < count && rc == ERR_OK && field->kind != SCHEMA_MAP; at++) {
            const ProtobufCMessage *sub = ((const ProtobufCMessage *const *)items)[at];

            if (sub != NULL)
                rc = check_maps(field->sub, sub, err);
        }
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err_code schema_proto_decode(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                                  struct arena *arena, ProtobufCMessage **out, struct err *err)
{
    const struct schema_message *table = schema_table_of(desc);
    struct arena_allocator allocator = { .arena = arena };
    ProtobufCMessage *msg;
    enum err_code rc;

    ENSURE(table != NULL);
    rc = walk_message(table, bytes, err);
    if (rc != ERR_OK)
        return rc;
    allocator.base = (ProtobufCAllocator){
        .alloc = arena_allocator_alloc,
        .free = arena_allocator_free,
        .allocator_data = &allocator,
    };
    msg = protobuf_c_message_unpack(desc, &allocator.base, bytes.len, (const uint8_t *)bytes.ptr);
    if (msg == NULL && allocator.full)
        return err_set(err, ERR_TOO_BIG, "message too big");
    if (msg == NULL)
        return err_set(err, ERR_INVALID, "malformed %s", desc->short_name);
    rc = table->holds_map ? check_maps(table, msg, err) : ERR_OK;
    if (rc != ERR_OK)
        return rc;
    *out = msg;
    return ERR_OK;
}

void schema_proto_encode(const ProtobufCMessage *msg, struct buf *out)
{
    size_t len = protobuf_c_message_get_packed_size(msg);
    char *room = buf_reserve(out, len);

    if (room != NULL)
        buf_commit(out, protobuf_c_message_pack(msg, (uint8_t *)room));
}
