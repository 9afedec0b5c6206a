// SPDX-License-Identifier: Apache-2.0
// The platform of a browser. The only file here that names a browser's globals; types are spelled
// out because this package is compiled without DOM.
import type { HttpLine } from "./http.ts";
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
interface WebReader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
}
interface WebReply {
  readonly ok: boolean;
  readonly status: number;
  readonly body: { getReader(): WebReader } | null;
  text(): Promise<string>;
}
declare const fetch: (url: string, init: object) => Promise<WebReply>;
declare const AbortController: new () => { readonly signal: unknown; abort(): void };
declare const TextDecoder: new () => {
  decode(bytes: Uint8Array, options: { stream: boolean }): string;
};
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

/** Requests to one server, without cookies: the token says who asks. */
export function browserHttpLine(origin: string): HttpLine {
  const control = new AbortController();
  const call = (method: string, path: string, token: string, more: object) =>
    fetch(origin + path, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(method === "POST" ? { "content-type": "application/json" } : {}),
      },
      credentials: "omit",
      cache: "no-store",
      signal: control.signal,
      ...more,
    });
  return {
    async post(path, token, body) {
      const reply = await call("POST", path, token, { body });
      return { status: reply.status, text: await reply.text() };
    },
    async stream(path, token, onText) {
      const reply = await call("GET", path, token, {});
      if (!reply.ok || reply.body === null) throw new Error(`status ${reply.status}`);
      const reader = reply.body.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (value) onText(decoder.decode(value, { stream: true }));
      }
    },
    abort: () => control.abort(),
  };
}

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
