// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { readParams } from "./panel/params.ts";
import { cleanAttributes, unwrap, wrap, type ToLauncher } from "./messages.ts";

test("only our own messages of an expected type are read", () => {
  const close = unwrap<ToLauncher>(wrap({ type: "close" }), ["close", "unread"]);
  assert.equal(close?.type, "close");
  assert.equal(unwrap<ToLauncher>({ type: "close" }, ["close"]), null);
  assert.equal(unwrap<ToLauncher>(wrap({ type: "close" }), ["unread"]), null);
  assert.equal(unwrap<ToLauncher>("close", ["close"]), null);
});

test("what a page hands in becomes few short strings", () => {
  assert.deepEqual(cleanAttributes({ plan: "pro", seats: 3, ok: true, fn: () => 1, o: {} }), {
    plan: "pro",
    seats: "3",
    ok: "true",
  });
  assert.deepEqual(cleanAttributes(null), {});
  assert.equal(cleanAttributes({ long: "x".repeat(5000) })["long"]?.length, 1024);
  const many = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`k${i}`, "v"]));
  assert.equal(Object.keys(cleanAttributes(many)).length, 50);
});

test("the panel takes its settings from the address and nothing strange", () => {
  const params = readParams("?site=s&lang=zh&theme=dark&parent=https://shop.example", []);
  assert.deepEqual(params, {
    site: "s",
    locale: "zh-CN",
    theme: "dark",
    color: "",
    parent: "https://shop.example",
  });
  assert.equal(readParams("?parent=javascript:1", ["zh-TW"]).parent, "");
  assert.equal(readParams("?parent=*", []).parent, "");
});
