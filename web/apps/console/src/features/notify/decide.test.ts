// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConversation } from "../../lib/decode";
import { noticeFor } from "./decide";

const options = { me: "9", seen: "" };

function row(fields: Record<string, unknown>) {
  return decodeConversation({ id: "1", headSeq: 1, ...fields });
}

test("someone starts to wait: once", () => {
  const waiting = row({ state: "queued" });
  assert.equal(noticeFor(row({ state: "bot" }), waiting, options), "chat");
  assert.equal(noticeFor(waiting, waiting, options), null);
});

test("a conversation is given to me", () => {
  const given = row({ state: "agent", agentId: "9" });
  assert.equal(noticeFor(row({ state: "agent", agentId: "8" }), given, options), "chat");
});

test("a visitor's message in mine sounds, unless I am looking at it or wrote it", () => {
  const before = row({ state: "agent", agentId: "9" });
  const after = { ...before, headSeq: 2, lastAuthor: "visitor" as const };
  assert.equal(noticeFor(before, after, options), "message");
  assert.equal(noticeFor(before, after, { ...options, seen: "1" }), null);
  assert.equal(noticeFor(before, { ...after, lastAuthor: "agent" }, options), null);
  assert.equal(noticeFor(before, { ...after, agentId: "8" }, options), null);
});
