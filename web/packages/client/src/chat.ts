// SPDX-License-Identifier: Apache-2.0
// The conversations of one visitor or agent: the session, the outbox and the state put together.
// Repairs gaps, resumes after a reconnect, sends what must arrive in order until it has arrived.
import type { Error as WireError, Hello, ServerFrame } from "@kefu/protocol/generated";
import type { Input } from "@kefu/protocol/wire";
import { createClientId } from "./ids.ts";
import { createOutbox, type OutboxItem } from "./outbox.ts";
import type { KeyValueStore, Platform } from "./platform.ts";
import { createSession, type Action, type Session } from "./session.ts";
import {
  initialChatState,
  reduceChat,
  TYPING_SHOWN_MS,
  type ChatChange,
  type ChatState,
  type Conversation,
  type Side,
} from "./state.ts";
import { findGaps } from "./timeline.ts";
import type { Connect } from "./transport.ts";

export const PAGE_EVENTS = 50;
/** The most that one fetch may ask for. */
const GAP_EVENTS_MAX = 200;
const RETRY_MS = 2_000;
/** While the draft changes it is told at most this often, and said again so that dots stay. */
const TYPING_TELL_MS = 1_000;
const TYPING_IDLE_MS = 4_000;

/** The server could not do it now; the same action may succeed later. */
const PASSING_ERRORS = new Set(["busy", "unavailable", "rate_limited", "timeout"]);

export interface ChatOptions {
  side: Side;
  connect: Connect;
  platform: Platform;
  storage: KeyValueStore;
  /** Before every key in the storage, so that sites don't meet. */
  prefix: string;
  /** Without `resume`, which is filled in here. */
  hello(): Promise<Input<Hello>> | Input<Hello>;
  onRefused?(error: WireError): boolean;
  /** Every frame after the state took it, also the answers to fetches. */
  onFrame?(frame: ServerFrame): void;
}

export interface SendOptions {
  /** "" begins a conversation (or uses the visitor's open one). */
  conversationId: string;
  text: string;
  /** Values of the options of the pending ask that the text stands for. */
  pick?: string[];
  /** References of uploads that the pending ask wanted. */
  files?: string[];
  /** Of a button: the flow that it begins; the text is only shown. */
  flow?: string;
}

export interface Chat {
  start(): void;
  stop(): void;
  wake(): void;
  readonly session: Session;
  state(): ChatState;
  /** Called after each change; the returned function ends it. */
  subscribe(listener: (state: ChatState) => void): () => void;
  /** Keeps a conversation complete from now on: fetches its newest page and repairs its gaps. */
  follow(conversationId: string): void;
  unfollow(conversationId: string): void;
  fetchOlder(conversationId: string): Promise<void>;
  /** Hands in a message; it is on its way also when there is no connection. Returns its clientId. */
  send(options: SendOptions): string;
  note(options: SendOptions): string;
  /** Any other action with a clientId: `perform("x", (clientId) => ({ close: {...} }))`. */
  perform(conversationId: string, make: (clientId: string) => Action): string;
  retry(clientId: string): void;
  discard(clientId: string): void;
  /** Tells that one is writing, and what (`share`) where the site wants to see unsent text. */
  typing(conversationId: string, draft: string, share?: boolean): void;
  read(conversationId: string, seq: number): void;
}

interface DraftState {
  told: boolean;
  at: number;
  draft: string;
  share: boolean;
  cancel(): void;
}

export function createChat(options: ChatOptions): Chat {
  const { platform, side } = options;
  const outbox = createOutbox(options.storage, options.prefix);
  const listeners = new Set<(state: ChatState) => void>();
  const followed = new Set<string>();
  const fetching = new Set<string>();
  const busy = new Map<string, number>(); // conversation -> not before
  let state = initialChatState;

  const session = createSession({
    connect: options.connect,
    platform,
    async hello() {
      const hello = await options.hello();
      return side === "visitor" ? { ...hello, resume: resumePoints() } : hello;
    },
    onStatus(status) {
      apply({ type: "session", status });
      if (status.status === "offline") requeue();
    },
    onWelcome(welcome) {
      fetching.clear();
      busy.clear();
      take({ id: 0, welcome });
      if (side === "agent") followed.forEach(subscribeTo);
      repairAll();
      flush();
    },
    onPush: take,
    onRefused: options.onRefused ? (error) => options.onRefused?.(error) ?? false : undefined,
  } as Parameters<typeof createSession>[0]);

  function apply(change: ChatChange): void {
    const next = reduceChat(state, change, side);
    if (next === state) return;
    state = next;
    for (const listener of [...listeners]) listener(state);
  }

  function setOutbox(items: readonly OutboxItem[]): void {
    apply({ type: "outbox", items });
  }

  function change(clientId: string, fields: Partial<OutboxItem>): void {
    const items = state.outbox.map((item) =>
      item.clientId === clientId ? { ...item, ...fields } : item,
    );
    setOutbox(items);
    const item = items.find((entry) => entry.clientId === clientId);
    if (item && item.state !== "sent") outbox.save(item);
  }

  function forget(clientIds: ReadonlySet<string>): void {
    if (!state.outbox.some((item) => clientIds.has(item.clientId))) return;
    clientIds.forEach((clientId) => outbox.remove(clientId));
    setOutbox(state.outbox.filter((item) => !clientIds.has(item.clientId)));
  }

  function requeue(): void {
    if (!state.outbox.some((item) => item.state === "sending")) return;
    setOutbox(
      state.outbox.map((item) => (item.state === "sending" ? { ...item, state: "queued" } : item)),
    );
  }

  /** Every frame passes here, in the order of arrival. */
  function take(frame: ServerFrame): void {
    apply({ type: "frame", frame, now: platform.now() });
    const events = frame.history?.events ?? (frame.event ? [frame.event] : []);
    if (events.length > 0) {
      forget(new Set(events.map((event) => event.clientId).filter((id) => id !== "")));
    }
    if (frame.typing?.active) {
      const conversationId = frame.typing.conversationId;
      platform.after(TYPING_SHOWN_MS, () =>
        apply({ type: "typingEnded", conversationId, now: platform.now() }),
      );
    }
    options.onFrame?.(frame);
    repairAll();
  }

  // ---- completeness ------------------------------------------------------------------------

  function resumePoints() {
    return [...followed].flatMap((id) => {
      const last = state.conversations[id]?.events.at(-1);
      return last ? [{ conversationId: id, seq: last.seq }] : [];
    });
  }

  function subscribeTo(conversationId: string): void {
    const seq = state.conversations[conversationId]?.events.at(-1)?.seq ?? 0;
    session.request({ subscribe: { conversationId, seq } }).then(take, () => undefined);
  }

  /** One fetch per conversation at a time; its answer looks for the next gap. */
  function fetch(conversation: Conversation, range: Record<string, number>): Promise<void> {
    const id = conversation.id;
    fetching.add(id);
    return session.request({ fetch: { conversationId: id, ...range } }).then(
      (frame) => {
        const before = state.conversations[id];
        fetching.delete(id);
        if (frame.error) {
          later(id, frame.error.retryAfterMs);
          return;
        }
        // An answer that brings nothing new must not be asked for again at once.
        if (frame.history?.events.length === 0 && before?.loaded) later(id, RETRY_MS);
        take(frame);
      },
      () => void fetching.delete(id),
    );
  }

  function later(id: string, ms: number): void {
    const delay = ms > 0 ? ms : RETRY_MS;
    busy.set(id, platform.now() + delay);
    platform.after(delay, () => {
      busy.delete(id);
      repairAll();
    });
  }

  function repair(id: string): void {
    if (!session.online || fetching.has(id) || busy.has(id)) return;
    const conversation = state.conversations[id];
    if (!conversation) return;
    if (!conversation.loaded) {
      void fetch(conversation, { limit: PAGE_EVENTS });
      return;
    }
    const gap = findGaps(conversation.events, conversation.headSeq)[0];
    if (gap) void fetch(conversation, { ...gap, limit: GAP_EVENTS_MAX });
  }

  function repairAll(): void {
    followed.forEach(repair);
  }

  // ---- outbox ------------------------------------------------------------------------------

  function put(conversationId: string, make: (clientId: string) => Action, text = ""): string {
    const clientId = createClientId(platform);
    const action = make(clientId);
    const item: OutboxItem = {
      clientId,
      conversationId,
      action,
      text,
      internal: action.note !== undefined,
      createdAt: platform.now(),
      state: "queued",
      seq: 0,
      error: "",
    };
    outbox.save(item);
    setOutbox([...state.outbox, item]);
    flush();
    return clientId;
  }

  /** A conversation's actions go one after the other, so that a busy answer can't swap them. */
  function flush(): void {
    if (!session.online) return;
    const blocked = new Set<string>();
    for (const item of state.outbox) {
      if (item.state === "failed" || item.state === "sent" || blocked.has(item.conversationId)) {
        continue;
      }
      blocked.add(item.conversationId);
      if (item.state === "queued" && !busy.has(`out:${item.conversationId}`)) transmit(item);
    }
  }

  function transmit(item: OutboxItem): void {
    change(item.clientId, { state: "sending" });
    session.request(item.action).then(
      (frame) => settle(item, frame),
      () => undefined, // the session is down: everything is queued again
    );
  }

  function settle(item: OutboxItem, frame: ServerFrame): void {
    if (frame.error) {
      fail(item, frame.error);
    } else if (frame.ack) {
      acknowledge(item, frame.ack.conversationId, frame.ack.seq);
    }
    flush();
  }

  function fail(item: OutboxItem, error: WireError): void {
    if (error.retryAfterMs === 0 && !PASSING_ERRORS.has(error.code)) {
      change(item.clientId, { state: "failed", error: error.code });
      return;
    }
    change(item.clientId, { state: "queued" });
    const key = `out:${item.conversationId}`;
    busy.set(key, 0);
    platform.after(error.retryAfterMs || RETRY_MS, () => {
      busy.delete(key);
      flush();
    });
  }

  function acknowledge(item: OutboxItem, conversationId: string, seq: number): void {
    outbox.remove(item.clientId);
    const arrived = state.conversations[conversationId]?.events.some((event) => event.seq === seq);
    if (item.text === "" || arrived) forget(new Set([item.clientId]));
    else change(item.clientId, { state: "sent", conversationId, seq });
    if (item.conversationId === "") adopt(conversationId);
    // The acknowledged event is part of the conversation: if it isn't pushed, it is fetched.
    apply({
      type: "frame",
      frame: { id: 0, resync: { conversationId, headSeq: seq } },
      now: platform.now(),
    });
    followed.add(conversationId);
    repair(conversationId);
  }

  /** What was written before the first acknowledgement now knows where it belongs. */
  function adopt(conversationId: string): void {
    for (const item of state.outbox) {
      if (item.conversationId !== "" || item.state !== "queued") continue;
      const { clientId, text } = item;
      const flow = item.action.start?.flow;
      const action = item.action.start
        ? { send: { conversationId, clientId, text, ...(flow ? { flow } : {}) } }
        : item.action;
      change(clientId, { conversationId, action });
    }
  }

  // ---- typing and reading ------------------------------------------------------------------

  const drafts = new Map<string, DraftState>();

  function tellDraft(conversationId: string): void {
    const entry = drafts.get(conversationId);
    if (!entry) return;
    entry.cancel();
    entry.told = true;
    entry.at = platform.now();
    session.tell({
      typing: { conversationId, active: true, ...(entry.share ? { draft: entry.draft } : {}) },
    });
    entry.cancel = platform.after(TYPING_IDLE_MS, () => stopTyping(conversationId));
  }

  function stopTyping(conversationId: string): void {
    const entry = drafts.get(conversationId);
    if (!entry) return;
    entry.cancel();
    drafts.delete(conversationId);
    if (entry.told) session.tell({ typing: { conversationId } });
  }

  function typing(conversationId: string, draft: string, share = false): void {
    if (conversationId === "" || !session.online) return;
    if (draft === "") {
      stopTyping(conversationId);
      return;
    }
    const now = platform.now();
    const entry = drafts.get(conversationId) ?? {
      told: false,
      at: 0,
      draft: "",
      share,
      cancel: () => {},
    };
    drafts.set(conversationId, entry);
    entry.draft = draft;
    entry.share = share;
    entry.cancel();
    const wait = entry.at + TYPING_TELL_MS - now;
    if (wait <= 0) tellDraft(conversationId);
    else entry.cancel = platform.after(wait, () => tellDraft(conversationId));
  }

  function read(conversationId: string, seq: number): void {
    const conversation = state.conversations[conversationId];
    if (!conversation || seq <= conversation.readSeq || !session.online) return;
    apply({ type: "read", conversationId, seq });
    session.tell({ read: { conversationId, seq } });
  }

  const loaded = outbox.load(platform.now());
  loaded.filter((item) => item.error === "expired").forEach((item) => outbox.save(item));
  state = { ...state, outbox: loaded };

  return {
    start: () => session.start(),
    stop: () => session.stop(),
    wake: () => session.wake(),
    session,
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    follow(conversationId) {
      const known = followed.has(conversationId);
      followed.add(conversationId);
      if (!state.conversations[conversationId]) {
        apply({ type: "read", conversationId, seq: 0 });
      }
      if (!known && side === "agent" && session.online) subscribeTo(conversationId);
      repair(conversationId);
    },
    unfollow(conversationId) {
      if (!followed.delete(conversationId) || side !== "agent") return;
      session.tell({ subscribe: { conversationId, off: true } });
    },
    async fetchOlder(conversationId) {
      const conversation = state.conversations[conversationId];
      const first = conversation?.events[0];
      if (!conversation?.more || !first || fetching.has(conversationId)) return;
      await fetch(conversation, { beforeSeq: first.seq, limit: PAGE_EVENTS });
    },
    send({ conversationId, text, pick, files, flow }) {
      stopTyping(conversationId);
      return put(
        conversationId,
        (clientId) =>
          conversationId === ""
            ? { start: { clientId, text, ...(flow ? { flow } : {}) } }
            : {
                send: {
                  conversationId,
                  clientId,
                  text,
                  ...(pick ? { pick } : {}),
                  ...(files ? { files } : {}),
                  ...(flow ? { flow } : {}),
                },
              },
        text,
      );
    },
    note({ conversationId, text }) {
      return put(
        conversationId,
        (clientId) => ({ note: { conversationId, clientId, text } }),
        text,
      );
    },
    perform: put,
    retry(clientId) {
      change(clientId, { state: "queued", error: "", createdAt: platform.now() });
      flush();
    },
    discard: (clientId) => forget(new Set([clientId])),
    typing,
    read,
  };
}
