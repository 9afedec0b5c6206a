// SPDX-License-Identifier: Apache-2.0
// Writes src/generated.ts from proto/kefu/v1: a TypeScript interface and a decoder table for every
// message that browsers exchange with the server. The tables are what keeps the decoder small: one
// interpreter (wire.ts) walks them, and a bundler drops the messages that an app does not name.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const protoDir = process.argv[2] ?? join(here, "../../../proto/kefu/v1");
const output = process.argv[3] ?? join(here, "src/generated.ts");
// Messages of store.proto are written only where one of the others mentions them.
const files = ["event.proto", "frame.proto", "api.proto"];
const mentionedOnly = ["store.proto"];

const scalars = {
  string: { ts: "string", code: "t.text" },
  bytes: { ts: "string", code: "t.text" },
  bool: { ts: "boolean", code: "t.bool" },
  double: { ts: "number", code: "t.number" },
  float: { ts: "number", code: "t.number" },
  uint32: { ts: "number", code: "t.number" },
  int32: { ts: "number", code: "t.number" },
  fixed64: { ts: "string", code: "t.big" },
  uint64: { ts: "string", code: "t.big" },
  int64: { ts: "string", code: "t.big" },
  "google.protobuf.Timestamp": { ts: "string", code: "t.text" },
};

function tokenize(text) {
  const withoutComments = text.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\/\/[^\n]*/g, " ");
  return withoutComments.match(/"[^"]*"|[A-Za-z_][\w.]*|\d+|[{}=;<>,[\]()-]/g) ?? [];
}

/** Fills `types`: full name ("Author.Kind") -> {enum: [...]} or {fields: [...]}. */
function parse(text, types) {
  const tokens = tokenize(text);
  let at = 0;
  const next = () => tokens[at++];
  const expect = (token) => {
    const found = next();
    if (found !== token) throw new Error(`expected ${token}, found ${found} (token ${at})`);
  };
  const skipStatement = () => {
    while (next() !== ";");
  };

  function parseEnum(scope) {
    const name = scope + next();
    const values = [];
    expect("{");
    while (tokens[at] !== "}") {
      if (tokens[at] === "reserved" || tokens[at] === "option") {
        skipStatement();
        continue;
      }
      values.push(next());
      skipStatement();
    }
    expect("}");
    types.set(name, { enum: values });
  }

  function parseField(fields, oneof) {
    let repeated = false;
    let type = next();
    if (type === "repeated") {
      repeated = true;
      type = next();
    }
    let map = null;
    if (type === "map") {
      expect("<");
      map = next();
      expect(",");
      type = next();
      expect(">");
    }
    const name = next();
    skipStatement();
    fields.push({ type, name, repeated, map, oneof });
  }

  function parseMessage(scope) {
    const name = scope + next();
    const fields = [];
    types.set(name, { fields });
    expect("{");
    while (tokens[at] !== "}") {
      const token = tokens[at];
      if (token === "message") {
        at++;
        parseMessage(`${name}.`);
      } else if (token === "enum") {
        at++;
        parseEnum(`${name}.`);
      } else if (token === "oneof") {
        at += 2;
        expect("{");
        while (tokens[at] !== "}") parseField(fields, true);
        expect("}");
      } else if (token === "reserved" || token === "option") {
        skipStatement();
      } else {
        parseField(fields, false);
      }
    }
    expect("}");
  }

  while (at < tokens.length) {
    const token = next();
    if (token === "message") parseMessage("");
    else if (token === "enum") parseEnum("");
    else skipStatement();
  }
}

const tsName = (full) => full.replaceAll(".", "");
const jsonName = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

function resolve(types, scope, type) {
  const parts = scope.split(".");
  for (let depth = parts.length; depth >= 0; depth--) {
    const candidate = [...parts.slice(0, depth), type].join(".");
    if (types.has(candidate)) return candidate;
  }
  throw new Error(`unknown type ${type} in ${scope}`);
}

function fieldOutput(types, scope, field) {
  let ts;
  let code;
  let isMessage = false;
  const scalar = scalars[field.type];
  if (scalar) {
    ({ ts, code } = scalar);
  } else {
    const full = resolve(types, scope, field.type);
    ts = tsName(full);
    isMessage = types.get(full).fields !== undefined;
    code = isMessage ? `t.message(() => ${ts})` : `t.choice(${ts})`;
  }
  if (field.map !== null)
    return { ts: `Record<string, ${ts}>`, code: `t.map(${code})`, optional: false };
  if (field.repeated) return { ts: `${ts}[]`, code: `t.list(${code})`, optional: false };
  if (field.oneof && !isMessage)
    throw new Error(`${scope}.${field.name}: only messages in a oneof`);
  return { ts, code, optional: isMessage };
}

const types = new Map();
for (const file of files) parse(readFileSync(join(protoDir, file), "utf8"), types);
const wanted = new Set(types.keys());
for (const file of mentionedOnly) parse(readFileSync(join(protoDir, file), "utf8"), types);
for (const full of wanted) {
  for (const field of types.get(full).fields ?? []) {
    if (!scalars[field.type]) wanted.add(resolve(types, full, field.type));
  }
}

const lines = [
  "// SPDX-License-Identifier: Apache-2.0",
  "// Generated from proto/kefu/v1 by generate.mjs; not edited by hand, not committed.",
  'import * as t from "./wire.ts";',
  "",
];
for (const [full, type] of types) {
  if (!wanted.has(full)) continue;
  const name = tsName(full);
  if (type.enum) {
    lines.push(`export const ${name} = [${type.enum.map((v) => `"${v}"`).join(", ")}] as const;`);
    lines.push(`export type ${name} = (typeof ${name})[number];`, "");
    continue;
  }
  lines.push(`export interface ${name} {`);
  const rows = [];
  for (const field of type.fields) {
    const { ts, code, optional } = fieldOutput(types, full, field);
    lines.push(`  ${jsonName(field.name)}${optional ? "?" : ""}: ${ts};`);
    rows.push(`  ${jsonName(field.name)}: ${code},`);
  }
  lines.push("}");
  lines.push(`export const ${name}: t.MessageType<${name}> = /* @__PURE__ */ t.define(() => ({`);
  lines.push(...rows, "}));", "");
}
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, lines.join("\n"));
