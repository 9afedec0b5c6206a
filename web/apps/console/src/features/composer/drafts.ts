// SPDX-License-Identifier: Apache-2.0
// Unsent text per conversation, kept in this browser through reloads.

import { reactive } from "vue";

export type Mode = "reply" | "note";
export interface Draft {
  mode: Mode;
  text: string;
}

const storageKey = "kefu.drafts";
const keptDrafts = 50; // the oldest fall out

function read(): Record<string, Draft> {
  try {
    const stored = JSON.parse(localStorage.getItem(storageKey) ?? "{}") as Record<string, Draft>;
    return typeof stored === "object" && stored !== null ? stored : {};
  } catch {
    return {};
  }
}

export const drafts = reactive<Record<string, Draft>>(read());

export function setDraft(id: string, draft: Draft): void {
  if (draft.text === "") delete drafts[id];
  else drafts[id] = draft;
  const entries = Object.entries(drafts).slice(-keptDrafts);
  localStorage.setItem(storageKey, JSON.stringify(Object.fromEntries(entries)));
}
