// SPDX-License-Identifier: Apache-2.0
// What is known of the visitor, asked for when a conversation is opened.

import { call } from "../../lib/api";
import { decodeConversation, decodePage, decodeVisitor } from "../../lib/decode";
import type { Conversation, Visitor } from "../../lib/types";

const earlierMost = 20;

export interface VisitorFacts {
  visitor: Visitor;
  earlier: Conversation[];
}

export async function loadVisitor(visitorId: string): Promise<VisitorFacts> {
  const [visitor, conversations] = await Promise.all([
    call("GET", `visitors/${visitorId}`),
    call("GET", "conversations", { query: { visitorId, limit: earlierMost } }),
  ]);
  const { items } = decodePage(conversations, decodeConversation);
  return {
    visitor: decodeVisitor(visitor),
    // A server that does not filter would answer with others' conversations: never show those.
    earlier: items.filter((row) => row.visitorId === visitorId),
  };
}
