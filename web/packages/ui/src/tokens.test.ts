// SPDX-License-Identifier: Apache-2.0
// Every pair of roles that is used together is legible in both themes (WCAG 2.2 AA).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { brandRoles, contrast, parseColor } from "./contrast.ts";

const css = readFileSync(
  join(process.env["KEFU_WEB_ROOT"] ?? "", "packages/ui/src/tokens.css"),
  "utf8",
);

function block(after: string): Record<string, string> {
  const start = css.indexOf("{", css.indexOf(after));
  const text = css.slice(start + 1, css.indexOf("}", start));
  return Object.fromEntries(
    [...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1], match[2]]),
  );
}

const themes = { light: block(":root {"), dark: block(':root[data-theme="dark"]') };
const grounds = ["bg-canvas", "bg-surface", "bg-raised", "bg-sunken"];
const TEXT = 4.5;
const SHAPE = 3;
const pairs: [string, string, number][] = [
  ...grounds.flatMap((ground): [string, string, number][] => [
    ["text", ground, TEXT],
    ["text-muted", ground, TEXT],
    ["danger", ground, TEXT],
    ["border-strong", ground, SHAPE],
    ["focus", ground, SHAPE],
  ]),
  ["brand", "bg-surface", TEXT],
  ["brand", "bg-canvas", TEXT],
  ["success", "bg-surface", TEXT],
  ["warning", "bg-surface", TEXT],
  ["on-brand", "brand", TEXT],
  ["on-brand", "brand-hover", TEXT],
  ["brand", "brand-subtle", TEXT],
  ["text", "brand-subtle", TEXT],
  ["text", "bubble-visitor", TEXT],
  ["text", "bubble-agent", TEXT],
  ["text-muted", "bubble-visitor", TEXT],
  ["text-muted", "bubble-agent", TEXT],
  ["text", "note-bg", TEXT],
  ["warning", "note-bg", TEXT],
];

for (const [theme, roles] of Object.entries(themes)) {
  test(`contrast in the ${theme} theme`, () => {
    const color = (role: string) => {
      const value = parseColor(roles[role] ?? "");
      assert.ok(value, `${theme} has no ${role}`);
      return value;
    };
    for (const [front, ground, least] of pairs) {
      const ratio = contrast(color(front), color(ground));
      assert.ok(ratio >= least, `${theme}: ${front} on ${ground} is ${ratio.toFixed(2)}`);
    }
    for (let i = 1; i <= 6; i++) {
      assert.ok(
        contrast(color(`chart-${i}`), color("bg-surface")) >= SHAPE,
        `${theme}: chart-${i}`,
      );
    }
  });
}

test("the dark theme is the same by choice and by the system's preference", () => {
  assert.deepEqual(block(':root:not([data-theme="light"])'), themes.dark);
});

test("any brand colour becomes legible", () => {
  for (const surface of ["#ffffff", "#171b21"]) {
    for (const seed of ["#ffe600", "#101010", "#fefefe", "#2457d6", "#0a0", "#ff5a5f"]) {
      const roles = brandRoles(seed, surface);
      const brand = parseColor(roles["--brand"] ?? "")!;
      assert.ok(contrast(brand, parseColor(surface)!) >= 4.4, `${seed} on ${surface}`);
      assert.ok(contrast(brand, parseColor(roles["--on-brand"] ?? "")!) >= 4.5, `text on ${seed}`);
    }
  }
  assert.deepEqual(brandRoles("red; x", "#ffffff"), {});
});
