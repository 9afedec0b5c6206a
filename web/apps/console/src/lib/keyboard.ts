// SPDX-License-Identifier: Apache-2.0
// Single-key shortcuts: off in inputs, during composition, with modifiers, while a dialog or menu
// is open, and when the person switched them off (WCAG 2.1.4).

import { onScopeDispose, ref } from "vue";

const storageKey = "kefu.shortcuts";

export const shortcutsOn = ref(localStorage.getItem(storageKey) !== "off");

export function setShortcuts(on: boolean): void {
  shortcutsOn.value = on;
  localStorage.setItem(storageKey, on ? "on" : "off");
}

function typingIn(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

export function useShortcuts(keys: Record<string, () => void>): void {
  const onKey = (event: KeyboardEvent): void => {
    if (!shortcutsOn.value || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.isComposing || event.defaultPrevented || typingIn(event.target)) return;
    if (document.querySelector('[role="dialog"], [role="menu"]')) return;
    const run = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  document.addEventListener("keydown", onKey);
  onScopeDispose(() => document.removeEventListener("keydown", onKey));
}
