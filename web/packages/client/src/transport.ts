// SPDX-License-Identifier: Apache-2.0
// A connection that carries frames as JSON text. `onClose` is called exactly once, also when the
// connection never opened; nothing is called after it or after `close()`.

export interface TransportHandlers {
  onOpen(): void;
  onText(text: string): void;
  onClose(code: number, reason: string): void;
}

export interface Transport {
  send(text: string): void;
  close(): void;
}

export type Connect = (handlers: TransportHandlers) => Transport;
