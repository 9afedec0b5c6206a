// SPDX-License-Identifier: Apache-2.0
// For tests: a clock that is moved by hand, and the server's end of an in-memory transport.
import { type ServerFrame, type ClientFrame } from "@kefu/protocol/generated";
import type { Input } from "@kefu/protocol/wire";
import type { Platform } from "./platform.ts";
import type { Connect, TransportHandlers } from "./transport.ts";

export interface FakePlatform extends Platform {
  advance(ms: number): Promise<void>;
}

/** Lets promises that are due run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export function createFakePlatform(): FakePlatform {
  let now = 1_800_000_000_000;
  let count = 0;
  let timers: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    random: () => 0.5,
    randomBytes: (length) => Uint8Array.from({ length }, () => count++ % 256),
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => void (timers = timers.filter((entry) => entry !== timer));
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await settled();
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!due) break;
        timers = timers.filter((entry) => entry !== due);
        now = Math.max(now, due.at);
        due.run();
      }
      now = end;
      await settled();
    },
  };
}

export interface FakeServer {
  connect: Connect;
  /** Frames of the open connection, oldest first; taking them empties the list. */
  received(): Input<ClientFrame>[];
  push(frame: Input<ServerFrame>): void;
  /** Answers `hello` by itself with this from now on. */
  welcome: Input<ServerFrame>["welcome"] | undefined;
  refuseConnections: boolean;
  connections: number;
  drop(): void;
}

export function createFakeServer(): FakeServer {
  let handlers: TransportHandlers | null = null;
  let frames: Input<ClientFrame>[] = [];
  const server: FakeServer = {
    welcome: { visitorId: "1", visitorToken: "token" },
    refuseConnections: false,
    connections: 0,
    connect(client) {
      server.connections++;
      let mine: TransportHandlers | null = client;
      handlers = client;
      void Promise.resolve().then(() => {
        if (server.refuseConnections) mine?.onClose(1006, "");
        else mine?.onOpen();
      });
      return {
        send(text) {
          const frame = JSON.parse(text) as Input<ClientFrame>;
          frames.push(frame);
          if (frame.hello && server.welcome) {
            server.push({ id: frame.id ?? 0, welcome: server.welcome });
          }
        },
        close() {
          mine = null;
        },
      };
    },
    received() {
      const taken = frames;
      frames = [];
      return taken;
    },
    push: (frame) => handlers?.onText(JSON.stringify(frame)),
    drop() {
      const old = handlers;
      handlers = null;
      old?.onClose(1006, "");
    },
  };
  return server;
}
