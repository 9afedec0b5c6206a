// SPDX-License-Identifier: Apache-2.0
// Writing: the send key and the canned replies that every composer of this tab shares.

import { CannedReply } from "@kefu/protocol/generated";
import { ref, shallowRef } from "vue";
import { call } from "../../lib/api";
import { decodePage } from "../../lib/decode";
import type { SendKey } from "./keys";

export type { SendKey } from "./keys";
export { drafts } from "./drafts";

const storageKey = "kefu.sendKey";
const cannedMost = 500; // more would make a menu nobody can use

export const sendKey = ref<SendKey>(
  localStorage.getItem(storageKey) === "ctrlEnter" ? "ctrlEnter" : "enter",
);

export function setSendKey(next: SendKey): void {
  sendKey.value = next;
  localStorage.setItem(storageKey, next);
}

export const canned = shallowRef<CannedReply[]>([]);

export async function loadCanned(): Promise<void> {
  const items: CannedReply[] = [];
  let after = "";
  do {
    const reply = await call("GET", "canned-replies", { query: { limit: 100, after } });
    const page = decodePage(reply, CannedReply);
    items.push(...page.items);
    after = page.next;
  } while (after && items.length < cannedMost);
  canned.value = items;
}
