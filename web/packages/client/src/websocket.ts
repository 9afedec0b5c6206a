// SPDX-License-Identifier: Apache-2.0
import type { Connect } from "./transport.ts";

export const SUBPROTOCOL = "kefu.v1.json";

/** The part of the browser's WebSocket (and of npm `ws`) that is used here. */
export interface WebSocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketFactory = (url: string, protocol: string) => WebSocketLike;

export function webSocketTransport(url: string, create: WebSocketFactory): Connect {
  return (handlers) => {
    const socket = create(url, SUBPROTOCOL);
    const detach = () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
    };
    socket.onopen = () => handlers.onOpen();
    socket.onmessage = (event) => {
      if (typeof event.data === "string") handlers.onText(event.data);
    };
    socket.onclose = (event) => {
      detach();
      handlers.onClose(event.code, event.reason);
    };
    socket.onerror = () => undefined; // a close always follows
    return {
      send: (text) => socket.send(text),
      close() {
        detach();
        socket.close(1000);
      },
    };
  };
}
