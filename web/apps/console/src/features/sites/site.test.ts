// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Site } from "@kefu/protocol/generated";
import { domainsOf, draftOf, newDraft, rungOf, same, withRung, writable } from "./site.ts";

test("pasted addresses become the hosts that the server takes", () => {
  const text = "https://shop.example/cart?x=1\n *.shop.example \n\nlocalhost:8080，a.example";
  assert.deepEqual(domainsOf(text), [
    "shop.example",
    "*.shop.example",
    "localhost:8080",
    "a.example",
  ]);
  assert.deepEqual(domainsOf(" \n"), []);
});

test("a rung that is as it was by default is not listed", () => {
  const off = { rung: "faq", off: true, threshold: 0 };
  const sure = { rung: "faq", off: false, threshold: 0.7 };
  assert.deepEqual(withRung([], off), [off]);
  assert.deepEqual(withRung([off], sure), [sure]);
  assert.deepEqual(withRung([sure], { ...sure, threshold: 0 }), []);
  assert.equal(rungOf([sure], "faq").threshold, 0.7);
  assert.equal(rungOf([sure], "rule").off, false);
});

test("every field of a site is set by a person or given by the server", () => {
  const given = ["id", "key", "createdAt", "version", "identitySecretHint"];
  assert.deepEqual(Object.keys(Site.create()).sort(), [...given, ...writable].sort());
});

test("a draft shares nothing with the site that it was made from", () => {
  const site = { ...Site.create(), domains: ["a.example"] };
  const draft = draftOf(site);
  draft.domains.push("b.example");
  assert.deepEqual(site.domains, ["a.example"]);
  assert.ok(!same(draft, draftOf(site)));
  assert.ok(same(newDraft(), newDraft()));
});
