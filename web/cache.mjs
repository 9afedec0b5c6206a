// SPDX-License-Identifier: Apache-2.0
// A small cache keyed by the content of everything that goes into the web build, shared by all
// presets and work trees of this user.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const webRoot = dirname(fileURLToPath(import.meta.url));
const KEPT = 12;
const IGNORED = new Set(["node_modules", "dist", "generated.ts"]);

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !IGNORED.has(name))
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** Hash over names and contents of the web sources and the schema. */
export function inputHash() {
  const hash = createHash("sha256");
  for (const path of [...filesBelow(webRoot), ...filesBelow(join(webRoot, "../proto"))]) {
    const content = readFileSync(path);
    hash.update(`${relative(webRoot, path)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 32);
}

function folder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "kefu-web");
}

export function cacheGet(name) {
  try {
    return readFileSync(join(folder(), name));
  } catch {
    return null;
  }
}

/** Best effort: a home that can't be written only makes the next build slower. */
export function cachePut(name, content) {
  try {
    mkdirSync(folder(), { recursive: true });
    writeAtomically(join(folder(), name), content);
    const byAge = readdirSync(folder())
      .map((entry) => ({ entry, time: statSync(join(folder(), entry)).mtimeMs }))
      .sort((a, b) => b.time - a.time);
    for (const { entry } of byAge.slice(KEPT)) rmSync(join(folder(), entry), { force: true });
  } catch (error) {
    console.error(`web: not cached (${error.code ?? error.message})`);
  }
}

export function writeAtomically(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** Installs what package-lock.json names, once per lock file. */
export function ensureModules() {
  const stamp = join(webRoot, "node_modules/.kefu-lock");
  const lock = createHash("sha256")
    .update(readFileSync(join(webRoot, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.error("web: installing the npm packages of web/package-lock.json");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, lock);
}

/** Runs a program in web/; its failure ends this one. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: webRoot, stdio: ["ignore", 2, 2], ...options });
  if (result.status !== 0) {
    console.error(`web: ${[program, ...args].join(" ")} failed`);
    process.exit(1);
  }
  return result;
}
