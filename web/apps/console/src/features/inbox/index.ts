// SPDX-License-Identifier: Apache-2.0
// The inbox's state and effects: pages of each view over REST, changes by push.

import { PresencePush } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { call } from "../../lib/api";
import { explain } from "../../lib/common";
import { decodeConversation, decodePage, type Json } from "../../lib/decode";
import { request } from "../../lib/socket";
import type { Conversation, PresenceStatus } from "../../lib/types";
import { useSession } from "../login";
import { initialInbox, needsMe, reduceInbox, rowsOf, type InboxAction, type View } from "./reducer";

const pageSize = 50;
const wishKey = "kefu.presence";

export const useInbox = defineStore("inbox", () => {
  const session = useSession();
  const state = shallowRef(initialInbox);
  const status = ref<PresenceStatus>("offline");
  const now = ref(Date.now()); // ticks, so that ages on screen grow

  const dispatch = (action: InboxAction): void => {
    state.value = reduceInbox(state.value, action);
  };

  /** The server's filter of a view; `all` is everything, closed rows are left out when drawn. */
  function filterOf(view: View): Record<string, string> {
    switch (view) {
      case "mine":
        return { state: "agent", agentId: session.me };
      case "waiting":
        return { state: "queued" };
      case "all":
        return {};
      case "closed":
        return { state: "closed" };
    }
  }

  async function load(view: View, more = false): Promise<void> {
    const known = state.value.views[view];
    if (known.phase === "loading") return;
    dispatch({ type: "loading", view });
    try {
      const after = more ? known.next : "";
      const reply = await call("GET", "conversations", {
        query: { ...filterOf(view), limit: pageSize, after },
      });
      const page = decodePage(reply, decodeConversation);
      dispatch({ type: "loaded", view, items: page.items, next: page.next });
    } catch (error) {
      dispatch({ type: "failed", view, message: explain(error) });
    }
  }

  async function loadOne(id: string): Promise<void> {
    const reply = await call("GET", `conversations/${id}`);
    dispatch({ type: "pushed", rows: [decodeConversation(reply)] });
  }

  function onPresence(body: Json): void {
    const { agents } = PresencePush.decode(body);
    dispatch({ type: "presence", agents });
    const own = agents.find((agent) => agent.agentId === session.me);
    if (own) status.value = own.status;
  }

  async function setStatus(next: PresenceStatus, reason = ""): Promise<void> {
    await request("setPresence", { status: next, reason });
    status.value = next;
    localStorage.setItem(wishKey, next);
  }

  /** After a new connection: what this person last chose, unless the server already knows better. */
  async function restoreStatus(): Promise<void> {
    const wish = localStorage.getItem(wishKey) as PresenceStatus | null;
    if (status.value === "offline" && wish !== "offline") await setStatus(wish ?? "online");
  }

  function row(id: string): Conversation | undefined {
    return state.value.rows[id];
  }

  const counts = computed(() => ({
    mine: rowsOf(state.value, "mine", session.me).length,
    waiting: rowsOf(state.value, "waiting", session.me).length,
  }));
  const badge = computed(() => needsMe(state.value, session.me));
  const own = computed(() => state.value.presence.find((entry) => entry.agentId === session.me));

  return {
    state,
    status,
    now,
    counts,
    badge,
    own,
    dispatch,
    load,
    loadOne,
    row,
    onPresence,
    setStatus,
    restoreStatus,
  };
});
