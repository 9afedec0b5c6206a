// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName } from "./files.ts";

test("a file is named by its id, a slash and its name", () => {
  assert.deepEqual(fileName("17/cup.JPG"), { id: "17", name: "cup.JPG", image: true });
  assert.deepEqual(fileName("9/a/b.pdf"), { id: "9", name: "a/b.pdf", image: false });
  assert.equal(fileName("cup.jpg"), null);
  assert.equal(fileName("/cup.jpg"), null);
  assert.equal(fileName("12/"), null);
});
