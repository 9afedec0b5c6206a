# SPDX-License-Identifier: Apache-2.0
"""Reads what `protoc --include_source_info --descriptor_set_out` wrote.

Standard library only: a descriptor set is itself protobuf, and of its wire format three rules are
enough here. protoc has parsed and checked the .proto files before; nothing of that is done again.
"""
from dataclasses import dataclass, field

# FieldDescriptorProto.Type
TYPES = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32",
         8: "bool", 9: "string", 10: "group", 11: "message", 12: "bytes", 13: "uint32",
         14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64"}
TIMESTAMP = "google.protobuf.Timestamp"


@dataclass
class Field:
    name: str
    json_name: str
    number: int
    type: str           # a value of TYPES
    type_name: str      # full name of a message or enum, else ""
    repeated: bool
    oneof: str          # name of the oneof, else ""
    comment: str


@dataclass
class Message:
    full_name: str
    fields: list
    oneofs: list
    comment: str
    file: str
    map_entry: bool

    @property
    def name(self):     # without the package: "Event.AttributesEntry"
        return self.full_name.removeprefix("kefu.v1.")

    def by_number(self):
        return sorted(self.fields, key=lambda f: f.number)


@dataclass
class Enum:
    full_name: str
    values: list        # (name, number, comment)
    comment: str

    @property
    def name(self):
        return self.full_name.removeprefix("kefu.v1.")


@dataclass
class Schema:
    messages: dict = field(default_factory=dict)    # full name -> Message, in file order
    enums: dict = field(default_factory=dict)

    def is_map(self, f):
        return f.type == "message" and f.repeated and self.messages[f.type_name].map_entry


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def parse(data):
    """One message: {field number: [values]}; nested messages stay bytes."""
    fields, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if key & 7 == 1 else 4
            value, at = data[at:at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def text(fields, number):
    return fields[number][-1].decode() if number in fields else ""


def number(fields, n):
    return fields[n][-1] if n in fields else 0


def comments(file):
    """{path: comment} of one file: the block before a declaration and the note behind it."""
    found = {}
    for info in file.get(9, []):
        for location in parse(info).get(1, []):
            location = parse(location)
            path, packed, at = [], b"".join(location.get(1, [])), 0
            while at < len(packed):
                part, at = varint(packed, at)
                path.append(part)
            lines = (text(location, 3) + "\n" + text(location, 4)).split("\n")
            found[tuple(path)] = " ".join(line.strip() for line in lines if line.strip())
    return found


def read_enum(schema, data, scope, path, notes):
    enum = parse(data)
    full_name = scope + "." + text(enum, 1)
    values = []
    for i, value in enumerate(enum.get(2, [])):
        value = parse(value)
        values.append((text(value, 1), number(value, 2), notes.get(path + (2, i), "")))
    schema.enums[full_name] = Enum(full_name, values, notes.get(path, ""))


def read_message(schema, data, scope, path, notes, file):
    message = parse(data)
    full_name = scope + "." + text(message, 1)
    oneofs = [text(parse(o), 1) for o in message.get(8, [])]
    fields = []
    for i, raw in enumerate(message.get(2, [])):
        raw = parse(raw)
        fields.append(Field(
            name=text(raw, 1), json_name=text(raw, 10), number=number(raw, 3),
            type=TYPES[number(raw, 5)], type_name=text(raw, 6).removeprefix("."),
            repeated=number(raw, 4) == 3, oneof=oneofs[number(raw, 9)] if 9 in raw else "",
            comment=notes.get(path + (2, i), "")))
    options = parse(message[7][-1]) if 7 in message else {}
    schema.messages[full_name] = Message(full_name, fields, oneofs, notes.get(path, ""), file,
                                         bool(number(options, 7)))
    for i, nested in enumerate(message.get(3, [])):
        read_message(schema, nested, full_name, path + (3, i), notes, file)
    for i, nested in enumerate(message.get(4, [])):
        read_enum(schema, nested, full_name, path + (4, i), notes)


def read_descriptor_set(path):
    schema = Schema()
    with open(path, "rb") as stream:
        files = parse(stream.read()).get(1, [])
    for data in files:
        file = parse(data)
        notes, scope = comments(file), text(file, 2)
        for i, message in enumerate(file.get(4, [])):
            read_message(schema, message, scope, (4, i), notes, text(file, 1))
        for i, enum in enumerate(file.get(5, [])):
            read_enum(schema, enum, scope, (5, i), notes)
    check(schema)
    return schema


def check(schema):
    """What our codecs rely on (spec/protocol.md): said here rather than found at run time."""
    for message in schema.messages.values():
        assert len(message.fields) <= 64, f"{message.full_name}: over 64 fields"
        for f in message.fields:
            where = f"{message.full_name}.{f.name}"
            assert f.type not in ("group", "float"), f"{where}: type {f.type}"
            if schema.is_map(f):
                key, value = schema.messages[f.type_name].fields
                assert key.type == value.type == "string", f"{where}: only map<string,string>"
        assert not recursive(schema, message.full_name, set()), f"{message.full_name}: recursive"


def recursive(schema, name, above):
    return name in above or any(
        recursive(schema, f.type_name, above | {name})
        for f in schema.messages[name].fields if f.type == "message")
