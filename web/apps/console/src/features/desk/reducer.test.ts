// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation, Presence, QueueLoad } from "@kefu/protocol/generated";
import type { Conversation as Row } from "../../lib/types";
import {
  agentsByState,
  clockText,
  initialDesk,
  offerKey,
  offersOf,
  reduceDesk,
  totalsOf,
} from "./reducer";

const at = Date.parse("2026-03-02T12:00:00Z");

function row(fields: Partial<Row>): Row {
  return { ...Conversation.create(), state: "queued", id: "1", ...fields } as Row;
}

const offered = row({ id: "7", offeredTo: "42", offeredUntil: "2026-03-02T12:00:20.000Z" });

test("an offer is mine until its time is over or it was answered here", () => {
  const rows = {
    "7": offered,
    "8": row({ id: "8", offeredTo: "43", offeredUntil: offered.offeredUntil }),
  };
  const ask = (now: number, aside: string[] = [], me = "42") =>
    offersOf(rows, { me, now, aside }).map((entry) => entry.id);
  assert.deepEqual(ask(at), ["7"]);
  assert.deepEqual(ask(at + 20_000), []);
  assert.deepEqual(ask(at, [offerKey(offered)]), []);
  assert.deepEqual(ask(at, [], ""), []);
  assert.deepEqual(
    offersOf({ "7": { ...offered, state: "agent" } }, { me: "42", now: at, aside: [] }),
    [],
  );
});

test("the same conversation offered again is another offer", () => {
  const state = reduceDesk(initialDesk, { type: "aside", key: offerKey(offered) });
  const again = { ...offered, offeredUntil: "2026-03-02T12:02:00.000Z" };
  assert.equal(offersOf({ "7": again }, { me: "42", now: at, aside: state.aside }).length, 1);
});

test("what was put aside does not grow for ever", () => {
  let state = initialDesk;
  for (let i = 0; i < 200; i++) state = reduceDesk(state, { type: "aside", key: String(i) });
  assert.equal(state.aside.length, 50);
  assert.equal(state.aside.at(-1), "199");
});

test("totals add up, and the longest wait grows between pushes", () => {
  const queues = [
    { ...QueueLoad.create(), queue: "a", waiting: 2, longestWaitMs: 40_000, atRisk: 1, overdue: 1 },
    { ...QueueLoad.create(), queue: "b", waiting: 0, longestWaitMs: 0 },
  ];
  const state = reduceDesk(initialDesk, { type: "told", queues, at });
  assert.deepEqual(totalsOf(state, at + 3000), {
    waiting: 2,
    longestMs: 43_000,
    atRisk: 1,
    overdue: 1,
  });
  assert.equal(totalsOf(initialDesk, at).longestMs, 0);
});

test("agents stand by state, the fullest first", () => {
  const agent = (agentId: string, status: Presence["status"], load: number) => ({
    ...Presence.create(),
    agentId,
    name: agentId,
    status,
    load,
    capacity: 4,
  });
  const groups = agentsByState([
    agent("a", "online", 1),
    agent("b", "online", 3),
    agent("c", "away", 0),
  ]);
  assert.deepEqual(
    groups.map((group) => group.agents.map((entry) => entry.agentId)),
    [["b", "a"], [], ["c"], []],
  );
});

test("waits read like a clock", () => {
  assert.equal(clockText(0), "0:00");
  assert.equal(clockText(75_400), "1:15");
  assert.equal(clockText(3_661_000), "1:01:01");
});
