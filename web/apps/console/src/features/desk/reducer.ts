// SPDX-License-Identifier: Apache-2.0
// The desk as this console sees it: the queues as last told, and which offers this person has put
// aside. Offers themselves are inbox rows; presence is the inbox's.

import type { QueueLoad } from "@kefu/protocol/generated";
import type { Conversation, Presence, PresenceStatus } from "../../lib/types";

export interface DeskState {
  queues: QueueLoad[];
  toldAt: number; // ms; 0: nothing yet
  aside: string[]; // keys of offers that were answered here; the server's word may take a moment
}

export type DeskAction =
  | { type: "told"; queues: QueueLoad[]; at: number }
  | { type: "aside"; key: string }
  | { type: "reset" };

const asideMax = 50; // offers of a few minutes; older ones have run out

export const initialDesk: DeskState = { queues: [], toldAt: 0, aside: [] };

export function reduceDesk(state: DeskState, action: DeskAction): DeskState {
  switch (action.type) {
    case "told":
      return { ...state, queues: action.queues, toldAt: action.at };
    case "aside":
      return { ...state, aside: [...state.aside, action.key].slice(-asideMax) };
    case "reset":
      return initialDesk;
  }
}

/** The same conversation offered again is another offer. */
export function offerKey(row: Conversation): string {
  return `${row.id}.${row.offeredUntil}`;
}

/** What is offered to me and still runs, the one that ends first in front. */
export function offersOf(
  rows: Record<string, Conversation>,
  options: { me: string; now: number; aside: string[] },
): Conversation[] {
  return Object.values(rows)
    .filter(
      (row) =>
        row.state === "queued" &&
        options.me !== "" &&
        row.offeredTo === options.me &&
        Date.parse(row.offeredUntil) > options.now &&
        !options.aside.includes(offerKey(row)),
    )
    .sort((a, b) => a.offeredUntil.localeCompare(b.offeredUntil));
}

export interface Totals {
  waiting: number;
  longestMs: number;
  atRisk: number;
  overdue: number;
}

/** `now` lets the longest wait grow between two pushes. */
export function totalsOf(state: DeskState, now: number): Totals {
  const since = state.toldAt > 0 ? Math.max(0, now - state.toldAt) : 0;
  return state.queues.reduce(
    (sum, queue) => ({
      waiting: sum.waiting + queue.waiting,
      longestMs: Math.max(sum.longestMs, longestOf(queue, since)),
      atRisk: sum.atRisk + queue.atRisk,
      overdue: sum.overdue + queue.overdue,
    }),
    { waiting: 0, longestMs: 0, atRisk: 0, overdue: 0 },
  );
}

export function longestOf(queue: QueueLoad, sinceMs: number): number {
  return queue.waiting > 0 ? queue.longestWaitMs + sinceMs : 0;
}

const order: PresenceStatus[] = ["online", "busy", "away", "offline"];

/** Who is there, the fullest first, by state. */
export function agentsByState(
  presence: Presence[],
): { status: PresenceStatus; agents: Presence[] }[] {
  const fill = (agent: Presence): number => agent.load / Math.max(1, agent.capacity);
  return order.map((status) => ({
    status,
    agents: presence
      .filter((agent) => agent.status === status)
      .sort((a, b) => fill(b) - fill(a) || a.name.localeCompare(b.name)),
  }));
}

/** 75000 → "1:15". */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes >= 60
    ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
    : `${minutes}:${two(seconds % 60)}`;
}
