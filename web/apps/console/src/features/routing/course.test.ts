// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoutingSlot } from "@kefu/protocol/generated";
import { courseOf, offsetOf } from "./course";

const slot = (waitS: number, at = ""): RoutingSlot => ({ ...RoutingSlot.create(), waitS, at });

test("the longest wait stands below the upper edge, none at the lower one", () => {
  const course = courseOf([slot(0, "a"), slot(10, "b")], [slot(5), slot(5)]);
  assert.equal(course.before, "0.0,200.0 640.0,18.2");
  assert.equal(course.after, "0.0,109.1 640.0,109.1");
  assert.deepEqual([course.start, course.end], ["a", "b"]);
});

test("nothing played draws nothing", () => {
  assert.equal(courseOf([], []).before, "");
});

test("zones read as the server writes them", () => {
  assert.equal(offsetOf(-480), "+08:00");
  assert.equal(offsetOf(210), "-03:30");
  assert.equal(offsetOf(0), "+00:00");
});
