// SPDX-License-Identifier: Apache-2.0
// One logical connection to the server: opens, says hello, pairs answers with requests, notices
// silence, comes back with backoff. It knows nothing about conversations.
import type { Error as WireError, Hello, Welcome } from "@kefu/protocol/generated";
import { ServerFrame, type ClientFrame } from "@kefu/protocol/generated";
import type { Input } from "@kefu/protocol/wire";
import { backoffMs } from "./backoff.ts";
import type { Platform } from "./platform.ts";
import type { Connect, Transport } from "./transport.ts";

/** The server is never silent for longer than 30 s (25 s + 20 %); twice that is a dead line. */
export const SILENCE_MS_MAX = 60_000;
export const ANSWER_MS_MAX = 20_000;

export type Action = Omit<Input<ClientFrame>, "id">;

export type SessionStatus =
  | { status: "connecting" }
  | { status: "online" }
  /** Waiting for the next attempt. */
  | { status: "offline"; attempt: number; retryAt: number }
  /** The server does not want this client (bad key, no permission): only `start` tries again. */
  | { status: "refused"; error: WireError }
  | { status: "stopped" };

/** A request ended without the server's answer; whether it was done is unknown. */
export class ConnectionLostError extends Error {
  constructor() {
    super("connection lost");
    this.name = "ConnectionLostError";
  }
}

export interface SessionOptions {
  connect: Connect;
  platform: Platform;
  /** Asked before every connection, so that tickets and resume points are fresh. */
  hello(): Promise<Input<Hello>> | Input<Hello>;
  onStatus(status: SessionStatus): void;
  onWelcome(welcome: Welcome): void;
  /** Frames without id, in order. */
  onPush(frame: ServerFrame): void;
  /** The answer to hello is an error: true tries again (after the token was dropped, say). */
  onRefused?(error: WireError): boolean;
}

export interface Session {
  start(): void;
  stop(): void;
  /** Tries at once when it would otherwise wait: the browser says that the network is back. */
  wake(): void;
  /** Resolves with the server's answer (which may be an error); rejects when the line breaks. */
  request(action: Action): Promise<ServerFrame>;
  /** Lossy: nothing happens while offline. */
  tell(action: Action): void;
  readonly online: boolean;
}

interface Waiting {
  resolve(frame: ServerFrame): void;
  reject(error: Error): void;
  cancelTimer(): void;
}

export function createSession(options: SessionOptions): Session {
  const { platform } = options;
  const waiting = new Map<number, Waiting>();
  let transport: Transport | null = null;
  let online = false;
  let running = false;
  let generation = 0; // connections; what belongs to an older one is ignored
  let attempt = 0;
  let nextId = 1;
  let helloId = 0;
  let cancelRetry = () => {};
  let cancelSilence = () => {};

  function drop(): void {
    generation++;
    online = false;
    cancelSilence();
    cancelRetry();
    transport?.close();
    transport = null;
    const lost = [...waiting.values()];
    waiting.clear();
    for (const entry of lost) {
      entry.cancelTimer();
      entry.reject(new ConnectionLostError());
    }
  }

  function retry(delayMs: number): void {
    drop();
    if (!running) return;
    options.onStatus({ status: "offline", attempt, retryAt: platform.now() + delayMs });
    cancelRetry = platform.after(delayMs, open);
  }

  function lost(): void {
    retry(backoffMs(attempt++, platform.random()));
  }

  function heard(): void {
    cancelSilence();
    cancelSilence = platform.after(SILENCE_MS_MAX, lost);
  }

  function refuse(error: WireError): void {
    if (options.onRefused?.(error)) {
      lost();
    } else if (error.retryAfterMs > 0) {
      attempt++;
      retry(error.retryAfterMs * (1 + platform.random() / 4));
    } else {
      running = false;
      drop();
      options.onStatus({ status: "refused", error });
    }
  }

  function answerHello(frame: ServerFrame): void {
    if (frame.error) {
      refuse(frame.error);
    } else if (frame.welcome) {
      online = true;
      attempt = 0;
      options.onWelcome(frame.welcome);
      if (online) options.onStatus({ status: "online" });
    }
  }

  function receive(text: string): void {
    heard();
    let frame: ServerFrame;
    try {
      frame = ServerFrame.decode(JSON.parse(text));
    } catch {
      lost(); // not our server, or one we can't talk to: never guess
      return;
    }
    if (frame.id !== 0 && frame.id === helloId) {
      answerHello(frame);
    } else if (frame.id !== 0) {
      const entry = waiting.get(frame.id);
      waiting.delete(frame.id);
      entry?.cancelTimer();
      entry?.resolve(frame);
    } else if (frame.reconnect) {
      retry(frame.reconnect.afterMs + platform.random() * 1000);
    } else {
      options.onPush(frame);
    }
  }

  async function sayHello(mine: number): Promise<void> {
    let hello: Input<Hello>;
    try {
      hello = await options.hello();
    } catch {
      if (mine === generation) lost();
      return;
    }
    if (mine !== generation || transport === null) return;
    helloId = nextId++;
    transport.send(JSON.stringify({ id: helloId, hello }));
  }

  function open(): void {
    drop();
    const mine = generation;
    options.onStatus({ status: "connecting" });
    heard(); // also bounds the time to connect
    transport = options.connect({
      onOpen: () => {
        if (mine === generation) void sayHello(mine);
      },
      onText: (text) => {
        if (mine === generation) receive(text);
      },
      onClose: () => {
        if (mine === generation) lost();
      },
    });
  }

  function request(action: Action): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      if (!online || transport === null) {
        reject(new ConnectionLostError());
        return;
      }
      const id = nextId++;
      // An answer that never comes means a line that only looks alive.
      const cancelTimer = platform.after(ANSWER_MS_MAX, lost);
      waiting.set(id, { resolve, reject, cancelTimer });
      transport.send(JSON.stringify({ id, ...action }));
    });
  }

  return {
    start() {
      running = true;
      attempt = 0;
      open();
    },
    stop() {
      running = false;
      drop();
      options.onStatus({ status: "stopped" });
    },
    wake() {
      if (running && transport === null) open();
    },
    request,
    tell(action) {
      request(action).catch(() => undefined);
    },
    get online() {
      return online;
    },
  };
}
