/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_table.h"

const struct schema_message *schema_table_of(const ProtobufCMessageDescriptor *desc)
{
    uint64_t hash = schema_name_mix(slice_of(desc->name)) * schema_index.multiplier;
    unsigned at = schema_index.slots[hash >> schema_index.shift];

    if (at == 0 || schema_index.all[at - 1]->desc != desc)
        return NULL;
    return schema_index.all[at - 1];
}

int schema_field_find(const struct schema_message *table, struct slice name)
{
    const struct schema_name *found;
    unsigned at;

    if (table->slots == NULL)
        return -1;
    at = table->slots[schema_name_mix(name) * table->multiplier >> table->shift];
    if (at == 0)
        return -1;
    found = &table->names[at - 1];
    if (found->len != name.len || memcmp(found->text, name.ptr, name.len) != 0)
        return -1;
    return found->field;
}

size_t schema_item_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}
