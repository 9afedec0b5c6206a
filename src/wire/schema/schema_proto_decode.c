/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf in, in one pass, into the structs of protobuf-c and into the arena. protobuf-c itself
 * neither checks UTF-8 nor sees the end of a string behind a NUL, so its messages had to be walked
 * before and after; and it looks at every field twice. What is accepted here protobuf-c accepts,
 * with the same result (the fuzzer holds it to that); what is refused beyond it: text that is not
 * UTF-8 or holds U+0000, groups, and maps with a key given twice. Messages of the schema do not
 * nest into themselves (protogen checks that), so the depth is the schema's. */
#include "schema.h"

#include "schema_table.h"
#include "utf8.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum {
    WIRE_TAG_BITS = 3,
    VARINT_BYTES_MAX = 10,
    VARINT32_BYTES_MAX = 5, /* of tags and lengths */
    LIST_MIN = 4,
};

struct reader {
    struct arena *arena;
    struct err *err;
};

/* One field as it comes. */
struct piece {
    uint32_t id;
    unsigned wire;
    uint64_t number;     /* WIRE_VARINT */
    struct slice value;  /* what is behind the tag; of WIRE_BYTES without the length */
    struct slice behind; /* the same, of WIRE_BYTES with its length: for unknown fields */
};

static enum err_code too_big(struct reader *r)
{
    return err_set(r->err, ERR_TOO_BIG, "message too big");
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static bool take_varint(struct slice *bytes, unsigned bytes_max, uint64_t *out)
{
    uint64_t value = 0;

    if (bytes->len > 0 && (unsigned char)*bytes->ptr < 0x80) { /* most of them */
        *out = (unsigned char)*bytes->ptr++;
        bytes->len--;
        return true;
    }
    for (unsigned i = 0; i < bytes_max && i < bytes->len; i++) {
        uint64_t byte = (unsigned char)bytes->ptr[i];

        value |= (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            bytes->ptr += i + 1;
            bytes->len -= i + 1;
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
    bytes->ptr += len;
    bytes->len -= (size_t)len;
    return true;
}

static bool take_value(struct slice *bytes, struct piece *piece)
{
    const char *from = bytes->ptr;
    uint64_t len;
    bool taken;

    switch (piece->wire) {
    case WIRE_VARINT:
        taken = take_varint(bytes, VARINT_BYTES_MAX, &piece->number);
        break;
    case WIRE_64:
        taken = take_bytes(bytes, sizeof(uint64_t), &piece->value);
        break;
    case WIRE_BYTES:
        taken =
            take_varint(bytes, VARINT32_BYTES_MAX, &len) && take_bytes(bytes, len, &piece->value);
        break;
    case WIRE_32:
        taken = take_bytes(bytes, sizeof(uint32_t), &piece->value);
        break;
    default: /* groups are older than our schema */
        return false;
    }
    piece->behind = slice_make(from, (size_t)(bytes->ptr - from));
    return taken;
}

static bool take_piece(struct slice *bytes, struct piece *piece)
{
    uint64_t tag;

    if (!take_varint(bytes, VARINT32_BYTES_MAX, &tag) || tag > UINT32_MAX ||
        tag >> WIRE_TAG_BITS == 0)
        return false;
    piece->id = (uint32_t)(tag >> WIRE_TAG_BITS);
    piece->wire = (unsigned)tag & ((1U << WIRE_TAG_BITS) - 1);
    return take_value(bytes, piece);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void *slot_of(ProtobufCMessage *msg, unsigned offset)
{
    return (char *)msg + offset;
}

/* Room for one more in a list that is full at powers of two. */
static enum err_code list_grow(struct reader *r, void *list, size_t count, size_t item_bytes)
{
    void *old;
    void *grown;

    if (count != 0 && (count < LIST_MIN || (count & (count - 1)) != 0))
        return ERR_OK;
    grown = arena_alloc(r->arena, (count == 0 ? LIST_MIN : count * 2) * item_bytes);
    if (grown == NULL)
        return too_big(r);
    memcpy(&old, list, sizeof(old));
    if (count > 0)
        memcpy(grown, old, count * item_bytes);
    memcpy(list, &grown, sizeof(grown));
    return ERR_OK;
}

static enum err_code read_text(struct reader *r, const ProtobufCFieldDescriptor *desc,
                               struct slice value, char **out)
{
    if (!utf8_valid(value))
        return err_set_field(r->err, ERR_INVALID, desc->name, "not UTF-8");
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)
        return err_set_field(r->err, ERR_INVALID, desc->name, "text holds U+0000");
    *out = arena_strdup(r->arena, value);
    return *out != NULL ? ERR_OK : too_big(r);
}

static enum err_code read_binary(struct reader *r, struct slice value, ProtobufCBinaryData *out)
{
    *out = (ProtobufCBinaryData){ 0 };
    if (value.len == 0)
        return ERR_OK;
    out->data = arena_alloc(r->arena, value.len);
    if (out->data == NULL)
        return too_big(r);
    memcpy(out->data, value.ptr, value.len);
    out->len = value.len;
    return ERR_OK;
}

static enum err_code read_message(struct reader *r, const struct schema_message *table,
                                  struct slice bytes, ProtobufCMessage *msg);

static ProtobufCMessage *message_make(struct reader *r, const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *msg = arena_alloc(r->arena, desc->sizeof_message);

    if (msg != NULL)
        protobuf_c_message_init(desc, msg);
    return msg;
}

/* Given twice, the second is merged into the first: fields of it that are set replace. */
static enum err_code read_nested(struct reader *r, const struct schema_field *field,
                                 struct slice value, ProtobufCMessage **out)
{
    if (*out == NULL)
        *out = message_make(r, field->sub->desc);
    if (*out == NULL)
        return too_big(r);
    return read_message(r, field->sub, value, *out);
}

static unsigned wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    default:
        return WIRE_VARINT;
    }
}

static enum err_code read_value(struct reader *r, const struct schema_field *field,
                                const ProtobufCFieldDescriptor *desc, const struct piece *piece,
                                void *slot)
{
    switch (desc->type) {
    case PROTOBUF_C_TYPE_STRING:
        return read_text(r, desc, piece->value, slot);
    case PROTOBUF_C_TYPE_BYTES:
        return read_binary(r, piece->value, slot);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_nested(r, field, piece->value, slot);
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(slot, piece->value.ptr, sizeof(uint64_t));
        return ERR_OK;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)slot = piece->number;
        return ERR_OK;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)slot = piece->number != 0;
        return ERR_OK;
    default: /* 32 bits and enums: the lower half, as the format has it */
        *(uint32_t *)slot = (uint32_t)piece->number;
        return ERR_OK;
    }
}

static enum err_code read_repeated(struct reader *r, const struct schema_field *field,
                                   const ProtobufCFieldDescriptor *desc, const struct piece *piece,
                                   ProtobufCMessage *msg)
{
    size_t *count = slot_of(msg, desc->quantifier_offset);
    char **items = slot_of(msg, desc->offset);
    size_t bytes = schema_item_bytes(desc->type);
    enum err_code rc = list_grow(r, items, *count, bytes);
    char *item;

    if (rc != ERR_OK)
        return rc;
    item = *items + *count * bytes;
    memset(item, 0, bytes);
    rc = read_value(r, field, desc, piece, item);
    if (rc == ERR_OK)
        ++*count;
    return rc;
}

/* Repeated numbers behind one tag. */
static enum err_code read_packed(struct reader *r, const struct schema_field *field,
                                 const ProtobufCFieldDescriptor *desc, struct slice bytes,
                                 ProtobufCMessage *msg)
{
    struct piece piece = { .wire = wire_of(desc->type) };
    enum err_code rc = ERR_OK;

    while (bytes.len > 0 && rc == ERR_OK) {
        if (!take_value(&bytes, &piece))
            return err_set_field(r->err, ERR_INVALID, desc->name, "malformed");
        rc = read_repeated(r, field, desc, &piece, msg);
    }
    return rc;
}

static enum err_code read_field(struct reader *r, const struct schema_field *field,
                                const ProtobufCFieldDescriptor *desc, const struct piece *piece,
                                ProtobufCMessage *msg)
{
    void *slot = slot_of(msg, desc->offset);

    if (desc->label == PROTOBUF_C_LABEL_REPEATED && piece->wire == WIRE_BYTES &&
        wire_of(desc->type) != WIRE_BYTES)
        return read_packed(r, field, desc, piece->value, msg);
    if (piece->wire != wire_of(desc->type))
        return err_set(r->err, ERR_INVALID, "malformed %s", msg->descriptor->short_name);
    if (desc->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(r, field, desc, piece, msg);
    if ((desc->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *which = slot_of(msg, desc->quantifier_offset);

        if (desc->type == PROTOBUF_C_TYPE_MESSAGE)
            *(void **)slot = NULL; /* what was there is replaced, as by protobuf-c */
        *which = desc->id;
    }
    return read_value(r, field, desc, piece, slot);
}

/* Of a newer peer: kept, so that it is handed on. */
static enum err_code keep_unknown(struct reader *r, const struct piece *piece,
                                  ProtobufCMessage *msg)
{
    ProtobufCMessageUnknownField *field;
    enum err_code rc =
        list_grow(r, &msg->unknown_fields, msg->n_unknown_fields, sizeof(*msg->unknown_fields));

    if (rc != ERR_OK)
        return rc;
    field = &msg->unknown_fields[msg->n_unknown_fields];
    field->tag = piece->id;
    field->wire_type = (ProtobufCWireType)piece->wire;
    field->len = piece->behind.len;
    field->data = arena_alloc(r->arena, piece->behind.len);
    if (field->data == NULL)
        return too_big(r);
    memcpy(field->data, piece->behind.ptr, piece->behind.len);
    msg->n_unknown_fields++;
    return ERR_OK;
}

/* A repeated key would be an object with a repeated name in JSON. */
static enum err_code check_map(struct reader *r, const struct schema_map_entry *const *entries,
                               size_t count, const char *name)
{
    if (count > SCHEMA_MAP_ENTRIES_MAX)
        return err_set_field(r->err, ERR_TOO_BIG, name, "more than %d entries",
                             SCHEMA_MAP_ENTRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(entries[i]->key, entries[j]->key) == 0)
                return err_set_field(r->err, ERR_INVALID, name, "a key is given twice");
        }
    }
    return ERR_OK;
}

static enum err_code check_maps(struct reader *r, const struct schema_message *table,
                                ProtobufCMessage *msg)
{
    enum err_code rc = ERR_OK;

    for (unsigned i = 0; i < table->desc->n_fields && rc == ERR_OK; i++) {
        const ProtobufCFieldDescriptor *desc = &table->desc->fields[i];

        if (table->fields[i].kind != SCHEMA_MAP)
            continue;
        rc = check_map(r, *(const struct schema_map_entry *const **)slot_of(msg, desc->offset),
                       *(const size_t *)slot_of(msg, desc->quantifier_offset), desc->name);
    }
    return rc;
}

/* Fields mostly come in the order of the schema: those behind the last one are tried first. Gives
 * the place in the tables, or -1. */
static int field_find(const struct schema_message *table, uint32_t id, unsigned *next)
{
    const ProtobufCFieldDescriptor *found;

    for (unsigned i = *next; i < table->desc->n_fields && table->fields[i].id <= id; i++) {
        if (table->fields[i].id == id) {
            *next = i; /* stays: it may be repeated */
            return (int)i;
        }
    }
    found = protobuf_c_message_descriptor_get_field(table->desc, id);
    if (found == NULL)
        return -1;
    *next = (unsigned)(found - table->desc->fields);
    return (int)*next;
}

static enum err_code read_message(struct reader *r, const struct schema_message *table,
                                  struct slice bytes, ProtobufCMessage *msg)
{
    unsigned next = 0;

    while (bytes.len > 0) {
        struct piece piece;
        enum err_code rc;
        int at;

        if (!take_piece(&bytes, &piece))
            return err_set(r->err, ERR_INVALID, "malformed %s", table->desc->short_name);
        at = field_find(table, piece.id, &next);
        rc = at >= 0 ? read_field(r, &table->fields[at], &table->desc->fields[at], &piece, msg)
                     : keep_unknown(r, &piece, msg);
        if (rc != ERR_OK)
            return rc;
    }
    return table->holds_map ? check_maps(r, table, msg) : ERR_OK;
}

enum err_code schema_proto_decode(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                                  struct arena *arena, ProtobufCMessage **out, struct err *err)
{
    const struct schema_message *table = schema_table_of(desc);
    struct reader reader = { arena, err };
    ProtobufCMessage *msg;
    enum err_code rc;

    ENSURE(table != NULL);
    msg = message_make(&reader, desc);
    if (msg == NULL)
        return too_big(&reader);
    rc = read_message(&reader, table, bytes, msg);
    if (rc == ERR_OK)
        *out = msg;
    return rc;
}
