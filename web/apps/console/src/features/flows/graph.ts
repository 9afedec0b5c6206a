// SPDX-License-Identifier: Apache-2.0
// A flow's graph out of the server's DOT, laid out in layers from left to right. Pure.

export interface Node {
  id: string;
  label: string;
  shape: string;
  x: number;
  y: number;
}
export interface Edge {
  from: string;
  to: string;
  label: string;
}
export interface Graph {
  nodes: Node[];
  edges: Edge[];
  width: number;
  height: number;
}

export const NODE_WIDTH = 132;
export const NODE_HEIGHT = 32;
const GAP_X = 72;
const GAP_Y = 18;

const nodeLine = /^\s*(\w+) \[label="((?:[^"\\]|\\.)*)", shape=(\w+)/;
const edgeLine = /^\s*(\w+) -> (\w+)(?: \[label="((?:[^"\\]|\\.)*)"\])?;/;

/** Several outcomes between the same two states share one line. */
export function parseDot(dot: string): { nodes: Node[]; edges: Edge[] } {
  const nodes: Node[] = [];
  const edges = new Map<string, Edge>();
  for (const line of dot.split("\n")) {
    const node = nodeLine.exec(line);
    const edge = node ? null : edgeLine.exec(line);
    if (node) {
      const [, id = "", label = "", shape = ""] = node;
      nodes.push({ id, label, shape, x: 0, y: 0 });
    } else if (edge) {
      const [, from = "", to = "", label = ""] = edge;
      const known = edges.get(`${from} ${to}`);
      if (known) known.label += label ? `, ${label}` : "";
      else edges.set(`${from} ${to}`, { from, to, label });
    }
  }
  return { nodes, edges: [...edges.values()] };
}

/** Layer by the shortest way from the first state; a layer's order follows the file's. */
export function layOut(dot: string): Graph {
  const { nodes, edges } = parseDot(dot);
  const layer = new Map<string, number>();
  const roots = nodes.filter((node, index) => index === 0 || node.id === "any");
  const waiting = roots.map((node) => node.id);
  for (const id of waiting) layer.set(id, 0);
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    for (const edge of edges) {
      if (edge.from !== id || layer.has(edge.to) || id === "any") continue;
      layer.set(edge.to, (layer.get(id) ?? 0) + 1);
      waiting.push(edge.to);
    }
  }
  const filled: number[] = [];
  for (const node of nodes) {
    const column = layer.get(node.id) ?? 1;
    const row = filled[column] ?? 0;
    filled[column] = row + 1;
    node.x = column * (NODE_WIDTH + GAP_X);
    node.y = row * (NODE_HEIGHT + GAP_Y);
  }
  const rows = Math.max(1, ...filled.map((count) => count ?? 0));
  return {
    nodes,
    edges,
    width: Math.max(1, filled.length) * (NODE_WIDTH + GAP_X) - GAP_X,
    height: rows * (NODE_HEIGHT + GAP_Y) - GAP_Y,
  };
}

/** Events of an edge that no story passed, out of lines "state: event -> target". */
export function bareEvents(
  edge: Edge,
  from: Node | undefined,
  to: Node | undefined,
  gaps: readonly { text: string }[],
): string[] {
  const state = edge.from === "any" ? "global" : (from?.label ?? "");
  const bare = (event: string) =>
    gaps.some((gap) => gap.text === `${state}: ${event} -> ${to?.label ?? ""}`);
  // A guarded row and the one without are the same event, drawn with another label.
  const events = new Set(
    edge.label.split(", ").map((event) => (event === "" || event === "if" ? "next" : event)),
  );
  return [...events].filter(bare);
}
