// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Event } from "@kefu/protocol/generated";
import { findGaps, mergeEvents, viewTimeline } from "./timeline.ts";

const event = (seq: number, prevSeq = seq - 1, rest: Partial<Event> = {}) =>
  Event.create({ seq, prevSeq, kind: "message", text: `m${seq}`, ...rest });

test("events merge by seq, whatever their order, each once", () => {
  const merged = mergeEvents([event(3), event(5)], [event(4), event(1), event(5)]);
  assert.deepEqual(
    merged.map((entry) => entry.seq),
    [1, 3, 4, 5],
  );
  assert.equal(mergeEvents(merged, [event(4)]), merged);
});

test("gaps are what this reader may see and does not have", () => {
  // 3 is internal: this reader's 4 comes after 2.
  assert.deepEqual(findGaps([event(1), event(2), event(4, 2)], 4), []);
  assert.deepEqual(findGaps([event(2), event(6)], 9), [
    { fromSeq: 3, toSeq: 5 },
    { fromSeq: 7, toSeq: 9 },
  ]);
  assert.deepEqual(findGaps([], 9), []);
});

test("edits and recalls change their target", () => {
  const view = viewTimeline([
    event(1),
    event(2),
    event(3, 2, { kind: "edit", targetSeq: 1, text: "better" }),
    event(4, 3, { kind: "recall", targetSeq: 2 }),
  ]);
  assert.deepEqual(
    view.map((item) => [item.event.seq, item.text, item.edited, item.recalled]),
    [
      [1, "better", true, false],
      [2, "", false, true],
    ],
  );
});
