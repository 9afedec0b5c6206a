// SPDX-License-Identifier: Apache-2.0
// The live side: one WebSocket with a one-use ticket, answers matched by frame id, reconnect with
// back-off. Knows nothing of conversations: pushes go to the one listener, and after every
// (re)connection the listener subscribes again.

import { ref } from "vue";
import { call, ApiError } from "./api";
import { backoffMs } from "./backoff";
import { num, obj, text, type Json } from "./decode";
import { localeTag } from "./locale";

export type LinkState = "idle" | "connecting" | "online" | "offline";

const answerMs = 15_000; // an answer later than this is treated as a lost link
const silenceMs = 75_000; // the server speaks at least every 30 s; two pings missed

interface Waiting {
  resolve: (body: Json) => void;
  reject: (error: ApiError) => void;
  timer: number;
}

export interface SocketListener {
  onWelcome: (welcome: Json) => void;
  onPush: (kind: string, body: Json) => void;
}

export const link = ref<LinkState>("idle");

let listener: SocketListener | undefined;
let socket: WebSocket | undefined;
let wanted = false;
let attempt = 0;
let nextId = 1;
let retryTimer = 0;
let silenceTimer = 0;
const waiting = new Map<number, Waiting>();

function heard(): void {
  window.clearTimeout(silenceTimer);
  silenceTimer = window.setTimeout(() => socket?.close(), silenceMs);
}

function failAll(): void {
  for (const entry of waiting.values()) {
    window.clearTimeout(entry.timer);
    entry.reject(new ApiError(0, "offline", "offline"));
  }
  waiting.clear();
}

function retryLater(minimum = 0): void {
  window.clearTimeout(retryTimer);
  window.clearTimeout(silenceTimer);
  if (!wanted) return;
  link.value = "offline";
  retryTimer = window.setTimeout(() => void open(), Math.max(minimum, backoffMs(attempt++)));
}

function settle(id: number, kind: string, body: Json): void {
  const entry = waiting.get(id);
  if (!entry) return;
  waiting.delete(id);
  window.clearTimeout(entry.timer);
  if (kind === "error") {
    entry.reject(new ApiError(400, text(body["code"]), text(body["message"]), text(body["field"])));
  } else {
    entry.resolve(body);
  }
}

function onFrame(raw: unknown): void {
  heard();
  let frame: Json;
  try {
    frame = obj(JSON.parse(String(raw)));
  } catch {
    return; // not ours; the server closes on its own faults
  }
  const kind = Object.keys(frame).find((key) => key !== "id");
  if (!kind) return;
  const body = obj(frame[kind]);
  const id = num(frame["id"]);
  if (id) settle(id, kind, body);
  else if (kind === "reconnect") reconnectAfter(num(body["afterMs"]));
  else listener?.onPush(kind, body);
}

function reconnectAfter(delay: number): void {
  window.clearTimeout(retryTimer);
  retryTimer = window.setTimeout(() => socket?.close(), delay);
}

async function open(): Promise<void> {
  if (!wanted || socket) return;
  window.clearTimeout(retryTimer);
  link.value = link.value === "offline" ? "offline" : "connecting";
  let ticket: string;
  try {
    ticket = text(obj(await call("POST", "ws-tickets", { body: {} }))["ticket"]);
  } catch (error) {
    // A refused ticket means no session: call() has sent the person to the login page.
    if (!(error instanceof ApiError && error.status === 401)) retryLater();
    return;
  }
  if (!wanted || socket) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}/ws`, "kefu.v1.json");
  socket = opened;
  opened.onmessage = (message) => onFrame(message.data);
  opened.onclose = () => {
    if (socket !== opened) return;
    socket = undefined;
    failAll();
    retryLater();
  };
  opened.onopen = () => {
    heard();
    request("hello", { ticket, locale: localeTag.value }).then(
      (welcome) => {
        attempt = 0;
        link.value = "online";
        listener?.onWelcome(welcome);
      },
      () => opened.close(),
    );
  };
}

export function connect(next: SocketListener): () => void {
  listener = next;
  wanted = true;
  attempt = 0;
  link.value = "connecting";
  const wake = (): void => {
    attempt = 0;
    void open();
  };
  window.addEventListener("online", wake);
  void open();
  return () => {
    window.removeEventListener("online", wake);
    wanted = false;
    listener = undefined;
    window.clearTimeout(retryTimer);
    window.clearTimeout(silenceTimer);
    const closing = socket;
    socket = undefined;
    closing?.close(1000);
    failAll();
    link.value = "idle";
  };
}

export function request(action: string, body: Json): Promise<Json> {
  const target = socket;
  if (!target || target.readyState !== WebSocket.OPEN) {
    return Promise.reject(new ApiError(0, "offline", "offline"));
  }
  const id = nextId++;
  return new Promise((resolve, reject) => {
    const timer = window.setTimeout(() => {
      waiting.delete(id);
      reject(new ApiError(0, "offline", "offline"));
      target.close();
    }, answerMs);
    waiting.set(id, { resolve, reject, timer });
    target.send(JSON.stringify({ id, [action]: body }));
  });
}

/** For lossy signals (typing): nobody waits for the answer. */
export function signal(action: string, body: Json): void {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ id: nextId++, [action]: body }));
  }
}
