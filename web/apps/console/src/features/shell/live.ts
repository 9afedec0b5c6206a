// SPDX-License-Identifier: Apache-2.0
// Ties the socket to the features: every push goes to the one that owns its kind.

import { Welcome } from "@kefu/protocol/generated";
import { decodeConversation, text, type Json } from "../../lib/decode";
import { connect, request } from "../../lib/socket";
import type { Conversation } from "../../lib/types";
import { useDesk } from "../desk";
import { useInbox } from "../inbox";
import { views } from "../inbox/reducer";
import { useSession } from "../login";
import { useNotify } from "../notify";
import { useThreads } from "../thread";

const tickMs = 15_000;
const rowsMs = 100; // rows that come together are shown together: one reduction, one render
const relistMs = 3_000; // all consoles are told of a gap at once, and list within this time

export function startLive(options: { open: (id: string) => void }): () => void {
  const inbox = useInbox();
  const desk = useDesk();
  const threads = useThreads();
  const notify = useNotify();
  const session = useSession();

  /** Subscribed first, then listed: nothing can change unseen in between, and what changed before
   *  and is not in the list yet was pushed with the subscription. */
  const subscribe = (): Promise<Json> => request("subscribe", { inbox: true });

  async function list(): Promise<void> {
    const shown = views.filter(
      (view) => view === "mine" || view === "waiting" || inbox.state.views[view].phase !== "idle",
    );
    await Promise.all(shown.map((view) => inbox.load(view)));
  }

  async function onWelcome(body: Json): Promise<void> {
    const welcome = Welcome.decode(body);
    threads.onWelcome();
    inbox.status = welcome.presence; // at once: the desk's push behind it knows better
    try {
      await subscribe();
      await inbox.restoreStatus();
    } catch {
      return; // the link fell again; the next welcome starts over
    }
    await list();
  }

  let relistTimer = 0;
  function onGap(): void {
    if (relistTimer) return;
    relistTimer = window.setTimeout(() => {
      relistTimer = 0;
      subscribe().then(list, () => undefined); // a link that fell lists anyway
    }, relistMs * Math.random());
  }

  const pending = new Map<string, Conversation>();
  let rowsTimer = 0;
  function showRows(): void {
    rowsTimer = 0;
    const rows = [...pending.values()];
    pending.clear();
    const before = rows.map((row) => inbox.row(row.id));
    inbox.dispatch({ type: "pushed", rows });
    rows.forEach((row, at) => {
      notify.onRow(before[at], row, { me: session.me, open: options.open });
    });
  }

  function onRow(row: Conversation): void {
    const urgent = row.state === "queued" || row.state === "agent";
    pending.set(row.id, row);
    if (urgent && pending.size === 1) showRows();
    else rowsTimer ||= window.setTimeout(showRows, rowsMs);
  }

  function onPush(kind: string, body: Json): void {
    if (kind === "conversation") {
      onRow(decodeConversation(body["conversation"]));
    } else if (kind === "resync" && !text(body["conversationId"])) {
      onGap();
    } else if (kind === "presence") {
      inbox.onPresence(body);
    } else if (kind === "desk") {
      desk.onPush(body);
    } else {
      threads.onPush(kind, body);
    }
  }

  const disconnect = connect({ onWelcome: (body) => void onWelcome(body), onPush });
  const clock = window.setInterval(() => (inbox.now = Date.now()), tickMs);
  return () => {
    window.clearInterval(clock);
    window.clearTimeout(relistTimer);
    window.clearTimeout(rowsTimer);
    disconnect();
  };
}
