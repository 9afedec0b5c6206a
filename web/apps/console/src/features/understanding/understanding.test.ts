// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { initialEditor, linesOf, matching, placeOf, reduceEditor, type Editor } from "./reducer";
import { decodeReport, plotLine, plotX, plotY } from "./report";

interface Item {
  id: string;
  name: string;
}
const a = { id: "1", name: "refund" };
const b = { id: "2", name: "查物流 parcel" };

function ready(): Editor<Item> {
  return reduceEditor(initialEditor<Item>(), { type: "loaded", items: [a, b] });
}

test("what is edited is a copy until it is saved", () => {
  let state = reduceEditor(ready(), { type: "opened", draft: a });
  state = reduceEditor(state, { type: "edited", patch: { name: "money" } });
  assert.equal(state.items[0]?.name, "refund");
  state = reduceEditor(state, { type: "saved", item: { id: "1", name: "money" } });
  assert.equal(state.items[0]?.name, "money");
  assert.equal(state.items.length, 2);
  assert.equal(state.busy, false);
});

test("a new one is put at the end, a removed one closes its editor", () => {
  let state = reduceEditor(ready(), { type: "opened", draft: { id: "", name: "" } });
  state = reduceEditor(state, { type: "saved", item: { id: "3", name: "c" } });
  assert.equal(state.items[2]?.id, "3");
  state = reduceEditor(state, { type: "removed", id: "3" });
  assert.equal(state.draft, null);
  assert.equal(state.items.length, 2);
});

test("a refusal keeps what was written and names the field; the next try forgets it", () => {
  let state = reduceEditor(ready(), { type: "opened", draft: a });
  state = reduceEditor(state, { type: "saving" });
  state = reduceEditor(state, { type: "refused", message: "taken", field: "name" });
  assert.equal(state.draft?.name, "refund");
  assert.equal(state.draftField, "name");
  assert.equal(state.busy, false);
  assert.equal(reduceEditor(state, { type: "saving" }).draftFault, "");
});

test("a fault of an item is the list's, with its line", () => {
  const opened = reduceEditor(ready(), { type: "opened", draft: a });
  const state = reduceEditor(opened, { type: "refused", message: "is empty", field: "any[1]" });
  assert.equal(state.draftField, "any");
  assert.equal(state.draftFault, "line 2: is empty");
});

test("a filter holds every word, in any order and case", () => {
  const texts = (item: Item) => [item.name];
  assert.deepEqual(matching([a, b], "PARCEL 物流", texts), [b]);
  assert.deepEqual(matching([a, b], "  ", texts), [a, b]);
  assert.deepEqual(matching([a, b], "none", texts), []);
});

test("line and column point into the text, characters outside the BMP too", () => {
  assert.equal(placeOf("退货 & (", "line 1 column 6: a word is expected here"), 5);
  assert.equal(placeOf("a &\n😀b", "line 2 column 2: x"), 6);
  assert.equal(placeOf("ab", "line 9 column 9: x"), 2);
  assert.equal(placeOf("ab", "name: taken"), -1);
});

test("blank lines are no words", () => {
  assert.deepEqual(linesOf(" a \n\n b\n"), ["a", "b"]);
});

test("a report is read worst intent first, without empty bins", () => {
  const report = decodeReport({
    intents: [
      { name: "good", f1: 0.9, support: 10 },
      { name: "bad", f1: 0.2, support: 3 },
    ],
    thinIntents: ["bad"],
    confusions: [
      { expected: "bad", got: "good", count: 2, sentences: [{ text: "t", score: 0.5 }] },
    ],
    calibration: [
      { from: 0, count: 0, score: 0, right: 0 },
      { from: 0.5, count: 4, score: 0.55, right: 0.5 },
    ],
    thresholds: [{ threshold: 0.5, right: 0.8, wrong: 0.1, outOfScopeRejected: 0.9 }],
  });
  assert.equal(report.intents[0]?.name, "bad");
  assert.equal(report.calibration.length, 1);
  assert.equal(report.curve[0]?.outside, 0.9);
  assert.deepEqual(report.confusions[0]?.sentences[0]?.words, []);
  assert.deepEqual(decodeReport(null).intents, []);
});

test("what changed is read by intent, most broken first; without a model before there is none", () => {
  const report = decodeReport({
    against: {
      compared: 30,
      accuracy: 0.8,
      accuracyNow: 0.9,
      fixedCount: 4,
      brokenCount: 1,
      intents: [
        { name: "better", compared: 10, fixed: 4, broken: 0 },
        { name: "worse", compared: 10, fixed: 0, broken: 1 },
      ],
      fixed: [],
      broken: [{ intent: "worse", text: "t", got: "better", before: "worse" }],
    },
  });
  assert.equal(report.change?.intents[0]?.name, "worse");
  assert.equal(report.change?.broken[0]?.got, "better");
  assert.equal(decodeReport({}).change, null);
});

test("plots grow to the right and upwards", () => {
  assert.ok(plotX(1) > plotX(0));
  assert.ok(plotY(1) < plotY(0));
  assert.match(
    plotLine([
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ]),
    /^M[\d.]+ [\d.]+L[\d.]+ [\d.]+$/,
  );
});
