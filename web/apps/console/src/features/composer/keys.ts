// SPDX-License-Identifier: Apache-2.0
// When a key press means "send". An input method's Enter commits a word and must never send:
// browsers tell by isComposing, Safari and old WebViews only by key code 229.

export type SendKey = "enter" | "ctrlEnter";

export interface KeyPress {
  key: string;
  keyCode: number;
  isComposing: boolean;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export function composing(press: Pick<KeyPress, "isComposing" | "keyCode">): boolean {
  return press.isComposing || press.keyCode === 229;
}

export function sends(press: KeyPress, sendKey: SendKey): boolean {
  if (press.key !== "Enter" || composing(press)) return false;
  if (press.ctrlKey || press.metaKey) return true;
  return sendKey === "enter" && !press.shiftKey && !press.altKey;
}
