/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as protobuf of any message (the first byte chooses it). What is accepted can be written
 * as JSON, and that is JSON; protobuf-c accepts it, too, and understands the same; and of that both
 * write the same bytes. Only a nested message that is given twice is left out: it is to be merged,
 * and protobuf-c 1.4 loses numbers and unknown fields of the first when it does that. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "json.h"
#include "mem.h"
#include "schema.h"
#include "schema_table.h"

enum { FUZZ_ARENA_MAX = 1 << 20, FUZZ_OUT_MAX = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void json_make(const ProtobufCMessage *msg, struct buf *out)
{
    buf_init(out, FUZZ_OUT_MAX);
    schema_json_encode(msg, out);
    ENSURE(buf_ok(out));
}

static void check_json(const ProtobufCMessage *msg)
{
    struct json_reader reader;
    struct buf out;

    json_make(msg, &out);
    json_reader_init(&reader, buf_slice(&out));
    ENSURE(json_skip_value(&reader) && json_next(&reader) == JSON_END);
    buf_fini(&out);
}

static void check_same(const ProtobufCMessage *ours, const ProtobufCMessage *theirs)
{
    struct buf a;
    struct buf b;

    json_make(ours, &a);
    json_make(theirs, &b);
    ENSURE(slice_equal(buf_slice(&a), buf_slice(&b)));
    buf_fini(&a);
    buf_fini(&b);
}

static uint64_t varint(struct slice *bytes)
{
    uint64_t value = 0;
    unsigned shift = 0;
    unsigned char byte;

    do { /* the bytes were accepted, so it ends */
        byte = (unsigned char)*bytes->ptr++;
        bytes->len--;
        value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
    } while (byte >= 0x80);
    return value;
}

/* Is there a nested message that is given twice? */
static bool merges(const ProtobufCMessageDescriptor *desc, struct slice bytes)
{
    bool seen[64] = { false };

    while (bytes.len > 0) {
        uint64_t tag = varint(&bytes);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(desc, (unsigned)(tag >> 3));
        size_t len = (tag & 7) == 1 ? 8 : 4;

        if ((tag & 7) == 0) {
            (void)varint(&bytes);
            continue;
        }
        if ((tag & 7) == 2)
            len = (size_t)varint(&bytes);
        if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            ENSURE(field->id < LENGTH_OF(seen));
            if ((field->label != PROTOBUF_C_LABEL_REPEATED && seen[field->id]) ||
                merges(field->descriptor, slice_make(bytes.ptr, len)))
                return true;
            seen[field->id] = true;
        }
        bytes = slice_make(bytes.ptr + len, bytes.len - len);
    }
    return false;
}

static void check_written(const ProtobufCMessage *msg)
{
    size_t len = protobuf_c_message_get_packed_size(msg);
    uint8_t *packed = mem_alloc(len + 1);
    struct buf out;

    buf_init(&out, FUZZ_OUT_MAX);
    schema_proto_encode(msg, &out);
    ENSURE(buf_ok(&out));
    ENSURE(protobuf_c_message_pack(msg, packed) == len);
    ENSURE(slice_equal(buf_slice(&out), slice_make(packed, len)));
    buf_fini(&out);
    free(packed);
}

static void check_proto(const ProtobufCMessage *msg, struct slice bytes)
{
    ProtobufCMessage *theirs =
        protobuf_c_message_unpack(msg->descriptor, NULL, bytes.len, (const uint8_t *)bytes.ptr);

    ENSURE(theirs != NULL);
    if (!merges(msg->descriptor, bytes))
        check_same(msg, theirs);
    check_written(theirs);
    check_written(msg);
    protobuf_c_message_free_unpacked(theirs, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *desc;
    ProtobufCMessage *msg = NULL;
    struct arena arena;
    struct err err;

    if (size == 0)
        return 0;
    desc = schema_index.all[data[0] % schema_index.count]->desc;
    arena_init(&arena, FUZZ_ARENA_MAX);
    if (schema_proto_decode(desc, slice_make(data + 1, size - 1), &arena, &msg, &err) == ERR_OK) {
        check_json(msg);
        check_proto(msg, slice_make(data + 1, size - 1));
    }
    arena_fini(&arena);
    return 0;
}
