// SPDX-License-Identifier: Apache-2.0
// Everything that holds for web/: types, lint, layout, tests, sizes. What passed once is remembered
// under the hash of its inputs; --force runs it again.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { cacheGet, cachePut, ensureModules, inputHash, run, webRoot } from "./cache.mjs";

const site = join(webRoot, "dist/site");
/** Bytes after brotli -q 11, which is what the server sends. */
const BUDGETS = [
  { what: "widget before the first click", most: 15_000, files: () => ["w.js"] },
  {
    what: "widget opened",
    most: 45_000,
    files: () => ["w.js", ...pageFiles("panel", /\.(js|css)$/)],
  },
  {
    what: "console's first JavaScript",
    most: 150_000,
    files: () => pageFiles("console", /\.js$/).slice(1),
  },
];

/** The page and what it loads at once. */
function pageFiles(app, wanted) {
  const page = `${app}/index.html`;
  if (!existsSync(join(site, page))) return [];
  const html = readFileSync(join(site, page), "utf8");
  const links = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]);
  return [page, ...links.filter((link) => wanted.test(link))];
}

function checkSizes() {
  let passed = true;
  for (const { what, most, files } of BUDGETS) {
    const bytes = files()
      .map((file) => brotliCompressSync(readFileSync(join(site, file))).length)
      .reduce((sum, size) => sum + size, 0);
    console.log(`${what}: ${bytes} bytes of ${most}`);
    passed &&= bytes <= most;
  }
  return passed;
}

function checkTypes() {
  const folders = ["packages", "apps"].flatMap((group) =>
    readdirSync(join(webRoot, group)).map((name) => `${group}/${name}`),
  );
  for (const folder of folders) {
    if (!existsSync(join(webRoot, folder, "tsconfig.json"))) continue;
    const compiler = folder === "apps/console" ? "vue-tsc" : "tsc";
    run(join(webRoot, "node_modules/.bin", compiler), ["--noEmit", "-p", folder]);
  }
}

const name = `checked-${inputHash()}`;
if (!process.argv.includes("--force") && cacheGet(name) !== null) {
  console.log("web: nothing changed since it last passed");
  process.exit(0);
}
ensureModules();
run(process.execPath, ["packages/protocol/generate.mjs"]);
checkTypes();
run(join(webRoot, "node_modules/.bin/eslint"), ["."]);
run(join(webRoot, "node_modules/.bin/prettier"), ["--check", "--log-level", "warn", "."]);
run(process.execPath, ["test.mjs"]);
run(process.execPath, ["build.mjs"]);
if (!checkSizes()) {
  console.error("web: too big");
  process.exit(1);
}
cachePut(name, "passed");
