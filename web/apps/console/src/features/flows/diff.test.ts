// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines, folded } from "./diff";

const shape = (before: string, after: string) =>
  diffLines(before, after).map((row) => `${row.left}${row.same ? "=" : "|"}${row.right}`);

test("lines that stay are level, others stand beside what took their place", () => {
  assert.deepEqual(shape("a\nb\nc", "a\nb\nc"), ["1=1", "2=2", "3=3"]);
  assert.deepEqual(shape("a\nb\nc", "a\nx\nc"), ["1=1", "2|2", "3=3"]);
  assert.deepEqual(shape("a\nc", "a\nb\nc"), ["1=1", "0|2", "2=3"]);
  assert.deepEqual(shape("a\nb\nc", "a\nc"), ["1=1", "2|0", "3=2"]);
  assert.deepEqual(shape("a\nb\nc\nd", "x\nb\ny\nd"), ["1|1", "2=2", "3|3", "4=4"]);
});

test("every line of both is there once, whatever the texts", () => {
  const lines = (seed: number) =>
    Array.from({ length: 60 }, (_, index) => String((index * seed) % 17)).join("\n");
  for (let seed = 1; seed < 40; seed++) {
    const [before, after] = [lines(seed), lines(seed + 3)];
    const rows = diffLines(before, after);
    const of = (side: "left" | "right") => rows.map((row) => row[side]).filter((at) => at > 0);
    assert.deepEqual(
      of("left"),
      [...before.split("\n").keys()].map((at) => at + 1),
    );
    assert.deepEqual(
      of("right"),
      [...after.split("\n").keys()].map((at) => at + 1),
    );
    assert.ok(rows.every((row) => !row.same || row.leftText === row.rightText));
  }
});

test("a text too long for the table is replaced whole", () => {
  const many = (word: string) => Array.from({ length: 2100 }, (_, at) => word + at).join("\n");
  const rows = diffLines(`a\n${many("x")}\nz`, `a\n${many("y")}\nz`);
  assert.equal(rows.length, 2102);
  assert.equal(rows.filter((row) => row.same).length, 2);
});

test("what is far from a difference is left out", () => {
  const before = Array.from({ length: 20 }, (_, at) => String(at)).join("\n");
  const rows = folded(diffLines(before, before.replace("10", "ten")), 1);
  assert.deepEqual(
    rows.map((row) => row && row.left),
    [null, 10, 11, 12, null],
  );
  assert.deepEqual(folded(diffLines("a", "a")), [null]);
});
