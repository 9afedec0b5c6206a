// SPDX-License-Identifier: Apache-2.0
// The desk's state and effects: queues by push, offers answered over the socket.

import { DeskPush } from "@kefu/protocol/generated";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import type { Json } from "../../lib/decode";
import type { Conversation } from "../../lib/types";
import { useInbox } from "../inbox";
import { useSession } from "../login";
import { useThreads } from "../thread";
import { initialDesk, offerKey, offersOf, reduceDesk, type DeskAction } from "./reducer";

export const useDesk = defineStore("desk", () => {
  const inbox = useInbox();
  const session = useSession();
  const threads = useThreads();
  const state = shallowRef(initialDesk);
  const now = ref(Date.now()); // ticks every second while something on screen counts

  const dispatch = (action: DeskAction): void => {
    state.value = reduceDesk(state.value, action);
  };

  function onPush(body: Json): void {
    dispatch({ type: "told", queues: DeskPush.decode(body).queues, at: Date.now() });
  }

  const offers = computed(() =>
    offersOf(inbox.state.rows, { me: session.me, now: now.value, aside: state.value.aside }),
  );

  async function accept(row: Conversation): Promise<void> {
    dispatch({ type: "aside", key: offerKey(row) });
    await threads.act(row.id, "accept");
  }

  async function decline(row: Conversation, reason: string): Promise<void> {
    dispatch({ type: "aside", key: offerKey(row) });
    await threads.act(row.id, "decline", { reason });
  }

  return { state, now, offers, dispatch, onPush, accept, decline };
});
