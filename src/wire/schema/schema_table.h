/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of the tables that tools/protogen writes, one per message, beside protobuf-c's
 * descriptors. They are constant data made at build time: nothing to initialise, nothing shared to
 * lock, and a field's name is found with one multiplication and one comparison. */
#ifndef KEFU_SCHEMA_TABLE_H
#define KEFU_SCHEMA_TABLE_H

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "slice.h"

enum schema_kind {
    SCHEMA_I32,
    SCHEMA_U32,
    SCHEMA_I64,
    SCHEMA_U64,
    SCHEMA_BOOL,
    SCHEMA_DOUBLE,
    SCHEMA_ENUM,
    SCHEMA_TEXT,
    SCHEMA_BYTES,
    SCHEMA_TIMESTAMP,
    SCHEMA_MESSAGE,
    SCHEMA_MAP, /* map<string,string>: repeated entries with key and value */
};

/* What says that a field is not there: most fields of most messages are not, so that is looked at
 * first, and here rather than in the descriptor's 72 bytes. */
enum schema_absent {
    SCHEMA_ZERO_4, /* a number of 32 bits, an enum or a bool */
    SCHEMA_ZERO_8, /* a number of 64 bits, a pointer, a count or a length */
    SCHEMA_EMPTY,  /* a text's pointer is NULL, or the text is empty */
    SCHEMA_OTHER,  /* another member of the oneof is */
};

/* Every new key of a map is compared with the ones before it, so their number is bounded. */
enum { SCHEMA_MAP_ENTRIES_MAX = 256 };

struct schema_message;

struct schema_field {
    const char *key; /* as it is written: "\"clientId\":" */
    uint8_t key_len;
    uint8_t kind;                     /* enum schema_kind */
    uint8_t absent;                   /* enum schema_absent */
    uint16_t at;                      /* offset in the struct of what `absent` looks at */
    uint16_t id;                      /* number in the schema */
    const struct schema_message *sub; /* TIMESTAMP, MESSAGE, MAP */
};

struct schema_name {
    const char *text;
    uint8_t len;
    uint8_t field;
};

struct schema_message {
    const ProtobufCMessageDescriptor *desc;
    const struct schema_field *fields; /* in the order of desc->fields */
    const struct schema_name *names;   /* both spellings of every field */
    const uint8_t *slots;              /* perfect hash: index into names + 1, or 0 */
    uint64_t multiplier;
    uint8_t shift;
    bool holds_map; /* itself or below */
};

struct schema_index {
    const struct schema_message *const *all;
    const uint16_t *slots; /* perfect hash over the full names */
    size_t count;
    uint64_t multiplier;
    uint8_t shift;
};

/* What protobuf-c makes of the entries of every map<string,string>; protogen allows no other maps,
 * and the tables assert the shape. */
struct schema_map_entry {
    ProtobufCMessage base;
    char *key;
    char *value;
};

extern const struct schema_index schema_index;

/* The same as mix() in tools/protogen/tables.py: the two ends of a name and its length tell the
 * names of one message apart, once the generator has found a multiplier for them. */
static inline uint64_t schema_name_mix(struct slice name)
{
    uint64_t low = 0;
    uint64_t high = 0;

    if (name.len >= 8) {
        memcpy(&low, name.ptr, 8);
        memcpy(&high, name.ptr + name.len - 8, 8);
    } else if (name.len >= 4) {
        memcpy(&low, name.ptr, 4);
        memcpy(&high, name.ptr + name.len - 4, 4);
    } else if (name.len > 0) {
        low = (unsigned char)name.ptr[0];
        high = (uint64_t)(unsigned char)name.ptr[name.len - 1] * 256 +
               (unsigned char)name.ptr[name.len / 2];
    }
    return low ^ (high * UINT64_C(0x9E3779B97F4A7C15)) ^ name.len;
}

/* NULL: not a message of the schema. */
const struct schema_message *schema_table_of(const ProtobufCMessageDescriptor *desc);
/* Index of the field with that name, or -1. */
int schema_field_find(const struct schema_message *table, struct slice name);
/* Bytes of one element of a repeated field, as protobuf-c lays them out. */
size_t schema_item_bytes(ProtobufCType type);
/* The name without the quotes and colon of the key. */
static inline struct slice schema_field_name(const struct schema_field *field)
{
    return slice_make(field->key + 1, (size_t)field->key_len - 3);
}

#endif
