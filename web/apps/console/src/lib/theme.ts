// SPDX-License-Identifier: Apache-2.0
// Light, dark or as the system says; the choice is kept in this browser.

import { ref, watch } from "vue";

export type Theme = "light" | "dark" | "auto";

const storageKey = "kefu.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function initialTheme(): Theme {
  const stored = localStorage.getItem(storageKey);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

export const theme = ref<Theme>(initialTheme());

function apply(): void {
  const dark = theme.value === "dark" || (theme.value === "auto" && system.matches);
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
}

watch(theme, apply, { immediate: true });
system.addEventListener("change", apply);

export function setTheme(next: Theme): void {
  theme.value = next;
  localStorage.setItem(storageKey, next);
}
