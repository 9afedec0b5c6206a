// SPDX-License-Identifier: Apache-2.0
// The panel's end of the line to the launcher on the customer's page.
import { unwrap, wrap, type ToLauncher, type ToPanel } from "../messages.ts";

export interface Bridge {
  tell(message: ToLauncher): void;
  /** False when the panel was opened as a page of its own. */
  readonly embedded: boolean;
}

export function createBridge(parentOrigin: string, onMessage: (message: ToPanel) => void): Bridge {
  const embedded = window.parent !== window && parentOrigin !== "";
  addEventListener("message", (event: MessageEvent) => {
    if (!embedded || event.origin !== parentOrigin || event.source !== window.parent) return;
    const message = unwrap<ToPanel>(event.data, ["page", "shown", "user", "attributes", "begin"]);
    if (message) onMessage(message);
  });
  return {
    tell(message) {
      if (embedded) window.parent.postMessage(wrap(message), parentOrigin);
    },
    embedded,
  };
}
