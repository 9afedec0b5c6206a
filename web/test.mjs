// SPDX-License-Identifier: Apache-2.0
// Runs every *.test.ts with node's test runner: node test.mjs [folder or file ...]. esbuild turns each into
// one module first, because the oldest supported Node (18) can't read TypeScript.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const out = join(root, "dist/test");

function findTests(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ["node_modules", "dist"].includes(entry.name) ? [] : findTests(path);
    }
    return /\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

const places = process.argv.length > 2 ? process.argv.slice(2) : ["packages", "apps"];
const tests = places.flatMap((place) =>
  place.endsWith(".ts") ? [join(root, place)] : findTests(join(root, place)),
);
spawnSync(process.execPath, [join(root, "packages/protocol/generate.mjs")], { stdio: "inherit" });
rmSync(out, { recursive: true, force: true });
const outputs = tests.map((test) =>
  relative(root, test)
    .replace(/[\\/]/g, "_")
    .replace(/\.tsx?$/, ""),
);
await build({
  entryPoints: tests.map((test, index) => ({ in: test, out: outputs[index] })),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node18",
  external: ["ws", "playwright-core", "axe-core", "esbuild", "vite", "typescript"],
  loader: { ".css": "text" },
  define: { "import.meta.dirname": JSON.stringify(root) },
  logLevel: "error",
});
const run = spawnSync(
  process.execPath,
  ["--test", ...outputs.map((output) => join(out, `${output}.mjs`))],
  { stdio: "inherit", cwd: root, env: { ...process.env, KEFU_WEB_ROOT: root } },
);
process.exit(run.status ?? 1);
