// SPDX-License-Identifier: Apache-2.0
// The "/" menu: what is looked for, which canned replies fit, and the text afterwards.

import type { CannedReply } from "../../lib/types";

/** The word after a "/" at the start of a line, up to the cursor; null: no menu. */
export function slashQuery(text: string, cursor: number): string | null {
  const match = /(?:^|\n)\/([^\s/]*)$/u.exec(text.slice(0, cursor));
  return match ? (match[1] ?? "") : null;
}

function score(reply: CannedReply, needle: string): number {
  const shortcut = reply.shortcut.toLowerCase();
  if (shortcut.startsWith(needle)) return 2;
  return shortcut.includes(needle) || reply.text.toLowerCase().includes(needle) ? 1 : 0;
}

/** Best first; the visitor's language before others. */
export function findCanned(
  replies: readonly CannedReply[],
  query: string,
  options: { locale: string; limit: number },
): CannedReply[] {
  const needle = query.toLowerCase();
  const language = options.locale.slice(0, 2).toLowerCase();
  const rank = (reply: CannedReply): number =>
    score(reply, needle) * 2 + (language && reply.locale.startsWith(language) ? 1 : 0);
  return replies
    .filter((reply) => score(reply, needle) > 0)
    .sort((a, b) => rank(b) - rank(a) || a.shortcut.localeCompare(b.shortcut))
    .slice(0, options.limit);
}

export function fillCanned(
  text: string,
  cursor: number,
  reply: string,
  variables: Record<string, string>,
): { text: string; cursor: number } {
  const query = slashQuery(text, cursor);
  const from = query === null ? cursor : cursor - query.length - 1;
  const filled = reply.replaceAll(
    /\{\{\s*(\w+)\s*\}\}/g,
    (whole, name: string) => variables[name] ?? whole,
  );
  return {
    text: text.slice(0, from) + filled + text.slice(cursor),
    cursor: from + filled.length,
  };
}
