// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEvent } from "../../lib/decode";
import { itemsOf, type Bubble, type Item } from "./items";
import { initialThread, type ThreadState } from "./reducer";

function thread(...events: Record<string, unknown>[]): ThreadState {
  return {
    ...initialThread("1"),
    phase: "ready",
    events: events.map((fields, index) =>
      decodeEvent({ kind: "message", seq: index + 1, prevSeq: index, ...fields }),
    ),
  };
}

function items(state: ThreadState, unreadAfter = 0): Item[] {
  return itemsOf(state, {
    me: "9",
    meName: "Li",
    unreadAfter,
    dayKey: (iso) => iso.slice(0, 10),
  });
}

const visitor = { kind: "visitor", id: "5" };

test("a line per day, and runs of one author within three minutes", () => {
  const drawn = items(
    thread(
      { author: visitor, createdAt: "2026-01-01T10:00:00Z" },
      { author: visitor, createdAt: "2026-01-01T10:02:00Z" },
      { author: visitor, createdAt: "2026-01-01T10:09:00Z" },
      { author: visitor, createdAt: "2026-01-02T10:00:00Z" },
    ),
  );
  assert.deepEqual(
    drawn.map((item) => item.type),
    ["day", "bubble", "bubble", "bubble", "day", "bubble"],
  );
  const bubbles = drawn.filter((item): item is Bubble => item.type === "bubble");
  assert.deepEqual(
    bubbles.map((bubble) => [bubble.first, bubble.last]),
    [
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ],
  );
});

test("edits and recalls change the message they name and draw nothing themselves", () => {
  const drawn = items(
    thread(
      { author: { kind: "agent", id: "9" }, text: "old" },
      { author: { kind: "agent", id: "9" }, text: "gone" },
      { kind: "edit", targetSeq: 1, text: "new" },
      { kind: "recall", targetSeq: 2 },
    ),
  ) as Bubble[];
  assert.equal(drawn.length, 2);
  assert.equal(drawn[0]?.text, "new");
  assert.ok(drawn[0]?.edited);
  assert.ok(drawn[1]?.recalled);
});

test("what the visitor has read is marked, notes have no delivery state", () => {
  const state = thread(
    { author: { kind: "agent", id: "9" } },
    { author: { kind: "agent", id: "9" } },
    { kind: "note", author: { kind: "agent", id: "9" } },
  );
  state.visitorReadSeq = 1;
  const drawn = items(state) as Bubble[];
  assert.deepEqual(
    drawn.map((bubble) => bubble.delivery),
    ["read", "sent", null],
  );
  assert.equal(drawn[2]?.side, "note");
});

test("the unread line stands before the first unread message of the visitor", () => {
  const drawn = items(thread({ author: visitor }, { kind: "closed" }, { author: visitor }), 1);
  assert.deepEqual(
    drawn.map((item) => item.type),
    ["bubble", "event", "unread", "bubble"],
  );
});
