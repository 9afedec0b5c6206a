// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { plainName } from "./name";

test("a name cannot turn or break the sentence that it stands in", () => {
  assert.equal(plainName("\u202eevil\u2066 \u0007name\n"), "evil name");
  assert.equal(plainName("\u202e\u0000 "), "");
  assert.equal(plainName("李雷 مرحبا 👩‍👩‍👧"), "李雷 مرحبا 👩‍👩‍👧");
});
