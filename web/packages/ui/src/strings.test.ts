// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { pickLocale } from "./strings.ts";

test("the first language that we speak wins", () => {
  assert.equal(pickLocale(["fr-FR", "zh-Hant-TW", "en"]), "zh-CN");
  assert.equal(pickLocale(["EN-gb"]), "en");
  assert.equal(pickLocale(["", "xx"]), "en");
});
