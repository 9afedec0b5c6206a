/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of proto/kefu/v1 to and from bytes: protobuf, and JSON in the canonical proto3 mapping.
 * Pure functions, any thread; nothing is kept between calls. Decoded messages, their strings and
 * arrays live in the caller's arena: never protobuf_c_message_free them.
 *
 * JSON in, strict: RFC 8259, at most 32 levels, UTF-8; unknown fields, duplicate fields, two
 * members of a oneof, U+0000 in text and unknown enum values are rejected with the field's path
 * ("send.clientId", "events[3].text") in err->field. Accepted as the canonical mapping says: field
 * names in lowerCamelCase or as in the .proto file, null for "default", integers as numbers or
 * strings, enums by name or number, base64 of either alphabet.
 * JSON out: default values omitted, 64-bit integers as strings, enums by name, bytes as base64,
 * timestamps as RFC 3339 in UTC with milliseconds. */
#ifndef KEFU_SCHEMA_H
#define KEFU_SCHEMA_H

#include <protobuf-c/protobuf-c.h>

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "slice.h"

/* ERR_INVALID: malformed; ERR_TOO_BIG: the arena is full. *out is untouched on a fault. */
MUST_USE enum err_code schema_json_decode(const ProtobufCMessageDescriptor *desc, struct slice json,
                                          struct arena *arena, ProtobufCMessage **out,
                                          struct err *err);
/* Appends the message; ask buf_ok() afterwards. Text must be valid UTF-8 (decoded text is). */
void schema_json_encode(const ProtobufCMessage *msg, struct buf *out);

/* The same faults. Unknown fields are skipped, so that a newer peer can talk to us. */
MUST_USE enum err_code schema_proto_decode(const ProtobufCMessageDescriptor *desc,
                                           struct slice bytes, struct arena *arena,
                                           ProtobufCMessage **out, struct err *err);
/* Appends the message; ask buf_ok() afterwards. */
void schema_proto_encode(const ProtobufCMessage *msg, struct buf *out);

/* Milliseconds since 1970-01-01 UTC; set initialises the whole struct. NULL reads as 0. */
void schema_timestamp_set(Google__Protobuf__Timestamp *timestamp, int64_t ms);
int64_t schema_timestamp_ms(const Google__Protobuf__Timestamp *timestamp);

#endif
