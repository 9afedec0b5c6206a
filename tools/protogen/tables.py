# SPDX-License-Identifier: Apache-2.0
"""The tables of wire/schema: for each message the JSON keys, ready to be copied, and a perfect hash
from a field's name (either spelling) to its place in the protobuf-c descriptor."""
import re

from descriptors import TIMESTAMP

MASK = 2 ** 64 - 1


def word(data):
    return int.from_bytes(data, "little")


def mix(name):
    """The same as schema_name_mix() in schema_table.h."""
    data = name.encode()
    if len(data) >= 8:
        low, high = word(data[:8]), word(data[-8:])
    elif len(data) >= 4:
        low, high = word(data[:4]), word(data[-4:])
    else:
        low, high = (data[0], data[-1] * 256 + data[len(data) // 2]) if data else (0, 0)
    return (low ^ (high * 0x9E3779B97F4A7C15) ^ len(data)) & MASK


def perfect_hash(names):
    """(multiplier, bits, slots): slots[mix * multiplier >> (64 - bits)] is the name's index + 1."""
    bits = max(1, (2 * len(names) - 1).bit_length())
    multiplier = 0x9E3779B97F4A7C15
    for attempt in range(200000):
        if attempt % 20000 == 19999:
            bits += 1
        slots = [0] * (1 << bits)
        for i, name in enumerate(names):
            at = (mix(name) * multiplier & MASK) >> (64 - bits)
            if slots[at]:
                break
            slots[at] = i + 1
        else:
            return multiplier, bits, slots
        multiplier = (multiplier * 6364136223846793005 + 1442695040888963407) & MASK | 1
    raise SystemExit(f"no perfect hash for {names}")


def c_name(full_name):
    """As protobuf-c spells it: kefu.v1.ClientFrame -> kefu__v1__client_frame."""
    def lower(part):
        return re.sub(r"(?<=[^A-Z])([A-Z])", r"_\1", part).lower()
    return "__".join(lower(part) for part in full_name.split("."))


def c_type(full_name):
    """kefu.v1.ClientFrame -> Kefu__V1__ClientFrame."""
    return "__".join(part[0].upper() + part[1:] for part in full_name.split("."))


def table_name(full_name):
    return "table_" + c_name(full_name)


KINDS = {"int64": "I64", "sint64": "I64", "sfixed64": "I64", "uint64": "U64", "fixed64": "U64",
         "int32": "I32", "sint32": "I32", "sfixed32": "I32", "uint32": "U32", "fixed32": "U32",
         "bool": "BOOL", "double": "DOUBLE", "string": "TEXT", "bytes": "BYTES", "enum": "ENUM"}


def kind(schema, f):
    if f.type != "message":
        return KINDS[f.type]
    if f.type_name == TIMESTAMP:
        return "TIMESTAMP"
    return "MAP" if schema.is_map(f) else "MESSAGE"


def absent(f):
    """(enum schema_absent, the struct's member that it looks at), as protobuf-c names members."""
    if f.repeated:
        return "ZERO_8", f"n_{f.name}"
    if f.oneof:
        return "OTHER", f"{f.oneof}_case"
    if f.type == "string":
        return "EMPTY", f.name
    if f.type == "bytes":
        return "ZERO_8", f"{f.name}.len"
    if f.type == "message" or f.type.endswith("64") or f.type == "double":
        return "ZERO_8", f.name
    return "ZERO_4", f.name


def holds_map(schema, message):
    return any(schema.is_map(f) or holds_map(schema, schema.messages[f.type_name])
               for f in message.fields if f.type == "message")


def array(items, indent="    ", per_line=24):
    lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
    return ",\n".join(indent + line for line in lines)


def message_table(schema, message, out):
    name = table_name(message.full_name)
    fields = message.by_number()
    names, places = [], []
    for place, f in enumerate(fields):
        for spelling in dict.fromkeys((f.json_name, f.name)):
            assert spelling not in names, f"{message.full_name}: {spelling} twice"
            names.append(spelling)
            places.append(place)
    if fields:
        out.append(f"static const struct schema_field {name}_fields[] = {{")
        for f in fields:
            key = f.json_name
            sub = f"&{table_name(f.type_name)}" if f.type == "message" else "NULL"
            how, member = absent(f)
            assert f.number < 2 ** 16, f"{message.full_name}: {f.name} = {f.number}"
            out.append(f'    {{ "\\"{key}\\":", {len(key) + 3}, SCHEMA_{kind(schema, f)}, SCHEMA_{how},')
            out.append(f"      offsetof({c_type(message.full_name)}, {member}), {f.number}, {sub} }},")
        out.append("};")
        multiplier, bits, slots = perfect_hash(names)
        out.append(f"static const struct schema_name {name}_names[] = {{")
        out.extend(f'    {{ "{n}", {len(n)}, {p} }},' for n, p in zip(names, places))
        out.append("};")
        out.append(f"static const uint8_t {name}_slots[] = {{\n{array([str(s) for s in slots])}\n}};")
    if message.map_entry:
        entry = c_type(message.full_name)
        for f in ("key", "value"):
            out.append(f"_Static_assert(offsetof({entry}, {f}) == offsetof(struct schema_map_entry, {f}), \"\");")
    out.append(f"const struct schema_message {name} = {{")
    out.append(f"    .desc = &{c_name(message.full_name)}__descriptor,")
    if fields:
        out.append(f"    .fields = {name}_fields,\n    .names = {name}_names,\n    .slots = {name}_slots,")
        out.append(f"    .multiplier = {multiplier}U,\n    .shift = {64 - bits},")
    out.append(f"    .holds_map = {str(holds_map(schema, message)).lower()},")
    out.append("};\n")


def write_tables(schema, path):
    out = ["/* Written by tools/protogen from proto/kefu/v1. */", '#include "schema_table.h"', ""]
    for file in dict.fromkeys(m.file for m in schema.messages.values()):
        out.append(f'#include "{file.removesuffix(".proto")}.pb-c.h"')
    out.append("")
    out.extend(f"extern const struct schema_message {table_name(n)};" for n in schema.messages)
    out.append("")
    for message in schema.messages.values():
        message_table(schema, message, out)
    multiplier, bits, slots = perfect_hash(list(schema.messages))
    out.append(f"static const struct schema_message *const schema_all[] = {{")
    out.extend(f"    &{table_name(n)}," for n in schema.messages)
    out.append("};")
    out.append(f"static const uint16_t schema_slots[] = {{\n{array([str(s) for s in slots])}\n}};")
    out.append("const struct schema_index schema_index = {")
    out.append("    .all = schema_all,\n    .slots = schema_slots,")
    out.append(f"    .count = {len(schema.messages)},\n    .multiplier = {multiplier}U,\n    .shift = {64 - bits},")
    out.append("};")
    with open(path, "w") as stream:
        stream.write("\n".join(out) + "\n")
