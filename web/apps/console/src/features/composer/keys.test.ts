// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { sends, type KeyPress } from "./keys";

function press(fields: Partial<KeyPress> = {}): KeyPress {
  return {
    key: "Enter",
    keyCode: 13,
    isComposing: false,
    shiftKey: false,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    ...fields,
  };
}

test("Enter sends, Shift+Enter breaks the line", () => {
  assert.ok(sends(press(), "enter"));
  assert.ok(!sends(press({ shiftKey: true }), "enter"));
  assert.ok(!sends(press({ key: "a" }), "enter"));
});

test("an input method's Enter never sends", () => {
  assert.ok(!sends(press({ isComposing: true }), "enter"));
  assert.ok(!sends(press({ keyCode: 229 }), "enter"));
  assert.ok(!sends(press({ keyCode: 229, ctrlKey: true }), "ctrlEnter"));
});

test("with Ctrl+Enter chosen, Enter alone breaks the line", () => {
  assert.ok(!sends(press(), "ctrlEnter"));
  assert.ok(sends(press({ ctrlKey: true }), "ctrlEnter"));
  assert.ok(sends(press({ metaKey: true }), "ctrlEnter"));
});
