// SPDX-License-Identifier: Apache-2.0
// WebSocket, and plain HTTP for as long as something on the way (a proxy, mostly) does not let
// WebSocket through. A refusal can't be told from a server that is away, so two in a row count, and
// HTTP that fails too is no reason to stay with it.
import type { Platform } from "./platform.ts";
import type { Connect, Transport } from "./transport.ts";

/** Refusals in a row before the other way is taken. */
export const REFUSALS_MAX = 2;
/** Some proxies neither refuse nor answer. */
export const OPEN_MS_MAX = 10_000;
/** WebSocket is looked for again after this long, and ever more rarely. */
export const PROBE_MS_MIN = 60_000;
export const PROBE_MS_MAX = 3_600_000;

export interface FallbackOptions {
  first: Connect;
  second: Connect;
  platform: Platform;
}

export function fallbackTransport({ first, second, platform }: FallbackOptions): Connect {
  let refusals = 0;
  let probeMs = PROBE_MS_MIN;

  const viaFirst: Connect = (handlers) => {
    let heard = false;
    let over = false;
    let transport: Transport | null = null;
    // Only what the server says proves the way: a proxy may open a socket and drop what it carries.
    const cancelLate = platform.after(OPEN_MS_MAX, () => fail(1006, "no answer"));

    function fail(code: number, reason: string): void {
      if (over) return;
      close();
      if (!heard) refusals++;
      handlers.onClose(code, reason);
    }
    function close(): void {
      over = true;
      cancelLate();
      transport?.close();
    }

    transport = first({
      onOpen: () => handlers.onOpen(),
      onText(text) {
        heard = true;
        refusals = 0;
        probeMs = PROBE_MS_MIN;
        cancelLate();
        handlers.onText(text);
      },
      onClose: fail,
    });
    return { send: (text) => transport?.send(text), close };
  };

  /** Does WebSocket open again? Says so once; closes what it opened. */
  function probe(onFound: () => void): () => void {
    let socket: Transport | null = null;
    let cancelLate = () => {};
    const cancelWait = platform.after(probeMs, () => {
      probeMs = Math.min(probeMs * 2, PROBE_MS_MAX);
      const stop = () => {
        cancelLate();
        socket?.close();
        socket = null;
      };
      const again = () => {
        stop();
        cancelNext = probe(onFound);
      };
      cancelLate = platform.after(OPEN_MS_MAX, again);
      socket = first({
        onOpen() {
          stop();
          onFound();
        },
        onText: () => undefined,
        onClose: again,
      });
    });
    let cancelNext = () => {};
    return () => {
      cancelWait();
      cancelLate();
      cancelNext();
      socket?.close();
    };
  }

  const viaSecond: Connect = (handlers) => {
    let heard = false;
    const transport = second({
      onOpen: () => handlers.onOpen(),
      onText(text) {
        heard = true;
        handlers.onText(text);
      },
      onClose(code, reason) {
        cancelProbe();
        if (!heard) refusals = 0;
        handlers.onClose(code, reason);
      },
    });
    const cancelProbe = probe(() => {
      refusals = 0;
      transport.close();
      handlers.onClose(1000, "WebSocket is back");
    });
    return {
      send: (text) => transport.send(text),
      close() {
        cancelProbe();
        transport.close();
      },
    };
  };

  return (handlers) => (refusals < REFUSALS_MAX ? viaFirst : viaSecond)(handlers);
}
