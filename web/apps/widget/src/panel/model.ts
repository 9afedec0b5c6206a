// SPDX-License-Identifier: Apache-2.0
// What the panel shows, derived from the chat's state: which conversation, which lines, in which
// groups. Pure; the views only render it.
import type { Ask, Event } from "@kefu/protocol/generated";
import type { OutboxItem } from "@kefu/client/outbox";
import type { ChatState, Conversation } from "@kefu/client/state";
import { viewTimeline, type TimelineItem } from "@kefu/client/timeline";

/** Lines of one author within this time share one heading. */
const GROUP_MS = 3 * 60_000;
const QUICK_REPLIES_MAX = 6;

const newerId = (a: string, b: string) =>
  a.length !== b.length ? a.length > b.length : a > b; /* decimal uint64 */

/** The visitor's newest conversation; ids grow with time. */
export function currentConversation(state: ChatState): Conversation | undefined {
  return Object.values(state.conversations).reduce<Conversation | undefined>(
    (best, next) => (best && newerId(best.id, next.id) ? best : next),
    undefined,
  );
}

/** Where a new message goes; a closed conversation is continued or followed by a new one. */
export function targetConversation(conversation: Conversation | undefined): string {
  return conversation && conversation.state !== "closed" ? conversation.id : "";
}

export type Line =
  | { kind: "day"; key: string; at: number }
  | { kind: "message"; key: string; item: TimelineItem; first: boolean; last: boolean }
  | { kind: "pending"; key: string; item: OutboxItem; first: boolean }
  | { kind: "fact"; key: string; event: Event };

const FACTS = new Set<Event["kind"]>([
  "handoff",
  "assigned",
  "transferred",
  "closed",
  "reopened",
  "rated",
  "to_bot",
  "left",
]);

const sameDay = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString();
const timeOf = (event: Event) => Date.parse(event.createdAt) || 0;

function sameGroup(a: Event | undefined, b: Event | undefined): boolean {
  return (
    a?.kind === "message" &&
    b?.kind === "message" &&
    a.author?.kind === b.author?.kind &&
    a.author?.id === b.author?.id &&
    Math.abs(timeOf(b) - timeOf(a)) < GROUP_MS
  );
}

export function lines(
  conversation: Conversation | undefined,
  outbox: readonly OutboxItem[],
): Line[] {
  const out: Line[] = [];
  const shown = viewTimeline(conversation?.events ?? []).filter(
    ({ event }) => event.kind === "message" || FACTS.has(event.kind),
  );
  let before: Event | undefined;
  shown.forEach((item, index) => {
    const { event } = item;
    const at = timeOf(event);
    if (at > 0 && (!before || !sameDay(timeOf(before), at))) {
      out.push({ kind: "day", key: `day${event.seq}`, at });
    }
    const key = `${event.conversationId}/${event.seq}`;
    if (event.kind !== "message") {
      out.push({ kind: "fact", key, event });
    } else {
      const first = !sameGroup(before, event);
      const last = !sameGroup(event, shown[index + 1]?.event);
      out.push({ kind: "message", key, item, first, last });
    }
    before = event;
  });
  const pending = outbox.filter(
    (item) =>
      item.text !== "" && (item.conversationId === "" || item.conversationId === conversation?.id),
  );
  pending.forEach((item, index) => {
    const first = index === 0 && !(before?.kind === "message" && before.author?.kind === "visitor");
    out.push({ kind: "pending", key: item.clientId, item, first });
  });
  return out;
}

/** Offered under the newest message until somebody writes. */
export function quickReplies(
  conversation: Conversation | undefined,
  outbox: readonly OutboxItem[],
) {
  const last = conversation?.events.filter((event) => event.kind === "message").at(-1);
  if (!last || last.author?.kind === "visitor" || conversation?.state === "closed") return [];
  if (outbox.some((item) => item.text !== "")) return [];
  return last.quickReplies.slice(0, QUICK_REPLIES_MAX);
}

/** What a flow waits for: the ask of the newest message, until somebody answers. */
export function pendingAsk(
  conversation: Conversation | undefined,
  outbox: readonly OutboxItem[],
): { seq: number; ask: Ask } | undefined {
  const last = conversation?.events.filter((event) => event.kind === "message").at(-1);
  if (!last?.ask || last.author?.kind !== "bot" || conversation?.state !== "bot") return undefined;
  if (outbox.some((item) => item.text !== "")) return undefined;
  const rated = conversation.events.some((event) => event.kind === "rated" && event.seq > last.seq);
  return rated ? undefined : { seq: last.seq, ask: last.ask };
}

/** The last answer was a guess: a person is offered beside it. */
export function offersPerson(conversation: Conversation | undefined): boolean {
  if (conversation?.state !== "bot" && conversation?.state !== "new") return false;
  const last = conversation.events.filter((event) => event.kind === "message").at(-1);
  return last?.rung === "clarify";
}

const WISHES = ["callback", "ticket"] as const;
/** What a visitor may choose instead of waiting. */
export type Wish = (typeof WISHES)[number];

export function offeredWishes(conversation: Conversation): Wish[] {
  return WISHES.filter((wish) => conversation.queue?.alternatives.includes(wish));
}

/** What it has chosen since it asked for a person. */
export function wishOf(conversation: Conversation): { kind: Wish; contact: string } | undefined {
  for (const event of [...conversation.events].reverse()) {
    if (event.kind === "handoff") return undefined;
    const kind = WISHES.find((wish) => event.attributes["wish"] === wish);
    if (event.kind === "form" && kind) {
      return { kind, contact: event.attributes["contact"] ?? "" };
    }
  }
  return undefined;
}

/** Closed, and not rated since. */
export function awaitsRating(conversation: Conversation | undefined): boolean {
  if (conversation?.state !== "closed") return false;
  const last = (kind: Event["kind"]) =>
    conversation.events.filter((event) => event.kind === kind).at(-1)?.seq ?? 0;
  return last("closed") > last("rated");
}

/** The visitor's newest message, under which its state stands. */
export function lastOwnSeq(conversation: Conversation | undefined): number {
  const own = conversation?.events.filter(
    (event) => event.kind === "message" && event.author?.kind === "visitor",
  );
  return own?.at(-1)?.seq ?? 0;
}

/** Splits text at web addresses: odd entries are addresses. */
export function splitLinks(text: string): string[] {
  return text.split(
    /(https?:\/\/[^\s<>"'，。；！？、（）【】《》]+[^\s<>"'，。；！？、（）【】《》.,;:!?)\]])/,
  );
}
