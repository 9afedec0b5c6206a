// SPDX-License-Identifier: Apache-2.0
// Whether a change of an inbox row is worth a sound, and which.

import type { Conversation } from "../../lib/types";

export type Notice = "chat" | "message" | null;

/** `seen`: the conversation that the person is looking at right now, in any tab. */
export function noticeFor(
  before: Conversation | undefined,
  after: Conversation,
  options: { me: string; seen: string },
): Notice {
  if (after.state === "queued" && before?.state !== "queued") return "chat";
  const mine = after.state === "agent" && after.agentId === options.me;
  if (!mine) return null;
  if (before && before.agentId !== options.me) return "chat"; // given to me
  const spoke = after.lastAuthor === "visitor" && after.headSeq > (before?.headSeq ?? 0);
  return spoke && after.id !== options.seen ? "message" : null;
}
