// SPDX-License-Identifier: Apache-2.0
// What launcher and panel say to each other through postMessage. Both sides check the origin and
// the window before they read, and this decoder before they act; no message carries a token.

/** Who is on the page, as the customer's server signed it. */
export interface User {
  userId: string;
  name: string;
  email: string;
  phone: string;
  issuedAt: string;
  hash: string;
}

export type ToPanel =
  | { type: "page"; url: string; title: string; referrer: string }
  | { type: "shown"; shown: boolean; full: boolean }
  | { type: "user"; user: User }
  | { type: "attributes"; attributes: Record<string, string> }
  | { type: "begin"; flow: string; text: string };

export type ToLauncher =
  | { type: "ready" }
  | { type: "close" }
  | { type: "unread"; count: number }
  /** A conversation exists: later pages load the panel without a click, for the badge. */
  | { type: "active"; active: boolean }
  | { type: "event"; name: PublicEvent; detail: Record<string, string> };

/** What `kefu("on", name, ...)` can listen to. */
export type PublicEvent = "open" | "close" | "unread" | "message" | "conversation";

const MARK = "kefu";

export function wrap(message: ToPanel | ToLauncher): unknown {
  return { [MARK]: 1, ...message };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The message if it is one of ours with one of these types; fields are checked by their users. */
export function unwrap<T extends ToPanel | ToLauncher>(
  data: unknown,
  types: readonly T["type"][],
): T | null {
  if (!isRecord(data) || data[MARK] !== 1) return null;
  return types.includes(data["type"] as T["type"]) ? (data as unknown as T) : null;
}

/** Strings only, and few of them: what a page hands in may be anything. */
export function cleanAttributes(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => ["string", "number", "boolean"].includes(typeof item))
      .slice(0, 50)
      .map(([key, item]) => [key.slice(0, 64), String(item).slice(0, 1024)]),
  );
}
