// SPDX-License-Identifier: Apache-2.0
// The byte budget of the console's first load: everything index.html names, brotli 11.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const budget = 150_000;
const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "dist");
const html = readFileSync(path.join(dist, "index.html"), "utf8");
const size = (file) => brotliCompressSync(readFileSync(path.join(dist, file))).length;
const first = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((match) => match[1]);
const scripts = first.filter((file) => file.endsWith(".js"));
const js = scripts.reduce((sum, file) => sum + size(file), 0);
const css = first
  .filter((file) => file.endsWith(".css"))
  .reduce((sum, file) => sum + size(file), 0);
const all = readdirSync(path.join(dist, "assets"))
  .filter((file) => file.endsWith(".js"))
  .reduce((sum, file) => sum + size(`assets/${file}`), 0);
console.log(JSON.stringify({ firstJs: js, firstCss: css, allJs: all, budget }));
process.exit(js > budget ? 1 : 0);
