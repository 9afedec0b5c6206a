// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { facts } from "./facts";

test("only web addresses become links", () => {
  assert.equal(facts.href("https://shop.example/a"), "https://shop.example/a");
  assert.equal(facts.href("javascript:alert(1)"), undefined);
  assert.equal(facts.href(""), undefined);
});

test("a browser's name is read from its user agent", () => {
  const chrome =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36";
  assert.equal(facts.browser(chrome), "Chrome 120 · Windows");
  assert.equal(facts.browser("curl/8"), "curl/8");
});
