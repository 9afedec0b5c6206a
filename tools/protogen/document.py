# SPDX-License-Identifier: Apache-2.0
"""The message part of docs/protocol.md: what a reader of the wire needs, from the schema and its
comments. Between the two marks everything is ours; the rest of the page is written by hand."""

BEGIN = "<!-- messages: written by tools/protogen, do not edit -->"
END = "<!-- messages: end -->"

# Stored by the server and never sent.
INTERNAL = {"AgentRecord", "ApiTokenRecord", "LoginSession", "Routing", "RoutingFact"}
SECTIONS = [
    ("Frames", "kefu/v1/frame.proto"),
    ("Timeline", "kefu/v1/event.proto"),
    ("REST bodies", "kefu/v1/api.proto"),
    ("Routing", "kefu/v1/routing.proto"),
    ("Shared with storage", "kefu/v1/store.proto"),
]
JSON_TYPES = {"uint64": "string (64-bit)", "int64": "string (64-bit)", "fixed64": "string (64-bit)",
              "uint32": "number", "int32": "number", "double": "number", "bool": "boolean",
              "string": "string", "bytes": "string (base64)"}


def anchor(name):
    return name.lower().replace(".", "")


def reachable(schema):
    """Messages and enums that can be on the wire, in file order."""
    found = set()

    def visit(name):
        if name in found:
            return
        found.add(name)
        for f in schema.messages[name].fields if name in schema.messages else []:
            if f.type_name:
                visit(f.type_name)

    for message in schema.messages.values():
        if message.file in ("kefu/v1/frame.proto", "kefu/v1/event.proto", "kefu/v1/api.proto",
                            "kefu/v1/routing.proto") \
                and not message.map_entry and message.name not in INTERNAL:
            visit(message.full_name)
    return found


def type_text(schema, f):
    if schema.is_map(f):
        return "object of strings"
    if f.type_name == "google.protobuf.Timestamp":
        text = "string (RFC 3339)"
    elif f.type_name:
        name = f.type_name.removeprefix("kefu.v1.")
        text = f"[{name}](#{anchor(name)})"
    else:
        text = JSON_TYPES[f.type]
    return f"array of {text}" if f.repeated else text


def cell(text):
    return text.replace("|", "\\|")


def message_text(schema, message, out):
    out += [f"### {message.name}", ""]
    if message.comment:
        out += [message.comment, ""]
    if not message.fields:
        out += ["No fields.", ""]
        return
    for oneof in message.oneofs:
        out += [f"At most one of the fields marked *{oneof}*.", ""]
    out += ["| Field | No. | JSON type | Meaning |", "|---|---|---|---|"]
    for f in message.by_number():
        note = " ".join(part for part in (f"*{f.oneof}*" if f.oneof else "", f.comment) if part)
        out.append(f"| `{f.json_name}` | {f.number} | {type_text(schema, f)} | {cell(note)} |")
    out.append("")


def enum_text(enum, out):
    out += [f"### {enum.name}", ""]
    if enum.comment:
        out += [enum.comment, ""]
    out += ["| Value | No. | Meaning |", "|---|---|---|"]
    out += [f"| `{name}` | {number} | {cell(comment)} |" for name, number, comment in enum.values]
    out.append("")


def messages_text(schema):
    wire, out, done = reachable(schema), [BEGIN, ""], set()
    for title, file in SECTIONS:
        out += [f"## {title}", ""]
        for message in schema.messages.values():
            if message.file != file or message.full_name not in wire or message.map_entry:
                continue
            message_text(schema, message, out)
            for f in message.fields:
                if f.type == "enum" and f.type_name not in done:
                    done.add(f.type_name)
                    enum_text(schema.enums[f.type_name], out)
    out.append(END)
    return "\n".join(out)


def page_with_messages(schema, page):
    before, rest = page.split(BEGIN, 1)
    return before + messages_text(schema) + rest.split(END, 1)[1]
