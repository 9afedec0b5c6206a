// SPDX-License-Identifier: Apache-2.0
export type Theme = "light" | "dark" | "auto";

export function parseTheme(text: string | null | undefined): Theme {
  return text === "light" || text === "dark" ? text : "auto";
}

export function setTheme(root: HTMLElement, theme: Theme): void {
  root.dataset["theme"] = theme;
}
