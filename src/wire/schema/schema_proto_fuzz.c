/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as protobuf of any message (the first byte chooses it). What is accepted can be written
 * as JSON, and that is JSON. */
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "schema.h"
#include "schema_table.h"

enum { FUZZ_ARENA_MAX = 1 << 20, FUZZ_OUT_MAX = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(const ProtobufCMessage *msg)
{
    struct json_reader reader;
    struct buf out;

    buf_init(&out, FUZZ_OUT_MAX);
    schema_json_encode(msg, &out);
    ENSURE(buf_ok(&out));
    json_reader_init(&reader, buf_slice(&out));
    ENSURE(json_skip_value(&reader) && json_next(&reader) == JSON_END);
    buf_fini(&out);
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
    if (schema_proto_decode(desc, slice_make(data + 1, size - 1), &arena, &msg, &err) == ERR_OK)
        check_json(msg);
    arena_fini(&arena);
    return 0;
}
