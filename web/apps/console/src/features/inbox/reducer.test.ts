// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConversation } from "../../lib/decode";
import type { Conversation } from "../../lib/types";
import { initialInbox, isUnread, needsMe, reduceInbox, rowsOf, type InboxState } from "./reducer";

const me = "9";

function row(fields: Record<string, unknown>): Conversation {
  return decodeConversation({ updatedAt: "2026-01-01T00:00:00.000Z", ...fields });
}

function push(state: InboxState, fields: Record<string, unknown>): InboxState {
  return reduceInbox(state, { type: "pushed", rows: [row(fields)] });
}

test("one push moves a conversation from Waiting to Mine", () => {
  let state = push(initialInbox, { id: "1", state: "queued", headSeq: 3 });
  assert.deepEqual(
    rowsOf(state, "waiting", me).map((entry) => entry.id),
    ["1"],
  );
  state = push(state, { id: "1", state: "agent", agentId: me, headSeq: 4 });
  assert.equal(rowsOf(state, "waiting", me).length, 0);
  assert.equal(rowsOf(state, "mine", me).length, 1);
  assert.equal(rowsOf(state, "mine", "8").length, 0);
});

test("a list reply overtaken by a push does not turn the row back", () => {
  let state = push(initialInbox, { id: "1", state: "agent", agentId: me, headSeq: 9 });
  state = reduceInbox(state, {
    type: "loaded",
    view: "waiting",
    items: [row({ id: "1", state: "queued", headSeq: 8 })],
    next: "",
  });
  assert.equal(state.rows["1"]?.state, "agent");
});

test("waiting is first come first served, others newest first", () => {
  let state = push(initialInbox, { id: "1", state: "queued", queuedAt: "2026-01-01T00:00:09Z" });
  state = push(state, { id: "2", state: "queued", queuedAt: "2026-01-01T00:00:01Z" });
  assert.deepEqual(
    rowsOf(state, "waiting", me).map((entry) => entry.id),
    ["2", "1"],
  );
  state = push(state, { id: "1", state: "bot", headSeq: 2, updatedAt: "2026-01-02T00:00:00Z" });
  assert.deepEqual(
    rowsOf(state, "all", me).map((entry) => entry.id),
    ["1", "2"],
  );
});

test("unread is what a visitor said after the read mark, and counts when it is mine", () => {
  let state = push(initialInbox, {
    id: "1",
    state: "agent",
    agentId: me,
    headSeq: 5,
    readSeq: 3,
    lastAuthor: "visitor",
  });
  assert.ok(isUnread(state.rows["1"]!));
  assert.equal(needsMe(state, me), 1);
  state = reduceInbox(state, { type: "read", id: "1", seq: 5 });
  assert.equal(needsMe(state, me), 0);
  state = push(state, { id: "2", state: "queued" });
  assert.equal(needsMe(state, me), 1);
});

test("presence changes keep a known name", () => {
  let state = reduceInbox(initialInbox, {
    type: "presence",
    agents: [{ agentId: "9", name: "Li", status: "online", load: 1, capacity: 5 }],
  });
  state = reduceInbox(state, {
    type: "presence",
    agents: [{ agentId: "9", name: "", status: "busy", load: 2, capacity: 5 }],
  });
  assert.deepEqual(state.presence[0]?.name, "Li");
  assert.equal(state.presence.length, 1);
});
