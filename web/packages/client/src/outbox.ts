// SPDX-License-Identifier: Apache-2.0
// Actions that must arrive: kept in storage under their clientId until the server acknowledges
// them, and sent again after every reconnect with the same clientId, so that they take effect once.
// One storage key per action: tabs that share the storage don't overwrite each other.
import type { KeyValueStore } from "./platform.ts";
import type { Action } from "./session.ts";

/** Older actions are not sent any more: nobody expects yesterday's question to be asked today. */
export const OUTBOX_AGE_MS_MAX = 24 * 3600 * 1000;

export type OutboxState = "queued" | "sending" | "sent" | "failed";

export interface OutboxItem {
  readonly clientId: string;
  /** "" until the conversation that it starts (or that an earlier item starts) has an id. */
  readonly conversationId: string;
  readonly action: Action;
  /** What a bubble shows; "" for actions without text. */
  readonly text: string;
  readonly internal: boolean;
  readonly createdAt: number;
  readonly state: OutboxState;
  /** Of the acknowledgement; the item goes when the event with it is here. */
  readonly seq: number;
  /** Code of the error that made it fail. */
  readonly error: string;
}

export interface Outbox {
  load(now: number): OutboxItem[];
  save(item: OutboxItem): void;
  remove(clientId: string): void;
}

export function createOutbox(store: KeyValueStore, prefix: string): Outbox {
  const key = (clientId: string) => `${prefix}out:${clientId}`;

  function read(name: string, now: number): OutboxItem | null {
    try {
      const item = JSON.parse(store.get(name) ?? "") as OutboxItem;
      if (typeof item.clientId !== "string" || typeof item.action !== "object") return null;
      if (now - item.createdAt > OUTBOX_AGE_MS_MAX) {
        return { ...item, state: "failed", error: "expired" };
      }
      return { ...item, state: item.state === "failed" ? "failed" : "queued", seq: 0 };
    } catch {
      return null;
    }
  }

  return {
    load(now) {
      const items: OutboxItem[] = [];
      for (const name of store.keys(`${prefix}out:`)) {
        const item = read(name, now);
        if (item === null) store.remove(name);
        else items.push(item);
      }
      return items.sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
    },
    save: (item) => store.set(key(item.clientId), JSON.stringify(item)),
    remove: (clientId) => store.remove(key(clientId)),
  };
}
