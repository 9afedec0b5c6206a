// SPDX-License-Identifier: Apache-2.0
// The platform of a browser. The only file here that names a browser's globals; types are spelled
// out because this package is compiled without DOM.
import { createMemoryStore, type KeyValueStore, type Platform } from "./platform.ts";
import type { WebSocketFactory, WebSocketLike } from "./websocket.ts";

interface WebStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}
declare const setTimeout: (run: () => void, ms: number) => unknown;
declare const clearTimeout: (handle: unknown) => void;
declare const crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
declare const WebSocket: new (url: string, protocol: string) => WebSocketLike;
declare const localStorage: WebStorage;

export const browserPlatform: Platform = {
  now: () => Date.now(),
  random: () => Math.random(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  after(ms, run) {
    const handle = setTimeout(run, ms);
    return () => clearTimeout(handle);
  },
};

export const browserWebSocket: WebSocketFactory = (url, protocol) => new WebSocket(url, protocol);

/** localStorage where the browser allows it, else for the life of the page. */
export function browserStore(): KeyValueStore {
  const fallback = createMemoryStore();
  let storage: WebStorage;
  try {
    storage = localStorage;
    storage.getItem("");
  } catch {
    return fallback;
  }
  return {
    get: (key) => storage.getItem(key),
    set(key, value) {
      try {
        storage.setItem(key, value);
      } catch {
        // Full or forbidden: the action is still sent, it just does not survive a reload.
      }
    },
    remove: (key) => storage.removeItem(key),
    keys(prefix) {
      const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
      return names.filter((name) => name.startsWith(prefix));
    },
  };
}
