// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Trace } from "@kefu/protocol/generated";
import { msOf, rowsOf } from "./trace";

test("reading comes first, and a stage keeps all its candidates in order", () => {
  const rows = rowsOf(
    Trace.decode({
      readMicros: 12,
      steps: [
        {
          rung: "faq",
          verdict: "below",
          threshold: 0.5,
          micros: 1500,
          candidates: [
            { text: "Is it waterproof?", score: 0.44, words: 0.44, intent: 0.3 },
            { text: "How heavy is it?", score: 0.4 },
          ],
        },
        { rung: "human", verdict: "answer" },
      ],
    }),
  );
  assert.deepEqual(rows[0], {
    stage: "read",
    verdict: "",
    candidates: [],
    threshold: "",
    ms: "0.012",
  });
  assert.deepEqual(
    rows[1]?.candidates.map((candidate) => candidate.score),
    ["0.44", "0.40"],
  );
  assert.deepEqual(rows[1]?.candidates[0], {
    text: "Is it waterproof?",
    score: "0.44",
    words: "0.44",
    intent: "0.30",
  });
  assert.equal(rows[1]?.candidates[1]?.words, "");
  assert.equal(rows[1]?.threshold, "0.50");
  assert.equal(rows[1]?.ms, "1.5");
  assert.deepEqual(rows[2]?.candidates, []);
  assert.equal(rows[2]?.threshold, "");
});

test("what takes less than a millisecond has three digits", () => {
  assert.equal(msOf(7), "0.007");
  assert.equal(msOf(12345), "12.3");
});
