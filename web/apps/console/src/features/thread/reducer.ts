// SPDX-License-Identifier: Apache-2.0
// One conversation as this agent sees it: events in seq order without doubles, own messages that
// are not acknowledged yet, the visitor's typing, and what is missing. The store performs effects;
// here is only what follows from what.

import type { ChatEvent } from "../../lib/types";

export interface Pending {
  clientId: string;
  kind: "message" | "note";
  text: string;
  createdAt: string;
  status: "queued" | "sending" | "failed";
  fault: string;
}

export interface ThreadState {
  id: string;
  phase: "idle" | "loading" | "ready" | "error";
  fault: string;
  events: ChatEvent[];
  pending: Pending[];
  headSeq: number;
  more: boolean;
  loadingOlder: boolean;
  visitorReadSeq: number;
  typing: { draft: string } | null;
}

export type ThreadAction =
  | { type: "loading" }
  | { type: "loadingOlder" }
  | { type: "history"; events: ChatEvent[]; headSeq: number; more: boolean; older: boolean }
  | { type: "failed"; message: string }
  | { type: "event"; event: ChatEvent }
  | { type: "head"; seq: number }
  | { type: "written"; pending: Pending }
  | { type: "sending"; clientId: string }
  | { type: "requeued"; clientId: string }
  | { type: "acked"; clientId: string; event: ChatEvent }
  | { type: "refused"; clientId: string; message: string }
  | { type: "discarded"; clientId: string }
  | { type: "typing"; active: boolean; draft: string }
  | { type: "visitorRead"; seq: number };

export function initialThread(id: string): ThreadState {
  return {
    id,
    phase: "idle",
    fault: "",
    events: [],
    pending: [],
    headSeq: 0,
    more: false,
    loadingOlder: false,
    visitorReadSeq: 0,
    typing: null,
  };
}

function merge(known: ChatEvent[], added: ChatEvent[]): ChatEvent[] {
  const last = known[known.length - 1];
  const first = added[0];
  if (added.length === 1 && first && (!last || first.seq > last.seq)) return [...known, first];
  const bySeq = new Map(known.map((event) => [event.seq, event]));
  for (const event of added) bySeq.set(event.seq, event);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

function settled(pending: Pending[], events: ChatEvent[]): Pending[] {
  const known = new Set(events.map((event) => event.clientId).filter(Boolean));
  return pending.some((entry) => known.has(entry.clientId))
    ? pending.filter((entry) => !known.has(entry.clientId))
    : pending;
}

function add(state: ThreadState, events: ChatEvent[]): ThreadState {
  const merged = merge(state.events, events);
  const last = merged[merged.length - 1];
  return {
    ...state,
    events: merged,
    pending: settled(state.pending, events),
    headSeq: Math.max(state.headSeq, last?.seq ?? 0),
  };
}

function change(state: ThreadState, clientId: string, fields: Partial<Pending>): ThreadState {
  return {
    ...state,
    pending: state.pending.map((entry) =>
      entry.clientId === clientId ? { ...entry, ...fields } : entry,
    ),
  };
}

export function reduceThread(state: ThreadState, action: ThreadAction): ThreadState {
  switch (action.type) {
    case "loading":
      return { ...state, phase: state.events.length > 0 ? "ready" : "loading", fault: "" };
    case "loadingOlder":
      return { ...state, loadingOlder: true };
    case "history": {
      const next = add(state, action.events);
      const reachesDown = action.older || state.events.length === 0;
      return {
        ...next,
        phase: "ready",
        loadingOlder: false,
        headSeq: Math.max(next.headSeq, action.headSeq),
        more: reachesDown ? action.more : state.more,
      };
    }
    case "failed":
      return {
        ...state,
        phase: state.events.length > 0 ? "ready" : "error",
        loadingOlder: false,
        fault: action.message,
      };
    case "event": {
      const next = add(state, [action.event]);
      return action.event.author.kind === "visitor" ? { ...next, typing: null } : next;
    }
    case "head":
      return action.seq > state.headSeq ? { ...state, headSeq: action.seq } : state;
    case "written":
      return { ...state, pending: [...state.pending, action.pending] };
    case "sending":
      return change(state, action.clientId, { status: "sending", fault: "" });
    case "requeued":
      return change(state, action.clientId, { status: "queued", fault: "" });
    case "acked":
      return add(state, [action.event]);
    case "refused":
      return change(state, action.clientId, { status: "failed", fault: action.message });
    case "discarded":
      return {
        ...state,
        pending: state.pending.filter((entry) => entry.clientId !== action.clientId),
      };
    case "typing":
      return { ...state, typing: action.active ? { draft: action.draft } : null };
    case "visitorRead":
      return action.seq > state.visitorReadSeq ? { ...state, visitorReadSeq: action.seq } : state;
  }
}

/** The first hole between what is here and the head, which has to be fetched. */
export function missing(state: ThreadState): { from: number; to: number } | undefined {
  if (state.phase !== "ready") return undefined;
  let seq = state.events[0]?.seq;
  if (seq === undefined) return state.headSeq > 0 ? { from: 1, to: state.headSeq } : undefined;
  for (const event of state.events) {
    if (event.seq > seq + 1 && event.prevSeq > seq) return { from: seq + 1, to: event.seq - 1 };
    seq = event.seq;
  }
  return state.headSeq > seq ? { from: seq + 1, to: state.headSeq } : undefined;
}
