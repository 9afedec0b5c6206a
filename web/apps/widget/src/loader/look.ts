// SPDX-License-Identifier: Apache-2.0
// Asks the server how this page's chat looks, and whether the page may show it at all. Where it may
// not, nothing is shown: a button that opens a browser's error page helps nobody.
import type { Settings } from "./settings.ts";

const LOOK_MS_MAX = 3000;

export interface Look {
  /** The key of the script tag is a site's. */
  known: boolean;
  /** This page's origin is among the site's domains, or the site lists none. */
  listed: boolean;
  color: string;
}

/** null: it can't be asked (no network, the page's own policy), so nothing is known against it. */
export async function lookUp(settings: Settings): Promise<Look | null> {
  const query = new URLSearchParams({ site: settings.site });
  try {
    const reply = await fetch(`${settings.origin}/api/v1/visitor/site?${query.toString()}`, {
      credentials: "omit",
      signal: AbortSignal.timeout(LOOK_MS_MAX),
    });
    if (!reply.ok) return null;
    const { known, listed, color } = (await reply.json()) as Partial<Look>;
    return { known: known === true, listed: listed === true, color: String(color ?? "") };
  } catch {
    return null;
  }
}

/** What the page's owner is to mend; "" when the chat may be shown. */
export function refusalOf(settings: Pick<Settings, "site">, look: Look | null): string {
  if (look === null || (look.known && look.listed)) return "";
  if (!look.known)
    return `data-site="${settings.site}" is no site's key, so no chat is shown. Copy the script tag from the console, Sites.`;
  if (!/^https?:/.test(location.protocol))
    return "the chat needs a page that is served over http or https, so none is shown here.";
  return `${location.origin} is not among the site's allowed domains, so no chat is shown. Add it in the console, Sites, "Allowed domains".`;
}

/** To the page's owner, who looks into the browser's console: visitors can't mend it. */
export function warnOwner(text: string): void {
  console.warn(`Kefu: ${text}`); // eslint-disable-line no-console
}
