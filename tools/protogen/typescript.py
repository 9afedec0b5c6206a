# SPDX-License-Identifier: Apache-2.0
"""What browsers exchange with the server, for web/packages/protocol: an interface and a decoder
table for every message. The tables keep the decoder small: one interpreter (src/wire.ts) walks
them, and a bundler drops the messages that an app does not name. The canonical mapping makes
64-bit integers strings, and so do the types."""
import json

from descriptors import TIMESTAMP
from document import INTERNAL

FILES = ("kefu/v1/event.proto", "kefu/v1/routing.proto", "kefu/v1/frame.proto", "kefu/v1/api.proto",
         "kefu/v1/flow.proto")
SCALARS = {"string": ("string", "t.text"), "bytes": ("string", "t.text"), "bool": ("boolean", "t.bool"),
           "double": ("number", "t.number"), "uint32": ("number", "t.number"),
           "int32": ("number", "t.number"), "uint64": ("string", "t.big"), "int64": ("string", "t.big"),
           "fixed64": ("string", "t.big")}


def ts_name(full_name):
    return full_name.removeprefix("kefu.v1.").replace(".", "")


def wanted(schema):
    """What the files declare and, from other files, what that mentions."""
    found = []

    def visit(name):
        if name in found or name == TIMESTAMP:
            return
        found.append(name)
        for f in schema.messages[name].fields if name in schema.messages else []:
            if f.type_name and not schema.is_map(f):
                visit(f.type_name)

    for message in schema.messages.values():
        if message.file in FILES and not message.map_entry and message.name not in INTERNAL:
            visit(message.full_name)
    return found


def one_value(schema, f):
    if f.type_name == TIMESTAMP:
        return "string", "t.text"
    if f.type == "message":
        return ts_name(f.type_name), f"t.message(() => {ts_name(f.type_name)})"
    if f.type == "enum":
        return ts_name(f.type_name), f"t.choice({ts_name(f.type_name)})"
    return SCALARS[f.type]


def field_output(schema, f):
    """(TypeScript type, table entry, optional)"""
    if schema.is_map(f):
        return "Record<string, string>", "t.map(t.text)", False
    ts, code = one_value(schema, f)
    if f.repeated:
        return f"{ts}[]", f"t.list({code})", False
    message = f.type == "message" and f.type_name != TIMESTAMP
    assert message or not f.oneof, f"{f.name}: only messages in a oneof"
    return ts, code, message


def write_typescript(schema, path):
    lines = ["// SPDX-License-Identifier: Apache-2.0",
             "// Written by tools/protogen from proto/kefu/v1; not edited by hand, not committed.",
             'import * as t from "./wire.ts";', ""]
    names = wanted(schema)
    for full in (n for n in schema.enums if n in names):
        name, values = ts_name(full), ", ".join(json.dumps(v[0]) for v in schema.enums[full].values)
        lines += [f"export const {name} = [{values}] as const;",
                  f"export type {name} = (typeof {name})[number];", ""]
    for full in (n for n in schema.messages if n in names):
        name = ts_name(full)
        outputs = [(f.json_name, *field_output(schema, f)) for f in schema.messages[full].fields]
        lines.append(f"export interface {name} {{")
        lines += [f"  {key}{'?' if optional else ''}: {ts};" for key, ts, _, optional in outputs]
        lines.append("}")
        lines.append(f"export const {name}: t.MessageType<{name}> = /* @__PURE__ */ t.define(() => ({{")
        lines += [f"  {key}: {code}," for key, _, code, _ in outputs]
        lines += ["}));", ""]
    with open(path, "w") as stream:
        stream.write("\n".join(lines))
