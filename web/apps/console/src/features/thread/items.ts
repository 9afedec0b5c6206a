// SPDX-License-Identifier: Apache-2.0
// From events to what is drawn: a line per day, an unread line, runs of one author, edits and
// recalls applied to the message they are about.

import { fileName, type FileName } from "@kefu/client/files";
import type { AuthorKind, ChatEvent } from "../../lib/types";
import type { Pending, ThreadState } from "./reducer";

const groupMs = 3 * 60_000; // one author's messages within this stand together

export type Delivery = "queued" | "sending" | "sent" | "read" | "failed";

export interface Bubble {
  type: "bubble";
  key: string;
  seq: number; // 0 while not acknowledged
  side: "visitor" | "agent" | "bot" | "note";
  author: string;
  authorId: string;
  text: string;
  at: string;
  first: boolean;
  last: boolean;
  delivery: Delivery | null;
  fault: string;
  clientId: string;
  edited: boolean;
  recalled: boolean;
  rung: string;
  quickReplies: { label: string; text: string }[];
  files: FileName[];
}

export type Item =
  | Bubble
  | { type: "day"; key: string; at: string }
  | { type: "unread"; key: string }
  | { type: "event"; key: string; event: ChatEvent };

type Side = Bubble["side"];

function sideOf(kind: AuthorKind, note: boolean): Side {
  if (note) return "note";
  if (kind === "visitor") return "visitor";
  return kind === "bot" ? "bot" : "agent";
}

function bubbleOf(event: ChatEvent, visitorReadSeq: number): Bubble {
  const side = sideOf(event.author.kind, event.kind === "note");
  return {
    type: "bubble",
    key: event.clientId && side !== "visitor" ? event.clientId : `s${event.seq}`,
    seq: event.seq,
    side,
    author: event.author.name,
    authorId: event.author.id,
    text: event.text,
    at: event.createdAt,
    first: true,
    last: true,
    delivery: side === "agent" ? (event.seq <= visitorReadSeq ? "read" : "sent") : null,
    fault: "",
    clientId: event.clientId,
    edited: false,
    recalled: false,
    rung: event.rung,
    quickReplies: event.quickReplies,
    files: event.files.map(fileName).filter((file) => file !== null),
  };
}

function bubbleOfPending(entry: Pending, me: string, meName: string): Bubble {
  return {
    type: "bubble",
    key: entry.clientId,
    seq: 0,
    side: entry.kind === "note" ? "note" : "agent",
    author: meName,
    authorId: me,
    text: entry.text,
    at: entry.createdAt,
    first: true,
    last: true,
    delivery: entry.status,
    fault: entry.fault,
    clientId: entry.clientId,
    edited: false,
    recalled: false,
    rung: "",
    quickReplies: [],
    files: [],
  };
}

function together(a: Bubble, b: Bubble): boolean {
  return (
    a.side === b.side &&
    a.side !== "note" &&
    a.authorId === b.authorId &&
    Math.abs(Date.parse(b.at) - Date.parse(a.at)) <= groupMs
  );
}

function applyChanges(events: ChatEvent[], bubbles: Map<number, Bubble>): void {
  for (const event of events) {
    const target = bubbles.get(event.targetSeq);
    if (!target) continue;
    if (event.kind === "edit") {
      target.text = event.text;
      target.edited = true;
    } else if (event.kind === "recall") {
      target.recalled = true;
    }
  }
}

export interface ItemOptions {
  me: string;
  meName: string;
  unreadAfter: number; // seq read when the thread was opened; 0: no line
  dayKey: (iso: string) => string;
}

export function itemsOf(state: ThreadState, options: ItemOptions): Item[] {
  const items: Item[] = [];
  const bySeq = new Map<number, Bubble>();
  let day = "";
  let before: Bubble | null = null;
  let unreadShown = options.unreadAfter === 0;

  const put = (bubble: Bubble): void => {
    if (before && together(before, bubble)) {
      before.last = false;
      bubble.first = false;
    }
    before = bubble;
    items.push(bubble);
  };
  const startDay = (at: string): void => {
    const key = options.dayKey(at);
    if (key === day || key === "") return;
    day = key;
    before = null;
    items.push({ type: "day", key: `d${key}`, at });
  };

  for (const event of state.events) {
    if (event.kind === "edit" || event.kind === "recall") continue;
    startDay(event.createdAt);
    if (!unreadShown && event.seq > options.unreadAfter && event.author.kind === "visitor") {
      unreadShown = true;
      before = null;
      items.push({ type: "unread", key: "unread" });
    }
    if (event.kind === "message" || event.kind === "note") {
      const bubble = bubbleOf(event, state.visitorReadSeq);
      bySeq.set(event.seq, bubble);
      put(bubble);
    } else {
      before = null;
      items.push({ type: "event", key: `s${event.seq}`, event });
    }
  }
  applyChanges(state.events, bySeq);
  for (const entry of state.pending) {
    startDay(entry.createdAt);
    put(bubbleOfPending(entry, options.me, options.meName));
  }
  return items;
}
