// SPDX-License-Identifier: Apache-2.0
// Several tabs of one person: one of them plays. Web Locks decide where they exist (secure
// contexts); elsewhere the first tab to claim a notice plays it. A BroadcastChannel carries what
// the tabs have to know of each other.

export interface TabMessage {
  type: "seen" | "claim" | "signedOut";
  value: string;
}

const claimMs = 150; // spread of the claims when there is no leader

export interface Tabs {
  tell(type: TabMessage["type"], value: string): void;
  /** Runs `run` in one tab only. */
  once(key: string, run: () => void): void;
  close(): void;
}

export function openTabs(onMessage: (message: TabMessage) => void): Tabs {
  const channel = new BroadcastChannel("kefu.console");
  const claimed = new Set<string>();
  const locks = "locks" in navigator ? navigator.locks : undefined;
  const giveUp = new AbortController();
  let leader = false;
  let release: () => void = () => undefined;

  channel.onmessage = (event: MessageEvent<TabMessage>) => {
    if (event.data.type === "claim") claimed.add(event.data.value);
    else onMessage(event.data);
  };
  locks
    ?.request("kefu.console.sound", { signal: giveUp.signal }, () => {
      leader = true;
      return new Promise<void>((resolve) => (release = resolve));
    })
    .catch(() => undefined);

  function tell(type: TabMessage["type"], value: string): void {
    channel.postMessage({ type, value } satisfies TabMessage);
  }

  function once(key: string, run: () => void): void {
    if (locks) {
      if (leader) run();
      return;
    }
    window.setTimeout(() => {
      if (claimed.has(key)) return;
      tell("claim", key);
      run();
    }, Math.random() * claimMs);
  }

  return {
    tell,
    once,
    close() {
      leader = false;
      giveUp.abort();
      release();
      channel.close();
    },
  };
}
