// SPDX-License-Identifier: Apache-2.0
import { pickLocale, type Locale } from "@kefu/ui/strings";
import { parseTheme, type Theme } from "@kefu/ui/theme";

export interface Params {
  site: string;
  locale: Locale;
  theme: Theme;
  color: string;
  /** Origin of the embedding page; "" when the panel is a page of its own. */
  parent: string;
}

export function readParams(search: string, languages: readonly string[]): Params {
  const query = new URLSearchParams(search);
  const parent = query.get("parent") ?? "";
  return {
    site: query.get("site") ?? "",
    locale: pickLocale([query.get("lang") ?? "", ...languages]),
    theme: parseTheme(query.get("theme")),
    color: query.get("color") ?? "",
    parent: /^https?:\/\/[^/]+$/.test(parent) ? parent : "",
  };
}
