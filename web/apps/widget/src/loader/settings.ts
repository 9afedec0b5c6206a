// SPDX-License-Identifier: Apache-2.0
import { pickLocale, type Locale } from "@kefu/ui/strings";
import { parseTheme, type Theme } from "@kefu/ui/theme";

/** What the script tag says: data-site, data-lang, data-position, data-theme, data-color, ... */
export interface Settings {
  /** Where the script came from, and so where the panel lives. */
  origin: string;
  site: string;
  locale: Locale;
  left: boolean;
  theme: Theme;
  color: string;
  offsetX: string;
  offsetY: string;
  /** No button: the page opens the chat itself with kefu("open"). */
  hidden: boolean;
}

const pixels = (text: string | undefined) => (/^\d{1,3}$/.test(text ?? "") ? `${text}px` : "");

export function readSettings(script: HTMLScriptElement, languages: readonly string[]): Settings {
  const data = script.dataset;
  return {
    origin: new URL(script.src).origin,
    site: data["site"] ?? "",
    locale: pickLocale([data["lang"] ?? "", document.documentElement.lang, ...languages]),
    left: data["position"] === "left" || data["position"] === "bottom-left",
    theme: parseTheme(data["theme"]),
    color: /^#[0-9a-f]{3,6}$/i.test(data["color"] ?? "") ? (data["color"] as string) : "",
    offsetX: pixels(data["offsetX"]),
    offsetY: pixels(data["offsetY"]),
    hidden: data["launcher"] === "none",
  };
}

export function panelUrl(settings: Settings): string {
  const query = new URLSearchParams({
    site: settings.site,
    lang: settings.locale,
    theme: settings.theme,
    parent: location.origin,
  });
  if (settings.color !== "") query.set("color", settings.color);
  return `${settings.origin}/panel?${query.toString()}`;
}
