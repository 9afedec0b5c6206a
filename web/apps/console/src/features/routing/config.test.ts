// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  freeName,
  hoursOf,
  moved,
  parseConfig,
  problemAt,
  renameQueue,
  tabOf,
  textOf,
  withHours,
  type Config,
} from "./config";

const config: Config = {
  queues: {
    general: {},
    vip: { overflow: ["general"], rings: [{ after: "0s" }, { after: "9s", overflow: "general" }] },
    night: { closed: { queue: "general" } },
  },
  routes: [{ id: "rest", else: true, queue: "general" }],
};

test("a queue's new name is taken along everywhere, in its old place", () => {
  const next = renameQueue(config, "general", "shop");
  assert.deepEqual(Object.keys(next.queues), ["shop", "vip", "night"]);
  assert.deepEqual(next.queues["vip"]?.overflow, ["shop"]);
  assert.equal(next.queues["vip"]?.rings?.[1]?.overflow, "shop");
  assert.deepEqual(next.queues["night"]?.closed, { queue: "shop" });
  assert.equal(next.routes?.[0]?.queue, "shop");
  assert.equal(renameQueue(config, "general", "vip"), config);
  assert.equal(renameQueue(config, "general", ""), config);
});

test("what is left empty is left out, what is unknown stays", () => {
  const text = textOf({
    queues: { q: { team: "", skills: {}, sla: { first: "" }, max_waiting: 0 } },
    facts: { "cart.total": "number" },
  });
  assert.deepEqual(JSON.parse(text), {
    queues: { q: { max_waiting: 0 } },
    facts: { "cart.total": "number" },
  });
});

test("problems are found at their field and inside of it", () => {
  const problems = [
    { warning: false, path: "queues.vip.rings[1].after", text: "rings stand in order" },
    { warning: false, path: "routes[10].if", text: "no name" },
  ];
  assert.equal(problemAt(problems, "queues.vip"), "rings[1].after: rings stand in order");
  assert.equal(problemAt(problems, "queues.vip.rings[1].after"), "rings stand in order");
  assert.equal(problemAt(problems, "queues.vi"), undefined);
  assert.equal(problemAt(problems, "routes[1]"), undefined);
  assert.equal(tabOf("routes[10].if"), "rules");
  assert.equal(tabOf("agents.7.skills"), "skills");
  assert.equal(tabOf(""), "queues");
});

test("text that is no object is no configuration", () => {
  assert.equal(parseConfig("["), null);
  assert.equal(parseConfig("[]"), null);
  assert.deepEqual(parseConfig("{}"), { queues: {} });
});

test("rules move by one and stay within the list", () => {
  assert.deepEqual(moved([1, 2, 3], 0, 1), [2, 1, 3]);
  assert.deepEqual(moved([1, 2, 3], 0, -1), [1, 2, 3]);
  assert.deepEqual(moved([1, 2, 3], 2, 1), [1, 2, 3]);
});

test("hours of a day come from its range, and changing one splits the range", () => {
  const calendar = { week: { "mon-fri": ["09:00-12:00", "13:00-18:00"] } };
  assert.equal(hoursOf(calendar, "wed"), "09:00-12:00 13:00-18:00");
  assert.equal(hoursOf(calendar, "sat"), "");
  const next = withHours(calendar, "fri", "09:00-16:00");
  assert.deepEqual(next.week?.["fri"], ["09:00-16:00"]);
  assert.deepEqual(next.week?.["mon"], ["09:00-12:00", "13:00-18:00"]);
  assert.equal(withHours(next, "fri", "").week?.["fri"], undefined);
});

test("names given by the page are free", () => {
  assert.equal(freeName({ queue: 1, queue_2: 1 }, "queue"), "queue_3");
});
