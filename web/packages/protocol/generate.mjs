// SPDX-License-Identifier: Apache-2.0
// Writes src/generated.ts from proto/kefu/v1 (protoc reads it, tools/protogen writes): an interface
// and a decoder table for every message that browsers exchange with the server.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const output = process.argv[2] ?? join(here, "src/generated.ts");
const files = ["event", "frame", "api", "store", "flow"].map((name) => `kefu/v1/${name}.proto`);

const folder = mkdtempSync(join(tmpdir(), "kefu-proto-"));
try {
  const set = join(folder, "schema.bin");
  const protoc = ["-I", join(root, "proto"), "-I", "/usr/include", "--include_imports"];
  protoc.push(`--descriptor_set_out=${set}`, ...files);
  execFileSync("protoc", protoc, { stdio: "inherit" });
  mkdirSync(dirname(output), { recursive: true });
  const protogen = [join(root, "tools/protogen/protogen.py"), set, "--typescript", output];
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
  execFileSync("python3", protogen, { stdio: "inherit", env });
} finally {
  rmSync(folder, { recursive: true });
}
