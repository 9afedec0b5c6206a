// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { fillCanned, findCanned, slashQuery } from "./slash";

const replies = [
  { id: "1", shortcut: "hello", text: "Hello, how can I help?", locale: "en", version: "1" },
  { id: "2", shortcut: "hello", text: "您好，请问有什么可以帮您？", locale: "zh", version: "1" },
  { id: "3", shortcut: "refund", text: "Refunds take three days.", locale: "en", version: "1" },
];

test("the menu opens at the start of a line only", () => {
  assert.equal(slashQuery("/", 1), "");
  assert.equal(slashQuery("/ref", 4), "ref");
  assert.equal(slashQuery("hi\n/ref", 7), "ref");
  assert.equal(slashQuery("and/or", 6), null);
  assert.equal(slashQuery("/a b", 4), null);
});

test("finds by shortcut and by text, the visitor's language first", () => {
  const ids = (query: string, locale: string) =>
    findCanned(replies, query, { locale, limit: 8 }).map((reply) => reply.id);
  assert.deepEqual(ids("hel", "zh-CN"), ["2", "1"]);
  assert.deepEqual(ids("three", "en"), ["3"]);
  assert.deepEqual(ids("nothing", "en"), []);
});

test("puts the reply where the slash stood and fills the variables", () => {
  const filled = fillCanned("/re", 3, "Hi {{visitor}}, {{other}}", { visitor: "Ann" });
  assert.equal(filled.text, "Hi Ann, {{other}}");
  assert.equal(filled.cursor, filled.text.length);
});
