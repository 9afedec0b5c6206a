// SPDX-License-Identifier: Apache-2.0
// Everything that a widget or a console knows about its conversations, and the one function that
// changes it. Pure: frames and facts go in, the next state comes out.
import type {
  Author,
  Conversation as ConversationRow,
  ConversationHead,
  ConversationState,
  Event,
  QueuePush,
  ServerFrame,
  Welcome,
} from "@kefu/protocol/generated";
import type { OutboxItem } from "./outbox.ts";
import type { SessionStatus } from "./session.ts";
import { mergeEvents } from "./timeline.ts";

export interface TypingState {
  readonly author: Author | undefined;
  readonly draft: string;
  /** Shown until then; a "stopped" that got lost must not leave dots for ever. */
  readonly until: number;
}

export interface Conversation {
  readonly id: string;
  readonly state: ConversationState;
  readonly headSeq: number;
  readonly events: readonly Event[];
  /** The newest page was fetched. */
  readonly loaded: boolean;
  /** Older events exist before the first one. */
  readonly more: boolean;
  /** What this side has read, and what the other side has. */
  readonly readSeq: number;
  readonly peerReadSeq: number;
  readonly agentName: string;
  readonly typing: TypingState | undefined;
  readonly queue: QueuePush | undefined;
}

export interface ChatState {
  readonly session: SessionStatus;
  readonly welcome: Welcome | undefined;
  readonly conversations: Readonly<Record<string, Conversation>>;
  /** In the order of sending. */
  readonly outbox: readonly OutboxItem[];
}

export type Side = "visitor" | "agent";

export type ChatChange =
  | { type: "session"; status: SessionStatus }
  | { type: "frame"; frame: ServerFrame; now: number }
  | { type: "outbox"; items: readonly OutboxItem[] }
  | { type: "typingEnded"; conversationId: string; now: number }
  | { type: "read"; conversationId: string; seq: number };

export const TYPING_SHOWN_MS = 6_000;

export const initialChatState: ChatState = {
  session: { status: "stopped" },
  welcome: undefined,
  conversations: {},
  outbox: [],
};

function emptyConversation(id: string): Conversation {
  return {
    id,
    state: "state_unspecified",
    headSeq: 0,
    events: [],
    loaded: false,
    more: false,
    readSeq: 0,
    peerReadSeq: 0,
    agentName: "",
    typing: undefined,
    queue: undefined,
  };
}

function update(
  state: ChatState,
  id: string,
  change: (conversation: Conversation) => Partial<Conversation>,
): ChatState {
  if (id === "0") return state;
  const before = state.conversations[id] ?? emptyConversation(id);
  return {
    ...state,
    conversations: { ...state.conversations, [id]: { ...before, ...change(before) } },
  };
}

const raise = (seq: number) => (conversation: Conversation) => ({
  headSeq: Math.max(conversation.headSeq, seq),
});

const NEXT_STATE: Partial<Record<Event["kind"], ConversationState>> = {
  handoff: "queued",
  assigned: "agent",
  closed: "closed",
  to_bot: "bot",
  left: "queued",
};

/** What an event says about its conversation; only the newest event may speak. */
function factsOf(event: Event, before: Conversation): Partial<Conversation> {
  if (event.seq < before.headSeq) return {};
  const facts: { -readonly [K in keyof Conversation]?: Conversation[K] } = {};
  const next = NEXT_STATE[event.kind];
  if (next) facts.state = next;
  // A conversation that begins here has no other word of who answers it.
  const unknown = before.state === "state_unspecified" || before.state === "new";
  if (unknown && event.kind === "message" && event.author?.kind === "bot") facts.state = "bot";
  if (event.kind === "reopened" && before.state === "closed") facts.state = "bot";
  if (event.kind === "assigned" || event.kind === "transferred") {
    facts.agentName = event.agentName;
    if (event.agentId !== "0") facts.state = "agent";
  }
  if (facts.state && facts.state !== "queued") facts.queue = undefined;
  if (facts.state && facts.state !== "agent") facts.agentName = "";
  return facts;
}

function isMine(author: Author | undefined, side: Side): boolean {
  return side === "visitor" ? author?.kind === "visitor" : author?.kind === "agent";
}

/** Events that came by push or by fetch. A message ends its author's typing. */
function takeEvents(state: ChatState, id: string, events: readonly Event[], side: Side): ChatState {
  return update(state, id, (before) => {
    const newest = events[events.length - 1];
    const facts = events.reduce<Partial<Conversation>>(
      (known, event) => ({ ...known, ...factsOf(event, { ...before, ...known }) }),
      {},
    );
    const quiet = events.some((event) => event.seq > before.headSeq && !isMine(event.author, side));
    const own = events.filter((event) => isMine(event.author, side)).map((event) => event.seq);
    return {
      ...facts,
      events: mergeEvents(before.events, events),
      headSeq: Math.max(before.headSeq, newest?.seq ?? 0),
      // Who writes has seen what stands above, and what one wrote oneself is not unread.
      readSeq: side === "visitor" ? Math.max(before.readSeq, ...own) : before.readSeq,
      ...(quiet ? { typing: undefined } : {}),
    };
  });
}

function takeHead(state: ChatState, head: ConversationHead): ChatState {
  return update(state, head.id, (before) => ({
    headSeq: Math.max(before.headSeq, head.headSeq),
    state: head.state,
    readSeq: Math.max(before.readSeq, head.readSeq),
    peerReadSeq: Math.max(before.peerReadSeq, head.peerReadSeq),
    agentName: head.agentName,
  }));
}

function takeRow(state: ChatState, row: ConversationRow | undefined): ChatState {
  if (!row || !state.conversations[row.id]) return state;
  return update(state, row.id, (before) => ({
    state: row.state,
    agentName: row.agentName,
    headSeq: Math.max(before.headSeq, row.headSeq),
    readSeq: Math.max(before.readSeq, row.readSeq),
    peerReadSeq: Math.max(before.peerReadSeq, row.visitorReadSeq),
  }));
}

function takeFrame(state: ChatState, frame: ServerFrame, now: number, side: Side): ChatState {
  if (frame.welcome) {
    return frame.welcome.conversations.reduce(takeHead, { ...state, welcome: frame.welcome });
  }
  if (frame.event) return takeEvents(state, frame.event.conversationId, [frame.event], side);
  if (frame.history) {
    const { conversationId, events, headSeq, more } = frame.history;
    const taken = takeEvents(state, conversationId, events, side);
    return update(taken, conversationId, (after) => ({
      loaded: true,
      headSeq: Math.max(after.headSeq, headSeq),
      // Only the page that reaches furthest back knows whether there is more before it.
      more: after.events[0]?.seq === events[0]?.seq ? more : after.more,
    }));
  }
  if (frame.resync) return update(state, frame.resync.conversationId, raise(frame.resync.headSeq));
  if (frame.ping) {
    return frame.ping.heads.reduce(
      (next, head) => update(next, head.conversationId, raise(head.headSeq)),
      state,
    );
  }
  if (frame.typing) {
    const { conversationId, active, author, draft } = frame.typing;
    if (isMine(author, side)) return state;
    const typing = active ? { author, draft, until: now + TYPING_SHOWN_MS } : undefined;
    return update(state, conversationId, () => ({ typing }));
  }
  if (frame.queue) {
    const queue = frame.queue;
    return update(state, queue.conversationId, () => ({ queue }));
  }
  if (frame.read) {
    const { conversationId, reader, seq } = frame.read;
    const key = reader === side ? "readSeq" : "peerReadSeq";
    return update(state, conversationId, (before) => ({ [key]: Math.max(before[key], seq) }));
  }
  return takeRow(state, frame.conversation?.conversation);
}

export function reduceChat(state: ChatState, change: ChatChange, side: Side): ChatState {
  switch (change.type) {
    case "session":
      return { ...state, session: change.status };
    case "frame":
      return takeFrame(state, change.frame, change.now, side);
    case "outbox":
      return { ...state, outbox: change.items };
    case "typingEnded":
      return update(state, change.conversationId, ({ typing }) =>
        typing && typing.until <= change.now ? { typing: undefined } : {},
      );
    case "read":
      return update(state, change.conversationId, (before) => ({
        readSeq: Math.max(before.readSeq, change.seq),
      }));
  }
}

/** Messages of others that this side has not read. */
export function unreadCount(conversation: Conversation, side: Side): number {
  return conversation.events.filter(
    (event) =>
      event.seq > conversation.readSeq &&
      (event.kind === "message" || event.kind === "form") &&
      !isMine(event.author, side),
  ).length;
}
