// SPDX-License-Identifier: Apache-2.0
// The agent's list of conversations: rows by id as the server last told them, what is known of
// each view's paging, and who is at the desk. Views are computed from the rows, so that one push
// moves a conversation between them.

import type { Conversation, Presence } from "../../lib/types";

export const views = ["mine", "waiting", "all", "closed"] as const;
export type View = (typeof views)[number];

export interface ViewState {
  phase: "idle" | "loading" | "ready" | "error";
  next: string; // cursor; empty: no further page
  fault: string;
}

export interface InboxState {
  rows: Record<string, Conversation>;
  views: Record<View, ViewState>;
  presence: Presence[];
}

export type InboxAction =
  | { type: "loading"; view: View }
  | { type: "loaded"; view: View; items: Conversation[]; next: string }
  | { type: "failed"; view: View; message: string }
  | { type: "pushed"; rows: Conversation[] }
  | { type: "read"; id: string; seq: number }
  | { type: "presence"; agents: Presence[] }
  | { type: "reset" };

const idle: ViewState = { phase: "idle", next: "", fault: "" };

export const initialInbox: InboxState = {
  rows: {},
  views: { mine: idle, waiting: idle, all: idle, closed: idle },
  presence: [],
};

/** A row may arrive late (a list reply overtaken by a push): the higher head wins. */
function newer(known: Conversation | undefined, row: Conversation): Conversation {
  if (!known) return row;
  const stale =
    known.headSeq > row.headSeq ||
    (known.headSeq === row.headSeq && known.updatedAt > row.updatedAt);
  if (stale) return known;
  return known.readSeq > row.readSeq ? { ...row, readSeq: known.readSeq } : row;
}

function withRows(state: InboxState, items: Conversation[]): Record<string, Conversation> {
  const rows = { ...state.rows };
  for (const row of items) rows[row.id] = newer(rows[row.id], row);
  return rows;
}

function withView(state: InboxState, view: View, change: Partial<ViewState>): InboxState {
  return {
    ...state,
    views: { ...state.views, [view]: { ...state.views[view], ...change } },
  };
}

function withPresence(known: Presence[], changed: Presence[]): Presence[] {
  const byId = new Map(known.map((entry) => [entry.agentId, entry]));
  for (const entry of changed) {
    const before = byId.get(entry.agentId);
    byId.set(entry.agentId, { ...entry, name: entry.name || before?.name || "" });
  }
  return [...byId.values()];
}

export function reduceInbox(state: InboxState, action: InboxAction): InboxState {
  switch (action.type) {
    case "loading":
      return withView(state, action.view, { phase: "loading", fault: "" });
    case "loaded":
      return withView({ ...state, rows: withRows(state, action.items) }, action.view, {
        phase: "ready",
        next: action.next,
      });
    case "failed":
      return withView(state, action.view, { phase: "error", fault: action.message });
    case "pushed":
      return { ...state, rows: withRows(state, action.rows) };
    case "read": {
      const row = state.rows[action.id];
      if (!row || row.readSeq >= action.seq) return state;
      return { ...state, rows: { ...state.rows, [row.id]: { ...row, readSeq: action.seq } } };
    }
    case "presence":
      return { ...state, presence: withPresence(state.presence, action.agents) };
    case "reset":
      return initialInbox;
  }
}

export function isUnread(row: Conversation): boolean {
  return row.headSeq > row.readSeq && row.lastAuthor === "visitor" && row.state !== "closed";
}

export function belongs(row: Conversation, view: View, me: string): boolean {
  switch (view) {
    case "mine":
      return row.state === "agent" && row.agentId === me;
    case "waiting":
      return row.state === "queued";
    case "all":
      return row.state !== "closed";
    case "closed":
      return row.state === "closed";
  }
}

export function rowsOf(state: InboxState, view: View, me: string): Conversation[] {
  const rows = Object.values(state.rows).filter((row) => belongs(row, view, me));
  // Waiting is a queue: who came first stands first. Elsewhere the newest change does.
  return view === "waiting"
    ? rows.sort((a, b) => a.queuedAt.localeCompare(b.queuedAt) || a.id.localeCompare(b.id))
    : rows.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt) || b.id.localeCompare(a.id));
}

export function matches(row: Conversation, words: string): boolean {
  const needle = words.trim().toLowerCase();
  return (
    needle === "" ||
    row.visitorName.toLowerCase().includes(needle) ||
    row.lastText.toLowerCase().includes(needle)
  );
}

/** The number that needs *me*: what waits, and what is unread among mine. */
export function needsMe(state: InboxState, me: string): number {
  return Object.values(state.rows).filter(
    (row) => row.state === "queued" || (belongs(row, "mine", me) && isUnread(row)),
  ).length;
}
