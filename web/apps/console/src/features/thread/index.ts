// SPDX-License-Identifier: Apache-2.0
// Open conversations: subscribes to the one on screen, fetches what is missing, and sends the
// agent's messages in order with an idempotency key, again after every reconnection.

import { Ack, History, ReadPush, TypingPush } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { shallowReactive, shallowRef } from "vue";
import { ApiError, newClientId } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodeEvent, num, obj, text, type Json } from "../../lib/decode";
import { link, request } from "../../lib/socket";
import type { ChatEvent } from "../../lib/types";
import { useInbox } from "../inbox";
import { useSession } from "../login";
import {
  initialThread,
  missing,
  reduceThread,
  type Pending,
  type ThreadAction,
  type ThreadState,
} from "./reducer";

const pageSize = 50;
const fetchMost = 200; // the protocol's limit of one fetch
const keptThreads = 20; // conversations kept warm for switching back
const typingStaleMs = 6000;
const outboxKey = "kefu.outbox"; // per tab: two tabs must not send the same text

export const useThreads = defineStore("threads", () => {
  const inbox = useInbox();
  const session = useSession();
  const threads = shallowReactive(new Map<string, ThreadState>());
  const current = shallowRef("");
  const typingTimers = new Map<string, number>();
  const flushing = new Set<string>();
  const filling = new Set<string>();

  function stateOf(id: string): ThreadState {
    return threads.get(id) ?? initialThread(id);
  }

  function dispatch(id: string, action: ThreadAction): void {
    threads.set(id, reduceThread(stateOf(id), action));
  }

  function saveOutbox(): void {
    const rows = [...threads.values()].flatMap((thread) =>
      thread.pending.map((entry) => ({ id: thread.id, entry })),
    );
    sessionStorage.setItem(outboxKey, JSON.stringify(rows));
  }

  function restoreOutbox(): void {
    let rows: unknown;
    try {
      rows = JSON.parse(sessionStorage.getItem(outboxKey) ?? "[]");
    } catch {
      rows = [];
    }
    for (const row of Array.isArray(rows) ? rows : []) {
      const { id, entry } = row as { id: string; entry: Pending };
      const known = stateOf(id).pending.some((one) => one.clientId === entry.clientId);
      if (!known) dispatch(id, { type: "written", pending: { ...entry, status: "queued" } });
    }
  }

  function forgetColdThreads(): void {
    for (const [id, thread] of threads) {
      if (threads.size <= keptThreads) return;
      if (id !== current.value && thread.pending.length === 0) threads.delete(id);
    }
  }

  async function history(id: string, query: Json, older: boolean): Promise<number> {
    const reply = await request("fetch", { conversationId: id, ...query });
    const page = History.decode(reply);
    const events = (Array.isArray(reply["events"]) ? reply["events"] : []).map(decodeEvent);
    dispatch(id, { type: "history", events, headSeq: page.headSeq, more: page.more, older });
    return events.length;
  }

  async function fillGaps(id: string): Promise<void> {
    if (filling.has(id)) return;
    filling.add(id);
    try {
      for (let gap = missing(stateOf(id)); gap; gap = missing(stateOf(id))) {
        const toSeq = Math.min(gap.to, gap.from + fetchMost - 1);
        const query = { fromSeq: gap.from, toSeq, limit: fetchMost };
        if ((await history(id, query, false)) === 0) break; // not ours to see
      }
    } catch {
      // the next connection, event or ping finds the same gap again
    } finally {
      filling.delete(id);
    }
  }

  async function refresh(id: string): Promise<void> {
    const before = stateOf(id);
    dispatch(id, { type: "loading" });
    const row = inbox.row(id);
    if (row) dispatch(id, { type: "visitorRead", seq: row.visitorReadSeq });
    try {
      const seq = before.events[before.events.length - 1]?.seq ?? 0;
      await request("subscribe", { conversationId: id, seq });
      await history(id, { limit: pageSize }, before.events.length === 0);
      await fillGaps(id);
    } catch (error) {
      dispatch(id, { type: "failed", message: explain(error) });
    }
  }

  async function open(id: string): Promise<void> {
    const left = current.value;
    current.value = id;
    if (left && left !== id && link.value === "online") {
      request("subscribe", { conversationId: left, off: true }).catch(() => undefined);
    }
    if (!id) return;
    forgetColdThreads();
    if (!inbox.row(id)) inbox.loadOne(id).catch(() => undefined);
    if (link.value === "online") await refresh(id);
    else dispatch(id, { type: "loading" }); // the welcome continues
  }

  async function loadOlder(id: string): Promise<void> {
    const thread = stateOf(id);
    const first = thread.events[0];
    if (!first || !thread.more || thread.loadingOlder) return;
    dispatch(id, { type: "loadingOlder" });
    try {
      await history(id, { beforeSeq: first.seq, limit: pageSize }, true);
    } catch (error) {
      dispatch(id, { type: "failed", message: explain(error) });
    }
  }

  function write(id: string, kind: Pending["kind"], body: string): void {
    const pending: Pending = {
      clientId: newClientId(),
      kind,
      text: body,
      createdAt: new Date().toISOString(),
      status: "queued",
      fault: "",
    };
    dispatch(id, { type: "written", pending });
    saveOutbox();
    void flush(id);
  }

  function ownEvent(id: string, entry: Pending, ack: Ack): ChatEvent {
    return decodeEvent({
      conversationId: id,
      seq: ack.seq,
      prevSeq: ack.seq - 1,
      kind: entry.kind,
      visibility: entry.kind === "note" ? "internal" : "public",
      author: { kind: "agent", id: session.me, name: session.info?.agent.name ?? "" },
      createdAt: ack.createdAt || entry.createdAt,
      text: entry.text,
      clientId: entry.clientId,
    });
  }

  async function sendOne(id: string, entry: Pending): Promise<boolean> {
    dispatch(id, { type: "sending", clientId: entry.clientId });
    try {
      const reply = await request(entry.kind === "note" ? "note" : "send", {
        conversationId: id,
        clientId: entry.clientId,
        text: entry.text,
      });
      const event = ownEvent(id, entry, Ack.decode(reply));
      dispatch(id, { type: "acked", clientId: entry.clientId, event });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 0) {
        dispatch(id, { type: "requeued", clientId: entry.clientId });
        return false;
      }
      dispatch(id, { type: "refused", clientId: entry.clientId, message: explain(error) });
      return true;
    }
  }

  async function flush(id: string): Promise<void> {
    if (flushing.has(id) || link.value !== "online") return;
    flushing.add(id);
    try {
      const next = (): Pending | undefined =>
        stateOf(id).pending.find((entry) => entry.status !== "failed");
      for (let entry = next(); entry; entry = next()) {
        if (!(await sendOne(id, entry))) break;
      }
    } finally {
      flushing.delete(id);
      saveOutbox();
    }
    void fillGaps(id);
  }

  function retry(id: string, clientId: string): void {
    dispatch(id, { type: "requeued", clientId });
    void flush(id);
  }

  function discard(id: string, clientId: string): void {
    dispatch(id, { type: "discarded", clientId });
    saveOutbox();
  }

  /** Take, transfer, close, reopen, hand to the bot: one action, acknowledged after commit. */
  async function act(
    id: string,
    action: "assign" | "accept" | "decline" | "transfer" | "close" | "reopen" | "toBot",
    fields: Json = {},
  ): Promise<void> {
    await request(action, { conversationId: id, clientId: newClientId(), ...fields });
  }

  function markRead(id: string, seq: number): void {
    const row = inbox.row(id);
    if (!row || row.readSeq >= seq || link.value !== "online") return;
    inbox.dispatch({ type: "read", id, seq });
    request("read", { conversationId: id, seq }).catch(() => undefined);
  }

  function onTyping(body: Json): void {
    const push = TypingPush.decode(body);
    if (push.author?.kind !== "visitor") return;
    const id = push.conversationId;
    window.clearTimeout(typingTimers.get(id));
    dispatch(id, { type: "typing", active: push.active, draft: push.draft });
    if (push.active && push.draft === "") {
      const stop = (): void => dispatch(id, { type: "typing", active: false, draft: "" });
      typingTimers.set(id, window.setTimeout(stop, typingStaleMs));
    }
  }

  function onRead(body: Json): void {
    const push = ReadPush.decode(body);
    const id = push.conversationId;
    if (push.reader === "visitor") dispatch(id, { type: "visitorRead", seq: push.seq });
    else inbox.dispatch({ type: "read", id, seq: push.seq });
  }

  function onHead(id: string, seq: number): void {
    if (!threads.has(id)) return;
    dispatch(id, { type: "head", seq });
    if (id === current.value) void fillGaps(id);
  }

  function onPush(kind: string, body: Json): void {
    if (kind === "event") {
      const event = decodeEvent(body);
      if (!threads.has(event.conversationId)) return;
      dispatch(event.conversationId, { type: "event", event });
      saveOutbox();
      void fillGaps(event.conversationId);
    } else if (kind === "typing") {
      onTyping(body);
    } else if (kind === "read") {
      onRead(body);
    } else if (kind === "resync") {
      onHead(text(body["conversationId"]), num(body["headSeq"]));
    } else if (kind === "ping" && Array.isArray(body["heads"])) {
      for (const head of body["heads"].map(obj)) {
        onHead(text(head["conversationId"]), num(head["headSeq"]));
      }
    }
  }

  function onWelcome(): void {
    restoreOutbox();
    if (current.value) void refresh(current.value);
    for (const thread of threads.values()) if (thread.pending.length > 0) void flush(thread.id);
  }

  return {
    threads,
    current,
    stateOf,
    open,
    refresh,
    loadOlder,
    write,
    retry,
    discard,
    act,
    markRead,
    onPush,
    onWelcome,
  };
});
