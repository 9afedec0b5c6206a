// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { bareEvents, layOut, parseDot } from "./graph.ts";

const dot = `digraph "x" {
  s0 [label="ask_stars", shape=box, fillcolor="#dbeafe"];
  s1 [label="thanks", shape=oval];
  s2 [label="lost", shape=oval];
  any [label="any ask or wait", shape=box, style=dashed];
  s0 -> s1 [label="filled"];
  s0 -> s1 [label="timeout"];
  s1 -> s0;
  any -> s2 [label="stuck"];
}`;

test("outcomes between the same states share a line", () => {
  const { nodes, edges } = parseDot(dot);
  assert.deepEqual(
    nodes.map((node) => node.label),
    ["ask_stars", "thanks", "lost", "any ask or wait"],
  );
  assert.deepEqual(
    edges.map((edge) => edge.label),
    ["filled, timeout", "", "stuck"],
  );
});

test("states stand in layers and never on one another", () => {
  const graph = layOut(dot);
  const places = new Set(graph.nodes.map((node) => `${node.x},${node.y}`));
  assert.equal(places.size, graph.nodes.length);
  assert.equal(graph.nodes[0]?.x, 0);
  assert.ok((graph.nodes[1]?.x ?? 0) > 0);
  assert.ok(graph.nodes.every((node) => node.x < graph.width && node.y < graph.height));
});

test("no graph is an empty one", () => {
  assert.deepEqual(layOut("").nodes, []);
});

test("rows that no story passed are found on their line", () => {
  const { nodes, edges } = parseDot(dot);
  const node = (id: string) => nodes.find((entry) => entry.id === id);
  const gaps = [
    { text: "ask_stars: timeout -> thanks" },
    { text: "thanks: next -> ask_stars" },
    { text: "global: stuck -> thanks" }, // of another target
  ];
  assert.deepEqual(
    edges.map((edge) => bareEvents(edge, node(edge.from), node(edge.to), gaps)),
    [["timeout"], ["next"], []],
  );
});
