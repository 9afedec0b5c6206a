/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON of any message (the first byte chooses it). What is accepted must survive
 * writing and reading: JSON -> message -> JSON' -> message -> JSON', and the same by protobuf. */
#include <stddef.h>
#include <stdint.h>

#include "schema.h"
#include "schema_table.h"

enum { FUZZ_ARENA_MAX = 1 << 20, FUZZ_OUT_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice write_json(const ProtobufCMessage *msg, struct buf *out)
{
    buf_clear(out);
    schema_json_encode(msg, out);
    ENSURE(buf_ok(out));
    return buf_slice(out);
}

static void check_round_trip(const ProtobufCMessageDescriptor *desc, ProtobufCMessage *msg,
                             struct arena *arena, struct buf *first, struct buf *second)
{
    ProtobufCMessage *again = NULL;
    struct slice json = write_json(msg, first);

    if (schema_json_decode(desc, json, arena, &again, NULL) == ERR_OK)
        ENSURE(slice_equal(write_json(again, second), json));
    buf_clear(second);
    schema_proto_encode(msg, second);
    /* Only the arena's bound may stop what was just written. */
    if (schema_proto_decode(desc, buf_slice(second), arena, &again, NULL) == ERR_OK)
        ENSURE(slice_equal(write_json(again, second), json));
    else
        ENSURE(arena->total > FUZZ_ARENA_MAX / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *desc;
    ProtobufCMessage *msg = NULL;
    struct arena arena;
    struct buf first;
    struct buf second;
    struct err err;

    if (size == 0)
        return 0;
    desc = schema_index.all[data[0] % schema_index.count]->desc;
    arena_init(&arena, FUZZ_ARENA_MAX);
    buf_init(&first, FUZZ_OUT_MAX);
    buf_init(&second, FUZZ_OUT_MAX);
    if (schema_json_decode(desc, slice_make(data + 1, size - 1), &arena, &msg, &err) == ERR_OK)
        check_round_trip(desc, msg, &arena, &first, &second);
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&arena);
    return 0;
}
