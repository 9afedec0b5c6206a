// SPDX-License-Identifier: Apache-2.0
// Ties the socket to the features: every push goes to the one that owns its kind.

import { Welcome } from "@kefu/protocol/generated";
import { decodeConversation, type Json } from "../../lib/decode";
import { connect, request } from "../../lib/socket";
import { useDesk } from "../desk";
import { useInbox } from "../inbox";
import { views } from "../inbox/reducer";
import { useSession } from "../login";
import { useNotify } from "../notify";
import { useThreads } from "../thread";

const tickMs = 15_000;

export function startLive(options: { open: (id: string) => void }): () => void {
  const inbox = useInbox();
  const desk = useDesk();
  const threads = useThreads();
  const notify = useNotify();
  const session = useSession();

  async function onWelcome(body: Json): Promise<void> {
    const welcome = Welcome.decode(body);
    threads.onWelcome();
    inbox.status = welcome.presence; // at once: the desk's push behind it knows better
    try {
      await request("subscribe", { inbox: true });
      await inbox.restoreStatus();
    } catch {
      return; // the link fell again; the next welcome starts over
    }
    // Subscribed first, then listed: nothing can change unseen in between, and what changed before
    // and is not in the list yet was pushed with the subscription.
    const shown = views.filter(
      (view) => view === "mine" || view === "waiting" || inbox.state.views[view].phase !== "idle",
    );
    await Promise.all(shown.map((view) => inbox.load(view)));
  }

  function onPush(kind: string, body: Json): void {
    if (kind === "conversation") {
      const row = decodeConversation(body["conversation"]);
      const before = inbox.row(row.id);
      inbox.dispatch({ type: "pushed", row });
      notify.onRow(before, row, { me: session.me, open: options.open });
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
    disconnect();
  };
}
