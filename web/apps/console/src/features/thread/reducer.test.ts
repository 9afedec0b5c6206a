// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEvent } from "../../lib/decode";
import type { ChatEvent } from "../../lib/types";
import { initialThread, missing, reduceThread, type Pending, type ThreadState } from "./reducer";

function event(seq: number, fields: Record<string, unknown> = {}): ChatEvent {
  return decodeEvent({ seq, prevSeq: seq - 1, kind: "message", text: `m${seq}`, ...fields });
}

function ready(...seqs: number[]): ThreadState {
  return reduceThread(initialThread("1"), {
    type: "history",
    events: seqs.map((seq) => event(seq)),
    headSeq: Math.max(0, ...seqs),
    more: false,
    older: false,
  });
}

const pending: Pending = {
  clientId: "aa",
  kind: "message",
  text: "hello",
  createdAt: "",
  status: "queued",
  fault: "",
};

test("events are kept in order and once", () => {
  let state = ready(1, 3);
  state = reduceThread(state, { type: "event", event: event(2) });
  state = reduceThread(state, { type: "event", event: event(3) });
  assert.deepEqual(
    state.events.map((entry) => entry.seq),
    [1, 2, 3],
  );
});

test("a gap and a lost last event are found", () => {
  let state = ready(1, 2);
  assert.equal(missing(state), undefined);
  state = reduceThread(state, { type: "event", event: event(5) });
  assert.deepEqual(missing(state), { from: 3, to: 4 });
  state = reduceThread(ready(1, 2), { type: "head", seq: 4 });
  assert.deepEqual(missing(state), { from: 3, to: 4 });
});

test("a seq that this reader may not see is no gap", () => {
  const state = reduceThread(ready(1, 2), { type: "event", event: event(4, { prevSeq: 2 }) });
  assert.equal(missing(state), undefined);
});

test("the own event replaces the pending bubble, whichever comes first", () => {
  const written = reduceThread(ready(1), { type: "written", pending });
  const own = event(2, { clientId: "aa" });
  const pushed = reduceThread(written, { type: "event", event: own });
  assert.equal(pushed.pending.length, 0);
  const acked = reduceThread(pushed, { type: "acked", clientId: "aa", event: own });
  assert.deepEqual(
    acked.events.map((entry) => entry.seq),
    [1, 2],
  );
});

test("refused, tried again, thrown away", () => {
  let state = reduceThread(ready(1), { type: "written", pending });
  state = reduceThread(state, { type: "refused", clientId: "aa", message: "too long" });
  assert.equal(state.pending[0]?.status, "failed");
  state = reduceThread(state, { type: "requeued", clientId: "aa" });
  assert.equal(state.pending[0]?.status, "queued");
  state = reduceThread(state, { type: "discarded", clientId: "aa" });
  assert.equal(state.pending.length, 0);
});

test("a visitor's message ends their typing", () => {
  let state = reduceThread(ready(1), { type: "typing", active: true, draft: "hel" });
  assert.equal(state.typing?.draft, "hel");
  state = reduceThread(state, { type: "event", event: event(2, { author: { kind: "visitor" } }) });
  assert.equal(state.typing, null);
});
